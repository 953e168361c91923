"""What a fifth reading of published pages taught (decision 0127): half-width marks, several sorts of project, sums for each, who else may."""

import time
from typing import Any

import pytest

from matching.text import read

Fact = tuple[str, str, Any]


def _conditions(text: str, **given: str) -> list[dict[str, Any]]:
    document = read(text, **given).to_dict()
    return [*document["common_conditions"], *(c for item in document["items"] for c in item["conditions"])]


def _said(text: str, **given: str) -> list[Fact]:
    return [(c["field"], c["op"], c["value"]) for c in _conditions(text, **given)]


def _sums(text: str) -> list[Any]:
    found: list[Any] = []
    for item in read(text).to_dict()["items"]:
        for part in [item["award"], *item["award"].get("tiers", ())]:
            found += [part[k] for k in ("amount_yuan", "cap_yuan", "cap_project", "rate") if k in part]
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("企业完成上市辅导验收,并获交易所受理的,奖励5万元.", ("listed_status", "in", ["辅导验收"])),
        ("一. 申报条件\n1. 有专职工作人员不少于4人;\n2. 成立满2年.\n每家奖励5万元.", ("staff_qualified", ">=", 4)),
        ("对營業(yíng yè)不足的不論,運(yùn)營(yíng)滿3年的養(yǎng)老機(jī)構(gòu),補(bǔ)助5萬元。", ("established_years", ">=", 3)),
        ("年度进出口80万—300万美元的企业，奖励5万元。", ("trade_value", "between", [800_000, 3_000_000])),
        ("批发业销售额达到3亿元、零售业达到6000万元的，每家奖励5万元。", ("revenue_last_year", ">=", 60_000_000)),
        ("2023年度享受加计扣除的研发费用总额在150万元（含）以上的企业，奖励5万元。", ("rd_expense", ">=", 1_500_000)),
        ("设备（含配套软件，不含税）投资300万元以上的，奖励5万元。", ("equipment_investment", ">=", 3_000_000)),
        ("建筑面积2000平以上的基地，奖励5万元。", ("site_area", ">=", 2000)),
        ("放大倍数达到3倍以上的机构，奖励5万元。", ("other_metric", ">=", 3)),
        ("属全国同品种前二家通过的，奖励5万元。", ("other_metric", "<=", 2)),
        ("上年度营业收入中器械产品收入占55%以上（医院除外）的企业，奖励5万元。", ("main_business_ratio", ">=", 0.55)),
        ("某市行政区域内注册的企业，奖励5万元。", ("registered_region", "in", ["某市"])),
        ("须取得取水许可证和养殖证。每户补助5万元。", ("permits", "in", ["取水许可证", "养殖证"])),
        ("2024年3月1日至11月30日竣工投产的项目，补助5万元。", ("event_date", "between", ["2024-03-01", "2024-11-30"])),
        ("注：烟草、房地产、娱乐业企业不在补助之列。每家补助5万元。", ("excluded_category", "in", ["烟草", "房地产", "娱乐业"])),
        ("出口额前5位且比上年增长的企业，奖励5万元。", ("trade_growth", ">", 0)),
    ],
)  # fmt: skip
def test_conditions(text: str, expected: Fact) -> None:
    assert expected in _said(text, region="某市")


def test_a_short_name_of_the_place_is_the_place() -> None:
    said = _said("企业须在河阴注册、纳税。每家奖励5万元。", region="河阴瑶族自治县")
    assert ("registered_region", "in", ["河阴瑶族自治县"]) in said and ("tax_region", "in", ["河阴瑶族自治县"]) in said


@pytest.mark.parametrize(
    "text",
    [
        "每家奖励5万元。享受未满三年的，可继续享受至期满。",
        "每家奖励5万元。现场踏勘比例不低于20%。",
        "每家奖励5万元。数据误差超过5%的退回重报。",
        "每家奖励5万元。担保基金放大倍数不低于5倍。",
    ],
)
def test_what_asks_nothing_of_the_applicant(text: str) -> None:
    assert not _conditions(text)


