"""One value a department wrote in a code column → what kind of code it is, normalised, and whether it may be trusted.

What enterprise a code belongs to is not decided here: see `resolve`.
"""

from __future__ import annotations

import numbers
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from matching.identity import codes
from matching.identity.misread import MISREAD_DIGIT, look_alike_repairs, misread_org, one_misread

KINDS = ("uscc", "reg15", "org9", "tax15", "tax20", "customs10", "trade13", "permit22", "project24", "other18", "none")


@dataclass(frozen=True, slots=True)
class Key:
    """`kind` is one of KINDS; `code` the normalised text (upper case, half width, no separators except in project24).

    `valid`: the published rule of that kind holds; `other18` and `none` are never valid.
    `suspect`: the value went through a spreadsheet's numbers or a typing mistake, and needs the name's word before it is believed.
    `why`: Chinese; empty when there is nothing to say. A repair is only proposed there, never made.
    """

    kind: str
    code: str
    valid: bool
    suspect: bool
    why: str

    @property
    def org9(self) -> str | None:
        """The organisation code that lies inside a valid code of another kind: what crosswalks can be computed from."""
        if not self.valid:
            return None
        if self.kind == "permit22":
            return None if self.code.startswith("H9") else self.code[8:17]
        start = {"org9": 0, "uscc": 8, "tax15": 6, "trade13": 4}.get(self.kind)
        return None if start is None else self.code[start : start + 9]

    @property
    def holder(self) -> str | None:
        """The USCC that this key is or begins with, if it is valid."""
        if self.valid and (self.kind == "uscc" or (self.kind == "permit22" and not self.code.startswith("H9"))):
            return self.code[:18]
        return None


# A code with its label, its copy's number and whatever a form prints around them.
_LONGEST = 200
_HYPHENS = dict.fromkeys(map(ord, "‐‑‒–—―−－﹣﹘_"), "-")
_EDGES = "'\"`‘’“”′()[]{}<>《》【】、,;:.。，；：|"
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?E\+?\d{1,2}|\d+(?:\.\d+)?E\+\d{1,2}", re.ASCII)
_DECIMAL_TAIL = re.compile(r"([0-9A-Z]+)\.0*")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.0*)?", re.ASCII)
# A label ends at its colon; without one only words that cannot be part of a code or a name are taken for a label.
_LABEL_WORD = r"(?:(?:统一)?(?:社会)?信用代码|组织机构代码|(?:工商)?注册号|纳税人识别号|税号|海关(?:注册)?编码|代码|编号)(?:证?号?)"
_LABEL = re.compile(
    rf"(?:[^\x00-\x7f][^\d:]*|USCC|USCI|UNISCID|TAXID|REGNO|ID|NO):|NO\.|NO(?=[0-9A-HJ-NPQRTUWXY]{{18}}\Z)|{_LABEL_WORD}"
)
# The same behind the code, in brackets; (分) and other remarks say something of the subject and stay.
_LABEL_BEHIND = re.compile(rf"\({_LABEL_WORD}\)\Z")
# The number of the licence's copy, and what a scan adds to it.
_COPY = re.compile(r"(?:\s|\()+(?:\d{1,2}[-/]\d{1,2}|[正副]本)(?:\s|\))*\Z", re.ASCII)
_PROJECT = re.compile(r"(\d{4})-?(\d{6})-?(\d{2})-?(\d{2})-?(\d{6})", re.ASCII)
_PLACEHOLDERS = frozenset(
    ["NULL", "NONE", "NAN", "NAT", "NA", "N/A", "N.A", "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "\\N", "\\", "NIL", "/", "?", "0", "00",
     "无", "暂无", "没有", "空", "不详", "未知", "待补", "待定", "待查", "未填", "未办理", "不适用", "同上", "个人"]
)  # fmt: skip
_NO_CODE = re.compile(rf"(?:暂?无|没有|未办理?){_LABEL_WORD}")
# Letters of other scripts that look like Latin ones: an optical reader and a hostile sender write them alike.
_FOREIGN = str.maketrans("АВЕКМНОРСТУХавекмнорстухΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEKMHOPCTYXABEKMHOPCTYXABEZHIKMNOPTYX")


