"""科技厅: UTF-8 CSV with a byte order mark and a control file of its rows: 高企 certificates, 科技型中小企业, R&D input, technology contracts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial

import numpy as np
import polars as pl

from data.world import calendar, defects, formats, merit, rings, state, writers
from data.world.parcel import Parcel, World, given, positions
from data.world.population import Population
from data.world.streams import Ints
from data.world.value_defects import dirty_values
from data.world.views.frames import choose, table
from data.world.views.register import current_name

_FIELDS = ("电子信息", "高技术服务", "生物与新医药", "新材料", "新能源与节能", "资源与环境", "先进制造与自动化")
_FIELD_SHARES = (0.423, 0.193, 0.171, 0.06, 0.05, 0.053, 0.05)


def certificates(people: Population, year: int) -> pl.DataFrame:
    """GQ: every certificate issued up to the year, as the office's ledger stands at its end."""
    spells = merit.hnte(people)
    close = calendar.number_of(dt.date(year, 12, 31))
    parts = []
    for exists, issued in zip(spells.exists, spells.year, strict=True):
        keep = positions(exists & (issued <= year))
        sub, since = people.take(keep), issued[keep]
        day = merit.hnte_day(sub, since)
        cancelled = merit.is_cancelled(sub) & (merit.cancelled_day(sub) <= close) & (day + 1095 > close)
        number = pl.DataFrame(
            {"y": formats.whole(since), "n": pl.Series(sub.ids % 1_000_000).cast(pl.String).str.zfill(6)}
        )
        renamed = sub.renamed_month <= calendar.month_index(year, 12)
        frame = table(
            sub,
            {
                "证书编号": number.select(pl.concat_str(pl.lit("GR"), "y", pl.lit("46"), "n").alias("c"))["c"],
                "企业名称": current_name(sub, calendar.month_index(year, 12) - 10),
                "统一社会信用代码": sub.uscc,
                "发证日期": formats.dates(day),
                "有效期": "3",
                "技术领域": pl.Series(_FIELDS).gather(sub.streams.pick(_FIELD_SHARES, "hnte.field", sub.ids)),
                "主管税务": "海南省税务局",
                "状态": choose(cancelled, "取消", choose(day + 1095 < close, "到期", choose(renamed, "更名", "有效"))),
                "取消资格年度": choose(cancelled, formats.whole(since), ""),
                "原名称": choose(renamed, sub.name, ""),
            },
        )
        frame = defects.mark(frame, cancelled, "cancelled_retroactively")
        parts.append(frame)
    frame = pl.concat(parts)
    ids = frame["_eid"].to_numpy()
    frame = defects.put(
        frame,
        "统一社会信用代码",
        people.streams.chance(0.02, "hnte.other18", ids),
        "registration_number_as_key",
        pl.select(
            pl.concat_str(
                pl.lit(f"{year}46010"),
                pl.Series(ids % 10).cast(pl.String),
                pl.lit("0A0"),
                pl.Series(ids % 100_000).cast(pl.String).str.zfill(5),
            )
        ).to_series(),
    )
    shared = _ring_certificates(people, year)
    frame = pl.concat([frame, shared]) if len(shared) else frame
    frame = defects.dirty_keys(frame, "统一社会信用代码", people.streams, "science.key", 0, 0.5)
    frame = dirty_values(frame, people.streams, "science.hnte", year, dates=("发证日期",))
    return defects.dirty_names(frame, "企业名称", people.streams, "science.name", 0, 0.2)


def _ring_certificates(people: Population, year: int) -> pl.DataFrame:
    """Members of a shared_certificate ring all show the first member's number."""
    members = rings.membership(people)
    guilty = (members.ring >= 0) & (members.kind == 4) & ~members.innocent
    keep = positions(guilty & (year >= 2024))
    sub = people.take(keep)
    day = np.full(len(sub), calendar.number_of(dt.date(2023, 11, 15)))
    number = pl.select(
        pl.concat_str(pl.lit("GR202346"), pl.Series(members.ring[keep] % 1_000_000).cast(pl.String).str.zfill(6))
    ).to_series()
    frame = table(
        sub,
        {
            "证书编号": number, "企业名称": current_name(sub, calendar.month_index(2024, 1)), "统一社会信用代码": sub.uscc, "发证日期": formats.dates(day),
            "有效期": "3", "技术领域": "电子信息", "主管税务": "海南省税务局", "状态": "有效", "取消资格年度": "", "原名称": "",
        },
    )  # fmt: skip
    return defects.mark(frame, np.ones(len(frame), dtype=np.bool_), "ring_shared_certificate")


def tech_smes(people: Population, year: int, batch: int) -> pl.DataFrame:
    """KXQY: the batch's share of the year's entries."""
    sub = people.take(
        positions(
            merit.is_tech_sme(people, year) & (people.streams.below(5, "tech_sme.batch", people.ids, year) == batch)
        )
    )
    number = pl.DataFrame(
        {"r": formats.whole(sub.region), "n": pl.Series(sub.ids % 1_000_000).cast(pl.String).str.zfill(6)}
    )
    frame = table(
        sub,
        {
            "登记编号": number.select(pl.concat_str(pl.lit(str(year)), "r", pl.lit("0A"), "n").alias("c"))["c"],
            "企业名称": current_name(sub, calendar.month_index(year, 3)),
            "注册地": formats.whole(sub.region),
            "入库年度": str(year),
            "批次": str(batch + 1),
            "撤销标志": choose(sub.streams.chance(0.01, "tech_sme.revoked", sub.ids, year), "是", "否"),
        },
    )
    return defects.dirty_names(frame, "企业名称", sub.streams, "science.name", 0, 0.3)


