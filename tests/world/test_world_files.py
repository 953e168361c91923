"""The files open in readers that are not ours, hold what the truth says, and carry the defects they should."""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
from datetime import date
from pathlib import Path

import dbfread
import fastexcel
import lxml.etree
import numpy as np
import polars as pl
import pytest
import python_calamine

from data.world import report
from data.world.parcel import PREFIXES
from data.world.population import population
from data.world.views import inspection


def newest(home: Path, pattern: str) -> Path:
    found = sorted((home / "landing").rglob(pattern))
    assert found, pattern
    return found[-1]


def cells(path: Path, sheet: int = 0) -> list[list[str | None]]:
    frame = fastexcel.read_excel(path).load_sheet(sheet, header_row=None, dtypes="string").to_polars()
    return [list(row) for row in frame.iter_rows()]


def test_every_department_delivers_and_every_table_of_the_seams(home: Path) -> None:
    tables = {
        "market": "E_BASEINFO E_ALTER E_INV E_BRANCH AN_BASE AB_LIST",
        "tax": "SW_DJ_NSRXX SB_ZZS SB_QYSDS SW_RK SW_XYDJ SW_QS",
        "labor": "AB01 CBRS WGBZ LDJC RCRD GRCB",
        "industry": "ZJTX GYQY_M JGXM RJQY",
        "science": "GQ KXQY YFTR JSHT",
        "finance": "ZFMX DXTZ",
        "commerce": "WMBA XSSM WZBG LDMS",
        "ip": "PATENT PATENT_LS TM ZYRZ",
        "housing": "SNAPSHOT",
        "agri": "LTQY HZS JTJJ RZ",
        "customs": "HG_QY HG_JCK HG_LSH",
        "apply": "CASE PAYEE DECLARATION FEEDBACK",
        "sms": "RECEIPT",
        "hotline": "CALL",
    }
    for department, names in tables.items():
        for name in names.split():
            newest(home, f"{PREFIXES[department]}_{name}_*")
    assert {p.stem for p in (home / "api").glob("*.jsonl")} == {"XZXK", "XZCF", "SXBZXR", "TZXM"}


def test_receipts_tell_the_truth(home: Path) -> None:
    numbers = []
    for path in (home / "landing").rglob("*.receipt.json"):
        receipt = json.loads(path.read_text(encoding="utf-8"))
        raw = (path.parent / receipt["file"]).read_bytes()
        assert receipt["sha256"] == hashlib.sha256(raw).hexdigest()
        assert receipt["bytes"] == len(raw)
        assert receipt["received_at"].endswith("+08:00")
        numbers.append(receipt["sequence"])
    assert len(numbers) == len(set(numbers)) > 1000


def test_head_count_workbook_has_its_layout(home: Path) -> None:
    rows = cells(newest(home, "RSJ_CBRS_*_460100.xlsx"))
    assert "社会保险参保缴费情况表" in str(rows[0][0])
    assert "单位：人、元" in rows[1]
    assert rows[2][3] == "养老保险" and rows[2][4] is None
    assert rows[3][3:6] == ["参保人数", "应缴金额", "实缴金额"]
    assert any(r[0] == "合计" for r in rows)
    book = fastexcel.read_excel(newest(home, "RSJ_CBRS_*_460100.xlsx"))
    assert book.load_sheet("参数").visible == "hidden"


def test_total_row_equals_its_column(home: Path) -> None:
    rows = cells(newest(home, "RSJ_CBRS_*_460100.xlsx"))
    end = next(k for k, r in enumerate(rows) if r[0] == "合计")
    assert sum(int(float(str(r[3]))) for r in rows[4:end]) == int(float(str(rows[end][3])))


def test_unit_register_is_dbase_in_cp936(home: Path) -> None:
    table = dbfread.DBF(str(newest(home, "RSJ_AB01_*.dbf")), encoding="cp936", char_decode_errors="replace")
    rows = list(table)
    assert table.field_names == ["AAB001", "AAB998", "AAB003", "AAB004", "AAB013", "AAB019", "AAB301", "AAE005"]
    assert len(rows) > 500
    assert sum("公司" in r["AAB004"] for r in rows) > 300


