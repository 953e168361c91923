"""Which delivered columns a profile column is made of: traced through the SELECTs once, kept in `lineage.csv`, told to Dagster from there.

    python -m assets.profile.lineage

traces the statements that have changed since (all of them take a minute) and writes the file anew; a test asks for it.
"""

import csv
import hashlib
import sys
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope

from assets.profile.plan import FRAMES, outputs, statements
from assets.sql import upstream_tables
from data import contract, indicators

KEPT = Path(__file__).with_name("lineage.csv")
# The evidence of a value names its file and row, which says more than the columns of a union of all tables.
_UNTRACED = frozenset({"sourced", "evidence", "coverage"})
_REGISTRY = {"subject": ("_subject_id", "enterprise_id"), "enterprise": ("enterprise_id", "uscc", "name")}
_DELIVERY = ("file_id", "department", "table_name", "period", "kind", "batch", "received_at", "status")


def traced(name: str) -> dict[str, list[tuple[str, str]]]:
    """column → sorted (table, column) that the values of one profile table's column are computed from."""
    if name == "enterprise":
        return _wide()
    schema = _schema()
    query = qualify(sqlglot.parse_one(statements()[name], dialect="duckdb"), schema=schema, dialect="duckdb")
    scope = build_scope(query)
    return {column: _leaves(column, query, schema, scope) for column in query.named_selects}


def _wide() -> dict[str, list[tuple[str, str]]]:
    """The wide row is written from the catalogue, and so is its lineage: each indicator from the column of its table."""
    held = {i.name: i.relation for i in indicators.load().values() if i.entity == "enterprise" and i.relation}
    return {name: [(f"profile.{relation}", name)] for name, relation in held.items()} | {
        key: [("registry.enterprise", key)] for key in _REGISTRY["enterprise"]
    }


def _leaves(column: str, query: Any, schema: dict[str, Any], scope: Any) -> list[tuple[str, str]]:
    found = set()
    for node in lineage(column, query, schema=schema, dialect="duckdb", scope=scope).walk():
        table = node.source
        if isinstance(table, exp.Table) and table.db:
            found.add((f"{table.db}.{table.name}", node.name.rpartition(".")[2].strip('"')))
    return sorted(found)


def _schema() -> dict[str, dict[str, dict[str, str]]]:
    profile: dict[str, Iterable[str]] = {**outputs()}
    profile |= {name: frame(date(2025, 1, 1)).columns for name, (_, frame) in FRAMES.items()}
    profile |= {
        name: sqlglot.parse_one(sql, dialect="duckdb").named_selects
        for name, sql in statements().items()
        if name not in profile
    }
    raw: dict[str, Iterable[str]] = {table.key: table.stored for table in contract.tables()}
    held: dict[str, Mapping[str, Iterable[str]]] = {
        "raw": {**raw, "delivery": _DELIVERY},
        "registry": _REGISTRY,
        "profile": profile,
    }
    return {s: {t: dict.fromkeys(columns, "VARCHAR") for t, columns in of.items()} for s, of in held.items()}


def fingerprints() -> dict[str, str]:
    """table → digest of its statement and of the columns of the tables it reads: as long as it stands, so does what was traced."""
    schema = _schema()
    found = {}
    for name in sorted(set(statements()) - _UNTRACED):
        read = sorted(upstream_tables(statements()[name], name))
        columns = [sorted(schema.get(s, {}).get(t, ())) for s, t in (table.split(".") for table in read)]
        found[name] = hashlib.sha256(repr((statements()[name], read, columns)).encode()).hexdigest()[:12]
    return found


@cache
def kept() -> dict[str, dict[str, list[tuple[str, str]]]]:
    """table → column → (table, column) it is made of, as last traced."""
    found: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for table, column, source, source_column in csv.reader(_lines()[2:]):
        found.setdefault(table, {}).setdefault(column, []).append((source, source_column))
    return found


def kept_fingerprints() -> dict[str, str]:
    """The fingerprints of the statements the file was traced from; they stand in its first line."""
    return dict(pair.split("=") for pair in _lines()[0].removeprefix("# ").split() if "=" in pair)


def _lines() -> list[str]:
    return KEPT.read_text(encoding="utf-8").splitlines()


def main() -> None:
    now, before = fingerprints(), kept_fingerprints()
    told: list[tuple[str, str, str, str]] = []
    for name in now:
        if before.get(name) == now[name]:
            found = kept().get(name, {})
        else:
            found = traced(name)
            sys.stderr.write(f"profile.{name}\n")
        told += [(name, column, *source) for column, sources in sorted(found.items()) for source in sources]
    # whoever loads the graph meanwhile reads the old file, never half of the new one
    fresh = KEPT.with_suffix(".new")
    with fresh.open("w", encoding="utf-8", newline="") as file:
        file.write(f"# {' '.join(f'{name}={mark}' for name, mark in now.items())}\n")
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("table", "column", "source_table", "source_column"))
        rows.writerows(told)
    fresh.replace(KEPT)


if __name__ == "__main__":
    main()
