"""Delimited text (CSV, tab, \\x01): every record is checked against the declared shape before Polars' CSV engine sees it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import polars as pl

from data.contract import Form, Table
from data.readers import header, shape
from data.readers.ahead import Ahead
from data.readers.envelope import MAX_CELL
from data.readers.lines import set_aside
from data.readers.reading import NUMERIC, ROW, SHEET, Reading, RefusedFile, Unreadable, frame_of, layout_of
from data.readers.source import Source

# A record that spans more physical lines than this is a stray quote, not a long text.
MAX_SPAN = 200
# In this much of a file its header is looked for, and this much is cut into cells and handed on at a time.
_HEAD_BYTES = 1 << 20
BLOCK_BYTES = 4 << 20


def parts(path: Path, form: Form, table: Table) -> Iterator[Reading]:
    """See `data.readers.parts`. Row numbers count records: a line break inside a quoted cell does not shift them.

    Memory: a part, whatever the size of the file.
    """
    source = Source(path, form)
    form, notes = source.form, source.notes
    text = Ahead(_unified(source, notes))
    top, width, names, reading = _headed(text, form, table, notes)
    row = top + 1
    while True:
        frame, records = _block(text, row, width, names, form, reading) if text.more else (_no_rows(names), 0)
        reading.frame = set_aside(frame, form, table, reading)
        yield reading
        if not text.more:
            return
        reading, row = Reading(pl.DataFrame(), layout=reading.layout), row + records


def _headed(text: Ahead, form: Form, table: Table, notes: list[str]) -> tuple[int, int, dict[str, int], Reading]:
    """(records above the data, columns of a record, our column → position, what was found above); the text stands at the data then."""
    text.reach(_HEAD_BYTES)
    lines = text.lines(_HEAD_BYTES, header.LOOK_ROWS + 1 + MAX_SPAN)
    own = min(len(lines), header.LOOK_ROWS + 1)
    records, _, _ = _records(lines, own, text.reaches_end(_HEAD_BYTES), form)
    if not records and (form.header or form.min_rows > 0):
        raise RefusedFile("文件里没有任何一行")
    _short(records[: header.LOOK_ROWS + 1], 1)
    names, top, skipped, found_notes = _columns(records, form, table)
    reading = Reading(pl.DataFrame(), notes=notes + found_notes)
    for kind, count in skipped.items():
        reading.aside(kind, count)
    text.skip_lines(sum(record.count("\n") + 1 for record in records[:top]))
    width = _width(records[top - 1], form) if form.header else max(names.values()) + 1
    reading.layout = layout_of(names, width)
    return top, width, names, reading


def _block(
    text: Ahead, row: int, width: int, names: dict[str, int], form: Form, reading: Reading
) -> tuple[pl.DataFrame, int]:
    """(rows, records) of the next block, which is taken. Lines that are plainly well formed are cut without looking at each."""
    text.reach(BLOCK_BYTES + 1)
    end = text.line_end(BLOCK_BYTES)
    block = text.upto(end)
    ended = block if block.endswith(b"\n") else block + b"\n"
    seen = shape.plain(ended, width, form.delimiter, form.quote)
    if seen is not None:
        text.skip(end)
        rows = pl.int_range(row, row + seen.lines, dtype=pl.Int64, eager=True)
        return _cut(ended, rows, width, names, form, seen.quoted), seen.lines
    lines = ended.decode().split("\n")[:-1]
    # Only what follows tells whether a quote that is open here ever closes.
    text.reach(end + _HEAD_BYTES)
    further = text.lines(_HEAD_BYTES, MAX_SPAN, start=end)
    at_end = text.reaches_end(end + _HEAD_BYTES, MAX_SPAN, start=end)
    own = len(lines)
    records, broken, used = _records([*lines, *further], own, at_end, form)
    _short(records, row)
    text.skip(end)
    text.skip_lines(used - own)
    last = row + len(records) - 1 if not text.more else -1
    told = {row - 1 + place: why for place, why in broken.items()}
    return _table(records, row, last, width, names, form, reading, told), len(records)


def _short(records: list[str], first: int) -> None:
    if max(map(len, records), default=0) > MAX_CELL:
        row = next(i for i, r in enumerate(records, first) if len(r) > MAX_CELL)
        raise RefusedFile(f"第 {row} 行超过 {MAX_CELL} 个字符，不像一条记录")


def _unified(source: Source, notes: list[str]) -> Iterator[bytes]:
    """The text as UTF-8 with LF at the end of its lines, whatever stood there."""
    seen = source.survey
    old_mac = doubled = False
    if seen.crcrlf:
        doubled = True
        notes.append("行结束符是 CR CR LF（经过两次换行转换），已按行读出")
    if seen.dos_end:
        # Old DOS programs end a text so.
        notes.append("文件末尾有 DOS 结束符（0x1A），已略去")
    # Of CR CR LF one LF is left.
    cr, crlf = seen.cr - 2 * seen.crcrlf, seen.crlf - seen.crcrlf
    if cr > crlf and seen.lf == 0:
        old_mac = True
        notes.append("行结束符是 CR（老式苹果文本），已按行读出")
    elif cr and (0 < crlf < seen.lf or cr > crlf):
        notes.append("行结束符混用，已统一")
    return _with_line_feeds(source.texts(line_feeds=True), doubled, old_mac, seen.dos_end)


def _with_line_feeds(texts: Iterator[str], doubled: bool, old_mac: bool, dos_end: bool) -> Iterator[bytes]:
    for text in texts:
        if doubled:
            # Of CR CR LF one CR is left by now.
            text = text.replace("\r\n", "\n")
        # Only the last piece can end in anything but a line end.
        if dos_end and text.endswith("\x1a"):
            text = text.rstrip("\x1a")
        yield (text.replace("\r", "\n") if old_mac else text).encode()


def _records(lines: list[str], own: int, at_end: bool, form: Form) -> tuple[list[str], dict[int, str], int]:
    """The records that begin in the first `own` of the lines, joined over line breaks inside quotes; the 0-based ones whose quotes
    never close, with the reason; and how many lines they took. `at_end`: the text ends with these lines.
    """
    quote = form.quote
    if not quote or not any(quote in line for line in lines[:own]):
        return lines[:own], {}, own
    odd = [line.count(quote) % 2 == 1 for line in lines[:own]]
    if True not in odd:
        return lines[:own], {}, own
    whole = re.compile(_record_pattern(form))
    records: list[str] = []
    broken: dict[int, str] = {}
    place = 0
    while place < own:
        line = lines[place]
        taken = 1
        if odd[place]:
            joined, taken = _joined(lines, place, quote, form.delimiter, whole)
            if taken == 0:
                truncated = at_end and place == len(lines) - 1
                broken[len(records)] = "引号没有闭合" + ("，文件可能被截断" if truncated else "")
                joined, taken = line, 1
            line = joined
        records.append(line)
        place += taken
    return records, broken, place


def _joined(lines: list[str], start: int, quote: str, delimiter: str, whole: re.Pattern[str]) -> tuple[str, int]:
    """The record that begins at `start` and how many lines it takes; 0 lines if it never becomes a well-formed record."""
    count = lines[start].count(quote)
    for end in range(start + 1, min(start + MAX_SPAN, len(lines))):
        count += lines[end].count(quote)
        if count % 2 == 0:
            record = "\n".join(lines[start : end + 1])
            sound = whole.fullmatch(record) and not _swallows(record, quote, delimiter)
            return (record, end + 1 - start) if sound else ("", 0)
    return "", 0


def _swallows(record: str, quote: str, delimiter: str) -> bool:
    """Whether a quote opened in one record and closed in a later one: the cells inside are exactly those of the lines between."""
    q = re.escape(quote)
    width = re.sub(f"{q}(?:[^{q}]|{q}{q})*{q}", "", record).count(delimiter)
    return width > 1 and record.count(delimiter) - width == width * record.count("\n")


def _record_pattern(form: Form) -> str:
    q, d = re.escape(form.quote or '"'), re.escape(form.delimiter)
    field = f"(?:{q}(?:[^{q}]|{q}{q})*{q}|[^{q}{d}]*)"
    return f"{field}(?:{d}{field})*"


def _cells(record: str, form: Form) -> list[str]:
    if not form.quote or form.quote not in record:
        return record.split(form.delimiter)
    import csv

    try:
        return next(csv.reader([record], delimiter=form.delimiter, quotechar=form.quote), [])
    except csv.Error:
        # A lone CR outside quotes, a cell beyond the module's own limit.
        raise RefusedFile("表头或表头以上的一行读不成表格：格内有单独的回车符，或一格过长") from None


def _apart(record: str, form: Form, formed: bool) -> list[str]:
    """The cells of a record that has more or fewer than it should; where quotes mean nothing, what stands between separators."""
    if formed:
        with suppress(RefusedFile):
            return _cells(record, form)
    return [cell.strip(form.quote) for cell in record.split(form.delimiter)]


def _width(record: str, form: Form) -> int:
    return len(_cells(record, form))


def _columns(records: list[str], form: Form, table: Table) -> tuple[dict[str, int], int, dict[str, int], list[str]]:
    """Our column → position, the index of the first data record, what stands above the header, notes."""
    if not form.header:
        return {name: place for place, name in enumerate(table.columns)}, 0, {}, []
    best: tuple[int, header.Match, list[str]] | None = None
    for place, record in enumerate(records[: header.LOOK_ROWS]):
        cells = _cells(record, form)
        found = header.match(cells, table)
        if best is None or len(found.positions) > len(best[1].positions):
            best = (place, found, cells)
        # Every column and nothing unexplained: no record further down can do better.
        if len(found.positions) == len(table.columns) and not found.extra:
            break
    assert best is not None
    place, found, cells = best
    if form.delimiter not in records[place] and len(table.columns) > 1:
        rival = max(",\t;|\x01", key=records[place].count)
        if rival in records[place]:
            raise RefusedFile(f"分隔符不对：合同约定 {_shown(form.delimiter)}，表头里是 {_shown(rival)}")
    header.require(found, cells, table)
    if place + 1 < len(records) and records[place + 1] == records[place]:
        raise RefusedFile(f"表头重复：第 {place + 1} 行和第 {place + 2} 行都是表头")
    skipped = {"unit": 0, "title": 0, "blank": 0}
    for record in records[:place]:
        above = [c for c in _cells(record, form) if c.strip()]
        conflict = header.unit_row_conflict(above, table)
        if conflict:
            raise RefusedFile(conflict)
        skipped["blank" if not above else "unit" if header.is_unit_row(above[0]) else "title"] += 1
    return found.positions, place + 1, skipped, header.notes_of(found)


def _table(
    records: list[str],
    first: int,
    last: int,
    width: int,
    names: dict[str, int],
    form: Form,
    reading: Reading,
    broken: dict[int, str],
) -> pl.DataFrame:
    """Records numbered from `first` on, cut into cells; those that cannot be are named. `last`: the number of the file's last record."""
    body = pl.DataFrame({"r": pl.Series("r", records, dtype=pl.String)}).with_row_index(ROW, offset=first)
    bare = pl.col("r")
    quoted = form.quote is not None and any(form.quote in r for r in records)
    if quoted:
        q = re.escape(form.quote or '"')
        bare = bare.str.replace_all(f"{q}(?:[^{q}]|{q}{q})*{q}", "")
        formed = pl.col("r").str.contains(rf"(?s)\A(?:{_record_pattern(form)})\z")
    else:
        formed = pl.lit(True)
    checked = body.with_columns(
        (bare.str.count_matches(form.delimiter, literal=True) + 1).alias("n"),
        formed.alias("formed"),
        (pl.col("r").str.strip_chars() == "").alias("empty"),
    )
    reading.aside("blank", int(checked["empty"].sum()))
    checked = checked.filter(~pl.col("empty"))
    bad = checked.filter((pl.col("n") != width) | ~pl.col("formed"))
    for row, record, n, is_formed in bad.select(ROW, "r", "n", "formed").iter_rows():
        found = _unreadable(row, record, n, width, is_formed, broken.get(row - 1), row == last, form)
        reading.tell(found, _apart(record, form, is_formed))
    good = checked.filter((pl.col("n") == width) & pl.col("formed"))
    return _parsed(good, width, names, form, quoted)


