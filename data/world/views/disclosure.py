"""Annual reports (AN_BASE), and the abnormal list (AB_LIST) of those who hand none in or are not found at their address."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np
import polars as pl

from data.world import calendar, defects, formats, state
from data.world.entity import INDIVIDUAL
from data.world.parcel import World, positions
from data.world.population import Population
from data.world.streams import Bools, Ints
from data.world.value_defects import dirty_values


def annual_reports(people: Population, year: int) -> pl.DataFrame:
    """AN_BASE of the year, handed in by 30 June of the next: tax figures with 3 % noise, one in twenty wild."""
    streams, ids = people.streams, people.ids
    end = calendar.month_index(year, 12)
    files = people.lives_at(end) & ~streams.chance(0.08, "report.missing", ids, year)
    keep = positions(files & (people.kind != INDIVIDUAL) | files & streams.chance(0.3, "report.individual", ids, year))
    sub = people.take(keep)
    noise = 1 + 0.03 * streams.normal("report.noise", sub.ids, year)
    wild = streams.chance(0.05, "report.wild", sub.ids, year)
    factor = np.where(wild, np.array([0.1, 10.0, 0.5, 2.0])[streams.below(4, "report.wildness", sub.ids, year)], noise)
    revenue = np.floor(state.revenue_year_cents(sub, year) * factor).astype(np.int64)
    assets = state.assets_cents(sub, year)
    profit = np.floor(revenue * sub.margin).astype(np.int64)
    day = calendar.day_number(
        calendar.month_index(year + 1, 1) + streams.pick((1, 2, 4, 5, 6, 9), "report.month", sub.ids, year),
        streams.below(28, "report.day", sub.ids, year),
    )
    heads = np.floor(state.staff(sub, end) * (1 + 0.1 * streams.uniform("report.staff", sub.ids, year))).astype(
        np.int64
    )
    frame = pl.DataFrame(
        {
            "PRIPID": sub.pripid,
            "ANCHEYEAR": formats.whole(np.full(len(sub), year)),
            "EMPNUM": formats.whole(heads),
            "ASSGRO": formats.wan(assets),
            "LIAGRO": formats.wan(np.floor(assets * 0.55).astype(np.int64)),
            "VENDINC": formats.wan(revenue),
            "PROGRO": formats.wan(profit),
            "NETINC": formats.wan(np.floor(profit * 0.85).astype(np.int64)),
            "RATGRO": formats.wan(np.floor(revenue * 0.025).astype(np.int64)),
            **{f"{c}_DIS": pl.Series(np.where(streams.chance(0.5, f"report.{c}", sub.ids, year), "1", "0")) for c in ("EMPNUM", "ASSGRO", "LIAGRO", "VENDINC", "PROGRO", "NETINC", "RATGRO")},
            "_eid": pl.Series(sub.ids),
            "_defects": pl.Series([""] * len(sub), dtype=pl.String),
            "_day": pl.Series(day),
        }
    )  # fmt: skip
    frame = defects.mark(frame, wild, "wild_report")
    frame = dirty_values(frame, sub.streams, "market.report", year, numbers=("ASSGRO",), care=0.5)
    return defects.change(
        frame, "VENDINC", streams.chance(0.01, "report.dash", sub.ids, year), "dash_for_unknown", lambda _: "—"
    )


def listings(people: Population, year: int) -> Iterator[tuple[str, Ints, Ints]]:
    """(reason, positions, day) of the listings that follow the year: no annual report, or not found at the address."""
    streams, ids = people.streams, people.ids
    missing = people.lives_at(calendar.month_index(year, 12)) & streams.chance(0.08, "report.missing", ids, year)
    keep = positions(missing & (people.kind != INDIVIDUAL))
    july = np.full(len(keep), calendar.number_of(dt.date(year + 1, 7, 8)))
    yield "未按规定期限公示年度报告", keep, july + streams.below(10, "abnormal.day", ids[keep], year)
    lost = (
        people.lives_at(calendar.month_index(year + 1, 1))
        & people.is_firm
        & streams.chance(0.015, "abnormal.lost", ids, year)
    )
    keep = positions(lost)
    yield "通过登记的住所或者经营场所无法联系", keep, _lost_day(people, keep, year)
    if year - 3 >= FIRST_LISTING:
        keep = _still_lost(people, year - 3)
        yield SERIOUS, keep, _lost_day(people, keep, year - 3) + 1096


FIRST_LISTING = 2018
SERIOUS = "被列入经营异常名录届满三年仍未履行相关义务，列入严重违法失信名单"


def _lost_day(people: Population, keep: Ints, year: int) -> Ints:
    ids = people.ids[keep]
    month = calendar.month_index(year + 1, 1) + people.streams.below(12, "abnormal.month", ids, year)
    return calendar.day_number(month, ids % 27)


def _still_lost(people: Population, year: int) -> Ints:
    """Half of those who were not found at their address and never came forward; the other half is overlooked."""
    lost = people.lives_at(calendar.month_index(year + 1, 1)) & people.is_firm
    lost &= people.streams.chance(0.015, "abnormal.lost", people.ids, year)
    keep = positions(lost & people.streams.chance(0.5, "abnormal.serious", people.ids, year))
    day = _lost_day(people, keep, year)
    stays = removed_day(people.take(keep), day, year) > 900_000
    lives = people.death_month[keep] > calendar.month_of_day(day + 1096)
    return keep[stays & lives]


def abnormal_at(people: Population, day: int, serious: bool = False) -> Bools:
    """On the abnormal list on the day, or on that of the seriously dishonest."""
    listed = np.zeros(len(people), dtype=np.bool_)
    for year in range(FIRST_LISTING, calendar.date_of(day).year):
        for reason, keep, since in listings(people, year):
            if (reason == SERIOUS) != serious:
                continue
            on = (since <= day) & (removed_day(people.take(keep), since, year) > day)
            listed[keep[on]] = True
    return listed


def abnormal_list(people: Population, world: World) -> pl.DataFrame:
    """AB_LIST: a row when listed, and again when taken off; the window opens with everybody who is on the list."""
    parts = [
        _listed(people, keep, day, reason, year, calendar.number_of(world.closing_day))
        for year in range(FIRST_LISTING, world.years[-1])
        for reason, keep, day in listings(people, year)
    ]
    start = world.start
    rows = pl.concat(parts)
    off = rows.filter((pl.col("OUTDATE") != "") & (pl.col("_day") < start)).select("PRIPID", "INDATE")
    rows = rows.join(off, on=["PRIPID", "INDATE"], how="anti", maintain_order="left")
    return rows.with_columns(_day=pl.max_horizontal("_day", pl.lit(start + 3)))


def removed_day(people: Population, day: Ints, year: int) -> Ints:
    """Day of removal from the abnormal list, or far in the future (40 % stay)."""
    stays = people.streams.chance(0.4, "abnormal.stays", people.ids, year)
    return np.where(stays, 999_999, day + 20 + people.streams.below(250, "abnormal.removal", people.ids, year))


def _listed(people: Population, keep: Ints, day: Ints, reason: str, year: int, closing: int) -> pl.DataFrame:
    sub = people.take(keep)
    out = removed_day(sub, day, year)

    def table(removed: np.ndarray, when: Ints) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "PRIPID": sub.pripid,
                "INREASON": pl.Series([reason] * len(sub), dtype=pl.String),
                "INDATE": formats.dates(day),
                "OUTREASON": pl.Series(np.where(removed, "信用修复" if reason == SERIOUS else "已补报并公示", "").tolist(), dtype=pl.String),
                "OUTDATE": pl.Series(np.where(removed, formats.dates(np.minimum(out, 40_000)).to_numpy(), "").tolist(), dtype=pl.String),
                "_eid": pl.Series(sub.ids),
                "_defects": pl.Series([""] * len(sub), dtype=pl.String),
                "_day": pl.Series(when + 1, dtype=pl.Int64),
            }
        )  # fmt: skip

    gone = out <= closing
    return pl.concat(
        [
            table(np.zeros(len(sub), dtype=np.bool_), day),
            table(np.ones(len(sub), dtype=np.bool_), out).filter(pl.Series(gone)),
        ]
    )
