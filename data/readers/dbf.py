"""dBASE III tables (.dbf): fixed-width records decoded strictly, field by field; a character cut by the field's end is dropped and counted."""

from __future__ import annotations

import struct
from pathlib import Path

import polars as pl

from data.contract import Form, Table
from data.readers import header
from data.readers.reading import NUMERIC, ROW, SHEET, Reading, RefusedFile, Unreadable, frame_of
from data.readers.source import file_bytes

_KINDS = "CNFDL"


def read(path: Path, form: Form, table: Table) -> Reading:
    """See `data.readers.read`. Row numbers are record numbers, deleted ones counted."""
    raw = file_bytes(path, form)
    count, start, length, fields = _layout(raw)
    names = [f[0] for f in fields]
    found = header.match(names, table)
    header.require(found, names, table)
    reading = Reading(pl.DataFrame(), notes=header.notes_of(found))
    chosen = [(name, *fields[place][1:]) for name, place in found.positions.items()]
    columns: dict[str, list[str | None]] = {name: [] for name, *_ in chosen}
    numbers: list[int] = []
    deleted = cut = 0
    for record in range(count):
        base = start + record * length
        if raw[base] == 0x2A:
            deleted += 1
            continue
        if raw[base] != 0x20:
            raise RefusedFile(f"DBF 第 {record + 1} 条记录的删除标志是 0x{raw[base]:02x}，记录错位或文件损坏")
        try:
            values = []
            for _, offset, width, _kind in chosen:
                text, was_cut = _text(raw[base + offset : base + offset + width], form)
                values.append(text)
                cut += was_cut
        except UnicodeDecodeError as error:
            reading.unreadable.append(
                Unreadable(record + 1, "", "encoding", f"有一格不是合法的 {form.encoding}（字节 {error.start}）")
            )
            continue
        for (name, *_), value in zip(chosen, values, strict=True):
            columns[name].append(value)
        numbers.append(record + 1)
    reading.aside("deleted", deleted)
    if cut:
        reading.notes.append(f"{cut} 格在汉字中间被字段宽度截断，已去掉半个字")
    frame = frame_of(columns, numbers)
    numeric = [name for name, _, _, kind in chosen if kind == "N" and table.columns[name].key is not None]
    if numeric:
        frame = frame.with_columns(pl.lit(",".join(numeric)).alias(NUMERIC))
    reading.frame = frame.select([*columns, ROW, SHEET, NUMERIC])
    return reading


def _layout(raw: bytes) -> tuple[int, int, int, list[tuple[str, int, int, str]]]:
    """Records, offset of the first, record length, and fields as (name, offset in the record, width, type)."""
    if raw[:1] in (b"\x30", b"\x31", b"\x32"):
        raise RefusedFile("是 Visual FoxPro 的表，合同约定 dBASE III；请用 COPY TO … TYPE FOX2X 另存后交付")
    if len(raw) < 33 or raw[0] & 0x07 not in (3, 4, 5):
        raise RefusedFile("不是 DBF 文件，或文件头被截断")
    count, start, length = struct.unpack("<IHH", raw[4:12])
    fields = []
    offset, place = 1, 32
    while place + 32 <= start and raw[place] != 0x0D:
        block = raw[place : place + 32]
        try:
            name = block[:11].split(b"\x00")[0].decode("ascii").strip()
        except UnicodeDecodeError:
            raise RefusedFile("DBF 的字段名不是 ASCII") from None
        fields.append((name, offset, block[16], chr(block[11])))
        offset += block[16]
        place += 32
    if not fields or offset != length:
        raise RefusedFile(f"DBF 文件头自相矛盾：记录长 {length} 字节，各字段合计 {offset} 字节")
    odd = sorted({kind for *_, kind in fields if kind not in _KINDS})
    if odd:
        raise RefusedFile(
            f"DBF 有不支持的字段类型 {'、'.join(map(repr, odd))}（只读字符、数值、日期、逻辑；备注字段的内容不在本文件里）"
        )
    if raw[15]:
        raise RefusedFile("DBF 已加密")
    whole = max(0, (len(raw) - start) // length)
    if count > whole:
        raise RefusedFile(f"DBF 声明 {count} 条记录，实际只有 {whole} 条，文件被截断")
    if count < whole:
        raise RefusedFile(f"DBF 声明 {count} 条记录，文件里却有 {whole} 条，文件头与内容不符")
    return count, start, length, fields


def _text(cell: bytes, form: Form) -> tuple[str, int]:
    """A cell without its padding, and 1 if the field's width cut a character in two."""
    padded = cell.rstrip(b" \x00")
    try:
        return padded.decode(form.encoding).strip(), 0
    except UnicodeDecodeError as error:
        if len(padded) == len(cell) and error.start >= len(padded) - 3 and error.end >= len(padded):
            return padded[: error.start].decode(form.encoding).strip(), 1
        raise
