"""The planes against a slow reading of matching.md §2, pair by pair: verdicts, near-misses, bars, amounts, totals, blocks."""

import itertools
import random
from datetime import date
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from matching.rules import RuleError, compile_items, evaluate, profile_frame
from matching.rules.changes import changes
from matching.rules.verdicts import AwardError, Verdicts

AS_OF = date(2024, 12, 31)
INDICATORS = {name: {"type": "bool"} for name in "abcdef"} | {
    "revenue": {"type": "money", "unit": "元"},
    "staff": {"type": "integer", "unit": "人"},
    "certifications": {"type": "list", "complete_for": ["高新技术企业"]},
    "honors": {"type": "list"},
    "registered_region": {"type": "region"},
    "industry": {"type": "industry"},
}
VALUES = [True, False, None]


def item(logic=None, conditions="abcd", outside=(), deny=(), **more):
    return {
        "id": "x",
        "conditions": [
            {"id": f"c{n}", "text": n, "expr": n, "on_unknown": "deny" if n in deny else "ask"} for n in conditions
        ],
        "outside_data": [{"id": o, "text": o} for o in outside],
        "logic": logic,
        **more,
    }


def slow(logic, row, outside, granted=None):
    """`logic` is a tuple tree; `row` maps condition ids to True, False, None; `outside` is what outside_data counts as."""
    match logic:
        case ("and", *parts):
            sides = [slow(part, row, outside, granted) for part in parts]
            return False if False in sides else None if None in sides else True
        case ("or", *parts):
            sides = [slow(part, row, outside, granted) for part in parts]
            return True if True in sides else None if None in sides else False
        case ("not", part):
            side = slow(part, row, outside, granted)
            return None if side is None else not side
        case str():
            if granted is not None and granted[0] == logic:
                return granted[1]
            return outside if logic.startswith("o") else row[logic]


def literals(logic, sign=True):
    match logic:
        case ("not", part):
            yield from literals(part, not sign)
        case (_, *parts):
            for part in parts:
                yield from literals(part, sign)
        case str():
            yield logic, sign


def expected(logic, row):
    certain, possible = slow(logic, row, None), slow(logic, row, True)
    if certain is True:
        verdict = "eligible"
    elif certain is None and possible is True:
        verdict = "declarable"
    elif certain is None:
        verdict = "unknown"
    else:
        verdict = "ineligible"
    near = one = False
    for name, sign in set(literals(logic)):
        if name.startswith("o"):
            continue
        met = slow(logic, row, True, (name, sign)) is True
        near |= verdict == "ineligible" and row[name] is (not sign) and met
        one |= verdict == "unknown" and row[name] is None and met
    return verdict, near, one


def shown(logic):
    match logic:
        case ("not", part):
            return f"NOT ({shown(part)})"
        case (word, *parts):
            return "(" + f" {word.upper()} ".join(shown(part) for part in parts) + ")"
        case str():
            return logic


def random_logic(rng, names, depth):
    if depth == 0 or len(names) == 1:
        name = names[0]
        return ("not", name) if rng.random() < 0.25 else name
    if rng.random() < 0.1:
        return ("not", random_logic(rng, names, depth - 1))
    cut = rng.randint(1, len(names) - 1)
    return (
        rng.choice(["and", "or"]),
        random_logic(rng, names[:cut], depth - 1),
        random_logic(rng, names[cut:], depth - 1),
    )


def named(logic):
    return {name for name, _ in literals(logic)}


GRID = [dict(zip("abcd", values, strict=True)) for values in itertools.product(VALUES, repeat=4)]


@pytest.mark.parametrize("seed", range(60))
def test_verdicts_against_the_slow_reading(seed):
    rng = random.Random(seed)
    conditions = ["ca", "cb", "cc", "cd"][: rng.randint(1, 4)]
    outside = ["o1", "o2"][: rng.choice([0, 0, 1, 2])]
    logic = (
        ("and", *conditions, *outside)
        if seed % 3 == 0
        else random_logic(rng, rng.sample(conditions + outside, len(conditions + outside)), 4)
    )
    # random_logic drops names where it runs out of depth; the ids it lacks are not part of the item
    used = [name for name in conditions if name in named(logic)] or conditions[:1]
    if not set(used) & named(logic):
        logic = ("and", logic, used[0])
    unnamed = [o for o in outside if o not in named(logic)]
    full = ("and", logic, *unnamed) if unnamed else logic
    program = compile_items(
        [item(None if seed % 3 == 0 else shown(logic), "".join(name[1] for name in used), outside)], INDICATORS
    )
    frame = profile_frame(GRID, INDICATORS)
    verdicts = evaluate(program, frame, AS_OF)
    pairs = verdicts.pairs(everything=True)
    counts = dict.fromkeys(("eligible", "declarable", "unknown", "ineligible"), 0)
    for row, pair in zip(GRID, pairs.to_dicts(), strict=True):
        facts = {f"c{name}": value for name, value in row.items()}
        verdict, near, one = expected(full, facts)
        counts[verdict] += 1
        assert (pair["verdict"], pair["near_miss"], pair["one_unknown"]) == (verdict, near, one), (shown(full), row)
        assert pair["met"] == [name for name in used if facts[name] is True]
        assert pair["failed"] == [name for name in used if facts[name] is False]
        assert pair["unknown"] == [name for name in used if facts[name] is None] + outside
    assert {name: verdicts.counts().row(0, named=True)[name] for name in counts} == counts
    kept = verdicts.pairs()
    assert kept.height == sum(
        1 for p in pairs.to_dicts() if p["verdict"] in ("eligible", "declarable") or p["near_miss"] or p["one_unknown"]
    )


