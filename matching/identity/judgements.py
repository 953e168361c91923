"""What clerks decided about pairs of a subject and an enterprise: append-only, both polarities, the last word on a pair stands."""

from __future__ import annotations

from datetime import datetime
from sqlite3 import Connection

import polars as pl

TABLE = """CREATE TABLE IF NOT EXISTS judgement (
  judgement_id INTEGER PRIMARY KEY,
  subject_id TEXT NOT NULL,
  enterprise_id TEXT NOT NULL,
  same INTEGER NOT NULL CHECK (same IN (0, 1)),
  who TEXT NOT NULL CHECK (who <> ''),
  why TEXT NOT NULL,
  at TEXT NOT NULL
)"""
# Append-only is the database's rule, not a habit of ours.
GUARDS = (
    "CREATE TRIGGER IF NOT EXISTS judgement_no_update BEFORE UPDATE ON judgement BEGIN SELECT RAISE(ABORT, '判定只能追加,不能修改'); END",
    "CREATE TRIGGER IF NOT EXISTS judgement_no_delete BEFORE DELETE ON judgement BEGIN SELECT RAISE(ABORT, '判定只能追加,不能删除'); END",
)
STANDING = """SELECT subject_id AS _subject_id, enterprise_id, same FROM judgement
WHERE judgement_id IN (SELECT max(judgement_id) FROM judgement WHERE at <= ? GROUP BY subject_id, enterprise_id)
ORDER BY subject_id, enterprise_id"""

SCHEMA = pl.Schema({"_subject_id": pl.String(), "enterprise_id": pl.String(), "same": pl.Boolean()})


def prepare(db: Connection) -> None:
    """Creates the table and its guards if missing."""
    db.execute(TABLE)
    for guard in GUARDS:
        db.execute(guard)


def judge(db: Connection, subject_id: str, enterprise_id: str, *, same: bool, who: str, why: str, at: datetime) -> int:
    """Appends one judgement and returns its number. `who` must name a person; a change of mind is a new row."""
    if not who.strip():
        raise ValueError("判定须有判定人姓名")
    row = db.execute(
        "INSERT INTO judgement (subject_id, enterprise_id, same, who, why, at) VALUES (?, ?, ?, ?, ?, ?)",
        (subject_id, enterprise_id, int(same), who.strip(), why, at.isoformat(sep=" ", timespec="seconds")),
    )
    return int(row.lastrowid or 0)


def standing(db: Connection, known_at: datetime) -> pl.DataFrame:
    """The last word on each pair, of judgements made by `known_at`: _subject_id, enterprise_id, same."""
    moment = known_at.isoformat(sep=" ", timespec="seconds")
    rows = [(r[0], r[1], bool(r[2])) for r in db.execute(STANDING, (moment,))]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")
