"""The work list: everything that waits for a person, why, since when, due when, and the command or page that settles it.

Read when it is asked for, from the newest publication and from what people have done since; nothing here decides anything.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from assets.ports import Control
from assets.push_proofs import checked
from data import indicators
from data.contract import feeds
from matching.push.kinds import KINDS, MESSAGE, MONEY, WORK
from matching.push.pools import STATES as FUND_STATES
from matching.push.quiet import Calendar, calendar
from matching.push.settle import PATIENCE, STATES
from pipelines.deliveries import REFUSALS, open_refusals, settled
from pipelines.docket import STATUSES, needed
from pipelines.moment import VARIABLE, moment

Row = dict[str, Any]
Rows = Callable[[str], list[Row]]
"""Runs a SELECT on the newest publication."""

SORTS = {
    "list": "名单签批",
    "verify": "条件核实",
    "case": "办件核实",
    "document": "材料核验",
    "identity": "主体归一",
    "delivery": "交付放行",
    "payout": "支付认定",
    "settlement": "兑付对账",
    "reversal": "冲销",
    "fund": "资金池",
    "dispute": "疑义核校",
    "call": "12345 来电",
}
COLUMNS = {
    "sort_name": "种类", "title": "事由", "subject": "编号", "department": "部门", "why": "为什么等", "since": "从何时", "due": "应在何时前",
    "late_days": "逾期（天）", "n": "户或笔", "amount_yuan": "金额（元）", "settle": "怎么办",
}  # fmt: skip
# Working days within which the house wants a thing done that no policy and no list dates. Trial values of ours, not a regulation.
PROMISED = {"identity": 10, "payout": 5, "delivery": 2, "dispute": 10, "fund": 2}


@dataclass(frozen=True)
class Waiting:
    """One thing that waits. `due` is None where nothing presses; `settle` is a command, `page` a path of the dashboards."""

    sort: str
    subject: str
    title: str
    department: str | None
    why: str
    since: date | None
    due: date | None
    settle: str
    page: str
    n: int = 1
    amount_yuan: Decimal | None = None

    def document(self, today: date) -> Row:
        late = (today - self.due).days if self.due else 0
        return {**asdict(self), "sort_name": SORTS[self.sort], "late_days": max(late, 0)}


def waiting(rows: Rows, exists: Callable[[str], bool], control: Control, today: date) -> list[Waiting]:
    """Everything that waits, the most overdue first; what others have dated stands before what only we would like to see done.

    A publication that lacks a table has nothing of that sort.
    """
    days = calendar()
    parts: list[tuple[Sequence[str], Callable[[], list[Waiting]]]] = [
        (("push.list",), lambda: _lists(rows, control)),
        (("push.list", "push.line", "match.pair"), lambda: _unverified(rows, control)),
        (("push.decision",), lambda: _cases(rows)),
        (("push.decision",), lambda: _documents(rows, exists, control)),
        (("registry.review", "registry.said"), lambda: _identities(rows, control, days)),
        (("raw.delivery",), lambda: _deliveries(rows, control, days)),
        (("push.payout",), lambda: _payouts(rows, control, days)),
        (("push.settlement",), lambda: _unpaid(rows)),
        ((), lambda: _reversals(control)),
        (("push.fund",), lambda: _funds(rows, today, days)),
        (("profile.enterprise",), lambda: _disputes(rows, exists, control, days)),
        (("mart.fact_complaint",), lambda: _calls(rows)),
    ]
    found = [one for tables, part in parts if all(exists(table) for table in tables) for one in part()]
    return sorted(
        found, key=lambda one: (one.sort in PROMISED, one.due or date.max, one.since or date.max, one.sort, one.subject)
    )


def _within(since: date | None, sort: str, days: Calendar) -> date | None:
    """The last of so many working days after `since`."""
    if since is None:
        return None
    day = since
    for _ in range(PROMISED[sort]):
        day += timedelta(days=1)
        while not days.is_working(day):
            day += timedelta(days=1)
    return day


def _day(value: Any) -> date | None:
    if value is None:
        return None
    return value.date() if isinstance(value, datetime) else date.fromisoformat(str(value)[:10])


def _named(department: str | None) -> str | None:
    feed = feeds().get(department or "")
    return feed.name.removeprefix("海南省") if feed else department


# What each state of a list waits for: the words, and the command that goes on from there.
_STEPS: Mapping[str, tuple[str, str]] = {
    "draft": ("等经办人核对提交", "huiqi list check {id} --as 姓名"),
    "checked": ("等审批人批准", "huiqi approve {id} --as 姓名 --note 意见"),
    "publicised": ("公示到 {notice_to}，期满后等审批", "huiqi approve {id} --as 姓名 --note 意见"),
    "approved": ("等经办人冻结", "huiqi freeze {id} --as 姓名"),
    "frozen": ("等经办人导出", "huiqi export {id} --as 姓名"),
}
_NOTICE = ("等公示", "huiqi list notice {id} --as 姓名 --from 首日 --to 末日")


def _lists(rows: Rows, control: Control) -> list[Waiting]:
    """Proposed lists nobody has taken up, and lists on their way to the export. A department's work list is a sort of its own."""
    taken = {row["list_id"]: row for row in control.rows("SELECT * FROM push_list")}
    signed = {
        row["list_id"]: row["n"] for row in control.rows("SELECT list_id, count(*) AS n FROM approval GROUP BY list_id")
    }
    objected = {
        row["list_id"]: row["n"]
        for row in control.rows("SELECT list_id, count(*) AS n FROM objection GROUP BY list_id")
    }
    headers = {row["list_id"]: row for row in rows("SELECT * FROM push.list")}
    for list_id, row in taken.items():
        headers.setdefault(list_id, json.loads(row["header"]))
    found = []
    for list_id, header in headers.items():
        state = taken[list_id]["status"] if list_id in taken else "draft"
        if state not in _STEPS or header["kind"] == WORK:
            continue
        words, command = _NOTICE if state == "checked" and header["kind"] in MONEY else _STEPS[state]
        told = [STATUSES[state], words.format(notice_to=taken.get(list_id, {}).get("notice_to"))]
        if state == "publicised" and signed.get(list_id):
            told.append(f"已批准 {signed[list_id]} 人，需要 {needed(header['kind'])} 人")
        if objected.get(list_id):
            told.append(f"有 {objected[list_id]} 条异议，须否决后另出名单")
            command = "huiqi reject {id} --as 姓名 --note 原因"
        # an invitation or an award lapses; nobody is promised an advisory digest by a day
        pressing = header["kind"] in MONEY | MESSAGE
        found.append(
            Waiting(
                "list", list_id, f"{KINDS.get(header['kind'], header['kind'])}：{header['title']}", header["department"] or None, "，".join(told),
                _day(header["as_of"]), _day(header.get("valid_until")) if pressing else None, command.format(id=list_id), f"/pushes/{list_id}/review",
                int(header["row_count"]), Decimal(str(header["amount_yuan"])) if header.get("amount_yuan") is not None else None,
            )
        )  # fmt: skip
    return found


