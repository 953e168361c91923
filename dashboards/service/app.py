"""The routes of `/v1`: who may ask, what is asked, and every way of saying no, as JSON in Chinese."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, get_args

from anyio import CapacityLimiter, fail_after, to_thread
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from dashboards.service.edition import Edition, Newest
from dashboards.service.limits import Gate
from dashboards.service.models import Simulate, Verdict
from dashboards.service.openapi import document
from matching.rules import RuleError
from pipelines.cli.output import plain
from pipelines.decisions import NotFoundError
from pipelines.library import Ask, AskError
from pipelines.published import NotPublishedError

BODY_LIMIT = 64 * 1024
"""Bytes of a request's body."""
BODY_SECONDS = 10
"""How long a body may take to arrive."""
WORDS_LIMIT = 200
"""Characters of one query parameter or of a key."""
SIMULATION_COST = 20
"""A simulation counts as so many requests: it decides everybody, dozens of times."""
VERDICTS = frozenset(get_args(Verdict))
log = logging.getLogger(__name__)

Handler = Callable[[Edition, Request], Awaitable[Response]]


class Refusal(Exception):
    """Ends a request with a status, a code and a Chinese sentence."""

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers
        self.fault = {"code": code, "message": message, **more}


def service(home: Path, gate: Gate | None = None) -> Starlette:
    """The decision service on one home, to be mounted at `/v1`. Reads the published copy only, and follows the newest without a restart."""
    newest = Newest(home)
    gate = gate or Gate(home)

    def route(path: str, handler: Handler, method: str = "GET", cost: int = 1) -> Route:
        async def answer(request: Request) -> Response:
            caller = gate.caller(request.headers.get("authorization"))
            if caller is None:
                raise Refusal(
                    401,
                    "unauthorized",
                    "需要有效的令牌：Authorization: Bearer <令牌>，由管理员用 huiqi token add 发放",
                    {"WWW-Authenticate": 'Bearer realm="huiqi"'},
                )
            wait = gate.wait(caller, cost)
            if wait > 0:
                seconds = max(1, math.ceil(wait))
                raise Refusal(
                    429,
                    "too_many_requests",
                    f"请求过多（上限每秒 {caller.rate} 次），请 {seconds} 秒后再试",
                    {"Retry-After": str(seconds)},
                )
            edition = newest.ready()
            if edition is None:
                edition = await to_thread.run_sync(newest.first)
            return await handler(edition, request)

        return Route(path, answer, methods=[method])

    simulating = CapacityLimiter(1)

    async def simulate(edition: Edition, request: Request) -> Response:
        asked = await _asked(request)
        return _json(
            await to_thread.run_sync(edition.simulate, asked.item_id, asked.set, asked.award, limiter=simulating)
        )

    async def openapi(request: Request) -> Response:
        return _json(document())

    return Starlette(
        routes=[
            route("/enterprises/{key}/matches", _matches),
            route("/items/{id}", _item),
            route("/cases/{id}", _case),
            route("/search", _search),
            route("/simulate", simulate, "POST", SIMULATION_COST),
            Route("/openapi.json", openapi),
        ],
        exception_handlers={
            Refusal: lambda request, error: _refusal(error.status, error.fault, error.headers),
            NotFoundError: lambda request, error: _refusal(404, {"code": "not_found", "message": str(error)}),
            AskError: lambda request, error: _refusal(422, {"code": "invalid", "message": str(error)}),
            RuleError: lambda request, error: _refusal(
                422,
                {"code": "rule", "message": str(error), "condition": error.condition, "position": error.position},
            ),
            NotPublishedError: lambda request, error: _refusal(
                503, {"code": "not_published", "message": "还没有可用的发布，请稍后再试"}, {"Retry-After": "60"}
            ),
            HTTPException: no_address,
            Exception: _failed,
        },
    )


async def _matches(edition: Edition, request: Request) -> Response:
    asked = _parameters(request, "verdict")
    verdicts = frozenset(name for text in asked.get("verdict", ()) for name in text.split(","))
    if verdicts - VERDICTS:
        raise Refusal(422, "invalid", f"verdict 只能是 {'、'.join(sorted(VERDICTS))}，可用逗号分隔")
    key = _key(request, "key")
    wanted = verdicts or None
    text = edition.known(key, wanted)
    if text is None:
        text = await to_thread.run_sync(edition.matches, key, wanted)
    return Response(text.encode("utf-8", "replace"), media_type="application/json")


async def _item(edition: Edition, request: Request) -> Response:
    _parameters(request)
    return _json(await to_thread.run_sync(edition.item, _key(request, "id")))


async def _case(edition: Edition, request: Request) -> Response:
    _parameters(request)
    return _json(await to_thread.run_sync(edition.case, _key(request, "id")))


