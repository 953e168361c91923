"""What the truth keeps of delivered rows: whose each is, its defects, its spoilt cells, and the row as it should have been."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from data.world import defects
from data.world.streams import Ints

# A larger file keeps no clean rows: at 3 M entities they would double what is written.
CLEAN_ROWS = 100_000


class Sent(NamedTuple):
    """Rows as sent (payload columns, `_eid`, `_defects`) with their numbers within the file or sheet, headers included."""

    frame: pl.DataFrame
    row_no: Ints
    sheet: str


class Origins(NamedTuple):
    """`record`: sheet, row_no, eid, defects. `cells`: sheet, row_no, eid, column, defect, clean, sent. `clean`: whole rows, or none kept."""

    record: pl.DataFrame
    cells: pl.DataFrame
    clean: pl.DataFrame | None


def payload(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns that leave the house."""
    return frame.select([c for c in frame.columns if not c.startswith("_")])


def origins(sent: Sequence[tuple[str, Sent]]) -> Origins:
    """All pieces (file, rows) of one table at once: a world of 2,000 has 2,500 pieces, and most cost is per frame, not per row.

    Each result has the column `file`. A cell spoilt twice keeps its first clean value.
    """
    pieces = [piece for _, piece in sent]
    frame = pl.concat([p.frame for p in pieces], how="diagonal_relaxed")
    lengths = [len(p.frame) for p in pieces]

    def repeated(name: str, words: list[str]) -> pl.Series:
        return pl.Series(name, words, dtype=pl.String).gather(np.repeat(np.arange(len(words)), lengths))

    where = pl.DataFrame(
        {
            "file": repeated("file", [file for file, _ in sent]),
            "sheet": repeated("sheet", [p.sheet for p in pieces]),
            "row_no": pl.Series(np.concatenate([p.row_no for p in pieces]), dtype=pl.Int64),
            "eid": frame.select(pl.when(pl.col("_eid") >= 0).then("_eid"))["_eid"],
        }
    )
    body = payload(frame)
    spoilt = defects.cells(frame)
    placed = pl.concat([where[spoilt["at"]], spoilt, _said(body, spoilt)], how="horizontal").drop("at")
    mended = pl.concat([where, _mended(body, spoilt), frame.select("_defects")], how="horizontal")
    return Origins(
        where.with_columns(frame.select(defects.kinds(pl.col("_defects")).alias("defects"))),
        placed,
        # Lines of totals are nobody's rows.
        mended.filter(pl.col("_defects") != "total_line").drop("_defects"),
    )


def _said(body: pl.DataFrame, spoilt: pl.DataFrame) -> pl.DataFrame:
    """What was sent in each spoilt cell; null where a drifted file has no such column."""
    sent: list[str | None] = [None] * len(spoilt)
    for (column,), part in spoilt.with_row_index("n").group_by("column"):
        if column in body.columns:
            for n, value in zip(part["n"], body[str(column)].gather(part["at"]), strict=True):
                sent[n] = value
    return pl.DataFrame({"sent": sent}, schema={"sent": pl.String})


def _mended(body: pl.DataFrame, spoilt: pl.DataFrame) -> pl.DataFrame:
    """The rows with every spoilt cell as it should have been."""
    for (column,), part in spoilt.group_by("column"):
        if column in body.columns:
            values = body[str(column)].clone().scatter(part["at"].to_list(), part["clean"].to_list())
            body = body.with_columns(values.alias(str(column)))
    return body
