"""`huiqi feeds`: what came, what is late or awaited, what was turned away or rejected, and why."""

from contextlib import closing
from datetime import date, timedelta
from typing import Any

import typer

from assets.raw.periods import period_end
from assets.raw.waiting import Waiting, at_the_door, missing_parts
from data import contract
from pipelines.cli import output
from pipelines.cli.output import Home, Json
from pipelines.control import ControlStore
from pipelines.deliveries import open_refusals, settled
from pipelines.published import current, open_published


def register(app: typer.Typer) -> None:
    app.command("feeds", help="交付情况：收到什么、迟到多少、退回多少、为什么。示例：huiqi feeds --department tax")(
        feeds
    )


def feeds(
    home: Home = None,
    department: str = typer.Option("", "--department", help="只看一个部门", show_default=False),
    refused: bool = typer.Option(False, "--refused", help="只看拒收和待放行的交付"),
    late: bool = typer.Option(False, "--late", help="只看迟到的交付", show_default=False),
    json: Json = False,
) -> None:
    where = output.home_of(home)
    with closing(open_published(where)) as con:
        known = [
            name for (name,) in con.sql("SELECT DISTINCT department FROM raw.delivery ORDER BY 1").fetchall() if name
        ]
        if department and department not in known:
            raise output.Stop(f"没有部门 {department} 的交付；有交付的部门：{'、'.join(known)}")
        rows = con.sql(DELIVERIES, params={"department": department, "refused": refused}).pl().to_dicts()
        reasons: dict[str, list[dict[str, Any]]] = {}
        for row in con.sql(REASONS).pl().to_dicts():
            reasons.setdefault(row["file_id"], []).append({"rule": row["rule"], "n": row["n"]})
        every = con.sql(DELIVERIES, params={"department": "", "refused": False}).pl().to_dicts()
    aside = settled(ControlStore(where / "control.sqlite"))
    asking = open_refusals(every, aside)
    waits = [w for w in [*at_the_door(where), *missing_parts(every)] if not department or w.department == department]
    for row in rows:
        row["reasons"] = reasons.get(row["file_id"], [])
        row["asks"] = row["file_id"] in asking
        row["settled"] = aside.get(row["file_id"])
        feed = contract.feeds().get(row["department"])
        row["contact"] = f"{feed.name} {feed.contact}" if feed else None
    overdue = overdue_days(rows, date.fromisoformat(current(where).as_of))
    if late:
        rows = [r for r in rows if (r["late_days"] or 0) > 0]
    if json:
        output.print_json([*rows, *map(_awaited, waits)])
    elif not department and not refused and not late:
        lines = [{**line, "overdue_days": overdue.get((line["department"], line["table"]))} for line in by_table(rows)]
        output.print_table(lines, SUMMARY_COLUMNS, title="交付情况（按部门和表；--refused 看拒收原因）")
    else:
        shown = [{**row, "state": _state(row)} for row in rows]
        output.print_table(shown, COLUMNS)
    if waits and not json:
        output.print_table([_awaited(w) for w in waits], WAITING_COLUMNS, title="还在等的")
    raise typer.Exit(output.ATTENTION if any(row["asks"] for row in rows) else output.DONE)


def _state(row: dict[str, Any]) -> str:
    said = STATES.get(row["status"], row["status"])
    if row["status"] not in ("refused", "held") or row["asks"]:
        return said
    return f"{said}，已处置（{row['settled']}）" if row["settled"] else f"{said}，已有重新交付"


def _awaited(waiting: Waiting) -> dict[str, Any]:
    """One thing awaited, in the shape of a delivery."""
    feed = contract.feeds().get(waiting.department or "")
    return {
        "department": waiting.department,
        "table": waiting.table,
        "name": waiting.name,
        "period": waiting.period,
        "received_at": waiting.since,
        "status": "waiting",
        "reason": f"等{waiting.awaited}",
        "contact": f"{feed.name} {feed.contact}" if feed else None,
    }


STATES = {"loaded": "已入库", "superseded": "已被取代", "refused": "拒收", "held": "待放行"}
WAITING_COLUMNS = {"name": "文件", "reason": "在等什么", "received_at": "自", "contact": "联系谁"}


COLUMNS = {
    "name": "文件",
    "period": "期",
    "received_at": "收到",
    "rows": "行",
    "rejects": "退回",
    "late_days": "迟到天数",
    "state": "状态",
    "reason": "原因",
}
SUMMARY_COLUMNS = {
    "department": "部门",
    "table": "表",
    "files": "份",
    "refused": "拒收",
    "asking": "待处理",
    "rows": "行",
    "rejects": "退回行",
    "latest": "最近一期",
    "received_at": "最近收到",
    "overdue_days": "下一期逾期天数",
    "contact": "联系谁",
}
DELIVERIES = """
SELECT file_id, department, table_name AS "table", name, kind, batch, period, received_at, rows_loaded::BIGINT AS rows,
       rows_rejected::BIGINT AS rejects, late_days, status, reason
FROM raw.delivery
WHERE ($department = '' OR department = $department) AND (NOT $refused OR status IN ('refused', 'held'))
ORDER BY department, table_name, received_at, name
"""
REASONS = """
SELECT file_id, rule, count(*) AS n FROM quality.reject GROUP BY ALL ORDER BY file_id, n DESC, rule
"""


def by_table(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line per department and table out of lines per delivery."""
    lines: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        line = lines.setdefault(
            (row["department"], row["table"]),
            {"department": row["department"], "table": row["table"], "files": 0, "refused": 0, "rows": 0, "rejects": 0},
        )
        line["files"] += 1
        line["refused"] += row["status"] in ("refused", "held")
        line["asking"] = line.get("asking", 0) + row["asks"]
        line["rows"] += row["rows"] or 0
        line["rejects"] += row["rejects"] or 0
        line["latest"] = max(line.get("latest", ""), row["period"] or "")
        line["received_at"] = row["received_at"]
        line["contact"] = row["contact"]
    return [lines[key] for key in sorted(lines, key=lambda k: (k[0] or "", k[1] or ""))]


# Days until the period after this one ends; feeds that come by the day or hour send only news, so their silence says nothing.
_NEXT = {"month": 31, "quarter": 92, "year": 366}


def overdue_days(rows: list[dict[str, Any]], as_of: date) -> dict[tuple[str, str], int]:
    """Department and table → days since the delivery after the newest one was due (grace included); only those that are overdue."""
    newest: dict[tuple[str, str], date] = {}
    for row in rows:
        end = period_end(row["period"] or "")
        if end is not None and row["status"] not in ("refused", "held"):
            key = (row["department"], row["table"])
            newest[key] = max(newest.get(key, end), end)
    found = {}
    for (department, name), end in newest.items():
        table = contract.feeds()[department].tables.get(name)
        if table is None or table.cadence not in _NEXT:
            continue
        due = end + timedelta(days=_NEXT[table.cadence] + table.due_days + table.grace_days)
        if as_of > due:
            found[department, name] = (as_of - due).days
    return found
