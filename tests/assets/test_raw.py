"""From the landing zone to raw rows: what loads, what is refused and why, and that nothing is loaded twice or lost."""

import gzip
import hashlib
import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from assets.raw import RAW_ASSETS, prepare
from assets.raw.ledger import deliveries, late_days
from assets.raw.periods import period_end
from assets.raw.schema import REJECT_COLUMNS
from data import contract

sys.path.insert(0, str(Path(__file__).parent))
from raw_home import BASE, COLUMNS, DAY, LOADS, VAT, Home, control, csv, vat


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_delivery_becomes_typed_rows_with_provenance(home: Home) -> None:
    path = home.land(DAY, csv(BASE))
    home.refresh()
    assert not path.exists()
    row = home.warehouse.frame("SELECT * FROM raw.market_baseinfo").row(0, named=True)
    sha = hashlib.sha256(csv(BASE)).hexdigest()
    assert (row["_file_id"], row["_row_no"], row["_period"], row["_op"]) == (sha[:16], 2, "20240102", "I")
    assert row["_received_at"] == datetime(2024, 1, 3, 9)
    assert row["operating_to_date"] == date(9999, 12, 31)
    assert str(row["capital_amount"]) == "1005000.00"
    kept = home.folder / "accepted" / sha[:2] / sha / DAY
    assert kept.read_bytes() == csv(BASE)
    assert not kept.stat().st_mode & 0o222
    assert home.warehouse.columns("raw.market_baseinfo") == contract.table("market", "baseinfo").stored
    subject = home.rows("SELECT _subject_id, department, uscc, local_kind, local_id, name FROM raw.subject")
    assert subject == [(row["_subject_id"], "market", "91460100MA5T00001X", "pripid", "p1", "海南甲有限公司")]


def test_the_same_delivery_twice_is_loaded_once(home: Home) -> None:
    home.land(DAY, csv(BASE))
    home.refresh()
    before = home.rows("SELECT * FROM raw.market_baseinfo")
    home.land(DAY, csv(BASE), received="2024-01-05T09:00:00+08:00")
    home.refresh()
    assert home.passed.repeated == [DAY]
    assert home.rows("SELECT * FROM raw.market_baseinfo") == before
    assert home.rows("SELECT name, repeats FROM raw.arrival") == [(DAY, 1)]
    assert not [p for p in (home.folder / "landing").rglob("*") if p.is_file()]


def test_bad_files_are_refused_with_reasons_and_the_good_one_loads(home: Home) -> None:
    renamed = ["企业全称" if c == "ENTNAME" else c for c in COLUMNS]
    home.land(DAY, csv(BASE))
    home.land("SCJG_E_BASEINFO_20240103_I_01.csv", csv(BASE, columns=renamed))
    home.land("SCJG_E_BASEINFO_20240104_I_01.csv", csv(BASE).decode("gb18030").encode("utf-8"))
    home.land("SCJG_E_BASEINFO_20240105_I_01.csv", b"")
    home.land("SCJG_E_BASEINFO_2024Q1_F_01.sql.gz", gzip.compress(b"COPY e_baseinfo (a) FROM stdin;\n" * 50)[:40])
    home.refresh()
    reasons = {name: reason for name, status, *_, reason in home.rows(LOADS) if status == "refused"}
    assert "缺少列「ENTNAME」" in reasons["SCJG_E_BASEINFO_20240103_I_01.csv"]
    assert "UTF-8" in reasons["SCJG_E_BASEINFO_20240104_I_01.csv"]
    assert "0 字节" in reasons["SCJG_E_BASEINFO_20240105_I_01.csv"]
    assert "截断" in reasons["SCJG_E_BASEINFO_2024Q1_F_01.sql.gz"]
    assert home.rows("SELECT count(*) FROM raw.market_baseinfo") == [(1,)]
    assert home.rows("SELECT count(*) FROM quality.reject WHERE row_no = 0 AND rule = 'file'") == [(4,)]
    again = home.refresh()
    assert again["market_baseinfo"].files == []


def test_faulty_rows_are_set_aside_one_by_one_and_everything_adds_up(home: Home) -> None:
    rows = [{**BASE, "PRIPID": f"p{i}"} for i in range(20)]
    rows += [rows[0], {**BASE, "PRIPID": "q1", "ESTDATE": "2026-02-30"}, {**BASE, "PRIPID": "q2", "REGCAP": "-1"}]
    raw = csv(*rows).replace(b'"q2"', b'"q2' + b'"')
    home.land(DAY, raw + "合计,23\r\n".encode("gb18030")[:0])
    home.refresh()
    assert [r[1:7] for r in home.rows(LOADS)] == [("loaded", 23, 20, 2, 1, 0)]
    assert home.rows("SELECT row_no, column_name, rule, value FROM quality.reject ORDER BY row_no") == [
        (23, "established_date", "date", "2026-02-30"),
        (24, "capital_amount", "capital_not_negative", "-10000.00"),
    ]


