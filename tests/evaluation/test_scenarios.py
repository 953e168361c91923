"""Thresholds moved a little: who comes in, who falls out, and which way looser is."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from data.indicators import load
from evaluation.scenarios import scenarios, thresholds
from matching.rules import Program, compile_items

ITEM = {
    "id": "rd", "version": 2, "title": "研发补助", "award": "rd_expense_last_year * 0.1",
    "conditions": [
        {"id": "c1", "text": "研发费用不低于100万元", "expr": "rd_expense_last_year >= 1000000"},
        {"id": "c2", "text": "参保不超过100人", "expr": "employees_insured <= 100"},
        {"id": "c3", "text": "海南注册", "expr": "registered_region IN ('460000')"},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def program() -> Program:
    return compile_items([ITEM], load())


def found(program: Program, condition: str) -> dict[str, dict[str, object]]:
    people = pl.DataFrame(
        {
            "enterprise_id": ["a", "b", "c", "d"],
            "rd_expense_last_year": [Decimal(v) for v in (850_000, 950_000, 1_050_000, 3_000_000)],
            "employees_insured": [10, 10, 10, 105],
            "registered_region": ["460100"] * 4,
        },
        schema_overrides={"rd_expense_last_year": pl.Decimal(18, 2)},
    )
    sizes = pl.Series(["小型", "大型", None, "微型"])
    rows = scenarios(program, people, sizes, [("rd", condition), ("unknown", "c1")], load(), dt.date(2024, 12, 31))
    return {row["scenario"]: row for row in rows.to_dicts()}


def test_a_lower_bound_lets_more_in_when_it_falls(program: Program) -> None:
    rows = found(program, "c1")
    assert {name: (row["before_count"], row["after_count"], row["gained_count"], row["lost_count"]) for name, row in rows.items()} == {
        "放宽20%": (1, 3, 2, 0), "放宽10%": (1, 2, 1, 0), "收紧10%": (1, 0, 0, 1),
    }  # fmt: skip
    assert rows["放宽20%"]["gained_small_count"] == 1
    assert (rows["放宽10%"]["new_threshold"], rows["放宽10%"]["after_yuan"]) == (
        Decimal("900000"),
        Decimal("200000.00"),
    )
    assert rows["收紧10%"]["after_yuan"] == Decimal("0.00")


def test_an_upper_bound_lets_more_in_when_it_rises(program: Program) -> None:
    rows = found(program, "c2")
    assert (rows["放宽10%"]["new_threshold"], rows["放宽10%"]["gained_count"]) == (Decimal("110"), 1)
    assert rows["收紧10%"]["lost_count"] == 0


def test_a_condition_without_a_number_has_no_scenario(program: Program) -> None:
    assert found(program, "c3") == {}
    assert [t.condition for t in thresholds(program.by_id["rd"], load())] == ["c1", "c2"]
