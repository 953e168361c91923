"""Excel workbooks, .xlsx and .xls: finds merged and multi-row headers, reads visible sheets cell by cell, remembers which codes were numbers."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import polars as pl

from data.contract import Form, Table
from data.readers import header
from data.readers.biff import faulty_cells
from data.readers.envelope import MAX_CELL, kind_of, text_kind_of
from data.readers.lines import set_aside
from data.readers.reading import Reading, RefusedFile, frame_of
from data.readers.sheet_grid import GridSheet, Merges
from data.readers.sheet_plain import PlainSheet
from data.readers.sheet_xml import Inspection, inspected

MAX_DEPTH = 3
ROW_LIMITS = {"xlsx": 1_048_576, "xls": 65_536}
Sheet = GridSheet | PlainSheet


def read(path: Path, form: Form, table: Table) -> Reading:
    """See `data.readers.read`. Row numbers are the sheet's own."""
    collecting = gc.isenabled()
    # A cell is an object, and none refers to another: looking through a million of them for rings cost a quarter of the reading.
    gc.disable()
    try:
        return _read(path, form, table)
    finally:
        if collecting:
            gc.enable()


def _read(path: Path, form: Form, table: Table) -> Reading:
    import python_calamine as calamine

    known = _guard(path, form)
    # Asked first: a chain of sectors without end would take the library all the memory there is.
    faulty = faulty_cells(path) if form.format == "xls" else []
    try:
        book = calamine.CalamineWorkbook.from_path(str(path))
        sheets = [m for m in book.sheets_metadata if m.typ == calamine.SheetTypeEnum.WorkSheet]
    except Exception as error:
        raise RefusedFile(_why(error)) from None
    # Both list the sheets in the order of the workbook; charts are sheets as well.
    known.faulty |= dict(zip((m.name for m in book.sheets_metadata), faulty, strict=False))
    reading = Reading(pl.DataFrame(), notes=known.notes)
    frames: list[pl.DataFrame] = []
    carried: tuple[dict[str, int], int] | None = None
    failed: list[tuple[int, RefusedFile]] = []
    for meta in sheets:
        if meta.visible != calamine.SheetVisibleEnum.Visible and not form.hidden_sheets:
            reading.notes.append(f"隐藏的工作表「{meta.name}」未读")
            continue
        sheet = known.sheet(meta.name) or _library(book, meta.name, form, known)
        if sheet.height >= ROW_LIMITS[form.format]:
            raise RefusedFile(
                f"工作表「{meta.name}」达到 Excel 的行数上限 {ROW_LIMITS[form.format]}，后面的行可能已经丢失"
            )
        if not sheet.height:
            continue
        look = sheet.head(header.LOOK_ROWS + MAX_DEPTH)
        try:
            positions, top, extra = _header(look, sheet.merges, table)
            carried = carried or (positions, sheet.width)
            reading.notes += [f"工作表「{meta.name}」{note}" for note in extra]
        except RefusedFile as error:
            if carried is None or not _continues(sheet, carried, table):
                failed.append((sheet.height, error))
                reading.notes.append(f"工作表「{meta.name}」没有合同的表头，未读（{sheet.height} 行）")
                reading.aside("note", int(sheet.filled().sum()))
                continue
            positions, top = carried[0], 0
            reading.notes.append(f"工作表「{meta.name}」没有表头，沿用第一张的列")
        _count_above(look[:top], table, reading, positions)
        frames.append(_frame(sheet, top, positions, meta.name, table))
    if not frames:
        if failed:
            raise max(failed, key=lambda f: f[0])[1]
        raise RefusedFile("工作簿里没有可见的、有内容的工作表")
    reading.frame = set_aside(pl.concat(frames), form, table, reading)
    return reading


def _why(error: Exception) -> str:
    text = str(error)
    if "assword" in text or "ncrypt" in text:
        return "工作簿有密码，请解除后重新交付"
    return f"工作簿损坏或不是 Excel 文件：{text[:120]}"


def _guard(path: Path, form: Form) -> Inspection:
    size = path.stat().st_size
    if size == 0:
        raise RefusedFile("文件是空的（0 字节）")
    if size > form.max_bytes:
        raise RefusedFile(f"文件有 {size} 字节，超过上限 {form.max_bytes} 字节")
    with path.open("rb") as handle:
        opening = handle.read(512)
    magic = opening[:8]
    if form.format == "xls":
        if magic[:4] != b"\xd0\xcf\x11\xe0":
            raise RefusedFile("合同约定 .xls（BIFF），文件开头不是" + _instead(opening))
        return Inspection()
    if magic[:4] == b"\xd0\xcf\x11\xe0":
        # An encrypted workbook is an OLE file with a stream of this name; names are UTF-16 in its directory.
        if "EncryptedPackage".encode("utf-16-le") in path.read_bytes():
            raise RefusedFile("工作簿有密码，请解除后重新交付")
        raise RefusedFile("是旧版 .xls（或有密码）；请按合同交付未加密的 .xlsx")
    if magic[:2] != b"PK":
        raise RefusedFile("不是 .xlsx（ZIP）文件" + _instead(opening))
    return inspected(path, form)


