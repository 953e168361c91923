"""Files as their senders write them, byte for byte repeatable: fixed timestamps inside gz, DBF and SQLite. Workbooks are in `books`."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import io
import json
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from xml.sax.saxutils import escape

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from polars._typing import CsvQuoteStyle

from data.world import defects
from data.world.origins import CLEAN_ROWS, Origins, Sent, origins, payload
from data.world.streams import Ints

STAMP = dt.datetime(2025, 1, 1)


# The fastest: a third of the seconds of a large world would else go into packing a tenth smaller.
GZIP_LEVEL = 1


@dataclass
class Written:
    """What a file holds: data rows, the control total (`_cents`, in 分), its rows as sent, of large pieces their origins only."""

    rows: int = 0
    amount: int | None = None
    sent: list[Sent] = field(default_factory=list)
    told: list[Origins] = field(default_factory=list)
    # SHA-256 of the text before it was packed, taken while writing: what `content_hash` would have to unpack for.
    content: bytes | None = None

    def add(self, frame: pl.DataFrame, row_no: Ints, sheet: str = "") -> None:
        """Row numbers count from 1 within the file or sheet, headers included."""
        self.rows += len(frame)
        if "_cents" in frame.columns:
            self.amount = (self.amount or 0) + int(frame["_cents"].sum())
        piece = Sent(frame, row_no, sheet)
        if len(frame) > CLEAN_ROWS:
            self.told.append(origins([("", piece)])._replace(clean=None))
        else:
            self.sent.append(piece)


class _Hashed:
    """A packed file that remembers the hash of what goes in."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, piece: bytes) -> None:
        self.digest.update(piece)
        self._file.write(piece)


class _Member(zipfile.ZipInfo):
    """The one file of an archive as Windows packs it here: its Chinese name in GBK, and no word that it is."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("gbk"), self.flag_bits & ~0x800


@contextmanager
def _zipped(raw: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    member = _Member(name, STAMP.timetuple()[:6])
    member.compress_type, member.create_system = zipfile.ZIP_DEFLATED, 0
    with zipfile.ZipFile(raw, "w", compresslevel=GZIP_LEVEL) as archive, archive.open(member, "w") as file:
        yield file


@contextmanager
def _opened(path: Path, written: Written) -> Iterator[IO[bytes] | _Hashed]:
    """The file for writing, compressed where its name ends in .gz or .zip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as raw:
        packed: AbstractContextManager[IO[bytes]] | gzip.GzipFile
        if path.suffix == ".gz":
            packed = gzip.GzipFile(filename="", mode="wb", compresslevel=GZIP_LEVEL, fileobj=raw, mtime=0)
        elif path.suffix == ".zip":
            packed = _zipped(raw, f"数据_{path.stem}")
        else:
            yield raw
            return
        with packed as file:
            hashed = _Hashed(file)
            yield hashed
        written.content = hashed.digest.digest()


def _store(path: Path, raw: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)


def ordinals(start: int, count: int) -> Ints:
    return np.arange(start, start + count, dtype=np.int64)


def csv(
    path: Path,
    frames: Iterable[pl.DataFrame],
    *,
    encoding: str,
    separator: str = ",",
    header: bool = True,
    quote: bool = False,
    end: str = "\r\n",
    null: str = "",
    bom: bool = False,
) -> Written:
    """Delimited text. Row numbers count records, so a line break inside a quoted cell does not shift them.

    Rows with `_unquoted` set go out without quotes.
    """
    written = Written()
    row = 1 + int(header)
    with _opened(path, written) as file:
        if bom:
            file.write("\ufeff".encode(encoding))
        for number, frame in enumerate(frames):
            style: CsvQuoteStyle = "always" if quote else "necessary" if separator == "," else "never"
            first = header and number == 0
            for part, bare in _runs(frame, "_unquoted"):
                text = io.BytesIO()
                payload(part).write_csv(
                    text,
                    separator=separator,
                    include_header=first,
                    quote_style="never" if bare else style,
                    line_terminator=end,
                    null_value=null,
                )
                file.write(_encoded(text.getvalue(), encoding))
                first = False
            written.add(frame, ordinals(row, len(frame)))
            row += len(frame)
    return written


# Lines at a time that are looked at for anything but ASCII, in bytes: figures and codes need no transcoding.
_LINES = 4096


def _encoded(raw: bytes, encoding: str) -> bytes:
    """UTF-8 lines in the encoding of the file."""
    if encoding == "utf-8":
        return raw
    if encoding != "gb18030":
        return raw.decode().encode(encoding)
    pieces, start = [], 0
    while start < len(raw):
        stop = raw.find(b"\n", start + _LINES) + 1 or len(raw)
        piece = raw[start:stop]
        pieces.append(piece if piece.isascii() else piece.decode().encode(encoding))
        start = stop
    return b"".join(pieces)


