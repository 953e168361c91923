"""Conditions without a number: where, who, recognised as what, never punished for what (policies.md §5, §8)."""

import dataclasses
import re
from dataclasses import dataclass

_R = r"[^，。；：;\n]"


@dataclass(frozen=True)
class Soft:
    """A condition found by words: `start:end` in the text, field, op, value."""

    start: int
    end: int
    field: str
    op: str
    value: object
    period: str = ""
    extra: dict[str, object] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Here:
    """What 我市 and 本区 stand for: `name`, and `level`, the last syllable of it where it is an administrative place."""

    name: str
    level: str


_HERE = re.compile(
    r"(?:在|于)?(?P<place>我(?:省|市|区|县|州|镇|园区)|本(?:省|市|区|县|州|辖区|园区)|全(?:省|市|区|县)|(?:省|市|区|县|州|辖区|境)(?:域)?内|辖区|[\u4e00-\u9fa5]{2,10}?(?:自治区|自治县|新区|高新区|开发区|示范区|自贸港|省|市|区|县|州|园区|科技城|岛))(?:范围内|行政区域内|行政区域|辖区内|境内|域内|内)?"
)
_REGISTERED = re.compile(rf"(?:工商)?(?:登记)?(?:注册|登记|设立)(?:地|登记|所在地)?{_R}{{0,4}}(?:在|于|为)?")
_PLACE_BEFORE_REGISTER = re.compile(
    rf"(?:在|于){_R}{{1,18}}?(?:依法|合法|工商|办理)?(?:登记注册|注册登记|工商注册|依法注册|依法登记|注册|登记|设立|成立)"
)
_REGISTER_THEN_PLACE = re.compile(
    rf"(?:工商(?:登记)?注册地|注册登记地|登记注册地|注册地(?:址)?|工商注册|登记注册|注册登记|注册){_R}{{0,14}}?(?:均|都)?(?:在|于|位于){_R}{{1,14}}"
)
_TAX = re.compile(r"纳税|税收(?:征管|户管|解缴|缴纳)|税务(?:登记|征管|关系)|税收关系|税源|缴税|税务登记")
_STAT = re.compile(r"纳统|统计(?:关系|隶属|登记|管理|入库)|入统|在地统计")