def _unverified(rows: Rows, control: Control) -> list[Waiting]:
    """Per department work list: the pairs whose undecided condition a department must confirm, since the oldest became so."""
    gone = {
        row["list_id"] for row in control.rows("SELECT list_id FROM push_list WHERE status IN ('rejected', 'void')")
    }
    said = rows(
        f"""SELECT l.list_id, l.title, l.department, any_value(l.as_of) AS as_of, max(n.deadline) AS due, count(*) AS n, min(p.valid_from) AS since
            FROM push.list AS l JOIN push.line AS n USING (list_id)
            LEFT JOIN match.pair AS p ON p.enterprise_id = n.enterprise_id AND p.item_id = n.item_id AND p.version = n.version
            WHERE l.kind = '{WORK}' GROUP BY l.list_id, l.title, l.department ORDER BY l.list_id"""
    )
    return [
        Waiting(
            "verify", row["list_id"], row["title"], row["department"] or None, f"{row['n']} 户有条件须部门核实才能判定；补报或更正后下次运行自动销号",
            _day(row["since"] or row["as_of"]), _day(row["due"]), f"huiqi list show {row['list_id']}", f"/pushes/{row['list_id']}", int(row["n"]),
        )
        for row in said
        if row["list_id"] not in gone
    ]  # fmt: skip


