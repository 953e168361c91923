import math
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.text.search import Filters, Index, Library, document_terms, query_terms, related, snippet


def library(*rows: tuple, tags: list[tuple[str, str, str]] = ()) -> Library:
    """Rows (id, title, text) with optional (level, region, valid_from, valid_to, zone)."""
    defaults = ("省级", ["460000"], date(2024, 1, 1), date(2025, 12, 31), None)
    full = [(*row, *defaults[len(row) - 3 :]) for row in rows]
    items = pl.DataFrame(
        [(i, 1, t, x, *rest) for i, t, x, *rest in full],
        schema={
            "item_id": pl.String, "version": pl.Int64, "title": pl.String, "text": pl.String, "level": pl.String,
            "region": pl.List(pl.String), "valid_from": pl.Date, "valid_to": pl.Date, "zone": pl.String,
        },
        orient="row",
    )  # fmt: skip
    tag_rows = pl.DataFrame(
        [(i, 1, f, t) for i, f, t in tags],
        schema={"item_id": pl.String, "version": pl.Int64, "facet": pl.String, "tag": pl.String},
        orient="row",
    )
    return Library(items, tag_rows, [document_terms(t, x) for _, t, x, *_ in full])


def ids(hits):
    return [hit.item_id for hit in hits]


def test_bm25_is_the_published_formula():
    documents = [["a", "b", "a"], ["b"], ["c", "c", "d", "b"]]
    scores = Index(documents).scores({"a": 1.0, "b": 1.0})
    mean, k1, b = 8 / 3, 1.5, 0.75

    def weight(tf, df, length):
        idf = math.log(1 + (3 - df + 0.5) / (df + 0.5))
        return idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / mean))

    expected = [weight(2, 1, 3) + weight(1, 3, 3), weight(1, 3, 1), weight(1, 3, 4)]
    assert scores.tolist() == pytest.approx(expected, rel=1e-5)


terms = st.lists(st.lists(st.sampled_from("abcdef"), max_size=8), min_size=1, max_size=12)


@given(terms, st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=4, unique=True))
def test_a_score_is_positive_exactly_where_a_term_stands(documents, query):
    scores = Index(documents).scores(dict.fromkeys(query, 1.0))
    assert [bool(s > 0) for s in scores] == [bool(set(d) & set(query)) for d in documents]


@given(terms)
def test_the_order_of_documents_does_not_change_their_scores(documents):
    forward = Index(documents).scores({"a": 1.0, "b": 0.5})
    backward = Index(documents[::-1]).scores({"a": 1.0, "b": 0.5})
    assert np.allclose(forward, backward[::-1], rtol=1e-5)


def test_title_words_weigh_more_and_synonyms_meet():
    shelf = library(
        ("a", "租金减免办法", "对企业减免租金。"),
        ("b", "高新技术企业奖励", "给予奖励二十万元。"),
        ("c", "综合措施", "高新技术企业可以同时申请场地、用电等其他各项支持，具体办法另行制定。"),
    )
    assert ids(shelf.search("高企")) == ["b", "c"]
    assert ids(shelf.search("免租")) == ["a"]


def test_a_word_nobody_wrote_is_looked_for_by_its_parts():
    shelf = library(("a", "甲", "深海养殖奖励。"), ("b", "乙", "外贸奖励。"))
    assert ids(shelf.search("深海养殖工船奖励金", limit=1)) == ["a"]


def test_a_part_finds_the_long_word_but_below_an_exact_match():
    shelf = library(("a", "甲", "规模以上工业企业增产奖励。"), ("b", "乙", "规模以上的企业奖励。"))
    assert set(ids(shelf.search("规模以上"))) == {"a", "b"}


def test_equal_scores_are_ordered_by_id_and_the_limit_holds():
    shelf = library(*((f"i{n}", "奖励", "给予奖励") for n in range(9, -1, -1)))
    assert ids(shelf.search("奖励", limit=3)) == ["i0", "i1", "i2"]


def test_words_nobody_wrote_find_nothing_and_no_words_find_everything_let_through():
    shelf = library(("a", "奖励", "给予奖励"), ("b", "补助", "给予补助", "园区", ["park-yazhou"]))
    assert shelf.search("量子引力") == []
    assert ids(shelf.search("，。")) == ["a", "b"]
    assert ids(shelf.search("", Filters(levels=frozenset({"园区"})))) == ["b"]


