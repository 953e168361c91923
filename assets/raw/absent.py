"""Implicit deletion: what a full snapshot no longer holds is written down as a row of operation D, dated by the snapshot's receipt."""

from typing import Any

import polars as pl

from assets.ports import Warehouse
from data.contract import Table

_PLACE = "_place"


def tombstones(
    table: Table, rows: pl.DataFrame, arrivals: list[dict[str, Any]], warehouse: Warehouse, rejected: pl.DataFrame
) -> pl.DataFrame:
    """For each full delivery of `arrivals`, in order of receipt: the last known row of every primary key that was there before and is not now.

    A copy of that row with `_op` D, the snapshot's `_file_id` and `_received_at`, and `_row_no` 0: it stands on no line of the file.
    A snapshot with rejected rows takes nothing back: the missing key may be the one that could not be read.
    """
    full = [a for a in arrivals if a["kind"] == "F"]
    if table.delete.rule != "absent" or not full:
        return rows.clear()
    order = pl.DataFrame(
        {"_file_id": [a["file_id"] for a in full], _PLACE: list(range(len(full)))}, schema_overrides={_PLACE: pl.Int64}
    )
    key = list(table.primary)
    present = rows.join(order, on="_file_id", how="inner")
    before = _standing(table, warehouse).with_columns(pl.lit(-1, dtype=pl.Int64).alias(_PLACE))
    seen = pl.concat([before.select(present.columns), present]).unique([_PLACE, *key], keep="last", maintain_order=True)
    followed = seen.filter(pl.col(_PLACE) < len(full) - 1).with_columns(pl.col(_PLACE) + 1)
    gone = followed.join(seen.select(_PLACE, *key), on=[_PLACE, *key], how="anti", nulls_equal=True)
    heads = pl.DataFrame(
        {
            _PLACE: list(range(len(full))),
            "new_file": [a["file_id"] for a in full],
            "new_period": [a["period"] for a in full],
            "new_received": [a["received_at"] for a in full],
        },
        schema_overrides={_PLACE: pl.Int64, "new_received": pl.Datetime("us")},
    )
    unsure = rejected["file_id"].unique().to_list()
    return (
        gone.join(heads, on=_PLACE, how="inner")
        .filter(~pl.col("new_file").is_in(unsure))
        .with_columns(
            pl.col("new_file").alias("_file_id"),
            pl.col("new_period").alias("_period"),
            pl.col("new_received").alias("_received_at"),
            pl.lit(0, dtype=pl.Int64).alias("_row_no"),
            pl.lit("D").alias("_op"),
        )
        .select(rows.columns)
        .sort("_file_id", *key)
    )


def _standing(table: Table, warehouse: Warehouse) -> pl.DataFrame:
    """The rows in force before these deliveries: per primary key the last received, unless taken back."""
    if not warehouse.columns(f"raw.{table.key}"):
        return _typed(table, None)
    key = ", ".join(f'"{k}"' for k in table.primary)
    sql = (
        f'SELECT * FROM raw."{table.key}"'
        f" QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY _received_at DESC, _op = 'D', _file_id DESC, _row_no DESC) = 1"
    )
    return _typed(table, warehouse.frame(sql).filter(pl.col("_op") != "D"))


def _typed(table: Table, frame: pl.DataFrame | None) -> pl.DataFrame:
    from assets.raw.schema import polars_type

    schema = {n: polars_type(k) for n, k in table.stored.items()}
    return pl.DataFrame(schema=schema) if frame is None else frame.select(list(schema)).cast(schema)  # type: ignore[arg-type]
