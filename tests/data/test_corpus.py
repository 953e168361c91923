from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from data import gazetteer
from data.corpus import POLICIES, CorpusError, in_force, load_defaults, load_items, parse_item

ITEMS = load_items()

GOOD = """---
id: hn-demo
title: 示范奖励
issuer: 海南省科学技术厅
level: 省级
region: ["460000"]
basis: 琼科规〔2024〕1号
valid: {from: 2024-01-01, to: 2025-12-31}
window: {from: 2025-01-01, to: 2025-03-31}
cycle: year
mode: 承诺兑现
promise_days: 20
tags:
  theme: [研发创新]
  industry: [不限]
  size: [不限]
  method: [奖励]
conditions:
  - {id: c1, text: 研发费用占比不低于3%, expr: rd_ratio >= 0.03, on_unknown: ask}
outside_data:
  - {id: o1, text: 项目尚未开工}
award: {expr: "100000", per: year}
examples:
  - {name: 达标, given: {rd_ratio: 0.03}, verdict: declarable, award: 100000}
---

对研发费用占比不低于3%、项目尚未开工的企业奖励10万元。
"""


def parse(text: str, name: str = "hn-demo.md"):
    return parse_item(text, Path(name))


def test_an_item_keeps_its_dates_words_and_exact_numbers():
    item = parse(GOOD)
    assert (item.valid_from, item.valid_to) == (date(2024, 1, 1), date(2025, 12, 31))
    assert (item.window_from, item.window_to) == (date(2025, 1, 1), date(2025, 3, 31))
    assert item.version == 1
    assert item.text == "对研发费用占比不低于3%、项目尚未开工的企业奖励10万元。"
    assert item.examples[0].given["rd_ratio"] == Decimal("0.03")
    assert item.conditions[0].on_unknown == "ask"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("promise_days: 20", "promise_days: 20\npromisedays: 3", r"promisedays.*不认识的键"),
        ("mode: 承诺兑现", "mode: 现场兑现", r"mode.*免申即享.*现在是「现场兑现」"),
        ("title: 示范奖励\n", "", r"title.*缺少"),
        ("on_unknown: ask", "on_unknwon: ask", r"conditions\.0\.on_unknwon.*不认识"),
        ("{from: 2024-01-01, to: 2025-12-31}", "{from: 2026-01-01, to: 2025-12-31}", "早于起始日"),
        ("to: 2025-03-31", "to: 2025-02-30", "hn-demo.md"),
        ("id: o1", "id: c1", "编号重复：c1"),
        ('["460000"]', '["海南"]', "「海南」不像区划码"),
        ("promise_days: 20", "promise_days: 0", r"promise_days.*不小于 1"),
        ("cycle: year", "cycle: year\ncycle: once", "第 11 行.*cycle.*重复"),
        ("basis: 琼科规〔2024〕1号", "basis: &b 琼科规\nzone: *b", "别名"),
        ('award: {expr: "100000", per: year}', "award: {per: year}", "note"),
        ("verdict: declarable", "failed: [c9], verdict: declarable", "c9"),
        ("cycle: year", "cycle: year\ntext: 别的文字", "text"),
        ("cycle: year", "cycle: year\nexcludes: [hn-demo]", "自己"),
        ("---\n\n对研发", "对研发", "---"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(old, new, said):
    assert old in GOOD
    with pytest.raises(CorpusError, match=said) as caught:
        parse(GOOD.replace(old, new, 1))
    assert "hn-demo" in str(caught.value)


def test_the_file_name_is_the_id_or_the_id_with_its_version():
    assert parse(GOOD, "hn-demo.v1.md").id == "hn-demo"
    with pytest.raises(CorpusError, match=r"文件名应是 hn-demo\.md"):
        parse(GOOD, "hn-other.md")


def test_versions_may_not_hold_on_one_day(tmp_path):
    (tmp_path / "hn-demo.v1.md").write_text(GOOD, encoding="utf-8")
    (tmp_path / "hn-demo.md").write_text(GOOD.replace("title:", "version: 2\ntitle:"), encoding="utf-8")
    with pytest.raises(CorpusError, match="不能同时有效"):
        load_items(tmp_path)


def test_an_item_named_in_excludes_must_exist(tmp_path):
    (tmp_path / "hn-demo.md").write_text(
        GOOD.replace("cycle: year", "cycle: year\nexcludes: [hn-ghost]"), encoding="utf-8"
    )
    with pytest.raises(CorpusError, match="hn-ghost"):
        load_items(tmp_path)


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(tmp_path):
    (tmp_path / "hn-demo.md").write_bytes(("\ufeff" + GOOD.replace("\n", "\r\n")).encode())
    assert load_items(tmp_path) == [load_items(tmp_path)[0]]


def test_the_version_of_the_day_is_in_force():
    items = ITEMS
    then = {i.id: i.version for i in in_force(items, date(2023, 6, 1))}
    now = {i.id: i.version for i in in_force(items, date(2025, 1, 25))}
    assert then["hn-biomed-voucher"] == 1
    assert now["hn-biomed-voucher"] == 2
    assert len(now) >= 120


def test_the_corpus_is_as_large_and_as_various_as_promised():
    items = ITEMS
    assert len(items) >= 120
    assert {i.level for i in items} == {"国家级", "省级", "市县级", "园区"}
    assert sum(i.zone == "自贸港" for i in items) >= 15
    assert sum(i.entity == "person" for i in items) >= 5
    assert {i.cycle for i in items} == {"once", "year", "month", "batch"}
    assert {i.claim_unit for i in items} == {"entity", "patent", "project"}
    assert sum(bool(i.outside_data) for i in items) >= 30
    assert sum("CASE" in (i.award.expr or "") for i in items) >= 40
    assert sum("least" in (i.award.expr or "") for i in items) >= 30
    assert any(i.pilot for i in items)
    assert any(i.award.expr is None for i in items)


def test_most_items_are_open_when_the_mock_world_ends():
    open_now = [i for i in in_force(ITEMS, date(2025, 1, 25)) if i.window is None or date(2025, 1, 25) in i.window]
    for mode in ("免申即享", "即申即享", "承诺兑现"):
        assert sum(i.mode == mode for i in open_now) >= 20, mode


def test_places_exist():
    parks = {park.park for park in gazetteer.parks()}
    for item in ITEMS:
        for place in (*item.region, *(item.pilot or ())):
            assert place in parks or gazetteer.region(place) is not None, (item.id, place)


def test_the_common_bars_are_the_three_of_the_design():
    bars = {bar.id: bar for bar in load_defaults().bars}
    assert set(bars) == {"dishonest", "serious_illegal", "not_in_business"}
    assert all(bar.entity == "enterprise" and bar.text for bar in bars.values())


def test_a_mistake_in_the_common_bars_is_named(tmp_path):
    (tmp_path / "_defaults.yml").write_text("bars:\n  - {id: x, label: 某, text: 某}\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"_defaults\.yml.*bars\.0\.expr.*缺少"):
        load_defaults(tmp_path)


def test_files_hold_no_path_and_no_stray_mark():
    for path in sorted(POLICIES.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        assert "[[" not in text, path.name
        assert "]]" not in text, path.name
