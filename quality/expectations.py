"""Contract rules as a Great Expectations suite, validated over the same typed rows, and compared with the masks row by row."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from functools import cache
from typing import Any

import polars as pl

from data.contract import Rule, Table
from quality.masks import BrokenRuleError, Outcome, bound, joined, outcomes

# Beyond this GX costs more than a gigabyte; the masks have judged every row by then, and GX judges the slices it is given.
SLICE_ROWS = 1_000_000


def validated(
    rows: pl.DataFrame, table: Table, confirm: Callable[[pl.DataFrame, Table], list[Outcome]] | None = None
) -> list[Outcome]:
    """The outcome of every rule, by masks, confirmed by Great Expectations (`confirm`: here, or in `quality.validator`'s process).

    A rule that raises in either engine, or on which they disagree, comes back broken: a check that cannot be trusted blocks.
    """
    found = outcomes(rows, table)
    if rows.is_empty():
        # An empty table passes every column expectation in GX: row-count rules speak for it, and they are masks.
        return found
    verdicts = (confirm or great_expectations_outcomes)(rows, table)
    return [_agreed(ours, theirs) for ours, theirs in zip(found, verdicts, strict=True)]


def validated_parts(
    found: Sequence[Outcome],
    parts: Iterator[pl.DataFrame],
    table: Table,
    confirm: Callable[[pl.DataFrame, Table], list[Outcome]],
) -> list[Outcome]:
    """`found`, what the masks say of rows that come in parts, confirmed part by part. Rules about rows together are left to the masks."""
    verdicts = [confirm(part, table) for part in parts if part.height]
    if not verdicts:
        return list(found)
    theirs = [joined(same) for same in zip(*verdicts, strict=True)]
    return [_agreed(a, b, whole=len(verdicts) == 1) for a, b in zip(found, theirs, strict=True)]


def great_expectations_outcomes(rows: pl.DataFrame, table: Table) -> list[Outcome]:
    """The outcome of every rule by Great Expectations alone, in the order of the contract."""
    parts = [_validate(rows.slice(start, SLICE_ROWS), table) for start in range(0, max(rows.height, 1), SLICE_ROWS)]
    # A mean of slices is not the mean of the whole: beyond one slice table rules are left to the masks.
    return parts[0] if len(parts) == 1 else [joined(same) for same in zip(*parts, strict=True)]


def _agreed(ours: Outcome, theirs: Outcome, whole: bool = True) -> Outcome:
    if ours.broken or theirs.broken:
        return Outcome(ours.rule, ours.rows, ours.bad, False, broken=ours.broken or theirs.broken)
    together = ours.rule.expect == "expect_column_values_to_be_unique"
    if ours.bad is None or theirs.bad is None or (together and not whole):
        if whole and ours.rows <= SLICE_ROWS and ours.fulfilled != theirs.fulfilled:
            return Outcome(ours.rule, ours.rows, None, False, broken="两种引擎的结论不一致")
        return ours
    if not ours.bad.equals(theirs.bad, check_names=False):
        differ = int((ours.bad != theirs.bad).sum())
        return Outcome(ours.rule, ours.rows, ours.bad, False, broken=f"两种引擎有 {differ} 行结论不一致")
    return ours


@cache
def _whole_dataframe() -> Any:
    """One batch definition for every table: making one costs more than validating a small frame with it."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return (
        context.data_sources.add_pandas("rows").add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")
    )


def _validate(rows: pl.DataFrame, table: Table) -> list[Outcome]:
    import great_expectations.expectations as gxe
    from great_expectations.core.expectation_suite import ExpectationSuite

    # Making the batch definition also makes the context that a suite needs.
    batch = _whole_dataframe().get_batch(batch_parameters={"dataframe": _pandas(rows, table)})
    suite = ExpectationSuite(name=table.key)
    broken: dict[str, str] = {}
    for rule in table.rules:
        try:
            suite.add_expectation(_expectation(gxe, rule, rows.schema))
        except Exception as error:
            broken[rule.id] = f"{type(error).__name__}：{error}"[:300]
    results = batch.validate(suite, result_format={"result_format": "COMPLETE"}).results
    by_rule = {r.expectation_config.meta["rule"]: r for r in results}
    return [
        Outcome(rule, rows.height, None, False, broken[rule.id])
        if rule.id in broken
        else _outcome(rule, rows.height, by_rule.get(rule.id))
        for rule in table.rules
    ]


def _expectation(gxe: Any, rule: Rule, schema: pl.Schema) -> Any:
    name = "".join(part.capitalize() for part in rule.expect.split("_"))
    kwargs = dict(rule.kwargs)
    column = kwargs.get("column")
    if column is not None and column not in schema:
        raise BrokenRuleError(f"没有列 {column}")
    if column is not None:
        for limit in ("min_value", "max_value"):
            if limit in kwargs:
                kwargs[limit] = _midnight(bound(kwargs[limit], schema[column]))
    if "column_A" in kwargs:
        kwargs["ignore_row_if"] = "either_value_is_missing"
    return getattr(gxe, name)(**kwargs, meta={"rule": rule.id})


def _midnight(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time())
    return value


def judged_columns(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Only the columns some rule names; one of the others if none does, for the count of rows."""
    named = {rule.kwargs.get(k) for rule in table.rules for k in ("column", "column_A", "column_B")}
    return rows.select([c for c in rows.columns if c in named] or rows.columns[:1])


def _pandas(rows: pl.DataFrame, table: Table) -> Any:
    """Decimals become floats: a bound is judged here, never an eligibility."""
    return judged_columns(rows, table).with_columns(pl.selectors.decimal().cast(pl.Float64)).to_pandas()


def _outcome(rule: Rule, rows: int, result: Any) -> Outcome:
    if result is None:
        return Outcome(rule, rows, None, False, broken="没有返回结果")
    raised = _exception(result.exception_info)
    if raised:
        return Outcome(rule, rows, None, False, broken=raised)
    positions = (result.result or {}).get("unexpected_index_list")
    if "element_count" not in (result.result or {}):
        return Outcome(rule, rows, None, bool(result.success))
    bad = pl.Series("bad", [False] * rows, dtype=pl.Boolean)
    if positions:
        bad = bad.scatter(list(positions), True)
    return Outcome(rule, rows, bad, not positions)


def _exception(info: Any) -> str | None:
    """GX reports an exception either flat or under the id of the metric that raised."""
    entries = [info] if "raised_exception" in (info or {}) else list((info or {}).values())
    for entry in entries:
        if isinstance(entry, dict) and entry.get("raised_exception"):
            return str(entry.get("exception_message"))[:300]
    return None
