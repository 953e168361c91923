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
from data.readers.sheet_plain import PlainSheet, PlainXml, SharedStrings, Styles, styles_of
from data.readers.tags import NotPlain

CHUNK = 1 << 19
_BOOK, _BOOK_LINKS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
STRINGS, STYLES = "xl/sharedStrings.xml", "xl/styles.xml"
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
    """`notes` for the ledger; `shift`: days to add to a bare serial number; `faulty`: per sheet, (row, column) from 0 → the text that stands there;
    `plain`: per sheet, its rows as far as they needed no parser."""

    notes: list[str] = field(default_factory=list)
    shift: int = 0
    faulty: dict[str, dict[tuple[int, int], str]] = field(default_factory=dict)
    plain: dict[str, PlainXml] = field(default_factory=dict)
    strings: SharedStrings = field(default_factory=SharedStrings)
    styles: Styles = field(default_factory=lambda: styles_of(None))

    def sheet(self, name: str) -> PlainSheet | None:
        """A sheet whose XML is plain throughout. None for any other: the library reads it."""
        xml = self.plain.pop(name, None)
        if xml is None:
            return None
        try:
            return PlainSheet(xml, self.strings.texts, self.styles)
        except NotPlain:
            return None


def inspected(path: Path, form: Form) -> Inspection:
    """Raises RefusedFile for what no workbook may hold: macros, DOCTYPEs, a row number told twice, parts that do not inflate to what the archive says."""
    found = Inspection()
    formulas = hidden = 0
    odd: list[str] = []
    sheets: dict[str, PlainXml] = {}
    with checked_zip(path, form.max_bytes) as archive:
        other = office_kind_of(archive.namelist())
        if other is not None:
            raise RefusedFile(f"不是 .xlsx 工作簿，实际是{other}")
        for member in archive.infolist():
            name = member.filename
            if "vbaproject" in name.lower():
                raise RefusedFile("工作簿带宏，不予接收")
            if name.lower().startswith("xl/externallinks/externallink"):
                found.notes.append("工作簿引用外部文件，只取其缓存值")
            if not name.endswith((".xml", ".rels")):
                continue
            try:
                with archive.open(member) as part:
                    if name.startswith("xl/worksheets/"):
                        plain = sheets.setdefault(name, PlainXml())
                        held, unseen, strange = _sheet_scanned(part, name, plain)
                        formulas, hidden = formulas + held, hidden + unseen
                        odd += [name] if strange else []
                    else:
                        _scanned(part, found.strings if name == STRINGS else None)
            except BROKEN_ZIP as error:
                raise RefusedFile(f"工作簿损坏：{name[:80]} 解不开（{type(error).__name__}）") from None
        found.shift = _epoch_shift(archive)
        if odd:
            found.faulty = {name: _faulty(archive, place) for name, place in _places(archive).items() if place in odd}
        if not found.shift and _usual(archive):
            found.plain = {name: sheets[at] for name, at in _places(archive).items() if at in sheets and at not in odd}
            found.styles = styles_of(archive.read(STYLES) if STYLES in archive.namelist() else None)
    if formulas:
        found.notes.append(f"含公式 {formulas} 格，取其缓存值")
    if hidden:
        found.notes.append(f"有隐藏（或筛选掉）的行、列 {hidden} 处，与其他行列一样读入")
    return found


def _pieces(part: IO[bytes], end: bytes) -> Iterator[tuple[bytes, int, bool]]:
    """An XML part in stretches, each up to where a tag that ends so does, and whether it is as delivered, without NULs taken out.

    Raises RefusedFile for a DOCTYPE.
    """
    tail, whole = b"", True
    while chunk := part.read(CHUNK):
        # UTF-16 is ASCII with NULs between.
        whole = whole and b"\x00" not in chunk
        text = tail + (chunk if whole else chunk.replace(b"\x00", b""))
        _check_declarations(text)
        found = text.rfind(end)
        cut = found + len(end) if found >= 0 else len(text) - 64 if len(text) > LONGEST_ROW else 0
        tail = text[cut:]
        yield text, cut, whole
    yield tail, len(tail), whole


def _check_declarations(text: bytes) -> None:
    if b"!" in text and (b"<!DOCTYPE" in text or b"<!ENTITY" in text):
        raise RefusedFile("工作簿内部 XML 含 DOCTYPE 或实体声明，不予接收")


