"""推送: the lists of a run, and one list with its header, checks, lines and those held back."""

from __future__ import annotations

import json
from decimal import Decimal

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from dashboards.enterprises import catalogue
from dashboards.formats import quantity
from dashboards.mart import Mart, Row
from dashboards.pages import Pages, whole
from data.indicators import Indicator
from pipelines.control import ControlStore
from pipelines.docket import STATUSES
from pipelines.export import department_named

LINES_PER_PAGE = 100


def pushes_page(pages: Pages, request: Request) -> Response:
    kind = request.query_params.get("kind", "")
    with pages.opened() as mart:
        lists = mart.rows(
            """SELECT l.*, coalesce(i.title, l.title) AS item_title FROM push.list AS l
               LEFT JOIN mart.dim_item AS i ON i.item_id = l.item_id AND i.is_latest
               WHERE $kind = '' OR l.kind = $kind ORDER BY l.kind, l.amount_yuan DESC NULLS LAST, l.row_count DESC, l.list_id""",
            {"kind": kind},
        )
        states = _states(pages)
        kinds = mart.rows(
            "SELECT kind, count(*) AS lists, CAST(sum(row_count) AS BIGINT) AS rows, sum(amount_yuan) AS yuan FROM push.list GROUP BY kind ORDER BY kind"
        )
        for row in lists:
            row["status"] = STATUSES[states.get(row["list_id"], "draft")]
        return pages.render(
            request, "pushes.html", mart, lists=lists, kinds=kinds, kind=kind, unreached=pages.chart(mart, "unreached")
        )


def _states(pages: Pages) -> dict[str, str]:
    """List → where people have taken it; a list nobody has taken up is missing."""
    rows = ControlStore(pages.home / "control.sqlite").rows("SELECT list_id, status FROM push_list")
    return {row["list_id"]: row["status"] for row in rows}


def list_page(pages: Pages, request: Request) -> Response:
    list_id = request.path_params["list_id"]
    page = whole(request.query_params.get("page"), 1, 1, 100_000)
    with pages.opened() as mart:
        header = mart.row("SELECT * FROM push.list WHERE list_id = $list", {"list": list_id})
        if header is None:
            raise HTTPException(404, f"没有编号为 {list_id} 的名单")
        lines = mart.rows(
            f"""SELECT * FROM push.line WHERE list_id = $list ORDER BY line_no LIMIT {LINES_PER_PAGE} OFFSET {(page - 1) * LINES_PER_PAGE}""",
            {"list": list_id},
        )
        for line in lines:
            line["reasons"] = json.loads(line["reasons"] or "[]")
            line["missing"] = json.loads(line["missing"] or "[]")
        _in_words(mart, lines)
        stopped = mart.rows(
            """SELECT reason, count(*) AS n, sum(amount_yuan) AS yuan FROM push.suppression
               WHERE kind = $kind AND item_id IS NOT DISTINCT FROM $item AND cycle IS NOT DISTINCT FROM $cycle
               GROUP BY reason ORDER BY n DESC, reason""",
            {"kind": header["kind"], "item": header["item_id"], "cycle": header["cycle"]},
        )
        checks = {
            "amount": mart.row(
                "SELECT sum(amount_yuan) AS yuan, count(*) AS n, count(DISTINCT enterprise_id) AS enterprises FROM push.line WHERE list_id = $list",
                {"list": list_id},
            ),
            "area": mart.rows(
                """SELECT coalesce(r.area_name, '省外或未知') AS label, count(*) AS n, sum(p.amount_yuan) AS yuan FROM mart.fact_push AS p
                   LEFT JOIN (SELECT DISTINCT area, area_name FROM mart.dim_region) AS r ON r.area = p.area
                   WHERE p.list_id = $list GROUP BY 1 ORDER BY n DESC, label""",
                {"list": list_id},
            ),
            "size": mart.rows(
                "SELECT size AS label, count(*) AS n, sum(amount_yuan) AS yuan FROM mart.fact_push WHERE list_id = $list GROUP BY 1 ORDER BY n DESC, label",
                {"list": list_id},
            ),
        }
        return pages.render(
            request,
            "list.html",
            mart,
            header=header,
            state_name=STATUSES[_states(pages).get(list_id, "draft")],
            watermarks=[
                (department_named(department), at[:10])
                for department, at in sorted(json.loads(header["watermarks"] or "{}").items())
            ],
            lines=lines,
            stopped=stopped,
            checks=checks,
            page=page,
            pages_total=-(-header["row_count"] // LINES_PER_PAGE),
        )


def _in_words(mart: Mart, lines: list[Row]) -> None:
    """The values of the reasons as a reader says them: yes and no, the names of regions, figures with their units."""
    reasons = [reason for line in lines for reason in line["reasons"] if reason.get("value") is not None]
    codes = sorted({reason["value"] for reason in reasons})
    rows = mart.rows("SELECT code, name FROM mart.dim_region WHERE list_contains($codes, code)", {"codes": codes})
    names = {row["code"]: row["name"] for row in rows}
    for reason in reasons:
        indicator = catalogue().find(reason.get("indicator") or "")
        reason["label"] = indicator.label if indicator else ""
        reason["source"] = "，".join(
            part for part in (department_named(reason.get("department")), reason.get("valid_at")) if part
        )
        reason["value"] = _said(reason["value"], catalogue().find(reason.get("indicator") or ""), names)


def _said(value: str, indicator: Indicator | None, names: dict[str, str]) -> str:
    if value in ("true", "false"):
        return "是" if value == "true" else "否"
    if indicator is not None and indicator.codes_ref:
        return names.get(value, value)
    if indicator is None or indicator.type not in ("money", "ratio", "integer", "number"):
        return value
    return quantity(Decimal(value), indicator.type, indicator.unit)
