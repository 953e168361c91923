"""What holds for a whole document: the place that 我市 stands for, departments, validity, stacking rules, how 以上 is meant."""

import re
from calendar import monthrange
from typing import Any

from matching.text.numerals import chinese_number
from matching.text.plain import Flat

_STACKING = re.compile(
    r"就高不重复|不重复(?:享受|支持|奖励|资助|计算)|不得(?:重复|同时)(?:享受|申报)|不可(?:重复|同时)享受|补差|差额(?:部分|补|奖)|只(?:享受|奖励|补助|补贴)一次|仅(?:享受|奖励|补助)一次|从高(?:不重复|原则|执行)|就高|不叠加|可叠加|叠加享受|择优(?:不重复|享受)|不再(?:重复)?(?:享受|奖励)|从新从优"
)
_PLACE = r"[\u4e00-\u9fa5]{1,10}?(?:自治区|自治县|自治州|新区|开发区|高新区|经开区|示范区|实验区|保税区|港务区|港区|园区|产业区|工业区|自贸港|省|市|区|县|(?<=[西施山南孜坝理河雄宏纳庆江夏北海树洛犁吉边])州(?!市)|盟|旗)"
_ISSUER_PLACES = re.compile(_PLACE)
_DAY = re.compile(r"(20\d\d)\s?年\s?(\d{1,2})\s?月(?:\s?(\d{1,2})\s?日|底|末)?")
_VALID = re.compile(
    r"有效期|有效至|施行至|执行至|(?:自|从)[^。；\n]{0,24}(?:起|之日)[^。；\n]{0,6}(?:施行|实施|执行|生效)|政策执行期|实施期限|执行期限"
)
_APPLY = re.compile(r"(?:申[报请领]|受理|网上填报|报名)(?:截止)?(?:时间|期限|期|日期|截止)[^。；\n]{0,40}")


def here_of(region: str, issuer: str, title: str) -> tuple[str, str]:
    """(name of 我市 / 本区, its last syllable), empty when nothing names it. The region given wins over issuer and title.

    A functional zone is not its district: 示范区 and 高新区 keep their own name.
    """
    if region:
        return region, _level(region)
    for words in (issuer, title):
        if match := _ISSUER_PLACES.match(words):
            last = match[0]
            # 苏州市吴中区科学技术局: the innermost place speaks
            while inner := _ISSUER_PLACES.match(words, match.end()):
                if re.search(r"局|委|厅|府|办", inner[0]):
                    break
                match, last = inner, inner[0]
            return last, _level(last)
    return "", ""


def _level(place: str) -> str:
    return place[-1] if place[-1:] in "省市区县州盟旗" else ""


# 市工信局 is 工业和信息化局: offices as people call them
_SHORT_OFFICES = {
    "住建": "住房和城乡建设", "工信": "工业和信息化", "人社": "人力资源和社会保障", "发改": "发展和改革", "发展改革": "发展和改革",
    "科技": "科学技术", "市场监管": "市场监督管理", "卫健": "卫生健康", "国资": "国有资产监督管理",
}  # fmt: skip
_OFFICE = re.compile(
    r"(?:省|市|区|县)[\u4e00-\u9fa5]{2,10}?(?:局|厅|委员会|管委会|发展改革委|发改委|工信委|科技委|住建委)(?=[、，。；:：负会牵解制)\s])"
)


def departments(text: str, issuer: str) -> list[str]:
    """The offices a document names, those that issued it first, each once however it is called."""
    named = [n for n in _OFFICE.findall(text[:60_000]) if not re.search(r"由|向|经|报|给|对|和|与|及|等", n)]
    found: dict[str, str] = {}
    for name in [*(one for one in re.split(r"[、\s]+", issuer) if one), *named]:
        found.setdefault(office_kind(name), name)
    return list(found.values())[:12]


def office_kind(name: str) -> str:
    """An office without the place it serves, under its long name: 市工信局 and 某市工业和信息化局 are 工业和信息化局."""
    kind = re.sub(r"^.*(?:省|自治区|州|盟|(?<!城)市(?!场)|区(?!域)|县|旗)(?=[\u4e00-\u9fa5]{2})", "", name)
    for short, long in _SHORT_OFFICES.items():
        if re.match(rf"{short}(?:局|厅|委|商务|部门)", kind):
            kind = kind.replace(short, long, 1)
    return kind or name


