"""The shapes of the resources an asset may ask for; `pipelines` supplies them.

Assets depend on these protocols and never on `pipelines`, so that the arrow of the house holds and a test can hand in its own warehouse.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from sqlite3 import Connection
from typing import Any, Protocol

import polars as pl


@dataclass(frozen=True)
class Written:
    """What a write left behind: the full table name, its rows, and its columns (name → DuckDB type), in order."""

    table: str
    rows: int
    columns: dict[str, str]


class Transaction(Protocol):
    """Writes that commit together or not at all."""

    def replace(self, table: str, rows: pl.DataFrame | str, parameters: Mapping[str, Any] | None = None) -> Written:
        """Makes `table` hold exactly `rows`: a frame, or the text of one SELECT run inside the warehouse."""
        ...

    def append(self, table: str, rows: pl.DataFrame, key: Sequence[str] = ()) -> Written:
        """Adds `rows` by column name; rows already there with the same `key` values are replaced, so a rerun changes nothing.

        Creates the table from the frame's schema if it is missing. Raises ValueError if `rows` has a column the table has not.
        `Written.rows` counts the whole table.
        """
        ...

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Runs one statement; named parameters as `$name`."""
        ...

    def frame(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """The result of one SELECT that sees what this transaction has written."""
        ...


class Warehouse(Protocol):
    """The one writer's DuckDB. Table names are `schema.table`; the scope's dates are DuckDB variables on every connection."""

    @property
    def home(self) -> Path: ...

    def frame(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """The result of one SELECT as a polars frame."""
        ...

    def exists(self, table: str) -> bool: ...

    def columns(self, table: str) -> dict[str, str]:
        """Column names and DuckDB types, in order; empty when the table does not exist."""
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """One transaction; waits its turn if another process holds the file."""
        ...


class Scope(Protocol):
    """The dates and identity of a run. None of them is ever now()."""

    @property
    def as_of(self) -> date: ...

    @property
    def known_at(self) -> datetime: ...

    @property
    def rules_as_of(self) -> date: ...

    @property
    def build_id(self) -> str: ...

    def seal(self) -> None:
        """Called once the door has closed: from now on the deliveries of this build are known."""
        ...


@dataclass(frozen=True)
class Refreshed:
    """`enterprises` whose rows of the profile were computed anew; `reason` in Chinese where everybody's were."""

    enterprises: int
    reason: str | None = None


class Refresh(Protocol):
    """Brings every table of the profile up to date, touching no more than changed (`pipelines.refresh`)."""

    def __call__(self, warehouse: Any, scope: Any) -> Refreshed: ...


class Control(Protocol):
    """`control.sqlite`: small transactions that must never be lost or doubled."""

    def transaction(self) -> AbstractContextManager[Connection]:
        """`BEGIN IMMEDIATE` … commit, or roll back on an exception."""
        ...

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]: ...
