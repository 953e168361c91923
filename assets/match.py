"""match.*: every enterprise against every item in force, kept where somebody will look, counted everywhere."""

from collections.abc import Mapping
from datetime import timedelta

import dagster as dg
import polars as pl

from assets.ports import Scope, Warehouse
from assets.sql import table_metadata
from data.corpus import Entity, in_force, load_defaults, load_items
from data.indicators import load
from matching.rules import Program, Verdicts, evaluate
from matching.rules.program import compile_sound

PAIR_LABELS: Mapping[str, str] = {
    "enterprise_id": "企业编号",
    "uscc": "统一社会信用代码",
    "item_id": "事项编号",
    "version": "事项版本",
    "verdict": "判定：eligible 符合、declarable 仅差承诺、unknown 缺数据、ineligible 不符合",
    "met": "已满足的条件",
    "failed": "未满足的条件",
    "unknown": "未知的条件（含数据外事项）",
    "near_miss": "差一步：再满足一个条件即符合",
    "one_unknown": "只缺一项数据",
    "bar": "排除情形：clear 无、barred 命中、unknown 待核",
    "bars": "命中或待核的排除情形",
    "amount_yuan": "测算金额（元）；空为不能测算或非资金",
    "short_of": "差一步时还差的条件：补上其中一个即符合",
    "valid_from": "此判定自哪一天起未变",
    "valid_to": "此判定最后一天；空为现行",
}
TOTAL_LABELS: Mapping[str, str] = {
    "item_id": "事项编号",
    "version": "事项版本",
    "verdict": "判定",
    "region": "注册地区划码",
    "industry": "行业门类",
    "size": "企业规模",
    "n": "企业数",
    "amount_yuan": "测算金额合计（元）",
}
DAY_LABELS: Mapping[str, str] = {
    "as_of": "事实所属日期",
    "item_id": "事项编号",
    "version": "事项版本",
    "verdict": "判定",
    "n": "企业数",
    "amount_yuan": "测算金额合计（元）",
}
KEY = ("enterprise_id", "item_id", "version")
GROUPS: Mapping[str, str] = {"region": "registered_region", "industry": "industry_section", "size": "enterprise_size"}
UPSTREAM = [
    dg.AssetKey(["profile", "enterprise"]),
    dg.AssetKey(["policy", "item"]),
    dg.AssetKey(["policy", "condition"]),
]


def program_in_force(
    scope: Scope, log: dg.DagsterLogManager | None = None, *, entity: Entity = "enterprise"
) -> Program:
    """The items for that kind of entity valid on `rules_as_of`, compiled; an item whose rules do not hold is logged and left out."""
    items = [item for item in in_force(load_items(), scope.rules_as_of) if item.entity == entity]
    program, refusals = compile_sound(items, load(), load_defaults().bars)
    for refusal in refusals:
        if log is not None:
            log.error(f"规则未生效：{refusal}")
    return program


def profiles(warehouse: Warehouse, program: Program) -> pl.DataFrame:
    """`enterprise_id, uscc`, the grouping columns and every indicator the program reads, ordered by enterprise."""
    held = warehouse.columns("profile.enterprise")
    wanted = dict.fromkeys(("enterprise_id", "uscc", *GROUPS.values(), *(column.name for column in program.columns)))
    chosen = ", ".join(f'"{name}"' for name in wanted if name in held)
    return warehouse.frame(f"SELECT {chosen} FROM profile.enterprise ORDER BY enterprise_id")


