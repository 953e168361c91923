"""The balance of every fund pool, and who is paid when what is left in a pool does not reach everybody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import polars as pl

from data.fund_pools import FundPool, pool_of
from matching.push.inputs import MONEY_TYPE, Schema

RULE: Final = "资金池内按截止日从近到远、同日按匹配分从高到低、同分按事项和企业标识升序；累计首次超出可用余额的一户起，其后均不安排"
FUNDS: Final[Schema] = {
    "pool": pl.String,
    "label": pl.String,
    "opened_on": pl.Date,
    "opening_yuan": MONEY_TYPE,
    "replenished_yuan": MONEY_TYPE,
    "paid_yuan": MONEY_TYPE,
    "payments": pl.Int64,
    "balance_yuan": MONEY_TYPE,
    "outstanding_yuan": MONEY_TYPE,
    "free_yuan": MONEY_TYPE,
    "limit_yuan": MONEY_TYPE,
    "alarm_yuan": MONEY_TYPE,
    "unsure_yuan": MONEY_TYPE,
    "state": pl.String,
    "items": pl.List(pl.String),
}
MOVEMENTS: Final[Schema] = {
    "pool": pl.String,
    "day": pl.Date,
    "kind": pl.String,
    "item_id": pl.String,
    "amount_yuan": MONEY_TYPE,
    "payments": pl.Int64,
    "balance_yuan": MONEY_TYPE,
}
STATES: Final = {"ok": "正常", "alarm": "余额告警", "exhausted": "已用完", "overdrawn": "超支", "unopened": "未启用"}
KINDS: Final = {"opening": "期初", "replenishment": "补充", "payment": "支付", "return": "退回"}
_ZERO: Final = Decimal("0.00")


def movements(pools: Mapping[str, FundPool], payments: pl.DataFrame, as_of: dt.date) -> pl.DataFrame:
    """The book of every pool (MOVEMENTS) to the end of `as_of`: inflows, and per day and item what was paid or returned.

    `payments` is (enterprise_id, item_id, paid_on, paid_yuan), returns negative. What was paid before a pool opened is not its business.
    The balance is after the movement; on one day money comes in before it goes out.
    """
    owner = pool_of(pools)
    rows: list[dict[str, Any]] = []
    for pool in pools.values():
        rows += [
            {
                "pool": pool.pool,
                "day": flow.day,
                "kind": flow.kind,
                "item_id": None,
                "amount_yuan": flow.amount_yuan,
                "payments": 0,
            }
            for flow in pool.inflows
            if flow.day <= as_of
        ]
    out = (
        payments.filter(pl.col("item_id").is_in(sorted(owner)) & (pl.col("paid_on") <= as_of))
        .with_columns(
            pl.when(pl.col("paid_yuan") < 0).then(pl.lit("return")).otherwise(pl.lit("payment")).alias("kind")
        )
        .group_by("item_id", "paid_on", "kind")
        .agg(pl.col("paid_yuan").sum(), pl.len().alias("payments"))
    )
    for row in out.iter_rows(named=True):
        pool = pools[owner[row["item_id"]]]
        if row["paid_on"] >= pool.opened:
            rows.append(
                {"pool": pool.pool, "day": row["paid_on"], "kind": row["kind"], "item_id": row["item_id"],
                 "amount_yuan": -row["paid_yuan"], "payments": row["payments"]}
            )  # fmt: skip
    order = list(KINDS)
    rows.sort(key=lambda row: (row["pool"], row["day"], order.index(row["kind"]), row["item_id"] or ""))
    balance: dict[str, Decimal] = {}
    for row in rows:
        balance[row["pool"]] = balance.get(row["pool"], _ZERO) + row["amount_yuan"]
        row["balance_yuan"] = balance[row["pool"]]
    return pl.DataFrame(rows, schema=MOVEMENTS, orient="row")


def funds(
    pools: Mapping[str, FundPool],
    book: pl.DataFrame,
    granted: Mapping[str, Decimal],
    settled: Mapping[str, Decimal],
    unsure: Mapping[str, Decimal],
    as_of: dt.date,
) -> pl.DataFrame:
    """One row per pool (FUNDS) at the end of `as_of`.

    Per item in 元: `granted`, all our awards in force since its pool opened; `settled`, what finance has paid of them; `unsure`, payments whose item a
    person must still name. balance = put in − paid; outstanding = granted − settled; free = balance − outstanding. `limit_yuan` is what our
    awards may add up to: put in − what was paid for others; free = limit − granted.
    """
    rows: list[dict[str, Any]] = []
    for pool in sorted(pools.values(), key=lambda one: one.pool):
        own = book.filter(pl.col("pool") == pool.pool)
        opening = _total(own.filter(pl.col("kind") == "opening"))
        added = _total(own.filter(pl.col("kind") == "replenishment"))
        flows = own.filter(pl.col("kind").is_in(["payment", "return"]))
        paid = -_total(flows)
        ours, done = (sum((m.get(item, _ZERO) for item in pool.items), _ZERO) for m in (granted, settled))
        balance, outstanding = opening + added - paid, ours - done
        free = balance - outstanding
        state = (
            "unopened" if pool.opened > as_of
            else "overdrawn" if free < 0
            else "exhausted" if free == 0
            else "alarm" if free <= pool.alarm_yuan
            else "ok"
        )  # fmt: skip
        rows.append(
            {
                "pool": pool.pool, "label": pool.label, "opened_on": pool.opened, "opening_yuan": opening, "replenished_yuan": added,
                "paid_yuan": paid, "payments": int(flows["payments"].sum()), "balance_yuan": balance, "outstanding_yuan": outstanding,
                "free_yuan": free, "limit_yuan": opening + added - (paid - done), "alarm_yuan": pool.alarm_yuan,
                "unsure_yuan": sum((unsure.get(item, _ZERO) for item in pool.items), _ZERO), "state": state, "items": list(pool.items),
            }
        )  # fmt: skip
    return pl.DataFrame(rows, schema=FUNDS, orient="row")


def _total(book: pl.DataFrame) -> Decimal:
    return sum(book["amount_yuan"].to_list(), _ZERO)


def beyond_pool(candidates: pl.DataFrame, fund_rows: pl.DataFrame) -> pl.DataFrame:
    """(row, detail) of the awards that their pool's free balance does not reach, in the order of RULE; a strict prefix is paid.

    Needs `row, item_id, deadline, score, enterprise_id, amount_yuan`. An item in no pool is not held back here.
    """
    free = fund_rows.select("pool", "label", "free_yuan", pl.col("items").alias("item_id")).explode("item_id")
    return (
        candidates.join(free, on="item_id", how="inner")
        .sort(
            "pool", "deadline", "score", "item_id", "enterprise_id", "row",
            descending=[False, False, True, False, False, False],
            nulls_last=True,
        )
        .with_columns(pl.col("amount_yuan").cum_sum().over("pool").alias("_total"))
        .filter(pl.col("_total") > pl.col("free_yuan"))
        .select(
            "row",
            pl.format("{}可用余额 {} 元，排到本户累计 {} 元。{}", "label", "free_yuan", "_total", pl.lit(RULE)).alias("detail"),
        )
    )  # fmt: skip
