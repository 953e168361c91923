"""Conditions and amounts put together: one item per test and award, tiers, OR groups, owners of shared bounds."""

import re
from dataclasses import replace

from matching.text import awards
from matching.text.award_record import award
from matching.text.model import Condition, ReadItem
from matching.text.outline import Span, sentences
from matching.text.plain import Flat
from matching.text.units import Unit

_LOWER = (">=", ">")
_UPPER = ("<=", "<")
_NUMERIC = (*_LOWER, *_UPPER, "between")


def items_of(
    made: Flat,
    unit: Unit,
    conditions: list[Condition],
    amounts: list[awards.Amount],
    inherited: list[Condition],
) -> list[ReadItem]:
    """One item per sentence that gives, unless its neighbours are tiers of the same test."""
    text = made.text
    groups: list[tuple[list[Condition], list[awards.Amount]]] = []
    # what sentences ask before any award: for all of the paragraph (`before`), or, once its own line has given, for that line only
    before: list[Condition] = []
    line: list[Condition] = []
    asked_at, given_at = 0, 0
    conditions = sorted(conditions, key=lambda c: (c.start, c.end))
    for sentence in sentences(text, unit.start, unit.end):
        asked: list[Condition] = []
        while asked_at < len(conditions) and conditions[asked_at].start < sentence.end:
            asked.append(conditions[asked_at])
            asked_at += 1
        given: list[awards.Amount] = []
        while given_at < len(amounts) and amounts[given_at].quantity.start < sentence.end:
            given.append(amounts[given_at])
            given_at += 1
        new_line = text[sentence.start - 1 : sentence.start] == "\n"
        if new_line:
            before, line = [*before, *line], []
        if not given:
            if asked and _GIVES_NO_MONEY.match(text, sentence.start, sentence.end):
                groups.append((asked, []))
            else:
                (groups[-1][0] if groups and groups[-1][1] and not new_line else line).extend(asked)
            continue
        asked, line = [*line, *asked], []
        numeric = {c.field for c in asked if c.op in _NUMERIC}
        separate = bool(
            re.match(
                r"\s*(?:[一二三四五六七八九十\d(][^对凡]{0,8})?(?:对|凡|属于|支持|鼓励)",
                text[sentence.start : sentence.end],
            )
        ) or (new_line and not _CONTINUES.match(text, sentence.start))
        if (
            groups
            and groups[-1][1]
            and (
                (not asked and not separate)
                or (
                    numeric
                    and numeric == {c.field for c in groups[-1][0] if c.op in _NUMERIC}
                    and not (separate and _who(asked) - _who(groups[-1][0]))
                )
            )
        ):
            groups[-1][0].extend(asked)
            groups[-1][1].extend(given)
        else:
            groups.append((asked, given))
    before += line
    return [
        ReadItem(
            unit.name if n == 0 else _opening(text, given[0].sentence if given else asked[0]),
            tuple(
                distinct(
                    [
                        *_fitting(text, given, inherited if asked else _tiered(inherited)),
                        *_named_tiers(_tiered(distinct([*before, *asked])), given),
                    ]
                )
            ),
            award(given, made) if given else {},
            min(a.sentence.start for a in given) if given else asked[0].start,
            max(a.sentence.end for a in given) if given else asked[-1].end,
        )
        for n, (asked, given) in enumerate(groups)
    ]


_WHO = frozenset({"certifications", "applicant_type", "enterprise_size", "honors"})


def _who(conditions: list[Condition]) -> set[tuple[str, str]]:
    """Who is asked for by name: tiers of one test are for the same."""
    return {(c.field, str(c.value)) for c in conditions if c.field in _WHO}


_AGAIN = re.compile(r"(?:再次|重新|复审|复核|期满)[^，。；\n]{0,8}(?:认定|通过|合格)")


def _fitting(text: str, given: list[awards.Amount], inherited: list[Condition]) -> list[Condition]:
    """对再次通过认定的…: what is said of the first time is not asked of those who come again."""
    if not given or not _AGAIN.search(text, given[0].sentence.start, given[-1].sentence.end):
        return inherited
    return [c for c in inherited if c.field != "recognition_first"]


# 对…的项目，可按…确定出让底价; 对…的，优先支持: an item of its own that gives something other than a sum of money
_GIVES_NO_MONEY = re.compile(
    r"\s*(?:\d{1,2}[、.])?(?:对|凡|鼓励)[^。；\n]{4,160}[，,][^。；\n]{0,30}(?:可按|可以?享受|优先|一事一议|免费提供|给予(?:[^。；\n\d]{0,20}(?:支持|便利|倾斜|保障|保护|服务))|参照|通报表扬|授予|颁发)"
)


