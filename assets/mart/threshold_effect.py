"""`mart.effect_threshold` and `mart.threshold_bin`: what an item changed at its own threshold, one regression discontinuity each."""

from collections.abc import Iterator
from typing import NamedTuple

import dagster as dg
import polars as pl

from assets.mart.effect import PANEL
from assets.mart.forecast import dated
from assets.match import program_in_force
from assets.ports import Scope, Warehouse
from assets.sql import table_metadata
from data.indicators import load
from evaluation.scenarios import Threshold, thresholds
from evaluation.threshold_effects import BIN_SCHEMA, distance, judged_thresholds, threshold_bins, threshold_effect

OUTCOMES = ("revenue", "tax", "jobs")
# Quarters looked at after the last payment of the year, each against the same quarter before the first.
AFTER = 3
# What an indicator "of last year" was in every year: a year's figure is the running value of the decisions of the next.
RUNNING = """
SELECT enterprise_id, indicator, year, CAST(value AS DOUBLE) AS value FROM (
    UNPIVOT (
        SELECT
            enterprise_id, year,
            CAST(revenue_yuan AS DOUBLE) AS revenue_last_year, CAST(rd_expense_yuan AS DOUBLE) AS rd_expense_last_year
        FROM profile.year
    ) ON revenue_last_year, rd_expense_last_year INTO NAME indicator VALUE value
    UNION ALL BY NAME
    UNPIVOT (
        SELECT
            enterprise_id, year,
            CAST(paid_yuan AS DOUBLE) AS tax_paid_last_year, CAST(taxable_income_yuan AS DOUBLE) AS taxable_income_last_year,
            CAST(profit_yuan AS DOUBLE) AS profit_last_year
        FROM profile.tax_year
    ) ON tax_paid_last_year, taxable_income_last_year, profit_last_year INTO NAME indicator VALUE value
    UNION ALL BY NAME
    SELECT enterprise_id, 'high_tech_income_last_year' AS indicator, year, CAST(hightech_revenue_yuan AS DOUBLE) AS value
    FROM profile.science_year
    UNION ALL BY NAME
    SELECT m.enterprise_id, 'output_value_last_year' AS indicator, year(m.month) AS year, CAST(sum(m.output_yuan) AS DOUBLE) AS value
    FROM profile.industry_month AS m LEFT JOIN mart.dim_enterprise AS e USING (enterprise_id)
    GROUP BY ALL
    HAVING max(month(m.month)) = 12
        AND count(*) = 13 - CASE WHEN year(any_value(e.established_date)) = year(any_value(m.month)) THEN min(month(m.month)) ELSE 1 END
    UNION ALL BY NAME
    SELECT enterprise_id, 'sales_last_year' AS indicator, year(month) AS year, CAST(any_value(goods_sales_to_date_yuan) AS DOUBLE) AS value
    FROM profile.commerce_month WHERE month(month) = 12 GROUP BY ALL
    UNION ALL BY NAME
    SELECT enterprise_id, indicator, year, value FROM (
        UNPIVOT (
            SELECT
                enterprise_id, year(month) AS year, CAST(sum(export_usd) AS DOUBLE) AS export_value_usd_last_year,
                CAST(sum(import_usd) AS DOUBLE) AS import_value_usd_last_year, CAST(sum(trade_usd) AS DOUBLE) AS trade_value_usd_last_year
            FROM profile.customs_month GROUP BY ALL
        ) ON export_value_usd_last_year, import_value_usd_last_year, trade_value_usd_last_year INTO NAME indicator VALUE value
    )
    UNION ALL BY NAME
    SELECT enterprise_id, 'employees_insured_last_year_mean' AS indicator, year(month) AS year, avg(insured_count)::DOUBLE AS value
    FROM profile.labor_month WHERE is_whole GROUP BY ALL HAVING count(*) >= 6
)
WHERE value IS NOT NULL
"""
_FIRST_PAID = """
SELECT item_id, enterprise_id, min(paid_date) AS first FROM mart.fact_payment
WHERE paid_yuan > 0 AND item_known AND enterprise_id IS NOT NULL GROUP BY ALL ORDER BY ALL
"""
COLUMNS = {
    "item_id": "惠企事项编号",
    "condition_id": "条件编号",
    "indicator": "门槛所比的指标",
    "threshold": "门槛",
    "sign": "比较方向",
    "years": "所依据的兑现年度",
    "outcome": "结果：revenue 季度销售额，tax 季度应纳增值税，jobs 季度平均参保人数",
    "design": "清晰断点（够线即得、不够不得）或模糊断点",
    "below": "门槛以下的企业（户·年）",
    "above": "门槛以上的企业（户·年）",
    "near_below": "带宽内门槛以下",
    "near_above": "带宽内门槛以上",
    "width": "带宽：离门槛多远以内（比例）",
    "take_up": "获得拨付的比例在门槛处的跳升",
    "estimate": "够线受益企业的变化（比例）",
    "low": "95% 稳健区间下限",
    "high": "95% 稳健区间上限",
    "density_p": "门槛两侧企业分布连续的检验 p 值",
    "placebo_p": "假门槛检验 p 值",
    "earlier_p": "受益前一年在门槛处无跳升的检验 p 值",
    "p": "估计的 p 值",
    "p_adjusted": "按本表全部可信的行校正后的 p 值（Holm）",
    "verdict": "可信或尚不能判断",
    "finding": "升高、降低、未见显著变化；尚不能判断时为空",
    "reason": "为什么尚不能判断",
}
BIN_COLUMNS = {
    "bin": "第几段；负数在门槛以下",
    "from_ratio": "本段起点（指标与门槛之比，向够线方向）",
    "to_ratio": "本段终点",
    "n": "企业数",
    "paid_share": "获得拨付的比例；不足 5 户为空",
    "change": "结果的平均变化（比例）；不足 5 户为空",
}