CERTIFICATIONS: tuple[tuple[str, str], ...] = (
    (r"(?:国家级?)?高新技术企业|国高企|高企(?!业)", "高新技术企业"),
    (r"科技型中小企业", "科技型中小企业"),
    (r"专精特新[\"“”]?\s?[\"“”]?小巨人[\"“”]?(?:企业)?|(?:国家级)?[\"“”]?小巨人[\"“”]?企业", "专精特新小巨人"),
    (
        r"[\"“”]?专精特新[\"“”]?中小企业|[\"“”]?专精特新[\"“”]?企业|(?<!小巨人)[\"“”]?专精特新[\"“”]?(?!.{0,2}小巨人)",
        "专精特新中小企业",
    ),
    (r"创新型中小企业", "创新型中小企业"),
    (r"(?:制造业)?单项冠军(?:企业|产品|示范企业)?", "制造业单项冠军"),
    (r"瞪羚企业", "瞪羚企业"),
    (r"独角兽企业", "独角兽企业"),
    (r"技术先进型服务企业", "技术先进型服务企业"),
    (r"AEO|高级认证企业", "AEO高级认证企业"),
    (r"知识产权管理体系(?:认证)?|知识产权贯标|贯标认证", "知识产权管理体系认证"),
    (r"两化融合管理体系(?:贯标|评定)?", "两化融合管理体系贯标"),
    (r"知识产权(?:示范|优势)企业", "知识产权示范企业"),
    (r"农业产业化(?:国家|省级|市级|区级|县级)?(?:重点)?龙头企业|农业龙头企业", "农业产业化龙头企业"),
    (r"绿色工厂", "绿色工厂"),
    (r"智能工厂|智能车间|数字化车间", "智能工厂"),
    (r"绿色食品|有机(?:农)?产品认证|有机食品|地理标志", "绿色食品"),
    (r"总部企业", "总部企业"),
    (r"DCMM|数据管理能力成熟度", "DCMM"),
    (r"CMMI", "CMMI"),
)
HONORS: tuple[tuple[str, str], ...] = (
    (r"(?:世界|全球|财富)500强", "世界500强"),
    (r"中国(?:企业|民营企业|服务业|制造业)?500强|民营企业500强", "中国500强"),
    (r"[1-5]A级物流企业|A级物流企业|[1-5]A级(?:以上)?物流", "A级物流企业"),
    (r"中国质量奖|省长质量奖|政府质量奖|市长质量奖", "质量奖"),
    (r"中国驰名商标|驰名商标", "驰名商标"),
    (r"国家(?:科学技术|科技进步|技术发明|自然科学)奖|省(?:级)?科学技术奖|省科技进步奖", "科学技术奖"),
    (r"中国专利(?:金|银|优秀)?奖", "中国专利奖"),
    (r"[2-5]A级(?:旅游)?景区", "A级旅游景区"),
    (r"[三四五]星级(?:酒店|饭店|旅游饭店)", "星级饭店"),
)
PLATFORMS: tuple[tuple[str, str], ...] = (
    (r"(?:国家|省|市)?(?:级)?(?:工程)?重点实验室", "重点实验室"),
    (r"企业技术中心", "企业技术中心"),
    (r"工程(?:技术)?研究中心|工程中心", "工程研究中心"),
    (r"院士(?:专家)?工作站", "院士工作站"),
    (r"博士后(?:科研)?(?:工作站|创新实践基地)", "博士后工作站"),
    (r"新型研发机构", "新型研发机构"),
    (r"制造业创新中心|产业创新中心|技术创新中心", "创新中心"),
    (r"科技企业孵化器|孵化器", "科技企业孵化器"),
    (r"众创空间", "众创空间"),
)
_STATE_ONLY: tuple[tuple[str, str, str, object], ...] = (
    (
        rf"独立(?:的)?(?:企业)?法人(?:资格|地位|单位|机构)?|(?:具有|具备){_R}{{0,6}}法人资格",
        "legal_entity",
        "is_true",
        True,
    ),
    (
        rf"(?:健全|完善|规范){_R}{{0,8}}财务{_R}{{0,10}}(?:制度|管理|核算)?|财务{_R}{{0,14}}(?:健全|规范|完善)|独立(?:进行)?(?:经济|财务)?核算|实行独立核算",
        "sound_finance",
        "is_true",
        True,
    ),
    (
        rf"(?:未|没有|无|不得){_R}{{0,14}}(?:列入|纳入|被列为|属于|存在)?{_R}{{0,10}}(?:失信|黑名单|不良信用|经营异常名录|严重违法)|信用(?:记录|状况)?良好|无不良(?:信用|信贷|征信){_R}{{0,4}}记录|(?:列入|纳入|属于){_R}{{0,12}}(?:失信|黑名单){_R}{{0,16}}(?:除外|不予|不得|不适用)|(?:失信被执行人|失信企业|失信主体|失信惩戒对象){_R}{{0,14}}(?:除外|不予|不得|不适用|不享受)",
        "is_dishonest",
        "==",
        False,
    ),
    (
        rf"(?:未|没有|无|不存在){_R}{{0,16}}(?:重大)?(?:税收)?(?:违法|违规|行政处罚|刑事|犯罪)(?:违规|违纪)?(?:行为|记录|案件)?|无违法违规",
        "major_violation",
        "==",
        False,
    ),
    (rf"(?:未|没有|无|不存在){_R}{{0,24}}(?:安全|质量){_R}{{0,8}}事故", "safety_accident", "==", False),
    (
        rf"(?:未|没有|无|不存在){_R}{{0,24}}(?:环境|环保|污染){_R}{{0,8}}(?:违法|事故|处罚|事件)",
        "environmental_violation",
        "==",
        False,
    ),
    (
        rf"(?:无|没有|未|不存在){_R}{{0,6}}(?:骗取|套取|弄虚作假|虚报)|(?:骗取|套取){_R}{{0,10}}资金",
        "fraud",
        "==",
        False,
    ),
    (
        rf"(?:依法|按时|足额|按规定){_R}{{0,8}}(?:缴纳|参加|缴存){_R}{{0,10}}(?:社会保险|社保|失业保险|养老保险|工伤保险)",
        "social_insurance_paid",
        "is_true",
        True,
    ),
    (
        rf"(?:首次|新|初次)(?:升规|纳统|入规|上规|升限|入统|纳入{_R}{{0,6}}统计|进入{_R}{{0,4}}规(?:模以)?上|成为{_R}{{0,6}}规模?以?上|达到规模以上|上限纳统)|[\"“”]?(?:小升规|个转企升规|小进规)[\"“”]?|升规(?:入统|纳统)?|当年新增(?:的)?规(?:模以)?上",
        "first_time_above_scale",
        "is_true",
        True,
    ),
    (
        r"规(?:模以)?上(?:工业|服务业|文化|企业|高技术|商贸)|规模以上|限(?:额以)?上(?:批发|零售|商贸|住宿|餐饮|企业|单位)|限额以上",
        "is_above_scale",
        "is_true",
        True,
    ),
    (
        rf"新(?:引进|落户|迁入|入驻|设立|注册|成立)(?:的)?{_R}{{0,10}}(?:企业|项目|机构|总部|公司|单位)|(?:首次|新近)(?:落户|入驻|迁入)|从{_R}{{0,6}}(?:市|省|区|县)外(?:迁入|引进|整体搬迁)",
        "newly_settled",
        "is_true",
        True,
    ),
    (
        rf"(?:符合|属于){_R}{{0,14}}(?:产业(?:政策|导向|发展方向|目录|定位)|鼓励类|重点产业|主导产业|高精尖)",
        "industry_conforms",
        "is_true",
        True,
    ),
    (
        rf"(?:未|没有|不得|不){_R}{{0,8}}(?:重复)(?:申报|享受|申请|支持|资助)|未(?:享受|获得)(?:过)?{_R}{{0,12}}(?:同类|相同|其他){_R}{{0,10}}(?:政策|资金|补贴|补助|奖励|支持)",
        "duplicate_funding",
        "==",
        False,
    ),
)
# 重新认定 contains 新认定 and means the opposite (policies.md §5).
_FIRST = re.compile(
    r"(?:(?<!重)新|首次|初次|第一次|首批)(?:被|获|获得|通过)?(?:国家|省|市|区|县)?(?:级)?(?:认定|评定|获评|获批|获得|取得|通过|获|备案|入选|入库|评为|列入|认证)(?:的|为)?"
)
_SIZES: tuple[tuple[str, list[str]], ...] = (
    (r"中小微企业|中小(?:微)?企业(?!公共|服务|发展|局|特色)", ["中型", "小型", "微型"]),
    (r"小微企业|小型微利企业|小型和微型企业|小型微型企业", ["小型", "微型"]),
    (r"大型企业|大企业", ["大型"]),
    (r"个体工商户", ["个体工商户"]),
)
_BARS = re.compile(
    rf"(?:不含|不包括|不包含|除外|除|剔除){_R}{{0,4}}?(?P<a>(?:房地产|金融|烟草|建筑|劳务派遣|僵尸|娱乐|电力|供电|供水|垄断|高耗能|高污染|投资|类金融)(?:业|企业|开发|类|、|和|及|机构)*{_R}{{0,14}}?)(?:除外|的企业|企业|\)|，|$)"
    rf"|(?P<b>(?:房地产|金融|僵尸|劳务派遣|烟草|娱乐)(?:业|企业|开发|类|、|和|及)*{_R}{{0,8}}?)(?:除外|不予|不适用|不享受)"
)
_LISTED: tuple[tuple[str, str], ...] = (
    (
        r"(?:主板|科创板|创业板|北交所|境内外|境内|境外|境内外证券交易所|沪深|A股)[^，。；]{0,10}(?:上市|挂牌)|首发上市|成功上市|首次公开发行|IPO",
        "上市",
    ),
    (r"新三板(?:挂牌)?|全国中小企业股份转让系统", "新三板挂牌"),
    (r"区域性股权(?:交易)?市场|股权交易中心", "区域股权市场挂牌"),
    (r"上市辅导|辅导备案|辅导验收", "上市辅导"),
    (r"股份制改造|股改", "股份制改造"),
)
_TALENT = re.compile(
    r"(?P<level>[A-E](?:、[A-E])*类(?:及以上)?(?:高层次)?人才|领军人才|高层次人才|拔尖人才|急需紧缺人才|顶尖人才)"
)
_EDUCATION = re.compile(
    r"(?P<degree>博士后|博士|硕士|本科|大专|专科|高校毕业生)(?:研究生)?(?:学历|学位)?(?:\(?含\)?)?(?P<up>及?以上)?(?:学历|学位|毕业生|人才)?"
)


