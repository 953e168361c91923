"""企业: find one, and 一企一档: every indicator with its source and date, verdicts explained, lists, cases and payments."""

from __future__ import annotations

import re
from collections.abc import Container
from functools import cache
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dashboards.formats import quantity
from dashboards.mart import Mart, Row
from dashboards.pages import Pages
from data.indicators import Catalogue, load
from matching.rules.explain import is_exclusion

VERDICT_ORDER = "CASE p.verdict WHEN 'eligible' THEN 1 WHEN 'declarable' THEN 2 WHEN 'unknown' THEN 3 ELSE 4 END"
FOUND_AT_MOST = 50


@cache
def catalogue() -> Catalogue:
    return load()


def enterprise_search(pages: Pages, request: Request) -> Response:
    words = request.query_params.get("q", "").strip()
    with pages.opened() as mart:
        found = _search(mart, words) if words else []
        if len(found) == 1:
            return RedirectResponse(f"/enterprises/{found[0]['enterprise_id']}", 303)
        suggested = [] if words else _suggested(mart)
        return pages.render(
            request, "enterprises.html", mart, words=words, found=found, suggested=suggested, most=FOUND_AT_MOST
        )


def _search(mart: Mart, words: str) -> list[Row]:
    return mart.rows(
        f"""SELECT enterprise_id, uscc, name, area_name, section_name, size, business_status
            FROM mart.dim_enterprise WHERE uscc = upper($words) OR enterprise_id = $words OR contains(name, $words)
            ORDER BY length(name), name, enterprise_id LIMIT {FOUND_AT_MOST}""",
        {"words": words},
    )


def _suggested(mart: Mart) -> list[Row]:
    return mart.rows(
        """SELECT e.enterprise_id, e.uscc, e.name, e.area_name, e.section_name, e.size, e.business_status, count(*) AS n
           FROM mart.fact_case AS c JOIN mart.dim_enterprise AS e USING (enterprise_id)
           WHERE c.entitled AND c.applied_date IS NULL AND coalesce(c.paid_yuan, 0) <= 0
           GROUP BY ALL ORDER BY n DESC, e.enterprise_id LIMIT 20"""
    )


def enterprise_page(pages: Pages, request: Request) -> Response:
    key = request.path_params["key"]
    with pages.opened() as mart:
        who = mart.row(
            "SELECT * FROM mart.dim_enterprise WHERE enterprise_id = $key OR uscc = upper($key)", {"key": key}
        )
        if who is None:
            raise HTTPException(404, f"没有代码为 {key} 的企业")
        enterprise = {"enterprise": who["enterprise_id"]}
        facts = indicators(mart, who["enterprise_id"])
        return pages.render(
            request,
            "enterprise.html",
            mart,
            who=who,
            facts=facts,
            held=sum(1 for fact in facts if fact["state"] != "unknown"),
            verdicts=verdicts(mart, who["enterprise_id"], {fact["name"]: fact for fact in facts}),
            lines=mart.rows(
                """SELECT p.list_id, p.kind, p.item_id, i.title, p.cycle, p.listed_date, p.amount_yuan, p.delivered_at, p.clicked_at
                   FROM mart.fact_push AS p LEFT JOIN mart.dim_item AS i ON i.item_id = p.item_id AND i.is_latest
                   WHERE p.enterprise_id = $enterprise ORDER BY p.listed_date DESC, p.list_id, p.line_no""",
                enterprise,
            ),
            stopped=mart.rows(
                """SELECT s.item_id, i.title, s.reason, s.detail, s.amount_yuan FROM mart.fact_suppression AS s
                   LEFT JOIN mart.dim_item AS i ON i.item_id = s.item_id AND i.is_latest
                   WHERE s.enterprise_id = $enterprise ORDER BY s.item_id, s.kind""",
                enterprise,
            ),
            cases=mart.rows(
                """SELECT c.*, i.title FROM mart.fact_case AS c LEFT JOIN mart.dim_item AS i ON i.item_id = c.item_id AND i.is_latest
                   WHERE c.enterprise_id = $enterprise AND (c.case_count > 0 OR c.paid_date IS NOT NULL)
                   ORDER BY coalesce(c.applied_date, c.paid_date) DESC, c.item_id""",
                enterprise,
            ),
        )


