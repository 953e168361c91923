"""Full-text search over policy items: BM25 over jieba words, filters, snippets."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from data import gazetteer
from matching.text.segment import Segmenter, normalise, segmenter

# Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), §3.5: the usual range of k1 is 1.2-2, of b 0.5-0.8
K1, B = 1.5, 0.75
# a word of the title stands for what the item is about
TITLE_WEIGHT = 3
PART_WEIGHT = 0.5
SENTENCE = re.compile(r"[^。；！？\n]*[。；！？\n]?")

REQUIRED = ("item_id", "version", "title", "level", "region", "zone", "valid_from", "valid_to", "text")


@dataclass(frozen=True)
class Filters:
    """What a hit must satisfy. `tags`: facet → any of these tags; `region`: the item is shelved at this place, above it or below it;
    `zone`: its special shelf; `on`: a day on which it is valid; `items`: only these ids."""

    tags: Mapping[str, frozenset[str]] | None = None
    levels: frozenset[str] = frozenset()
    region: str | None = None
    zone: str | None = None
    on: date | None = None
    items: frozenset[str] | None = None


class Hit(NamedTuple):
    """One item found; `snippet` has the words searched for in 【】."""

    item_id: str
    version: int
    title: str
    score: float
    snippet: str
    row: int


class Index:
    """BM25 weights of terms by document, one sparse column per term.

    Weight of term t in document d: idf(t) · tf·(k1+1) / (tf + k1·(1 − b + b·|d|/mean|d|)), with idf = ln(1 + (N − df + ½)/(df + ½)).
    """

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        """`documents`: the terms of each document, in any order, repeated as often as they occur."""
        self.documents = len(documents)
        self.terms: dict[str, int] = {}
        rows: list[int] = []
        columns: list[int] = []
        counts: list[int] = []
        for row, words in enumerate(documents):
            for word, count in Counter(words).items():
                rows.append(row)
                columns.append(self.terms.setdefault(word, len(self.terms)))
                counts.append(count)
        lengths = np.array([len(words) for words in documents], dtype=np.float64)
        shape = (self.documents, len(self.terms))
        matrix = sparse.csc_matrix((np.array(counts, dtype=np.float64), (rows, columns)), shape=shape)
        mean = float(lengths.mean()) if self.documents else 1.0
        frequency = np.diff(matrix.indptr)
        idf = np.log1p((self.documents - frequency + 0.5) / (frequency + 0.5))
        tf = matrix.data
        length = lengths[matrix.indices] / (mean or 1.0)
        self._data = (np.repeat(idf, frequency) * tf * (K1 + 1) / (tf + K1 * (1 - B + B * length))).astype(np.float32)
        self._indices = matrix.indices
        self._starts = matrix.indptr

    def scores(self, weights: Mapping[str, float]) -> npt.NDArray[np.float32]:
        """The BM25 score of every document for weighted terms; terms that no document has count nothing."""
        found = np.zeros(self.documents, dtype=np.float32)
        for term, weight in weights.items():
            column = self.terms.get(term)
            if column is not None:
                span = slice(self._starts[column], self._starts[column + 1])
                found[self._indices[span]] += weight * self._data[span]
        return found


class Library:
    """Policy items with their index."""

    def __init__(
        self,
        items: pl.DataFrame,
        tags: pl.DataFrame,
        terms: Sequence[Sequence[str]],
        words: Segmenter | None = None,
    ) -> None:
        """`items`: REQUIRED columns, one row per item version; `tags`: item_id, version, facet, tag; `terms`: one list per row of items.

        Raises ValueError naming a missing column or a count that differs.
        """
        missing = [name for name in REQUIRED if name not in items.columns]
        if missing:
            raise ValueError(f"检索库缺少列 {'、'.join(missing)}")
        if len(terms) != items.height:
            raise ValueError(f"检索库有 {items.height} 个事项，却有 {len(terms)} 份词表")
        self.items = items
        self.index = Index(terms)
        self.words = words or segmenter()
        self._regions = [tuple(codes) for codes in items["region"].to_list()]
        row_of = {(i, v): row for row, (i, v) in enumerate(items.select("item_id", "version").iter_rows())}
        self.tags: dict[str, dict[str, npt.NDArray[np.bool_]]] = {}
        for item_id, version, facet, tag in tags.select("item_id", "version", "facet", "tag").iter_rows():
            row = row_of.get((item_id, version))
            if row is not None:
                masks = self.tags.setdefault(facet, {})
                masks.setdefault(tag, np.zeros(items.height, dtype=np.bool_))[row] = True

    def search(self, query: str, filters: Filters | None = None, limit: int = 10) -> list[Hit]:
        """The best `limit` items for the words of a query, best first; ties by item id, newest version first.

        A query without words (empty, or only punctuation) finds every item the filters let through, with score 0.
        """
        weights = query_terms(query, self.words)
        mask = self.mask(filters or Filters())
        if not weights:
            rows = np.flatnonzero(mask)
            scores = np.zeros(self.items.height, dtype=np.float32)
        else:
            scores = self.index.scores(weights)
            rows = np.flatnonzero(mask & (scores > 0))
        if len(rows) > limit:
            # partition first: a common word matches most of the library, and only a page of it is shown
            floor = np.partition(scores[rows], len(rows) - limit)[len(rows) - limit]
            rows = rows[scores[rows] >= floor]
        names = self.items["item_id"]
        versions = self.items["version"]
        best = sorted(rows.tolist(), key=lambda r: (-float(scores[r]), names[r], -versions[r]))[:limit]
        return [
            Hit(
                names[row],
                versions[row],
                self.items["title"][row],
                round(float(scores[row]), 4),
                snippet(self.items["text"][row], weights, self.words),
                row,
            )
            for row in best
        ]

    def mask(self, filters: Filters) -> npt.NDArray[np.bool_]:
        """Which items the filters let through."""
        kept = np.ones(self.items.height, dtype=np.bool_)
        for facet, wanted in (filters.tags or {}).items():
            masks = self.tags.get(facet, {})
            any_of = np.zeros(self.items.height, dtype=np.bool_)
            for tag in sorted(wanted):
                if tag in masks:
                    any_of |= masks[tag]
            kept &= any_of
        if filters.levels:
            kept &= self._where(pl.col("level").is_in(sorted(filters.levels)))
        if filters.zone:
            kept &= self._where(pl.col("zone").fill_null("") == filters.zone)
        if filters.on:
            kept &= self._where((pl.col("valid_from") <= filters.on) & (pl.col("valid_to") >= filters.on))
        if filters.items is not None:
            kept &= self._where(pl.col("item_id").is_in(sorted(filters.items)))
        if filters.region:
            near = related(filters.region)
            kept &= np.fromiter((any(c in near for c in codes) for codes in self._regions), np.bool_, self.items.height)
        return kept

    def _where(self, condition: pl.Expr) -> npt.NDArray[np.bool_]:
        return self.items.select(condition.alias("kept"))["kept"].fill_null(False).to_numpy().astype(np.bool_)


def related(place: str) -> frozenset[str]:
    """The codes of a place, of every region above and below it, and of the parks that lie in them. A park's own region is above it."""
    parks = {park.park: park.region for park in gazetteer.parks()}
    region = parks.get(place, place)
    codes = {place, region, *gazetteer.ancestors(region)}
    if place not in parks:
        codes |= gazetteer.descendants(place)
        codes |= {park for park, lies_in in parks.items() if lies_in in codes - set(gazetteer.ancestors(region))}
    return frozenset(codes)


