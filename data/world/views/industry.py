"""工信厅: recognition lists and monthly above-scale output as xlsx with titles, merged city cells and notes; mostly names."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial

import numpy as np
import polars as pl

from data.world import books, calendar, defects, formats, merit, pools, state
from data.world.books import Sheet
from data.world.parcel import Parcel, World, given, positions
from data.world.population import Population
from data.world.streams import Bools, Ints, log
from data.world.value_defects import dirty_values
from data.world.views.frames import choose, everywhere, numbered, table
from data.world.views.reform import project_cents, project_month, projects
from data.world.views.register import current_name

_CITY_ORDER = {r.short: k for k, r in enumerate(pools.REGIONS)}


def is_above_scale(people: Population, year: int) -> Bools:
    """规上工业 of the year: in B, C or D with twenty million of revenue in the year before."""
    industrial = people.is_in("BCD")
    return (
        industrial
        & people.is_firm
        & (state.revenue_year_cents(people, year - 1) >= 2_000_000_000)
        & people.lives_at(calendar.month_index(year, 1))
    )


def city(people: Population) -> pl.Series:
    return pl.Series([r.short for r in pools.REGIONS]).gather(people.region_index)


def gradient(people: Population, year: int) -> pl.DataFrame:
    """ZJTX rows recognised up to the year and not run out at its end, withdrawn ones remarked."""
    parts = []
    for level, word in enumerate(merit.LEVELS):
        has, since = merit.gradient(people, level)
        keep = positions(has & (since <= year) & (since + 3 > year))
        sub, since = people.take(keep), since[keep]
        day = merit.gradient_day(sub, since)
        withdrawn = merit.is_withdrawn(sub) & (year >= 2024)
        frame = table(
            sub,
            {
                "市县": city(sub),
                "企业名称": current_name(sub, calendar.month_index(year, 3)),
                "统一社会信用代码": choose(since >= 2023, sub.uscc, ""),
                "类别": word,
                "批次": pl.select(
                    pl.concat_str(pl.lit("第"), formats.whole(1 + sub.ids % 2), pl.lit("批"))
                ).to_series(),
                "认定年份": formats.whole(since),
                "有效期起": formats.dates(day, "%Y年%-m月%-d日"),
                "有效期止": formats.dates(day + 1095, "%Y年%-m月%-d日"),
                "备注": choose(withdrawn, "撤销", choose(sub.ids % 13 == 0, "复核通过", "")),
            },
        )
        frame = defects.mark(frame, withdrawn, "withdrawn_in_remarks")
        frame = defects.mark(frame, since < 2023, "key_blank")
        frame = dirty_values(
            frame, sub.streams, f"industry.gradient.{level}", year, dates=("有效期起", "有效期止"), sheet=True
        )
        parts.append(defects.dirty_names(frame, "企业名称", sub.streams, "industry.name", 0, 0.6))
    frame = pl.concat(parts)
    order = pl.col("市县").replace_strict(_CITY_ORDER, return_dtype=pl.Int64)
    return numbered(frame.sort(order, "类别", "_eid", maintain_order=True))


def output_month(people: Population, month: int) -> pl.DataFrame:
    """GYQY_M: above-scale industry of the month in 千元, electricity in 万千瓦时."""
    sub = people.take(positions(is_above_scale(people, calendar.year_of(month)) & people.lives_at(month)))
    revenue = state.revenue_cents(sub, month)
    output = np.floor(revenue * (0.97 + 0.1 * sub.streams.uniform("output", sub.ids, month))).astype(np.int64)
    kwh = output // 100 // 14
    frame = table(
        sub,
        {
            "企业名称": current_name(sub, month - 3),
            "统计单位代码": sub.org_code,
            "报告期": calendar.month_text(month),
            "工业总产值": formats.qian(output),
            "营业收入": formats.qian(revenue),
            "出口交货值": formats.qian(np.floor(revenue * 0.1).astype(np.int64) * (sub.ids % 4 == 0)),
            "用电量": formats._scaled(kwh, 4),
            "期末从业": formats.whole(state.staff(sub, month)),
        },
    )
    frame = defects.put(
        frame, "用电量", sub.streams.chance(0.02, "output.slash", sub.ids, month), "slash_for_unknown", "/"
    )
    frame = dirty_values(frame, sub.streams, "industry.output", month, numbers=("出口交货值", "用电量"))
    return defects.dirty_names(frame, "企业名称", sub.streams, "industry.name", 0, 0.5)


def tech_upgrade(people: Population, year: int) -> pl.DataFrame:
    """JGXM: projects of industrial firms, money in 万元."""
    month = project_month(people)
    keep = (
        people.is_in("BCD") & (month >= calendar.month_index(year - 1, 1)) & (month <= calendar.month_index(year, 12))
    )
    sub = people.take(positions(keep))
    total = project_cents(sub)
    code = projects(sub, calendar.month_index(year, 12)).unique("_eid", keep="first", maintain_order=True).sort("_eid")
    frame = table(
        sub,
        {
            "项目代码": code["xmdm"],
            "项目名称": code["xmmc"],
            "单位": current_name(sub, calendar.month_index(year, 1)),
            "总投资": formats.wan(total),
            "设备投资": formats.wan(total * 6 // 10),
            "已完成": formats.wan(total * (sub.ids % 9 + 1) // 10),
        },
    )
    return defects.dirty_names(frame, "单位", sub.streams, "industry.name", 0, 0.5)


def software(people: Population, quarter_end: int) -> pl.DataFrame:
    """RJQY: software revenue of the year to date in 万元, research staff."""
    keep = (people.industry == 25) & people.is_firm & (people.log_revenue > log(1e6)) & people.lives_at(quarter_end)
    sub = people.take(positions(keep))
    year = calendar.year_of(quarter_end)
    revenue = state.revenue_year_cents(sub, year, quarter_end % 12 + 1)
    frame = table(
        sub,
        {
            "单位": current_name(sub, quarter_end - 3),
            "报告期": calendar.month_text(quarter_end),
            "软件业务收入": formats.wan(revenue * 9 // 10),
            "研发人员": formats.whole(state.staff(sub, quarter_end) // 3),
        },
    )
    return defects.dirty_names(frame, "单位", sub.streams, "industry.name", 0, 0.5)


def _sheet(
    frame: pl.DataFrame,
    title: str,
    unit: str = "",
    numbers: tuple[str, ...] = (),
    merge: str = "",
    notes: tuple[str, ...] = (),
) -> Sheet:
    header = [[c for c in frame.columns if not c.startswith("_")]]
    return Sheet(
        "Sheet1", frame, header, title=title, unit=unit, numbers=frozenset(numbers), merge_down=merge, notes=notes
    )


def parcels(world: World) -> Iterator[Parcel]:
    """The yearly list and its re-issue, monthly output, yearly projects, quarterly software."""

    def parcel(
        name: str,
        period: str,
        kind: str,
        batch: str,
        due: dt.date,
        sheet: Sheet,
        drift: tuple[str, ...] = (),
        draft: Sheet | None = None,
    ) -> Parcel:
        return Parcel(
            "industry",
            name,
            period,
            kind,
            batch,
            "xlsx",
            calendar.working_day(due),
            partial(books.xlsx, sheets=[sheet]),
            anomalies=list(drift),
            draft=None if draft is None else partial(books.xlsx, sheets=[draft]),
        )

    for year in world.years:
        frame = world.gather(given(gradient, year)).drop("序号")
        frame = numbered(frame)
        notes = ("注：“复核通过”企业有效期自复核公告之日起重新计算。", "备注：名单以公告为准。")
        yield parcel(
            "ZJTX",
            str(year),
            "F",
            "01",
            dt.date(year, 10, 12),
            _sheet(frame, f"海南省{year}年优质中小企业梯度培育名单", merge="市县", notes=notes),
        )
        if year % 2 == 0:
            # The list issued again with corrections.
            again = numbered(frame.drop("序号").filter(pl.col("备注") != "撤销"))
            yield parcel(
                "ZJTX",
                str(year),
                "F",
                "02",
                dt.date(year, 11, 20),
                _sheet(again, f"海南省{year}年优质中小企业梯度培育名单（更正）", merge="市县", notes=notes),
            )
        upgrade = world.gather(given(tech_upgrade, year))
        yield parcel(
            "JGXM",
            str(year),
            "F",
            "01",
            dt.date(year, 12, 5),
            _sheet(
                numbered(upgrade).drop("序号"), f"{year}年技术改造项目", "单位：万元", ("总投资", "设备投资", "已完成")
            ),
        )
    for month in world.window:
        frame = world.gather(given(output_month, month))
        due = calendar.first_day(month + 1) + dt.timedelta(days=21)
        drift: tuple[str, ...] = ()
        if world.age(month) >= 14:
            frame = frame.rename({"期末从业": "期末从业人数"})
            drift = ("column_renamed",)
        numbers = ("工业总产值", "营业收入", "出口交货值", "用电量", "期末从业", "期末从业人数")
        title = f"{calendar.year_of(month)}年{month % 12 + 1}月规模以上工业企业主要指标"
        now, wrong = (
            _sheet(rows, title, "单位：千元、万千瓦时、人", numbers)
            for rows in (frame, defects.misread(frame, "营业收入", world.streams, "industry.output", month))
        )
        yield parcel("GYQY_M", calendar.month_text(month), "I", "01", due, now, drift, draft=wrong)
        if month % 3 == 2:
            frame = world.gather(given(software, month))
            drift = ()
            if world.age(month) >= 26:
                # 万元 becomes 元 without notice: the unit line still says 万元.
                frame = frame.with_columns((pl.col("软件业务收入").cast(pl.Decimal(20, 2)) * 10_000).cast(pl.String))
                frame, drift = everywhere(frame, "unit_changed_silently"), ("unit_changed_silently",)
            yield parcel(
                "RJQY",
                f"{calendar.year_of(month)}Q{month % 12 // 3 + 1}",
                "I",
                "01",
                due,
                _sheet(frame, "软件企业季度统计", "单位：万元、人", ("软件业务收入", "研发人员")),
                drift,
            )


def first_above_scale_year(people: Population, years: range) -> Ints:
    """First year of being above scale within `years` when the year before was not; 0 where none."""
    result = np.zeros(len(people), dtype=np.int64)
    for year in years:
        fresh = is_above_scale(people, year) & ~is_above_scale(people, year - 1) & (result == 0)
        result = np.where(fresh, year, result)
    return result
