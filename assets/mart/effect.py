"""`mart.effect`: what each item changed in revenue, tax, jobs, R&D and survival; `mart.effect_power`: how small a change could be seen."""

import math
from typing import Any

import dagster as dg
import polars as pl

from assets.mart.forecast import dated
from assets.ports import Scope, Warehouse
from assets.sql import table_metadata
from evaluation.item_effects import FEWEST_IN_STRATUM, item_effects, judged, logged_panel, survival_effects
from evaluation.power import did_power

# A quarter counts once it is over for 30 days: by then both the monthly and the quarterly filers have declared it.
_PANEL = """
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
    panel = warehouse.frame(_PANEL)
    paid = warehouse.frame(_PAID.format(time="year(first) * 4 + quarter(first)"))
    by_year = warehouse.frame(_PAID.format(time="year(first)"))
    last = panel.get_column("quarter").max()
    found = [item_effects(panel, paid), item_effects(warehouse.frame(_YEARS), by_year)]
    if isinstance(last, int):
        found.append(survival_effects(warehouse.frame(_LIVES), paid, last))
    return judged(pl.concat(found).sort("outcome", "item_id", nulls_last=False))


def powers(warehouse: Warehouse) -> pl.DataFrame:
    """Rows of mart.effect_power without the dates of the run: every item with entitled enterprises, before anything is paid."""
    panel = warehouse.frame(_PANEL)
    entitled = warehouse.frame(_ENTITLED)
    rows: list[dict[str, object]] = []
    for outcome in ("revenue", "jobs"):
        logged = logged_panel(panel, outcome)
        whole = logged.select("enterprise_id", "stratum").unique().sort("enterprise_id")
        for (item,), group in entitled.group_by("item_id", maintain_order=True):
            inside = whole.join(group, on="enterprise_id", how="semi")
            alike = whole.join(inside.select("stratum").unique(), on="stratum", how="semi")
            beside = alike.join(group, on="enterprise_id", how="anti")
            row: dict[str, object] = {"item_id": str(item), "outcome": outcome, "treated": inside.height}
            row |= {"compared": beside.height, "before_quarters": BEFORE, "after_quarters": AFTER}
            if min(inside.height, beside.height) < FEWEST_IN_STRATUM:
                rows.append({**row, "reason": f"应享或可比的企业不足 {FEWEST_IN_STRATUM} 户"})
                continue
            try:
                known = logged.join(alike, on="enterprise_id", how="semi")
                power = did_power(known, "enterprise_id", "quarter", "y", BEFORE, AFTER)
                row |= {
                    "sd": round(power.sd, 6),
                    "detectable": round(math.expm1(power.detectable(inside.height, beside.height)), 6),
                    "needed_for_5": power.needed(math.log(1.05), beside.height / inside.height),
                }
            except ValueError as error:
                row["reason"] = str(error)
            rows.append(row)
    return pl.DataFrame(rows, schema=POWER_SCHEMA).sort("item_id", "outcome")


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
