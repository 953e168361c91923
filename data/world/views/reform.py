"""发改委: permits, penalties, dishonest debtors and projects behind a paged JSON API; every record has the time it became visible."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from data.world import calendar, defects, formats, pools, rings, succession
from data.world.entity import NEWBORN
from data.world.parcel import World, given, positions
from data.world.population import Population, person_names
from data.world.streams import Bools, Ints, log
from data.world.value_defects import dirty_values
from data.world.views.frames import choose
from data.world.views.register import current_name

TABLES = ("XZXK", "XZCF", "SXBZXR", "TZXM")


def _finish(frame: pl.DataFrame, day: Ints, people: Population) -> pl.DataFrame:
    second = 28_800 + people.streams.below(36_000, "api.second", people.ids)
    return frame.with_columns(
        updated_at=formats.stamps(day, second),
        _eid=pl.Series(people.ids),
        _defects=pl.lit(""),
        _day=pl.Series(day, dtype=pl.Int64),
    )


def permit_month(people: Population) -> Ints:
    """Month of an administrative permit, or -1."""
    has = people.streams.chance(0.25, "permit", people.ids) & (people.is_firm | (people.industry == 24))
    return np.where(has, people.birth_month + 1 + people.streams.below(24, "permit.month", people.ids), -1)


_PERMITS = {
    "H": "食品经营许可",
    "C": "食品生产许可",
    "E": "建筑施工许可",
    "G": "道路运输经营许可",
    "L": "人力资源服务许可",
    "A": "水产苗种生产许可",
    "I": "增值电信业务经营许可",
    "Q": "诊所备案",
}


def _tax_id(people: Population) -> pl.Series:
    """税务登记号 of fifteen digits, which those have that were registered before the codes of 2015."""
    return pl.DataFrame({"u": people.uscc, "o": pl.Series(people.is_old_code)}).select(
        pl.when("o").then(pl.col("u").str.slice(2, 15)).otherwise(pl.lit("")).alias("t")
    )["t"]


def _by_tax_id(frame: pl.DataFrame, mask: Bools, *keys: str) -> pl.DataFrame:
    """Where the mask holds the tax number is the only key left."""
    for key in keys:
        frame = defects.put(frame, key, mask, "tax_id_15", "")
    return frame


def permits(people: Population, last_month: int = calendar.LAST_MONTH) -> pl.DataFrame:
    """XZXK."""
    month = permit_month(people)
    keep = positions((month >= 0) & (month <= last_month) & (month > calendar.month_index(2017, 1)))
    sub = people.take(keep)
    day = calendar.day_number(month[keep], sub.ids % 27)
    word = pl.Series([_PERMITS.get(chr(65 + n), "行政许可") for n in range(26)]).gather(sub.letter)
    frame = pl.DataFrame(
        {
            "xk_xdr_mc": current_name(sub, calendar.LAST_MONTH - 9),
            "xk_xdr_shxym": sub.uscc,
            "xk_xdr_gszc": sub.regno,
            "xk_xdr_zzjg": sub.org_code,
            "xk_xdr_swdj": _tax_id(sub),
            "xk_frdb": sub.person,
            "xk_wsh": pl.select(pl.concat_str(pl.lit("琼审许〔"), formats.whole(1990 + month[keep] // 12), pl.lit("〕"), formats.whole(100000 + sub.ids), pl.lit("号"))).to_series(),
            "xk_xkws": word,
            "xk_nr": word,
            "xk_jdrq": formats.dates(day, "%Y/%m/%d"),
            "xk_yxqz": formats.dates(day + 1826, "%Y/%m/%d"),
            "xk_jg": pl.Series([r.name for r in pools.REGIONS]).gather(sub.region_index),
            "xk_jgdm": formats.whole(sub.region),
        }
    )  # fmt: skip
    frame = _finish(frame, day + 3, sub)
    streams = sub.streams
    frame = defects.put(frame, "xk_xdr_shxym", streams.chance(0.05, "permit.regno_only", sub.ids), "regno_only", "")
    old = streams.chance(0.03, "permit.tax_id_only", sub.ids) & (frame["xk_xdr_swdj"] != "").to_numpy()
    frame = _by_tax_id(frame, old, "xk_xdr_shxym", "xk_xdr_gszc", "xk_xdr_zzjg")
    frame = defects.change(
        frame,
        "xk_wsh",
        streams.chance(0.1, "permit.brackets", sub.ids),
        "document_brackets",
        lambda s: s.replace("〔", "[").replace("〕", "]"),
    )
    return defects.dirty_names(frame, "xk_xdr_mc", streams, "reform.name", 0, 0.3)


def penalty(people: Population, year: int) -> tuple[Bools, Ints, Ints]:
    """(penalised in the year, decision day, fine in 分)."""
    alive = people.lives_at(min(calendar.month_index(year, 1), calendar.LAST_MONTH))
    rate = np.where(people.is_firm, 0.04, 0.012)
    hit = alive & people.streams.chance(rate, "penalty", people.ids, year)
    day = calendar.day_number(
        calendar.month_index(year, 1) + people.streams.below(12, "penalty.month", people.ids, year), people.ids % 27
    )
    steps = np.array([100_000, 300_000, 500_000, 1_000_000, 5_000_000, 20_000_000, 60_000_000])
    fine = steps[people.streams.pick((20, 20, 20, 20, 12, 6, 2), "penalty.fine", people.ids, year)]
    return hit, day, fine


def penalty_words(people: Population, year: int) -> Ints:
    """Index into what was decided: a fine, a fine and gains taken away, a warning with the fine, business stopped, licence revoked."""
    return people.streams.pick((0.62, 0.16, 0.16, 0.045, 0.015), "penalty.decided", people.ids, year)


def stops_business(people: Population, year: int) -> Bools:
    """Ordered to stop business, or a licence revoked: grave whatever the fine."""
    result: Bools = penalty_words(people, year) >= _STOPS
    return result


def repaired_day(people: Population, year: int) -> Ints:
    """Day of 信用修复 (45 % of penalties, three to twelve months on), or far in the future."""
    _, day, _ = penalty(people, year)
    repaired = people.streams.chance(0.45, "penalty.repaired", people.ids, year)
    return np.where(repaired, day + 90 + people.streams.below(270, "penalty.repair.day", people.ids, year), 999_999)


_DECIDED = ("罚款", "没收违法所得；罚款", "警告；罚款", "责令停产停业；罚款", "吊销许可证件；罚款")
_STOPS = 3
_AUTHORITIES = {
    "未按期申报纳税": ("国家税务总局海南省税务局稽查局", "税稽罚"),
    "安全生产管理不到位": ("海南省应急管理厅", "应急罚"),
    "违法排放污染物": ("海南省生态环境厅", "环罚"),
}
_WRONGS = (
    "未按规定公示年度报告",
    "销售不符合标准的食品",
    "未按期申报纳税",
    "发布违法广告",
    "安全生产管理不到位",
    "未经许可从事经营",
    "违法排放污染物",
)


def penalties(people: Population, last_month: int = calendar.LAST_MONTH) -> pl.DataFrame:
    """XZCF: first as decided, again when repaired; one in twelve published by two levels with other brackets."""
    parts = []
    closing = calendar.number_of(calendar.closing_day(last_month))
    for year in range(2019, calendar.year_of(last_month) + 1):
        hit, day, fine = penalty(people, year)
        keep = positions(hit)
        sub = people.take(keep)
        repaired = repaired_day(sub, year)
        done = repaired <= closing
        kind = pl.Series(_WRONGS).gather(sub.streams.below(len(_WRONGS), "penalty.kind", sub.ids, year))
        office = [_AUTHORITIES.get(k, ("海南省市场监督管理局", "市监处罚")) for k in kind.to_list()]
        word = pl.Series([w for _, w in office], dtype=pl.String)
        number = pl.DataFrame({"w": word, "n": formats.whole(1000 + sub.ids)})
        frame = pl.DataFrame(
            {
                "cf_xdr_mc": current_name(sub, calendar.month_index(year, 1)),
                "cf_xdr_shxym": sub.uscc,
                "cf_xdr_gszc": sub.regno,
                "cf_xdr_zzjg": sub.org_code,
                "cf_xdr_swdj": _tax_id(sub),
                "cf_frdb": sub.person,
                "cf_wsh": number.select(pl.concat_str(pl.lit("琼"), "w", pl.lit(f"〔{year}〕"), "n", pl.lit("号")).alias("x"))["x"],
                "cf_wfxw": kind,
                "cf_yj": pl.Series(["有关法律法规相应条款"] * len(sub), dtype=pl.String),
                "cf_nr": pl.Series(_DECIDED).gather(penalty_words(sub, year)),
                "cf_nr_fk": formats.wan(fine[keep], 4),
                "cf_jdrq": formats.dates(day[keep], "%Y/%m/%d"),
                "cf_gsjzq": formats.dates(day[keep] + 1096, "%Y/%m/%d"),
                "cf_xyxf": pl.Series(np.where(done, "1", "0").tolist(), dtype=pl.String),
                "cf_xyxfrq": pl.Series(np.where(done, formats.dates(np.minimum(repaired, 30_000), "%Y/%m/%d").to_numpy(), "").tolist(), dtype=pl.String),
                "cf_cfjg": pl.Series([name for name, _ in office], dtype=pl.String),
                "cf_cfjgdm": pl.Series(["460000"] * len(sub), dtype=pl.String),
            }
        )  # fmt: skip
        before = _finish(frame.with_columns(cf_xyxf=pl.lit("0"), cf_xyxfrq=pl.lit("")), day[keep] + 7, sub)
        after = _finish(frame, np.minimum(repaired, 900_000) + 1, sub).filter(pl.Series(done))
        twin = _finish(
            frame.with_columns(pl.col("cf_wsh").str.replace("〔", "[").str.replace("〕", "]"), cf_xyxf=pl.lit("0"), cf_xyxfrq=pl.lit("")), day[keep] + 20, sub
        ).filter(pl.Series(sub.streams.chance(1 / 12, "penalty.twin", sub.ids, year)))  # fmt: skip
        twin = defects.mark(twin, np.ones(len(twin), dtype=np.bool_), "published_by_two_levels")
        after = defects.mark(after, np.ones(len(after), dtype=np.bool_), "repaired")
        parts += [before, twin, after]
    frame = pl.concat(parts)
    blank = people.streams.chance(0.08, "penalty.blank", frame["_eid"].to_numpy())
    frame = defects.put(frame, "cf_xdr_shxym", blank, "key_blank", "")
    old = blank & (frame["cf_xdr_swdj"] != "").to_numpy()
    frame = _by_tax_id(frame, old, "cf_xdr_gszc", "cf_xdr_zzjg")
    frame = dirty_values(frame, people.streams, "reform.penalty", 0, numbers=("cf_nr_fk",), dates=("cf_gsjzq",))
    return defects.dirty_names(frame, "cf_xdr_mc", people.streams, "reform.name", 0, 0.3)


def dishonest_span(people: Population) -> tuple[Ints, Ints]:
    """(day published as a dishonest debtor or far in the future, day withdrawn)."""
    hit = people.is_firm & people.streams.chance(0.012, "dishonest", people.ids)
    month = np.maximum(
        calendar.month_index(2021, 1) + people.streams.below(47, "dishonest.month", people.ids), people.birth_month + 6
    )
    day = calendar.day_number(month, people.ids % 27)
    # Who had none so far may have one in the years a world goes on.
    later = ~hit & people.is_firm & people.streams.chance(0.006, "dishonest.later", people.ids)
    after = calendar.LAST_MONTH + 1 + people.streams.below(24, "dishonest.later.month", people.ids)
    day = np.where(later, calendar.day_number(np.maximum(after, people.birth_month + 6), people.ids % 27), day)
    hit |= later
    ends = people.streams.chance(0.4, "dishonest.ends", people.ids)
    return np.where(hit, day, 999_999), np.where(
        ends, day + 200 + people.streams.below(500, "dishonest.length", people.ids), 999_999
    )


def dishonest(people: Population, last_month: int = calendar.LAST_MONTH) -> pl.DataFrame:
    """SXBZXR: published, and again with deleted=1 when withdrawn."""
    start, end = dishonest_span(people)
    closing = calendar.number_of(calendar.closing_day(last_month))
    keep = positions(start < closing)
    sub, start, end = people.take(keep), start[keep], end[keep]
    year = pl.Series([str(calendar.date_of(int(d)).year) for d in start], dtype=pl.String)
    frame = pl.DataFrame(
        {
            "iname": current_name(sub, calendar.LAST_MONTH - 12),
            "cardnum": sub.uscc,
            "casecode": pl.DataFrame({"y": year, "n": formats.whole(1000 + sub.ids)}).select(pl.concat_str(pl.lit("("), "y", pl.lit(")琼01执"), "n", pl.lit("号")).alias("c"))["c"],
            "gistid": pl.Series([""] * len(sub), dtype=pl.String),
            "courtname": pl.Series(["海口市中级人民法院"] * len(sub), dtype=pl.String),
            "regdate": formats.dates(start - 60),
            "publishdate": formats.dates(start),
            "duty": pl.Series(["支付货款及利息"] * len(sub), dtype=pl.String),
            "performance": pl.Series(np.where(sub.ids % 3 == 0, "部分未履行", "全部未履行").tolist(), dtype=pl.String),
            "disrupttype": pl.Series(["有履行能力而拒不履行生效法律文书确定义务"] * len(sub), dtype=pl.String),
            "deleted": pl.Series(["0"] * len(sub), dtype=pl.String),
        }
    )  # fmt: skip
    first = _finish(frame, start, sub)
    last = _finish(frame.with_columns(deleted=pl.lit("1")), np.minimum(end, 900_000), sub).filter(
        pl.Series(end <= closing)
    )
    both = pl.concat([first, defects.mark(last, np.ones(len(last), dtype=np.bool_), "withdrawn")])
    masked = people.streams.chance(0.3, "dishonest.masked", both["_eid"].to_numpy())
    both = defects.change(both, "cardnum", masked, "key_masked", lambda c: c[:10] + "****" + c[14:])
    both = defects.dirty_names(both, "iname", people.streams, "reform.name", 0, 0.2)
    return pl.concat([both, _debtors_in_person(people, both, closing)])


def _debtors_in_person(people: Population, like: pl.DataFrame, closing: int) -> pl.DataFrame:
    """Natural persons on the list, no entities of this world; some bear the name of somebody who trades under it."""
    streams, ids = people.streams, people.ids
    day = calendar.day_number(
        calendar.month_index(2021, 1) + streams.below(47, "debtor.month", ids), streams.below(27, "debtor.day", ids)
    )
    namesake = succession.trades_in_person(people) & streams.chance(0.2, "debtor.namesake", ids)
    keep = positions((streams.chance(0.004, "debtor", ids) | namesake) & (day < closing) & (ids < NEWBORN))
    sub, day = people.take(keep), day[keep]
    n = len(sub)
    number = pl.DataFrame(
        {"y": pl.Series([str(calendar.date_of(int(d)).year) for d in day], dtype=pl.String), "n": formats.whole(5_000_000 + sub.ids)}
    )  # fmt: skip
    born = pl.Series(sub.ids % 10_000).cast(pl.String).str.zfill(4)
    same = {c: [""] * n for c in like.columns if not c.startswith("_")} | {
        "courtname": ["海口市龙华区人民法院"] * n, "duty": ["偿还借款本金及利息"] * n, "performance": ["全部未履行"] * n,
        "disrupttype": ["违反财产报告制度"] * n, "deleted": ["0"] * n,
    }  # fmt: skip
    frame = pl.DataFrame(same, schema=dict.fromkeys(same, pl.String)).with_columns(
        iname=choose(namesake[keep], sub.person, person_names(streams, "debtor", sub.ids)),
        cardnum=pl.select(pl.concat_str(pl.lit("4601**********"), born)).to_series(),
        casecode=number.select(pl.concat_str(pl.lit("("), "y", pl.lit(")琼0106执"), "n", pl.lit("号")).alias("c"))["c"],
        regdate=formats.dates(day - 60),
        publishdate=formats.dates(day),
    )
    frame = _finish(frame, day, sub).with_columns(_eid=pl.lit(-1, dtype=pl.Int64))
    return defects.mark(frame, np.ones(n, dtype=np.bool_), "natural_person").select(like.columns)


def project_month(people: Population) -> Ints:
    """Month an investment project was filed, or -1."""
    has = people.is_firm & (people.log_revenue > log(5e6)) & people.streams.chance(0.12, "project", people.ids)
    month = calendar.month_index(2021, 1) + people.streams.below(46, "project.month", people.ids)
    # Who has none so far may file one in the years a world goes on.
    later = ~has & people.is_firm & (people.log_revenue > log(5e6)) & ~splits(people)
    later &= people.streams.chance(0.06, "project.later", people.ids)
    month = np.where(
        later, calendar.LAST_MONTH + 1 + people.streams.below(24, "project.later.month", people.ids), month
    )
    return np.where(has | later, np.maximum(people.birth_month + 3, month), -1)


def splits(people: Population) -> Bools:
    """Members of a ring that files one project as two."""
    members = rings.membership(people)
    result: Bools = (members.ring >= 0) & (members.kind == 3) & ~members.innocent
    return result


def filed_month(people: Population) -> Ints:
    """Month of filing a project, negative for none: rings that split one have one to split."""
    month = project_month(people)
    return np.where(splits(people) & (month < 0), rings.months_of(people)[0] - 2, month)


def project_cents(people: Population) -> Ints:
    from data.world.streams import exp

    return np.floor(exp(0.7 * people.log_revenue + 4 + people.streams.normal("project.size", people.ids)) * 100).astype(
        np.int64
    )


def projects(people: Population, last_month: int = calendar.LAST_MONTH) -> pl.DataFrame:
    """TZXM; ring members of kind split_project file two halves."""
    month, split = filed_month(people), splits(people)
    keep = positions((month >= 0) & (month <= last_month))
    sub, month = people.take(keep), month[keep]
    day = calendar.day_number(month, sub.ids % 27)
    code = pl.DataFrame(
        {
            "m": pl.Series(
                [f"{calendar.year_of(int(m)) % 100:02d}{int(m) % 12 + 1:02d}" for m in month], dtype=pl.String
            ),
            "r": formats.whole(sub.region),
            "n": pl.Series(sub.ids % 1_000_000).cast(pl.String).str.zfill(6),
        }
    )
    industry = pl.Series([i.words[0] for i in pools.INDUSTRIES]).gather(sub.industry)
    frame = pl.DataFrame(
        {
            "xmdm": code.select(pl.concat_str(pl.lit("20"), "m", pl.lit("-"), "r", pl.lit("-04-01-"), "n").str.slice(2).alias("c"))["c"],
            "xmmc": pl.DataFrame({"n": sub.brand, "w": industry}).select(pl.concat_str("n", "w", pl.lit("建设项目")).alias("x"))["x"],
            "dwmc": current_name(sub, calendar.LAST_MONTH - 9),
            "dwdm": sub.uscc,
            "xmlx": pl.Series(["备案"] * len(sub), dtype=pl.String),
            "zt": pl.Series(np.array(["已备案", "在建", "已竣工"])[np.clip((calendar.LAST_MONTH - month) // 10, 0, 2)].tolist(), dtype=pl.String),
            "ztz": formats.wan(project_cents(sub)),
            "kgny": pl.Series([calendar.month_text(int(m) + 3) for m in month], dtype=pl.String),
            "jgny": pl.Series([calendar.month_text(int(m) + 21) for m in month], dtype=pl.String),
            "hy": pl.Series([i.code for i in pools.INDUSTRIES]).gather(sub.industry),
            "dd": pl.Series([r.name for r in pools.REGIONS]).gather(sub.region_index),
        }
    )  # fmt: skip
    frame = _finish(frame, day + 2, sub)
    halves = frame.filter(pl.Series(split[keep]))
    halves = defects.mark(
        halves.with_columns(
            pl.concat_str("xmmc", pl.lit("（二期）")).alias("xmmc"),
            pl.col("xmdm").str.replace("-04-01-", "-04-02-").alias("xmdm"),
        ),
        np.ones(len(halves), dtype=np.bool_),
        "ring_split_project",
    )
    frame = pl.concat([frame, halves])
    frame = dirty_values(frame, people.streams, "reform.project", 0, numbers=("ztz",))
    return defects.dirty_names(frame, "dwmc", people.streams, "reform.name", 0, 0.3)


def records(world: World) -> Iterator[tuple[str, pl.DataFrame]]:
    """(native table, records in order of becoming visible, none after the closing day).

    An interface is not a monthly delivery: it also tells what happened in the month in which the world closes.
    """
    closing = calendar.number_of(world.closing_day)
    for table, view in zip(TABLES, (permits, penalties, dishonest, projects), strict=True):
        frame = world.gather(given(view, world.last_month + 1)).filter(pl.col("_day") <= closing)
        yield table, frame.sort("updated_at", "_eid", maintain_order=True)
