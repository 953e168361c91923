"""Where an enterprise must be registered, taxed and counted: three facts in one breath (policies.md §5)."""

import re
from dataclasses import dataclass
from typing import NamedTuple

_R = r"[^，。；：;\n]"
_ZONE = r"自治区|自治县|自治州|新区|高新区|高新技术产业开发区|经开区|经济技术开发区|开发区|示范区|实验区|保税区|港务区|港区|产业园区|工业园区|产业园|工业园|园区|科技城|科学城|自贸港|自由贸易港|自贸试验区|省|市|区|县|(?<=[西施山南孜坝理河雄宏纳庆江夏北海树洛犁吉边])州(?!市)|旗|盟"
_OURS = re.compile(
    r"(?:我|本|全)(?:省|市|区|县|州|镇|旗|园区|新区|自治区|辖区|行政区)|(?:省|市|区|县|州|辖区|境|园区|域|行政区域)(?:域)?内|辖区|所在地"
)
_NAMED = re.compile(
    rf"(?:在|于(?!在)|至|到|均为|落户|入驻|迁入|位于)(?P<place>(?!在)[\u4e00-\u9fa5]{{1,12}}?(?:{_ZONE}))(?!域|级|属)|在(?P<short>琼|京|沪|渝|深|浙|苏|粤|鲁|鄂|湘|皖|赣|闽|川|黔|滇|桂|宁|杭|蓉|汉)(?=依法|登记|注册|纳税|设立)"
)
_BARE_NAMED = re.compile(rf"(?P<place>[\u4e00-\u9fa5]{{1,12}}?(?:{_ZONE}))(?P<short>)(?=行政区|辖区|境|区域|范围|市域)")
_REGISTERED = re.compile(
    rf"(?:在|于){_R}{{1,22}}?(?:依法|合法|工商|办理)*(?:登记注册|注册登记|工商注册|(?<!商标)注册|登记|开办|设立|成立)(?!资本|会计|商标|证|上牌|失业)"
    rf"|(?:注册|登记|工商)(?!证)(?:登记(?!证))?(?:注册)?(?:地址?|所在地)?(?:、|和|及|，)?(?:[^。；\n]{{0,24}}?)(?:均|都)?(?:在|于|位于){_R}{{1,16}}"
    r"|在(?:我|本)(?:省|市|区|县|州|旗)(?:行政区域|行政区划|辖区|境|区域)(?:范围)?内(?:依法|合法)?(?:从事|生产|经营|开展)"
    r"|(?:我|本)(?:省|市|区|县|州|旗)(?:注册|登记|依法)"
    r"|[\u4e00-\u9fa5]{1,12}?(?:省|市|区|县|州|旗|新区|园区)(?:行政区域|行政区划|辖区|境|区域|范围|市域)(?:范围)?内(?:依法|工商|合法)*(?:登记注册|注册登记|注册|登记|设立)(?!资本|会计|商标)"
    r"|(?:：|，|。|^|\n|、|为|对|\))(?:我|本|全)(?:省|市|区|县|州|旗)(?:行政区域|行政区划|辖区|境|区域)(?:范围)?内的?(?:企业|单位|法人|机构|合作社|高校)"
    r"|(?:对|凡|支持|鼓励|，|。|：|为|^|\n)(?:我|本)(?:省|市|区|县|州|旗)(?:内|辖区内|范围内)?(?:[^，。；：、的局委]{0,6})(?:企业|单位|法人|机构|合作社|家庭农场|农户|经营主体)(?!技术|家|开办|服务|名录)"
)
_COUNTED = re.compile(
    r"纳入(?P<place>[我本](?:省|市|区|县|州|旗)|[\u4e00-\u9fa5]{2,6}(?:省|市|区|县))[^，。；\n]{0,16}统计"
)
_TAX = re.compile(r"纳税|税收(?:征管|户管|解缴|缴纳)?(?:关系)?|税务(?:登记|征管|关系)|税源|缴税")
_STAT = re.compile(r"纳统|统计(?:关系|隶属|登记|管理|入库|(?=[，。；、]|$))|入统|在地统计")
_TAX_ALONE = re.compile(
    rf"(?:在|于){_R}{{1,14}}?(?:依法)?(?:纳税|缴税|缴纳税)|(?:税收|税务|纳税){_R}{{0,10}}(?:在|属于?){_R}{{1,12}}"
)


