"""What is still to be loaded, and what every raw table holds: asked once per run, not once per table."""

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from assets.ports import Scope, Warehouse, Written
from assets.raw.ahead import Ahead
from assets.raw.judge import File
from assets.raw.keys import personal_key
from assets.raw.large import SAMPLE, swept
from assets.raw.prepare import DAMAGED
from assets.raw.scale import medians
from assets.raw.schema import polars_type
from assets.raw.told import WINDOW, Told, thinned, told, told_of
from assets.raw.volume import Habit
from data import contract
from data.contract import Table
from quality.conform import payload


@dataclass
class Backlog:
    """Deliveries to be judged by table key, in order of receipt, and the tables as they stand; `ahead` reads them before their step."""

    pending: dict[str, list[File]] = field(default_factory=dict)
    standing: dict[str, Written] = field(default_factory=dict)
    habits: dict[str, Habit] = field(default_factory=dict)
    ahead: Ahead | None = None


# Rows of an earlier delivery that are looked at together.
AT_ONCE = 200_000

_of_run: dict[str, Backlog] = {}


def backlog_of_run(run_id: str, warehouse: Warehouse, scope: Scope, chosen: Container[str] | None = None) -> Backlog:
    """The backlog as it was when the first table of this run asked; the tables of `chosen` (None: all) are read ahead.

    Fifty-eight questions opened and closed the warehouse fifty-eight times: 3 of the 12 CPU seconds of a run with nothing new.
    A table's deliveries are loaded by its own asset only, so the answer holds for the run.
    """
    if run_id not in _of_run:
        for earlier in _of_run.values():
            if earlier.ahead is not None:
                earlier.ahead.close()
        _of_run.clear()
        found = _of_run[run_id] = backlog(warehouse, scope)
        wanted = {name: files for name, files in found.pending.items() if chosen is None or name in chosen}
        if wanted:
            found.ahead = Ahead(wanted, found.habits, warehouse.home, personal_key(warehouse.home))
            found.ahead.start()
    return _of_run[run_id]


def backlog(warehouse: Warehouse, scope: Scope) -> Backlog:
    """Accepted deliveries not yet judged, refused or held ones whose control file, contract or release has changed since, and those whose control file came late."""
    versions = pl.DataFrame(
        [(t.department, t.name, t.key, t.version) for t in contract.tables()],
        schema=["department", "table_name", "key", "version"],
        orient="row",
    )
    swept(warehouse.home)
    values = ", ".join(f"('{d}', '{n}', '{k}', '{v}')" for d, n, k, v in versions.iter_rows())
    rows = warehouse.frame(
        f"WITH told(department, table_name, key, version) AS (VALUES {values}),"
        " named AS (SELECT a.*, unnest(string_split(a.tables, ',')) AS table_name FROM raw.arrival a"
        "  WHERE a.status = 'accepted' AND a.received_at <= $known_at)"
        " SELECT t.key, n.* EXCLUDE (table_name) FROM named n JOIN told t USING (department, table_name)"
        " LEFT JOIN raw.delivery_load d"
        " ON d.file_id = n.file_id AND d.department = n.department AND d.table_name = n.table_name"
        " WHERE d.file_id IS NULL OR (d.status = 'held' AND n.released_by IS NOT NULL)"
        " OR (d.status = 'refused' AND starts_with(d.reason, $damaged))"
        " OR (d.status IN ('loaded', 'superseded') AND d.control_sha IS NULL AND n.control_sha IS NOT NULL) OR d.status IN ('refused', 'held')"
        "  AND (d.control_sha IS DISTINCT FROM n.control_sha OR d.contract IS DISTINCT FROM t.version)"
        " ORDER BY t.key, n.received_at, n.sequence, n.name, n.file_id",
        {"known_at": scope.known_at, "damaged": DAMAGED},
    )
    found = Backlog(standing=_standing(warehouse))
    told = {t.key: t for t in contract.tables()}
    for row in rows.to_dicts():
        table = told[row.pop("key")]
        found.pending.setdefault(table.key, []).append(File(row, table.at(row["received_at"].date())))
    if found.pending:
        found.habits = _habits(warehouse)
        _scales(found, warehouse)
        _told(found, warehouse)
    return found


def _habits(warehouse: Warehouse) -> dict[str, Habit]:
    loads = warehouse.frame(
        "SELECT department, table_name, kind, batch, received_at, sequence, rows_in - rows_total AS facts FROM raw.delivery_load"
        " WHERE status IN ('loaded', 'superseded') ORDER BY ALL"
    )
    told = {(t.department, t.name): t for t in contract.tables()}
    habits: dict[str, Habit] = {}
    for department, name, kind, batch, received_at, sequence, facts in loads.iter_rows():
        if table := told.get((department, name)):
            habits.setdefault(table.key, Habit()).seen(table.volume, kind, batch or "", (received_at, sequence), facts)
    return habits


