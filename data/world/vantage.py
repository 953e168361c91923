"""From where a fact is seen: a chunk and a day, and columns of Python values as rules read them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from data.world import calendar
from data.world.population import Population
from data.world.streams import Ints

Column = list[Any]


def yuan(cents: Ints) -> Column:
    return [Decimal(int(c)) / 100 for c in cents]


def numbers(values: Ints) -> Column:
    return [int(v) for v in values]


def flags(values: np.ndarray) -> Column:
    return [bool(v) for v in values]


def ratio(over: Ints, under: Ints) -> Column:
    return [Decimal(int(a)) / Decimal(int(b)) if b > 0 else None for a, b in zip(over, under, strict=True)]


def where(mask: np.ndarray, values: Column) -> Column:
    """The values where the mask holds, None elsewhere."""
    return [v if m else None for m, v in zip(mask, values, strict=True)]


class Vantage:
    """A chunk of entities seen from a day: the last full month before it, its year, the year before as a span of months."""

    def __init__(self, people: Population, day: dt.date) -> None:
        self.people = people
        self.day = day
        self.number = calendar.number_of(day)
        self.year = day.year
        self.month = calendar.month_index(day.year, day.month)
        if calendar.last_day(self.month) > day:
            self.month -= 1
        self.span = (calendar.month_index(self.year - 1, 1), calendar.month_index(self.year - 1, 12))

    def yearly(self, monthly: Callable[[int], Ints], year: int) -> Ints:
        first = calendar.month_index(year, 1)
        result: Ints = np.sum(
            [monthly(first + k) for k in range(12) if first + k <= max(self.month, calendar.LAST_MONTH)], axis=0
        )
        return result

    def rated_year(self) -> int:
        """The newest year whose credit levels are published: in the April after it."""
        return self.year - 2 if self.day.month < 4 else self.year - 1

    def stray(self) -> np.ndarray:
        """Known to the tax office as 非正常."""
        return self.people.streams.chance(0.03, "tax.abnormal", self.people.ids)


def minus_years(day: dt.date, years: int) -> dt.date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def months_between(start: dt.date, end: dt.date) -> int:
    return (end.year - start.year) * 12 + end.month - start.month - (end.day < start.day)


def years_between(start: dt.date, end: dt.date) -> Decimal:
    """Whole anniversaries, and the days since over the days of that year."""
    whole = end.year - start.year - ((end.month, end.day) < (start.month, start.day))
    last, following = minus_years(start, -whole), minus_years(start, -whole - 1)
    return Decimal(whole) + Decimal((end - last).days) / Decimal((following - last).days)
