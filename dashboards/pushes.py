"""推送: the lists of a run, and one list with its header, checks, lines and those held back."""

from __future__ import annotations

import json

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from dashboards.pages import Pages, whole

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
        kinds = mart.rows(
            "SELECT kind, count(*) AS lists, CAST(sum(row_count) AS BIGINT) AS rows, sum(amount_yuan) AS yuan FROM push.list GROUP BY kind ORDER BY kind"
        )
        return pages.render(
            request, "pushes.html", mart, lists=lists, kinds=kinds, kind=kind, unreached=pages.chart(mart, "unreached")
        )


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
            lines=lines,
            stopped=stopped,
            checks=checks,
            page=page,
            pages_total=-(-header["row_count"] // LINES_PER_PAGE),
        )
