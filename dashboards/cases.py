"""办件: where each application stands and what is due, one case step by step, and the 12345 calls with their deadlines."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from dashboards.enterprises import catalogue
from dashboards.formats import quantity
from dashboards.mart import Mart, Row
from dashboards.pages import Pages
from matching.push.decision import ANSWERS
from pipelines.export import department_named

STATES = {
    "waiting": ("在办", "c.case_count > 0 AND c.decision IS NULL AND c.paid_date IS NULL"),
    "overdue": ("超期", "c.case_count > 0 AND c.decision IS NULL AND c.paid_date IS NULL AND c.due_date < c.as_of"),
    "unpaid": ("已通过未拨付", "c.decision = 'approved' AND coalesce(c.paid_yuan, 0) <= 0"),
    "paid": ("已拨付", "c.paid_yuan > 0"),
    "refused": ("不通过", "c.decision = 'refused'"),
    "all": ("全部", "(c.case_count > 0 OR c.paid_date IS NOT NULL)"),
}
STEPS = {
    "applied": "申报",
    "accepted": "受理",
    "supplement": "补正",
    "approved": "核定通过",
    "refused": "不予通过",
    "withdrawn": "撤回",
    "paid": "拨付",
    "returned": "退回",
}
_JOINED = "mart.fact_case AS c LEFT JOIN mart.dim_enterprise AS e USING (enterprise_id) LEFT JOIN mart.dim_item AS i ON i.item_id = c.item_id AND i.is_latest"
_FOUND = "($words = '' OR contains(coalesce(e.name, ''), $words) OR c.uscc = upper($words) OR c.case_no = $words OR contains(coalesce(i.title, ''), $words))"


def case_page(pages: Pages, request: Request) -> Response:
    asked = request.query_params.get("state")
    words = request.query_params.get("q", "").strip()
    if asked is not None and asked not in STATES:
        raise HTTPException(404, f"没有名为 {asked} 的办件状态")
    with pages.opened() as mart:
        counted = ", ".join(f"count(*) FILTER (WHERE {where}) AS {name}" for name, (_, where) in STATES.items())
        counts = mart.row(f"SELECT {counted} FROM {_JOINED} WHERE {_FOUND}", {"words": words})
        # nobody asked for a state: the first that has something to look at
        state = asked or next((name for name in STATES if counts and counts[name]), "waiting")
        order = "c.due_date NULLS LAST," if state in ("waiting", "overdue") else ""
        cases = mart.rows(
            f"""SELECT c.*, e.name, i.title, greatest(c.as_of - c.due_date, 0) AS late_days FROM {_JOINED} WHERE {_FOUND} AND {STATES[state][1]}
                ORDER BY {order} coalesce(c.applied_date, c.paid_date) DESC NULLS LAST, c.enterprise_id, c.item_id, c.cycle LIMIT 200""",
            {"words": words},
        )
        return pages.render(
            request,
            "cases.html",
            mart,
            state=state,
            states=STATES,
            counts=counts,
            cases=cases,
            words=words,
            calls=_calls(mart),
            call_limits=_call_limits(mart),
            call_counts=mart.row(
                "SELECT count(*) AS n, count(*) FILTER (WHERE closed_at IS NULL) AS open, count(*) FILTER (WHERE state = 'overdue') AS overdue, count(*) FILTER (WHERE state = 'closed_late') AS late FROM mart.fact_complaint"
            ),
        )


def _call_limits(mart: Mart) -> list[Row]:
    """How many workdays each category of call has, and who says so."""
    return mart.rows(
        """SELECT string_agg(category, '、' ORDER BY category) AS categories, transfer_workdays, close_workdays, source
           FROM mart.dim_complaint GROUP BY transfer_workdays, close_workdays, source ORDER BY close_workdays, source"""
    )


def _calls(mart: Mart) -> list[Row]:
    """Open calls first, the most overdue on top, then the latest that were closed late."""
    return mart.rows(
        """SELECT h.*, e.name, i.title FROM mart.fact_complaint AS h LEFT JOIN mart.dim_enterprise AS e USING (enterprise_id)
           LEFT JOIN mart.dim_item AS i ON i.item_id = h.item_id AND i.is_latest
           WHERE h.closed_at IS NULL OR h.state = 'closed_late'
           ORDER BY h.closed_at IS NOT NULL, CASE WHEN h.closed_at IS NULL THEN h.close_due_date END, h.accepted_at DESC, h.ticket_no LIMIT 40"""
    )


def one_case_page(pages: Pages, request: Request) -> Response:
    """Every step of one application and of the payments that answer it, and what is due next."""
    number = request.path_params["case_no"]
    with pages.opened() as mart:
        case = mart.row(
            """SELECT a.*, e.name, e.uscc, i.title, i.mode, i.issuer, coalesce(a.promise_days, i.promise_days) AS promised, c.due_date
               FROM mart.application AS a LEFT JOIN mart.dim_enterprise AS e USING (enterprise_id)
               LEFT JOIN mart.dim_item AS i ON i.item_id = a.item_id AND i.is_latest
               LEFT JOIN (SELECT enterprise_id, item_id, applied_date, max(due_date) AS due_date FROM mart.fact_case GROUP BY ALL) AS c
                   ON c.enterprise_id = a.enterprise_id AND c.item_id = a.item_id AND c.applied_date = a.applied_date
               WHERE a.case_no = $number""",
            {"number": number},
        )
        if case is None:
            raise HTTPException(404, f"没有编号为 {number} 的办件")
        steps = mart.rows(
            "SELECT * FROM mart.fact_case_event WHERE case_no = $number ORDER BY event_date NULLS LAST, told_at, step_no",
            {"number": number},
        )
        calls = mart.rows(
            "SELECT * FROM mart.fact_complaint WHERE enterprise_id = $firm AND item_id = $item ORDER BY accepted_at DESC, ticket_no",
            {"firm": case["enterprise_id"], "item": case["item_id"]},
        )
        as_of = dt.date.fromisoformat(mart.publication.as_of)
        paid = any(step["step"] == "paid" for step in steps)
        answer = _answer(mart, number)
        return pages.render(
            request,
            "case.html",
            mart,
            case=case,
            steps=steps,
            calls=calls,
            answer=answer,
            said=_said(mart, case, answer),
            listed=_listed(mart, number),
            labels=STEPS,
            paid=paid,
            waiting=case["decision"] is None and not paid,
            late_days=(as_of - case["due_date"]).days if case["due_date"] else None,
        )


def _answer(mart: Mart, number: str) -> Row | None:
    """What the run answers an application that waits: the answer, its reason, and every condition in the policy's words; None for a case that is decided or never judged."""
    if not mart.exists("push.decision"):
        return None
    found = mart.row("SELECT * FROM push.decision WHERE case_no = $number", {"number": number})
    if found is None:
        return None
    words = {
        row["condition_id"]: row["text"]
        for row in mart.rows(
            "SELECT condition_id, text FROM policy.condition WHERE item_id = $item AND version = $version",
            {"item": found["item_id"], "version": found["version"]},
        )
    }
    conditions = [
        {"state": state, "text": words.get(name, name)}
        for state in ("failed", "unknown", "met")
        for name in found[state] or []
    ]
    return {**found, "answered": ANSWERS.get(found["answer"], found["answer"]), "conditions": conditions}