def _cases(rows: Rows) -> list[Waiting]:
    """Applications the system cannot answer: a person does, by the day that was promised."""
    said = rows(
        """SELECT d.case_no, d.reason, d.applied_on, d.due_on, i.title, i.issuer FROM push.decision AS d
           LEFT JOIN policy.item AS i USING (item_id, version) WHERE d.answer = 'review' ORDER BY d.case_no"""
    )
    return [
        Waiting(
            "case", row["case_no"], row["title"] or "", row["issuer"], row["reason"], _day(row["applied_on"]), _day(row["due_on"]),
            "在申报系统里作出决定，随下一次交付销号", f"/cases/{row['case_no']}",
        )
        for row in said
    ]  # fmt: skip


def _documents(rows: Rows, exists: Callable[[str], bool], control: Control) -> list[Waiting]:
    """What applicants declared and an answer rests on, with the document they named: does it say so."""
    said = rows(
        """SELECT d.case_no, d.due_on, d.applied_on, d.declared, i.title, i.issuer FROM push.decision AS d
           LEFT JOIN policy.item AS i USING (item_id, version) WHERE d.declared IS NOT NULL AND d.answer IN ('approve', 'review') ORDER BY d.case_no"""
    )
    proofs: dict[tuple[str, str], str | None] = {}
    if exists("profile.declaration"):
        proofs = {
            (row["case_no"], row["indicator"]): row["proof"]
            for row in rows("SELECT case_no, indicator, proof FROM profile.declaration")
        }
    done, catalogue = checked(control), indicators.load()
    found = []
    for row in said:
        for one in json.loads(row["declared"]):
            if (row["case_no"], one["indicator"], one["value"]) in done:
                continue
            indicator = catalogue.find(one["indicator"])
            named = proofs.get((row["case_no"], one["indicator"]))
            proof = f"证明材料“{named}”" if named else "没有写明证明材料"
            found.append(
                Waiting(
                    "document", f"{row['case_no']} {one['indicator']}", row["title"] or "", row["issuer"],
                    f"申报{indicator.label if indicator else one['indicator']}为 {one['value']}，{proof}",
                    _day(one["submitted_on"]) or _day(row["applied_on"]), _day(row["due_on"]),
                    f"huiqi verify {row['case_no']} {one['indicator']} --holds（或 --fails）--as 姓名 --note 依据", f"/cases/{row['case_no']}",
                )
            )  # fmt: skip
    return found


def _identities(rows: Rows, control: Control, days: Calendar) -> list[Waiting]:
    """The clerical queue of identity, without what has been judged since the run."""
    judged: set[str] = set()
    if control.rows("SELECT 1 FROM sqlite_master WHERE name = 'judgement'"):
        judged = {row["subject_id"] for row in control.rows("SELECT DISTINCT subject_id FROM judgement")}
    said = rows(
        """SELECT q._subject_id AS subject, q.department, q.said_name, q.said_code, q.reason, e.name AS candidate, s.since
           FROM registry.review AS q LEFT JOIN registry.enterprise AS e USING (enterprise_id)
           LEFT JOIN (SELECT _subject_id, min(first_received_at) AS since FROM registry.said GROUP BY _subject_id) AS s USING (_subject_id)
           WHERE q.rank = 1 ORDER BY q._subject_id"""
    )
    return [
        Waiting(
            "identity", row["subject"], row["said_name"] or row["said_code"] or row["subject"][:8], _named(row["department"]),
            f"{str(row['reason']).replace(',', '，')}，首选 {row['candidate'] or '—'}", _day(row["since"]), _within(_day(row["since"]), "identity", days),
            f"huiqi review {row['subject'][:12]}", "/linkage",
        )
        for row in said
        if row["subject"] not in judged
    ]  # fmt: skip


