"""身份归一: per department what was put on an enterprise and why, what waits for a clerk and how long, and quality where truth is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dashboards.linkage_figures import NAMED
from dashboards.pages import Pages


def linkage_page(pages: Pages, request: Request) -> Response:
    with pages.opened() as mart:
        rows = mart.rows(
            f"""SELECT {NAMED} AS name, l.department, l.table_name,
                coalesce((SELECT min(label) FROM mart.dim_department AS d WHERE d.department = l.department AND d.table_name = l.table_name), l.table_name) AS label,
                l.subjects, l.linked, l.queued, l.outside, l.unlinked, l.queued_days_median, l.queued_days_max
                FROM mart.linkage AS l ORDER BY l.department, l.table_name"""
        )
        departments: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            departments.setdefault(row["name"], []).append(row)
        oldest = mart.rows(
            f"""SELECT q._subject_id AS subject_id, {NAMED.replace("l.department", "q.department")} AS department, q.said_name, q.said_code, q.reason, e.name AS candidate, q.score
                FROM registry.review AS q LEFT JOIN registry.enterprise AS e USING (enterprise_id) WHERE q.rank = 1
                ORDER BY q.score DESC NULLS LAST, q._subject_id LIMIT 20"""
        )
        return pages.render(
            request,
            "linkage.html",
            mart,
            departments=departments,
            totals={c: sum(r[c] for r in rows) for c in ("subjects", "linked", "queued", "outside", "unlinked")},
            days=max((r["queued_days_max"] or 0 for r in rows), default=0),
            waiting=oldest,
            quality=measured_quality(pages.home, str(mart.publication.build_id)),
            by_department=pages.chart(mart, "linkage_by_department"),
            by_way=pages.chart(mart, "linkage_by_way"),
        )


def measured_quality(home: Path, build_id: str) -> dict[str, Any] | None:
    """What `benchmarks.linkage --write` measured against a known truth, if it was this very build; the pipeline itself knows no truth."""
    path = home / "reports" / "linkage.json"
    if not path.exists():
        return None
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return told if told.get("build_id") == build_id else None
