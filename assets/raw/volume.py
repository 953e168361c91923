"""How many rows a delivery brings, against what its table is used to: too few or too many is noted, or held until a named person lets it in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil, floor, sqrt
from statistics import median

from assets.raw.judge import File
from assets.raw.told import Series
from data.contract import Volume

Moment = tuple[datetime, int]


@dataclass
class Habit:
    """Rows (and medians of amounts) of the earlier deliveries of one table, by kind and (where offices deliver apart) batch, each with when it was received."""

    series: dict[tuple[str, str], list[tuple[Moment, int]]] = field(default_factory=dict)
    scales: dict[tuple[str, str], list[tuple[Moment, dict[str, float]]]] = field(default_factory=dict)
    told: Series = field(default_factory=dict)

    def seen(self, volume: Volume, kind: str, batch: str, at: Moment, rows: int) -> None:
        self.series.setdefault((kind, batch if volume.per_batch else ""), []).append((at, rows))

    def before(self, volume: Volume, kind: str, batch: str, at: Moment) -> list[int]:
        """The newest `volume.window` deliveries received before `at`: what came later says nothing about this one, whenever it is read."""
        known = sorted(s for s in self.series.get((kind, batch if volume.per_batch else ""), ()) if s[0] < at)
        return [rows for _, rows in known[-volume.window :]]

    def scaled(self, volume: Volume, kind: str, batch: str, at: Moment, medians: dict[str, float]) -> None:
        self.scales.setdefault((kind, batch if volume.per_batch else ""), []).append((at, medians))

    def scales_before(self, volume: Volume, kind: str, batch: str, at: Moment) -> list[dict[str, float]]:
        """Medians of the money columns of the newest `volume.window` deliveries received before `at`."""
        known = [s for s in self.scales.get((kind, batch if volume.per_batch else ""), ()) if s[0] < at]
        return [medians for _, medians in sorted(known, key=lambda s: s[0])[-volume.window :]]


def band(earlier: Sequence[int], volume: Volume) -> tuple[int, int] | None:
    """Lowest and highest number of rows expected; None while there is no habit.

    `low` and `high` times the median, and two standard deviations of a Poisson count more, so that 3 rows after 12 are no alarm.
    """
    if len(earlier) < volume.after:
        return None
    middle = median(earlier)
    room = 2 * sqrt(middle)
    return max(0, floor(volume.low * middle - room)), ceil(volume.high * middle + room + 20)


def judge_volume(files: Iterable[File], habit: Habit) -> None:
    """Refuses, holds or notes each file by its number of facts, in order of receipt; what is not kept out becomes part of the habit."""
    for file in files:
        if file.refusal or file.reading is None:
            continue
        volume, arrival = file.table.volume, file.arrival
        facts = file.counts["rows_in"] - file.counts["rows_total"]
        place = (arrival["kind"], arrival["batch"] or "", (arrival["received_at"], arrival["sequence"]))
        if facts < volume.floor:
            file.refusal = f"只有 {facts} 行，合同写明至少 {volume.floor} 行"
            continue
        earlier = habit.before(volume, *place)
        expected = band(earlier, volume)
        if expected and not expected[0] <= facts <= expected[1]:
            said = f"{facts} 行，此前 {len(earlier)} 份的中位数是 {median(earlier):.0f} 行（预期 {expected[0]} 至 {expected[1]} 行）"
            released = arrival.get("released_by")
            if volume.hold and not released:
                file.refusal, file.held = f"待放行：{said}；向部门核实后用 huiqi release 放行", True
                continue
            file.notes.append(said + (f"，由{released}放行：{arrival['released_why']}" if released else ""))
        habit.seen(volume, *place, facts)
