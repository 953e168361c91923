"""One restricted expression over any frame, for tests and analysts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import polars as pl

from matching.rules.check import condition
from matching.rules.columns import Block
from matching.rules.evaluate import truth
from matching.rules.vocabulary import vocabulary_of_schema


def evaluate_expr(expr: str, frame: pl.DataFrame, schema: Mapping[str, str], *, as_of: date | None = None) -> pl.Series:
    """Evaluates one expression: a nullable Boolean series, one value per row of `frame`; null is UNKNOWN.

    `schema` names the columns and their types: `number text bool date`, or a type of the indicator catalogue (`list`, `region`,
    `industry`, …). A column the schema names and the frame lacks is NULL throughout. Raises RuleError for anything outside the language,
    for a column whose data do not fit its type, and for `as_of` where none is given.
    """
    term = condition(expr, vocabulary_of_schema(schema))
    found = truth(term, Block(frame, as_of))
    true = np.broadcast_to(found.true, frame.height) if found.true.shape != (frame.height,) else found.true
    known = np.broadcast_to(found.true | found.false, frame.height)
    return pl.select(
        pl.when(pl.Series(known.copy(), dtype=pl.Boolean))
        .then(pl.Series(true.copy(), dtype=pl.Boolean))
        .alias("verdict")
    ).to_series()
