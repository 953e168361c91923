"""truth_eligibility: every item over every entity's true state as of a day, by the reading of rules.py."""

from __future__ import annotations

import datetime as dt
import re
from bisect import bisect_right
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data.world import rules
from data.world.facts import Facts
from data.world.parcel import World

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "item_id": pl.String, "version": pl.Int64, "eid": pl.Int64, "uscc": pl.String, "as_of": pl.Date,
    "eligible": pl.Boolean, "amount_yuan": pl.Decimal(18, 2), "failing": pl.String,
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


def decide(
    conditions: Mapping[str, rules.Node],
    logic: rules.Node,
    row: Mapping[str, Any],
    deny: frozenset[str] = frozenset(),
    outside: frozenset[str] = frozenset(),
) -> tuple[bool | None, list[str]]:
    """(verdict, conditions that are not true). Outside data has no entry, hence is unknown.

    An unknown that could not be met even if everything but the `deny` conditions turned out true is false.
    """
    verdicts = {name: node(row) for name, node in conditions.items()}
    verdict = logic(verdicts)
    if verdict is None and any(verdicts[name] is None for name in deny):
        best = {name: name not in deny if v is None else v for name, v in verdicts.items()} | dict.fromkeys(
            outside, True
        )
        verdict = None if logic(best) is True else False
    return verdict, [name for name, v in verdicts.items() if v is not True]


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
                verdict, failing = decide(conditions, logic, row, item.deny, item.outside)
                money = amount(award, row) if verdict is True else None
                records.append(
                    (
                        item.id,
                        item.version,
                        int(people.ids[position]),
                        usccs[position],
                        as_of,
                        verdict,
                        money,
                        ";".join(failing),
                    )
                )
        parts.append(pl.DataFrame(records, schema=_SCHEMA, orient="row"))
    return pl.concat(parts)
