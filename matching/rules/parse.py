"""From the text of a rule to a syntax tree, with DuckDB's precedence; names and types are settled afterwards, in `check`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from matching.rules.errors import refused
from matching.rules.tokens import Token, tokens

# DuckDB 2.0, loosest first; tests/matching/test_rules_precedence.py compares random unbracketed expressions with DuckDB itself.
OR, AND, NOT, IS, COMPARISON, RANGE, SUM, PRODUCT, SIGN = 10, 20, 30, 40, 50, 60, 70, 80, 90
COMPARISONS = {"=": "=", "==": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
FUNCTIONS = {"COALESCE": (1, None), "LEAST": (1, None), "GREATEST": (1, None), "DATE_DIFF": (3, 3), "DATEDIFF": (3, 3)}
DEEPEST = 220
DEEPEST_TREE = 220
MOST_OPENED = 1000


@dataclass(frozen=True, slots=True)
class Syntax:
    """One node. `kind` is the operator or form, `args` its operands, `value` a literal's value or a name; `position` is 1-based."""

    kind: str
    position: int
    args: tuple[Syntax, ...] = ()
    value: Fraction | str | bool | date | None = None


def parse(expr: str, labels: Iterable[str] = ()) -> Syntax:
    """The syntax tree of one expression. Raises RuleError for anything outside the grammar, at the character where it shows."""
    if not isinstance(expr, str):
        raise refused(None, f"表达式应为文字，现为 {type(expr).__name__}：{expr!r}")
    words = _Parser(tokens(expr, labels))
    if not expr.strip():
        raise refused(1, "表达式是空的；应为一个条件，如 employees_insured >= 50")
    tree = words.expression(0, 0)
    if words.here.kind != "end":
        raise refused(words.here.position, f"{words.here.said()}多余：表达式到这里应已结束，或缺少 AND / OR")
    _not_too_deep(tree)
    return tree


def _not_too_deep(tree: Syntax) -> None:
    """Brackets and chains are each bounded while they are read; together they could still nest deeper than what walks them may go."""
    level = [tree]
    for _ in range(DEEPEST_TREE):
        level = [arg for node in level for arg in node.args]
        if not level:
            return
    raise refused(level[0].position, f"嵌套和连写合计超过 {DEEPEST_TREE} 层；请拆成几个条件")


