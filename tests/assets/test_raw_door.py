"""The door: names, receipts, control files, links; what is let in, what waits and what is turned away."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assets.raw import door
from assets.raw.receipt import printable

sys.path.insert(0, str(Path(__file__).parent))
from raw_home import BASE, DAY, LOADS, VAT, Home, control, csv, vat


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_the_future_is_left_at_the_door(home: Home) -> None:
    path = home.land(DAY, csv(BASE), received="2025-01-01T09:00:00+08:00")
    home.refresh()
    assert path.exists()
    home.at("2025-01-02T00:00:00")
    home.refresh()
    assert not path.exists()


def test_a_lost_receipt_is_replaced_by_the_time_of_the_file(home: Home) -> None:
    path = home.land(DAY, csv(BASE))
    path.with_name(DAY + ".receipt.json").unlink()
    seconds = datetime(2024, 1, 3, 1, tzinfo=UTC).timestamp()
    os.utime(path, (seconds, seconds))
    home.refresh()
    assert home.rows("SELECT DISTINCT _received_at FROM raw.market_baseinfo") == [(datetime(2024, 1, 3, 9),)]


def test_a_file_without_receipt_is_known_at_the_newest_day_whatever_the_clock(home: Home) -> None:
    path = home.land(DAY, csv(BASE))
    path.with_name(DAY + ".receipt.json").unlink()
    os.utime(path, (2_000_000_000, 2_000_000_000))
    home.land("SCJG_E_BASEINFO_20240106_I_01.csv", csv({**BASE, "PRIPID": "p2"}), "2024-06-01T09:00:00+08:00")
    home.at("2024-05-31T23:59:59")
    home.refresh()
    assert path.exists(), "a run about an earlier day does not know it yet"
    home.at("2024-06-01T23:59:59")
    home.refresh()
    assert home.rows("SELECT name, received_at::VARCHAR FROM raw.arrival ORDER BY 2") == [
        ("SCJG_E_BASEINFO_20240106_I_01.csv", "2024-06-01 09:00:00"),
        (DAY, "2024-06-01 23:59:59"),
    ]


def test_control_totals_are_reconciled_and_a_corrected_control_file_lets_the_same_bytes_in(home: Home) -> None:
    raw = vat("1.10", "2.20")
    home.land(VAT, raw, "2024-02-20T09:00:00+08:00", control(raw, 5, "3.30"))
    home.refresh("tax_vat")
    assert "控制文件写 5 行，实际 2 行" in home.rows(LOADS)[0][-1]
    home.land(VAT, raw, "2024-02-22T09:00:00+08:00", control(raw, 2, "3.30"))
    home.refresh("tax_vat")
    assert [r[1:4] for r in home.rows(LOADS)] == [("loaded", 2, 2)]
    assert home.rows("SELECT DISTINCT _received_at FROM raw.tax_vat") == [(datetime(2024, 2, 22, 9),)]


def test_a_cut_at_a_row_end_is_seen_by_the_control_file(home: Home) -> None:
    whole = vat("1.10", "2.20")
    home.land(VAT, vat("1.10"), "2024-02-20T09:00:00+08:00", control(whole, 2, "3.30"))
    home.refresh("tax_vat")
    assert "md5 不符" in home.rows("SELECT reason FROM raw.arrival WHERE status = 'refused'")[0][0]


def test_a_missing_control_file_is_waited_for_a_day(home: Home) -> None:
    home.at("2024-02-20T12:00:00")
    home.land(VAT, vat("1"), "2024-02-20T09:00:00+08:00")
    home.refresh("tax_vat")
    assert home.passed.waiting == [VAT]
    home.at("2024-02-22T12:00:00")
    home.refresh("tax_vat")
    assert home.rows("SELECT status, notes FROM raw.delivery_load") == [("loaded", "没有控制文件，行数与金额无从核对")]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("SCJG_E_BASEINFO_20240102_I_01.csv.exe", "文件名不在任何合同之内"),
        ("SCJG_E_BASEINF0_20240102_I_01.csv", "最接近的是「主体登记」"),
        ("主体登记.csv", "不允许的字符"),
        ("a b.csv", "不允许的字符"),
    ],
)
def test_names_are_let_in_by_allow_list(home: Home, name: str, said: str) -> None:
    home.land(name, csv(BASE))
    home.refresh()
    assert said in home.rows("SELECT reason FROM raw.arrival WHERE status = 'refused'")[0][0]


def test_the_flag_of_a_delivery_goes_with_it_and_nothing_waits_for_one(home: Home) -> None:
    landed = [home.land(DAY, csv(BASE)), home.land("SCJG_E_BASEINFO_20240103_I_01.csv", b""), home.land("x.csv", b"x"), home.land(DAY, csv(BASE))]  # fmt: skip
    for path in landed[:3]:
        path.with_name(path.name + ".ok").write_bytes(b"")
    landed[3].with_name(DAY + ".ok").mkdir()
    home.refresh()
    assert (sorted(home.passed.accepted), home.passed.repeated) == ([DAY, "SCJG_E_BASEINFO_20240103_I_01.csv"], [DAY])
    assert [name for name, _ in home.passed.refused] == ["x.csv"]
    assert not [p for p in (home.folder / "landing").rglob("*") if p.is_file()]


def test_a_symbolic_link_is_refused_and_its_target_untouched(home: Home) -> None:
    secret = home.folder / "secret.csv"
    secret.write_bytes(csv(BASE))
    folder = home.folder / "landing" / "x"
    folder.mkdir(parents=True)
    (folder / DAY).symlink_to(secret)
    home.refresh()
    assert "符号链接" in home.rows("SELECT reason FROM raw.arrival")[0][0]
    assert secret.read_bytes() == csv(BASE)
    assert not (folder / DAY).is_symlink()


def test_a_file_changed_after_its_receipt_is_refused(home: Home) -> None:
    path = home.land(DAY, csv(BASE))
    path.write_bytes(csv({**BASE, "REGCAP": "999"}))
    home.refresh()
    assert "与回执的" in home.rows("SELECT reason FROM raw.arrival")[0][0]


def test_a_name_is_shown_so_that_no_terminal_obeys_it() -> None:
    shown = printable("a\x1b[31m\nb\u202egpj.csv\udcff")
    assert shown == "a\\u001b[31m\\u000ab\\u202egpj.csv\\udcff"
    assert printable("SCJG_E_BASEINFO_20240102_I_01.csv 市监") == "SCJG_E_BASEINFO_20240102_I_01.csv 市监"


def test_a_file_that_vanishes_while_the_door_looks_waits_and_the_others_come_in(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.land(DAY, csv(BASE))
    gone = home.folder / "landing" / "x" / "SCJG_E_BASEINFO_20240103_I_01.csv"
    standing = door._standing
    monkeypatch.setattr(door, "_standing", lambda landing: [gone, *standing(landing)])
    passed = door.admit(home.folder, home.scope.known_at)
    assert passed.accepted == [DAY]
    assert passed.waiting == [gone.name]


def test_bytes_changed_after_they_were_let_in_are_not_loaded_and_heal_when_they_come_again(tmp_path: Path) -> None:
    home = Home(tmp_path)
    raw = csv(BASE)
    home.land(DAY, raw)
    door.admit(tmp_path, home.scope.known_at)
    place = next((tmp_path / "accepted").rglob("*.csv"))
    place.chmod(0o644)
    # As a sender does who kept the file open: the same length, another content.
    place.write_bytes(raw.replace(b"100.5", b"999.9"))
    home.refresh()
    assert [(s, r[:12]) for s, r in home.rows("SELECT status, reason FROM raw.delivery_load")] == [
        ("refused", "文件收到之后被改动过，与")
    ]
    assert home.rows("SELECT count(*) FROM raw.market_baseinfo") == [(0,)]
    home.land(DAY, raw)
    home.refresh()
    assert home.rows("SELECT status, rows_loaded FROM raw.delivery_load") == [("loaded", 1)]
    assert home.rows("SELECT capital_amount::VARCHAR FROM raw.market_baseinfo") == [("1005000.00",)]
