"""The door of the bureau: when each parcel arrives, what goes wrong on the way, control files and receipts."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from data.world import calendar
from data.world.parcel import Parcel
from data.world.writers import Written

# Days late per hundred parcels: most on time, 70 % of the late within five days, 22 % within fifteen (feeds.md 1.5).
_LATE_STEPS = ((0.86, 0, 1), (0.958, 1, 5), (0.99, 6, 15), (1.01, 16, 45))
_ZONE = "+08:00"
_OFFSET = dt.timezone(dt.timedelta(hours=8))
ANOMALIES = (
    "truncated", "swapped_content", "wrong_period", "wrong_control", "missing_control", "missing_receipt", "resent", "resent_changed", "missing_flag",
)  # fmt: skip
_RATES = {
    "truncated": 0.002,
    "swapped_content": 0.001,
    "wrong_period": 0.001,
    "wrong_control": 0.005,
    "missing_control": 0.004,
    "missing_receipt": 0.005,
    "resent": 0.004,
    "resent_changed": 0.02,
    "missing_flag": 0.02,
}


@dataclass
class Arrival:
    """One file as it reached the door."""

    path: Path
    department: str
    table: str
    period: str
    kind: str
    due: dt.date
    # None: it never came.
    received: dt.datetime | None
    rows: int
    anomalies: list[str] = field(default_factory=list)
    receipt: bool = True
    sha256: str = ""
    bytes: int = 0

    def seal(self) -> None:
        """Take hash and size of the file as it now lies at the door."""
        with self.path.open("rb") as file:
            self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            self.bytes = file.tell()


def _draw(seed: int, name: str, what: str) -> float:
    digest = hashlib.blake2b(f"{seed}\x1f{name}\x1f{what}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") / 2**64


def received_at(seed: int, parcel: Parcel, closing: dt.date = calendar.CLOSING_DAY) -> dt.datetime:
    """Due day plus lateness, on a working morning; nothing after the closing day."""
    draw = _draw(seed, parcel.name, "late")
    for edge, low, high in _LATE_STEPS:
        if draw < edge:
            late = low + int(_draw(seed, parcel.name, "days") * (high - low + 1)) if high > 1 or low else 0
            break
    day = calendar.working_day(parcel.due + dt.timedelta(days=late))
    day = min(day, max(parcel.due, closing))
    second = int(_draw(seed, parcel.name, "second") * 7 * 3600)
    return dt.datetime.combine(day, dt.time(9, 0)) + dt.timedelta(seconds=second)


def troubles(seed: int, parcel: Parcel) -> list[str]:
    """What goes wrong with this parcel."""
    found = []
    for kind in ANOMALIES:
        # A cut in plain text shows only where a control file comes with it.
        if kind == "truncated" and not (parcel.extension.endswith("gz") or parcel.control):
            continue
        if kind in ("wrong_control", "missing_control") and not parcel.control:
            continue
        if kind == "wrong_period" and parcel.kind != "I":
            continue
        if kind == "resent_changed" and parcel.draft is None:
            continue
        if kind == "missing_flag" and not parcel.flag:
            continue
        if _draw(seed, parcel.name, kind) < _RATES[kind]:
            found.append(kind)
    return found[:1]


def _stand_in(parcel: Parcel, kinds: list[str], sent: dict[tuple[str, str], Path]) -> Path | None:
    """The file whose bytes go out under this parcel's name: another table's of the department, or this table's of the period before."""
    if "wrong_period" in kinds:
        return sent.get((parcel.department, parcel.table))
    if "swapped_content" not in kinds:
        return None
    others = [p for (d, t), p in sent.items() if d == parcel.department and t != parcel.table]
    return next((p for p in reversed(others) if p.name.endswith(f".{parcel.extension}")), None)


