"""即申即享: an application arrives, its declarations are taken into account, and the answer comes at once, with its reasons."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import polars as pl

from matching.push import kinds
from matching.push.inputs import CASES, MONEY_TYPE, PAIRS, TEXTS, Schema, shaped

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
    "verdict": pl.String,
    "met": TEXTS,
    "failed": TEXTS,
    "unknown": TEXTS,
    "bar": pl.String,
    "bars": TEXTS,
    "declared": pl.String,
}
_JUDGED: Final = ("verdict", "met", "failed", "unknown", "bar", "bars")

ANSWERS: Final = {
    "approve": "通过，进入兑付审批",
    "ask": "请补充",
    "review": "转部门核实",
    "refuse": "不符合条件",
}


NONE_UNTRUE: Final[Mapping[tuple[str, str], str]] = {}


@dataclass(frozen=True)
class Declared:
    """The declarations of one case that change the profile: indicator → text, with the day each was made.

    `conflicts` are those a department contradicts: indicator → (held, declared); `refuted` those whose document was found not to bear them
    out: indicator → the clerk's note.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    conflicts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    days: Mapping[str, dt.date] = field(default_factory=dict)
    refuted: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> str | None:
        """The declarations that count as a JSON array of indicator, value, submitted_on; None without any."""
        said = [
            {"indicator": name, "value": value, "submitted_on": self.days[name].isoformat()}
            for name, value in sorted(self.values.items())
        ]
        return json.dumps(said, ensure_ascii=False) if said else None


def declared(
    declarations: pl.DataFrame,
    known: Mapping[str, str | None],
    declarable: frozenset[str],
    untrue: Mapping[tuple[str, str], str] = NONE_UNTRUE,
) -> Declared:
    """What a case's declarations (DECLARATIONS, one case) add to what departments know of the firm.

    The newest statement of an indicator counts. A declaration fills a gap; it never overrides a department: where both speak and
    differ, it is a conflict for a person. An indicator outside `declarable` (the `ask` conditions of the item) is ignored. `untrue` are
    the (indicator, value) that a clerk found not borne out by the document named for them: they fill nothing.
    """
    refuted: dict[str, str] = {}
    values: dict[str, str] = {}
    conflicts: dict[str, tuple[str, str]] = {}
    days: dict[str, dt.date] = {}
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
        if (name, said) in untrue:
            refuted[name] = untrue[name, said]
        elif held is None:
            values[name] = said
            days[name] = row["submitted_at"].date()
        elif not _same(held, said):
            conflicts[name] = (held, said)
    return Declared(values, conflicts, days, refuted)


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


@dataclass(frozen=True)
class Grounds:
    """What one case's verdict rests on: of a logic with alternatives, not every condition that fails or is unknown.

    `lacking` are the conditions through which it is undecided, in the order of the item, and `enough` those of which one alone would do;
    `why` says in words, values and sources why it is refused.
    """

    lacking: tuple[str, ...] = ()
    enough: frozenset[str] = frozenset()
    why: str = ""


NO_GROUNDS: Final[Mapping[str, Grounds]] = {}
NO_NAMES: Final[Mapping[str, str]] = {}
REMEDY: Final = "认为部门记载有误的，可申请疑义核校；情况有变化的，可再次申报"


def answer(
    pair: Mapping[str, Any],
    conditions: Mapping[str, Mapping[str, Any]],
    conflicts: Mapping[str, tuple[str, str]],
    grounds: Grounds | None = None,
    names: Mapping[str, str] = NO_NAMES,
) -> tuple[str, str]:
    """(answer, reason) for one case, from the verdict of its pair with the declarations filled in.

    `pair` has the columns of match.pair; `conditions` maps condition id → row of policy.condition. Money goes out only on
    `eligible`, or on `declarable` whose promises were made by applying, with every bar clear. Without `grounds` the pair's own lists
    speak: of a near-miss what alone is wanting, else every condition that failed or is unknown. `names` are the labels of indicators and bars.
    """
    texts = {name: str(row["text"]) for name, row in conditions.items()}

    def said(ids: Iterable[str]) -> str:
        return "；".join(texts.get(name, name) for name in ids)

    bars = "、".join(names.get(name, name) for name in pair["bars"])
    if pair["bar"] == "barred":
        return "refuse", f"命中排除情形：{bars}。{REMEDY}"
    if pair["verdict"] == "ineligible":
        why = grounds.why if grounds else _short(pair, texts)
        return "refuse", f"{why.rstrip('。')}。{REMEDY}"
    if conflicts:
        shown = "；".join(
            f"{names.get(name, name)} 部门记载 {held}，申报 {claimed}"
            for name, (held, claimed) in sorted(conflicts.items())
        )
        return "review", f"申报与部门数据不一致：{shown}"
    if pair["bar"] != "clear":
        return "review", f"排除情形未核实：{bars}"
    # With OR in the logic an eligible pair may have unknown branches; they are no gaps.
    lacking = grounds.lacking if grounds else pair["unknown"]
    unknown = [] if pair["verdict"] == "eligible" else lacking
    data_gaps = [name for name in unknown if name in conditions and not conditions[name]["outside"]]
    to_review = [name for name in data_gaps if conditions[name]["on_unknown"] == "review"]
    if to_review:
        return "review", f"须部门核实：{said(to_review)}"
    if len(data_gaps) > 1 and grounds and grounds.enough.issuperset(data_gaps):
        return "ask", f"请补充以下任一项：{'；或者'.join(texts.get(name, name) for name in data_gaps)}"
    if data_gaps:
        return "ask", f"请补充：{said(data_gaps)}"
    if pair["amount_yuan"] is None or pair["amount_yuan"] <= 0:
        return "review", "条件符合，金额须人工核定"
    promised = [name for name in unknown if name not in data_gaps]
    return "approve", "全部条件符合" + (f"，以承诺为准：{said(promised)}" if promised else "")


