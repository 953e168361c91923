"""Fits and judges the weights by which a theme is told from a mention. `python -m benchmarks.reading_themes [--write]`."""

import argparse
import random
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from data.corpus import load_items
from evaluation.reading import passages
from matching.text.salience import FEATURES
from matching.text.segment import LEXICON
from matching.text.tags import theme_features, vocabulary

GOLD = Path(__file__).parents[1] / "tests" / "matching" / "gold"
# what may be looked at; the final halves are never fitted on
HALVES = ("develop", "held_out", "round2_develop", "round3_develop")
# a labelled passage counts more than a corpus item, whose themes were written along with the words
WEIGHT = {"passage": 1.0, "item": 0.3, "joined": 0.3}
THRESHOLD = 0.55
FOLDS = 10
JOINED = 60


class Document(NamedTuple):
    group: str
    kind: str
    title: str
    text: str
    themes: frozenset[str]


def documents(seed: int = 3) -> list[Document]:
    """Labelled passages, corpus items, and articles joined from items as a 若干措施 joins them; an item's group is its document."""
    found = [
        Document(f"{half}.{p.id}", "passage", p.title, p.text, p.facts["theme"])
        for half in HALVES
        for p in passages(GOLD / f"{half}.yml")
    ]
    items = load_items()
    found += [Document(i.basis.split(" ")[0] or i.id, "item", i.title, i.text, frozenset(i.tags.theme)) for i in items]
    draw = random.Random(seed)
    for n in range(JOINED):
        some = draw.sample(items, draw.randint(2, 4))
        body = "\n".join(f"{mark}、{i.title}。{i.text.strip()}" for mark, i in zip("一二三四", some, strict=False))
        themes = frozenset().union(*(i.tags.theme for i in some))
        found.append(Document(f"joined{n}", "joined", "关于支持产业高质量发展的若干措施", body, themes))
    return found


class Table(NamedTuple):
    """One row per document and suggested theme: features then one column per theme, whether it is one of the document's, and whose."""

    x: np.ndarray
    right: np.ndarray
    groups: np.ndarray
    kinds: np.ndarray


def table(found: list[Document]) -> Table:
    order = list(vocabulary().tags["theme"])
    rows, right, groups, kinds = [], [], [], []
    for document in found:
        for theme, numbers in theme_features(document.title, document.text).items():
            rows.append([*numbers, *(float(theme == t) for t in order)])
            right.append(theme in document.themes)
            groups.append(document.group)
            kinds.append(document.kind)
    return Table(np.array(rows), np.array(right), np.array(groups), np.array(kinds))


def fitted(some: Table) -> Any:
    model = LogisticRegression(C=1.0, max_iter=5000)
    return model.fit(some.x, some.right, sample_weight=np.array([WEIGHT[k] for k in some.kinds]))


def left_out(every: Table) -> np.ndarray:
    """The chance of each row by weights that have not seen its document."""
    chances = np.zeros(len(every.right))
    for seen, unseen in GroupKFold(FOLDS).split(every.x, every.right, every.groups):
        model = fitted(Table(*(column[seen] for column in every)))
        chances[unseen] = model.predict_proba(every.x[unseen])[:, 1]
    return chances


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write data/lexicon/theme_weights.yml")
    asked = parser.parse_args()
    found = documents()
    every = table(found)
    chances = left_out(every)
    for kind in WEIGHT:
        mine = every.kinds == kind
        named = chances[mine] >= THRESHOLD
        wanted = sum(len(d.themes) for d in found if d.kind == kind)
        right = int((named & every.right[mine]).sum())
        print(
            f"{kind:8s} P {right / named.sum():.3f} R {right / wanted:.3f} F1 {2 * right / (named.sum() + wanted):.3f}"
        )
    if asked.write:
        model = fitted(every)
        values = [round(float(v), 3) for v in model.coef_[0]]
        order = list(vocabulary().tags["theme"])
        said = {
            "bias": round(float(model.intercept_[0]), 3),
            "threshold": THRESHOLD,
            "features": dict(zip(FEATURES, values[: len(FEATURES)], strict=True)),
            "themes": dict(zip(order, values[len(FEATURES) :], strict=True)),
        }
        head = "# How a theme is told from a mention: fitted by `python -m benchmarks.reading_themes --write`, never by hand.\n"
        path = LEXICON / "theme_weights.yml"
        path.write_text(head + yaml.safe_dump(said, allow_unicode=True, sort_keys=False), encoding="utf-8")


if __name__ == "__main__":
    main()
