"""Text frame + contract → typed rows and rejects: every row is loaded, a repeat of one that is, or rejected with column, rule and reason."""

from __future__ import annotations

import csv
import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache

import polars as pl

from data.contract import PROVENANCE, REFERENCE, SUBJECT_ROLES, Column, Table
from quality.parse import CONTROL, EXCEL_ERRORS, UNPRINTABLE, Parsed, digests, parse, trimmed
from quality.whom import SUBJECT, named

NUMERIC = "_numeric"
_SCIENTIFIC = r"^\s*\d(?:\.\d+[Ee]\+?|[Ee]\+)\d{1,2}\s*$"
# What a cell of such a type is looked at twice for.
_STRANGE = {"text": UNPRINTABLE, "code": f"{UNPRINTABLE}|{_SCIENTIFIC}"}
REJECT_SCHEMA: dict[str, pl.DataType] = {
    "_file_id": pl.String(),
    "_sheet": pl.String(),
    "_row_no": pl.Int64(),
    "column_name": pl.String(),
    "value": pl.String(),
    "rule": pl.String(),
    "reason": pl.String(),
    SUBJECT: pl.String(),
}
SUBJECT_COLUMNS = (
    "uscc",
    "regno",
    "org_code",
    "tax_id",
    "local_kind",
    "local_id",
    "customs_code",
    "trade_code",
    "name",
    "legal_person",
    "region",
    "address",
    "phone_hash",
)


