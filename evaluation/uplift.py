"""What telling did: the difference in take-up between those who were written to and those held back, with its interval."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Final

import polars as pl

ARMS: Final = {"enterprise_id": pl.String, "item_id": pl.String, "cycle": pl.String, "arm": pl.String, "as_of": pl.Date}
MESSAGES: Final = {"enterprise_id": pl.String, "item_id": pl.String, "cycle": pl.String, "sent_on": pl.Date}
CASES: Final = {"enterprise_id": pl.String, "item_id": pl.String, "applied_date": pl.Date}
# An application within so many days of the draw is an answer to the message.
WINDOW_DAYS: Final = 30

UNITS: Final = {"stratum": pl.String, "arm": pl.String, "obtained": pl.Boolean}
# The normal quantile of a two-sided 95 % interval.
Z: Final = 1.959964


def trial(
    arms: pl.DataFrame, messages: pl.DataFrame, cases: pl.DataFrame, as_of: dt.date, days: int = WINDOW_DAYS
) -> pl.DataFrame:
    """`arms` (ARMS, a row per firm, item and cycle) with `stratum` (item and cycle), `obtained` (applied within `days` of its draw) and `left_out`.

    `left_out` is null for what may be compared, else why not. Every reason holds for both arms of a wave (the draws of one day for
    one item and cycle) alike, or was settled before the draw, so that leaving out favours neither:
    未满观察期 · 没有对照组 · 分组前已推送 · 观察期内对照组已补发 (a control group that has been told is none).
    """
    unit, wave = ["enterprise_id", "item_id", "cycle"], ["item_id", "cycle", "as_of"]
    end = pl.col("as_of") + pl.duration(days=days)
    written = arms.select(*unit, "as_of", "arm").join(messages, on=unit)
    before = (
        written.filter(pl.col("sent_on") < pl.col("as_of")).select(unit).unique().with_columns(_before=pl.lit(True))
    )
    told = pl.col("sent_on").is_between(pl.col("as_of"), end) & (pl.col("arm") == "holdout")
    released = written.filter(told).select(wave).unique().with_columns(_released=pl.lit(True))
    control = arms.filter(pl.col("arm") == "holdout").select("item_id", "cycle").unique().with_columns(_control=True)
    applied = (
        arms.select(*unit, "as_of")
        .join(cases, on=["enterprise_id", "item_id"])
        .filter(pl.col("applied_date").is_between(pl.col("as_of"), end))
        .select(unit)
        .unique()
        .with_columns(obtained=pl.lit(True))
    )
    reason = (
        pl.when(end > as_of)
        .then(pl.lit("未满观察期"))
        .when(pl.col("_control").is_null())
        .then(pl.lit("没有对照组"))
        .when(pl.col("_before").is_not_null())
        .then(pl.lit("分组前已推送"))
        .when(pl.col("_released").is_not_null())
        .then(pl.lit("观察期内对照组已补发"))
    )
    return (
        arms.join(before, on=unit, how="left")
        .join(released, on=wave, how="left")
        .join(control, on=["item_id", "cycle"], how="left")
        .join(applied, on=unit, how="left")
        .with_columns(
            pl.format("{}·{}", "item_id", "cycle").alias("stratum"),
            pl.col("obtained").fill_null(False),
            reason.alias("left_out"),
        )
        .select(*arms.columns, "stratum", "obtained", "left_out")
        .sort(unit)
    )


@dataclass(frozen=True)
class Uplift:
    """Shares as fractions; `low` and `high` bound the 95 % interval of `effect`. None where an arm is empty."""

    treated: int
    held: int
    treated_share: float | None
    held_share: float | None
    effect: float | None
    low: float | None
    high: float | None


def uplift(units: pl.DataFrame) -> Uplift:
    """Stratified difference in means over `units` (UNITS; `arm` is treated or holdout), strata weighted by their size.

    Strata without both arms are left out. A stratum's variance is p(1−p)/n of each arm with p by Agresti and Caffo (2000): one success and
    one failure added, so that an arm in which nobody applied still has a width.
    """
    cells = (
        units.filter(pl.col("arm").is_in(["treated", "holdout"]))
        .group_by("stratum", "arm")
        .agg(pl.len().alias("n"), pl.col("obtained").sum().alias("k"))
        .sort("stratum", "arm")
    )
    both = (
        cells.filter(pl.col("arm") == "treated")
        .join(cells.filter(pl.col("arm") == "holdout"), on="stratum", suffix="_held")
        .sort("stratum")
    )
    if both.is_empty():
        n = dict(cells.group_by("arm").agg(pl.col("n").sum()).iter_rows())
        return Uplift(n.get("treated", 0), n.get("holdout", 0), None, None, None, None, None)
    total = int((both["n"] + both["n_held"]).sum())
    told = held = variance = 0.0
    for row in both.iter_rows(named=True):
        weight = (row["n"] + row["n_held"]) / total
        told += weight * row["k"] / row["n"]
        held += weight * row["k_held"] / row["n_held"]
        for k, n in ((row["k"], row["n"]), (row["k_held"], row["n_held"])):
            p = (k + 1) / (n + 2)
            variance += weight**2 * p * (1 - p) / (n + 2)
    effect, width = told - held, Z * math.sqrt(variance)
    return Uplift(int(both["n"].sum()), int(both["n_held"].sum()), told, held, effect, effect - width, effect + width)
