"""What each item changed: quarterly outcomes of those paid against never-paid enterprises of the same industry and size, with a verdict."""

from __future__ import annotations

import math
from typing import Any, Final

import polars as pl

from evaluation.did_effects import did
from evaluation.did_result import DidResult

CREDIBLE: Final = "可信"
UNDECIDED: Final = "尚不能判断"
# Chosen, not fitted: below these the interval of an influence-function error is not to be trusted, or nothing can be said about trends.
FEWEST_TREATED: Final = 20
FEWEST_COMPARED: Final = 40
FEWEST_IN_STRATUM: Final = 5
# With five units to a cohort the influence-function error is a tenth too small: on the mock world that made an item without effect look bad.
FEWEST_PER_COHORT: Final = 10
QUARTERS_BEFORE: Final = 2
PRETREND: Final = 0.05
# The joint test over every cohort and quarter breaks down where cohorts have a handful of units (it rejects everything): the quarters
# just before payment are tested instead, over all cohorts together, where enough units stand behind them.
TESTED_BEFORE: Final = (-3, -2, -1)
FEWEST_TESTED: Final = 10
FRACTION: Final = pl.Decimal(18, 6)
SCHEMA: Final[dict[str, Any]] = {
    "item_id": pl.String, "outcome": pl.String, "treated": pl.Int64, "compared": pl.Int64, "left_out": pl.Int64,
    "quarters": pl.Int64, "estimate": FRACTION, "low": FRACTION, "high": FRACTION, "pretrend_p": FRACTION,
    "verdict": pl.String, "finding": pl.String, "reason": pl.String,
}  # fmt: skip


def item_effects(panel: pl.DataFrame, paid: pl.DataFrame) -> pl.DataFrame:
    """One row per item (null: any item) and outcome: the average effect on those paid as a share of the outcome, its 95 % interval, verdict.

    `panel`: enterprise_id, stratum (text or null), quarter (Int64, consecutive), then one column per outcome (Float64, null unknown).
    `paid`: item_id, enterprise_id, quarter of the first payment. Outcomes are taken in logarithms; units without a positive value in
    every quarter are left out and counted. Changes common to a stratum are removed by the mean of its never-paid enterprises.
    """
    outcomes = [name for name in panel.columns if name not in ("enterprise_id", "stratum", "quarter")]
    anything = paid.group_by("enterprise_id").agg(pl.col("quarter").min())
    topics: list[tuple[str | None, pl.DataFrame]] = [(None, anything)]
    for (item,), group in paid.sort("item_id").group_by("item_id", maintain_order=True):
        topics.append((str(item), group.group_by("enterprise_id").agg(pl.col("quarter").min())))
    rows = [
        {"item_id": item, "outcome": outcome, **_effect(_logged(panel, outcome), first, anything)}
        for outcome in outcomes
        for item, first in topics
    ]
    return pl.DataFrame(rows, schema=SCHEMA).sort("outcome", "item_id", nulls_last=False)


def _logged(panel: pl.DataFrame, outcome: str) -> pl.DataFrame:
    quarters = panel.get_column("quarter").n_unique()
    positive = panel.filter((pl.col(outcome) > 0) & pl.col("stratum").is_not_null())
    whole = positive.filter(pl.len().over("enterprise_id") == quarters)
    return whole.select("enterprise_id", "stratum", "quarter", y=pl.col(outcome).log())


