"""Words of the rule language: one expression cut into tokens, each with its position."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from matching.rules.errors import refused

Kind = Literal["number", "text", "name", "quoted", "word", "operator", "end"]

WORDS = frozenset(
    [
        "AND",
        "OR",
        "NOT",
        "BETWEEN",
        "IN",
        "LIKE",
        "ESCAPE",
        "IS",
        "NULL",
        "TRUE",
        "FALSE",
        "UNKNOWN",
        "DISTINCT",
        "FROM",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
    ]
)
LONGEST_EXPRESSION = 1_000_000
"""Characters; every step is linear in them: 100,000 take about a second."""
LONGEST_NUMBER = 400

_SPACE = re.compile(r"[\s\u3000]+")
_NUMBER = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_NAME = re.compile(r"[^\W\d]\w*")
_TEXT = re.compile(r"'((?:[^']|'')*)'")
_QUOTED = re.compile(r'"((?:[^"]|"")+)"')
_OPERATOR = re.compile(r"<>|!=|<=|>=|==|[=<>+\-*/(),]")
_HALF_WIDTH = {
    "（": "(",
    "）": ")",
    "，": ",",
    "＝": "=",
    "＞": ">",
    "＜": "<",
    "≥": ">=",
    "≤": "<=",
    "≠": "<>",
    "‘": "'",
    "’": "'",
    "“": "'",
    "”": "'",
    "＋": "+",
    "－": "-",
    "−": "-",
    "×": "*",
    "＊": "*",
    "÷": "/",
    "／": "/",
    "％": "小数（3% 写作 0.03）",
    "%": "小数（3% 写作 0.03）",
    "。": "一个表达式，不带句号",
    "；": "一个表达式，不带分号",
    ";": "一个表达式，不带分号",
    "、": ",",
    "&": "AND",
    "|": "OR",
    "!": "NOT",
}


@dataclass(frozen=True, slots=True)
class Token:
    """One word; `position` is 1-based, `value` the number, the text without quotes, the name as written, or the word in capitals."""

    kind: Kind
    value: Fraction | str
    position: int
    source: str

    def said(self) -> str:
        return "表达式的结尾" if self.kind == "end" else f"“{self.source}”"


def tokens(expr: str, labels: Iterable[str] = ()) -> list[Token]:
    """The tokens of `expr`, closed by one of kind `end`. Raises RuleError at the first character that starts no token.

    `labels` are names that contain signs no name may contain, such as 进出口增量（美元）; the longest that fits is taken whole.
    """
    if len(expr) > LONGEST_EXPRESSION:
        raise refused(None, f"表达式有 {len(expr)} 个字符，上限 {LONGEST_EXPRESSION}；请拆成几个条件")
    signed = sorted((label for label in labels if not _NAME.fullmatch(label)), key=len, reverse=True)
    found: list[Token] = []
    at = 0
    while True:
        if space := _SPACE.match(expr, at):
            at = space.end()
        if at == len(expr):
            found.append(Token("end", "", at + 1, ""))
            return found
        token = _token(expr, at, signed)
        found.append(token)
        at += len(token.source)


def _token(expr: str, at: int, signed: list[str]) -> Token:
    position = at + 1
    for label in signed:
        if expr.startswith(label, at):
            return Token("name", label, position, label)
    if match := _NUMBER.match(expr, at):
        after = _NAME.match(expr, match.end())
        if after or expr.startswith("_", match.end()):
            tail = after.group() if after else "_"
            raise refused(
                position,
                f"“{match.group()}{tail}”不是数：数只写 0-9、小数点和指数，金额以元为单位（500万元写作 5000000），不写 0x、下划线和单位",
            )
        exponent = re.search(r"[eE]([+-]?\d+)$", match.group())
        if exponent and abs(int(exponent.group(1))) > 60:
            raise refused(position, f"“{match.group()}”的指数超出 60")
        if len(match.group()) > LONGEST_NUMBER:
            raise refused(position, f"这个数写了 {len(match.group())} 个字符，上限 {LONGEST_NUMBER}")
        return Token("number", Fraction(match.group()), position, match.group())
    if match := _NAME.match(expr, at):
        word = match.group().upper()
        if word in WORDS:
            return Token("word", word, position, match.group())
        return Token("name", match.group(), position, match.group())
    if match := _TEXT.match(expr, at):
        return Token("text", match.group(1).replace("''", "'"), position, match.group())
    if match := _QUOTED.match(expr, at):
        return Token("quoted", match.group(1).replace('""', '"'), position, match.group())
    if expr.startswith(("--", "/*"), at):
        raise refused(position, "规则里不写注释；两个负号之间要有空格")
    if match := _OPERATOR.match(expr, at):
        return Token("operator", match.group(), position, match.group())
    sign = expr[at]
    if sign in "'\"":
        raise refused(position, f"引号 {sign} 没有配对")
    if sign in _HALF_WIDTH:
        raise refused(position, f"“{sign}”不能用在这里，应写 {_HALF_WIDTH[sign]}")
    shown = f"“{sign}”" if sign.isprintable() else f"看不见的字符 U+{ord(sign):04X}"
    raise refused(position, f"{shown}不属于规则语言")
