"""One table's deliveries, from accepted bytes to typed rows: read, conform, judge per file, and write everything in one transaction."""

import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from assets.ports import Scope, Transaction, Warehouse, Written
from assets.raw.absent import tombstones
from assets.raw.schema import CHECK_COLUMNS, LOAD_COLUMNS, REJECT_COLUMNS, polars_type
from data.contract import Form, Table
from data.readers.pool import shared
from data.readers.reading import ROW, Reading, RefusedFile
from quality.conform import Conformed, conform
from quality.expectations import validated
from quality.masks import Outcome, outcome
from quality.parse import parse
from quality.reconcile import CONSERVED, content_faults, parse_control, unconserved

# Files are read and conformed in batches of about this many bytes as delivered, so memory does not grow with a backlog.
BATCH_BYTES = 64 << 20


@dataclass
class File:
    """One accepted delivery of one table and what became of it."""

    arrival: dict[str, Any]
    table: Table
    reading: Reading | None = None
    refusal: str | None = None
    rule_refusals: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("rows_in", *CONSERVED), 0))

    @property
    def id(self) -> str:
        return str(self.arrival["file_id"])


@dataclass
class Loaded:
    """The outcome for one table: files with their counts, the rules' outcomes over everything that was judged, what was written."""

    files: list[File]
    outcomes: list[Outcome]
    written: Written | None
    blocked: str | None = None
    rows_new: int = 0


def load(table: Table, warehouse: Warehouse, scope: Scope) -> Loaded:
    """Loads every accepted delivery of `table` known by the scope that is not yet loaded.

    Writes nothing if a check is broken, if rows were lost on the way, or if every new delivery fails a blocking rule (`blocked` says why).
    """
    key = personal_key(warehouse.home)
    files = [File(a, table.at(a["received_at"].date())) for a in _pending(table, warehouse, scope)]
    kept: list[pl.DataFrame] = []
    rejects: list[pl.DataFrame] = []
    subjects: list[pl.DataFrame] = []
    judged: list[pl.DataFrame] = []
    for batch in _batches(files):
        for contract, form, group in _groups(batch):
            conformed = _read(warehouse.home, group, form, contract, key)
            if conformed is None:
                continue
            judged.append(conformed.rows)
            _judge_counts(group, contract)
            _judge_rules(group, conformed.rows, contract)
            rows, quarantined = _sifted(group, conformed, contract)
            kept.append(rows)
            rejects.append(quarantined)
            subjects.append(_still_named(conformed.subjects, rows))
    results = validated(pl.concat(judged), table) if judged else [outcome(_empty(table), rule) for rule in table.rules]
    loaded = Loaded(files, results, None)
    loaded.blocked = _blocking(loaded, table)
    if loaded.blocked:
        return loaded
    rows = pl.concat([_empty(table), *kept])
    rejected = pl.concat([_no_rejects(), *rejects, *[_file_reject(f) for f in files if f.refusal]])
    gone = tombstones(table, rows, [f.arrival for f in files if not f.refusal], warehouse, rejected)
    with warehouse.write() as transaction:
        _grow(transaction, warehouse, table)
        loaded.written = transaction.append(f"raw.{table.key}", pl.concat([rows, gone]), key=("_file_id",))
        if files:
            _record(transaction, warehouse, table, files, rejected, subjects, gone)
        _record_checks(transaction, table, results, scope)
    loaded.rows_new = rows.height
    return loaded


def personal_key(home: Path) -> bytes:
    """The key personal values are hashed with; made once, readable by the owner only."""
    place = home / "keys" / "personal.key"
    if not place.exists():
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = place.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o400), "wb") as handle:
            handle.write(secrets.token_bytes(32))
        part.replace(place)
    return place.read_bytes()


def _pending(table: Table, warehouse: Warehouse, scope: Scope) -> list[dict[str, Any]]:
    """Accepted deliveries not yet judged, and refused ones whose control file or contract has changed since; in order of receipt."""
    return warehouse.frame(
        "SELECT a.* FROM raw.arrival a LEFT JOIN raw.delivery_load d"
        " ON d.file_id = a.file_id AND d.department = $department AND d.table_name = $name"
        " WHERE a.status = 'accepted' AND a.department = $department AND a.received_at <= $known_at"
        " AND list_contains(string_split(a.tables, ','), $name)"
        " AND (d.file_id IS NULL OR d.status = 'refused'"
        "  AND (d.control_sha IS DISTINCT FROM a.control_sha OR d.contract IS DISTINCT FROM $contract))"
        " ORDER BY a.received_at, a.sequence, a.name, a.file_id",
        {"department": table.department, "name": table.name, "known_at": scope.known_at, "contract": table.version},
    ).to_dicts()


