"""One table's deliveries, from accepted bytes to typed rows: read, conform, judge per file, and write everything in one transaction."""

import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from assets.ports import Scope, Warehouse, Written
from assets.raw.absent import tombstones
from assets.raw.backlog import Backlog, backlog
from assets.raw.judge import File, check_control, control_sums, judge_counts, judge_rules, sifted
from assets.raw.record import empty, file_reject, grow, load_rows, no_rejects, record, record_checks, still_named
from data.contract import Form, Table
from data.readers.pool import shared
from data.readers.reading import RefusedFile
from quality.conform import Conformed, conform
from quality.expectations import validated
from quality.masks import Outcome, outcome
from quality.reconcile import unconserved

# Files are read and conformed in batches of about this many bytes as delivered, so memory does not grow with a backlog.
BATCH_BYTES = 64 << 20


@dataclass
class Loaded:
    """The outcome for one table: files with their counts, the rules' outcomes over everything that was judged, what was written."""

    files: list[File]
    outcomes: list[Outcome]
    written: Written | None
    blocked: str | None = None
    rows_new: int = 0


def load(table: Table, warehouse: Warehouse, scope: Scope, todo: Backlog | None = None) -> Loaded:
    """Loads every accepted delivery of `table` known by the scope that is not yet loaded; `todo` is the run's backlog if it is known.

    Writes nothing if a check is broken, if rows were lost on the way, or if nothing stands yet and every delivery fails a blocking rule (`blocked` says why).
    """
    todo = todo or backlog(warehouse, scope)
    files = [File(a, table.at(a["received_at"].date())) for a in todo.pending.pop(table.key, [])]
    standing = todo.standing.get(table.key)
    if not files and standing is not None and standing.columns.keys() >= table.stored.keys():
        return Loaded([], [outcome(empty(table), rule) for rule in table.rules], standing)
    key = personal_key(warehouse.home)
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
            judge_counts(group, contract)
            judge_rules(group, conformed.rows, contract)
            rows, quarantined = sifted(group, conformed, contract)
            kept.append(rows)
            rejects.append(quarantined)
            subjects.append(still_named(conformed.subjects, rows))
    results = validated(pl.concat(judged), table) if judged else [outcome(empty(table), rule) for rule in table.rules]
    loaded = Loaded(files, results, None)
    loaded.blocked = _blocking(loaded, table, standing is not None and standing.rows > 0)
    if loaded.blocked:
        return loaded
    rows = pl.concat([empty(table), *kept])
    rejected = pl.concat([no_rejects(), *rejects, *[file_reject(f) for f in files if f.refusal]])
    gone = tombstones(table, rows, [f.arrival for f in files if not f.refusal], warehouse, rejected)
    with warehouse.write() as transaction:
        grow(transaction, warehouse, table)
        loaded.written = transaction.append(f"raw.{table.key}", pl.concat([rows, gone]), key=("_file_id",))
        if files:
            record(transaction, warehouse, table, files, rejected, subjects, gone)
        record_checks(transaction, table, results, scope)
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
    sums = control_sums(text, table, key)
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
        check_control(home, file, facts, sums.get(file.id) if sums is not None else None)
        if facts < form.min_rows and not file.refusal:
            file.refusal = "没有一行数据（只有表头或空行）"
    return conformed


def _blocking(loaded: Loaded, table: Table, stands: bool) -> str | None:
    broken = [o for o in loaded.outcomes if o.broken]
    if broken:
        return "检查本身坏了：" + "；".join(f"{o.rule.label}（{o.broken}）" for o in broken)
    for file in loaded.files:
        if file.refusal:
            file.counts = {**file.counts, "rows_loaded": 0, "rows_rejected": 0, "rows_duplicate": 0}
            file.counts["rows_rejected"] = file.counts["rows_in"] - file.counts["rows_total"]
    lost = unconserved(load_rows(loaded.files, table, None))
    if lost.height:
        return "行数不守恒（读入 ≠ 载入 + 退回 + 重复 + 合计行）：" + "、".join(lost["name"].to_list()[:5])
    # Where a good version stands, the refused deliveries are written down and the rest of the run goes on with that version.
    if not stands and loaded.files and all(f.rule_refusals for f in loaded.files):
        return "每一份新交付都不满足阻断规则：" + "；".join(str(f.refusal) for f in loaded.files[:3])
    return None
