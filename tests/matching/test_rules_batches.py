"""The kernel's short cuts against the evaluator that takes none: thresholds in batches, texts by their views, blocks of any size."""

import copy
import random
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from matching.rules import compile_items, evaluate_expr
from matching.rules.batches import STRIP
from matching.rules.changes import changes
from matching.rules.columns import texts
from matching.rules.dictionary import encode
from matching.rules.kernel import BLOCK, even
from matching.rules.verdicts import Verdicts

AS_OF = date(2024, 12, 31)
KINDS = {
    "m": "money",
    "n": "integer",
    "s": "integer",
    "w": "number",
    "d": "date",
    "t": "text",
    "r": "region",
    "p": "bool",
}
EDGES = [
    0,
    1,
    -1,
    2**24 - 1,
    2**24,
    2**24 + 1,
    -(2**24) + 1,
    2**31,
    -(2**31) - 1,
    2**53 - 1,
    2**53,
    2**53 + 1,
    -(2**53) - 1,
    2**63 - 1,
    2**63,
    -(2**63),
    10**30,
]


NEAR = [edge + step for edge in (2**24, -(2**24), 2**53, -(2**53)) for step in range(-3, 4)]
NEAR += [2**63 - 1, 2**63 - 2**9, 2**62, 2**25 + 1, 2**54 + 1, -(2**63), -(2**54) - 1, -(2**25) - 1]


def frame(height, seed, widest=2**52):
    rng = random.Random(seed)

    def column(value):
        return [None if rng.random() < 0.1 else value() for _ in range(height)]

    money = [
        None if v is None else Decimal(v) / 100
        for v in column(lambda: rng.choice([rng.randrange(-500, 500), rng.randrange(widest)]))
    ]
    return pl.DataFrame(
        {
            "m": pl.Series(money, dtype=pl.Decimal(18, 2)),
            "n": pl.Series(
                column(lambda: rng.choice([rng.randrange(-9, 9), widest - 1, rng.choice(NEAR)])), dtype=pl.Int64
            ),
            "s": pl.Series(column(lambda: rng.randrange(-128, 128)), dtype=pl.Int8),
            "w": pl.Series(column(lambda: rng.choice([0.5, 2.0, 3.0])), dtype=pl.Float64),
            "d": pl.Series(column(lambda: date(1969, 12, 25) + timedelta(days=rng.randrange(14))), dtype=pl.Date),
            "t": pl.Series(column(lambda: rng.choice(["", "甲", "丙丁戊己", "abcdefghijkl"])), dtype=pl.String),
            "r": pl.Series(column(lambda: rng.choice(["460105", "460106", "460200", "110000"])), dtype=pl.String),
            "p": pl.Series(column(lambda: rng.random() < 0.5), dtype=pl.Boolean),
        }
    )


def expressions(rng, count):
    for _ in range(count):
        name = rng.choice("mnswdtrp")
        operator = rng.choice(["=", "<>", "<", "<=", ">", ">="])
        if name == "d":
            yield f"d {operator} DATE '{date(1969, 12, 25) + timedelta(days=rng.randrange(14))}'"
        elif name == "t":
            yield rng.choice(
                ["t IN ('甲', '')", "t = 'abcdefghijkl'", "t LIKE '丙%'", "t > '甲'", "t NOT IN ('甲', '没有')"]
            )
        elif name == "r":
            yield rng.choice(["r IN ('460100')", "r IN ('460000', '110000')", "r = '460105'"])
        elif name == "p":
            yield rng.choice(["p", "NOT p", "p IS UNKNOWN"])
        else:
            yield f"{name} {operator} {rng.choice([*EDGES, rng.randrange(-9, 9), Decimal(rng.randrange(-500, 500)) / 100, Decimal('0.005')])}"


@pytest.mark.parametrize(
    ("height", "block", "widest"),
    [(1, 64, 2**52), (63, 64, 2**52), (130, 64, 2**52), (1000, 448, 2**52), (1000, 1024, 2**59), (STRIP + 77, 2**17, 2**52), (5000, 2**17, 2**59)],
)  # fmt: skip
def test_every_plane_is_what_the_evaluator_says(height, block, widest):
    rng = random.Random(height)
    profiles = frame(height, height, widest)
    exprs = sorted(set(expressions(rng, 120)))
    items = [
        {"id": f"i{at}", "conditions": [{"id": "c1", "text": "", "expr": expr}, {"id": "c2", "text": "", "expr": other}], "logic": logic}
        for at, (expr, other) in enumerate(zip(exprs, exprs[1:] + exprs[:1], strict=True))
        for logic in [rng.choice(["c1 AND c2", "c1 OR c2", "NOT c1 OR (c2 AND c1)", "c1 AND NOT c2"])]
    ]  # fmt: skip
    program = compile_items(items, {name: {"type": kind} for name, kind in KINDS.items()})
    counts = Verdicts(program, profiles, AS_OF, block=block).counts().rows_by_key("item_id", named=True, unique=True)
    for item in items:
        one, two = (c["expr"] for c in item["conditions"])
        whole = item["logic"].replace("c1", f"({one})").replace("c2", f"({two})")
        said = evaluate_expr(whole, profiles, KINDS, as_of=AS_OF)
        found = counts[item["id"]]
        assert (found["eligible"], found["unknown"]) == (said.sum(), said.null_count()), whole


