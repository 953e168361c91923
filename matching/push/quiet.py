"""When a message may leave: working days, 08:00 to 20:00, Asia/Shanghai; the rest is held."""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from data.contract import REFERENCE

HOLIDAYS = Path(REFERENCE) / "holidays.csv"
OPENS = dt.time(8, 0)
CLOSES = dt.time(20, 0)


@dataclass(frozen=True)
class Calendar:
    """Statutory days off and make-up working days. `years` are the years the calendar covers: outside them nothing is known."""

    off: frozenset[dt.date] = field(default_factory=frozenset)
    working: frozenset[dt.date] = field(default_factory=frozenset)
    years: frozenset[int] = field(default_factory=frozenset)

    def is_working(self, day: dt.date) -> bool:
        """Whether `day` is a 法定工作日; Monday to Friday where the calendar has nothing, which `covers` makes visible."""
        if day in self.working:
            return True
        return day not in self.off and day.weekday() < 5

    def covers(self, day: dt.date) -> bool:
        return day.year in self.years


@cache
def calendar(path: Path = HOLIDAYS) -> Calendar:
    """Statutory days off and make-up working days from the reference table; empty, and so visibly uncovered, without it."""
    if not path.exists():
        return Calendar()
    with path.open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(line for line in file if not line.startswith("#"))]
    days = [(dt.date.fromisoformat(row["date"]), row["kind"]) for row in rows]
    return Calendar(
        off=frozenset(day for day, kind in days if kind in ("off", "holiday", "休")),
        working=frozenset(day for day, kind in days if kind in ("working", "workday", "班")),
        years=frozenset(day.year for day, _ in days),
    )


def next_send(at: dt.datetime, calendar: Calendar) -> dt.datetime:
    """The first moment from `at` on (naive, Asia/Shanghai) at which a message may leave."""
    if calendar.is_working(at.date()) and at.time() < CLOSES:
        return max(at, dt.datetime.combine(at.date(), OPENS))
    day = at.date() + dt.timedelta(days=1)
    while not calendar.is_working(day):
        day += dt.timedelta(days=1)
    return dt.datetime.combine(day, OPENS)


def is_quiet(at: dt.datetime, calendar: Calendar) -> bool:
    """Whether a message must be held at `at`."""
    return next_send(at, calendar) != at
