"""From verdicts to candidates: which list each pair would stand on, for which cycle, until when."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from matching.push import kinds
from matching.push.cycle import cycle, deadline, group_cycle
from matching.push.groups import exclusion_groups
from matching.push.inputs import APPROVED, AWARDS, CONDITIONS, ITEMS, PAIRS, TEXTS, Dates, Inputs, Limits, shaped
from matching.push.units import per_unit


def excluding(items: pl.DataFrame) -> dict[str, str]:
    """item → exclusion group, over all versions: an exclusion that was ever written still stands for the cycle it was written in."""
    excludes: dict[str, set[str]] = {}
    for row in items.iter_rows(named=True):
        excludes.setdefault(row["item_id"], set()).update(row["excludes"] or [])
    return exclusion_groups({item: sorted(others) for item, others in excludes.items()})


def _openings(items: pl.DataFrame) -> dict[str, list[dt.date]]:
    openings: dict[str, list[dt.date]] = {}
    for item, opening in items.select("item_id", "window_from").drop_nulls().iter_rows():
        openings.setdefault(item, []).append(opening)
    return openings


def _terms(items: pl.DataFrame, dates: Dates, limits: Limits) -> pl.DataFrame:
    """Per item version: its cycle today, deadline, exclusion group and whether reminders are due."""
    groups, openings = excluding(items), _openings(items)
    rows: list[dict[str, Any]] = []
    for row in items.iter_rows(named=True):
        opening = row["window_from"] or dates.as_of
        period = cycle(row["cycle"], opening, openings.get(row["item_id"], ()))
        last = deadline(row["cycle"], opening, row["window_to"], row["valid_to"])
        # A reminder is for a date somebody set; the end of a calendar month or year alone hurries nobody.
        hurried = row["window_to"] is not None and row["window_to"] - dates.as_of <= dt.timedelta(limits.reminder_days)
        rows.append(
            {
                "item_id": row["item_id"],
                "version": row["version"],
                "period": period,
                "opening": opening,
                "deadline": last,
                "group": groups.get(row["item_id"]),
                "group_cycle": group_cycle(period, dates.as_of),
                "hurried": hurried,
            }
        )
    return pl.DataFrame(
        rows,
        schema={
            "item_id": pl.String,
            "version": pl.Int64,
            "period": pl.String,
            "opening": pl.Date,
            "deadline": pl.Date,
            "group": pl.String,
            "group_cycle": pl.String,
            "hurried": pl.Boolean,
        },
    )


def _unknowns(pairs: pl.DataFrame, conditions: pl.DataFrame) -> pl.DataFrame:
    """Per pair (`_pair`): whether any unknown of data must be reviewed (`_review`) or counts as a refusal (`_deny`)."""
    known = conditions.select("item_id", "version", pl.col("condition_id").alias("unknown"), "on_unknown", "outside")
    return (
        pairs.select("_pair", "item_id", "version", "unknown")
        .explode("unknown", empty_as_null=True)
        .filter(pl.col("unknown").is_not_null())
        .join(known, on=["item_id", "version", "unknown"], how="left")
        .filter(~pl.col("outside").fill_null(True))
        .group_by("_pair")
        .agg(
            (pl.col("on_unknown") == "review").any().alias("_review"),
            (pl.col("on_unknown") == "deny").any().alias("_deny"),
        )
    )


def _kind() -> pl.Expr:
    """The list a pair belongs to, from the mode of its item and its verdict; null where no list wants it."""
    verdict, mode = pl.col("verdict"), pl.col("mode")
    unknown = verdict == "unknown"
    return (
        pl.when((verdict == "ineligible") & pl.col("near_miss").fill_null(False))
        .then(pl.lit(kinds.NEAR_MISS))
        .when(verdict == "ineligible")
        .then(None)
        .when((pl.col("entity") == "person") & (verdict == "eligible") & (mode == kinds.MODE_AUTO))
        .then(pl.lit(kinds.TALENT))
        # a person has no contact with us: what must be applied for goes to the department that has
        .when(pl.col("entity") == "person")
        .then(pl.lit(kinds.WORK))
        .when((mode == kinds.MODE_AUTO) & (verdict == "eligible"))
        .then(pl.lit(kinds.AUTO_AWARD))
        .when(mode == kinds.MODE_AUTO)
        .then(pl.lit(kinds.WORK))
        .when((mode == kinds.MODE_INSTANT) & unknown & pl.col("_review").fill_null(False))
        .then(pl.lit(kinds.WORK))
        .when((mode == kinds.MODE_INSTANT) & pl.col("hurried"))
        .then(pl.lit(kinds.NUDGE))
        .when(mode == kinds.MODE_INSTANT)
        .then(pl.lit(kinds.INVITE))
        .otherwise(pl.lit(kinds.NUDGE))
    )


def _approved(inputs: Inputs, items: pl.DataFrame) -> pl.DataFrame:
    """The applications that may be paid, each in the cycle it was filed in; what is promised is the day of payment, not a deadline to claim."""
    cases = shaped(inputs.approved, APPROVED, "即申即享办件").join(
        items.rename({"cycle": "cycle_kind"}), on=["item_id", "version"], how="inner", maintain_order="left"
    )
    groups, openings = excluding(items), _openings(items)
    periods: list[str] = []
    years: list[str] = []
    for row in cases.select("item_id", "cycle_kind", "window_from", "applied_on").iter_rows(named=True):
        opening = row["window_from"] or row["applied_on"]
        periods.append(cycle(row["cycle_kind"], opening, openings.get(row["item_id"], ())))
        years.append(group_cycle(periods[-1], row["applied_on"]))
    return cases.with_columns(
        pl.lit(kinds.DECISION).alias("kind"),
        pl.Series("period", periods, dtype=pl.String),
        pl.Series("group_cycle", years, dtype=pl.String),
        pl.coalesce("window_from", "applied_on").alias("opening"),
        pl.col("due_on").alias("deadline"),
        pl.col("item_id").replace_strict(groups, default=None, return_dtype=pl.String).alias("group"),
        pl.lit(False).alias("hurried"),
        pl.lit(False).alias("near_miss"),
        pl.lit([], dtype=TEXTS).alias("short_of"),
        pl.lit(None, dtype=pl.Float64).alias("score"),
        pl.lit(None, dtype=pl.Boolean).alias("_review"),
        pl.lit(None, dtype=pl.Boolean).alias("_deny"),
        pl.col("applied_on").alias("day"),
    )


def candidates(inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """One row per pair that some list might carry: the pair, its item's terms, the firm, `kind`, `cycle`, `unit`, `day` and `row`.

    `day` is the day on which item and window must be open: today, or the day an application was filed. The pair of an application
    (`case_no`) stands beside the firm's own pair of the same item. A pair whose award is counted per unit (`units.per_unit`) is one row per unit.
    Rows are ordered by item, version and enterprise, and numbered by `row`; every later step speaks of pairs by that number.
    """
    items = shaped(inputs.items, ITEMS, "policy.item")
    conditions = shaped(inputs.conditions, CONDITIONS, "policy.condition")
    pairs = (
        shaped(inputs.pairs, PAIRS, "match.pair").sort("item_id", "version", "enterprise_id").with_row_index("_pair")
    )
    firms = inputs.enterprises.select(
        "enterprise_id", "name", "region", "size", "contact_hash", "contact_masked"
    ).unique(subset="enterprise_id", keep="first", maintain_order=True)
    found = (
        pairs.join(items.rename({"cycle": "cycle_kind"}), on=["item_id", "version"], how="inner", maintain_order="left")
        .join(_terms(items, dates, limits), on=["item_id", "version"], how="inner", maintain_order="left")
        .join(_unknowns(pairs, conditions), on="_pair", how="left", maintain_order="left")
        .with_columns(_kind().alias("kind"), pl.lit(dates.as_of).alias("day"))
        .filter(pl.col("kind").is_not_null())
        .drop("_pair")
    )
    found = (
        pl.concat([found, _approved(inputs, items)], how="diagonal")
        .sort("item_id", "version", "enterprise_id", "case_no", nulls_last=False)
        .join(firms, on="enterprise_id", how="left", maintain_order="left")
        .rename({"period": "cycle"})
        .with_row_index("row")
    )
    return per_unit(found, inputs).drop("row").with_row_index("row")


def grouped_awards(awards: pl.DataFrame, items: pl.DataFrame, as_of: dt.date) -> pl.DataFrame:
    """Awards with the exclusion group of their item and the year in which the group counts; ungrouped items are left out."""
    groups = excluding(items)
    named = pl.DataFrame(
        {"item_id": list(groups), "group": list(groups.values())}, schema={"item_id": pl.String, "group": pl.String}
    )
    year = (
        pl.when(pl.col("cycle") == "once")
        .then(pl.col("paid_on").dt.strftime("%Y"))
        .otherwise(pl.col("cycle").str.slice(0, 4))
    )
    return (
        shaped(awards, AWARDS, "已兑付")
        .join(named, on="item_id", how="inner")
        .with_columns(year.fill_null(f"{as_of:%Y}").alias("group_cycle"))
    )
