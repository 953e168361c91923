"""Every enterprise against every item, decided once per publication and kept as one small number per pair."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.rules import Program, Verdicts
from matching.rules.columns import Block
from matching.rules.kernel import Plan
from matching.rules.terms import columns
from matching.rules.verdicts import VERDICTS, Found, awards, bits

NEVER = -1
"""An amount in 分 that cannot be computed or is not money."""
BARS = ("clear", "unknown", "barred")
# two bits a condition: as many as fit beside verdict, near-miss and bar in 63 bits
_WIDTH = 28


@dataclass(frozen=True, slots=True)
class State:
    """One way an item can turn out, as the two ends of its JSON object: the score and the amount go between."""

    verdict: str
    shelf: int
    head: str
    tail: str


class Answers:
    """What `huiqi match KEY --json` says for every enterprise, ready to be written.

    Items turn out in few ways (a state: verdict, failed and unknown conditions, near-miss, bar), so a pair is a 16-bit number; awards that
    depend on the profile are kept in 分 beside it. About 2 bytes a pair and 8 more where an award varies: 1 KB an enterprise for 127 items.
    """

    def __init__(self, program: Program, profiles: pl.DataFrame, as_of: date, scores: pl.DataFrame | None) -> None:
        self.height = profiles.height
        verdicts = Verdicts(program, profiles, as_of)
        plans = verdicts.kernel.plans
        self.items = [plan.item.text for plan in plans]
        self.states: list[list[State]] = [[] for _ in plans]
        self.codes = np.zeros((self.height, len(plans)), np.uint16)
        self._known: list[dict[tuple[object, ...], int]] = [{} for _ in plans]
        varying = [n for n, plan in enumerate(plans) if plan.item.award is not None and tuple(columns(plan.item.award))]
        self._place = {n: place for place, n in enumerate(varying)}
        self._fen = np.full((self.height, len(varying)), NEVER, np.int64)
        self._flat = [
            _flat_award(plan, profiles, as_of) if n not in self._place else None for n, plan in enumerate(plans)
        ]
        heads = [_head(plan) for plan in plans]
        for block, founds in verdicts.found():
            for number, found in enumerate(founds):
                rows = slice(found.start, found.start + found.height)
                self.codes[rows, number] = self._coded(verdicts, number, found, heads[number])
                if number in self._place:
                    self._fen[rows, self._place[number]] = _varying_award(found.plan, block)
        self._flat_text = [_yuan(NEVER if fen is None else fen) for fen in self._flat]
        # in the order in which equals are listed
        self._listed = [
            (number, self.states[number], self._place.get(number), self._flat_text[number])
            for number in sorted(range(len(plans)), key=lambda n: self.items[n].id)
        ]
        self._scores_of(profiles, scores)

    def matches(self, row: int, verdicts: frozenset[str] | None = None) -> str:
        """The JSON array of one enterprise's matches: best verdict first, near-misses before others, then by score and item id."""
        codes, fen = self.codes[row].tolist(), self._fen[row].tolist()
        scores = self._score_row(row)
        # by verdict, near-misses first; sorting 127 tuples would cost as much as writing them
        shelves: list[list[str]] = [[] for _ in range(2 * len(VERDICTS))]
        scored: list[list[tuple[float, int, str]]] = [[] for _ in shelves]
        for place, (number, states, varying, flat) in enumerate(self._listed):
            state = states[codes[number]]
            if verdicts is not None and state.verdict not in verdicts:
                continue
            amount = flat if varying is None else "null" if fen[varying] == NEVER else _yuan(fen[varying])
            score = scores.get(number)
            told = "null" if score is None else repr(score)
            text = f'{state.head}{told}, "amount_yuan": {amount}{state.tail}'
            if score:
                scored[state.shelf].append((-score, place, text))
            else:
                shelves[state.shelf].append(text)
        listed: list[str] = []
        for plain, ranked in zip(shelves, scored, strict=True):
            ranked.sort()
            listed += [text for _, _, text in ranked]
            listed += plain
        return f"[{', '.join(listed)}]"

    def _coded(self, verdicts: Verdicts, number: int, found: Found, head: str) -> npt.NDArray[np.uint16]:
        """The state of every row of a block, new states added."""
        planes, plan, height = found.planes, found.plan, found.height
        registers = verdicts.kernel.registers
        ids = [c.id for c in plan.item.text.conditions]
        verdict = np.zeros(height, np.int64)
        for rank, kind in enumerate(VERDICTS):
            verdict[bits(getattr(planes, kind), height)] = rank
        near = bits(planes.near_miss, height)
        bar = bits(planes.bar_unknown, height) + 2 * bits(planes.barred, height).astype(np.int64)
        truths = []
        for name in ids:
            slot = plan.slots.get(name)
            if slot is None:
                truths.append(np.zeros(height, np.int64))
            else:
                truths.append(bits(registers.t(slot), height) + 2 * bits(registers.f(slot), height).astype(np.int64))
        key = (verdict * 2 + near) * 3 + bar
        for at, truth in enumerate(truths):
            key = key * 3 + truth
            if at % _WIDTH == _WIDTH - 1:
                key = np.unique(key, return_inverse=True)[1].astype(np.int64)
        _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
        codes = np.zeros(first.size, np.uint16)
        for at, row in enumerate(first.tolist()):
            failed = [name for name, truth in zip(ids, truths, strict=True) if truth[row] == 2]
            unknown = [name for name, truth in zip(ids, truths, strict=True) if truth[row] == 0]
            state = (int(verdict[row]), bool(near[row]), int(bar[row]), *failed, "", *unknown)
            known = self._known[number]
            if state not in known:
                known[state] = len(self.states[number])
                self.states[number].append(
                    _state(head, int(verdict[row]), bool(near[row]), int(bar[row]), failed, unknown)
                )
            codes[at] = known[state]
        coded: npt.NDArray[np.uint16] = codes[inverse.reshape(-1)]
        return coded

    def _scores_of(self, profiles: pl.DataFrame, scores: pl.DataFrame | None) -> None:
        numbers = pl.DataFrame(
            {
                "item_id": [item.id for item in self.items],
                "version": [item.version for item in self.items],
                "_number": range(len(self.items)),
            },
            schema={"item_id": pl.String, "version": pl.Int64, "_number": pl.Int64},
        )
        held = (
            profiles.select("enterprise_id")
            .with_row_index("_row")
            .join(scores, on="enterprise_id")
            .join(numbers, on=["item_id", "version"])
            .sort("_row", "_number")
            if scores is not None
            else pl.DataFrame(schema={"_row": pl.UInt32, "_number": pl.Int64, "score": pl.Float64})
        )
        self._starts = np.searchsorted(held["_row"].to_numpy(), np.arange(self.height + 1))
        self._scored = held["_number"].to_numpy()
        self._scores = held["score"].to_numpy()

    def _score_row(self, row: int) -> dict[int, float]:
        start, stop = int(self._starts[row]), int(self._starts[row + 1])
        return dict(zip(self._scored[start:stop].tolist(), self._scores[start:stop].tolist(), strict=True))


