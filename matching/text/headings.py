"""Headings and definitions: what names a matter, says what for, or says what a word means, and asks for nothing."""

import re

from matching.text import awards
from matching.text.model import Condition
from matching.text.outline import Span
from matching.text.units import Unit

HEADING = re.compile(
    r"[^。；，：\n\d\t|]{2,26}(?:奖励?|补[贴助]|奖补|资助|支持|扶持|措施|政策|标准|条件|贴息|减免|返还|配套|激励|保障|培育|升规|上规)[。\n]?$"
)
# 第二条 境外上市。 a matter in a few words
_NAMED_MATTER = re.compile(r"[^。；，：\n\d\t|]{2,14}。")
_TITLE = re.compile(
    r"(?:办法|措施|通知|指南|细则|公告|方案|意见|规定|政策|清单|问答|通告|解读|规程|条例|标准|条款|须知|公示|函)(?:\([^()]{1,16}\))?[”》\s]*$"
)


def is_heading(text: str, unit: Unit, sentence: Span, title: str) -> bool:
    """The title of the document, or the heading of an article (第二条 瞪羚企业奖励。): it names a matter and asks for nothing."""
    words = text[sentence.start : sentence.end].strip()
    if title and words.strip("。 ") == title.strip():
        return True
    if unit.owner == unit.root and len(words) <= 80 and _TITLE.search(words) and not re.search(r"[。；，]", words):
        return True
    opens = sentence.start - unit.start <= _OPENING and not text[unit.start : sentence.start].strip()
    named = opens and (
        HEADING.match(words)
        or (_NAMED_MATTER.fullmatch(words) and awards.gives(text[sentence.end : min(unit.end, sentence.end + 900)]))
    )
    return opens and sentence.end < unit.end and bool(named) and not _ASKS_SOMETHING.search(words)


_OPENING = 40
_ASKS_SOMETHING = re.compile(r"^对|[的须应]|具有|具备|符合|达到|注册|依法|拥有|属于|无|未|^在")


_PURPOSE = re.compile(
    r"(?:支持|鼓励|推动|促进|引导|加快|加大|强化|降低|培育|推进|提升|深化|优化|着力|大力)[^。；，：\n\d]{2,24}。?"
)
_AIMS = frozenset(
    {
        "listed_status",
        "financing_type",
        "project_status",
        "activity",
        "certifications",
        "honors",
        "recognition_first",
        "newly_settled",
    }
)


def without_aims(words: str, conditions: list[Condition]) -> list[Condition]:
    """支持企业境内外上市挂牌, alone on a line: what the money is for, not what its applicant must have done."""
    if not _PURPOSE.fullmatch(words.strip()):
        return conditions
    return [c for c in conditions if c.field not in _AIMS]


# 所称首台(套)，是指…具有知识产权的产品; but 所称企业，是指在本县登记… says who may ask
_DEFINES = re.compile(r"(?:所称|所指)(?:的)?[\"“]?(?P<term>[^，。；]{1,30}?)[\"”]?[，,]?(?:是|系)?指")
_SOMEBODY = re.compile(r"企业|单位|机构|主体|公司|人[才员]|[用农大]户|合作社|组织|对象|团队")
_THING = re.compile(r"首台|首批|首版|产品|装备|技术|设备|软件|材料|成果|费用|资金|收入|投资(?!企业|机构)|贷款")


def defines_a_thing(words: str) -> bool:
    """Whether a sentence says what a word means that names a thing, nobody who could ask."""
    match = _DEFINES.search(words)
    return match is not None and bool(_THING.search(match["term"])) and not _SOMEBODY.search(match["term"])
