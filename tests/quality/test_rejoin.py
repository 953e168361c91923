"""A cell too many is put back where only one place is possible, exactly as it was meant; everything else stays unreadable."""

import random
from datetime import datetime

import pytest

from data import contract
from data.readers.reading import Reading, Unreadable, frame_of
from quality.rejoin import rejoined

TABLE = contract.table("market", "baseinfo")
NAMES = list(TABLE.columns)
SOUND = (
    "460090000000046675836125|91460100MA4Q8NMD0P|460100012397356|海南祥链装饰有限公司|1151|E|5013|宋玉红|1.000000|156|2021-12-14|2021-12-14|2021-12-14|9999-12-31"
    "|海南省海口市美兰区和平大道30号,145室|460108|一般项目：住宅室内装饰装修。|460100|3|10093506773|0|U|2024-04-05 11:32:42"
)
RECORD = dict(zip(NAMES, SOUND.split("|"), strict=True))


def of(*records: list[str], table: contract.Table = TABLE) -> Reading:
    torn = [Unreadable(row, "", "columns", "应有 23 列，实际 24 列", tuple(r)) for row, r in enumerate(records, 3)]
    frame = frame_of({n: ["x", "x"] for n in NAMES}, [2, 9_999])
    reading = Reading(frame, unreadable=torn, layout=tuple(NAMES))
    return rejoined(reading, table.forms["daily"], table, datetime(2024, 6, 1), b"k" * 32)


def sent(**changed: str) -> list[str]:
    return ",".join((RECORD | changed).values()).split(",")


def test_a_comma_in_an_address_goes_back_and_the_row_stands_in_its_place() -> None:
    found = of(sent(), sent(address="30号,甲,乙"), sent(pripid="p2", region_code="460105"))
    assert found.frame["_row_no"].to_list() == [2, 3, 5, 9_999]
    assert found.frame.row(1, named=True).items() >= RECORD.items()
    assert found.frame["region_code"][2] == "460105"
    # two cells too many are more than a comma that somebody forgot
    assert [u.row_no for u in found.unreadable] == [4]
    assert found.rejoined == 2
    assert found.rows_in == 5


@pytest.mark.parametrize(
    "changed",
    [
        # the comma stands elsewhere, in columns the contract does not name
        {"address": "30号", "business_scope": "零售,批发"}, {"address": "30号", "capital_amount": "1,000.00"}, {"address": "30号", "legal_person": "宋,玉红"},
        # a cell that is not what its column says: a code, a state, a day
        {"uscc": "91460100MA4Q8NMD0Q"}, {"status": "某新状态"}, {"approved_date": "2021-02-30"}, {"op_at": "2024-07-01 00:00:00"}, {"regno": "460100012397357"},
        # nothing beside the address holds it in its place, or two places are possible
        {"region_code": ""}, {"operating_to_date": ""}, {"region_code": "海口市"}, {"address": "30号,"}, {"address": ",145室"}, {"address": "30号,460108"},
    ],
)  # fmt: skip
def test_where_anything_is_unsure_the_record_stays_unreadable(changed: dict[str, str]) -> None:
    found = of(sent(**changed))
    assert (found.frame.height, len(found.unreadable), found.rejoined) == (2, 1, 0)


def test_only_what_the_contract_declares_is_put_together() -> None:
    plain = TABLE.model_copy(update={"columns": {n: c.model_copy(update={"rejoin": False}) for n, c in TABLE.columns.items()}})  # fmt: skip
    assert of(sent(), table=plain).frame.height == 2


def test_a_comma_anywhere_in_any_text_is_put_back_right_or_not_at_all() -> None:
    chance = random.Random(7)
    pieces = ["海南", "甲", "30号", "145室", "1862", "A座", "B", "Inc.", "460108", "2021-12-14", "1", "在营", " "]
    meant, torn = [], []
    for _ in range(400):
        row = dict(RECORD, address="和平大道30号")
        for name in ("name", "legal_person", "address", "business_scope"):
            row[name] = "".join(chance.choices(pieces, k=chance.randint(1, 4)))
        for name in chance.sample(["regno", "industry_code", "region_code", "registrar_code", "approved_date"], 2):
            row[name] = chance.choice([row[name], "", "不详"])
        at = chance.choice(["name", "legal_person", "address", "business_scope"])
        cut = chance.randint(0, len(row[at]))
        row[at] = f"{row[at][:cut]},{row[at][cut:]}"
        meant.append(row)
        torn.append(",".join(row.values()).split(","))
    found = of(*torn).frame
    put_back = [r for r in found.iter_rows(named=True) if r["pripid"] != "x"]
    assert len(put_back) > 20
    assert all(r.items() >= meant[r["_row_no"] - 3].items() for r in put_back)
