"""One test of one enterprise in words: what was observed, what was asked for, how far apart they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Literal

from matching.rules import evaluate as rows
from matching.rules import values as v
from matching.rules import wording
from matching.rules.columns import EPOCH, Block
from matching.rules.planes import provable
from matching.rules.terms import And, Column, Compare, Constant, Days, IsNull, Member, Not, Or, Term, columns
from matching.rules.vocabulary import attribute

State = Literal["true", "false", "unknown"]
# operator and its negation, and how a requirement reads
_MIRRORED = {"=": "=", "<>": "<>", ">": "<", "<=": ">=", ">=": "<=", "<": ">"}
_OPPOSITE = {"=": "<>", ">": "<=", ">=": "<"}
# a space between Latin digits and Chinese words, none after a Chinese unit
_SPACE = {True: " ", False: ""}
_ASKED = {"=": "等于", "<>": "不等于", ">": "高于", "<=": "不高于", ">=": "不低于", "<": "低于"}
INAPPLICABLE = "对该主体不适用"


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What was seen, who said it and for which day, and what it is held against. `distance` is what is missing, in the value's unit."""

    value: Any = None
    unit: str | None = None
    department: str | None = None
    valid_at: Any = None
    threshold: Any = None
    distance: Fraction | None = None


@dataclass(frozen=True)
class Observation(Measure):
    """One test. `distance` is None where there is no such measure; `about` is the sentence's first half, the fact without what is asked."""

    indicator: str | None
    label: str
    verdict: State
    sentence: str
    others: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True)
