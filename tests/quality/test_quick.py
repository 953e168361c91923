"""The quick reading of a column and the strict one say the same of every cell, whatever stands in it."""

import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract import Column
from quality import parse as strictly
from quality import quick
from quality.parse import folded, parse

KEY = b"0123456789abcdef"
COLUMNS = [
    Column(label="日", header="日", type="date"),
    Column(label="日", header="日", type="date", serial=True, forever=True),
    Column(label="时", header="时", type="datetime"),
    Column(label="元", header="元", type="money", unit="元"),
    Column(label="万元", header="万元", type="money", unit="万元"),
    Column(label="率", header="率", type="decimal", unit="%"),
    Column(label="亩", header="亩", type="decimal", unit="公顷"),
    Column(label="量", header="量", type="decimal"),
    Column(label="人", header="人", type="integer", unit="人"),
    Column(label="万人", header="万人", type="integer", unit="万人"),
    Column(label="年", header="年", type="year"),
    Column(label="月", header="月", type="month"),
    Column(label="码", header="码", type="code", key="uscc"),
    Column(label="字", header="字"),
    Column(label="否", header="否", type="flag"),
]
ODD = [
    "2024-02-29", "2023-02-29", "2024-1-2", "2024- 1- 2", " 024-01-02", "+024-01-02", "2024-01-02 ", "9999-12-31", "1799-12-31", "2024/1/2",
    "2024-01-02 09:30:00", "2024-01-02 24:00:00", "2024-01-02 9:30:00 ", "2024-01-02 09:30:60", "2024-01-02T09:30:00", "２０２４-01-02",
    "0", "-0", "00012", "1.5", "-1.005", "1.0", "1.", ".5", "+3", "1e5", "1,234.50", "(1,234)", "30公顷", "3.2%", "1.2万", "٣٤", "0x10", "1_000",
    "999999999999999", "1000000000000000", "99999999999", "100000000000", "12345678901234567890", "1.0000000001", "0.123456789", "NaN", "inf",
    "—", "/", "", " ", "\t", "'12", "`a", "a'b", "a b", "a\u00a0b", "ａ１", "\ufeff1", "长期", "45352", "45352.5", "是", "Y", "#N/A", "\\N", "无",
]  # fmt: skip


def cells() -> st.SearchStrategy[str | None]:
    digits = st.from_regex(r"-?[0-9]{1,17}(\.[0-9]{1,11})?", fullmatch=True)
    days = st.from_regex(r"[0-9 +-]{4}-[0-9 ]{2}-[0-9 ]{2}( [0-9 ]{2}:[0-9]{2}:[0-9]{2})?", fullmatch=True)
    near = (
        st.dates().map(str)
        | st.dates().map(lambda d: d.strftime("%Y/%m/%d"))
        | st.dates().map(lambda d: d.strftime("%Y%m%d"))
        | st.datetimes().map(lambda d: d.isoformat(sep=" ")[:19])
    )
    return (
        st.none()
        | st.sampled_from(ODD)
        | digits
        | days
        | near
        | st.text("0123456789.,-+ 年月日万％%'eE/:T\u3000", max_size=12)
    )


def alone(text: pl.Series, column: Column) -> list[tuple[object, bool]]:
    """Each cell strictly read in a series of its own, so that nothing is quick about it."""
    found = []
    for cell in text:
        one = pl.Series("t", [cell], dtype=pl.String)
        if column.type == "date":
            values, bad = strictly._any_date(one, column)
        elif column.type == "datetime":
            values, bad = strictly._any_datetime(one)
        elif column.type in ("money", "decimal", "integer"):
            values, bad = strictly._any_number(one, column)
        else:
            values, bad, *_ = strictly.strict(one, column, None, KEY)
        found.append((values[0], bool(bad[0])))
    return found


@pytest.mark.parametrize("column", COLUMNS, ids=lambda c: f"{c.type}-{c.unit}")
@given(told=st.lists(cells(), min_size=1, max_size=12))
@settings(max_examples=12, deadline=None)
def test_quick_and_strict_agree_on_any_cell(column: Column, told: list[str | None]) -> None:
    text = pl.Series("t", told, dtype=pl.String)
    parsed = parse(text, column, None, KEY)
    assert list(zip(parsed.values.to_list(), parsed.bad.to_list(), strict=True)) == alone(text, column)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda c: f"{c.type}-{c.unit}")
def test_quick_and_strict_agree_on_columns_of_every_make(column: Column) -> None:
    """Long enough for every quick way: a column of few values, of many, of written forms with a few odd cells among them."""
    draw = random.Random(7)
    wide = [f"{draw.randrange(-(10**11), 10**11) / 1000}" for _ in range(70)] + ODD
    days = [
        f"20{draw.randrange(10, 30)}-{draw.randrange(1, 13):02d}-{draw.randrange(1, 32):02d}" for _ in range(70)
    ] + ODD
    few = [draw.choice(["是", "2024-01-02", "12", "", None, "x"]) for _ in range(200)]
    slashed, compact = [d.replace("-", "/") for d in days], [d.replace("-", "") for d in days]
    mixed = [f"{d[:4]}/{d[5:]}" for d in days]
    for told in (wide, days, slashed, compact, mixed, few, [*days, *[d + " 08:00:01" for d in days]]):
        text = pl.Series("t", told, dtype=pl.String)
        parsed = parse(text, column, None, KEY)
        assert list(zip(parsed.values.to_list(), parsed.bad.to_list(), strict=True)) == alone(text, column)
    assert quick.repeated(pl.Series("t", few, dtype=pl.String)) is not None
    assert quick.repeated(pl.Series("t", wide, dtype=pl.String)) is None


@given(told=st.lists(cells() | st.text(max_size=6), min_size=1, max_size=10))
@settings(max_examples=40, deadline=None)
def test_folding_what_is_plain_changes_nothing(told: list[str | None]) -> None:
    text = pl.Series("t", [*told, *["plain1"] * quick.LEAST], dtype=pl.String)
    strict = strictly._nulled(strictly._folded(text), strictly.PLACEHOLDERS)
    assert folded(text).to_list() == strict.to_list()
    sure = text.filter(quick.plain(text))
    assert strictly._folded(sure).to_list() == sure.to_list()
