"""Public figures beside what a world of three million has: kept with their sources, compared where the world has the thing."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data.world import calendar, merit, state
from data.world.entity import FOREIGN, INDIVIDUAL
from data.world.population import Population, population
from data.world.streams import Bools

REFERENCE = Path(__file__).parent.parent / "reference" / "public_figures.csv"
# A tenth of the province, far from the head of the register.
_SAMPLE, _SCALE = (1_000_000, 1_300_000), 10


class Figure(NamedTuple):
    """One row of the reference; `value` is None where nothing public was found, `generated` where the world has no such thing."""

    id: str
    label: str
    value: float | None
    unit: str
    as_of: str
    ground: str
    source: str
    use: str
    generated: float | None


def figures(seed: int) -> list[Figure]:
    """Every row of the reference with the world's own number for the province (counts) or its sample (shares, means)."""
    measures = _measures(population(seed, *_SAMPLE))
    rows = []
    with REFERENCE.open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            value = float(row.pop("value") or "nan")
            measure = measures.get(row["id"])
            rows.append(
                Figure(
                    **row,
                    value=None if np.isnan(value) else value,
                    generated=None if measure is None else round(measure(), 4),
                )
            )
    return rows


def _measures(people: Population) -> dict[str, Callable[[], float]]:
    firm = people.is_firm
    parked = firm & (people.park >= 0)
    month = calendar.month_index

    def count(mask: Bools) -> float:
        return float(mask.sum()) * _SCALE

    def living(year: int, number: int, who: Bools | None = None) -> float:
        alive = people.lives_at(month(year, number))
        return count(alive if who is None else alive & who)

    def born(first: int, last: int, who: Bools | None = None) -> float:
        mask = (people.birth_month >= first) & (people.birth_month <= last)
        return count(mask if who is None else mask & who)

    def certified(year: int) -> float:
        return count(merit.is_hnte(people, calendar.number_of(dt.date(year, 12, 31))))

    def life() -> np.ndarray:
        dead = people.death_month <= calendar.LAST_MONTH
        return (people.death_month - people.birth_month)[dead] / 12

    def heads(who: Bools) -> float:
        return float(state.staff(people, month(2023, 12))[who & people.lives_at(month(2023, 12))].mean())

    return {
        "living_2019_09": lambda: living(2019, 9),
        "living_2020_04": lambda: living(2020, 4),
        "enterprises_2020_04": lambda: living(2020, 4, firm),
        "living_2020_06": lambda: living(2020, 6),
        "living_2022_06": lambda: living(2022, 6),
        "births_2020_01_08": lambda: born(month(2020, 1), month(2020, 8)),
        "births_enterprises_2020_01_08": lambda: born(month(2020, 1), month(2020, 8), firm),
        "births_2020_06_11": lambda: born(month(2020, 6), month(2020, 11)),
        "births_enterprises_2020_06_11": lambda: born(month(2020, 6), month(2020, 11), firm),
        "births_2020_07": lambda: born(month(2020, 7), month(2020, 7)),
        "growth_2020": lambda: living(2020, 6) / living(2019, 6) - 1,
        "foreign_2019": lambda: living(2019, 12, people.kind == FOREIGN),
        "foreign_births_2020_2025": lambda: born(month(2020, 1), month(2024, 12), people.kind == FOREIGN),
        "park_firms_2020": lambda: living(2020, 12, parked),
        "park_firms_2021": lambda: living(2021, 6, parked),
        "park_births_2021": lambda: born(month(2021, 1), month(2021, 6), parked),
        "census_2023_staff_per_unit": lambda: heads(firm),
        "census_2023_staff_per_trader": lambda: heads(people.kind == INDIVIDUAL),
        "mean_life_of_the_dead": lambda: float(life().mean()),
        "exits_under_5": lambda: float((life() < 5).mean()),
        "hnte_2020": lambda: certified(2020),
        "hnte_growth": lambda: (certified(2024) / certified(2020)) ** 0.25 - 1,
        "total_2024": lambda: living(2024, 12),
    }
