"""Turns of phrase of published notices from many provinces, in our own words: what they ask, what they give, what they only mention."""

from typing import Any

import pytest

from evaluation.reading import passages
from matching.text import read
from matching.text.alternatives import closings_of, grouped
from matching.text.model import Condition
from tests.matching.test_text_genre import _awards, _conditions, _said
from tests.matching.test_text_reading import GOLD


def test_scanned_numbers_of_articles_begin_articles() -> None:
    text = "第 1 1 条 对年产值超过2亿元的企业，奖励10万元。\n第 1 2 条 对首次认定的高新技术企业，奖励5万元。"
    items = read(text).to_dict()["items"]
    assert [{c["field"] for c in item["conditions"]} for item in items] == [
        {"output_value"},
        {"certifications", "recognition_first"},
    ]


def test_blanks_where_the_lines_of_a_page_were_joined() -> None:
    text = "第二条 支持企业扩大生产规模。对上年度固定资 产投资达到3000万元以上并且全部建成投产的制造业项目， 按照固定资产投资总额的百分之五给予补助， 单个项目最高不超过200万元。"
    assert ("fixed_asset_investment", ">=", 30_000_000) in _said(text)


def test_an_exception_in_brackets_turns_nothing_round() -> None:
    text = (
        "项目应具备下列条件之一：\n（一）用地20亩以上（利用闲置厂房的情形除外），固定资产投资不低于3000万元；\n"
        "（二）年纳税不低于200万元。\n每个项目奖励10万元。"
    )
    said = _conditions(text)
    assert ("fixed_asset_investment", ">=", 30_000_000) in [(c["field"], c["op"], c["value"]) for c in said]
    assert {c["any_of"] for c in said if c["field"] in ("fixed_asset_investment", "tax_paid")} == {1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("本规定适用于设备投资总额600万（不含税）以上的项目，奖励5万元。", ("equipment_investment", ">=", 6_000_000)),
        ("对工业产值同比增加800万元以上的企业奖励5万元。", ("other_metric", ">=", 8_000_000)),
        ("对投资600万元及以上至2000万元、2000万元以上的项目，分别奖励5万元、9万元。", ("project_investment", ">=", 20_000_000)),
        ("成立一周年以上的企业奖励5万元。", ("established_years", ">=", 1)),
        ("申报条件：\n（一）注册时间满一个完整会计年度。\n每家奖励5万元。", ("established_years", ">=", 1)),
        ("合同期限不短于2年的企业奖励5万元。", ("contract_term", ">=", 2)),
        ("年应税工薪收入不低于9万元的人才，奖励5万元。", ("talent_income", ">=", 90_000)),
        ("批发企业年销售额首超6亿元（且税收达300万元），零售企业首超2亿元的，奖励5万元。", ("revenue_last_year", ">", 200_000_000)),
        ("制造业企业年营业收入不低于1亿元，服务业企业不低于2000万元的，奖励5万元。", ("revenue_last_year", ">=", 20_000_000)),
        ("孵化场地3000平方米以上，其中在孵企业使用的占3/4以上的，奖励5万元。", ("other_metric", ">=", 0.75)),
        ("市场占有率位居全省前三位的企业奖励5万元。", ("other_metric", "<=", 3)),
    ],
)  # fmt: skip
def test_numbers(text: str, expected: tuple[str, str, Any]) -> None:
    assert expected in _said(text)


def test_a_share_that_depends_on_a_size_has_a_measure_before_the_colon() -> None:
    text = (
        "一、申报条件\n（一）研发费用在80万元（含）以上，占营业收入的比重达到：营业收入3,000万元以下的企业，不低于6%；"
        "3,000万元（含）以上的，不低于3%；\n二、奖励标准\n每家奖励5万元。"
    )
    assert {("rd_ratio", ">=", 0.06), ("rd_ratio", ">=", 0.03)} <= set(_said(text))


@pytest.mark.parametrize(
    "text",
    [
        "每家奖励5万元。县财政当年安排资金800万元。",
        "每家奖励5万元。新建项目一年以上未动工的，收回土地使用权。",
        "每家奖励5万元。统筹地区基金备付期限应在2年以上。",
        "每家奖励5万元。除购车贷款及4万元以下消费贷款外不限用途。",
        "每家奖励5万元。每届获奖组织不超过3个。",
        "每家奖励5万元。测算额不足3万元的不予补助。",
        "每家奖励5万元。评审专家不少于7人。",
        "每家奖励5万元。累计发放不超过36个月。",
    ],
)
def test_what_is_no_threshold(text: str) -> None:
    assert not [s for s in _said(text) if s[1] in (">=", ">", "<", "<=")]
    assert [award["amount_yuan"] for award in _awards(text) if award] == [50_000]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("取得某地证监局辅导备案受理函的，奖励5万元。", ("listed_status", "in", ["辅导备案"])),
        ("通过证监局辅导验收的，奖励5万元。", ("listed_status", "in", ["辅导验收"])),
        ("首发申请获交易所受理的，奖励5万元。", ("listed_status", "in", ["受理"])),
        ("经交易所上市委员会审议通过的，奖励5万元。", ("listed_status", "in", ["过会"])),
        ("项目于2024年9月30日前竣工投产的，奖励5万元。", ("project_status", "in", ["竣工投产"])),
        ("取得药品注册证书的企业奖励5万元。", ("product_certificate", "in", ["药品注册证书"])),
        ("对参加境外展览会的企业，补贴5万元。", ("activity", "is_true", True)),
        ("申请人须在本市无自有住房。每人补贴5000元。", ("person_status", "in", ["无自有住房"])),
        ("户籍在本县的老年人，每人补贴500元。", ("person_status", "in", ["本县户籍"])),
        ("博士、硕士研究生及本科毕业生每人补贴5000元。", ("talent_education", ">=", "本科")),
        ("此前未获得过各级财政技改资金的项目，补助5万元。", ("duplicate_funding", "==", False)),
        ("以配股、增发方式再融资的，奖励5万元。", ("financing_type", "in", ["配股", "增发"])),
        ("新评为四星级、五星级旅游饭店的，分别奖励3万元、5万元。", ("honors", "in", ["四星级旅游饭店", "五星级旅游饭店"])),
        ("每家奖励5万元。房地产、娱乐业企业不在支持之列。", ("excluded_category", "in", ["房地产", "娱乐业"])),
    ],
)  # fmt: skip
def test_words(text: str, expected: tuple[str, str, Any]) -> None:
    assert expected in _said(text)


