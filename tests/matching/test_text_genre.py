"""Turns of phrase that real documents use and single sentences of ours did not."""

from typing import Any

import pytest

from matching.text import read


def _conditions(text: str, **given: str) -> list[dict[str, Any]]:
    document = read(text, **given).to_dict()
    return [*document["common_conditions"], *(c for item in document["items"] for c in item["conditions"])]


def _said(text: str, **given: str) -> list[tuple[str, str, Any]]:
    return [(c["field"], c["op"], c["value"]) for c in _conditions(text, **given)]


def _awards(text: str) -> list[dict[str, Any]]:
    return [item["award"] for item in read(text).to_dict()["items"]]


def test_a_title_asks_for_nothing() -> None:
    body = "一、申报条件\n（一）具有独立法人资格。\n二、奖励标准\n给予一次性奖励20万元。"
    for title in ("规模以上企业奖励申报指南", "高新技术企业培育奖励办法（试行）"):
        assert _said(f"{title}\n{body}", title=title) == [("legal_entity", "is_true", True)]
        assert _said(f"{title}\n{body}") == [("legal_entity", "is_true", True)]


def test_the_heading_of_an_article_speaks_for_nobody_elses_article() -> None:
    text = (
        "?第一条 高新技术企业奖励。对首次通过认定的企业，奖励10万元。\n"
        "?第二条 瞪羚企业奖励。对首次通过评价的瞪羚企业，奖励20万元。\n"
        "?第三条 双五企业奖励。对营业收入5亿元以上、研发投入强度5%以上的企业，奖励200万元。"
    )
    last = read(text).to_dict()["items"][-1]
    assert [(c["field"], c["value"]) for c in last["conditions"]] == [
        ("revenue_last_year", 500_000_000),
        ("rd_ratio", 0.05),
    ]


def test_a_heading_alone_still_says_who() -> None:
    assert ("certifications", "in", ["高新技术企业"]) in _said("1.高新技术企业奖励。每家给予10万元奖励。")


def test_names_of_a_list_are_one_condition() -> None:
    said = _said("对新获批省级技术创新中心、重点实验室的单位，奖励30万元。")
    assert ("innovation_platform", "in", ["技术创新中心", "重点实验室"]) in said
    assert ("recognition_first", "is_true", True) in said
    said = _said("对获得鲁班奖、国家优质工程奖、扬子杯的企业，分别奖励100万元、60万元、20万元。")
    assert ("honors", "in", ["鲁班奖", "国家优质工程奖", "扬子杯"]) in said
    said = _said("获评金宿级、银宿级民宿的，一次性奖励20万元、10万元。")
    assert ("honors", "in", ["金宿级民宿", "银宿级民宿"]) in said
    said = _said("支持对象为依法注册的企业、高校、科研院所。\n每家补助10万元。")
    assert ("applicant_type", "in", ["企业", "高校", "科研院所"]) in said


@pytest.mark.parametrize(
    "words",
    [
        "满足以下其中一项：（1）高新技术企业；（2）成立满3年；",
        "具备下列条件之一：\n1.高新技术企业；\n2.成立满3年；",
        "属于高新技术企业，或者成立满3年（以上满足其一即可）。",
    ],
)
def test_one_of_in_its_many_words(words: str) -> None:
    text = f"一、申报条件\n（一）具有独立法人资格；\n（二）{words}\n二、奖励标准\n每家奖励10万元。"
    groups = {c["field"]: c.get("any_of") for c in _conditions(text)}
    assert groups["certifications"] == groups["established_years"] is not None
    assert groups["legal_entity"] is None


def test_an_or_group_ends_with_its_list() -> None:
    text = (
        "第二条 企业须满足以下其中一项：（1）高新技术企业；（2）成立满3年。\n"
        "第三条 单户贷款余额不超过1000万元，资产负债率不超过70%的，给予50%补偿。"
    )
    assert all("any_of" not in c for c in _conditions(text) if c["field"] in ("financing_amount", "other_metric"))


def test_any_fiscal_year_is_no_choice() -> None:
    text = "任一完整会计年度营业收入达到5000万元、1亿元的，分别奖励100万元、200万元。"
    assert all("any_of" not in c for c in _conditions(text))


def test_bars_behind_a_colon_go_on_to_the_full_stop() -> None:
    said = _said("每家奖励10万元。企业有下列行为之一的，不予奖励：拖欠农民工工资；发生一般及以上安全事故；围标串标。")
    assert ("safety_accident", "==", False) in said
    assert [s for s in said if s[0] == "other_requirement"] == [("other_requirement", "==", False)] * 2
    said = _said("一、奖励标准\n每家奖励10万元。\n二、有下列情形之一的，不予支持：\n1.房地产开发企业；\n2.“两高”项目。")
    assert ("excluded_category", "in", ["房地产开发"]) in said
    assert ("excluded_category", "in", ["两高项目"]) in said


