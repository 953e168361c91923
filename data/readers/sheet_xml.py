"""What a workbook's own XML says and the reading library does not: DOCTYPEs, formulas without values, error cells, rows told twice, the epoch."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np
from lxml import etree

from data.contract import Form
from data.readers.envelope import BROKEN_ZIP, checked_zip, office_kind_of
from data.readers.reading import RefusedFile

CHUNK = 1 << 20
# A stretch of XML without the end of a row that is longer than this is cut anywhere; the marks looked for are far shorter.
LONGEST_ROW = 8 << 20
NO_VALUE = "#公式无值"
# 1904-01-01 in days of the epoch that begins 1899-12-30
MAC_EPOCH = 1462
_ROW = re.compile(rb"<(?:\w+:)?row\b[^>]*?\sr=\"(\d+)\"")
_PLAIN_ROW = re.compile(rb'<row r="(\d+)"')
_VALUELESS = re.compile(rb"<(?:\w+:)?f\b[^>]*(?:/>|>[^<]*</(?:\w+:)?f>)\s*</(?:\w+:)?c>")
_HIDDEN = re.compile(rb"<(?:\w+:)?(?:row|col)\b[^>]*?\shidden=\"(?:1|true)\"")
_REFERENCE = re.compile(r"([A-Z]{1,3})(\d{1,7})\Z")


@dataclass
class Inspection:
    """`notes` for the ledger; `shift`: days to add to a bare serial number; `faulty`: per sheet, (row, column) from 0 → the text that stands there."""

    notes: list[str] = field(default_factory=list)
    shift: int = 0
    faulty: dict[str, dict[tuple[int, int], str]] = field(default_factory=dict)


def inspected(path: Path, form: Form) -> Inspection:
    """Raises RefusedFile for what no workbook may hold: macros, DOCTYPEs, a row number told twice, parts that do not inflate to what the archive says."""
    found = Inspection()
    formulas = hidden = 0
    odd: list[str] = []
    with checked_zip(path, form.max_bytes) as archive:
        other = office_kind_of(archive.namelist())
        if other is not None:
            raise RefusedFile(f"不是 .xlsx 工作簿，实际是{other}")
        for member in archive.infolist():
            if "vbaproject" in member.filename.lower():
                raise RefusedFile("工作簿带宏，不予接收")
            if member.filename.lower().startswith("xl/externallinks/externallink"):
                found.notes.append("工作簿引用外部文件，只取其缓存值")
            if not member.filename.endswith((".xml", ".rels")):
                continue
            try:
                with archive.open(member) as part:
                    sheet = member.filename.startswith("xl/worksheets/")
                    held, strange, unseen = _scanned(part, member.filename, sheet)
            except BROKEN_ZIP as error:
                raise RefusedFile(f"工作簿损坏：{member.filename[:80]} 解不开（{type(error).__name__}）") from None
            formulas += held
            hidden += unseen
            if strange:
                odd.append(member.filename)
        found.shift = _epoch_shift(archive)
        if odd:
            found.faulty = {
                name: dict(_faulty_cells(archive, place)) for name, place in _places(archive).items() if place in odd
            }
    if formulas:
        found.notes.append(f"含公式 {formulas} 格，取其缓存值")
    if hidden:
        found.notes.append(f"有隐藏（或筛选掉）的行、列 {hidden} 处，与其他行列一样读入")
    return found


def _scanned(part: IO[bytes], name: str, sheet: bool) -> tuple[int, bool, int]:
    """Formulas of an XML part, whether it holds error cells or formulas without a value, and its hidden rows and columns."""
    formulas, strange, hidden, tail, last = 0, False, 0, b"", 0
    while True:
        chunk = part.read(CHUNK)
        # UTF-16 is ASCII with NULs between.
        text = tail + chunk.replace(b"\x00", b"")
        if b"!" in text and (b"<!DOCTYPE" in text or b"<!ENTITY" in text):
            raise RefusedFile("工作簿内部 XML 含 DOCTYPE 或实体声明，不予接收")
        if not sheet:
            tail = text[-8:]
        else:
            cut = text.rfind(b"row>") + 4 if chunk else len(text)
            cut = cut if cut > 4 else len(text) - 64 if len(text) > LONGEST_ROW else 0
            done, tail = text[:cut], text[cut:]
            own = done.count(b"<f>") + done.count(b"<f ") if _follows(done, b"f", b"<") else 0
            formulas += own
            hidden += len(_HIDDEN.findall(done)) if b"hidden" in done else 0
            strange = (
                strange or (_follows(done, b"e", b'"') and b't="e"' in done) or bool(own and _VALUELESS.search(done))
            )
            rows = [last, *map(int, _row_numbers(done))]
            back = next((after for before, after in pairwise(rows) if after <= before), None)
            if back is not None:
                raise RefusedFile(f"{name} 里第 {back} 行出现两次或行号倒退，工作簿损坏")
            last = rows[-1]
        if not chunk:
            return formulas, strange, hidden


def _row_numbers(xml: bytes) -> list[bytes]:
    """The numbers rows carry, in order. Most programs write them first and without a prefix, which is found ten times as fast."""
    plain: list[bytes] = _PLAIN_ROW.findall(xml)
    return plain if len(plain) == _opened_rows(xml) else _ROW.findall(xml)


def _follows(xml: bytes, byte: bytes, before: bytes) -> bool:
    """Whether a byte stands right behind another one: asked of all places at once, several times as fast as a search for the pair."""
    cells = np.frombuffer(xml, dtype=np.uint8)
    where = np.flatnonzero(cells[1:] == byte[0])
    return bool((cells[where] == before[0]).any())


def _opened_rows(xml: bytes) -> int:
    """How often `row ` stands in the XML."""
    cells = np.frombuffer(xml, dtype=np.uint8)
    if len(cells) < 4:
        return 0
    where = np.flatnonzero(cells[2:-1] == ord("w"))
    found = (cells[where] == ord("r")) & (cells[where + 1] == ord("o")) & (cells[where + 3] == ord(" "))
    return int(np.count_nonzero(found))


def _epoch_shift(archive: zipfile.ZipFile) -> int:
    """Days to add to a bare serial number: workbooks made on old Macs count from 1904, and say so."""
    if "xl/workbook.xml" not in archive.namelist():
        return 0
    said = re.search(rb"\bdate1904\s*=\s*[\"']([a-z0-9]+)[\"']", archive.read("xl/workbook.xml"))
    return MAC_EPOCH if said and said.group(1) in (b"1", b"true") else 0


def _places(archive: zipfile.ZipFile) -> dict[str, str]:
    """Sheet name → its part in the archive."""
    try:
        links = etree.fromstring(archive.read("xl/_rels/workbook.xml.rels"), _parser())
        book = etree.fromstring(archive.read("xl/workbook.xml"), _parser())
    except (KeyError, etree.XMLSyntaxError):
        raise RefusedFile("工作簿损坏：没有工作表目录") from None
    targets = {str(link.get("Id")): str(link.get("Target")) for link in links}
    found = {}
    for sheet in book.iter("{*}sheet"):
        by = next((str(v) for k, v in sheet.attrib.items() if etree.QName(k).localname == "id"), "")
        target = targets.get(by, "")
        found[str(sheet.get("name"))] = target[1:] if target.startswith("/") else f"xl/{target}"
    return found


def _faulty_cells(archive: zipfile.ZipFile, place: str) -> Iterator[tuple[tuple[int, int], str]]:
    """Cells the reading library leaves empty though something stands there: an error, a formula nobody calculated."""
    row = -1
    with archive.open(place) as part:
        column = -1
        for event, element in etree.iterparse(part, events=("start", "end"), tag=("{*}row", "{*}c"), huge_tree=False, resolve_entities=False, no_network=True):  # fmt: skip
            name = etree.QName(element).localname
            if event == "start":
                if name == "row":
                    row, column = int(element.get("r", row + 2)) - 1, -1
                continue
            if name == "row":
                element.clear()
                continue
            at = _REFERENCE.match(str(element.get("r", "")))
            column = _number(at.group(1)) if at else column + 1
            value = element.find("{*}v")
            if element.get("t") == "e":
                yield (row, column), (value.text if value is not None and value.text else "#VALUE!")
            elif element.find("{*}f") is not None and value is None:
                yield (row, column), NO_VALUE
            element.clear()


def _number(letters: str) -> int:
    found = 0
    for letter in letters:
        found = found * 26 + ord(letter) - 64
    return found - 1


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
