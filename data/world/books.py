"""Workbooks as their senders write them, byte for byte repeatable: titles, merged headers, totals, notes, hidden sheets; xlsx and old xls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import xlsxwriter
import xlwt

from data.world.origins import payload
from data.world.writers import STAMP, Written, ordinals


@dataclass
class Sheet:
    """One worksheet: lines above the header, header rows (merged where a cell repeats its left or upper neighbour), data, lines below."""

    name: str
    frame: pl.DataFrame
    header: Sequence[Sequence[str]]
    title: str = ""
    unit: str = ""
    total: dict[int, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    hidden: bool = False
    numbers: frozenset[str] = frozenset()
    merge_down: str = ""
    above: bool = True


def layout(sheet: Sheet) -> tuple[int, int]:
    """(index of the first header row, index of the first data row)."""
    top = int(bool(sheet.title)) + int(bool(sheet.unit))
    return top, top + (len(sheet.header) if sheet.above else 0)


def header_merges(header: Sequence[Sequence[str]], top: int) -> list[tuple[int, int, int, int, str]]:
    """Cells of the header as (row, column, last row, last column, text)."""
    cells = []
    taken: set[tuple[int, int]] = set()
    for r, line in enumerate(header):
        for c, text in enumerate(line):
            if (r, c) in taken:
                continue
            last_c = c
            while last_c + 1 < len(line) and line[last_c + 1] == text and r + 1 < len(header) and text:
                last_c += 1
            last_r = r
            if last_c == c:
                while last_r + 1 < len(header) and header[last_r + 1][c] == text:
                    last_r += 1
            taken |= {(i, j) for i in range(r, last_r + 1) for j in range(c, last_c + 1)}
            cells.append((top + r, c, top + last_r, last_c, text))
    return cells


def runs(values: Sequence[str | None]) -> list[tuple[int, int]]:
    """Runs of equal neighbours as (first, last)."""
    runs: list[tuple[int, int]] = []
    for k, value in enumerate(values):
        if runs and values[runs[-1][0]] == value:
            runs[-1] = (runs[-1][0], k)
        else:
            runs.append((k, k))
    return runs


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def xlsx(path: Path, sheets: Sequence[Sheet]) -> Written:
    """An Excel workbook by XlsxWriter; columns in `numbers` become number cells where they parse."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = Written()
    book = xlsxwriter.Workbook(
        str(path),
        {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False, "in_memory": True},
    )
    book.set_properties({"created": STAMP, "comments": "模拟数据，非真实企业"})
    bold = book.add_format({"bold": True, "align": "center"})
    for sheet in sheets:
        page = book.add_worksheet(sheet.name)
        if sheet.hidden:
            page.hide()
        width = len(sheet.header[0])
        if sheet.title:
            page.merge_range(0, 0, 0, width - 1, sheet.title, bold)
        if sheet.unit:
            page.write_string(int(bool(sheet.title)), width - 1, sheet.unit)
        top, start = layout(sheet)
        for r, c, last_r, last_c, text in header_merges(sheet.header, top) if sheet.above else []:
            if (r, c) == (last_r, last_c):
                page.write_string(r, c, text, bold)
            else:
                page.merge_range(r, c, last_r, last_c, text, bold)
        body = payload(sheet.frame)
        for c, name in enumerate(body.columns):
            values = body[name].to_list()
            if name == sheet.merge_down:
                for a, b in runs(values):
                    if b > a:
                        page.merge_range(start + a, c, start + b, c, values[a] or "")
                    elif values[a]:
                        page.write_string(start + a, c, values[a])
                continue
            for r, value in enumerate(values):
                if value is None or value == "":
                    continue
                cell = _number(value) if name in sheet.numbers else value
                if isinstance(cell, float):
                    page.write_number(start + r, c, cell)
                else:
                    page.write_string(start + r, c, value)
        end = start + len(body)
        for c, text in sheet.total.items():
            cell = _number(text)
            if isinstance(cell, float):
                page.write_number(end, c, cell)
            else:
                page.write_string(end, c, text)
        for k, note in enumerate(sheet.notes):
            page.write_string(end + int(bool(sheet.total)) + k, 0, note)
        if not sheet.hidden:
            written.add(sheet.frame, ordinals(start + 1, len(body)), sheet.name)
    book.close()
    return written


def xls(path: Path, sheets: Sequence[Sheet]) -> Written:
    """An old BIFF workbook by xlwt."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = Written()
    book = xlwt.Workbook(encoding="utf-8")
    for sheet in sheets:
        page = book.add_sheet(sheet.name)
        if sheet.hidden:
            page.visibility = 1
        width = len(sheet.header[0])
        if sheet.title:
            page.write_merge(0, 0, 0, width - 1, sheet.title)
        if sheet.unit:
            page.write(int(bool(sheet.title)), width - 1, sheet.unit)
        top, start = layout(sheet)
        for r, c, last_r, last_c, text in header_merges(sheet.header, top) if sheet.above else []:
            page.write_merge(r, last_r, c, last_c, text)
        body = payload(sheet.frame)
        for c, name in enumerate(body.columns):
            values = body[name].to_list()
            if name == sheet.merge_down:
                for a, b in runs(values):
                    page.write_merge(start + a, start + b, c, c, values[a] or "")
                continue
            for r, value in enumerate(values):
                if value not in (None, ""):
                    page.write(start + r, c, _number(value) if name in sheet.numbers else value)
        end = start + len(body)
        for c, text in sheet.total.items():
            page.write(end, c, _number(text))
        for k, note in enumerate(sheet.notes):
            page.write(end + int(bool(sheet.total)) + k, 0, note)
        if not sheet.hidden:
            written.add(sheet.frame, ordinals(start + 1, len(body)), sheet.name)
    book.save(str(path))
    return written
