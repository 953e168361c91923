"""`huiqi match explain`: what one enterprise or person fits, and why."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from pipelines.cli import output
from pipelines.cli.output import Home, Json, Stop

VERDICTS = {"eligible": "符合", "declarable": "仅差承诺", "unknown": "缺数据", "ineligible": "不符合"}
KEY = typer.Argument(help="统一社会信用代码，或其他能认出企业的代码、全称")
SUBJECT = typer.Argument(help="统一社会信用代码，或其他能认出企业的代码、全称；个人事项写人员编号（散列，前八位即可）")
ITEM = typer.Argument(help="事项编号或标题")


def register(app: typer.Typer) -> None:
    app.command("match", help="一家企业对所有事项的判定。示例：huiqi match 91460100MA5T000001 --all")(match)
    app.command("explain", help="逐条说明为什么。示例：huiqi explain 91460100MA5T000001 hn-credit-a")(explain)


@contextmanager
def desk(home: Path | None) -> Iterator[Any]:
    """The published copy with the rules in force; keys that lead nowhere end the command with a sentence."""
    from pipelines.decisions import Desk, NotFoundError

    try:
        with Desk(output.home_of(home)) as opened:
            yield opened
    except NotFoundError as error:
        raise Stop(str(error)) from None


def match(
    key: Annotated[str, KEY],
    home: Home = None,
    everything: Annotated[bool, typer.Option("--all", help="也列出不符合的事项")] = False,
    json: Json = False,
) -> None:
    from matching.rules import evaluate

    with desk(home) as d:
        firm = d.enterprise(key)
        row = d.frame("SELECT * FROM profile.enterprise WHERE enterprise_id = $e", {"e": firm.enterprise_id})
        pairs = evaluate(d.program, row, d.as_of).pairs(everything=True)
        if d.has("match", "score"):
            scores = d.frame(
                "SELECT item_id, version, score FROM match.score WHERE enterprise_id = $e", {"e": firm.enterprise_id}
            )
            pairs = pairs.join(scores, on=["item_id", "version"], how="left", maintain_order="left")
        else:
            pairs = pairs.with_columns(score=pl.lit(None, pl.Float64))
        titles = {item.key: item.text for item in d.program.items}
        rank = {verdict: number for number, verdict in enumerate(VERDICTS)}
        found = [
            {
                "item_id": pair["item_id"],
                "version": pair["version"],
                "title": titles[(pair["item_id"], pair["version"])].title,
                "mode": titles[(pair["item_id"], pair["version"])].mode,
                "verdict": pair["verdict"],
                "score": pair["score"],
                "amount_yuan": pair["amount_yuan"],
                "failed": pair["failed"],
                "unknown": pair["unknown"],
                "near_miss": pair["near_miss"],
                "bar": pair["bar"],
            }
            for pair in pairs.to_dicts()
        ]
    found.sort(key=lambda r: (rank[r["verdict"]], not r["near_miss"], -(r["score"] or 0), r["item_id"]))
    if json:
        output.print_json(found)
        return
    shown = [r for r in found if everything or r["verdict"] != "ineligible" or r["near_miss"]]
    columns = {
        "verdict": "判定",
        "title": "事项",
        "item_id": "编号",
        "mode": "方式",
        "score": "匹配分",
        "amount_yuan": "测算金额（元）",
        "failed": "未满足",
        "unknown": "未知",
        "near_miss": "差一步",
    }
    output.print_table(
        [
            {**r, "verdict": VERDICTS[r["verdict"]], "score": None if r["score"] is None else f"{r['score']:.2f}"}
            for r in shown
        ],
        columns,
        title=f"{firm.name or ''} {firm.uscc or ''}（事实截至 {d.as_of}，规则 {d.rules_as_of}）",
    )
    hidden = len(found) - len(shown)
    if hidden:
        output.messages.print(f"另有 {hidden} 个事项不符合；--all 全部列出，huiqi explain {firm.uscc} <编号> 看原因")


def explain(
    key: Annotated[str, SUBJECT],
    item: Annotated[str | None, typer.Argument(help="事项编号或标题；不写则说明所有未被判为不符合的事项")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    from matching.rules import explain as explained

    with desk(home) as d:
        subject = d.subject(key)
        wanted = [d.item_id(item, subject.program)] if item is not None else list(subject.program.by_id)
        found = [
            explained(
                subject.program,
                subject.row,
                item_id,
                d.as_of,
                evidence=subject.evidence,
                departments=d.departments,
                known_at=d.known_at,
                rules_as_of=d.rules_as_of,
            )
            for item_id in wanted
        ]
        disputes = _disputes(output.home_of(home), subject)
    if item is None:
        found = [one for one in found if one.verdict != "ineligible"]
    if json:
        documents = [{**subject.who, **one.to_dict(), "disputes": _touching(one, disputes)} for one in found]
        output.print_json(documents[0] if item is not None else documents)
        return
    output.console.print(" ".join(filter(None, reversed(subject.who.values()))), markup=False)
    for one in found:
        _show(one)
        for dispute in _touching(one, disputes):
            claim = f"，企业主张 {dispute['claimed']}" if dispute["claimed"] else ""
            said = (
                f"疑义：{dispute['label']} 自 {dispute['since'][:10]} 起有异议{claim}（{dispute['why']}），待部门核校"
            )
            output.print_text(said, indent=2, style="yellow")


def _disputes(folder: Path, subject: Any) -> dict[str, dict[str, Any]]:
    """Indicator → the open dispute on it; persons have none."""
    from data import indicators
    from pipelines.control import ControlStore
    from pipelines.dispute import of_enterprise

    enterprise = subject.row.get("enterprise_id")
    if enterprise is None:
        return {}
    open_now = of_enterprise(ControlStore(folder / "control.sqlite"), enterprise, subject.row, subject.evidence)
    catalogue = indicators.load()
    return {name: {"indicator": name, "label": catalogue[name].label, **said} for name, said in open_now.items()}


def _touching(one: Any, disputes: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The disputes about a value that some condition or bar of this item reads."""
    read = {word for c in (*one.conditions, *one.bars) for word in re.findall(r"[a-z_0-9]+", c.expr or "")}
    return [said for name, said in disputes.items() if name in read]


_MARKS = {"true": "✓", "false": "✗", "unknown": "？"}


def _show(one: Any) -> None:
    output.console.print()
    output.print_text(one.sentence)
    for condition in one.conditions:
        output.print_text(f"{_MARKS[condition.verdict]} {condition.id} {condition.text}", indent=2)
        output.print_text(condition.sentence, indent=6, style="dim")
    output.print_text(f"事实截至 {one.as_of}，数据收到 {one.known_at}，规则 {one.rules_as_of}", indent=2, style="dim")
