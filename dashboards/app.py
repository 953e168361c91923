"""The web application: routes, the strict headers, and what a reader sees when something is missing."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import URL, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.cases import case_page, one_case_page
from dashboards.enterprises import enterprise_page, enterprise_search
from dashboards.explanations import explanation_page
from dashboards.funds import funds_page
from dashboards.linkage import linkage_page
from dashboards.market import market_page
from dashboards.open_data import arrow, parquet
from dashboards.overview import overview_page, questions_page
from dashboards.pages import Pages
from dashboards.policies import policies_page, policy_page
from dashboards.pushes import list_page, pushes_page
from dashboards.quality import csv_download, dictionary_page, feeds_page, metric_page
from dashboards.reports import report_page, reports_page, self_evaluation_file
from dashboards.reviews import review_act, review_page, sign_in, sign_in_page, sign_out
from dashboards.service.app import no_address, service
from dashboards.sessions import Sessions
from dashboards.whatif import whatif_csv, whatif_page
from dashboards.work import work_page
from pipelines.published import NotPublishedError

STATIC = Path(__file__).with_name("static")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
log = logging.getLogger(__name__)

Handler = Callable[[Pages, Request], Response]
Act = Callable[[Sessions, Pages, Request], Awaitable[Response]]


class _Headers:
    """Sets the strict headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/static/vendor/"):
                    headers["Cache-Control"] = "public, max-age=604800"
            await send(message)

        await self.app(scope, receive, sent if scope["type"] == "http" else send)


def create(home: Path) -> Starlette:
    """The dashboards on one home, and the decision service under /v1. Reads the published mart only, and the newest one at every request."""
    pages, sessions = Pages(home), Sessions(home)
    pages.warm()

    def route(path: str, handler: Handler, name: str) -> Route:
        return Route(path, partial(handler, pages), name=name, methods=["GET"])

    def act(path: str, handler: Act) -> Route:
        return Route(path, partial(handler, sessions, pages), methods=["POST"])

    return Starlette(
        routes=[
            # first: portals ask thousands of times a second, and every route before it is tried each time
            Mount("/v1", service(home), name="service"),
            route("/", overview_page, "overview"),
            route("/questions", questions_page, "questions"),
            route("/policies", policies_page, "policies"),
            route("/policies/{item}", policy_page, "policy"),
            route("/enterprises", enterprise_search, "enterprises"),
            route("/enterprises/{key}", enterprise_page, "enterprise"),
            route("/enterprises/{key}/items/{item}", explanation_page, "explanation"),
            route("/pushes", pushes_page, "pushes"),
            route("/funds", funds_page, "funds"),
            route("/work", work_page, "work"),
            route("/work.csv", work_page, "work_csv"),
            route("/pushes/{list_id}", list_page, "list"),
            route("/pushes/{list_id}/review", partial(review_page, sessions), "review"),
            act("/pushes/{list_id}/review", review_act),
            route("/sign-in", partial(sign_in_page, sessions), "sign_in"),
            act("/sign-in", sign_in),
            act("/sign-out", sign_out),
            route("/cases", case_page, "cases"),
            route("/cases/{case_no}", one_case_page, "case"),
            route("/feeds", feeds_page, "feeds"),
            route("/linkage", linkage_page, "linkage"),
            route("/reports", reports_page, "reports"),
            route("/reports/self-evaluation.xlsx", self_evaluation_file, "self_evaluation"),
            route("/reports/{month}", report_page, "report"),
            route("/open/{table}.parquet", parquet, "parquet"),
            route("/open/{table}.arrow", arrow, "arrow"),
            route("/metrics", dictionary_page, "metrics"),
            route("/metrics/{metric}", metric_page, "metric"),
            route("/market", market_page, "market"),
            route("/whatif", whatif_page, "whatif"),
            route("/csv/whatif_{part}", whatif_csv, "whatif_csv"),
            route("/csv/{chart}", csv_download, "csv"),
            Route("/favicon.ico", lambda request: RedirectResponse(URL("/static/mark.svg"), 308)),
            Mount("/static", StaticFiles(directory=STATIC), name="static"),
        ],
        middleware=[Middleware(_Headers), Middleware(GZipMiddleware, minimum_size=1024)],
        exception_handlers={
            NotPublishedError: lambda request, error: pages.problem(request, 503, "还没有可看的结果", str(error)),
            HTTPException: partial(_missing, pages),
            Exception: partial(_failed, pages),
        },
    )


def _missing(pages: Pages, request: Request, error: HTTPException) -> Response:
    if request.url.path.startswith("/v1/"):
        return no_address(request, error)
    title = "没有这一页" if error.status_code == 404 else "打不开"
    return pages.problem(request, error.status_code, title, error.detail)


def _failed(pages: Pages, request: Request, error: Exception) -> Response:
    log.exception("页面 %s 出错", request.url.path)
    return pages.problem(request, 500, "这一页出错了", f"{type(error).__name__}；已写入日志，其余页面不受影响。")
