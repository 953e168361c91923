"""Values as text that compares: what is the same number, day, name and what is not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from evaluation.values import compare_indicators, long_profile, same, written


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([Decimal("10.50"), Decimal("0.00"), Decimal("-0.10"), Decimal("100.00"), None], pl.Decimal(18, 2), ["10.5", "0", "-0.1", "100", None]),
        ([Decimal("0.333333")], pl.Decimal(18, 6), ["0.333333"]),
        ([True, False, None], pl.Boolean, ["true", "false", None]),
        ([date(2024, 2, 29), None], pl.Date, ["2024-02-29", None]),
        ([1200, 0], pl.Int64, ["1200", "0"]),
        (["460105"], pl.String, ["460105"]),
    ],
)  # fmt: skip
def test_values_are_written_alike(values: list[object], kind: pl.DataType, expected: list[str | None]) -> None:
    assert written(pl.Series(values, dtype=kind), date(2024, 12, 31)).to_list() == expected


def test_of_a_list_the_names_that_hold_on_the_day_are_written() -> None:
    entries = [
        {"name": "b", "valid_from": None, "valid_to": None},
        {"name": "a", "valid_from": date(2024, 1, 1), "valid_to": date(2024, 12, 31)},
        {"name": "c", "valid_from": date(2025, 1, 1), "valid_to": None},
    ]
    assert written(pl.Series([entries, [], None]), date(2024, 12, 31)).to_list() == ["a、b", "", None]


def test_every_value_is_compared_and_only_like_ones_agree() -> None:
    profile = pl.DataFrame({"uscc": ["x", "y"], "industry": ["3911", "5112"], "ratio": [Decimal("0.333333"), None]})
    ours = long_profile(profile, ["industry", "ratio", "missing"], date(2024, 12, 31))
    true = pl.DataFrame(
        [("x", "industry", "C3911"), ("y", "industry", "F5113"), ("x", "ratio", "0.3333340"), ("y", "ratio", "0")],
        schema=["uscc", "indicator", "value"],
        orient="row",
    )
    found = compare_indicators(ours, true)
    assert [row[-1] for row in found.rows()] == [True, True, False, False]
    assert same(None, "无", "agri_leading_level")
    assert not same(None, "0", "patent_count")
