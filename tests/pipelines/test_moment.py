"""Nobody dates an approval back: another clock is for mock homes alone."""

import datetime as dt
from pathlib import Path

import pytest

from pipelines.docket import RefusedError
from pipelines.moment import VARIABLE, ClockError, moment
from pipelines.officers import enrol
from pipelines.steps import desk_of


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


def test_a_clock_put_back_is_refused_until_an_approver_says_it_had_been_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HUIQI_MOCK_CLOCK", raising=False)
    assert moment(tmp_path) > dt.datetime(2020, 1, 1), "a home in which nobody has acted"
    desk = desk_of(tmp_path)
    with desk.control.transaction() as db:
        enrol(db, "李审批", "approver", "correct horse battery")
        desk.trail.record(db, moment(tmp_path) + dt.timedelta(minutes=5), "李审批", "sign_in", "李审批", {})
    moment(tmp_path)
    with desk.control.transaction() as db:
        desk.trail.record(db, moment(tmp_path) + dt.timedelta(days=365), "李审批", "sign_in", "李审批", {})
    with pytest.raises(ClockError, match=r"像是被拨回.*huiqi audit clock"):
        moment(tmp_path)
    now = moment(tmp_path, corrected=True)
    with pytest.raises(RefusedError, match="为什么不对"):
        desk.correct_clock("李审批", "correct horse battery", " ", now)
    desk.correct_clock("李审批", "correct horse battery", "服务器时钟快一年", now)
    assert moment(tmp_path) >= now
