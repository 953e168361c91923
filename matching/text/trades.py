"""Which trades a text speaks to: 对软件和信息技术服务业企业, 从事食品加工、装备制造的项目."""

import re
from typing import NamedTuple

# What may stand as a trade. Longer names first: 食品加工 before 加工. Kinds of applicants (合作社, 担保机构) are not trades.
_NAMES = (
    "软件和信息技术服务业|软件和信息服务业|信息技术服务业|互联网和相关服务业|科学研究和技术服务业|租赁和商务服务业|交通运输、仓储和邮政业|"
    "住宿和餐饮业|批发和零售业|人力资源服务业|高技术服务业|生产性服务业|生活性服务业|现代服务业|科技服务业|商务服务业|居民服务业|"
    "先进制造业|装备制造业?|汽车制造业?|电子信息制造业|食品加工|农产品加工|水产品加工|食品制造|医药制造业?|制造业|工业|农业|林业|渔业|畜牧业|"
    "种植业|养殖业|种业|采矿业|建筑业|服务业|物流业|零售业|批发业|住宿业|餐饮业|旅游业|文化产业|会展业|金融业|电子商务|跨境电商|"
    "集成电路|半导体|生物医药|医疗器械|新能源汽车|新能源|新材料|节能环保|人工智能|大数据|数字经济|物联网|区块链|软件|互联网|动漫|游戏|"
    "影视|海水养殖|水产养殖|养殖|种植|服装|电子|货运代理|货代|仓储|冷链|快递|检验检测|人力资源|机器人|低空经济|商业航天|海洋经济|新一代信息技术|高端装备|智能制造|纺织服装|纺织|家具|化工|石化|钢铁|有色金属|建材|医药|航运|航空|港口|物流|外贸|电商|餐饮|住宿|零售|批发|旅游|文化|家政|养老|金融|体育|教育|会展|动力电池|整车|关键零部件|总部"
)
_TRADE = rf"(?:{_NAMES})"
_BEFORE = r"(?:对|凡|从事|属于|主营|支持|鼓励|引导|的|为|，|。|；|：|\n|^|规模以上|规上|限额以上|限上|本市|本区|我市|我区|省内|市内|区内|重点|中小微?|小微|内|类|[.)]|\s)"
_HEADS = r"(?:等)?(?:行业|产业|领域|类)?(?:的)?(?:规模以上|规上|限上|限额以上|重点|龙头|骨干|中小微?|小微|法人|生产|上市|初创|新上|在建)*(?:企业|项目|单位|经营主体)"
_LISTED = re.compile(
    rf"{_BEFORE}(?P<names>{_TRADE}(?:(?:企业)?(?:、|和|及|以及|或|或者){_TRADE})*){_HEADS}(?!所得税|名录|库|技术中心|家|化)"
)
# 属于制造业、软件和信息技术服务业；
_BELONGS = re.compile(
    rf"(?:属于|(?:实际)?从事|主营|聚焦)(?:国家|我[省市区县]|本[省市区县])?(?P<names>{_TRADE}(?:(?:、|和|及|以及|或|或者){_TRADE})*)(?=[，。；、的\n]|等|产业|行业|领域|生产|业务|经营|服务|$)"
)
# trades that a scale or another kind of condition already says
_NOT_ALONE = frozenset({"总部", "工业"})


class Trades(NamedTuple):
    """`start:end` speaks to enterprises of the trades `names`."""

    start: int
    end: int
    names: tuple[str, ...]


def trades(text: str, start: int, end: int) -> list[Trades]:
    """The trades that the applicants in `text[start:end]` must belong to."""
    found: list[Trades] = []
    matches = [*_LISTED.finditer(text, max(0, start - 1), end), *_BELONGS.finditer(text, start, end)]
    for match in sorted(matches, key=lambda m: (m.start("names"), -m.end("names"))):
        if found and match.start("names") < found[-1].end:
            continue
        split = re.split(r"、|和(?!信息|相关|技术|邮政|餐饮业|零售业|商务)|以及|及|或者|或", match["names"])
        names = tuple(dict.fromkeys(re.sub(r"企业$", "", name) for name in split))
        lead = text[max(start, match.start("names") - 8) : match.start("names")]
        if re.search(r"除|不含|不包括|为$|服务$|帮助$|面向$", lead) or re.search(
            r"除外|不适用|不予", text[match.end() : match.end() + 6]
        ):
            continue
        if set(names) <= _NOT_ALONE and re.search(r"规模以上|规上|限上|限额以上", match[0] + lead):
            continue
        if set(names) == {"总部"}:
            continue
        found.append(Trades(match.start("names"), match.end(), names))
    return found