def test_a_condition_without_a_name_is_kept_in_its_own_words() -> None:
    text = "一、申报条件\n1.成立满2年；\n2.专利第一权利人为申请单位所在地居民；\n3.未因非正常专利申请被通报；\n二、补助标准\n每件2000元。"
    kept = [(c["op"], c["value"], c["detail"]) for c in _conditions(text) if c["field"] == "other_requirement"]
    assert ("==", False, "未因非正常专利申请被通报") in kept
    assert len(kept) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("拥有1件以上发明专利或3件以上实用新型专利的企业奖励5万元。", ("ip_count", ">=", 3)),
        ("拥有1件以上发明专利或3件以上实用新型专利的企业奖励5万元。", ("patents_invention", ">=", 1)),
        ("出口额500万美元以上，较上年同期增长50万美元以上的，奖励1万元。", ("trade_growth", ">=", 500_000)),
        ("营业收入同比增长20%以上且增量不低于1000万元的企业奖励5万元。", ("other_metric", ">=", 10_000_000)),
        (
            "营业收入在2亿元（批发业）、5000万元（零售业）、2000万元及以上的企业奖励20万元。",
            ("revenue_last_year", ">=", 200_000_000),
        ),
        ("年度进出口额同比正增长的企业奖励5万元。", ("trade_growth", ">", 0)),
        ("贷款利率不超过LPR+100个基点的，按利息的30%贴息。", ("other_metric", "<=", "LPR+100个基点")),
    ],
)
def test_numbers_and_what_they_measure(text: str, expected: tuple[str, str, Any]) -> None:
    assert expected in _said(text)


@pytest.mark.parametrize(
    "text",
    [
        "合作银行按不低于1:10的比例放大授信规模。",
        "资金池不良率达到5%时，暂停开展新业务。",
        "一、总体要求\n带动农户不少于5000户，培育企业50家以上。",
        "三、工作程序\n乡镇初验，抽查比例不低于30%。",
        "属于规模以上企业的，应当按统计部门要求填报报表。",
    ],
)
def test_what_asks_nothing_of_an_applicant(text: str) -> None:
    assert _said(text) == []


def test_thresholds_of_a_list_are_no_awards_whatever_the_heading_says() -> None:
    text = "二、产值奖励：产值首次达到5亿元、10亿元且税收分别不少于800万元、1500万元的，分别给予20万元、40万元奖励。"
    (award,) = _awards(text)
    assert [tier["amount_yuan"] for tier in award["tiers"]] == [200_000, 400_000]
    assert {("output_value", ">=", 1_000_000_000), ("tax_paid", ">=", 15_000_000)} <= set(_said(text))


def test_a_single_instalment_is_no_rate() -> None:
    (award,) = _awards("给予100万元资助，分两次、每次各按50%的比例拨付。")
    assert award["kind"] == "fixed" and award["amount_yuan"] == 1_000_000


def test_a_new_line_begins_a_new_item() -> None:
    text = (
        "支持商场改造，按投资额的30%给予扶持，单个项目不超过1500万元。\n总部企业新增板块，给予最高不超过500万元奖励。"
    )
    first, second = _awards(text)
    assert (first["cap_yuan"], second["cap_yuan"]) == (15_000_000, 5_000_000)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("在我市注册、纳税、纳统的企业奖励5万元。", {"registered_region", "tax_region", "stat_region"}),
        ("在我市登记注册、具有独立法人资格、依法纳税的企业奖励5万元。", {"registered_region", "legal_entity"}),
        ("在我市（含合作区，下同）依法注册的企业奖励5万元。", {"registered_region"}),
        ("本措施适用于在某市登记注册的企业。每家奖励5万元。", {"registered_region"}),
        ("书面承诺不改变在本市纳税义务的企业奖励5万元。", set()),
    ],
)
def test_where(text: str, fields: set[str]) -> None:
    said = _conditions(text, region="某市")
    assert {c["field"] for c in said} == fields
    assert all(c["value"] == ["某市"] for c in said if c["field"].endswith("_region"))


def test_a_row_of_a_table_asks_only_for_its_own_award() -> None:
    text = (
        "序号\t事项\t享受条件\t奖补标准\n"
        "1\t稳岗返还\t足额缴纳失业保险费12个月以上；裁员率不高于5.5%（30人（含）以下企业不高于20%）\t按实缴失业保险费的60%返还\n"
        "2\t入规奖励\t首次纳入规模以上统计的工业企业\t一次性奖励10万元\n"
        "3\t专利资助\t获得发明专利授权\t每件2000元"
    )
    items = {item["name"]: item for item in read(text).to_dict()["items"]}
    assert set(items) >= {"稳岗返还", "入规奖励", "专利资助"}
    assert {c["field"] for c in items["入规奖励"]["conditions"]} == {"first_time_above_scale"}
    assert {c["value"] for c in items["稳岗返还"]["conditions"] if c["field"] == "layoff_rate"} == {0.055, 0.2}
    assert items["稳岗返还"]["award"]["rate"] == 0.6


