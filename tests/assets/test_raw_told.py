"""Deliveries that tell of another period than they say are held; those that come late, without a receipt or with other headings are named."""

import gzip
import os
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.raw.anomaly import anomalies
from assets.raw.arrival import arrivals
from assets.raw.late import late
from assets.raw.ledger import deliveries
from assets.raw.receipt import NO_RECEIPT, UNTIMED
from data import contract
from data.readers import header, read
from pipelines.audit import trail
from pipelines.control import ControlStore
from pipelines.deliveries import release

sys.path.insert(0, str(Path(__file__).parent))
from raw_home import BASE, Home, csv
from test_raw_hostile import hostile


def vat(month: int, rows: int = 30) -> bytes:
    """VAT returns of a month of 2024, other firms in each."""
    text = hostile.vat(rows).replace(b"2024-11", b"2024-%02d" % month).replace(b"\x014601", b"\x0146%02d" % month)
    return bytes(text.replace(b"%02d-30" % month, b"%02d-28" % month).replace(b"2024-12-10", b"2025-01-10"))


def land(home: Home, period: int, raw: bytes) -> str:
    packed = gzip.compress(raw, mtime=0)
    name = f"SWJ_SB_ZZS_2024{period:02d}_I_01.txt.gz"
    home.land(
        name, packed, f"2025-01-{period + 10:02d}T09:00:00+08:00", hostile.control(packed, raw.count(b"\n")).decode()
    )
    return name


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, "2025-02-28T23:59:59")


def status(home: Home) -> dict[str, tuple[str, str]]:
    rows = home.warehouse.frame("SELECT period, status, coalesce(reason, '') FROM raw.delivery_load ORDER BY period")
    return {period: (said, why) for period, said, why in rows.iter_rows()}


def test_last_months_file_under_this_months_name_is_held_and_the_right_one_loads(home: Home) -> None:
    for month in (1, 2, 3):
        land(home, month, vat(month))
    name = land(home, 4, vat(3))
    land(home, 5, vat(5))
    home.refresh("tax_vat")
    found = status(home)
    assert {p: s for p, (s, _) in found.items()} == {
        "202401": "loaded", "202402": "loaded", "202403": "loaded", "202404": "held", "202405": "loaded",
    }  # fmt: skip
    assert "SWJ_SB_ZZS_202403_I_01.txt.gz 逐字节相同" in found["202404"][1]
    assert home.warehouse.frame("SELECT count(*) FROM raw.tax_vat").item() == 120
    odd = anomalies(deliveries(home.warehouse), date(2024, 12, 31))
    assert odd.filter(alarm="content")["period"].to_list() == ["202404"]
    land(home, 4, vat(4))
    home.refresh("tax_vat")
    assert sorted(home.rows("SELECT period, status FROM raw.delivery_load WHERE name = 'SWJ_SB_ZZS_202404_I_01.txt.gz'")) == [
        ("202404", "held"), ("202404", "loaded"),
    ]  # fmt: skip
    assert name in {r[0] for r in home.rows("SELECT name FROM raw.arrival")}


def test_the_same_rows_in_other_bytes_are_seen_whether_read_together_or_a_day_apart(tmp_path: Path) -> None:
    said = []
    for apart in (False, True):
        home = Home(tmp_path / str(apart), "2025-02-28T23:59:59")
        home.folder.mkdir()
        for month in (1, 2, 3):
            land(home, month, vat(month))
        if apart:
            home.refresh("tax_vat")
        land(home, 4, b"".join(reversed(vat(3).splitlines(keepends=True))))
        home.refresh("tax_vat")
        said.append(status(home)["202404"])
    assert said[0] == said[1]
    assert said[0][0] == "held"
    assert "30 行中 30 行与上一份 SWJ_SB_ZZS_202403_I_01.txt.gz 完全相同" in said[0][1]


def test_dates_a_month_off_their_habit_are_held_and_released_by_name(home: Home) -> None:
    for month in (1, 2, 3, 4):
        land(home, month, vat(month))
    # Rows nobody sent before, but of the first month.
    land(home, 5, vat(1).replace(b"\x014601", b"\x014699"))
    home.refresh("tax_vat")
    assert status(home)["202405"][0] == "held"
    assert "里面的日期比文件名的期间早了约 1" in status(home)["202405"][1]
    held = home.warehouse.frame("SELECT file_id, name FROM raw.delivery_load WHERE status = 'held'").row(0, named=True)
    path = arrivals(home.folder).filter(name=held["name"])["path"].item()
    control = ControlStore(home.folder / "control.sqlite")
    release(home.folder, control, trail(home.folder), {**held, "path": path}, "张三", "补报一月", datetime(2025, 2, 1))
    home.refresh("tax_vat")
    assert status(home)["202405"][0] == "loaded"
    assert home.warehouse.frame("SELECT count(*) FROM raw.tax_vat").item() == 150


def test_arrears_still_owed_may_be_told_again(home: Home) -> None:
    columns = contract.table("tax", "arrears").columns
    plain = {"date": "2024-01-05", "money": "10.00", "integer": "1", "month": "202401", "decimal": "1", "year": "2024"}
    line = "\x01".join("4601000000001" if c.key else plain.get(c.type, "增值税") for c in columns.values())
    for month in (1, 2, 3):
        raw = gzip.compress((line + "\n").encode("gb18030"), mtime=0)
        name = f"SWJ_SW_QS_2024{month:02d}_I_01.txt.gz"
        home.land(name, raw, f"2024-{month + 1:02d}-18T09:00:00+08:00", hostile.control(raw, 1).decode())
    home.refresh("tax_arrears")
    assert set(home.rows("SELECT status, reason FROM raw.delivery_load")) == {("loaded", None)}


