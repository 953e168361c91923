"""One thing that waits for a person: its sort, why, since when, due when, and what settles it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from matching.push.quiet import Calendar

Row = dict[str, Any]
Rows = Callable[[str], list[Row]]
"""Runs a SELECT on the newest publication."""

SORTS = {
    "list": "名单签批",
    "verify": "条件核实",
    "case": "办件核实",
    "document": "材料核验",
    "identity": "主体归一",
    "delivery": "交付放行",
    "payout": "支付认定",
    "settlement": "兑付对账",
    "unlisted": "名单外支付",
    "doubt": "存疑停付",
    "reversal": "冲销",
    "fund": "资金池",
    "dispute": "疑义核校",
    "call": "12345 来电",
}
# Working days within which the house wants a thing done that no policy and no list dates. Trial values of ours, not a regulation.
PROMISED = {"identity": 10, "payout": 5, "delivery": 2, "dispute": 10, "fund": 2, "unlisted": 2}


@dataclass(frozen=True)
class Waiting:
    """One thing that waits. `due` is None where nothing presses; `settle` is a command, `page` a path of the dashboards."""

    sort: str
    subject: str
    title: str
    department: str | None
    why: str
    since: date | None
    due: date | None
    settle: str
    page: str
    n: int = 1
    amount_yuan: Decimal | None = None

    def document(self, today: date) -> Row:
        late = (today - self.due).days if self.due else 0
        return {**asdict(self), "sort_name": SORTS[self.sort], "late_days": max(late, 0)}


def within(since: date | None, sort: str, days: Calendar) -> date | None:
    """The last of so many working days after `since`."""
    if since is None:
        return None
    day = since
    for _ in range(PROMISED[sort]):
        day += timedelta(days=1)
        while not days.is_working(day):
            day += timedelta(days=1)
    return day


def day_of(value: Any) -> date | None:
    if value is None:
        return None
    return value.date() if isinstance(value, datetime) else date.fromisoformat(str(value)[:10])
