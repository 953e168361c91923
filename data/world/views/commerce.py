"""商务厅: workbooks of many sheets (one per city, header on the first only), cumulative figures, January and February as one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial

import numpy as np
import polars as pl

from data.world import books, calendar, defects, formats, pools, state
from data.world.books import Sheet
from data.world.entity import FOREIGN
from data.world.parcel import Parcel, World, given, positions
from data.world.population import Population
from data.world.streams import Bools, Ints, log
from data.world.value_defects import dirty_values
from data.world.views.customs import is_trader, registered_month
from data.world.views.frames import table
from data.world.views.industry import city
from data.world.views.register import current_name

_ONLINE = next(k for k, i in enumerate(pools.INDUSTRIES) if i.code == "5292")
_DUTY_FREE = next(k for k, i in enumerate(pools.INDUSTRIES) if i.code == "5239")


def is_above_limit(people: Population, year: int) -> Bools:
    """限上商贸: wholesale 20 m, retail 5 m, hotels and catering 2 m of revenue in the year before."""
    limit = np.full(len(people), 10**18, dtype=np.int64)
    code = np.array([i.letter + i.code for i in pools.INDUSTRIES])
    for prefix, bound in (("F51", 2_000_000_000), ("F52", 500_000_000), ("H", 200_000_000)):
        limit = np.where(np.isin(people.industry, np.flatnonzero([c.startswith(prefix) for c in code])), bound, limit)
    return (
        people.is_firm
        & (state.revenue_year_cents(people, year - 1) >= limit)
        & people.lives_at(calendar.month_index(year, 1))
    )


def sales(people: Population, month: int) -> pl.DataFrame:
    """XSSM: cumulative sales of the year to the month in 千元."""
    year = calendar.year_of(month)
    sub = people.take(positions(is_above_limit(people, year) & people.lives_at(month)))
    total = state.revenue_year_cents(sub, year, month % 12 + 1)
    hotel = np.isin(sub.letter, [ord("H") - 65])
    frame = table(
        sub,
        {
            "单位代码": sub.org_code,
            "名称": current_name(sub, month - 3),
            "月份": f"{year}年1-{month % 12 + 1}月",
            "商品销售额": formats.qian(np.where(hotel, 0, total)),
            "零售额": formats.qian(np.where(hotel, 0, total * (sub.ids % 5) // 10)),
            "营业额": formats.qian(np.where(hotel, total, 0)),
        },
    ).with_columns(city(sub).alias("_city"))
    frame = defects.mark(frame, np.ones(len(frame), dtype=np.bool_), "cumulative")
    return defects.dirty_names(frame, "名称", sub.streams, "commerce.name", 0, 0.5)


def foreign_cents_usd(people: Population) -> np.ndarray:
    """Foreign capital paid in, in US cents, over the first two years."""
    return np.floor(np.asarray(people.capital_wan, dtype=np.float64) * 10_000 * 100 / 7 * 0.6).astype(np.int64)


def foreign(people: Population, quarter_end: int) -> pl.DataFrame:
    """WZBG: capital reported in the quarter in 万美元: a first payment half a year after birth, a second a year later."""
    parts = []
    for turn, offset in ((0, 6), (1, 18)):
        month = people.birth_month + offset
        keep = positions(
            (people.kind == FOREIGN) & (month > quarter_end - 3) & (month <= quarter_end) & (people.death_month > month)
        )
        sub = people.take(keep)
        paid = foreign_cents_usd(sub) * (6 if turn == 0 else 4) // 10
        parts.append(
            table(
                sub,
                {
                    "名称": current_name(sub, quarter_end),
                    "信用代码": sub.uscc,
                    "投资者": pl.select(pl.concat_str(sub.brand, pl.lit(" Holdings Limited"))).to_series(),
                    "国别": pl.Series(pools.COUNTRIES).gather(
                        sub.streams.pick((50, 14, 10, 5, 4, 3, 3, 3, 4, 2), "foreign.country", sub.ids)
                    ),
                    "合同外资": formats.wan(foreign_cents_usd(sub) * 10 // 6, 4),
                    "实到外资": formats.wan(paid, 4),
                    "日期": formats.dates(calendar.day_number(month[keep], sub.ids % 27), "%Y-%m-%d"),
                },
            )
        )
    frame = pl.concat(parts)
    ids = frame["_eid"].to_numpy()
    english = people.streams.chance(0.12, "commerce.english", ids)
    frame = defects.put(frame, "名称", english, "english_name", english_name(ids))
    frame = defects.dirty_keys(frame, "信用代码", people.streams, "commerce.key", 0, 0.5)
    frame = dirty_values(
        frame, people.streams, "commerce.foreign", quarter_end, numbers=("实到外资",), dates=("日期",), sheet=True
    )
    return defects.dirty_names(frame, "名称", people.streams, "commerce.name", 0, 0.3)


def english_name(ids: Ints) -> pl.Series:
    """The name a firm uses abroad."""
    number = pl.Series(ids).cast(pl.String)
    return pl.select(pl.concat_str(pl.lit("HAINAN TRADING "), number, pl.lit(" CO., LTD."))).to_series()


def filings(people: Population, year: int, earlier: bool = False) -> pl.DataFrame:
    """WMBA: foreign-trade operators filed in the year, or up to it (13-digit code: 4 + organisation code)."""
    month = registered_month(people)
    sub = people.take(
        positions(
            is_trader(people)
            & (earlier | (month >= calendar.month_index(year, 1)))
            & (month <= calendar.month_index(year, 12))
        )
    )
    frame = table(
        sub,
        {
            "进出口企业代码": pl.select(pl.concat_str(pl.lit("4600"), sub.org_code)).to_series(),
            "企业名称": current_name(sub, calendar.month_index(year, 6)),
            "英文名": english_name(sub.ids),
            "备案日期": formats.dates(
                calendar.day_number(month[np.isin(people.ids, sub.ids)], sub.ids % 27), "%Y年%-m月%-d日"
            ),
        },
    )
    frame = dirty_values(frame, sub.streams, "commerce.filing", year, dates=("备案日期",), sheet=True)
    return defects.dirty_names(frame, "企业名称", sub.streams, "commerce.name", 0, 0.4)


def duty_free(people: Population, month: int) -> pl.DataFrame:
    """LDMS: island duty-free and e-commerce sales of the month in 万元."""
    right = (
        np.isin(people.industry, (_DUTY_FREE, _ONLINE))
        & people.is_firm
        & (people.log_revenue > log(3e7))
        & people.lives_at(month)
    )
    sub = people.take(positions(right))
    revenue = state.revenue_cents(sub, month)
    return table(
        sub,
        {
            "企业名称": current_name(sub, month),
            "月": calendar.month_text(month),
            "销售额": formats.wan(revenue // 2),
            "件数": formats.whole(revenue // 2 // 80_000),
        },
    )


def _by_city(frame: pl.DataFrame, title: str) -> list[Sheet]:
    sheets: list[Sheet] = []
    header = [[c for c in frame.columns if not c.startswith("_")]]
    numbers = frozenset({"商品销售额", "零售额", "营业额"})
    for (name,), part in frame.group_by("_city", maintain_order=True):
        first = not sheets
        sheets.append(
            Sheet(
                str(name),
                part,
                header,
                title=title if first else "",
                unit="单位：千元" if first else "",
                numbers=numbers,
                above=first,
            )
        )
    scratch = pl.DataFrame({"说明": ["汇总口径：在地"], "_eid": [-1], "_defects": [""]})
    sheets.append(Sheet("隐藏汇总", scratch, [["说明"]], hidden=True))
    return sheets


def _plain(frame: pl.DataFrame, title: str, unit: str, numbers: tuple[str, ...]) -> list[Sheet]:
    return [
        Sheet(
            "Sheet1",
            frame,
            [[c for c in frame.columns if not c.startswith("_")]],
            title=title,
            unit=unit,
            numbers=frozenset(numbers),
        )
    ]


def parcels(world: World) -> Iterator[Parcel]:
    """Sales each month but January, foreign capital and duty-free, filings by the year."""

    def parcel(
        name: str,
        period: str,
        due: dt.date,
        sheets: list[Sheet],
        drift: tuple[str, ...] = (),
        kind: str = "I",
        draft: list[Sheet] | None = None,
    ) -> Parcel:
        return Parcel(
            "commerce",
            name,
            period,
            kind,
            "01",
            "xlsx",
            calendar.working_day(due),
            partial(books.xlsx, sheets=sheets),
            anomalies=list(drift),
            draft=None if draft is None else partial(books.xlsx, sheets=draft),
        )

    for month in world.window:
        due = calendar.first_day(month + 1) + dt.timedelta(days=19)
        label = f"{calendar.year_of(month)}年{month % 12 + 1}月"
        if month % 12:
            frame = world.gather(given(sales, month))
            order = {r.short: k for k, r in enumerate(pools.REGIONS)}
            frame = frame.sort(
                pl.col("_city").replace_strict(order, return_dtype=pl.Int64), "_eid", maintain_order=True
            )
            yield parcel(
                "XSSM", calendar.month_text(month), due, _by_city(frame, f"{label}限额以上商贸企业销售情况（累计）")
            )
        free = world.gather(given(duty_free, month))
        drift: tuple[str, ...] = ()
        if world.age(month) in (16, 17):
            drift = ("silent",)
        elif world.age(month) >= 20:
            free, drift = free.with_columns(备注=pl.lit("")), ("column_added",)
        now, wrong = (
            _plain(rows, f"{label}离岛免税及电商销售", "单位：万元、件", ("销售额", "件数"))
            for rows in (free, defects.misread(free, "销售额", world.streams, "commerce.duty_free", month))
        )
        yield parcel("LDMS", calendar.month_text(month), due, now, drift, draft=wrong)
        if month % 3 == 2:
            period = f"{calendar.year_of(month)}Q{month % 12 // 3 + 1}"
            capital = world.gather(given(foreign, month))
            yield parcel(
                "WZBG",
                period,
                due,
                _plain(capital, f"{period}外商投资信息报告", "单位：万美元", ("合同外资", "实到外资")),
            )
    for year in world.history:
        for end in range(calendar.month_index(year, 3), calendar.month_index(year + 1, 1), 3):
            period = calendar.quarter_text(end)
            sheets = _plain(
                world.gather(given(foreign, end)), f"{period}外商投资信息报告", "单位：万美元", ("合同外资", "实到外资")
            )
            yield parcel("WZBG", period, world.handing_over, sheets, kind="F")
    for year in world.years:
        frame = world.gather(partial(filings, year=year, earlier=year == world.years[0]))
        yield parcel("WMBA", str(year), dt.date(year + 1, 1, 16), _plain(frame, f"{year}年对外贸易经营者备案", "", ()))
