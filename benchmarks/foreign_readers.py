"""One file of each format of a mock world, opened by programs that are not ours: python -m benchmarks.foreign_readers HOME.

Prints file, program, what became of it, records found, rows planted, and of the planted rows without a defect how many came out whole:
every cell that is no number, in one record. Programs that are not installed are named as absent.
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
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import polars as pl

Records = list[list[str]]


class Case(NamedTuple):
    """A program on a file, and how what it prints is cut into records."""

    pattern: str
    program: str
    words: Callable[[Path, Path], list[str]]
    cut: Callable[[bytes, Path], Records]


def _delimited(separator: str = ",", quote: str | None = '"') -> Callable[[bytes, Path], Records]:
    def cut(printed: bytes, out: Path) -> Records:
        text = printed.decode("utf-8").removeprefix("\ufeff")
        if quote is None:
            return [line.split(separator) for line in text.split("\n") if line]
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))

    return cut


def _converted(printed: bytes, out: Path) -> Records:
    """Non-empty records of every sheet the program wrote as CSV."""
    files = sorted(out.glob("*.csv*"))
    return [row for f in files for row in csv.reader(f.open(encoding="utf-8", newline="")) if any(row)]


def _copied(printed: bytes, out: Path) -> Records:
    """Lines of a COPY block with its escapes undone."""
    plain = {"\\n": "\n", "\\r": "\r", "\\t": "\t", "\\\\": "\\", "\\N": ""}
    lines = printed.decode("utf-8").splitlines()
    return [
        [re.sub(r"\\[nrtN\\]", lambda m: plain[m[0]], c) for c in line.split("\t")]
        for line in lines
        if not line.startswith(("COPY ", "\\."))
    ]


def _elements(printed: bytes, out: Path) -> Records:
    """One record per patent, its cells what stands between tags."""
    text = printed.decode("utf-8")
    found = re.findall(r"<(patent|PATENT_LS|ls|tm|pledge|row|record)>(.*?)</\1>", text, re.DOTALL)
    return [[html.unescape(c) for c in re.findall(r">([^<>]*)<", f">{body}<")] for _, body in found]


def _objects(printed: bytes, out: Path) -> Records:
    return [["" if v is None else str(v) for v in json.loads(line).values()] for line in printed.splitlines()]


def _shell(script: str) -> Callable[[Path, Path], list[str]]:
    return lambda path, out: ["sh", "-c", script, "sh", str(path), str(out)]


# -1 after the character set: every sheet to a file of its own; 76 is UTF-8.
_CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"


def _office(path: Path, out: Path) -> list[str]:
    profile = f"-env:UserInstallation=file://{out}/profile"
    # Without a window to ask in, LibreOffice reads a DBF as code page 850, whatever its language byte says, and a CSV as
    # Latin, whatever its mark: it must be told 936 (61) and UTF-8 (76).
    told = {".dbf": ["--infilter=dBase:61"], ".csv": ["--infilter=CSV:44,34,76"]}.get(path.suffix, [])
    return ["soffice", profile, "--headless", *told, "--convert-to", _CSV, "--outdir", str(out), str(path)]


def _gnumeric(path: Path, out: Path) -> list[str]:
    return ["ssconvert", "-S", "-T", "Gnumeric_stf:stf_csv", str(path), str(out / "sheet.csv")]


def _iconv(encoding: str) -> Callable[[Path, Path], list[str]]:
    return lambda path, out: ["iconv", "-f", encoding, "-t", "UTF-8", str(path)]


# A server of its own in the scratch folder, without a network; the dump goes in by psql and comes out by COPY.
_POSTGRES = r"""
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1); as=; [ "$(id -u)" = 0 ] && as="setpriv --reuid=postgres --regid=postgres --clear-groups"
mkdir "$2/pg" && chmod 777 "$2" "$2/pg" && [ -n "$as" ] && chown postgres "$2/pg"
$as "$bin/initdb" -D "$2/pg/data" -E UTF8 --locale=C.UTF-8 -U probe >/dev/null && $as "$bin/pg_ctl" -D "$2/pg/data" -o "-k $2/pg -h ''" -w start >/dev/null || exit 1
gzip -dc "$1" > "$2/pg/dump.sql"; ask="psql -h $2/pg -U probe -d postgres -q -v ON_ERROR_STOP=1"
$ask -c 'CREATE SCHEMA scjg' -f "$2/pg/dump.sql" >/dev/null && $ask -c 'COPY scjg.e_baseinfo TO STDOUT WITH (FORMAT csv)'; code=$?
$as "$bin/pg_ctl" -D "$2/pg/data" -m immediate stop >/dev/null; exit $code
"""


def _duckdb(path: Path, out: Path) -> list[str]:
    script = (
        "import duckdb, sys; duckdb.sql(f\"COPY (FROM '{sys.argv[1]}') TO '{sys.argv[2]}/sheet.csv' (HEADER false)\")"
    )
    return [sys.executable, "-c", script, str(path), str(out)]


CASES = (
    Case("SCJG_E_BASEINFO_*_I_01.csv", "iconv", _iconv("GB18030"), _delimited()),
    Case("CZT_ZFMX_*.csv", "iconv", _iconv("GB18030"), _delimited()),
    Case("KJT_GQ_*.csv", "soffice", _office, _converted),
    Case("SWJ_SB_ZZS_*.txt.gz", "iconv", _shell('gzip -dc "$1" | iconv -f GB18030 -t UTF-8'), _delimited("\x01", None)),
    Case("HG_HG_JCK_*.txt", "iconv", _iconv("UTF-16"), _delimited("\t", None)),
    Case("HG_HG_QY_*.txt", "iconv", _iconv("UTF-16"), _delimited("\t", None)),
    Case("HG_HG_JCK_*.txt.zip", "unzip", _shell('unzip -p "$1" | iconv -f UTF-16 -t UTF-8'), _delimited("\t", None)),
    Case("SCJG_E_BASEINFO_*.sql.gz", "gzip", _shell(r'gzip -dc "$1" | sed -n "/^COPY/,/^\\\\\.$/p"'), _copied),
    Case("SCJG_E_BASEINFO_*.sql.gz", "psql", _shell(_POSTGRES), _delimited()),
    Case("RSJ_CBRS_*_460100.xlsx", "soffice", _office, _converted),
    Case("RSJ_CBRS_*_460100.xlsx", "ssconvert", _gnumeric, _converted),
    Case("RSJ_CBRS_*_460100.xlsx", "unzip", _shell('unzip -tq "$1"'), lambda printed, out: []),
    Case("RSJ_CBRS_*_460200.xlsx", "soffice", _office, _converted),
    Case("SWT_XSSM_*.xlsx", "soffice", _office, _converted),
    Case("SWT_XSSM_*.xlsx", "ssconvert", _gnumeric, _converted),
    Case("NYT_LTQY_*.xls", "soffice", _office, _converted),
    Case("NYT_LTQY_*.xls", "ssconvert", _gnumeric, _converted),
    Case("NYT_LTQY_*.xls", "xls2csv", lambda p, o: ["xls2csv", "-d", "utf-8", str(p)], _delimited()),
    Case("RSJ_AB01_*.dbf", "soffice", _office, _converted),
    Case("RSJ_AB01_*.dbf", "ssconvert", _gnumeric, _converted),
    Case("RSJ_AB01_*.dbf", "dbview", _shell('dbview -b -t "$1" | iconv -f GBK -t UTF-8'), _delimited(":", None)),
    Case("ZSCQ_PATENT_2*_F_01.xml", "xmllint", lambda p, o: ["xmllint", "--encode", "utf-8", str(p)], _elements),
    Case("ZSCQ_*.xml", "xmllint", lambda p, o: ["xmllint", "--encode", "utf-8", str(p)], _elements),
    Case("ZJT_SNAPSHOT_*.db", "sqlite3", lambda p, o: ["sqlite3", "-csv", str(p), _SQL], _delimited()),
    Case("SBXT_CASE_*.jsonl", "jq", lambda p, o: ["jq", "-c", ".", str(p)], _objects),
    Case("SWJ_SB_QYSDS_*.parquet", sys.executable, _duckdb, _converted),
)
_SQL = ";".join(f"SELECT * FROM {t}" for t in ("t_zz", "t_sgxk", "t_fdc", "t_blxw", "t_azxkz"))


def newest(home: Path, pattern: str) -> Path | None:
    """The last file of the pattern; of XML the first that declares gb2312."""
    found = sorted((home / "landing").rglob(pattern), key=lambda p: p.name)
    if pattern == "ZSCQ_*.xml":
        found = [p for p in found if b'encoding="gb2312"' in p.read_bytes()[:60]][:1]
    return found[-1] if found else None


def planted(home: Path, file: str, record: pl.DataFrame) -> list[tuple[str, ...]]:
    """The file's rows without a defect as they were sent: the cells that are no numbers, whose spelling programs may change."""
    told = record.filter((pl.col("file") == file) & (pl.col("defects") == ""))
    rows: list[tuple[str, ...]] = []
    for (department, table), mine in told.group_by("department", "table"):
        clean = pl.read_parquet(home / "truth" / "truth_clean" / f"{department}_{table}.parquet")
        clean = clean.filter(pl.col("file") == file).join(mine, on=["sheet", "row_no"], how="semi")
        names = [n for n, t in clean.schema.items() if t == pl.String and n not in ("file", "sheet")]
        for row in clean.select(names).iter_rows():
            cells = tuple(c.strip() for c in row if c and not re.fullmatch(r"[-\d.,:/ ]*", c))
            if cells:
                rows.append(cells)
    return rows


