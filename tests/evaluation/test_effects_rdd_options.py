"""Every option of `rdd`: published tables on the US Senate data, the authors' software option by option, and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from evaluation.effects import RddResult, rdd

DATA = Path(__file__).parent / "data"
SENATE = pl.read_csv(DATA / "rd_senate.csv")
# What rdrobust 2.1.1 gives for each set of options on the same rows.
REFERENCE = pl.read_csv(DATA / "rdrobust_senate.csv")


def senate(**options: Any) -> RddResult:
    return rdd(SENATE, "margin", "vote", 0, **options)


def both(width: float | tuple[float, float]) -> tuple[float, float]:
    return width if isinstance(width, tuple) else (width, width)


@pytest.mark.parametrize(
    ("options", "effective", "coef", "se", "interval", "robust"),
    [
        # Cattaneo, Idrobo and Titiunik (2020), "A practical introduction to regression discontinuity designs", section 4, snippets 12-14 and 17
        ({"kernel": "uniform", "h": 10}, (245, 206), 6.899, 1.722, (3.525, 10.273), (5.156, 15.624)),
        ({"h": 10}, (245, 206), 7.985, 1.838, (4.382, 11.587), (6.595, 17.249)),
        ({}, (360, 323), 7.414, 1.459, (4.555, 10.273), (4.094, 10.919)),
    ],
)
def test_the_tables_of_the_textbook(
    options: dict[str, Any],
    effective: tuple[int, int],
    coef: float,
    se: float,
    interval: tuple[float, float],
    robust: tuple[float, float],
) -> None:
    result = senate(**options)
    assert result.n == (595, 702) and result.n_effective == effective
    assert (result.conventional.coef, result.conventional.se) == pytest.approx((coef, se), abs=5e-4)
    assert result.conventional.ci == pytest.approx(interval, abs=5e-4)
    assert result.robust.ci == pytest.approx(robust, abs=5e-4)


def test_the_bandwidths_with_covariates_of_the_authors_own_tests() -> None:
    """rdrobust's test_numerical_contracts.py, printed to six decimals."""
    covariates = ["termshouse", "termssenate", "population"]
    result = senate(covariates=covariates, vce="hc1")
    assert (result.h, result.b) == pytest.approx((17.976890, 28.963712), rel=2e-7)
    given = senate(covariates=covariates, vce="hc1", h=(10, 10), b=(20, 20))
    assert given.n == (491, 617) and given.n_effective == (215, 181)


@pytest.mark.parametrize("row", REFERENCE.to_dicts(), ids=lambda row: row["options"])
def test_every_option_gives_what_the_authors_software_gives(row: dict[str, Any]) -> None:
    result = senate(**json.loads(row["options"]))
    found = [
        result.conventional.coef, result.robust.coef, result.conventional.se, result.robust.se, *both(result.h), *both(result.b),
    ]  # fmt: skip
    names = ["conventional", "robust", "se", "robust_se", "h_left", "h_right", "b_left", "b_right"]
    assert found == pytest.approx([row[name] for name in names], rel=2e-6)
    assert result.n_effective == (row["n_left"], row["n_right"])


def test_a_fuzzy_design_is_the_ratio_of_its_two_jumps() -> None:
    complete = SENATE.drop_nulls(["won", "vote", "margin"])
    together = rdd(complete, "margin", "vote", 0, h=15, fuzzy="won")
    jump = rdd(complete, "margin", "vote", 0, h=15).conventional.coef
    taken = rdd(complete, "margin", "won", 0, h=15)
    assert together.conventional.coef == pytest.approx(jump / taken.conventional.coef)
    assert together.first_stage is not None
    assert together.first_stage.coef == pytest.approx(taken.robust.coef)
    assert together.first_stage.se == pytest.approx(taken.robust.se)


def test_planted_covariates_shorten_the_interval_and_leave_the_jump() -> None:
    rng = np.random.default_rng(4)
    x, z = rng.uniform(-1, 1, 2000), rng.normal(size=2000)
    frame = pl.DataFrame({"x": x, "z": z, "twice": 2 * z, "y": 0.5 * (x >= 0) + z + rng.normal(0, 0.3, 2000)})
    plain, adjusted = rdd(frame, "x", "y", 0), rdd(frame, "x", "y", 0, covariates=["z", "twice"])
    assert adjusted.robust.se < 0.5 * plain.robust.se
    assert abs(adjusted.robust.coef - 0.5) < 3 * adjusted.robust.se
    assert any("共线" in note for note in adjusted.notes)


def test_clusters_of_one_are_no_clusters() -> None:
    alone = SENATE.with_row_index("own")
    plain, single = senate(h=15, vce="hc0"), rdd(alone, "margin", "vote", 0, h=15, cluster="own")
    # with one observation to a cluster CR1 is HC0 but for n / (n − k) on either side
    assert single.conventional.se == pytest.approx(plain.conventional.se, rel=0.01)
    assert single.n_clusters == single.n_effective


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kernel": "gauss"}, "kernel 只能是"),
        ({"bandwidth": "ik"}, "bandwidth 只能是"),
        ({"vce": "hc4"}, "vce 只能是"),
        ({"vce": "cr2"}, "需要 cluster"),
        ({"p": 2, "q": 2}, "阶数"),
        ({"h": -1}, "h 须为正数"),
        ({"b": 5}, "没有给 h"),
        ({"rho": 0}, "rho 须为正数"),
        ({"neighbours": 0}, "neighbours 至少为 1"),
        ({"regularisation": -1}, "regularisation 不得为负"),
        ({"covariates": ["nothing"]}, "缺少列 nothing"),
        ({"covariates": ["state"]}, "列 state 应为数值"),
        ({"h": 0.02}, "不可解"),
    ],
)
def test_wrong_use_is_refused_in_words(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        senate(**options)


def test_an_outcome_that_never_changes_has_no_error_and_no_answer() -> None:
    with pytest.raises(ValueError, match="标准误"):
        rdd(SENATE.with_columns(vote=pl.lit(1.0)), "margin", "vote", 0, h=10)


def test_an_interval_at_another_level() -> None:
    robust = senate().robust
    assert robust.interval(0.95) == robust.ci
    # 1.6449 of a normal's standard deviations hold nine tenths
    assert robust.interval(0.90) == pytest.approx(
        (robust.coef - 1.644854 * robust.se, robust.coef + 1.644854 * robust.se), rel=1e-6
    )
    with pytest.raises(ValueError, match="level"):
        robust.interval(95)
