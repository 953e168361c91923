"""市场监督管理局: the register as daily GB18030 increments and quarterly full COPY dumps, annual reports, abnormal lists, alterations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
import polars as pl

from data.world import calendar, defects, formats, pools, state, succession, writers
from data.world.parcel import Parcel, World, given, positions
from data.world.population import COLLECTIVE, COOP, FOREIGN, INDIVIDUAL, SOLE, Population, person_names
from data.world.streams import Bools, Ints
from data.world.value_defects import dirty_values

_TYPES = {
    "PRIPID": "varchar(36)", "UNISCID": "varchar(18)", "REGNO": "varchar(15)", "ENTNAME": "varchar(300)",
    "ENTTYPE": "varchar(4)", "INDUSTRYPHY": "varchar(1)", "INDUSTRYCO": "varchar(4)", "LEREP": "varchar(100)",
    "REGCAP": "numeric(18,6)", "REGCAPCUR": "varchar(3)", "ESTDATE": "date", "APPRDATE": "date", "OPFROM": "date",
    "OPTO": "date", "DOM": "varchar(600)", "DOMDISTRICT": "varchar(6)", "OPSCOPE": "varchar(4000)", "REGORG": "varchar(9)",
    "REGSTATE": "varchar(2)", "TEL": "varchar(30)", "EMPNUM": "integer", "S_EXT_OP": "varchar(1)", "S_EXT_TIME": "timestamp",
}  # fmt: skip
_STATE_WORDS = {
    "1": ("存续（在营、开业、在册）", "在营", "开业"),
    "2": ("吊销未注销", "吊销"),
    "3": ("注销", "注销", "注销"),
}


def current_name(people: Population, month: int) -> pl.Series:
    """The registered name in force at the month."""
    frame = pl.DataFrame({"a": people.name, "b": people.new_name, "c": pl.Series(people.renamed_month <= month)})
    return frame.select(pl.when("c").then("b").otherwise("a").alias("n"))["n"]


def enterprise_type(people: Population) -> pl.Series:
    llc = np.array(["1130", "1151", "1150", "1153", "1140", "1110", "1190"])
    weights = (0.5, 0.22, 0.06, 0.12, 0.04, 0.02, 0.04)
    drawn = llc[people.streams.pick(weights, "enttype", people.ids)]
    stock = people.streams.chance(0.03, "name.stock", people.ids)
    drawn = np.where(stock & people.is_firm, "1223", drawn)
    for kind, code in ((INDIVIDUAL, "9500"), (COOP, "9100"), (COLLECTIVE, "9900"), (SOLE, "4540")):
        drawn = np.where(people.kind == kind, code, drawn)
    foreign = np.array(["6150", "5310", "6110"])[people.streams.pick((0.6, 0.25, 0.15), "enttype.foreign", people.ids)]
    return pl.Series(np.where(people.kind == FOREIGN, foreign, drawn))


def _capital(people: Population, month: int) -> pl.Series:
    raised = people.streams.chance(0.12, "capital.raised", people.ids)
    when = people.first_change_month()
    value = np.where(raised & (when <= month), people.capital_wan * 2, people.capital_wan)
    return formats._scaled(value * 1_000_000, 6)


def baseinfo(people: Population, keep: Ints, month: int, op: str, stamp_day: Ints, second: Ints) -> pl.DataFrame:
    """Rows of E_BASEINFO as the register stands at the end of the month, for the kept positions."""
    sub = people.take(keep)
    industry = pl.Series([i.letter for i in pools.INDUSTRIES]).gather(sub.industry)
    code = pl.Series([i.code for i in pools.INDUSTRIES]).gather(sub.industry)
    scope = pl.Series([i.scope for i in pools.INDUSTRIES]).gather(sub.industry)
    gone = sub.death_month <= month
    revoked = gone & (sub.death_kind == 1)
    codes_text = np.where(revoked, "2", np.where(gone, "3", "1"))
    words = np.array(
        [_STATE_WORDS[c][k] if k < 2 else c for c, k in zip(codes_text, _state_style(sub), strict=True)], dtype=object
    )
    region = formats.whole(sub.region_at(month))
    appr = np.maximum(
        sub.birth_day,
        np.where(sub.renamed_month <= month, calendar.day_number(np.minimum(sub.renamed_month, 900), sub.ids % 27), 0),
    )
    frame = pl.DataFrame(
        {
            "PRIPID": sub.pripid,
            "UNISCID": sub.uscc,
            "REGNO": sub.regno,
            "ENTNAME": current_name(sub, month),
            "ENTTYPE": enterprise_type(sub),
            "INDUSTRYPHY": industry,
            "INDUSTRYCO": code,
            "LEREP": sub.person,
            "REGCAP": _capital(sub, month),
            "REGCAPCUR": pl.Series(np.where((sub.kind == FOREIGN) & (sub.ids % 3 == 0), "840", "156")),
            "ESTDATE": formats.dates(sub.birth_day),
            "APPRDATE": formats.dates(np.minimum(appr, stamp_day)),
            "OPFROM": formats.dates(sub.birth_day),
            "OPTO": formats.dates(np.where(sub.ids % 5 == 0, sub.birth_day + 7305, 999_999)),
            "DOM": sub.address_at(month),
            "DOMDISTRICT": region,
            "OPSCOPE": pl.select(
                pl.concat_str(pl.lit("一般项目："), scope, pl.lit(pools.SCOPE_TAIL), pl.lit("。"))
            ).to_series(),
            "REGORG": formats.whole(sub.registrar),
            "REGSTATE": pl.Series(words.tolist(), dtype=pl.String),
            "TEL": sub.phone,
            "EMPNUM": formats.whole(state.staff(sub, month)),
            "S_EXT_OP": pl.Series([op] * len(sub), dtype=pl.String),
            "S_EXT_TIME": formats.stamps(stamp_day, second),
            "_eid": pl.Series(sub.ids),
            "_defects": pl.Series([""] * len(sub), dtype=pl.String),
        }
    )
    frame = dirty_values(
        frame, sub.streams, "market.baseinfo", month, numbers=("REGCAP",), dates=("APPRDATE",), care=0.3
    )
    return _dirty(frame, sub)


def _state_style(people: Population) -> list[int]:
    """0 and 1 display words, 2 the code: provinces and years differ."""
    result: list[int] = people.streams.pick((0.05, 0.05, 0.9), "regstate.style", people.ids).tolist()
    return result


def _dirty(frame: pl.DataFrame, people: Population) -> pl.DataFrame:
    streams, ids = people.streams, people.ids
    frame = defects.change(
        frame,
        "OPSCOPE",
        streams.chance(0.06, "scope.break", ids),
        "line_break_in_cell",
        lambda s: s.replace("；", "；\r\n", 1),
    )
    frame = defects.change(
        frame,
        "ENTNAME",
        streams.chance(0.03, "entname.brackets", ids),
        "half_width_brackets",
        lambda s: s.replace("（", "(").replace("）", ")"),
    )
    frame = defects.put(frame, "DOMDISTRICT", streams.chance(0.02, "district.blank", ids), "district_blank", "")
    frame = defects.change(
        frame,
        "INDUSTRYCO",
        streams.chance(0.03, "industry.lettered", ids),
        "industry_code_with_letter",
        lambda c: "F" + c if c.startswith("5") else c,
    )
    frame = defects.put(frame, "INDUSTRYCO", streams.chance(0.01, "industry.blank", ids), "industry_blank", "")
    style = defects.mark
    words = ~frame["REGSTATE"].is_in(["1", "2", "3"]).to_numpy()
    frame = style(frame, words, "status_in_words")
    late = streams.chance(0.005, "estdate.after", ids)
    return defects.put(frame, "ESTDATE", late, "established_after_approved", "2099-01-01")


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
    return pl.concat(parts).with_columns(pl.Series("_day", np.concatenate(days)))


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
    yield from _by_day(world, "AB_LIST", [world.gather(given(_abnormal, world)).sort("_day", "_eid")])
    reports = [world.gather(given(annual_reports, year)) for year in range(world.years[0] - 1, world.years[-1])]
    yield from _by_day(
        world, "AN_BASE", [pl.concat(reports).filter(pl.col("_day") >= _window_start(world)).sort("_day", "_eid")]
    )
    yield from _by_day(world, "E_INV", [world.gather(given(_investors, world)).sort("_day", "_eid")])
    yield from _by_day(world, "E_BRANCH", [world.gather(given(_branches, world)).sort("_day", "_eid")])


def _last_event(world: World) -> int:
    """Daily news of a world as made end with its last month; where it goes on they run up to the closing day."""
    return world.last_month + (world.after is not None)


def _window_start(world: World) -> int:
    return calendar.number_of(calendar.first_day(world.first_month))


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
        sent = [calendar.number_of(calendar.working_day(calendar.date_of(d))) for d in due.tolist()]
        frame = frame.with_columns(pl.Series("_sent", sent, dtype=pl.Int64))
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
            yield Parcel("market", table, f"{day:%Y%m%d}", "I", "01", "csv", day, _csv_writer(part.drop("_sent")))


def _csv_writer(frame: pl.DataFrame):  # type: ignore[no-untyped-def]
    return lambda path: writers.csv(path, [frame], encoding="gb18030", quote=True)


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
        lambda path: writers.dump(path, "E_BASEINFO", _TYPES, "主体登记", frames()),
    )  # fmt: skip


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
    raised = people.streams.chance(0.12, "capital.raised", people.ids)
    yield (
        "04",
        "changed",
        np.where(raised, people.first_change_month(), never),
        lambda sub: (
            formats.whole(sub.capital_wan),
            formats.whole(sub.capital_wan * 2),
        ),
    )
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


def _abnormal(people: Population, world: World) -> pl.DataFrame:
    """AB_LIST: a row when listed, and again when taken off; the window opens with everybody who is on the list."""
    parts = [
        _listed(people, keep, day, reason, year, calendar.number_of(world.closing_day))
        for year in range(FIRST_LISTING, world.years[-1])
        for reason, keep, day in listings(people, year)
    ]
    start = _window_start(world)
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


def _investors(people: Population, world: World) -> pl.DataFrame:
    """E_INV: one or two shareholders of firms born or changed in the window, and a yearly batch for the rest."""
    parts = []
    keep = positions(people.is_firm & (people.death_month > world.first_month))
    sub = people.take(keep)
    day = np.maximum(sub.birth_day + 1, _window_start(world) + 3)
    for place in range(2):
        held = sub.streams.chance(1.0 if place == 0 else 0.45, f"investor.{place}", sub.ids)
        corporate = sub.streams.chance(0.2, f"investor.corporate.{place}", sub.ids)
        parent = np.maximum(sub.ids - 1 - sub.streams.below(40, "investor.parent", sub.ids), 0)
        parent_name = Population(sub.streams, parent).name
        names = pl.DataFrame(
            {
                "p": parent_name,
                "q": person_names(sub.streams, f"investor.person.{place}", sub.ids),
                "c": pl.Series(corporate),
            }
        )
        share = np.where(sub.streams.chance(0.45, "investor.1", sub.ids), (60, 40)[place], 100)
        parts.append(
            pl.DataFrame(
                {
                    "PRIPID": sub.pripid,
                    "INV": names.select(pl.when("c").then("p").otherwise("q").alias("n"))["n"],
                    "INVTYPE": pl.Series(np.where(corporate, "11", "20").tolist(), dtype=pl.String),
                    "CERNO": pl.select(pl.concat_str(pl.lit("4600**********"), formats.whole(1000 + sub.ids % 9000))).to_series(),
                    "SUBCONAM": formats._scaled(sub.capital_wan * share * 10_000, 6),
                    "CONDATE": formats.dates(sub.birth_day + 30),
                    "_eid": pl.Series(sub.ids),
                    "_defects": pl.Series([""] * len(sub), dtype=pl.String),
                    "_day": pl.Series(day, dtype=pl.Int64),
                }
            ).filter(pl.Series(held))
        )  # fmt: skip
    return pl.concat(parts)


def branch_keys(people: Population) -> tuple[Ints, pl.Series, pl.Series]:
    """(positions of parents, branch names, branch codes): one branch for one firm in fifteen, with a code of its own."""
    keep = positions(people.is_firm & people.streams.chance(1 / 15, "branch", people.ids))
    sub = people.take(keep)
    # Branch codes use ids beyond any world's entities.
    code = Population(sub.streams, sub.ids + 50_000_000)
    short = pl.Series([r.short for r in pools.REGIONS]).gather(
        sub.streams.pick([r.weight for r in pools.REGIONS], "branch.region", sub.ids)
    )
    name = pl.DataFrame({"n": sub.name, "s": short}).select(pl.concat_str("n", "s", pl.lit("分公司")).alias("b"))["b"]
    return keep, name, code.branch_uscc


def _branches(people: Population, world: World) -> pl.DataFrame:
    keep, name, code = branch_keys(people)
    sub = people.take(keep)
    frame = pl.DataFrame(
        {
            "PRIPID": sub.pripid,
            "BRNAME": name,
            "BRREGNO": pl.Series([""] * len(sub), dtype=pl.String),
            "UNISCID": code,
            "_eid": pl.Series(sub.ids),
            "_defects": pl.Series([""] * len(sub), dtype=pl.String),
            "_day": pl.Series(np.maximum(sub.birth_day + 200, _window_start(world) + 4), dtype=pl.Int64),
        }
    )
    parents = sub.streams.chance(0.1, "branch.parent_code", sub.ids)
    frame = defects.put(frame, "UNISCID", parents, "parent_code_on_branch", sub.uscc)
    lives = sub.death_month > np.maximum(sub.birth_month + 8, world.first_month)
    return frame.filter(pl.Series(lives))
