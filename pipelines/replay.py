"""A past day asked again: the profile of a few enterprises rebuilt in memory from the rows the warehouse holds about them."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from assets.profile.plan import build, raw_tables
from pipelines.scope import RunScope
from pipelines.warehouse import DuckWarehouse


def replayed(home: Path, enterprise_ids: Sequence[str], as_of: date, known_at: datetime) -> DuckWarehouse:
    """An in-memory warehouse whose `profile.*` are those of `as_of` as `known_at` knew it, for these enterprises only.

    Every raw row that any department's way of naming them brought is copied; the deliveries are copied whole, because freshness and
    "the newest list" are facts about the feed. Waits for the warehouse if a run holds it (WarehouseBusyError after its patience).
    """
    scope = RunScope(home=home, as_of=as_of, known_at=known_at, rules_as_of=as_of)
    # the build's name reads every receipt: asked for at each of some hundred connections it was most of the time a replay took
    scope.seal()
    held = DuckWarehouse(home=home)
    wanted = {"wanted": list(enterprise_ids)}
    subjects = "SELECT _subject_id FROM registry.subject WHERE list_contains($wanted, enterprise_id)"
    tables: dict[str, tuple[str, dict[str, list[str]] | None]] = {
        "registry.enterprise": (
            "SELECT * FROM registry.enterprise WHERE list_contains($wanted, enterprise_id)",
            wanted,
        ),
        "registry.subject": ("SELECT * FROM registry.subject WHERE list_contains($wanted, enterprise_id)", wanted),
        "raw.delivery": ("SELECT * FROM raw.delivery", None),
    }
    for table in raw_tables():
        if table not in tables:
            tables[table] = (f"SELECT * FROM {table} WHERE _subject_id IN ({subjects})", wanted)
    # legal events name a patent, not an enterprise
    tables["raw.ip_patent_status"] = (
        f"SELECT * FROM raw.ip_patent_status WHERE application_no IN (SELECT application_no FROM raw.ip_patent WHERE _subject_id IN ({subjects}))",
        wanted,
    )
    frames = {table: held.frame(sql, parameters) for table, (sql, parameters) in tables.items()}
    slice_ = DuckWarehouse(home=home, scope=scope, memory=True)
    with slice_.write() as transaction:
        for table, frame in frames.items():
            transaction.replace(table, frame)
    build(slice_, scope)
    return slice_
