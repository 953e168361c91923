"""Power before a policy starts: textbook values, and what the formula promises is what planted effects show."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from evaluation.power import Power, detectable_share, did_power


def panel(rng: np.random.Generator, units: int, periods: int, persistence: float = 0.6) -> np.ndarray:
    """Levels of their own, common shocks, and noise that remembers."""
    noise = np.zeros((units, periods))
    noise[:, 0] = rng.normal(0, 0.2, units)
    for t in range(1, periods):
        noise[:, t] = persistence * noise[:, t - 1] + rng.normal(0, 0.2, units)
    return rng.normal(10, 1, (units, 1)) + rng.normal(0, 0.3, (1, periods)) + noise


def long(values: np.ndarray) -> pl.DataFrame:
    units, periods = values.shape
    return pl.DataFrame({"unit": np.repeat(np.arange(units), periods), "time": np.tile(np.arange(periods), units), "y": values.ravel()})  # fmt: skip


def test_four_of_five_effects_of_that_size_are_found() -> None:
    rng = np.random.default_rng(7)
    power = did_power(long(panel(rng, 300, 12)), "unit", "time", "y", 4, 4)
    treated, compared = 50, 150
    effect = power.detectable(treated, compared)
    found = 0
    for _ in range(600):
        values = panel(rng, treated + compared, 8)
        change = values[:, 4:].mean(axis=1) - values[:, :4].mean(axis=1)
        change[:treated] += effect
        one, other = change[:treated], change[treated:]
        error = math.sqrt(one.var(ddof=1) / treated + other.var(ddof=1) / compared)
        found += abs(one.mean() - other.mean()) > 1.96 * error
    assert 0.74 <= found / 600 <= 0.86


def test_power_effect_and_size_agree_with_each_other() -> None:
    power = Power(sd=0.3, units=100, windows=5)
    effect = power.detectable(40, 80)
    assert power.power(effect, 40, 80) == pytest.approx(0.8, abs=1e-3)
    assert power.needed(effect, 2) == 40
    # 2.8016 standard errors: z(.975) + z(.80)
    assert effect == pytest.approx(2.8016 * 0.3 * math.sqrt(1 / 40 + 1 / 80), rel=1e-4)


def test_two_shares_as_in_fleiss() -> None:
    # Fleiss, Levin and Paik (2003): .5 against .6 at 5 % and 80 % needs 387.34 (388) to each side without continuity correction.
    assert detectable_share(0.5, 388, 388) == pytest.approx(0.1, abs=2e-4)
    assert detectable_share(0.9, 3, 3) is None


@pytest.mark.parametrize(("before", "after", "said"), [(5, 4, "9 期"), (0, 4, "至少 1 期")])
def test_a_panel_too_short_says_so(before: int, after: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        did_power(long(np.ones((5, 8)).cumsum(axis=1)), "unit", "time", "y", before, after)
