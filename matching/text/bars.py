"""What shuts an applicant out: 有下列情形之一的不予支持 and the list below it, every line the opposite of a condition."""

import re
from dataclasses import replace

from matching.text.model import Condition

_INVERSE = {">=": "<", ">": "<=", "<=": ">", "<": ">="}
# the head of a list of bars, or a sentence that is one
_LIST = re.compile(
    r"(?:情形|情况|行为|条件)(?:之一)?(?:的)?[^。；\n]{0,24}(?:不予|不得|不享受|不支持|不纳入|不受理|不奖|不补|不能[申报享]|取消|除外|暂停)|不予(?:受理|支持|资助|奖励|补[贴助]|扶持|认定|返还|申报)(?:的)?(?:情形|情况|范围)?[：:]?\s*$|(?:下列|以下)[^。；，\n]{0,8}(?:单位|企业|人员|项目|主体|机构|对象)[^。；，\n]{0,10}(?:不予|不得|不享受|不支持|不纳入|除外|不在)"
)
_SENTENCE = re.compile(
    r"(?:有|存在|发生|列入|纳入|被|因|曾|受到|已)[^。；\n]{2,80}?(?:的|者)[^。；，\n]{0,10}[，,]?(?:一律|均)?(?:不予(?!收)|不适用|不得(?:享受|申[报请]|给予|支持|参与|重复)|不享受|不能(?:申报|报|享受)|不再(?:享受|支持|受理|给予|安排|补助|补贴|奖励|奖补)|取消|暂停)"
)
# what is too little, or of a wrong sort, shuts out where the sentence gives nothing
_SHORT = re.compile(
    r"(?:低于|不足|高于|超过|未达到?|未满)[^。；\n]{2,60}?(?:的|者)[^。；，\n]{0,10}[，,]?(?:一律|均)?(?:不予(?!收)|不适用|不得(?:享受|申[报请])|不享受)"
    r"|^[^。；，\n]{2,60}(?:企业|项目|单位|机构|产品|人员|店|名单的)[^。；，\n]{0,8}(?:除外|不适用|不予(?:认定|支持|受理|补[贴助]|奖励|返还|扶持)|不得(?:申报|申请|享受|参与)|不在[^。；，\n]{0,12}(?:之列|范围)|不列入)"
)
_BAD: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"失信|黑名单|经营异常名录|不良信用|信用等级为?[CDcd]"), "is_dishonest"),
    (re.compile(r"骗取|套取|弄虚作假|虚假|虚报|造假|伪造"), "fraud"),
    (re.compile(r"(?:安全|质量|生产|交通|较大|重特?大|责任)[^，。；\n]{0,12}(?:事故|事件)"), "safety_accident"),
    (re.compile(r"(?:环境|环保|污染)[^，。；\n]{0,10}(?:违法|事故|处罚|事件)"), "environmental_violation"),
    (
        re.compile(
            r"(?<!失信)(?:违法|违规|行政处罚|刑事|偷税|逃税|骗税|抗税|欠税|偷漏税|受到[^，。；\n]{0,6}处罚|被[^，。；\n]{0,4}处罚|查处)(?!失信)"
        ),
        "major_violation",
    ),
    (
        re.compile(
            r"(?:已|曾)(?:经)?(?:享受|获得|列入|取得)[^，。；\n]{0,20}(?:资金|支持|补[贴助]|奖励|资助|政策)|重复(?:申报|享受)"
        ),
        "duplicate_funding",
    ),
)


# (利用闲置土地的情形除外) makes an exception and no list
_ASIDE = re.compile(r"\([^()\n]{0,60}\)")


# a bar that only names a sort: 房地产开发企业; “两高”项目
_SORT = re.compile(
    r"(?:\([一二三四五六七八九十\d]+\)|\d+[.、])?(?:属于)?(?P<sort>(?!未|不|无|已|经)[\u4e00-\u9fa5、\"“”]{2,16}?)(?:类)?(?P<kind>企业|项目|行业)(?:的)?"
)
# 有下列行为之一的，不予奖励：拖欠工资；围标串标。 The bars go on to the full stop.
_INLINE = re.compile(_LIST.pattern.replace(r"[：:]?\s*$", "") + r"[^。；\n：:]{0,12}[：:]\s?[^\s]")


_COUNTED_CONDUCT = re.compile(r"(?:死亡|伤亡|处罚|投诉|违法|违规|通报|事故)")
# 房地产、烟草制品企业不在支持之列: who is shut out by what he is
_SHUT_OUT = re.compile(
    r"^\s*(?:\([一二三四五六七八九十\d]+\)|\d+[.、]|注：)?(?P<names>[\u4e00-\u9fa5\"“”A-Z、和及（）()]{2,80}?)(?:(?:以及|及|和)?(?:被|列入|存在|发生|有)[^。；，\n]{2,40}的?(?:企业|单位|项目)?)?(?:均|一律)?"
    r"(?:除外|不适用|不予(?:认定|支持|受理|补[贴助]|奖励|返还|扶持)|不得(?:申报|申请|享受|参与)|不在[^。；，\n]{0,12}(?:之列|范围)|不列入)"
)
_NO_CATEGORY = re.compile(r"被|列入|存在|发生|未|无|不|已|有|因|受|近|依据|根据|按照?|对于|规定|的$|申[报请]|同一|年")


