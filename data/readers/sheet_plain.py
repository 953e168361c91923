"""Worksheets read without a parser: the parts of a workbook as they are unpacked, then one sheet's columns as text; what is not proved plain is read by the library."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl
from lxml import etree

from data.readers.cells import BOOLEAN, NUMBER, SHARED, Cells
from data.readers.sheet_grid import Merges, as_text, shown_numbers
from data.readers.tags import Flags, Grammar, NotPlain, Xml, check_kept, tags_of, texts_of

_OPENING = re.compile(rb"(?:\xef\xbb\xbf)?(?:<\?xml version=\"1\.0\"(?: encoding=\"(?i:utf-8)\")?(?: standalone=\"(?:yes|no)\")? ?\?>\s*)?<(worksheet|sst)[ >]")  # fmt: skip
_DATA, _DATA_END = b"<sheetData>", b"</sheetData>"
_RANGE = re.compile(r"([A-Z]{1,3})([1-9]\d{0,6}):([A-Z]{1,3})([1-9]\d{0,6})")
_REFERENCES = re.compile(rb"<(dimension|mergeCell) +ref=\"([A-Z0-9:]*)\"")
_CORNER = re.compile(r"[A-Z]{1,3}[1-9]\d{0,6}(?::[A-Z]{1,3}[1-9]\d{0,6})?")
# What stands around the rows is kept up to so many bytes.
_LONGEST_AROUND = 4 << 20
_ITEM, _ITEM_END, _TEXT, _TEXT_END, _PHONETIC, _PHONETIC_OPEN = range(1, 7)
_STRINGS = Grammar(
    tags={_ITEM: [b"<si>"], _ITEM_END: [b"</si>"], _TEXT: [b"<t>", b"<t "], _TEXT_END: [b"</t>"], _PHONETIC_OPEN: [b"<phoneticPr "]},
    closed={_PHONETIC_OPEN: _PHONETIC},
    follows={_ITEM: (_TEXT,), _TEXT: (_TEXT_END,), _TEXT_END: (_ITEM_END, _PHONETIC), _PHONETIC: (_ITEM_END,), _ITEM_END: (_ITEM,)},
    texts=(_TEXT,),
)  # fmt: skip
# Numbers of formats that are built in and show a number as one, and those that show a day.
_PLAIN_FORMATS = frozenset({0, 1, 2, 3, 4, 9, 10, 11, 12, 13, 37, 38, 39, 40, 48, 49})
_DAY_FORMATS = frozenset({14, 15, 16, 17, 22})
_PLAIN_CODE = re.compile(r"(?:General|@|[0#?.,%_ ();*+¥￥$\"\\-])*")
_DAY_CODE = re.compile(r"(?=.*d)(?:[ymd]+|[-/. ]|\\[-/. ]|\"[年月日]\")+(?:;@)?", re.IGNORECASE)
# Days from 1 March 1900, before which Excel counts a day too many, to 9999.
_FIRST_DAY, _LAST_DAY = 61, 2_958_465
_DAY_ZERO = 25_569


@dataclass
class PlainXml:
    """One sheet's XML while it is unpacked, as long as all of it is plain; `merges` from 0."""

    cells: Cells = field(default_factory=Cells)
    plain: bool = True
    begun: bool = False
    ended: bool = False
    # The sheet without its rows.
    around: bytes = b""

    def take(self, text: bytes, stop: int) -> bytes:
        """Reads `text` up to `stop`, where a row ends. Returns what of it is no plain row and has to be looked at by others."""
        if not self.plain or not stop:
            return text[:stop]
        try:
            start = 0 if self.begun else _opened(text, stop)
            end = start if self.ended else text.find(_DATA_END, start, stop)
            self.ended = self.ended or end >= 0
            end = end if self.ended else stop
            if end > start:
                self.cells.add(Xml(text, start, end))
        except NotPlain:
            return self._given_up(text[:stop])
        self.begun = True
        around = text[:start] + text[end:stop]
        self.around += around
        return around if len(self.around) < _LONGEST_AROUND else self._given_up(around)

    def _given_up(self, xml: bytes) -> bytes:
        self.plain, self.around = False, b""
        self.cells.blocks.clear()
        return xml

    def merges(self) -> Merges:
        """The merged ranges the sheet tells of. Raises NotPlain if what stands around its rows is not in order."""
        if not self.plain or not self.ended:
            raise NotPlain
        try:
            root = etree.fromstring(self.around, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))  # fmt: skip
        except etree.XMLSyntaxError:
            raise NotPlain from None
        # The library looks for these names wherever they stand, and takes what they say as it is written.
        told = [(etree.QName(e).localname, e.get("ref")) for e in root.iter("{*}dimension", "{*}mergeCell")]
        if told != [(name.decode(), ref.decode()) for name, ref in _REFERENCES.findall(self.around)]:
            raise NotPlain
        ranges = [str(ref) for name, ref in told if name == "mergeCell"]
        if not all(_CORNER.fullmatch(str(ref)) for name, ref in told if name == "dimension"):
            raise NotPlain
        lists = root.findall("{*}mergeCells")
        if len(list(root.iter("{*}sheetData"))) != 1 or len(lists) > 1 or sum(map(len, lists)) != len(ranges):
            raise NotPlain
        return [_range(ref) for ref in ranges]


