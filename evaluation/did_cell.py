"""One two-group two-period comparison: its effect on the treated and each unit's influence on it.

Estimators of Sant'Anna and Zhao (2020), "Doubly robust difference-in-differences estimators", for panel data: outcome regression (Heckman,
Ichimura and Todd 1997), Hájek-type inverse probability weighting (Abadie 2005), and the two combined.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evaluation.did_panel import Floats

Method = Literal["dr", "ipw", "reg"]
METHODS: tuple[Method, ...] = ("dr", "ipw", "reg")

# A control whose probability of treatment is at least this weighs more than 199 treated units: it is trimmed, as the reference software does.
OVERLAP = 0.995
NEWTON_STEPS = 50


class NoComparisonError(ValueError):
    """The comparison cannot be made; the Chinese message says why."""


def cell_effect(
    change: Floats, treated: NDArray[np.bool_], covariates: Floats | None, method: Method
) -> tuple[float, Floats]:
    """The average effect on the treated and its influence function, scaled so that its mean square ÷ n is the variance.

    `change` (n,) is the outcome's change, `treated` (n,) the group, `covariates` (n, k) without an intercept.
    Raises NoComparisonError when a group is empty, the regression is singular or the groups do not overlap.
    """
    n_treated, n = int(treated.sum()), len(change)
    if n_treated == 0 or n_treated == n:
        raise NoComparisonError("处理组或对照组为空")
    if covariates is None:
        return _difference_in_means(change, treated)
    x = np.column_stack([np.ones(n), covariates])
    if method == "reg":
        return _regression(change, treated, x)
    weight, from_propensity = _odds(treated, x)
    if method == "ipw":
        return _weighting(change, treated, x, weight, from_propensity)
    return _doubly_robust(change, treated, x, weight, from_propensity)


def _difference_in_means(change: Floats, treated: NDArray[np.bool_]) -> tuple[float, Floats]:
    n, n_treated = len(change), int(treated.sum())
    mean_treated, mean_control = change[treated].mean(), change[~treated].mean()
    influence = np.where(
        treated, (change - mean_treated) * (n / n_treated), (mean_control - change) * (n / (n - n_treated))
    )
    return float(mean_treated - mean_control), influence


def _fitted(change: Floats, treated: NDArray[np.bool_], x: Floats) -> tuple[Floats, Floats]:
    """Predicted change from the controls' regression, and each unit's influence (n, k) on its coefficients."""
    control = ~treated
    gram = x[control].T @ x[control] / len(change)
    if control.sum() < x.shape[1] or np.linalg.cond(gram) > 1e14:
        raise NoComparisonError("对照组太少或协变量共线，回归不可解")
    inverse = np.linalg.inv(gram)
    predicted: Floats = x @ (inverse @ (x[control].T @ change[control] / len(change)))
    influence: Floats = (control * (change - predicted))[:, None] * x @ inverse
    return predicted, influence


def _odds(treated: NDArray[np.bool_], x: Floats) -> tuple[Floats, Floats]:
    """Weights of the controls (odds of treatment, 0 for the treated and the trimmed), and each unit's influence on the logit's coefficients."""
    beta = np.zeros(x.shape[1])
    target = treated.astype(np.float64)
    for _ in range(NEWTON_STEPS):
        probability = 1 / (1 + np.exp(-np.clip(x @ beta, -500, 500)))
        hessian = (x * (probability * (1 - probability))[:, None]).T @ x
        if np.linalg.cond(hessian) > 1e14:
            raise NoComparisonError("处理组与对照组没有重叠，或协变量共线：倾向得分不可估")
        step = np.linalg.solve(hessian, x.T @ (target - probability))
        beta = beta + step
        if np.max(np.abs(step)) < 1e-10:
            break
    else:
        raise NoComparisonError("倾向得分不收敛：处理组与对照组几乎没有重叠")
    probability = np.minimum(1 / (1 + np.exp(-(x @ beta))), 1 - 1e-6)
    hessian = (x * (probability * (1 - probability))[:, None]).T @ x
    influence: Floats = ((target - probability)[:, None] * x) @ (np.linalg.inv(hessian) * len(target))
    kept = ~treated & (probability < OVERLAP)
    if not kept.any():
        raise NoComparisonError(f"没有倾向得分低于 {OVERLAP} 的对照")
    return np.where(kept, probability / (1 - probability), 0.0), influence


def _regression(change: Floats, treated: NDArray[np.bool_], x: Floats) -> tuple[float, Floats]:
    predicted, from_regression = _fitted(change, treated, x)
    share = treated.mean()
    gap = change - predicted
    att = float(gap[treated].mean())
    influence = (treated * (gap - att) - from_regression @ (treated[:, None] * x).mean(axis=0)) / share
    return att, influence


def _weighting(
    change: Floats, treated: NDArray[np.bool_], x: Floats, weight: Floats, from_propensity: Floats
) -> tuple[float, Floats]:
    mean_treated = change[treated].mean()
    mean_control = (weight * change).mean() / weight.mean()
    slope = ((weight * (change - mean_control))[:, None] * x).mean(axis=0)
    of_treated = treated * (change - mean_treated) / treated.mean()
    of_control = (weight * (change - mean_control) + from_propensity @ slope) / weight.mean()
    return float(mean_treated - mean_control), of_treated - of_control


def _doubly_robust(
    change: Floats, treated: NDArray[np.bool_], x: Floats, weight: Floats, from_propensity: Floats
) -> tuple[float, Floats]:
    predicted, from_regression = _fitted(change, treated, x)
    gap = change - predicted
    mean_treated = gap[treated].mean()
    mean_control = (weight * gap).mean() / weight.mean()
    slope = ((weight * (gap - mean_control))[:, None] * x).mean(axis=0)
    of_treated = (
        treated * (gap - mean_treated) - from_regression @ (treated[:, None] * x).mean(axis=0)
    ) / treated.mean()
    of_control = (
        weight * (gap - mean_control) + from_propensity @ slope - from_regression @ (weight[:, None] * x).mean(axis=0)
    ) / weight.mean()
    return float(mean_treated - mean_control), of_treated - of_control
