"""Contract rules as Polars masks: the fast half of every check. `quality.expectations` runs the same rules through Great Expectations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from data.contract import Rule, Table


class BrokenRuleError(ValueError):
    """A rule that cannot be evaluated (unknown expectation, column or argument): not the same as bad data."""


@dataclass(frozen=True)
class Outcome:
    """What one rule found. `bad` marks the failing rows (None for rules about the whole table), `broken` says why it could not be judged."""

    rule: Rule
    rows: int
    bad: pl.Series | None
    fulfilled: bool
    broken: str | None = None

    @property
    def bad_rows(self) -> int:
        return int(self.bad.sum()) if self.bad is not None else 0

    @property
    def share(self) -> float:
        return self.bad_rows / self.rows if self.rows else 0.0

    @property
    def passed(self) -> bool:
        if self.broken:
            return False
        return self.fulfilled if self.bad is None else self.share <= self.rule.max_bad_share


def outcomes(rows: pl.DataFrame, table: Table) -> list[Outcome]:
    """Every rule of the contract over typed rows; a rule that breaks says so instead of passing."""
    return [outcome(rows, rule) for rule in table.rules]


def outcome(rows: pl.DataFrame, rule: Rule) -> Outcome:
    """One rule over typed rows."""
    try:
        if rule.expect in _ROW_RULES:
            bad = rows.select(
                _ROW_RULES[rule.expect](rule.kwargs, rows.schema).fill_null(False).alias("bad")
            ).to_series()
            return Outcome(rule, rows.height, bad, not bad.any())
        if rule.expect in _TABLE_RULES:
            return Outcome(rule, rows.height, None, _TABLE_RULES[rule.expect](rows, rule.kwargs))
        raise BrokenRuleError(f"不认识的检查 {rule.expect}")
    except (BrokenRuleError, KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        return Outcome(rule, rows.height, None, False, broken=f"{type(error).__name__}：{error}"[:300])


def over_parts(parts: Callable[..., Iterator[pl.DataFrame]], rules: Sequence[Rule], rows: int) -> list[Outcome]:
    """Every rule over typed rows that come in parts; `parts(columns)` gives them as often as asked, all columns or some.

    A rule about single rows is judged part by part, one about rows together over the columns it names. `rows`: only 0 or not is looked at.
    """
    if not rows:
        return [
            Outcome(rule, 0, pl.Series("bad", [], dtype=pl.Boolean) if rule.expect in _ROW_RULES else None, True)
            for rule in rules
        ]
    alone = [r for r in rules if r.expect in _ROW_RULES and r.expect not in _TOGETHER]
    found: dict[str, list[Outcome]] = {r.id: [] for r in alone}
    for part in parts():
        for rule in alone:
            found[rule.id].append(outcome(part, rule))
    return [joined(found[r.id]) if r.id in found else outcome(pl.concat(parts(_named(r))), r) for r in rules]


def joined(parts: Sequence[Outcome]) -> Outcome:
    """One rule's outcomes over parts as one."""
    broken = next((p.broken for p in parts if p.broken), None)
    marks = [p.bad for p in parts if p.bad is not None]
    bad = pl.concat(marks) if len(marks) == len(parts) else None
    return Outcome(parts[0].rule, sum(p.rows for p in parts), bad, all(p.fulfilled for p in parts), broken)


def _named(rule: Rule) -> list[str]:
    said = [rule.kwargs[k] for k in ("column", "column_A", "column_B") if k in rule.kwargs]
    return said or ["_row_no"]


def bound(value: Any, kind: pl.DataType) -> Any:
    """A limit as YAML holds it in the type of its column: dates are written as text."""
    if value is None or not isinstance(value, str):
        return value
    if kind == pl.Date:
        return date.fromisoformat(value)
    if isinstance(kind, pl.Datetime):
        return datetime.fromisoformat(value)
    return value


def _between(kwargs: Mapping[str, Any], schema: pl.Schema) -> pl.Expr:
    name = kwargs["column"]
    column, kind = pl.col(name), schema[name]
    low, high = bound(kwargs.get("min_value"), kind), bound(kwargs.get("max_value"), kind)
    bad = pl.lit(False)
    if low is not None:
        bad = bad | (column <= low if kwargs.get("strict_min") else column < low)
    if high is not None:
        bad = bad | (column >= high if kwargs.get("strict_max") else column > high)
    return bad


def _in_set(kwargs: Mapping[str, Any], schema: pl.Schema) -> pl.Expr:
    kind = schema[kwargs["column"]]
    allowed = [bound(v, kind) for v in kwargs["value_set"]]
    return ~pl.col(kwargs["column"]).is_in(allowed)


def _matches(kwargs: Mapping[str, Any], schema: pl.Schema) -> pl.Expr:
    # Rust's engine writes the end of the text as \z; `$` would let a trailing newline pass in Python's.
    return ~pl.col(kwargs["column"]).str.contains(kwargs["regex"].replace(r"\Z", r"\z"))


def _pair(kwargs: Mapping[str, Any], schema: pl.Schema) -> pl.Expr:
    a, b = pl.col(kwargs["column_A"]), pl.col(kwargs["column_B"])
    return a < b if kwargs.get("or_equal") else a <= b


def _lengths(kwargs: Mapping[str, Any], schema: pl.Schema) -> pl.Expr:
    size = pl.col(kwargs["column"]).str.len_chars()
    bad = pl.lit(False)
    if kwargs.get("min_value") is not None:
        bad = bad | (size < kwargs["min_value"])
    if kwargs.get("max_value") is not None:
        bad = bad | (size > kwargs["max_value"])
    return bad


_ROW_RULES: Mapping[str, Callable[[Mapping[str, Any], pl.Schema], pl.Expr]] = {
    "expect_column_values_to_not_be_null": lambda k, s: pl.col(k["column"]).is_null(),
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_match_regex": _matches,
    "expect_column_value_lengths_to_be_between": _lengths,
    "expect_column_pair_values_a_to_be_greater_than_b": _pair,
    "expect_column_values_to_be_unique": lambda k, s: (
        pl.col(k["column"]).is_duplicated() & pl.col(k["column"]).is_not_null()
    ),
}


def _within(value: Any, kwargs: Mapping[str, Any]) -> bool:
    if value is None:
        return True
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    return (low is None or value >= low) and (high is None or value <= high)


# Of the rules about rows those that compare rows with each other.
_TOGETHER = ("expect_column_values_to_be_unique",)

_TABLE_RULES: Mapping[str, Callable[[pl.DataFrame, Mapping[str, Any]], bool]] = {
    "expect_table_row_count_to_be_between": lambda rows, k: _within(rows.height, k),
    "expect_column_mean_to_be_between": lambda rows, k: _within(rows[k["column"]].cast(pl.Float64).mean(), k),
    "expect_column_median_to_be_between": lambda rows, k: _within(rows[k["column"]].cast(pl.Float64).median(), k),
}
