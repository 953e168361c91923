"""Titles a text names behind a verb of recognition (获评鲁班奖、扬子杯的), by what they end in: no list of names is ever whole."""

import re
from typing import NamedTuple

_VERB = re.compile(
    r"获得|荣获|获评|获批|评定为|评为|认定为|确定为|列为|入选|取得|通过(?:(?:认定|评价|评审|评定|复核|考核)的)?|创建(?:为|成)|授予|被认定|(?:新|首次|初次|当年|成功)(?:获得?|评定?|认定|通过|创建)(?:的|为)?|晋升为?|认定的|评定的|备案的|获(?=国家|省|市|中国|世界|全国)"
)
_LEVEL = r"(?:国家|世界|全国|省|部|市|区|县|国际)级"
_RUN = re.compile(
    rf"[\s的为]*(?:{_LEVEL}|、|和|或|及|以上)*(?P<names>[^，。；：:\n\d][^，。；：:\n]{{1,60}}?)(?=的|，|。|；|：|:|\n|分别|并|且|给予|予以|每|后|$)"
)
_SPLIT = re.compile(r"、|以及|或者|和(?!管理)|及(?!以)|或|/")
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "innovation_platform",
        re.compile(
            r"(?:实验室|(?:技术|研究|创新|工程|设计|研发|转化)中心|工作站|研究院|研发机构|孵化器|众创空间|加速器|创新平台|中试基地|中试平台|创新联合体|创新(?:实践)?基地)$"
        ),
    ),
    (
        "honors",
        re.compile(
            r"(?:[^受领]奖|奖项|杯|称号|老字号|\d{2,4}强|百强|名牌产品?|[一二三四五]星级[^，。]{2,8}|[1-5]A级[^，。]{2,8}|宿级[^，。]{2,4}|(?:示范|标杆|优势|试点|百强|骨干|领军|龙头)[^，。]{0,4}(?:企业|单位|基地|街区|园区|项目|产品|村|区|店)|区域品牌|地理标志)$"
        ),
    ),
    (
        "certifications",
        re.compile(
            r"(?:型企业|型中小企业|工厂|车间|(?<!经)认证|[特一二三甲乙丙]级[^，。]{1,4}资质|管理体系|管理规范|能力成熟度|小巨人|单项冠军|瞪羚|独角兽|成熟度[^，。]{0,6}级)$"
        ),
    ),
)
# other fields say these
_OTHER = re.compile(
    r"规模以上|规上|限额以上|限上|失信|违法|法人|注册|登记|名录|立项|专利|贷款|补贴|资金|支持|许可|证书$|以上$|参展|验收|备案$"
)


# 获得全国种粮标兵、全省种粮大户称号
_HONOURED = re.compile(r"称号|荣誉")
_LEVEL_ONLY = re.compile(r"(?:国家|省|市|县|区)级?|[^，。]{0,3}级|主体")
_GRADE = re.compile(r"[金银铜]宿级|[一二三四五]星级|[1-5]A级|[甲乙丙]级")


class Titled(NamedTuple):
    """`start:end` names a title that counts as `field`."""

    start: int
    end: int
    field: str
    name: str


def titles(text: str, start: int, end: int) -> list[Titled]:
    """Every title that a verb of recognition brings in, one by one."""
    found: list[Titled] = []
    for verb in _VERB.finditer(text, start, end):
        run = _RUN.match(text, verb.end(), end)
        if run is None:
            continue
        at = run.start("names")
        pieces = _SPLIT.split(run["names"])
        for piece in pieces:
            at = text.index(piece, at)
            name, offset = _cleaned(piece)
            if _GRADE.fullmatch(name) and (whole := _GRADE.match(_cleaned(pieces[-1])[0])):
                # 金宿级、银宿级民宿: the noun stands behind the last
                noun = _cleaned(pieces[-1])[0][whole.end() :]
                if kind := kind_of(name + noun):
                    found.append(Titled(at + offset, at + offset + len(name), kind, name + noun))
                at += len(piece)
                continue
            named = _HONOURED.match(text, run.end("names") - 2)
            kind = kind_of(name) or (
                "honors" if named and not _OTHER.search(name) and not _LEVEL_ONLY.fullmatch(name) else ""
            )
            if kind and 2 < len(name) <= 24:
                found.append(Titled(at + offset, at + offset + len(name), kind, name))
            at += len(piece)
    return found


def _cleaned(piece: str) -> tuple[str, int]:
    """A name without its level, its quotes and what stands in brackets behind it, and where it begins in `piece`."""
    lead = re.match(rf"[\s\"“”《的]*(?:(?:{_LEVEL})\s*)?[\s\"“”《]*", piece)
    offset = lead.end() if lead else 0
    name = re.sub(r"[\s\"“”》]+$|》(?:认证)?$|\([^()]*\)$|》?(?:称号|认定|荣誉称号|荣誉)$", "", piece[offset:])
    return re.sub(r"[\"“”]", "", name), offset


def kind_of(name: str) -> str:
    """The field that a title belongs to by its ending, empty if it is none."""
    if (
        _OTHER.search(name)
        or re.match(r"[一二三四五六]级认证|(?:金|银|铜|优秀|[一二三特]等)奖$|.*标识$", name)
        or re.search(r"[\d]+(?:万|亿|%|家|件|项)", name)
    ):
        return ""
    return next((field for field, ending in _KINDS if ending.search(name)), "")


_APPLICANT = (
    r"(?:农业企业|龙头企业|农业产业化龙头企业|小微企业|中小企业|企业|事业单位|社会组织|社会团体|基金会|律师事务所|会计师事务所|民办非企业单位|企事业单位|专利代理机构|商业综合体|招商服务机构|行业协会|商会|农民专业合作社|农民合作社|专业合作社|合作社|家庭农场|农业社会化服务组织|社会化服务组织|种植大户|养殖大户|种养大户|专业大户|"
    r"农户|渔民专业合作社|渔民|高等院校|高等学校|高校|科研院所|科研机构|医疗卫生机构|医疗机构|金融机构|投资机构|服务机构|培训机构|中介机构|村集体经济组织|农村集体经济组织|新型研发机构|个体工商户|民办非企业)"
)
_APPLICANTS = re.compile(
    rf"(?P<names>{_APPLICANT}(?:\([^()]{{1,12}}\))?(?:(?:、|和|及|以及|或|或者|与)(?:其他|各类)?{_APPLICANT})+)(?:等)?(?=[，。；：:\n、)]|的|可|均|等|应|须|签订|就业|工作|联合|$)"
)
# a size, not a kind
_SIZED = frozenset({"小微企业", "中小企业"})
_KNOWN_AS = {"高等院校": "高校", "高等学校": "高校", "科研机构": "科研院所"}


def applicants(text: str, start: int, end: int) -> list[tuple[int, int, list[str]]]:
    """Lists of kinds of applicants (企业、高校、科研院所), which one kind alone would not make: 企业 says nothing by itself."""
    found = []
    for match in _APPLICANTS.finditer(text, start, end):
        named = dict.fromkeys(re.findall(_APPLICANT, match["names"]))
        kinds = [_KNOWN_AS.get(n, n) for n in named if n not in _SIZED]
        if not set(kinds) - {"企业"}:
            continue
        found.append((match.start(), match.end("names"), kinds))
    return found
