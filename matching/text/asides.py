"""Names that ask nobody: a duty or a figure of some, what is founded, what is applied for."""

import re

from matching.text.model import Soft

# 属于规模以上企业的，应当填报统计报表: a duty of some, no condition
_IF_SO = re.compile(r"[^，。；\n]{0,6}的，(?:还|并)?(?:应|须|需)")
# 不低于3%(规模以上工业企业不低于2%): another figure for some
_ANOTHER_FIGURE = re.compile(r"[^()，。；\n]{0,8}(?:不低于|不少于|达到|占|为|按)[^()\n]{0,16}\d[^()\n]{0,10}\)")


def asks_nobody(text: str, soft: Soft, start: int, end: int) -> bool:
    """Whether the words of a condition in `text[start:end]` name something else than who may ask."""
    if soft.field == "is_above_scale":
        return _of_some(text, soft, start, end)
    return _founded_or_applied_for(text, soft, start, end)


def _of_some(text: str, soft: Soft, start: int, end: int) -> bool:
    opens = text[max(start, soft.start - 1) : soft.start] == "("
    return bool(_IF_SO.match(text, soft.end, end) or (opens and _ANOTHER_FIGURE.match(text, soft.end, end)))


# 首次创办企业或个体工商户: what he founds; 可申请专精特新中小企业认定: what he applies for
_FOUNDS = re.compile(r"(?:创办|开办|创立|领办)(?:的)?(?:小微)?[^，。；\d]{0,4}$")
_APPLIES_FOR = re.compile(r"(?:可以?|拟|均可)(?:自愿)?申[请报][^，。；]{0,24}$")


def _founded_or_applied_for(text: str, soft: Soft, start: int, end: int) -> bool:
    lead = text[max(start, soft.start - 30) : soft.start]
    if soft.field == "applicant_type" or soft.value == ["个体工商户"]:
        return bool(_FOUNDS.search(lead))
    if soft.field == "certifications" and re.match(r"(?:评价|认定)(?:指标|标准|得分)", text[soft.end : end][:6]):
        return True
    return (
        soft.field in ("certifications", "honors", "innovation_platform")
        and bool(_APPLIES_FOR.search(lead))
        and bool(re.match(r"[\"”]?(?:企业|单位)?(?:的)?(?:评价|认定|评定)", text[soft.end : end]))
    )
