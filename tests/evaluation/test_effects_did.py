"""Difference-in-differences: published results on county teen employment, laws, and planted effects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from evaluation.effects import DidResult, did

COUNTIES = pl.read_csv(Path(__file__).parent / "data" / "mpdta.csv")


def county_effects(**options: Any) -> DidResult:
    return did(COUNTIES, "countyreal", "year", "first.treat", "lemp", **options)


def staggered(seed: int, units: int = 200, effect: float = 1.0, trend: float = 0.0) -> pl.DataFrame:
    """Six periods, cohorts 3, 5 and never; the effect grows by `effect` per period of treatment; `trend` breaks parallel trends."""
    rng = np.random.default_rng(seed)
    cohort = rng.choice([0, 3, 5], size=units, p=[0.4, 0.3, 0.3])
    level = rng.normal(size=units) + 0.5 * (cohort > 0)
    rows = []
    for time in range(1, 7):
        treated = (cohort > 0) & (time >= cohort)
        gain = treated * effect * (time - cohort + 1) + trend * time * (cohort > 0)
        rows.append(
            pl.DataFrame(
                {
                    "unit": np.arange(units),
                    "time": time,
                    "cohort": cohort,
                    "y": level + 0.3 * time + gain + rng.normal(size=units),
                }
            )
        )
    return pl.concat(rows)


def test_group_time_effects_are_those_of_the_published_vignette() -> None:
    published = {
        (2004, 2004): -0.0105, (2004, 2005): -0.0704, (2004, 2006): -0.1373, (2004, 2007): -0.1008,
        (2006, 2004): 0.0065, (2006, 2005): -0.0028, (2006, 2006): -0.0046, (2006, 2007): -0.0412,
        (2007, 2004): 0.0305, (2007, 2005): -0.0027, (2007, 2006): -0.0311, (2007, 2007): -0.0261,
    }  # fmt: skip
    found = county_effects(control="never").att_gt
    assert found.height == len(published)
    for row in found.iter_rows(named=True):
        assert row["att"] == pytest.approx(published[row["cohort"], row["time"]], abs=5e-5)


def test_aggregates_are_those_of_the_published_vignette() -> None:
    result = county_effects(control="never")
    assert result.simple.att == pytest.approx(-0.0400, abs=5e-5)
    assert result.simple.se == pytest.approx(0.0120, abs=5e-4)
    assert result.group.att == pytest.approx(-0.0310, abs=5e-5)
    assert result.event.att == pytest.approx(-0.0772, abs=5e-5)
    assert result.calendar.att == pytest.approx(-0.0417, abs=5e-5)
    assert result.pretrend_p == pytest.approx(0.16812, abs=5e-6)
    assert result.event.table["event_time"].to_list() == [-3, -2, -1, 0, 1, 2, 3]
    assert result.group.table["cohort"].to_list() == [2004, 2006, 2007]
    assert result.calendar.table["time"].to_list() == [2004, 2005, 2006, 2007]


def test_doubly_robust_with_log_population_is_the_published_one() -> None:
    published = [
        -0.0145,
        -0.0764,
        -0.1404,
        -0.1069,
        -0.0005,
        -0.0062,
        0.0010,
        -0.0413,
        0.0267,
        -0.0046,
        -0.0284,
        -0.0288,
    ]
    result = county_effects(control="never", covariates=["lpop"])
    assert result.att_gt["att"].to_list() == pytest.approx(published, abs=5e-5)
    assert result.pretrend_p == pytest.approx(0.23267, abs=5e-6)
    assert (result.simple.att, result.simple.se) == pytest.approx((-0.0417518, 0.0115028), abs=5e-8)


@pytest.mark.parametrize("method", ["reg", "ipw", "dr"])
def test_with_a_constant_covariate_every_method_gives_the_plain_difference(method: Any) -> None:
    frame = COUNTIES.with_columns(half=(pl.col("countyreal") % 2).cast(pl.Float64))
    balanced = pl.concat(
        [frame.with_columns(pl.col("countyreal") + k * 1_000_000, half=pl.lit(float(k))) for k in (0, 1)]
    )
    plain = did(balanced, "countyreal", "year", "first.treat", "lemp", control="never")
    adjusted = did(balanced, "countyreal", "year", "first.treat", "lemp", ["half"], "never", method=method)
    assert adjusted.att_gt["att"].to_list() == pytest.approx(plain.att_gt["att"].to_list(), abs=1e-9)
    assert adjusted.simple.se == pytest.approx(plain.simple.se, rel=1e-6)


def test_not_yet_treated_counties_widen_the_comparison_group() -> None:
    cells = county_effects(control="notyet").att_gt
    first = cells.filter((pl.col("cohort") == 2004) & (pl.col("time") == 2004)).row(0, named=True)
    assert first["n_control"] == 480
    # Computed by hand: change 2003→2004 of the 2004 cohort minus that of every county not treated by 2004.
    wide = COUNTIES.pivot("year", index=["countyreal", "first.treat"], values="lemp").with_columns(
        d=pl.col("2004") - pl.col("2003")
    )
    by_hand = (
        wide.filter(pl.col("first.treat") == 2004)["d"].mean() - wide.filter(pl.col("first.treat") != 2004)["d"].mean()
    )
    assert first["att"] == pytest.approx(by_hand, abs=1e-12)


def test_bootstrap_and_influence_errors_agree_and_the_bootstrap_is_repeatable() -> None:
    result = county_effects(control="never", draws=4000)
    assert result.simple.se_bootstrap == pytest.approx(result.simple.se, rel=0.06)
    assert county_effects(control="never").event.table.equals(county_effects(control="never").event.table)
    table = result.event.table
    assert (table["band_low"] < table["ci_low"]).all() and (table["band_high"] > table["ci_high"]).all()


def test_clusters_of_one_change_nothing_and_identical_twins_double_the_variance() -> None:
    plain = county_effects(control="never")
    alone = did(
        COUNTIES.with_columns(c=pl.col("countyreal")),
        "countyreal",
        "year",
        "first.treat",
        "lemp",
        None,
        "never",
        cluster="c",
    )
    assert alone.simple.se == pytest.approx(plain.simple.se, rel=1e-12)
    twins = pl.concat(
        [COUNTIES.with_columns(c=pl.col("countyreal"), countyreal=pl.col("countyreal") * 10 + k) for k in (0, 1)]
    )
    together = did(twins, "countyreal", "year", "first.treat", "lemp", None, "never", cluster="c")
    assert together.simple.att == pytest.approx(plain.simple.att, abs=1e-12)
    assert together.simple.se == pytest.approx(plain.simple.se, rel=1e-9)


def test_two_by_two_is_the_difference_of_differences() -> None:
    panel = pl.DataFrame({"u": [1, 1, 2, 2, 3, 3, 4, 4], "t": [1, 2] * 4, "g": [2, 2, 2, 2, None, None, None, None],
                          "y": [1.0, 4.0, 2.0, 6.0, 1.0, 2.0, 5.0, 5.0]})  # fmt: skip
    result = did(panel, "u", "t", "g", "y")
    assert result.simple.att == pytest.approx((3 + 4) / 2 - (1 + 0) / 2)
    assert result.pretrend_p is None
    assert result.att_gt.row(0, named=True)["n_treated"] == 2


def test_never_treated_may_be_null_zero_or_after_the_last_period() -> None:
    base = staggered(1)
    answers = [
        did(
            base.with_columns(pl.when(pl.col("cohort") == 0).then(pl.lit(never)).otherwise("cohort").alias("cohort")),
            "unit",
            "time",
            "cohort",
            "y",
        ).simple.att
        for never in (0, None, 99)
    ]
    assert answers[0] == answers[1] == answers[2]


def test_order_of_rows_and_names_of_units_do_not_matter() -> None:
    base = staggered(2)
    shuffled = base.sample(fraction=1.0, shuffle=True, seed=3).with_columns(unit=pl.format("u{}", "unit"))
    one, two = did(base, "unit", "time", "cohort", "y"), did(shuffled, "unit", "time", "cohort", "y")
    assert one.simple.att == pytest.approx(two.simple.att, abs=1e-12)
    assert one.group.se == pytest.approx(two.group.se, abs=1e-12)


def test_an_unbalanced_panel_says_what_it_lost() -> None:
    base = staggered(4)
    holed = base.filter(~((pl.col("unit") == 7) & (pl.col("time") == 2))).with_columns(
        pl.when((pl.col("unit") == 8) & (pl.col("time") == 1)).then(None).otherwise("y").alias("y")
    )
    result = did(holed, "unit", "time", "cohort", "y")
    assert any("2 个单位未在全部 6 期出现" in note for note in result.notes)
    assert any(note.startswith("1 行缺少") for note in result.notes)
    assert result.simple.att == pytest.approx(
        did(base.filter(~pl.col("unit").is_in([7, 8])), "unit", "time", "cohort", "y").simple.att
    )


def test_units_treated_from_the_start_are_left_out_and_counted() -> None:
    base = staggered(5).with_columns(pl.when(pl.col("unit") < 10).then(1).otherwise("cohort").alias("cohort"))
    result = did(base, "unit", "time", "cohort", "y")
    assert any(note.startswith("10 个单位在首期或之前已受处理") for note in result.notes)
    assert 1 not in result.att_gt["cohort"].to_list()


def test_without_never_treated_the_last_cohort_is_the_control_until_it_starts() -> None:
    base = staggered(6).filter(pl.col("cohort") > 0)
    result = did(base, "unit", "time", "cohort", "y")
    assert result.att_gt["cohort"].unique().to_list() == [3]
    assert result.att_gt["time"].max() == 4
    with pytest.raises(ValueError, match="没有从未受处理"):
        did(base, "unit", "time", "cohort", "y", control="never")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cohort": pl.col("cohort") + pl.col("time") % 2}, "首次处理期前后不一致"),
        ({"time": pl.lit(1)}, "有多行"),
        ({"y": pl.lit("x")}, "应为数值"),
        ({"cohort": pl.lit(0)}, "没有任何受处理"),
    ],
)
def test_a_malformed_panel_is_refused_in_words(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        did(staggered(7).with_columns(**change), "unit", "time", "cohort", "y")


def test_effects_that_grow_are_found_by_event_time_and_a_broken_trend_is_noticed() -> None:
    result = did(staggered(8, units=4000), "unit", "time", "cohort", "y")
    after = result.event.table.filter(pl.col("event_time") >= 0)
    assert after["att"].to_list() == pytest.approx([1, 2, 3, 4], abs=0.2)
    assert result.pretrend_p is not None and result.pretrend_p > 0.01
    broken = did(staggered(8, units=4000, trend=0.5), "unit", "time", "cohort", "y")
    assert broken.pretrend_p is not None and broken.pretrend_p < 1e-6


def test_intervals_cover_the_planted_effect() -> None:
    """200 draws here; 1,000 draws of five kinds of effect in test_effects_coverage.py (slow)."""
    truth = 0.0
    covered = 0
    for seed in range(200):
        low, high = did(staggered(1000 + seed, effect=0.0), "unit", "time", "cohort", "y").simple.ci
        covered += low <= truth <= high
    assert 0.90 <= covered / 200 <= 0.99