def test_tax_text_has_no_header_and_agrees_with_its_control_file(home: Path) -> None:
    path = newest(home, "SWJ_SB_ZZS_*.txt.gz")
    text = gzip.decompress(path.read_bytes()).decode("gb18030")
    rows = [line.split("\x01") for line in text.splitlines()]
    assert {len(r) for r in rows} == {14}
    control = dict(line.split("=", 1) for line in Path(f"{path}.ctl").read_text().splitlines())
    assert int(control["rows"]) == len(rows)
    assert sum(round(float(r[10]) * 100) for r in rows) == round(float(control["amount"]) * 100)
    assert control["md5"] == hashlib.md5(path.read_bytes()).hexdigest()


def test_dump_is_a_copy_script(home: Path) -> None:
    text = gzip.decompress(newest(home, "SCJG_E_BASEINFO_2024Q4_F_01.sql.gz").read_bytes()).decode("utf-8")
    head, body = text.split(" FROM stdin;\n")
    assert "CREATE TABLE scjg.e_baseinfo" in head
    rows = body.split("\n\\.\n")[0].split("\n")
    assert len(rows) > 1500
    assert {len(r.split("\t")) for r in rows} == {23}


def test_daily_increments_break_lines_inside_cells(home: Path) -> None:
    texts = [p.read_bytes().decode("gb18030") for p in (home / "landing").rglob("SCJG_E_BASEINFO_*_I_01.csv")]
    assert any("；\r\n" in t for t in texts)
    # Lines that lost their quotes have a field too many.
    lines = max(texts, key=len).split("\r\n")
    whole = "\r\n".join(line for line in lines if line.startswith('"') or line.count(",") != 23)
    frame = pl.read_csv(whole.encode(), infer_schema=False)
    assert frame.columns[:4] == ["PRIPID", "UNISCID", "REGNO", "ENTNAME"]
    assert set(frame["S_EXT_OP"]) <= {"I", "U", "D"}


def test_customs_is_utf16_with_a_mark(home: Path) -> None:
    raw = newest(home, "HG_HG_JCK_*.txt").read_bytes()
    assert raw[:2] == b"\xff\xfe"
    header, *rows = raw.decode("utf-16").splitlines()
    assert header.split("\t")[:4] == ["海关编码", "月", "进出口标志", "监管方式"]
    assert len(rows) > 50


def test_xml_parses_and_some_lie_about_their_encoding(home: Path) -> None:
    lies = 0
    for path in (home / "landing").rglob("ZSCQ_*.xml"):
        raw = path.read_bytes()
        if b'encoding="gb2312"' in raw[:60]:
            lies += 1
            lxml.etree.fromstring(raw, lxml.etree.XMLParser(encoding="gb18030"))
        else:
            lxml.etree.fromstring(raw)
    assert lies > 3


def test_snapshot_opens_in_sqlite(home: Path) -> None:
    base = sqlite3.connect(newest(home, "ZJT_SNAPSHOT_*.db"))
    tables = {r[0] for r in base.execute("SELECT name FROM sqlite_master")}
    assert tables == {"t_zz", "t_sgxk", "t_fdc", "t_blxw", "t_azxkz"}
    assert base.execute("SELECT count(*) FROM t_zz WHERE zt = '进琼备案'").fetchone()[0] > 0
    assert base.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_old_workbooks_open(home: Path) -> None:
    path = newest(home, "NYT_LTQY_*.xls")
    assert path.read_bytes()[:8] == bytes.fromhex("d0cf11e0a1b11ae1")
    rows = cells(path)
    assert rows[1][:4] == ["序号", "市县", "企业名称", "级别"]


def test_commerce_has_a_header_on_the_first_sheet_only(home: Path) -> None:
    path = newest(home, "SWT_XSSM_*.xlsx")
    assert cells(path, 0)[2][0] == "单位代码"
    assert cells(path, 1)[0][0] != "单位代码"


def test_payments_are_grouped_with_subtotals(home: Path) -> None:
    files = sorted((home / "landing").rglob("CZT_ZFMX_*.csv"))
    texts = [p.read_bytes().decode("gb18030") for p in files]
    assert all("小计" in t and "合计" in t for t in texts)
    assert any('"-' in t for t in texts), "returned money is negative"


def test_science_has_a_byte_order_mark(home: Path) -> None:
    assert newest(home, "KJT_GQ_*.csv").read_bytes()[:3] == b"\xef\xbb\xbf"


