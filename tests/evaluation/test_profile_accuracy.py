"""Exactness counts what could be read; a difference that is ours counts against it, one that is not does not."""

from __future__ import annotations

import polars as pl

from evaluation import agreement
from evaluation.profile_accuracy import accuracy, by_cause, summed


def _day() -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = [
        ("a", "x", "1", "1"),
        ("b", "x", "2", "3"),
        ("c", "x", None, "4"),
        ("d", "x", "5", "6"),
        ("e", "y", "1", None),
    ]
    compared = pl.DataFrame(rows, schema=["uscc", "indicator", "ours", "true"], orient="row")
    compared = compared.with_columns(agrees=pl.col("ours").eq_missing(pl.col("true")))
    causes = {"b": agreement.OUR_ERROR, "c": agreement.LATE, "d": agreement.PLANTED, "e": agreement.OUR_ERROR}
    apart = compared.filter(~pl.col("agrees"))
    return compared, apart.with_columns(cause=pl.col("uscc").replace_strict(causes))


def test_what_could_not_be_read_is_left_out_and_our_errors_are_not() -> None:
    found = {row["indicator"]: row for row in accuracy(*_day()).iter_rows(named=True)}
    assert (found["x"]["known"], found["x"]["equal"], found["x"]["readable"], found["x"]["ours"]) == (3, 1, 2, 1)
    assert found["x"]["share"] == 0.5
    assert (found["y"]["equal"], found["y"]["ours"]) == (0, 1)


def test_days_are_added_up() -> None:
    one = accuracy(*_day())
    two = summed(pl.concat([one, one]))
    assert two.filter(indicator="x").row(0) == ("x", 6, 2, 4, 0.5, 2)


def test_causes_are_counted_by_what_both_sides_hold() -> None:
    counted = pl.DataFrame(
        [("x", "迟到", 1, 2), ("y", "迟到", 0, 3), ("x", "我方错误", 2, 0)],
        schema=["indicator", "cause", "wrong", "unknown"],
        orient="row",
    )
    assert by_cause(counted).rows() == [("我方错误", 2, 0, 1), ("迟到", 1, 5, 2)]
