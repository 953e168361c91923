"""The award ledger: what has been granted, in integer fen, never twice; a mistake is undone by a reversal row, never by an edit."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS fund (
    item_id TEXT NOT NULL,
    cycle TEXT NOT NULL,
    budget_fen INTEGER,
    committed_fen INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (item_id, cycle),
    CONSTRAINT within_budget CHECK (committed_fen >= 0 AND (budget_fen IS NULL OR committed_fen <= budget_fen))
);
CREATE TABLE IF NOT EXISTS award (
    award_id INTEGER PRIMARY KEY,
    award_key TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('award', 'reversal')),
    entity_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    cycle TEXT NOT NULL,
    claim_unit TEXT NOT NULL,
    exclusion_group TEXT NOT NULL,
    group_cycle TEXT NOT NULL,
    generation INTEGER NOT NULL,
    amount_fen INTEGER NOT NULL CHECK (typeof(amount_fen) = 'integer'),
    list_id TEXT NOT NULL,
    as_of TEXT NOT NULL,
    reverses INTEGER UNIQUE REFERENCES award (award_id),
    reason TEXT,
    CHECK ((kind = 'award' AND amount_fen > 0 AND reverses IS NULL)
        OR (kind = 'reversal' AND amount_fen < 0 AND reverses IS NOT NULL AND reason IS NOT NULL))
);
CREATE UNIQUE INDEX IF NOT EXISTS award_once
    ON award (entity_id, item_id, cycle, claim_unit, generation) WHERE kind = 'award';
DROP INDEX IF EXISTS award_group_once;
CREATE UNIQUE INDEX IF NOT EXISTS award_group_cycle_once
    ON award (entity_id, exclusion_group, group_cycle, cycle, claim_unit, generation) WHERE kind = 'award';
CREATE INDEX IF NOT EXISTS award_reversed
    ON award (entity_id, exclusion_group, group_cycle) WHERE kind = 'reversal';
CREATE VIEW IF NOT EXISTS active_award AS
    SELECT a.* FROM award a WHERE a.kind = 'award' AND NOT EXISTS (SELECT 1 FROM award r WHERE r.reverses = a.award_id);
CREATE TRIGGER IF NOT EXISTS award_guard BEFORE INSERT ON award WHEN NEW.kind = 'award' BEGIN
    SELECT RAISE(ABORT, '本周期已兑付同一事项') FROM active_award a
        WHERE a.entity_id = NEW.entity_id AND a.item_id = NEW.item_id AND a.cycle = NEW.cycle AND a.claim_unit = NEW.claim_unit;
    SELECT RAISE(ABORT, '就高不重复：同组事项已兑付') FROM active_award a
        WHERE a.entity_id = NEW.entity_id AND a.exclusion_group = NEW.exclusion_group AND a.group_cycle = NEW.group_cycle
          AND a.item_id <> NEW.item_id;
    SELECT RAISE(ABORT, '代次不对') WHERE NEW.generation <> (
        SELECT count(*) FROM award r WHERE r.kind = 'reversal' AND r.entity_id = NEW.entity_id
          AND r.exclusion_group = NEW.exclusion_group AND r.group_cycle = NEW.group_cycle);
END;
CREATE TRIGGER IF NOT EXISTS reversal_guard BEFORE INSERT ON award WHEN NEW.kind = 'reversal' BEGIN
    SELECT RAISE(ABORT, '冲销与原兑付不符') WHERE NOT EXISTS (
        SELECT 1 FROM award a WHERE a.award_id = NEW.reverses AND a.kind = 'award' AND a.amount_fen = -NEW.amount_fen
          AND a.award_key = NEW.award_key AND a.entity_id = NEW.entity_id AND a.item_id = NEW.item_id AND a.cycle = NEW.cycle);
END;
CREATE TRIGGER IF NOT EXISTS award_commits AFTER INSERT ON award BEGIN
    UPDATE fund SET committed_fen = committed_fen + NEW.amount_fen WHERE item_id = NEW.item_id AND cycle = NEW.cycle;
END;
CREATE TABLE IF NOT EXISTS pool (
    pool TEXT PRIMARY KEY,
    limit_fen INTEGER NOT NULL,
    committed_fen INTEGER NOT NULL,
    CONSTRAINT within_pool CHECK (committed_fen <= limit_fen)
);
CREATE TABLE IF NOT EXISTS pool_item (
    item_id TEXT PRIMARY KEY,
    pool TEXT NOT NULL REFERENCES pool (pool)
);
CREATE TRIGGER IF NOT EXISTS award_from_pool AFTER INSERT ON award BEGIN
    UPDATE pool SET committed_fen = committed_fen + NEW.amount_fen
    WHERE pool = (SELECT p.pool FROM pool_item p WHERE p.item_id = NEW.item_id);
END;
CREATE TABLE IF NOT EXISTS claimed_unit (
    item_id TEXT NOT NULL,
    claim_unit TEXT NOT NULL CHECK (claim_unit <> ''),
    award_id INTEGER NOT NULL UNIQUE REFERENCES award (award_id),
    PRIMARY KEY (item_id, claim_unit)
);
CREATE TRIGGER IF NOT EXISTS award_claims_unit AFTER INSERT ON award WHEN NEW.kind = 'award' AND NEW.claim_unit <> '' BEGIN
    SELECT RAISE(ABORT, '这一兑现单元已经兑付过') FROM claimed_unit c WHERE c.item_id = NEW.item_id AND c.claim_unit = NEW.claim_unit;
    INSERT INTO claimed_unit VALUES (NEW.item_id, NEW.claim_unit, NEW.award_id);
END;
CREATE TRIGGER IF NOT EXISTS reversal_frees_unit AFTER INSERT ON award WHEN NEW.kind = 'reversal' BEGIN
    DELETE FROM claimed_unit WHERE award_id = NEW.reverses;
END;
CREATE TRIGGER IF NOT EXISTS claimed_unit_no_update BEFORE UPDATE ON claimed_unit
    BEGIN SELECT RAISE(ABORT, '已兑现单元不可修改'); END;
CREATE TRIGGER IF NOT EXISTS claimed_unit_no_delete BEFORE DELETE ON claimed_unit
    WHEN NOT EXISTS (SELECT 1 FROM award r WHERE r.reverses = OLD.award_id)
    BEGIN SELECT RAISE(ABORT, '已兑现单元只随冲销释放'); END;
INSERT OR IGNORE INTO claimed_unit SELECT item_id, claim_unit, award_id FROM active_award WHERE claim_unit <> '' ORDER BY award_id;
CREATE TRIGGER IF NOT EXISTS award_no_update BEFORE UPDATE ON award BEGIN SELECT RAISE(ABORT, '台账不可修改，只能冲销'); END;
CREATE TRIGGER IF NOT EXISTS award_no_delete BEFORE DELETE ON award BEGIN SELECT RAISE(ABORT, '台账不可删除，只能冲销'); END;
"""


