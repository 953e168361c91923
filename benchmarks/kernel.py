"""The kernel against one wide DuckDB SELECT and a Polars select, each in a process of its own: CPU-seconds, memory, equal counts.

`python benchmarks/kernel.py` runs 200,000 enterprises × 30 columns × 500 items and ends with `kernel vs duckdb wide select: NN.Nx`;
`--big` runs ours alone at 3 M enterprises × 2,000, 10,000 and 48,000 items.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
# one core each: CPU-seconds are compared, and worker threads that spin would be counted
os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

REPEATS = 5


def best(work: Callable[[], Any], repeats: int = REPEATS) -> tuple[float, float, Any]:
    """The least CPU-seconds and wall-seconds of some repetitions, and the last result."""
    cpu, wall, result = float("inf"), float("inf"), None
    for _ in range(repeats):
        began, clock = time.process_time(), time.perf_counter()
        result = work()
        cpu, wall = min(cpu, time.process_time() - began), min(wall, time.perf_counter() - clock)
    return cpu, wall, result


def ours(rows: int, items: int, repeats: int) -> dict[str, Any]:
    from benchmarks import match_world as world
    from matching.rules import evaluate

    frame = world.enterprises(rows)
    base = _peak()
    began = time.process_time()
    program = world.program(items)
    compiling = time.process_time() - began
    cpu, wall, verdicts = best(lambda: evaluate(program, frame, world.AS_OF), repeats)
    counts = verdicts.counts()
    found = [(row["eligible"], row["unknown"]) for row in counts.iter_rows(named=True)]
    atoms = len(verdicts.kernel.layout.atoms)
    return {**_report(cpu, wall, base, found), "compile_cpu": compiling, "atoms": atoms}


def ours_from_codes(rows: int, items: int, repeats: int) -> dict[str, Any]:
    """The same, from columns as far prepared as OpenFisca's: amounts as integers of 分, texts as codes of a known list."""
    import polars as pl

    from benchmarks import match_world as world
    from matching.rules import evaluate

    frame = world.enterprises(rows)
    words = {
        "size": world.SIZES,
        "level": world.LEVELS,
        "registered_region": world.REGIONS,
        "industry": world.INDUSTRIES,
    }
    money = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Decimal)]
    factors = [10**kind.scale for kind in frame.schema.values() if isinstance(kind, pl.Decimal)]
    prepared = frame.with_columns(
        *((pl.col(name) * factor).cast(pl.Int64) for name, factor in zip(money, factors, strict=True)),
        *(pl.col(name).cast(pl.Enum(known)) for name, known in words.items()),
    )
    base = _peak()
    # amounts in 分 want thresholds in 分
    program = world.program(items, dict(zip(money, factors, strict=True)))
    cpu, wall, verdicts = best(lambda: evaluate(program, prepared, world.AS_OF), repeats)
    found = [(row["eligible"], row["unknown"]) for row in verdicts.counts().iter_rows(named=True)]
    return _report(cpu, wall, base, found)


def ours_with_near_misses(rows: int, items: int, repeats: int) -> dict[str, Any]:
    """Everything `pairs()` needs but the rows themselves: near-miss and one-unknown planes too."""
    from benchmarks import match_world as world
    from matching.rules import evaluate

    frame = world.enterprises(rows)
    base = _peak()
    verdicts = evaluate(world.program(items), frame, world.AS_OF)

    def work() -> list[int]:
        return [int(found.planes.near_miss[0]) for _, founds in verdicts.found() for found in founds]

    cpu, wall, _ = best(work, repeats)
    counts = verdicts.counts()
    return _report(cpu, wall, base, [(r["eligible"], r["unknown"]) for r in counts.iter_rows(named=True)])


