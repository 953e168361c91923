"""The dated gazetteer: Hainan's regions with their old codes and functional areas, the parks, and the rest of the country's names."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

REFERENCE = Path(__file__).parent / "reference"
HAINAN = "460000"


@dataclass(frozen=True)
class Region:
    """One row of regions.csv; `valid_to` is the first day on which the code no longer holds (None: still valid)."""

    code: str
    name: str
    short: str
    parent: str
    level: str
    valid_from: date | None
    valid_to: date | None
    successor: str
    source: str

    def holds(self, on: date) -> bool:
        return (self.valid_from is None or self.valid_from <= on) and (self.valid_to is None or on < self.valid_to)


@dataclass(frozen=True)
class Park:
    """One row of parks.csv; a park is not a region: it lies in one, and its firms may be registered elsewhere."""

    park: str
    name: str
    aliases: tuple[str, ...]
    region: str
    valid_from: date | None
    source: str


@dataclass(frozen=True)
class Place:
    """A name met in a text: `kind` is `region` or `park`, `code` a region code or a park id, `start:end` its characters."""

    kind: str
    code: str
    name: str
    start: int
    end: int


def _day(text: str, file: Path, row: int, column: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as wrong:
        raise ValueError(f"{file.name} 第 {row} 行 {column}:{text!r} 不是 YYYY-MM-DD 日期") from wrong


def _rows(name: str) -> list[tuple[int, dict[str, str]]]:
    with (REFERENCE / name).open(encoding="utf-8", newline="") as lines:
        return [(number, row) for number, row in enumerate(csv.DictReader(lines), start=2)]


@cache
def _all() -> tuple[Region, ...]:
    file = REFERENCE / "regions.csv"
    return tuple(
        Region(
            row["code"],
            row["name"],
            row["short"],
            row["parent"],
            row["level"],
            _day(row["valid_from"], file, number, "valid_from"),
            _day(row["valid_to"], file, number, "valid_to"),
            row["successor"],
            row["source"],
        )
        for number, row in _rows(file.name)
    )


@cache
def regions() -> tuple[Region, ...]:
    """Every dated region, oldest state first within a code; a code that changed its name has several rows."""
    return tuple(r for r in _all() if r.level != "registrar")


@cache
def parks() -> tuple[Park, ...]:
    file = REFERENCE / "parks.csv"
    return tuple(
        Park(
            row["park"],
            row["name"],
            tuple(a for a in row["aliases"].split("|") if a),
            row["region"],
            _day(row["valid_from"], file, number, "valid_from"),
            row["source"],
        )
        for number, row in _rows(file.name)
    )


@cache
def _states() -> Mapping[str, tuple[Region, ...]]:
    states: dict[str, list[Region]] = {}
    for r in regions():
        states.setdefault(r.code, []).append(r)
    return {code: tuple(rows) for code, rows in states.items()}


def region(code: str, on: date | None = None) -> Region | None:
    """The state of `code` on a day (default: its last one); None when the code is unknown or did not hold on that day."""
    states = _states().get(code, ())
    if on is None:
        return states[-1] if states else None
    return next((r for r in states if r.holds(on)), None)


def current(code: str, on: date) -> str | None:
    """The code that the place of `code` carried on `on`: old codes follow their successors, towns (9 or 12 digits) fall to their county.

    None when neither the code nor the county or prefecture it begins with is known. A code not yet born on `on` is returned as it is.
    """
    known = next((c for c in (code, code[:9], code[:6], code[:4] + "00", code[:2] + "0000") if c in _states()), None)
    if known is None:
        return None
    for _ in range(8):
        last = _states()[known][-1]
        if last.valid_to is None or on < last.valid_to or not last.successor:
            return known
        known = last.successor
    raise ValueError(f"regions.csv:区划 {code} 的 successor 成环")


@cache
def ancestors(code: str) -> tuple[str, ...]:
    """The regions above `code`, nearest first, by today's map: 469003 (old 儋州) → 460400's parents."""
    place = current(code, date.max) or code
    above: list[str] = []
    row = region(place)
    while row is not None and row.parent:
        above.append(row.parent)
        row = region(row.parent)
    return tuple(above)


@cache
def descendants(code: str) -> frozenset[str]:
    """`code` and every region below it, old codes of the same ground included, so that `region in 460400` holds for 469003."""
    below = {c for c in _states() if code in (current(c, date.max), *ancestors(c))}
    return frozenset(below | {code})


@cache
def registrar(prefix: str) -> str | None:
    """The region of a registrar's six digits (USCC characters 3 to 8): 460300 is 洋浦's registrar, though GB/T 2260 gives it to 三沙.

    It is where the firm was first registered, never where it is.
    """
    own = next((r for r in _all() if r.level == "registrar" and r.code == prefix), None)
    if own is not None:
        return own.successor
    return current(prefix, date.max) if prefix in _states() else None


@cache
def provinces() -> frozenset[str]:
    """The first two digits of every province-level region, the two special administrative regions and Taiwan included."""
    return frozenset(r.code[:2] for r in regions() if r.level == "province")


@cache
def _lexicon() -> tuple[re.Pattern[str], Mapping[str, tuple[str, str]]]:
    """One alternation over all names, longest first, and what each name means: (kind, code)."""
    meaning: dict[str, tuple[str, str]] = {}
    # Order is precedence: parks win (洋浦经济开发区 is a park before it is a functional region), then Hainan, then the rest; full names before short ones.
    for p in parks():
        for name in (p.name, *p.aliases):
            meaning.setdefault(name, ("park", p.park))
    ranked = sorted(regions(), key=lambda r: (not r.code.startswith("46"), r.valid_to is not None, r.code))
    for attribute in ("name", "short"):
        for r in ranked:
            word = getattr(r, attribute)
            if len(word) >= 2 and word not in ("市辖区", "省直辖县级行政区划"):
                meaning.setdefault(word, ("region", current(r.code, date.max) or r.code))
    pattern = "|".join(re.escape(word) for word in sorted(meaning, key=lambda w: (-len(w), w)))
    return re.compile(pattern), meaning


def find(text: str) -> list[Place]:
    """Every region and park named in `text`, left to right, longest name first, without overlaps; regions by today's code.

    Short names are words too (东方, 白沙): a caller that reads prose must ask for more than the bare hit.
    """
    pattern, meaning = _lexicon()
    return [Place(*meaning[m.group()], m.group(), m.start(), m.end()) for m in pattern.finditer(text)]


def located(address: str) -> tuple[str | None, str | None]:
    """(region code, park id) of a Hainan address: the deepest region it names, and its park; a park alone tells its region.

    None for what the address does not say. Regions outside Hainan are returned as such, so that 进琼 firms are seen.
    """
    places = find(address)
    park = next((p for p in parks() for place in places if place.code == p.park), None)
    named = [p.code for p in places if p.kind == "region"]
    # 北京市朝阳区 is not 辽宁朝阳: the first region named says which province the rest lie in.
    named = [code for code in named if code[:2] == named[0][:2]]
    deepest = max(named, key=lambda code: len(ancestors(code)), default=None)
    if park is not None and (deepest in (None, HAINAN) or _refines(park.region, deepest)):
        deepest = park.region
    return deepest, park.park if park is not None else None


def _refines(code: str, above: str | None) -> bool:
    """洋浦 (functional) refines 儋州; 美兰 does not refine 海口 for 江东新区, which lies in more than one district."""
    row = region(code)
    return row is not None and row.level == "functional" and above in ancestors(code)
