"""Rates of the mock world on two processors: entities, monthly facts to Parquet and to text, peak memory; and of a whole build by department.

python -m benchmarks.world [ENTITIES] [PROCESSES]
python -m benchmarks.world whole ENTITIES MONTHS
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data.world import build, state, writers
from data.world.parcel import World
from data.world.population import Population, population
from data.world.views import vat

CHUNK = 250_000
# The deliveries of one quarter: two small months and the one in which the quarterly filers declare.
_QUARTER = (412, 413, 414)


def _entities(people: Population) -> pl.DataFrame:
    """Twenty columns a register needs, codes and names included."""
    return pl.DataFrame(
        {
            "uscc": people.uscc, "regno": people.regno, "pripid": people.pripid, "djxh": people.tax_serial, "name": people.name,
            "new_name": people.new_name, "legal_person": people.person, "phone": people.phone, "address": people.address_at(419),
            "kind": people.kind, "industry": people.industry, "region": people.region, "park": people.park, "birth": people.birth_day,
            "death": people.death_month, "capital": people.capital_wan, "revenue": people.log_revenue, "staff": people.staff_level,
            "general": people.is_general_taxpayer, "zero": people.is_zero_filer,
        }
    )  # fmt: skip


def _panel(people: Population, folder: Path) -> int:
    """A year of monthly facts of every living entity to Parquet: rows."""
    rows = 0
    for month in range(408, 420):
        keep = np.flatnonzero(people.lives_at(month))
        frame = pl.DataFrame(
            {
                "eid": people.ids[keep], "month": np.full(len(keep), month), "revenue": state.revenue_cents(people, month)[keep],
                "staff": state.staff(people, month)[keep], "insured": state.insured(people, month)[keep],
            }
        )  # fmt: skip
        frame.write_parquet(folder / f"{month}.parquet")
        rows += len(frame)
    return rows


def _vat(people: Population, path: Path) -> int:
    """VAT declarations as ② delivers them in the months of a quarter: made and written, rows."""
    frames = (vat.vat_delivery(people, month) for month in _QUARTER)
    return _text(path, frames)


def _text(path: Path, frames: Any) -> int:
    return writers.csv(
        path, frames, encoding="gb18030", separator="\x01", header=False, end="\n", null="\\N"
    ).rows  # fmt: skip


def _stages(people: Population, folder: Path) -> list[tuple[str, str, Callable[[], int]]]:
    """(label, unit, work) one after another; what one leaves with the entities the next has at hand, as in a build."""
    made: list[pl.DataFrame] = []

    def again() -> int:
        made[:] = [vat.vat_delivery(people, month) for month in _QUARTER]
        return sum(len(f) for f in made)

    return [
        ("entities", "entities", lambda: len(_entities(people))),
        ("facts to Parquet", "rows", lambda: _panel(people, folder)),
        ("VAT rows made and written to \\x01 text", "rows", lambda: _vat(people, folder / "vat.txt")),
        ("VAT rows made", "rows", again),
        ("VAT rows to \\x01 text", "rows", lambda: _text(folder / "vat.txt", made)),
        ("VAT rows to \\x01 text, packed", "rows", lambda: _text(folder / "vat.txt.gz", made)),
    ]


def _work(number: int, entities: int, folder: Path, start: Barrier, told: Connection) -> None:
    """One process's share: every stage begins when all processes have come to it."""
    people = population(7, number * CHUNK, number * CHUNK + entities)
    # Tables and first calls cost what a build pays once.
    _entities(population(7, 2_900_000, 2_900_500))
    mine = folder / str(number)
    mine.mkdir()
    for label, unit, work in _stages(people, mine):
        start.wait()
        begun, cpu = time.monotonic(), time.process_time()
        rows = work()
        told.send((label, unit, rows, begun, time.monotonic(), time.process_time() - cpu))
    told.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def main(entities: int, processes: int) -> None:
    """Print the table: rows of all processes by the wall clock, and by a second of CPU."""
    os.environ["POLARS_MAX_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(processes)
    with tempfile.TemporaryDirectory() as folder:
        ends = []
        for number in range(processes):
            receive, send = context.Pipe(duplex=False)
            share = min(CHUNK, entities // processes)
            context.Process(target=_work, args=(number, share, Path(folder), start, send)).start()
            ends.append(receive)
        for _ in range(6):
            told = [end.recv() for end in ends]
            label, unit = told[0][:2]
            rows = sum(t[2] for t in told)
            wall, cpu = max(t[4] for t in told) - min(t[3] for t in told), sum(t[5] for t in told)
            print(
                f"{label}: {rows:,} {unit} by {processes}, {wall:.2f} s ({rows / wall:,.0f}/s), CPU {cpu:.2f} s ({rows / cpu:,.0f}/s)"
            )
        peaks = [end.recv() / 1024 for end in ends]
        print(f"peak memory {max(peaks):,.0f} MiB a process, {sum(peaks):,.0f} MiB together")


def whole(entities: int, months: int) -> None:
    """A build of all departments and the truth in this one process: rows delivered and CPU seconds of each."""
    total_rows, total = 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for label, rows, spent in build.by_department(World(7, entities, months), Path(folder)):
            total_rows, total = total_rows + rows, total + spent
            print(f"{label}: {rows:,} rows, CPU {spent:.1f} s ({rows / max(spent, 1e-9):,.0f}/s)")
    print(f"whole: {total_rows:,} rows, CPU {total:.1f} s ({total_rows / total:,.0f}/s)")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["whole"]:
        whole(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main(*(int(a) for a in (*sys.argv[1:3], *("500000", "2")[len(sys.argv[1:3]) :])))
