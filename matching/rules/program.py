"""Items compiled: every condition checked, every distinct test kept once, and what each item asks of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from matching.rules import check
from matching.rules.errors import RuleError
from matching.rules.given import entries_of
from matching.rules.items import BarText, ConditionText, ItemText, bar_text, item_text
from matching.rules.parse import Syntax, parse
from matching.rules.simplify import conjunction, disjunction, negation
from matching.rules.soundness import refusal
from matching.rules.terms import And, Column, Not, Or, Term, columns
from matching.rules.vocabulary import Vocabulary, vocabulary_of_indicators


@dataclass(frozen=True)
class Literal:
    """One requirement of the logic: a condition, or its opposite."""

    id: str
    negated: bool = False


@dataclass(frozen=True)
class Bar:
    text: BarText
    term: Term


@dataclass(frozen=True)
class Item:
    """One compiled item. `logic` is over columns named like the conditions, NOT only at the leaves; outside_data included."""

    text: ItemText
    terms: Mapping[str, Term]
    logic: Term
    award: Term | None
    bars: tuple[Bar, ...]
    conditions: Mapping[str, ConditionText] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int]:
        return self.text.key

    @cached_property
    def literals(self) -> tuple[Literal, ...]:
        """The distinct requirements, in the order the logic names them."""
        return tuple(dict.fromkeys(_literals(self.logic)))

    @cached_property
    def outside(self) -> frozenset[str]:
        return frozenset(c.id for c in self.text.conditions if c.outside)

    @cached_property
    def is_conjunction(self) -> bool:
        """Whether the logic asks for all its requirements, so that carry counters find the near-misses."""
        parts = self.logic.args if isinstance(self.logic, And) else (self.logic,)
        return all(
            isinstance(part, Column) or (isinstance(part, Not) and isinstance(part.arg, Column)) for part in parts
        )

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Every profile column the item reads."""
        terms = (*self.terms.values(), *(bar.term for bar in self.bars), *([self.award] if self.award else ()))
        return tuple(dict.fromkeys(column for term in terms for column in columns(term)))


@dataclass(frozen=True)
class Program:
    """Items in the order given, over one vocabulary. Immutable, picklable: compile once, ship to workers."""

    items: tuple[Item, ...]
    vocabulary: Vocabulary
    indicators: Mapping[str, Any]
    # what the kernel derives from the program once; no part of what the program is
    kept: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def by_id(self) -> dict[str, Item]:
        """The newest version of each item."""
        return {item.text.id: item for item in sorted(self.items, key=lambda item: item.text.version)}

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Every profile column any item reads."""
        return tuple(dict.fromkeys(column for item in self.items for column in item.columns))

    def item(self, item_id: str, version: int | None = None) -> Item:
        """One item; KeyError with a Chinese message if there is none."""
        found = (
            self.by_id.get(item_id)
            if version is None
            else next((item for item in self.items if item.key == (item_id, version)), None)
        )
        if found is None:
            raise KeyError(f"没有事项 {item_id}" + (f" 第 {version} 版" if version is not None else ""))
        return found

    def only(self, item_ids: Iterable[str]) -> Program:
        """The program of some items."""
        wanted = set(item_ids)
        return Program(tuple(i for i in self.items if i.text.id in wanted), self.vocabulary, self.indicators)


def compile_items(items: Sequence[Any], indicators: Mapping[str, Any], bars: Iterable[Any] = ()) -> Program:
    """Checks and compiles items against the indicator catalogue.

    `items` are mappings with the front matter's keys or `data.corpus.Item`s; `indicators` maps names to catalogue entries (`type`, `label`,
    `unit`, `range`, `codes`, `aliases`, `complete_for`); `bars` are the common bars of `data/policies/_defaults.yml`, applied to items of
    the same entity kind. Raises RuleError (file, condition, position, message) for the first rule that does not hold.
    """
    vocabulary = vocabulary_of_indicators(indicators)
    common = [bar_text(bar) for bar in entries_of(bars, "bars 应为排除情形的列表")]
    memo: dict[str, Term] = {}
    compiled: list[Item] = []
    seen: set[tuple[str, int]] = set()
    for given in entries_of(items, "items 应为事项的列表"):
        text = item_text(given)
        if text.key in seen:
            raise RuleError(text.file, None, None, f"事项 {text.id} 第 {text.version} 版出现两次")
        seen.add(text.key)
        compiled.append(compile_item(text, vocabulary, common, memo))
    return Program(tuple(compiled), vocabulary, indicators)


def compile_item(text: ItemText, vocabulary: Vocabulary, common: Sequence[BarText], memo: dict[str, Term]) -> Item:
    """One item; `memo` keeps the terms of expressions already compiled with the same vocabulary."""
    terms = {c.id: _term(text.file, c.id, c.expr, vocabulary, memo) for c in text.conditions if not c.outside}
    applying = [bar for bar in common if bar.entity == text.entity]
    bars = tuple(Bar(bar, _term(text.file, bar.id, bar.expr, vocabulary, memo)) for bar in (*applying, *text.bars))
    award = None
    if text.award is not None:
        try:
            award = check.amount(text.award, vocabulary)
        except RuleError as error:
            raise error.at(text.file, "award") from None
    conditions = {c.id: c for c in text.conditions}
    return Item(text, terms, _logic(text), award, bars, conditions)


def _term(file: str, condition: str, expr: str, vocabulary: Vocabulary, memo: dict[str, Term]) -> Term:
    found = memo.get(expr)
    if found is None:
        try:
            found = memo[expr] = check.condition(expr, vocabulary)
        except RuleError as error:
            raise error.at(file, condition) from None
    return found


def _logic(text: ItemText) -> Term:
    """The item's logic, with every outside_data entry it does not name required in addition."""
    known = {c.id: Column(c.id, "bool") for c in text.conditions}
    if text.logic is None:
        return conjunction(known.values())
    try:
        tree = parse(text.logic)
        named: set[str] = set()
        logic = _logic_term(tree, known, named)
    except RuleError as error:
        raise error.at(text.file, "logic") from None
    unused = [c.id for c in text.conditions if not c.outside and c.id not in named]
    if unused:
        raise RuleError(
            text.file, "logic", None, f"没有用到条件 {'、'.join(unused)}：写进 logic，或删去条件；不能写了条件却不检查"
        )
    return conjunction((logic, *(known[c.id] for c in text.conditions if c.outside and c.id not in named)))


