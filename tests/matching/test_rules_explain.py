"""Every sentence true, complete and in the words of the policy."""

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from matching.rules import RuleError, compile_items, explain
from matching.rules.explain import is_exclusion
from matching.rules.wording import gap, grouped, quantity, yuan

AS_OF = date(2024, 12, 31)
INDICATORS = {
    "revenue_last_year": {"type": "money", "label": "上年度营业收入", "unit": "元", "department": "tax"},
    "rd_expense_last_year": {"type": "money", "label": "上年度研发费用", "unit": "元", "department": "tax"},
    "employees_insured": {"type": "integer", "label": "社保参保人数", "unit": "人", "department": "labor"},
    "person_insured_months": {"type": "integer", "label": "本单位连续参保月数", "unit": "月", "department": "labor"},
    "rd_ratio": {"type": "ratio", "label": "研发费用占比", "unit": "小数"},
    "established_date": {"type": "date", "label": "成立日期", "department": "market"},
    "is_dishonest": {"type": "bool", "label": "失信被执行人", "department": "reform"},
    "enterprise_size": {"type": "code", "label": "企业划型"},
    "industry": {"type": "industry", "label": "所属行业"},
    "registered_park": {"type": "code", "label": "注册园区", "unit": "园区编号"},
    "registered_region": {"type": "region", "label": "注册地", "unit": "区划码"},
    "agri_level": {"type": "code", "label": "级别", "codes": ["国家级", "省级", "市级"]},
    "certifications": {"type": "list", "label": "资质认定", "complete_for": ["高新技术企业"]},
}
DEPARTMENTS = {"tax": "税务局", "labor": "人社厅", "market": "市场监管局", "reform": "发改委"}


def sentence(expr, evidence=None, **row):
    program = compile_items([{"id": "x", "conditions": [{"id": "c1", "text": "原文", "expr": expr}]}], INDICATORS)
    found = explain(program, row, "x", AS_OF, evidence=evidence, departments=DEPARTMENTS)
    return found.conditions[0]


