"""The transactions, months and words of the mart: totals that must agree, and one case followed step by step."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from assets.mart.stamp import stamped
from assets.mart.words import UNFILED, complaint_limits, reasons
from assets.push_inputs import calendar
from assets.sql import SqlAssetError, output_columns
from matching.push.kinds import REASONS
from pipelines.warehouse import DuckWarehouse
from tests.dashboards.literal_mart import build, inputs

METRICS = ("mart.metric", "mart.dim_metric", "mart.item_overlap")


@pytest.fixture(scope="module")
def mart(tmp_path_factory: pytest.TempPathFactory) -> DuckWarehouse:
    tables = inputs()
    first = tables["raw.apply_case"].row(0, named=True)
    opened = {**first, "decision": None, "decided_date": None, "approved_yuan": None, "supplement_count": 1}
    asked = dt.datetime.combine(first["accepted_date"], dt.time(8)) + dt.timedelta(days=3)
    opened |= {"updated_at": asked, "_received_at": asked + dt.timedelta(hours=20)}
    closed = {**first, "supplement_count": 2, "updated_at": dt.datetime(2024, 12, 30)}
    rest = tables["raw.apply_case"].slice(1)
    tables["raw.apply_case"] = pl.concat([pl.DataFrame([opened, closed], schema=rest.schema), rest])
    return build(tmp_path_factory.mktemp("facts"), tables, calendar(), METRICS)


def test_a_table_says_only_what_is_its_own() -> None:
    sql = stamped("-- 每户一行\nSELECT p.enterprise_id, p.n FROM x.y AS p\nORDER BY enterprise_id, n DESC\n", "t.sql")
    assert sql.startswith("-- 每户一行\n")
    assert sql.endswith("ORDER BY stated.enterprise_id, stated.n DESC")
    shared = {"area", "section", "size", "build_id", "rules_as_of", "as_of", "known_at"}
    assert shared <= output_columns(sql)
    stated = stamped("SELECT enterprise_id, area FROM x.y ORDER BY 1".replace(" ORDER", "\nORDER").replace(" 1", " area"), "t.sql")  # fmt: skip
    assert "dim_enterprise" not in stated


@pytest.mark.parametrize("ending", ["", "\nORDER BY p.n", "\nORDER BY m"])
def test_an_order_that_is_not_the_tables_own_is_refused(ending: str) -> None:
    with pytest.raises(SqlAssetError, match=r"t\.sql.*ORDER BY"):
        stamped(f"-- 说明\nSELECT p.n FROM x.y AS p{ending}", "t.sql")


def test_every_reason_belongs_to_one_group() -> None:
    assert set(reasons()["reason"]) == set(REASONS)
    assert reasons()["reason"].is_unique().all()
    unfiled = reasons().filter(pl.col("reason_group") == UNFILED)["reason"].to_list()
    assert unfiled == [], "assets/mart/words.py 的 REASON_GROUPS 还没有收这些原因"


def test_a_case_is_told_step_by_step(mart: DuckWarehouse) -> None:
    first = inputs()["raw.apply_case"].row(0, named=True)
    steps = mart.frame(f"SELECT * FROM mart.fact_case_event WHERE case_no = '{first['case_no']}'").to_dicts()
    shown = [(s["step"], s["step_no"], s["event_date"]) for s in steps]
    expected = [
        ("applied", 1, first["applied_date"]),
        ("accepted", 1, first["accepted_date"]),
        ("supplement", 1, first["accepted_date"] + dt.timedelta(days=3)),
        (first["decision"], 1, first["decided_date"]),
    ]
    assert [s for s in shown if s[0] not in ("paid", "returned") and s[2]] == sorted(expected, key=lambda s: s[2])
    # The second supplement is known only from a delivery that came with the decision: its day was never told.
    assert ("supplement", 2, None) in shown
    accepted = next(s for s in steps if s["step"] == "accepted")
    assert accepted["days_since_previous"] == 2
    assert accepted["told_at"].date() == first["accepted_date"] + dt.timedelta(days=4)


def test_events_add_up_to_cases_and_payments(mart: DuckWarehouse) -> None:
    n = dict(mart.frame("SELECT step, count(*) FROM mart.fact_case_event GROUP BY step").iter_rows())
    cases = inputs()["raw.apply_case"]
    assert n["applied"] == cases["case_no"].n_unique()
    assert n["approved"] == cases.filter(pl.col("decision") == "approved").height
    paid = inputs()["raw.finance_redemption"]["paid_yuan"]
    assert (n["paid"], n["returned"]) == ((paid > 0).sum(), (paid < 0).sum())
    assert mart.frame("SELECT sum(yuan) FROM mart.fact_case_event WHERE step IN ('paid', 'returned')").item() == paid.sum()  # fmt: skip


def test_the_parts_of_a_budget_month_make_its_total(mart: DuckWarehouse) -> None:
    apart = mart.frame(
        """SELECT item_id, month, sum(paid_yuan) FILTER (WHERE source = '合计') AS whole, sum(paid_yuan) FILTER (WHERE source <> '合计') AS parts
           FROM mart.fact_budget_month GROUP BY ALL HAVING parts IS NOT NULL AND whole IS DISTINCT FROM parts"""
    )
    assert apart.is_empty()
    whole = mart.frame("SELECT sum(paid_yuan) FROM mart.fact_budget_month WHERE source = '合计'").item()
    assert whole == inputs()["raw.finance_redemption"]["paid_yuan"].sum()


def test_a_budget_month_knows_its_year_and_what_is_promised(mart: DuckWarehouse) -> None:
    row = mart.frame(
        "SELECT * FROM mart.fact_budget_month WHERE item_id = 'hn-biomed-voucher' AND source = '合计' AND month = DATE '2024-12-01'"
    ).row(0, named=True)
    assert row["budget_yuan"] == Decimal("10000000.00")
    assert row["elapsed_ratio"] == Decimal("1.000000")
    unpaid = mart.frame(
        "SELECT sum(approved_yuan) FROM mart.fact_case WHERE item_id = 'hn-biomed-voucher' AND decision = 'approved' AND paid_date IS NULL"
    ).item()
    assert row["committed_yuan"] == unpaid > 0
    # In 2023 the first version was in force; the second began on 1 January 2024.
    first = mart.frame("SELECT DISTINCT budget_yuan FROM mart.fact_budget_month WHERE item_id = 'hn-biomed-voucher' AND source = '合计' AND year(month) = 2024")  # fmt: skip
    assert first["budget_yuan"].to_list() == [Decimal("10000000.00")]


def test_enterprise_months_carry_outcomes_and_support(mart: DuckWarehouse) -> None:
    found = mart.frame("SELECT sum(support_yuan) AS support, count(DISTINCT (enterprise_id, month)) AS n, count(*) AS rows FROM mart.fact_enterprise_month")  # fmt: skip
    assert found["support"].item() == inputs()["raw.finance_redemption"]["paid_yuan"].sum()
    assert found["n"].item() == found["rows"].item()
    assert mart.frame("SELECT sum(sales_yuan) FROM mart.fact_enterprise_month").item() == inputs()["profile.indicator_month"]["vat_sales_yuan"].sum()  # fmt: skip


def test_a_complaint_has_deadlines_in_workdays(mart: DuckWarehouse) -> None:
    found = {row["ticket_no"]: row for row in mart.frame("SELECT * FROM mart.fact_complaint").to_dicts()}
    # Friday 1 November 2024; an unknown category takes the limits of 其他: 1 and 5 workdays.
    assert found["T1"]["transfer_due_date"] == dt.date(2024, 11, 4)
    assert found["T1"]["close_due_date"] == dt.date(2024, 11, 8)
    assert [found[t]["state"] for t in ("T1", "T2", "T3")] == ["closed", "overdue", "open"]
    assert complaint_limits()["category"].is_unique().all()


def test_without_a_calendar_a_deadline_is_unknown(tmp_path: Path) -> None:
    found = build(tmp_path, leave_out=METRICS).frame("SELECT DISTINCT close_due_date FROM mart.fact_complaint")
    assert found["close_due_date"].to_list() == [None]


def test_thresholds_count_who_fails_one_condition_alone(mart: DuckWarehouse) -> None:
    found = mart.frame("SELECT sum(near_miss_count) AS n FROM mart.threshold WHERE condition_id = 'c2'")["n"].item()
    assert found == inputs()["match.pair"]["near_miss"].sum()
    assert mart.frame("SELECT bool_and(is_numeric) FROM mart.threshold WHERE condition_id = 'c2'").item() is True
    assert mart.frame("SELECT bool_or(is_numeric) FROM mart.threshold WHERE condition_id = 'c1'").item() is False


def test_a_policy_counts_its_items(mart: DuckWarehouse) -> None:
    assert mart.frame("SELECT policy, items, current_items FROM mart.dim_policy").rows() == [("琼工信规〔2024〕8号", 5, 5)]  # fmt: skip


def test_the_history_of_an_enterprise_has_no_gap(mart: DuckWarehouse) -> None:
    found = mart.frame(
        "SELECT attribute, value, valid_from, valid_to FROM mart.dim_enterprise_history WHERE enterprise_id IN ('e001', 'e002') AND attribute <> 'name'"
    ).rows()
    first, second, closed = dt.date(2023, 5, 1), dt.date(2024, 6, 1), dt.date(2024, 7, 1)
    assert found[:3] == [
        ("region", "460108", None, first),
        ("region", "460203", first, second),
        ("region", "460106", second, None),
    ]
    assert ("status", "存续", None, closed) in found and ("status", "注销", closed, None) in found
    each = mart.frame("SELECT count(*) FILTER (WHERE valid_to IS NULL) AS n FROM mart.dim_enterprise_history GROUP BY enterprise_id, attribute")  # fmt: skip
    assert each["n"].unique().to_list() == [1]
