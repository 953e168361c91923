"""A policy that expires, is replaced or rewritten between the run and the signature stops its lists (reliability.md, row 42)."""

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import recompute

DAY = dt.date(2025, 1, 25)
TEXT = """---
id: hn-a
version: {version}
title: 示例奖励
issuer: 海南省工业和信息化厅
level: 省级
region: ["460000"]
basis: 示例
valid: {{from: {first}, to: {last}}}
cycle: year
mode: 免申即享
promise_days: 10
tags: {{theme: [研发创新], industry: [不限], size: [不限], method: [奖励]}}
conditions:
  - {{id: c1, text: 研发费用不低于五十万元, expr: "rd_expense_last_year >= {bound}", on_unknown: review}}
award: {{expr: "{award}", unit: 元, per: year}}
examples:
  - {{name: 达标, given: {{rd_expense_last_year: 600000}}, verdict: eligible, award: 100}}
---

示例奖励的原文。
"""


def written(
    folder: Path,
    version: int = 1,
    first: str = "2024-01-01",
    last: str = "2025-12-31",
    bound: int = 500000,
    award: str = "100",
) -> None:
    (folder / f"hn-a.v{version}.md").write_text(
        TEXT.format(version=version, first=first, last=last, bound=bound, award=award), encoding="utf-8"
    )


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> duckdb.DuckDBPyConnection:
    """What a run published of the item, and the folder its file stands in."""
    monkeypatch.setattr(recompute, "POLICIES", tmp_path)
    written(tmp_path)
    con = duckdb.connect()
    con.execute(
        "CREATE SCHEMA policy; CREATE TABLE policy.item AS SELECT 'hn-a' AS item_id, 1 AS version, DATE '2024-01-01' AS valid_from,"
        " DATE '2025-12-31' AS valid_to, 'c1' AS logic, '100' AS award_expr;"
        "CREATE TABLE policy.condition AS SELECT 'hn-a' AS item_id, 1 AS version, 'c1' AS condition_id, 'rd_expense_last_year >= 500000' AS expr,"
        " 'review' AS on_unknown, false AS outside"
    )
    return con


def test_an_item_as_it_was_judged_may_go_out(judged: duckdb.DuckDBPyConnection) -> None:
    assert recompute.overtaken(judged, "hn-a", 1, DAY) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bound": 400000}, "改过"),
        ({"award": "200"}, "改过"),
        ({"last": "2025-06-30"}, "改过"),
        ({"last": "2025-01-20"}, "改过"),
    ],
)
def test_a_rewritten_item_stops_its_lists(
    judged: duckdb.DuckDBPyConnection, tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    written(tmp_path, **change)
    assert reason in str(recompute.overtaken(judged, "hn-a", 1, DAY))


def test_an_expired_replaced_or_removed_item_stops_its_lists(judged: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    assert recompute.overtaken(judged, "hn-a", 1, dt.date(2026, 1, 1)) == "事项版本已失效"
    written(tmp_path, last="2025-01-24")
    written(tmp_path, version=2, first="2025-01-25")
    assert recompute.overtaken(judged, "hn-a", 1, DAY) == "事项已换新版本"
    for path in tmp_path.glob("*.md"):
        path.unlink()
    assert recompute.overtaken(judged, "hn-a", 1, DAY) == "事项文件已撤下"
