"""Local polynomials on one side of a threshold: weights, nearest-neighbour residuals, and the terms that bandwidth choice needs.

After Calonico, Cattaneo and Titiunik (2014), "Robust nonparametric confidence intervals for regression-discontinuity designs", and Calonico,
Cattaneo, Farrell and Titiunik (2017) on the regularised bandwidths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.did_panel import Floats, Integers

NEIGHBOURS = 3
# Relative gap below which two distances are the same: rounded data must not depend on the last bit of a subtraction.
SAME_DISTANCE = 2.0**-26


@dataclass(frozen=True)
class Side:
    """Observations on one side: `x` ascending and centred at the cutoff, `y` beside it."""

    x: Floats
    y: Floats

    @property
    def reach(self) -> float:
        """Distance from the cutoff to the farthest observation."""
        return float(np.abs(self.x).max())

    def within(self, width: float) -> Side:
        inside = triangular(self.x, width) > 0
        return Side(self.x[inside], self.y[inside])


@dataclass(frozen=True)
class Terms:
    """Variance, bias and regularisation that one side contributes to a mean-squared-error bandwidth."""

    variance: float
    bias: float
    penalty: float


def triangular(x: Floats, width: float) -> Floats:
    """Triangular kernel weights, integrating to one."""
    u = np.abs(x / width)
    weights: Floats = np.where(u <= 1, 1 - u, 0.0) / width
    return weights


def powers(x: Floats, order: int) -> Floats:
    matrix: Floats = np.vander(x, order + 1, increasing=True)
    return matrix


def inverse_gram(basis: Floats, weights: Floats) -> Floats:
    """(X'WX)⁻¹. Raises ValueError when too few distinct points lie within the bandwidth."""
    gram = basis.T @ (basis * weights[:, None])
    try:
        factor = np.linalg.cholesky(gram)
    except np.linalg.LinAlgError as error:
        raise ValueError("断点一侧带宽内不同取值太少，局部多项式不可解") from error
    root = np.linalg.inv(factor)
    inverse: Floats = root.T @ root
    return inverse


def neighbour_residuals(side: Side, neighbours: int = NEIGHBOURS) -> Floats:
    """Each outcome against the mean of its nearest neighbours in x, scaled so that the square is unbiased for the variance.

    Ties in x come in or stay out together, so a point may have more neighbours than asked for.
    """
    x, y = side.x, side.y
    n = len(x)
    _, start, count = np.unique(x, return_index=True, return_counts=True)
    group = np.repeat(np.arange(len(start)), count)
    distinct = x[start]
    needed = min(neighbours, n - 1)
    low, high = group.copy(), group.copy()
    while True:
        have = start[high] + count[high] - start[low] - 1
        open_ = have < needed
        if not open_.any():
            break
        left = np.where(low > 0, distinct[group] - distinct[np.maximum(low - 1, 0)], np.inf)
        right = np.where(
            high < len(start) - 1, distinct[np.minimum(high + 1, len(start) - 1)] - distinct[group], np.inf
        )
        nearly = SAME_DISTANCE * np.maximum(np.minimum(left, right), 0)
        low = np.where(open_ & (left <= right + nearly), low - 1, low)
        high = np.where(open_ & (right <= left + nearly), high + 1, high)
    cumulated = np.concatenate([[0.0], np.cumsum(y)])
    used: Integers = start[high] + count[high] - start[low] - 1
    total = cumulated[start[high] + count[high]] - cumulated[start[low]] - y
    residuals: Floats = np.sqrt(used / (used + 1)) * (y - total / used)
    return residuals


def sandwich(inverse: Floats, loaded: Floats, residuals: Floats) -> Floats:
    """inverse · Σ loaded² residuals² · inverse."""
    moved = loaded * residuals[:, None]
    covariance: Floats = inverse @ (moved.T @ moved) @ inverse
    return covariance


def bandwidth_terms(
    side: Side, order: int, derivative: int, bias_order: int, pilot: float, bias_width: float, regularised: bool
) -> Terms:
    """What `side` adds to the bandwidth for the `derivative`-th derivative fitted by a polynomial of `order`.

    Variance from a fit within `pilot`; bias from a `bias_order` fit within `bias_width`; penalty from that fit's own error.
    """
    near = side.within(pilot)
    weights = triangular(near.x, pilot)
    basis = powers(near.x, order)
    inverse = inverse_gram(basis, weights)
    loaded = basis * weights[:, None]
    variance = sandwich(inverse, loaded, neighbour_residuals(near))[derivative, derivative]
    constant = float((inverse @ (loaded.T @ (near.x / pilot) ** (order + 1)))[derivative]) * pilot**derivative

    far = side.within(bias_width)
    weights = triangular(far.x, bias_width)
    basis = powers(far.x, bias_order)
    inverse = inverse_gram(basis, weights)
    loaded = basis * weights[:, None]
    curvature = float((inverse @ (loaded.T @ far.y))[-1])
    gap = 2 * (order + 1 - derivative)
    penalty = 0.0
    if regularised:
        penalty = gap * 3 * constant**2 * sandwich(inverse, loaded, neighbour_residuals(far))[-1, -1]
    return Terms(
        variance=(2 * derivative + 1) * pilot ** (2 * derivative + 1) * float(variance),
        bias=gap**0.5 * constant * curvature,
        penalty=float(penalty),
    )


def shared_bandwidth(left: Terms, right: Terms, order: int) -> float:
    """The width that minimises the mean squared error of the difference between the two sides."""
    squared = (right.bias - left.bias) ** 2 + left.penalty + right.penalty
    return float(((left.variance + right.variance) / squared) ** (1 / (2 * order + 3)))
