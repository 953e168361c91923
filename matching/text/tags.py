"""Rule tags of a policy document: theme, industry, size, method, mode, level, department by words, region by the gazetteer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import yaml

from data import gazetteer
from matching.text.document import level_of
from matching.text.salience import measured, themes
from matching.text.segment import LEXICON, normalise
from matching.text.titles import applicants

WORD_FACETS = ("theme", "industry", "size", "method", "mode", "level", "department")
FACETS = (*WORD_FACETS, "region")
# the tag that means "none of the others was found"
ELSE: Mapping[str, str] = {"industry": "不限", "size": "不限", "mode": "未说明"}
# a clause that says who does not get it names trades and sizes only to leave them out
# and what the money may be spent on is not what it is given for
_EXCLUDING = re.compile(
    r"除外|不适用|不予|不得|不在|不享受|不包括|不含(?!税)|力争|覆盖率|主要用于|用以(?:支持|鼓励)|(?:奖励|补助|扶持|奖补|政策)资金(?:应当?)?用于"
)
_CLAUSE = re.compile(r"[^。；！？\n，]*[。；！？\n，]?")
# national offices that carry a city's name and serve the whole province
_PROVINCE_WIDE = {"海口海关": "海南省"}


class Tag(NamedTuple):
    """One tag. `score` in (0, 1]: how much speaks for it; `because`: the words that caused it, most frequent first."""

    facet: str
    tag: str
    source: Literal["reviewed", "rule", "model"]
    score: float
    because: tuple[str, ...]


@dataclass(frozen=True)
class Speaks:
    """What a word speaks for: tags for which it is enough, tags it hints at, and tags it must not be taken for."""

    enough: frozenset[tuple[str, str]] = frozenset()
    hints: frozenset[tuple[str, str]] = frozenset()
    denies: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Vocabulary:
    """The closed vocabulary: the tags of each facet in order, and what each word speaks for."""

    tags: Mapping[str, tuple[str, ...]]
    words: Mapping[str, Speaks]
    # words by their first character, longest first: found by one pass over the text
    starts: Mapping[str, tuple[str, ...]] = field(repr=False)


@cache
def vocabulary(path: Path = LEXICON / "tags.yml") -> Vocabulary:
    """Reads the tag vocabulary. Raises ValueError naming facet and tag for an unknown key."""
    raw: Mapping[str, Mapping[str, Mapping[str, list[str]]]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    spoken: dict[str, dict[str, set[tuple[str, str]]]] = {}
    for facet, tags in raw.items():
        for tag, lists in tags.items():
            for kind, words in lists.items():
                if kind not in ("words", "hints", "unless"):
                    raise ValueError(f"{path.name}：{facet}.{tag} 有不认识的键「{kind}」，只能是 words、hints、unless")
                for word in words:
                    entry = spoken.setdefault(
                        normalise(str(word)).text, {"words": set(), "hints": set(), "unless": set()}
                    )
                    entry[kind].add((facet, tag))
    speaking = {
        word: Speaks(frozenset(by["words"]), frozenset(by["hints"]), frozenset(by["unless"]))
        for word, by in spoken.items()
    }
    starts: dict[str, list[str]] = {}
    for word in sorted(speaking, key=lambda w: (-len(w), w)):
        starts.setdefault(word[0], []).append(word)
    return Vocabulary(
        {facet: tuple(tags) for facet, tags in raw.items()}, speaking, {c: tuple(ws) for c, ws in starts.items()}
    )


def rule_tags(title: str, text: str, issuer: str = "", *, known: Vocabulary | None = None) -> list[Tag]:
    """The tags that the words of title, text and issuer cause, by facet and tag.

    A word inside a phrase of a tag's `unless` does not count for that tag. A title counts as three mentions.
    """
    known = known or vocabulary()
    heading, body = normalise(title).text, normalise(text).text
    in_title, in_text = _hits(known, heading), _hits(known, body)
    counts = _counts(in_title, 3)
    for key, words in _counts(in_text, 1).items():
        mine = counts.setdefault(key, {})
        for word, times in words.items():
            mine[word] = mine.get(word, 0) + times
    found = [
        Tag(facet, tag, "rule", score, because)
        for (facet, tag), words in counts.items()
        if facet in ("industry", "size", "method", "mode")
        for score, because in [_weighed(known, (facet, tag), words)]
        if score > 0
    ]
    found.extend(_themes(known, body, in_title, in_text, counts))
    found = _modes(found)
    for facet, tag in ELSE.items():
        if not any(t.facet == facet for t in found):
            found.append(Tag(facet, tag, "rule", 0.5, ()))
    found.extend(_issuer_tags(known, issuer, text))
    found.extend(_region_tags(issuer, f"{title}\n{text}"))
    order = {(facet, tag): i for i, (facet, tag) in enumerate((f, t) for f in known.tags for t in known.tags[f])}
    return sorted(found, key=lambda t: (FACETS.index(t.facet), order.get((t.facet, t.tag), 0), t.tag))


Hit = tuple[int, str, tuple[str, str]]


def _hits(known: Vocabulary, text: str) -> list[Hit]:
    """(position, word, (facet, tag)) in one pass; words may overlap, denied ones and those of excluding clauses are left out."""
    hits: list[tuple[int, int, str]] = []
    for at, character in enumerate(text):
        for word in known.starts.get(character, ()):
            if text.startswith(word, at):
                hits.append((at, at + len(word), word))
    # by position, not by comparing every hit with every denial: a text of 200 kB may have 20,000 of each
    denied: dict[tuple[tuple[str, str], int], int] = {}
    for start, end, word in hits:
        for key in known.words[word].denies:
            for at in range(start, end):
                denied[key, at] = max(end, denied.get((key, at), 0))
    kinds = bytearray(len(text))
    for start, end, named in applicants(text, 0, len(text)):
        # 企业、合作社、社会组织: any of them, so none of their trades is asked for
        if _ANYBODY & set(named):
            kinds[start:end] = b"\1" * (end - start)
    excluded = bytearray(len(text))
    for clause in _CLAUSE.finditer(text):
        if _EXCLUDING.search(clause.group()):
            excluded[clause.start() : clause.end()] = b"\1" * len(clause.group())
    return [
        (start, word, key)
        for start, end, word in hits
        if not excluded[start]
        for key in sorted(known.words[word].enough | known.words[word].hints)
        if denied.get((key, start), 0) < end and not (key[0] == "industry" and key[1] != "社会组织" and kinds[start])
    ]


def _counts(hits: list[Hit], weight: int) -> dict[tuple[str, str], dict[str, int]]:
    """(facet, tag) → word → times."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for _, word, key in hits:
        words = found.setdefault(key, {})
        words[word] = words.get(word, 0) + weight
    return found


