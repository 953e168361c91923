"""Personal values as they were delivered (telephones, identity numbers, accounts, names of certified talents) are nowhere outside the evidence (reliability.md, row 49).

The canaries are the world's own: what departments sent lies in `accepted/`, and a whole run has read it, refused files and rejected rows included.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from python_calamine import CalamineWorkbook

from assets.raw import RAW_ASSETS, prepare
from tests.assets.raw_home import BASE, Home
from tests.assets.raw_home import csv as delivery

# What may hold personal values: the evidence, what the mock world is made from, and the keys that hash them.
EVIDENCE = {"accepted", "refused", "landing", "api", "truth", "keys", "spill"}
PER_KIND = 8


def delivered(home: Path, prefix: str) -> Iterator[bytes]:
    """The newest deliveries of a table, as they came."""
    found = sorted(p for p in home.glob(f"accepted/*/*/{prefix}_*") if not p.name.endswith((".json", ".ctl")))
    return (path.read_bytes() for path in sorted(found, key=lambda p: p.name)[-40:])


def columns(rows: Iterable[dict[str, Any]], name: str) -> list[str]:
    return [str(row[name]).strip() for row in rows if str(row.get(name) or "").strip()]


def sheet(content: bytes) -> list[dict[str, Any]]:
    """The rows of the sheet that has a heading with 证件号 or 姓名, by heading."""
    for name in (book := CalamineWorkbook.from_filelike(io.BytesIO(content))).sheet_names:
        rows = book.get_sheet_by_name(name).to_python()
        for at, row in enumerate(rows[:6]):
            if any("姓名" in str(cell) for cell in row):
                return [dict(zip(map(str, row), following, strict=False)) for following in rows[at + 1 :]]
    return []


def canaries(home: Path) -> dict[str, list[str]]:
    """Kind → values as delivered."""
    market = [
        row
        for raw in delivered(home, "SCJG_E_BASEINFO")
        for row in csv.DictReader(io.StringIO(raw.decode("gb18030", "replace").replace("\r", "")))
    ]
    payees = [json.loads(line) for raw in delivered(home, "SBXT_PAYEE") for line in raw.decode().splitlines()]
    people = [row for raw in delivered(home, "RSJ_RCRD") for row in sheet(raw)]
    of_people = {key: next(k for k in people[0] if key in k) for key in ("证件号", "姓名")}
    return {
        "telephone": [v for v in columns(market, "TEL") if re.fullmatch(r"[+\d-]{11,}", v)],
        "account": columns(payees, "账号"),
        "identity": [v for v in columns(people, of_people["证件号"]) if re.fullmatch(r"\d{17}[\dX]", v)],
        "name": [v for v in columns(people, of_people["姓名"]) if re.fullmatch(r"[\u4e00-\u9fff]{3,4}", v)],
    }


def hits(database: Path, wanted: str) -> list[str]:
    """The tables and columns in which any text matches."""
    con = duckdb.connect(str(database), read_only=True)
    columns: dict[str, list[str]] = {}
    for schema, table, column in con.execute(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns WHERE data_type LIKE '%VARCHAR%' ORDER BY ALL"
    ).fetchall():
        columns.setdefault(f'"{schema}"."{table}"', []).append(column)
    found = []
    for table, names in columns.items():
        tests = ", ".join(
            f"""count(*) FILTER (regexp_matches(CAST("{name}" AS VARCHAR), '{wanted}'))""" for name in names
        )
        counted = con.execute(f"SELECT {tests} FROM {table}").fetchall()[0]
        found += [f"{table}.{name}" for name, n in zip(names, counted, strict=True) if n]
    con.close()
    return found


def in_files(folder: Path, values: Iterable[str]) -> list[str]:
    """The files that are not databases of ours and hold a value, in UTF-8 or GB18030."""
    needles = {form for value in values for form in (value.encode(), value.encode("gb18030"))}
    found = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts[0]
        if path.is_file() and inside not in EVIDENCE and path.suffix != ".duckdb":
            content = path.read_bytes()
            found += [str(path)] * any(needle in content for needle in needles)
    return found


def test_no_personal_value_leaves_the_evidence_of_a_whole_run(ran: Any) -> None:
    kinds = {
        kind: sorted(set(values))[:: max(1, len(set(values)) // PER_KIND)]
        for kind, values in canaries(ran.home).items()
    }
    assert all(len(values) >= 4 for values in kinds.values()), {kind: len(values) for kind, values in kinds.items()}
    numbers = [value for kind in ("telephone", "account", "identity") for value in kinds[kind]]
    mart = json.loads((ran.home / "CURRENT").read_text(encoding="utf-8"))["file"]
    wanted = r"(^|\D)(" + "|".join(numbers) + r")($|\D)"
    assert hits(ran.home / "warehouse.duckdb", wanted) == []
    # the names of certified talents are matched by in raw tables, and nobody reads those
    assert hits(ran.home / mart, f"{wanted}|{'|'.join(kinds['name'])}") == []
    assert in_files(ran.home, [*numbers, *kinds["name"]]) == []
    assert not any(value in json.dumps(ran.summary, ensure_ascii=False) for value in numbers)


def test_a_step_that_fails_tells_no_personal_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a library says of the value it stumbled over stays out of Dagster's store, its logs and our tables."""
    home = Home(tmp_path / "home")
    canary = ("13911112222", "460100199001011234", "欧阳测试")

    def stumbles(text: Any, *rest: Any) -> Any:
        raise ValueError(f"could not convert {canary[0]} of {canary[2]} ({canary[1]})")

    monkeypatch.setattr(prepare, "conform", stumbles)
    home.land("SCJG_E_BASEINFO_20240103_I_01.csv", delivery({**BASE, "TEL": canary[0], "LEREP": canary[2]}))
    chosen = [a for a in RAW_ASSETS if a.key.path[-1] in ("arrival", "market_baseinfo")]
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        dg.materialize(
            chosen,
            resources={"warehouse": home.warehouse, "scope": home.scope},
            instance=instance,
            raise_on_error=False,
        )
    assert in_files(tmp_path / "dagster", canary) == [] and in_files(home.folder, canary) == []
    assert hits(home.folder / "warehouse.duckdb", "|".join(canary)) == []
    assert not any(value in caplog.text for value in canary)
