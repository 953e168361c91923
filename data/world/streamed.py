"""Large xlsx workbooks written column by column: inline strings, as streaming exporters (POI SXSSF) write them; ten times as fast as cell by cell."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import polars as pl

from data.world.books import Sheet, header_merges, layout, runs
from data.world.origins import payload
from data.world.writers import GZIP_LEVEL, Written, ordinals

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1" applyAlignment="1"><alignment horizontal="center"/></xf></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
_CORE = (
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description>模拟数据，非真实企业</dc:description></cp:coreProperties>'
)


def xlsx(path: Path, sheets: Sequence[Sheet]) -> Written:
    """The same workbook as `books.xlsx` for a reader: values, kinds of cells, merged ranges, hidden sheets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = Written()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=GZIP_LEVEL) as archive:
        for name, text in _frame_of(sheets):
            _put(archive, name, text)
        for number, sheet in enumerate(sheets, start=1):
            _put(archive, f"xl/worksheets/sheet{number}.xml", _worksheet(sheet))
            if not sheet.hidden:
                written.add(sheet.frame, ordinals(layout(sheet)[1] + 1, len(sheet.frame)), sheet.name)
    return written


def _put(archive: zipfile.ZipFile, name: str, text: str) -> None:
    """A member with a fixed date, so that the same workbook has the same bytes."""
    member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    member.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(member, (_HEAD + text).encode(), compresslevel=GZIP_LEVEL)


def _frame_of(sheets: Sequence[Sheet]) -> Iterator[tuple[str, str]]:
    """What a package needs besides its sheets."""
    numbers = range(1, len(sheets) + 1)
    parts = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPE}.worksheet+xml"/>' for n in numbers
    )
    yield (
        "[Content_Types].xml",
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
        f'<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/>{parts}</Types>',
    )
    yield (
        "_rels/.rels",
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
        f'<Relationship Id="rId2" Type="{_PACKAGE}/relationships/metadata/core-properties" Target="docProps/core.xml"/></Relationships>',
    )
    yield "docProps/core.xml", _CORE
    listed = "".join(
        f'<sheet name="{escape(s.name)}" sheetId="{n}"{" state=" + chr(34) + "hidden" + chr(34) if s.hidden else ""} r:id="rId{n}"/>'
        for n, s in zip(numbers, sheets, strict=True)
    )
    yield "xl/workbook.xml", f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>'
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers
    )
    last = f'<Relationship Id="rId{len(sheets) + 1}" Type="{_OFFICE}/styles" Target="styles.xml"/>'
    yield "xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{_PACKAGE}/relationships">{links}{last}</Relationships>'
    yield "xl/styles.xml", _STYLES


def column_letters(index: int) -> str:
    """`A` for 0, `AA` for 26."""
    letters = ""
    while index >= 0:
        index, rest = divmod(index, 26)
        letters, index = chr(65 + rest) + letters, index - 1
    return letters


def _text(row: int, column: int, text: str, style: int = 0) -> str:
    place = f"{column_letters(column)}{row + 1}"
    kind = f' s="{style}"' if style else ""
    return f'<c r="{place}"{kind} t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'


def _plain(row: int, column: int, text: str) -> str:
    """A number cell where the text is a number."""
    try:
        float(text)
    except ValueError:
        return _text(row, column, text)
    return f'<c r="{column_letters(column)}{row + 1}"><v>{text}</v></c>'


def _worksheet(sheet: Sheet) -> str:
    width = len(sheet.header[0])
    top, start = layout(sheet)
    merges: list[tuple[int, int, int, int]] = []
    lines: dict[int, list[tuple[int, str]]] = {}

    def put(row: int, column: int, cell: str) -> None:
        lines.setdefault(row, []).append((column, cell))

    if sheet.title:
        merges.append((0, 0, 0, width - 1))
        put(0, 0, _text(0, 0, sheet.title, 1))
    if sheet.unit:
        row = int(bool(sheet.title))
        put(row, width - 1, _text(row, width - 1, sheet.unit))
    for r, c, last_r, last_c, text in header_merges(sheet.header, top) if sheet.above else []:
        put(r, c, _text(r, c, text, 1))
        if (r, c) != (last_r, last_c):
            merges.append((r, c, last_r, last_c))
    above = "".join(_row(r, cells) for r, cells in sorted(lines.items()))
    body = payload(sheet.frame)
    if sheet.merge_down:
        at = body.columns.index(sheet.merge_down)
        merges += [(start + a, at, start + b, at) for a, b in runs(body[sheet.merge_down].to_list()) if b > a]
    end = start + len(body)
    lines.clear()
    for c, text in sheet.total.items():
        put(end, c, _plain(end, c, text))
    for k, note in enumerate(sheet.notes):
        row = end + int(bool(sheet.total)) + k
        put(row, 0, _text(row, 0, note))
    below = "".join(_row(r, cells) for r, cells in sorted(lines.items()))
    joined = "".join(
        f'<mergeCell ref="{column_letters(c)}{r + 1}:{column_letters(last_c)}{last_r + 1}"/>'
        for r, c, last_r, last_c in merges
    )
    merged = f'<mergeCells count="{len(merges)}">{joined}</mergeCells>' if merges else ""
    rows = _rows(body, sheet, start)
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{above}{rows}{below}</sheetData>{merged}</worksheet>'


def _row(row: int, cells: list[tuple[int, str]]) -> str:
    return f'<row r="{row + 1}">{"".join(cell for _, cell in sorted(cells))}</row>'


def _rows(body: pl.DataFrame, sheet: Sheet, start: int) -> str:
    """The data rows as one text."""
    if body.is_empty():
        return ""
    number = pl.Series("_row", np.arange(start + 1, start + 1 + len(body))).cast(pl.String)
    frame = body.with_columns(number)
    if sheet.merge_down:
        again = pl.col(sheet.merge_down).eq_missing(pl.col(sheet.merge_down).shift(1))
        again &= pl.int_range(pl.len()) > 0
        frame = frame.with_columns(
            pl.when(again).then(pl.lit("")).otherwise(pl.col(sheet.merge_down)).alias(sheet.merge_down)
        )
    cells = [_cells(name, column_letters(at), name in sheet.numbers) for at, name in enumerate(body.columns)]
    line = pl.concat_str(pl.lit('<row r="'), "_row", pl.lit('">'), *cells, pl.lit("</row>"))
    return str(frame.select(line.str.join("")).item())


def _cells(name: str, letters: str, numeric: bool) -> pl.Expr:
    """The cells of one column; an empty one is left out."""
    value = pl.col(name)
    safe = value.str.replace_all("&", "&amp;", literal=True).str.replace_all("<", "&lt;", literal=True)
    text = pl.concat_str(
        pl.lit(f'<c r="{letters}'), "_row", pl.lit('" t="inlineStr"><is><t xml:space="preserve">'),
        safe.str.replace_all(">", "&gt;", literal=True), pl.lit("</t></is></c>"),
    )  # fmt: skip
    empty = value.is_null() | (value == "")
    if not numeric:
        return pl.when(empty).then(pl.lit("")).otherwise(text)
    number = pl.concat_str(pl.lit(f'<c r="{letters}'), "_row", pl.lit('"><v>'), value, pl.lit("</v></c>"))
    is_number = value.cast(pl.Float64, strict=False).is_finite().fill_null(False)
    return pl.when(empty).then(pl.lit("")).when(is_number).then(number).otherwise(text)
