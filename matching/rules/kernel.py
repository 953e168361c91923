"""The kernel: each item's logic over the planes of its conditions, one block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from matching.rules.columns import Block, Plane, encoded, part
from matching.rules.planes import Layout, Registers, Slot, fold
from matching.rules.program import Item, Literal, Program
from matching.rules.terms import And, Column, Not, Or, Term

BLOCK = 262_144
"""Rows per block at most: a plane is then 32 KB, long enough that a call costs less than its work. A multiple of 64."""


ROOM = 2**29
"""Bytes for a program's planes of one block: tens of thousands of distinct tests get shorter blocks instead of more memory."""


def roomy(rows: int, limit: int = BLOCK) -> int:
    """The most rows per block with which that many TRUE and FALSE planes stay within ROOM, `limit` at most. A multiple of 64."""
    return max(64, min(limit, ROOM * 8 // (2 * max(1, rows)) // 64 * 64))


def even(height: int, limit: int = BLOCK) -> int:
    """The rows per block that cut `height` rows into as few, equally large blocks as `limit` allows. A multiple of 64."""
    blocks = max(1, -(-height // limit))
    return max(1, -(-height // (64 * blocks))) * 64


@dataclass(frozen=True, slots=True)
class Plan:
    """One item over the registers. `slots` are its data conditions, `literals` their requirements without outside_data."""

    item: Item
    slots: dict[str, Slot]
    required: tuple[Slot, ...]
    bars: tuple[Slot, ...]
    is_conjunction: bool
    has_outside: bool
    has_deny: bool
    repeated: frozenset[Literal]
    shape: Shape | None
    """What `possible` joins; None where outside_data make two passes necessary."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A logic as AND or OR of slots and of parts; `depth` is how many levels of parts there are."""

    is_and: bool
    slots: tuple[Slot, ...]
    parts: tuple[Shape, ...]
    depth: int

    def over(self, registers: Registers) -> Joined:
        """The same over planes, looked up once because the buffers stay where they are."""
        true, false = [registers.t(slot) for slot in self.slots], [registers.f(slot) for slot in self.slots]
        return Joined(self.is_and, true, false, [part.over(registers) for part in self.parts])


@dataclass(slots=True)
class Joined:
    """A logic over planes that stay where they are: AND or OR of the leaves' TRUE planes (their FALSE planes the other way) and of parts."""

    is_and: bool
    true: list[Plane]
    false: list[Plane]
    parts: list[Joined]

    def into(self, t: Plane, f: Plane, spare: list[Plane]) -> None:
        """Writes TRUE and FALSE; `spare` holds two planes for every level below."""
        joins, joins_false = (np.bitwise_and, np.bitwise_or) if self.is_and else (np.bitwise_or, np.bitwise_and)
        fold(joins, self.true, t)
        fold(joins_false, self.false, f)
        for inner in self.parts:
            inner.into(spare[0], spare[1], spare[2:])
            joins(t, spare[0], t)
            joins_false(f, spare[1], f)


@dataclass(frozen=True, slots=True)
class ItemPlanes:
    """The verdicts of one item over one block, a bit per row; the first four are disjoint and cover every row.

    `near_miss` (within `ineligible`) and `one_unknown` (within `unknown`): one condition made TRUE makes the pair eligible, or declarable
    where the item has outside_data. `denied` (within `ineligible`): unknown, but only a condition marked `on_unknown: deny` could be met.
    """

    eligible: Plane
    declarable: Plane
    unknown: Plane
    ineligible: Plane
    near_miss: Plane
    one_unknown: Plane
    denied: Plane
    barred: Plane
    bar_unknown: Plane


@dataclass(frozen=True, slots=True)
class Laid:
    """A program laid out: which test stands in which row, and what each item reads."""

    layout: Layout
    plans: tuple[Plan, ...]


def lay_out(program: Program) -> Laid:
    """The layout of a program, made once and kept with it."""
    kept = program.kept.get("laid")
    if isinstance(kept, Laid):
        return kept
    terms = {id(term): term for item in program.items for term in item.terms.values()}
    layout = Layout(terms.values())
    laid = Laid(layout, tuple(_plan(layout, item) for item in program.items))
    program.kept["laid"] = laid
    return laid


def _plan(layout: Layout, item: Item) -> Plan:
    slots = {name: layout.slot(term) for name, term in item.terms.items()}
    required = tuple(_slot(slots, literal) for literal in item.literals if literal.id in slots)
    demands_absence = any(literal.negated and literal.id in item.outside for literal in item.literals)
    # a condition asked for both ways is met one way only: the counter would take its halves for two conditions
    contrary = len({literal.id for literal in item.literals}) < len(item.literals)
    is_conjunction = item.is_conjunction and not demands_absence and not contrary
    shape = None if item.outside else _shape(slots, item.logic)
    if is_conjunction:
        shape = Shape(True, required, (), 0)
    return Plan(
        item=item,
        slots=slots,
        required=required,
        bars=tuple(layout.slot(bar.term) for bar in item.bars),
        is_conjunction=is_conjunction,
        has_outside=bool(item.outside),
        has_deny=any(c.on_unknown == "deny" for c in item.text.conditions if not c.outside),
        repeated=_repeated(item),
        shape=shape,
    )


def _shape(slots: Mapping[str, Slot], term: Term) -> Shape:
    args = term.args if isinstance(term, And | Or) else (term,)
    leaves = tuple(_slot(slots, _literal(arg)) for arg in args if not isinstance(arg, And | Or))
    parts = tuple(_shape(slots, arg) for arg in args if isinstance(arg, And | Or))
    return Shape(isinstance(term, And), leaves, parts, 1 + max(part.depth for part in parts) if parts else 0)


class Kernel:
    """A program over blocks of at most `block` rows. Not thread-safe: its buffers hold one block at a time."""

    def __init__(self, program: Program, block: int = BLOCK) -> None:
        if block % 64:
            raise ValueError(f"block must be a multiple of 64, not {block}")
        self.program = program
        self.block = block
        laid = lay_out(program)
        self.layout, self.plans = laid.layout, laid.plans
        words = block // 64
        self.registers = Registers(self.layout, words)
        self.zero = np.zeros(words, np.uint64)
        shapes = [plan.shape for plan in self.plans]
        self._joined = [None if shape is None else shape.over(self.registers) for shape in shapes]
        depth = max((shape.depth for shape in shapes if shape is not None), default=0)
        self._spare = [np.zeros(words, np.uint64) for _ in range(2 * depth)]

    def load(self, block: Block) -> None:
        """Reads a block of the profile into the planes of every distinct condition."""
        self.registers.load(block)

    def blocks(self, profiles: pl.DataFrame, as_of: date) -> Iterator[tuple[int, Block]]:
        """Each block with the row it starts at, loaded."""
        wanted = [column.name for column in self.program.columns if column.name in profiles.columns]
        narrow = (profiles.select(wanted) if wanted else profiles).rechunk()
        texts = encoded(narrow, [column.name for column in self.program.columns if column.type == "text"])
        for start in range(0, profiles.height, self.block):
            stop = min(start + self.block, profiles.height)
            words = {name: part(whole, start, stop) for name, whole in texts.items()}
            block = Block(narrow.slice(start, self.block), as_of, words)
            self.load(block)
            yield start, block

    def possible(self, number: int, t: Plane, f: Plane) -> None:
        """For the item of that number, writes where it is TRUE once outside_data is taken as TRUE, and where it is FALSE."""
        plan, joined = self.plans[number], self._joined[number]
        if joined is not None:
            joined.into(t, f, self._spare)
            if not joined.true and joined.is_and:
                np.bitwise_and(t, self.registers.full, t)
            return
        found_t, found_f = self._logic(plan, plan.item.logic, None, outside=True)
        # TRUE only if outside_data leaves it open; what is FALSE without them stays FALSE
        _, found_f = self._logic(plan, plan.item.logic, None, outside=False)
        t[:] = found_t & ~found_f
        f[:] = found_f

    def planes(self, number: int) -> ItemPlanes:
        """Everything about one item for the loaded block; arrays are the caller's to keep."""
        plan, registers = self.plans[number], self.registers
        possible, false = np.empty_like(self.zero), np.empty_like(self.zero)
        self.possible(number, possible, false)
        if plan.has_outside:
            eligible, _ = self._logic(plan, plan.item.logic, None, outside=False)
            eligible = eligible.copy()
        else:
            eligible = possible
        declarable = possible & ~eligible
        unknown = registers.full & ~(possible | false)
        near, one = self._one_short(plan, possible, false, unknown)
        denied = self.zero
        if plan.has_deny:
            reachable, _ = self._logic(plan, plan.item.logic, None, outside=True, hopeful=True)
            denied = unknown & ~reachable
        barred = self.zero.copy()
        clear = registers.full.copy()
        for slot in plan.bars:
            barred |= registers.t(slot)
            clear &= registers.f(slot)
        return ItemPlanes(
            eligible=eligible,
            declarable=declarable,
            unknown=unknown & ~denied,
            ineligible=false | denied,
            near_miss=near,
            one_unknown=one & ~denied,
            denied=denied,
            barred=barred,
            bar_unknown=registers.full & ~(barred | clear),
        )

    def _one_short(self, plan: Plan, possible: Plane, false: Plane, unknown: Plane) -> tuple[Plane, Plane]:
        registers = self.registers
        if plan.is_conjunction:
            _, short = carried([registers.t(slot) for slot in plan.required], registers.full)
            return short & false, short & unknown
        near, one = np.zeros_like(self.zero), np.zeros_like(self.zero)
        for literal in plan.repeated:
            met, _ = self._logic(plan, plan.item.logic, literal, outside=True)
            self._short_of(_slot(plan.slots, literal), met, near, one)
        self._granted(plan, plan.item.logic, registers.full, near, one)
        return near & false, one & unknown

    def _granted(self, plan: Plan, term: Term, enough: Plane, near: Plane, one: Plane) -> None:
        """Adds the rows that a single requirement below `term` holds up, where `enough` says that `term` alone is wanting.

        A part of an OR is then enough, a part of an AND where all others are TRUE: every requirement is looked at once, so an OR of
        thousands takes as many steps. Requirements that stand in several places were seen to before.
        """
        if isinstance(term, And):
            parts = [self._logic(plan, arg, None, outside=True)[0] for arg in term.args]
            all_met, short = carried(parts, self.registers.full)
            for arg, met in zip(term.args, parts, strict=True):
                rest = enough & (all_met | (short & ~met))
                if rest.any():
                    self._granted(plan, arg, rest, near, one)
        elif isinstance(term, Or):
            for arg in term.args:
                self._granted(plan, arg, enough, near, one)
        else:
            literal = _literal(term)
            if literal.id in plan.slots and literal not in plan.repeated:
                self._short_of(_slot(plan.slots, literal), enough, near, one)

    def _short_of(self, slot: Slot, enough: Plane, near: Plane, one: Plane) -> None:
        t, f = self.registers.t(slot), self.registers.f(slot)
        near |= f & enough
        one |= enough & ~(t | f)

    def _logic(
        self, plan: Plan, term: Term, granted: Literal | None, *, outside: bool, hopeful: bool = False
    ) -> tuple[Plane, Plane]:
        """TRUE and FALSE of a logic over the loaded block.

        `granted` is taken as met; `outside` takes outside_data as TRUE, else as UNKNOWN; `hopeful` takes every UNKNOWN as met except of
        conditions marked deny, so TRUE then means: could still be met.
        """
        if isinstance(term, And | Or):
            parts = [self._logic(plan, arg, granted, outside=outside, hopeful=hopeful) for arg in term.args]
            t = np.empty_like(self.zero)
            f = np.empty_like(self.zero)
            joins, parts_join = (
                (np.bitwise_and, np.bitwise_or) if isinstance(term, And) else (np.bitwise_or, np.bitwise_and)
            )
            fold(joins, [part[0] for part in parts], t)
            fold(parts_join, [part[1] for part in parts], f)
            return t, f
        negated = isinstance(term, Not)
        leaf = term.arg if isinstance(term, Not) else term
        assert isinstance(leaf, Column)
        if granted is not None and granted.id == leaf.name:
            return (self.registers.full, self.zero) if granted.negated == negated else (self.zero, self.registers.full)
        slot = plan.slots.get(leaf.name)
        if slot is None:
            if outside:
                return (self.zero, self.registers.full) if negated else (self.registers.full, self.zero)
            return self.zero, self.zero
        at = Slot(slot.row, slot.negated != negated)
        t, f = self.registers.t(at), self.registers.f(at)
        if hopeful and plan.item.conditions[leaf.name].on_unknown != "deny":
            return self.registers.full & ~f, f
        return t, f


def carried(planes: Sequence[Plane], full: Plane) -> tuple[Plane, Plane]:
    """Where all of the planes hold and where all but one do: a carry counter of two bits."""
    all_met, short = full.copy(), np.zeros_like(full)
    spare = np.empty_like(full)
    for met in planes:
        np.bitwise_and(short, met, out=short)
        np.bitwise_not(met, out=spare)
        np.bitwise_and(all_met, spare, out=spare)
        np.bitwise_or(short, spare, out=short)
        np.bitwise_and(all_met, met, out=all_met)
    return all_met, short


def _literal(term: Term) -> Literal:
    inner = term.arg if isinstance(term, Not) else term
    assert isinstance(inner, Column)
    return Literal(inner.name, isinstance(term, Not))


def _slot(slots: Mapping[str, Slot], literal: Literal) -> Slot:
    slot = slots[literal.id]
    return Slot(slot.row, slot.negated != literal.negated)


def _repeated(item: Item) -> frozenset[Literal]:
    """The data requirements whose condition stands in several places of the logic: all are met together or not at all."""
    places: dict[str, list[Literal]] = {}
    stack = [item.logic]
    while stack:
        here = stack.pop()
        if isinstance(here, And | Or):
            stack.extend(here.args)
        else:
            places.setdefault(_literal(here).id, []).append(_literal(here))
    return frozenset(x for found in places.values() if len(found) > 1 for x in found if x.id not in item.outside)