def _deliveries(rows: Rows, control: Control, days: Calendar) -> list[Waiting]:
    """Files refused or held that nothing newer has replaced and nobody has put aside."""
    every = rows(REFUSALS)
    asking = open_refusals(every, settled(control))
    released = {row["file_id"] for row in control.rows("SELECT file_id FROM delivery_note WHERE kind = 'released'")}
    said = rows(
        "SELECT file_id, name, department, status, reason, received_at FROM raw.delivery WHERE status IN ('refused', 'held') ORDER BY name"
    )
    return [
        Waiting(
            "delivery", row["name"], row["name"], _named(row["department"]), row["reason"] or "", _day(row["received_at"]),
            _within(_day(row["received_at"]), "delivery", days),
            f"huiqi release {row['name']} {'' if row['status'] == 'held' else '--aside '}--by 姓名 --why 理由", "/feeds",
        )
        for row in said
        if row["file_id"] in asking - released
    ]  # fmt: skip


def _payouts(rows: Rows, control: Control, days: Calendar) -> list[Waiting]:
    judged = {row["voucher_no"] for row in control.rows("SELECT DISTINCT voucher_no FROM payout_judgement")}
    said = rows(
        "SELECT voucher_no, purpose, item_id, paid_on, paid_yuan, budget_unit FROM push.payout WHERE state = 'unsure' ORDER BY voucher_no"
    )
    return [
        Waiting(
            "payout", row["voucher_no"], row["purpose"] or "", row["budget_unit"], f"摘要认不准是哪个事项，像是 {row['item_id'] or '—'}",
            _day(row["paid_on"]), _within(_day(row["paid_on"]), "payout", days), f"huiqi payout {row['voucher_no']} 事项编号 --as 姓名", "/funds",
            amount_yuan=row["paid_yuan"],
        )
        for row in said
        if row["voucher_no"] not in judged
    ]  # fmt: skip


def _unpaid(rows: Rows) -> list[Waiting]:
    """Per exported list and state: awards that finance has not paid in full within 48 hours, paid too much of, or returned."""
    said = rows(
        """SELECT s.list_id, any_value(l.title) AS title, s.state, count(*) AS n, sum(s.granted_yuan) AS granted, min(s.exported_at) AS exported
           FROM push.settlement AS s LEFT JOIN push.list AS l USING (list_id)
           WHERE s.overdue OR s.state IN ('over', 'returned') GROUP BY s.list_id, s.state ORDER BY s.list_id, s.state"""
    )
    return [
        Waiting(
            "settlement", f"{row['list_id']} {row['state']}", row["title"] or row["list_id"], "财政厅", f"{row['n']} 笔{STATES[row['state']]}",
            _day(row["exported"]), _day(row["exported"] + PATIENCE) if row["exported"] else None,
            f"huiqi reverse {row['list_id']} 信用代码 --as 姓名 --note 原因" if row["state"] == "returned" else f"huiqi reconcile {row['list_id']} --as 姓名",
            f"/pushes/{row['list_id']}/review", int(row["n"]), row["granted"],
        )
        for row in said
    ]  # fmt: skip


