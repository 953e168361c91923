"""What comes back: payments of the finance ledger against what was granted, and the gateway's receipts against what was sent."""

import datetime as dt
import json
from decimal import Decimal

import polars as pl

from assets.ports import Control, Scope, Warehouse
from matching.push import inputs as shapes
from matching.push.payout import merged
from matching.push.receipts import RECEIPTS, SENT_LINES, answered, strays, wishes
from matching.push.settle import GRANTED, PAID, PATIENCE, settled

_PAID_IN_FULL = ("paid", "split")


def payments(warehouse: Warehouse) -> pl.DataFrame:
    """Every payment of finance known by `known_at`, in the shape of PAID: the monthly ledger and the daily treasury feed, each once."""
    ledger = _ledger(warehouse)
    if not warehouse.exists("push.payout"):
        return ledger
    return shapes.shaped(
        merged(ledger, warehouse.frame("SELECT * FROM push.payout ORDER BY voucher_no")), PAID, "push.payout"
    )


def _ledger(warehouse: Warehouse) -> pl.DataFrame:
    """The rows of the redemption ledger (兑现台账); a row sent again replaces itself."""
    if not warehouse.exists("raw.finance_redemption"):
        return shapes.empty(PAID)
    frame = warehouse.frame(
        """
        SELECT r.enterprise_id, lower(f.policy_no) AS item_id, f.paid_date AS paid_on, f.paid_yuan
        FROM raw.finance_redemption f JOIN registry.subject r USING (_subject_id)
        WHERE f._received_at <= getvariable('known_at') AND f.paid_date <= getvariable('as_of') AND r.enterprise_id IS NOT NULL
        QUALIFY row_number() OVER (
            PARTITION BY f.policy_no, f.batch_no, r.enterprise_id, f.paid_date, f.bearer_level
            ORDER BY f._received_at DESC, f._file_id DESC, f._row_no DESC
        ) = 1 AND f._op <> 'D'
        ORDER BY ALL
        """
    )
    return shapes.shaped(frame, PAID, "raw.finance_redemption")


def _kept(control: Control, sql: str, *tables: str) -> list[dict[str, object]]:
    """Rows of control tables, none while any of them does not exist yet."""
    for table in tables:
        if not control.rows("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)):
            return []
    return control.rows(sql)


def settlement(warehouse: Warehouse, control: Control, scope: Scope) -> pl.DataFrame:
    """What became of every award whose payment file has left: (GRANTED without since, payments, `state`, exported_at, `overdue`).

    `overdue`: not paid in full 48 hours after the export, as known by `known_at`.
    """
    exported = _kept(
        control,
        "SELECT a.list_id, a.entity_id, json_extract(l.body, '$.uscc') AS uscc, a.item_id, a.cycle, a.claim_unit, a.amount_fen, a.as_of,"
        " (SELECT max(t.at) FROM audit t WHERE t.action = 'exported' AND t.subject = a.list_id) AS exported_at"
        " FROM active_award a JOIN push_list p USING (list_id)"
        " JOIN push_line l ON l.list_id = a.list_id AND l.line_key = a.award_key"
        " WHERE p.status IN ('exported', 'reconciled') ORDER BY a.list_id, a.award_id",
        "active_award",
        "push_list",
        "audit",
    )
    granted = pl.DataFrame(
        [
            (r["list_id"], r["entity_id"], r["uscc"], r["item_id"], r["cycle"], r["claim_unit"],
             Decimal(str(r["amount_fen"])) / 100, dt.date.fromisoformat(str(r["as_of"])))
            for r in exported
        ],
        schema=GRANTED,
        orient="row",
    )  # fmt: skip
    left = {str(r["list_id"]): dt.datetime.fromisoformat(str(r["exported_at"])) for r in exported if r["exported_at"]}
    exported_at = pl.col("list_id").replace_strict(left, default=None, return_dtype=pl.Datetime("us"))
    late = (pl.lit(scope.known_at) - exported_at > PATIENCE).fill_null(False)
    return (
        settled(granted, payments(warehouse))
        .drop("since")
        .with_columns(exported_at.alias("exported_at"), (late & ~pl.col("state").is_in(_PAID_IN_FULL)).alias("overdue"))
    )


def sent_lines(control: Control) -> pl.DataFrame:
    """Every message line whose gateway file has left, in the shape of SENT_LINES; a digest line stands once per firm it covers."""
    found = _kept(
        control,
        "SELECT l.list_id, l.line_key, l.enterprise_id, json_extract(l.body, '$.covers') AS covers FROM push_line l"
        " JOIN push_list p USING (list_id) WHERE p.status = 'exported' AND json_extract(l.body, '$.channel') = 'sms'"
        " AND NOT EXISTS (SELECT 1 FROM withheld w WHERE w.list_id = l.list_id AND w.line_key = l.line_key)"
        " ORDER BY l.list_id, l.line_no",
        "push_list",
        "push_line",
        "withheld",
    )
    rows = {
        (row["list_id"], row["line_key"], firm)
        for row in found
        for firm in ({e for e, _, _ in json.loads(str(row["covers"]))} if row["covers"] else {row["enterprise_id"]})
    }
    return pl.DataFrame(sorted(rows), schema=SENT_LINES, orient="row")  # type: ignore[type-var]


def gateway_receipts(warehouse: Warehouse) -> pl.DataFrame:
    """The gateway's receipts known by `known_at`, in the shape of RECEIPTS."""
    if not warehouse.exists("raw.sms_receipt"):
        return shapes.empty(RECEIPTS)
    frame = warehouse.frame(
        "SELECT list_id, line_key, status, occurred_at FROM raw.sms_receipt"
        " WHERE _received_at <= getvariable('known_at') AND _op <> 'D' ORDER BY ALL"
    )
    return shapes.shaped(frame, RECEIPTS, "raw.sms_receipt")


def receipts(warehouse: Warehouse, control: Control) -> pl.DataFrame:
    """What became of every message that was sent: (list_id, line_key, enterprise_id, `state`, occurred_at)."""
    return answered(sent_lines(control), gateway_receipts(warehouse))


def refusals_by_phone(warehouse: Warehouse, control: Control) -> pl.DataFrame:
    """The opt-outs that came back as replies to our own messages, in the shape of OPT_OUTS."""
    return wishes(sent_lines(control), gateway_receipts(warehouse))


def stray_receipts(warehouse: Warehouse, control: Control) -> pl.DataFrame:
    """Receipts for what we never sent (RECEIPTS), from our first export on: what came before answers whoever sent messages then."""
    first = _kept(control, "SELECT min(at) AS at FROM audit WHERE action = 'exported'", "audit")
    if not first or first[0]["at"] is None:
        return shapes.empty(RECEIPTS)
    since = dt.datetime.fromisoformat(str(first[0]["at"]))
    return strays(sent_lines(control), gateway_receipts(warehouse)).filter(pl.col("occurred_at") >= since)
