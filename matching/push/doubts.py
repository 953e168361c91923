"""Firms about whom something stands in the deliveries that the profile could not take up: nobody is paid by the older value meanwhile."""

from __future__ import annotations

import polars as pl

from matching.push.inputs import DOUBTS, Inputs, shaped


def doubted(frame: pl.DataFrame, inputs: Inputs, reason: str) -> pl.DataFrame:
    """(row, detail) of the candidates a doubt of this reason is about: of the firm and item, or of the firm whatever the item."""
    doubts = shaped(inputs.doubts, DOUBTS, "存疑").filter(pl.col("reason") == reason)
    of_item = frame.join(
        doubts.filter(pl.col("item_id").is_not_null()), on=["enterprise_id", "item_id", "version"], how="inner"
    )
    of_firm = frame.join(
        doubts.filter(pl.col("item_id").is_null()).select("enterprise_id", "detail"), on="enterprise_id", how="inner"
    )
    found = pl.concat([of_item.select("row", "detail"), of_firm.select("row", "detail")])
    return found.sort("row", "detail").unique(subset="row", keep="first", maintain_order=True)