def _runs(frame: pl.DataFrame, flag: str) -> Iterator[tuple[pl.DataFrame, bool]]:
    """Neighbouring rows that agree in the flag, as one frame each; the whole frame where it has no such column."""
    if flag not in frame.columns or not frame[flag].any():
        yield frame, False
        return
    for (_, value), part in frame.group_by(pl.col(flag).rle_id().alias("_run"), flag, maintain_order=True):
        yield part, bool(value)


def parquet(path: Path, frames: Iterable[pl.DataFrame], typed: dict[str, pl.DataType | type[pl.DataType]]) -> Written:
    """One row group per frame, columns as text but for those typed. Row numbers are the order of the rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = Written()
    writer: pq.ParquetWriter | None = None
    row = 1
    for frame in frames:
        table = payload(frame).with_columns(_cast(c, t) for c, t in typed.items()).to_arrow()
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
        written.add(frame, ordinals(row, len(frame)))
        row += len(frame)
    if writer:
        writer.close()
    return written


def _cast(column: str, kind: pl.DataType | type[pl.DataType]) -> pl.Expr:
    return pl.col(column).str.to_date() if kind == pl.Date else pl.col(column).cast(kind)


def dump(path: Path, table: str, types: dict[str, str], comment: str, frames: Iterable[pl.DataFrame]) -> Written:
    """A pg_dump-like script: CREATE TABLE, COPY … FROM stdin, tab-separated rows, backslash-dot. Row numbers are line numbers."""
    written = Written()
    lines = [
        "--",
        "-- PostgreSQL database dump",
        "--",
        "",
        "SET client_encoding = 'UTF8';",
        "SET standard_conforming_strings = on;",
        "",
    ]
    lines += [f"CREATE TABLE scjg.{table.lower()} ("]
    lines += [f"    {n.lower()} {t}{',' if k < len(types) - 1 else ''}" for k, (n, t) in enumerate(types.items())]
    lines += [");", "", f"COMMENT ON TABLE scjg.{table.lower()} IS '{comment}';", ""]
    lines += [f"COPY scjg.{table.lower()} ({', '.join(n.lower() for n in types)}) FROM stdin;"]
    row = len(lines) + 1
    with _opened(path, written) as file:
        file.write(("\n".join(lines) + "\n").encode())
        for frame in frames:
            text = io.BytesIO()
            _escaped(payload(frame)).write_csv(
                text, separator="\t", include_header=False, quote_style="never", null_value="\\N"
            )
            file.write(text.getvalue())
            written.add(frame, ordinals(row, len(frame)))
            row += len(frame)
        file.write(b"\\.\n\n--\n-- PostgreSQL database dump complete\n--\n")
    return written


def _escaped(body: pl.DataFrame) -> pl.DataFrame:
    """The cells as COPY wants them; only columns that hold a character to escape are rewritten."""
    odd = body.select(pl.all().str.contains(r"[\\\t\r\n]").any()).row(0)
    return body.with_columns(
        pl.col(name)
        .str.replace_all("\\", "\\\\", literal=True)
        .str.replace_all("\t", "\\t", literal=True)
        .str.replace_all("\r", "\\r", literal=True)
        .str.replace_all("\n", "\\n", literal=True)
        for name, is_odd in zip(body.columns, odd, strict=True)
        if is_odd
    )


def json_lines(path: Path, frame: pl.DataFrame) -> Written:
    """One object per line, UTF-8."""
    written = Written()
    rows = payload(frame).to_dicts()
    _store(path, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode())
    written.add(frame, ordinals(1, len(frame)))
    return written


def dbase(path: Path, fields: dict[str, int], frames: Iterable[pl.DataFrame]) -> Written:
    """A dBASE III table of character fields in cp936 (language driver 0x4D). Row numbers are record numbers.

    By hand: the dbf package writes 3,000 records a second, a world has millions.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    written = Written()
    day = (STAMP.year - 1900, STAMP.month, STAMP.day)
    size = 1 + sum(fields.values())

    def head() -> bytes:
        return struct.pack("<4BIHH17xB2x", 3, *day, written.rows, 33 + 32 * len(fields), size, 0x4D)

    with path.open("wb") as file:
        file.write(head())
        for name, width in fields.items():
            file.write(struct.pack("<11sc4xB15x", name.encode(), b"C", width))
        file.write(b"\r")
        for frame in frames:
            told, records = _records(frame, fields)
            file.write(records)
            written.add(told, ordinals(written.rows + 1, len(told)))
        file.write(b"\x1a")
        # How many there are is known now.
        file.seek(0)
        file.write(head())
    return written


