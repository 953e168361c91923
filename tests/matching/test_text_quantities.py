"""Numbers in every spelling of the genre, with the bound that the words give them (policies.md §2, §3)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.text.numerals import chinese_number
from matching.text.plain import plain
from matching.text.quantities import quantities


def _read(text: str) -> list[tuple[str, str, str]]:
    return [(q.op, format(q.value.normalize(), "f"), q.unit) for q in quantities(plain(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("营业收入2000万元以上", (">=", "20000000", "元")),
        ("营业收入２０００万元（含）以上", (">=", "20000000", "元")),
        ("营业收入5,000 万 元以上", (">=", "50000000", "元")),
        ("营业收入1.2亿元以上", (">=", "120000000", "元")),
        ("不低于五百万元", (">=", "5000000", "元")),
        ("超过500万元（含）", (">=", "5000000", "元")),
        ("超过500万元", (">", "5000000", "元")),
        ("3000万元（不含）以上", (">", "30000000", "元")),
        ("不足100万元", ("<", "1000000", "元")),
        ("低于 3%", ("<", "0.03", "%")),
        ("比重不低于3%", (">=", "0.03", "%")),
        ("万分之五，即不超过5‰", ("<=", "0.005", "‰")),
        ("百分之三十以上", (">=", "0.3", "%")),
        ("30人（含）以下", ("<=", "30", "人")),
        ("不少于10名", (">=", "10", "人")),
        ("建筑面积1万平方米以上", (">=", "10000", "㎡")),
        ("流转面积不少于100公顷", (">=", "1500", "亩")),
        ("成立满三年", (">=", "3", "年")),
        ("合同期限6个月以上", (">=", "6", "月")),
        ("进出口额达到1000万美元", (">=", "10000000", "USD")),
        ("年龄40周岁以下", ("<=", "40", "岁")),
        ("首次突破10亿元", (">=", "1000000000", "元")),
        ("不超过人民币500万元", ("<=", "5000000", "元")),
        ("投资额50万以上", (">=", "500000", "元")),
    ],
)
def test_one_number_with_its_bound(text: str, expected: tuple[str, str, str]) -> None:
    assert expected in _read(text)


def test_a_list_shares_its_last_unit() -> None:
    assert _read("分别给予30、50、100万元") == [("", "300000", "元"), ("", "500000", "元"), ("", "1000000", "元")]
    assert _read("30万、50万元") == [("", "300000", "元"), ("", "500000", "元")]


def test_a_range_is_one_quantity() -> None:
    (found,) = quantities(plain("100至200万元（不含）"))
    assert (found.value, found.high, found.closed) == (Decimal(1_000_000), Decimal(2_000_000), False)


@pytest.mark.parametrize(
    "text", ["一次性", "统一受理", "2024年1月1日", "琼府办〔2021〕65号", "第三条", "一般纳税人", "十四五规划", "含税"]
)
def test_what_is_not_a_quantity(text: str) -> None:
    assert _read(text) == []


def test_span_is_the_text_itself() -> None:
    text = "上年度研发费用　不低于５００万元的企业"
    (found,) = quantities(plain(text))
    assert text[found.left : found.right] == "不低于５００万元"


@given(st.integers(min_value=1, max_value=9999))
def test_chinese_numerals_read_back(number: int) -> None:
    digits = "零一二三四五六七八九"
    words, rest, zero = "", number, False
    for scale, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, rest = divmod(rest, scale)
        if digit:
            words += ("零" if zero and words else "") + digits[digit] + name
            zero = False
        else:
            zero = True
    assert chinese_number(words) == number


@given(st.text())
def test_any_text_keeps_its_length_and_never_fails(text: str) -> None:
    assert len(plain(text)) == len(text)
    for found in quantities(plain(text)):
        assert 0 <= found.left <= found.start < found.end <= found.right <= len(text)
