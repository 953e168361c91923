"""What-if: an item under changed conditions, who is gained and lost, and reach and cost along one threshold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.rules.errors import RuleError, refused
from matching.rules.items import ConditionText
from matching.rules.program import Item, Program, compile_item
from matching.rules.terms import And, Column, Compare, Constant, Not, Or, Term
from matching.rules.values import decimal
from matching.rules.verdicts import AwardError, Verdicts, awards

STEPS = 20
MOST = 10**15
"""A threshold of more is a slip of the pen: a thousand trillion 元."""
_SUM = pl.Decimal(38, 2)


@dataclass(frozen=True)
class Reach:
    """How many are eligible or declarable, and what they would be paid in all (awards that cannot be computed count 0)."""

    n: int
    yuan: Decimal


@dataclass(frozen=True)
class Simulation:
    """The effect of a change. `gained` and `lost` are subjects; `by` counts before, after, gained and lost per group value."""

    before: Reach
    after: Reach
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    by: Mapping[str, pl.DataFrame]
    curve: pl.DataFrame


def simulate(
    program: Program,
    profiles: pl.DataFrame,
    item_id: str,
    changes: Mapping[str, str],
    as_of: date,
    groups: pl.DataFrame,
    *,
    award: str | None = None,
) -> Simulation:
    """The item as it is against the item with some conditions (id → expression) or its award replaced.

    `groups` has the height of `profiles`, one column per way to break the effect down. The curve runs along the first numeric threshold of
    the first changed condition that has one: `threshold` DECIMAL, `n`, `yuan`. Raises RuleError for a change that does not hold, KeyError
    for an unknown item.
    """
    item = program.item(item_id)
    changed = changed_item(program, item, changes, award)
    both = Program(
        (item, replace(changed, text=replace(changed.text, version=-1))), program.vocabulary, program.indicators
    )
    swept = _threshold_of(changed, changes)
    try:
        (was, was_fen), (will, will_fen) = reached(both, profiles, as_of)
    except AwardError as error:
        raise RuleError(item.text.file, "award", None, str(error)) from None
    subjects = subjects_of(profiles)
    return Simulation(
        before=reach_of(was, was_fen),
        after=reach_of(will, will_fen),
        gained=tuple(sorted(subjects.filter(pl.Series(will & ~was)).to_list())),
        lost=tuple(sorted(subjects.filter(pl.Series(was & ~will)).to_list())),
        by={name: _by(groups.get_column(name), was, will) for name in groups.columns},
        curve=_empty_curve() if swept is None else sweep(program, profiles, changed, *swept, as_of, _now(item, *swept)),
    )


def changed_item(program: Program, item: Item, changes: Mapping[str, str], award: str | None = None) -> Item:
    """The item with some conditions' expressions replaced, compiled. Raises RuleError."""
    unknown = [name for name in changes if name not in item.terms]
    if unknown:
        raise RuleError(item.text.file, unknown[0], None, f"没有这个条件；可改的有 {'、'.join(item.terms)}")
    conditions: list[ConditionText] = [replace(c, expr=changes.get(c.id, c.expr)) for c in item.text.conditions]
    text = replace(item.text, conditions=tuple(conditions), award=award or item.text.award, bars=())
    return replace(compile_item(text, program.vocabulary, (), {}), bars=item.bars)


def sweep(
    program: Program,
    profiles: pl.DataFrame,
    item: Item,
    condition: str,
    test: Compare,
    as_of: date,
    also: Fraction | None = None,
) -> pl.DataFrame:
    """Reach and cost of the item for thresholds of one test, from the values the profiles hold (and `also`): `threshold, n, yuan`."""
    thresholds = sorted({*_steps(profiles, test), *(() if also is None else (also,))})
    variants = tuple(
        replace(
            item,
            text=replace(item.text, version=-2 - number),
            terms={**item.terms, condition: _replaced(item.terms[condition], test, value)},
        )
        for number, value in enumerate(thresholds)
    )
    reach = reached(Program(variants, program.vocabulary, program.indicators), profiles, as_of)
    return pl.DataFrame(
        {
            "threshold": pl.Series([decimal(value) for value in thresholds], dtype=pl.Decimal(38, 6)),
            "n": pl.Series([int(mask.sum()) for mask, _ in reach], dtype=pl.Int64),
            "yuan": pl.Series([Decimal(fen).scaleb(-2) for _, fen in reach], dtype=_SUM),
        }
    )


