"""When a message may leave: working days, 08:00 to 20:00, Asia/Shanghai; the rest is held."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

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
