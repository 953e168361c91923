"""The steps a person takes on one list, the same from the command line and from the page: what is read and written around the desk's decision."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from matching.push.holdout import HELD
from matching.push.inputs import Limits
from matching.push.kinds import DECISION, MESSAGE, MONEY
from matching.push.quiet import calendar
from matching.push.review import checks
from matching.push.sending import Told, leaving, timed
from pipelines.approval import Departure, Desk
from pipelines.audit import trail
from pipelines.control import ControlStore
from pipelines.docket import RefusedError
from pipelines.export import export
from pipelines.freezing import declined, scope_of
from pipelines.proofs import refuted
from pipelines.published import open_published
from pipelines.recompute import pool_of_item, rechecked, recomputed

Row = dict[str, Any]


class UnknownListError(LookupError):
    """No list of that name in the newest publication."""


def desk_of(home: Path) -> Desk:
    """The desk of one home."""
    return Desk(ControlStore(home / "control.sqlite"), trail(home), home / "lists")


def proposed(home: Path, list_id: str) -> tuple[Row, list[Row], list[Row]]:
    """(header, lines, suppressed pairs of the same topic) of a list in the newest publication. Raises UnknownListError."""
    with closing(open_published(home)) as con:
        headers = con.sql("SELECT * FROM push.list WHERE list_id = $id", params={"id": list_id}).pl().to_dicts()
        if not headers:
            raise UnknownListError(f"最新发布里没有清单 {list_id}；用 huiqi lists 查看编号")
        header = headers[0]
        lines = (
            con.sql("SELECT * FROM push.line WHERE list_id = $id ORDER BY line_no", params={"id": list_id})
            .pl()
            .to_dicts()
        )
        topic = {name: header[name] for name in ("kind", "item_id", "cycle")}
        held = con.sql(
            "SELECT * FROM push.suppression WHERE kind = $kind AND item_id = $item_id AND cycle = $cycle"
            " ORDER BY reason, enterprise_id",
            params=topic,
        ).pl().to_dicts()  # fmt: skip
    return header, lines, held


def kept(desk: Desk, list_id: str) -> Row | None:
    """A submitted list as the desk keeps it."""
    found = desk.control.rows("SELECT * FROM push_list WHERE list_id = ?", (list_id,))
    return found[0] if found else None


def kept_lines(desk: Desk, list_id: str) -> list[Row]:
    rows = desk.control.rows("SELECT body FROM push_line WHERE list_id = ? ORDER BY line_no", (list_id,))
    return [json.loads(row["body"]) for row in rows]


def last_like(desk: Desk, header: Mapping[str, Any]) -> Row | None:
    """The header of the newest frozen list of the same kind and item."""
    rows = desk.control.rows(
        "SELECT header FROM push_list WHERE kind = ? AND item_id = ? AND list_id <> ? AND status IN"
        " ('frozen', 'exported', 'reconciled') ORDER BY as_of DESC, list_id LIMIT 1",
        (header["kind"], header["item_id"], header["list_id"]),
    )
    return json.loads(rows[0]["header"]) if rows else None


def _arm(row: Mapping[str, Any]) -> Row:
    stratum = f"{(row['region'] or '未知')[:4]}·{row['size'] or '未定'}"
    return {
        **{name: row[name] for name in ("enterprise_id", "uscc", "item_id", "cycle", "arm", "probability")},
        "stratum": stratum,
    }


def submit(home: Path, desk: Desk, list_id: str, actor: str, phrase: str, at: datetime) -> Row:
    """draft → checked; returns the checks an approver will read. Raises UnknownListError, RefusedError."""
    header, lines, held = proposed(home, list_id)
    reviewed = checks(header, lines, last_like(desk, header))
    arms = [_arm(row) for row in (*lines, *held) if row["arm"] and row["kind"] in MESSAGE]
    desk.submit(header, lines, arms, reviewed, actor, phrase, at)
    return reviewed


def freeze(home: Path, desk: Desk, list_id: str, actor: str, phrase: str, at: datetime) -> Mapping[str, Any]:
    """approved → frozen, against the newest publication. Raises RefusedError."""
    return desk.freeze(
        list_id,
        actor,
        phrase,
        at,
        lambda lines: rechecked(home, lines, at.date()),
        lambda header, lines: recomputed(home, header, lines),
        lambda item: pool_of_item(home, item),
    )


def release(home: Path, desk: Desk, list_id: str, actor: str, phrase: str, at: datetime) -> list[Row]:
    """frozen → exported: writes what leaves the house, once; returns the files (path below home, bytes, sha256, purpose). Raises RefusedError.

    Every line is checked once more, and what has left is counted and added to in one transaction: a message that is not due any more, or would
    leave too late or beyond a cap of the day it really leaves, stays in the house; a payment that is not due stops the export.
    """
    desk.identify(list_id, actor, phrase, "export", at)
    row = kept(desk, list_id)
    if row is None or row["status"] != "frozen":
        desk.refuse(list_id, actor, "export", "只有刚冻结的清单可以导出，且只导出一次", at)
    arms = [json.loads(text) for text in json.loads(row["arms"])]
    held = [arm for arm in arms if arm["arm"] == HELD]
    lines = kept_lines(desk, list_id)
    stale = rechecked(home, lines, at.date(), granted=True)

    def written(db: sqlite3.Connection) -> Departure:
        withheld, leaves, leaving_lines = _withheld(db, row, lines, stale), None, lines
        if row["kind"] not in MONEY:
            due = [line for line in lines if line["line_key"] not in withheld]
            leaves, late = leaving(due, _left(db, list_id, due, at), at, calendar(), Limits())
            withheld |= late
            leaving_lines = timed(lines, leaves)
        files = export(home, json.loads(row["header"]), leaving_lines, held=held, withheld=withheld)
        told = [{**asdict(file), "path": str(file.path.relative_to(home))} for file in files]
        return Departure(told, withheld, leaves.date() if leaves else None)

    return desk.depart(list_id, actor, at, written)


def _left(db: sqlite3.Connection, list_id: str, lines: Sequence[Row], at: datetime) -> list[Told]:
    """The messages of other lists that have left and can stand in the way of `lines`: about their items, or of the seven days before `at`."""
    rows = db.execute(
        """SELECT enterprise_id, item_id, cycle, sent_on FROM sent_message
           WHERE (item_id IN (SELECT value FROM json_each(:items)) OR sent_on > :week) AND enterprise_id IN (SELECT value FROM json_each(:firms))
             AND list_id IN (SELECT list_id FROM push_list WHERE status = 'exported' AND list_id <> :list)""",
        {
            "items": json.dumps(sorted({line["item_id"] for line in lines})),
            "firms": json.dumps(sorted({line["enterprise_id"] for line in lines})),
            "week": (at.date() - timedelta(days=7)).isoformat(),
            "list": list_id,
        },
    )
    return [(enterprise, item, cycle, date.fromisoformat(day)) for enterprise, item, cycle, day in rows]


def _withheld(
    db: sqlite3.Connection, row: Mapping[str, Any], lines: Sequence[Row], stale: Mapping[str, str]
) -> dict[str, str]:
    """Line key → reason, for the lines of a frozen list that stay in the house. Raises RefusedError where money would go to who may not have it.

    `stale` are the lines that the newest publication does not bear out any more.
    """
    money, list_id = row["kind"] in MONEY, row["list_id"]
    undone: dict[str, str] = {}
    if money:
        live = {key for (key,) in db.execute("SELECT award_key FROM active_award WHERE list_id = ?", (list_id,))}
        undone = {line["line_key"]: "已冲销" for line in lines if line["line_key"] not in live}
    standing = [line for line in lines if line["line_key"] not in undone]
    wishes = declined(db, standing, scope_of(row["kind"])) if row["kind"] != DECISION else refuted(db, standing)
    gone = {key: reason for key, reason in stale.items() if key not in undone} | wishes
    if money and gone:
        first = next(line for line in standing if line["line_key"] in gone)
        raise RefusedError(
            f"冻结之后 {len(gone)} 户情况已变，如 {first['uscc']}：{gone[first['line_key']]}；先由两人冲销（huiqi reverse），再导出"
        )
    return undone | gone


def reconcile(home: Path, desk: Desk, list_id: str, actor: str, phrase: str, at: datetime) -> Row:
    """Compares an exported award list with what finance paid (`open`, `lines`); closes it where every award is paid. Raises RefusedError."""
    desk.identify(list_id, actor, phrase, "reconcile", at)
    row = kept(desk, list_id)
    if row is None or row["kind"] not in MONEY or row["status"] not in ("exported", "reconciled"):
        desk.refuse(list_id, actor, "reconcile", "只有已导出的兑付名单可以对账", at)
    result = settlement(home, list_id)
    if row["status"] == "exported" and not result["open"]:
        desk.close(list_id, actor, at, {k: v for k, v in result.items() if k != "lines"})
    return result


def reverse(
    home: Path, desk: Desk, list_id: str, uscc: str, reason: str, actor: str, phrase: str, at: datetime
) -> list[bool]:
    """One approver's word to undo (冲销) what a list grants a firm; per award whether it is undone now. Raises RefusedError, UnknownListError."""
    found = [line for line in kept_lines(desk, list_id) if line["uscc"] == uscc]
    if not found:
        raise UnknownListError(f"清单 {list_id} 里没有 {uscc}")
    row = kept(desk, list_id)
    back: set[tuple[str, str]] = set()
    if row is not None and row["status"] != "frozen":
        back = {
            (line["uscc"], line["cycle"]) for line in settlement(home, list_id)["lines"] if line["state"] == "returned"
        }
    return [
        desk.reverse(list_id, line["line_key"], reason, actor, phrase, at, (uscc, line["cycle"]) in back)
        for line in found
    ]


def settlement(home: Path, list_id: str) -> Row:
    """What the newest publication says became of a list's payments; `open` counts the awards that are not fully paid."""
    with closing(open_published(home)) as con:
        lines = (
            con.sql(
                "SELECT uscc, item_id, cycle, granted_yuan, paid_yuan, payments, last_paid_on, state FROM push.settlement"
                " WHERE list_id = $id ORDER BY uscc",
                params={"id": list_id},
            )
            .pl()
            .to_dicts()
        )
    if not lines:
        raise RefusedError("最新发布早于这份名单的导出；先运行 huiqi run，再对账")
    return {"open": sum(line["state"] not in ("paid", "split") for line in lines), "lines": lines}
