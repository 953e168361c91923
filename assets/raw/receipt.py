"""Receipts: when a delivery was received and what it was then; what a receipt may not claim."""

import json
import os
import re
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

RECEIPT = ".receipt.json"
# what the ledger notes of a delivery whose receipt our door had to make
NO_RECEIPT = "没有回执"
# and what it notes where the file's own time cannot be that of its arrival
UNTIMED = "没有回执，何时收到无从知道"
# A receipt dated later than this after the moment it was written is from the future.
CLOCK_SLACK = timedelta(days=1)
ZONE = ZoneInfo("Asia/Shanghai")
MAX_RECEIPT = 64 << 10


def printable(name: str) -> str:
    """A file name that any log, JSON file or terminal can hold: bytes that are no text, control and direction marks are shown as escapes."""
    text = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return re.sub(
        r"[^\S ]|[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", lambda m: f"\\u{ord(m.group()):04x}", text
    )


def believable(place: Path) -> dict[str, Any] | None:
    """A receipt that can be read, is not from the future and does not contradict the delivery beside it; None for any other.

    The newest day of a home is taken from these alone: one lying receipt must not make every feed look late.
    """
    said = _read_receipt(place)
    if isinstance(said, str):
        return None
    delivery = place.with_name(place.name.removesuffix(RECEIPT))
    told = said["bytes"] >= 0 and os.path.lexists(delivery)
    return None if told and delivery.lstat().st_size != said["bytes"] else said


def moment(received_at: str) -> datetime:
    """A receipt's time as naive Asia/Shanghai. Raises ValueError."""
    found = datetime.fromisoformat(received_at)
    return (found.astimezone(ZONE).replace(tzinfo=None) if found.tzinfo else found).replace(microsecond=0)


def receipt_of(path: Path, first_seen: datetime | None) -> dict[str, Any] | str:
    """The delivery's receipt, or one made from the file itself if the front door lost it; or what is wrong with it.

    A file without a receipt was received when it was last written, or, in a run at the newest day, at the latest by that day's end:
    the clock of this machine must not decide that a file which lies there is not yet known.
    """
    place = path.with_name(path.name + RECEIPT)
    if os.path.lexists(place):
        said = _read_receipt(place)
        if not isinstance(said, str) and (said["bytes"] < 0 or said["sequence"] < 0):
            return "回执缺少 bytes 或 sequence，无法确认收到的内容"
        return said
    written = datetime.fromtimestamp(int(path.stat().st_mtime), tz=ZONE).replace(tzinfo=None)
    received = min(written, first_seen) if first_seen else written
    # Kept only once the file is let in: a receipt left in the landing zone would move the day of the next run.
    return {
        "file": printable(path.name),
        "sha256": None,
        "bytes": path.stat().st_size,
        "received_at": received.replace(tzinfo=ZONE).isoformat(),
        "sequence": 0,
        "made_by": "door" if received == written else "run",
    }


def _read_receipt(place: Path) -> dict[str, Any] | str:
    try:
        if not stat.S_ISREG(place.lstat().st_mode) or place.lstat().st_size > MAX_RECEIPT:
            return "回执不是普通的小文件"
        said = json.loads(place.read_text(encoding="utf-8"))
        received = moment(said["received_at"])
        written = datetime.fromtimestamp(place.lstat().st_ctime, tz=ZONE).replace(tzinfo=None)
        kept = {
            "file": printable(str(said.get("file", "")))[:300],
            "sha256": str(said["sha256"]).lower(),
            "bytes": int(said.get("bytes", -1)),
            "received_at": str(said["received_at"]),
            "sequence": int(said.get("sequence", -1)),
        }
        if said.get("until") is not None and moment(said["until"]) <= received:
            kept["until"] = str(said["until"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return "回执不合格式，无法确认收到的时间和内容（应有 file、sha256、bytes、received_at、sequence）"
    if received > written + CLOCK_SLACK:
        return f"回执写的收到时间 {received:%Y-%m-%d %H:%M} 晚于回执本身落地的时间，来自未来，不予接收"
    if received.year < 2000 or kept["sequence"] >= 2**53 or kept["bytes"] >= 2**53:
        return "回执的收到时间、序号或字节数超出可能的范围"
    return kept
