"""The learned score rises with good signs, is calibrated on later cases, beats its baselines on planted truth, and cannot be swapped."""

import datetime as dt
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from matching.score.features import FEATURES
from matching.score.model import Calibration, ModelError, drift, load, save, split_by_time, train
from matching.score.weighted import WEIGHTS, weighted


def cases(n: int, seed: int = 3) -> pl.DataFrame:
    """Cases whose true probability is known: mostly take-up, overlap and few questions, little of what the weights stress."""
    rng = np.random.default_rng(seed)
    columns = {name: rng.uniform(-1 if name == "margin" else 0, 1, n) for name in FEATURES}
    logit = -2.2 + 3.0 * columns["take_up"] + 2.0 * columns["tag_overlap"] + 1.2 * columns["few_questions"] - 1.0
    probability = 1 / (1 + np.exp(-logit))
    days = [dt.date(2023, 1, 1) + dt.timedelta(days=int(d)) for d in np.sort(rng.integers(0, 700, n))]
    return pl.DataFrame(columns).with_columns(
        pl.when(pl.Series(rng.uniform(size=n)) < 0.1)
        .then(None)
        .otherwise(pl.col("text_similarity"))
        .alias("text_similarity"),
        pl.Series("enterprise_id", [f"E{i}" for i in range(n)]),
        pl.Series("item_id", [f"i{int(k)}" for k in rng.integers(0, 12, n)]),
        pl.Series("day", days),
        pl.Series("obtained", rng.uniform(size=n) < probability),
        pl.Series("truth", probability),
    )


@pytest.fixture(scope="module")
def model():  # type: ignore[no-untyped-def]
    return train(cases(7000))


def test_it_beats_both_baselines_and_is_calibrated(model) -> None:  # type: ignore[no-untyped-def]
    measured = model.card["measured"]
    assert measured["model"]["pr_auc"] > measured["weighted"]["pr_auc"] + 0.03
    assert measured["model"]["pr_auc"] > measured["popularity"]["pr_auc"] + 0.10
    assert measured["model"]["ndcg_at_10"] > measured["popularity"]["ndcg_at_10"]
    fresh = cases(5000, seed=11)
    score = model.score(fresh)
    assert abs(float((score - fresh["truth"]).mean())) < 0.03
    from evaluation.ranking import calibration_error

    assert calibration_error(fresh["obtained"], score) <= 0.03


def test_the_score_never_falls_when_a_good_sign_rises(model) -> None:  # type: ignore[no-untyped-def]
    base = cases(300, seed=5)
    for name in ("take_up", "tag_overlap", "met_share", "margin", "few_reviews"):
        better = base.with_columns((pl.col(name) + 0.3).alias(name))
        assert (model.score(better) >= model.score(base) - 1e-9).all(), name


def test_nothing_later_teaches_anything_earlier() -> None:
    days = cases(2000)["day"]
    split = split_by_time(days)
    assert days[split.learn].max() < days[split.calibrate].min()
    assert days[split.calibrate].max() < days[split.judge].min()
    assert len(split.learn) + len(split.calibrate) + len(split.judge) == 2000


def test_days_of_hundreds_of_invitations_leave_no_part_empty() -> None:
    january, february, march = (dt.date(2025, month, 27) for month in (1, 2, 3))
    split = split_by_time(pl.Series([january] * 700 + [february] * 250 + [march] * 50))
    assert (len(split.learn), len(split.calibrate), len(split.judge)) == (700, 250, 50)


def test_the_same_cases_in_any_order_give_the_same_model() -> None:
    frame = cases(700)
    first, second = train(frame), train(frame.sample(fraction=1.0, shuffle=True, seed=1))
    assert first.score(frame).to_list() == second.score(frame).to_list()
    assert first.card == second.card


def test_too_little_history_keeps_the_transparent_score() -> None:
    with pytest.raises(ModelError, match="499 件"):
        train(cases(499))
    with pytest.raises(ModelError, match="两类都要足够"):
        train(cases(900).with_columns(pl.lit(True).alias("obtained")))