def test_a_paragraph_below_a_list_is_none_of_its_lines() -> None:
    text = (
        "（一）上年度研发费用不低于100万元。\n"
        "（二）评价得分60分以上，或满足下列条件之一：\n"
        "1.近两年研发费用总额均值在1000万元以上；\n"
        "2.近两年新增股权融资总额6000万元以上。\n"
        "企业应为在某省境内工商注册登记、具有独立法人资格的企业。\n"
        "每家给予20万元一次性奖励。"
    )
    groups = {(c["field"], str(c["value"])): c.get("any_of") for c in _conditions(text, region="某省")}
    assert groups["legal_entity", "True"] is None and groups["registered_region", "['某省']"] is None
    assert groups["rd_expense", "1000000"] is None
    assert groups["rd_expense", "10000000"] == groups["financing_amount", "60000000"] is not None


def test_sorts_of_enterprise_in_a_list_are_alternatives() -> None:
    groups = {
        c["field"]: c.get("any_of") for c in _conditions("对规模以上工业企业、高新技术企业，按研发费用的5%补助。")
    }
    assert groups["is_above_scale"] == groups["certifications"] is not None
    said = _conditions("大型企业按30%返还，中小微企业按60%返还失业保险费。")
    sizes = [c for c in said if c["field"] == "enterprise_size"]
    assert len(sizes) == 2 and sizes[0]["any_of"] == sizes[1]["any_of"]


def test_two_trades_each_with_conditions_of_its_own() -> None:
    text = "对产值达到4000万元的工业企业，以及营业收入达到2000万元的软件和信息技术服务业企业，给予奖补20万元。"
    alternatives = {c["field"] + str(c["value"]): (c["any_of"], c["alt"]) for c in _conditions(text)}
    assert alternatives["output_value40000000"] == alternatives["industry['工业']"]
    assert alternatives["revenue_last_year20000000"] == alternatives["industry['软件和信息技术服务业']"]
    assert len(set(alternatives.values())) == 2


@pytest.mark.parametrize(
    "text",
    [
        "台风造成全市直接经济损失超过300亿元。\n一、每家企业补贴5万元。",
        "一、每家企业补贴5万元。\n二、亩均税收30万元以上的企业，优先安排用地指标。",
        "一、每家企业补贴5万元，受到处罚未满三年的除外。",
    ],
)
def test_no_number_of_a_preamble_a_preference_or_a_penalty_is_a_threshold(text: str) -> None:
    assert not [s for s in _said(text) if s[1] in (">=", ">", "<", "<=")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("年度绩效评价为优秀、良好的，分别补助30万元、15万元。", ("evaluation_result", "in", ["优秀", "良好"])),
        ("对登记失业人员、退役军人，给予5000元创业补贴。", ("person_status", "in", ["登记失业人员", "退役军人"])),
        ("新招用首次来我市就业的员工50人以上的，给予每人1000元补贴。", ("new_hires", ">=", 50)),
        ("对产值增速低于全市平均水平的不予奖励，其余奖励2万元。", ("other_metric", ">=", "全市平均水平")),
    ],
)
def test_what_was_not_read_before(text: str, expected: tuple[str, str, Any]) -> None:
    assert expected in _said(text)


def test_a_list_of_thresholds_under_a_heading_that_gives_is_no_list_of_awards() -> None:
    text = "二、支持政策\n5.对年度营业收入首次突破5亿元、10亿元、50亿元且正增长的企业，分别给予100万元、200万元、500万元奖励。"
    (award,) = _awards(text)
    assert [tier["amount_yuan"] for tier in award["tiers"]] == [1_000_000, 2_000_000, 5_000_000]
    assert ("revenue_last_year", ">=", 5_000_000_000) in _said(text)


def test_who_only_gets_more_is_no_condition_of_the_award() -> None:
    text = "投资额2000万元以上的，按设备投入的10%给予补贴，其中属于专精特新企业的，补贴比例上浮5个百分点。"
    assert [s[0] for s in _said(text)] == ["project_investment"]


def test_enterprises_are_not_shut_out_by_the_other_sorts_of_a_list() -> None:
    assert not [
        s for s in _said("企业、社会组织承办的会议，奖励5万元。") if s == ("applicant_type", "in", ["社会组织"])
    ]
    said = _said("扶持对象为本市企业、渔民专业合作社及个人。每家补贴5万元。")
    assert ("applicant_type", "in", ["合作社"]) not in said


def test_stacking_is_a_rule_and_no_condition() -> None:
    text = "每家奖励5万元。同一事项不重复享受。"
    assert _said(text) == []
    assert read(text).to_dict()["rules"] == ["同一事项不重复享受"]


def test_another_way_to_meet_a_condition_is_kept_beside_it() -> None:
    text = "一、申报条件\n（一）具有独立法人资格，或者经法人授权的分支机构；\n（二）成立满2年。\n二、补贴标准\n每家补贴5万元。"
    said = _conditions(text)
    groups = {c["field"]: c.get("any_of") for c in said}
    assert groups["legal_entity"] == groups["other_requirement"] is not None and groups["established_years"] is None
    assert [c["detail"] for c in said if c["field"] == "other_requirement"] == ["经法人授权的分支机构"]