# 国家税务总局某省税务局 serves its province
_LOCAL_BRANCH = re.compile(r"^国家税务总局(?=[\u4e00-\u9fa5]{1,}(?:省|自治区|市|区|县|州|盟))")
_NATIONAL = re.compile(
    r"^(?:中华人民共和国|国家|国务院|中国人民银行|中国证监会)|(?:^|、)[^省市区县州旗、共]{2,8}(?:部|总局|总署)(?:$|、|等|办公厅)"
)
_ZONE_OFFICE = re.compile(
    r"(?:高新区|开发区|新区|示范区|园区|产业园|保税区|合作区|度假区|片区|经开区|自贸区|自贸港|科学城|科技城)[^省市县]{0,12}(?:管委会|管理委员会|管理局|办事处|办公室)?"
)
_PROVINCES = "北京市|上海市|天津市|重庆市"


def level_of(issuer: str) -> str:
    """国家级, 省级, 市县级 or 园区 by the name of who issued a document; empty where it names no place."""
    issuer = _LOCAL_BRANCH.sub("", issuer)
    if _NATIONAL.search(issuer):
        return "国家级"
    place, last = here_of("", issuer, "")
    if _ZONE_OFFICE.search(issuer):
        return "园区"
    if last == "省" or place.endswith("自治区") or re.fullmatch(_PROVINCES, place):
        return "省级"
    return "市县级" if last in tuple("市区县州盟旗") else ""


def rules(made: Flat) -> tuple[str, ...]:
    """Sentences on stacking, as they stand in the text as written."""
    found = []
    for match in re.finditer(r"[^。；\n]+", made.text):
        if _STACKING.search(match[0]):
            found.append(made.quote(match.start(), match.end()))
    return tuple(dict.fromkeys(found))


def bounds_defined(text: str) -> dict[str, bool]:
    """What a closing article says of 以上 and 以下 for the whole document: included or not."""
    said: dict[str, bool] = {}
    for match in re.finditer(
        r"(?P<words>(?:以上|以下|以内|超过|不足|高于|低于)[^。；，\n含包不]{0,20})[，,]?(?:均|都|,|，)?(?P<not>不)?(?:包括|包含|含)(?:本数|本级|本)",
        text,
    ):
        for word in ("以上", "以下", "以内", "超过", "不足"):
            if word in match["words"]:
                said[word] = match["not"] is None
    return said


def validity(text: str, date: str) -> dict[str, Any]:
    """from, to, years, months, apply_from, apply_to and the words; only what the text says."""
    said: dict[str, Any] = {}
    for match in re.finditer(r"[^。；\n]+", text):
        words = match[0]
        if not _VALID.search(words):
            continue
        days = _days(words)
        if not days and not re.search(r"之日|[一二三四五六七八九十\d]+\s?(?:年|个月)", words):
            continue
        said.setdefault("text", words.strip())
        if days and re.search(r"(?:自|从)\s?20|20\d\d[^至]{0,12}(?:起|—|-|至)", words):
            said.setdefault("from", days[0])
            days = days[1:]
        elif date and re.search(r"(?:印发|发布|公布|发文|颁布)之?日", words):
            said.setdefault("from", date)
        if days and re.search(r"至|止|截止|到", words):
            said["to"] = days[-1]
        if length := re.search(
            r"(?:有效期|执行期|期限|有效|试行|施行|实施)(?:限)?(?:为|暂定|:|：)?\s?([一二两三四五六七八九十\d]+)\s?(年|个月)",
            words,
        ):
            number = int(length[1]) if length[1].isdigit() else int(chinese_number(length[1]) or 0)
            if number:
                said["years" if length[2] == "年" else "months"] = number
    if window := _APPLY.search(text):
        days = _days(window[0])
        if len(days) >= 2:
            said["apply_from"], said["apply_to"] = days[0], days[1]
        elif days:
            said["apply_to"] = days[0]
    return said


def _days(words: str) -> list[str]:
    found = []
    for year, month, day in _DAY.findall(words):
        if 1 <= int(month) <= 12:
            last = monthrange(int(year), int(month))[1]
            number = int(day) if day else last
            if 1 <= number <= last:
                found.append(f"{year}-{int(month):02d}-{number:02d}")
    return found