def test_bars_before_the_first_number_head_the_list_below() -> None:
    text = "有下列情形之一的，不予受理：1.申报前两年内有弄虚作假行为的；2.资产负债率超过80%的；3.处于停产状态的。\n每家补助5万元。"
    said = _conditions(text)
    assert [(c["field"], c["op"], c["value"], c.get("any_of")) for c in said] == [
        ("fraud", "==", False, None),
        ("other_metric", "<=", 0.8, None),
        ("other_requirement", "==", False, None),
    ]


def test_one_comparison_for_a_list_of_measures() -> None:
    said = _said("年营业收入达到2000万元、纳税100万元、从业人员30人以上的企业，奖励1万元。")
    assert ("tax_paid", ">=", 1_000_000) in said
    said = _said("研发费用300万元以上且占比5%以上的企业，奖励1万元。")
    assert ("rd_ratio", ">=", 0.05) in said
    said = _said("对上年度研发费用不低于500万元、且占营业收入比例达到4%以上的企业，奖励1万元。")
    assert ("rd_ratio", ">=", 0.04) in said


def test_included_above_is_not_included_below() -> None:
    said = _conditions("营业收入1000万元至5000万元（含）、5000万元至1亿元（含）的企业，分别奖励1万元、2万元。")
    assert [c["bounds"] for c in said] == ["[]", "(]"]


def test_two_of_a_list_are_enough() -> None:
    text = (
        "第五条 满足下列任意两项的，给予5万元补贴：（1）展览面积600㎡以上；（2）参会人数200人以上；（3）会期不少于2天。"
    )
    said = _conditions(text)
    assert {(c.get("any_of"), c.get("at_least")) for c in said} == {(1, 2)} and len(said) == 3


def test_renewal_does_not_inherit_the_first_time() -> None:
    text = (
        "一、支持对象\n首次通过认定的高新技术企业。\n二、奖励标准\n对首次通过认定的企业，奖励20万元；\n"
        "对再次通过认定的企业，奖励8万元。"
    )
    first, again = read(text).to_dict()["items"]
    assert "recognition_first" in {c["field"] for c in first["conditions"]}
    assert "recognition_first" not in {c["field"] for c in again["conditions"]}


def test_what_one_line_asks_is_not_asked_by_the_next() -> None:
    text = (
        "对新招用员工达到10%的小微企业，可申请创业担保贷款。每家贴息2万元。\n对出口额100万美元以上的企业，奖励5万元。"
    )
    last = read(text).to_dict()["items"][-1]
    assert {c["field"] for c in last["conditions"]} == {"export_value"}


def test_cells_between_bars() -> None:
    text = "序号|项目|条件|标准\n1|专利保险|投保专利执行险|保费的60%\n2|代理机构|年代理量超过300件|12万元"
    awards = _awards(text)
    assert awards[0]["rate"] == 0.6 and awards[1]["amount_yuan"] == 120_000


def test_bounds_and_quotes_of_every_labelled_passage_stand_in_its_text() -> None:
    for path in sorted(GOLD.glob("round[34]_*.yml")):
        for passage in passages(path):
            document = read(passage.text, title=passage.title, issuer=passage.issuer, region=passage.region)
            for condition in [*document.common_conditions, *(c for item in document.items for c in item.conditions)]:
                assert 0 <= condition.start < condition.end <= len(passage.text)
            said = document.to_dict()
            for quoted in [*said["common_conditions"], *(c for item in said["items"] for c in item["conditions"])]:
                assert quoted["text"] in passage.text


def test_alternatives_of_different_kinds_are_different_groups() -> None:
    """Sizes that exclude each other, and a list closed by "one of these will do": joined into one, any of the four would carry all."""
    text = "对大型企业、中小微企业按比例返还。企业为高新技术企业、上年度营业收入2000万元以上(以上满足其一即可)。"

    def said(words: str, field: str, op: str, value: Any) -> Condition:
        start = text.index(words)
        return Condition(start, start + len(words), field, op, value)

    found = grouped(
        text,
        [
            said("大型企业", "enterprise_size", "in", ["大型"]),
            said("中小微企业", "enterprise_size", "in", ["中型", "小型", "微型"]),
            said("高新技术企业", "certifications", "in", ["高新技术企业"]),
            said("营业收入2000万元以上", "revenue", ">=", 20_000_000),
        ],
        closings_of(text),
    )
    assert [c.extra["any_of"] for c in found] == [1, 1, 2, 2]
