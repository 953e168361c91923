"""Fund pools (资金池): what was put into each, when, when its alarm rings, and which items are paid from it."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

PATH = Path(__file__).with_name("reference") / "fund_pools.csv"
COLUMNS = ("pool", "label", "kind", "day", "amount_yuan", "alarm_yuan", "items", "source")


@dataclass(frozen=True)
class Inflow:
    """Money put into a pool: its opening or a replenishment."""

    kind: str
    day: dt.date
    amount_yuan: Decimal


@dataclass(frozen=True)
class FundPool:
    """One pool; the alarm rings at a balance of `alarm_yuan` or less. Amounts are 元 to the fen."""

    pool: str
    label: str
    alarm_yuan: Decimal
    items: tuple[str, ...]
    inflows: tuple[Inflow, ...]

    @property
    def opened(self) -> dt.date:
        return self.inflows[0].day

    def put_in(self, by: dt.date) -> Decimal:
        return sum((flow.amount_yuan for flow in self.inflows if flow.day <= by), Decimal("0.00"))


def load(path: Path = PATH) -> dict[str, FundPool]:
    """The pools by name. Raises ValueError naming file, row, column and value: a second opening, an item in two pools, a bad amount."""
    pools: dict[str, FundPool] = {}
    owner: dict[str, str] = {}
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError(f"{path.name} 的列应为 {'、'.join(COLUMNS)}，实际为 {'、'.join(reader.fieldnames or ())}")
        for number, row in enumerate(reader, start=2):
            where = f"{path.name} 第 {number} 行"
            flow = Inflow(row["kind"], _day(row["day"], where), _yuan(row["amount_yuan"], where, "amount_yuan"))
            if row["kind"] == "opening":
                if row["pool"] in pools:
                    raise ValueError(f"{where}：资金池 {row['pool']} 已有期初（一个池只有一个 opening）")
                items = tuple(item for item in row["items"].split("|") if item)
                for item in items:
                    if item in owner:
                        raise ValueError(f"{where}：事项 {item} 已属于资金池 {owner[item]}，一个事项只从一个池支付")
                    owner[item] = row["pool"]
                alarm = _yuan(row["alarm_yuan"], where, "alarm_yuan")
                pools[row["pool"]] = FundPool(row["pool"], row["label"], alarm, items, (flow,))
            elif row["kind"] == "replenishment":
                if row["pool"] not in pools:
                    raise ValueError(f"{where}：资金池 {row['pool']} 还没有期初（opening）就补充")
                found = pools[row["pool"]]
                flows = (*found.inflows, flow)
                pools[row["pool"]] = FundPool(found.pool, found.label, found.alarm_yuan, found.items, flows)
            else:
                raise ValueError(f"{where}：kind 为 {row['kind']!r}，应为 opening 或 replenishment")
    return pools


def pool_of(pools: Mapping[str, FundPool]) -> dict[str, str]:
    """item → pool."""
    return {item: pool.pool for pool in pools.values() for item in pool.items}


def _day(text: str, where: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{where}：day 为 {text!r}，应为 YYYY-MM-DD") from error


def _yuan(text: str, where: str, column: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{where}：{column} 为 {text!r}，应为以元计的数") from error
    if not amount.is_finite() or amount < 0 or amount != amount.quantize(Decimal("0.01")):
        raise ValueError(f"{where}：{column} 为 {text!r}，应为不小于零、精确到分的数")
    return amount
