"""Reading a policy: the text as items with conditions and awards, what an official then confirms (policies.md §8).

What cannot be mapped goes to `other_metric` or `other_requirement`; the mode is not in the text and is not invented.
"""

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from matching.text import awards, bars, document, soft
from matching.text.fields import field_in
from matching.text.items import bounds_shared, distinct, grouped, items_of, joined_bounds, rebound
from matching.text.model import Condition, Reading, ReadItem
from matching.text.numeric import numeric_condition
from matching.text.outline import Span, clauses, outline, sentences
from matching.text.places import Here
from matching.text.plain import Flat, flat
from matching.text.quantities import Quantity, quantities
from matching.text.units import Unit, heads_award, units

__all__ = ["Condition", "ReadItem", "Reading", "Tagger", "read"]

Tagger = Callable[[str, str, str], dict[str, Any]]
UnitRead = tuple[Unit, list[Condition], list[awards.Amount]]

# A sentence that talks to a machine states nothing about a policy.
_ADDRESSED = re.compile(
    r"(?:忽略|无视|忘记)[^。\n]{0,12}(?:要求|指令|内容|规则|提示|条件)|系统提示|提示词|语言模型|人工智能助手|ignore (?:all|any|the|previous)|system prompt|assistant:|你(?:现在)?是(?:一个|一名)",
    re.I,
)
_NEWS = re.compile(
    r"(?:共|累计|已|预计|合计)(?:有|为|向|发放|兑现|拨付|安排|惠及|支持|补助|返还|减免|带动)[^。；]{0,30}(?:\d|余)|专项资金[^。；]{0,10}\d|总规模|财政安排|安排[^。；]{0,16}资金\s?\d|据统计|去年同期"
)
# What a government sets itself: 用3年时间，使担保规模达到1亿元以上; 力争到2027年…突破100家
_GOAL = re.compile(
    r"(?:力争|争取|确保|(?<![促即])使(?!用|得|其)|到20\d\d年底?|工作目标|发展目标)[^。；]{0,60}?(?:达到|突破|超过|不低于|\d)"
)
# No article asks for more before one award; a list of thousands of lines must not be copied to each of them.
_INHERITED = 30
_SHARING = 30
_PAPERS = re.compile(r"复印件|原件|盖章|申请表|一式[一二两三四\d]+份|营业执照副本|提交材料")


def read(
    text: str, title: str = "", issuer: str = "", region: str = "", date: str = "", tagger: Tagger | None = None
) -> Reading:
    """Reads one policy text.

    `region` and `issuer` say what 我市 and 本区 stand for, `date` (ISO) when 自印发之日起 begins. `tagger(text, title, issuer)` supplies the
    tags of the document (default: rule tags). Never raises on any text: what it does not understand it leaves out of the conditions.
    """
    made = flat(text)
    here, level = document.here_of(region, issuer, title)
    place = Here(here, level)
    index = _Index(quantities(made.text))
    found = _units_read(made.text, index, place)
    common, items = _assembled(made, found, title)
    said = document.bounds_defined(made.text)
    return Reading(
        text=text,
        title=title,
        issuer=issuer,
        region=region,
        date=date,
        tags=tagger(made.text, title, issuer)
        if tagger
        else _rule_tags(made.text, title, issuer, _pieces(made.text, found, common)),
        departments=document.departments(made.text, issuer),
        validity=document.validity(made.text, date),
        common_conditions=_finished(made, common, said),
        rules=document.rules(made),
        items=tuple(
            replace(
                i,
                conditions=_finished(made, list(i.conditions), said),
                start=made.span(i.start, i.end)[0],
                end=made.span(i.start, i.end)[1],
            )
            for i in items
        ),
    )


def _pieces(text: str, found: list[UnitRead], common: list[Condition]) -> list[str]:
    """The paragraphs that give something, each with what its article and the whole document ask for."""
    shared = " ".join(text[c.start : c.end] for c in common)
    stated: dict[int, list[Condition]] = {}
    for unit, conditions, _ in found:
        stated.setdefault(unit.owner, []).extend(conditions)
    return [
        " ".join(
            [unit.name, unit.lead, text[unit.start : unit.end], shared]
            + [
                text[c.start : c.end]
                for parent in (unit.owner, *unit.parents)
                for c in stated.get(parent, ())[:_INHERITED]
            ]
        )
        for unit, _, amounts in found
        if amounts
    ]


