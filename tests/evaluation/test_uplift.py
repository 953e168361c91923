"""The effect of telling is recovered within its interval as often as the interval says."""

import numpy as np
import polars as pl
import pytest

from evaluation.uplift import UNITS, uplift


def units(*cells: tuple[str, str, int, int]) -> pl.DataFrame:
    rows = [(stratum, arm, n < k) for stratum, arm, k, size in cells for n in range(size)]
    return pl.DataFrame(rows, schema=UNITS, orient="row")


def test_strata_are_weighted_by_size_and_one_sided_strata_left_out() -> None:
    found = uplift(
        units(
            ("a", "treated", 30, 100),
            ("a", "holdout", 10, 50),
            ("b", "treated", 5, 40),
            ("b", "holdout", 0, 10),
            ("c", "treated", 9, 9),
        )
    )
    assert (found.treated, found.held) == (140, 60)
    assert found.effect == pytest.approx(0.75 * (0.3 - 0.2) + 0.25 * (0.125 - 0.0))
    assert found.low is not None and found.high is not None and found.low < found.effect < found.high


def test_without_a_control_group_nothing_is_claimed() -> None:
    found = uplift(units(("a", "treated", 3, 10)))
    assert (found.treated, found.held, found.effect) == (10, 0, None)


def test_the_interval_covers_the_planted_effect() -> None:
    draw = np.random.default_rng(7)
    covered = 0
    for _ in range(300):
        cells = []
        for stratum, base, lift in (("a", 0.10, 0.10), ("b", 0.05, 0.14)):
            cells += [
                (stratum, "treated", int(draw.binomial(600, base + lift)), 600),
                (stratum, "holdout", int(draw.binomial(50, base)), 50),
            ]
        found = uplift(units(*cells))
        assert found.low is not None and found.high is not None
        covered += found.low <= 0.12 <= found.high
    assert 0.92 <= covered / 300 <= 0.99
