"""Columns of the tables this layer keeps beside the raw rows, and contract types as Polars types."""

import polars as pl

LOAD_COLUMNS: dict[str, pl.DataType] = {
    "file_id": pl.String(),
    "sha256": pl.String(),
    "name": pl.String(),
    "department": pl.String(),
    "table_name": pl.String(),
    "period": pl.String(),
    "kind": pl.String(),
    "batch": pl.String(),
    "received_at": pl.Datetime("us"),
    "sequence": pl.Int64(),
    "rows_in": pl.Int64(),
    "rows_loaded": pl.Int64(),
    "rows_rejected": pl.Int64(),
    "rows_duplicate": pl.Int64(),
    "rows_total": pl.Int64(),
    "rows_absent": pl.Int64(),
    "status": pl.String(),
    "reason": pl.String(),
    "notes": pl.String(),
    "control_sha": pl.String(),
    "contract": pl.String(),
}

REJECT_COLUMNS: dict[str, pl.DataType] = {
    "file_id": pl.String(),
    "file": pl.String(),
    "sheet": pl.String(),
    "row_no": pl.Int64(),
    "column_name": pl.String(),
    "value": pl.String(),
    "rule": pl.String(),
    "reason": pl.String(),
    "department": pl.String(),
    "table_name": pl.String(),
    "subject": pl.String(),
}

CHECK_COLUMNS: dict[str, pl.DataType] = {
    "department": pl.String(),
    "table_name": pl.String(),
    "rule": pl.String(),
    "label": pl.String(),
    "level": pl.String(),
    "passed": pl.Boolean(),
    "broken": pl.String(),
    "row_count": pl.Int64(),
    "bad_rows": pl.Int64(),
    "max_bad_share": pl.Decimal(18, 6),
    "known_at": pl.Datetime("us"),
}

_TYPES: dict[str, pl.DataType] = {
    "VARCHAR": pl.String(),
    "DATE": pl.Date(),
    "TIMESTAMP": pl.Datetime("us"),
    "BIGINT": pl.Int64(),
    "DECIMAL(18,6)": pl.Decimal(18, 6),
    "DECIMAL(18,2)": pl.Decimal(18, 2),
    "BOOLEAN": pl.Boolean(),
}


def polars_type(duckdb_type: str) -> pl.DataType:
    """The Polars type of a contract column's DuckDB type."""
    return _TYPES[duckdb_type]
