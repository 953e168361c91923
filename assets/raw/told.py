"""Which period a delivery tells of: one that repeats the delivery before, or whose dates lie a period off the table's habit, waits for a named person."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

import polars as pl

from assets.raw.judge import File
from assets.raw.periods import period_end
from data.contract import PROVENANCE, Table

Moment = tuple[datetime, int]
# Share of a delivery's rows that stood word for word in the one before. Between deliveries of news it was 0 in every feed measured.
REPEATED = 0.9
# Two rows may repeat by accident (a correction sent twice); the same bytes may not.
LEAST = 5
# Days a habit may stray from its median, and how many deliveries make a habit.
STRAY, AFTER, WINDOW = 12.0, 3, 6
# Days by which another period's dates are off: the shortest month and the shortest quarter, less what a habit strays.
_OFF = {6: 25.0, "Q": 80.0}


@dataclass(frozen=True)
class Told:
    """What one delivery told: `lag` = days from the median of its dates to the end of its period (None: no rhythm); hashes of its distinct rows."""

    at: Moment
    name: str
    period: str
    sha256: str
    lag: float | None
    rows: pl.Series


Series = dict[tuple[str, str], list[Told]]


def told(rows: pl.DataFrame, table: Table, arrivals: Iterable[dict[str, Any]]) -> dict[str, Told]:
    """File id → what it told, for every increment that brought rows."""
    payload = [c for c in table.stored if c not in PROVENANCE]
    marked = rows.select("_file_id", row=rows.select(payload).hash_rows(seed=0))
    groups = {key[0]: part["row"] for key, part in marked.partition_by("_file_id", as_dict=True).items()}
    dated = table.valid_at if table.valid_at and table.columns[table.valid_at].type != "year" else None
    middles: dict[str, Any] = {}
    if dated:
        days = rows.group_by("_file_id").agg(pl.col(dated).cast(pl.Date).cast(pl.Int32).median())
        middles = dict(days.iter_rows())
    found = {}
    for a in arrivals:
        held = groups.get(a["file_id"])
        if a["kind"] != "I" or held is None:
            continue
        end, middle = period_end(a["period"] or ""), middles.get(a["file_id"])
        rhythm = end is not None and middle is not None and _off(a["period"]) is not None
        lag = (end - datetime(1970, 1, 1).date()).days - middle if rhythm and end is not None else None
        found[a["file_id"]] = Told((a["received_at"], a["sequence"]), a["name"], a["period"] or "", a["sha256"], lag, held.unique())  # fmt: skip
    return found


def _off(period: str) -> float | None:
    return _OFF.get("Q" if "Q" in period else len(period))


def judge_told(files: list[File], rows: pl.DataFrame, table: Table, known: Series) -> None:
    """Holds (or, for daily and weekly news, notes) each file that tells of another period than it says; what is sound becomes part of `known`."""
    found = told(rows, table, [f.arrival for f in files])
    # News told twice is the same news: it is noted. A month told twice is a month untold.
    waits = table.volume.hold or table.cadence in ("month", "quarter")
    for file in sorted(files, key=lambda f: (f.arrival["received_at"], f.arrival["sequence"])):
        own = found.get(file.id)
        if own is None or file.refusal:
            continue
        series = known.setdefault(("I", file.arrival["batch"] or ""), [])
        before = sorted((t for t in series if t.at < own.at and t.period != own.period), key=lambda t: t.at)
        said = None if table.standing else _repeats(own, before)
        said = said or _elsewhen(own, before)
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
    if len(own.rows) < LEAST:
        return None
    same = int(own.rows.is_in(last.rows.implode()).sum())
    if same >= REPEATED * len(own.rows):
        return f"{len(own.rows)} 行中 {same} 行与上一份 {last.name} 完全相同，像是把那一期又送了一遍"
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