class LedgerError(RuntimeError):
    """The ledger refused: doubled, against an exclusion group, or beyond the budget. The message is Chinese and names the firm."""


@dataclass(frozen=True)
class Award:
    """One award to be granted. `amount_yuan` is exact to the fen; ungrouped items have `exclusion_group` None."""

    award_key: str
    entity_id: str
    uscc: str
    item_id: str
    cycle: str
    claim_unit: str
    exclusion_group: str | None
    group_cycle: str
    amount_yuan: Decimal


@dataclass(frozen=True)
class Pool:
    """A fund pool as the newest publication knows it: what our awards may add up to since the day `since` (ISO), and for which items."""

    pool: str
    limit_yuan: Decimal
    items: tuple[str, ...]
    since: str


def fen(amount: Decimal) -> int:
    """元 as integer fen. Raises LedgerError for an amount that is not positive, not finite, or finer than a fen."""
    if not amount.is_finite() or amount <= 0 or amount * 100 != (amount * 100).to_integral_value():
        raise LedgerError(f"金额 {amount} 不能入账：应为精确到分的正数")
    return int(amount * 100)


def open_fund(db: sqlite3.Connection, item_id: str, cycle: str, budget_yuan: Decimal | None) -> None:
    """Sets the budget of an item's cycle; refused below what is committed already."""
    limit = None if budget_yuan is None else fen(budget_yuan)
    try:
        db.execute(
            "INSERT INTO fund (item_id, cycle, budget_fen) VALUES (?, ?, ?)"
            " ON CONFLICT (item_id, cycle) DO UPDATE SET budget_fen = excluded.budget_fen",
            (item_id, cycle, limit),
        )
    except sqlite3.IntegrityError as error:
        raise LedgerError(f"事项 {item_id} 周期 {cycle} 的预算 {budget_yuan} 元低于已安排金额") from error


