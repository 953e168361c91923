"""What the systems of departments write when nobody reads the contract: refused or rejected in Chinese, or read where nothing is in doubt."""

import gzip
import io
import zipfile
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from data import contract
from data.readers import Reading, RefusedFile, read
from quality.conform import conform

KEY = b"0123456789abcdef"
DAY = date(2024, 5, 1)
MARKET = contract.table("market", "baseinfo").at(DAY)
BRANCH = contract.table("market", "branch").at(DAY)
HEADS = [c.header for c in MARKET.columns.values()]
FIRM = {"UNISCID": "91460100MA5T00001X", "ENTNAME": "海南甲有限公司", "ESTDATE": "2020-01-02", "REGSTATE": "1", "S_EXT_OP": "I", "S_EXT_TIME": "2024-01-02 09:00:00"}  # fmt: skip


def row(number: int, **cells: str) -> list[str]:
    told = {"PRIPID": f"46{number:08d}", **FIRM, **cells}
    return [told.get(head, "") for head in HEADS]


ROWS = [row(i) for i in range(20)]


def csv(rows: list[list[str]] = ROWS, delimiter: str = ",", heads: list[str] = HEADS) -> str:
    return "".join(delimiter.join(cells) + "\r\n" for cells in [heads, *rows])


def given(folder: Path, raw: bytes, department: str, table: str, form: str) -> Reading | str:
    path = folder / "delivery"
    path.write_bytes(raw)
    wanted = contract.table(department, table).at(DAY)
    try:
        return read(path, next(f for f in wanted.forms.values() if f.format == form), wanted)
    except RefusedFile as error:
        return str(error)


def market(folder: Path, text: str) -> Reading | str:
    return given(folder, text.encode("gb18030"), "market", "baseinfo", "csv")


@pytest.mark.parametrize(
    ("text", "aside"),
    [
        ("sep=,\r\n" + csv(), {"title": 1}),
        ("SQL> select * from e_baseinfo;\r\n\r\n" + csv(), {"title": 1, "blank": 1}),
        (csv([["-" * 6] * len(HEADS), *ROWS]), {"header": 1}),
        (csv([["=" * 9, *["-" * 4] * 22], *ROWS]), {"header": 1}),
        (csv().replace("\r\n", ",\r\n"), {}),
    ],
)
def test_what_reports_add_is_set_aside(text: str, aside: Mapping[str, int], tmp_path: Path) -> None:
    found = market(tmp_path, text)
    assert isinstance(found, Reading)
    assert (found.frame.height, found.set_aside, found.unreadable) == (20, aside, [])


def test_a_drawn_line_is_no_branch_where_every_column_is_text(tmp_path: Path) -> None:
    heads = [c.header for c in BRANCH.columns.values()]
    text = csv([["----"] * 4, ["4600001", "海南甲分公司", "", ""], ["--", "海南乙分公司", "", ""]], heads=heads)
    found = given(tmp_path, text.encode("gb18030"), "market", "branch", "csv")
    assert isinstance(found, Reading)
    assert (found.frame["branch_name"].to_list(), found.set_aside) == (["海南甲分公司", "海南乙分公司"], {"header": 1})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sep=;\r\n" + csv(delimiter=";"), "分隔符不对"),
        (csv(delimiter="，"), "没有找到表头"),
        ("INSERT INTO `e_baseinfo` VALUES ('1','a');\r\n", "没有找到表头"),
    ],
)
def test_what_cannot_be_cut_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    assert reason in str(market(tmp_path, text))


def test_a_state_no_list_knows_leaves_the_row_and_no_state(tmp_path: Path) -> None:
    found = market(tmp_path, csv([*ROWS, row(50, REGSTATE="8"), row(51, REGSTATE="")]))
    assert isinstance(found, Reading)
    text = found.frame.with_columns(
        _file_id=pl.lit("f"), _period=pl.lit("p"), _received_at=pl.lit(datetime(2024, 5, 1))
    )
    typed = conform(text, MARKET, KEY)
    last = typed.rows.row(-1, named=True)
    assert (typed.rows.height, last["pripid"], last["status"], last["status_source"]) == (21, "4600000050", None, "8")
    assert typed.rejects.select("_row_no", "column_name", "rule").rows() == [(23, "status", "required")]


COPY = f"COPY scjg.e_baseinfo ({', '.join(HEADS).lower()}) FROM stdin;\n" + "".join(
    "\t".join(c or "\\N" for c in r) + "\n" for r in ROWS
)  # fmt: skip


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (f"/*\n{COPY}\\.\n*/\n", "没有表 E_BASEINFO"),
        (f"COMMENT ON TABLE x IS 'it;\n{COPY}\\.\n", "第 1 行起的引号没有闭合"),
        ("-- MySQL dump 10.13\nLOCK TABLES `e_baseinfo` WRITE;\nINSERT INTO `e_baseinfo` VALUES (1);\n", "没有表 E_BASEINFO"),
        (COPY.replace("stdin;", "stdin WITH NULL AS '';") + "\\.\n", "带选项"),
        (COPY, "没有结束标记"),
        (f"/*\n{COPY}\\.\n*/\n\\restrict a\n{COPY}\\.\n\\unrestrict a\n", 27),
        (f"COPY scjg.e_baseinfo TO '/tmp/x';\n{COPY}\\.", 2),
        (COPY.replace(", uniscid", ",\n  uniscid") + "\\.\n", 2),
    ],
)  # fmt: skip
def test_scripts(script: str, told: str | int, tmp_path: Path) -> None:
    found = given(tmp_path, gzip.compress(script.encode(), mtime=0), "market", "baseinfo", "dump")
    if isinstance(told, str):
        assert told in str(found)
        return
    assert isinstance(found, Reading)
    assert (found.frame.height, found.unreadable) == (20, [])
    if told == 27:
        assert found.frame["_row_no"][0] == told


def zipped(**members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (zipped(**{"xl__workbook.bin": "\x83", "xl__worksheets__sheet1.bin": "\x81"}), "xlsb"),
        (zipped(**{"mimetype": "x", "content.xml": "<a/>"}), "OpenDocument"),
        (zipped(**{"word__document.xml": "<a/>"}), "Word"),
        (zipped(**{"表.xlsx": "x"}), "压缩包，工作簿还在里面"),
        ("甲,乙\r\n".encode("gb18030"), "文本文件"),
        ("甲\t乙\r\n".encode("utf-16"), "文本文件"),
        (b"<table border=1><tr><td>1</td></tr></table>", "网页"),
        (b"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n", "MHTML"),
        (b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>', "XML 表格"),
    ],
)
def test_renamed_workbooks_are_named(raw: bytes, reason: str, tmp_path: Path) -> None:
    assert reason in str(given(tmp_path, raw, "labor", "headcount", "xlsx"))
    if raw[:2] != b"PK":
        assert reason in str(given(tmp_path, raw, "agri", "certification", "xls"))


@pytest.mark.parametrize("version", [0x30, 0x31, 0x32])
def test_visual_foxpro_is_named(version: int, tmp_path: Path) -> None:
    raw = bytes([version, 124, 5, 1]) + bytes(28) + b"AAB001" + bytes(300)
    assert "Visual FoxPro" in str(given(tmp_path, raw, "labor", "unit", "dbf"))
