"""Planted effects, 1,000 draws each: bias, RMSE, coverage, placebo rejection, and two-way fixed effects beside them, wrong."""

from __future__ import annotations

import sys

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from evaluation.effects import did, rdd
from tests.evaluation.two_way import two_way

pytestmark = pytest.mark.slow

DRAWS = 1000
UNITS, PERIODS = 300, 8
COHORTS = np.array([0, 3, 5, 7])


def gain(kind: str, since: NDArray[np.int64], large: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The effect `since` periods after the start (0 = the first treated period), for small and large units."""
    after = since >= 0
    if kind == "zero":
        return np.zeros(since.shape)
    if kind == "constant":
        return 0.4 * after
    if kind == "heterogeneous":
        return np.where(large, 0.0, 0.8) * after
    if kind == "fading":
        return after * 0.8 * 0.6 ** np.maximum(since, 0)
    return after * np.clip(since - 1, 0, None) * 0.3


def world(kind: str, seed: int) -> tuple[pl.DataFrame, float]:
    """A panel in which large units join earlier and levels differ by cohort (selection on levels, parallel trends), and the true simple ATT."""
    rng = np.random.default_rng(seed)
    large = rng.random(UNITS) < 0.4
    chance = np.where(large[:, None], [0.25, 0.35, 0.2, 0.2], [0.4, 0.2, 0.2, 0.2])
    cohort = COHORTS[(rng.random(UNITS)[:, None] > chance.cumsum(axis=1)).sum(axis=1).clip(0, 3)]
    time = np.arange(1, PERIODS + 1)
    since = np.where(cohort[:, None] > 0, time[None, :] - cohort[:, None], -99)
    effect = gain(kind, since, large[:, None])
    level = rng.normal(size=UNITS) + 0.8 * (cohort > 0) + large
    noise = rng.normal(scale=0.6, size=(UNITS, PERIODS))
    noise[:, 1:] += 0.4 * noise[:, :-1]
    outcome = level[:, None] + 0.2 * np.sin(time) + effect + noise
    frame = pl.DataFrame(
        {
            "unit": np.repeat(np.arange(UNITS), PERIODS),
            "time": np.tile(time, UNITS),
            "cohort": np.repeat(cohort, PERIODS),
            "y": outcome.ravel(),
        }
    )
    return frame, float(effect[since >= 0].mean())


def two_way_of(frame: pl.DataFrame) -> float:
    first = frame["cohort"].to_numpy().reshape(UNITS, PERIODS)[:, 0]
    times = frame["time"].to_numpy()[:PERIODS]
    treated = ((first[:, None] > 0) & (times[None, :] >= first[:, None])).astype(float)
    return two_way(treated, frame["y"].to_numpy().reshape(UNITS, PERIODS))[0]


@pytest.mark.parametrize("kind", ["zero", "constant", "heterogeneous", "fading", "delayed"])
def test_planted_effects_are_covered(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    errors, covered, wrong, rejected = [], 0, [], 0
    for seed in range(DRAWS):
        frame, truth = world(kind, seed)
        simple = did(frame, "unit", "time", "cohort", "y").simple
        low, high = simple.ci
        errors.append(simple.att - truth)
        covered += low <= truth <= high
        rejected += not low <= 0 <= high
        wrong.append(two_way_of(frame) - truth)
    bias, rmse = float(np.mean(errors)), float(np.sqrt(np.mean(np.square(errors))))
    with capsys.disabled():
        sys.stdout.write(
            f"\n{kind}: bias {bias:+.4f} rmse {rmse:.4f} coverage {covered / DRAWS:.3f} rejected {rejected / DRAWS:.3f}"
            f" | two-way bias {np.mean(wrong):+.4f}"
        )
    assert abs(bias) < 0.01
    assert 0.93 <= covered / DRAWS <= 0.97
    if kind == "zero":
        assert rejected / DRAWS <= 0.07
    if kind == "delayed":
        assert abs(np.mean(wrong)) > 5 * abs(bias)


@pytest.mark.parametrize("jump", [0.0, 0.5])
def test_a_jump_at_a_threshold_is_covered(jump: float, capsys: pytest.CaptureFixture[str]) -> None:
    covered, errors = 0, []
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        x = rng.beta(2, 4, 600) * 2 - 1
        y = 0.5 + 1.2 * x + 2 * x**2 - 3 * x**3 + jump * (x >= -0.3) + rng.normal(0, 0.3, 600)
        result = rdd(pl.DataFrame({"x": x, "y": y}), "x", "y", -0.3)
        low, high = result.robust.ci
        covered += low <= jump <= high
        errors.append(result.robust.coef - jump)
    with capsys.disabled():
        sys.stdout.write(
            f"\njump {jump}: bias {np.mean(errors):+.4f} rmse {np.sqrt(np.mean(np.square(errors))):.4f} coverage {covered / DRAWS:.3f}"
        )
    assert 0.92 <= covered / DRAWS <= 0.975
