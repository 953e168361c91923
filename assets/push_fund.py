"""push/fund, push/fund_movement: what every pool holds, from its reference table, the payments of finance and our own ledger."""

from decimal import Decimal

import polars as pl

from assets.ports import Scope, Warehouse
from assets.push_return import payments
from data import fund_pools
from matching.push import inputs as shapes
from matching.push.pools import funds, movements

FUND_LABELS = {
    "pool": "资金池",
    "label": "名称",
    "opened_on": "启用日",
    "opening_yuan": "期初（元）",
    "replenished_yuan": "补充（元）",
    "paid_yuan": "财政已付（元）",
    "payments": "支付笔数",
    "balance_yuan": "余额（元）",
    "outstanding_yuan": "已批未付（元）",
    "free_yuan": "可用余额（元）",
    "limit_yuan": "本系统兑付上限（元）：投入减去付给其他用途的",
    "alarm_yuan": "告警线（元）",
    "unsure_yuan": "待认定支付（元）",
    "state": "ok 正常、alarm 告警、exhausted 用完、overdrawn 超支、unopened 未启用",
    "items": "由此池支付的事项",
    "day": "日期",
    "kind": "opening 期初、replenishment 补充、payment 支付、return 退回",
    "amount_yuan": "金额（元，支出为负）",
}


def pooled(
    warehouse: Warehouse, scope: Scope, awards: pl.DataFrame, settlement: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(FUNDS, MOVEMENTS) at the end of `as_of`; `awards` are our own (shape AWARDS, `paid_on` the day of their list)."""
    pools = fund_pools.load()
    owner = fund_pools.pool_of(pools)
    book = movements(pools, payments(warehouse), scope.as_of)
    since = pl.DataFrame(
        [(item, pools[pool].opened) for item, pool in sorted(owner.items())],
        schema={"item_id": pl.String, "opened_on": pl.Date},
        orient="row",
    )
    granted = _sums(
        awards.join(since, on="item_id", how="inner").filter(pl.col("paid_on") >= pl.col("opened_on")), "amount_yuan"
    )
    # lists of the day itself are no history yet (see push_history)
    done = settlement.filter(pl.col("list_id").is_in(awards["source"].implode())).with_columns(
        pl.min_horizontal("granted_yuan", "paid_yuan").clip(Decimal(0)).cast(shapes.MONEY_TYPE).alias("done")
    )
    settled = _sums(done.join(since, on="item_id", how="inner"), "done")
    unsure: dict[str, Decimal] = {}
    if warehouse.exists("push.payout"):
        waiting = warehouse.frame(
            "SELECT item_id, paid_on, paid_yuan FROM push.payout WHERE state = 'unsure' ORDER BY voucher_no"
        )
        late = waiting.join(since, on="item_id", how="inner").filter(pl.col("paid_on") >= pl.col("opened_on"))
        unsure = _sums(late, "paid_yuan")
    return funds(pools, book, granted, settled, unsure, scope.as_of), book


def _sums(frame: pl.DataFrame, column: str) -> dict[str, Decimal]:
    return dict(frame.group_by("item_id").agg(pl.col(column).sum().cast(shapes.MONEY_TYPE)).sort("item_id").iter_rows())
