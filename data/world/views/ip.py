"""知识产权局: weekly XML of patents, legal status, trademarks and pledges; names only, one file in ten lies about its encoding."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np
import polars as pl

from data.world import calendar, codes, defects, formats, merit, pools, writers
from data.world.parcel import Parcel, World, positions
from data.world.population import Population, person_names
from data.world.streams import Bools, Ints
from data.world.value_defects import dirty_values

_UNIVERSITIES = ("海南大学", "海南师范大学", "中国热带农业科学院", "海南热带海洋学院")


# Buyers of patents, in other provinces: no entities of this world.
_BUYERS = ("广东粤创专利运营有限公司", "江西赣知成果转化有限公司", "湖南湘汇技术转移有限公司")


class Patents:
    """The patents of a chunk, one row each: owner position, kind (1 invention, 2 utility, 3 design), days."""

    def __init__(self, people: Population) -> None:
        number = merit.patent_count(people)
        self.owner: Ints = np.repeat(np.arange(len(people)), number)
        self.ordinal: Ints = np.arange(len(self.owner)) - np.repeat(np.cumsum(number) - number, number)
        ids = people.ids[self.owner]
        streams = people.streams
        self.ids = ids
        self.kind: Ints = np.array([1, 2, 3])[streams.pick((0.42, 0.43, 0.15), "patent.kind", ids, self.ordinal)]
        span = np.maximum(
            calendar.LAST_MONTH - 3 - np.maximum(people.birth_month[self.owner], calendar.month_index(2014, 1)), 1
        )
        back = np.floor(span * streams.uniform("patent.month", ids, self.ordinal)).astype(np.int64)
        self.applied: Ints = calendar.day_number(
            calendar.LAST_MONTH - 2 - back, streams.below(28, "patent.day", ids, self.ordinal)
        )
        delay = np.where(
            self.kind == 1,
            500 + streams.below(500, "patent.delay", ids, self.ordinal),
            200 + streams.below(150, "patent.delay", ids, self.ordinal),
        )
        granted = streams.chance(0.72, "patent.granted", ids, self.ordinal) | (self.kind > 1)
        self.granted: Ints = np.where(granted, self.applied + delay, 999_999)
        lapses = streams.chance(0.12, "patent.lapses", ids, self.ordinal)
        self.lapsed: Ints = np.where(lapses & granted, self.granted + 700, 999_999)
        self.joint: Bools = streams.chance(0.08, "patent.joint", ids, self.ordinal)
        # One in thirty of those held alone is sold to a firm of another province.
        sells = granted & ~self.joint & streams.chance(1 / 30, "patent.sold", ids, self.ordinal)
        sold = self.granted + 200 + streams.below(900, "patent.sold.day", ids, self.ordinal)
        self.sold: Ints = np.where(sells & (sold < self.lapsed), sold, 999_999)
        year = np.array([calendar.date_of(int(d)).year for d in self.applied], dtype=np.int64) if len(ids) else ids
        # Serial numbers are unique per year for worlds below 100,000 patents a year.
        serial = (ids * 41 + self.ordinal) % 10_000_000
        self.number = codes.patent_numbers(year, self.kind, serial)

    def held(self, day: int) -> Bools:
        """Granted and still in force in its applicant's hands on the day."""
        result: Bools = (self.granted <= day) & (np.minimum(self.lapsed, self.sold) > day)
        return result


def inventions_valid(people: Population, day: int) -> Ints:
    """Granted invention patents in force on the day."""
    patents = Patents(people)
    live = (patents.kind == 1) & patents.held(day)
    return np.bincount(patents.owner[live], minlength=len(people)).astype(np.int64)


