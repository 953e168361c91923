"""Awards in words: every form that the corpus uses, and every item of the corpus."""

from __future__ import annotations

import pytest

from dashboards.award_words import award_lines
from data.corpus import load_items
from data.indicators import load

CATALOGUE = load()


@pytest.mark.parametrize(
    ("expr", "said"),
    [
        ("50000", ["5 万元"]),
        ("least(rd_expense_last_year * 0.1, 10000000)", ["“上年度研发费用” 的 10%，最高 1,000 万元"]),
        ("least(site_area * 400, 1000000)", ["“场地面积” × 400 元，最高 100 万元"]),
        (
            "least((employees_insured - employees_insured_last_year_mean) * 2000, 200000)",
            ["（“参保人数” － “上年度月均参保人数”） × 2,000 元，最高 20 万元"],
        ),
        (
            "CASE WHEN revenue_last_year >= 300000000 THEN 600000 WHEN industry IN ('C') THEN 300000 ELSE 100000 END",
            ["“上年度营业收入”不低于 3 亿元：60 万元", "“所属行业”为制造业（C）：30 万元", "其余：10 万元"],
        ),
        (
            "least(financing_amount * 0.03, CASE WHEN is_abnormal_listed THEN 1000000 ELSE 500000 END)",
            ["“融资额” 的 3%，最高 （“经营异常名录”：100 万元；其余：50 万元）"],
        ),
        ("nothing_known * 2", []),
        ("(", []),
    ],
)
def test_an_award_is_told_in_words(expr: str, said: list[str]) -> None:
    assert award_lines(expr, CATALOGUE) == said


def test_every_award_of_the_corpus_has_words() -> None:
    awards = [item.award.expr for item in load_items() if item.award.expr]
    assert len(awards) > 100
    assert [expr for expr in awards if not award_lines(expr, CATALOGUE)] == []
