"""`mart.effect`: what each item changed in revenue, tax, jobs, R&D and survival; `mart.effect_power`: how small a change could be seen."""

import math
from typing import Any

import dagster as dg
import polars as pl

from assets.mart.forecast import dated
from assets.ports import Scope, Warehouse
from assets.sql import table_metadata
from evaluation.item_effects import FEWEST_IN_STRATUM, item_effects, judged, logged_panel, survival_effects
from evaluation.power import Power, did_power

# A quarter counts once it is over for 30 days: by then both the monthly and the quarterly filers have declared it.
PANEL = """
WITH quarters AS (
    SELECT
        enterprise_id, date_trunc('quarter', month) AS begins, sum(sales_yuan)::DOUBLE AS revenue, sum(payable_yuan)::DOUBLE AS tax,
        NULL::DOUBLE AS jobs
    FROM profile.tax_month GROUP BY ALL
    UNION ALL
    SELECT enterprise_id, date_trunc('quarter', month), NULL, NULL, avg(insured_count)::DOUBLE FROM profile.labor_month GROUP BY ALL
),
spans AS (
    SELECT min(begins) AS first FROM (
        SELECT date_trunc('quarter', month) AS begins FROM profile.labor_month GROUP BY 1 HAVING count(DISTINCT month) = 3
    )
)
SELECT
    q.enterprise_id,
    CASE WHEN e.section IS NULL OR e.size IS NULL THEN NULL ELSE e.section || '·' || e.size END AS stratum,
    CAST(year(q.begins) * 4 + quarter(q.begins) AS BIGINT) AS quarter,
    max(q.revenue) AS revenue,
    max(q.tax) AS tax,
    max(q.jobs) AS jobs
FROM quarters AS q JOIN mart.dim_enterprise AS e USING (enterprise_id), spans
WHERE q.begins >= spans.first AND q.begins + INTERVAL 4 MONTH <= getvariable('as_of') + 7
GROUP BY ALL ORDER BY 1, 3
"""
# Research spending is declared once a year: the year plays the quarter.
_YEARS = """
SELECT y.enterprise_id, e.section || '·' || e.size AS stratum, y.year AS quarter, y.rd_expense_yuan::DOUBLE AS research
FROM profile.science_year AS y JOIN mart.dim_enterprise AS e USING (enterprise_id)
WHERE y.year < year(getvariable('as_of')) ORDER BY 1, 3
"""
_PAID = """
SELECT item_id, enterprise_id, CAST({time} AS BIGINT) AS quarter, sum(paid_yuan) AS paid_yuan
FROM (SELECT *, min(paid_date) FILTER (WHERE paid_yuan > 0) OVER (PARTITION BY item_id, enterprise_id) AS first FROM mart.fact_payment)
WHERE first IS NOT NULL AND item_known AND enterprise_id IS NOT NULL GROUP BY ALL ORDER BY ALL
"""
_LIVES = """
SELECT
    e.enterprise_id,
    e.section || '·' || e.size AS stratum,
    CAST(year(e.established_date) * 4 + quarter(e.established_date) AS BIGINT) AS born,
    CAST(year(x.day) * 4 + quarter(x.day) AS BIGINT) AS died
FROM mart.dim_enterprise AS e
LEFT JOIN (
    SELECT enterprise_id, min(day) AS day FROM profile.event WHERE kind = 'status' AND after IN ('cancelled', 'revoked') GROUP BY 1
) AS x USING (enterprise_id)
WHERE e.established_date IS NOT NULL AND (e.in_business OR x.day IS NOT NULL) ORDER BY 1
"""
_ENTITLED = """
SELECT DISTINCT item_id, enterprise_id FROM mart.fact_case WHERE entitled ORDER BY ALL
"""
# A year before and a year after: what a first look at a new policy has.
BEFORE = AFTER = 4
COLUMNS = {
    "item_id": "惠企事项编号；空为任一事项",
    "outcome": "结果：revenue 季度销售额，tax 季度应纳增值税，jobs 季度平均参保人数，research 年研发费用，survival 一年后仍在营",
    "treated": "进入估计的受益企业",
    "compared": "同行业同规模、从未受益的对照企业",
    "left_out": "受益但数据不全或没有可比企业，未进入估计",
    "quarters": "面板季度数",
    "estimate": "受益企业的平均变化（比例；survival 为在营比例之差）",
    "low": "95% 区间下限",
    "high": "95% 区间上限",
    "pretrend_p": "受益前趋势相同的检验 p 值",
    "p": "估计的 p 值",
    "p_adjusted": "按本表全部可信的事项与结果校正后的 p 值（Holm）",
    "paid_yuan": "拨付给进入估计的受益企业的金额（元）",
    "per_wan": "每万元扶持带来的结果增加（结果的单位，自受益以来累计）",
    "per_wan_low": "95% 区间下限",
    "per_wan_high": "95% 区间上限",
    "verdict": "可信或尚不能判断",
    "finding": "升高、降低、未见显著变化；尚不能判断时为空",
    "reason": "为什么尚不能判断",
}


POWER = {
    "item_id": "惠企事项编号",
    "outcome": "结果：revenue 季度销售额，jobs 季度平均参保人数",
    "treated": "应享且数据齐全的企业",
    "compared": "同行业同规模、不应享的企业",
    "sd": "一户前后变化（对数）的标准差",
    "detectable": "有八成把握看得出的最小变化（比例）",
    "needed_for_5": "要看出 5% 的变化需要的受益企业数",
    "before_quarters": "前几个季度",
    "after_quarters": "后几个季度",
    "reason": "为什么算不出",
}
POWER_SCHEMA: dict[str, Any] = {
    "item_id": pl.String, "outcome": pl.String, "treated": pl.Int64, "compared": pl.Int64, "sd": pl.Decimal(18, 6),
    "detectable": pl.Decimal(18, 6), "needed_for_5": pl.Int64, "before_quarters": pl.Int64, "after_quarters": pl.Int64,
    "reason": pl.String,
}  # fmt: skip


