"""How good a ranking is: area under precision and recall, NDCG per item, calibration error, precision and recall of flags."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def _arrays(truth: pl.Series, score: pl.Series) -> tuple[Floats, Floats]:
    if len(truth) != len(score):
        raise ValueError(f"真值 {len(truth)} 行，分数 {len(score)} 行，应相等")
    if truth.null_count() or score.null_count():
        raise ValueError(f"真值缺 {truth.null_count()} 行，分数缺 {score.null_count()} 行；先去掉判不了的")
    return truth.cast(pl.Float64).to_numpy(), score.cast(pl.Float64).to_numpy()


def precision_recall_area(truth: pl.Series, score: pl.Series) -> float:
    """Average precision: Σ (recall_i − recall_{i−1}) · precision_i over distinct scores, as in scikit-learn; NaN without positives.

    `truth` is 0/1 or boolean, `score` any number; equal scores are taken together, so that their order does not matter.
    """
    y, s = _arrays(truth, score)
    positives = y.sum()
    if positives == 0:
        return float("nan")
    order = np.argsort(-s, kind="stable")
    y, s = y[order], s[order]
    last = np.flatnonzero(np.append(np.diff(s) != 0, True))
    hits = np.cumsum(y)[last]
    precision, recall = hits / (last + 1), hits / positives
    return float(np.sum(np.diff(np.concatenate(([0.0], recall))) * precision))


def ndcg_at(truth: pl.DataFrame, score: pl.Series, k: int) -> float:
    """Mean NDCG@k over items that have both outcomes; `truth` has `item_id, obtained`; NaN if there is no such item.

    Gain is 0/1, discount log2(rank + 1). Tied scores share the mean gain of their ranks (McSherry and Najork 2008), so that
    a constant score earns what chance does.
    """
    _arrays(truth["obtained"], score)
    frame = truth.with_columns(score.alias("score"))
    values = [
        _ndcg(part["obtained"].cast(pl.Float64).to_numpy(), part["score"].to_numpy(), k)
        for _, part in frame.group_by("item_id", maintain_order=True)
        if 0 < int(part["obtained"].cast(pl.Int64).sum()) < part.height
    ]
    return float(np.mean(values)) if values else float("nan")


def _ndcg(y: Floats, s: Floats, k: int) -> float:
    discount = np.where(np.arange(len(y)) < k, 1.0 / np.log2(np.arange(len(y)) + 2.0), 0.0)
    order = np.argsort(-s, kind="stable")
    y, s = y[order], s[order]
    starts = np.flatnonzero(np.concatenate(([True], np.diff(s) != 0)))
    sizes = np.diff(np.append(starts, len(s)))
    gain = np.add.reduceat(y, starts) / sizes
    got = float(np.sum(gain * np.add.reduceat(discount, starts)))
    best = float(np.sum(discount[: int(y.sum())]))
    return got / best


def calibration_error(truth: pl.Series, score: pl.Series, bins: int = 10) -> float:
    """Expected calibration error over equal-width bins of [0, 1]: Σ n_b/n · |mean outcome − mean score|."""
    y, s = _arrays(truth, score)
    where = np.clip((s * bins).astype(int), 0, bins - 1)
    n = np.bincount(where, minlength=bins)
    gap = np.abs(np.bincount(where, weights=y, minlength=bins) - np.bincount(where, weights=s, minlength=bins))
    return float(np.sum(gap[n > 0]) / len(y))


def brier(truth: pl.Series, score: pl.Series) -> float:
    """Mean squared distance between outcome and score."""
    y, s = _arrays(truth, score)
    return float(np.mean((y - s) ** 2))


def precision_at(truth: pl.Series, score: pl.Series, k: int) -> float:
    """Share of true ones among the k highest scores; ties at the edge count by their mean, so that order does not matter."""
    y, s = _arrays(truth, score)
    k = min(k, len(y))
    if k == 0:
        return float("nan")
    edge = np.sort(s)[-k]
    above, at = s > edge, s == edge
    return float((y[above].sum() + y[at].mean() * (k - above.sum())) / k)


def flag_quality(flagged: pl.DataFrame, rings: pl.DataFrame, universe: int) -> dict[str, Any]:
    """Risk flags against planted rings: `flagged` has `enterprise_id`, `rings` has `enterprise_id, ring_id`, `universe` counts all firms.

    precision: flagged that are members; member_recall; ring_recall: rings of which at least one member is flagged;
    false_alarms_per_1000: flagged innocents per thousand innocents.
    """
    names = set(flagged["enterprise_id"])
    members = set(rings["enterprise_id"])
    hit = names & members
    caught = rings.filter(pl.col("enterprise_id").is_in(sorted(names)))["ring_id"].n_unique()
    innocents = universe - len(members)
    return {
        "flagged": len(names),
        "precision": len(hit) / len(names) if names else float("nan"),
        "member_recall": len(hit) / len(members) if members else float("nan"),
        "ring_recall": caught / rings["ring_id"].n_unique() if rings.height else float("nan"),
        "false_alarms_per_1000": 1000 * len(names - members) / innocents if innocents else float("nan"),
    }
