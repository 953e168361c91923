"""A policy item as the engine needs it: one small adapter from mappings (YAML front matter) or `data.corpus` objects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from matching.rules.errors import RuleError, refused
from matching.rules.vocabulary import attribute

OnUnknown = Literal["ask", "review", "deny"]
ON_UNKNOWN: tuple[OnUnknown, ...] = ("ask", "review", "deny")
ENTITIES = ("enterprise", "person")


@dataclass(frozen=True)
class ConditionText:
    """One condition as written. `outside`: no department's data can decide it, so it has no expression and is always UNKNOWN."""

    id: str
    text: str
    expr: str
    on_unknown: OnUnknown = "review"
    outside: bool = False


@dataclass(frozen=True)
class BarText:
    """While a bar holds nothing is paid; while it is UNKNOWN nothing is paid either, but the enterprise may be invited."""

    id: str
    label: str
    text: str
    expr: str
    entity: str = "enterprise"


@dataclass(frozen=True)
class ItemText:
    """One version of an item: what the compiler reads of it. `file` is the name errors speak of."""

    id: str
    version: int
    title: str
    file: str
    mode: str
    entity: str
    conditions: tuple[ConditionText, ...]
    logic: str | None
    award: str | None
    bars: tuple[BarText, ...]
    valid_from: date | None = None
    valid_to: date | None = None
    text: str = ""
    line: dict[str, int] | None = None

    @property
    def key(self) -> tuple[str, int]:
        return self.id, self.version


def item_text(item: Any) -> ItemText:
    """The engine's view of an item: a mapping with the front matter's keys, or an object with them as attributes.

    Raises RuleError where a part the engine needs is missing or not of its shape.
    """
    if isinstance(item, ItemText):
        return item
    name = attribute(item, "id")
    path = attribute(item, "path") or attribute(item, "file")
    file = Path(str(path)).name if path else f"{name}.md" if name else "（没有文件名）"
    if not isinstance(name, str) or not name:
        raise RuleError(file, None, None, f"事项没有编号（id），现为 {name!r}")
    conditions = [_condition(file, entry) for entry in _entries(file, item, "conditions")]
    outside = [_outside(file, entry) for entry in _entries(file, item, "outside_data")]
    everything = (*conditions, *outside)
    ids = [condition.id for condition in everything]
    for twice in {i for i in ids if ids.count(i) > 1}:
        raise RuleError(file, twice, None, "条件编号重复")
    if not everything:
        raise RuleError(file, None, None, "没有任何条件；空规则会让所有主体符合，请至少写一个条件")
    valid = attribute(item, "valid") or {}
    return ItemText(
        id=name,
        version=_version(file, attribute(item, "version")),
        title=str(attribute(item, "title") or name),
        file=file,
        mode=str(attribute(item, "mode") or ""),
        entity=_entity(file, attribute(item, "entity")),
        conditions=everything,
        logic=attribute(item, "logic"),
        award=_award(file, attribute(item, "award")),
        bars=tuple(_own_bars(attribute(item, "exclude_when"))),
        valid_from=attribute(item, "valid_from") or attribute(valid, "from") or attribute(valid, "start"),
        valid_to=attribute(item, "valid_to") or attribute(valid, "to") or attribute(valid, "end"),
        text=str(attribute(item, "text") or ""),
    )


def _version(file: str, version: Any) -> int:
    if version is None:
        return 1
    try:
        whole = int(version)
        if isinstance(version, str) or (whole == version and not isinstance(version, bool)):
            return whole
    except (TypeError, ValueError, OverflowError):
        pass
    raise RuleError(file, None, None, f"version 应为整数，现为 {version!r}")


def _entity(file: str, entity: Any) -> str:
    if (entity or "enterprise") not in ENTITIES:
        raise RuleError(file, None, None, f"entity 应为 {'、'.join(ENTITIES)} 之一，现为 {entity!r}")
    return str(entity or "enterprise")


def bar_text(bar: Any) -> BarText:
    """A common bar: a mapping or object with `id`, `expr` and optionally `label`, `text`, `entity`."""
    if isinstance(bar, BarText):
        return bar
    name, expr = attribute(bar, "id"), attribute(bar, "expr")
    if not isinstance(name, str) or not isinstance(expr, str):
        raise refused(None, f"排除情形应有编号（id）和条件（expr），现为 {bar!r}")
    label = str(attribute(bar, "label") or name)
    return BarText(
        name,
        label,
        str(attribute(bar, "text") or label),
        expr,
        str(attribute(bar, "entity") or "enterprise"),
    )


def _entries(file: str, item: Any, key: str) -> Iterable[Any]:
    entries = attribute(item, key) or ()
    if isinstance(entries, str) or not isinstance(entries, Iterable):
        raise RuleError(file, None, None, f"{key} 应为列表，现为 {entries!r}")
    return entries


def _condition(file: str, entry: Any) -> ConditionText:
    name = attribute(entry, "id")
    if not isinstance(name, str) or not name:
        raise RuleError(file, None, None, f"conditions 里有一项没有编号（id）：{entry!r}")
    expr = attribute(entry, "expr")
    if not isinstance(expr, str):
        raise RuleError(file, name, None, f"expr 应为文字，现为 {expr!r}")
    on_unknown = attribute(entry, "on_unknown") or "review"
    if on_unknown not in ON_UNKNOWN:
        raise RuleError(file, name, None, f"on_unknown 应为 {'、'.join(ON_UNKNOWN)} 之一，现为 {on_unknown!r}")
    return ConditionText(name, str(attribute(entry, "text") or expr), expr, on_unknown)


def _outside(file: str, entry: Any) -> ConditionText:
    name = attribute(entry, "id")
    if not isinstance(name, str) or not name:
        raise RuleError(file, None, None, f"outside_data 里有一项没有编号（id）：{entry!r}")
    return ConditionText(name, str(attribute(entry, "text") or name), "", "ask", outside=True)


def _award(file: str, award: Any) -> str | None:
    if award is None or isinstance(award, str):
        return award
    if isinstance(award, int | Decimal) and not isinstance(award, bool):
        return str(award)
    if isinstance(award, bool | float | list | tuple):
        raise RuleError(file, "award", None, f"award 应为文字（一个算式），如 '500000'，现为 {award!r}")
    expr = attribute(award, "expr")
    return None if expr is None else str(expr)


def _own_bars(exclude_when: Any) -> Iterable[BarText]:
    if exclude_when is None:
        return
    entries = (
        [exclude_when] if isinstance(exclude_when, str) or not isinstance(exclude_when, Iterable) else exclude_when
    )
    for number, entry in enumerate(entries, start=1):
        name = "exclude_when" if len(list(entries)) == 1 else f"exclude_when_{number}"
        if isinstance(entry, str):
            yield BarText(name, "本事项的排除情形", entry, entry)
        else:
            yield bar_text(entry)
