"""The profile against the planted truth of its mock world: every indicator on twelve days, and the cause of every difference.

    python -m benchmarks.profile_truth --home HOME [--days 2024-12-31,…] [--known-after 25] [--details FILE]

HOME is a finished run of a mock world; its `profile.*` are rebuilt for each day in turn, so give a copy. Truth is asked of the world's own
program for each day, and for the ends of the three months before it: a value is of an earlier period only if it was the truth of one. The
tables say how many values differ and why, by cause and by indicator and cause; 我方错误 must be nought.
"""

import argparse
import datetime as dt
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import polars as pl

from assets.profile.plan import build
from benchmarks.agreement_values import compared_on
from data.world.build import VERSION
from evaluation.profile_accuracy import NOT_OURS, accuracy, by_cause, summed
from pipelines.scope import RunScope
from pipelines.warehouse import DuckWarehouse

Truth = Callable[[dt.date], pl.LazyFrame]
DAYS = (
    "2024-02-29,2024-03-31,2024-04-30,2024-05-31,2024-06-30,2024-07-31,2024-08-31,2024-09-30,2024-10-31,2024-11-30,"
    "2024-12-31,2025-01-25"
)


def truth_of(home: Path, day: dt.date, kept: Path) -> pl.LazyFrame:
    """uscc, indicator, value on the day, from the world's own program, written into `kept`: of 50,000 enterprises it is .7 GB in memory."""
    made = json.loads((home / "world.json").read_text(encoding="utf-8"))["version"]
    if made != VERSION:
        raise SystemExit(
            f"{home} 的世界是第 {made} 版造的，现在的程序是第 {VERSION} 版，真值对不上；请重新 huiqi world make"
        )
    found = kept / f"{day}.parquet"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shutil.copy(home / "world.json", folder)
        (folder / "none").mkdir()
        asked = [sys.executable, "-m", "data.world", "truth", "--out", scratch, "--as-of", str(day)]
        subprocess.run([*asked, "--policies", str(folder / "none")], check=True, capture_output=True)
        pl.scan_parquet(folder / "truth" / "truth_indicator.parquet").drop("as_of", "eid").sink_parquet(found)
    return pl.scan_parquet(found)


def on_day(home: Path, day: dt.date, known_after: int, truth: Truth) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(compared, explained) of one day, each with a column `day`. Rebuilds the home's profile."""
    closing = dt.date(2025, 1, 25)
    known_at = dt.datetime.combine(min(day + dt.timedelta(days=known_after), closing), dt.time(23, 59, 59))
    scope = RunScope(home, day, known_at, day)
    warehouse = DuckWarehouse(home=home, scope=scope)
    build(warehouse, scope, without=("event", "indicator_month", "person"))
    # a quarter's filing lags three months
    ends = [day.replace(day=1) - dt.timedelta(days=1)]
    ends += [ends[0].replace(day=1) - dt.timedelta(days=1)]
    ends += [ends[1].replace(day=1) - dt.timedelta(days=1)]
    earlier = pl.concat([past(truth, end) for end in ends])
    compared, explained = compared_on(warehouse.frame, home / "truth", truth(day).collect(), day, known_at, earlier)
    return compared.with_columns(day=pl.lit(day)), explained.with_columns(day=pl.lit(day))


def past(truth: Truth, end: dt.date) -> pl.LazyFrame:
    """The truth of an earlier month end; empty where the world cannot tell it, which excuses less."""
    try:
        return truth(end)
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"{end} 的真值算不出来，不用它：{error.stderr.decode().strip().splitlines()[-1]}\n")
        return pl.LazyFrame(schema={"uscc": pl.String, "indicator": pl.String, "value": pl.String})


def counted(compared: pl.DataFrame, explained: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Of one day: exactness by indicator, differences by indicator and cause, and the differences worth a look: two values, or ours."""
    both = pl.col("ours").is_not_null() & pl.col("true").is_not_null()
    causes = explained.group_by("indicator", "cause").agg(wrong=both.sum(), unknown=(~both).sum())
    return accuracy(compared, explained), causes, explained.filter(both | ~pl.col("cause").is_in(sorted(NOT_OURS)))


def main() -> int:
    parser = argparse.ArgumentParser(
        description="画像与模拟世界真值的逐项一致率和不一致的原因",
        epilog="例：python -m benchmarks.profile_truth --home 目录 --days 2024-12-31,2025-01-25",
    )
    parser.add_argument(
        "--home", type=Path, required=True, help="模拟世界一次运行的目录（会按各日重建 profile.*，请用副本）"
    )
    parser.add_argument("--days", default=DAYS, help="事实日期，逗号分隔")
    parser.add_argument("--known-after", type=int, default=25, help="各日之后多少天所知")
    parser.add_argument("--causes", action="store_true", help="另列每个指标每种原因的处数")
    parser.add_argument("--details", type=Path, help="把双方都有值而不同的、和归为我方错误的每一处连同原因写入这个 CSV")
    asked = parser.parse_args()
    days = [dt.date.fromisoformat(day) for day in asked.days.split(",")]
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        truth = lru_cache(maxsize=None)(lambda day: truth_of(asked.home, day, Path(scratch)))
        for day in days:
            # only counts are kept of a day: the values of 50,000 enterprises on twelve days are 9 GB
            found.append(counted(*on_day(asked.home, day, asked.known_after, truth)))
            sys.stderr.write(f"{day}：我方错误 {found[-1][0]['ours'].sum()}\n")
    table = summed(pl.concat([t for t, _, _ in found]))
    causes = pl.concat([c for _, c, _ in found]).group_by("indicator", "cause").agg(pl.col("wrong", "unknown").sum())
    looked = pl.concat([d for _, _, d in found]).sort("indicator", "day", "uscc")
    ours = looked.filter(~pl.col("cause").is_in(sorted(NOT_OURS)))
    with pl.Config(tbl_rows=2000, fmt_str_lengths=60, tbl_width_chars=160, tbl_hide_dataframe_shape=True):
        print(f"{len(days)} 天：{days[0]} … {days[-1]}，各在其后 {asked.known_after} 天所知")
        print(table)
        print(by_cause(causes))
        if asked.causes:
            print(causes.sort("indicator", "cause"))
        print(f"逐值一致 {table['equal'].sum()} / 可读 {table['readable'].sum()}；我方错误 {ours.height}")
    if asked.details:
        looked.write_csv(asked.details)
    return 1 if ours.height else 0


if __name__ == "__main__":
    sys.exit(main())
