"""A rule against the words of its own policy: numbers, comparisons, regions, dates and amounts that one says and the other does not."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from data import gazetteer
from data.corpus import Item
from matching.rules import check
from matching.rules.errors import RuleError
from matching.rules.items import item_text
from matching.rules.lint import Finding, line_of, stands_in
from matching.rules.program import compile_item
from matching.rules.soundness import Severity
from matching.rules.terms import Case, Column, Compare, Constant, Member, Not, Term, parts
from matching.rules.vocabulary import Vocabulary, vocabulary_of_indicators
from matching.text import document
from matching.text.model import Condition as ReadCondition
from matching.text.places import Here, names_here, placed
from matching.text.plain import flat
from matching.text.quantities import Quantity, quantities
from matching.text.reading import read

_NEGATED = {">=": "<", ">": "<=", "<=": ">", "<": ">="}
_MIRRORED = {">=": "<=", ">": "<", "<=": ">=", "<": ">"}
# words that turn a comparison round, or speak of a change: what stands beside the number is then not what the rule compares
_TURNED = re.compile(r"不予|不得|除外|不享受|不适用|下降|减少|降低|降幅|下滑|剔除")
# 5000000 in 500万元, 36 in 三年: the ways a threshold may be counted
_SIZES = {"大型", "中型", "小型", "微型"}
_SCALES = (1, 12, 365, Fraction(1, 12), Fraction(1, 365))
# a sum by the month in a rule by the year, a share as 5 and as 0.05
_PAID = (1, 12, Fraction(1, 12), 100, 10_000)
# bounds that a neighbouring tier may own whatever the word says (policies.md §8 rule 1)
_OPEN_TO_NEIGHBOURS = re.compile(r"以下|以内|以上|及以|之间|至|到|-|—|~")


@dataclass(frozen=True)
class Comparison:
    """`column op value` as a rule states it, NOT already applied."""

    column: str
    op: str
    value: Fraction


def differences(items: Sequence[Item], indicators: Mapping[str, Any]) -> list[Finding]:
    """What each item's rules and its own text do not both say; items whose rules do not compile are left to `matching.rules.lint`."""
    vocabulary = vocabulary_of_indicators(indicators)
    return [finding for item in items for finding in _of_item(item, vocabulary)]


def _of_item(item: Item, vocabulary: Vocabulary) -> Iterator[Finding]:
    try:
        compiled = compile_item(item_text(item), vocabulary, (), {})
    except RuleError:
        return
    body = flat(f"{item.title}\n{item.text}").text
    said = _Said(body)

    def finding(condition: str, rule: str, message: str, severity: Severity = "warning") -> Finding:
        return Finding(item.path.name, line_of(item, condition), item.id, condition, rule, severity, message)

    comparisons = {name: list(_comparisons(term)) for name, term in compiled.terms.items()}
    asked = [c for found in comparisons.values() for c in found]
    paid = list(_comparisons(compiled.award)) if compiled.award is not None else []
    every = [*asked, *paid]
    for condition in item.conditions:
        words = _Said(flat(condition.text).text, said.bounds)
        for one in comparisons[condition.id]:
            if message := _number_differs(one, said) or _comparison_differs(one, words, said, every):
                rule = "operator-differs" if "比较" in message else "number-not-in-policy"
                yield finding(condition.id, rule, message)
        for message in _region_differs(compiled.terms[condition.id], condition.text, body, item):
            yield finding(condition.id, "region-differs", message)
        for day in _days(compiled.terms[condition.id]):
            if not _says_day(day, condition.text) and not _says_day(day, body):
                yield finding(condition.id, "date-differs", f"表达式里的日期 {day} 在条件原文和政策原文里都找不到")
    for one in paid:
        if message := _number_differs(one, said) or _comparison_differs(one, said, said, every):
            yield finding("award", "amount-differs", message)
    for message in _award_differs(compiled.award, every, said):
        yield finding("award", "amount-differs", message)
    for message in _unpaid(compiled.award, every, item):
        yield finding("award", "amount-not-in-rule", message, "info")
    if not any(example.verdict in ("eligible", "declarable") for example in item.examples):
        # a rule that nobody can meet makes no list and no complaint: an example that meets it is what tells (reliability.md, row 41)
        yield finding(
            "examples",
            "nobody-meets",
            "没有一个例子能够享受：请补一个判定为 eligible 或 declarable 的例子，证明条件有人能满足",
            "info",
        )
    if message := _title_differs(item.text, item):
        yield finding("region", "region-differs", message)
    for key, message in _validity_differs(item):
        yield finding(key, "date-differs", message)
    yield from (
        finding("conditions", "condition-not-in-rule", message, "info")
        for message in _unruled(item, compiled.terms, every)
    )


