"""Which period a delivery tells of: one that repeats the delivery before, or whose dates lie a period off the table's habit, waits for a named person."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median
from typing import Any

import polars as pl

from assets.raw.judge import File
from assets.raw.periods import period_end
from data.contract import Table
from quality.conform import payload

Moment = tuple[datetime, int]
# Share of a delivery's rows that stood word for word in the one before. Between deliveries of news it was 0 in every feed measured.
REPEATED = 0.9
# Two rows may repeat by accident (a correction sent twice); the same bytes may not.
LEAST = 5
# Of more rows than this a sample, chosen by the hashes themselves, is compared.
MOST = 1_000_000
# Days a habit may stray from its median, and how many deliveries make a habit.
STRAY, AFTER, WINDOW = 12.0, 3, 6
# Days by which another period's dates are off: the shortest month and the shortest quarter, less what a habit strays.
_OFF = {6: 25.0, "Q": 80.0}


@dataclass(frozen=True)
class Told:
    """What one delivery told: `lag` = days from the median of its dates to the end of its period (None: no rhythm); hashes of its distinct rows, of a large delivery those that `one_in` divides."""

    at: Moment
    name: str
    period: str
    sha256: str
    lag: float | None
    rows: pl.Series
    one_in: int = 1


Series = dict[tuple[str, str], list[Told]]


def told(rows: pl.DataFrame, table: Table, arrivals: Iterable[dict[str, Any]]) -> dict[str, Told]:
    """File id → what it told, for every increment that brought rows."""
    marked = rows.select("_file_id", row=rows.select(payload(table)).hash_rows(seed=0))
    groups = {key[0]: part["row"] for key, part in marked.partition_by("_file_id", as_dict=True).items()}
    middles: dict[str, Any] = {}
    if table.dated:
        days = rows.group_by("_file_id").agg(pl.col(table.dated).cast(pl.Date).cast(pl.Int32).median())
        middles = dict(days.iter_rows())
    return {
        a["file_id"]: told_of(a, groups[a["file_id"]].unique(), middles.get(a["file_id"]))
        for a in arrivals
        if a["kind"] == "I" and a["file_id"] in groups
    }


def told_of(arrival: dict[str, Any], rows: pl.Series, middle: Any, one_in: int = 1) -> Told:
    """One delivery of the ledger or the door, with the hashes of its rows and the median of its dates (days since 1970; None: undated)."""
    end = period_end(arrival["period"] or "")
    rhythm = end is not None and middle is not None and _off(arrival["period"]) is not None
    lag = (end - date(1970, 1, 1)).days - middle if rhythm and end is not None else None
    at = (arrival["received_at"], arrival["sequence"])
    return Told(at, arrival["name"], arrival["period"] or "", arrival["sha256"], lag, rows, one_in)


def thinned(rows: int) -> int:
    """One in how many hashes is kept of so many rows: a power of two, so that two deliveries' samples can be compared."""
    one_in = 1
    while rows > one_in * MOST:
        one_in *= 2
    return one_in


def _off(period: str) -> float | None:
    return _OFF.get("Q" if "Q" in period else len(period))


def judge_told(files: list[File], found: Mapping[str, Told], table: Table, known: Series) -> None:
    """Holds (or, for daily and weekly news, notes) each file that tells of another period than it says; what is sound becomes part of `known`. `found`: `told`."""
    # News told twice is the same news: it is noted. A month told twice is a month untold.
    waits = table.volume.hold or table.cadence in ("month", "quarter")
    for file in sorted(files, key=lambda f: (f.arrival["received_at"], f.arrival["sequence"])):
        own = found.get(file.id)
        if own is None or (file.refusal and not file.held):
            continue
        series = known.setdefault(("I", file.arrival["batch"] or ""), [])
        before = sorted((t for t in series if t.at < own.at and t.period != own.period), key=lambda t: t.at)
        said = None if table.standing else _repeats(own, before)
        said = said or _elsewhen(own, before)
        if file.held:
            # Held for its size already: whoever looks into it is told both.
            file.refusal = f"{file.refusal}；{said}" if said else file.refusal
            continue
        if said:
            released = file.arrival.get("released_by")
            if not released and not waits:
                file.notes.append(said)
                continue
            if not released:
                file.refusal, file.held = f"待放行：{said}；向部门核实后重新交付，或用 huiqi release 放行", True
                continue
            file.notes.append(f"{said}，由{released}放行：{file.arrival['released_why']}")
        series.append(own)


def _repeats(own: Told, before: list[Told]) -> str | None:
    # Nothing, told twice, is no row told twice.
    if not before or own.rows.is_empty():
        return None
    last = before[-1]
    if own.sha256 == last.sha256:
        return f"内容与上一份 {last.name} 逐字节相同，像是把那一期又送了一遍"
    one_in = max(own.one_in, last.one_in)
    ours, theirs = (rows.filter(rows % one_in == 0) if one_in > 1 else rows for rows in (own.rows, last.rows))
    if len(ours) < LEAST:
        return None
    same = int(ours.is_in(theirs.implode()).sum())
    if same >= REPEATED * len(ours):
        return f"{'抽查的 ' if one_in > 1 else ''}{len(ours)} 行中 {same} 行与上一份 {last.name} 完全相同，像是把那一期又送了一遍"
    return None


def _elsewhen(own: Told, before: list[Told]) -> str | None:
    """The dates of a monthly or quarterly delivery lie where they always lie, seen from its period's end."""
    past = [t.lag for t in before if t.lag is not None and len(t.period) == len(own.period)][-WINDOW:]
    off = _off(own.period)
    if own.lag is None or off is None or len(past) < AFTER:
        return None
    usual = median(past)
    if max(abs(lag - usual) for lag in past) > STRAY or abs(own.lag - usual) < off:
        return None
    return f"里面的日期比文件名的期间{'早' if own.lag > usual else '晚'}了约 {abs(own.lag - usual):.0f} 天，像是另一期的数据"
