"""即申即享: an application arrives, its declarations are taken into account, and the answer comes at once, with its reasons."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import polars as pl

from matching.push import kinds
from matching.push.inputs import MONEY_TYPE, PAIRS, Schema, shaped

CASES: Final[Schema] = {
    "case_no": pl.String,
    "enterprise_id": pl.String,
    "item_id": pl.String,
    "applied_on": pl.Date,
    "decision": pl.String,
}
DECLARATIONS: Final[Schema] = {
    "case_no": pl.String,
    "indicator": pl.String,
    "value": pl.String,
    "proof": pl.String,
    "submitted_at": pl.Datetime("us"),
}
DECISIONS: Final[Schema] = {
    "case_no": pl.String,
    "enterprise_id": pl.String,
    "item_id": pl.String,
    "version": pl.Int64,
    "applied_on": pl.Date,
    "answer": pl.String,
    "reason": pl.String,
    "amount_yuan": MONEY_TYPE,
    "due_on": pl.Date,
}

ANSWERS: Final = {
    "approve": "通过，进入兑付审批",
    "ask": "请补充",
    "review": "转部门核实",
    "refuse": "不符合条件",
}


@dataclass(frozen=True)
class Declared:
    """The declarations of one case that change the profile: indicator → text; `conflicts` are those a department contradicts."""

    values: Mapping[str, str]
    conflicts: Mapping[str, tuple[str, str]]


def declared(declarations: pl.DataFrame, known: Mapping[str, str | None], declarable: frozenset[str]) -> Declared:
    """What a case's declarations (DECLARATIONS, one case) add to what departments know of the firm.

    The newest statement of an indicator counts. A declaration fills a gap; it never overrides a department: where both speak and
    differ, it is a conflict for a person. An indicator outside `declarable` (the `ask` conditions of the item) is ignored.
    """
    values: dict[str, str] = {}
    conflicts: dict[str, tuple[str, str]] = {}
    newest = (
        shaped(declarations, DECLARATIONS, "申报")
        .sort("indicator", "submitted_at")
        .group_by("indicator", maintain_order=True)
        .last()
    )
    for row in newest.iter_rows(named=True):
        name, said = row["indicator"], row["value"]
        if name not in declarable or said is None:
            continue
        held = known.get(name)
        if held is None:
            values[name] = said
        elif not _same(held, said):
            conflicts[name] = (held, said)
    return Declared(values, conflicts)


def _same(held: str, said: str) -> bool:
    try:
        return Decimal(held) == Decimal(said)
    except ArithmeticError:
        return held.strip() == said.strip()


def due(applied_on: dt.date, working_days: int | None, is_working: Any) -> dt.date | None:
    """The day by which the answer was promised: `working_days` working days after the application."""
    if working_days is None:
        return None
    day = applied_on
    for _ in range(working_days):
        day += dt.timedelta(days=1)
        while not is_working(day):
            day += dt.timedelta(days=1)
    return day


def answer(
    pair: Mapping[str, Any], conditions: Mapping[str, Mapping[str, Any]], conflicts: Mapping[str, tuple[str, str]]
) -> tuple[str, str]:
    """(answer, reason) for one case, from the verdict of its pair with the declarations filled in.

    `pair` has the columns of match.pair; `conditions` maps condition id → row of policy.condition. Money goes out only on
    `eligible`, or on `declarable` whose promises were made by applying, with every bar clear.
    """
    texts = {name: str(row["text"]) for name, row in conditions.items()}

    def said(names: list[str]) -> str:
        return "；".join(texts.get(name, name) for name in sorted(names))

    if pair["bar"] == "barred":
        return "refuse", f"命中排除情形：{'、'.join(pair['bars'])}"
    if pair["verdict"] == "ineligible":
        return "refuse", f"未达到：{said(pair['failed'])}"
    if conflicts:
        shown = "；".join(
            f"{name} 部门记载 {held}，申报 {claimed}" for name, (held, claimed) in sorted(conflicts.items())
        )
        return "review", f"申报与部门数据不一致：{shown}"
    if pair["bar"] != "clear":
        return "review", f"排除情形未核实：{'、'.join(pair['bars'])}"
    # With OR in the logic an eligible pair may have unknown branches; they are no gaps.
    unknown = [] if pair["verdict"] == "eligible" else pair["unknown"]
    data_gaps = [name for name in unknown if name in conditions and not conditions[name]["outside"]]
    to_review = [name for name in data_gaps if conditions[name]["on_unknown"] == "review"]
    if to_review:
        return "review", f"须部门核实：{said(to_review)}"
    if data_gaps:
        return "ask", f"请补充：{said(data_gaps)}"
    if pair["amount_yuan"] is None or pair["amount_yuan"] <= 0:
        return "review", "条件符合，金额须人工核定"
    promised = [name for name in unknown if name not in data_gaps]
    return "approve", "全部条件符合" + (f"，以承诺为准：{said(promised)}" if promised else "")


def decisions(
    cases: pl.DataFrame,
    pairs: pl.DataFrame,
    items: pl.DataFrame,
    conditions: pl.DataFrame,
    conflicts: Mapping[str, Mapping[str, tuple[str, str]]],
    is_working: Any,
) -> pl.DataFrame:
    """Answers (DECISIONS) to the open 即申即享 cases, ordered by case; `pairs` were evaluated with each case's declarations.

    A case without a pair is refused with that reason: the kernel keeps no row for a firm that is far from the item.
    """
    rules: dict[tuple[str, int], dict[str, dict[str, Any]]] = {}
    for row in conditions.iter_rows(named=True):
        rules.setdefault((row["item_id"], row["version"]), {})[row["condition_id"]] = row
    open_cases = (
        shaped(cases, CASES, "办件")
        .filter(pl.col("decision").is_null())
        .join(items.select("item_id", "version", "mode", "promise_days"), on="item_id", how="inner")
        .filter(pl.col("mode") == kinds.MODE_INSTANT)
        .sort("case_no", "version")
        .unique(subset="case_no", keep="last", maintain_order=True)
    )
    found = {
        (row["enterprise_id"], row["item_id"], row["version"]): row
        for row in shaped(pairs.with_columns(pl.lit(None).alias("score")), PAIRS, "判定").iter_rows(named=True)
    }
    rows: list[dict[str, Any]] = []
    for case in open_cases.iter_rows(named=True):
        pair = found.get((case["enterprise_id"], case["item_id"], case["version"]))
        if pair is None:
            what, why = "refuse", "与条件差距较大，逐条结果见 huiqi explain"
        else:
            what, why = answer(
                pair, rules.get((case["item_id"], case["version"]), {}), conflicts.get(case["case_no"], {})
            )
        rows.append(
            {
                **{name: case[name] for name in ("case_no", "enterprise_id", "item_id", "version", "applied_on")},
                "answer": what,
                "reason": why,
                "amount_yuan": pair["amount_yuan"] if pair is not None and what == "approve" else None,
                "due_on": due(case["applied_on"], case["promise_days"], is_working),
            }
        )
    return pl.DataFrame(rows, schema=DECISIONS, orient="row")
