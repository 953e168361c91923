"""Persons, the second kind of entity: talents recognised by 人社 and their monthly insurance; every identity number is impossible."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial

import numpy as np
import polars as pl

from data.world import books, calendar, formats, state
from data.world.books import Sheet
from data.world.parcel import Parcel, World, given
from data.world.population import Population, person_names
from data.world.streams import Ints
from data.world.views.labor import offices, unit_number

CLASSES = ("A", "B", "C", "D", "E")
_EDUCATION = ("博士", "博士", "硕士", "本科", "本科")
_TITLES = ("正高级", "正高级", "副高级", "中级", "高级技师")
_WEIGHTS = ["7", "9", "10", "5", "8", "4", "2", "1", "6", "3", "7", "9", "10", "5", "8", "4", "2"]
_CHECKS = "10X98765432"


class Talents:
    """Talents of a chunk: one row each, owned by the firm at `owner` (a position). Person ids are eid·8 + ordinal."""

    def __init__(self, people: Population) -> None:
        hires = people.is_firm & (people.staff_level > 6)
        likely = np.where(state.does_research(people), 0.6, 0.06)
        number = np.where(
            hires & people.streams.chance(likely, "talent", people.ids),
            1 + people.streams.below(4, "talent.number", people.ids),
            0,
        )
        self.owner: Ints = np.repeat(np.arange(len(people)), number)
        self.ordinal: Ints = np.arange(len(self.owner)) - np.repeat(np.cumsum(number) - number, number)
        ids = people.ids[self.owner]
        self.person: Ints = ids * 8 + self.ordinal
        streams = people.streams
        self.level: Ints = streams.pick((0.01, 0.04, 0.15, 0.35, 0.45), "talent.class", self.person)
        month = np.maximum(
            people.birth_month[self.owner] + 4,
            calendar.month_index(2021, 1) + streams.below(46, "talent.month", self.person),
        )
        self.recognised: Ints = calendar.day_number(month, streams.below(28, "talent.day", self.person))
        self.since: Ints = np.maximum(
            month - 2 - streams.below(24, "talent.since", self.person), people.birth_month[self.owner] + 1
        )
        leaves = streams.chance(0.2, "talent.leaves", self.person)
        self.until: Ints = np.minimum(
            np.where(leaves, month + 6 + streams.below(20, "talent.until", self.person), 100_000),
            people.death_month[self.owner],
        )
        self.number = _identity_numbers(self.person, streams.below(30, "talent.age", self.person))
        self.name = person_names(streams, "talent.name", self.person)


def _identity_numbers(person: Ints, age: Ints) -> pl.Series:
    """Eighteen characters in region 990000, which is nowhere, with a right check character."""
    numbers = []
    for p, a in zip(person.tolist(), age.tolist(), strict=True):
        body = f"990000{1968 + a}{p % 12 + 1:02d}{p % 28 + 1:02d}{p % 1000:03d}"
        total = sum(int(c) * int(w) for c, w in zip(body, _WEIGHTS, strict=True))
        numbers.append(body + _CHECKS[total % 11])
    return pl.Series(numbers, dtype=pl.String)


def recognitions(people: Population) -> pl.DataFrame:
    """RCRD: one row per recognition."""
    t = Talents(people)
    sub = people.take(t.owner)
    unit = unit_number(sub, offices(sub)[0][0])
    return pl.DataFrame(
        {
            "证件号": t.number,
            "姓名": t.name,
            "类别": pl.Series(CLASSES).gather(t.level),
            "学历": pl.Series(_EDUCATION).gather(t.level),
            "职称/技能等级": pl.Series(_TITLES).gather(t.level),
            "认定日": formats.dates(t.recognised, "%Y-%m-%d"),
            "有效期": formats.dates(t.recognised + 1826, "%Y-%m-%d"),
            "单位编号": unit,
            "_eid": pl.Series(sub.ids),
            "_defects": pl.Series([""] * len(sub), dtype=pl.String),
            "_day": pl.Series(t.recognised, dtype=pl.Int64),
        }
    )


def insurance(people: Population, month: int) -> pl.DataFrame:
    """GRCB: talents insured in the month; one in fifty unpaid."""
    t = Talents(people)
    keep = np.flatnonzero((t.since <= month) & (month < t.until))
    sub = people.take(t.owner[keep])
    unpaid = people.streams.chance(0.02, "talent.unpaid", t.person[keep], month)
    return pl.DataFrame(
        {
            "证件号": t.number.gather(keep),
            "单位编号": unit_number(sub, offices(sub)[0][0]),
            "月份": pl.Series([calendar.month_text(month)] * len(keep), dtype=pl.String),
            "险种": pl.Series(["企业职工基本养老保险"] * len(keep), dtype=pl.String),
            "缴费状态": pl.Series(np.where(unpaid, "欠费", "正常").tolist(), dtype=pl.String),
            "_eid": pl.Series(sub.ids),
            "_defects": pl.Series([""] * len(keep), dtype=pl.String),
        }
    )


def parcels(world: World) -> Iterator[Parcel]:
    """Recognitions by quarter (the first file holds the stock), insurance by month."""
    stock = world.gather(recognitions).sort("_day", "_eid", maintain_order=True)
    told = [m for m in range(world.first_month, world.window[0]) if m % 3 == 2 or m == world.first_month]
    last = calendar.number_of(calendar.last_day(told[-1])) if told else 0
    for month in world.window:
        due = calendar.working_day(calendar.first_day(month + 1) + dt.timedelta(days=16))
        frame = world.gather(given(insurance, month))
        sheet = Sheet(
            "个人参保",
            frame,
            [[c for c in frame.columns if not c.startswith("_")]],
            title=f"{calendar.year_of(month)}年{month % 12 + 1}月人才个人参保情况",
        )
        yield Parcel(
            "labor",
            "GRCB",
            calendar.month_text(month),
            "I",
            "01",
            "xlsx",
            due,
            partial(books.xlsx, sheets=[sheet]),
        )
        if month % 3 == 2 or month == world.first_month:
            end = calendar.number_of(calendar.last_day(month))
            part = stock.filter((pl.col("_day") > last) & (pl.col("_day") <= end))
            last = end
            header = [[c for c in part.columns if not c.startswith("_")]]
            rolls = Sheet("认定名单", part, header, title="高层次人才认定名单", notes=("注：证件号为模拟号码。",))
            yield Parcel(
                "labor",
                "RCRD",
                calendar.month_text(month),
                "I",
                "01",
                "xlsx",
                due,
                partial(books.xlsx, sheets=[rolls]),
            )


def truth(people: Population) -> pl.DataFrame:
    """truth_person: who is recognised as what, employed by whom, from when to when."""
    t = Talents(people)
    return pl.DataFrame(
        {
            "person_id": t.person,
            "id_number": t.number,
            "name": t.name,
            "talent_level": pl.Series(CLASSES).gather(t.level),
            "talent_education": pl.Series(_EDUCATION).gather(t.level),
            "recognised": pl.Series(t.recognised.astype(np.int32)).cast(pl.Date),
            "employer_eid": people.ids[t.owner],
            "employed_from": pl.Series([calendar.month_text(int(m)) for m in t.since], dtype=pl.String),
            "employed_until": pl.Series(
                [calendar.month_text(int(m)) if m < 2_000 else None for m in t.until], dtype=pl.String
            ),
        }
    )