def indicators(mart: Mart, enterprise_id: str) -> list[dict[str, Any]]:
    """Every indicator the profile has a column for: value, unit, state, and where it came from; known ones first within the catalogue's order."""
    profile = mart.row("SELECT * FROM profile.enterprise WHERE enterprise_id = $e", {"e": enterprise_id}) or {}
    evidence = {
        row["indicator"]: row
        for row in mart.rows(
            """SELECT v.*, d.name AS department_name, d.label AS table_label FROM profile.evidence AS v
               LEFT JOIN mart.dim_department AS d ON d.department = v.department AND d.table_name = v.table_name
               WHERE v.enterprise_id = $e ORDER BY v.indicator""",
            {"e": enterprise_id},
        )
    }
    rows = []
    words = _words(mart, profile)
    for name, indicator in catalogue().items():
        if name not in profile:
            continue
        source = evidence.get(name)
        value = profile[name]
        state = source["state"] if source else ("known" if value is not None else "unknown")
        rows.append(
            {
                "name": name,
                "label": indicator.label,
                "text": quantity(_named_in(words, value), indicator.type, indicator.unit),
                "state": state,
                "source": source,
                "definition": indicator.definition,
            }
        )
    return rows


def _words(mart: Mart, profile: Row) -> dict[str, str]:
    """The names of the profile's codes: regions, industries (of the nearest class that has one) and the items it was paid for."""
    coded = [entry for name, entry in catalogue().items() if entry.codes_ref and isinstance(profile.get(name), str)]
    listed = [
        entry["name"]
        for value in profile.values()
        if isinstance(value, list)
        for entry in value
        if isinstance(entry, dict)
    ]
    regions, industries = (
        [str(profile[entry.name]) for entry in coded if (entry.type == "industry") is wanted]
        for wanted in (False, True)
    )
    rows = mart.rows(
        """SELECT item_id AS code, title AS said FROM mart.dim_item WHERE is_latest AND list_contains($listed, item_id)
           UNION ALL SELECT code, name || '（' || code || '）' FROM mart.dim_region WHERE list_contains($regions, code)
           UNION ALL SELECT c.code, arg_max(i.name, length(i.code)) || '（' || c.code || '）'
                     FROM (SELECT unnest($industries) AS code) AS c JOIN mart.dim_industry AS i
                     ON starts_with(c.code, i.code) GROUP BY c.code""",
        {"listed": listed, "regions": regions, "industries": industries},
    )
    return {row["code"]: row["said"] for row in rows}


def _named_in(words: dict[str, str], value: Any) -> Any:
    """The value with its codes in words, also inside a list."""
    if isinstance(value, list):
        return [words.get(entry["name"], entry["name"]) if isinstance(entry, dict) else entry for entry in value]
    return words.get(value, value) if isinstance(value, str) else value


def verdicts(mart: Mart, enterprise_id: str, facts: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The enterprise's pairs, each condition with its words, its state and the value that decided it."""
    pairs = mart.rows(
        f"""SELECT p.*, i.title, i.mode, s.score FROM match.pair AS p
            JOIN mart.dim_item AS i ON i.item_id = p.item_id AND i.version = p.version
            LEFT JOIN match.score AS s ON s.enterprise_id = p.enterprise_id AND s.item_id = p.item_id AND s.version = p.version
            WHERE p.enterprise_id = $e ORDER BY {VERDICT_ORDER}, p.amount_yuan DESC NULLS LAST, p.item_id""",
        {"e": enterprise_id},
    )
    words = {
        (row["item_id"], row["version"], row["condition_id"]): row
        for row in mart.rows(
            """SELECT c.* FROM policy.condition AS c
               SEMI JOIN (SELECT item_id, version FROM match.pair WHERE enterprise_id = $e) AS p ON p.item_id = c.item_id AND p.version = c.version""",
            {"e": enterprise_id},
        )
    }
    for pair in pairs:
        pair["conditions"] = [
            *_conditions(pair, "failed", words, facts),
            *_conditions(pair, "unknown", words, facts),
            *_conditions(pair, "met", words, facts),
        ]
    return pairs


def _conditions(pair: Row, state: str, words: dict[Any, Row], facts: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for name in pair[state] or []:
        condition = words.get((pair["item_id"], pair["version"], name))
        used = [facts[i] for i in _named(condition["expr"] if condition else None, facts)]
        found.append(
            {
                "state": state,
                "text": condition["text"] if condition else name,
                "outside": bool(condition and condition["outside"]),
                "excludes": bool(condition and is_exclusion(condition["text"], condition["expr"] or "")),
                "facts": used,
            }
        )
    return found


def _named(expr: str | None, names: Container[str]) -> list[str]:
    """The indicators an expression reads, in order of appearance."""
    if not expr:
        return []
    return list(dict.fromkeys(word for word in re.findall(r"[a-z][a-z0-9_]*", expr) if word in names))