def _short(pair: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    wanting = [texts.get(name, name) for name in sorted(pair.get("short_of") or pair["failed"])]
    one_of = len(wanting) > 1 and bool(pair.get("short_of"))
    return f"未达到以下任一项：{'；或者'.join(wanting)}" if one_of else f"未达到：{'；'.join(wanting)}"


def _applicable(cases: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """The open cases of 即申即享 items, each with the version that was in force when it was filed; none in force gives a null version."""
    offered = items.filter(pl.col("mode") == kinds.MODE_INSTANT)
    dated = cases.join(
        offered.select("item_id", "version", "promise_days", "valid_from", "valid_to", "window_from", "window_to"),
        on="item_id",
        how="inner",
    )
    filed = pl.col("applied_on")
    in_force = (pl.col("valid_from") <= filed).fill_null(True) & (pl.col("valid_to") >= filed).fill_null(True)
    return (
        dated.with_columns(pl.when(in_force).then(pl.col("version")).alias("version"))
        .sort("case_no", "version", nulls_last=False)
        .unique(subset="case_no", keep="last", maintain_order=True)
    )


def decisions(
    cases: pl.DataFrame,
    pairs: pl.DataFrame,
    items: pl.DataFrame,
    conditions: pl.DataFrame,
    said: Mapping[str, Declared],
    is_working: Any,
    judged: Collection[tuple[str, int]],
    grounds: Mapping[str, Grounds] = NO_GROUNDS,
    names: Mapping[str, str] = NO_NAMES,
    doubts: Mapping[str, str] = NO_NAMES,
) -> pl.DataFrame:
    """Answers (DECISIONS) to the open 即申即享 cases, ordered by case; `pairs` were evaluated with each case's declarations (`said`).

    The version in force on the day of application counts; where it is not among the `judged` versions (item, version) any more, a
    person answers. So does it for a case without a pair: that alone does not say whether conditions are failed or unknown.
    `grounds` (case → what its verdict rests on) and `names` (indicator or bar → label) give the words. `doubts` (case → what is in doubt
    about what departments hold of the firm): neither granted nor refused by it, a person looks.
    """
    rules: dict[tuple[str, int], dict[str, dict[str, Any]]] = {}
    for row in conditions.iter_rows(named=True):
        rules.setdefault((row["item_id"], row["version"]), {})[row["condition_id"]] = row
    open_cases = _applicable(shaped(cases, CASES, "办件").filter(pl.col("decision").is_null()), items)
    found = {
        (row["enterprise_id"], row["item_id"], row["version"]): row
        for row in shaped(pairs.with_columns(pl.lit(None).alias("score")), PAIRS, "判定").iter_rows(named=True)
    }
    rows: list[dict[str, Any]] = []
    for case in open_cases.iter_rows(named=True):
        pair = found.get((case["enterprise_id"], case["item_id"], case["version"]))
        declared_by = said.get(case["case_no"], Declared())
        what, why = (
            _untimely(case)
            or _outlived(case, judged)
            or (
                answer(
                    pair,
                    rules.get((case["item_id"], case["version"]), {}),
                    declared_by.conflicts,
                    grounds.get(case["case_no"]),
                    names,
                )
                if pair is not None
                else ("review", "现行档案里没有这家企业，须人工核对")
            )
        )
        if declared_by.refuted and what in ("approve", "ask"):
            found_so = "；".join(
                f"{names.get(name, name)}（{note}）" for name, note in sorted(declared_by.refuted.items())
            )
            what, why = "review", f"申报材料经核验不符：{found_so}"
        if case["case_no"] in doubts and what in ("approve", "refuse") and _untimely(case) is None:
            what, why = "review", f"部门数据须先更正或核实：{doubts[case['case_no']]}"
        rows.append(
            {
                **{name: case[name] for name in ("case_no", "enterprise_id", "item_id", "version", "applied_on")},
                "answer": what,
                "reason": why,
                "amount_yuan": pair["amount_yuan"] if pair is not None and what == "approve" else None,
                "due_on": due(case["applied_on"], case["promise_days"], is_working),
                **{name: pair[name] if pair is not None else None for name in _JUDGED},
                "declared": declared_by.document(),
            }
        )
    return pl.DataFrame(rows, schema=DECISIONS, orient="row")


def _untimely(case: Mapping[str, Any]) -> tuple[str, str] | None:
    filed, first, last = case["applied_on"], case["window_from"], case["window_to"]
    if case["version"] is None:
        return "refuse", f"申报日 {filed} 事项不在有效期"
    if (first is not None and filed < first) or (last is not None and filed > last):
        return "refuse", f"申报日 {filed} 不在申报期（{first or '—'} 至 {last or '—'}）"
    return None


def _outlived(case: Mapping[str, Any], judged: Collection[tuple[str, int]]) -> tuple[str, str] | None:
    if (case["item_id"], case["version"]) in judged:
        return None
    return "review", f"申报时适用第 {case['version']} 版，该版已不再判定，须人工办理"
