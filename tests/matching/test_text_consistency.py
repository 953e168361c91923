"""What one place changed in a rule or in its policy makes `huiqi lint` say; an item that agrees with its text makes it say nothing."""

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.reading_lint import changed
from data.corpus import Item, load_items, parse_item
from data.indicators import load
from matching.rules.lint import Finding
from matching.text.consistency import differences

POLICY = """---
id: agreed
version: 1
title: 企业研发后补助
issuer: 海口市科学技术工业信息化局
level: 市县级
region: ["460100"]
basis: 海科〔2024〕1号
valid: {from: 2024-07-01, to: 2027-06-30}
window: {from: 2025-03-01, to: 2025-03-31}
cycle: year
mode: 承诺兑现
promise_days: 20
tags: {theme: [研发创新], industry: [不限], size: [不限], method: [补助]}
conditions:
  - {id: c1, text: 在海口市注册, expr: "registered_region IN ('460100')"}
  - {id: c2, text: 成立满三年, expr: established_years >= 3}
  - {id: c3, text: 上年度研发费用不低于100万元, expr: rd_expense_last_year >= 1000000}
  - {id: c4, text: 从业人员300人以下, expr: employees <= 300}
award: {expr: "least(rd_expense_last_year * 0.08, 500000)"}
examples:
  - {name: 缺数据, given: {registered_region: "460100"}, verdict: unknown}
  - name: 全部满足
    given: {registered_region: "460100", established_years: 5, rd_expense_last_year: 2000000, employees: 50}
    verdict: declarable
    award: 160000
---

第一条　在海口市注册、成立满三年、从业人员300人以下的企业，上年度研发费用不低于100万元的，按研发费用的8%给予补助，最高50万元。
第二条　申报时间为2025年3月1日至2025年3月31日。
第三条　本办法自2024年7月1日起施行，有效期至2027年6月30日。
"""


def _item(text: str = POLICY) -> Item:
    return parse_item(text, Path("agreed.md"))


def _told(text: str) -> list[Finding]:
    return differences([_item(text)], load())


def test_a_rule_that_says_what_its_policy_says() -> None:
    assert _told(POLICY) == []


@pytest.mark.parametrize(
    ("before", "after", "condition", "rule"),
    [
        ("rd_expense_last_year >= 1000000}", "rd_expense_last_year >= 10000000}", "c3", "number-not-in-policy"),
        ("rd_expense_last_year >= 1000000}", "rd_expense_last_year > 1000000}", "c3", "operator-differs"),
        ("rd_expense_last_year >= 1000000}", "rd_expense_last_year <= 1000000}", "c3", "operator-differs"),
        ("rd_expense_last_year >= 1000000}", "NOT (rd_expense_last_year >= 1000000)}", "c3", "operator-differs"),
        ("established_years >= 3", "established_years >= 5", "c2", "number-not-in-policy"),
        ("employees <= 300", "employees < 300", "c4", "operator-differs"),
        ("IN ('460100')", "IN ('460200')", "c1", "region-differs"),
        ("c1, text: 在海口市注册", "c1, text: 在三亚市注册", "c1", "region-differs"),
        ("第一条　在海口市注册", "第一条　在三亚市注册", "c1", "region-differs"),
        ("* 0.08", "* 0.8", "award", "amount-differs"),
        (", 500000)", ", 5000000)", "award", "amount-differs"),
        ("最高50万元", "最高80万元", "award", "amount-differs"),
        ("按研发费用的8%", "按研发费用的6%", "award", "amount-differs"),
        ("不低于100万元的", "不低于200万元的", "c3", "number-not-in-policy"),
        ("研发费用不低于100万元的", "研发费用超过100万元的", "c3", "operator-differs"),
        ("to: 2027-06-30", "to: 2028-06-30", "valid", "date-differs"),
        ("有效期至2027年", "有效期至2026年", "valid", "date-differs"),
        ("to: 2025-03-31", "to: 2025-04-30", "window", "date-differs"),
    ],
)
def test_one_difference_is_told_where_it_is(before: str, after: str, condition: str, rule: str) -> None:
    assert POLICY.count(before) == 1
    told = [(f.condition, f.rule) for f in _told(POLICY.replace(before, after)) if f.severity != "info"]
    assert (condition, rule) in told


def test_a_rule_that_no_example_meets_is_worth_a_look() -> None:
    assert [f.rule for f in _told(POLICY.replace("verdict: declarable", "verdict: ineligible"))] == ["nobody-meets"]


def test_what_a_policy_asks_and_no_rule_holds_is_worth_knowing() -> None:
    more = POLICY.replace("从业人员300人以下的企业", "从业人员300人以下、注册资本500万元以上的企业")
    assert [(f.rule, f.severity) for f in _told(more)] == [("condition-not-in-rule", "info")]


def test_a_size_that_a_policy_asks_for_and_no_rule_does_is_told() -> None:
    small = POLICY.replace("300人以下的企业", "300人以下的中小微企业")
    assert [f.message for f in _told(small)] == ["政策原文的「中小微企业」没有对应的条件"]
    ruled = small.replace(
        "  - {id: c4,",
        """  - {id: c5, text: 中小微企业, expr: "enterprise_size IN ('中型', '小型', '微型')"}\n  - {id: c4,""",
    )
    assert _told(ruled.replace("employees: 50}", "employees: 50, enterprise_size: 小型}")) == []


def test_a_definition_at_the_end_decides_the_bound() -> None:
    defined = POLICY.replace("第三条", "第三条　本办法所称“以下”不含本数。\n第四条")
    assert [(f.condition, f.rule) for f in _told(defined)] == [("c4", "operator-differs")]
    assert _told(defined.replace("employees <= 300", "employees < 300")) == []


def test_every_item_of_the_corpus_agrees_with_its_text() -> None:
    assert [f for f in differences(load_items(), load()) if f.severity != "info"] == []


@pytest.mark.slow
def test_changes_of_the_corpus_are_noticed() -> None:
    indicators = load()
    made: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for item in load_items()[::3]:
        for kind, other in changed(item):
            made[kind] += 1
            told[kind] += any(f.severity != "info" for f in differences([other], indicators))
    # measured on all items: docs/decisions/0104
    for kind in ("rule: number", "rule: bound", "rule: direction", "rule: region", "rule: amount", "text: number"):
        assert told[kind] >= 0.9 * made[kind] > 0
