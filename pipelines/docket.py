"""Where a submitted list is kept: its tables in `control.sqlite`, what they refuse by themselves, and how a list is read back."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from matching.push.fingerprint import canonical, list_sha256
from matching.push.kinds import MONEY
from pipelines.officers import is_active_approver

_PAID = ", ".join(f"'{kind}'" for kind in sorted(MONEY))
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS push_list (
    list_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    item_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    cycle TEXT NOT NULL,
    as_of TEXT NOT NULL,
    sha256 TEXT NOT NULL UNIQUE,
    header TEXT NOT NULL,
    arms TEXT NOT NULL,
    checks TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN
        ('checked', 'publicised', 'approved', 'frozen', 'exported', 'reconciled', 'rejected', 'void')),
    maker TEXT NOT NULL,
    notice_from TEXT,
    notice_to TEXT
);
CREATE TABLE IF NOT EXISTS push_line (
    list_id TEXT NOT NULL REFERENCES push_list (list_id),
    line_no INTEGER NOT NULL,
    line_key TEXT NOT NULL,
    enterprise_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    cycle TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (list_id, line_no),
    UNIQUE (list_id, line_key)
);
CREATE TABLE IF NOT EXISTS approval (
    list_id TEXT NOT NULL REFERENCES push_list (list_id),
    officer TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    note TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (list_id, officer)
);
CREATE TABLE IF NOT EXISTS objection (
    list_id TEXT NOT NULL REFERENCES push_list (list_id),
    line_key TEXT NOT NULL,
    note TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (list_id, line_key, at)
);
CREATE TABLE IF NOT EXISTS message (
    message_key TEXT PRIMARY KEY,
    enterprise_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    cycle TEXT NOT NULL,
    sent_on TEXT NOT NULL,
    as_of TEXT NOT NULL,
    list_id TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS withheld (
    list_id TEXT NOT NULL REFERENCES push_list (list_id),
    line_key TEXT NOT NULL,
    reason TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (list_id, line_key)
);
DROP VIEW IF EXISTS withheld_message;
CREATE VIEW withheld_message AS
    SELECT m.* FROM message m WHERE EXISTS (SELECT 1 FROM withheld w WHERE w.list_id = m.list_id
        AND (m.message_key = w.line_key OR m.message_key GLOB w.line_key || '.*'));
DROP VIEW IF EXISTS sent_message;
CREATE VIEW sent_message AS SELECT m.* FROM message m WHERE NOT EXISTS (
    SELECT 1 FROM withheld w WHERE w.list_id = m.list_id AND (m.message_key = w.line_key OR m.message_key GLOB w.line_key || '.*'));
CREATE TABLE IF NOT EXISTS reversal_wish (
    award_id INTEGER NOT NULL,
    officer TEXT NOT NULL,
    reason TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (award_id, officer)
);
CREATE TRIGGER IF NOT EXISTS withheld_fixed BEFORE UPDATE ON withheld BEGIN SELECT RAISE(ABORT, '停发记录不可修改'); END;
CREATE TRIGGER IF NOT EXISTS withheld_kept BEFORE DELETE ON withheld BEGIN SELECT RAISE(ABORT, '停发记录不可删除'); END;
CREATE TRIGGER IF NOT EXISTS reversal_wish_fixed BEFORE UPDATE ON reversal_wish
    BEGIN SELECT RAISE(ABORT, '冲销意见不可修改'); END;
CREATE TRIGGER IF NOT EXISTS reversal_wish_kept BEFORE DELETE ON reversal_wish
    BEGIN SELECT RAISE(ABORT, '冲销意见不可删除'); END;
CREATE TABLE IF NOT EXISTS payout_judgement (
    judgement_id INTEGER PRIMARY KEY,
    voucher_no TEXT NOT NULL,
    item_id TEXT NOT NULL,
    officer TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE TRIGGER IF NOT EXISTS payout_judgement_fixed BEFORE UPDATE ON payout_judgement
    BEGIN SELECT RAISE(ABORT, '认定不可修改，只能再次认定'); END;
CREATE TRIGGER IF NOT EXISTS payout_judgement_kept BEFORE DELETE ON payout_judgement
    BEGIN SELECT RAISE(ABORT, '认定不可删除'); END;
CREATE TABLE IF NOT EXISTS payment_note (
    note_id INTEGER PRIMARY KEY,
    enterprise_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    paid_on TEXT NOT NULL,
    note TEXT NOT NULL CHECK (trim(note) <> ''),
    officer TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE TRIGGER IF NOT EXISTS payment_note_fixed BEFORE UPDATE ON payment_note BEGIN SELECT RAISE(ABORT, '说明不可修改'); END;
CREATE TRIGGER IF NOT EXISTS payment_note_kept BEFORE DELETE ON payment_note BEGIN SELECT RAISE(ABORT, '说明不可删除'); END;
CREATE TABLE IF NOT EXISTS arm (
    enterprise_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    cycle TEXT NOT NULL,
    stratum TEXT NOT NULL,
    arm TEXT NOT NULL,
    probability REAL NOT NULL,
    as_of TEXT NOT NULL,
    list_id TEXT NOT NULL,
    PRIMARY KEY (enterprise_id, item_id, cycle)
);
CREATE TABLE IF NOT EXISTS opt_out (
    enterprise_id TEXT NOT NULL,
    scope TEXT NOT NULL CHECK (scope IN ('message', 'award', 'all')),
    since TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (enterprise_id, scope)
);
DROP VIEW IF EXISTS open_pair;
CREATE VIEW open_pair AS
    SELECT l.enterprise_id, l.item_id, l.cycle, l.kind, l.list_id, coalesce(json_extract(l.body, '$.claim_unit'), '') AS unit, p.as_of FROM push_line l JOIN push_list p USING (list_id)
    WHERE p.status IN ('checked', 'publicised', 'approved')
       OR (p.status IN ('frozen', 'exported') AND p.kind NOT IN ({_PAID}));
CREATE TRIGGER IF NOT EXISTS list_content_fixed BEFORE UPDATE OF
    list_id, kind, item_id, version, cycle, as_of, sha256, header, arms, maker ON push_list
    BEGIN SELECT RAISE(ABORT, '名单内容不可修改；更正须另出名单'); END;
CREATE TRIGGER IF NOT EXISTS list_only_forward BEFORE UPDATE OF status ON push_list WHEN NOT (
    (OLD.status = 'checked' AND NEW.status IN ('publicised', 'approved', 'rejected', 'void'))
    OR (OLD.status = 'publicised' AND NEW.status IN ('approved', 'rejected', 'void'))
    OR (OLD.status = 'approved' AND NEW.status IN ('frozen', 'rejected', 'void'))
    OR (OLD.status = 'frozen' AND NEW.status = 'exported')
    OR (OLD.status = 'exported' AND NEW.status = 'reconciled'))
    BEGIN SELECT RAISE(ABORT, '名单状态只能向前'); END;
CREATE TRIGGER IF NOT EXISTS list_kept BEFORE DELETE ON push_list BEGIN SELECT RAISE(ABORT, '名单不可删除'); END;
CREATE TRIGGER IF NOT EXISTS line_fixed BEFORE UPDATE ON push_line BEGIN SELECT RAISE(ABORT, '名单行不可修改'); END;
CREATE TRIGGER IF NOT EXISTS line_kept BEFORE DELETE ON push_line BEGIN SELECT RAISE(ABORT, '名单行不可删除'); END;
CREATE TRIGGER IF NOT EXISTS line_late BEFORE INSERT ON push_line WHEN
    (SELECT status FROM push_list WHERE list_id = NEW.list_id) <> 'checked'
    BEGIN SELECT RAISE(ABORT, '名单已提交，不能再加行'); END;
CREATE TRIGGER IF NOT EXISTS approval_fixed BEFORE UPDATE ON approval BEGIN SELECT RAISE(ABORT, '审批不可修改'); END;
CREATE TRIGGER IF NOT EXISTS approval_kept BEFORE DELETE ON approval BEGIN SELECT RAISE(ABORT, '审批不可删除'); END;
"""