def rd_input(people: Population, year: int) -> pl.DataFrame:
    """YFTR of the year in 万元, collected in the next spring."""
    spent = state.research_cents(people, year)
    sub = people.take(positions((spent > 0) & people.streams.chance(0.85, "rd_input", people.ids, year)))
    frame = table(
        sub,
        {
            "企业名称": current_name(sub, calendar.month_index(year, 12)),
            "信用代码": sub.uscc,
            "年度": str(year),
            "研发费用": formats.wan(state.research_cents(sub, year)),
            "研发人员": formats.whole(1 + state.staff(sub, calendar.month_index(year, 12)) // 4),
            "高新产品收入": formats.wan(state.revenue_year_cents(sub, year) * 7 // 10),
        },
    )
    frame = dirty_values(
        frame,
        sub.streams,
        "science.rd_input",
        year,
        numbers=("高新产品收入",),
        beyond=(("研发费用", "-1.00"), ("年度", "2203")),
    )
    frame = defects.change(
        frame,
        "研发费用",
        sub.streams.chance(0.02, "rd_input.full_width", sub.ids, year),
        "full_width_digits",
        defects.full_width,
    )
    frame = defects.change(
        frame,
        "研发费用",
        sub.streams.chance(0.02, "rd_input.grouped", sub.ids, year),
        "thousands_separator",
        lambda v: f"{int(v.split('.')[0]):,}.{v.split('.')[1]}" if "." in v else v,
    )
    frame = defects.dirty_keys(frame, "信用代码", sub.streams, "science.key", 0, 0.5)
    return defects.dirty_names(frame, "企业名称", sub.streams, "science.name", 0, 0.3)


def signed(people: Population, year: int) -> tuple[Population, Ints]:
    """Who sells technology by contract in the year, and what each contract is worth (分)."""
    sub = people.take(
        positions(
            state.does_research(people)
            & people.lives_at(calendar.month_index(year, 6))
            & people.streams.chance(0.3, "contract", people.ids, year)
        )
    )
    return sub, np.floor(state.revenue_year_cents(sub, year - 1) * 0.08).astype(np.int64) + 1_000_000


def traded(amount: Ints) -> Ints:
    """技术交易额 of a contract as the register holds it: whole hundreds of yuan (分)."""
    rounded: Ints = (amount * 8 // 10 + 5_000) // 10_000 * 10_000
    return rounded


def contracts(people: Population, year: int) -> pl.DataFrame:
    """JSHT: technology contracts registered in the year."""
    sub, amount = signed(people, year)
    day = calendar.day_number(
        calendar.month_index(year, 1) + sub.streams.below(12, "contract.month", sub.ids, year), sub.ids % 27
    )
    buyer = Population(sub.streams, sub.ids // 2 + 3).name
    frame = table(
        sub,
        {
            "合同登记编号": pl.select(
                pl.concat_str(pl.lit(f"{year}460100"), pl.Series(sub.ids % 1_000_000).cast(pl.String).str.zfill(6))
            ).to_series(),
            "卖方": current_name(sub, calendar.month_index(year, 1)),
            "买方": buyer,
            "合同额": formats.wan(amount),
            "技术交易额": formats.wan(traded(amount)),
            "登记日": formats.dates(day, "%Y/%-m/%-d"),
        },
    )
    frame = dirty_values(
        frame,
        sub.streams,
        "science.contract",
        year,
        numbers=("技术交易额",),
        dates=("登记日",),
        beyond=(("合同额", "-5.00"),),
    )
    return defects.dirty_names(frame, "卖方", sub.streams, "science.name", 0, 0.3)


def parcels(world: World) -> Iterator[Parcel]:
    """Certificates in January, 科小 in five batches, R&D input in May, contracts in February."""
    close = world.closing_day

    def parcel(
        name: str, period: str, kind: str, batch: str, due: dt.date, frame: pl.DataFrame, drift: tuple[str, ...] = ()
    ) -> Parcel:
        return Parcel(
            "science",
            name,
            period,
            kind,
            batch,
            "csv",
            calendar.working_day(due),
            lambda path: writers.csv(path, [frame], encoding="utf-8", bom=True),
            control=True,
            anomalies=list(drift),
        )

    for year in [world.years[0] - 1, *world.years]:
        frame = world.gather(given(certificates, year))
        renamed = world.age(calendar.month_index(year + 1, 1)) >= 14
        if renamed:
            # The unit moves into the heading, in full-width brackets.
            frame = frame.rename({"有效期": "有效期（年）"})
        drift = ("column_renamed",) if renamed else ()
        yield parcel("GQ", str(year), "F", "01", dt.date(year + 1, 1, 15), frame, drift)
        inputs = world.gather(given(rd_input, year))
        if dt.date(year + 1, 5, 20) < close:
            yield parcel("YFTR", str(year), "F", "01", dt.date(year + 1, 5, 20), inputs)
        if dt.date(year + 1, 2, 20) < close:
            yield parcel(
                "JSHT",
                str(year),
                "F",
                "01",
                dt.date(year + 1, 2, 20),
                world.gather(given(contracts, year)),
            )
    for year in world.history:
        batches = pl.concat([world.gather(partial(tech_smes, year=year, batch=batch)) for batch in range(5)])
        yield parcel("KXQY", str(year), "F", "01", world.handing_over, batches)
    for year in world.years:
        for batch in range(5):
            frame = world.gather(partial(tech_smes, year=year, batch=batch))
            yield parcel("KXQY", str(year), "I", f"{batch + 1:02d}", dt.date(year, 4 + batch, 18), frame)
