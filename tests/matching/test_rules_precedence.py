"""Unbracketed expressions group as DuckDB groups them."""

import random

import duckdb
import polars as pl
import pytest

from matching.rules import RuleError, evaluate_expr

BOOLS = [
    "p",
    "q",
    "TRUE",
    "FALSE",
    "NULL",
    "a = b",
    "a < 2",
    "a IN (1, 2)",
    "a BETWEEN 1 AND b",
    "t LIKE 'x%'",
    "a + b * 2 > 3",
    "-a - b < a",
]
JOINS = ["AND", "OR", "AND NOT", "OR NOT", "=", "<>", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"]
TAILS = ["", "", "", " IS TRUE", " IS NOT FALSE", " IS NULL", " IS NOT NULL", " IS UNKNOWN"]
ROWS = [
    {"a": a, "b": b, "t": t, "p": p, "q": q}
    for a, b, t, p, q in [
        (1, 2, "x", True, False), (2, 1, "y", None, True), (None, 1, None, False, None), (3, None, "xy", None, None), (1, 1, "", True, True), (0, 0, "x", False, False),
    ]
]  # fmt: skip
FRAME = pl.DataFrame(ROWS, schema={"a": pl.Int64, "b": pl.Int64, "t": pl.String, "p": pl.Boolean, "q": pl.Boolean})
SCHEMA = {"a": "number", "b": "number", "t": "text", "p": "bool", "q": "bool"}


def flat(rng):
    parts = ["NOT "] if rng.random() < 0.3 else []
    for number in range(rng.randint(1, 5)):
        if number:
            parts.append(f" {rng.choice(JOINS)} ")
        parts.append(rng.choice(BOOLS) + rng.choice(TAILS))
    return "".join(parts)


@pytest.fixture(scope="module")
def con():
    con = duckdb.connect()
    con.execute("CREATE TABLE r (n INTEGER, a INTEGER, b INTEGER, t VARCHAR, p BOOLEAN, q BOOLEAN)")
    con.executemany("INSERT INTO r VALUES (?, ?, ?, ?, ?, ?)", [[n, *row.values()] for n, row in enumerate(ROWS)])
    yield con
    con.close()


def test_as_duckdb_groups(con):
    rng = random.Random(7)
    compared = 0
    for _ in range(1500):
        expr = flat(rng)
        try:
            ours = evaluate_expr(expr, FRAME, SCHEMA).to_list()
        except RuleError:
            continue
        try:
            rows = con.execute(f"SELECT CAST(({expr}) AS BOOLEAN) FROM r ORDER BY n").fetchall()
        except duckdb.ParserException:
            continue
        theirs = [row[0] for row in rows]
        assert ours == theirs, expr
        compared += 1
    assert compared > 700


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("2 > 1 IS TRUE", True), ("1 = 2 IS NULL", False), ("NOT 1 = 2", True), ("NOT NULL IS NULL", False), ("TRUE = 1 IN (1, 2)", True),
        ("1 IN (1) = TRUE", True), ("-2 * 3 = -6", True), ("1 IS NULL IS NULL", False), ("NOT TRUE IS FALSE", True), ("2 - 1 - 1 = 0", True),
        ("8 / 2 / 2 = 2", True), ("2 + 3 * 4 = 14", True), ("TRUE OR TRUE AND FALSE", True), ("1 BETWEEN 0 AND 2 AND FALSE", False),
        ("NOT 1 IN (2) AND FALSE", False), ("- - 1 = 1", True), ("1 - -1 = 2", True), ("NOT NOT TRUE", True),
    ],
)  # fmt: skip
def test_known_groupings(expr, expected, con):
    assert evaluate_expr(expr, FRAME.head(1), SCHEMA).item() is expected
    assert con.execute(f"SELECT {expr}").fetchone() == (expected,)
