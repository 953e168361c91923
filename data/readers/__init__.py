"""One module per physical format: the bytes of a delivery → a frame of text plus row numbers. Readers know contracts, never departments."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from data.contract import Form, Table
from data.readers.reading import Reading, RefusedFile, Unreadable

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
}

__all__ = ["Reading", "RefusedFile", "Unreadable", "read"]


def read(path: Path, form: Form, table: Table) -> Reading:
    """The delivery at `path` as text under our column names. Raises RefusedFile (Chinese reason) if no row of it can be trusted."""
    module = import_module(f"data.readers.{_MODULES[form.format]}")
    reading: Reading = module.read(path, form, table)
    return reading