class Observer:
    """What is known about one enterprise: a block of one row, its plain values, and where each came from."""

    block: Block
    values: Mapping[str, Any]
    indicators: Mapping[str, Any]
    evidence: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    departments: Mapping[str, str] = field(default_factory=dict)

    def state(self, term: Term) -> State:
        found = rows.truth(term, self.block)
        return "true" if found.true[0] else "false" if found.false[0] else "unknown"

    def observations(self, term: Term) -> list[Observation]:
        """The tests a condition is made of, in its order."""
        return [self.observation(leaf) for leaf in _leaves(term)]

    def telling(self, term: Term) -> list[Observation]:
        """The tests that make the condition what it is: of an OR that holds, those of the alternatives that hold, whole ones only."""
        if isinstance(term, And | Or):
            state = self.state(term)
            return [found for arg in term.args if self.state(arg) == state for found in self.telling(arg)]
        return [self.observation(term)]

    def sentence(self, term: Term) -> str:
        """What makes the condition what it is, read aloud; the ways to an OR that fails stand as alternatives."""
        state = self.state(term)
        if isinstance(term, Or) and state == "false":
            return "；或者".join(dict.fromkeys(self.sentence(arg) for arg in term.args))
        if isinstance(term, And) and any(isinstance(arg, Or) for arg in term.args):
            return "；".join(dict.fromkeys(self.sentence(arg) for arg in term.args if self.state(arg) == state))
        return aloud(self.telling(term))

    def observation(self, term: Term) -> Observation:
        negated = isinstance(term, Not)
        inner = term.arg if isinstance(term, Not) else term
        state = self.state(term)
        if isinstance(inner, Compare) and inner.left.type in ("number", "date"):
            return self._measured(inner, negated, state)
        subject = (
            inner.left if isinstance(inner, Compare) else inner.arg if isinstance(inner, Member | IsNull) else inner
        )
        if not isinstance(subject, Column):
            return self._composite(term, state)
        if isinstance(inner, IsNull):
            asked, sentence = "没有记录" if not negated else "有记录", ""
        elif isinstance(inner, Member) and subject.reach == "list":
            asked, sentence = self._listed(inner, subject, negated, state)
        else:
            asked, sentence = self._named(inner, subject, negated)
        if state == "unknown" and (self._is_absent(subject) or not sentence):
            sentence = self.missing((subject,))
        elif not sentence:
            sentence = self._told(inner, subject, negated, state, asked)
        return self._about(subject, state, sentence, asked, None)

    def _about(
        self, subject: Column, state: State, sentence: str, threshold: Any, distance: Fraction | None
    ) -> Observation:
        indicator = self.indicators.get(subject.name)
        seen = self.evidence.get(subject.name) or {}
        return Observation(
            indicator=subject.name,
            label=self.label(subject.name),
            verdict=state,
            sentence=sentence,
            value=self.values.get(subject.name),
            unit=attribute(indicator, "unit"),
            department=seen.get("department") or attribute(indicator, "department"),
            valid_at=seen.get("valid_at"),
            threshold=threshold,
            distance=distance,
        )

    def label(self, name: str) -> str:
        return str(attribute(self.indicators.get(name), "label") or name)

    def cited(self, column: Column) -> str:
        said = wording.source(self.evidence.get(column.name), self.departments)
        return f"（{said}）" if said else ""

    def missing(self, subjects: tuple[Column, ...]) -> str:
        """Which facts are lacking, and who holds them."""
        found = []
        absent = [column for column in subjects if self._is_absent(column)] or list(subjects)
        for column in absent:
            seen = self.evidence.get(column.name)
            if seen and seen.get("state") == "not_applicable":
                found.append(f"{self.label(column.name)}{INAPPLICABLE}")
                continue
            indicator = self.indicators.get(column.name)
            holder = attribute(indicator, "department")
            applicant = "本人" if attribute(indicator, "entity") == "person" else "企业"
            said = self.departments.get(str(holder), str(holder)) if holder else f"部门数据中没有，可由{applicant}申报"
            latest = seen.get("valid_at") if seen else None
            found.append(f"缺少{self.label(column.name)}（{said}{f'，最近一期 {str(latest)[:10]}' if latest else ''}）")
        return "，".join(found)

    def says_little(self, found: Observation) -> bool:
        """Whether what is lacking must be told with the words of the policy: its label alone says little where no department delivers it
        (服务量, 其他数值), and that it does not apply (注册园区) is no answer by itself."""
        if found.value is not None or found.indicator is None or found.indicator not in self.indicators:
            return False
        seen = self.evidence.get(found.indicator) or {}
        return not attribute(self.indicators[found.indicator], "department") or seen.get("state") == "not_applicable"

    def _is_absent(self, column: Column) -> bool:
        return not bool(v.known(self.block.value(column))[0])

    def _listed(self, term: Member, subject: Column, negated: bool, state: State) -> tuple[str, str]:
        wanted = wording.in_order([str(option) for option in term.options], self.indicators.get(subject.name))
        entries = self.values.get(subject.name) or []
        held = [entry for entry in entries if _entry_name(entry) in wanted and self._in_force(entry)]
        lapsed = [entry for entry in entries if _entry_name(entry) in wanted and not self._in_force(entry)]
        label, names = self.label(subject.name), wording.names(wanted)
        asked = f"没有 {names}" if negated else f"有 {names}" if len(wanted) == 1 else f"有 {names} 之一"
        if state == "unknown" and not provable(term) and not self._is_absent(subject):
            return asked, f"{label}里没有 {names} 的记录，但现有数据不足以断定没有"
        if held:
            shown = "、".join(f"{_entry_name(entry)}{_term_of(entry)}" for entry in held)
            return asked, f"{label}：有 {shown}{self.cited(subject)}" + ("，属于排除的情形" if negated else "")
        if lapsed and not negated:
            shown = "、".join(f"{_entry_name(entry)}{_term_of(entry)}" for entry in lapsed)
            return asked, f"{label}：{shown}，在 {self.block.as_of} 不在有效期内{self.cited(subject)}"
        return asked, f"{label}：没有 {names}{self.cited(subject)}"

    def _in_force(self, entry: Any) -> bool:
        if isinstance(entry, str) or self.block.as_of is None:
            return True
        start, end = entry.get("valid_from"), entry.get("valid_to")
        return (start is None or start <= self.block.as_of) and (end is None or self.block.as_of <= end)

    def _named(self, term: Term, subject: Column, negated: bool) -> tuple[str, str]:
        """What a test of a word or a flag asks for, in words; the sentence is left to `_told`."""
        indicator = self.indicators.get(subject.name)
        if isinstance(term, Column):
            return ("否" if negated else "是"), ""
        if isinstance(term, Compare) and isinstance(term.right, Constant):
            word = wording.constant(term.right.value, indicator)
            operator = _OPPOSITE[term.operator] if negated else term.operator
            return (
                word if operator == "=" else f"不是 {word}" if operator == "<>" else f"{_ASKED[operator]} {word}"
            ), ""
        if isinstance(term, Member):
            words = wording.names(
                [wording.constant(option, indicator) for option in wording.in_order(term.options, indicator)]
            )
            return (f"{words} 以外" if negated else words), ""
        return "条件成立" if not negated else "条件不成立", ""

    def _told(self, term: Term, subject: Column, negated: bool, state: State, asked: str) -> str:
        indicator = self.indicators.get(subject.name)
        seen = f"{self.label(subject.name)}：{wording.shown(self.values.get(subject.name), indicator)}{self.cited(subject)}"
        if isinstance(term, Member):
            words = wording.names(
                [wording.constant(option, indicator) for option in wording.in_order(term.options, indicator)]
            )
            within = (state == "true") != negated
            if subject.reach is not None:
                place = f"{'在' if within else '不在'} {words} 范围内"
            else:
                place = f"{'属于' if within else '不属于'} {words}"
            return f"{seen}，{place}" + ("，是排除的情形" if negated and within else "")
        if state == "true":
            return f"{seen}，{asked}" if asked.startswith("不是 ") else seen
        return f"{seen}，要求为“{asked}”"

    def _measured(self, term: Compare, negated: bool, state: State) -> Observation:
        operator = _OPPOSITE[term.operator] if negated else term.operator
        read = columns(term)
        observed, asked = term.left, term.right
        if not columns(observed):
            # as_of against a column: what is told is the column
            observed, asked, operator = asked, observed, _MIRRORED[operator]
        if state == "unknown":
            sentence = self.missing(read) if any(self._is_absent(column) for column in read) else "算式除以零，无法计算"
            main = next((column for column in read if self._is_absent(column)), None)
            if main is not None:
                return self._about(main, state, sentence, _threshold(term), None)
            return Observation(None, "", state, sentence)
        left, right = self._exact(observed), self._exact(asked)
        indicator = self.indicators.get(observed.name) if isinstance(observed, Column) else None
        if indicator is None and isinstance(observed, Days):
            indicator = {"unit": "天"}
        distance = _distance(operator, left, right) if state == "false" else Fraction(0)
        dates = observed.type == "date"
        seen = self._spell(left, indicator, dates, right)
        bound = self._spell(right, indicator, dates, left)
        if isinstance(asked, Column):
            bound = f"{self.label(asked.name)} {bound}"
        gap = f"{distance} 天" if dates and distance is not None else wording.gap(distance or Fraction(0), indicator)
        if isinstance(observed, Column):
            about = f"{self.label(observed.name)} {seen}{self.cited(observed)}"
        else:
            parts = "、".join(
                f"{self.label(column.name)} {wording.shown(self.values.get(column.name), self.indicators.get(column.name))}{self.cited(column)}"
                for column in columns(observed)
            )
            about = f"按{parts}计算为 {seen}"
        sentence = f"{about}，{(_dated if dates else _relation)(operator, state, bound, gap, distance)}"
        subject = observed if isinstance(observed, Column) else (read[0] if read else None)
        threshold = right if not dates else EPOCH + timedelta(days=int(right))
        if subject is None:
            return Observation(None, "", state, sentence, threshold=threshold, distance=distance, about=about)
        found = replace(self._about(subject, state, sentence, threshold, distance), about=about)
        if isinstance(observed, Column):
            return found
        return replace(found, value=left, unit=attribute(indicator, "unit"))

    def _spell(self, value: Fraction, indicator: Any, is_date: bool, beside: Fraction) -> str:
        return (
            (EPOCH + timedelta(days=int(value))).isoformat() if is_date else wording.quantity(value, indicator, beside)
        )

    def _exact(self, term: Term) -> Fraction:
        found = rows.numbers(term, self.block)
        den = found.den if isinstance(found.den, int) else int(found.den[0])
        return Fraction(int(found.num[0]), den)

    def _composite(self, term: Term, state: State) -> Observation:
        read = columns(term)
        if state == "unknown":
            return Observation(None, "", state, self.missing(read))
        parts = "、".join(
            f"{self.label(column.name)} {wording.shown(self.values.get(column.name), self.indicators.get(column.name))}{self.cited(column)}"
            for column in read
        )
        held = "成立" if state == "true" else "不成立"
        return Observation(None, "", state, f"按{parts}判断，条件{held}", others=tuple(column.name for column in read))


