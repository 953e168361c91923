"""Why a pair has its verdict: every condition with the words of the policy, the fact, its source and the distance."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import polars as pl

from matching.rules.columns import Block, Plane
from matching.rules.given import day_of, row_of
from matching.rules.kernel import Kernel
from matching.rules.observe import INAPPLICABLE, Measure, Observation, Observer, State
from matching.rules.profiles import as_told, profile_frame
from matching.rules.program import Item, Program
from matching.rules.reasons import EITHER, against, reasons, short_of
from matching.rules.terms import Or, Term
from matching.rules.values import decimal
from matching.rules.verdicts import VERDICTS, Verdict, awards
from matching.rules.wording import yuan

VERDICT_WORDS: Mapping[str, str] = {
    "eligible": "符合",
    "declarable": "数据条件都符合，仅差承诺事项",
    "unknown": "缺少数据，暂不能判定",
    "ineligible": "不符合",
}


@dataclass(frozen=True)
class ConditionExplanation(Measure):
    """One condition, with the measure of the test that decided it; `observations` holds every test the condition is made of."""

    id: str
    text: str
    expr: str
    verdict: State
    sentence: str
    on_unknown: str
    outside: bool = False
    observations: tuple[Observation, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """A pair explained. `sentence` is the whole in one Chinese sentence; `bars` are conditions that hold or are unknown."""

    item_id: str
    version: int
    title: str
    verdict: Verdict
    sentence: str
    amount_yuan: Decimal | None
    near_miss: bool
    one_unknown: bool
    bar: Literal["clear", "barred", "unknown"]
    as_of: date
    known_at: datetime | None
    rules_as_of: date | None
    conditions: tuple[ConditionExplanation, ...] = ()
    bars: tuple[ConditionExplanation, ...] = field(default=())
    # of a near-miss, the conditions of which one alone would do; of any other pair none
    short_of: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As `huiqi explain --json` prints it; fractions as DECIMAL, cut at 6 decimals."""
        return {
            "item_id": self.item_id,
            "version": self.version,
            "title": self.title,
            "verdict": self.verdict,
            "amount_yuan": self.amount_yuan,
            "near_miss": self.near_miss,
            "short_of": list(self.short_of),
            "one_unknown": self.one_unknown,
            "bar": self.bar,
            "as_of": self.as_of,
            "known_at": self.known_at,
            "rules_as_of": self.rules_as_of,
            "conditions": [_condition_dict(condition) for condition in self.conditions],
            "bars": [_condition_dict(bar) for bar in self.bars],
            "sentence": self.sentence,
        }


def explain(
    program: Program,
    profile_row: Mapping[str, Any],
    item_id: str,
    as_of: date,
    *,
    version: int | None = None,
    evidence: Mapping[str, Mapping[str, Any]] | None = None,
    departments: Mapping[str, str] | None = None,
    known_at: datetime | None = None,
    rules_as_of: date | None = None,
) -> Explanation:
    """Explains one enterprise on one item.

    `profile_row` maps indicators to values (other keys are ignored; a missing one is UNKNOWN), or is a frame of one row; `evidence` maps an indicator to where it
    came from (`department, table_name, file_id, row_no, valid_at, received_at, state`); `departments` maps department ids to names.
    Raises KeyError for an item the program lacks, RuleError for a value of another type and for arguments of another kind.
    """
    item = program.item(item_id, version)
    as_of = day_of(as_of)
    given = as_told(row_of(profile_row), program.indicators)
    block = Block(profile_frame([given], program.indicators), as_of)
    observer = Observer(block, given, program.indicators, evidence or {}, departments or {})
    kernel = Kernel(Program((item,), program.vocabulary, program.indicators), block=64)
    kernel.load(block)
    plan = kernel.plans[0]
    planes = kernel.planes(0)
    verdict: Verdict = next(name for name in VERDICTS if _first(getattr(planes, name)))
    amount = awards(plan, block, np.zeros(1, np.int64), pl.Series([item_id]))[0]
    conditions = tuple(_condition(item, condition.id, observer) for condition in item.text.conditions)
    standing = [(bar, observer.state(bar.term)) for bar in item.bars]
    bars = tuple(
        _bar(bar.text.id, bar.text.label, bar.text.text, bar.text.expr, state, observer, bar.term)
        for bar, state in standing
        if state != "false"
    )
    barred = "barred" if _first(planes.barred) else "unknown" if _first(planes.bar_unknown) else "clear"
    found = Explanation(
        item_id=item.text.id,
        version=item.text.version,
        title=item.text.title,
        verdict=verdict,
        sentence="",
        amount_yuan=amount,
        near_miss=_first(planes.near_miss),
        one_unknown=_first(planes.one_unknown),
        bar="barred" if barred == "barred" else "unknown" if barred == "unknown" else "clear",
        as_of=as_of,
        known_at=known_at,
        rules_as_of=rules_as_of,
        conditions=conditions,
        bars=bars,
    )
    if found.near_miss:
        found = replace(found, short_of=tuple(literal.id for literal in short_of(item, _states(conditions))))
    return replace(found, sentence=_summary(item, found, denied=_first(planes.denied)))