def _unreadable(
    row: int, record: str, n: int, width: int, formed: bool, broken: str | None, is_last: bool, form: Form
) -> Unreadable:
    if broken:
        return Unreadable(row, "", "quote", broken)
    if not formed:
        return Unreadable(row, "", "quote", "引号使用不合规则（引号应包住整格，格内引号要成双）")
    if n < width:
        tail = "，文件可能在这里被截断" if is_last else ""
        hint = f"（换成了 {_shown(';')}？）" if ";" in record and form.delimiter != ";" and n == 1 else ""
        return Unreadable(row, "", "columns", f"应有 {width} 列，实际 {n} 列{hint}{tail}")
    return Unreadable(
        row, "", "columns", f"应有 {width} 列，实际 {n} 列：格内可能有未加引号的分隔符 {_shown(form.delimiter)}"
    )


def _parsed(good: pl.DataFrame, width: int, names: dict[str, int], form: Form, quoted: bool) -> pl.DataFrame:
    source = ("\n".join(good["r"].to_list()) + "\n").encode() if good.height else b""
    return _cut(source, good[ROW].cast(pl.Int64), width, names, form, quoted)


def _cut(source: bytes, rows: pl.Series, width: int, names: dict[str, int], form: Form, quoted: bool) -> pl.DataFrame:
    """Lines that were found well-formed, cut into cells by Polars' reader; `rows` are their record numbers."""
    if len(rows) == 0:
        return _no_rows(names)
    raw = pl.read_csv(
        source,
        has_header=False,
        separator=form.delimiter,
        quote_char=form.quote if quoted else None,
        infer_schema=False,
        new_columns=[f"c{i}" for i in range(width)],
        schema={f"c{i}": pl.String for i in range(width)},
        null_values=[form.null] if form.null is not None else None,
    )
    if raw.height != len(rows):
        raise RefusedFile(f"逐行检查得到 {len(rows)} 行，解析得到 {raw.height} 行，两者不符")
    frame = raw.select([pl.col(f"c{place}").alias(name) for name, place in names.items()])
    return frame.with_columns(rows.alias(ROW), pl.lit("").alias(SHEET), pl.lit(None, dtype=pl.String).alias(NUMERIC))


def _no_rows(names: dict[str, int]) -> pl.DataFrame:
    return frame_of({name: [] for name in names}, [])


def _shown(delimiter: str) -> str:
    return {"\t": "制表符", "\x01": "\\x01", ",": "逗号", ";": "分号", "|": "竖线"}.get(delimiter, delimiter)