def test_record_rows_point_at_the_right_cells(home: Path) -> None:
    record = pl.read_parquet(home / "truth" / "truth_record.parquet")
    entity = pl.read_parquet(home / "truth" / "truth_entity.parquet")
    path = newest(home, "RSJ_CBRS_*_460100.xlsx")
    rows = cells(path)
    mine = record.filter((pl.col("file") == path.relative_to(home).as_posix()) & (pl.col("sheet") == "参保人数"))
    clean = mine.filter(pl.col("defects") == "").join(entity.select("eid", "uscc"), on="eid")
    assert len(clean) > 100
    assert all(rows[r["row_no"] - 1][1] == r["uscc"] for r in clean.to_dicts())


def test_defects_are_counted(home: Path) -> None:
    census = report.census(home)["rows"]
    expected = [
        "orgform",
        "region_word",
        "blank",
        "ideographic_space",
        "nbsp",
        "homophone",
        "shape",
        "traditional",
        "dropped_character",
        "swapped_characters",
        "brackets",
        "truncated",
        "abbreviation",
        "branch_suffix",
        "former_name",
        "key_typo",
        "key_letter_o",
        "key_full_width",
        "key_lower_case",
        "key_tab",
        "key_apostrophe",
        "key_numeric",
        "key_blank",
        "tax_id_15",
        "tax_id_20",
        "org_code_only",
        "regno_only",
        "wrong_firms_key",
        "parent_code_on_branch",
        "registration_number_as_key",
        "key_masked",
        "line_break_in_cell",
        "half_width_brackets",
        "industry_code_with_letter",
        "status_in_words",
        "several_updates_a_day",
        "established_after_approved",
        "late",
        "corrected_filing",
        "voided",
        "refund",
        "late_sheet",
        "insured_but_unpaid",
        "zero_for_unknown",
        "dash_for_unknown",
        "ditto",
        "joint_applicants",
        "patent_number_typo",
        "declared_gb2312",
        "returned",
        "paid_again",
        "paid_to_parent",
        "total_line",
        "cumulative",
        "negative_correction",
        "cancelled_retroactively",
        "withdrawn_in_remarks",
        "out_of_province",
        "published_by_two_levels",
        "repaired",
        "withdrawn",
        "wild_report",
        "corrected_later",
        "unquoted_comma",
        "two_tax_offices",
        "red_letter",
        "wrong_year",
        "english_name",
        "agent_named",
        "in_preparation",
    ]
    missing = [kind for kind in expected if not census.get(kind)]
    assert missing == []


def test_anomalies_of_delivery_are_planted(home: Path) -> None:
    deliveries = pl.read_parquet(home / "truth" / "truth_delivery.parquet")
    kinds = set(deliveries["anomalies"].str.split(";").explode().to_list())
    assert {
        "truncated",
        "wrong_control",
        "missing_control",
        "missing_receipt",
        "resent",
        "late",
        "silent",
        "column_renamed",
        "column_added",
        "resent_changed",
        "wrong_period",
        "swapped_content",
    } <= kinds
    broken = deliveries.filter(
        pl.col("anomalies").str.contains("truncated") & ~pl.col("anomalies").str.contains("resent")
    )
    with pytest.raises(EOFError):
        gzip.decompress((home / broken["file"][0]).read_bytes())
    received = deliveries["received_at"].drop_nulls()
    assert received.max().date() <= date(2025, 1, 25)  # type: ignore[union-attr]


def test_a_month_is_sent_again_with_other_figures(home: Path) -> None:
    sent = pl.read_parquet(home / "truth" / "truth_delivery.parquet").drop_nulls("file")
    record = pl.read_parquet(home / "truth" / "truth_record.parquet", columns=["file", "defects"])
    cells = pl.read_parquet(home / "truth" / "truth_cell.parquet").filter(
        pl.col("defect").str.contains("corrected_later")
    )
    first = sent.filter(pl.col("anomalies").str.contains("resent_changed"))
    assert {"labor", "industry", "commerce", "customs"} <= set(first["department"])
    for row in first.iter_rows(named=True):
        name = row["file"].rsplit("/", 1)[1]
        again = sent.filter(
            pl.col("file").str.ends_with(name) & pl.col("anomalies").str.contains("resent_after_correction")
        )
        assert again.height == 1
        assert again["rows"][0] == row["rows"]
        assert again["received_at"][0] > row["received_at"]
        wrong = cells.filter(pl.col("file") == row["file"])
        assert 1 <= wrong.height <= 1 + 0.15 * row["rows"]
        assert (wrong["clean"] != wrong["sent"]).all()
        right = record.filter((pl.col("file") == again["file"][0]) & pl.col("defects").str.contains("corrected_later"))
        assert right.is_empty()