def _effect(logged: pl.DataFrame, first: pl.DataFrame, anything: pl.DataFrame) -> dict[str, object]:
    """Everything of a row but its names."""
    joined = logged.join(first.rename({"quarter": "cohort"}), on="enterprise_id", how="left", maintain_order="left")
    # whoever was paid for something else is no clean comparison
    clean = joined.filter(
        pl.col("cohort").is_not_null() | ~pl.col("enterprise_id").is_in(anything.get_column("enterprise_id").implode())
    )
    never = pl.col("cohort").is_null()
    usable = clean.filter(
        (never.sum().over("stratum", "quarter") >= FEWEST_IN_STRATUM) & ((~never).sum().over("stratum", "quarter") > 0)
    )
    ready = usable.with_columns(y=pl.col("y") - pl.col("y").filter(never).mean().over("stratum", "quarter"))
    treated = ready.filter(~never).get_column("enterprise_id").n_unique()
    compared = ready.filter(never).get_column("enterprise_id").n_unique()
    counts: dict[str, object] = {
        "treated": treated,
        "compared": compared,
        "left_out": first.height - treated,
        "quarters": logged.get_column("quarter").n_unique(),
    }
    nothing = {"estimate": None, "low": None, "high": None, "pretrend_p": None, "finding": None, "verdict": UNDECIDED}
    if treated < FEWEST_TREATED or compared < FEWEST_COMPARED:
        return {
            **counts,
            **nothing,
            "reason": f"可比的受益企业 {_few(treated)} 户（至少 {FEWEST_TREATED}）、对照 {_few(compared)} 户（至少 {FEWEST_COMPARED}）",
        }
    try:
        result = did(ready, "enterprise_id", "quarter", "cohort", "y", control="never")
        simple = result.simple
        low, high = simple.ci
    except ValueError as error:
        return {**counts, **nothing, "reason": str(error)}
    if not (math.isfinite(simple.att) and math.isfinite(low) and math.isfinite(high)):
        return {**counts, **nothing, "reason": "受益前后没有可比的季度"}
    pretrend = _pretrend_p(ready, result)
    reason = _doubt(ready, pretrend)
    share = [math.expm1(value) for value in (simple.att, low, high)]
    return {
        **counts,
        "estimate": _six(share[0]),
        "low": _six(share[1]),
        "high": _six(share[2]),
        "pretrend_p": None if pretrend is None else _six(pretrend),
        "verdict": UNDECIDED if reason else CREDIBLE,
        "finding": None if reason else ("升高" if low > 0 else "降低" if high < 0 else "未见显著变化"),
        "reason": reason,
    }


def _cohorts(ready: pl.DataFrame) -> pl.DataFrame:
    return ready.group_by("enterprise_id").agg(pl.col("cohort").first()).drop_nulls()


def _pretrend_p(ready: pl.DataFrame, result: DidResult) -> float | None:
    """Bonferroni's p over the quarters of TESTED_BEFORE; None when too few units can be seen there."""
    before = _cohorts(ready).get_column("cohort") - ready.get_column("quarter").min()
    found = []
    for row in result.event.table.iter_rows(named=True):
        # a change at e needs the quarter before it, hence one more quarter of history
        enough = int((before + row["event_time"] >= 1).sum()) >= FEWEST_TESTED
        if row["event_time"] in TESTED_BEFORE and enough and row["se"] and math.isfinite(row["se"]):
            found.append(math.erfc(abs(row["att"] / row["se"]) / math.sqrt(2)))
    return min(1.0, len(found) * min(found)) if found else None


def _doubt(ready: pl.DataFrame, pretrend: float | None) -> str | None:
    """Why an estimate cannot be believed; None when nothing speaks against it."""
    before = _cohorts(ready).get_column("cohort") - ready.get_column("quarter").min()
    seen = int((before >= QUARTERS_BEFORE).sum())
    if seen < FEWEST_TREATED:
        return f"受益前至少有 {QUARTERS_BEFORE} 个季度数据的企业只有 {_few(seen)} 户（至少 {FEWEST_TREATED}）"
    batches = _cohorts(ready).get_column("cohort").n_unique()
    if before.len() < FEWEST_PER_COHORT * batches:
        return f"{before.len()} 户分 {batches} 个季度受益，每批平均不足 {FEWEST_PER_COHORT} 户，误差算不准"
    if pretrend is None:
        return "受益前的趋势无从检验"
    if pretrend < PRETREND:
        return f"受益前的趋势与对照企业不同（检验 p = {pretrend:.3f}），差别不能归于政策"
    return None


def _few(n: int) -> str:
    return "<5" if 0 < n < 5 else str(n)


def _six(value: float) -> float:
    return round(value, 6)
