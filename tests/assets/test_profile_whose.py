"""Whose row it is: a branch under its parent's tax number, a natural person who bears nearly a trader's name."""

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
    for of, region in ((FIRM, "460204"), ("迁", "460203"), ("止", "460203"), ("无", None)):
        row = {"of": of, "pripid": of, "name": of, "region_code": region, "op_at": "2020-05-04 10:00:00", **register}
        w.deliver("market_baseinfo", [row], "2024-01-05")
    for row in (
        # the parent's own row bears a branch's name by mistake, the branch's row bears it twice
        _registered(FIRM, "1", "椰源三亚分公司", "14602040000", "202306"),
        _registered(FIRM, "2", "椰源三亚分公司三亚分公司", "14602030000", "202401"),
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
    return w.build()


@pytest.mark.parametrize(("of", "region"), [(FIRM, "460204"), ("迁", "460203"), ("止", "460204"), ("无", "460203")])
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
