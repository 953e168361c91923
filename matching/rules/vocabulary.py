"""The names a rule may use, what type each has, and which values make sense for it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from matching.rules.errors import refused
from matching.rules.given import mapping_of
from matching.rules.terms import Column, Reach, Type

# Types of data/indicators.yml and of evaluate_expr's schema, to the five the language computes with.
TYPES: Mapping[str, Type] = {
    "money": "number",
    "number": "number",
    "integer": "number",
    "ratio": "number",
    "bool": "bool",
    "text": "text",
    "code": "text",
    "region": "text",
    "industry": "text",
    "date": "date",
    "list": "list",
}
_REACHES: Mapping[str, Reach] = {"list": "list", "region": "region", "industry": "industry"}
TYPE_LABELS: Mapping[str, str] = {
    "number": "数",
    "text": "文字",
    "bool": "是否",
    "date": "日期",
    "list": "名单",
    "null": "空值",
}


@dataclass(frozen=True)
class Bounds:
    """What values a column can have: `low` and `high` inclusive, `codes` a closed list; None where nothing is declared."""

    label: str = ""
    unit: str | None = None
    low: Fraction | date | None = None
    high: Fraction | date | None = None
    codes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Vocabulary:
    """Columns by name, other ways to write a name (labels, aliases), and bounds by name."""

    columns: Mapping[str, Column]
    labels: Mapping[str, str] = field(default_factory=dict)
    bounds: Mapping[str, Bounds] = field(default_factory=dict)
    noun: str = "指标"

    def column(self, name: str, position: int) -> Column:
        """The column of a name as written: exactly, by its label, or in other letter case. Raises RuleError with the nearest name."""
        if name in self.columns:
            return self.columns[name]
        if name in self.labels:
            return self.columns[self.labels[name]]
        folded = {known.casefold(): known for known in self.columns}
        if name.casefold() in folded:
            return self.columns[folded[name.casefold()]]
        raise refused(position, f"没有名为“{name}”的{self.noun}{self._suggestion(name)}")

    def _suggestion(self, name: str) -> str:
        near = nearest(name, [*self.columns, *self.labels])
        if near is None:
            return ""
        label = self.labels.get(near)
        return f"；是否指 {near}（{label}）？" if label else f"；是否指 {near}？"


def nearest(name: str, known: list[str]) -> str | None:
    """The known name most like `name`, or None if none is near. Similarity counts characters, not bytes."""
    found = difflib.get_close_matches(name.casefold(), [k.casefold() for k in known], n=1, cutoff=0.5)
    return next((k for k in known if k.casefold() == found[0]), None) if found else None


def vocabulary_of_schema(schema: Mapping[str, str]) -> Vocabulary:
    """The names of a frame whose columns have the types `number text bool date` (or a catalogue type). Raises RuleError for another type."""
    unknown = {name: kind for name, kind in schema.items() if kind not in TYPES}
    if unknown:
        name, kind = next(iter(unknown.items()))
        raise refused(None, f"列 {name} 的类型“{kind}”不认识；可用 {'、'.join(TYPES)}")
    columns = {name: Column(name, TYPES[kind], _REACHES.get(kind)) for name, kind in schema.items()}
    return Vocabulary(columns, noun="列")


def vocabulary_of_indicators(indicators: Mapping[str, Any]) -> Vocabulary:
    """The names of the indicator catalogue: objects or mappings with `type`, and optionally label, aliases, unit, range, codes, complete_for."""
    columns: dict[str, Column] = {}
    labels: dict[str, str] = {}
    bounds: dict[str, Bounds] = {}
    for name, indicator in mapping_of(indicators, "indicators 应为指标名到指标的映射").items():
        kind = str(attribute(indicator, "type"))
        if kind not in TYPES:
            raise refused(None, f"指标 {name} 的类型“{kind}”不认识；可用 {'、'.join(TYPES)}")
        complete = attribute(indicator, "complete_for")
        columns[name] = Column(name, TYPES[kind], _REACHES.get(kind), tuple(complete) if complete is not None else None)
        label = str(attribute(indicator, "label") or name)
        for other in (label, *(attribute(indicator, "aliases") or ())):
            labels.setdefault(other, name)
        bounds[name] = _bounds(indicator, label)
    return Vocabulary(columns, labels, bounds)


def attribute(thing: Any, name: str) -> Any:
    """A field of a mapping or of an object; None if it has none."""
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)


def _bounds(indicator: Any, label: str) -> Bounds:
    low, high = attribute(indicator, "range") or (None, None)
    codes = attribute(indicator, "codes")
    return Bounds(
        label=label,
        unit=attribute(indicator, "unit"),
        low=_limit(low),
        high=_limit(high),
        codes=tuple(str(code) for code in codes) if codes else None,
    )


def _limit(value: Any) -> Fraction | date | None:
    if value is None or isinstance(value, date):
        return value
    if isinstance(value, str) and value.count("-") == 2:
        return date.fromisoformat(value)
    return Fraction(str(value))
