"""The true state of an entity at a month's end, under the indicator names that rules use."""

from __future__ import annotations

import numpy as np
import polars as pl

from data.world import calendar, merit, pools, state
from data.world.population import Population
from data.world.views import reform, register, taxpayers
from data.world.views.customs import dollar_rate, export_year_cents
from data.world.views.industry import is_above_scale

_LEVELS = ("创新型中小企业", "专精特新中小企业", "专精特新小巨人企业")


def money(cents: np.ndarray) -> pl.Series:
    """DECIMAL(18,2) yuan from 分."""
    return pl.DataFrame({"c": pl.Series(cents)}).select(
        (pl.col("c").cast(pl.Decimal(20, 2)) / 100).cast(pl.Decimal(18, 2))
    )["c"]


def month_state(people: Population, month: int) -> pl.DataFrame:
    """True indicators at the end of the month for the entities alive then."""
    keep = np.flatnonzero(people.lives_at(month))
    sub = people.take(keep)
    year = calendar.year_of(month)
    end = calendar.number_of(calendar.last_day(month))
    last, before = state.revenue_year_cents(sub, year - 1), state.revenue_year_cents(sub, year - 2)
    start, gone = reform.dishonest_span(sub)
    region = sub.region_at(month)
    park = np.where(sub.is_away(month), -1, sub.park)
    code = pl.Series([i.code for i in pools.INDUSTRIES]).gather(sub.industry)
    export = export_year_cents(sub, year - 1)
    return pl.DataFrame(
        {
            "eid": sub.ids,
            "uscc": sub.uscc,
            "month": pl.Series([calendar.last_day(month)] * len(sub), dtype=pl.Date),
            "registered_region": pl.Series(np.where(park == 0, 460400499, region)).cast(pl.String),
            "registered_park": pl.Series([*(p.id for p in pools.PARKS), None], dtype=pl.String).gather(np.where(park < 0, len(pools.PARKS), park)),
            "industry": code,
            "enterprise_type": register.enterprise_type(sub),
            "established_date": pl.Series(sub.birth_day.astype(np.int32)).cast(pl.Date),
            "revenue_month": money(state.revenue_cents(sub, month)),
            "revenue_last_year": money(last),
            "revenue_before_last_year": money(before),
            "rd_expense_last_year": money(state.research_cents(sub, year - 1)),
            "total_assets": money(state.assets_cents(sub, year - 1)),
            "employees": state.staff(sub, month),
            "employees_insured": state.insured(sub, month),
            "enterprise_size": state.size_class(sub, year - 1),
            "is_above_scale": is_above_scale(sub, year),
            "is_hnte": merit.is_hnte(sub, end),
            "is_tech_sme": merit.is_tech_sme(sub, year),
            "specialised_level": pl.Series([None, *_LEVELS], dtype=pl.String).gather(_gradient(sub, year, end)),
                        "export_value_usd_last_year": money(np.floor(export / dollar_rate(calendar.month_index(year - 1, 7))).astype(np.int64)),
            "is_dishonest": (start <= end) & (end < gone),
            "tax_credit_level": taxpayers.credit_level(sub, year - 2 if month % 12 < 3 else year - 1),
            "tax_arrears_yuan": money(taxpayers.arrears_cents(sub, month)),
        }
    )  # fmt: skip


def _gradient(people: Population, year: int, end: int) -> np.ndarray:
    """0 none, 1 创新型, 2 专精特新, 3 小巨人: the highest valid level."""
    level = np.zeros(len(people), dtype=np.int64)
    for step in range(3):
        has, since = merit.gradient(people, step)
        day = merit.gradient_day(people, since)
        level = np.where(has & (day <= end) & (end <= day + 1095), step + 1, level)
    return level


def monthly_state(people: Population, months: range) -> pl.DataFrame:
    """truth_state: every month of the window."""
    return pl.concat([month_state(people, month) for month in months])
