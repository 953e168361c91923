"""A city's policy library: documents read, tagged, indexed and searched, in CPU seconds. `python -m benchmarks.library --documents 48000`."""

import argparse
import json
import random
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl

from data.corpus import load_items
from matching.text import read
from matching.text.model import Reading
from matching.text.relations import near_duplicates
from matching.text.search import Filters, Library, document_terms
from matching.text.segment import segmenter
from matching.text.tags import rule_tags

QUERIES = (
    "研发 补助",
    "研发费用加计扣除",
    "高新技术企业 首次认定 奖励",
    "专精特新 小巨人",
    "稳岗返还 裁员率",
    "租金减免 小微企业",
    "跨境电商 海外仓",
    "贷款贴息 担保",
    "人才安家补贴",
    "农产品加工 冷链",
    "海口 数字化改造",
    "首台套 装备",
)
LENGTH = 500
_STARTS = {
    "tags": "from matching.text.tags import rule_tags; rule_tags('补助', '对企业给予补助。')",
    "read": "from matching.text import read; read('营业收入500万元以上的企业奖励5万元。')",
    "search": "from matching.text.search import document_terms; document_terms('补助', '对企业给予补助。')",
    "model": "import matching.text.tags_model; import sklearn.linear_model, sklearn.feature_extraction.text",
}


def library(documents: int, seed: int = 7) -> list[tuple[str, str]]:
    """(title, text) of so many documents of about LENGTH characters, paragraphs of the corpus recombined."""
    items = load_items()
    paragraphs = [p for item in items for p in re.split(r"\n+", item.text) if len(p.strip()) > 12]
    draw = random.Random(seed)
    made = []
    for n in range(documents):
        title = f"{draw.choice(items).title}（{n}）"
        body, length = [], 0
        while length < LENGTH:
            body.append(draw.choice(paragraphs))
            length += len(body[-1])
        made.append((title, "\n".join(body)))
    return made


def _cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def _counts(reading: Reading) -> tuple[int, int]:
    return len(reading.items), len(reading.common_conditions) + sum(len(item.conditions) for item in reading.items)


def _quantile(sorted_values: list[float], share: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]


def measured(documents: int, sample: int) -> dict[str, Any]:
    """Every figure of the benchmark, CPU seconds of this one process.

    Every document is tagged, segmented and indexed on its own; conditions are read from, and near-duplicates sought among, the first `sample`.
    """
    texts = library(documents)
    few = texts[:sample]
    words = segmenter()
    rule_tags(*texts[0])
    tag_seconds, tags = _cpu(lambda: [rule_tags(title, text) for title, text in texts])
    read_seconds, readings = _cpu(lambda: [_counts(read(text, title=title)) for title, text in few])
    term_seconds, terms = _cpu(lambda: [document_terms(title, text, words) for title, text in texts])
    items = pl.DataFrame(
        {
            "item_id": [f"d{n}" for n in range(documents)],
            "version": [1] * documents,
            "title": [title for title, _ in texts],
            "text": [text for _, text in texts],
            "level": ["省级"] * documents,
            "region": [["460100" if n % 3 else "460000"] for n in range(documents)],
            "zone": pl.Series([None] * documents, dtype=pl.String),
            "valid_from": [date(2024, 1, 1)] * documents,
            "valid_to": [date(2025, 12, 31) if n % 5 else date(2024, 6, 30) for n in range(documents)],
        }
    )
    rows = [(f"d{n}", 1, t.facet, t.tag) for n, found in enumerate(tags) for t in found if t.facet != "region"]
    tag_frame = pl.DataFrame(rows, schema=["item_id", "version", "facet", "tag"], orient="row")
    index_seconds, shelf = _cpu(lambda: Library(items, tag_frame, terms, words))
    filters = (
        Filters(),
        Filters(tags={"theme": frozenset({"研发创新", "融资"})}, region="460100", on=date(2025, 1, 25)),
    )
    asked = sorted(
        _cpu(lambda q=query, f=f: shelf.search(q, f))[0] for query in QUERIES for f in filters for _ in range(5)
    )
    near_seconds, near = _cpu(lambda: near_duplicates([text for _, text in few]))
    return {
        "documents": documents,
        "characters_mean": round(sum(len(text) for _, text in texts) / documents),
        "tags": sum(len(found) for found in tags),
        "tag_seconds": round(tag_seconds, 1),
        "tagged_per_second": round(documents / tag_seconds),
        "read": sample,
        "items_read": sum(items for items, _ in readings),
        "conditions_read": sum(conditions for _, conditions in readings),
        "read_per_second": round(sample / read_seconds),
        "term_seconds": round(term_seconds, 1),
        "terms_per_second": round(documents / term_seconds),
        "index_seconds": round(index_seconds, 1),
        "search_p50_ms": round(1000 * _quantile(asked, 0.5), 2),
        "search_p95_ms": round(1000 * _quantile(asked, 0.95), 2),
        "near_duplicates_per_second": round(sample / near_seconds),
        "near_duplicate_pairs": len(near),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "start_seconds": {name: _start(code) for name, code in _STARTS.items()},
    }


def _start(code: str) -> float:
    """CPU seconds of a new interpreter that imports and uses one thing, less those of one that does nothing."""

    def spent(source: str) -> float:
        told = f"{source}\nimport time; print(time.process_time())"
        done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
        return float(done.stdout)

    return round(spent(code) - spent(""), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=48_000)
    parser.add_argument("--sample", type=int, default=2_000, help="how many of them are read and compared")
    asked = parser.parse_args()
    print(json.dumps(measured(asked.documents, min(asked.sample, asked.documents)), ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
