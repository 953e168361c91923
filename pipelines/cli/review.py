"""`huiqi review`: what clerks still have to decide about identity, and their judgements."""

import getpass
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from pipelines.cli import output
from pipelines.cli.naming import branch_of, department_names, found
from pipelines.cli.output import Home, Json, Stop
from pipelines.published import open_published

STATUSES = {"active": "存续", "revoked": "吊销", "cancelled": "注销", "moved_out": "迁出", "suspended": "停业清算"}

QUEUE = """
SELECT q._subject_id AS subject_id, q.department, q.table_name AS "table", q.said_name, q.said_code, q.reason, q.score, q.why,
  e.name AS candidate, e.uscc, count(*) OVER () AS matching
FROM registry.review q LEFT JOIN registry.enterprise e USING (enterprise_id)
WHERE q.rank = 1 AND ($department = '' OR q.department = $department) AND ($reason = '' OR contains(q.reason, $reason))
ORDER BY q.score DESC NULLS LAST, q._subject_id
LIMIT $limit
"""

CANDIDATES = """
SELECT q.rank, q.enterprise_id, e.uscc, e.name, e.status, q.score, q.reason, q.why, q.department, q.table_name AS "table", q.said_name, q.said_code
FROM registry.review q LEFT JOIN registry.enterprise e USING (enterprise_id)
WHERE starts_with(q._subject_id, $subject)
ORDER BY q._subject_id, q.rank
"""


