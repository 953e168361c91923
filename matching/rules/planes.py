"""Bit planes: for every distinct test of a program, one bit per row for TRUE and one for FALSE, computed once per block.

Neither bit set is UNKNOWN, so NOT only swaps the two planes and rows beyond the end of a block count as nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from matching.rules import values as v
from matching.rules.columns import Block
from matching.rules.evaluate import like_pattern, truth
from matching.rules.reach import industry_covers, region_covers
from matching.rules.terms import And, Column, Compare, Constant, Is, Like, Member, Not, Or, Term

Plane = npt.NDArray[np.uint64]

# Up to this many distinct words a text column is asked word by word, as planes; beyond it through a table of answers.
FEW_WORDS = 256


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a truth value stands: a row of the registers, read with its planes swapped if `negated`."""

    row: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """Computes one row from others: `and`, `or`, or a test of truth (`true false unknown`); `atom` reads the profile."""

    kind: Literal["atom", "and", "or", "true", "false", "unknown"]
    row: int
    inputs: tuple[Slot, ...] = ()
    term: Term | None = None


class Layout:
    """Which rows hold what: equal terms share a row. Built once per program."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._rows: dict[Term, int] = {}

    @property
    def rows(self) -> int:
        return len(self.steps)

    @property
    def atoms(self) -> list[Term]:
        return [step.term for step in self.steps if step.term is not None]

    def slot(self, term: Term) -> Slot:
        """The slot of a term, adding the steps that compute it."""
        if isinstance(term, Not):
            inner = self.slot(term.arg)
            return Slot(inner.row, not inner.negated)
        if term not in self._rows:
            if isinstance(term, And | Or):
                inputs = tuple(self.slot(arg) for arg in term.args)
                step = Step("and" if isinstance(term, And) else "or", len(self.steps), inputs)
            elif isinstance(term, Is):
                inputs = (self.slot(term.arg),)
                step = Step(term.what, len(self.steps), inputs)
            else:
                step = Step("atom", len(self.steps), term=term)
            self.steps.append(step)
            self._rows[term] = step.row
        return Slot(self._rows[term])


class Registers:
    """The planes of one block at a time, in buffers that are used again for the next."""

    def __init__(self, layout: Layout, words: int) -> None:
        self.layout = layout
        self.words = words
        self._true = np.zeros((layout.rows, words), np.uint64)
        self._false = np.zeros((layout.rows, words), np.uint64)
        # views made once: indexing a matrix costs more than the AND of a plane
        self.true = list(self._true)
        self.false = list(self._false)
        self.full = np.zeros(words, np.uint64)
        self._scratch = np.zeros(words, np.uint64)

    def t(self, slot: Slot) -> Plane:
        return self.false[slot.row] if slot.negated else self.true[slot.row]

    def f(self, slot: Slot) -> Plane:
        return self.true[slot.row] if slot.negated else self.false[slot.row]

    def load(self, block: Block) -> None:
        """Computes every row for a block of at most 64 · words rows."""
        self.full[:] = _packed(np.ones(block.height, bool), self.words)
        reader = _Reader(block, self.words, self.full)
        for step in self.layout.steps:
            t, f = self.true[step.row], self.false[step.row]
            if step.term is not None:
                reader.read(step.term, t, f)
            elif step.kind == "and":
                _fold(np.bitwise_and, [self.t(slot) for slot in step.inputs], t)
                _fold(np.bitwise_or, [self.f(slot) for slot in step.inputs], f)
            elif step.kind == "or":
                _fold(np.bitwise_or, [self.t(slot) for slot in step.inputs], t)
                _fold(np.bitwise_and, [self.f(slot) for slot in step.inputs], f)
            else:
                slot = step.inputs[0]
                if step.kind == "true":
                    t[:] = self.t(slot)
                elif step.kind == "false":
                    t[:] = self.f(slot)
                else:
                    np.bitwise_or(self.t(slot), self.f(slot), out=t)
                    np.bitwise_xor(t, self.full, out=t)
                np.bitwise_xor(t, self.full, out=f)


def _fold(operation: np.ufunc, planes: list[Plane], out: Plane) -> None:
    operation(planes[0], planes[1], out=out)
    for plane in planes[2:]:
        operation(out, plane, out=out)


def fold(operation: np.ufunc, planes: Iterable[Plane], out: Plane) -> Plane:
    """AND or OR of one or more planes into `out`."""
    first, *rest = planes
    if not rest:
        out[:] = first
        return out
    _fold(operation, [first, *rest], out)
    return out


def _packed(mask: v.Bools, words: int) -> Plane:
    bits = np.packbits(mask, bitorder="little")
    if bits.size == words * 8:
        return bits.view(np.uint64)
    padded = np.zeros(words * 8, np.uint8)
    padded[: bits.size] = bits
    return padded.view(np.uint64)


def positions(plane: Plane) -> npt.NDArray[np.int64]:
    """The rows whose bit is set, ascending."""
    return np.flatnonzero(np.unpackbits(plane.view(np.uint8), bitorder="little"))


def ones(plane: Plane) -> int:
    return int(np.bitwise_count(plane).sum(dtype=np.int64))


class _Reader:
    """Atoms of one block as planes; masks and words of a column are packed once."""

    def __init__(self, block: Block, words: int, full: Plane) -> None:
        self.block = block
        self.words = words
        self.full = full
        self._known: dict[str, Plane] = {}
        self._word: dict[tuple[str, int], Plane] = {}

    def read(self, term: Term, t: Plane, f: Plane) -> None:
        """Writes the planes of an atom; by packed shortcuts where it tests one column against constants."""
        if isinstance(term, Compare) and isinstance(term.left, Column) and isinstance(term.right, Constant):
            side = self.block.value(term.left)
            if isinstance(side, v.Numbers) and self._compare_numbers(term, term.left, side, t, f):
                return
        if isinstance(term, Compare | Member | Like) and self._read_words(term, t, f):
            return
        found = truth(term, self.block)
        height = self.block.height
        if found.true.shape != (height,):
            t[:] = self.full if found.true[0] else 0
            f[:] = self.full if found.false[0] else 0
            return
        t[:] = _packed(found.true, self.words)
        f[:] = _packed(found.false, self.words)

    def known(self, column: Column, side: v.Value) -> Plane:
        plane = self._known.get(column.name)
        if plane is None:
            everywhere = isinstance(side, v.Numbers | v.Texts) and side.known is None
            plane = self.full if everywhere else _packed(v.known(side), self.words)
            self._known[column.name] = plane
        return plane

    def _compare_numbers(self, term: Compare, column: Column, side: v.Numbers, t: Plane, f: Plane) -> bool:
        assert isinstance(term.right, Constant)
        if not isinstance(side.den, int) or side.num.dtype == object:
            return False
        exact = v.exact(term.right.value)
        if exact is None:
            return False
        test = v.threshold(term.operator, exact, side.den)
        known = self.known(column, side)
        if test is None:
            t[:] = 0
        else:
            holds = side.num == test[1] if test[0] == "=" else side.num >= test[1]
            np.bitwise_and(_packed(np.asarray(holds), self.words), known, out=t)
        np.bitwise_xor(t, known, out=f)
        return True

    def _read_words(self, term: Compare | Member | Like, t: Plane, f: Plane) -> bool:
        column = term.left if isinstance(term, Compare) else term.arg
        if not isinstance(column, Column) or column.type not in ("text", "list"):
            return False
        side = self.block.value(column)
        if not isinstance(side, v.Texts | v.Lists) or len(side.words) > FEW_WORDS:
            return False
        accepts = word_test(term)
        if accepts is None:
            return False
        t[:] = 0
        for code, word in enumerate(side.words):
            if accepts(word):
                np.bitwise_or(t, self._word_plane(column, side, code), out=t)
        known = self.known(column, side)
        np.bitwise_and(t, known, out=t)
        if isinstance(side, v.Lists) and isinstance(term, Member) and not provable(term):
            f[:] = 0
        else:
            np.bitwise_xor(t, known, out=f)
        return True

    def _word_plane(self, column: Column, side: v.Texts | v.Lists, code: int) -> Plane:
        key = (column.name, code)
        if key not in self._word:
            if isinstance(side, v.Texts):
                holds = side.codes == code
            else:
                holds = np.zeros(self.block.height, bool)
                holds[side.rows[side.codes == code]] = True
            self._word[key] = _packed(holds, self.words)
        return self._word[key]


def word_test(term: Compare | Member | Like) -> v.WordTest | None:
    """The question an atom asks of one word of its text or list column; None if it asks something else."""
    if isinstance(term, Compare):
        if not isinstance(term.right, Constant) or not isinstance(term.right.value, str):
            return None
        bound = term.right.value
        return {"=": bound.__eq__, ">": bound.__lt__, ">=": bound.__le__}[term.operator]
    if isinstance(term, Like):
        matcher = like_pattern(term.pattern, term.escape)
        return lambda word: matcher.fullmatch(word) is not None
    names = tuple(str(option) for option in term.options)
    reach = term.arg.reach if isinstance(term.arg, Column) else None
    if reach == "region":
        return lambda word: any(region_covers(name, word) for name in names)
    if reach == "industry":
        return lambda word: any(industry_covers(name, word) for name in names)
    return frozenset(names).__contains__


def provable(term: Member) -> bool:
    """Whether the absence of the names from the list is known to be FALSE."""
    assert isinstance(term.arg, Column)
    complete = term.arg.complete_for
    return complete is None or {str(option) for option in term.options} <= set(complete)
