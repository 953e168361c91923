"""Verdicts of a whole frame of profiles: counts for every item, rows only for the pairs somebody will look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from matching.rules import evaluate as rows
from matching.rules import values as v
from matching.rules.columns import Block, Plane
from matching.rules.errors import refused
from matching.rules.given import day_of, frame_of
from matching.rules.kernel import BLOCK, ItemPlanes, Kernel, Plan, even, lay_out, roomy
from matching.rules.planes import Slot, positions
from matching.rules.program import Item, Program
from matching.rules.reasons import short_of

Verdict = Literal["eligible", "declarable", "unknown", "ineligible"]
VERDICTS: tuple[Verdict, ...] = ("eligible", "declarable", "unknown", "ineligible")
MONEY = pl.Decimal(18, 2)
TOO_MUCH = 10**18
"""An award in 分 that DECIMAL(18,2) cannot hold."""

PAIR_SCHEMA: dict[str, Any] = {
    "enterprise_id": pl.String,
    "item_id": pl.String,
    "version": pl.Int64,
    "verdict": pl.String,
    "met": pl.List(pl.String),
    "failed": pl.List(pl.String),
    "unknown": pl.List(pl.String),
    "near_miss": pl.Boolean,
    "one_unknown": pl.Boolean,
    "bar": pl.String,
    "bars": pl.List(pl.String),
    "amount_yuan": MONEY,
    "short_of": pl.List(pl.String),
}


class AwardError(ValueError):
    """An award that cannot be paid as computed; names the item and the enterprise."""


@dataclass(frozen=True)
class Found:
    """One item over one block: where the block starts, and its planes."""

    start: int
    height: int
    plan: Plan
    planes: ItemPlanes


class Founds(Sequence[Found]):
    """Items over the loaded block, each worked out when asked for: the planes of 48,000 items at once would be 7 GB.

    Good until the next block is loaded.
    """

    def __init__(self, kernel: Kernel, wanted: Sequence[int], start: int, height: int) -> None:
        self._kernel = kernel
        self._wanted = wanted
        self.start = start
        self.height = height

    def __len__(self) -> int:
        return len(self._wanted)

    @overload
    def __getitem__(self, at: int) -> Found: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Found]: ...
    def __getitem__(self, at: int | slice) -> Found | Sequence[Found]:
        if isinstance(at, slice):
            return Founds(self._kernel, self._wanted[at], self.start, self.height)
        number = self._wanted[at]
        return Found(self.start, self.height, self._kernel.plans[number], self._kernel.planes(number))


class Verdicts:
    """The verdicts of every row of a frame on every item of a program, as of a day.

    Counts are computed at once; planes and pairs block by block when asked for, because computing them again costs less than keeping
    them (6e9 pairs are 1.5 GB of planes). `subject` is the frame's id column.
    """

    def __init__(
        self,
        program: Program,
        profiles: pl.DataFrame,
        as_of: date,
        *,
        subject: str = "enterprise_id",
        block: int = BLOCK,
    ) -> None:
        self.program = program
        self.profiles = profiles
        self.as_of = as_of
        self.subject = subject
        # a small frame needs small planes, and a short last block would cost what a full one does
        self.kernel = Kernel(program, even(profiles.height, roomy(lay_out(program).layout.rows, block)))
        self._counts: npt.NDArray[np.int64] = self._count()

    def _count(self) -> npt.NDArray[np.int64]:
        """Rows that are TRUE with outside_data granted, and rows that are FALSE, per item."""
        plans = self.kernel.plans
        words = self.kernel.block // 64
        counts = np.zeros((len(plans), 2), np.int64)
        # planes are counted while they are still in the second cache
        chunk = max(1, min(len(plans), 2**15 // words))
        true = np.zeros((chunk, words), np.uint64)
        false = np.zeros((chunk, words), np.uint64)
        true_rows, false_rows = list(true), list(false)
        for _ in self.kernel.blocks(self.profiles, self.as_of):
            for first in range(0, len(plans), chunk):
                n = min(chunk, len(plans) - first)
                for at in range(n):
                    self.kernel.possible(first + at, true_rows[at], false_rows[at])
                counts[first : first + n, 0] += np.bitwise_count(true[:n]).sum(axis=1, dtype=np.uint32)
                counts[first : first + n, 1] += np.bitwise_count(false[:n]).sum(axis=1, dtype=np.uint32)
        return counts

    def found(self, items: Sequence[str] | None = None) -> Iterator[tuple[Block, Founds]]:
        """Block by block, the planes of every item (or of those named), item by item. KeyError for a name the program lacks."""
        named = None if items is None else {self.program.item(item_id).text.id for item_id in items}
        wanted = [n for n, plan in enumerate(self.kernel.plans) if named is None or plan.item.text.id in named]
        for start, block in self.kernel.blocks(self.profiles, self.as_of):
            yield block, Founds(self.kernel, wanted, start, block.height)

    def counts(self) -> pl.DataFrame:
        """One row per item: `item_id, version, n, eligible, declarable, unknown, ineligible`. `on_unknown: deny` is counted as ineligible."""
        records = []
        denied = self._denied()
        for at, plan in enumerate(self.kernel.plans):
            true, false = (int(count) for count in self._counts[at])
            eligible = 0 if plan.has_outside else true
            if plan.has_outside and not plan.item.is_conjunction:
                eligible = self._eligible(at)
            refused = denied.get(plan.item.key, 0)
            records.append(
                {
                    "item_id": plan.item.text.id,
                    "version": plan.item.text.version,
                    "n": self.profiles.height,
                    "eligible": eligible,
                    "declarable": true - eligible,
                    "unknown": self.profiles.height - true - false - refused,
                    "ineligible": false + refused,
                }
            )
        schema = {"item_id": pl.String, **dict.fromkeys(("version", "n", *VERDICTS), pl.Int64)}
        return pl.DataFrame(records, schema=schema, orient="row")

    def _denied(self) -> dict[tuple[str, int], int]:
        totals = {plan.item.key: 0 for plan in self.kernel.plans if plan.has_deny}
        if totals:
            for _ in self.kernel.blocks(self.profiles, self.as_of):
                for number, plan in enumerate(self.kernel.plans):
                    if plan.has_deny:
                        totals[plan.item.key] += _ones(self.kernel.planes(number).denied)
        return totals

    def _eligible(self, number: int) -> int:
        return sum(_ones(self.kernel.planes(number).eligible) for _ in self.kernel.blocks(self.profiles, self.as_of))

    def planes(self, item_id: str, version: int | None = None) -> dict[str, npt.NDArray[np.bool_]]:
        """Per row of the frame, whether the item's verdict (or `near_miss`, `one_unknown`, `denied`, `barred`, `bar_unknown`) is so."""
        item = self.program.item(item_id, version)
        number = next(n for n, plan in enumerate(self.kernel.plans) if plan.item.key == item.key)
        names = (*VERDICTS, "near_miss", "one_unknown", "denied", "barred", "bar_unknown")
        found = {name: np.zeros(self.profiles.height, bool) for name in names}
        for start, block in self.kernel.blocks(self.profiles, self.as_of):
            planes = self.kernel.planes(number)
            for name in names:
                found[name][start : start + block.height] = bits(getattr(planes, name), block.height)
        return found

    def verdict_of(self, item_id: str, version: int | None = None) -> pl.Series:
        """One item's verdict per row of the frame."""
        planes = self.planes(item_id, version)
        found = np.full(self.profiles.height, "ineligible", dtype=object)
        for name in VERDICTS[:3]:
            found[planes[name]] = name
        return pl.Series("verdict", found.tolist(), dtype=pl.String)

    def pairs(self, items: Sequence[str] | None = None, *, everything: bool = False) -> pl.DataFrame:
        """Pairs that are eligible, declarable, one unknown or near-miss, as one frame ordered by item and row.

        Columns: `enterprise_id` (the subject), `item_id, version, verdict`, the condition ids `met, failed, unknown` (outside_data are
        among the unknown), `near_miss, one_unknown`, `bar` (`clear barred unknown`), `bars` (the ids that hold or are unknown) and
        `amount_yuan` DECIMAL(18,2), NULL where the award is not money or cannot be computed, and `short_of`, of a near-miss the conditions of
        which one alone is wanting: where alternatives carry each other, not every one that failed. `everything` keeps all pairs: for small frames.
        """
        frames = list(self.iter_pairs(items, everything=everything))
        if not frames:
            return pl.DataFrame(schema={self.subject if k == "enterprise_id" else k: t for k, t in PAIR_SCHEMA.items()})
        order = {plan.item.key: at for at, plan in enumerate(self.kernel.plans)}
        frames.sort(key=lambda frame: order[(frame.item(0, "item_id"), frame.item(0, "version"))])
        return pl.concat(frames)

    def iter_pairs(self, items: Sequence[str] | None = None, *, everything: bool = False) -> Iterator[pl.DataFrame]:
        """The same pairs as frames of one item in one block each, in the order they are found."""
        for block, founds in self.found(items):
            for found in founds:
                planes = found.planes
                kept = planes.eligible | planes.declarable | planes.one_unknown | planes.near_miss
                at = np.arange(block.height) if everything else positions(kept)
                if at.size:
                    yield self._pairs(block, found, at)

    def _pairs(self, block: Block, found: Found, at: npt.NDArray[np.int64]) -> pl.DataFrame:
        planes, plan = found.planes, found.plan
        item = plan.item
        ids = np.array([c.id for c in item.text.conditions], dtype=object)
        true = np.zeros((at.size, ids.size), bool)
        false = np.zeros((at.size, ids.size), bool)
        for column, condition in enumerate(item.text.conditions):
            if not condition.outside:
                slot = plan.slots[condition.id]
                true[:, column] = picked(self.kernel.registers.t(slot), at)
                false[:, column] = picked(self.kernel.registers.f(slot), at)
        verdict = np.full(at.size, "ineligible", dtype=object)
        for name in VERDICTS[:3]:
            verdict[picked(getattr(planes, name), at)] = name
        bar = np.full(at.size, "clear", dtype=object)
        bar[picked(planes.bar_unknown, at)] = "unknown"
        bar[picked(planes.barred, at)] = "barred"
        return pl.DataFrame(
            {
                self.subject: self._subjects(found.start, at),
                "item_id": pl.Series([item.text.id], dtype=pl.String).new_from_index(0, at.size),
                "version": pl.Series([item.text.version], dtype=pl.Int64).new_from_index(0, at.size),
                "verdict": pl.Series(verdict.tolist(), dtype=pl.String),
                "met": named(ids, true),
                "failed": named(ids, false),
                "unknown": named(ids, ~(true | false)),
                "near_miss": picked(planes.near_miss, at),
                "one_unknown": picked(planes.one_unknown, at),
                "bar": pl.Series(bar.tolist(), dtype=pl.String),
                "bars": self._bars(plan, at),
                "amount_yuan": awards(plan, block, at, self._subjects(found.start, at)),
                "short_of": named(ids, _short_of(item, picked(planes.near_miss, at), true, false)),
            }
        )

    def totals(self, groups: pl.DataFrame) -> pl.DataFrame:
        """How many rows have which verdict, and what they would be paid, by item and group: the whole universe, ineligible included.

        `groups` has the frame's height; the result has `item_id, version, verdict`, its columns, `n` and `amount_yuan` (the awards of
        eligible and declarable rows, 0 where there are none), ordered by all of them. Combinations without a row are left out.
        """
        keys = groups.unique().sort(groups.columns).with_row_index("_group")
        codes = groups.join(keys, on=groups.columns, how="left", nulls_equal=True, maintain_order="left")[
            "_group"
        ].to_numpy()
        n = np.zeros((len(self.kernel.plans), len(VERDICTS), keys.height), np.int64)
        fen = np.zeros((len(self.kernel.plans), len(VERDICTS), keys.height), dtype=object)
        for block, founds in self.found():
            here = codes[founds.start : founds.start + block.height]
            for number, found in enumerate(founds):
                for which, verdict in enumerate(VERDICTS):
                    at = positions(getattr(found.planes, verdict))
                    n[number, which] += np.bincount(here[at], minlength=keys.height)
                    if verdict in ("eligible", "declarable") and at.size and found.plan.item.award is not None:
                        paid = awards(found.plan, block, at, self._subjects(found.start, at))
                        amounts = (paid.fill_null(0) * 100).cast(pl.Int64)
                        sums = pl.DataFrame({"g": here[at], "a": amounts}).group_by("g").agg(pl.col("a").sum())
                        for group, amount in sums.iter_rows():
                            fen[number, which, group] += amount
        where = np.nonzero(n)
        items = [self.kernel.plans[number].item.text for number in where[0].tolist()]
        return (
            pl.DataFrame(
                {
                    "item_id": pl.Series([item.id for item in items], dtype=pl.String),
                    "version": pl.Series([item.version for item in items], dtype=pl.Int64),
                    "verdict": pl.Series([VERDICTS[which] for which in where[1].tolist()], dtype=pl.String),
                    "_group": pl.Series(where[2], dtype=keys.schema["_group"]),
                    "n": pl.Series(n[where], dtype=pl.Int64),
                    "amount_yuan": money(fen[where].tolist()),
                }
            )
            .join(keys, on="_group", how="left")
            .select("item_id", "version", "verdict", *groups.columns, "n", "amount_yuan")
            .sort("item_id", "version", "verdict", *groups.columns, nulls_last=True)
        )

    def _subjects(self, start: int, at: npt.NDArray[np.int64]) -> pl.Series:
        if self.subject in self.profiles.columns:
            return self.profiles.get_column(self.subject).gather(at + start)
        return pl.Series(self.subject, [str(row) for row in (at + start).tolist()], dtype=pl.String)

    def _bars(self, plan: Plan, at: npt.NDArray[np.int64]) -> pl.Series:
        ids = np.array([bar.text.id for bar in plan.item.bars], dtype=object)
        standing = np.zeros((at.size, ids.size), bool)
        for column, slot in enumerate(plan.bars):
            standing[:, column] = ~picked(self.kernel.registers.f(Slot(slot.row, slot.negated)), at)
        return named(ids, standing)


