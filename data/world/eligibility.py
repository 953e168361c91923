"""truth_eligibility: every item over every entity's true state as of a day, by the reading of rules.py."""

from __future__ import annotations

import datetime as dt
import re
from bisect import bisect_right
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from data.world import rules
from data.world.facts import Facts
from data.world.parcel import World

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "item_id": pl.String, "version": pl.Int64, "eid": pl.Int64, "uscc": pl.String, "as_of": pl.Date,
    "eligible": pl.Boolean, "amount_yuan": pl.Decimal(18, 2), "failing": pl.String,
    "verdict": pl.String, "unknown": pl.String,
}  # fmt: skip
_INDICATOR_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "eid": pl.Int64, "uscc": pl.String, "as_of": pl.Date, "indicator": pl.String, "value": pl.String,
}  # fmt: skip


# First divisions of the sections A to T of GB/T 4754-2017.
_SECTIONS = (1, 6, 13, 44, 47, 51, 53, 61, 63, 66, 70, 71, 73, 76, 80, 83, 84, 86, 91, 97)


def section(code: str) -> str:
    """The section letter of an industry code given in digits (门类)."""
    return chr(ord("A") + bisect_right(_SECTIONS, int(code[:2])) - 1)


def holds(value: Any, name: str, option: Any, complete: frozenset[str] | None = None) -> bool | None:
    """Membership: any entry of a list, a region or an industry and everything below it, else equality.

    A name missing from a list is unknown unless the list is complete for it.
    """
    if isinstance(value, list):
        return True if option in value else False if complete is None or option in complete else None
    if name.endswith("region") and isinstance(option, str):
        stem = re.sub(r"(00)+$", "", option)
        return str(value).startswith(stem)
    if name == "industry" and isinstance(option, str):
        code = str(value).lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        wanted = option.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        return code.startswith(wanted) if wanted else section(code) == option
    return bool(value == option)


class Reader:
    """Compiled items: each condition once, the logic over condition ids."""

    def __init__(self, policies: Path, catalogue: Path) -> None:
        self.names = {word: name for word, (name, _) in rules.labels(catalogue).items()}
        self.complete = rules.complete_names(catalogue)
        self.items = [i for i in rules.read_items(policies) if i.entity == "enterprise"]
        self.compiled = [
            (
                item,
                {c: self._node(e) for c, e in item.conditions.items()},
                self._logic(item),
                self._node(item.award) if item.award else None,
            )
            for item in self.items
        ]

    def _node(self, source: str) -> rules.Node:
        def resolve(word: str) -> rules.Node:
            name = self.names.get(word, word)
            if name not in self.names and name != "as_of":
                raise rules.RuleSyntaxError(f"指标目录里没有 {word}")
            return lambda row: row.get(name)

        def membership(value: Any, word: str, option: Any) -> bool | None:
            name = self.names.get(word, word)
            return holds(value, name, option, self.complete.get(name))

        return rules.Parser(source, resolve, membership).parse()

    def _logic(self, item: rules.Item) -> rules.Node:
        return (
            rules.Parser(item.logic, lambda word: lambda row: row.get(word), lambda v, n, o: v == o).parse()
            if item.logic
            else lambda row: True
        )


class Judgement(NamedTuple):
    """`verdict` is the logic's; `word` tells an unknown for want of commitments (declarable) from one for want of facts."""

    verdict: bool | None
    word: str
    failing: list[str]
    unknown: list[str]


