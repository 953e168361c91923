"""Who may act on lists: names, roles and pass phrases, kept in `control.sqlite`."""

import hashlib
import hmac
import os
import sqlite3

SCHEMA = """
CREATE TABLE IF NOT EXISTS officer (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('analyst', 'approver', 'viewer')),
    salt BLOB NOT NULL,
    digest BLOB NOT NULL,
    active INTEGER NOT NULL DEFAULT 1
);
"""
ROLES = {"analyst": "经办", "approver": "审批", "viewer": "查看"}


class OfficerError(RuntimeError):
    """The person is unknown, removed, of another role, or did not prove who they are."""


def _digest(phrase: str, salt: bytes) -> bytes:
    # 16 MB and about 50 ms a try: the cost of an interactive login.
    return hashlib.scrypt(phrase.encode(), salt=salt, n=2**14, r=8, p=1)


def enrol(db: sqlite3.Connection, name: str, role: str, phrase: str) -> None:
    """Adds a person, or brings back one who left. Raises OfficerError for one who is active: a pass phrase is not changed by another."""
    if role not in ROLES:
        raise OfficerError(f"角色 {role} 不认识，应为 {'、'.join(ROLES)}")
    if not name.strip() or len(phrase) < 8:
        raise OfficerError("姓名不能为空，口令至少 8 个字符")
    if db.execute("SELECT 1 FROM officer WHERE name = ? AND active = 1", (name,)).fetchone():
        raise OfficerError(f"{name} 已登记且在岗；更换角色或口令须先离岗，再重新登记")
    salt = os.urandom(16)
    db.execute(
        "INSERT INTO officer (name, role, salt, digest) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE"
        " SET role = excluded.role, salt = excluded.salt, digest = excluded.digest, active = 1",
        (name, role, salt, _digest(phrase, salt)),
    )


def remove(db: sqlite3.Connection, name: str) -> None:
    """Takes a person's rights; their past approvals no longer count for lists that are not frozen yet, until they are back."""
    if db.execute("UPDATE officer SET active = 0 WHERE name = ? AND active = 1", (name,)).rowcount == 0:
        raise OfficerError(f"没有在岗人员 {name}")


def prove(db: sqlite3.Connection, name: str, phrase: str, *roles: str) -> None:
    """Checks that `name` is active, in one of `roles`, and knows the phrase. Raises OfficerError."""
    row = db.execute("SELECT role, salt, digest, active FROM officer WHERE name = ?", (name,)).fetchone()
    # the digest is computed for strangers too, so that the time taken tells nothing
    salt, digest = (row["salt"], row["digest"]) if row else (b"\0" * 16, b"")
    if not hmac.compare_digest(_digest(phrase, salt), digest) or not row["active"]:
        raise OfficerError(f"{name} 未登记、已离岗或口令不对")
    if row["role"] not in roles:
        raise OfficerError(f"{name} 的角色是“{ROLES[row['role']]}”，这一步需要“{'”或“'.join(ROLES[r] for r in roles)}”")


def is_active_approver(db: sqlite3.Connection, name: str) -> bool:
    row = db.execute("SELECT 1 FROM officer WHERE name = ? AND role = 'approver' AND active = 1", (name,)).fetchone()
    return row is not None
