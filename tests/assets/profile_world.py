"""A small literal warehouse for tests of the profile: contract-typed raw tables filled row by row, and the profile built from them."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from assets.profile.plan import build
from data import contract
from pipelines.scope import RunScope
from pipelines.warehouse import DuckWarehouse

DELIVERY = {
    "file_id": "VARCHAR",
    "department": "VARCHAR",
    "table_name": "VARCHAR",
    "period": "VARCHAR",
    "kind": "VARCHAR",
    "batch": "VARCHAR",
    "received_at": "TIMESTAMP",
    "status": "VARCHAR",
}


class ProfileWorld:
    """Rows are given by table and column name; every enterprise is its own subject in every department."""

    def __init__(self, home: Path, as_of: str, known_at: str | None = None) -> None:
        self.scope = RunScope(
            home,
            date.fromisoformat(as_of),
            datetime.fromisoformat(known_at or f"{as_of}T23:59:59"),
            date.fromisoformat(as_of),
        )
        self.warehouse = DuckWarehouse(home=home, scope=self.scope, memory=True)
        self._enterprises: set[str] = set()
        self._files = 0
        self._days: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
        with self.warehouse.write() as w:
            for schema in ("raw", "registry"):
                w.execute(f"CREATE SCHEMA {schema}")
            for table in contract.tables():
                columns = ", ".join(f'"{name}" {kind}' for name, kind in table.stored.items())
                w.execute(f'CREATE TABLE raw."{table.key}" ({columns})')
            w.execute("CREATE TABLE raw.delivery (" + ", ".join(f"{n} {t}" for n, t in DELIVERY.items()) + ")")
            w.execute("CREATE TABLE registry.subject (_subject_id VARCHAR, enterprise_id VARCHAR)")
            w.execute("CREATE TABLE registry.enterprise (enterprise_id VARCHAR, uscc VARCHAR, name VARCHAR)")

    def deliver(
        self,
        key: str,
        rows: list[dict[str, Any]],
        received: str,
        period: str = "202412",
        batch: str = "01",
        kind: str = "I",
    ) -> str:
        """One file of `rows` for raw table `key`; each row names its enterprise as `of`. Returns the file id."""
        department, _, name = key.partition("_")
        table = contract.table(department, name)
        self._files += 1
        file_id = f"f{self._files:03d}"
        received_at = datetime.fromisoformat(received if "T" in received else f"{received}T09:00:00")
        with self.warehouse.write() as w:
            w.execute(
                "INSERT INTO raw.delivery VALUES ($f, $d, $t, $p, $k, $b, $r, 'loaded')",
                {"f": file_id, "d": department, "t": name, "p": period, "k": kind, "b": batch, "r": received_at},
            )
            for number, row in enumerate(rows, start=1):
                enterprise = row.get("of")
                if enterprise is not None and enterprise not in self._enterprises:
                    self._enterprises.add(enterprise)
                    w.execute("INSERT INTO registry.enterprise VALUES ($e, $e, $e)", {"e": enterprise})
                    w.execute("INSERT INTO registry.subject VALUES ($e, $e)", {"e": enterprise})
                values = {
                    **{k: v for k, v in row.items() if k != "of"},
                    "_file_id": file_id,
                    "_row_no": number,
                    "_period": period,
                    "_received_at": received_at,
                    "_op": row.get("_op", "I"),
                    "_subject_id": enterprise,
                }
                unknown = set(values) - set(table.stored)
                assert not unknown, f"{key} has no column {unknown}"
                names = ", ".join(f'"{column}"' for column in values)
                marks = ", ".join(f"CAST(${column} AS {table.stored[column]})" for column in values)
                w.execute(f'INSERT INTO raw."{key}" ({names}) VALUES ({marks})', values)
        return file_id

    def deliver_year(self, key: str, year: int, received: str) -> None:
        """An empty file for every month of the year: the feed holds the year, whatever else is delivered of it."""
        for month in range(1, 13):
            self.deliver(key, [], received, f"{year}{month:02d}")

    def build(self) -> "ProfileWorld":
        """Builds the profile of the world's own day and keeps its rows, so that other days may be asked about afterwards."""
        self._profiles = self._built()
        evidence = self.frame("SELECT * FROM profile.evidence")
        self._evidence = evidence.partition_by("enterprise_id", as_dict=True)
        return self

    def profile(self, enterprise: str) -> dict[str, Any]:
        """The row of `profile.enterprise`."""
        return self._profiles[enterprise]

    def evidence(self, enterprise: str) -> dict[str, dict[str, Any]]:
        """indicator → its row of `profile.evidence`."""
        return {row["indicator"]: row for row in self._evidence[(enterprise,)].iter_rows(named=True)}

    def asked(self, as_of: str, known_at: str, enterprise: str) -> dict[str, Any]:
        """The profile row of another day from the same deliveries."""
        key = (as_of, known_at)
        if key not in self._days:
            self.ask(date.fromisoformat(as_of), known_at)
            self._days[key] = self._built(without=("sourced",))
        return self._days[key][enterprise]

    def ask(self, as_of: date, known_at: str | None = None) -> None:
        """Sets the dates of what is built next."""
        known = datetime.fromisoformat(known_at or f"{as_of}T23:59:59")
        self.scope = self.warehouse.scope = replace(self.scope, as_of=as_of, known_at=known, rules_as_of=as_of)

    def _built(self, without: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
        build(self.warehouse, self.scope, without)
        return {
            row["enterprise_id"]: row for row in self.frame("SELECT * FROM profile.enterprise").iter_rows(named=True)
        }

    def store(self) -> Path:
        """The raw and registry tables as a warehouse on disk, for code that opens one by its home. Returns the home."""
        tables = self.frame(
            "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables WHERE table_schema IN ('raw', 'registry')"
        )["name"]
        frames = {name: self.frame(f"SELECT * FROM {name}") for name in tables}
        with DuckWarehouse(home=self.scope.home).write() as w:
            for name, frame in frames.items():
                w.replace(name, frame)
        return self.scope.home

    def frame(self, sql: str) -> pl.DataFrame:
        return self.warehouse.frame(sql)
