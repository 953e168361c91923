"""JSON-logic's published suite through `evaluate_expr`: rules and outcomes as facts, said in our language by a small adapter.

Source: jsonlogic.com `tests.json` (jwadhams/json-logic, MIT). Left out is what the language has no words for: `cat`, `%`, `substr`, `merge`,
`missing`, `missing_some`, `map`, `filter`, `reduce`, `all`, `none`, `some`, and data that is no row of columns. What JSON-logic answers by
turning one type into another (`1 == "1"`, numbers and texts as truth values) is refused here, and tested as refused.
"""

from itertools import pairwise

import polars as pl
import pytest

from matching.rules import RuleError, evaluate_expr

JOINS = {"and": " AND ", "or": " OR "}
SIGNS = {"==": "=", "===": "=", "!=": "<>", "!==": "<>", ">": ">", ">=": ">=", "<": "<", "<=": "<="}


def said(rule):
    """A rule as an expression of our language."""
    if not isinstance(rule, dict):
        return literal(rule)
    ((operator, given),) = rule.items()
    args = given if isinstance(given, list) else [given]
    if operator == "var":
        name = args[0].replace(".", "_")
        return f"coalesce({name}, {said(args[1])})" if len(args) > 1 else name
    if operator == "in":
        return among(*args)
    parts = [said(arg) for arg in args]
    if operator in JOINS:
        return f"({JOINS[operator].join(parts)})"
    if operator in ("!", "!!"):
        return f"(NOT {parts[0]})" if operator == "!" else f"(NOT NOT {parts[0]})"
    if operator in SIGNS:
        return f"({' AND '.join(compared(operator, a, b) for a, b in pairwise(parts))})"
    if operator in ("?:", "if"):
        whens = "".join(f"WHEN {a} THEN {b} " for a, b in zip(parts[0::2], parts[1::2], strict=False))
        return f"(CASE {whens}{f'ELSE {parts[-1]} ' if len(parts) % 2 else ''}END)"
    if operator in ("min", "max"):
        return f"{'least' if operator == 'min' else 'greatest'}({', '.join(parts)})"
    return f"(- {parts[0]})" if operator == "-" and len(parts) == 1 else f"({f' {operator} '.join(parts)})"


def compared(operator, a, b):
    if "NULL" in (a, b):
        return f"{b if a == 'NULL' else a} IS {'NOT ' if operator.startswith('!') else ''}NULL"
    return f"{a} {SIGNS[operator]} {b}"


def among(what, options):
    if isinstance(options, list):
        return f"({said(what)} IN ({', '.join(map(said, options))}))"
    return f"({said(options)} LIKE '%{what}%')"


def literal(value):
    if value is None or isinstance(value, bool):
        return "NULL" if value is None else str(value).upper()
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def row(data):
    """Nested data as one row: `a.b` is the column a_b."""
    found = {}
    for name, value in (data or {}).items():
        found |= {f"{name}_{k}": v for k, v in row(value).items()} if isinstance(value, dict) else {name: value}
    return found


def verdict(rule, data, outcome):
    expr, given = said(rule), row(data)
    if not isinstance(outcome, bool):
        expr = f"{expr} IS NULL" if outcome is None else f"{expr} = {literal(outcome)}"
    kinds = {name: "text" if isinstance(value, str) else "number" for name, value in given.items()}
    frame = pl.DataFrame({name: [value] for name, value in given.items()} or {"_": [0]})
    return evaluate_expr(expr, frame, {"a": "number", "b": "number", "a_q": "number"} | kinds).item()


