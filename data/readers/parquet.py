"""Parquet files: typed columns as the text a department would have written, row numbers by the order of the rows."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from data.contract import Form, Table
from data.readers import header
from data.readers.reading import NUMERIC, Reading, RefusedFile, frame_of
from data.readers.source import file_bytes

_MAGIC = b"PAR1"


def read(path: Path, form: Form, table: Table) -> Reading:
    """See `data.readers.read`. Dates and times come out in ISO, decimals with their places, truth values as true and false."""
    raw = file_bytes(path, form)
    if raw[:4] != _MAGIC:
        raise RefusedFile("不是 Parquet 文件，或文件已加密")
    if raw[-4:] != _MAGIC:
        raise RefusedFile("Parquet 不完整，文件被截断")
    try:
        schema = pl.read_parquet_schema(io.BytesIO(raw))
        found = header.match(list(schema), table)
        header.require(found, list(schema), table)
        chosen = {name: list(schema)[place] for name, place in found.positions.items()}
        told = {name: _text(schema[column], column) for name, column in chosen.items()}
        frame = pl.read_parquet(io.BytesIO(raw), columns=list(dict.fromkeys(chosen.values())))
        body = frame.select(told[name].alias(name) for name in chosen)
    except PolarsError as error:
        raise RefusedFile(f"Parquet 损坏或读不出：{str(error).splitlines()[0][:120]}") from None
    reading = Reading(pl.DataFrame(), notes=header.notes_of(found))
    reading.frame = frame_of({n: body[n] for n in body.columns}, pl.Series(range(1, len(body) + 1), dtype=pl.Int64))
    numeric = [n for n, column in chosen.items() if table.columns[n].key is not None and schema[column].is_numeric()]
    if numeric:
        reading.frame = reading.frame.with_columns(pl.lit(",".join(numeric)).alias(NUMERIC))
    return reading


def _text(kind: pl.DataType, column: str) -> pl.Expr:
    """The column as text. Raises RefusedFile for what no cell can hold."""
    value = pl.col(column)
    if kind.is_nested() or kind == pl.Binary:
        raise RefusedFile(f"「{column[:40]}」列是嵌套或二进制的值，不是一格一个值")
    if isinstance(kind, pl.Datetime):
        return value.dt.strftime("%Y-%m-%d %H:%M:%S")
    if kind == pl.Date:
        return value.dt.strftime("%Y-%m-%d")
    if kind.is_float():
        # A whole number in a floating column is a number without places; codes among them are told apart by `_numeric`.
        whole = value.is_finite() & (value == value.round()) & (value.abs() < 1e15)
        return pl.when(whole).then(value.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(value.cast(pl.String))
    return value.cast(pl.String)
