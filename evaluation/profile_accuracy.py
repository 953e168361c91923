"""How exact a profile is: its values against the planted truth on delivered and readable rows, and every other value's cause.

Frames in, frames out. `agreement` says why one value differs; here the differences of many days are counted into shares and causes.
"""

from __future__ import annotations

import polars as pl

from evaluation import agreement

# What kept a value from us before we could read it, or makes it another quantity than the truth's: no error of the profile's.
NOT_OURS = frozenset(
    {
        agreement.LATE, agreement.REFUSED, agreement.REJECTED, agreement.UNLINKED, agreement.PLANTED, agreement.ROUNDED, agreement.SUBSTITUTE,
        agreement.UNASSERTED, agreement.GAP, agreement.SILENT, agreement.DEFINITION, agreement.NOT_DUE, agreement.PARTIAL,
        agreement.OVERWRITTEN,
    }
)  # fmt: skip


def accuracy(compared: pl.DataFrame, explained: pl.DataFrame) -> pl.DataFrame:
    """indicator, known (both sides hold a value), equal, readable, share, ours: one row per indicator, over all days given.

    `compared`: uscc, indicator, ours, true, agrees; `explained`: the differing rows with their cause. `readable` leaves out the values
    that what was delivered could not have told; `share` is equal over readable (null where nothing was readable), `ours` our errors,
    values unknown to us that had been delivered among them.
    """
    both = pl.col("ours").is_not_null() & pl.col("true").is_not_null()
    held = compared.group_by("indicator").agg(known=both.sum(), equal=(both & pl.col("agrees")).sum())
    wrong = explained.group_by("indicator").agg(ours=(~pl.col("cause").is_in(sorted(NOT_OURS))).sum())
    return (
        held.join(wrong, on="indicator", how="left")
        .with_columns(pl.col("ours").fill_null(0))
        .with_columns(readable=pl.col("equal") + pl.col("ours"))
        .with_columns(share=pl.when(pl.col("readable") > 0).then(pl.col("equal") / pl.col("readable")))
        .select("indicator", "known", "equal", "readable", "share", "ours")
        .sort("indicator")
    )


def summed(days: pl.DataFrame) -> pl.DataFrame:
    """The tables of `accuracy` of several days, one under the other, as one."""
    counts = days.group_by("indicator").agg(pl.col("known", "equal", "readable", "ours").sum())
    share = pl.when(pl.col("readable") > 0).then(pl.col("equal") / pl.col("readable"))
    return (
        counts.with_columns(share=share)
        .select("indicator", "known", "equal", "readable", "share", "ours")
        .sort("indicator")
    )


def by_cause(counted: pl.DataFrame) -> pl.DataFrame:
    """cause, wrong (both sides hold a value), unknown (only truth does), indicators: the disagreements, commonest first.

    `counted`: indicator, cause, wrong, unknown.
    """
    return (
        counted.group_by("cause")
        .agg(pl.col("wrong", "unknown").sum(), indicators=pl.col("indicator").n_unique())
        .sort("wrong", "unknown", "cause", descending=[True, True, False])
    )


def coverage(evidence: pl.DataFrame, catalogue: pl.DataFrame, enterprises: int) -> pl.DataFrame:
    """indicator, department, known, not_applicable, share: of `enterprises`, the share with a known value; 0 where nobody has one.

    `evidence`: indicator, state; `catalogue`: indicator, department (that of the value's first source).
    """
    counted = evidence.group_by("indicator").agg(
        known=(pl.col("state") == "known").sum(), not_applicable=(pl.col("state") == "not_applicable").sum()
    )
    return (
        catalogue.join(counted, on="indicator", how="left")
        .with_columns(pl.col("known", "not_applicable").fill_null(0))
        .with_columns(share=pl.col("known") / max(enterprises, 1))
        .sort("department", "indicator")
    )
