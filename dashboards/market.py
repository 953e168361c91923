"""政策超市: policies found by words, tags, place, validity and by what fits one enterprise."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response

from dashboards.mart import Mart, Row
from dashboards.pages import Pages
from data.gazetteer import parks, region
from pipelines.library import Ask, AskError, Shelf
from pipelines.published import NotPublishedError, Publication, open_copy

FACETS = {"theme": "主题", "method": "扶持方式", "industry": "行业", "size": "规模", "mode": "兑现方式"}
LEVELS = ("国家级", "省级", "市县级", "园区")
SHOWN_AT_MOST = 60


@lru_cache(maxsize=2)
def shelf(publication: Publication) -> Shelf:
    """The library of one publication, indexed once per process."""
    connection = open_copy(publication)
    try:
        return Shelf(connection)
    finally:
        connection.close()


def market_page(pages: Pages, request: Request) -> Response:
    asked = {
        name: request.query_params.get(name, "").strip() for name in ("q", "level", "region", "on", "fits", *FACETS)
    }
    zone = request.query_params.get("zone") == "1"
    with pages.opened() as mart:
        if not mart.exists("policy.search"):
            raise NotPublishedError("这次发布没有政策检索用的词表；重新运行 `huiqi run` 后再看")
        library = shelf(mart.publication)
        firm, problem, found = None, "", []
        if asked["fits"]:
            firm = _firm(mart, asked["fits"])
            if firm is None:
                problem = f"没有找到企业“{asked['fits']}”：请写统一社会信用代码或全称"
        if not problem:
            try:
                found = library.found(mart.connection, _ask(asked, zone, firm, mart.publication.rules_as_of))
            except AskError as error:
                problem = str(error)
        verdicts = _verdicts(mart, firm, found)
        for row in found:
            row["marked"] = marked(row["snippet"])
            row["places"] = places(row["region"])
            row["verdict"] = verdicts.get((row["item_id"], row["version"]))
        facets = [
            (name, label, sorted(set(library.library.tags.get(name, {})) - {"不限"})) for name, label in FACETS.items()
        ]
        return pages.render(
            request,
            "market.html",
            mart,
            asked=asked,
            zone=zone,
            found=found,
            firm=firm,
            problem=problem,
            facets=facets,
            levels=LEVELS,
            most=SHOWN_AT_MOST,
        )  # fmt: skip


def _ask(asked: dict[str, str], zone: bool, firm: Row | None, today: str) -> Ask:
    return Ask(
        words=asked["q"],
        tags={name: [asked[name]] for name in FACETS if asked[name]},
        levels=[asked["level"]] if asked["level"] else [],
        region=asked["region"],
        zone=zone,
        on=asked["on"] or today,
        fits=firm["uscc"] if firm else "",
        limit=SHOWN_AT_MOST,
    )


def _firm(mart: Mart, key: str) -> Row | None:
    return mart.row(
        "SELECT enterprise_id, uscc, name FROM mart.dim_enterprise WHERE uscc = upper($key) OR name = $key ORDER BY 1",
        {"key": key},
    )


def _verdicts(mart: Mart, firm: Row | None, found: list[dict[str, Any]]) -> dict[tuple[str, int], Row]:
    if firm is None or not found:
        return {}
    rows = mart.rows(
        "SELECT item_id, version, verdict, bar, amount_yuan FROM match.pair WHERE enterprise_id = $e ORDER BY item_id, version",
        {"e": firm["enterprise_id"]},
    )
    return {(row["item_id"], row["version"]): row for row in rows}


def marked(snippet: str) -> Markup:
    """A snippet with the words searched for marked, everything else escaped."""
    return Markup(str(escape(snippet)).replace("【", "<mark>").replace("】", "</mark>"))


def places(codes: Iterable[str]) -> str:
    names = {park.park: park.name for park in parks()}
    found = []
    for code in codes:
        known = region(code)
        found.append(names.get(code) or (known.name if known else code))
    return "、".join(found)
