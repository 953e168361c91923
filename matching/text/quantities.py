"""Numbers as policy texts write them: sums, shares, counts, areas, durations, with the unit they share and the bound they carry.

Numbers come from the raw text, never from tokens: a space or a comma breaks a sum into three (policies.md §3, §6).
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from matching.text.numerals import chinese_number

Kind = Literal["money", "ratio", "count", "area", "duration", "age", "multiple", "score"]
Op = Literal[">=", ">", "<=", "<", ""]


@dataclass(frozen=True)
class Quantity:
    """One number in the text.

    `value` is normalised: 元 (or the foreign unit), a share of 1, 年 or 月, the written count unit. `start:end` is the number with its unit;
    `left:right` also covers the comparator words. `op` is empty when no comparator stands beside it. `closed` is True or False
    when （含）/（不含） says so. `high` is the upper end of a range, whose lower end is
    not part of it if `open_low`.
    """

    start: int
    end: int
    left: int
    right: int
    value: Decimal
    unit: str
    kind: Kind
    op: Op = ""
    word: str = ""
    closed: bool | None = None
    high: Decimal | None = None
    open_low: bool = False


_DIGITS = r"\d{1,3}(?:,\d{3}){1,6}(?:\.\d{1,8})?|\d{1,18}(?:\.\d{1,8})?"
_CN = r"[零〇一二两三四五六七八九十百千]{1,12}(?:点[零一二三四五六七八九]{1,8})?"
_MONEY_SCALE = {
    "": 1,
    "十": 10,
    "百": 100,
    "千": 1_000,
    "万": 10_000,
    "十万": 10**5,
    "百万": 10**6,
    "千万": 10**7,
    "亿": 10**8,
}
_CURRENCY = r"元人民币|人民币|元|美元|美金|港元|港币|欧元|日元|新元"
_NOT_MONEY = r"平方米|㎡|平米|平方|人|名|件|项|户|台|套|笔|次|家|个|亩|吨|千瓦|辆|标箱|TEU|只|头|羽|公里|米|册|字|单|票|载重吨|立方|株|尾|张|床|架|艘|度|条|份|棵|枚|股|篇|kW|KW"
_UNIT = (
    rf"(?P<money>(?:十万|百万|千万|亿|万|千|百)?\s{{0,2}}(?:{_CURRENCY}))"
    rf"|(?P<bare>(?:千万|百万|亿|万)(?!\s?(?:{_NOT_MONEY})))"
    r"|(?P<ratio>%|‰|个百分点|个点|成(?=以上|以下|的|左右|且|及|[、，；。)]))"
    r"|(?P<area>(?:万|千)?\s{0,2}(?:平方米|㎡|平米|平方(?!公|千)|m2|m²|亩|公顷|平(?=(?:及?以[上下]|[，。、；)])))(?!产))"
    r"|(?P<age>周岁|岁)"
    r"|(?P<duration>年(?!度|代|内新|级|均|产|[初中末底来前]|\d)|周年|个?完整的?(?:会计|自然|纳税)?年度|个?自然年|个?会计年度|个?纳税年度|个年度|个月|月(?!\d)|季度|个季度|天|个?工作日|日(?!\d))"
    r"|(?P<multiple>倍)"
    r"|(?P<count>(?:万|千|百)?\s{0,2}(?:人次|立方米|m³|吨标准煤|吨标煤|台\(套\)|台套|课时|学时|小时|平方公里|万千瓦|人|名|件|项|户|台|套|笔|次|家|个|单|场|款|只|艘|架|辆|标箱|标准箱|TEU|吨|篇|种|类|间|张|万股|位|头|期|门|届|公里|千瓦时|千瓦|兆瓦|度|晚|夜|头|羽|尾|株|棵|部|集|座|条|床|周|枚|幅|根|片|口|米(?![²2㎡])|班|亩次|车次|航次|班次|列|例|席|人月)(?!以?百分点))"
)
_NUMBER = re.compile(rf"(?P<digits>{_DIGITS})|(?P<cn>{_CN})")
_UNIT_RE = re.compile(rf"\s{{0,2}}(?:{_UNIT})", re.I)
_RANGE = re.compile(r"\s?(?:\(不?含(?:本数)?\)|及?以[上下]|\(不?含\)及?以上|起)?\s?(?:-|—|–|~|至|到|―|－|～)+\s?")
_LIST = re.compile(r"\s?(?:、|和|及|或|/)\s?")
_FRACTION = re.compile(rf"(?P<den>万|千|{_CN}|\d{{1,6}})分之(?P<num>{_CN}|\d{{1,6}}(?:\.\d{{1,8}})?)")
# 占3/4以上; 占一半以上; 运营半年以上
_ONE_HALF = re.compile(r"(?<=[占达])\s?(?P<half>一半)(?=以上|的|及以上)")
_PARTS = re.compile(r"(?:占|达|为|不低于|不少于|超过)(?P<part>[1-9])/(?P<whole>[2-9])(?![\d/])")
_HALF_YEAR = re.compile(r"半年(?=以上|及以上|以内|的)")
# Measures that have no unit: PUE值低于1.25, 评价得分80分以上, 容积率不低于2.0
_NAMED_NUMBER = re.compile(
    r"(?:PUE|能效比|容积率|系数|指数|得分|评分|分数|分值)(?:值)?[^，。；、\d\n]{0,6}?(?:达到|不低于|不少于|不高于|不超过|低于|高于|超过|小于|大于|≥|≤|在|为)\s?(?P<number>\d{1,4}(?:\.\d{1,4})?)(?:\s?分(?!之))?(?![\d.]|\s?(?:[年月日%‰万亿元个家项人件]))"
)
# 护理人员与老人比例不低于1:10
_PAIR = re.compile(
    r"(?:不低于|不高于|达到|超过|低于|高于|≥|≤)\s?(?P<part>\d{1,3}(?:\.\d{1,2})?)\s?[:：]\s?(?P<whole>\d{1,3}(?:\.\d{1,2})?)(?![\d.:：])"
)
# Words that begin with a numeral and count nothing.
_NOT_NUMBER = re.compile(
    r"一次性|统一|一定|一般|一批|一律|一致|一并|一体|一站|一企|一类|一、|唯一|进一步|一是|三品|两品|一标|两化|三首|百强|千亿级|十强|百亿级|万亿级|一级|二级|三级|十四五|十五五|十三五|百家|一事|一票|一网|两业|双百|三农|四上|五险|一线|三方|第三|第二|第一"
)

_SPACE = r"[\s]{0,2}"
_PREFIX: tuple[tuple[str, Op], ...] = (
    (
        r"不低于|不少于|不小于|不短于|不得低于|不得少于|不得短于|大于等于|大于或等于|高于或等于|≥|>=|至少|最低|达到或超过|达到|达|已达|首达|首破|首次突破|首次跨越|新突破|突破|首次达|累计满|已满|满|迈上|跨越",
        ">=",
    ),
    (
        r"最高可?达|最高可|最多可达|不超过|未超过|不得超过|不超出|不长于|不高于|不得高于|不多于|不大于|不得大于|小于等于|小于或等于|≤|<=|至多|最多|最高|最长|低于或等于|控制在",
        "<=",
    ),
    (r"首次超过|首超|超过|超出|高于|大于|多于|>|超", ">"),
    (r"低于|少于|小于|不足|未满|不满|未达到|未达|<", "<"),
)
_BETWEEN_WORDS = r"(?:(?<=少)(?:有|拥有|配备|开展|建有|具备|聘有|包含)|每亩|每平方米|每人|人均|人民币|合计|总额|总计|累计|共计|约|为|在|了|其|：|:|年均|每年|上述|比例|\(含\)|\(含\s?本数\)|\(不含\)|\"|“|”|\s)*"
_PREFIX_RE = re.compile("|".join(rf"(?P<p{n}>{words})" for n, (words, _) in enumerate(_PREFIX)))
_WORDS = "|".join(rf"(?P<p{n}>{words})" for n, (words, _) in enumerate(_PREFIX))
_PREFIX_END = re.compile(rf"(?:{_WORDS}){_BETWEEN_WORDS}$")
# 不高于参保职工总数20%: what a share is a share of may stand between the comparator and the number.
_PREFIX_SHARE = re.compile(
    rf"(?:{_WORDS})[^，。；：、\d\n%]{{1,16}}?(?:总数|人数|总额|总量|比例|比重|平均|收入|数量|总人数|同期)的?\s?$"
)
_INCLUDED = r"\((?:含|包含|包括|含本数|含\d[^)]{0,10})\)"
_EXCLUDED = r"\((?:不含|不包含|不包括|不含本数|不含\d[^)]{0,10})\)"
# (不含税) says nothing of the bound
_SAYS_BOUND = re.compile(rf"{_INCLUDED}|{_EXCLUDED}|\(\d+[人名户家件]\)")
_SUFFIX_RE = re.compile(
    rf"{_SPACE}(?P<a>{_INCLUDED}|{_EXCLUDED}|\(\d+[人名户家件]\)|\([^()，。；]{{2,24}}\)(?=\s?(?:及?以[上下]|以内)))?{_SPACE}"
    rf"(?:(?P<up>(?:\(?含\)?)?(?:及其?以上|或者?以上|或更多|以上|之上|起(?!步|草|止)))|(?P<down>(?:及以下|以下|以内|之内|或以下)))?"
    rf"{_SPACE}(?P<b>{_INCLUDED}|{_EXCLUDED})?"
)


_BEHIND = frozenset({"及以上", "及其以上", "或以上", "或者以上", "以上", "之上", "及以下", "以下"})
# （含5%）repeats the number before it
_REPEATED = re.compile(r"\((?:不?含|包括|包含)\s?$")


def _number(match: re.Match[str]) -> Decimal | None:
    if match["digits"]:
        return Decimal(match["digits"].replace(",", ""))
    return chinese_number(match["cn"])


def _unit_of(match: re.Match[str]) -> tuple[Kind, str, Decimal] | None:
    """(kind, unit, factor) of a unit match."""
    if word := match["money"]:
        word = re.sub(r"\s", "", word)
        currency = re.search(rf"{_CURRENCY}$", word)
        assert currency
        unit = {
            "美元": "USD",
            "美金": "USD",
            "港元": "HKD",
            "港币": "HKD",
            "欧元": "EUR",
            "日元": "JPY",
            "新元": "SGD",
        }.get(currency[0], "元")
        return "money", unit, Decimal(_MONEY_SCALE[word[: currency.start()]])
    if word := match["bare"]:
        return "money", "元", Decimal(_MONEY_SCALE[word])
    if word := match["ratio"]:
        share = {"‰": Decimal("0.001"), "成": Decimal("0.1")}.get(word, Decimal("0.01"))
        return "ratio", "百分点" if "点" in word else "%" if word == "成" else word, share
    if word := match["area"]:
        word = re.sub(r"\s", "", word)
        factor = Decimal(10_000 if word[0] == "万" else 1_000 if word[0] == "千" else 1)
        name = word.lstrip("万千")
        if name == "公顷":
            return "area", "亩", factor * 15
        return "area", "亩" if name == "亩" else "㎡", factor
    if match["age"]:
        return "age", "岁", Decimal(1)
    if word := match["duration"]:
        unit = (
            "年"
            if "年" in word
            else "月"
            if "月" in word
            else "季度"
            if "季" in word
            else "工作日"
            if "工作日" in word
            else "日"
        )
        return "duration", unit, Decimal(1)
    if match["multiple"]:
        return "multiple", "倍", Decimal(1)
    if word := match["count"]:
        word = re.sub(r"\s", "", word)
        scale = (
            {"万": 10_000, "千": 1_000, "百": 100}.get(word[0], 1)
            if len(word) > 1 and word != "千瓦" and not word.startswith("千瓦")
            else 1
        )
        name = word[1:] if scale > 1 else word
        return "count", {"名": "人", "位": "人", "标准箱": "标箱", "TEU": "标箱"}.get(name, name), Decimal(scale)
    return None


class _Inside:
    """Spans by position: whether one of them covers a place."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self.spans = sorted(spans)
        self.starts = [start for start, _ in self.spans]

    def covers(self, at: int) -> bool:
        n = bisect_right(self.starts, at) - 1
        return n >= 0 and at < self.spans[n][1]