def _leaves(term: Term) -> list[Term]:
    return [leaf for arg in term.args for leaf in _leaves(arg)] if isinstance(term, And | Or) else [term]


def aloud(found: Sequence[Observation]) -> str:
    """Observations as one sentence; a fact that several tests are about is told once."""
    parts: list[str] = []
    last = ""
    for one in found:
        if one.about and one.about == last and one.sentence.startswith(f"{one.about}，"):
            more = one.sentence.removeprefix(one.about)
            if not parts[-1].endswith(more):
                parts[-1] += more
        elif one.sentence not in parts:
            parts.append(one.sentence)
        last = one.about
    return "；".join(parts)


def _relation(operator: str, state: State, bound: str, gap: str, distance: Fraction | None) -> str:
    if state == "true":
        reached = {
            ">=": f"达到 {bound}",
            ">": f"高于 {bound}",
            "<=": f"未超过 {bound}",
            "<": f"低于 {bound}",
            "=": f"等于 {bound}",
        }
        return reached.get(operator, f"不等于 {bound}")
    if operator == ">=":
        return f"距 {bound}{_SPACE[bound[-1].isascii()]}还差 {gap}"
    if operator == ">":
        return f"须高于 {bound}，还差 {gap}" if distance else f"须高于 {bound}，现在正好相等"
    if operator == "<=":
        return f"超出上限 {bound}{_SPACE[bound[-1].isascii()]}达 {gap}"
    if operator == "<":
        return f"须低于 {bound}，超出 {gap}" if distance else f"须低于 {bound}，现在正好相等"
    return f"要求等于 {bound}，相差 {gap}" if operator == "=" else f"要求不等于 {bound}"