def _opened(text: bytes, stop: int) -> int:
    """The place behind the tag that opens a sheet's rows."""
    place = text.find(_DATA, 0, stop)
    before = text[: max(place, 0)]
    named = _OPENING.match(before)
    if named is None or named[1] != b"worksheet" or b"<!" in before or before.count(b"<?") > 1:
        raise NotPlain
    return place + len(_DATA)


def _range(ref: str) -> tuple[tuple[int, int], tuple[int, int]]:
    found = _RANGE.fullmatch(ref)
    if found is None:
        raise NotPlain
    return (int(found[2]) - 1, _column(found[1])), (int(found[4]) - 1, _column(found[3]))


def _column(letters: str) -> int:
    found = 0
    for letter in letters:
        found = found * 26 + ord(letter) - 64
    return found - 1


@dataclass
class SharedStrings:
    """The texts that cells point at, while they are unpacked."""

    parts: list[pl.Series] = field(default_factory=list)
    plain: bool = True
    begun: bool = False
    ended: bool = False

    def take(self, xml: bytes) -> None:
        """Reads the next stretch, cut behind an item."""
        if not self.plain:
            return
        try:
            self._take(xml)
        except NotPlain:
            self.plain, self.parts = False, []

    def _take(self, xml: bytes) -> None:
        if not self.begun:
            first = xml.find(b"<si>")
            named = _OPENING.match(xml)
            if named is None or named[1] != b"sst" or first < 0 or xml.find(b">", named.end() - 1) != first - 1:
                raise NotPlain
            self.begun, xml = True, xml[first:]
        if self.ended and xml.strip():
            raise NotPlain
        items, ending, rest = xml.partition(b"</sst>")
        if ending:
            self.ended = True
            if rest.strip():
                raise NotPlain
        if items:
            self.parts.append(_items(Xml(items)))

    def texts(self) -> pl.Series:
        """All of them in order. Raises NotPlain if they were not plain."""
        if not (self.plain and self.ended):
            raise NotPlain
        return pl.concat(self.parts) if self.parts else pl.Series("t", [], dtype=pl.String)


def _items(xml: Xml) -> pl.Series:
    tags = tags_of(xml, _STRINGS)
    if tags.kinds[0] != _ITEM or tags.kinds[-1] != _ITEM_END:
        raise NotPlain
    at = tags.of(_TEXT)
    starts, stops = tags.ends[at] + 1, tags.opens[at + 1]
    check_kept(xml, tags.opens[at], tags.ends[at], starts, stops)
    return texts_of(xml, starts, stops)


@dataclass(frozen=True)
class Styles:
    """Which of the styles cells point at show a number as a number, and which as a day."""

    plain: frozenset[int]
    days: frozenset[int]


