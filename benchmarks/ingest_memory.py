"""Peak memory of reading, typing, judging and landing one delivery beside its size: the same table at several sizes, per format.

    python -m benchmarks.ingest_memory --home HOME [--sizes 50 200 800] [--formats csv text jsonl dump xlsx]

HOME is a finished run: rows of its deliveries are repeated, each copy with keys of its own. Every size is loaded by a process of its own into an
empty home, as a run loads it: front door, child that parses, Great Expectations in its process, one transaction. Sizes are MB unpacked.
"""

import argparse
import gzip
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import polars as pl

from assets.raw.arrival import arrivals
from assets.raw.door import admit
from assets.raw.load import load
from assets.raw.schema import CHECK_COLUMNS, LOAD_COLUMNS, REJECT_COLUMNS
from data import contract
from data.readers import pool
from pipelines.scope import RunScope
from pipelines.warehouse import DuckWarehouse
from quality import validator
from quality.conform import no_subjects

RECEIVED = "2025-01-24T09:00:00+08:00"
KNOWN = datetime(2025, 1, 25, 23, 59, 59)
# Format → table, name of the grown delivery.
GROWN = {
    "csv": ("market_investor", "SCJG_E_INV_20241201_I_01.csv"),
    "text": ("tax_vat", "SWJ_SB_ZZS_202411_I_01.txt.gz"),
    "jsonl": ("reform_permit", "FGW_XZXK_20241201_I_01.jsonl"),
    "dump": ("market_baseinfo", "SCJG_E_BASEINFO_2024Q3_F_01.sql.gz"),
    "xlsx": ("labor_headcount", "RSJ_CBRS_202411_I_460100.xlsx"),
}


def grown(home: Path, kind: str, size: int, out: Path) -> Path:
    """A delivery of about `size` MB unpacked, written into `out`; a workbook at most as long as Excel allows."""
    table, name = GROWN[kind]
    department, _, short = table.partition("_")
    arrived = arrivals(home).filter(
        (pl.col("status") == "accepted") & (pl.col("department") == department) & (pl.col("tables") == short)
    )
    ending = "." + name.split(".", 1)[1]
    largest = arrived.filter(pl.col("name").str.ends_with(ending)).sort("bytes").row(-1, named=True)
    source, target = home / largest["path"], out / name
    if kind == "xlsx":
        _book(source, target, size)
    elif ending.endswith(".gz"):
        with gzip.open(target, "wb", compresslevel=1) as packed:
            packed.writelines(_lines(gzip.decompress(source.read_bytes()), kind, size << 20))
    else:
        with target.open("wb") as plain:
            plain.writelines(_lines(source.read_bytes(), kind, size << 20))
    return target


def _lines(raw: bytes, kind: str, size: int) -> Iterator[bytes]:
    """The lines of a delivery, the facts among them repeated until it is `size` bytes long, with another key in every copy."""
    lines = raw.splitlines(keepends=True)
    first, last = 0, len(lines)
    if kind == "csv":
        first = 1
    elif kind == "dump":
        first = next(i for i, line in enumerate(lines) if line.startswith(b"COPY")) + 1
        last = next(i for i in range(first, len(lines)) if lines[i].startswith(b"\\."))
    yield from lines[:first]
    written, copy = sum(map(len, lines)), 0
    body = lines[first:last]
    while True:
        for line in body:
            written += len(line)
            yield _renamed(line, kind, copy)
        copy += 1
        if written >= size:
            break
    yield from lines[last:]


def _renamed(line: bytes, kind: str, copy: int) -> bytes:
    """The same row under another key: digits behind the first of its cells (JSON: in every document number)."""
    if kind == "jsonl":
        row = json.loads(line)
        return json.dumps(row | {"xk_wsh": f"{row['xk_wsh']}-{copy}"}, ensure_ascii=False).encode() + b"\n"
    return line[:1] + b"%d" % copy + line[1:]