def _dated(operator: str, state: State, bound: str, gap: str, distance: Fraction | None) -> str:
    """The same for days: earlier and later, not less and more."""
    met = {">=": "不早于", ">": "晚于", "<=": "不晚于", "<": "早于", "=": "正是", "<>": "不是"}
    if state == "true":
        return f"{met[operator]} {bound}"
    short = f"，差 {gap}" if distance else ""
    return f"要求{met[operator]} {bound}{short}"


def _distance(operator: str, left: Fraction, right: Fraction) -> Fraction | None:
    return None if operator == "<>" else abs(right - left)


def _threshold(term: Compare) -> Any:
    return term.right.value if isinstance(term.right, Constant) else None


def _entry_name(entry: Any) -> str:
    return str(entry.get("name") if isinstance(entry, Mapping) else entry)


def _term_of(entry: Any) -> str:
    if isinstance(entry, str):
        return ""
    start, end = entry.get("valid_from"), entry.get("valid_to")
    if start is None and end is None:
        return ""
    if end is None:
        return f"（{_day(start)} 起有效）"
    return f"（有效期至 {_day(end)}）" if start is None else f"（有效期 {_day(start)} 至 {_day(end)}）"


def _day(day: Any) -> str:
    return day.isoformat() if isinstance(day, date) else str(day)