def test_too_many_bad_rows_refuse_the_file_and_keep_the_old(home: Home) -> None:
    home.land(DAY, csv(BASE))
    home.refresh()
    bad = [{**BASE, "PRIPID": f"p{i}", "ESTDATE": "不详" if i % 2 else "2020-01-01"} for i in range(10)]
    home.land("SCJG_E_BASEINFO_20240103_I_01.csv", csv(*bad))
    home.refresh()
    assert "10 行中 5 行不合格（50%）" in home.rows(LOADS)[1][-1]
    assert home.rows("SELECT count(*) FROM raw.market_baseinfo") == [(1,)]


def test_a_delivery_that_breaks_a_blocking_rule_is_refused_and_the_old_version_stands(home: Home) -> None:
    home.land(DAY, csv(BASE))
    home.refresh()
    strange = [{**BASE, "PRIPID": f"p{i}", "S_EXT_OP": "X"} for i in range(3)]
    home.land("SCJG_E_BASEINFO_20240103_I_01.csv", csv(*strange))
    found = home.refresh()["market_baseinfo"]
    assert found.blocked is None
    assert "操作标识只能是 I、U、D" in home.rows(LOADS)[1][-1]
    assert home.rows("SELECT count(*) FROM raw.market_baseinfo") == [(1,)]
    home.land("SCJG_E_BASEINFO_20240104_I_01.csv", csv({**BASE, "PRIPID": "p9"}))
    home.refresh()
    assert [r[1] for r in home.rows(LOADS)] == ["loaded", "refused", "loaded"]


def test_same_name_other_content_supersedes(home: Home) -> None:
    first, second = vat("1"), vat("2", "3")
    home.land(VAT, first, "2024-02-20T09:00:00+08:00", control(first, 1, "1"))
    home.refresh("tax_vat")
    home.land(VAT, second, "2024-02-25T09:00:00+08:00", control(second, 2, "5"))
    home.refresh("tax_vat")
    assert [r[1] for r in home.rows(LOADS)] == ["superseded", "loaded"]
    assert home.rows("SELECT count(*) FROM raw.tax_vat") == [(3,)]


def test_the_warehouse_can_be_deleted_and_comes_back_the_same(home: Home) -> None:
    home.land(DAY, csv(BASE, {**BASE, "PRIPID": "p2", "ESTDATE": "x"}, {**BASE, "PRIPID": "p3"}))
    home.land("SCJG_E_BASEINFO_20240103_I_01.csv", b"", "2024-01-04T09:00:00+08:00")
    home.refresh()
    tables = ("raw.market_baseinfo", "raw.subject", "raw.delivery_load", "quality.reject", "raw.arrival")
    before = {t: home.rows(f"SELECT * FROM {t} ORDER BY ALL") for t in tables}
    (home.folder / "warehouse.duckdb").unlink()
    home.refresh()
    assert {t: home.rows(f"SELECT * FROM {t} ORDER BY ALL") for t in tables} == before


def test_the_order_of_arrival_does_not_change_what_is_kept(tmp_path: Path) -> None:
    files = [
        (f"SCJG_E_BASEINFO_2024010{d}_I_01.csv", csv({**BASE, "PRIPID": f"p{d}", "REGCAP": str(d)})) for d in (2, 3, 4)
    ]
    kept = []
    for order in (files, files[::-1]):
        home = Home(tmp_path / str(len(kept)))
        key = home.folder / "keys" / "personal.key"
        key.parent.mkdir(parents=True)
        key.write_bytes(b"k" * 32)
        for name, raw in order:
            home.land(name, raw, f"2024-01-{name[22:24]}T09:00:00+08:00")
            home.refresh()
        columns = list(contract.table("market", "baseinfo").stored)
        kept.append(home.warehouse.frame(f"SELECT {', '.join(columns)} FROM raw.market_baseinfo ORDER BY ALL").rows())
        kept[-1].append(
            home.warehouse.frame("SELECT * EXCLUDE (first_received_at) FROM raw.subject ORDER BY ALL").rows()
        )
    assert kept[0] == kept[1]


def snapshot(path: Path, *rows: tuple[str, str, str]) -> bytes:
    import sqlite3

    base = sqlite3.connect(path)
    base.execute("CREATE TABLE t_zz (zsbh, qymc, xydm, zzlb, zzdj, fzrq, yxq, zt)")
    base.executemany("INSERT INTO t_zz VALUES (?, ?, NULL, '建筑工程', ?, '2023-01-01', '2028-01-01', '有效')", rows)
    base.commit()
    base.close()
    raw = path.read_bytes()
    path.unlink()
    return raw


