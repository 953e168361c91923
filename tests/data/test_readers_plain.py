"""Workbooks read without a parser say what the reading library says of them, cell by cell, or are left to it."""

import contextlib
import datetime as dt
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
import python_calamine as calamine
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract import Form
from data.readers import RefusedFile, sheet_xml
from data.readers.sheet_grid import GridSheet
from data.readers.sheet_plain import PlainSheet
from data.readers.sheet_xml import inspected

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
FORM = Form(pattern="x", format="xlsx")
# Styles 1 to 4 show days, 5 an amount, 6 an hour; the others are plain.
FORMATS = (0, 14, 164, 165, 22, 166, 167, 4, 49)
CODES = {164: r"yyyy\-mm\-dd;@", 165: 'yyyy"年"m"月"d"日"', 166: '_ * #,##0.00_ ;_ * "-"??_ ;_ @_ ', 167: "[h]:mm"}
STYLES = f'<styleSheet xmlns="{MAIN}"><numFmts>' + "".join(f'<numFmt numFmtId="{n}" formatCode="{c.replace(chr(34), "&quot;")}"/>' for n, c in CODES.items()) + "</numFmts><cellXfs>" + "".join(f'<xf numFmtId="{n}"/>' for n in FORMATS) + "</cellXfs></styleSheet>"  # fmt: skip


def book(sheet: str | bytes, strings: str = "", parts: Mapping[str, str | bytes] | None = None, **links: str) -> io.BytesIO:  # fmt: skip
    """A workbook of one sheet `S` whose part is `sheet`."""
    targets = {"worksheet": "worksheets/sheet1.xml", "sharedStrings": "sharedStrings.xml", "styles": "styles.xml"} | links  # fmt: skip
    held = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="S" sheetId="1" r:id="worksheet"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">' + "".join(f'<Relationship Id="{k}" Type="{OFFICE}/{k}" Target="{v}"/>' for k, v in targets.items()) + "</Relationships>",
        "xl/worksheets/sheet1.xml": sheet,
        "xl/styles.xml": STYLES,
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}" count="1">{strings}</sst>',
    } | dict(parts or {})  # fmt: skip
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in held.items():
            archive.writestr(name, content)
    return out


def page(rows: str, tail: str = "", before: str = '<dimension ref="A1"/>') -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<worksheet xmlns="{MAIN}">{before}<sheetData>{rows}</sheetData>{tail}</worksheet>'


def plainly(path: Path) -> PlainSheet | None:
    """The first sheet read without a parser, if it can be. Raises AssertionError where the library reads something else."""
    known = inspected(path, FORM)
    library = calamine.CalamineWorkbook.from_path(str(path))
    found = known.sheet(library.sheet_names[0])
    if found is None:
        return None
    # The library reads every sheet read without it, and reads the same.
    sheet = library.get_sheet_by_index(0)
    grid = GridSheet(sheet.to_python(skip_empty_area=False), sheet.merged_cell_ranges or [], {}, known.shift)
    assert (found.height, found.width, list(found.merges)) == (grid.height, grid.width, list(grid.merges))
    assert found.head(5) == grid.head(5)
    assert found.filled().tolist() == grid.filled().tolist()
    for top in range(0, grid.height, 2):
        for place in range(grid.width):
            assert found.texts(place, top).to_list() == grid.texts(place, top).to_list()
            assert list(found.numbers(place, top)) == list(grid.numbers(place, top))
    return found


def read(tmp_path: Path, held: io.BytesIO) -> PlainSheet | None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(held.getvalue())
    return plainly(path)


def one(cell: str) -> str:
    return page(f'<row r="1"><c r="A1" t="inlineStr"><is><t>x</t></is></c>{cell}</row>')