def _batches(files: Sequence[File]) -> Iterator[list[File]]:
    batch: list[File] = []
    size = 0
    for file in files:
        batch.append(file)
        size += file.arrival["bytes"]
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _groups(batch: Sequence[File]) -> Iterator[tuple[Table, Form, list[File]]]:
    """Files read alike: one version of the contract, one physical form."""
    groups: dict[tuple[str, str], list[File]] = {}
    for file in batch:
        groups.setdefault((file.table.version, file.arrival["form"]), []).append(file)
    for (_, form_id), group in groups.items():
        yield group[0].table, group[0].table.forms[form_id], group


def _read(home: Path, group: list[File], form: Form, table: Table, key: bytes) -> Conformed | None:
    """Reads a group in the child processes and types it; fills in readings, counts and refusals of the files."""
    frames = []
    paths = [home / f.arrival["path"] for f in group]
    for file, result in zip(group, shared().read(paths, form, table), strict=True):
        if isinstance(result, RefusedFile):
            file.refusal = str(result)
            continue
        file.reading, file.notes = result, list(result.notes)
        frames.append(
            result.frame.with_columns(
                pl.lit(file.id).alias("_file_id"),
                pl.lit(file.arrival["period"]).alias("_period"),
                pl.lit(file.arrival["received_at"], dtype=pl.Datetime("us")).alias("_received_at"),
            )
        )
    if not frames:
        return None
    text = pl.concat(frames, how="diagonal")
    conformed = conform(text, table, key)
    counted = {row["_file_id"]: row for row in conformed.counts.to_dicts()}
    amounts = _amounts(text, table, key)
    for file in group:
        if file.reading is None:
            continue
        found = counted.get(file.id, {"loaded": 0, "rejected": 0, "duplicate": 0})
        file.counts = {
            "rows_in": file.reading.rows_in,
            "rows_loaded": found["loaded"],
            "rows_rejected": found["rejected"] + len(file.reading.unreadable),
            "rows_duplicate": found["duplicate"],
            "rows_total": sum(file.reading.set_aside.values()),
        }
        facts = file.counts["rows_in"] - file.counts["rows_total"]
        _check_control(home, file, facts, amounts.get(file.id) if amounts is not None else None)
        if facts < form.min_rows and not file.refusal:
            file.refusal = "没有一行数据（只有表头或空行）"
    return conformed


def _amounts(text: pl.DataFrame, table: Table, key: bytes) -> dict[str, Decimal | None] | None:
    """Sum of the control column per file over every delivered row, rejected or not; None where a cell could not be read."""
    if table.control is None or table.control.amount is None:
        return None
    column = table.columns[table.control.amount]
    parsed = parse(text[table.control.amount], column, None, key)
    sums = (
        pl.DataFrame({"f": text["_file_id"], "v": parsed.values, "b": parsed.bad})
        .group_by("f")
        .agg(pl.col("v").sum(), pl.col("b").any())
    )
    return {f: None if bad else value for f, value, bad in sums.iter_rows()}


def _check_control(home: Path, file: File, facts: int, amount: Decimal | None) -> None:
    if file.table.control is None:
        return
    place = home / f"{file.arrival['path']}.ctl"
    if not place.exists():
        file.notes.append("没有控制文件，行数与金额无从核对")
        return
    control = parse_control(place.read_text(encoding="utf-8"))
    broken = bool(file.reading and file.reading.unreadable)
    faults = content_faults(control, facts, None if broken else amount)
    if faults:
        file.refusal = "；".join(faults)


def _judge_counts(group: list[File], table: Table) -> None:
    for file in group:
        if file.refusal or file.reading is None:
            continue
        facts = file.counts["rows_in"] - file.counts["rows_total"]
        rejected = file.counts["rows_rejected"]
        # One bad row of a handful is a bad row, not a bad file.
        if rejected > 1 and rejected > table.max_reject_share * facts:
            share = f"{rejected / facts:.0%}"
            file.refusal = f"{facts} 行中 {rejected} 行不合格（{share}），超过合同允许的 {table.max_reject_share:.0%}"


