"""`quality.anomaly`: what is odd about whole deliveries, one line each: silence, size, scale; the lists a person looks through."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any

import polars as pl

from assets.raw.late import late
from assets.raw.periods import period_end
from assets.raw.receipt import NO_RECEIPT
from data import contract

COLUMNS = {
    "department": pl.String,
    "table_name": pl.String,
    "period": pl.String,
    "alarm": pl.String,
    "file_id": pl.String,
    "detail": pl.String,
}
ALARMS = {
    "gap": "缺期",
    "late": "迟到",
    "volume": "行数异常",
    "distribution": "单位或量级异常",
    "content": "内容属另一期",
    "columns": "列有变化",
    "encoding": "编码有变化",
    "receipt": "没有回执",
}
_SIGNS = (
    ("volume", "份的中位数是"),
    ("distribution", "像是单位换了"),
    ("encoding", "文件实际是"),
    ("columns", "列名与合同不同"),
    ("columns", "合同里没有的列"),
    ("receipt", NO_RECEIPT),
    ("content", "像是另一期的数据"),
    ("content", "又送了一遍"),
)


def anomalies(deliveries: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """`deliveries`: raw.delivery. Alarms: `gap` (a period never came), `late`, `volume`, `distribution` (unit), `content` (of another period), `columns`, `encoding`, `receipt`."""
    rows = deliveries.to_dicts()
    found = dict.fromkeys([*_gaps(rows, as_of), *late(rows), *_odd(rows)])
    return pl.DataFrame(list(found), schema=COLUMNS, orient="row").sort("department", "table_name", "period", "alarm", "file_id", nulls_last=True)  # fmt: skip


def _odd(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        said = f"{row['reason'] or ''}；{row['notes'] or ''}"
        for alarm, mark in _SIGNS:
            # A delivery that was noted only belongs to a stream of news: its size is no habit to break.
            if mark in said and (row["status"] == "held" or alarm != "volume"):
                yield row["department"], row["table_name"], row["period"], alarm, row["file_id"], said.strip("；")


def _gaps(rows: Iterable[dict[str, Any]], as_of: date) -> Iterator[tuple[Any, ...]]:
    """Periods between the first that came and the last that is due, of tables with a rhythm, that never came, refused ones included."""
    came: dict[tuple[str, str, int], set[str]] = {}
    for row in rows:
        if row["department"] and row["period"] and len(row["period"]) in (4, 6):
            for name in (row["table_name"] or "").split(","):
                came.setdefault((row["department"], name, _step(row["period"])), set()).add(row["period"])
    for (department, name, step), periods in sorted(came.items()):
        table = contract.feeds()[department].tables.get(name)
        if table is None or table.cadence not in ("month", "quarter", "year") or len(periods) < 3:
            continue
        wait = timedelta(days=table.due_days + table.grace_days)
        missing, period = [], min(periods)
        while (end := period_end(period)) is not None and end + wait < as_of:
            if period not in periods and not (step == 1 and end.month in table.merged_months):
                missing.append(period)
            period = _next(period, step)
        # A table that often has nothing to say sends nothing: its silence is no alarm.
        if len(missing) * 5 <= len(periods):
            yield from ((department, name, p, "gap", None, f"{p} 一期没有交付") for p in missing)


def _step(period: str) -> int:
    return 12 if len(period) == 4 else 3 if "Q" in period else 1


def _next(period: str, step: int) -> str:
    year = int(period[:4])
    if step == 12:
        return f"{year + 1}"
    if step == 3:
        quarter = int(period[5])
        return f"{year}Q{quarter + 1}" if quarter < 4 else f"{year + 1}Q1"
    month = int(period[4:])
    return f"{year}{month + 1:02d}" if month < 12 else f"{year + 1}01"
