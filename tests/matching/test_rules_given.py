"""The public functions as a caller from outside meets them: frames of other kinds, odd shapes, mistakes, sizes."""

import time
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from matching.rules import RuleError, compile_items, evaluate, evaluate_expr, explain, profile_frame

AS_OF = date(2024, 12, 31)
INDICATORS = {"rd": {"type": "money", "label": "研发费用", "unit": "元"}, "n": {"type": "integer", "label": "人数"}}
ITEM = {"id": "x", "conditions": [{"id": "c1", "expr": "rd >= 100"}, {"id": "c2", "expr": "n >= 5"}]}
FIRMS = pl.DataFrame({"enterprise_id": ["a", "b", "c"], "rd": [100, None, 50], "n": [5, 6, 7]})
NUMBER = {"a": "number"}


@pytest.mark.parametrize(
    "kind",
    [lambda f: f, lambda f: f.lazy(), lambda f: f.to_pandas(), lambda f: f.to_arrow(), lambda f: f.to_dict(as_series=False), lambda f: pl.concat([f.head(1), f.tail(2)], rechunk=False)],
    ids=["polars", "lazy", "pandas", "arrow", "mapping", "chunked"],
)  # fmt: skip
def test_frames_of_every_kind_are_read_alike(kind):
    program = compile_items([ITEM], INDICATORS)
    verdicts = evaluate(program, kind(FIRMS), AS_OF)
    assert verdicts.counts().rows() == [("x", 1, 3, 1, 0, 1, 1)]
    assert verdicts.pairs()["enterprise_id"].to_list() == ["a", "b", "c"]
    assert evaluate_expr("rd >= 100 AND n >= 5", kind(FIRMS), {"rd": "number", "n": "number"}).to_list() == [
        True,
        None,
        False,
    ]


@pytest.mark.parametrize(
    ("column", "kind", "expr", "expected"),
    [
        (pl.Series(["x", None, "w"], dtype=pl.Categorical), "text", "a = 'x'", [True, None, False]),
        # an Enum is compared as text, not by the order of its categories
        (pl.Series(["x", None, "w"], dtype=pl.Enum(["x", "w"])), "text", "a >= 'x'", [True, None, False]),
        (pl.Series([Decimal("12345678901234567890123456.78"), None], dtype=pl.Decimal(38, 2)), "number", "a = 12345678901234567890123456.78", [True, None]),
        (pl.Series([2**64 - 1, None], dtype=pl.UInt64), "number", "a = 18446744073709551615", [True, None]),
        (pl.Series([2**100, None], dtype=pl.Int128), "number", "a > 0", [True, None]), (pl.Series([-128, None, 0], dtype=pl.Int8), "number", "-a = 128", [True, None, False]),
        (pl.Series([0, None], dtype=pl.UInt8), "number", "a - 1 < 0", [True, None]), (pl.Series([0.1, None], dtype=pl.Float32), "number", "a = 0.1", [True, None]),
        (pl.Series([None, None], dtype=pl.Null), "number", "a > 1", [None, None]), (pl.Series(["2024-01-01", None]), "date", "a = DATE '2024-01-01'", [True, None]),
        (pl.Series([datetime(2023, 12, 31, 20)]).dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Shanghai"), "date", "a = DATE '2024-01-01'", [True]),
        (pl.Series([], dtype=pl.Int64), "number", "a > 1", []), (pl.Series([" 1 ", "1e3", "NaN", None]), "number", "a >= 1000", [False, True, None, None]),
        (pl.Series([[{"name": "x", "valid_from": "2025-01-01"}], [{"name": "x", "valid_from": None}], None]), "list", "a IN ('x')", [False, True, None]),
    ],
)  # fmt: skip
def test_columns_of_every_type(column, kind, expr, expected):
    found = evaluate_expr(expr, pl.DataFrame({"a": column}), {"a": kind}, as_of=AS_OF)
    assert found.to_list() == expected and found.dtype == pl.Boolean and found.name == "verdict"


@pytest.mark.parametrize(
    ("values", "expr", "expected"),
    [([1, 2.5, None], "a > 2", [False, True, None]), ([10**18 + 1, 0.1], "a IN (0.1, 1000000000000000001)", [True, True]), ((Decimal("0.1"), Decimal("NaN"), 3), "a > 1", [False, None, True])],
)  # fmt: skip
def test_integers_beside_floats_and_decimals_are_all_exact(values, expr, expected):
    assert evaluate_expr(expr, {"a": values}, NUMBER).to_list() == expected


@pytest.mark.parametrize(
    ("values", "kind"),
    [(["1_000"], "number"), (["１"], "number"), (["٣"], "number"), ([""], "number"), ([1, "x"], "number"), ([10**41], "number"), ([timedelta(1)], "number"), ([b"1"], "text"), ([1], "text"),
     (["2024-1-1"], "date"), ([" 2024-01-01"], "date"), (["20240101"], "date"), (["2024-02-30"], "date"), ([20240101], "date"), ([[1, 2]], "list"), ([[{"nom": "x"}]], "list"), ([[{"name": "x", "valid_to": "2024/1/1"}]], "list")],
)  # fmt: skip
def test_a_value_of_another_form_is_refused_with_its_column(values, kind):
    expr = {"number": "a > 0", "text": "a = 'x'", "date": "a > DATE '2024-01-01'", "list": "a IN ('x')"}[kind]
    with pytest.raises(RuleError, match="列 a"):
        evaluate_expr(expr, {"a": values}, {"a": kind}, as_of=AS_OF)


EVERY = {"rd": {"type": "money"}, "n": {"type": "integer"}, "p": {"type": "bool"}, "d": {"type": "date"}, "c": {"type": "list"}, "r": {"type": "region", "label": "区划"}}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "expr", "verdict"),
    [({"rd": float("nan")}, "rd > 1", "unknown"), ({"rd": Decimal("Infinity")}, "rd > 1", "unknown"), ({"n": pd.NA}, "n > 1", "unknown"), ({"d": pd.NaT}, "d > DATE '2020-01-01'", "unknown"),
     ({"p": np.bool_(True)}, "p", "eligible"), ({"d": np.datetime64("2024-01-01")}, "d > DATE '2020-01-01'", "eligible"), ({"d": pd.Timestamp("2024-01-01 23:00")}, "d = DATE '2024-01-01'", "eligible"),
     ({"n": np.int64(5)}, "n = 5", "eligible"), ({"rd": np.float32(0.1)}, "rd = 0.1", "eligible"), ({"rd": 0.1 + 0.2}, "rd = 0.3", "ineligible"), ({"rd": 10**40}, "rd >= 1e40", "eligible"), ({"rd": Decimal("1e-13")}, "rd > 0", "eligible"),
     ({"c": np.array(["甲"])}, "c IN ('甲')", "eligible"), ({"c": [{"name": "甲", "valid_to": "2024-12-30"}]}, "c IN ('甲')", "ineligible"), ({"r": 460105}, "r IN ('460100')", "eligible")],
)  # fmt: skip
def test_a_row_is_explained_as_its_frame_is_judged(row, expr, verdict):
    program = compile_items([{"id": "x", "conditions": [{"id": "c1", "expr": expr}]}], EVERY)
    found = explain(program, row, "x", AS_OF)
    assert found.verdict == verdict and "460,105" not in found.conditions[0].sentence
    assert evaluate(program, profile_frame([row], EVERY), AS_OF).verdict_of("x").to_list() == [verdict]