def _bare_runs(text: str) -> Iterator[tuple[int, int, Decimal, tuple[Kind, str, Decimal]]]:
    """Every number that has a unit, its own or the one its list or range shares, in order of position."""
    for fraction in _FRACTION.finditer(text):
        num, den = (
            chinese_number(fraction[g]) if not fraction[g][0].isdigit() else Decimal(fraction[g])
            for g in ("num", "den")
        )
        if num is not None and den:
            share = num if fraction["den"] == "百" else num * 100 / den
            yield fraction.start(), fraction.end(), share, ("ratio", "%", Decimal("0.01"))
    for part in _PARTS.finditer(text):
        if Decimal(part["whole"]):
            share = Decimal(part["part"]) * 100 / Decimal(part["whole"])
            yield part.start("part"), part.end(), share, ("ratio", "%", Decimal("0.01"))
    for half in _ONE_HALF.finditer(text):
        yield half.start("half"), half.end(), Decimal(50), ("ratio", "%", Decimal("0.01"))
    for half in _HALF_YEAR.finditer(text):
        yield half.start(), half.end(), Decimal(6), ("duration", "月", Decimal(1))
    for bare in _NAMED_NUMBER.finditer(text):
        yield bare.start("number"), bare.end(), Decimal(bare["number"]), ("score", "", Decimal(1))
    for pair in _PAIR.finditer(text):
        if Decimal(pair["part"]) and Decimal(pair["whole"]):
            share = Decimal(pair["part"]) * 100 / Decimal(pair["whole"])
            yield pair.start("part"), pair.end(), share, ("ratio", "%", Decimal("0.01"))
    waiting: list[tuple[int, int, Decimal]] = []
    taken = [
        *((f.start(), f.end()) for f in _FRACTION.finditer(text)),
        *((f.start("part"), f.end()) for f in _PARTS.finditer(text)),
        *((f.start(), f.end()) for f in _HALF_YEAR.finditer(text)),
        *((f.start("half"), f.end()) for f in _ONE_HALF.finditer(text)),
        *((n.start("number"), n.end()) for n in _NAMED_NUMBER.finditer(text)),
        *((n.start("part"), n.end()) for n in _PAIR.finditer(text)),
    ]
    inside = _Inside(taken)
    position = 0
    while match := _NUMBER.search(text, position):
        position = match.end()
        if inside.covers(match.start()) or _is_not_number(text, match):
            waiting = []
            continue
        value = _number(match)
        if value is None:
            continue
        if waiting and not _joins(text[waiting[-1][1] : match.start()]):
            waiting = []
        unit_match = _UNIT_RE.match(text, match.end())
        unit = _unit_of(unit_match) if unit_match else None
        if unit is None or unit_match is None:
            waiting.append((match.start(), match.end(), value))
            continue
        if match["cn"] and unit[0] == "money" and match["cn"] in {"百", "千", "十"}:
            waiting = []
            continue
        for start, end, earlier in waiting:
            yield start, end, earlier, unit
        waiting = []
        yield match.start(), unit_match.end(), value, unit
        position = unit_match.end()


