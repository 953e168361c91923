"""One two-group two-period comparison: its effect on the treated and each observation's influence on it.

Estimators of Sant'Anna and Zhao (2020), "Doubly robust difference-in-differences estimators", for panels and for repeated cross-sections:
outcome regression (Heckman, Ichimura and Todd 1997), Hájek-type inverse probability weighting (Abadie 2005), and the two combined, in its
locally efficient form where the same units are not seen twice. Every one is a sum of weighted means; so is its influence function.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evaluation.did_panel import Booleans, Floats

Method = Literal["dr", "ipw", "reg"]
METHODS: tuple[Method, ...] = ("dr", "ipw", "reg")

# A control whose probability of treatment is at least this weighs more than 199 treated units: it is trimmed, as the reference software does.
OVERLAP = 0.995
NEWTON_STEPS = 50


class NoComparisonError(ValueError):
    """The comparison cannot be made; the Chinese message says why."""


@dataclass(frozen=True)
class Model:
    """A fitted regression: `fitted` (n,) for every observation, `influence` (n, k) of each on its coefficients."""

    fitted: Floats
    influence: Floats


@dataclass(frozen=True)
class Mean:
    """A weighted mean that enters the effect with `sign`; `models` are those whose fit is in `value`, with the factor of that fit;
    `odds` is the influence on the propensity where the weights are odds of treatment.
    """

    sign: int
    weight: Floats
    value: Floats
    models: Sequence[tuple[Floats | int, Model]] = ()
    odds: Floats | None = None


def cell_effect(
    change: Floats, treated: Booleans, covariates: Floats | None, method: Method, weight: Floats | None = None
) -> tuple[float, Floats]:
    """The average effect on the treated and its influence function, scaled so that its mean square ÷ n is the variance.

    `change` (n,) is the outcome's change, `treated` (n,) the group, `covariates` (n, k) without an intercept, `weight` (n,) of sampling.
    Raises NoComparisonError when a group is empty, the regression is singular or the groups do not overlap.
    """
    n = len(change)
    w = np.ones(n) if weight is None else weight
    in_treated, in_control = w * treated, w * ~treated
    if in_treated.sum() <= 0 or in_control.sum() <= 0:
        raise NoComparisonError("处理组或对照组为空")
    x = np.ones((n, 1)) if covariates is None else np.column_stack([np.ones(n), covariates])
    if covariates is None:
        return _summed([Mean(1, in_treated, change), Mean(-1, in_control, change)], x)
    if method == "reg":
        model = _regression(change, in_control, x)
        return _summed([Mean(1, in_treated, change - model.fitted, [(-1, model)])], x)
    odds, influence = _odds(treated, x, w)
    if method == "ipw":
        return _summed([Mean(1, in_treated, change), Mean(-1, w * odds, change, odds=influence)], x)
    model = _regression(change, in_control, x)
    gap = change - model.fitted
    return _summed(
        [Mean(1, in_treated, gap, [(-1, model)]), Mean(-1, w * odds, gap, [(-1, model)], influence)],
        x,
    )


def cross_effect(
    y: Floats,
    post: Booleans,
    treated: Booleans,
    covariates: Floats | None,
    method: Method,
    weight: Floats | None = None,
) -> tuple[float, Floats]:
    """The same where every observation is seen once: `y` (n,) before or after (`post`). Without covariates the methods are the same."""
    n = len(y)
    w = np.ones(n) if weight is None else weight
    times = (~post, post)
    cells = [[w * (group & time) for time in times] for group in (treated, ~treated)]
    if any(cell.sum() <= 0 for group in cells for cell in group):
        raise NoComparisonError("处理组或对照组在前后两期之一没有观测")
    x = np.ones((n, 1)) if covariates is None else np.column_stack([np.ones(n), covariates])
    ends = list(zip((-1, 1), times, cells[0], cells[1], strict=True))
    if covariates is None:
        return _summed([Mean(s, t, y) for s, _, t, _ in ends] + [Mean(-s, c, y) for s, _, _, c in ends], x)
    everybody = w * treated
    if method == "reg":
        before, after = (_regression(y, control, x) for control in cells[1])
        plain = [Mean(s, t, y) for s, _, t, _ in ends]
        return _summed([*plain, Mean(-1, everybody, after.fitted - before.fitted, [(1, after), (-1, before)])], x)
    odds, influence = _odds(treated, x, w)
    if method == "ipw":
        plain = [Mean(s, t, y) for s, _, t, _ in ends]
        return _summed([*plain, *(Mean(-s, w * odds * time, y, odds=influence) for s, time, _, _ in ends)], x)
    terms: list[Mean] = []
    for sign, time, of_treated, of_control in ends:
        control, own = _regression(y, of_control, x), _regression(y, of_treated, x)
        gap, lead = y - control.fitted, own.fitted - control.fitted
        terms += [
            Mean(sign, of_treated, gap, [(-1, control)]),
            Mean(-sign, w * odds * time, gap, [(-1, control)], influence),
            Mean(sign, everybody, lead, [(1, own), (-1, control)]),
            Mean(-sign, of_treated, lead, [(1, own), (-1, control)]),
        ]
    return _summed(terms, x)


def _summed(means: Sequence[Mean], x: Floats) -> tuple[float, Floats]:
    """The signed sum of the means, and its influence function."""
    total, influence = 0.0, np.zeros(len(x))
    for mean in means:
        share = mean.weight.mean()
        level = float((mean.weight * mean.value).mean() / share)
        total += mean.sign * level
        centred = mean.weight * (mean.value - level) / share
        influence += mean.sign * centred
        for factor, model in mean.models:
            slope = ((mean.weight * factor)[:, None] * x).mean(axis=0) / share
            influence += mean.sign * (model.influence @ slope)
        if mean.odds is not None:
            influence += mean.sign * (mean.odds @ (centred[:, None] * x).mean(axis=0))
    return total, influence


def _regression(y: Floats, weight: Floats, x: Floats) -> Model:
    """Least squares of `y` on `x` over the observations with weight."""
    gram = (x * weight[:, None]).T @ x / len(y)
    if (weight > 0).sum() < x.shape[1] or np.linalg.cond(gram) > 1e14:
        raise NoComparisonError("对照组太少或协变量共线，回归不可解")
    inverse = np.linalg.inv(gram)
    fitted: Floats = x @ (inverse @ ((x * weight[:, None]).T @ y / len(y)))
    influence: Floats = (weight * (y - fitted))[:, None] * x @ inverse
    return Model(fitted, influence)


def _odds(treated: Booleans, x: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Odds of treatment of the controls (0 for the treated and the trimmed), and each observation's influence on the logit's coefficients."""
    beta = np.zeros(x.shape[1])
    target = treated.astype(np.float64)
    for _ in range(NEWTON_STEPS):
        probability = 1 / (1 + np.exp(-np.clip(x @ beta, -500, 500)))
        hessian = (x * (weight * probability * (1 - probability))[:, None]).T @ x
        if np.linalg.cond(hessian) > 1e14:
            raise NoComparisonError("处理组与对照组没有重叠，或协变量共线：倾向得分不可估")
        step = np.linalg.solve(hessian, x.T @ (weight * (target - probability)))
        beta = beta + step
        if np.max(np.abs(step)) < 1e-10:
            break
    else:
        raise NoComparisonError("倾向得分不收敛：处理组与对照组几乎没有重叠")
    probability = np.minimum(1 / (1 + np.exp(-(x @ beta))), 1 - 1e-6)
    hessian = (x * (weight * probability * (1 - probability))[:, None]).T @ x
    influence: Floats = ((weight * (target - probability))[:, None] * x) @ (np.linalg.inv(hessian) * len(target))
    kept: NDArray[np.bool_] = ~treated & (probability < OVERLAP)
    if not kept.any():
        raise NoComparisonError(f"没有倾向得分低于 {OVERLAP} 的对照")
    return np.where(kept, probability / (1 - probability), 0.0), influence
