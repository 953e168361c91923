"""开放数据: the tables of the published mart for other tools, as Parquet and as an Arrow stream."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from dashboards.mart import Mart, Row
from dashboards.pages import Pages

# Who is in which arm of a running trial is not for those who could act on it.
CLOSED = ("arm", "experiment")
BATCH = 50_000
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"


def open_tables(mart: Mart) -> list[Row]:
    """name, rows, comment of every table that may be taken away."""
    told = (
        {row["table_name"]: row["description"] for row in mart.rows("SELECT * FROM mart.dim_table")}
        if mart.exists("mart.dim_table")
        else {}
    )
    found = mart.rows(
        "SELECT table_name AS name, estimated_size AS rows FROM duckdb_tables() WHERE schema_name = 'mart' ORDER BY table_name"
    )
    return [{**row, "comment": told.get(row["name"])} for row in found if row["name"] not in CLOSED]


def _asked(mart: Mart, request: Request) -> str:
    """The SELECT behind the address; names are checked against the publication, nothing else of the address reaches SQL."""
    table = request.path_params["table"]
    if table not in {row["name"] for row in open_tables(mart)}:
        raise HTTPException(404, f"没有可开放的表 {table}；可用的表见 /reports")
    held = [
        row["column_name"]
        for row in mart.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'mart' AND table_name = $table ORDER BY ordinal_position",
            {"table": table},
        )
    ]
    wanted = [name for name in request.query_params.get("columns", "").split(",") if name]
    if unknown := [name for name in wanted if name not in held]:
        raise HTTPException(400, f"表 {table} 没有列 {'、'.join(unknown)}；有 {'、'.join(held)}")
    chosen = ", ".join(f'"{name}"' for name in wanted or held)
    return f'SELECT {chosen} FROM mart."{table}"'


def parquet(pages: Pages, request: Request) -> Response:
    """The table as one Parquet file (zstd). `?columns=a,b` takes some columns only."""
    folder = tempfile.TemporaryDirectory(prefix="huiqi-open-")
    target = Path(folder.name) / "table.parquet"
    try:
        with pages.opened() as mart:
            sql = _asked(mart, request)
            mart.connection.execute(f"COPY ({sql}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)").fetchall()
    except BaseException:
        folder.cleanup()
        raise
    name = f"{request.path_params['table']}.parquet"
    return FileResponse(target, media_type=PARQUET, filename=name, background=BackgroundTask(folder.cleanup))


def arrow(pages: Pages, request: Request) -> Response:
    """The table as an Arrow IPC stream, batch by batch: the whole of it is never in memory."""
    stack = ExitStack()
    try:
        mart = stack.enter_context(pages.opened())
        reader = mart.connection.sql(_asked(mart, request)).to_arrow_reader(BATCH)
    except BaseException:
        stack.close()
        raise
    return StreamingResponse(_batches(reader, stack), media_type=ARROW)


class _Parts(io.RawIOBase):
    """A sink whose bytes are taken away as they come."""

    def __init__(self) -> None:
        self.held: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.held.append(bytes(data))
        return len(self.held[-1])

    def taken(self) -> bytes:
        found, self.held = b"".join(self.held), []
        return found


def _batches(reader: pa.RecordBatchReader, stack: ExitStack) -> Iterator[bytes]:
    parts = _Parts()
    with stack:
        with pa.ipc.new_stream(pa.PythonFile(parts, mode="w"), reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
                yield parts.taken()
        yield parts.taken()
