"""A reading as a policy file that an official completes: every condition marked 待核, what maps to no column kept as outside data."""

import json
from datetime import date, timedelta
from functools import cache
from typing import Any

from data import gazetteer, indicators
from matching.text.model import Condition, Reading, ReadItem

MARK = "待核"
# names that extraction returns, and the catalogue's code for each
_CODES = {
    "合作社": "农民专业合作社",
    "村集体经济组织": "农村集体经济组织",
    "融资担保机构": "金融机构",
    "高校": "高校院所",
    "科研院所": "高校院所",
    "行业协会": "社会组织",
}
_OPS = {">=", ">", "<=", "<"}
_LISTS = ("theme", "industry", "size", "method")


def draft_file(reading: Reading, item: int = 0, id: str = "draft") -> str:
    """The policy file (matching.md §1) of one item of a reading; `id` must be the stem of the file it is written to.

    Keys that a text does not state hold the most cautious value and say 待核: the mode is 承诺兑现, an award that is no plain sum is a note.
    Raises IndexError if the reading has no such item.
    """
    read = reading.items[item] if reading.items else ReadItem(reading.title, (), {}, 0, 0)
    if reading.items == () and item:
        raise IndexError(item)
    conditions = [*reading.common_conditions, *read.conditions]
    mapped, outside, logic = _conditions(reading, conditions)
    issuer = reading.issuer or "发文机关待核"
    start, end = _span(reading)
    lines = [
        "---",
        f"# 机器草拟，逐项{MARK}；核后删去本行和各处「{MARK}」",
        f"id: {id}",
        "version: 1",
        f"title: {_text(read.name or reading.title or '标题待核')}",
        f"issuer: {_text(issuer)}",
        f"level: {_level(issuer)}  # {MARK}",
        f'region: ["{_code(reading.region or issuer)}"]  # {MARK}',
        f"basis: {_text(reading.title or '文号待核')}",
        f"valid: {{from: {start}, to: {end}}}  # {MARK}",
        f"cycle: once  # {MARK}",
        f"mode: 承诺兑现  # {MARK}：文中不写，以事项清单为准",
        f"promise_days: 20  # {MARK}",
        "tags:",
        *[f"  {facet}: {_list(reading.tags.get(facet) or [_else(facet)])}" for facet in _LISTS],
        "conditions:",
        *mapped,
        *(["outside_data:", *outside] if outside else []),
        *([f"logic: {_text(logic)}"] if logic else []),
        *_award(read.award),
        "examples:",
        f"  - {{name: {MARK}, given: {{}}, verdict: unknown}}",
        "---",
        "",
    ]
    return "\n".join(lines) + reading.text.strip("\n") + "\n"


def _conditions(reading: Reading, conditions: list[Condition]) -> tuple[list[str], list[str], str]:
    mapped: list[str] = []
    outside: list[str] = []
    terms: list[tuple[Any, str]] = []
    for n, condition in enumerate(conditions, start=1):
        words = " ".join(reading.text[condition.start : condition.end].split())
        expr = expression(condition)
        if expr and "when" not in condition.extra:
            mapped += [
                f"  - id: c{n}",
                f"    text: {_text(words)}",
                f"    expr: {_text(expr)}  # {MARK}",
                "    on_unknown: review",
            ]
            terms.append((_alternative(condition), f"c{n}"))
        else:
            outside.append(f"  - {{id: o{n}, text: {_text(words)}}}  # {MARK}：{condition.field} {condition.op}")
            terms.append((_alternative(condition), f"o{n}"))
    if not mapped:
        mapped = [
            "  - id: c0",
            f"    text: 原文没有读出可核验的条件，{MARK}",
            f"    expr: registered_region IS NOT NULL  # {MARK}",
            "    on_unknown: review",
        ]
        terms.append((None, "c0"))
    return mapped, outside, _logic(terms)


def _alternative(condition: Condition) -> Any:
    """What a condition stands in an OR with, and as which alternative of it: its group, or the other tiers of the same measure."""
    if "any_of" in condition.extra:
        return ("any_of", condition.extra["any_of"]), condition.extra.get("alt")
    return (("tier", condition.field), None) if "tier" in condition.extra else None


