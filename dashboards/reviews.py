"""审核: one list before it is signed: its checks, ten lines nobody can choose, explained, and the approvals of people who signed in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from secrets import token_urlsafe
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dashboards.mart import Mart
from dashboards.pages import Pages
from dashboards.sessions import COOKIE, VISITOR, Session, Sessions, form_of, give_cookie, own_path
from matching.push.kinds import MONEY
from matching.push.review import checks, sample
from matching.push.risk import meaning
from matching.rules import explain
from pipelines.approval import Desk
from pipelines.decisions import Rules, rules_on
from pipelines.docket import STATUSES, RefusedError, needed
from pipelines.export import ExportError
from pipelines.moment import ClockError, moment
from pipelines.officers import OfficerError
from pipelines.steps import (
    UnknownListError,
    desk_of,
    freeze,
    kept,
    kept_lines,
    last_like,
    proposed,
    reconcile,
    release,
    submit,
)

TOLD = {
    "submit": "已提交。",
    "publicised": "已公示。",
    "half": "已批准，等另一人批准。",
    "approved": "已批准，人数已够，可以冻结。",
    "rejected": "已否决。",
    "objected": "异议已登记：这份名单不能再批准，须否决后另出。",
    "freeze": "已冻结：内容从此不变，兑付已记入台账。",
    "export": "已导出，文件在数据目录的 lists 下。",
    "reconcile": "已对账。",
}
NEXT_STEP = {
    "draft": "还没有提交：经办人核对并提交后，才能审批",
    "checked": "已提交",
    "publicised": "公示中，期满后审批",
    "approved": "已批准，待经办人冻结",
    "frozen": "已冻结，待经办人导出",
    "exported": "已导出，兑付类待与财政对账",
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
        return RedirectResponse(f"/sign-in?next={quote(request.url.path)}", 303)
    list_id = request.path_params["list_id"]
    desk = desk_of(pages.home)
    with pages.opened() as mart:
        stored = kept(desk, list_id)
        header, lines, found = _content(mart, desk, list_id, stored)
        rules = rules_on(date.fromisoformat(mart.publication.rules_as_of))
        money = header["kind"] in MONEY
        now = moment(pages.home)
        state = stored["status"] if stored else "draft"
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
            kept=stored,
            checked=found,
            regions=_regions(mart, found.get("by_region", {})),
            objections=desk.control.rows(
                "SELECT o.note, o.at, json_extract(l.body, '$.name') AS name, json_extract(l.body, '$.uscc') AS uscc FROM objection o"
                " JOIN push_line l USING (list_id, line_key) WHERE o.list_id = ? ORDER BY o.at",
                (list_id,),
            ),
            lines=[_explained(mart, rules, line) for line in sample(lines, str(header["sha256"]))],
            flagged=_flagged(lines),
            meaning=meaning,
            approvals=approvals,
            wanted=needed(str(header["kind"])),
            session=session,
            may=_may(session, state, money, stored, approvals, now.date()),
            problem=problem,
            told=TOLD.get(request.query_params.get("told", ""), ""),
            actions=_trail_of(desk, list_id),
            head=desk.trail.head(desk.control),
        )


async def review_act(sessions: Sessions, pages: Pages, request: Request) -> Response:
    """One step on a list: the session says who, the phrase typed again signs it, the desk decides; a refusal is shown and in the trail."""
    form = await form_of(request)
    session = sessions.acting(request, form)
    list_id = request.path_params["list_id"]
    try:
        told = await run_in_threadpool(_acted, pages, session, list_id, form)
    except (RefusedError, OfficerError, ClockError, ExportError, UnknownListError, ValueError) as error:
        return await run_in_threadpool(review_page, sessions, pages, request, str(error), 403)
    return RedirectResponse(f"/pushes/{list_id}/review?told={told}", 303)


def _acted(pages: Pages, session: Session, list_id: str, form: Mapping[str, str]) -> str:
    desk, now = desk_of(pages.home), moment(pages.home)
    phrase, note = form.get("phrase", ""), form.get("note", "").strip()
    step = form.get("step")
    if step in DESK_STEPS:
        # what the person saw is what they sign; a list that changed since is not touched
        if step == "submit" and form.get("sha256") != proposed(pages.home, list_id)[0]["sha256"]:
            raise RefusedError("名单在打开页面后变了，请刷新后再看")
        DESK_STEPS[step](pages.home, desk, list_id, session.name, phrase, now)
        return str(step)
    if step == "approve":
        status = desk.approve(list_id, form.get("sha256", ""), session.name, phrase, note, now)
        return "approved" if status == "approved" else "half"
    if step == "reject":
        desk.reject(list_id, session.name, phrase, note, now)
        return "rejected"
    if step == "publicise":
        try:
            days = date.fromisoformat(form.get("from", "")), date.fromisoformat(form.get("to", ""))
        except ValueError as error:
            raise RefusedError("公示起止日应为 YYYY-MM-DD") from error
        desk.publicise(list_id, session.name, phrase, *days, now)
        return "publicised"
    if step == "object":
        keys = [
            line["line_key"]
            for line in kept_lines(desk, list_id)
            if line["uscc"] == form.get("uscc", "").strip().upper()
        ]
        if not keys or not note:
            raise RefusedError("异议须写明信用代码（在这份名单上）和理由")
        desk.object(list_id, keys[0], note, session.name, phrase, now)
        return "objected"
    raise RefusedError(f"没有“{step}”这一步")


DESK_STEPS = {"submit": submit, "freeze": freeze, "export": release, "reconcile": reconcile}
ACTIONS = {
    "submit": "提交",
    "publicise": "公示",
    "object": "异议",
    "approve": "批准",
    "reject": "否决",
    "freeze": "冻结",
    "export.asked": "请求导出",
    "export": "导出",
    "exported": "导出",
    "reconcile.asked": "请求对账",
    "reconcile": "对账",
    "reconciled": "对账完成",
}


def _trail_of(desk: Desk, list_id: str) -> list[dict[str, Any]]:
    """What was done with the list and what was refused, newest first, as the audit trail has it."""
    rows = desk.control.rows(
        "SELECT seq, at, actor, action, detail FROM audit WHERE subject = ? ORDER BY seq DESC LIMIT 50", (list_id,)
    )
    return [
        {
            **row,
            "said": ACTIONS.get(row["action"].removesuffix(".refused"), row["action"]),
            "refused": row["action"].endswith(".refused"),
            "reason": json.loads(row["detail"]).get("reason", ""),
        }
        for row in rows
    ]


def _regions(mart: Mart, counted: Mapping[str, int]) -> list[tuple[str, int]]:
    """(region as people call it, lines), the largest first."""
    rows = mart.rows(
        "SELECT code, name FROM mart.dim_region WHERE list_contains($codes, code)", {"codes": list(counted)}
    )
    names = {row["code"]: row["name"] for row in rows}
    return sorted(((names.get(code, code), n) for code, n in counted.items()), key=lambda one: (-one[1], one[0]))


def _content(
    mart: Mart, desk: Desk, list_id: str, kept: Mapping[str, Any] | None
) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """(header, lines, checks): as submitted, or, before that, as the newest run proposes it."""
    if kept:
        return json.loads(kept["header"]), kept_lines(desk, list_id), json.loads(kept["checks"])
    header = mart.row("SELECT * FROM push.list WHERE list_id = $list", {"list": list_id})
    if header is None:
        raise HTTPException(404, f"没有编号为 {list_id} 的名单")
    lines = mart.rows("SELECT * FROM push.line WHERE list_id = $list ORDER BY line_no", {"list": list_id})
    return header, lines, checks(header, lines, last_like(desk, header))


def _explained(mart: Mart, rules: Rules, line: Mapping[str, Any]) -> dict[str, Any]:
    """A line with every condition of its item, the value, its source and distance.

    Without them where the item is not of enterprises, and where the line answers an application: what was declared in it stands in
    its reasons and not in the profile.
    """
    told = None
    profile = mart.row("SELECT * FROM profile.enterprise WHERE enterprise_id = $e", {"e": line["enterprise_id"]})
    if profile is not None and not line.get("case_no") and line["item_id"] in rules.program.by_id:
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


def _flagged(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The lines with risk signs, most signs first: an approver looks at each of them."""
    found = [{**line, "signs": json.loads(line.get("risk") or "[]")} for line in lines]
    return sorted((line for line in found if line["signs"]), key=lambda line: -len(line["signs"]))


def _may(
    session: Session,
    state: str,
    money: bool,
    kept: Mapping[str, Any] | None,
    approvals: Sequence[Mapping[str, Any]],
    today: date,
) -> set[str]:
    """The steps worth offering; whether they are allowed is for the desk alone to say."""
    steps: set[str] = set()
    officer = session.role in ("analyst", "approver")
    if kept is None:
        return {"submit"} if officer else steps
    if officer and state in ("approved", "frozen"):
        steps.add({"approved": "freeze", "frozen": "export"}[state])
    if officer and money and state == "exported":
        steps.add("reconcile")
    if officer and money and state == "checked":
        steps.add("publicise")
    if officer and state == "publicised":
        steps.add("object")
    if session.role == "approver" and state in ("checked", "publicised", "approved"):
        steps.add("reject")
    ready = state == "publicised" and today.isoformat() > str(kept["notice_to"]) if money else state == "checked"
    if session.role == "approver" and ready and session.name not in {kept["maker"], *(a["officer"] for a in approvals)}:
        steps.add("approve")
    return steps
