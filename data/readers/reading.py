"""What a reader hands back: rows as text, the lines it set aside and why, and the refusal of a whole file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

ROW = "_row_no"
SHEET = "_sheet"
NUMERIC = "_numeric"


class RefusedFile(ValueError):
    """No row of this file can be trusted; the message says why, in Chinese."""


@dataclass(frozen=True)
class Unreadable:
    """One record that could not be cut into its columns."""

    row_no: int
    sheet: str
    rule: str
    reason: str


@dataclass
class Reading:
    """The rows of one delivery.

    `frame`: String columns under our names, `_row_no` (1-based record, headers counted), `_sheet`, and `_numeric`: the names,
    comma-separated, of code columns whose cell was a number. `set_aside`: lines that are no facts, by kind (title, unit, total,
    footnote, blank, header, deleted). `rows_in` = rows of the frame + set aside + unreadable.
    """

    frame: pl.DataFrame
    set_aside: dict[str, int] = field(default_factory=dict)
    unreadable: list[Unreadable] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def rows_in(self) -> int:
        return self.frame.height + sum(self.set_aside.values()) + len(self.unreadable)

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
    if rest:
        first.frame = pl.concat([first.frame, *[p.frame for p in rest if p.frame.height]], how="diagonal")
    return first


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