@pytest.mark.parametrize(
    ("text", "sums"),
    [
        ("对养老床位给予每张2000元补贴，按照40%、30%、30%比例分三年补助到位。", {2000}),
        ("给予设备投入10%的补助。按开工、竣工两个阶段，分别给予补助总额30%、70%的补助。", {0.1}),
        ("按上级资助的50%给予配套。其中，国家级最高600万元，省级最高200万元。", {0.5, 6_000_000, 2_000_000}),
        ("按每人30元奖励；过夜两晚以上的，每人50元。", {30, 50}),
        ("核算后补助额低于2万元的不予安排。每家补助6万元。", {60_000}),
        ("每家奖励5万元。奖励资金暂定为300万元。", {50_000}),
        ("每家奖励5万元。甲公司、乙公司共获省级奖励资金40万元。", {50_000}),
        ("对获得专利产品的企业,给予年销售收入0 . 6 %的奖励。", {0.006}),
    ],
)
def test_sums(text: str, sums: set[float]) -> None:
    assert set(_sums(text)) == sums


def test_cells_of_conditions_give_nothing_though_they_say_so() -> None:
    text = (
        "名称|对象|兑现条件|兑现标准|单位\n增长奖励|工业企业|产值3000万元—6000万元，增速20%以上|4万元|甲局\n"
        "入库奖励|同上|完成评价入库|0.2万元|"
    )
    assert set(_sums(text)) == {40_000, 2000}
    assert ("output_value", "between", [30_000_000, 60_000_000]) in _said(text)


def test_lists_for_two_sorts_of_project_are_alternatives() -> None:
    text = (
        "每项奖励5万元。\n一、申报条件\n（一）申请一般项目，企业须符合下列条件：\n1.职工不超过200人；\n2.研发费用不低于20万元。\n"
        "（二）申请重点项目，企业须符合下列条件：\n1.职工不超过600人；\n2.研发费用不低于90万元。"
    )
    found = {(c["field"], c["value"]): (c.get("any_of"), c.get("alt")) for c in _conditions(text)}
    assert found["employees", 200] == found["rd_expense", 200_000] == (1, 1)
    assert found["employees", 600] == found["rd_expense", 900_000] == (1, 2)


def test_an_article_that_gives_without_a_sum_asks_nothing_of_the_others() -> None:
    text = (
        "第一条 对在新三板挂牌的企业，奖励30万元。\n第二条 对首次升规的企业，奖励6万元。\n"
        "第三条 对新迁入我区的上市公司，按照我区上市企业予以奖励。"
    )
    document = read(text, region="某区").to_dict()
    assert not document["common_conditions"]
    with_settling = [i for i in document["items"] if any(c["field"] == "newly_settled" for c in i["conditions"])]
    assert len(with_settling) == 1 and not with_settling[0]["award"]


def test_who_else_may_shuts_no_enterprise_out() -> None:
    text = "对小微企业，每招用1人补贴1000元。农民专业合作社参照小微企业享受。"
    kinds = [c for c in _conditions(text) if c["field"] == "applicant_type"]
    assert kinds and all("when" in c for c in kinds)


def test_included_repeats_the_end_it_stands_for() -> None:
    text = "出口额1000万元-3000万元（含3000万元）的企业奖励1万元，3000万元-5000万元（含5000万元）的企业奖励2万元。"
    assert [c["bounds"] for c in _conditions(text)] == ["[]", "(]"]


def test_materials_under_conditions_are_still_asked() -> None:
    text = "每家补助5万元。\n二、申请材料\n（一）申请补助必须同时符合以下条件：\n1.运营满2年；\n2.入住率达30%以上。"
    assert {c["field"] for c in _conditions(text)} == {"established_years", "other_metric"}


