"""Workbooks by independent writers: merged and stacked headers, hidden sheets, numbers that were codes, and hostile files."""

import io
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
import xlsxwriter
import xlwt
from hypothesis import given, settings
from hypothesis import strategies as st

from data import contract
from data.contract import Table, parse_feed
from data.readers import RefusedFile, read, sheet_grid


def table(form: str = "xlsx") -> Table:
    text = f"""
department: probe
name: 探测厅
prefix: TC
contact: 信息科
forms: {{book: {{pattern: 'x', format: {form}}}}}
tables:
  firm:
    native: T
    label: 参保
    primary: [uscc]
    valid_at: null
    cadence: month
    columns:
      region_name: {{label: 市县, header: 市县, optional: true, fill_down: true}}
      uscc: {{label: 信用代码, header: 统一社会信用代码, type: code, key: uscc}}
      name: {{label: 单位名称, header: 单位名称, required: true}}
      pension_count: {{label: 养老人数, header: 养老保险·参保人数, type: integer, unit: 人}}
      pension_yuan: {{label: 养老金额, header: 养老保险·实缴金额, type: money, unit: 元}}
      paid_date: {{label: 日期, header: 日期, type: date, serial: true}}
"""
    return parse_feed(text, "probe.yml").tables["firm"]


def write(path: Path, unit: str = "单位：人、元") -> None:
    book = xlsxwriter.Workbook(str(path))
    page = book.add_worksheet("海口")
    page.merge_range(0, 0, 0, 5, "海口市社会保险参保缴费情况表")
    page.write(1, 5, unit)
    for column, head in enumerate(["市县", "统一社会\n信用代码", "单位名称"]):
        page.merge_range(2, column, 3, column, head)
    page.merge_range(2, 3, 2, 4, "养老保险")
    page.write(3, 3, "参保人数")
    page.write(3, 4, "实缴金额（元）")
    page.merge_range(2, 5, 3, 5, "日期")
    page.merge_range(4, 0, 5, 0, "海口")
    page.write_row(4, 1, ["91460100MA5T000001", "甲公司", 12, 1234.56])
    page.write_datetime(4, 5, datetime(2024, 3, 1), book.add_format({"num_format": "yyyy-mm-dd"}))
    page.write_row(5, 1, [914601001234567890, "乙公司", 3, 0.1 + 0.2, 45352])
    page.write_row(6, 0, ["同上", "91460100MA5T000003", "丙公司", 1, 5, "2024年3月3日"])
    page.write_row(7, 0, ["合计", "", "", 16, 1240.01])
    page.write(8, 0, "注：含补缴。")
    hidden = book.add_worksheet("参数")
    hidden.hide()
    hidden.write_row(0, 0, ["市县", "统一社会信用代码"])
    book.close()


def refusal(path: Path, form: str = "xlsx") -> str:
    probe = table(form)
    with pytest.raises(RefusedFile) as caught:
        read(path, probe.forms["book"], probe)
    return str(caught.value)