def _scales(found: Backlog, warehouse: Warehouse) -> None:
    """Medians of the newest deliveries of every table that has something pending and amounts to compare."""
    for table in contract.tables():
        money = [n for n, c in table.columns.items() if c.type == "money"]
        standing = found.standing.get(table.key)
        if table.key not in found.pending or not money or standing is None or not standing.columns.keys() >= set(money):
            continue
        newest = warehouse.frame(
            f"SELECT r._file_id, d.kind, d.batch, d.received_at, d.sequence, {', '.join(f'r.{n}' for n in money)}"
            f' FROM raw."{table.key}" r JOIN (SELECT * FROM raw.delivery_load WHERE department = $d AND table_name = $t'
            "  AND status IN ('loaded', 'superseded') QUALIFY row_number() OVER (PARTITION BY kind,"
            f" {'batch' if table.volume.per_batch else 'NULL'} ORDER BY received_at DESC, sequence DESC) <= $n) d ON d.file_id = r._file_id"
            # Of a large delivery an even sample tells the median.
            f" WHERE r._row_no % greatest(1, d.rows_in // {SAMPLE}) = 0",
            {"d": table.department, "t": table.name, "n": table.volume.window},
        )
        own = medians(newest, table)
        habit = found.habits.setdefault(table.key, Habit())
        for file_id, kind, batch, received_at, sequence in (
            newest.select("_file_id", "kind", "batch", "received_at", "sequence").unique().sort("_file_id").iter_rows()
        ):
            if file_id in own:
                habit.scaled(table.volume, kind, batch or "", (received_at, sequence), own[file_id])


def _told(found: Backlog, warehouse: Warehouse) -> None:
    """What the newest increments of every table told whose next ones are pending."""
    for table in contract.tables():
        standing = found.standing.get(table.key)
        if table.key not in found.pending or standing is None or not standing.columns.keys() >= table.stored.keys():
            continue
        newest = warehouse.frame(
            "SELECT file_id, kind, batch, period, received_at, sequence, name, sha256, rows_in FROM raw.delivery_load"
            " WHERE department = $d AND table_name = $t AND kind = 'I' AND status IN ('loaded', 'superseded')"
            " QUALIFY row_number() OVER (PARTITION BY batch ORDER BY received_at DESC, sequence DESC) <= $n"
            " ORDER BY received_at, sequence, file_id",
            {"d": table.department, "t": table.name, "n": WINDOW},
        ).to_dicts()
        few = [a for a in newest if a["rows_in"] <= AT_ONCE]
        known = told(_rows_of(warehouse, table, [a["file_id"] for a in few]), table, few) if few else {}
        known |= {a["file_id"]: _told_large(warehouse, table, a) for a in newest if a["rows_in"] > AT_ONCE}
        habit = found.habits.setdefault(table.key, Habit())
        for a in newest:
            if a["file_id"] in known:
                habit.told.setdefault(("I", a["batch"] or ""), []).append(known[a["file_id"]])


def _rows_of(warehouse: Warehouse, table: Table, files: list[str], first: int = 1, last: int = 2**62) -> pl.DataFrame:
    listed = ", ".join(f"'{i}'" for i in files)
    rows = warehouse.frame(
        f'SELECT * FROM raw."{table.key}" WHERE _file_id IN ({listed}) AND _row_no BETWEEN $first AND $last',
        {"first": first, "last": last},
    )
    return rows.select([pl.col(n).cast(polars_type(k)) for n, k in table.stored.items()])


def _told_large(warehouse: Warehouse, table: Table, arrival: dict[str, Any]) -> Told:
    one_in = thinned(arrival["rows_in"])
    marks, days = [pl.Series(dtype=pl.UInt64)], [pl.Series(dtype=pl.Int32)]
    for first in range(1, arrival["rows_in"] + AT_ONCE, AT_ONCE):
        rows = _rows_of(warehouse, table, [arrival["file_id"]], first, first + AT_ONCE - 1)
        hashes = rows.select(payload(table)).hash_rows(seed=0)
        marks.append(hashes.filter(hashes % one_in == 0))
        if table.dated:
            days.append(rows[table.dated].cast(pl.Date).cast(pl.Int32).gather_every(one_in))
    return told_of(arrival, pl.concat(marks).unique(), pl.concat(days).median(), one_in)


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