def _book(source: Path, target: Path, size: int) -> None:
    """One sheet with the rows of `source` repeated; `size` MB of its XML unpacked, about 90 bytes a cell."""
    import python_calamine as calamine
    import xlsxwriter

    rows = calamine.CalamineWorkbook.from_path(str(source)).get_sheet_by_index(0).to_python()
    top = next(i for i, row in enumerate(rows) if any("信用代码" in str(cell) for cell in row)) + 1
    wanted = min(1_000_000, (size << 20) // (45 * len(rows[0])))
    body = [[str(cell) if hasattr(cell, "isoformat") else cell for cell in row] for row in rows[top:]]
    with xlsxwriter.Workbook(str(target), {"constant_memory": True}) as book:
        sheet = book.add_worksheet("1")
        for place, row in enumerate(rows[:top]):
            sheet.write_row(place, 0, row)
        for n in range(wanted):
            sheet.write_row(top + n, 0, body[n % len(body)])


def landed(home: Path, kind: str, size: int) -> dict[str, object]:
    """What a load of the grown delivery cost: MB of the file, rows, peaks of the three processes, CPU seconds."""
    with tempfile.TemporaryDirectory(dir=home.parent) as folder:
        out = Path(folder) / "home"
        (out / "landing").mkdir(parents=True)
        place = _in_a_child(home, kind, size, out / "landing")
        with place.open("rb") as handle:
            sha = hashlib.file_digest(handle, "sha256").hexdigest()
        receipt = {
            "file": place.name,
            "sha256": sha,
            "bytes": place.stat().st_size,
            "received_at": RECEIVED,
            "sequence": 1,
        }
        place.with_name(place.name + ".receipt.json").write_text(json.dumps(receipt), encoding="utf-8")
        told = place.stat().st_size >> 20
        scope = RunScope(out, KNOWN.date(), KNOWN, KNOWN.date())
        warehouse = DuckWarehouse(home=out, scope=scope)
        children = _Peaks()
        begun = time.monotonic()
        passed = admit(out, KNOWN)
        assert len(passed.accepted) == 1, passed.refused
        with warehouse.write() as w:
            w.replace("raw.arrival", arrivals(out))
            w.append("raw.delivery_load", pl.DataFrame(schema=LOAD_COLUMNS))
            w.append("raw.subject", no_subjects())
            w.append("quality.reject", pl.DataFrame(schema=REJECT_COLUMNS))
            w.append("quality.check", pl.DataFrame(schema=CHECK_COLUMNS))
        table = next(t for t in contract.tables() if t.key == GROWN[kind][0])
        loaded = load(table, warehouse, scope)
        seconds = time.monotonic() - begun
        peaks = children.stop()
        own = resource.getrusage(resource.RUSAGE_SELF)
        pool.shared().close()
        validator.shared().close()
        others = resource.getrusage(resource.RUSAGE_CHILDREN)
        file = loaded.files[0]
        return {
            "format": kind,
            "MB": size,
            "MB_file": told,
            "rows": file.counts["rows_in"],
            "loaded": file.counts["rows_loaded"],
            "refusal": file.refusal,
            "run_MB": own.ru_maxrss >> 10,
            **peaks,
            "cpu_s": round(own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime, 1),
            "wall_s": round(seconds, 1),
        }


def _in_a_child(home: Path, kind: str, size: int, out: Path) -> Path:
    """Grown by another process, so that this one's peak is the load's."""
    code = f"from pathlib import Path; from benchmarks.ingest_memory import grown; grown(Path({str(home)!r}), {kind!r}, {size}, Path({str(out)!r}))"
    subprocess.run([sys.executable, "-c", code], check=True)
    return next(out.iterdir())


class _Peaks:
    """Peak resident memory of the processes that parse and of the one that validates, asked of the kernel while they live."""

    def __init__(self) -> None:
        self._seen = {"child_MB": 0, "gx_MB": 0}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> dict[str, int]:
        self._over.set()
        self._thread.join()
        return self._seen

    def _look(self) -> None:
        while not self._over.wait(0.2):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    said = (process / "cmdline").read_bytes()
                    mine = f"PPid:\t{_OWN}\n" in (text := (process / "status").read_text())
                except OSError:
                    continue
                name = (
                    "child_MB" if b"data.readers.worker" in said else "gx_MB" if b"quality.validator" in said else None
                )
                if mine and name:
                    peak = int(text.split("VmHWM:")[1].split()[0]) >> 10
                    self._seen[name] = max(self._seen[name], peak)


_OWN = int(Path("/proc/self").resolve().name)


def main() -> int:
    parser = argparse.ArgumentParser(description="读入一份交付的内存峰值，与它的大小并列")
    parser.add_argument("--home", type=Path, required=True, help="一次运行过的目录")
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 200, 800], help="解压后的 MB")
    parser.add_argument("--formats", nargs="+", default=list(GROWN), choices=list(GROWN))
    parser.add_argument("--one", action="store_true", help="只量第一种格式的第一个大小，就在这个进程里")
    asked = parser.parse_args()
    if asked.one:
        sys.stdout.write(json.dumps(landed(asked.home, asked.formats[0], asked.sizes[0]), ensure_ascii=False) + "\n")
        return 0
    for kind in asked.formats:
        for size in asked.sizes:
            own = [sys.executable, "-m", "benchmarks.ingest_memory", "--home", str(asked.home), "--one"]
            subprocess.run([*own, "--formats", kind, "--sizes", str(size)], check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
