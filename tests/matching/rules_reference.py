"""A second, slow reading of the rule language, written from matching.md alone: one row at a time, Python values, None is UNKNOWN.

It shares no code with `matching.rules`: its expressions are tuples, made at random, printed as text for the engine and computed here.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from fractions import Fraction

NUMBERS, TEXTS, BOOLS, DATES = ("a", "b", "m"), ("t", "u"), ("p", "q"), ("d", "e")
SCHEMA = {
    **dict.fromkeys(NUMBERS, "number"),
    **dict.fromkeys(TEXTS, "text"),
    **dict.fromkeys(BOOLS, "bool"),
    **dict.fromkeys(DATES, "date"),
}
NUMBER_LITERALS = ["0", "1", "2", "-1", "0.1", "0.3", "10", "100.5", "1e2", "9007199254740993", "0.01"]
TEXT_LITERALS = ["", "a", "ab", "b", "海口", "海", "%", "_", "a\nb", "A", "it's", "x.y"]
PATTERNS = ["%", "a%", "%b", "_", "__", "海%", "a_b", "%.%", "", "a", "!%", "%'%"]
DATE_LITERALS = [date(2024, 2, 29), date(2023, 12, 31), date(1999, 1, 1), date(1969, 12, 31)]


def kleene_and(*sides):
    return False if False in sides else None if None in sides else True


def kleene_or(*sides):
    return True if True in sides else None if None in sides else False


def negate(side):
    return None if side is None else not side


def lifted(operation):
    return lambda *args: None if any(arg is None for arg in args) else operation(*args)


COMPARE = {
    "=": lifted(lambda x, y: x == y),
    "<>": lifted(lambda x, y: x != y),
    "<": lifted(lambda x, y: x < y),
    "<=": lifted(lambda x, y: x <= y),
    ">": lifted(lambda x, y: x > y),
    ">=": lifted(lambda x, y: x >= y),
}
ARITHMETIC = {
    "+": lifted(lambda x, y: x + y),
    "-": lifted(lambda x, y: x - y),
    "*": lifted(lambda x, y: x * y),
    "/": lifted(lambda x, y: None if y == 0 else x / y),
}


def like(text, pattern):
    """By dynamic programming over characters, so that no regular expression is involved."""
    if text is None or pattern is None:
        return None
    reach = {0}
    for sign in pattern:
        if sign == "%":
            reach = set(range(min(reach), len(text) + 1)) if reach else set()
        else:
            reach = {i + 1 for i in reach if i < len(text) and sign in ("_", text[i])}
    return len(text) in reach


class Maker:
    """Random expressions as (text for the engine, text for DuckDB, function of a row). DuckDB's text is None where the languages differ."""

    def __init__(self, seed, division=True):
        self.rng = random.Random(seed)
        self.division = division

    def quote(self, text):
        return "'" + text.replace("'", "''") + "'"

    def number(self, depth):
        rng = self.rng
        roll = rng.random()
        if depth <= 0 or roll < 0.4:
            name = rng.choice(NUMBERS)
            return name, name, lambda row: row[name]
        if roll < 0.6:
            text = rng.choice(NUMBER_LITERALS)
            value = Fraction(text)
            return text, text if "e" not in text else "100", lambda row: value
        if roll < 0.85:
            operator = rng.choice("+-*/" if self.division else "+-*")
            x, y = self.number(depth - 1), self.number(depth - 1)
            duck = None if operator == "/" or x[1] is None or y[1] is None else f"({x[1]} {operator} {y[1]})"
            return f"({x[0]} {operator} {y[0]})", duck, lambda row: ARITHMETIC[operator](x[2](row), y[2](row))
        if roll < 0.9:
            x = self.number(depth - 1)
            return f"(- {x[0]})", x[1] and f"(- {x[1]})", lambda row: lifted(lambda v: -v)(x[2](row))
        return self.choice("number", depth)

    def text(self, depth):
        rng = self.rng
        if depth <= 0 or rng.random() < 0.5:
            name = rng.choice(TEXTS)
            return name, name, lambda row: row[name]
        if rng.random() < 0.6:
            value = rng.choice(TEXT_LITERALS)
            return self.quote(value), self.quote(value), lambda row: value
        return self.choice("text", depth)

    def date(self, depth):
        rng = self.rng
        roll = rng.random()
        if depth <= 0 or roll < 0.5:
            name = rng.choice(DATES)
            return name, name, lambda row: row[name]
        if roll < 0.7:
            value = rng.choice(DATE_LITERALS)
            return f"DATE '{value}'", f"DATE '{value}'", lambda row: value
        if roll < 0.85:
            x, days = self.date(0), rng.choice([-30, -1, 0, 1, 365])
            shown = f"({x[0]} {'+' if days >= 0 else '-'} {abs(days)})"
            return shown, shown, lambda row: lifted(lambda v: v + timedelta(days=days))(x[2](row))
        return self.choice("date", depth)

    def choice(self, kind, depth):
        """coalesce, least, greatest, CASE in both forms."""
        rng = self.rng
        make = getattr(self, kind)
        roll = rng.random()
        if roll < 0.35:
            args = [make(depth - 1) for _ in range(rng.randint(1, 3))]
            shown = f"coalesce({', '.join(arg[0] for arg in args)})"
            duck = f"coalesce({', '.join(arg[1] for arg in args)})" if all(arg[1] for arg in args) else None
            return shown, duck, lambda row: next((v for v in (arg[2](row) for arg in args) if v is not None), None)
        if roll < 0.6 and kind in ("number", "date"):
            args = [make(depth - 1) for _ in range(rng.randint(2, 3))]
            name, pick = rng.choice([("least", min), ("greatest", max)])
            inside = ", ".join(arg[0] for arg in args)
            duck = None
            if all(arg[1] for arg in args):
                nulls = " OR ".join(f"{arg[1]} IS NULL" for arg in args)
                duck = f"(CASE WHEN {nulls} THEN NULL ELSE {name}({', '.join(arg[1] for arg in args)}) END)"
            return f"{name}({inside})", duck, lambda row: lifted(lambda *vs: pick(vs))(*(arg[2](row) for arg in args))
        if roll < 0.8:
            test, yes, no = self.truth(depth - 1), make(depth - 1), make(depth - 1)
            with_else = rng.random() < 0.7
            tail = f" ELSE {no[0]} END)" if with_else else " END)"
            duck = None
            if test[1] and yes[1] and no[1]:
                duck = f"(CASE WHEN {test[1]} THEN {yes[1]}{f' ELSE {no[1]}' if with_else else ''} END)"
            return (
                f"(CASE WHEN {test[0]} THEN {yes[0]}{tail}",
                duck,
                lambda row: yes[2](row) if test[2](row) is True else no[2](row) if with_else else None,
            )
        subject, match = make(0), make(0)
        yes, no = make(depth - 1), make(depth - 1)
        duck = None
        if all(part[1] for part in (subject, match, yes, no)):
            duck = f"(CASE {subject[1]} WHEN {match[1]} THEN {yes[1]} ELSE {no[1]} END)"
        return (
            f"(CASE {subject[0]} WHEN {match[0]} THEN {yes[0]} ELSE {no[0]} END)",
            duck,
            lambda row: yes[2](row) if COMPARE["="](subject[2](row), match[2](row)) is True else no[2](row),
        )

    def bool(self, depth):
        return self.truth(depth)

    def truth(self, depth):
        rng = self.rng
        roll = rng.random()
        if depth <= 0 or roll < 0.12:
            name = rng.choice(BOOLS)
            literal = rng.random()
            if literal < 0.15:
                text, value = rng.choice([("TRUE", True), ("FALSE", False), ("NULL", None)])
                return text, text if value is not None else "CAST(NULL AS BOOLEAN)", lambda row: value
            return name, name, lambda row: row[name]
        if roll < 0.35:
            word, join = rng.choice([("AND", kleene_and), ("OR", kleene_or)])
            sides = [self.truth(depth - 1) for _ in range(rng.randint(2, 3))]
            duck = f"({f' {word} '.join(side[1] for side in sides)})" if all(side[1] for side in sides) else None
            return (
                f"({f' {word} '.join(side[0] for side in sides)})",
                duck,
                lambda row: join(*(side[2](row) for side in sides)),
            )
        if roll < 0.43:
            side = self.truth(depth - 1)
            return f"(NOT {side[0]})", side[1] and f"(NOT {side[1]})", lambda row: negate(side[2](row))
        if roll < 0.5:
            side = self.truth(depth - 1)
            word, value = rng.choice([("TRUE", True), ("FALSE", False), ("UNKNOWN", None)])
            no = rng.random() < 0.4
            form = f"IS {'NOT ' if no else ''}{word}"
            return f"({side[0]} {form})", side[1] and f"({side[1]} {form})", lambda row: (side[2](row) is value) != no
        kind = rng.choice(["number", "number", "text", "date", "bool"])
        make = getattr(self, kind)
        x = make(depth - 1)
        if roll < 0.57:
            no = rng.random() < 0.5
            form = "IS NOT NULL" if no else "IS NULL"
            return f"({x[0]} {form})", x[1] and f"({x[1]} {form})", lambda row: (x[2](row) is None) != no
        if roll < 0.7:
            return self.listed(x, [make(0 if rng.random() < 0.7 else 1) for _ in range(rng.randint(1, 3))])
        if roll < 0.76:
            low, high = make(depth - 1), make(depth - 1)
            if kind == "bool":
                return x
            no = rng.random() < 0.4
            duck = (
                f"({x[1]} {'NOT ' if no else ''}BETWEEN {low[1]} AND {high[1]})"
                if x[1] and low[1] and high[1]
                else None
            )

            def between(row):
                found = kleene_and(COMPARE[">="](x[2](row), low[2](row)), COMPARE["<="](x[2](row), high[2](row)))
                return negate(found) if no else found

            return f"({x[0]} {'NOT ' if no else ''}BETWEEN {low[0]} AND {high[0]})", duck, between
        if roll < 0.82 and kind == "text":
            pattern = rng.choice(PATTERNS)
            return (
                f"({x[0]} LIKE {self.quote(pattern)})",
                x[1] and f"({x[1]} LIKE {self.quote(pattern)})",
                lambda row: like(x[2](row), pattern),
            )
        y = make(depth - 1)
        if roll < 0.86:
            no = rng.random() < 0.5
            form = "IS NOT DISTINCT FROM" if no else "IS DISTINCT FROM"
            duck = f"({x[1]} {form} {y[1]})" if x[1] and y[1] else None
            return f"({x[0]} {form} {y[0]})", duck, lambda row: (x[2](row) == y[2](row)) == no
        operator = rng.choice(["=", "<>"] if kind == "bool" else list(COMPARE))
        if "NULL" in (x[0], y[0]):
            return x if kind == "bool" else self.truth(0)
        duck = f"({x[1]} {operator} {y[1]})" if x[1] and y[1] else None
        return f"({x[0]} {operator} {y[0]})", duck, lambda row: COMPARE[operator](x[2](row), y[2](row))

    def listed(self, x, options):
        null = self.rng.random() < 0.2
        no = self.rng.random() < 0.4
        shown = [option[0] for option in options] + (["NULL"] if null else [])
        word = "NOT IN" if no else "IN"
        duck = None
        if x[1] and all(option[1] for option in options):
            duck = f"({x[1]} {word} ({', '.join([option[1] for option in options] + (['NULL'] if null else []))}))"

        def member(row):
            equal = [COMPARE["="](x[2](row), option[2](row)) for option in options] + ([None] if null else [])
            found = kleene_or(*equal)
            return negate(found) if no else found

        return f"({x[0]} {word} ({', '.join(shown)}))", duck, member


def random_rows(seed, n):
    """Rows of exact values, a quarter NULL, chosen so that comparisons often tie."""
    rng = random.Random(seed)

    def some(values):
        return None if rng.random() < 0.25 else rng.choice(values)

    return [
        {
            "a": some([Fraction(v) for v in (0, 1, 2, -1, 3, 10)]),
            "b": some([Fraction(v) for v in (0, 1, 2, 100, 9007199254740993)]),
            "m": some([Fraction(v) for v in ("0.1", "0.2", "0.3", "100.5", "-0.01", "0")]),
            "t": some(TEXT_LITERALS),
            "u": some(TEXT_LITERALS),
            "p": some([True, False]),
            "q": some([True, False]),
            "d": some([*DATE_LITERALS, date(2024, 3, 1)]),
            "e": some([*DATE_LITERALS, date(2024, 1, 1)]),
        }
        for _ in range(n)
    ]
