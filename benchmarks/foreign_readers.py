"""One file of each format of a mock world, opened by programs that are not ours: python -m benchmarks.foreign_readers HOME.

Prints file, program, records found beside those the truth says (titles, headers and totals are records too), and what share of the
file's Chinese cells came out right; programs that are not installed are named as absent.
"""

from __future__ import annotations

import csv
import html
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import polars as pl

_LINES = re.compile(rb"\n")


class Case(NamedTuple):
    """A program on a file: what it prints is counted as records."""

    pattern: str
    program: str
    words: Callable[[Path, Path], list[str]]
    count: Callable[[bytes, Path], int]


def _lines(printed: bytes, out: Path) -> int:
    return len(_LINES.findall(printed))


def _records(printed: bytes, out: Path) -> int:
    """Records of delimited text: a line break in a quoted cell makes none."""
    return sum(1 for _ in csv.reader(io.StringIO(printed.decode("utf-8"), newline="")))


def _converted(printed: bytes, out: Path) -> int:
    """Non-empty records of every sheet the program wrote as CSV."""
    files = sorted(out.glob("*.csv*"))
    return sum(any(cell for cell in row) for f in files for row in csv.reader(f.open(encoding="utf-8", newline="")))


def _shell(script: str) -> Callable[[Path, Path], list[str]]:
    return lambda path, out: ["sh", "-c", script, "sh", str(path), str(out)]


# -1 after the character set: every sheet to a file of its own; 76 is UTF-8.
_CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"


def _office(path: Path, out: Path) -> list[str]:
    profile = f"-env:UserInstallation=file://{out}/profile"
    # Without a window to ask in, LibreOffice reads a DBF as code page 850, whatever its language byte says, and a CSV as
    # Latin, whatever its mark: it must be told 936 (61) and UTF-8 (76).
    told = {".dbf": ["--infilter=dBase:61"], ".csv": ["--infilter=CSV:44,34,76"]}
    return [
        "soffice",
        profile,
        "--headless",
        *told.get(path.suffix, []),
        "--convert-to",
        _CSV,
        "--outdir",
        str(out),
        str(path),
    ]


def _gnumeric(path: Path, out: Path) -> list[str]:
    return ["ssconvert", "-S", "-T", "Gnumeric_stf:stf_csv", str(path), str(out / "sheet.csv")]


CASES = (
    Case(
        "SCJG_E_BASEINFO_*_I_01.csv", "iconv", lambda p, o: ["iconv", "-f", "GB18030", "-t", "UTF-8", str(p)], _records
    ),
    Case("CZT_ZFMX_*.csv", "iconv", lambda p, o: ["iconv", "-f", "GB18030", "-t", "UTF-8", str(p)], _records),
    Case("KJT_GQ_*.csv", "soffice", _office, _converted),
    Case("SWJ_SB_ZZS_*.txt.gz", "iconv", _shell('gzip -dc "$1" | iconv -f GB18030 -t UTF-8'), _lines),
    Case("HG_HG_JCK_*.txt", "iconv", lambda p, o: ["iconv", "-f", "UTF-16", "-t", "UTF-8", str(p)], _lines),
    Case("SCJG_E_BASEINFO_*.sql.gz", "gzip", _shell(r'gzip -dc "$1" | sed -n "/^COPY/,/^\\\\\.$/p"'), _lines),
    Case("RSJ_CBRS_*_460100.xlsx", "soffice", _office, _converted),
    Case("RSJ_CBRS_*_460100.xlsx", "ssconvert", _gnumeric, _converted),
    Case("SWT_XSSM_*.xlsx", "soffice", _office, _converted),
    Case("NYT_LTQY_*.xls", "soffice", _office, _converted),
    Case("NYT_LTQY_*.xls", "ssconvert", _gnumeric, _converted),
    Case("NYT_LTQY_*.xls", "xls2csv", lambda p, o: ["xls2csv", "-d", "utf-8", str(p)], _lines),
    Case("RSJ_AB01_*.dbf", "soffice", _office, _converted),
    Case("RSJ_AB01_*.dbf", "ssconvert", _gnumeric, _converted),
    Case("RSJ_AB01_*.dbf", "dbview", _shell('dbview -b -t "$1" | iconv -f GBK -t UTF-8'), _lines),
    Case(
        "ZSCQ_PATENT_2*_F_01.xml",
        "xmllint",
        lambda p, o: ["xmllint", "--xpath", "//patent", str(p)],
        _lines,
    ),
    Case("ZSCQ_*.xml", "xmllint", lambda p, o: ["xmllint", "--xpath", "//*", str(p)], _lines),
    Case("ZJT_SNAPSHOT_*.db", "sqlite3", lambda p, o: ["sqlite3", "-csv", str(p), _SQL], _records),
    Case("SBXT_CASE_*.jsonl", "jq", lambda p, o: ["jq", "-c", ".", str(p)], _lines),
)
_SQL = ";".join(f"SELECT * FROM {t}" for t in ("t_zz", "t_sgxk", "t_fdc", "t_blxw", "t_azxkz"))


