"""The cells of a worksheet's XML, block by block and without an object for each: which they are is proved by their tags and attributes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from data.readers.numerals import shown_ends
from data.readers.tags import (  # fmt: skip
    LOW,
    Flags,
    Grammar,
    Kinds,
    NotPlain,
    Places,
    Tags,
    Words,
    Xml,
    check_kept,
    tags_of,
    texts_of,
    word,
)

ROW, EMPTY_ROW, ROW_END, CELL, EMPTY_CELL, CELL_END, VALUE, VALUE_END, INLINE, INLINE_END, TEXT, TEXT_END, FORMULA, SHARED_FORMULA, FORMULA_END = range(1, 16)  # fmt: skip
_NEXT_CELL = (CELL, EMPTY_CELL, ROW_END)
_NEXT_ROW = (ROW, EMPTY_ROW)
GRAMMAR = Grammar(
    tags={
        ROW: [b"<row "], ROW_END: [b"</row>"], CELL: [b"<c "], CELL_END: [b"</c>"], VALUE: [b"<v>"], VALUE_END: [b"</v>"], INLINE: [b"<is>"],
        INLINE_END: [b"</is>"], TEXT: [b"<t>", b"<t "], TEXT_END: [b"</t>"], FORMULA: [b"<f>", b"<f "], FORMULA_END: [b"</f>"],
    },
    closed={ROW: EMPTY_ROW, CELL: EMPTY_CELL, FORMULA: SHARED_FORMULA},
    follows={
        ROW: _NEXT_CELL, EMPTY_ROW: _NEXT_ROW, ROW_END: _NEXT_ROW, CELL: (VALUE, INLINE, FORMULA, SHARED_FORMULA, CELL_END), EMPTY_CELL: _NEXT_CELL,
        CELL_END: _NEXT_CELL, VALUE: (VALUE_END,), VALUE_END: (CELL_END,), INLINE: (TEXT,), TEXT: (TEXT_END,), TEXT_END: (INLINE_END,), INLINE_END: (CELL_END,),
        # A formula without a value is looked into elsewhere.
        FORMULA: (FORMULA_END,), FORMULA_END: (VALUE,), SHARED_FORMULA: (VALUE,),
    },
    texts=(VALUE, TEXT, FORMULA),
)  # fmt: skip
# How many tags behind a cell's own its value's stands, by the kind of the next tag.
_VALUE_BEHIND = np.zeros(16, dtype=np.intp)
_VALUE_BEHIND[[VALUE, INLINE, FORMULA, SHARED_FORMULA]] = 1, 2, 3, 2

# What a cell holds.
STRING, NUMBER, SHARED, BOOLEAN = range(1, 5)
_TYPES = {None: NUMBER, b"n": NUMBER, b"s": SHARED, b"str": STRING, b"inlineStr": STRING, b"b": BOOLEAN}
_ROW_REST = re.compile(rb"(?: [A-Za-z_][\w.:-]*=\"[^\"&]*\")* ?/?>")
_CELL_REST = re.compile(rb"(?: s=\"(\d{1,5})\")?(?: t=\"([A-Za-z]+)\")?/?>")
_HIDDEN = re.compile(rb" hidden=\"(?:1|true)\"")
_NAME = re.compile(rb" ([^= ]+)=\"[^\"]*\"")
# Attributes behind a cell's place are not looked at beyond so many bytes, nor in more ways of writing them.
_LONGEST_REST, _WAYS = 24, 64
_DIGITS, _MOST_COLUMNS, _MOST_STYLES = 7, 16_384, 65_535
Styles = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Block:
    """The cells of some rows that hold something, in order: row and column from 0, what is in them, the style of numbers, the text.

    `shown`: numbers whose text is as Excel shows them; others stand as written. `broken`: there may be line breaks.
    """

    rows: npt.NDArray[np.int32]
    columns: npt.NDArray[np.uint16]
    held: Kinds
    styles: Styles
    texts: pl.Series
    shown: Flags
    broken: bool


@dataclass
class Cells:
    """The cells of one sheet as far as they were proved plain."""

    blocks: list[Block] = field(default_factory=list)
    last_row: int = 0
    formulas: int = 0
    hidden: int = 0

    def add(self, xml: Xml) -> None:
        """Takes whole rows, `<row …` to `</row>`. Raises NotPlain, and has then taken nothing."""
        tags = tags_of(xml, GRAMMAR)
        if tags.kinds[0] not in _NEXT_ROW or tags.kinds[-1] not in (ROW_END, EMPTY_ROW):
            raise NotPlain
        rows = _rows(xml, tags)
        if rows.numbers[0] <= self.last_row or (np.diff(rows.numbers) <= 0).any():
            raise NotPlain
        self.blocks.append(_block(xml, tags, rows))
        self.last_row = int(rows.numbers[-1])
        self.hidden += rows.hidden
        self.formulas += len(tags.of(FORMULA)) + len(tags.of(SHARED_FORMULA))


@dataclass(frozen=True)
class _Rows:
    """The rows of a block: the places of their tags among all, their numbers, and each number as it stands, with the quote behind it."""

    tags: Places
    numbers: Places
    digits: Places
    written: Words
    hidden: int


def _rows(xml: Xml, tags: Tags) -> _Rows:
    at = np.flatnonzero((tags.kinds == ROW) | (tags.kinds == EMPTY_ROW))
    opens, ends = tags.opens[at], tags.ends[at]
    if (xml.words[opens] != word(b'<row r="')).any():
        raise NotPlain
    numbers, digits = _decimals(xml.words[opens + 8])
    hidden = 0
    if not (opens + 9 + digits == ends).all():
        rests = Counter(xml.cut(a, b + 1) for a, b in zip((opens + 9 + digits).tolist(), ends.tolist(), strict=True))
        hidden = _hidden(rests)
    return _Rows(at, numbers, digits, xml.words[opens + 8] & LOW[digits + 1], hidden)


def _hidden(rests: Mapping[bytes, int]) -> int:
    """How many rows are hidden, by the attributes behind their numbers; no cell says otherwise for it. Raises NotPlain for badly written ones."""
    for rest in rests:
        names = _NAME.findall(rest)
        if not _ROW_REST.fullmatch(rest) or b"r" in names or len(set(names)) < len(names):
            raise NotPlain
    return sum(count for rest, count in rests.items() if _HIDDEN.search(rest))


def _decimals(words: Words) -> tuple[Places, Places]:
    """The numbers of one to seven digits, without a leading zero, that stand before a quote, and how many digits they have."""
    numbers, digits = np.zeros(len(words), dtype=np.intp), np.zeros(len(words), dtype=np.intp)
    going = np.ones(len(words), dtype=np.bool_)
    for place in range(_DIGITS + 1):
        figure = ((words >> np.uint64(8 * place)) & np.uint64(255)).astype(np.intp) - ord("0")
        going &= figure != ord('"') - ord("0")
        if place == _DIGITS or not going.any():
            break
        if ((figure < (place == 0)) | (figure > 9))[going].any():
            raise NotPlain
        numbers[going] = numbers[going] * 10 + figure[going]
        digits += going
    if going.any() or not digits.all():
        raise NotPlain
    return numbers, digits


def _block(xml: Xml, tags: Tags, rows: _Rows) -> Block:
    cells = np.flatnonzero(tags.kinds >> 1 == CELL >> 1)
    row = np.repeat(np.arange(len(rows.tags)), np.diff(np.searchsorted(cells, np.append(rows.tags, len(tags.kinds)))))
    opens = tags.opens[cells]
    column, letters = _columns(xml, opens)
    if ((np.diff(column) <= 0) & (row[1:] == row[:-1])).any():
        raise NotPlain
    place, digits = opens + 6 + letters, rows.digits[row]
    if (xml.words[place] & LOW[digits + 1] != rows.written[row]).any():
        raise NotPlain
    behind = _VALUE_BEHIND[tags.kinds[cells + 1]]
    inline = tags.kinds[cells + behind] == TEXT
    held, styles = _attributes(xml, place + digits + 1, tags.ends[cells], behind > 0, inline)
    full = np.flatnonzero(held)
    value, inline = (cells + behind)[full], inline[full]
    starts, stops = tags.ends[value] + 1, tags.opens[value + 1]
    check_kept(xml, tags.opens[value[inline]], tags.ends[value[inline]], starts[inline], stops[inline])
    if (starts == stops)[~inline].any():
        raise NotPlain
    numbers = np.flatnonzero(held[full] == NUMBER)
    shown = np.zeros(len(full), dtype=np.bool_)
    stops[numbers], shown[numbers] = shown_ends(xml, starts[numbers], stops[numbers])
    return Block(
        rows=(rows.numbers[row[full]] - 1).astype(np.int32),
        columns=column[full].astype(np.uint16),
        held=held[full],
        styles=styles[full],
        texts=texts_of(xml, starts, stops),
        shown=shown,
        broken=xml.broken,
    )


def _columns(xml: Xml, opens: Places) -> tuple[Places, Places]:
    """Column from 0 of the cells whose tags begin at `opens`, and how many letters say so."""
    if (xml.words[opens] & LOW[6] != word(b'<c r="')).any():
        raise NotPlain
    first, second, third = (xml.bytes[opens + place].astype(np.intp) for place in (6, 7, 8))
    two = second >= ord("A")
    three = two & (third >= ord("A"))
    if ((first < ord("A")) | (first > ord("Z")) | (second > ord("Z")) | (three & (third > ord("Z")))).any():
        raise NotPlain
    column = first - 64
    if two.any():
        column[two] = column[two] * 26 + second[two] - 64
        column[three] = column[three] * 26 + third[three] - 64
    if len(column) and column.max() > _MOST_COLUMNS:
        raise NotPlain
    return column - 1, 1 + two + three.astype(np.intp)


def _attributes(xml: Xml, places: Places, ends: Places, full: Flags, inline: Flags) -> tuple[Kinds, Styles]:
    """What each cell holds (0: nothing) and its style, from what stands between `places` and `ends`; `full`: it has a value, `inline`: as text."""
    long = ends - places + 1
    if len(long) and long.max() > _LONGEST_REST:
        raise NotPlain
    held, styles = np.full(len(places), NUMBER, dtype=np.uint8), np.zeros(len(places), dtype=np.uint16)
    texts = np.zeros(len(places), dtype=np.bool_)
    left = np.flatnonzero(long > 1)
    for _ in range(_WAYS):
        if not len(left):
            break
        parts = [xml.words[places[left] + 8 * k] & LOW[np.clip(long[left] - 8 * k, 0, 8)] for k in range(3)]
        same = (parts[0] == parts[0][0]) & (parts[1] == parts[1][0]) & (parts[2] == parts[2][0])
        style, kind = _written_so(xml.cut(places[left[0]], ends[left[0]] + 1))
        alike = left[same]
        held[alike], styles[alike], texts[alike] = _TYPES[kind], style, kind == b"inlineStr"
        left = left[~same]
    if len(left) or (texts != inline)[full].any():
        raise NotPlain
    return np.where(full, held, 0).astype(np.uint8), styles


def _written_so(rest: bytes) -> tuple[int, bytes | None]:
    """Style and type of a cell, from the attributes behind its place."""
    found = _CELL_REST.fullmatch(rest)
    if found is None or found[2] not in _TYPES or int(found[1] or 0) > _MOST_STYLES:
        raise NotPlain
    return int(found[1] or 0), found[2]
