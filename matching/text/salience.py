"""How much of a document is about a theme: where its words stand counts more than that they stand."""

import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from matching.text import awards
from matching.text.outline import outline, sentences

# Logistic regression over 126 corpus items, 66 labelled passages and articles joined from them (docs/decisions/0100): a word of the theme in
# the title, headings that hold one, the share and number of giving sentences with one, other sentences with one, only hints, mentions per
# length. One set of weights for all themes.
_BIAS = -2.67
_TITLE, _HEADING, _SHARE, _GIVING, _OTHER, _ONLY_HINTS = 3.22, 0.68, 0.22, 0.40, 0.49, -1.24
_MENTIONS, _LONG_HEADING, _LONG = 1.58, 0.83, 0.58
# A text of this length is measured as it is; of a longer one a mention says less.
_USUAL = 500
_SHORTEST = 0.3
ABOUT = 0.37
_HEADING_WORDS = re.compile(r"[^。；：，\n】]{0,24}")


@dataclass
class Mentions:
    """Where the words of one theme stand."""

    title: bool = False
    headings: int = 0
    giving: set[int] = field(default_factory=set)
    other: set[int] = field(default_factory=set)
    number: int = 0


class Places:
    """The headings and the giving sentences of a text, by position."""

    def __init__(self, text: str) -> None:
        root = outline(text)
        spans = [
            (node.body, match.end())
            for node in root.walk()
            if node.rank >= 0 and (match := _HEADING_WORDS.match(text, node.body, node.end))
        ]
        self._headings = sorted(spans)
        self._heading_starts = [start for start, _ in self._headings]
        found = sentences(text, 0, len(text))
        self._starts = [s.start for s in found]
        self._giving = {n for n, s in enumerate(found) if awards.gives(text[s.start : s.end])}
        self.gives = len(self._giving)
        self.scale = max(_SHORTEST, len(text) / _USUAL)

    def add(self, mentions: Mentions, at: int) -> None:
        """Counts a word that stands at `at`."""
        mentions.number += 1
        n = bisect_right(self._heading_starts, at) - 1
        if n >= 0 and at < self._headings[n][1]:
            mentions.headings += 1
        sentence = bisect_right(self._starts, at) - 1
        (mentions.giving if sentence in self._giving else mentions.other).add(sentence)


def chance(mentions: Mentions, places: Places, only_hints: bool) -> float:
    """The probability that a document is about a theme, in (0, 1)."""
    headings = min(mentions.headings, 2)
    length = math.log(places.scale)
    weight = (
        _BIAS
        + _TITLE * mentions.title
        + _HEADING * headings
        + _SHARE * len(mentions.giving) / max(1, places.gives)
        + _GIVING * min(len(mentions.giving), 3)
        + _OTHER * min(len(mentions.other), 3)
        + _ONLY_HINTS * only_hints
        + _MENTIONS * math.log1p(mentions.number / places.scale)
        + _LONG_HEADING * length * (headings > 0)
        + _LONG * length
    )
    return 1 / (1 + math.exp(-weight))


def themes(
    text: str, in_title: Mapping[str, Sequence[str]], in_text: Mapping[str, Sequence[int]], hinted: Mapping[str, bool]
) -> dict[str, float]:
    """Theme → chance, for the themes that the document is about (at least ABOUT).

    `in_title` and `in_text` say which words of a theme the title has and where in `text` they stand, `hinted` whether there are only hints.
    """
    places = Places(text)
    found = {}
    for theme in sorted({*in_title, *in_text}):
        mentions = Mentions(title=bool(in_title.get(theme)))
        for at in in_text.get(theme, ()):
            places.add(mentions, at)
        probability = chance(mentions, places, hinted.get(theme, False))
        if probability >= ABOUT:
            found[theme] = probability
    return found
