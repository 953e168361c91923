"""Accepted bytes of one table to judged rows: read in the children, typed, judged per file, checked by both engines; the warehouse is not touched."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from assets.raw.judge import (
    File,
    blocking,
    check_control,
    control_sums,
    judge_counts,
    judge_rules,
    no_counts,
    outcomes_by_file,
    sifted,
)
from assets.raw.large import Large, Untypable, is_large
from assets.raw.receipt import NO_RECEIPT, UNTIMED
from assets.raw.record import empty
from assets.raw.scale import judge_scale, medians
from assets.raw.told import judge_told, told
from assets.raw.volume import Habit, judge_volume
from data.contract import Form, Table
from data.readers import pool
from data.readers.reading import Reading, RefusedFile
from quality import rejoin, validator
from quality.conform import Conformed, conform, merged
from quality.expectations import validated, validated_parts
from quality.masks import Outcome, joined, outcome

# The ledger's word for accepted bytes that changed; such a delivery is looked at again in every run.
DAMAGED = "文件收到之后被改动过，与回执的 sha256 不符"
# Files are read and conformed in batches of about this many bytes as delivered, so memory does not grow with a backlog.
BATCH_BYTES = 64 << 20


@dataclass
class Prepared:
    """The deliveries of one table with what was found in them; nothing is written yet."""

    files: list[File]
    kept: list[pl.DataFrame] = field(default_factory=list)
    rejects: list[pl.DataFrame] = field(default_factory=list)
    subjects: list[pl.DataFrame] = field(default_factory=list)
    judged: list[pl.DataFrame] = field(default_factory=list)
    large: list[Large] = field(default_factory=list)


def prepared(table: Table, files: list[File], home: Path, key: bytes, habit: Habit) -> Prepared:
    """Reads, types and judges `files`. `key` hashes personal values; `habit` is what the table's deliveries were like so far."""
    found = Prepared(files)
    for batch in _batches(files):
        for contract, form, group in _groups([f for f in batch if _intact(home, f)]):
            if is_large(group[0].arrival, form, contract):
                large = _in_parts(home, group[0], form, contract, key, habit)
                found.large += [large] if large is not None else []
                continue
            conformed = _read(home, group, form, contract, key)
            if conformed is None:
                continue
            found.judged.append(conformed.rows)
            judge_counts(group, contract)
            judge_volume(group, habit)
            judge_scale(group, medians(conformed.rows, contract), contract, habit)
            judge_told(group, told(conformed.rows, contract, [f.arrival for f in group]), contract, habit.told)
            judge_rules(group, outcomes_by_file(conformed.rows, blocking(contract)))
            rows, quarantined = sifted(group, conformed, contract)
            found.kept.append(rows)
            found.rejects.append(quarantined)
            found.subjects.append(still_named(conformed.subjects, rows))
    return found


def checked(found: Prepared, table: Table) -> list[Outcome]:
    """Every rule over everything that was judged, by masks and by Great Expectations in its own process."""
    every = [validated_parts(large.judged, large.rows(), table, validator.shared().outcomes) for large in found.large]
    if found.judged:
        rows = pl.concat(found.judged)
        found.judged.clear()
        every.append(validated(rows, table, validator.shared().outcomes))
    if not every:
        return [outcome(empty(table), rule) for rule in table.rules]
    return every[0] if len(every) == 1 else [joined(same) for same in zip(*every, strict=True)]


def _intact(home: Path, file: File) -> bool:
    """Whether the bytes are still those that were received: a sender who kept the file open, or anybody since, may have written into it."""
    with (home / file.arrival["path"]).open("rb") as handle:
        if hashlib.file_digest(handle, "sha256").hexdigest() == file.arrival["sha256"]:
            return True
    file.refusal = f"{DAMAGED}，不能作为依据；请从备份恢复，或请对方把同一文件再送一次"
    return False


