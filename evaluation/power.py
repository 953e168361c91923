"""How small an effect a comparison could see, before the policy starts: power of a difference-in-differences and of two shares."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
import polars as pl
from scipy.special import ndtr, ndtri

ALPHA = 0.05
POWER = 0.8


@dataclass(frozen=True)
class Power:
    """What a panel can see: `sd` of a unit's change from before to after, `units` and `windows` it was measured on."""

    sd: float
    units: int
    windows: int

    def detectable(self, treated: int, compared: int, *, alpha: float = ALPHA, power: float = POWER) -> float:
        """The smallest true effect found with probability `power` by a two-sided test at `alpha`, in units of the outcome."""
        if treated < 1 or compared < 1:
            raise ValueError(f"处理组 {treated} 户、对照组 {compared} 户：两边都要有企业")
        return _width(alpha, power) * self.sd * sqrt(1 / treated + 1 / compared)

    def needed(self, effect: float, compared_per_treated: float, *, alpha: float = ALPHA, power: float = POWER) -> int:
        """How many treated units see `effect`, with so many compared units to each."""
        if not effect:
            raise ValueError("效果为零时，再多的企业也看不出")
        return ceil((_width(alpha, power) * self.sd / effect) ** 2 * (1 + 1 / compared_per_treated))

    def power(self, effect: float, treated: int, compared: int, *, alpha: float = ALPHA) -> float:
        """The probability that a true `effect` is found."""
        z = abs(effect) / (self.sd * sqrt(1 / treated + 1 / compared))
        bound = float(ndtri(1 - alpha / 2))
        return float(ndtr(z - bound) + ndtr(-z - bound))


def did_power(panel: pl.DataFrame, unit: str, time: str, outcome: str, before: int, after: int) -> Power:
    """Measured on periods in which nobody is treated: the spread of mean(after) − mean(before) over units, in every window that fits.

    Collapsing to one change per unit leaves serial correlation inside the change, where it belongs (Bertrand, Duflo and Mullainathan 2004),
    so no model of it is needed. Common shocks go out with each window's mean. Units that miss a period are left out.
    Raises ValueError when the panel has fewer than before + after periods or two whole units.
    """
    if before < 1 or after < 1:
        raise ValueError(f"前 {before} 期、后 {after} 期：都至少 1 期")
    wide = (
        panel.select(unit, time, pl.col(outcome).cast(pl.Float64).fill_nan(None))
        .drop_nulls()
        .sort(time)
        .pivot(time, index=unit, values=outcome, aggregate_function="first")
        .drop_nulls()
    )
    values = wide.drop(unit).to_numpy()
    units, periods = values.shape
    windows = periods - before - after + 1
    if windows < 1 or units < 2:
        raise ValueError(
            f"面板有 {units} 户、{periods} 期；前 {before} 期加后 {after} 期至少要 {before + after} 期、2 户"
        )
    spread = [
        (values[:, s + before : s + before + after].mean(axis=1) - values[:, s : s + before].mean(axis=1)).var(ddof=1)
        for s in range(windows)
    ]
    return Power(float(np.sqrt(np.mean(spread))), units, windows)


def detectable_share(
    base: float, treated: int, compared: int, *, alpha: float = ALPHA, power: float = POWER
) -> float | None:
    """The smallest rise of a share above `base` that a randomised comparison finds; None when not even 1 would be found.

    Solves p₁ − p₀ = z_{α/2}·√(p̄(1−p̄)(1/n₁+1/n₀)) + z_β·√(p₁(1−p₁)/n₁+p₀(1−p₀)/n₀) (Fleiss, Levin and Paik 2003, §4.2).
    """
    if not 0 <= base < 1 or treated < 1 or compared < 1:
        raise ValueError(f"基础比例 {base} 应在 0 与 1 之间，两组都要有企业（{treated}、{compared}）")
    z_alpha, z_beta = float(ndtri(1 - alpha / 2)), float(ndtri(power))

    def lacking(rise: float) -> float:
        one = base + rise
        pooled = (treated * one + compared * base) / (treated + compared)
        noise = z_alpha * sqrt(pooled * (1 - pooled) * (1 / treated + 1 / compared))
        noise += z_beta * sqrt(one * (1 - one) / treated + base * (1 - base) / compared)
        return noise - rise

    low, high = 0.0, 1 - base
    if lacking(high) > 0:
        return None
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if lacking(middle) > 0 else (low, middle)
    return high


def _width(alpha: float, power: float) -> float:
    return float(ndtri(1 - alpha / 2) + ndtri(power))
