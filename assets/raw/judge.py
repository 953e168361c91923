"""What is wrong with a delivery that could be read: control totals, share of bad rows, blocking rules; and which rows stay out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from assets.raw.schema import REJECT_COLUMNS
from data.contract import Rule, Table
from data.readers.reading import ROW, Reading
from quality.conform import REJECT_SCHEMA, Conformed
from quality.masks import Outcome, outcome
from quality.parse import parse
from quality.reconcile import CONSERVED, content_faults, parse_control
from quality.whom import SUBJECT, named, named_by_cells


def no_counts() -> dict[str, int]:
    """The counts of a delivery of which nothing has been read."""
    return dict.fromkeys(("rows_in", *CONSERVED), 0)


@dataclass
class File:
    """One accepted delivery of one table and what became of it."""

    arrival: dict[str, Any]
    table: Table
    reading: Reading | None = None
    refusal: str | None = None
    # kept out only until a named person lets it in
    held: bool = False
    rule_refusals: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=no_counts)

    @property
    def id(self) -> str:
        return str(self.arrival["file_id"])


def control_sums(text: pl.DataFrame, table: Table, key: bytes) -> dict[str, Decimal | None] | None:
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


def check_control(home: Path, file: File, facts: int, amount: Decimal | None, broken: bool) -> None:
    """`broken`: some record could not be cut into cells, so that the sum is not the file's."""
    if file.table.control is None:
        return
    place = home / f"{file.arrival['path']}.ctl"
    if not place.exists():
        file.notes.append("没有控制文件，行数与金额无从核对")
        return
    control = parse_control(place.read_text(encoding="utf-8"))
    faults = content_faults(control, facts, None if broken else amount)
    if faults:
        file.refusal = "；".join(faults)


def judge_counts(group: list[File], table: Table) -> None:
    for file in group:
        if file.refusal or file.reading is None:
            continue
        facts = file.counts["rows_in"] - file.counts["rows_total"]
        rejected = file.counts["rows_rejected"]
        # One bad row of a handful is a bad row, not a bad file.
        if rejected > 1 and rejected > table.max_reject_share * facts:
            share = f"{rejected / facts:.0%}"
            file.refusal = f"{facts} 行中 {rejected} 行不合格（{share}），超过合同允许的 {table.max_reject_share:.0%}"


def outcomes_by_file(rows: pl.DataFrame, rules: Iterable[Rule]) -> Iterator[tuple[Rule, dict[str, Outcome]]]:
    """For each rule the outcome of every delivery that does not wholly meet it."""
    sizes = dict(rows.group_by("_file_id").len().iter_rows())
    for rule in rules:
        found = outcome(rows, rule)
        if found.broken:
            continue
        if found.bad is None:
            yield (
                rule,
                {key[0]: outcome(part, rule) for key, part in rows.partition_by("_file_id", as_dict=True).items()},
            )
        elif found.bad.any():
            faulty = rows["_file_id"].filter(found.bad).unique().to_list()
            marks = pl.DataFrame({"f": rows["_file_id"], "bad": found.bad})
            yield rule, {f: Outcome(rule, sizes[f], marks.filter(pl.col("f") == f)["bad"], False) for f in faulty}


def judge_rules(group: list[File], found: Iterable[tuple[Rule, Mapping[str, Outcome]]]) -> None:
    """Blocking rules are judged per delivery: one bad file does not take its neighbours with it."""
    for rule, parts in found:
        for file in group:
            part = parts.get(file.id)
            if part is None or part.broken or file.refusal or part.passed:
                continue
            tolerated = part.bad is not None and part.bad_rows <= 1 < part.rows and rule.max_bad_share > 0
            if not tolerated:
                file.rule_refusals[rule.id] = _rule_reason(part)
    for file in group:
        if file.rule_refusals:
            file.refusal = "；".join(file.rule_refusals.values())


def blocking(table: Table) -> list[Rule]:
    """The rules a delivery is turned away for."""
    return [rule for rule in table.rules if rule.level != "warn"]


def _rule_reason(found: Outcome) -> str:
    if found.bad is None:
        return f"不满足「{found.rule.label}」"
    return f"{found.rows} 行中 {found.bad_rows} 行不满足「{found.rule.label}」（{found.share:.1%}），允许 {found.rule.max_bad_share:.1%}"


def sifted(group: list[File], conformed: Conformed, table: Table) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that go in, and the rejects of the group: cells that could not be typed, rows that break a row rule, unreadable records."""
    refused = [f.id for f in group if f.refusal]
    rows = conformed.rows.filter(~pl.col("_file_id").is_in(refused))
    rejects = [conformed.rejects.filter(~pl.col("_file_id").is_in(refused))]
    failing, faults = row_faults(rows, table)
    rejects += faults
    _move_counts(group, rows.filter(failing))
    rejects += [unreadable_rejects(f, f.reading, table) for f in group if f.reading is not None and not f.refusal]
    names = {f.id: f.arrival["name"] for f in group}
    quarantined = reject_rows(pl.concat(rejects), names, table)
    return received(rows.filter(~failing), table), quarantined


def unreadable_rejects(file: File, reading: Reading, table: Table) -> pl.DataFrame:
    """The records that could not be cut into cells, as faults (REJECT_SCHEMA)."""
    lines = [
        (file.id, u.sheet, u.row_no, None, None, u.rule, u.reason, named_by_cells(u.cells, reading.layout, table))
        for u in reading.unreadable
    ]
    return pl.DataFrame(lines, schema=REJECT_SCHEMA, orient="row")


def row_faults(rows: pl.DataFrame, table: Table) -> tuple[pl.Series, list[pl.DataFrame]]:
    """Which rows break a rule about single rows, and the faults (REJECT_SCHEMA) of those that do."""
    failing = pl.repeat(False, rows.height, dtype=pl.Boolean, eager=True)
    rejects = []
    for rule in table.rules:
        if rule.level != "row":
            continue
        found = outcome(rows, rule)
        if found.bad is None or not found.bad.any():
            continue
        failing = failing | found.bad
        rejects.append(_rule_rejects(rows.filter(found.bad), found, table))
    return failing, rejects


def received(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    """A pulled record is received when it was last changed."""
    if not table.received_by:
        return rows
    by = pl.col(table.received_by).cast(pl.Datetime("us"))
    return rows.with_columns(pl.min_horizontal(by, "_received_at").alias("_received_at"))


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
        named(rows, table),
    )


def _move_counts(group: list[File], failing: pl.DataFrame) -> None:
    moved = dict(failing.select("_file_id", "_sheet", ROW).unique().group_by("_file_id").len().iter_rows())
    for file in group:
        count = moved.get(file.id, 0)
        file.counts["rows_loaded"] -= count
        file.counts["rows_rejected"] += count


def reject_rows(rejects: pl.DataFrame, names: dict[str, str], table: Table) -> pl.DataFrame:
    """Faults as lines of `quality.reject`."""
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
        SUBJECT,
    ).cast(dict(REJECT_COLUMNS))  # type: ignore[arg-type]
