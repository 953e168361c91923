"""How policy documents hang together: what one replaces, amends or cites, and which say nearly the same."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from matching.text.plain import plain

Kind = Literal["replaces", "amends", "cites"]

# 《…》（琼工信规〔2023〕3号）, or the number alone. `plain` has made the brackets of the number round.
_NUMBER = r"[\u4e00-\u9fa5]{1,12}[(\[](?:19|20)\d\d[)\]]\s?(?:第)?\d{1,5}号"
_CITED = re.compile(
    rf"《(?P<title>[^《》\n]{{4,80}}(?:《[^《》\n]{{2,60}}》[^《》\n]{{0,20}})?)》(?:\s?\((?P<number>{_NUMBER})\))?|(?<![\u4e00-\u9fa5])(?P<alone>{_NUMBER})"
)
_ENDS = re.compile(r"废止|停止执行|不再执行|失效|(?:代替|替代|取代)")
_AMENDS = re.compile(r"修[订改正]|调整(?:如下|为)|作如下修改|补充(?:规定|通知)")
# 以前出台的招商政策同时废止 names no document, and the end of a contract is none of a policy
_STRETCH = re.compile(r"[^。；\n]+")

SHINGLE = 5
# 64 hashes in 16 bands of 4: two texts with half of their shingles in common meet in some band with probability 0.64, with 0.8 in common 0.9998
_HASHES, _ROWS = 64, 4
_NOT_SAID = re.compile(r"[\s\W_]+")


class Citation(NamedTuple):
    """`start:end` of a text names another document, by title, by number, or both."""

    kind: Kind
    title: str
    number: str
    start: int
    end: int


class Near(NamedTuple):
    """Two texts by their positions, the earlier first, and the share of shingles they have in common."""

    first: int
    second: int
    similarity: float


def citations(text: str) -> list[Citation]:
    """Every document that `text` names, in order. `replaces` where the sentence ends it, `amends` where it changes it, else `cites`."""
    flat = plain(text)
    found = []
    for stretch in _STRETCH.finditer(flat):
        for match in _CITED.finditer(flat, stretch.start(), stretch.end()):
            around = flat[match.end() : min(stretch.end(), match.end() + 60)]
            before = flat[max(stretch.start(), match.start() - 16) : match.start()]
            kind: Kind = "cites"
            if _ENDS.search(around) or re.search(r"(?:代替|替代|取代|废止)[^，。]{0,8}$", before):
                kind = "replaces"
            elif _AMENDS.search(around) or re.search(r"(?:关于)?(?:修[订改正]|调整)[^，。]{0,8}$", before):
                kind = "amends"
            number = re.sub(r"\s", "", match["number"] or match["alone"] or "")
            found.append(Citation(kind, match["title"] or "", number, match.start(), match.end()))
    return found


def document_number(text: str) -> str:
    """The first document number in `text` (琼工信规(2023)3号, brackets made round), empty if it has none."""
    match = re.search(_NUMBER, plain(text))
    return re.sub(r"\s", "", match[0]) if match else ""


def shingles(text: str) -> npt.NDArray[np.uint64]:
    """The distinct hashed runs of SHINGLE characters of a text, punctuation and blanks left out, sorted."""
    said = _NOT_SAID.sub("", plain(text))
    codes = np.frombuffer(said.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    if len(codes) < SHINGLE:
        return np.unique(codes[:1])
    rolled = np.zeros(len(codes) - SHINGLE + 1, dtype=np.uint64)
    for n in range(SHINGLE):
        rolled = rolled * np.uint64(0x100000001B3) + codes[n : len(codes) - SHINGLE + 1 + n]
    return np.unique(rolled)


def near_duplicates(texts: Sequence[str], at_least: float = 0.8) -> list[Near]:
    """Pairs of texts whose Jaccard similarity of shingles is at least `at_least`, in order.

    Broder's MinHash (1997) with locality-sensitive bands finds candidates, the sets themselves decide. Of many texts that are the same each is
    paired with the first of them and with the one before it, not with all: the work stays proportional to the number of texts.
    """
    multipliers, offsets = _hashes()
    sets = [shingles(text) for text in texts]
    signatures = np.empty((len(texts), _HASHES), dtype=np.uint64)
    for n, held in enumerate(sets):
        signatures[n] = ((held[:, None] * multipliers + offsets) >> np.uint64(17)).min(axis=0) if len(held) else n
    pairs = {pair for band in range(0, _HASHES, _ROWS) for pair in _meeting(signatures[:, band : band + _ROWS])}
    found = []
    for first, second in sorted(pairs):
        similarity = jaccard(sets[first], sets[second])
        if similarity >= at_least:
            found.append(Near(first, second, similarity))
    return found


def jaccard(one: npt.NDArray[np.uint64], other: npt.NDArray[np.uint64]) -> float:
    """The share of distinct shingles that both sets hold."""
    both = len(np.intersect1d(one, other, assume_unique=True))
    union = len(one) + len(other) - both
    return both / union if union else 0.0


def _hashes() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    drawn = np.random.default_rng(20241218).integers(1, 2**63, size=(2, _HASHES), dtype=np.uint64)
    return drawn[0] * np.uint64(2) + np.uint64(1), drawn[1]


def _meeting(band: npt.NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Pairs of rows that are equal in a band: each with the first of its bucket and with its neighbour."""
    order = np.lexsort(band.T)
    same = (band[order[1:]] == band[order[:-1]]).all(axis=1)
    first = -1
    for n, equal in enumerate(same.tolist()):
        if not equal:
            first = -1
            continue
        before, here = int(order[n]), int(order[n + 1])
        first = before if first < 0 else first
        yield min(before, here), max(before, here)
        if first != before:
            yield min(first, here), max(first, here)


def resolved(
    cited: Citation, by_number: Mapping[str, Sequence[int]], by_title: Mapping[str, Sequence[int]]
) -> list[int]:
    """The documents a citation means: those with its number, else those with its title."""
    if cited.number and cited.number in by_number:
        return list(by_number[cited.number])
    return list(by_title.get(title_key(cited.title), ())) if cited.title else []


def title_key(title: str) -> str:
    """A title as it is compared: without blanks, marks, 关于印发…的通知 and （试行）."""
    words = _NOT_SAID.sub("", plain(title))
    bare = re.sub(r"^.{0,20}?关于(?:印发|发布)|的通知$", "", words)
    return re.sub(r"(?:试行|暂行)$", "", bare)
