"""One enterprise on one item, condition by condition: the policy's words, the value, where it came from, how far it is."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from dashboards.pages import Pages
from data.corpus import in_force, load_defaults, load_items
from data.indicators import load
from matching.rules import Program, explain
from matching.rules.program import compile_sound


@lru_cache(maxsize=2)
def program(rules_as_of: str) -> Program:
    """The rules in force on a day, compiled once per process."""
    items = [item for item in in_force(load_items(), date.fromisoformat(rules_as_of)) if item.entity == "enterprise"]
    return compile_sound(items, load(), load_defaults().bars)[0]


def explanation_page(pages: Pages, request: Request) -> Response:
    key, item = request.path_params["key"], request.path_params["item"]
    with pages.opened() as mart:
        who = mart.row(
            "SELECT * FROM mart.dim_enterprise WHERE enterprise_id = $key OR uscc = upper($key)", {"key": key}
        )
        if who is None:
            raise HTTPException(404, f"没有代码为 {key} 的企业")
        rules = program(mart.publication.rules_as_of)
        if item not in rules.by_id:
            raise HTTPException(404, f"规则日 {mart.publication.rules_as_of} 没有现行的事项 {item}")
        firm = {"e": who["enterprise_id"]}
        profile = mart.row("SELECT * FROM profile.enterprise WHERE enterprise_id = $e", firm) or {}
        evidence = {
            row["indicator"]: row
            for row in mart.rows("SELECT * FROM profile.evidence WHERE enterprise_id = $e ORDER BY indicator", firm)
        }
        departments = {
            row["department"]: row["name"]
            for row in mart.rows("SELECT DISTINCT department, name FROM mart.dim_department ORDER BY 1")
        }
        told = explain(
            rules, profile, item, date.fromisoformat(mart.publication.as_of), evidence=evidence, departments=departments
        )
        stored = mart.row(
            "SELECT verdict FROM match.pair WHERE enterprise_id = $e AND item_id = $item", {**firm, "item": item}
        )
        return pages.render(request, "explanation.html", mart, who=who, told=told, stored=stored)
