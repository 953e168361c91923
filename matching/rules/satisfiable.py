"""Whether a condition can ever be true or false, by intervals and sets per column; it never says no where it is not sure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from matching.rules.reach import industry_covers, region_covers
from matching.rules.terms import And, Column, Compare, Constant, Is, IsNull, Member, Not, Or, Term, columns
from matching.rules.vocabulary import Bounds

MOST_BRANCHES = 512
Sign = tuple[Term, bool]


def can_be_true(term: Term, bounds: Mapping[str, Bounds]) -> bool:
    """Whether some profile makes the term TRUE, as far as intervals and sets can tell."""
    return any(_possible(branch, bounds) for branch in _branches(term, True))


def can_be_false(term: Term, bounds: Mapping[str, Bounds]) -> bool:
    """Whether some profile makes the term FALSE; a condition that cannot is no condition."""
    return any(_possible(branch, bounds) for branch in _branches(term, False))


def _branches(term: Term, want: bool) -> list[list[Sign]]:
    """Ways for the term to be `want`, each a list of tests that must all come out so; an empty list binds nothing."""
    if isinstance(term, Not):
        return _branches(term.arg, not want)
    if isinstance(term, Constant):
        return [[]] if term.value is want else []
    if isinstance(term, And | Or):
        parts = [_branches(arg, want) for arg in term.args]
        if isinstance(term, And) is want:
            total = 1
            for part in parts:
                total *= len(part)
            if total > MOST_BRANCHES:
                return [[]]
            return [list(itertools.chain.from_iterable(chosen)) for chosen in itertools.product(*parts)]
        return list(itertools.chain.from_iterable(parts))
    if isinstance(term, Is):
        if want and term.what in ("true", "false"):
            return _branches(term.arg, term.what == "true")
        return [[]]
    return [[(term, want)]]


@dataclass
class _Range:
    low: Fraction | date | None = None
    low_open: bool = False
    high: Fraction | date | None = None
    high_open: bool = False
    excluded: set[Fraction | date] = field(default_factory=set)

    def at_least(self, value: Fraction | date, strict: bool) -> None:
        if self.low is None or value > self.low or (value == self.low and strict):  # type: ignore[operator]
            self.low, self.low_open = value, strict

    def at_most(self, value: Fraction | date, strict: bool) -> None:
        if self.high is None or value < self.high or (value == self.high and strict):  # type: ignore[operator]
            self.high, self.high_open = value, strict

    def empty(self) -> bool:
        if self.low is None or self.high is None:
            return False
        if self.low > self.high:  # type: ignore[operator]
            return True
        return self.low == self.high and (self.low_open or self.high_open or self.low in self.excluded)


def _possible(branch: list[Sign], bounds: Mapping[str, Bounds]) -> bool:
    if any((term, not want) in branch for term, want in branch):
        return False
    # a test that comes out true or false has a value to look at
    absent = {t.arg for t, want in branch if isinstance(t, IsNull) and want}
    read = {c for t, _ in branch if isinstance(t, Compare | Member | Column) for c in columns(t)}
    if absent & read:
        return False
    ordered = {c for t, _ in branch if (c := _measured(t)) is not None}
    worded = {c for t, _ in branch if (c := _worded(t)) is not None}
    return all(_range_possible(column, branch, bounds.get(column.name)) for column in ordered) and all(
        _words_possible(column, branch, bounds.get(column.name)) for column in worded
    )


def _measured(term: Term) -> Column | None:
    if isinstance(term, Compare) and isinstance(term.left, Column) and term.left.type in ("number", "date"):
        return term.left if isinstance(term.right, Constant) else None
    if isinstance(term, Member) and isinstance(term.arg, Column) and term.arg.type in ("number", "date"):
        return term.arg
    return None


def _worded(term: Term) -> Column | None:
    if isinstance(term, Compare) and isinstance(term.left, Column) and term.left.type == "text":
        return term.left if isinstance(term.right, Constant) and term.operator == "=" else None
    if isinstance(term, Member) and isinstance(term.arg, Column) and term.arg.type in ("text", "list"):
        return term.arg
    return None


def _range_possible(column: Column, branch: list[Sign], bounds: Bounds | None) -> bool:
    span = _Range()
    if bounds is not None and bounds.low is not None:
        span.at_least(bounds.low, strict=False)
    if bounds is not None and bounds.high is not None:
        span.at_most(bounds.high, strict=False)
    chosen: list[set[Fraction | date]] = []
    for term, want in branch:
        if _measured(term) != column:
            continue
        if isinstance(term, Member):
            options = {o for o in term.options if isinstance(o, Fraction | date)}
            if want:
                chosen.append(options)
            else:
                span.excluded |= options
            continue
        assert isinstance(term, Compare) and isinstance(term.right, Constant)
        value = term.right.value
        if not isinstance(value, Fraction | date):
            continue
        if term.operator == "=":
            if want:
                chosen.append({value})
            else:
                span.excluded.add(value)
        elif want:
            span.at_least(value, strict=term.operator == ">")
        else:
            span.at_most(value, strict=term.operator == ">=")
    if not chosen:
        return not span.empty()
    points = set.intersection(*chosen) - span.excluded
    return any(_inside(span, point) for point in points)


def _inside(span: _Range, point: Fraction | date) -> bool:
    above = span.low is None or point > span.low or (point == span.low and not span.low_open)  # type: ignore[operator]
    below = span.high is None or point < span.high or (point == span.high and not span.high_open)  # type: ignore[operator]
    return above and below


def _words_possible(column: Column, branch: list[Sign], bounds: Bounds | None) -> bool:
    wanted = [_options(term) for term, want in branch if want and _worded(term) == column]
    barred = [_options(term) for term, want in branch if not want and _worded(term) == column]
    if column.reach == "list":
        # a list holds several names at once: only a name that is both wanted and barred contradicts
        return not any(want <= set().union(*barred) for want in wanted) if barred else True
    covers = {"region": region_covers, "industry": industry_covers}.get(str(column.reach))
    if covers is not None:
        meets = all(
            any(covers(a, b) or covers(b, a) for a in one for b in other)
            for one, other in itertools.combinations(wanted, 2)
        )
        ruled_out = any(
            all(any(covers(bar, want) for bar in itertools.chain(*barred)) for want in one) for one in wanted
        )
        return meets and not (barred and ruled_out)
    codes = set(bounds.codes) if bounds is not None and bounds.codes else None
    if not wanted:
        return codes is None or bool(codes - set().union(*barred))
    return bool(set.intersection(*wanted) - set().union(*barred))


def _options(term: Term) -> set[str]:
    if isinstance(term, Member):
        return {str(option) for option in term.options}
    assert isinstance(term, Compare) and isinstance(term.right, Constant)
    return {str(term.right.value)}


def implied(item: Term, by: Iterable[Term]) -> bool:
    """Whether a test stands among others, or inside one of their conjunctions."""
    parts = {part for term in by for part in (term.args if isinstance(term, And) else (term,))}
    return all(part in parts for part in (item.args if isinstance(item, And) else (item,)))
