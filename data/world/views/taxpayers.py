"""税务局, the register: who is on it, how they file, their credit level and arrears, and the rows of SW_DJ_NSRXX."""

from __future__ import annotations

import numpy as np
import polars as pl

from data.world import calendar, defects, formats, pools, revenue
from data.world.entity import INDIVIDUAL
from data.world.parcel import positions
from data.world.population import Population
from data.world.streams import Bools, Ints
from data.world.views import branch_tax
from data.world.views.register import current_name

# One month the export used the old identifiers throughout.
_FIFTEEN_MONTH = calendar.month_index(2023, 11)


def registered(people: Population, month: int | Ints) -> Bools:
    """On the tax register: most, a month after birth; kept a year after closing."""
    on = people.is_firm | people.streams.chance(0.75, "tax.registered", people.ids)
    result: Bools = on & (people.birth_month + 1 <= month) & (people.death_month + 12 > month)
    return result


def is_quarterly(people: Population) -> Bools:
    """Small-scale taxpayers file by the quarter."""
    return ~people.is_general_taxpayer


def credit_level(people: Population, year: int) -> pl.Series:
    """纳税信用 of the year: A B M C D, new ones M."""
    level = people.streams.pick((0.18, 0.52, 0.2, 0.07, 0.03), "tax.credit", people.ids, year // 2)
    young = people.birth_month > calendar.month_index(year, 1)
    return pl.Series(["A", "B", "M", "C", "D"]).gather(np.where(young, 2, level))


def is_rated(people: Population, year: int) -> Bools:
    end = calendar.month_index(year, 12)
    return people.is_firm & people.lives_at(end) & registered(people, end)


def arrears_cents(people: Population, month: int) -> Ints:
    """Tax owed: one firm in eighty, for a spell of 3-14 months."""
    owes = people.is_firm & ~people.is_zero_filer & people.streams.chance(1 / 80, "arrears", people.ids)
    first = calendar.month_index(2023, 1) + people.streams.below(24, "arrears.first", people.ids)
    last = first + 3 + people.streams.below(12, "arrears.length", people.ids)
    amount = 100_000 + revenue.untreated_cents(people, calendar.month_index(2022, 12)) // 30
    return np.where(owes & (first <= month) & (month <= last) & people.lives_at(month), amount, 0)


def row_ends(frame: pl.DataFrame, people: Population) -> pl.DataFrame:
    return frame.with_columns(pl.Series("_eid", people.ids), pl.lit("").alias("_defects"))


def registration(people: Population, month: int, stock: bool = False) -> pl.DataFrame:
    """SW_DJ_NSRXX: new in the month, or changed, or everyone registered; old 15-digit numbers and 20-digit ones of 个体."""
    now, before = registered(people, month), registered(people, month - 1)
    events = (people.renamed_month, people.death_month, people.moved_month, people.returned_month)
    changed = np.any([when + 1 == month for when in events], axis=0)
    keep = positions(now if stock else now & (~before | changed))
    sub = people.take(keep)
    status = np.where(
        sub.death_month <= month, "07", np.where(sub.streams.chance(0.03, "tax.abnormal", sub.ids), "05", "03")
    )
    frame = pl.DataFrame(
        {
            "DJXH": sub.tax_serial,
            "NSRSBH": sub.uscc,
            "SHXYDM": sub.uscc,
            # The tax register learns of a new name months later.
            "NSRMC": current_name(sub, month - 4),
            "FDDBRXM": sub.person_at(month - 4),
            "NSRZT_DM": pl.Series(status.tolist(), dtype=pl.String),
            "ZZSNSRLX": pl.Series(np.where(sub.is_general_taxpayer, "1", "2").tolist(), dtype=pl.String),
            "HY_DM": pl.Series([i.code for i in pools.INDUSTRIES]).gather(sub.industry),
            "ZGSWJ_DM": formats.whole(_office(sub, month)),
        }
    )
    frame = row_ends(frame, sub)
    frame = defects.mark(frame, (sub.renamed_month <= month) & (sub.renamed_month > month - 4), "former_name")
    frame = defects.change(
        frame, "NSRSBH", sub.streams.chance(0.02, "tax.old_id", sub.ids), "tax_id_15", lambda c: c[2:17]
    )
    frame = defects.put(frame, "SHXYDM", sub.streams.chance(0.02, "tax.old_id", sub.ids), "key_blank", None)
    if month == _FIFTEEN_MONTH:
        everyone = np.ones(len(sub), dtype=np.bool_)
        frame = defects.change(frame, "NSRSBH", everyone, "tax_id_15", lambda c: c[2:17] if len(c) == 18 else c)
    person = (sub.kind == INDIVIDUAL) & sub.streams.chance(0.08, "tax.person_id", sub.ids)
    frame = defects.change(frame, "NSRSBH", person, "tax_id_20", lambda c: "460000190001" + c[9:17].translate(_DIGITS))
    frame = defects.put(frame, "SHXYDM", person, "key_blank", None)
    frame = pl.concat([_former_office(frame, sub, month), branch_tax.registrations(people, month, stock), frame])
    return defects.dirty_names(frame, "NSRMC", sub.streams, "tax.name", 0, 0.15)


def _office(people: Population, month: int) -> Ints:
    """主管税务机关: 1, the six digits of the region, four of the office; 洋浦 has an office of its own under 儋州."""
    own = 10_000_000_000 + people.region_at(month) * 10_000
    return np.where((people.park == 0) & ~people.is_away(month), 14604004990, own)


def _former_office(frame: pl.DataFrame, people: Population, month: int) -> pl.DataFrame:
    """Who moved is sent by both offices in that month, by the former one first."""
    moved = people.moved_month + 1 == month
    former = formats.whole(_office(people, month - 2))
    both = defects.put(frame, "ZGSWJ_DM", moved, "two_tax_offices", former)
    return both.filter(pl.Series(moved))


_DIGITS = str.maketrans("ABCDEFGHJKLMNPQRTUWXY", "123456789012345678901")
