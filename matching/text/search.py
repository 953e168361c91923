"""Full-text search over policy items: BM25 over jieba words, filters, snippets."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
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
# A document that has one of three words is not a third as good; how much of the score waits for the others.
COORDINATION = 0.6
# A place among the words says where, not what: items shelved there, above or below it, and elsewhere.
AT_PLACE, NEAR_PLACE, ELSEWHERE = 1.4, 1.2, 0.5
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

    def __init__(self, documents: pl.Series | Sequence[Sequence[str]]) -> None:
        """`documents`: the terms of each document, in any order, repeated as often as they occur."""
        lists = pl.Series(documents, dtype=pl.List(pl.String))
        self.documents = len(lists)
        lengths = lists.list.len().cast(pl.Float64).to_numpy()
        exploded = (
            pl.DataFrame({"row": np.arange(self.documents, dtype=np.int32), "term": lists}).explode("term").drop_nulls()
        )
        names = exploded["term"].unique().sort()
        self.terms: dict[str, int] = {name: column for column, name in enumerate(names)}
        # numbers, not words, are grouped: of 48,000 documents' 15 million terms that is most of the time
        counted = (
            exploded.select("row", pl.col("term").cast(pl.Enum(names)).to_physical().alias("column"))
            .group_by("row", "column")
            .len("count")
            .sort("column", "row")
        )
        matrix = sparse.csc_matrix(
            (counted["count"].cast(pl.Float64).to_numpy(), (counted["row"].to_numpy(), counted["column"].to_numpy())),
            shape=(self.documents, len(self.terms)),
        )
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
        for span, weight in self._spans(weights):
            found[self._indices[span]] += weight * self._data[span]
        return found

    def covered(self, weights: Mapping[str, float]) -> npt.NDArray[np.float32]:
        """The share of the weight asked for that each document has at all, in [0, 1]; of terms that some document has."""
        found = np.zeros(self.documents, dtype=np.float32)
        spans = list(self._spans(weights))
        for span, weight in spans:
            found[self._indices[span]] += weight
        return found / np.float32(sum(weight for _, weight in spans) or 1.0)

    def _spans(self, weights: Mapping[str, float]) -> Iterator[tuple[slice, float]]:
        for term, weight in weights.items():
            column = self.terms.get(term)
            if column is not None:
                yield slice(self._starts[column], self._starts[column + 1]), weight


class Library:
    """Policy items with their index."""

    def __init__(
        self,
        items: pl.DataFrame,
        tags: pl.DataFrame,
        terms: pl.Series | Sequence[Sequence[str]],
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
        # few distinct shelves, many items: a place is compared with each shelf once
        shelves = {codes: n for n, codes in enumerate(dict.fromkeys(map(tuple, items["region"].to_list())))}
        self._shelves = tuple(shelves)
        self._shelf = np.array([shelves[tuple(codes)] for codes in items["region"].to_list()], dtype=np.int32)
        row_of = {(i, v): row for row, (i, v) in enumerate(items.select("item_id", "version").iter_rows())}
        self.tags: dict[str, dict[str, npt.NDArray[np.bool_]]] = {}
        for item_id, version, facet, tag in tags.select("item_id", "version", "facet", "tag").iter_rows():
            row = row_of.get((item_id, version))
            if row is not None:
                masks = self.tags.setdefault(facet, {})
                masks.setdefault(tag, np.zeros(items.height, dtype=np.bool_))[row] = True

    def search(self, query: str, filters: Filters | None = None, limit: int = 10) -> list[Hit]:
        """The best `limit` items for the words of a query, best first; ties by item id, newest version first.

        A query without words (empty, or only punctuation) finds every item the filters let through, with score 0. A word that is the name of
        a place is not looked for in the text: it brings what is shelved there, above or below it to the front.
        """
        query, places = _without_places(query)
        weights = query_terms(query, self.words, self.index)
        mask = self.mask(filters or Filters())
        if not self.words.words(query):
            near = self._nearness(places) if places else np.ones(self.items.height, dtype=np.float32)
            scores = near if places else np.zeros(self.items.height, dtype=np.float32)
            rows = np.flatnonzero(mask & (near > ELSEWHERE))
        else:
            scores = self.index.scores(weights)
            if len(weights) > 1:
                scores *= (1 - COORDINATION) + COORDINATION * self.index.covered(weights)
            if places:
                scores *= self._nearness(places)
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
            kept &= np.array([any(code in near for code in codes) for codes in self._shelves], dtype=np.bool_)[
                self._shelf
            ]
        return kept

    def _nearness(self, places: Sequence[str]) -> npt.NDArray[np.float32]:
        """How near each item is shelved to the nearest of the places."""
        near = frozenset().union(*(related(place) for place in places))
        shelves = [
            AT_PLACE
            if any(code in places for code in codes)
            else NEAR_PLACE
            if any(c in near for c in codes)
            else ELSEWHERE
            for codes in self._shelves
        ]
        return np.array(shelves, dtype=np.float32)[self._shelf]

    def _where(self, condition: pl.Expr) -> npt.NDArray[np.bool_]:
        return self.items.select(condition.alias("kept"))["kept"].fill_null(False).to_numpy().astype(np.bool_)


def _without_places(query: str) -> tuple[str, tuple[str, ...]]:
    """A query without the blank-separated words that are wholly the name of a place, and the codes of those places."""
    kept, codes = [], []
    for word in query.split():
        found = gazetteer.find(normalise(word).text)
        if found and found[0].start == 0 and found[-1].end == len(normalise(word).text):
            codes.append(found[-1].code)
        else:
            kept.append(word)
    return " ".join(kept), tuple(codes)


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


def query_terms(query: str, words: Segmenter | None = None, index: Index | None = None) -> dict[str, float]:
    """Terms of a query → weight: each word 1; for a word that no document has, its parts ½ each.

    The parts of a word that documents do have would only dilute it: 企业 in 高新技术企业 is in every document.
    """
    words = words or segmenter()
    weights: dict[str, float] = {}
    for word in words.terms(query):
        if index is None or word in index.terms:
            weights[word] = 1.0
        else:
            for part in words.parts(word):
                weights.setdefault(part, PART_WEIGHT)
    return weights


def snippet(text: str, weights: Mapping[str, float], words: Segmenter | None = None, width: int = 80) -> str:
    """The sentence of `text` in which most of the searched weight stands, at most about `width` characters, hits in 【】.

    Looks for the words and their variants as they are written, without segmenting: ten snippets cost a page of results 2 ms, not 40.
    """
    if not weights:
        return _cut(text.strip().replace("\n", " "), width)
    words = words or segmenter()
    forms = {form: (term, weight) for term, weight in weights.items() for form in words.forms(term)}
    # longest first: of 研发 and 研发费用 the longer is the hit
    pattern = re.compile("|".join(re.escape(form) for form in sorted(forms, key=lambda f: (-len(f), f))), re.IGNORECASE)
    normal = normalise(text)
    best, best_score = (0, len(normal.text)), -1.0
    for match in SENTENCE.finditer(normal.text):
        if not match.group().strip():
            continue
        present = dict(forms[hit.lower()] for hit in pattern.findall(match.group()))
        # of two sentences that say as much the shorter says it better
        score = math.fsum(present.values()) - len(match.group()) / 1e5
        if score > best_score:
            best, best_score = match.span(), score
    start, end = normal.source(*best)
    hits = [normal.source(*hit.span()) for hit in pattern.finditer(normal.text, *best)]
    return _highlighted(text, start, end, hits, width)


def _highlighted(text: str, start: int, end: int, hits: Sequence[tuple[int, int]], width: int) -> str:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    first = hits[0][0] if hits else start
    left = max(start, min(first - width // 3, end - width))
    right = min(end, left + width)
    out, at = [], left
    for begin, stop in hits:
        if begin < at or stop > right:
            continue
        out.append(text[at:begin] + "【" + text[begin:stop] + "】")
        at = stop
    out.append(text[at:right])
    shown = "".join(out).replace("\n", " ")
    return f"{'…' if left > start else ''}{shown}{'…' if right < end else ''}"


def _cut(text: str, width: int) -> str:
    return text[:width] + ("…" if len(text) > width else "")
