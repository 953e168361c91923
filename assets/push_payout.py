"""push/payout: which item every treasury payment was for, read from the feed's words, with a queue for those a person must name."""

import dagster as dg
import polars as pl

from assets.ports import Control, Scope, Warehouse
from assets.push_inputs import cases, items
from assets.sql import table_metadata
from matching.push.inputs import shaped
from matching.push.payout import CLAIMS, PAYOUTS, STATES, VOUCHERS, payouts

LABELS = {
    "voucher_no": "支付凭证号",
    "enterprise_id": "企业编号（收款人归到哪一家）",
    "paid_on": "支付日",
    "paid_yuan": "金额（元，退回为负）",
    "budget_unit": "预算单位",
    "purpose": "摘要",
    "original_voucher_no": "原凭证号（退回时）",
    "item_id": "认定的事项",
    "confidence": "把握（0 至 1）",
    "because": "认定依据",
    "state": "sure 已认定、judged 人工认定、unsure 待认定、unknown 认不出",
}


def vouchers(warehouse: Warehouse) -> pl.DataFrame:
    """The newest state of every treasury voucher known by `known_at`, in the shape of VOUCHERS."""
    if not warehouse.exists("raw.finance_payment"):
        return pl.DataFrame(schema=VOUCHERS)
    frame = warehouse.frame(
        """
        SELECT f.voucher_no, r.enterprise_id, f.paid_date AS paid_on, f.paid_yuan, f.budget_unit, f.purpose,
               nullif(f.original_voucher_no, '') AS original_voucher_no
        FROM raw.finance_payment f LEFT JOIN registry.subject r USING (_subject_id)
        WHERE f._received_at <= getvariable('known_at') AND f.paid_date <= getvariable('as_of')
        QUALIFY row_number() OVER (
            PARTITION BY f.voucher_no ORDER BY f._received_at DESC, f._file_id DESC, f._row_no DESC
        ) = 1 AND f._op <> 'D'
        ORDER BY f.voucher_no
        """
    )
    return shaped(frame, VOUCHERS, "raw.finance_payment")


def judgements(control: Control) -> dict[str, str]:
    """What people have said: voucher → item, "" for a payment of no item; the newest word counts."""
    if not control.rows("SELECT 1 FROM sqlite_master WHERE name = 'payout_judgement'"):
        return {}
    rows = control.rows("SELECT voucher_no, item_id FROM payout_judgement ORDER BY judgement_id")
    return {row["voucher_no"]: row["item_id"] for row in rows}


def _claims(warehouse: Warehouse, control: Control) -> pl.DataFrame:
    """Who had asked for what by when: cases, and awards of our own lists."""
    applied = cases(warehouse).select("enterprise_id", "item_id", pl.col("applied_on").alias("day"))
    granted: list[dict[str, object]] = []
    if control.rows("SELECT 1 FROM sqlite_master WHERE name = 'active_award'"):
        granted = control.rows("SELECT entity_id, item_id, as_of FROM active_award ORDER BY award_id")
    ours = pl.DataFrame(
        [(row["entity_id"], row["item_id"], row["as_of"]) for row in granted],
        schema=dict.fromkeys(CLAIMS, pl.String),
        orient="row",
    ).with_columns(pl.col("day").str.to_date("%Y-%m-%d"))
    return pl.concat([shaped(applied, CLAIMS, "raw.apply_case"), ours]).drop_nulls().unique(maintain_order=True)


@dg.asset(
    key=["push", "payout"],
    group_name="push",
    kinds={"duckdb", "polars"},
    deps=[["raw", "finance_payment"], ["raw", "apply_case"], ["registry", "subject"], ["policy", "item"]],
    description="支付归项：国库每笔支付按摘要用词认定属于哪个事项，写明把握和依据；没有把握的排队等人认定（huiqi payouts），认定前不计入任何事项。",
)
def payout(
    warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope], control: dg.ResourceParam[Control]
) -> dg.MaterializeResult:
    found = payouts(vouchers(warehouse), items(warehouse), _claims(warehouse, control), judgements(control))
    with warehouse.write() as transaction:
        written = transaction.replace("push.payout", found.select(*PAYOUTS).sort("voucher_no"))
    counts = {STATES[state]: n for state, n in found.group_by("state").len().sort("state").iter_rows()}
    return dg.MaterializeResult(metadata={**table_metadata(written, LABELS), **counts})
