"""Signing in: who is at the page, proven by the phrases in `control.sqlite`; sessions live in memory and end with the process."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pipelines.audit import trail
from pipelines.control import ControlStore
from pipelines.moment import moment
from pipelines.officers import ROLES, OfficerError, prove

log = logging.getLogger(__name__)
COOKIE, VISITOR = "huiqi_session", "huiqi_visitor"
HOURS = 8
# A phrase is tried at most this often within the pause: guessing is for the patient, and the trail shows it.
TRIES, PAUSE_SECONDS = 5, 300
LARGEST_FORM = 16_384
MOST_FIELDS = 50


@dataclass(frozen=True)
class Session:
    """One signed-in person; `csrf` must come back with every form."""

    name: str
    role: str
    csrf: str
    until: float

    @property
    def role_name(self) -> str:
        return ROLES[self.role]


@dataclass
class Sessions:
    """Everybody who is signed in to one home's pages."""

    home: Path
    _open: dict[str, Session] = field(default_factory=dict)
    _failed: dict[str, list[float]] = field(default_factory=dict)
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def of(self, request: Request) -> Session | None:
        found = self._open.get(_digest(request.cookies.get(COOKIE, "")))
        return found if found and found.until > time.monotonic() else None

    def enter(self, name: str, phrase: str) -> tuple[str, Session]:
        """(cookie value, session) of one who knows the phrase. Raises OfficerError; every try leaves an audit row."""
        now = time.monotonic()
        recent = [at for at in self._failed.get(name, []) if now - at < PAUSE_SECONDS]
        if len(recent) >= TRIES:
            raise OfficerError(f"{name} 的口令已连续错 {TRIES} 次，请 {PAUSE_SECONDS // 60} 分钟后再试")
        control, audit = ControlStore(self.home / "control.sqlite"), trail(self.home)
        at = moment(self.home)
        try:
            with control.transaction() as db:
                prove(db, name, phrase, *ROLES)
                role = str(db.execute("SELECT role FROM officer WHERE name = ?", (name,)).fetchone()[0])
                audit.record(db, at, name, "sign_in", name, {})
        except OfficerError:
            self._failed[name] = [*recent, now]
            with control.transaction() as db:
                audit.record(db, at, name, "sign_in.refused", name, {})
            raise
        finally:
            audit.anchor(control)
        self._failed.pop(name, None)
        self._open = {key: kept for key, kept in self._open.items() if kept.until > now}
        token = secrets.token_urlsafe(32)
        self._open[_digest(token)] = session = Session(name, role, secrets.token_urlsafe(24), now + HOURS * 3600)
        return token, session

    def leave(self, request: Request) -> None:
        self._open.pop(_digest(request.cookies.get(COOKIE, "")), None)

    def visitor_token(self, visitor: str) -> str:
        """What the sign-in form of a visitor must carry: another site can make neither the cookie nor this."""
        return hmac.new(self._key, visitor.encode(), hashlib.sha256).hexdigest()

    def is_own_form(self, request: Request, form: dict[str, str]) -> bool:
        """Whether a sign-in form was ours."""
        visitor = request.cookies.get(VISITOR, "")
        return bool(visitor) and hmac.compare_digest(self.visitor_token(visitor), form.get("csrf", ""))

    def _refused_form(self, name: str, path: str) -> None:
        """A form that is not ours but came with somebody's session is in the trail; without a session anybody could fill the trail."""
        control, audit = ControlStore(self.home / "control.sqlite"), trail(self.home)
        with control.transaction() as db:
            audit.record(db, moment(self.home), name, "form.refused", path, {"reason": "表单不是从本站发出"})
        audit.anchor(control)

    def acting(self, request: Request, form: dict[str, str]) -> Session:
        """The person behind a form. Raises HTTPException 403 without a session or with a token that is not theirs."""
        session = self.of(request)
        if session is None:
            log.warning("没有会话的表单被拒：%s", request.url.path)
            raise HTTPException(403, "请先登录；会话已结束时须重新登录")
        if not hmac.compare_digest(session.csrf, form.get("csrf", "")):
            self._refused_form(session.name, request.url.path)
            raise HTTPException(403, "表单已过期或不是从本站发出，请刷新后再试")
        return session


def give_cookie(request: Request, response: Response, name: str, value: str) -> None:
    response.set_cookie(
        name, value, max_age=HOURS * 3600, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a urlencoded form. Raises HTTPException 413 or 415."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise HTTPException(415, "只接受表单")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            raise HTTPException(413, f"表单超过 {LARGEST_FORM} 字节")
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise HTTPException(413, f"表单的字段多于 {MOST_FIELDS} 个") from error


def own_path(wanted: str) -> str:
    """Where to go after signing in: a path of ours, never another site."""
    return (
        wanted
        if wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
        else "/pushes"
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