def _logic_term(node: Syntax, known: Mapping[str, Column], named: set[str]) -> Term:
    if node.kind == "name":
        name = str(node.value)
        if name not in known:
            raise RuleError(None, None, node.position, f"没有编号为“{name}”的条件；现有 {'、'.join(known)}")
        named.add(name)
        return known[name]
    if node.kind in ("AND", "OR", "NOT"):
        args = [_logic_term(arg, known, named) for arg in node.args]
        if node.kind == "NOT":
            return negation(args[0])
        return conjunction(args) if node.kind == "AND" else disjunction(args)
    raise RuleError(None, None, node.position, "logic 里只写条件编号、AND、OR、NOT 和括号")


def _literals(term: Term) -> Iterable[Literal]:
    if isinstance(term, Column):
        yield Literal(term.name)
    elif isinstance(term, Not) and isinstance(term.arg, Column):
        yield Literal(term.arg.name, negated=True)
    elif isinstance(term, And | Or):
        for arg in term.args:
            yield from _literals(arg)


def compile_sound(
    items: Sequence[Any], indicators: Mapping[str, Any], bars: Iterable[Any] = ()
) -> tuple[Program, list[RuleError]]:
    """Compiles what holds and returns what does not: one broken item must not stop the others' night.

    A rule that contradicts itself or is met by everybody does not hold either: it would invite nobody, or pay everybody.

    A broken common bar is raised, not returned: without it every item would pay whom it must not.
    """
    vocabulary = vocabulary_of_indicators(indicators)
    common = [bar_text(bar) for bar in entries_of(bars, "bars 应为排除情形的列表")]
    for bar in common:
        _term("_defaults.yml", bar.id, bar.expr, vocabulary, {})
    memo: dict[str, Term] = {}
    compiled: list[Item] = []
    refusals: list[RuleError] = []
    for given in items:
        try:
            item = compile_item(item_text(given), vocabulary, common, memo)
        except RuleError as error:
            refusals.append(error)
            continue
        unsound = refusal(item, vocabulary.bounds)
        if unsound is None:
            compiled.append(item)
        else:
            refusals.append(unsound)
    return Program(tuple(compiled), vocabulary, indicators), refusals
