"""Deliveries that came later than their table is used to: the promise of the contract until there is a habit, working days as in the reference calendar."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import quantiles
from typing import Any

from assets.push_inputs import calendar
from assets.raw.periods import period_end
from assets.raw.receipt import NO_RECEIPT, UNTIMED
from data import contract
from data.contract import Table
from matching.push.quiet import Calendar

# Three days after the usual one nothing that is computed has waited yet; a week and a half later sums of a month are short.
PATIENCE = timedelta(days=3)
AFTER, WINDOW = 3, 12
# Days between the quarters of a habit beyond which there is none (lists that come when they are ready).
STEADY = 7
# So many old periods with which a series begins were handed over together: what was owed then and comes later is late.
TOGETHER = 3
# Which length of a period belongs to which cadence: a yearly file of a monthly table is no habit of its months.
_LENGTH = {"day": 8, "week": 8, "month": 6, "quarter": 6, "year": 4}


@dataclass
class Habit:
    """Days from the end of a period to its delivery: of those that kept what was expected, and of all."""

    kept: list[int] = field(default_factory=list)
    every: list[int] = field(default_factory=list)

    def add(self, days: int, is_late: bool) -> None:
        """One silence must not become what is expected; deliveries that come late alike, one after the other, must."""
        self.every.append(days)
        last = self.every[-AFTER:]
        if not is_late:
            self.kept.append(days)
        elif len(last) == AFTER and max(last) - min(last) <= PATIENCE.days:
            self.kept = last


def late(deliveries: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """Rows of `quality.anomaly` for the first delivery of each period that came late; what is sent again is not late.

    One without a receipt came when it was written, unless nobody knows when that was: a copied file is as young as its copy.
    """
    days = calendar()
    habits: dict[tuple[Any, ...], Habit] = {}
    first = list(_first(deliveries))
    handed = _handed_over(first)
    for row, table, series, end in first:
        if UNTIMED in (row.get("notes") or ""):
            continue
        came = row["received_at"].date()
        habit = habits.setdefault(series, Habit())
        owed = handed.get(series)
        if owed is not None and _due(table, end) < owed:
            expected: date | None = owed
            is_late = came > owed + PATIENCE
        else:
            usual = _usual(table, habit.kept[-WINDOW:], row["period"])
            expected = None if usual is None else _working(end + timedelta(days=usual), days)
            is_late = expected is not None and came > expected + PATIENCE
            habit.add((came - end).days, is_late)
        if expected is not None and is_late:
            told = f"应在 {expected} 前后收到，{came} 才到，迟 {(came - expected).days} 天"
            told += "（没有回执，按文件写入的时间）" if NO_RECEIPT in (row.get("notes") or "") else ""
            yield row["department"], row["table_name"], row["period"], "late", row["file_id"], told


def _first(deliveries: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], Table, tuple[Any, ...], date]]:
    """(delivery, table, series, end of its period) of the first that came for each period, in order of receipt."""
    seen: set[tuple[Any, ...]] = set()
    known = [d for d in deliveries if d["department"] and d["period"] and d.get("received_at")]
    for row in sorted(known, key=lambda d: (d["received_at"], d["sequence"] or 0, d["name"])):
        name = str(row["table_name"] or "").split(",")[0]
        table = contract.feeds()[row["department"]].tables.get(name)
        end = period_end(row["period"])
        series = (row["department"], name, row["kind"], _rhythm(row["period"]))
        once = (*series, row["period"], row["batch"])
        if table is None or end is None or once in seen:
            continue
        seen.add(once)
        yield row, table, series, end


def _handed_over(
    first: Iterable[tuple[Mapping[str, Any], Table, tuple[Any, ...], date]],
) -> dict[tuple[Any, ...], date]:
    """Series → the day on which it began, where several periods owed by then came with it: the past, handed over at once.

    A department that was silent for months and then sends them all has begun before: those are late.
    """
    began: dict[tuple[Any, ...], date] = {}
    owed: Counter[tuple[Any, ...]] = Counter()
    for row, table, series, end in first:
        if UNTIMED in (row.get("notes") or ""):
            continue
        came = row["received_at"].date()
        owed[series] += _due(table, end) < began.setdefault(series, came) >= came - PATIENCE
    return {series: day for series, day in began.items() if owed[series] >= TOGETHER}


def _due(table: Table, end: date) -> date:
    return end + timedelta(days=table.due_days + table.grace_days)


def _usual(table: Table, past: list[int], period: str) -> int | None:
    """Days from the end of a period to the day its delivery is expected; None where nothing can be expected."""
    alike = len(past) >= 2 and max(past[-AFTER:]) - min(past[-AFTER:]) <= PATIENCE.days
    if len(past) < AFTER and alike:
        # Two that agree to the days we are patient for are a habit; of two that do not, nobody knows which was late.
        return min(past)
    if len(period) == 4 and table.cadence != "year":
        return min(past[-AFTER:]) if alike else None
    if len(past) >= AFTER:
        # Nothing comes before its time, some come late: the lower quarter is nearer to the promise than the middle.
        low, _, high = quantiles(past, n=4, method="inclusive")
        return round(low) if high - low <= STEADY else None
    return table.due_days if _LENGTH.get(table.cadence) == len(period) and ("Q" in period) == (table.cadence == "quarter") else None  # fmt: skip


def _rhythm(period: str) -> str:
    return "Q" if "Q" in period else str(len(period))


def _working(day: date, days: Calendar) -> date:
    while not days.is_working(day):
        day += timedelta(days=1)
    return day