def classify(value: object) -> Key:
    """The kind of one value: text, or a number as a spreadsheet hands it over. Never raises."""
    if isinstance(value, str | bytes) and len(value) > _LONGEST and len(value.strip()) > _LONGEST:
        return Key("none", "", False, False, f"{len(value.strip())} 个字符,不是编码")
    text, mangled = _normalised(value)
    if not text:
        return Key("none", "", False, False, "空值")
    if text in _PLACEHOLDERS or _NO_CODE.fullmatch(text):
        return Key("none", "", False, False, f"占位文字 {text}")
    if "*" in text or "＊" in text:
        return Key("none", text, False, False, "已脱敏,不能用作标识")
    project = _PROJECT.fullmatch(text)
    if project and "-" in text and len(text) == 24:
        return _project(text, project, mangled)
    code = text.replace("-", "")
    if not (code.isascii() and code.isalnum()):
        return Key("none", text, False, False, "含有编码以外的字符")
    key = _BY_LENGTH.get(len(code), _no_code)(code)
    if key.kind == "permit22" and code.startswith("H9") and isinstance(value, str):
        key = Key(key.kind, key.code[:21] + _last_letter(value), key.valid, key.suspect, key.why)
    if key.kind == "none":
        return key
    if mangled:
        if key.kind == "other18" and code[1] in codes.CLASSES["9"] and code[0] == "9" and len(code.rstrip("0")) < 8:
            return Key("uscc", code, False, True, _joined("登记机关以后的各位都已丢失", mangled))
        return Key(key.kind, key.code, key.valid, True, _joined(key.why, mangled))
    # A spreadsheet keeps fifteen digits and writes zeros for the rest; in seventeen, two zeros are the ordinary end of a tax number.
    if len(code) >= 18 and code.isdigit() and not code[15:].strip("0") and key.kind != "other18":
        return Key(
            key.kind,
            key.code,
            key.valid,
            True,
            _joined(key.why, "全数字且第 16 位起全是 0,疑似被电子表格截断,须由名称印证"),
        )
    return key


def _joined(*parts: str) -> str:
    return ";".join(p for p in parts if p)


def _last_letter(value: str) -> str:
    """The final letter as typed: HJ 608 tells pseudo codes apart by its case."""
    return next((c for c in reversed(unicodedata.normalize("NFKC", value)) if c.isascii() and c.isalnum()), "")


def _normalised(value: object) -> tuple[str, str]:
    """(text, why it is mangled or ''): half width, upper case, no blanks, no quotes, no label."""
    if value is None or isinstance(value, bool):
        return "", ""
    if isinstance(value, numbers.Real | Decimal):
        return _from_number(value)
    if isinstance(value, bytes):
        value = _decoded(value)
    if not isinstance(value, str):
        return "", ""
    text = unicodedata.normalize("NFKC", value.strip()).translate(_HYPHENS)
    text = "".join(c for c in text if c in "\t\r\n" or unicodedata.category(c) not in ("Cf", "Cc")).upper()
    text = _COPY.sub("", text)
    text = "".join(c for c in text if not c.isspace()).lstrip("=")
    text = _LABEL_BEHIND.sub("", text)
    text = _LABEL.sub("", text, count=1) if _LABEL.match(text) else text
    text = text.strip(_EDGES).strip("-")
    latin = text.translate(_FOREIGN)
    if latin != text and latin.isascii():
        return latin, "含形似拉丁字母的外文字母,须由名称印证"
    if _SCIENTIFIC.fullmatch(text):
        return str(int(Decimal(text))), "科学计数法,末几位已丢失,须由名称印证"
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "").split(".")[0]
        return text, "带千分位,来自数值单元格,须由名称印证"
    tail = _DECIMAL_TAIL.fullmatch(text)
    if tail and tail[1].isdigit():
        return tail[1], "带小数点尾巴,来自数值单元格,末几位可能已被改动,须由名称印证"
    # A code with a letter was never a number: its tail is only text.
    return (tail[1] if tail else text), ""


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("gb18030", "replace")


def _from_number(value: numbers.Real | Decimal) -> tuple[str, str]:
    if isinstance(value, numbers.Integral):
        exact = Decimal(int(value))
    elif isinstance(value, Decimal):
        exact = value
    else:
        try:
            exact = Decimal(float(value))
        except OverflowError:
            return "", ""
    if not exact.is_finite():
        return "", ""
    # No code has more digits; beyond them Python refuses to write the number at all.
    if exact < 0 or exact >= 10**30 or exact != exact.to_integral_value():
        return f"{exact:.6g}", ""
    return str(int(exact)), "来自数值单元格,末几位可能已被改动,须由名称印证"


def _no_code(code: str) -> Key:
    return Key("none", code, False, False, f"{len(code)} 位,不是已知的编码长度")


