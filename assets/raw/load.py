"""One table's deliveries, once prepared: whether anything may be written, and everything written in one transaction."""

from dataclasses import dataclass

import polars as pl

from assets.ports import Scope, Warehouse, Written
from assets.raw.absent import tombstones
from assets.raw.backlog import Backlog, backlog
from assets.raw.judge import File
from assets.raw.keys import personal_key
from assets.raw.prepare import Prepared, checked, prepared
from assets.raw.record import (
    empty,
    file_reject,
    grow,
    load_rows,
    no_rejects,
    record,
    record_checks,
    record_large,
)
from assets.raw.volume import Habit
from data.contract import Table
from quality.masks import Outcome, outcome
from quality.reconcile import unconserved


@dataclass
class Loaded:
    """The outcome for one table: files with their counts, the rules' outcomes over everything that was judged, what was written."""

    files: list[File]
    outcomes: list[Outcome]
    written: Written | None
    blocked: str | None = None
    rows_new: int = 0


def load(table: Table, warehouse: Warehouse, scope: Scope, todo: Backlog | None = None) -> Loaded:
    """Loads every accepted delivery of `table` known by the scope that is not yet loaded; `todo` is the run's backlog if it is known.

    Writes nothing if a check is broken, if rows were lost on the way, or if nothing stands yet and every delivery fails a blocking rule (`blocked` says why).
    """
    todo = todo or backlog(warehouse, scope)
    files = todo.pending.pop(table.key, [])
    standing = todo.standing.get(table.key)
    if not files and standing is not None and standing.columns.keys() >= table.stored.keys():
        return Loaded([], [outcome(empty(table), rule) for rule in table.rules], standing)
    ready = todo.ahead.taken(table.key) if todo.ahead is not None else None
    if ready is None:
        alone = prepared(
            table, files, warehouse.home, personal_key(warehouse.home), todo.habits.get(table.key) or Habit()
        )
        ready = alone, checked(alone, table)
    found, results = ready
    try:
        return _loaded(table, warehouse, scope, files, standing, found, results)
    finally:
        for large in found.large:
            large.drop()


def _loaded(
    table: Table,
    warehouse: Warehouse,
    scope: Scope,
    files: list[File],
    standing: Written | None,
    found: Prepared,
    results: list[Outcome],
) -> Loaded:
    loaded = Loaded(files, results, None)
    loaded.blocked = _blocking(loaded, table, standing is not None and standing.rows > 0)
    if loaded.blocked:
        return loaded
    rows = pl.concat([empty(table), *found.kept])
    rejected = pl.concat([no_rejects(), *found.rejects, *[file_reject(f) for f in files if f.refusal]])
    gone = tombstones(table, rows, [f.arrival for f in files if not f.refusal], warehouse, rejected)
    loaded.rows_new = rows.height
    with warehouse.write() as transaction:
        grow(transaction, standing.columns if standing else {}, table)
        loaded.written = transaction.append(f"raw.{table.key}", pl.concat([rows, gone]), key=("_file_id",))
        again = [f.id for f in files if f.refusal] + [large.file.id for large in found.large]
        if again and standing is not None:
            # A control file that came late may take back what had been let in without one.
            listed = ", ".join(f"'{i}'" for i in again)
            transaction.execute(f'DELETE FROM raw."{table.key}" WHERE _file_id IN ({listed})')
        if files:
            record(transaction, table, files, rejected, found.subjects, gone)
        for large in found.large:
            if not large.file.refusal:
                loaded.written, added = record_large(transaction, large, loaded.written)
                loaded.rows_new += added
        record_checks(transaction, table, results, scope)
    return loaded


def _blocking(loaded: Loaded, table: Table, stands: bool) -> str | None:
    broken = [o for o in loaded.outcomes if o.broken]
    if broken:
        return "检查本身坏了：" + "；".join(f"{o.rule.label}（{o.broken}）" for o in broken)
    for file in loaded.files:
        if file.refusal:
            file.counts = {**file.counts, "rows_loaded": 0, "rows_rejected": 0, "rows_duplicate": 0}
            file.counts["rows_rejected"] = file.counts["rows_in"] - file.counts["rows_total"]
    lost = unconserved(load_rows(loaded.files, table, None))
    if lost.height:
        return "行数不守恒（读入 ≠ 载入 + 退回 + 重复 + 合计行）：" + "、".join(lost["name"].to_list()[:5])
    # Where a good version stands, the refused deliveries are written down and the rest of the run goes on with that version.
    if not stands and loaded.files and all(f.rule_refusals for f in loaded.files):
        return "每一份新交付都不满足阻断规则：" + "；".join(str(f.refusal) for f in loaded.files[:3])
    return None
