"""XML deliveries: flat or shallow records by streaming, without DTDs, entities or network."""

from __future__ import annotations

import io
import re
from pathlib import Path

import polars as pl
from lxml import etree

from data.contract import Form, Table, header_mark
from data.readers import header
from data.readers.envelope import MAX_CELL
from data.readers.reading import Reading, RefusedFile, Unreadable, frame_of
from data.readers.source import file_bytes
from data.readers.strange import meant

_DECLARED = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<\?xml[^>]*encoding=[\"']([A-Za-z0-9_\-]+)[\"']")
_CHINESE = {"gb2312", "gbk", "gb18030", "cp936"}


def read(path: Path, form: Form, table: Table) -> Reading:
    """See `data.readers.read`. Row numbers count records."""
    raw = file_bytes(path, form)
    # UTF-16 is ASCII with NULs between.
    bare = raw.replace(b"\x00", b"")
    if b"<!DOCTYPE" in bare or b"<!ENTITY" in bare:
        raise RefusedFile("XML 含 DOCTYPE 或实体声明，不予接收")
    encoding, notes = _encoding(raw, form)
    reading = Reading(pl.DataFrame(), notes=notes)
    once = {header_mark(h) for c in table.columns.values() if c.type == "code" and not c.split for h in c.headers}
    rows, order = _records(raw, encoding, form, reading, once)
    found = header.match(order, table)
    if rows:
        header.require(found, order, table)
    reading.notes += header.notes_of(found)
    columns = {name: [row.get(order[place]) for _, row in rows] for name, place in found.positions.items()}
    reading.frame = frame_of(columns or {n: [] for n in table.columns}, [no for no, _ in rows])
    return reading


def _encoding(raw: bytes, form: Form) -> tuple[str, list[str]]:
    """The contract's encoding if the bytes fit it, else the Chinese one the file itself declares; anything else is refused.

    A word or two of GB2312 may fit UTF-8 by accident (失效 is ʧЧ): then the file's own word counts.
    """
    declared = _DECLARED.match(raw)
    said = declared.group(1).decode("ascii").lower() if declared else ""
    place = 0
    ours = form.encoding.removesuffix("-sig")
    for encoding in (ours, "gb18030") if said in _CHINESE else (ours,):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError as error:
            place = error.start
            continue
        other = meant(text) if encoding == "utf-8" else None
        if other is not None:
            if said in _CHINESE:
                continue
            raise RefusedFile(
                f"全文没有一个汉字，却有「{other[0]}」，按 GB18030 读是「{other[1]}」；编码与声明（{said or '无'}）不符"
            )
        note = [] if not said or said == encoding else [f"声明的编码是 {said}，实际按 {encoding} 读出"]
        return encoding, note
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise RefusedFile(f"合同约定 {ours}，实际是 UTF-16（开头有字节顺序标记）")
    line = raw.count(b"\n", 0, place) + 1
    raise RefusedFile(f"第 {line} 行不是合法的 {ours}（声明：{said or '无'}）")


def _records(
    raw: bytes, encoding: str, form: Form, reading: Reading, once: set[str]
) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    rows: list[tuple[int, dict[str, str]]] = []
    order: dict[str, None] = {}
    depth = 0
    number = 0
    try:
        events = etree.iterparse(
            io.BytesIO(raw),
            events=("start", "end"),
            encoding=encoding,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        for event, element in events:
            depth += 1 if event == "start" else -1
            if event != "end" or not (_tag(element) == form.row if form.row else depth == 1):
                continue
            number += 1
            try:
                row = _flat(element, once)
                rows.append((number, row))
                order.update(dict.fromkeys(row))
            except ValueError as error:
                reading.unreadable.append(Unreadable(number, "", "cell", str(error)))
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]  # type: ignore[union-attr]
    except etree.XMLSyntaxError as error:
        line = error.lineno or 0
        raise RefusedFile(f"XML 第 {line} 行不合语法，文件可能被截断（已读到第 {number} 条记录）") from None
    return rows, list(order)


def _tag(element: etree._Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _flat(element: etree._Element, once: set[str]) -> dict[str, str]:
    """Attributes and leaf elements by path below the record; repeated leaves are joined by `;`, but of codes (`once`) there is one."""
    out: dict[str, str] = {str(k): str(v) for k, v in element.attrib.items()}

    def walk(node: etree._Element, path: str) -> None:
        stray = [node.text, *[child.tail for child in node]]
        if len(node) and any(text and text.strip() for text in stray):
            raise ValueError(f"元素 {path or _tag(node)} 里文字和子元素混在一起，不知道哪个是值")
        for child in node:
            name = f"{path}/{_tag(child)}" if path else _tag(child)
            if len(child):
                walk(child, name)
                continue
            text = child.text or ""
            if len(text) > MAX_CELL:
                raise ValueError(f"元素 {name} 超过 {MAX_CELL} 个字符")
            if name in out and header_mark(name) in once:
                raise ValueError(f"元素 {name} 在一条记录里出现两次，不知道哪个是它的代码")
            out[name] = f"{out[name]};{text}" if name in out else text

    walk(element, "")
    return out