def _head(plan: Plan) -> str:
    text = plan.item.text
    shown = {"item_id": text.id, "version": text.version, "title": text.title, "mode": text.mode}
    return json.dumps(shown, ensure_ascii=False)[:-1]


def _state(head: str, rank: int, near: bool, bar: int, failed: Sequence[str], unknown: Sequence[str]) -> State:
    rest = {"failed": failed, "unknown": unknown, "near_miss": near, "bar": BARS[bar]}
    verdict = VERDICTS[rank]
    told = f'{head}, "verdict": "{verdict}", "score": '
    return State(verdict, 2 * rank + (not near), told, f", {json.dumps(rest, ensure_ascii=False)[1:]}")


def _flat_award(plan: Plan, profiles: pl.DataFrame, as_of: date) -> int | None:
    """The award, in 分, of an item that pays everybody the same."""
    if plan.item.award is None or profiles.is_empty():
        return None
    one = Block(pl.DataFrame({"enterprise_id": ["x"]}), as_of)
    return _fen(awards(plan, one, np.zeros(1, np.int64), pl.Series(["x"])))[0]


def _varying_award(plan: Plan, block: Block) -> npt.NDArray[np.int64]:
    """The award of every row of a block, in 分; computed once for rows that agree in what it reads."""
    assert plan.item.award is not None
    read = [c.name for c in columns(plan.item.award) if c.name in block.frame.columns]
    narrow = block.frame.select(read)
    if not read or any(kind.is_nested() or kind == pl.Null for kind in narrow.dtypes):
        at = np.arange(block.height)
        return _filled(_fen(awards(plan, block, at, pl.Series(at.astype(str)))))
    distinct = narrow.with_row_index("_at").unique(subset=read, keep="first", maintain_order=True)
    at = distinct["_at"].to_numpy().astype(np.int64)
    paid = _filled(_fen(awards(plan, block, at, distinct["_at"].cast(pl.String))))
    valued = distinct.drop("_at").with_columns(_fen=pl.Series(paid))
    found = narrow.join(valued, on=read, how="left", nulls_equal=True, maintain_order="left")["_fen"].to_numpy()
    return np.asarray(found, np.int64)


def _fen(paid: pl.Series) -> list[int | None]:
    return (paid * 100).cast(pl.Int64).to_list()


def _filled(fen: list[int | None]) -> npt.NDArray[np.int64]:
    return np.array([NEVER if amount is None else amount for amount in fen], np.int64)


def _yuan(fen: int) -> str:
    return "null" if fen == NEVER else f'"{fen // 100}.{fen % 100:02d}"'
