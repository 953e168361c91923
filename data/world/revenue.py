"""Revenue before any programme pays: the untreated monthly path in closed form, and the sales some move to reach a threshold."""

from __future__ import annotations

from functools import partial

import numpy as np

from data.world import calendar
from data.world.entity import INDIVIDUAL
from data.world.population import Population
from data.world.streams import Floats, Ints, exp, log

# The planted threshold of W6: revenue of 2023 at or above twenty million yuan.
THRESHOLD_CENTS = 2_000_000_000
CENTRE = calendar.month_index(2023, 7)
_SHOCKS = {
    calendar.month_index(2020, 2): -0.45,
    calendar.month_index(2020, 3): -0.25,
    calendar.month_index(2020, 4): -0.12,
    calendar.month_index(2022, 8): -0.40,
    calendar.month_index(2022, 9): -0.15,
}
_TYPHOON = calendar.month_index(2024, 9)
_TYPHOON_REGIONS = (469005, 460105, 460106, 460107, 460108, 469023)
_PLAIN = (-0.10, -0.16, 0.04, 0.0, 0.01, 0.04, 0.0, 0.0, 0.03, 0.01, 0.04, 0.09)
TOURISM = (0.28, 0.30, 0.14, -0.04, -0.12, -0.20, -0.08, -0.06, -0.18, -0.02, 0.08, 0.20)


def untreated_cents(people: Population, month: int) -> Ints:
    """Revenue of the month in 分 had no programme paid anything: μ + g·age + Σ 0.8^k ε + season + shock, moved to reach a threshold by some."""
    return people.kept(f"untreated.{month}", lambda chunk: _untreated(chunk, month))


def _untreated(people: Population, month: int) -> Ints:
    earned = earned_cents(people, month)
    if month == _BUNCHING:
        return earned + bunched_cents(people)
    return np.maximum(earned - bunched_cents(people), 0) if month == _BUNCHING + 1 else earned


_BUNCHING = calendar.month_index(2023, 12)


def bunched_cents(people: Population) -> Ints:
    """Sales booked in December 2023 instead of January, by six in ten of the firms that would else have missed W6's threshold by up to 8 %."""
    return people.kept("bunched", _bunched)


def _bunched(people: Population) -> Ints:
    goal = THRESHOLD_CENTS
    firm = people.is_firm & ~people.is_zero_filer & people.lives_at(_BUNCHING)
    near = np.flatnonzero(firm & (np.abs(people.log_revenue - log(goal / 100)) < 0.6))
    sub = people.take(near)
    gap = goal - earned_year_cents(sub, 2023)
    moves = (gap > 0) & (gap < goal * 8 // 100) & sub.streams.chance(0.6, "bunches", sub.ids)
    spare = np.floor(goal * 0.01 * sub.streams.uniform("bunches.spare", sub.ids)).astype(np.int64)
    result = np.zeros(len(people), dtype=np.int64)
    result[near] = np.where(moves, gap + spare, 0)
    return result


def earned_year_cents(people: Population, year: int) -> Ints:
    """Revenue of the calendar year in 分 before anybody moved a sale or was paid."""
    first = calendar.month_index(year, 1)
    result: Ints = np.sum([earned_cents(people, first + k) for k in range(12)], axis=0)
    return result


def _shock(people: Population, month: int) -> Floats:
    return people.streams.normal("revenue.noise", people.ids, month)


def earned_cents(people: Population, month: int) -> Ints:
    """Revenue of the month in 分 before anybody moved a sale or was paid."""
    # Three months share each shock: in a walk through the months it is drawn once.
    noise = sum(0.8**k * people.kept(f"noise.{month - k}", partial(_shock, month=month - k)) for k in range(3))
    season = np.where(people.is_in("HR"), TOURISM[month % 12], _PLAIN[month % 12])
    shock = np.full(len(people), _SHOCKS.get(month, 0.0))
    if month == _TYPHOON:
        shock -= np.where(np.isin(people.region, _TYPHOON_REGIONS), 0.30, 0.0)
    spread = np.where(people.kind == INDIVIDUAL, 0.15, 0.18)
    level = people.log_revenue - log(12.0) + people.growth * ((month - CENTRE) / 12) + spread * noise + season + shock
    ramp = np.clip((month - people.birth_month + 1) / 12, 0.0, 1.0)
    lives = people.lives_at(month) & ~people.is_zero_filer
    return np.where(lives, np.floor(exp(level) * ramp * 100 + 0.5), 0).astype(np.int64)
