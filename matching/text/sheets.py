"""Sheets pasted as lines: cells parted by blanks, sums without their unit (标准（万元） heads the column), what is given without a word for it."""

import re

Cut = tuple[int, int, str]

_HEAD = re.compile(
    r"(?m)^[^\n。；]{0,80}?(?:(?:奖励|补助|补贴|资助|奖补|扶持|兑现|支持)(?:标准|金额|额度)|标准|金额)\s?(?:\((?P<unit>万元|元)\))?(?=[ \t]|$)[^\n。；]{0,60}$"
)
_END = re.compile(r"\s*(?:备注|说明|注|通用|填表|填报|其他|申报|咨询|联系)[^ \t\n]{0,8}[：:]")
_CELL = re.compile(r"(?<=[ \t])[^ \t\n]+")
# a whole cell that gives: 10、5 or 300万元/个 or 按实际付息额40%，…
_GIVES = re.compile(
    r"(?:(?:首次|一次性)?(?P<sums>\d[\d.]*(?:、\d[\d.]*)*)(?P<unit>万元|元)?(?:/[\u4e00-\u9fa5]{1,3})?(?=$|[，(,;；])|按[^，。；\d]{0,16}\d[\d.]*%)"
)
_TOP = re.compile(r"(?:最高|不超过|封顶)(?P<number>\d[\d.]*)(?=$|[，。；)])")
_NUMBER = re.compile(r"\d[\d.]*")
_FEWEST_ROWS = 2


def sheet_cuts(text: str) -> list[Cut]:
    """What to put into the rows below a head such as 支持内容 标准(万元) so that they read as sentences do: 奖励 before what a cell gives,
    the unit of the head behind its bare numbers."""
    cuts: list[Cut] = []
    for head in _HEAD.finditer(text):
        # a head is cells, not prose
        if len(head[0].split()) < 3 or re.search(r"[，。；\d]", head[0].replace("(万元)", "")):
            continue
        rows = _rows(text, head.end())
        if len(rows) >= _FEWEST_ROWS:
            for start, end in rows:
                cuts += _row_cuts(text, start, end, head["unit"] or "")
    return cuts


def _rows(text: str, at: int) -> list[tuple[int, int]]:
    rows = []
    for line in re.compile(r"[^\n]+").finditer(text, at):
        if "\t" in line[0] or _END.match(line[0]) or line[0].rstrip().endswith("。") or len(line[0]) > 160:
            break
        rows.append(line.span())
    return rows


def _row_cuts(text: str, start: int, end: int, unit: str) -> list[Cut]:
    cuts: list[Cut] = []
    for cell in _CELL.finditer(text, start, end):
        gives = _GIVES.match(cell[0])
        if gives is None or (gives["sums"] and not gives["unit"] and not unit):
            continue
        cuts.append((cell.start(), cell.start(), "奖励"))
        if gives["sums"] and not gives["unit"]:
            for number in _NUMBER.finditer(text, cell.start(), cell.start() + gives.end("sums")):
                cuts.append((number.end(), number.end(), unit))
        for top in _TOP.finditer(text, cell.start(), cell.end()) if unit else ():
            cuts.append((top.end(), top.end(), unit))
    return cuts
