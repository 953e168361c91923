"""All thresholds of one column in one pass: a matrix of comparisons packed into planes at once, instead of a call per test."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from matching.rules import values as v
from matching.rules.columns import Plane
from matching.rules.terms import Column, Compare, Constant, Term

STRIP = 16_384
"""Rows compared at a time: values and answers then stay in the second cache, and a call is still worth its price. A multiple of 64."""

MOST = 64
"""Tests taken together: their answers for a strip are 1 MB, and a catalogue with thousands of thresholds on one column needs no more."""

# Every integer below is a float of that kind.
_EXACT: tuple[tuple[int, type[np.floating]], ...] = ((2**24, np.float32), (2**53, np.float64))

Planes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Thresholds as a column of floats, the first `upwards` for `>=`, the rest for `=`.

    A threshold is kept only as a float that holds it and its neighbours exactly. Any integer may then be rounded to that float before it is
    compared: rounding never takes it to the other side of a number that needs none, nor onto it.
    """

    floats: npt.NDArray[np.floating]
    upwards: int


@dataclass(frozen=True, slots=True)
class Batch:
    """The tests `column >= constant` (and `=`, `>`) of one column, in rows `first` onwards of the registers, equalities last."""

    column: Column
    first: int
    tests: tuple[tuple[str, Fraction], ...]

    def bounds(self, den: int) -> Bounds | None:
        """The tests on numerators over `den`, in the narrowest floats (32 bits are compared in 0.6 of the time of 64); None beyond 2^53.

        NaN stands for an equality between the steps, which nothing fulfils.
        """
        tests = [v.threshold(operator, bound, den) for operator, bound in self.tests]
        farthest = max((abs(test[1]) for test in tests if test is not None), default=0)
        kind = next((kind for limit, kind in _EXACT if farthest < limit), None)
        if kind is None:
            return None
        floats = np.array([[np.nan if test is None else test[1]] for test in tests], kind)
        return Bounds(floats, sum(operator != "=" for operator, _ in self.tests))


def batched(terms: Iterable[Term]) -> tuple[list[Term], list[Batch]]:
    """The tests that can be taken together, in the order their rows must have, and how they are grouped."""
    groups: dict[Column, list[tuple[str, Fraction, Term]]] = {}
    for term in terms:
        bound = _bound(term)
        if bound is not None:
            assert isinstance(term, Compare) and isinstance(term.left, Column)
            groups.setdefault(term.left, []).append((term.operator, bound, term))
    ordered: list[Term] = []
    batches: list[Batch] = []
    for column, tests in groups.items():
        tests.sort(key=lambda test: test[0] == "=")
        for first in range(0, len(tests), MOST):
            some = tests[first : first + MOST]
            batches.append(Batch(column, len(ordered), tuple((operator, bound) for operator, bound, _ in some)))
            ordered.extend(term for _, _, term in some)
    return ordered, batches


def _bound(term: Term) -> Fraction | None:
    """The number, or day number, that a term compares a column with; None if it does something else."""
    if not (isinstance(term, Compare) and isinstance(term.left, Column) and isinstance(term.right, Constant)):
        return None
    return v.exact(term.right.value) if term.left.type in ("number", "date") else None


class Strips:
    """Room for one strip of a column: its values as floats and the answers to all its tests, used again for every strip."""

    def __init__(self, tests: int) -> None:
        self.values = np.empty(STRIP)
        self.holds = np.empty(max(1, tests) * STRIP, bool)

    def answer(self, values: v.Ints, known: Plane, bounds: Bounds, true: Planes, false: Planes) -> None:
        """Writes the planes of all tests of a column, one row of `true` and `false` per test: floats are compared in 0.4 of the time of 64-bit integers."""
        floats, upwards = bounds.floats, bounds.upwards
        tests, height = floats.shape[0], values.size
        octets = true.view(np.uint8)
        room = self.values.view(floats.dtype)
        for start in range(0, height, STRIP):
            width = min(STRIP, height - start)
            strip = room[:width]
            np.copyto(strip, values[start : start + width], casting="unsafe")
            found = self.holds[: tests * width].reshape(tests, width)
            np.greater_equal(strip, floats[:upwards], out=found[:upwards])
            if upwards < tests:
                np.equal(strip, floats[upwards:], out=found[upwards:])
            into(octets, start, found)
        np.bitwise_and(true, known, out=true)
        np.bitwise_xor(true, known, out=false)

    def equal(self, codes: npt.NDArray[np.integer], wanted: npt.NDArray[np.integer], true: Planes) -> None:
        """Writes the planes of equality with each code wanted, one row of `true` each."""
        octets = true.view(np.uint8)
        width = max(64, min(STRIP, self.holds.size // max(1, wanted.size) // 64 * 64))
        if width * wanted.size > self.holds.size:
            self.holds = np.empty(width * wanted.size, bool)
        for start in range(0, codes.size, width):
            strip = codes[start : start + width]
            found = self.holds[: wanted.size * strip.size].reshape(wanted.size, strip.size)
            np.equal(strip, wanted[:, None], out=found)
            into(octets, start, found)


def into(octets: npt.NDArray[np.uint8], start: int, found: v.Bools) -> None:
    """Packs answers of rows `start` onwards into planes seen as bytes; `start` is a multiple of 8."""
    packed = np.packbits(found, axis=1, bitorder="little")
    octets[:, start // 8 : start // 8 + packed.shape[1]] = packed