def _eighteen(code: str) -> Key:
    letters_fit = all(c in codes.USCC_ALPHABET for c in code)
    shape = code[1] in codes.CLASSES.get(code[0], {}) and codes.registrar_possible(code[2:8])
    outer = letters_fit and codes.uscc_check_holds(code)
    inner = codes.is_org(code[8:17])
    sound = shape and outer and inner
    # A number that passes as an identity card is one: 18 in ten thousand cards pass as a USCC of departments 1-8, 3 in ten thousand the other way.
    if codes.is_identity_card(code) and not (code[0] == "9" and sound):
        return Key("other18", code, False, False, "身份证件号码,不是统一社会信用代码")
    if sound and not (codes.is_declaration_number(code) and not codes.region_known(code[2:8])):
        note = "" if codes.region_known(code[2:8]) else f"登记机关 {code[2:8]} 不在 GB/T 2260 内,应为功能区登记机关"
        return Key("uscc", code, True, False, note)
    if codes.is_tech_sme_number(code):
        return Key("other18", code, False, False, "形如科技型中小企业入库登记编号,不是统一社会信用代码")
    if codes.is_declaration_number(code):
        return Key("other18", code, False, False, "形如报关单号,不是统一社会信用代码")
    if code.startswith("H9"):
        return Key("other18", code, False, False, "排污单位伪码,不是统一社会信用代码")
    if not sound:
        proposed = sorted(set(look_alike_repairs(code)) or set(one_misread(code)))
        if len(proposed) == 1:
            return Key("uscc", code, False, True, f"疑似形近字误录,改为 {proposed[0]} 则两处校验都通过,须由名称印证")
    if shape and not letters_fit:
        bad = "、".join(sorted({c for c in code if c not in codes.USCC_ALPHABET}))
        return Key("uscc", code, False, False, f"含 GB 32100 不用的字母 {bad}")
    # One slip leaves either the inner check or the registrar whole; with neither, it is some other number of the same length.
    if shape and (code[0] == "9" or inner or outer or codes.region_known(code[2:8])):
        failed = _joined(
            "" if outer else "GB 32100 校验位不符", "" if inner else "内含组织机构代码的 GB 11714 校验位不符"
        )
        return Key("uscc", code, False, False, failed)
    return Key("other18", code, False, False, "18 位,但登记管理部门、机构类别或登记机关区划不成立,不是统一社会信用代码")


def _fifteen(code: str) -> Key:
    if code.isdigit():
        if not codes.registrar_possible(code[:6]):
            return Key("none", code, False, False, "15 位数字,但前六位不是行政区划")
        as_tax = codes.is_org(code[6:])
        if codes.is_registration_number(code):
            note = "也符合 15 位纳税人识别号的校验,以登记簿对照为准" if as_tax else ""
            return Key("reg15", code, True, False, note)
        if as_tax:
            return Key("tax15", code, True, False, "")
        if codes.is_old_identity_card(code):
            return Key("none", code, False, False, "形如 15 位旧身份证号码")
        return Key("reg15", code, False, False, "注册号的 ISO 7064 校验位不符,也不符合 15 位纳税人识别号")
    if codes.is_cooperative_number(code):
        return Key("reg15", code, True, False, "")
    return _with_org(code, 6, "tax15", "15 位,但不是行政区划加组织机构代码")


def _with_org(code: str, start: int, kind: str, otherwise: str) -> Key:
    """Kinds that are digits of a region followed by an organisation code."""
    head, org = code[:start], code[start:]
    place = head if start == 6 else head[:2] + "0000"
    if head.isdigit() and codes.registrar_possible(place) and org[8] in "0123456789XB":
        if org[8] == "B":
            return Key(kind, code, False, False, f"尾字符 B 是无独立代码的分支,主体的前八位为 {org[:8]}")
        if codes.is_org(org):
            return Key(kind, code, True, False, "")
        repaired = head + misread_org(org)
        if repaired != head + org:
            return Key(kind, code, False, True, f"疑似形近字误录,改为 {repaired} 则校验通过,须由名称印证")
        return Key(kind, code, False, False, "组织机构代码的 GB 11714 校验位不符")
    repaired = "".join(MISREAD_DIGIT.get(c, c) or c for c in head) + org
    if repaired != code and repaired[:start].isdigit():
        again = _with_org(repaired, start, kind, otherwise)
        if again.valid:
            return Key(kind, code, False, True, f"疑似形近字误录,改为 {repaired} 则校验通过,须由名称印证")
    return Key("none", code, False, False, otherwise)


