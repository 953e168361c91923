"""Effects at full size: one staggered estimate on a long panel, and all items of a mart against their comparisons.

python -m benchmarks.effects [--units 300000] [--periods 60] [--items 40]
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import numpy as np
import polars as pl

from evaluation.effects import did
from evaluation.item_effects import item_effects

COHORTS = 8
STRATA = 60
PAID_SHARE = 0.06


def long_panel(units: int, periods: int, seed: int = 1) -> pl.DataFrame:
    """unit, time, cohort (0 = never) and y with a planted effect of 0.1 from the cohort on."""
    rng = np.random.default_rng(seed)
    starts = np.linspace(periods // 4, periods - periods // 4, COHORTS).astype(np.int64)
    cohort = rng.choice(np.concatenate([[0], starts]), units, p=[0.6] + [0.4 / COHORTS] * COHORTS)
    time_, level = np.arange(1, periods + 1), rng.normal(0, 1, units)
    treated = (cohort[:, None] > 0) & (time_ >= cohort[:, None])
    y = level[:, None] + 0.01 * time_ + 0.1 * treated + rng.normal(0, 0.5, (units, periods))
    return pl.DataFrame(
        {
            "unit": np.repeat(np.arange(units), periods),
            "time": np.tile(time_, units),
            "cohort": np.repeat(cohort, periods),
            "y": y.ravel(),
        }
    )


def mart_panel(units: int, quarters: int, items: int, seed: int = 2) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What mart.effect estimates from: enterprises × quarters in strata, and who was first paid for which item when."""
    rng = np.random.default_rng(seed)
    names = np.char.add("e", np.arange(units).astype(str))
    revenue = np.exp(rng.normal(13, 1, units)[:, None] + rng.normal(0, 0.3, (units, quarters)))
    panel = pl.DataFrame(
        {
            "enterprise_id": np.repeat(names, quarters),
            "stratum": np.repeat(np.char.add("s", rng.integers(0, STRATA, units).astype(str)), quarters),
            "quarter": np.tile(np.arange(8000, 8000 + quarters), units),
            "revenue": revenue.ravel(),
        }
    )
    paid = rng.choice(units, int(units * PAID_SHARE), replace=False)
    firsts = pl.DataFrame(
        {
            "item_id": np.char.add("item", rng.integers(0, items, len(paid)).astype(str)),
            "enterprise_id": names[paid],
            "quarter": rng.integers(8003, 8000 + quarters - 2, len(paid)),
            "paid_yuan": rng.uniform(1e4, 1e6, len(paid)),
        }
    )
    return panel, firsts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=300_000)
    parser.add_argument("--periods", type=int, default=60)
    parser.add_argument("--items", type=int, default=40)
    asked = parser.parse_args()
    frame = long_panel(asked.units, asked.periods)
    wall, spent = time.perf_counter(), time.process_time()
    result = did(frame, "unit", "time", "cohort", "y", control="never", draws=199)
    simple = result.simple
    sys.stdout.write(
        f"did: {frame.height:,} 行，{len(result.effects)} 个单元格；ATT {simple.att:.4f}（se {simple.se:.4f}），"
        f"{time.process_time() - spent:.1f} CPU 秒，{time.perf_counter() - wall:.1f} 秒\n"
    )
    wall, spent = time.perf_counter(), time.process_time()
    rows = result.event.table.height
    sys.stdout.write(f"按时距汇总 {rows} 行与同时置信带（199 次）：{time.process_time() - spent:.1f} CPU 秒\n")
    del frame, result
    panel, paid = mart_panel(asked.units, asked.periods // 3, asked.items)
    spent = time.process_time()
    found = item_effects(panel, paid)
    sys.stdout.write(
        f"item_effects: {panel.height:,} 行，{found.height} 行结果；{time.process_time() - spent:.1f} CPU 秒\n"
        f"内存峰值 {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB\n"
    )


if __name__ == "__main__":
    main()