def evaluate(program: Program, profiles: Any, as_of: date) -> Verdicts:
    """The verdicts of every profile on every item.

    `profiles` has `enterprise_id` (or `person_id`) and one column per indicator: a polars DataFrame, or what `evaluate_expr` takes for one.
    An indicator without a column is UNKNOWN throughout, other columns are not looked at. Rows are judged one by one: no id need be there,
    be a text or stand only once; without the column, rows are named by their number. `as_of` is a date.
    Raises RuleError naming the column where the data are of another type than the rule, and for arguments of another kind.
    """
    if not isinstance(program, Program):
        raise refused(None, f"program 应为 compile_items 的结果，现为 {type(program).__name__}")
    rows = frame_of(profiles, "profiles ")
    subject = "enterprise_id" if "enterprise_id" in rows.columns or "person_id" not in rows.columns else "person_id"
    return Verdicts(program, rows, day_of(as_of), subject=subject)


def awards(plan: Plan, block: Block, at: npt.NDArray[np.int64], subjects: pl.Series) -> pl.Series:
    """The award in 元 of some rows, rounded half up to 分. NULL and negative amounts are NULL: never payable."""
    if plan.item.award is None or at.size == 0:
        return pl.Series([None] * at.size, dtype=MONEY)
    needed = Block(block.frame[at], block.as_of)
    found = v.rounded(rows.numbers(plan.item.award, needed), 2)
    fen = found * at.size if len(found) == 1 else found
    for amount, subject in zip(fen, subjects, strict=True):
        if amount is not None and amount >= TOO_MUCH:
            raise AwardError(
                f"事项 {plan.item.text.id}：{subject} 的金额 {Decimal(amount).scaleb(-2):f} 元超出 DECIMAL(18,2)，请核对 award"
            )
    return money([None if amount is None or amount < 0 else amount for amount in fen])


