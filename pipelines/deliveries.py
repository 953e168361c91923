"""What people say about deliveries: letting a held one in, and putting a refused one aside as dealt with."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from assets.ports import Control
from assets.raw.door import RELEASE
from pipelines.audit import Trail

SCHEMA = """
CREATE TABLE IF NOT EXISTS delivery_note (
    file_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('released', 'settled')),
    actor TEXT NOT NULL,
    why TEXT NOT NULL CHECK (trim(why) <> ''),
    at TEXT NOT NULL,
    PRIMARY KEY (file_id, kind)
);
"""

# What `open_refusals` needs of every delivery.
REFUSALS = """
SELECT file_id, department, table_name AS "table", kind, period, batch, status, received_at FROM raw.delivery ORDER BY ALL
"""


def release(
    home: Path, control: Control, trail: Trail, delivery: Mapping[str, Any], actor: str, why: str, at: datetime
) -> None:
    """Lets a held delivery in at the next run: written down and audited first, then laid beside the evidence, where a rebuilt warehouse finds it."""
    _note(control, trail, delivery, "released", actor, why, at)
    place = home / f"{delivery['path']}{RELEASE}"
    part = place.with_name(place.name + ".part")
    said = {"by": actor, "why": why, "at": at.isoformat(timespec="seconds")}
    part.write_text(json.dumps(said, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    part.replace(place)


def settle(control: Control, trail: Trail, delivery: Mapping[str, Any], actor: str, why: str, at: datetime) -> None:
    """Puts a refused or held delivery aside: it stays refused, but no longer asks for attention."""
    _note(control, trail, delivery, "settled", actor, why, at)


def _note(
    control: Control, trail: Trail, delivery: Mapping[str, Any], kind: str, actor: str, why: str, at: datetime
) -> None:
    with control.transaction() as db:
        stamp = at.isoformat(timespec="seconds")
        added = db.execute(
            "INSERT INTO delivery_note (file_id, kind, actor, why, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (delivery["file_id"], kind, actor, why, stamp),
        )
        if added.rowcount:
            trail.record(
                db, at, actor, f"delivery.{kind}", delivery["name"], {"file_id": delivery["file_id"], "why": why}
            )


def settled(control: Control) -> dict[str, str]:
    """File id → who put it aside and why."""
    rows = control.rows("SELECT file_id, actor, why FROM delivery_note WHERE kind = 'settled'")
    return {row["file_id"]: f"{row['actor']}：{row['why']}" for row in rows}


def open_refusals(deliveries: Iterable[Mapping[str, Any]], aside: Mapping[str, str]) -> set[str]:
    """The file ids that still ask for attention.

    A refused or held delivery is dealt with once another one for the same table, kind, period and batch, received no earlier, was let in
    (the department sent it again), or once a named person put it aside.
    """
    rows = list(deliveries)

    def series(row: Mapping[str, Any]) -> tuple[Any, ...]:
        return row["department"], row["table"], row["kind"], row["period"], (row["batch"] or "").lstrip("0")

    let_in: dict[tuple[Any, ...], datetime] = {}
    for row in rows:
        if row["status"] in ("loaded", "superseded") and row["received_at"] is not None:
            let_in[series(row)] = max(row["received_at"], let_in.get(series(row), row["received_at"]))
    return {
        row["file_id"]
        for row in rows
        if row["status"] in ("refused", "held")
        and row["file_id"] not in aside
        and not (
            row["department"]
            and row["period"]
            and row["received_at"] is not None
            and let_in.get(series(row), datetime.min) >= row["received_at"]
        )
    }
