"""The stretches of a document that are read as one, and what kind of stretch each is: conditions, awards, both, or neither."""

import re
from dataclasses import dataclass, replace

from matching.text.bars import heads_bars
from matching.text.numerals import chinese_number
from matching.text.outline import Paragraph, rank_of

_SKIP = re.compile(
    r"申[报请领办](?:材料|程序|流程|时间|方式|资料|步骤|受理)|办理(?:流程|程序|材料|时限|时间|地点)|提[交供](?:以下)?材料|所需材料|监督(?:管理|检查)|绩效(?:评价|管理|考核|目标|监控)|责任追究|"
    r"总体(?:要求|目标)|指导思想|基本原则|目标任务|工作(?:程序|流程|步骤)|兑[付现](?:程序|流程)|验收程序|组织(?:保障|实施|领导)|资金(?:来源|管理|拨付)|政策依据|咨询|联系(?:方式|电话|人)|受理(?:部门|时间|地点|单位)|工作要求|职责分工|保障措施|审核(?:程序|流程)|评审程序"
)
_CONDITIONS = re.compile(
    r"申[报请领](?:对象|条件|范围|主体|要求|单位)|(?:支持|适用|扶持|奖励|奖补|补[贴助]|享受|资助|政策|服务|认定)(?:对象|范围|条件|主体)|(?:认定|评定|准入|申报)标准|基本条件|条件要求|受理条件|资格条件|具备(?:以下|下列)条件|准入条件|入选条件|谁能享受|适用人员|(?:企业|单位|项目|人员|主体|机构|设备|贷款|入库|入池|兑现)(?:基本)?(?:条件|要求)(?!成熟)|^对象$|^条件$|^要求$"
)
_AWARD = re.compile(
    r"(?:奖励|补[贴助]|奖补|支持|扶持|资助|兑现|返还|优惠|贴息)(?:标准|金额|方式|内容|措施|额度|政策|比例|力度|期限)|政策内容|服务内容|支持力度|^标准$|^(?:优惠|奖励|补贴|补助|奖补|资助|支持)$"
)
_COMMON = re.compile(
    r"总则|适用(?:范围|对象)|基本条件|附则|申报主体|支持对象|申[报请](?:单位|企业|人|主体)(?:应|须|需|必须)(?:当|同时)?(?:符合|具备|满足|为|是)|本(?:办法|措施|政策|细则|规定|意见)(?:所称|适用|支持)"
)


# from here inwards a number is a line of a list: (一) 1. (1) ①
_LIST_RANK = rank_of("bracket")


@dataclass(frozen=True)
class Unit:
    """`start:end` of the text; `owner` and `parents` name paragraphs, innermost first; `name` is a short heading, `lead` the end of what
    the paragraph above says before its list.

    `barred`: a list above says that what stands here shuts out. `choice`: the paragraph whose list says that one of its lines is enough
    (0: none), `least`: how many of them, `branch`: the line of it that this belongs to. `asks`: a heading says that conditions follow. `line`: one numbered line of a list. `preamble`: what stands before the
    first number.
    """

    start: int
    end: int
    root: int
    owner: int
    parents: tuple[int, ...]
    name: str
    common: bool
    skip: bool
    gives: bool
    lead: str
    barred: bool
    choice: int
    branch: int
    least: int
    asks: bool
    line: bool
    preamble: bool


