"""A small literal world behind the mart: 48 enterprises, 5 items, published through the very SQL of `assets/mart`."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import cache
from pathlib import Path

import polars as pl

from assets.mart import queries, reference, tables
from assets.mart.effect import POWER_SCHEMA
from assets.mart.forecast import SCHEMA as FORECAST
from assets.mart.words import words
from assets.sql import upstream_tables
from evaluation.item_effects import CREDIBLE, SCHEMA, UNDECIDED, judged
from evaluation.metrics import catalogue, dictionary_sql, metric_sql
from evaluation.scenarios import SCHEMA as SCENARIO_SCHEMA
from evaluation.threshold_effects import BIN_SCHEMA, FUZZY, judged_thresholds
from matching.push.quiet import Calendar
from pipelines.publish import publish
from pipelines.scope import RunScope
from pipelines.warehouse import DuckWarehouse
from tests.dashboards.literal_flows import inputs
from tests.dashboards.literal_subjects import AS_OF, KNOWN_AT, NO_CALENDAR


def effects() -> pl.DataFrame:
    """One estimate to be believed, one not."""
    same = {"treated": 40, "compared": 90, "left_out": 2, "quarters": 8, "pretrend_p": Decimal("0.4"), "p": Decimal("0.004"), "paid_yuan": Decimal(900000),
            "per_wan": Decimal("1200"), "per_wan_low": Decimal("300"), "per_wan_high": Decimal("2100")}  # fmt: skip
    share = {"estimate": Decimal("0.084"), "low": Decimal("0.021"), "high": Decimal("0.151")}
    rows = [
        {"item_id": "hn-biomed-voucher", "outcome": "revenue", **same, **share, "verdict": CREDIBLE, "reason": None},
        {"item_id": "hn-biomed-voucher", "outcome": "jobs", **same, **share, "verdict": UNDECIDED, "reason": "受益前的趋势不同"},
    ]  # fmt: skip
    return judged(pl.DataFrame(rows, schema=SCHEMA))


def at_thresholds() -> pl.DataFrame:
    """An item with two thresholds, both believed, the second with more enterprises near it; and one where nothing jumps."""
    near = {"indicator": "rd_expense_last_year", "threshold": 1e6, "sign": ">=", "years": "2023", "outcome": "revenue", "design": FUZZY, "below": 400,
            "above": 300, "near_above": 90, "width": 0.8, "take_up": 0.93, "density_p": 0.4, "placebo_p": 0.6, "verdict": CREDIBLE}  # fmt: skip
    rows = [
        {"item_id": "hn-tech-sme-rd", "condition_id": "c2", **near, "near_below": 60, "estimate": 0.02, "low": -0.05, "high": 0.09, "p": 0.5},
        {"item_id": "hn-tech-sme-rd", "condition_id": "c3", **near, "near_below": 110, "estimate": 0.073, "low": 0.031, "high": 0.117, "p": 0.001},
        {"item_id": "hn-biomed-voucher", "condition_id": "c2", **near, "near_below": 80, "verdict": UNDECIDED, "reason": "拨付在门槛处没有明显跳升（F = 0.4，至少 10），门槛不决定谁受益"},
    ]  # fmt: skip
    return judged_thresholds(rows)


def bins() -> pl.DataFrame:
    """What is drawn beside the second threshold: one bin too small to show."""
    rows = [("hn-tech-sme-rd", "c3", "revenue", place, 1 + place / 10, 1.1 + place / 10, n, float(place >= 0), 0.01 + 0.07 * (place >= 0))
            for place, n in ((-2, 30), (-1, 26), (0, 24), (1, 21))]  # fmt: skip
    few = ("hn-tech-sme-rd", "c3", "revenue", 2, 1.2, 1.3, 3, None, None)
    return pl.DataFrame([*rows, few], schema=BIN_SCHEMA, orient="row")


def arms(pair: pl.DataFrame) -> pl.DataFrame:
    """A frozen list of March: every fourth entitled pair held out, let go in May, but for one item in April; some had been written to before."""
    early = pl.col("item_id") == pl.col("item_id").last()
    drawn = pair.filter(pl.col("verdict") == "eligible").sort("item_id", "enterprise_id").with_row_index("n")
    return drawn.select(
        "enterprise_id",
        "item_id",
        cycle=pl.when(pl.col("item_id") == "hk-startup-rent").then(pl.lit("once")).otherwise(pl.lit("2024")),
        stratum=pl.lit("all"),
        arm=pl.when(pl.col("n") % 4 == 0).then(pl.lit("holdout")).otherwise(pl.lit("treated")),
        assigned_date=pl.when(pl.col("n") % 9 == 0).then(dt.date(2024, 12, 20)).otherwise(dt.date(2024, 3, 20)),
        pushes=pl.when(pl.col("n") % 4 == 0).then(0).otherwise(1).cast(pl.Int64),
        first_push_date=pl.when(pl.col("n") % 4 > 0)
        .then(dt.date(2024, 3, 21))
        .when(early)
        .then(dt.date(2024, 4, 10))
        .otherwise(dt.date(2024, 5, 6)),
        was_pushed=pl.col("n") % 11 == 5,
    )


def forecasts() -> pl.DataFrame:
    """One budget that will run out, believed; one that cannot be told."""
    rows = [
        {"item_id": "hn-biomed-voucher", "year": 2024, "budget_yuan": Decimal(10_000_000), "paid_yuan": Decimal(9_000_000), "committed_yuan": Decimal(0),
         "expected_yuan": Decimal(12_000_000), "low_yuan": Decimal(11_000_000), "high_yuan": Decimal(13_000_000), "exhausted_ratio": Decimal("0.9"),
         "earliest_date": AS_OF + dt.timedelta(days=20), "middle_date": AS_OF + dt.timedelta(days=31), "latest_date": None, "months": 30,
         "tested_windows": 15, "held_windows": 12, "error_ratio": Decimal("0.2"), "naive_error_ratio": Decimal("0.4"), "verdict": CREDIBLE},
        {"item_id": "hn-stabilization", "year": 2024, "budget_yuan": Decimal(5_000_000), "paid_yuan": Decimal(0), "months": 3, "verdict": UNDECIDED,
         "reason": "只有 3 个整月的拨付记录（至少 12）"},
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=FORECAST)


def findings() -> pl.DataFrame:
    rows = [("hn-biomed-voucher", "c2", "never-true", "error", "条件自相矛盾，任何主体都不可能满足", "x.md", 12)]
    names = ["item_id", "condition_id", "rule", "severity", "message", "file", "line"]
    return pl.DataFrame(rows, schema=names, orient="row")


def computed(tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Mart tables that Python makes and the queries read, without the dates of the run."""
    power = {"item_id": "sy-hotel-growth", "outcome": "revenue", "treated": 12, "compared": 60, "sd": Decimal("0.3"),
             "detectable": Decimal("0.31"), "needed_for_5": 300, "before_quarters": 4, "after_quarters": 4}  # fmt: skip
    moved = {"item_id": "hn-tech-sme-rd", "version": 1, "condition_id": "c2", "indicator": "rd_expense_last_year", "scenario": "放宽10%",
             "threshold": Decimal(5_000_000), "new_threshold": Decimal(4_500_000), "before_count": 20, "after_count": 26, "gained_count": 6,
             "lost_count": 0, "gained_small_count": 5, "before_yuan": Decimal(2_000_000), "after_yuan": Decimal(2_600_000), "expr": "rd_expense_last_year >= 4500000"}  # fmt: skip
    return {
        "mart.arm": arms(tables["match.pair"]),
        "mart.budget_forecast": forecasts(),
        "mart.rule_finding": findings(),
        "mart.effect": effects(),
        "mart.effect_threshold": at_thresholds(),
        "mart.threshold_bin": bins(),
        "mart.effect_power": pl.DataFrame([power], schema=POWER_SCHEMA),
        "mart.scenario": pl.DataFrame([moved], schema=SCENARIO_SCHEMA),
    }


