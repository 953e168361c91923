"""The dates of a run come from what was received or from the caller, never from a clock."""

import datetime as dt
import json
from pathlib import Path

import pytest

from pipelines.scope import NothingReceivedError, resolve


def _receipt(folder: Path, name: str, received_at: str, sha256: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.receipt.json").write_text(
        json.dumps({"file": name, "sha256": sha256, "received_at": received_at})
    )


def test_as_of_is_the_day_of_the_newest_receipt(tmp_path: Path) -> None:
    _receipt(tmp_path / "landing", "a", "2024-12-18T09:31:00+08:00", "a" * 64)
    _receipt(tmp_path / "accepted" / "bb", "b", "2025-01-20T18:00:00+08:00", "b" * 64)
    scope = resolve(tmp_path)
    assert (scope.as_of, scope.rules_as_of) == (dt.date(2025, 1, 20), dt.date(2025, 1, 20))
    assert scope.known_at == dt.datetime(2025, 1, 20, 23, 59, 59)


def test_nothing_received_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NothingReceivedError, match="world make"):
        resolve(tmp_path)


def test_build_id_follows_inputs_and_dates_only(tmp_path: Path) -> None:
    _receipt(tmp_path / "accepted" / "x", "a", "2024-12-18T09:31:00+08:00", "a" * 64)
    one = resolve(tmp_path, "2024-12-31").build_id
    assert one == resolve(tmp_path, "2024-12-31").build_id
    assert one != resolve(tmp_path, "2024-12-30").build_id
    _receipt(tmp_path / "accepted" / "y", "later", "2025-02-01T00:00:00+08:00", "c" * 64)
    assert one == resolve(tmp_path, "2024-12-31").build_id, "a delivery not yet known must not change a past build"
    _receipt(tmp_path / "accepted" / "z", "b", "2024-12-01T00:00:00+08:00", "d" * 64)
    assert one != resolve(tmp_path, "2024-12-31").build_id


def test_a_damaged_receipt_does_not_stop_a_run(tmp_path: Path) -> None:
    _receipt(tmp_path / "landing", "a", "2024-12-18T09:31:00+08:00", "a" * 64)
    (tmp_path / "landing" / "bad.receipt.json").write_text("{")
    assert resolve(tmp_path).as_of == dt.date(2024, 12, 18)


def test_the_build_is_named_by_what_came_in_not_by_what_stood_there_when_the_run_began(tmp_path: Path) -> None:
    scope = resolve(tmp_path, "2024-12-31")
    before = scope.build_id
    _receipt(tmp_path / "accepted" / "x", "a", "2024-12-18T09:31:00+08:00", "a" * 64)
    scope.seal()
    assert scope.build_id != before
    assert scope.build_id == resolve(tmp_path, "2024-12-31").build_id, "a second run with nothing new is the same build"
    _receipt(tmp_path / "accepted" / "y", "b", "2024-12-19T09:31:00+08:00", "b" * 64)
    assert scope.build_id != resolve(tmp_path, "2024-12-31").build_id, "what comes in during a run belongs to the next"


def test_a_known_at_without_a_time_is_the_end_of_that_day(tmp_path: Path) -> None:
    assert resolve(tmp_path, "2024-12-31", "2024-12-15").known_at == dt.datetime(2024, 12, 15, 23, 59, 59)