def test_deny_acts_on_the_verdict_and_not_inside_the_logic():
    program = compile_items([item("ca OR NOT cb", "ab", deny="b")], INDICATORS)
    rows = [{"a": False, "b": None}, {"a": None, "b": None}, {"a": None, "b": True}, {"a": False, "b": False}]
    pairs = evaluate(program, profile_frame(rows, INDICATORS), AS_OF)
    assert pairs.pairs(everything=True)["verdict"].to_list() == ["ineligible", "unknown", "unknown", "eligible"]
    assert pairs.counts().select("eligible", "unknown", "ineligible").row(0) == (1, 2, 1)


def test_outside_data_that_logic_does_not_name_is_required_and_never_silently_true():
    program = compile_items([item("ca OR cb", "ab", outside=["o1"])], INDICATORS)
    frame = profile_frame([{"a": True, "b": None}, {"a": False, "b": False}, {"a": None, "b": False}], INDICATORS)
    assert evaluate(program, frame, AS_OF).pairs(everything=True)["verdict"].to_list() == [
        "declarable",
        "ineligible",
        "unknown",
    ]


def test_bars_stand_beside_the_verdict():
    program = compile_items([item("ca", "a", exclude_when="b")], INDICATORS, [{"id": "common", "expr": "c"}])
    rows = [{"a": True, "b": False, "c": False}, {"a": True, "b": None, "c": False}, {"a": True, "b": None, "c": True}]
    pairs = evaluate(program, profile_frame(rows, INDICATORS), AS_OF).pairs()
    assert pairs["verdict"].to_list() == ["eligible"] * 3
    assert pairs["bar"].to_list() == ["clear", "unknown", "barred"]
    assert pairs["bars"].to_list() == [[], ["exclude_when"], ["common", "exclude_when"]]


def amounts(expr, rows):
    program = compile_items(
        [
            {
                "id": "x",
                "conditions": [{"id": "c1", "expr": "staff IS NOT NULL OR staff IS NULL"}],
                "award": {"expr": expr},
            }
        ],
        INDICATORS,
    )
    return evaluate(program, profile_frame(rows, INDICATORS), AS_OF).pairs()["amount_yuan"].to_list()


def test_awards_are_exact_rounded_half_up_and_null_when_a_fact_is_missing():
    rows = [
        {"revenue": Decimal("0.05"), "staff": 3},
        {"revenue": Decimal("0.15"), "staff": 0},
        {"revenue": None, "staff": 2},
    ]
    assert amounts("revenue * 0.1", rows) == [Decimal("0.01"), Decimal("0.02"), None]
    assert amounts("revenue / staff", rows) == [Decimal("0.02"), None, None]
    assert amounts("least(revenue * 1000, 100)", rows) == [Decimal("50.00"), Decimal("100.00"), None]
    assert amounts("greatest(revenue, 7)", rows) == [Decimal("7.00"), Decimal("7.00"), None]
    tiers = "CASE WHEN staff >= 3 THEN 300000 WHEN staff >= 2 THEN 200000 ELSE 0 END"
    assert amounts(tiers, rows) == [Decimal(300000), Decimal(0), Decimal(200000)]
    assert amounts("50000", rows) == [Decimal(50000)] * 3
    assert amounts("staff / 0", rows) == amounts("NULL", rows) == [None] * 3
    assert amounts("0 - staff", rows) == [None, Decimal("0.00"), None]
    with pytest.raises(AwardError, match=r"x.*超出"):
        amounts("staff * 1e17", rows)


