"""Granted against paid: what the finance department's ledger says became of every award of a list."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final

import polars as pl

# An export that finance has not answered after two days is chased.
PATIENCE: Final = dt.timedelta(hours=48)

# One award: `since` is the day of its list; payments before it belong to others.
GRANTED: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "list_id": pl.String,
    "enterprise_id": pl.String,
    "uscc": pl.String,
    "item_id": pl.String,
    "cycle": pl.String,
    "claim_unit": pl.String,
    "granted_yuan": pl.Decimal(18, 2),
    "since": pl.Date,
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


def settled(granted: pl.DataFrame, paid: pl.DataFrame) -> pl.DataFrame:
    """Per award (GRANTED) its payments (PAID): paid_yuan, payments, last_paid_on and `state` (a key of STATES).

    Shares of province and county are summed; negative amounts are returns. Finance names firm and item, not the award: of several awards of
    a firm for one item (months, years, units) each payment settles the oldest open one of its amount, else the oldest open ones.
    """
    awards = granted.sort("since", "list_id", "cycle", "claim_unit", "enterprise_id", "item_id").with_row_index(
        "_award"
    )
    pair = ["enterprise_id", "item_id"]
    alone = awards.filter(pl.len().over(pair) == 1)
    own = alone.select("_award", *pair, "since").join(paid, on=pair).filter(pl.col("paid_on") >= pl.col("since"))
    of_firm = {key: rows.rows() for key, rows in paid.sort(*pair, "paid_on", "paid_yuan").select(*pair, "paid_on", "paid_yuan").join(
        awards.filter(pl.len().over(pair) > 1).select(pair).unique(), on=pair, how="semi", maintain_order="left"
    ).group_by(pair, maintain_order=True)}  # fmt: skip
    shared: list[tuple[int, dt.date, Decimal]] = []
    for key, rows in awards.filter(pl.len().over(pair) > 1).group_by(pair, maintain_order=True):
        due = list(rows.select("_award", "since", "granted_yuan").iter_rows())
        shared += _shared(due, [(day, amount) for _, _, day, amount in of_firm.get(key, [])])
    shares = pl.concat(
        [
            own.select(pl.col("_award").cast(pl.Int64), "paid_on", "paid_yuan"),
            pl.DataFrame(shared, schema={"_award": pl.Int64, "paid_on": pl.Date, "paid_yuan": PAID["paid_yuan"]}, orient="row"),
        ]
    )  # fmt: skip
    nothing = pl.lit(Decimal(0), dtype=pl.Decimal(18, 2))
    amount = pl.col("paid_yuan")
    sums = shares.group_by("_award").agg(
        amount.sum().alias("paid_yuan"),
        (amount > nothing).sum().alias("payments"),
        (amount < nothing).any().alias("_returned"),
        pl.col("paid_on").max().alias("last_paid_on"),
    )
    net, due_yuan = pl.col("paid_yuan"), pl.col("granted_yuan")
    state = (
        pl.when(pl.col("payments").is_null())
        .then(pl.lit("waiting"))
        .when(net > due_yuan)
        .then(pl.lit("over"))
        .when((net == due_yuan) & (pl.col("payments") > 1))
        .then(pl.lit("split"))
        .when(net == due_yuan)
        .then(pl.lit("paid"))
        .when((net <= nothing) & pl.col("_returned"))
        .then(pl.lit("returned"))
        .otherwise(pl.lit("partial"))
    )
    return (
        awards.with_columns(pl.col("_award").cast(pl.Int64))
        .join(sums, on="_award", how="left", maintain_order="left")
        .with_columns(state.alias("state"))
        .with_columns(pl.col("paid_yuan").fill_null(nothing), pl.col("payments").fill_null(0))
        .drop("_returned", "_award")
        .sort("list_id", "item_id", "cycle", "enterprise_id", "claim_unit")
    )


def _shared(
    awards: list[tuple[int, dt.date, Decimal]], payments: list[tuple[dt.date, Decimal]]
) -> list[tuple[int, dt.date, Decimal]]:
    """(award, day, amount) of the payments of one firm and item, split over its awards (award, since, due), oldest first."""
    got = {award: Decimal(0) for award, _, _ in awards}
    given: list[tuple[int, dt.date, Decimal]] = []

    def give(award: int, day: dt.date, amount: Decimal) -> None:
        given.append((award, day, amount))
        got[award] += amount

    for day, amount in sorted(payments, key=lambda one: (one[0], -one[1])):
        open_ = [(award, due) for award, since, due in awards if since <= day]
        if not open_:
            continue
        left = amount
        if amount > 0:
            exact = next((award for award, due in open_ if due - got[award] == amount), None)
            for award, due in [] if exact is not None else open_:
                part = min(left, max(due - got[award], Decimal(0)))
                if part > 0:
                    give(award, day, part)
                    left -= part
        else:
            held = [award for award, _ in reversed(open_) if got[award] > 0]
            exact = next((award for award in held if got[award] == -amount), None)
            for award in [] if exact is not None else held:
                part = max(left, -got[award])
                if part < 0:
                    give(award, day, part)
                    left -= part
        if left:
            give(exact if exact is not None else open_[-1][0], day, left)
    return given


def unlisted(paid: pl.DataFrame, accounted: pl.DataFrame, since: dt.date) -> pl.DataFrame:
    """Payments (PAID) from `since` on that stayed with a firm that neither a list nor an application names for that item, by firm, item and day.

    `accounted` has enterprise_id, item_id of every award ever granted and of every application that was granted.
    """
    return (
        kept(paid)
        .filter(pl.col("paid_on") >= since)
        .join(accounted.select("enterprise_id", "item_id").unique(), on=["enterprise_id", "item_id"], how="anti", maintain_order="left")
        .sort("enterprise_id", "item_id", "paid_on")
    )  # fmt: skip


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
