"""NULL in every operator, against the truth tables of SQL:2016 (8.x) and of Kleene's strong logic."""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from matching.rules import RuleError, evaluate_expr

T, F, U = True, False, None
SCHEMA = {"a": "number", "b": "number", "t": "text", "p": "bool", "q": "bool", "d": "date", "m": "number"}


def verdict(expr, **row):
    types = {"a": pl.Int64, "b": pl.Int64, "t": pl.String, "p": pl.Boolean, "q": pl.Boolean, "d": pl.Date}
    frame = pl.DataFrame({name: pl.Series([row.get(name)], dtype=kind) for name, kind in types.items()})
    return evaluate_expr(expr, frame, SCHEMA).item()


@pytest.mark.parametrize(
    ("p", "q", "both", "either"),
    [
        (T, T, T, T), (T, F, F, T), (T, U, U, T),
        (F, T, F, T), (F, F, F, F), (F, U, F, U),
        (U, T, U, T), (U, F, F, U), (U, U, U, U),
    ],
)  # fmt: skip
def test_and_or(p, q, both, either):
    assert verdict("p AND q", p=p, q=q) is both
    assert verdict("p OR q", p=p, q=q) is either
    assert verdict("NOT (p AND q)", p=p, q=q) is verdict("NOT p OR NOT q", p=p, q=q)
    literal = {T: "TRUE", F: "FALSE", U: "NULL"}
    assert verdict(f"{literal[p]} AND {literal[q]}") is both
    assert verdict(f"{literal[p]} OR q", q=q) is either


@pytest.mark.parametrize(
    ("p", "negated", "true", "false", "unknown"), [(T, F, T, F, F), (F, T, F, T, F), (U, U, F, F, T)]
)
def test_not_and_the_tests_of_truth(p, negated, true, false, unknown):
    assert verdict("NOT p", p=p) is negated
    for form, expected in (("TRUE", true), ("FALSE", false), ("UNKNOWN", unknown), ("NULL", unknown)):
        assert verdict(f"p IS {form}", p=p) is expected
        assert verdict(f"p IS NOT {form}", p=p) is (not expected)
        assert verdict(f"(NOT NOT p) IS {form}", p=p) is expected


