import jieba
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.text.segment import Segmenter, lexicon_words, normalise, segmenter, synonyms

# policies.md §6: what jieba's own dictionary takes apart or across a boundary
WHOLE = [
    "专精特新", "小巨人", "规上企业", "高新技术企业", "上一年度", "免申即享", "即申即享", "不低于", "不超过", "不少于",
    "科技型中小企业", "首台套", "规模以上工业企业", "失信被执行人", "知识产权质押融资", "海南自由贸易港", "裁员率",
]  # fmt: skip


@pytest.mark.parametrize("word", WHOLE)
def test_a_word_of_the_lexicon_stays_whole_inside_a_sentence(word):
    assert word in [t.text for t in segmenter().tokens(f"对符合条件的{word}给予一次性奖励")]


def test_the_sign_of_a_threshold_is_one_word():
    words = segmenter().words("研发费用不低于500万元，且资助总额不超过2,000万元")
    assert "不低于" in words
    assert "不超过" in words
    assert "低于" not in words


def test_first_unit_brackets_in_every_form_are_one_word():
    assert {segmenter().words(form)[0] for form in ("首台(套)装备", "首台（套）装备")} == {"首台(套)"}


def test_variants_count_as_the_word_they_stand_for():
    assert segmenter().terms("高企") == ["高新技术企业"]
    assert segmenter().terms("海口高企营收") == ["海口市", "高新技术企业", "营业收入"]


def test_a_long_word_is_found_by_its_parts():
    assert {"规模以上", "工业"} <= set(segmenter().parts("规模以上工业企业"))
    assert segmenter().parts("补助") == ()


@pytest.mark.parametrize(
    ("source", "normal"),
    [
        ("５００　万元", "500万元"),
        ("不低于 500 万元", "不低于500万元"),
        ("規模以上工業企業", "规模以上工业企业"),
        ("企\u200b业\ufeff", "企业"),
        ("⼯业", "工业"),
        ("（含）", "(含)"),
        ("20 000万元", "20 000万元"),
        ("1亿元 50万元", "1亿元 50万元"),
        ("甲\t乙\n丙", "甲\t乙\n丙"),
        ("Tax Free", "Tax Free"),
    ],
)
def test_normalisation(source, normal):
    assert normalise(source).text == normal


def test_a_span_leads_back_to_the_words_as_printed():
    printed = "研发费用不低于 ５００ 万元\u200b（含）的"
    normal = normalise(printed)
    at = normal.text.index("500万元(含)")
    start, end = normal.source(at, at + len("500万元(含)"))
    assert printed[start:end] == "５００ 万元\u200b（含）"


texts = st.text(
    alphabet=st.sampled_from("企业不低于５０0 万亿元，。（）\u200b\u3000\n\t規專aA％首台(套)𬭊"), max_size=80
)


@given(texts)
def test_offsets_never_leave_the_source_or_go_back(text):
    normal = normalise(text)
    assert len(normal.at) == len(normal.text) + 1
    assert normal.at[-1] == len(text)
    assert all(a < b for a, b in zip(normal.at, normal.at[1:], strict=False))


@given(texts)
def test_normalising_again_changes_nothing(text):
    once = normalise(text).text
    assert normalise(once).text == once


@given(texts)
def test_tokens_joined_are_the_text(text):
    normal = normalise(text).text
    tokens = list(segmenter().tokens(normal))
    assert "".join(t.text for t in tokens) == normal
    assert all(normal[t.start : t.end] == t.text for t in tokens)


def test_other_users_of_jieba_are_not_touched(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    own = Segmenter(["惠企政策兑现中心"])
    assert own.words("惠企政策兑现中心") == ["惠企政策兑现中心"]
    assert jieba.dt.FREQ == {} or "惠企政策兑现中心" not in jieba.dt.FREQ
    assert list(tmp_path.iterdir()) == [], "nothing is cached where anyone may write"


def test_two_segmenters_do_not_share_words():
    first, second = Segmenter(["甲乙丙丁戊"]), Segmenter([])
    assert first.words("甲乙丙丁戊") == ["甲乙丙丁戊"]
    assert second.words("甲乙丙丁戊") != ["甲乙丙丁戊"]


@pytest.mark.parametrize(("text", "said"), [("专精 特新\n", "空白"), ("补助\n补助\n", "第 1 行重复")])
def test_a_lexicon_with_a_mistake_is_refused_with_its_line(tmp_path, text, said):
    (tmp_path / "words.txt").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        lexicon_words(tmp_path / "words.txt")


def test_a_variant_belongs_to_one_word(tmp_path):
    (tmp_path / "s.yml").write_text("补助: [补贴]\n奖励: [补贴]\n", encoding="utf-8")
    with pytest.raises(ValueError, match="补贴"):
        synonyms(tmp_path / "s.yml")


@pytest.mark.parametrize("text", ["A" * 200_000, "企" * 50_000, "企业" * 25_000, "1,234.5" * 20_000, "（" * 50_000])
def test_a_word_without_end_has_no_parts_and_costs_no_more_than_its_length(text):
    words = segmenter().terms(text)
    assert sum(len(segmenter().parts(w)) for w in words[:10]) < 100
