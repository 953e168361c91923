"""Deliveries of an unusual size are held until a named person lets them in; what is awaited, and what no longer asks for attention."""

import gzip
import os
import sys
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.raw.anomaly import anomalies
from assets.raw.arrival import arrivals
from assets.raw.ledger import deliveries
from assets.raw.volume import Habit, band
from assets.raw.waiting import at_the_door, missing_parts
from data import contract
from data.contract import Volume
from pipelines.audit import trail
from pipelines.control import ControlStore
from pipelines.deliveries import open_refusals, release, settle, settled

sys.path.insert(0, str(Path(__file__).parent))
from raw_home import BASE, Home, csv
from test_raw_hostile import hostile

AT = datetime(2024, 7, 1, 9)


def vat(rows: int) -> bytes:
    return bytes(hostile.vat(rows).replace(b"2024-", b"2023-"))


def months(home: Home, counts: list[int]) -> None:
    """One VAT delivery a month from 2024-01 on, received on the 18th of the month after."""
    for i, rows in enumerate(counts):
        raw = gzip.compress(vat(rows).replace(b"4601", f"46{i:02d}".encode()), mtime=0)
        received = f"2024-{i + 2:02d}-18T09:00:00+08:00"
        home.land(f"SWJ_SB_ZZS_2024{i + 1:02d}_I_01.txt.gz", raw, received, hostile.control(raw, rows).decode())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def statuses(home: Home) -> list[tuple[str, str]]:
    rows = home.warehouse.frame("SELECT period, status FROM raw.delivery_load ORDER BY received_at, file_id")
    return list(rows.iter_rows())


def test_a_month_far_below_the_habit_is_held_released_by_name_and_stays_so_when_all_is_rebuilt(home: Home) -> None:
    months(home, [300, 310, 290, 60, 305])
    home.refresh("tax_vat")
    assert [s for _, s in statuses(home)] == ["loaded", "loaded", "loaded", "held", "loaded"]
    held = home.warehouse.frame("SELECT file_id, name, reason, rows_loaded FROM raw.delivery_load WHERE status = 'held'").row(0, named=True)  # fmt: skip
    assert "待放行：60 行，此前 3 份的中位数是 300 行" in held["reason"] and held["rows_loaded"] == 0
    assert home.warehouse.frame("SELECT count(*) FROM raw.tax_vat").item() == 1205
    # asked again, it stays out: nothing about it has changed
    home.refresh("tax_vat")
    assert home.warehouse.frame("SELECT count(*) FROM raw.tax_vat").item() == 1205

    control = ControlStore(home.folder / "control.sqlite")
    path = arrivals(home.folder).filter(name=held["name"])["path"].item()
    release(home.folder, control, trail(home.folder), {**held, "path": path}, "张三", "税务局确认停业潮", AT)
    home.refresh("tax_vat")
    assert [s for _, s in statuses(home)] == ["loaded"] * 5
    notes = home.warehouse.frame(
        "SELECT notes FROM raw.delivery_load WHERE file_id = $f", {"f": held["file_id"]}
    ).item()
    assert "由张三放行：税务局确认停业潮" in notes
    assert control.rows("SELECT actor, action FROM audit") == [{"actor": "张三", "action": "delivery.released"}]
    trail(home.folder).anchor(control)
    assert not trail(home.folder).verify(control)
    before = home.warehouse.frame("SELECT * FROM raw.tax_vat ORDER BY ALL")
    (home.folder / "warehouse.duckdb").unlink()
    home.refresh("tax_vat")
    assert home.warehouse.frame("SELECT * FROM raw.tax_vat ORDER BY ALL").equals(before)


