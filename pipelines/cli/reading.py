"""`huiqi read`: a policy text as conditions, awards and tags, for an official to confirm."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from pipelines.cli import output
from pipelines.cli.output import Json

if TYPE_CHECKING:
    from matching.text import Reading

MAX_BYTES = 5_000_000


def register(app: typer.Typer) -> None:
    app.command(
        "read", help="读政策文本：条件、金额、标签，供人工确认。示例：huiqi read 措施.txt --region 海口市 --json"
    )(read)


def read(
    file: Annotated[
        Path, typer.Argument(help="政策文本（UTF-8；可带 title/issuer/region/date 前言）", show_default=False)
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
        "date": date or front.get("date", ""),
    }
    reading = reader(text, **said)
    if draft is not None:
        from matching.text.draft import draft_file

        _draft(reading, draft, draft_file)
    document = reading.to_dict()
    if json:
        output.print_json(document)
        return
    for item in document["items"]:
        output.print_table(
            [{**c, "value": _shown(c)} for c in item["conditions"]],
            {"field": "指标", "op": "比较", "value": "值", "period": "期间", "text": "原文"},
            title=f"{item['name']}  {_award(item['award'])}",
        )
    if not document["items"]:
        output.messages.print("没有读出可申领的事项；文本可能只是通知、目录或新闻")


def _draft(reading: Reading, draft: Path, draft_file: Callable[[Reading, int, str], str]) -> None:
    """One file per item: the file's name is the item's id, further items get -2, -3."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", draft.stem):
        raise output.Stop(f"{draft.name}：文件名就是事项编号，应为小写字母、数字和短横，例如 hk-rd-subsidy.md")
    for n in range(max(1, len(reading.items))):
        name = draft.stem if n == 0 else f"{draft.stem}-{n + 1}"
        path = draft.with_name(f"{name}.md")
        path.write_text(draft_file(reading, n, name), encoding="utf-8")
        output.messages.print(f"已写出 {path}；每个条件都标了「待核」，请逐条确认后再放入 data/policies/")


def _opened(file: Path) -> tuple[str, dict[str, str]]:
    if not file.is_file():
        raise output.Stop(f"没有这个文件：{file}")
    if file.stat().st_size > MAX_BYTES:
        raise output.Stop(f"{file} 有 {file.stat().st_size:,} 字节，超过上限 {MAX_BYTES:,}")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise output.Stop(f"{file} 不是 UTF-8：第 {error.start} 字节处无法解码；请先转为 UTF-8") from error
    match = re.match(r"---\n(.*?)\n---\n", text, flags=re.S)
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


def _shown(condition: dict[str, Any]) -> str:
    value = condition["value"]
    words = "、".join(map(str, value)) if isinstance(value, list) else output.shown(value)
    return words + str(condition.get("unit", ""))


def _award(award: dict[str, Any]) -> str:
    parts = []
    if "rate" in award:
        parts.append(f"比例 {award['rate']:.1%}")
    if "amount_yuan" in award:
        parts.append(f"{award['amount_yuan']:,} 元")
    if "cap_yuan" in award:
        parts.append(f"上限 {award['cap_yuan']:,} 元")
    return "，".join(parts)