def _instead(opening: bytes) -> str:
    name = kind_of(opening) or text_kind_of(opening)
    return f"，实际是{name}" if name else ""


def _library(book: Any, name: str, form: Form, known: Inspection) -> GridSheet:
    try:
        sheet = book.get_sheet_by_name(name)
        grid = sheet.to_python(skip_empty_area=False)
    except Exception as error:
        raise RefusedFile(f"工作表「{name}」读不出：{_why(error)}") from None
    return GridSheet(grid, sheet.merged_cell_ranges or [], known.faulty.get(name, {}), known.shift)


def _header(rows: list[list[str]], merges: Merges, table: Table) -> tuple[dict[str, int], int, list[str]]:
    """Positions of our columns, the index of the first data row, notes. Raises RefusedFile if a promised column is not there."""
    look = [list(row) for row in rows]
    _spread(look, merges)
    best: tuple[int, int, int, header.Match, list[str]] | None = None
    refused: RefusedFile | None = None
    for top in range(min(header.LOOK_ROWS, len(look))):
        for depth in range(1, MAX_DEPTH + 1):
            if top + depth > len(look):
                break
            names = _joined(look[top : top + depth], bool(merges))
            try:
                found = header.match(names, table)
            except RefusedFile as error:
                refused = refused or error
                continue
            score = len(found.positions)
            if best is None or score > best[0]:
                best = (score, top, depth, found, names)
        # Every promised column and nothing unexplained: no row further down can do better.
        if best and not best[3].missing and not best[3].extra:
            break
    if best is None or best[0] == 0:
        if refused:
            raise refused
        header.require(header.match([], table), [], table)
    assert best is not None
    if refused and best[3].missing:
        raise refused
    header.require(best[3], best[4], table)
    return best[3].positions, best[1] + best[2], header.notes_of(best[3])


def _spread(look: list[list[str]], merges: Merges) -> None:
    """Writes the text of a merged range into each of its cells."""
    for (r0, c0), (r1, c1) in merges:
        if r0 >= len(look):
            continue
        text = look[r0][c0] if c0 < len(look[r0]) else ""
        for r in range(r0, min(r1 + 1, len(look))):
            for c in range(c0, min(c1 + 1, len(look[r]))):
                look[r][c] = text


def _joined(rows: list[list[str]], merged: bool) -> list[str]:
    """One name per column from stacked header rows: distinct texts top to bottom, joined by `·`."""
    filled: list[list[str]] = []
    for k, row in enumerate(rows):
        line = list(row)
        if not merged and k + 1 < len(rows):
            # Formats that lost their merged ranges: an empty cell over a filled one belongs to the heading on its left.
            for c in range(1, len(line)):
                if not line[c] and c < len(rows[k + 1]) and rows[k + 1][c] and rows[k + 1][c - 1]:
                    line[c] = line[c - 1]
        filled.append(line)
    names = []
    for c in range(max(len(r) for r in filled)):
        parts: list[str] = []
        for row in filled:
            text = row[c] if c < len(row) else ""
            if text and text not in parts:
                parts.append(text)
        names.append("·".join(parts))
    return names


def _continues(sheet: Sheet, carried: tuple[dict[str, int], int], table: Table) -> bool:
    """Whether a sheet without a header goes on with the columns of the first: same width, and its required cells are filled."""
    positions, width = carried
    if sheet.width != width:
        return False
    rows = sheet.filled()
    whole = rows.copy()
    for name, place in positions.items():
        if table.columns[name].required:
            whole &= (sheet.texts(place, 0) != "").to_numpy()
    return bool(rows.any()) and bool(whole.sum() * 2 >= rows.sum())


def _count_above(rows: list[list[str]], table: Table, reading: Reading, positions: dict[str, int]) -> None:
    for row in rows:
        filled = [text for text in row if text]
        conflict = header.unit_row_conflict(filled, table)
        if conflict:
            raise RefusedFile(conflict)
        if filled and len(filled) <= 2 and not positions.keys() & set(filled):
            heading = header.is_unit_row(filled[0]) or (len(filled) == 2 and header.is_unit_row(filled[1]))
            if heading:
                reading.aside("unit", 1)
            elif len(set(filled)) == 1:
                reading.aside("title", 1)


def _frame(sheet: Sheet, top: int, positions: dict[str, int], name: str, table: Table) -> pl.DataFrame:
    columns: dict[str, pl.Series] = {}
    numeric: dict[int, list[str]] = {}
    for ours, place in positions.items():
        column = table.columns[ours]
        if column.key is not None or column.type == "code":
            for row in sheet.numbers(place, top):
                numeric.setdefault(row, []).append(ours)
        columns[ours] = sheet.texts(place, top, column.serial)
    height = sheet.height - top
    marks = [",".join(numeric[row]) if row in numeric else None for row in range(height)] if numeric else None
    longest = max((int(str(series.str.len_bytes().max() or 0)) for series in columns.values()), default=0)
    if longest > MAX_CELL and any((series.str.len_chars() > MAX_CELL).any() for series in columns.values()):
        raise RefusedFile(f"工作表「{name}」有一格超过 {MAX_CELL} 个字符")
    return frame_of(columns, range(top + 1, sheet.height + 1), name, marks)
