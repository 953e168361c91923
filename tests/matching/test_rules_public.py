"""Cases of public suites that the language can express, each with where it stands, and what is refused on purpose.

Taken over are inputs and outcomes, as facts: CockroachDB `pkg/sql/sem/eval/testdata/eval` (boolean, in, like, case), DuckDB
`test/sql/filter/test_constant_comparisons.test`, SQLite `test/expr.test`, MariaDB `main/null.result` and `case.result`, the CEL
conformance tests `logic.textproto` (an error there is UNKNOWN here). docs/decisions/0057 says what was run and where they part.
"""

import time
from decimal import Decimal

import polars as pl
import pytest

from matching.rules import RuleError, evaluate_expr

T, F, U = True, False, None
CASES = [
    # CockroachDB boolean
    ("false AND NULL", F), ("true AND NULL", U), ("NULL AND false", F), ("NULL AND NULL", U), ("false OR NULL", U), ("true OR NULL", T),
    ("NULL OR true", T), ("NOT NULL", U), ("false AND (2 = 1)", F), ("true OR (3 = 1)", T), ("('foo' LIKE NULL) OR true", T),
    # CockroachDB in
    ("1 NOT IN (2, 3, 4)", T), ("1+1 IN (2, 3, 4)", T), ("2.2 IN (2.1, 2.2, 2.3)", T), ("2.0 IN (2.1, 2.2, 2.3)", F),
    ("DATE '2012-09-21' IN (DATE '2012-09-21')", T), ("1 IN (1, 2, NULL)", T), ("NULL IN (1, 2, NULL)", U),
    # CockroachDB like: the escape is named here, it is the backslash there
    (r"'\' LIKE '\\%' ESCAPE '\'", T), (r"'\%' LIKE '\\\%' ESCAPE '\'", T), (r"'\\.' LIKE '\\.' ESCAPE '\'", F), (r"'A\A' LIKE '_\\_' ESCAPE '\'", T),
    (r"'ABC' LIKE '%B\C' ESCAPE '\'", T), (r"'_漢' LIKE '\__' ESCAPE '\'", T), (r"'TES%' LIKE '_ES\%' ESCAPE '\'", T), (r"'TEST' LIKE '%S\_' ESCAPE '\'", F),
    ("'aa' LIKE '__' ESCAPE '_'", F), ("'aa' LIKE '_a_a' ESCAPE '_'", T), ("'%%' LIKE '_%_%' ESCAPE '_'", T), ("'abc' LIKE 'a%%' ESCAPE '%'", F),
    ("'_%' LIKE 'a_a%' ESCAPE 'a'", T), ("'漢日' LIKE '漢%漢日' ESCAPE '漢'", F), ("'%日_' LIKE '漢%漢日漢_' ESCAPE '漢'", T), ("'a日a' LIKE '%日日_' ESCAPE '日'", T),
    ("'TEST' LIKE ''", F), ("'' LIKE '_%'", F), ("'T' LIKE '%_'", T), ("'.*B' LIKE '.*B'", T), ("'AB' LIKE '._'", F),
    # CockroachDB case
    ("CASE WHEN false THEN 1 END IS NULL", T), ("CASE 1+1 WHEN 1 THEN 1 WHEN 2 THEN 2 END = 2", T), ("CASE 1+2 WHEN 1 THEN 1 ELSE 5 END = 5", T),
    # DuckDB test_constant_comparisons
    ("2 IN (((1*2)+(1*0))*1, 3, 4, 5)", T), ("2 IN ((1+1)*2, 3, 4, 5)", F), ("2 NOT IN (2, 3, 4, 5)", F), ("CASE WHEN 2=3 THEN true ELSE false END", F),
    # MariaDB null, case
    ("1/0 IS NULL", T), ("1 IS NOT NULL", T), ("NULL LIKE 'a%'", U), ("1+NULL IS NULL", T), ("CASE WHEN 1<0 THEN 'TRUE' ELSE 'FALSE' END = 'FALSE'", T),
    # CEL logic: what errs there is unknown here, and an operand that decides still decides
    ("false AND 2 / 0 > 3", F), ("2 / 0 > 3 AND false", F), ("2 / 0 > 3 AND true", U), ("true OR 1 / 0 < 9", T), ("1 / 0 < 9 OR true", T), ("1 / 0 < 9 OR false", U),
    # CEL integer_math: what overflows 64 bits there is exact here
    ("9223372036854775807 + 1 = 9223372036854775808", T), ("-(-9223372036854775808) = 9223372036854775808", T), ("5000000000 * 5000000000 = 25000000000000000000", T),
]  # fmt: skip


