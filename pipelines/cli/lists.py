"""`huiqi lists`, `list show`, `approve`, `freeze`, `export`, `reconcile`, `audit verify`: people acting on what a run proposed."""

import json as jsonlib
from collections.abc import Mapping
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from matching.push.kinds import KINDS, MONEY, REASONS
from matching.push.review import checks, sample
from matching.push.risk import meaning
from matching.push.settle import STATES
from matching.rules.wording import place
from pipelines import steps
from pipelines.cli import funds, output, people, train
from pipelines.cli.acting import As, Note, desk_of, moment_of, phrase_of, refusals, tell
from pipelines.cli.output import Home, Json, Stop
from pipelines.docket import STATUSES, needed
from pipelines.export import lack_said, reason_said
from pipelines.published import open_published

ListId = Annotated[str, typer.Argument(metavar="ID", help="清单编号，见 huiqi lists")]


def register(app: typer.Typer) -> None:
    app.command("lists", help="所有清单及状态。示例：huiqi lists --kind auto_award")(lists)
    one = typer.Typer(help="一份清单：查看、提交、公示、异议。示例：huiqi list show ID", no_args_is_help=True)
    one.command("show", help="看一份清单：表头、核对结果、抽样十行、未列入原因。示例：huiqi list show ID")(show)
    one.command("check", help="核对并提交，经办人由此负责。示例：huiqi list check ID --as 王经办")(check)
    one.command(
        "notice", help="公示兑付名单。示例：huiqi list notice ID --as 王经办 --from 2025-01-26 --to 2025-02-05"
    )(notice)
    one.command(
        "object", help="登记公示期间的异议。示例：huiqi list object ID 91460100MA5T000001 --note 材料不实 --as 王经办"
    )(object_)
    app.add_typer(one, name="list")
    app.command("approve", help="批准一份清单（兑付类须两人）。示例：huiqi approve ID --as 李审批 --note 同意")(approve)
    app.command("reject", help="否决一份清单。示例：huiqi reject ID --as 李审批 --note 依据过旧")(reject)
    app.command("freeze", help="冻结：复核、复算、占用预算、写入台账，一次完成。示例：huiqi freeze ID --as 王经办")(
        freeze
    )
    app.command("export", help="导出：人看的表、短信网关文件、付款文件。示例：huiqi export ID --as 王经办")(export_)
    app.command(
        "reverse",
        help="冲销一户的兑付（两名审批人各办一次；已导出的须财政先退回）。示例：huiqi reverse ID USCC --as 李审批 --note 账户有误",
    )(reverse)
    app.command("reconcile", help="与财政兑现台账对账。示例：huiqi reconcile ID --as 王经办")(reconcile)
    people.register(app)
    funds.register(app)
    train.register(app)


def _shown(where: Path, list_id: str) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    try:
        return steps.proposed(where, list_id)
    except steps.UnknownListError as error:
        raise Stop(str(error)) from error


def lists(
    home: Home = None,
    kind: Annotated[str, typer.Option("--kind", help="只看一种清单", show_default=False)] = "",
    json: Json = False,
) -> None:
    if kind and kind not in KINDS:
        raise Stop(f"没有清单种类 {kind}；可选 {'、'.join(KINDS)}")
    where = output.home_of(home)
    statuses = {
        row["list_id"]: row
        for row in desk_of(where).control.rows("SELECT list_id, status, maker, header FROM push_list")
    }
    with closing(open_published(where)) as con:
        rows = con.sql(
            "SELECT list_id, kind, item_id, version, title, cycle, as_of, row_count AS rows, suppressed_count AS suppressed,"
            " amount_yuan, sha256, build_id FROM push.list ORDER BY kind, item_id, cycle, list_id"
        ).pl().to_dicts()  # fmt: skip
    shown = {row["list_id"] for row in rows}
    for list_id in sorted(statuses.keys() - shown):
        header = jsonlib.loads(statuses[list_id]["header"])
        old = {name: header.get(name) for name in rows[0]} if rows else dict(header)
        rows.append({**old, "rows": header["row_count"], "suppressed": header["suppressed_count"]})
    for row in rows:
        row["status"] = statuses[row["list_id"]]["status"] if row["list_id"] in statuses else "draft"
    chosen = [row for row in rows if not kind or row["kind"] == kind]
    if json:
        output.print_json(chosen)
        return
    output.print_table(
        [{**row, "kind": KINDS.get(row["kind"], row["kind"]), "status": STATUSES[row["status"]]} for row in chosen],
        {
            "list_id": "编号",
            "kind": "种类",
            "title": "事项",
            "cycle": "周期",
            "rows": "行",
            "suppressed": "未列入",
            "amount_yuan": "金额（元）",
            "status": "状态",
        },
    )


