"""The same arguments give the same bytes; a chunk alone equals the same rows of a larger build."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.world import build, state
from data.world.population import population
from data.world.streams import Streams, permuted
from data.world.views import customs, ip, labor, reform, register, vat

# Raise build.VERSION when this changes.
TINY = "8973384ce78527f9ff4a756dda2a7edb5e78b425c93ec7d35c89ea024ed66ecc"


def test_tiny_is_pinned(home: Path) -> None:
    manifest = json.loads((home / "world.json").read_text(encoding="utf-8"))
    assert manifest["sha256"] == TINY


def test_making_again_does_nothing(home: Path) -> None:
    before = (home / "world.json").stat().st_mtime_ns
    taken = next((home / "landing").rglob("*.csv"))
    moved = taken.read_bytes()
    taken.unlink()
    manifest = build.make(home, "tiny", 7, 24)
    assert manifest["sha256"] == TINY
    assert (home / "world.json").stat().st_mtime_ns == before
    assert not taken.exists(), "a file that the pipeline moved away must not come back"
    taken.write_bytes(moved)


def test_another_world_is_refused(home: Path) -> None:
    with pytest.raises(FileExistsError, match="另一个世界"):
        build.make(home, "tiny", 8, 24)


@pytest.mark.slow
def test_the_number_of_processes_does_not_matter(tmp_path: Path) -> None:
    one, two = (build.make(tmp_path / str(n), "tiny", 7, 6, entities=150, workers=n) for n in (1, 2))
    assert one["sha256"] == two["sha256"]
    told = [(tmp_path / n / "truth" / "truth_record.parquet").read_bytes() for n in ("1", "2")]
    assert told[0] == told[1]


@pytest.mark.parametrize("view", ["baseinfo", "vat", "headcount", "unit", "trade", "penalty", "debtor", "patent"])
def test_rows_5000_to_5999_alone_equal_the_same_rows_of_a_larger_build(view: str) -> None:
    month = 415

    def rows(start: int, stop: int):  # type: ignore[no-untyped-def]
        people = population(7, start, stop)
        if view == "baseinfo":
            keep = np.arange(len(people))
            zero = np.zeros(len(people), dtype=np.int64)
            return register.baseinfo(people, keep, month, "I", zero + 20_000, zero)
        if view == "vat":
            return vat.vat_delivery(people, month).sort("_eid", "SBXH", "ZFBZ")
        if view == "trade":
            return customs.trade_delivery(people, month).sort("_eid", "月", "进出口标志", "HS4", "金额人民币")
        if view in ("penalty", "debtor"):
            frame = reform.penalties(people) if view == "penalty" else reform.dishonest(people)
            return frame.sort("_eid", "updated_at", *frame.columns[:1])
        if view == "patent":
            return ip.patents_table(people).sort("_eid", "an")
        if view == "unit":
            return labor.units(people, month).sort("_eid", "AAB301")
        return labor.headcount(people, month).drop("序号").sort("_eid", "_office")

    alone, large = rows(5000, 6000), rows(0, 12_000)
    within = large.filter((large["_eid"] >= 5000) & (large["_eid"] < 6000))
    mine = alone.filter(alone["_eid"] >= 0)
    assert len(mine) > {"debtor": 5, "patent": 5, "trade": 20, "penalty": 50}.get(view, 200)
    assert mine.equals(within)


@given(seed=st.integers(0, 2**31), first=st.integers(0, 2_999_900), month=st.integers(0, 500))
@settings(max_examples=30, deadline=None)
def test_streams_do_not_depend_on_the_chunk(seed: int, first: int, month: int) -> None:
    ids = np.arange(first, first + 50)
    whole = Streams(seed).uniform("law", ids, month)
    assert np.array_equal(whole[20:30], Streams(seed).uniform("law", ids[20:30], month))
    assert ((whole >= 0) & (whole < 1)).all()


def test_streams_are_uniform_and_unrelated() -> None:
    streams, ids = Streams(7), np.arange(200_000)
    a, b = streams.uniform("a", ids), streams.uniform("b", ids)
    next_month = streams.uniform("a", ids, 1)
    assert abs(a.mean() - 0.5) < 0.004
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.01
    assert abs(np.corrcoef(a, next_month)[0, 1]) < 0.01
    assert abs(np.corrcoef(a[:-1], a[1:])[0, 1]) < 0.01


def test_permutation_is_a_bijection_and_refuses_a_common_factor() -> None:
    assert len(set(permuted(np.arange(1000), 1000, 333, 7).tolist())) == 1000
    with pytest.raises(ValueError, match="不互素"):
        permuted(np.arange(10), 1000, 10)


def test_a_month_is_the_same_in_any_window() -> None:
    people = population(11, 0, 300)
    alone = state.revenue_cents(population(11, 0, 300), 410)
    for month in range(400, 415):
        state.revenue_cents(people, month)
    assert np.array_equal(alone, state.revenue_cents(people, 410))
