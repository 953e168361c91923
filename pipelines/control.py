"""`control.sqlite`: small transactions that must never be lost or doubled (judgements, approvals, award ledger, opt-outs, audit)."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from pipelines import audit, deliveries, dispute, docket, ledger, officers, proofs

SCHEMAS = (
    officers.SCHEMA,
    audit.SCHEMA,
    docket.SCHEMA,
    ledger.SCHEMA,
    deliveries.SCHEMA,
    dispute.SCHEMA,
    proofs.SCHEMA,
)
# Raised with every change of a schema above, so that a store is brought up to date once and not at every connection.
SCHEMA_VERSION = 11


@dataclass(frozen=True)
class ControlStore:
    """`assets.ports.Control` over SQLite in WAL mode with full fsync; modules that own tables create them if missing."""

    path: Path
    timeout_seconds: float = 30.0

    def connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, timeout=self.timeout_seconds, isolation_level=None)
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        if db.execute("PRAGMA user_version").fetchone()[0] < SCHEMA_VERSION:
            db.executescript("BEGIN IMMEDIATE;" + "".join(SCHEMAS) + f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        return db

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        db = self.connect()
        try:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")
        finally:
            db.close()

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        db = self.connect()
        try:
            return [dict(row) for row in db.execute(sql, tuple(parameters))]
        finally:
            db.close()


def control_resource(home: Path) -> dg.ResourceDefinition:
    """The control store of one home."""
    return dg.ResourceDefinition.hardcoded_resource(ControlStore(home / "control.sqlite"))