def test_a_unit_that_changed_without_notice_is_held_with_the_column_and_the_factor(home: Home) -> None:
    months(home, [40, 40, 40])
    for month in (4, 5):
        raw = gzip.compress(
            vat(40).replace(b"4601", b"46%02d" % (90 + month)).replace(b"\x011.00", b"\x019800.00"), mtime=0
        )
        name = f"SWJ_SB_ZZS_2024{month:02d}_I_01.txt.gz"
        home.land(name, raw, f"2024-{month + 1:02d}-18T09:00:00+08:00", hostile.control(raw, 40).decode())
    home.refresh("tax_vat")
    assert [s for _, s in statuses(home)] == ["loaded", "loaded", "loaded", "held", "held"]
    odd = anomalies(deliveries(home.warehouse), home.scope.as_of)
    found = odd.filter(alarm="distribution").select("table_name", "period", "detail").rows()
    assert [(t, p) for t, p, _ in found] == [("vat", "202404"), ("vat", "202405")]
    assert "9800 倍，像是单位换了（合同约定元）" in found[0][2]
    # five months and then nothing is no steady table that missed one
    assert odd.filter(alarm="gap")["period"].to_list() == []


def test_a_month_that_never_came_is_named_and_a_table_that_often_has_nothing_is_not() -> None:
    def came(table: str, *periods: str) -> list[dict[str, Any]]:
        plain = {
            "department": "commerce",
            "table_name": table,
            "status": "loaded",
            "reason": None,
            "notes": None,
            "file_id": "f",
        }
        return [plain | {"period": p} for p in periods]

    steady = [f"2023{m:02d}" for m in range(2, 13) if m != 5] + ["202402", "202403"]
    rows = came("sales_month", *steady) + came("duty_free", "202301", "202306", "202312")
    found = anomalies(pl.DataFrame(rows), datetime(2024, 4, 10).date())
    # January comes with February here, so it is not missed
    assert found.select("table_name", "period", "alarm").rows() == [("sales_month", "202305", "gap")]


def test_a_stream_of_news_is_noted_and_never_held(home: Home) -> None:
    for i, rows in enumerate((2, 1, 2, 90)):
        raw = csv(*[BASE | {"PRIPID": f"p{i}-{k}"} for k in range(rows)])
        home.land(f"SCJG_E_BASEINFO_2024010{i + 1}_I_01.csv", raw, f"2024-01-1{i}T09:00:00+08:00")
    home.refresh("market_baseinfo")
    said = home.warehouse.frame("SELECT status, notes FROM raw.delivery_load ORDER BY received_at").rows()
    assert [status for status, _ in said] == ["loaded"] * 4
    assert [notes is not None and "90 行" in notes for _, notes in said] == [False, False, False, True]


def test_offices_have_habits_of_their_own() -> None:
    volume = Volume(per_batch=True, after=1)
    habit = Habit()
    habit.seen(volume, "I", "460100", (AT, 1), 5000)
    habit.seen(volume, "I", "460300", (AT, 2), 10)
    later = (AT.replace(month=8), 1)
    assert habit.before(volume, "I", "460300", later) == [10]
    assert habit.before(volume, "I", "460300", (AT, 2)) == []
    assert habit.before(volume, "F", "460300", later) == []


@given(st.lists(st.integers(1, 10**6), min_size=3, max_size=6), st.floats(0.0, 0.9), st.floats(1.1, 9.0))
def test_the_median_itself_is_never_unusual_and_the_order_does_not_matter(
    earlier: list[int], low: float, high: float
) -> None:
    volume = Volume(low=low, high=high)
    found = band(earlier, volume)
    assert found is not None and found == band(sorted(earlier, reverse=True), volume)
    assert found[0] <= median(earlier) <= found[1]
    assert band(earlier[:2], volume) is None