@dataclass(frozen=True)
class Conformed:
    """What became of a text frame.

    `rows`: typed, the columns of `Table.stored`; `rejects`: REJECT_SCHEMA, one line per faulty cell; `counts`: per `_file_id`
    rows `loaded`, `rejected`, `duplicate` (physical rows: a row split into several counts once); `subjects`: the distinct
    subjects of `rows`, with `has_numeric_key` where a code was held as a number.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame
    counts: pl.DataFrame
    subjects: pl.DataFrame


@cache
def code_list(name: str) -> dict[str, str]:
    """Spelling as compared (NFKC, no blanks, upper case) → canonical code, from `data/reference/<name>.csv`."""
    with (REFERENCE / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
        return {
            "".join(unicodedata.normalize("NFKC", row["value"]).split()).upper(): row["code"]
            for row in csv.DictReader(handle)
        }


@dataclass(frozen=True)
class Typed:
    """Rows of a delivery typed one by one, before they are compared with each other.

    `rows`: the columns of `Table.stored` and `_at`, the physical row; `faulty`: `_at` and REJECT_SCHEMA; `physical`: `_at` and `_file_id` of
    every delivered row; `subjects`: as in `Conformed`.
    """

    rows: pl.DataFrame
    faulty: pl.DataFrame
    physical: pl.DataFrame
    subjects: pl.DataFrame


def conform(frame: pl.DataFrame, table: Table, key: bytes) -> Conformed:
    """Types every row of `frame`: String columns under our names and `_file_id _row_no _sheet _numeric _period _received_at`.

    Money becomes 元 (or USD), people 人, areas ㎡; an identity key is normalised, never judged. `key` hashes personal values.
    """
    physical, rows, faulty = _cells(frame, table, key, 0)
    rows, duplicates = _collapsed(rows, table)
    rows, told_twice = _unambiguous(rows, table)
    faulty = pl.concat([faulty, told_twice])
    rows = rows.with_columns(_operation(table).alias("_op"))
    rows, subjects = _named(rows, table)
    counts = _counted(physical, faulty, duplicates)
    rejects = faulty.select(list(REJECT_SCHEMA)).sort("_file_id", "_sheet", "_row_no", "column_name")
    return Conformed(rows.select(list(table.stored)), rejects, counts, subjects)


def typed(frame: pl.DataFrame, table: Table, key: bytes, first: int) -> Typed:
    """A part of a delivery whose first row is its physical row `first`: what `conform` makes of each row alone."""
    physical, rows, faulty = _cells(frame, table, key, first)
    rows, subjects = _named(rows.with_columns(_operation(table).alias("_op")), table)
    return Typed(rows.select("_at", *table.stored), faulty, physical, subjects)


def _cells(
    frame: pl.DataFrame, table: Table, key: bytes, first: int
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """(`_at` and file of every row, the rows without a fault, typed, the faults)."""
    # Several names in one cell share a physical row: `_at` tells them apart until the counts are made.
    # One chunk: a file of which every row is rejected would leave an empty one, over which Polars' concat_str panics.
    frame = frame.rechunk().with_row_index("_at", offset=first)
    physical = frame.select("_at", "_file_id")
    split = _split(frame, table)
    faults: list[pl.DataFrame] = []
    cells: dict[str, pl.Series] = {}
    for name, column in table.columns.items():
        delivered = split[name] if name in split.columns else pl.Series(name, [None] * split.height, dtype=pl.String)
        codes = code_list(column.codes) if column.codes else None
        parsed = parse(delivered, column, codes, key)
        cells[name] = parsed.values.alias(name)
        if column.codes:
            cells[f"{name}_source"] = _bare(delivered, parsed).alias(f"{name}_source")
        if column.split:
            alone = pl.repeat(1, split.height, dtype=pl.Int64, eager=True)
            cells[column.split.rank] = split[column.split.rank] if name in split.columns else alone
        faults += _faults(split, name, column, delivered, parsed, codes)
        if column.type in ("date", "datetime", "month", "year") and not (column.future or column.forever):
            faults += _future(split, name, column, delivered, parsed)
    rows = split.select("_at", "_file_id", "_row_no", "_sheet", "_period", "_received_at", NUMERIC).with_columns(
        **cells
    )
    faults = [f for f in faults if f.height]
    if not faults:
        return physical, rows, _no_faults()
    faulty = pl.concat(faults)
    sound = ~pl.col("_at").is_in(faulty["_at"].unique().implode())
    return physical, rows.filter(sound), _of_whom(faulty, rows.filter(~sound), table)


def merged(parts: Sequence[Conformed]) -> Conformed:
    """Several as one; a subject named in two of them stands twice."""
    if len(parts) == 1:
        return parts[0]
    return Conformed(*[pl.concat([getattr(p, f.name) for p in parts]) for f in fields(Conformed)])


def _no_faults() -> pl.DataFrame:
    return pl.DataFrame(schema={"_at": pl.get_index_type(), **REJECT_SCHEMA})


def _of_whom(faulty: pl.DataFrame, rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    """`faulty` with what the rows name their subjects by: a row of several names has several."""
    said = rows.select("_at", named(rows, table)).drop_nulls()
    said = said.group_by("_at").agg(pl.col(SUBJECT).unique(maintain_order=True).str.join(";"))
    return faulty.join(said, on="_at", how="left", maintain_order="left").select("_at", *REJECT_SCHEMA)


def _split(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    for name, column in table.columns.items():
        if column.split and name in frame.columns:
            pattern = f"[{column.split.by}]+"
            parts = pl.col(name).str.replace_all(pattern, column.split.by[0]).str.strip_chars(column.split.by)
            listed = frame.with_columns(parts.str.split(column.split.by[0]).alias(name))
            ranks = pl.int_ranges(1, pl.col(name).list.len().fill_null(1) + 1, dtype=pl.Int64).alias(column.split.rank)
            single = (
                pl.when(pl.col(name).is_null()).then(pl.lit([None], dtype=pl.List(pl.String))).otherwise(pl.col(name))
            )
            frame = listed.with_columns(single.alias(name)).with_columns(ranks).explode(name, column.split.rank)
    return frame


def _faults(
    split: pl.DataFrame, name: str, column: Column, delivered: pl.Series, parsed: Parsed, codes: dict[str, str] | None
) -> list[pl.DataFrame]:
    found = []
    bad = parsed.bad.fill_null(False)
    if bad.any():
        errors = delivered.str.strip_chars().is_in(list(EXCEL_ERRORS)).fill_null(False)
        found.append(_fault(split, bad & ~errors, name, column, delivered, parsed.rule, parsed.reason))
        found.append(
            _fault(
                split, bad & errors, name, column, delivered, "excel_error", "Excel 错误值或没有算出的公式，不是内容"
            )
        )
    if column.type not in ("text", "code"):
        strange = False
    else:
        numbered = column.type == "code" and split[NUMERIC].null_count() < split.height
        strange = numbered or bool(_told(delivered, parsed).str.contains(_STRANGE[column.type]).any())
    if strange and column.type == "code" and column.key in (None, "local", "other"):
        rounded = _rounded(split, name, delivered)
        if rounded.any():
            reason = "位数已经丢失（科学计数法，或超过 15 位的数值单元格），不是原来的代码"
            found.append(_fault(split, rounded, name, column, delivered, "rounded", reason))
    if strange:
        odd = delivered.str.contains(UNPRINTABLE).fill_null(False) & ~bad
        if odd.any():
            reason = "含控制字符或乱码（如 �、锟斤拷），不能确定原来写的是什么"
            found.append(_fault(split, odd, name, column, delivered, "unprintable", reason))
    if column.required:
        empty = parsed.values.is_null() & ~bad
        if codes is not None and column.open:
            empty = empty & _bare(delivered, parsed).is_null()
        if empty.any():
            found.append(_fault(split, empty, name, column, delivered, "required", "必填，这里是空的"))
    return found


def _told(delivered: pl.Series, parsed: Parsed) -> pl.Series:
    """What stands in a column, each thing once where that is known."""
    return delivered if parsed.few is None else parsed.few[0]


def _bare(delivered: pl.Series, parsed: Parsed) -> pl.Series:
    return trimmed(delivered) if parsed.few is None else trimmed(parsed.few[0]).gather(parsed.few[1])


def _rounded(split: pl.DataFrame, name: str, delivered: pl.Series) -> pl.Series:
    """Codes of which a spreadsheet has kept the first digits only: many would be one. Standard identifiers are judged by identity."""
    written = delivered.str.contains(_SCIENTIFIC).fill_null(False)
    if split[NUMERIC].null_count() == split.height:
        return written
    held = split.select(pl.col(NUMERIC).str.split(",").list.contains(name).fill_null(False)).to_series()
    return written | (held & delivered.str.contains(r"^\d{16,}$").fill_null(False))


def _fault(
    split: pl.DataFrame, mask: pl.Series, name: str, column: Column, delivered: pl.Series, rule: str, reason: str
) -> pl.DataFrame:
    # A terminal that prints the value must not obey it.
    shown = delivered.filter(mask).str.slice(0, 80).str.replace_all(CONTROL, "�").alias("value")
    return (
        split.select("_at", "_file_id", "_sheet", "_row_no")
        .filter(mask)
        .with_columns(
            shown if column.personal == "none" else pl.lit("***").alias("value"),
            column_name=pl.lit(name),
            rule=pl.lit(rule),
            reason=pl.lit(f"{column.label}：{reason}"),
        )
        .select("_at", *(name for name in REJECT_SCHEMA if name != SUBJECT))
    )


def _future(split: pl.DataFrame, name: str, column: Column, delivered: pl.Series, parsed: Parsed) -> list[pl.DataFrame]:
    """What is said to have happened cannot have happened after the delivery came; `Column.future` names the dates that may lie ahead."""
    received = split["_received_at"]
    told = parsed.values if column.type == "year" else parsed.values.cast(pl.Date)
    later = (told > (received.dt.year() if column.type == "year" else received.dt.date())).fill_null(False)
    return [_fault(split, later, name, column, delivered, "future", "晚于收到交付的日子")] if later.any() else []


def payload(table: Table) -> list[str]:
    """The columns that say something, apart from where they were said."""
    return [c for c in table.stored if c not in PROVENANCE]


def _collapsed(rows: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows alike in every column of one file count as one fact, the first."""
    if table.repeats == "keep":
        return rows, rows.clear().select("_at", "_file_id")
    said = rows.select("_file_id", *payload(table))
    # No two rows of one hash: none alike, told in half the time.
    if said.hash_rows().n_unique() == rows.height:
        return rows, rows.clear().select("_at", "_file_id")
    first = said.select(pl.struct(pl.all()).is_first_distinct().alias("f")).to_series()
    return rows.filter(first), rows.filter(~first).select("_at", "_file_id")