def show(list_id: ListId, home: Home = None, json: Json = False) -> None:
    where = output.home_of(home)
    desk = desk_of(where)
    kept = steps.kept(desk, list_id)
    if kept:
        header, lines = jsonlib.loads(kept["header"]), steps.kept_lines(desk, list_id)
        reviewed, held = jsonlib.loads(kept["checks"]), []
        try:
            held = _shown(where, list_id)[2]
        except Stop:
            output.messages.print("这份清单已不在最新发布里，以下是提交时保存的内容", markup=False)
    else:
        header, lines, held = _shown(where, list_id)
        reviewed = checks(header, lines, steps.last_like(desk, header))
    approvals = desk.control.rows(
        "SELECT officer, note, at FROM approval WHERE list_id = ? ORDER BY at, officer", (list_id,)
    )
    reasons: dict[str, int] = {}
    for row in held:
        reasons[row["reason"]] = reasons.get(row["reason"], 0) + 1
    document = {
        **header,
        "status": kept["status"] if kept else "draft",
        "maker": kept["maker"] if kept else None,
        "notice": [kept["notice_from"], kept["notice_to"]] if kept else None,
        "approvals": approvals,
        "approvals_needed": needed(header["kind"]),
        "checks": reviewed,
        "suppressed_by_reason": reasons,
        "sample": sample(lines, header["sha256"]),
        "flagged": [
            {
                "uscc": line["uscc"],
                "name": line["name"],
                "flag": sign["flag"],
                "meaning": meaning(sign["flag"]),
                "detail": sign["detail"],
            }
            for line in lines
            for sign in jsonlib.loads(line.get("risk") or "[]")
        ],
        "audit_head": desk.trail.head(desk.control),
    }
    if json:
        output.print_json(document)
        return
    _print_list(document)


def _print_list(document: Mapping[str, Any]) -> None:
    say = output.console.print
    say(f"[bold]{document['title']}[/bold]  {KINDS.get(document['kind'], document['kind'])}  周期 {document['cycle']}")
    say(f"编号 {document['list_id']}  状态 {STATUSES[document['status']]}  sha256 {document['sha256']}", soft_wrap=True)
    say(f"事实日期 {document['as_of']}  规则日期 {document['rules_as_of']}  构建 {document['build_id']}")
    say(
        f"行 {document['row_count']}，金额 {output.shown(document['amount_yuan'])} 元，预算 {output.shown(document['budget_yuan'])} 元"
    )
    for name in ("note", "cut_rule"):
        if document[name]:
            say(str(document[name]))
    for warning in document["checks"]["warnings"]:
        say(f"[yellow]注意[/yellow] {warning}")
    say(
        f"依据日期 {output.shown(document['checks']['oldest_evidence'])} 至 {output.shown(document['checks']['newest_evidence'])}"
    )
    for name, label in (("by_region", "按市县"), ("by_size", "按规模")):
        counted = "，".join(f"{place(key)} {n}" for key, n in document["checks"].get(name, {}).items())
        say(f"{label} {counted}")
    if document["flagged"]:
        columns = {"uscc": "信用代码", "name": "名称", "meaning": "风险提示", "detail": "依据"}
        output.print_table(document["flagged"], columns, title="有风险提示的行（提示不作决定，逐行看过再批）")
    if document["approvals"]:
        output.print_table(document["approvals"], {"officer": "审批人", "note": "意见", "at": "时间"})
    said = [
        {
            **line,
            "why": "；".join(reason_said(r) for r in jsonlib.loads(line["reasons"])),
            "lacks": "；".join(lack_said(entry) for entry in jsonlib.loads(line["missing"] or "[]")) or None,
        }
        for line in document["sample"]
    ]
    columns = {"uscc": "信用代码", "name": "名称", "amount_yuan": "金额（元）", "deadline": "截止", "why": "理由"}
    if any(line["lacks"] for line in said):
        columns["lacks"] = "还缺"
    output.print_table(said, columns, title="随机抽样（由内容指纹决定，不能挑选）")
    if document["suppressed_by_reason"]:
        rows = [{"reason": REASONS.get(name, name), "n": n} for name, n in document["suppressed_by_reason"].items()]
        output.print_table(rows, {"reason": "未列入原因", "n": "户"})
    say(f"审计链首 {document['audit_head']}", soft_wrap=True)


def check(list_id: ListId, by: As, home: Home = None, json: Json = False) -> None:
    where = output.home_of(home)
    with refusals():
        reviewed = steps.submit(where, desk_of(where), list_id, by, phrase_of(by), moment_of(where))
    following = "公示（huiqi list notice）" if list_id.split(".")[0] in MONEY else "审批（huiqi approve）"
    tell(
        json,
        {"list_id": list_id, "status": "checked", "checks": reviewed},
        f"{list_id} 已核对并提交；下一步{following}",
    )
    for warning in reviewed["warnings"]:
        output.messages.print(f"注意 {warning}", markup=False)


