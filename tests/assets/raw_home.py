"""A home with a landing zone for the tests of the raw layer, and deliveries to put into it."""

import gzip
import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from assets.raw.arrival import arrivals
from assets.raw.door import admit
from assets.raw.load import Loaded, load
from assets.raw.schema import CHECK_COLUMNS, LOAD_COLUMNS, REJECT_COLUMNS
from data import contract
from pipelines.scope import RunScope
from pipelines.warehouse import DuckWarehouse
from quality.conform import no_subjects

COLUMNS = [c.header for c in contract.table("market", "baseinfo").columns.values()]
BASE = {
    "PRIPID": "p1", "UNISCID": "91460100MA5T00001X", "ENTNAME": "海南甲有限公司", "ENTTYPE": "1130", "REGCAP": "100.5",
    "REGCAPCUR": "156", "ESTDATE": "2020-01-02", "APPRDATE": "2024-01-02", "OPTO": "长期", "REGSTATE": "存续",
    "TEL": "13800138000", "S_EXT_OP": "I", "S_EXT_TIME": "2024-01-02 09:00:00",
}  # fmt: skip


def csv(*rows: dict[str, str], columns: list[str] | None = None) -> bytes:
    names = columns or COLUMNS
    lines = [",".join(names)] + [",".join(f'"{r.get(c, "")}"' for c in names) for r in rows]
    return ("\r\n".join(lines) + "\r\n").encode("gb18030")


class Home:
    """A home with a landing zone; `refresh` is what the raw assets do, without Dagster around it."""

    def __init__(self, folder: Path, known_at: str = "2024-12-31T23:59:59") -> None:
        self.folder = folder
        self.at(known_at)
        self.sequence = 0

    def at(self, known_at: str) -> None:
        known = datetime.fromisoformat(known_at)
        self.scope = RunScope(self.folder, known.date(), known, known.date())
        self.warehouse = DuckWarehouse(home=self.folder, scope=self.scope)

    def land(
        self, name: str, raw: bytes, received: str = "2024-01-03T09:00:00+08:00", control: str | None = None
    ) -> Path:
        self.sequence += 1
        folder = self.folder / "landing" / "x" / f"{self.sequence:03d}"
        folder.mkdir(parents=True)
        path = folder / name
        path.write_bytes(raw)
        receipt = {
            "file": name,
            "sha256": hashlib.sha256(raw).hexdigest(),
            "bytes": len(raw),
            "received_at": received,
            "sequence": self.sequence,
        }
        path.with_name(name + ".receipt.json").write_text(json.dumps(receipt), encoding="utf-8")
        if control is not None:
            path.with_name(name + ".ctl").write_text(control, encoding="utf-8")
        return path

    def refresh(self, *tables: str) -> dict[str, Loaded]:
        self.passed = admit(self.folder, self.scope.known_at)
        with self.warehouse.write() as w:
            w.replace("raw.arrival", arrivals(self.folder))
            w.append("raw.delivery_load", pl.DataFrame(schema=LOAD_COLUMNS))
            w.append("raw.subject", no_subjects())
            w.append("quality.reject", pl.DataFrame(schema=REJECT_COLUMNS))
            w.append("quality.check", pl.DataFrame(schema=CHECK_COLUMNS))
        found = {}
        for key in tables or ("market_baseinfo",):
            department, _, name = key.partition("_")
            found[key] = load(contract.table(department, name), self.warehouse, self.scope)
        return found

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.warehouse.frame(sql).rows()


DAY = "SCJG_E_BASEINFO_20240102_I_01.csv"
LOADS = "SELECT name, status, rows_in, rows_loaded, rows_rejected, rows_duplicate, rows_total, reason FROM raw.delivery_load ORDER BY received_at, sequence"


VAT = "SWJ_SB_ZZS_202401_I_01.txt.gz"


def vat(*due: str) -> bytes:
    rows = [
        "\x01".join(
            [f"s{i}", f"{i:020d}", "2024-01-01", "2024-01-31", "2024-02-10", "100", "0", "0", "0", "0", d, d, "0", "N"]
        )
        for i, d in enumerate(due)
    ]
    return gzip.compress(("\n".join(rows) + "\n").encode("gb18030"), mtime=0)


def control(raw: bytes, rows: int, amount: str) -> str:
    md5 = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    return f"rows={rows}\namount={amount}\nmd5={md5}\nperiod=202401\nbatch=01\n"
