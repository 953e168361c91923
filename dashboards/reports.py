"""报告: the monthly report, the self-evaluation form, and the list of tables that other tools may read."""

from __future__ import annotations

import datetime as dt
import re
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from dashboards.monthly import NoSuchMonthError, monthly_report, months
from dashboards.open_data import open_tables
from dashboards.pages import Pages
from dashboards.self_evaluation import NoSuchYearError, items_of, self_evaluation
from evaluation.self_evaluation import workbook

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MONTHLY = ("reports", "monthly")


def reports_page(pages: Pages, request: Request) -> Response:
    with pages.opened() as mart:
        known = months(mart)
        years = sorted({int(name[:4]) for name in known}, reverse=True)
        as_of = dt.date.fromisoformat(mart.publication.as_of)
        # The year that is over is the one that is evaluated.
        chosen = next((year for year in years if year < as_of.year), years[0] if years else None)
        items = mart.rows(
            "SELECT item_id, title FROM mart.dim_item WHERE is_latest AND item_id IN (SELECT item_id FROM mart.fact_payment) ORDER BY title, item_id"
        )
        folder = pages.home.joinpath(*MONTHLY)
        return pages.render(
            request,
            "reports.html",
            mart,
            months=known,
            files={path.stem for path in folder.glob("*.pdf")},
            years=years,
            chosen=chosen,
            items=items,
            tables=open_tables(mart),
        )


def report_page(pages: Pages, request: Request) -> Response:
    """`/reports/2024-12`, or the PDF made for it by the schedule or the command."""
    name = request.path_params["month"]
    if name.endswith(".pdf"):
        path = pages.home.joinpath(*MONTHLY, name)
        if not re.fullmatch(r"\d{4}-\d{2}\.pdf", name) or not path.exists():
            raise HTTPException(404, f"还没有 {name}；先运行 huiqi report --month {name.removesuffix('.pdf')}")
        return FileResponse(path, media_type="application/pdf", filename=f"政策兑现月报-{name}")
    with pages.opened() as mart:
        try:
            told = monthly_report(mart, name)
        except NoSuchMonthError as error:
            raise HTTPException(404, str(error)) from error
        return pages.render(request, "report.html", mart, **told)


def self_evaluation_file(pages: Pages, request: Request) -> Response:
    """The workbook of a year: all items in one sheet, one item, or (`item=each`) a sheet for each."""
    year_text, item = request.query_params.get("year", ""), request.query_params.get("item", "")
    if not re.fullmatch(r"\d{4}", year_text):
        raise HTTPException(400, f"年度 {year_text!r} 应为四位数字")
    year = int(year_text)
    with pages.opened() as mart:
        try:
            wanted = items_of(mart, year) if item == "each" else [item or None]
            forms = [self_evaluation(mart, year, one) for one in wanted or [None]]
        except (NoSuchYearError, LookupError) as error:
            raise HTTPException(404, str(error)) from error
    name = quote(f"绩效自评表-{year}-{forms[0].title if len(forms) == 1 else '各事项'}.xlsx")
    return Response(
        workbook(forms),
        media_type=XLSX,
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}"},
    )
