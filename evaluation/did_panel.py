"""A long panel made ready for difference-in-differences: balanced, sorted, one row of outcomes per unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Panel:
    """n units × T periods.

    `cohort` (n,) is the first treated period, inf for never; `outcome` (n, T); `covariates` (n, T, k) without an intercept, or None;
    `cluster` (n,) dense cluster numbers, or None; `notes` says in Chinese what was left out and why.
    """

    units: pl.Series
    times: Floats
    cohort: Floats
    outcome: Floats
    covariates: Floats | None
    cluster: Integers | None
    time_type: pl.DataType
    cohort_type: pl.DataType
    notes: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.cohort)

    def cohorts(self) -> Floats:
        """The treated cohorts, ascending."""
        found: Floats = np.unique(self.cohort[np.isfinite(self.cohort)])
        return found


def balanced_panel(
    panel: pl.DataFrame,
    unit: str,
    time: str,
    cohort: str,
    outcome: str,
    covariates: Sequence[str] | None = None,
    cluster: str | None = None,
) -> Panel:
    """Checks and balances a long frame (one row per unit and period).

    Rows with a missing outcome or covariate go first; then units that are not observed in every period; then units already treated in the
    first period, which have no base period. Each loss is counted in `notes`. Cohort null, NaN, 0 or after the last period = never treated.
    Raises ValueError for a missing column, a repeated (unit, time), or a cohort or cluster that changes within a unit.
    """
    chosen = list(covariates or [])
    wanted = [unit, time, cohort, outcome, *chosen, *([cluster] if cluster else [])]
    if missing := [name for name in wanted if name not in panel.columns]:
        raise ValueError(f"面板缺少列 {missing}；现有列：{panel.columns}")
    for name in (time, cohort, outcome, *chosen):
        if not panel.schema[name].is_numeric() and panel.schema[name] not in (pl.Boolean, pl.Null):
            raise ValueError(f"列 {name} 应为数值，实为 {panel.schema[name]}；日期请先换成期号，类别请先换成哑变量")

    frame = panel.select(
        pl.col(unit).alias("unit"),
        pl.col(time).cast(pl.Float64).alias("time"),
        pl.col(cohort).cast(pl.Float64).fill_nan(None).fill_null(0).alias("cohort"),
        *(pl.col(name).cast(pl.Float64).fill_nan(None).alias(f"y{i}") for i, name in enumerate([outcome, *chosen])),
        *([pl.col(cluster).rank("dense").cast(pl.Int64).alias("cluster")] if cluster else []),
    )
    notes: list[str] = []
    complete = frame.drop_nulls()
    if lost := frame.height - complete.height:
        notes.append(f"{lost} 行缺少结果、协变量、单位或期别，未使用")
    frame = complete.sort("unit", "time")
    if frame.is_empty():
        raise ValueError("面板没有可用的行")
    if frame.select(pl.struct("unit", "time").is_duplicated().any()).item():
        row = frame.filter(pl.struct("unit", "time").is_duplicated()).row(0, named=True)
        raise ValueError(f"单位 {row['unit']} 在第 {row['time']:g} 期有多行；每个单位每期应恰有一行")
    for name, said in (("cohort", "首次处理期"), ("cluster", "聚类")):
        if name in frame.columns:
            varied = frame.group_by("unit").agg(pl.col(name).n_unique().alias("n")).filter(pl.col("n") > 1).sort("unit")
            if not varied.is_empty():
                raise ValueError(f"单位 {varied['unit'][0]} 的{said}前后不一致；它在单位内不得变化")

    times = frame["time"].unique().sort()
    counted = frame.with_columns(pl.len().over("unit").alias("n"))
    frame = counted.filter(pl.col("n") == len(times)).drop("n")
    if lost := counted["unit"].n_unique() - frame["unit"].n_unique():
        notes.append(f"{lost} 个单位未在全部 {len(times)} 期出现，未使用（按平衡面板估计）")

    frame = frame.with_columns(
        pl.when((pl.col("cohort") <= 0) | (pl.col("cohort") > times.max()))
        .then(float("inf"))
        .otherwise(pl.col("cohort"))
        .alias("cohort")
    )
    early = frame.filter(pl.col("cohort") <= times.min())["unit"].n_unique()
    if early:
        notes.append(f"{early} 个单位在首期或之前已受处理，没有处理前的一期，未使用")
        frame = frame.filter(pl.col("cohort") > times.min())
    if frame.is_empty():
        raise ValueError("平衡之后没有剩下任何单位")

    periods = len(times)
    first = frame.gather_every(periods)
    shaped = frame.select(pl.col("^y\\d+$")).to_numpy().reshape(first.height, periods, 1 + len(chosen))
    return Panel(
        units=first["unit"],
        times=times.to_numpy(),
        cohort=first["cohort"].to_numpy(),
        outcome=np.ascontiguousarray(shaped[:, :, 0]),
        covariates=np.ascontiguousarray(shaped[:, :, 1:]) if chosen else None,
        cluster=first["cluster"].to_numpy() if cluster else None,
        time_type=panel.schema[time],
        cohort_type=panel.schema[cohort] if panel.schema[cohort] != pl.Null else pl.Int64(),
        notes=tuple(notes),
    )