def _is_not_number(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - 1) : match.start()]
    if match["cn"]:
        window = text[max(0, match.start() - 2) : match.end() + 3]
        offset = match.start() - max(0, match.start() - 2)
        return any(m.start() <= offset < m.end() for m in _NOT_NUMBER.finditer(window)) or (
            before != "" and before in "第同之"
        )
    # 2024年1月, 〔2024〕3号, Q4, T1: dates, document numbers, names
    return (before.isascii() and before.isalpha()) or (
        text[match.end() : match.end() + 1] in "号条款页)" and before in "第(" and before != ""
    )


def _joins(between: str) -> bool:
    return bool(_RANGE.fullmatch(between) or _LIST.fullmatch(between))


def _is_date(text: str, start: int, end: int, unit: str, value: Decimal) -> bool:
    """2024年, 3月, 15日 as parts of a date, not durations."""
    if unit == "年":
        return value >= 1900
    if unit == "月":
        return text[end - 2 : end] != "个月" and (
            text[max(0, start - 1) : start] in "年至-每于" or bool(re.match(r"\s?\d{1,2}日|底|初|末|份|前", text[end:]))
        )
    if unit == "日":
        return text[max(0, start - 1) : start] in "月"
    return False


def quantities(text: str) -> list[Quantity]:
    """Every quantity of a plain text (see `matching.text.plain`), in order, ranges joined, comparators attached."""
    found: list[Quantity] = []
    for start, end, number, (kind, unit, factor) in sorted(_bare_runs(text), key=lambda run: run[0]):
        if kind == "duration" and _is_date(text, start, end, unit, number):
            continue
        if _REPEATED.search(text[max(0, start - 5) : start]):
            continue
        quantity = Quantity(start, end, start, end, number * factor, unit, kind)
        if (
            found
            and found[-1].unit == unit
            and found[-1].high is None
            and _RANGE.fullmatch(text[found[-1].end : start])
        ):
            earlier = found.pop()
            opened = "不含" in text[earlier.end : start]
            found.append(replace(earlier, end=end, right=end, high=quantity.value, open_low=opened))
            continue
        if (
            unit not in ("元", "%", "‰")
            and kind == "money"
            and found
            and found[-1].unit == "元"
            and text[found[-1].end - 1] in "万亿"
            and _joins(text[found[-1].end : start])
        ):
            # 100万—500万美元, 50万、80万美元: the currency stands behind the last
            found[-1] = replace(found[-1], unit=unit)
            if _RANGE.fullmatch(text[found[-1].end : start]):
                found.append(replace(found.pop(), end=end, right=end, high=quantity.value))
                continue
        found.append(quantity)
    return _shared(text, [_compared(text, quantity) for quantity in found])