@pytest.mark.parametrize("row", [{"n": "1_000"}, {"d": "20240101"}, {"n": True}, {"p": 1}, {"c": "甲"}, {"c": [None]}])
def test_a_row_with_a_value_of_another_form_is_refused_with_its_indicator(row):
    program = compile_items([{"id": "x", "conditions": [{"id": "c1", "expr": "n > 1"}]}], EVERY)
    with pytest.raises(RuleError, match=f"指标 {next(iter(row))} 的"):
        explain(program, row, "x", AS_OF)


def test_an_award_may_be_a_number():
    for award in (500000, Decimal("500000.00"), "500000", {"expr": "500000"}):
        program = compile_items([ITEM | {"award": award}], INDICATORS)
        assert explain(program, {"rd": 100, "n": 5}, "x", AS_OF).amount_yuan == 500000


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: evaluate_expr("a > 1", None, NUMBER), "frame 应为"), (lambda: evaluate_expr("a > 1", [{"a": 1}], NUMBER), "frame 应为"),
        (lambda: evaluate_expr("a > 1", {"a": [1, 2], "b": [1]}, NUMBER), "读不进来"), (lambda: evaluate_expr("a > 1", FIRMS, None), "schema 应为"),
        (lambda: evaluate_expr("a > 1", FIRMS, {"a": "int"}), "类型“int”不认识"), (lambda: evaluate_expr("zz > 1", FIRMS, NUMBER), "没有名为“zz”的列"),
        (lambda: evaluate_expr("a", {"a": [1, 0]}, {"a": "bool"}), "列 a 应为是否"), (lambda: evaluate_expr("a > 1", {"a": ["abc"]}, NUMBER), "数据里有“abc”"),
        (lambda: evaluate_expr("a = as_of", {"a": [AS_OF]}, {"a": "date"}), "没有给出日期"), (lambda: evaluate_expr("a = as_of", {"a": [AS_OF]}, {"a": "date"}, as_of="2024-12-31"), "as_of 应为日期"),
        (lambda: compile_items(None, INDICATORS), "items 应为"), (lambda: compile_items(ITEM, INDICATORS), "items 应为"), (lambda: compile_items([ITEM], None), "indicators 应为"),
        (lambda: compile_items([ITEM], ["rd"]), "indicators 应为"), (lambda: compile_items([ITEM | {"entity": "dog"}], INDICATORS), "entity 应为"),
        (lambda: compile_items([ITEM | {"version": "two"}], INDICATORS), "version 应为整数"), (lambda: compile_items([ITEM | {"version": 1.5}], INDICATORS), "version 应为整数"), (lambda: compile_items([ITEM | {"award": 0.1}], INDICATORS), "award 应为文字"), (lambda: compile_items([ITEM], INDICATORS, bars="p"), "bars 应为"), (lambda: compile_items([ITEM], INDICATORS, bars=[{"expr": "n > 1"}]), "排除情形应有编号"), (lambda: evaluate(compile_items([ITEM], INDICATORS), FIRMS, pd.NaT), "as_of 应为日期"), (lambda: compile_items([ITEM, ITEM], INDICATORS), "出现两次"),
        (lambda: evaluate([ITEM], FIRMS, AS_OF), "program 应为"), (lambda: evaluate(compile_items([ITEM], INDICATORS), FIRMS, None), "as_of 应为日期"),
        (lambda: evaluate(compile_items([ITEM], INDICATORS), FIRMS, "2024-12-31"), "as_of 应为日期"), (lambda: evaluate(compile_items([ITEM], INDICATORS), FIRMS.with_columns(rd=pl.lit("x")), AS_OF), "列 rd 应为数"),
        (lambda: explain(compile_items([ITEM], INDICATORS), FIRMS, "x", AS_OF), "只有一行，现有 3 行"), (lambda: explain(compile_items([ITEM], INDICATORS), [1, 2], "x", AS_OF), "profile_row 应为"),
        (lambda: explain(compile_items([ITEM], INDICATORS), FIRMS.to_pandas().iloc[0], "x", AS_OF), "profile_row 应为"), (lambda: explain(compile_items([ITEM], INDICATORS), {"rd": "abc"}, "x", AS_OF), "rd 的值 'abc' 不是数"),
    ],
)  # fmt: skip
def test_a_callers_mistake_is_named(call, why):
    with pytest.raises(RuleError, match=why):
        call()