def _nine(code: str) -> Key:
    if code[8] == "B":
        return Key("org9", code, False, False, f"尾字符 B 是无独立代码的分支,主体的前八位为 {code[:8]}")
    if codes.is_org(code):
        return Key("org9", code, True, False, "")
    repaired = misread_org(code)
    if repaired != code:
        return Key("org9", code, False, True, f"疑似形近字误录,改为 {repaired} 则校验通过,须由名称印证")
    if code[8] not in "0123456789X" or code.isalpha():
        return Key("none", code, False, False, "9 位,但末位不是组织机构代码的校验字符")
    return Key("org9", code, False, False, "组织机构代码的 GB 11714 校验位不符")


def _ten(code: str) -> Key:
    place = "".join(MISREAD_DIGIT.get(c, c) or c for c in code[:4])
    if not (place.isdigit() and codes.province_exists(place[:2])):
        return Key("none", code, False, False, "10 位,但前四位不是行政区划")
    if place != code[:4]:
        again = _ten(place + code[4:])
        if again.valid:
            return Key("customs10", code, False, True, f"疑似形近字误录,改为 {again.code} 则成立,须由名称印证")
        return Key("none", code, False, False, "10 位,但前四位不是行政区划")
    if code[4] not in codes.CUSTOMS_ZONES or code[5] not in codes.CUSTOMS_NATURES:
        return Key("customs10", code, False, False, "第 5 位不是经济区划代码或第 6 位不是企业性质代码")
    if "I" in code or "O" in code:
        repaired = code.replace("I", "1").replace("O", "0")
        return Key("customs10", code, False, True, f"海关编码不用字母 I、O,疑似为 {repaired},须由名称印证")
    return Key("customs10", code, True, False, "")


def _thirteen(code: str) -> Key:
    key = _with_org(code, 4, "trade13", "13 位,但不是行政区划四位加组织机构代码")
    if key.kind == "trade13" and not key.valid and code.isdigit() and not key.suspect:
        return Key("trade13", code, False, False, key.why + ";也可能是 2007 年以前的 13 位注册号")
    return key


def _seventeen(code: str) -> Key:
    if codes.is_old_identity_card(code[:15]):
        return Key("tax20", code, True, False, "以 15 位旧身份证号码为基础的纳税人识别号")
    return Key("none", code, False, False, "17 位,不是以身份证号码为基础的纳税人识别号")


def _twenty(code: str) -> Key:
    if codes.is_identity_card(code[:18]):
        return Key("tax20", code, True, False, "以身份证号码为基础的纳税人识别号")
    if codes.is_shaped_like_a_card(code[:18]):
        return Key("tax20", code, False, False, "前 18 位的身份证校验位不符")
    if code[18:].isdigit() and _eighteen(code[:18]).kind == "uscc":
        holder = _eighteen(code[:18])
        return Key("tax20", code, holder.valid, holder.suspect, _joined("统一社会信用代码加两位税务顺序号", holder.why))
    project = _PROJECT.fullmatch(code)
    if project:
        key = _project("-".join(project.groups()), project, "")
        if key.valid:
            return Key(key.kind, key.code, True, True, "投资项目代码缺连字符")
    return Key("none", code, False, False, "20 位,不以身份证号码开头,可能是税务登记序号")


def _twenty_two(code: str) -> Key:
    if re.fullmatch(r"H9\d{6}[0-9A-Z]{14}", code):
        possible = codes.registrar_possible(code[2:8])
        return Key("permit22", code, possible, False, "无统一社会信用代码的排污单位伪码,不能换算出主体")
    if not re.fullmatch(r"[0-9A-Z]{18}\d{3}[A-Z]", code):
        return Key("none", code, False, False, "22 位,不是排污许可证编号")
    holder = _eighteen(code[:18])
    if holder.kind != "uscc":
        return Key("none", code, False, False, f"前 18 位不是统一社会信用代码:{holder.why}")
    return Key("permit22", code, holder.valid, holder.suspect, holder.why)


def _project(text: str, parts: re.Match[str], mangled: str) -> Key:
    when, place = parts[1], parts[2]
    year_ok = "2013" <= when <= "2099" or ("13" <= when[:2] <= "99" and "01" <= when[2:] <= "12")
    # Central projects carry the ministry's number (000xxx) in place of a region.
    if year_ok and (place.startswith("000") or codes.registrar_possible(place)):
        return Key("project24", text, True, bool(mangled), mangled)
    return Key("project24", text, False, bool(mangled), _joined("投资项目代码的时间或区划不成立", mangled))


_BY_LENGTH: dict[int, Callable[[str], Key]] = {
    9: _nine,
    10: _ten,
    13: _thirteen,
    15: _fifteen,
    17: _seventeen,
    18: _eighteen,
    20: _twenty,
    22: _twenty_two,
}
