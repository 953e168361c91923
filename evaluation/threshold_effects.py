"""What a policy changed at its own threshold: enterprises just above compared with those just below, and whether that may be believed.

Where everybody who qualifies is paid there is nobody left to compare with; just below the threshold there is.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import polars as pl

from evaluation.effects import RddResult, rdd
from evaluation.item_effects import CREDIBLE, FRACTION, UNDECIDED, holm

SHARP: Final = "清晰断点"
FUZZY: Final = "模糊断点"
# Within the bandwidth, on each side: fewer make the interval a matter of single firms.
FEWEST_NEAR: Final = 30
# F statistic of the jump in payment below which a ratio of jumps is not normal (Staiger and Stock 1997).
WEAK: Final = 10.0
LEVEL: Final = 0.05
# Farther than a factor of twenty from the threshold nobody is comparable, and single giants would choose the bandwidth.
FARTHEST: Final = math.log(20)
BINS: Final = 10
SCHEMA: Final[dict[str, Any]] = {
    "item_id": pl.String, "condition_id": pl.String, "indicator": pl.String, "threshold": pl.Decimal(24, 6), "sign": pl.String,
    "years": pl.String, "outcome": pl.String, "design": pl.String, "below": pl.Int64, "above": pl.Int64, "near_below": pl.Int64,
    "near_above": pl.Int64, "width": FRACTION, "take_up": FRACTION, "estimate": FRACTION, "low": FRACTION, "high": FRACTION,
    "density_p": FRACTION, "placebo_p": FRACTION, "earlier_p": FRACTION, "p": FRACTION, "p_adjusted": FRACTION,
    "verdict": pl.String, "finding": pl.String, "reason": pl.String,
}  # fmt: skip
BIN_SCHEMA: Final[dict[str, Any]] = {
    "item_id": pl.String, "condition_id": pl.String, "outcome": pl.String, "bin": pl.Int64, "from_ratio": FRACTION, "to_ratio": FRACTION,
    "n": pl.Int64, "paid_share": FRACTION, "change": FRACTION,
}  # fmt: skip


def distance(value: pl.Expr, threshold: float, sign: str) -> pl.Expr:
    """How far `value` is on the qualifying side of a positive `threshold`, as a logarithm of their ratio; null where it is not positive.

    A value that equals the threshold of a strict comparison lies a hair on the other side.
    """
    ratio: pl.Expr = pl.when(value > 0).then((value / threshold).log())
    if sign in ("<=", "<"):
        ratio = -ratio
    if sign in (">", "<"):
        ratio = pl.when(ratio == 0).then(-1e-9).otherwise(ratio)
    # -0.0 and 0.0 are the same side
    return ratio + 0.0


def threshold_effect(cases: pl.DataFrame) -> dict[str, object]:
    """The row of one item, threshold and outcome, but for its names and what is corrected over all rows.

    `cases`: one row per enterprise and year of decision: enterprise_id, distance (≥ 0 qualifies, null unknown), paid (Boolean: first paid in
    that year), change (Float64, difference of logarithms after payment, null unknown), earlier (the same a year earlier, before anything was
    paid). The effect is the jump of `change`, divided by the jump of `paid` unless that is whole.
    """
    near = cases.filter(pl.col("distance").abs() <= FARTHEST).with_columns(pl.col("paid").cast(pl.Float64))
    above = pl.col("distance") >= 0
    row: dict[str, object] = {"below": near.filter(~above).height, "above": near.filter(above).height}
    row["verdict"] = UNDECIDED
    paid_above, paid_below = (near.filter(side)["paid"].mean() for side in (above, ~above))
    if not paid_above and not paid_below:
        return row | {"reason": "门槛附近没有企业获得拨付"}
    known = near.filter(pl.col("change").is_not_null())
    if known.is_empty():
        return row | {"reason": "最后一笔拨付之后与第一笔之前没有可比的同一季度"}
    sides = known.filter(~above).height, known.filter(above).height
    if min(sides) < FEWEST_NEAR:
        return row | {"reason": _too_few(*sides)}
    sharp = paid_above == 1.0 and paid_below == 0.0
    row["design"] = SHARP if sharp else FUZZY
    try:
        found = _jump(near, "change", None if sharp else "paid")
        first = found if sharp else _jump(near, "paid", None, width=found.h)
    except ValueError as error:
        return row | {"reason": f"门槛处算不出跳升：{error}"}
    row |= {
        "near_below": found.n_effective[0],
        "near_above": found.n_effective[1],
        "width": _six(math.expm1(float(np.max(found.h)))),
        "take_up": 1.0 if sharp else _six(first.robust.coef),
    }
    if min(found.n_effective) < FEWEST_NEAR:
        return row | {"reason": _too_few(*found.n_effective)}
    if not sharp and first.robust.coef <= 0:
        return row | {"reason": "够线的企业并不更常获得拨付，门槛不决定谁受益"}
    if not sharp and first.robust.z**2 < WEAK:
        strength = f"F = {first.robust.z**2:.1f}，至少 {WEAK:g}"
        return row | {"reason": f"拨付在门槛处没有明显跳升（{strength}），门槛不决定谁受益"}
    low, high = found.robust.ci
    density = None if found.density is None else found.density.p
    placebo, earlier = _placebo_p(near), _earlier_p(near)
    row |= {
        "estimate": _six(math.expm1(found.robust.coef)),
        "low": _six(math.expm1(low)),
        "high": _six(math.expm1(high)),
        "p": _six(found.robust.p),
        "density_p": _six(density),
        "placebo_p": _six(placebo),
        "earlier_p": _six(earlier),
    }
    reason = _doubt(density, placebo, earlier)
    return row | {"verdict": UNDECIDED if reason else CREDIBLE, "reason": reason}


def _doubt(density: float | None, placebo: float | None, earlier: float | None) -> str | None:
    """Why a jump cannot be believed; None when nothing speaks against it."""
    if density is None:
        return "门槛两侧企业的分布无从检验"
    if density < LEVEL:
        return f"门槛两侧企业的分布不连续（密度检验 p = {density:.3f}），可能有企业为够线调整申报数"
    if placebo is None:
        return "假门槛无从检验"
    if placebo < LEVEL:
        return f"没有门槛的地方也有跳升（假门槛检验 p = {placebo:.3f}），差别不能归于政策"
    if earlier is not None and earlier < LEVEL:
        return f"受益之前门槛两侧已有差别（检验 p = {earlier:.3f}）"
    return None


def _jump(frame: pl.DataFrame, outcome: str, treatment: str | None, at: float = 0.0, width: Any = None) -> RddResult:
    """The jump of `outcome`; enterprises seen in several years are clusters."""
    known = frame.filter(pl.col(outcome).is_not_null())
    repeated = known["enterprise_id"].is_duplicated().any()
    return rdd(frame, "distance", outcome, at, fuzzy=treatment, cluster="enterprise_id" if repeated else None, h=width)


def _placebo_p(near: pl.DataFrame) -> float | None:
    """Bonferroni's p of jumps at the middle of either side, where there is no threshold; None when neither can be tested."""
    found = []
    for side in (near.filter(pl.col("distance") < 0), near.filter(pl.col("distance") >= 0)):
        middle = side.filter(pl.col("change").is_not_null())["distance"].median()
        if not isinstance(middle, float):
            continue
        try:
            jump = _jump(side, "change", None, middle)
        except ValueError:
            continue
        if min(jump.n_effective) >= FEWEST_NEAR:
            found.append(jump.robust.p)
    return min(1.0, len(found) * min(found)) if found else None


