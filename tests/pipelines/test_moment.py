"""Nobody dates an approval back: another clock is for mock homes alone."""

import datetime as dt
from pathlib import Path

import pytest

from pipelines.moment import VARIABLE, ClockError, moment


def test_only_a_mock_home_has_its_own_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "2025-01-26T09:00:00")
    with pytest.raises(ClockError, match="真实目录以时钟为准"):
        moment(tmp_path)
    (tmp_path / "world.json").write_text("{}", encoding="utf-8")
    assert moment(tmp_path) == dt.datetime(2025, 1, 26, 9)
    monkeypatch.setenv(VARIABLE, "yesterday")
    with pytest.raises(ClockError, match="yesterday"):
        moment(tmp_path)


def test_a_real_home_reads_the_wall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    now = moment(tmp_path)
    assert now.tzinfo is None and now.microsecond == 0 and now.year >= 2024
