"""A draft is a policy file that the corpus accepts, and says where an official must look."""

from pathlib import Path

import yaml

from data.corpus import parse_item
from evaluation.reading import passages
from matching.text import read
from matching.text.draft import draft_file

GOLD = Path(__file__).with_name("gold")


def test_every_draft_of_every_passage_is_a_policy_file() -> None:
    for passage in [*passages(GOLD / "develop.yml"), *passages(GOLD / "held_out.yml")]:
        reading = read(passage.text, title=passage.title, issuer=passage.issuer, region=passage.region)
        for n in range(max(1, len(reading.items))):
            item = parse_item(draft_file(reading, n, id="draft"), Path("draft.md"))
            assert item.conditions


def test_field_and_period_name_the_profile_column() -> None:
    reading = read(
        "上年度研发费用不低于500万元的企业，奖励20万元。", title="研发奖励", issuer="某市科学技术局", date="2024-01-01"
    )
    text = draft_file(reading, id="rd")
    item = parse_item(text, Path("rd.md"))
    assert [c.expr for c in item.conditions] == ["rd_expense_last_year >= 5000000"]
    assert item.award.expr == "200000"
    assert text.count("待核") >= 5


def test_what_no_column_holds_is_outside_data_not_dropped() -> None:
    reading = read("每件产品单位能耗低于50千瓦时的企业，奖励20万元。", title="节能", issuer="某市发改委")
    front = yaml.safe_load(draft_file(reading).split("---\n")[1])
    assert front["outside_data"]


def test_or_groups_become_logic() -> None:
    reading = read("营业收入5亿元以上或纳税2000万元以上的企业，奖励50万元。", title="总部", issuer="某市财政局")
    assert " OR " in (parse_item(draft_file(reading), Path("draft.md")).logic or "")


def test_alternatives_are_joined_by_or_and_what_shares_one_by_and():
    text = (
        "申报企业须符合下列条件之一：\n1.上年度营业收入5000万元以上；\n2.上年度营业收入1000万元以上，且研发费用占营业收入比例不低于5%。\n"
        "二、奖励标准\n一次性奖励10万元。"
    )
    item = parse_item(draft_file(read(text, title="措施", issuer="合肥市财政局"), 0, "x"), Path("x.md"))
    ids = [c.id for c in item.conditions]
    assert len(ids) == 3
    assert item.logic == f"({ids[0]} OR ({ids[1]} AND {ids[2]}))"
