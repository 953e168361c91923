"""Numbers and dates as they really arrive: spellings a reader must see through, and cells nobody can read."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

import polars as pl

from data.world.defects import change, full_width, put
from data.world.streams import Ints, Streams


def _point_twice(text: str) -> str:
    return text.replace(".", "..", 1) if "." in text else f"{text[:1]}.{text[1:]}.0" if len(text) > 1 else f"{text}..0"


def _letters(text: str) -> str:
    """O for a zero, l for a one; an l behind a number that holds neither."""
    swapped = text.replace("0", "O", 1).replace("1", "l", 1)
    return swapped if swapped != text else text + "l"


def _grouped_number(text: str) -> str:
    sign, bare = ("-", text[1:]) if text.startswith("-") else ("", text)
    head, point, tail = bare.partition(".")
    return f"{sign}{int(head):,}{point}{tail}" if head.isdigit() else text


_DAY = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?")


def _day_of(text: str) -> dt.date | None:
    found = _DAY.fullmatch(text)
    year = int(found.group(1)) if found else 9999
    return dt.date(year, int(found.group(2)), int(found.group(3))) if found and year < 2100 else None


def _spelled(pattern: str) -> Callable[[str], str]:
    def rewrite(text: str) -> str:
        day = _day_of(text)
        return text if day is None else pattern.format(y=day.year, m=day.month, d=day.day)

    return rewrite


def _serial(text: str) -> str:
    day = _day_of(text)
    return text if day is None else str((day - dt.date(1899, 12, 30)).days)


def _impossible(text: str) -> str:
    day = _day_of(text)
    return text if day is None else f"{day.year}-02-30"


def ten_thousands(text: str) -> str:
    """`21300.00` as `2.13万`, where that is the same number."""
    whole, _, cents = text.partition(".")
    exact = whole.isdigit() and int(whole) >= 10_000 and int(whole) % 100 == 0 and not cents.strip("0")
    return f"{int(whole) / 10_000:g}万" if exact else text


# How numbers and dates arrive (feeds.md 1.5): spellings a reader must see through, and cells nobody can read. The page gives no
# rates for them; these are guesses, low enough that a file of a few hundred rows seldom holds more than one unreadable cell.
NUMBER_DEFECTS: tuple[tuple[str, float, Callable[[str], str]], ...] = (
    ("full_width_digits", 0.004, full_width),
    ("thousands_separator", 0.006, _grouped_number),
    ("number_blanks", 0.004, lambda v: f" {v}\u3000"),
    ("negative_in_brackets", 0.2, lambda v: f"({v[1:]})" if v.startswith("-") else v),
    ("dash_for_unknown", 0.002, lambda v: "—"),
    ("slash_for_unknown", 0.001, lambda v: "/"),
    ("letters_in_number", 0.001, _letters),
    ("two_decimal_points", 0.0004, _point_twice),
    ("spreadsheet_error", 0.0005, lambda v: "#REF!"),
)
DATE_DEFECTS: tuple[tuple[str, float, Callable[[str], str]], ...] = (
    ("date_in_chinese", 0.006, _spelled("{y}年{m}月{d}日")),
    ("date_with_slashes", 0.006, _spelled("{y}/{m}/{d}")),
    ("date_with_points", 0.004, _spelled("{y}.{m:02d}.{d:02d}")),
    ("impossible_date", 0.001, _impossible),
    ("zero_date", 0.0006, lambda v: v if _day_of(v) is None else "1900-01-00"),
    ("date_far_ahead", 0.0005, lambda v: v if _day_of(v) is None else "2099-01-01"),
)
# Only where the sender's program is a spreadsheet.
SHEET_DEFECTS: tuple[tuple[str, float, Callable[[str], str]], ...] = (("excel_serial", 0.004, _serial),)
# By what a column is: an empty required one, a value beyond what can be.
OTHER_DEFECTS = ("required_blank", "out_of_range", "ten_thousands")


def dirty_values(
    frame: pl.DataFrame,
    streams: Streams,
    table: str,
    step: int | Ints,
    numbers: tuple[str, ...] = (),
    dates: tuple[str, ...] = (),
    required: tuple[str, ...] = (),
    beyond: tuple[tuple[str, str], ...] = (),
    sheet: bool = False,
    care: float = 1.0,
) -> pl.DataFrame:
    """Numbers and dates misspelt or unreadable; required cells empty, values beyond what can be (one row in a thousand each).

    Each draw is for one column; `step` is the delivery, or the day of a row where one delivery holds several of an entity.
    """
    ids = frame["_eid"].to_numpy()
    laws = [(c, NUMBER_DEFECTS) for c in numbers]
    laws += [(c, DATE_DEFECTS + (SHEET_DEFECTS if sheet else ())) for c in dates]
    for column, law in laws:
        u = streams.uniform(f"{table}.{column}.value", ids, step)
        if "negative_in_brackets" in {defect for defect, _, _ in law}:
            minus = frame[column].str.starts_with("-").fill_null(False).to_numpy()
        low = 0.0
        for defect, rate, rewrite in law:
            if defect == "negative_in_brackets":
                mask = minus & (u > 1 - rate * care)
            else:
                mask = (u >= low) & (u < low + rate * care)
                low += rate * care
            frame = change(frame, column, mask & (ids >= 0), defect, rewrite)
    for column in required:
        mask = streams.chance(0.001 * care, f"{table}.{column}.required", ids, step) & (ids >= 0)
        frame = put(frame, column, mask, "required_blank", "")
    for column, text in beyond:
        mask = streams.chance(0.001 * care, f"{table}.{column}.beyond", ids, step) & (ids >= 0)
        frame = put(frame, column, mask, "out_of_range", text)
    return frame