def reached(program: Program, profiles: pl.DataFrame, as_of: date) -> list[tuple[npt.NDArray[np.bool_], int]]:
    """Per item, who is eligible or declarable and not barred, and the sum of their awards in 分."""
    verdicts = Verdicts(program, profiles, as_of)
    subjects = subjects_of(profiles)
    masks = [np.zeros(profiles.height, bool) for _ in program.items]
    sums = [0] * len(masks)
    for block, founds in verdicts.found():
        for number, found in enumerate(founds):
            planes = found.planes
            at = np.flatnonzero(
                np.unpackbits(
                    ((planes.eligible | planes.declarable) & ~planes.barred).view(np.uint8),
                    bitorder="little",
                    count=block.height,
                )
            )
            masks[number][found.start + at] = True
            if at.size and found.plan.item.award is not None:
                paid = awards(found.plan, block, at, subjects.gather(found.start + at))
                sums[number] += int((paid.fill_null(0) * 100).cast(pl.Int64).sum())
    return list(zip(masks, sums, strict=True))


def subjects_of(profiles: pl.DataFrame) -> pl.Series:
    """Who the rows are about: enterprises, else whatever the first column names."""
    return profiles.get_column("enterprise_id") if "enterprise_id" in profiles.columns else profiles.to_series(0)


def reach_of(mask: npt.NDArray[np.bool_], fen: int) -> Reach:
    return Reach(int(mask.sum()), Decimal(fen).scaleb(-2))


def _by(group: pl.Series, was: npt.NDArray[np.bool_], will: npt.NDArray[np.bool_]) -> pl.DataFrame:
    return (
        pl.DataFrame({"key": group, "before": was, "after": will, "gained": will & ~was, "lost": was & ~will})
        .group_by("key")
        .agg(pl.col("before", "after", "gained", "lost").sum().cast(pl.Int64))
        .filter((pl.col("before") > 0) | (pl.col("after") > 0))
        .sort("key", nulls_last=True)
    )


def _empty_curve() -> pl.DataFrame:
    return pl.DataFrame(schema={"threshold": pl.Decimal(38, 6), "n": pl.Int64, "yuan": _SUM})


def _threshold_of(item: Item, changes: Mapping[str, str]) -> tuple[str, Compare] | None:
    for condition in changes:
        found = next(_numeric_tests(item.terms[condition]), None)
        if found is not None:
            assert isinstance(found.right, Constant) and isinstance(found.right.value, Fraction)
            if abs(found.right.value) > MOST:
                raise RuleError(item.text.file, condition, None, f"门槛超出 {MOST}，请核对单位（元、小数）")
            return condition, found
    return None


def _now(item: Item, condition: str, test: Compare) -> Fraction | None:
    """The threshold in force of the test that was changed: the point the curve is compared with."""
    same = (found.right for found in _numeric_tests(item.terms[condition]) if found.left == test.left)
    right = next(same, None)
    return right.value if isinstance(right, Constant) and isinstance(right.value, Fraction) else None


def _numeric_tests(term: Term) -> Iterator[Compare]:
    if isinstance(term, And | Or):
        for arg in term.args:
            yield from _numeric_tests(arg)
    elif isinstance(term, Not):
        yield from _numeric_tests(term.arg)
    elif (
        isinstance(term, Compare)
        and isinstance(term.left, Column)
        and isinstance(term.right, Constant)
        and isinstance(term.right.value, Fraction)
    ):
        yield term


def _replaced(term: Term, test: Compare, value: Fraction) -> Term:
    if term == test:
        return Compare(test.operator, test.left, Constant(value, "number"))
    if isinstance(term, And):
        return And(tuple(_replaced(arg, test, value) for arg in term.args))
    if isinstance(term, Or):
        return Or(tuple(_replaced(arg, test, value) for arg in term.args))
    return Not(_replaced(term.arg, test, value)) if isinstance(term, Not) else term


def _steps(profiles: pl.DataFrame, test: Compare) -> Sequence[Fraction]:
    """Round values from the 2nd to the 98th percentile of what the profiles hold, and the threshold itself."""
    assert isinstance(test.left, Column) and isinstance(test.right, Constant) and isinstance(test.right.value, Fraction)
    found = {test.right.value}
    if test.left.name in profiles.columns:
        values = profiles.get_column(test.left.name).drop_nulls().cast(pl.Float64)
        if values.len():
            for step in range(STEPS + 1):
                quantile = values.quantile(0.02 + 0.96 * step / STEPS, "nearest")
                found.add(_rounded(quantile or 0.0))
    return sorted(found)


def _rounded(value: float) -> Fraction:
    """Two significant digits: thresholds are round numbers."""
    return Fraction(f"{value:.1e}")


def change_of(text: str) -> tuple[str, str]:
    """`c1=rd_expense >= 3000000` as (c1, expression). Raises RuleError for another shape."""
    name, sign, expr = text.partition("=")
    if not sign or not name.strip().isidentifier() or not expr.strip():
        raise refused(None, f'“{text}”应写作 条件编号=表达式，如 c1="rd_expense_last_year >= 3000000"')
    return name.strip(), expr.strip().strip('"') if expr.strip().startswith('"') else expr.strip()