def patents_table(people: Population) -> pl.DataFrame:
    """PATENT as published on grant (or 18 months after filing for pending inventions)."""
    p = Patents(people)
    sub = people.take(p.owner)
    pending = p.granted > 900_000
    shown = np.where(pending, p.applied + 550, p.granted)
    names = current_name_at(sub, p.applied)
    partner = pl.Series(_UNIVERSITIES).gather(sub.streams.below(4, "patent.partner", p.ids, p.ordinal))
    applicants = pl.DataFrame({"n": names, "p": partner, "j": pl.Series(p.joint)}).select(
        pl.when("j").then(pl.concat_str("n", pl.lit(";"), "p")).otherwise("n").alias("a")
    )["a"]
    classes = pl.Series(["A23L", "A61K", "C12N", "E04B", "F16L", "G06F", "G06Q", "H04L"])
    section, second = classes.gather((sub.industry + p.ordinal) % 8), classes.gather((p.ids + p.ordinal) % 8)
    word = pl.Series([i.words[0] for i in pools.INDUSTRIES]).gather(sub.industry)
    noun = pl.Series(["装置", "方法", "系统", "组合物", "设备", "结构"]).gather(
        sub.streams.below(6, "patent.noun", p.ids, p.ordinal)
    )
    status = np.where(pending, "审中", np.where(p.lapsed <= shown, "失效", "授权"))
    frame = pl.DataFrame(
        {
            "an": pl.Series(p.number, dtype=pl.String),
            "ad": formats.dates(p.applied, "%Y%m%d"),
            "pn": pl.DataFrame({"k": formats.whole(p.kind), "n": pl.Series(p.ids * 41 + p.ordinal).cast(pl.String).str.zfill(8)}).select(pl.concat_str(pl.lit("CN"), "k", "n").alias("x"))["x"],
            "pd": formats.dates(shown, "%Y%m%d"),
            "title": pl.DataFrame({"w": word, "n": noun}).select(pl.concat_str(pl.lit("一种"), "w", pl.lit("用"), "n").alias("t"))["t"],
            "ap": applicants,
            "in": person_names(sub.streams, "inventor", p.ids, p.ordinal),
            "ipc_main": section,
            "ipc_list": section + "; " + second,
            "agency": pl.Series(["海口专利代理事务所"] * len(sub), dtype=pl.String),
            "addr": sub.address_at(calendar.LAST_MONTH - 20),
            "legal_status": pl.Series(status.tolist(), dtype=pl.String),
            "_eid": pl.Series(p.ids),
            "_defects": pl.Series([""] * len(sub), dtype=pl.String),
            "_day": pl.Series(shown, dtype=pl.Int64),
        }
    )  # fmt: skip
    frame = defects.mark(frame, p.joint, "joint_applicants")
    frame = defects.change(
        frame,
        "an",
        sub.streams.chance(0.01, "patent.typo", p.ids, p.ordinal),
        "patent_number_typo",
        lambda a: a[:8] + ("8" if a[8] != "8" else "3") + a[9:],
    )
    former = (calendar.month_of_day(p.applied) < sub.renamed_month) & (
        sub.renamed_month <= calendar.month_of_day(shown)
    )
    frame = defects.mark(frame, former, "former_name")
    return defects.dirty_names(frame, "ap", sub.streams, "ip.name", p.ordinal, 0.35)


def current_name_at(people: Population, day: Ints) -> pl.Series:
    """The applicant's name as it was on the day, frozen at filing."""
    later = calendar.month_of_day(day) >= people.renamed_month
    frame = pl.DataFrame({"a": people.name, "b": people.new_name, "c": pl.Series(later)})
    return frame.select(pl.when("c").then("b").otherwise("a").alias("n"))["n"]


def statuses(people: Population) -> pl.DataFrame:
    """PATENT_LS: grants, and lapses and transfers after them."""
    p = Patents(people)
    seller = patents_table(people)["ap"]
    parts = []
    for code, day in (("授权", p.granted), ("失效", p.lapsed), ("转让", p.sold)):
        keep = positions(day < 900_000)
        none = pl.Series([None] * len(keep), dtype=pl.String)
        sold = code == "转让"
        parts.append(
            pl.DataFrame(
                {
                    "an": pl.Series([p.number[k] for k in keep.tolist()], dtype=pl.String),
                    "date": formats.dates(day[keep], "%Y%m%d"),
                    "code": pl.Series([code] * len(keep), dtype=pl.String),
                    "from": seller.gather(keep) if sold else none,
                    "to": pl.Series(_BUYERS).gather(p.ids[keep] % len(_BUYERS)) if sold else none,
                    "_eid": pl.Series(p.ids[keep]),
                    "_defects": pl.Series([""] * len(keep), dtype=pl.String),
                    "_day": pl.Series(day[keep], dtype=pl.Int64),
                }
            )
        )
    return pl.concat(parts)


