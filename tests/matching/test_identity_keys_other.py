"""Codes that are no USCC, crosswalks by position, and the bulk version of the classification."""

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from matching.identity.bulk import classify_frame
from matching.identity.keys import KINDS, classify
from tests.matching.identity_codes import PUBLISHED, card, org, reg15, uscc


@pytest.mark.parametrize(
    ("value", "kind", "valid"),
    [
        ("60003734-1", "org9", True),
        ("600037341", "org9", True),
        (org("MA5T1A2B").lower(), "org9", True),
        ("60003734B", "org9", False),
        ("600037342", "org9", False),
        ("000000000", "org9", False),
        (reg15("46010000012345"), "reg15", True),
        (reg15("46010000012345")[:14] + "x", "tax15", False),
        ("99010000012345" + "1", "none", False),
        ("460100" + org("MA5T1A2B"), "tax15", True),
        ("460100" + "MA5T1A2BB", "tax15", False),
        (card("46010019850615123") + "00", "tax20", True),
        ("46010085061512300", "tax20", True),
        ("10114601000012345678", "none", False),
        ("4601960123", "customs10", True),
        ("46019609AB", "customs10", True),
        ("4601060123", "customs10", False),
        ("4008001234", "none", False),
        ("4600" + org("60003734"), "trade13", True),
        ("4600600037342", "trade13", False),
        ("6901234567892", "none", False),
        ("91130200699229617X001P", "permit22", True),
        ("91130200699229618X001P", "permit22", False),
        ("H94601000123456789001a", "permit22", True),
        ("2017-460105-65-03-001234", "project24", True),
        ("2101-460105-04-01-123456", "project24", True),
        ("2017-000052-65-03-001234", "project24", True),
        ("2017-990105-65-03-001234", "project24", False),
        ("1013-460105-65-03-001234", "project24", False),
        ("13800138000", "none", False),
        ("9146010********12X", "none", False),
        ("", "none", False),
        (None, "none", False),
        (float("nan"), "none", False),
        ("无", "none", False),
    ],
)
def test_other_kinds(value: object, kind: str, valid: bool) -> None:
    key = classify(value)
    assert (key.kind, key.valid) == (kind, valid), key


def test_crosswalks_by_position() -> None:
    assert classify("91130200699229617X001P").holder == "91130200699229617X"
    assert classify("91130200699229617X").org9 == "699229617"
    assert classify("460100699229617").org9 == "699229617"
    assert classify("1302699229617").org9 == "699229617"
    assert classify("H94601000123456789001a").holder is None


def test_branch_pseudo_code_names_its_parent() -> None:
    assert "60003734" in classify("60003734B").why


ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
bodies = st.text(ALPHANUMERIC, min_size=8, max_size=8)
real_heads = st.sampled_from(
    ["91460100", "92460106", "93469002", "N2460400", "12100000", "91310141", "51460000", "13110019"]
)
near_codes = st.one_of(
    st.builds(uscc, real_heads, st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=8, max_size=8)),
    st.builds(org, bodies),
    st.builds(lambda b: "460100" + org(b), bodies),
    st.builds(lambda n: reg15(f"460100{n:08d}"), st.integers(0, 99999999)),
    st.sampled_from(PUBLISHED),
)


def slipped(code: str, position: int, c: str) -> str:
    position %= len(code)
    return code[:position] + c + code[position + 1 :]


values = st.one_of(
    st.none(),
    near_codes,
    st.builds(slipped, near_codes, st.integers(0, 30), st.sampled_from(ALPHANUMERIC + "- *o／")),
    st.text(ALPHANUMERIC + "-. 'Eex０Ｏ", max_size=24),
    st.text(max_size=20),
    st.text("0123456789", min_size=9, max_size=24),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(values, max_size=30))
@example(["140825NA000118X", "140825NA0001187", "９.１３Ｅ＋１７", "D2143569X.0"])
@example(["H94601000123456789001a", "000000000", "914403001922038000", None, "", "600037341", "600037341"])
def test_the_bulk_version_says_the_same(column: list[str | None]) -> None:
    told = classify_frame(pl.Series("value", column, dtype=pl.String))
    expected = [classify(v) for v in column]
    assert told.rows() == [(k.kind, k.code, k.valid, k.suspect, k.why) for k in expected]


@given(
    st.one_of(values, st.floats(), st.integers(), st.decimals(allow_nan=False), st.booleans(), st.binary(max_size=4))
)
def test_classify_never_raises_and_valid_means_a_kind(value: object) -> None:
    key = classify(value)
    assert key.kind in KINDS
    assert not (key.valid and key.kind in ("other18", "none"))
    if key.valid and not key.suspect:
        again = classify(key.code)
        assert (again.kind, again.code, again.valid) == (key.kind, key.code, True)
