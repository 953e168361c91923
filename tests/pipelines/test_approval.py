"""Money needs two people who saw exactly this list; what is frozen never changes; every attempt leaves a trace."""

import datetime as dt
import json
import multiprocessing
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from matching.push.fingerprint import award_key, list_id, list_sha256, message_key
from pipelines.approval import Desk
from pipelines.audit import trail
from pipelines.control import ControlStore
from pipelines.docket import RefusedError
from pipelines.officers import OfficerError, enrol, remove

AT = dt.datetime(2024, 12, 19, 9, 30)
AFTER_NOTICE = dt.datetime(2024, 12, 27, 9, 30)
PHRASE = "correct horse"


def line(n: int, amount: str | None = "100.00", **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "line_no": n,
        "line_key": award_key(f"E{n}", "a", "2024", ""),
        "kind": "auto_award",
        "enterprise_id": f"E{n}",
        "uscc": f"9146{n}",
        "name": f"海南{n}有限公司",
        "item_id": "a",
        "version": 1,
        "cycle": "2024",
        "claim_unit": "",
        "amount_yuan": None if amount is None else Decimal(amount),
        "deadline": dt.date(2024, 12, 31),
        "reasons": "[]",
        "missing": "[]",
        "score": 0.75,
        "channel": "finance",
        "wave": 1,
        "exclusion_group": None,
        "group_cycle": "2024",
        "covers": None,
        "earliest_send": None,
    }
    return body | changes


def proposed(lines: Sequence[Mapping[str, Any]], **changes: Any) -> dict[str, Any]:
    amounts = [row["amount_yuan"] for row in lines if row["amount_yuan"] is not None]
    header: dict[str, Any] = {
        "kind": "auto_award",
        "item_id": "a",
        "version": 1,
        "title": "研发后补助",
        "department": "海南省科学技术厅",
        "cycle": "2024",
        "as_of": dt.date(2024, 12, 18),
        "rules_as_of": dt.date(2024, 12, 18),
        "valid_until": dt.date(2024, 12, 31),
        "cut_rule": None,
        "holdout_share": 0.0,
        "corrects": None,
        "amount_yuan": sum(amounts, Decimal(0)),
        "budget_yuan": None,
        "build_id": "b0",
    } | changes
    header["sha256"] = list_sha256(header, lines)
    header["list_id"] = list_id(header, header["sha256"])
    return header