def _counted(known: Vocabulary, text: str, weight: int) -> dict[tuple[str, str], dict[str, int]]:
    return _counts(_hits(known, text), weight)


def _themes(
    known: Vocabulary,
    text: str,
    in_title: list[Hit],
    in_text: list[Hit],
    counts: Mapping[tuple[str, str], Mapping[str, int]],
) -> list[Tag]:
    """What the document is about: a theme whose words only stand in passing is none of its themes."""
    weighed, named, placed, hinted = _candidates(known, in_title, in_text, counts)
    return [
        Tag("theme", tag, "rule", round(score, 4), weighed[tag])
        for tag, score in themes(text, named, placed, hinted).items()
    ]


def theme_features(title: str, text: str, *, known: Vocabulary | None = None) -> dict[str, tuple[float, ...]]:
    """What is measured of every theme that the words of title and text suggest: what the weights of themes are fitted on."""
    known = known or vocabulary()
    heading, body = normalise(title).text, normalise(text).text
    in_title, in_text = _hits(known, heading), _hits(known, body)
    counts = _counts(in_title + in_text, 1)
    _, named, placed, hinted = _candidates(known, in_title, in_text, counts)
    return measured(body, named, placed, hinted)


Candidates = tuple[dict[str, tuple[str, ...]], dict[str, list[str]], dict[str, list[int]], dict[str, bool]]


def _candidates(
    known: Vocabulary,
    in_title: list[Hit],
    in_text: list[Hit],
    counts: Mapping[tuple[str, str], Mapping[str, int]],
) -> Candidates:
    """The themes that words suggest: what caused each, its words in the title, their places in the text, whether they only hint."""
    named: dict[str, list[str]] = {}
    for _, word, (facet, tag) in in_title:
        if facet == "theme":
            named.setdefault(tag, []).append(word)
    placed: dict[str, list[int]] = {}
    for at, _, (facet, tag) in in_text:
        if facet == "theme":
            placed.setdefault(tag, []).append(at)
    words = {tag: counts["theme", tag] for tag in {*named, *placed}}
    weighed = {tag: _weighed(known, ("theme", tag), words[tag]) for tag in words}
    caused = {tag: because for tag, (score, because) in weighed.items() if score > 0}
    hinted = {tag: not any(("theme", tag) in known.words[w].enough for w in words[tag]) for tag in caused}
    return caused, named, placed, hinted


_ASIDE = re.compile(r"\([^()\n]{0,60}\)")
# among the kinds of applicants, those that are of no trade
_ANYBODY = frozenset({"企业", "个体工商户", "企事业单位"})
# In less than this share of its paragraphs a paragraph that names no trade is a detail of one that does.
_OPEN_SHARE = 0.4


