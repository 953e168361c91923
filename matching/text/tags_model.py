"""The tag classifier: character n-grams, TF-IDF, one logistic regression per tag, trained on the reviewed tags of the corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from matching.text.segment import normalise, segmenter
from matching.text.tags import Tag

MODEL_FACETS = ("theme", "industry", "size", "method")
# below this many documents a tag has too little to learn from; the rules alone speak for it
FEWEST = 3
THRESHOLD = 0.5


class Tagged(Protocol):
    """A document with reviewed tags, such as `data.corpus.Item`."""

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


@dataclass(frozen=True)
class Classifier:
    """A trained classifier: one vectoriser, and per (facet, tag) the weights of its terms."""

    vectoriser: Any
    keys: tuple[tuple[str, str], ...]
    weights: npt.NDArray[np.float64]
    intercepts: npt.NDArray[np.float64]

    def probabilities(self, documents: Sequence[str]) -> npt.NDArray[np.float64]:
        """One row per document, one column per key."""
        matrix = self.vectoriser.transform([terms(document) for document in documents])
        return np.asarray(1 / (1 + np.exp(-(matrix @ self.weights.T + self.intercepts))))

    def tags(self, title: str, text: str) -> list[Tag]:
        """The tags whose probability is at least one half, each with the words that weighed most for it."""
        document = terms(f"{title}\n{title}\n{text}")
        row = self.vectoriser.transform([document])
        chances = 1 / (1 + np.exp(-(row @ self.weights.T + self.intercepts)[0]))
        names = self.vectoriser.get_feature_names_out()
        found = []
        for k in np.flatnonzero(chances >= THRESHOLD):
            facet, tag = self.keys[k]
            shares = row.data * self.weights[k, row.indices]
            best = np.lexsort((names[row.indices], -shares))[:5]
            because = tuple(str(names[row.indices[i]]) for i in best if shares[i] > 0)
            found.append(Tag(facet, tag, "model", round(float(chances[k]), 4), because))
        return found


def terms(document: str) -> str:
    """Words of a document joined by blanks, as the vectoriser splits them; numbers left out, they say nothing about a theme."""
    words = segmenter().words(normalise(document).text)
    return " ".join(word for word in words if not word[0].isdigit() and len(word) > 1)


def train(documents: Sequence[Tagged]) -> Classifier:
    """Fits one logistic regression per tag that at least FEWEST documents carry. The same documents give the same weights."""
    # scikit-learn costs half a second to import, and most readers of this package never train
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    ordered = sorted(documents, key=lambda d: (d.id, d.text))
    vectoriser = TfidfVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), min_df=2, sublinear_tf=True, lowercase=False)
    matrix = vectoriser.fit_transform([terms(f"{d.title}\n{d.title}\n{d.text}") for d in ordered])
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
    return Classifier(vectoriser, tuple(keys), np.array(weights), np.array(intercepts))
