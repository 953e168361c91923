"""What an applicant says stands beside the facts; size classes by year and what their change tells; coverage counts everybody."""

from decimal import Decimal

import pytest

from tests.assets.profile_world import ProfileWorld


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = ProfileWorld(tmp_path_factory.mktemp("declared"), "2024-12-31", "2025-01-25T00:00:00")
    w.deliver(
        "market_baseinfo",
        [
            {
                "of": of,
                "pripid": of,
                "name": of,
                "status": "active",
                "op": "I",
                "op_at": "2020-01-01 00:00:00",
                "industry_code": code,
            }
            for of, code in (("成长户", "6513"), ("银行", "6621"), ("信托", "6911"))
        ],
        "2024-12-20",
    )
    year = {"is_annual": True, "filed_date": "2024-05-20"}
    w.deliver(
        "tax_income_tax",
        [
            {
                **year,
                "of": of,
                "djxh": f"D{of}",
                "period_from_date": f"{y}-01-01",
                "period_to_date": f"{y}-12-31",
                "revenue_yuan": revenue,
                "staff_count": staff,
                "assets_yuan": assets,
            }
            for of, y, revenue, staff, assets in (
                ("成长户", 2022, "400000", 8, "1000000"),
                ("成长户", 2023, "20000000", 120, "9000000"),
                ("银行", 2023, "1", 1, "600000000000"),
                ("信托", 2023, "1", 1, "600000000000"),
            )
        ],
        "2024-06-20",
        "2023",
    )
    said = {"of": "成长户", "uscc": "x", "proof": "审计报告"}
    w.deliver(
        "apply_declaration",
        [
            {
                **said,
                "case_no": "B1",
                "indicator": "sound_finance",
                "value": "否",
                "submitted_at": "2024-03-01 09:00:00",
            },
            {
                **said,
                "case_no": "B2",
                "indicator": "sound_finance",
                "value": "是",
                "submitted_at": "2024-09-01 09:00:00",
            },
            {
                **said,
                "case_no": "B2",
                "indicator": "revenue_last_year",
                "value": "99",
                "submitted_at": "2024-09-01 09:00:00",
            },
            {
                **said,
                "case_no": "B3",
                "indicator": "product_sales",
                "value": "5",
                "submitted_at": "2025-01-20 09:00:00",
            },
        ],
        "2025-01-21",
    )
    return w.build()


def test_a_declared_value_is_no_fact_and_gives_way_to_a_department(world):
    said = {row["indicator"]: row for row in world.frame("SELECT * FROM profile.declaration").iter_rows(named=True)}
    assert set(said) == {"sound_finance", "revenue_last_year"}, "what is said after the day is not said yet"
    assert (said["sound_finance"]["value"], said["sound_finance"]["state"], said["sound_finance"]["case_no"]) == (
        "是",
        "declared",
        "B2",
    )
    assert (said["revenue_last_year"]["state"], said["revenue_last_year"]["held_by"]) == ("held_by_department", "tax")
    assert world.profile("成长户")["sound_finance"] is None
    assert world.profile("成长户")["revenue_last_year"] == Decimal("20000000.00")


def test_another_size_class_is_an_event_of_the_year_after(world):
    events = world.frame("SELECT day, before, after FROM profile.event WHERE kind = 'size_class'").rows()
    assert [(str(day), before, after) for day, before, after in events] == [("2024-01-01", "微型", "中型")]
    assert world.profile("成长户")["enterprise_size"] == "中型"


def test_banks_have_a_standard_of_their_own_and_trusts_stay_unknown(world):
    assert world.profile("银行")["enterprise_size"] == "中型"
    assert world.profile("信托")["enterprise_size"] is None, "judged by trust assets, which no feed holds"


def test_coverage_counts_known_absent_and_declared(world):
    rows = {row["indicator"]: row for row in world.frame("SELECT * FROM profile.coverage").iter_rows(named=True)}
    assert (rows["revenue_last_year"]["known"], rows["revenue_last_year"]["enterprises"]) == (3, 3)
    assert rows["enterprise_size"]["known_ratio"] == Decimal("0.666667")
    assert (rows["sound_finance"]["known"], rows["sound_finance"]["declared"]) == (0, 1)
