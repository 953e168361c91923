"""A text made plain: full-width to half-width, traditional to simplified, and what a page or a web form left in it taken out, with the way back."""

import html
import itertools
import re
from dataclasses import dataclass
from functools import cache

import opencc

from matching.text.sheets import sheet_cuts

_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
# Kept as Chinese punctuation: they separate clauses, and half-width twins separate numbers.
for _mark in "，；：！？":
    _WIDE.pop(ord(_mark))
_WIDE.update(dict.fromkeys((12288, 160, 8194, 8195, 8201, 8239), 32))
_WIDE.update({ord("〔"): ord("("), ord("〕"): ord(")"), ord("﹪"): ord("%"), ord("﹣"): ord("-"), ord("\r"): ord("\n")})
_WIDE.update({ord("＜"): ord("<"), ord("＞"): ord(">"), ord("∶"): ord(":"), ord("﹥"): ord(">"), ord("﹤"): ord("<")})
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u00ad\u200b-\u200f\u2028\u2029\u2060\ufeff]+")
_HAN = "\u3400-\u9fff"
_TAG = re.compile(r"</?(?P<name>[a-zA-Z][a-zA-Z0-9:]{0,20})(?:\s[^<>]{0,2000})?/?>|<!--.{0,400}?-->", re.S)
_BREAKS = frozenset({"p", "br", "div", "tr", "li", "table", "h1", "h2", "h3", "h4", "section"})
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{2,5}|#x[0-9a-fA-F]{2,5});")
# — 3 —, - 3 -, 第 3 页 共 9 页, 3/9 alone on a line, and the blank lines around it
_PAGE = re.compile(
    r"\n[ \t]*(?:[-—–－·]{1,3}[ \t]*\d{1,4}[ \t]*[-—–－·]{1,3}|第[ \t]*\d{1,4}[ \t]*页(?:[ \t]*[,，/]?[ \t]*共[ \t]*\d{1,4}[ \t]*页)?|\d{1,3}[ \t]*/[ \t]*\d{1,3})[ \t]*(?=\n|$)"
)
# a number alone on a line is a page's only where the sentence before it goes on behind it
_BARE_PAGE = re.compile(rf"(?<=[{_HAN}，、\d])\n\s*\d{{1,3}}[ \t]*\n\s*(?=[{_HAN}，、%])")
_BLANK_IN_HAN = re.compile(rf"(?<=[{_HAN}，。；：、()%\d])[ ]{{1,2}}(?=[{_HAN}，。；：、()%\d])")
_LINE_ENDS = re.compile(r"[^\n]+")
# From a printed page a line ends where the paper does: as long as its neighbours, without a mark of its own.
# In half columns: a figure takes half as much paper as a Chinese character.
_SHORTEST_WRAPPED, _LONGEST_WRAPPED = 44, 120
# 给予 100 万元: blanks around figures are no cells
_CELL_GAP = re.compile(rf"[\t|]|[ ]{{2,}}|(?<=[{_HAN}]) (?=[{_HAN}])")
_GOES_ON = re.compile(rf"[{_HAN}\d，、(]$")
_CONTINUES = re.compile(rf"[{_HAN}\d%、，)][^\n]*[。；，、：]")
_STARTS_ANEW = re.compile(
    r"\s*(?:第[一二三四五六七八九十百\d]+[章节条编]|[一二三四五六七八九十]{1,3}[、.]|\([一二三四五六七八九十\d]{1,3}\)|\d{1,2}[、.)]|[①-⑳●◆■★【◎▪·•]|[一二三四五六七八九十]是|附件|注[:：])|[^，。；\n]{2,14}[:：]"
)


@cache
def _simplified(char: str) -> str:
    simple: str = _converter().convert(char)
    return simple if len(simple) == 1 else char


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def plain(text: str) -> str:
    """`text` with one plain character for each of its characters: same length, same positions."""
    wide = _with_chinese_marks(text.translate(_WIDE))
    if all(ord(char) < 0x80 or not "\u4e00" <= char <= "\u9fff" for char in wide):
        return wide
    table = {char: _simplified(char) for char in set(wide) if "\u4e00" <= char <= "\u9fff"}
    return "".join(table.get(char, char) for char in wide)


