"""Which missing indicator, hence which department, blocks how many decisions and how much money."""

from typing import Any

import polars as pl

from matching.rules.terms import columns
from matching.rules.vocabulary import attribute
from pipelines.decisions import Desk


def blocked(desk: Desk) -> list[dict[str, Any]]:
    """Per indicator, the pairs of match.pair that would be decided if only it were known, the most money first.

    A pair counts for every indicator its one unknown condition lacks. `blocked_yuan` is its own award where that can be computed, else the
    mean award of the item's eligible and declarable pairs: an estimate of what waits, not of what would be paid.
    """
    pairs = desk.frame(
        "SELECT enterprise_id, item_id, version, unknown, amount_yuan FROM match.pair WHERE verdict = 'unknown' AND one_unknown ORDER BY ALL"
    )
    means = {
        row["item_id"]: row["mean"]
        for row in desk.frame(
            "SELECT item_id, avg(amount_yuan)::DECIMAL(18,2) AS mean FROM match.pair WHERE verdict IN ('eligible', 'declarable') GROUP BY ALL"
        ).to_dicts()
    }
    profiles = desk.profiles()
    found: dict[str, dict[str, Any]] = {}
    for (item_id, version), group in pairs.group_by("item_id", "version", maintain_order=True):
        item = next((i for i in desk.program.items if i.key == (item_id, version)), None)
        if item is None:
            continue
        rows = group.join(profiles, on="enterprise_id", how="left", maintain_order="left")
        for name, term in item.terms.items():
            waiting = rows.filter(pl.col("unknown").list.contains(name))
            for column in columns(term):
                lacking = waiting.filter(pl.col(column.name).is_null()) if column.name in waiting.columns else waiting
                if lacking.is_empty():
                    continue
                entry = found.setdefault(column.name, _entry(desk, column.name))
                entry["blocked_pairs"] += lacking.height
                entry["_items"].add(item_id)
                amount = lacking["amount_yuan"].fill_null(means.get(item_id) or 0).sum()
                entry["blocked_yuan"] += amount
    ranked = sorted(found.values(), key=lambda r: (-r["blocked_yuan"], -r["blocked_pairs"], r["indicator"]))
    return [{**{k: v for k, v in row.items() if k != "_items"}, "items": len(row["_items"])} for row in ranked]


def _entry(desk: Desk, name: str) -> dict[str, Any]:
    indicator = desk.catalogue.get(name)
    department = attribute(indicator, "department")
    return {
        "indicator": name,
        "label": attribute(indicator, "label") or name,
        "department": department,
        "department_name": desk.departments.get(str(department), "企业申报") if department else "企业申报",
        "blocked_pairs": 0,
        "blocked_yuan": 0,
        "_items": set(),
    }
