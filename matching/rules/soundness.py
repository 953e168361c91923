"""Whether an item's rules can hold and can fail: what nobody can meet is a slip, and what everybody meets pays everybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from matching.rules.errors import RuleError
from matching.rules.satisfiable import can_be_false, can_be_true
from matching.rules.simplify import conjunction, disjunction, negation
from matching.rules.terms import And, Column, Not, Or, Term, columns
from matching.rules.vocabulary import Bounds

if TYPE_CHECKING:
    from matching.rules.program import Item

Severity = Literal["error", "warning", "info"]


def faults(item: Item, bounds: Mapping[str, Bounds]) -> Iterator[tuple[str, str, Severity, str]]:
    """Conditions and logic that are never or always true, by intervals and sets: (condition or `logic`, rule, severity, message)."""
    sound = True
    for name, term in item.terms.items():
        if not can_be_true(term, bounds):
            sound = False
            yield name, "never-true", "error", "条件自相矛盾，任何主体都不可能满足"
        elif not can_be_false(term, bounds):
            # IN over every code of a list still asks that there be a value
            read = columns(term)
            listed = bool(read) and all(column.type == "text" for column in read)
            sound = sound and listed
            yield name, "always-true", "info" if listed else "error", "条件对任何有数据的主体都成立，等于只问有没有数据"
    whole = substituted(item.logic, item.terms)
    if sound and not can_be_true(whole, bounds):
        yield "logic", "contradiction", "error", "各条件合在一起互相矛盾，没有主体能够符合"
    if sound and item.outside == frozenset() and not can_be_false(whole, bounds):
        yield "logic", "always-true", "error", "逻辑对任何有数据的主体都成立"


def refusal(item: Item, bounds: Mapping[str, Bounds]) -> RuleError | None:
    """The first fault for which an item may not take effect."""
    for name, _, severity, message in faults(item, bounds):
        if severity == "error":
            return RuleError(item.text.file, name, None, message)
    return None


def substituted(logic: Term, terms: Mapping[str, Term]) -> Term:
    """The logic over its conditions' own terms; outside_data stay free."""
    if isinstance(logic, And | Or):
        args = [substituted(arg, terms) for arg in logic.args]
        return conjunction(args) if isinstance(logic, And) else disjunction(args)
    if isinstance(logic, Not):
        return negation(substituted(logic.arg, terms))
    return terms.get(logic.name, logic) if isinstance(logic, Column) else logic
