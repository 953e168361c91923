"""The shape of a document: numbered paragraphs as a tree, sentences and clauses with their positions."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# From the outermost numbering to the innermost; a paragraph without a mark continues the one above it.
_MARKS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("chapter", re.compile(r"\s*第[一二三四五六七八九十百\d]+[章编]\s*")),
    ("section", re.compile(r"\s*第[一二三四五六七八九十百\d]+节\s*")),
    # 【补贴标准】 and ● 优惠内容： head a section wherever they stand
    ("head", re.compile(r"\s*(?:【|●|◆|■|★)\s*")),
    # scanned numbers come with blanks: 第 1 2 条
    ("article", re.compile(r"\s*第\s?(?:[一二三四五六七八九十百]+|\d(?:\s?\d){0,2})\s?条\s*")),
    (
        "one",
        re.compile(
            r"\s*[一二三四五六七八九十]{1,3}(?:\s?、\s*|[ \t]{1,2}(?=[\u4e00-\u9fa5]{2,20}[：:]?[ \t]*$))", re.M
        ),
    ),
    # 申报条件, alone on a line: a heading without a number
    (
        "line",
        re.compile(
            r"\s*(?=[\u4e00-\u9fa5]{0,6}(?:申[报请领](?:条件|对象|范围|主体|要求|材料|流程|程序|时间)|(?:支持|扶持|奖励|补贴|补助|资助|奖补|享受)(?:条件|对象|范围|标准|方式|内容|政策|额度)|主要条件|基本条件|(?:资助|支持|扶持|奖励|补贴|补助)力度|要求|条件|(?:认定|评定)(?:条件|标准)|不予(?:支持|受理|资助|补助)(?:的?范围|的?情形)?|办理(?:流程|材料|时间)|受理条件|联系方式|咨询电话)[：:]?\s*$)",
            re.M,
        ),
    ),
    ("bracket", re.compile(r"\s*\([一二三四五六七八九十]{1,3}\)、?\s*")),
    ("digit", re.compile(r"\s*\d{1,2}(?:[、.](?!\d)|．)\s*")),
    ("paren", re.compile(r"\s*(?:\(\d{1,2}\)|\d{1,2}\))、?\s*")),
    ("circle", re.compile(r"\s*[①-⑳]\s*")),
    ("ordinal", re.compile(r"\s*[一二三四五六七八九十]是")),
)
_RANK = {name: rank for rank, (name, _) in enumerate(_MARKS)}
_STRAY = re.compile(r"\s*[?？·•▪*#>→\ufffd\-]{1,2}\s*(?=第|\d|\(|[一二三四五六七八九十])")
_SENTENCE = re.compile(r"[^。；\n;]*[。；;\n]?")
# a comma between digits is part of a number; a clock time is no clause end
_CLAUSE = re.compile(r"(?:\([^()\n。；]{0,80}\)|[^，。；：:,;\n\t】]|(?<=\d)[,:](?=\d))+")
# no sentence of a policy is longer; what is (a table without marks) is cut, so that work per sentence stays bounded
_LONGEST = 900


def rank_of(mark: str) -> int:
    """How far inside a kind of numbering stands, 0 the outermost. Raises KeyError for a kind there is none of."""
    return _RANK[mark]


@dataclass
class Paragraph:
    """One numbered paragraph: `start:end` in the text, its own words after the mark from `body`, and what is numbered below it."""

    start: int
    end: int
    body: int
    mark: str
    rank: int
    children: list["Paragraph"] = field(default_factory=list)
    parent: "Paragraph | None" = None

    def walk(self) -> Iterator["Paragraph"]:
        yield self
        for child in self.children:
            yield from child.walk()

    def ancestors(self) -> Iterator["Paragraph"]:
        node = self.parent
        while node is not None:
            yield node
            node = node.parent


@dataclass(frozen=True)
class Span:
    """A piece of the text, `start:end`."""

    start: int
    end: int


def outline(text: str) -> Paragraph:
    """The tree of numbered paragraphs of a plain text; the root covers what stands before the first number."""
    root = Paragraph(0, 0, 0, "", -1)
    stack = [root]
    for start, end in _lines(text):
        mark, body, rank = _marked(text, start, end)
        if rank < 0 and _closes_list(text, stack[-1], start):
            # 4.…。 / 企业应为…: a sentence of its own below a list is none of its lines
            while stack[-1].rank >= _RANK["bracket"]:
                rank = stack.pop().rank
            body, mark = start, ""
        elif rank < 0:
            last = stack[-1]
            if last is root and last.end:
                last.end = end
            elif last is root:
                root.end = end
            else:
                last.end = end
            continue
        while stack[-1] is not root and stack[-1].rank >= rank:
            stack.pop()
        node = Paragraph(start, end, body, mark, rank, parent=stack[-1])
        stack[-1].children.append(node)
        stack.append(node)
    return root


_OWN_SENTENCE = re.compile(
    r"\s*(?:申[请报]|企业|单位|认定|符合|以上|上述|对|本(?!人)|经|获得?|各|同一|享受|扶持|有下列|存在|凡|已)[^。\n]{16,}。"
)


def _closes_list(text: str, last: Paragraph, start: int) -> bool:
    return (
        last.rank >= _RANK["bracket"]
        and text[max(0, start - 8) : start].rstrip()[-1:] == "。"
        and _OWN_SENTENCE.match(text, start) is not None
    )


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Lines, and inside a line the places where a new article or list number begins after a full stop."""
    for line in re.finditer(r"[^\n]+", text):
        start = line.start()
        for cut in re.finditer(
            r"(?<=[。；：;:])\s*(?=【|●|◆|■|★|第[一二三四五六七八九十百]+条|\([一二三四五六七八九十]{1,3}\)|\(\d{1,2}\)|[①-⑳]|\d{1,2}[.、](?!\d)|[一二三四五六七八九十]是)",
            line[0],
        ):
            at = line.start() + cut.end()
            if at > start:
                yield start, at
                start = at
        if text[start : line.end()].strip():
            yield start, line.end()


def _marked(text: str, start: int, end: int) -> tuple[str, int, int]:
    # a bullet that lost its font stands before the number: ?第一条, •1.
    stray = _STRAY.match(text, start, end)
    at = stray.end() if stray else start
    for name, pattern in _MARKS:
        if match := pattern.match(text, at, end):
            return match[0].strip(), match.end(), _RANK[name]
    return "", start, -1


def sentences(text: str, start: int, end: int) -> list[Span]:
    """Spans that end with 。 or ； or a line end."""
    found = []
    for match in _SENTENCE.finditer(text, start, end):
        if not match[0].strip("。；;\n "):
            continue
        at = match.start()
        while match.end() - at > _LONGEST:
            cut = max(text.rfind(mark, at, at + _LONGEST) for mark in "，、 ") + 1
            cut = cut if cut > at else at + _LONGEST
            found.append(Span(at, cut))
            at = cut
        found.append(Span(at, match.end()))
    return found


def clauses(text: str, start: int, end: int) -> list[Span]:
    """Spans between ，。；： marks."""
    return [Span(m.start(), m.end()) for m in _CLAUSE.finditer(text, start, end) if m[0].strip()]
