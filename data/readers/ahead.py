"""Text that comes in pieces of UTF-8: what is not yet taken, and more of it on demand."""

from __future__ import annotations

from collections.abc import Iterator


class Ahead:
    """The text that lies ahead, as UTF-8. Places count bytes from the next one that is not taken; they are asked for at line ends."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._text = b""
        self._place = 0
        self._next = next(self._pieces, None)

    @property
    def more(self) -> bool:
        """Whether anything is left."""
        self.reach(1)
        return self._place < len(self._text)

    def reach(self, size: int) -> None:
        """Makes at least so many bytes lie ahead, or all there are."""
        while self._next is not None and len(self._text) - self._place < size:
            self._text = self._text[self._place :] + self._next if self._place < len(self._text) else self._next
            self._place = 0
            self._next = next(self._pieces, None)

    def line_end(self, place: int) -> int:
        """The place after the first line end at or after `place`, or after all that lies ahead."""
        return (self._text.find(b"\n", self._place + place) + 1 or len(self._text)) - self._place

    def upto(self, place: int) -> bytes:
        """What lies ahead up to `place`."""
        return self._text[self._place : self._place + place]

    def lines(self, size: int, most: int, start: int = 0) -> list[str]:
        """At most so many lines from `start` on, of which the last may be cut off after `size` bytes."""
        place, end = self._place + start, min(self._place + start + size, len(self._text))
        lines: list[str] = []
        while place < end and len(lines) < most:
            after = self._text.find(b"\n", place, end)
            lines.append(self._text[place : after if after >= 0 else end].decode(errors="ignore"))
            place = after + 1 if after >= 0 else end
        return lines[:-1] if lines and lines[-1] == "" else lines

    def reaches_end(self, size: int, most: int | None = None, start: int = 0) -> bool:
        """Whether the text ends within `size` bytes, and within `most` lines from `start` on."""
        if self._next is not None or len(self._text) - self._place > size:
            return False
        return most is None or self._text.count(b"\n", self._place + start) <= most

    def skip(self, size: int) -> None:
        """Takes so many bytes."""
        self._place = min(self._place + size, len(self._text))

    def skip_lines(self, lines: int) -> None:
        """Takes so many lines."""
        for _ in range(lines):
            self._place = self._text.find(b"\n", self._place) + 1 or len(self._text)