def _rule_tags(text: str, title: str, issuer: str, pieces: list[str]) -> dict[str, Any]:
    """The facets of policies.md §8: lists, and one word for the mode. 不限 where some item is open to all."""
    from matching.text.tags import names, rule_tags, unrestricted

    found = rule_tags(title, text, issuer)
    mode = names(found, "mode")
    open_to_all = unrestricted(title, pieces)
    listed = {facet: list(names(found, facet)) for facet in ("theme", "industry", "size", "method")}
    for facet in open_to_all:
        if "不限" not in listed[facet]:
            listed[facet].insert(0, "不限")
    return {**listed, "mode": mode[0] if mode else "未说明"}


def _finished(made: Flat, conditions: list[Condition], said: dict[str, bool]) -> tuple[Condition, ...]:
    """Conditions under the document's own bounds, grouped, with their places in the text as written."""
    shared = bounds_shared(made.text, [rebound(made.text, c, said) for c in distinct(conditions)])
    spans = [(c, made.span(c.start, c.end)) for c in grouped(made.text, shared)]
    return tuple(replace(c, start=start, end=end) for c, (start, end) in spans)


class _Index:
    """Quantities by position."""

    def __init__(self, found: list[Quantity]) -> None:
        self.found = found
        self.starts = [q.start for q in found]

    def within(self, start: int, end: int) -> list[Quantity]:
        return self.found[bisect_left(self.starts, start) : bisect_left(self.starts, end)]


def _units_read(text: str, index: _Index, here: Here) -> list[UnitRead]:
    table: list[str] = []
    found: list[UnitRead] = []
    for unit in units(text, outline(text)):
        if unit.skip:
            continue
        conditions, amounts, table = _unit_read(text, unit, index, here, table)
        found.append((unit, conditions, amounts))
    return found


def _assembled(made: Flat, found: list[UnitRead], title: str) -> tuple[list[Condition], list[ReadItem]]:
    """Items with what their article, their subtitle and their section ask for; what belongs to no single item is common to all."""
    common: list[Condition] = []
    items: list[ReadItem] = []
    waiting: dict[int, list[Condition]] = {}
    # what an owner's items have already taken over, and which items are an owner's
    taken: dict[int, int] = {}
    owned: dict[int, list[int]] = {}
    subtitle: ReadItem | None = None
    root = found[0][0].root if found else 0
    for unit, conditions, amounts in found:
        if amounts:
            chain = (unit.owner, *unit.parents)
            inherited = [c for parent in chain for c in waiting.get(parent, [])[-_INHERITED:]]
            taken.update({parent: len(waiting.get(parent, ())) for parent in chain})
            new = items_of(made, unit, conditions, amounts, inherited)
            for parent in chain:
                owned.setdefault(parent, []).extend(range(len(items), len(items) + len(new)))
            items += new
            subtitle = new[-1] if _is_subtitle(made.text, new[-1], unit) else None
        elif not conditions:
            continue
        elif unit.common:
            common += conditions
        elif subtitle is not None:
            items[-1] = subtitle = replace(subtitle, conditions=tuple(distinct([*subtitle.conditions, *conditions])))
        else:
            waiting.setdefault(unit.owner, []).extend(conditions)
    left: list[Condition] = []
    for owner, conditions in waiting.items():
        behind = conditions[taken.get(owner, 0) :]
        if owner == root or owner not in owned:
            left += behind
        elif behind:
            # 第五条 给予…。（三）企业须…: what an article asks after its award belongs to that award
            for n in owned[owner][-_SHARING:]:
                items[n] = replace(items[n], conditions=tuple(distinct([*items[n].conditions, *behind[-_INHERITED:]])))
    if not items:
        every = distinct([*common, *left])
        return [], [ReadItem(title, tuple(every), {}, 0, len(made.text))] if every else []
    if len(items) == 1:
        return common, [replace(items[0], conditions=tuple(distinct([*left, *items[0].conditions])))]
    return [*common, *left], items


def _is_subtitle(text: str, item: ReadItem, unit: Unit) -> bool:
    """An amount on a line of its own (众创空间（奖励20万元）), with its standards in the paragraphs below."""
    tail = text[item.end : unit.end].strip()
    return "。" not in text[item.start : item.end] and len(tail) <= 24 and not re.search(r"[。；]", tail)


