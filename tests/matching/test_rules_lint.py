"""Rules that can never hold, always hold, repeat each other or say other numbers than their text; and what-if."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest

from matching.rules import RuleError, compile_items, profile_frame
from matching.rules.lint import lint, stands_in
from matching.rules.program import compile_sound
from matching.rules.simulate import change_of, simulate

INDICATORS = {
    "rev": {"type": "money", "label": "营收", "range": [0, None]},
    "staff": {"type": "integer", "label": "人数", "range": [0, None]},
    "ratio": {"type": "ratio", "label": "占比", "range": [0, 1]},
    "p": {"type": "bool", "label": "甲"},
    "q": {"type": "bool", "label": "乙"},
    "size": {"type": "code", "label": "规模", "codes": ["大型", "中型", "小型", "微型"]},
    "region": {"type": "region", "label": "注册地"},
    "certs": {"type": "list", "label": "资质"},
    "day": {"type": "date", "label": "日期"},
}


def rules(*exprs, logic=None, text="不低于100、50的", **more):
    item = {
        "id": "x",
        "conditions": [{"id": f"c{n}", "text": text, "expr": e} for n, e in enumerate(exprs, 1)],
        "logic": logic,
        **more,
    }
    return [(f.rule, f.condition) for f in lint([item], INDICATORS)]


@pytest.mark.parametrize(
    "expr",
    [
        "rev > 100 AND rev < 50", "rev BETWEEN 50 AND 100 AND rev = 20", "rev >= 100 AND rev < 100", "rev = 100 AND rev <> 100", "rev IN (50, 100) AND rev < 50",
        "p AND NOT p", "p IS NULL AND p", "size = '大型' AND size = '小型'", "size IN ('大型', '中型') AND size NOT IN ('大型', '中型', '小型')",
        "region IN ('460100') AND region IN ('460200')", "region IN ('460106') AND NOT region IN ('460100')", "certs IN ('甲') AND certs NOT IN ('甲', '乙')",
        "day > DATE '2024-01-01' AND day < DATE '2023-01-01'", "rev IS NULL AND rev > 100", "(rev > 100 AND rev < 50) OR (p AND NOT p)", "ratio > 0.9 AND NOT ratio > 0.5", "FALSE",
    ],
)  # fmt: skip
def test_contradictions(expr):
    assert ("never-true", "c1") in rules(expr)


@pytest.mark.parametrize(
    "expr",
    [
        "rev >= 0",
        "rev > 100 OR rev <= 100",
        "p OR NOT p",
        "ratio <= 1",
        "NOT (rev > 100 AND rev < 50)",
        "TRUE",
        "ratio BETWEEN 0 AND 1",
    ],
)
def test_conditions_that_are_none(expr):
    assert ("always-true", "c1") in rules(expr)


@pytest.mark.parametrize(
    "expr",
    [
        "rev > 50 AND rev < 100", "rev >= 100 AND rev <= 100", "p AND NOT q", "region IN ('460100') AND region IN ('460106', '460200')", "certs IN ('甲') AND certs IN ('乙')",
        "rev IS NOT NULL", "rev IS NULL OR rev > 100", "size <> '大型'", "certs IN ('甲', '乙') AND certs NOT IN ('甲')", "rev / staff > 100 AND rev / staff < 50 OR p",
        "region NOT IN ('460106') AND region IN ('460100')", "p IS NOT TRUE AND q", "coalesce(rev, 0) > 100",
    ],
)  # fmt: skip
def test_sound_conditions(expr):
    assert not [rule for rule, _ in rules(expr) if rule in ("never-true", "always-true", "contradiction")]


def test_contradiction_across_conditions_only_where_they_are_joined():
    assert ("contradiction", "logic") in rules("rev > 100", "rev < 50")
    assert ("contradiction", "logic") not in rules("rev > 100", "rev < 50", logic="c1 OR c2")
    assert ("contradiction", "logic") in rules("rev > 100", "NOT rev > 100")
    assert ("duplicate-condition", "c2") in rules("rev > 100", "NOT (rev <= 100)")


def test_interval_reasoning_never_refuses_what_some_row_satisfies():
    """Whatever a grid of profiles can make TRUE, the linter must call possible: checked on random conjunctions."""
    import itertools
    import random

    from matching.rules import evaluate_expr

    rng = random.Random(2)
    tests = [
        "rev > 50",
        "rev >= 50",
        "rev < 50",
        "rev <= 50",
        "rev = 50",
        "rev <> 50",
        "rev IN (50, 51)",
        "rev NOT IN (50)",
        "rev IS NULL",
        "rev IS NOT NULL",
        "p",
        "NOT p",
        "p IS NULL",
        "p IS NOT TRUE",
        "size = '大型'",
        "size NOT IN ('大型', '小型')",
        "rev BETWEEN 49 AND 50",
    ]
    grid = list(
        itertools.product([None, 0, 49, 50, 51, 52], [None, True, False], [None, "大型", "小型", "中型", "微型"])
    )
    frame = pl.DataFrame(grid, schema={"rev": pl.Int64, "p": pl.Boolean, "size": pl.String}, orient="row")
    refused = 0
    for _ in range(300):
        expr = f" {rng.choice(['AND', 'AND', 'OR'])} ".join(rng.sample(tests, rng.randint(2, 4)))
        found = rules(expr)
        verdicts = evaluate_expr(expr, frame, {"rev": "number", "p": "bool", "size": "text"})
        if verdicts.fill_null(False).any():
            assert ("never-true", "c1") not in found, expr
        if not verdicts.fill_null(True).all():
            assert ("always-true", "c1") not in found, expr
        refused += ("never-true", "c1") in found
    assert refused > 30


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5000000, "不低于500万元"), (5000000, "不低于 ５００ 万元"), (200000000, "20,000万元以上"), (200000000, "2亿元"), ("0.03", "占比达到3%"), ("0.003", "不超过3‰"), (3, "近三年"),
        (36, "三年内"), (20, "二十人以上"), (1095, "3年"), ("0.3333", "3,333 元的万分之一"), (500, "5百人"), (12, "十二个月"), (15, "十五名"),
    ],
)  # fmt: skip
def test_thresholds_found_in_their_text(value, text):
    if value == "0.3333":
        assert not stands_in(Fraction(value), "占比不低于三分之一")
        assert stands_in(Fraction(1, 3), "占比不低于三分之一")
        return
    assert stands_in(Fraction(value), text)


def test_a_threshold_that_the_text_does_not_say():
    assert rules("rev >= 6000000", text="不低于500万元") == [("threshold-not-in-text", "c1")]
    assert rules("rev >= 5000000", text="不低于500万元") == []


def test_between_items():
    def two(**more):
        one = {
            "id": "a",
            "conditions": [{"id": "c1", "text": "100", "expr": "rev >= 100"}, {"id": "c2", "text": "甲", "expr": "p"}],
        }
        other = {"id": "b", "conditions": [*one["conditions"], {"id": "c3", "text": "乙", "expr": "q"}], **more}
        return [(f.item, f.rule) for f in lint([one, other, {**one, "id": "c", **more}], INDICATORS)]

    assert ("b", "overlap") in two() and ("c", "duplicate-item") in two()
    assert ("b", "overlap") not in two(excludes=["a", "c", "b"])


def test_a_broken_rule_is_a_finding_not_a_crash():
    found = lint(
        [
            {"id": "x", "conditions": [{"id": "c1", "expr": "revv > 1"}]},
            {"id": "y", "conditions": [{"id": "c1", "text": "100", "expr": "rev > 100"}]},
        ],
        INDICATORS,
    )
    assert [(f.item, f.condition, f.severity) for f in found] == [("x", "c1", "error")] and "是否指 rev" in found[
        0
    ].message


FIRMS = [
    {"rev": 50, "staff": 10, "enterprise_id": "a"},
    {"rev": 80, "staff": 10, "enterprise_id": "b"},
    {"rev": 120, "staff": 10, "enterprise_id": "c"},
    {"rev": None, "staff": 10, "enterprise_id": "d"},
]


def test_what_if():
    item = {
        "id": "x",
        "conditions": [
            {"id": "c1", "text": "100", "expr": "rev >= 100"},
            {"id": "c2", "text": "5", "expr": "staff >= 5"},
        ],
        "award": {"expr": "rev * 0.1"},
    }
    program = compile_items([item], INDICATORS)
    frame = profile_frame(FIRMS, INDICATORS)
    groups = pl.DataFrame({"size": ["小型", "大型", "大型", None]})
    found = simulate(program, frame, "x", dict([change_of("c1=rev >= 60")]), date(2024, 12, 31), groups)
    assert (found.before.n, found.before.yuan) == (1, Decimal("12.00")) and (found.after.n, found.after.yuan) == (
        2,
        Decimal("20.00"),
    )
    assert found.gained == ("b",) and found.lost == ()
    assert found.by["size"].to_dicts() == [{"key": "大型", "before": 1, "after": 2, "gained": 1, "lost": 0}]
    curve = {int(row["threshold"]): (row["n"], row["yuan"]) for row in found.curve.to_dicts()}
    assert (
        curve[60] == (2, Decimal("20.00"))
        and curve[50] == (3, Decimal("25.00"))
        and curve[120] == (1, Decimal("12.00"))
    )
    dearer = simulate(program, frame, "x", {}, date(2024, 12, 31), groups, award="1000")
    assert dearer.after.yuan == Decimal("1000.00") and dearer.curve.height == 0
    with pytest.raises(RuleError, match="没有这个条件"):
        simulate(program, frame, "x", {"c9": "rev > 1"}, date(2024, 12, 31), groups)
    with pytest.raises(RuleError, match="条件编号=表达式"):
        change_of("rev > 5")
    # slips of the pen end in a sentence, and a sum is not bound by what one payment may be
    with pytest.raises(RuleError, match="门槛超出"):
        simulate(program, frame, "x", {"c1": "rev >= 1e60"}, date(2024, 12, 31), groups)
    with pytest.raises(RuleError, match=r"award：事项 x：c 的金额.*超出"):
        simulate(program, frame, "x", {}, date(2024, 12, 31), groups, award="1e16")
    most = simulate(program, frame, "x", {"c1": "rev >= 50"}, date(2024, 12, 31), groups, award="9999999999999999.99")
    assert most.after.yuan == most.curve["yuan"].max() == Decimal("29999999999999999.97")


@pytest.mark.parametrize(
    ("exprs", "logic", "where", "words"),
    [
        (["rev > 100 AND rev < 50"], None, "c1", "自相矛盾"),
        (["rev > 100", "rev < 50"], None, "logic", "互相矛盾"),
        (["rev >= 0"], None, "c1", "都成立"),
        (["rev >= 100", "rev < 100"], "c1 OR c2", "logic", "都成立"),
        (["p OR NOT p"], None, "c1", "都成立"),
        (["TRUE"], None, "c1", "都成立"),
    ],
)
def test_a_rule_nobody_or_everybody_meets_does_not_take_effect(exprs, logic, where, words):
    bad = {
        "id": "bad",
        "conditions": [{"id": f"c{n}", "text": "", "expr": e} for n, e in enumerate(exprs, 1)],
        "logic": logic,
    }
    good = {"id": "good", "conditions": [{"id": "c1", "text": "", "expr": "rev >= 100"}]}
    program, refusals = compile_sound([bad, good], INDICATORS)
    assert [item.text.id for item in program.items] == ["good"]
    assert [refusal.condition for refusal in refusals] == [where] and words in refusals[0].message