def test_what_leaves_a_snapshot_is_written_down_as_deleted(home: Home) -> None:
    one = snapshot(home.folder / "s", ("D1", "甲", "一级"), ("D2", "乙", "二级"))
    two = snapshot(home.folder / "s", ("D1", "甲", "特级"))
    three = snapshot(home.folder / "s", ("D1", "甲", "特级"), ("D2", "乙", "二级"))
    home.land("ZJT_SNAPSHOT_20240107_F_01.db", one, "2024-01-07T09:00:00+08:00")
    home.land("ZJT_SNAPSHOT_20240114_F_01.db", two, "2024-01-14T09:00:00+08:00")
    home.refresh("housing_qualification")
    sql = "SELECT certificate_no, _op, grade, _received_at::DATE::VARCHAR, _row_no FROM raw.housing_qualification ORDER BY _received_at, certificate_no"
    expected = [("D1", "I", "一级", "2024-01-07", 1), ("D2", "I", "二级", "2024-01-07", 2), ("D1", "I", "特级", "2024-01-14", 1), ("D2", "D", "二级", "2024-01-14", 0)]  # fmt: skip
    assert home.rows(sql) == expected
    home.land("ZJT_SNAPSHOT_20240121_F_01.db", three, "2024-01-21T09:00:00+08:00")
    home.refresh("housing_qualification")
    assert home.rows(sql)[4:] == [("D1", "I", "特级", "2024-01-21", 1), ("D2", "I", "二级", "2024-01-21", 2)]
    home.land("ZJT_SNAPSHOT_20240128_F_01.db", two, "2024-01-28T09:00:00+08:00")
    home.refresh("housing_qualification")
    assert home.rows(sql)[6:] == [("D1", "I", "特级", "2024-01-28", 1), ("D2", "D", "二级", "2024-01-28", 0)]


def test_pulled_records_are_received_when_they_were_changed(home: Home) -> None:
    row = {"cf_xdr_mc": "甲", "cf_xdr_shxym": "9", "cf_wsh": "1", "cf_wfxw": "x", "cf_nr_fk": "5", "cf_jdrq": "2024/01/02", "cf_gsjzq": "", "cf_xyxf": "0"}  # fmt: skip
    raw = "".join(json.dumps({**row, "updated_at": f"2024-0{m}-01 10:00:00"}) + "\n" for m in (2, 3)).encode()
    home.land("FGW_XZCF_20241231_I_235959.jsonl", raw, "2024-12-31T23:59:59")
    home.refresh("reform_penalty")
    assert home.rows("SELECT _received_at FROM raw.reform_penalty ORDER BY 1") == [
        (datetime(2024, 2, 1, 10),),
        (datetime(2024, 3, 1, 10),),
    ]
    assert home.rows("SELECT first_received_at FROM raw.subject") == [(datetime(2024, 2, 1, 10),)]


def test_the_ledger_says_how_late(home: Home) -> None:
    home.land("nonsense", b"x")
    raw = vat("1")
    home.land(VAT, raw, "2024-03-20T09:00:00+08:00", control(raw, 1, "1"))
    home.refresh("tax_vat")
    ledger = deliveries(home.warehouse)
    assert ledger.select("name", "status", "late_days").rows() == [("nonsense", "refused", None), (VAT, "loaded", 24)]


def test_periods() -> None:
    assert [period_end(p) for p in ("20240229", "202402", "2024Q1", "2024", "202413")] == [
        date(2024, 2, 29), date(2024, 2, 29), date(2024, 3, 31), date(2024, 12, 31), None,
    ]  # fmt: skip
    assert late_days("tax", "vat", "202401", date(2024, 2, 20)) == 0
    assert late_days("agri", "leading", "2024", date(2024, 9, 1)) is None


def test_no_personal_value_leaves_the_evidence(home: Home) -> None:
    home.land(DAY, csv(BASE, {**BASE, "PRIPID": "p2", "TEL": "13911112222", "ESTDATE": "x"}))
    home.refresh()
    for table in ("raw.market_baseinfo", "raw.subject", "quality.reject", "raw.delivery_load"):
        text = home.warehouse.frame(f"SELECT * FROM {table}").write_json()
        assert "13800138000" not in text
        assert "13911112222" not in text


