"""The life of a list: checked, shown to the public, approved by people, frozen in one transaction, exported, reconciled."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

from assets.ports import Control
from matching.push.fingerprint import canonical, list_sha256
from matching.push.kinds import MONEY
from pipelines.audit import Finding, Trail
from pipelines.docket import OutdatedError, RefusedError, approvers_of, content_sha256, lines_of, needed, row_of, stored
from pipelines.export import file_sha256, payments_sent
from pipelines.freezing import Recheck, altered_awards, keep_arms, refuse_outdated, send_once
from pipelines.ledger import LedgerError, Pool, award_of, fen, grant, open_fund, open_pool
from pipelines.ledger import reverse as undo
from pipelines.officers import OfficerError, is_active_approver, prove
from pipelines.proofs import note_check

NOTICE_DAYS = 5
CHANGED = "与导出时不同"

Recompute = Callable[[Mapping[str, Any], Sequence[Mapping[str, Any]]], Mapping[str, Decimal | None]]
"""Line key → amount in 元, computed from the profile by another path than the kernel."""


@dataclass(frozen=True)
class Departure:
    """What left the house with a list: the files, what was withheld (line key → reason), and the day messages leave on."""

    files: list[dict[str, Any]]
    withheld: Mapping[str, str]
    day: date | None = None


@dataclass(frozen=True)
class Desk:
    """Where people act on lists. Every method is one transaction; every attempt, refused ones too, leaves an audit row."""

    control: Control
    trail: Trail
    sent: Path | None = None
    """The folder of exported lists: what has left the house is the witness against a ledger restored from a backup."""

    @contextmanager
    def _act(
        self, at: datetime, actor: str, action: str, subject: str, detail: Mapping[str, Any]
    ) -> Iterator[sqlite3.Connection]:
        try:
            with self.control.transaction() as db:
                yield db
                self.trail.record(db, at, actor, action, subject, detail)
        except (RefusedError, LedgerError, OfficerError, sqlite3.IntegrityError) as error:
            with self.control.transaction() as db:
                if isinstance(error, OutdatedError):
                    db.execute("UPDATE push_list SET status = 'void' WHERE list_id = ?", (subject,))
                self.trail.record(db, at, actor, f"{action}.refused", subject, {**detail, "reason": str(error)})
            raise RefusedError(str(error)) from error
        finally:
            self.trail.anchor(self.control)

    def submit(
        self,
        header: Mapping[str, Any],
        lines: Sequence[Mapping[str, Any]],
        arms: Sequence[Mapping[str, Any]],
        checks: Mapping[str, Any],
        maker: str,
        phrase: str,
        at: datetime,
    ) -> None:
        """draft → checked: the maker takes responsibility for a proposed list, and its content is kept here from now on."""
        list_id = str(header["list_id"])
        with self._act(at, maker, "submit", list_id, {"sha256": header["sha256"], "rows": len(lines)}) as db:
            prove(db, maker, phrase, "analyst", "approver")
            if list_sha256(header, lines) != header["sha256"]:
                raise RefusedError(f"名单 {list_id} 的内容与 sha256 不符")
            if db.execute("SELECT 1 FROM push_list WHERE list_id = ?", (list_id,)).fetchone():
                raise RefusedError(f"名单 {list_id} 已经提交过")
            db.execute(
                "INSERT INTO push_list (list_id, kind, item_id, version, cycle, as_of, sha256, header, arms, checks, status, maker)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'checked', ?)",
                (list_id, header["kind"], header["item_id"], header["version"], header["cycle"], canonical(header["as_of"]),
                 header["sha256"], stored(header), json.dumps([stored(a) for a in arms]), stored(checks), maker),
            )  # fmt: skip
            db.executemany(
                "INSERT INTO push_line (list_id, line_no, line_key, enterprise_id, item_id, cycle, kind, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (list_id, line["line_no"], line["line_key"], line["enterprise_id"], line["item_id"], line["cycle"],
                     line["kind"], stored(line))
                    for line in lines
                ],
            )  # fmt: skip

    def publicise(self, list_id: str, actor: str, phrase: str, first: date, last: date, at: datetime) -> None:
        """checked → 公示: an award list is shown for at least five days before anybody may approve it."""
        with self._act(at, actor, "publicise", list_id, {"from": first, "to": last}) as db:
            prove(db, actor, phrase, "analyst", "approver")
            row = row_of(db, list_id, "checked")
            if row["kind"] not in MONEY:
                raise RefusedError("只有兑付类名单需要公示")
            if first < at.date() or last - first < timedelta(days=NOTICE_DAYS - 1):
                raise RefusedError(f"公示首日不早于今天（{at.date()}），至少 {NOTICE_DAYS} 天；实际 {first} 至 {last}")
            db.execute(
                "UPDATE push_list SET status = 'publicised', notice_from = ?, notice_to = ? WHERE list_id = ?",
                (first.isoformat(), last.isoformat(), list_id),
            )

    def object(self, list_id: str, line_key: str, note: str, actor: str, phrase: str, at: datetime) -> None:
        """Notes an objection (异议) against one line during the notice; the list cannot be approved with it."""
        with self._act(at, actor, "object", list_id, {"line_key": line_key, "note": note}) as db:
            prove(db, actor, phrase, "analyst", "approver")
            row_of(db, list_id, "publicised")
            if not db.execute(
                "SELECT 1 FROM push_line WHERE list_id = ? AND line_key = ?", (list_id, line_key)
            ).fetchone():
                raise RefusedError(f"名单 {list_id} 没有这一行")
            db.execute("INSERT INTO objection VALUES (?, ?, ?, ?)", (list_id, line_key, note, at.isoformat()))

    def approve(self, list_id: str, sha256: str, officer: str, phrase: str, note: str, at: datetime) -> str:
        """One approval, bound to the sha256 the approver saw; returns the status after it. Award lists need two people."""
        with self._act(at, officer, "approve", list_id, {"sha256": sha256, "note": note}) as db:
            prove(db, officer, phrase, "approver")
            row = row_of(db, list_id, "checked", "publicised")
            money = row["kind"] in MONEY
            if money and row["status"] != "publicised":
                raise RefusedError("兑付类名单须先公示")
            if money and at.date() <= date.fromisoformat(row["notice_to"]):
                raise RefusedError(f"公示到 {row['notice_to']} 为止，期满后才能审批")
            if officer == row["maker"]:
                raise RefusedError(f"{officer} 是这份名单的经办人，不能审批自己提交的名单")
            if sha256 != row["sha256"] or content_sha256(db, row) != row["sha256"]:
                raise RefusedError("审批的内容与名单不符（sha256 不同）")
            open_objections = db.execute("SELECT count(*) FROM objection WHERE list_id = ?", (list_id,)).fetchone()[0]
            if open_objections:
                raise RefusedError(f"有 {open_objections} 条异议，须另出名单")
            if db.execute("SELECT 1 FROM approval WHERE list_id = ? AND officer = ?", (list_id, officer)).fetchone():
                raise RefusedError(f"{officer} 已经批准过，另一人批准才算数" if money else f"{officer} 已经批准过")
            db.execute("INSERT INTO approval VALUES (?, ?, ?, ?, ?)", (list_id, officer, sha256, note, at.isoformat()))
            if len(approvers_of(db, row)) >= needed(row["kind"]):
                db.execute("UPDATE push_list SET status = 'approved' WHERE list_id = ?", (list_id,))
                return "approved"
            return str(row["status"])

    def reject(self, list_id: str, officer: str, phrase: str, note: str, at: datetime) -> None:
        """Ends a list that is not frozen; its pairs are free for the next run."""
        with self._act(at, officer, "reject", list_id, {"note": note}) as db:
            prove(db, officer, phrase, "approver")
            row_of(db, list_id, "checked", "publicised", "approved")
            if not note.strip():
                raise RefusedError("否决必须写明原因")
            db.execute("UPDATE push_list SET status = 'rejected' WHERE list_id = ?", (list_id,))

    def freeze(
        self,
        list_id: str,
        actor: str,
        phrase: str,
        at: datetime,
        recheck: Recheck,
        recompute: Recompute,
        pool: Callable[[str], Pool | None] = lambda item: None,
    ) -> Mapping[str, Any]:
        """approved → frozen, all or nothing: approvals, content, fresh facts, amounts, budget, and every award's unique key.

        `recheck`, `recompute` and `pool` (item → its fund pool) read the newest publication; opt-outs are read inside the transaction. If a line may not go
        out any more the whole list becomes void. Returns rows, amount and the MAC of the audit row before it.
        """
        detail: dict[str, Any] = {}
        with self._act(at, actor, "freeze", list_id, detail) as db:
            prove(db, actor, phrase, "analyst", "approver")
            self._refuse_if_older(db)
            row = row_of(db, list_id, "approved")
            approvers = approvers_of(db, row)
            if len(approvers) < needed(row["kind"]):
                raise RefusedError(f"有效审批 {len(approvers)} 人，需要 {needed(row['kind'])} 人（离岗人员的审批不算）")
            if content_sha256(db, row) != row["sha256"]:
                raise RefusedError("名单内容与批准的 sha256 不符")
            header, lines = json.loads(row["header"]), lines_of(db, list_id)
            refuse_outdated(db, row, header, lines, at, recheck)
            if row["kind"] in MONEY:
                self._grant(db, row, header, lines, recompute, pool(row["item_id"]))
            else:
                send_once(db, row, lines)
            keep_arms(db, row)
            db.execute("UPDATE push_list SET status = 'frozen' WHERE list_id = ?", (list_id,))
            detail |= {"rows": len(lines), "approvers": approvers, "amount_yuan": header.get("amount_yuan")}
        return {**detail, "audit_head": self.trail.head(self.control)}

    def _grant(
        self,
        db: sqlite3.Connection,
        row: Mapping[str, Any],
        header: Mapping[str, Any],
        lines: Sequence[Mapping[str, Any]],
        recompute: Recompute,
        pool: Pool | None,
    ) -> None:
        again = recompute(header, lines)
        differing = [line for line in lines if again.get(line["line_key"]) != Decimal(line["amount_yuan"])]
        if differing:
            first = differing[0]
            raise OutdatedError(
                f"独立复算与名单不符 {len(differing)} 户，如 {first['uscc']}：名单 {first['amount_yuan']} 元，"
                f"复算 {again.get(first['line_key'])} 元"
            )
        total = sum((fen(Decimal(line["amount_yuan"])) for line in lines), 0)
        if total != fen(Decimal(header["amount_yuan"])):
            raise RefusedError(f"各行合计 {total / 100:.2f} 元与表头 {header['amount_yuan']} 元不符")
        budget = header.get("budget_yuan")
        open_fund(db, row["item_id"], row["cycle"], None if budget is None else Decimal(budget))
        if pool is not None:
            open_pool(db, pool)
        for line in lines:
            grant(db, award_of(line), row["list_id"], row["as_of"])

    def depart(
        self, list_id: str, actor: str, at: datetime, leave: Callable[[sqlite3.Connection], Departure]
    ) -> list[dict[str, Any]]:
        """frozen → exported: `leave` decides what may leave and writes it, while nobody else can count, undo or export; returns the files."""
        detail: dict[str, Any] = {}
        with self._act(at, actor, "exported", list_id, detail) as db:
            row_of(db, list_id, "frozen")
            gone = leave(db)
            db.executemany(
                "INSERT INTO withheld VALUES (?, ?, ?, ?)",
                [(list_id, key, reason, at.isoformat()) for key, reason in sorted(gone.withheld.items())],
            )
            if gone.day is not None:
                db.execute(
                    "UPDATE message SET sent_on = ? WHERE message_key IN (SELECT message_key FROM sent_message WHERE list_id = ?)",
                    (gone.day.isoformat(), list_id),
                )
            db.execute("UPDATE push_list SET status = 'exported' WHERE list_id = ?", (list_id,))
            detail |= {"files": gone.files, **({"withheld": len(gone.withheld)} if gone.withheld else {})}
        return gone.files

    def close(self, list_id: str, actor: str, at: datetime, detail: Mapping[str, Any]) -> None:
        """exported → reconciled: finance has paid every award of the list."""
        with self._act(at, actor, "reconciled", list_id, detail) as db:
            row_of(db, list_id, "exported")
            db.execute("UPDATE push_list SET status = 'reconciled' WHERE list_id = ?", (list_id,))

    def reverse(
        self, list_id: str, line_key: str, reason: str, officer: str, phrase: str, at: datetime, returned: bool
    ) -> bool:
        """One approver's word that an award is to be undone (冲销); with a second one's it is, and True is returned.

        Undoing frees the award's key for another payment, so once the payment file has left only money that is known to have come back
        (`returned`) may be undone.
        """
        with self._act(at, officer, "reverse", list_id, {"line_key": line_key, "note": reason}) as db:
            prove(db, officer, phrase, "approver")
            row = row_of(db, list_id, "frozen", "exported", "reconciled")
            found = db.execute(
                "SELECT award_id FROM active_award WHERE list_id = ? AND award_key = ?", (list_id, line_key)
            ).fetchone()
            if found is None:
                raise RefusedError(f"名单 {list_id} 没有这笔兑付，或已经冲销")
            if officer == row["maker"]:
                raise RefusedError(f"{officer} 是这份名单的经办人，不能冲销自己提交的兑付")
            if row["status"] != "frozen" and not returned:
                raise RefusedError("付款文件已经送出，财政退回这笔钱之后才能冲销")
            if not reason.strip():
                raise RefusedError("冲销必须写明原因")
            award = found["award_id"]
            if db.execute(
                "SELECT 1 FROM reversal_wish WHERE award_id = ? AND officer = ?", (award, officer)
            ).fetchone():
                raise RefusedError(f"{officer} 已经同意冲销，另一人同意才算数")
            db.execute("INSERT INTO reversal_wish VALUES (?, ?, ?, ?)", (award, officer, reason, at.isoformat()))
            agreed = db.execute("SELECT officer FROM reversal_wish WHERE award_id = ?", (award,))
            if sum(is_active_approver(db, name) for (name,) in agreed) < needed(row["kind"]):
                return False
            undo(db, award, reason, at.date().isoformat())
            return True

    def identify(self, list_id: str, actor: str, phrase: str, action: str, at: datetime) -> None:
        """Proves who is asking before a step that reads or writes files; a failure is refused and noted."""
        with self._act(at, actor, f"{action}.asked", list_id, {}) as db:
            prove(db, actor, phrase, "analyst", "approver")
            self._refuse_if_older(db)

    def _refuse_if_older(self, db: sqlite3.Connection) -> None:
        """No money moves on a ledger that knows less than its anchors or than the payment files that have left."""
        findings = self.trail.verify(self.control)
        if findings:
            raise RefusedError(
                f"审计台账不完整（{findings[0].reason}），像是从旧备份恢复的；先运行 huiqi audit verify 查清，补回之前不冻结也不导出"
            )
        forged = [found for found in self.changed_exports() if found.reason.endswith(CHANGED)]
        if forged:
            raise RefusedError(f"{forged[0].reason}；查清之前不冻结也不导出")
        altered = altered_awards(db)
        if altered:
            raise RefusedError(f"{altered[0]}；查清之前不冻结也不导出")
        known = {(row["list_id"], row["award_key"]) for row in db.execute("SELECT list_id, award_key FROM award")}
        missing = sorted(payments_sent(self.sent) - known) if self.sent else []
        if missing:
            raise RefusedError(
                f"名单 {missing[0][0]} 的付款文件里有 {len(missing)} 笔不在台账中（如 {missing[0][1]}），台账比已付的旧；先恢复较新的 control.sqlite"
            )

    def changed_exports(self, anew: bool = False) -> list[Finding]:
        """Every exported file that is not what the audit trail says it was when it was written; `anew` reads every byte again."""
        if self.sent is None:
            return []
        found: list[Finding] = []
        for row in self.control.rows("SELECT seq, subject, detail FROM audit WHERE action = 'exported' ORDER BY seq"):
            for file in json.loads(row["detail"]).get("files", []):
                path = self.sent.parent / file["path"]
                if not path.is_file():
                    found.append(Finding(row["seq"], f"名单 {row['subject']} 的导出文件 {path.name} 不见了"))
                elif file_sha256(path, anew) != file["sha256"]:
                    found.append(Finding(row["seq"], f"名单 {row['subject']} 的导出文件 {path.name} {CHANGED}"))
        return found

    def altered_ledger(self) -> list[Finding]:
        """Every award in the books that is not what a frozen list says."""
        with self.control.transaction() as db:
            return [Finding(0, reason) for reason in altered_awards(db)]

    def refuse(self, list_id: str, actor: str, action: str, reason: str, at: datetime) -> NoReturn:
        """Refuses a step that was asked for at the wrong time, and notes it."""
        with self._act(at, actor, action, list_id, {}):
            raise RefusedError(reason)

    def judge_payout(self, voucher_no: str, item_id: str, actor: str, phrase: str, at: datetime) -> None:
        """Notes which item a treasury payment was for, "" for none; a later word replaces an earlier one, and both are kept."""
        with self._act(at, actor, "judge_payout", voucher_no, {"item_id": item_id}) as db:
            prove(db, actor, phrase, "analyst", "approver")
            db.execute(
                "INSERT INTO payout_judgement (voucher_no, item_id, officer, at) VALUES (?, ?, ?, ?)",
                (voucher_no, item_id, actor, at.isoformat()),
            )

    def explain_payment(
        self, enterprise_id: str, item_id: str, paid_on: date, note: str, actor: str, phrase: str, at: datetime
    ) -> None:
        """Notes by whose decision finance paid a firm that stood on no list (名单外支付); kept for ever, and asked about no more."""
        detail = {"item_id": item_id, "paid_on": paid_on, "note": note}
        with self._act(at, actor, "explain_payment", enterprise_id, detail) as db:
            prove(db, actor, phrase, "approver")
            if not note.strip():
                raise RefusedError("须写明这笔钱依据什么支付")
            db.execute(
                "INSERT INTO payment_note (enterprise_id, item_id, paid_on, note, officer, at) VALUES (?, ?, ?, ?, ?, ?)",
                (enterprise_id, item_id, paid_on.isoformat(), note, actor, at.isoformat()),
            )

    def check_document(
        self, case_no: str, indicator: str, value: str, holds: bool, note: str, actor: str, phrase: str, at: datetime
    ) -> None:
        """Notes whether the document an applicant named bears out what was declared (材料核验); a later word replaces an earlier one, both are kept."""
        detail = {"indicator": indicator, "value": value, "holds": holds, "note": note}
        with self._act(at, actor, "check_document", case_no, detail) as db:
            prove(db, actor, phrase, "analyst", "approver")
            if not note.strip():
                raise RefusedError("核验必须写明依据")
            note_check(db, case_no, indicator, value, holds, note, actor, at.isoformat())

    def correct_clock(self, actor: str, phrase: str, note: str, at: datetime) -> None:
        """An approver's word that the trail's newest time was a clock gone wrong: from here on the clock of today counts (see `moment`)."""
        with self._act(at, actor, "clock.corrected", "clock", {"note": note}) as db:
            prove(db, actor, phrase, "approver")
            if not note.strip():
                raise RefusedError("须写明当时的时钟为什么不对")

    def opt_out(self, enterprise_id: str, scope: str, source: str, actor: str, phrase: str, at: datetime) -> None:
        """Notes that a firm wants no messages, no automatic awards, or neither."""
        with self._act(at, actor, "opt_out", enterprise_id, {"scope": scope, "source": source}) as db:
            prove(db, actor, phrase, "analyst", "approver")
            db.execute(
                "INSERT INTO opt_out VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (enterprise_id, scope, at.date().isoformat(), source),
            )