def units(text: str, root: Paragraph) -> list[Unit]:
    """Leaf paragraphs in order; the words of a parent before its children are a unit of their own owned by that parent."""
    found: list[Unit] = []
    for node in root.walk():
        own_end = min(node.end, node.children[0].start) if node.children else node.end
        if own_end <= node.body or not text[node.body : own_end].strip():
            continue
        chain = [a for a in [node, *node.ancestors()] if a.rank >= 0]
        headings = [re.split(r"[。；：:，\n】]", text[a.body : a.body + 40])[0].strip() for a in chain]
        heading = " ".join(h[:18] for h in headings)
        owner = node if node.children or node.parent is None else node.parent
        found.append(
            Unit(
                start=node.body,
                end=own_end,
                root=id(root),
                owner=id(owner) if owner.rank >= 0 else id(root),
                parents=tuple(id(a) for a in chain) or (id(root),),
                name=_name(headings, text[node.body : own_end]),
                common=bool(_COMMON.search(heading + text[node.body : node.body + 30])),
                skip=any(_SKIP.search(h[:14]) for h in headings)
                and not any(_MUST.search(_own(text, a)[-40:]) for a in chain[1:]),
                gives=any(_AWARD.search(h[:18]) and not _CONDITIONS.search(h[:18]) for h in headings),
                lead=_lead(text, node),
                barred=any(heads_bars(_own(text, a)[-60:]) for a in chain[1:])
                or (bool(node.rank >= 0) and _announces_bars(text, root))
                or any(heads_bars(h[:24]) for h in headings),
                preamble=node is root
                and bool(root.children)
                and not _ASKS.search(_own(text, root)[-40:])
                and not _SAYS_WHO.search(_own(text, root)),
                line=not node.children and node.rank >= _LIST_RANK,
                asks=any(_CONDITIONS.search(h[:18]) for h in headings)
                or any(_ASKS.search(_own(text, a)[-40:]) for a in chain[1:]),
                **_choice(text, node),
            )
        )
    return [row for unit in found for row in _rows(text, unit)]


_LINE = re.compile(r"[^\n]+")


def _rows(text: str, unit: Unit) -> list[Unit]:
    """The rows of a flattened table as units of their own: what one row asks, the next does not."""
    # by line: a pattern that looks for the blanks would begin anew at every character
    rows = [m for m in _LINE.finditer(text, unit.start, unit.end) if m[0].count("\t") > 1]
    if len(rows) < 2:
        return [unit]
    starts = [unit.start, *(row.start() for row in rows[1:])]
    ends = [*starts[1:], unit.end]
    # a place in the text names no other paragraph: ids are never negative
    return [
        replace(
            unit,
            start=a,
            end=b,
            owner=-a - 1,
            parents=(-a - 1, *unit.parents),
            line=False,
            name=_row_name(text[a:b], unit),
        )
        for a, b in zip(starts, ends, strict=True)
    ]


def _row_name(row: str, unit: Unit) -> str:
    cells = [cell.strip() for cell in row.strip().split("\n")[0].split("\t")]
    return next((cell[:40] for cell in cells if re.search(r"[\u4e00-\u9fa5]{2,}", cell)), unit.name)


def heads_award(words: str) -> bool:
    """Whether a line begins by saying that it states what is given: 返还标准：…"""
    head, colon, _ = words[:24].partition("：")
    return bool(colon) and bool(_AWARD.search(head)) and not _CONDITIONS.search(head)


_OR_ONE_OF = re.compile(r"或者?(?:应|须)?(?:满足|符合|具备)[^。；]{0,14}之一[^。；]{0,8}[：:]$")
_ASKS = re.compile(
    r"(?:符合|具备|满足|达到)[^。；，]{0,14}(?:条件|要求|标准)[^。；，]{0,8}[：:]$|(?:条件的|企业|单位|机构|商户|个人|合作社)[^。；：\n]{0,6}[，,]?[^。；：\n]{0,4}可[^。；：\n]{0,20}(?:申[请报领]|享受)[^。；：\n]{0,16}[：:]$"
)
# 本政策所扶持的项目为…: before the first number, yet it says who
_SAYS_WHO = re.compile(
    r"(?:本(?:政策|办法|措施|细则|意见)|扶持|支持|奖励)[^。；，\n]{0,12}(?:对象|项目|企业|范围|单位)[^。；，\n]{0,4}(?:为|是|指)(?!了)"
)
# one of a list is enough
ONE_OF = re.compile(
    r"之一(?!家)|任一(?:条件|标准|要求|指标|项|款|情形|资质)|任意[一1][项条款]|其中[一1][项条款种]|其[一1]|(?:任选|选择)其[一1]|[二三四五六]选一|至少(?:应当?|须|需)?(?:符合|满足|具备)?(?:其中|以下|下列)?(?:条件)?(?:的?[一1][项条个款])"
)


