"""What a number measures where no indicator has its name: the words of the text."""

import re

from matching.text.outline import Span
from matching.text.quantities import Quantity

_ONLY_COMPARES = re.compile(
    r"(?:不低于|不少于|不高于|不超过|不得?低于|至少|最低|最高|以上|以下|达到|超过|低于|高于|不足|未满|分别|同时|及|和|或|[\d万亿元%人家件项个]|\W)+"
)


def metric_words(text: str, clause: Span, quantity: Quantity) -> str:
    """The words a long-tail number is measured by: what stands before it in its clause, else the counted thing behind it."""
    lead = re.sub(r"[\s\d(（)）\"“”]+$", "", text[clause.start : quantity.left])
    words = re.split(r"[\s的、且并或达为在对有]", re.sub(r"^\W*(?:[一二三四五六七八九十\d]+[)、.])?", "", lead))
    if len(words[-1]) >= 2 and not _ONLY_COMPARES.fullmatch(words[-1]):
        return words[-1][-14:]
    behind = re.match(r"(?:的)?([\u4e00-\u9fa5]{2,8})", text[quantity.right : clause.end])
    if len(words[-1]) < 2 and behind and not _ONLY_COMPARES.fullmatch(behind[1]):
        return behind[1]
    return words[-2][-14:] if len(words) > 1 and len(words[-2]) >= 2 else ""


def in_own_words(metric: str, words: str) -> str:
    """A long-tail measure in the text's own words where they are short; an increase stays one, growth is told from it."""
    return words if metric != "增量" and 2 <= len(words) <= 12 and words.isalpha() else metric