CASE_SCHEMA = {
    "enterprise_id": pl.String, "year": pl.Int64, "distance": pl.Float64, "paid": pl.Boolean, "change": pl.Float64, "earlier": pl.Float64,
}  # fmt: skip


class Changes:
    """One outcome's logarithms by enterprise and quarter, and how they changed around a payment."""

    def __init__(self, panel: pl.DataFrame, outcome: str) -> None:
        known = panel.filter(pl.col(outcome) > 0).select("enterprise_id", "quarter", y=pl.col(outcome).log())
        self.wide = known.pivot("quarter", index="enterprise_id", values="y").sort("enterprise_id")
        self.quarters = frozenset(int(name) for name in self.wide.columns[1:])

    def around(self, begin: int, end: int) -> pl.DataFrame:
        """enterprise_id, change, earlier: the quarters after `end` less the same quarters of the year before `begin`; and that year less its own.

        A unit must be known in every quarter compared; null where the panel does not reach.
        """
        back = 4 * -(-(end + AFTER + 1 - begin) // 4)
        after = [quarter for quarter in range(end + 1, end + AFTER + 1) if {quarter, quarter - back} <= self.quarters]
        earlier = [quarter - back for quarter in after if quarter - back - 4 in self.quarters]
        return self.wide.select(
            "enterprise_id",
            change=self._mean(after, back),
            earlier=self._mean(earlier if len(earlier) == len(after) else [], 4),
        )

    def _mean(self, quarters: list[int], back: int) -> pl.Expr:
        if not quarters:
            return pl.lit(None, dtype=pl.Float64)
        gaps = [pl.col(str(quarter)) - pl.col(str(quarter - back)) for quarter in quarters]
        return pl.sum_horizontal(gaps, ignore_nulls=False) / len(gaps)


class Line(NamedTuple):
    """A threshold of an item in force: one indicator of last year against one positive number, and the first year it may decide."""

    item: str
    found: Threshold
    since: int


def lines(scope: Scope, known: frozenset[str]) -> Iterator[Line]:
    """The thresholds of the items in force whose indicator is one of `known` and whose condition says nothing else."""
    catalogue = load()
    for item in program_in_force(scope).items:
        for found in thresholds(item, catalogue):
            alone = not found.expr[found.end :].strip() and len(found.expr[: found.start].split()) == 2
            if alone and found.indicator in known and float(found.value) > 0:
                yield Line(item.text.id, found, item.text.valid_from.year)


def cases(line: Line, values: pl.DataFrame, first: pl.DataFrame, change: Changes) -> pl.DataFrame:
    """enterprise_id, year, distance, paid, change, earlier: one row per enterprise and year in which the item paid somebody for the first time."""
    sign, threshold = line.found.sign, float(line.found.value)
    paid = first.filter(pl.col("item_id") == line.item)
    years = sorted(year for year in paid["first"].dt.year().unique() if year >= line.since)
    found = []
    for year in years:
        those = values.filter((pl.col("indicator") == line.found.indicator) & (pl.col("year") == year - 1))
        seen = those.join(paid.select("enterprise_id", "first"), on="enterprise_id", how="left")
        # whoever was paid before has been changed already
        fresh = seen.filter(pl.col("first").is_null() | (pl.col("first").dt.year() >= year))
        told = fresh.select(
            "enterprise_id",
            pl.lit(year, dtype=pl.Int64).alias("year"),
            distance=distance(pl.col("value"), threshold, sign),
            paid=(pl.col("first").dt.year() == year).fill_null(False),
        )
        quarters = paid.filter(pl.col("first").dt.year() == year)["first"]
        begin, end = (int(day.year * 4 + (day.month + 2) // 3) for day in (quarters.min(), quarters.max()))
        found.append(told.join(change.around(begin, end), on="enterprise_id", how="left"))
    return pl.concat(found) if found else pl.DataFrame(schema=CASE_SCHEMA)


def effects_at_thresholds(warehouse: Warehouse, scope: Scope) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of mart.effect_threshold and of mart.threshold_bin without the dates of the run."""
    values = warehouse.frame(RUNNING)
    first = warehouse.frame(_FIRST_PAID)
    panel = warehouse.frame(PANEL)
    rows: list[dict[str, object]] = []
    bins: list[pl.DataFrame] = []
    known = frozenset(values["indicator"].unique())
    wanted = list(lines(scope, known))
    for outcome in OUTCOMES:
        change = Changes(panel, outcome)
        for line in wanted:
            told = cases(line, values, first, change)
            names = {"item_id": line.item, "condition_id": line.found.condition, "outcome": outcome}
            row = names | {
                "indicator": line.found.indicator,
                "threshold": float(line.found.value),
                "sign": line.found.sign,
                "years": "、".join(str(year) for year in told["year"].unique().sort()),
            }
            row |= threshold_effect(told)
            rows.append(row)
            if isinstance(width := row.get("width"), float):
                means = threshold_bins(told, width)
                bins.append(means.with_columns(pl.lit(text).alias(name) for name, text in names.items()))
    drawn = pl.concat(bins) if bins else pl.DataFrame(schema=BIN_SCHEMA)
    drawn = drawn.select(pl.col(name).cast(kind) for name, kind in BIN_SCHEMA.items())
    return judged_thresholds(rows), drawn.sort("item_id", "condition_id", "outcome", "bin")


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            ["mart", name],
            group_name="mart",
            kinds={"duckdb", "polars"},
            description=description,
            deps=[
                *(["profile", table] for table in ("year", "tax_year", "science_year", "tax_month", "labor_month")),
                *(["profile", table] for table in ("industry_month", "commerce_month", "customs_month")),
                ["mart", "dim_enterprise"],
                ["mart", "fact_payment"],
                ["policy", "item"],
            ],
        )
        for name, description in (
            (
                "effect_threshold",
                "门槛处的效果：每个有数值门槛的事项，刚够线的企业与差一点的企业相比（断点回归，稳健区间），附分布、假门槛、受益前三项检验，结论“可信／尚不能判断”和理由。",
            ),
            ("threshold_bin", "门槛处的散点：带宽两倍以内分段的平均变化与拨付比例，供断点图；不足 5 户的段不给数。"),
        )
    ]
)
def effect_threshold(
    warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]
) -> Iterator[dg.MaterializeResult]:
    rows, bins = effects_at_thresholds(warehouse, scope)
    with warehouse.write() as w:
        written = w.replace("mart.effect_threshold", dated(rows, scope))
        drawn = w.replace("mart.threshold_bin", dated(bins, scope))
    yield dg.MaterializeResult(asset_key=["mart", "effect_threshold"], metadata=table_metadata(written, COLUMNS))
    yield dg.MaterializeResult(
        asset_key=["mart", "threshold_bin"], metadata=table_metadata(drawn, COLUMNS | BIN_COLUMNS)
    )
