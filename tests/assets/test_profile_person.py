"""Persons: one row per hashed id, the highest class in force, the months insured in a row at the present employer."""

from datetime import date

import pytest

from tests.assets.profile_world import ProfileWorld


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    w = ProfileWorld(tmp_path_factory.mktemp("person"), "2024-12-31", "2025-01-25T00:00:00")
    register = {
        "pripid": "甲",
        "name": "甲",
        "region_code": "460204",
        "status": "active",
        "op": "I",
        "op_at": "2020-01-01 00:00:00",
    }
    w.deliver(
        "market_baseinfo",
        [{"of": "甲", **register}, {"of": "乙", **register, "pripid": "乙", "name": "乙"}],
        "2024-01-05",
    )
    award = {"of": "甲", "unit_no": "1", "person_hash": "p1", "person_name": "某"}
    w.deliver(
        "labor_talent",
        [
            {
                **award,
                "talent_class": "D类",
                "education": "硕士研究生",
                "recognized_date": "2022-03-01",
                "valid_to_date": "2026-02-28",
            },
            {
                **award,
                "talent_class": "B类",
                "education": "博士",
                "recognized_date": "2019-03-01",
                "valid_to_date": "2024-02-28",
            },
            {**award, "person_hash": "p2", "talent_class": "E", "education": "大专", "recognized_date": "2024-05-01"},
        ],
        "2024-12-01",
    )
    # one number, two names: p4 is insured where the E was recognised, p5 with neither, p6 has both from one employer
    other = {"of": "乙", "unit_no": "2", "person_name": "别", "talent_class": "B", "recognized_date": "2021-05-01"}
    low = {**award, "talent_class": "E", "recognized_date": "2024-05-01"}
    shared = [{**one, "person_hash": p} for p in ("p4", "p5") for one in (other, low)]
    shared += [{**low, "person_hash": "p6"}, {**low, "person_hash": "p6", "person_name": "别", "talent_class": "A"}]
    w.deliver("labor_talent", shared, "2024-12-02")
    month = {"of": "甲", "unit_no": "1", "person_hash": "p1", "insurance": "养老", "paid_status": "正常"}
    months = ["2024-05-01", "2024-06-01", "2024-09-01", "2024-10-01", "2024-11-01"]
    left = [{**month, "person_hash": "p3", "pay_month": m} for m in ("2024-08-01", "2024-09-01", "2024-10-01")]
    now = [{**month, "person_hash": p, "pay_month": "2024-11-01"} for p in ("p4", "p6")]
    w.deliver("labor_person_insurance", [*({**month, "pay_month": m} for m in months), *left, *now], "2024-12-18")
    w.build()
    return {row["person_id"]: row for row in w.frame("SELECT * FROM profile.person").iter_rows(named=True)}


def test_the_highest_class_in_force_is_told(people):
    assert (people["p1"]["talent_level"], people["p1"]["talent_education"]) == ("D", "硕士"), (
        "class B ran out in February"
    )
    assert people["p1"]["talent_valid_to"] == date(2026, 2, 28)
    assert people["p2"]["talent_education"] == "专科"


def test_a_number_under_two_names_gives_its_class_to_whom_the_employer_insures(people):
    assert people["p4"]["talent_level"] == "E", "class B is somebody else's: 3,000 instead of 1,500 a month"
    assert "p5" not in people, "nobody can say whose recognition it is"
    assert people["p6"]["talent_level"] is None and people["p6"]["person_insured"]


def test_months_in_a_row_stop_at_a_gap(people):
    assert (people["p1"]["person_insured"], people["p1"]["person_insured_months"]) == (True, 3)
    assert people["p1"]["person_employer_region"] == "460204"
    assert people["p2"]["person_insured"] is None


def test_who_is_not_in_the_newest_month_has_left(people):
    gone = people["p3"]
    assert (gone["person_insured"], gone["person_insured_months"], gone["person_employer_region"]) == (False, 0, None)
    assert gone["enterprise_id"] == people["p1"]["enterprise_id"]
    assert gone["person_insurance_evidence"]["valid_at"] == date(2024, 10, 1)


def test_no_name_enters_the_profile(people):
    assert not any("name" in column for column in people["p1"])
