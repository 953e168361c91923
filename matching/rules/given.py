"""What callers hand in, brought to the one form the engine works on, or refused with what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from matching.rules.errors import refused


def frame_of(given: Any, what: str) -> pl.DataFrame:
    """A polars DataFrame from a polars LazyFrame, a pandas DataFrame, an Arrow table, a DuckDB relation or a mapping of columns to lists.

    Raises RuleError for anything else, and for columns of unequal length.
    """
    if isinstance(given, pl.DataFrame):
        return given
    if isinstance(given, pl.LazyFrame):
        return given.collect()
    if isinstance(given, Mapping):
        given = {name: _plain(values) for name, values in given.items()}
    elif not (hasattr(given, "__dataframe__") or hasattr(given, "__arrow_c_stream__")):
        raise refused(
            None, f"{what}应为 polars DataFrame（或 pandas、Arrow 表、列名到列表的映射），现为 {_kind(given)}"
        )
    try:
        # a float that is not a number is NULL once it is read, whether it says so here or there
        return pl.DataFrame(given)
    except _UNREADABLE as error:
        raise refused(None, f"{what}的列读不进来：{_culprit(given)}{_first_line(error)}") from None


# What polars raises for data it cannot hold; a panic of its own is no Exception.
_UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, TypeError, ValueError, OverflowError)


def _plain(values: Any) -> Any:
    """A list in which integers stand beside floats or decimals, which polars refuses, as decimals; anything else as it is."""
    if not isinstance(values, list | tuple):
        return values
    kinds = {type(value) for value in values if value is not None}
    if not kinds <= {int, float, Decimal} or kinds <= {int} or kinds == {float}:
        return values
    exact = [None if value is None else Decimal(str(value)) for value in values]
    return [value if value is None or value.is_finite() else None for value in exact]


def _culprit(given: Any) -> str:
    """Which of several columns cannot be read."""
    if isinstance(given, Mapping):
        for name, values in given.items():
            try:
                pl.DataFrame({name: values})
            except _UNREADABLE:
                return f"列 {name}："
    return ""


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]


def row_of(given: Any) -> Mapping[str, Any]:
    """One profile: a mapping of indicators to values, or a frame of one row."""
    if isinstance(given, Mapping):
        return given
    if isinstance(given, pl.DataFrame):
        if given.height != 1:
            raise refused(
                None, f"profile_row 应只有一行，现有 {given.height} 行；先选出一家，如 frame.row(0, named=True)"
            )
        return given.row(0, named=True)
    raise refused(None, f"profile_row 应为指标名到值的映射，如 frame.row(0, named=True)，现为 {_kind(given)}")


def day_of(given: Any) -> date:
    """The day of `as_of`; a moment counts as its day."""
    if isinstance(given, datetime) and given == given:  # pandas' NaT is a datetime that is not itself
        return given.date()
    if isinstance(given, date) and given == given:
        return given
    raise refused(None, f"as_of 应为日期（datetime.date），现为 {_kind(given)}：{given!r}")


def mapping_of(given: Any, what: str) -> Mapping[str, Any]:
    if isinstance(given, Mapping):
        return given
    raise refused(None, f"{what}，现为 {_kind(given)}")


def entries_of(given: Any, what: str) -> Iterable[Any]:
    if isinstance(given, Iterable) and not isinstance(given, str | Mapping):
        return given
    raise refused(None, f"{what}，现为 {_kind(given)}")


def _kind(given: Any) -> str:
    return type(given).__name__
