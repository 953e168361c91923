"""The audit trail names the row that was edited, removed, or cut off the end."""

import datetime as dt
import json
from pathlib import Path

import pytest

from pipelines.audit import Trail, trail
from pipelines.control import ControlStore

AT = dt.datetime(2024, 12, 19, 9, 30)


@pytest.fixture
def kept(tmp_path: Path) -> tuple[ControlStore, Trail]:
    control, audit = ControlStore(tmp_path / "control.sqlite"), trail(tmp_path)
    for n in range(1, 6):
        with control.transaction() as db:
            audit.record(db, AT, "李审批", "approve", f"L{n}", {"note": "同意"})
        audit.anchor(control)
    with control.transaction() as db:
        db.execute("DROP TRIGGER audit_no_update")
        db.execute("DROP TRIGGER audit_no_delete")
    return control, audit


def findings(kept: tuple[ControlStore, Trail], attack: str) -> list[tuple[int, str]]:
    control, audit = kept
    with control.transaction() as db:
        db.execute(attack)
    return [(finding.seq, finding.reason) for finding in audit.verify(control)]


def test_an_untouched_trail_is_whole(kept: tuple[ControlStore, Trail]) -> None:
    assert kept[1].verify(kept[0]) == []


def test_an_edited_row_is_named(kept: tuple[ControlStore, Trail]) -> None:
    assert findings(kept, "UPDATE audit SET actor = '赵审批' WHERE seq = 3") == [(3, "第 3 行内容被改动")]


def test_a_removed_row_is_named(kept: tuple[ControlStore, Trail]) -> None:
    assert (3, "第 3 行缺失") in findings(kept, "DELETE FROM audit WHERE seq = 3")


def test_a_cut_tail_is_named_by_the_anchor(kept: tuple[ControlStore, Trail]) -> None:
    assert findings(kept, "DELETE FROM audit WHERE seq >= 4") == [(4, "第 4 至 5 行被截去（锚文件记到第 5 行）")]


def test_a_cut_tail_written_anew_disagrees_with_the_anchor(kept: tuple[ControlStore, Trail]) -> None:
    control, audit = kept
    with control.transaction() as db:
        db.execute("DELETE FROM audit WHERE seq = 5")
        audit.record(db, AT, "李审批", "approve", "L9", {})
    assert [(f.seq, f.reason) for f in audit.verify(control)] == [(5, "第 5 行与锚文件第 5 行不符")]


def test_without_the_key_no_row_can_be_made(kept: tuple[ControlStore, Trail], tmp_path: Path) -> None:
    control, audit = kept
    forger = Trail(b"guess" * 8, audit.anchors)
    with control.transaction() as db:
        forger.record(db, AT, "x", "approve", "L6", {})
    assert [(f.seq, f.reason) for f in audit.verify(control)] == [(6, "第 6 行内容被改动")]


def test_a_lost_anchor_file_is_said(kept: tuple[ControlStore, Trail]) -> None:
    control, audit = kept
    audit.anchors.unlink()
    assert "锚文件" in audit.verify(control)[0].reason


def test_the_key_is_private_and_made_once(tmp_path: Path) -> None:
    first, second = trail(tmp_path), trail(tmp_path)
    assert first.key == second.key
    assert (tmp_path / "keys" / "audit.key").stat().st_mode & 0o777 == 0o400


def test_the_anchor_holds_the_head(kept: tuple[ControlStore, Trail]) -> None:
    control, audit = kept
    last = json.loads(audit.anchors.read_text(encoding="utf-8").splitlines()[-1])
    assert last["mac"] == audit.head(control)