def effects(warehouse: Warehouse) -> pl.DataFrame:
    """Rows of mart.effect without the dates of the run."""
    panel = warehouse.frame(PANEL)
    paid = warehouse.frame(_PAID.format(time="year(first) * 4 + quarter(first)"))
    by_year = warehouse.frame(_PAID.format(time="year(first)"))
    last = panel.get_column("quarter").max()
    found = [item_effects(panel, paid), item_effects(warehouse.frame(_YEARS), by_year)]
    if isinstance(last, int):
        found.append(survival_effects(warehouse.frame(_LIVES), paid, last))
    return judged(pl.concat(found).sort("outcome", "item_id", nulls_last=False))


def powers(warehouse: Warehouse) -> pl.DataFrame:
    """Rows of mart.effect_power without the dates of the run: every item with entitled enterprises, before anything is paid.

    The spread is measured once in every industry × size and pooled over those an item's enterprises belong to: measured anew for each item
    it would read the whole panel a hundred times.
    """
    panel = warehouse.frame(PANEL)
    entitled = warehouse.frame(_ENTITLED)
    rows: list[dict[str, object]] = []
    for outcome in ("revenue", "jobs"):
        logged = logged_panel(panel, outcome)
        whole = logged.select("enterprise_id", "stratum").unique()
        spread = _spread(logged)
        inside = entitled.join(whole, on="enterprise_id").group_by("item_id", "stratum").agg(treated=pl.len())
        all_of = whole.group_by("stratum").agg(everybody=pl.len())
        cells = inside.join(all_of, on="stratum").join(spread, on="stratum", how="left").sort("item_id", "stratum")
        known = cells.group_by("item_id", maintain_order=True).agg(
            treated=pl.col("treated").sum().cast(pl.Int64),
            compared=(pl.col("everybody") - pl.col("treated")).sum().cast(pl.Int64),
            variance=(pl.col("variance") * pl.col("units")).sum() / pl.col("units").sum(),
            units=pl.col("units").sum().cast(pl.Int64),
        )
        items = entitled.select("item_id").unique().join(known, on="item_id", how="left").fill_null(0)
        rows += [{"outcome": outcome, **_power(row)} for row in items.sort("item_id").iter_rows(named=True)]
    return pl.DataFrame(rows, schema=POWER_SCHEMA).sort("item_id", "outcome")


def _spread(logged: pl.DataFrame) -> pl.DataFrame:
    """stratum, variance of a unit's change, units; strata too small or too short to tell are left out."""
    found = []
    for (stratum,), group in logged.sort("stratum", "enterprise_id").group_by("stratum", maintain_order=True):
        try:
            power = did_power(group, "enterprise_id", "quarter", "y", BEFORE, AFTER)
        except ValueError:
            continue
        found.append((str(stratum), power.sd**2, power.units))
    schema = {"stratum": pl.String, "variance": pl.Float64, "units": pl.Int64}
    return pl.DataFrame(found, schema=schema, orient="row")


def _power(row: dict[str, Any]) -> dict[str, object]:
    """One row of the table from an item's counts and pooled variance."""
    told: dict[str, object] = {name: row[name] for name in ("item_id", "treated", "compared")}
    told |= {"before_quarters": BEFORE, "after_quarters": AFTER}
    if min(row["treated"], row["compared"]) < FEWEST_IN_STRATUM:
        return told | {"reason": f"应享或可比的企业不足 {FEWEST_IN_STRATUM} 户"}
    if not row["units"] or not row["variance"] > 0:
        return told | {"reason": f"没有连续 {BEFORE + AFTER} 个季度的数据"}
    power = Power(math.sqrt(row["variance"]), row["units"], 1)
    return told | {
        "sd": round(power.sd, 6),
        "detectable": round(math.expm1(power.detectable(row["treated"], row["compared"])), 6),
        "needed_for_5": power.needed(math.log(1.05), row["compared"] / row["treated"]),
    }


@dg.asset(
    key=["mart", "effect"],
    group_name="mart",
    kinds={"duckdb", "polars"},
    deps=[
        *([["profile", name] for name in ("tax_month", "labor_month", "science_year", "event")]),
        ["mart", "dim_enterprise"],
        ["mart", "fact_payment"],
    ],
    description="效果：每个事项对销售额、应纳税额、参保人数、研发费用的影响（交错双重差分，对照为同行业同规模从未受益的企业）和一年后在营比例之差，附区间、每万元扶持的增量、结论“可信／尚不能判断”和理由。",
)
def effect(warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]) -> dg.MaterializeResult:
    rows = effects(warehouse)
    with warehouse.write() as w:
        return dg.MaterializeResult(metadata=table_metadata(w.replace("mart.effect", dated(rows, scope)), COLUMNS))


@dg.asset(
    key=["mart", "effect_power"],
    group_name="mart",
    kinds={"duckdb", "polars"},
    deps=[["profile", "tax_month"], ["profile", "labor_month"], ["mart", "dim_enterprise"], ["mart", "fact_case"]],
    description="看得出多小的效果：每个事项在实施之前，按应享企业与可比企业的户数和历史波动，有八成把握看得出的最小变化。",
)
def effect_power(warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]) -> dg.MaterializeResult:
    rows = powers(warehouse)
    with warehouse.write() as w:
        return dg.MaterializeResult(metadata=table_metadata(w.replace("mart.effect_power", dated(rows, scope)), POWER))
