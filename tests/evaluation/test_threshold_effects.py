"""A policy judged at its own threshold: planted jumps found, and everything that should raise doubt does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from evaluation.item_effects import CREDIBLE, UNDECIDED
from evaluation.threshold_effects import FUZZY, SHARP, distance, judged_thresholds, threshold_bins, threshold_effect

FIRMS = 3_000


def firms(
    seed: int,
    effect: float = 0.10,
    *,
    above: float = 1.0,
    below: float = 0.0,
    earlier: float = 0.0,
    bunched: float = 0.0,
) -> pl.DataFrame:
    """Enterprises around a threshold; those paid gain `effect`, take-up is `above` and `below`; `bunched` of those just short made it over."""
    rng = np.random.default_rng(seed)
    size = rng.normal(0, 0.9, FIRMS)
    moved = (size < 0) & (size > -0.15) & (rng.random(FIRMS) < bunched)
    where = np.where(moved, -size * 0.2, size)
    paid = rng.random(FIRMS) < np.where(where >= 0, above, below)
    return pl.DataFrame(
        {
            "enterprise_id": [f"e{i}" for i in range(FIRMS)],
            "distance": where,
            "paid": paid,
            "change": 0.05 + 0.02 * size + effect * paid + rng.normal(0, 0.12, FIRMS),
            "earlier": 0.05 + 0.02 * size + earlier * (where >= 0) + rng.normal(0, 0.12, FIRMS),
        }
    )


def found(cases: pl.DataFrame) -> dict[str, Any]:
    return dict(threshold_effect(cases))


def test_a_sharp_threshold_gives_the_planted_effect() -> None:
    row = found(firms(1))
    assert (row["design"], row["verdict"], row["take_up"]) == (SHARP, CREDIBLE, 1.0)
    assert row["low"] < math.expm1(0.10) < row["high"] and row["low"] > 0


def test_where_not_everybody_is_paid_the_jump_is_divided_by_the_jump_in_payment() -> None:
    row = found(firms(2, above=0.7, below=0.1))
    assert (row["design"], row["verdict"]) == (FUZZY, CREDIBLE)
    assert row["take_up"] == pytest.approx(0.6, abs=0.15)
    assert row["low"] < math.expm1(0.10) < row["high"]


def test_intervals_cover_and_nothing_is_found_where_nothing_is() -> None:
    rows = [found(firms(seed, effect=0.0)) for seed in range(100, 140)]
    believed = [row for row in rows if row["verdict"] == CREDIBLE]
    assert len(believed) >= 30
    assert sum(row["low"] <= 0 <= row["high"] for row in believed) >= len(believed) - 6


@pytest.mark.parametrize(
    ("cases", "said"),
    [
        (firms(3, above=0.5, below=0.5), "门槛不决定谁受益"),
        (firms(14, above=0.1, below=0.7), "并不更常获得拨付"),
        (firms(4, bunched=0.8), "分布不连续"),
        (firms(5, earlier=0.3), "受益之前门槛两侧已有差别"),
        (firms(6).with_columns(change=pl.col("change") + 0.4 * (pl.col("distance") > pl.col("distance").filter(pl.col("distance") >= 0).median())), "假门槛"),
        (firms(7, above=0.0), "没有企业获得拨付"),
        (firms(8).head(150), "可比的企业太少"),
        (firms(9).filter(pl.col("distance") < 0.001), "上方 <5 户"),
        (firms(10).with_columns(change=pl.lit(None, dtype=pl.Float64)), "没有可比的同一季度"),
        (firms(13).with_columns(distance=pl.col("distance").round(0)), "不同取值"),
    ],
)  # fmt: skip
def test_every_doubt_is_a_reason_and_no_finding(cases: pl.DataFrame, said: str) -> None:
    row = found(cases)
    assert row["verdict"] == UNDECIDED and said in row["reason"], row


def test_who_is_paid_only_far_from_the_threshold_stops_no_run() -> None:
    """Nobody within the bandwidth was paid: the jump in payment is exactly nought, and there is nothing to divide by."""
    far = firms(3, 0.0, above=0.0).with_columns(paid=pl.col("distance") > 2.0)
    assert far["paid"].sum() > 30
    row = found(far)
    assert row["verdict"] == UNDECIDED and "没有跳升可除" in str(row["reason"])


def test_the_qualifying_side_of_every_comparison() -> None:
    frame = pl.DataFrame({"value": [50.0, 100.0, 200.0, 0.0, None]})

    def sides(sign: str) -> list[bool | None]:
        return frame.select(distance(pl.col("value"), 100.0, sign) >= 0).to_series().to_list()

    assert sides(">=") == [False, True, True, None, None]
    assert sides(">") == [False, False, True, None, None]
    assert sides("<=") == [True, True, False, None, None]
    assert sides("<") == [True, False, False, None, None]


def test_an_enterprise_seen_in_two_years_is_one_piece_of_evidence() -> None:
    once = firms(11)
    twice = pl.concat([once, once])
    one, two = found(once), found(twice)
    assert two["below"] == 2 * one["below"]
    assert (two["high"] - two["low"]) > 0.85 * (one["high"] - one["low"])


def test_bins_count_the_near_and_hide_the_few() -> None:
    cases = firms(12)
    bins = threshold_bins(cases, 0.5)
    reach = 2 * math.log1p(0.5)
    assert bins["n"].sum() == cases.filter(pl.col("distance").abs() < reach).height
    assert bins["paid_share"].to_list() == [0.0] * 10 + [1.0] * 10
    few = threshold_bins(cases.filter(pl.col("distance") < 0).head(6), 0.5)
    assert few.filter(pl.col("n") < 5)["change"].null_count() == few.filter(pl.col("n") < 5).height > 0


def test_a_publication_is_corrected_for_its_number_of_rows() -> None:
    names = {
        "condition_id": "c1",
        "indicator": "x",
        "threshold": 1.0,
        "sign": ">=",
        "years": "2024",
        "outcome": "revenue",
    }
    rows = [
        {"item_id": f"i{n}", **names, "verdict": CREDIBLE, "estimate": 0.1, "p": p}
        for n, p in enumerate((0.01, 0.04, 0.03))
    ]
    table = judged_thresholds([*rows, {"item_id": "i9", **names, "verdict": UNDECIDED, "reason": "—"}])
    assert [float(p) if p is not None else None for p in table["p_adjusted"]] == [0.03, 0.06, 0.06, None]
    assert table["finding"].to_list() == ["升高", "未见显著变化", "未见显著变化", None]
