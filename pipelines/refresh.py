"""The profile of a day brought up to date: only the enterprises whose rows changed since it was last built, or all where that would differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import duckdb
import polars as pl

from assets.ports import Scope
from assets.profile.plan import build, raw_tables, statements
from assets.profile.premises import premises
from pipelines.warehouse import DuckWarehouse

# Written whole: persons change employers, and coverage counts everybody.
_WHOLE = ("person", "coverage")
# Tables that are no part of an enterprise's slice: facts about feeds.
_SHARED = "raw.delivery"


@dataclass(frozen=True)
class Refreshed:
    """`enterprises` whose rows were computed anew; `reason` in Chinese where the whole profile was."""

    enterprises: int
    reason: str | None = None


def refresh(warehouse: DuckWarehouse, scope: Scope) -> Refreshed:
    """Brings `profile.*` to the state a full build for `scope` would give, table by table and row by row.

    Rebuilds everything when the day or a statement changed, when a fact about a feed that rows rest on (`assets.profile.premises`)
    changed, or when nothing was built before. Otherwise the rows of the enterprises named by new deliveries, by another resolution of
    subjects or by a changed register are deleted and written again. The warehouse's variables must be those of `scope`.
    """
    reason = _why_whole(warehouse, scope)
    if reason is not None:
        build(warehouse, scope)
        changed = warehouse.frame("SELECT count(*) AS n FROM registry.enterprise").item()
    else:
        changed = _rebuild_changed(warehouse)
    remember(warehouse, scope)
    return Refreshed(int(changed), reason)


def _why_whole(warehouse: DuckWarehouse, scope: Scope) -> str | None:
    if not warehouse.exists("profile.built"):
        return "还没有可以接着算的档案"
    last = warehouse.frame("SELECT * FROM profile.built").row(0, named=True)
    if last["as_of"] != scope.as_of:
        return f"事实日期由 {last['as_of']} 变为 {scope.as_of}"
    if last["known_at"] > scope.known_at:
        return f"截至时间退回到 {scope.known_at}"
    if last["statements"] != _version():
        return "计算档案的语句变了"
    with warehouse.write() as w:
        for name in ("feed", "due"):
            w.replace(f"profile.{name}", statements()[name])
    moved = _premises(warehouse).join(
        warehouse.frame("SELECT * FROM profile.premise"), on=["name", "answer"], how="anti"
    )
    return f"各户都依据的交付情况变了：{'、'.join(moved['name'].sort())}" if moved.height else None


def _version() -> str:
    return sha256("\n".join(statements().values()).encode()).hexdigest()[:16]


def _premises(warehouse: DuckWarehouse) -> pl.DataFrame:
    """name, answer: what each premise says now, as text."""
    with warehouse.connection() as con:
        rows = [(name, repr(con.execute(sql).fetchall())) for name, sql in premises()]
    return pl.DataFrame(rows, schema={"name": pl.String, "answer": pl.String}, orient="row")


def remember(warehouse: DuckWarehouse, scope: Scope) -> None:
    """What the next refresh compares with: the dates, the premises, the files, and who each subject was."""
    built = pl.DataFrame({"as_of": [scope.as_of], "known_at": [scope.known_at], "statements": [_version()]})
    told = _premises(warehouse)
    with warehouse.write() as w:
        w.replace("profile.built", built)
        w.replace("profile.premise", told)
        w.replace(
            "profile.read_file",
            "SELECT DISTINCT file_id, status FROM raw.delivery WHERE received_at <= getvariable('known_at')",
        )
        w.replace("profile.read_subject", "SELECT _subject_id, enterprise_id FROM registry.subject")


def _rebuild_changed(warehouse: DuckWarehouse) -> int:
    """Builds the slice of the changed enterprises beside the warehouse, then puts its rows in the place of theirs."""
    with warehouse.connection() as con:
        home = _one(con, "SELECT current_database()")
        con.execute("ATTACH ':memory:' AS slice")
        try:
            con.execute(f"CREATE TABLE slice.changed AS {_changed_sql(_known_at(con))}")
            changed = int(_one(con, "SELECT count(*) FROM slice.changed"))
            if changed:
                _slice(con, home)
            _put(con, changed)
        finally:
            con.execute(f'USE "{home}"')
            con.execute("DETACH slice")
    return changed


def _known_at(con: duckdb.DuckDBPyConnection) -> str:
    return f"TIMESTAMP '{_one(con, 'SELECT known_at FROM profile.built')}'"


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> str:
    return str(con.execute(sql).fetchall()[0][0])


def _changed_sql(known_at: str) -> str:
    """One SELECT of the enterprise_ids that new rows, another resolution or a changed register touch."""
    new = (
        "(SELECT file_id FROM raw.delivery d WHERE d.received_at <= getvariable('known_at') "
        "AND NOT EXISTS (SELECT 1 FROM profile.read_file r WHERE r.file_id = d.file_id AND r.status = d.status))"
    )
    fresh = f"(r._file_id IN {new} OR r._received_at > {known_at}) AND r._received_at <= getvariable('known_at')"
    rows = [
        f"SELECT DISTINCT r._subject_id FROM {table} r WHERE {fresh}"
        for table in raw_tables()
        if table not in (_SHARED, "raw.ip_patent_status")
    ]
    # legal events name a patent; a voucher sent again under another name leaves the enterprise it named before
    rows.append(
        "SELECT p._subject_id FROM raw.ip_patent p WHERE p.application_no IN "
        f"(SELECT r.application_no FROM raw.ip_patent_status r WHERE {fresh})"
    )
    rows.append(
        "SELECT p._subject_id FROM raw.finance_payment p WHERE p.voucher_no IN "
        f"(SELECT r.voucher_no FROM raw.finance_payment r WHERE {fresh})"
    )
    named = "\n    UNION\n    ".join(rows)
    return f"""
    WITH named AS (
    {named}
    ), resolved AS (
        SELECT enterprise_id FROM registry.subject WHERE _subject_id IN (SELECT _subject_id FROM named)
        UNION
        SELECT unnest([now.enterprise_id, before.enterprise_id])
        FROM registry.subject now
        FULL JOIN profile.read_subject before USING (_subject_id)
        WHERE now.enterprise_id IS DISTINCT FROM before.enterprise_id
        UNION
        SELECT coalesce(now.enterprise_id, before.enterprise_id)
        FROM registry.enterprise now
        FULL JOIN profile.enterprise before USING (enterprise_id)
        WHERE (now.uscc, now.name) IS DISTINCT FROM (before.uscc, before.name)
    )
    SELECT DISTINCT enterprise_id FROM resolved WHERE enterprise_id IS NOT NULL ORDER BY enterprise_id"""


def _slice(con: duckdb.DuckDBPyConnection, home: str) -> None:
    """Copies what speaks of the changed enterprises into `slice` and runs every statement there."""
    for schema in ("raw", "registry", "profile"):
        con.execute(f"CREATE SCHEMA slice.{schema}")
    for table in ("registry.enterprise", "registry.subject"):
        con.execute(
            f"CREATE TABLE slice.{table} AS SELECT * FROM {table} "
            "WHERE enterprise_id IN (SELECT enterprise_id FROM slice.changed)"
        )
    subjects = "(SELECT _subject_id FROM slice.registry.subject)"
    for table in raw_tables():
        of = f"WHERE _subject_id IN {subjects}"
        if table == "raw.ip_patent_status":
            of = f"WHERE application_no IN (SELECT application_no FROM raw.ip_patent WHERE _subject_id IN {subjects})"
        con.execute(f"CREATE TABLE slice.{table} AS SELECT * FROM {table} {'' if table == _SHARED else of}")
    for (name,) in con.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_catalog = current_database() AND table_schema = 'profile'"
    ).fetchall():
        if name not in statements():
            con.execute(f'CREATE VIEW slice.profile."{name}" AS SELECT * FROM "{home}".profile."{name}"')
    con.execute("USE slice")
    for name, sql in statements().items():
        if name not in _WHOLE:
            con.execute(f'CREATE TABLE profile."{name}" AS {sql}')
    con.execute(f'USE "{home}"')


def _put(con: duckdb.DuckDBPyConnection, changed: int) -> None:
    """Puts the slice's rows in the place of the old ones and brings the evidence of absences forward, in one transaction."""
    con.execute("BEGIN")
    try:
        for name in _sliced(con) if changed else ():
            con.execute(
                f'DELETE FROM profile."{name}" WHERE enterprise_id IN (SELECT enterprise_id FROM slice.changed)'
            )
            con.execute(f'INSERT INTO profile."{name}" BY NAME SELECT * FROM slice.profile."{name}"')
        con.execute(
            "UPDATE profile.evidence e SET file_id = f.last_file_id, valid_at = f.last_received_at::DATE, "
            "received_at = f.last_received_at FROM profile.feed f WHERE e.department = f.department "
            "AND e.table_name = f.table_name AND e.state = 'known' AND e.row_no IS NULL AND e.file_id <> f.last_file_id"
        )
        for name in _WHOLE:
            con.execute(f"CREATE OR REPLACE TABLE profile.{name} AS {statements()[name]}")
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise


def _sliced(con: duckdb.DuckDBPyConnection) -> Sequence[str]:
    """The tables that hold rows of enterprises, in the order of the statements."""
    held = con.execute(
        "SELECT table_name FROM information_schema.columns WHERE table_catalog = current_database() "
        "AND table_schema = 'profile' AND column_name = 'enterprise_id'"
    ).fetchall()
    return [name for name in statements() if (name,) in held and name not in _WHOLE]
