"""The profile of a day brought up to date: only the enterprises whose rows changed since it was last built, or all where that would differ."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256

import duckdb
import polars as pl

from assets.ports import Refreshed, Scope
from assets.profile.plan import VIEWS, build, put, raw_tables, statements
from assets.profile.premises import premises
from assets.profile.reference import FRAMES
from data import contract
from pipelines.warehouse import DuckWarehouse

# Written whole: persons change employers, and coverage counts everybody.
_WHOLE = ("person", "coverage")
# The longest tables, of which no statement asks more than a look back: a full build writes a slice's rows of them where they belong at once.
_STRAIGHT = ("sourced", "indicator_month")
# Facts about feeds and days, the same for every enterprise.
_FEEDS = ("feed", "due")
_SHARED = "raw.delivery"
# Enterprises computed at a time in a full build: 36 months of 300,000 took 1.8 times the processor time per enterprise that 30,000 did, and
# every slice costs a scan of the raw tables.
SLICE = 200_000
# Beyond this share, and this number, a full build costs no more than an increment.
_MANY, _SOME = 0.3, 500
# Tables up to this many rows are kept in the order of a full build; in longer ones the new rows stand at the end: writing tables of two
# million rows anew made an increment of 1,000 in 100,000 enterprises cost 8 CPU seconds.
_ORDERED = 200_000


def refresh(warehouse: DuckWarehouse, scope: Scope, slice_size: int = SLICE) -> Refreshed:
    """Brings `profile.*` to the state a full build for `scope` would give, table by table and row by row.

    Rebuilds everything when the day, a statement, a contract or a reference table changed, when a fact about a feed that rows rest on
    (`assets.profile.premises`) changed, when a file that had been read is gone, or when nothing was built before: enterprise slice by
    enterprise slice where there are more than `slice_size`. Otherwise the rows of the enterprises named by new deliveries, by another
    resolution of subjects or by a changed register are deleted and written again. The warehouse's variables must be those of `scope`.
    """
    reason = _why_whole(warehouse, scope)
    changed = 0
    if reason is None:
        with _beside(warehouse) as (con, home):
            con.execute(f"CREATE TABLE slice.wanted AS {_changed_sql(_known_at(con))}")
            changed, everybody = _count(con, "slice.wanted"), _count(con, "registry.enterprise")
            if changed > max(_SOME, _MANY * everybody):
                reason = f"{everybody} 户中有 {changed} 户变化"
            else:
                if changed:
                    _slice(con, home)
                _put(con, changed)
    if reason is not None:
        changed = rebuild(warehouse, scope, slice_size)
    remember(warehouse, scope)
    return Refreshed(changed, reason)


def rebuild(warehouse: DuckWarehouse, scope: Scope, slice_size: int = SLICE) -> int:
    """The full build; in slices of enterprises where there are more than `slice_size`. Returns how many enterprises there are."""
    everybody = int(warehouse.frame("SELECT count(*) AS n FROM registry.enterprise").item())
    if everybody <= slice_size:
        build(warehouse, scope)
        return everybody
    with warehouse.write() as w:
        # a build that ends halfway leaves nothing to go on from
        w.execute("DROP TABLE IF EXISTS increment.built")
        for name, (_, frame) in FRAMES.items():
            w.replace(f"profile.{name}", frame(scope.as_of))
        for name in _FEEDS:
            w.replace(f"profile.{name}", statements()[name])
    parts = -(-everybody // slice_size)
    bounds = warehouse.frame(
        f"SELECT max(enterprise_id) AS last FROM (SELECT enterprise_id, ntile({parts}) OVER (ORDER BY enterprise_id) AS part "
        "FROM registry.enterprise) GROUP BY part ORDER BY last"
    )["last"].to_list()
    for place, (after, last) in enumerate(zip(["", *bounds[:-1]], bounds, strict=True)):
        with _beside(warehouse) as (con, home):
            con.execute(
                "CREATE TABLE slice.wanted AS SELECT enterprise_id FROM registry.enterprise WHERE enterprise_id > $after AND enterprise_id <= $last",
                {"after": after, "last": last},
            )
            begun = "CREATE OR REPLACE TABLE {} AS" if place == 0 else "INSERT INTO {} BY NAME"
            for name in _slice(con, home, straight=begun):
                table = f'profile."{name}"'
                con.execute(f"{begun.format(table)} SELECT * FROM slice.{table}")
    with warehouse.write() as w:
        for name in (*VIEWS, *_WHOLE):
            put(w, name, statements()[name])
    return everybody


def _why_whole(warehouse: DuckWarehouse, scope: Scope) -> str | None:
    if not warehouse.exists("increment.built"):
        return "还没有可以接着算的档案"
    last = warehouse.frame("SELECT * FROM increment.built").row(0, named=True)
    if last["as_of"] != scope.as_of:
        return f"事实日期由 {last['as_of']} 变为 {scope.as_of}"
    if last["known_at"] > scope.known_at:
        return f"截至时间退回到 {scope.known_at}"
    if last["version"] != _version(scope):
        return "计算档案的语句、数据约定或对照表变了"
    held = warehouse.frame("SELECT table_name FROM information_schema.tables WHERE table_schema = 'profile'")[
        "table_name"
    ]
    if missing := [name for name in (*FRAMES, *statements()) if name not in set(held)]:
        return f"缺少 profile.{missing[0]}"
    gone = "SELECT file_id FROM increment.read_file WHERE status = 'loaded'"
    if warehouse.frame(f"{gone} EXCEPT SELECT file_id FROM raw.delivery WHERE status = 'loaded'").height:
        return "读过的交付文件撤回了"
    with warehouse.write() as w:
        for name in _FEEDS:
            w.replace(f"profile.{name}", statements()[name])
    moved = _premises(warehouse).join(
        warehouse.frame("SELECT * FROM increment.premise"), on=["name", "answer"], how="anti"
    )
    return f"各户都依据的交付情况变了：{'、'.join(moved['name'].sort())}" if moved.height else None


def _version(scope: Scope) -> str:
    """A hash of what the rows are computed with besides what was delivered: statements (the catalogue's among them), contracts, references."""
    said = [*statements().values(), *(f"{table.key} {table.version}" for table in contract.tables())]
    said += [f"{name} {frame(scope.as_of).rows()}" for name, (_, frame) in FRAMES.items()]
    return sha256("\n".join(said).encode()).hexdigest()[:16]


def _premises(warehouse: DuckWarehouse) -> pl.DataFrame:
    """name, answer: what each premise says now, as text."""
    with warehouse.connection() as con:
        rows = [(name, repr(con.execute(sql).fetchall())) for name, sql in premises()]
    return pl.DataFrame(rows, schema={"name": pl.String, "answer": pl.String}, orient="row")


def remember(warehouse: DuckWarehouse, scope: Scope) -> None:
    """What the next refresh compares with: the dates, the version, the premises, the files, and who each subject was."""
    built = pl.DataFrame({"as_of": [scope.as_of], "known_at": [scope.known_at], "version": [_version(scope)]})
    told = _premises(warehouse)
    same = _same_subjects(warehouse)
    with warehouse.write() as w:
        w.replace("increment.premise", told)
        w.replace(
            "increment.read_file",
            "SELECT DISTINCT file_id, status FROM raw.delivery WHERE received_at <= getvariable('known_at')",
        )
        if not same:
            w.replace("increment.read_subject", "SELECT _subject_id, enterprise_id FROM registry.subject")
        w.replace("increment.built", built)


def _same_subjects(warehouse: DuckWarehouse) -> bool:
    """Whether the subjects are still those remembered, told by their number and two sums of the hashes of their rows: most nights they are,
    and three million are half a second to write."""
    if not warehouse.exists("increment.read_subject"):
        return False
    row = "hash(_subject_id, enterprise_id)"
    content = f"SELECT count(*) AS n, bit_xor({row}) AS odd, sum({row}) AS total FROM"
    return warehouse.frame(f"{content} registry.subject UNION {content} increment.read_subject").height == 1


@contextmanager
def _beside(warehouse: DuckWarehouse) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """A connection with an empty database `slice` in memory beside the warehouse's own, whose name is given."""
    with warehouse.connection() as con:
        home = _one(con, "SELECT current_database()")
        con.execute("ATTACH ':memory:' AS slice")
        try:
            yield con, home
        finally:
            con.execute(f'USE "{home}"')
            con.execute("DETACH slice")


def _known_at(con: duckdb.DuckDBPyConnection) -> str:
    return f"TIMESTAMP '{_one(con, 'SELECT known_at FROM increment.built')}'"


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> str:
    return str(con.execute(sql).fetchall()[0][0])


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(_one(con, f"SELECT count(*) FROM {table}"))


def _changed_sql(known_at: str) -> str:
    """One SELECT of the enterprise_ids that new rows, another resolution or a changed register touch."""
    new = (
        "(SELECT file_id FROM raw.delivery d WHERE d.received_at <= getvariable('known_at') "
        "AND NOT EXISTS (SELECT 1 FROM increment.read_file r WHERE r.file_id = d.file_id AND r.status = d.status))"
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
        FULL JOIN increment.read_subject before USING (_subject_id)
        WHERE now.enterprise_id IS DISTINCT FROM before.enterprise_id
        UNION
        SELECT coalesce(now.enterprise_id, before.enterprise_id)
        FROM registry.enterprise now
        FULL JOIN profile.enterprise before USING (enterprise_id)
        WHERE (now.uscc, now.name) IS DISTINCT FROM (before.uscc, before.name)
    )
    SELECT DISTINCT enterprise_id FROM resolved WHERE enterprise_id IS NOT NULL ORDER BY enterprise_id"""


def _slice(con: duckdb.DuckDBPyConnection, home: str, straight: str | None = None) -> Sequence[str]:
    """Copies what speaks of the wanted enterprises into `slice` and runs every statement there. Returns the tables whose rows stand in `slice`.

    `straight`, the beginning of a statement that adds rows to a table, sends those of `_STRAIGHT` to the warehouse: a slice's rows of
    `profile.sourced` are a quarter of its cost, and were held and written twice.
    """
    for schema in ("raw", "registry", "profile"):
        con.execute(f"CREATE SCHEMA slice.{schema}")
    for table in ("registry.enterprise", "registry.subject"):
        con.execute(
            f"CREATE TABLE slice.{table} AS SELECT * FROM {table} "
            "WHERE enterprise_id IN (SELECT enterprise_id FROM slice.wanted)"
        )
    subjects = "(SELECT _subject_id FROM slice.registry.subject)"
    for table in raw_tables():
        of = f"WHERE _subject_id IN {subjects}"
        if table == "raw.ip_patent_status":
            of = f"WHERE application_no IN (SELECT application_no FROM raw.ip_patent WHERE _subject_id IN {subjects})"
        con.execute(f"CREATE TABLE slice.{table} AS SELECT * FROM {table} {'' if table == _SHARED else of}")
    for name in FRAMES:
        con.execute(f'CREATE VIEW slice.profile."{name}" AS SELECT * FROM "{home}".profile."{name}"')
    con.execute("USE slice")
    for name, sql in statements().items():
        if straight and name in _STRAIGHT:
            own = f'"{home}".profile."{name}"'
            con.execute(f"{straight.format(own)} {sql}")
            con.execute(f'CREATE VIEW profile."{name}" AS SELECT * FROM {own}')
        elif name not in _WHOLE:
            con.execute(f'CREATE {"VIEW" if name in VIEWS else "TABLE"} profile."{name}" AS {sql}')
    con.execute(f'USE "{home}"')
    return [name for name in _sliced(con, "slice") if not (straight and name in _STRAIGHT)]


def _put(con: duckdb.DuckDBPyConnection, changed: int) -> None:
    """Puts the slice's rows in the place of the old ones, in one transaction."""
    con.execute("BEGIN")
    try:
        for name in _sliced(con, "slice") if changed else ():
            _exchange(con, f'profile."{name}"')
        for name in _WHOLE:
            con.execute(f"CREATE OR REPLACE TABLE profile.{name} AS {statements()[name]}")
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise


def _exchange(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """The rows of the wanted enterprises replaced; in the order of a full build where the table is not too long to be written anew."""
    if _count(con, table) > _ORDERED:
        con.execute(f"DELETE FROM {table} WHERE enterprise_id IN (SELECT enterprise_id FROM slice.wanted)")
        con.execute(f"INSERT INTO {table} BY NAME SELECT * FROM slice.{table}")
        return
    # every table is ordered by enterprise first, and an enterprise's rows all come from one side
    con.execute(
        f"CREATE OR REPLACE TABLE {table} AS SELECT * EXCLUDE (_place) FROM ("
        f"SELECT *, rowid AS _place FROM {table} ANTI JOIN slice.wanted USING (enterprise_id) "
        f"UNION ALL BY NAME SELECT *, rowid AS _place FROM slice.{table}) ORDER BY enterprise_id, _place"
    )


def _sliced(con: duckdb.DuckDBPyConnection, catalogue: str) -> Sequence[str]:
    """The tables that hold rows of enterprises, in the order of the statements."""
    held = con.execute(
        "SELECT table_name FROM duckdb_columns() WHERE database_name = $catalogue "
        "AND schema_name = 'profile' AND column_name = 'enterprise_id'",
        {"catalogue": catalogue},
    ).fetchall()
    return [name for name in statements() if (name,) in held and name not in _WHOLE and name not in VIEWS]