_HELD: Mapping[str, bool | None] = {"true": True, "false": False, "unknown": None}


def _states(conditions: Sequence[ConditionExplanation]) -> dict[str, bool | None]:
    return {condition.id: _HELD[condition.verdict] for condition in conditions}


def _first(plane: Plane) -> bool:
    return bool(plane[0] & np.uint64(1))


_PROMISED = {"enterprise": "须由企业承诺或提供材料", "person": "须由本人承诺或提供材料"}


def _condition(item: Item, condition_id: str, observer: Observer) -> ConditionExplanation:
    text = item.conditions[condition_id]
    if text.outside:
        sentence = f"{_PROMISED[item.text.entity]}：{text.text}"
        return ConditionExplanation(text.id, text.text, "", "unknown", sentence, text.on_unknown, outside=True)
    term = item.terms[condition_id]
    state = observer.state(term)
    found = observer.observations(term)
    telling = observer.telling(term) or found
    sentence = observer.sentence(term)
    if state == "unknown" and text.text and any(observer.says_little(o) for o in telling):
        sentence += f"，{'不能据此' if sentence.endswith(INAPPLICABLE) else '用于'}判断“{text.text}”"
    if is_exclusion(text.text, text.expr) and state != "unknown":
        sentence += "，不在这一排除情形内" if state == "true" else "，属于这一排除情形"
    main = _main(term, state, telling)
    return ConditionExplanation(
        id=text.id,
        text=text.text,
        expr=text.expr,
        verdict=state,
        sentence=sentence,
        on_unknown=text.on_unknown,
        value=main.value if main else None,
        unit=main.unit if main else None,
        department=main.department if main else None,
        valid_at=main.valid_at if main else None,
        threshold=main.threshold if main else None,
        distance=main.distance if main else None,
        observations=tuple(found),
    )


def _main(term: Term, state: State, telling: list[Observation]) -> Observation | None:
    """The test that decided: the first, or, where any of several would have done, the one that was nearest to its threshold."""
    near = [o for o in telling if o.distance is not None and isinstance(o.threshold, Fraction | int) and o.threshold]
    if isinstance(term, Or) and state == "false" and near:
        return min(near, key=lambda o: abs(Fraction(o.distance or 0) / Fraction(o.threshold)))
    return telling[0] if telling else None


_NEGATIVE = re.compile(
    r"^\s*NOT\b(?!.*\b(AND|OR)\b)|<>|!=|\bNOT\s+IN\b|(?<![<>!])=\s*(0|FALSE)\s*$|IS\s+(NOT\s+TRUE|FALSE)", re.I
)
_SAYS_NOT = re.compile("不|没|非|除外|以外|无|未(?!缴|按|足|履|结|到|清|完)")


def is_exclusion(text: str, expr: str) -> bool:
    """Whether the words name who is shut out (纳税信用为D级的) while the rule, which must hold, denies it.

    A ✓ beside such words reads as its opposite unless the sentence says which way it is meant.
    """
    return bool(text and _NEGATIVE.search(expr)) and not _SAYS_NOT.search(text)


