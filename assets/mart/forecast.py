"""`mart.budget_forecast`: where each budget of the year will end, from `mart.fact_budget_month`."""

from datetime import date, timedelta
from typing import Any

import dagster as dg
import polars as pl

from assets.ports import Scope, Warehouse
from assets.sql import table_metadata
from evaluation.forecast import budget_forecast
from evaluation.item_effects import CREDIBLE, UNDECIDED

MONEY = pl.Decimal(18, 2)
RATIO = pl.Decimal(18, 6)
SCHEMA: dict[str, Any] = {
    "item_id": pl.String, "year": pl.Int64, "budget_yuan": MONEY, "paid_yuan": MONEY, "committed_yuan": MONEY,
    "expected_yuan": MONEY, "low_yuan": MONEY, "high_yuan": MONEY, "exhausted_ratio": RATIO,
    "earliest_date": pl.Date, "middle_date": pl.Date, "latest_date": pl.Date, "months": pl.Int64,
    "tested_windows": pl.Int64, "held_windows": pl.Int64, "error_ratio": RATIO, "naive_error_ratio": RATIO,
    "verdict": pl.String, "reason": pl.String,
}  # fmt: skip
COLUMNS = {
    "item_id": "惠企事项编号",
    "year": "预算年度",
    "budget_yuan": "年度预算（元）",
    "paid_yuan": "本年已净拨付（元）",
    "committed_yuan": "已核定未拨付（元）",
    "expected_yuan": "预计全年净拨付，中位数（元）",
    "low_yuan": "预计全年净拨付，10% 分位",
    "high_yuan": "预计全年净拨付，90% 分位",
    "exhausted_ratio": "年内用完预算的可能（抽样中的比例）",
    "earliest_date": "用完日 10% 分位；空为年内用不完",
    "middle_date": "用完日中位数",
    "latest_date": "用完日 90% 分位",
    "months": "所依据的整月数，自第一笔拨付起",
    "tested_windows": "回测时段数",
    "held_windows": "实际落在 80% 区间内的时段数",
    "error_ratio": "回测误差（绝对误差合计 ÷ 实际合计）",
    "naive_error_ratio": "照抄上季的误差",
    "verdict": "可信或尚不能判断",
    "reason": "为什么尚不能判断",
}
_MONTHS = """
SELECT item_id, month, CAST(paid_yuan AS DOUBLE) AS paid FROM mart.fact_budget_month
WHERE source = '合计' AND last_day(month) <= getvariable('as_of')
QUALIFY sum(payments) OVER (PARTITION BY item_id ORDER BY month) > 0
ORDER BY item_id, month
"""
# A run on the last day of a month forecasts from the next one: in December that is the next year, which has no budget here yet.
_NOW = """
SELECT b.item_id, b.budget_yuan, b.paid_this_year_yuan AS paid_yuan, b.committed_yuan
FROM mart.fact_budget_month AS b
JOIN mart.dim_item AS i ON i.item_id = b.item_id AND i.is_current AND i.budget_yuan = b.budget_yuan
WHERE b.source = '合计' AND b.month = date_trunc('month', getvariable('as_of')) AND b.budget_yuan > 0
ORDER BY b.item_id
"""


def forecasts(warehouse: Warehouse, as_of: date) -> pl.DataFrame:
    """Rows of mart.budget_forecast without the dates of the run."""
    last = as_of if (as_of + timedelta(days=1)).day == 1 else as_of.replace(day=1) - timedelta(days=1)
    history = {
        item: frame["paid"].to_list()
        for (item,), frame in warehouse.frame(_MONTHS).group_by("item_id", maintain_order=True)
    }
    rows: list[dict[str, object]] = []
    for row in warehouse.frame(_NOW).iter_rows(named=True):
        months = history.get(row["item_id"], [])
        stated = {**row, "year": as_of.year, "months": len(months), "verdict": UNDECIDED}
        if (last + timedelta(days=1)).year > as_of.year:
            rows.append({**stated, "expected_yuan": row["paid_yuan"], "reason": "年度已结束"})
            continue
        try:
            found = budget_forecast(
                months, last, float(row["budget_yuan"]), float(row["paid_yuan"]), float(row["committed_yuan"] or 0)
            )
        except ValueError as error:
            rows.append({**stated, "reason": str(error)})
            continue
        rows.append(
            stated
            | {
                "expected_yuan": round(found.expected, 2),
                "low_yuan": round(found.low, 2),
                "high_yuan": round(found.high, 2),
                "exhausted_ratio": found.exhausted_share,
                "earliest_date": found.earliest,
                "middle_date": found.middle,
                "latest_date": found.latest,
                "tested_windows": found.tested.windows,
                "held_windows": found.tested.held,
                "error_ratio": found.tested.error,
                "naive_error_ratio": found.tested.naive_error,
                "verdict": UNDECIDED if found.doubt else CREDIBLE,
                "reason": found.doubt,
            }
        )
    return pl.DataFrame(rows, schema=SCHEMA).sort("item_id")


@dg.asset(
    key=["mart", "budget_forecast"],
    group_name="mart",
    kinds={"polars"},
    deps=[["mart", "fact_budget_month"], ["mart", "dim_item"]],
    description="预算预测：有预算的现行事项全年拨付的预计与 80% 区间、预计用完日，附回测和结论“可信／尚不能判断”。",
)
def budget_forecast_table(
    warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]
) -> dg.MaterializeResult:
    with warehouse.write() as w:
        written = w.replace("mart.budget_forecast", dated(forecasts(warehouse, scope.as_of), scope))
        return dg.MaterializeResult(metadata=table_metadata(written, COLUMNS))


def dated(rows: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """The rows with the run's identity and dates, as every mart table has them."""
    return rows.with_columns(
        build_id=pl.lit(scope.build_id),
        rules_as_of=pl.lit(scope.rules_as_of),
        as_of=pl.lit(scope.as_of),
        known_at=pl.lit(scope.known_at),
    )
