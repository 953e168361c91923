"""Key classification: published codes, codes built by an independent calculation, look-alikes and spreadsheet damage."""

import random
import textwrap
from decimal import Decimal
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from matching.identity.bulk import classify_frame
from matching.identity.keys import KINDS, Key, classify

# Codes of listed companies and standards' own examples, as published.
PUBLISHED = [
    "91110000600037341L",
    "91440300708461136T",
    "91330100799655058B",
    "914403001922038216",
    "91110000802100433B",
    "9144030071526726XG",
    "91130200699229617X",
    "91310000MA1FL70B67",
    "12100000400000624D",
    "91350100M000100Y43",
]

# Registrations found on line by others and kept as test vectors: python-stdnum tests/test_cn_uscc.doctest, hutool CreditCodeUtilTest.
VECTORS = textwrap.dedent("""
121200004013590816 91110000710926094P 91120224064012553U 911522010783710635 91152201078371135X 911522010783762860 9115220107837757XE
9115220107837941X1 9115220107839138X8 91152201082151522J 91310000631696382C 91310112087994932F 913101127033980359 91310115MA1K3BTP2B
9131012056010553X5 913304007429141869 91340600MA2PBM9HXD 91340600MA2PBP2120 91340603MA2UJXXCXF 913505007821784439 914112810713741814
91420684MA4927PJ7B 91440300568520498A 9144060573144633XL 9162010555628132X1 9162010558590643X0 9162010567592034XQ 9162010569564942X9
91620105L015101280 91620105MA73NBBLXE 92340602MA2PEL3T3X 92340603MA2PBN17X5 92340603MA2PBQ16XJ 92340621MA2PBKRXXG 92340621MA2UK3PJXE
91310115591693856A 91310110666007217T
""").split()
# (value, kind, valid, suspect): refusals of the same test suites, the standards' printed examples, and how such codes reach us.
CASES: list[tuple[object, str, bool, bool]] = [
    ("91 110000 600037341L", "uscc", True, False),
    ("9 1 110000 600037341L", "uscc", True, False),
    ("A1110000600037341L", "uscc", False, False),
    ("9111000060003IOZSV", "uscc", False, False),
    ("91110000600037341N", "uscc", False, False),
    ("91350211M00013FA1N", "uscc", False, False),
    # GB 11714 prints D2143569-X; GB 11643 prints the two cards.
    ("D2143569-X", "org9", True, False),
    ("d2143569x", "org9", True, False),
    ("D2143569X.0", "org9", True, False),
    ("D2143569-1", "org9", False, False),
    ("MJX173699", "org9", True, False),
    ("12345678-8", "org9", True, False),
    (600037341, "org9", True, True),
    ("11010519491231002X", "other18", False, False),
    ("11010519491231002Ⅹ", "other18", False, False),
    ("440524188001010014", "other18", False, False),
    ("360426199101010071", "other18", False, False),
    ("810000199408230021", "other18", False, False),
    ("830000199201300022", "other18", False, False),
    ("11010519491231002X00", "tax20", True, False),
    ("11010519491231002X-00", "tax20", True, False),
    ("830000199201300022-01", "tax20", True, False),
    ("110105194912310021" + "00", "tax20", False, False),
    # GS 15-2006: seventh digit 0-3 domestic, 4-5 foreign, 6-9 sole traders; cooperatives carry NA and X.
    ("110108000000016", "reg15", True, False),
    ("440301103097413", "reg15", True, False),
    ("110108000000017", "reg15", False, False),
    ("140825NA000118X", "reg15", True, False),
    ("140825NA000118", "none", False, False),
    ("990825NA000118X", "none", False, False),
    ("４６０１９６０１２３", "customs10", True, False),
    ("4601W601AB", "customs10", True, False),
    ("46019601O3", "customs10", False, True),
    ("46O1960123", "customs10", False, True),
    ("4601D60123", "customs10", False, False),
    ("460196O123X", "none", False, False),
    ("4600-D2143569-X", "trade13", True, False),
    ("46O0D2143569X", "trade13", False, True),
    ("91130200699229617X001P", "permit22", True, False),
    ("91130200699229617x001w", "permit22", True, False),
    ("91130200699229617X0O1P", "none", False, False),
    ("2017-460105-65-03-001234", "project24", True, False),
    ("20174601056503001234", "project24", True, True),
    ("2017460105 65-03-001234", "project24", True, True),
    ("20134601056503001234"[:19], "none", False, False),
    ("9.13E+17", "uscc", False, True),
    ("9.13e17", "uscc", False, True),
    (9.13e17, "uscc", False, True),
    ("９.１３Ｅ＋１７", "uscc", False, True),
    (np.int64(914403001922038216), "uscc", True, True),
    (np.float64(9.14403001922038e17), "uscc", False, True),
    (Decimal("914403001922038216"), "uscc", True, True),
    ("91110000600037341L.0", "uscc", True, False),
    (b"91110000600037341L", "uscc", True, False),
    ('="91110000600037341L"', "uscc", True, False),
    ("USCC:91110000600037341L", "uscc", True, False),
    ("信用代码91110000600037341L", "uscc", True, False),
    ("91110000600037341L 1-1", "uscc", True, False),
    ("91110000600037341L（2/2）", "uscc", True, False),
    ("91110000600037341L(副本)", "uscc", True, False),
    ("9LII0000600037341L", "uscc", False, True),
    ("9111ОООО600037341L", "uscc", False, True),
    ("911100006О0037341L", "uscc", False, True),
    ("91110000600037341", "none", False, False),
    ("911100006000373411L", "none", False, False),
    ("91110000600037341L/91110000600037341L", "none", False, False),
    ("海南123456788", "none", False, False),
    ("000000000000000000", "other18", False, False),
    ("XXXXXXXXXXXXXXXXXX", "other18", False, False),
    ("٩٩١١", "none", False, False),
    (1e300, "none", False, False),
    (Decimal("1E9999"), "none", False, False),
    (Decimal("sNaN"), "none", False, False),
    (Fraction(1, 3), "none", False, False),
    *[(text, "none", False, False) for text in ("null", "NULL", "None", "nan", "N/A", "#N/A", "\\N", "—", "/", "无", "暂无", "不详", "\u3000", "0")],
]  # fmt: skip