def _unambiguous(rows: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Where the contract says so, one primary key told twice in one file with different content rejects both."""
    if table.conflict == "keep" or rows.is_empty():
        return rows, _no_faults()
    twice = rows.select(pl.struct("_file_id", *table.primary).is_duplicated().alias("d")).to_series()
    return rows.filter(~twice), conflicts(rows.filter(twice), table)


def conflicts(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    """The faults (`_at` and REJECT_SCHEMA) of rows that tell one primary key twice with different content."""
    label = "、".join(table.columns[p].label for p in table.primary)
    return rows.select(
        "_at",
        "_file_id",
        "_sheet",
        "_row_no",
        pl.lit(table.primary[0]).alias("column_name"),
        pl.lit(None, dtype=pl.String).alias("value"),
        pl.lit("conflict").alias("rule"),
        pl.lit(f"同一{label}在一个文件里出现两次而内容不同，无法判断以哪条为准").alias("reason"),
        named(rows, table),
    )


def _operation(table: Table) -> pl.Expr:
    delete = table.delete
    if delete.rule not in ("flag", "status") or delete.column is None:
        return pl.lit("I")
    said = pl.col(delete.column).cast(pl.String)
    gone = said.is_in(list(delete.values)).fill_null(False)
    return pl.when(gone).then(pl.lit("D")).when((said == "U").fill_null(False)).then(pl.lit("U")).otherwise(pl.lit("I"))


def _named(rows: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Adds `_subject_id`: BLAKE2b-64 of the department and of the roles a row fills; and the distinct subjects."""
    roles = {role: table.subject[role] for role in SUBJECT_ROLES if role in table.subject}
    if not roles or rows.is_empty():
        return rows.with_columns(pl.lit(None, dtype=pl.String).alias("_subject_id")), no_subjects()
    target = {"local": "local_id", "phone": "phone_hash"}
    named = rows.select(
        pl.col("_received_at"),
        *[pl.col(column).cast(pl.String).alias(target.get(role, role)) for role, column in roles.items()],
        _any_numeric(list(roles.values())).alias("has_numeric_key"),
    )
    given = [target.get(role, role) for role in roles]
    parts = [pl.format(f"{name}={{}}", pl.col(name)) for name in given]
    numeric = pl.when("has_numeric_key").then(pl.lit("numeric"))
    spoken = pl.concat_str([*parts, numeric], separator="\x1f", ignore_nulls=True)
    nobody = pl.all_horizontal([pl.col(name).is_null() for name in given])
    text = named.select(pl.when(~nobody).then(spoken).alias("t")).to_series()
    begun = hashlib.blake2b(f"{table.department}\x1f{table.local_kind or ''}\x1f".encode(), digest_size=8)
    ids = digests(text, begun)
    subjects = (
        named.with_columns(ids.alias("_subject_id"))
        .filter(pl.col("_subject_id").is_not_null())
        .group_by("_subject_id", maintain_order=True)
        .agg(*[pl.col(name).first() for name in given], pl.col("has_numeric_key").first(), pl.col("_received_at").min())
        .rename({"_received_at": "first_received_at"})
        .with_columns(
            department=pl.lit(table.department),
            table_name=pl.lit(table.name),
            local_kind=pl.when(pl.col("local_id").is_not_null()).then(pl.lit(table.local_kind))
            if "local" in roles
            else pl.lit(None, dtype=pl.String),
        )
    )
    subjects = subjects.with_columns(
        [pl.lit(None, dtype=pl.String).alias(c) for c in SUBJECT_COLUMNS if c not in subjects.columns]
    ).select(no_subjects().columns)
    return rows.with_columns(ids.alias("_subject_id")), subjects


def _any_numeric(columns: list[str]) -> pl.Expr:
    held = pl.col(NUMERIC).str.split(",")
    return pl.any_horizontal([held.list.contains(c) for c in columns]).fill_null(False)


def no_subjects() -> pl.DataFrame:
    """The shape of `Conformed.subjects`, empty."""
    return pl.DataFrame(
        schema={
            "_subject_id": pl.String,
            "department": pl.String,
            "table_name": pl.String,
            **dict.fromkeys(SUBJECT_COLUMNS, pl.String),
            "has_numeric_key": pl.Boolean,
            "first_received_at": pl.Datetime("us"),
        }
    )


def _counted(physical: pl.DataFrame, faulty: pl.DataFrame, duplicates: pl.DataFrame) -> pl.DataFrame:
    """Every physical row in exactly one class: rejected before duplicate before loaded."""
    if faulty.is_empty() and duplicates.is_empty():
        whole = physical.group_by("_file_id").agg(pl.len().cast(pl.Int64).alias("loaded")).sort("_file_id")
        return whole.with_columns(pl.lit(0, dtype=pl.Int64).alias(c) for c in ("rejected", "duplicate"))
    rejected = physical["_at"].is_in(faulty["_at"].unique().implode())
    repeated = physical["_at"].is_in(duplicates["_at"].unique().implode()) & ~rejected
    return (
        physical.with_columns(rejected=rejected, duplicate=repeated)
        .group_by("_file_id")
        .agg(
            (~pl.col("rejected") & ~pl.col("duplicate")).sum().cast(pl.Int64).alias("loaded"),
            pl.col("rejected").sum().cast(pl.Int64),
            pl.col("duplicate").sum().cast(pl.Int64),
        )
        .sort("_file_id")
    )
