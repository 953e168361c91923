"""A record with one cell too many, put together again: a separator inside a text that nobody quoted, where only one reading of the record is possible."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import polars as pl

from data.contract import Column, Form, Table
from data.readers.reading import NUMERIC, ROW, SHEET, Reading, Unreadable
from matching.identity.keys import classify
from quality.conform import code_list
from quality.parse import PLACEHOLDERS, folded, parse

_LETTERS = re.compile(r"[^\x00-\x7f]")
_REGION = re.compile(r"\d{6}(?:\d{3}|\d{6})?", re.ASCII)
_CONTACT = re.compile(r"[0-9*+() -]*", re.ASCII)
_PERSONAL = re.compile(r"[0-9A-Za-z*]*", re.ASCII)
_CHECKED = {"uscc": "uscc", "regno": "reg15", "org_code": "org9", "customs": "customs10", "trade": "trade13"}


class _Joined(NamedTuple):
    """A way of reading a record: the column two cells were put together in, and the cells by column."""

    record: int
    column: str
    cells: dict[str, str | None]
    # both cells hold something, and so do the ones beside them
    held: bool


def rejoined(reading: Reading, form: Form, table: Table, received: datetime, key: bytes) -> Reading:
    """`reading` with the records put right in which a text that the contract names (`rejoin`) stands in two cells.

    Two neighbouring cells are one text if every cell of the record then is what its column says, check characters and code lists included, the
    cells beside the text are filled, and no other two would make a record that could be loaded at all. Everything else stays unreadable. How many
    records are asked is bounded by `Reading.tell`.
    """
    if not any(c.rejoin for c in table.columns.values()) or any(c.fill_down for c in table.columns.values()):
        return reading
    whole = len(reading.layout)
    torn = [u for u in reading.unreadable if u.rule == "columns" and len(u.cells) == whole + 1]
    ways = [way for place, record in enumerate(torn) for way in _ways(place, record, reading.layout, form, table)]
    if not ways:
        return reading
    loadable, sure = _judged(ways, table, received, key)
    possible = [way for way, good in zip(ways, loadable, strict=True) if good]
    readings = Counter(way.record for way in possible)
    right = [
        way
        for way, good in zip(ways, sure, strict=True)
        if good and readings[way.record] == 1 and way.held and table.columns[way.column].rejoin
    ]
    return _with(reading, [torn[way.record] for way in right], right) if right else reading


def note(rows: int) -> str:
    """What the ledger says of so many rows put right."""
    return f"{rows} 行因格内有未加引号的分隔符多出一列；只有一种接法使各格都合乎合同，已接回"


def _ways(place: int, record: Unreadable, layout: Sequence[str | None], form: Form, table: Table) -> Iterator[_Joined]:
    """Each way of joining two cells, unless the shape of a cell alone says no."""
    cells = [None if form.null is not None and c == form.null else c for c in record.cells]
    for at, column in enumerate(layout):
        if column is None:
            continue
        joined = [*cells[:at], f"{record.cells[at]}{form.delimiter}{record.cells[at + 1]}", *cells[at + 2 :]]
        told = {name: cell for name, cell in zip(layout, joined, strict=True) if name is not None}
        if all(_shaped(cell, table.columns[name], name, form.delimiter, table) for name, cell in told.items()):
            held = all((c or "").strip() for c in cells[max(at - 1, 0) : at + 3])
            yield _Joined(place, column, told, held)


def _shaped(cell: str | None, column: Column, name: str, delimiter: str, table: Table) -> bool:
    """Whether a cell looks like one of its column at all: no code, date or personal number holds a separator or a foreign letter."""
    text = (cell or "").strip()
    if not text or text in PLACEHOLDERS:
        return not column.required
    if column.personal in ("contact", "id", "account"):
        return (_CONTACT if column.personal == "contact" else _PERSONAL).fullmatch(text) is not None
    if name == table.subject.get("region"):
        return _REGION.fullmatch(text) is not None
    if column.codes or column.type in ("flag", "date", "datetime", "month", "year"):
        return delimiter not in text
    if column.type == "code":
        return delimiter not in text and not _LETTERS.search(text)
    return True


def _judged(ways: list[_Joined], table: Table, received: datetime, key: bytes) -> tuple[pl.Series, pl.Series]:
    """(could be loaded, is all that its columns say) of each way."""
    loadable = sure = pl.repeat(True, len(ways), dtype=pl.Boolean, eager=True)
    for name in ways[0].cells:
        column = table.columns[name]
        text = pl.Series(name, [way.cells[name] for way in ways], dtype=pl.String)
        parsed = parse(text, column, code_list(column.codes) if column.codes else None, key)
        loadable = loadable & ~parsed.bad.fill_null(False)
        if column.codes:
            sure = sure & (parsed.values.is_not_null() | folded(text).is_null())
        if column.key in _CHECKED:
            kind = _CHECKED[column.key]
            held = [v is None or ((k := classify(v)).valid and k.kind == kind and not k.suspect) for v in parsed.values]
            sure = sure & pl.Series(held, dtype=pl.Boolean)
        if column.type in ("date", "datetime") and not (column.future or column.forever):
            sure = sure & (parsed.values.cast(pl.Date) <= received.date()).fill_null(True)
    return loadable, loadable & sure


def _with(reading: Reading, mended: list[Unreadable], ways: list[_Joined]) -> Reading:
    rows = pl.DataFrame([way.cells for way in ways], schema=dict.fromkeys(ways[0].cells, pl.String)).with_columns(
        pl.Series(ROW, [record.row_no for record in mended], dtype=pl.Int64),
        pl.lit("").alias(SHEET),
        pl.lit(None, dtype=pl.String).alias(NUMERIC),
    )
    reading.frame = pl.concat([reading.frame, rows], how="diagonal").sort(ROW)
    whole = {(record.row_no, record.sheet) for record in mended}
    reading.unreadable = [u for u in reading.unreadable if (u.row_no, u.sheet) not in whole]
    reading.rejoined += len(ways)
    return reading
