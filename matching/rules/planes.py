"""Bit planes: for every distinct test of a program, one bit per row for TRUE and one for FALSE, computed once per block.

Neither bit set is UNKNOWN, so NOT only swaps the two planes and rows beyond the end of a block count as nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from matching.rules import values as v
from matching.rules.batches import Batch, Bounds, Strips, batched
from matching.rules.columns import Block, Plane, Raw, packed, raw
from matching.rules.evaluate import like_pattern, truth
from matching.rules.reach import industry_covers, region_covers
from matching.rules.terms import And, Column, Compare, Constant, Is, Like, Member, Not, Or, Term

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
    """Which rows hold what: equal terms share a row. Built once per program.

    `terms` are the conditions to come: the thresholds among their tests get the first rows, column by column, to be answered together.
    """

    def __init__(self, terms: Iterable[Term] = ()) -> None:
        self.steps: list[Step] = []
        self._rows: dict[Term, int] = {}
        draft = Layout() if terms else self
        for term in terms:
            draft.slot(term)
        ordered, self.batches = batched(draft.atoms)
        self._bounds: dict[tuple[int, int], Bounds | None] = {}
        self.answers: Answers = {}
        for term in ordered:
            self.slot(term)

    @property
    def rows(self) -> int:
        return len(self.steps)

    @property
    def atoms(self) -> list[Term]:
        return [step.term for step in self.steps if step.term is not None]

    @cached_property
    def worded(self) -> dict[str, list[tuple[int, Compare | Member | Like]]]:
        """The tests that ask one text column which word it holds, with their rows, by column. Read when all terms are in."""
        found: dict[str, list[tuple[int, Compare | Member | Like]]] = {}
        for step in self.steps:
            if isinstance(term := step.term, Compare | Member | Like):
                column = term.left if isinstance(term, Compare) else term.arg
                if isinstance(column, Column) and column.type == "text":
                    found.setdefault(column.name, []).append((step.row, term))
        return found

    def bounds(self, batch: Batch, den: int) -> Bounds | None:
        """The thresholds of a batch on a column of that denominator, worked out once; None if they are too large to be taken together."""
        key = (batch.first, den)
        if key not in self._bounds:
            self._bounds[key] = batch.bounds(den)
        return self._bounds[key]

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
        # every plane is written whole before it is read: 30 MB need no zeros
        self._true = np.empty((layout.rows, words), np.uint64)
        self._false = np.empty((layout.rows, words), np.uint64)
        # views made once: indexing a matrix costs more than the AND of a plane
        self.true = list(self._true)
        self.false = list(self._false)
        self.full = np.zeros(words, np.uint64)
        self.tests: Tests = {}
        self.holds = np.zeros(words * 64, bool)
        self.strips = Strips(max((len(batch.tests) for batch in layout.batches), default=0))

    def t(self, slot: Slot) -> Plane:
        return self.false[slot.row] if slot.negated else self.true[slot.row]

    def f(self, slot: Slot) -> Plane:
        return self.true[slot.row] if slot.negated else self.false[slot.row]

    def load(self, block: Block) -> None:
        """Computes every row for a block of at most 64 · words rows."""
        self.full[:] = packed(np.ones(block.height, bool), self.words)
        reader = _Reader(block, self)
        answered = self._thresholds(reader)
        for step in self.layout.steps:
            if step.row in answered:
                continue
            t, f = self.true[step.row], self.false[step.row]
            if step.term is not None:
                reader.read(step, t, f)
            elif step.kind == "and":
                fold(np.bitwise_and, [self.t(slot) for slot in step.inputs], t)
                fold(np.bitwise_or, [self.f(slot) for slot in step.inputs], f)
            elif step.kind == "or":
                fold(np.bitwise_or, [self.t(slot) for slot in step.inputs], t)
                fold(np.bitwise_and, [self.f(slot) for slot in step.inputs], f)
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

    def _thresholds(self, reader: _Reader) -> set[int]:
        """Answers the batches whose column can be read as floats; the rows that are done."""
        done: set[int] = set()
        for batch in self.layout.batches:
            held = reader.raw(batch.column)
            if held is None or held.values is None:
                continue
            bounds = self.layout.bounds(batch, held.den)
            if bounds is None:
                continue
            rows = slice(batch.first, batch.first + len(batch.tests))
            # a shorter block leaves bits of the one before behind its rows, and what is known of nobody clears them
            self.strips.answer(held.values, held.known, bounds, self._true[rows], self._false[rows])
            done.update(range(rows.start, rows.stop))
        return done


def fold(operation: np.ufunc, planes: Sequence[Plane], out: Plane) -> None:
    """AND or OR of planes into `out`; of none, all bits or no bit."""
    if len(planes) < 2:
        out[:] = planes[0] if planes else ~np.uint64(0) if operation is np.bitwise_and else 0
        return
    operation(planes[0], planes[1], out)
    for plane in planes[2:]:
        operation(out, plane, out)


def positions(plane: Plane) -> npt.NDArray[np.int64]:
    """The rows whose bit is set, ascending."""
    return np.flatnonzero(np.unpackbits(plane.view(np.uint8), bitorder="little"))


def ones(plane: Plane) -> int:
    return int(np.bitwise_count(plane).sum(dtype=np.int64))


# Which words of a column an atom accepts, and which one option of IN reaches: the words asked about, and their codes. Kept with the layout,
# because the next frame mostly has the same words; one answer per question, so it does not grow with the frames.
Answers = dict[Hashable, tuple[tuple[str, ...], list[int]]]

# The integer test of an atom (by identity: terms live as long as the layout) on a column over some denominator.
Tests = dict[tuple[int, int], tuple[str, int] | None]


class _Reader:
    """Atoms of one block as planes; bitmaps and words of a column are read once."""

    def __init__(self, block: Block, registers: Registers) -> None:
        self.block = block
        self.words = registers.words
        self.full = registers.full
        self.answers = registers.layout.answers
        self.tests = registers.tests
        self.holds = registers.holds[: block.height]
        self.strips = registers.strips
        self.worded = registers.layout.worded
        self._raw: dict[str, Raw | None] = {}
        self._known: dict[str, Plane] = {}
        self._word: dict[tuple[str, int], Plane] = {}

    def read(self, step: Step, t: Plane, f: Plane) -> None:
        """Writes the planes of an atom; by shortcuts where it tests one column against constants, else by the evaluator."""
        term = step.term
        assert term is not None
        if isinstance(term, Compare) and isinstance(term.left, Column) and isinstance(term.right, Constant):
            found = self.raw(term.left)
            if found is not None and self._compare(term, found, t, f):
                return
        elif isinstance(term, Column):
            found = self.raw(term)
            if found is not None and found.bits is not None:
                t[:] = found.bits
                np.bitwise_xor(t, found.known, out=f)
                return
        if isinstance(term, Compare | Member | Like) and self._read_words(step.row, term, t, f):
            return
        answer = truth(term, self.block)
        if answer.true.shape != (self.block.height,):
            t[:] = self.full if answer.true[0] else 0
            f[:] = self.full if answer.false[0] else 0
            return
        t[:] = packed(answer.true, self.words)
        f[:] = packed(answer.false, self.words)

    def raw(self, column: Column) -> Raw | None:
        if column.name not in self._raw:
            held = column.name in self.block.frame.columns
            self._raw[column.name] = (
                raw(self.block.frame.get_column(column.name), column.type, self.words) if held else None
            )
        return self._raw[column.name]

    def _compare(self, term: Compare, side: Raw, t: Plane, f: Plane) -> bool:
        assert isinstance(term.right, Constant)
        if side.values is None:
            return False
        key = (id(term), side.den)
        if key not in self.tests:
            bound = v.exact(term.right.value)
            if bound is None:
                return False
            self.tests[key] = v.threshold(term.operator, bound, side.den)
        test = self.tests[key]
        if test is None:
            t[:] = 0
        else:
            compare = np.equal if test[0] == "=" else np.greater_equal
            compare(side.values, test[1], self.holds)
            np.bitwise_and(packed(self.holds, self.words), side.known, t)
        np.bitwise_xor(t, side.known, f)
        return True

    def _read_words(self, row: int, term: Compare | Member | Like, t: Plane, f: Plane) -> bool:
        column = term.left if isinstance(term, Compare) else term.arg
        if not isinstance(column, Column) or column.type not in ("text", "list"):
            return False
        side = self.block.value(column)
        if not isinstance(side, v.Texts | v.Lists) or len(side.words) > FEW_WORDS:
            return False
        codes = self._accepted(row, term, side)
        if codes is None:
            return False
        known = self._known.get(column.name)
        if known is None:
            known = self._known[column.name] = packed(v.known(side), self.words)
            if isinstance(side, v.Texts):
                self._text_planes(column, side, known)
        fold(np.bitwise_or, [self._word_plane(column, side, code) for code in codes], t)
        if isinstance(side, v.Lists) and isinstance(term, Member) and not provable(term):
            f[:] = 0
        else:
            np.bitwise_xor(t, known, out=f)
        return True

    def _text_planes(self, column: Column, side: v.Texts, known: Plane) -> None:
        """The planes of all words any test of a text column asks for, together."""
        asked = (self._accepted(row, term, side) for row, term in self.worded.get(column.name, ()))
        codes = sorted({code for found in asked if found is not None for code in found})
        planes = np.zeros((len(codes), self.words), np.uint64)
        self.strips.equal(side.codes, np.array(codes, side.codes.dtype), planes)
        np.bitwise_and(planes, known, out=planes)
        self._word.update(((column.name, code), plane) for code, plane in zip(codes, planes, strict=True))

    def _accepted(self, row: int, term: Compare | Member | Like, side: v.Texts | v.Lists) -> list[int] | None:
        asked = self.answers.get(row)
        if asked is None or (asked[0] is not side.words and asked[0] != side.words):
            if isinstance(term, Member):
                assert isinstance(term.arg, Column)
                reach = term.arg.reach
                codes = sorted({code for o in term.options for code in self._reached(reach, str(o), side.words)})
            else:
                accepts = word_test(term)
                if accepts is None:
                    return None
                codes = [code for code, word in enumerate(side.words) if accepts(word)]
            asked = self.answers[row] = (side.words, codes)
        return asked[1]

    def _reached(self, reach: str | None, option: str, words: tuple[str, ...]) -> list[int]:
        """The codes of the words that one option of IN reaches; options repeat over items, so each is asked once per dictionary."""
        key = (reach, option, words[0], len(words))
        asked = self.answers.get(key)
        if asked is None or asked[0] != words:
            accepts = reached_by(reach, option)
            asked = self.answers[key] = (words, [code for code, word in enumerate(words) if accepts(word)])
        return asked[1]

    def _word_plane(self, column: Column, side: v.Texts | v.Lists, code: int) -> Plane:
        key = (column.name, code)
        if key not in self._word:
            assert isinstance(side, v.Lists)
            self.holds[:] = False
            self.holds[side.rows[side.codes == code]] = True
            self._word[key] = packed(self.holds, self.words)
        return self._word[key]


def word_test(term: Compare | Like) -> v.WordTest | None:
    """The question an atom asks of one word of its text column; None if it asks something else."""
    if isinstance(term, Compare):
        if not isinstance(term.right, Constant) or not isinstance(term.right.value, str):
            return None
        bound = term.right.value
        return {"=": bound.__eq__, ">": bound.__lt__, ">=": bound.__le__}[term.operator]
    matcher = like_pattern(term.pattern, term.escape)
    return lambda word: matcher.fullmatch(word) is not None


def reached_by(reach: str | None, option: str) -> v.WordTest:
    """Whether a word is `option` or, for regions and industries, lies below it."""
    if reach == "region":
        return lambda word: region_covers(option, word)
    if reach == "industry":
        return lambda word: industry_covers(option, word)
    return option.__eq__


def provable(term: Member) -> bool:
    """Whether the absence of the names from the list is known to be FALSE."""
    assert isinstance(term.arg, Column)
    complete = term.arg.complete_for
    return complete is None or {str(option) for option in term.options} <= set(complete)
