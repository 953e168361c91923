"""JSON Lines: one object per line, numbers kept as the text they were written in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from data.contract import Form, Table
from data.readers import header
from data.readers.alike import frame_of_alike, lines_alike
from data.readers.envelope import MAX_CELL
from data.readers.reading import ROW, Reading, RefusedFile, Unreadable, frame_of
from data.readers.source import Source


class _Number(str):
    """A JSON number as written: `0.10` stays `0.10`, and a code held as a number can be told from text."""

    __slots__ = ()


def _constant(word: str) -> Any:
    raise ValueError(f"{word} 不是数")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("同一个键出现两次")
    return out


def _flat(row: dict[str, Any]) -> None:
    """Raises ValueError for what no flat column can hold: an object or a list in a cell, half a surrogate pair."""
    for name, value in row.items():
        if isinstance(value, dict | list):
            raise ValueError(f"「{name[:40]}」里是嵌套的对象或数组，不是一个值")
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ValueError(f"「{name[:40]}」里有不成对的代理字符（\\ud800 一类）") from None


# What stands between quotes of a broken line, and how far it is looked for: a code is short and stands near the beginning.
_TEXTS = re.compile(r'"([0-9A-Za-z]{15,20})"')
_NAMING = 10_000
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_Number, parse_int=_Number, parse_constant=_constant, strict=True
)


def parts(path: Path, form: Form, table: Table) -> Iterator[Reading]:
    """See `data.readers.parts`. Row numbers are line numbers. Which columns there are is known only at the end: the last part says so."""
    source = Source(path, form)
    order: dict[str, None] = {}
    number, anything, broken = 0, False, False
    ahead = next(texts := source.texts(), None)
    while True:
        text, ahead = ahead, None if ahead is None else next(texts, None)
        lines = [] if text is None else text.split("\n")
        if lines and lines[-1] == "":
            lines.pop()
        reading = Reading(pl.DataFrame())
        first, number = number + 1, number + len(lines)
        alike = None if text is None else lines_alike(text, lines, first, table)
        # The keys of the lines alike are those of the first line: none comes before them.
        order.update(dict.fromkeys(alike.keys if alike is not None else ()))
        rest = list(enumerate(lines, first)) if alike is None else [(n, lines[n - first]) for n in alike.others]
        rows = _rows(rest, number if ahead is None else 0, reading)
        for _, row in rows:
            order.update(dict.fromkeys(row))
        anything, broken = anything or bool(rows) or alike is not None, broken or bool(reading.unreadable)
        headers = list(order)
        positions = header.match(headers, table).positions
        frames = [_frame(rows, positions, headers, table)] if rows or alike is None else []
        if alike is not None:
            frames.append(frame_of_alike(alike, positions, headers, table))
        reading.frame = pl.concat(frames).sort(ROW) if len(frames) > 1 else frames[0]
        if ahead is None:
            break
        yield reading
    found = header.match(list(order), table)
    if anything:
        header.require(found, list(order), table)
    elif broken:
        raise RefusedFile("没有一行是合法的 JSON 对象")
    reading.notes += header.notes_of(found)
    yield reading


def _rows(lines: list[tuple[int, str]], last: int, reading: Reading) -> list[tuple[int, dict[str, Any]]]:
    """(line number, object) of the numbered lines that hold one; the others are counted or named. `last`: the number of the file's last line."""
    rows: list[tuple[int, dict[str, Any]]] = []
    for number, line in lines:
        text = line.strip()
        if not text:
            reading.aside("blank", 1)
            continue
        if len(text) > MAX_CELL:
            raise RefusedFile(f"第 {number} 行超过 {MAX_CELL} 个字符，不像一条记录")
        try:
            row = _DECODER.decode(text)
            if not isinstance(row, dict):
                raise ValueError("应是一个对象 {…}")
            _flat(row)
        except (ValueError, RecursionError) as error:
            tail = "，文件可能在这里被截断" if number == last else ""
            broken = Unreadable(number, "", "json", f"不是合法的 JSON 对象：{_why(error)}{tail}")
            reading.tell(broken, _TEXTS.findall(text[:_NAMING]))
            continue
        rows.append((number, row))
    return rows


def _frame(
    rows: list[tuple[int, dict[str, Any]]], positions: dict[str, int], headers: list[str], table: Table
) -> pl.DataFrame:
    columns: dict[str, list[str | None]] = {}
    marks: list[list[str]] = [[] for _ in rows]
    for name, place in positions.items():
        key = headers[place]
        values = [row.get(key) for _, row in rows]
        if table.columns[name].key is not None:
            for k, value in enumerate(values):
                if isinstance(value, _Number):
                    marks[k].append(name)
        columns[name] = [_text(v) for v in values]
    numeric = [",".join(m) or None for m in marks]
    # Rows that hold none of our keys are rows all the same: they lack what is required.
    empty = {name: [None] * len(rows) for name in table.columns}
    return frame_of(columns or empty, [n for n, _ in rows], "", numeric)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"第 {error.colno} 个字符处"
    return str(error) if not isinstance(error, RecursionError) else "嵌套太深"
