"""Conditions and amounts put together: one item per test and award, tiers, OR groups, owners of shared bounds."""

import re
from collections.abc import Sequence
from dataclasses import replace

from matching.text import awards
from matching.text.award_record import award
from matching.text.model import Condition, ReadItem
from matching.text.outline import Span, sentences
from matching.text.plain import Flat
from matching.text.units import ONE_OF, Unit

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
                or (numeric and numeric == {c.field for c in groups[-1][0] if c.op in _NUMERIC})
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
            tuple(distinct([*(inherited if asked else _tiered(inherited)), *_tiered(distinct([*before, *asked]))])),
            award(given, made) if given else {},
            min(a.sentence.start for a in given) if given else asked[0].start,
            max(a.sentence.end for a in given) if given else asked[-1].end,
        )
        for n, (asked, given) in enumerate(groups)
    ]


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
    return re.split(r"[。；：:，\n]", words)[0][:40]


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
        if len(same) > 1 and len({str(c.value) for c in same}) == len(same)
        for n, condition in enumerate(same, start=1)
    }
    return [
        replace(c, extra={**c.extra, "tier": tiers[c.start]}) if c.start in tiers and c.op in _NUMERIC else c
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
        top = condition.value[1] if condition.op == "between" else condition.value if condition.op == "<=" else None
        key = (condition.field, str(top))
        if top is None or key not in starts:
            out.append(condition)
            continue
        if re.search(r"\(含[^()不]{0,12}\)(?:及?以下)?$", text[condition.start : condition.end]):
            claimed.add(key)
            out.append(condition)
        elif condition.op == "between":
            out.append(replace(condition, extra={**condition.extra, "bounds": condition.extra["bounds"][0] + ")"}))
        else:
            out.append(replace(condition, op="<"))
    if not claimed:
        return out
    return [_strict(c) if _floor(c) in claimed and "含" not in text[c.start : c.end] else c for c in out]


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
    seen: set[tuple[str, str, str, str]] = set()
    kept = []
    for condition in sorted(conditions, key=lambda c: (c.start, c.end)):
        key = (
            condition.field,
            condition.op,
            str(condition.value),
            str(
                condition.extra.get("when", "")
                or condition.extra.get("metric", "")
                or condition.extra.get("detail", "")
            ),
        )
        if key not in seen:
            seen.add(key)
            kept.append(condition)
    return kept


_OR = re.compile(
    r"^(?:的|企业|单位|机构|称号|认定|资质|资格|\([^()]{0,20}\)|[\s，,、；)])*或者?(?!许)(?:[^，。；]{0,5}|(?:首次|被|新|获得?|评为|认定为?|列入|纳入|取得|属于|入选|国家级?|[^，。；\d]{0,3}省级?|市级?|[\"“”])*)$|^[\u4e00-\u9fa5]{1,8}[，,]\s?或者?(?!许)[^，。；]{0,5}$"
)
# 注册资本1000万元以上，或者管理的企业不少于3家: the measure stands between
_OR_MEASURE = re.compile(r"^[^，。；\n]{0,4}[，,]?\s?或者?(?!许)[^，。；\n]{0,20}$")
# 对规模以上工业企业、高新技术企业: sorts of enterprise in a list are alternatives (policies.md §4)
_SORTS = frozenset({"is_above_scale", "certifications", "honors", "applicant_type", "enterprise_size", "listed_status"})
_LISTED = re.compile(r"(?:工业|服务业|商贸)?(?:企业|单位)?[\"“”]?、[\"“”]?(?:国家|省|市)?级?")
_AND = re.compile(r"^[\s，,]*(?:但|且|并且|同时|并)")


def grouped(text: str, conditions: list[Condition], closings: Sequence[int] = ()) -> list[Condition]:
    """Marks what the text joins by 或, or lists under 符合以下条件之一, as one OR group.

    Lines of such a list are its alternatives; a line that asks for several things holds them together by `alt`. `closings` are the
    places of the document where a sentence says behind its list that one is enough (`closings_of`).
    """
    numbers: dict[int, int] = {}
    branches: dict[int, list[int]] = {}
    conditions = _forked(text, conditions)
    for condition in conditions:
        if choice := condition.extra.get("_choice"):
            numbers.setdefault(choice, len(numbers) + 1)
            branches.setdefault(choice, []).append(condition.extra["_branch"])
    out: list[Condition] = []
    group = len(numbers)
    conditions = _one_size(conditions, 1 + group)
    group += any("any_of" in c.extra for c in conditions)
    conditions = _two_sorts(text, conditions, 1 + group)
    group += any("any_of" in c.extra for c in conditions)
    one_of: int | None = None
    conditions = _closed_by(text, conditions, closings)
    group += len({c.extra["any_of"] for c in conditions if "any_of" in c.extra})
    for condition in conditions:
        extra = dict(condition.extra)
        if (choice := extra.get("_choice")) and len(set(branches[choice])) > 1:
            extra["any_of"] = numbers[choice]
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
            group += 1
            one_of = group
        elif one_of is not None and (len(between) > 60 or re.search(r"。|给予|奖励|补助", between)):
            one_of = None
        if one_of is not None:
            extra["any_of"] = one_of
        elif earlier is not None and (
            (len(between) <= 24 and _OR.search(between) and not re.search(r"[。；\n]", between))
            or (condition.op in _NUMERIC and len(between) <= 30 and _OR_MEASURE.match(between))
            or (earlier.field in _SORTS and condition.field in _SORTS and _LISTED.fullmatch(between))
        ):
            if "any_of" not in earlier.extra:
                group += 1
                out[-1] = replace(earlier, extra={**earlier.extra, "any_of": group})
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


def _one_size(conditions: list[Condition], group: int) -> list[Condition]:
    """大型企业按30%，中小微企业按60%: nobody has two sizes, so several are alternatives."""
    sizes = [c for c in conditions if c.field == "enterprise_size" and "_choice" not in c.extra]
    if len(sizes) < 2 or set.intersection(*(set(c.value) for c in sizes)):
        return conditions
    return [replace(c, extra={**c.extra, "any_of": group}) if c in sizes else c for c in conditions]


_SORTS_JOINED = re.compile(r"[，,]?(?:以及|和|及|或者?)")


def _two_sorts(text: str, conditions: list[Condition], group: int) -> list[Condition]:
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
    return [
        replace(c, extra={**c.extra, "any_of": group, "alt": 1 if c.end <= first.end else 2})
        if start <= c.start and c.end <= second.end
        else c
        for c in conditions
    ]


_ANNOUNCES = re.compile(r"[^。；：\n]{0,14}[：:][^。]{0,60}$")
# 高新技术企业，或者科技型中小企业(以上满足其一即可)
_ANY_WILL_DO = re.compile(
    r"(?:以上|上述)[^，。；\n]{0,8}(?:满足|符合|具备)?(?:其[一1]|任[一意1][项个]?|[一1]项)(?:即可|均可)?|(?:满足|符合|具备)其[一1](?:项)?即可|[二三四五]选一"
)


def closings_of(text: str) -> list[int]:
    """Where a text says behind a list that one of it is enough."""
    return [mark.start() for mark in _ANY_WILL_DO.finditer(text)]


def _closed_by(text: str, conditions: list[Condition], closings: Sequence[int]) -> list[Condition]:
    """Conditions of a sentence that ends by saying that one of them is enough."""
    if not conditions or not closings:
        return conditions
    out = list(conditions)
    numbers = {c.extra["_choice"] for c in conditions if "_choice" in c.extra}
    group = len(numbers)
    for mark in closings:
        start = max(text.rfind(end, 0, mark) for end in "。；\n") + 1
        inside = [n for n, c in enumerate(out) if start <= c.start < mark and "_choice" not in c.extra]
        if len(inside) > 1:
            group += 1
            for n in inside:
                out[n] = replace(out[n], extra={**out[n].extra, "any_of": group})
    return out


def _after_or(text: str, out: list[Condition]) -> bool:
    """Whether the last condition is the one that 或 brings in."""
    return len(out) > 1 and bool(_OR.search(text[out[-2].end : out[-1].start]))
