"""The true monthly state of the entities, in closed form: any month of any chunk can be made alone."""

from __future__ import annotations

import numpy as np
import polars as pl

from data.world import calendar, pools, programs, revenue
from data.world.entity import COOP
from data.world.population import Population
from data.world.revenue import CENTRE, TOURISM
from data.world.streams import Bools, Floats, Ints, exp, log


def revenue_cents(people: Population, month: int) -> Ints:
    """Revenue of the month in 分: the untreated path times one plus the programmes' effects."""
    return people.kept(f"revenue.{month}", lambda chunk: _treated(chunk, month))


def _treated(people: Population, month: int) -> Ints:
    base = revenue.untreated_cents(people, month)
    return np.floor(base * (1 + programs.effect(people, month)) + 0.5).astype(np.int64)


def revenue_year_cents(people: Population, year: int, until: int = 12) -> Ints:
    """Revenue of the first `until` months of a calendar year in 分."""
    return people.kept(f"revenue_year.{year}.{until}", lambda chunk: _first_months(chunk, year, until))


def _first_months(people: Population, year: int, until: int) -> Ints:
    first = calendar.month_index(year, 1)
    # Prepayments of a year ask for three, six and nine months: the sum goes on from the one before.
    known = until - 3 if until in (6, 9, 12) else 0
    before = revenue_year_cents(people, year, known) if known else np.zeros(len(people), dtype=np.int64)
    result: Ints = before + np.sum([revenue_cents(people, first + k) for k in range(known, until)], axis=0)
    return result


def staff(people: Population, month: int) -> Ints:
    """People working at the end of the month."""
    age = (month - CENTRE) / 12
    season = np.where(people.is_in("H"), 0.4 * np.array(TOURISM)[month % 12], 0.0)
    drift = exp(0.55 * people.growth * age + season + 0.02 * people.streams.normal("staff.noise", people.ids, month))
    level = people.staff_level * drift + people.streams.uniform("staff.round", people.ids)
    return np.where(people.lives_at(month), np.maximum(np.floor(level), 1), 0).astype(np.int64)


def insured(people: Population, month: int) -> Ints:
    """People insured by the employer: fewer than work there; 个体 and co-operatives mostly insure nobody."""
    insures = people.is_firm | people.streams.chance(0.12, "insured.any", people.ids)
    share = 0.7 + 0.3 * people.streams.uniform("insured.share", people.ids)
    number = np.floor(staff(people, month) * share + 0.35).astype(np.int64)
    surge = programs.surge(people, month)
    return np.where(insures & (people.kind != COOP), number + surge, 0)


def assets_cents(people: Population, year: int) -> Ints:
    """Total assets at the end of the year in 分."""
    level = exp(people.log_revenue + people.growth * (year - 2023)) * people.asset_ratio
    lives = people.lives_at(calendar.month_index(year, 12))
    return np.where(lives, np.floor(level * 100), 0).astype(np.int64)


def does_research(people: Population) -> Bools:
    """Enterprises that book R&D: only in manufacturing, information and research."""
    right = people.is_in("CIM") | (people.industry == 2)
    likely = 0.22 + 0.48 * people.head
    active = people.is_firm & ~people.is_zero_filer & (people.log_revenue > log(1.5e6))
    result: Bools = right & active & people.streams.chance(likely, "research", people.ids)
    return result


def research_cents(people: Population, year: int) -> Ints:
    """R&D expense of the year in 分."""
    ratio = 0.03 + 0.16 * people.streams.uniform("research.ratio", people.ids) ** 2
    wobble = 0.85 + 0.3 * people.streams.uniform("research.year", people.ids, year)
    spent = np.floor(revenue_year_cents(people, year) * ratio * wobble)
    return np.where(does_research(people), spent, 0).astype(np.int64)


def size_class(people: Population, year: int) -> pl.Series:
    """大型/中型/小型/微型 by the prior year's staff, revenue and assets (工信部联企业〔2011〕300号); head count stands for the average."""
    turnover = revenue_year_cents(people, year) // 100 / 1e4
    heads = staff(people, calendar.month_index(year, 12))
    assets = assets_cents(people, year) // 100 / 1e4
    rows = np.array([_SIZE_ROW[i.letter + i.code] for i in pools.INDUSTRIES])[people.industry]
    level = np.zeros(len(people), dtype=np.int64)
    for rank, name in ((1, "small"), (2, "medium"), (3, "large")):
        bounds = np.array([s[name] for s in _SIZES], dtype=np.float64)[rows]
        ok = (heads >= bounds[:, 0]) & (turnover >= bounds[:, 1]) & (assets >= bounds[:, 2])
        level = np.where(ok, rank, level)
    return pl.Series(["微型", "小型", "中型", "大型"]).gather(level)


_SIZES: tuple[dict[str, tuple[float, float, float]], ...] = (
    {"large": (0, 20000, 0), "medium": (0, 500, 0), "small": (0, 50, 0)},
    {"large": (1000, 40000, 0), "medium": (300, 2000, 0), "small": (20, 300, 0)},
    {"large": (0, 80000, 80000), "medium": (0, 6000, 5000), "small": (0, 300, 300)},
    {"large": (200, 40000, 0), "medium": (20, 5000, 0), "small": (5, 1000, 0)},
    {"large": (300, 20000, 0), "medium": (50, 500, 0), "small": (10, 100, 0)},
    {"large": (1000, 30000, 0), "medium": (300, 3000, 0), "small": (20, 200, 0)},
    {"large": (200, 30000, 0), "medium": (100, 1000, 0), "small": (20, 100, 0)},
    {"large": (300, 10000, 0), "medium": (100, 2000, 0), "small": (10, 100, 0)},
    {"large": (2000, 100000, 0), "medium": (100, 1000, 0), "small": (10, 100, 0)},
    {"large": (300, 10000, 0), "medium": (100, 1000, 0), "small": (10, 50, 0)},
    {"large": (0, 200000, 10000), "medium": (0, 1000, 5000), "small": (0, 100, 2000)},
    {"large": (1000, 5000, 0), "medium": (300, 1000, 0), "small": (100, 500, 0)},
    {"large": (300, 0, 120000), "medium": (100, 0, 8000), "small": (10, 0, 100)},
    {"large": (300, 0, 0), "medium": (100, 0, 0), "small": (10, 0, 0)},
)


def _size_row(letter: str, code: str) -> int:
    by_letter = {"A": 0, "B": 1, "C": 1, "D": 1, "E": 2, "H": 7, "L": 12}
    special = {"F51": 3, "F52": 4, "G59": 6, "I63": 8, "I64": 8, "I65": 9, "K701": 10, "K702": 11}
    for prefix, row in special.items():
        if (letter + code).startswith(prefix):
            return row
    if letter == "G":
        return 5
    return by_letter.get(letter, 13)


_SIZE_ROW = {i.letter + i.code: _size_row(i.letter, i.code) for i in pools.INDUSTRIES}


def growth_rate(people: Population, year: int) -> Floats:
    """Revenue of the year over the year before, minus one; NaN where the year before was zero."""
    before = revenue_year_cents(people, year - 1).astype(np.float64)
    now = revenue_year_cents(people, year).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(before > 0, now / before - 1, np.nan)
