"""Which conditions an outcome rests on: of a logic with alternatives, not every failing condition is a reason."""

from __future__ import annotations

from collections.abc import Mapping

from matching.rules.program import Item, Literal
from matching.rules.terms import And, Column, Not, Or, Term

States = Mapping[str, bool | None]
"""By condition: TRUE, FALSE or UNKNOWN (None)."""


def reasons(item: Item, states: States, outcome: bool | None) -> tuple[Literal, ...]:
    """The requirements through which the logic is FALSE (or UNKNOWN), in the order it names them.

    In an AND those that are so themselves, in an OR all, since each of them could have carried it. An alternative that fails inside an OR
    which another one carries is none of them.
    """
    return tuple(dict.fromkeys(_leaves(item.logic, states, outcome)))


def short_of(item: Item, states: States) -> tuple[Literal, ...]:
    """The data requirements that fail and of which one alone, once met, would carry the logic with outside_data granted."""
    granted = {**states, **dict.fromkeys(item.outside, True)}
    found = []
    for literal in item.literals:
        if literal.id in item.outside or _of(literal, states) is not False:
            continue
        if _value(item.logic, {**granted, literal.id: not literal.negated}) is True:
            found.append(literal)
    return tuple(found)


def _leaves(term: Term, states: States, outcome: bool | None) -> list[Literal]:
    if _value(term, states) is not outcome:
        return []
    if isinstance(term, And | Or):
        return [leaf for arg in term.args for leaf in _leaves(arg, states, outcome)]
    return [_literal(term)]


def _value(term: Term, states: States) -> bool | None:
    if isinstance(term, And | Or):
        found = [_value(arg, states) for arg in term.args]
        decides = isinstance(term, Or)
        return decides if decides in found else None if None in found else not decides
    return _of(_literal(term), states)


def _of(literal: Literal, states: States) -> bool | None:
    held = states[literal.id]
    return held if held is None else held != literal.negated


def _literal(term: Term) -> Literal:
    leaf = term.arg if isinstance(term, Not) else term
    assert isinstance(leaf, Column)
    return Literal(leaf.name, isinstance(term, Not))
