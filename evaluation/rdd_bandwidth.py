"""How far from the cutoff to look: the bandwidths that balance bias and variance of the jump, for each selector in use.

mse…: smallest mean squared error; cer…: smallest coverage error, the same shrunk; rd one width for the difference, two one per side, sum one for
the sum, comb1 the smaller of rd and sum, comb2 the median of the three. Calonico, Cattaneo and Farrell (2020), "Optimal bandwidth choice for
robust bias-corrected inference in regression discontinuity designs".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal, get_args

import numpy as np

from evaluation.did_panel import Floats
from evaluation.rdd_local import Errors, Kernel, Side, contrast_of, partialled, polynomial, variance

Selector = Literal[
    "mserd", "msetwo", "msesum", "msecomb1", "msecomb2", "cerrd", "certwo", "cersum", "cercomb1", "cercomb2"
]
SELECTORS: tuple[Selector, ...] = get_args(Selector)
# Rule-of-thumb constants of the first pilot width.
PILOT = {"triangular": 2.576, "epanechnikov": 2.34, "uniform": 1.843}
# With at least a fifth of a side's observations tied, the pilot widths must reach ten distinct values.
MASS_SHARE, MASS_POINTS = 0.2, 10
# A hair beyond the farthest point keeps it inside the open kernel.
HAIR = 1 + 2**-26

Pair = tuple[float, float]


@dataclass(frozen=True)
class Design:
    """What is estimated: orders of the fit (`p`) and of its bias correction (`q`), which derivative, by which kernel and errors."""

    p: int
    q: int
    derivative: int
    kernel: Kernel
    errors: Errors
    treatments: int
    masspoints: bool
    regularisation: float = 1.0

    def of_sharp(self) -> Design:
        return replace(self, treatments=0)


@dataclass(frozen=True)
class Terms:
    """Variance, bias and regularisation that one side contributes to a mean-squared-error bandwidth."""

    variance: float
    bias: float
    penalty: float


def chosen_bandwidths(left: Side, right: Side, design: Design, selector: Selector) -> tuple[Pair, Pair]:
    """((h left, h right), (b left, b right)) by `selector`. Raises ValueError when a width comes out undefined."""
    sides = (left, right)
    family = selector[3:]
    found: list[tuple[Pair, Pair]] = []
    wanted = {"rd": ("rd",), "two": ("two",), "sum": ("sum",), "comb1": ("rd", "sum"), "comb2": ("rd", "sum", "two")}
    for one in wanted[family]:
        found.append(_Search(sides, design).widths(one))
    if family == "comb1":
        pairs = [(min(h[0] for h, _ in found),) * 2, (min(b[0] for _, b in found),) * 2]
    else:
        pairs = [(median(pair[i][0] for pair in found), median(pair[i][1] for pair in found)) for i in (0, 1)]
    h, b = pairs
    if selector.startswith("cer"):
        size = len(left.x) + len(right.x)
        if left.cluster is not None and right.cluster is not None:
            size = len(np.unique(left.cluster)) + len(np.unique(right.cluster))
        shrunk = size ** -(design.p / ((3 + design.p) * (3 + 2 * design.p)))
        h = (h[0] * shrunk, h[1] * shrunk)
    if not all(np.isfinite(width) and width > 0 for width in (*h, *b)):
        raise ValueError("配置变量的变化太少，带宽选不出来；可用 h= 自行给定")
    return h, b


class _Search:
    """The three stages (curvature's width, bias width, main width) on both sides."""

    def __init__(self, sides: tuple[Side, Side], design: Design) -> None:
        self.sides, self.design = sides, design
        self.farthest = max(side.reach for side in sides)
        self.pilot, self.least = self._pilot()

    def _pilot(self) -> tuple[float, Pair]:
        x = np.concatenate([side.x for side in self.sides])
        distinct = [np.unique(np.abs(side.x)) for side in self.sides]
        quartiles = np.quantile(x, [0.25, 0.75], method="averaged_inverted_cdf")
        spread = min(float(x.std(ddof=1)), float(quartiles[1] - quartiles[0]) / 1.349)
        size = sum(map(len, distinct)) if self.design.masspoints else len(x)
        pilot = min(PILOT[self.design.kernel] * spread * size**-0.2, self.farthest)
        tied = max(1 - len(points) / len(side.x) for points, side in zip(distinct, self.sides, strict=True))
        if not self.design.masspoints or tied < MASS_SHARE:
            return pilot, (0.0, 0.0)
        left, right = (float(points[min(MASS_POINTS, len(points)) - 1]) * HAIR for points in distinct)
        return max(pilot, left, right), (left, right)

    def widths(self, family: str) -> tuple[Pair, Pair]:
        p, q, derivative = self.design.p, self.design.q, self.design.derivative
        join = _each if family == "two" else _shared(1 if family == "sum" else -1)
        least = self.least if family == "two" else (max(self.least),) * 2

        def stage(order: int, derivative: int, bias_order: int, widths: Pair, regularised: bool) -> Pair:
            terms = [
                bandwidth_terms(side, self.design, order, derivative, bias_order, self.pilot, width, regularised)
                for side, width in zip(self.sides, widths, strict=True)
            ]
            left, right = join(terms[0], terms[1], order)
            limits = [side.reach if family == "two" else self.farthest for side in self.sides]
            return min(left, limits[0]), min(right, limits[1])

        reach = (self.sides[0].reach * HAIR, self.sides[1].reach * HAIR)
        widest = stage(q + 1, q + 1, q + 2, reach, False)
        b = stage(q, p + 1, q + 1, (max(widest[0], least[0]), max(widest[1], least[1])), True)
        return stage(p, derivative, q, b, True), b


def _each(left: Terms, right: Terms, order: int) -> Pair:
    """Each side's own best width."""
    found = [(one.variance / (one.bias**2 + one.penalty)) ** (1 / (2 * order + 3)) for one in (left, right)]
    return found[0], found[1]


def _shared(sign: int) -> Callable[[Terms, Terms, int], Pair]:
    """The width that minimises the mean squared error of right + sign × left."""

    def widths(left: Terms, right: Terms, order: int) -> Pair:
        squared = (right.bias + sign * left.bias) ** 2 + left.penalty + right.penalty
        return (((left.variance + right.variance) / squared) ** (1 / (2 * order + 3)),) * 2

    return widths


def bandwidth_terms(
    side: Side,
    design: Design,
    order: int,
    derivative: int,
    bias_order: int,
    pilot: float,
    bias_width: float,
    regularised: bool,
) -> Terms:
    """What `side` adds to the bandwidth for the `derivative`-th derivative fitted by a polynomial of `order`.

    Variance from a fit within `pilot`; bias from a `bias_order` fit within `bias_width`; penalty from that fit's own error.
    """
    fit = polynomial(side.within(pilot, design.kernel), order, pilot, design.kernel)
    loads = fit.loads(derivative)
    columns = fit.side.columns
    slopes: Floats | None = None
    if columns.shape[1] > 1 + design.treatments:
        own, shared = partialled(fit, design.treatments)
        slopes = np.linalg.pinv(own) @ shared
    contrast, _ = contrast_of(loads @ columns, slopes, design.treatments)
    constant = float(loads @ (fit.side.x / pilot) ** (order + 1)) * pilot**derivative

    far = polynomial(side.within(bias_width, design.kernel), bias_order, bias_width, design.kernel)
    bend = far.loads(order + 1)
    gap = 2 * (order + 1 - derivative)
    penalty = 0.0
    if regularised:
        penalty = design.regularisation * gap * 3 * constant**2 * variance(bend, far, contrast, design.errors)
    return Terms(
        variance=(2 * derivative + 1) * pilot ** (2 * derivative + 1) * variance(loads, fit, contrast, design.errors),
        bias=gap**0.5 * constant * float(bend @ (far.side.columns @ contrast)),
        penalty=penalty,
    )
