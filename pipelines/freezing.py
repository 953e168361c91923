"""What freezing asks of the ledger's own database: nobody declined, no declaration found untrue, each message claimed once, arms kept for ever."""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from matching.push.kinds import DECISION, DIGEST, MESSAGE, MONEY
from matching.push.sending import covered
from pipelines.docket import OutdatedError, RefusedError
from pipelines.proofs import refuted

Recheck = Callable[[Sequence[Mapping[str, Any]]], Mapping[str, str]]
"""Line key → Chinese reason, for the lines that may not go out any more (bars, validity, status, as known now)."""


def refuse_outdated(
    db: sqlite3.Connection,
    row: Mapping[str, Any],
    header: Mapping[str, Any],
    lines: Sequence[Mapping[str, Any]],
    at: datetime,
    recheck: Recheck,
) -> None:
    if header.get("valid_until") and at.date() > date.fromisoformat(header["valid_until"]):
        raise OutdatedError(f"名单有效期到 {header['valid_until']}，已过期")
    scope = scope_of(row["kind"])
    # who has applied wants the money, whatever he said of awards and messages nobody asked for
    unasked = lines if row["kind"] != DECISION else []
    gone = dict(recheck(lines)) | declined(db, unasked, scope) | refuted(db, lines)
    if gone:
        first = next(line for line in lines if line["line_key"] in gone)
        raise OutdatedError(
            f"{len(gone)} 户情况已变，如 {first['uscc']}：{gone[first['line_key']]}；名单作废，须重新生成和审批"
        )


def scope_of(kind: str) -> str:
    """What a firm would have to decline so as not to stand on a list of this kind."""
    return "award" if kind in MONEY else "message"


def declined(db: sqlite3.Connection, lines: Sequence[Mapping[str, Any]], scope: str) -> dict[str, str]:
    """Line key → reason, for the lines of firms that want none of it."""
    wishes = {e for e, s in db.execute("SELECT enterprise_id, scope FROM opt_out") if s in (scope, "all")}
    return {line["line_key"]: "已退订或放弃" for line in lines if line["enterprise_id"] in wishes}


def send_once(db: sqlite3.Connection, row: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> None:
    """Claims the key of every message of the list; one that was ever claimed stops the whole list."""
    if row["kind"] not in MESSAGE | {DIGEST}:
        return
    for line in lines:
        if line["channel"] != "sms":
            continue
        told = covered(line)
        for number, (enterprise, item, cycle) in enumerate(told):
            key = line["line_key"] if len(told) == 1 else f"{line['line_key']}.{number}"
            try:
                db.execute(
                    "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (key, enterprise, item, cycle, line["earliest_send"][:10], row["as_of"], row["list_id"]),
                )
            except sqlite3.IntegrityError as error:
                raise RefusedError(f"{line['uscc']} 的同一条提醒已经发过，不能重发") from error


def keep_arms(db: sqlite3.Connection, row: Mapping[str, Any]) -> None:
    for text in json.loads(row["arms"]):
        arm = json.loads(text)
        db.execute(
            "INSERT INTO arm VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (arm["enterprise_id"], arm["item_id"], arm["cycle"], arm["stratum"], arm["arm"], arm["probability"],
             row["as_of"], row["list_id"]),
        )  # fmt: skip


def altered_awards(db: sqlite3.Connection) -> list[str]:
    """What the books say against what frozen lists say: an award that is missing, of another amount or firm, or that no list granted.

    The ledger's triggers refuse such changes; who takes the triggers away is found here. CROSS JOIN is SQLite's word for "in this order": the
    lists of money are few, and the lines of a year of messages are gigabytes.
    """
    kinds = ", ".join(f"'{kind}'" for kind in sorted(MONEY))
    rows = db.execute(
        f"""WITH granted AS (
              SELECT l.list_id, l.line_key, l.enterprise_id, l.item_id, l.cycle,
                     CAST(round(CAST(json_extract(l.body, '$.amount_yuan') AS REAL) * 100) AS INTEGER) AS fen
              FROM push_list p CROSS JOIN push_line l USING (list_id)
              WHERE p.status IN ('frozen', 'exported', 'reconciled') AND p.kind IN ({kinds})),
            booked AS (SELECT * FROM award WHERE kind = 'award')
            SELECT g.list_id, g.line_key, '不在台账中' AS why FROM granted g
              LEFT JOIN booked b ON b.list_id = g.list_id AND b.award_key = g.line_key WHERE b.award_id IS NULL
            UNION ALL
            SELECT b.list_id, b.award_key, CASE WHEN g.line_key IS NULL THEN '在台账中而名单上没有' ELSE '在台账中的金额或企业与名单不同' END
              FROM booked b LEFT JOIN granted g ON g.list_id = b.list_id AND g.line_key = b.award_key
              WHERE g.line_key IS NULL OR b.amount_fen <> g.fen OR b.entity_id <> g.enterprise_id OR b.item_id <> g.item_id OR b.cycle <> g.cycle
            ORDER BY 1, 2"""
    ).fetchall()
    return [f"名单 {list_id} 的兑付 {key} {why}" for list_id, key, why in rows]