def _logic(terms: list[tuple[Any, str]]) -> str:
    """Empty when everything is required, which is the default. What shares an alternative is required together."""
    groups: dict[Any, dict[Any, list[str]]] = {}
    for n, (standing, name) in enumerate(terms):
        group, alternative = standing or (("alone", n), None)
        branch = ("own", n) if alternative is None else alternative
        groups.setdefault(group, {}).setdefault(branch, []).append(name)
    if all(len(branches) == 1 for branches in groups.values()):
        return ""
    return " AND ".join(_either(list(branches.values())) for branches in groups.values())


def _either(branches: list[list[str]]) -> str:
    if len(branches) == 1:
        return " AND ".join(branches[0])
    return "(" + " OR ".join(b[0] if len(b) == 1 else f"({' AND '.join(b)})" for b in branches) + ")"


def expression(condition: Condition) -> str | None:
    """The rule expression of a condition over the profile column of (field, period); None when no column holds it."""
    if condition.field in ("other_metric", "other_requirement", "event_date", "activity"):
        return None
    column = _catalogue().column(condition.field, condition.extra.get("period"), condition.extra.get("unit"))
    if column is None:
        return None
    value = condition.value
    if condition.op in ("is_true", "=="):
        if column.type != "bool":
            return None
        return column.name if value is True else f"NOT {column.name}"
    if column.type in ("region", "industry"):
        codes = [_code(str(v)) for v in value] if column.type == "region" and condition.op == "in" else []
        return f"{column.name} IN ({_quoted(codes)})" if codes and all(c != "100000" for c in codes) else None
    if condition.op == "in" and isinstance(value, list):
        value = [_CODES.get(str(v), str(v)) for v in value]
        if column.type == "code" and set(value) <= set(column.codes or ()):
            return f"{column.name} IN ({_quoted(value)})"
        if column.type != "list":
            return None
        inside = f"{column.name} IN ({_quoted([str(v) for v in value])})"
        return f"NOT {inside}" if condition.field == "excluded_category" else inside
    if column.type not in indicators.NUMERIC or isinstance(value, str):
        return None
    if condition.op == "between":
        low, high = value
        bounds = condition.extra.get("bounds", "[]")
        return f"{column.name} {'>=' if bounds[0] == '[' else '>'} {low} AND {column.name} {'<=' if bounds[1] == ']' else '<'} {high}"
    return f"{column.name} {condition.op} {value}" if condition.op in _OPS else None


@cache
def _catalogue() -> indicators.Catalogue:
    return indicators.load()


def _award(award: dict[str, Any]) -> list[str]:
    plain = award.get("kind") == "fixed" and "step" not in award and "per" not in award and "note" not in award
    amount = award.get("amount_yuan", award.get("cap_yuan"))
    if plain and "amount_yuan" in award and amount:
        return ["award:", f'  expr: "{amount}"  # {MARK}', "  unit: 元"]
    words = " ".join(str(award.get("text") or "原文没有读出奖励").split())
    return ["award:", f"  note: {_text(f'{MARK}：{words}'[:300])}"]


def _span(reading: Reading) -> tuple[str, str]:
    validity = reading.validity
    start = str(validity.get("from") or reading.date or "2000-01-01")
    end = str(validity.get("to") or "")
    if not end:
        years, months = int(validity.get("years", 0)), int(validity.get("months", 0))
        first = date.fromisoformat(start)
        end = (
            (first + timedelta(days=round(365.25 * years + 30.44 * months) - 1)).isoformat()
            if years or months
            else "2099-12-31"
        )
    return (start, end) if start <= end else (end, start)


def _level(issuer: str) -> str:
    if any(word in issuer for word in ("国务院", "国家", "中华人民共和国")):
        return "国家级"
    if any(word in issuer for word in ("园区", "开发区", "高新区", "新区管", "示范区", "管委会", "管理局")):
        return "园区"
    return "市县级" if any(word in issuer for word in ("市", "区", "县", "州")) else "省级"


def _code(words: str) -> str:
    found = [place for place in gazetteer.find(words) if place.code]
    codes = [place.code for place in found if place.code is not None and place.code.isdigit()]
    return max(codes, key=lambda code: (len(code.rstrip("0")), code)) if codes else "100000"


def _else(facet: str) -> str:
    return {"theme": "科技服务", "method": "补助"}.get(facet, "不限")


def _text(words: str) -> str:
    # JSON's string is YAML's double-quoted string
    return json.dumps(words, ensure_ascii=False)


def _list(words: list[str]) -> str:
    return "[" + ", ".join(words) + "]"


def _quoted(words: list[str]) -> str:
    return ", ".join("'" + word.replace("'", "''") + "'" for word in words)
