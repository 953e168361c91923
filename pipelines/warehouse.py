"""The warehouse: one DuckDB file, one writer that waits its turn, one transaction per write."""

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import polars as pl

from assets.ports import Scope, Written

# Half of the smallest machine we run on; DuckDB spills to disk beyond it.
MEMORY_LIMIT = "8GB"
_NAME = re.compile(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*")


class WarehouseBusyError(RuntimeError):
    """Another process held the warehouse for longer than we wait."""


def _quoted(table: str) -> str:
    if not _NAME.fullmatch(table):
        raise ValueError(f"表名应为 schema.table（小写字母、数字、下划线），实际为 {table!r}")
    schema, name = table.split(".")
    return f'"{schema}"."{name}"'


def _described(con: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    return {row[0]: row[1] for row in con.execute(f"DESCRIBE {relation}").fetchall()}


class DuckTransaction:
    """One open transaction; see `assets.ports.Transaction`."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        # Looked up once per transaction: a catalog query is 3 to 6 ms, and a load asks five times.
        self._tables: set[str] | None = None

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        self._con.execute(sql, dict(parameters) if parameters else None).fetchall()
        if sql.lstrip()[:4].upper() in ("CREA", "DROP"):
            self._tables = None

    def frame(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pl.DataFrame:
        return self._con.sql(sql, params=dict(parameters) if parameters else None).pl()

    def replace(self, table: str, rows: pl.DataFrame | str, parameters: Mapping[str, Any] | None = None) -> Written:
        target = self._ready(table)
        with self._source(rows) as source:
            self.execute(f"CREATE OR REPLACE TABLE {target} AS {source}", parameters)
            self._known().add(table)
        return self._written(table)

    def append(self, table: str, rows: pl.DataFrame, key: Sequence[str] = ()) -> Written:
        target = self._ready(table)
        with self._source(rows) as source:
            if table not in self._known():
                self.execute(f"CREATE TABLE {target} AS {source}")
                self._known().add(table)
                return self._written(table)
            present = _described(self._con, target)
            extra = [c for c in rows.columns if c not in present]
            if extra:
                raise ValueError(f"{table} 没有列 {'、'.join(extra)}；拒绝写入，旧数据不变")
            if key and rows.height:
                match = " AND ".join(f'{target}."{k}" IS NOT DISTINCT FROM s."{k}"' for k in key)
                columns = ", ".join(f'"{k}"' for k in key)
                self.execute(f"DELETE FROM {target} USING (SELECT DISTINCT {columns} FROM ({source})) s WHERE {match}")
            if rows.height:
                self.execute(f"INSERT INTO {target} BY NAME {source}")
        return self._written(table, present)

    def _ready(self, table: str) -> str:
        target = _quoted(table)
        if table not in self._known():
            self.execute(f"CREATE SCHEMA IF NOT EXISTS {target.split('.')[0]}")
        return target

    def _known(self) -> set[str]:
        if self._tables is None:
            found = self._con.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables()").fetchall()
            self._tables = {name for (name,) in found}
        return self._tables

    @contextmanager
    def _source(self, rows: pl.DataFrame | str) -> Iterator[str]:
        if isinstance(rows, str):
            yield rows
            return
        self._con.register("_incoming", rows.to_arrow())
        try:
            yield "SELECT * FROM _incoming"
        finally:
            self._con.unregister("_incoming")

    def _written(self, table: str, columns: dict[str, str] | None = None) -> Written:
        target = _quoted(table)
        counted = self._con.execute(f"SELECT count(*) FROM {target}").fetchall()
        return Written(table=table, rows=int(counted[0][0]), columns=columns or _described(self._con, target))


def _exists(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    schema, name = table.split(".")
    found = con.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE schema_name = $s AND table_name = $t",
        {"s": schema, "t": name},
    ).fetchall()
    return bool(found[0][0])


@dataclass
class DuckWarehouse:
    """`assets.ports.Warehouse` over `<home>/warehouse.duckdb`.

    DuckDB refuses a second process at once, readers included, so every operation opens the file, works and closes it;
    who finds it taken waits up to `patience_seconds`. Within `held()` the file stays open between operations, as a run wants it:
    opening and closing 300 times cost a tiny run 8 of its 45 seconds. `memory=True` keeps everything in memory, for tests.
    """

    home: Path
    scope: Scope | None = None
    patience_seconds: float = 120.0
    memory: bool = False

    def __post_init__(self) -> None:
        self._root: duckdb.DuckDBPyConnection | None = duckdb.connect() if self.memory else None
        self._holding = self.memory

    @property
    def path(self) -> Path:
        return self.home / "warehouse.duckdb"

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with memory limit, spill folder and the scope's dates set; closed at the end."""
        if self._holding and self._root is None:
            self._root = self._open()
        # a cursor is a connection of its own on the same open file: variables and transactions are not shared
        con = self._root if self.memory else self._root.cursor() if self._root else self._open()
        assert con is not None
        try:
            self._prepare(con)
            yield con
        finally:
            if con is not self._root:
                con.close()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps the file open from the first operation to the end; other processes wait that long."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = self.memory
            if not self.memory and self._root is not None:
                self._root.close()
                self._root = None

    def frame(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pl.DataFrame:
        with self.connection() as con:
            return con.sql(sql, params=dict(parameters) if parameters else None).pl()

    def exists(self, table: str) -> bool:
        with self.connection() as con:
            return _exists(con, table)

    def columns(self, table: str) -> dict[str, str]:
        with self.connection() as con:
            return _described(con, _quoted(table)) if _exists(con, table) else {}

    @contextmanager
    def write(self) -> Iterator[DuckTransaction]:
        with self.connection() as con:
            con.execute("BEGIN").fetchall()
            try:
                yield DuckTransaction(con)
            except BaseException:
                con.execute("ROLLBACK").fetchall()
                raise
            con.execute("COMMIT").fetchall()

    def _open(self) -> duckdb.DuckDBPyConnection:
        self.home.mkdir(parents=True, exist_ok=True)
        if not self.path.exists():
            self._create()
        deadline = time.monotonic() + self.patience_seconds
        while True:
            try:
                return duckdb.connect(str(self.path))
            except duckdb.IOException as error:
                if "lock" not in str(error).lower() or time.monotonic() > deadline:
                    if "lock" in str(error).lower():
                        raise WarehouseBusyError(
                            f"{self.path} 被另一个进程占用，等待 {self.patience_seconds:.0f} 秒仍未释放；稍后再试"
                        ) from error
                    raise
                time.sleep(0.2)

    def _create(self) -> None:
        """Made whole under another name first: a disk that fills up within the header would leave a file that no run can open."""
        part = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            duckdb.connect(str(part)).close()
            with suppress(FileExistsError):
                os.link(part, self.path)
        finally:
            part.unlink(missing_ok=True)

    def _prepare(self, con: duckdb.DuckDBPyConnection) -> None:
        # A query of more than two seconds draws its bar on stdout, where --json promises one document.
        said = [
            f"SET memory_limit = '{MEMORY_LIMIT}'",
            "SET TimeZone = 'Asia/Shanghai'",
            "SET enable_progress_bar = false",
        ]
        spill = str(self.home / "spill")
        # A database that has spilled once refuses to be told the same folder again.
        if not self.memory and con.execute("SELECT current_setting('temp_directory')").fetchall() != [(spill,)]:
            said.append(f"SET temp_directory = '{spill}'")
        if self.scope is not None:
            said += [
                f"SET VARIABLE {name} = DATE '{getattr(self.scope, name).isoformat()}'"
                for name in ("as_of", "rules_as_of")
            ]
            said.append(f"SET VARIABLE known_at = TIMESTAMP '{self.scope.known_at.isoformat(sep=' ')}'")
            said.append(f"SET VARIABLE build_id = '{self.scope.build_id}'")
        for statement in said:
            con.execute(statement).fetchall()


def warehouse_resource(home: Path, patience_seconds: float = 120.0) -> dg.ResourceDefinition:
    """The warehouse of one home, its dates set from the run's scope, held for the run."""

    @dg.resource(required_resource_keys={"scope"})
    def warehouse(context: dg.InitResourceContext) -> Iterator[DuckWarehouse]:
        opened = DuckWarehouse(home=home, scope=context.resources.scope, patience_seconds=patience_seconds)
        with opened.held():
            yield opened

    return warehouse
