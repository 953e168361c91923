"""mart.linkage over a handful of literal ways of naming: what is counted where, and how long the queue has waited."""

import datetime as dt
from pathlib import Path
from types import SimpleNamespace

import polars as pl

from assets.mart import queries
from pipelines.warehouse import DuckWarehouse

TOLD = [
    # department, table, tier, linked, first received
    ("tax", "vat", "key", True, dt.datetime(2024, 1, 1)),
    ("tax", "vat", "local", True, dt.datetime(2024, 1, 1)),
    ("finance", "payment", "name", True, dt.datetime(2024, 1, 1)),
    ("finance", "payment", "model", True, dt.datetime(2024, 1, 1)),
    ("finance", "payment", "review", False, dt.datetime(2024, 12, 1)),
    ("finance", "payment", "review", False, dt.datetime(2024, 12, 21, 23)),
    ("finance", "payment", "outside", False, dt.datetime(2024, 12, 1)),
]


def test_every_way_of_naming_is_counted_once(tmp_path: Path) -> None:
    scope = SimpleNamespace(
        as_of=dt.date(2024, 12, 31),
        known_at=dt.datetime(2024, 12, 31),
        rules_as_of=dt.date(2024, 12, 31),
        build_id="b",
    )
    warehouse = DuckWarehouse(tmp_path, scope, memory=True)
    rows = [
        {"_subject_id": f"s{i}", "department": d, "table_name": t, "tier": tier, "enterprise_id": "e" if linked else None, "first_received_at": day}
        for i, (d, t, tier, linked, day) in enumerate(TOLD)
    ]  # fmt: skip
    frame = pl.DataFrame(rows, schema_overrides={"enterprise_id": pl.String})
    with warehouse.write() as w:
        w.replace("registry.said", frame.select("_subject_id", "department", "table_name", "first_received_at"))
        w.replace("registry.subject", frame.select("_subject_id", "enterprise_id", "tier"))
    told = {r["department"]: r for r in warehouse.frame(queries()["linkage"]).to_dicts()}
    assert (told["tax"]["linked"], told["tax"]["linked_by_local_number"], told["tax"]["queued_days_max"]) == (
        2,
        1,
        None,
    )
    finance = told["finance"]
    assert (finance["subjects"], finance["linked"], finance["queued"], finance["outside"], finance["unlinked"]) == (
        5,
        2,
        2,
        1,
        0,
    )
    assert (finance["queued_since_date"], finance["queued_days_median"], finance["queued_days_max"]) == (
        dt.date(2024, 12, 1),
        20,
        30,
    )