# Pages taken over by machines write ， ； ： 。 half-width. Between digits they belong to the number (1,000; 1:1; 2.5); a stop behind a
# Chinese word ends its sentence, also 一. as the number of a heading.
_HALF = re.compile(
    r"(?<!\d),|,(?!\d)|;|(?<![\d/\w]):(?!//)|(?<=[\u3400-\u9fff)]):|(?<=[\u4e00-\u9fff)%\"”])\.(?![\d.\w])|(?<=[\u4e00-\u9fff]{2})\.(?=[\u4e00-\u9fff])"
)
_FULL = {",": "，", ";": "；", ":": "：", ".": "。"}
_NUMERAL_AHEAD = re.compile(r"(?:^|\n)[ \t]*[一二三四五六七八九十]{1,3}(\.)(?!\d)")


def _with_chinese_marks(text: str) -> str:
    if not any(mark in text for mark in _FULL):
        return text
    text = _NUMERAL_AHEAD.sub(lambda m: m[0][:-1] + "、", text)
    return _HALF.sub(lambda m: _FULL[m[0]], text)


@dataclass(frozen=True)
class Flat:
    """A plain text and the way back: character `i` of `text` stood at `at[i]` of `source`; `at[len(text)]` is the end of the source."""

    text: str
    source: str
    at: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The half-open span of the source that `text[start:end]` was made from."""
        if start >= end:
            return self.at[start], self.at[start]
        return self.at[start], self.at[end - 1] + 1

    def quote(self, start: int, end: int) -> str:
        """The words of the source that `text[start:end]` was made from, without blanks around them."""
        first, last = self.span(start, end)
        return self.source[first:last].strip()


def flat(text: str) -> Flat:
    """`text` as the reader wants it: plain, without tags, control characters, page numbers, blanks inside words and line ends inside
    sentences. Whatever is taken out leaves no gap, and every span of the result leads back to the words as written."""
    now = plain(text)
    at = list(range(len(text) + 1))
    for rewrite in (
        _without_tags,
        _without_entities,
        _without_invisible,
        _without_glosses,
        _without_pages,
        _without_bare_pages,
        _without_blanks,
        _without_wraps,
        _with_list_marks,
        _with_cells,
        sheet_cuts,
    ):
        cuts = rewrite(now)
        if cuts:
            now, at = _replaced(now, at, cuts)
    return Flat(now, text, tuple(at))


Cut = tuple[int, int, str]


def _replaced(text: str, at: list[int], cuts: list[Cut]) -> tuple[str, list[int]]:
    """`text` with each `(start, end, words)` put in; the words stand where the first characters they replace stood."""
    pieces: list[str] = []
    places: list[int] = []
    done = 0
    for start, end, words in cuts:
        pieces += [text[done:start], words]
        places += at[done:start]
        places += [at[min(start + n, end - 1)] for n in range(len(words))]
        done = end
    pieces.append(text[done:])
    places += at[done:]
    return "".join(pieces), places


def _without_tags(text: str) -> list[Cut]:
    if "<" not in text:
        return []
    return [(m.start(), m.end(), _left_by(m["name"])) for m in _TAG.finditer(text)]


def _left_by(tag: str | None) -> str:
    name = (tag or "").lower()
    return "\n" if name in _BREAKS else "\t" if name in ("td", "th") else ""


def _without_entities(text: str) -> list[Cut]:
    if "&" not in text:
        return []
    said = [(m.start(), m.end(), plain(html.unescape(m[0]))) for m in _ENTITY.finditer(text)]
    return [cut for cut in said if len(cut[2]) == 1]


def _without_invisible(text: str) -> list[Cut]:
    return [(m.start(), m.end(), "") for m in _INVISIBLE.finditer(text)]


# 產(chǎn)業(yè): how a word sounds, put in behind it; 0 . 2 万元: a decimal that was scanned
_GLOSS = re.compile(
    rf"(?<=[{_HAN}])\(\s?(?=[a-zü]{{0,5}}[āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜńňǹ])[a-züāáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜńňǹ]{{1,6}}\s?\)"
)
_SCANNED_POINT = re.compile(r"(?<=\d)(?: \.|\. | \. )(?=\d{1,4}\s?(?:[万亿%‰元]|个百分点))")


def _without_glosses(text: str) -> list[Cut]:
    found = [(m.start(), m.end(), "") for m in _GLOSS.finditer(text)]
    found += [(m.start(), m.end(), ".") for m in _SCANNED_POINT.finditer(text)]
    return sorted(found)


def _without_pages(text: str) -> list[Cut]:
    """Page numbers, and the line end beside one where the sentence before it goes on behind it."""
    cuts: list[Cut] = []
    for match in _PAGE.finditer(text):
        behind = text[match.end() : match.end() + 40]
        end = match.end() + len(behind) - len(behind.lstrip())
        line_end = text.find("\n", end)
        rest = text[end : line_end if line_end >= 0 else len(text)][:120]
        goes_on = _GOES_ON.search(text[max(0, match.start() - 1) : match.start()])
        joins = goes_on and _CONTINUES.match(rest) and not _STARTS_ANEW.match(rest)
        cuts.append((match.start(), end if joins else match.end(), ""))
    return cuts


def _without_bare_pages(text: str) -> list[Cut]:
    return [(m.start(), m.end(), "") for m in _BARE_PAGE.finditer(text)]


def _without_blanks(text: str) -> list[Cut]:
    """Blanks between the characters of a scanned line. A line is scanned where they stand after every second character or more;
    elsewhere a blank separates two cells."""
    cuts: list[Cut] = []
    for line in _LINE_ENDS.finditer(text):
        if "  " in line[0].strip() and "\t" in line[0]:
            continue
        blanks = list(_BLANK_IN_HAN.finditer(text, line.start(), line.end()))
        marks = sum(not char.isspace() for char in line[0])
        if (len(blanks) >= 6 and len(blanks) * 2 >= marks - 1) or _is_joined_prose(line[0]):
            cuts += [(m.start(), m.end(), "") for m in blanks]
    return cuts


_MARK_AHEAD = re.compile(
    r"(?:第\s?[一二三四五六七八九十百\d\s]{1,6}条|[一二三四五六七八九十\d]{1,3}\s?[、.]|\([一二三四五六七八九十\d]{1,3}\))\s*"
)
_FEWEST_IN_A_CELL = 12


def _is_joined_prose(line: str) -> bool:
    """Whether the blanks of a line are where the lines of a printed page were joined: prose, and no piece as short as a cell."""
    line = line.strip()
    mark = _MARK_AHEAD.match(line, 0, 20)
    pieces = line[mark.end() if mark else 0 :].split()
    return (
        len(pieces) > 1
        and bool(re.search(r"[，。；]", line))
        and all(len(piece) >= _FEWEST_IN_A_CELL for piece in pieces[:-1])
        and sum(map(len, pieces)) >= 20 * (len(pieces) - 1)
    )


def _width(words: str) -> int:
    return sum(1 if ord(char) < 0x2000 else 2 for char in words)


def _without_wraps(text: str) -> list[Cut]:
    lines = list(_LINE_ENDS.finditer(text))
    lengths = [_width(line[0].strip()) for line in lines]
    cuts: list[Cut] = []
    for n, (line, after) in enumerate(itertools.pairwise(lines)):
        longest = max(lengths[max(0, n - 2) : n + 3])
        words, following = line[0].rstrip(), after[0].lstrip()
        if (
            _SHORTEST_WRAPPED <= longest <= _LONGEST_WRAPPED
            and lengths[n] * 8 >= longest * 7
            and after.start() - line.end() <= 2
            and not _CELL_GAP.search(words.strip())
            and _GOES_ON.search(words)
            and _CONTINUES.match(following)
            and not _STARTS_ANEW.match(following)
        ):
            cuts.append((line.start() + len(words), after.end() - len(following), ""))
    return cuts


_BAR = re.compile(r" ?\| ?")


def _with_cells(text: str) -> list[Cut]:
    """序号|事项|标准: cells ruled by bars, as a page or a note writes a table."""
    if "|" not in text:
        return []
    cuts: list[Cut] = []
    for line in _LINE_ENDS.finditer(text):
        if re.fullmatch(r"[\s|:-]+", line[0]) and "--" in line[0]:
            cuts.append((line.start(), line.end(), ""))
        elif line[0].count("|") > 1:
            cuts += [(m.start(), m.end(), "\t") for m in _BAR.finditer(text, line.start(), line.end())]
    return cuts


def _with_list_marks(text: str) -> list[Cut]:
    """2.55周岁及以下 after a line 1.…: the second item of a list, not two and a half."""
    cuts: list[Cut] = []
    last = 0
    for match in re.finditer(r"(?m)^[ \t]*(\d{1,2})([.])", text):
        number = int(match[1])
        if number == last + 1 and text[match.end() : match.end() + 1].isdigit():
            cuts.append((match.start(2), match.end(2), "、"))
        if number in (1, last + 1):
            last = number
    return cuts
