"""The catalogue of profile indicators: the names that rules, profiles and extraction share, read from `indicators.yml`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

CATALOGUE = Path(__file__).with_name("indicators.yml")

Type = Literal["money", "number", "integer", "ratio", "bool", "text", "code", "region", "industry", "date", "list"]

DUCKDB_TYPES: Mapping[str, str] = {
    "money": "DECIMAL(18,2)",
    "number": "DECIMAL(18,6)",
    "ratio": "DECIMAL(18,6)",
    "integer": "BIGINT",
    "bool": "BOOLEAN",
    "text": "VARCHAR",
    "code": "VARCHAR",
    "region": "VARCHAR",
    "industry": "VARCHAR",
    "date": "DATE",
    "list": 'STRUCT("name" VARCHAR, "level" VARCHAR, issuer VARCHAR, valid_from DATE, valid_to DATE)[]',
}
"""The warehouse type of each catalogue type. None is a float: no float decides eligibility."""

NUMERIC = frozenset({"money", "number", "integer", "ratio"})


class CatalogueError(ValueError):
    """A catalogue that does not hold; the message names file, indicator and key, in Chinese."""


class Indicator(BaseModel):
    """One column of `profile.enterprise` (or `profile.person`).

    `field` is the name extraction returns and `period` the key of its period words. `evidence` is `<profile table>.<group>`: the
    profile table that holds the column, and the prefix of the `<group>_evidence` struct beside it. A `declared` indicator has neither.
    `feeds` (`department.table`) must all be fresh before absence means zero or false; by default the indicator's own feed.
    For a list, `complete_for` names the entries whose absence the feeds can prove; the absence of another name is UNKNOWN.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    field: str
    period: str | None = None
    label: str
    aliases: tuple[str, ...] = ()
    definition: str
    type: Type
    unit: str | None = None
    range: tuple[Decimal | date | None, Decimal | date | None] | None = None
    codes: tuple[str, ...] | None = None
    codes_ref: Literal["regions", "parks", "industries"] | None = None
    complete_for: tuple[str, ...] | None = None
    source: Literal["feed", "derived", "declared"] = "declared"
    department: str | None = None
    table: str | None = None
    grain: Literal["day", "week", "month", "quarter", "year"] | None = None
    stale_after_days: int | None = None
    absent_means: Literal["unknown", "zero", "false"] = "unknown"
    feeds: tuple[str, ...] = ()
    personal: Literal["none", "masked", "secret"] = "none"
    core: bool = False
    entity: Literal["enterprise", "person"] = "enterprise"
    evidence: str | None = None

    @model_validator(mode="after")
    def _holds_together(self) -> Indicator:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise ValueError("指标名只能用小写英文、数字和下划线")
        origin = (self.department, self.table, self.grain, self.stale_after_days)
        if self.source == "declared" and (any(part is not None for part in origin) or self.absent_means != "unknown"):
            raise ValueError(
                "申报类指标没有部门来源：不应有 department、table、grain、stale_after_days，absent_means 只能是 unknown"
            )
        if self.source != "declared" and any(part is None for part in origin):
            raise ValueError("来自部门的指标须写明 department、table、grain、stale_after_days")
        if self.absent_means == "zero" and self.type not in NUMERIC:
            raise ValueError("absent_means: zero 只用于数值")
        if self.absent_means == "false" and self.type not in {"bool", "list", "code"}:
            raise ValueError("absent_means: false 只用于是否、名单和等级")
        if self.range is not None and self.type not in NUMERIC | {"date"}:
            raise ValueError("range 只用于数值和日期")
        if self.codes is not None and self.type not in {"code", "list"}:
            raise ValueError("codes 只用于代码和名单")
        if self.complete_for is not None and self.type != "list":
            raise ValueError("complete_for 只用于名单")
        if self.type in {"region", "industry"} and self.codes_ref is None:
            raise ValueError("区划和行业须用 codes_ref 指明代码表")
        return self

    @property
    def duckdb_type(self) -> str:
        """The column's type in the warehouse, as `DESCRIBE` spells it."""
        return DUCKDB_TYPES[self.type]

    @property
    def relation(self) -> str | None:
        """The profile table that holds the column: a department, `derived`, or None when only declarations fill it."""
        return None if self.evidence is None else self.evidence.partition(".")[0]

    @property
    def group(self) -> str | None:
        """The prefix of the evidence struct beside the column."""
        return None if self.evidence is None else self.evidence.partition(".")[2]