def duckdb_wide(rows: int, items: int, repeats: int) -> dict[str, Any]:
    import duckdb

    from benchmarks import match_world as world

    frame = world.enterprises(rows)
    con = duckdb.connect(config={"threads": 1})
    con.execute("CREATE TABLE firm AS SELECT * FROM frame").fetchall()
    con.execute("CREATE TABLE nobody AS SELECT * FROM firm LIMIT 0").fetchall()
    del frame
    base = _peak()
    # Of five ways to write it this was the cheapest: counting the unknown too, or naming the verdicts in a sub-query, cost 1.3 to 9 times
    # as much, most of it planning. So DuckDB counts the eligible only, and ours, which counts both, is compared with the lesser work.
    counts = ", ".join(f"count(*) FILTER (WHERE {world.sql_of(item)})" for item in world.items(items))
    planning, _, _ = best(lambda: con.execute(f"SELECT {counts} FROM nobody").fetchall(), 2)
    cpu, wall, result = best(lambda: con.execute(f"SELECT {counts} FROM firm").fetchall(), repeats)
    return {**_report(cpu - planning, wall, base, [(count, None) for count in result[0]]), "planning_cpu": planning}


def polars_select(rows: int, items: int, repeats: int) -> dict[str, Any]:
    import polars as pl

    from benchmarks import match_world as world
    from benchmarks.match_polars import expression

    frame = world.enterprises(rows)
    base = _peak()
    compiled = world.program(items)
    exprs = [expression(item) for item in compiled.items]
    query = frame.lazy().select(
        part for n, expr in enumerate(exprs) for part in (expr.sum().alias(f"t{n}"), expr.null_count().alias(f"u{n}"))
    )
    cpu, wall, result = best(lambda: query.collect(), repeats)
    flat = [int(value or 0) for value in result.row(0)]
    assert isinstance(result, pl.DataFrame)
    return _report(cpu, wall, base, list(zip(flat[0::2], flat[1::2], strict=True)))