def _judge_rules(group: list[File], rows: pl.DataFrame, table: Table) -> None:
    """Blocking rules are judged per delivery: one bad file does not take its neighbours with it."""
    sizes = dict(rows.group_by("_file_id").len().iter_rows())
    for rule in table.rules:
        if rule.level == "warn":
            continue
        found = outcome(rows, rule)
        if found.broken:
            continue
        if found.bad is None:
            parts = {key[0]: outcome(part, rule) for key, part in rows.partition_by("_file_id", as_dict=True).items()}
        elif found.bad.any():
            faulty = rows["_file_id"].filter(found.bad).unique().to_list()
            marks = pl.DataFrame({"f": rows["_file_id"], "bad": found.bad})
            parts = {f: Outcome(rule, sizes[f], marks.filter(pl.col("f") == f)["bad"], False) for f in faulty}
        else:
            continue
        for file in group:
            part = parts.get(file.id)
            if part is None or file.refusal or part.passed:
                continue
            tolerated = part.bad is not None and part.bad_rows <= 1 < part.rows and rule.max_bad_share > 0
            if not tolerated:
                file.rule_refusals[rule.id] = _rule_reason(part)
    for file in group:
        if file.rule_refusals:
            file.refusal = "；".join(file.rule_refusals.values())


def _rule_reason(found: Outcome) -> str:
    if found.bad is None:
        return f"不满足「{found.rule.label}」"
    return f"{found.rows} 行中 {found.bad_rows} 行不满足「{found.rule.label}」（{found.share:.1%}），允许 {found.rule.max_bad_share:.1%}"


