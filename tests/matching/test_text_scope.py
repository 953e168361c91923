"""What belongs to whom: which item a condition is asked of, which sum is given, and for which sizes a policy is."""

from typing import Any

import pytest

from matching.text import read


def _document(text: str, **about: str) -> dict[str, Any]:
    return read(text, **about).to_dict()


def _said(conditions: list[dict[str, Any]]) -> set[str]:
    return {f"{c['field']} {c['op']} {c['value']}" for c in conditions}


def _awards(document: dict[str, Any]) -> list[list[float]]:
    found = []
    for item in document["items"]:
        award = item["award"]
        tiers = award.get("tiers") or [award]
        found.append([t.get("amount_yuan", t.get("rate", t.get("cap_yuan"))) for t in tiers])
    return found


def test_what_stands_before_a_section_is_asked_of_its_items_not_of_what_follows_alone() -> None:
    document = _document(
        "一、奖补对象：县内的家庭农场、种养大户。\n二、奖补标准\n（一）新栽油橄榄30亩以上的，每亩奖补500元。\n"
        "（二）新建冷库200立方米以上的，每座奖补2万元。\n三、同一主体年度奖补总额不超过20万元。",
        region="某县",
    )
    assert "applicant_type in ['家庭农场', '种养大户']" in _said(document["common_conditions"])


def test_a_list_of_standards_under_an_article_about_evaluation_is_read() -> None:
    document = _document(
        "第二条 参加绩效评价的基地应满足：（一）场地面积不少于4000平方米；（二）在孵企业不少于25家。\n第三条 评价为优秀的，给予30万元补助；连续两年评价为不合格的，取消资格。"
    )
    every = _said([*document["common_conditions"], *document["items"][0]["conditions"]])
    assert {"site_area >= 4000", "service_volume >= 25", "evaluation_result in ['优秀']"} <= every
    assert not any("合格" in fact for fact in every if fact.startswith("evaluation_result"))


@pytest.mark.parametrize(
    ("text", "given"),
    [
        # whose figure it is, not what he is given
        ("二、奖补标准\n（一）线上销售本地农产品年销售额200万元（含）至800万元的经营主体，奖励3万元。", [[30000]]),
        # what there is for all, and what interest is counted on
        ("一、按合同金额的20%确定额度，每年申领总额最高100万元。资金每年总额不超过3000万元。", [[0.2]]),
        ("二、贴息标准\n按同期LPR的40%贴息，单户贷款额度最高计至800万元。", [[0.4]]),
    ],
)
def test_a_figure_that_is_given_to_nobody_is_no_award(text: str, given: list[list[float]]) -> None:
    assert _awards(_document(text)) == given


def test_a_measure_of_its_own_is_an_item_of_its_own() -> None:
    document = _document(
        "对连片种植500亩以上且合同期三年以上的合作社，每亩补助60元；支持品牌建设。新录入省级产品名录的，每个奖励4万元；收录国家级名录产品的，每个奖励6万元。"
    )
    assert _awards(document) == [[60], [40000], [60000]]
    assert "planting_area >= 500" in _said(document["items"][0]["conditions"])
    # what no name of ours covers stays in its own words
    assert [c["detail"] for c in document["items"][1]["conditions"]] == ["新录入省级产品名录"]


def test_who_is_asked_for_by_name_in_one_sentence_is_not_asked_in_the_next() -> None:
    document = _document(
        "对设备投资300万元以上的项目，按8%补助。对科技型中小企业新购置设备投资100万元以上的，按12%补助。"
    )
    first, second = document["items"]
    assert "certifications in ['科技型中小企业']" in _said(second["conditions"])
    assert "certifications in ['科技型中小企业']" not in _said(first["conditions"])


def test_a_heading_says_what_for_and_a_list_of_stages_pays_one_after_the_other() -> None:
    document = _document(
        "（一）支持企业境内外上市挂牌\n1、对在新三板首次挂牌的企业，基础层企业奖励60万元，创新层企业奖励90万元。\n2、企业从基础层调入创新层，奖励20万元。"
    )
    first, second = document["items"]
    stages = {c["value"][0]: c.get("tier") for c in first["conditions"] if c["field"] == "listed_status"}
    assert stages == {"新三板挂牌": None, "基础层": 1, "创新层": 2}
    assert [c["value"] for c in second["conditions"] if c["field"] == "listed_status"] == [["创新层"]]


def test_the_same_measure_for_another_sort_is_another_way() -> None:
    document = _document("对新建400亩以上的蔬菜基地、80亩以上的水产养殖基地，给予5万元奖补。")
    areas = [c for c in document["items"][0]["conditions"] if c["field"] == "planting_area"]
    assert [c["value"] for c in areas] == [400, 80] and len({c["any_of"] for c in areas}) == 1


