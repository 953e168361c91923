"""材料核验: a clerk says whether the document an applicant named bears out what was declared; the word is kept and never changed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from assets.push_proofs import NEWEST

SCHEMA = """
CREATE TABLE IF NOT EXISTS document_check (
    check_id INTEGER PRIMARY KEY,
    case_no TEXT NOT NULL,
    indicator TEXT NOT NULL,
    value TEXT NOT NULL,
    holds INTEGER NOT NULL CHECK (holds IN (0, 1)),
    note TEXT NOT NULL CHECK (trim(note) <> ''),
    officer TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE TRIGGER IF NOT EXISTS document_check_fixed BEFORE UPDATE ON document_check
    BEGIN SELECT RAISE(ABORT, '核验结果不可修改，只能再次核验'); END;
CREATE TRIGGER IF NOT EXISTS document_check_kept BEFORE DELETE ON document_check
    BEGIN SELECT RAISE(ABORT, '核验结果不可删除'); END;
"""


def note_check(
    db: sqlite3.Connection, case_no: str, indicator: str, value: str, holds: bool, note: str, officer: str, at: str
) -> None:
    """Adds one result for a declared value; a later one replaces it, a value declared anew is checked anew."""
    db.execute(
        "INSERT INTO document_check (case_no, indicator, value, holds, note, officer, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (case_no, indicator, value, int(holds), note, officer, at),
    )


def refuted(db: sqlite3.Connection, lines: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Line key → reason, for applications of which a declared value was found untrue since the run."""
    said = {
        (row["case_no"], row["indicator"], row["value"]): row["note"]
        for row in db.execute(f"SELECT * FROM ({NEWEST}) WHERE holds = 0")
    }
    return {
        line["line_key"]: f"申报材料经核验不符：{said[key]}"
        for line in lines
        if said and line.get("case_no")
        for reason in json.loads(line.get("reasons") or "[]")
        if (key := (line["case_no"], reason.get("indicator"), reason.get("value"))) in said
    }
