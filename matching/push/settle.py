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
PAID: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
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


def kept(paid: pl.DataFrame) -> pl.DataFrame:
    """Of payments (PAID) what stayed with the firm, a row per firm, item and day: money that came back is no payment, on whichever day it came.

    A return takes back the newest payment before it of the same amount, or else the newest ones. What it exceeds them by is nobody's here.
    """
    keys = ["enterprise_id", "item_id"]
    nothing = pl.lit(Decimal(0), dtype=PAID["paid_yuan"])
    days = paid.group_by(*keys, "paid_on").agg(pl.col("paid_yuan").sum().cast(PAID["paid_yuan"])).sort(*keys, "paid_on")
    back = days.filter(pl.col("paid_yuan") < nothing).select(keys).unique()
    untouched = days.join(back, on=keys, how="anti", maintain_order="left")
    standing: list[tuple[str, str, dt.date, Decimal]] = []
    for (enterprise, item), rows in days.join(back, on=keys, how="semi").group_by(keys, maintain_order=True):
        left = _taken_back(list(rows.select("paid_on", "paid_yuan").iter_rows()))
        standing += [(str(enterprise), str(item), day, amount) for day, amount in left]
    found = pl.concat([untouched, pl.DataFrame(standing, schema=PAID, orient="row")])
    return found.filter(pl.col("paid_yuan") > nothing).sort(*keys, "paid_on")


def _taken_back(days: list[tuple[dt.date, Decimal]]) -> list[tuple[dt.date, Decimal]]:
    """Payments of one firm and item by day, each return (negative) taken off those before it."""
    left: list[tuple[dt.date, Decimal]] = []
    for day, amount in days:
        if amount > 0:
            left.append((day, amount))
            continue
        owed = -amount
        same = next((at for at in reversed(range(len(left))) if left[at][1] == owed), None)
        if same is not None:
            del left[same]
            continue
        while left and owed > 0:
            newest, had = left.pop()
            if had > owed:
                left.append((newest, had - owed))
            owed -= min(owed, had)
    return left
