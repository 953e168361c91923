"""Local polynomials on one side of a threshold: kernel weights, the fit, and the variance of any coefficient of it.

After Calonico, Cattaneo and Titiunik (2014), "Robust nonparametric confidence intervals for regression-discontinuity designs", Calonico,
Cattaneo, Farrell and Titiunik (2017, 2019) on clusters and covariates, and Pustejovsky and Tipton (2018) on leverage in clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evaluation.did_panel import Floats, Integers

NEIGHBOURS = 3
# Relative gap below which two distances are the same: rounded data must not depend on the last bit of a subtraction.
SAME_DISTANCE = 2.0**-26

Kernel = Literal["triangular", "epanechnikov", "uniform"]
# nn: nearest neighbours; hc0-hc3: plug-in residuals by leverage; with clusters cr1-cr3, or nncluster: neighbours' residuals summed by cluster.
Variance = Literal["nn", "hc0", "hc1", "hc2", "hc3", "cr1", "cr2", "cr3", "nncluster"]
CLUSTERED: frozenset[str] = frozenset({"cr1", "cr2", "cr3", "nncluster"})


@dataclass(frozen=True)
class Errors:
    """How variances are computed: `kind`, and how many neighbours where it asks for them."""

    kind: Variance = "nn"
    neighbours: int = NEIGHBOURS


@dataclass(frozen=True)
class Side:
    """Observations on one side: `x` (n,) ascending and centred at the cutoff; `columns` (n, m): the outcome, then the treatment received (fuzzy
    designs), then covariates; `weight` (n,) and `cluster` (n,) dense numbers, or None.
    """

    x: Floats
    columns: Floats
    weight: Floats | None = None
    cluster: Integers | None = None

    @property
    def reach(self) -> float:
        """Distance from the cutoff to the farthest observation."""
        return float(np.abs(self.x).max())

    def weights(self, width: float, kernel: Kernel) -> Floats:
        found = kernel_weights(self.x, width, kernel)
        return found if self.weight is None else found * self.weight

    def at(self, chosen: NDArray[np.bool_]) -> Side:
        return Side(
            self.x[chosen],
            self.columns[chosen],
            None if self.weight is None else self.weight[chosen],
            None if self.cluster is None else self.cluster[chosen],
        )

    def within(self, width: float, kernel: Kernel) -> Side:
        return self.at(self.weights(width, kernel) > 0)


def kernel_weights(x: Floats, width: float, kernel: Kernel) -> Floats:
    """Kernel weights, integrating to one."""
    u = np.abs(x / width)
    height = {"triangular": 1 - u, "epanechnikov": 0.75 * (1 - u * u), "uniform": np.full_like(u, 0.5)}[kernel]
    weights: Floats = np.where(u <= 1, height, 0.0) / width
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


@dataclass(frozen=True)
class Fit:
    """A weighted polynomial of `side`'s columns: `basis` (n, k), `weights` (n,), `inverse` (k, k) = (X'WX)⁻¹."""

    side: Side
    basis: Floats
    weights: Floats
    inverse: Floats

    def loads(self, derivative: int) -> Floats:
        """(n,): what each observation contributes to the coefficient of x^derivative."""
        found: Floats = self.basis @ self.inverse[derivative] * self.weights
        return found

    def residuals(self, contrast: Floats) -> Floats:
        y = self.side.columns @ contrast
        found: Floats = y - self.basis @ (self.inverse @ ((self.basis * self.weights[:, None]).T @ y))
        return found


def polynomial(side: Side, order: int, width: float, kernel: Kernel) -> Fit:
    """The fit of `order` within `width`; rows of `side` beyond it keep weight 0."""
    weights = side.weights(width, kernel)
    basis = powers(side.x, order)
    return Fit(side, basis, weights, inverse_gram(basis, weights))


def partialled(fit: Fit, treatments: int) -> tuple[Floats, Floats]:
    """Z'MZ and Z'M[Y, T]: covariates (after `treatments` columns besides the outcome) with the polynomial taken out."""
    columns, first = fit.side.columns, 1 + treatments
    loaded = fit.basis * fit.weights[:, None]
    through = loaded.T @ columns
    whole = columns[:, first:].T @ (columns * fit.weights[:, None]) - through[:, first:].T @ fit.inverse @ through
    return whole[:, first:], whole[:, :first]


def contrast_of(level: Floats, slopes: Floats | None, treatments: int) -> tuple[Floats, Floats]:
    """(contrast, parts): the linear combination of columns whose coefficient is the effect to first order, and outcome and treatment alone.

    `level` (m,) holds the jump of every column, `slopes` (covariates, 1 + treatments) their coefficients on the covariates. In a fuzzy design
    the effect is a ratio and the contrast its gradient. `parts` is (1 + treatments, m). Raises ValueError where the treatment does not jump.
    """
    size = len(level)
    parts = np.zeros((1 + treatments, size))
    parts[range(1 + treatments), range(1 + treatments)] = 1
    if slopes is not None:
        parts[:, 1 + treatments :] = -slopes.T
    if not treatments:
        return parts[0], parts
    outcome, treatment = (float(one @ level) for one in parts)
    if treatment**2 == 0:
        raise ValueError("接受处理的比例在断点两侧一样，没有跳升可除")
    return parts[0] / treatment - parts[1] * (outcome / treatment**2), parts


def variance(loads: Floats, fit: Fit, contrast: Floats, errors: Errors) -> float:
    """The variance of loads · (columns · contrast). Residuals, their leverage and the degrees of freedom are those of `fit`."""
    side, kind = fit.side, errors.kind
    n, parameters = fit.basis.shape
    if kind in ("nn", "nncluster"):
        residuals = neighbour_residuals(side.x, side.columns @ contrast, errors.neighbours)
    else:
        residuals = fit.residuals(contrast)
    if kind == "hc1":
        residuals = residuals * np.sqrt(n / (n - parameters))
    elif kind in ("hc2", "hc3"):
        leverage = np.einsum("ij,jk,ik->i", fit.basis, fit.inverse, fit.basis) * fit.weights
        free = np.maximum(1 - leverage, 1e-8)
        residuals = residuals / (np.sqrt(free) if kind == "hc2" else free)
    if kind not in CLUSTERED:
        return float(np.sum((loads * residuals) ** 2))
    assert side.cluster is not None  # checked where the options are read
    _, cluster = np.unique(side.cluster, return_inverse=True)
    scores = np.bincount(cluster, weights=loads * residuals)
    if kind in ("cr1", "nncluster"):
        groups = len(scores)
        free = (n - 1) / (n - parameters) * groups / (groups - 1) if groups > 1 else np.nan
        return float(np.sum(scores**2)) * free
    return float(np.sum((scores + _leverage_of_clusters(loads, residuals, fit, cluster, kind)) ** 2))


def _leverage_of_clusters(
    loads: Floats, residuals: Floats, fit: Fit, cluster: Integers, kind: Variance
) -> NDArray[np.float64]:
    """What each cluster's score gains when its residuals are freed of its own pull on the fit: (I − H)⁻¹ᐟ² for cr2, (I − H)⁻¹ for cr3."""
    root = np.linalg.cholesky(fit.inverse)
    whole = np.linalg.inv(fit.inverse)
    gained = np.zeros(int(cluster.max()) + 1)
    order = np.argsort(cluster, kind="stable")
    for rows in np.split(order, np.cumsum(np.bincount(cluster))[:-1]):
        basis, weights = fit.basis[rows], fit.weights[rows]
        own = basis.T @ (basis * weights[:, None])
        pull, reach = basis.T @ (weights * residuals[rows]), loads[rows] @ basis
        if kind == "cr3":
            moved = np.linalg.lstsq(whole - own, pull, rcond=None)[0]
        else:
            shares, axes = np.linalg.eigh(root.T @ own @ root)
            shares = np.clip(shares, 0, 1 - 1e-10)
            stretch = np.divide(1 / np.sqrt(1 - shares) - 1, shares, out=np.zeros_like(shares), where=shares > 1e-14)
            moved = root @ (axes @ (stretch * (axes.T @ (root.T @ pull))))
        gained[cluster[rows[0]]] = float(reach @ moved)
    return gained


def neighbour_residuals(x: Floats, y: Floats, neighbours: int = NEIGHBOURS) -> Floats:
    """Each outcome against the mean of its nearest neighbours in x (ascending), scaled so that the square is unbiased for the variance.

    Ties in x come in or stay out together, so a point may have more neighbours than asked for.
    """
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