def open_pool(db: sqlite3.Connection, pool: Pool) -> None:
    """Sets what the awards of a pool may add up to, counting anew what is granted from it since it opened.

    Raises LedgerError if more is granted than the limit leaves, which happens when finance has paid for others in between.
    """
    try:
        db.execute(
            "INSERT INTO pool VALUES (?, ?, 0) ON CONFLICT (pool) DO UPDATE SET limit_fen = excluded.limit_fen, committed_fen = 0",
            (pool.pool, int(pool.limit_yuan * 100)),
        )
        for item in pool.items:
            db.execute(
                "INSERT INTO pool_item VALUES (?, ?) ON CONFLICT (item_id) DO UPDATE SET pool = excluded.pool",
                (item, pool.pool),
            )
        db.execute(
            "UPDATE pool SET committed_fen = (SELECT coalesce(sum(a.amount_fen), 0) FROM active_award a"
            " JOIN pool_item p USING (item_id) WHERE p.pool = pool.pool AND a.as_of >= ?) WHERE pool = ?",
            (pool.since, pool.pool),
        )
    except sqlite3.IntegrityError as error:
        raise LedgerError(f"资金池 {pool.pool} 可安排 {pool.limit_yuan} 元，已安排的超出了它；先补充资金池") from error


def grant(db: sqlite3.Connection, award: Award, list_id: str, as_of: str) -> None:
    """Adds one award inside the caller's transaction. Raises LedgerError, and the caller must roll back, if it is not to be had."""
    group = award.exclusion_group or award.item_id
    period = award.group_cycle if award.exclusion_group else award.cycle
    reversed_before = db.execute(
        "SELECT count(*) FROM award WHERE kind = 'reversal' AND entity_id = ? AND exclusion_group = ? AND group_cycle = ?",
        (award.entity_id, group, period),
    ).fetchone()[0]
    try:
        db.execute(
            "INSERT INTO award (award_key, kind, entity_id, item_id, cycle, claim_unit, exclusion_group, group_cycle,"
            " generation, amount_fen, list_id, as_of) VALUES (?, 'award', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (award.award_key, award.entity_id, award.item_id, award.cycle, award.claim_unit, group, period, reversed_before,
             fen(award.amount_yuan), list_id, as_of),
        )  # fmt: skip
    except sqlite3.IntegrityError as error:
        reason = (
            "超出预算"
            if "within_budget" in str(error)
            else "超出资金池可用余额"
            if "within_pool" in str(error)
            else str(error)
        )
        raise LedgerError(f"{award.uscc} 事项 {award.item_id} 周期 {award.cycle}：{reason}") from error


def reverse(db: sqlite3.Connection, award_id: int, reason: str, as_of: str) -> None:
    """Undoes one award by a row of the opposite amount, which frees its key and its budget. Raises LedgerError if there is nothing to undo."""
    found = db.execute("SELECT * FROM active_award WHERE award_id = ?", (award_id,)).fetchone()
    if found is None:
        raise LedgerError(f"兑付 {award_id} 不存在或已冲销")
    if not reason.strip():
        raise LedgerError("冲销必须写明原因")
    row = dict(found)
    db.execute(
        "INSERT INTO award (award_key, kind, entity_id, item_id, cycle, claim_unit, exclusion_group, group_cycle, generation,"
        " amount_fen, list_id, as_of, reverses, reason) VALUES (?, 'reversal', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (row["award_key"], row["entity_id"], row["item_id"], row["cycle"], row["claim_unit"], row["exclusion_group"],
         row["group_cycle"], row["generation"], -row["amount_fen"], row["list_id"], as_of, award_id, reason),
    )  # fmt: skip


def award_of(line: Mapping[str, Any]) -> Award:
    """The award a list line stands for."""
    return Award(
        award_key=line["line_key"],
        entity_id=line["enterprise_id"],
        uscc=line["uscc"] or line["enterprise_id"],
        item_id=line["item_id"],
        cycle=line["cycle"],
        claim_unit=line["claim_unit"] or "",
        exclusion_group=line["exclusion_group"],
        group_cycle=line["group_cycle"] or line["cycle"],
        amount_yuan=Decimal(str(line["amount_yuan"])),
    )