def soft_conditions(text: str, start: int, end: int, here: Here) -> list[Soft]:
    """Every soft condition in `text[start:end]`; `here` is the name that 我市 / 本区 stands for, empty if not known."""
    found: list[Soft] = []
    found += _regions(text, start, end, here)
    for pattern, name, op, value in _STATE_ONLY:
        for match in re.finditer(pattern, text[start:end]):
            found.append(Soft(start + match.start(), start + match.end(), name, op, value))
    for name, names in (
        ("certifications", CERTIFICATIONS),
        ("honors", HONORS),
        ("innovation_platform", PLATFORMS),
        ("listed_status", _LISTED),
    ):
        found += _named(text, start, end, name, names)
    for pattern, sizes in _SIZES:
        for match in re.finditer(pattern, text[start:end]):
            before = text[max(0, start + match.start() - 8) : start + match.start()]
            if not re.search(r"科技型|创新型|专精特新[\"“”]?$|服务|培育|支持$|促进", before):
                found.append(Soft(start + match.start(), start + match.end(), "enterprise_size", "in", sizes))
    for match in _BARS.finditer(text, start, end):
        words = match["a"] or match["b"]
        found.append(Soft(match.start(), match.end(), "excluded_category", "in", _split(words)))
    return _without_overlap(found)


