"""match.* on a real warehouse file: kept pairs, days they hold from, and totals over everybody."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets import match
from matching.rules import compile_items, evaluate
from pipelines.warehouse import DuckWarehouse

INDICATORS = {
    "revenue_last_year": {"type": "money", "label": "上年度营业收入", "unit": "元", "range": [0, None]},
    "employees_insured": {"type": "integer", "label": "社保参保人数", "unit": "人"},
    "is_dishonest": {"type": "bool", "label": "失信被执行人"},
}
ITEM = {
    "id": "x-item",
    "conditions": [
        {"id": "c1", "text": "营业收入不低于2000万元", "expr": "revenue_last_year >= 20000000"},
        {"id": "c2", "text": "参保不少于50人", "expr": "employees_insured >= 50"},
    ],
    "award": {"expr": "least(revenue_last_year * 0.01, 300000)"},
}
BARS = [{"id": "dishonest", "label": "失信", "expr": "is_dishonest"}]


@dataclass(frozen=True)
class Day:
    as_of: date
    known_at: datetime = datetime(2024, 12, 31)
    rules_as_of: date = date(2024, 12, 31)
    build_id: str = "b"


def profile(*rows):
    return pl.DataFrame(
        rows,
        schema={
            "enterprise_id": pl.String,
            "uscc": pl.String,
            "registered_region": pl.String,
            "enterprise_size": pl.String,
            "revenue_last_year": pl.Decimal(18, 2),
            "employees_insured": pl.Int64,
            "is_dishonest": pl.Boolean,
        },
        orient="row",
    )


FIRMS = [
    ("e1", "U1", "460106", "小型", Decimal("25000000.55"), 60, False),
    ("e2", "U2", "460106", "小型", Decimal("25000000"), None, True),
    ("e3", "U3", None, None, Decimal("1"), 60, None),
    ("e4", "U4", "460106", "小型", Decimal("1"), 1, None),
]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = compile_items([ITEM], INDICATORS, BARS)
    monkeypatch.setattr(match, "program_in_force", lambda scope, log=None: program)
    warehouse = DuckWarehouse(tmp_path)

    def day(as_of, *firms):
        with warehouse.write() as w:
            w.replace("profile.enterprise", profile(*firms))
        done = dg.materialize(match.MATCH_ASSETS, resources={"warehouse": warehouse, "scope": Day(as_of)})
        assert done.success
        return warehouse

    return day


def test_pairs_totals_and_days(run):
    warehouse = run(date(2024, 12, 1), *FIRMS)
    pairs = {row["enterprise_id"]: row for row in warehouse.frame("SELECT * FROM match.pair").to_dicts()}
    assert set(pairs) == {"e1", "e2", "e3"}
    assert pairs["e1"]["verdict"] == "eligible" and pairs["e1"]["amount_yuan"] == Decimal("250000.01")
    assert pairs["e1"]["bar"] == "clear" and pairs["e1"]["uscc"] == "U1" and pairs["e1"]["met"] == ["c1", "c2"]
    assert pairs["e2"]["verdict"] == "unknown" and pairs["e2"]["unknown"] == ["c2"] and pairs["e2"]["bar"] == "barred"
    assert pairs["e3"]["verdict"] == "ineligible" and pairs["e3"]["near_miss"] and pairs["e3"]["failed"] == ["c1"]
    assert pairs["e3"]["bar"] == "unknown" and pairs["e3"]["bars"] == ["dishonest"]
    totals = warehouse.frame("SELECT verdict, region, n, amount_yuan FROM match.total ORDER BY ALL").to_dicts()
    assert sum(row["n"] for row in totals) == 4
    assert [row for row in totals if row["verdict"] == "eligible"] == [
        {"verdict": "eligible", "region": "460106", "n": 1, "amount_yuan": Decimal("250000.01")}
    ]
    assert warehouse.columns("match.pair")["amount_yuan"] == "DECIMAL(18,2)"


def test_a_day_adds_only_what_changed_and_a_rerun_changes_nothing(run):
    run(date(2024, 12, 1), *FIRMS)
    grown = [replace_at(FIRMS[0], 5, 70), replace_at(FIRMS[1], 5, 55), FIRMS[2], FIRMS[3]]
    for _ in range(2):
        warehouse = run(date(2024, 12, 5), *grown)
        current = warehouse.frame(
            "SELECT enterprise_id, verdict, valid_from, valid_to FROM match.pair ORDER BY 1"
        ).rows()
        assert current == [
            ("e1", "eligible", date(2024, 12, 1), None),
            ("e2", "eligible", date(2024, 12, 5), None),
            ("e3", "ineligible", date(2024, 12, 1), None),
        ]
        past = warehouse.frame("SELECT enterprise_id, verdict, valid_from, valid_to FROM match.pair_past").rows()
        assert past == [("e2", "unknown", date(2024, 12, 1), date(2024, 12, 4))]
        days = warehouse.frame("SELECT as_of, sum(n)::INT AS n FROM match.item_day GROUP BY ALL ORDER BY ALL").rows()
        assert days == [(date(2024, 12, 1), 4), (date(2024, 12, 5), 4)]


def replace_at(row, position, value):
    return (*row[:position], value, *row[position + 1 :])


def test_items_that_everybody_fails_are_told_where_enough_are_known():
    program = compile_items([ITEM, {**ITEM, "id": "open"}], INDICATORS)
    firms = pl.DataFrame({"revenue_last_year": [1] * 1000, "employees_insured": [50] * 1000})
    assert match.met_by_nobody(evaluate(program, firms, date(2024, 12, 31)).counts()) == ["x-item", "open"]
    # one of whom it is not known, or too few to say
    unsure = firms.with_columns(revenue_last_year=pl.Series([None] + [1] * 999))
    assert match.met_by_nobody(evaluate(program, unsure, date(2024, 12, 31)).counts()) == []
    assert match.met_by_nobody(evaluate(program, firms.head(999), date(2024, 12, 31)).counts()) == []
