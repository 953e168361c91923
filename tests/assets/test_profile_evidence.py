"""Whose list a value rests on, and from which day: what was searched and not found, rows that left a snapshot, lists without dates."""

from datetime import datetime

import pytest

from assets.profile.wide import beyond_sql
from data import indicators
from tests.assets.profile_world import ProfileWorld
from tests.assets.test_profile_state import base


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = ProfileWorld(tmp_path_factory.mktemp("evidence"), "2024-12-31", "2025-01-25T00:00:00")
    host = {"region_code": "460400", "address": "海南省儋州市文化北路8号众创大厦（集群注册5号托管机构）"}
    w.deliver(
        "market_baseinfo",
        [
            base("洋浦局登记", registrar_code="460300", **host),
            base("儋州局登记", registrar_code="460400", **host),
            base("迁出洋浦", registrar_code="460300", region_code="460108", address="海南省海口市美兰区蓝天路1号"),
            base("未入统工厂", industry_code="3911"),
            base("未入统商店", industry_code="5211"),
            base("咨询公司", industry_code="7243"),
            base("证券公司", industry_code="6712"),
            base("保险公司", industry_code="6820"),
            base("小贷公司", industry_code="6635"),
            base("信托公司", industry_code="6910"),
            base("D级户"),
            base("建筑公司", industry_code="4710"),
            base("龙头企业", industry_code="0111"),
        ],
        "2024-01-05",
    )
    assets = {"证券公司": "1000000000", "保险公司": "1999999999.99", "小贷公司": "20000000000", "信托公司": "1"}
    settled = {"period_from_date": "2023-01-01", "period_to_date": "2023-12-31", "is_annual": True, "revenue_yuan": "1"}
    w.deliver(
        "tax_income_tax",
        [{"of": of, "djxh": of, "assets_yuan": yuan, "staff_count": 5, **settled} for of, yuan in assets.items()],
        "2024-06-18",
        "2023",
    )
    w.deliver(
        "tax_credit",
        [{"of": "D级户", "tax_id": "D级户", "rated_year": 2023, "credit_level": "D"}],
        "2024-04-20",
        "2023",
    )
    for table in ("industry_output_month", "commerce_sales_month"):
        for period in ("202411", "202412"):
            w.deliver(table, [], f"2025-01-{'10' if period == '202411' else '20'}", period)
    permit = {"of": "建筑公司", "permit_no": "(琼)JZ安许证字[2021]000001", "issued_date": "2021-11-05"}
    w.deliver("housing_safety_permit", [permit], "2024-12-23", "20241223", kind="F")
    w.deliver("housing_safety_permit", [{**permit, "_op": "D"}], "2025-01-06", "20250106", kind="F")
    lapsing = {
        "of": "安装公司",
        "permit_no": "(琼)JZ安许证字[2022]000002",
        "issued_date": "2022-01-17",
        "valid_to_date": "2025-01-16",
    }
    w.deliver("housing_safety_permit", [{**lapsing, "status": "有效"}], "2024-12-23", "20241223", kind="F")
    w.deliver("housing_safety_permit", [{**lapsing, "status": "过期"}], "2025-01-20", "20250120", kind="F")
    listed = {"of": "龙头企业", "name": "龙头企业", "monitoring": "合格"}
    w.deliver("agri_leading", [{**listed, "level": "municipal"}], "2023-08-15", "2023", kind="F")
    w.deliver("agri_leading", [{**listed, "level": "provincial"}], "2024-08-15", "2024", kind="F")
    gradient = {"of": "双称号", "name": "双称号", "valid_to_date": "2026-12-31"}
    w.deliver(
        "industry_gradient",
        [
            {**gradient, "category": "specialised", "recognized_year": 2022, "valid_from_date": "2022-01-01"},
            {**gradient, "category": "innovative", "recognized_year": 2023, "valid_from_date": "2023-09-01"},
        ],
        "2024-01-10",
        "2023",
    )
    issued = {"of": "双称号", "name": "双称号", "valid_years": 3, "status": "valid"}
    w.deliver("science_hnte", [{**issued, "certificate_no": "GR1", "issued_date": "2020-11-01"}], "2021-01-10", "2020")
    w.deliver("science_hnte", [{**issued, "certificate_no": "GR2", "issued_date": "2023-11-01"}], "2024-01-10", "2023")
    return w.build()


