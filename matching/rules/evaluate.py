"""The one evaluator: a typed term over a block of rows."""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction

import numpy as np

from matching.rules import values as v
from matching.rules.columns import Block, day_number
from matching.rules.errors import refused
from matching.rules.reach import industry_covers, region_covers
from matching.rules.terms import (
    And,
    Arithmetic,
    AsOf,
    Case,
    Coalesce,
    Column,
    Compare,
    Constant,
    Days,
    Extreme,
    Is,
    IsNull,
    Like,
    Member,
    Not,
    Or,
    Same,
    Shift,
    Term,
)


def truth(term: Term, block: Block) -> v.Truth:
    """True and false per row of the block; arrays have its height or, for constants, length 1."""
    found = value(term, block)
    if not isinstance(found, v.Truth):
        raise TypeError(f"{type(term).__name__} is not a condition")
    return found


def numbers(term: Term, block: Block) -> v.Numbers:
    """Exact numbers per row; arrays have the block's height or, for constants, length 1."""
    found = value(term, block)
    if not isinstance(found, v.Numbers):
        raise TypeError(f"{type(term).__name__} is not a number")
    return found


def value(term: Term, block: Block) -> v.Value:
    match term:
        case Column():
            return block.value(term)
        case Constant():
            return _constant(term)
        case AsOf():
            if block.as_of is None:
                raise refused(None, "表达式用到 as_of，但没有给出日期")
            return v.number(Fraction(day_number(block.as_of)))
        case And(args):
            sides = [truth(arg, block) for arg in args]
            t, f = sides[0].true, sides[0].false
            for side in sides[1:]:
                t, f = t & side.true, f | side.false
            return v.Truth(t, f)
        case Or(args):
            sides = [truth(arg, block) for arg in args]
            t, f = sides[0].true, sides[0].false
            for side in sides[1:]:
                t, f = t | side.true, f & side.false
            return v.Truth(t, f)
        case Not(arg):
            side = truth(arg, block)
            return v.Truth(side.false, side.true)
        case Is(arg, what):
            side = truth(arg, block)
            holds = side.true if what == "true" else side.false if what == "false" else ~(side.true | side.false)
            return v.kleene(holds, None)
        case IsNull(arg):
            return v.kleene(~v.known(value(arg, block)), None)
        case Compare(operator, left, right):
            return _order(operator, value(left, block), value(right, block))
        case Same(left, right):
            return _same(value(left, block), value(right, block))
        case Member():
            return _member(term, block)
        case Like(arg, pattern, escape):
            words = value(arg, block)
            assert isinstance(words, v.Texts)
            matcher = like_pattern(pattern, escape)
            return v.asked(words, lambda word: matcher.fullmatch(word) is not None)
        case _:
            return _computed(term, block)


def _computed(term: Term, block: Block) -> v.Value:
    match term:
        case Arithmetic(operator, left, right):
            a, b = numbers(left, block), numbers(right, block)
            if operator == "+":
                return v.add(a, b)
            if operator == "-":
                return v.add(a, v.negative(b))
            return v.multiply(a, b) if operator == "*" else v.divide(a, b)
        case Days(end, start):
            return v.add(numbers(end, block), v.negative(numbers(start, block)))
        case Shift(day, days):
            return v.add(numbers(day, block), v.number(Fraction(days)))
        case Coalesce(args, _):
            found: v.Value = value(args[-1], block)
            for arg in reversed(args[:-1]):
                here = value(arg, block)
                found = v.choose(v.known(here), here, found)
            return found
        case Extreme(which, args, _):
            best = numbers(args[0], block)
            for arg in args[1:]:
                here = numbers(arg, block)
                first = v.order(">=", here, best) if which == "least" else v.order(">=", best, here)
                known = best.mask & here.mask
                chosen = v.choose(first.true, best, here)
                assert isinstance(chosen, v.Numbers)
                best = v.Numbers(chosen.num, chosen.den, known)
            return best
        case Case(arms, otherwise, _):
            found = value(otherwise, block)
            for test, result in reversed(arms):
                found = v.choose(truth(test, block).true, value(result, block), found)
            return found
    raise TypeError(f"no evaluation for {type(term).__name__}")


def _constant(term: Constant) -> v.Value:
    if term.type == "bool":
        return v.truth(None if term.value is None else bool(term.value))
    if term.type == "text":
        return v.text(None if term.value is None else str(term.value))
    if isinstance(term.value, date):
        return v.number(Fraction(day_number(term.value)))
    return v.number(term.value if isinstance(term.value, Fraction) else None)


def _order(operator: str, left: v.Value, right: v.Value) -> v.Truth:
    if isinstance(left, v.Numbers) and isinstance(right, v.Numbers):
        return v.order(operator, left, right)
    if isinstance(left, v.Texts) and isinstance(right, v.Texts):
        return v.order_texts(operator, left, right)
    if isinstance(left, v.Truth) and isinstance(right, v.Truth):
        return v.order_truths(operator, left, right)
    raise TypeError(f"cannot compare {type(left).__name__} with {type(right).__name__}")


def _same(left: v.Value, right: v.Value) -> v.Truth:
    a, b = v.known(left), v.known(right)
    equal = _order("=", left, right).true
    return v.kleene(equal | (~a & ~b), None)


def _member(term: Member, block: Block) -> v.Truth:
    side = value(term.arg, block)
    if isinstance(side, v.Numbers):
        if term.arg.type == "date":
            days = [Fraction(day_number(option)) for option in term.options if isinstance(option, date)]
            return v.member(side, days)
        return v.member(side, [option for option in term.options if isinstance(option, Fraction)])
    names = tuple(str(option) for option in term.options)
    if isinstance(side, v.Lists):
        assert isinstance(term.arg, Column)
        return _among(side, names, term.arg.complete_for)
    assert isinstance(side, v.Texts)
    reach = term.arg.reach if isinstance(term.arg, Column) else None
    if reach == "region":
        return v.asked(side, lambda word: any(region_covers(name, word) for name in names))
    if reach == "industry":
        return v.asked(side, lambda word: any(industry_covers(name, word) for name in names))
    return v.asked(side, frozenset(names).__contains__)


def _among(side: v.Lists, names: tuple[str, ...], complete_for: tuple[str, ...] | None) -> v.Truth:
    """Any entry named so. Absence is FALSE only where the feeds can prove it: for every name, or for those of `complete_for`."""
    wanted = frozenset(names)
    chosen = np.fromiter((word in wanted for word in side.words), bool, len(side.words))
    found = np.zeros(side.known.shape, bool)
    found[side.rows[chosen[side.codes]]] = True
    provable = complete_for is None or wanted <= frozenset(complete_for)
    return v.Truth(found, side.known & ~found if provable else np.zeros(side.known.shape, bool))


def like_pattern(pattern: str, escape: str | None) -> re.Pattern[str]:
    """The regular expression of a LIKE pattern; every sign but `%`, `_` and the escape stands for itself."""
    found: list[str] = []
    at = 0
    while at < len(pattern):
        sign = pattern[at]
        if escape is not None and sign == escape:
            at += 1
            found.append(re.escape(pattern[at]))
        else:
            found.append(".*" if sign == "%" else "." if sign == "_" else re.escape(sign))
        at += 1
    return re.compile("".join(found), re.DOTALL)
