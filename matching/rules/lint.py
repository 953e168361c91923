"""Every item against the language, the catalogue, its own words and the other items."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from matching.rules import check
from matching.rules.errors import RuleError
from matching.rules.items import BarText, bar_text, item_text
from matching.rules.program import Item, compile_item
from matching.rules.soundness import Severity, faults, substituted
from matching.rules.terms import And, Constant, Term, columns, parts
from matching.rules.vocabulary import Vocabulary, attribute, vocabulary_of_indicators

_UNITS: Mapping[str, int | Fraction] = {
    "亿": 10**8,
    "万": 10**4,
    "千": 1000,
    "百": 100,
    "%": Fraction(1, 100),
    "‰": Fraction(1, 1000),
}
_HAN = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"两": 2}


@dataclass(frozen=True)
class Finding:
    """One finding. `error`: the item must not run; `warning`: somebody should look; `info`: worth knowing."""

    file: str
    line: int | None
    item: str
    condition: str | None
    rule: str
    severity: Severity
    message: str


def lint(items: Sequence[Any], indicators: Mapping[str, Any], bars: Iterable[Any] = ()) -> list[Finding]:
    """All findings, in the order of the items. `items` as for compile_items; those with a `path` get line numbers."""
    vocabulary = vocabulary_of_indicators(indicators)
    common = [bar_text(bar) for bar in bars]
    found: list[Finding] = []
    sound: list[tuple[Any, Item]] = []
    for given in items:
        compiled = _compiled(given, vocabulary, common, found)
        if compiled is not None:
            sound.append((given, compiled))
            found.extend(_item_findings(given, compiled, vocabulary, indicators))
    found.extend(_between_items(sound))
    order = {str(attribute(given, "id")): number for number, given in enumerate(items)}
    return sorted(found, key=lambda f: (order.get(f.item, 0), f.file, f.line or 0))


def _compiled(given: Any, vocabulary: Vocabulary, common: Sequence[BarText], found: list[Finding]) -> Item | None:
    try:
        text = item_text(given)
        return compile_item(text, vocabulary, common, {})
    except RuleError as error:
        item = str(attribute(given, "id"))
        where = f"第 {error.position} 个字符：" if error.position is not None else ""
        line = line_of(given, error.condition)
        found.append(
            Finding(error.file or item, line, item, error.condition, "rule", "error", f"{where}{error.message}")
        )
        return None


def _item_findings(given: Any, item: Item, vocabulary: Vocabulary, indicators: Mapping[str, Any]) -> Iterator[Finding]:
    def finding(condition: str | None, rule: str, severity: Severity, message: str) -> Finding:
        return Finding(item.text.file, line_of(given, condition), item.text.id, condition, rule, severity, message)

    for name, rule, severity, message in faults(item, vocabulary.bounds):
        yield finding(name, rule, severity, message)
    for one, other in itertools.combinations(item.terms, 2):
        if item.terms[one] == item.terms[other]:
            yield finding(other, "duplicate-condition", "warning", f"与条件 {one} 是同一个判断")
    for condition in item.text.conditions:
        if condition.outside:
            continue
        for value in thresholds(item.terms[condition.id]):
            if not stands_in(value, condition.text):
                shown = check.plain(value)
                yield finding(
                    condition.id,
                    "threshold-not-in-text",
                    "warning",
                    f"表达式里的 {shown} 在条件原文“{condition.text}”里找不到",
                )
    tested = {column.name for term in item.terms.values() for column in columns(term)}
    if item.award is not None:
        for column in columns(item.award):
            if column.name not in tested:
                label = attribute(indicators.get(column.name), "label") or column.name
                yield finding(
                    "award",
                    "award-may-be-null",
                    "info",
                    f"金额用到{label}（{column.name}），但没有条件检查它；缺这项数据时金额无法测算",
                )


def _between_items(sound: Sequence[tuple[Any, Item]]) -> Iterator[Finding]:
    """Items in force together that ask the same, or of which one asks all that the other asks, and no exclusion says which is paid."""
    for (_, one), (given, other) in itertools.combinations(sound, 2):
        if one.text.id == other.text.id or not _together(one, other):
            continue
        excluded = other.text.id in (attribute(_, "excludes") or ()) or one.text.id in (
            attribute(given, "excludes") or ()
        )
        if excluded:
            continue
        a, b = _tests(one), _tests(other)
        if a is None or b is None:
            continue
        if a == b:
            yield _pair_finding(
                given, other, "duplicate-item", f"与 {one.text.id}（{one.text.title}）条件完全相同，且没有写 excludes"
            )
        elif a < b or b < a:
            wide, narrow = (one, other) if a < b else (other, one)
            yield _pair_finding(
                given,
                other,
                "overlap",
                f"符合 {narrow.text.id} 的主体都符合 {wide.text.id}（{wide.text.title}），且没有写 excludes",
            )


def _pair_finding(given: Any, item: Item, rule: str, message: str) -> Finding:
    return Finding(item.text.file, line_of(given, None), item.text.id, None, rule, "warning", message)


def _together(one: Item, other: Item) -> bool:
    if one.text.entity != other.text.entity:
        return False
    a, b = one.text, other.text
    if a.valid_from is None or b.valid_from is None or a.valid_to is None or b.valid_to is None:
        return True
    return a.valid_from <= b.valid_to and b.valid_from <= a.valid_to


def _tests(item: Item) -> frozenset[Term] | None:
    """What a conjunction asks for; None where the logic is no conjunction or most of it lies outside the data."""
    if not item.is_conjunction or item.outside or len(item.terms) < 2:
        return None
    whole = substituted(item.logic, item.terms)
    return frozenset(whole.args) if isinstance(whole, And) else frozenset([whole])


def thresholds(term: Term) -> list[Fraction]:
    """The numbers a condition compares with, 0 and 1 left out: they stand for 有 and 没有."""
    found: dict[Fraction, None] = {}
    stack = [term]
    while stack:
        here = stack.pop()
        if isinstance(here, Constant) and isinstance(here.value, Fraction) and here.value not in (0, 1):
            found[here.value] = None
        stack.extend(parts(here))
    return sorted(found)


def stands_in(value: Fraction, text: str) -> bool:
    """Whether a number stands in the words of a policy, whatever its unit: 5000000 in 500万元, 0.03 in 3%, 36 in 三年."""
    spelled = set(_numbers(text))
    multiples = (1, 10, 100, 1000, 10**4, 10**8, Fraction(1, 100), Fraction(1, 1000), 12, 365, Fraction(1, 12))
    return any(abs(value) == number * multiple for number in spelled for multiple in multiples)


def _numbers(text: str) -> Iterator[Fraction]:
    # NFKC turns full-width digits and signs into plain ones; PDF leaves spaces inside and between
    plain = re.sub(r"(?<=\d)[,\s](?=\d{3})", "", unicodedata.normalize("NFKC", text))
    for match in re.finditer(r"(\d+(?:\.\d+)?)\s*([亿万千百%‰]*)", plain):
        value = Fraction(match.group(1))
        yield value
        for unit in match.group(2):
            value *= _UNITS[unit]
        yield value
    for match in re.finditer(r"[零一二两三四五六七八九十百千]+", plain):
        yield _han(match.group())
    for match in re.finditer(r"([零一二两三四五六七八九十百]+)分之([零一二两三四五六七八九十百]+)", plain):
        below = _han(match.group(1))
        if below:
            yield _han(match.group(2)) / below


def _han(words: str) -> Fraction:
    total, digit = 0, 0
    for sign in words:
        if sign in _HAN:
            digit = _HAN[sign]
        else:
            total += (digit or 1) * {"十": 10, "百": 100, "千": 1000}[sign]
            digit = 0
    return Fraction(total + digit)


def line_of(given: Any, condition: str | None) -> int | None:
    """The line of the policy file where a condition (or `logic`, `award`, `exclude_when`) stands; None without a file."""
    path = attribute(given, "path")
    if path is None or not Path(str(path)).is_file():
        return None
    lines = Path(str(path)).read_text(encoding="utf-8").splitlines()
    if condition is None:
        return 1
    mark = re.compile(rf"^\s*(-\s*)?(\{{\s*)?(id:\s*['\"]?{re.escape(condition)}\b|{re.escape(condition)}:)")
    return next((number for number, line in enumerate(lines, start=1) if mark.search(line)), 1)
