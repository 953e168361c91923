"""After freezing: money is undone by two people only, what is not due any more stays in the house, and a changed export is found."""

import csv
import dataclasses
import json
import os
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from assets.push_history import history
from matching.push.fingerprint import message_key
from pipelines import steps
from pipelines.approval import Desk
from pipelines.docket import RefusedError
from tests.pipelines.test_approval import (
    AFTER_NOTICE,
    PHRASE,
    approved,
    frozen,
    line,
    refused,
    shown,
    status,
    submitted,
)
from tests.pipelines.test_approval import desk as bare_desk

__all__ = ["bare_desk"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("pipelines.steps.rechecked", lambda home, lines, day, granted=False: {})
    return tmp_path


@pytest.fixture
def desk(bare_desk: Desk, home: Path) -> Desk:
    return dataclasses.replace(bare_desk, sent=home / "lists")


def released(home: Path, desk: Desk, header: Mapping[str, Any]) -> list[dict[str, Any]]:
    return steps.release(home, desk, header["list_id"], "王经办", PHRASE, AFTER_NOTICE)


def undone(home: Path, desk: Desk, header: Mapping[str, Any], officer: str, note: str = "账户有误") -> list[bool]:
    return steps.reverse(home, desk, header["list_id"], "91461", note, officer, PHRASE, AFTER_NOTICE)


def payments(home: Path, header: Mapping[str, Any]) -> list[str]:
    with (home / "lists" / header["list_id"] / "payment.csv").open(encoding="utf-8") as file:
        return [row["uscc"] for row in csv.DictReader(file)]


def a_message(enterprise: int) -> dict[str, Any]:
    key = message_key(f"E{enterprise}", "a", "2024", "invite.v1", 1)
    sent = {"earliest_send": "2024-12-27T08:00:00", "latest_send": "2024-12-31T20:00:00"}
    said = {"template": "invite.v1", "message": "回T退订", "contact_hash": "h", "contact_masked": "138****0000"}
    return line(
        enterprise, None, kind="invite", channel="sms", line_key=key, list_id="", arm=None, risk=None, **sent, **said
    )


PAID = {
    "list_id": "",
    "contact_hash": None,
    "contact_masked": None,
    "latest_send": None,
    "message": None,
    "arm": None,
    "risk": None,
    "template": None,
}


def test_two_approvers_undo_an_award_and_the_payment_file_is_without_it(home: Path, desk: Desk) -> None:
    header = approved(desk, [line(1, **PAID), line(2, **PAID)])
    frozen(desk, header)
    assert undone(home, desk, header, "李审批") == [False]
    refused("另一人", lambda: undone(home, desk, header, "李审批"), desk)
    refused("角色", lambda: undone(home, desk, header, "王经办"), desk)
    refused("写明原因", lambda: undone(home, desk, header, "赵审批", " "), desk)
    assert undone(home, desk, header, "赵审批") == [True]
    refused("已经冲销", lambda: undone(home, desk, header, "赵审批"), desk)
    assert desk.control.rows("SELECT entity_id FROM active_award") == [{"entity_id": "E2"}]
    assert desk.control.rows("SELECT committed_fen FROM fund") == [{"committed_fen": 10000}]
    released(home, desk, header)
    assert payments(home, header) == ["91462"]
    control = (home / "lists" / header["list_id"] / "payment.ctl").read_text(encoding="utf-8")
    assert "rows=1\namount=100.00\n" in control
    people = (home / "lists" / header["list_id"] / "名单.csv").read_text(encoding="utf-8-sig").splitlines()
    assert "不发送" in people[1] and "已冲销" in people[1] and "100.00" not in people[1]
    assert desk.trail.verify(desk.control) == [] and desk.changed_exports() == []


def test_what_has_left_is_undone_only_when_it_came_back(
    home: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = approved(desk, [line(1, **PAID)])
    frozen(desk, header)
    released(home, desk, header)
    state = {"uscc": "91461", "cycle": "2024", "state": "waiting"}
    monkeypatch.setattr("pipelines.steps.settlement", lambda home, list_id: {"open": 1, "lines": [state]})
    refused("退回", lambda: undone(home, desk, header, "李审批"), desk)
    state["state"] = "returned"
    assert (undone(home, desk, header, "李审批"), undone(home, desk, header, "赵审批")) == ([False], [True])
    assert desk.control.rows("SELECT 1 FROM active_award") == []


def test_a_firm_barred_after_freezing_stops_the_payment_file(
    home: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = approved(desk, [line(1, **PAID), line(2, **PAID)])
    frozen(desk, header)
    key = line(1)["line_key"]

    def barred(home: Path, lines: Any, day: Any, granted: bool = False) -> dict[str, str]:
        return {one["line_key"]: "命中排除情形" for one in lines if one["line_key"] == key}

    monkeypatch.setattr("pipelines.steps.rechecked", barred)
    refused("命中排除情形.*冲销", lambda: released(home, desk, header), desk)
    assert status(desk, header) == "frozen" and not (home / "lists").exists()
    undone(home, desk, header, "李审批")
    undone(home, desk, header, "赵审批")
    released(home, desk, header)
    assert payments(home, header) == ["91462"]


def test_a_message_is_checked_again_when_it_is_sent(home: Path, desk: Desk) -> None:
    rows = [a_message(1), a_message(2)]
    header = submitted(desk, rows, kind="invite")
    desk.approve(header["list_id"], header["sha256"], "李审批", PHRASE, "", AFTER_NOTICE)
    frozen(desk, header)
    desk.opt_out("E2", "message", "电话", "王经办", PHRASE, AFTER_NOTICE)
    released(home, desk, header)
    folder = home / "lists" / header["list_id"]
    sent = [
        json.loads(text)["line_key"] for text in (folder / "gateway.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert sent == [rows[0]["line_key"]]
    assert desk.control.rows("SELECT line_key, reason FROM withheld") == [
        {"line_key": rows[1]["line_key"], "reason": "已退订或放弃"}
    ]
    detail = desk.control.rows("SELECT detail FROM audit WHERE action = 'exported'")[0]["detail"]
    assert json.loads(detail)["withheld"] == 1


def test_a_message_list_signed_late_keeps_caps_deadlines_and_quiet_hours(home: Path, desk: Desk) -> None:
    """Two lists were planned for the 27th and leave on the evening of the 30th: what the second would be too much of stays in the house."""
    late = AFTER_NOTICE.replace(month=12, day=30, hour=21)
    for item, keys in (("a", (1, 2)), ("b", (1, 3)), ("c", (1, 4))):
        rows = [
            {**a_message(n), "item_id": item, "line_key": message_key(f"E{n}", item, "2024", "invite.v1", 1)}
            for n in keys
        ]
        if item == "c":
            rows[1]["latest_send"] = "2024-12-30T20:00:00"
        header = submitted(desk, rows, kind="invite", item_id=item)
        desk.approve(header["list_id"], header["sha256"], "李审批", PHRASE, "", late)
        frozen(desk, header)
        steps.release(home, desk, header["list_id"], "王经办", PHRASE, late)
    reasons = [row["reason"] for row in desk.control.rows("SELECT reason FROM withheld ORDER BY reason")]
    assert len(reasons) == 2 and "7 天内已发 2 条" in reasons[0] and "已过最晚发送时间" in reasons[1]
    sent = [
        json.loads(text)
        for path in sorted(home.glob("lists/*/gateway.jsonl"))
        for text in path.read_text(encoding="utf-8").splitlines()
    ]
    assert len(sent) == 4 and {entry["not_before"] for entry in sent} == {"2024-12-31T08:00:00"}
    left = desk.control.rows("SELECT DISTINCT sent_on FROM message ORDER BY sent_on")
    assert [row["sent_on"] for row in left] == ["2024-12-27", "2024-12-31"], "what was withheld keeps its planned day"
    # what never left counts for no cap, but its key is used up
    past = history(desk.control, late.date().replace(year=2026))
    assert [len(past[name]) for name in ("sent", "withheld")] == [4, 2]


def test_lists_exported_at_the_same_instant_stay_within_the_caps_together(home: Path, desk: Desk) -> None:
    """Six lists write to the same three firms, each exported by a thread of its own: two messages a firm leave, however they meet."""
    headers = []
    for item in "abcdef":
        rows = [
            {**a_message(n), "item_id": item, "line_key": message_key(f"E{n}", item, "2024", "invite.v1", 1)}
            for n in (1, 2, 3)
        ]
        header = submitted(desk, rows, kind="invite", item_id=item)
        desk.approve(header["list_id"], header["sha256"], "李审批", PHRASE, "", AFTER_NOTICE)
        frozen(desk, header)
        headers.append(header)
    barrier = Barrier(len(headers))

    def exported(header: Mapping[str, Any]) -> None:
        barrier.wait(timeout=60)
        released(home, desk, header)

    with ThreadPoolExecutor(len(headers)) as pool:
        list(pool.map(exported, headers))
    sent = Counter(row["enterprise_id"] for row in desk.control.rows("SELECT enterprise_id FROM sent_message"))
    assert sent == {"E1": 2, "E2": 2, "E3": 2}
    left = [path.read_text(encoding="utf-8").splitlines() for path in home.glob("lists/*/gateway.jsonl")]
    assert sum(map(len, left)) == 6 and desk.trail.verify(desk.control) == []


def test_an_export_edited_on_disk_is_found_and_no_more_money_moves(home: Path, desk: Desk) -> None:
    header = approved(desk, [line(1, **PAID)])
    frozen(desk, header)
    released(home, desk, header)
    path = home / "lists" / header["list_id"] / "payment.csv"
    assert desk.changed_exports() == []
    before = path.stat()
    path.write_text(path.read_text(encoding="utf-8").replace("100.00", "900.00"), encoding="utf-8")
    # of the same size, and dated as it was: only the time of the change itself tells
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    (finding,) = desk.changed_exports()
    assert "payment.csv 与导出时不同" in finding.reason
    other = approved(desk, [line(2, **PAID)])
    refused("与导出时不同", lambda: frozen(desk, other), desk)
    with pytest.raises(RefusedError, match="与导出时不同"):
        released(home, desk, header)
    (home / "lists" / header["list_id"] / "名单.csv").unlink()
    assert {finding.reason.split(" ")[-1] for finding in desk.changed_exports()} == {"不见了", "与导出时不同"}


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        ("UPDATE award SET amount_fen = 1 WHERE award_id = 1", "金额或企业与名单不同"),
        ("UPDATE award SET entity_id = 'E9' WHERE award_id = 1", "金额或企业与名单不同"),
        ("DELETE FROM award WHERE award_id = 1", "不在台账中"),
        (
            "INSERT INTO award SELECT 99, 'forged', kind, 'E9', item_id, cycle, claim_unit, exclusion_group, group_cycle, generation,"
            " amount_fen, list_id, as_of, reverses, reason FROM award WHERE award_id = 1",
            "名单上没有",
        ),
    ],
)
def test_books_altered_behind_the_triggers_stop_all_money_and_are_named(
    home: Path, desk: Desk, attack: str, said: str
) -> None:
    header = approved(desk, [line(1, **PAID), line(2, **PAID)])
    frozen(desk, header)
    assert desk.altered_ledger() == []
    with desk.control.transaction() as db:
        for trigger in ("award_no_update", "award_no_delete", "award_guard"):
            db.execute(f"DROP TRIGGER {trigger}")
        db.execute(attack)
    assert said in desk.altered_ledger()[0].reason
    refused(said, lambda: released(home, desk, header), desk)


def test_a_spoilt_anchor_file_is_named_and_people_are_still_refused_in_words(home: Path, desk: Desk) -> None:
    header = submitted(desk, [line(1, **PAID)])
    with desk.trail.anchors.open("a", encoding="utf-8") as file:
        file.write("{spoilt\n")
    refused(
        "须先公示", lambda: desk.approve(header["list_id"], header["sha256"], "李审批", PHRASE, "", AFTER_NOTICE), desk
    )
    lines = desk.trail.anchors.read_text(encoding="utf-8").splitlines()
    assert "读不出来" in desk.trail.verify(desk.control)[0].reason and "seq" in lines[-1]
    # reordered: each anchor still names its own row, so nothing is wrong; exchanged MACs are
    swapped = [json.loads(text) for text in (lines[0], lines[-1])]
    swapped[0]["mac"], swapped[1]["mac"] = swapped[1]["mac"], swapped[0]["mac"]
    desk.trail.anchors.write_text("".join(json.dumps(one) + "\n" for one in swapped), encoding="utf-8")
    assert len([f for f in desk.trail.verify(desk.control) if "与锚文件" in f.reason]) == 2


def test_two_approvers_at_the_same_instant_count_as_two_and_one_twice_as_one(home: Path, desk: Desk) -> None:
    for officers, expected in ((("李审批", "赵审批"), 2), (("李审批", "李审批"), 1)):
        header = submitted(desk, [line(expected, **PAID)])
        shown(desk, header)

        def signed(name: str, header: Mapping[str, Any] = header) -> bool:
            try:
                desk.approve(header["list_id"], header["sha256"], name, PHRASE, "同意", AFTER_NOTICE)
            except RefusedError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sum(pool.map(signed, officers)) == expected
        assert status(desk, header) == ("approved" if expected == 2 else "publicised")
        said = desk.control.rows("SELECT officer FROM approval WHERE list_id = ?", (header["list_id"],))
        assert len(said) == expected
    assert desk.trail.verify(desk.control) == []
