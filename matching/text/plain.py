"""A text made plain without moving a character: full-width to half-width, traditional to simplified, so that spans stay true."""

from functools import cache

import opencc

_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
# Kept as Chinese punctuation: they separate clauses, and half-width twins separate numbers.
for _mark in "，；：！？":
    _WIDE.pop(ord(_mark))
_WIDE.update(
    {0x3000: 0x20, 0xA0: 0x20, ord("〔"): ord("("), ord("〕"): ord(")"), ord("﹪"): ord("%"), ord("﹣"): ord("-")}
)
_WIDE.update({ord("；"): ord("；"), ord("\t"): 0x20, ord("\r"): ord("\n")})


@cache
def _simplified(char: str) -> str:
    simple: str = _converter().convert(char)
    return simple if len(simple) == 1 else char


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def plain(text: str) -> str:
    """`text` with one plain character for each of its characters: same length, same positions."""
    wide = text.translate(_WIDE)
    if all(ord(char) < 0x80 or not "\u4e00" <= char <= "\u9fff" for char in wide):
        return wide
    table = {char: _simplified(char) for char in set(wide) if "\u4e00" <= char <= "\u9fff"}
    return "".join(table.get(char, char) for char in wide)
