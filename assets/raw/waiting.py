"""What lies at the door and cannot come in yet: data without its control file, a control file without its data, a file still being written, an office that has not sent its part."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from assets.raw.door import CONTROL, recognised
from assets.raw.periods import period_end
from assets.raw.receipt import RECEIPT, ZONE, believable, moment, printable
from data import contract

WRITING = (".part", ".tmp")


@dataclass(frozen=True)
class Waiting:
    """One thing awaited: the file that is there (or should be), what is missing, and since when (Asia/Shanghai)."""

    name: str
    department: str | None
    table: str | None
    period: str | None
    awaited: str
    since: datetime | None


def at_the_door(home: Path) -> list[Waiting]:
    """Everything in `landing/` that no run can let in as it lies, by name."""
    found = []
    for folder, _, names in os.walk(home / "landing"):
        held = set(names)
        found += [w for name in names if (w := _seen(Path(folder), name, held)) is not None]
    return sorted(found, key=lambda w: (w.department or "", w.name))


def _seen(folder: Path, name: str, held: set[str]) -> Waiting | None:
    if name.endswith(WRITING):
        return _waiting(folder / name, name.rsplit(".", 1)[0], "对方写完（仍是临时文件名）")
    if name.endswith(CONTROL):
        data = name.removesuffix(CONTROL)
        return None if data in held else _waiting(folder / name, data, "数据文件（控制文件已到）")
    if name.endswith(RECEIPT):
        data = name.removesuffix(RECEIPT)
        return None if data in held else _waiting(folder / name, data, "数据文件（回执已到）")
    known = recognised(name)
    promised = known is not None and any(t.control and t.control.required for t in known[0])
    if promised and name + CONTROL not in held and name + RECEIPT in held:
        return _waiting(folder / name, name, "控制文件（.ctl），满一天后不再等，载入并注明")
    return None


def _waiting(place: Path, data: str, awaited: str) -> Waiting:
    known = recognised(data)
    receipt = believable(place.with_name(data + RECEIPT)) if os.path.lexists(place.with_name(data + RECEIPT)) else None
    since = moment(receipt["received_at"]) if receipt else None
    if since is None:
        since = datetime.fromtimestamp(int(place.lstat().st_mtime), tz=ZONE).replace(tzinfo=None)
    tables, _, parts = known if known else ([], "", None)
    return Waiting(
        printable(place.name),
        tables[0].department if tables else None,
        tables[0].name if tables else None,
        parts.period if parts else None,
        awaited,
        since,
    )


def missing_parts(deliveries: Iterable[Mapping[str, Any]]) -> Iterator[Waiting]:
    """Offices that deliver apart and have not sent the newest period yet, though they sent the one before.

    `deliveries`: department, table, kind, period, batch, status, received_at. Since = when the first office sent that period.
    """
    told = {(t.department, t.name): t for t in contract.tables() if t.volume.per_batch}
    series: dict[tuple[str, str], dict[str, dict[str, datetime]]] = {}
    for row in deliveries:
        key = (row["department"], row["table"])
        if key in told and row["status"] in ("loaded", "superseded") and period_end(row["period"] or ""):
            series.setdefault(key, {}).setdefault(row["period"], {})[row["batch"] or ""] = row["received_at"]
    for (department, name), periods in sorted(series.items()):
        if len(periods) < 2:
            continue
        before, newest = sorted(periods, key=lambda p: str(period_end(p)))[-2:]
        for batch in sorted(periods[before].keys() - periods[newest].keys()):
            since = min(periods[newest].values())
            label = told[department, name].label
            yield Waiting(
                f"{label} {newest}（{batch}）",
                department,
                name,
                newest,
                f"经办机构 {batch} 的一份，其他机构已交",
                since,
            )
