"""What shuts an applicant out: 有下列情形之一的不予支持 and the list below it, every line the opposite of a condition."""

import re
from dataclasses import replace

from matching.text.model import Condition

_INVERSE = {">=": "<", ">": "<=", "<=": ">", "<": ">="}
# the head of a list of bars, or a sentence that is one
_LIST = re.compile(
    r"(?:情形|情况|行为|条件)(?:之一)?(?:的)?[^。；\n]{0,24}(?:不予|不得|不享受|不支持|不纳入|不受理|取消|除外)|不予(?:受理|支持|资助|奖励|补[贴助]|扶持|认定)(?:的)?(?:情形|情况|范围)?[：:]?\s*$"
)
_SENTENCE = re.compile(
    r"(?:有|存在|发生|列入|纳入|被|因|曾|受到)[^。；\n]{2,80}?(?:的|者)[^。；，\n]{0,10}[，,]?(?:一律|均)?(?:不予(?!收)|不适用|不得(?:享受|申[报请]|给予|支持)|不享受|不再享受|取消)"
)
_BAD: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"失信|黑名单|经营异常名录|不良信用|信用等级为?[CDcd]"), "is_dishonest"),
    (re.compile(r"骗取|套取|弄虚作假|虚假|虚报"), "fraud"),
    (re.compile(r"(?:安全|质量|生产|交通|较大|重特?大)[^，。；\n]{0,12}(?:事故|事件)"), "safety_accident"),
    (re.compile(r"(?:环境|环保|污染)[^，。；\n]{0,10}(?:违法|事故|处罚|事件)"), "environmental_violation"),
    (re.compile(r"(?<!失信)(?:违法|违规|行政处罚|刑事|偷税|逃税|骗税|抗税|欠税)(?!失信)"), "major_violation"),
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
    r"(?:\([一二三四五六七八九十\d]+\)|\d+[.、])?(?:属于)?(?P<sort>(?!未|不|无|已|经)[\u4e00-\u9fa5、\"“”]{2,16}?)(?:类)?(?:企业|项目|行业)(?:的)?"
)
# 有下列行为之一的，不予奖励：拖欠工资；围标串标。 The bars go on to the full stop.
_INLINE = re.compile(_LIST.pattern.replace(r"[：:]?\s*$", "") + r"[^。；\n：:]{0,12}[：:]\s?[^\s]")


def begins_bars(sentence: str) -> bool:
    """Whether a sentence heads a list of bars that goes on in the sentences behind it."""
    return bool(_INLINE.search(_ASIDE.sub("", sentence)))


def heads_bars(words: str) -> bool:
    """Whether `words`, the head of a list, say that what follows shuts out."""
    return bool(_LIST.search(_ASIDE.sub("", words)))


def is_bar(sentence: str) -> bool:
    """Whether one sentence shuts out whom it describes: 近三年有骗取财政资金行为的，不予扶持."""
    return bool(_SENTENCE.search(_ASIDE.sub("", sentence)))


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
    said = {c.field for c in kept}
    for pattern, field in _BAD:
        if field not in said and (match := pattern.search(text, start, end)):
            said.add(field)
            kept.append(Condition(match.start(), match.end(), field, "==", False))
    if not kept and (match := _SORT.fullmatch(text[start:end].strip("。；; \n"))):
        names = [w for w in re.split(r"[、和及]|以及", re.sub(r"[\"“”]", "", match["sort"])) if len(w) > 1]
        kept.append(Condition(start, end, "excluded_category", "in", names or [match["sort"]]))
    if not kept and (words := text[start:end].strip("。；; \n")):
        at = text.index(words, start)
        kept.append(Condition(at, at + len(words), "other_requirement", "==", False, {"detail": words[:60]}))
    # 情形之一 means any of them shuts out: all of the opposites must hold
    return [replace(c, extra={**c.extra, "_barred": True}) for c in kept]