def notice(
    list_id: ListId,
    by: As,
    first: Annotated[str, typer.Option("--from", help="公示首日 YYYY-MM-DD")],
    last: Annotated[str, typer.Option("--to", help="公示末日 YYYY-MM-DD")],
    home: Home = None,
    json: Json = False,
) -> None:
    where = output.home_of(home)
    try:
        days = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError as error:
        raise Stop(f"日期应为 YYYY-MM-DD：{error}") from error
    with refusals():
        desk_of(where).publicise(list_id, by, phrase_of(by), *days, moment_of(where))
    tell(
        json,
        {"list_id": list_id, "status": "publicised", "from": days[0], "to": days[1]},
        f"{list_id} 公示 {first} 至 {last}",
    )


def object_(
    list_id: ListId,
    uscc: Annotated[str, typer.Argument(metavar="USCC", help="统一社会信用代码")],
    by: As,
    note: Note = "",
    home: Home = None,
    json: Json = False,
) -> None:
    where = output.home_of(home)
    desk = desk_of(where)
    keys = [line["line_key"] for line in steps.kept_lines(desk, list_id) if line["uscc"] == uscc]
    if not keys:
        raise Stop(f"清单 {list_id} 里没有 {uscc}")
    with refusals():
        desk.object(list_id, keys[0], note, by, phrase_of(by), moment_of(where))
    tell(json, {"list_id": list_id, "uscc": uscc, "note": note}, f"已登记对 {uscc} 的异议")


def approve(
    list_id: ListId,
    by: As,
    note: Note = "",
    sha256: Annotated[str, typer.Option("--sha256", help="所见清单的内容指纹（默认取当前）", show_default=False)] = "",
    home: Home = None,
    json: Json = False,
) -> None:
    where = output.home_of(home)
    desk = desk_of(where)
    kept = steps.kept(desk, list_id)
    with refusals():
        status = desk.approve(
            list_id, sha256 or (kept["sha256"] if kept else ""), by, phrase_of(by), note, moment_of(where)
        )
    tell(json, {"list_id": list_id, "status": status}, f"{by} 已批准 {list_id}；状态 {STATUSES[status]}")


def reject(list_id: ListId, by: As, note: Note = "", home: Home = None, json: Json = False) -> None:
    where = output.home_of(home)
    with refusals():
        desk_of(where).reject(list_id, by, phrase_of(by), note, moment_of(where))
    tell(json, {"list_id": list_id, "status": "rejected"}, f"{list_id} 已否决")


def freeze(list_id: ListId, by: As, home: Home = None, json: Json = False) -> None:
    where = output.home_of(home)
    with refusals():
        result = steps.freeze(where, desk_of(where), list_id, by, phrase_of(by), moment_of(where))
    tell(json, {"list_id": list_id, "status": "frozen", **result}, f"{list_id} 已冻结：{result['rows']} 行")


def export_(list_id: ListId, by: As, home: Home = None, json: Json = False) -> None:
    where = output.home_of(home)
    desk = desk_of(where)
    with refusals():
        told = steps.release(where, desk, list_id, by, phrase_of(by), moment_of(where))
    stayed = desk.control.rows("SELECT reason FROM withheld WHERE list_id = ? ORDER BY line_key", (list_id,))
    said = [f"{f['purpose']}  {f['path']}" for f in told]
    if stayed:
        said.append(f"留下未发 {len(stayed)} 行（如：{stayed[0]['reason']}），逐行见名单的“联系方式”一栏")
    tell(json, {"list_id": list_id, "status": "exported", "files": told, "withheld": len(stayed)}, "\n".join(said))


def reverse(
    list_id: ListId,
    uscc: Annotated[str, typer.Argument(metavar="USCC", help="统一社会信用代码")],
    by: As,
    note: Note = "",
    home: Home = None,
    json: Json = False,
) -> None:
    where = output.home_of(home)
    with refusals():
        done = steps.reverse(where, desk_of(where), list_id, uscc, note, by, phrase_of(by), moment_of(where))
    said = "已冲销，这笔可以另行兑付" if all(done) else "已记下，另一名审批人同意后冲销"
    tell(json, {"list_id": list_id, "uscc": uscc, "reversed": sum(done), "waiting": len(done) - sum(done)}, said)


def reconcile(list_id: ListId, by: As, home: Home = None, json: Json = False) -> None:
    where = output.home_of(home)
    with refusals():
        result = steps.reconcile(where, desk_of(where), list_id, by, phrase_of(by), moment_of(where))
    tell(json, {"list_id": list_id, **result}, None)
    if not json:
        said = [{**line, "state": STATES[line["state"]]} for line in result["lines"]]
        output.print_table(
            said, {"uscc": "信用代码", "granted_yuan": "应付（元）", "paid_yuan": "已付（元）", "state": "状态"}
        )
    raise typer.Exit(output.ATTENTION if result["open"] else output.DONE)
