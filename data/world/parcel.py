"""A delivery before it is written: what file, for which period, handed over when, and how its bytes are made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl

from data.world import calendar
from data.world.entity import NEWBORN, NEWBORN_MONTHS, NEWBORN_ROOM
from data.world.population import Population
from data.world.streams import Ints, Streams
from data.world.writers import Written

_T = TypeVar("_T")
CHUNK = 250_000
_HISTORY_YEARS = 5

PREFIXES = {
    "market": "SCJG",
    "tax": "SWJ",
    "labor": "RSJ",
    "reform": "FGW",
    "industry": "GXT",
    "science": "KJT",
    "finance": "CZT",
    "commerce": "SWT",
    "ip": "ZSCQ",
    "housing": "ZJT",
    "agri": "NYT",
    "customs": "HG",
    "apply": "SBXT",
    "sms": "DXWG",
    "hotline": "RX",
}


@dataclass
class Parcel:
    """One file to be delivered. `due` is the day the department plans; the delivery calendar adds lateness."""

    department: str
    table: str
    period: str
    kind: str
    batch: str
    extension: str
    due: dt.date
    write: Callable[[Path], Written]
    control: bool = False
    # An empty `.ok` beside the file says that it is whole.
    flag: bool = False
    # Drift of this delivery (renamed or added columns, another unit or encoding); `silent` means it never comes.
    anomalies: list[str] = field(default_factory=list)
    # The file as it would go out before a clerk noticed the wrong figures in it: delivered first where the month is sent twice.
    draft: Callable[[Path], Written] | None = None

    @property
    def name(self) -> str:
        return f"{PREFIXES[self.department]}_{self.table}_{self.period}_{self.kind}_{self.batch}.{self.extension}"


@dataclass(frozen=True)
class World:
    """A seed, a number of entities and a window of months that ends with 2024-12, or one that goes on from there."""

    seed: int
    entities: int
    months: int
    last_month: int = calendar.LAST_MONTH
    # The last month that has been delivered already; None: the world is made from its first month.
    after: int | None = None

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> World:
        """The whole world of a `world.json`, from its first month to its last."""
        last = calendar.LAST_MONTH + int(manifest.get("advanced", 0))
        return cls(manifest["seed"], manifest["entities"], manifest["months"], last)

    @property
    def first_month(self) -> int:
        return calendar.LAST_MONTH - self.months + 1

    @property
    def start(self) -> int:
        """The first day of the first month, as a day number."""
        return calendar.number_of(calendar.first_day(self.first_month))

    @property
    def window(self) -> range:
        """The months to deliver."""
        return range(self.first_month if self.after is None else self.after + 1, self.last_month + 1)

    @property
    def sending(self) -> range:
        """The months in which those who report by the month send the month before."""
        return range(self.first_month if self.after is None else self.after + 2, self.last_month + 2)

    @property
    def closing_day(self) -> dt.date:
        return calendar.closing_day(self.last_month)

    @property
    def opening_day(self) -> dt.date:
        """What is dated before has been delivered."""
        return calendar.first_day(self.first_month) if self.after is None else calendar.closing_day(self.after)

    def is_due(self, day: dt.date) -> bool:
        """Whether a parcel planned for the day is for this world to deliver: neither delivered already nor still to come."""
        return self.after is None or self.opening_day < day <= self.closing_day

    def batch(self, start: dt.date) -> str:
        """Batch number of a run of days that starts here: what the closing day cut off comes as a second batch."""
        return "02" if self.after is not None and start <= self.opening_day else "01"

    @property
    def years(self) -> range:
        """Calendar years from the first to the last month."""
        return range(calendar.year_of(self.first_month), calendar.year_of(self.last_month) + 1)

    @property
    def history(self) -> range:
        """The years before the window's first: a department that begins to share hands its public lists of these over at once."""
        return range(self.years[0] - _HISTORY_YEARS, self.years[0]) if self.after is None else range(0)

    @property
    def handing_over(self) -> dt.date:
        """The day on which the lists of `history` are due."""
        return calendar.working_day(calendar.first_day(self.first_month) + dt.timedelta(days=14))

    @cached_property
    def streams(self) -> Streams:
        return Streams(self.seed)

    def age(self, month: int) -> int:
        """The how-manieth month of the window it is, from 1: drift events are dated by it."""
        return month - self.first_month + 1

    def chunks(self) -> list[Population]:
        """The entities in order, at most 250,000 at a time. Kept: their columns cost about 0.6 KB an entity, far less than computing them anew."""
        return self._chunks

    @cached_property
    def _chunks(self) -> list[Population]:
        return [Population(self.streams, self._ids[a : a + CHUNK]) for a in range(0, len(self._ids), CHUNK)]

    @property
    def _ids(self) -> Ints:
        known = np.arange(self.entities, dtype=np.int64)
        if self.last_month == calendar.LAST_MONTH:
            return known
        # One in seventy-five is born each month, as in 2024 (feeds.md 4.1).
        born = min(self.entities * NEWBORN_MONTHS // 75, NEWBORN_ROOM)
        return np.concatenate([known, np.arange(NEWBORN, NEWBORN + born, dtype=np.int64)])

    @cached_property
    def everyone(self) -> Population:
        """All entities as one chunk (for what needs an entity by its code)."""
        return Population(self.streams, self._ids)

    def gather(self, view: Callable[[Population], pl.DataFrame]) -> pl.DataFrame:
        """One frame over all chunks, for tables of natural size."""
        return pl.concat([view(people) for people in self.chunks()], how="vertical")


def given(view: Callable[[Population, _T], pl.DataFrame], value: _T) -> Callable[[Population], pl.DataFrame]:
    """The view with its second argument fixed (a lambda in a loop would see the last value)."""
    return lambda people: view(people, value)


def positions(mask: np.ndarray) -> Ints:
    return np.flatnonzero(mask).astype(np.int64)
