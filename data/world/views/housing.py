"""住建厅: a weekly SQLite snapshot of qualifications, permits, developers and misconduct; rows vanish when they run out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from data.world import calendar, defects, formats, pools, state, writers
from data.world.parcel import Parcel, World, given, positions
from data.world.population import Population
from data.world.streams import Bools, Ints, log
from data.world.views.frames import choose, everywhere, table, texts
from data.world.views.register import current_name
from data.world.writers import Written

_DEVELOPMENT = next(k for k, i in enumerate(pools.INDUSTRIES) if i.code == "7010")


def builds(people: Population) -> Bools:
    result: Bools = (
        people.is_firm
        & (people.letter == ord("E") - 65)
        & people.streams.chance(0.45, "qualification", people.ids)
        & (people.log_revenue > log(8e5))
    )
    return result


def grade(people: Population) -> Ints:
    """1 best (一级) to 3."""
    return np.where(people.log_revenue > log(1e8), 1, np.where(people.log_revenue > log(1.5e7), 2, 3))


def issued_day(people: Population) -> Ints:
    return calendar.day_number(
        np.maximum(
            people.birth_month + 6,
            calendar.month_index(2020, 6) + people.streams.below(40, "qualification.month", people.ids),
        ),
        people.ids % 27,
    )


def qualifications(people: Population, day: int) -> pl.DataFrame:
    """t_zz: in force on the day; one in four firms holds two grades; one in twelve rows is an out-of-province firm."""
    month = int(calendar.month_of_day(np.array([day]))[0])
    issued = issued_day(people)
    keep = positions(builds(people) & (issued <= day) & (issued + 1826 > day) & people.lives_at(month))
    sub = people.take(keep)
    parts = []
    for turn, kind in ((0, "建筑工程施工总承包"), (1, "建筑装修装饰工程专业承包")):
        has = positions(
            np.ones(len(sub), dtype=np.bool_)
            if turn == 0
            else sub.streams.chance(0.25, "qualification.second", sub.ids)
        )
        part = sub.take(has)
        parts.append(
            table(
                part,
                {
                    "zsbh": pl.select(
                        pl.concat_str(
                            pl.lit(f"D{2 + turn}46"), pl.Series(part.ids % 1_000_000).cast(pl.String).str.zfill(6)
                        )
                    ).to_series(),
                    "qymc": current_name(part, month - 8),
                    "xydm": part.uscc,
                    "zzlb": kind,
                    "zzdj": pl.Series(["一级", "二级", "三级"]).gather(np.minimum(grade(part) - 1 + turn, 2)),
                    "fzrq": formats.dates(issued_day(part)),
                    "yxq": formats.dates(issued_day(part) + 1826),
                    "zt": "有效",
                },
            )
        )
    frame = defects.dirty_names(pl.concat(parts), "qymc", people.streams, "housing.name", 0, 0.3)
    frame = defects.put(
        frame, "xydm", people.streams.chance(0.06, "housing.key", frame["_eid"].to_numpy()), "key_blank", ""
    )
    return pl.concat([frame, _strangers(people, day)])


def _strangers(people: Population, day: int) -> pl.DataFrame:
    """Out-of-province builders registered for work here: they must match nobody."""
    near = people.take(positions(people.streams.chance(0.004, "stranger", people.ids)))
    city = pl.Series(["广东", "湖南", "广西", "江西"]).gather(near.ids % 4)
    name = pl.DataFrame({"c": city, "b": near.brand}).select(
        pl.concat_str("c", "b", pl.lit("建设集团有限公司")).alias("n")
    )["n"]
    frame = table(
        near,
        {
            "zsbh": pl.select(pl.concat_str(pl.lit("D144"), pl.Series(near.ids % 1_000_000).cast(pl.String).str.zfill(6))).to_series(),
            "qymc": name, "xydm": "", "zzlb": "建筑工程施工总承包", "zzdj": "一级", "fzrq": "2021-03-01", "yxq": "2026-03-01", "zt": "进琼备案",
        },
    )  # fmt: skip
    return everywhere(frame.with_columns(pl.lit(-1, dtype=pl.Int64).alias("_eid")), "out_of_province")


def permits(people: Population, day: int) -> pl.DataFrame:
    """t_sgxk: construction permits of the three years before the day."""
    parts = []
    for year in range(calendar.date_of(day).year - 2, calendar.date_of(day).year + 1):
        issued = calendar.day_number(
            calendar.month_index(year, 1) + people.streams.below(12, "site.month", people.ids, year), people.ids % 27
        )
        keep = positions(
            builds(people)
            & people.streams.chance(0.4, "site", people.ids, year)
            & (issued <= day)
            & (people.birth_day < issued)
        )
        sub = people.take(keep)
        owner = Population(sub.streams, sub.ids // 3 + 11)
        value = state.revenue_year_cents(sub, year - 1) // 2 + 10_000_000
        parts.append(
            table(
                sub,
                {
                    "xkzh": pl.select(
                        pl.concat_str(
                            pl.lit(f"4601{year}"), pl.Series(sub.ids % 10_000_000).cast(pl.String).str.zfill(7)
                        )
                    ).to_series(),
                    "xmmc": pl.select(pl.concat_str(owner.brand, pl.lit("项目施工"))).to_series(),
                    "jsdw": owner.name,
                    "sgdw": current_name(sub, calendar.month_index(year, 1)),
                    "htje": formats.wan(value),
                    "mj": formats.whole(200 + value // 400_000),
                    "fzrq": formats.dates(issued[keep]),
                },
            )
        )
    return defects.dirty_names(pl.concat(parts), "sgdw", people.streams, "housing.name", 0, 0.3)


def developers(people: Population, day: int) -> pl.DataFrame:
    """t_fdc: developers' qualifications and presale permits."""
    month = int(calendar.month_of_day(np.array([day]))[0])
    right = people.is_firm & (people.industry == _DEVELOPMENT)
    issued = people.birth_day + 200 <= day
    sub = people.take(positions(right & issued & (people.log_revenue > log(5e6)) & people.lives_at(month)))
    return table(
        sub,
        {
            "zsbh": pl.select(
                pl.concat_str(pl.lit("琼建开证"), pl.Series(sub.ids).cast(pl.String).str.zfill(7))
            ).to_series(),
            "qymc": current_name(sub, month - 8),
            "xydm": sub.uscc,
            "zzdj": "二级",
            "fzrq": formats.dates(sub.birth_day + 200),
            "yxq": formats.dates(sub.birth_day + 3852),
            "ysxkzh": pl.select(pl.concat_str(pl.lit("预售"), pl.Series(sub.ids).cast(pl.String))).to_series(),
            "xmmc": pl.select(pl.concat_str(sub.brand, pl.lit("花园"))).to_series(),
            "ysmj": formats.whole(3000 + sub.ids % 89 * 500),
        },
    )


