"""The written side of a load: delivery lines, rejects, subjects and check results, all inside the caller's transaction."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import polars as pl

from assets.ports import Scope, Transaction, Written
from assets.raw.judge import File
from assets.raw.large import Large
from assets.raw.schema import CHECK_COLUMNS, LOAD_COLUMNS, REJECT_COLUMNS, polars_type
from data.contract import Table
from quality.masks import Outcome

# Enough for the indexes and groups of one delivery; beyond it DuckDB spills.
WRITE_MEMORY = "256MB"


def file_reject(file: File) -> pl.DataFrame:
    row = (
        file.id,
        file.arrival["name"],
        "",
        0,
        None,
        None,
        "volume" if file.held else "file",
        file.refusal,
        file.table.department,
        file.table.name,
        None,
    )
    return pl.DataFrame([row], schema=REJECT_COLUMNS, orient="row")


def load_rows(files: Sequence[File], table: Table, gone: pl.DataFrame | None) -> pl.DataFrame:
    absent = dict(gone.group_by("_file_id").len().iter_rows()) if gone is not None else {}
    rows = [
        {
            **{
                k: f.arrival[k]
                for k in (
                    "file_id",
                    "sha256",
                    "name",
                    "department",
                    "period",
                    "kind",
                    "batch",
                    "received_at",
                    "sequence",
                    "control_sha",
                )
            },
            "table_name": table.name,
            **f.counts,
            "rows_absent": absent.get(f.id, 0),
            "status": "held" if f.held else "refused" if f.refusal else "loaded",
            "reason": f.refusal,
            "notes": "；".join(f.notes) or None,
            "contract": table.version,
        }
        for f in files
    ]
    return pl.DataFrame(rows, schema=LOAD_COLUMNS)


def record(
    transaction: Transaction,
    table: Table,
    files: Sequence[File],
    rejects: pl.DataFrame,
    subjects: Sequence[pl.DataFrame],
    gone: pl.DataFrame,
) -> None:
    transaction.append("raw.delivery_load", load_rows(files, table, gone), key=("file_id", "table_name"))
    ids = ", ".join(f"'{f.id}'" for f in files)
    transaction.execute(
        f"DELETE FROM quality.reject WHERE file_id IN ({ids}) AND table_name = $name AND department = $department",
        {"name": table.name, "department": table.department},
    )
    transaction.append("quality.reject", rejects.sort("file_id", "sheet", "row_no", "column_name", "rule"))
    transaction.execute(
        "UPDATE raw.delivery_load SET status = 'superseded', reason = '被同名的新交付取代'"
        " WHERE department = $department AND table_name = $name AND status = 'loaded' AND EXISTS ("
        "  SELECT 1 FROM raw.delivery_load n WHERE n.name = delivery_load.name AND n.table_name = delivery_load.table_name"
        "  AND n.status = 'loaded' AND (n.received_at, n.sequence, n.file_id) > (delivery_load.received_at, delivery_load.sequence, delivery_load.file_id))",
        {"department": table.department, "name": table.name},
    )
    named = [s for s in subjects if s.height]
    if named:
        transaction.append("raw.subject", _merged(transaction, table, pl.concat(named)), key=("_subject_id",))


def record_large(transaction: Transaction, large: Large, written: Written) -> tuple[Written, int]:
    """A large delivery's rows, rejects and subjects; what the table holds then, and how many rows were added.

    Each kind in one statement: DuckDB keeps something of every insert of a transaction until its end, 150 MB per million rows.
    """
    table, before = large.table, written.rows
    # What is written stays in the warehouse's cache as long as there is room: a large delivery shall not fill it. The next connection sets its own.
    transaction.execute(f"SET memory_limit = '{WRITE_MEMORY}'")
    rows = large.written("kept", large.kept())
    sorted_rejects = (r.sort("file_id", "sheet", "row_no", "column_name", "rule") for r in large.rejects())
    rejects = large.written("rejected", sorted_rejects)
    for target, files in ((f'raw."{table.key}"', rows), ("quality.reject", rejects)):
        if files:
            transaction.execute(f"INSERT INTO {target} BY NAME SELECT * FROM read_parquet({files})")
    if large.named:
        _merge_named(transaction, large)
    written = transaction.append(f"raw.{table.key}", empty(table))
    return written, written.rows - before


def _merge_named(transaction: Transaction, large: Large) -> None:
    """As `_merged`, in the warehouse. All that is said of a subject but when and in which table it was named is in its id."""
    transaction.execute(
        "CREATE TEMP TABLE subject_met AS SELECT n.* EXCLUDE (first_received_at), r.first AS first_received_at"
        f" FROM (SELECT DISTINCT ON (_subject_id) * FROM read_parquet({large.named})) n"
        f' JOIN (SELECT _subject_id, min(_received_at) AS first FROM raw."{large.table.key}"'
        f"  WHERE _file_id = '{large.file.id}' GROUP BY ALL) r USING (_subject_id)"
    )
    transaction.execute(
        "UPDATE raw.subject SET first_received_at = least(subject.first_received_at, m.first_received_at),"
        " table_name = least(subject.table_name, m.table_name) FROM temp.subject_met m WHERE m._subject_id = subject._subject_id"
        " AND (m.first_received_at < subject.first_received_at OR m.table_name < subject.table_name)"
    )
    transaction.execute(
        "INSERT INTO raw.subject BY NAME SELECT * FROM temp.subject_met m ANTI JOIN raw.subject s USING (_subject_id) ORDER BY _subject_id"
    )
    transaction.execute("DROP TABLE temp.subject_met")


def _merged(transaction: Transaction, table: Table, found: pl.DataFrame) -> pl.DataFrame:
    """A subject keeps the earliest receipt and the first table (by name) that named it, whatever order files were loaded in."""
    known = transaction.frame("SELECT * FROM raw.subject WHERE department = $d", {"d": table.department})
    known = known.select(found.columns).cast(dict(found.schema))  # type: ignore[arg-type]
    found = pl.concat([found, known.filter(pl.col("_subject_id").is_in(found["_subject_id"].implode()))])
    payload = [c for c in found.columns if c not in ("_subject_id", "first_received_at")]
    return (
        found.sort("first_received_at", "table_name", nulls_last=True)
        .group_by("_subject_id", maintain_order=True)
        .agg(
            *[pl.col(c).first() for c in payload if c != "table_name"],
            pl.col("table_name").min(),
            pl.col("first_received_at").min(),
        )
        .select(found.columns)
        .sort("_subject_id")
    )


def record_checks(transaction: Transaction, table: Table, results: Sequence[Outcome], scope: Scope) -> None:
    rows = [
        {
            "department": table.department,
            "table_name": table.name,
            "rule": o.rule.id,
            "label": o.rule.label,
            "level": o.rule.level,
            "passed": o.passed,
            "broken": o.broken,
            "row_count": o.rows,
            "bad_rows": o.bad_rows,
            "max_bad_share": Decimal(str(o.rule.max_bad_share)),
            "known_at": scope.known_at,
        }
        for o in results
        if o.rows
    ]
    if rows:
        checks = pl.DataFrame(rows, schema=CHECK_COLUMNS)
        transaction.append("quality.check", checks, key=("department", "table_name", "rule", "known_at"))


def grow(transaction: Transaction, known: Mapping[str, str], table: Table) -> None:
    """A contract that gained a column grows its table (`known`: its columns as it stands); the past stays empty there."""
    for name, kind in table.stored.items():
        if known and name not in known:
            transaction.execute(f'ALTER TABLE raw."{table.key}" ADD COLUMN "{name}" {kind}')


def empty(table: Table) -> pl.DataFrame:
    return pl.DataFrame(schema={n: polars_type(k) for n, k in table.stored.items()})


def no_rejects() -> pl.DataFrame:
    return pl.DataFrame(schema=REJECT_COLUMNS)
