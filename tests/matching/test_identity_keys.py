"""Key classification: published codes, codes built by an independent calculation, look-alikes and spreadsheet damage."""

import random
import time
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from matching.identity.keys import Key, classify
from tests.matching.identity_codes import PUBLISHED, VECTORS, card, uscc

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
    # What stands around a code in a form, and the one word of a code that stands in for none.
    ("统一社会信用代码/注册号：91110000600037341L", "uscc", True, False),
    ("№91110000600037341L", "uscc", True, False),
    ("No.91110000600037341L", "uscc", True, False),
    ("91110000600037341L（统一社会信用代码）", "uscc", True, False),
    ("110108000000016(分)", "none", False, False),
    ("信用代码91110000600037341L".encode(), "uscc", True, False),
    ("信用代码91110000600037341L".encode("gb18030"), "uscc", True, False),
    (["91110000600037341L"], "none", False, False),
    # Digits that a spreadsheet leaves of 9146 0100 …: nothing of the subject is left.
    ("9.14601E+17", "uscc", False, True),
    ("914601000000000000", "uscc", False, True),
    # A legal character read as another legal one is proposed only alone: 8 for B, 1 for L.
    ("91130200699229617X".replace("22", "2Z"), "uscc", False, True),
    ("914403007O8461136T", "uscc", False, True),
    ("91110000600037341L00", "tax20", True, False),
    ("91110000600037342L00", "tax20", False, False),
    *[(text, "none", False, False) for text in ("null", "NULL", "None", "nan", "N/A", "#N/A", "\\N", "—", "/", "无", "暂无", "不详", "\u3000", "0", "无统一社会信用代码", "#REF!", "n.a.")],
]  # fmt: skip


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


@pytest.mark.parametrize(
    "value", ["(" * 200_000, "(" + " " * 200_000 + "1", "代码" * 100_000, "9" * 10**6, "(1-" * 60, b"\xff" * 200_000]
)
def test_hostile_lengths_cost_nothing(value: str | bytes) -> None:
    started = time.process_time()
    assert classify(value).kind == "none"
    assert time.process_time() - started < 0.5
    assert classify("91110000600037341L" + " " * 100_000).valid


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


@pytest.mark.parametrize(("legal", "read_as"), [("B", "8"), ("8", "B"), ("L", "1"), ("G", "6")])
def test_one_legal_character_read_as_another_is_proposed(legal: str, read_as: str) -> None:
    found = 0
    for n in range(40):
        code = uscc("91460100", f"MA5{legal}{n:02d}2C")
        at = code.index(legal, 8)
        slipped = code[:at] + read_as + code[at + 1 :]
        key = classify(slipped)
        assert (key.kind, key.code, key.valid) == ("uscc", slipped, False)
        found += key.suspect and code in key.why
    # Where a second reading passes both checks too, none is proposed.
    assert found >= 35


@pytest.mark.parametrize("head", ["54460106", "55460105"])
def test_committees_of_villages_and_neighbourhoods_have_codes(head: str) -> None:
    assert classify(uscc(head, "MF1T1A2B")).valid


def test_regions_of_the_past_stay_registrars() -> None:
    """460003 and 469003 were 儋州, 460300 registers for 洋浦; codes given then are valid for ever."""
    for region in ("460003", "469003", "460300", "460400", "469001", "469030", "460025", "460000", "100000"):
        key = classify(uscc(f"91{region}", "MA5T1A2B"))
        assert (key.valid, key.why) == (True, ""), region
