"""What telling did: the difference in take-up between those who were written to and those held back, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import polars as pl

UNITS: Final = {"stratum": pl.String, "arm": pl.String, "obtained": pl.Boolean}
# The normal quantile of a two-sided 95 % interval.
Z: Final = 1.959964


@dataclass(frozen=True)
class Uplift:
    """Shares as fractions; `low` and `high` bound the 95 % interval of `effect`. None where an arm is empty."""

    treated: int
    held: int
    treated_share: float | None
    held_share: float | None
    effect: float | None
    low: float | None
    high: float | None


def uplift(units: pl.DataFrame) -> Uplift:
    """Stratified difference in means over `units` (UNITS; `arm` is treated or holdout), strata weighted by their size.

    Strata without both arms are left out. A stratum's variance is p(1−p)/n of each arm with p by Agresti and Caffo (2000): one success and
    one failure added, so that an arm in which nobody applied still has a width.
    """
    cells = (
        units.filter(pl.col("arm").is_in(["treated", "holdout"]))
        .group_by("stratum", "arm")
        .agg(pl.len().alias("n"), pl.col("obtained").sum().alias("k"))
        .sort("stratum", "arm")
    )
    both = (
        cells.filter(pl.col("arm") == "treated")
        .join(cells.filter(pl.col("arm") == "holdout"), on="stratum", suffix="_held")
        .sort("stratum")
    )
    if both.is_empty():
        n = dict(cells.group_by("arm").agg(pl.col("n").sum()).iter_rows())
        return Uplift(n.get("treated", 0), n.get("holdout", 0), None, None, None, None, None)
    total = int((both["n"] + both["n_held"]).sum())
    told = held = variance = 0.0
    for row in both.iter_rows(named=True):
        weight = (row["n"] + row["n_held"]) / total
        told += weight * row["k"] / row["n"]
        held += weight * row["k_held"] / row["n_held"]
        for k, n in ((row["k"], row["n"]), (row["k_held"], row["n_held"])):
            p = (k + 1) / (n + 2)
            variance += weight**2 * p * (1 - p) / (n + 2)
    effect, width = told - held, Z * math.sqrt(variance)
    return Uplift(int(both["n"].sum()), int(both["n_held"].sum()), told, held, effect, effect - width, effect + width)