STATUSES = {
    "draft": "草稿",
    "checked": "已核对",
    "publicised": "公示中",
    "approved": "已批准",
    "frozen": "已冻结",
    "exported": "已导出",
    "reconciled": "已对账",
    "rejected": "已否决",
    "void": "已作废",
}


class RefusedError(RuntimeError):
    """The step is not allowed; the message is Chinese and says why. The attempt is in the audit trail."""


class OutdatedError(RefusedError):
    """The list was right and is not any more: it becomes void, and a new one needs new approvals."""


def needed(kind: str) -> int:
    """How many different approvers a list needs: two where money is paid, one elsewhere."""
    return 2 if kind in MONEY else 1


def stored(row: Mapping[str, Any]) -> str:
    """A row as JSON whose values hash as the originals did."""
    plain = {
        name: value if value is None or isinstance(value, str | int | float | bool | list | dict) else canonical(value)
        for name, value in row.items()
    }
    return json.dumps(plain, ensure_ascii=False, sort_keys=True)


def row_of(db: sqlite3.Connection, list_id: str, *statuses: str) -> dict[str, Any]:
    found = db.execute("SELECT * FROM push_list WHERE list_id = ?", (list_id,)).fetchone()
    if found is None:
        raise RefusedError(f"名单 {list_id} 还没有提交；先运行 huiqi list check {list_id}")
    if found["status"] not in statuses:
        wanted = "”或“".join(STATUSES[status] for status in statuses)
        raise RefusedError(f"名单 {list_id} 的状态是“{STATUSES[found['status']]}”，这一步需要“{wanted}”")
    return dict(found)


def lines_of(db: sqlite3.Connection, list_id: str) -> list[dict[str, Any]]:
    found = db.execute("SELECT body FROM push_line WHERE list_id = ? ORDER BY line_no", (list_id,))
    return [json.loads(row["body"]) for row in found]


def content_sha256(db: sqlite3.Connection, row: Mapping[str, Any]) -> str:
    return list_sha256(json.loads(row["header"]), lines_of(db, row["list_id"]))


def approvers_of(db: sqlite3.Connection, row: Mapping[str, Any]) -> list[str]:
    """Who approved this content and still may: active approvers other than the maker."""
    found = db.execute(
        "SELECT officer FROM approval WHERE list_id = ? AND sha256 = ? AND officer <> ? ORDER BY officer",
        (row["list_id"], row["sha256"], row["maker"]),
    )
    return [name for (name,) in found if is_active_approver(db, name)]
