"""`huiqi search`: the policy library by words, tags, place and day."""

from contextlib import closing
from typing import Annotated, Any

import typer

from pipelines.cli import output
from pipelines.cli.output import Home, Json, Stop
from pipelines.published import current, open_published


def register(app: typer.Typer) -> None:
    app.command(
        "search",
        help="检索政策：按词、标签、地区、有效日。示例：huiqi search 研发 补助 海口 --size 小型 --on 2025-01-25",
    )(search)


def _several(flag: str, told: str) -> Any:
    return typer.Option(flag, help=told, show_default=False)


def search(
    words: Annotated[list[str] | None, typer.Argument(help="要找的词，可写多个；不写则按条件列出")] = None,
    home: Home = None,
    theme: Annotated[list[str] | None, _several("--theme", "主题标签，可重复")] = None,
    industry: Annotated[list[str] | None, _several("--industry", "行业标签，可重复；总包含“不限”")] = None,
    size: Annotated[list[str] | None, _several("--size", "规模标签，可重复；总包含“不限”")] = None,
    method: Annotated[list[str] | None, _several("--method", "扶持方式标签，可重复")] = None,
    mode: Annotated[list[str] | None, _several("--mode", "兑现方式：免申即享、即申即享、承诺兑现")] = None,
    level: Annotated[list[str] | None, _several("--level", "级别：国家级、省级、市县级、园区")] = None,
    region: Annotated[str, typer.Option("--region", help="地区或园区（名称或编码）", show_default=False)] = "",
    zone: Annotated[bool, typer.Option("--zone", help="只看自贸港政策专区")] = False,
    on: Annotated[
        str, typer.Option("--on", help="哪天有效 YYYY-MM-DD（默认发布的规则日，all 不限）", show_default=False)
    ] = "",
    fits: Annotated[
        str, typer.Option("--fits", help="只看这家企业符合或可申报的（统一社会信用代码）", show_default=False)
    ] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="最多几条")] = 10,
    json: Json = False,
) -> None:
    # scipy and jieba cost half a second, which no other command should pay
    from pipelines.library import Ask, AskError, Shelf

    where = output.home_of(home)
    ask = Ask(
        words=" ".join(words or ()),
        tags={
            "theme": theme or [],
            "method": method or [],
            "mode": mode or [],
            "industry": industry or [],
            "size": size or [],
        },
        levels=level or [],
        region=region,
        zone=zone,
        on=on or current(where).rules_as_of,
        fits=fits,
        limit=limit,
    )
    with closing(open_published(where)) as con:
        try:
            rows = Shelf(con).found(con, ask)
        except AskError as error:
            raise Stop(str(error)) from None
    if json:
        output.print_json(rows)
    elif not rows:
        output.messages.print("没有找到；换个说法，或用 --on all 连失效的一起找", markup=False)
    else:
        output.print_table(
            [
                {
                    **row,
                    "tags": row["tags"].get("theme", []),
                    "valid": _until(row),
                    "snippet": "".join(row["snippet"].split("\u3000")),
                }
                for row in rows
            ],
            COLUMNS,
        )


def _until(row: dict[str, Any]) -> str:
    """The last day of an item, and what has taken its place."""
    newer = [f"{r['item_id']} 第{r['version']}版" for r in row["superseded_by"]]
    return f"{row['valid']['to']}" + (f"，已由 {'、'.join(newer)} 取代" if newer else "")


COLUMNS = {
    "item_id": "事项编号",
    "title": "事项",
    "level": "级别",
    "mode": "兑现方式",
    "tags": "主题",
    "valid": "有效至",
    "snippet": "原文",
}
