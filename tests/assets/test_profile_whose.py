"""Whose row it is: a branch's under its parent's tax number, a natural person's who bears nearly a trader's name, another office's."""

import pytest

from tests.assets.profile_world import ProfileWorld

TRADER, FIRM = "92460100MARMNFDL78", "91460200MAKJTNYD45"


def _registered(of, serial, name, office, period, **extra):
    row = {"of": of, "djxh": serial, "tax_id": of, "name": name, "status": "normal", "tax_office_code": office, **extra}
    return [row], f"{period[:4]}-{period[4:]}-28", period


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = ProfileWorld(tmp_path_factory.mktemp("whose"), "2024-12-31", "2025-01-25T00:00:00")
    register = {"enterprise_type": "1130", "industry_code": "5430", "established_date": "2020-05-04", "status": "active", "op": "I"}  # fmt: skip
    for of, region in ((FIRM, "460204"), ("总", "460203"), ("迁", "460203"), ("止", "460203"), ("无", None)):
        row = {"of": of, "pripid": of, "name": of, "region_code": region, "op_at": "2020-05-04 10:00:00", **register}
        w.deliver("market_baseinfo", [row], "2024-01-05")
    for row in (
        # the parent's own row bears a branch's name by mistake, the branch's row bears it twice
        _registered(FIRM, "1", "椰源三亚分公司", "14602040000", "202306"),
        _registered(FIRM, "2", "椰源三亚分公司三亚分公司", "14602030000", "202401"),
        # the branch bears its name, wherever the two are
        _registered("总", "P", "总", "14601060000", "202306"),
        _registered("总", "Q", "总三亚分公司", "14602030000", "202401"),
        # moved, and both offices still list it
        _registered("迁", "3", "迁", "14602040000", "202306"),
        _registered("迁", "4", "迁", "14602030000", "202401"),
        # the office of the registered place has closed its file: what still stands speaks
        _registered("止", "5", "止", "14602040000", "202306"),
        _registered("止", "6", "止", "14602030000", "202401", status="cancelled"),
        # the register names no place: the last report speaks
        _registered("无", "7", "无", "14602040000", "202306"),
        _registered("无", "8", "无", "14602030000", "202401"),
    ):
        w.deliver("tax_registration", *row)
    debt = {"published_date": "2023-01-14", "is_deleted": False, "updated_at": "2023-01-14 08:00:00"}
    for of, card in (
        (TRADER, "4601**********7202"),
        (FIRM, "9146020014****9431"),
        ("91460100MA5BARE000", None),
        ("91460100MA5OWN0000", "91460100MA5OWN0000"),
        ("91460100MA5REG0000", "460100885479291"),
    ):
        w.deliver(
            "reform_dishonest", [{"of": of, "subject_name": of, "card_no": card, "case_no": of, **debt}], "2023-01-14"
        )
    w.deliver("reform_dishonest", [], "2024-12-30")
    head = {"name": "x", "pension_count": 10, "unemployment_count": 9, "injury_count": 12}
    # 澄迈's file came first with 屯昌's rows in it, and then with its own
    swapped = [dict(of="串件户", pay_month="2024-11-01", **head)]
    w.deliver("labor_headcount", swapped, "2024-12-18", "202411", batch="469022")
    wrong = w.deliver("labor_headcount", swapped, "2024-12-18", "202411", batch="469023")
    right = [dict(of="邻县户", pay_month="2024-11-01", **head)]
    w.deliver("labor_headcount", right, "2024-12-20", "202411", batch="469023")
    with w.warehouse.write() as writing:
        writing.execute("UPDATE raw.delivery SET status = 'superseded' WHERE file_id = $file", {"file": wrong})
    return w.build()


@pytest.mark.parametrize(
    ("of", "region"), [(FIRM, "460204"), ("总", "460106"), ("迁", "460203"), ("止", "460204"), ("无", "460203")]
)
def test_of_two_standing_tax_registrations_the_one_at_the_registered_place_is_the_firm_s(world, of, region):
    assert world.profile(of)["tax_region"] == region


@pytest.mark.parametrize(
    ("of", "listed"),
    [
        (TRADER, False),
        (FIRM, True),
        ("91460100MA5BARE000", True),
        ("91460100MA5OWN0000", True),
        ("91460100MA5REG0000", True),
    ],
)
def test_a_masked_personal_number_bars_no_enterprise(world, of, listed):
    assert world.profile(of)["is_dishonest"] is listed


def test_a_file_sent_again_takes_the_place_of_what_came_under_its_name(world):
    assert world.profile("串件户")["employees_insured"] == 12, "once, by its own office"


def test_before_the_right_file_came_its_rows_stood_under_both_names(world):
    # last: it leaves the tables of another day behind
    assert world.asked("2024-12-31", "2024-12-19T00:00:00", "串件户")["employees_insured"] == 24
