"""Whether every line of a block is plainly one record: told from where separators, quotes and line ends stand, all of them at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data.readers.envelope import MAX_CELL

_LINE_END = 10
Places = npt.NDArray[np.intp]
Bytes = npt.NDArray[np.uint8]
Marks = npt.NDArray[np.bool_]


class Plain(NamedTuple):
    """What stands in a block of nothing but well-formed one-line records."""

    lines: int
    quoted: bool


def plain(block: bytes, width: int, delimiter: str, quote: str | None) -> Plain | None:
    """`block` (UTF-8, every line ended) as lines of `width` cells each; None where any line may be something else.

    A cell holds no quote, or is wholly in quotes with those inside it doubled. Lines that may be blank, or longer than a cell may be, are something else.
    """
    separator, mark = delimiter.encode(), (quote or "").encode()
    if len(separator) != 1 or len(mark) > 1 or not block:
        return None
    cells: Bytes = np.frombuffer(block, dtype=np.uint8)
    ends = np.flatnonzero(cells == _LINE_END)
    starts = np.concatenate([[0], ends[:-1] + 1])
    sizes = ends - starts
    # Nothing but separators may be a blank line.
    if sizes.min() < width or sizes.max() > MAX_CELL:
        return None
    quotes = np.flatnonzero(cells == mark[0]) if mark else ends[:0]
    if not len(quotes):
        apart = np.flatnonzero(cells == separator[0])
        return Plain(len(ends), False) if _separated(apart, starts, ends, width) else None
    if _every_cell_quoted(cells, quotes, starts, ends, width, separator[0]) or _some_cells_quoted(
        cells, quotes, starts, ends, width, separator[0]
    ):
        return Plain(len(ends), True)
    return None


def columns_of(block: bytes, mark: bytes, separator: bytes, width: int) -> set[int]:
    """The positions of the columns in which a byte stands; `block` is plain and without quotes."""
    cells: Bytes = np.frombuffer(block, dtype=np.uint8)
    where = np.flatnonzero(cells == mark[0])
    if not len(where):
        return set()
    borders = np.flatnonzero((cells == separator[0]) | (cells == _LINE_END))
    return set(np.unique(np.searchsorted(borders, where) % width).tolist())


def _separated(apart: Places, starts: Places, ends: Places, width: int) -> bool:
    """Whether each line holds just `width` - 1 of the separators: so many in all, the first and last of each group in its line."""
    if len(apart) != len(ends) * (width - 1):
        return False
    if width == 1:
        return True
    grid = apart.reshape(len(ends), width - 1)
    return bool((grid[:, 0] >= starts).all() and (grid[:, -1] < ends).all())


def _every_cell_quoted(cells: Bytes, quotes: Places, starts: Places, ends: Places, width: int, separator: int) -> bool:
    """Whether each cell stands between two quotes and none inside: line starts, quote, …, quote, separator, quote, …, quote, line ends."""
    if len(quotes) != 2 * width * len(ends):
        return False
    grid = quotes.reshape(len(ends), 2 * width)
    if not ((grid[:, 0] == starts).all() and (grid[:, -1] == ends - 1).all()):
        return False
    closing, opening = grid[:, 1:-1:2], grid[:, 2::2]
    return bool((opening - closing == 2).all() and (cells[closing + 1] == separator).all())


def _some_cells_quoted(cells: Bytes, quotes: Places, starts: Places, ends: Places, width: int, separator: int) -> bool:
    """Whether quotes open where cells begin, close where cells end or stand doubled, and hide no line end."""
    if len(quotes) % 2:
        return False
    inside = _inside(cells, quotes)
    if inside[ends].any():
        return False
    opening, closing = quotes[0::2], quotes[1::2]
    doubled = closing[:-1] + 1 == opening[1:]
    begun = (opening == 0) | _borders(cells[opening - 1], separator)
    closed = _borders(cells[closing + 1], separator)
    if not ((begun[1:] | doubled).all() and begun[0] and (closed[:-1] | doubled).all() and closed[-1]):
        return False
    return _separated(np.flatnonzero((cells == separator) & ~inside), starts, ends, width)


def _inside(cells: Bytes, quotes: Places) -> Marks:
    """Which bytes stand between an opening quote and its closing one."""
    turns = np.zeros(len(cells), dtype=np.uint8)
    turns[quotes] = 1
    found: Marks = (np.cumsum(turns, dtype=np.uint8) & 1).view(np.bool_)
    return found


def _borders(beside: Bytes, separator: int) -> Marks:
    found: Marks = (beside == separator) | (beside == _LINE_END)
    return found
