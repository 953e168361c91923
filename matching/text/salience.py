"""How much of a document is about a theme: where its words stand counts more than that they stand."""

import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

from matching.text import awards
from matching.text.outline import outline, sentences
from matching.text.segment import LEXICON
from matching.text.units import units

# A text of this length is measured as it is; of a longer one a mention says less.
_USUAL = 500
_SHORTEST = 0.3
_HEADING_WORDS = re.compile(r"[^。；：，\n】]{0,24}")

# What is measured of a theme in a document, in the order of `features`.
FEATURES = (
    "title",
    "title_of_others",
    "headings",
    "share",
    "giving",
    "only_hints",
    "mentions",
    "long_heading",
    "long",
    "share_of_most",
    "giving_of_most",
    "only_asked",
    "asked",
    "long_title",
    "share_beside_title",
)


@dataclass(frozen=True)
class Weights:
    """A logistic regression: the bias, a weight per feature, how readily each theme is named, and the chance from which one is."""

    bias: float
    features: tuple[float, ...]
    themes: Mapping[str, float]
    threshold: float


@cache
def weights(path: Path = LEXICON / "theme_weights.yml") -> Weights:
    """Reads the weights that `python -m benchmarks.reading_themes` fits (docs/decisions/0103)."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Weights(raw["bias"], tuple(raw["features"][name] for name in FEATURES), raw["themes"], raw["threshold"])


@dataclass
class Mentions:
    """Where the words of one theme stand. `asked` counts those among conditions: they say who gets it, not what it is for."""

    title: bool = False
    headings: int = 0
    giving: set[int] = field(default_factory=set)
    number: int = 0
    asked: int = 0


class Places:
    """The headings, the giving sentences and the stretches that state conditions of a text, by position."""

    def __init__(self, text: str) -> None:
        root = outline(text)
        spans = [
            (node.body, match.end())
            for node in root.walk()
            if node.rank >= 0 and (match := _HEADING_WORDS.match(text, node.body, node.end))
        ]
        self._headings = sorted(spans)
        self._heading_starts = [start for start, _ in self._headings]
        self._asking = sorted((u.start, u.end) for u in units(text, root) if u.asks or u.common or u.barred or u.skip)
        self._asking_starts = [start for start, _ in self._asking]
        found = sentences(text, 0, len(text))
        self._starts = [s.start for s in found]
        self._giving = {n for n, s in enumerate(found) if awards.gives(text[s.start : s.end])}
        self.gives = len(self._giving)
        self.scale = max(_SHORTEST, len(text) / _USUAL)

    def add(self, mentions: Mentions, at: int) -> None:
        """Counts a word that stands at `at`."""
        n = bisect_right(self._asking_starts, at) - 1
        if n >= 0 and at < self._asking[n][1]:
            mentions.asked += 1
            return
        mentions.number += 1
        n = bisect_right(self._heading_starts, at) - 1
        if n >= 0 and at < self._headings[n][1]:
            mentions.headings += 1
        sentence = bisect_right(self._starts, at) - 1
        if sentence in self._giving:
            mentions.giving.add(sentence)


@dataclass(frozen=True)
class Crowd:
    """What the themes of one document share: how many its title names, the most mentions and the most giving sentences of any."""

    titled: int
    mentions: int
    giving: int


def features(mentions: Mentions, places: Places, crowd: Crowd, only_hints: bool) -> tuple[float, ...]:
    """The numbers named by FEATURES."""
    length = math.log(places.scale)
    giving = len(mentions.giving)
    return (
        float(mentions.title),
        float(crowd.titled > 0 and not mentions.title),
        float(min(mentions.headings, 2)),
        giving / max(1, places.gives),
        float(min(giving, 3)),
        float(only_hints),
        math.log1p(mentions.number / places.scale),
        length * (mentions.headings > 0),
        length,
        mentions.number / max(1, crowd.mentions),
        giving / max(1, crowd.giving),
        float(mentions.number == 0),
        math.log1p(mentions.asked),
        length * mentions.title,
        (crowd.titled > 0 and not mentions.title) * giving / max(1, places.gives),
    )


def measured(
    text: str, in_title: Mapping[str, Sequence[str]], in_text: Mapping[str, Sequence[int]], hinted: Mapping[str, bool]
) -> dict[str, tuple[float, ...]]:
    """Theme → features, for every theme of `hinted`.

    `in_title` and `in_text` say which words of a theme the title has and where in `text` they stand, `hinted` whether there are only hints.
    """
    places = Places(text)
    found = {theme: Mentions(title=bool(in_title.get(theme))) for theme in sorted(hinted)}
    for theme, mentions in found.items():
        for at in in_text.get(theme, ()):
            places.add(mentions, at)
    crowd = Crowd(
        sum(m.title for m in found.values()),
        max((m.number for m in found.values()), default=0),
        max((len(m.giving) for m in found.values()), default=0),
    )
    return {theme: features(mentions, places, crowd, hinted[theme]) for theme, mentions in found.items()}


def chance(theme: str, numbers: Sequence[float]) -> float:
    """The probability that a document is about a theme, in (0, 1)."""
    known = weights()
    total = known.bias + known.themes.get(theme, 0.0) + sum(w * n for w, n in zip(known.features, numbers, strict=True))
    return 1 / (1 + math.exp(-total))


def themes(
    text: str, in_title: Mapping[str, Sequence[str]], in_text: Mapping[str, Sequence[int]], hinted: Mapping[str, bool]
) -> dict[str, float]:
    """Theme → chance, for the themes that the document is about."""
    found = {theme: chance(theme, numbers) for theme, numbers in measured(text, in_title, in_text, hinted).items()}
    return {theme: probability for theme, probability in found.items() if probability >= weights().threshold}
