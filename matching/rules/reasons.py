"""Which conditions an outcome rests on: of a logic with alternatives, not every failing condition is a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from matching.rules.program import Item, Literal
from matching.rules.terms import And, Column, Not, Or, Term

States = Mapping[str, bool | None]
"""By condition: TRUE, FALSE or UNKNOWN (None)."""

EITHER = "以下任一项符合即可："


def reasons(item: Item, states: States, outcome: bool | None) -> tuple[Literal, ...]:
    """The requirements through which the logic is FALSE (or UNKNOWN), in the order it names them.

    In an AND those that are so themselves, in an OR all, since each of them could have carried it. An alternative that fails inside an OR
    which another one carries is none of them.
    """
    return tuple(dict.fromkeys(_leaves(item.logic, states, outcome)))


def against(item: Item, states: States, say: Callable[[Literal], str]) -> list[str]:
    """Why the logic is FALSE, in words: a phrase for each requirement that must change, alternatives in one phrase and behind the others."""
    return _phrases(item.logic, states, say)


def _phrases(term: Term, states: States, say: Callable[[Literal], str]) -> list[str]:
    if _value(term, states) is not False:
        return []
    if isinstance(term, And):
        found = [phrase for arg in term.args for phrase in _phrases(arg, states, say)]
        return sorted(dict.fromkeys(found), key=lambda phrase: phrase.startswith(EITHER))
    if isinstance(term, Or):
        ways = dict.fromkeys("，并且".join(_phrases(arg, states, say)) for arg in term.args)
        return list(ways) if len(ways) == 1 else [EITHER + "；或者".join(ways)]
    return [say(_literal(term))]


def short_of(item: Item, states: States) -> tuple[Literal, ...]:
    """The data requirements that fail and of which one alone, once met, would carry the logic with outside_data granted."""
    granted = {**states, **dict.fromkeys(item.outside, True)}
    _, carrying = _steps(item.logic, granted)
    asked = frozenset(item.literals)
    return tuple(
        literal
        for literal in item.literals
        if literal in carrying
        and literal.id not in item.outside
        and _of(literal, states) is False
        # what is also asked the other way round would fail there
        and (
            Literal(literal.id, not literal.negated) not in asked
            or _value(item.logic, {**granted, literal.id: not literal.negated}) is True
        )
    )


def _steps(term: Term, states: States) -> tuple[bool | None, frozenset[Literal]]:
    """A term's value and, unless it is TRUE, the requirements of which one alone, once met wherever it is asked for, makes it so."""
    if not isinstance(term, And | Or):
        value, literal = _of(_literal(term), states), _literal(term)
        return value, frozenset() if value is True else frozenset({literal})
    parts = [_steps(arg, states) for arg in term.args]
    values = [value for value, _ in parts]
    if isinstance(term, Or):
        if True in values:
            return True, frozenset()
        return None if None in values else False, frozenset().union(*(steps for _, steps in parts))
    wanting = [steps for value, steps in parts if value is not True]
    if not wanting:
        return True, frozenset()
    return False if False in values else None, wanting[0].intersection(*wanting[1:])


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
