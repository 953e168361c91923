"""`mart.arm`: who was drawn into which arm by lists that were frozen, and how often they were written to; from `control.sqlite`."""

from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from assets.mart.forecast import dated
from assets.ports import Control, Scope, Warehouse
from assets.sql import table_metadata

SCHEMA: dict[str, Any] = {
    "enterprise_id": pl.String, "item_id": pl.String, "cycle": pl.String, "stratum": pl.String, "arm": pl.String,
    "assigned_date": pl.String, "pushes": pl.Int64, "first_push_date": pl.String, "was_pushed": pl.Boolean,
}  # fmt: skip
COLUMNS = {
    "stratum": "分层：层内随机",
    "arm": "treated 推送组、holdout 对照组",
    "assigned_date": "分组所在名单的事实日",
    "pushes": "此后发出的消息数",
    "first_push_date": "此后第一条消息发出的日期；对照组补发后也有",
    "was_pushed": "分组之前本周期已就此事项发过消息",
}
# A draft changes with every run and nobody is treated by it: only the arms of frozen lists are an experiment.
_ARMS = """
SELECT a.enterprise_id, a.item_id, a.cycle, a.stratum, a.arm, a.as_of AS assigned_date,
    count(m.message_key) FILTER (WHERE m.as_of >= a.as_of) AS pushes,
    min(date(m.sent_on)) FILTER (WHERE m.as_of >= a.as_of) AS first_push_date,
    coalesce(max(m.as_of < a.as_of), 0) AS was_pushed
FROM arm AS a
LEFT JOIN sent_message AS m
    ON m.enterprise_id = a.enterprise_id AND m.item_id = a.item_id AND m.cycle = a.cycle AND m.as_of <= ?
WHERE a.as_of <= ?
GROUP BY a.enterprise_id, a.item_id, a.cycle
ORDER BY a.enterprise_id, a.item_id, a.cycle
"""


def arms(control: Control, as_of: date) -> pl.DataFrame:
    """Rows of mart.arm without the dates of the run; empty where no list was ever submitted."""
    made = control.rows("SELECT count(*) AS n FROM sqlite_master WHERE name IN ('arm', 'sent_message')")
    rows = control.rows(_ARMS, (as_of.isoformat(), as_of.isoformat())) if made[0]["n"] == 2 else []
    read = {**SCHEMA, "was_pushed": pl.Int64}
    frame = pl.DataFrame([[row[name] for name in SCHEMA] for row in rows], schema=read, orient="row")
    days = pl.col("assigned_date", "first_push_date").str.to_date("%Y-%m-%d")
    return frame.with_columns(days, pl.col("was_pushed").cast(pl.Boolean))


@dg.asset(
    key=["mart", "arm"],
    group_name="mart",
    kinds={"sqlite"},
    deps=[["push", "list"]],
    description="试验分组：已冻结名单中每一对企业与事项分在推送组还是对照组，及此后发出的消息数。",
)
def arm(
    warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope], control: dg.ResourceParam[Control]
) -> dg.MaterializeResult:
    rows = dated(arms(control, scope.as_of), scope)
    with warehouse.write() as w:
        return dg.MaterializeResult(metadata=table_metadata(w.replace("mart.arm", rows), COLUMNS))
