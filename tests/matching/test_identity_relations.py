"""Who goes on with whose business: told only where person, name, place and time agree and nobody else fits."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from matching.identity import relations

SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("enterprise_id", "uscc", "name", "legal_person", "address", "phone_hash"), pl.String),
    "established_date": pl.Date,
    "ended": pl.Date,
    "seen_alive": pl.Boolean,
}
TRADER = {
    "enterprise_id": "t", "uscc": "92460100X", "name": "海口金椰餐饮店", "legal_person": "李乙", "address": "海口市某路1号", "established_date": date(2020, 1, 1),
    "ended": date(2024, 5, 20), "seen_alive": True,
}  # fmt: skip
FIRM = {
    "enterprise_id": "f", "uscc": "91460100X", "name": "海口金椰餐饮管理有限公司", "legal_person": "李乙", "address": "海口市某路 1号",
    "established_date": date(2024, 6, 1),
}  # fmt: skip


def found(*rows: dict[str, Any]) -> list[tuple[str, str]]:
    frame = pl.DataFrame([{c: r.get(c) for c in SCHEMA} for r in rows], schema=SCHEMA)
    return relations.successions(frame).select("enterprise_id", "other_id").rows()


def test_person_name_place_and_time_agree() -> None:
    assert found(TRADER, FIRM) == [("f", "t")]
    assert found(TRADER | {"address": None, "phone_hash": "h"}, FIRM | {"phone_hash": "h"}) == [("f", "t")]


@pytest.mark.parametrize(
    "other",
    [
        {"legal_person": "王甲"},
        {"name": "海口瑞达餐饮管理有限公司"},
        {"address": "三亚市别路2号"},
        {"established_date": date(2024, 9, 1)},
        {"established_date": date(2023, 12, 1)},
        {"uscc": "92460100Y"},
    ],
)
def test_one_thing_that_differs_is_enough_to_say_nothing(other: dict[str, Any]) -> None:
    assert found(TRADER, FIRM | other) == []


def test_trade_and_form_may_differ_the_rest_of_the_name_may_not() -> None:
    shop = TRADER | {"name": "陵水协链智造物流经营部"}
    assert found(shop, FIRM | {"name": "协链智造（海南）药业有限公司"}) == [("f", "t")]
    assert found(shop, FIRM | {"name": "协链（海南）药业有限公司"}) == []
    assert found(TRADER, FIRM | {"name": "海口金椰树林业有限公司"}) == []


def test_of_a_trader_never_seen_alive_only_the_latest_end_is_known() -> None:
    ended_before = TRADER | {"seen_alive": False}
    assert found(ended_before, FIRM | {"established_date": date(2022, 3, 1)}) == [("f", "t")]
    assert found(ended_before, FIRM | {"established_date": date(2019, 12, 31)}) == [], "the company was there first"
    assert found(ended_before, FIRM | {"established_date": date(2024, 12, 1)}) == []
    assert found(ended_before | {"established_date": None}, FIRM | {"established_date": date(2022, 3, 1)}) == []


def test_two_traders_that_fit_one_company_tell_nothing() -> None:
    assert found(TRADER, TRADER | {"enterprise_id": "u", "name": "海口金椰小吃店"}, FIRM) == []


def test_a_trader_that_goes_on_or_two_companies_that_fit_tell_nothing() -> None:
    assert found(TRADER | {"ended": None}, FIRM) == []
    assert found(TRADER, FIRM, FIRM | {"enterprise_id": "g", "name": "海口金椰食品有限公司"}) == []


def test_one_organisation_under_two_codes_moved() -> None:
    keys = pl.DataFrame(
        [
            ("a", "uscc", "91460100MA5T1A2B3X", date(2019, 1, 1)),
            ("b", "uscc", "91460300MA5T1A2B3Y", date(2023, 1, 1)),
            ("c", "uscc", "91460100MA5T9C8D1X", date(2019, 1, 1)),
            ("a", "reg15", "460100000000001", date(2019, 1, 1)),
        ],
        schema=["enterprise_id", "kind", "code", "valid_from"],
        orient="row",
    )
    assert relations.recoded(keys).rows() == [("b", "a", "move", date(2023, 1, 1))]