@pytest.mark.parametrize(
    ("issuer", "level", "region"),
    [
        ("河阴县商务局", "市县级", "河阴县"),
        ("某省农业农村厅", "省级", "某省"),
        ("上海市经济和信息化委员会", "省级", "上海市"),
        ("财政部、国家税务总局", "国家级", "全国"),
        ("江北新区管理委员会", "园区", "江北新区"),
        ("内蒙古自治区科学技术厅", "省级", "内蒙古自治区"),
    ],
)
def test_who_issued_it_says_where_and_at_which_level(issuer: str, level: str, region: str) -> None:
    document = read("对首次升规的企业，奖励5万元。", issuer=issuer).to_dict()
    assert (document["level"], document["region"]) == (level, region)


def test_an_office_is_named_once_however_it_is_called() -> None:
    text = "由市工信局、市财政局负责解释。联系人：市工业和信息化局，电话略。"
    found = read(text, issuer="某市工业和信息化局、某市商务局").to_dict()["departments"]
    assert found == ["某市工业和信息化局", "某市商务局", "市财政局"]


@pytest.mark.parametrize(
    ("title", "text", "industry"),
    [
        ("知识产权资助申报", "在本市登记的企业、合作社、个体工商户。获得发明专利的，每件奖励1万元。", ["不限"]),
        ("技改补助", "一、对制造业企业设备（含配套软件）投资500万元以上的，补助8%。", ["制造业"]),
        ("纾困措施", "一、对规上工业企业，补助10万元。\n二、对受灾企业，贴息2万元。\n三、对受灾企业，奖励3万元。", ["不限", "制造业"]),
        ("研发补助", "对研发费用占比不低于3%（规模以上工业企业不低于2%）的企业，按5%补助。注：房地产、批发零售业企业不在补助之列。", None),
    ],
)  # fmt: skip
def test_industry_is_whom_a_policy_is_for(title: str, text: str, industry: list[str] | None) -> None:
    found = read(text, title=title).to_dict()["tags"]["industry"]
    assert found == industry if industry else "不限" in found and "批发零售" not in found


def test_who_is_left_out_is_not_asked_for() -> None:
    said = _said("有效期内的省级专精特新中小企业，不含小巨人企业及已获得贴息的企业。每家贴息10万元。")
    assert ("excluded_category", "in", ["小巨人企业", "已获得贴息的企业"]) in said
    assert not any(value == ["专精特新小巨人"] for _, _, value in said)


def test_lines_that_nobody_can_meet_together_are_alternatives() -> None:
    text = (
        "二、认定标准\n（一）经营不满一年，注册资本不低于2亿元。\n（二）新迁入，注册资本不低于2亿元，上年度纳税不低于800万元。\n"
        "（三）经营一年以上，上年度纳税不低于500万元。"
    )
    found = [(c["field"], c["op"], c.get("any_of"), c.get("alt")) for c in _conditions(text)]
    assert ("established_years", "<", 1, 1) in found and ("established_years", ">=", 1, 3) in found
    # what two of them ask is asked in both
    assert [alt for field, _, _, alt in found if field == "registered_capital"] == [1, 2]


def test_a_measure_for_each_trade_in_turn() -> None:
    text = "认定条件：农业企业营业收入3亿元以上；工业企业营业收入15亿元以上；服务业企业营业收入8亿元以上。"
    found = [(c["field"], c["value"], c.get("alt")) for c in _conditions(text) if c["field"] != "applicant_type"]
    assert ("revenue_last_year", 300_000_000, 1) in found and ("revenue_last_year", 800_000_000, 3) in found
    assert len({c.get("any_of") for c in _conditions(text)}) == 1


def test_an_easing_in_brackets_is_for_those_it_names() -> None:
    text = "本政策扶持的项目为固定资产投资2亿元以上的项目（旅游、食品项目固定资产投资放宽至6000万元以上）。\n一、用地。每亩奖励2万元。"
    found = {c["value"]: c.get("when") for c in _conditions(text)}
    assert found[200_000_000] is None and "旅游" in str(found[60_000_000])