def _regions(text: str, start: int, end: int, here: Here) -> list[Soft]:
    found: list[Soft] = []
    for pattern in (_PLACE_BEFORE_REGISTER, _REGISTER_THEN_PLACE):
        for match in pattern.finditer(text, start, end):
            place = _place(match[0], here)
            if place:
                found.append(Soft(match.start(), match.end(), "registered_region", "in", [place]))
                stretch = text[match.start() : min(end, match.end() + 20)].split("。")[0]
                if _TAX.search(stretch):
                    found.append(Soft(match.start(), match.start() + len(stretch), "tax_region", "in", [place]))
                if _STAT.search(stretch):
                    found.append(Soft(match.start(), match.start() + len(stretch), "stat_region", "in", [place]))
    if not found:
        for match in re.finditer(
            rf"(?:在|于){_R}{{1,12}}?(?:依法)?(?:纳税|缴税)|(?:税收|税务){_R}{{0,10}}(?:在|属地){_R}{{1,8}}",
            text[start:end],
        ):
            if place := _place(match[0], here):
                found.append(Soft(start + match.start(), start + match.end(), "tax_region", "in", [place]))
    return found


def _place(words: str, here: Here) -> str:
    match = _HERE.search(re.sub(r"^(?:在|于)", "", words))
    if not match:
        return ""
    place = match["place"]
    if re.match(r"我|本|全|(?:省|市|区|县|州|辖区|境)(?:域)?内|辖区", place):
        return here.name or place
    return re.sub(r"^(?:在|于|均|地)", "", place)


def _named(text: str, start: int, end: int, indicator: str, names: tuple[tuple[str, str], ...]) -> list[Soft]:
    found: list[Soft] = []
    for pattern, name in names:
        for match in re.finditer(pattern, text[start:end]):
            at, stop = start + match.start(), start + match.end()
            before = text[max(start, at - 24) : at]
            found.append(Soft(at, stop, indicator, "in", [name]))
            if (
                indicator != "listed_status"
                and (first := list(_FIRST.finditer(before)))
                and not re.search(r"[，。；]", before[first[-1].end() :])
            ):
                found.append(Soft(max(start, at - 24) + first[-1].start(), stop, "recognition_first", "is_true", True))
    return found


def _split(words: str) -> list[str]:
    return [
        w
        for part in re.split(r"[、和及]", words)
        if (w := re.sub(r"(?:等|类|项目|企业|行业|开发项目)+$", "", part.strip()))
    ]


def _without_overlap(found: list[Soft]) -> list[Soft]:
    """One condition per field and value; a name inside a longer name of the same field is the longer one."""
    kept: list[Soft] = []
    for soft in sorted(found, key=lambda s: (s.start, -(s.end - s.start))):
        if any(
            k.field == soft.field and (k.value == soft.value or (k.start <= soft.start and soft.end <= k.end))
            for k in kept
        ):
            continue
        kept.append(soft)
    return kept
