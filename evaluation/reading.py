"""How well a reader reads: precision, recall and F1 of conditions, awards and tags against labelled passages, with bootstrap intervals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import yaml

from matching.text.document import office_kind

Kind = Literal[
    "numeric",
    "numeric_field",
    "soft",
    "soft_field",
    "any_of",
    "award",
    "theme",
    "industry",
    "size",
    "method",
    "region",
    "level",
    "department",
]
# said of a document beside its tags; labelled since round 5 only
ABOUT: tuple[Kind, ...] = ("region", "level", "department")
KINDS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind not in ABOUT)
_NUMERIC_OPS = frozenset({">=", ">", "<=", "<", "between"})
_RESAMPLES = 2000


@dataclass(frozen=True)
class Passage:
    """A labelled text: what to hand to the reader, and the facts it should return per kind."""

    id: str
    title: str
    issuer: str
    region: str
    text: str
    facts: Mapping[Kind, frozenset[str]]
    # other honest ways to say a labelled fact: spelling → the facts it stands for
    spellings: Mapping[str, frozenset[str]] = field(default_factory=dict)
    # what may or may not be labelled: counts neither for nor against
    doubtful: frozenset[str] = frozenset()
    # which of ABOUT are labelled: what is not counts neither for nor against
    about: frozenset[str] = frozenset()

    def judged(self, found: Mapping[Kind, frozenset[str]]) -> dict[Kind, frozenset[str]]:
        """`found` in the words of the labels: another spelling is the fact it stands for, a doubtful fact is not there."""
        return {kind: self._judged(kind, facts) for kind, facts in found.items()}

    def _judged(self, kind: Kind, found: frozenset[str]) -> frozenset[str]:
        if kind in ABOUT and kind not in self.about:
            return frozenset()
        wanted = self.facts[kind]
        said = frozenset(
            fact for one in found for fact in ([one] if one in wanted or kind == "any_of" else self._meant(one))
        )
        if kind == "any_of":
            said = frozenset(self._pair(pair) for pair in said)
        if kind.endswith("_field"):
            doubtful = {fact.split(" ")[0] for fact in self.doubtful}
        else:
            doubtful = set(self.doubtful)
        return frozenset(fact for fact in said if fact in wanted or fact not in doubtful)

    def _meant(self, fact: str) -> frozenset[str]:
        """What a found fact stands for by its words, by its field and comparison with any value, or by its field alone."""
        field_and_op = " ".join(fact.split(" ")[:2])
        for key in (fact, f"{field_and_op} *", f"{field_and_op.split(' ')[0]} *"):
            if key in self.spellings:
                return self.spellings[key]
        return frozenset({fact})

    def _pair(self, pair: str) -> str:
        sides = [
            min(self.spellings.get(side, [side])) if side in self.spellings else side for side in pair.split(" 或 ")
        ]
        return " 或 ".join(sorted(sides))


@dataclass(frozen=True)
class Score:
    """Counts over documents and the F1 they make; `low`, `high` are the 95 % bootstrap interval of F1 over documents."""

    found: int
    right: int
    wanted: int
    low: float
    high: float

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        return self.right / self.wanted if self.wanted else 0.0

    @property
    def f1(self) -> float:
        both = self.found + self.wanted
        return 2 * self.right / both if both else 0.0


def passages(path: Path) -> list[Passage]:
    """Reads a file of labelled passages. Raises ValueError naming file, passage and line for a condition that cannot be read."""
    return [_passage(path, raw) for raw in yaml.safe_load(path.read_text(encoding="utf-8"))]


def _passage(path: Path, raw: Mapping[str, Any]) -> Passage:
    conditions = []
    for line in raw["conditions"]:
        said, _, group = line.partition(" ~")
        parts = said.split(" ", 2)
        try:
            field, op, value = parts[0], parts[1], json.loads(parts[2])
        except (IndexError, json.JSONDecodeError) as error:
            raise ValueError(
                f"{path.name} 的 {raw['id']}：「{line}」应写成「指标 比较 值(JSON)」，或组写成「 ~1」"
            ) from error
        conditions.append({"field": field, "op": op, "value": value, **_group(group)})
    document = {
        "tags": raw["tags"],
        "items": [{"conditions": conditions, "award": {"tiers": [{"value": value} for value in raw["awards"]]}}],
        "level": raw.get("level", ""),
        "departments": raw.get("department", ()),
        "region": raw["region"] if "level" in raw else "",
    }
    said = facts(document)
    about = frozenset(kind for kind in ABOUT if said[kind])
    return Passage(
        raw["id"], raw["title"], raw["issuer"], raw["region"], raw["text"], said, _spellings(raw), _doubtful(raw), about
    )


def _spellings(raw: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """`also` of the labels, parted by bars: other values of the same field (`股改`), whole conditions, or a field and comparison with any value."""
    found: dict[str, frozenset[str]] = {}
    for label in raw.get("labels", ()):
        meant = frozenset(_facts_of(label))
        for words in filter(None, str(label.get("also", "")).split("|")):
            parts = words.split(" ", 2)
            if words.isascii() and len(parts) < 3 and parts[0].replace("_", "").isalpha() and parts[0].islower():
                # a field, or a field and its comparison, with any value
                found[f"{words} *"] = found.get(f"{words} *", frozenset()) | meant
                continue
            try:
                other = {"field": parts[0], "op": parts[1], "value": json.loads(parts[2])}
            except (IndexError, json.JSONDecodeError):
                other = {**label, "value": [words] if label["op"] == "in" else words}
            for fact in _facts_of(other):
                found[fact] = found.get(fact, frozenset()) | meant
            if other["field"] != label["field"] and is_numeric(other) == is_numeric(label):
                found.setdefault(other["field"], frozenset({label["field"]}))
    for tag in raw.get("theme_also", ()):
        found[tag] = frozenset()
    return found


def _doubtful(raw: Mapping[str, Any]) -> frozenset[str]:
    facts = {fact for label in raw.get("doubtful", ()) if label.get("op") for fact in _facts_of(label)}
    return frozenset(
        facts | {_number(label["value"]) for label in raw.get("award_labels", ()) if label.get("doubtful")}
    )


def _facts_of(condition: Mapping[str, Any]) -> list[str]:
    if is_numeric(condition):
        return [_fact(condition)]
    return [_fact(one) for one in _one_by_one(condition)]


def _group(mark: str) -> dict[str, str]:
    """`1` is an alternative of group 1; what shares `1.2` holds together as alternative 2 of it."""
    group, _, alternative = mark.partition(".")
    return {"any_of": group, **({"alt": alternative} if alternative else {})} if group else {}


def facts(document: Mapping[str, Any]) -> dict[Kind, frozenset[str]]:
    """What a document (policies.md §8) says, as comparable strings per kind. The same fact said twice counts once."""
    conditions = [
        *document.get("common_conditions", ()),
        *(condition for item in document["items"] for condition in item["conditions"]),
    ]
    numeric = [c for c in conditions if is_numeric(c)]
    soft = [c for c in conditions if not is_numeric(c)]
    # a list of names is as many facts: [高新技术企业, 科技型中小企业] said in two conditions is the same
    named = [one for c in soft for one in _one_by_one(c)]
    tags = document.get("tags") or {}
    return {
        "numeric": frozenset(_fact(c) for c in numeric),
        "numeric_field": frozenset(c["field"] for c in numeric),
        "soft": frozenset(_fact(c) for c in named),
        "soft_field": frozenset(c["field"] for c in soft),
        "any_of": _alternatives(document),
        "award": frozenset(_number(value) for item in document["items"] for value in award_values(item["award"])),
        "theme": frozenset(tags.get("theme", ())),
        "industry": frozenset(tags.get("industry", ())),
        "size": frozenset(tags.get("size", ())),
        "method": frozenset(tags.get("method", ())),
        "region": frozenset(filter(None, [document.get("region", "")])),
        "level": frozenset(filter(None, [_LEVELS.get(document.get("level", ""), document.get("level", ""))])),
        "department": frozenset(office_kind(name) for name in document.get("departments", ())),
    }


# our vocabulary has one level for cities and counties; a development zone counts as one
_LEVELS = {"市级": "市县级", "区县级": "市县级", "园区": "市县级"}


def _alternatives(document: Mapping[str, Any]) -> frozenset[str]:
    """Every pair of conditions that the document calls alternatives: same `any_of`, not the same `alt`; two names of one list."""
    pairs = set()
    for conditions in (document.get("common_conditions", ()), *(item["conditions"] for item in document["items"])):
        grouped = [(one, _fact(one)) for c in conditions if "any_of" in c for one in _one_by_one(c)]
        for (one, first), (other, second) in combinations(grouped, 2):
            apart = "alt" not in one or one.get("alt") != other.get("alt")
            # nobody has two sizes: several are alternatives whether a text is marked so or not
            sizes = one["field"] == other["field"] == "enterprise_size"
            if one["any_of"] == other["any_of"] and apart and first != second and not sizes:
                pairs.add(" 或 ".join(sorted((first, second))))
    return frozenset(pairs)


def is_numeric(condition: Mapping[str, Any]) -> bool:
    """Whether a condition compares with a number, not with words."""
    value = condition["value"]
    values = value if isinstance(value, list) else [value]
    return condition["op"] in _NUMERIC_OPS and all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in values
    )


def award_values(award: Mapping[str, Any]) -> list[float]:
    """Every sum in 元 and every share that an award names, of the award itself, its tiers and its step."""
    keys = ("amount_yuan", "cap_yuan", "rate", "rate_min", "cap_project", "cap_annual", "cap_per_voucher", "value")
    parts = [award, *award.get("tiers", ()), award.get("step") or {}]
    return [part[key] for part in parts for key in keys if isinstance(part.get(key), int | float)]


def _one_by_one(condition: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if condition["op"] != "in" or not isinstance(condition["value"], list):
        return [condition]
    return [{**condition, "value": [value]} for value in condition["value"]]


def _fact(condition: Mapping[str, Any]) -> str:
    value = condition["value"]
    if isinstance(value, list):
        said = "[" + ", ".join(
            [_number(v) for v in value] if is_numeric(condition) else sorted(str(v) for v in value)
        ) + "]"  # fmt: skip
    else:
        said = _number(value) if is_numeric(condition) else str(value)
    return f"{condition['field']} {condition['op']} {said}"


def _number(value: float) -> str:
    return f"{float(value):.6g}" if abs(value) < 1000 else f"{float(value):.2f}"


def score(
    wanted: Sequence[Mapping[Kind, frozenset[str]]], found: Sequence[Mapping[Kind, frozenset[str]]], kind: Kind
) -> Score:
    """Micro-averaged over documents; documents are what is drawn again in the bootstrap (fixed seed)."""
    counts = np.array(
        [(len(f[kind]), len(f[kind] & w[kind]), len(w[kind])) for w, f in zip(wanted, found, strict=True)], dtype=float
    ).reshape(-1, 3)
    total = counts.sum(axis=0).astype(int)
    low, high = _interval(counts)
    return Score(int(total[0]), int(total[1]), int(total[2]), low, high)


def _interval(counts: np.ndarray) -> tuple[float, float]:
    if not len(counts):
        return 0.0, 0.0
    drawn = np.random.default_rng(20241218).integers(0, len(counts), size=(_RESAMPLES, len(counts)))
    sums = counts[drawn].sum(axis=1)
    both = sums[:, 0] + sums[:, 2]
    f1 = np.divide(2 * sums[:, 1], both, out=np.zeros_like(both), where=both > 0)
    low, high = np.percentile(f1, [2.5, 97.5])
    return float(low), float(high)


def report(
    wanted: Sequence[Mapping[Kind, frozenset[str]]],
    found: Sequence[Mapping[Kind, frozenset[str]]],
    kinds: Iterable[Kind] = KINDS,
) -> dict[Kind, Score]:
    return {kind: score(wanted, found, kind) for kind in kinds}
