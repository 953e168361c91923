"""`huiqi read`: a policy text as conditions, awards and tags, for an official to confirm."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date as date_of
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from data import indicators
from pipelines.cli import output
from pipelines.cli.output import Json, Stop
from pipelines.documents import DocumentError, document_text

if TYPE_CHECKING:
    from matching.text import Reading


def register(app: typer.Typer) -> None:
    app.command(
        "read", help="读政策文本：条件、金额、标签，供人工确认。示例：huiqi read 措施.txt --region 海口市 --json"
    )(read)


def read(
    file: Annotated[
        Path,
        typer.Argument(
            help="政策文本：.txt（UTF-8、GB18030）、.docx、.html、带文字的 PDF；可带 title/issuer/region/date 前言",
            show_default=False,
        ),
    ],
    title: str = typer.Option("", "--title", help="标题", show_default=False),
    issuer: str = typer.Option("", "--issuer", help="发文机关", show_default=False),
    region: str = typer.Option("", "--region", help="「我市」「本区」所指", show_default=False),
    date: str = typer.Option("", "--date", help="发文日期 YYYY-MM-DD", show_default=False),
    draft: Annotated[
        Path | None, typer.Option("--draft", help="把结果写成政策文件，每个条件标「待核」", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    from matching.text import read as reader

    text, front = _opened(file)
    said = {
        "title": title or front.get("title", ""),
        "issuer": issuer or front.get("issuer", ""),
        "region": region or front.get("region", ""),
        "date": _day(date or front.get("date", "")),
    }
    reading = reader(text, **said)
    if draft is not None:
        from matching.text.draft import draft_file

        _draft(reading, draft, draft_file)
    document = reading.to_dict()
    if json:
        output.print_json(document)
        return
    _print(document, file, drafted=draft is not None)


def _print(document: dict[str, Any], file: Path, drafted: bool) -> None:
    """The reading for a person: tags, what is common, each item with its conditions and its award, and what to do next."""
    labels = {**{name: one.label for name, one in indicators.load().items()}, **MEASURES}
    tags = document["tags"]
    shown = [f"{name} {'、'.join(tags[key])}" for key, name in FACETS.items() if tags.get(key)]
    output.console.print(" · ".join(shown) + f" · 兑现方式 {tags['mode']}", markup=False)
    about = [("级别", document["level"]), ("地区", document["region"]), ("部门", "、".join(document["departments"]))]
    if known := [f"{name} {said}" for name, said in about if said]:
        output.console.print(" · ".join(known), markup=False)
    if said := document["validity"].get("text"):
        output.console.print(f"有效期 {said}", markup=False)
    if document["common_conditions"]:
        output.print_table([_row(c, labels) for c in document["common_conditions"]], COLUMNS, title="各项共同的条件")
    for n, item in enumerate(document["items"], start=1):
        output.print_table(
            [_row(c, labels) for c in item["conditions"]],
            COLUMNS,
            title=f"{n}. {item['name']}：{_award(item['award'])}",
        )
    for rule in document["rules"]:
        output.console.print(f"叠加规则 {rule}", markup=False)
    if not document["items"]:
        output.messages.print(
            "没有读出可申领的事项；文本可能只是通知、目录或新闻。若确有政策，请检查是否只贴了标题或表格图片"
        )
        return
    missing = [flag for key, flag in (("issuer", "--issuer"), ("region", "--region")) if not document[key]]
    if missing:
        output.messages.print(f"没有给 {'、'.join(missing)}：「我市」「本区」没有换成地名")
    if drafted:
        return
    output.messages.print(
        f"以上由机器草拟，逐条对照原文确认。下一步：huiqi read {file} --draft 事项编号.md 写成政策文件，改好后 huiqi lint 事项编号.md"
    )


# Measures that the catalogue keeps by year only, and one whose column names a year that the text may not mean.
MEASURES = {
    "revenue_last_year": "营业收入",
    "tax_paid": "纳税额",
    "output_value": "总产值",
    "rd_expense": "研发费用",
    "patent_applications": "专利申请数",
    "foreign_capital_actual": "实到外资",
    "trade_value": "进出口额",
    "export_value": "出口额",
    "import_value": "进口额",
    "trade_growth": "进出口增速",
}
FACETS = {"theme": "主题", "industry": "行业", "size": "规模", "method": "方式"}


def _day(words: str) -> str:
    """A date as the reader takes it. Stops with a sentence for one that is none."""
    if not words:
        return ""
    try:
        return date_of.fromisoformat(words).isoformat()
    except ValueError:
        raise Stop(f"发文日期「{words}」不是日期，应写成 2024-03-15 这样") from None


COLUMNS = {"field": "指标", "said": "要求", "note": "说明", "text": "原文"}
_OPS = {
    ">=": "不低于",
    ">": "高于",
    "<=": "不高于",
    "<": "低于",
    "in": "属于",
    "between": "在",
    "exists_within": "在近期",
}


def _row(condition: dict[str, Any], labels: dict[str, str]) -> dict[str, str]:
    field = condition["field"]
    label = condition.get("metric") if field == "other_metric" else None
    return {
        "field": label or labels.get(field, field),
        "said": _said(condition),
        "note": "；".join(_notes(condition)),
        "text": " ".join(condition["text"].split()),
    }


def _said(condition: dict[str, Any]) -> str:
    op, value = condition["op"], condition["value"]
    if op == "is_true":
        return "是"
    if op == "==":
        return "不得有" if value is False else str(value)
    if op == "between":
        low, high = (_number(v, condition) for v in value)
        return f"{low} 至 {high}（{'含' if condition.get('bounds', '[]')[0] == '[' else '不含'}下限，{'含' if condition.get('bounds', '[]')[1] == ']' else '不含'}上限）"
    if op == "exists_within":
        return f"近 {value} {condition.get('unit', '年')}内"
    if isinstance(value, list):
        return f"{_OPS[op]} {'、'.join(map(str, value))}"
    return f"{_OPS.get(op, op)} {_number(value, condition)}"


def _number(value: Any, condition: dict[str, Any]) -> str:
    if not isinstance(value, int | float):
        return str(value)
    unit = condition.get("unit", "")
    if not unit and abs(value) <= 2:
        return f"{value:.4%}".rstrip("0%").rstrip(".") + "%"
    unit = {"USD": "美元", "月": "个月", "": "元"}.get(unit, unit)
    if unit in ("元", "美元") and value >= 10_000:
        return f"{value / 10_000:,.4f}".rstrip("0").rstrip(".") + f" 万{unit}"
    return f"{value:,} {unit}"


def _notes(condition: dict[str, Any]) -> list[str]:
    said = []
    if condition.get("period"):
        said.append(condition["period"])
    if condition.get("when"):
        said.append(f"仅对{condition['when']}")
    if condition.get("tier"):
        said.append(f"第{condition['tier']}档")
    if condition.get("any_of"):
        least = condition.get("at_least", 1)
        choice = "任选其一" if least == 1 else f"至少{least}项"
        way = f"：第{condition['alt']}种" if condition.get("alt") else ""
        said.append(f"第{condition['any_of']}组{choice}{way}")
    if condition.get("detail"):
        said.append(str(condition["detail"]))
    return said


def _draft(reading: Reading, draft: Path, draft_file: Callable[[Reading, int, str], str]) -> None:
    """One file per item: the file's name is the item's id, further items get -2, -3."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", draft.stem):
        raise output.Stop(f"{draft.name}：文件名就是事项编号，应为小写字母、数字和短横，例如 hk-rd-subsidy.md")
    written = []
    for n in range(max(1, len(reading.items))):
        name = draft.stem if n == 0 else f"{draft.stem}-{n + 1}"
        path = draft.with_name(f"{name}.md")
        path.write_text(draft_file(reading, n, name), encoding="utf-8")
        written.append(str(path))
    output.messages.print(
        f"已写出 {len(written)} 个草稿：{'、'.join(written)}。每个条件都标了「待核」；逐条对照原文改好，"
        f"用 huiqi lint {written[0]} 检查，再放入 data/policies/",
        markup=False,
    )


