"""The running value of every year's decisions, who was first paid in which, and what changed around the payments."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import polars as pl
import pytest

from assets.mart.threshold_effect import RUNNING, Changes, Line, cases
from evaluation.scenarios import Threshold
from pipelines.scope import RunScope
from pipelines.warehouse import DuckWarehouse

AS_OF = dt.date(2025, 1, 25)


def months(enterprise: str, year: int, first: int, last: int, **values: object) -> list[dict[str, object]]:
    return [
        {"enterprise_id": enterprise, "month": dt.date(year, month, 1), **values} for month in range(first, last + 1)
    ]


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, int], float]:
    scope = RunScope(
        home=tmp_path_factory.mktemp("thresholds"),
        as_of=AS_OF,
        known_at=dt.datetime(2025, 1, 25, 12),
        rules_as_of=AS_OF,
    )
    yuan = Decimal("12.00")
    year = {"enterprise_id": "a", "year": 2023}
    tables: dict[str, list[dict[str, object]]] = {
        "profile.year": [{**year, "revenue_yuan": Decimal("100.00"), "rd_expense_yuan": None}],
        "profile.tax_year": [{**year, "paid_yuan": yuan, "taxable_income_yuan": yuan, "profit_yuan": Decimal("-5.00")}],
        "profile.science_year": [{**year, "hightech_revenue_yuan": Decimal("60.00")}],
        # whole; without December; from the month it was founded; with a hole
        "profile.industry_month": [
            *months("a", 2023, 1, 12, output_yuan=Decimal("2.00")),
            *months("b", 2023, 1, 11, output_yuan=yuan),
            *months("c", 2023, 5, 12, output_yuan=yuan),
            *months("d", 2023, 5, 12, output_yuan=yuan),
        ],
        "mart.dim_enterprise": [
            {"enterprise_id": name, "established_date": dt.date(2023 if name == "c" else 2015, 5, 4)} for name in "abcd"
        ],
        "profile.commerce_month": [
            *months("a", 2023, 11, 11, goods_sales_to_date_yuan=Decimal("80.00")),
            *months("a", 2023, 12, 12, goods_sales_to_date_yuan=Decimal("90.00")),
            *months("b", 2023, 2, 11, goods_sales_to_date_yuan=yuan),
        ],
        "profile.customs_month": months(
            "a", 2023, 3, 4, export_usd=yuan, import_usd=Decimal("1.00"), trade_usd=Decimal("13.00")
        ),
        "profile.labor_month": [
            *months("a", 2023, 1, 6, insured_count=10, is_whole=True),
            *months("a", 2023, 7, 9, insured_count=99, is_whole=False),
            *months("b", 2023, 1, 5, insured_count=10, is_whole=True),
        ],
    }
    warehouse = DuckWarehouse(home=scope.home, scope=scope)
    with warehouse.write() as w:
        for name, rows in tables.items():
            w.replace(
                name, pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.col(pl.Null).cast(pl.Decimal(18, 2)))
            )
    found = warehouse.frame(RUNNING)
    return {(row["enterprise_id"], row["indicator"], row["year"]): row["value"] for row in found.iter_rows(named=True)}


def test_running_values_are_those_of_whole_years(values: dict[tuple[str, str, int], float]) -> None:
    assert {(who, what): value for (who, what, _), value in values.items()} == {
        ("a", "revenue_last_year"): 100, ("a", "tax_paid_last_year"): 12, ("a", "taxable_income_last_year"): 12,
        ("a", "profit_last_year"): -5, ("a", "high_tech_income_last_year"): 60, ("a", "output_value_last_year"): 24,
        ("c", "output_value_last_year"): 96, ("a", "sales_last_year"): 90, ("a", "export_value_usd_last_year"): 24,
        ("a", "import_value_usd_last_year"): 2, ("a", "trade_value_usd_last_year"): 26, ("a", "employees_insured_last_year_mean"): 10,
    }  # fmt: skip
    assert {year for *_, year in values} == {2023}


def panel() -> pl.DataFrame:
    """Revenue doubles for p1 after 2024Q1; grows by a tenth a year for the others."""
    quarters = range(2022 * 4 + 1, 2024 * 4 + 5)
    rows = [
        (name, quarter, 100.0 * 1.1 ** ((quarter - 8089) // 4) * (2 if name == "p1" and quarter > 2024 * 4 + 1 else 1))
        for name in ("p1", "p2", "n1")
        for quarter in quarters
    ]
    return pl.DataFrame(rows, schema=["enterprise_id", "quarter", "revenue"], orient="row")


def test_cases_leave_out_whoever_was_paid_before() -> None:
    line = Line("item", Threshold("c1", "", "x >= 50", "x", "x", "", ">=", "50", 5, 7), 2023)
    running = pl.DataFrame(
        [(name, "x", year, value) for year in (2022, 2023) for name, value in (("p1", 100.0), ("p2", 50.0), ("n1", 25.0))],
        schema=["enterprise_id", "indicator", "year", "value"], orient="row",
    )  # fmt: skip
    first = pl.DataFrame(
        {
            "item_id": ["item", "item"],
            "enterprise_id": ["p1", "p2"],
            "first": [dt.date(2024, 2, 1), dt.date(2023, 6, 1)],
        }
    )
    found = cases(line, running, first, Changes(panel(), "revenue"))
    told = {(row["enterprise_id"], row["year"]): row for row in found.iter_rows(named=True)}
    assert set(told) == {("p1", 2023), ("p2", 2023), ("n1", 2023), ("p1", 2024), ("n1", 2024)}
    assert [told[key]["paid"] for key in (("p2", 2023), ("p1", 2023), ("p1", 2024))] == [True, False, True]
    assert told["p1", 2024]["distance"] == pytest.approx(math.log(2)) and told["p2", 2023]["distance"] == 0
    # three quarters after 2024Q1 against the same of 2023; a year earlier nothing but growth
    assert told["p1", 2024]["change"] == pytest.approx(math.log(2.2)) and told["n1", 2024]["change"] == pytest.approx(
        math.log(1.1)
    )
    assert told["p1", 2024]["earlier"] == pytest.approx(math.log(1.1))


def test_a_long_season_of_payments_is_spanned() -> None:
    change = Changes(panel(), "revenue")
    # paid from 2023Q1 to 2023Q3: 2024Q1 and Q2 (2023Q4 has nothing two years before it) against 2022Q1 and Q2
    spanned = change.around(2023 * 4 + 1, 2023 * 4 + 3)
    told = dict(spanned.select("enterprise_id", "change").iter_rows())
    assert told == pytest.approx({"n1": math.log(1.21), "p2": math.log(1.21), "p1": math.log(1.21) + math.log(2) / 2})
    late = change.around(2024 * 4 + 3, 2024 * 4 + 4)
    assert late["change"].null_count() == 3
