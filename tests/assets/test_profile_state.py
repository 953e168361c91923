"""What holds on a day: register, recognitions, credit, penalties repaired, lists that lose their rows; and the same day known later."""

from datetime import date
from decimal import Decimal

import pytest

from tests.assets.profile_world import ProfileWorld


def base(of, op_at="2015-05-04 10:00:00", **extra):
    row = {
        "of": of,
        "pripid": of,
        "name": of,
        "enterprise_type": "1130",
        "industry_code": "3911",
        "established_date": "2015-05-04",
        "approved_date": op_at[:10],
        "region_code": "460106",
        "address": "海口市龙华区国贸大道1号",
        "status": "active",
        "op": "I",
        "op_at": op_at,
    }
    return {**row, **extra}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = ProfileWorld(tmp_path_factory.mktemp("state"), "2024-12-31", "2025-01-25T00:00:00")
    w.deliver(
        "market_baseinfo",
        [
            base("甲"),
            base(
                "洋浦户",
                region_code="469003",
                address="海南省儋州市洋浦经济开发区保税港区8号",
                enterprise_type=None,
                enterprise_type_source="9500",
            ),
            base(
                "误日户",
                established_date="2099-01-01",
                approved_date="2023-12-31",
                operating_from_date="2023-12-31",
                region_code=None,
                address="海南省三亚市崖州区创新路3号",
            ),
            base("分公司", enterprise_type="2130"),
            base("基金", industry_code="6740"),
        ],
        "2024-01-05",
    )
    # two changes on one day: the later stamp holds; then a deletion and a new registration
    w.deliver(
        "market_baseinfo",
        [
            base(
                "甲",
                "2024-09-02 15:00:00",
                region_code="460204",
                name="甲二",
                capital_amount="2000000",
                capital_currency="CNY",
            ),
            base("甲", "2024-09-02 09:00:00", region_code="460105"),
            base("分公司", "2024-06-01 09:00:00", op="D", _op="D"),
        ],
        "2024-09-03",
    )
    w.deliver(
        "market_abnormal",
        [{"of": "甲", "pripid": "甲", "listed_date": "2023-07-08", "listed_reason": "未按规定期限公示年度报告"}],
        "2023-07-10",
    )
    w.deliver(
        "market_abnormal",
        [
            {
                "of": "甲",
                "pripid": "甲",
                "listed_date": "2023-07-08",
                "listed_reason": "未按规定期限公示年度报告",
                "removed_date": "2024-03-01",
            },
            {"of": "基金", "pripid": "基金", "listed_date": "2024-10-08", "listed_reason": "列入严重违法失信名单"},
        ],
        "2024-12-20",
    )
    w.deliver(
        "market_alter",
        [{"of": "基金", "pripid": "基金", "alter_item": "name", "alter_date": "2022-05-01", "after_text": "x"}],
        "2024-12-20",
    )
    fine = {
        "of": "甲",
        "subject_name": "甲",
        "offence": "违法排放污染物",
        "fine_yuan": "100000",
        "decided_date": "2023-06-01",
        "is_repaired": False,
    }
    w.deliver(
        "reform_penalty",
        [
            {**fine, "document_no": "琼罚〔2023〕1号", "updated_at": "2023-06-08 10:00:00"},
            {**fine, "document_no": "琼罚[2023]1号", "updated_at": "2023-06-20 10:00:00"},
        ],
        "2023-06-21",
    )
    w.deliver(
        "reform_penalty",
        [
            {
                **fine,
                "document_no": "琼罚〔2023〕1号",
                "updated_at": "2024-06-02 10:00:00",
                "is_repaired": True,
                "repaired_date": "2024-06-01",
            }
        ],
        "2024-12-30",
    )
    debtor = {"of": "甲", "subject_name": "甲", "case_no": "(2023)琼01执1号", "published_date": "2023-02-01"}
    w.deliver("reform_dishonest", [{**debtor, "is_deleted": False, "updated_at": "2023-02-01 09:00:00"}], "2023-02-02")
    w.deliver(
        "reform_dishonest",
        [{**debtor, "is_deleted": True, "_op": "D", "updated_at": "2024-02-10 09:00:00"}],
        "2024-12-30",
    )
    w.deliver(
        "science_hnte",
        [
            {
                "of": "甲",
                "certificate_no": "GR202146000001",
                "name": "甲",
                "issued_date": "2021-11-30",
                "valid_years": 3,
                "status": "expired",
            },
            {
                "of": "甲",
                "certificate_no": "GR202446000001",
                "name": "甲",
                "issued_date": "2024-11-30",
                "valid_years": 3,
                "status": "valid",
            },
            {
                "of": "基金",
                "certificate_no": "GR202346000009",
                "name": "基金",
                "issued_date": "2023-11-30",
                "valid_years": 3,
                "status": "valid",
            },
        ],
        "2025-01-15",
        "2024",
        kind="F",
    )
    w.deliver(
        "science_hnte",
        [
            {
                "of": "基金",
                "certificate_no": "GR202346000009",
                "name": "基金",
                "issued_date": "2023-11-30",
                "valid_years": 3,
                "status": "cancelled",
                "cancelled_year": 2023,
            }
        ],
        "2025-01-20",
        "2024",
    )
    w.deliver(
        "industry_gradient",
        [
            {
                "of": "甲",
                "name": "甲",
                "category": "innovative",
                "recognized_year": 2022,
                "valid_from_date": "2022-09-01",
                "valid_to_date": "2025-08-31",
            },
            {
                "of": "甲",
                "name": "甲",
                "category": "specialised",
                "recognized_year": 2023,
                "valid_from_date": "2023-09-01",
                "valid_to_date": "2026-08-31",
            },
            {"of": "基金", "name": "基金", "category": "innovative", "recognized_year": 2023, "remark": "撤销"},
        ],
        "2024-10-12",
        "2024",
        kind="F",
    )
    for table in (
        "science_tech_sme",
        "customs_registration",
        "agri_certification",
        "tax_credit",
        "tax_registration",
        "housing_developer",
    ):
        w.deliver(table, [], "2024-12-20")
    w.deliver(
        "agri_leading",
        [{"of": "甲", "name": "甲", "level": "provincial", "monitoring": "合格"}],
        "2023-08-15",
        "2023",
        kind="F",
    )
    w.deliver(
        "agri_leading",
        [{"of": "基金", "name": "基金", "level": "municipal", "monitoring": "递补"}],
        "2024-08-15",
        "2024",
        kind="F",
    )
    w.deliver("agri_coop", [], "2024-09-10", "2024")
    w.deliver(
        "ip_patent",
        [
            {
                "of": "甲",
                "application_no": "202110000001.1",
                "application_date": "2021-05-01",
                "publication_date": "2023-05-01",
                "applicant_name": "甲",
                "legal_status": "授权",
            },
            {
                "of": "甲",
                "application_no": "202110000002.2",
                "application_date": "2021-05-01",
                "publication_date": "2022-12-01",
                "applicant_name": "甲",
                "legal_status": "审中",
            },
            {
                "of": "甲",
                "application_no": "202120000003.3",
                "application_date": "2023-05-01",
                "publication_date": "2023-12-01",
                "applicant_name": "甲",
                "legal_status": "授权",
            },
            {
                "of": "甲",
                "application_no": "202110000004.4",
                "application_date": "2021-05-01",
                "publication_date": "2022-05-01",
                "applicant_name": "甲",
                "legal_status": "授权",
            },
        ],
        "2024-12-20",
    )
    w.deliver(
        "ip_patent_status",
        [{"application_no": "202110000004.4", "event_date": "2024-05-01", "event": "lapsed"}],
        "2024-12-20",
    )
    w.deliver("ip_trademark", [], "2024-12-20")
    w.deliver(
        "market_annual_report",
        [{"of": "甲", "pripid": "甲", "report_year": 2023, "staff_count": 300, "revenue_yuan": "20000000"}],
        "2024-05-01",
    )
    w.deliver(
        "tax_arrears", [{"of": "甲", "djxh": "D", "tax_kind": "vat", "balance_yuan": "10"}], "2024-10-18", "202409"
    )
    w.deliver(
        "tax_arrears", [{"of": "基金", "djxh": "E", "tax_kind": "vat", "balance_yuan": "20"}], "2024-12-18", "202411"
    )
    return w.build()