# 满足下列任意两项的: k of a list are enough
_SOME_OF = re.compile(
    r"(?:任意|其中|至少(?:应当?|须|需)?(?:符合|满足|具备)?(?:其中|以下|下列)?(?:条件)?(?:中)?的?)(?P<k>[两二三四五2-5])(?:项|个|条|款|种)"
    r"|(?:以下|下列|上述)[^。；，]{0,8}(?:中的?)(?P<n>[两二三四五2-5])(?:项|个|条|款)"
)


def _at_least(words: str) -> int:
    match = _SOME_OF.search(words)
    return (
        int(chinese_number(word) or 1)
        if match and not (word := match["k"] or match["n"]).isdigit()
        else int(word)
        if match
        else 0
    )


# 申请材料：申请补助必须同时符合以下条件：… asks, whatever its heading says
_MUST = re.compile(r"(?:应当?|须|需|必须)同?时?(?:符合|具备|满足)(?:(?:以下|下列)[^。；，]{0,8}(?:条件|要求))?[：:]$")


def _announces_bars(text: str, root: Paragraph) -> bool:
    """有下列情形之一的，不予受理：before the first number heads the list that begins there."""
    own = _own(text, root)[-60:]
    return own.endswith(("：", ":")) and heads_bars(re.split(r"[。；\n]", own)[-1])


def _own(text: str, node: Paragraph) -> str:
    """What a paragraph says itself, before what is numbered below it."""
    return text[node.body : min(node.children[0].start, node.end) if node.children else node.end].rstrip()


# (一)申请一般项目，企业须具备：… (二)申请重点项目，企业须具备：… Nobody asks for both
_OF_ONE_SORT = re.compile(
    r"^(?:申[请报]|认定|评定|入选|属于|对于?)[^。；：\n]{2,40}?(?:项目|资金|补[贴助]|奖励|类|级|型|企业|单位|机构|称号|平台|总部|认定)(?:的)?[，,]?[^。；：\n]{0,16}(?:条件|要求|具备|符合|满足|达到)[^。；\n]{0,10}[：:]$"
)


def _sorts(text: str, parent: Paragraph) -> bool:
    """Whether every line below a paragraph heads a list of its own for one sort of what can be asked for."""
    below = parent.children
    return (
        1 < len(below) <= 6
        and all(node.children for node in below)
        and all(_OF_ONE_SORT.match(_own(text, node)) for node in below)
    )


def _choice(text: str, node: Paragraph) -> dict[str, int]:
    if node.children and _OR_ONE_OF.search(_own(text, node)[-60:]):
        # 得分60分以上，或满足下列条件之一： what stands before 或 is one more line of the list
        return {"choice": id(node), "branch": id(node), "least": 1}
    branch = node
    for above in node.ancestors():
        if branch is not node and _sorts(text, above):
            return {"choice": id(above), "branch": id(branch), "least": 1}
        own = _own(text, above)[-60:]
        # before the first number only a line that announces a list is its head
        heads = above.rank >= 0 or own.endswith(("：", ":"))
        least = 1 if ONE_OF.search(own) else _at_least(own)
        if heads and least and not heads_bars(own):
            return {"choice": id(above), "branch": id(branch), "least": least}
        branch = above
    return {"choice": 0, "branch": 0, "least": 1}


def _lead(text: str, node: Paragraph) -> str:
    parent = node.parent
    if parent is None or parent.rank < 0:
        return ""
    return text[parent.body : min(parent.children[0].start, parent.end)][-120:]


def _name(headings: list[str], words: str) -> str:
    heading = headings[0] if headings else re.split(r"[。；：:，\n]", words.strip())[0]
    return heading.strip()[:40]
