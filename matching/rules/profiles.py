"""Profiles from plain values, as examples in policy files and callers of the service write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from matching.rules.errors import refused
from matching.rules.values import spelled
from matching.rules.vocabulary import TYPES, attribute

LIST_ENTRY = pl.Struct(
    {"name": pl.String, "level": pl.String, "issuer": pl.String, "valid_from": pl.Date, "valid_to": pl.Date}
)
_PLACES = 12
_DTYPES: Mapping[str, Any] = {
    "number": pl.Decimal(38, _PLACES),
    "text": pl.String,
    "bool": pl.Boolean,
    "date": pl.Date,
    "list": pl.List(LIST_ENTRY),
}


def profile_frame(
    rows: Sequence[Mapping[str, Any]], indicators: Mapping[str, Any], subject: str = "enterprise_id"
) -> pl.DataFrame:
    """A profile frame from mappings of indicator (name) to value; what a row does not give is NULL.

    Numbers are int, float, Decimal or their text, kept exactly; NaN, infinities and pandas' NaT and NA are NULL; dates `date` or ISO text, lists of names or of mappings with `name, level, issuer, valid_from,
    valid_to`. Keys that are no indicator are kept if they are `subject`, else refused with RuleError, as are values of another type.
    """
    names = list(dict.fromkeys(name for row in rows for name in row if name != subject))
    unknown = [name for name in names if name not in indicators]
    if unknown:
        raise refused(None, f"没有名为“{unknown[0]}”的指标")
    columns: dict[str, pl.Series] = {
        subject: pl.Series([str(row.get(subject, number)) for number, row in enumerate(rows)], dtype=pl.String)
    }
    for name in names:
        kind = TYPES[str(attribute(indicators[name], "type"))]
        values = [_value(name, kind, row.get(name)) for row in rows]
        if kind == "number" and not all(map(_fits, values)):
            columns[name] = pl.Series(
                name, [None if value is None else str(value) for value in values], dtype=pl.String
            )
        else:
            columns[name] = pl.Series(name, values, dtype=_DTYPES[kind], strict=True)
    return pl.DataFrame(columns)


def as_told(row: Mapping[str, Any], indicators: Mapping[str, Any]) -> dict[str, Any]:
    """The indicators of one row as an explanation shows them: of the types of `profile_frame`, but numbers as they were given."""
    found = {}
    for name, value in row.items():
        if name in indicators:
            kind = TYPES[str(attribute(indicators[name], "type"))]
            found[name] = value if kind == "number" and not _is_missing(value) else _value(name, kind, value)
    return found


def _fits(value: Decimal | None) -> bool:
    """Whether Decimal(38, 12) holds the value."""
    return value is None or (abs(value) < 10 ** (38 - _PLACES) and value == round(value, _PLACES))


def _is_missing(value: Any) -> bool:
    """NULL, or one of the marks that numpy and pandas use for it."""
    if value is None or type(value).__name__ == "NAType":
        return True
    return isinstance(value, float | datetime | np.datetime64) and bool(value != value)


def _value(name: str, kind: str, value: Any) -> Any:
    if _is_missing(value):
        return None
    if kind in ("bool", "date") and isinstance(value, np.generic):
        value = value.item()
    elif kind == "list" and isinstance(value, np.ndarray):
        value = value.tolist()
    if kind == "number" and not isinstance(value, bool):
        return _number(name, value)
    if kind == "text" and isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "date" and isinstance(value, str | date):
        return _day(name, value)
    if kind == "list" and isinstance(value, Sequence) and not isinstance(value, str):
        return [_entry(name, entry) for entry in value]
    raise refused(None, f"指标 {name} 的值 {value!r} 不合类型（应为{kind}）")


def _number(name: str, value: Any) -> Decimal | None:
    exact = spelled(str(value))
    if exact is None:
        raise refused(None, f"指标 {name} 的值 {value!r} 不是数")
    return exact if exact.is_finite() else None


def _day(name: str, value: str | date | None) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, str):
        try:
            day = date.fromisoformat(value)
        except ValueError:
            day = None
        # the standard library also reads 20241231 and weeks
        if day is None or day.isoformat() != value:
            raise refused(None, f"指标 {name} 的值 {value!r} 不是日期（YYYY-MM-DD）")
        return day
    return value


def _entry(name: str, entry: Any) -> dict[str, Any]:
    if isinstance(entry, str):
        entry = {"name": entry}
    if not isinstance(entry, Mapping) or not set(entry) <= {"name", "level", "issuer", "valid_from", "valid_to"}:
        raise refused(None, f"指标 {name} 的一项 {entry!r} 应为名称，或含 name、level、issuer、valid_from、valid_to")
    return {
        "name": entry.get("name"),
        "level": entry.get("level"),
        "issuer": entry.get("issuer"),
        "valid_from": _day(name, entry.get("valid_from")),
        "valid_to": _day(name, entry.get("valid_to")),
    }