def names(entries):
    return [entry["name"] for entry in entries]


def test_the_later_change_of_a_day_is_the_state(world):
    profile = world.profile("甲")
    assert profile["registered_region"] == "460204"
    assert profile["registered_capital"] == Decimal("2000000.00")
    assert profile["moved_in_date"] == date(2024, 9, 2)
    assert profile["newly_settled"] is True


def test_old_codes_and_parks_become_todays_places(world):
    profile = world.profile("洋浦户")
    assert (profile["registered_region"], profile["registered_park"]) == ("460400499", "park-yangpu")
    assert (profile["enterprise_type"], profile["legal_entity"]) == ("个体工商户", False)


def test_an_impossible_founding_date_gives_way_to_the_term_of_operation(world):
    profile = world.profile("误日户")
    assert profile["established_date"] == date(2023, 12, 31)
    assert profile["established_years"] == Decimal("1.000000")
    assert profile["registered_region"] == "460205"


def test_a_deleted_registration_is_no_state(world):
    assert world.profile("分公司")["business_status"] is None
    assert world.asked("2024-05-31", "2025-01-25", "分公司")["business_status"] == "存续"


def test_removal_from_the_abnormal_list_counts_from_its_day(world):
    assert world.profile("甲")["is_abnormal_listed"] is False
    assert world.asked("2024-01-31", "2025-01-25", "甲")["is_abnormal_listed"] is True


