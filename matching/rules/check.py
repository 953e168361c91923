"""From syntax to typed terms: names looked up, types settled, comparisons brought to one form, values held against the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from matching.rules.errors import refused
from matching.rules.parse import Syntax, parse
from matching.rules.simplify import arithmetic, compare, conjunction, disjunction, negation, truth_test
from matching.rules.terms import (
    UNKNOWN,
    AsOf,
    Case,
    Coalesce,
    Column,
    Constant,
    Days,
    Extreme,
    IsNull,
    Like,
    Member,
    Same,
    Shift,
    Term,
    Type,
)
from matching.rules.vocabulary import TYPE_LABELS, Bounds, Vocabulary, nearest

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}


def condition(expr: str, vocabulary: Vocabulary) -> Term:
    """The term of an expression that is true, false or unknown. Raises RuleError."""
    tree, term = _settled(expr, vocabulary)
    if term.type == "null":
        return UNKNOWN
    if term.type != "bool":
        raise refused(tree.position, f"条件应当成立或不成立，这里得到的是{TYPE_LABELS[term.type]}；缺少与什么比较")
    return term


def amount(expr: str, vocabulary: Vocabulary) -> Term:
    """The term of an expression that yields a number, such as an award. Raises RuleError."""
    tree, term = _settled(expr, vocabulary)
    if term.type not in ("number", "null"):
        raise refused(tree.position, f"此处应为数（元），得到的是{TYPE_LABELS[term.type]}")
    return term


def _settled(expr: str, vocabulary: Vocabulary) -> tuple[Syntax, Term]:
    try:
        tree = parse(expr, vocabulary.labels)
        return tree, _Checker(vocabulary).term(tree)
    except RecursionError:
        # the limits of `parse` fit an ordinary stack; a caller that is deep itself leaves less
        raise refused(None, "嵌套过深；请拆成几个条件") from None


class _Checker:
    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def term(self, node: Syntax) -> Term:
        match node.kind:
            case "literal":
                return _literal(node.value)
            case "name":
                return self.name(node)
            case "AND" | "OR":
                sides = tuple(self.truth(arg, node.kind) for arg in node.args)
                return conjunction(sides) if node.kind == "AND" else disjunction(sides)
            case "NOT":
                return negation(self.truth(node.args[0], "NOT"))
            case "=" | "<>" | "<" | "<=" | ">" | ">=":
                return self.comparison(node)
            case "+" | "-" | "*" | "/":
                return self.arithmetic(node)
            case "NEGATE":
                return arithmetic(
                    "-", Constant(Fraction(0), "number"), self.number(self.term(node.args[0]), node.args[0], "负号")
                )
            case "BETWEEN":
                return self.between(node)
            case "IN":
                return self.membership(node)
            case "LIKE":
                return self.like(node)
            case "IS NULL":
                return IsNull(self.term(node.args[0]))
            case "IS TRUE" | "IS FALSE" | "IS UNKNOWN":
                what = node.kind.removeprefix("IS ")
                return truth_test(self.truth(node.args[0], node.kind), what.lower())
            case "SAME":
                left, right = self.alike(node.args, "IS DISTINCT FROM")
                return Same(left, right)
            case "COALESCE":
                args = self.alike(node.args, "coalesce")
                return Coalesce(args, _common(args))
            case "LEAST" | "GREATEST":
                return self.extreme(node)
            case "DATE_DIFF":
                return self.date_diff(node)
            case "CASE":
                return self.case(node)
        raise refused(node.position, f"{node.kind} 不在规则语言内")

    def name(self, node: Syntax) -> Term:
        name = str(node.value)
        if name.casefold() == "as_of" and name not in self.vocabulary.columns:
            return AsOf()
        if name.casefold() in ("current_date", "now", "today", "current_timestamp"):
            raise refused(node.position, f"不用 {name}：今天是哪天写 as_of，同一条规则才能重算过去的日子")
        return self.vocabulary.column(name, node.position)

    def truth(self, node: Syntax, of: str) -> Term:
        term = self.term(node)
        if term.type == "null":
            return UNKNOWN
        if term.type != "bool":
            raise refused(node.position, f"{of} 连接的应是条件，这里是{TYPE_LABELS[term.type]}")
        return term

    def number(self, term: Term, node: Syntax, of: str) -> Term:
        if term.type == "null":
            return Constant(None, "number")
        if term.type != "number":
            raise refused(node.position, f"{of}只用于数，这里是{TYPE_LABELS[term.type]}")
        return term

    def alike(self, nodes: Sequence[Syntax], of: str) -> tuple[Term, ...]:
        """Terms of one type; text literals beside a date are read as dates, NULLs take the others' type."""
        terms = [self.term(node) for node in nodes]
        kinds = {term.type for term in terms} - {"null"}
        if kinds == {"text", "date"}:
            terms = [_as_date(term, node) for term, node in zip(terms, nodes, strict=True)]
            kinds = {"date"}
        if "list" in kinds:
            at = next(node for term, node in zip(terms, nodes, strict=True) if term.type == "list")
            raise refused(at.position, f"名单只用于 IN 和 IS NULL，不用于 {of}；如 {at.value} IN ('名称')")
        if len(kinds) > 1:
            shown = "与".join(TYPE_LABELS[kind] for kind in sorted(kinds))
            odd = next(
                node for term, node in zip(terms, nodes, strict=True) if term.type not in ("null", terms[0].type)
            )
            raise refused(odd.position, f"{of} 两边类型不同（{shown}），不能放在一起；数不加引号，文字要加引号")
        kind: Type = next((term.type for term in terms if term.type != "null"), "null")
        return tuple(Constant(None, kind) if term.type == "null" else term for term in terms)

    def comparison(self, node: Syntax) -> Term:
        for side in node.args:
            if side.kind == "literal" and side.value is None:
                raise refused(
                    side.position, f"与 NULL 比较（{node.kind} NULL）永远是未知；判断有没有值写 IS NULL 或 IS NOT NULL"
                )
        left, right = self.alike(node.args, node.kind)
        self.hold(left, right, node.kind, node.args[1].position)
        self.hold(right, left, _MIRRORED[node.kind], node.args[0].position)
        return compare(node.kind, left, right)

    def between(self, node: Syntax) -> Term:
        subject, low, high = self.alike(node.args, "BETWEEN")
        self.hold(subject, low, ">=", node.args[1].position)
        self.hold(subject, high, "<=", node.args[2].position)
        if isinstance(low, Constant) and isinstance(high, Constant) and self.vocabulary.bounds:
            folded = compare(">", low, high)
            if isinstance(folded, Constant) and folded.value is True and isinstance(subject, Column):
                raise refused(node.args[1].position, "BETWEEN 的下限大于上限，永不成立；小的写在前面")
        return conjunction((compare(">=", subject, low), compare("<=", subject, high)))

    def membership(self, node: Syntax) -> Term:
        subject = self.term(node.args[0])
        if isinstance(subject, Column) and subject.reach is not None:
            return self.reaching(subject, node.args[1:])
        if subject.type == "list":
            raise refused(node.args[0].position, "IN 左边的名单应是一个指标名")
        subject, *options = self.alike(node.args, "IN")
        found: list[Fraction | str | bool | date] = []
        alternatives: list[Term] = []
        for option, syntax in zip(options, node.args[1:], strict=True):
            self.hold(subject, option, "=", syntax.position)
            if not isinstance(option, Constant):
                alternatives.append(compare("=", subject, option))
            elif option.value is None:
                alternatives.append(UNKNOWN)
            elif subject.type == "bool":
                alternatives.append(compare("=", subject, option))
            else:
                found.append(option.value)
        if found and isinstance(subject, Constant):
            alternatives.extend(compare("=", subject, Constant(value, subject.type)) for value in found)
        elif found:
            alternatives.append(_member(subject, found))
        return disjunction(tuple(alternatives))

    def reaching(self, subject: Column, nodes: Sequence[Syntax]) -> Term:
        names: list[Fraction | str | bool | date] = []
        unknown = False
        for node in nodes:
            option = self.term(node)
            if option.type == "null":
                unknown = True
                continue
            if not isinstance(option, Constant) or not isinstance(option.value, str):
                raise refused(node.position, f"{subject.name} IN 的每一项应是引号里的文字")
            self.hold(subject, option, "=", node.position)
            names.append(option.value)
        alternatives: list[Term] = [_member(subject, names)] if names else []
        return disjunction((*alternatives, UNKNOWN) if unknown else tuple(alternatives))

    def like(self, node: Syntax) -> Term:
        subject = self.term(node.args[0])
        if subject.type not in ("text", "null"):
            raise refused(node.args[0].position, f"LIKE 只用于文字，这里是{TYPE_LABELS[subject.type]}")
        pattern, *rest = (self.term(arg) for arg in node.args[1:])
        for part, syntax in zip((pattern, *rest), node.args[1:], strict=True):
            if not isinstance(part, Constant) or part.type not in ("text", "null"):
                raise refused(syntax.position, "LIKE 的模式应是引号里的文字，如 '%科技%'")
        texts = [part.value for part in (pattern, *rest) if isinstance(part, Constant)]
        if any(text is None for text in texts) or subject.type == "null":
            return UNKNOWN
        escape = str(texts[1]) if len(texts) > 1 else None
        if escape is not None and len(escape) != 1:
            raise refused(node.args[2].position, "ESCAPE 之后应是一个字符")
        if escape is not None and _dangling(str(texts[0]), escape):
            raise refused(node.args[1].position, f"模式以转义符 {escape} 结尾，后面缺一个字符")
        return Like(subject, str(texts[0]), escape)

    def extreme(self, node: Syntax) -> Term:
        name = "least" if node.kind == "LEAST" else "greatest"
        args = self.alike(node.args, name)
        kind = _common(args)
        if kind in ("text", "bool"):
            raise refused(node.position, f"{name} 只用于数和日期，这里是{TYPE_LABELS[kind]}")
        return args[0] if len(args) == 1 else Extreme("least" if node.kind == "LEAST" else "greatest", args, kind)

    def arithmetic(self, node: Syntax) -> Term:
        left, right = (self.term(arg) for arg in node.args)
        if "date" in (left.type, right.type):
            return self.calendar(node, left, right)
        # each side is settled once: twice at every level would double the work with every step of a sum
        a, b = node.args
        return arithmetic(node.kind, self.number(left, a, f"“{node.kind}”"), self.number(right, b, f"“{node.kind}”"))

    def calendar(self, node: Syntax, left: Term, right: Term) -> Term:
        if node.kind == "-" and left.type == "date" and right.type in ("date", "text"):
            return Days(left, _as_date(right, node.args[1]))
        if node.kind == "-" and left.type == "text" and right.type == "date":
            return Days(_as_date(left, node.args[0]), right)
        day, days = (left, right) if left.type == "date" else (right, left)
        movable = node.kind == "+" or (node.kind == "-" and left.type == "date")
        if movable and isinstance(days, Constant) and isinstance(days.value, Fraction) and days.value.denominator == 1:
            count = int(days.value) if node.kind == "+" else -int(days.value)
            if abs(count) > 400_000:
                raise refused(node.position, f"移动 {count} 天超出范围（400000 天）")
            if isinstance(day, Constant) and isinstance(day.value, date):
                moved = day.value.toordinal() + count
                if not 1 <= moved <= date.max.toordinal():
                    raise refused(node.position, f"{day.value} 移动 {count} 天，超出公元 1 年到 9999 年")
                return Constant(date.fromordinal(moved), "date")
            return Shift(day, count)
        raise refused(node.position, "日期只能相减得天数，或加减一个整天数，如 as_of - established_date >= 365")

    def date_diff(self, node: Syntax) -> Term:
        unit = self.term(node.args[0])
        if not isinstance(unit, Constant) or str(unit.value).lower() != "day":
            raise refused(
                node.args[0].position,
                "date_diff 只算天数（'day'）：月差、年差各引擎算法不同，请用现成的指标，如 established_years",
            )
        start, end = (self.term(arg) for arg in node.args[1:])
        ends = [_as_date(term, arg) for term, arg in zip((start, end), node.args[1:], strict=True)]
        return Days(ends[1], ends[0])

    def case(self, node: Syntax) -> Term:
        shape = str(node.value)
        args = list(node.args)
        subject = args.pop(0) if shape.startswith("subject") else None
        default = args.pop() if shape.endswith("else") else Syntax("literal", node.position)
        whens, thens = args[0::2], args[1::2]
        values = self.alike([*thens, default], "CASE 的各个结果")
        if subject is None:
            tests = [self.truth(when, "WHEN") for when in whens]
        else:
            first, *matches = self.alike([subject, *whens], "CASE")
            for match, when in zip(matches, whens, strict=True):
                self.hold(first, match, "=", when.position)
            tests = [compare("=", first, match) for match in matches]
        return Case(tuple(zip(tests, values[:-1], strict=True)), values[-1], _common(values))

    def hold(self, subject: Term, value: Term, operator: str, position: int) -> None:
        """Refuses a comparison of an indicator with a constant that its declared range or code list rules out."""
        if not isinstance(subject, Column) or not isinstance(value, Constant) or value.value is None:
            return
        bounds = self.vocabulary.bounds.get(subject.name)
        if bounds is None:
            return
        if bounds.codes is not None and isinstance(value.value, str) and value.value not in bounds.codes:
            near = nearest(value.value, list(bounds.codes))
            hint = f"；是否指“{near}”？" if near else f"；可用：{'、'.join(bounds.codes[:12])}"
            raise refused(position, f"{bounds.label}（{subject.name}）没有“{value.value}”这一项，永不成立{hint}")
        if outside := _outside(value.value, operator, bounds):
            raise refused(position, f"{bounds.label}（{subject.name}）{outside}")