def test_the_assets_run_in_dagster_and_report_checks(home: Home) -> None:
    home.land(DAY, csv(BASE))
    home.land("SCJG_E_BASEINFO_20240103_I_01.csv", b"")
    with home.warehouse.write() as w:
        # a home of before rejects said whom they name
        w.append("quality.reject", pl.DataFrame(schema=REJECT_COLUMNS).drop("subject"))
    chosen = [a for a in RAW_ASSETS if a.key.path[-1] in ("arrival", "market_baseinfo", "market_alter")]
    result = dg.materialize(chosen, resources={"warehouse": home.warehouse, "scope": home.scope})
    assert result.success
    checks = {(e.asset_key.path[-1], e.check_name): e.passed for e in result.get_asset_check_evaluations()}
    assert checks["market_baseinfo", "op_known"]
    assert checks["market_baseinfo", "rows_conserved"]
    assert not checks["market_baseinfo", "deliveries_readable"]
    assert checks["market_alter", "alter_date_plausible"]
    made = result.asset_materializations_for_node("raw__market_baseinfo")[0].metadata
    assert made["dagster/row_count"].value == 1
    assert home.warehouse.exists("raw.market_alter")
    assert home.rows("SELECT rule, subject FROM quality.reject") == [("file", None)]


def test_a_blocked_table_fails_without_a_materialization(home: Home) -> None:
    home.land(DAY, csv(*[{**BASE, "PRIPID": f"p{i}", "S_EXT_OP": "X"} for i in range(3)]))
    chosen = [a for a in RAW_ASSETS if a.key.path[-1] in ("arrival", "market_baseinfo")]
    result = dg.materialize(chosen, resources={"warehouse": home.warehouse, "scope": home.scope}, raise_on_error=False)
    assert not result.success
    assert not result.asset_materializations_for_node("raw__market_baseinfo")
    failed = [e for e in result.get_asset_check_evaluations() if not e.passed and e.check_name == "op_known"]
    assert failed[0].severity == dg.AssetCheckSeverity.ERROR
    assert not home.warehouse.exists("raw.market_baseinfo")


def test_a_delivery_that_breaks_typing_is_refused_and_its_neighbours_load(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a library does over one file: here it panics as Polars does, past `except Exception`."""
    typed = prepare.conform

    def breaks(text: pl.DataFrame, *rest: Any) -> Any:
        if "炸" in text["name"].to_list():
            raise pl.exceptions.PanicException("assertion failed")
        return typed(text, *rest)

    monkeypatch.setattr(prepare, "conform", breaks)
    for day, name in ((2, "海南甲有限公司"), (3, "炸"), (4, "海南乙有限公司")):
        home.land(f"SCJG_E_BASEINFO_2024010{day}_I_01.csv", csv({**BASE, "ENTNAME": name}))
    home.refresh()
    said = home.rows("SELECT period, status, reason, rows_in FROM raw.delivery_load ORDER BY period")
    assert [s[:2] for s in said] == [("20240102", "loaded"), ("20240103", "refused"), ("20240104", "loaded")]
    assert "类型转换时程序出错" in said[1][2]
    assert sorted(r[0] for r in home.rows("SELECT name FROM raw.market_baseinfo")) == [
        "海南乙有限公司",
        "海南甲有限公司",
    ]


def test_a_file_of_which_every_row_is_rejected_stands_between_two_that_load(home: Home) -> None:
    """An empty chunk in the middle of a column made Polars' concat_str panic."""
    for day, status in ((2, "存续"), (3, "没有这种状态"), (4, "存续")):
        rows = [
            {**BASE, "PRIPID": f"{day}-{i}", "REGSTATE": status, "S_EXT_OP": "I" if day != 3 else ""} for i in range(5)
        ]
        home.land(f"SCJG_E_BASEINFO_2024010{day}_I_01.csv", csv(*rows))
    home.refresh()
    assert [r[1] for r in home.rows(LOADS)] == ["loaded", "refused", "loaded"]


def test_a_rejected_row_says_whom_it_names(home: Home) -> None:
    row = {**BASE, "UNISCID": "91460100MA4Q8NMD0P", "DOM": "和平大道30号"}
    rows = [{**BASE, "PRIPID": f"p{i}"} for i in range(20)]
    bad = [
        {**row, "PRIPID": "q1", "ESTDATE": "2026-02-30"},
        {**row, "PRIPID": "q2", "REGCAP": "-1"},
        {**row, "PRIPID": "q3", "OPTO": '长"期'},
    ]
    torn = csv({**row, "PRIPID": "q4", "DOM": "30号,x,145室"}).replace(b'"', b"").split(b"\r\n", 1)[1]
    home.land(DAY, csv(*rows, *bad) + torn)
    home.refresh()
    told = dict(home.rows("SELECT row_no, subject FROM quality.reject ORDER BY row_no"))
    assert [sorted(told[n].split(";")) for n in (22, 23, 24, 25)] == [
        sorted(["uscc=91460100MA4Q8NMD0P", *(f"pripid={p}" for p in own)])
        for own in (["q1"], ["q2"], ["q3"], ["q4", "91460100MA4Q8NMD0P"])
    ]  # fmt: skip
