"""`huiqi officers`, `huiqi opt-out`, `huiqi audit verify`: who may act, who wants no messages, and the proof of what was done."""

from contextlib import closing
from dataclasses import asdict
from typing import Annotated

import typer

from pipelines.cli import output
from pipelines.cli.acting import As, Note, desk_of, moment_of, phrase_of, refusals, tell
from pipelines.cli.output import Home, Json, Stop
from pipelines.moment import moment
from pipelines.officers import ROLES, enrol, remove
from pipelines.published import open_published


def register(app: typer.Typer) -> None:
    audit = typer.Typer(help="审计记录。示例：huiqi audit verify", no_args_is_help=True)
    audit.command(
        "verify",
        help="证明审计记录没有被改、删、截断，导出的文件还是导出时的样子，台账与冻结的名单相符。示例：huiqi audit verify",
    )(verify)
    audit.command(
        "clock", help="登记台账末行的时间是时钟走快了。示例：huiqi audit clock --as 李审批 --note 服务器时钟快一年"
    )(clock)
    app.add_typer(audit, name="audit")
    people = typer.Typer(
        help="办理人员：登记、离岗。示例：huiqi officers add 李审批 --role approver", no_args_is_help=True
    )
    people.command("add", help="登记人员。示例：huiqi officers add 李审批 --role approver")(add_officer)
    people.command("remove", help="人员离岗。示例：huiqi officers remove 李审批")(remove_officer)
    app.add_typer(people, name="officers")
    app.command("opt-out", help="登记退订或放弃。示例：huiqi opt-out 91460100MA5T000001 --scope message --as 王经办")(
        opt_out
    )


def verify(home: Home = None, json: Json = False) -> None:
    where = output.home_of(home)
    if not (where / "control.sqlite").exists():
        raise Stop(f"{where} 没有审计台账（缺 control.sqlite）；检查 --home，或先运行 huiqi run")
    desk = desk_of(where)
    findings = [
        asdict(finding)
        for finding in (*desk.trail.verify(desk.control), *desk.changed_exports(anew=True), *desk.altered_ledger())
    ]
    rows = desk.control.rows("SELECT count(*) AS n FROM audit")[0]["n"]
    if rows == 0 and not findings:
        raise Stop(f"{where} 的审计台账里还没有一行记录：还没有人登记或办理过")
    document = {"rows": rows, "intact": not findings, "findings": findings, "head": desk.trail.head(desk.control)}
    if json:
        output.print_json(document)
    elif findings:
        for finding in findings:
            output.console.print(f"[red]异常[/red] {finding['reason']}")
    else:
        output.console.print(f"审计记录 {rows} 行，完整；链首 {document['head']}", soft_wrap=True)
    raise typer.Exit(output.ATTENTION if findings else output.DONE)


def add_officer(
    name: Annotated[str, typer.Argument(help="姓名")],
    role: Annotated[str, typer.Option("--role", help=f"角色：{'、'.join(f'{k} {v}' for k, v in ROLES.items())}")],
    home: Home = None,
) -> None:
    where = output.home_of(home)
    desk = desk_of(where)
    phrase = phrase_of(name)
    with refusals(), desk.control.transaction() as db:
        enrol(db, name, role, phrase)
        desk.trail.record(db, moment_of(where), "系统管理员", "officer.add", name, {"role": role})
    desk.trail.anchor(desk.control)
    output.messages.print(f"已登记 {name}（{ROLES[role]}）", markup=False)


def remove_officer(name: Annotated[str, typer.Argument(help="姓名")], home: Home = None) -> None:
    where = output.home_of(home)
    desk = desk_of(where)
    with refusals(), desk.control.transaction() as db:
        remove(db, name)
        desk.trail.record(db, moment_of(where), "系统管理员", "officer.remove", name, {})
    desk.trail.anchor(desk.control)
    output.messages.print(f"{name} 已离岗", markup=False)


def opt_out(
    uscc: Annotated[str, typer.Argument(metavar="USCC", help="统一社会信用代码")],
    by: As,
    scope: Annotated[str, typer.Option("--scope", help="message 不再提醒，award 放弃免申即享，all 两者")] = "message",
    source: Annotated[str, typer.Option("--source", help="从哪里得知")] = "登记",
    home: Home = None,
) -> None:
    if scope not in ("message", "award", "all"):
        raise Stop(f"--scope 应为 message、award 或 all，实际为 {scope}")
    where = output.home_of(home)
    with closing(open_published(where)) as con:
        found = con.execute(
            "SELECT enterprise_id FROM profile.enterprise WHERE uscc = $uscc", {"uscc": uscc}
        ).fetchall()
    if not found:
        raise Stop(f"没有统一社会信用代码为 {uscc} 的企业")
    with refusals():
        desk_of(where).opt_out(found[0][0], scope, source, by, phrase_of(by), moment_of(where))
    output.messages.print(f"已登记 {uscc} 的退订（{scope}）", markup=False)


def clock(by: As, note: Note = "", home: Home = None, json: Json = False) -> None:
    where = output.home_of(home)
    with refusals():
        desk_of(where).correct_clock(by, phrase_of(by), note, moment(where, corrected=True))
    tell(json, {"corrected": True}, "已登记：从这一行起以现在的时钟为准")
