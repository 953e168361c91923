"""What-if on thresholds: the numbers in an item's conditions, and who gains or loses when one of them moves a little."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

import polars as pl

from data.indicators import Catalogue
from matching.rules import Program, RuleError
from matching.rules.program import Item
from matching.rules.simulate import changed_item, reach_of, reached
from matching.rules.tokens import tokens

COMPARISONS: Final = (">=", "<=", ">", "<")
# What a drafting department asks first: a tenth and a fifth looser, a tenth stricter.
MOVES: Final = (("放宽20%", Decimal("0.2")), ("放宽10%", Decimal("0.1")), ("收紧10%", Decimal("-0.1")))
MONEY: Final = pl.Decimal(18, 2)
NUMBER: Final = pl.Decimal(24, 6)
SCHEMA: Final[dict[str, Any]] = {
    "item_id": pl.String, "version": pl.Int64, "condition_id": pl.String, "indicator": pl.String, "scenario": pl.String,
    "threshold": NUMBER, "new_threshold": NUMBER, "before_count": pl.Int64, "after_count": pl.Int64,
    "gained_count": pl.Int64, "lost_count": pl.Int64, "gained_small_count": pl.Int64,
    "before_yuan": MONEY, "after_yuan": MONEY, "expr": pl.String,
}  # fmt: skip
SMALL: Final = ("小型", "微型")


@dataclass(frozen=True)
class Threshold:
    """The first number that a condition compares an indicator with; `start` and `end` say where it stands in the expression."""

    condition: str
    text: str
    expr: str
    indicator: str
    label: str
    unit: str
    sign: str
    value: str
    start: int
    end: int

    def moved(self, value: str) -> str:
        """The expression with another number."""
        return self.expr[: self.start] + value + self.expr[self.end :]

    def eased(self, share: Decimal) -> Decimal:
        """The number moved by a share of itself towards letting more in (a negative share: fewer)."""
        number = Decimal(self.value)
        return number * (1 - share) if self.sign in (">=", ">") else number * (1 + share)


def thresholds(item: Item, catalogue: Catalogue) -> Iterator[Threshold]:
    """The first threshold of each of the item's conditions that has one."""
    for condition in item.text.conditions:
        if not condition.expr or condition.id not in item.terms:
            continue
        words = tokens(condition.expr, catalogue.by_label)
        for name, sign, number in zip(words, words[1:], words[2:], strict=False):
            if name.kind == "name" and sign.source in COMPARISONS and number.kind == "number":
                indicator = catalogue.find(name.source)
                start = number.position - 1
                yield Threshold(
                    condition.id,
                    condition.text,
                    condition.expr,
                    name.source,
                    indicator.label if indicator else name.source,
                    (indicator.unit if indicator else None) or "",
                    sign.source,
                    number.source,
                    start,
                    start + len(number.source),
                )
                break


def scenarios(
    program: Program,
    profiles: pl.DataFrame,
    sizes: pl.Series,
    wanted: Iterable[tuple[str, str]],
    catalogue: Catalogue,
    as_of: date,
) -> pl.DataFrame:
    """One row per wanted (item, condition) and move of MOVES: reach and cost before and after, who is gained and lost.

    `sizes` has the height of `profiles`. Reach counts the eligible and declarable that are not barred; awards that cannot be computed
    count 0. A wanted condition without a threshold, or whose threshold is zero, has no rows.
    """
    rows: list[Mapping[str, object]] = []
    for item_id, condition in wanted:
        item = program.by_id.get(item_id)
        if item is None:
            continue
        found = next((t for t in thresholds(item, catalogue) if t.condition == condition), None)
        if found is None or not Decimal(found.value):
            continue
        values: list[tuple[str, Decimal]] = []
        variants: list[Item] = []
        for name, share in MOVES:
            value = found.eased(share)
            # a year or a share moved by a fifth may leave its indicator's range: no rule anybody could write
            with suppress(RuleError):
                variants.append(changed_item(program, item, {condition: found.moved(f"{value:f}")}))
                values.append((name, value))
        asked = tuple(
            replace(one, text=replace(one.text, version=-1 - place)) for place, one in enumerate([item, *variants])
        )
        was, *will = reached(Program(asked, program.vocabulary, program.indicators), profiles, as_of)
        small = sizes.is_in(SMALL).fill_null(False).to_numpy()
        before = reach_of(*was)
        for (name, value), (mask, fen) in zip(values, will, strict=True):
            after, gained = reach_of(mask, fen), mask & ~was[0]
            rows.append(
                {
                    "item_id": item_id,
                    "version": item.text.version,
                    "condition_id": condition,
                    "indicator": found.indicator,
                    "scenario": name,
                    "threshold": Decimal(found.value),
                    "new_threshold": value,
                    "before_count": before.n,
                    "after_count": after.n,
                    "gained_count": int(gained.sum()),
                    "lost_count": int((was[0] & ~mask).sum()),
                    "gained_small_count": int((gained & small).sum()),
                    "before_yuan": before.yuan,
                    "after_yuan": after.yuan,
                    "expr": found.moved(f"{value:f}"),
                }
            )
    return pl.DataFrame(rows, schema=SCHEMA).sort("item_id", "condition_id", "scenario")
