"""待办: everything that waits for a person, why, since when, due when, and where it is settled."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from dashboards.pages import Pages, whole
from pipelines.control import ControlStore
from pipelines.export import people_cells
from pipelines.waiting import SORTS
from pipelines.worklist import COLUMNS, today_of, waiting

PER_PAGE = 100


def work_page(pages: Pages, request: Request) -> Response:
    sort, department = request.query_params.get("sort", ""), request.query_params.get("department", "")
    if sort and sort not in SORTS:
        raise HTTPException(404, f"没有名为 {sort} 的待办")
    late = request.query_params.get("late") == "1"
    with pages.opened() as mart:
        today = today_of(pages.home, mart.publication.as_of)
        control = ControlStore(pages.home / "control.sqlite")
        every = [one.document(today) for one in waiting(mart.rows, mart.exists, control, today)]
        chosen = [
            row
            for row in every
            if (not sort or row["sort"] == sort)
            and (not department or row["department"] == department)
            and (not late or row["late_days"])
        ]
        if request.url.path.endswith(".csv"):
            name = "attachment; filename*=UTF-8''%E5%BE%85%E5%8A%9E.csv"
            content = people_cells(COLUMNS, chosen)
            return Response(content, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": name})
        page = whole(request.query_params.get("page"), 1, 1, max(1, -(-len(chosen) // PER_PAGE)))
        asked = {"sort": sort, "department": department, "late": "1" if late else ""}

        def address(path: str = "/work", **changes: object) -> str:
            said = {name: value for name, value in {**asked, **changes}.items() if value}
            return f"{path}?{urlencode(said)}" if said else path

        return pages.render(
            request,
            "work.html",
            mart,
            sorts=[
                (name, label, sum(row["sort"] == name for row in every), sum(row["sort"] == name and row["late_days"] > 0 for row in every))
                for name, label in SORTS.items()
            ],
            total=len(every),
            late_total=sum(row["late_days"] > 0 for row in every),
            departments=sorted({row["department"] for row in every if row["department"] and (not sort or row["sort"] == sort)}),
            rows=chosen[(page - 1) * PER_PAGE : page * PER_PAGE],
            found=len(chosen),
            sort=sort,
            department=department,
            late=late,
            today=today,
            page=page,
            pages_total=-(-len(chosen) // PER_PAGE),
            address=address,
        )  # fmt: skip
