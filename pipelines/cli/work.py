"""`huiqi work`, `huiqi verify`: everything that waits for a person, and the word of a clerk on an applicant's document."""

import json as jsonlib
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.cli import output
from pipelines.cli.acting import As, Note, desk_of, moment_of, phrase_of, refusals, tell
from pipelines.cli.output import Home, Json, Stop
from pipelines.control import ControlStore
from pipelines.export import people_cells
from pipelines.published import current, open_published
from pipelines.waiting import SORTS
from pipelines.worklist import COLUMNS, today_of, waiting


def register(app: typer.Typer) -> None:
    app.command("work", help="待办：等人处理的每一件事，为什么、从何时、应在何时前、怎么办。示例：huiqi work --late")(
        work
    )
    app.command(
        "verify",
        help="材料核验：申报人的证明材料是否支持所申报的值。示例：huiqi verify BJ0001 employees_insured --holds --as 王经办 --note 社保系统查得60人",
    )(verify)


def rows_of(where: Path) -> list[dict[str, Any]]:
    """The work list of a home as documents, the most urgent first."""
    publication = current(where)
    with closing(open_published(where)) as con:
        tables = {
            f"{s}.{t}" for s, t in con.sql("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
        }
        today = today_of(where, publication.as_of)
        found = waiting(
            lambda sql: con.sql(sql).pl().to_dicts(), tables.__contains__, ControlStore(where / "control.sqlite"), today
        )
    return [one.document(today) for one in found]


def work(
    home: Home = None,
    sort: Annotated[
        str,
        typer.Option("--sort", help=f"只看一种：{'、'.join(f'{k} {v}' for k, v in SORTS.items())}", show_default=False),
    ] = "",
    department: Annotated[
        str, typer.Option("--department", help="只看一个部门（名称含这些字）", show_default=False)
    ] = "",
    late: Annotated[bool, typer.Option("--late", help="只看逾期的")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="最多列几件")] = 40,
    csv: Annotated[Path | None, typer.Option("--csv", help="另存为表格，交给部门", show_default=False)] = None,
    json: Json = False,
) -> None:
    if sort and sort not in SORTS:
        raise Stop(f"没有种类 {sort}；可选 {'、'.join(SORTS)}")
    where = output.home_of(home)
    every = rows_of(where)
    chosen = [
        row
        for row in every
        if (not sort or row["sort"] == sort)
        and department in (row["department"] or "")
        and (not late or row["late_days"])
    ]
    if csv is not None:
        csv.write_bytes(people_cells(COLUMNS, chosen))
        output.messages.print(f"已写入 {csv}：{len(chosen)} 件", markup=False)
    if json:
        output.print_json(chosen)
    else:
        counted = {name: sum(row["sort"] == name for row in every) for name in SORTS}
        output.console.print("，".join(f"{SORTS[name]} {n}" for name, n in counted.items() if n) or "没有等人处理的事")
        if chosen:
            title = f"{len(chosen)} 件" + (f"，先列 {limit} 件" if len(chosen) > limit else "")
            output.print_table(chosen[:limit], COLUMNS, title=title)
    raise typer.Exit(output.ATTENTION if any(row["late_days"] for row in chosen) else output.DONE)


def verify(
    case_no: Annotated[str, typer.Argument(metavar="CASE", help="办件编号")],
    indicator: Annotated[str, typer.Argument(help="申报的指标名，见 huiqi work --sort document")],
    by: As,
    holds: Annotated[bool, typer.Option("--holds/--fails", help="材料支持所申报的值，或不支持")],
    note: Note = "",
    home: Home = None,
    json: Json = False,
) -> None:
    where = output.home_of(home)
    with closing(open_published(where)) as con:
        found = con.execute(
            "SELECT declared FROM push.decision WHERE case_no = $c AND declared IS NOT NULL", {"c": case_no}
        ).fetchall()
    said = {one["indicator"]: one["value"] for row in found for one in jsonlib.loads(row[0])}
    if indicator not in said:
        raise Stop(f"办件 {case_no} 没有并入判定的申报 {indicator}；用 huiqi work --sort document 查看")
    with refusals():
        desk_of(where).check_document(
            case_no, indicator, said[indicator], holds, note, by, phrase_of(by), moment_of(where)
        )
    tell(
        json,
        {"case_no": case_no, "indicator": indicator, "value": said[indicator], "holds": holds},
        f"{case_no} 的 {indicator}＝{said[indicator]} 已记为{'相符' if holds else '不符：不再据以兑付，下次运行起转人工'}",
    )