def test_merged_two_row_header_title_unit_total_note_and_hidden_sheet(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write(path)
    probe = table()
    found = read(path, probe.forms["book"], probe)
    assert found.frame["name"].to_list() == ["甲公司", "乙公司", "丙公司"]
    assert found.frame["_row_no"].to_list() == [5, 6, 7]
    assert found.frame["region_name"].to_list() == ["海口", "海口", "海口"]
    assert found.frame["pension_yuan"].to_list() == ["1234.56", "0.3", "5"]
    assert found.frame["paid_date"].to_list() == ["2024-03-01", "45352", "2024年3月3日"]
    assert found.set_aside == {"title": 1, "unit": 1, "total": 1, "footnote": 1}
    assert any("隐藏" in note for note in found.notes)


def test_a_code_held_as_a_number_is_marked(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write(path)
    probe = table()
    assert read(path, probe.forms["book"], probe).frame["_numeric"].to_list() == [None, "uscc", None]


def test_a_unit_row_that_contradicts_the_contract(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write(path, unit="单位：万元")
    assert "量纲不明" in refusal(path)


def test_old_xls_with_merged_header(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    page = book.add_sheet("名单")
    page.write_merge(0, 0, 0, 5, "名单")
    for column, head in enumerate(["市县", "统一社会信用代码", "单位名称"]):
        page.write_merge(1, 2, column, column, head)
    page.write_merge(1, 1, 3, 4, "养老保险")
    page.write(2, 3, "参保人数")
    page.write(2, 4, "实缴金额")
    page.write_merge(1, 2, 5, 5, "日期")
    for column, value in enumerate(["三亚", "91460200MA5T000001", "丁公司", 7, 8.5, "2024.03.01"]):
        page.write(3, column, value)
    path = tmp_path / "a.xls"
    book.save(str(path))
    probe = table("xls")
    found = read(path, probe.forms["book"], probe).frame
    assert found.select("name", "pension_count", "pension_yuan").rows() == [("丁公司", "7", "8.5")]


def test_a_header_on_the_first_sheet_only(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(str(path))
    head = ["市县", "统一社会信用代码", "单位名称", "养老保险参保人数", "养老保险实缴金额", "日期"]
    first, second = book.add_worksheet("海口"), book.add_worksheet("三亚")
    first.write_row(0, 0, head)
    first.write_row(1, 0, ["海口", "91460100MA5T000001", "甲公司", 1, 2, "2024-03-01"])
    second.write_row(0, 0, ["三亚", "91460200MA5T000001", "戊公司", 3, 4, "2024-03-02"])
    book.close()
    probe = table()
    found = read(path, probe.forms["book"], probe).frame
    assert found.select("_sheet", "_row_no", "name").rows() == [("海口", 2, "甲公司"), ("三亚", 1, "戊公司")]


def test_missing_column_names_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(str(path))
    page = book.add_worksheet()
    page.write_row(0, 0, ["市县", "统一社会信用代码", "单位名字", "养老保险参保人数", "养老保险实缴金额", "日期"])
    page.write_row(1, 0, ["海口", "91460100MA5T000001", "甲公司", 1, 2, "2024-03-01"])
    book.close()
    said = refusal(path)
    assert "缺少列「单位名称」" in said
    assert "单位名字" in said


def rezipped(path: Path, name: str, content: bytes) -> None:
    raw = io.BytesIO(path.read_bytes())
    with zipfile.ZipFile(raw) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            new.writestr(member, old.read(member))
        new.writestr(name, content)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("xl/vbaProject.bin", b"x", "带宏"),
        ("../../etc/x.xml", b"<a/>", "指向包外"),
        ("xl/bomb.xml", b"0" * 60_000_000, "像压缩炸弹"),
        ("xl/evil.xml", b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", "DOCTYPE"),
    ],
)
def test_hostile_workbooks(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / "a.xlsx"
    write(path)
    rezipped(path, name, content)
    assert said in refusal(path)


def test_encrypted_cut_and_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)
    assert "密码" in refusal(path)
    write(path)
    path.write_bytes(path.read_bytes()[:2000])
    assert "截断" in refusal(path)
    # a directory that asks for a later ZIP than there is
    write(path)
    whole = bytearray(path.read_bytes())
    whole[whole.index(b"PK\x01\x02") + 6] = 99
    path.write_bytes(whole)
    assert "ZIP 损坏" in refusal(path)
    path.write_bytes(b"")
    assert "0 字节" in refusal(path)


def test_a_workbook_that_counts_from_1904(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(str(path), {"date_1904": True})
    page = book.add_worksheet()
    page.write_row(0, 0, ["市县", "统一社会信用代码", "单位名称", "养老保险参保人数", "养老保险实缴金额", "日期"])
    page.write_row(1, 0, ["海口", "91460100MA5T000001", "甲公司", 1, 2])
    page.write_datetime(1, 5, datetime(2024, 3, 1), book.add_format({"num_format": "yyyy-mm-dd"}))
    page.write_row(2, 0, ["海口", "91460100MA5T000001", "乙公司", 1, 2, 45352 - 1462])
    book.close()
    probe = table()
    found = read(path, probe.forms["book"], probe).frame["paid_date"].to_list()
    assert (found[0][:10], found[1]) == ("2024-03-01", "45352")


def test_formula_cells_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(str(path))
    page = book.add_worksheet()
    page.write_row(0, 0, ["市县", "统一社会信用代码", "单位名称", "养老保险参保人数", "养老保险实缴金额", "日期"])
    page.write_row(1, 0, ["海口", "91460100MA5T000001", "甲公司", 1, 2, "2024-03-01"])
    page.write_formula(1, 4, "=1+1", None, 2)
    book.close()
    probe = table()
    assert any("公式 1 格" in note for note in read(path, probe.forms["book"], probe).notes)


@given(st.lists(st.one_of(st.floats(), st.integers(-(2**70), 2**70), st.text("甲a\n ", max_size=4), st.decimals(-(10**9), 10**9, places=3).map(float)), min_size=1, max_size=20))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_a_column_read_at_once_says_what_its_cells_say_one_by_one(cells: list[object]) -> None:
    assert sheet_grid.texts(cells, set(map(type, cells))).to_list() == [sheet_grid.as_text(c) for c in cells]


def test_a_total_with_a_serial_number_is_a_total_and_a_firm_with_the_word_in_its_name_is_not(tmp_path: Path) -> None:
    table = contract.table("labor", "inspection")
    names = ["海南甲公司", "合　计", "海南合计财税公司", "小计：", "总 计"]
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"))
    page = book.add_worksheet()
    page.write_row(0, 0, ["序号", "单位名称", "案由", "决定日期", "金额"])
    for i, name in enumerate(names, 1):
        page.write_row(i, 0, [i, name, "拖欠工资", "2023-05-06", 100])
    book.close()
    found = read(tmp_path / "a.xlsx", next(iter(table.forms.values())), table)
    assert found.frame["name"].to_list() == ["海南甲公司", "海南合计财税公司"]
    assert found.set_aside == {"total": 3}
    assert found.rows_in == 5
