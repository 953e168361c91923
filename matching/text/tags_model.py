"""The tag classifier: TF-IDF of words and character n-grams, one logistic regression per tag, trained on the reviewed tags of the corpus."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from matching.text.segment import normalise, segmenter
from matching.text.tags import Tag

MODEL_FACETS = ("theme", "industry", "size", "method")
# below this many documents a tag has too little to learn from; the rules alone speak for it
FEWEST = 3
# leave-documents-out over ten folds of the corpus of 126: best micro F1 between 0.25 and 0.3 (docs/decisions/0062)
THRESHOLD = 0.3
FOLDS = 10


class Tagged(Protocol):
    """A document with reviewed tags, such as `data.corpus.Item`; `basis` begins with the number of the document it is an article of."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def basis(self) -> str: ...
    @property
    def tags(self) -> Any: ...


class Agreement(NamedTuple):
    """How found tags agree with reviewed ones in one facet: counts of tags found rightly, found, and reviewed."""

    facet: str
    right: int
    found: int
    reviewed: int

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        return self.right / self.reviewed if self.reviewed else 0.0

    @property
    def f1(self) -> float:
        total = self.found + self.reviewed
        return 2 * self.right / total if total else 0.0


@dataclass(frozen=True)
class Classifier:
    """A trained classifier: the vectorisers of words and of characters, and per (facet, tag) the weights of their terms."""

    words: Any
    characters: Any
    keys: tuple[tuple[str, str], ...]
    weights: npt.NDArray[np.float64]
    intercepts: npt.NDArray[np.float64]

    def probabilities(self, documents: Sequence[tuple[str, str]]) -> npt.NDArray[np.float64]:
        """One row per (title, text), one column per key."""
        return _chances(_matrix(self.words, self.characters, documents), self.weights, self.intercepts)

    def tags(self, title: str, text: str) -> list[Tag]:
        """The tags whose probability reaches THRESHOLD, each with the words that weighed most for it."""
        row = _matrix(self.words, self.characters, [(title, text)])
        chances = _chances(row, self.weights, self.intercepts)[0]
        names = self.words.get_feature_names_out()
        found = []
        for k in np.flatnonzero(chances >= THRESHOLD):
            facet, tag = self.keys[k]
            # character n-grams weigh too, but a fragment explains nothing to a reader
            spoken = row.indices < len(names)
            columns = row.indices[spoken]
            shares = row.data[spoken] * self.weights[k, columns]
            best = np.lexsort((names[columns], -shares))[:5]
            because = tuple(str(names[columns[i]]) for i in best if shares[i] > 0)
            found.append(Tag(facet, tag, "model", round(float(chances[k]), 4), because))
        return found


def train(documents: Sequence[Tagged]) -> Classifier:
    """Fits one logistic regression per tag that at least FEWEST documents carry. The same documents give the same weights."""
    # scikit-learn costs half a second to import, and most readers of this package never train
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    ordered = sorted(documents, key=lambda d: (d.id, d.text))
    pairs = [(d.title, d.text) for d in ordered]
    words = TfidfVectorizer(token_pattern=r"\S+", min_df=2, sublinear_tf=True, lowercase=False)
    words.fit([_words(*pair) for pair in pairs])
    characters = TfidfVectorizer(analyzer="char", ngram_range=(2, 3), min_df=2, sublinear_tf=True, lowercase=False)
    characters.fit([_characters(*pair) for pair in pairs])
    matrix = _matrix(words, characters, pairs)
    keys, weights, intercepts = [], [], []
    for facet in MODEL_FACETS:
        for tag in sorted({t for d in ordered for t in getattr(d.tags, facet)}):
            carried = np.array([tag in getattr(d.tags, facet) for d in ordered])
            if carried.sum() < FEWEST or carried.all():
                continue
            model = LogisticRegression(C=8.0, class_weight="balanced", max_iter=400, solver="liblinear", random_state=7)
            model.fit(matrix, carried)
            keys.append((facet, tag))
            weights.append(model.coef_[0])
            intercepts.append(float(model.intercept_[0]))
    return Classifier(words, characters, tuple(keys), np.array(weights), np.array(intercepts))


def leave_documents_out(documents: Sequence[Tagged], folds: int = FOLDS) -> list[Agreement]:
    """Agreement of the classifier with the reviewed tags, per facet, each document tagged by a model that saw no article of it.

    Articles and versions of one document (the same number in `basis`) always fall into one fold.
    """
    ordered = sorted(documents, key=lambda d: (d.id, d.text))
    sources = [re.split(r"\s", d.basis, maxsplit=1)[0] for d in ordered]
    numbered = {source: n for n, source in enumerate(sorted(set(sources)))}
    # every tenth of the sorted document numbers: neighbours in the alphabet come from one department
    fold = np.array([numbered[source] % folds for source in sources])
    found: dict[str, set[tuple[int, str]]] = {facet: set() for facet in MODEL_FACETS}
    for held in range(folds):
        model = train([d for d, f in zip(ordered, fold, strict=True) if f != held])
        for n in np.flatnonzero(fold == held).tolist():
            for tag in model.tags(ordered[n].title, ordered[n].text):
                found[tag.facet].add((n, tag.tag))
    return agreement(ordered, lambda n, facet: {tag for at, tag in found[facet] if at == n})


def agreement(documents: Sequence[Tagged], tags_of: Callable[[int, str], set[str]]) -> list[Agreement]:
    """Counts per facet of `tags_of(number of document, facet)` against the reviewed tags."""
    result = []
    for facet in MODEL_FACETS:
        pairs = [(tags_of(n, facet), set(getattr(d.tags, facet))) for n, d in enumerate(documents)]
        result.append(
            Agreement(
                facet,
                sum(len(got & want) for got, want in pairs),
                sum(len(got) for got, _ in pairs),
                sum(len(want) for _, want in pairs),
            )
        )
    return result


def _chances(
    matrix: Any, weights: npt.NDArray[np.float64], intercepts: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    chances: npt.NDArray[np.float64] = 1 / (1 + np.exp(-(np.asarray(matrix @ weights.T) + intercepts)))
    return chances


def _matrix(words: Any, characters: Any, documents: Sequence[tuple[str, str]]) -> Any:
    from scipy import sparse

    return sparse.hstack(
        [
            words.transform([_words(*document) for document in documents]),
            characters.transform([_characters(*document) for document in documents]),
        ],
        format="csr",
    )


def _words(title: str, text: str) -> str:
    """Words joined by blanks, as the vectoriser splits them, the title three times; numbers say nothing about a theme."""
    found = segmenter().words(f"{title}\n{title}\n{title}\n{text}")
    return " ".join(word for word in found if not word[0].isdigit() and len(word) > 1)


def _characters(title: str, text: str) -> str:
    return re.sub(r"[\d\s]+", "", normalise(f"{title}\n{title}\n{text}").text)
