"""农业农村厅: BIFF .xls lists, names only, merged cities, 同上 and handwritten remarks; N-codes of village collectives."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial

import numpy as np
import polars as pl

from data.world import books, calendar, defects, formats, merit, pools, state
from data.world.books import Sheet
from data.world.entity import COLLECTIVE, COOP
from data.world.parcel import Parcel, World, given, positions
from data.world.population import Population
from data.world.value_defects import dirty_values
from data.world.views.frames import choose, numbered, table, texts
from data.world.views.industry import city
from data.world.views.register import current_name

_ORDER = {r.short: k for k, r in enumerate(pools.REGIONS)}


def _by_city(frame: pl.DataFrame, *then: str) -> pl.DataFrame:
    return frame.sort(pl.col("市县").replace_strict(_ORDER, return_dtype=pl.Int64), *then, "_eid", maintain_order=True)


def _ditto(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """A value equal to the one above becomes 同上 in every second run (handwritten lists)."""
    same = (frame[column] == frame[column].shift(1)).fill_null(False) & (
        frame["市县"] == frame["市县"].shift(1)
    ).fill_null(False)
    hand = same & pl.Series(frame["_eid"].to_numpy() % 2 == 0)
    return defects.put(frame, column, hand.to_numpy(), "ditto", "同上")


def leading(people: Population, year: int) -> pl.DataFrame:
    """LTQY."""
    level = merit.leading_level(people)
    month = calendar.month_index(year, 6)
    keep = positions((level > 0) & people.lives_at(month) & (people.birth_month < month - 24))
    sub, level = people.take(keep), level[keep]
    verdict = np.array(["合格", "不合格", "递补"])[
        sub.streams.pick((0.93, 0.04, 0.03), "leading.verdict", sub.ids, year)
    ]
    frame = table(
        sub,
        {
            "市县": city(sub),
            "企业名称": current_name(sub, month - 12),
            "级别": texts(np.array(["", "市级", "省级", "国家级"])[level]),
            "认定批次": pl.select(
                pl.concat_str(pl.lit("第"), formats.whole(3 + sub.ids % 8), pl.lit("批"))
            ).to_series(),
            "监测结论": texts(verdict),
            "备注": choose(verdict == "不合格", "取消资格", choose(sub.ids % 11 == 0, "已电话核实", "")),
        },
    )
    return defects.dirty_names(frame, "企业名称", sub.streams, "agri.name", 0, 0.7)


def is_leading(people: Population, year: int) -> np.ndarray:
    """Level in force after the year's monitoring (0 none)."""
    level = merit.leading_level(people)
    month = calendar.month_index(year, 6)
    failed = people.streams.pick((0.93, 0.04, 0.03), "leading.verdict", people.ids, year) == 1
    listed = people.lives_at(month) & (people.birth_month < month - 24) & ~failed
    return np.where(listed, level, 0)


def coops(people: Population, year: int) -> pl.DataFrame:
    """HZS."""
    level = merit.coop_level(people)
    month = calendar.month_index(year, 6)
    keep = positions((level > 0) & people.lives_at(month))
    sub, level = people.take(keep), level[keep]
    frame = table(
        sub,
        {
            "市县": city(sub),
            "名称": current_name(sub, month),
            "级别": texts(np.array(["", "县级", "省级", "国家级"])[level]),
            "成员数": formats.whole(5 + sub.ids % 180),
            "年经营收入": formats.wan(state.revenue_year_cents(sub, year - 1)),
        },
    )
    frame = defects.change(
        frame, "名称", sub.streams.chance(0.2, "coop.no_county", sub.ids), "county_omitted", lambda n: n[2:]
    )
    frame = dirty_values(frame, sub.streams, "agri.coop", year, numbers=("年经营收入",), required=("名称",))
    return defects.dirty_names(frame, "名称", sub.streams, "agri.name", 0, 0.7)


def collectives(people: Population, year: int) -> pl.DataFrame:
    """JTJJ: village collectives with their N-codes."""
    sub = people.take(positions((people.kind == COLLECTIVE) & people.lives_at(calendar.month_index(year, 6))))
    return table(
        sub,
        {
            "市县": city(sub),
            "登记证号": sub.uscc,
            "名称": current_name(sub, calendar.month_index(year, 6)),
            "成员数": formats.whole(80 + sub.ids % 1900),
            "资产": formats.wan(state.assets_cents(sub, year - 1) + 50_000_000),
        },
    )


def certified(people: Population, year: int) -> pl.DataFrame:
    """RZ: green, organic and geographic certificates of firms and co-operatives."""
    right = (np.isin(people.kind, (COOP,)) | (people.is_firm & (people.letter == 0))) & people.streams.chance(
        0.35, "certified", people.ids
    )
    sub = people.take(positions(right & people.lives_at(calendar.month_index(year, 6))))
    product = pl.Series(["芒果", "莲雾", "火龙果", "冬季瓜菜", "椰子", "荔枝", "咖啡", "胡椒"]).gather(
        sub.streams.below(8, "certified.product", sub.ids)
    )
    area = 50 + sub.ids % 97 * 20
    hectares = sub.streams.chance(0.06, "certified.hectares", sub.ids)
    frame = table(
        sub,
        {
            "市县": city(sub),
            "证书号": pl.select(
                pl.concat_str(
                    pl.lit("LB-15-"),
                    formats.whole(2100 + sub.ids % 300),
                    pl.Series(sub.ids % 1_000_000).cast(pl.String).str.zfill(6),
                )
            ).to_series(),
            "主体": current_name(sub, calendar.month_index(year, 1)),
            "产品": product,
            "面积": choose(
                hectares,
                pl.select(pl.concat_str(formats.whole(area // 15 + 1), pl.lit("公顷"))).to_series(),
                formats.whole(area),
            ),
            "有效期": pl.Series([f"{year + int(i) % 3 + 1}.12.31" for i in sub.ids], dtype=pl.String),
        },
    )
    frame = defects.mark(frame, hectares, "area_in_hectares")
    return defects.dirty_names(frame, "主体", sub.streams, "agri.name", 0, 0.7)


def parcels(world: World) -> Iterator[Parcel]:
    """Each list once a year, in the second half; leading enterprises twice."""
    plan = (
        ("LTQY", leading, "农业产业化龙头企业名单", "", (), dt.date(2000, 8, 15)),
        ("HZS", coops, "农民合作社示范社名单", "单位：户、万元", ("成员数", "年经营收入"), dt.date(2000, 9, 10)),
        ("JTJJ", collectives, "农村集体经济组织登记情况", "单位：人、万元", ("成员数", "资产"), dt.date(2000, 9, 20)),
        ("RZ", certified, "绿色有机地理标志认证名录", "单位：亩", (), dt.date(2000, 10, 18)),
    )
    for year in world.years:
        for name, view, title, unit, numbers, day in plan:
            frame = numbered(_by_city(world.gather(given(view, year))))
            if name == "LTQY":
                frame = _ditto(_ditto(frame, "认定批次"), "级别")
            header = [[c for c in frame.columns if not c.startswith("_")]]
            sheet = Sheet(
                "名单",
                frame,
                header,
                title=f"海南省{year}年{title}",
                unit=unit,
                numbers=frozenset(numbers),
                merge_down="市县",
                notes=("注：按市县排序。",),
            )
            due = calendar.working_day(day.replace(year=year))
            yield Parcel("agri", name, str(year), "F", "01", "xls", due, partial(books.xls, sheets=[sheet]))
