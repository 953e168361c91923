"""Accuracy of loading on small literal frames: a clean cell, each fate of a spoilt one, and troubles of deliveries."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from data import contract
from data.contract import Column
from evaluation import loading

TABLE = next(t for t in contract.tables() if (t.department, t.name) == ("science", "rd_input"))
PLACE = {"file_id": "f", "sheet": ""}
DELIVERED = [
    ("甲公司", "91460000MA5T000012", "2023", "12.50", "4", "100.00"),
    ("乙公司", "91460000MA5T000020", "2023", "1200.00", "5", "90.00"),
    ("丙公司", "91460000MA5T000039", "2023", "7.00", "6", "80.00"),
    ("丁公司", "91460000MA5T000047", "2023", "8.00", "7", "70.00"),
]


def frames() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Four rows: the second's expense came as 1,200.00, the third's as —, the fourth's as 8.0O and was rejected."""
    names = ["企业名称", "信用代码", "年度", "研发费用", "研发人员", "高新产品收入"]
    clean = pl.DataFrame(
        [dict(zip(names, row, strict=True)) | PLACE | {"row_no": n + 2} for n, row in enumerate(DELIVERED)]
    )
    spoilt = pl.DataFrame(
        {"row_no": [3, 4, 5], "column": ["研发费用"] * 3, "defect": ["thousands_separator", "dash_for_unknown", "letters_in_number"], "sent": ["1,200.00", "—", "8.0O"]}
    ).with_columns(**{k: pl.lit(v) for k, v in PLACE.items()})  # fmt: skip
    loaded = pl.DataFrame(
        {
            "row_no": [2, 3, 4], "name": ["甲公司", "乙公司", "丙公司"], "uscc": [row[1] for row in DELIVERED[:3]], "report_year": [2023] * 3,
            "rd_expense_yuan": [Decimal("125000.00"), Decimal("12000000.00"), None], "rd_staff_count": [4, 5, 6],
            "hightech_revenue_yuan": [Decimal("1000000.00"), Decimal("900000.00"), Decimal("800000.00")],
        }
    ).with_columns(**{k: pl.lit(v) for k, v in PLACE.items()})  # fmt: skip
    rejected = pl.DataFrame({"file_id": ["f"], "sheet": [""], "row_no": [5]})
    return clean, spoilt, loaded, rejected


def test_each_spoilt_cell_has_its_fate_and_clean_ones_are_counted() -> None:
    found = loading.cells(TABLE, *frames())
    share = loading.clean_share(found).row(0, named=True)
    assert (share["cells"], share["landed"], share["right"], share["in_rejected_rows"]) == (21, 16, 16, 5)
    fate = {r["defect"]: (r["must"], r["met"], r["planted"]) for r in loading.fate_of_defects(found).to_dicts()}
    assert fate == {
        "thousands_separator": ("repaired", 1, 1),
        "dash_for_unknown": ("emptied", 1, 1),
        "letters_in_number": ("rejected", 1, 1),
    }


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"rd_expense_yuan": Decimal("12.50")}, "wrong"),
        ({"rd_expense_yuan": None}, "wrong"),
        ({"name": "乙公司"}, "wrong"),
    ],
)
def test_a_clean_cell_loaded_otherwise_is_wrong(change: dict[str, object], state: str) -> None:
    clean, spoilt, loaded, rejected = frames()
    (column, value) = next(iter(change.items()))
    first = loaded.with_columns(
        pl.when(pl.col("row_no") == 2).then(pl.lit(value, loaded.schema[column])).otherwise(column).alias(column)
    )
    found = loading.cells(TABLE, clean, spoilt, first, rejected).filter(
        (pl.col("row_no") == 2) & (pl.col("column") == column)
    )
    assert found["state"].to_list() == [state]


def test_a_row_that_is_neither_loaded_nor_rejected_has_not_landed() -> None:
    clean, spoilt, loaded, rejected = frames()
    found = loading.cells(TABLE, clean, spoilt, loaded, rejected.clear())
    assert set(found.filter(pl.col("row_no") == 5)["state"]) == {"not_landed"}


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        (Column(label="", header="", type="money", unit="万元"), "1.234567", "12345.670000"),
        (Column(label="", header="", type="decimal", unit="%"), "30", "0.300000"),
        (Column(label="", header="", type="date"), "2024/3/1", "2024-03-01"),
        (Column(label="", header="", type="date"), "20240301", "2024-03-01"),
        (Column(label="", header="", type="month"), "202403", "2024-03-01"),
        (Column(label="", header="", type="datetime"), "2024-03-01", "2024-03-01 00:00:00"),
        (Column(label="", header="", type="code", key="uscc"), "9146000abc", "9146000ABC"),
        (Column(label="", header="", type="flag", true_words=("撤销",)), "撤销", "true"),
        (Column(label="", header=""), "—", None),
    ],
)
def test_clean_text_as_the_loaded_value_is_written(column: Column, text: str, value: str | None) -> None:
    assert pl.DataFrame({"t": [text]}).select(loading.said(pl.col("t"), column)).item() == value


def test_held_and_said_meet_for_days() -> None:
    column = Column(label="", header="", type="date")
    assert pl.DataFrame({"d": [dt.date(2024, 3, 1)]}).select(loading.held("d", column)).item() == "2024-03-01"


def test_of_two_defects_in_one_cell_the_stricter_decides() -> None:
    assert loading.wanted("orgform;letters_in_number") == "rejected"
    assert loading.wanted("key_tab;key_blank") == "emptied"
    assert loading.wanted("nbsp;homophone") == "as_sent"


def test_troubles_noticed_and_false_alarms_per_year() -> None:
    rows = [("tax", "SB_ZZS", "202403"), ("tax", "SB_ZZS", "202404"), ("ip", "TM", "20240229")]
    names = ["department", "table", "period"]
    planted = pl.DataFrame([dict(zip(names, r, strict=True)) | {"anomaly": "truncated"} for r in rows[:2]])
    alarms = pl.DataFrame([dict(zip(names, rows[k], strict=True)) | {"alarm": "refused"} for k in (0, 2)])
    recall, false = loading.noticed(planted, alarms, {"truncated": ("refused",)}, 2)
    assert recall.to_dicts() == [{"anomaly": "truncated", "planted": 2, "noticed": 1, "recall": 0.5}]
    assert false.select("department", "false_alarms", "per_year").rows() == [("ip", 1, 0.5)]
