"""Conditions that are alternatives: said by 或, listed under 符合以下条件之一, k of n, or one for each sort of enterprise."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count

from matching.text.model import Condition
from matching.text.outline import Span
from matching.text.units import ONE_OF

_NUMERIC = frozenset({">=", ">", "<=", "<", "between"})

_OR = re.compile(
    r"^(?:的|企业|单位|机构|称号|认定|资质|资格|\([^()]{0,20}\)|[\s，,、；)])*或者?(?!许)(?:[^，。；]{0,5}|(?:首次|被|新|获得?|评为|认定为?|列入|纳入|取得|属于|入选|国家级?|[^，。；\d]{0,3}省级?|市级?|[\"“”])*)$|^[\u4e00-\u9fa5]{1,8}[，,]\s?或者?(?!许)[^，。；]{0,5}$"
)
# 注册资本1000万元以上，或者管理的企业不少于3家: the measure stands between
_OR_MEASURE = re.compile(r"^[^，。；\n]{0,4}[，,]?\s?或者?(?!许)[^，。；\n]{0,20}$")
# 对规模以上工业企业、高新技术企业: sorts of enterprise in a list are alternatives (policies.md §4)
_SORTS = frozenset({"is_above_scale", "certifications", "honors", "applicant_type", "enterprise_size", "listed_status"})
_LISTED = re.compile(r"(?:工业|服务业|商贸)?(?:企业|单位)?[\"“”]?、[\"“”]?(?:国家|省|市)?级?")
# 500亩以上的蔬菜基地、100亩以上的水产基地: the same measure for another sort
_FOR_ANOTHER = re.compile(r"的[^，。；\n\d]{2,18}(?:、|或|和|及|以及)\d")
# 得分60分以上，或满足下列条件之一：
_OR_LIST = re.compile(r"[，,]?\s?或者?(?:满足|符合|具备|具有)")
_AND = re.compile(r"^[\s，,]*(?:但|且|并且|同时|并)")


def grouped(text: str, conditions: list[Condition], closings: Sequence[int] = ()) -> list[Condition]:
    """Marks what the text joins by 或, or lists under 符合以下条件之一, as one OR group.

    Lines of such a list are its alternatives; a line that asks for several things holds them together by `alt`. `closings` are the
    places of the document where a sentence says behind its list that one is enough (`closings_of`). Groups are numbered as they are met.
    """
    free = count(1)
    numbers: dict[int, int] = {}
    branches: dict[int, list[int]] = {}
    conditions = _forked(text, _apart(conditions))
    for condition in conditions:
        if choice := condition.extra.get("_choice"):
            if choice not in numbers:
                numbers[choice] = next(free)
            branches.setdefault(choice, []).append(condition.extra["_branch"])
    out: list[Condition] = []
    one_of: int | None = None
    conditions = _one_size(conditions, free)
    conditions = _two_sorts(text, conditions, free)
    conditions = _sorts_in_turn(text, conditions, free)
    conditions = _closed_by(text, conditions, closings, free)
    for condition in conditions:
        extra = dict(condition.extra)
        if (choice := extra.get("_choice")) and len(set(branches[choice])) > 1:
            extra["any_of"] = numbers[choice]
            if (least := extra.get("_least", 1)) > 1:
                extra["at_least"] = least
            if len(set(branches[choice])) < len(branches[choice]):
                extra["alt"] = list(dict.fromkeys(branches[choice])).index(extra["_branch"]) + 1
            out.append(replace(condition, extra=extra))
            continue
        if "_barred" in extra or "any_of" in extra:
            out.append(condition)
            continue
        earlier = out[-1] if out else None
        between = (
            text[earlier.end : condition.start]
            if earlier is not None
            else text[max(0, condition.start - 60) : condition.start]
        )
        if len(between) <= 400 and (match := ONE_OF.search(between)) and _ANNOUNCES.match(between[match.end() :]):
            one_of = next(free)
            if (
                earlier is not None
                and earlier.op in _NUMERIC
                and _OR_LIST.match(between)
                and not {"any_of", "_barred"} & set(earlier.extra)
            ):
                out[-1] = replace(earlier, extra={**earlier.extra, "any_of": one_of})
        elif one_of is not None and (len(between) > 60 or re.search(r"。|给予|奖励|补助", between)):
            one_of = None
        if one_of is not None:
            extra["any_of"] = one_of
        elif earlier is not None and (
            (len(between) <= 24 and _OR.search(between) and not re.search(r"[。；\n]", between))
            or (condition.op in _NUMERIC and len(between) <= 30 and _OR_MEASURE.match(between))
            or (
                condition.op in _NUMERIC
                and earlier.op == condition.op
                and earlier.field == condition.field
                and _FOR_ANOTHER.match(text, earlier.end, condition.end)
            )
            or (earlier.field in _SORTS and condition.field in _SORTS and _LISTED.fullmatch(between))
        ):
            if "any_of" not in earlier.extra:
                out[-1] = replace(earlier, extra={**earlier.extra, "any_of": next(free)})
            extra["any_of"] = out[-1].extra["any_of"]
        elif (
            earlier is not None
            and "any_of" in earlier.extra
            and earlier.extra.get("any_of") != one_of
            and len(between) <= 30
            and _AND.match(between)
            and not re.search(r"[。；\n]", between)
            and _after_or(text, out)
        ):
            # 收入1000万元以上，或1000万元以下但新增股权融资2000万元以上: the last two hold together
            extra["any_of"] = earlier.extra["any_of"]
            extra["alt"] = 2
            same = [n for n, c in enumerate(out) if c.extra.get("any_of") == extra["any_of"]]
            for n in same:
                out[n] = replace(out[n], extra={**out[n].extra, "alt": 2 if n == same[-1] else 1})
        out.append(replace(condition, extra=extra))
    return out


_BELOW, _ABOVE = ("<", "<="), (">", ">=")


def _apart(conditions: list[Condition]) -> list[Condition]:
    """(一)经营不满一年，… (二)经营一年以上，…: lines of one list that nobody can meet together are alternatives, each line as a whole."""
    lists: dict[int, list[Condition]] = {}
    for condition in conditions:
        if "_list" in condition.extra and "tier" not in condition.extra and "when" not in condition.extra:
            lists.setdefault(condition.extra["_list"], []).append(condition)
    chosen = {name for name, lines in lists.items() if any(_exclude(a, b) for a in lines for b in lines)}
    return [
        replace(c, extra={**c.extra, "_choice": c.extra["_list"], "_branch": c.extra["_row"]})
        if c.extra.get("_list") in chosen and "_barred" not in c.extra
        else c
        for c in conditions
    ]


def _exclude(low: Condition, high: Condition) -> bool:
    return (
        low.field == high.field == "established_years"
        and low.extra["_row"] != high.extra["_row"]
        and low.extra.get("unit") == high.extra.get("unit")
        and low.op in _BELOW
        and high.op in _ABOVE
        and low.value <= high.value
    )


def _forked(text: str, conditions: list[Condition]) -> list[Condition]:
    """A line of a list of alternatives that itself says 或 (1件以上发明专利或3件以上实用新型) is as many lines."""
    out: list[Condition] = []
    for condition in conditions:
        earlier = out[-1] if out else None
        if (
            earlier is not None
            and "_choice" in condition.extra
            and earlier.extra.get("_line", earlier.extra.get("_branch")) == condition.extra["_branch"]
        ):
            joined = _OR.search(text[earlier.end : condition.start]) or text[earlier.end : condition.start].endswith(
                "或"
            )
            branch = condition.start if joined else earlier.extra["_branch"]
            extra = {**condition.extra, "_line": condition.extra["_branch"], "_branch": branch}
            condition = replace(condition, extra=extra)
        out.append(condition)
    return out


def _one_size(conditions: list[Condition], free: Iterator[int]) -> list[Condition]:
    """大型企业按30%，中小微企业按60%: nobody has two sizes, so several are alternatives."""
    sizes = [c for c in conditions if c.field == "enterprise_size" and not {"_choice", "when"} & set(c.extra)]
    if len(sizes) < 2 or set.intersection(*(set(c.value) for c in sizes)):
        return conditions
    group = next(free)
    return [replace(c, extra={**c.extra, "any_of": group}) if c in sizes else c for c in conditions]


_SORTS_JOINED = re.compile(r"[，,]?(?:以及|和|及|或者?)")


def _two_sorts(text: str, conditions: list[Condition], free: Iterator[int]) -> list[Condition]:
    """对产值4000万元以上的工业企业，以及营业收入2000万元以上的软件企业: each trade has conditions of its own, nobody is both."""
    trades = [c for c in conditions if c.field == "industry"]
    if (
        any("any_of" in c.extra for c in conditions)
        or len(trades) != 2
        or not _SORTS_JOINED.match(text, trades[0].end)
        or "_choice" in trades[0].extra
    ):
        return conditions
    first, second = trades
    start = max(text.rfind(end, 0, first.start) for end in "。；\n") + 1
    if start > first.start or any(mark in text[first.end : second.start] for mark in "。；\n"):
        return conditions
    group = next(free)
    return [
        replace(c, extra={**c.extra, "any_of": group, "alt": 1 if c.end <= first.end else 2})
        if start <= c.start and c.end <= second.end
        else c
        for c in conditions
    ]


_TURN = re.compile(r"(?:[；。：\n][^，。；：\n]{0,6}|，其中)[，,]?(?:对|其中[，,]?)?$")


def _sorts_in_turn(text: str, conditions: list[Condition], free: Iterator[int]) -> list[Condition]:
    """农业企业收入5亿元以上；工业企业收入20亿元以上；…: a stretch for each trade, the same measure in each."""
    trades = sorted((c for c in conditions if c.field == "industry" and not _standing(c)), key=lambda c: c.start)
    trades = [c for c in trades if _TURN.search(text[max(0, c.start - 14) : c.start]) or c.start < 2]
    if len(trades) < 2 or "\n" in text[trades[0].start : trades[-1].start]:
        return conditions
    ends = [c.start for c in trades[1:]]
    stop = text.find("\n", trades[-1].end)
    stop = min(stop if stop >= 0 else len(text), trades[-1].end + 120)
    rows = [
        [c for c in conditions if a.start <= c.start < b and not _standing(c)]
        for a, b in zip(trades, [*ends, stop], strict=True)
    ]
    measured = [{c.field for c in row if c.op in _NUMERIC} for row in rows]
    if not set.intersection(*measured) or len({str(c.value) for c in trades}) < len(trades):
        return conditions
    group = next(free)
    alternative = {id(c): n for n, row in enumerate(rows, start=1) for c in row}
    return [
        replace(
            c, extra={**{k: v for k, v in c.extra.items() if k != "tier"}, "any_of": group, "alt": alternative[id(c)]}
        )
        if id(c) in alternative
        else c
        for c in conditions
    ]


def _standing(condition: Condition) -> bool:
    return bool({"_choice", "any_of", "when", "_barred"} & set(condition.extra))


_ANNOUNCES = re.compile(r"[^。；：\n]{0,14}[：:][^。]{0,60}$")
# 高新技术企业，或者科技型中小企业(以上满足其一即可)
_ANY_WILL_DO = re.compile(
    r"(?:以上|上述)[^，。；\n]{0,8}(?:满足|符合|具备)?(?:其[一1]|任[一意1][项个]?|[一1]项)(?:即可|均可)?|(?:满足|符合|具备)其[一1](?:项)?即可|[二三四五]选一"
)


def closings_of(text: str) -> list[int]:
    """Where a text says behind a list that one of it is enough."""
    return [mark.start() for mark in _ANY_WILL_DO.finditer(text)]


def _closed_by(text: str, conditions: list[Condition], closings: Sequence[int], free: Iterator[int]) -> list[Condition]:
    """Conditions of a sentence that ends by saying that one of them is enough."""
    out = list(conditions)
    for mark in closings:
        start = max(text.rfind(end, 0, mark) for end in "。；\n") + 1
        inside = [n for n, c in enumerate(out) if start <= c.start < mark and "_choice" not in c.extra]
        if len(inside) > 1:
            group = next(free)
            for n in inside:
                out[n] = replace(out[n], extra={**out[n].extra, "any_of": group})
    return out


def _after_or(text: str, out: list[Condition]) -> bool:
    """Whether the last condition is the one that 或 brings in."""
    return len(out) > 1 and bool(_OR.search(text[out[-2].end : out[-1].start]))


_OTHERWISE = re.compile(r"[^，。；\n]{0,4}[，,]\s?或者?(?!许)(?P<words>[^，。；\n]{4,40})[。；;\s]*$")


def or_else(text: str, sentence: Span, asked: list[Condition]) -> list[Condition]:
    """具有独立法人资格，或者经法人授权的分支机构: the other way to meet a condition, for which we have no name, is kept beside it."""
    if len(asked) != 1 or not (match := _OTHERWISE.match(text, asked[0].end, sentence.end)):
        return asked
    start, end = match.span("words")
    choice = -sentence.start - 1
    other = Condition(start, end, "other_requirement", "is_true", True, {"detail": match["words"]})
    return [
        replace(c, extra={**c.extra, "_choice": choice, "_branch": n}) for n, c in enumerate((asked[0], other), start=1)
    ]
