"""PostgreSQL-style dumps (人大金仓, openGauss and other descendants): the COPY block of one table; no statement is ever executed."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from pathlib import Path

import polars as pl

from data.contract import Form, Table
from data.readers import header, shape
from data.readers.envelope import MAX_CELL
from data.readers.reading import NUMERIC, ROW, SHEET, Reading, RefusedFile, Unreadable, frame_of, layout_of
from data.readers.script import Script
from data.readers.source import Source

_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_KNOWN = set(b"N b f n r t v \\".split())
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


def parts(path: Path, form: Form, table: Table) -> Iterator[Reading]:
    """See `data.readers.parts`. Row numbers are line numbers of the script."""
    source = Source(path, form)
    block = _CopyBlock(table)
    script = Script()
    for text in source.texts(line_feeds=True):
        for found in script.taken(text.encode()):
            if found.copy is not None and block.begins(found.copy.name, found.copy.options, found.row):
                yield block.opened(found.copy.columns)
            elif found.rows and block.inside:
                yield block.read(found.rows, found.row)
            if found.ends:
                block.closed()
    block.ended(script)


class _CopyBlock:
    """The COPY block of one table among the pieces of a script."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._headers: list[str] = []
        self._positions: dict[str, int] = {}
        self._layout: tuple[str | None, ...] = ()
        self._began = 0
        self.inside = self._closed = False
        self._seen: list[str] = []

    def begins(self, name: str, options: str, row: int) -> bool:
        """Whether the COPY that stands in line `row` is of this table. Raises RefusedFile if it is, and cannot be read or is the second."""
        self._seen.append(name)
        if name.upper() != self._table.native.upper():
            return False
        if options.strip() != ";":
            raise RefusedFile("COPY 语句带选项，不是 pg_dump 的文本格式")
        if self._began:
            raise RefusedFile(
                f"转储里有两段表 {self._table.native} 的 COPY 数据（第 {self._began} 行和第 {row} 行），不知道以哪段为准"
            )
        self._began, self.inside = row, True
        return True

    def opened(self, columns: str) -> Reading:
        """No row yet, and what is to be noted about the columns the COPY names."""
        self._headers = [c.strip().strip('"') for c in columns.split(",")]
        known = header.match(self._headers, self._table)
        header.require(known, self._headers, self._table)
        self._positions = known.positions
        self._layout = layout_of(known.positions, len(self._headers))
        return Reading(frame_of({name: [] for name in known.positions}, []), notes=header.notes_of(known))

    def read(self, block: bytes, first: int) -> Reading:
        """Whole lines of the block, the first of which has the number `first`."""
        reading = Reading(pl.DataFrame(), layout=self._layout)
        reading.frame = _body(block, first, len(self._headers), self._positions, reading)
        return reading

    def closed(self) -> None:
        """A COPY, perhaps this one, has ended."""
        self._closed = self._closed or self.inside
        self.inside = False

    def ended(self, script: Script) -> None:
        """Raises RefusedFile if the script ended without the block, or within it."""
        if not self._began:
            only = f"，只有 {'、'.join(self._seen)}" if self._seen else ""
            raise RefusedFile(f"转储里没有表 {self._table.native} 的 COPY 数据{only}{script.unclosed()}")
        if not self._closed:
            raise RefusedFile("COPY 数据没有结束标记「\\.」，文件被截断")


def _body(block: bytes, first: int, width: int, positions: dict[str, int], reading: Reading) -> pl.DataFrame:
    """Lines of the block, cut into our columns; those that cannot be are named."""
    ended = block if block.endswith(b"\n") else block + b"\n"
    seen = shape.plain(ended, width, "\t", None)
    escapes = _ESCAPE.findall(ended)
    if seen is not None and _KNOWN.issuperset(escapes):
        rows = pl.int_range(first, first + seen.lines, dtype=pl.Int64, eager=True)
        return _columns(_cut(ended, seen.lines, width), rows, positions, shape.columns_of(ended, b"\\", b"\t", width))
    body = pl.DataFrame({"r": pl.Series("r", ended.decode().split("\n")[:-1], dtype=pl.String)})
    body = body.with_row_index(ROW, offset=first)
    if body.height and (body["r"].str.len_chars() > MAX_CELL).any():
        raise RefusedFile(f"有一行超过 {MAX_CELL} 个字符，不像一条记录")
    body = body.with_columns((pl.col("r").str.count_matches("\t", literal=True) + 1).alias("n"))
    for row, record, n in body.filter(pl.col("n") != width).select(ROW, "r", "n").iter_rows():
        reading.tell(Unreadable(row, "", "columns", f"应有 {width} 列，实际 {n} 列"), record.split("\t"))
    good = body.filter(pl.col("n") == width)
    # Bytes written as numbers are legal in COPY, but no dump tool writes them: half a character could hide behind one.
    odd = good["r"].str.contains(r"\\(?:[^N]|$)")
    if odd.any():
        odd = odd & good["r"].str.replace_all(r"\\\\", "").str.contains(r"\\(?:x[0-9A-Fa-f]|[0-7]|\t|$)")
    for row, record in good.filter(odd).select(ROW, "r").iter_rows():
        said = "有不认识的转义（\\x.. 或 \\数字），不能确定是什么字"
        reading.tell(Unreadable(row, "", "escape", said), record.split("\t"))
    good = good.filter(~odd)
    lines = ("\n".join(good["r"].to_list()) + "\n").encode() if good.height else b""
    return _columns(_cut(lines, good.height, width), good[ROW].cast(pl.Int64), positions)


def _columns(
    wide: pl.DataFrame, rows: pl.Series, positions: dict[str, int], escaped: Container[int] | None = None
) -> pl.DataFrame:
    """Our columns. `escaped`: the positions of those with backslashes in them, where that is known."""
    cells = {name: (place, wide[f"c{place}"]) for name, place in positions.items()}
    return wide.select(
        [(_plain(c) if escaped is None or p in escaped else c).alias(name) for name, (p, c) in cells.items()]
    ).with_columns(rows.alias(ROW), pl.lit("").alias(SHEET), pl.lit(None, dtype=pl.String).alias(NUMERIC))


def _cut(lines: bytes, rows: int, width: int) -> pl.DataFrame:
    schema = {f"c{i}": pl.String for i in range(width)}
    if not rows:
        return pl.DataFrame(schema=schema)
    wide = pl.read_csv(
        lines, has_header=False, separator="\t", quote_char=None, schema=schema, null_values=["\\N"], empty_string_is_null=False
    )  # fmt: skip
    if wide.height != rows:
        raise RefusedFile(f"逐行检查得到 {rows} 行，解析得到 {wide.height} 行，两者不符")
    return wide


def _plain(series: pl.Series) -> pl.Series:
    escaped = series.str.contains("\\", literal=True).fill_null(False)
    if not escaped.any():
        return series
    # Backslashes are rare: only the distinct values that hold one are unescaped in Python.
    odd = series.filter(escaped).unique().to_list()
    plain = [re.sub(r"\\(.)", lambda m: _ESCAPES.get(m.group(1), m.group(1)), v, flags=re.DOTALL) for v in odd]
    return series.replace(odd, plain)
