"""`huiqi search`: the policy library by words, tags, place and day."""

from contextlib import closing
from datetime import date
from typing import Annotated, Any

import duckdb
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
    from matching.text.search import Filters

    where = output.home_of(home)
    day = None if on == "all" else _day(on or current(where).rules_as_of)
    tags: dict[str, frozenset[str]] = {
        facet: frozenset(wanted) for facet, wanted in (("theme", theme), ("method", method), ("mode", mode)) if wanted
    }
    tags |= {
        facet: frozenset((*wanted, "不限")) for facet, wanted in (("industry", industry), ("size", size)) if wanted
    }
    with closing(open_published(where)) as con:
        library, shown_tags = _library(con)
        for facet, wanted in tags.items():
            unknown = sorted(wanted - set(library.tags.get(facet, {})) - {"不限"})
            if unknown:
                known = "、".join(sorted(library.tags.get(facet, {})))
                raise Stop(f"没有标签「{'、'.join(unknown)}」；--{facet} 可用：{known}")
        filters = Filters(
            tags=tags,
            levels=frozenset(level or ()),
            region=_place(region) if region else None,
            zone="自贸港" if zone else None,
            on=day,
            items=_fitting(con, fits) if fits else None,
        )
    rows = [
        {
            "item_id": hit.item_id,
            "version": hit.version,
            "title": hit.title,
            "score": hit.score,
            "tags": shown_tags.get((hit.item_id, hit.version), {}),
            "level": library.items["level"][hit.row],
            "region": library.items["region"][hit.row].to_list(),
            "mode": library.items["mode"][hit.row],
            "valid": {"from": library.items["valid_from"][hit.row], "to": library.items["valid_to"][hit.row]},
            "snippet": hit.snippet,
        }
        for hit in library.search(" ".join(words or ()), filters, limit)
    ]
    if json:
        output.print_json(rows)
    elif not rows:
        output.messages.print("没有找到；换个说法，或用 --on all 连失效的一起找", markup=False)
    else:
        output.print_table(
            [{**row, "tags": row["tags"].get("theme", []), "valid": row["valid"]["to"]} for row in rows], COLUMNS
        )


COLUMNS = {
    "item_id": "事项编号",
    "title": "事项",
    "level": "级别",
    "mode": "兑现方式",
    "tags": "主题",
    "valid": "有效至",
    "snippet": "原文",
}
# reviewed tags are shown where there are any, else what rules and model found
TAGS = """
SELECT item_id, version, facet, tag, score
FROM (SELECT *, bool_or(source = 'reviewed') OVER (PARTITION BY item_id, version, facet) AS is_reviewed FROM policy.tag)
WHERE source = 'reviewed' OR NOT is_reviewed
ORDER BY item_id, version, facet, score DESC, tag
"""


def _library(con: duckdb.DuckDBPyConnection) -> Any:
    from matching.text.search import Library

    items = con.sql(
        "SELECT item_id, version, title, level, region, zone, mode, valid_from, valid_to, text FROM policy.item ORDER BY item_id, version"
    ).pl()
    terms = con.sql("SELECT item_id, version, terms FROM policy.search ORDER BY item_id, version").pl()
    tags = con.sql(TAGS).pl()
    shown: dict[tuple[str, int], dict[str, list[str]]] = {}
    for row in tags.iter_rows(named=True):
        facets = shown.setdefault((row["item_id"], row["version"]), {})
        if row["tag"] not in facets.setdefault(row["facet"], []):
            facets[row["facet"]].append(row["tag"])
    return Library(items, tags, terms["terms"]), shown


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Stop(f"「{text}」不是日期，应写作 2025-01-25") from None


def _place(text: str) -> str:
    from data import gazetteer

    if text.isdigit() or text.startswith("park-"):
        return text
    found = gazetteer.find(text)
    if not found:
        raise Stop(f"不认识地名或园区名「{text}」；可写名称（海口、江东新区）或编码（460100、park-jiangdong）")
    return found[-1].code


def _fitting(con: duckdb.DuckDBPyConnection, key: str) -> frozenset[str]:
    rows = con.execute(
        "SELECT DISTINCT item_id FROM match.pair WHERE uscc = $key AND verdict IN ('eligible', 'declarable')",
        {"key": key},
    ).fetchall()
    known = con.execute("SELECT count(*) FROM profile.enterprise WHERE uscc = $key", {"key": key}).fetchall()[0][0]
    if not known:
        raise Stop(f"档案里没有统一社会信用代码 {key} 的企业；其他编号请先用 huiqi who 查")
    return frozenset(row[0] for row in rows)
