"""push/decision: 即申即享 cases answered with their declarations filled in, as soon as they arrive."""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

import dagster as dg
import polars as pl

from assets.match import profiles, program_in_force
from assets.ports import Control, Scope, Warehouse
from assets.push_doubt import Source, doubts
from assets.push_inputs import calendar, cases, conditions, indicators_of, items, tables_of
from assets.push_proofs import checked
from assets.sql import table_metadata
from data import indicators
from data.contract import feeds
from matching.push.decision import DECISIONS, DECLARATIONS, Declared, Grounds, decisions, declared
from matching.push.inputs import shaped
from matching.push.kinds import MODE_INSTANT
from matching.rules import Program, evaluate, explain
from matching.rules.explain import VERDICT_WORDS
from matching.rules.reasons import reasons, short_of
from matching.rules.terms import columns

LABELS = {
    "case_no": "办件编号",
    "enterprise_id": "企业编号",
    "item_id": "事项编号",
    "version": "事项版本",
    "applied_on": "申报日",
    "answer": "答复：approve 通过、ask 请补充、review 转核实、refuse 不符合",
    "reason": "理由",
    "amount_yuan": "核定金额（元）",
    "due_on": "承诺办结日",
    "verdict": "判定（并入申报数据）",
    "met": "满足的条件",
    "failed": "未满足的条件",
    "unknown": "缺数据的条件",
    "bar": "排除情形：clear 无、barred 命中、unknown 未核实",
    "bars": "相关排除情形",
    "declared": "并入判定的申报数据（JSON）",
}


def declarations(warehouse: Warehouse) -> pl.DataFrame:
    """What applicants declared, as known by `known_at`, in the shape of DECLARATIONS."""
    if not warehouse.exists("raw.apply_declaration"):
        return pl.DataFrame(schema=DECLARATIONS)
    frame = warehouse.frame(
        "SELECT case_no, indicator, value, proof, submitted_at FROM raw.apply_declaration"
        " WHERE _received_at <= getvariable('known_at') ORDER BY ALL"
    )
    return shaped(frame, DECLARATIONS, "raw.apply_declaration")


def declarable(named: pl.DataFrame, rules: pl.DataFrame) -> dict[str, frozenset[str]]:
    """Item → the indicators an applicant may speak to: those of its `ask` conditions that no other condition of the item rests on.

    `named` is (item_id, version, condition_id, indicator); `rules` are the conditions. What a department must confirm, or what counts
    as a refusal when unknown, is not to be had by saying so under another condition.
    """
    used = named.join(
        rules.select("item_id", "version", "condition_id", "on_unknown"), on=["item_id", "version", "condition_id"]
    )
    other = used.filter(pl.col("on_unknown").is_null() | (pl.col("on_unknown") != "ask"))
    free = used.filter(pl.col("on_unknown") == "ask").join(other, on=["item_id", "indicator"], how="anti")
    return {str(item): frozenset(rows["indicator"]) for (item,), rows in free.group_by("item_id", maintain_order=True)}


def _with_declared(firms: pl.DataFrame, said: dict[str, Declared]) -> pl.DataFrame:
    """The profile rows (one per case, `enterprise_id` holding the case number) with declared values in their gaps."""
    names = sorted({name for one in said.values() for name in one.values if name in firms.columns})
    fills = pl.DataFrame(
        [[case, *(one.values.get(name) for name in names)] for case, one in sorted(said.items())],
        schema={"enterprise_id": pl.String, **{f"_{name}": pl.String for name in names}},
        orient="row",
    )
    return (
        firms.join(fills, on="enterprise_id", how="left", maintain_order="left")
        .with_columns(
            pl.coalesce(pl.col(name), _read(pl.col(f"_{name}"), firms.schema[name]).alias(name)) for name in names
        )
        .select(firms.columns)
    )


