"""What is still to be loaded, and what every raw table holds: asked once per run, not once per table."""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from assets.ports import Scope, Warehouse, Written
from data import contract


@dataclass
class Backlog:
    """Deliveries to be judged by table key, in order of receipt, and the tables as they stand."""

    pending: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    standing: dict[str, Written] = field(default_factory=dict)


_of_run: dict[str, Backlog] = {}


def backlog_of_run(run_id: str, warehouse: Warehouse, scope: Scope) -> Backlog:
    """The backlog as it was when the first table of this run asked.

    Fifty-eight questions opened and closed the warehouse fifty-eight times: 3 of the 12 CPU seconds of a run with nothing new.
    A table's deliveries are loaded by its own asset only, so the answer holds for the run.
    """
    if run_id not in _of_run:
        _of_run.clear()
        _of_run[run_id] = backlog(warehouse, scope)
    return _of_run[run_id]


def backlog(warehouse: Warehouse, scope: Scope) -> Backlog:
    """Accepted deliveries not yet judged, and refused ones whose control file, contract or release has changed since."""
    versions = pl.DataFrame(
        [(t.department, t.name, t.key, t.version) for t in contract.tables()],
        schema=["department", "table_name", "key", "version"],
        orient="row",
    )
    values = ", ".join(f"('{d}', '{n}', '{k}', '{v}')" for d, n, k, v in versions.iter_rows())
    rows = warehouse.frame(
        f"WITH told(department, table_name, key, version) AS (VALUES {values}),"
        " named AS (SELECT a.*, unnest(string_split(a.tables, ',')) AS table_name FROM raw.arrival a"
        "  WHERE a.status = 'accepted' AND a.received_at <= $known_at)"
        " SELECT t.key, n.* EXCLUDE (table_name) FROM named n JOIN told t USING (department, table_name)"
        " LEFT JOIN raw.delivery_load d"
        " ON d.file_id = n.file_id AND d.department = n.department AND d.table_name = n.table_name"
        " WHERE d.file_id IS NULL OR d.status = 'refused'"
        "  AND (d.control_sha IS DISTINCT FROM n.control_sha OR d.contract IS DISTINCT FROM t.version)"
        " ORDER BY t.key, n.received_at, n.sequence, n.name, n.file_id",
        {"known_at": scope.known_at},
    )
    found = Backlog(standing=_standing(warehouse))
    for row in rows.to_dicts():
        found.pending.setdefault(row.pop("key"), []).append(row)
    return found


def _standing(warehouse: Warehouse) -> dict[str, Written]:
    columns = warehouse.frame(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = 'raw' ORDER BY table_name, column_index"
    )
    shapes: dict[str, dict[str, str]] = {}
    for table, name, kind in columns.iter_rows():
        shapes.setdefault(table, {})[name] = kind
    known = [t.key for t in contract.tables() if t.key in shapes]
    if not known:
        return {}
    counts = warehouse.frame(
        " UNION ALL ".join(f"SELECT '{key}' AS key, count(*) AS n FROM raw.\"{key}\"" for key in known)
    )
    return {key: Written(f"raw.{key}", int(n), shapes[key]) for key, n in counts.iter_rows()}
