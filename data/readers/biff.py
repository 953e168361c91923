"""What an old workbook's own records say and the reading library does not: error cells, and formulas that nobody calculated."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from data.readers.reading import RefusedFile
from data.readers.sheet_xml import NO_VALUE

_FREE = 0xFFFFFFFA
_EOF, _FORMULA, _BOUNDSHEET, _BOOLERR = 0x000A, 0x0006, 0x0085, 0x0205
# [MS-XLS] 2.5.10 BErr
_ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}
Faults = dict[tuple[int, int], str]


def faulty_cells(path: Path) -> list[Faults]:
    """Per sheet, in the order of the workbook: (row, column) from 0 → the text that stands there.

    A formula whose result is an empty text is one that says nothing, unless no formula of the whole workbook has a result:
    then the program that wrote the file never calculated. Raises RefusedFile if the file is not built as its format says.
    """
    try:
        stream = _workbook(path.read_bytes())
        places = [struct.unpack_from("<I", body)[0] for kind, body in _records(stream, 0) if kind == _BOUNDSHEET]
        sheets = [list(_cells(stream, place)) for place in places]
    except (struct.error, IndexError, KeyError, ValueError) as error:
        raise RefusedFile(f"工作簿损坏：内部结构读不通（{type(error).__name__}）") from None
    calculated = any(how == "value" for sheet in sheets for _, how, _ in sheet)
    return [
        {at: text for at, how, text in sheet if how == "error" or (how == "nothing" and not calculated)}
        for sheet in sheets
    ]


def _cells(stream: bytes, place: int) -> Iterator[tuple[tuple[int, int], str, str]]:
    """(cell, `error`, `value` or `nothing`, what stands there) for error cells and formulas of one sheet."""
    for kind, body in _records(stream, place):
        if kind == _BOOLERR and body[7]:
            yield struct.unpack_from("<HH", body), "error", _ERRORS.get(body[6], "#VALUE!")
        elif kind == _FORMULA:
            at = struct.unpack_from("<HH", body)
            # [MS-XLS] 2.5.133 FormulaValue: anything but a number ends in FFFF and begins with its kind.
            if body[12:14] != b"\xff\xff" or body[6] in (0, 1):
                yield at, "value", ""
            elif body[6] == 2:
                yield at, "error", _ERRORS.get(body[8], "#VALUE!")
            else:
                yield at, "nothing", NO_VALUE


def _records(stream: bytes, place: int) -> Iterator[tuple[int, bytes]]:
    """The records of one substream, its end not counted."""
    while place + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, place)
        if kind == _EOF:
            return
        yield kind, stream[place + 4 : place + 4 + size]
        place += 4 + size
    raise ValueError("no end")


def _workbook(raw: bytes) -> bytes:
    """The stream of the workbook in its compound file ([MS-CFB])."""
    sector, mini = 1 << struct.unpack_from("<H", raw, 30)[0], 1 << struct.unpack_from("<H", raw, 32)[0]
    directory, _, cutoff, mini_start = struct.unpack_from("<4I", raw, 48)
    further, count = struct.unpack_from("<2I", raw, 68)
    places = list(struct.unpack_from("<109I", raw, 76))
    for _ in range(min(count, len(raw) // sector)):
        block = struct.unpack(f"<{sector // 4}I", _sector(raw, further, sector))
        places += block[:-1]
        further = block[-1]
    table: list[int] = []
    for place in places:
        if place < _FREE:
            table += struct.unpack(f"<{sector // 4}I", _sector(raw, place, sector))
    entries = b"".join(_sector(raw, s, sector) for s in _chain(table, directory))
    root, book = None, None
    for start in range(0, len(entries), 128):
        entry = entries[start : start + 128]
        name = entry[: max(0, struct.unpack_from("<H", entry, 64)[0] - 2)].decode("utf-16-le")
        if entry[66] == 5:
            root = entry
        elif entry[66] == 2 and name in ("Workbook", "Book"):
            book = entry
    if root is None or book is None:
        raise ValueError("no workbook")
    first, size = struct.unpack_from("<2I", book, 116)
    if size >= cutoff:
        return b"".join(_sector(raw, s, sector) for s in _chain(table, first))[:size]
    inner = b"".join(_sector(raw, s, sector) for s in _chain(table, struct.unpack_from("<I", root, 116)[0]))
    small = b"".join(_sector(raw, s, sector) for s in _chain(table, mini_start))
    links = list(struct.unpack(f"<{len(small) // 4}I", small))
    return b"".join(inner[s * mini : (s + 1) * mini] for s in _chain(links, first))[:size]


def _sector(raw: bytes, number: int, size: int) -> bytes:
    """A sector; the last one of a file may be short in what some programs write."""
    return raw[(number + 1) * size : (number + 2) * size].ljust(size, b"\x00")


def _chain(table: list[int], first: int) -> Iterator[int]:
    seen = 0
    while first < _FREE:
        if seen > len(table):
            raise ValueError("a chain without end")
        yield first
        first, seen = table[first], seen + 1
