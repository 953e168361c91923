"""What the profile consists of and in which order: reference frames, the folder's SELECTs, and the two generated from the catalogue."""

from collections.abc import Collection
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from assets.ports import Scope, Warehouse
from assets.profile.reference import FRAMES
from assets.profile.wide import enterprise_sql, evidence_sql
from assets.sql import output_columns, upstream_tables
from data import indicators

FOLDER = Path(__file__).parent


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
        "evidence": evidence_sql(catalogue.values(), outputs()),
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
            transaction.replace(f"profile.{name}", sql)
