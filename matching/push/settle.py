"""Granted against paid: what the finance department's ledger says became of every award of a list."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final

import polars as pl

# An export that finance has not answered after two days is chased.
PATIENCE: Final = dt.timedelta(hours=48)

GRANTED: Final = {
    "enterprise_id": pl.String,
    "uscc": pl.String,
    "item_id": pl.String,
    "cycle": pl.String,
    "granted_yuan": pl.Decimal(18, 2),
}
PAID: Final = {
    "enterprise_id": pl.String,
    "item_id": pl.String,
    "paid_on": pl.Date,
    "paid_yuan": pl.Decimal(18, 2),
}

STATES: Final = {
    "paid": "已付清",
    "split": "分次付清",
    "partial": "部分支付",
    "returned": "已退回",
    "over": "多付",
    "waiting": "未见支付",
}


def settled(granted: pl.DataFrame, paid: pl.DataFrame, since: dt.date) -> pl.DataFrame:
    """Per award (GRANTED) its payments (PAID) from `since` on: paid_yuan, payments, last_paid_on and `state` (a key of STATES).

    Shares of province and county are summed; negative amounts are returns. Payments before the list was made belong to others.
    """
    nothing = pl.lit(Decimal(0), dtype=pl.Decimal(18, 2))
    amount = pl.col("paid_yuan")
    sums = (
        paid.filter(pl.col("paid_on") >= since)
        .group_by("enterprise_id", "item_id")
        .agg(
            amount.sum().alias("paid_yuan"),
            (amount > nothing).sum().alias("payments"),
            (amount < nothing).any().alias("_returned"),
            pl.col("paid_on").max().alias("last_paid_on"),
        )
    )
    net, due = pl.col("paid_yuan"), pl.col("granted_yuan")
    state = (
        pl.when(pl.col("payments").is_null())
        .then(pl.lit("waiting"))
        .when(net > due)
        .then(pl.lit("over"))
        .when((net == due) & (pl.col("payments") > 1))
        .then(pl.lit("split"))
        .when(net == due)
        .then(pl.lit("paid"))
        .when((net <= nothing) & pl.col("_returned"))
        .then(pl.lit("returned"))
        .otherwise(pl.lit("partial"))
    )
    return (
        granted.join(sums, on=["enterprise_id", "item_id"], how="left", maintain_order="left")
        .with_columns(state.alias("state"))
        .with_columns(pl.col("paid_yuan").fill_null(nothing), pl.col("payments").fill_null(0))
        .drop("_returned")
        .sort("item_id", "cycle", "enterprise_id")
    )