def nothing_changed(lines: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {}


def same_amounts(header: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> dict[str, Decimal | None]:
    return {row["line_key"]: Decimal(row["amount_yuan"]) for row in lines}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    control = ControlStore(tmp_path / "control.sqlite")
    with control.transaction() as db:
        for name, role in (("王经办", "analyst"), ("李审批", "approver"), ("赵审批", "approver"), ("钱查看", "viewer")):
            enrol(db, name, role, PHRASE)
    return Desk(control, trail(tmp_path))


def submitted(desk: Desk, lines: Sequence[Mapping[str, Any]] | None = None, **changes: Any) -> dict[str, Any]:
    rows = lines if lines is not None else [line(1), line(2)]
    header = proposed(rows, **changes)
    desk.submit(header, rows, [], {}, "王经办", PHRASE, AT)
    return header


def shown(desk: Desk, header: Mapping[str, Any]) -> None:
    desk.publicise(header["list_id"], "王经办", PHRASE, AT.date(), AT.date() + dt.timedelta(days=5), AT)


def approved(desk: Desk, lines: Sequence[Mapping[str, Any]] | None = None, **changes: Any) -> dict[str, Any]:
    header = submitted(desk, lines, **changes)
    shown(desk, header)
    for officer in ("李审批", "赵审批"):
        desk.approve(header["list_id"], header["sha256"], officer, PHRASE, "同意", AFTER_NOTICE)
    return header


def frozen(desk: Desk, header: Mapping[str, Any], recheck: Any = nothing_changed, recompute: Any = same_amounts) -> Any:
    return desk.freeze(header["list_id"], "王经办", PHRASE, AFTER_NOTICE, recheck, recompute)


def refused(reason: str, step: Callable[[], Any], desk: Desk) -> None:
    """The step is refused for this reason, and the attempt stands in the audit trail."""
    with pytest.raises(RefusedError, match=reason):
        step()
    newest = desk.control.rows("SELECT action, detail FROM audit ORDER BY seq DESC LIMIT 1")[0]
    assert newest["action"].endswith(".refused") and json.loads(newest["detail"])["reason"]


def status(desk: Desk, header: Mapping[str, Any]) -> str:
    return str(desk.control.rows("SELECT status FROM push_list WHERE list_id = ?", (header["list_id"],))[0]["status"])


def test_two_people_approve_and_the_award_stands_in_the_ledger(desk: Desk) -> None:
    header = approved(desk)
    assert status(desk, header) == "approved"
    result = frozen(desk, header)
    assert result["rows"] == 2 and result["approvers"] == ["李审批", "赵审批"]
    assert desk.control.rows("SELECT entity_id, amount_fen FROM active_award ORDER BY entity_id") == [
        {"entity_id": "E1", "amount_fen": 10000},
        {"entity_id": "E2", "amount_fen": 10000},
    ]
    assert desk.control.rows("SELECT committed_fen FROM fund")[0]["committed_fen"] == 20000
    assert desk.trail.verify(desk.control) == []


def test_nobody_approves_alone(desk: Desk) -> None:
    header = submitted(desk)
    name, sha = header["list_id"], header["sha256"]
    refused("先公示", lambda: desk.approve(name, sha, "李审批", PHRASE, "", AT), desk)
    shown(desk, header)
    refused("期满后", lambda: desk.approve(name, sha, "李审批", PHRASE, "", AT), desk)
    assert desk.approve(name, sha, "李审批", PHRASE, "", AFTER_NOTICE) == "publicised"
    refused("另一人", lambda: desk.approve(name, sha, "李审批", PHRASE, "", AFTER_NOTICE), desk)
    refused("口令", lambda: desk.approve(name, sha, "赵审批", "not the phrase", "", AFTER_NOTICE), desk)
    refused("口令", lambda: desk.approve(name, sha, "陌生人", PHRASE, "", AFTER_NOTICE), desk)
    refused("角色", lambda: desk.approve(name, sha, "钱查看", PHRASE, "", AFTER_NOTICE), desk)
    refused("角色", lambda: desk.approve(name, sha, "王经办", PHRASE, "", AFTER_NOTICE), desk)
    refused("sha256", lambda: desk.approve(name, "0" * 64, "赵审批", PHRASE, "", AFTER_NOTICE), desk)
    refused("状态", lambda: frozen(desk, header), desk)
    assert status(desk, header) == "publicised"


def test_the_maker_is_not_an_approver_of_the_same_list(desk: Desk) -> None:
    rows = [line(1)]
    header = proposed(rows)
    desk.submit(header, rows, [], {}, "李审批", PHRASE, AT)
    shown(desk, header)
    refused(
        "经办人", lambda: desk.approve(header["list_id"], header["sha256"], "李审批", PHRASE, "", AFTER_NOTICE), desk
    )


def test_an_approver_who_left_does_not_count(desk: Desk) -> None:
    header = approved(desk)
    with desk.control.transaction() as db:
        remove(db, "赵审批")
    refused("有效审批 1 人", lambda: frozen(desk, header), desk)


def test_content_that_differs_from_its_hash_is_refused(desk: Desk) -> None:
    rows = [line(1), line(2)]
    header = proposed(rows)
    forged = [rows[0] | {"amount_yuan": Decimal("999.00")}, rows[1]]
    refused("sha256", lambda: desk.submit(header, forged, [], {}, "王经办", PHRASE, AT), desk)


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE push_line SET body = replace(body, '100.00', '900.00')",
        "DELETE FROM push_line WHERE line_no = 1",
        "UPDATE push_list SET sha256 = 'x'",
        "UPDATE push_list SET header = '{}'",
        "UPDATE push_list SET status = 'approved'",
        "DELETE FROM push_list",
        "UPDATE approval SET officer = '王经办'",
        "UPDATE award SET amount_fen = 1",
        "DELETE FROM award",
        "UPDATE audit SET actor = 'x'",
        "DELETE FROM audit",
        "INSERT INTO push_line SELECT list_id, 99, 'k', enterprise_id, item_id, cycle, kind, body FROM push_line LIMIT 1",
    ],
)
def test_a_frozen_list_cannot_be_changed(desk: Desk, attack: str) -> None:
    frozen(desk, approved(desk))
    with pytest.raises(sqlite3.IntegrityError), desk.control.transaction() as db:
        db.execute(attack)


def test_lines_changed_behind_the_triggers_are_found_at_freezing(desk: Desk) -> None:
    header = approved(desk)
    with desk.control.transaction() as db:
        db.execute("DROP TRIGGER line_fixed")
        db.execute("UPDATE push_line SET body = replace(body, '100.00', '900.00') WHERE line_no = 1")
    refused("sha256", lambda: frozen(desk, header), desk)
    assert desk.control.rows("SELECT count(*) AS n FROM award")[0]["n"] == 0


def test_nothing_is_paid_twice_by_another_list(desk: Desk) -> None:
    frozen(desk, approved(desk))
    again = approved(desk, [line(2), line(3)], corrects="the first")
    refused("91462 .*已兑付", lambda: frozen(desk, again), desk)
    assert desk.control.rows("SELECT count(*) AS n FROM award")[0]["n"] == 2


def test_one_award_per_exclusion_group_and_year(desk: Desk) -> None:
    frozen(desk, approved(desk, [line(1, exclusion_group="g")]))
    other = line(1, item_id="b", line_key=award_key("E1", "b", "2024-06", ""), cycle="2024-06", exclusion_group="g")
    header = approved(desk, [other], item_id="b", cycle="2024-06")
    refused("就高不重复", lambda: frozen(desk, header), desk)


