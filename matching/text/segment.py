"""Normalised text that remembers where it came from, and jieba words by our own lexicon."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jieba
import numpy as np
import numpy.typing as npt
import opencc
import yaml

from data import gazetteer

LEXICON = Path(gazetteer.__file__).with_name("lexicon")

_INVISIBLE = re.compile("[\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff]+")
_HAN = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# A single blank that a PDF or a typist put inside a phrase. After a unit it separates two cells of a flattened table and stays.
_STRAY_BLANK = re.compile(
    rf"(?<=[{_HAN}]) (?=[{_HAN}，。；：、）%])|(?<=\d) (?=[{_HAN}%])|(?<=[{_HAN}])(?<![元万亿人件家户亩年月日级档]) (?=\d)"
)
LONGEST = 24
# jieba's Viterbi copies its path at each step: 50,000 characters without a stop took 26 s in one piece, less than 2 s in pieces of this length
_PIECE = re.compile(r"[^。；！？\n]{1,1000}[。；！？\n]*|[。；！？\n]+")
_NOT_A_WORD = re.compile(r"[\W_]+")


def _character_map() -> dict[int, int]:
    """Full-width forms, blanks and compatibility ideographs, one character for one."""
    found = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
    # Chinese punctuation separates clauses and stays as it is
    for kept in "，：；！？":
        del found[ord(kept)]
    for blank in "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000":
        found[ord(blank)] = ord(" ")
    for start, stop in ((0x2E80, 0x2FE0), (0xF900, 0xFB00)):
        for code in range(start, stop):
            plain = unicodedata.normalize("NFKC", chr(code))
            if len(plain) == 1 and ord(plain) != code:
                found[code] = ord(plain)
    return found


_CHARACTERS = _character_map()


@dataclass(frozen=True)
class Normal:
    """A normalised text. `at[i]` is where its character `i` stood in the source; `at[len(text)]` is the length of the source."""

    text: str
    at: npt.NDArray[np.int32]

    def source(self, start: int, end: int) -> tuple[int, int]:
        """The half-open span of the source that `text[start:end]` came from."""
        if start >= end:
            here = int(self.at[start])
            return here, here
        return int(self.at[start]), int(self.at[end - 1]) + 1


class Token(NamedTuple):
    """One word and its half-open span in the normalised text."""

    text: str
    start: int
    end: int


def normalise(text: str) -> Normal:
    """Full-width letters and digits as ASCII, traditional as simplified, invisible characters and stray blanks dropped.

    Chinese punctuation stays (brackets become ASCII), line ends and tabs stay, digits are never joined across a blank.
    """
    seen = Normal(_simplified(text.translate(_CHARACTERS)), np.arange(len(text) + 1, dtype=np.int32))
    # invisible characters go first: a blank beside one is judged by the character that is seen there
    return _without(_without(seen, _INVISIBLE), _STRAY_BLANK)


def _without(normal: Normal, what: re.Pattern[str]) -> Normal:
    kept = np.ones(len(normal.text) + 1, dtype=np.bool_)
    for match in what.finditer(normal.text):
        kept[match.start() : match.end()] = False
    if kept.all():
        return normal
    text = "".join(itertools.compress(normal.text, kept[:-1].tolist()))
    return Normal(text, normal.at[kept])


@cache
def _converter() -> Any:
    return opencc.OpenCC("t2s")


def _simplified(text: str) -> str:
    converted: str = _converter().convert(text)
    if len(converted) == len(text):
        return converted
    # a phrase that changes its length would shift every offset after it
    parts = (_converter().convert(character) for character in text)
    return "".join(new if len(new) == 1 else old for old, new in zip(text, parts, strict=True))


class Segmenter:
    """jieba with a dictionary of its own: other users of jieba in the process are not touched, and nothing is read from a cache in /tmp."""

    def __init__(self, words: Iterable[str], synonyms: dict[str, str] | None = None) -> None:
        """`words` are kept whole; `synonyms` maps a variant to the word it counts as when searching."""
        self.synonyms = synonyms or {}
        self._jieba = jieba.Tokenizer()
        self._jieba.FREQ, self._jieba.total = _frequencies()
        # initialize() would otherwise look for a marshalled cache in the temporary folder, which anyone may have put there
        self._jieba.initialized = True
        self._own = frozenset(normalise(w).text for w in (*words, *self.synonyms))
        for word in sorted(self._own):
            self._jieba.add_word(word)
        self._parts: dict[str, tuple[str, ...]] = {}
        self._forms: dict[str, tuple[str, ...]] = {}
        for variant, word in self.synonyms.items():
            self._forms[word] = (*self._forms.get(word, ()), variant)

    def tokens(self, text: str) -> Iterator[Token]:
        """Every piece of a normalised text in order, punctuation and blanks included: the texts joined give the text again."""
        for piece in _PIECE.finditer(text):
            yield from self._cut(piece.group(), piece.start())

    def _cut(self, text: str, offset: int) -> Iterator[Token]:
        # jieba takes ( and ) for separators, so 首台(套) is cut at its brackets and put together again here
        pieces = [Token(word, start + offset, end + offset) for word, start, end in self._jieba.tokenize(text)]
        at = 0
        while at < len(pieces):
            here = pieces[at]
            if here.text == "首台" and "".join(p.text for p in pieces[at : at + 4]) == "首台(套)":
                yield Token("首台(套)", here.start, here.start + 5)
                at += 4
                continue
            yield here
            at += 1

    def words(self, text: str) -> list[str]:
        """The words of any text: normalised, without punctuation and blanks, ASCII in lower case."""
        return [
            token.text.lower() for token in self.tokens(normalise(text).text) if not _NOT_A_WORD.fullmatch(token.text)
        ]

    def parts(self, word: str) -> tuple[str, ...]:
        """The words of our lexicon, and the two- and three-character words of jieba's, inside a longer word: 规模以上 in 规模以上工业企业."""
        # jieba keeps a run of letters or digits as one word, however long; no word of a lexicon is that long
        if not 4 <= len(word) <= LONGEST:
            return ()
        if word not in self._parts:
            inside = (word[i:j] for i in range(len(word)) for j in range(i + 2, len(word) + 1) if j - i < len(word))
            known = [p for p in inside if p in self._own or (len(p) < 4 and self._jieba.FREQ.get(p, 0) > 0)]
            self._parts[word] = tuple(dict.fromkeys(self.synonyms.get(p, p) for p in known))
        return self._parts[word]

    def forms(self, term: str) -> tuple[str, ...]:
        """How a term may be written in a normalised text: itself and its variants, in lower case."""
        return (term.lower(), *self._forms.get(term, ()))

    def terms(self, text: str) -> list[str]:
        """The words of a text as an index keeps them: each variant as the word it counts as."""
        return [self.synonyms.get(word, word) for word in self.words(text)]