def deliver(
    seed: int,
    landing: Path,
    parcel: Parcel,
    forced: list[str],
    closing: dt.date = calendar.CLOSING_DAY,
    sent: dict[tuple[str, str], Path] | None = None,
) -> Iterator[tuple[Arrival, Written | None]]:
    """Write the parcel (and, where it went wrong, its second coming) under landing/<department>/<day received>/.

    `sent` holds the last good file by department and table, kept from one call to the next.
    """
    sent = {} if sent is None else sent
    if "silent" in parcel.anomalies:
        yield (
            Arrival(
                Path(),
                parcel.department,
                parcel.table,
                parcel.period,
                parcel.kind,
                parcel.due,
                None,
                0,
                ["silent"],
                False,
            ),
            None,
        )
        return
    first = received_at(seed, parcel, closing)
    kinds = forced or troubles(seed, parcel)
    if parcel.draft is not None and "resent_changed" in kinds:
        noticed = dt.datetime.combine(calendar.working_day(first.date() + dt.timedelta(days=9)), dt.time(11, 3))
        if noticed.date() <= closing:
            yield from _corrected(landing, parcel, parcel.draft, first, noticed)
            sent[parcel.department, parcel.table] = _place(landing, parcel, noticed)
            return
        kinds = []
    written = parcel.write(_place(landing, parcel, first))
    late = [*(["late"] if (first.date() - parcel.due).days > 3 else []), *parcel.anomalies]
    path = _place(landing, parcel, first)

    def arrival(received: dt.datetime, rows: int, anomalies: list[str], receipt: bool = True) -> Arrival:
        return Arrival(
            _place(landing, parcel, received), parcel.department, parcel.table, parcel.period, parcel.kind, parcel.due, received, rows, anomalies, receipt
        )  # fmt: skip

    again = calendar.working_day(first.date() + dt.timedelta(days=2))
    second = min(
        dt.datetime.combine(again, dt.time(10, 17)),
        dt.datetime.combine(max(parcel.due, closing), dt.time(17, 0)),
    )
    if second <= first or second.date() == first.date():
        kinds = [k for k in kinds if k in ("missing_control", "missing_receipt", "missing_flag")]
    stand_in = _stand_in(parcel, kinds, sent)
    sent[parcel.department, parcel.table] = path
    if stand_in is not None:
        right = path.read_bytes()
        wrong = stand_in.read_bytes()
        path.write_bytes(wrong)
        _control(path, parcel, written, right)
        sent[parcel.department, parcel.table] = _place(landing, parcel, second)
        _write(_place(landing, parcel, second), right)
        _control(_place(landing, parcel, second), parcel, written, right)
        yield arrival(first, 0, [*late, *kinds]), None
        yield arrival(second, written.rows, ["resent_after_mistake"]), written
        return
    kinds = [k for k in kinds if k not in ("swapped_content", "wrong_period")]
    if "truncated" in kinds:
        sent[parcel.department, parcel.table] = _place(landing, parcel, second)
        whole = path.read_bytes()
        _write(_place(landing, parcel, second), whole)
        path.write_bytes(whole[: len(whole) * 3 // 5])
        _control(_place(landing, parcel, first), parcel, written, whole)
        _control(_place(landing, parcel, second), parcel, written, whole)
        yield arrival(first, 0, [*late, "truncated"]), None
        yield arrival(second, written.rows, ["resent_after_truncation"]), written
        return
    if "wrong_control" in kinds:
        raw = path.read_bytes()
        _write(_place(landing, parcel, second), raw)
        _control(path, parcel, written, raw, extra_rows=3)
        _control(_place(landing, parcel, second), parcel, written, raw)
        yield arrival(first, written.rows, [*late, "wrong_control"]), written
        yield arrival(second, written.rows, ["resent_with_right_control"]), written
        return
    if "missing_control" not in kinds:
        _control(path, parcel, written, path.read_bytes() if parcel.control else b"", unflagged="missing_flag" in kinds)
    yield arrival(first, written.rows, [*late, *kinds], receipt="missing_receipt" not in kinds), written
    if "resent" in kinds:
        raw = path.read_bytes()
        _write(_place(landing, parcel, second), raw)
        _control(_place(landing, parcel, second), parcel, written, raw)
        yield arrival(second, written.rows, ["duplicate_of_earlier"]), written


def _corrected(
    landing: Path, parcel: Parcel, draft: Callable[[Path], Written], first: dt.datetime, noticed: dt.datetime
) -> Iterator[tuple[Arrival, Written]]:
    """The whole file with some wrong rows, and days later again under the same name with the right ones."""
    late = ["late"] if (first.date() - parcel.due).days > 3 else []
    for write, received, kinds in (
        (draft, first, [*late, *parcel.anomalies, "resent_changed"]),
        (parcel.write, noticed, [*parcel.anomalies, "resent_after_correction"]),
    ):
        path = _place(landing, parcel, received)
        written = write(path)
        _control(path, parcel, written, path.read_bytes() if parcel.control else b"")
        yield (
            Arrival(path, parcel.department, parcel.table, parcel.period, parcel.kind, parcel.due, received, written.rows, kinds),
            written,
        )  # fmt: skip


def _write(path: Path, raw: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)


def _place(landing: Path, parcel: Parcel, received: dt.datetime) -> Path:
    return landing / parcel.department / f"{received:%Y%m%d}" / parcel.name


def _control(
    path: Path, parcel: Parcel, written: Written, raw: bytes, extra_rows: int = 0, unflagged: bool = False
) -> None:
    """`rows=`, `amount=`, `md5=`, `period=`, `batch=`; md5 is of the file's bytes as delivered."""
    if not parcel.control:
        return
    if parcel.flag and not unflagged:
        _write(path.with_name(path.name + ".ok"), b"")
    lines = [f"rows={written.rows + extra_rows}"]
    if written.amount is not None:
        sign = "-" if written.amount < 0 else ""
        lines.append(f"amount={sign}{abs(written.amount) // 100}.{abs(written.amount) % 100:02d}")
    lines += [
        f"md5={hashlib.md5(raw, usedforsecurity=False).hexdigest()}",
        f"period={parcel.period}",
        f"batch={parcel.batch}",
    ]
    _write(path.with_name(path.name + ".ctl"), ("\n".join(lines) + "\n").encode())


def write_receipts(arrivals: list[Arrival], after: int = 0) -> None:
    """The front door's receipts, numbered in order of arrival; a few are lost.

    Files carry their time of arrival as modification time, which is what the door falls back on.
    """
    came = [(a.received, a.path.name, a) for a in arrivals if a.received is not None]
    for number, (received, _, arrival) in enumerate(sorted(came, key=lambda c: c[:2]), start=after + 1):
        stamp = received.replace(tzinfo=_OFFSET).timestamp()
        for path in (arrival.path, *(arrival.path.with_name(arrival.path.name + end) for end in (".ctl", ".ok"))):
            if path.exists():
                os.utime(path, (stamp, stamp))
        if not arrival.receipt:
            continue
        if not arrival.sha256:
            arrival.seal()
        receipt = {
            "file": arrival.path.name,
            "sha256": arrival.sha256,
            "bytes": arrival.bytes,
            "received_at": received.isoformat() + _ZONE,
            "sequence": number,
        }
        text = json.dumps(receipt, ensure_ascii=False, indent=1) + "\n"
        _write(arrival.path.with_name(arrival.path.name + ".receipt.json"), text.encode())