def _reversals(control: Control) -> list[Waiting]:
    """Awards one approver wants undone: the second word is missing."""
    said = control.rows(
        """SELECT a.list_id, a.award_key, a.amount_fen, json_extract(l.body, '$.uscc') AS uscc, json_extract(l.body, '$.name') AS name,
                  min(w.at) AS at, group_concat(w.officer, '、') AS officers, min(w.reason) AS reason
           FROM reversal_wish w JOIN active_award a USING (award_id) JOIN push_line l ON l.list_id = a.list_id AND l.line_key = a.award_key
           GROUP BY a.award_id ORDER BY a.award_id"""
    )
    return [
        Waiting(
            "reversal", f"{row['list_id']} {row['uscc']}", row["name"] or row["uscc"], None, f"{row['officers']} 要求冲销（{row['reason']}），等另一名审批人",
            _day(row["at"]), None, f"huiqi reverse {row['list_id']} {row['uscc']} --as 姓名 --note 原因", f"/pushes/{row['list_id']}/review",
            amount_yuan=Decimal(row["amount_fen"]) / 100,
        )
        for row in said
    ]  # fmt: skip


def _funds(rows: Rows, today: date, days: Calendar) -> list[Waiting]:
    said = rows("SELECT * FROM push.fund WHERE state IN ('alarm', 'exhausted', 'overdrawn') ORDER BY pool")
    return [
        Waiting(
            "fund", row["pool"], row["label"], "财政厅", f"{FUND_STATES[row['state']]}：可用 {row['free_yuan']} 元，告警线 {row['alarm_yuan']} 元",
            today, _within(today, "fund", days), f"huiqi funds --pool {row['pool']}", f"/funds?pool={row['pool']}", amount_yuan=row["free_yuan"],
        )
        for row in said
    ]  # fmt: skip


def _disputes(rows: Rows, exists: Callable[[str], bool], control: Control, days: Calendar) -> list[Waiting]:
    """Values that enterprises dispute and whose department has not spoken since."""
    from pipelines.dispute import standing

    catalogue, found = indicators.load(), []
    for row in control.rows("SELECT * FROM dispute WHERE withdrawn_at IS NULL ORDER BY dispute_id"):
        firm, column = row["enterprise_id"].replace("'", "''"), row["indicator"].replace('"', '""')
        values = rows(f"SELECT \"{column}\" AS value, name FROM profile.enterprise WHERE enterprise_id = '{firm}'")
        evidence = (
            rows(
                f"SELECT * FROM profile.evidence WHERE enterprise_id = '{firm}' AND indicator = '{row['indicator'].replace(chr(39), chr(39) * 2)}'"
            )
            if exists("profile.evidence")
            else []
        )
        if not values or standing(row, values[0]["value"], evidence[0] if evidence else None) != "open":
            continue
        indicator = catalogue.find(row["indicator"])
        since = _day(row["at"])
        found.append(
            Waiting(
                "dispute", f"第 {row['dispute_id']} 号", values[0]["name"] or row["uscc"] or "", _named(row["department"]),
                f"企业对{indicator.label if indicator else row['indicator']}有异议（{row['why']}）；部门更正或重报后自动销号",
                since, _within(since, "dispute", days), "huiqi dispute", f"/enterprises/{row['uscc'] or row['enterprise_id']}",
            )
        )  # fmt: skip
    return found


def _calls(rows: Rows) -> list[Waiting]:
    said = rows(
        """SELECT h.ticket_no, h.category, h.accepted_at, h.close_due_date, e.name FROM mart.fact_complaint AS h
           LEFT JOIN mart.dim_enterprise AS e USING (enterprise_id) WHERE h.closed_at IS NULL ORDER BY h.ticket_no"""
    )
    return [
        Waiting(
            "call", row["ticket_no"], row["name"] or "没有写明企业", "12345 热线", f"{row['category']}，尚未办结", _day(row["accepted_at"]),
            _day(row["close_due_date"]), "在 12345 系统里办结，随下一次交付销号", "/cases",
        )
        for row in said
    ]  # fmt: skip


def today_of(home: Path, as_of: str) -> date:
    """The day a work list is read: the clock's, or, in a mock home whose clock nobody set, the day its world stands at."""
    mock = (home / "world.json").exists() and VARIABLE not in os.environ
    return date.fromisoformat(as_of) if mock else moment(home).date()
