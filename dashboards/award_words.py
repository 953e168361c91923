"""An award in words: what `CASE WHEN … THEN …` and `least(…)` say to a reader who does not read expressions."""

from __future__ import annotations

from fractions import Fraction

from data.indicators import Catalogue
from matching.rules.errors import RuleError
from matching.rules.parse import Syntax, parse
from matching.rules.wording import grouped, quantity, shown, yuan

SIGNS = {"=": "为", "<>": "不为", ">=": "不低于", ">": "高于", "<=": "不超过", "<": "低于"}
OPERATORS = {"+": "＋", "-": "－", "*": "×", "/": "÷"}


def award_lines(expr: str, catalogue: Catalogue) -> list[str]:
    """One line per case of the award, amounts in 元 or 万元; none where the expression has a form that no words are kept for."""
    try:
        return _lines(parse(expr), catalogue)
    except (RuleError, KeyError):
        return []


def _lines(node: Syntax, catalogue: Catalogue) -> list[str]:
    if node.kind != "CASE":
        return [_amount(node, catalogue)]
    pairs = list(zip(node.args[:-1:2], node.args[1::2], strict=False))
    lines = [f"{_condition(when, catalogue)}：{_amount(then, catalogue)}" for when, then in pairs]
    if node.value == "else" and node.args[-1].value is not None:
        lines.append(f"其余：{_amount(node.args[-1], catalogue)}")
    return lines


def _amount(node: Syntax, catalogue: Catalogue) -> str:
    """Money. A cap among the arguments of LEAST is said as one."""
    if node.kind == "literal" and isinstance(node.value, Fraction):
        return yuan(node.value)
    if node.kind == "CASE":
        return f"（{'；'.join(_lines(node, catalogue))}）"
    if node.kind in ("LEAST", "GREATEST"):
        fixed = [arg for arg in node.args if arg.kind in ("literal", "CASE")]
        others = [arg for arg in node.args if arg.kind not in ("literal", "CASE")]
        bound = "最高" if node.kind == "LEAST" else "最低"
        return "，".join(
            [_value(arg, catalogue) for arg in others] + [f"{bound} {_amount(arg, catalogue)}" for arg in fixed]
        )
    return _value(node, catalogue)


def _value(node: Syntax, catalogue: Catalogue) -> str:
    if node.kind == "name":
        return f"“{catalogue[str(node.value)].label}”"
    if node.kind == "literal" and isinstance(node.value, Fraction):
        return grouped(node.value, 6)
    if node.kind in OPERATORS:
        left, right = node.args
        if node.kind == "*" and right.kind == "literal" and isinstance(right.value, Fraction):
            return f"{_value(left, catalogue)} {_times(right.value, left, catalogue)}"
        words = f" {OPERATORS[node.kind]} ".join(_value(arg, catalogue) for arg in node.args)
        return f"（{words}）" if node.kind in "+-" else words
    if node.kind == "COALESCE":
        return _value(node.args[0], catalogue)
    if node.kind in ("LEAST", "GREATEST"):
        return f"（{_amount(node, catalogue)}）"
    raise KeyError(node.kind)


def _times(factor: Fraction, of: Syntax, catalogue: Catalogue) -> str:
    """的 5% of money, × 800 元 of things that are counted."""
    counted = of.kind == "name" and catalogue[str(of.value)].type != "money"
    if factor < 1 and not counted:
        return f"的 {grouped(factor * 100, 4)}%"
    return f"× {yuan(factor)}" if counted or factor >= 100 else f"× {grouped(factor, 4)}"


def _condition(node: Syntax, catalogue: Catalogue) -> str:
    if node.kind in ("AND", "OR"):
        return (" 且 " if node.kind == "AND" else " 或 ").join(_condition(arg, catalogue) for arg in node.args)
    if node.kind == "NOT":
        return f"非（{_condition(node.args[0], catalogue)}）"
    if node.kind == "name":
        return _value(node, catalogue)
    subject = node.args[0]
    indicator = catalogue[str(subject.value)] if subject.kind == "name" else None
    said = [
        quantity(arg.value, indicator) if isinstance(arg.value, Fraction) else shown(arg.value, indicator)
        for arg in node.args[1:]
    ]
    if node.kind == "BETWEEN":
        return f"{_value(subject, catalogue)}在 {said[0]} 至 {said[1]} 之间"
    if node.kind == "IN":
        return f"{_value(subject, catalogue)}为{'、'.join(said)}"
    return f"{_value(subject, catalogue)}{SIGNS[node.kind]} {said[0]}"
