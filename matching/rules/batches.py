"""All thresholds of one column in one pass: a matrix of comparisons packed into planes at once, instead of a call per test."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from matching.rules import values as v
from matching.rules.columns import EXACT_DOUBLE, Plane
from matching.rules.terms import Column, Compare, Constant, Term

STRIP = 16_384
"""Rows compared at a time: values and answers then stay in the second cache, and a call is still worth its price. A multiple of 64."""

MOST = 64
"""Tests taken together: their answers for a strip are 1 MB, and a catalogue with thousands of thresholds on one column needs no more."""

_BEYOND = 2**62

Planes = npt.NDArray[np.uint64]
Bounds = tuple[npt.NDArray[np.float64], int]


@dataclass(frozen=True, slots=True)
class Batch:
    """The tests `column >= constant` (and `=`, `>`) of one column, in rows `first` onwards of the registers, equalities last."""

    column: Column
    first: int
    tests: tuple[tuple[str, Fraction], ...]

    def bounds(self, den: int) -> Bounds:
        """The integer thresholds of the tests on numerators over `den`, and how many of them, from the first, are `>=`.

        NaN stands for an equality between the steps, which nothing fulfils. Beyond 2^53 a double only keeps which side a bound lies on,
        and columns held as doubles reach less far than that.
        """
        found = np.empty(len(self.tests))
        for at, (operator, bound) in enumerate(self.tests):
            test = v.threshold(operator, bound, den)
            found[at] = np.nan if test is None else max(-_BEYOND, min(_BEYOND, test[1]))
        return found, sum(operator != "=" for operator, _ in self.tests)


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
    """Room for one strip of a column: its values as doubles and the answers to all its tests, used again for every strip."""

    def __init__(self, tests: int) -> None:
        self.values = np.empty(STRIP)
        self.holds = np.empty(max(1, tests) * STRIP, bool)

    def answer(self, values: v.Ints, known: Plane, bounds: Bounds, true: Planes, false: Planes) -> bool:
        """Writes the planes of all tests of a column, one row of `true` and `false` per test.

        False, and nothing worth reading, if a value is no double exactly: comparing doubles takes 0.4 of the time of 64-bit integers, and
        holds for integers below 2^53.
        """
        thresholds, upwards = bounds[0][:, None], bounds[1]
        tests, height = thresholds.shape[0], values.size
        octets = true.view(np.uint8)
        wide = values.itemsize == 8
        for start in range(0, height, STRIP):
            width = min(STRIP, height - start)
            strip = self.values[:width]
            np.copyto(strip, values[start : start + width])
            if wide and not (strip.max() < EXACT_DOUBLE and strip.min() > -EXACT_DOUBLE):
                return False
            found = self.holds[: tests * width].reshape(tests, width)
            np.greater_equal(strip, thresholds[:upwards], out=found[:upwards])
            if upwards < tests:
                np.equal(strip, thresholds[upwards:], out=found[upwards:])
            into(octets, start, found)
        np.bitwise_and(true, known, out=true)
        np.bitwise_xor(true, known, out=false)
        return True

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
