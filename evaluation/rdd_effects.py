"""Regression discontinuity at a known threshold: the jump, its robust interval, and whether anyone sorted around the cutoff."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import ndtr, ndtri

from evaluation.did_panel import Floats
from evaluation.rdd_density import DensityTest, density_test
from evaluation.rdd_local import (
    NEIGHBOURS,
    Side,
    bandwidth_terms,
    inverse_gram,
    neighbour_residuals,
    powers,
    sandwich,
    shared_bandwidth,
    triangular,
)

ORDER = 1
BIAS_ORDER = 2
QUANTILE = float(ndtri(0.975))
# Rule-of-thumb constant of the triangular kernel for the first pilot width.
PILOT_CONSTANT = 2.576
# With at least a fifth of a side's observations tied, the pilot widths must reach ten distinct values.
MASS_SHARE, MASS_POINTS = 0.2, 10


@dataclass(frozen=True)
class Estimate:
    """A jump with its standard error, 95 % interval and two-sided p-value."""

    coef: float
    se: float

    @property
    def z(self) -> float:
        return self.coef / self.se

    @property
    def p(self) -> float:
        return float(2 * ndtr(-abs(self.z)))

    @property
    def ci(self) -> tuple[float, float]:
        return self.coef - QUANTILE * self.se, self.coef + QUANTILE * self.se


@dataclass(frozen=True)
class RddResult:
    """`conventional` is the local-linear jump; `robust` corrects its bias and widens its error: report its interval.

    `bias_corrected` has the corrected jump with the conventional error. `h`, `b` are the main and the bias bandwidth, in units of the running
    variable; `n` = (left, right), `n_effective` = those within h. `density` is None when it could not be tested; `notes` says why.
    """

    conventional: Estimate
    bias_corrected: Estimate
    robust: Estimate
    h: float
    b: float
    n: tuple[int, int]
    n_effective: tuple[int, int]
    density: DensityTest | None
    notes: tuple[str, ...] = ()

    @property
    def att(self) -> float:
        return self.conventional.coef

    @property
    def se(self) -> float:
        return self.conventional.se

    @property
    def ci(self) -> tuple[float, float]:
        """The robust interval."""
        return self.robust.ci


def rdd(frame: pl.DataFrame, running: str, outcome: str, cutoff: float) -> RddResult:
    """Sharp regression discontinuity of Calonico, Cattaneo and Titiunik (2014): treated at `running` ≥ `cutoff`.

    Local linear with quadratic bias correction, triangular kernel, one mean-squared-error bandwidth for both sides, nearest-neighbour errors
    (3 neighbours). Rows with a missing value are left out; the density test uses every row that has `running`.
    Raises ValueError (Chinese) for a missing column or too few distinct values on a side.
    """
    for name in (running, outcome):
        if name not in frame.columns:
            raise ValueError(f"缺少列 {name}；现有列：{frame.columns}")
    numbers = frame.select(
        pl.col(running).cast(pl.Float64).fill_nan(None).alias("x"),
        pl.col(outcome).cast(pl.Float64).fill_nan(None).alias("y"),
    )
    complete = numbers.drop_nulls().sort("x", "y")
    x, y = complete["x"].to_numpy() - cutoff, complete["y"].to_numpy()
    left, right = Side(x[x < 0], y[x < 0]), Side(x[x >= 0], y[x >= 0])
    for side, said in ((left, "左"), (right, "右")):
        if len(np.unique(side.x)) < 10:
            raise ValueError(f"断点 {cutoff:g} {said}侧只有 {len(np.unique(side.x))} 个不同取值，至少要 10 个")
    h, b = bandwidths(left, right)
    notes: list[str] = []
    try:
        density: DensityTest | None = density_test(numbers["x"].drop_nulls().to_numpy(), cutoff)
    except (ValueError, np.linalg.LinAlgError) as error:
        density = None
        notes.append(f"密度检验未做：{error}")
    if lost := numbers.height - complete.height:
        notes.append(f"{lost} 行缺少配置变量或结果，未使用")
    below, above = _jump(left, h, b), _jump(right, h, b)
    conventional = Estimate(above[0] - below[0], float(np.sqrt(above[2] + below[2])))
    corrected = above[1] - below[1]
    return RddResult(
        conventional=conventional,
        bias_corrected=Estimate(corrected, conventional.se),
        robust=Estimate(corrected, float(np.sqrt(above[3] + below[3]))),
        h=h,
        b=b,
        n=(len(left.x), len(right.x)),
        n_effective=(len(left.within(h).x), len(right.within(h).x)),
        density=density,
        notes=tuple(notes),
    )


def bandwidths(left: Side, right: Side) -> tuple[float, float]:
    """(h, b): the common mean-squared-error bandwidth for the jump, and the one for its bias."""
    x = np.concatenate([left.x, right.x])
    distinct = [np.unique(np.abs(side.x)) for side in (left, right)]
    quartiles = np.quantile(x, [0.25, 0.75], method="averaged_inverted_cdf")
    spread = min(float(x.std(ddof=1)), float(quartiles[1] - quartiles[0]) / 1.349)
    farthest = max(left.reach, right.reach)
    pilot = min(PILOT_CONSTANT * spread * (len(distinct[0]) + len(distinct[1])) ** -0.2, farthest)
    tied = max(1 - len(points) / len(side.x) for points, side in zip(distinct, (left, right), strict=True))
    least = 0.0
    if tied >= MASS_SHARE:
        least = max(float(points[min(MASS_POINTS, len(points)) - 1]) for points in distinct) * (1 + 2**-26)
        pilot = max(pilot, least)

    def chosen(order: int, derivative: int, bias_order: int, widths: tuple[float, float], regularised: bool) -> float:
        terms = [
            bandwidth_terms(side, order, derivative, bias_order, pilot, width, regularised)
            for side, width in zip((left, right), widths, strict=True)
        ]
        return min(shared_bandwidth(terms[0], terms[1], order), farthest)

    # A hair beyond the farthest point keeps it inside the open kernel.
    reach = (left.reach * (1 + 2**-26), right.reach * (1 + 2**-26))
    widest = max(chosen(BIAS_ORDER + 1, BIAS_ORDER + 1, BIAS_ORDER + 2, reach, False), least)
    b = chosen(BIAS_ORDER, ORDER + 1, BIAS_ORDER + 1, (widest, widest), True)
    h = chosen(ORDER, 0, BIAS_ORDER, (b, b), True)
    return h, b


def _jump(side: Side, h: float, b: float) -> tuple[float, float, float, float]:
    """The side's limit at the cutoff: plain and bias-corrected, then the variance of each."""
    near = side.within(max(h, b))
    narrow, wide = triangular(near.x, h), triangular(near.x, b)
    quadratic = powers(near.x, BIAS_ORDER)
    linear = quadratic[:, : ORDER + 1]
    inverse, inverse_wide = inverse_gram(linear, narrow), inverse_gram(quadratic, wide)
    loaded = linear * narrow[:, None]
    bend = loaded.T @ (near.x / h) ** (ORDER + 1)
    curvature = (quadratic * wide[:, None]) @ inverse_wide[:, ORDER + 1]
    corrected: Floats = loaded - h ** (ORDER + 1) * np.outer(curvature, bend)
    residuals = neighbour_residuals(near, NEIGHBOURS)
    return (
        float((inverse @ (loaded.T @ near.y))[0]),
        float((inverse @ (corrected.T @ near.y))[0]),
        float(sandwich(inverse, loaded, residuals)[0, 0]),
        float(sandwich(inverse, corrected, residuals)[0, 0]),
    )
