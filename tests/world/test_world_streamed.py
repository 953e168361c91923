"""Workbooks written by the column hold what XlsxWriter would have written by the cell, in readers that are neither's."""

from __future__ import annotations

import zipfile
from pathlib import Path

import fastexcel
import lxml.etree
import polars as pl
import pytest
import python_calamine

from data.world import books, streamed
from data.world.books import Sheet


def _sheets() -> list[Sheet]:
    rows = pl.DataFrame(
        {
            "序号": ["1", "2", "3", "4"],
            "市县": ["海口", "海口", "三亚", "海口"],
            "单位名称": ["甲 & 乙<丙>", " 前后空白 ", "", "䶮与𬭊\n换行"],
            "人数": ["12", "3.50", "—", "-7"],
            "_eid": [0, 1, 2, 3],
            "_defects": ["", "", "x", ""],
        }
    )
    header = [["序号", "市县", "单位", "单位"], ["序号", "市县", "单位名称", "人数"]]
    shown = Sheet(
        "名单 & 表", rows, header, title="标题", unit="单位：人", total={0: "合计", 3: "8.5"}, notes=("注一", "注二"),
        numbers=frozenset({"序号", "人数"}), merge_down="市县",
    )  # fmt: skip
    bare = Sheet("续", rows.drop("市县"), [["序号", "单位名称", "人数"]], above=False)
    hidden = Sheet("参数", pl.DataFrame({"值": ["a"], "_eid": [-1], "_defects": [""]}), [["值"]], hidden=True)
    empty = Sheet("空", rows.clear().drop("市县"), [["序号", "单位名称", "人数"]])
    return [shown, bare, hidden, empty]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("streamed")
    by_cell, by_column = books.xlsx(folder / "a.xlsx", _sheets()), streamed.xlsx(folder / "b.xlsx", _sheets())
    assert by_cell.rows == by_column.rows == 8
    assert [(p.sheet, p.row_no.tolist()) for p in by_cell.sent] == [
        (p.sheet, p.row_no.tolist()) for p in by_column.sent
    ]
    return folder / "a.xlsx", folder / "b.xlsx"


def test_calamine_reads_the_same_values_merges_and_hidden_sheets(both: tuple[Path, Path]) -> None:
    one, two = (python_calamine.CalamineWorkbook.from_path(str(path)) for path in both)
    assert one.sheet_names == two.sheet_names
    for number in range(4):
        a, b = one.get_sheet_by_index(number), two.get_sheet_by_index(number)
        assert a.to_python() == b.to_python()
        assert sorted(a.merged_cell_ranges or []) == sorted(b.merged_cell_ranges or [])
    shown = [[fastexcel.read_excel(path).load_sheet(n).visible for n in range(4)] for path in both]
    assert shown[0] == shown[1] == ["visible", "visible", "hidden", "visible"]


def test_every_part_is_well_formed_and_numbers_are_numbers(both: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(both[1]) as archive:
        parts = {name: lxml.etree.fromstring(archive.read(name)) for name in archive.namelist()}
    spaces = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    cells = parts["xl/worksheets/sheet1.xml"].findall(".//m:c", spaces)
    kinds = {c.get("r"): c.get("t") for c in cells}
    assert [kinds[f"D{row}"] for row in (5, 6, 7, 8, 9)] == [None, None, "inlineStr", None, None]
    assert "C7" not in kinds, "an empty cell is left out"


def test_the_same_workbook_has_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        streamed.xlsx(tmp_path / f"{name}.xlsx", _sheets())
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_column_letters() -> None:
    assert [streamed.column_letters(k) for k in (0, 25, 26, 51, 52, 701, 702)] == [
        "A",
        "Z",
        "AA",
        "AZ",
        "BA",
        "ZZ",
        "AAA",
    ]
