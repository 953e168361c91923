"""The transparent score, used while there is no history to learn from: a weighted mean of the features that are known."""

from __future__ import annotations

from typing import Final

import polars as pl

# Chosen, not fitted: what is already proven counts most, then what is still to be done, then who usually succeeds.
WEIGHTS: Final[dict[str, float]] = {
    "met_share": 0.30,
    "margin": 0.10,
    "few_promises": 0.08,
    "few_questions": 0.12,
    "few_reviews": 0.10,
    "clear_bars": 0.08,
    "tag_overlap": 0.07,
    "text_similarity": 0.03,
    "take_up": 0.06,
    "award_weight": 0.02,
    "days_left": 0.02,
    "freshness": 0.02,
}
NAME: Final = "weighted-1"


def weighted(features: pl.DataFrame) -> pl.Series:
    """The score in [0, 1], rounded to 6 digits so that every machine writes the same; 0.5 if nothing is known.

    A feature that is null takes no part: its weight goes to the others. `margin` is in [−1, 1] and is moved to [0, 1] first.
    """

    def unit(name: str) -> pl.Expr:
        value = pl.col(name)
        return ((value + 1.0) / 2.0 if name == "margin" else value).clip(0.0, 1.0)

    total = pl.sum_horizontal(
        pl.when(pl.col(name).is_not_null()).then(weight * unit(name)).otherwise(0.0) for name, weight in WEIGHTS.items()
    )
    weight_sum = pl.sum_horizontal(
        pl.when(pl.col(name).is_not_null()).then(pl.lit(weight)).otherwise(0.0) for name, weight in WEIGHTS.items()
    )
    score = pl.when(weight_sum > 0).then(total / weight_sum).otherwise(0.5).round(6)
    return features.select(score.alias("score"))["score"]