def _records(frame: pl.DataFrame, fields: dict[str, int]) -> tuple[pl.DataFrame, bytes]:
    """The frame, with what became of cells that cp936 cannot hold, and its records."""
    body = payload(frame)
    cells = [np.full((len(body), 1), ord(" "), dtype=np.uint8)]
    for name, width in fields.items():
        values = body[name].fill_null("")
        padded = values.str.pad_end(width).str.join("").item().encode() if len(values) else b""
        if len(padded) != width * len(values):
            frame, padded = _in_code_page(frame, name, values, width)
        cells.append(np.frombuffer(padded, dtype=np.uint8).reshape(len(values), width))
    return frame, np.concatenate(cells, axis=1).tobytes()


def _in_code_page(frame: pl.DataFrame, name: str, values: pl.Series, width: int) -> tuple[pl.DataFrame, bytes]:
    """The padded field in cp936, and the frame with what became of it.

    The 社保 system knows no more than cp936: what it cannot write becomes a question mark, what is too long is cut.
    """
    # No cell holds NUL: the whole column is encoded at once.
    whole = values.str.join("\0").item().encode("cp936", "replace").split(b"\0")
    raw = [r[:width] for r in whole]
    lost = np.array([len(r) > width or b"?" in r for r in whole])
    places = np.flatnonzero(lost)
    if len(places):
        written_as = values.clone().scatter(places, [raw[k].decode("cp936", "ignore") for k in places.tolist()])
        changed = written_as.ne_missing(values).to_numpy()
        frame = defects.put(frame, name, changed, "outside_code_page", written_as)
    return frame, b"".join([r.ljust(width) for r in raw])


def xml(path: Path, root: str, item: str, frame: pl.DataFrame, declared: str, encoding: str) -> Written:
    """Flat records; `declared` may lie about `encoding`. A column `a/b` nests, a null is left out. Row numbers count records."""
    lines = [f'<?xml version="1.0" encoding="{declared}"?>', f'<{root} count="{len(frame)}">']
    body = payload(frame)
    for row in body.iter_rows(named=True):
        cells = "".join(f"<{n}>{escape(v)}</{n}>" for n, v in row.items() if v is not None)
        lines.append(f"  <{item}>{cells}</{item}>")
    lines.append(f"</{root}>")
    _store(path, ("\n".join(lines) + "\n").encode(encoding))
    written = Written()
    written.add(frame, ordinals(1, len(frame)))
    return written


def sqlite(path: Path, tables: dict[str, pl.DataFrame]) -> Written:
    """A SQLite snapshot, text columns only. Row numbers are rowids, the sheet is the table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    written = Written()
    base = sqlite3.connect(path, isolation_level=None)
    base.execute("PRAGMA page_size = 4096")
    base.execute("PRAGMA journal_mode = OFF")
    base.execute("BEGIN")
    for name, frame in tables.items():
        body = payload(frame)
        base.execute(f"CREATE TABLE {name} ({', '.join(f'{c} TEXT' for c in body.columns)})")
        base.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(body.columns))})", body.rows())
        written.add(frame, ordinals(1, len(frame)), name)
    base.execute("COMMIT")
    base.close()
    with path.open("r+b") as handle:
        # The library writes its own version number here; fixed, the bytes do not depend on the machine.
        handle.seek(96)
        handle.write(struct.pack(">I", 3_040_000))
    return written


_PIECE = 1 << 22


def content_hash(path: Path, sha256: str = "") -> bytes:
    """SHA-256 of a file without what differs between zlib builds: compression undone, hashes of compressed bytes dropped.

    `sha256` of the whole file where it is known already: of a plain one it is the answer.
    """
    if path.name.endswith(".xlsx"):
        with zipfile.ZipFile(path) as archive:
            return hashlib.sha256(b"".join(n.encode() + archive.read(n) for n in sorted(archive.namelist()))).digest()
    if path.name.endswith(".parquet"):
        # The file names the library that wrote it.
        table = pl.read_parquet(path)
        return hashlib.sha256(f"{table.schema}\n{table.write_csv()}".encode()).digest()
    if path.name.endswith(".receipt.json"):
        receipt = json.loads(path.read_bytes())
        text = json.dumps([receipt["file"], receipt["received_at"], receipt["sequence"]])
        return hashlib.sha256(text.encode()).digest()
    if path.name.endswith(".ctl"):
        lines = [line for line in path.read_bytes().splitlines() if not line.startswith(b"md5=")]
        return hashlib.sha256(b"\n".join(lines)).digest()
    if sha256 and path.suffix not in (".gz", ".zip"):
        return bytes.fromhex(sha256)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        # A delivery cut off on its way has no end of its packed stream: what can be unpacked of it counts.
        if path.suffix == ".gz":
            unpack: Callable[[bytes], bytes] = zlib.decompressobj(wbits=31).decompress
        elif path.suffix == ".zip":
            unpack = zlib.decompressobj(wbits=-15).decompress
            file.seek(30 + sum(struct.unpack("<26x2H", file.read(30))))
        else:
            unpack = bytes
        while piece := file.read(_PIECE):
            digest.update(unpack(piece))
    return digest.digest()
