"""Reading a policy: the text as items with conditions and awards, what an official then confirms (policies.md §8).

What cannot be mapped goes to `other_metric` or `other_requirement`; the mode is not in the text and is not invented.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from matching.text import awards, document
from matching.text.alternatives import closings_of, grouped
from matching.text.items import bounds_shared, distinct, items_of, rebound
from matching.text.model import Condition, Reading, ReadItem
from matching.text.outline import outline
from matching.text.places import Here
from matching.text.plain import Flat, flat
from matching.text.quantities import quantities
from matching.text.sizes import sizes
from matching.text.statements import Quantities, unit_read
from matching.text.units import Unit, units

__all__ = ["Condition", "ReadItem", "Reading", "Tagger", "read"]

Tagger = Callable[[str, str, str], dict[str, Any]]
UnitRead = tuple[Unit, list[Condition], list[awards.Amount]]

# No article asks for more before one award; a list of thousands of lines must not be copied to each of them.
_INHERITED = 30
_SHARING = 30
_SHARED = 1500


def read(
    text: str, title: str = "", issuer: str = "", region: str = "", date: str = "", tagger: Tagger | None = None
) -> Reading:
    """Reads one policy text.

    `region` and `issuer` say what 我市 and 本区 stand for, `date` (ISO) when 自印发之日起 begins. `tagger(text, title, issuer)` supplies the
    tags of the document (default: rule tags). Never raises on any text: what it does not understand it leaves out of the conditions.
    """
    made = flat(text)
    here, syllable = document.here_of(region, issuer, title)
    place = Here(here, syllable)
    level = document.level_of(issuer or region)
    index = Quantities(quantities(made.text))
    found = _units_read(made.text, index, place, flat(title).text)
    common, items = _assembled(made, found, title)
    said = document.bounds_defined(made.text)
    closings = closings_of(made.text)
    shared = _finished(made, common, said, closings)
    finished = tuple(_placed(made, i, _finished(made, list(i.conditions), said, closings)) for i in items)
    return Reading(
        text=text,
        title=title,
        issuer=issuer,
        region=region or here or ("全国" if level == "国家级" else ""),
        date=date,
        tags=tagger(made.text, title, issuer)
        if tagger
        else _rule_tags(made.text, title, issuer, _pieces(made.text, found), shared, finished),
        level=level,
        departments=document.departments(made.text, issuer),
        validity=document.validity(made.text, date),
        common_conditions=shared,
        rules=document.rules(made),
        items=finished,
    )


def _placed(made: Flat, item: ReadItem, conditions: tuple[Condition, ...]) -> ReadItem:
    """An item with its place in the text as written."""
    start, end = made.span(item.start, item.end)
    return replace(item, conditions=conditions, start=start, end=end)


def _pieces(text: str, found: list[UnitRead]) -> list[str]:
    """The paragraphs that give something, each with what its article and the whole document ask for."""
    giving = {unit.parents[-1] for unit, _, amounts in found if amounts}
    shared = " ".join(
        text[c.start : c.end]
        for unit, conditions, amounts in found
        if not amounts and (unit.common or (unit.asks and unit.parents[-1] not in giving))
        for c in conditions
        if not unit.barred and c.field != "excluded_category"
    )
    shared = shared[:_SHARED]
    stated: dict[int, list[Condition]] = {}
    for unit, conditions, amounts in found:
        if not amounts:
            # what one article asks for its own award is not asked by its neighbours
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


def _rule_tags(
    text: str, title: str, issuer: str, pieces: list[str], common: tuple[Condition, ...], items: tuple[ReadItem, ...]
) -> dict[str, Any]:
    """The facets of policies.md §8: lists, and one word for the mode. 不限 where some item is open to all."""
    from matching.text.tags import named_sizes, names, rule_tags, unrestricted, vocabulary

    found = rule_tags(title, text, issuer)
    mode = names(found, "mode")
    listed = {facet: list(names(found, facet)) for facet in ("theme", "industry", "size", "method")}
    if unrestricted(title, pieces) and "不限" not in listed["industry"]:
        listed["industry"].insert(0, "不限")
    asked = sizes(named_sizes(title), listed["size"], common, items)
    listed["size"] = [size for size in vocabulary().tags["size"] if size in asked]
    return {**listed, "mode": mode[0] if mode else "未说明"}


def _finished(
    made: Flat, conditions: list[Condition], said: dict[str, bool], closings: list[int]
) -> tuple[Condition, ...]:
    """Conditions under the document's own bounds, grouped, with their places in the text as written."""
    shared = bounds_shared(made.text, [rebound(made.text, c, said) for c in distinct(conditions)])
    spans = [(c, made.span(c.start, c.end)) for c in grouped(made.text, shared, closings)]
    return tuple(replace(c, start=start, end=end) for c, (start, end) in spans)


def _units_read(text: str, index: Quantities, here: Here, title: str) -> list[UnitRead]:
    table: list[str] = []
    found: list[UnitRead] = []
    for unit in units(text, outline(text)):
        if unit.skip:
            continue
        conditions, amounts, table = unit_read(text, unit, index, here, table, title)
        found.append((unit, bounds_shared(text, conditions), amounts))
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
            # 一、对象 二、标准(一)(二) 三、每家总额: what stands before a section's items is not for what follows them alone
            spread = unit.owner == root and len(items) > len(owned.get(root, ()))
            chain = tuple(parent for parent in (unit.owner, *unit.parents) if not (spread and parent == root))
            inherited = [c for parent in chain for c in waiting.get(parent, [])[-_INHERITED:]]
            taken.update({parent: len(waiting.get(parent, ())) for parent in chain})
            new = items_of(made, unit, conditions, amounts, inherited)
            for parent in chain:
                owned.setdefault(parent, []).extend(range(len(items), len(items) + len(new)))
            items += new
            subtitle = new[-1] if _is_subtitle(made.text, new[-1], unit) else None
        elif not conditions:
            continue
        elif _gives_without_sum(made.text, unit):
            items.append(ReadItem(unit.name, tuple(distinct(conditions)), {}, unit.start, unit.end))
            subtitle = None
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


# 对新迁入我区的上市公司，按照本区上市企业予以奖励: who it names need be nobody else
_GIVES_LIKE = re.compile(
    r"(?:^|[。\n])[^。；，\n]{0,20}(?:对|凡|支持|鼓励)[^。；\n]{6,160}(?:给予|予以|享受|参照|按照?)[^。；\n\d]{0,40}(?:奖励|奖补|补贴|贴息|补助|补贴|资助|支持|扶持|优惠|待遇|政策)[。；\s]*(?:$|[。；\n])"
)


def _gives_without_sum(text: str, unit: Unit) -> bool:
    return not (unit.asks or unit.common or unit.barred or unit.choice or unit.gives or unit.preamble) and bool(
        _GIVES_LIKE.search(text[unit.start : unit.end])
    )


def _is_subtitle(text: str, item: ReadItem, unit: Unit) -> bool:
    """An amount on a line of its own (众创空间（奖励20万元）), with its standards in the paragraphs below."""
    tail = text[item.end : unit.end].strip()
    return "。" not in text[item.start : item.end] and len(tail) <= 24 and not re.search(r"[。；]", tail)
