"""Group-time effects and what is summed up from them: simple, by cohort, by time since treatment, by calendar time.

Definitions and influence functions of Callaway and Sant'Anna (2021), "Difference-in-differences with multiple time periods", section 4, as the
authors' own software computes them: the cohort weights are themselves estimated and add to the errors.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtri

from evaluation.did_panel import Floats, Integers

LEVEL = 0.95
QUANTILE = float(ndtri(0.5 + LEVEL / 2))


@dataclass(frozen=True)
class Sampling:
    """How errors are computed: n units, clusters (dense numbers) if any, and the multiplier bootstrap's draws and seed."""

    size: int
    cluster: Integers | None
    draws: int
    seed: int

    def summed(self, influence: Floats) -> Floats:
        """(n, k) influences summed within clusters; unchanged without clusters."""
        if self.cluster is None:
            return influence
        _, dense = np.unique(self.cluster, return_inverse=True)
        total = np.zeros((int(dense.max()) + 1, influence.shape[1]))
        np.add.at(total, dense, influence)
        return total

    def covariance(self, influence: Floats) -> Floats:
        summed = self.summed(influence)
        covariance: Floats = summed.T @ summed / self.size**2
        return covariance

    def errors(self, influence: Floats) -> Floats:
        summed = self.summed(influence)
        errors: Floats = np.sqrt(np.einsum("ij,ij->j", summed, summed)) / self.size
        return errors

    def bootstrap(self, influence: Floats) -> tuple[Floats, float]:
        """Errors (interquartile range ÷ that of a normal) and the critical value of simultaneous bands.

        Multiplier bootstrap with Mammen's two-point weights, one weight per unit or cluster.
        """
        summed = self.summed(influence)
        rows, columns = summed.shape
        root5 = 5**0.5
        low, high, chance = (1 - root5) / 2, (1 + root5) / 2, (root5 + 1) / (2 * root5)
        rng = np.random.default_rng(self.seed)
        drawn = np.empty((self.draws, columns))
        block = max(1, 4_000_000 // rows)
        for start in range(0, self.draws, block):
            stop = min(start + block, self.draws)
            weights = np.where(rng.random((stop - start, rows)) < chance, low, high)
            drawn[start:stop] = weights @ summed / self.size
        quartiles = np.quantile(drawn, [0.25, 0.75], axis=0, method="inverted_cdf")
        errors: Floats = (quartiles[1] - quartiles[0]) / float(ndtri(0.75) - ndtri(0.25))
        moving = errors > 1e-12
        if not moving.any():
            return errors, QUANTILE
        largest = np.abs(drawn[:, moving] / errors[moving]).max(axis=1)
        return errors, max(QUANTILE, float(np.quantile(largest, LEVEL, method="inverted_cdf")))


@dataclass(frozen=True)
class Aggregate:
    """One summary: overall `att`, and its parts in `table`.

    `se` comes from the influence function, `ci` is pointwise at 95 %. `table` has the key (`cohort`, `event_time` or `time`), att, se,
    ci_low, ci_high, and band_low, band_high: simultaneous 95 % bands by the multiplier bootstrap.
    """

    att: float
    influence: Floats = field(repr=False)
    key: str | None
    labels: pl.Series = field(repr=False)
    parts: Floats = field(repr=False)
    part_influence: Floats = field(repr=False)
    sampling: Sampling = field(repr=False)

    @cached_property
    def se(self) -> float:
        return float(self.sampling.errors(self.influence[:, None])[0])

    @property
    def ci(self) -> tuple[float, float]:
        return self.att - QUANTILE * self.se, self.att + QUANTILE * self.se

    @cached_property
    def se_bootstrap(self) -> float:
        """The multiplier bootstrap's error of `att`; differs from `se` by simulation noise only."""
        return float(self.sampling.bootstrap(self.influence[:, None])[0][0])

    @cached_property
    def table(self) -> pl.DataFrame:
        return estimates({self.key or "summary": self.labels}, self.parts, self.part_influence, self.sampling)


def estimates(labels: dict[str, pl.Series], parts: Floats, influence: Floats, sampling: Sampling) -> pl.DataFrame:
    """Labels, att, se, pointwise interval and simultaneous band, one row per part; errors of exactly 0 become null."""
    errors = sampling.errors(influence)
    critical = sampling.bootstrap(influence)[1]
    return pl.DataFrame(
        {
            **labels,
            "att": parts,
            "se": errors,
            "ci_low": parts - QUANTILE * errors,
            "ci_high": parts + QUANTILE * errors,
            "band_low": parts - critical * errors,
            "band_high": parts + critical * errors,
        }
    ).with_columns(
        pl.when(pl.col("se") > 0).then(pl.col("se", "ci_low", "ci_high", "band_low", "band_high")),
        pl.col("att").fill_nan(None),
    )


@dataclass(frozen=True)
class DidResult:
    """What `did` returns. Arrays run over the estimable cells; `att_gt` and the aggregates are computed when asked for.

    `notes` says in Chinese what was left out; `skipped` names cells that could not be compared.
    """

    cohorts: Floats = field(repr=False)
    times: Floats = field(repr=False)
    effects: Floats = field(repr=False)
    influence: Floats = field(repr=False)
    treated_counts: Integers = field(repr=False)
    control_counts: Integers = field(repr=False)
    unit_cohort: Floats = field(repr=False)
    sampling: Sampling = field(repr=False)
    cohort_type: pl.DataType = field(repr=False)
    time_type: pl.DataType = field(repr=False)
    first_time: float = field(default=0.0, repr=False)
    unit_weight: Floats | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @cached_property
    def att_gt(self) -> pl.DataFrame:
        """One row per cohort and time: cohort, time, att, se, ci_low, ci_high, band_low, band_high, n_treated, n_control."""
        labels = {
            "cohort": pl.Series(self.cohorts).cast(self.cohort_type),
            "time": pl.Series(self.times).cast(self.time_type),
        }
        table = estimates(labels, self.effects, self.influence, self.sampling)
        return table.with_columns(
            pl.Series("n_treated", self.treated_counts), pl.Series("n_control", self.control_counts)
        ).sort("cohort", "time")

    @cached_property
    def pretrend_p(self) -> float | None:
        """Wald test that every effect before treatment is zero; None without such cells or when their covariance is singular."""
        before = (self.cohorts > self.times) & np.any(self.influence != 0, axis=0)
        if not before.any():
            return None
        covariance = self.sampling.covariance(self.influence[:, before])
        if np.linalg.matrix_rank(covariance) < int(before.sum()):
            return None
        effects = self.effects[before]
        return float(chdtrc(int(before.sum()), effects @ np.linalg.solve(covariance, effects)))

    @cached_property
    def simple(self) -> Aggregate:
        """All cells from treatment on, weighted by cohort size."""
        kept = self._after
        att, influence = self._weighted(kept)
        return Aggregate(
            att, influence, None, pl.Series(["simple"]), np.array([att]), influence[:, None], self.sampling
        )

    @cached_property
    def group(self) -> Aggregate:
        """Each cohort's mean over its treated periods; overall weighted by cohort size."""
        labels = np.unique(self.cohorts[self._after])
        cells = [np.flatnonzero(self._after & (self.cohorts == label)) for label in labels]
        parts = np.array([self.effects[cell].mean() for cell in cells])
        influence = np.column_stack([self.influence[:, cell].mean(axis=1) for cell in cells])
        share = self._members(labels).mean(axis=0)
        weights = share / share.sum()
        overall = influence @ weights + self._weight_influence(labels) @ parts
        return Aggregate(
            float(parts @ weights),
            overall,
            "cohort",
            pl.Series(labels).cast(self.cohort_type),
            parts,
            influence,
            self.sampling,
        )

    @cached_property
    def event(self) -> Aggregate:
        """By time since treatment, cohorts weighted by size; overall = plain mean over event times ≥ 0."""
        return self.events()

    def events(self, lowest: float = -np.inf, highest: float = np.inf, balance: float | None = None) -> Aggregate:
        """The same between two event times; with `balance`, only of cohorts seen for at least that long, up to it.

        Raises ValueError when no event time from treatment on is left.
        """
        since = self.times - self.cohorts
        kept = (since >= lowest) & (since <= highest)
        if balance is not None:
            seen = self.times.max() - self.cohorts >= balance
            kept &= seen & (since <= balance) & (since >= balance - (self.times.max() - self.first_time))
        labels = np.unique(since[kept])
        if not (labels >= 0).any():
            raise ValueError("所选范围内没有处理后的时期")
        pairs = [self._weighted(kept & (since == label)) for label in labels]
        parts = np.array([att for att, _ in pairs])
        influence = np.column_stack([one for _, one in pairs])
        after = labels >= 0
        return Aggregate(
            float(parts[after].mean()),
            influence[:, after].mean(axis=1),
            "event_time",
            pl.Series(labels).cast(pl.Int64 if np.all(labels == np.round(labels)) else pl.Float64),
            parts,
            influence,
            self.sampling,
        )

    @cached_property
    def calendar(self) -> Aggregate:
        """By period, over the cohorts treated by then, weighted by size; overall = plain mean over periods."""
        labels = np.unique(self.times[self._after])
        pairs = [self._weighted(self._after & (self.times == label)) for label in labels]
        parts = np.array([att for att, _ in pairs])
        influence = np.column_stack([one for _, one in pairs])
        return Aggregate(
            float(parts.mean()),
            influence.mean(axis=1),
            "time",
            pl.Series(labels).cast(self.time_type),
            parts,
            influence,
            self.sampling,
        )

    @property
    def _after(self) -> NDArray[np.bool_]:
        after: NDArray[np.bool_] = self.cohorts <= self.times
        return after

    def _members(self, cohorts: Floats) -> Floats:
        """(n, k): each unit's weight in each of `cohorts`, 0 outside."""
        member: Floats = (self.unit_cohort[:, None] == cohorts[None, :]).astype(np.float64)
        return member if self.unit_weight is None else member * self.unit_weight[:, None]

    def _weight_influence(self, cohorts: Floats) -> Floats:
        """(n, k) influences on the normalised cohort shares of `cohorts`, one column per entry (entries may repeat)."""
        member = self._members(cohorts)
        share = member.mean(axis=0)
        total = share.sum()
        centred = member - share
        influence: Floats = centred / total - centred.sum(axis=1, keepdims=True) * (share / total**2)
        return influence

    def _weighted(self, kept: NDArray[np.bool_]) -> tuple[float, Floats]:
        """Mean of the kept cells weighted by cohort share, and its influence function."""
        cells = np.flatnonzero(kept)
        labels, cohort_of = np.unique(self.cohorts[cells], return_inverse=True)
        belongs = self._members(labels)
        shares = belongs.mean(axis=0)
        share = shares[cohort_of]
        weights = share / share.sum()
        effects = self.effects[cells]
        # The same cohort's share recurs in several cells, so its influence is gathered per cohort before it meets n units.
        member = belongs - shares
        counts = np.bincount(cohort_of)
        through = np.bincount(cohort_of, weights=effects) / share.sum()
        total = share.sum()
        drift = float(effects @ share) / total**2
        influence: Floats = self.influence[:, cells] @ weights + member @ (through - counts * drift)
        return float(effects @ weights), influence
