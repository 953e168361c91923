"""Defects: the spoilt cell and its clean value are remembered; every misspelling meets the fate that evaluation expects of it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract import Column
from data.world import defects, value_defects
from data.world.streams import Streams
from evaluation.loading import wanted
from quality.parse import parse

MONEY = Column(label="金额", header="金额", type="money", unit="元")
DAY = Column(label="日期", header="日期", type="date", serial=True)
KEY = b"0123456789abcdef"


def frame(*names: str) -> pl.DataFrame:
    return pl.DataFrame({"名称": list(names), "_eid": list(range(len(names))), "_defects": [""] * len(names)})


def test_a_cell_spoilt_twice_keeps_its_first_clean_value() -> None:
    both = np.array([True, False])
    dirty = defects.change(
        frame("海南甲有限公司", "乙"), "名称", both, "orgform", lambda n: n.replace("有限", "有限责任")
    )
    dirty = defects.change(dirty, "名称", both, "ideographic_space", lambda n: n + "\u3000")
    dirty = defects.mark(dirty, both, "late")
    assert dirty.select(defects.kinds(pl.col("_defects")))["_defects"].to_list() == [
        "orgform;ideographic_space;late",
        "",
    ]
    assert defects.cells(dirty).rows() == [(0, "名称", "orgform;ideographic_space", "海南甲有限公司")]


def test_what_stays_as_it_was_is_no_defect_and_null_is_a_clean_value() -> None:
    same = defects.put(frame("甲", "乙"), "名称", np.array([True, True]), "key_blank", "甲")
    assert defects.cells(same).rows() == [(1, "名称", "key_blank", "乙")]
    empty = frame("甲").with_columns(pl.lit(None, pl.String).alias("名称"))
    assert defects.cells(defects.put(empty, "名称", np.array([True]), "wrong", "丙")).rows() == [
        (0, "名称", "wrong", None)
    ]


def fate(kind: str, clean: str, sent: str, column: Column) -> str:
    before, after = (parse(pl.Series("x", [t], dtype=pl.String), column, None, KEY) for t in (clean, sent))
    if after.bad[0]:
        return "rejected"
    if after.values[0] is None:
        return "emptied"
    if kind == "date_far_ahead":
        # Rejected because it lies after the receipt, which a cell alone does not know.
        return "rejected" if after.values[0] > dt.date(2030, 1, 1) else "repaired"
    return "repaired" if after.values[0] == before.values[0] else "as_sent"


@given(cents=st.integers(-(10**12), 10**12))
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize(("kind", "rewrite"), [(k, r) for k, _, r in value_defects.NUMBER_DEFECTS])
def test_numbers_meet_the_fate_their_kind_demands(kind: str, rewrite, cents: int) -> None:  # type: ignore[no-untyped-def]
    clean = f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"
    sent = rewrite(clean)
    if sent != clean:
        assert fate(kind, clean, sent, MONEY) == wanted(kind), (clean, sent)


@given(
    day=st.dates(dt.date(1990, 1, 1), dt.date(2024, 12, 31)),
    pattern=st.sampled_from(["%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y年%m月%d日"]),
)
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize(
    ("kind", "rewrite"), [(k, r) for k, _, r in (*value_defects.DATE_DEFECTS, *value_defects.SHEET_DEFECTS)]
)
def test_dates_meet_the_fate_their_kind_demands(kind: str, rewrite, day: dt.date, pattern: str) -> None:  # type: ignore[no-untyped-def]
    clean = day.strftime(pattern)
    sent = rewrite(clean)
    if sent != clean:
        assert fate(kind, clean, sent, DAY) == wanted(kind), (clean, sent)


def test_rates_are_those_of_the_tables_and_do_not_depend_on_the_chunk() -> None:
    ids = np.arange(60_000)
    rows = pl.DataFrame({"n": ["1234.50"] * len(ids), "_eid": ids, "_defects": [""] * len(ids)})
    whole = value_defects.dirty_values(rows, Streams(7), "test", 3, numbers=("n",))
    part = value_defects.dirty_values(rows[500:600], Streams(7), "test", 3, numbers=("n",))
    assert part.equals(whole[500:600])
    counted = dict(defects.cells(whole).group_by("defect").len().iter_rows())
    for kind, rate, _ in value_defects.NUMBER_DEFECTS:
        if kind != "negative_in_brackets":
            assert abs(counted[kind] / len(ids) - rate) < 4 * (rate / len(ids)) ** 0.5, kind


def test_ten_thousands_are_written_only_where_they_are_the_same_number() -> None:
    said = {
        "21300.00": "2.13万",
        "30000.00": "3万",
        "21350.00": "21350.00",
        "9900.00": "9900.00",
        "20000.50": "20000.50",
        "—": "—",
    }
    assert {text: value_defects.ten_thousands(text) for text in said} == said
    for clean, sent in said.items():
        if clean != sent:
            assert fate("ten_thousands", clean, sent, MONEY) == wanted("ten_thousands") == "repaired"