def _scanned(part: IO[bytes], strings: SharedStrings | None) -> None:
    for text, cut, whole in _pieces(part, b"</si>" if strings else b">"):
        if strings is not None:
            strings.plain = strings.plain and whole
            strings.take(text[:cut])


def _sheet_scanned(part: IO[bytes], name: str, plain: PlainXml) -> tuple[int, int, bool]:
    """Formulas of a sheet, its hidden rows and columns, and whether it holds error cells or formulas without a value.

    Its rows go to `plain` as long as they are.
    """
    formulas, hidden, last, strange = 0, 0, 0, False
    for text, cut, whole in _pieces(part, b"row>"):
        plain.plain = plain.plain and whole
        # What is plain holds neither errors nor formulas without a value, and its rows ascend.
        done = plain.take(text, cut)
        own = done.count(b"<f>") + done.count(b"<f ") if _follows(done, b"f", b"<") else 0
        formulas += own
        hidden += len(_HIDDEN.findall(done)) if b"hidden" in done else 0
        strange = strange or (_follows(done, b"e", b'"') and b't="e"' in done) or bool(own and _VALUELESS.search(done))
        rows = [max(last, plain.cells.last_row), *map(int, _row_numbers(done))]
        back = next((after for before, after in pairwise(rows) if after <= before), None)
        if back is not None:
            raise RefusedFile(f"{name} 里第 {back} 行出现两次或行号倒退，工作簿损坏")
        last = rows[-1]
    return formulas + plain.cells.formulas, hidden + plain.cells.hidden, strange


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
    if _BOOK not in archive.namelist():
        return 0
    said = re.search(rb"\bdate1904\s*=\s*[\"']([a-z0-9]+)[\"']", archive.read(_BOOK))
    return MAC_EPOCH if said and said.group(1) in (b"1", b"true") else 0


def _places(archive: zipfile.ZipFile) -> dict[str, str]:
    """Sheet name → its part in the archive."""
    targets = {link: target for link, _, target in _links(archive, _BOOK_LINKS)}
    try:
        book = etree.fromstring(archive.read(_BOOK), _parser())
    except (KeyError, etree.XMLSyntaxError):
        raise RefusedFile("工作簿损坏：没有工作表目录") from None
    found = {}
    for sheet in book.iter("{*}sheet"):
        by = next((str(v) for k, v in sheet.attrib.items() if etree.QName(k).localname == "id"), "")
        found[str(sheet.get("name"))] = targets.get(by, "")
    return found


def _links(archive: zipfile.ZipFile, part: str) -> list[tuple[str, str, str]]:
    """(id, kind, part in the archive) of what `part` links to."""
    try:
        root = etree.fromstring(archive.read(part), _parser())
    except (KeyError, etree.XMLSyntaxError):
        raise RefusedFile("工作簿损坏：没有工作表目录") from None
    found = []
    for link in root:
        target = str(link.get("Target"))
        place = target[1:] if target.startswith("/") else part.partition("_rels")[0] + target
        found.append((str(link.get("Id")), str(link.get("Type")).rpartition("/")[2], place))
    return found


def _usual(archive: zipfile.ZipFile) -> bool:
    """Whether the workbook's parts have the names everybody gives them: then the library reads the same ones."""
    try:
        begins = [place for _, kind, place in _links(archive, "_rels/.rels") if kind == "officeDocument"]
        links, places = _links(archive, _BOOK_LINKS), _places(archive)
    except RefusedFile:
        # The library says what is missing.
        return False
    names = archive.namelist()
    told = sorted((kind, place) for _, kind, place in links if kind in ("sharedStrings", "styles"))
    usual = sorted((kind, place) for kind, place in (("sharedStrings", STRINGS), ("styles", STYLES)) if place in names)
    each = archive.read(_BOOK).count(b"<sheet ")
    return begins == [_BOOK] and told == usual and len(set(places.values())) == each


def _faulty(archive: zipfile.ZipFile, place: str) -> dict[tuple[int, int], str]:
    try:
        return dict(_faulty_cells(archive, place))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise RefusedFile(f"工作簿损坏：{place} 的 XML 不合语法（{str(error)[:80]}）") from None


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
