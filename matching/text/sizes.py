"""Which sizes of enterprise a policy is for, by what its items ask: a size in passing is none, and 不限 where some item asks for none."""

from collections.abc import Collection, Sequence

from matching.text.model import Condition, ReadItem

_SOLE = "个体工商户"
_ABOVE_SCALE = frozenset({"is_above_scale", "first_time_above_scale"})
# 中小企业、高校和科研院所: the next sort of applicant stands this near
_BESIDE = 16


def sizes(
    named: Collection[str], words: Collection[str], common: Sequence[Condition], items: Sequence[ReadItem]
) -> set[str]:
    """The sizes asked for by any item or by the whole document, with `named`, those that the title names.

    Where one thing is given and no condition names a size, `words`, the sizes that the text speaks of, are its sizes; 规上 alone is too
    often a statistic.

    不限 is among them where an item that gives (any item, where none gives) can be had at any size (policies.md §8).
    """
    giving = [item for item in items if item.award] or items
    asked = {size for conditions in (common, *(i.conditions for i in items)) for c in conditions for size in _of(c)}
    shut = bool(named) or _closes(common) or (bool(giving) and all(_closes(item.conditions) for item in giving))
    found = {*named, *asked}
    if not found and len(giving) <= 1:
        return {*words} - {"规上"} or {"不限"}
    return found if shut and found else {*found, "不限"}


def _of(condition: Condition) -> Sequence[str]:
    if condition.value is False or condition.field == "excluded_category" or "when" in condition.extra:
        return ()
    if condition.field in _ABOVE_SCALE:
        return ("规上",)
    if condition.field == "enterprise_size":
        return _values(condition)
    return (_SOLE,) if condition.field == "applicant_type" and set(_values(condition)) == {_SOLE} else ()


def _closes(conditions: Sequence[Condition]) -> bool:
    """Whether somebody is shut out by size: not where another sort of applicant or another way in stands beside it."""
    others = [c for c in conditions if not _of(c)]
    ways = {c.extra["any_of"] for c in others if "any_of" in c.extra}
    kinds = [c for c in others if c.field == "applicant_type"]
    return any(
        _of(c)
        and c.extra.get("any_of") not in ways
        and not any(k.start - c.end <= _BESIDE and c.start - k.end <= _BESIDE for k in kinds)
        for c in conditions
    )


def _values(condition: Condition) -> list[str]:
    return [str(v) for v in (condition.value if isinstance(condition.value, list | tuple) else [condition.value])]