def test_a_stored_model_comes_back_and_a_changed_one_does_not(model, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    sha256 = save(model, tmp_path, dt.date(2024, 12, 18))
    back = load(tmp_path)
    fresh = cases(200, seed=9)
    assert back is not None and back.score(fresh).to_list() == model.score(fresh).to_list()
    assert back.card["sha256"] == sha256 and back.card["features"]["take_up"].startswith("同行业")
    stored = tmp_path / back.card["file"]
    content = bytearray(stored.read_bytes())
    content[len(content) // 2] ^= 1
    stored.write_bytes(bytes(content))
    with pytest.raises(ModelError, match="sha256"):
        load(tmp_path)
    assert load(tmp_path / "empty") is None


def test_a_file_with_other_types_is_refused(tmp_path: Path) -> None:
    import hashlib

    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import FunctionTransformer

    content = skops.io.dumps({"booster": FunctionTransformer(np.linalg.norm), "calibration": LogisticRegression()})
    (tmp_path / "evil.skops").write_bytes(content)
    card = {"file": "evil.skops", "sha256": hashlib.sha256(content).hexdigest()}
    (tmp_path / "match_score.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(ModelError, match="不在允许名单"):
        load(tmp_path)


def test_what_only_an_item_tells_is_learned_from_its_outcomes() -> None:
    """Items differ in what they ask, features say nothing: the model must not rank worse than the items' own shares."""
    ease = {f"i{k}": 0.05 + 0.04 * k for k in range(12)}

    def asked(n: int, seed: int) -> pl.DataFrame:
        frame = cases(n, seed).with_columns(pl.col("item_id").replace_strict(ease).alias("truth"))
        return frame.with_columns(
            pl.Series("obtained", np.random.default_rng(seed).uniform(size=n) < frame["truth"].to_numpy())
        )

    model = train(asked(7000, 3))
    measured = model.card["measured"]
    assert measured["model"]["pr_auc"] > measured["popularity"]["pr_auc"] - 0.01
    assert measured["model"]["pr_auc"] > measured["weighted"]["pr_auc"] + 0.05
    fresh = asked(4000, 11)
    assert float(np.corrcoef(model.score(fresh), fresh["truth"])[0, 1]) > 0.9
    unheard = model.score(fresh.with_columns(pl.lit("新事项").alias("item_id")))
    assert abs(float(np.mean(unheard.to_numpy())) - model.shares.overall) < 0.05


def test_a_score_that_speaks_against_itself_takes_no_part() -> None:
    rng = np.random.default_rng(2)
    truth = rng.uniform(0.05, 0.6, 3000)
    obtained = (rng.uniform(size=3000) < truth).astype(np.int64)
    by_share = Calibration.fitted(1 - truth, truth, obtained)
    assert by_share.slope == 0.0 and by_share.weight == pytest.approx(1.0, abs=0.15)
    by_trees = Calibration.fitted(truth, 1 - truth, obtained)
    assert by_trees.weight == 0.0 and by_trees.slope > 0
    with pytest.raises(ModelError, match="越不容易"):
        Calibration.fitted(1 - truth, 1 - truth, obtained)


def test_drift_is_small_on_the_same_world_and_large_on_another(model) -> None:  # type: ignore[no-untyped-def]
    calm = drift(model.card, cases(4000, seed=21))
    assert set(calm) == set(FEATURES) and max(calm.values()) < 0.02
    moved = drift(model.card, cases(4000, seed=21).with_columns((pl.col("take_up") * 0.3).alias("take_up")))
    assert moved["take_up"] > 0.25 and max(v for n, v in moved.items() if n != "take_up") < 0.02


def test_drift_on_a_feature_of_few_values(model) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(1)
    card = {"quantiles": {"clear_bars": [0.5] * 3 + [1.0] * 7}}
    same = pl.DataFrame({"clear_bars": np.where(rng.uniform(size=4000) < 0.35, 0.5, 1.0)})
    turned = pl.DataFrame({"clear_bars": np.where(rng.uniform(size=4000) < 0.9, 0.5, 1.0)})
    assert drift(card, same)["clear_bars"] < 0.05
    assert drift(card, turned)["clear_bars"] > 0.25


def test_weights_sum_to_one_and_missing_features_take_no_part() -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1.0) and set(WEIGHTS) == set(FEATURES)
    blank = {name: [None, None] for name in FEATURES}
    rows = pl.DataFrame(blank | {"met_share": [1.0, None]}, schema=dict.fromkeys(FEATURES, pl.Float64))
    assert weighted(rows).to_list() == [1.0, 0.5]
