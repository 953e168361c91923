"""The typed terms a rule is made of once its names and types are settled; equal terms are equal objects, so they can be evaluated once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal

Type = Literal["number", "text", "bool", "date", "list", "null"]
# How IN reads a column: `list` any entry valid at as_of, `region` and `industry` the code and all below it.
Reach = Literal["list", "region", "industry"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the profile. `reach` says how IN reads it; None is plain equality."""

    name: str
    type: Type
    reach: Reach | None = None
    # in a list: the entries whose absence the feeds can prove; None means of all entries
    complete_for: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal. Numbers are exact fractions; None is NULL, of whatever type its neighbours have."""

    value: Fraction | str | bool | date | None
    type: Type


@dataclass(frozen=True, slots=True)
class AsOf:
    """The day the facts are about."""

    type: Type = "date"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`+ - * /` of numbers; a division by zero is NULL."""

    operator: str
    left: Term
    right: Term
    type: Type = "number"


@dataclass(frozen=True, slots=True)
class Days:
    """Days from `start` to `end`, negative if `end` is earlier."""

    end: Term
    start: Term
    type: Type = "number"


@dataclass(frozen=True, slots=True)
class Shift:
    """A date moved by whole days."""

    day: Term
    days: int
    type: Type = "date"


@dataclass(frozen=True, slots=True)
class Coalesce:
    args: tuple[Term, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Extreme:
    """`least` or `greatest`; NULL if any argument is NULL (DuckDB skips NULLs: an award must not grow because a fact is missing)."""

    which: Literal["least", "greatest"]
    args: tuple[Term, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Case:
    """The value of the first arm whose condition is TRUE, else `otherwise`."""

    arms: tuple[tuple[Term, Term], ...]
    otherwise: Term
    type: Type


@dataclass(frozen=True, slots=True)
class And:
    args: tuple[Term, ...]
    type: Type = "bool"


@dataclass(frozen=True, slots=True)
class Or:
    args: tuple[Term, ...]
    type: Type = "bool"


@dataclass(frozen=True, slots=True)
class Not:
    arg: Term
    type: Type = "bool"


@dataclass(frozen=True, slots=True)
class Is:
    """Whether a truth value is `true`, `false` or `unknown`; never unknown itself."""

    arg: Term
    what: Literal["true", "false", "unknown"]
    type: Type = "bool"


@dataclass(frozen=True, slots=True)
class IsNull:
    arg: Term
    type: Type = "bool"


@dataclass(frozen=True, slots=True)
class Compare:
    """`= > >=`; the other comparisons are the negation of one of these, which three-valued logic allows."""

    operator: Literal["=", ">", ">="]
    left: Term
    right: Term
    type: Type = "bool"


@dataclass(frozen=True, slots=True)
class Same:
    """IS NOT DISTINCT FROM: equality in which NULL equals NULL."""

    left: Term
    right: Term
    type: Type = "bool"


@dataclass(frozen=True, slots=True)
class Member:
    """Whether a value is one of some non-NULL constants; for a column with `reach`, whether any of them reaches it."""

    arg: Term
    options: tuple[Fraction | str | bool | date, ...]
    type: Type = "bool"


@dataclass(frozen=True, slots=True)
class Like:
    """`%` any run of characters, `_` exactly one, everything else itself, over line ends too."""

    arg: Term
    pattern: str
    escape: str | None = None
    type: Type = "bool"


Term = (
    Column
    | Constant
    | AsOf
    | Arithmetic
    | Days
    | Shift
    | Coalesce
    | Extreme
    | Case
    | And
    | Or
    | Not
    | Is
    | IsNull
    | Compare
    | Same
    | Member
    | Like
)

TRUE = Constant(True, "bool")
FALSE = Constant(False, "bool")
UNKNOWN = Constant(None, "bool")


def parts(term: Term) -> tuple[Term, ...]:
    """The direct operands of a term."""
    match term:
        case Arithmetic(_, left, right) | Compare(_, left, right) | Same(left, right):
            return (left, right)
        case Days(end, start):
            return (end, start)
        case Shift(day, _):
            return (day,)
        case Coalesce(args, _) | And(args) | Or(args):
            return args
        case Extreme(_, args, _):
            return args
        case Case(arms, otherwise, _):
            return (*(part for arm in arms for part in arm), otherwise)
        case Not(arg) | IsNull(arg):
            return (arg,)
        case Is(arg, _) | Member(arg, _):
            return (arg,)
        case Like(arg, _, _):
            return (arg,)
        case _:
            return ()


def columns(term: Term) -> tuple[Column, ...]:
    """The distinct columns a term reads, in order of first appearance."""
    found: dict[Column, None] = {}
    stack = [term]
    while stack:
        here = stack.pop()
        if isinstance(here, Column):
            found[here] = None
        stack.extend(reversed(parts(here)))
    return tuple(found)
