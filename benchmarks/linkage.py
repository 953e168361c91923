"""A run's identities against the planted truth of its world: by row, by department, by defect, by cluster.

    python -m benchmarks.linkage [--home HOME] [--truth DIR] [--build [--whole]] [--write]

Reads the warehouse of a finished run; with --build it first loads what identity reads and resolves it, by the assets themselves: the register, and
every feed that names enterprises but, without --whole, those with thousands of coded rows a month (REPEATED). Rows are counted as raw.* holds them: what the door
refused or the contract rejected is not there to link.
"""

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import polars as pl

from data import contract
from evaluation import linkage
from matching.identity.crosswalk import LEARNED
from pipelines.definitions import assets
from pipelines.definitions import build as definitions

CODES = ("uscc", "regno", "org_code", "tax_id", "customs_code", "trade_code")
# Months of rows that name their subject by a code, or by a number that another table taught: they cost the most to load and decide nothing.
REPEATED = (
    "apply_case", "apply_declaration", "apply_payee", "commerce_sales_month", "customs_trade_month", "labor_headcount", "labor_person_insurance",
    "labor_stabilization", "labor_unit", "market_annual_report", "reform_dishonest", "reform_penalty", "reform_permit", "reform_project", "tax_income_tax",
    "tax_payment", "tax_vat",
)  # fmt: skip


