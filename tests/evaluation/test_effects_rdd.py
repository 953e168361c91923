"""Regression discontinuity: published results on US Senate elections, laws, and planted jumps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.effects import rdd
from evaluation.rdd_local import Side, neighbour_residuals

SENATE = pl.read_csv(Path(__file__).parent / "data" / "rd_senate.csv")


def planted(seed: int, n: int = 800, jump: float = 0.5) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, n)
    return pl.DataFrame({"x": x, "y": np.sin(2 * x) + jump * (x >= 0) + rng.normal(0, 0.4, n)})


def test_the_senate_election_is_the_published_one() -> None:
    result = rdd(SENATE, "margin", "vote", 0)
    assert result.n == (595, 702)
    assert result.n_effective == (360, 323)
    assert (result.h, result.b) == pytest.approx((17.754, 28.028), abs=5e-4)
    assert (result.conventional.coef, result.conventional.se) == pytest.approx((7.414, 1.459), abs=5e-4)
    assert result.conventional.ci == pytest.approx((4.555, 10.273), abs=5e-4)
    assert result.robust.ci == pytest.approx((4.094, 10.919), abs=5e-4)
    assert result.robust.p == pytest.approx(1.625e-05, rel=1e-3)
    assert result.conventional.p == pytest.approx(3.722e-07, rel=1e-3)


def test_the_senate_density_is_the_published_one() -> None:
    density = rdd(SENATE, "margin", "vote", 0).density
    assert density is not None
    assert (density.t, density.p) == pytest.approx((-0.8753, 0.3814), abs=5e-5)
    assert (density.width_left, density.width_right) == pytest.approx((19.841, 27.119), abs=5e-4)
    assert (density.n_left, density.n_right) == (408, 460)


def test_a_planted_jump_is_covered_and_no_jump_is_not_found() -> None:
    covered = sum(low <= 0.5 <= high for low, high in (rdd(planted(seed), "x", "y", 0).ci for seed in range(60)))
    assert covered >= 52
    placebo = sum(rdd(planted(100 + seed, jump=0.0), "x", "y", 0).robust.p < 0.05 for seed in range(60))
    assert placebo <= 9


def test_bunching_above_the_cutoff_is_noticed() -> None:
    rng = np.random.default_rng(5)
    x = rng.uniform(-1, 1, 4000)
    sorted_in = np.where((x > -0.1) & (x < 0) & (rng.random(4000) < 0.6), -x, x)
    frame = pl.DataFrame({"x": sorted_in, "y": rng.normal(size=4000)})
    honest = pl.DataFrame({"x": x, "y": frame["y"]})
    found, clean = rdd(frame, "x", "y", 0).density, rdd(honest, "x", "y", 0).density
    assert found is not None and found.p < 0.001
    assert clean is not None and clean.p > 0.05


@settings(max_examples=15, deadline=None)
@given(shift=st.floats(-100, 100), scale=st.floats(0.1, 50), lift=st.floats(-10, 10))
def test_moving_and_stretching_the_axes_moves_nothing_else(shift: float, scale: float, lift: float) -> None:
    frame = planted(3, n=300)
    moved = frame.with_columns(pl.col("x") * scale + shift, pl.col("y") * 3 + lift)
    one, two = rdd(frame, "x", "y", 0), rdd(moved, "x", "y", shift)
    # A shift of the axis may move the last bits of distances; the estimate follows the data.
    assert two.conventional.coef == pytest.approx(3 * one.conventional.coef, rel=1e-5)
    assert two.robust.se == pytest.approx(3 * one.robust.se, rel=1e-5)
    assert two.h == pytest.approx(scale * one.h, rel=1e-5)


def test_nearest_neighbour_residuals_by_hand() -> None:
    side = Side(np.array([0.0, 1.0, 1.0, 4.0, 9.0]), np.array([[1.0], [2.0], [4.0], [8.0], [16.0]]))
    found = neighbour_residuals(side.x, side.columns[:, 0])
    # At 0: neighbours 1, 1, 4. At 4: 1, 1 at distance 3, then 0 at 4 (9 lies at 5).
    assert found[0] == pytest.approx(np.sqrt(3 / 4) * (1 - (2 + 4 + 8) / 3))
    assert found[3] == pytest.approx(np.sqrt(3 / 4) * (8 - (2 + 4 + 1) / 3))


def test_too_few_points_on_a_side_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="右侧只有"):
        rdd(planted(1), "x", "y", 0.99)
    with pytest.raises(ValueError, match="缺少列 z"):
        rdd(planted(1), "z", "y", 0)