def _read(text: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Declared text as the profile's type; what cannot be read stays unknown."""
    if dtype == pl.Boolean:
        return text.str.to_lowercase().replace_strict(
            {"true": True, "是": True, "false": False, "否": False}, default=None
        )
    if isinstance(dtype, pl.List):
        return pl.lit(None, dtype=dtype)
    return text.cast(dtype, strict=False)


@dg.asset(
    key=["push", "decision"],
    group_name="push",
    kinds={"duckdb", "polars"},
    deps=[
        ["profile", "enterprise"],
        ["profile", "evidence"],
        ["policy", "item"],
        ["policy", "condition"],
        ["registry", "subject"],
        ["raw", "apply_case"],
        ["raw", "apply_declaration"],
    ],
    description="即申即享答复：每个未决办件并入其申报数据后重新判定，答复通过、请补充、转核实或不符合，附理由和承诺办结日；通过的再走兑付审批。",
)
def decision(
    warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope], control: dg.ResourceParam[Control]
) -> dg.MaterializeResult:
    found = _answers(warehouse, scope, checked(control))
    with warehouse.write() as transaction:
        written = transaction.replace("push.decision", found)
    counts = dict(found.group_by("answer").len().sort("answer").iter_rows())
    return dg.MaterializeResult(metadata={**table_metadata(written, LABELS), **counts})


def _answers(
    warehouse: Warehouse, scope: Scope, proofs: Mapping[tuple[str, str, str], tuple[bool, str]]
) -> pl.DataFrame:
    item_rows = items(warehouse).filter(pl.col("mode") == MODE_INSTANT)
    waiting = (
        cases(warehouse)
        .filter(pl.col("decision").is_null())
        .join(item_rows.select("item_id"), on="item_id", how="semi")
        .sort("case_no")
    )
    if waiting.is_empty():
        return pl.DataFrame(schema=DECISIONS)
    program, rules, catalogue = program_in_force(scope), conditions(warehouse), indicators.load()
    firms = (
        profiles(warehouse, program)
        .join(waiting.select("enterprise_id", "case_no"), on="enterprise_id", how="inner")
        .sort("case_no")
        .with_columns(pl.col("case_no").alias("enterprise_id"))
        .drop("case_no")
    )
    barred_by = {
        item: {column.name for bar in compiled.bars for column in columns(bar.term)}
        for item, compiled in program.by_id.items()
    }
    names = {
        item: free - barred_by.get(item, set())
        for item, free in declarable(indicators_of(rules, catalogue), rules).items()
    }
    item_of = dict(waiting.select("case_no", "item_id").iter_rows())
    held = {row["enterprise_id"]: row for row in firms.iter_rows(named=True)}
    said = {
        str(case): declared(
            rows,
            {name: None if value is None else str(value) for name, value in held[str(case)].items()},
            names.get(item_of[str(case)], frozenset()),
            {(name, value): note for (of, name, value), (holds, note) in proofs.items() if of == case and not holds},
        )
        for (case,), rows in declarations(warehouse).group_by("case_no", maintain_order=True)
        if str(case) in held
    }
    wanted = sorted(set(waiting["item_id"]) & program.by_id.keys())
    filled = _with_declared(firms, said)
    pairs = _own_pairs(program, filled, waiting.filter(pl.col("item_id").is_in(wanted)))
    by_case = waiting.with_columns(pl.col("case_no").alias("enterprise_id"))
    answered = decisions(
        by_case,
        pairs.with_columns(pl.lit(None, dtype=pl.String).alias("uscc")),
        item_rows,
        rules,
        said,
        calendar().is_working,
        {(item, program.by_id[item].text.version) for item in wanted},
        _grounds(warehouse, program, pairs, filled, waiting),
        {name: indicator.label for name, indicator in catalogue.items()}
        | {bar.text.id: bar.text.label for compiled in program.by_id.values() for bar in compiled.bars},
        _doubtful(warehouse, waiting, tables_of(warehouse, indicators_of(rules, catalogue), catalogue)),
    )
    owners = waiting.select("case_no", pl.col("enterprise_id").alias("_owner"))
    return (
        answered.join(owners, on="case_no", how="left", maintain_order="left")
        .with_columns(pl.col("_owner").alias("enterprise_id"))
        .drop("_owner")
    )