def _earlier_p(near: pl.DataFrame) -> float | None:
    """The p of a jump in what changed a year earlier; None when that year is not known or too few are."""
    try:
        jump = _jump(near, "earlier", None)
    except ValueError:
        return None
    return jump.robust.p if min(jump.n_effective) >= FEWEST_NEAR else None


def threshold_bins(cases: pl.DataFrame, width: float) -> pl.DataFrame:
    """bin, from_ratio, to_ratio, n, paid_share, change: means of the enterprises within twice `width` (a share) of the threshold.

    Ratios are to the threshold, in the direction that qualifies; bins below it are negative. Fewer than five give no figure.
    """
    reach = 2 * math.log1p(width)
    step = reach / BINS
    near = cases.filter((pl.col("distance").abs() < reach) & pl.col("change").is_not_null())
    counted = (
        near.with_columns(bin=(pl.col("distance") / step).floor().cast(pl.Int64))
        .group_by("bin")
        .agg(
            n=pl.len().cast(pl.Int64),
            paid_share=pl.col("paid").cast(pl.Float64).mean(),
            change=pl.col("change").mean().exp() - 1,
        )
    )
    hidden = pl.when(pl.col("n") >= 5)
    return counted.sort("bin").select(
        "bin",
        from_ratio=(pl.col("bin") * step).exp(),
        to_ratio=((pl.col("bin") + 1) * step).exp(),
        n="n",
        paid_share=hidden.then(pl.col("paid_share")),
        change=hidden.then(pl.col("change")),
    )


def judged_thresholds(rows: list[dict[str, object]]) -> pl.DataFrame:
    """The rows of one publication, corrected for their number (Holm)."""
    frame = pl.DataFrame(
        rows, schema={name: kind for name, kind in SCHEMA.items() if name not in ("p_adjusted", "finding")}
    )
    ordered = frame.sort("item_id", "condition_id", "outcome")
    return holm(ordered, pl.lit(True)).select(list(SCHEMA))


def _six(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 6)


def _too_few(below: int, above: int) -> str:
    return f"门槛附近可比的企业太少（下方 {_few(below)} 户、上方 {_few(above)} 户，各至少 {FEWEST_NEAR}）"


def _few(n: int) -> str:
    return "<5" if 0 < n < 5 else str(n)
