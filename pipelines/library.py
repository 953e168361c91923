"""The policy library of a publication: asked by words, tags, place, day and enterprise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from data import gazetteer
from matching.text.search import Filters, Library

# reviewed tags are shown where there are any, else what rules and model found
TAGS = """
SELECT item_id, version, facet, tag, score
FROM (SELECT *, bool_or(source = 'reviewed') OVER (PARTITION BY item_id, version, facet) AS is_reviewed FROM policy.tag)
WHERE source = 'reviewed' OR NOT is_reviewed
ORDER BY item_id, version, facet, score DESC, tag
"""
# an item for everybody is for each industry and size
OPEN_FACETS = ("industry", "size")


class AskError(ValueError):
    """A filter that cannot be meant: an unknown tag, place, day or enterprise; the message is Chinese."""


@dataclass(frozen=True)
class Ask:
    """What is looked for. `tags`: facet → any of these; `on`: a day (ISO) or `all`; `fits`: a USCC that is eligible or declarable."""

    words: str = ""
    tags: Mapping[str, Sequence[str]] = field(default_factory=dict)
    levels: Sequence[str] = ()
    region: str = ""
    zone: bool = False
    on: str = "all"
    fits: str = ""
    limit: int = 10


class Shelf:
    """The library of one publication, indexed once."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        items = con.sql(
            "SELECT item_id, version, title, level, region, zone, mode, valid_from, valid_to, text FROM policy.item ORDER BY item_id, version"
        ).pl()
        terms = con.sql("SELECT item_id, version, terms FROM policy.search ORDER BY item_id, version").pl()
        tags = con.sql(TAGS).pl()
        self.tags: dict[tuple[str, int], dict[str, list[str]]] = {}
        for row in tags.iter_rows(named=True):
            facets = self.tags.setdefault((row["item_id"], row["version"]), {})
            if row["tag"] not in facets.setdefault(row["facet"], []):
                facets[row["facet"]].append(row["tag"])
        self.library = Library(items, tags, terms["terms"])
        self.replaced, self.repeated = _relations(con)

    def found(self, con: duckdb.DuckDBPyConnection, ask: Ask) -> list[dict[str, Any]]:
        """The rows of `huiqi search`, best first. Raises AskError."""
        wanted: dict[str, frozenset[str]] = {}
        for facet, names in ask.tags.items():
            if not names:
                continue
            unknown = sorted(set(names) - set(self.library.tags.get(facet, {})) - {"不限"})
            if unknown:
                known = "、".join(sorted(self.library.tags.get(facet, {})))
                raise AskError(f"没有标签「{'、'.join(unknown)}」；{facet} 可用：{known}")
            wanted[facet] = frozenset((*names, "不限") if facet in OPEN_FACETS else names)
        levels = set(self.library.items["level"].to_list())
        if not levels.issuperset(ask.levels):
            raise AskError(
                f"没有级别「{'、'.join(sorted({*ask.levels} - levels))}」；level 可用：{'、'.join(sorted(levels))}"
            )
        filters = Filters(
            tags=wanted,
            levels=frozenset(ask.levels),
            region=_place(ask.region) if ask.region else None,
            zone="自贸港" if ask.zone else None,
            on=None if ask.on == "all" else _day(ask.on),
            items=_fitting(con, ask.fits) if ask.fits else None,
        )
        items = self.library.items
        return [
            {
                "item_id": hit.item_id,
                "version": hit.version,
                "title": hit.title,
                "score": hit.score,
                "tags": self.tags.get((hit.item_id, hit.version), {}),
                "level": items["level"][hit.row],
                "region": items["region"][hit.row].to_list(),
                "mode": items["mode"][hit.row],
                "valid": {"from": items["valid_from"][hit.row], "to": items["valid_to"][hit.row]},
                "superseded_by": self.replaced.get((hit.item_id, hit.version), []),
                "same_as": self.repeated.get((hit.item_id, hit.version), []),
                "snippet": hit.snippet,
            }
            for hit in self.library.search(ask.words, filters, ask.limit)
        ]


Related = dict[tuple[str, int], list[dict[str, Any]]]


def _relations(con: duckdb.DuckDBPyConnection) -> tuple[Related, Related]:
    """By item version: what replaces it, and what says nearly the same. A publication from before the table was kept knows of none."""
    replaced: Related = {}
    repeated: Related = {}
    known = con.sql(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = 'policy' AND table_name = 'relation'"
    ).fetchall()
    if known:
        rows = con.sql("SELECT item_id, version, kind, other_id, other_version FROM policy.relation ORDER BY ALL")
        for item_id, version, kind, other_id, other_version in rows.fetchall():
            if kind == "replaces":
                replaced.setdefault((other_id, other_version), []).append({"item_id": item_id, "version": version})
            elif kind == "near_duplicate":
                repeated.setdefault((item_id, version), []).append({"item_id": other_id, "version": other_version})
    return replaced, repeated


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    # the standard library also reads 20250125 and weeks
    if day is None or day.isoformat() != text:
        raise AskError(f"「{text}」不是日期，应写作 2025-01-25")
    return day


def _place(text: str) -> str:
    if text.isdigit() or text.startswith("park-"):
        return text
    found = gazetteer.find(text)
    if not found:
        raise AskError(f"不认识地名或园区名「{text}」；可写名称（海口、江东新区）或编码（460100、park-jiangdong）")
    return found[-1].code


def _fitting(con: duckdb.DuckDBPyConnection, key: str) -> frozenset[str]:
    rows = con.execute(
        "SELECT DISTINCT item_id FROM match.pair WHERE uscc = $key AND verdict IN ('eligible', 'declarable')",
        {"key": key},
    ).fetchall()
    known = con.execute("SELECT count(*) FROM profile.enterprise WHERE uscc = $key", {"key": key}).fetchall()[0][0]
    if not known:
        raise AskError(f"档案里没有统一社会信用代码 {key} 的企业；其他编号请先用 huiqi who 查")
    return frozenset(row[0] for row in rows)
