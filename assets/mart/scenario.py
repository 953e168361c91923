"""`mart.scenario` and `mart.rule_finding`: what a threshold moved a little would change, and what the rules' own check found."""

import dagster as dg
import polars as pl

from assets.mart.forecast import dated
from assets.match import profiles, program_in_force
from assets.ports import Scope, Warehouse
from assets.sql import table_metadata
from data.corpus import in_force, load_defaults, load_items
from data.indicators import load
from evaluation.scenarios import scenarios
from matching.rules.lint import lint

# The thresholds that alone keep most enterprises out: every scenario reads all enterprises, and nobody drafts by the hundredth of them.
SHOWN = 20
_STRICT = f"""
SELECT item_id, condition_id FROM mart.threshold WHERE is_numeric AND near_miss_count >= 5
ORDER BY near_miss_count DESC, item_id, condition_id LIMIT {SHOWN}
"""
SCENARIO = {
    "item_id": "惠企事项编号",
    "condition_id": "条件编号",
    "indicator": "门槛所比的指标",
    "scenario": "情景：放宽或收紧多少",
    "threshold": "现行门槛",
    "new_threshold": "改后门槛",
    "before_count": "现行符合或承诺后符合（未命中排除）",
    "after_count": "改后",
    "gained_count": "新符合",
    "lost_count": "不再符合",
    "gained_small_count": "新符合者中的小微企业",
    "before_yuan": "现行测算金额（元）",
    "after_yuan": "改后测算金额（元）",
    "expr": "改后的条件表达式",
}
FINDING = {
    "item_id": "惠企事项编号",
    "condition_id": "条件编号；空为整个事项",
    "rule": "检查规则",
    "severity": "error 不能运行、warning 应有人看、info 供参考",
    "message": "发现",
    "file": "事项文件",
    "line": "行号",
}


@dg.asset(
    key=["mart", "scenario"],
    group_name="mart",
    kinds={"polars"},
    deps=[["mart", "threshold"], ["profile", "enterprise"]],
    description="推演：近失最多的数值门槛各放宽 20%、10%、收紧 10%，覆盖与资金如何变化、谁得谁失（由判定内核重算全部企业）。",
)
def scenario(warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]) -> dg.MaterializeResult:
    program = program_in_force(scope)
    people = profiles(warehouse, program)
    sizes = people.get_column("enterprise_size")
    rows = scenarios(program, people, sizes, warehouse.frame(_STRICT).iter_rows(), load(), scope.as_of)
    with warehouse.write() as w:
        return dg.MaterializeResult(metadata=table_metadata(w.replace("mart.scenario", dated(rows, scope)), SCENARIO))


@dg.asset(
    key=["mart", "rule_finding"],
    group_name="mart",
    kinds={"python"},
    deps=[["policy", "item"]],
    description="规则检查：现行事项的规则在静态检查中发现的矛盾、重复与疑点（同 huiqi lint）。",
)
def rule_finding(warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]) -> dg.MaterializeResult:
    found = lint(in_force(load_items(), scope.rules_as_of), load(), load_defaults().bars)
    rows = pl.DataFrame(
        [(f.item, f.condition, f.rule, f.severity, f.message, f.file, f.line) for f in found],
        schema={**dict.fromkeys(("item_id", "condition_id", "rule", "severity", "message", "file"), pl.String), "line": pl.Int64},
        orient="row",
    ).sort("item_id", "condition_id", "rule", "message", "line")  # fmt: skip
    with warehouse.write() as w:
        return dg.MaterializeResult(
            metadata=table_metadata(w.replace("mart.rule_finding", dated(rows, scope)), FINDING)
        )