def _opened(file: Path) -> tuple[str, dict[str, str]]:
    try:
        text = document_text(file)
    except DocumentError as error:
        raise output.Stop(str(error)) from None
    match = re.match(r"---\r?\n(.*?)\r?\n---\r?\n", text, flags=re.S)
    if not match:
        return text, {}
    try:
        front = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        raise output.Stop(f"{file} 的前言不是有效的 YAML：{error}") from error
    if not isinstance(front, dict):
        raise output.Stop(f"{file} 的前言应为「键: 值」")
    return text[match.end() :], {key: _text(front.get(key)) for key in ("title", "issuer", "region", "date")}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return str(value[0]) if value else ""
    return "" if value is None else str(value)


def _award(award: dict[str, Any]) -> str:
    """An award in a line: share, sums, ceiling, per what."""
    if not award:
        return "没有读出奖励金额"
    parts = []
    tiers = award.get("tiers", [])
    rates = [t["rate"] for t in tiers if "rate" in t]
    sums = [t["amount_yuan"] for t in tiers if "amount_yuan" in t]
    if rates:
        parts.append("分档比例 " + "、".join(f"{r:.4%}".rstrip("0%").rstrip(".") + "%" for r in rates))
    elif "rate" in award:
        share = f"{award['rate']:.4%}".rstrip("0%").rstrip(".") + "%"
        parts.append(f"{award['base']}的 {share}" if award.get("base") else f"比例 {share}")
    if sums:
        parts.append("分档 " + "、".join(f"{s:,}" for s in sums) + " 元")
    elif "amount_yuan" in award:
        parts.append(f"{award['amount_yuan']:,} 元")
    if "cap_yuan" in award:
        parts.append(f"最高 {award['cap_yuan']:,} 元")
    if award.get("per"):
        parts.append(f"按每{award['per']}计")
    if award.get("note"):
        parts.append("是贷款额度，不是补助")
    return "，".join(parts) or "没有读出奖励金额"
