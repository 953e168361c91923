"""Small pieces the list-like views share: a frame of constant and computed columns with its entity and defect columns."""

from __future__ import annotations

import numpy as np
import polars as pl

from data.world import defects
from data.world.population import Population
from data.world.streams import Bools, Ints


def table(people: Population, columns: dict[str, pl.Series | str | None], day: Ints | None = None) -> pl.DataFrame:
    """Columns (a text or null stands for every row), `_eid`, `_defects` and, where given, `_day`."""
    n = len(people)
    data = {k: v if isinstance(v, pl.Series) else pl.Series([v] * n, dtype=pl.String) for k, v in columns.items()}
    frame = pl.DataFrame(data).with_columns(
        pl.Series("_eid", people.ids), pl.Series("_defects", [""] * n, dtype=pl.String)
    )
    return frame if day is None else frame.with_columns(pl.Series("_day", day, dtype=pl.Int64))


def texts(values: np.ndarray) -> pl.Series:
    """A String series of a numpy array of words."""
    return pl.Series(values.tolist(), dtype=pl.String)


def choose(mask: Bools, yes: pl.Series | str, no: pl.Series | str) -> pl.Series:
    """`yes` where the mask holds, `no` elsewhere."""
    n = len(mask)
    a = yes if isinstance(yes, pl.Series) else pl.Series([yes] * n, dtype=pl.String)
    b = no if isinstance(no, pl.Series) else pl.Series([no] * n, dtype=pl.String)
    return pl.DataFrame({"a": a, "b": b, "m": pl.Series(mask)}).select(
        pl.when("m").then("a").otherwise("b").alias("x")
    )["x"]


def numbered(frame: pl.DataFrame) -> pl.DataFrame:
    """A first column 序号 counting from 1."""
    serial = pl.Series("序号", np.arange(1, len(frame) + 1)).cast(pl.String)
    return frame.select(serial, pl.all())


def everywhere(frame: pl.DataFrame, defect: str) -> pl.DataFrame:
    """Every row carries the defect."""
    return defects.mark(frame, np.ones(len(frame), dtype=np.bool_), defect)
