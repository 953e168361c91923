"""Which delivered column is which of ours: by header and alias, never by position where a header is promised."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import process

from data.contract import UNITS, Table, bare_mark, header_mark, split_unit
from data.readers.reading import RefusedFile

_UNIT_ROW = re.compile(r"\A[(（]?\s*(?:金额|计量|数量)?单位\s*[:：]")
LOOK_ROWS = 15
# A delivery of four thousand strange columns does not need a note of four thousand names.
MAX_NAMED = 12


@dataclass(frozen=True)
class Match:
    """Delivered positions of our columns, and what was delivered beyond the contract."""

    positions: dict[str, int]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    # (as delivered, as the contract writes it), where an alias was used
    renamed: tuple[tuple[str, str], ...] = ()


def match(headers: Sequence[str], table: Table) -> Match:
    """Finds our columns among `headers`. Raises RefusedFile on a duplicated header or a unit that contradicts the contract."""
    positions: dict[str, int] = {}
    extra: list[str] = []
    renamed: list[tuple[str, str]] = []
    for place, header in enumerate(headers):
        if not header_mark(header):
            continue
        bare, unit = split_unit(header)
        target = table.headers.get(bare_mark(header)) or table.headers.get(bare_mark(bare))
        if target is None:
            extra.append(header.strip())
            continue
        if target in positions:
            raise RefusedFile(f"表头里「{header.strip()}」出现两次（第 {positions[target] + 1} 列和第 {place + 1} 列）")
        declared = table.columns[target].unit
        if unit and declared and UNITS[unit] != UNITS[declared]:
            raise RefusedFile(f"表头「{header.strip()}」的单位是{unit}，合同约定{declared}；量纲不明，不能载入")
        positions[target] = place
        ours = table.columns[target].header
        aliases = {bare_mark(alias) for alias in table.columns[target].headers[1:]}
        # A unit beside the same word is another way of writing it, unless the contract lists it as another name.
        if bare_mark(bare) != bare_mark(split_unit(ours)[0]) or bare_mark(header) in aliases - {bare_mark(ours)}:
            renamed.append((header.strip(), ours))
    missing = tuple(n for n, c in table.columns.items() if n not in positions and not c.optional)
    return Match(positions, missing, tuple(extra), tuple(renamed))


def require(found: Match, headers: Sequence[str], table: Table) -> None:
    """Raises RefusedFile naming each missing column and the nearest delivered name."""
    if not found.missing:
        return
    spare = [h.strip() for h in headers if h.strip() and h.strip() in found.extra]
    parts = []
    for name in found.missing:
        wanted = table.columns[name].header
        near = process.extractOne(wanted, spare, score_cutoff=30.0) if spare else None
        parts.append(f"「{wanted}」（{table.columns[name].label}" + (f"；最接近的是「{near[0]}」）" if near else "）"))
    if len(found.missing) == len([c for c in table.columns.values() if not c.optional]):
        raise RefusedFile(f"没有找到表头：前 {LOOK_ROWS} 行里没有一列与合同相符，合同的第一列是「{parts[0][1:-1]}")
    raise RefusedFile("缺少列" + "、".join(parts))


def notes_of(found: Match) -> list[str]:
    notes = []
    if found.renamed:
        pairs = "、".join(f"「{theirs[:40]}」（合同写「{ours}」）" for theirs, ours in found.renamed[:MAX_NAMED])
        notes.append(f"列名与合同不同，按别名读出：{pairs}")
    if not found.extra:
        return notes
    named = "、".join(name[:40] for name in found.extra[:MAX_NAMED])
    more = f" 等 {len(found.extra)} 列" if len(found.extra) > MAX_NAMED else ""
    return [*notes, f"多出合同里没有的列：{named}{more}（未载入）"]


def unit_row_conflict(cells: Sequence[str], table: Table) -> str | None:
    """A `单位：…` row above the data that contradicts the contract's money unit: the reason, or None."""
    for cell in cells:
        if not is_unit_row(cell):
            continue
        said = [u for u in re.split(r"[^\w%]+", re.split(r"[:：]", cell, maxsplit=1)[1]) if u in UNITS]
        for suffix in ("_yuan", "_usd"):
            ours = {c.unit for c in table.columns.values() if c.unit and UNITS[c.unit][0] == suffix}
            theirs = {u for u in said if UNITS[u][0] == suffix}
            if ours and theirs and not theirs & ours:
                return f"表上写明单位是{'、'.join(sorted(theirs))}，合同约定{'、'.join(sorted(filter(None, ours)))}；量纲不明，不能载入"
    return None


def is_unit_row(cell: str) -> bool:
    return bool(_UNIT_ROW.match(cell.strip()))