@cache
def mart_queries() -> dict[str, str]:
    """Every mart table's SELECT, in an order in which each finds its upstream."""
    found = {f"mart.{name}": sql for name, sql in queries().items()}
    found["mart.dim_metric"] = dictionary_sql(catalogue())
    found["mart.metric"] = metric_sql(catalogue())
    ordered: dict[str, str] = {}
    while len(ordered) < len(found):
        ready = [
            name
            for name, sql in found.items()
            if name not in ordered and all(t in ordered or t not in found for t in upstream_tables(sql, name))
        ]
        assert ready, f"circle among {sorted(set(found) - set(ordered))}"
        ordered.update({name: found[name] for name in ready})
    return ordered


def build(
    home: Path,
    given: dict[str, pl.DataFrame] | None = None,
    calendar: Calendar = NO_CALENDAR,
    leave_out: tuple[str, ...] = (),
) -> DuckWarehouse:
    """A warehouse with the inputs, the reference dimensions and every mart table but those in `leave_out`."""
    scope = RunScope(home=home, as_of=AS_OF, known_at=KNOWN_AT, rules_as_of=AS_OF)
    home.mkdir(parents=True, exist_ok=True)
    warehouse = DuckWarehouse(home=home, scope=scope)
    with warehouse.write() as w:
        for name, frame in (given or inputs()).items():
            w.replace(name, frame)
        w.replace("mart.dim_date", reference.dates(AS_OF, calendar))
        w.replace("mart.dim_region", reference.regions(AS_OF))
        w.replace("mart.dim_industry", reference.industries())
        w.replace("mart.dim_department", reference.departments())
        for name, (frame, _) in words().items():
            w.replace(f"mart.{name}", frame)
        w.replace("mart.dim_table", tables())
        for name, frame in computed(given or inputs()).items():
            if name not in leave_out:
                w.replace(name, frame)
        for name, sql in mart_queries().items():
            if name not in leave_out:
                w.replace(name, sql)
    return warehouse


def published(home: Path, tables: dict[str, pl.DataFrame] | None = None) -> Path:
    """A home with one publication."""
    warehouse = build(home, tables)
    assert warehouse.scope is not None
    publish(warehouse, warehouse.scope)
    return home
