"""Items as Polars expressions, for the benchmark only."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import reduce
from operator import and_, or_
from typing import Any

import polars as pl

from matching.rules.program import Item
from matching.rules.terms import And, Column, Compare, Constant, Member, Not, Or, Term


def expression(item: Item) -> pl.Expr:
    return _logic(item.logic, item)


def _logic(term: Term, item: Item) -> pl.Expr:
    if isinstance(term, And | Or):
        return reduce(and_ if isinstance(term, And) else or_, (_logic(arg, item) for arg in term.args))
    if isinstance(term, Not):
        return ~_logic(term.arg, item)
    assert isinstance(term, Column)
    return _test(item.terms[term.name])


def _test(term: Term) -> pl.Expr:
    if isinstance(term, Not):
        return ~_test(term.arg)
    if isinstance(term, Column):
        return pl.col(term.name)
    if isinstance(term, Member):
        assert isinstance(term.arg, Column)
        return pl.col(term.arg.name).is_in(list(term.options))
    assert isinstance(term, Compare) and isinstance(term.left, Column) and isinstance(term.right, Constant)
    column, value = pl.col(term.left.name), _plain(term.right.value)
    return column == value if term.operator == "=" else column > value if term.operator == ">" else column >= value


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else Decimal(value.numerator) / Decimal(value.denominator)
    return value
