"""The work list: everything that waits for a person, why, since when, due when, and the command or page that settles it.

Read when it is asked for, from the newest publication and from what people have done since; nothing here decides anything.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from assets.ports import Control
from assets.push_proofs import checked
from data import indicators
from data.contract import feeds
from matching.push.kinds import KINDS, MESSAGE, MONEY, WORK
from matching.push.quiet import Calendar, calendar
from pipelines import waiting_money as money
from pipelines.deliveries import REFUSALS, open_refusals, settled
from pipelines.docket import STATUSES, needed
from pipelines.moment import VARIABLE, moment
from pipelines.waiting import PROMISED, Rows, Waiting, day_of, within

COLUMNS = {
    "sort_name": "种类", "title": "事由", "subject": "编号", "department": "部门", "why": "为什么等", "since": "从何时", "due": "应在何时前",
    "late_days": "逾期（天）", "n": "户或笔", "amount_yuan": "金额（元）", "settle": "怎么办",
}  # fmt: skip


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
        (("push.payout",), lambda: money.payouts(rows, control, days)),
        (("push.settlement",), lambda: money.unpaid(rows)),
        (("push.unlisted",), lambda: money.strays(rows, control, days)),
        (("push.doubt", "push.suppression"), lambda: money.doubted(rows)),
        ((), lambda: money.reversals(control)),
        (("push.fund",), lambda: money.funds(rows, today, days)),
        (("profile.enterprise",), lambda: _disputes(rows, exists, control, days)),
        (("mart.fact_complaint",), lambda: _calls(rows)),
    ]
    found = [one for tables, part in parts if all(exists(table) for table in tables) for one in part()]
    return sorted(
        found, key=lambda one: (one.sort in PROMISED, one.due or date.max, one.since or date.max, one.sort, one.subject)
    )


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
                day_of(header["as_of"]), day_of(header.get("valid_until")) if pressing else None, command.format(id=list_id), f"/pushes/{list_id}/review",
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
            day_of(row["since"] or row["as_of"]), day_of(row["due"]), f"huiqi list show {row['list_id']}", f"/pushes/{row['list_id']}", int(row["n"]),
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
            "case", row["case_no"], row["title"] or "", row["issuer"], row["reason"], day_of(row["applied_on"]), day_of(row["due_on"]),
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
                    day_of(one["submitted_on"]) or day_of(row["applied_on"]), day_of(row["due_on"]),
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
            f"{str(row['reason']).replace(',', '，')}，首选 {row['candidate'] or '—'}", day_of(row["since"]), within(day_of(row["since"]), "identity", days),
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
            "delivery", row["name"], row["name"], _named(row["department"]), row["reason"] or "", day_of(row["received_at"]),
            within(day_of(row["received_at"]), "delivery", days),
            f"huiqi release {row['name']} {'' if row['status'] == 'held' else '--aside '}--by 姓名 --why 理由", "/feeds",
        )
        for row in said
        if row["file_id"] in asking - released
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
        since = day_of(row["at"])
        found.append(
            Waiting(
                "dispute", f"第 {row['dispute_id']} 号", values[0]["name"] or row["uscc"] or "", _named(row["department"]),
                f"企业对{indicator.label if indicator else row['indicator']}有异议（{row['why']}）；部门更正或重报后自动销号",
                since, within(since, "dispute", days), "huiqi dispute", f"/enterprises/{row['uscc'] or row['enterprise_id']}",
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
            "call", row["ticket_no"], row["name"] or "没有写明企业", "12345 热线", f"{row['category']}，尚未办结", day_of(row["accepted_at"]),
            day_of(row["close_due_date"]), "在 12345 系统里办结，随下一次交付销号", "/cases",
        )
        for row in said
    ]  # fmt: skip


def today_of(home: Path, as_of: str) -> date:
    """The day a work list is read: the clock's, or, in a mock home whose clock nobody set, the day its world stands at."""
    mock = (home / "world.json").exists() and VARIABLE not in os.environ
    return date.fromisoformat(as_of) if mock else moment(home).date()