def _doubtful(warehouse: Warehouse, waiting: pl.DataFrame, sources: list[Source]) -> dict[str, str]:
    """Case → why what departments hold of its firm is in doubt, for the item it asks for."""
    found = waiting.join(doubts(warehouse, sources), on="enterprise_id", how="inner", suffix="_of").filter(
        pl.col("item_id_of").is_null() | (pl.col("item_id_of") == pl.col("item_id"))
    )
    return dict(found.sort("case_no", "detail").unique("case_no", keep="first").select("case_no", "detail").iter_rows())


def _own_pairs(program: Program, firms: pl.DataFrame, waiting: pl.DataFrame) -> pl.DataFrame:
    """Each case with the item it asks for, however far it is from it, judged for the day it was filed; `enterprise_id` holds the case number.

    The facts are those of today. But who was young enough, or held a certificate, on the day of filing is not refused because the answer took a week.
    """
    parts = [evaluate(program, firms.head(0), dt.date.min).pairs([])]
    for (day,), filed in waiting.sort("applied_on").group_by("applied_on", maintain_order=True):
        asked = filed.select(pl.col("case_no").alias("enterprise_id"), "item_id")
        wanted = sorted(set(asked["item_id"]))
        judged = evaluate(program, firms.join(asked, on="enterprise_id", how="semi"), day).pairs(
            wanted, everything=True
        )
        parts.append(judged.join(asked, on=["enterprise_id", "item_id"], how="semi", maintain_order="left"))
    return pl.concat(parts)


def _grounds(
    warehouse: Warehouse,
    program: Program,
    pairs: pl.DataFrame,
    firms: pl.DataFrame,
    waiting: pl.DataFrame,
) -> dict[str, Grounds]:
    """Case → what its verdict rests on; of a refusal in words, with the values that departments hold and their sources."""
    owner_of = dict(waiting.select("case_no", "enterprise_id").iter_rows())
    filed_on = dict(waiting.select("case_no", "applied_on").iter_rows())
    refused = pairs.filter((pl.col("verdict") == "ineligible") & (pl.col("bar") != "barred"))["enterprise_id"]
    rows = {
        row["enterprise_id"]: row
        for row in firms.filter(pl.col("enterprise_id").is_in(refused.implode())).iter_rows(named=True)
    }
    held = _evidence(warehouse, {owner_of[case] for case in rows})
    departments = {key: feed.name.removeprefix("海南省") for key, feed in feeds().items()}
    found: dict[str, Grounds] = {}
    for pair in pairs.filter(pl.col("verdict") != "eligible").iter_rows(named=True):
        case, item = pair["enterprise_id"], pair["item_id"]
        states = {name: state for column, state in _STATES.items() for name in pair[column]}
        lacking = tuple(literal.id for literal in reasons(program.by_id[item], states, None))
        # one alone would do: what `short_of` says of a pair in which every unknown had failed
        enough = short_of(program.by_id[item], {name: bool(state) for name, state in states.items()})
        why = ""
        if case in rows:
            told = explain(
                program,
                rows[case],
                item,
                filed_on[case],
                evidence=held.get(owner_of[case], {}),
                departments=departments,
            )
            why = told.sentence.removeprefix(f"{told.title}：{VERDICT_WORDS[told.verdict]}。")
        found[case] = Grounds(lacking, frozenset(literal.id for literal in enough), why)
    return found


_STATES: Mapping[str, bool | None] = {"met": True, "failed": False, "unknown": None}


def _evidence(warehouse: Warehouse, owners: Collection[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Enterprise → indicator → where its value comes from."""
    if not owners or not warehouse.exists("profile.evidence"):
        return {}
    found: dict[str, dict[str, dict[str, Any]]] = {}
    frame = warehouse.frame(
        "SELECT * FROM profile.evidence WHERE enterprise_id IN (SELECT unnest($e)) ORDER BY enterprise_id, indicator",
        {"e": sorted(owners)},
    )
    for row in frame.iter_rows(named=True):
        found.setdefault(row["enterprise_id"], {})[row["indicator"]] = row
    return found