PLAIN = {
    "number": ("<c r=\"B1\"><v>7680.00</v></c>", "7680"),
    "typed number": ('<c r="B1" s="5" t="n"><v>0.1000</v></c>', "0.1"),
    "fifteen digits": ("<c r=\"B1\"><v>0.30000000000000004</v></c>", "0.3"),
    "eighteen digits": ("<c r=\"B1\"><v>914601001234567890</v></c>", "914601001234567936"),
    "large": ("<c r=\"B1\"><v>1e21</v></c>", "1000000000000000000000"),
    "small": ("<c r=\"B1\"><v>1.5E-7</v></c>", "0.00000015"),
    "negative": ("<c r=\"B1\"><v>-12.50</v></c>", "-12.5"),
    "text of a number": ('<c r="B1" t="str"><v>00123</v></c>', "00123"),
    "boolean": ('<c r="B1" t="b"><v>1</v></c>', "TRUE"),
    "day": ('<c r="B1" s="1"><v>45352</v></c>', "2024-03-01"),
    "day by an own format": ('<c r="B1" s="2"><v>45352</v></c>', "2024-03-01"),
    "day in Chinese": ('<c r="B1" s="3"><v>45352</v></c>', "2024-03-01"),
    "day and hour, a whole day": ('<c r="B1" s="4"><v>45352</v></c>', "2024-03-01"),
    "entities": ('<c r="B1" t="inlineStr"><is><t>甲&amp;乙&lt;&gt;&quot;&apos;&amp;lt;</t></is></c>', "甲&乙<>\"'&lt;"),
    "kept blanks": ('<c r="B1" t="inlineStr"><is><t xml:space="preserve"> 甲\u3000</t></is></c>', " 甲\u3000"),
    "ideographic blank": ('<c r="B1" t="inlineStr"><is><t>\u3000甲</t></is></c>', "\u3000甲"),
    "line break": ('<c r="B1" t="inlineStr"><is><t>信用\n代码</t></is></c>', "信用 代码"),
    "empty text": ('<c r="B1" t="inlineStr"><is><t></t></is></c>', ""),
    "shared": ('<c r="B1" t="s"><v>1</v></c>', "乙公司"),
    "formula": ('<c r="B1"><f>SUM(C1:D1)</f><v>3</v></c>', "3"),
    "shared formula": ('<c r="B1"><f t="shared" si="0"/><v>3</v></c>', "3"),
    "formula that says a text": ('<c r="B1" t="str"><f>A1&amp;"x"</f><v>甲x</v></c>', "甲x"),
    "only styled": ('<c r="B1" s="5"/><c r="C1"><v>1</v></c>', ""),
}  # fmt: skip
SHARED = '<si><t>甲</t></si><si><t>乙公司</t><phoneticPr fontId="1" type="noConversion"/></si>'


@pytest.mark.parametrize("cell", PLAIN)
def test_what_is_plain_says_what_the_library_says(tmp_path: Path, cell: str) -> None:
    xml, text = PLAIN[cell]
    found = read(tmp_path, book(one(xml), SHARED))
    assert found is not None
    assert found.texts(1, 0).to_list() == [text]


ODD = {
    "no place": "<c><v>1</v></c>",
    "places backwards": '<c r="C1"><v>1</v></c><c r="B1"><v>2</v></c>',
    "another row's place": '<c r="B2"><v>1</v></c>',
    "lower case place": '<c r="b1"><v>1</v></c>',
    "attributes in another order": '<c s="1" r="B1"><v>45352</v></c>',
    "more attributes": '<c r="B1" s="0" cm="1"><v>1</v></c>',
    "single quotes": "<c r='B1'><v>1</v></c>",
    "style nobody defined": '<c r="B1" s="99"><v>1</v></c>',
    "hour": '<c r="B1" s="6"><v>1.5</v></c>',
    "day and hour": '<c r="B1" s="1"><v>45352.5</v></c>',
    "before 1 March 1900": '<c r="B1" s="1"><v>60</v></c>',
    "ISO date": '<c r="B1" t="d"><v>2024-03-01</v></c>',
    "error": '<c r="B1" t="e"><v>#N/A</v></c>',
    "no number": "<c r=\"B1\"><v>abc</v></c>",
    "blank before a number": "<c r=\"B1\"><v> 5</v></c>",
    "infinite": "<c r=\"B1\"><v>inf</v></c>",
    "too large": "<c r=\"B1\"><v>1e999</v></c>",
    "no value": "<c r=\"B1\"><v></v></c>",
    "empty value": "<c r=\"B1\"><v/></c>",
    "boolean of a word": '<c r="B1" t="b"><v>true</v></c>',
    "beyond the strings": '<c r="B1" t="s"><v>7</v></c>',
    "string with a sign": '<c r="B1" t="s"><v>+1</v></c>',
    "blanks not kept": '<c r="B1" t="inlineStr"><is><t> 甲 </t></is></c>',
    "escaped return": '<c r="B1" t="inlineStr"><is><t>甲_x000D_乙</t></is></c>',
    "return": '<c r="B1" t="inlineStr"><is><t>甲\r\n乙</t></is></c>',
    "only a line break": '<c r="B1" t="inlineStr"><is><t xml:space="preserve">\n</t></is></c>',
    "numeric entity": '<c r="B1" t="inlineStr"><is><t>&#30002;</t></is></c>',
    "runs": '<c r="B1" t="inlineStr"><is><r><t>甲</t></r><r><t>乙</t></r></is></c>',
    "phonetic run": '<c r="B1" t="inlineStr"><is><t>甲</t><rPh sb="0" eb="1"><t>jia</t></rPh></is></c>',
    "section of characters": '<c r="B1" t="str"><v><![CDATA[甲]]></v></c>',
    "comment": '<c r="B1"><!-- <v>1</v> --><v>2</v></c>',
    "inline text under a number's type": '<c r="B1" t="n"><is><t>甲</t></is></c>',
    "value beside inline text": '<c r="B1" t="inlineStr"><v>1</v></c>',
    "text between cells": 'x<c r="B1"><v>1</v></c>',
    "blanks between cells": '\n<c r="B1"><v>1</v></c>',
    "greater sign": '<c r="B1" t="str"><v>a>b</v></c>',
    "told twice": '<c r="B1"><v>1</v><v>2</v></c>',
}  # fmt: skip