@cache
def segmenter() -> Segmenter:
    """The segmenter of `data/lexicon`, the gazetteer and the synonyms; built once, about a second."""
    variants = synonyms()
    places = {name for park in gazetteer.parks() for name in (park.name, *park.aliases)}
    places |= {
        name for region in gazetteer.regions() if region.code[:2] == "46" for name in (region.name, region.short)
    }
    return Segmenter({*lexicon_words(), *variants.values(), *(p for p in places if len(p) > 1)}, variants)


def lexicon_words(path: Path = LEXICON / "words.txt") -> list[str]:
    """The words of a lexicon file, in its order. Raises ValueError naming file and line for a blank inside a word or a word given twice."""
    found: dict[str, int] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        word = line.partition("#")[0].strip()
        if not word:
            continue
        if re.search(r"\s", word):
            raise ValueError(f"{path.name} 第 {number} 行：「{word}」含空白；一行只写一个词")
        if word in found:
            raise ValueError(f"{path.name} 第 {number} 行：「{word}」与第 {found[word]} 行重复")
        found[word] = number
    return list(found)


def synonyms(path: Path = LEXICON / "synonyms.yml") -> dict[str, str]:
    """Variant → the word it counts as. Raises ValueError if a variant belongs to two words."""
    found: dict[str, str] = {}
    for word, variants in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        for variant in variants:
            written = normalise(str(variant)).text.lower()
            if found.setdefault(written, str(word)) != word:
                raise ValueError(f"{path.name}：「{variant}」同时属于「{found[written]}」和「{word}」")
    return found


@cache
def _default_frequencies() -> tuple[dict[str, int], int]:
    """jieba's own dictionary: word → count, every prefix of a word with at least 0, and the sum of the counts."""
    path = Path(jieba.__file__).with_name("dict.txt")
    counts: dict[str, int] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        word, count, *_ = line.split(" ")
        counts[word] = int(count)
    total = sum(counts.values())
    for word in list(counts):
        for length in range(1, len(word)):
            counts.setdefault(word[:length], 0)
    return counts, total


def _frequencies() -> tuple[dict[str, int], int]:
    counts, total = _default_frequencies()
    return dict(counts), total
