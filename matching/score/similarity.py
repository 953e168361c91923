"""How like the words of a firm's 经营范围 are to the words of an item: cosine of TF-IDF vectors over jieba terms."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy import sparse

from matching.text.search import document_terms
from matching.text.segment import Segmenter, segmenter

# The clause every register entry ends in, and the headings, say nothing about the business.
_FORMULA = re.compile(r"[（(]除?[^）)]*(?:许可|经营活动)[^）)]*[）)]|(?:一般|许可)(?:经营)?项目[：:]")


def _matrix(documents: Sequence[Sequence[str]], terms: dict[str, int]) -> sparse.csr_matrix:
    rows = [row for row, words in enumerate(documents) for word in words if word in terms]
    columns = [terms[word] for words in documents for word in words if word in terms]
    counts = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(documents), len(terms)))
    counts.sum_duplicates()
    counts.data = 1.0 + np.log(counts.data)
    return counts


def _normed(weights: sparse.csr_matrix) -> sparse.csr_matrix:
    length = np.sqrt(np.asarray(weights.multiply(weights).sum(axis=1)).ravel())
    return sparse.diags(np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)) @ weights


def text_similarity(
    pairs: pl.DataFrame, scopes: pl.DataFrame, items: pl.DataFrame, words: Segmenter | None = None
) -> pl.DataFrame:
    """(enterprise_id, item_id, text_similarity in [0, 1]) for those of `pairs` (enterprise_id, item_id) whose firm has a known scope.

    `scopes` is (enterprise_id, business_scope), `items` (item_id, version, title, text), of which the newest version speaks. A term weighs
    (1 + ln tf) · ln(1 + N/df) over the items; terms that no item has are left out. Each distinct scope is read once: firms copy them from
    one catalogue (117 texts for 50,000 firms of the mock world).
    """
    words = words or segmenter()
    newest = items.sort("item_id", "version").group_by("item_id", maintain_order=True).last()
    documents = [document_terms(title, text or "", words) for title, text in newest.select("title", "text").iter_rows()]
    terms = {term: at for at, term in enumerate(sorted({term for document in documents for term in document}))}
    known = scopes.filter(pl.col("business_scope").is_not_null()).join(
        pairs.select("enterprise_id").unique(), on="enterprise_id", how="semi"
    )
    texts = known["business_scope"].unique().sort()
    schema = {"enterprise_id": pl.String, "item_id": pl.String, "text_similarity": pl.Float64}
    if not terms or texts.is_empty():
        return pl.DataFrame(schema=schema)
    about = _matrix(documents, terms)
    spread = np.asarray((about > 0).sum(axis=0)).ravel()
    weigh = sparse.diags(np.log1p(len(documents) / np.maximum(spread, 1)))
    asked = _matrix([words.terms(_FORMULA.sub("", text)) for text in texts], terms)
    like = np.asarray((_normed(asked @ weigh) @ _normed(about @ weigh).T).todense()).clip(0.0, 1.0).round(6)
    table = pl.DataFrame(
        {
            "business_scope": texts.gather(np.repeat(np.arange(len(texts)), newest.height)),
            "item_id": pl.concat([newest["item_id"]] * len(texts)),
            "text_similarity": like.ravel(),
        }
    )
    asked_for = pairs.select("enterprise_id", "item_id").unique().join(known, on="enterprise_id", how="inner")
    return (
        asked_for.join(table, on=["business_scope", "item_id"], how="inner")
        .select(list(schema))
        .sort("enterprise_id", "item_id")
    )
