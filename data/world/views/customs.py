"""海口海关: monthly UTF-16LE tab text with BOM and a control file; ten-digit codes, dollars and yuan, corrections of earlier months."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from data.world import calendar, codes, defects, formats, pools, state, writers
from data.world.entity import FOREIGN
from data.world.parcel import Parcel, World, given, positions
from data.world.population import Population
from data.world.streams import Bools, Ints, log, permuted
from data.world.views.register import current_name
from data.world.writers import Written

# Beyond any month of the world.
_FAR = 2_000
_RATES = {2019: 6.8985, 2020: 6.8974, 2021: 6.4512, 2022: 6.7261, 2023: 7.0467, 2024: 7.1217}


def dollar_rate(month: int) -> float:
    """Yuan per dollar used by customs in the month: the year's mean with a small monthly swing (the swing is invented)."""
    return round(_RATES.get(calendar.year_of(month), 7.0) * (1 + 0.01 * ((month * 7 % 12) - 6) / 6), 4)


def is_trader(people: Population) -> Bools:
    """Registered with customs."""
    right = people.is_in("CFG") | (people.kind == FOREIGN)
    likely = np.where(people.log_revenue > log(1e6), 0.10 + 0.22 * people.head, 0.01)
    result: Bools = (
        people.is_firm & ~people.is_zero_filer & right & people.streams.chance(likely, "customs", people.ids)
    )
    return result


def is_exporter(people: Population) -> Bools:
    return is_trader(people) & people.streams.chance(0.7, "customs.exports", people.ids)


def export_share(people: Population) -> np.ndarray:
    """Share of revenue sold abroad: zero without a customs code."""
    share = 0.05 + 0.7 * people.streams.uniform("export.share", people.ids) ** 2
    return np.where(is_exporter(people), share, 0.0)


def is_importer(people: Population) -> Bools:
    return is_trader(people) & people.streams.chance(0.6, "customs.imports", people.ids)


