"""The audit trail: append-only rows chained by HMAC, and anchors in a second file so that a cut tail shows too."""

import hashlib
import hmac
import json
import os
import secrets
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from assets.ports import Control

SCHEMA = """
CREATE TABLE IF NOT EXISTS audit (
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    prev TEXT NOT NULL,
    mac TEXT NOT NULL UNIQUE
);
CREATE TRIGGER IF NOT EXISTS audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, '审计记录不可修改'); END;
CREATE TRIGGER IF NOT EXISTS audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, '审计记录不可删除'); END;
"""
GENESIS = "0" * 64


@dataclass(frozen=True)
class Finding:
    """One broken place: the row it names (0 for the file as a whole) and a Chinese reason."""

    seq: int
    reason: str


@dataclass(frozen=True)
class Trail:
    """The audit trail of one home: its key and the file of anchors (HUIQI_AUDIT_ANCHOR, better on another disk)."""

    key: bytes
    anchors: Path

    def mac(self, row: Mapping[str, Any]) -> str:
        text = "\x1f".join(str(row[name]) for name in ("seq", "at", "actor", "action", "subject", "detail", "prev"))
        return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()

    def record(
        self, db: sqlite3.Connection, at: datetime, actor: str, action: str, subject: str, detail: Mapping[str, Any]
    ) -> str:
        """Adds one row inside the caller's transaction, so that an action and its trace commit together; returns the row's MAC."""
        last = db.execute("SELECT seq, mac FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        row = {
            "seq": (last[0] if last else 0) + 1,
            "at": at.isoformat(timespec="seconds"),
            "actor": actor,
            "action": action,
            "subject": subject,
            "detail": json.dumps(detail, ensure_ascii=False, sort_keys=True, default=str),
            "prev": last[1] if last else GENESIS,
        }
        row["mac"] = self.mac(row)
        db.execute(
            "INSERT INTO audit (seq, at, actor, action, subject, detail, prev, mac)"
            " VALUES (:seq, :at, :actor, :action, :subject, :detail, :prev, :mac)",
            row,
        )
        return str(row["mac"])

    def anchor(self, control: Control) -> None:
        """Writes the head of the chain to the second file, after the commit; a crash between the two leaves the anchor one behind."""
        head = control.rows("SELECT seq, at, mac FROM audit ORDER BY seq DESC LIMIT 1")
        if not head or head[0]["seq"] <= self._anchored_to():
            return
        self.anchors.parent.mkdir(parents=True, exist_ok=True)
        with self.anchors.open("a", encoding="utf-8") as file:
            file.write(json.dumps(head[0], sort_keys=True) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _anchored_to(self) -> int:
        if not self.anchors.exists():
            return 0
        for line in reversed(self.anchors.read_text(encoding="utf-8", errors="replace").splitlines()):
            # a line somebody spoilt is named by `verify`; it must not stop people from being refused in words
            with suppress(ValueError, KeyError, TypeError):
                return int(json.loads(line)["seq"])
        return 0

    def head(self, control: Control) -> str:
        """The MAC of the newest row, as printed on every list; all zeros before the first."""
        rows = control.rows("SELECT mac FROM audit ORDER BY seq DESC LIMIT 1")
        return str(rows[0]["mac"]) if rows else GENESIS

    def verify(self, control: Control) -> list[Finding]:
        """Every broken place, first to last: an edited row, a missing one, a cut tail, an anchor that disagrees."""
        rows = control.rows("SELECT * FROM audit ORDER BY seq")
        found: list[Finding] = []
        expected, prev = 1, GENESIS
        for row in rows:
            if row["seq"] != expected:
                missing = f"{expected}" if row["seq"] == expected + 1 else f"{expected} 至 {row['seq'] - 1}"
                found.append(Finding(expected, f"第 {missing} 行缺失"))
            elif row["prev"] != prev:
                found.append(Finding(row["seq"], f"第 {row['seq']} 行与上一行接不上"))
            if not hmac.compare_digest(self.mac(row), row["mac"]):
                found.append(Finding(row["seq"], f"第 {row['seq']} 行内容被改动"))
            expected, prev = row["seq"] + 1, row["mac"]
        return found + self._against_anchors({row["seq"]: row["mac"] for row in rows})

    def _against_anchors(self, macs: Mapping[int, str]) -> list[Finding]:
        if not self.anchors.exists():
            return [Finding(0, f"锚文件 {self.anchors.name} 不存在，无法判断末尾是否被截断")] if macs else []
        last, farthest = max(macs, default=0), 0
        found: list[Finding] = []
        for number, text in enumerate(self.anchors.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            try:
                said = json.loads(text)
                seq, mac = int(said["seq"]), str(said["mac"])
            except (ValueError, KeyError, TypeError):
                found.append(Finding(0, f"锚文件第 {number} 行读不出来"))
                continue
            farthest = max(farthest, seq)
            if macs.get(seq) not in (None, mac):
                found.append(Finding(seq, f"第 {seq} 行与锚文件第 {number} 行不符"))
        if farthest > last:
            found.append(Finding(last + 1, f"第 {last + 1} 至 {farthest} 行被截去（锚文件记到第 {farthest} 行）"))
        return found


def trail(home: Path) -> Trail:
    """The trail of a home; its key is made once (mode 0400)."""
    path = home / "keys" / "audit.key"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    anchors = Path(os.environ.get("HUIQI_AUDIT_ANCHOR", home / "anchors" / "audit.jsonl"))
    return Trail(bytes.fromhex(path.read_text(encoding="ascii")), anchors)