def _unit_read(
    text: str, unit: Unit, index: _Index, here: Here, table: list[str]
) -> tuple[list[Condition], list[awards.Amount], list[str]]:
    conditions: list[Condition] = []
    amounts: list[awards.Amount] = []
    carried: dict[str, Condition] = {}
    topic = unit.lead[-60:] if unit.lead.rstrip().endswith(("：", ":")) else ""
    for sentence in sentences(text, unit.start, unit.end):
        words = text[sentence.start : sentence.end]
        if _ADDRESSED.search(words) or (_GOAL.search(words) and not awards.gives(words)):
            continue
        if awards.heads_table(words):
            table = _cells(words)
        elif "。" in words:
            table = []
        asked, given = _sentence_read(text, unit, sentence, index, carried, amounts, table, topic)
        if words.rstrip().endswith(("：", ":")):
            topic = words[-60:]
        amounts += given
        if _PAPERS.search(words):
            continue
        here_asked = [*asked, *_stated(text, sentence, here)]
        if bars.heads_bars(words) and words.rstrip().endswith(("：", ":")):
            continue
        if unit.barred or bars.is_bar(words):
            here_asked = bars.barred(text, sentence.start, sentence.end, here_asked)
        conditions += here_asked
    if unit.choice:
        mark = {"_choice": unit.choice, "_branch": unit.branch}
        conditions = [replace(c, extra={**c.extra, **mark}) for c in conditions]
    return sorted(conditions, key=lambda c: (c.start, c.end)), amounts, table


def _stated(text: str, sentence: Span, here: Here) -> list[Condition]:
    return [
        Condition(
            s.start, s.end, s.field, s.op, s.value, {**s.extra, "period": s.period} if s.period else dict(s.extra)
        )
        for s in soft.soft_conditions(text, sentence.start, sentence.end, here)
    ]


def _sentence_read(
    text: str,
    unit: Unit,
    sentence: Span,
    index: _Index,
    carried: dict[str, Condition],
    earlier: list[awards.Amount],
    table: list[str],
    topic: str,
) -> tuple[list[Condition], list[awards.Amount]]:
    words = text[sentence.start : sentence.end]
    schedule = awards.schedule_from(words)
    news = bool(_NEWS.search(words))
    # the intro of a list (给予奖励：) or a heading says that what follows is given
    giving = (
        unit.gives
        or awards.gives(text[max(unit.start, sentence.start - 400) : sentence.end])
        or awards.gives(unit.lead)
    )
    headed = heads_award(words)
    spans = clauses(text, sentence.start, sentence.end)
    starts = [c.start for c in spans]
    conditions: list[Condition] = []
    amounts = awards.worded(text, sentence)
    last: Condition | None = None
    inside = index.within(sentence.start, sentence.end)
    for n, quantity in enumerate(inside):
        at = bisect_left(starts, quantity.start + 1) - 1
        clause = spans[at] if at >= 0 else Span(sentence.start, sentence.end)
        scheduled = schedule is not None and quantity.start >= sentence.start + schedule
        if (scheduled and quantity.kind == "ratio") or awards.is_replaced(text, quantity):
            continue
        head = _column(words, quantity.start - sentence.start, table)
        given = not awards.is_tier(text, quantity) and (
            awards.is_award(text, quantity, sentence, clause)
            or _goes_on(text, amounts or earlier[-1:], quantity, sentence)
            or ((unit.gives or headed) and awards.is_award_in_section(text, quantity, clause))
            or (giving and head is None and last is not None and awards.follows_threshold(text, quantity, last.end))
            or (head is None and awards.in_list_of_sums(text, quantity, sentence.start))
            or (head is None and amounts and awards.goes_on_giving(text, quantity, clause))
            or ((amounts or earlier) and awards.limits_what_is_given(text, quantity, clause))
            or (
                head is not None
                and quantity.kind in ("money", "ratio")
                and not quantity.op
                and awards.gives_column(head)
            )
        )
        if given:
            if not news or quantity.kind != "money":
                amounts.append(awards.amount_of(text, quantity, sentence, clause))
            continue
        if news and not quantity.op:
            continue
        condition = soft.beside_reference(text, quantity, clause) or numeric_condition(
            text,
            quantity,
            clause,
            sentence,
            last,
            carried.get(quantity.kind),
            head
            if head is not None and not awards.gives_column(head)
            else _announced(text, sentence, quantity) or topic
            if quantity.op or quantity.high is not None
            else "",
        )
        if condition is None:
            continue
        last = carried[quantity.kind] = condition
        if _selects(text, quantity, inside[n + 1 :], sentence):
            subgroup = text[condition.start : _end_of_subgroup(text, quantity, sentence)]
            conditions.append(replace(condition, extra={**condition.extra, "_subgroup": subgroup}))
            continue
        conditions.append(condition)
    amounts.sort(key=lambda a: a.quantity.start)
    return _with_subgroups(joined_bounds(text, conditions)), amounts