def misconduct_day(people: Population) -> Ints:
    """Day of bad conduct on a site, or far in the future."""
    hit = builds(people) & people.streams.chance(0.06, "misconduct", people.ids)
    return np.where(
        hit,
        calendar.day_number(
            calendar.month_index(2022, 6) + people.streams.below(28, "misconduct.month", people.ids), people.ids % 27
        ),
        999_999,
    )


def misconduct(people: Population, day: int) -> pl.DataFrame:
    """t_blxw: published for a year."""
    since = misconduct_day(people)
    sub = people.take(positions((since <= day) & (since + 365 > day)))
    since = misconduct_day(sub)
    return table(
        sub,
        {
            "qymc": current_name(sub, calendar.LAST_MONTH - 12),
            "xydm": sub.uscc,
            "xwdm": texts(np.array(["A1-02-01", "A2-01-03"])[sub.ids % 2]),
            "jf": formats.whole(1 + sub.ids % 9),
            "rq": formats.dates(since),
            "yxq": formats.dates(since + 365),
        },
    )


def safety(people: Population, day: int) -> pl.DataFrame:
    """t_azxkz: safety licences, three years."""
    issued = issued_day(people) + 40
    month = int(calendar.month_of_day(np.array([day]))[0])
    sub = people.take(positions(builds(people) & (issued <= day) & people.lives_at(month)))
    issued = issued_day(sub) + 40
    year = pl.Series([str(calendar.date_of(int(d)).year) for d in issued], dtype=pl.String)
    number = pl.DataFrame({"y": year, "n": pl.Series(sub.ids % 1_000_000).cast(pl.String).str.zfill(6)})
    return table(
        sub,
        {
            "xkzh": number.select(pl.concat_str(pl.lit("(琼)JZ安许证字["), "y", pl.lit("]"), "n").alias("b"))["b"],
            "qymc": current_name(sub, month - 8),
            "xydm": sub.uscc,
            "fzrq": formats.dates(issued),
            "yxq": formats.dates(issued + 1095),
            "zt": choose(issued + 1095 > day, "有效", "过期"),
        },
    )


def snapshot(world: World, day: dt.date) -> dict[str, pl.DataFrame]:
    """The five tables of one weekly snapshot."""
    number = calendar.number_of(day)
    views = {"t_zz": qualifications, "t_sgxk": permits, "t_fdc": developers, "t_blxw": misconduct, "t_azxkz": safety}
    return {name: world.gather(given(view, number)) for name, view in views.items()}


def _write_snapshot(world: World, day: dt.date, path: Path) -> Written:
    return writers.sqlite(path, snapshot(world, day))


def parcels(world: World) -> Iterator[Parcel]:
    """Sundays; tiny worlds take the snapshot of the last Sunday of each month."""
    day = calendar.first_day(world.window[0]) - dt.timedelta(days=1)
    while day.weekday() != 6:
        day += dt.timedelta(days=1)
    while day <= world.closing_day - dt.timedelta(days=2):
        if world.entities > 10_000 or (day + dt.timedelta(days=7)).month != day.month:
            yield Parcel(
                "housing", "SNAPSHOT", f"{day:%Y%m%d}", "F", "01", "db", calendar.working_day(day + dt.timedelta(days=1)),
                partial(_write_snapshot, world, day),
            )  # fmt: skip
        day += dt.timedelta(days=7)