# a line that goes on about the award above it
_CONTINUES = re.compile(
    r"\s*(?:单[个户家项]|每[家户个年人项]|最高|同一|其中|以上|上述|累计|年度|补[贴助]|奖励|资金|标准|\d|[（(])"
)


def _opening(text: str, stretch: Span | Condition) -> str:
    words = text[stretch.start : stretch.end].strip()
    pieces = [piece.strip() for piece in re.split(r"[。；：:，\n]", words)]
    return next((piece for piece in pieces if len(piece) > 4), pieces[0])[:40]


def _tiered(conditions: list[Condition]) -> list[Condition]:
    """Several thresholds of one field are tiers, numbered as they stand."""
    by_field: dict[str, list[Condition]] = {}
    for condition in conditions:
        if condition.op in _NUMERIC and not isinstance(condition.value, str) and "when" not in condition.extra:
            by_field.setdefault(condition.field + str(condition.extra.get("metric", "")), []).append(condition)
    by_field = {field: _steps(same) for field, same in by_field.items()}
    tiers = {
        condition.start: n
        for same in by_field.values()
        if len(same) > 1 and len({(c.op in _UPPER, str(c.value)) for c in same}) == len(same)
        for n, condition in enumerate(same, start=1)
    }
    return [
        replace(c, extra={**c.extra, "tier": tiers[c.start]}) if c.start in tiers and c.op in _NUMERIC else c
        for c in conditions
    ]


# stages and ranks that a sentence pays one after the other
_STAGES = frozenset({"listed_status", "evaluation_result"})


def _named_tiers(conditions: list[Condition], given: list[awards.Amount]) -> list[Condition]:
    """基础层奖75万元，创新层奖100万元: nobody is on both, each name stands before the sum it is given."""
    sums = [a.quantity.start for a in given if a.quantity.kind == "money" and a.quantity.op == ""]
    tiers: dict[tuple[str, int], int] = {}
    for field in _STAGES:
        # the name that stands last before a sum is the one it is for
        last: dict[int, Condition] = {}
        for condition in conditions:
            if condition.field == field and condition.op == "in" and "any_of" not in condition.extra:
                behind = next((n for n, at in enumerate(sums) if at >= condition.end), -1)
                last[behind] = condition
        if len(last) > 1 and -1 not in last:
            tiers |= {(field, c.start): n for n, c in enumerate(last.values(), start=1)}
    return [
        replace(c, extra={**c.extra, "tier": tiers[c.field, c.start]}) if (c.field, c.start) in tiers else c
        for c in conditions
    ]


def _steps(same: list[Condition]) -> list[Condition]:
    """The thresholds of one measure that can be tiers: 5000万元以下 is one where another begins at 5000万元."""
    floors = {_floor(c) for c in same if c.op in (*_LOWER, "between")}
    return [c for c in same if c.op not in _UPPER or (c.field, str(c.value)) in floors]


def joined_bounds(text: str, conditions: list[Condition]) -> list[Condition]:
    """100万元以上500万元以下 is one range; conditions in order of position."""
    out: list[Condition] = []
    for condition in conditions:
        earlier = out[-1] if out else None
        if (
            earlier is not None
            and earlier.op in _LOWER
            and condition.op in _UPPER
            and earlier.field == condition.field
            and not isinstance(condition.value, str)
            and earlier.value < condition.value
            and re.fullmatch(r"[\s、，,]?(?:且|但|并|、|，)?[\s]?", text[earlier.end : condition.start])
        ):
            bounds = ("[" if earlier.op == ">=" else "(") + ("]" if condition.op == "<=" else ")")
            out[-1] = replace(
                earlier,
                end=condition.end,
                op="between",
                value=[earlier.value, condition.value],
                extra={**earlier.extra, "bounds": bounds},
            )
            continue
        out.append(condition)
    return out