def review(
    subject: Annotated[str, typer.Argument(help="称呼编号（可只写前几位）；不给则列队列")] = "",
    home: Home = None,
    same: Annotated[
        str, typer.Option("--same", help="判定为同一主体：候选的次序、编码或企业编号", show_default=False)
    ] = "",
    different: Annotated[str, typer.Option("--different", help="判定不是同一主体", show_default=False)] = "",
    by: Annotated[str, typer.Option("--by", help="判定人（默认当前系统用户）", show_default=False)] = "",
    why: Annotated[str, typer.Option("--why", help="依据", show_default=False)] = "",
    department: Annotated[str, typer.Option("--department", help="只看一个部门", show_default=False)] = "",
    reason: Annotated[str, typer.Option("--reason", help="只看一种送审原因", show_default=False)] = "",
    limit: Annotated[int, typer.Option("--limit", help="最多列几条", min=1)] = 20,
    json: Json = False,
) -> None:
    where = output.home_of(home)
    if same and different:
        raise Stop("--same 与 --different 只能给一个")
    if (same or different) and not subject:
        raise Stop("请给出要判定的称呼编号")
    with closing(open_published(where)) as con:
        if not subject:
            rows = con.sql(QUEUE, params={"department": department, "reason": reason, "limit": limit}).pl().to_dicts()
            total = con.execute("SELECT count(DISTINCT _subject_id) FROM registry.review").fetchall()[0][0]
        else:
            rows = con.sql(CANDIDATES, params={"subject": subject}).pl().to_dicts()
            ids = con.execute(
                "SELECT DISTINCT _subject_id FROM registry.subject WHERE starts_with(_subject_id, $s) ORDER BY 1 LIMIT 2",
                {"s": subject},
            ).fetchall()
        key = same or different
        # A candidate may be named by its place in the list, as an analyst reads it.
        ranked = [r["enterprise_id"] for r in rows if key.isdigit() and len(key) == 1 and r["rank"] == int(key)]
        chosen = ranked or (found(con, key) if key else [])
        if chosen and not ranked:
            name = con.execute(
                "SELECT name FROM registry.enterprise WHERE enterprise_id = $e", {"e": chosen[0]}
            ).fetchone()
            if name and branch_of(key, name[0]):
                raise Stop(
                    f"{key} 是分支机构名称，登记簿没有为它单列主体；认定为总公司请写总公司的代码 {chosen[0]} 或全称"
                )
    named = department_names()
    if department and department not in named:
        raise Stop(f"没有部门 {department}；可写 {'、'.join(sorted(named))}")
    if not subject:
        matching = rows[0].pop("matching") if rows else 0
        for row in rows:
            row.pop("matching", None)
        if json:
            output.print_json(rows)
            raise typer.Exit(output.ATTENTION if total else output.DONE)
        shown = f"，符合条件 {matching} 条" if department or reason else ""
        more = f"，先列把握最大的 {len(rows)} 条" if len(rows) < matching else ""
        output.print_table(
            [_readable(r, named) for r in rows],
            {"subject_id": "称呼编号", "department": "部门", "said_name": "所写名称", "said_code": "所写编码", "score": "把握", "candidate": "首选候选",
             "reason": "原因"},
            title=f"身份复核队列：共 {total} 条{shown}{more}",
        )  # fmt: skip
        if rows:
            output.print_text(
                f"下一步：huiqi review {rows[0]['subject_id']} 看候选与理由；--reason、--department 只看一类"
            )
        raise typer.Exit(output.ATTENTION if total else output.DONE)
    if len(ids) != 1:
        raise Stop(
            f"{subject} 对应不止一个称呼，请多写几位"
            if ids
            else f"{subject} 不是已知的称呼编号；`huiqi review` 列出待复核的，编号写前几位即可"
        )
    if same or different:
        _record(where, ids[0][0], chosen, same or different, is_same=bool(same), by=by, why=why)
        return
    if json:
        output.print_json(rows)
        return
    if not rows:
        output.print_text(f"{ids[0][0]} 不在复核队列中：已经归一，或没有候选")
        return
    first = rows[0]
    said = " ".join(t for t in (first["said_name"], first["said_code"]) if t)
    output.print_text(f"{named.get(first['department'], first['department'])}写的是：{said}", style="bold")
    output.print_text(f"送审原因：{first['reason']}")
    for row in rows:
        output.print_text(f"{row['rank']}. {row['name'] or '登记簿已无此主体'}", style="bold")
        output.print_text(
            f"{row['uscc'] or '无信用代码'} · {STATUSES.get(row['status'], row['status'] or '状态不详')} · 把握 {_percent(row['score'])}",
            3,
        )
        output.print_text((row["why"] or "").replace(";", "；"), 3)
    output.print_text("判定（只追加，下次运行生效）：")
    output.print_text(f"huiqi review {ids[0][0]} --same 1 --why 依据      认定为第 1 个", 3)
    output.print_text(f"huiqi review {ids[0][0]} --different 1 --why 依据 认定不是它", 3)


def _percent(score: float | None) -> str:
    """A probability as it may be read: never a round 100 % for what is not certain."""
    return "—" if score is None else "＞99.9%" if 0.999 < score < 1 else f"{score:.1%}"


def _readable(row: dict[str, Any], named: dict[str, str]) -> dict[str, Any]:
    return row | {"department": named.get(row["department"], row["department"]), "score": _percent(row["score"])}


def _record(where: Path, subject_id: str, chosen: list[str], key: str, *, is_same: bool, by: str, why: str) -> None:
    from matching.identity import judgements
    from pipelines.control import ControlStore

    if len(chosen) != 1:
        raise Stop(f"{key} {'可能是多家企业，请用统一社会信用代码指明' if chosen else '不是已知的企业'}")
    if not why.strip():
        raise Stop("请用 --why 写明依据：判定会一直生效，须经得起复查")
    # The moment a person decides is a fact of its own, like a receipt; it is stored, and runs read it through known_at.
    moment = datetime.now(ZoneInfo("Asia/Shanghai")).replace(tzinfo=None)
    with ControlStore(where / "control.sqlite").transaction() as db:
        judgements.prepare(db)
        number = judgements.judge(
            db, subject_id, chosen[0], same=is_same, who=by or getpass.getuser(), why=why, at=moment
        )
    output.messages.print(f"已记下第 {number} 号判定，下次运行生效", markup=False)