@pytest.mark.parametrize("operator", ["=", "<>", "!=", "<", "<=", ">", ">="])
@pytest.mark.parametrize(("a", "b"), [(1, 2), (2, 2), (3, 2), (None, 2), (1, None), (None, None)])
def test_comparisons(operator, a, b):
    python = {"=": "==", "<>": "!=", "!=": "!="}.get(operator, operator)
    expected = (
        None
        if a is None or b is None
        else {"==": a == b, "!=": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[python]
    )
    assert verdict(f"a {operator} b", a=a, b=b) is expected
    if b is not None:
        assert verdict(f"a {operator} {b}", a=a) is expected
    if a is not None:
        assert verdict(f"{a} {operator} b", b=b) is expected


@pytest.mark.parametrize(
    ("expr", "a", "expected"),
    [
        ("a BETWEEN 1 AND 3", 1, T), ("a BETWEEN 1 AND 3", 3, T), ("a BETWEEN 1 AND 3", 4, F), ("a BETWEEN 1 AND 3", None, U),
        ("a NOT BETWEEN 1 AND 3", 4, T), ("a NOT BETWEEN 1 AND 3", None, U),
        ("a BETWEEN NULL AND 3", 4, F), ("a BETWEEN NULL AND 3", 2, U), ("a BETWEEN 1 AND NULL", 0, F),
        ("a NOT BETWEEN NULL AND 3", 4, T), ("a NOT BETWEEN NULL AND 3", 2, U), ("a BETWEEN 3 AND 1", 2, F),
        ("a IN (1, 2)", 1, T), ("a IN (1, 2)", 3, F), ("a IN (1, 2)", None, U),
        ("a IN (1, NULL)", 1, T), ("a IN (1, NULL)", 3, U), ("a IN (NULL)", 3, U), ("a IN (NULL)", None, U),
        ("a NOT IN (1, 2)", 3, T), ("a NOT IN (1, NULL)", 1, F), ("a NOT IN (1, NULL)", 3, U), ("a NOT IN (1)", None, U),
        ("NULL IN (1, 2)", None, U), ("NULL NOT IN (1)", None, U), ("1 IN (1, NULL)", None, T), ("a IN (a)", 5, T), ("a IN (a)", None, U),
        ("a IS NULL", None, T), ("a IS NULL", 1, F), ("a IS NOT NULL", None, F), ("NOT a IS NULL", None, F), ("NULL IS NULL", None, T),
        ("a IS DISTINCT FROM 1", None, T), ("a IS DISTINCT FROM 1", 1, F), ("a IS NOT DISTINCT FROM NULL", None, T),
        ("a IS NOT DISTINCT FROM NULL", 1, F), ("a IS DISTINCT FROM NULL", 1, T),
        ("NULL IS TRUE", None, F), ("NULL IS NOT TRUE", None, T), ("NULL IS FALSE", None, F), ("NULL IS UNKNOWN", None, T),
        ("(a > 1) IS TRUE", None, F), ("(a > 1) IS NOT TRUE", None, T), ("a > 1 IS UNKNOWN", None, T), ("NOT NULL", None, U), ("NULL", None, U),
        ("(NULL AND FALSE) IS FALSE", None, T), ("(NULL OR TRUE) IS TRUE", None, T),
    ],
)  # fmt: skip
def test_null_in_ranges_lists_and_tests(expr, a, expected):
    assert verdict(expr, a=a) is expected


@pytest.mark.parametrize(
    ("expr", "a", "b", "expected"),
    [
        ("a + b = 3", 1, 2, T), ("a + b = 3", 1, None, U), ("a - b < 0", 1, 2, T), ("a * b = 0", 0, None, U), ("-a = -1", 1, None, T), ("-a = 1", None, None, U),
        ("a / b > 0", 1, 0, U), ("a / b = 1", 0, 0, U), ("a / b < 0", -1, 0, U), ("NOT (a / b > 0)", 1, 0, U), ("a / 0 IS NULL", 1, None, T),
        ("a / b * b = a", 1, 3, T), ("a / b = 0.5", 1, 2, T), ("a / b >= 1 / 3", 1, 3, T), ("a / b < 0", 1, -3, T),
        ("coalesce(a, b) = 2", None, 2, T), ("coalesce(a, b) = 2", 2, None, T), ("coalesce(a, b) = 2", None, None, U), ("coalesce(NULL, a, 7) = 7", None, None, T),
        ("least(a, b) = 1", 1, 2, T), ("least(a, b) = 1", 1, None, U), ("greatest(a, b) = 2", 1, 2, T), ("greatest(a, b, 3) = 3", None, 2, U), ("least(a, NULL) = 1", 1, None, U),
        ("CASE WHEN a > 1 THEN TRUE ELSE FALSE END", None, None, F), ("CASE WHEN a > 1 THEN 1 ELSE 2 END = 2", None, None, T), ("CASE WHEN a > 1 THEN 1 END = 1", 1, None, U),
        ("CASE a WHEN 1 THEN b WHEN 2 THEN 20 END = 20", 2, None, T), ("CASE a WHEN NULL THEN 1 ELSE 0 END = 0", None, None, T),
        ("CASE WHEN NULL THEN 1 WHEN a = 1 THEN 2 END = 2", 1, None, T),
    ],
)  # fmt: skip
def test_null_in_arithmetic_and_choices(expr, a, b, expected):
    assert verdict(expr, a=a, b=b) is expected


@pytest.mark.parametrize(
    ("expr", "t", "expected"),
    [
        ("t LIKE 'a%'", "abc", T), ("t LIKE 'a%'", None, U), ("t NOT LIKE 'a%'", None, U), ("t LIKE NULL", "a", U), ("NULL LIKE 'a'", None, U),
        ("t LIKE '%'", "", T), ("t LIKE ''", "", T), ("t LIKE '_'", "", F), ("t LIKE '_'", "海", T), ("t LIKE '__'", "海", F),
        ("t LIKE 'a%c'", "a\nb\nc", T), ("t LIKE 'a_c'", "a\nc", T), ("t LIKE 'a'", "a\n", F), ("t LIKE 'A'", "a", F),
        ("t LIKE 'a.c'", "abc", F), ("t LIKE 'a.c'", "a.c", T), ("t LIKE '(x)|[y]*+?^$\\'", "(x)|[y]*+?^$\\", T), ("t LIKE '%科技%'", "海南科技公司", T),
        ("t LIKE '10!%' ESCAPE '!'", "10%", T), ("t LIKE '10!%' ESCAPE '!'", "100", F), ("t LIKE 'a!_b' ESCAPE '!'", "a_b", T), ("t LIKE '!!%' ESCAPE '!'", "!x", T),
        ("t = 'it''s'", "it's", T), ("t <> 'x'", None, U), ("t > 'a'", "b", T), ("t = ''", "", T), ("t IN ('x', NULL)", "y", U),
    ],
)  # fmt: skip
def test_texts(expr, t, expected):
    assert verdict(expr, t=t) is expected


@pytest.mark.parametrize(
    ("expr", "d", "expected"),
    [
        ("d >= DATE '2024-02-29'", date(2024, 2, 29), T), ("d < '2024-02-29'", date(2024, 2, 28), T), ("d = DATE '2024-01-01'", None, U),
        ("DATE '2024-03-01' - d = 1", date(2024, 2, 29), T), ("DATE '2024-03-01' - d > 0", None, U),
        ("date_diff('day', d, DATE '2024-03-01') = 2", date(2024, 2, 28), T), ("date_diff('day', DATE '2024-03-01', d) = -1", date(2024, 2, 29), T),
        ("d - 1 = DATE '1969-12-31'", date(1970, 1, 1), T), ("d + 365 > DATE '2024-12-31'", date(2024, 1, 1), F),
        ("as_of - d >= 365", date(2023, 6, 1), T), ("as_of - 365 >= d", date(2023, 6, 3), F), ("d BETWEEN DATE '2024-01-01' AND as_of", date(2024, 5, 31), T),
    ],
)  # fmt: skip
def test_dates(expr, d, expected):
    frame = pl.DataFrame({"d": pl.Series([d], dtype=pl.Date)})
    assert evaluate_expr(expr, frame, {"d": "date"}, as_of=date(2024, 5, 31)).item() is expected


def test_exact_numbers():
    frame = pl.DataFrame(
        {
            "a": [0.1, 1e308, 5e-324, 0.1 + 0.2, float("nan"), float("inf"), float("-inf"), None, -0.0, 2.0**53],
            "n": [2**53 + 1, 2**63 - 1, -(2**63), 3, 0, 1, 2, None, 5, 9007199254740993],
        }
    )
    schema = {"a": "number", "n": "number"}
    assert evaluate_expr("a + 0.2 = 0.3", frame, schema).to_list()[0] is T
    assert evaluate_expr("0.1 + 0.2 = 0.3", frame, schema).to_list() == [T] * 10
    # 0.1 + 0.2 in doubles is 0.30000000000000004, and that is what the column says
    assert evaluate_expr("a = 0.30000000000000004", frame, schema).to_list()[3] is T
    assert evaluate_expr("a > 0", frame, schema).to_list() == [T, T, T, T, U, U, U, U, F, T]
    assert evaluate_expr("a IS NULL", frame, schema).to_list() == [F, F, F, F, T, T, T, T, F, F]
    assert evaluate_expr("n = 9007199254740993", frame, schema).to_list() == [T, F, F, F, F, F, F, U, F, T]
    assert evaluate_expr("n + 1 > 9223372036854775807", frame, schema).to_list() == [F, T, F, F, F, F, F, U, F, F]
    assert evaluate_expr("-n = 9223372036854775808", frame, schema).to_list()[2] is T
    assert evaluate_expr("n * n * n >= 1", frame, schema).to_list() == [T, T, F, T, F, T, T, U, T, T]
    assert evaluate_expr("1 / n > 0", frame, schema).to_list() == [T, T, F, T, U, T, T, U, T, T]
    assert evaluate_expr("n > -9223372036854775809", frame, schema).to_list() == [T, T, T, T, T, T, T, U, T, T]


def test_decimals_wider_than_64_bits():
    frame = pl.DataFrame(
        {"m": pl.Series([Decimal("99999999999999999999999999.99"), Decimal("0.01"), None], dtype=pl.Decimal(38, 2))}
    )
    assert evaluate_expr("m > 99999999999999999999999999.98", frame, {"m": "number"}).to_list() == [T, F, U]
    assert evaluate_expr("m * 100 = 1", frame, {"m": "number"}).to_list() == [F, T, U]


def test_shapes():
    empty = pl.DataFrame(schema={"a": pl.Int64, "t": pl.String, "p": pl.Boolean, "d": pl.Date})
    schema = {"a": "number", "t": "text", "p": "bool", "d": "date"}
    for expr in (
        "a > 1",
        "t LIKE '%'",
        "p",
        "d = '2024-01-01'",
        "1 = 1",
        "coalesce(a, 1) / a > 0",
        "CASE WHEN p THEN t ELSE 'x' END = 'x'",
        "NULL",
    ):
        found = evaluate_expr(expr, empty, schema)
        assert found.dtype == pl.Boolean and found.len() == 0
    three = pl.DataFrame({"a": [1, 2, 3]})
    assert evaluate_expr("1 < 2", three, {"a": "number"}).to_list() == [T, T, T]
    assert evaluate_expr("NULL", three, {"a": "number"}).to_list() == [U, U, U]
    sliced = pl.concat([three, three]).slice(2, 3)
    assert evaluate_expr("a >= 2", sliced, {"a": "number"}).to_list() == [T, F, T]
    assert evaluate_expr("x > 1", pl.DataFrame({"x": [None, None]}), {"x": "number"}).to_list() == [U, U]


def test_names_in_other_case_quoted_or_chinese():
    frame = pl.DataFrame({"Rev": [5], "研发费用": [3], "two words": [1]})
    schema = {"Rev": "number", "研发费用": "number", "two words": "number"}
    assert evaluate_expr('rev > 4 and 研发费用 >= 3 AnD "two words" = 1 and "Rev" = 5', frame, schema).item() is T


def test_data_of_another_type_than_the_schema_says():
    with pytest.raises(RuleError, match="列 a 应为数"):
        evaluate_expr("a > 1", pl.DataFrame({"a": [True]}), {"a": "number"})