class _Parser:
    def __init__(self, words: list[Token]) -> None:
        self.words = words
        self.at = 0

    @property
    def here(self) -> Token:
        return self.words[self.at]

    def take(self) -> Token:
        token = self.words[self.at]
        self.at += 1
        return token

    def is_word(self, *words: str) -> bool:
        return self.here.kind == "word" and self.here.value in words

    def is_operator(self, *operators: str) -> bool:
        return self.here.kind == "operator" and self.here.value in operators

    def expect_operator(self, operator: str, why: str) -> Token:
        if not self.is_operator(operator):
            raise refused(self.here.position, f"{why}：此处应为 {operator}，现为{self.here.said()}")
        return self.take()

    def expect_word(self, word: str, why: str) -> Token:
        if not self.is_word(word):
            raise refused(self.here.position, f"{why}：此处应为 {word}，现为{self.here.said()}")
        return self.take()

    def expression(self, floor: int, depth: int) -> Syntax:
        """The longest expression whose operators bind tighter than `floor`."""
        # NOT and brackets before an operand are opened here, one after another: any number of them costs no recursion
        opened: list[tuple[Token, int]] = []
        while self.is_word("NOT") or self.is_operator("("):
            token = self.take()
            if token.value == "NOT" and floor > NOT:
                raise refused(token.position, "NOT 在这里要加括号，如 a = (NOT b)")
            opened.append((token, floor))
            floor = NOT if token.value == "NOT" else 0
            if len(opened) > MOST_OPENED:
                raise refused(token.position, f"NOT 和括号连写超过 {MOST_OPENED} 个；请拆成几个条件")
        if depth > DEEPEST:
            raise refused(self.here.position, f"嵌套超过 {DEEPEST} 层；请拆成几个条件")
        left = self.prefix(depth)
        steps = 0
        while True:
            step = self.infix(left, floor, depth)
            if step is not None:
                # a chain of AND or OR stays one node; any other chain nests to the left
                steps += step.kind not in ("AND", "OR")
                if steps > DEEPEST:
                    raise refused(self.here.position, f"连写超过 {DEEPEST} 步；请拆成几个条件")
                left = step
            elif opened:
                token, floor = opened.pop()
                left = self.closed(left) if token.value == "(" else _denied(token, left)
            else:
                return left

    def closed(self, inner: Syntax) -> Syntax:
        if self.is_operator(","):
            raise refused(self.here.position, "名单只用在 IN 之后；此处括号里应只有一个表达式")
        self.expect_operator(")", "括号没有合上")
        return inner

    def infix(self, left: Syntax, floor: int, depth: int) -> Syntax | None:
        token = self.here
        if token.kind == "word":
            return self.infix_word(left, floor, depth)
        if token.kind != "operator":
            return None
        sign = str(token.value)
        if sign in COMPARISONS and floor <= COMPARISON:
            self.take()
            right = self.expression(COMPARISON + 1, depth + 1)
            if self.is_operator(*COMPARISONS):
                raise refused(self.here.position, "比较不能连写：a < b < c 应写作 a < b AND b < c")
            return Syntax(COMPARISONS[sign], token.position, (left, right))
        if sign in ("+", "-") and floor <= SUM:
            self.take()
            return Syntax(sign, token.position, (left, self.expression(SUM + 1, depth + 1)))
        if sign in ("*", "/") and floor <= PRODUCT:
            self.take()
            return Syntax(sign, token.position, (left, self.expression(PRODUCT + 1, depth + 1)))
        return None

    def infix_word(self, left: Syntax, floor: int, depth: int) -> Syntax | None:
        token = self.here
        for word, power in (("OR", OR), ("AND", AND)):
            if token.value == word and floor <= power:
                args = list(left.args) if left.kind == word else [left]
                while self.is_word(word):
                    self.take()
                    args.append(self.expression(power + 1, depth + 1))
                return Syntax(word, token.position, tuple(args))
        if token.value == "IS" and floor <= IS:
            return self.is_form(left, depth)
        if floor > RANGE:
            return None
        negated = token.value == "NOT"
        if negated:
            following = self.words[self.at + 1]
            if not (following.kind == "word" and following.value in ("IN", "BETWEEN", "LIKE")):
                raise refused(following.position, f"NOT 之后应为 IN、BETWEEN 或 LIKE，现为{following.said()}")
            self.take()
        form = self.range_form(left, depth)
        return Syntax("NOT", token.position, (form,)) if negated and form is not None else form

    def range_form(self, left: Syntax, depth: int) -> Syntax | None:
        token = self.here
        if token.value == "BETWEEN":
            self.take()
            low = self.expression(RANGE + 1, depth + 1)
            self.expect_word("AND", "BETWEEN 的两端用 AND 隔开")
            return Syntax("BETWEEN", token.position, (left, low, self.expression(RANGE + 1, depth + 1)))
        if token.value == "LIKE":
            self.take()
            pattern = self.expression(RANGE + 1, depth + 1)
            if self.is_word("ESCAPE"):
                self.take()
                return Syntax("LIKE", token.position, (left, pattern, self.expression(RANGE + 1, depth + 1)))
            return Syntax("LIKE", token.position, (left, pattern))
        if token.value == "IN":
            self.take()
            self.expect_operator("(", "IN 之后是括号里的名单")
            if self.is_operator(")"):
                raise refused(self.here.position, "IN () 是空名单，永不成立；至少写一项")
            return Syntax("IN", token.position, (left, *self.arguments(depth)))
        return None

    def is_form(self, left: Syntax, depth: int) -> Syntax:
        token = self.take()
        negated = self.is_word("NOT")
        if negated:
            self.take()
        if self.is_word("DISTINCT"):
            self.take()
            self.expect_word("FROM", "IS DISTINCT FROM")
            same = Syntax("SAME", token.position, (left, self.expression(IS + 1, depth + 1)))
            return same if negated else Syntax("NOT", token.position, (same,))
        if not self.is_word("NULL", "TRUE", "FALSE", "UNKNOWN"):
            raise refused(self.here.position, f"IS 之后应为 NULL、TRUE、FALSE 或 UNKNOWN，现为{self.here.said()}")
        form = Syntax(f"IS {self.take().value}", token.position, (left,))
        return Syntax("NOT", token.position, (form,)) if negated else form

    def arguments(self, depth: int) -> tuple[Syntax, ...]:
        found = [self.expression(0, depth + 1)]
        while self.is_operator(","):
            self.take()
            found.append(self.expression(0, depth + 1))
        self.expect_operator(")", "括号没有合上")
        return tuple(found)

    def prefix(self, depth: int) -> Syntax:
        token = self.take()
        if token.kind == "number":
            return Syntax("literal", token.position, value=token.value)
        if token.kind == "text":
            return Syntax("literal", token.position, value=token.value)
        if token.kind == "quoted":
            return Syntax("name", token.position, value=str(token.value))
        if token.kind == "name":
            return self.named(token, depth)
        if token.kind == "operator":
            return self.prefix_operator(token, depth)
        if token.kind == "word":
            return self.prefix_word(token, depth)
        raise refused(token.position, "表达式没有写完：此处应为指标名、数或括号")

    def prefix_operator(self, token: Token, depth: int) -> Syntax:
        if token.value == "-":
            return Syntax("NEGATE", token.position, (self.expression(SIGN, depth + 1),))
        if token.value == "+":
            return self.expression(SIGN, depth + 1)
        raise refused(token.position, f"{token.said()}之前缺少指标名、数或括号")

    def prefix_word(self, token: Token, depth: int) -> Syntax:
        if token.value in ("TRUE", "FALSE"):
            return Syntax("literal", token.position, value=token.value == "TRUE")
        if token.value == "NULL":
            return Syntax("literal", token.position, value=None)
        if token.value == "CASE":
            return self.case(token, depth)
        if token.value == "UNKNOWN":
            raise refused(token.position, "UNKNOWN 只用在 IS 之后；空值写作 NULL")
        raise refused(token.position, f"{token.said()}不能用在这里：此处应为指标名、数或括号")

    def case(self, token: Token, depth: int) -> Syntax:
        """`CASE` with args (subject or nothing, when, then, …, else or nothing); `value` says which of the two are there."""
        subject = () if self.is_word("WHEN") else (self.expression(0, depth + 1),)
        arms: list[Syntax] = []
        while self.is_word("WHEN"):
            self.take()
            arms.append(self.expression(0, depth + 1))
            self.expect_word("THEN", "CASE 的每个 WHEN 之后")
            arms.append(self.expression(0, depth + 1))
        if not arms:
            raise refused(self.here.position, f"CASE 至少要有一个 WHEN … THEN …，现为{self.here.said()}")
        otherwise: tuple[Syntax, ...] = ()
        if self.is_word("ELSE"):
            self.take()
            otherwise = (self.expression(0, depth + 1),)
        self.expect_word("END", "CASE 要以 END 结束")
        shape = ("subject" if subject else "") + ("else" if otherwise else "")
        return Syntax("CASE", token.position, (*subject, *arms, *otherwise), shape)

    def named(self, token: Token, depth: int) -> Syntax:
        upper = str(token.value).upper()
        if upper == "DATE" and self.here.kind == "text":
            return Syntax("literal", token.position, value=_date(self.take()))
        if upper == "INTERVAL" and self.here.kind in ("text", "number"):
            raise refused(token.position, "不用 INTERVAL：日期只按天数计算，如 as_of - established_date >= 365")
        if upper == "SELECT":
            raise refused(token.position, "不写子查询：规则只看本户的画像，需要的数应是画像里的一列")
        if not self.is_operator("("):
            return Syntax("name", token.position, value=str(token.value))
        if upper not in FUNCTIONS:
            raise refused(
                token.position,
                f"函数 {token.value} 不在规则语言内；可用 coalesce、least、greatest、date_diff('day', …)",
            )
        self.take()
        if self.is_operator(")"):
            raise refused(self.here.position, f"{token.value} 缺少参数")
        args = self.arguments(depth)
        fewest, most = FUNCTIONS[upper]
        if len(args) < fewest or (most is not None and len(args) > most):
            raise refused(token.position, f"{token.value} 应有 {fewest} 个参数，现有 {len(args)} 个")
        return Syntax("DATE_DIFF" if upper == "DATEDIFF" else upper, token.position, args)


def _denied(token: Token, operand: Syntax) -> Syntax:
    """NOT of an operand; three in a row are one, so that a long run of NOT stays two deep and still asks for a truth value."""
    if operand.kind == "NOT" and operand.args[0].kind == "NOT":
        return operand.args[0]
    return Syntax("NOT", token.position, (operand,))


def _date(token: Token) -> date:
    try:
        if len(str(token.value)) == 10:
            return date.fromisoformat(str(token.value))
    except ValueError:
        pass
    raise refused(token.position, f"“{token.value}”不是日期，应写作 DATE '2024-01-31'")