A, B, C, D = "apple", "banana", "carrot", "date"
SIMPSONS = ["Bart", "Homer", "Lisa", "Marge", "Maggie"]
PIE = {"temp": 100, "pie": {"filling": "apple", "eta": "60s"}}
WARM = {"<": [{"var": "temp"}, 110]}
# fmt: off
CASES = [
    # comparisons, of two and of three
    *[({op: args}, None, told) for op, args, told in [
        ("==", [1, 1], True), ("==", [1, 2], False), ("===", [1, 1], True), ("===", [1, 2], False), ("!=", [1, 2], True), ("!=", [1, 1], False),
        ("!==", [1, 2], True), ("!==", [1, 1], False), (">", [2, 1], True), (">", [1, 1], False), (">", [1, 2], False), (">=", [2, 1], True),
        (">=", [1, 1], True), (">=", [1, 2], False), ("<", [2, 1], False), ("<", [1, 1], False), ("<", [1, 2], True), ("<", [1, 2, 3], True),
        ("<", [1, 1, 3], False), ("<", [1, 4, 3], False), ("<=", [2, 1], False), ("<=", [1, 1], True), ("<=", [1, 2], True),
        ("<=", [1, 2, 3], True), ("<=", [1, 4, 3], False),
        # logic
        ("!", [False], True), ("!", False, True), ("!", [True], False), ("!", True, False), ("or", [True, True], True), ("or", [False, True], True),
        ("or", [True, False], True), ("or", [False, False], False), ("or", [False, False, True], True), ("or", [False, False, False], False),
        ("or", [False], False), ("or", [True], True), ("and", [True, True], True), ("and", [False, True], False), ("and", [True, False], False),
        ("and", [False, False], False), ("and", [True, True, True], True), ("and", [True, True, False], False), ("and", [False], False),
        ("and", [True], True), ("and", [{">": [3, 1]}, True], True), ("and", [{">": [3, 1]}, False], False), ("and", [{">": [3, 1]}, {"!": True}], False),
        ("and", [{">": [3, 1]}, {"<": [1, 3]}], True),
        # membership and parts of texts
        ("in", ["Bart", SIMPSONS], True), ("in", ["Milhouse", SIMPSONS], False), ("in", ["Spring", "Springfield"], True), ("in", ["i", "team"], False),
        # arithmetic
        ("max", [1, 2, 3], 3), ("max", [1, 3, 3], 3), ("max", [3, 2, 1], 3), ("max", [1], 1), ("min", [1, 2, 3], 1), ("min", [1, 1, 3], 1),
        ("min", [3, 2, 1], 1), ("min", [1], 1), ("+", [1, 2], 3), ("+", [2, 2, 2], 6), ("+", [1], 1), ("*", [3, 2], 6), ("*", [2, 2, 2], 8),
        ("*", [1], 1), ("-", [2, 3], -1), ("-", [3, 2], 1), ("-", [3], -3), ("/", [4, 2], 2), ("/", [2, 4], 0.5),
        # conditionals
        ("?:", [True, 1, 2], 1), ("?:", [False, 1, 2], 2), ("?:", [{">": [3, 1]}, "visible", "hidden"], "visible"), ("if", [True, A], A),
        ("if", [False, A], None), ("if", [True, A, B], A), ("if", [False, A, B], B), ("if", [{">": [2, 1]}, A, B], A), ("if", [{">": [1, 2]}, A, B], B),
        ("if", [True, A, True, B], A), ("if", [True, A, False, B], A), ("if", [False, A, True, B], B), ("if", [False, A, False, B], None),
        ("if", [True, A, True, B, C], A), ("if", [True, A, False, B, C], A), ("if", [False, A, True, B, C], B), ("if", [False, A, False, B, C], C),
        ("if", [False, A, False, B, False, C], None), ("if", [False, A, False, B, False, C, D], D), ("if", [False, A, False, B, True, C, D], C),
        ("if", [False, A, True, B, False, C, D], B), ("if", [False, A, True, B, True, C, D], B), ("if", [True, A, False, B, False, C, D], A),
        ("if", [True, A, False, B, True, C, D], A), ("if", [True, A, True, B, False, C, D], A), ("if", [True, A, True, B, True, C, D], A),
    ]],
    # values that pass through
    *[(value, None, value) for value in (True, False, 17, 3.14, "apple", None)],
    # variables; what the data do not have is NULL
    ({"var": ["a"]}, {"a": 1}, 1), ({"var": ["b"]}, {"a": 1}, None), ({"var": ["a"]}, None, None), ({"var": "a"}, {"a": 1}, 1), ({"var": "a"}, None, None),
    ({"var": ["a", 1]}, None, 1), ({"var": ["b", 2]}, {"a": 1}, 2), ({"var": "a.b"}, {"a": {"b": "c"}}, "c"), ({"var": "a.q"}, {"a": {"b": "c"}}, None),
    ({"var": ["a.q", 9]}, {"a": {"b": "c"}}, 9),
    ({"and": [WARM, {"==": [{"var": "pie.filling"}, "apple"]}]}, PIE, True), ({"if": [WARM, {"var": "pie.filling"}, {"var": "pie.eta"}]}, PIE, "apple"),
    ({"in": [{"var": "filling"}, ["apple", "cherry"]]}, {"filling": "apple"}, True),
]
REFUSED = [
    {"==": [1, "1"]}, {"!=": [1, "1"]}, {"===": [1, "1"]}, {">": ["2", 1]}, {">=": ["2", 1]}, {"<": ["1", 2]}, {"<=": ["1", 2]}, {"+": ["1", 1]},
    {"*": ["1", 1]}, {"-": ["1", 1]}, {"/": ["1", 1]}, {"!": 0}, {"!": [""]}, {"!!": ["0"]}, {"or": [1, 3]}, {"and": [3, False]}, {"and": ["", True]},
    {"or": ["0", True]}, {"if": [0, A, B]}, {"if": ["zucchini", A, B]}, {"if": [-1, A, B]}, {"===": [0, "0"]},
]
# fmt: on


@pytest.mark.parametrize(("rule", "data", "outcome"), CASES, ids=lambda value: str(value)[:50])
def test_outcomes_of_the_published_suite(rule, data, outcome):
    assert verdict(rule, data, outcome) is (outcome if isinstance(outcome, bool) else True)


@pytest.mark.parametrize("rule", REFUSED, ids=str)
def test_what_json_logic_casts_is_refused_with_a_sentence(rule):
    with pytest.raises(RuleError, match=r"类型|应是条件|只用于数"):
        evaluate_expr(f"{said(rule)} IS NOT NULL", pl.DataFrame({"_": [0]}), {})


@pytest.mark.parametrize(
    ("rule", "null_logic"),
    [
        # JSON-logic has two truth values: null is falsy. Ours has three, and these are where they part
        ({"and": [{"var": "p"}, True]}, None), ({"or": [{"var": "p"}, False]}, None), ({"!": {"var": "p"}}, None), ({"or": [{"var": "p"}, True]}, True),
        ({"and": [{"var": "p"}, False]}, False), ({">": [{"var": "b"}, 1]}, None), ({"==": [{"var": "b"}, None]}, True), ({"in": [{"var": "b"}, [1, 2]]}, None),
        ({"if": [{"var": "p"}, True, False]}, False),
    ],
    ids=str,
)  # fmt: skip
def test_where_null_is_not_false(rule, null_logic):
    assert evaluate_expr(said(rule), pl.DataFrame({"_": [0]}), {"p": "bool", "b": "number"}).item() is null_logic
