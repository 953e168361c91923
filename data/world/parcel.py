"""A delivery before it is written: what file, for which period, handed over when, and how its bytes are made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl

from data.world import calendar
from data.world.population import Population
from data.world.streams import Ints, Streams
from data.world.writers import Written

_T = TypeVar("_T")
CHUNK = 250_000

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
    # Drift of this delivery (renamed or added columns, another unit or encoding); `silent` means it never comes.
    anomalies: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{PREFIXES[self.department]}_{self.table}_{self.period}_{self.kind}_{self.batch}.{self.extension}"


@dataclass(frozen=True)
class World:
    """A seed, a number of entities and a window of months that ends with 2024-12."""

    seed: int
    entities: int
    months: int

    @property
    def first_month(self) -> int:
        return calendar.LAST_MONTH - self.months + 1

    @property
    def window(self) -> range:
        return range(self.first_month, calendar.LAST_MONTH + 1)

    @property
    def years(self) -> range:
        """Calendar years that end inside the window."""
        return range(calendar.year_of(self.first_month), calendar.LAST_MONTH // 12 + calendar.EPOCH_YEAR + 1)

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
        edges = range(0, self.entities, CHUNK)
        return [Population(self.streams, np.arange(a, min(a + CHUNK, self.entities), dtype=np.int64)) for a in edges]

    @cached_property
    def everyone(self) -> Population:
        """All entities as one chunk (for what needs an entity by its code)."""
        return Population(self.streams, np.arange(self.entities, dtype=np.int64))

    def gather(self, view: Callable[[Population], pl.DataFrame]) -> pl.DataFrame:
        """One frame over all chunks, for tables of natural size."""
        return pl.concat([view(people) for people in self.chunks()], how="vertical")


def given(view: Callable[[Population, _T], pl.DataFrame], value: _T) -> Callable[[Population], pl.DataFrame]:
    """The view with its second argument fixed (a lambda in a loop would see the last value)."""
    return lambda people: view(people, value)


def positions(mask: np.ndarray) -> Ints:
    return np.flatnonzero(mask).astype(np.int64)
