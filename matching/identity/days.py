"""What the days that rows state say of a candidate: nothing is done under a name by an enterprise that is not founded yet.

A name is given again some years after its holder has gone. Where no register still holds the former holder, a row of his carries the whole name of
one registered enterprise and nothing else tells the two apart but the day.
"""

from __future__ import annotations

import polars as pl

EARLY = "所记日期早于此主体成立,可能属于此前用此名称的主体"
# Who is being founded goes by the name that is reserved for it, and departments write so: 某某（筹）有限公司.
_PREPARING = r"[（(]\s*筹(?:建|备)?(?:中|处|组)?\s*[)）]"
PREPARING_YEARS = 2


def with_day(subjects: pl.DataFrame) -> pl.DataFrame:
    """Subjects with `said_on` (Date), the earliest day that a row of theirs states for itself; null where nobody told."""
    if "said_on" in subjects.columns:
        return subjects.with_columns(pl.col("said_on").cast(pl.Date))
    return subjects.with_columns(said_on=pl.lit(None, pl.Date))


def with_founding(enterprises: pl.DataFrame) -> pl.DataFrame:
    """Enterprises with `established_date` (Date); null where nobody told."""
    if "established_date" in enterprises.columns:
        return enterprises.with_columns(pl.col("established_date").cast(pl.Date))
    return enterprises.with_columns(established_date=pl.lit(None, pl.Date))


def early(name: str = "name") -> pl.Expr:
    """Whether the day of a pair (said_on, established_date, what was said) is before the founding; unknown days are not.

    A name that says it is of an enterprise in preparation may be PREPARING_YEARS older than the founding.
    """
    preparing = pl.col(name).str.contains(_PREPARING).fill_null(False)
    first = (
        pl.when(preparing)
        .then(pl.col("established_date").dt.offset_by(f"-{PREPARING_YEARS}y"))
        .otherwise("established_date")
    )
    return (pl.col("said_on") < first).fill_null(False)


def told() -> pl.Expr:
    """The two days of a pair in words."""
    return pl.format("所记日期 {} 早于成立日期 {}", "said_on", "established_date")
