"""When a person acts: the wall clock, or, in a mock home only, the day its world stands at."""

import os
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

VARIABLE = "HUIQI_MOCK_CLOCK"


class ClockError(ValueError):
    """The clock was asked to be another one where it may not be, or could not be read."""


def moment(home: Path) -> datetime:
    """Now in Asia/Shanghai, naive, to the second; never used to decide who is eligible.

    A mock world ends on a day of the past, on which its lists are valid. There `HUIQI_MOCK_CLOCK` (ISO) sets the hands; in a home
    without `world.json` the variable is refused: nobody dates an approval back.
    """
    said = os.environ.get(VARIABLE)
    if said is None:
        return datetime.now(ZoneInfo("Asia/Shanghai")).replace(tzinfo=None, microsecond=0)
    if not (home / "world.json").exists():
        raise ClockError(f"{VARIABLE} 只能用于模拟数据（有 world.json 的目录）；真实目录以时钟为准")
    try:
        return datetime.fromisoformat(said).replace(tzinfo=None, microsecond=0)
    except ValueError as error:
        raise ClockError(f"{VARIABLE} 应为 2025-01-26T09:00:00 这样的时刻，实际为 {said}") from error
