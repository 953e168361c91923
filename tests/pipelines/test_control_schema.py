"""A store made by an earlier version is brought up to date, and no change of a schema goes without a new version."""

import hashlib
import sqlite3
from pathlib import Path

from pipelines.control import SCHEMA_VERSION, SCHEMAS, ControlStore


def test_an_older_store_learns_what_counts_as_open(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite"
    ControlStore(path).rows("SELECT 1")
    with sqlite3.connect(path) as db:
        db.executescript(
            "DROP VIEW open_pair; CREATE VIEW open_pair AS SELECT NULL AS enterprise_id WHERE 0; PRAGMA user_version = 4;"
        )
        for status, kind in (("frozen", "decision"), ("frozen", "invite"), ("checked", "decision")):
            name = f"{kind}-{status}"
            db.execute(
                "INSERT INTO push_list (list_id, kind, item_id, version, cycle, as_of, sha256, header, arms, checks, status, maker)"
                " VALUES (?, ?, 'a', 1, '2024', '2024-12-01', ?, '{}', '[]', '{}', 'checked', '王经办')",
                (name, kind, name),
            )
            db.execute("INSERT INTO push_line VALUES (?, 1, ?, 'E1', 'a', '2024', ?, '{}')", (name, name, kind))
            if status == "frozen":
                for step in ("approved", "frozen"):
                    db.execute("UPDATE push_list SET status = ? WHERE list_id = ?", (step, name))
    store = ControlStore(path)
    assert [row["list_id"] for row in store.rows("SELECT list_id FROM open_pair ORDER BY 1")] == [
        "decision-checked",
        "invite-frozen",
    ]
    assert store.rows("PRAGMA user_version") == [{"user_version": SCHEMA_VERSION}]


def test_a_changed_schema_has_a_new_version() -> None:
    """Raise SCHEMA_VERSION together with this fingerprint: a store at the old number would never see the change."""
    assert (SCHEMA_VERSION, hashlib.sha256("".join(SCHEMAS).encode()).hexdigest()[:12]) == (11, "21b7afed3fd8")
