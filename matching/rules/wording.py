"""Values in the words of a person who decides: 1,850 万元, 3%, 60 人, 海口市美兰区."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import data
from data import gazetteer
from matching.rules.check import plain
from matching.rules.vocabulary import attribute

WAN, YI = 10_000, 100_000_000
_SECTIONS = "ABCDEFGHIJKLMNOPQRST"
_PARTS = {3: "中类", 4: "小类"}


_UNITS = {"USD": "美元", "月": "个月"}
_LONGEST = 30  # names read out in one sentence
_FEW, _MANY = 2, 6  # decimals: what is read, and what it takes to tell a value from a threshold it nearly meets


def quantity(value: Fraction, indicator: Any = None, beside: Fraction | None = None) -> str:
    """A number with its unit: money in 万元 or 亿元 where that is exact to 4 decimals, ratios in percent, else grouped by thousands.

    Two decimals, or as many as tell it from `beside`, the threshold told in the same sentence. What is cut off is marked 约.
    """
    unit = attribute(indicator, "unit") if indicator is not None else None
    kind = attribute(indicator, "type") if indicator is not None else None
    unit = _UNITS.get(unit or "", unit)
    if kind == "money" or unit == "元":
        return yuan(value) if unit in (None, "元") else f"{grouped(value, 2)} {unit}"
    scale = 100 if kind == "ratio" else 1
    alike = beside is not None and value != beside and round(value * scale, _FEW) == round(beside * scale, _FEW)
    number = grouped(value * scale, _MANY if alike else _FEW)
    return f"{number}%" if kind == "ratio" else f"{number} {unit}" if unit and unit != "小数" else number


def gap(value: Fraction, indicator: Any = None) -> str:
    """A difference with its unit: between two ratios it is percentage points. Never shown as nothing when there is one."""
    if indicator is not None and attribute(indicator, "type") == "ratio":
        return f"{grouped(value * 100, _FEW if not value or round(value * 100, _FEW) else _MANY)} 个百分点"
    return quantity(value, indicator, Fraction(0))


def yuan(value: Fraction) -> str:
    for size, name in ((YI, "亿元"), (WAN, "万元")):
        if abs(value) >= size and (value / size * 10_000).denominator == 1:
            return f"{grouped(value / size, 4)} {name}"
    return f"{grouped(value, 2)} 元"


def grouped(value: Fraction, places: int) -> str:
    """The number with thousands separators and at most `places` decimals, without trailing zeros; 约 where digits are cut off."""
    scaled = round(value * 10**places)
    cut = Fraction(scaled, 10**places) != value
    digits = str(abs(scaled)).rjust(places + 1, "0")
    whole, decimals = (digits[:-places], digits[-places:].rstrip("0")) if places else (digits, "")
    sign = "-" if scaled < 0 else ""
    return f"{'约 ' if cut else ''}{sign}{int(whole):,}{'.' + decimals if decimals else ''}"


def word(value: str, indicator: Any = None) -> str:
    """A code with its name, where the code has one."""
    kind = attribute(indicator, "type") if indicator is not None else None
    if kind == "region":
        return place(value)
    if kind == "industry":
        code = value.strip().upper()
        name = _industry(code)
        # a name that is that of the class above does not tell two of its parts from one another
        part = (
            ""
            if code in _industries() or code.lstrip(_SECTIONS) in _industries()
            else f" {_PARTS.get(len(code.lstrip(_SECTIONS)), '类')}"
        )
        return f"{name}（{value}{part}）" if name else value
    return _parks().get(value, value)


def _industry(code: str) -> str | None:
    """The name of a class of GB/T 4754, or of the nearest one above it that has one here: of 6513, 软件开发."""
    digits = code.lstrip(_SECTIONS)
    if not digits:
        return _industries().get(code)
    return next((name for n in range(len(digits), 1, -1) if (name := _industries().get(digits[:n]))), None)


@cache
def _parks() -> Mapping[str, str]:
    """Names of parks by their id."""
    return {park.park: park.name for park in gazetteer.parks()}


def in_order(words: Sequence[Any], indicator: Any) -> list[Any]:
    """Words of a code list in the order of the catalogue, which runs from high to low; others as they come."""
    codes = [str(code) for code in attribute(indicator, "codes") or ()] if indicator is not None else []
    return sorted(words, key=lambda word: codes.index(str(word)) if str(word) in codes else len(codes))


def names(words: Sequence[str]) -> str:
    """A list read aloud: all of a few, the first of many with how many they are."""
    return "、".join(words) if len(words) <= _LONGEST else f"{'、'.join(words[:_LONGEST])} 等 {len(words)} 项"


@cache
def _industries() -> Mapping[str, str]:
    """Names of GB/T 4754 by code."""
    file = Path(str(data.__file__)).with_name("reference") / "industries.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        return {row["code"]: row["name"] for row in csv.DictReader(lines)}


def place(code: str) -> str:
    """A region's name; the code itself if it has none."""
    found = gazetteer.region(code)
    return found.name if found is not None else code


def shown(value: Any, indicator: Any = None) -> str:
    """Any observed value as text."""
    if value is None:
        return "未知"
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, int | Decimal | Fraction):
        return quantity(Fraction(value), indicator)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        names = [str(entry.get("name") if isinstance(entry, Mapping) else entry) for entry in value]
        return "、".join(names) if names else "无"
    return word(str(value), indicator)


def source(evidence: Mapping[str, Any] | None, departments: Mapping[str, str]) -> str:
    """Who said it and for which day: 税务局，2024-11-30."""
    if not evidence:
        return ""
    department = evidence.get("department")
    said = departments.get(str(department), str(department)) if department else ""
    day = evidence.get("valid_at")
    when = str(day.date() if hasattr(day, "date") else day) if day is not None else ""
    return "，".join(part for part in (said, when) if part)


def constant(value: Fraction | str | bool | date | None, indicator: Any = None) -> str:
    """A threshold as text."""
    if isinstance(value, bool) or value is None:
        return shown(value)
    if isinstance(value, Fraction):
        return quantity(value, indicator)
    return shown(value, indicator) if isinstance(value, str) else plain(value)
