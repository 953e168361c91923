"""Literal frames for the tests of lists: one item, pair, firm or condition at a time, and the inputs made of them."""

import datetime as dt
from decimal import Decimal
from typing import Any

import polars as pl

from matching.push import inputs as shapes
from matching.push.inputs import Dates, Inputs, Limits
from matching.push.select import Proposal

AS_OF = dt.date(2024, 12, 18)  # a Wednesday
DATES = Dates(AS_OF, dt.datetime(2024, 12, 18, 23, 59, 59), AS_OF, "b0", b"k" * 32)
LIMITS = Limits(holdout_share=0.0)


def item(item_id: str, mode: str = "免申即享", **changes: Any) -> dict[str, Any]:
    return {
        "item_id": item_id,
        "version": 1,
        "title": f"事项{item_id}",
        "issuer": "海南省工业和信息化厅",
        "mode": mode,
        "entity": "enterprise",
        "cycle": "year",
        "claim_unit": "entity",
        "valid_from": dt.date(2024, 1, 1),
        "valid_to": dt.date(2025, 12, 31),
        "window_from": None,
        "window_to": None,
        "budget_yuan": None,
        "promise_days": 20,
        "award_expr": "1",
        "excludes": [],
        "pilot": [],
        "materials": [],
    } | changes


def pair(enterprise: str, item_id: str, verdict: str = "eligible", **changes: Any) -> dict[str, Any]:
    return {
        "enterprise_id": enterprise,
        "uscc": f"9146{enterprise}",
        "item_id": item_id,
        "version": 1,
        "verdict": verdict,
        "met": ["c1"],
        "failed": [],
        "unknown": [],
        "near_miss": False,
        "short_of": [],
        "bar": "clear",
        "bars": [],
        "amount_yuan": Decimal("100000.00"),
        "score": 0.9,
    } | changes


def firm(enterprise: str, **changes: Any) -> dict[str, Any]:
    return {
        "enterprise_id": enterprise,
        "uscc": f"9146{enterprise}",
        "name": f"海南{enterprise}有限公司",
        "region": "460105",
        "size": "小型",
        "contact_hash": f"h-{enterprise}",
        "contact_masked": "138****0000",
    } | changes


def condition(item_id: str, condition_id: str = "c1", **changes: Any) -> dict[str, Any]:
    return {
        "item_id": item_id,
        "version": 1,
        "condition_id": condition_id,
        "text": "上年度营业收入不低于2000万元",
        "expr": "revenue_last_year >= 20000000",
        "on_unknown": "ask",
        "outside": False,
    } | changes


def given_inputs(
    items: list[dict[str, Any]],
    pairs: list[dict[str, Any]],
    firms: list[dict[str, Any]] | None = None,
    conditions: list[dict[str, Any]] | None = None,
    **history: Any,
) -> Inputs:
    names = sorted({row["enterprise_id"] for row in pairs})
    return Inputs(
        pairs=pl.DataFrame(pairs, schema=shapes.PAIRS, orient="row"),
        items=pl.DataFrame(items, schema=shapes.ITEMS, orient="row"),
        conditions=pl.DataFrame(
            conditions if conditions is not None else [condition(row["item_id"]) for row in items],
            schema=shapes.CONDITIONS,
            orient="row",
        ),
        enterprises=pl.DataFrame(firms or [firm(name) for name in names], schema=shapes.ENTERPRISES, orient="row"),
        **history,
    )


def only_reason(proposal: Proposal) -> tuple[str, str]:
    assert proposal.lines.filter(pl.col("kind") != "digest").is_empty()
    assert proposal.suppressions.height == 1
    row = proposal.suppressions.row(0, named=True)
    return row["reason"], row["detail"]
