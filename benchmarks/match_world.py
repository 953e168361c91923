"""Enterprises and items for the kernel benchmark: seeded, in the proportions of a real catalogue, in words every contender understands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from matching.rules.program import Program, compile_items

AS_OF = date(2024, 12, 31)
REGIONS = [f"46{city:02d}{district:02d}" for city in (1, 2, 4, 90) for district in range(5, 11)]
INDUSTRIES = [f"{division}{group}" for division in range(13, 40) for group in ("11", "20")]
SIZES = ["大型", "中型", "小型", "微型"]
LEVELS = ["A", "B", "M", "C", "D"]
KINDS: dict[str, list[str]] = {
    "money": [f"money_{n}" for n in range(12)],
    "integer": [f"count_{n}" for n in range(5)],
    "ratio": [f"ratio_{n}" for n in range(4)],
    "bool": [f"is_{n}" for n in range(4)],
    "code": ["size", "level"],
    "region": ["registered_region"],
    "industry": ["industry"],
    "date": ["established_date"],
}
COLUMNS = [name for names in KINDS.values() for name in names]
INDICATORS = {name: {"type": kind} for kind, names in KINDS.items() for name in names}


def enterprises(n: int, seed: int = 7) -> pl.DataFrame:
    """`n` enterprises × 30 columns in the warehouse's types (money DECIMAL(18,2), ratios DECIMAL(18,6)), 8 % NULL."""
    rng = np.random.default_rng(seed)
    found: dict[str, pl.Series] = {"enterprise_id": pl.Series(np.arange(n)).cast(pl.String)}
    for name in KINDS["money"]:
        fen = np.minimum(np.exp(rng.normal(17, 3, n)), 9e14).astype(np.int64)
        found[name] = (pl.Series(fen).cast(pl.Decimal(18, 0)).cast(pl.Decimal(18, 2)) / 100).cast(pl.Decimal(18, 2))
    for name in KINDS["integer"]:
        found[name] = pl.Series(np.exp(rng.normal(3, 1.5, n)).astype(np.int64))
    for name in KINDS["ratio"]:
        found[name] = (pl.Series(rng.integers(0, 1_000_001, n)).cast(pl.Decimal(18, 6)) / 1_000_000).cast(
            pl.Decimal(18, 6)
        )
    for name in KINDS["bool"]:
        found[name] = pl.Series(rng.random(n) < 0.3)
    for name, words in (("size", SIZES), ("level", LEVELS), ("registered_region", REGIONS), ("industry", INDUSTRIES)):
        found[name] = pl.Series(np.array(words)[rng.integers(0, len(words), n)])
    days = rng.integers(0, 9000, n).astype(np.int32)
    found["established_date"] = pl.Series(days + (date(2000, 1, 1) - date(1970, 1, 1)).days, dtype=pl.Int32).cast(
        pl.Date
    )
    frame = pl.DataFrame(found)
    return frame.with_columns(
        pl.when(pl.Series(rng.random(n) >= 0.08)).then(pl.col(name)).alias(name) for name in COLUMNS
    )


def items(n: int, seed: int = 11) -> list[dict[str, Any]]:
    """`n` items of 2 to 6 conditions, one in five with an OR; thresholds are the round numbers of policies, so tests repeat."""
    rng = np.random.default_rng(seed)
    return [_item(number, rng) for number in range(n)]


def _item(number: int, rng: np.random.Generator) -> dict[str, Any]:
    conditions = [{"id": f"c{at}", "text": "", "expr": _condition(rng)} for at in range(1, int(rng.integers(2, 7)) + 1)]
    logic = None
    if rng.random() < 0.2 and len(conditions) > 2:
        logic = "c1 AND (" + " OR ".join(c["id"] for c in conditions[1:]) + ")"
    return {"id": f"item-{number}", "conditions": conditions, "logic": logic}


def _pick(rng: np.random.Generator, values: list[Any]) -> Any:
    return values[int(rng.integers(0, len(values)))]


def _condition(rng: np.random.Generator) -> str:
    kind = _pick(
        rng,
        ["money"] * 5
        + ["integer"] * 3
        + ["ratio"] * 2
        + ["bool"] * 3
        + ["code"] * 2
        + ["region"] * 3
        + ["industry"] * 2
        + ["date"],
    )
    name = _pick(rng, KINDS[kind])
    if kind == "money":
        return f"{name} {_pick(rng, ['>=', '>=', '>=', '<=', '<'])} {_pick(rng, [100000, 500000, 1000000, 2000000, 3000000, 5000000, 10000000, 20000000, 50000000, 100000000])}"
    if kind == "integer":
        return f"{name} {_pick(rng, ['>=', '>=', '<='])} {_pick(rng, [1, 3, 5, 10, 20, 30, 50, 100, 300])}"
    if kind == "ratio":
        return f"{name} >= {_pick(rng, ['0.03', '0.05', '0.1', '0.2', '0.3', '0.5', '0.6'])}"
    if kind == "bool":
        return name if rng.random() < 0.5 else f"NOT {name}"
    if kind == "date":
        return f"established_date >= DATE '{AS_OF - timedelta(days=int(_pick(rng, [365, 730, 1095, 1825, 3650])))}'"
    words = {"size": SIZES, "level": LEVELS, "registered_region": REGIONS, "industry": INDUSTRIES}[name]
    count = int(rng.integers(1, 4 if kind == "code" else 7))
    start = int(rng.integers(0, len(words) - count + 1))
    return f"{name} IN ({', '.join(repr(word) for word in words[start : start + count])})"


def program(n: int, factors: Mapping[str, int] | None = None) -> Program:
    """The items compiled; `factors` says which columns hold so many times their value, as integers."""
    written = items(n)
    for condition in (condition for item in written for condition in item["conditions"]):
        found = re.fullmatch(r"(\w+) (>=|<=|<) ([\d.]+)", condition["expr"])
        if found and factors and found[1] in factors:
            condition["expr"] = f"{found[1]} {found[2]} {(Decimal(found[3]) * factors[found[1]]).normalize():f}"
    return compile_items(written, INDICATORS)


def sql_of(item: dict[str, Any]) -> str:
    """The item's logic as one SQL expression."""
    exprs = {c["id"]: f"({c['expr']})" for c in item["conditions"]}
    if item["logic"] is None:
        return " AND ".join(exprs.values())
    first, *rest = exprs.values()
    return f"{first} AND ({' OR '.join(rest)})"