def trademarks(people: Population) -> pl.DataFrame:
    """TM: one firm in ten has registered its 字号 in a class."""
    keep = positions(people.is_firm & people.streams.chance(0.1, "trademark", people.ids))
    sub = people.take(keep)
    month = np.maximum(
        sub.birth_month + 10, calendar.month_index(2016, 1) + sub.streams.below(105, "trademark.month", sub.ids)
    )
    day = calendar.day_number(month, sub.ids % 27)
    frame = pl.DataFrame(
        {
            "reg_no": formats.whole(20_000_000 + sub.ids),
            "class": formats.whole(1 + sub.streams.below(45, "trademark.class", sub.ids)),
            "applicant": current_name_at(sub, day),
            "addr": sub.address_at(calendar.LAST_MONTH - 20),
            "reg_date": formats.dates(day),
            "valid_to": formats.dates(day + 3652),
            "_eid": pl.Series(sub.ids),
            "_defects": pl.Series([""] * len(sub), dtype=pl.String),
            "_day": pl.Series(day, dtype=pl.Int64),
        }
    )
    frame = dirty_values(frame, sub.streams, "ip.trademark", 0, dates=("reg_date",))
    return defects.dirty_names(frame, "applicant", sub.streams, "ip.name", 0, 0.35)


def pledges(people: Population) -> pl.DataFrame:
    """ZYRZ: patents pledged for loans."""
    keep = positions((merit.patent_count(people) > 2) & people.streams.chance(0.12, "pledge", people.ids))
    sub = people.take(keep)
    day = calendar.day_number(
        np.maximum(calendar.month_index(2022, 1) + sub.streams.below(34, "pledge.month", sub.ids), sub.birth_month + 6),
        sub.ids % 27,
    )
    frame = pl.DataFrame(
        {
            "登记号": pl.select(
                pl.concat_str(pl.lit("Y2024980"), pl.Series(sub.ids % 1_000_000).cast(pl.String).str.zfill(6))
            ).to_series(),
            "出质人": current_name_at(sub, day),
            "质权人": pl.Series(pools.BANKS).gather(sub.ids % 7),
            "金额": formats.whole(100 + sub.ids % 37 * 50),
            "日期": formats.dates(day),
            "_eid": pl.Series(sub.ids),
            "_defects": pl.Series([""] * len(sub), dtype=pl.String),
            "_day": pl.Series(day, dtype=pl.Int64),
        }
    )
    frame = dirty_values(frame, sub.streams, "ip.pledge", 0, numbers=("金额",), dates=("日期",))
    return defects.dirty_names(frame, "出质人", sub.streams, "ip.name", 0, 0.35)


_SHAPES = {
    "PATENT": ("patents", "patent"),
    "PATENT_LS": ("statuses", "status"),
    "TM": ("trademarks", "trademark"),
    "ZYRZ": ("pledges", "pledge"),
}


def parcels(world: World) -> Iterator[Parcel]:
    """A full of each table at the start, then a weekly increment on Thursdays where there is news."""
    start = calendar.number_of(calendar.first_day(world.first_month))
    for table, view in (("PATENT", patents_table), ("PATENT_LS", statuses), ("TM", trademarks), ("ZYRZ", pledges)):
        frame = world.gather(view).sort("_day", "_eid", maintain_order=True)
        yield _parcel(
            table,
            frame.filter(pl.col("_day") < start),
            calendar.working_day(calendar.date_of(start) + dt.timedelta(days=4)),
            "F",
        )
        week = frame.filter(pl.col("_day") >= start).with_columns(((pl.col("_day") // 7 + 1) * 7).alias("_week"))
        for (key,), part in week.group_by("_week", maintain_order=True):
            day = calendar.working_day(calendar.date_of(int(str(key))))
            if day <= world.closing_day:
                yield _parcel(table, part, day, "I")


def _parcel(table: str, frame: pl.DataFrame, day: dt.date, kind: str) -> Parcel:
    # One in ten declares gb2312 over GB18030 bytes; which weeks do depends on the date alone.
    lies = (day.toordinal() // 7 * 7919 + len(table)) % 10 == 0
    declared, encoding = ("gb2312", "gb18030") if lies else ("UTF-8", "utf-8")
    root, item = _SHAPES[table]
    if lies:
        frame = defects.mark(frame, np.ones(len(frame), dtype=np.bool_), "declared_gb2312")
    return Parcel(
        "ip",
        table,
        f"{day:%Y%m%d}",
        kind,
        "01",
        "xml",
        day,
        lambda path: writers.xml(path, root, item, frame, declared, encoding),
        anomalies=["declared_gb2312"] if lies else [],
    )