@pytest.mark.parametrize("cell", ODD)
def test_what_is_odd_is_left_to_the_library(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(book(one(ODD[cell]), SHARED).getvalue())
    assert inspected(path, FORM).sheet("S") is None


ROW = '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1"><v>1</v></c></row>'
PAGES: dict[str, tuple[bool, io.BytesIO]] = {
    "usual": (True, book(page(ROW), SHARED)),
    "row attributes": (True, book(page(ROW.replace('r="1">', 'r="1" spans="1:2" ht="14.25" hidden="1" x:dyDescent="0.2">', 1)), SHARED)),
    "rows without cells": (True, book(page('<row r="1"/>' + ROW.replace("1", "3") + '<row r="9" s="1"></row>'), "<si><t>甲</t></si>" * 4)),
    "cells merged": (True, book(page(ROW, '<mergeCells count="2"><mergeCell ref="A1:B1"/><mergeCell ref="C2:D4"/></mergeCells>'), SHARED)),
    "nothing": (True, book(page('<row r="1"/>'), SHARED)),
    "byte order mark": (True, book(b"\xef\xbb\xbf" + page(ROW).encode(), SHARED)),
    "rows without numbers": (False, book(page(ROW.replace(' r="1"', "", 1)), SHARED)),
    "row attribute told twice": (False, book(page(ROW.replace('r="1">', 'r="1" ht="1" ht="2">', 1)), SHARED)),
    "rows indented": (False, book(page("\n  " + ROW), SHARED)),
    "prefix": (False, book(f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData><x:row r="1"><x:c r="A1"><x:v>1</x:v></x:c></x:row></x:sheetData></x:worksheet>')),
    "UTF-16": (False, book(page(ROW).replace("UTF-8", "UTF-16").encode("utf-16"), SHARED)),
    "another encoding": (False, book(page(ROW).replace("UTF-8", "GB18030"), SHARED)),
    "no UTF-8": (False, book(page(ROW.replace("</row>", '<c r="C1" t="str"><v>甲</v></c></row>')).encode("gb18030"), SHARED)),
    "a comment before": (False, book(page(ROW, before="<!-- <sheetData> -->"), SHARED)),
    "rows twice": (False, book(page(ROW, "<sheetData/>"), SHARED)),
    "merged cell": (False, book(page(ROW, '<mergeCells><mergeCell ref="A1"/></mergeCells>'), SHARED)),
    "merged elsewhere": (False, book(page(ROW, '<extLst><mergeCell ref="A1:B1"/></extLst>'), SHARED)),
    "cut off": (False, book(page(ROW)[:-40], SHARED)),
    "strings in runs": (False, book(page(ROW), "<si><r><t>甲</t></r></si>")),
    "strings with readings": (False, book(page(ROW), '<si><t>甲</t><rPh sb="0" eb="1"><t>jia</t></rPh></si>')),
    "string without text": (False, book(page(ROW), "<si><t/></si>")),
    "strings not kept": (False, book(page(ROW), "<si><t> 甲</t></si>")),
    "strings elsewhere": (False, book(page(ROW), SHARED, sharedStrings="strings.xml")),
    "another workbook": (False, book(page(ROW), SHARED, {"_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r" Type="{OFFICE}/officeDocument" Target="xl/other.xml"/></Relationships>'})),
    "from 1904": (False, book(page(ROW), SHARED, {"xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><workbookPr date1904="1"/><sheets><sheet name="S" sheetId="1" r:id="worksheet"/></sheets></workbook>'})),
}  # fmt: skip


def test_formulas_and_hidden_rows_are_counted_either_way(tmp_path: Path) -> None:
    row = '<row r="{0}"{1}><c r="A{0}"><f>1+1</f><v>2</v></c><c r="B{0}"><f t="shared" si="0"/><v>3</v></c></row>'
    rows = "".join(row.format(n, hidden) for n, hidden in enumerate(["", ' hidden="1"', ' ht="3" hidden="true"', ' hidden="0"'], 1))  # fmt: skip
    path = tmp_path / "a.xlsx"
    told = []
    for between in ("", "\n"):
        path.write_bytes(book(page(rows + between, before='<cols><col min="1" max="1" hidden="1"/></cols>')).getvalue())
        known = inspected(path, FORM)
        assert (known.sheet("S") is not None) == (not between)
        told.append(known.notes)
    assert told[0] == told[1]
    assert [note for note in told[0] if "公式 8 格" in note]
    assert [note for note in told[0] if "列 3 处" in note]


@pytest.mark.parametrize("name", PAGES)
def test_sheets_written_as_usual_and_otherwise(tmp_path: Path, name: str) -> None:
    plain, held = PAGES[name]
    path = tmp_path / "a.xlsx"
    path.write_bytes(held.getvalue())
    assert (inspected(path, FORM).sheet("S") is not None) == plain
    if plain:
        plainly(path)


CELL = st.one_of(
    st.none(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**18), 10**18), st.decimals(-(10**9), 10**9, places=2).map(float),
    st.dates(dt.date(1900, 1, 1)), st.text("甲a_ \n\t&<>\"'x0D\u3000", max_size=30),
)  # fmt: skip


@given(st.lists(st.lists(CELL, max_size=6), max_size=8), st.booleans(), st.sampled_from([97, 1 << 20]))
@settings(max_examples=40, deadline=None)
def test_random_workbooks(tmp_path_factory: pytest.TempPathFactory, rows: list[list[object]], inline: bool, chunk: int) -> None:  # fmt: skip
    path = tmp_path_factory.mktemp("random") / "a.xlsx"
    made = xlsxwriter.Workbook(str(path), {"in_memory": True, "constant_memory": inline, "strings_to_numbers": False})
    sheet, day = made.add_worksheet("S"), made.add_format({"num_format": "yyyy-mm-dd"})
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            if isinstance(cell, dt.date):
                sheet.write_datetime(r, c, cell, day)
            elif isinstance(cell, str):
                sheet.write_string(r, c, cell)
            else:
                sheet.write(r, c, cell)
    made.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sheet_xml, "CHUNK", chunk)
        plainly(path)


@given(st.lists(st.from_regex(r"[-+]?[0-9]{1,6}\.?[0-9]{0,3}(E[-+]?[0-9]{1,2})?", fullmatch=True), min_size=1, max_size=26))  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_numbers_are_shown_as_the_library_reads_them(tmp_path_factory: pytest.TempPathFactory, numbers: list[str]) -> None:  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "numbers.xlsx"
    cells = "".join(f'<c r="{chr(65 + i)}1"><v>{number}</v></c>' for i, number in enumerate(numbers))
    path.write_bytes(book(page(f'<row r="1">{cells}</row>')).getvalue())
    assert plainly(path) is not None


WHOLE = page(
    '<row r="1" spans="1:3"><c r="A1" t="s"><v>0</v></c><c r="B1" s="5"><v>1.50</v></c><c r="C1" t="str"><f>A1</f><v>甲&amp;</v></c></row>'
    '<row r="2"><c r="A2" s="1"><v>45352</v></c><c r="C2" t="inlineStr"><is><t>丙</t></is></c></row><row r="4"><c r="AA4" t="b"><v>1</v></c></row>',
    '<mergeCells count="1"><mergeCell ref="A1:B1"/></mergeCells>',
)  # fmt: skip
SCRAPS = [
    "", "<", ">", "/", '"', "'", " ", "\n", "=", "-", "1", "A", "甲", "\udce4", "\x00", "&", "&amp;", "&#49;", "_x0041_", "<!--", "-->", "<![CDATA[", "]]>", "<?x?>", "<v>", "</v>",
    "<v/>", "<c>", "</c>", "<c/>", '<c r="B2">', '<c r="D1" s="1"/>', "<row>", "</row>", '<row r="3">', "<is>", "</is>", "<t>", "</t>", "<t/>", "<f>", "</f>", "<f/>", ' r="A1"', ' t="n"',
    ' t="b"', ' t="s"', ' t="str"', ' s="1"', ' xml:space="preserve"', "<sheetData>", "</sheetData>", "<sheetData/>", "<x:c>", "<rPh>", "1e5", "+", ".", "<mergeCell ",
]  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 8), st.sampled_from(SCRAPS)), min_size=1, max_size=3)
)
@settings(max_examples=150, deadline=None)
def test_damaged_sheets(tmp_path_factory: pytest.TempPathFactory, damages: list[tuple[int, int, str]]) -> None:
    xml = WHOLE
    for place, length, scrap in damages:
        xml = xml[:place] + scrap + xml[place + length :]
    path = tmp_path_factory.getbasetemp() / "damaged.xlsx"
    path.write_bytes(book(xml.encode(errors="surrogateescape"), SHARED).getvalue())
    with contextlib.suppress(RefusedFile):
        plainly(path)
