"""Which feeds may release money: received, not refused, fresh, within their reject share, and with a cut made visible."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Final

import polars as pl

TABLES: Final = {
    "department": pl.String,
    "table_name": pl.String,
    "stale_after_days": pl.Int64,
    "max_reject_share": pl.Float64,
    "has_control": pl.Boolean,
    "self_checking": pl.Boolean,
}
DELIVERIES: Final = {
    "department": pl.String,
    "table_name": pl.String,
    "received_at": pl.Datetime("us"),
    "sequence": pl.Int64,
    "status": pl.String,
    "rows_in": pl.Int64,
    "rows_rejected": pl.Int64,
    "controlled": pl.Boolean,
}


def unfit_feeds(tables: pl.DataFrame, deliveries: pl.DataFrame, known_at: dt.datetime) -> pl.DataFrame:
    """(department, table_name, detail) of the feeds no payment may rest on, as known at `known_at`.

    `tables` (TABLES) is what contracts and catalogue say (`stale_after_days` null: never late; `has_control`: a cut can be seen; `self_checking`: without a control file), `deliveries` (DELIVERIES)
    what arrived, `controlled` with its control file. A refused or held delivery blocks its feed until
    a later one of the same table is let in.
    """
    seen = deliveries.filter(pl.col("received_at") <= known_at).sort(
        "department", "table_name", "received_at", "sequence"
    )
    newest = seen.group_by("department", "table_name", maintain_order=True).agg(pl.all().last())
    loaded = (
        seen.filter(~pl.col("status").is_in(["refused", "held"]))
        .group_by("department", "table_name", maintain_order=True)
        .agg(pl.col("received_at").last().alias("_loaded_at"), pl.col("controlled").last().alias("_controlled"))
    )
    state = (
        tables.join(newest, on=["department", "table_name"], how="left")
        .join(loaded, on=["department", "table_name"], how="left")
        .with_columns(
            (pl.lit(known_at) - pl.col("_loaded_at")).dt.total_days().alias("_age"),
            (pl.col("rows_rejected") / pl.col("rows_in").clip(lower_bound=1)).fill_null(0.0).alias("_share"),
        )
    )
    name = pl.format("{}.{}", "department", "table_name")
    detail = (
        pl.when(pl.col("_loaded_at").is_null())
        .then(pl.format("{} 没有入库的交付", name))
        .when(pl.col("status") == "refused")
        .then(pl.format("{} 最近一次交付（{}）被拒收", name, pl.col("received_at").dt.date()))
        .when(pl.col("status") == "held")
        .then(pl.format("{} 最近一次交付（{}）行数异常，待放行", name, pl.col("received_at").dt.date()))
        .when(pl.col("_age") > pl.col("stale_after_days"))
        .then(pl.format("{} 已 {} 天没有交付", name, "_age"))
        .when(pl.col("_share") > pl.col("max_reject_share"))
        .then(pl.format("{} 退回 {} 行，超过允许比例", name, "rows_rejected"))
        .when(~pl.col("has_control"))
        .then(pl.format("{} 没有对账文件，截断看不出来", name))
        # The door lets a delivery in after waiting in vain for the control file its contract promises.
        .when(~pl.col("self_checking") & ~pl.col("_controlled").fill_null(False))
        .then(pl.format("{} 最近一次交付（{}）没有附对账文件", name, pl.col("_loaded_at").dt.date()))
    )
    return (
        state.with_columns(detail.alias("detail"))
        .filter(pl.col("detail").is_not_null())
        .select("department", "table_name", "detail")
        .sort("department", "table_name")
    )


def unfit_items(sources: Iterable[tuple[str, int, str, str]], feeds: pl.DataFrame) -> pl.DataFrame:
    """(item_id, version, detail) of the items that rest on an unfit feed; `sources` are (item_id, version, department, table)."""
    named = pl.DataFrame(
        sorted(set(sources)),
        schema={"item_id": pl.String, "version": pl.Int64, "department": pl.String, "table_name": pl.String},
        orient="row",
    )
    return (
        named.join(feeds, on=["department", "table_name"], how="inner")
        .sort("item_id", "version", "department", "table_name")
        .group_by("item_id", "version", maintain_order=True)
        .agg(pl.col("detail").str.join("；"))
    )