def styles_of(xml: bytes | None) -> Styles:
    """From `xl/styles.xml`. What is neither for certain is in neither set."""
    if xml is None:
        return Styles(frozenset({0}), frozenset())
    try:
        root = etree.fromstring(xml, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except etree.XMLSyntaxError:
        return Styles(frozenset(), frozenset())
    codes = {str(f.get("numFmtId")): str(f.get("formatCode")) for f in root.iterfind("{*}numFmts/{*}numFmt")}
    plain, days = set(), set()
    for place, style in enumerate(root.iterfind("{*}cellXfs/{*}xf")):
        number = str(style.get("numFmtId", "0"))
        code = codes.get(number)
        if number in map(str, _PLAIN_FORMATS) if code is None else _PLAIN_CODE.fullmatch(code):
            plain.add(place)
        elif number in map(str, _DAY_FORMATS) if code is None else _DAY_CODE.fullmatch(code):
            days.add(place)
    return Styles(frozenset(plain), frozenset(days))


class PlainSheet:
    """One sheet as text. Rows and columns count from 0, from the top left cell of the sheet to the last that holds something."""

    def __init__(self, xml: PlainXml, strings: Callable[[], pl.Series], styles: Styles) -> None:
        """Raises NotPlain for what only a parser should read. `strings` is asked if a cell points at one."""
        self.merges = xml.merges()
        blocks = xml.cells.blocks
        self._rows = np.concatenate([b.rows for b in blocks] or [np.zeros(0, np.int32)])
        columns = np.concatenate([b.columns for b in blocks] or [np.zeros(0, np.uint16)])
        held = np.concatenate([b.held for b in blocks] or [np.zeros(0, np.uint8)])
        written = np.concatenate([b.styles for b in blocks] or [np.zeros(0, np.uint16)])
        shown = np.concatenate([b.shown for b in blocks] or [np.zeros(0, np.bool_)])
        texts = pl.concat([b.texts for b in blocks]) if blocks else pl.Series("t", [], dtype=pl.String)
        broken = any(b.broken for b in blocks)
        blocks.clear()
        self.height = int(self._rows[-1]) + 1 if len(held) else 0
        self.width = int(columns.max()) + 1 if len(held) else 0
        numbers = held == NUMBER
        days = numbers & _any_of(written, styles.days)
        if (numbers & ~days & ~_any_of(written, styles.plain)).any():
            raise NotPlain
        self._numbers = numbers & ~days
        if broken:
            texts = _unbroken(texts, held != SHARED)
        texts = _put(texts, self._numbers & ~shown, _as_shown)
        texts = _put(texts, days, _days)
        texts = _put(texts, held == SHARED, lambda places: _pointed_at(places, strings()))
        texts = _put(texts, held == BOOLEAN, _booleans)
        # What no cell says is empty.
        self._texts = texts.extend(pl.Series("t", [""], dtype=pl.String)).rechunk()
        self._columns = columns
        # Cells in the order of their columns, and where each column begins among them.
        self._order = np.argsort(columns, kind="stable").astype(np.int32)
        self._begins = np.searchsorted(columns[self._order], np.arange(self.width + 1))

    def head(self, count: int) -> list[list[str]]:
        """The first rows."""
        found = [[""] * self.width for _ in range(min(count, self.height))]
        upto = int(np.searchsorted(self._rows, count))
        for row, column, text in zip(self._rows[:upto].tolist(), self._columns[:upto].tolist(), self._texts[:upto].to_list(), strict=True):  # fmt: skip
            found[row][column] = text
        return found

    def texts(self, place: int, top: int, serial: bool = False) -> pl.Series:
        """A column from row `top` on."""
        at = self._cells(place, top)
        where = np.full(max(self.height - top, 0), len(self._texts) - 1, dtype=np.uint32)
        where[self._rows[at] - top] = at
        return self._texts.gather(pl.Series(where))

    def numbers(self, place: int, top: int) -> Sequence[int]:
        """Which cells of a column from row `top` on are numbers."""
        at = self._cells(place, top)
        rows: list[int] = (self._rows[at[self._numbers[at]]] - top).tolist()
        return rows

    def _cells(self, place: int, top: int) -> npt.NDArray[np.int32]:
        found = self._order[self._begins[place] : self._begins[place + 1]]
        return found[np.searchsorted(self._rows[found], top) :]

    def filled(self) -> Flags:
        """Which rows hold something."""
        found = np.zeros(self.height, dtype=np.bool_)
        found[self._rows[(self._texts[:-1] != "").to_numpy()]] = True
        return found


def _any_of(styles: npt.NDArray[np.uint16], wanted: frozenset[int]) -> Flags:
    told = np.zeros(1 << 16, dtype=np.bool_)
    told[list(wanted)] = True
    return told[styles]


def _put(texts: pl.Series, at: Flags, reading: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """The texts with those `at` some places read."""
    if not at.any():
        return texts
    return reading(texts) if at.all() else texts.scatter(np.flatnonzero(at), reading(texts.filter(pl.Series(at))))


def _unbroken(texts: pl.Series, own: Flags) -> pl.Series:
    """Texts with line breaks as the library's are read; those are few."""
    broken = np.flatnonzero(own & texts.str.contains("\n", literal=True).to_numpy())
    if not len(broken):
        return texts
    read = [as_text(t) for t in texts[broken].to_list()]
    # A cell of nothing but line breaks is not an empty one.
    if "" in read:
        raise NotPlain
    return texts.scatter(broken, pl.Series("t", read, dtype=pl.String))


def _as_shown(written: pl.Series) -> pl.Series:
    numbers = written.cast(pl.Float64, strict=False)
    if numbers.null_count() or not numbers.is_finite().all():
        raise NotPlain
    return shown_numbers(numbers)


def _days(written: pl.Series) -> pl.Series:
    """Whole days as ISO dates. Raises NotPlain for a time of day and for what is no date."""
    numbers = _integers(written)
    if not numbers.is_between(_FIRST_DAY, _LAST_DAY).all():
        raise NotPlain
    return (numbers - _DAY_ZERO).cast(pl.Date).dt.to_string("%Y-%m-%d")


def _booleans(written: pl.Series) -> pl.Series:
    if not written.is_in(["0", "1"]).all():
        raise NotPlain
    return written.replace({"0": "FALSE", "1": "TRUE"})


def _pointed_at(written: pl.Series, strings: pl.Series) -> pl.Series:
    places = _integers(written)
    if not places.is_between(0, len(strings), closed="left").all():
        raise NotPlain
    return _unbroken(strings, np.ones(len(strings), dtype=np.bool_)).gather(places)


def _integers(written: pl.Series) -> pl.Series:
    """Raises NotPlain for integers not written as usual: programs differ in what they make of those."""
    numbers = written.cast(pl.Int32, strict=False)
    if numbers.null_count() or (numbers.cast(pl.String) != written).any():
        raise NotPlain
    return numbers