def judge(
    conditions: Mapping[str, rules.Node],
    logic: rules.Node,
    row: Mapping[str, Any],
    deny: frozenset[str] = frozenset(),
    outside: frozenset[str] = frozenset(),
) -> Judgement:
    """One item for one row. Outside data has no entry, hence is unknown; `failing` are the conditions that are not true.

    An unknown that could not be met even if everything but the `deny` conditions turned out true is false.
    """
    verdicts = {name: node(row) for name, node in conditions.items()}
    verdict = logic(verdicts)
    committed = dict.fromkeys(outside, True)
    if verdict is None and any(verdicts[name] is None for name in deny):
        best = {name: name not in deny if v is None else v for name, v in verdicts.items()} | committed
        verdict = None if logic(best) is True else False
    word = "eligible" if verdict else "ineligible"
    if verdict is None:
        word = "declarable" if logic(verdicts | committed) is True else "unknown"
    return Judgement(
        verdict,
        word,
        [name for name, v in verdicts.items() if v is not True],
        [name for name, v in verdicts.items() if v is None],
    )


def decide(
    conditions: Mapping[str, rules.Node],
    logic: rules.Node,
    row: Mapping[str, Any],
    deny: frozenset[str] = frozenset(),
    outside: frozenset[str] = frozenset(),
) -> tuple[bool | None, list[str]]:
    """(verdict, conditions that are not true) of `judge`."""
    found = judge(conditions, logic, row, deny, outside)
    return found.verdict, found.failing


def written(value: Any) -> str | None:
    """A true value as text that compares: numbers without trailing zeros, days in ISO, true and false, names in order."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "、".join(sorted(str(v) for v in value))
    if isinstance(value, Decimal):
        return format(value.quantize(Decimal("0.000001"), ROUND_HALF_UP).normalize(), "f")
    return str(value)


def indicators(world: World, as_of: dt.date) -> pl.DataFrame:
    """truth_indicator: the true value of every indicator the world can answer, as text; null where there is none for this entity."""
    parts = []
    for people in world.chunks():
        facts = Facts(people, as_of)
        alive = np.flatnonzero(people.lives_at(facts.month))
        head = {"eid": people.ids[alive], "uscc": people.uscc.gather(alive)}
        for name, column in sorted(facts.known().items()):
            values = pl.Series([written(column[k]) for k in alive.tolist()], dtype=pl.String)
            parts.append(
                pl.DataFrame({**head, "as_of": [as_of] * len(alive), "indicator": [name] * len(alive), "value": values})
            )
    return pl.concat(parts).cast(pl.Schema(_INDICATOR_SCHEMA))


def amount(award: rules.Node | None, row: Mapping[str, Any]) -> Decimal | None:
    """The award in yuan, rounded half up to the fen."""
    value = award(row) if award else None
    return None if value is None else Decimal(value).quantize(Decimal("0.01"), ROUND_HALF_UP)


def evaluate(world: World, policies: Path, catalogue: Path, as_of: dt.date) -> pl.DataFrame:
    """Rows for entities that live at the day; versions in force on it. `eligible` is null where the world does not hold a fact."""
    reader = Reader(policies, catalogue)
    parts = []
    for people in world.chunks():
        facts = Facts(people, as_of)
        alive = np.flatnonzero(people.lives_at(facts.month))
        columns = facts.known()
        columns["as_of"] = [as_of] * len(people)
        names = list(columns)
        rows = list(zip(*columns.values(), strict=True))
        usccs = people.uscc.to_list()
        records: list[tuple[Any, ...]] = []
        for position in alive.tolist():
            row = dict(zip(names, rows[position], strict=True))
            for item, conditions, logic, award in reader.compiled:
                if (item.valid_from and item.valid_from > as_of) or (item.valid_to and item.valid_to < as_of):
                    continue
                found = judge(conditions, logic, row, item.deny, item.outside)
                money = amount(award, row) if found.verdict is True else None
                records.append(
                    (
                        item.id,
                        item.version,
                        int(people.ids[position]),
                        usccs[position],
                        as_of,
                        found.verdict,
                        money,
                        ";".join(found.failing),
                        found.word,
                        ";".join(found.unknown),
                    )
                )
        parts.append(pl.DataFrame(records, schema=_SCHEMA, orient="row"))
    return pl.concat(parts)
