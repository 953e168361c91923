"""Difference-in-differences under staggered adoption: every cohort against units not yet or never treated, period by period."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import polars as pl

from evaluation.did_cell import METHODS, Method, NoComparisonError, cell_effect
from evaluation.did_panel import Floats, Integers, Panel, balanced_panel
from evaluation.did_result import DidResult, Sampling

Control = Literal["never", "notyet"]


def did(
    panel: pl.DataFrame,
    unit: str,
    time: str,
    cohort: str,
    outcome: str,
    covariates: Sequence[str] | None = None,
    control: Control = "notyet",
    *,
    method: Method = "dr",
    cluster: str | None = None,
    anticipation: int = 0,
    draws: int = 999,
    seed: int = 20_240_101,
) -> DidResult:
    """Group-time average effects on the treated of Callaway and Sant'Anna (2021), and their aggregates.

    `panel` is long: one row per unit and period; `cohort` is the first treated period, null or 0 = never. An effect after treatment compares the
    change since the last period before treatment; one before treatment compares with the period just before (varying base). `control` "never"
    compares with the never treated, "notyet" also with units treated later than both periods. `covariates` enter at the earlier of the two
    periods by `method`: doubly robust, inverse probability weighting or outcome regression; without covariates the three are the same.
    Errors come from influence functions, summed within `cluster` if given.

    An unbalanced panel is made balanced: units missing in some period are left out and counted in `.notes`; so are units treated from the
    start. When nobody is never treated, "notyet" uses the last cohort as control and stops before it is treated.
    Raises ValueError (Chinese) for a malformed panel, an unknown `control` or `method`, or when no comparison exists at all.
    """
    if control not in ("never", "notyet"):
        raise ValueError(f"control 只能是 never 或 notyet，收到 {control!r}")
    if method not in METHODS:
        raise ValueError(f"method 只能是 {'、'.join(METHODS)}，收到 {method!r}")
    ready = balanced_panel(panel, unit, time, cohort, outcome, covariates, cluster)
    notes = list(ready.notes)
    cohorts, times = ready.cohorts(), ready.times
    if len(cohorts) == 0:
        raise ValueError("没有任何受处理的单位")
    if np.isfinite(ready.cohort).all():
        if control == "never":
            raise ValueError("没有从未受处理的单位；请改用 control='notyet'")
        last = cohorts[-1]
        times, cohorts = times[times < last - anticipation], cohorts[:-1]
        notes.append(f"没有从未受处理的单位：以最后一批（{last:g}）为对照，只估计到它受处理之前")
    return _cells(
        ready, cohorts, times, control, method, anticipation, notes, Sampling(ready.size, ready.cluster, draws, seed)
    )


def _cells(
    ready: Panel,
    cohorts: Floats,
    times: Floats,
    control: Control,
    method: Method,
    anticipation: int,
    notes: list[str],
    sampling: Sampling,
) -> DidResult:
    """Estimates every cell; `ready.times` may run past `times`, whose columns come first."""
    found: list[tuple[float, float, float, int, int]] = []
    influences: list[Floats] = []
    skipped: list[str] = []
    for first in cohorts:
        before = np.flatnonzero(times + anticipation < first)
        if len(before) == 0:
            skipped.append(f"批次 {first:g}：没有处理前的一期")
            continue
        for now in range(1, len(times)):
            base = int(before[-1]) if times[now] >= first - anticipation else now - 1
            treated = ready.cohort == first
            untreated = np.isinf(ready.cohort)
            if control == "notyet":
                untreated |= (ready.cohort > max(times[now], times[base]) + anticipation) & ~treated
            used = treated | untreated
            change = ready.outcome[:, now] - ready.outcome[:, base]
            covariates = None if ready.covariates is None else ready.covariates[used, base]
            try:
                effect, influence = cell_effect(change[used], treated[used], covariates, method)
            except NoComparisonError as error:
                skipped.append(f"批次 {first:g} 第 {times[now]:g} 期：{error}")
                continue
            spread = np.zeros(ready.size)
            spread[used] = influence * (ready.size / used.sum())
            influences.append(spread)
            found.append((first, times[now], effect, int(treated.sum()), int(untreated.sum())))
    if not any(row[0] <= row[1] for row in found):
        raise ValueError("没有任何可比的处理后时期：" + "；".join(skipped or ["面板太短"]))
    columns = np.array([row[:3] for row in found])
    counts: Integers = np.array([row[3:] for row in found], dtype=np.int64)
    return DidResult(
        cohorts=columns[:, 0],
        times=columns[:, 1],
        effects=columns[:, 2],
        influence=np.column_stack(influences),
        treated_counts=counts[:, 0],
        control_counts=counts[:, 1],
        unit_cohort=ready.cohort,
        sampling=sampling,
        cohort_type=ready.cohort_type,
        time_type=ready.time_type,
        notes=tuple(notes),
        skipped=tuple(skipped),
    )