@pytest.mark.parametrize(
    ("expr", "row", "words", "distance"),
    [
        ("revenue_last_year >= 20000000", {"revenue_last_year": 18500000}, "上年度营业收入 1,850 万元，距 2,000 万元还差 150 万元", 1500000),
        ("revenue_last_year >= 20000000", {"revenue_last_year": Decimal("19999999.99")}, "上年度营业收入 19,999,999.99 元，距 2,000 万元还差 0.01 元", Fraction(1, 100)),
        ("revenue_last_year >= 20000000", {"revenue_last_year": 20000000}, "上年度营业收入 2,000 万元，达到 2,000 万元", 0),
        ("revenue_last_year > 20000000", {"revenue_last_year": 20000000}, "上年度营业收入 2,000 万元，须高于 2,000 万元，现在正好相等", 0),
        ("revenue_last_year <= 400000000", {"revenue_last_year": 500000000}, "上年度营业收入 5 亿元，超出上限 4 亿元达 1 亿元", 100000000),
        ("employees_insured < 50", {"employees_insured": 55}, "社保参保人数 55 人，须低于 50 人，超出 5 人", 5),
        ("employees_insured >= 50", {}, "缺少社保参保人数（人社厅）", None),
        ("rd_ratio >= 0.03", {"rd_ratio": Decimal("0.025")}, "研发费用占比 2.5%，距 3% 还差 0.5 个百分点", Fraction(5, 1000)),
        ("rd_ratio >= 0.03", {}, "缺少研发费用占比（部门数据中没有，可由企业申报），用于判断“原文”", None),
        ("rd_expense_last_year / revenue_last_year >= 0.03", {"rd_expense_last_year": 100, "revenue_last_year": 0}, "算式除以零，无法计算", None),
        ("rd_expense_last_year / revenue_last_year >= 0.03", {"rd_expense_last_year": 100, "revenue_last_year": 5000}, "按上年度研发费用 100 元、上年度营业收入 5,000 元计算为 0.02，距 0.03 还差 0.01", Fraction(1, 100)),
        ("established_date <= DATE '2023-12-31'", {"established_date": date(2024, 1, 10)}, "成立日期 2024-01-10，要求不晚于 2023-12-31，差 10 天", 10),
        ("established_date < as_of", {"established_date": date(2024, 12, 31)}, "成立日期 2024-12-31，要求早于 2024-12-31", 0),
        ("rd_expense_last_year >= revenue_last_year", {"rd_expense_last_year": 10, "revenue_last_year": 30}, "上年度研发费用 10 元，距 上年度营业收入 30 元还差 20 元", 20),
        ("as_of - established_date >= 365", {"established_date": date(2024, 12, 1)}, "按成立日期 2024-12-01计算为 30 天，距 365 天还差 335 天", 335),
        ("NOT is_dishonest", {"is_dishonest": True}, "失信被执行人：是，要求为“否”，属于这一排除情形", None),
        ("enterprise_size IN ('小型', '微型')", {"enterprise_size": "大型"}, "企业划型：大型，不属于 小型、微型", None),
        ("registered_region IN ('460100')", {"registered_region": "460106"}, "注册地：龙华区，在 海口市 范围内", None),
        ("certifications IN ('高新技术企业')", {"certifications": [{"name": "高新技术企业", "valid_from": date(2021, 12, 1), "valid_to": date(2024, 11, 30)}]}, "资质认定：高新技术企业（有效期 2021-12-01 至 2024-11-30），在 2024-12-31 不在有效期内", None),
        ("certifications IN ('高新技术企业')", {"certifications": []}, "资质认定：没有 高新技术企业", None),
        # of an OR that holds only what makes it hold is told, of one that fails every way to it
        ("(revenue_last_year >= 300000000 AND employees_insured < 9) OR employees_insured < 5", {"revenue_last_year": 10000, "employees_insured": 3}, "社保参保人数 3 人，低于 5 人", 0),
        ("(revenue_last_year >= 300000000 AND employees_insured < 9) OR employees_insured < 2", {"revenue_last_year": 10000, "employees_insured": 3}, "上年度营业收入 1 万元，距 3 亿元还差 2.9999 亿元；或者社保参保人数 3 人，须低于 2 人，超出 1 人", 1),
        ("person_insured_months >= 6", {"person_insured_months": 4}, "本单位连续参保月数 4 个月，距 6 个月还差 2 个月", 2),
        # one fact, told once
        ("as_of - established_date >= 365 AND as_of - established_date <= 1095", {"established_date": date(2023, 1, 1)}, "按成立日期 2023-01-01计算为 730 天，达到 365 天，未超过 1,095 天", 0),
        ("employees_insured >= 5 AND employees_insured <= 9", {"employees_insured": 7}, "社保参保人数 7 人，达到 5 人，未超过 9 人", 0),
        # a class that has only the name of the one above it is told by its number, else 批发业 would not be within 批发业
        ("industry IN ('5192')", {"industry": "5127"}, "所属行业：批发业（5127 小类），不在 批发业（5192 小类） 范围内", None),
        ("enterprise_size <> '大型'", {"enterprise_size": "小型"}, "企业划型：小型，不是 大型，不在这一排除情形内", None),
        ("agri_level IN ('市级', '国家级', '省级')", {"agri_level": "省级"}, "级别：省级，属于 国家级、省级、市级", None),
        ("industry IN ('I')", {"industry": "6513"}, "所属行业：软件开发（6513 小类），在 信息传输、软件和信息技术服务业（I） 范围内", None),
        ("registered_park = 'park-yangpu'", {"registered_park": "park-jiangdong"}, "注册园区：海口江东新区，要求为“洋浦经济开发区”", None),
        (f"enterprise_size NOT IN ({', '.join(repr(f'第{n}类') for n in range(40))})", {"enterprise_size": "大型"}, "企业划型：大型，不属于 " + "、".join(sorted(f"第{n}类" for n in range(40))[:30]) + " 等 40 项，不在这一排除情形内", None),
        ("certifications IN ('绿色工厂')", {"certifications": []}, "资质认定里没有 绿色工厂 的记录，但现有数据不足以断定没有", None),
    ],
)  # fmt: skip
def test_sentences(expr, row, words, distance):
    found = sentence(expr, **row)
    assert found.sentence == words
    assert found.distance == distance


def test_the_source_and_day_of_a_fact_are_told():
    seen = {"employees_insured": {"department": "labor", "valid_at": date(2024, 3, 31), "state": "known"}}
    assert (
        sentence("employees_insured >= 50", seen, employees_insured=48).sentence
        == "社保参保人数 48 人（人社厅，2024-03-31），距 50 人还差 2 人"
    )
    stale = sentence("employees_insured >= 50", seen)
    assert stale.sentence == "缺少社保参保人数（人社厅，最近一期 2024-03-31）" and stale.department == "labor"
    never = {"employees_insured": {"state": "not_applicable"}}
    assert sentence("employees_insured >= 50", never).sentence == "社保参保人数对该主体不适用，不能据此判断“原文”"