def test_what_came_without_a_receipt_is_named(home: Home) -> None:
    folder = home.folder / "landing" / "x"
    folder.mkdir(parents=True)
    place = folder / "SCJG_E_BASEINFO_20240102_I_01.csv"
    place.write_bytes(csv(BASE))
    os.utime(place, (1_704_200_000, 1_704_200_000))
    home.land("SCJG_E_BASEINFO_20240103_I_01.csv", csv({**BASE, "ENTNAME": "海南乙有限公司"}))
    home.refresh()
    odd = anomalies(deliveries(home.warehouse), date(2024, 1, 31)).filter(alarm="receipt")
    assert odd["period"].to_list() == ["20240102"]


def months(table: str, department: str, *days: int, kind: str = "I") -> Iterator[dict[str, Any]]:
    """One delivery a month of 2023, each so many days after its end."""
    for i, after in enumerate(days, 1):
        end = date(2023, i, 28)
        yield {
            "department": department, "table_name": table, "period": f"2023{i:02d}", "kind": kind, "batch": "01", "file_id": f"f{i}",
            "received_at": datetime.combine(end + timedelta(days=3 + after), datetime.min.time()), "sequence": i, "name": f"n{i}",
        }  # fmt: skip


def test_late_is_later_than_the_habit_and_what_is_sent_again_is_not() -> None:
    rows = list(months("vat", "tax", 17, 17, 16, 17, 31, 17))
    again = {**rows[2], "received_at": datetime(2023, 6, 30), "sequence": 9, "file_id": "again"}
    found = list(late([*rows, again]))
    assert [(r[2], r[3], r[4]) for r in found] == [("202305", "late", "f5")]
    assert "迟 1" in found[0][5]
    unknown = {**rows[4], "notes": f"{UNTIMED}，记为本次运行的那一天"}
    assert not list(late([*rows[:4], unknown, rows[5]]))
    written = {**rows[4], "notes": f"{NO_RECEIPT}，收到时间取文件写入的时间"}
    assert "按文件写入的时间" in next(late([*rows[:4], written, rows[5]]))[5]
    # A table whose deliveries come whenever they come has no habit to break.
    assert not list(late(months("talent", "labor", 3, 40, 11, 66, 2, 50)))


def test_the_first_deliveries_are_measured_by_the_contract() -> None:
    assert [r[2] for r in late(months("vat", "tax", 44))] == ["202301"]
    assert not list(late(months("vat", "tax", 19)))


def test_two_that_agree_are_a_habit_and_two_that_do_not_are_none() -> None:
    assert [r[2] for r in late(months("vat", "tax", 12, 13, 24))] == ["202303"]
    assert not list(late(months("vat", "tax", 5, 13, 18)))


def test_of_old_periods_handed_over_together_the_straggler_is_late_and_the_next_ones_keep_their_own_habit() -> None:
    def quarter(period: str, came: str) -> dict[str, Any]:
        at = datetime.fromisoformat(came)
        return {
            "department": "commerce", "table_name": "foreign_report", "period": period, "kind": "F", "batch": "01", "file_id": period,
            "received_at": at, "sequence": 1, "name": period,
        }  # fmt: skip

    table = next(t for t in contract.tables() if t.department == "commerce" and t.native == "WZBG")
    past = [quarter(f"{year}Q{q}", "2023-01-16") for year in (2020, 2021) for q in (1, 2, 3)]
    straggler, current = quarter("2021Q4", "2023-01-20"), quarter("2022Q4", "2023-01-18")
    regular = [quarter("2023Q1", "2023-04-20"), quarter("2023Q2", "2023-08-10"), quarter("2022Q3", "2023-01-17")]
    rows = [{**r, "table_name": table.name} for r in (*past, straggler, current, *regular)]
    found = {r[2]: r[5] for r in late(rows)}
    assert found.keys() == {"2021Q4", "2023Q2"}
    assert "应在 2023-01-16 前后收到" in found["2021Q4"]
    # Two are no handing over: nobody knows what was promised.
    few = [
        {**quarter(p, f"2023-01-{day}"), "table_name": table.name}
        for p, day in (("2021Q1", 16), ("2021Q2", 16), ("2021Q3", 20))
    ]
    assert not list(late(few))
    # A month of silence made good on one day is late all the same.
    silent = [*months("vat", "tax", 17, 17, 16, 110, 80, 50, 19)]
    assert [r[2] for r in late(silent)] == ["202304", "202305", "202306"]


def test_the_same_word_with_its_unit_is_named_where_the_contract_lists_it() -> None:
    table = contract.table("science", "hnte")
    usual = [c.header for c in table.columns.values()]
    assert not header.match(usual, table).renamed
    renamed = ["有效期（年）" if h == "有效期" else h for h in usual]
    assert header.match(renamed, table).renamed == (("有效期（年）", "有效期"),)


def test_a_renamed_column_is_read_and_named(tmp_path: Path) -> None:
    table = contract.table("labor", "inspection")
    place = tmp_path / "a.xlsx"
    rows = [["企业名称", "案由", "决定日期", "金额"], ["海南甲有限公司", "拖欠工资", "2023-05-06", 100]]
    place.write_bytes(hostile.workbook(rows))
    found = read(place, next(iter(table.forms.values())), table)
    assert found.frame["name"].to_list() == ["海南甲有限公司"]
    assert any("列名与合同不同" in note and "「企业名称」（合同写「单位名称」）" in note for note in found.notes)
