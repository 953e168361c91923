"""PostgreSQL-style dumps (人大金仓, openGauss and other descendants): the COPY block of one table; no statement is ever executed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from data.contract import Form, Table
from data.readers import header
from data.readers.envelope import MAX_CELL
from data.readers.reading import NUMERIC, ROW, SHEET, Reading, RefusedFile, Unreadable
from data.readers.source import Source

_COPY = re.compile(r'COPY\s+(?:"?\w+"?\.)?"?(\w+)"?\s*\(([^)]*)\)\s+FROM\s+stdin\s*(.*)', re.IGNORECASE)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


def parts(path: Path, form: Form, table: Table) -> Iterator[Reading]:
    """See `data.readers.parts`. Row numbers are line numbers of the script."""
    source = Source(path, form)
    block = _CopyBlock(table)
    row = 1
    for text in source.texts(line_feeds=True):
        lines = text.split("\n")
        if lines[-1] == "":
            lines.pop()
        reading = block.taken(lines, row)
        if reading is not None:
            yield reading
        row += len(lines)
    block.ended()


class _CopyBlock:
    """The COPY block of one table among the lines of a script, which come in pieces."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._headers: list[str] = []
        self._positions: dict[str, int] = {}
        self._began = 0
        self._inside = self._closed = False
        # within a COPY block of any table
        self._open = False
        self._seen: list[str] = []

    def taken(self, lines: list[str], row: int) -> Reading | None:
        """What of these lines, the first of which has the number `row`, belongs to the block; None if nothing does."""
        notes: list[str] = []
        start = 0
        for i, line in enumerate(lines):
            found = _COPY.match(line) if line[:1] in ("C", "c") else None
            if found:
                self._open = True
            elif line == "\\.":
                if not self._open:
                    raise RefusedFile(
                        f"第 {row + i} 行的结束标记「\\.」前面没有 COPY：数据里混进了结束标记，它后面的行会丢失"
                    )
                self._open = False
            if found and self._begins(found, row + i):
                notes, start, self._inside = self._opened(found), i + 1, True
        if not self._inside:
            return None
        end = next((i for i in range(start, len(lines)) if lines[i] == "\\."), None)
        if end is not None:
            self._inside, self._closed = False, True
        reading = Reading(pl.DataFrame(), notes=notes)
        reading.frame = _body(lines[start:end], row + start, len(self._headers), self._positions, reading)
        return reading

    def ended(self) -> None:
        """Raises RefusedFile if the script ended without the block, or within it."""
        if not self._began:
            only = f"，只有 {'、'.join(self._seen)}" if self._seen else ""
            raise RefusedFile(f"转储里没有表 {self._table.native} 的 COPY 数据{only}")
        if not self._closed:
            raise RefusedFile("COPY 数据没有结束标记「\\.」，文件被截断")

    def _begins(self, found: re.Match[str], row: int) -> bool:
        self._seen.append(found.group(1))
        if found.group(1).upper() != self._table.native.upper():
            return False
        if found.group(3).strip() != ";":
            raise RefusedFile("COPY 语句带选项，不是 pg_dump 的文本格式")
        if self._began:
            raise RefusedFile(
                f"转储里有两段表 {self._table.native} 的 COPY 数据（第 {self._began} 行和第 {row} 行），不知道以哪段为准"
            )
        self._began = row
        return True

    def _opened(self, found: re.Match[str]) -> list[str]:
        self._headers = [c.strip().strip('"') for c in found.group(2).split(",")]
        known = header.match(self._headers, self._table)
        header.require(known, self._headers, self._table)
        self._positions = known.positions
        return header.notes_of(known)


def _body(lines: list[str], first: int, width: int, positions: dict[str, int], reading: Reading) -> pl.DataFrame:
    """Lines of the block, cut into our columns; those that cannot be are named."""
    body = pl.DataFrame({"r": pl.Series("r", lines, dtype=pl.String)}).with_row_index(ROW, offset=first)
    if body.height and (body["r"].str.len_chars() > MAX_CELL).any():
        raise RefusedFile(f"有一行超过 {MAX_CELL} 个字符，不像一条记录")
    body = body.with_columns((pl.col("r").str.count_matches("\t", literal=True) + 1).alias("n"))
    for row, n in body.filter(pl.col("n") != width).select(ROW, "n").iter_rows():
        reading.unreadable.append(Unreadable(row, "", "columns", f"应有 {width} 列，实际 {n} 列"))
    good = body.filter(pl.col("n") == width)
    # Bytes written as numbers are legal in COPY, but no dump tool writes them: half a character could hide behind one.
    odd = good["r"].str.contains(r"\\(?:[^N]|$)")
    if odd.any():
        odd = odd & good["r"].str.replace_all(r"\\\\", "").str.contains(r"\\(?:x[0-9A-Fa-f]|[0-7]|\t|$)")
    for row in good.filter(odd)[ROW]:
        reading.unreadable.append(Unreadable(row, "", "escape", "有不认识的转义（\\x.. 或 \\数字），不能确定是什么字"))
    good = good.filter(~odd)
    wide = _cut(good["r"], width)
    return wide.select([_plain(wide[f"c{place}"]).alias(name) for name, place in positions.items()]).with_columns(
        good[ROW].cast(pl.Int64), pl.lit("").alias(SHEET), pl.lit(None, dtype=pl.String).alias(NUMERIC)
    )


def _cut(lines: pl.Series, width: int) -> pl.DataFrame:
    schema = {f"c{i}": pl.String for i in range(width)}
    if lines.is_empty():
        return pl.DataFrame(schema=schema)
    source = ("\n".join(lines.to_list()) + "\n").encode()
    wide = pl.read_csv(
        source, has_header=False, separator="\t", quote_char=None, schema=schema, null_values=["\\N"], empty_string_is_null=False
    )  # fmt: skip
    if wide.height != len(lines):
        raise RefusedFile(f"逐行检查得到 {len(lines)} 行，解析得到 {wide.height} 行，两者不符")
    return wide


def _plain(series: pl.Series) -> pl.Series:
    escaped = series.str.contains("\\", literal=True).fill_null(False)
    if not escaped.any():
        return series
    # Backslashes are rare: only the distinct values that hold one are unescaped in Python.
    odd = series.filter(escaped).unique().to_list()
    plain = [re.sub(r"\\(.)", lambda m: _ESCAPES.get(m.group(1), m.group(1)), v, flags=re.DOTALL) for v in odd]
    return series.replace(odd, plain)
