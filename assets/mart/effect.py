"""`mart.effect`: what each item changed in revenue and jobs, from the monthly tables of the profile."""

import dagster as dg
import polars as pl

from assets.ports import Scope, Warehouse
from assets.sql import table_metadata
from evaluation.item_effects import item_effects

# A quarter counts once it is over for 30 days: by then both the monthly and the quarterly filers have declared it.
_PANEL = """
WITH quarters AS (
    SELECT enterprise_id, date_trunc('quarter', month) AS begins, sum(sales_yuan)::DOUBLE AS revenue, NULL::DOUBLE AS jobs
    FROM profile.tax_month GROUP BY ALL
    UNION ALL
    SELECT enterprise_id, date_trunc('quarter', month), NULL, avg(insured_count)::DOUBLE FROM profile.labor_month GROUP BY ALL
),
spans AS (
    SELECT min(begins) AS first FROM (
        SELECT date_trunc('quarter', month) AS begins FROM profile.labor_month GROUP BY 1 HAVING count(DISTINCT month) = 3
    )
)
SELECT
    q.enterprise_id,
    CASE WHEN e.section IS NULL OR e.size IS NULL THEN NULL ELSE e.section || '·' || e.size END AS stratum,
    year(q.begins) * 4 + quarter(q.begins) AS quarter,
    max(q.revenue) AS revenue,
    max(q.jobs) AS jobs
FROM quarters AS q JOIN mart.dim_enterprise AS e USING (enterprise_id), spans
WHERE q.begins >= spans.first AND q.begins + INTERVAL 4 MONTH <= getvariable('as_of') + 7
GROUP BY ALL ORDER BY 1, 3
"""
_PAID = """
SELECT item_id, enterprise_id, year(min(paid_date)) * 4 + quarter(min(paid_date)) AS quarter
FROM mart.fact_payment WHERE paid_yuan > 0 AND item_known AND enterprise_id IS NOT NULL GROUP BY ALL ORDER BY ALL
"""
COLUMNS = {
    "item_id": "惠企事项编号；空为任一事项",
    "outcome": "结果：revenue 季度销售额，jobs 季度平均参保人数",
    "treated": "进入估计的受益企业",
    "compared": "同行业同规模、从未受益的对照企业",
    "left_out": "受益但数据不全或没有可比企业，未进入估计",
    "quarters": "面板季度数",
    "estimate": "受益企业的平均变化（比例）",
    "low": "95% 区间下限",
    "high": "95% 区间上限",
    "pretrend_p": "受益前趋势相同的检验 p 值",
    "verdict": "可信或尚不能判断",
    "finding": "升高、降低、未见显著变化；尚不能判断时为空",
    "reason": "为什么尚不能判断",
}


def effects(warehouse: Warehouse) -> pl.DataFrame:
    """Rows of mart.effect without the dates of the run."""
    panel = warehouse.frame(_PANEL).with_columns(pl.col("quarter").cast(pl.Int64))
    paid = warehouse.frame(_PAID).with_columns(pl.col("quarter").cast(pl.Int64))
    return item_effects(panel, paid)


@dg.asset(
    key=["mart", "effect"],
    group_name="mart",
    kinds={"duckdb", "polars"},
    deps=[["profile", "tax_month"], ["profile", "labor_month"], ["mart", "dim_enterprise"], ["mart", "fact_payment"]],
    description="效果：每个事项对销售额和参保人数的影响（交错双重差分，对照为同行业同规模从未受益的企业），附区间、结论“可信／尚不能判断”和理由。",
)
def effect(warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]) -> dg.MaterializeResult:
    rows = effects(warehouse).with_columns(
        build_id=pl.lit(scope.build_id),
        rules_as_of=pl.lit(scope.rules_as_of),
        as_of=pl.lit(scope.as_of),
        known_at=pl.lit(scope.known_at),
    )
    with warehouse.write() as w:
        return dg.MaterializeResult(metadata=table_metadata(w.replace("mart.effect", rows), COLUMNS))
