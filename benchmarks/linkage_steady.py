"""Whether identities depend on the order of what arrived, and whether they stay from run to run. One command, on a home that has been run:

    python -m benchmarks.linkage_steady [--home HOME] [--earlier 2024-06-30]

Works on a copy of the warehouse: (1) every raw table that the registry reads is stored in another order and the registry built from nothing: the same
tables; (2) the registry is built as of an earlier day and then as of the last one: which enterprise ids and which rows' enterprises changed.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import polars as pl

from evaluation import linkage
from pipelines.definitions import assets
from pipelines.definitions import build as definitions
from pipelines.scope import resolve

TABLES = ("enterprise", "pripid", "name", "subject", "review", "key", "relation", "branch")
READ = ("subject", "market_baseinfo", "market_alter", "market_branch", "market_investor")


def built(home: Path, day: date) -> dict[str, pl.DataFrame]:
    """The registry as of a day, by its assets, in the home's warehouse."""
    told = dg.materialize(
        assets(),
        selection=dg.AssetSelection.groups("registry"),
        resources=definitions(home).resources,
        run_config={
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            "resources": {"scope": {"config": {"as_of": day.isoformat()}}},
        },
    )
    assert told.success
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as base:
        return {t: base.sql(f"SELECT * FROM registry.{t} ORDER BY ALL").pl() for t in TABLES}


def emptied(home: Path, *, shuffled: bool) -> None:
    """Takes the registry and its memory out of the warehouse; with `shuffled`, also stores what it reads in another order."""
    with duckdb.connect(str(home / "warehouse.duckdb")) as base:
        for schema in ("registry", "identity"):
            base.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
            base.execute(f"CREATE SCHEMA {schema}")
        for table in READ if shuffled else ():
            base.execute(f"CREATE TABLE raw.shuffled AS SELECT * FROM raw.{table} ORDER BY hash(rowid + 11)")
            base.execute(f"DROP TABLE raw.{table}")
            base.execute(f"ALTER TABLE raw.shuffled RENAME TO {table}")


def measured(home: Path, earlier: date) -> dict[str, Any]:
    """Tables that differ when everything arrived in another order; shares of ids and of rows that stayed from `earlier` to the last day."""
    last = resolve(home).as_of
    with tempfile.TemporaryDirectory(dir=home.parent) as folder:
        copy = Path(folder)
        for name in ("warehouse.duckdb", "control.sqlite"):
            if (home / name).exists():
                shutil.copy2(home / name, copy / name)
        emptied(copy, shuffled=False)
        plain = built(copy, last)
        emptied(copy, shuffled=True)
        other = built(copy, last)
        emptied(copy, shuffled=False)
        start = time.process_time()
        before = built(copy, earlier)
        spent = time.process_time() - start
        start = time.process_time()
        after = built(copy, last)
        again = time.process_time() - start
    resolved = before["subject"].filter(pl.col("enterprise_id").is_not_null())
    return {
        "days": [earlier.isoformat(), last.isoformat()],
        "differ_when_shuffled": [t for t in TABLES if not plain[t].equals(other[t])],
        "differ_when_grown": [t for t in TABLES if not plain[t].equals(after[t])],
        "enterprises": [before["pripid"].height, after["pripid"].height],
        "ids_unchanged": linkage.stability(before["pripid"], after["pripid"], "pripid"),
        "subjects_resolved": [resolved.height, after["subject"]["enterprise_id"].is_not_null().sum()],
        "subjects_unchanged": linkage.stability(resolved, after["subject"], "_subject_id"),
        "cpu_seconds": [round(spent, 1), round(again, 1)],
    }


def main() -> None:
    """Prints one JSON document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("HUIQI_HOME", "warehouse")))
    parser.add_argument("--earlier", type=date.fromisoformat, default=date(2024, 6, 30))
    args = parser.parse_args()
    sys.stdout.write(json.dumps(measured(args.home.resolve(), args.earlier), ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
