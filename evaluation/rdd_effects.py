"""Regression discontinuity at a known threshold: the jump, its robust interval, and whether anyone sorted around the cutoff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial
from typing import get_args

import numpy as np
import polars as pl
from scipy.linalg import qr
from scipy.special import ndtr, ndtri

from evaluation.did_panel import Floats
from evaluation.rdd_bandwidth import SELECTORS, Design, Pair, Selector, chosen_bandwidths
from evaluation.rdd_density import DensityTest, density_test
from evaluation.rdd_local import (
    CLUSTERED,
    NEIGHBOURS,
    Errors,
    Fit,
    Kernel,
    Side,
    Variance,
    contrast_of,
    partialled,
    polynomial,
    variance,
)

# Fewer distinct values on a side leave nothing to choose a bandwidth from.
FEWEST = 10
# With clusters the residuals of single observations are no independent pieces of evidence.
OF_CLUSTERS: dict[str, Variance] = {"nn": "cr1", "hc0": "cr1", "hc1": "cr1", "hc2": "cr2", "hc3": "cr3"}


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
        return self.interval(0.95)

    def interval(self, level: float) -> tuple[float, float]:
        """The interval at another level than 95 %. Raises ValueError for a level that is no share."""
        if not 0 < level < 1:
            raise ValueError(f"level 须在 0 与 1 之间，收到 {level}")
        reach = float(ndtri(0.5 + level / 2)) * self.se
        return self.coef - reach, self.coef + reach


@dataclass(frozen=True)
class RddResult:
    """`conventional` is the local-polynomial jump; `robust` corrects its bias and widens its error: report its interval.

    `bias_corrected` has the corrected jump with the conventional error. `h`, `b` are the main and the bias bandwidth in units of the running
    variable: one number, or (left, right) where the sides differ. `n` = (left, right), `n_effective` = those within h, `n_clusters` those of
    the clusters. `first_stage` is the robust jump of the treatment received in a fuzzy design. `density` is None when it could not be
    tested; `notes` says why, and what was left out.
    """

    conventional: Estimate
    bias_corrected: Estimate
    robust: Estimate
    h: float | Pair
    b: float | Pair
    n: tuple[int, int]
    n_effective: tuple[int, int]
    density: DensityTest | None
    first_stage: Estimate | None = None
    n_clusters: tuple[int, int] | None = None
    vce: Variance = "nn"
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


def rdd(
    frame: pl.DataFrame,
    running: str,
    outcome: str,
    cutoff: float,
    *,
    kernel: Kernel = "triangular",
    p: int | None = None,
    q: int | None = None,
    derivative: int = 0,
    bandwidth: Selector = "mserd",
    h: float | Pair | None = None,
    b: float | Pair | None = None,
    rho: float | None = None,
    fuzzy: str | None = None,
    covariates: Sequence[str] | None = None,
    cluster: str | None = None,
    vce: Variance | None = None,
    neighbours: int = NEIGHBOURS,
    weights: str | None = None,
    masspoints: bool = True,
    regularisation: float = 1.0,
) -> RddResult:
    """Regression discontinuity of Calonico, Cattaneo and Titiunik (2014): treated at `running` ≥ `cutoff`.

    Without options: sharp, local linear with quadratic bias correction, triangular kernel, one mean-squared-error bandwidth for both sides,
    nearest-neighbour errors (3 neighbours). `p`, `q`: orders of fit and correction (default derivative + 1 and p + 1); `derivative` 1 is a
    kink. `bandwidth` names a selector; `h` (and `b` or `rho` = h/b, else b = h) sets the width instead, one number or (left, right).
    `fuzzy` names the treatment received: the effect is the ratio of the two jumps. `covariates` enter additively with one slope on both
    sides. `cluster` with `vce` cr1 (default), cr2, cr3 or nncluster; without clusters nn, hc0 … hc3. `weights` multiply the kernel's.
    `masspoints` widens the pilot widths where many values of `running` are tied; `regularisation` scales the term that keeps a width from
    running away where the curvature is small (0: none). Rows with a missing value are left out and counted; the
    density test uses every row that has `running`.
    Raises ValueError (Chinese) for a missing column, an unknown option, or too few distinct values on a side.
    """
    design = _design(kernel, p, q, derivative, fuzzy, cluster, vce, neighbours, masspoints, regularisation)
    if bandwidth not in SELECTORS:
        raise ValueError(f"bandwidth 只能是 {'、'.join(SELECTORS)}，收到 {bandwidth!r}")
    complete, notes = _numbers(frame, running, outcome, cutoff, fuzzy, list(covariates or []), cluster, weights)
    left, right = (
        _side(complete.filter(which), fuzzy, cluster, weights) for which in (pl.col("x") < 0, pl.col("x") >= 0)
    )
    for side, said in ((left, "左"), (right, "右")):
        least = FEWEST if h is None else design.q + 2
        if len(np.unique(side.x)) < least:
            raise ValueError(f"断点 {cutoff:g} {said}侧只有 {len(np.unique(side.x))} 个不同取值，至少要 {least} 个")
    main, wide = _widths(left, right, design, bandwidth, h, b, rho)
    try:
        density: DensityTest | None = density_test(
            frame[running].cast(pl.Float64).fill_nan(None).drop_nulls().to_numpy(), cutoff
        )
    except (ValueError, np.linalg.LinAlgError) as error:
        density = None
        notes.append(f"密度检验未做：{error}")
    corners = [_Corner(side, design, one, two) for side, one, two in zip((left, right), main, wide, strict=True)]
    conventional, corrected, robust_se, first_stage = _jump(corners[0], corners[1], design)
    inside = [side.within(width, design.kernel) for side, width in zip((left, right), main, strict=True)]
    return RddResult(
        conventional=conventional,
        bias_corrected=Estimate(corrected, conventional.se),
        robust=Estimate(corrected, robust_se),
        h=main[0] if main[0] == main[1] else main,
        b=wide[0] if wide[0] == wide[1] else wide,
        n=(len(left.x), len(right.x)),
        n_effective=(len(inside[0].x), len(inside[1].x)),
        density=density,
        first_stage=first_stage,
        n_clusters=None if cluster is None else (_groups(inside[0]), _groups(inside[1])),
        vce=design.errors.kind,
        notes=tuple(notes),
    )


def _design(
    kernel: str,
    p: int | None,
    q: int | None,
    derivative: int,
    fuzzy: str | None,
    cluster: str | None,
    vce: str | None,
    neighbours: int,
    masspoints: bool,
    regularisation: float,
) -> Design:
    kernels = get_args(Kernel)
    full = [name for name in kernels if kernel and name.startswith(kernel.lower())]
    if len(full) != 1:
        raise ValueError(f"kernel 只能是 {'、'.join(kernels)}，收到 {kernel!r}")
    order = derivative + 1 if p is None else p
    correction = order + 1 if q is None else q
    if not 0 <= derivative <= order < correction:
        raise ValueError(f"阶数须 0 ≤ derivative ≤ p < q，收到 derivative={derivative}、p={order}、q={correction}")
    asked = vce or ("nn" if cluster is None else "cr1")
    kind = next((known for known in get_args(Variance) if known == asked), None)
    if kind is None:
        raise ValueError(f"vce 只能是 {'、'.join(get_args(Variance))}，收到 {vce!r}")
    if cluster is not None:
        kind = OF_CLUSTERS.get(kind, kind)
    elif kind in CLUSTERED:
        raise ValueError(f"vce={vce!r} 需要 cluster= 给出聚类列")
    if neighbours < 1:
        raise ValueError(f"neighbours 至少为 1，收到 {neighbours}")
    if not (np.isfinite(regularisation) and regularisation >= 0):
        raise ValueError(f"regularisation 不得为负，收到 {regularisation}")
    errors = Errors(kind, neighbours)
    return Design(order, correction, derivative, full[0], errors, int(fuzzy is not None), masspoints, regularisation)


def _numbers(
    frame: pl.DataFrame,
    running: str,
    outcome: str,
    cutoff: float,
    fuzzy: str | None,
    covariates: list[str],
    cluster: str | None,
    weights: str | None,
) -> tuple[pl.DataFrame, list[str]]:
    """Complete rows by running variable: x (centred), y, t (fuzzy), z0 … (independent covariates), cluster, w; and what was left out."""
    numeric = (
        {"x": running, "y": outcome} | ({"t": fuzzy} if fuzzy else {}) | {f"z{i}": z for i, z in enumerate(covariates)}
    )
    numeric |= {"w": weights} if weights else {}
    for name in (*numeric.values(), *([cluster] if cluster else [])):
        if name not in frame.columns:
            raise ValueError(f"缺少列 {name}；现有列：{frame.columns}")
    for name in numeric.values():
        if not frame.schema[name].is_numeric() and frame.schema[name] not in (pl.Boolean, pl.Null):
            raise ValueError(f"列 {name} 应为数值，实为 {frame.schema[name]}")
    numbers = frame.select(
        *(pl.col(name).cast(pl.Float64).fill_nan(None).alias(short) for short, name in numeric.items()),
        *([pl.col(cluster).rank("dense").cast(pl.Int64).alias("cluster")] if cluster else []),
    )
    complete = numbers.drop_nulls().with_columns(pl.col("x") - cutoff).sort("x", "y")
    notes = []
    if lost := numbers.height - complete.height:
        notes.append(f"{lost} 行缺少配置变量、结果或其他用到的列，未使用")
    if weights and bool((complete["w"] < 0).any()):
        raise ValueError(f"权重 {weights} 不得为负")
    names = [f"z{i}" for i in range(len(covariates))]
    if names and complete.height:
        kept = _independent(complete.select(names).to_numpy())
        for i in sorted(set(range(len(names))) - set(kept)):
            notes.append(f"协变量 {covariates[i]} 与其他协变量共线，未使用")
            complete = complete.drop(names[i])
    return complete, notes


def _independent(matrix: Floats) -> list[int]:
    """Columns that are no combination of the others."""
    _, triangle, pivot = qr(matrix, mode="economic", pivoting=True)
    size = np.abs(np.diagonal(triangle))
    return sorted(int(i) for i in pivot[: len(size)][size > 1e-5])


def _side(rows: pl.DataFrame, fuzzy: str | None, cluster: str | None, weights: str | None) -> Side:
    columns = ["y", *(["t"] if fuzzy else []), *(name for name in rows.columns if name.startswith("z"))]
    return Side(
        rows["x"].to_numpy(),
        rows.select(columns).to_numpy(),
        rows["w"].to_numpy() if weights else None,
        rows["cluster"].to_numpy() if cluster else None,
    )


def _groups(side: Side) -> int:
    return 0 if side.cluster is None else len(np.unique(side.cluster))


def _widths(
    left: Side,
    right: Side,
    design: Design,
    selector: Selector,
    h: float | Pair | None,
    b: float | Pair | None,
    rho: float | None,
) -> tuple[Pair, Pair]:
    """Main and bias widths of both sides, chosen or given."""
    if rho is not None and rho <= 0:
        raise ValueError(f"rho 须为正数，收到 {rho}")
    if h is None:
        if b is not None:
            raise ValueError("给了 b 却没有给 h；二者须同时给出")
        if design.treatments and any(np.ptp(side.columns[:, 1]) == 0 for side in (left, right)):
            # where everybody or nobody takes the treatment its jump has no error of its own: the widths are those of the outcome
            left, right = (
                Side(side.x, np.delete(side.columns, 1, axis=1), side.weight, side.cluster) for side in (left, right)
            )
            design = design.of_sharp()
        main, wide = chosen_bandwidths(left, right, design, selector)
    else:
        main = _pair(h, "h")
        wide = main if b is None else _pair(b, "b")
    return (main, wide) if rho is None else (main, (main[0] / rho, main[1] / rho))


def _pair(width: float | Pair, name: str) -> Pair:
    found = (float(width),) * 2 if isinstance(width, int | float) else (float(width[0]), float(width[1]))
    if not all(np.isfinite(one) and one > 0 for one in found):
        raise ValueError(f"{name} 须为正数，收到 {width}")
    return found


class _Corner:
    """One side near the cutoff: the fits within the main and the bias width, and the loads of the plain and of the corrected estimate."""

    def __init__(self, side: Side, design: Design, h: float, b: float) -> None:
        near = side.within(max(h, b), design.kernel)
        self.fit: Fit = polynomial(near, design.p, h, design.kernel)
        self.wide: Fit = polynomial(near, design.q, b, design.kernel)
        self.plain = factorial(design.derivative) * self.fit.loads(design.derivative)
        bend = float(self.plain @ near.x ** (design.p + 1))
        self.corrected: Floats = self.plain - bend * self.wide.loads(design.p + 1)

    def variances(self, contrast: Floats, errors: Errors) -> tuple[float, float]:
        """Of the plain and of the corrected estimate."""
        return variance(self.plain, self.fit, contrast, errors), variance(self.corrected, self.wide, contrast, errors)


def _jump(left: _Corner, right: _Corner, design: Design) -> tuple[Estimate, float, float, Estimate | None]:
    """The plain estimate, the corrected one, its error, and the first stage of a fuzzy design."""
    plain, corrected = (
        getattr(right, name) @ right.fit.side.columns - getattr(left, name) @ left.fit.side.columns
        for name in ("plain", "corrected")
    )
    slopes: Floats | None = None
    if len(plain) > 1 + design.treatments:
        own, shared = (
            one + two
            for one, two in zip(
                partialled(left.fit, design.treatments), partialled(right.fit, design.treatments), strict=True
            )
        )
        slopes = np.linalg.pinv(own) @ shared
    contrast, parts = contrast_of(plain, slopes, design.treatments)
    levels = parts @ plain
    effect = float(levels[0] / levels[1]) if design.treatments else float(levels[0])
    moved = effect + float(contrast @ (corrected - plain))

    def errors(of: Floats) -> tuple[float, float]:
        pairs = [corner.variances(of, design.errors) for corner in (left, right)]
        return float(np.sqrt(pairs[0][0] + pairs[1][0])), float(np.sqrt(pairs[0][1] + pairs[1][1]))

    se, robust_se = errors(contrast)
    if not (np.isfinite(effect) and np.isfinite(moved) and se > 0 and robust_se > 0):
        raise ValueError("带宽内的数据不足以算出标准误（结果没有变化，或聚类太少）")
    first = Estimate(float(parts[1] @ corrected), errors(parts[1])[1]) if design.treatments else None
    return Estimate(effect, se), moved, robust_se, first