def unrestricted(title: str, pieces: Iterable[str], *, known: Vocabulary | None = None) -> bool:
    """Whether a document is open to all trades in part: `pieces` are its paragraphs that give something.

    A title that names a trade speaks for every paragraph.
    """
    known = known or vocabulary()
    said = [_names_trade(known, _of_one_kind(normalise(piece).text)) for piece in pieces]
    return (
        bool(said) and not _names_trade(known, normalise(title).text) and said.count(False) >= _OPEN_SHARE * len(said)
    )


def _names_trade(known: Vocabulary, text: str) -> bool:
    return any(facet == "industry" for facet, _ in _counted(known, text, 1))


def named_sizes(title: str, *, known: Vocabulary | None = None) -> frozenset[str]:
    """The sizes that a title names: they speak for every paragraph."""
    known = known or vocabulary()
    return frozenset(tag for facet, tag in _counted(known, normalise(title).text, 1) if facet == "size")


def _of_one_kind(text: str) -> str:
    """`text` without what leaves nobody out: lists of kinds of applicants that any enterprise stands in, and asides in brackets."""
    text = _ASIDE.sub("", text)
    for start, end, named in reversed(applicants(text, 0, len(text))):
        if _ANYBODY & set(named):
            text = text[:start] + text[end:]
    return text


def _weighed(known: Vocabulary, key: tuple[str, str], words: Mapping[str, int]) -> tuple[float, tuple[str, ...]]:
    enough = [w for w in words if key in known.words[w].enough]
    hints = [w for w in words if key in known.words[w].hints]
    if not enough and len(hints) < 2:
        return 0.0, ()
    times = sum(words.values())
    because = tuple(sorted(words, key=lambda w: (-words[w], -len(w), w)))[:6]
    return round(1 - 0.5**times, 4), because


def _modes(found: list[Tag]) -> list[Tag]:
    """A text that says 免申即享 or 即申即享 does not also describe applying, though both use the word 申报."""
    special = [t for t in found if t.facet == "mode" and t.tag != "申报兑现"]
    return [t for t in found if t.facet != "mode" or not special or t in special]


def _issuer_tags(known: Vocabulary, issuer: str, text: str) -> list[Tag]:
    issuer, opening = normalise(issuer).text, normalise(text[:400]).text
    seat = _seat(issuer)
    if not issuer:
        return []
    found = [
        Tag("department", tag, "rule", 1.0, tuple(words))
        for (facet, tag), words in _counted(known, issuer, 1).items()
        if facet == "department"
    ]
    levels = {tag: tuple(words) for (facet, tag), words in _counted(known, issuer, 1).items() if facet == "level"}
    place = gazetteer.find(seat)
    by_name = level_of(seat)
    because: tuple[str, ...] = (issuer,)
    if by_name == "国家级":
        level = "国家级"
    elif "国家级" in levels:
        level, because = "国家级", levels["国家级"]
    elif any(p.kind == "park" for p in place):
        level = "园区"
    elif by_name in ("园区", "市县级"):
        level, because = by_name, (seat,)
    elif any(p.kind == "region" and not p.code.endswith("0000") for p in place):
        level, because = "市县级", tuple(seat[p.start : p.end] for p in place)
    elif any(p.kind == "region" for p in place):
        level, because = "省级", tuple(seat[p.start : p.end] for p in place)
    else:
        national = _counted(known, opening, 1).get(("level", "国家级"))
        level, because = ("国家级", tuple(national)) if national else ("省级", ())
    found.append(Tag("level", level, "rule", 1.0, because))
    return found


def _region_tags(issuer: str, text: str) -> list[Tag]:
    """Where a policy applies: the place that issued it, else the places its text names. 本市 and 我区 are the issuer's."""
    issuer = _seat(normalise(issuer).text)
    places = [(p, issuer) for p in gazetteer.find(issuer)]
    source = places or [(p, text) for p in gazetteer.find(text) if p.kind == "park" or p.code.startswith("46")]
    because: dict[str, list[str]] = {}
    for place, where in source:
        said = where[place.start : place.end]
        if said not in because.setdefault(place.code, []):
            because[place.code].append(said)
    return [Tag("region", code, "rule", 1.0 if places else 0.6, tuple(words)) for code, words in because.items()]


def _seat(issuer: str) -> str:
    """The issuer with the place it serves in place of the city in its name."""
    for office, place in _PROVINCE_WIDE.items():
        issuer = issuer.replace(office, place)
    return issuer


def names(tags: Iterable[Tag], facet: str) -> tuple[str, ...]:
    """The tags of one facet, in their order."""
    return tuple(t.tag for t in tags if t.facet == facet)