class Catalogue(dict[str, Indicator]):
    """Indicators by name, in the order of the file, with the two other ways in: by Chinese label, and by extraction's field and period."""

    def __init__(self, indicators: Mapping[str, Indicator], periods: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(indicators)
        self.periods = dict(periods)

    @cached_property
    def by_label(self) -> dict[str, Indicator]:
        """Label or alias → indicator; labels are unique over the catalogue."""
        found: dict[str, Indicator] = {}
        for indicator in self.values():
            for label in (indicator.label, *indicator.aliases):
                other = found.setdefault(label, indicator)
                if other is not indicator:
                    raise CatalogueError(f"指标 {indicator.name}：中文名“{label}”已用于 {other.name}")
        return found

    def find(self, name_or_label: str) -> Indicator | None:
        """The indicator of an English name, a Chinese label or an alias; None if there is none."""
        return self.get(name_or_label) or self.by_label.get(name_or_label.strip())

    def period_of(self, words: str | None) -> str | None:
        """The period key that some words of a policy mean (上年度 → `last_year`, 近三年 → `last_3_years`); the longest known word wins."""
        if not words:
            return None
        text = re.sub(r"\s+", "", unicodedata.normalize("NFKC", words))
        hits = [(len(word), key) for key, known in self.periods.items() for word in known if word in text]
        return max(hits)[1] if hits else None

    def column(self, field: str, period: str | None = None, unit: str | None = None) -> Indicator | None:
        """The column that a (field, period words) pair of an extraction stands for; None when the catalogue has none.

        `unit` chooses between columns that differ only in currency. Without a period the field's own column is meant, else its
        `last_year` column, else its first in the catalogue. A stated period that no column has gives None: a guess would be wrong silently.
        """
        key = self.period_of(period)
        candidates = [indicator for indicator in self.values() if indicator.field == field]
        if unit is not None and any(indicator.unit == unit for indicator in candidates):
            candidates = [indicator for indicator in candidates if indicator.unit == unit]
        if not candidates:
            return None
        if key is not None:
            exact = [indicator for indicator in candidates if indicator.period == key]
            if exact:
                return next((indicator for indicator in exact if indicator.name == field), exact[0])
            if any(indicator.period for indicator in candidates):
                return None
        own = next((indicator for indicator in candidates if indicator.name == field), None)
        yearly = next((indicator for indicator in candidates if indicator.period == "last_year"), None)
        return own or yearly or candidates[0]


def load(path: Path | None = None) -> Catalogue:
    """Reads and checks the catalogue. Raises CatalogueError naming the file, the indicator and the key that does not hold."""
    file = path or CATALOGUE
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except yaml.YAMLError as error:
        raise CatalogueError(f"{file.name}：不是有效的 YAML：{error}") from error
    if not isinstance(content, dict):
        raise CatalogueError(f"{file.name}：应为“指标名: 各项”的映射")
    periods = {key: tuple(words) for key, words in content.pop("_periods", {}).items()}
    indicators = {name: _indicator(file.name, name, entry, periods) for name, entry in content.items()}
    catalogue = Catalogue(indicators, periods)
    try:
        _ = catalogue.by_label
    except CatalogueError as error:
        raise CatalogueError(f"{file.name}：{error}") from error
    return catalogue


def _indicator(file: str, name: str, entry: Any, periods: Mapping[str, tuple[str, ...]]) -> Indicator:
    if not isinstance(entry, dict):
        raise CatalogueError(f"{file}：指标 {name} 应为各项的映射，现为 {entry!r}")
    filled = {"name": name, "field": name, **entry}
    if filled.get("source", "declared") != "declared":
        filled.setdefault("evidence", f"{filled.get('department')}.{filled.get('table')}")
        filled.setdefault("feeds", [f"{filled.get('department')}.{filled.get('table')}"])
    try:
        indicator = Indicator.model_validate(filled)
    except ValidationError as error:
        problems = "；".join(
            f"{'.'.join(map(str, e['loc'])) or '整体'}：{e['msg']}（现为 {e['input']!r}）" for e in error.errors()
        )
        raise CatalogueError(f"{file}：指标 {name}：{problems}") from error
    if indicator.period is not None and indicator.period not in periods:
        raise CatalogueError(
            f"{file}：指标 {name}：period 为 {indicator.period!r}，_periods 里没有，可用 {', '.join(periods)}"
        )
    return indicator


# libyaml's loader, where PyYAML was built with it, reads the catalogue in 0.02 s instead of 0.09 s.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _UniqueKeys(_Loader):  # type: ignore[misc]
    """YAML that refuses a key written twice; the safe loader would keep the last silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)  # type: ignore[no-untyped-call]
            if key in seen:
                raise yaml.YAMLError(f"第 {key_node.start_mark.line + 1} 行：键 {key!r} 写了两次")
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping
