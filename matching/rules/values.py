"""Columns of values as numpy arrays, each slot known or NULL: exact numbers, texts, truth values.

No float is computed with: a number is an integer over a positive integer, so `0.1 + 0.2 = 0.3` and `a / b * b = a` hold exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[Any]  # int8 … int64, or object holding Python integers

FITS = 2**63 - 1

WordTest = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Numbers:
    """`num / den` per slot. `den` is one positive integer or an array of them; `known` None means every slot is known.

    A slot that is not known holds any number; nothing may read it without `known`. Dates are days since 1970-01-01 over 1.
    """

    num: Ints
    den: int | Ints
    known: Bools | None

    @property
    def mask(self) -> Bools:
        return np.ones(self.num.shape, bool) if self.known is None else self.known


@dataclass(frozen=True, slots=True)
class Texts:
    """`words[codes]` per slot: a predicate is asked once per distinct word. `words` is never empty."""

    words: tuple[str, ...]
    codes: npt.NDArray[Any]
    known: Bools | None

    @property
    def mask(self) -> Bools:
        return np.ones(self.codes.shape, bool) if self.known is None else self.known


@dataclass(frozen=True, slots=True)
class Truth:
    """Kleene: `true` and `false` per slot, never both; neither is unknown."""

    true: Bools
    false: Bools


@dataclass(frozen=True, slots=True)
class Lists:
    """One list per row, flattened: entry `i` belongs to row `rows[i]` and is named `words[codes[i]]`. Entries not valid at as_of are left out."""

    words: tuple[str, ...]
    codes: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int64]
    known: Bools


Value = Numbers | Texts | Truth | Lists


def spelled(text: str) -> Decimal | None:
    """The number a text writes, NaN and infinities included; None if it writes none. Decimal would also take 1_000 and digits of other scripts."""
    text = text.strip()
    try:
        return Decimal(text) if text.isascii() and "_" not in text else None
    except InvalidOperation:
        return None


def number(value: Fraction | None) -> Numbers:
    """One constant, to be broadcast."""
    if value is None:
        return Numbers(np.zeros(1, np.int64), 1, np.zeros(1, bool))
    return Numbers(_integers([value.numerator]), value.denominator, None)


def text(value: str | None) -> Texts:
    return Texts((value or "",), np.zeros(1, np.int32), None if value is not None else np.zeros(1, bool))


def truth(value: bool | None) -> Truth:
    return Truth(np.array([value is True]), np.array([value is False]))


def kleene(holds: Bools, known: Bools | None) -> Truth:
    """A two-valued answer where `known`, unknown elsewhere."""
    if known is None:
        return Truth(holds, ~holds)
    return Truth(holds & known, ~holds & known)


def both_known(a: Bools | None, b: Bools | None) -> Bools | None:
    if a is None:
        return b
    return a if b is None else a & b


def _integers(values: Sequence[int]) -> Ints:
    if all(-FITS <= value <= FITS for value in values):
        return np.array(values, dtype=np.int64)
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def _most(values: int | Ints) -> int:
    """The largest absolute value."""
    if isinstance(values, int):
        return abs(values)
    if values.size == 0:
        return 0
    return max(abs(int(values.max())), abs(int(values.min())))


def _wide(values: Ints) -> Ints:
    return values.astype(object) if values.dtype != object else values


def times(a: int | Ints, b: int | Ints) -> Any:
    """The exact product; Python integers where 64 bits might not hold it."""
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    if isinstance(b, int) and b == 1:
        return a
    if isinstance(a, int) and a == 1:
        return b
    if _most(a) * _most(b) <= FITS and not _is_wide(a) and not _is_wide(b):
        return _narrow(a) * _narrow(b)
    return (a if isinstance(a, int) else _wide(a)) * (b if isinstance(b, int) else _wide(b))


def plus(a: Ints, b: Ints) -> Ints:
    """The exact sum."""
    if _most(a) + _most(b) <= FITS and not _is_wide(a) and not _is_wide(b):
        return np.asarray(_narrow(a) + _narrow(b))
    return np.asarray(_wide(a) + _wide(b))


def _is_wide(values: int | Ints) -> bool:
    return not isinstance(values, int) and values.dtype == object


def _narrow(values: int | Ints) -> Any:
    return values if isinstance(values, int) else values.astype(np.int64, copy=False)


def aligned(a: Numbers, b: Numbers) -> tuple[Ints, Ints, int | Ints]:
    """Numerators of both over one common denominator."""
    if isinstance(a.den, int) and isinstance(b.den, int):
        common = lcm(a.den, b.den)
        return times(a.num, common // a.den), times(b.num, common // b.den), common
    return times(a.num, b.den), times(b.num, a.den), times(a.den, b.den)


def add(a: Numbers, b: Numbers) -> Numbers:
    x, y, den = aligned(a, b)
    return Numbers(plus(x, y), den, both_known(a.known, b.known))


def negative(a: Numbers) -> Numbers:
    return Numbers(-_narrow(a.num) if _most(a.num) <= FITS and not _is_wide(a.num) else -_wide(a.num), a.den, a.known)


def multiply(a: Numbers, b: Numbers) -> Numbers:
    return Numbers(times(a.num, b.num), times(a.den, b.den), both_known(a.known, b.known))


def divide(a: Numbers, b: Numbers) -> Numbers:
    """The exact quotient; NULL where the divisor is zero."""
    zero = np.asarray(b.num == 0, dtype=bool)
    nonzero = ~zero
    known = both_known(both_known(a.known, b.known), nonzero if zero.any() else None)
    divisor = b.num if _is_wide(b.num) else _narrow(b.num)
    if not _is_wide(divisor) and divisor.size and int(divisor.min()) < -FITS:
        divisor = _wide(divisor)
    sign = np.where(np.asarray(divisor < 0, dtype=bool), -1, 1)
    size = np.where(zero, 1, times(divisor, sign))
    return Numbers(times(times(a.num, b.den), sign), times(a.den, size), known)


def order(operator: str, a: Numbers, b: Numbers) -> Truth:
    """`= > >=` of two numbers or dates."""
    if b.num.shape == (1,) and isinstance(a.den, int) and isinstance(b.den, int):
        return kleene(_against(operator, a, Fraction(int(b.num[0]), b.den)), both_known(a.known, b.known))
    x, y, _ = aligned(a, b)
    holds = x == y if operator == "=" else x > y if operator == ">" else x >= y
    return kleene(np.asarray(holds, dtype=bool), both_known(a.known, b.known))


def threshold(operator: str, value: Fraction, den: int) -> tuple[str, int] | None:
    """The integer test on numerators over `den` that `operator value` is; None if it is never true (an equality between the steps)."""
    scaled = value * den
    if operator == "=":
        return ("=", scaled.numerator) if scaled.denominator == 1 else None
    if operator == ">=":
        return ">=", -((-scaled.numerator) // scaled.denominator)
    return ">=", scaled.numerator // scaled.denominator + 1


def _against(operator: str, a: Numbers, value: Fraction) -> Bools:
    assert isinstance(a.den, int)
    test = threshold(operator, value, a.den)
    if test is None:
        return np.zeros(a.num.shape, bool)
    return np.asarray(a.num == test[1] if test[0] == "=" else a.num >= test[1], dtype=bool)


def member(a: Numbers, options: Sequence[Fraction]) -> Truth:
    holds = np.zeros(a.num.shape, bool)
    if isinstance(a.den, int):
        for option in options:
            holds |= _against("=", a, option)
    else:
        for option in options:
            holds |= np.asarray(times(a.num, option.denominator) == times(a.den, option.numerator), dtype=bool)
    return kleene(holds, a.known)


def asked(a: Texts, predicate: Callable[[str], bool]) -> Truth:
    """A question about a text, asked once per distinct word."""
    answers = np.fromiter((predicate(word) for word in a.words), bool, len(a.words))
    return kleene(answers[a.codes], a.known)


def order_texts(operator: str, a: Texts, b: Texts) -> Truth:
    """`= > >=` of texts, by code point as DuckDB does (UTF-8 keeps that order)."""
    if b.codes.shape == (1,):
        word = b.words[int(b.codes[0])]
        test = {"=": word.__eq__, ">": word.__lt__, ">=": word.__le__}[operator]
        return kleene(asked(a, test).true | np.zeros(1, bool), both_known(a.known, b.known))
    x, y = _decoded(a), _decoded(b)
    holds = x == y if operator == "=" else x > y if operator == ">" else x >= y
    return kleene(np.asarray(holds, dtype=bool), both_known(a.known, b.known))


def _decoded(a: Texts) -> npt.NDArray[Any]:
    words = np.empty(len(a.words), dtype=object)
    words[:] = a.words
    return np.asarray(words[a.codes])


def order_truths(operator: str, a: Truth, b: Truth) -> Truth:
    """`= > >=` with FALSE below TRUE."""
    known = (a.true | a.false) & (b.true | b.false)
    holds = a.true == b.true if operator == "=" else a.true & ~b.true if operator == ">" else a.true | ~b.true
    return kleene(holds, known)


def known(a: Value) -> Bools:
    return a.true | a.false if isinstance(a, Truth) else a.known if isinstance(a, Lists) else a.mask


def choose(where: Bools, a: Value, b: Value) -> Value:
    """`a` where the mask holds, else `b`; both of one kind."""
    if isinstance(a, Truth) and isinstance(b, Truth):
        return Truth(np.where(where, a.true, b.true), np.where(where, a.false, b.false))
    if isinstance(a, Texts) and isinstance(b, Texts):
        codes = np.where(where, a.codes, b.codes + np.int32(len(a.words))).astype(np.int32)
        return Texts((*a.words, *b.words), codes, np.where(where, a.mask, b.mask))
    if isinstance(a, Numbers) and isinstance(b, Numbers):
        mask = np.where(where, a.mask, b.mask)
        if isinstance(a.den, int) and isinstance(b.den, int):
            x, y, den = aligned(a, b)
            return Numbers(np.where(where, x, y), den, mask)
        return Numbers(np.where(where, a.num, b.num), np.where(where, a.den, b.den), mask)
    raise TypeError(f"cannot choose between {type(a).__name__} and {type(b).__name__}")


def rounded(a: Numbers, places: int) -> list[int | None]:
    """Each number times 10^places, rounded half away from zero (四舍五入), as Python integers; None where NULL."""
    num = times(_wide(a.num), 2 * 10**places)
    den = a.den if isinstance(a.den, int) else _wide(a.den)
    size = (abs(num) + den) // (times(den, 2))
    signed = np.where(np.asarray(num < 0, dtype=bool), -size, size)
    # a division by a constant zero is known nowhere, whatever its rows
    values, known = np.broadcast_arrays(signed, a.mask)
    return [int(value) if here else None for value, here in zip(values.tolist(), known.tolist(), strict=True)]


def exact(constant: Fraction | str | bool | date | None) -> Fraction | None:
    """A number, or a date as its day number; None for anything else."""
    if isinstance(constant, Fraction):
        return constant
    return Fraction((constant - date(1970, 1, 1)).days) if isinstance(constant, date) else None


def decimal(value: Fraction, places: int = 6) -> Decimal:
    """The number as a DECIMAL of at most `places` decimals, rounded half to even, however many digits stand before them; no exponent."""
    scaled = round(value * 10**places)
    whole, rest = divmod(abs(scaled), 10**places)
    told = f"{whole}.{rest:0{places}d}".rstrip("0").rstrip(".")
    return Decimal(f"-{told}" if scaled < 0 else told)
