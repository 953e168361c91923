"""JSON Lines of one make: lines that a pattern proves to be objects of the same keys in the same order, each once, read all at once.

What Python's decoder alone can tell (a key told twice, a number as it was written) cannot be in them: a number is let through only if its text is
the shortest of its value. Every other line is the careful reader's.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import polars as pl

from data.contract import Table
from data.readers import header
from data.readers.envelope import MAX_CELL
from data.readers.reading import NUMERIC, ROW, SHEET, RefusedFile

# Below this many lines, above this many keys, or where fewer lines than this share are alike, looking costs more than it saves.
LEAST, MOST_KEYS, SHARE = 64, 200, 0.5
_TEXT = r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt])*"'
_WORD = "null|true|false"
# Fifteen digits: of so many a double is a whole number or a fraction without rounding, and is written as it was.
_NUMBER = r"-?[1-9][0-9]{0,9}(?:\.[0-9]{0,3}[1-9])?|-?0\.[0-9]{0,2}[1-9]|0|-?[1-9][0-9]{10,14}"


@dataclass(frozen=True)
class Alike:
    """`frame`: the lines of one make, a String column per key (as `keys`) and `_row_no`; `others`: the numbers of the remaining lines."""

    keys: tuple[str, ...]
    frame: pl.DataFrame
    others: list[int]


def lines_alike(whole: str, lines: list[str], first: int, table: Table) -> Alike | None:
    """The lines of `whole`, numbered from `first` on, that are made like the first of them; None where that is not worth while or nothing is sure."""
    if len(lines) < LEAST or (keys := _keys(lines[0])) is None:
        return None
    try:
        positions = header.match(keys, table).positions
    except RefusedFile:
        return None
    # Which codes were numbers is told cell by cell: in an identity's cell a number is not let through.
    coded = {place for name, place in positions.items() if table.columns[name].key is not None}
    # Cut again: a third of the time it takes to hand over a list.
    text = pl.Series("r", [whole]).str.split("\n").explode().head(len(lines))
    try:
        fits = text.str.contains(_pattern(keys, coded))
    except pl.exceptions.ComputeError:
        return None
    count = int(fits.sum())
    if not fits[0] or count < SHARE * len(lines) or int(str(text.str.len_bytes().max())) > MAX_CELL:
        return None
    kept = whole if count == len(lines) else "\n".join(text.filter(fits).to_list())
    try:
        frame = pl.read_ndjson(kept.encode(), schema=dict.fromkeys(keys, pl.String))
    except pl.exceptions.PolarsError:
        return None
    if frame.height != count:
        return None
    numbers = pl.int_range(first, first + len(lines), dtype=pl.Int64, eager=True)
    return Alike(tuple(keys), frame.with_columns(numbers.filter(fits).alias(ROW)), numbers.filter(~fits).to_list())


def frame_of_alike(alike: Alike, positions: dict[str, int], headers: list[str], table: Table) -> pl.DataFrame:
    """The lines in the shape of `Reading.frame`; `positions`: our column → place in `headers`."""
    names = list(positions) or list(table.columns)
    cells = {name: headers[positions[name]] if name in positions else None for name in names}
    return alike.frame.select(
        *[
            (pl.col(key) if key in alike.keys else pl.lit(None, dtype=pl.String)).alias(name)
            for name, key in cells.items()
        ],
        pl.col(ROW),
        pl.lit("").alias(SHEET),
        pl.lit(None, dtype=pl.String).alias(NUMERIC),
    )


def _keys(line: str) -> list[str] | None:
    """The keys of an object, if there are some and none is told twice."""
    try:
        pairs = json.JSONDecoder(object_pairs_hook=lambda found: found).decode(line.strip())
    except (ValueError, RecursionError):
        return None
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        return None
    keys = [key for key, _ in pairs]
    usual = 0 < len(keys) == len(set(keys)) <= MOST_KEYS and ROW not in keys
    return keys if usual and all(re.fullmatch(r"[^\"\\\x00-\x1f\x7f\ud800-\udfff]+", key) for key in keys) else None


def _pattern(keys: list[str], coded: set[int]) -> str:
    cells = []
    for place, key in enumerate(keys):
        value = f"{_TEXT}|{_WORD}" if place in coded else f"{_TEXT}|{_NUMBER}|{_WORD}"
        cells.append(rf'"{re.escape(key)}"[ \t]*:[ \t]*(?:{value})')
    return r"^[ \t\r]*\{[ \t]*" + r"[ \t]*,[ \t]*".join(cells) + r"[ \t]*\}[ \t\r]*$"