def _bar(
    bar_id: str, label: str, text: str, expr: str, state: State, observer: Observer, term: Any
) -> ConditionExplanation:
    found = observer.observations(term)
    detail = observer.sentence(term)
    sentence = f"命中排除情形“{label}”，暂不能兑现" if state == "true" else f"{label}：{detail}"
    main = found[0]
    return ConditionExplanation(
        bar_id,
        text,
        expr,
        state,
        sentence,
        "review",
        value=main.value,
        unit=main.unit,
        department=main.department,
        valid_at=main.valid_at,
    )


def _summary(item: Item, found: Explanation, *, denied: bool) -> str:
    parts = [f"{found.title}：{VERDICT_WORDS[found.verdict]}"]
    if found.verdict == "ineligible" and denied:
        wanting = [c.sentence for c in found.conditions if c.verdict == "unknown" and c.on_unknown == "deny"]
        parts.append("；".join(wanting) + "，本事项规定缺少这项数据即不予支持")
    elif found.verdict == "ineligible":
        parts.append(_failing(item, found))
    elif found.verdict in ("declarable", "unknown"):
        lacking = {literal.id for literal in reasons(item, _states(found.conditions), None)}
        wanting = [c.sentence for c in found.conditions if c.id in lacking and not c.outside]
        promised = [c for c in found.conditions if c.outside and c.id in lacking]
        if promised:
            heading = promised[0].sentence.partition("：")[0]
            wanting.append(f"{heading}：{'、'.join(c.text for c in promised)}")
        parts.append(_once(wanting))
    if found.amount_yuan is not None and found.verdict in ("eligible", "declarable"):
        parts.append(f"测算金额 {yuan(Fraction(found.amount_yuan))}")
    parts.extend(bar.sentence for bar in found.bars if bar.verdict == "true")
    if open_bars := [bar for bar in found.bars if bar.verdict == "unknown"]:
        parts.append(f"排除情形尚待核实（{'；'.join(bar.sentence for bar in open_bars)}），核实前不拨付")
    return "。".join(part for part in parts if part) + "。"


def _failing(item: Item, found: Explanation) -> str:
    """Why a pair is ineligible: what alone is wanting of a near-miss, else every condition the outcome rests on."""
    told = {condition.id: condition for condition in found.conditions}
    states = _states(found.conditions)
    if not found.near_miss:
        return _once(against(item, states, lambda literal: _against(told[literal.id])))
    words = [_against(told[name]) for name in found.short_of]
    if len(words) == 1:
        return ("只有一项不符合：" if len(reasons(item, states, False)) == 1 else "只差一项：") + words[0]
    return f"只差一项，{EITHER}" + "；或者".join(dict.fromkeys(words))


def _against(condition: ConditionExplanation) -> str:
    """The sentence of a condition that stands in the way; where the logic denies it, it does so by holding."""
    return condition.sentence + ("，而本事项要求不属于这一情形" if condition.verdict == "true" else "")


def _once(sentences: Sequence[str]) -> str:
    """Sentences in a row; what several of them say is said once. Alternatives stay together."""
    parts = ([sentence] if "；或者" in sentence else sentence.split("；") for sentence in sentences)
    return "；".join(dict.fromkeys(one for some in parts for one in some))


def _condition_dict(condition: ConditionExplanation) -> dict[str, Any]:
    return {
        "id": condition.id,
        "text": condition.text,
        "expr": condition.expr,
        "verdict": condition.verdict,
        "value": _told(condition.value),
        "unit": condition.unit,
        "department": condition.department,
        "valid_at": condition.valid_at,
        "threshold": _told(condition.threshold),
        "distance": _told(condition.distance),
        "outside": condition.outside,
        "on_unknown": condition.on_unknown,
        "sentence": condition.sentence,
    }


def _told(value: Any) -> Any:
    return decimal(value) if isinstance(value, Fraction) else value