@pytest.mark.parametrize(("expr", "expected"), CASES)
def test_expressions_of_public_suites(expr, expected):
    assert evaluate_expr(expr, pl.DataFrame({"_": [0]}), {}).item() is expected


@pytest.mark.parametrize(
    ("expr", "row", "expected"),
    [
        # SQLite expr.test
        ("i1<i2", {"i1": 9999999999, "i2": 8888888888}, F), ("i1>i2", {"i1": 99999999999, "i2": 99999999998}, T),
        ("coalesce(i1+i2,99) = 99", {"i1": None, "i2": 1}, T), ("coalesce(i1*i2,99) = 99", {"i1": None, "i2": None}, T),
        ("r1<r2", {"r1": Decimal("1.23"), "r2": Decimal("2.34")}, T), ("(r1+r2)*1.0 = 3.57", {"r1": Decimal("1.23"), "r2": Decimal("2.34")}, T),
        ("t1<t2", {"t1": "abc", "t2": "abd"}, T), ("t1 BETWEEN 'aa' AND 'ac'", {"t1": "abc"}, T), ("i1 NOT BETWEEN 1 AND 2", {"i1": None}, U),
    ],
)  # fmt: skip
def test_expressions_over_a_row_of_public_suites(expr, row, expected):
    schema = {name: "text" if name.startswith("t") else "number" for name in row}
    assert evaluate_expr(expr, pl.DataFrame({n: [v] for n, v in row.items()}), schema).item() is expected


@pytest.mark.parametrize(
    ("expr", "why"),
    [
        # what other engines answer and this language does not: each with a sentence that says what to write
        ("a = NULL", "IS NULL"), ("NULL = a", "IS NULL"), ("a IN ()", "至少写一项"), ("a = '1'", "类型不同"), ("p = 1", "类型不同"),
        ("CASE WHEN 1 THEN TRUE END", "应是条件"), ("a ISNULL", "多余"), ("t ILIKE 'X'", "多余"), ("t LIKE t", "引号里的文字"),
        ("t LIKE 'x' ESCAPE ''", "一个字符"), ("abs(a) = 1", "不在规则语言内"), ("(a, a) = (1, 2)", "名单只用在 IN 之后"), ("a <=> 1", "之前缺少"),
        ("a = " + "9" * 5000, "上限 400"), ("DATE '9999-12-31' + 1 = DATE '2024-01-01'", "9999 年"), ("DATE '0001-01-01' - 1 = DATE '2024-01-01'", "9999 年"),
        ("a > 0 \x00", r"U\+0000"), ("\u200ba > 0", r"U\+200B"), ("a > 0 OR " * 150_000 + "p", "上限 1000000"),
        ("(" * 1200 + "p" + ")" * 1200, "连写超过"), ("coalesce(a, " * 240 + "1" + ")" * 240 + " = 1", "嵌套"), ("a" + " + a" * 240 + " > 0", "连写超过"),
        ("coalesce(a" + " + a" * 120 + ")" + " + a" * 120 + " > 0", "合计超过"), ("(SELECT 1) = 1", "不写子查询"), ("NOT NOT a", "应是条件"),
    ],
)  # fmt: skip
def test_refused_on_purpose(expr, why):
    with pytest.raises(RuleError, match=why):
        evaluate_expr(expr, pl.DataFrame({"a": [1]}), {"a": "number", "t": "text", "p": "bool"})


@pytest.mark.parametrize(
    "expr",
    [
        # each level once meant settling both sides twice: 2^n steps
        " + ".join(["a"] * 60) + " = 60", "(" * 40 + "a" + " + 1)" * 40 + " = 41", " * ".join(["a"] * 60) + " = 1",
        " AND ".join(f"a <> {n}" for n in range(2, 8000)), " OR ".join(f"a = {n}" for n in range(8000)),
        f"a IN ({', '.join(map(str, range(20_000)))})", f"t IN ({', '.join(repr(str(n)) for n in range(20_000))})", "coalesce(" + "NULL, " * 5000 + "a) = 1",
    ],
)  # fmt: skip
def test_long_expressions_take_time_in_proportion(expr):
    began = time.process_time()
    assert evaluate_expr(expr, pl.DataFrame({"a": [1], "t": ["7"]}), {"a": "number", "t": "text"}).item() is T
    assert time.process_time() - began < 5