class _Said:
    """The quantities of a text, and how its document means 以上 and 以下."""

    def __init__(self, text: str, bounds: Mapping[str, bool] | None = None) -> None:
        self.text = text
        self.found = quantities(text)
        self.bounds = document.bounds_defined(text) if bounds is None else bounds
        # a unit the reader does not know, and shares written as percentages in an expression
        self.bare = {
            Fraction(n.replace(",", "")) for n in re.findall(r"(?<![\d.])\d+(?:,\d{3})*(?:\.\d+)?(?![\d.])", text)
        }

    def has(self, value: Fraction) -> bool:
        """Whether the text holds a number, in whatever unit: 36 months as 三年, but not 100 because a 1 stands somewhere."""
        held = {Fraction(n) for q in self.found for n in (q.value, q.high) if n is not None} | self.bare
        return any(number * scale == abs(value) for number in held for scale in _SCALES)

    def comparing(self, value: Fraction) -> list[tuple[str, str]]:
        """(comparison, words) wherever the text compares with `value`."""
        return [
            (op, self.text[q.left : q.right])
            for q in self.found
            for number, op in _ends(q, self.bounds)
            if op and any(Fraction(number) * scale == abs(value) for scale in _SCALES)
        ]


def _ends(quantity: Quantity, bounds: Mapping[str, bool]) -> list[tuple[Any, str]]:
    """(number, comparison) of a quantity: two for a range."""
    if quantity.high is not None:
        low = ">" if quantity.open_low else ">="
        return [(quantity.value, low), (quantity.high, "<" if quantity.closed is False else "<=")]
    op: str = quantity.op
    if quantity.closed is None:
        for word, included in bounds.items():
            if word in quantity.word:
                op = {">": ">=", "<": "<="}.get(op, op) if included else {">=": ">", "<=": "<"}.get(op, op)
    return [(quantity.value, op)]


def _comparisons(term: Term, turned: bool = False) -> Iterator[Comparison]:
    """Every comparison of a column with a number in a term, with NOT worked in. Arms of a CASE count as comparisons too."""
    if isinstance(term, Not):
        yield from _comparisons(term.arg, not turned)
        return
    if isinstance(term, Compare) and term.operator != "=":
        left, right = term.left, term.right
        op: str = term.operator
        if isinstance(left, Constant):
            left, right, op = right, left, _MIRRORED[op]
        if isinstance(left, Column) and isinstance(right, Constant) and isinstance(right.value, Fraction):
            yield Comparison(left.name, _NEGATED[op] if turned else op, right.value)
        return
    for part in parts(term):
        yield from _comparisons(part, turned)


def _number_differs(one: Comparison, said: _Said) -> str:
    if one.value in (0, 1) or said.has(one.value):
        return ""
    return f"规则里的 {check.plain(one.value)} 在政策原文里找不到"


def _comparison_differs(one: Comparison, words: _Said, said: _Said, every: Sequence[Comparison]) -> str:
    """The rule's comparison against the one that stands beside the same number, in the condition's words and in the policy."""
    # a first time is told by what was before
    if one.value in (0, 1) or _TURNED.search(words.text) or "before" in one.column:
        return ""
    for place, text in (("条件原文", words), ("政策原文", said)):
        told = text.comparing(one.value)
        if not told or any(op == one.op for op, _ in told):
            continue
        if text is said and len({op for op, _ in told}) > 1:
            continue
        op, shown = told[0]
        same_side = op[0] == one.op[0]
        neighbour = any(
            other.column == one.column and other.value == one.value and other.op[0] != one.op[0] for other in every
        )
        if same_side and not re.search(r"含[^\d]*$", shown) and neighbour and _OPEN_TO_NEIGHBOURS.search(shown):
            continue
        if text is said and not same_side and any(c.column != one.column and c.value == one.value for c in every):
            continue
        return f"规则写的是 {one.column} {one.op} {check.plain(one.value)}，{place}「{shown}」的比较是 {op}"
    return ""