def document_terms(title: str, text: str, words: Segmenter | None = None) -> list[str]:
    """The terms of a document as the index keeps them: synonyms folded, parts of long words beside them, the title three times."""
    words = words or segmenter()
    found = words.terms(text) + words.terms(title) * TITLE_WEIGHT
    return [term for word in found for term in (word, *words.parts(word))]


def query_terms(query: str, words: Segmenter | None = None) -> dict[str, float]:
    """Terms of a query → weight: each word 1, each part of a long word ½."""
    words = words or segmenter()
    weights: dict[str, float] = {}
    for word in words.terms(query):
        weights[word] = 1.0
        for part in words.parts(word):
            weights.setdefault(part, PART_WEIGHT)
    return weights


def snippet(text: str, weights: Mapping[str, float], words: Segmenter | None = None, width: int = 80) -> str:
    """The sentence of `text` in which most of the searched weight stands, at most about `width` characters, hits in 【】."""
    words = words or segmenter()
    if not weights:
        return _cut(text.strip().replace("\n", " "), 0, width)
    best, best_score = "", -1.0
    for sentence in SENTENCE.findall(text):
        if not sentence.strip():
            continue
        present = set(words.terms(sentence))
        present |= {part for word in present for part in words.parts(word)}
        score = math.fsum(weight for term, weight in weights.items() if term in present) - 0.001 * len(sentence) / 100
        if score > best_score:
            best, best_score = sentence.strip(), score
    return _highlighted(best, weights, words, width)


def _highlighted(sentence: str, weights: Mapping[str, float], words: Segmenter, width: int) -> str:
    normal = normalise(sentence)
    spans = []
    for token in words.tokens(normal.text):
        term = words.synonyms.get(token.text.lower(), token.text.lower())
        if term in weights or any(part in weights for part in words.parts(term)):
            spans.append(normal.source(token.start, token.end))
    first = spans[0][0] if spans else 0
    start = max(0, min(first - width // 3, len(sentence) - width))
    end = min(len(sentence), start + width)
    out, at = [], start
    for left, right in spans:
        if left < at or right > end:
            continue
        out.append(sentence[at:left] + "【" + sentence[left:right] + "】")
        at = right
    out.append(sentence[at:end])
    shown = "".join(out).replace("\n", " ")
    return f"{'…' if start else ''}{shown}{'…' if end < len(sentence) else ''}"


def _cut(text: str, start: int, width: int) -> str:
    return text[start : start + width] + ("…" if len(text) > start + width else "")