def _cells(words: str) -> list[str]:
    return [cell for cell in re.split(r"\t|\|", words) if cell.strip()] if re.search(r"[\t|]", words) else words.split()


def _column(words: str, at: int, heads: list[str]) -> str | None:
    """The head of the table column that position `at` of a row stands in; None outside of tables and in rows of another width."""
    if not heads or len(cells := _cells(words)) != len(heads):
        return None
    position = 0
    for head, cell in zip(heads, cells, strict=True):
        position = words.index(cell, position) + len(cell)
        if at < position:
            return head
    return None


_SUBGROUP = re.compile(
    r"(?:及以下)?的[，,]?|(?:的|参保|规模的?|及以下的?|\(含\))*[\u4e00-\u9fa5]{0,6}?(?:企业|单位|机构|用人单位|组织)[，,]?"
)


def _announced(text: str, sentence: Span, quantity: Quantity) -> str:
    """研发投入占比：2亿元以下的企业不低于3%: what a colon in the same sentence announces."""
    colon = max(text.rfind("：", sentence.start, quantity.start), text.rfind(":", sentence.start, quantity.start))
    return text[max(sentence.start, colon - 60) : colon + 1] if colon > sentence.start else ""


def _selects(text: str, quantity: Quantity, later: list[Quantity], sentence: Span) -> bool:
    """30人以下的企业裁员率不高于20%; 收入低于5000万元的，不低于6%: the number says for whom the next threshold holds."""
    if quantity.kind not in ("count", "money") or not later or later[0].kind != "ratio":
        return False
    if not later[0].op and not text[quantity.right : later[0].start].rstrip().endswith(("放宽至", "放宽到")):
        return False
    if quantity.kind == "count" and quantity.unit != "人":
        return False
    match = _SUBGROUP.match(text, quantity.right, sentence.end)
    if not match or re.search(r"[。；给奖补按]", text[match.end() : later[0].left]):
        return False
    if quantity.kind == "count" or not awards.gives(text[later[0].right : sentence.end]):
        return True
    others = sum(1 for q in later if q.kind == "ratio" and q.op)
    return others >= 1 and bool(
        re.search(r"企业[，,]?[^，。；]{0,14}(?:占|比例|比重)", text[quantity.right : later[0].right])
    )


def _end_of_subgroup(text: str, quantity: Quantity, sentence: Span) -> int:
    match = _SUBGROUP.match(text, quantity.right, sentence.end)
    assert match
    return match.end() - 1 if text[match.end() - 1] in "，," else match.end()


def _with_subgroups(conditions: list[Condition]) -> list[Condition]:
    out: list[Condition] = []
    when = ""
    for condition in conditions:
        if "_subgroup" in condition.extra:
            when = condition.extra["_subgroup"]
            continue
        out.append(replace(condition, extra={**condition.extra, "when": when}) if when else condition)
        when = ""
    return out


def _goes_on(text: str, amounts: list[awards.Amount], quantity: Quantity, sentence: Span) -> bool:
    """30 万元、50 万元、100 万元; 报辅200万元、上市400万元: what follows an amount by 、 is an amount."""
    if not amounts or amounts[-1].quantity.kind != quantity.kind or amounts[-1].sentence.start != sentence.start:
        return False
    between = re.fullmatch(
        r"\s?(?:、|和|及|或|;|以及)\s?(?P<for>[\u4e00-\u9fa5]{0,8}?)(?:最高|不超过|分别)?",
        text[amounts[-1].quantity.right : quantity.left],
    )
    return between is not None and (
        not between["for"] or (not quantity.op and field_in(between["for"], quantity.kind, quantity.unit) is None)
    )