def test_a_control_file_that_comes_late_is_compared_after_all(home: Home) -> None:
    raw = gzip.compress(vat(50), mtime=0)
    name = "SWJ_SB_ZZS_202401_I_01.txt.gz"
    home.land(name, raw, "2024-02-18T09:00:00+08:00")
    home.refresh("tax_vat")
    assert home.warehouse.frame("SELECT count(*) FROM raw.tax_vat").item() == 50
    lone = home.folder / "landing" / f"{name}.ctl"
    lone.write_bytes(hostile.control(raw, 51))
    home.refresh("tax_vat")
    assert not lone.exists()
    status, reason = home.warehouse.frame("SELECT status, reason FROM raw.delivery_load").row(0)
    assert (status, home.warehouse.frame("SELECT count(*) FROM raw.tax_vat").item()) == ("refused", 0)
    assert "控制文件写 51 行，实际 50 行" in reason
    lone.write_bytes(hostile.control(raw, 50))
    home.refresh("tax_vat")
    assert statuses(home) == [("202401", "loaded")]
    assert home.warehouse.frame("SELECT count(*) FROM raw.tax_vat").item() == 50


def test_what_is_awaited_is_named_with_since_when(home: Home) -> None:
    landing = home.folder / "landing"
    home.at("2024-02-18T12:00:00")
    home.land("SWJ_SB_ZZS_202401_I_01.txt.gz", b"x", "2024-02-18T09:00:00+08:00")
    (landing / "SWJ_SB_ZZS_202402_I_01.txt.gz.ctl").write_text("rows=1\n")
    (landing / "RSJ_CBRS_202401_I_460100.xlsx.part").write_bytes(b"half")
    home.refresh("tax_vat")
    found = {w.name: w for w in at_the_door(home.folder)}
    assert {n: w.awaited[:4] for n, w in found.items()} == {
        "SWJ_SB_ZZS_202401_I_01.txt.gz": "控制文件",
        "SWJ_SB_ZZS_202402_I_01.txt.gz.ctl": "数据文件",
        "RSJ_CBRS_202401_I_460100.xlsx.part": "对方写完",
    }
    waits = found["SWJ_SB_ZZS_202401_I_01.txt.gz"]
    assert (waits.department, waits.table, waits.period, waits.since) == ("tax", "vat", "202401", datetime(2024, 2, 18, 9))  # fmt: skip


def test_a_file_that_may_still_be_growing_is_left_alone(home: Home) -> None:
    place = home.land("SCJG_E_BASEINFO_20240102_I_01.csv", csv(BASE))
    place.with_name(place.name + ".receipt.json").unlink()
    home.refresh("market_baseinfo")
    assert place.exists() and home.passed.waiting == [place.name]
    os.utime(place, (place.stat().st_mtime - 60,) * 2)
    home.refresh("market_baseinfo")
    assert not place.exists() and home.passed.accepted == [place.name]


def row(batch: str, period: str, status: str = "loaded", **more: Any) -> dict[str, Any]:
    plain = {"file_id": f"{batch}{period}{status}", "department": "labor", "table": "headcount", "kind": "I"}
    return plain | {"period": period, "batch": batch, "status": status, "received_at": AT} | more


def test_an_office_that_has_not_sent_its_part_is_named() -> None:
    rows = [row("460100", "202405"), row("460300", "202405"), row("460100", "202406")]
    assert contract.table("labor", "headcount").volume.per_batch
    found = list(missing_parts(rows))
    assert len(found) == 1 and "460300" in found[0].awaited and found[0].since == AT
    assert not list(missing_parts([*rows, row("460300", "202406")]))


def test_a_refusal_asks_until_sent_again_or_put_aside(tmp_path: Path) -> None:
    refused = row("01", "202405", "refused")
    later = row("01", "202405", received_at=AT.replace(month=8))
    assert open_refusals([refused], {}) == {refused["file_id"]}
    assert open_refusals([refused, later], {}) == set()
    assert open_refusals([refused, later | {"period": "202406"}], {}) == {refused["file_id"]}
    assert open_refusals([refused, later | {"received_at": AT.replace(month=1)}], {}) == {refused["file_id"]}
    stranger = row("", "", "refused", department=None, table=None, received_at=None)
    assert open_refusals([stranger, later], {}) == {stranger["file_id"]}
    control = ControlStore(tmp_path / "control.sqlite")
    settle(control, trail(tmp_path), stranger | {"name": "乱.csv"}, "李四", "发错单位，已电话告知", AT)
    assert open_refusals([stranger], settled(control)) == set()
