"""Amounts against what the table is used to: a unit that changed without notice (元 for 万元) moves every amount by a hundred times and more."""

from collections.abc import Mapping
from math import log10
from statistics import median

import polars as pl

from assets.raw.judge import File
from assets.raw.volume import Habit
from data.contract import Table

# 千元 and 万元 are 10³ and 10⁴ away from 元; between months the median of a column moved by less than ten in every feed measured.
SHIFT = 2.0
# Fewer amounts than this have no median worth the name.
LEAST = 20


def medians(rows: pl.DataFrame, table: Table) -> dict[str, dict[str, float]]:
    """File id → money column → median of what is not zero, where there are enough of them."""
    money = [n for n, c in table.columns.items() if c.type == "money"]
    if not money or rows.is_empty():
        return {}
    sized = [pl.col(n).cast(pl.Float64).abs().replace(0.0, None) for n in money]
    found = rows.group_by("_file_id").agg(
        *[s.median().alias(n) for n, s in zip(money, sized, strict=True)],
        *[s.count().alias(f"{n}·n") for n, s in zip(money, sized, strict=True)],
    )
    return {
        row["_file_id"]: {n: row[n] for n in money if row[f"{n}·n"] >= LEAST and row[n]}
        for row in found.iter_rows(named=True)
    }


def judge_scale(files: list[File], found: Mapping[str, dict[str, float]], table: Table, habit: Habit) -> None:
    """Holds (or, for tables that are never held, notes) a file of whose money columns half or more moved by two powers of ten alike. `found`: `medians`."""
    for file in files:
        own = found.get(file.id)
        if file.refusal or not own:
            continue
        arrival = file.arrival
        place = (arrival["kind"], arrival["batch"] or "", (arrival["received_at"], arrival["sequence"]))
        earlier = habit.scales_before(table.volume, *place)
        moved = {
            name: log10(value / median(past))
            for name, value in own.items()
            if len(past := [m[name] for m in earlier if name in m]) >= table.volume.after
        }
        shifted = {name: by for name, by in moved.items() if abs(by) >= SHIFT}
        alike = len({by > 0 for by in shifted.values()}) == 1
        if shifted and alike and 2 * len(shifted) >= len(moved):
            name, by = max(shifted.items(), key=lambda item: abs(item[1]))
            times = f"{10 ** abs(by):.0f} {'倍' if by > 0 else '分之一'}"
            said = f"「{table.columns[name].label}」的中位数是此前的 {times}，像是单位换了（合同约定{table.columns[name].unit}）"
            released = arrival.get("released_by")
            if table.volume.hold and not released:
                file.refusal, file.held = f"待放行：{said}；向部门核实后更新合同，或用 huiqi release 放行", True
                continue
            file.notes.append(said + (f"，由{released}放行：{arrival['released_why']}" if released else ""))
            if not released:
                continue
        habit.scaled(table.volume, *place, own)