def _sifted(group: list[File], conformed: Conformed, table: Table) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that go in, and the rejects of the group: cells that could not be typed, rows that break a row rule, unreadable records."""
    refused = [f.id for f in group if f.refusal]
    rows = conformed.rows.filter(~pl.col("_file_id").is_in(refused))
    rejects = [conformed.rejects.filter(~pl.col("_file_id").is_in(refused))]
    failing = pl.repeat(False, rows.height, dtype=pl.Boolean, eager=True)
    for rule in table.rules:
        if rule.level != "row":
            continue
        found = outcome(rows, rule)
        if found.bad is None or not found.bad.any():
            continue
        failing = failing | found.bad
        rejects.append(_rule_rejects(rows.filter(found.bad), found, table))
    _move_counts(group, rows.filter(failing))
    unreadable = [
        (f.id, u.sheet, u.row_no, None, None, u.rule, u.reason)
        for f in group
        if f.reading is not None and not f.refusal
        for u in f.reading.unreadable
    ]
    rejects.append(pl.DataFrame(unreadable, schema=conformed.rejects.schema, orient="row"))
    names = {f.id: f.arrival["name"] for f in group}
    quarantined = _reject_rows(pl.concat(rejects), names, table)
    rows = rows.filter(~failing)
    if table.received_by:
        by = pl.col(table.received_by).cast(pl.Datetime("us"))
        rows = rows.with_columns(pl.min_horizontal(by, "_received_at").alias("_received_at"))
    return rows, quarantined


def _rule_rejects(rows: pl.DataFrame, found: Outcome, table: Table) -> pl.DataFrame:
    kwargs = found.rule.kwargs
    name = kwargs.get("column") or kwargs.get("column_A")
    shown = pl.col(name).cast(pl.String) if name and table.columns[name].personal == "none" else pl.lit("***")
    return rows.select(
        "_file_id",
        "_sheet",
        "_row_no",
        pl.lit(name, dtype=pl.String).alias("column_name"),
        shown.alias("value"),
        pl.lit(found.rule.id).alias("rule"),
        pl.lit(f"不满足「{found.rule.label}」").alias("reason"),
    )


def _move_counts(group: list[File], failing: pl.DataFrame) -> None:
    moved = dict(failing.select("_file_id", "_sheet", ROW).unique().group_by("_file_id").len().iter_rows())
    for file in group:
        count = moved.get(file.id, 0)
        file.counts["rows_loaded"] -= count
        file.counts["rows_rejected"] += count


def _reject_rows(rejects: pl.DataFrame, names: dict[str, str], table: Table) -> pl.DataFrame:
    return rejects.select(
        pl.col("_file_id").alias("file_id"),
        pl.col("_file_id").replace_strict(names, default=None, return_dtype=pl.String).alias("file"),
        pl.col("_sheet").alias("sheet"),
        pl.col("_row_no").alias("row_no"),
        "column_name",
        "value",
        "rule",
        "reason",
        pl.lit(table.department).alias("department"),
        pl.lit(table.name).alias("table_name"),
    ).cast(dict(REJECT_COLUMNS))  # type: ignore[arg-type]


def _file_reject(file: File) -> pl.DataFrame:
    row = (
        file.id,
        file.arrival["name"],
        "",
        0,
        None,
        None,
        "file",
        file.refusal,
        file.table.department,
        file.table.name,
    )
    return pl.DataFrame([row], schema=REJECT_COLUMNS, orient="row")


def _blocking(loaded: Loaded, table: Table) -> str | None:
    broken = [o for o in loaded.outcomes if o.broken]
    if broken:
        return "检查本身坏了：" + "；".join(f"{o.rule.label}（{o.broken}）" for o in broken)
    for file in loaded.files:
        if file.refusal:
            file.counts = {**file.counts, "rows_loaded": 0, "rows_rejected": 0, "rows_duplicate": 0}
            file.counts["rows_rejected"] = file.counts["rows_in"] - file.counts["rows_total"]
    lost = unconserved(_load_rows(loaded.files, table, None))
    if lost.height:
        return "行数不守恒（读入 ≠ 载入 + 退回 + 重复 + 合计行）：" + "、".join(lost["name"].to_list()[:5])
    if loaded.files and all(f.rule_refusals for f in loaded.files):
        return "每一份新交付都不满足阻断规则：" + "；".join(str(f.refusal) for f in loaded.files[:3])
    return None


def _load_rows(files: Sequence[File], table: Table, gone: pl.DataFrame | None) -> pl.DataFrame:
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
            "status": "refused" if f.refusal else "loaded",
            "reason": f.refusal,
            "notes": "；".join(f.notes) or None,
            "contract": table.version,
        }
        for f in files
    ]
    return pl.DataFrame(rows, schema=LOAD_COLUMNS)


def _record(
    transaction: Transaction,
    warehouse: Warehouse,
    table: Table,
    files: Sequence[File],
    rejects: pl.DataFrame,
    subjects: Sequence[pl.DataFrame],
    gone: pl.DataFrame,
) -> None:
    transaction.append("raw.delivery_load", _load_rows(files, table, gone), key=("file_id", "table_name"))
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
        transaction.append("raw.subject", _merged(warehouse, table, pl.concat(named)), key=("_subject_id",))


def _merged(warehouse: Warehouse, table: Table, found: pl.DataFrame) -> pl.DataFrame:
    """A subject keeps the earliest receipt and the first table (by name) that named it, whatever order files were loaded in."""
    known = warehouse.frame("SELECT * FROM raw.subject WHERE department = $d", {"d": table.department})
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


def _still_named(subjects: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Only the subjects of rows that went in, first received with the earliest of those rows."""
    first = rows.group_by("_subject_id").agg(pl.col("_received_at").min().alias("first"))
    return (
        subjects.join(first, on="_subject_id", how="inner")
        .with_columns(first_received_at=pl.col("first"))
        .select(subjects.columns)
    )


def _record_checks(transaction: Transaction, table: Table, results: Sequence[Outcome], scope: Scope) -> None:
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


def _grow(transaction: Transaction, warehouse: Warehouse, table: Table) -> None:
    """A contract that gained a column grows its table; the past stays empty there."""
    known = warehouse.columns(f"raw.{table.key}")
    for name, kind in table.stored.items():
        if known and name not in known:
            transaction.execute(f'ALTER TABLE raw."{table.key}" ADD COLUMN "{name}" {kind}')


def _empty(table: Table) -> pl.DataFrame:
    return pl.DataFrame(schema={n: polars_type(k) for n, k in table.stored.items()})


def _no_rejects() -> pl.DataFrame:
    return pl.DataFrame(schema=REJECT_COLUMNS)
