"""Item effects on planted panels: a true effect found, none invented, a diverging past not believed, few enterprises not judged."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from evaluation.item_effects import CREDIBLE, UNDECIDED, item_effects

QUARTERS = 8


def planted(effect: float, drift: float = 0.0, treated: int = 60, seed: int = 3) -> tuple[pl.DataFrame, pl.DataFrame]:
    """160 enterprises in two strata with their own seasons; the first `treated` are paid in quarter 3, 4 or 5 of 0 … 7."""
    rng = np.random.default_rng(seed)
    rows, paid = [], []
    for unit in range(160):
        stratum, level = "CF"[unit % 2], rng.normal(14, 1)
        first = 3 + unit % 3 if unit < treated else None
        if first is not None:
            paid.append(("item", f"e{unit:03d}", first, 50_000.0))
        for quarter in range(QUARTERS):
            season = 0.1 * (quarter % 4) * (1 if stratum == "C" else -1)
            gain = math.log1p(effect) if first is not None and quarter >= first else 0.0
            past = drift * quarter if first is not None else 0.0
            rows.append(
                (f"e{unit:03d}", stratum, quarter, math.exp(level + season + gain + past + rng.normal(0, 0.05)))
            )
    panel = pl.DataFrame(rows, schema=["enterprise_id", "stratum", "quarter", "revenue"], orient="row")
    return panel, pl.DataFrame(paid, schema=["item_id", "enterprise_id", "quarter", "paid_yuan"], orient="row")


@pytest.mark.parametrize(("effect", "finding"), [(0.12, "升高"), (-0.12, "降低"), (0.0, "未见显著变化")])
def test_a_planted_effect_is_inside_its_interval_and_named(effect: float, finding: str) -> None:
    row = item_effects(*planted(effect)).row(by_predicate=pl.col("item_id") == "item", named=True)
    assert row["verdict"] == CREDIBLE and row["finding"] == finding and row["reason"] is None
    assert row["low"] <= effect <= row["high"]
    assert (row["treated"], row["compared"], row["left_out"], row["quarters"]) == (60, 100, 0, QUARTERS)


def test_winners_who_were_already_growing_are_not_believed() -> None:
    row = item_effects(*planted(0.0, drift=0.08)).row(by_predicate=pl.col("item_id") == "item", named=True)
    assert row["verdict"] == UNDECIDED and row["finding"] is None and "趋势" in row["reason"]


def test_few_enterprises_are_not_judged_and_not_counted_out_loud() -> None:
    row = item_effects(*planted(0.5, treated=3)).row(by_predicate=pl.col("item_id") == "item", named=True)
    assert row["verdict"] == UNDECIDED and row["estimate"] is None and "<5 户" in row["reason"]


def test_enterprises_with_a_gap_are_left_out_and_counted() -> None:
    panel, paid = planted(0.1)
    holes = panel.with_columns(
        revenue=pl.when((pl.col("enterprise_id") == "e000") & (pl.col("quarter") == 2)).then(0.0).otherwise("revenue")
    )
    row = item_effects(holes, paid).row(by_predicate=pl.col("item_id") == "item", named=True)
    assert (row["treated"], row["left_out"]) == (59, 1)


def test_those_paid_for_another_item_are_no_comparison() -> None:
    panel, paid = planted(0.1)
    others = pl.DataFrame(
        {"item_id": "other", "enterprise_id": [f"e{n:03d}" for n in range(60, 90)], "quarter": 4, "paid_yuan": 1.0}
    )
    rows = item_effects(panel, pl.concat([paid, others.with_columns(pl.col("quarter").cast(pl.Int64))]))
    assert rows.row(by_predicate=pl.col("item_id") == "item", named=True)["compared"] == 70
    assert rows.row(by_predicate=pl.col("item_id").is_null(), named=True)["treated"] == 90


def test_the_same_rows_in_another_order_give_the_same_bytes() -> None:
    panel, paid = planted(0.1)
    assert item_effects(panel.sample(fraction=1, shuffle=True, seed=1), paid.reverse()).equals(
        item_effects(panel, paid)
    )


def test_false_alarms_are_rare() -> None:
    found = [
        item_effects(*planted(0.0, seed=seed)).filter(pl.col("item_id") == "item").row(0, named=True)
        for seed in range(40)
    ]
    assert sum(row["finding"] in ("升高", "降低") for row in found) <= 6
    assert sum(row["verdict"] == UNDECIDED for row in found) <= 6


def test_more_comparisons_than_are_needed_are_thinned_evenly_and_the_effect_stays() -> None:
    rng = np.random.default_rng(9)
    units, treated = 9_000, 60
    first = np.where(np.arange(units) < treated, 3 + np.arange(units) % 3, QUARTERS)
    gain = math.log1p(0.12) * (np.arange(QUARTERS)[None, :] >= first[:, None])
    values = np.exp(rng.normal(14, 1, (units, 1)) + gain + rng.normal(0, 0.05, (units, QUARTERS)))
    names = [f"e{n:04d}" for n in range(units)]
    panel = pl.DataFrame(
        {
            "enterprise_id": np.repeat(names, QUARTERS),
            "stratum": np.repeat(np.array(list("CF"))[np.arange(units) % 2], QUARTERS),
            "quarter": np.tile(np.arange(QUARTERS), units),
            "revenue": values.ravel(),
        }
    )
    paid = pl.DataFrame(
        {
            "item_id": "item",
            "enterprise_id": names[:treated],
            "quarter": first[:treated].astype(np.int64),
            "paid_yuan": 50_000.0,
        }
    )
    row = item_effects(panel, paid).row(by_predicate=pl.col("item_id") == "item", named=True)
    assert (row["treated"], row["compared"]) == (treated, 50 * treated)
    assert row["verdict"] == CREDIBLE and abs(float(row["estimate"]) - 0.12) < row["high"] - row["low"]
    assert row["high"] - row["low"] < 0.06