def bounds_shared(text: str, conditions: list[Condition]) -> list[Condition]:
    """Between neighbouring tiers the one that says 含 owns the bound; if neither does, the upper tier owns it."""
    starts: dict[tuple[str, str], list[Condition]] = {}
    for condition in conditions:
        if condition.op == "between":
            starts.setdefault((condition.field, str(condition.value[0])), []).append(condition)
        elif condition.op in _LOWER and not isinstance(condition.value, str):
            starts.setdefault((condition.field, str(condition.value)), []).append(condition)
    claimed: set[tuple[str, str]] = set()
    out = []
    for condition in conditions:
        if condition.op == "<=" and re.search(
            r"或者?[^，。；：]{0,12}$", text[max(0, condition.start - 14) : condition.start]
        ):
            # 1000万元以上，或1000万元以下但…: two ways, no tiers
            out.append(condition)
            continue
        top = condition.value[1] if condition.op == "between" else condition.value if condition.op == "<=" else None
        key = (condition.field, str(top))
        if top is None or key not in starts:
            out.append(condition)
            continue
        if _says_top(text, condition):
            claimed.add(key)
            out.append(condition)
        elif condition.op == "between":
            out.append(replace(condition, extra={**condition.extra, "bounds": condition.extra["bounds"][0] + ")"}))
        else:
            out.append(replace(condition, op="<"))
    if not claimed:
        return out
    return [_strict(c) if _floor(c) in claimed and not _holds_floor(text[c.start : c.end], c.op) else c for c in out]


_REPEATS = re.compile(r"\((?:含|包含|包括)\s?(?P<number>\d[\d,.]*)[^()]{0,8}\)")


def _says_top(text: str, condition: Condition) -> bool:
    """Whether the words say 含 of the upper number: 100万元至300万元(含), 100万元-300万元(含300万元), not 100万元-300万元(含100万元)."""
    words = text[condition.start : condition.end]
    if condition.op == "<=" and re.search(r"不超过|不高于|不大于|不多于|≤|小于等于|小于或等于|至多", words):
        return True
    if (match := _REPEATS.search(words)) and condition.op == "between":
        numbers = re.findall(r"\d[\d,.]*", words[: match.start()])
        return bool(numbers) and match["number"] == numbers[-1]
    return bool(re.search(r"\(含[^()不]{0,12}\)(?:及?以下)?$", words))


def _holds_floor(words: str, op: str) -> bool:
    """Whether the words say 含 of the lower number: 5000万元(含)至1亿元, not 5000万元至1亿元(含)."""
    if op == "between" and (match := _REPEATS.search(words)):
        numbers = re.findall(r"\d[\d,.]*", words[: match.start()])
        return len(numbers) > 1 and match["number"] == numbers[-2]
    if op == "between":
        words = re.split(r"[-—–~至到]", words)[0]
    return "含" in words


def _floor(condition: Condition) -> tuple[str, str]:
    low = condition.value[0] if condition.op == "between" else condition.value
    return condition.field, str(low)


def _strict(condition: Condition) -> Condition:
    if condition.op == "between":
        return replace(condition, extra={**condition.extra, "bounds": "(" + condition.extra["bounds"][1]})
    return replace(condition, op=">" if condition.op == ">=" else condition.op)


def rebound(text: str, condition: Condition, said: dict[str, bool]) -> Condition:
    """A condition under the document's own definition of 以上 and 以下; an explicit 含 in its words wins."""
    words = text[condition.start : condition.end]
    if "含" in words or condition.op not in _NUMERIC:
        return condition
    op = condition.op
    if op == "between":
        bounds = condition.extra.get("bounds", "[]")
        if "以上" in words and "以上" in said:
            bounds = ("[" if said["以上"] else "(") + bounds[1]
        if "以下" in words and "以下" in said:
            bounds = bounds[0] + ("]" if said["以下"] else ")")
        return replace(condition, extra={**condition.extra, "bounds": bounds})
    for word, included in said.items():
        if word in words:
            op = (
                {">": ">=", "<": "<="}.get(op, op)
                if included and word in ("超过", "不足")
                else {">=": ">", "<=": "<"}.get(op, op)
                if not included
                else op
            )
    return replace(condition, op=op)


def distinct(conditions: list[Condition]) -> list[Condition]:
    """Each condition once, in order of position. Alternatives keep their own, unless all of them ask for it anyway."""
    asked_of_all = {_fact(c) for c in conditions if not _row(c)}
    seen: set[tuple[str, ...]] = set()
    kept = []
    for condition in sorted(conditions, key=lambda c: (c.start, c.end)):
        fact, row = _fact(condition), _row(condition)
        if (*fact, row) in seen or (row and fact in asked_of_all):
            continue
        seen.add((*fact, row))
        kept.append(condition)
    return kept


def _row(condition: Condition) -> str:
    return str(condition.extra.get("_branch", condition.extra.get("_row", "")))


def _fact(condition: Condition) -> tuple[str, ...]:
    extra = condition.extra
    said = extra.get("when", "") or extra.get("metric", "") or extra.get("detail", "")
    return condition.field, condition.op, str(condition.value), str(said)