def newest(home: Path, pattern: str) -> Path | None:
    """The last file of the pattern that is not empty of records; of XML the first that declares gb2312."""
    found = sorted((home / "landing").rglob(pattern), key=lambda p: p.name)
    if pattern == "ZSCQ_*.xml":
        found = [p for p in found if b'encoding="gb2312"' in p.read_bytes()[:60]][:1]
    return found[-1] if found else None


def chinese(home: Path, file: str, record: pl.DataFrame) -> set[str]:
    """The Chinese cells of the file's rows without a defect."""
    told = record.filter((pl.col("file") == file) & (pl.col("defects") == ""))
    cells: set[str] = set()
    for (department, table), rows in told.group_by("department", "table"):
        clean = pl.read_parquet(home / "truth" / "truth_clean" / f"{department}_{table}.parquet")
        mine = clean.filter(pl.col("file") == file).join(rows, on=["sheet", "row_no"], how="semi")
        for name in (n for n, t in mine.schema.items() if t == pl.String and n not in ("file", "sheet")):
            cells |= set(mine[name].drop_nulls().filter(mine[name].drop_nulls().str.contains("[\u4e00-\u9fff]")))
    return cells


def main(home: Path) -> None:
    """Print the table as Markdown."""
    record = pl.read_parquet(home / "truth" / "truth_record.parquet")
    rows = dict(record.group_by("file").len().iter_rows())
    print(
        "| file | program | result | records found | rows delivered | Chinese cells right |\n|---|---|---|---|---|---|"
    )
    for case in CASES:
        path = newest(home, case.pattern)
        if path is None:
            print(f"| {case.pattern} | {case.program} | no such file | | | |")
            continue
        delivered = rows.get(path.relative_to(home).as_posix(), 0)
        if shutil.which(case.program) is None:
            print(f"| {path.name} | {case.program} | program absent | | {delivered} | |")
            continue
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            done = subprocess.run(
                case.words(path, out),
                capture_output=True,
                check=False,
                env={**os.environ, "HOME": folder, "LC_ALL": "C.UTF-8"},
            )
            complaint = done.stderr.decode("utf-8", "replace").strip().splitlines()
            result = "opened" if done.returncode == 0 else f"failed: {complaint[0] if complaint else done.returncode}"
            found = case.count(done.stdout, out) if done.returncode == 0 else 0
            texts = [done.stdout, *(f.read_bytes() for f in out.glob("*.csv*"))]
        text = html.unescape(b"\n".join(texts).decode("utf-8", "replace"))
        cells = chinese(home, path.relative_to(home).as_posix(), record)
        # In CSV a quote is doubled and a line may break inside a cell; the first piece before either stands for the cell.
        right = sum(re.split(r'["\r\n]', cell)[0] in text for cell in cells)
        words = json.dumps(result, ensure_ascii=False)[1:-1]
        print(f"| {path.name} | {case.program} | {words} | {found} | {delivered} | {right} of {len(cells)} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
