"""Random expressions against a second interpreter and against DuckDB: 600 expressions × 40 rows, every one bit for bit."""

import importlib.util
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.rules import RuleError, evaluate_expr

_spec = importlib.util.spec_from_file_location("rules_reference", Path(__file__).with_name("rules_reference.py"))
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)

ROWS = reference.random_rows(11, 40)
DTYPES = {
    "a": pl.Int64,
    "b": pl.Int64,
    "m": pl.Decimal(18, 2),
    "t": pl.String,
    "u": pl.String,
    "p": pl.Boolean,
    "q": pl.Boolean,
    "d": pl.Date,
    "e": pl.Date,
}


def plain(value, dtype):
    if isinstance(value, Fraction):
        return int(value) if dtype == pl.Int64 else Decimal(value.numerator) / Decimal(value.denominator)
    return value


FRAME = pl.DataFrame(
    {name: pl.Series([plain(row[name], kind) for row in ROWS], dtype=kind) for name, kind in DTYPES.items()}
)


def test_against_the_second_interpreter():
    maker = reference.Maker(20241231)
    compared = 0
    seen = set()
    for _ in range(600):
        text, _, meaning = maker.truth(maker.rng.randint(1, 4))
        expected = [meaning(row) for row in ROWS]
        assert evaluate_expr(text, FRAME, reference.SCHEMA).to_list() == expected, text
        compared += len(ROWS)
        seen.update(expected)
    assert compared >= 20_000 and seen == {True, False, None}


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5))
def test_laws(seed, depth):
    """A condition and its negation are never both true and are unknown together; IS UNKNOWN covers the rest."""
    text, _, meaning = reference.Maker(seed).truth(depth)
    yes = evaluate_expr(text, FRAME, reference.SCHEMA)
    no = evaluate_expr(f"NOT ({text})", FRAME, reference.SCHEMA)
    unknown = evaluate_expr(f"({text}) IS UNKNOWN", FRAME, reference.SCHEMA)
    assert not (yes.fill_null(False) & no.fill_null(False)).any()
    assert (yes.is_null() == no.is_null()).all() and (yes.is_null() == unknown).all()
    assert yes.to_list() == [meaning(row) for row in ROWS]
    order = [(7 * i + 3) % len(ROWS) for i in range(len(ROWS))]
    assert evaluate_expr(text, FRAME[order], reference.SCHEMA).to_list() == yes.gather(order).to_list()


def test_against_duckdb():
    con = duckdb.connect()
    con.execute(
        "CREATE TABLE r (n INTEGER, a BIGINT, b BIGINT, m DECIMAL(18,2), t VARCHAR, u VARCHAR, p BOOLEAN, q BOOLEAN, d DATE, e DATE)"
    )
    con.executemany(
        "INSERT INTO r VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [[n, *row] for n, row in enumerate(FRAME.rows())]
    )
    maker = reference.Maker(5, division=False)
    compared = 0
    for _ in range(600):
        text, duck, _ = maker.truth(maker.rng.randint(1, 3))
        if duck is None:
            continue
        try:
            found = con.execute(f"SELECT {duck} FROM r ORDER BY n").fetchall()
        except duckdb.Error as error:
            # products of three 16-digit numbers overflow DuckDB's decimals; ours are exact
            assert any(word in str(error) for word in ("verflow", "out of range", "precision")), (duck, error)
            continue
        assert evaluate_expr(text, FRAME, reference.SCHEMA).to_list() == [row[0] for row in found], text
        compared += len(ROWS)
    con.close()
    assert compared >= 10_000


@pytest.mark.parametrize(
    "text",
    [
        "(" * 300 + "p" + ")" * 300,
        "NOT " * 500 + "p",
        "-" + " -" * 500 + " a > 0",
        "p AND " * 1600 + "p",
        "a + " * 2000 + "a > 0",
        "p AND " * 3000 + "p",
    ],
)
def test_too_deep_is_refused_or_answered_never_a_crash(text):
    try:
        assert evaluate_expr(text, FRAME, reference.SCHEMA).len() == len(ROWS)
    except RuleError as error:
        assert "嵌套" in error.message or "连写" in error.message or "上限" in error.message


def test_any_words_in_any_order_give_an_answer_or_a_refusal():
    """20,000 random token strings: RuleError or a series, never another exception."""
    import random

    rng = random.Random(4)
    words = [
        "a",
        "b",
        "m",
        "t",
        "p",
        "q",
        "d",
        "1",
        "0",
        "0.5",
        "'x'",
        "'2024-01-01'",
        "DATE '2024-01-01'",
        "NULL",
        "TRUE",
        "FALSE",
        "AND",
        "OR",
        "NOT",
        "=",
        "<>",
        "<",
        ">=",
        "IS",
        "IS NULL",
        "IS NOT TRUE",
        "IS DISTINCT FROM",
        "BETWEEN",
        "IN",
        "LIKE",
        "ESCAPE '!'",
        "(",
        ")",
        "(",
        ")",
        ",",
        "+",
        "-",
        "*",
        "/",
        "coalesce(",
        "least(",
        "greatest(",
        "date_diff('day',",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "as_of",
        "：",
        "foo",
        "count(",
        ";",
    ]
    answered = 0
    for _ in range(20_000):
        text = " ".join(rng.choices(words, k=rng.randint(1, 9)))
        try:
            found = evaluate_expr(text, FRAME, reference.SCHEMA)
        except RuleError as error:
            assert error.message
        else:
            assert found.dtype == pl.Boolean and found.len() == len(ROWS)
            answered += 1
    assert answered > 150


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("coalesce(NULL, NULL) > 1", None), ("least(NULL, NULL) > 1", None), ("NULL + 1 > 0", None), ("- NULL > 1", None), ("NULL IS DISTINCT FROM NULL", False),
        ("NULL IS NOT DISTINCT FROM NULL", True), ("CASE WHEN TRUE THEN NULL END IS NULL", True), ("NULL BETWEEN 1 AND 2", None), ("NULL IN (NULL)", None), ("NULL LIKE NULL", None),
        ("CASE NULL WHEN 1 THEN TRUE ELSE FALSE END", False), ("date_diff('day', NULL, DATE '2024-01-01') > 0", None), ("coalesce(NULL, 'x') = 'x'", True), ("NULL IN (1, 2)", None),
        ("coalesce(NULL, DATE '2024-01-01') = '2024-01-01'", True), ("1 IN (NULL)", None), ("(NULL IS NULL) IS TRUE", True), ("'a' IN ('b', NULL)", None), ("TRUE IN (TRUE, NULL)", True),
        ("1 / 0 IS NULL", True), ("1 / 0 = 1 / 0", None), ("greatest(1, 1 / 0) IS NULL", True), ("DATE '2024-03-01' - DATE '2024-02-28' = 2", True),
    ],
)  # fmt: skip
def test_nothing_but_constants(text, expected):
    assert evaluate_expr(text, FRAME.head(2), reference.SCHEMA).to_list() == [expected] * 2
