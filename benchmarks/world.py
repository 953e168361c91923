"""Rates of the mock world: entities, monthly facts to Parquet and to text, peak memory; and of a whole build, department by department.

python -m benchmarks.world [entities]
python -m benchmarks.world whole ENTITIES MONTHS
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from data.world import build, state, writers
from data.world.parcel import World
from data.world.population import Population, population
from data.world.views import vat

CHUNK = 250_000


def _timed(label: str, work: Callable[[], int], unit: str) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    rows = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{label}: {rows:,} {unit}, {wall:.1f} s ({rows / wall:,.0f}/s), CPU {cpu:.1f} s ({rows / cpu:,.0f}/s)")


def _chunks(entities: int) -> list[Population]:
    return [population(7, a, min(a + CHUNK, entities)) for a in range(0, entities, CHUNK)]


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


def main(entities: int) -> None:
    """Print the table."""
    _timed("entities", lambda: sum(len(_entities(p)) for p in _chunks(entities)), "entities")
    people = population(7, 0, min(CHUNK, entities))
    _entities(people)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)

        def panel() -> int:
            rows = 0
            for month in range(408, 420):
                keep = np.flatnonzero(people.lives_at(month))
                frame = pl.DataFrame(
                    {
                        "eid": people.ids[keep], "month": np.full(len(keep), month), "revenue": state.revenue_cents(people, month)[keep],
                        "staff": state.staff(people, month)[keep], "insured": state.insured(people, month)[keep],
                    }
                )  # fmt: skip
                frame.write_parquet(path / f"{month}.parquet")
                rows += len(frame)
            return rows

        _timed("facts to Parquet", panel, "rows")
        # The deliveries of one quarter: two small months and the one in which the quarterly filers declare.
        quarter = (412, 413, 414)
        frames: list[pl.DataFrame] = []

        def made() -> int:
            frames[:] = [vat.vat_delivery(people, month) for month in quarter]
            return sum(len(f) for f in frames)

        def text() -> int:
            return writers.csv(
                path / "vat.txt", frames, encoding="gb18030", separator="\x01", header=False, end="\n", null="\\N"
            ).rows

        _timed("VAT rows made", made, "rows")
        _timed("VAT rows to \\x01 text", text, "rows")
        _timed("VAT rows made and written", lambda: made() and text(), "rows")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


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
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 300_000)