def test_filters_by_tag_level_day_zone_and_item():
    shelf = library(
        ("a", "奖励", "给予奖励"),
        ("b", "奖励", "给予奖励", "市县级", ["460100"], date(2020, 1, 1), date(2021, 12, 31), None),
        ("c", "奖励", "给予奖励", "省级", ["460000"], date(2024, 1, 1), date(2027, 1, 1), "自贸港"),
        tags=[("a", "theme", "融资"), ("c", "theme", "外贸"), ("c", "size", "不限")],
    )
    assert ids(shelf.search("奖励", Filters(on=date(2025, 1, 25)))) == ["a", "c"]
    assert ids(shelf.search("奖励", Filters(on=date(2021, 12, 31)))) == ["b"]
    assert ids(shelf.search("奖励", Filters(zone="自贸港"))) == ["c"]
    assert ids(shelf.search("奖励", Filters(tags={"theme": frozenset({"融资", "外贸"})}))) == ["a", "c"]
    wanted = Filters(tags={"theme": frozenset({"融资"}), "size": frozenset({"不限"})})
    assert ids(shelf.search("奖励", wanted)) == []
    assert ids(shelf.search("奖励", Filters(items=frozenset({"b"})))) == ["b"]


def test_a_place_finds_what_is_shelved_above_and_below_it():
    shelf = library(
        ("hainan", "奖励", "奖励"),
        ("haikou", "奖励", "奖励", "市县级", ["460100"]),
        ("sanya", "奖励", "奖励", "市县级", ["460200"]),
        ("yazhou", "奖励", "奖励", "园区", ["park-yazhou"]),
    )
    assert ids(shelf.search("奖励", Filters(region="460105"))) == ["haikou", "hainan"]
    assert ids(shelf.search("奖励", Filters(region="460200"))) == ["hainan", "sanya", "yazhou"]
    assert ids(shelf.search("奖励", Filters(region="park-yazhou"))) == ["hainan", "sanya", "yazhou"]
    assert "park-yazhou" not in related("460100")


def test_the_snippet_is_the_sentence_that_answers_and_marks_it():
    text = "第一条　为促进发展制定本办法。\n第二条　研发费用不低于 ５００ 万元的企业，按10%补助。\n第三条　本办法由省厅解释。"
    shown = snippet(text, query_terms("研发 补助"))
    assert "【研发】费用" in shown
    assert "【补助】" in shown
    assert "第三条" not in shown
    assert shown.replace("【", "").replace("】", "") in text


def test_a_snippet_of_a_long_sentence_keeps_to_its_width():
    text = "企业" * 400 + "，贴息，" + "资金" * 400
    shown = snippet(text, query_terms("贴息"), width=60)
    assert "【贴息】" in shown
    assert len(shown) <= 60 + 4


def test_a_table_short_of_columns_or_rows_is_refused():
    items = pl.DataFrame({"item_id": ["a"]})
    with pytest.raises(ValueError, match="缺少列"):
        Library(items, pl.DataFrame(), [[]])
    whole = library(("a", "奖励", "奖励"))
    with pytest.raises(ValueError, match="2 份词表"):
        Library(
            whole.items,
            pl.DataFrame(schema={"item_id": pl.String, "version": pl.Int64, "facet": pl.String, "tag": pl.String}),
            [[], []],
        )


def test_a_place_among_the_words_brings_its_shelf_to_the_front():
    shelf = library(
        ("hk", "研发补助", "给予研发补助。", "市县级", ["460100"]),
        ("sy", "研发补助", "给予研发补助。", "市县级", ["460200"]),
        ("hn", "研发补助", "给予研发补助。", "省级", ["460000"]),
        ("rent", "海口市租金补贴", "海口市企业给予租金补贴。", "市县级", ["460100"]),
    )
    assert ids(shelf.search("研发 补助 海口"))[:3] == ["hk", "hn", "sy"]
    assert ids(shelf.search("三亚"))[0] == "sy"


def test_a_document_with_all_the_words_comes_before_one_with_one_rare_word():
    shelf = library(
        ("all", "研发投入补助", "对研发投入给予补助。"),
        ("one", "补助办法", "补助标准另行制定。"),
        ("none", "租金减免", "减免租金。"),
    )
    assert ids(shelf.search("研发 投入 补助"))[0] == "all"
