"""push/list, push/line, push/suppression: what a run proposes, beside the lists that are frozen and never change."""

import dagster as dg
import polars as pl

from assets.ports import Control, Scope, Warehouse, Written
from assets.push_inputs import collected, frozen
from matching.push.kinds import KINDS, REASONS
from matching.push.lines import LINE
from matching.push.select import HEADER, propose

_DESCRIPTIONS = {
    "list": "清单表头：每个事项 × 种类 × 周期一份，写明日期、数据水位、行数、金额、截止规则、对照组与 sha256；草稿不发送也不付款。",
    "line": "清单行：企业、金额、截止日、逐条理由（政策原文、取值、来源部门和日期）、还缺什么、短信内容、所属分组。",
    "suppression": "未列入的企业与原因：每个本可列入的（企业，事项）要么在清单行上，要么在这里，写明一个原因。",
}


def _metadata(written: Written) -> dict[str, object]:
    return {
        "dagster/row_count": written.rows,
        "dagster/table_name": written.table,
        "dagster/column_schema": dg.TableSchema(
            columns=[dg.TableColumn(name=name, type=kind) for name, kind in written.columns.items()]
        ),
    }


@dg.multi_asset(
    name="push",
    group_name="push",
    specs=[
        dg.AssetSpec(
            ["push", name],
            description=description,
            kinds={"duckdb", "polars"},
            deps=[
                ["match", "pair"],
                ["match", "score"],
                ["profile", "enterprise"],
                ["profile", "evidence"],
                ["policy", "item"],
                ["policy", "condition"],
                ["registry", "subject"],
                ["raw", "apply_case"],
                ["raw", "finance_redemption"],
            ],
        )
        for name, description in _DESCRIPTIONS.items()
    ],
)
def push(warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope], control: dg.ResourceParam[Control]):  # type: ignore[no-untyped-def]
    """Proposes lists. Nothing is sent or paid here: two people and `huiqi freeze` do that."""
    proposal = propose(*collected(warehouse, scope, control))
    kept_headers, kept_lines = frozen(control, HEADER, "header"), frozen(control, LINE, "body")
    headers = pl.concat(
        [proposal.lists, kept_headers.filter(~pl.col("list_id").is_in(proposal.lists["list_id"].implode()))]
    )
    lines = pl.concat(
        [proposal.lines, kept_lines.filter(~pl.col("list_id").is_in(proposal.lists["list_id"].implode()))]
    )
    with warehouse.write() as transaction:
        written = {
            "list": transaction.replace("push.list", headers.sort("kind", "item_id", "version", "cycle", "list_id")),
            "line": transaction.replace("push.line", lines.sort("list_id", "line_no")),
            "suppression": transaction.replace("push.suppression", proposal.suppressions),
        }
    counts = {
        KINDS[kind]: f"{n} 份 {rows} 行"
        for kind, n, rows in headers.group_by("kind").agg(pl.len(), pl.col("row_count").sum()).sort("kind").iter_rows()
    }
    reasons = {
        REASONS[reason]: n for reason, n in proposal.suppressions.group_by("reason").len().sort("reason").iter_rows()
    }
    extra: dict[str, dict[str, object]] = {"list": counts, "line": {}, "suppression": reasons}
    for name in _DESCRIPTIONS:
        yield dg.MaterializeResult(asset_key=["push", name], metadata={**_metadata(written[name]), **extra[name]})


PUSH_ASSETS: list[dg.AssetsDefinition] = [push]