def test_a_serious_listing_is_a_major_violation_and_an_excluded_category(world):
    profile = world.profile("基金")
    assert (profile["is_serious_illegal"], profile["major_violation"]) == (True, True)
    assert names(profile["excluded_category"]) == ["严重违法失信名单"]
    assert profile["renamed_last_3_years"] is True


def test_a_penalty_published_twice_counts_once_and_is_hidden_from_its_repair_on(world):
    assert world.profile("甲")["penalty_count_last_3_years"] == 0
    assert world.profile("甲")["environmental_violation"] is False
    past = world.asked("2024-05-31", "2025-01-25", "甲")
    assert (past["penalty_count_last_3_years"], past["fine_yuan_last_3_years"]) == (1, Decimal("100000.00"))
    assert (past["environmental_violation"], past["major_violation"], past["safety_accident"]) == (True, True, False)


def test_a_debtor_taken_down_was_listed_before(world):
    assert world.profile("甲")["is_dishonest"] is False
    assert world.asked("2024-01-31", "2025-01-25", "甲")["is_dishonest"] is True


def test_certificates_valid_on_the_day_and_first_recognitions(world):
    profile = world.profile("甲")
    assert names(profile["certifications"]) == ["专精特新中小企业", "创新型中小企业", "高新技术企业"]
    assert profile["specialised_level"] == "专精特新中小企业"
    assert names(profile["recognition_first"]) == ["专精特新中小企业"], "the certificate of 2024 renews one of 2021"
    assert (profile["hnte_first_year"], profile["hnte_valid_to"]) == (2021, date(2027, 11, 29))


def test_a_cancellation_reaches_back_and_a_withdrawal_in_the_remarks_counts(world):
    profile = world.profile("基金")
    assert profile["is_hnte"] is False
    assert profile["certifications"] == []
    assert profile["specialised_level"] == "无"
    before = world.asked("2024-12-31", "2025-01-16", "基金")
    assert before["is_hnte"] is True, "known before the cancellation arrived"


def test_the_newest_list_replaces_the_earlier(world):
    assert world.profile("甲")["honors"] == []
    assert [(e["name"], e["level"]) for e in world.profile("基金")["honors"]] == [("农业产业化龙头企业", "市级")]


def test_patents_in_force_are_granted_and_not_lapsed(world):
    profile = world.profile("甲")
    assert (profile["patents_invention"], profile["patent_count"], profile["ip_count"]) == (1, 2, 2)
    assert profile["patents_invention_granted_last_year"] == 1
    assert profile["patent_applications_last_year"] == 1


def test_size_wants_every_lower_bound_and_stays_unknown_when_a_missing_figure_decides(world):
    profile = world.profile("甲")
    assert profile["enterprise_size"] == "中型", (
        "industry: 300 staff and 20 million, not large with 300 staff whatever the revenue"
    )
    assert profile["enterprise_size_basis"] == "年报人数"
    assert world.profile("误日户")["enterprise_size"] is None
    assert world.profile("基金")["enterprise_size"] is None, "finance has a standard of its own"


def test_a_debt_left_out_of_the_newest_list_is_gone(world):
    assert world.profile("甲")["tax_arrears_yuan"] == Decimal("0.00")
    assert world.profile("基金")["tax_arrears_yuan"] == Decimal("20.00")
