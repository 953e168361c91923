"""How figures are written on a page: money in 元/万/亿, shares, days, and small counts that are not shown."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import cache
from typing import Any

from markupsafe import Markup

from data.corpus import load_defaults
from matching.push.kinds import BARS as BARS
from matching.push.kinds import VERDICTS as VERDICTS

FEWEST = 5
HIDDEN = "<5"
NOTHING = "—"

DECISIONS = {"approved": "通过", "refused": "不通过", "withdrawn": "撤回"}
SOURCES = {"self": "主动申报", "pushed": "推送后申报", "auto": "免申即享"}
OUTCOMES = {
    "revenue": "销售额",
    "tax": "应纳增值税",
    "jobs": "参保人数",
    "research": "研发费用",
    "survival": "一年后在营",
}
PER_WAN = {"revenue": "元", "tax": "元", "jobs": "人·季", "research": "元"}
COMPLAINT_STATES = {
    "open": "办理中",
    "not_transferred": "未按时转办",
    "overdue": "超期未办结",
    "closed": "按期办结",
    "closed_late": "超期办结",
}
DELIVERY_STATES = {"loaded": "已入库", "refused": "拒收", "superseded": "已被替代"}


def yuan(value: Decimal | float | int | None) -> str:
    """Money as a reader says it: 1,234 元, 56.7 万元, 3.21 亿元."""
    if value is None:
        return NOTHING
    amount = Decimal(value)
    size = abs(amount)
    if size >= 100_000_000:
        return f"{amount / 100_000_000:,.2f} 亿元"
    if size >= 10_000:
        return f"{amount / 10_000:,.1f} 万元"
    return f"{amount:,.0f} 元"


def exact_yuan(value: Decimal | float | int | None) -> str:
    return NOTHING if value is None else f"{Decimal(value):,.2f}"


def share(value: Decimal | float | None, digits: int = 1) -> str:
    return NOTHING if value is None else f"{float(value) * 100:.{digits}f}%"


def count(value: int | float | Decimal | None) -> str:
    return NOTHING if value is None else f"{int(value):,}"


def few(value: int | None) -> bool:
    """Whether a count of enterprises is too small to be shown."""
    return value is not None and 0 < value < FEWEST


def shown_count(value: int | None) -> str:
    """A count of enterprises or pairs; 1 to 4 become `<5`."""
    return HIDDEN if few(value) else count(value)


def figure(value: Decimal | float | None, unit: str, n: int | None) -> str:
    """A metric's value in its unit; `<5` when it rests on, or counts, one to four enterprises, `—` when there is none.

    `n` None means that it rests on no enterprises (on items, files …) and is always shown.
    """
    if value is None:
        return NOTHING
    if few(n) or (n is not None and unit in ("户", "户次", "件") and 0 < value < FEWEST):
        return HIDDEN
    if unit == "元":
        return yuan(value)
    if unit == "%":
        return share(value)
    if unit == "指数":
        return f"{float(value):.3f}"
    if unit == "倍":
        return f"{float(value):.2f} 倍"
    if unit in ("天", "工作日"):
        return f"{float(value):,.0f} {unit}"
    return f"{float(value):,.0f} {unit}"


def cycle(value: str | None) -> str:
    return "一次性" if value == "once" else value or NOTHING


@cache
def _bars() -> dict[str, str]:
    return {bar.id: bar.label for bar in load_defaults().bars}


def bar_named(bar: str) -> str:
    """A bar as people call it; one that no file defines any more keeps its id."""
    return _bars().get(bar, bar)


def day(value: dt.date | dt.datetime | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, dt.datetime) else f"{value:%Y-%m-%d}"


def quantity(value: Any, kind: str, unit: str | None) -> str:
    """An indicator's value with its unit."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, list):
        return "、".join(str(entry.get("name") if isinstance(entry, dict) else entry) for entry in value) or "无"
    if kind == "money":
        return exact_yuan(value) + f" {unit or '元'}"
    if kind == "ratio":
        return share(value, 2)
    if kind in ("integer", "number"):
        told = f"{Decimal(value):,.2f}".removesuffix("0").removesuffix("0").removesuffix(".")
        return told + (f" {unit}" if unit and unit != "小数" else "")
    return str(value)


def highlighted(value: str, needle: str) -> Markup:
    """Text with the first occurrence of what was searched marked."""
    at = value.find(needle) if needle else -1
    if at < 0:
        return Markup.escape(value)
    parts = (value[:at], value[at : at + len(needle)], value[at + len(needle) :])
    return Markup("{}<mark>{}</mark>{}").format(*parts)