def whole(rows: list[tuple[str, ...]], records: Records) -> int:
    """How many of the rows have all their cells in one record."""
    spaced = [{re.sub(r"\s+", " ", c).strip() for c in record} for record in records]
    places: defaultdict[str, list[int]] = defaultdict(list)
    for k, cells in enumerate(spaced):
        for cell in cells:
            places[cell].append(k)
    found = 0
    for row in rows:
        cells = {re.sub(r"\s+", " ", c) for c in row}
        rarest = min(cells, key=lambda c: len(places.get(c, ())))
        found += any(cells <= spaced[k] for k in places.get(rarest, ()))
    return found


def main(home: Path) -> None:
    """Print the table as Markdown."""
    record = pl.read_parquet(home / "truth" / "truth_record.parquet")
    delivered = dict(record.group_by("file").len().iter_rows())
    print(
        "| file | program | result | records found | rows planted | rows without defect, whole |\n|---|---|---|---|---|---|"
    )
    for case in CASES:
        path = newest(home, case.pattern)
        program = "DuckDB" if case.program == sys.executable else case.program
        if path is None:
            print(f"| {case.pattern} | {program} | no such file | | | |")
            continue
        file = path.relative_to(home).as_posix()
        if shutil.which(case.program) is None:
            print(f"| {path.name} | {program} | program absent | | {delivered.get(file, 0)} | |")
            continue
        with tempfile.TemporaryDirectory() as folder:
            result, records = _tried(case, path.resolve(), Path(folder))
        rows = planted(home, file, record)
        print(
            f"| {path.name} | {program} | {result} | {len(records)} | {delivered.get(file, 0)} | {whole(rows, records)} of {len(rows)} |",
            flush=True,
        )


def _tried(case: Case, path: Path, out: Path) -> tuple[str, Records]:
    """What became of it in words, and the records."""
    environment = {**os.environ, "HOME": str(out), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(case.words(path, out), capture_output=True, check=False, env=environment)
    if done.returncode:
        complaint = [
            w for w in done.stderr.decode("utf-8", "replace").splitlines() if "warning" not in w and "hint" not in w
        ]
        return f"failed: {complaint[0] if complaint else done.returncode}", []
    return "opened", case.cut(done.stdout, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
