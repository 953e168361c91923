"""人社厅: the unit register as cp936 DBF, monthly head counts per office as xlsx with title, unit, merged header, total and footnote."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from data.world import books, calendar, codes, defects, formats, pools, state, streamed, writers
from data.world.books import Sheet
from data.world.entity import INDIVIDUAL
from data.world.parcel import Parcel, World, given, positions
from data.world.population import Population
from data.world.streams import Bools, Ints, Streams, permuted
from data.world.value_defects import dirty_values, ten_thousands
from data.world.views import inspection
from data.world.views.register import current_name
from data.world.writers import Written

OFFICES = tuple(dict.fromkeys([460000, *(r.office for r in pools.REGIONS)]))
_OFFICE_NAMES = {460000: "省本级"} | {
    r.office: r.name[:3] if r.office in (460100, 460200) else r.name for r in pools.REGIONS
}
_PROVINCE = 460000
_RENAMING = (460000, 460100)
# Two offices whose new form, from the figures of July 2024 on, has the period as 起 and 止.
_SPLITTING = (460200, 460400)
_SPLIT_SINCE = calendar.month_index(2024, 7)
_PERIOD, _PERIODS = "费款所属期", ("费款所属期起", "费款所属期止")
_WAGE_BASE = 480_000
_GROUPS = (("养老保险", 0.16), ("失业保险", 0.005), ("工伤保险", 0.004))
_HEADER = (
    ["序号", "统一社会信用代码", "单位名称", *[g for g, _ in _GROUPS for _ in range(3)], "费款所属期"],
    ["序号", "统一社会信用代码", "单位名称", *["参保人数", "应缴金额", "实缴金额"] * 3, "费款所属期"],
)
_COLUMNS = (
    ["序号", "统一社会信用代码", "单位名称"]
    + [f"{g}·{c}" for g, _ in _GROUPS for c in ("参保人数", "应缴金额", "实缴金额")]
    + ["费款所属期"]
)
_UNIT_FIELDS = {
    "AAB001": 12,
    "AAB998": 18,
    "AAB003": 9,
    "AAB004": 100,
    "AAB013": 30,
    "AAB019": 3,
    "AAB301": 6,
    "AAE005": 20,
}


def insures(people: Population) -> Bools:
    """Has a unit number with 社保 at all."""
    result: Bools = (people.is_firm | people.streams.chance(0.12, "insured.any", people.ids)) & (people.kind != 3)
    return result


def offices(people: Population) -> list[tuple[Ints, Bools, np.ndarray]]:
    """(office code, whether the firm has a unit there, share of its staff): one firm in eight is split over two or three offices."""
    home = np.array([r.office for r in pools.REGIONS])[people.region_index]
    province = people.streams.chance(0.04, "labor.province", people.ids) & people.is_firm
    first = np.where(province, 460000, home)
    split = people.streams.chance(0.12, "labor.split", people.ids) & people.is_firm & (people.staff_level > 8)
    third = split & people.streams.chance(0.3, "labor.third", people.ids)
    other = np.where(first == 460100, 460200, 460100)
    last = np.where((first != 460400) & (other != 460400), 460400, 460200)
    return [
        (first, np.ones(len(people), dtype=np.bool_), np.where(third, 0.6, np.where(split, 0.7, 1.0))),
        (other, split, np.where(third, 0.25, 0.3)),
        (last, third, np.full(len(people), 0.15)),
    ]


def unit_number(people: Population, office: Ints) -> pl.Series:
    """单位编号: numbered per office, so the same number recurs elsewhere."""
    serial = (permuted(people.ids, 100_000_000, 73_856_093, 3) + office * 7_919) % 100_000_000
    return codes.text(np.concatenate([codes.digits(np.full(len(people), 10), 2), codes.digits(serial, 8)], axis=1))


def units(people: Population, month: int) -> pl.DataFrame:
    """AB01: every unit in force."""
    parts = []
    alive = insures(people) & people.lives_at(month)
    for office, has, _ in offices(people):
        keep = positions(alive & has)
        sub = people.take(keep)
        frame = pl.DataFrame(
            {
                "AAB001": unit_number(sub, office[keep]),
                "AAB998": sub.uscc,
                "AAB003": sub.org_code,
                "AAB004": current_name(sub, month - 6),
                "AAB013": sub.person_at(month - 6),
                "AAB019": pl.Series(np.where(sub.kind == INDIVIDUAL, "900", "100").tolist(), dtype=pl.String),
                "AAB301": formats.whole(office[keep]),
                "AAE005": sub.phone,
                "_eid": pl.Series(sub.ids),
                "_defects": pl.Series([""] * len(sub), dtype=pl.String),
            }
        )
        frame = defects.mark(frame, (sub.renamed_month <= month) & (sub.renamed_month > month - 6), "former_name")
        frame = defects.put(frame, "AAB998", sub.streams.chance(0.03, "labor.org_only", sub.ids), "org_code_only", "")
        frame = defects.put(
            frame,
            "AAB998",
            sub.streams.chance(0.003, "labor.wrong_key", sub.ids),
            "wrong_firms_key",
            Population(sub.streams, sub.ids + 1).uscc,
        )
        parts.append(defects.dirty_names(frame, "AAB004", sub.streams, "labor.unit", 0, 0.5))
    return pl.concat(parts)


def headcount(people: Population, month: int) -> pl.DataFrame:
    """CBRS rows of all offices for one month, with `_office` and `_late` (rows that come in next month's 补报 sheet)."""
    total = state.insured(people, month)
    unpaid = people.streams.chance(0.01, "labor.unpaid", people.ids, month // 3)
    city = pl.Series([r.short for r in pools.REGIONS])
    parts = []
    for number, (office, has, share) in enumerate(offices(people)):
        keep = positions(has & (total > 0))
        sub = people.take(keep)
        heads = np.floor(total[keep] * share[keep] + 0.5).astype(np.int64)
        if number == 0:
            others = sum(
                (np.floor(total[keep] * s[keep] + 0.5) * h[keep]).astype(np.int64) for _, h, s in offices(people)[1:]
            )
            heads = total[keep] - others
        wage = _WAGE_BASE + 25_000 * (sub.ids % 9)
        columns: dict[str, pl.Series] = {
            "序号": formats.whole(np.arange(1, len(sub) + 1)),
            "统一社会信用代码": sub.uscc,
            "单位名称": current_name(sub, month - 6),
        }
        for group, rate in _GROUPS:
            due = np.floor(heads * wage * rate).astype(np.int64)
            columns[f"{group}·参保人数"] = formats.whole(heads)
            columns[f"{group}·应缴金额"] = formats.yuan(due)
            columns[f"{group}·实缴金额"] = formats.yuan(np.where(unpaid[keep], 0, due))
        frame = pl.DataFrame(
            {
                **columns,
                "费款所属期": pl.Series([calendar.month_text(month)] * len(sub), dtype=pl.String),
                "_eid": pl.Series(sub.ids),
                "_defects": pl.Series([""] * len(sub), dtype=pl.String),
                "_office": pl.Series(office[keep]),
                "_city": city.gather(np.where(sub.is_away(month), sub.new_region_index, sub.region_index)),
                "_late": pl.Series(sub.streams.chance(0.03, f"labor.late.{number}", sub.ids, month)),
            }
        ).filter(pl.Series(heads > 0))
        sub = sub.take(positions(heads > 0))
        frame = defects.mark(frame, unpaid[keep][heads > 0], "insured_but_unpaid")
        frame = defects.mark(frame, (sub.renamed_month <= month) & (sub.renamed_month > month - 6), "former_name")
        frame = defects.numeric_key(frame, "统一社会信用代码", sub.streams, "labor.key", month // 12)
        frame = defects.dirty_keys(frame, "统一社会信用代码", sub.streams, "labor.key", month // 12, 0.7)
        frame = defects.put(
            frame, "统一社会信用代码", sub.streams.chance(0.03, "labor.key.blank", sub.ids), "key_blank", ""
        )
        frame = dirty_values(
            frame, sub.streams, f"labor.count.{number}", month, numbers=(f"{_GROUPS[2][0]}·实缴金额",), care=0.4
        )
        parts.append(defects.dirty_names(frame, "单位名称", sub.streams, "labor.name", 0, 0.5))
    return pl.concat(parts)


def splits_period(office: int, month: int) -> bool:
    """Whether the office's workbook for the month has one column split in two."""
    return office in _SPLITTING and month >= _SPLIT_SINCE


def _workbook(office: int, month: int, now: pl.DataFrame, late: pl.DataFrame, renamed: bool) -> list[Sheet]:
    name = _OFFICE_NAMES[office]
    header = [["参保单位名称" if renamed and c == "单位名称" else c for c in line] for line in _HEADER]
    columns = list(_COLUMNS)
    if office == _PROVINCE:
        # The province's own office lists its units by city, the city's name once, in merged cells.
        header = [[line[0], "市县", *line[1:]] for line in header]
        columns.insert(1, "市县")
    if split := splits_period(office, month):
        header = [[*line[:-1], *_PERIODS] for line in header]
        columns[-1:] = _PERIODS
    sheets = []
    for label, frame in (("参保人数", now), ("补报", late)):
        if label == "补报" and len(frame) == 0:
            continue
        if office == _PROVINCE:
            frame = frame.with_columns(市县=pl.col("_city")).sort("市县", maintain_order=True)
        if split:
            frame = frame.with_columns(pl.col(_PERIOD).alias(name) for name in _PERIODS)
        frame = frame.with_columns(pl.Series("序号", formats.whole(np.arange(1, len(frame) + 1))))
        totals = {0: "合计"}
        for place, column in enumerate(columns):
            if "参保人数" in column:
                totals[place] = str(frame[column].cast(pl.Int64).sum())
        digits = frozenset(c for c in columns if "人数" in c or "金额" in c)
        sheets.append(
            Sheet(
                label,
                frame.select([*columns, "_eid", "_defects"]),
                header,
                title=f"{name}{calendar.year_of(month)}年{month % 12 + 1}月社会保险参保缴费情况表",
                unit="单位：人、元",
                total=totals,
                notes=("注：本表数据由经办机构按费款所属期统计，含补缴。", "填表人：          审核人："),
                numbers=digits,
                merge_down="市县" if office == _PROVINCE else "",
            )
        )
    scratch = pl.DataFrame(
        {
            "参数": ["统计口径", "费款所属期"],
            "值": ["在职", calendar.month_text(month)],
            "_eid": [-1, -1],
            "_defects": ["", ""],
        }
    )
    sheets.append(Sheet("参数", scratch, [["参数", "值"]], hidden=True))
    return sheets


def _write_workbook(
    office: int,
    month: int,
    now: pl.DataFrame,
    late: pl.DataFrame,
    path: Path,
    renamed: bool,
    wrong: Streams | None = None,
) -> Written:
    if wrong is not None:
        now = defects.misread(now, f"{_GROUPS[0][0]}·参保人数", wrong, "labor.count", month)
    return streamed.xlsx(path, _workbook(office, month, now, late, renamed))


def stabilization(people: Population, year: int) -> pl.DataFrame:
    """WGBZ: unemployment-fund refunds of the year to firms that kept their staff."""
    before, after = (
        state.staff(people, calendar.month_index(year - 1, 1)),
        state.staff(people, calendar.month_index(year - 1, 12)),
    )
    kept = (after >= before) & (before >= 5) & people.is_firm
    keep = positions(kept & people.streams.chance(0.5, "stabilization", people.ids, year))
    sub = people.take(keep)
    office = offices(sub)[0][0]
    amount = state.insured(sub, calendar.month_index(year - 1, 12)) * 26_500
    day = calendar.day_number(np.full(len(sub), calendar.month_index(year, 8)), sub.ids % 27)
    frame = pl.DataFrame(
        {
            "序号": formats.whole(np.arange(1, len(sub) + 1)),
            "单位编号": unit_number(sub, office),
            "单位名称": current_name(sub, calendar.month_index(year, 1)),
            "年度": formats.whole(np.full(len(sub), year)),
            "裁员率": pl.Series(["0.00"] * len(sub), dtype=pl.String),
            "金额": formats.yuan(amount),
            "到账日期": formats.dates(day, "%Y.%m.%d"),
            "_eid": pl.Series(sub.ids),
            "_defects": pl.Series([""] * len(sub), dtype=pl.String),
        }
    )
    short = sub.streams.chance(0.03, "labor.stable.short", sub.ids, year)
    frame = defects.change(frame, "金额", short, "ten_thousands", ten_thousands)
    frame = dirty_values(frame, sub.streams, "labor.stable", year, numbers=("金额",), dates=("到账日期",), sheet=True)
    return defects.dirty_names(frame, "单位名称", sub.streams, "labor.name", 0, 0.5)


# Above this number of entities the province delivers head counts as text: XlsxWriter makes 12,000 rows a second.
_TEXT_ABOVE = 500_000


def parcels(world: World) -> Iterator[Parcel]:
    """The unit register and one workbook per office and month; subsidies by the year, wage cases by the quarter."""
    yield from _monthly_text(world) if world.entities > _TEXT_ABOVE else _monthly(world)
    for year in world.years:
        frame = world.gather(given(stabilization, year))
        header = ["序号", "单位编号", "单位名称", "年度", "裁员率", "金额", "到账日期"]
        sheet = Sheet(
            "名单",
            frame,
            [header],
            title=f"{year}年失业保险稳岗返还发放名单",
            unit="单位：元",
            numbers=frozenset({"金额"}),
        )
        yield Parcel(
            "labor", "WGBZ", str(year), "F", "01", "xlsx", calendar.working_day(dt.date(year, 10, 20)),
            partial(books.xlsx, sheets=[sheet]),
        )  # fmt: skip
    yield from inspection.parcels(world)


def _monthly(world: World) -> Iterator[Parcel]:
    waiting = None if world.after is None else _held(world.gather(given(headcount, world.after)))
    for month in world.window:
        due = calendar.working_day(calendar.first_day(month + 1) + dt.timedelta(days=14))
        period = calendar.month_text(month)
        full = world.gather(given(units, month))
        yield Parcel(
            "labor", "AB01", period, "F", "01", "dbf", due, partial(writers.dbase, fields=_UNIT_FIELDS, frames=[full])
        )
        rows = world.gather(given(headcount, month))
        held = _held(rows)
        rows = rows.filter(~pl.col("_late"))
        for office in OFFICES:
            now = rows.filter(pl.col("_office") == office)
            late = (waiting if waiting is not None else held.clear()).filter(pl.col("_office") == office)
            if len(now) + len(late) == 0:
                continue
            # From the fourteenth month the two largest offices name a column as the new system does.
            renamed = office in _RENAMING and world.age(month) >= 14
            told = ["column_renamed"] * renamed + ["column_split"] * splits_period(office, month)
            write = partial(_write_workbook, office, month, now, late, renamed=renamed)
            yield Parcel(
                "labor", "CBRS", period, "I", str(office), "xlsx", due,
                write, anomalies=told, draft=partial(write, wrong=world.streams),
            )  # fmt: skip
        waiting = held


def _held(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that come a month later."""
    late = rows.filter(pl.col("_late"))
    return defects.mark(late, np.ones(len(late), dtype=np.bool_), "late_sheet")


def _monthly_text(world: World) -> Iterator[Parcel]:
    """One packed GB18030 text of head counts a month and a unit register a quarter, written chunk by chunk."""
    for month in world.window:
        due = calendar.working_day(calendar.first_day(month + 1) + dt.timedelta(days=14))
        period = calendar.month_text(month)
        if month % 3 == 2:
            yield Parcel("labor", "AB01", period, "F", "01", "dbf", due, partial(_write_units, world, month))
        yield Parcel("labor", "CBRS", period, "I", "01", "csv.gz", due, partial(_write_text, world, month))


def _write_units(world: World, month: int, path: Path) -> Written:
    return writers.dbase(path, _UNIT_FIELDS, (units(people, month) for people in world.chunks()))


def _write_text(world: World, month: int, path: Path) -> Written:
    frames = (headcount(people, month).drop("_office", "_late") for people in world.chunks())
    return writers.csv(path, frames, encoding="gb18030")