def test_more_thresholds_than_fit_one_batch():
    profiles = frame(700, 3)
    exprs = [f"n {operator} {value}" for value in range(-60, 61) for operator in (">=", "<=", "=")]
    items = [{"id": e, "conditions": [{"id": "c1", "text": "", "expr": e}]} for e in exprs]
    program = compile_items(items, {name: {"type": kind} for name, kind in KINDS.items()})
    for row in Verdicts(program, profiles, AS_OF).counts().iter_rows(named=True):
        said = evaluate_expr(row["item_id"], profiles, KINDS)
        assert (row["eligible"], row["unknown"]) == (said.sum(), said.null_count()), row["item_id"]


@pytest.mark.parametrize("limit", [2**24, 2**53, 2**63])
def test_a_threshold_is_exact_up_to_the_last_integer_its_float_holds(limit):
    profiles = pl.DataFrame({"n": pl.Series(NEAR, dtype=pl.Int64)})
    exprs = [
        f"n {operator} {sign * (limit - step)}"
        for operator in (">=", ">", "=")
        for sign in (1, -1)
        for step in range(4)
    ]
    items = [{"id": e, "conditions": [{"id": "c1", "text": "", "expr": e}]} for e in exprs]
    told = Verdicts(compile_items(items, {"n": {"type": "integer"}}), profiles, AS_OF)
    compare = {">=": int.__ge__, ">": int.__gt__, "=": int.__eq__}
    for expr in exprs:
        _, operator, bound = expr.split()
        assert told.planes(expr)["eligible"].tolist() == [compare[operator](value, int(bound)) for value in NEAR], expr


def test_a_shipped_program_answers_as_the_one_that_stayed():
    profiles = frame(300, 5)
    items = [
        {"id": f"i{at}", "conditions": [{"id": "c1", "text": "", "expr": expr}]}
        for at, expr in enumerate(sorted(set(expressions(random.Random(5), 60))))
    ]
    program = compile_items(items, {name: {"type": kind} for name, kind in KINDS.items()})
    here = Verdicts(program, profiles, AS_OF).counts()
    shipped = copy.deepcopy(program)
    assert Verdicts(shipped, profiles, AS_OF).counts().equals(here)
    # another frame has its own words in its own order
    other = profiles.sort("t", descending=True).with_columns(pl.col("t").replace("甲", "乙"))
    afresh = compile_items(items, {name: {"type": kind} for name, kind in KINDS.items()})
    assert Verdicts(program, other, AS_OF).counts().equals(Verdicts(afresh, other, AS_OF).counts())


def test_many_tests_get_shorter_blocks_and_the_same_answers(monkeypatch):
    profiles = frame(1000, 9)
    exprs = sorted(set(expressions(random.Random(9), 80)))
    indicators = {name: {"type": kind} for name, kind in KINDS.items()}

    def program(some):
        return compile_items([{"id": e, "conditions": [{"id": "c1", "text": "", "expr": e}]} for e in some], indicators)

    whole = Verdicts(program(exprs), profiles, AS_OF)
    ids = profiles.with_columns(enterprise_id=pl.int_range(pl.len()).cast(pl.String))
    moved = ids.with_columns(d=pl.col("d").shift(1))
    expected = changes(Verdicts(program(exprs), ids, AS_OF), Verdicts(program(exprs[:9]), moved, AS_OF))
    monkeypatch.setattr("matching.rules.kernel.ROOM", 4096)
    short = Verdicts(program(exprs), profiles, AS_OF)
    assert short.kernel.block < whole.kernel.block and short.counts().equals(whole.counts())
    few = Verdicts(program(exprs[:9]), moved, AS_OF)
    assert few.kernel.block > short.kernel.block
    assert changes(Verdicts(program(exprs), ids, AS_OF), few).equals(expected) and expected.height


@pytest.mark.parametrize("height", [1, 63, 64, 65, BLOCK, BLOCK + 1, 400_000, 3_000_000])
def test_blocks_are_even(height):
    rows = even(height)
    assert rows % 64 == 0 and rows <= BLOCK
    blocks = -(-height // rows)
    assert blocks == -(-height // BLOCK)
    assert even(height, rows) == rows


@pytest.mark.parametrize(
    "words",
    [["a"], [""], ["", "a"], ["十二字节"], ["abcdefghijkl", "abcdefghijk"], ["abcdefghijklm", "a"], ["a\x00", "a"], [str(n) for n in range(2000)]],
)  # fmt: skip
def test_a_text_column_is_its_words(words):
    rng = random.Random(len(words))
    values = [None if rng.random() < 0.1 else rng.choice(words) for _ in range(6000)]
    # a word that only the last row has
    series = pl.Series([*values, "末尾"])
    for column in (series, series.slice(1000, 4500), pl.concat([series, series]).rechunk()):
        found, codes = encode(column)
        assert len(set(found)) == len(found)
        told = [found[code] for code in codes.tolist()]
        assert [
            t for t, v in zip(told, column.to_list(), strict=True) if v is not None
        ] == column.drop_nulls().to_list()
    side = texts(series)
    assert np.array_equal(side.mask, series.is_not_null().to_numpy())


def test_a_column_of_nulls_is_text_too():
    assert (
        evaluate_expr(
            "t = 'a'", pl.DataFrame({"t": pl.Series([None] * 5000, dtype=pl.String)}), {"t": "text"}
        ).null_count()
        == 5000
    )