def _said(mart: Mart, case: Row, answer: Row | None) -> list[dict[str, Any]]:
    """What was declared in a case, by indicator: the value, the proof named for it, and what became of it.

    The answer may rest on a declaration that a later case has replaced in the profile; then its proof is not known here.
    """
    counted = {one["indicator"]: one for one in json.loads((answer or {}).get("declared") or "[]")}
    rows = {
        row["indicator"]: row
        for row in (
            mart.rows(
                "SELECT *, declaration_evidence.valid_at AS said_on FROM profile.declaration WHERE case_no = $number",
                {"number": case["case_no"]},
            )
            if mart.exists("profile.declaration")
            else []
        )
    }
    held = mart.row("SELECT * FROM profile.enterprise WHERE enterprise_id = $e", {"e": case["enterprise_id"]}) or {}
    found = []
    for name in sorted(rows.keys() | counted.keys()):
        indicator, row = catalogue().find(name), rows.get(name, {})
        known = row.get("state") == "held_by_department"
        found.append(
            {
                "label": indicator.label if indicator else name,
                "unit": indicator.unit if indicator and indicator.unit not in ("小数", "是/否") else "",
                "value": counted.get(name, row).get("value"),
                "said_on": row.get("said_on") or dt.date.fromisoformat(counted[name]["submitted_on"]),
                "proof": row.get("proof"),
                "commitment": row.get("commitment_no"),
                "counted": name in counted,
                "held_by": department_named(row.get("held_by")) if known else None,
                "held": quantity(held[name], indicator.type, indicator.unit)
                if known and indicator and name in held
                else None,
            }
        )
    return found


def _listed(mart: Mart, number: str) -> list[Row]:
    """The lists that pay an application."""
    if "case_no" not in {row["column_name"] for row in mart.rows("DESCRIBE push.line")}:
        return []
    return mart.rows(
        "SELECT l.list_id, l.amount_yuan, h.as_of FROM push.line AS l JOIN push.list AS h USING (list_id) WHERE l.case_no = $number ORDER BY h.as_of, l.list_id",
        {"number": number},
    )