def dated(
    pairs: pl.DataFrame,
    before: pl.DataFrame | None,
    scope: Scope,
    key: tuple[str, ...] = KEY,
    names: tuple[str, ...] = ("uscc",),
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The pairs with the day their verdict took its present form, and the former rows that ended the day before `as_of`.

    `key` says which pair a row is about; `names` are columns that may change without the verdict being another.

    A row that equals its former self keeps its `valid_from`, so a night adds only what changed. Former rows dated after `as_of` belong
    to a later run and are ignored.
    """
    state = [name for name in pairs.columns if name not in (*key, *names)]
    if before is None:
        return pairs.with_columns(valid_from=pl.lit(scope.as_of), valid_to=pl.lit(None, pl.Date)), _no_past(pairs)
    former = before.filter(pl.col("valid_from") <= scope.as_of)
    same = pairs.join(former.select(*key, *state, "valid_from"), on=[*key, *state], how="left", nulls_equal=True)
    current = same.with_columns(
        valid_from=pl.col("valid_from").fill_null(scope.as_of), valid_to=pl.lit(None, pl.Date)
    ).sort("item_id", "version", key[0])
    ended = former.filter(pl.col("valid_from") < scope.as_of).join(
        current.select(*key, "valid_from"), on=[*key, "valid_from"], how="anti"
    )
    past = ended.with_columns(valid_to=pl.lit(scope.as_of - timedelta(days=1)))
    return current, past.select(current.columns).sort("item_id", "version", key[0])


def _no_past(pairs: pl.DataFrame) -> pl.DataFrame:
    return pairs.head(0).with_columns(valid_from=pl.lit(None, pl.Date), valid_to=pl.lit(None, pl.Date))


def pair_frame(verdicts: Verdicts) -> pl.DataFrame:
    """The pairs to keep, with the enterprise's USCC, ordered by item and enterprise."""
    uscc = verdicts.profiles.select("enterprise_id", "uscc")
    found = verdicts.pairs().join(uscc, on="enterprise_id", how="left", maintain_order="left")
    first = ["enterprise_id", "uscc"]
    return found.select(*first, pl.exclude(first)).sort("item_id", "version", "enterprise_id")


ENOUGH = 1_000
"""Enterprises from which on a rule that all of them fail says something about the rule."""


def met_by_nobody(counts: pl.DataFrame) -> list[str]:
    """Items that every enterprise is known to fail: no list is stopped by that, but a threshold in the wrong unit looks like this."""
    return counts.filter((pl.col("n") >= ENOUGH) & (pl.col("ineligible") == pl.col("n")))["item_id"].to_list()


def _tables(**described: str) -> dict[str, dg.AssetOut]:
    """Tables of this group by name, each with what it holds."""
    return {
        name: dg.AssetOut(key=["match", name], group_name="match", description=text, kinds={"polars", "duckdb"})
        for name, text in described.items()
    }


@dg.multi_asset(
    outs=_tables(
        pair="现行判定：符合、仅差承诺、只缺一项数据或差一步的（企业，事项）对，附已满足、未满足、未知的条件和测算金额。",
        pair_past="曾经的判定：已改变或消失的（企业，事项）对及其起止日，用来回答“当时怎么判的”。",
    ),
    deps=UPSTREAM,
)
def pair(context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]):
    """Evaluates, dates and stores the pairs; both tables change together."""
    program = program_in_force(scope, context.log)
    verdicts = evaluate(program, profiles(warehouse, program), scope.as_of)
    nobody = met_by_nobody(verdicts.counts())
    if nobody:
        context.log.warning(f"没有一家企业可能符合的事项 {len(nobody)} 个，请核对门槛的单位和条件：{'、'.join(nobody)}")
    before = warehouse.frame("SELECT * FROM match.pair") if warehouse.exists("match.pair") else None
    current, past = dated(pair_frame(verdicts), before, scope)
    with warehouse.write() as transaction:
        kept = transaction.replace("match.pair", current)
        former = transaction.append("match.pair_past", past, key=(*KEY, "valid_from"))
    yield dg.MaterializeResult(
        asset_key=["match", "pair"],
        metadata={
            **table_metadata(kept, PAIR_LABELS),
            "as_of": scope.as_of.isoformat(),
            "items": len(program.items),
            "atoms": len(verdicts.kernel.layout.atoms),
            "met_by_nobody": "、".join(nobody) or "无",
        },
    )
    yield dg.MaterializeResult(asset_key=["match", "pair_past"], metadata=table_metadata(former, PAIR_LABELS))


@dg.multi_asset(
    outs=_tables(
        total="判定合计：每个事项各判定的企业数和测算金额，按注册地、行业门类、规模分；包括不符合的，是全部企业。",
        item_day="每个事项每天的判定合计，用来看逐日变化。",
    ),
    deps=UPSTREAM,
)
def total(warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]):
    """Counts the whole universe by group, and the day's sums per item."""
    program = program_in_force(scope)
    universe = profiles(warehouse, program)
    groups = universe.select(
        (pl.col(column) if column in universe.columns else pl.lit(None, pl.String)).alias(name)
        for name, column in GROUPS.items()
    )
    totals = evaluate(program, universe, scope.as_of).totals(groups)
    daily = (
        totals.group_by("item_id", "version", "verdict")
        .agg(pl.col("n").sum(), pl.col("amount_yuan").sum().cast(pl.Decimal(18, 2)))
        .select(pl.lit(scope.as_of).alias("as_of"), pl.all())
        .sort("item_id", "version", "verdict")
    )
    with warehouse.write() as transaction:
        by_group = transaction.replace("match.total", totals)
        by_day = transaction.append("match.item_day", daily, key=("as_of",))
    yield dg.MaterializeResult(asset_key=["match", "total"], metadata=table_metadata(by_group, TOTAL_LABELS))
    yield dg.MaterializeResult(asset_key=["match", "item_day"], metadata=table_metadata(by_day, DAY_LABELS))


MATCH_ASSETS = [pair, total]
