"""PostgreSQL-style dumps (人大金仓, openGauss and other descendants): the COPY block of one table; no statement is ever executed."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from data.contract import Form, Table
from data.readers import header
from data.readers.envelope import MAX_CELL, decoded, file_bytes
from data.readers.reading import NUMERIC, ROW, SHEET, Reading, RefusedFile, Unreadable

_COPY = re.compile(r'COPY\s+(?:"?\w+"?\.)?"?(\w+)"?\s*\(([^)]*)\)\s+FROM\s+stdin\s*(.*)', re.IGNORECASE)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


def read(path: Path, form: Form, table: Table) -> Reading:
    """See `data.readers.read`. Row numbers are line numbers of the script."""
    lines = decoded(file_bytes(path, form), form).replace("\r\n", "\n").split("\n")
    start, headers = _block(lines, table)
    end = next((i for i in range(start, len(lines)) if lines[i] == "\\."), None)
    if end is None:
        raise RefusedFile("COPY 数据没有结束标记「\\.」，文件被截断")
    found = header.match(headers, table)
    header.require(found, headers, table)
    reading = Reading(pl.DataFrame(), notes=header.notes_of(found))
    body = pl.DataFrame({"r": pl.Series("r", lines[start:end], dtype=pl.String)}).with_row_index(ROW, offset=start + 1)
    if body.height and (body["r"].str.len_chars() > MAX_CELL).any():
        raise RefusedFile(f"有一行超过 {MAX_CELL} 个字符，不像一条记录")
    body = body.with_columns((pl.col("r").str.count_matches("\t", literal=True) + 1).alias("n"))
    for row, n in body.filter(pl.col("n") != len(headers)).select(ROW, "n").iter_rows():
        reading.unreadable.append(Unreadable(row, "", "columns", f"应有 {len(headers)} 列，实际 {n} 列"))
    good = body.filter(pl.col("n") == len(headers))
    # Bytes written as numbers are legal in COPY, but no dump tool writes them: half a character could hide behind one.
    odd = good["r"].str.contains(r"\\(?:[^N]|$)")
    if odd.any():
        odd = odd & good["r"].str.replace_all(r"\\\\", "").str.contains(r"\\(?:x[0-9A-Fa-f]|[0-7]|\t|$)")
    for row in good.filter(odd)[ROW]:
        reading.unreadable.append(Unreadable(row, "", "escape", "有不认识的转义（\\x.. 或 \\数字），不能确定是什么字"))
    good = good.filter(~odd)
    wide = _cut(good["r"], len(headers))
    reading.frame = wide.select(
        [_plain(wide[f"c{place}"]).alias(name) for name, place in found.positions.items()]
    ).with_columns(good[ROW].cast(pl.Int64), pl.lit("").alias(SHEET), pl.lit(None, dtype=pl.String).alias(NUMERIC))
    return reading


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


def _block(lines: list[str], table: Table) -> tuple[int, list[str]]:
    seen, ours = [], []
    for i, line in enumerate(lines):
        found = _COPY.match(line) if line[:1] in ("C", "c") else None
        if not found:
            continue
        if found.group(1).upper() == table.native.upper():
            ours.append((i + 1, [c.strip().strip('"') for c in found.group(2).split(",")]))
            if found.group(3).strip() != ";":
                raise RefusedFile("COPY 语句带选项，不是 pg_dump 的文本格式")
        seen.append(found.group(1))
    if len(ours) > 1:
        raise RefusedFile(
            f"转储里有两段表 {table.native} 的 COPY 数据（第 {ours[0][0]} 行和第 {ours[1][0]} 行），不知道以哪段为准"
        )
    if ours:
        return ours[0]
    raise RefusedFile(f"转储里没有表 {table.native} 的 COPY 数据" + (f"，只有 {'、'.join(seen)}" if seen else ""))


def _plain(series: pl.Series) -> pl.Series:
    escaped = series.str.contains("\\", literal=True).fill_null(False)
    if not escaped.any():
        return series
    # Backslashes are rare: only the distinct values that hold one are unescaped in Python.
    odd = series.filter(escaped).unique().to_list()
    plain = [re.sub(r"\\(.)", lambda m: _ESCAPES.get(m.group(1), m.group(1)), v, flags=re.DOTALL) for v in odd]
    return series.replace(odd, plain)
