"""Deliveries that came later than their table is used to: the promise of the contract until there is a habit, working days as in the reference calendar."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from statistics import quantiles
from typing import Any

from assets.push_inputs import calendar
from assets.raw.periods import period_end
from assets.raw.receipt import NO_RECEIPT
from data import contract
from data.contract import Table
from matching.push.quiet import Calendar

# Three days after the usual one nothing that is computed has waited yet; a week and a half later sums of a month are short.
PATIENCE = timedelta(days=3)
AFTER, WINDOW = 3, 12
# Days between the quarters of a habit beyond which there is none (lists that come when they are ready).
STEADY = 7
# Which length of a period belongs to which cadence: a yearly file of a monthly table is no habit of its months.
_LENGTH = {"day": 8, "week": 8, "month": 6, "quarter": 6, "year": 4}


def late(deliveries: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """Rows of `quality.anomaly` for the first delivery of each period that came late; what is sent again is not late."""
    days = calendar()
    seen: set[tuple[Any, ...]] = set()
    habits: dict[tuple[Any, ...], list[int]] = {}
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
        if NO_RECEIPT in (row.get("notes") or ""):
            # When it came is not known: a copied file is as young as its copy.
            continue
        came = row["received_at"].date()
        past = habits.setdefault(series, [])
        usual = _usual(table, past[-WINDOW:], row["period"])
        if usual is not None:
            due = _working(end + timedelta(days=usual), days)
            if came > due + PATIENCE:
                told = f"应在 {due} 前后收到，{came} 才到，迟 {(came - due).days} 天"
                yield row["department"], row["table_name"], row["period"], "late", row["file_id"], told
        past.append((came - end).days)


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