def test_lists_count_entries_valid_that_day_and_absence_only_where_it_is_provable():
    rows = [
        {"certifications": [{"name": "高新技术企业", "valid_from": "2022-01-01", "valid_to": "2024-12-31"}]},
        {"certifications": [{"name": "高新技术企业", "valid_from": "2021-01-01", "valid_to": "2024-12-30"}]},
        {"certifications": ["高新技术企业", "绿色工厂"]},
        {"certifications": []},
        {"certifications": None},
    ]
    frame = profile_frame(rows, INDICATORS)

    def verdicts(expr):
        program = compile_items([{"id": "x", "conditions": [{"id": "c1", "expr": expr}]}], INDICATORS)
        return evaluate(program, frame, AS_OF).verdict_of("x").to_list()

    yes, no, u = "eligible", "ineligible", "unknown"
    assert verdicts("certifications IN ('高新技术企业')") == [yes, no, yes, no, u]
    assert verdicts("certifications NOT IN ('高新技术企业')") == [no, yes, no, yes, u]
    # the feeds cannot prove that 绿色工厂 is absent
    assert verdicts("certifications IN ('绿色工厂')") == [u, u, yes, u, u]
    assert verdicts("certifications IN ('高新技术企业', '绿色工厂')") == [yes, u, yes, u, u]
    assert verdicts("certifications IS NULL") == [no, no, no, no, yes]


def test_regions_and_industries_include_what_lies_below():
    rows = [
        {"registered_region": r, "industry": i}
        for r, i in [
            ("460106", "3911"),
            ("460400499", "C3911"),
            ("440100", "A0111"),
            (None, None),
            ("460000", "39"),
            ("469003", "C"),
        ]
    ]
    frame = profile_frame(rows, INDICATORS)

    def holds(expr):
        program = compile_items([{"id": "x", "conditions": [{"id": "c1", "expr": expr}]}], INDICATORS)
        return [v == "eligible" if v != "unknown" else None for v in evaluate(program, frame, AS_OF).verdict_of("x")]

    assert holds("registered_region IN ('460000')") == [True, True, False, None, True, True]
    assert holds("registered_region IN ('460100', '440000')") == [True, False, True, None, False, False]
    # 469003 was 儋州 until it became a prefecture-level city
    assert holds("registered_region IN ('460400')") == [False, True, False, None, False, True]
    assert holds("industry IN ('C')") == [True, True, False, None, True, True]
    assert holds("industry IN ('39')") == [True, True, False, None, True, False]
    assert holds("industry IN ('3911', 'A')") == [True, True, True, None, False, False]


def test_blocks_and_order_do_not_matter():
    rng = random.Random(3)
    rows = [
        {
            "a": rng.choice(VALUES),
            "b": rng.choice(VALUES),
            "revenue": rng.choice([None, 1, 5, 9]),
            "honors": rng.choice([None, [], ["一级"]]),
        }
        for _ in range(301)
    ]
    items = [
        {
            "id": "x",
            "conditions": [
                {"id": "c1", "expr": "a"},
                {"id": "c2", "expr": "revenue >= 5"},
                {"id": "c3", "expr": "honors IN ('一级')"},
            ],
            "logic": "c1 AND (c2 OR NOT c3)",
        },
        {
            "id": "y",
            "conditions": [{"id": "c1", "expr": "a IS NOT TRUE"}, {"id": "c2", "expr": "NOT b"}],
            "award": {"expr": "revenue * 2"},
        },
    ]
    program = compile_items(items, INDICATORS)
    frame = profile_frame(rows, INDICATORS)
    whole = evaluate(program, frame, AS_OF)
    small = Verdicts(program, frame, AS_OF, block=64)
    assert whole.pairs().equals(small.pairs()) and whole.counts().equals(small.counts())
    order = list(np.random.default_rng(1).permutation(301))
    shuffled = Verdicts(program, frame[order], AS_OF, block=128)
    assert shuffled.counts().equals(whole.counts())
    assert shuffled.pairs().sort("item_id", "enterprise_id").equals(whole.pairs().sort("item_id", "enterprise_id"))
    groups = pl.DataFrame({"g": ["u" if row["revenue"] == 5 else None for row in rows]})
    totals = whole.totals(groups)
    assert totals["n"].sum() == 602 and totals.equals(small.totals(groups))
    assert totals["amount_yuan"].sum() == sum(
        p["amount_yuan"] or 0 for p in whole.pairs(["y"]).filter(pl.col("verdict") == "eligible").to_dicts()
    )