def test_who_is_registered_by_the_office_of_yangpu_is_there(world):
    assert world.profile("洋浦局登记")["registered_region"] == "460400499"
    assert world.profile("儋州局登记")["registered_region"] == "460400"
    assert world.profile("迁出洋浦")["registered_region"] == "460108"


@pytest.mark.parametrize(
    ("of", "department", "table"),
    [("未入统工厂", "industry", "output_month"), ("未入统商店", "commerce", "sales_month")],
)
def test_not_in_a_monthly_list_cites_the_list_of_its_department(world, of, department, table):
    assert world.profile(of)["is_above_scale"] is False
    found = world.evidence(of)["is_above_scale"]
    newest = world.frame(
        f"SELECT last_file_id FROM profile.feed WHERE department = '{department}' AND table_name = '{table}'"
    ).item()
    assert (found["department"], found["table_name"], found["file_id"], found["row_no"]) == (
        department,
        table,
        newest,
        None,
    )
    assert found["received_at"] == datetime(2025, 1, 20, 9)


def test_an_industry_that_no_list_covers_is_unknown(world):
    assert world.profile("咨询公司")["is_above_scale"] is None
    assert "is_above_scale" not in world.evidence("咨询公司")


def test_an_exclusion_cites_what_excludes(world):
    found = world.evidence("D级户").get("excluded_category")
    assert found["table_name"] == "credit"
    assert found["row_no"] == 1


def test_a_level_cites_the_row_that_gives_it_and_a_first_year_the_first_row(world):
    profile, found = world.profile("双称号"), world.evidence("双称号")
    assert (profile["specialised_level"], found["specialised_level"]["row_no"]) == ("专精特新中小企业", 1)
    assert (profile["hnte_first_year"], found["hnte_first_year"]["received_at"].year) == (2020, 2021)
    assert found["hnte_valid_to"]["received_at"].year == 2024


def test_financial_enterprises_are_classed_by_their_assets(world):
    """银发〔2015〕309号: securities 10 亿 small, insurance under 20 亿 micro, loan companies 200 亿 medium; trusts by what no feed holds."""
    world_2024 = {
        of: world.asked("2024-12-31", "2025-01-25T00:00:00", of)["enterprise_size"]
        for of in ("证券公司", "保险公司", "小贷公司", "信托公司")
    }
    assert world_2024 == {"证券公司": "小型", "保险公司": "微型", "小贷公司": "中型", "信托公司": None}


def test_what_left_a_snapshot_after_the_day_still_stood_on_it(world):
    assert world.profile("建筑公司")["has_safety_permit"] is True
    assert world.asked("2025-01-10", "2025-01-25T00:00:00", "建筑公司")["has_safety_permit"] is not True


def test_what_expired_after_the_day_was_valid_on_it(world):
    """The snapshot of 20 January calls a permit expired that was good until the 16th."""
    at = {
        day: world.asked(day, "2025-01-25T00:00:00", "安装公司")["has_safety_permit"]
        for day in ("2024-12-31", "2025-01-17")
    }
    assert at["2024-12-31"] is True
    assert at["2025-01-17"] is not True


def test_a_list_without_dates_speaks_of_the_days_since_it_was_handed_over(world):
    assert world.profile("龙头企业")["agri_leading_level"] == "省级"
    assert world.asked("2024-07-31", "2024-08-25T00:00:00", "龙头企业")["agri_leading_level"] == "市级"


def test_values_outside_the_catalogue_s_range_and_codes_are_counted(world):
    asked = beyond_sql(indicators.load().values())
    assert not any(world.frame(asked).row(0))
    with world.warehouse.write() as w:
        w.execute(
            "UPDATE profile.enterprise SET employees = -1, enterprise_size = '巨型' WHERE enterprise_id = '证券公司'"
        )
    beyond = {name: n for name, n in world.frame(asked).row(0, named=True).items() if n}
    assert beyond == {"employees": 1, "enterprise_size": 1}