_SIBLING = re.compile(r"(?:\([^()]{0,120}\))?\s?[、和及或]\s?")


def _shared(text: str, found: list[Quantity]) -> list[Quantity]:
    """2亿元、5000万元及以上: what stands behind the last of a list holds for all (policies.md §4)."""
    for n in range(len(found) - 2, -1, -1):
        one, after = found[n], found[n + 1]
        if (
            not one.op
            and one.high is None
            and after.word in _BEHIND
            and after.left == after.start
            and (one.kind, one.unit) == (after.kind, after.unit)
            and _SIBLING.fullmatch(text, one.end, after.start)
            # 2、55周岁及以下: the number of a list
            and text[one.start - 1 : one.start] not in ("", "\n")
        ):
            found[n] = replace(one, op=after.op, word=after.word, closed=after.closed)
    return found


def _compared(text: str, quantity: Quantity) -> Quantity:
    window = text[max(0, quantity.start - 16) : quantity.start]
    prefix = _PREFIX_END.search(window)
    if prefix is None and quantity.kind == "ratio":
        prefix = _PREFIX_SHARE.search(text[max(0, quantity.start - 24) : quantity.start])
        window = text[max(0, quantity.start - 24) : quantity.start] if prefix else window
    suffix = _SUFFIX_RE.match(text, quantity.end)
    op: Op = ""
    word = ""
    left, right = quantity.start, quantity.end
    closed: bool | None = None
    if suffix:
        for mark in (suffix["a"], suffix["b"]):
            if mark and _SAYS_BOUND.fullmatch(mark):
                closed = "不" not in mark
                right = suffix.end()
        if suffix["up"]:
            op, word, right = ">=", suffix["up"], suffix.end()
        elif suffix["down"]:
            op, word, right = "<=", suffix["down"], suffix.end()
    if prefix:
        for n, (_, meaning) in enumerate(_PREFIX):
            if prefix[f"p{n}"]:
                before = window[: prefix.start()]
                if meaning == ">" and prefix[f"p{n}"] == "超" and before.endswith("远"):
                    break
                op, word = (op, word) if op and meaning in (">=",) else (meaning, prefix[f"p{n}"])
                left = quantity.start - (len(window) - prefix.start())
        if "(含" in prefix[0]:
            closed = True
        if "(不含" in prefix[0]:
            closed = False
    if closed is True:
        op = {">": ">=", "<": "<="}.get(op, op)  # type: ignore[assignment]
    elif closed is False:
        op = {">=": ">", "<=": "<"}.get(op, op)  # type: ignore[assignment]
    return replace(quantity, op=op, word=word, left=left, right=right, closed=closed)
