"""The tags of a stretch of XML and the texts between them, all found at once by where `<` and `>` stand; what is not plainly in order is left to a parser."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

Places = npt.NDArray[np.intp]
Kinds = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]
# So many bytes may be looked at from any place on.
PAD = 32
# Keeps the low n bytes of a word.
LOW = np.array([(1 << (8 * n)) - 1 for n in range(9)], dtype=np.uint64)
KEPT = b'<t xml:space="preserve">'
_ENTITY = re.compile(rb"&(amp|lt|gt|quot|apos);")
_MEANT = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}


class NotPlain(Exception):
    """Something stands here whose meaning is not told by its place: a parser has to read it."""


def word(text: bytes) -> np.uint64:
    """Up to eight bytes as `Xml.words` holds them."""
    return np.uint64(int.from_bytes(text, "little"))


class Grammar:
    """Which tags may stand and which may follow which.

    `tags`: the tags by kind (1 to 15), whole (`</c>`) or as far as their name goes (`<c `); a kind of several has them told apart by the second
    byte of their names. `closed`: the kind of an opening tag that closes itself. `follows`: per kind, the kinds that may come next; each
    kind decides that alone, so all pairs decide the whole. `texts`: the kinds behind which text may stand.
    """

    def __init__(self, tags: Mapping[int, Iterable[bytes]], closed: Mapping[int, int], follows: Mapping[int, Iterable[int]], texts: Iterable[int]) -> None:  # fmt: skip
        self.by_name = np.zeros(1 << 16, dtype=np.uint8)
        self.closing = np.zeros(16, dtype=np.uint8)
        self.allowed = np.zeros(256, dtype=np.bool_)
        self.texts = np.zeros(16, dtype=np.bool_)
        self.texts[list(texts)] = True
        # A name is told by two bytes; what is longer is looked at again. The `>` of a whole tag is the first behind its `<`, so it is the tag's own.
        self.longer: dict[int, bytes] = {}
        for kind, names in tags.items():
            for name in names:
                self.by_name[int.from_bytes(name[1:3], "little")] = kind
                if len(name) > 3:
                    self.longer[kind] = name[:8]
        for kind, other in closed.items():
            self.closing[kind] = other
        for kind, others in follows.items():
            for other in others:
                self.allowed[kind << 4 | other] = True


class Xml:
    """A stretch of XML: its bytes, the words of two and of eight bytes that begin at any of them, and whether it may hold line breaks.

    Raises NotPlain for control characters, and for `_x`, which may stand for one.
    """

    def __init__(self, whole: bytes, start: int = 0, stop: int | None = None) -> None:
        """The stretch from `start` to `stop` of `whole`, which is not copied if there is room behind it. All places count from `start`."""
        stop = len(whole) if stop is None else stop
        if len(whole) - stop < PAD:
            whole, start, stop = whole[start:stop] + bytes(PAD), 0, stop - start
        self._whole, self._start, self.size = whole, start, stop - start
        room = self.size + PAD
        self.bytes = np.frombuffer(whole, dtype=np.uint8, count=room, offset=start)
        self.pairs = np.ndarray(room - 1, dtype="<u2", buffer=whole, offset=start, strides=(1,))
        self.words = np.ndarray(room - 7, dtype="<u8", buffer=whole, offset=start, strides=(1,))
        own = self.bytes[: self.size]
        low = own < 32
        self.broken = bool(low.any())
        if self.broken and not np.isin(own[low], (ord("\n"), ord("\t"))).all():
            raise NotPlain
        if self.holds(b"_") and (self.bytes[np.flatnonzero(own == ord("_")) + 1] == ord("x")).any():
            raise NotPlain

    def holds(self, byte: bytes) -> bool:
        return self._whole.find(byte, self._start, self._start + self.size) >= 0

    def cut(self, start: int, stop: int) -> bytes:
        return self._whole[self._start + start : self._start + stop]


@dataclass(frozen=True)
class Tags:
    """Where each tag begins and ends (the places of its `<` and `>`), and its kind."""

    opens: Places
    ends: Places
    kinds: Kinds

    def of(self, kind: int) -> Places:
        return np.flatnonzero(self.kinds == kind)


def tags_of(xml: Xml, grammar: Grammar) -> Tags:
    """Every tag of `xml`, which begins and ends with one. Raises NotPlain unless `grammar` explains each and what stands between them."""
    own = xml.bytes[: xml.size]
    opens, ends = np.flatnonzero(own == ord("<")), np.flatnonzero(own == ord(">"))
    if not len(opens) or len(opens) != len(ends) or opens[0] or ends[-1] != xml.size - 1:
        raise NotPlain
    gaps = opens[1:] - ends[:-1]
    if (ends - opens).min() < 2 or (len(gaps) and gaps.min() < 1):
        raise NotPlain
    kinds = grammar.by_name[xml.pairs[opens + 1]]
    slashed = np.flatnonzero(xml.bytes[ends - 1] == ord("/"))
    kinds[slashed] = grammar.closing[kinds[slashed]]
    if not grammar.allowed[kinds[:-1] << 4 | kinds[1:]].all() or not grammar.texts[kinds[:-1][gaps > 1]].all():
        raise NotPlain
    found = Tags(opens, ends, kinds)
    for kind, name in grammar.longer.items():
        if (xml.words[opens[found.of(kind)]] & LOW[len(name)] != word(name)).any():
            raise NotPlain
    return found


def check_kept(xml: Xml, opens: Places, ends: Places, starts: Places, stops: Places) -> None:
    """Raises NotPlain for `<t …>` that is neither `<t>` nor `<t xml:space="preserve">`, and for a `<t>` whose text begins or ends with a blank."""
    bare = ends - opens == 2
    kept = opens[~bare]
    if ((ends - opens)[~bare] != len(KEPT) - 1).any():
        raise NotPlain
    for place in (0, 8, 16):
        if (xml.words[kept + place] != word(KEPT[place : place + 8])).any():
            raise NotPlain
    full = bare & (stops > starts)
    if (xml.bytes[starts[full]] <= 32).any() or (xml.bytes[stops[full] - 1] <= 32).any():
        raise NotPlain


def texts_of(xml: Xml, starts: Places, stops: Places) -> pl.Series:
    """The texts between `starts` and `stops`, of which none overlap and all stand in order. Raises NotPlain for bytes that are no UTF-8 and for entities but the five of XML."""
    if not len(starts):
        return pl.Series("t", [], dtype=pl.String)
    # Each with the byte behind it, copied one after the other and parted by NULs, of which XML holds none.
    long = stops - starts + 1
    ends = np.cumsum(long)
    copied = xml.bytes[np.repeat(starts - ends + long, long) + np.arange(ends[-1])]
    copied[ends - 1] = 0
    try:
        joined = pl.Series("t", [copied[:-1].tobytes()], dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.PolarsError:
        raise NotPlain from None
    texts = joined.str.split("\0").explode()
    return _unescaped(xml, starts, stops, texts)


def _unescaped(xml: Xml, starts: Places, stops: Places, texts: pl.Series) -> pl.Series:
    if not xml.holds(b"&"):
        return texts
    marks = np.flatnonzero(xml.bytes[: xml.size] == ord("&"))
    at = np.searchsorted(starts, marks, side="right") - 1
    at = np.unique(at[(at >= 0) & (marks < stops[at])])
    meant = []
    for k in at.tolist():
        text = xml.cut(starts[k], stops[k])
        if b"&" in _ENTITY.sub(b"", text):
            raise NotPlain
        meant.append(_ENTITY.sub(lambda found: _MEANT[found[1]], text).decode())
    return texts.scatter(at, pl.Series("t", meant, dtype=pl.String)) if meant else texts
