"""DMN's FEEL conformance cases and OpenFisca's template country, as facts, through `evaluate_expr`.

FEEL: dmn-tck/tck (Apache-2.0), level 2 `0106 0107` and level 3 `0064 0065 0066 0068 0071 0072`: what they ask of numbers, texts, dates
and truth values. Times, dates with a time, durations, lists of lists and contexts have no words in our language. FEEL's `=` is two-valued
with null, so it is said as IS [NOT] DISTINCT FROM; where it answers null to values of different types, we refuse.
OpenFisca: openfisca-country-template 8 (AGPL-3.0; figures of its parameters and tests only, the formulas are said in our own words).
"""

from itertools import product

import polars as pl
import pytest

from matching.rules import RuleError, evaluate_expr

T, F, U = True, False, None
WORDS = {T: "TRUE", F: "FALSE", U: "NULL"}


def told(expr, **row):
    schema = {"a": "number", "p": "bool", "q": "bool", "t": "text", "d": "date"}
    return evaluate_expr(expr, pl.DataFrame({"_": [0]} | {name: [value] for name, value in row.items()}), schema).item()


# 0106 and 0064, 0065: value, value, AND, OR
TERNARY = [
    (T, T, T, T), (F, T, F, T), (U, T, U, T), (T, F, F, T), (F, F, F, F), (U, F, F, U), (T, U, U, T), (F, U, F, U), (U, U, U, U),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b", "both", "either"), TERNARY)
def test_ternary_logic_0106_0064_0065(a, b, both, either):
    assert (told("p AND q", p=a, q=b), told("p OR q", p=a, q=b)) == (both, either)
    assert (told(f"{WORDS[a]} AND {WORDS[b]}"), told(f"{WORDS[a]} OR {WORDS[b]}")) == (both, either)


@pytest.mark.parametrize(("a", "negated"), [(T, F), (F, T), (U, U)])
def test_negation_0107_0066(a, negated):
    assert told("NOT p", p=a) is negated
    assert told(f"NOT {WORDS[a]}") is negated


@pytest.mark.parametrize(
    "expr",
    [
        "true AND 123",
        "true AND 'true'",
        "false AND 123",
        "'true' AND true",
        "0 AND 0",
        "'a' OR true",
        "NOT 0",
        "NOT 'true'",
    ],
)
def test_operands_that_are_no_truth_value_are_refused_where_feel_answers_null(expr):
    with pytest.raises(RuleError, match="应是条件"):
        told(expr)


VALUES = {
    "number": ["1", "2", "3", "4", "5"],
    "text": ["'a'", "'b'", "'c'", "'d'", "'e'"],
    "date": [f"DATE '2018-12-0{day}'" for day in range(1, 6)],
}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize(
    ("low", "high", "outcomes"),
    # (2..4), (2..4], [2..4), [2..4] asked of 1 to 5
    [(">", "<", "FFTFF"), (">", "<=", "FFTTF"), (">=", "<", "FTTFF"), (">=", "<=", "FTTTF")],
)
def test_ranges_0072_0071(values, low, high, outcomes):
    first, last = values[1], values[3]
    for value, outcome in zip(values, outcomes, strict=True):
        expected = outcome == "T"
        assert told(f"{value} {low} {first} AND {value} {high} {last}") is expected
        assert told(f"NOT ({value} {low} {first} AND {value} {high} {last})") is not expected
        if (low, high) == (">=", "<="):
            assert told(f"{value} BETWEEN {first} AND {last}") is expected
            assert told(f"{value} NOT BETWEEN {first} AND {last}") is not expected


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_membership_and_unary_tests_0072(values):
    one, two, three, four, five = values
    assert told(f"{one} IN ({two}, {three}, {one})") and told(f"{one} IN ({two}, {three}, {four})") is F
    assert told(f"{one} IN ({one})") and told(f"{one} IN ({two})") is F
    # in [[2..4], [1..3]]
    assert told(f"{one} BETWEEN {two} AND {four} OR {one} BETWEEN {one} AND {three}") is T
    assert told(f"{five} BETWEEN {two} AND {four} OR {five} BETWEEN {one} AND {three}") is F
    # in (x, < y, >= z)
    assert told(f"{four} IN ({three}) OR {four} < {three} OR {four} >= {four}") is T
    assert told(f"{four} IN ({three}) OR {four} >= {five}") is F
    for sign, outcomes in {"<=": "TTF", "<": "TFF", ">=": "FTT", ">": "FFT"}.items():
        for value, outcome in zip((one, two, three), outcomes, strict=True):
            assert told(f"{value} {sign} {two}") is (outcome == "T")


def test_membership_of_truth_values_and_nulls_0072_0071():
    assert told("TRUE IN (TRUE, FALSE)") is T and told("TRUE IN (FALSE, FALSE)") is F and told("TRUE IN (TRUE)") is T
    assert told("a BETWEEN 1 AND 10") is U and told("2 BETWEEN NULL AND 10") is U and told("2 BETWEEN 1 AND NULL") is U
    # SQL: the end that is there may decide; FEEL answers null
    assert told("20 BETWEEN NULL AND 10") is F and told("0 BETWEEN 1 AND NULL") is F
    with pytest.raises(RuleError, match="类型不同"):
        told("TRUE IN (FALSE, 2, 3)")


@pytest.mark.parametrize(
    ("expr", "outcome"),
    [
        ("NULL IS NOT DISTINCT FROM NULL", T), ("NULL IS DISTINCT FROM NULL", F), ("TRUE = TRUE", T), ("TRUE != TRUE", F), ("FALSE = FALSE", T),
        ("TRUE = FALSE", F), ("TRUE IS NOT DISTINCT FROM NULL", F), ("FALSE IS NOT DISTINCT FROM NULL", F), ("123 = 123", T), ("123.01 = 123.01", T),
        ("0 = 0.00", T), ("-0 = 0", T), ("-1 = 1", F), ("100 IS NOT DISTINCT FROM NULL", F), ("'foo' = 'foo'", T), ("'foo' = 'Foo'", F), ("'foo' != 'Foo'", T),
        ("'foo' IS NOT DISTINCT FROM NULL", F), ("DATE '2018-12-08' = DATE '2018-12-08'", T), ("DATE '2018-12-08' = DATE '2018-12-07'", F),
        ("DATE '2018-12-08' != DATE '2018-12-07'", T), ("DATE '2018-12-08' IS NOT DISTINCT FROM NULL", F),
    ],
)  # fmt: skip
def test_equality_0068(expr, outcome):
    assert told(expr) is outcome


@pytest.mark.parametrize(
    "expr",
    [
        "FALSE = 0",
        "TRUE = 1",
        "100 = '100'",
        "'foo' = 100",
        "DATE '2018-12-08' = 100",
        "TRUE = 'true'",
        "'2018-12-8' = DATE '2018-12-08'",
    ],
)
def test_equality_of_different_types_is_refused_where_feel_answers_null(expr):
    with pytest.raises(RuleError, match=r"类型不同|不是日期"):
        told(expr)


# --- OpenFisca's template country ---

BASIC_2015 = "CASE WHEN age >= 18 AND salary = 0 THEN 600 ELSE 0 END"
BASIC_2016 = "CASE WHEN age >= 18 THEN 600 ELSE 0 END"
HOUSING = "CASE WHEN status IN ('owner', 'tenant') THEN greatest(size * 10, 200) ELSE 0 END"
PARENTING = "CASE WHEN income <= 500 AND (adults = 1 AND youngest < 8 OR youngest < 6) THEN 600 ELSE 0 END"
MEAL = "CASE WHEN income >= 2000 THEN 8 WHEN income >= 1000 THEN 4 WHEN income >= 500 THEN 2 WHEN income >= 250 THEN 1 ELSE 0 END"
POOL = "CASE WHEN income > 249 THEN 1 ELSE 0 END + CASE WHEN income > 499 THEN 1 ELSE 0 END + CASE WHEN income > 999 THEN 2 ELSE 0 END"


def marginal(*brackets):
    """A marginal scale: of what lies between a threshold and the next, that bracket's rate."""
    ends = [threshold for threshold, _ in brackets[1:]] + [None]
    parts = (
        f"greatest({'salary' if end is None else f'least(salary, {end})'} - {threshold}, 0) * {rate}"
        for (threshold, rate), end in zip(brackets, ends, strict=True)
    )
    return " + ".join(parts)


@pytest.mark.parametrize(
    ("formula", "row", "amount"),
    [
        (BASIC_2015, {"age": 18, "salary": 0}, 600), (BASIC_2015, {"age": 17, "salary": 0}, 0), (BASIC_2015, {"age": 18, "salary": 1200}, 0),
        (BASIC_2016, {"age": 17, "salary": 0}, 0), (BASIC_2016, {"age": 18, "salary": 1200}, 600), ("rent * 0.25", {"rent": 400}, 100),
        (HOUSING, {"size": 40, "status": "tenant"}, 400), (HOUSING, {"size": 40, "status": "free_lodger"}, 0), (HOUSING, {"size": 100, "status": "tenant"}, 1000),
        ("salary * 0.15", {"salary": 10000}, 1500), ("salary * 0.15", {"salary": 2400}, 360), ("salary * 0.15", {"salary": 0}, 0),
        (marginal((0, "0.03"), (12000, "0.1")), {"salary": 2000}, 60), (marginal((0, "0.03"), (12000, "0.1")), {"salary": 15000}, 660),
        (marginal((0, "0.04"), (12200, "0.12")), {"salary": 2000}, 80), (marginal((0, "0.04"), (12200, "0.12")), {"salary": 15000}, 824),
        (marginal((0, "0.02"), (6000, "0.06"), (12400, "0.12")), {"salary": 2000}, 40), (marginal((0, "0.02"), (6000, "0.06"), (12400, "0.12")), {"salary": 15000}, 816),
        (PARENTING, {"income": 500, "adults": 2, "youngest": 4}, 600), (PARENTING, {"income": 501, "adults": 2, "youngest": 0}, 0),
        *[(MEAL, {"income": income}, price) for income, price in [(0, 0), (1, 0), (250, 1), (499, 1), (500, 2), (3000, 8)]],
        *[(POOL, {"income": income}, price) for income, price in [(0, 0), (249, 0), (250, 1), (499, 1), (500, 2), (1000, 4)]],
    ],
)  # fmt: skip
def test_amounts_of_openfisca_country_template(formula, row, amount):
    schema = {"status": "text"} | dict.fromkeys(
        ("age", "salary", "rent", "size", "income", "adults", "youngest"), "number"
    )
    assert evaluate_expr(f"({formula}) = {amount}", {name: [value] for name, value in row.items()}, schema).item() is T


def test_an_amount_without_its_facts_is_unknown_where_openfisca_takes_nought():
    """OpenFisca's default for a missing salary is 0, which would pay the basic income of 2015; here nobody is paid for want of data."""
    schema = {"age": "number", "salary": "number"}
    assert evaluate_expr("age >= 18 AND salary = 0", {"age": [18]}, schema).item() is U
    assert evaluate_expr("age >= 18 AND salary = 0", {"age": [17]}, schema).item() is F


# --- Kleene's tables as Arrow, pandas and polars compute them ---


def test_kleene_tables_of_arrow_pandas_and_polars():
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    pairs = list(product([T, F, U], repeat=2))
    p, q = [a for a, _ in pairs], [b for _, b in pairs]
    frame, schema = pl.DataFrame({"p": p, "q": q}), {"p": "bool", "q": "bool"}
    ours = {op: evaluate_expr(expr, frame, schema).to_list() for op, expr in {"and": "p AND q", "or": "p OR q", "not": "NOT p", "xor": "p <> q", "and_not": "p AND NOT q"}.items()}  # fmt: skip
    x, y = pa.array(p), pa.array(q)
    assert ours == {"and": pc.and_kleene(x, y).to_pylist(), "or": pc.or_kleene(x, y).to_pylist(), "not": pc.invert(x).to_pylist(), "xor": pc.xor(x, y).to_pylist(), "and_not": pc.and_not_kleene(x, y).to_pylist()}  # fmt: skip
    a, b = pd.array(p, "boolean"), pd.array(q, "boolean")
    for op, found in {"and": a & b, "or": a | b, "not": ~a, "xor": a ^ b}.items():
        assert ours[op] == [None if value is pd.NA else bool(value) for value in found]
    found = frame.select(
        pl.col("p") & pl.col("q"), o=pl.col("p") | pl.col("q"), n=~pl.col("p"), x=pl.col("p") != pl.col("q")
    )
    assert [ours["and"], ours["or"], ours["not"], ours["xor"]] == [column.to_list() for column in found]
    # is_in with a NULL among the options: pandas and Arrow differ by an option; ours is SQL's
    assert evaluate_expr("p IN (TRUE, NULL)", frame, schema).to_list() == [T, T, T, U, U, U, U, U, U]
