"""What callers hand in, brought to the one form the engine works on, or refused with what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import polars as pl

from matching.rules.errors import refused


def frame_of(given: Any, what: str) -> pl.DataFrame:
    """A polars DataFrame from a polars LazyFrame, a pandas DataFrame, an Arrow table or a mapping of columns to lists.

    Raises RuleError for anything else, and for columns of unequal length.
    """
    if isinstance(given, pl.DataFrame):
        return given
    if isinstance(given, pl.LazyFrame):
        return given.collect()
    if isinstance(given, Mapping) or hasattr(given, "__dataframe__") or hasattr(given, "__arrow_c_stream__"):
        try:
            # a float that is not a number is NULL once it is read, whether it says so here or there
            return pl.DataFrame(given)
        except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
            raise refused(None, f"{what}的列读不进来：{error}") from None
    raise refused(None, f"{what}应为 polars DataFrame（或 pandas、Arrow 表、列名到列表的映射），现为 {_kind(given)}")


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
    if isinstance(given, datetime):
        return given.date()
    if isinstance(given, date):
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