async def _search(edition: Edition, request: Request) -> Response:
    facets = ("theme", "industry", "size", "method", "mode")
    asked = _parameters(request, "q", *facets, "level", "region", "zone", "on", "fits", "limit")
    single = {name: _single(asked, name) for name in ("q", "region", "zone", "on", "fits", "limit")}
    limit = single["limit"] or "10"
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 3 and 1 <= int(limit) <= 500):
        raise Refusal(422, "invalid", f"limit 应为 1 到 500 的整数，现为“{limit}”")
    if single["zone"] not in ("", "true", "false"):
        raise Refusal(422, "invalid", f"zone 应为 true 或 false，现为“{single['zone']}”")
    ask = Ask(
        words=single["q"],
        tags={facet: asked.get(facet, []) for facet in facets},
        levels=asked.get("level", []),
        region=single["region"],
        zone=single["zone"] == "true",
        on=single["on"] or edition.dates["rules_as_of"],
        fits=single["fits"],
        limit=int(limit),
    )
    return _json(await to_thread.run_sync(edition.search, ask))


def _parameters(request: Request, *names: str) -> dict[str, list[str]]:
    """The query's parameters by name; unknown names, control characters and endless values are refused."""
    found: dict[str, list[str]] = {}
    for name, text in request.query_params.multi_items():
        if name not in names:
            known = f"可用：{'、'.join(names)}" if names else "这个地址不接受参数"
            raise Refusal(422, "invalid", f"不认识的参数“{name[:40]}”；{known}")
        if len(text) > WORDS_LIMIT or "\0" in text:
            raise Refusal(422, "invalid", f"参数 {name} 应少于 {WORDS_LIMIT} 个字符且不含控制符")
        found.setdefault(name, []).append(text)
    return found


def _single(asked: dict[str, list[str]], name: str) -> str:
    given = asked.get(name, [])
    if len(given) > 1:
        raise Refusal(422, "invalid", f"参数 {name} 只能写一次")
    return given[0] if given else ""


def _key(request: Request, name: str) -> str:
    key = str(request.path_params[name])
    if len(key) > WORDS_LIMIT or "\0" in key:
        raise Refusal(404, "not_found", "没有找到：编号过长或含控制符")
    return key


async def _asked(request: Request) -> Simulate:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, "unsupported_media_type", "请求体应为 application/json")
    said = request.headers.get("content-length", "0")
    body = bytearray()
    if not said.isdigit() or int(said) <= BODY_LIMIT:
        try:
            with fail_after(BODY_SECONDS):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > BODY_LIMIT:
                        break
        except ClientDisconnect:
            raise Refusal(400, "bad_request", "请求没有发完") from None
        except TimeoutError:
            raise Refusal(408, "timeout", f"请求体在 {BODY_SECONDS} 秒内没有送完", {"Connection": "close"}) from None
    if len(body) > BODY_LIMIT or (said.isdigit() and int(said) > BODY_LIMIT):
        raise Refusal(413, "too_large", f"请求体不能超过 {BODY_LIMIT // 1024} KB")
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "bad_request", "请求体不是合法的 JSON（UTF-8）") from None
    try:
        asked = Simulate.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:80] or "请求体"
        raise Refusal(422, "invalid", f"{where} 不合要求：{_REASONS.get(first['type'], first['msg'])}") from None
    if not asked.set and asked.award is None:
        raise Refusal(422, "invalid", "写明要改什么：set（条件编号 → 新表达式）或 award（新的金额表达式）")
    return asked


_REASONS = {
    "missing": "缺少这一项",
    "extra_forbidden": "不认识的项",
    "string_type": "应为文本",
    "dict_type": "应为对象",
    "model_type": "应为 JSON 对象",
    "model_attributes_type": "应为 JSON 对象",
    "string_too_short": "不能为空",
    "string_too_long": "太长",
    "too_long": "项数太多",
    "string_unicode": "含有不成对的代理字符",
}


def _json(shown: Any) -> Response:
    return Response(
        json.dumps(plain(shown), ensure_ascii=False).encode("utf-8", "replace"), media_type="application/json"
    )


def _refusal(status: int, fault: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    told = json.dumps({"error": fault}, ensure_ascii=False).encode("utf-8", "replace")
    return Response(told, status, dict(headers or {}), "application/json")


def no_address(request: Request, error: HTTPException) -> Response:
    """What is answered where no route fits; also for what the outer router drops, as a path with a line break in it."""
    return _refusal(error.status_code, _http_fault(error.status_code), error.headers)


def _http_fault(status: int) -> dict[str, Any]:
    known = {
        404: ("not_found", "没有这个地址；见 /v1/openapi.json"),
        405: ("method_not_allowed", "这个地址不接受这种方法；见 Allow 头"),
    }
    code, message = known.get(status, ("bad_request", "请求不能理解"))
    return {"code": code, "message": message}


def _failed(request: Request, error: Exception) -> Response:
    log.exception("服务 %s 出错", request.url.path)
    return _refusal(500, {"code": "internal", "message": "服务内部出错，已写入日志"})
