"""A second, independent reading of policy items: a small recursive-descent evaluator over one entity's true state.

It shares no code with matching.rules on purpose; where the two disagree, one of them is wrong. NULL is None, logic is Kleene's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

Value = Any
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|'(?P<text>(?:[^']|'')*)'|(?P<op><>|!=|>=|<=|=|<|>|\+|-|\*|/|\(|\)|,)|(?P<word>[^\W\d]\w*))"
)
_WORDS = {
    "AND",
    "OR",
    "NOT",
    "IN",
    "IS",
    "NULL",
    "TRUE",
    "FALSE",
    "BETWEEN",
    "LIKE",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "DISTINCT",
    "FROM",
}


class RuleSyntaxError(ValueError):
    """An expression this reader does not understand."""


@dataclass(frozen=True)
class Token:
    kind: str
    value: str


def tokens(source: str) -> list[Token]:
    """Numbers, texts, operators, words."""
    found, place = [], 0
    source = source.strip()
    while place < len(source):
        match = _TOKEN.match(source, place)
        if not match or match.end() == place:
            raise RuleSyntaxError(f"第 {place + 1} 个字符处看不懂：{source[place : place + 12]}")
        kind = str(match.lastgroup)
        value = match.group(kind)
        if kind == "word" and value.upper() in _WORDS:
            kind, value = "key", value.upper()
        found.append(Token(kind, value.replace("''", "'") if kind == "text" else value))
        place = match.end()
    return found


Node = Callable[[Mapping[str, Value]], Value]


class Parser:
    """Precedence from weak to strong: OR, AND, NOT, comparison, sum, product, unary."""

    def __init__(
        self, source: str, resolve: Callable[[str], Node], membership: Callable[[Value, str, Value], bool | None]
    ) -> None:
        self.items = tokens(source)
        self.at = 0
        self.resolve = resolve
        self.membership = membership

    def parse(self) -> Node:
        node = self._or()
        if self.at < len(self.items):
            raise RuleSyntaxError(f"多余的内容：{self.items[self.at].value}")
        return node

    def _peek(self, *values: str) -> bool:
        return (
            self.at < len(self.items)
            and self.items[self.at].kind in ("key", "op")
            and self.items[self.at].value in values
        )

    def _take(self, *values: str) -> bool:
        if self._peek(*values):
            self.at += 1
            return True
        return False

    def _need(self, value: str) -> None:
        if not self._take(value):
            raise RuleSyntaxError(f"这里应是 {value}")

    def _or(self) -> Node:
        parts = [self._and()]
        while self._take("OR"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else lambda row: any3([p(row) for p in parts])

    def _and(self) -> Node:
        parts = [self._not()]
        while self._take("AND"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else lambda row: all3([p(row) for p in parts])

    def _not(self) -> Node:
        if self._take("NOT"):
            inner = self._not()
            return lambda row: not3(inner(row))
        return self._comparison()

    def _comparison(self) -> Node:
        place = self.at
        left = self._sum()
        name = self.items[place].value if self.items[place].kind == "word" and self.at == place + 1 else ""
        if self._take("IS"):
            return self._is(left)
        negated = self._take("NOT")
        if self._take("IN"):
            return self._in(left, name, negated)
        if self._take("BETWEEN"):
            low = self._sum()
            self._need("AND")
            high = self._sum()
            inside: Node = lambda row: all3([compare(">=", left(row), low(row)), compare("<=", left(row), high(row))])  # noqa: E731
            return (lambda row: not3(inside(row))) if negated else inside
        if self._take("LIKE"):
            pattern = self._sum()
            like: Node = lambda row: _like(left(row), pattern(row))  # noqa: E731
            return (lambda row: not3(like(row))) if negated else like
        for op in ("<>", "!=", ">=", "<=", "=", "<", ">"):
            if self._take(op):
                right = self._sum()
                return lambda row: compare(op, left(row), right(row))
        return left

    def _is(self, left: Node) -> Node:
        negated = self._take("NOT")
        if self._take("DISTINCT"):
            self._need("FROM")
            right = self._sum()
            return lambda row: (left(row) != right(row)) is not negated
        for word, wanted in (("NULL", None), ("TRUE", True), ("FALSE", False)):
            if self._take(word):
                return lambda row: (left(row) is wanted) is not negated
        raise RuleSyntaxError("IS 之后应是 NULL、TRUE 或 FALSE")

    def _in(self, left: Node, name: str, negated: bool) -> Node:
        self._need("(")
        options = [self._sum()]
        while self._take(","):
            options.append(self._sum())
        self._need(")")

        def decide(row: Mapping[str, Value]) -> Value:
            value = left(row)
            if value is None:
                return None
            found = any3([self.membership(value, name, option(row)) for option in options])
            return not3(found) if negated else found

        return decide

    def _sum(self) -> Node:
        node = self._product()
        while self._peek("+", "-"):
            op = self.items[self.at].value
            self.at += 1
            node = _binary(op, node, self._product())
        return node

    def _product(self) -> Node:
        node = self._unary()
        while self._peek("*", "/"):
            op = self.items[self.at].value
            self.at += 1
            node = _binary(op, node, self._unary())
        return node

    def _unary(self) -> Node:
        if self._take("-"):
            inner = self._unary()
            return lambda row: None if inner(row) is None else -inner(row)
        if self._take("("):
            node = self._or()
            self._need(")")
            return node
        if self._take("CASE"):
            return self._case()
        if self._take("NULL"):
            return lambda row: None
        if self._take("TRUE"):
            return lambda row: True
        if self._take("FALSE"):
            return lambda row: False
        return self._atom()

    def _atom(self) -> Node:
        if self.at >= len(self.items):
            raise RuleSyntaxError("表达式不完整")
        token = self.items[self.at]
        self.at += 1
        if token.kind == "number":
            number = Decimal(token.value)
            return lambda row: number
        if token.kind == "text":
            return lambda row: token.value
        if token.kind == "word" and self._take("("):
            return self._call(token.value.lower())
        if token.kind == "word":
            if token.value.upper() == "DATE" and self.at < len(self.items) and self.items[self.at].kind == "text":
                self.at += 1
                day = date.fromisoformat(self.items[self.at - 1].value)
                return lambda row: day
            return self.resolve(token.value)
        raise RuleSyntaxError(f"看不懂：{token.value}")

    def _call(self, name: str) -> Node:
        arguments = [self._or()]
        while self._take(","):
            arguments.append(self._or())
        self._need(")")
        functions: dict[str, Callable[[list[Value]], Value]] = {
            "least": lambda v: None if None in v else min(v),
            "greatest": lambda v: None if None in v else max(v),
            "coalesce": lambda v: next((x for x in v if x is not None), None),
        }
        if name not in functions:
            raise RuleSyntaxError(f"不认识的函数 {name}")
        return lambda row: functions[name]([a(row) for a in arguments])

    def _case(self) -> Node:
        branches: list[tuple[Node, Node]] = []
        while self._take("WHEN"):
            condition = self._or()
            self._need("THEN")
            branches.append((condition, self._or()))
        otherwise: Node = self._or() if self._take("ELSE") else lambda row: None
        self._need("END")

        def decide(row: Mapping[str, Value]) -> Value:
            for condition, result in branches:
                if condition(row) is True:
                    return result(row)
            return otherwise(row)

        return decide


def all3(values: Sequence[Value]) -> bool | None:
    """Kleene AND."""
    return False if False in values else None if None in values else True


def any3(values: Sequence[Value]) -> bool | None:
    """Kleene OR."""
    return True if True in values else None if None in values else False


def not3(value: Value) -> bool | None:
    return None if value is None else not value


def compare(op: str, a: Value, b: Value) -> bool | None:
    """NULL if either side is NULL."""
    if a is None or b is None:
        return None
    result: bool | None = (
        {"=": a == b, "<>": a != b, "!=": a != b}[op]
        if op in ("=", "<>", "!=")
        else {">=": a >= b, "<=": a <= b, "<": a < b, ">": a > b}[op]
    )
    return result


def _like(value: Value, pattern: Value) -> bool | None:
    if value is None or pattern is None:
        return None
    return re.fullmatch(re.escape(pattern).replace("%", ".*").replace("_", "."), value, re.DOTALL) is not None


def _binary(op: str, a: Node, b: Node) -> Node:
    def compute(row: Mapping[str, Value]) -> Value:
        x, y = a(row), b(row)
        if x is None or y is None or (op == "/" and y == 0):
            return None
        if isinstance(x, date) and isinstance(y, date):
            return Decimal((x - y).days)
        return x + y if op == "+" else x - y if op == "-" else x * y if op == "*" else x / y

    return compute


@dataclass
class Item:
    """One version of an item, parsed."""

    id: str
    version: int
    entity: str
    valid_from: date | None
    valid_to: date | None
    conditions: dict[str, str]
    logic: str
    award: str | None
    # Conditions that count as not met while unknown (`on_unknown: deny`), and ids that no data can decide.
    deny: frozenset[str] = frozenset()
    outside: frozenset[str] = frozenset()


def read_items(folder: Path) -> list[Item]:
    """Every policy file's front matter."""
    items = []
    for path in sorted(folder.glob("*.md")):
        parts = path.read_text(encoding="utf-8").split("---\n", 2)
        if len(parts) < 3:
            raise RuleSyntaxError(f"{path.name}：没有前置信息")
        head = yaml.safe_load(parts[1])
        conditions = {c["id"]: str(c["expr"]) for c in head.get("conditions", [])}
        outside = [o["id"] for o in head.get("outside_data", [])]
        logic = str(head.get("logic") or " AND ".join(conditions))
        unnamed = [o for o in outside if not re.search(rf"\b{o}\b", logic)]
        if unnamed:
            logic = " AND ".join([f"({logic})", *unnamed]) if logic else " AND ".join(unnamed)
        award = head.get("award") or {}
        expr = award.get("expr") if isinstance(award, dict) else None
        valid = head.get("valid") or {}
        items.append(
            Item(
                head["id"],
                int(head.get("version", 1)),
                head.get("entity", "enterprise"),
                valid.get("from"),
                valid.get("to"),
                conditions,
                logic,
                None if expr is None else str(expr),
                frozenset(c["id"] for c in head.get("conditions", []) if c.get("on_unknown") == "deny"),
                frozenset(outside),
            )
        )
    return items


def complete_names(catalogue: Path) -> dict[str, frozenset[str]]:
    """List-valued indicator → the names whose absence the feeds can prove; the absence of any other name is unknown."""
    entries = yaml.safe_load(catalogue.read_text(encoding="utf-8"))
    return {
        name: frozenset(entry["complete_for"])
        for name, entry in entries.items()
        if not name.startswith("_") and entry.get("complete_for")
    }


def labels(catalogue: Path) -> dict[str, tuple[str, str]]:
    """Indicator name and every Chinese label of it → (name, type)."""
    found: dict[str, tuple[str, str]] = {}
    for name, entry in yaml.safe_load(catalogue.read_text(encoding="utf-8")).items():
        if name.startswith("_"):
            continue
        for word in (name, entry.get("label", name), *entry.get("aliases", [])):
            found[word] = (name, entry.get("type", ""))
    return found