def _members(term: Term) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(column, codes) of every region or park a term asks for."""
    if isinstance(term, Member) and isinstance(term.arg, Column) and re.search(r"region|park", term.arg.name):
        yield term.arg.name, tuple(str(option) for option in term.options)
    if isinstance(term, Compare) and isinstance(column := term.left, Column) and re.search(r"region|park", column.name):
        yield column.name, tuple(str(p.value) for p in (term.right,) if isinstance(p, Constant))
    for part in parts(term):
        yield from _members(part)


def _region_differs(term: Term, words: str, body: str, item: Item) -> Iterator[str]:
    told, policy, anywhere = _places(words, item), _asked_places(body, item), _places(body, item)
    for column, codes in _members(term):
        place, named = ("条件原文", told) if told else ("政策原文", policy or anywhere)
        strangers = [code for code in codes if not any(_same_place(code, other) for other in named)]
        if named and strangers:
            yield f"规则里 {column} 的 {'、'.join(strangers)} 不是{place}说的地方（{'、'.join(sorted(named))}）"
        elif policy and not any(_same_place(code, other) for code in codes for other in policy):
            yield f"规则里 {column} 的 {'、'.join(codes)} 不是政策原文要求的地方（{'、'.join(sorted(policy))}）"
        elif unsaid := {t for t in told if not any(_same_place(t, o) for o in policy | anywhere)}:
            yield f"条件原文说的地方 {'、'.join(sorted(unsaid))} 在政策原文里找不到"


def _title_differs(body: str, item: Item) -> str:
    """A title that names a place (海口市…办法) where the item holds for another."""
    line = next((words for words in body.split("\n") if words.strip()), "")[:60]
    named = {p.code for p in gazetteer.find(line)}
    if not named or any(_within(code, own) for code in named for own in item.region):
        return ""
    return f"政策标题说的地方（{'、'.join(sorted(named))}）不是适用地区 {'、'.join(item.region)}"


def _within(code: str, own: str) -> bool:
    """Whether one of two places lies in the other, or they are one."""
    short, long = sorted((code.rstrip("0"), own.rstrip("0")), key=len)
    return _same_place(code, own) or long.startswith(short) or not (code.isdigit() and own.isdigit())


def _asked_places(body: str, item: Item) -> set[str]:
    """The places where a policy asks an applicant to be, where it says so in so many words."""
    home = gazetteer.region(item.region[0])
    here = Here(home.name if home else "", home.name[-1] if home else "")
    return {p.code for found in placed(body, 0, len(body), here) for p in gazetteer.find(found.place)}


def _places(text: str, item: Item) -> set[str]:
    """The places a text names; 本市 is the item's own, 省内 its province."""
    named = {p.code for p in gazetteer.find(text)}
    said = names_here(text)
    if "省" in said:
        named.add(f"{item.region[0][:2]}0000" if item.region[0][:2].isdigit() else "460000")
    return named | set(item.region) if said - {"省"} else named


def _same_place(code: str, other: str) -> bool:
    """Whether two codes are one place, or a park is named for the region it lies in."""
    if code == other:
        return True
    park = next((p for p in gazetteer.parks() if p.park == code), None)
    return park is not None and (park.name in other or any(alias == other for alias in park.aliases))


def _days(term: Term) -> Iterator[date]:
    if isinstance(term, Constant) and isinstance(term.value, date):
        yield term.value
    for part in parts(term):
        yield from _days(part)


def _says_day(day: date, text: str) -> bool:
    plain = re.sub(r"\s", "", flat(text).text)
    spelled = (
        rf"{day.year}年0?{day.month}月0?{day.day}日",
        rf"{day.year}[-./]0?{day.month}[-./]0?{day.day}(?!\d)",
    )
    if any(re.search(pattern, plain) for pattern in spelled):
        return True
    # 2024年 alone begins on the first and ends on the last of its days
    ends = (day.month, day.day) in ((1, 1), (12, 31))
    return ends and re.search(rf"{day.year}年(?!\d)", plain) is not None


