"""数据质量, 指标字典, and the CSV behind every chart."""

from __future__ import annotations

from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from dashboards.charts import as_csv
from dashboards.figures import CHARTS
from dashboards.pages import Pages

PERIOD_DAYS = {"hour": 1, "day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}


def feeds_page(pages: Pages, request: Request) -> Response:
    with pages.opened() as mart:
        feeds = mart.rows(
            """SELECT d.department, d.name, d.kind, d.table_name, d.label, d.cadence, d.due_days, d.grace_days,
                      max(f.received_at) AS received_at, max(f.period) AS period, count(f.file_id) AS files,
                      count(*) FILTER (WHERE f.status IN ('refused', 'held')) AS refused,
                      CAST(coalesce(sum(f.rows_loaded), 0) AS BIGINT) AS loaded, CAST(coalesce(sum(f.rows_rejected), 0) AS BIGINT) AS rejected,
                      CAST(coalesce(sum(f.rows_duplicate), 0) AS BIGINT) AS duplicate
               FROM mart.dim_department AS d
               LEFT JOIN raw.delivery AS f ON f.department = d.department AND f.table_name = d.table_name
               GROUP BY ALL ORDER BY d.kind, d.department, d.table_name"""
        )
        asked = mart.row("SELECT max(as_of) AS as_of FROM mart.dim_item")
        for feed in feeds:
            feed["age"] = (
                (asked["as_of"] - feed["received_at"].date()).days
                if asked and asked["as_of"] and feed["received_at"]
                else None
            )
            allowed = PERIOD_DAYS.get(feed["cadence"])
            feed["late"] = (
                feed["age"] - allowed - feed["due_days"] - feed["grace_days"]
                if feed["age"] is not None and allowed
                else None
            )
        departments: dict[str, list[dict[str, object]]] = {}
        for feed in feeds:
            departments.setdefault(feed["name"], []).append(feed)
        return pages.render(
            request,
            "feeds.html",
            mart,
            departments=departments,
            totals={
                "files": sum(feed["files"] for feed in feeds),
                "loaded": sum(feed["loaded"] for feed in feeds),
                "rejected": sum(feed["rejected"] for feed in feeds),
                "refused": sum(feed["refused"] for feed in feeds),
                "silent": sum(1 for feed in feeds if feed["files"] == 0),
                "late": sum(1 for feed in feeds if feed["late"] is not None and feed["late"] > 0),
            },
            refused=mart.rows(
                "SELECT name, department, period, received_at, reason FROM raw.delivery WHERE status IN ('refused', 'held') ORDER BY received_at DESC, name LIMIT 50"
            ),
            reasons=mart.rows(
                "SELECT department, table_name, column_name, rule, reason, count(*) AS n, min(file) AS file, min(row_no) AS row_no FROM quality.reject GROUP BY department, table_name, column_name, rule, reason ORDER BY n DESC, department, table_name, rule LIMIT 50"
            ),
            rejects_by_table=pages.chart(mart, "rejects_by_table"),
            rows_by_month=pages.chart(mart, "rows_by_month"),
        )


def dictionary_page(pages: Pages, request: Request) -> Response:
    with pages.opened() as mart:
        groups: dict[str, list[dict[str, object]]] = {}
        for metric in mart.metrics().values():
            groups.setdefault(metric["metric_group"], []).append(metric)
        return pages.render(request, "metrics.html", mart, groups=groups)


def metric_page(pages: Pages, request: Request) -> Response:
    name = request.path_params["metric"]
    with pages.opened() as mart:
        metric = mart.metrics().get(name)
        if metric is None:
            raise HTTPException(404, f"没有名为 {name} 的指标")
        # a figure that is not shown must not be told by its place
        asked = {"metric": name, "hides": metric["base"] == "enterprise"}
        hidden = "($hides AND m.n BETWEEN 1 AND 4)"
        by_item = mart.rows(
            f"""SELECT m.item_id, coalesce(i.title, m.item_id) AS title, m.value, m.n, m.immature, m.reason FROM mart.metric AS m
               LEFT JOIN mart.dim_item AS i ON i.item_id = m.item_id AND i.is_latest
               WHERE m.metric = $metric AND m.item_id IS NOT NULL ORDER BY {hidden}, CASE WHEN NOT {hidden} THEN m.value END DESC NULLS LAST, m.item_id""",
            asked,
        )
        by_area = mart.rows(
            f"""SELECT m.area, coalesce(r.area_name, '省外或未知') AS title, m.value, m.n, m.immature, m.reason FROM mart.metric AS m
               LEFT JOIN (SELECT DISTINCT area, area_name FROM mart.dim_region) AS r ON r.area = m.area
               WHERE m.metric = $metric AND m.area IS NOT NULL ORDER BY {hidden}, CASE WHEN NOT {hidden} THEN m.value END DESC NULLS LAST, m.area""",
            asked,
        )
        return pages.render(request, "metric.html", mart, metric=metric, by_item=by_item, by_area=by_area)


def csv_download(pages: Pages, request: Request) -> Response:
    name = request.path_params["chart"]
    chart = CHARTS.get(name)
    if chart is None:
        raise HTTPException(404, f"没有名为 {name} 的图")
    parameters = (
        {"item": request.query_params["item"]} if "$item" in chart.sql and "item" in request.query_params else {}
    )
    if "$item" in chart.sql and not parameters:
        raise HTTPException(400, f"图 {chart.title} 需要参数 item（事项编号）")
    with pages.opened() as mart:
        found = pages.chart(mart, name, **parameters)
    filename = quote(f"{chart.title}-{'-'.join(str(v) for v in parameters.values()) or '全部'}.csv")
    return Response(
        as_csv(found),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{filename}"},
    )
