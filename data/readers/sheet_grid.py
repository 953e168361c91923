"""A worksheet as the reading library hands it over, a Python object for each cell; what a cell looks like as text."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from data.readers.tags import Flags

# Up to this share of texts in a column of numbers they are dealt with one by one.
FEW = 0.1
Merges = Sequence[tuple[tuple[int, int], tuple[int, int]]]


class GridSheet:
    """One sheet, cell by cell. Rows and columns count from 0, from the top left cell of the sheet to the last that holds something."""

    def __init__(self, grid: list[list[Any]], merges: Merges, faulty: Mapping[tuple[int, int], str], shift: int) -> None:  # fmt: skip
        """`faulty`: what stands in cells the library cannot read: that is no empty cell. `shift`: days to add to bare serial numbers."""
        for (row, column), text in faulty.items():
            if row < len(grid) and column < len(grid[row]):
                grid[row][column] = text
        self._grid, self.merges, self._shift = grid, merges, shift
        self.height, self.width = len(grid), len(grid[0]) if grid else 0
        self._across: dict[int, list[tuple[Any, ...]]] = {}

    def head(self, count: int) -> list[list[str]]:
        """The first rows."""
        return [[as_text(cell) for cell in row] for row in self._grid[:count]]

    def texts(self, place: int, top: int, serial: bool = False) -> pl.Series:
        """A column from row `top` on. `serial`: its bare numbers are days."""
        cells = self._column(place, top)
        held = set(map(type, cells))
        if serial and self._shift:
            cells = [c + self._shift if type(c) in (int, float) else c for c in cells]
        return texts(cells, held)

    def numbers(self, place: int, top: int) -> Sequence[int]:
        """Which cells of a column from row `top` on are numbers."""
        cells = self._column(place, top)
        if not set(map(type, cells)) & {int, float}:
            return []
        return [row for row, cell in enumerate(cells) if type(cell) in (int, float)]

    def filled(self) -> Flags:
        """Which rows hold something."""
        return np.array([any(c != "" for c in row) for row in self._grid], dtype=np.bool_)

    def _column(self, place: int, top: int) -> Sequence[Any]:
        if top not in self._across:
            self._across = {top: list(zip(*self._grid[top:], strict=True))}
        across = self._across[top]
        return across[place] if across else ()


def texts(cells: Sequence[Any], held: set[type]) -> pl.Series:
    """`as_text` of a column of cells of the types `held`. Text without line breaks and numbers are not asked cell by cell what they are."""
    if not held <= {str, float, int}:
        return pl.Series("t", [as_text(cell) for cell in cells], dtype=pl.String)
    if held == {str}:
        words = pl.Series("t", cells, dtype=pl.String)
        broken = words.str.contains("\n", literal=True).any()
        return pl.Series("t", [as_text(c) for c in cells], dtype=pl.String) if broken else words
    at = [i for i, c in enumerate(cells) if type(c) is str] if str in held else []
    words = pl.repeat(None, len(cells), dtype=pl.String, eager=True)
    if len(at) > FEW * len(cells):
        words = pl.Series("t", [c if type(c) is str else None for c in cells], dtype=pl.String)
    elif at:
        words = words.scatter(at, pl.Series("t", [cells[i] for i in at], dtype=pl.String))
    if at and words.str.contains("\n", literal=True).any():
        words = pl.Series("t", [as_text(c) if type(c) is str else None for c in cells], dtype=pl.String)
    if not held & {float, int}:
        return words
    plain = shown_numbers(pl.Series("n", _floats(cells, held, at), dtype=pl.Float64), cells)
    return pl.select(pl.coalesce(words, plain).alias("t")).to_series()


def shown_numbers(numbers: pl.Series, cells: Sequence[Any] | None = None) -> pl.Series:
    """Numbers as Excel shows them, with 15 digits. `cells`: what they were made of, where an integer may have been rounded on its way."""
    # Beyond 2**53 a float no longer is the integer it looks like, and an int would be rounded on its way into one.
    whole = (numbers == numbers.floor()) & (numbers.abs() < 2**53)
    if whole.all():
        return numbers.cast(pl.Int64).cast(pl.String)
    # The shortest text that is this float is what Excel shows, if it has no more digits than Excel shows.
    short = numbers.cast(pl.String)
    shown = numbers.abs().is_between(1e-3, 1e13) & (short.str.len_bytes() <= 15)
    integers = pl.when(whole).then(numbers).cast(pl.Int64).cast(pl.String)
    plain = pl.select(pl.coalesce(integers, pl.when(shown).then(short))).to_series()
    rest = (numbers.is_not_null() & plain.is_null()).arg_true()
    if len(rest):
        exact = numbers if cells is None else cells
        plain = plain.scatter(rest, [_plain_number(exact[i]) for i in rest.to_list()])
    return plain


def _floats(cells: Sequence[Any], held: set[type], texts: list[int]) -> Sequence[float | None]:
    """The numbers of a column of numbers and texts, of which those at `texts` are none."""
    if held == {float}:
        return cells
    if int in held or len(texts) > FEW * len(cells):
        return [None if type(c) is str else float(c) for c in cells]
    found = list(cells)
    for place in texts:
        found[place] = None
    return found


def as_text(cell: Any) -> str:
    """A cell as text: numbers as Excel shows them (15 digits), dates as ISO."""
    if isinstance(cell, str):
        return re.sub(r"\s+", " ", cell).strip() if "\n" in cell and len(cell) < 64 else cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, int | float):
        return _plain_number(cell)
    if isinstance(cell, dt.datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, dt.date):
        return cell.isoformat()
    return "" if cell is None else str(cell)


def _plain_number(value: float) -> str:
    if isinstance(value, int) or value.is_integer():
        return str(int(value)) if abs(value) < 1e30 else repr(value)
    text = f"{value:.15g}"
    return text if "e" not in text else f"{value:.10f}".rstrip("0").rstrip(".")