_CLOSED = re.compile(r"\([^()\n]{0,80}\)")
# 在我区注册、纳税和纳统: what goes on without another verb of being
_SAME_BREATH = re.compile(
    r"(?:[、，和及并且与\s]|以及|依法|照章|合法|均|都|在|[我本](?:市|区|县|省|州|园区|辖区)|该地|当地|办理|工商|税务|税收|统计|纳税|缴税|纳统|入统|征管|登记|注册|管理|关系|隶属|解缴|户管|经营){1,24}"
)
_PROMISE = re.compile(r"承诺|不改变|不变更|不迁")


@dataclass(frozen=True)
class Here:
    """What 我市 and 本区 stand for: `name`, and `level`, the last syllable of it where it is an administrative place."""

    name: str
    level: str


class Placed(NamedTuple):
    """`start:end` asks for `place`; `field` says as what."""

    start: int
    end: int
    field: str
    place: str


def placed(text: str, start: int, end: int, here: Here) -> list[Placed]:
    found: list[Placed] = []
    # (含某合作区，下同) says nothing of where
    bare = _CLOSED.sub(lambda m: " " * len(m[0]), text[start:end])
    for match in _REGISTERED.finditer(bare):
        place = place_in(match[0], here)
        if not place:
            continue
        at = start + match.start()
        found.append(Placed(at, start + match.end(), "registered_region", place))
        beside = _SAME_BREATH.match(bare, match.end())
        stretch = bare[match.start() : beside.end() if beside else match.end()].rstrip("、，, ")
        for field, words in (("tax_region", _TAX), ("stat_region", _STAT)):
            if words.search(stretch):
                found.append(Placed(at, at + len(stretch), field, place))
    for match in _COUNTED.finditer(bare):
        if place := place_in(match["place"], here) or (match["place"] if here.name in ("", match["place"]) else ""):
            found.append(Placed(start + match.start(), start + match.end(), "stat_region", place))
    if not any(p.field != "stat_region" for p in found) and not _PROMISE.search(bare):
        for match in _TAX_ALONE.finditer(bare):
            if place := place_in(match[0], here):
                found.append(Placed(start + match.start(), start + match.end(), "tax_region", place))
    return found


def place_in(words: str, here: Here) -> str:
    """The place that `words` name, in full where they mean the place the document speaks for; empty if they name none."""
    own = _OURS.search(words)
    if (
        own
        and own[0][0] not in "我本全"
        and ((named := _NAMED.search(words) or _BARE_NAMED.match(words)) and named["place"])
    ):
        # 在安徽省境内: the place is named
        place = str(named["place"])
        return here.name if here.name and (place in here.name or here.name.endswith(place)) else place
    if match := own:
        mine = re.search(r"[省市区县州旗]", match[0])
        if here.name and (not mine or not here.level or mine[0] == here.level or mine[0] in here.name):
            return here.name
        return match[0] if not here.name or match[0][0] in "我本" else ""
    short = re.match(r"于?在?(?P<short>[\u4e00-\u9fa5]{2,4}?)(?:依法|工商|合法)*(?:注册|登记)", words)
    if here.name and short and short["short"] in here.name:
        # 在都安注册, where 都安瑶族自治县 speaks
        return here.name
    if match := _NAMED.search(words) or _BARE_NAMED.match(words):
        place = match["place"] or match["short"]
        return here.name if here.name and (place in here.name or here.name.endswith(place)) else place
    return ""


def names_here(words: str) -> set[str]:
    """The last syllables by which `words` speak of the place of whoever issued them: 省 for 省内, 市 for 我市, 区 for 本园区."""
    found = re.findall(r"(?:我|本|全)(省|市|区|县|州|岛|园区|新区)|(省|市|区|县|岛|辖区)内", words)
    return {(one or other)[-1] for one, other in found}
