"""The bytes and the text of a delivery, a few megabytes at a time and as often as they are asked for: limits of size and archive, the declared encoding, strictly."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from data.contract import Form
from data.readers.envelope import BROKEN_ZIP, MAX_RATIO, checked_size, checked_zip, kind_of, only_member
from data.readers.reading import RefusedFile
from data.readers.strange import Doubt

CHUNK = 4 << 20
# Deliveries up to this size are unpacked once and kept, larger ones are unpacked again for each pass.
KEEP = 4 * CHUNK
_NAMES = {"gb18030": "GB18030", "utf-8": "UTF-8", "utf-8-sig": "UTF-8（带 BOM）", "utf-16": "UTF-16（带 BOM）"}
# Four Chinese characters in a row as UTF-8. Text in GB18030 practically never contains these bytes.
_UTF8_RUN = re.compile(rb"(?:[\xe4-\xe9][\x80-\xbf]{2}){4}")
_ASCII = bytes(range(128))
_BOMS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_LINE_END = {"utf-16-le": b"\n\x00", "utf-16-be": b"\x00\n"}


@dataclass(frozen=True)
class Survey:
    """What one pass over the bytes showed: their number, line ends, NULs (and the line of the first), a run of Chinese in UTF-8, the last byte."""

    size: int = 0
    cr: int = 0
    lf: int = 0
    crlf: int = 0
    crcrlf: int = 0
    nul: int = 0
    nul_line: int = 0
    utf8: bool = False
    dos_end: bool = False


class Source:
    """One delivery of text: `pieces` of whole lines, of which no step holds more than one."""

    def __init__(self, path: Path, form: Form) -> None:
        self._path, self.form = path, form
        self._kept: list[bytes] | None = None
        self.notes: list[str] = []
        self._opened()

    def pieces(self) -> Iterator[bytes]:
        """The unpacked bytes, cut after line ends."""
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[bytes] | None = []
        size = 0
        for piece in _whole_lines(self._chunks(), self._codec):
            size += len(piece)
            if size > KEEP:
                kept = None
            if kept is not None:
                kept.append(piece)
            yield piece
        self._kept = kept

    def texts(self, line_feeds: bool = False) -> Iterator[str]:
        """The text in the declared encoding, without its BOM. Never guesses: bytes that do not fit refuse the file, with what was seen.

        `line_feeds`: with LF for every CR LF, which is several times cheaper to do in bytes.
        """
        place = 0
        doubt = Doubt(self._codec)
        # In UTF-8 and GB18030 no byte of a longer character is a CR or LF.
        in_bytes = line_feeds and not self._codec.startswith("utf-16")
        for piece in self.pieces():
            try:
                text = (self._with_line_feeds(piece) if in_bytes else piece).decode(self._codec)
            except UnicodeDecodeError as error:
                # Two bytes become one before the place found: asked again of the bytes as they came.
                raise RefusedFile(self._misfit(place + _first_fault(piece, self._codec, error))) from None
            if line_feeds and not in_bytes:
                text = text.replace("\r\n", "\n")
            if place == 0:
                text = text.removeprefix("\ufeff")
            doubt.look(text)
            # Of the other encodings the survey has told.
            if not in_bytes and "\x00" in text:
                raise RefusedFile("文件里有 NUL 字符")
            middle = text.find("\ufeff")
            if middle >= 0:
                row = self._lines_before(place) + text.count("\n", 0, middle) + 1
                raise RefusedFile(f"第 {row} 行中间有字节顺序标记（BOM），像是几个文件直接拼在一起")
            place += len(piece)
            if place == self.survey.size:
                doubt.end()
            yield text

    def _with_line_feeds(self, piece: bytes) -> bytes:
        if self.survey.cr == self.survey.crlf:
            # No CR stands alone: taking them all out is three times as fast as replacing pairs.
            return piece.translate(None, b"\r") if self.survey.cr else piece
        return piece.replace(b"\r\n", b"\n")

    def _lines_before(self, place: int) -> int:
        """Line ends in the first `place` bytes, which are whole pieces."""
        lines = 0
        for piece in self.pieces():
            if place <= 0:
                break
            lines += piece.decode(self._codec, "replace").count("\n")
            place -= len(piece)
        return lines

    @cached_property
    def survey(self) -> Survey:
        """One pass over every byte. Raises RefusedFile for NULs and for Chinese in another encoding than promised."""
        wide = self._codec.startswith("utf-16")
        size = cr = lf = crlf = crcrlf = nul = nul_line = 0
        utf8, last = False, b""
        for piece in self.pieces():
            size += len(piece)
            if wide:
                # Counted on the characters: a byte of one may look like a line end.
                piece = piece.decode(self._codec, "replace").encode()
            if not wide and b"\x00" in piece:
                nul_line = nul_line or lf + piece.count(b"\n", 0, piece.find(b"\x00")) + 1
                nul += piece.count(b"\x00")
            own, before_lf, ends = _line_ends(piece)
            cr, crlf, lf = cr + own, crlf + before_lf, lf + ends
            crcrlf += piece.count(b"\r\r\n") if own > before_lf else 0
            utf8 = utf8 or (not wide and looks_utf8(piece))
            last = piece[-1:] or last
        return Survey(size, cr, lf, crlf, crcrlf, nul, nul_line, utf8, last == b"\x1a")

    @cached_property
    def _codec(self) -> str:
        if self.form.encoding == "utf-16":
            return _BOMS.get(self._opening[:2], "utf-16-le")
        return "utf-8" if self.form.encoding == "utf-8-sig" else self.form.encoding

    @cached_property
    def _opening(self) -> bytes:
        # After the survey the pieces of all but large files are at hand; the order of bytes must be known before it.
        known = self._chunks() if self.form.encoding == "utf-16" else self.pieces()
        return next(known, b"")[:512]

    def _opened(self) -> None:
        """What the first bytes and one pass over the others tell: foreign formats, NULs, the one of two declared encodings."""
        checked_size(self._path, self.form)
        form = self.form
        if form.encoding == "utf-16" and self._opening[:2] not in _BOMS and not kind_of(self._opening):
            raise RefusedFile("合同约定 UTF-16（带 BOM），文件开头没有 BOM")
        seen = self.survey
        if form.also is not None and form.encoding != form.also and seen.utf8 and self._fits(form.also):
            self.form = form.model_copy(update={"encoding": form.also})
            self.notes.append(f"文件实际是 {_NAMES[form.also]}（合同声明可能改用的编码），已按它读出")
            self.__dict__.pop("_codec", None)
        name = kind_of(self._opening)
        if name:
            raise RefusedFile(f"合同约定文本，实际是{name}")
        if self.form.encoding == "utf-16":
            if sum(map(len, self.pieces())) % 2:
                raise RefusedFile("UTF-16 文件的字节数是奇数，文件被截断")
            return
        if self._opening[:2] in _BOMS:
            raise RefusedFile(f"合同约定 {_NAMES[self.form.encoding]}，文件开头是 UTF-16 的 BOM")
        if seen.nul:
            raise RefusedFile(f"第 {seen.nul_line} 行有 NUL 字节，不是合法文本（共 {seen.nul} 个）")
        if self._codec == "gb18030" and seen.utf8:
            self._refuse_mixed()

    def _refuse_mixed(self) -> None:
        like = rest = 0
        for line in self._lines():
            if _UTF8_RUN.search(line) and _decodes(line, "utf-8"):
                like += 1
            elif not line.isascii():
                rest += 1
        if like and self._fits("utf-8"):
            raise RefusedFile("合同约定 GB18030，文件实际是 UTF-8；请按合同重新交付，或更新合同的编码")
        if like:
            raise RefusedFile(f"文件里混有两种编码：{like} 行像 UTF-8，{rest} 行像 GB18030")

    def _misfit(self, at: int) -> str:
        """What a file that does not decode looks like, told line by line."""
        codec = self._codec
        if codec.startswith("utf-16"):
            return f"第 {at} 字节起不是合法的 UTF-16"
        other = "gb18030" if codec == "utf-8" else "utf-8"
        lines = bad = as_other = place = line_no = 0
        for line in self._lines():
            lines += 1
            if not _decodes(line, codec):
                bad, as_other = bad + 1, as_other + _decodes(line, other)
        for piece in self.pieces():
            line_no += piece.count(b"\n", 0, max(0, at - place))
            place += len(piece)
        message = f"第 {line_no + 1} 行不是合法的 {_NAMES[codec]}（第 {at} 字节）；{lines} 行中 {bad} 行不合"
        if as_other == bad and as_other:
            whole = "整个文件" if self._fits(other) else f"这 {as_other} 行"
            return message + f"，{whole}符合 {_NAMES[other]}"
        return message + ("，文件可能在一个汉字中间被截断" if at >= place - 4 else "")

    def _fits(self, codec: str) -> bool:
        return all(_decodes(piece, codec) for piece in self.pieces())

    def _lines(self) -> Iterator[bytes]:
        for piece in self.pieces():
            yield from piece.splitlines()

    def _chunks(self) -> Iterator[bytes]:
        return _unpacked(self._path, self.form)


def file_bytes(path: Path, form: Form) -> bytes:
    """The unpacked bytes at once, for formats that are no text."""
    checked_size(path, form)
    return b"".join(_unpacked(path, form))


def looks_utf8(raw: bytes) -> bool:
    """Whether four Chinese characters in a row stand as UTF-8. Searched first without the ASCII, most of most files, and all places at once."""
    foreign = np.frombuffer(raw.translate(None, _ASCII), dtype=np.uint8)
    if len(foreign) < 12:
        return False
    follows = foreign < 0xC0
    begins = (foreign >= 0xE4) & (foreign <= 0xE9)
    found = begins[:-2] & follows[1:-1] & follows[2:]
    four = found[:-9] & found[3:-6] & found[6:-3] & found[9:]
    return bool(four.any()) and bool(_UTF8_RUN.search(raw))


def _line_ends(piece: bytes) -> tuple[int, int, int]:
    """(CR, CR LF, LF) in a piece."""
    found = np.frombuffer(piece, dtype=np.uint8)
    feeds = found == 10
    ends = int(np.count_nonzero(feeds))
    if b"\r" not in piece:
        return 0, 0, ends
    returns = found == 13
    return int(np.count_nonzero(returns)), int(np.count_nonzero(returns[:-1] & feeds[1:])), ends


def _first_fault(piece: bytes, codec: str, error: UnicodeDecodeError) -> int:
    try:
        piece.decode(codec)
    except UnicodeDecodeError as first:
        return first.start
    return error.start


def _decodes(raw: bytes, codec: str) -> bool:
    try:
        raw.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _whole_lines(chunks: Iterator[bytes], codec: str) -> Iterator[bytes]:
    """The same bytes cut after the last line end of each chunk. A line longer than a chunk is kept together."""
    end_of_line = _last_wide(codec) if codec.startswith("utf-16") else lambda chunk: chunk.rfind(b"\n") + 1
    held: list[bytes] = []
    for chunk in _even(chunks) if codec.startswith("utf-16") else chunks:
        cut = end_of_line(chunk)
        if cut == 0:
            held.append(chunk)
            continue
        yield b"".join([*held, chunk[:cut]])
        held = [chunk[cut:]]
    if any(held):
        yield b"".join(held)


def _even(chunks: Iterator[bytes]) -> Iterator[bytes]:
    odd = b""
    for chunk in chunks:
        whole = odd + chunk
        cut = len(whole) & ~1
        odd = whole[cut:]
        yield whole[:cut]
    if odd:
        yield odd


def _last_wide(codec: str) -> Callable[[bytes], int]:
    """The place after the last line end of a chunk of UTF-16."""
    mark = _LINE_END[codec]

    def found(chunk: bytes) -> int:
        place = chunk.rfind(mark)
        while place > 0 and place % 2:
            place = chunk.rfind(mark, 0, place + 1)
        return place + 2 if place >= 0 and place % 2 == 0 else 0

    return found


def _unpacked(path: Path, form: Form) -> Iterator[bytes]:
    if form.archive == "gz":
        yield from _inflated(path, form)
    elif form.archive == "zip":
        with checked_zip(path, form.max_bytes) as archive:
            try:
                with archive.open(only_member(archive)) as part:
                    yield from iter(lambda: part.read(CHUNK), b"")
            except BROKEN_ZIP as error:
                raise RefusedFile(f"ZIP 损坏：里面的文件解不开（{type(error).__name__}）") from None
    else:
        with path.open("rb") as handle:
            yield from iter(lambda: handle.read(CHUNK), b"")


def _inflated(path: Path, form: Form) -> Iterator[bytes]:
    """A gzip file unpacked in chunks, several members one after the other. Raises RefusedFile where it is none, damaged, cut short or a bomb."""
    packed = path.stat().st_size
    limit = min(form.max_bytes, max(packed * MAX_RATIO, 1 << 20))
    size = 0
    with path.open("rb") as handle:
        rest = handle.read(CHUNK)
        if rest[:2] != b"\x1f\x8b":
            raise RefusedFile("合同约定 gzip 压缩，文件开头不是 gzip")
        engine = zlib.decompressobj(wbits=31)
        while True:
            try:
                part = engine.decompress(rest, CHUNK) if rest else engine.flush()
            except zlib.error as error:
                raise RefusedFile(f"gzip 损坏：{error}") from None
            size += len(part)
            if size > limit:
                raise RefusedFile(f"解压后超过 {limit} 字节（压缩文件 {packed} 字节），像压缩炸弹")
            if part:
                yield part
            if not engine.eof:
                if not rest and not part:
                    raise RefusedFile("gzip 不完整，文件被截断")
                rest = engine.unconsumed_tail or handle.read(CHUNK)
                continue
            rest = engine.unused_data.lstrip(b"\x00")
            while not rest and (more := handle.read(CHUNK)):
                rest = more.lstrip(b"\x00")
            if not rest:
                break
            engine = zlib.decompressobj(wbits=31)
    if size == 0 and form.min_rows > 0:
        raise RefusedFile("压缩包里是空的（0 字节）")
