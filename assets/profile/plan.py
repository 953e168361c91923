"""What the profile consists of and in which order: reference frames, the folder's SELECTs, and the two generated from the catalogue."""

from collections.abc import Collection
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from assets.ports import Scope, Transaction, Warehouse
from assets.profile.reference import FRAMES
from assets.profile.wide import enterprise_sql, evidence_sql, sourced_sql
from assets.sql import output_columns, upstream_tables
from data import indicators

FOLDER = Path(__file__).parent
# Computed when read: what it adds to its table changes for everybody with every delivery.
VIEWS = frozenset({"evidence"})


@cache
def outputs() -> dict[str, set[str]]:
    """The columns that each `.sql` of this folder writes, by table name."""
    return {file.stem: output_columns(file.read_text(encoding="utf-8"), file.name) for file in FOLDER.glob("*.sql")}


@cache
def generated() -> dict[str, str]:
    """The SELECTs written from the catalogue, by table name."""
    catalogue = indicators.load()
    return {
        "enterprise": enterprise_sql(catalogue.values(), outputs()),
        "sourced": sourced_sql(catalogue.values(), outputs()),
        "evidence": evidence_sql(),
    }


@cache
def statements() -> dict[str, str]:
    """Every SELECT by table name, each after the profile tables it reads."""
    queries = {file.stem: file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.sql"))} | generated()
    needs = {
        name: sorted({table.removeprefix("profile.") for table in upstream_tables(sql, name)} & set(queries))
        for name, sql in queries.items()
    }
    return {name: queries[name] for name in TopologicalSorter(needs).static_order()}


@cache
def raw_tables() -> tuple[str, ...]:
    """The raw tables (`raw.name`) any statement reads."""
    read = {table for name, sql in statements().items() for table in upstream_tables(sql, name)}
    return tuple(sorted(table for table in read if table.startswith("raw.")))


def build(warehouse: Warehouse, scope: Scope, without: Collection[str] = ()) -> None:
    """Writes the profile in one transaction, without Dagster: a past day replayed, or a test.

    `without` names tables to leave out, with all that read them. The warehouse's variables must already be those of `scope`.
    """
    left_out = {f"profile.{name}" for name in without}
    with warehouse.write() as transaction:
        for name, (_, frame) in FRAMES.items():
            transaction.replace(f"profile.{name}", frame(scope.as_of))
        for name, sql in statements().items():
            if f"profile.{name}" in left_out or left_out & upstream_tables(sql, name):
                left_out.add(f"profile.{name}")
                continue
            put(transaction, name, sql)


def put(transaction: Transaction, name: str, sql: str) -> None:
    """The table, or the view, `profile.<name>` as one SELECT gives it."""
    if name not in VIEWS:
        transaction.replace(f"profile.{name}", sql)
        return
    # a home of before kept it as a table, which no view replaces
    held = "SELECT table_type FROM information_schema.tables WHERE table_schema = 'profile' AND table_name = $name"
    if transaction.frame(held, {"name": name})["table_type"].to_list() == ["BASE TABLE"]:
        transaction.execute(f"DROP TABLE profile.{name}")
    transaction.execute(f"CREATE OR REPLACE VIEW profile.{name} AS {sql}")
