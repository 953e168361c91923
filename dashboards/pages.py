"""Rendering: templates, what every page carries, and the page for what is missing."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from dashboards import formats
from dashboards.charts import Drawn, drawn
from dashboards.english import english
from dashboards.figures import CHARTS
from dashboards.mart import Held, Mart, Row
from matching.push.kinds import KINDS, REASONS
from pipelines.published import NotPublishedError

NAVIGATION = [
    ("/", "总览"),
    ("/questions", "五问"),
    ("/policies", "政策"),
    ("/market", "政策超市"),
    ("/whatif", "推演"),
    ("/enterprises", "企业"),
    ("/pushes", "推送"),
    ("/work", "待办"),
    ("/cases", "办件"),
    ("/feeds", "数据质量"),
    ("/linkage", "身份归一"),
    ("/reports", "报告"),
    ("/metrics", "指标字典"),
]


LANGUAGES = {"zh": "中文", "en": "English"}
# What templates may use of `formats`: as filters, and by name.
FILTERS = ("yuan", "exact_yuan", "share", "count", "shown_count", "day", "cycle", "bar_named")
WORDS = ("figure", "few", "VERDICTS", "DECISIONS", "BARS", "SOURCES", "OUTCOMES", "PER_WAN", "COMPLAINT_STATES")


class Pages:
    """Templates bound to one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._held = Held(home)
        self.environment = Environment(
            loader=FileSystemLoader(Path(__file__).with_name("templates")),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters.update({name: getattr(formats, name) for name in FILTERS}, embedded=embedded)
        self.environment.globals.update(
            {name: getattr(formats, name) for name in WORDS},
            STATES=formats.DELIVERY_STATES,
            metric_figure=metric_figure,
            KINDS=KINDS,
            REASONS=REASONS,
            NAVIGATION=NAVIGATION,
        )

    def opened(self) -> AbstractContextManager[Mart]:
        return self._held.opened()

    def warm(self) -> None:
        """Opens the publication and compiles the first page's template before anyone waits for them.

        Nothing to open is no fault yet, nor is a publication without metrics: the service answers from the rest.
        """
        self.environment.get_template("overview.html")
        with suppress(NotPublishedError), self.opened() as mart:
            if mart.exists("mart.dim_metric"):
                mart.metrics()

    def render(self, request: Request, template: str, mart: Mart | None, status: int = 200, **context: Any) -> Response:
        asked = request.query_params.get("lang")
        language = asked if asked in LANGUAGES else request.cookies.get("lang", "zh")
        other = "zh" if language == "en" else "en"
        text = self.environment.get_template(template).render(
            path=request.url.path,
            publication=mart.publication if mart else None,
            other_language=LANGUAGES[other],
            other_address=f"{request.url.path}?{urlencode({**request.query_params, 'lang': other})}",
            **context,
        )
        answer = HTMLResponse(english(text) if language == "en" else text, status_code=status)
        if asked in LANGUAGES:
            answer.set_cookie("lang", asked, max_age=31_536_000, httponly=True, samesite="strict")
        return answer

    def problem(self, request: Request, status: int, title: str, detail: str) -> Response:
        """The page for what is missing or broken: says what happened and where to go."""
        return self.render(request, "problem.html", None, status, title=title, detail=detail)

    def chart(self, mart: Mart, name: str, **parameters: Any) -> Drawn:
        """One chart of the catalogue."""
        return drawn(mart, CHARTS[name], parameters or None)


def embedded(option: dict[str, Any]) -> Markup:
    """JSON safe inside a `<script type="application/json">` block."""
    text = json.dumps(option, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))


def metric_figure(metric: Row, row: Row | None = None) -> str:
    """The value of a metric, or of one of its slices, in the metric's unit."""
    found = row or metric
    return formats.figure(found["value"], metric["unit"], found["n"] if metric["base"] == "enterprise" else None)


def whole(text: str | None, default: int, low: int, high: int) -> int:
    """A number from a query string, kept within bounds; anything else is the default."""
    try:
        value = int(text) if text else default
    except ValueError:
        value = default
    return max(low, min(high, value))
