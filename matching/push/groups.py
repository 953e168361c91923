"""Exclusion groups: which items may not be enjoyed together, and which of several a firm keeps (就高不重复)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from matching.push import kinds


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


def lower_awards(candidates: pl.DataFrame, awards: pl.DataFrame) -> pl.DataFrame:
    """(row, detail) of the candidates that lose to another item of their group for the same firm in the same year.

    A firm that has applied keeps what it applied for before what it might apply for. Else the higher amount wins; an amount that is not known ranks last; ties go to the smaller item id. What has been awarded
    already always wins: public money is not taken back to pay a little more.
    """
    grouped = candidates.filter(pl.col("group").is_not_null())
    if grouped.is_empty():
        return pl.DataFrame(schema={"row": pl.UInt32, "detail": pl.String})
    taken = (
        awards.sort("enterprise_id", "group", "group_cycle", "item_id")
        .group_by("enterprise_id", "group", "group_cycle", maintain_order=True)
        .agg(pl.col("item_id").first().alias("had"))
    )
    group = ("enterprise_id", "group", "group_cycle")
    applied = (pl.col("kind") == kinds.DECISION).any().over(*group)
    possible = pl.col("kind").is_in(sorted(kinds.MESSAGE))
    rank = (
        pl.when(pl.col("kind").is_in(sorted(kinds.MONEY)))
        .then(2)
        .when(possible & applied)
        .then(1)
        .when(possible)
        .then(2)
        .otherwise(0)
    )
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
    amount = pl.coalesce(pl.col("_best_amount").cast(pl.String) + pl.lit(" 元"), pl.lit("金额待定"))
    return (
        ranked.with_columns(
            pl.when(lost_to_award)
            .then(pl.format("同组事项 {} 本年度已兑付", pl.col("had")))
            .when(lost_to_better)
            .then(pl.format("保留同组较高的 {}（{}，{}）", pl.col("_best"), pl.col("_best_title"), amount))
            .alias("detail")
        )
        .filter(pl.col("detail").is_not_null())
        .select("row", "detail")
    )
