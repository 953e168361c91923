"""Recognitions and certificates: who is a 高新技术企业, 专精特新, 科技型中小企业, 龙头企业, from when to when."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data.world import calendar, state
from data.world.entity import COOP
from data.world.population import Population
from data.world.streams import Bools, Ints, log

# Quantiles of the unit exponential, from a table for the reason given in streams.py.
_EXPONENTIAL = np.array([-log(1 - k / 4096) for k in range(4096)])

# Recognitions are drawn to here: a world that goes on for 24 months has them.
LAST_YEAR = 2026


class Spells(NamedTuple):
    """Up to three successive certificates per entity: whether the k-th exists, and its year of recognition."""

    exists: list[Bools]
    year: list[Ints]


def hnte(people: Population) -> Spells:
    """高新技术企业: a first certificate in 2016-2024 for some that do research, renewed every third year by four in five."""
    born = np.array(calendar.EPOCH_YEAR) + people.birth_month // 12
    # Most of those certified at the end of 2020 are old: of the firms of today few are (838 then, +31.6 % a year; feeds.md 1.6).
    likely = np.where(born <= 2018, 0.41, 0.12) + 0.45 * people.head
    has = state.does_research(people) & people.streams.chance(likely, "hnte", people.ids)
    first = np.maximum(
        2016 + np.floor(9 * people.streams.uniform("hnte.year", people.ids) ** 0.8).astype(np.int64), born + 1
    )
    exists, years = [], []
    alive = has
    for turn in range(3):
        year = first + 3 * turn
        alive = alive & (people.streams.chance(0.8, "hnte.renewed", people.ids, turn) if turn else True)
        alive = alive & (year <= LAST_YEAR) & (people.death_month > (year - calendar.EPOCH_YEAR) * 12 + 11)
        exists.append(alive.copy())
        years.append(year)
    return Spells(exists, years)


def hnte_day(people: Population, year: Ints) -> Ints:
    """Day of issue: October to December of the year."""
    month = (year - calendar.EPOCH_YEAR) * 12 + 9 + people.streams.below(3, "hnte.month", people.ids)
    return calendar.day_number(month, people.ids % 27)


def is_hnte(people: Population, day: int) -> Bools:
    """Holds a certificate valid on the day (three years from issue), not cancelled."""
    spells = hnte(people)
    valid = np.zeros(len(people), dtype=np.bool_)
    for exists, year in zip(spells.exists, spells.year, strict=True):
        issued = hnte_day(people, year)
        valid |= exists & (issued <= day) & (day <= issued + 1095)
    return valid & ~(is_cancelled(people) & (cancelled_day(people) <= day))


def is_cancelled(people: Population) -> Bools:
    """The last certificate was cancelled, retroactively from its issue."""
    return people.streams.chance(0.03, "hnte.cancelled", people.ids) & hnte(people).exists[0]


def cancelled_day(people: Population) -> Ints:
    return calendar.day_number(np.full(len(people), calendar.month_index(2024, 2)), people.ids % 27)


LEVELS = ("创新型中小企业", "专精特新中小企业", "专精特新“小巨人”企业")


def gradient(people: Population, level: int) -> tuple[Bools, Ints]:
    """(has the level, year of recognition). Levels are climbed a year or two apart; validity three years."""
    right = state.does_research(people) & (people.log_revenue > log(3e6))
    has = right & people.streams.chance(0.55, "gradient.0", people.ids)
    year = np.maximum(
        2021 + people.streams.below(3, "gradient.year", people.ids), calendar.EPOCH_YEAR + people.birth_month // 12 + 1
    )
    for step in range(1, level + 1):
        has = has & people.streams.chance((0.55, 0.2)[step - 1], f"gradient.{step}", people.ids)
        year = year + people.streams.below(2, f"gradient.year.{step}", people.ids) * (step == 1) + (step == 2)
    return has & (year <= LAST_YEAR) & (people.death_month > (year - calendar.EPOCH_YEAR) * 12 + 11), year


def gradient_day(people: Population, year: Ints) -> Ints:
    return calendar.day_number((year - calendar.EPOCH_YEAR) * 12 + 8, people.ids % 3)


def is_withdrawn(people: Population) -> Bools:
    """Recognition withdrawn in the remarks column of the 2024 list."""
    return people.streams.chance(0.06, "gradient.withdrawn", people.ids)


def is_tech_sme(people: Population, year: int) -> Bools:
    """科技型中小企业 of the year (valid to 31 December of the year)."""
    right = state.does_research(people) & (people.staff_level < 500) & (people.log_revenue < log(2e8))
    return (
        right
        & people.lives_at(calendar.month_index(year, 6))
        & people.streams.chance(0.6, "tech_sme", people.ids, year)
    )


def leading_level(people: Population) -> Ints:
    """龙头企业: 0 none, 1 city, 2 province, 3 state."""
    farm = np.isin(people.industry, (0, 1, 2, 4)) & people.is_firm & (people.log_revenue > log(2e6))
    draw = people.streams.uniform("leading", people.ids)
    return np.where(farm, np.where(draw < 0.03, 3, np.where(draw < 0.16, 2, np.where(draw < 0.36, 1, 0))), 0)


def coop_level(people: Population) -> Ints:
    """示范社: 0 none, 1 county, 2 province, 3 state."""
    draw = people.streams.uniform("coop.level", people.ids)
    return np.where(
        people.kind == COOP, np.where(draw < 0.05, 3, np.where(draw < 0.25, 2, np.where(draw < 0.6, 1, 0))), 0
    )


def patent_count(people: Population) -> Ints:
    """Patents applied for over 2014-2024: Poisson-like in a lognormal rate, at most forty."""
    rate = np.clip(0.3 * (people.log_revenue - log(5e5)), 0.2, 6.0)
    draw = people.streams.below(4096, "patents", people.ids)
    number = np.floor(rate * _EXPONENTIAL[draw]).astype(np.int64)
    holds = state.does_research(people) | (people.is_firm & people.streams.chance(0.02, "patents.any", people.ids))
    return np.where(holds, np.clip(number, 0, 40), 0)