def money(fen: Sequence[int | None]) -> pl.Series:
    """Amounts in 分 as DECIMAL(18,2) 元."""
    values = np.array([0 if amount is None else amount for amount in fen], dtype=np.int64)
    words = np.stack([values, values >> 63], axis=1)
    known = np.packbits(np.array([amount is not None for amount in fen], dtype=bool), bitorder="little")
    buffers = [pa.py_buffer(known.tobytes()), pa.py_buffer(words.tobytes())]
    return pl.Series(pa.Array.from_buffers(pa.decimal128(18, 2), values.size, buffers), dtype=MONEY)


def bits(plane: Plane, height: int) -> npt.NDArray[np.bool_]:
    return np.unpackbits(plane.view(np.uint8), bitorder="little", count=height).view(bool)


def picked(plane: Plane, at: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """The bits of some rows."""
    found: npt.NDArray[np.bool_] = (plane[at >> 6] >> (at & 63).astype(np.uint64) & np.uint64(1)).astype(bool)
    return found


def named(ids: npt.NDArray[np.object_], holds: npt.NDArray[np.bool_]) -> pl.Series:
    """Per row of a matrix, the ids of the columns that hold, in the order of the item."""
    ends = np.concatenate([[0], np.cumsum(holds.sum(axis=1))])
    chosen = np.nonzero(holds)[1]
    names = pa.array(ids[chosen].tolist(), pa.large_string())
    return pl.Series(pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), names), dtype=pl.List(pl.String))


def _short_of(
    item: Item, near: npt.NDArray[np.bool_], true: npt.NDArray[np.bool_], false: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Per row and condition (in the item's order) whether a near-miss is short of that condition alone; judged once per pattern of states."""
    wanting = np.zeros_like(false)
    patterns, which = np.unique(true[near] + 2 * false[near].astype(np.uint8), axis=0, return_inverse=True)
    ids = [condition.id for condition in item.text.conditions]
    short = np.zeros(patterns.shape, bool)
    for row, pattern in enumerate(patterns.tolist()):
        states = {name: (None, True, False)[state] for name, state in zip(ids, pattern, strict=True)}
        for literal in short_of(item, states):
            short[row, ids.index(literal.id)] = True
    wanting[near] = short[which.reshape(-1)]
    return wanting


def _ones(plane: Plane) -> int:
    return int(np.bitwise_count(plane).sum(dtype=np.int64))
