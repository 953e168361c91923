"""Two-way fixed effects and what they are made of, only to be shown beside the real estimate: wrong where effects are not all alike."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def within(x: Floats) -> Floats:
    """`x` (units, periods) without unit and period means."""
    return x - x.mean(axis=1, keepdims=True) - x.mean(axis=0, keepdims=True) + x.mean()


def two_way(treated: Floats, outcome: Floats) -> tuple[float, float]:
    """The coefficient of `treated` with unit and period effects, and its error by unit; both (units, periods).

    The error has the small-sample factor G/(G−1) × (n−1)/(n−k) of fixest, whose k leaves the effects nested in the clusters out.
    """
    d, y = within(treated), within(outcome)
    coefficient = float((d * y).sum() / (d * d).sum())
    units, periods = d.shape
    scores = (d * (y - coefficient * d)).sum(axis=1)
    small = units / (units - 1) * (d.size - 1) / (d.size - (periods + 1))
    return coefficient, float(np.sqrt(small * (scores**2).sum()) / (d * d).sum())


def comparisons(first: Floats, times: Floats, outcome: Floats) -> pl.DataFrame:
    """Goodman-Bacon (2021): every two-by-two that the two-way coefficient averages. treated, untreated (null: never), estimate, weight, kind.

    `first` (units,) is the first treated period, inf for never.
    """
    rows = []
    cohorts = np.unique(first)
    for one, other in permutations(cohorts, 2):
        if np.isinf(one):
            continue
        later_is_treated = one > other
        window = times >= other if later_is_treated else times < other
        share_one, share_other = (first == one).mean(), (first == other).mean()
        if not (times[window] < one).any() or not (times[window] >= one).any():
            continue
        after = window & (times >= one)
        before = window & (times < one)
        change = outcome[:, after].mean(axis=1) - outcome[:, before].mean(axis=1)
        estimate = change[first == one].mean() - change[first == other].mean()
        part = share_one / (share_one + share_other)
        dose = after.sum() / window.sum()
        weight = ((share_one + share_other) * window.mean()) ** 2 * part * (1 - part) * dose * (1 - dose)
        kind = "never" if np.isinf(other) else "later as treated" if later_is_treated else "earlier as treated"
        rows.append((one, None if np.isinf(other) else other, estimate, weight, kind))
    frame = pl.DataFrame(rows, schema=["treated", "untreated", "estimate", "weight", "kind"], orient="row")
    return frame.with_columns(pl.col("weight") / pl.col("weight").sum())
