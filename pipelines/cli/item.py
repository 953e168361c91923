"""`huiqi eligible nearmiss gaps simulate lint`: whom an item reaches, who is nearly there, what is missing, what if, and what is amiss."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.cli import output
from pipelines.cli.match import ITEM, VERDICTS, desk
from pipelines.cli.output import Home, Json, Stop

Limit = Annotated[int, typer.Option("--limit", min=0, help="最多列出几家，0 为全部")]


def register(app: typer.Typer) -> None:
    app.command("eligible", help="一个事项符合（或仅差承诺）的企业。示例：huiqi eligible hn-credit-a")(eligible)
    app.command("nearmiss", help="差一步就符合的企业和差距。示例：huiqi nearmiss hn-credit-a")(nearmiss)
    app.command("gaps", help="缺哪项数据（哪个部门）挡住了多少判定和资金。示例：huiqi gaps")(gaps)
    app.command(
        "simulate",
        help='改条件会多出谁、少掉谁、花多少。示例：huiqi simulate hn-credit-a --set c3="tax_paid_last_year >= 30000"',
    )(simulate)
    app.command(
        "lint",
        help="检查政策规则：语言、指标，与原文的数字、比较、地区、日期、金额是否一致，互相矛盾和重复。示例：huiqi lint data/policies/hn-tech-sme-rd.md",
    )(lint)


def eligible(
    item: Annotated[str, ITEM],
    home: Home = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    with desk(home) as d:
        item_id, people = d.item_of(item)
        if people:
            _eligible_persons(d, item_id, limit, json=json)
            return
        score = "s.score" if d.has("match", "score") else "NULL::DOUBLE AS score"
        join = "LEFT JOIN match.score s USING (enterprise_id, item_id, version)" if d.has("match", "score") else ""
        rows = d.frame(
            f"SELECT p.uscc, e.name, p.verdict, p.bar, p.amount_yuan, {score}, p.valid_from AS since FROM match.pair p"
            f" JOIN profile.enterprise e USING (enterprise_id) {join}"
            " WHERE p.item_id = $item AND p.verdict IN ('eligible', 'declarable') ORDER BY p.verdict DESC, score DESC NULLS LAST, p.uscc",
            {"item": item_id},
        ).to_dicts()
    shown = rows if json or limit == 0 else rows[:limit]
    if json:
        output.print_json(shown)
        return
    columns = {
        "uscc": "统一社会信用代码",
        "name": "名称",
        "verdict": "判定",
        "bar": "排除情形",
        "amount_yuan": "测算金额（元）",
        "since": "自",
    }
    bars = {"clear": "无", "barred": "命中", "unknown": "待核"}
    output.print_table(
        [{**r, "verdict": VERDICTS[r["verdict"]], "bar": bars[r["bar"]]} for r in shown],
        columns,
        title=f"{item_id}：{len(rows)} 家",
    )


def _eligible_persons(d: Any, item_id: str, limit: int, *, json: bool) -> None:
    rows = d.frame(
        "SELECT p.person_id, e.uscc, e.name AS employer, p.verdict, p.bar, p.amount_yuan, p.valid_from AS since FROM match.person_pair p"
        " LEFT JOIN profile.enterprise e USING (enterprise_id)"
        " WHERE p.item_id = $item AND p.verdict IN ('eligible', 'declarable') ORDER BY p.verdict DESC, p.person_id",
        {"item": item_id},
    ).to_dicts()
    if json:
        output.print_json(rows)
        return
    columns = {
        "person_id": "人员编号",
        "employer": "就业单位",
        "verdict": "判定",
        "amount_yuan": "测算金额（元）",
        "since": "自",
    }
    shown = [{**row, "verdict": VERDICTS[row["verdict"]]} for row in (rows[:limit] if limit else rows)]
    output.print_table(shown, columns, title=f"{item_id}：{len(rows)} 人")


def nearmiss(
    item: Annotated[str, ITEM],
    home: Home = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    from matching.rules import explain as explained
    from matching.rules.values import decimal

    with desk(home) as d:
        item_id, people = d.item_of(item)
        program = d.persons if people else d.program
        subject, pairs = ("person", "match.person_pair") if people else ("enterprise", "match.pair")
        top = f" LIMIT {limit}" if limit else ""
        rows = d.frame(
            f"SELECT e.* FROM {pairs} p JOIN profile.{subject} e USING ({subject}_id)"
            f" WHERE p.item_id = $item AND p.near_miss ORDER BY {subject}_id{top}",
            {"item": item_id},
        )
        evidence = {} if people else d.evidence(rows["enterprise_id"].to_list())
        found = []
        for row in rows.iter_rows(named=True):
            seen = d.sources_of(row) if people else evidence.get(row["enterprise_id"])
            one = explained(program, row, item_id, d.as_of, evidence=seen, departments=d.departments)
            # of several alternatives the first: in a logic with OR the first failing condition may be none of them
            failing = next((c for c in one.conditions if c.id in one.short_of), None)
            if failing is None:
                continue
            found.append(
                {
                    **({"person_id": row["person_id"]} if people else {"uscc": row["uscc"], "name": row["name"]}),
                    "condition": failing.id,
                    "distance": None if failing.distance is None else decimal(failing.distance),
                    "unit": failing.unit,
                    "sentence": failing.sentence,
                }
            )
    who = "person_id" if people else "uscc"
    found.sort(key=lambda r: (r["condition"], r["distance"] is None, r["distance"] or 0, r[who] or ""))
    if json:
        output.print_json(found)
        return
    names = {"person_id": "人员编号"} if people else {"uscc": "统一社会信用代码", "name": "名称"}
    title = f"{item_id}：差一步的{'人' if people else '企业'}"
    output.print_table(found, {**names, "condition": "条件", "sentence": "差距"}, title=title)


def gaps(home: Home = None, json: Json = False) -> None:
    from pipelines.gaps import blocked

    with desk(home) as d:
        rows = blocked(d)
    if json:
        output.print_json(rows)
        return
    columns = {
        "label": "缺的数据",
        "indicator": "指标",
        "department_name": "部门",
        "blocked_pairs": "挡住的判定",
        "blocked_yuan": "涉及资金（元）",
        "items": "事项数",
    }
    output.print_table(rows, columns, title="补上哪项数据，能多出多少判定")


def simulate(
    item: Annotated[str, ITEM],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help='条件编号=新表达式，可重复，如 c1="rd_expense_last_year >= 3000000"'),
    ] = None,
    award: Annotated[str | None, typer.Option("--award", help="新的金额表达式", show_default=False)] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    from matching.rules import RuleError
    from matching.rules.simulate import change_of
    from matching.rules.wording import word
    from pipelines.decisions import what_if

    if not changes and award is None:
        raise Stop('写明要改什么，如 --set c1="rd_expense_last_year >= 3000000" 或 --award "100000"')
    with desk(home) as d:
        item_id, people = d.item_of(item)
        try:
            document = what_if(d, item_id, dict(change_of(text) for text in changes or []), award)
        except RuleError as error:
            raise Stop(str(error)) from None
    if json:
        output.print_json(document)
        return
    output.print_table(
        [{"what": "现行", **document["before"]}, {"what": "改后", **document["after"]}],
        {"what": item_id, "n": "人数" if people else "企业数", "yuan": "测算金额（元）"},
    )
    unit = "人" if people else "家"
    output.console.print(f"新增 {len(document['gained'])} {unit}，减少 {len(document['lost'])} {unit}")
    names = {"region": "就业单位注册地" if people else "注册地", "industry": "行业门类", "size": "规模"}
    for name, rows in document["by"].items():
        told = [{**row, "key": None if row["key"] is None else word(row["key"], {"type": name})} for row in rows]
        output.print_table(
            told, {"key": names[name], "before": "现行", "after": "改后", "gained": "新增", "lost": "减少"}
        )
    if document["curve"]:
        output.print_table(
            document["curve"],
            {"threshold": "门槛", "n": "人数" if people else "企业数", "yuan": "测算金额（元）"},
            title="门槛与范围、资金",
        )


def lint(
    files: Annotated[list[Path] | None, typer.Argument(help="政策文件；不写则检查全部")] = None,
    json: Json = False,
) -> None:
    from data.corpus import CorpusError, load_defaults, load_items, parse_item
    from data.indicators import load
    from matching.rules.lint import lint as linted
    from matching.text.consistency import differences

    try:
        corpus = load_items()
        given = [parse_item(path.read_text(encoding="utf-8"), path) for path in files or []]
    except OSError as error:
        raise Stop(f"打不开政策文件 {error.filename}：没有这个文件，或它是目录，或没有读取权限") from None
    except UnicodeDecodeError as error:
        raise Stop(f"政策文件应为 UTF-8：第 {error.start + 1} 个字节不是") from None
    except CorpusError as error:
        raise Stop(str(error)) from None
    named = {item.path.name for item in given}
    # the others come along: a rule can contradict or repeat another item
    items = [*[item for item in corpus if item.path.name not in named], *given]
    found = [f for f in linted(items, load(), load_defaults().bars) if not named or f.file in named]
    found += differences(given or corpus, load())
    rows = [
        {
            "file": f.file,
            "line": f.line,
            "item": f.item,
            "condition": f.condition,
            "rule": f.rule,
            "severity": f.severity,
            "message": f.message,
        }
        for f in found
    ]
    if json:
        output.print_json(rows)
    elif rows:
        columns = {
            "file": "文件",
            "line": "行",
            "condition": "条件",
            "severity": "程度",
            "rule": "规则",
            "message": "说明",
        }
        grades = {"error": "错误", "warning": "注意", "info": "提示"}
        output.print_table([{**r, "severity": grades[r["severity"]]} for r in rows], columns)
    else:
        output.messages.print(f"{len(named) or len(items)} 个事项，没有发现问题")
    raise typer.Exit(output.ATTENTION if any(f.severity != "info" for f in found) else output.DONE)
