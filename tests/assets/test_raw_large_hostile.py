"""Hostile deliveries read in parts: every one is answered, to the word and to the row, as it is when it is read whole."""

import re
import sys
from pathlib import Path

import polars as pl
import pytest

from assets.raw import large
from assets.raw.large import Large
from data.readers import pool, source
from data.readers import text as delimited
from data.readers.reading import Reading

sys.path.insert(0, str(Path(__file__).parent))
import test_raw_hostile
from test_raw_hostile import CASES, _beside, hostile
from test_raw_large import in_this_process

LATE = _beside("hostile_large").cases()
TEXT = (".csv", ".txt", ".txt.gz", ".sql.gz", ".jsonl")
TABLES = ("market_baseinfo", "tax_vat", "apply_case", "apply_feedback", "reform_permit", "customs_registration", "hotline_call")  # fmt: skip
WRITTEN = ("raw.delivery_load", "raw.subject", "quality.reject", "quality.check")
Tables = dict[str, pl.DataFrame]


def told(home: Path, cases: list["hostile.Case"], monkeypatch: pytest.MonkeyPatch) -> Tables:
    monkeypatch.setattr(test_raw_hostile, "TABLES", TABLES)
    monkeypatch.setattr(pool.Pool, "parts", in_this_process)
    (home / "keys").mkdir(mode=0o700)
    (home / "keys" / "personal.key").write_bytes(b"k" * 32)
    for i, case in enumerate(cases):
        hostile.land(case, home / "landing" / str(i), i + 1)
    warehouse, _ = test_raw_hostile.run(home)
    names = [*WRITTEN, *(f"raw.{key}" for key in TABLES)]
    return {n: warehouse.frame(f"SELECT * FROM {n} ORDER BY ALL") for n in names if warehouse.exists(n)}


def compared(
    cases: list["hostile.Case"], folder: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> tuple[Tables, list[str]]:
    """The tables of a run in parts of `block` characters, found equal to those of a run that reads whole; and which files came in parts."""
    (folder / "whole").mkdir()
    whole = told(folder / "whole", cases, monkeypatch)
    seen: list[str] = []
    taken = Large.take

    def take(self: Large, reading: Reading, text: pl.DataFrame, key: bytes) -> None:
        seen.append(self.file.arrival["name"])
        taken(self, reading, text, key)

    monkeypatch.setattr(Large, "take", take)
    for where, name, size in ((large, "LARGE_BYTES", 0), (large, "COMPARED", 50), (source, "CHUNK", block), (source, "KEEP", 0), (delimited, "BLOCK_BYTES", block)):  # fmt: skip
        monkeypatch.setattr(where, name, size)
    (folder / "parts").mkdir()
    found = told(folder / "parts", cases, monkeypatch)
    assert found.keys() == whole.keys()
    for name, frame in whole.items():
        assert found[name].equals(frame), name
    return whole, seen


def answered(tables: Tables) -> None:
    """Every case of LATE among the tables was answered for what it is."""
    rejects = tables["quality.reject"].group_by("file").agg(pl.col("reason").str.join(" "))
    reasons = dict(rejects.iter_rows())
    known = {c.name: c for c in LATE}
    for name, status, reason in tables["raw.delivery_load"].select("name", "status", "reason").iter_rows():
        case, said = known[name], f"{reason or ''} {reasons.get(name, '')}"
        assert re.search(case.why, said), (name, said)
        if case.why or case.loads:
            assert status == ("loaded" if case.rows or case.loads else "refused"), (name, said)


def test_trouble_behind_the_beginning_is_found_in_parts_as_in_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = [LATE[i] for i in (1, 3, 4, 9)]
    tables, seen = compared(few, tmp_path, monkeypatch, 3000)
    assert min(seen.count(c.name) for c in few if c.name in seen) > 2
    answered(tables)


@pytest.mark.slow
def test_trouble_of_every_kind_is_found_in_parts_as_in_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables, seen = compared(LATE, tmp_path, monkeypatch, 3000)
    assert len(set(seen)) > 40
    answered(tables)


@pytest.mark.slow
def test_every_hostile_text_is_answered_in_parts_as_in_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [c for c in CASES if c.name.endswith(TEXT)]
    assert len(cases) > 120
    _, seen = compared(cases, tmp_path, monkeypatch, 600)
    assert len(set(seen)) > 60
