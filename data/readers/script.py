"""A PostgreSQL script in pieces: where its COPY blocks stand. What stands in a comment, in a text or in a function body is none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from data.readers.reading import RefusedFile

_COPY = re.compile(rb'COPY\s+(?:"?\w+"?\.)?"?(\w+)"?\s*\(([^)]*)\)\s+FROM\s+stdin\s*(.*)', re.IGNORECASE)
# Outside of COPY blocks: what begins something that may hold anything, a COPY, an end mark.
_OUTSIDE = re.compile(
    rb"--[^\n]*|/\*|(?<![A-Za-z0-9_\x80-\xff])[eE]'|'|\"|\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$"
    rb"|^(?:COPY\s[^\n]*|\\\.$)",
    re.IGNORECASE | re.MULTILINE,
)
_COMMENT = re.compile(rb"/\*|\*/")
_ENDS = {b"'": re.compile(rb"'"), b'"': re.compile(rb'"'), b"e'": re.compile(rb"\\.|'", re.DOTALL)}


class Copy(NamedTuple):
    """What a COPY statement says."""

    name: str
    columns: str
    options: str


class Found(NamedTuple):
    """Something of a COPY block: its statement, lines of it, or its end; `row` is the number of the (first) line."""

    row: int
    copy: Copy | None = None
    rows: bytes = b""
    ends: bool = False


class Script:
    """Takes a script piece by piece, each of whole lines."""

    def __init__(self) -> None:
        self._row = 1
        self._copying = False
        # what is open outside of a COPY block, how deep, and since which line
        self._open = b""
        self._depth = 0
        self._since = 0

    def taken(self, text: bytes) -> Iterator[Found]:
        """What the next piece, as UTF-8, holds of COPY blocks, in order. Raises RefusedFile for an end mark that ends none."""
        place = 0
        while place < len(text):
            if self._copying:
                end = 0 if text.startswith(b"\\.\n", place) or text[place:] == b"\\." else _end_mark(text, place)
                stop = place + end if end >= 0 else len(text)
                if stop > place:
                    yield Found(self._row, rows=text[place:stop])
                    self._row += text.count(b"\n", place, stop)
                if end >= 0:
                    self._copying = False
                    yield Found(self._row, ends=True)
                    place = self._after_line(text, stop)
                    continue
                return
            found = self._next_copy(text, place)
            if found is None:
                return
            copy, place = found
            yield Found(self._row - 1, copy)
            self._copying = True

    def unclosed(self) -> str:
        """What is still open at the end, in words; empty if nothing is."""
        if not self._open:
            return ""
        return f"（第 {self._since} 行起的{'注释' if self._open == b'/*' else '引号'}没有闭合，其中的语句不算）"

    def _next_copy(self, text: bytes, place: int) -> tuple[Copy, int] | None:
        """The next COPY from `place` on and where the line after it begins; None if there is none in this text."""
        begun = place
        while place < len(text):
            if self._open:
                place = self._closed(text, place)
                continue
            seen = _OUTSIDE.search(text, place)
            if seen is None:
                break
            word = seen.group()
            place = seen.end()
            if word.startswith(b"--"):
                continue
            line = self._row + text.count(b"\n", begun, seen.start())
            if word == b"\\.":
                raise RefusedFile(f"第 {line} 行的结束标记「\\.」前面没有 COPY：数据里混进了结束标记，它后面的行会丢失")
            if word[:4].upper() == b"COPY":
                said = _COPY.match(text, seen.start())
                if said is None:
                    # Another statement (COPY … TO, FROM a file): its own texts are looked at like any other.
                    place = seen.start() + 4
                    continue
                after = text.find(b"\n", said.end()) + 1 or len(text)
                self._row += text.count(b"\n", begun, after)
                return Copy(*(part.decode() for part in said.groups())), after
            self._open, self._depth, self._since = word if word[:1] == b"$" else word.lower(), 1, line
        self._row += text.count(b"\n", begun)
        return None

    def _closed(self, text: bytes, place: int) -> int:
        """Where what is open closes, or the end of the text."""
        if self._open == b"/*":
            for mark in _COMMENT.finditer(text, place):
                self._depth += 1 if mark.group() == b"/*" else -1
                if self._depth == 0:
                    self._open = b""
                    return mark.end()
            return len(text)
        if self._open.startswith(b"$"):
            end = text.find(self._open, place)
            after = end + len(self._open)
        else:
            end, after = -1, 0
            for mark in _ENDS[self._open].finditer(text, place):
                if not mark.group().startswith(b"\\"):
                    end, after = mark.start(), mark.end()
                    break
        if end < 0:
            return len(text)
        self._open = b""
        return after

    def _after_line(self, text: bytes, place: int) -> int:
        self._row += 1
        return text.find(b"\n", place) + 1 or len(text)


def _end_mark(text: bytes, place: int) -> int:
    """How far from `place` the line of the end mark begins; -1 if there is none."""
    end = text.find(b"\n\\.\n", place)
    if end < 0 and text.endswith(b"\n\\."):
        end = len(text) - 3
    return end + 1 - place if end >= place else -1
