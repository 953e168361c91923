"""Codes as published, and codes built by an independent calculation, letter by letter, apart from the tables the code uses."""

import textwrap

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
