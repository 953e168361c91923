"""疑义核校: an enterprise disputes a value of its profile; the department's next word on it, a correction or the same again, closes the dispute."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from assets.ports import Control
from pipelines.audit import Trail

SCHEMA = """
CREATE TABLE IF NOT EXISTS dispute (
    dispute_id INTEGER PRIMARY KEY,
    enterprise_id TEXT NOT NULL,
    uscc TEXT,
    indicator TEXT NOT NULL,
    value TEXT,
    department TEXT,
    table_name TEXT,
    file_id TEXT,
    row_no INTEGER,
    claimed TEXT,
    actor TEXT NOT NULL,
    why TEXT NOT NULL CHECK (trim(why) <> ''),
    at TEXT NOT NULL,
    withdrawn_by TEXT,
    withdrawn_why TEXT,
    withdrawn_at TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS dispute_once ON dispute (enterprise_id, indicator, coalesce(value, ''), coalesce(file_id, ''))
    WHERE withdrawn_at IS NULL;
"""
STANDINGS = {"open": "待部门核校", "corrected": "部门已更正", "confirmed": "部门重报，值未变", "withdrawn": "已撤回"}


class DisputeError(RuntimeError):
    """The dispute cannot be recorded or withdrawn as asked."""


def spoken(value: Any) -> str | None:
    """A value as it is kept and compared: what an analyst reads, or None where nothing is known."""
    return None if value is None else str(value)


def record(control: Control, trail: Trail, said: Mapping[str, Any], at: datetime) -> int:
    """Writes one dispute down; `said` has the columns of SCHEMA up to `why`. Raises DisputeError if that value is disputed already."""
    columns = ("enterprise_id", "uscc", "indicator", "value", "department", "table_name", "file_id", "row_no", "claimed", "actor", "why")  # fmt: skip
    with control.transaction() as db:
        try:
            added = db.execute(
                f"INSERT INTO dispute ({', '.join(columns)}, at) VALUES ({', '.join('?' * len(columns))}, ?)",
                (*(said[c] for c in columns), at.isoformat(timespec="seconds")),
            )
        except sqlite3.IntegrityError as error:
            if "UNIQUE" not in str(error):
                raise DisputeError("理由不能为空") from error
            raise DisputeError("这家企业对这个值已有一条疑义；撤回之后才能再记") from error
        number = int(added.lastrowid or 0)
        detail = {
            "indicator": said["indicator"],
            "file_id": said["file_id"],
            "row_no": said["row_no"],
            "why": said["why"],
        }
        trail.record(db, at, str(said["actor"]), "dispute.record", str(said["enterprise_id"]), detail)
    return number


def withdraw(control: Control, trail: Trail, number: int, actor: str, why: str, at: datetime) -> None:
    """Takes a dispute back. Raises DisputeError if there is none of this number that stands."""
    with control.transaction() as db:
        stamp = at.isoformat(timespec="seconds")
        done = db.execute(
            "UPDATE dispute SET withdrawn_by = ?, withdrawn_why = ?, withdrawn_at = ? WHERE dispute_id = ? AND withdrawn_at IS NULL",
            (actor, why, stamp, number),
        )
        if not done.rowcount:
            raise DisputeError(f"没有第 {number} 号未撤回的疑义")
        trail.record(db, at, actor, "dispute.withdraw", str(number), {"why": why})


def standing(dispute: Mapping[str, Any], value: Any, evidence: Mapping[str, Any] | None) -> str:
    """Where a dispute stands against the value and evidence of today's profile, a key of STANDINGS.

    Nobody closes it by hand: another value closes it as corrected, the same value from a delivery received after it as confirmed.
    """
    if dispute["withdrawn_at"]:
        return "withdrawn"
    if spoken(value) != dispute["value"]:
        return "corrected"
    received = (evidence or {}).get("received_at")
    moved = evidence is not None and (evidence.get("file_id"), evidence.get("row_no")) != (
        dispute["file_id"],
        dispute["row_no"],
    )
    if moved and received is not None and received > datetime.fromisoformat(dispute["at"]):
        return "confirmed"
    return "open"


def of_enterprise(
    control: Control, enterprise_id: str, values: Mapping[str, Any], evidence: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Indicator → the dispute that is open on it."""
    rows = control.rows("SELECT * FROM dispute WHERE enterprise_id = ? AND withdrawn_at IS NULL", (enterprise_id,))
    return {
        row["indicator"]: {
            "dispute_id": row["dispute_id"],
            "claimed": row["claimed"],
            "why": row["why"],
            "since": row["at"],
        }
        for row in rows
        if standing(row, values.get(row["indicator"]), evidence.get(row["indicator"])) == "open"
    }
