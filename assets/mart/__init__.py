"""The evaluation mart: dimensions and facts, one `.sql` each, and the table of metrics generated from the catalogue."""

from pathlib import Path

import dagster as dg
import polars as pl

from assets.mart.arm import arm
from assets.mart.effect import effect, effect_power
from assets.mart.forecast import budget_forecast_table
from assets.mart.reference import REFERENCE_ASSETS
from assets.mart.scenario import rule_finding, scenario
from assets.mart.stamp import stamped
from assets.mart.threshold_effect import effect_threshold
from assets.mart.words import WORD_ASSETS
from assets.ports import Warehouse
from assets.sql import sql_asset, table_metadata
from evaluation.metrics import catalogue, dictionary_sql, metric_sql

COLUMNS = {
    "enterprise_id": "企业编号（本系统）",
    "uscc": "统一社会信用代码",
    "item_id": "惠企事项编号",
    "version": "事项版本",
    "cycle": "享受周期",
    "verdict": "判定：eligible 符合、declarable 承诺后符合、unknown 缺数据、ineligible 不符合",
    "area": "市县（洋浦单列）",
    "section": "行业门类",
    "size": "企业规模",
    "entitled_yuan": "应享金额（元）",
    "approved_yuan": "核定金额（元）",
    "paid_yuan": "实拨金额（元）",
    "returned_yuan": "退回金额（元，正数）",
    "due_date": "承诺办结日（法定工作日）",
    "arm": "试验分组",
    "build_id": "本次构建",
    "rules_as_of": "规则日",
    "as_of": "事实日",
    "known_at": "知悉时点",
}


def queries() -> dict[str, str]:
    """Every `.sql` of this folder, stamped: table name without its schema → SELECT."""
    return {
        file.stem: stamped(file.read_text(encoding="utf-8"), file.name)
        for file in sorted(Path(__file__).parent.glob("*.sql"))
    }


_TABLES: list[dg.AssetsDefinition] = [
    *REFERENCE_ASSETS,
    *WORD_ASSETS,
    arm,
    effect,
    effect_power,
    effect_threshold,
    budget_forecast_table,
    scenario,
    rule_finding,
    *(sql_asset(name, sql, "mart", columns=COLUMNS, source=f"{name}.sql") for name, sql in queries().items()),
    sql_asset(
        "dim_metric",
        dictionary_sql(catalogue()),
        "mart",
        description="指标字典：名称、定义、单位、成熟条件、在绩效框架中的位置，由指标目录生成。",
    ),
    sql_asset(
        "metric",
        metric_sql(catalogue()),
        "mart",
        description="指标值：指标 × 事项 × 市县，含样本数、尚未成熟数、算不出的原因；SQL 由指标目录生成。",
        columns=COLUMNS,
    ),
]


@dg.asset(
    key=["mart", "dim_table"],
    group_name="mart",
    kinds={"python"},
    description="数据目录：评价集市每张表的说明。",
)
def dim_table(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
    with warehouse.write() as w:
        return dg.MaterializeResult(metadata=table_metadata(w.replace("mart.dim_table", tables())))


def tables() -> pl.DataFrame:
    """table_name, description: what each asset of this module says of itself."""
    rows = [(key.path[-1], said) for asset in MART_ASSETS for key, said in asset.descriptions_by_key.items()]
    return pl.DataFrame(rows, schema=["table_name", "description"], orient="row").sort("table_name")


MART_ASSETS: list[dg.AssetsDefinition] = [*_TABLES, dim_table]