def test_items_that_are_not_there():
    program = compile_items([ITEM], INDICATORS)
    for call in (lambda: explain(program, {}, "zz", AS_OF), lambda: evaluate(program, FIRMS, AS_OF).pairs(["zz"])):
        with pytest.raises(KeyError, match="没有事项 zz"):
            call()


def test_rows_without_columns_ids_or_data():
    program = compile_items([ITEM], INDICATORS)
    assert evaluate(program, FIRMS.drop("enterprise_id"), AS_OF).pairs()["enterprise_id"].to_list() == ["0", "1", "2"]
    assert evaluate(program, FIRMS.with_columns(enterprise_id=pl.lit("same")), AS_OF).pairs().height == 3
    assert evaluate(program, FIRMS.select("enterprise_id"), AS_OF).counts()["unknown"].item() == 3
    assert evaluate(program, FIRMS.head(0), AS_OF).pairs().height == 0
    assert evaluate(compile_items([], INDICATORS), FIRMS, AS_OF).counts().height == 0
    assert explain(program, FIRMS.head(1), "x", datetime(2024, 12, 31, 8)).as_of == AS_OF
    assert pd.isna(evaluate_expr("a > 1", pd.DataFrame({"a": [float("nan")]}), NUMBER).to_pandas()[0])


@pytest.mark.parametrize(
    "expr",
    ["NOT " * 200 + "p", "NOT (" * 200 + "p" + ")" * 200, "(" * 900 + "p" + ")" * 900, "(p AND (q OR " * 100 + "p" + "))" * 100, "(" * 200 + "p" + " IS TRUE)" * 200],
    ids=["NOT", "NOT (", "(", "AND OR", "IS TRUE"],
)  # fmt: skip
def test_deep_expressions(expr):
    frame, schema = pl.DataFrame({"p": [True, False], "q": [None, True]}), {"p": "bool", "q": "bool"}
    assert evaluate_expr(expr, frame, schema).to_list() == [True, False]


def test_near_misses_of_thousands_of_alternatives_take_time_in_proportion():
    """Granting one alternative after another, each over all of them, once took 50 s."""
    conditions = [{"id": f"c{i}", "expr": f"n = {i}"} for i in range(5000)]
    firms = pl.DataFrame({"enterprise_id": ["met", "none", "unknown"], "n": [7, -1, None]})
    began = time.process_time()
    for logic, near, one in (
        (" OR ".join(c["id"] for c in conditions), ["none"], ["unknown"]),
        ("c0 AND (" + " OR ".join(c["id"] for c in conditions[1:]) + ")", ["met"], []),
    ):
        program = compile_items([{"id": "x", "conditions": conditions, "logic": logic}], {"n": {"type": "integer"}})
        pairs = evaluate(program, firms, AS_OF).pairs()
        assert pairs.filter("near_miss")["enterprise_id"].to_list() == near
        assert pairs.filter("one_unknown")["enterprise_id"].to_list() == one
    assert time.process_time() - began < 10
