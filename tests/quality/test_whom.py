"""Whom a rejected row names: codes that pass their own check, a department's own number, a person's hash; never what may be another's or a person's."""

from typing import Any

import polars as pl
import pytest

from data import contract
from data.contract import Table
from quality.whom import named, named_by_cells

MARKET = contract.table("market", "baseinfo")
LAYOUT = tuple(MARKET.columns)
FIRM, OTHER = "91460100MA5T00001X", "91460100MA4Q8NMD0P"
RECORD = {"pripid": "p1", "uscc": OTHER, "regno": "460100012397356", "name": "海南祥链装饰有限公司", "address": "和平大道30号", "phone_hash": "13800138000"}  # fmt: skip


def record(**changed: str) -> list[str]:
    return [(RECORD | changed).get(name, "") for name in LAYOUT]


def split_at(cells: list[str], column: str, *extra: str) -> list[str]:
    place = LAYOUT.index(column) + 1
    return [*cells[:place], *extra, *cells[place:]]


def of_one(table: Table, **cells: Any) -> str | None:
    told: str | None = named(
        pl.DataFrame({k: [v] for k, v in cells.items()}, schema=dict.fromkeys(cells, pl.String)), table
    )[0]
    return told  # fmt: skip


def test_a_code_that_passes_its_check_names_and_one_that_does_not_is_not_told() -> None:
    assert of_one(MARKET, **RECORD) == f"uscc={OTHER};reg15=460100012397356;pripid=p1"
    assert of_one(MARKET, pripid="p1", uscc="91460100MA4Q8NMD0Q", regno="460100012397350") == "pripid=p1"
    # what a code is, it says itself, whatever column it stands in
    assert of_one(MARKET, pripid=None, uscc="460100012397356", regno=None) == "reg15=460100012397356"
    assert of_one(MARKET, pripid=None, uscc=None, regno=None) is None


def test_a_cell_too_many_leaves_the_codes_before_and_behind_it_findable() -> None:
    whole = f"uscc={OTHER};reg15=460100012397356"
    behind = named_by_cells(split_at(record(), "address", "145室"), LAYOUT, MARKET)
    assert behind is not None and behind.startswith(whole)
    assert "pripid=p1" in behind.split(";")
    before = named_by_cells(split_at(record(), "pripid", "x y"), LAYOUT, MARKET)
    assert before == f"{whole};pripid=p1"
    cut = named_by_cells(record()[:5], LAYOUT, MARKET)
    assert cut is not None and f"uscc={OTHER}" in cut.split(";")
    assert named_by_cells((), LAYOUT, MARKET) is None


@pytest.mark.parametrize("pripid", [f"a;uscc={FIRM}", f"=uscc={FIRM}", "甲", "p1\nuscc=1", "x" * 65])
def test_a_number_of_the_departments_own_cannot_name_somebody_else(pripid: str) -> None:
    assert of_one(MARKET, pripid=pripid, uscc=None, regno=None) is None


def test_numbers_that_may_be_a_persons_are_not_told() -> None:
    # a telephone that slipped into the place of a number without a check
    layout = ("phone_hash", "pripid", "name")
    assert named_by_cells(("138", "13800138000", "p1", "甲"), layout, MARKET) is None
    # an account stands for whoever it is paid to
    assert of_one(contract.table("finance", "payment"), payee_account_hash="ab12", payee_name="甲") is None


def test_a_broken_line_names_by_a_credit_code_alone() -> None:
    penalty = contract.table("reform", "penalty")
    assert named_by_cells(("460100012397356", OTHER, "处罚"), (), penalty) == f"uscc={OTHER}"
    assert named_by_cells((OTHER,), (), contract.table("hotline", "call").model_copy(update={"subject": {}})) is None


def test_a_natural_person_is_named_by_the_keyed_hash() -> None:
    told = of_one(contract.table("labor", "talent"), person_hash="ab" * 16, unit_no="1001")
    assert told is not None and f"person={'ab' * 16}" in told.split(";")
    assert "person" not in str(of_one(contract.table("market", "investor"), pripid="p1", investor_id_hash="ab" * 16))
