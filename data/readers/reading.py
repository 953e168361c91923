"""What a reader hands back: rows as text, the lines it set aside and why, and the refusal of a whole file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

ROW = "_row_no"
SHEET = "_sheet"
NUMERIC = "_numeric"
# Of so many unreadable records of a part, each of so many characters, the cells are told: a delivery with more is refused for their number.
_MANY, _LONG = 2_000, 1 << 15


class RefusedFile(ValueError):
    """No row of this file can be trusted; the message says why, in Chinese."""


@dataclass(frozen=True)
class Unreadable:
    """One record that could not be cut into its columns."""

    row_no: int
    sheet: str
    rule: str
    reason: str
    # its cells as the separators stand, where it has any
    cells: tuple[str, ...] = ()


@dataclass
class Reading:
    """The rows of one delivery.

    `frame`: String columns under our names, `_row_no` (1-based record, headers counted), `_sheet`, and `_numeric`: the names,
    comma-separated, of code columns whose cell was a number. `set_aside`: lines that are no facts, by kind (title, unit, total,
    footnote, blank, header, deleted). `rows_in` = rows of the frame + set aside + unreadable.
    `layout`: our column at each position of a record of separated cells, None for one that is not ours; empty for other formats.
    """

    frame: pl.DataFrame
    set_aside: dict[str, int] = field(default_factory=dict)
    unreadable: list[Unreadable] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    layout: tuple[str | None, ...] = ()
    # rows of the frame that were put together again from one cell too many
    rejoined: int = 0

    @property
    def rows_in(self) -> int:
        return self.frame.height + sum(self.set_aside.values()) + len(self.unreadable)

    def tell(self, record: Unreadable, cells: Sequence[str]) -> None:
        """Adds a record that could not be read, with its cells unless they are too many to hand on."""
        few = len(self.unreadable) < _MANY and sum(map(len, cells)) <= _LONG
        self.unreadable.append(replace(record, cells=tuple(cells)) if few else record)

    def aside(self, kind: str, count: int) -> None:
        if count:
            self.set_aside[kind] = self.set_aside.get(kind, 0) + count


def merged(parts: Iterable[Reading]) -> Reading:
    """The parts of one delivery as one."""
    first, *rest = parts
    for part in rest:
        for kind, count in part.set_aside.items():
            first.aside(kind, count)
        first.unreadable += part.unreadable
        first.notes += part.notes
        first.layout = first.layout or part.layout
        first.rejoined += part.rejoined
    if rest:
        first.frame = pl.concat([first.frame, *[p.frame for p in rest if p.frame.height]], how="diagonal")
    return first


def layout_of(positions: Mapping[str, int], width: int) -> tuple[str | None, ...]:
    """Our column (None: not ours) at each position of a record of `width` cells."""
    ours = {place: name for name, place in positions.items()}
    return tuple(ours.get(place) for place in range(width))


def frame_of(
    columns: Mapping[str, Sequence[str | None] | pl.Series],
    rows: Sequence[int] | pl.Series,
    sheets: Sequence[str] | str = "",
    numeric: Sequence[str | None] | None = None,
) -> pl.DataFrame:
    """Text columns with their provenance, in the shape of `Reading.frame`."""
    frame = pl.DataFrame(
        {name: pl.Series(name, values, dtype=pl.String) for name, values in columns.items()}
        | {ROW: pl.Series(ROW, rows, dtype=pl.Int64)}
    )
    sheet = pl.lit(sheets) if isinstance(sheets, str) else pl.Series(SHEET, sheets, dtype=pl.String)
    marks = pl.lit(None, dtype=pl.String) if numeric is None else pl.Series(NUMERIC, numeric, dtype=pl.String)
    return frame.with_columns(sheet.alias(SHEET), marks.alias(NUMERIC))
