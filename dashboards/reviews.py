"""审核: one list before it is signed: its checks, ten lines nobody can choose, explained, and the approvals of people who signed in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from secrets import token_urlsafe
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dashboards.mart import Mart
from dashboards.pages import Pages
from dashboards.sessions import COOKIE, VISITOR, Session, Sessions, form_of, give_cookie, own_path
from matching.push.kinds import MONEY
from matching.push.review import checks, sample
from matching.rules import explain
from pipelines.approval import Desk
from pipelines.audit import trail
from pipelines.control import ControlStore
from pipelines.decisions import Rules, rules_on
from pipelines.docket import STATUSES, RefusedError, needed
from pipelines.moment import ClockError, moment
from pipelines.officers import OfficerError

NEXT_STEP = {
    "draft": "还没有提交：经办人用 huiqi list check 核对并提交后，才能审批",
    "checked": "已提交",
    "publicised": "公示中，期满后审批",
    "approved": "已批准，待经办人冻结（huiqi freeze）",
}


def sign_in_page(sessions: Sessions, pages: Pages, request: Request, problem: str = "", status: int = 200) -> Response:
    visitor = request.cookies.get(VISITOR) or token_urlsafe(24)
    response = pages.render(
        request,
        "sign_in.html",
        None,
        status,
        problem=problem,
        token=sessions.visitor_token(visitor),
        next=own_path(request.query_params.get("next", "/pushes")),
    )
    give_cookie(request, response, VISITOR, visitor)
    return response


async def sign_in(sessions: Sessions, pages: Pages, request: Request) -> Response:
    form = await form_of(request)
    if not sessions.is_own_form(request, form):
        raise HTTPException(403, "登录表单已过期或不是从本站发出，请刷新后再试")
    try:
        token, _ = await run_in_threadpool(sessions.enter, form.get("name", "").strip(), form.get("phrase", ""))
    except (OfficerError, ClockError) as error:
        return sign_in_page(sessions, pages, request, str(error), 403)
    response = RedirectResponse(own_path(form.get("next", "/pushes")), 303)
    give_cookie(request, response, COOKIE, token)
    return response


async def sign_out(sessions: Sessions, pages: Pages, request: Request) -> Response:
    sessions.acting(request, await form_of(request))
    sessions.leave(request)
    response = RedirectResponse("/pushes", 303)
    response.delete_cookie(COOKIE, samesite="strict", httponly=True)
    return response


def review_page(sessions: Sessions, pages: Pages, request: Request, problem: str = "", status: int = 200) -> Response:
    session = sessions.of(request)
    if session is None:
        return RedirectResponse(f"/sign-in?next={request.url.path}", 303)
    list_id = request.path_params["list_id"]
    desk = desk_of(pages)
    with pages.opened() as mart:
        kept = _kept(desk, list_id)
        header, lines, found = _content(mart, desk, list_id, kept)
        rules = rules_on(date.fromisoformat(mart.publication.rules_as_of))
        money = header["kind"] in MONEY
        now = moment(pages.home)
        state = kept["status"] if kept else "draft"
        approvals = desk.control.rows(
            "SELECT officer, note, at FROM approval WHERE list_id = ? ORDER BY at, officer", (list_id,)
        )
        return pages.render(
            request,
            "review.html",
            mart,
            status,
            header=header,
            money=money,
            state=state,
            state_name=STATUSES[state],
            next_step=NEXT_STEP.get(state, STATUSES[state]),
            kept=kept,
            checked=found,
            lines=[_explained(mart, rules, line) for line in sample(lines, str(header["sha256"]))],
            approvals=approvals,
            wanted=needed(str(header["kind"])),
            session=session,
            may=_may(session, state, money, kept, approvals, now.date()),
            problem=problem,
            told=request.query_params.get("told", ""),
        )


async def review_act(sessions: Sessions, pages: Pages, request: Request) -> Response:
    """approve, reject or publicise: the session says who, the phrase typed again signs it, the desk decides."""
    form = await form_of(request)
    session = sessions.acting(request, form)
    list_id = request.path_params["list_id"]
    try:
        told = await run_in_threadpool(_acted, pages, session, list_id, form)
    except (RefusedError, OfficerError, ClockError, ValueError) as error:
        return await run_in_threadpool(review_page, sessions, pages, request, str(error), 403)
    return RedirectResponse(f"/pushes/{list_id}/review?told={told}", 303)


def _acted(pages: Pages, session: Session, list_id: str, form: Mapping[str, str]) -> str:
    desk, now = desk_of(pages), moment(pages.home)
    phrase, note = form.get("phrase", ""), form.get("note", "").strip()
    step = form.get("step")
    if step == "approve":
        return desk.approve(list_id, form.get("sha256", ""), session.name, phrase, note, now)
    if step == "reject":
        desk.reject(list_id, session.name, phrase, note, now)
        return "rejected"
    if step == "publicise":
        days = date.fromisoformat(form.get("from", "")), date.fromisoformat(form.get("to", ""))
        desk.publicise(list_id, session.name, phrase, *days, now)
        return "publicised"
    raise RefusedError(f"没有“{step}”这一步")


def desk_of(pages: Pages) -> Desk:
    return Desk(ControlStore(pages.home / "control.sqlite"), trail(pages.home), pages.home / "lists")


def _kept(desk: Desk, list_id: str) -> dict[str, Any] | None:
    found = desk.control.rows("SELECT * FROM push_list WHERE list_id = ?", (list_id,))
    return found[0] if found else None


def _content(
    mart: Mart, desk: Desk, list_id: str, kept: Mapping[str, Any] | None
) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """(header, lines, checks): as submitted, or, before that, as the newest run proposes it."""
    if kept:
        rows = desk.control.rows("SELECT body FROM push_line WHERE list_id = ? ORDER BY line_no", (list_id,))
        return json.loads(kept["header"]), [json.loads(row["body"]) for row in rows], json.loads(kept["checks"])
    header = mart.row("SELECT * FROM push.list WHERE list_id = $list", {"list": list_id})
    if header is None:
        raise HTTPException(404, f"没有编号为 {list_id} 的名单")
    lines = mart.rows("SELECT * FROM push.line WHERE list_id = $list ORDER BY line_no", {"list": list_id})
    return header, lines, checks(header, lines)


def _explained(mart: Mart, rules: Rules, line: Mapping[str, Any]) -> dict[str, Any]:
    """A line with every condition of its item, the value, its source and distance; without them where the item is not of enterprises."""
    told = None
    profile = mart.row("SELECT * FROM profile.enterprise WHERE enterprise_id = $e", {"e": line["enterprise_id"]})
    if profile is not None and line["item_id"] in rules.program.by_id:
        evidence = {
            row["indicator"]: row
            for row in mart.rows(
                "SELECT * FROM profile.evidence WHERE enterprise_id = $e ORDER BY indicator",
                {"e": line["enterprise_id"]},
            )
        }
        told = explain(
            rules.program,
            profile,
            line["item_id"],
            date.fromisoformat(mart.publication.as_of),
            evidence=evidence,
            departments=rules.departments,
        )
    return {**line, "told": told, "because": json.loads(line["reasons"] or "[]")}


def _may(
    session: Session,
    state: str,
    money: bool,
    kept: Mapping[str, Any] | None,
    approvals: Sequence[Mapping[str, Any]],
    today: date,
) -> set[str]:
    """The steps worth offering; whether they are allowed is for the desk alone to say."""
    steps = set()
    if kept is None:
        return steps
    if session.role in ("analyst", "approver") and money and state == "checked":
        steps.add("publicise")
    if session.role == "approver" and state in ("checked", "publicised", "approved"):
        steps.add("reject")
    ready = state == "publicised" and today.isoformat() > str(kept["notice_to"]) if money else state == "checked"
    if session.role == "approver" and ready and session.name not in {kept["maker"], *(a["officer"] for a in approvals)}:
        steps.add("approve")
    return steps
