"""Terms in one canonical form, so that equal tests are equal objects; every step holds in three-valued logic (NULL included)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from fractions import Fraction

from matching.rules.terms import (
    FALSE,
    TRUE,
    UNKNOWN,
    And,
    Arithmetic,
    Compare,
    Constant,
    Is,
    Not,
    Or,
    Term,
)


def conjunction(args: Iterable[Term]) -> Term:
    """AND, flattened, without repetitions. TRUE drops out, FALSE decides; UNKNOWN stays, because FALSE may still follow."""
    found: dict[Term, None] = {}
    for arg in args:
        found.update(dict.fromkeys(arg.args if isinstance(arg, And) else (arg,)))
    found.pop(TRUE, None)
    if FALSE in found:
        return FALSE
    if not found:
        return TRUE
    return next(iter(found)) if len(found) == 1 else And(tuple(found))


def disjunction(args: Iterable[Term]) -> Term:
    """OR, flattened, without repetitions. FALSE drops out, TRUE decides."""
    found: dict[Term, None] = {}
    for arg in args:
        found.update(dict.fromkeys(arg.args if isinstance(arg, Or) else (arg,)))
    found.pop(FALSE, None)
    if TRUE in found:
        return TRUE
    if not found:
        return FALSE
    return next(iter(found)) if len(found) == 1 else Or(tuple(found))


def negation(arg: Term) -> Term:
    """NOT, pushed to the leaves (De Morgan holds in Kleene's logic; `NOT a >= b` stays, it is `a < b`)."""
    if isinstance(arg, Not):
        return arg.arg
    if isinstance(arg, And):
        return disjunction(negation(part) for part in arg.args)
    if isinstance(arg, Or):
        return conjunction(negation(part) for part in arg.args)
    if isinstance(arg, Constant):
        return UNKNOWN if arg.value is None else Constant(not arg.value, "bool")
    return Not(arg)


def truth_test(arg: Term, what: str) -> Term:
    """IS TRUE, IS FALSE, IS UNKNOWN of a truth value. `NULL IS TRUE` is FALSE (Polars' SQL front end says NULL)."""
    if isinstance(arg, Constant):
        state = "unknown" if arg.value is None else str(bool(arg.value)).lower()
        return Constant(state == what, "bool")
    if isinstance(arg, Is):
        return arg if what == "true" else negation(arg) if what == "false" else FALSE
    if isinstance(arg, Not) and what != "unknown":
        return truth_test(arg.arg, "false" if what == "true" else "true")
    if isinstance(arg, Not):
        return truth_test(arg.arg, "unknown")
    return Is(arg, "true" if what == "true" else "false" if what == "false" else "unknown")


def arithmetic(operator: str, left: Term, right: Term) -> Term:
    """`+ - * /` of numbers, computed at once between constants; a division by zero is NULL."""
    if isinstance(left, Constant) and isinstance(right, Constant):
        a, b = left.value, right.value
        if not isinstance(a, Fraction) or not isinstance(b, Fraction) or (operator == "/" and b == 0):
            return Constant(None, "number")
        value = a + b if operator == "+" else a - b if operator == "-" else a * b if operator == "*" else a / b
        return Constant(value, "number")
    return Arithmetic(operator, left, right)


def compare(operator: str, left: Term, right: Term) -> Term:
    """A comparison as one of `= > >=` or its negation, with a constant on the right. NaN never reaches it: columns hold none."""
    if (isinstance(left, Constant) and not isinstance(right, Constant)) or (
        not isinstance(right, Constant) and repr(right) < repr(left)
    ):
        left, right = right, left
        operator = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(operator, operator)
    if operator == "<>":
        return negation(compare("=", left, right))
    if operator == "<":
        return negation(compare(">=", left, right))
    if operator == "<=":
        return negation(compare(">", left, right))
    if isinstance(right, Constant):
        if right.value is None:
            return UNKNOWN
        if isinstance(left, Constant):
            return UNKNOWN if left.value is None else Constant(_holds(operator, left.value, right.value), "bool")
        if left.type == "bool" and operator == "=":
            return left if right.value is True else negation(left)
    return Compare("=" if operator == "=" else ">" if operator == ">" else ">=", left, right)


def _holds(operator: str, left: Fraction | str | bool | date, right: Fraction | str | bool | date) -> bool:
    if operator == "=":
        return left == right
    return left > right if operator == ">" else left >= right  # type: ignore[operator]