def _award_differs(award: Term | None, every: Sequence[Comparison], said: _Said) -> Iterator[str]:
    if award is None:
        return
    numbers = [n for n in _constants(award) if n not in (0, 1)]
    for number in dict.fromkeys(numbers):
        if not said.has(number) and not any(number == c.value for c in every):
            yield f"奖励表达式里的 {check.plain(number)} 在政策原文里找不到"


def _unpaid(award: Term | None, every: Sequence[Comparison], item: Item) -> Iterator[str]:
    """What the reader finds given in the policy and the award does not hold."""
    if award is None:
        return
    known = {*_constants(award), *(c.value for c in every)}
    for value in _given(item):
        if value != 1 and not any(value == number * scale for number in known for scale in _PAID):
            yield f"政策原文给的 {check.plain(value)} 在奖励表达式里没有"


def _constants(term: Term) -> Iterator[Fraction]:
    if isinstance(term, Constant) and isinstance(term.value, Fraction):
        yield abs(term.value)
    if isinstance(term, Case):
        for _, value in term.arms:
            yield from _constants(value)
        yield from _constants(term.otherwise)
        return
    for part in parts(term):
        yield from _constants(part)


def _given(item: Item) -> list[Fraction]:
    """The sums and shares that the reader finds given in the policy's own text."""
    found: dict[Fraction, None] = {}
    for each in read(item.text, title=item.title, issuer=item.issuer).items:
        award = each.award
        if award.get("kind") == "reduction":
            # 减按15%: the rule states what is saved
            continue
        for part in (award, *award.get("tiers", ()), award.get("step") or {}):
            for key in ("amount_yuan", "rate", "cap_yuan"):
                if isinstance(part.get(key), int | float):
                    found[Fraction(str(part[key]))] = None
    return list(found)


def _validity_differs(item: Item) -> Iterator[tuple[str, str]]:
    said = document.validity(flat(item.text).text, "")
    for key, span, (first, last) in (
        ("valid", item.valid, ("from", "to")),
        ("window", item.window, ("apply_from", "apply_to")),
    ):
        if span is None:
            continue
        for name, day in ((first, span.start), (last, span.end)):
            if name in said and said[name] != day.isoformat():
                yield key, f"{key} 写的是 {day}，政策原文写的是 {said[name]}"


def _values(conditions: Iterable[ReadCondition]) -> list[Fraction]:
    """The numbers that conditions compare with."""
    every = [v for c in conditions for v in (c.value if isinstance(c.value, list) else [c.value])]
    return [Fraction(str(v)) for v in every if isinstance(v, int | float) and not isinstance(v, bool)]


def _unruled(item: Item, terms: Mapping[str, Term], every: Sequence[Comparison]) -> Iterator[str]:
    """Thresholds that the reader finds in the policy and that neither a rule nor a note on what lies outside the data holds."""
    held = " ".join([*(c.text for c in item.conditions), *(o.text for o in item.outside_data)])
    numbers = {c.value for c in every} | {n for term in terms.values() for n in _constants(term)}
    reading = read(item.text, title=item.title, issuer=item.issuer)

    def ruled(number: Fraction) -> bool:
        return any(abs(n) == abs(number) * scale for n in numbers for scale in _SCALES)

    # a document of many items: only those that the rule speaks of
    mine = [each for each in reading.items if len(reading.items) == 1 or any(map(ruled, _values(each.conditions)))]
    asked = [*reading.common_conditions, *(c for each in mine for c in each.conditions)]
    for condition in _sizes_unruled(asked, held):
        yield f"政策原文的「{reading.text[condition.start : condition.end]}」没有对应的条件"
    for condition in asked:
        for number in _values([condition]):
            if number not in (0, 1) and not ruled(number) and not stands_in(number, held):
                words = reading.text[condition.start : condition.end]
                yield f"政策原文的「{words}」没有对应的条件"


def _sizes_unruled(asked: Sequence[ReadCondition], held: str) -> list[ReadCondition]:
    """What the text asks of a firm's size where no rule speaks of size: a larger firm would be paid by the rule and not by the words."""
    sized = [c for c in asked if c.field == "enterprise_size" and c.op == "in" and set(c.value) <= _SIZES]
    named = {value for c in sized for value in c.value}
    return [] if named == _SIZES or re.search(r"[大中小微]型|小微|小规模", held) else sized