def test_no_profile_columns_and_no_rows():
    program = compile_items([item("ca", "a")], INDICATORS)
    assert evaluate(program, pl.DataFrame({"enterprise_id": ["e1"]}), AS_OF).pairs()["one_unknown"].to_list() == [True]
    none = evaluate(program, pl.DataFrame({"enterprise_id": pl.Series([], dtype=pl.String)}), AS_OF)
    assert none.pairs().height == 0 and none.counts().row(0, named=True)["n"] == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"conditions": [{"id": "c1", "expr": "revenu > 1"}]}, "没有名为“revenu”的指标；是否指 revenue"),
        ({"conditions": [{"id": "c1", "expr": "revenue > '1'"}]}, "类型不同"),
        ({"conditions": [{"id": "c1", "expr": "(SELECT 1) > 1"}]}, "不写子查询"),
        ({"conditions": []}, "没有任何条件"),
        ({"logic": "c1 AND c9"}, "没有编号为“c9”的条件"),
        ({"logic": "c1 > 1"}, "只写条件编号"),
        ({"conditions": [{"id": "c1", "expr": "a"}, {"id": "c2", "expr": "b"}], "logic": "c1"}, "没有用到条件 c2"),
        ({"conditions": [{"id": "c1", "expr": "a"}, {"id": "c1", "expr": "b"}]}, "编号重复"),
        ({"conditions": [{"id": "c1", "expr": "a", "on_unknown": "maybe"}]}, "on_unknown 应为"),
        ({"award": {"expr": "a"}}, "此处应为数"),
        ({"exclude_when": "revenue"}, "缺少与什么比较"),
        ({"conditions": [{"id": "c1", "expr": "certifications = '高新技术企业'"}]}, "名单只用于 IN"),
    ],
)  # fmt: skip
def test_refusals_name_the_file(change, words):
    with pytest.raises(RuleError, match=words) as refusal:
        compile_items([{"id": "x", "conditions": [{"id": "c1", "expr": "a"}], **change}], INDICATORS)
    assert refusal.value.file == "x.md"


def test_comparisons_outside_the_catalogue_are_refused():
    indicators = {
        "rd_ratio": {"type": "ratio", "label": "研发占比", "range": [0, 1]},
        "level": {"type": "code", "label": "等级", "codes": ["甲级", "乙级"]},
        "established_date": {"type": "date", "label": "成立日期", "range": ["1949-10-01", None]},
    }

    def refused(expr):
        with pytest.raises(RuleError) as refusal:
            compile_items([{"id": "x", "conditions": [{"id": "c1", "expr": expr}]}], indicators)
        return refusal.value

    assert "3 超出范围" in refused("rd_ratio >= 3").message and refused("rd_ratio >= 3").position == 13
    assert "永不成立" in refused("rd_ratio > 1").message
    assert "是否指“甲级”" in refused("level IN ('乙级', '甲等级')").message
    assert "没有“丙”" in refused("level = '丙'").message
    assert "超出范围" in refused("established_date > '1900-01-01'").message
    assert "下限大于上限" in refused("rd_ratio BETWEEN 0.5 AND 0.1").message


def test_a_night_is_the_difference_of_two_days():
    items = [item("ca AND cb", "ab"), {**item("ca OR cb", "ab"), "id": "y"}]
    program = compile_items(items, INDICATORS)
    rng = random.Random(9)
    first = [{"enterprise_id": str(n), "a": rng.choice(VALUES), "b": rng.choice(VALUES)} for n in range(200)]
    second = [{**row, "a": rng.choice([row["a"]] * 9 + [None, True])} for row in first[5:]] + [
        {"enterprise_id": "new", "a": True, "b": True}
    ]
    before, after = (evaluate(program, profile_frame(rows, INDICATORS), AS_OF) for rows in (first, second))
    found = {(r["enterprise_id"], r["item_id"]): (r["before"], r["after"]) for r in changes(before, after).to_dicts()}
    slow_before = {(p["enterprise_id"], p["item_id"]): p["verdict"] for p in before.pairs(everything=True).to_dicts()}
    expected_changes = {
        (p["enterprise_id"], p["item_id"]): (slow_before.get((p["enterprise_id"], p["item_id"])), p["verdict"])
        for p in after.pairs(everything=True).to_dicts()
        if slow_before.get((p["enterprise_id"], p["item_id"])) != p["verdict"]
    }
    assert found == expected_changes and len(found) > 10
    assert changes(after, after).is_empty()


def test_equal_tests_are_one_test_however_they_are_written():
    exprs = [
        "revenue >= 5000000",
        "NOT revenue < 5e6",
        "5000000 <= revenue",
        "revenue BETWEEN 5000000 AND 9",
        "revenue >= 2500000 * 2",
    ]
    program = compile_items(
        [{"id": f"i{n}", "conditions": [{"id": "c1", "expr": e}]} for n, e in enumerate(exprs) if "BETWEEN" not in e],
        INDICATORS,
    )
    assert len(evaluate(program, profile_frame([{"revenue": 1}], INDICATORS), AS_OF).kernel.layout.atoms) == 1
