"""What the published standards say about each kind of code: alphabets, check characters, tables of departments and classes, regions."""

from __future__ import annotations

import textwrap
from datetime import date
from functools import cache

from stdnum import numdb
from stdnum.cn import ric, uscc
from stdnum.iso7064 import mod_11_10

from data import gazetteer

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"

# GB 32100-2015 with amendment 1, table 1: registering department → classes it may give.
CLASSES: dict[str, dict[str, str]] = {
    "1": {"1": "机关", "2": "事业单位", "3": "编办直接管理编制的群众团体", "9": "机构编制部门登记的其他单位"},
    "2": {"1": "外国常驻新闻机构", "9": "外交部门登记的其他单位"},
    "3": {
        "1": "律师执业机构",
        "2": "公证处",
        "3": "基层法律服务所",
        "4": "司法鉴定机构",
        "5": "仲裁委员会",
        "9": "司法行政部门登记的其他单位",
    },
    "4": {"1": "外国在华文化中心", "9": "文化部门登记的其他单位"},
    # The published tables give 1, 2, 3 and 9. 4 and 5, the committees of villages and neighbourhoods since 2017, are general knowledge: unverified.
    "5": {
        "1": "社会团体",
        "2": "民办非企业单位",
        "3": "基金会",
        "4": "村民委员会",
        "5": "居民委员会",
        "9": "民政部门登记的其他单位",
    },
    "6": {"1": "外国旅游部门常驻代表机构", "2": "港澳台地区旅游部门常驻代表机构", "9": "旅游部门登记的其他单位"},
    "7": {"1": "宗教活动场所", "2": "宗教院校", "9": "宗教部门登记的其他单位"},
    "8": {"1": "基层工会", "9": "工会登记的其他单位"},
    "9": {"1": "企业", "2": "个体工商户", "3": "农民专业合作社"},
    "A": {"1": "军队事业单位", "9": "军队登记的其他单位"},
    "N": {"1": "组级集体经济组织", "2": "村级集体经济组织", "3": "乡镇级集体经济组织", "9": "农业部门登记的其他单位"},
    "Y": {"1": "其他单位"},
}

# The first two digits of the 42 customs districts: a declaration number begins with one, and none of them is 91, 92 or 93.
CUSTOMS_DISTRICTS = frozenset(
    textwrap.wrap("010204050607080915192223293133353740424346474951525357606467687279808386889094959697", 2)
)
CUSTOMS_ZONES = frozenset("123456789AW")
CUSTOMS_NATURES = frozenset("123456789ABCDE")

ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
USCC_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))
ORG_CHECKS = "0X987654321"


def org_check(body: str) -> str:
    """The GB 11714 check character of eight characters 0-9 A-Z (letters count 10…35)."""
    # 11 − Σ mod 11, where 11 is written 0 and 10 is written X: the string above is that table by Σ mod 11.
    return ORG_CHECKS[sum(int(c, 36) * w for c, w in zip(body, ORG_WEIGHTS, strict=True)) % 11]


def is_org(code: str) -> bool:
    """Nine characters with the right check; eight zeros also pass the sum, but they are how an empty field is printed."""
    return (
        code[:8] != "00000000"
        and len(code) == 9
        and code.isascii()
        and code.isalnum()
        and code == code.upper()
        and code[8] == org_check(code[:8])
    )


def uscc_check_holds(code: str) -> bool:
    """The GB 32100 check character alone; `code` holds only characters of the alphabet."""
    # python-stdnum computes the right character for every class; only its validate() refuses N, A and Y.
    return bool(code[17] == uscc.calc_check_digit(code[:17]))


def is_registration_number(code: str) -> bool:
    """GS 15-2006: fifteen digits, ISO 7064 MOD 11,10."""
    return len(code) == 15 and code.isascii() and code.isdigit() and bool(mod_11_10.is_valid(code))


def is_cooperative_number(code: str) -> bool:
    """A farmers' cooperative's registration: registrar 6, NA, sequence 6, and X where other subjects have their check digit."""
    return (
        len(code) == 15
        and code[6:8] == "NA"
        and code[14] == "X"
        and registrar_possible(code[:6])
        and code[8:14].isdigit()
    )


@cache
def province_exists(two: str) -> bool:
    return two in gazetteer.provinces()


def registrar_possible(six: str) -> bool:
    """Six digits of a province that exists; 100000 stands for the national registrars."""
    return six.isascii() and six.isdigit() and (six == "100000" or province_exists(six[:2]))


@cache
def region_known(six: str) -> bool:
    """Six digits that GB/T 2260 holds or once held, by our own dated list for Hainan and python-stdnum's for the country."""
    if six == "100000" or gazetteer.registrar(six) is not None:
        return True
    found = {key: value for _, part in numdb.get("cn/loc").info(six) for key, value in part.items()}
    return "county" in found


def _is_day(text: str, form_years: tuple[int, int]) -> bool:
    try:
        day = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return False
    return form_years[0] <= day.year <= form_years[1]


def is_identity_card(code: str) -> bool:
    """A resident's 18 characters: province, birth date, ISO 7064 MOD 11-2. The county is not asked for: it may be any since 1984.

    A foreigner's permanent residence number (2017 and 2023 forms) begins with 9, then the province of issue and the country.
    """
    return is_shaped_like_a_card(code) and bool(code[17] == ric.calc_check_digit(code))


def is_shaped_like_a_card(code: str) -> bool:
    """Province, birth date and length of an identity card, whatever its check character. 83 is the residence permit of Taiwan's people."""
    if len(code) != 18 or not (code.isascii() and code[:17].isdigit()) or code[17] not in "0123456789X":
        return False
    place = code[1:3] if code[0] == "9" else code[:2]
    return (place == "83" or province_exists(place)) and _is_day(code[6:14], (1900, 2035))


def is_old_identity_card(code: str) -> bool:
    """The fifteen digits of before 1999: region, two-digit birth year, month, day, sequence; no check."""
    return (
        len(code) == 15
        and code.isascii()
        and code.isdigit()
        and province_exists(code[:2])
        and _is_day("19" + code[6:12], (1900, 1999))
    )


def is_declaration_number(code: str) -> bool:
    """报关单号: customs district 4, year 4, import/export 0 or 1, sequence 9."""
    return (
        len(code) == 18
        and code.isascii()
        and code.isdigit()
        and code[:2] in CUSTOMS_DISTRICTS
        and "2000" <= code[4:8] <= "2039"
        and code[8] in "01"
    )


def is_tech_sme_number(code: str) -> bool:
    """科技型中小企业入库登记编号: year 4 (2017 on), region 6, two characters of class, sequence 6."""
    return (
        len(code) == 18
        and code.isascii()
        and code[:4].isdigit()
        and "2017" <= code[:4] <= "2039"
        and registrar_possible(code[4:10])
        and code[10:12].isalnum()
        and code[12:].isdigit()
    )
