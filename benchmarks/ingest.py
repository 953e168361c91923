"""Rows per CPU second of our reading, typing and judging against the bare library on the same bytes with no checks, per physical format.

    python -m benchmarks.ingest --home HOME [--seconds 2]

HOME is a finished run: the largest accepted delivery of each format is read again and again in this process, one thread, nothing written.
"""

import argparse
import gzip
import io
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

os.environ["POLARS_MAX_THREADS"] = "1"

import polars as pl

from assets.raw.arrival import arrivals
from data import contract
from data.contract import Form, Table
from data.readers import read
from quality.conform import conform
from quality.expectations import great_expectations_outcomes
from quality.masks import outcomes

KEY = b"a key for measuring only"


def bare(path: Path, form: Form, table: Table) -> None:
    """The format's own library over the same bytes: no header found, no type, no check, nothing set aside."""
    raw = path.read_bytes()
    if form.archive == "gz":
        raw = gzip.decompress(raw)
    match form.format:
        case "csv" | "text" | "dump":
            codec = "utf-16" if form.encoding == "utf-16" else form.encoding
            text = io.BytesIO(raw.decode(codec).encode())
            delimiter = "\t" if form.format == "dump" else form.delimiter
            pl.read_csv(text, separator=delimiter, quote_char=form.quote if form.format == "csv" else None, has_header=form.header and form.format != "dump", infer_schema=False, truncate_ragged_lines=True)  # fmt: skip
        case "xlsx" | "xls":
            import python_calamine as calamine

            book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(raw))
            for name in book.sheet_names:
                book.get_sheet_by_name(name).to_python()
        case "jsonl":
            pl.read_ndjson(io.BytesIO(raw), infer_schema_length=None)
        case "sqlite":
            base = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
            pl.DataFrame(base.execute(f'SELECT * FROM "{table.native}"').fetchall(), orient="row", infer_schema_length=None)  # fmt: skip
            base.close()
        case "xml":
            from lxml import etree

            found = []
            for _, element in etree.iterparse(io.BytesIO(raw), tag=form.row, recover=True):
                found.append({child.tag: child.text for child in element})
                element.clear()
            pl.DataFrame(found, infer_schema_length=None)
        case "dbf":
            import dbf

            with dbf.Table(str(path)).open() as held:
                pl.DataFrame([[str(v) for v in record] for record in held], orient="row")


def frame_of(path: Path, form: Form, table: Table, at: datetime) -> pl.DataFrame:
    text = read(path, form, table).frame
    return text.with_columns(
        pl.lit("f").alias("_file_id"), pl.lit("p").alias("_period"), pl.lit(at, dtype=pl.Datetime("us")).alias("_received_at")
    )  # fmt: skip


def spent(seconds: float, work: Callable[..., Any], *given: Any) -> float:
    """CPU seconds of one call, the mean of as many as fit into `seconds` (at least two, the first one not counted)."""
    work(*given)
    begun, calls = time.process_time(), 0
    while calls == 0 or time.process_time() - begun < seconds:
        work(*given)
        calls += 1
    return (time.process_time() - begun) / calls


def measured(home: Path, seconds: float) -> pl.DataFrame:
    """One row per format: rows, CPU milliseconds bare, read, typed, judged by masks and by GX, and the ratios bare / ours."""
    rows = []
    arrived = arrivals(home).filter(pl.col("status") == "accepted").sort("bytes", descending=True)
    seen: set[tuple[str, str]] = set()
    for arrival in arrived.iter_rows(named=True):
        table = contract.table(arrival["department"], arrival["tables"].split(",")[0]).at(arrival["received_at"].date())
        form = table.forms[arrival["form"]]
        if (form.format, form.encoding) in seen:
            continue
        seen.add((form.format, form.encoding))
        path, at = (home / arrival["path"]).resolve(), arrival["received_at"]
        text = frame_of(path, form, table, at)
        typed = conform(text, table, KEY).rows
        alone = spent(seconds, bare, path, form, table)
        reading = spent(seconds, frame_of, path, form, table, at)
        typing = spent(seconds, conform, text, table, KEY)
        masks = spent(seconds, outcomes, typed, table)
        gx = spent(seconds, great_expectations_outcomes, typed, table) if table.rules else 0.0
        ours = reading + typing + masks
        rows.append(
            {
                "format": f"{form.format} {form.encoding}",
                "table": table.key,
                "rows": text.height,
                "KB": arrival["bytes"] // 1024,
                **{n: round(v * 1000, 1) for n, v in (("bare_ms", alone), ("read_ms", reading), ("type_ms", typing), ("masks_ms", masks), ("gx_ms", gx))},
                "rows_per_s": round(text.height / ours),
                "ratio_read": round(alone / reading, 2),
                "ratio": round(alone / ours, 2),
                "ratio_with_gx": round(alone / (ours + gx), 2),
            }
        )  # fmt: skip
    return pl.DataFrame(rows).sort("format")


def main() -> int:
    parser = argparse.ArgumentParser(description="读入速度：每 CPU 秒行数，与不做任何检查的裸库相比")
    parser.add_argument("--home", type=Path, required=True, help="一次运行过的目录")
    parser.add_argument("--seconds", type=float, default=2.0, help="每项至少量多少 CPU 秒")
    asked = parser.parse_args()
    with pl.Config(tbl_rows=50, tbl_cols=20, tbl_width_chars=200, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True):  # fmt: skip
        sys.stdout.write(f"{measured(asked.home, asked.seconds)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
