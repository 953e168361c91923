"""The mart's tables: one enterprise followed by hand, what was known when, and the same bytes for the same inputs."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from assets.mart import MART_ASSETS
from assets.mart.reference import dates, departments, industries, regions
from assets.push_inputs import calendar
from matching.push.quiet import Calendar
from pipelines.warehouse import DuckWarehouse
from tests.dashboards.literal_mart import AS_OF, KNOWN_AT, NO_CALENDAR, build, inputs, mart_queries

METRICS = ("mart.metric", "mart.dim_metric", "mart.item_overlap")


@pytest.fixture(scope="module")
def mart(tmp_path_factory: pytest.TempPathFactory) -> DuckWarehouse:
    return build(tmp_path_factory.mktemp("mart"))


def with_rows(table: str, rows: list[dict[str, object]]) -> dict[str, pl.DataFrame]:
    """The literal inputs, one table replaced by rows that start as copies of its first row."""
    tables = inputs()
    first = tables[table].row(0, named=True)
    tables[table] = pl.DataFrame([{**first, **row} for row in rows], schema=tables[table].schema)
    return tables


def case(**changes: object) -> dict[str, object]:
    return {
        "case_no": "A1",
        "item_id": "hn-biomed-voucher",
        "_subject_id": "s-e000",
        "applied_date": dt.date(2024, 4, 1),
        "accepted_date": dt.date(2024, 4, 3),
        "supplement_count": 1,
        "decision": "approved",
        "decided_date": dt.date(2024, 4, 20),
        "approved_yuan": Decimal("1000.00"),
        "updated_at": dt.datetime(2024, 4, 20),
        "_received_at": dt.datetime(2024, 4, 21),
        "_row_no": 1,
        **changes,
    }


def paid(**changes: object) -> dict[str, object]:
    return {
        "policy_no": "hn-biomed-voucher",
        "_subject_id": "s-e000",
        "batch_no": "1",
        "paid_yuan": Decimal("600.00"),
        "paid_date": dt.date(2024, 5, 2),
        "bearer_level": "省级",
        "_received_at": dt.datetime(2024, 6, 1),
        "_row_no": 1,
        **changes,
    }


def case_row(
    tmp_path: Path, tables: dict[str, pl.DataFrame], cycle: str = "2024", calendar: Calendar = NO_CALENDAR
) -> dict[str, object]:
    found = build(tmp_path / "home", tables, calendar, METRICS).frame(
        f"SELECT * FROM mart.fact_case WHERE enterprise_id = 'e000' AND item_id = 'hn-biomed-voucher' AND cycle = '{cycle}'"
    )
    assert found.height == 1
    return found.row(0, named=True)


def test_every_mart_asset_is_described_and_reads_only_named_tables() -> None:
    keys = {key.path[1] for asset in MART_ASSETS for key in asset.keys}
    assert {"dim_enterprise", "dim_item", "dim_department", "dim_date", "dim_region", "fact_match", "fact_case", "fact_push", "fact_payment", "feed_day", "metric"} <= keys  # fmt: skip
    for asset in MART_ASSETS:
        for key in asset.keys:
            assert asset.group_names_by_key[key] == "mart"
            assert any("一" <= letter <= "鿿" for letter in (asset.descriptions_by_key[key] or ""))


def test_the_same_inputs_give_the_same_rows_in_the_same_order(mart: DuckWarehouse, tmp_path: Path) -> None:
    again = build(tmp_path / "again", {name: frame.reverse() for name, frame in inputs().items()})
    for table in mart_queries():
        # build_id hashes the source tree, which may be edited while tests run.
        columns = [name for name in mart.columns(table) if name != "build_id"]
        one, two = (w.frame(f"SELECT {', '.join(columns)} FROM {table}") for w in (mart, again))
        assert one.equals(two), table


def test_every_fact_row_carries_build_and_dates(mart: DuckWarehouse) -> None:
    for table in mart_queries():
        if table == "mart.dim_metric":
            continue
        found = mart.frame(f"SELECT DISTINCT rules_as_of, as_of, known_at, length(build_id) FROM {table}")
        assert found.rows() == [(AS_OF, AS_OF, KNOWN_AT, 12)], table


def test_a_case_from_application_to_two_instalments(tmp_path: Path) -> None:
    tables = with_rows("raw.apply_case", [case()])
    tables["raw.finance_redemption"] = with_rows(
        "raw.finance_redemption",
        [paid(), paid(paid_yuan=Decimal("400.00"), bearer_level="市县", paid_date=dt.date(2024, 5, 9), _row_no=2)],
    )["raw.finance_redemption"]
    row = case_row(tmp_path, tables)
    assert row["case_no"] == "A1"
    assert (row["applied_date"], row["accepted_date"], row["decided_date"]) == (
        dt.date(2024, 4, 1),
        dt.date(2024, 4, 3),
        dt.date(2024, 4, 20),
    )
    assert (row["decision"], row["approved_yuan"]) == ("approved", Decimal("1000.00"))
    assert (row["paid_date"], row["paid_yuan"], row["returned_yuan"]) == (
        dt.date(2024, 5, 2),
        Decimal("1000.00"),
        Decimal("0.00"),
    )
    assert row["supplement_count"] == 1
    assert row["deadline"] == dt.date(2024, 10, 31)


def test_a_department_may_write_the_item_in_capitals(tmp_path: Path) -> None:
    tables = with_rows("raw.apply_case", [case(item_id=" HN-BIOMED-VOUCHER")])
    tables["raw.finance_redemption"] = with_rows("raw.finance_redemption", [paid(policy_no="HN-Biomed-Voucher")])[
        "raw.finance_redemption"
    ]
    row = case_row(tmp_path, tables)
    assert (row["case_no"], row["paid_yuan"]) == ("A1", Decimal("600.00"))


def test_a_return_lowers_what_was_paid(tmp_path: Path) -> None:
    tables = with_rows("raw.apply_case", [case()])
    tables["raw.finance_redemption"] = with_rows(
        "raw.finance_redemption",
        [paid(), paid(paid_yuan=Decimal("-600.00"), paid_date=dt.date(2024, 5, 20), _row_no=2)],
    )["raw.finance_redemption"]
    row = case_row(tmp_path, tables)
    assert (row["paid_yuan"], row["returned_yuan"], row["paid_date"]) == (
        Decimal("0.00"),
        Decimal("600.00"),
        dt.date(2024, 5, 2),
    )


def test_the_same_payment_delivered_twice_counts_once(tmp_path: Path) -> None:
    tables = with_rows("raw.apply_case", [case()])
    tables["raw.finance_redemption"] = with_rows("raw.finance_redemption", [paid(), paid(_file_id="later", _received_at=dt.datetime(2024, 7, 1))])["raw.finance_redemption"]  # fmt: skip
    assert case_row(tmp_path, tables)["paid_yuan"] == Decimal("600.00")


def test_the_latest_state_of_a_case_wins_and_later_receipts_are_not_known(tmp_path: Path) -> None:
    pending = case(
        decision=None,
        decided_date=None,
        approved_yuan=None,
        updated_at=dt.datetime(2024, 4, 3),
        _received_at=dt.datetime(2024, 4, 4),
    )
    future = case(decision="refused", updated_at=dt.datetime(2025, 1, 2), _received_at=dt.datetime(2025, 1, 2))
    row = case_row(tmp_path, with_rows("raw.apply_case", [case(), pending, future]))
    assert (row["decision"], row["case_count"]) == ("approved", 1)


def test_an_application_counts_in_the_cycle_of_its_window(tmp_path: Path) -> None:
    earlier = case(
        case_no="A0",
        applied_date=dt.date(2023, 3, 9),
        accepted_date=dt.date(2023, 3, 9),
        decided_date=dt.date(2023, 5, 1),
    )
    tables = with_rows("raw.apply_case", [case(), earlier])
    assert case_row(tmp_path / "a", tables, "2024")["case_no"] == "A1"
    assert case_row(tmp_path / "b", tables, "2023")["case_no"] == "A0"


def test_a_payment_belongs_to_the_cycle_of_the_application_it_answers(tmp_path: Path) -> None:
    earlier = case(
        case_no="A0",
        applied_date=dt.date(2023, 3, 9),
        accepted_date=dt.date(2023, 3, 9),
        decided_date=dt.date(2023, 12, 1),
    )
    tables = with_rows("raw.apply_case", [earlier])
    tables["raw.finance_redemption"] = with_rows("raw.finance_redemption", [paid(paid_date=dt.date(2024, 1, 20))])[
        "raw.finance_redemption"
    ]
    assert case_row(tmp_path, tables, "2023")["paid_yuan"] == Decimal("600.00")


def test_a_case_taken_back_leaves_no_application(tmp_path: Path) -> None:
    kept = case(case_no="A2", _subject_id="s-e001")
    found = build(tmp_path, with_rows("raw.apply_case", [case(_op="D"), kept]), leave_out=METRICS)
    assert found.frame("SELECT case_no FROM mart.fact_case WHERE case_no IS NOT NULL").rows() == [("A2",)]


def test_the_due_date_counts_statutory_workdays_or_says_nothing(tmp_path: Path) -> None:
    calendar = Calendar(
        off=frozenset({dt.date(2024, 4, 4), dt.date(2024, 4, 5)}),
        working=frozenset({dt.date(2024, 4, 7)}),
        years=frozenset({2024}),
    )
    tables = with_rows("raw.apply_case", [case(promise_days=5)])
    # Accepted Wednesday 3 April 2024: the 4th and 5th are off, Sunday the 7th works: 7, 8, 9, 10, 11.
    assert case_row(tmp_path / "with", tables, calendar=calendar)["due_date"] == dt.date(2024, 4, 11)
    assert case_row(tmp_path / "without", tables)["due_date"] is None


def test_a_barred_pair_is_not_entitled(tmp_path: Path) -> None:
    tables = inputs()
    tables["match.pair"] = tables["match.pair"].with_columns(bar=pl.lit("barred"))
    found = (
        build(tmp_path / "home", tables)
        .frame("SELECT bool_or(entitled) AS any_, count(*) AS n FROM mart.fact_case WHERE verdict IS NOT NULL")
        .row(0)
    )
    assert found[0] is False and found[1] > 0


def test_totals_of_matches_and_payments_are_those_of_their_sources(mart: DuckWarehouse) -> None:
    tables = inputs()
    assert mart.frame("SELECT sum(n) FROM mart.fact_match").item() == tables["match.total"]["n"].sum()
    assert (
        mart.frame("SELECT sum(paid_yuan) FROM mart.fact_payment").item()
        == tables["raw.finance_redemption"]["paid_yuan"].sum()
    )
    assert (
        mart.frame("SELECT sum(paid_yuan) FROM mart.fact_case").item()
        == tables["raw.finance_redemption"]["paid_yuan"].sum()
    )
    assert mart.frame("SELECT count(*) FROM mart.fact_push").item() == tables["push.line"].height
    assert mart.frame("SELECT count(*) FROM mart.fact_suppression").item() == tables["push.suppression"].height
    assert mart.frame("SELECT sum(files), sum(rows_loaded), sum(rows_rejected) FROM mart.feed_day").row(0) == (
        tables["raw.delivery"].height,
        tables["raw.delivery"]["rows_loaded"].sum(),
        tables["raw.delivery"]["rows_rejected"].sum(),
    )


def test_fact_case_has_one_row_per_enterprise_item_and_cycle(mart: DuckWarehouse) -> None:
    assert (
        mart.frame("SELECT count(*) - count(DISTINCT (enterprise_id, item_id, cycle)) FROM mart.fact_case").item() == 0
    )


def test_dates_know_what_they_do_not_know() -> None:
    unknown = dates(dt.date(2024, 12, 31), Calendar())
    assert unknown["is_workday"].null_count() == unknown.height
    assert unknown["calendar"].unique().to_list() == ["missing"]
    assert unknown["day"].max() == dt.date(2025, 12, 31)


def test_the_reference_calendar_has_the_published_number_of_workdays() -> None:
    counted = dates(dt.date(2025, 12, 31), calendar()).filter("is_workday").group_by("year").len().sort("year")
    assert dict(counted.iter_rows()) == {2022: 249, 2023: 249, 2024: 251, 2025: 248, 2026: 248}


def test_regions_roll_up_to_cities_with_yangpu_apart() -> None:
    area = dict(regions(AS_OF).select("code", "area_name").iter_rows())
    assert area["460108"] == "海口"
    assert area["460400499"].startswith("洋浦")
    assert area["469023"] == "澄迈"
    assert area["460000"] == "省本级"
    assert area["110000"] == "省外或未知"


def test_reference_dimensions_have_unique_keys() -> None:
    assert regions(AS_OF)["code"].is_unique().all()
    assert industries()["code"].is_unique().all()
    tables = departments()
    assert tables.select("department", "table_name").is_unique().all()
    assert tables.filter(pl.col("kind") == "department")["department"].n_unique() == 12
