"""The wide row and its evidence: every name of the catalogue, its type, and the difference between unknown, not applicable and zero."""

from decimal import Decimal

import dagster as dg
import pytest

from assets.profile import profile_specs
from assets.profile.plan import outputs, statements
from data import indicators
from tests.assets.profile_world import ProfileWorld


@pytest.fixture(scope="module")
def catalogue():
    return indicators.load()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = ProfileWorld(tmp_path_factory.mktemp("wide"), "2024-12-31", "2025-01-25T00:00:00")
    w.deliver_year("customs_trade_month", 2023, "2024-01-18")
    w.deliver(
        "market_baseinfo",
        [
            {"of": e, "pripid": e, "name": e, "status": "active", "op": "I", "op_at": "2020-01-01 00:00:00"}
            for e in ("有数", "无数")
        ],
        "2024-12-20",
    )
    w.file = w.deliver(
        "customs_trade_month",
        [
            {
                "of": "有数",
                "customs_code": "C",
                "trade_month": "2023-03-01",
                "direction": "import",
                "value_usd": "10",
                "value_yuan": "70",
            },
        ],
        "2024-12-18",
        "202411",
    )
    w.deliver(
        "tax_income_tax",
        [
            {
                "of": "有数",
                "djxh": "D",
                "period_from_date": f"{y}-01-01",
                "period_to_date": f"{y}-12-31",
                "is_annual": True,
                "revenue_yuan": r,
            }
            for y, r in ((2022, "0.00"), (2023, "500.00"))
        ],
        "2024-06-20",
        "2023",
    )
    w.deliver("reform_dishonest", [], "2024-12-30")
    w.deliver("reform_penalty", [], "2024-11-30")
    for quarter in range(1, 5):
        w.deliver("commerce_foreign_capital", [], "2024-12-18", f"2023Q{quarter}")
    return w.build()


def test_every_name_of_the_catalogue_is_a_column_of_its_type(world, catalogue):
    columns = world.warehouse.columns("profile.enterprise")
    wanted = {i.name: i.duckdb_type for i in catalogue.values() if i.entity == "enterprise"}
    assert list(columns) == ["enterprise_id", "uscc", "name", *wanted]
    assert {name: columns[name] for name in wanted} == wanted


def test_every_held_indicator_stands_in_its_table_beside_its_evidence(catalogue):
    for indicator in catalogue.values():
        if indicator.relation is not None and indicator.entity == "enterprise":
            assert indicator.name in outputs()[indicator.relation], indicator.name
            assert f"{indicator.group}_evidence" in outputs()[indicator.relation], indicator.name


def test_every_name_about_persons_is_a_column_of_its_type(world, catalogue):
    columns = world.warehouse.columns("profile.person")
    wanted = {i.name: i.duckdb_type for i in catalogue.values() if i.entity == "person"}
    assert {name: columns.get(name) for name in wanted} == wanted


def test_at_least_forty_core_indicators_are_held_by_a_department(catalogue):
    assert sum(i.core and i.source != "declared" for i in catalogue.values()) >= 40


def test_no_column_of_the_profile_is_a_float(world):
    for name in statements():
        floats = {
            c for c, kind in world.warehouse.columns(f"profile.{name}").items() if "DOUBLE" in kind or "FLOAT" in kind
        }
        assert not floats, f"profile.{name}: {floats}"


def test_zero_unknown_and_not_applicable_are_three_things(world):
    known, absent = world.profile("有数"), world.profile("无数")
    evidence = world.evidence("有数")
    # zero: no export in a customs year that was delivered
    assert known["export_value_usd_last_year"] == absent["export_value_usd_last_year"] == Decimal("0.00")
    # not applicable: growth over a year of zero
    assert known["revenue_growth_rate"] is None
    assert evidence["revenue_growth_rate"]["state"] == "not_applicable"
    # unknown: never reported, no row
    assert absent["revenue_growth_rate"] is None
    assert "revenue_growth_rate" not in world.evidence("无数")


def test_absence_in_a_year_counts_only_where_its_feed_holds_the_year(world):
    # the customs feed of this world begins in January 2023: 2022 is neither a sum nor nothing
    for enterprise in ("有数", "无数"):
        profile = world.profile(enterprise)
        assert profile["import_value_usd_before_last_year"] is None
        assert profile["trade_growth_usd_delta"] is None


def test_absence_in_a_year_to_date_wants_a_quarter_of_that_year(world):
    profile = world.profile("无数")
    assert profile["foreign_capital_actual_ytd"] is None
    assert profile["foreign_capital_actual_last_year"] == Decimal("0.00"), "every quarter of 2023 was delivered"


def test_absence_counts_only_while_its_feed_is_fresh(world):
    profile = world.profile("无数")
    assert profile["is_dishonest"] is False
    assert profile["environmental_violation"] is None, "penalties last arrived 31 days before"


def test_the_evidence_of_a_value_is_its_row_and_of_an_absence_the_delivery_searched(world):
    row = world.evidence("有数")["import_value_usd_last_year"]
    assert (row["department"], row["table_name"], row["file_id"], row["row_no"]) == (
        "customs",
        "trade_month",
        world.file,
        1,
    )
    assert str(row["valid_at"]) == "2023-03-01"
    searched = world.evidence("无数")["import_value_usd_last_year"]
    assert (searched["state"], searched["file_id"], searched["row_no"]) == ("known", world.file, None)


def test_evidence_stands_for_every_known_value_and_no_other(world, catalogue):
    for enterprise in ("有数", "无数"):
        profile = world.profile(enterprise)
        known = {name for name in catalogue if profile.get(name) is not None}
        rows = world.evidence(enterprise)
        assert {name for name, row in rows.items() if row["state"] == "known"} == known
        assert all(rows[name]["department"] for name in known)


def test_the_same_inputs_give_the_same_rows_in_the_same_order(world):
    before = {name: world.frame(f"SELECT * FROM profile.{name}") for name in ("enterprise", "evidence", "market")}
    world.build()
    for name, frame in before.items():
        assert world.frame(f"SELECT * FROM profile.{name}").equals(frame), name


def test_the_assets_are_the_tables_of_the_plan_and_carry_chinese_descriptions():
    specs = {spec.key.path[-1]: spec for spec in profile_specs()}
    assert set(specs) >= set(statements())
    for spec in specs.values():
        assert spec.group_name == "profile"
        assert any("\u4e00" <= letter <= "\u9fff" for letter in spec.description or "")
    assert dg.AssetKey(["registry", "enterprise"]) in {dep.asset_key for dep in specs["enterprise"].deps}
