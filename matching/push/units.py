"""Claim units: what is granted per patent or project is paid unit by unit, each unit once for ever, whoever asks and in whatever cycle."""

from __future__ import annotations

from typing import Final

import polars as pl

from matching.push import kinds
from matching.push.inputs import CLAIMED, MONEY_TYPE, UNITS, Inputs, shaped

WHOLE: Final = "entity"


def per_unit(candidates: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    """The candidates with `unit` ("" for a whole award), `units` (how many it is shared by) and `expected` (how many the award counts).

    A candidate for money whose item is claimed per unit becomes one row per unit the firm is known to hold; its amount is divided
    to the fen, what is left over going to the first by unit id, so that the rows add up to the award. One without units stays, with
    `units` 0. Needs `row`; rows of one candidate share it, and the caller numbers them anew.
    """
    counted = pl.col("kind").is_in(sorted(kinds.MONEY)) & (pl.col("claim_unit").fill_null(WHOLE) != WHOLE)
    plain = candidates.with_columns(
        pl.lit("").alias("unit"),
        pl.lit(0, dtype=pl.Int64).alias("units"),
        pl.lit(None, dtype=pl.Int64).alias("expected"),
    )
    shared = candidates.filter(counted)
    if shared.is_empty():
        return plain
    held = (
        shaped(inputs.units, UNITS, "兑现单元")
        .unique(subset=["enterprise_id", "item_id", "unit"], keep="first", maintain_order=True)
        .sort("enterprise_id", "item_id", "unit")
        .with_columns(
            pl.len().over("enterprise_id", "item_id").cast(pl.Int64).alias("units"),
            pl.int_range(pl.len(), dtype=pl.Int64).over("enterprise_id", "item_id").alias("_place"),
        )
    )
    fen = (pl.col("amount_yuan") * 100).cast(pl.Int64)
    share = fen // pl.col("units") + (pl.col("_place") < fen % pl.col("units")).cast(pl.Int64)
    amount = (share.cast(pl.Decimal(18, 2)) / pl.lit(100, dtype=pl.Decimal(18, 2))).cast(MONEY_TYPE)
    divided = (
        shared.join(held, on=["enterprise_id", "item_id"], how="left")
        .with_columns(
            pl.when(pl.col("unit").is_null()).then(pl.col("amount_yuan")).otherwise(amount).alias("amount_yuan"),
            pl.col("unit").fill_null(""),
            pl.col("units").fill_null(0),
        )
        .drop("_place")
    )
    return pl.concat([plain.filter(~counted), divided.select(plain.columns)]).sort("row", "unit")


def unknown_units(frame: pl.DataFrame) -> pl.DataFrame:
    """(row, detail) of the awards per unit whose units are not known, or are not as many as the award counts."""
    counted = frame.filter(pl.col("claim_unit").fill_null(WHOLE) != WHOLE)
    return pl.concat(
        [
            counted.filter(pl.col("units") == 0).select("row", pl.lit("没有部门交付兑现单元的编号").alias("detail")),
            counted.filter((pl.col("units") > 0) & (pl.col("expected") != pl.col("units"))).select(
                "row", pl.format("名册有 {} 个兑现单元，奖励按 {} 个计算", "units", "expected").alias("detail")
            ),
        ]
    )


def claimed_units(frame: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    """(row, detail) of the units that an award of the same item has paid for, or that another row holds a better claim to today.

    Of several firms that hold one unit the smaller `enterprise_id` keeps it: the feed of units names the first owner alone. Of
    several applications of one firm, in different cycles, the first filed keeps it.
    """
    counted = frame.filter(pl.col("unit") != "")
    paid = shaped(inputs.claimed, CLAIMED, "已兑现单元").unique(
        subset=["item_id", "unit"], keep="first", maintain_order=True
    )
    before = counted.join(paid, on=["item_id", "unit"], how="inner").select(
        "row", pl.format("{} 已由名单 {} 兑现", "unit", "list_id").alias("detail")
    )
    order = ["enterprise_id", "applied_on", "row"]
    ranked = counted.sort(order).with_columns(
        pl.col("enterprise_id").first().over("item_id", "unit").alias("_first"),
        pl.col("row").first().over("item_id", "unit").alias("_kept"),
    )
    elsewhere = pl.col("enterprise_id") != pl.col("_first")
    rival = (
        ranked.filter(pl.col("row") != pl.col("_kept"))
        .sort("row")
        .select(
            "row",
            pl.when(elsewhere)
            .then(pl.format("{} 同时列在另一家企业名下", "unit"))
            .otherwise(pl.format("{} 已在本企业先申报的办件里", "unit"))
            .alias("detail"),
        )
    )
    return pl.concat([before, rival])
