"""When something must have happened: since, before or between calendar days, or in a window that ends today (policies.md §8 rule 2)."""

import re
from datetime import date

from matching.text.model import Soft
from matching.text.numerals import chinese_number

_R = r"[^，。；：;\n]"

_SINCE = re.compile(
    r"(?P<a>20\d\d)\s?年\s?(?P<am>\d{1,2})\s?月\s?(?P<ad>\d{1,2})\s?日"
    r"(?:(?:\(含\))?\s?(?:至|到|-|—|－)\s?(?:(?P<b>20\d\d)\s?年)?\s?(?P<bm>\d{1,2})\s?月\s?(?P<bd>\d{1,2})\s?日|\(?含?\)?(?P<up>以后|之后|后|起|以来)|\(?含?\)?(?P<down>以前|之前|前))"
)
_NOT_EVENT = re.compile(
    r"施行|实施之日|有效|执行|申[报请领](?!时)|受理|截止|印发|发布|提交|报送|公示|报名|文件|请[于各在]|务必|第.{1,3}条|政策"
)
_EVENT = re.compile(
    r"新设|增资|完成|引进|注册|成立|设立|落户|迁入|签订|取得|获得|认定|开工|竣工|投产|开业|上市|购置|购买|发放|招用|新增|入职|引进|入驻|授权|纳统|备案|毕业|完工|建成|验收|投入|交付|举办|参展|运营|营业|迁移|发生"
)


def events(text: str, start: int, end: int) -> list[Soft]:
    """What must have happened since, before or between calendar days (policies.md §8 rule 2: the day itself is included)."""
    found = []
    for match in _SINCE.finditer(text, start, end):
        lead = re.split(r"[，。；：】\n]", text[max(start, match.start() - 14) : match.start()])[-1]
        around = lead + text[match.start() : min(end, match.end() + 24)]
        here = lead + re.split(r"[，。；、]", text[match.start() : min(end, match.end() + 24)])[0]
        if _NOT_EVENT.search(here) or not _EVENT.search(around):
            continue
        first = _iso(match["a"], match["am"], match["ad"])
        last = _iso(match["b"] or match["a"], match["bm"], match["bd"]) if match["bm"] else ""
        if not first or (match["bm"] and not last):
            continue
        value: object = [first, last] if last else first
        op = "between" if last else ">=" if match["up"] else "<="
        extra: dict[str, object] = {"bounds": "[]"} if last else {}
        found.append(Soft(match.start(), match.end(), "event_date", op, value, extra=extra))
    return found


# 近三年内获得发明专利; 毕业5年内的高校毕业生; 合同签订时间不超过2年
_RECENTLY = re.compile(
    rf"(?:近|最近)(?P<n>[一二两三四五六\d]+)年内?(?:来)?{_R}{{0,4}}(?:获得|取得|获授权|承担|主持)(?:[^，。；：;\n\d]{{0,12}}?)(?P<what>发明专利|知识产权|科技计划项目|科技项目|科研项目)(?![^，。；\n]{{0,8}}\d)"
)
_SINCE_EVENT = re.compile(
    r"(?:毕业|离校|毕业离校|落户|引进|授权|签订|获证|投产|注册|成立|迁入|开业|设立)(?:时间|之日起|后|起)?(?:不超过|在)?(?P<n>[一二两三四五六七八九十\d]+)(?P<unit>年|个月)(?:之?内|以内)?(?=的|未|[，。；、)]|任[一意]|在|来|到|首次|且|与|高校|毕业|普通)"
)
_RECENT_FIELD = {
    "发明专利": "patents_invention",
    "知识产权": "ip_count",
    "科技计划项目": "sci_project",
    "科技项目": "sci_project",
    "科研项目": "sci_project",
}


def within(text: str, start: int, end: int) -> list[Soft]:
    """What must have happened in a window that ends today."""
    found = []
    for match in _RECENTLY.finditer(text, start, end):
        if length := _length(match["n"]):
            found.append(
                Soft(
                    match.start(),
                    match.end(),
                    _RECENT_FIELD[match["what"]],
                    "exists_within",
                    length,
                    extra={"unit": "年"},
                )
            )
    for match in _SINCE_EVENT.finditer(text, start, end):
        length = _length(match["n"])
        if length and not re.search(r"给予|补[贴助]|奖励|享受|减免", text[match.end() : match.end() + 8]):
            unit = "年" if match["unit"] == "年" else "月"
            found.append(Soft(match.start(), match.end(), "event_date", "exists_within", length, extra={"unit": unit}))
    return found


def _length(word: str) -> int:
    return int(word) if word.isdigit() else int(chinese_number(word) or 0)


def _iso(year: str, month: str, day: str) -> str:
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return ""