def test_only_the_tests_that_decide_are_told():
    both = "revenue_last_year >= 100 AND employees_insured >= 50"
    assert (
        sentence(both, revenue_last_year=200, employees_insured=48).sentence == "社保参保人数 48 人，距 50 人还差 2 人"
    )
    either = "revenue_last_year >= 100 OR employees_insured >= 50"
    assert (
        sentence(either, revenue_last_year=200, employees_insured=48).sentence == "上年度营业收入 200 元，达到 100 元"
    )
    assert sentence(either, revenue_last_year=20, employees_insured=48).sentence.count("还差") == 2


ALTERNATIVES = {
    "id": "x",
    "conditions": [
        {"id": "c1", "expr": "revenue_last_year >= 100"},
        {"id": "c2", "expr": "employees_insured >= 5"},
        {"id": "c3", "expr": "rd_ratio >= 0.03"},
    ],
    "outside_data": [{"id": "o1", "text": "项目尚未开工"}],
}


@pytest.mark.parametrize(
    ("logic", "row", "verdict", "short_of", "words"),
    [
        # c1 fails inside an alternative that c2 carries: it is no reason, and meeting it would not help
        ("(c1 OR c2) AND c3", (1, 9, "0.01"), "ineligible", ("c3",), "x：不符合。只有一项不符合：研发费用占比 1%，距 3% 还差 2 个百分点。"),
        ("(c1 OR c2) AND c3", (1, 1, "0.05"), "ineligible", ("c1", "c2"), "x：不符合。只差一项，以下任一项符合即可：上年度营业收入 1 元，距 100 元还差 99 元；或者社保参保人数 1 人，距 5 人还差 4 人。"),
        ("(c1 AND c2) OR c3", (1, 1, "0.01"), "ineligible", ("c3",), "x：不符合。只差一项：研发费用占比 1%，距 3% 还差 2 个百分点。"),
        ("c1 AND c2 AND c3", (1, 1, "0.01"), "ineligible", (), "x：不符合。上年度营业收入 1 元，距 100 元还差 99 元；社保参保人数 1 人，距 5 人还差 4 人；研发费用占比 1%，距 3% 还差 2 个百分点。"),
        # alternatives are told apart from what is wanted in any case, and behind it
        ("(c1 OR c2) AND c3", (1, 1, "0.01"), "ineligible", (), "x：不符合。研发费用占比 1%，距 3% 还差 2 个百分点；以下任一项符合即可：上年度营业收入 1 元，距 100 元还差 99 元；或者社保参保人数 1 人，距 5 人还差 4 人。"),
        ("(c1 AND c2) OR (c2 AND c3)", (1, 1, "0.01"), "ineligible", (), "x：不符合。以下任一项符合即可：上年度营业收入 1 元，距 100 元还差 99 元，并且社保参保人数 1 人，距 5 人还差 4 人；或者社保参保人数 1 人，距 5 人还差 4 人，并且研发费用占比 1%，距 3% 还差 2 个百分点。"),
        ("c1 AND NOT c2 AND c3", (200, 9, "0.05"), "ineligible", ("c2",), "x：不符合。只有一项不符合：社保参保人数 9 人，达到 5 人，而本事项要求不属于这一情形。"),
        # asked for both ways: no single step helps
        ("c1 AND NOT c1 AND c2 AND c3", (200, 9, "0.05"), "ineligible", (), "x：不符合。上年度营业收入 200 元，达到 100 元，而本事项要求不属于这一情形。"),
        # what is missing inside an alternative that another carries is not asked for, nor is a promise
        ("(c1 OR c2) AND c3", (None, 9, None), "unknown", (), "x：缺少数据，暂不能判定。缺少研发费用占比（部门数据中没有，可由企业申报），用于判断“rd_ratio >= 0.03”；须由企业承诺或提供材料：项目尚未开工。"),
        ("(c1 OR o1) AND c2 AND c3", (200, 9, None), "unknown", (), "x：缺少数据，暂不能判定。缺少研发费用占比（部门数据中没有，可由企业申报），用于判断“rd_ratio >= 0.03”。"),
    ],
)  # fmt: skip
def test_only_the_conditions_an_outcome_rests_on_are_its_reasons(logic, row, verdict, short_of, words):
    given = dict(zip(("revenue_last_year", "employees_insured", "rd_ratio"), row, strict=True))
    found = explain(compile_items([ALTERNATIVES | {"logic": logic}], INDICATORS), given, "x", AS_OF)
    assert (found.verdict, found.short_of, found.sentence) == (verdict, short_of, words)
    assert found.near_miss is bool(short_of) and found.to_dict()["short_of"] == list(short_of)