def test_lines_of_a_printed_page_with_blanks_around_figures_are_joined() -> None:
    page = (
        "（二）鼓励软件企业做大。对通过评估的软件企业，年销售收入首次突\n破 1000 万元、3000 万元、5000 万元、1 亿元的，分别给予 10\n"
        "万元、20 万元、50 万元、100 万元奖励。当年新获批准的省级首版\n次软件，一次性奖励 50 万元。（责任单位：某局）"
    )
    assert [100000, 200000, 500000, 1000000] in _awards(_document(page))


def test_a_question_asks_nothing_and_a_branch_of_the_tax_office_serves_its_province() -> None:
    document = _document(
        "问：新设立的企业怎么判断？\n答：符合条件的小型微利企业，减半征收房产税。", issuer="国家税务总局某省税务局"
    )
    assert "newly_settled is_true True" not in _said(document["items"][0]["conditions"])
    assert document["level"] == "省级"


@pytest.mark.parametrize(
    ("text", "title", "sizes"),
    [
        ("对规上工业企业奖励5万元。对引进博士的企业奖励2万元。", "措施", ["不限", "规上"]),
        ("对中小企业、高校和科研院所，按10%补助。", "细则", ["不限", "中型", "小型", "微型"]),
        ("对租用场地的中小微企业，按10%补助。", "细则", ["中型", "小型", "微型"]),
        ("研发费用占收入不低于3%（规模以上工业企业不低于2%）的企业，奖励10万元。", "通知", ["不限"]),
        ("限额以上企业，或年零售额600万元以上的企业，奖励5万元。", "公告", ["不限", "规上"]),
        ("对符合条件的企业奖励5万元。", "小微企业扶持办法", ["小型", "微型"]),
    ],
)
def test_sizes_are_those_that_items_ask_for(text: str, title: str, sizes: list[str]) -> None:
    assert _document(text, title=title)["tags"]["size"] == sizes


@pytest.mark.parametrize(
    ("text", "theme"),
    [
        ("因骗取出口退税被处罚的不予支持。企业参加境外展会的，按展位费50%补助。", "减税降费"),
        ("给予贡献额5%的奖励，奖励资金主要用于企业研发创新、人才引进。", "人才"),
        ("二、研发投入规上企业按增量10%补助。", "升规纳统"),
        ("企业克服新冠肺炎疫情影响，新开首店的奖励20万元。", "疫情纾困"),
    ],
)
def test_a_word_in_passing_or_across_two_words_makes_no_theme(text: str, theme: str) -> None:
    assert theme not in _document(text)["tags"]["theme"]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        # what a word means, what is founded, what is applied for: asked of nobody
        ("第二条 所称首台（套）是指具有知识产权的装备产品。第三条 研制企业每台奖励10万元。", "ip_count"),
        ("持证残疾人首次创办企业或个体工商户、连续经营满一年的，补助8000元。", "applicant_type"),
        ("符合条件的企业，可申请创新型中小企业评价、专精特新中小企业认定，对认定的奖励5万元。", "certifications"),
    ],
)
def test_what_is_defined_founded_or_applied_for_is_not_asked(text: str, asked: str) -> None:
    document = _document(text)
    assert asked not in {c["field"] for item in document["items"] for c in item["conditions"]}
    assert asked not in {c["field"] for c in document["common_conditions"]}


def test_the_definition_of_the_applicant_binds() -> None:
    document = _document(
        "一、对入选的企业奖励5万元。\n二、本措施所称企业，是指在某县登记注册的独立法人企业。", region="某县"
    )
    assert "registered_region in ['某县']" in _said(
        [*document["common_conditions"], *(c for item in document["items"] for c in item["conditions"])]
    )


def test_a_threshold_is_not_turned_by_what_else_must_not_be() -> None:
    document = _document("对受灾企业的担保费率降至0.8%以下，不得要求提供反担保，给予担保机构5万元奖励。")
    shares = [c for item in document["items"] for c in item["conditions"] if c["value"] == 0.008]
    assert all(c["op"] == "<=" for c in shares)


def test_the_score_before_a_list_of_other_ways_is_one_of_the_ways() -> None:
    document = _document(
        "第七条 评价得分达到60分以上，或满足下列条件之一：（一）获得省级科技奖励；（二）近三年新增股权融资500万元以上。"
    )
    every = [*document["common_conditions"], *(c for item in document["items"] for c in item["conditions"])]
    score = next(c for c in every if c["value"] == 60)
    assert score["any_of"] == next(c for c in every if c["value"] == 5000000)["any_of"]


def test_a_total_for_all_is_nobodys_award() -> None:
    assert _awards(_document("拟补助12家示范农场，每家5万元，共60万元。")) == [[50000]]
