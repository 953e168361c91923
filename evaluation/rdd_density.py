"""Was the running variable manipulated? A test that its density is continuous at the cutoff.

Local polynomial density estimator of Cattaneo, Jansson and Ma (2020), "Simple local polynomial density estimators": the empirical distribution
function is fitted on each side, quadratic for the bandwidth and cubic for the test, with jackknife errors and a triangular kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

import numpy as np
from scipy.special import ndtr

from evaluation.did_panel import Floats
from evaluation.rdd_local import kernel_weights

ORDER = 2
# Constants of the normal reference rule for p = 2 with a triangular kernel (the authors' supplement): derivative pilot, density pilot.
DERIVATIVE_CONSTANT = 3430865.4551236177795
DENSITY_CONSTANT = 548.57142857155463389
# Second entry of S⁻¹C for p = 2, where S and C hold the moments of (1 − u) on [0, 1]: the leading bias of the density.
BIAS_CONSTANT = -3 / 7
FEWEST = 20 + ORDER + 1


@dataclass(frozen=True)
class DensityTest:
    """Densities at the cutoff from either side, their difference's t statistic, and the p-value of "no jump"."""

    left: float
    right: float
    t: float
    p: float
    width_left: float
    width_right: float
    n_left: int
    n_right: int


@dataclass(frozen=True)
class _Fit:
    """Of the left and the right side: density at the cutoff, its covariance, and the distribution's third-order coefficient (0 if not fitted)."""

    density: Floats
    covariance: Floats
    third: Floats

    def spread(self, sign: int) -> float:
        """Variance of right + sign × left."""
        return float(self.covariance[0, 0] + self.covariance[1, 1] + 2 * sign * self.covariance[0, 1])


def density_test(running: Floats, cutoff: float) -> DensityTest:
    """The manipulation test with its own bandwidths. Raises ValueError when a side has fewer than 10 observations."""
    x = np.sort(running[np.isfinite(running)]) - cutoff
    if min((x < 0).sum(), (x >= 0).sum()) < 10:
        raise ValueError("断点一侧不足 10 个观测，密度检验不可做")
    n = len(x)
    unique, counts = np.unique(x, return_counts=True)
    rank = np.repeat(np.cumsum(counts) - 1, counts) / (n - 1)
    widths = _widths(x, unique, rank)
    inside = (x >= -widths[0]) & (x <= widths[1])
    fit = _fit(x[inside], rank[inside], n, widths, ORDER + 1)
    t = float((fit.density[1] - fit.density[0]) / np.sqrt(fit.spread(-1)))
    return DensityTest(
        left=float(fit.density[0]),
        right=float(fit.density[1]),
        t=t,
        p=float(2 * ndtr(-abs(t))),
        width_left=widths[0],
        width_right=widths[1],
        n_left=int((x[inside] < 0).sum()),
        n_right=int((x[inside] >= 0).sum()),
    )


def _fit(x: Floats, rank: Floats, n: int, widths: tuple[float, float], order: int) -> _Fit:
    """The distribution function fitted on both sides by polynomials of `order`; errors by the jackknife, whose sums run over the whole window
    because an observation moves the distribution function at every point above it, across the cutoff too.
    """
    terms = order + 1
    loaded = np.zeros((len(x), 2 * terms))
    inverse = np.zeros((2 * terms, 2 * terms))
    scale = np.concatenate([width ** -np.arange(float(terms)) for width in widths])
    for side, width in enumerate(widths):
        inside = x < 0 if side == 0 else x >= 0
        block = slice(side * terms, (side + 1) * terms)
        basis = np.vander(x[inside] / width, terms, increasing=True)
        loaded[inside, block] = basis * kernel_weights(x[inside], width, "triangular")[:, None]
        inverse[block, block] = np.linalg.inv(loaded[inside, block].T @ basis)
    coefficients = (inverse @ (loaded.T @ rank)) * scale
    above = loaded.sum(axis=0) - np.cumsum(loaded, axis=0)
    _, first, counts = np.unique(x, return_index=True, return_counts=True)
    moved = np.repeat(above[first], counts, axis=0) @ inverse * scale / (n - 1)
    slopes = [1, terms + 1]
    covariance = moved[:, slopes].T @ moved[:, slopes]
    third = coefficients[[3, terms + 3]] if order >= 3 else np.zeros(2)
    return _Fit(coefficients[slopes], covariance, third)


def _widths(x: Floats, unique: Floats, rank: Floats) -> tuple[float, float]:
    """Left and right bandwidth: the median of the ones best for that side, for the difference and for the sum of the densities."""
    n, spread = len(x), float(x.std(ddof=1))
    z = float(x.mean()) / spread
    normal = float(np.exp(-z * z / 2) / np.sqrt(2 * np.pi))
    p = ORDER
    pilot_b = ((2 * p + 1) / 4 / ((z**4 - 6 * z**2 + 3) ** 2 * normal) * DERIVATIVE_CONSTANT / n) ** (
        1 / (2 * p + 5)
    ) * spread
    pilot_c = (1 / (2 * p) / ((z**2 - 1) ** 2 * normal) * DENSITY_CONSTANT / n) ** (1 / (2 * p + 1)) * spread
    pilot_b = max(min(pilot_b, float(np.abs(unique).max())), *_nearest(x, FEWEST + 2), *_nearest(unique, FEWEST + 2))
    pilot_c = max(min(pilot_c, float(np.abs(unique).max())), *_nearest(x, FEWEST), *_nearest(unique, FEWEST))
    wide, narrow = np.abs(x) <= pilot_b, np.abs(x) <= pilot_c
    curved = _fit(x[wide], rank[wide], n, (pilot_b, pilot_b), p + 2)
    level = _fit(x[narrow], rank[narrow], n, (pilot_c, pilot_c), p)

    left, right = curved.third * BIAS_CONSTANT
    bias = np.array([left, right, right - left, right + left]) ** 2
    variance = n * pilot_c * np.array([*np.diag(level.covariance), level.spread(-1), level.spread(1)])
    best = (variance / bias / (2 * p * n)) ** (1 / (2 * p + 1))
    reach = (float(-unique[0]), float(unique[-1]))
    fewest = [max(a, b) for a, b in zip(_nearest(x, FEWEST), _nearest(unique, FEWEST), strict=True)]
    each = [max(min(float(best[i]), reach[i]), fewest[i]) for i in (0, 1)]
    both = [max(min(float(best[i]), max(reach)), *fewest) for i in (2, 3)]
    return median([each[0], *both]), median([each[1], *both])


def _nearest(x: Floats, rank: int) -> tuple[float, float]:
    """Distance of the `rank`-th nearest value on the left and on the right."""
    left, right = -x[x < 0][::-1], x[x >= 0]
    return float(left[min(rank, len(left)) - 1]), float(right[min(rank, len(right)) - 1])
