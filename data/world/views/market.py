"""市场监督管理局: the register's news as daily GB18030 increments, its stock as quarterly full COPY dumps, alterations; all its parcels."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from data.world import calendar, defects, formats, succession, writers
from data.world.parcel import Parcel, World, given, positions
from data.world.population import Population
from data.world.streams import Ints
from data.world.views import register
from data.world.views.disclosure import abnormal_list, annual_reports
from data.world.views.ownership import branches, investors
from data.world.views.register import TYPES, baseinfo, scope
from data.world.writers import Written


def _events(people: Population, world: World) -> list[tuple[str, Ints, Ints]]:
    """(operation, positions, day) of the increments in the window: births, changes, ends."""
    first, last = world.first_month, _last_event(world)
    events = []
    born = positions(people.birth_month >= first)
    events.append(("I", born, people.birth_day[born] + 1))
    for label, month in (
        ("renamed", people.renamed_month),
        ("moved", people.moved_month),
        ("returned", people.returned_month),
        ("changed", people.first_change_month()),
        ("standstill", people.standstill_month),
    ):
        keep = positions(
            (month >= first) & (month <= last) & (month > people.birth_month) & (month < people.death_month)
        )
        day = calendar.day_number(month[keep], people.streams.below(28, f"market.{label}.day", people.ids[keep]))
        events.append(("U", keep, day + 1))
    dead = positions((people.death_month >= first) & (people.death_month <= last))
    day = calendar.day_number(people.death_month[dead], people.streams.below(28, "death.day", people.ids[dead]))
    events.append(("U", dead, day + 1))
    # One in thirty closed ones is deleted and registered again by mistake of a window clerk: D, then I on the next day.
    erased = dead[people.streams.chance(1 / 30, "market.erased", people.ids[dead])]
    day = calendar.day_number(
        people.death_month[erased], people.streams.below(20, "market.erased.day", people.ids[erased])
    )
    events.append(("D", erased, day + 2))
    events.append(("I", erased, day + 3))
    return events


def _daily_rows(people: Population, world: World, month: int) -> pl.DataFrame:
    """The increments whose day lies in the month, in order of time."""
    parts = [
        baseinfo(
            people, np.zeros(0, dtype=np.int64), month, "I", np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        )
    ]
    days = [np.zeros(0, dtype=np.int64)]
    for op, keep, day in _events(people, world):
        here = calendar.month_of_day(day) == month
        if not here.any():
            continue
        second = 30_000 + people.streams.below(35_000, f"market.{op}.second", people.ids[keep[here]])
        parts.append(baseinfo(people, keep[here], month, op, day[here], second))
        days.append(day[here])
        # Several updates a day for one subject, the earlier with the old approval date.
        twice = people.streams.chance(0.08, "market.twice", people.ids[keep[here]]) & (op == "U")
        if twice.any():
            again = baseinfo(people, keep[here][twice], month, op, day[here][twice], second[twice] + 600)
            parts.append(defects.mark(again, np.ones(len(again), dtype=np.bool_), "several_updates_a_day"))
            days.append(day[here][twice])
    frame = pl.concat(parts).with_columns(pl.Series("_day", np.concatenate(days)))
    return _unquoted(frame, people, month)


def parcels(world: World) -> Iterator[Parcel]:
    """Daily increments, a full dump at the start and after every quarter, and the other tables."""
    daily = (
        world.gather(partial(_daily_rows, world=world, month=month)).sort("_day", "S_EXT_TIME", "_eid")
        for month in range(world.window[0], _last_event(world) + 1)
    )
    yield from _by_day(world, "E_BASEINFO", daily, weekly=False)
    quarters = [m for m in world.window if m % 3 == 2]
    stock = [world.first_month - 1] if world.after is None else []
    for month in [*stock, *quarters]:
        yield _full(world, month)
    yield from _by_day(world, "E_ALTER", [world.gather(given(_alterations, world)).sort("_day", "_eid")])
    yield from _by_day(world, "AB_LIST", [world.gather(given(abnormal_list, world)).sort("_day", "_eid")])
    # Year after year: all are handed in before the next year's begin.
    reports = (
        world.gather(given(annual_reports, year)).filter(pl.col("_day") >= world.start).sort("_day", "_eid")
        for year in range(world.years[0] - 1, world.years[-1])
    )
    yield from _by_day(world, "AN_BASE", reports)
    yield from _by_day(world, "E_INV", [world.gather(given(investors, world)).sort("_day", "_eid")])
    yield from _by_day(world, "E_BRANCH", [world.gather(given(branches, world)).sort("_day", "_eid")])


def _last_event(world: World) -> int:
    """Daily news of a world as made end with its last month; where it goes on they run up to the closing day."""
    return world.last_month + (world.after is not None)


def _by_day(world: World, table: str, frames: Iterable[pl.DataFrame], weekly: bool = True) -> Iterator[Parcel]:
    """One increment per working day that has rows (weekends wait for Monday), or one per week, on its last day.

    `frames` follow one another in time; what is sent after the last day of one waits for the next.
    """
    waiting: pl.DataFrame | None = None
    for frame in frames:
        # Day 0 was a Thursday: +3 makes weeks start on Monday.
        day = frame["_day"].to_numpy()
        due = (day + 3) // 7 * 7 + 3 if weekly else day
        if table == "E_BASEINFO" and world.after == calendar.LAST_MONTH:
            # January's news up to the closing day of the world as made: they come on the first day after it.
            due = np.maximum(due, calendar.number_of(world.opening_day) + 1)
        days, place = np.unique(due, return_inverse=True)
        sent = [calendar.number_of(calendar.working_day(calendar.date_of(d))) for d in days.tolist()]
        frame = frame.with_columns(pl.Series("_sent", sent, dtype=pl.Int64).gather(place))
        if waiting is not None:
            frame = pl.concat([waiting, frame])
        end = int(day.max()) if len(day) else 0
        yield from _sent_parcels(world, table, frame.filter(pl.col("_sent") <= end))
        waiting = frame.filter(pl.col("_sent") > end)
    if waiting is not None:
        yield from _sent_parcels(world, table, waiting)


def _sent_parcels(world: World, table: str, frame: pl.DataFrame) -> Iterator[Parcel]:
    for (sent,), part in frame.group_by("_sent", maintain_order=True):
        day = calendar.date_of(int(str(sent)))
        if day <= world.closing_day and world.is_due(day):
            batches = (
                _batches(world, part.drop("_sent"), int(str(sent))) if table == "E_BASEINFO" else [part.drop("_sent")]
            )
            for number, rows in enumerate(batches, start=1):
                told = ["second_batch"] if number > 1 else []
                if table == "E_BASEINFO" and (rows["REGSTATE"] == register.NEW_CODE).any():
                    told.append("code_list_extended")
                yield Parcel(
                    "market", table, f"{day:%Y%m%d}", "I", f"{number:02d}", "csv", day, _csv_writer(rows), anomalies=told
                )  # fmt: skip


def _batches(world: World, rows: pl.DataFrame, day: int) -> list[pl.DataFrame]:
    """One day in twenty the news go out in two batches: what was entered by noon, and the rest."""
    if not world.streams.chance(0.05, "market.two_batches", np.array([day]))[0]:
        return [rows]
    morning = rows["S_EXT_TIME"].str.slice(11, 2) < "13"
    return [part for part in (rows.filter(morning), rows.filter(~morning)) if len(part)]


def _csv_writer(frame: pl.DataFrame) -> Callable[[Path], Written]:
    return lambda path: writers.csv(path, [frame], encoding="gb18030", quote=True)


def _unquoted(frame: pl.DataFrame, people: Population, month: int) -> pl.DataFrame:
    """One line in fifty goes out without quotes, and a comma in its address makes one field too many."""
    hit = people.streams.chance(0.02, "market.unquoted", frame["_eid"].to_numpy(), month)
    hit &= ~frame["OPSCOPE"].str.contains("\n", literal=True).to_numpy()
    frame = defects.change(frame, "DOM", hit, "unquoted_comma", lambda a: a.replace("号", "号,", 1))
    return frame.with_columns(_unquoted=pl.Series(hit) & frame["DOM"].str.contains(",", literal=True))


def _full(world: World, month: int) -> Parcel:
    """The register as of the end of a quarter. The first is the stock before the window."""
    year, quarter = calendar.year_of(month), month % 12 // 3 + 1
    due = calendar.working_day(calendar.last_day(month) + dt.timedelta(days=6))
    stamp = calendar.number_of(calendar.last_day(month))

    def frames() -> Iterator[pl.DataFrame]:
        for people in world.chunks():
            known = (people.birth_month <= month) & (people.death_month > month - 36)
            # A full that silently omits a row is an implicit deletion; one in two thousand is forgotten.
            keep = positions(known & ~people.streams.chance(0.0005, "market.forgotten", people.ids, month))
            second = people.streams.below(3600, "market.full.second", people.ids[keep])
            yield baseinfo(people, keep, month, "I", np.full(len(keep), stamp), second)

    return Parcel(
        "market", "E_BASEINFO", f"{year}Q{quarter}", "F", "01", "sql.gz", due,
        lambda path: writers.dump(path, "E_BASEINFO", TYPES, "主体登记", frames()),
    )  # fmt: skip


# Later than any change.
_LATEST = 2_000
_Told = Callable[[Population], tuple[pl.Series, pl.Series]]


def _changes(people: Population) -> Iterator[tuple[str, str, Ints, _Told]]:
    """(item of the code list, stream, month, what stood before and after)."""

    def address(moved: bool) -> _Told:
        before, after = not moved, moved
        return lambda sub: (sub.address(np.full(len(sub), before)), sub.address(np.full(len(sub), after)))

    def predecessor(before: str, after: str) -> _Told:
        def texts(sub: Population) -> tuple[pl.Series, pl.Series]:
            other = Population(sub.streams, sub.ids - 1)
            named = pl.DataFrame({"n": other.name, "u": other.uscc})
            told = named.select(pl.format("{} {}（{}）", pl.lit(before), "n", "u").str.strip_chars().alias("b"))["b"]
            last = pl.Series([after] * len(sub), dtype=pl.String)
            return (told, last) if after else (last, told)

        return texts

    kind, month = succession.taken_over(people)
    never = people.returned_month * 0 + 100_000
    yield "01", "renamed", people.renamed_month, lambda sub: (sub.name, sub.new_name)
    yield "06", "moved", people.moved_month, address(True)
    yield "06", "returned", people.returned_month, address(False)
    changed = people.first_change_month()
    for item, number, told in (
        ("04", 0, lambda sub: (formats.whole(sub.capital_wan), formats.whole(sub.capital_wan * 2))),
        ("03", 1, lambda sub: (sub.person, sub.next_person)),
        ("05", 2, lambda sub: (scope(sub, 0), scope(sub, _LATEST))),
    ):
        yield item, "changed", np.where(people.change_at(_LATEST, number), changed, never), told
    turned = np.where(kind == succession.CONVERSION, month + 1, never)
    yield "07", "converted", turned, predecessor("个体工商户", "有限责任公司（个体工商户转型）")
    yield "99", "merged", np.where(kind == succession.MERGER, month, never), predecessor("吸收合并", "")


def _alterations(people: Population, world: World) -> pl.DataFrame:
    """E_ALTER: names, addresses, capital, and whose business was taken over, before and after."""
    parts = []
    for item, label, month, told in _changes(people):
        keep = positions(
            (month >= world.first_month)
            & (month <= _last_event(world))
            & (month > people.birth_month)
            & (month < people.death_month)
        )
        sub = people.take(keep)
        day = calendar.day_number(month[keep], people.streams.below(28, f"market.{label}.day", sub.ids))
        before, after = told(sub)
        parts.append(
            pl.DataFrame(
                {
                    "PRIPID": sub.pripid,
                    "ALTITEM": pl.Series([item] * len(sub), dtype=pl.String),
                    "ALTBE": before,
                    "ALTAF": after,
                    "ALTDATE": formats.dates(day),
                    "_eid": pl.Series(sub.ids),
                    "_defects": pl.Series([""] * len(sub), dtype=pl.String),
                    "_day": pl.Series(day + 1),
                }
            )
        )
    return pl.concat(parts)