def _categories(text: str, start: int, end: int, known: list[Condition]) -> list[Condition]:
    if any(c.field == "excluded_category" for c in known) or not (match := _SHUT_OUT.match(text[start:end])):
        return []
    pieces = [re.sub(r"[\"“”]", "", w) for w in re.split(r"、|以及|和(?!商务|信息|技术|相关)|及", match["names"])]
    pieces = [w.removesuffix("的") for w in pieces]
    names = [w for w in pieces if 2 <= len(w) <= 12 and not _NO_CATEGORY.search(w)]
    if not names or len(names) < len(pieces) - 1:
        return []
    if not any(w.endswith(("企业", "产品", "项目")) for w in names[:-1]):
        names[-1] = re.sub(r"(?:企业|产品|项目)$", "", names[-1]) or names[-1]
    at = start + match.start("names")
    return [Condition(at, start + match.end("names"), "excluded_category", "in", names)]


# 存在欺老虐老行为、消防整改逾期未完成: bars that have no name here
_CONDUCT = re.compile(
    r"存在|发生|未|拒|拖欠|违反|被|因|不|逾期|故意|隐瞒|虚|停产|破产|欠|处于|进入|撤销|注销|通报|投诉"
)


def _in_other_words(text: str, start: int, end: int, known: list[Condition]) -> list[Condition]:
    """What of a bar no name of ours covers, in its own words; at least one where nothing else was read."""
    kept: list[Condition] = []
    for piece in re.finditer(r"(?:(?!、|或者|或|以及|[，；。：\n]).)+", text[start:end]):
        words = piece[0].strip("的者 ")
        at = start + piece.start()
        taken = any(c.start < at + len(piece[0]) and at < c.end for c in known)
        if taken or not 4 <= len(words) <= 40 or not _CONDUCT.search(words) or _REFUSAL.match(words):
            continue
        kept.append(Condition(at, at + len(piece[0]), "other_requirement", "==", False, {"detail": words}))
    if not kept and not known and (words := text[start:end].strip("。；; \n")):
        at = text.index(words, start)
        kept.append(Condition(at, at + len(words), "other_requirement", "==", False, {"detail": words[:60]}))
    return kept[:8]


_REFUSAL = re.compile(
    r"(?:依据|根据|按照?)|(?:(?:一律|均|的)?(?:企业|单位|机构|项目|主体)?[，,]?)?(?:一律|均)?(?:不予|不得|不享受|不再|不支持|取消|不适用|暂停|有下列|有以下|存在下列|存在以下)"
)


# 省级专精特新企业，不含小巨人企业及已获得贴息的企业: who is left out is none of those who are asked for
_LEFT_OUT = re.compile(
    r"(?<=[，；。：\n])(?:但)?(?:不含|不包括|不包含|剔除)(?!税|本数|[^，。；\n]{0,6}\d)(?P<names>[^，。；()\n]{3,60})"
)


def left_out(text: str, start: int, end: int, found: list[Condition]) -> list[Condition]:
    """`found` without what stands behind 不含, which shuts out."""
    kept = found
    for match in _LEFT_OUT.finditer(text, max(0, start - 1), end):
        first, last = match.span("names")
        inside = [c for c in kept if first <= c.start < last and c.op in ("in", "is_true")]
        if not inside:
            continue
        names = [
            w
            for w in re.split(r"、|以及|及|和(?!商务|信息|技术|相关)", re.sub(r"[\"“”]", "", match["names"]))
            if len(w) > 1
        ]
        kept = [c for c in kept if c not in inside]
        kept.append(Condition(first, last, "excluded_category", "in", names, {"_barred": True}))
    return kept


def begins_bars(sentence: str) -> bool:
    """Whether a sentence heads a list of bars that goes on in the sentences behind it."""
    return bool(_INLINE.search(_ASIDE.sub("", sentence)))


def heads_bars(words: str) -> bool:
    """Whether `words`, the head of a list, say that what follows shuts out."""
    return bool(_LIST.search(_ASIDE.sub("", words)))


def is_bar(sentence: str, gives: bool = False) -> bool:
    """Whether one sentence shuts out whom it describes: 近三年有骗取财政资金行为的，不予扶持."""
    bare = _ASIDE.sub("", sentence)
    return bool(_SENTENCE.search(bare)) or (not gives and bool(_SHORT.search(bare)))


def barred(text: str, start: int, end: int, found: list[Condition]) -> list[Condition]:
    """What `text[start:end]`, a bar, asks for: the opposite of what it says.

    Thresholds are turned round, misconduct must not be, and a bar in other words stays as `other_requirement == false` with its words.
    `found` are the conditions read in it as if it were none.
    """
    kept = [
        c if c.extra.get("_turned") else replace(c, op=_INVERSE[c.op])
        for c in found
        if c.op in _INVERSE and not isinstance(c.value, str)
    ]
    kept += [c for c in found if c.op == "==" or c.field == "excluded_category"]
    # 低于全市平均水平的不予奖励 is turned where it is read
    kept += [c for c in found if c.op in _INVERSE and isinstance(c.value, str)]
    # 受到处罚2次以上: how often is no measure of its own
    kept = [
        c
        for c in kept
        if c.field != "other_metric" or not _COUNTED_CONDUCT.search(text, max(start, c.start - 24), c.end)
    ]
    said = {c.field for c in kept}
    for pattern, field in _BAD:
        if field not in said and (match := pattern.search(text, start, end)):
            said.add(field)
            kept.append(Condition(match.start(), match.end(), field, "==", False))
    if not kept and (match := _SORT.fullmatch(text[start:end].strip("。；; \n"))):
        names = [w for w in re.split(r"[、和及]|以及", re.sub(r"[\"“”]", "", match["sort"])) if len(w) > 1]
        if match["kind"] == "项目" and names:
            names[-1] += "项目"
        kept.append(Condition(start, end, "excluded_category", "in", names or [match["sort"]]))
    kept += _categories(text, start, end, kept)
    kept += _in_other_words(text, start, end, kept)
    # 情形之一 means any of them shuts out: all of the opposites must hold
    return [replace(c, extra={**c.extra, "_barred": True}) for c in kept]