def org(body: str) -> str:
    """GB 11714 by its formula, letter by letter, apart from the table the code uses."""
    total = sum(
        (int(c) if c.isdigit() else ord(c) - 55) * w for c, w in zip(body, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)
    )
    check = 11 - total % 11
    return body + {10: "X", 11: "0"}.get(check, str(check))


def uscc(head: str, body: str) -> str:
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    code, weight, total = head + org(body), 1, 0
    for c in code:
        total += alphabet.index(c) * weight
        weight = weight * 3 % 31
    return code + alphabet[(31 - total % 31) % 31]


def reg15(body: str) -> str:
    """ISO 7064 MOD 11,10 as GS 15-2006 prints it."""
    product = 10
    for c in body:
        total = (product + int(c)) % 10 or 10
        product = total * 2 % 11
    return body + str((11 - product) % 10)


def card(body: str) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(c) * w for c, w in zip(body, weights, strict=True)) % 11]


@pytest.mark.parametrize(("value", "kind", "valid", "suspect"), CASES)
def test_published_and_hostile_examples(value: object, kind: str, valid: bool, suspect: bool) -> None:
    key = classify(value)
    assert (key.kind, key.valid, key.suspect) == (kind, valid, suspect), key


def test_a_tax_number_of_a_card_that_ends_in_zero_is_not_taken_for_a_cut_one() -> None:
    ends_in_zero = next(c for n in range(1000) if (c := card(f"46010019850615{n:03d}")).endswith("0"))
    assert classify(ends_in_zero + "00") == Key(
        "tax20", ends_in_zero + "00", True, False, classify(ends_in_zero + "00").why
    )
    assert classify("914403001922038000").suspect


def test_numbers_too_large_to_write_down_are_no_codes() -> None:
    assert {classify(v).kind for v in (10**5000, Fraction(10**5000, 3), -(10**5000))} == {"none"}


def test_an_empty_field_has_no_code_whatever_stands_for_it() -> None:
    assert {classify(v).code for v in (None, "", " ", "NULL", "无", "N/A", "\\N", float("nan"))} == {""}


@pytest.mark.parametrize("code", [*PUBLISHED, *VECTORS])
def test_published_codes_are_valid(code: str) -> None:
    key = classify(code)
    assert (key.kind, key.code, key.valid, key.suspect) == ("uscc", code, True, False)


