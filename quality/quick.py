"""What most cells look like, read in one pass; `quality.parse` reads the rest its strict way. Both give the same (tests/quality/test_quick.py)."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from math import floor, log10

import polars as pl

# Below this many rows the passes below cost more than they save.
LEAST = 64
# A column is read by its distinct values if a sample of its head holds at most this share of them.
SAMPLE, FEW = 512, 0.25
# places a number keeps while it is multiplied
_EXACT = 10
_T = pl.col("t")
_COMPACT = re.compile("[0-9]{8}")


def plain(text: pl.Series) -> pl.Series:
    """Whether a cell is printable ASCII without blanks and without an apostrophe in front: folding changes nothing in it."""
    return text.str.contains(r"^[!-&(-_a-~][!-~]*$").fill_null(False)


def repeated(text: pl.Series) -> tuple[pl.Series, pl.Series] | None:
    """(distinct values, index of each row into them; null for null) of a column that says few things over and over; None for any other."""
    if len(text) < LEAST or text.head(SAMPLE).n_unique() > FEW * min(len(text), SAMPLE):
        return None
    distinct = text.drop_nulls().unique()
    if len(distinct) > FEW * len(text):
        return None
    return distinct, text.cast(pl.Enum(distinct)).to_physical()


def dates(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """(dates, which of them are sure) of cells written like the first of them: 2025-03-01, 2025/03/01 or 20250301."""
    first = text.head(LEAST).drop_nulls()
    like = str(first[0]) if len(first) else ""
    if _COMPACT.fullmatch(like):
        compact = _T.str.to_date("%Y%m%d", strict=False)
        return _pair(text, compact, compact.dt.year().is_between(1800, 2200) & _T.str.contains(r"^[0-9]{8}$"))
    if "/" in like:
        text = text.str.replace_all("/", "-", literal=True)
    day = _T.str.to_date("%Y-%m-%d", strict=False)
    return _pair(text, day, day.dt.year().is_between(1800, 2200) & _written(10, blanks=0))


def datetimes(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """(timestamps, which of them are sure) of cells written 2025-03-01 09:30:00."""
    moment = _T.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    return _pair(text, moment, moment.dt.year().is_between(1800, 2200) & _written(19, blanks=1))


def _written(length: int, blanks: int) -> pl.Expr:
    """chrono is lenient about blanks and signs; of this many bytes with this many blanks only the written form is left."""
    counted = _T.str.count_matches(" ", literal=True) == blanks if blanks else ~_T.str.contains(" ", literal=True)
    return (_T.str.len_bytes() == length) & counted


def integers(text: pl.Series, factor: Decimal, largest: int) -> tuple[pl.Series, pl.Series]:
    """(integers, which of them are sure): digits alone, times a whole factor."""
    if factor != int(factor):
        return _nothing(text, pl.Int64())
    sure = _T.str.contains(rf"^-?[0-9]{{1,{_digits(factor, largest)}}}$")
    return _pair(text, pl.when(sure).then(_T).cast(pl.Int64, strict=False) * int(factor), sure)


def decimals(text: pl.Series, factor: Decimal, largest: int, scale: int) -> tuple[pl.Series, pl.Series]:
    """(decimals of `scale`, which of them are sure): digits with as many places as the factor leaves exact."""
    power = factor.normalize().as_tuple()
    tens = int(power.exponent) if power.digits == (1,) or factor != int(factor) else 0
    places = min(scale + tens, _EXACT)
    if places < 1:
        return _nothing(text, pl.Decimal(18, scale))
    sure = _T.str.contains(rf"^-?[0-9]{{1,{_digits(factor, largest)}}}(?:\.[0-9]{{1,{places}}})?$")
    number = pl.when(sure).then(_T)
    if factor == 1:
        return _pair(text, number.cast(pl.Decimal(18, scale), strict=False), sure)
    product = number.cast(pl.Decimal(38, _EXACT), strict=False) * pl.lit(factor).cast(pl.Decimal(38, _EXACT))
    return _pair(text, product.cast(pl.Decimal(18, scale), strict=False), sure)


def _digits(factor: Decimal, largest: int) -> int:
    """Digits before the point of which every number, times the factor, stays below `largest`."""
    return max(1, floor(log10(largest / float(factor)) + 1e-9)) if factor > 1 else floor(log10(largest) + 1e-9)


def _nothing(text: pl.Series, kind: pl.DataType) -> tuple[pl.Series, pl.Series]:
    unsure = pl.repeat(False, len(text), dtype=pl.Boolean, eager=True)
    return pl.repeat(None, len(text), dtype=kind, eager=True), unsure


def _pair(text: pl.Series, values: pl.Expr, sure: pl.Expr) -> tuple[pl.Series, pl.Series]:
    frame = pl.DataFrame({"t": text}).select(v=values, s=sure)
    known = frame["s"].fill_null(False) & frame["v"].is_not_null()
    return frame["v"], known


def completed(
    text: pl.Series, quick: tuple[pl.Series, pl.Series], slow: Callable[[pl.Series], tuple[pl.Series, pl.Series]]
) -> tuple[pl.Series, pl.Series]:
    """(values, bad) of every cell: what is sure as it is, the rest by `slow` (text → values, bad)."""
    values, sure = quick
    rest = ~sure & text.is_not_null()
    unread = int(rest.sum())
    bad = pl.repeat(False, len(text), dtype=pl.Boolean, eager=True)
    if unread == 0:
        return values, bad
    if unread == len(text):
        return slow(text)
    at = rest.arg_true()
    told, wrong = slow(text.gather(at))
    kept = pl.select(pl.when(sure).then(values)).to_series()
    return kept.scatter(at, told), bad.scatter(at, wrong)
