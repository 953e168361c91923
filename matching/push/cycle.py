"""Cycles and deadlines: which period an award counts in, and until when it can be claimed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

ONCE = "once"


def cycle(kind: str, opening: dt.date, openings: Sequence[dt.date] = ()) -> str:
    """The id of the period that contains `opening`: `once`, `2024`, `2024-03` or `2024B2`.

    `opening` is the day the window opens (or `as_of` for an item without a window); `openings` are all openings known for the
    item, over its versions: the number of a batch is the place of its opening among those of the same year, so that an
    amended version with the same window stays in the same batch and cannot pay it again.
    Raises ValueError for a kind other than once, year, month or batch.
    """
    if kind == "once":
        return ONCE
    if kind == "year":
        return f"{opening:%Y}"
    if kind == "month":
        return f"{opening:%Y-%m}"
    if kind == "batch":
        same_year = sorted({day for day in openings if day.year == opening.year} | {opening})
        return f"{opening.year}B{same_year.index(opening) + 1}"
    raise ValueError(f"周期 {kind!r} 不认识，应为 once、year、month 或 batch")


def group_cycle(cycle_id: str, as_of: dt.date) -> str:
    """The year in which an exclusion group allows one award: items of one group may have cycles of different length."""
    return f"{as_of:%Y}" if cycle_id == ONCE else cycle_id[:4]


def deadline(kind: str, opening: dt.date, window_to: dt.date | None, valid_to: dt.date | None) -> dt.date | None:
    """The last day on which the award can be claimed: the end of the window, of the item, or of its cycle, whichever is first."""
    ends = [end for end in (window_to, valid_to) if end is not None]
    if kind == "year":
        ends.append(dt.date(opening.year, 12, 31))
    if kind == "month":
        following = dt.date(opening.year + opening.month // 12, opening.month % 12 + 1, 1)
        ends.append(following - dt.timedelta(days=1))
    return min(ends) if ends else None
