"""A long panel, or rows seen once, made ready for difference-in-differences: checked, sorted, with the losses counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
# How the rows were collected: the same units in every period, in some periods, or others in each.
Rows = Literal["balanced", "unbalanced", "cross_sections"]


@dataclass(frozen=True)
class Panel:
    """n units over T periods (or n rows of repeated cross-sections).

    `cohort` (n,) is the first treated period, inf for never; `cluster` (n,) dense numbers or None; `weight` (n,) or None. A balanced panel has
    `outcome` (n, T) and `covariates` (n, T, k) without an intercept, or None. Otherwise `outcome` (m,), `covariates` (m, k), `row_weight` (m,)
    are of single rows, with `unit` (m,) and `period` (m,) as positions. `notes` says in Chinese what was left out and why.
    """

    times: Floats
    cohort: Floats
    outcome: Floats
    covariates: Floats | None
    weight: Floats | None
    cluster: Integers | None
    unit: Integers | None
    period: Integers | None
    row_weight: Floats | None
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


def ready_panel(
    panel: pl.DataFrame,
    unit: str,
    time: str,
    cohort: str,
    outcome: str,
    covariates: Sequence[str] | None = None,
    cluster: str | None = None,
    weights: str | None = None,
    rows: Rows = "balanced",
) -> Panel:
    """Checks a long frame (one row per unit and period) and, unless `rows` says otherwise, balances it.

    Rows with a missing outcome or covariate go first; then units that are not observed in every period; then units already treated in the
    first period, which have no base period. Each loss is counted in `notes`. Cohort null, NaN, 0 or after the last period = never treated.
    Raises ValueError for a missing column, a repeated (unit, time), a cohort or cluster that changes within a unit, or a negative weight.
    """
    frame, notes, chosen = _read(panel, unit, time, cohort, outcome, list(covariates or []), cluster, weights, rows)
    times = frame["time"].unique().sort()
    if rows == "balanced":
        counted = frame.with_columns(pl.len().over("unit").alias("n"))
        frame = counted.filter(pl.col("n") == len(times)).drop("n")
        if lost := counted["unit"].n_unique() - frame["unit"].n_unique():
            notes.append(f"{lost} 个单位未在全部 {len(times)} 期出现，未使用（按平衡面板估计）")

    never = (pl.col("cohort") <= 0) | (pl.col("cohort") > times.max())
    frame = frame.with_columns(pl.when(never).then(float("inf")).otherwise(pl.col("cohort")).alias("cohort"))
    early = frame.filter(pl.col("cohort") <= times.min())["unit"].n_unique()
    if early:
        notes.append(f"{early} 个单位在首期或之前已受处理，没有处理前的一期，未使用")
        frame = frame.filter(pl.col("cohort") > times.min())
    if frame.is_empty():
        raise ValueError("平衡之后没有剩下任何单位")
    return _arranged(frame, times, panel.schema[time], panel.schema[cohort], chosen, rows, tuple(notes))


def _read(
    panel: pl.DataFrame,
    unit: str,
    time: str,
    cohort: str,
    outcome: str,
    chosen: list[str],
    cluster: str | None,
    weights: str | None,
    rows: Rows,
) -> tuple[pl.DataFrame, list[str], int]:
    """Columns unit, time, cohort, y0 (outcome), y1 … (covariates), cluster, w, without missing values, sorted; notes; number of covariates."""
    wanted = [unit, time, cohort, outcome, *chosen, *([cluster] if cluster else []), *([weights] if weights else [])]
    if missing := [name for name in wanted if name not in panel.columns]:
        raise ValueError(f"面板缺少列 {missing}；现有列：{panel.columns}")
    for name in (time, cohort, outcome, *chosen, *([weights] if weights else [])):
        if not panel.schema[name].is_numeric() and panel.schema[name] not in (pl.Boolean, pl.Null):
            raise ValueError(f"列 {name} 应为数值，实为 {panel.schema[name]}；日期请先换成期号，类别请先换成哑变量")

    frame = panel.select(
        pl.int_range(pl.len()).alias("unit") if rows == "cross_sections" else pl.col(unit).alias("unit"),
        pl.col(time).cast(pl.Float64).alias("time"),
        pl.col(cohort).cast(pl.Float64).fill_nan(None).fill_null(0).alias("cohort"),
        *(pl.col(name).cast(pl.Float64).fill_nan(None).alias(f"y{i}") for i, name in enumerate([outcome, *chosen])),
        *([pl.col(cluster).rank("dense").cast(pl.Int64).alias("cluster")] if cluster else []),
        *([pl.col(weights).cast(pl.Float64).fill_nan(None).alias("w")] if weights else []),
    )
    notes: list[str] = []
    complete = frame.drop_nulls()
    if lost := frame.height - complete.height:
        notes.append(f"{lost} 行缺少结果、协变量、单位或期别，未使用")
    frame = complete.sort("unit", "time")
    if frame.is_empty():
        raise ValueError("面板没有可用的行")
    if weights and bool((frame["w"] < 0).any()):
        raise ValueError(f"权重 {weights} 不得为负")
    if frame.select(pl.struct("unit", "time").is_duplicated().any()).item():
        row = frame.filter(pl.struct("unit", "time").is_duplicated()).row(0, named=True)
        raise ValueError(f"单位 {row['unit']} 在第 {row['time']:g} 期有多行；每个单位每期应恰有一行")
    for name, said in (("cohort", "首次处理期"), ("cluster", "聚类")):
        if name in frame.columns:
            varied = frame.group_by("unit").agg(pl.col(name).n_unique().alias("n")).filter(pl.col("n") > 1).sort("unit")
            if not varied.is_empty():
                raise ValueError(f"单位 {varied['unit'][0]} 的{said}前后不一致；它在单位内不得变化")
    return frame, notes, len(chosen)


def _arranged(
    frame: pl.DataFrame,
    times: pl.Series,
    time_type: pl.DataType,
    cohort_type: pl.DataType,
    chosen: int,
    rows: Rows,
    notes: tuple[str, ...],
) -> Panel:
    """The sorted frame as arrays."""
    values = frame.select(pl.col("^y\\d+$")).to_numpy()
    units = frame.unique("unit", keep="first", maintain_order=True)
    weighted, balanced = "w" in frame.columns, rows == "balanced"
    if balanced:
        values = values.reshape(units.height, len(times), 1 + chosen)
        weight = units["w"] if weighted else None
    else:
        # a unit's share in the aggregates is that of its rows' mean weight
        weight = frame.group_by("unit", maintain_order=True).agg(pl.col("w").mean())["w"] if weighted else None
    return Panel(
        times=times.to_numpy(),
        cohort=units["cohort"].to_numpy(),
        outcome=np.ascontiguousarray(values[..., 0]),
        covariates=np.ascontiguousarray(values[..., 1:]) if chosen else None,
        weight=None if weight is None else weight.to_numpy(),
        cluster=units["cluster"].to_numpy() if "cluster" in units.columns else None,
        unit=None if balanced else (frame["unit"].rank("dense").cast(pl.Int64) - 1).to_numpy(),
        period=None if balanced else (frame["time"].rank("dense").cast(pl.Int64) - 1).to_numpy(),
        row_weight=frame["w"].to_numpy() if weighted and not balanced else None,
        time_type=time_type,
        cohort_type=cohort_type if cohort_type != pl.Null else pl.Int64(),
        notes=notes,
    )
