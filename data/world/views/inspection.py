"""人社厅, 劳动监察: major wage cases (LDJC), made public each quarter; the first delivery hands over the lists of the years before."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import polars as pl

from data.world import books, calendar, defects, formats
from data.world.books import Sheet
from data.world.parcel import Parcel, World, given, positions
from data.world.population import Population
from data.world.streams import Ints
from data.world.value_defects import dirty_values, ten_thousands
from data.world.views.register import current_name

_HEADER = ["序号", "单位名称", "案由", "决定日期", "金额"]


def inspected_day(people: Population, year: int) -> Ints:
    """Decision day of a wage case in the year, or -1."""
    month = calendar.month_index(year, 1) + people.streams.below(12, "inspection.month", people.ids, year)
    drawn = people.streams.chance(0.008, "inspection", people.ids, year)
    hit = people.is_firm & drawn & people.lives_at_each(month)
    return np.where(hit, calendar.day_number(month, people.ids % 27), -1)


def cases(people: Population, months: range) -> pl.DataFrame:
    """LDJC: cases decided in these months of one year."""
    day = inspected_day(people, calendar.year_of(months[0]))
    keep = positions(np.isin(calendar.month_of_day(day), months))
    sub, day = people.take(keep), day[keep]
    frame = pl.DataFrame(
        {
            "序号": formats.whole(np.arange(1, len(sub) + 1)),
            "单位名称": current_name(sub, months[-1]),
            "案由": pl.Series(["拖欠劳动者工资"] * len(sub), dtype=pl.String),
            "决定日期": formats.dates(day, "%Y/%m/%d"),
            "金额": formats.yuan(2_000_000 + sub.ids % 97 * 130_000),
            "_eid": pl.Series(sub.ids),
            "_defects": pl.Series([""] * len(sub), dtype=pl.String),
        }
    )
    short = sub.streams.chance(0.06, "inspection.short", sub.ids, months[-1])
    frame = defects.change(frame, "金额", short, "ten_thousands", ten_thousands)
    frame = dirty_values(
        frame, sub.streams, "labor.inspection", months[-1], numbers=("金额",), dates=("决定日期",), sheet=True
    )
    return defects.dirty_names(frame, "单位名称", sub.streams, "labor.name", 0, 0.5)


def parcels(world: World) -> Iterator[Parcel]:
    """One list a year before the window, handed over at its start; then one a quarter, by the 10th of the next month."""
    spans = [
        (str(year), "F", range(calendar.month_index(year, 1), calendar.month_index(year + 1, 1)))
        for year in world.history
    ]
    for first in range(calendar.month_index(world.years[0], 1), world.last_month + 2, 3):
        spans.append((calendar.quarter_text(first), "I", range(first, first + 3)))
    for period, kind, months in spans:
        published = calendar.first_day(months[-1] + 1).replace(day=10)
        if published > world.closing_day:
            continue
        frame = world.gather(given(cases, months))
        title = f"{period[:4]}年{f'第{period[5]}季度' if kind == 'I' else ''}重大劳动保障违法案件"
        sheet = Sheet("名单", frame, [_HEADER], title=title, unit="单位：元", numbers=frozenset({"金额"}))
        due = calendar.working_day(max(published, world.handing_over))
        yield Parcel("labor", "LDJC", period, kind, "01", "xlsx", due, partial(books.xlsx, sheets=[sheet]))
