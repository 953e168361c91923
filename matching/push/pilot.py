"""Items that are tried in some places only: who is registered outside them."""

from __future__ import annotations

import polars as pl


def _covered(code: str) -> str:
    """The prefix that every region below `code` shares: 460100 → 4601, 460000 → 46."""
    prefix = code
    while len(prefix) > 2 and prefix.endswith("00"):
        prefix = prefix[:-2]
    return prefix


def outside_pilot(frame: pl.DataFrame) -> pl.DataFrame:
    """(row, detail) of the candidates whose firm is registered in none of the item's pilot regions."""
    piloted = frame.filter(pl.col("pilot").list.len() > 0)
    if piloted.is_empty():
        return piloted.select("row", pl.lit("").alias("detail"))
    prefixes = pl.col("pilot").list.eval(pl.element().map_elements(_covered, return_dtype=pl.String))
    lines = (
        piloted.with_columns(prefixes.alias("_prefix")).select("row", "region", "pilot", "_prefix").explode("_prefix")
    )
    within = (
        lines.group_by("row")
        .agg(pl.col("region").str.starts_with(pl.col("_prefix")).any().fill_null(False).alias("_in"))
        .filter("_in")
    )
    outside = piloted.join(within, on="row", how="anti", maintain_order="left")
    return outside.select(
        "row",
        pl.format("登记地 {}，试点区域 {}", pl.col("region").fill_null("未知"), pl.col("pilot").list.join("、")).alias(
            "detail"
        ),
    )