@pytest.mark.parametrize(
    "head",
    [
        "91460100",
        "92460200",
        "93469002",
        "N2460400",
        "A1110000",
        "Y1460000",
        "51460000",
        "31460100",
        "81460105",
        "12100000",
    ],
)
def test_every_department_and_class(head: str) -> None:
    key = classify(uscc(head, "MA5T1A2B"))
    assert key.kind == "uscc" and key.valid and not key.suspect


@pytest.mark.parametrize(
    "head", ["94460100", "90460100", "Y2460000", "B1460000", "N4460000", "13460000"[:1] + "4460000", "71990000"]
)
def test_undefined_classes_and_provinces_are_not_valid(head: str) -> None:
    assert not classify(uscc(head, "MA5T1A2B")).valid


def test_a_registrar_outside_gb2260_is_valid_but_told() -> None:
    key = classify(uscc("91310141", "MA1H7DAN"))
    assert key.valid and "310141" in key.why
    assert classify(uscc("91460300", "MA5T1A2B")).why == ""


def test_both_checks_are_asked_for() -> None:
    good = uscc("91460100", "MA5T1A2B")
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    for position in range(18):
        for c in alphabet:
            changed = good[:position] + c + good[position + 1 :]
            assert classify(changed).valid == (changed == good), changed
    # A right outer check over a wrong inner one.
    broken = good[:16] + ("1" if good[16] != "1" else "2")
    weight, total = 1, 0
    for c in broken:
        total += alphabet.index(c) * weight
        weight = weight * 3 % 31
    key = classify(broken + alphabet[(31 - total % 31) % 31])
    assert key.kind == "uscc" and not key.valid and "GB 11714" in key.why


@pytest.mark.parametrize(
    "written",
    [" 91110000600037341L ", "91110000600037341l", "９１１１００００６０００３７３４１Ｌ", "'91110000600037341L", "91110000-60003734-1L",
     "9111 0000 6000 3734 1L", "91110000600037341L(1-1)", "统一社会信用代码：91110000600037341L", "\ufeff91110000600037341L\u00a0", "“91110000600037341L”"],
)  # fmt: skip
def test_ways_of_writing(written: str) -> None:
    key = classify(written)
    assert (key.kind, key.code, key.valid, key.suspect) == ("uscc", "91110000600037341L", True, False)


@pytest.mark.parametrize(
    "written",
    ["9111OOOO600037341L", "911100006O0037341L", "9III0000600037341L", "91110000600037341L".replace("0", "O")],
)
def test_misread_letters_are_proposed_never_repaired(written: str) -> None:
    key = classify(written)
    assert (key.kind, key.code, key.valid, key.suspect) == ("uscc", written, False, True)
    assert "91110000600037341L" in key.why


@pytest.mark.parametrize(
    "value",
    [914403001922038216, 914403001922038216.0, 9.14403001922038e17, "9.14403001922038E+17", "9.14403E17", "914403001922038216.0",
     "914403001922038000", "914,403,001,922,038,216"],
)  # fmt: skip
def test_numbers_are_suspect(value: object) -> None:
    key = classify(value)
    assert key.kind == "uscc" and key.suspect and len(key.code) == 18


def test_the_same_code_as_text_is_not_suspect() -> None:
    assert not classify("914403001922038216").suspect


@pytest.mark.parametrize(
    "value",
    [
        card("46010019850615123"),
        card("51322119900101123"),
        card("13112219850615003"),
        "911124198108030024",
        "202146010608001234",
        "20234601060C001234",
        "530120240000012345",
        "641020241000012345",
        "514520241000012345",
        "H94601000000012345",
        "622848012345678901",
    ],
)
def test_eighteen_characters_that_are_no_uscc(value: str) -> None:
    key = classify(value)
    assert key.kind == "other18" and not key.valid and not key.suspect


def test_no_identity_card_is_ever_a_uscc() -> None:
    draw = random.Random(7)
    places = [
        "110105",
        "131122",
        "320412",
        "511129",
        "513221",
        "520121",
        "530111",
        "460106",
        "310115",
        "620102",
        "710100",
        "810000",
    ]
    for _ in range(20000):
        body = f"{draw.choice(places)}{draw.randint(1940, 2005)}{draw.randint(1, 12):02d}{draw.randint(1, 28):02d}{draw.randint(0, 999):03d}"
        assert classify(card(body)).kind == "other18"


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
