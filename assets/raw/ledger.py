"""Asset `raw/delivery`: one line per file and table with what became of every row, and how late it came."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from assets.ports import Scope, Warehouse
from assets.raw.anomaly import ALARMS, anomalies
from assets.raw.periods import period_end
from assets.raw.schema import LOAD_COLUMNS
from data import contract
from quality.report import page


def ledger_asset(tables: Sequence[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """The ledger waits for every table: only then is it known what became of each file."""

    @dg.asset(
        key=["raw", "delivery"],
        group_name="raw",
        deps=[key for table in tables for key in table.keys],
        description="交付台账：每份文件、每张表读入、载入、退回、重复、合计行各多少，迟到几天，状态与原因",
    )
    def delivery(warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]) -> dg.MaterializeResult[None]:
        rows = deliveries(warehouse)
        with warehouse.write() as transaction:
            written = transaction.replace("raw.delivery", rows)
            odd = anomalies(rows, scope.as_of)
            transaction.replace("quality.anomaly", odd)
        report = written_report(warehouse, scope, rows, odd)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": written.rows,
                "dagster/column_schema": dg.TableSchema([dg.TableColumn(n, t) for n, t in written.columns.items()]),
                "refused": rows.filter(pl.col("status") == "refused").height,
                "held": rows.filter(pl.col("status") == "held").height,
                "report": dg.MetadataValue.path(str(report)),
            }
        )

    return delivery


def deliveries(warehouse: Warehouse) -> pl.DataFrame:
    """Every delivery that was read, and those the door refused, in order of receipt."""
    loads = (
        warehouse.frame("SELECT * FROM raw.delivery_load").cast(LOAD_COLUMNS)  # type: ignore[arg-type]
        if warehouse.exists("raw.delivery_load")
        else pl.DataFrame(schema=LOAD_COLUMNS)
    )
    door = warehouse.frame(
        "SELECT file_id, sha256, name, department, tables AS table_name, period, kind, batch, received_at, sequence,"
        " status, reason, control_sha FROM raw.arrival WHERE status = 'refused'"
    )
    arrived = warehouse.frame("SELECT file_id, bytes, repeats, path FROM raw.arrival WHERE status = 'accepted'")
    zero = [pl.lit(0, dtype=pl.Int64).alias(c) for c in LOAD_COLUMNS if c.startswith("rows_")]
    refused = door.with_columns(*zero, notes=pl.lit(None, dtype=pl.String), contract=pl.lit(None, dtype=pl.String))
    every = pl.concat([loads, refused.select(list(LOAD_COLUMNS)).cast(LOAD_COLUMNS)])  # type: ignore[arg-type]
    late = [late_days(*row) for row in every.select("department", "table_name", "period", "received_at").iter_rows()]
    return (
        every.with_columns(pl.Series("late_days", late, dtype=pl.Int64))
        .join(arrived, on="file_id", how="left", maintain_order="left")
        .sort("received_at", "sequence", "name", "file_id", "table_name", nulls_last=True)
    )


def written_report(warehouse: Warehouse, scope: Scope, rows: pl.DataFrame, odd: pl.DataFrame) -> Path:
    """The 质量报告 of this run as `reports/质量报告-<as_of>.html`; the same deliveries give the same bytes."""
    named = {(t.department, t.name): t.label for t in contract.tables()}
    feeds = contract.feeds()

    def spoken(row: dict[str, Any]) -> dict[str, Any]:
        department, table = row["department"], row["table"]
        feed = feeds.get(department)
        label = named.get((department, table), table)
        return {
            **row,
            "department": feed.name if feed else department,
            "table": label,
            "contact": feed.contact if feed else None,
        }

    summary = (
        rows.filter(pl.col("department").is_not_null())
        .group_by("department", pl.col("table_name").alias("table"))
        .agg(
            files=pl.len().cast(pl.Int64),
            refused=pl.col("status").is_in(["refused", "held"]).sum().cast(pl.Int64),
            rows=pl.col("rows_loaded").sum(),
            rejects=pl.col("rows_rejected").sum(),
            latest=pl.col("period").max(),
        )
        .sort("department", "table")
    )
    turned = rows.filter(pl.col("status").is_in(["refused", "held"])).with_columns(table=pl.col("table_name"))
    rejects = warehouse.frame(
        'SELECT department, table_name AS "table", column_name AS "column", rule, reason, count(*) AS n FROM quality.reject'
        " WHERE row_no > 0 GROUP BY ALL ORDER BY ALL"
    )
    failed = warehouse.frame(
        'SELECT department, table_name AS "table", label, level, row_count, bad_rows, broken FROM quality.check'
        " WHERE NOT passed AND known_at = $known_at ORDER BY ALL",
        {"known_at": scope.known_at},
    )
    recent = odd.with_columns(pl.col("alarm").replace(ALARMS), table=pl.col("table_name")).sort("period", descending=True, maintain_order=True)  # fmt: skip
    shown = (summary, turned, rejects, failed, recent)
    text = page(scope.known_at, *[[spoken(r) for r in f.to_dicts()] for f in shown])
    place = warehouse.home / "reports" / f"质量报告-{scope.as_of}.html"
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(place)
    return place


def late_days(
    department: str | None, table_name: str | None, period: str | None, received_at: date | None
) -> int | None:
    """Days after the contract's due day and grace; 0 on time, None where there is no due day (irregular lists, unknown files)."""
    if not (department and table_name and period and received_at):
        return None
    feed = contract.feeds().get(department)
    table = feed.tables.get(table_name.split(",")[0]) if feed else None
    end = period_end(period)
    if table is None or table.cadence == "irregular" or end is None:
        return None
    due = end + timedelta(days=table.due_days + table.grace_days)
    return max(0, (date(received_at.year, received_at.month, received_at.day) - due).days)
