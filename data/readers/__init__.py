"""One module per physical format: the bytes of a delivery → a frame of text plus row numbers. Readers know contracts, never departments."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from data.contract import Form, Table
from data.readers.reading import Reading, RefusedFile, Unreadable, merged

# Imported when first needed: a child that reads CSV never loads the Excel or XML libraries.
_MODULES = {
    "csv": "text",
    "text": "text",
    "dump": "dump",
    "xlsx": "workbook",
    "xls": "workbook",
    "dbf": "dbf",
    "xml": "xml",
    "sqlite": "sqlite",
    "jsonl": "jsonl",
    "parquet": "parquet",
}

# Formats that are read in parts: their readers never hold a large delivery whole.
STREAMED = ("csv", "text", "dump", "jsonl")

__all__ = ["Reading", "RefusedFile", "Unreadable", "parts", "read"]


def parts(path: Path, form: Form, table: Table) -> Iterator[Reading]:
    """The delivery at `path`, part by part, as text under our column names. Raises RefusedFile (Chinese reason) if no row of it can be trusted,
    even after some parts: nothing of it counts then.
    """
    module = import_module(f"data.readers.{_MODULES[form.format]}")
    if form.format in STREAMED:
        yield from module.parts(path, form, table)
    else:
        yield module.read(path, form, table)


def read(path: Path, form: Form, table: Table) -> Reading:
    """The whole delivery at once; see `parts`."""
    return merged(parts(path, form, table))
