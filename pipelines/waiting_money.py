"""What waits of the money itself: payments without an item, unpaid or unlisted ones, half-signed reversals, low pools."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from assets.ports import Control
from matching.push.kinds import MONEY, REASONS
from matching.push.pools import STATES as FUND_STATES
from matching.push.quiet import Calendar
from matching.push.settle import PATIENCE, STATES
from pipelines.waiting import Rows, Waiting, day_of, within


def payouts(rows: Rows, control: Control, days: Calendar) -> list[Waiting]:
    judged = {row["voucher_no"] for row in control.rows("SELECT DISTINCT voucher_no FROM payout_judgement")}
    said = rows(
        "SELECT voucher_no, purpose, item_id, paid_on, paid_yuan, budget_unit FROM push.payout WHERE state = 'unsure' ORDER BY voucher_no"
    )
    return [
        Waiting(
            "payout", row["voucher_no"], row["purpose"] or "", row["budget_unit"], f"摘要认不准是哪个事项，像是 {row['item_id'] or '—'}",
            day_of(row["paid_on"]), within(day_of(row["paid_on"]), "payout", days), f"huiqi payout {row['voucher_no']} 事项编号 --as 姓名", "/funds",
            amount_yuan=row["paid_yuan"],
        )
        for row in said
        if row["voucher_no"] not in judged
    ]  # fmt: skip


def unpaid(rows: Rows) -> list[Waiting]:
    """Per exported list and state: awards that finance has not paid in full within 48 hours, paid too much of, or returned.

    A firm may have been paid by a row that was rejected, or that names two firms alike and waits for a clerk: that is said, or somebody pays it again.
    """
    said = rows(
        f"""SELECT s.list_id, any_value(l.title) AS title, s.state, count(*) AS n, sum(s.granted_yuan) AS granted, min(s.exported_at) AS exported,
                  count(*) FILTER (WHERE s.state = 'waiting' AND ({_perhaps_paid(rows)})) AS perhaps
           FROM push.settlement AS s LEFT JOIN push.list AS l USING (list_id)
           WHERE s.overdue OR s.state IN ('over', 'returned') GROUP BY s.list_id, s.state ORDER BY s.list_id, s.state"""
    )
    return [
        Waiting(
            "settlement", f"{row['list_id']} {row['state']}", row["title"] or row["list_id"], "财政厅",
            f"{row['n']} 笔{STATES[row['state']]}" + (f"，其中 {row['perhaps']} 户有支付记录待归户（见主体归一）或读不出被退回，可能已付：先查清，不要重付" if row["perhaps"] else ""),
            day_of(row["exported"]), day_of(row["exported"] + PATIENCE) if row["exported"] else None,
            f"huiqi reverse {row['list_id']} 信用代码 --as 姓名 --note 原因" if row["state"] == "returned" else f"huiqi reconcile {row['list_id']} --as 姓名",
            f"/pushes/{row['list_id']}/review", int(row["n"]), row["granted"],
        )
        for row in said
    ]  # fmt: skip


def _perhaps_paid(rows: Rows) -> str:
    """The condition that a row of finance which settles nothing may be about the firm of `s`.

    A rejected row counts if it came after the payment file had left. A payee who waits for a clerk counts whenever he was first seen: the next payment
    to him waits behind the same name.
    """
    held = {
        (row["t"], row["c"])
        for row in rows(
            "SELECT table_schema || '.' || table_name AS t, column_name AS c FROM information_schema.columns WHERE table_schema IN ('quality', 'registry')"
        )
    }
    ways = ["false"]
    if ("quality.reject", "subject") in held:
        ways.append(
            """EXISTS (SELECT 1 FROM quality.reject AS q JOIN raw.delivery AS d USING (file_id)
               WHERE q.department = 'finance' AND d.received_at >= s.exported_at AND list_contains(string_split(q.subject, ';'), 'uscc=' || s.uscc))"""
        )
    if ("registry.review", "department") in held:
        ways.append(
            "EXISTS (SELECT 1 FROM registry.review AS r WHERE r.department = 'finance' AND r.enterprise_id = s.enterprise_id)"
        )
    return " OR ".join(ways)


def strays(rows: Rows, control: Control, days: Calendar) -> list[Waiting]:
    """Money that finance paid a firm which stood on no list and had no application granted."""
    told = {
        (row["enterprise_id"], row["item_id"], row["paid_on"])
        for row in control.rows("SELECT enterprise_id, item_id, paid_on FROM payment_note")
    }
    said = rows(
        """SELECT s.*, e.uscc, e.name, i.title, i.issuer FROM push.unlisted AS s LEFT JOIN profile.enterprise AS e USING (enterprise_id)
           LEFT JOIN (SELECT item_id, arg_max(title, version) AS title, arg_max(issuer, version) AS issuer FROM policy.item GROUP BY item_id) AS i
           USING (item_id) ORDER BY s.paid_on, s.enterprise_id, s.item_id"""
    )
    return [
        Waiting(
            "unlisted", f"{row['uscc'] or row['enterprise_id']} {row['item_id']} {row['paid_on']}", row["name"] or row["uscc"] or row["enterprise_id"], row["issuer"],
            f"财政已付“{row['title'] or row['item_id']}”，而这家企业没有上过名单，也没有批准的申报", row["paid_on"], within(row["paid_on"], "unlisted", days),
            f"向主管部门查清；确有依据：huiqi unlisted {row['uscc'] or row['enterprise_id']} {row['item_id']} {row['paid_on']} --note 依据 --as 姓名", "/funds",
            amount_yuan=row["paid_yuan"],
        )
        for row in said
        if (row["enterprise_id"], row["item_id"], row["paid_on"].isoformat()) not in told
    ]  # fmt: skip


_CLEARED = {
    "row_rejected": "请交付部门更正后重新交付这一行（联系人见 huiqi feeds）；读得出来的一行入库后，下次运行自动销号",
    "standing_disputed": "向登记机关和税务部门核实；任一方更正后，下次运行自动销号",
}


def doubted(rows: Rows) -> list[Waiting]:
    """Firms that would be paid but for a row about them that could not be read, or for two departments that differ on their standing."""
    said = rows(
        f"""SELECT s.enterprise_id, s.reason, s.detail, any_value(s.uscc) AS uscc, any_value(e.name) AS name,
                  count(DISTINCT s.item_id) AS n, sum(s.amount_yuan) AS amount_yuan
           FROM push.suppression AS s LEFT JOIN profile.enterprise AS e USING (enterprise_id)
           WHERE s.reason IN ({", ".join(f"'{reason}'" for reason in _CLEARED)}) AND s.kind IN ({", ".join(f"'{kind}'" for kind in sorted(MONEY))})
           GROUP BY s.enterprise_id, s.reason, s.detail ORDER BY s.enterprise_id, s.reason, s.detail"""
    )
    return [
        Waiting(
            "doubt", row["uscc"] or row["enterprise_id"], row["name"] or row["uscc"] or row["enterprise_id"], None,
            f"{REASONS[row['reason']]}：{row['detail']}；{row['n']} 个事项停付", None, None, _CLEARED[row["reason"]],
            f"/enterprises/{row['enterprise_id']}", int(row["n"]), row["amount_yuan"],
        )
        for row in said
    ]  # fmt: skip


def reversals(control: Control) -> list[Waiting]:
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
            day_of(row["at"]), None, f"huiqi reverse {row['list_id']} {row['uscc']} --as 姓名 --note 原因", f"/pushes/{row['list_id']}/review",
            amount_yuan=Decimal(row["amount_fen"]) / 100,
        )
        for row in said
    ]  # fmt: skip


def funds(rows: Rows, today: date, days: Calendar) -> list[Waiting]:
    said = rows("SELECT * FROM push.fund WHERE state IN ('alarm', 'exhausted', 'overdrawn') ORDER BY pool")
    return [
        Waiting(
            "fund", row["pool"], row["label"], "财政厅", f"{FUND_STATES[row['state']]}：可用 {row['free_yuan']} 元，告警线 {row['alarm_yuan']} 元",
            today, within(today, "fund", days), f"huiqi funds --pool {row['pool']}", f"/funds?pool={row['pool']}", amount_yuan=row["free_yuan"],
        )
        for row in said
    ]  # fmt: skip
