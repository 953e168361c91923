"""Numbers in Chinese characters."""

from decimal import Decimal

_CN_DIGIT = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_CN_SCALE = {"十": 10, "百": 100, "千": 1000}


def chinese_number(word: str) -> Decimal | None:
    """三 → 3, 十二 → 12, 一百零五 → 105, 两千 → 2000, 三点五 → 3.5; None if the word is not a number."""
    if word == "万":
        return Decimal(10_000)
    whole, _, part = word.partition("点")
    total, digit = 0, 0
    seen = False
    for char in whole:
        if char in _CN_DIGIT:
            digit, seen = _CN_DIGIT[char], True
        elif char in _CN_SCALE:
            total += (digit if seen else 1) * _CN_SCALE[char]
            digit, seen = 0, False
        else:
            return None
    total += digit
    if part:
        return Decimal(f"{total}." + "".join(str(_CN_DIGIT[c]) for c in part))
    return Decimal(total)
