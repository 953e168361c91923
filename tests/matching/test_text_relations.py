import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.text.relations import citations, document_number, jaccard, near_duplicates, shingles, title_key

SAID = "对上年度研发费用不低于500万元的高新技术企业，按研发费用的10%给予补助，单个企业每年最高不超过300万元，资金由市财政承担。"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "原《海口市科技成果转化奖补办法》（海科发〔2020〕15号）同时废止。",
            ("replaces", "海口市科技成果转化奖补办法", "海科发(2020)15号"),
        ),
        ("本办法自印发之日起施行，琼工信规〔2021〕3号停止执行。", ("replaces", "", "琼工信规(2021)3号")),
        ("关于修改《三亚市招商奖励办法》的决定", ("amends", "三亚市招商奖励办法", "")),
        ("根据《海南自由贸易港建设总体方案》，制定本措施。", ("cites", "海南自由贸易港建设总体方案", "")),
    ],
)
def test_what_a_text_does_to_the_document_it_names(text, expected):
    (found,) = citations(text)
    assert found[:3] == expected
    assert text[found.start : found.end].startswith(("《", "琼"))


def test_policies_that_are_not_named_are_not_invented():
    assert citations("以前出台的招商项目奖励政策同时废止。") == []


def test_a_title_is_known_without_its_envelope():
    assert title_key("海口市人民政府关于印发《奖补办法（试行）》的通知") == title_key("奖补办法(试行)")
    assert document_number("琼工信规〔2023〕3号 第六条") == "琼工信规(2023)3号"


def test_texts_that_say_nearly_the_same_are_found_and_others_are_not():
    long = SAID * 3 + "企业应当在海口市登记注册、依法纳税，未被列入失信被执行人名单。申报时间为每年三月。"
    other = "对首次纳入限额以上统计的零售企业给予一次性奖励五万元，次年销售额增长百分之十以上的再奖励三万元。"
    found = near_duplicates([long, other, long.replace("300万元", "350万元"), long])
    assert [(n.first, n.second) for n in found] == [(0, 2), (0, 3), (2, 3)]
    assert [n.similarity for n in found if (n.first, n.second) == (0, 3)] == [1.0]


def test_many_copies_cost_pairs_in_proportion_not_in_square():
    assert len(near_duplicates([SAID] * 200)) <= 400


def test_empty_texts_are_not_each_others_copies():
    assert near_duplicates(["", "", "。。"]) == []


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_similarity_is_symmetric_and_one_for_itself(one, other):
    here, there = shingles(one), shingles(other)
    assert jaccard(here, there) == jaccard(there, here)
    assert 0 <= jaccard(here, there) <= 1
    assert len(here) == 0 or jaccard(here, here) == 1
