"""The learned score: gradient boosting that may only rise with each good sign, calibrated on later cases, judged on later still."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from evaluation.ranking import calibration_error, ndcg_at, precision_recall_area
from matching.score.features import FEATURES, explanation
from matching.score.weighted import WEIGHTS, weighted

# +1: the score may not fall when the feature rises; 0: free. A long time left or a big award may go either way.
MONOTONE: Final = {name: 0 if name in ("days_left", "award_weight", "freshness") else 1 for name in FEATURES}
SEED: Final = 7
# What an item asks of a firm is in no feature and in all its outcomes: their share, drawn towards that of all items as if by so many cases.
SHARE: Final = "item_share"
SHARE_MEANS: Final = "这一事项以往受邀后获得奖励的比例（样本少时向总体收缩）。"
SHRINKAGE: Final = 20
# Below these the transparent score is better company than a model: too few outcomes to calibrate.
FEWEST_CASES: Final = 500
FEWEST_OF_EACH: Final = 50
# What skops may bring back from a file; anything else in it is refused.
TRUSTED: Final = (
    "numpy.dtype",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.Interval",
    "sklearn._loss._loss.CyHalfBinomialLoss",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
)


Floats = np.ndarray[Any, np.dtype[np.float64]]


class ModelError(RuntimeError):
    """A model that cannot be trusted or trained; the message is Chinese and says why."""


@dataclass(frozen=True)
class Calibration:
    """Platt (1999) on two scores: probability = σ(slope · logit(raw) + weight · logit(share) + intercept), `share` that of the item's past cases.

    Three numbers, where steps need thousands of cases to be smooth; neither slope nor weight is negative.
    """

    slope: float
    weight: float
    intercept: float

    @classmethod
    def fitted(cls, raw: Floats, share: Floats, obtained: np.ndarray[Any, np.dtype[np.int64]]) -> Calibration:
        """Fitted to outcomes; a score that speaks against itself takes no part. Raises ModelError if neither speaks for itself."""
        from sklearn.linear_model import LogisticRegression

        scores = np.column_stack([_logit(raw), _logit(share)])
        found = []
        for used in ([0, 1], [0], [1]):
            line = LogisticRegression(C=1e6).fit(scores[:, used], obtained)
            if (line.coef_ > 0).all():
                slopes = dict(zip(used, line.coef_[0].tolist(), strict=True))
                right = line.predict_proba(scores[:, used])[np.arange(len(obtained)), obtained]
                one = cls(slopes.get(0, 0.0), slopes.get(1, 0.0), float(line.intercept_[0]))
                found.append((float(-np.log(right).mean()), one))
        if not found:
            raise ModelError("校准段里分数越高越不容易获得奖励，模型不可用，继续使用公开权重")
        return min(found, key=lambda pair: pair[0])[1]

    def predict(self, raw: Floats, share: Floats) -> Floats:
        logit = self.slope * _logit(raw) + self.weight * _logit(share) + self.intercept
        return np.asarray(1.0 / (1.0 + np.exp(-logit)))


def _logit(raw: Floats) -> Floats:
    inside = np.clip(raw, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(inside / (1.0 - inside)))


@dataclass(frozen=True)
class Shares:
    """Of each item's past cases the share that obtained the award; `overall` of all of them, and of an item nobody has tried."""

    overall: float
    of: Mapping[str, float]

    @classmethod
    def learned(cls, cases: pl.DataFrame) -> Shares:
        """From `item_id, obtained`."""
        overall = float(cases["obtained"].cast(pl.Float64).sum()) / max(cases.height, 1)
        shrunk = (pl.col("obtained").sum() + SHRINKAGE * overall) / (pl.len() + SHRINKAGE)
        return cls(overall, dict(cases.group_by("item_id").agg(shrunk.round(9)).sort("item_id").iter_rows()))

    def told(self, items: pl.Series) -> pl.Series:
        return items.replace_strict(self.of, default=self.overall, return_dtype=pl.Float64).alias(SHARE)


@dataclass(frozen=True)
class Model:
    """A booster, its calibration and the shares of items it was taught with; `card` is what its training measured."""

    booster: Any
    calibration: Calibration
    shares: Shares
    card: Mapping[str, Any]

    def score(self, features: pl.DataFrame) -> pl.Series:
        """Calibrated probabilities for a frame of `item_id` and features, rounded to 6 digits; a null feature is a missing value to the trees."""
        share = self.shares.told(features["item_id"]).to_numpy()
        probability = self.calibration.predict(raw_scores(self.booster, features), share)
        return pl.Series("score", np.clip(probability, 0.0, 1.0).round(6), dtype=pl.Float64)


