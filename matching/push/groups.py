"""Exclusion groups: which items may not be enjoyed together, and which of several a firm keeps (就高不重复)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Final

import polars as pl

from matching.push import kinds
from matching.push.inputs import SENT, Limits, shaped


def exclusion_groups(excludes: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """item → name of its group (the smallest item id in it); items that exclude nothing are absent.

    Exclusion is taken as mutual and transitive: the ledger's UNIQUE key (entity, group, cycle) needs one name per group, and
    a text that says A is not to be had with B and B not with C is written for one purpose.
    """
    parent: dict[str, str] = {}

    def root(item: str) -> str:
        parent.setdefault(item, item)
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for item, others in excludes.items():
        for other in others:
            first, second = sorted((root(item), root(other)))
            parent[second] = first
    return {item: root(item) for item in sorted(parent)}


_GROUP: Final = ("enterprise_id", "group", "group_cycle")


def _chance(candidates: pl.DataFrame, sent: pl.DataFrame, as_of: dt.date, limits: Limits) -> pl.Expr:
    """Whether an item that must be applied for may keep money waiting that needs no application.

    It may while the firm is surely entitled to it, can be told, has not been told as often as it may be, and the money itself has days
    left. Otherwise a firm that never applies would end with neither.
    """
    told = (
        shaped(sent, SENT, "已发送")
        .group_by("enterprise_id", "item_id", "cycle")
        .len("_n")
        .filter(pl.col("_n") >= limits.messages_per_cycle)
    )
    given_up = candidates.join(told, on=["enterprise_id", "item_id", "cycle"], how="semi")["row"]
    sure = pl.col("verdict").is_in(["eligible", "declarable"]) & (pl.col("bar") == "clear").fill_null(False)
    unasked = pl.col("kind").is_in(sorted(kinds.UNASKED))
    last_call = unasked & (pl.col("deadline") <= as_of + dt.timedelta(days=limits.award_days)).fill_null(False)
    return (
        sure
        & pl.col("contact_hash").is_not_null()
        & ~pl.col("row").is_in(given_up.implode())
        & ~last_call.any().over(*_GROUP)
    )


def lower_awards(
    candidates: pl.DataFrame, awards: pl.DataFrame, sent: pl.DataFrame, as_of: dt.date, limits: Limits
) -> pl.DataFrame:
    """(row, detail) of the candidates that lose to another item of their group for the same firm in the same year.

    The higher amount wins; an amount that is not known ranks last; ties go to the smaller item id. What is paid anyway loses to something
    higher that must be applied for only while there is a fair chance that it will be (`_chance`), and what was applied for only to other
    money. What has been awarded already always wins: public money is not taken back to pay a little more.
    """
    grouped = candidates.filter(pl.col("group").is_not_null())
    if grouped.is_empty():
        return pl.DataFrame(schema={"row": pl.UInt32, "detail": pl.String})
    taken = (
        awards.sort("enterprise_id", "group", "group_cycle", "item_id")
        .group_by("enterprise_id", "group", "group_cycle", maintain_order=True)
        .agg(pl.col("item_id").first().alias("had"))
    )
    applied = (pl.col("kind") == kinds.DECISION).any().over(*_GROUP)
    money = pl.col("kind").is_in(sorted(kinds.MONEY))
    possible = pl.col("kind").is_in(sorted(kinds.MESSAGE))
    hopeless = money.any().over(*_GROUP) & ~_chance(grouped, sent, as_of, limits)
    rank = pl.when(money).then(2).when(possible & (applied | hopeless)).then(1).when(possible).then(2).otherwise(0)
    ranked = (
        grouped.join(taken, on=["enterprise_id", "group", "group_cycle"], how="left")
        .with_columns(
            rank.alias("_rank"),
            (rank > 0).alias("_contends"),
            # an award paid per unit contends with all its units together
            pl.col("amount_yuan")
            .sum()
            .over("enterprise_id", "group", "group_cycle", "item_id", "version")
            .alias("_whole"),
            pl.col("amount_yuan")
            .is_not_null()
            .any()
            .over("enterprise_id", "group", "group_cycle", "item_id", "version")
            .alias("_known"),
        )
        .with_columns(pl.when("_known").then(pl.col("_whole")).alias("_whole"))
        .sort(
            "enterprise_id",
            "group",
            "group_cycle",
            "_rank",
            "_whole",
            "item_id",
            "row",
            descending=[False, False, False, True, True, False, False],
            nulls_last=True,
        )
        .with_columns(
            pl.col("item_id").first().over("enterprise_id", "group", "group_cycle").alias("_best"),
            pl.col("title").first().over("enterprise_id", "group", "group_cycle").alias("_best_title"),
            pl.col("_whole").first().over("enterprise_id", "group", "group_cycle").alias("_best_amount"),
            pl.col("_contends").first().over("enterprise_id", "group", "group_cycle").alias("_someone"),
        )
    )
    lost_to_award = (pl.col("had").is_not_null() & (pl.col("had") != pl.col("item_id"))).fill_null(False)
    # A near miss or a check in a department takes nothing from anybody: it loses only to what was really paid.
    lost_to_better = (
        pl.col("had").is_null() & pl.col("_someone") & pl.col("_contends") & (pl.col("_best") != pl.col("item_id"))
    )
    # what is certain may be the smaller one
    better = (
        pl.when((pl.col("_whole") > pl.col("_best_amount")).fill_null(False))
        .then(pl.lit("已确定"))
        .otherwise(pl.lit("较高"))
    )
    amount = pl.coalesce(pl.col("_best_amount").cast(pl.String) + pl.lit(" 元"), pl.lit("金额待定"))
    return (
        ranked.with_columns(
            pl.when(lost_to_award)
            .then(pl.format("同组事项 {} 本年度已兑付", pl.col("had")))
            .when(lost_to_better)
            .then(pl.format("保留同组{}的 {}（{}，{}）", better, pl.col("_best"), pl.col("_best_title"), amount))
            .alias("detail")
        )
        .filter(pl.col("detail").is_not_null())
        .select("row", "detail")
    )