def _outside(value: Fraction | str | bool | date, operator: str, bounds: Bounds) -> str | None:
    low, high = bounds.low, bounds.high
    shown = f"应在 {plain(low) if low is not None else '不限'} 到 {plain(high) if high is not None else '不限'} 之间"
    below = low is not None and type(value) is type(low) and value < low  # type: ignore[operator]
    above = high is not None and type(value) is type(high) and value > high  # type: ignore[operator]
    if below or above:
        return f"{shown}，{plain(value)} 超出范围，比较没有意义；请核对单位（元、小数）"
    if (operator == ">" and value == high and high is not None) or (
        operator == "<" and value == low and low is not None
    ):
        return f"{shown}，{operator} {plain(value)} 永不成立"
    return None


def plain(value: object) -> str:
    """A constant as it would be written: numbers without exponent, at most 12 decimals where they do not end."""
    if isinstance(value, Fraction):
        if value.denominator == 1:
            return str(value.numerator)
        scale = next((s for s in range(1, 40) if (value * 10**s).denominator == 1), 12)
        digits = str(abs(round(value * 10**scale))).rjust(scale + 1, "0")
        return f"{'-' if value < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"
    return value.isoformat() if isinstance(value, date) else str(value)


def _literal(value: Fraction | str | bool | date | None) -> Constant:
    if value is None:
        return Constant(None, "null")
    if isinstance(value, bool):
        return Constant(value, "bool")
    if isinstance(value, Fraction):
        return Constant(value, "number")
    return Constant(value, "date" if isinstance(value, date) else "text")


def _as_date(term: Term, node: Syntax) -> Term:
    if term.type == "date":
        return term
    if term.type == "null":
        return Constant(None, "date")
    if isinstance(term, Constant) and isinstance(term.value, str):
        try:
            if len(term.value) == 10:
                return Constant(date.fromisoformat(term.value), "date")
        except ValueError:
            pass
        raise refused(node.position, f"“{term.value}”不是日期，应写作 DATE '2024-01-31'")
    raise refused(node.position, f"此处应为日期，这里是{TYPE_LABELS[term.type]}")


def _member(subject: Term, options: list[Fraction | str | bool | date]) -> Term:
    distinct = tuple(sorted(set(options)))  # type: ignore[type-var]
    reach = isinstance(subject, Column) and subject.reach is not None
    if len(distinct) == 1 and not reach:
        return compare("=", subject, Constant(distinct[0], subject.type))
    return Member(subject, distinct)


def _common(args: Sequence[Term]) -> Type:
    return next((arg.type for arg in args if arg.type != "null"), "null")


def _dangling(pattern: str, escape: str) -> bool:
    at = 0
    while at < len(pattern):
        if pattern[at] == escape:
            if at + 1 == len(pattern):
                return True
            at += 1
        at += 1
    return False
