"""Difference-in-differences under staggered adoption: every cohort against units not yet or never treated, period by period."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import polars as pl

from evaluation.did_cell import METHODS, Method, NoComparisonError, cell_effect, cross_effect
from evaluation.did_panel import Booleans, Floats, Integers, Panel, Rows, ready_panel
from evaluation.did_result import DidResult, Sampling

Control = Literal["never", "notyet"]
Base = Literal["varying", "universal"]
# The words of the authors' own software, accepted for the same thing.
CONTROLS: dict[str, Control] = {
    "never": "never",
    "notyet": "notyet",
    "nevertreated": "never",
    "notyettreated": "notyet",
}


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
    base: Base = "varying",
    rows: Rows = "balanced",
    weights: str | None = None,
    cluster: str | None = None,
    anticipation: int = 0,
    draws: int = 999,
    seed: int = 20_240_101,
) -> DidResult:
    """Group-time average effects on the treated of Callaway and Sant'Anna (2021), and their aggregates.

    `panel` is long: one row per unit and period; `cohort` is the first treated period, null or 0 = never. An effect after treatment compares the
    change since the last period before treatment (less `anticipation`); one before treatment compares with the period just before (`base`
    "varying") or with the same last period ("universal", whose own cell is 0 without an error). `control` "never" compares with the never
    treated, "notyet" also with units treated later than both periods. `covariates` enter at the earlier of the two periods by `method`: doubly
    robust, inverse probability weighting or outcome regression; without covariates the three are the same. `weights` are of sampling.
    Errors come from influence functions, summed within `cluster` if given.

    `rows` "balanced" makes an unbalanced panel balanced: units missing in some period are left out and counted in `.notes`; "unbalanced" keeps
    them and compares levels before and after, errors by unit; "cross_sections" takes every row for another unit. Units treated from the start
    are left out and counted. When nobody is never treated, "notyet" uses the last cohort as control and stops before it is treated.
    Raises ValueError (Chinese) for a malformed panel, an unknown option, or when no comparison exists at all.
    """
    if control not in CONTROLS:
        raise ValueError(f"control 只能是 never 或 notyet，收到 {control!r}")
    for name, value, known in (
        ("method", method, METHODS),
        ("base", base, get_args(Base)),
        ("rows", rows, get_args(Rows)),
    ):
        if value not in known:
            raise ValueError(f"{name} 只能是 {'、'.join(known)}，收到 {value!r}")
    if anticipation < 0:
        raise ValueError(f"anticipation 不得为负，收到 {anticipation}")
    ready = ready_panel(panel, unit, time, cohort, outcome, covariates, cluster, weights, rows)
    notes = list(ready.notes)
    cohorts, times = ready.cohorts(), ready.times
    if len(cohorts) == 0:
        raise ValueError("没有任何受处理的单位")
    never = CONTROLS[control] == "never"
    if np.isfinite(ready.cohort).all():
        if never:
            raise ValueError("没有从未受处理的单位；请改用 control='notyet'")
        last = cohorts[-1]
        times, cohorts = times[times < last - anticipation], cohorts[:-1]
        notes.append(f"没有从未受处理的单位：以最后一批（{last:g}）为对照，只估计到它受处理之前")
    sampling = Sampling(ready.size, ready.cluster, draws, seed)
    return _Cells(ready, times, never, base, method, anticipation).result(cohorts, notes, sampling)


class _Cells:
    """Estimates every cell; the panel's own times may run past `times`, whose columns come first."""

    def __init__(self, ready: Panel, times: Floats, never: bool, base: Base, method: Method, anticipation: int) -> None:
        self.ready, self.times, self.never = ready, times, never
        self.base, self.method, self.anticipation = base, method, anticipation

    def result(self, cohorts: Floats, notes: list[str], sampling: Sampling) -> DidResult:
        found: list[tuple[float, float, float, int, int]] = []
        influences: list[Floats] = []
        skipped: list[str] = []
        for first in cohorts:
            before = np.flatnonzero(self.times + self.anticipation < first)
            if len(before) == 0:
                skipped.append(f"批次 {first:g}：没有处理前的一期")
                continue
            last = int(before[-1])
            for now in range(0 if self.base == "universal" else 1, len(self.times)):
                varying = self.base == "varying" and self.times[now] < first - self.anticipation
                base = now - 1 if varying else last
                treated, untreated = self._groups(first, now, base)
                counts = int(treated.sum()), int(untreated.sum())
                try:
                    effect, influence = (
                        (0.0, np.zeros(self.ready.size)) if base == now else self._cell(treated, untreated, now, base)
                    )
                except NoComparisonError as error:
                    skipped.append(f"批次 {first:g} 第 {self.times[now]:g} 期：{error}")
                    continue
                influences.append(influence)
                found.append((first, self.times[now], effect, *counts))
        if not any(row[0] <= row[1] for row in found):
            raise ValueError("没有任何可比的处理后时期：" + "；".join(skipped or ["面板太短"]))
        columns = np.array([row[:3] for row in found])
        numbers: Integers = np.array([row[3:] for row in found], dtype=np.int64)
        return DidResult(
            cohorts=columns[:, 0],
            times=columns[:, 1],
            effects=columns[:, 2],
            influence=np.column_stack(influences),
            treated_counts=numbers[:, 0],
            control_counts=numbers[:, 1],
            unit_cohort=self.ready.cohort,
            first_time=float(self.ready.times[0]),
            unit_weight=self.ready.weight,
            sampling=sampling,
            cohort_type=self.ready.cohort_type,
            time_type=self.ready.time_type,
            notes=tuple(notes),
            skipped=tuple(skipped),
        )

    def _groups(self, first: float, now: int, base: int) -> tuple[Booleans, Booleans]:
        cohort = self.ready.cohort
        treated: Booleans = cohort == first
        untreated: Booleans = np.isinf(cohort)
        if not self.never:
            untreated = untreated | ((cohort > max(self.times[now], self.times[base]) + self.anticipation) & ~treated)
        return treated, untreated

    def _cell(self, treated: Booleans, untreated: Booleans, now: int, base: int) -> tuple[float, Floats]:
        """The cell's effect and its influence function over all units."""
        ready, used = self.ready, treated | untreated
        if ready.unit is not None and ready.period is not None:
            rows = used[ready.unit] & ((ready.period == now) | (ready.period == base))
            units = ready.unit[rows]
            effect, influence = cross_effect(
                ready.outcome[rows],
                ready.period[rows] == now,
                treated[units],
                None if ready.covariates is None else ready.covariates[rows],
                self.method,
                None if ready.row_weight is None else ready.row_weight[rows],
            )
            return effect, np.bincount(units, weights=influence, minlength=ready.size) * (ready.size / rows.sum())
        change = ready.outcome[:, now] - ready.outcome[:, base]
        effect, influence = cell_effect(
            change[used],
            treated[used],
            None if ready.covariates is None else ready.covariates[used, min(now, base)],
            self.method,
            None if ready.weight is None else ready.weight[used],
        )
        spread = np.zeros(ready.size)
        spread[used] = influence * (ready.size / used.sum())
        return effect, spread