def stages(rows: int, items: int, repeats: int) -> dict[str, float]:
    """Where the kernel's CPU-seconds go, step by step, and how many GB of planes a second its AND and OR move."""
    import numpy as np

    from benchmarks import match_world as world
    from matching.rules.columns import Block, encoded, part
    from matching.rules.kernel import Kernel, even

    frame, program = world.enterprises(rows).rechunk(), world.program(items)
    kernel = Kernel(program, even(rows))
    texts = [column.name for column in program.columns if column.type == "text"]
    codes_cpu, _, codes = best(lambda: encoded(frame, texts), repeats)
    spent = {"texts to codes": codes_cpu, "reading and testing columns": 0.0, "AND and OR": 0.0, "counting": 0.0}
    planes = np.zeros((len(kernel.plans), 2, kernel.block // 64), np.uint64)
    for start in range(0, rows, kernel.block):
        height = min(kernel.block, rows - start)
        words = {name: part(whole, start, start + height) for name, whole in codes.items()}

        def load(start: int = start, height: int = height, words: dict[str, Any] = words) -> None:
            kernel.load(Block(frame.slice(start, height), world.AS_OF, dict(words)))

        def join() -> None:
            for number, (true, false) in enumerate(planes):
                kernel.possible(number, true, false)

        spent["reading and testing columns"] += best(load, repeats)[0]
        spent["AND and OR"] += best(join, repeats)[0]
        spent["counting"] += best(lambda: np.bitwise_count(planes).sum(axis=2, dtype=np.uint32), repeats)[0]
    # two planes read and one written per step, for TRUE and for FALSE
    steps = sum(max(0, len(item.literals) - 1) for item in program.items)
    moved = 2 * steps * 3 * -(-rows // 64) * 8 / 1e9
    return {
        **spent,
        "joined_gb_per_second": moved / spent["AND and OR"],
        "whole_gb_per_second": moved / sum(spent.values()),
    }


CONTENDERS = {
    "kernel": ours,
    "kernel from codes": ours_from_codes,
    "kernel with near-misses": ours_with_near_misses,
    "duckdb wide select": duckdb_wide,
    "polars select": polars_select,
}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _report(cpu: float, wall: float, base: float, counts: list[tuple[int, int | None]]) -> dict[str, Any]:
    eligible = _digest([int(count) for count, _ in counts])
    unknown = None if counts[0][1] is None else _digest([int(count or 0) for _, count in counts])
    return {"cpu": cpu, "wall": wall, "data_mb": base, "peak_mb": _peak(), "eligible": eligible, "unknown": unknown}


def _digest(counts: list[int]) -> str:
    return hashlib.sha256(json.dumps(counts).encode()).hexdigest()[:12]


def bandwidth() -> float:
    """Bit-AND of two planes into a third, in cache, in GB of planes per second."""
    import numpy as np

    a = np.random.default_rng(1).integers(0, 2**62, 1024, dtype=np.uint64)
    b, out = a.copy(), np.empty_like(a)
    cpu, _, _ = best(lambda: [np.bitwise_and(a, b, out=out) for _ in range(20_000)])
    return 20_000 * 3 * a.nbytes / cpu / 1e9


def in_child(name: str, rows: int, items: int, repeats: int) -> dict[str, Any]:
    """Runs one contender in a fresh process, so that memory is its own."""
    command = [
        sys.executable,
        __file__,
        "--only",
        name,
        "--rows",
        str(rows),
        "--items",
        str(items),
        "--repeats",
        str(repeats),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--only", choices=CONTENDERS)
    parser.add_argument("--big", action="store_true", help="ours alone at 3 M enterprises")
    given = parser.parse_args()
    if given.only:
        print(json.dumps(CONTENDERS[given.only](given.rows, given.items, given.repeats)))
        return
    if given.big:
        for items in (2_000, 10_000, 48_000):
            for name in ("kernel", "kernel with near-misses"):
                _print(f"{name}, 3 M × {items:,}", in_child(name, 3_000_000, items, 1), 3_000_000 * items)
        return
    print(f"{given.rows:,} enterprises × {30} columns × {given.items} items; least of {given.repeats} runs, one thread")
    reports = {name: in_child(name, given.rows, given.items, given.repeats) for name in CONTENDERS}
    for name, report in reports.items():
        _print(name, report, given.rows * given.items)
    for what in ("eligible", "unknown"):
        said = {name: report[what] for name, report in reports.items() if report[what] is not None}
        if len(set(said.values())) != 1:
            raise SystemExit(f"the contenders disagree on the {what}: {said}")
    print(f"equal counts everywhere; {reports['kernel']['atoms']} distinct tests in {given.items} items")
    where = stages(given.rows, given.items, given.repeats)
    most, joined, whole = bandwidth(), where.pop("joined_gb_per_second"), where.pop("whole_gb_per_second")
    print("where it goes: " + ", ".join(f"{name} {cpu * 1e3:.1f} ms" for name, cpu in where.items()))
    print(
        f"bit-AND in cache: {most:.0f} GB/s on this machine; the kernel's AND and OR move {joined:.0f} ({most / joined:.1f}x below),"
        f" spread over its whole time {whole:.1f} ({most / whole:.1f}x below)"
    )
    print(f"kernel vs polars select: {reports['polars select']['cpu'] / reports['kernel']['cpu']:.1f}x")
    print(f"kernel vs duckdb wide select: {reports['duckdb wide select']['cpu'] / reports['kernel']['cpu']:.1f}x")


def _print(name: str, report: dict[str, Any], pairs: int) -> None:
    extra = "".join(f", {key} {report[key]:.3f} s" for key in ("compile_cpu", "planning_cpu") if key in report)
    print(
        f"{name:26} {report['cpu']:8.3f} CPU-s {report['wall']:8.3f} s wall {pairs / report['cpu']:10.2e} pairs/CPU-s"
        f"  peak {report['peak_mb']:6.0f} MB (data {report['data_mb']:.0f} MB){extra}"
    )


if __name__ == "__main__":
    main()
