"""One restricted expression over any frame, for tests and analysts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from matching.rules.check import condition
from matching.rules.columns import Block
from matching.rules.evaluate import truth
from matching.rules.given import day_of, frame_of, mapping_of
from matching.rules.vocabulary import vocabulary_of_schema


def evaluate_expr(expr: str, frame: Any, schema: Mapping[str, str], *, as_of: date | None = None) -> pl.Series:
    """Evaluates one expression: a nullable Boolean series named `verdict`, one value per row of `frame`; null is UNKNOWN.

    `frame` is a polars DataFrame; a LazyFrame, a pandas DataFrame, an Arrow table or a mapping of columns to lists is brought to one.
    `schema` names the columns and their types: `number text bool date`, or a type of the indicator catalogue (`list`, `region`,
    `industry`, …). A column the schema names and the frame lacks is NULL throughout. Raises RuleError for anything outside the language,
    for a column whose data do not fit its type, for a frame or schema of another kind, and for `as_of` where none is given. What each
    operator says of NULL, NaN, dates with a time, overflow and the like is in docs/rule-language.md.
    """
    columns = mapping_of(schema, "schema 应为列名到类型的映射，如 {'revenue': 'number'}")
    term = condition(expr, vocabulary_of_schema(columns))
    rows = frame_of(frame, "frame ")
    found = truth(term, Block(rows, None if as_of is None else day_of(as_of)))
    true = np.broadcast_to(found.true, rows.height) if found.true.shape != (rows.height,) else found.true
    known = np.broadcast_to(found.true | found.false, rows.height)
    return pl.select(
        pl.when(pl.Series(known.copy(), dtype=pl.Boolean))
        .then(pl.Series(true.copy(), dtype=pl.Boolean))
        .alias("verdict")
    ).to_series()