def test_the_first_delivery_reaches_back_five_years(home: Path) -> None:
    names = {p.name for p in (home / "landing").rglob("*")}
    for stem, ending in (
        ("RSJ_LDJC", "xlsx"),
        ("SWJ_SB_QYSDS", "txt.gz"),
        ("KJT_KXQY", "csv"),
    ):
        years = range(2018, 2022 if stem == "SWJ_SB_QYSDS" else 2023)
        assert {f"{stem}_{year}_F_01.{ending}" for year in years} <= names, stem
    assert {f"SWT_WZBG_{year}Q{quarter}_F_01.xlsx" for year in range(2018, 2023) for quarter in range(1, 5)} <= names
    decided = [str(r[3]) for year in range(2018, 2023) for r in cells(newest(home, f"RSJ_LDJC_{year}_F_01.xlsx"))[3:]]
    assert len(decided) > 20
    quarters = {f"RSJ_LDJC_{year}Q{quarter}_I_01.xlsx" for year in (2023, 2024) for quarter in range(1, 5)}
    assert quarters <= names


def test_a_case_of_wage_arrears_is_delivered_once(home: Path) -> None:
    record = pl.read_parquet(home / "truth" / "truth_record.parquet").filter(pl.col("table") == "LDJC")
    people = population(7, 0, 2_000)
    for year in range(2018, 2025):
        own = record.filter(pl.col("file").str.contains(f"RSJ_LDJC_{year}"))["eid"].to_list()
        assert sorted(own) == np.flatnonzero(inspection.inspected_day(people, year) >= 0).tolist(), year


def test_a_line_without_quotes_has_one_field_too_many(home: Path) -> None:
    cells = pl.read_parquet(home / "truth" / "truth_cell.parquet").filter(pl.col("defect") == "unquoted_comma")
    told = cells.unique("file")
    assert len(told) > 3
    for row in told.iter_rows(named=True):
        text = (home / row["file"]).read_bytes().decode("gb18030")
        bare = [line for line in text.split("\r\n") if line and not line.startswith('"') and row["sent"] in line]
        assert bare, row
        assert {line.count(",") for line in bare} == {23}
        assert row["sent"].replace(",", "") == row["clean"]


def test_who_moved_is_sent_by_both_tax_offices(home: Path) -> None:
    cells = pl.read_parquet(home / "truth" / "truth_cell.parquet").filter(pl.col("defect") == "two_tax_offices")
    record = pl.read_parquet(home / "truth" / "truth_record.parquet", columns=["file", "row_no", "eid"])
    twice = (
        cells.select("file", "eid", first="row_no")
        .join(record, on=["file", "eid"])
        .filter(pl.col("row_no") != pl.col("first"))
    )
    assert len(twice) == len(cells) > 10
    assert (twice["row_no"] > twice["first"]).all(), "the office of today speaks last"


def test_red_letters_are_void_and_negative(home: Path) -> None:
    record = pl.read_parquet(home / "truth" / "truth_record.parquet").filter(
        pl.col("defects").str.contains("red_letter")
    )
    assert len(record) > 10
    path = home / record["file"][0]
    rows = [line.split("\x01") for line in gzip.decompress(path.read_bytes()).decode("gb18030").splitlines()]
    own = [rows[k - 1] for k in record.filter(pl.col("file") == record["file"][0])["row_no"]]
    assert {r[13] for r in own} == {"Y"}
    assert all(v == "0.00" or v.startswith("-") for r in own for v in r[5:12])


def test_the_province_lists_its_units_by_city_in_merged_cells(home: Path) -> None:
    path = newest(home, "RSJ_CBRS_*_460000.xlsx")
    rows = cells(path)
    assert rows[2][:2] == ["序号", "市县"]
    sheet = python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0)
    down = [(a, b) for a, b in sheet.merged_cell_ranges or [] if a[1] == b[1] == 1 and a[0] > 3]
    assert down
    for (top, _), (bottom, _) in down:
        assert rows[top][1]
        assert all(rows[k][1] is None for k in range(top + 1, bottom + 1))
