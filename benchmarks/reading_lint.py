"""What `huiqi lint` notices: every rule or text of the corpus changed in one place, and how often the change is told. `python -m benchmarks.reading_lint`."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from data.corpus import Item, load_items
from data.indicators import load
from matching.text import document
from matching.text.consistency import differences

_PLACES = ("海口市", "三亚市", "儋州市", "文昌市", "琼海市", "万宁市", "东方市", "海南省")
_CODES = ("460100", "460200", "460400", "469005", "469002", "469006", "469007", "460000")
_WORDS = (("以上", "以下"), ("不低于", "不超过"), ("不少于", "不超过"), ("以下", "以上"), ("达到", "低于"))


def _conditions(item: Item, n: int, expr: str) -> Item:
    kept = list(item.conditions)
    kept[n] = kept[n].model_copy(update={"expr": expr})
    return item.model_copy(update={"conditions": tuple(kept)})


def changed(item: Item) -> Iterator[tuple[str, Item]]:
    """(what was changed, the item with one difference between its rules and its text)."""
    for n, condition in enumerate(item.conditions):
        for match in re.finditer(r"(>=|<=|>|<)\s*(\d+(?:\.\d+)?)", condition.expr):
            op, number = match[1], match[2]
            if float(number) in (0, 1) or "before" in condition.expr:
                continue
            head, tail = condition.expr[: match.start()], condition.expr[match.end() :]
            longer = f"{float(number) * 1.3:.6f}".rstrip("0").rstrip(".")
            yield "rule: number", _conditions(item, n, f"{head}{op} {longer}{tail}")
            strict = {">=": ">", ">": ">=", "<=": "<", "<": "<="}[op]
            yield "rule: bound", _conditions(item, n, f"{head}{strict} {number}{tail}")
            other = {">=": "<=", ">": "<", "<=": ">=", "<": ">"}[op]
            yield "rule: direction", _conditions(item, n, f"{head}{other} {number}{tail}")
        for match in re.finditer(r"region IN \('(\d{6})'\)", condition.expr):
            another = next(code for code in _CODES if code != match[1])
            yield "rule: region", _conditions(item, n, condition.expr.replace(match[1], another, 1))
        for match in re.finditer(r"DATE '(\d{4})-", condition.expr):
            year = str(int(match[1]) + 1)
            yield "rule: date", _conditions(item, n, condition.expr.replace(f"'{match[1]}-", f"'{year}-", 1))
    if "to" in document.validity(item.text, ""):
        later = item.valid.model_copy(update={"end": item.valid.end + timedelta(400)})
        yield "rule: validity", item.model_copy(update={"valid": later})
    if item.award.expr:
        for match in re.finditer(r"(?<![\w.])(\d+(?:\.\d+)?)(?![\w.])", item.award.expr):
            if float(match[1]) in (0, 1):
                continue
            longer = f"{float(match[1]) * 1.3:.6f}".rstrip("0").rstrip(".")
            expr = item.award.expr[: match.start()] + longer + item.award.expr[match.end() :]
            yield "rule: amount", item.model_copy(update={"award": item.award.model_copy(update={"expr": expr})})
    yield from _texts(item)


def _texts(item: Item) -> Iterator[tuple[str, Item]]:
    """Changes of the text: only numbers and words that a condition or the award holds are changed, the rest asks nothing."""

    def with_text(text: str) -> Item:
        return item.model_copy(update={"text": text})

    held = " ".join(c.text for c in item.conditions)
    for match in re.finditer(r"(?<![\d.〔])(\d+(?:\.\d+)?)(?=\s?(?:万|亿|%|人|家|平方米|年(?!度|\d)))", item.text):
        if match[1] not in held or match[1] == "1" or item.text.count(match[1]) > 1:
            continue
        longer = f"{float(match[1]) * 1.3:.4f}".rstrip("0").rstrip(".")
        yield "text: number", with_text(item.text[: match.start()] + longer + item.text[match.end() :])
        for word, instead in _WORDS:
            around = item.text[max(0, match.start() - 6) : match.end() + 6]
            if around.count(word) == 1 and (word in held):
                at = max(0, match.start() - 6) + around.index(word)
                yield "text: comparison", with_text(item.text[:at] + instead + item.text[at + len(word) :])
                break
    for place in _PLACES:
        if place in held and place in item.text:
            another = next(p for p in _PLACES if p != place and p not in item.text)
            yield "text: region", with_text(item.text.replace(place, another).replace(place[:-1], another[:-1]))
            break


def main() -> None:
    indicators = load()
    items = load_items()
    as_they_are = differences(items, indicators)
    known = {(f.item, f.message) for f in as_they_are}
    print("unchanged:", dict(Counter(f.severity for f in as_they_are)), f"on {len(items)} items")
    made: Counter[str] = Counter()
    told: Counter[str] = Counter()
    missed: dict[str, list[str]] = {}
    for item in items:
        for kind, other in changed(item):
            made[kind] += 1
            new = [f for f in differences([other], indicators) if (f.item, f.message) not in known]
            if any(f.severity != "info" for f in new):
                told[kind] += 1
            else:
                missed.setdefault(kind, []).append(item.id)
    for kind in sorted(made):
        print(
            f"{kind:18s} {told[kind]:4d} of {made[kind]:4d} {told[kind] / made[kind]:.3f}  {' '.join(missed.get(kind, [])[:12])}"
        )


if __name__ == "__main__":
    main()