def customs_code(people: Population, moved: Bools | None = None) -> pl.Series:
    """区划4, 经济区划1 (洋浦 2, else 1), 企业性质1, 序号4 in the USCC alphabet: unique for ids below 923,521.

    Before the move, or after it where `moved` holds: another district gives another code.
    """
    moved = np.zeros(len(people), dtype=np.bool_) if moved is None else moved
    region = np.array([r.code for r in pools.REGIONS])[np.where(moved, people.new_region_index, people.region_index)]
    area = np.where((people.park == 0) & ~moved, 2, 1)
    nature = np.where(people.kind == FOREIGN, 4, 6)
    head = codes.digits(region // 100, 4)
    tail = codes.letters(permuted(people.ids, 31**4, 570_137, 17), 4)
    mid = np.stack([area + 48, nature + 48], axis=1).astype(np.uint8)
    return codes.text(np.concatenate([head, mid, tail], axis=1))


def trade_cents(people: Population, month: int, direction: str) -> Ints:
    """Yuan (分) exported (E) or imported (I) in the month."""
    revenue = state.revenue_cents(people, month)
    if direction == "E":
        result: Ints = np.floor(revenue * export_share(people)).astype(np.int64)
        return result
    share = 0.05 + 0.6 * people.streams.uniform("import.share", people.ids) ** 2
    active = people.streams.chance(0.8, "import.active", people.ids, month)
    return np.where(is_importer(people) & active, np.floor(revenue * share), 0).astype(np.int64)


def export_year_cents(people: Population, year: int) -> Ints:
    """Yuan (分) exported in the calendar year."""
    return people.kept(f"export_year.{year}", lambda chunk: _exported(chunk, year))


def _exported(people: Population, year: int) -> Ints:
    exporters = positions(is_exporter(people))
    sub, first = people.take(exporters), calendar.month_index(year, 1)
    result = np.zeros(len(people), dtype=np.int64)
    result[exporters] = np.sum([trade_cents(sub, first + k, "E") for k in range(12)], axis=0)
    return result


def credit_level(people: Population) -> pl.Series:
    """高级认证 (AEO), 其他, 失信."""
    level = people.streams.pick((0.08, 0.90, 0.02), "customs.credit", people.ids)
    return pl.Series(["高级认证", "其他", "失信"]).gather(level)


def registered_month(people: Population) -> Ints:
    return people.birth_month + 2 + people.streams.below(10, "customs.month", people.ids)


def _recoded(people: Population, month: int) -> Bools:
    """Filed anew under the code of where it moved to: in the second month there, and back again likewise."""
    result: Bools = people.is_away(month - 1) & (registered_month(people) < people.moved_month)
    return result


def changes_code(people: Population) -> Bools:
    """Has or had a second customs code: moved to another district after it had registered with customs."""
    other = customs_code(people) != customs_code(people, np.ones(len(people), dtype=np.bool_))
    late = (registered_month(people) < people.moved_month) & (people.moved_month < _FAR)
    result: Bools = is_trader(people) & other.to_numpy() & late
    return result


def registration(people: Population, month: int) -> pl.DataFrame:
    """HG_QY: all filings in force (a full list each month); the code given up with a move stays on it, cancelled, for half a year."""
    sub = people.take(
        positions(is_trader(people) & (registered_month(people) <= month) & (people.death_month > month - 6))
    )
    now, before = _recoded(sub, month), _recoded(sub, month - 6)
    old = positions(now != before)
    frame = _filings(sub, month, now)
    left = _filings(sub.take(old), month, before[old]).with_columns(状态=pl.lit("注销"))
    left = left.filter(left["海关编码"] != frame["海关编码"].gather(old))
    left = defects.mark(left, np.ones(len(left), dtype=np.bool_), "customs_code_given_up")
    frame = pl.concat([frame, left])
    sub = sub.take(np.concatenate([np.arange(len(sub)), np.searchsorted(sub.ids, left["_eid"].to_numpy())]))
    frame = defects.mark(frame, (sub.renamed_month <= month) & (sub.renamed_month > month - 8), "former_name")
    frame = defects.dirty_keys(frame, "信用代码", sub.streams, "customs.key", 0, tabbed=True)
    return defects.dirty_names(frame, "名称", sub.streams, "customs.name", 0, 0.4)


def _filings(sub: Population, month: int, recoded: Bools) -> pl.DataFrame:
    first = np.where(recoded, sub.moved_month + 1, registered_month(sub))
    day = calendar.day_number(first, sub.ids % 27)
    return pl.DataFrame(
        {
            "海关编码": customs_code(sub, recoded),
            "信用代码": sub.uscc,
            "名称": current_name(sub, month - 8),
            "信用等级": credit_level(sub),
            "注册日期": formats.dates(day, "%Y%m%d"),
            "状态": pl.Series(np.where(sub.death_month <= month, "注销", "正常").tolist(), dtype=pl.String),
            "_eid": pl.Series(sub.ids),
            "_defects": pl.Series([""] * len(sub), dtype=pl.String),
        }
    )


def trade(people: Population, month: int) -> pl.DataFrame:
    """HG_JCK of the month: one or two products and markets per direction, dollars rounded, yuan at the month's rate."""
    traders = people.take(positions(is_trader(people) & people.lives_at(month) & (registered_month(people) <= month)))
    # Half of those filed anew declare under the old code for two months more.
    slow = traders.streams.chance(0.5, "customs.old_code", traders.ids)
    recoded = np.where(slow, _recoded(traders, month - 2), _recoded(traders, month))
    parts = []
    rate = dollar_rate(month)
    for direction, goods in (
        ("E", ("2005", "0303", "8541", "3004", "2710")),
        ("I", ("3303", "2709", "0207", "8802", "2204")),
    ):
        cents = trade_cents(traders, month, direction)
        for line, share in ((0, 0.7), (1, 0.3)):
            value = np.floor(cents * share).astype(np.int64)
            # Small values are suppressed: below a thousand yuan nothing is published.
            keep = positions(value >= 100_000)
            sub = traders.take(keep)
            usd = np.floor(value[keep] / 100 / rate + 0.5).astype(np.int64)
            mode = pl.Series(["0110", "1210", "9610", "9710", "1039"]).gather(
                sub.streams.pick((0.74, 0.12, 0.06, 0.05, 0.03), "trade.mode", sub.ids)
            )
            market = pl.Series(pools.MARKETS).gather(sub.streams.below(12, f"trade.market.{direction}{line}", sub.ids))
            good = pl.Series(goods).gather((sub.streams.below(5, "trade.goods", sub.ids) + line) % 5)
            parts.append(
                pl.DataFrame(
                    {
                        "海关编码": customs_code(sub, recoded[keep]),
                        "月": pl.Series([calendar.month_text(month)] * len(sub), dtype=pl.String),
                        "进出口标志": pl.Series([direction] * len(sub), dtype=pl.String),
                        "监管方式": mode,
                        "HS4": good,
                        "国别": market,
                        "金额美元": formats.whole(usd),
                        "金额人民币": formats.yuan(value[keep]),
                        "数量": formats.whole(1 + usd // 37),
                        "计量单位": pl.Series(["千克"] * len(sub), dtype=pl.String),
                        "_eid": pl.Series(sub.ids),
                        "_defects": pl.Series([""] * len(sub), dtype=pl.String),
                        "_cents": pl.Series(value[keep]),
                    }
                )
            )  # fmt: skip
    return pl.concat(parts)


# Customs brokers, who are no entities of this world.
_AGENTS = ("4601980001", "4602980002", "4603980003")


def trade_delivery(people: Population, sent: int) -> pl.DataFrame:
    """Last month's trade and corrections (negative differences) of months before."""
    now = trade(people, sent - 1)
    earlier = trade(people, sent - 4)
    ids = earlier["_eid"].to_numpy()
    hit = people.streams.chance(0.03, "trade.correction", ids, sent)
    wrong = earlier.filter(pl.Series(hit))
    cut = wrong.with_columns(
        (-(pl.col("金额美元").cast(pl.Int64) // 10)).cast(pl.String).alias("金额美元"),
        pl.concat_str(pl.lit("-"), (pl.col("金额人民币").str.replace(".", "", literal=True).cast(pl.Int64) // 1000).cast(pl.String), pl.lit(".00")).alias("金额人民币"),
        pl.lit("0").alias("数量"),
        (-(pl.col("_cents") // 1000) * 100).alias("_cents"),
    )  # fmt: skip
    named = people.streams.chance(0.003, "trade.agent", now["_eid"].to_numpy(), sent)
    now = defects.put(now, "海关编码", named, "agent_named", pl.Series(_AGENTS).gather(now["_eid"].to_numpy() % 3))
    return pl.concat([now, defects.mark(cut, np.ones(len(cut), dtype=np.bool_), "negative_correction")])


def relief_cents(people: Population, year: int) -> Ints:
    """Duty saved in the year under zero tariff or processing value added, in 分: importers in 洋浦 and one importer in eight elsewhere."""
    user = is_importer(people) & (people.streams.chance(0.12, "relief", people.ids) | (people.park == 0))
    total = np.sum([trade_cents(people, calendar.month_index(year, 1) + k, "I") for k in range(12)], axis=0)
    return np.where(user, total // 12, 0).astype(np.int64)


def relief(people: Population, quarter_end: int) -> pl.DataFrame:
    """HG_LSH of the quarter: one declaration per user, a quarter of the year's relief each."""
    year = calendar.year_of(quarter_end)
    saved = relief_cents(people, year) // 4
    keep = positions((saved > 0) & people.lives_at(quarter_end))
    sub = people.take(keep)
    value = saved[keep] * 9
    day = calendar.day_number(np.full(len(sub), quarter_end - 1), sub.ids % 27)
    added = sub.streams.chance(0.3, "relief.added", sub.ids)
    return pl.DataFrame(
        {
            "海关编码": customs_code(sub, _recoded(sub, quarter_end)),
            "申报日": formats.dates(day, "%Y%m%d"),
            "货值": formats.yuan(value),
            "减免税额": formats.yuan(saved[keep]),
            "增值率": pl.Series(np.where(added, (30 + sub.ids % 40).astype(str), "").tolist(), dtype=pl.String),
            "_eid": pl.Series(sub.ids),
            "_defects": pl.Series([""] * len(sub), dtype=pl.String),
            "_cents": pl.Series(saved[keep]),
        }
    )


def parcels(world: World) -> Iterator[Parcel]:
    """Three files by the 18th of each month, one of them quarterly."""
    for sent in world.sending:
        due = calendar.working_day(calendar.first_day(sent) + dt.timedelta(days=17))
        period = calendar.month_text(sent - 1)
        for table, kind, view in (
            ("HG_QY", "F", given(registration, sent - 1)),
            ("HG_JCK", "I", given(trade_delivery, sent)),
            ("HG_LSH", "I", given(relief, sent - 1)),
        ):
            if table == "HG_LSH" and sent % 3:
                continue

            anomalies = []
            if table == "HG_QY" and world.age(sent) >= _REORDERED:
                view = partial(_reordered, month=sent - 1)
                anomalies = ["column_reordered"] if world.age(sent) == _REORDERED else []
            draft = partial(_wrong_trade, sent=sent) if table == "HG_JCK" else None
            packed = table == "HG_JCK" and sent >= _PACKED
            if sent == _PACKED and packed:
                anomalies = ["packed_as_zip"]
            yield Parcel(
                "customs", table, period, kind, "01", "txt.zip" if packed else "txt", due, _writer(world, view), control=True,
                anomalies=anomalies, draft=_writer(world, draft) if draft else None,
            )  # fmt: skip


# From August 2024 on the month's trade comes as a zip archive of one member.
_PACKED = calendar.month_index(2024, 8)
# From this month of the world on the list has its columns in another order.
_REORDERED = 16


def _reordered(people: Population, month: int) -> pl.DataFrame:
    frame = registration(people, month)
    return frame.select(
        "信用代码", "海关编码", "名称", "状态", pl.all().exclude("信用代码", "海关编码", "名称", "状态")
    )


def _wrong_trade(people: Population, sent: int) -> pl.DataFrame:
    return defects.misread(trade_delivery(people, sent), "数量", people.streams, "trade", sent)


def _writer(world: World, view: Callable[[Population], pl.DataFrame]) -> Callable[[Path], Written]:
    def write(path: Path) -> Written:
        frames = (view(people) for people in world.chunks())
        return writers.csv(path, frames, encoding="utf-16-le", separator="\t", bom=True)

    return write
