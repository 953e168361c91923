"""SQLite snapshots: one table of a delivered file, opened read-only; views, triggers and attached files are never touched."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import polars as pl

from data.contract import Form, Table
from data.readers import header
from data.readers.envelope import MAX_CELL
from data.readers.reading import Reading, RefusedFile, frame_of


def read(path: Path, form: Form, table: Table) -> Reading:
    """See `data.readers.read`. Row numbers are the order of rowid, the sheet is the SQLite table."""
    with path.open("rb") as handle:
        opening = handle.read(20)
    if not opening:
        raise RefusedFile("文件是空的（0 字节）")
    if opening[:16] != b"SQLite format 3\x00":
        raise RefusedFile("不是 SQLite 数据库，或文件已加密")
    if path.stat().st_size > form.max_bytes:
        raise RefusedFile(f"文件超过上限 {form.max_bytes} 字节")
    base = sqlite3.connect(f"file:{_quoted(path)}?mode=ro&immutable=1", uri=True)
    try:
        base.execute("PRAGMA trusted_schema = OFF")
        base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_CELL * 4)
        reading = _reading(base, table)
        # [SQLite file format 1.3.3] 2 = write-ahead log: what stands only in the log was not delivered, and whether there was any is not known.
        if opening[18:20] == b"\x02\x02":
            reading.notes.append(
                "快照处于 WAL（预写日志）模式，尚未并入的改动不在文件里；请对方交付前合并（VACUUM INTO）"
            )
        return reading
    except sqlite3.DatabaseError as error:
        raise RefusedFile(f"SQLite 数据库损坏或被截断：{error}") from None
    finally:
        base.close()


def _reading(base: sqlite3.Connection, table: Table) -> Reading:
    made = dict(base.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall())
    tables = list(made)
    native = next((t for t in tables if t.upper() == table.native.upper()), None)
    if native is None:
        raise RefusedFile(f"快照里没有表 {table.native}，只有 {'、'.join(sorted(tables)) or '（空）'}")
    damage = base.execute("PRAGMA quick_check(1)").fetchone()[0]
    if damage != "ok":
        raise RefusedFile(f"SQLite 数据库损坏：{damage}")
    headers = [r[1] for r in base.execute(f"PRAGMA table_info({_name(native)})")]
    found = header.match(headers, table)
    header.require(found, headers, table)
    reading = Reading(pl.DataFrame(), notes=header.notes_of(found))
    chosen = ", ".join(_name(headers[place]) for place in found.positions.values())
    said = (made[native] or "").upper()
    if said.lstrip().startswith("CREATE VIRTUAL"):
        raise RefusedFile(f"{native} 是虚拟表，它的内容由程序算出，不是数据")
    order = "" if "WITHOUT ROWID" in said else " ORDER BY rowid"
    rows = base.execute(f"SELECT {chosen} FROM {_name(native)}{order}").fetchall()
    codes = [n for n in found.positions if table.columns[n].key is not None]
    columns: dict[str, list[str | None]] = {}
    marks: list[list[str]] = [[] for _ in rows]
    for place, name in enumerate(found.positions):
        values = [row[place] for row in rows]
        if name in codes:
            for k, value in enumerate(values):
                if isinstance(value, int | float):
                    marks[k].append(name)
        columns[name] = [_text(v) for v in values]
    numeric = [",".join(m) or None for m in marks]
    reading.frame = frame_of(columns, range(1, len(rows) + 1), native, numeric)
    return reading


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        raise RefusedFile("文本列里存的是二进制")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path.resolve()))