def test_the_budget_holds_in_the_transaction(desk: Desk) -> None:
    header = approved(desk, budget_yuan=Decimal("199.99"))
    refused("超出预算", lambda: frozen(desk, header), desk)
    assert desk.control.rows("SELECT count(*) AS n FROM award")[0]["n"] == 0
    assert status(desk, header) == "approved"


@pytest.mark.parametrize("amount", ["0.001", "0", "-1", "NaN"])
def test_amounts_that_are_no_money_are_refused(desk: Desk, amount: str) -> None:
    header = approved(desk, [line(1, amount)])
    with pytest.raises(RefusedError):
        frozen(desk, header)
    assert desk.control.rows("SELECT count(*) AS n FROM award")[0]["n"] == 0


def test_a_firm_that_changed_its_mind_voids_the_list(desk: Desk) -> None:
    header = approved(desk)
    desk.opt_out("E2", "award", "电话", "王经办", PHRASE, AT)
    refused("91462：已退订", lambda: frozen(desk, header), desk)
    assert status(desk, header) == "void"
    fresh = approved(desk, [line(1)])
    frozen(desk, fresh)


def test_a_firm_barred_since_the_approval_voids_the_list(desk: Desk) -> None:
    header = approved(desk)
    refused("失信", lambda: frozen(desk, header, recheck=lambda lines: {lines[0]["line_key"]: "列入失信"}), desk)
    assert status(desk, header) == "void"


def test_an_amount_that_the_second_path_does_not_confirm_stops_the_list(desk: Desk) -> None:
    header = approved(desk)

    def other(head: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> dict[str, Decimal | None]:
        return same_amounts(head, lines) | {lines[1]["line_key"]: Decimal("99.99")}

    refused("独立复算.*91462.*100.00.*99.99", lambda: frozen(desk, header, recompute=other), desk)


def test_an_expired_list_and_an_objection_stop_the_list(desk: Desk) -> None:
    header = submitted(desk, [line(1), line(2)], valid_until=dt.date(2024, 12, 20))
    shown(desk, header)
    desk.object(header["list_id"], line(1)["line_key"], "材料不实", "王经办", PHRASE, AT)
    refused("异议", lambda: desk.approve(header["list_id"], header["sha256"], "李审批", PHRASE, "", AFTER_NOTICE), desk)
    late = approved(desk, [line(3)], valid_until=dt.date(2024, 12, 20))
    refused("已过期", lambda: frozen(desk, late), desk)


def test_a_message_is_never_sent_twice(desk: Desk) -> None:
    def invitation(n: int, template: str) -> dict[str, Any]:
        key = message_key(f"E{n}", "a", "2024", template, 1)
        send = dt.datetime(2024, 12, 20, 8)
        return line(n, None, kind="invite", channel="sms", line_key=key, template=template, earliest_send=send)

    for rows, corrects in (
        ([invitation(1, "invite.v1")], None),
        ([invitation(1, "invite.v1"), invitation(2, "invite.v1")], "x"),
    ):
        header = submitted(desk, rows, kind="invite", amount_yuan=None, corrects=corrects)
        desk.approve(header["list_id"], header["sha256"], "李审批", PHRASE, "", AT)
        assert status(desk, header) == "approved"  # one approver is enough where nothing is paid
        if corrects is None:
            frozen(desk, header)
        else:
            refused("已经发过", lambda header=header: frozen(desk, header), desk)
    assert desk.control.rows("SELECT enterprise_id, sent_on FROM message") == [
        {"enterprise_id": "E1", "sent_on": "2024-12-20"}
    ]


def _freeze_in_process(home: str, list_id: str, barrier: Any, results: Any) -> None:
    desk = Desk(ControlStore(Path(home) / "control.sqlite"), trail(Path(home)))
    barrier.wait(timeout=60)
    try:
        desk.freeze(list_id, "王经办", PHRASE, AFTER_NOTICE, nothing_changed, same_amounts)
        results.put("frozen")
    except RefusedError:
        results.put("refused")


def test_six_processes_freeze_one_list_and_one_wins(desk: Desk, tmp_path: Path) -> None:
    header = approved(desk)
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(6), context.Queue()
    workers = [
        context.Process(target=_freeze_in_process, args=(str(tmp_path), header["list_id"], barrier, results))
        for _ in range(6)
    ]
    for worker in workers:
        worker.start()
    outcomes = sorted(results.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join(timeout=60)
    assert outcomes == ["frozen"] + ["refused"] * 5
    assert desk.control.rows("SELECT count(*) AS n FROM award")[0]["n"] == 2
    assert desk.trail.verify(desk.control) == []


def test_nobody_takes_over_an_active_officer_by_enrolling_them_again(desk: Desk) -> None:
    with pytest.raises(OfficerError, match="已登记且在岗"), desk.control.transaction() as db:
        enrol(db, "李审批", "approver", "another phrase")
    with desk.control.transaction() as db:
        remove(db, "李审批")
        enrol(db, "李审批", "analyst", "another phrase")
    with pytest.raises(RefusedError, match="这一步需要“审批”"):
        header = submitted(desk)
        desk.approve(header["list_id"], header["sha256"], "李审批", "another phrase", "同意", AFTER_NOTICE)