def test_one_comparison_behind_two_sums() -> None:
    said = _said("对投资3000万元或设备投资800万元以上的项目，补助5%，单个项目投资1亿元以下的补助不超过300万元。")
    assert ("project_investment", ">=", 30_000_000) in said and ("equipment_investment", ">=", 8_000_000) in said
    assert ("project_investment", "<=", 100_000_000) in said


def test_a_line_that_gives_without_a_sum_is_not_asked_of_the_others() -> None:
    text = "1、财政列支200万元对连片规模达400亩以上的基地予以奖补。\n2、对新认定的家庭农场，奖励1万元。"
    first, second = read(text).to_dict()["items"]
    assert not first["award"] and {c["field"] for c in second["conditions"]}.isdisjoint({"planting_area"})


def test_titles_before_the_word_for_titles() -> None:
    said = _said("对新获得全国种粮标兵、全省种粮大户称号的，分别奖励5万元、2万元。")
    assert ("honors", "in", ["全国种粮标兵", "全省种粮大户"]) in said


def test_a_sheet_whose_head_names_the_unit() -> None:
    text = (
        "序号 支持方向 支持内容 标准（万元） 申报对象\n1 创新 首次获评省级技术中心的企业 60 制造业企业\n"
        "2 上云 获评四星级、三星级上云企业 9、4 企业\n3 规模 年开票销售首次突破50亿元、10亿元 90、30 运行科\n"
        "4 首台套 单台售价不低于200万元 按售价5%，最高80\n备注：1.与上级政策就高。"
    )
    assert {600_000, 90_000, 40_000, 900_000, 300_000, 0.05, 800_000} <= set(_sums(text))
    assert ("revenue_last_year", ">=", 1_000_000_000) in _said(text)
    for item in read(text).to_dict()["items"]:
        assert item["award"].get("text", "") in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("年入库税收300万元以上的企业，按年营业收入分档奖励：1亿元以上的，奖励5万元。", ("revenue_last_year", ">=", 100_000_000)),
        ("设备投资300万元以上的，补15%；新认定的国家级、省级良种场，分别给80万、40万。", ("equipment_investment", ">=", 3_000_000)),
    ],
)  # fmt: skip
def test_what_a_colon_announces_and_what_is_given_shortly(text: str, expected: Fact) -> None:
    assert expected in _said(text)


@pytest.mark.parametrize(
    "text",
    [
        "每家奖励5万元。企业应妥善保管资料不少于5年。",
        "每家奖励5万元。设施应正常运行不少于三年。",
        "每家奖励5万元。获奖单位应将不低于50%的奖金用于质量改进。",
        "每家补助5万元。每企业不超过2套。",
        "贷款最高20万元，按利率50%贴息。期限个人不超过3年、企业不超过2年。",
        "每家奖励5万元。照片不少于2张。",
    ],
)
def test_duties_and_limits_of_what_is_given(text: str) -> None:
    assert not [c for c in _conditions(text) if c["op"] in (">=", "<=", ">", "<")]


@pytest.mark.parametrize("piece", ["合作社参照执行。", "一、条件\n1.年收入2000万元以上；\n二、标准\n每家奖励5万元。\n"])
def test_time_grows_with_the_text(piece: str) -> None:
    """A list of thousands of lines: twice the lines may not take four times as long."""
    taken = []
    for times in (1500, 3000):
        start = time.process_time()
        read(piece * (times * 8 // len(piece)))
        taken.append(time.process_time() - start)
    assert taken[1] < 3.2 * max(taken[0], 0.15)


def test_below_and_above_one_sum_are_tiers() -> None:
    text = "对上市企业，融资3亿元以下的，奖励20万元；融资3亿元以上的，奖励60万元。"
    found = {c["op"]: c.get("tier") for c in _conditions(text) if c["field"] == "financing_amount"}
    assert found == {"<": 1, ">=": 2}


def test_markets_in_a_list_are_one_condition() -> None:
    text = "在新三板挂牌、四板挂牌（某股权交易中心）的企业，奖励5万元。"
    assert len([c for c in _conditions(text) if c["field"] == "listed_status"]) == 1
