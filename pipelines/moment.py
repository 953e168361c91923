"""When a person acts: the wall clock, or, in a mock home only, the day its world stands at."""

import logging
import os
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

VARIABLE = "HUIQI_MOCK_CLOCK"
# Clocks of one office differ by minutes; more than this is no drift.
SLACK = timedelta(minutes=10)
log = logging.getLogger(__name__)


class ClockError(ValueError):
    """The clock was asked to be another one where it may not be, or could not be read."""


def moment(home: Path, corrected: bool = False) -> datetime:
    """Now in Asia/Shanghai, naive, to the second; never used to decide who is eligible.

    A mock world ends on a day of the past, on which its lists are valid. There `HUIQI_MOCK_CLOCK` (ISO) sets the hands; in a home
    without `world.json` the variable is refused: nobody dates an approval back. A real clock
    that lies before the newest row of the audit trail is refused too, but for the one step that corrects it (`corrected`).
    """
    said = os.environ.get(VARIABLE)
    if said is None:
        now = datetime.now(ZoneInfo("Asia/Shanghai")).replace(tzinfo=None, microsecond=0)
        if not (home / "world.json").exists() and not corrected:
            _refuse_backwards(home, now)
        return now
    if not (home / "world.json").exists():
        raise ClockError(f"{VARIABLE} 只能用于模拟数据（有 world.json 的目录）；真实目录以时钟为准")
    try:
        return datetime.fromisoformat(said).replace(tzinfo=None, microsecond=0)
    except ValueError as error:
        raise ClockError(f"{VARIABLE} 应为 2025-01-26T09:00:00 这样的时刻，实际为 {said}") from error


def _refuse_backwards(home: Path, now: datetime) -> None:
    """A clock put back would revive a list that has lapsed, or close a notice early when it is put forward again. Raises ClockError."""
    store = home / "control.sqlite"
    if not store.exists():
        return
    with closing(sqlite3.connect(store)) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'audit'").fetchone():
            return
        newest = db.execute("SELECT at FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    if newest and datetime.fromisoformat(newest[0]) - now > SLACK:
        log.warning("时钟 %s 早于审计台账末行 %s，不予办理", now, newest[0])
        raise ClockError(
            f"现在的时钟 {now:%Y-%m-%d %H:%M} 早于审计台账末行 {newest[0].replace('T', ' ')}，像是被拨回；先校准时钟。"
            "若是当时的时钟走快了，由审批人用 huiqi audit clock --as 姓名 --note 原因 登记"
        )
