"""Every option of `did` on county teen employment, number by number against the authors' software and a port of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from evaluation.effects import DidResult, did

DATA = Path(__file__).parent / "data"
COUNTIES = pl.read_csv(DATA / "mpdta.csv").with_columns(w=1.0 + pl.col("countyreal") % 3)
HOLED = COUNTIES.filter((pl.col("countyreal") * 7 + pl.col("year")) % 11 != 0)
# The R package did, and its port csdid 0.4.3, on these rows.
R = pl.read_csv(DATA / "did_mpdta.csv", schema_overrides={"label": pl.String})
PORT = pl.read_csv(DATA / "csdid_mpdta.csv")


def effects(frame: pl.DataFrame = COUNTIES, **options: Any) -> DidResult:
    return did(frame, "countyreal", "year", "first.treat", "lemp", **options)


@pytest.mark.parametrize(
    ("scenario", "options"),
    [
        ("never", {"control": "never"}),
        ("notyet", {"control": "notyet"}),
        ("never_reg_lpop", {"control": "never", "covariates": ["lpop"], "method": "reg"}),
    ],
)
def test_cells_and_aggregates_are_those_of_r(scenario: str, options: dict[str, Any]) -> None:
    result = effects(**options)
    found = {("cell", f"{row['cohort']}-{row['time']}"): row for row in result.att_gt.iter_rows(named=True)}
    overall = {}
    for kind in ("simple", "group", "event", "calendar"):
        aggregate = getattr(result, kind)
        overall[kind] = (aggregate.att, aggregate.se)
        if aggregate.key:
            found |= {(kind, str(row[aggregate.key])): row for row in aggregate.table.iter_rows(named=True)}
    expected = R.filter(pl.col("scenario") == scenario)
    assert expected.height == 30
    for row in expected.iter_rows(named=True):
        pair = overall[row["type"]] if row["label"] is None else None
        att, se = pair or (found[row["type"], row["label"]]["att"], found[row["type"], row["label"]]["se"])
        assert (att, se) == pytest.approx((row["att"], row["se"]), rel=1e-9), row


@pytest.mark.parametrize("row", PORT.to_dicts(), ids=lambda row: "-".join(str(row[name]) for name in PORT.columns[:7]))
def test_every_option_gives_what_the_port_gives(row: dict[str, Any]) -> None:
    result = effects(
        HOLED if row["rows"] == "unbalanced" else COUNTIES,
        covariates=[row["covariates"]] if row["covariates"] else None,
        control=row["control"],
        method=row["method"],
        base=row["base"],
        anticipation=row["anticipation"],
        rows=row["rows"],
        weights="w" if row["weighted"] else None,
    )
    for kind in ("simple", "group", "event", "calendar"):
        aggregate = getattr(result, kind)
        assert (aggregate.att, aggregate.se) == pytest.approx((row[kind], row[f"{kind}_se"]), rel=1e-7)
    if row["balanced"] is not None:
        balanced, window = result.events(balance=1), result.events(lowest=-1, highest=1)
        assert (balanced.att, balanced.se) == pytest.approx((row["balanced"], row["balanced_se"]), rel=1e-7)
        assert (window.att, window.se) == pytest.approx((row["window"], row["window_se"]), rel=1e-7)


def test_a_universal_base_period_is_zero_without_an_error() -> None:
    table = effects(control="never", base="universal").event.table
    at_base = table.filter(pl.col("event_time") == -1).row(0, named=True)
    assert at_base["att"] == 0 and at_base["se"] is None and at_base["band_low"] is None
    assert effects(control="never", base="universal").pretrend_p == pytest.approx(
        effects(control="never").pretrend_p, abs=1e-9
    )


def test_weights_that_are_all_alike_change_nothing_and_a_weight_of_two_is_two_units() -> None:
    plain = effects(control="never", covariates=["lpop"])
    same = effects(COUNTIES.with_columns(w=7.0), control="never", covariates=["lpop"], weights="w")
    assert (same.simple.att, same.simple.se) == pytest.approx((plain.simple.att, plain.simple.se), rel=1e-9)
    twice = COUNTIES.filter(pl.col("w") == 2).with_columns(countyreal=pl.col("countyreal") + 1_000_000)
    doubled = pl.concat([COUNTIES, twice]).with_columns(own=pl.col("countyreal") % 1_000_000)
    weighted = COUNTIES.with_columns(w=pl.when(pl.col("w") == 2).then(2.0).otherwise(1.0))
    by_weight = effects(weighted, control="never", covariates=["lpop"], weights="w", method="ipw")
    by_row = effects(doubled, control="never", covariates=["lpop"], method="ipw", cluster="own")
    assert by_weight.simple.att == pytest.approx(by_row.simple.att, rel=1e-8)
    assert by_weight.simple.se == pytest.approx(by_row.simple.se, rel=1e-8)


def test_cross_sections_of_a_full_panel_give_its_plain_effects_with_wider_errors() -> None:
    panel, rows = effects(control="never"), effects(control="never", rows="cross_sections")
    assert rows.att_gt["att"].to_list() == pytest.approx(panel.att_gt["att"].to_list(), abs=1e-12)
    assert (rows.att_gt["se"] > 3 * panel.att_gt["se"]).all()
    kept = effects(control="never", rows="unbalanced")
    assert kept.att_gt["se"].to_list() == pytest.approx(panel.att_gt["se"].to_list(), rel=1e-9)


def test_the_band_is_about_as_wide_as_printed() -> None:
    """The vignette's simultaneous bands come from its own random draws: the critical value is known to two digits only."""
    result = effects(control="never", draws=4000)
    row = result.att_gt.row(by_predicate=(pl.col("cohort") == 2004) & (pl.col("time") == 2006), named=True)
    critical = (row["band_high"] - row["att"]) / row["se"]
    assert 2.6 < critical < 3.1
    assert np.sign(row["band_low"]) == np.sign(row["band_high"]) == -1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"control": "some"}, "control 只能是"),
        ({"method": "ols"}, "method 只能是"),
        ({"base": "first"}, "base 只能是"),
        ({"rows": "wide"}, "rows 只能是"),
        ({"anticipation": -1}, "anticipation 不得为负"),
        ({"weights": "lemp", "frame": COUNTIES.with_columns(lemp=-pl.col("lemp"))}, "不得为负"),
        ({"weights": "absent"}, "缺少列"),
    ],
)
def test_wrong_use_is_refused_in_words(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        effects(**options)


def test_an_event_window_without_a_treated_period_is_refused() -> None:
    with pytest.raises(ValueError, match="没有处理后的时期"):
        effects(control="never").events(highest=-1)