def build(home: Path, *, whole: bool = False) -> dict[str, float]:
    """Loads the feeds and builds registry.* in HOME; CPU seconds of the loading and of the registry."""
    feeds = [["raw", t.key] for t in contract.tables() if t.subject and (whole or t.key not in REPEATED)]
    steps = {
        "raw": dg.AssetSelection.assets(["raw", "arrival"], *feeds),
        "registry": dg.AssetSelection.groups("registry"),
    }
    spent = {}
    for step, selection in steps.items():
        start = time.process_time()
        told = dg.materialize(
            assets(),
            selection=selection,
            resources=definitions(home).resources,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        assert told.success
        spent[f"{step}_cpu_seconds"] = round(time.process_time() - start, 1)
    return spent


def rows_of(home: Path, truth: Path) -> pl.DataFrame:
    """One row per raw row that names a subject: department, table, tier, by, true (eid), told (eid or −1 for an enterprise truth lacks), defects,
    registered (the register has delivered the true one), paid (the true one or the told one is a payee of the treasury).

    `by`: what the row names its subject by: `code` (a code of the whole country), `local` (a department's own number) or `name` alone.
    """
    record = pl.read_parquet(truth / "truth_record.parquet")
    # A place that truth gives to two rows (two files of one name on one day) cannot be judged.
    record = record.filter(pl.len().over("file", "sheet", "row_no") == 1)
    # Truth of a payment to the parent is the award's holder; the row itself names the parent, and linkage reads what is written.
    record = record.filter(~pl.col("defects").str.contains("paid_to_parent", literal=True))
    entity = pl.read_parquet(truth / "truth_entity.parquet")
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as base:
        files = base.sql("SELECT file_id, name, received_at::DATE AS day FROM raw.arrival GROUP BY ALL").pl()
        subject = base.sql(
            f"""SELECT _subject_id, enterprise_id, tier,
            CASE WHEN coalesce({", ".join(CODES)}) IS NOT NULL OR local_kind = 'pripid' THEN 'code'
              WHEN local_kind IN ({", ".join(f"'{k}'" for k in LEARNED)}) AND local_id IS NOT NULL THEN 'local' ELSE 'name' END AS by
            FROM raw.subject JOIN registry.subject USING (_subject_id)"""
        ).pl()
        owner = base.sql("SELECT pripid, enterprise_id FROM registry.pripid").pl()
        stranger = base.sql("SELECT uscc, enterprise_id FROM registry.enterprise WHERE origin = 'department'").pl()
        raw = {
            t.key: base.sql(_rows(t)).pl()
            for t in contract.tables()
            if t.subject
            and base.execute(
                "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'raw' AND table_name = ?", [t.key]
            ).fetchall()
        }
    known = pl.concat(
        [
            owner.join(entity.select("pripid", "eid"), on="pripid").select("enterprise_id", "eid"),
            stranger.join(entity.select("uscc", "eid"), on="uscc").select("enterprise_id", "eid"),
        ]
    ).unique()
    parts = []
    for t in contract.tables():
        if t.key not in raw:
            continue
        true = record.filter((pl.col("department") == t.department) & (pl.col("table") == t.native))
        if t.received_by:
            rows = raw[t.key].join(_served(home, t, true), on=["place", "moment"], how="inner")
        else:
            spot = pl.col("file").str.split("/")
            placed = true.with_columns(
                name=spot.list.last(), day=spot.list.get(-2, null_on_oob=True).str.to_date("%Y%m%d", strict=False)
            ).join(files, on=["name", "day"])
            sheets = placed.select("file_id", pl.col("sheet"), "row_no", "eid", "defects").unique(
                ["file_id", "sheet", "row_no"]
            )
            rows = raw[t.key].join(
                sheets, left_on=["_file_id", "_sheet", "_row_no"], right_on=["file_id", "sheet", "row_no"], how="inner"
            )
        parts.append(
            rows.select("_subject_id", "eid", "defects", department=pl.lit(t.department), table=pl.lit(t.name))
        )
    told = (
        pl.concat(parts)
        .join(subject, on="_subject_id")
        .join(known.rename({"eid": "told"}), on="enterprise_id", how="left")
    )
    told = told.with_columns(
        true=pl.when(pl.col("eid") >= 0).then("eid"),
        told=pl.when(pl.col("enterprise_id").is_not_null()).then(pl.col("told").fill_null(-1)),
    )
    payments = told.filter((pl.col("department") == "finance") & (pl.col("table") == "payment"))
    paid = pl.concat([payments["true"], payments["told"]]).drop_nulls().unique().implode()
    return told.with_columns(
        registered=pl.col("eid").is_in(known["eid"].unique().implode()),
        paid=(pl.col("true").is_in(paid) | pl.col("told").is_in(paid)).fill_null(False),
    ).drop("eid")


def _rows(t: contract.Table) -> str:
    if not t.received_by:
        # A row that a later full snapshot no longer holds is written down again as a deletion: truth knows the original.
        return (
            f"SELECT _file_id, coalesce(_sheet, '') AS _sheet, _row_no, _subject_id FROM raw.{t.key} WHERE _row_no > 0"
        )
    place = " || '|' || ".join(f"coalesce({c}::VARCHAR, '')" for c in t.primary)
    return f"SELECT _subject_id, {place} AS place, {t.received_by} AS moment FROM raw.{t.key}"


def _served(home: Path, t: contract.Table, true: pl.DataFrame) -> pl.DataFrame:
    """What the API served, by primary key and time of change: place, moment, eid, defects."""
    lines = (home / "api" / f"{t.native}.jsonl").read_text(encoding="utf-8").splitlines()
    served = [json.loads(line) for line in lines]
    heads = {c: (t.columns[c].header) for c in (*t.primary, str(t.received_by))}
    place = ["|".join(str(r.get(heads[c]) or "") for c in t.primary) for r in served]
    frame = pl.DataFrame(
        {"row_no": range(1, len(served) + 1), "place": place, "moment": [r[heads[str(t.received_by)]] for r in served]},
        schema_overrides={"row_no": pl.Int64},
    ).with_columns(pl.col("moment").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us"))
    return frame.join(true.select("row_no", "eid", "defects"), on="row_no").unique(["place", "moment"]).drop("row_no")


def figures(rows: pl.DataFrame) -> dict[str, Any]:
    """The targets' figures: rows with a code, with a local number, with a name alone; after a perfect review; the queue; clusters."""
    told: dict[str, Any] = {"rows": rows.height}
    for by in ("code", "local", "name"):
        told[by] = linkage.measured(rows.filter(pl.col("by") == by)).__dict__
    keyless = rows.filter(pl.col("by") == "name")
    told["name_after_review"] = linkage.measured(linkage.reviewed(keyless)).__dict__
    # What is somebody's whom the register has never delivered can only be left open.
    told["name_registered"] = linkage.measured(keyless.filter("registered")).__dict__
    told["name_registered_after_review"] = linkage.measured(linkage.reviewed(keyless.filter("registered"))).__dict__
    told["queue_share"] = keyless.filter(pl.col("tier") == "review").height / max(keyless.height, 1)
    told["clusters"] = linkage.clusters(rows).__dict__
    told["over_merges"] = linkage.over_merges(rows).height
    told["over_merges_paid"] = linkage.over_merges(rows.filter("paid")).height
    told["recall_by_department"] = _recalls(linkage.by_group(keyless, "department"), "department")
    told["recall_by_defect"] = _recalls(linkage.by_defect(keyless.filter(pl.col("true").is_not_null())), "defect")
    return told


def successions(home: Path, truth: Path) -> dict[str, Any]:
    """个转企 told by registry.relation against those planted whose two sides the register has."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as base:
        told = base.sql(
            """SELECT a.uscc, b.uscc AS predecessor_uscc FROM registry.relation r
            JOIN registry.enterprise a USING (enterprise_id) JOIN registry.enterprise b ON b.enterprise_id = r.other_id WHERE r.kind = 'succession'"""
        ).pl()
        known = base.sql("SELECT uscc FROM registry.enterprise WHERE uscc IS NOT NULL").pl()
    planted = pl.read_parquet(truth / "truth_succession.parquet").filter(pl.col("kind") == "个转企")
    planted = planted.join(known, on="uscc", how="semi").join(
        known, left_on="predecessor_uscc", right_on="uscc", how="semi"
    )
    right = told.join(planted, on=["uscc", "predecessor_uscc"], how="semi").height
    return {"successions": {"told": told.height, "right": right, "planted": planted.height}}


def _recalls(table: pl.DataFrame, by: str) -> dict[str, str]:
    return {r[by]: f"{int(r['right'])}/{int(r['present'])}" for r in table.to_dicts() if r["present"]}


def main() -> None:
    """Prints the figures of one home as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("HUIQI_HOME", "warehouse")))
    parser.add_argument("--truth", type=Path, help="default: HOME/truth")
    parser.add_argument(
        "--write", action="store_true", help="also into HOME/reports/linkage.json, for the page on identity"
    )
    parser.add_argument("--build", action="store_true", help="load what identity reads and resolve it first")
    parser.add_argument("--whole", action="store_true", help="with --build: every feed that names enterprises")
    args = parser.parse_args()
    truth = args.truth or args.home / "truth"
    spent = build(args.home, whole=args.whole) if args.build else {}
    told = figures(rows_of(args.home, truth)) | successions(args.home, truth) | spent
    told["peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    text = json.dumps(told, ensure_ascii=False, indent=1)
    sys.stdout.write(text + "\n")
    if args.write:
        current = args.home / "CURRENT"
        published = json.loads(current.read_text(encoding="utf-8"))["build_id"] if current.exists() else None
        report = {"build_id": published, **told}
        (args.home / "reports").mkdir(exist_ok=True)
        (args.home / "reports" / "linkage.json").write_text(
            json.dumps(report, ensure_ascii=False, indent=1), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