def raw_scores(booster: Any, features: pl.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The booster's uncalibrated probabilities, on one thread: on a busy machine its threads wait for each other (28 s for 0.6 s of work)."""
    with threadpool_limits(1, user_api="openmp"):
        return np.asarray(booster.predict_proba(matrix(features))[:, 1])


def matrix(features: pl.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The features in their fixed order as float64, null as NaN."""
    return features.select(pl.col(name).cast(pl.Float64).fill_null(float("nan")) for name in FEATURES).to_numpy()


@dataclass(frozen=True)
class Split:
    """Row numbers by time: the oldest to learn, the next to calibrate, the newest to judge. Nothing later teaches anything earlier."""

    learn: pl.Series
    calibrate: pl.Series
    judge: pl.Series


def split_by_time(days: pl.Series, shares: tuple[float, float] = (0.6, 0.2)) -> Split:
    """Splits at days, never inside one: 60 % of the cases, then 20 % or at least one day, then the rest."""
    # Invitations leave on one day by the hundred: the nearest change of day to each share, so that no part is empty for want of a boundary.
    counts = days.alias("day").value_counts().sort("day")
    starts = counts.select("day", (pl.col("count").cum_sum() - pl.col("count")).alias("before"))[1:]

    def boundary(share: float, after: dt.date) -> dt.date:
        found = starts.filter(pl.col("day") > after).sort((pl.col("before") - share * len(days)).abs(), "day")
        return dt.date.max if found.is_empty() else found["day"][0]

    first = boundary(shares[0], dt.date.min)
    second = boundary(sum(shares), first)
    rows = pl.int_range(len(days), eager=True)
    return Split(rows.filter(days < first), rows.filter((days >= first) & (days < second)), rows.filter(days >= second))


def train(cases: pl.DataFrame) -> Model:
    """Trains on past cases: the features as they stood, `enterprise_id, item_id, day`, and `obtained` (whether the award was got).

    Raises ModelError if there are too few cases, or too few of either outcome in any part.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    known = cases.sort("day", "item_id", "enterprise_id")
    if known.height < FEWEST_CASES:
        raise ModelError(f"历史办件 {known.height} 件，少于 {FEWEST_CASES} 件，继续使用公开权重")
    # by month, because the features of a month stand as of one day (pipelines.training)
    split = split_by_time(known["day"].dt.month_start())
    parts = {name: known[getattr(split, name)] for name in ("learn", "calibrate", "judge")}
    for name, part in parts.items():
        got = int(part["obtained"].sum())
        if min(got, part.height - got) < (FEWEST_OF_EACH if name == "learn" else 10):
            raise ModelError(f"{name} 段 {part.height} 件中通过 {got} 件，两类都要足够，继续使用公开权重")
    booster = HistGradientBoostingClassifier(
        monotonic_cst=[MONOTONE[name] for name in FEATURES],
        max_iter=200,
        learning_rate=0.06,
        max_leaf_nodes=15,
        min_samples_leaf=30,
        l2_regularization=1.0,
        # as many trees as cases set aside still gain from: two hundred learned the noise of answers that hardly differ
        early_stopping=True,
        validation_fraction=0.2,
        n_iter_no_change=10,
        random_state=SEED,
    )
    shares = Shares.learned(parts["learn"])
    with threadpool_limits(1, user_api="openmp"):
        booster.fit(matrix(parts["learn"]), parts["learn"]["obtained"].to_numpy())
    kept = parts["calibrate"]
    kept = parts["calibrate"]
    calibration = Calibration.fitted(
        raw_scores(booster, kept), shares.told(kept["item_id"]).to_numpy(), kept["obtained"].cast(pl.Int64).to_numpy()
    )
    model = Model(booster, calibration, shares, {})
    return Model(booster, calibration, shares, _card(model, parts, known))


def _card(model: Model, parts: Mapping[str, pl.DataFrame], known: pl.DataFrame) -> dict[str, Any]:
    """What the newest cases say of the model and of its two baselines, and the distributions drift is measured against."""
    judge = parts["judge"]
    popularity = parts["learn"].group_by("item_id").agg(pl.col("obtained").mean().alias("_rate"))
    popular = judge.join(popularity, on="item_id", how="left", maintain_order="left")["_rate"].fill_null(0.5)
    scores = {"model": model.score(judge), "weighted": weighted(judge), "popularity": popular}
    return {
        "trained_on": {
            name: [str(part["day"].min()), str(part["day"].max()), part.height] for name, part in parts.items()
        },
        "obtained_share": round(float(known["obtained"].cast(pl.Float64).sum()) / known.height, 4),
        "measured": {
            name: {
                "pr_auc": round(precision_recall_area(judge["obtained"], score), 4),
                "ndcg_at_10": round(ndcg_at(judge.select("item_id", "obtained"), score, 10), 4),
                "ece": round(calibration_error(judge["obtained"], score), 4),
            }
            for name, score in scores.items()
        },
        "features": {**{name: explanation(name) for name in FEATURES}, SHARE: SHARE_MEANS},
        "monotone": {**MONOTONE, SHARE: 1},
        "calibration": {"slope": round(model.calibration.slope, 4), SHARE: round(model.calibration.weight, 4)},
        "weights_of_default": WEIGHTS,
        "quantiles": {name: _quantiles(known[name]) for name in FEATURES},
        "limits": "只对未被判为不符合的（企业，事项）打分；分数是受邀后获得奖励的概率，不决定资格和金额。",
    }


def _quantiles(values: pl.Series) -> list[float]:
    present = values.drop_nulls().drop_nans()
    return [round(float(present.quantile(q / 10) or 0.0), 6) for q in range(1, 11)] if len(present) else []


def drift(card: Mapping[str, Any], features: pl.DataFrame) -> dict[str, float]:
    """Per feature the population stability index of today's values against the training's deciles; above 0.25 is a changed world.

    Missing values are a bin of their own only through the share of the others: a feature that vanished has no index and is absent.
    """
    found: dict[str, float] = {}
    for name, edges in card["quantiles"].items():
        present = features[name].drop_nulls().drop_nans().to_numpy()
        if not edges or len(present) == 0:
            continue
        unique = np.unique(np.asarray(edges))
        share = np.bincount(np.searchsorted(unique, present, side="left"), minlength=len(unique) + 1) / len(present)
        # deciles that coincide make one bin with the shares of all of them; nothing was above the tenth, the largest value
        expected = np.append(np.diff([0.0, *(np.searchsorted(edges, u, side="right") / 10 for u in unique)]), 0.0)
        now, then = np.clip(share, 1e-4, None), np.clip(expected, 1e-4, None)
        found[name] = round(float(np.sum((now - then) * np.log(now / then))), 4)
    return found


def save(model: Model, folder: Path, day: dt.date) -> str:
    """Writes `match_score-<sha12>.skops` and its card, then points `match_score.json` at them; returns the sha256."""
    import skops.io

    content: bytes = skops.io.dumps(
        {
            "booster": model.booster,
            "calibration": [model.calibration.slope, model.calibration.weight, model.calibration.intercept],
            "shares": [model.shares.overall, dict(model.shares.of)],
        }
    )
    sha256 = hashlib.sha256(content).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    name = f"match_score-{sha256[:12]}"
    (folder / f"{name}.skops").write_bytes(content)
    card = {**model.card, "sha256": sha256, "file": f"{name}.skops", "day": day.isoformat()}
    text = json.dumps(card, ensure_ascii=False, sort_keys=True, indent=1)
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    partial = folder / ".match_score.json.partial"
    partial.write_text(text, encoding="utf-8")
    partial.replace(folder / "match_score.json")
    return sha256


def load(folder: Path) -> Model | None:
    """The model the folder points at, or None if there is none. Raises ModelError for a changed file or a type that is not allowed."""
    import skops.io

    pointer = folder / "match_score.json"
    if not pointer.exists():
        return None
    card = json.loads(pointer.read_text(encoding="utf-8"))
    path = folder / Path(card["file"]).name
    content = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(content).hexdigest() != card["sha256"]:
        raise ModelError(f"模型文件 {path.name} 与登记的 sha256 不符，拒绝使用")
    strange = sorted(set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED))
    if strange:
        raise ModelError(f"模型文件 {path.name} 含有不在允许名单里的类型：{'、'.join(strange)}")
    stored = skops.io.load(io.BytesIO(content), trusted=list(TRUSTED))
    if "shares" not in stored:
        raise ModelError(
            f"模型文件 {path.name} 由更早的版本训练，不含各事项以往的比例；请重新运行 huiqi train，或删去 {pointer.name} 改用公开权重"
        )
    return Model(stored["booster"], Calibration(*stored["calibration"]), Shares(*stored["shares"]), card)
