"""Strict parsers: every spelling of feeds that is read, everything else rejected, and laws that hold for all values."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract import Column
from quality.parse import hashed, parse

KEY = b"k" * 32


def parsed(values: list[str | None], **column: Any) -> list[tuple[Any, bool]]:
    found = parse(pl.Series("v", values, dtype=pl.String), Column(label="列", header="列", **column), None, KEY)
    return list(zip(found.values.to_list(), found.bad.fill_null(False).to_list(), strict=True))


def read(value: str, **column: Any) -> Any:
    result, bad = parsed([value], **column)[0]
    assert not bad, f"{value} 应能读出"
    return result


def rejected(value: str, **column: Any) -> bool:
    result, bad = parsed([value], **column)[0]
    return bad and result is None


@pytest.mark.parametrize(
    "text",
    [
        "2025-03-01",
        "2025/3/1",
        "20250301",
        "2025.03.01",
        "2025年3月1日",
        "２０２５－０３－０１",
        " 2025-03-01 ",
        "2025-03-01 00:00:00",
    ],
)
def test_every_spelling_of_a_day(text: str) -> None:
    assert read(text, type="date") == date(2025, 3, 1)


@pytest.mark.parametrize(
    "text",
    [
        "0000-00-00",
        "1900-01-00",
        "2026-02-30",
        "infinity",
        "43586",
        "长期",
        "9999-12-31",
        "2025-3",
        "20251301",
        "2025-03-01 24:00",
    ],
)
def test_what_is_no_day(text: str) -> None:
    assert rejected(text, type="date")


def test_serials_and_forever_only_where_declared() -> None:
    assert read("43586", type="date", serial=True) == date(2019, 5, 1)
    assert read("43586.75", type="date", serial=True) == date(2019, 5, 1)
    assert rejected("12", type="date", serial=True)
    assert read("长期", type="date", forever=True) == date(9999, 12, 31)
    assert read("9999-12-31", type="date", forever=True) == date(9999, 12, 31)


def test_times() -> None:
    assert read("2025-03-01 09:30:05", type="datetime") == datetime(2025, 3, 1, 9, 30, 5)
    assert read("2025-03-01T09:30:00+08:00", type="datetime") == datetime(2025, 3, 1, 9, 30)
    assert read("20250301093005", type="datetime") == datetime(2025, 3, 1, 9, 30, 5)
    assert rejected("2026-01-02 24:00", type="datetime")
    assert rejected("2025-03-01T09:30:00+00:00", type="datetime")


@pytest.mark.parametrize("text", ["202503", "2025-03", "2025/3", "2025年3月", "2025.03"])
def test_months(text: str) -> None:
    assert read(text, type="month") == date(2025, 3, 1)


@pytest.mark.parametrize("text", ["12 34", "1 234 56", "1234 567", "100.5 200", "1.234 567", "５ ６"])
def test_two_numbers_in_a_cell_are_not_one(text: str) -> None:
    assert rejected(text, type="money", unit="元")


def test_cumulative_months_are_no_month() -> None:
    assert rejected("2025年1-3月", type="month")


@pytest.mark.parametrize(
    ("text", "yuan"),
    [
        ("1,234.50", "12345000.00"),
        ("１２", "120000.00"),
        ("(3.5)", "-35000.00"),
        ("（3.5）", "-35000.00"),
        ("-2", "-20000.00"),
        ("12.345678", "123456.78"),
        ("3亿元", "300000000.00"),
        ("1200元", "1200.00"),
        ("￥7", "70000.00"),
        ("'5", "50000.00"),
        ("1 234 567.5", "12345675000.00"),
        ("-1\u00a0234 万元", "-12340000.00"),
    ],
)
def test_money_in_ten_thousands(text: str, yuan: str) -> None:
    assert read(text, type="money", unit="万元") == Decimal(yuan)


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "nan",
        "inf",
        "-Infinity",
        "1e308",
        "1e309",
        "0x10",
        "1_000",
        "1,23",
        "1.2.3",
        "十二",
        "#REF!",
        "9" * 40,
        "1.2万",
    ],
)
def test_what_is_no_amount(text: str) -> None:
    assert rejected(text, type="money", unit="万元")


@pytest.mark.parametrize("text", ["", "—", "/", "-", "\\N", "NULL", "　", "\u00a0", "无"])
def test_placeholders_are_nothing(text: str) -> None:
    for column in (
        {"type": "money", "unit": "元"},
        {"type": "date"},
        {"type": "text"},
        {"type": "code"},
        {"type": "flag"},
    ):
        assert parsed([text], **column)[0] == (None, False)


def test_units_written_in_the_cell() -> None:
    assert read("1.2万", type="money", unit="元") == Decimal("12000.00")
    assert read("30公顷", type="decimal", unit="亩") == Decimal("450.000000")
    assert read("5.5%", type="decimal", unit="%") == Decimal("0.055000")
    assert read("1.2万", type="integer", unit="人") == 12000
    assert rejected("12.5", type="integer", unit="人")


def test_half_a_cent_rounds_away_from_zero() -> None:
    assert [v for v, _ in parsed(["0.125", "0.135", "-0.125"], type="money", unit="元")] == [
        Decimal("0.13"),
        Decimal("0.14"),
        Decimal("-0.13"),
    ]


def test_codes_are_folded_and_never_judged() -> None:
    assert [v for v, _ in parsed(["９１460100ma5t000001", "'91 46", "OIZ"], type="code", key="uscc")] == [
        "91460100MA5T000001",
        "9146",
        "OIZ",
    ]


def test_only_standard_identifiers_lose_their_case() -> None:
    assert read("hn-jobs-added", type="code") == "hn-jobs-added"
    assert read("ab12", type="code", key="local") == "ab12"


def test_text_keeps_its_inside() -> None:
    assert read("　海南（甲）公司\n二行 ", type="text") == "海南（甲）公司\n二行"
    assert parsed(["#N/A"], type="text")[0][1]


def test_personal_values_leave_only_a_keyed_hash() -> None:
    values = pl.Series(["13800000000", None, "13800000000"])
    marks = hashed(values, KEY)
    assert marks[0] == marks[2] != "13800000000"
    assert marks[1] is None
    assert hashed(values, b"o" * 32)[0] != marks[0]
    with pytest.raises(ValueError, match="密钥"):
        hashed(values, b"")


@settings(max_examples=60, deadline=None)
@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2, allow_nan=False, allow_infinity=False))
def test_an_amount_survives_every_way_of_writing_it(amount: Decimal) -> None:
    grouped = f"{abs(amount):,.2f}"
    spellings = [f"{amount:.2f}", f"{amount:,.2f}", f" {amount:.2f} "]
    if amount < 0:
        spellings.append(f"({grouped})")
    for value, bad in parsed(list(spellings), type="money", unit="元"):
        assert not bad
        assert value == amount


@settings(max_examples=60, deadline=None)
@given(st.dates(min_value=date(1801, 1, 1), max_value=date(2199, 12, 31)))
def test_a_day_survives_every_way_of_writing_it(day: date) -> None:
    texts = [
        day.isoformat(),
        f"{day.year}/{day.month}/{day.day}",
        f"{day:%Y%m%d}",
        f"{day:%Y.%m.%d}",
        f"{day.year}年{day.month}月{day.day}日",
    ]
    assert [v for v, _ in parsed(list(texts), type="date")] == [day] * 5


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=12))
def test_a_parser_returns_a_value_or_says_it_is_bad_but_never_both(text: str) -> None:
    for column in (
        {"type": "money", "unit": "元"},
        {"type": "date"},
        {"type": "month"},
        {"type": "year"},
        {"type": "datetime"},
        {"type": "flag"},
    ):
        value, bad = parsed([text], **column)[0]
        assert not (bad and value is not None)
