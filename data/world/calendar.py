"""Months, days and working days of the world: a month is a count since 1990-01, a day a count since 1970-01-01."""

from __future__ import annotations

import datetime as dt

import numpy as np

from data.world.streams import Ints

EPOCH_YEAR = 1990
# The worlds' reference: ages are counted back from here, and a world as made ends with it.
LAST_MONTH = (2024 - EPOCH_YEAR) * 12 + 11

_FIRST_DAYS = np.array(
    [(dt.date(EPOCH_YEAR + m // 12, m % 12 + 1, 1) - dt.date(1970, 1, 1)).days for m in range(12 * 90)], dtype=np.int64
)
_HOLIDAYS = {
    *((1, day) for day in (1,)),
    *((2, day) for day in (10, 11, 12, 13, 14, 15, 16)),
    *((5, day) for day in (1, 2, 3)),
    *((10, day) for day in range(1, 8)),
}


def month_index(year: int, month: int) -> int:
    return (year - EPOCH_YEAR) * 12 + month - 1


def year_of(month: int) -> int:
    return EPOCH_YEAR + month // 12


def month_text(month: int) -> str:
    """`202411`."""
    return f"{year_of(month)}{month % 12 + 1:02d}"


def quarter_text(month: int) -> str:
    """The quarter the month lies in: `2024Q4`."""
    return f"{year_of(month)}Q{month % 12 // 3 + 1}"


def first_day(month: int) -> dt.date:
    return dt.date(year_of(month), month % 12 + 1, 1)


def last_day(month: int) -> dt.date:
    return first_day(month + 1) - dt.timedelta(days=1)


def day_number(month: Ints, offset: Ints) -> Ints:
    """Days since 1970-01-01 of the offset-th day (0-based, clipped to 27) of each month."""
    result: Ints = _FIRST_DAYS[np.clip(month, 0, len(_FIRST_DAYS) - 1)] + np.clip(offset, 0, 27)
    return result


def closing_day(month: int) -> dt.date:
    """Deliveries for the month stop here: the data of December arrive in January."""
    return first_day(month + 1).replace(day=25)


def number_of(day: dt.date) -> int:
    return (day - dt.date(1970, 1, 1)).days


def date_of(number: int) -> dt.date:
    return dt.date(1970, 1, 1) + dt.timedelta(days=int(number))


def month_of_day(number: Ints) -> Ints:
    """Month index of days since 1970-01-01."""
    return np.searchsorted(_FIRST_DAYS, number, side="right").astype(np.int64) - 1


def is_working(day: dt.date) -> bool:
    """A rough working calendar: weekends and the fixed holidays rest (spring festival of 2024 stands for every year)."""
    return day.weekday() < 5 and (day.month, day.day) not in _HOLIDAYS


def working_day(day: dt.date) -> dt.date:
    """The day itself or the next working one."""
    while not is_working(day):
        day += dt.timedelta(days=1)
    return day


# Of a world as made; one that goes on closes later.
CLOSING_DAY = closing_day(LAST_MONTH)