def test_what_two_conditions_want_is_told_once():
    conditions = [
        {"id": "c1", "expr": "revenue_last_year >= 100"},
        {"id": "c2", "expr": "revenue_last_year < 900 AND employees_insured >= 5"},
    ]
    found = explain(compile_items([{"id": "x", "conditions": conditions}], INDICATORS), {}, "x", AS_OF, departments=DEPARTMENTS)  # fmt: skip
    assert found.sentence == "x：缺少数据，暂不能判定。缺少上年度营业收入（税务局）；缺少社保参保人数（人社厅）。"


def test_the_whole():
    item = {
        "id": "x",
        "title": "研发补助",
        "conditions": [{"id": "c1", "text": "研发费用不低于500万元", "expr": "rd_expense_last_year >= 5000000"}],
        "outside_data": [{"id": "o1", "text": "项目尚未开工"}],
        "award": {"expr": "least(rd_expense_last_year * 0.1, 10000000)"},
    }
    program = compile_items([item], INDICATORS, [{"id": "dishonest", "label": "失信", "expr": "is_dishonest"}])
    found = explain(
        program,
        {"rd_expense_last_year": 6000000, "is_dishonest": False, "uscc": "U"},
        "x",
        AS_OF,
        known_at=datetime(2025, 1, 2),
    )
    assert (found.verdict, found.amount_yuan, found.bar) == ("declarable", Decimal("600000.00"), "clear")
    assert (
        found.sentence
        == "研发补助：数据条件都符合，仅差承诺事项。须由企业承诺或提供材料：项目尚未开工。测算金额 60 万元。"
    )
    near = explain(program, {"rd_expense_last_year": 4000000, "is_dishonest": True}, "x", AS_OF)
    assert near.near_miss and near.bar == "barred"
    assert (
        near.sentence
        == "研发补助：不符合。只有一项不符合：上年度研发费用 400 万元，距 500 万元还差 100 万元。命中排除情形“失信”，暂不能兑现。"
    )
    document = near.to_dict()
    assert document["conditions"][0]["distance"] == Decimal(1000000) and document["conditions"][0][
        "threshold"
    ] == Decimal(5000000)
    with pytest.raises(KeyError, match="没有事项 y"):
        explain(program, {}, "y", AS_OF)
    with pytest.raises(RuleError, match="rd_expense_last_year"):
        explain(program, {"rd_expense_last_year": True}, "x", AS_OF)


def test_numbers_as_people_write_them():
    assert [yuan(Fraction(v)) for v in (0, 9999, 10000, 123456789, 100000000, -5000000, Fraction("0.1"))] == ["0 元", "9,999 元", "1 万元", "12,345.6789 万元", "1 亿元", "-500 万元", "0.1 元"]  # fmt: skip
    assert grouped(Fraction(1, 3), 2) == "约 0.33"
    assert grouped(Fraction("1234567.891"), 3) == "1,234,567.891" and grouped(Fraction(-3, 2), 2) == "-1.5"
    assert quantity(Fraction(5, 1000), {"type": "ratio"}) == "0.5%"


@pytest.mark.parametrize(
    ("text", "expr", "excludes"),
    [
        ("纳税信用为D级的", "tax_credit_level <> 'D'", True),
        ("有欠税未缴清的企业", "tax_arrears_yuan = 0", True),
        ("列入严重违法失信名单的企业", "NOT is_serious_illegal", True),
        ("没有欠税", "tax_arrears_yuan = 0", False),
        ("房地产开发企业除外", "NOT is_developer", False),
        ("未列入经营异常名录", "NOT is_abnormal_listed", False),
        ("成立5年以内", "established_years <= 5", False),
        ("参保人数与上年同期持平", "employees_insured_growth >= 0", False),
        ("", "NOT is_developer", False),
    ],
)
def test_words_that_name_who_is_shut_out_are_told_from_requirements(text, expr, excludes):
    assert is_exclusion(text, expr) is excludes


def test_a_value_is_cut_short_but_never_onto_its_threshold():
    long = quantity(Fraction(397541, 100000), {"unit": "年"}, Fraction(2))
    near = quantity(Fraction(4999999, 1000000), {"unit": "年"}, Fraction(5))
    assert (long, near) == ("约 3.98 年", "4.999999 年")
    assert gap(Fraction(1, 1_000_000), {"unit": "年"}) == "0.000001 年"
    assert quantity(Fraction("0.49999999"), {"type": "ratio"}, Fraction("0.5")) == "49.999999%"