def _in_parts(home: Path, file: File, form: Form, table: Table, key: bytes, habit: Habit) -> Large | None:
    """A large delivery, read and judged part by part; None if nothing of it can be read."""
    large = Large(file, table, home)
    try:
        for part in pool.shared().parts(home / file.arrival["path"], form, table):
            if isinstance(part, RefusedFile):
                file.refusal, file.counts = str(part), no_counts()
                large.drop()
                return None
            part = rejoin.rejoined(part, form, table, file.arrival["received_at"], key)
            large.take(part, _placed(part.frame, file), key)
        large.settle()
    except Untypable as error:
        large.drop()
        file.refusal, file.counts = _broke(str(error)), no_counts()
        return None
    except BaseException:
        large.drop()
        raise
    file.reading, file.notes = large.reading, _notes(large.reading, file)
    facts = file.counts["rows_in"] - file.counts["rows_total"]
    check_control(home, file, facts, large.amount, large.broken)
    if facts < form.min_rows and not file.refusal:
        file.refusal = "没有一行数据（只有表头或空行）"
    judge_counts([file], table)
    judge_volume([file], habit)
    judge_scale([file], large.medians_of(medians), table, habit)
    judge_told([file], large.told(), table, habit.told)
    large.judged = large.outcomes()
    judge_rules([file], [(o.rule, {file.id: o}) for o in large.judged if o.rule.level != "warn"])
    if not file.refusal:
        large.sift()
    return large


def still_named(subjects: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Only the subjects of rows that went in, first received with the earliest of those rows."""
    first = rows.group_by("_subject_id").agg(pl.col("_received_at").min().alias("first"))
    return (
        subjects.join(first, on="_subject_id", how="inner")
        .with_columns(first_received_at=pl.col("first"))
        .select(subjects.columns)
    )


def _batches(files: Sequence[File]) -> Iterator[list[File]]:
    batch: list[File] = []
    size = 0
    for file in files:
        large = is_large(file.arrival, file.table.forms[file.arrival["form"]], file.table)
        if large and batch:
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.arrival["bytes"]
        if large or size >= BATCH_BYTES:
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


def _typed(
    group: list[File], frames: list[pl.DataFrame], table: Table, key: bytes
) -> list[tuple[pl.DataFrame, Conformed]]:
    """The frames together, typed. If typing itself breaks, each alone: the delivery that breaks it is refused, its neighbours are not."""
    text = pl.concat(frames, how="diagonal")
    try:
        return [(text, conform(text, table, key))]
    except (Exception, pl.exceptions.PanicException) as error:
        if len(frames) > 1:
            return [alone for frame in frames for alone in _typed(group, [frame], table, key)]
        broken = text["_file_id"].unique().to_list()
        for file in group:
            if file.id in broken:
                file.refusal, file.reading = _broke(type(error).__name__), None
        return []


def _broke(error: str) -> str:
    return f"类型转换时程序出错（{error}），不能载入"


def _read(home: Path, group: list[File], form: Form, table: Table, key: bytes) -> Conformed | None:
    """Reads a group in the child processes and types it; fills in readings, counts and refusals of the files."""
    frames = []
    paths = [home / f.arrival["path"] for f in group]
    for file, result in zip(group, pool.shared().read(paths, form, table), strict=True):
        if isinstance(result, RefusedFile):
            file.refusal = str(result)
            continue
        result = rejoin.rejoined(result, form, table, file.arrival["received_at"], key)
        file.reading, file.notes = result, _notes(result, file)
        frames.append(_placed(result.frame, file))
    if not frames:
        return None
    typed = _typed(group, frames, table, key)
    if not typed:
        return None
    text = pl.concat([t for t, _ in typed], how="diagonal")
    conformed = merged([c for _, c in typed])
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
        check_control(home, file, facts, sums.get(file.id) if sums is not None else None, bool(file.reading.unreadable))
        if facts < form.min_rows and not file.refusal:
            file.refusal = "没有一行数据（只有表头或空行）"
    return conformed


def _placed(text: pl.DataFrame, file: File) -> pl.DataFrame:
    return text.with_columns(
        pl.lit(file.id).alias("_file_id"),
        pl.lit(file.arrival["period"]).alias("_period"),
        pl.lit(file.arrival["received_at"], dtype=pl.Datetime("us")).alias("_received_at"),
    )


def _notes(reading: Reading, file: File) -> list[str]:
    made = {"made": f"{NO_RECEIPT}，收到时间取文件写入的时间", "untimed": f"{UNTIMED}，记为本次运行的那一天"}
    said = made.get(file.arrival["receipt"])
    mended = [rejoin.note(reading.rejoined)] if reading.rejoined else []
    return [*reading.notes, *mended, *([said] if said else [])]
