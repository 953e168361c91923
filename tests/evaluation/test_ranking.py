"""Ranking measures against scikit-learn and against numbers worked out by hand."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, ndcg_score

from evaluation.ranking import brier, calibration_error, flag_quality, ndcg_at, precision_at, precision_recall_area

OUTCOMES = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.4, 0.4, 0.7, 0.9, 1.0])), min_size=2, max_size=40
)


@given(OUTCOMES)
def test_average_precision_agrees_with_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    truth, score = pl.Series([y for y, _ in rows]), pl.Series([s for _, s in rows])
    if not truth.any():
        assert math.isnan(precision_recall_area(truth, score))
        return
    assert precision_recall_area(truth, score) == pytest.approx(
        average_precision_score(truth.to_numpy(), score.to_numpy())
    )
    if not truth.all():
        assert brier(truth, score) == pytest.approx(
            brier_score_loss(truth.to_numpy(), score.to_numpy(), pos_label=True)
        )


@given(OUTCOMES)
def test_ndcg_agrees_with_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    truth, score = [y for y, _ in rows], [s for _, s in rows]
    frame = pl.DataFrame({"item_id": ["a"] * len(rows), "obtained": truth})
    ours = ndcg_at(frame, pl.Series(score), 10)
    if all(truth) or not any(truth):
        assert math.isnan(ours)
    else:
        assert ours == pytest.approx(ndcg_score([[float(y) for y in truth]], [score], k=10))


def test_a_constant_score_earns_no_more_than_chance() -> None:
    frame = pl.DataFrame({"item_id": ["a"] * 4, "obtained": [True, False, False, False]})
    constant = ndcg_at(frame, pl.Series([0.5] * 4), 2)
    assert constant == pytest.approx((1 + 1 / math.log2(3)) / 4)
    assert ndcg_at(frame, pl.Series([0.9, 0.1, 0.1, 0.1]), 2) == 1.0


def test_calibration_error_by_hand() -> None:
    # bin 0.2: said 0.2, one in four came; bin 0.8: said 0.8, all came
    truth = pl.Series([True, False, False, False, True, True])
    score = pl.Series([0.2, 0.2, 0.2, 0.2, 0.8, 0.8])
    assert calibration_error(truth, score) == pytest.approx(4 / 6 * 0.05 + 2 / 6 * 0.2)


def test_precision_at_the_edge_of_ties() -> None:
    truth, score = pl.Series([True, False, True, False]), pl.Series([0.9, 0.5, 0.5, 0.1])
    assert precision_at(truth, score, 2) == pytest.approx((1 + 0.5) / 2)
    assert precision_at(truth, score, 99) == 0.5


def test_flags_against_rings() -> None:
    flagged = pl.DataFrame({"enterprise_id": ["E1", "E2", "E9"]})
    rings = pl.DataFrame({"enterprise_id": ["E1", "E2", "E3", "E4"], "ring_id": ["a", "a", "a", "b"]})
    assert flag_quality(flagged, rings, 1004) == {
        "flagged": 3,
        "precision": pytest.approx(2 / 3),
        "member_recall": 0.5,
        "ring_recall": 0.5,
        "false_alarms_per_1000": pytest.approx(1.0),
    }


def test_missing_truth_is_refused_and_not_counted_as_false() -> None:
    with pytest.raises(ValueError, match="真值缺 1 行"):
        precision_recall_area(pl.Series([True, None]), pl.Series([0.1, 0.2]))
    with pytest.raises(ValueError, match="分数缺 1 行"):
        ndcg_at(pl.DataFrame({"item_id": ["a"], "obtained": [True]}), pl.Series([None], dtype=pl.Float64), 10)
