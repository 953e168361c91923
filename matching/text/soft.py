"""Conditions without a number: where, who, recognised as what, never punished for what (policies.md §5, §8)."""

import dataclasses
import re

from matching.text.events import events, within
from matching.text.model import Condition, Soft
from matching.text.names import APPLICANTS, CERTIFICATIONS, FINANCING, HONORS, LISTED, PLATFORMS, PRODUCTS
from matching.text.outline import Span
from matching.text.places import Here, placed
from matching.text.quantities import Quantity
from matching.text.trades import trades

_R = r"[^，。；：;\n]"


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
        rf"(?:未|没有|无|不存在)(?:(?!环境|环保|污染|失信|安全)[^，。；：;\n]){{0,16}}(?:重大)?(?:税收)?(?:违法|违规|行政处罚|刑事|犯罪)(?:违规|违纪)?(?:行为|记录|案件)?|无违法违规|(?:有|存在|发生|受到|因){_R}{{0,10}}(?:重大|严重)?(?:违法|行政处罚|刑事处罚){_R}{{0,10}}(?:不予|不得|取消|除外|不享受)",
        "major_violation",
        "==",
        False,
    ),
    (
        rf"(?:未|没有|无|不存在){_R}{{0,24}}(?:安全|质量){_R}{{0,8}}事故|发生{_R}{{0,16}}(?:安全|质量){_R}{{0,8}}事故{_R}{{0,16}}(?:不予|不得|取消|不享受)",
        "safety_accident",
        "==",
        False,
    ),
    (
        rf"(?:未|没有|无|不存在)[^，。；：;\n]{{0,40}}(?:环境|环保|污染){_R}{{0,8}}(?:违法|事故|处罚|事件)",
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
        rf"(?:首次|新|初次)(?:升规|纳统|入规|上规|升限|入统|纳入{_R}{{0,6}}统计|进入{_R}{{0,4}}规(?:模以)?上|成为{_R}{{0,6}}规模?以?上|达到规模以上|上限纳统)|[\"“”]?(?:小升规|个转企升规|小进规)[\"“”]?|升规(?:入统|纳统)?|当年新增(?:的)?规(?:模以)?上|新增(?:纳入|进入)?[^，。；：\n]{{0,6}}(?:限额以上|限上|规模以上|规上)(?:[^，。；：\n]{{0,6}}(?:统计|入库|企业|单位))?|升规入统|首次(?:上规|入规)|新(?:增)?(?:并)?(?:纳入|入库)(?:限额以上|限上|规模以上|规上|统计|{_R}{{0,8}}统计)|新增并纳入统计范围的规模以上",
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
        rf"(?:受|因){_R}{{0,8}}疫情{_R}{{0,8}}影响|(?:生产)?经营{_R}{{0,6}}困难|暂时{_R}{{0,4}}困难",
        "in_difficulty",
        "is_true",
        True,
    ),
    (
        rf"承租{_R}{{0,16}}国有{_R}{{0,14}}(?:房屋|物业|房产|用房|资产|场所)|租用{_R}{{0,8}}国有{_R}{{0,10}}(?:房屋|物业|房产|用房)",
        "leases_state_property",
        "is_true",
        True,
    ),
    (
        r"(?:新招用|招用|吸纳|招录|招收|聘用)[^，。；：\d\n]{0,16}(?:毕业生|失业人员|劳动力|登记失业|困难人员|退役军人|重点群体|青年)(?![^，。；\n]{0,4}\d)",
        "new_hires",
        "is_true",
        True,
    ),
    (
        rf"缴纳{_R}{{0,10}}社会?保险?费?|参加{_R}{{0,4}}(?:失业|养老|工伤|社会)保险",
        "social_insurance_paid",
        "is_true",
        True,
    ),
    (
        rf"(?:列入|纳入|入选|进入|入库){_R}{{0,16}}(?:白名单|重点{_R}{{0,8}}名单|培育库|后备库|后备企业|重点企业库|储备库|重点培育|名录库)",
        "key_list",
        "is_true",
        True,
    ),
    (
        r"(?<!重)(?:新|首次|初次)(?:被|获|通过)?(?:认定|评定|获评|评为|获批)(?=的|为|，|[^，。；\n]{0,16}(?:企业|中心|实验室|基地|示范|称号|车间|工厂|品牌|资质))|新获评",
        "recognition_first",
        "is_true",
        True,
    ),
    (r"参加[^，。；\n]{0,14}(?:展会|展览会|博览会|交易会|展销会)|参展(?!商|面积)", "activity", "is_true", True),
    (r"实施[^，。；\n]{0,14}(?:数字化|智能化|节能|技术|绿色)改造", "activity", "is_true", True),
    (
        rf"整体(?:迁入|搬迁至|搬迁到)|(?:迁入|落户|入驻)(?:我|本)(?:市|区|县|园区)|(?:新|对)引进(?:的)?{_R}{{0,16}}(?:企业|项目|机构|总部|公司|单位|首店|强)|新(?:落户|迁入|入驻|设立|注册|成立|设|办|建)(?:的)?{_R}{{0,10}}(?:企业|项目|机构|总部|公司|单位)|(?:首次|新近)(?:落户|入驻|迁入)|从{_R}{{0,6}}(?:市|省|区|县)外(?:迁入|引进|整体搬迁)",
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
    rf"(?:不含|不包括|不包含|除外|除|剔除)[^，。；：;)\n]{{0,4}}?(?P<a>(?:房地产|金融|烟草|建筑|劳务派遣|僵尸|娱乐|电力|供电|供水|垄断|高耗能|高污染|投资|类金融)(?:业|企业|开发|类|、|和|及|机构)*{_R}{{0,14}}?)(?:除外|的企业|企业|\)|，|$)"
    rf"|(?P<b>(?:房地产|类金融|金融|僵尸|劳务派遣|烟草|娱乐)(?:业|企业|开发|类|、|和|及|以及|房地产|金融|僵尸|劳务派遣|烟草|娱乐)*{_R}{{0,8}}?)(?:除外|不予|不适用|不享受)"
    r"|\((?:不含|不包括|不包含)(?P<c>[^()，。；\d税土本]{2,16}?)(?:类)?(?:项目|企业|行业)\)"
)
_TALENT = re.compile(
    r"(?P<level>[A-F]类?(?:[、和及][A-F]类?)*(?:及以上)?(?:高层次)?人才|领军人才|高层次人才|拔尖人才|急需紧缺人才|顶尖人才)"
)


def soft_conditions(text: str, start: int, end: int, here: Here) -> list[Soft]:
    """Every soft condition in `text[start:end]`; `here` is the name that 我市 / 本区 stands for, empty if not known."""
    found: list[Soft] = []
    found += [Soft(p.start, p.end, p.field, "in", [p.place]) for p in placed(text, start, end, here)]
    for pattern, name, op, value in _STATE_ONLY:
        for match in re.finditer(pattern, text[start:end]):
            found.append(Soft(start + match.start(), start + match.end(), name, op, value))
    for name, names in (
        ("certifications", CERTIFICATIONS),
        ("honors", HONORS),
        ("innovation_platform", PLATFORMS),
        ("listed_status", LISTED),
        ("financing_type", FINANCING),
        ("product_certificate", PRODUCTS),
        ("applicant_type", APPLICANTS),
    ):
        found += _named(text, start, end, name, names)
    for pattern, sizes in _SIZES:
        for match in re.finditer(pattern, text[start:end]):
            before = text[max(0, start + match.start() - 8) : start + match.start()]
            if not re.search(r"(?:科技型|创新型|专精特新[\"“”]?|培育|促进)$", before):
                found.append(Soft(start + match.start(), start + match.end(), "enterprise_size", "in", sizes))
    for match in _BARS.finditer(text, start, end):
        words = match["a"] or match["b"] or match["c"]
        found.append(Soft(match.start(), match.end(), "excluded_category", "in", _split(words)))
    found += _persons(text, start, end)
    found += _lists(text, start, end)
    found += events(text, start, end)
    found += within(text, start, end)
    found += [Soft(t.start, t.end, "industry", "in", list(t.names)) for t in trades(text, start, end)]
    for match in _RESIDES.finditer(text, start, end):
        named = here.name[:2] and here.name[:2] in match["park"]
        park: object = [match["park"]] if named else True
        found.append(Soft(match.start(), match.end(), "park_residency", "in" if named else "is_true", park))
    for match in _OWNS.finditer(text, start, end):
        owned = "patents_invention" if match["what"] == "发明专利" else "ip_count"
        found.append(Soft(match.start(), match.end(), owned, ">=", 1))
    return [_dated(text, soft, start) for soft in _without_overlap(found)]


_EDUCATION = re.compile(
    r"(?P<degree>博士后|博士|硕士|本科|学士|大专|专科)(?:(?:研究生)?(?:\(?含\)?)?(?:(?:学历|学位)(?:学位)?(?:及?以上)?|(?:及?以上)(?:学历|学位)?)|研究生)"
)
_JOB_TITLE = re.compile(r"(?P<title>正高级|副高级|(?<!正)(?<!副)高级|中级)(?:专业技术)?(?:职称|职务)")


def _persons(text: str, start: int, end: int) -> list[Soft]:
    found = [Soft(m.start(), m.end(), "talent_level", "in", [m["level"]]) for m in _TALENT.finditer(text, start, end)]
    for match in _EDUCATION.finditer(text, start, end):
        if re.match(r"[^，。；]{0,24}(?:占|不低于|不少于)", text[match.end() : match.end() + 28]):
            continue
        degree = {"学士": "本科", "专科": "大专"}.get(match["degree"], match["degree"])
        found.append(Soft(match.start(), match.end(), "talent_education", ">=", degree))
    for match in _JOB_TITLE.finditer(text, start, end):
        if not re.match(r"[^，。；]{0,12}(?:占|不低于|不少于)", text[match.end() : match.end() + 16]):
            found.append(Soft(match.start(), match.end(), "talent_title", "in", [match["title"]]))
    return found


_STANDARDS = re.compile(
    rf"(?:主导|牵头|参与){_R}{{0,6}}(?:制定|修订|制修订|起草){_R}{{0,4}}?(?P<levels>(?:(?:国际|国家|行业|地方|团体|企业)(?:标准)?(?:、|和|或|及)?)+)标?准?"
)
_PERMIT = re.compile(
    r"(?:取得|持有|获得|具有|具备|办理|依法取得)[^，。；《\n]{0,8}(?:《(?P<title>[^》\n]{2,24}(?:证|证书|许可|回执|备案|资质))》|(?P<name>[\u4e00-\u9fa5]{2,12}(?:许可证|经营许可|施工总承包资质|专业承包资质|注册证书|养殖证|合格证书?|验收合格意见|生产许可)))"
    r"|(?P<grade>施工总承包|专业承包)(?:[特一二三]级(?:[、和及][特一二三]级)*)?资质"
)
_REFERENCE_WORDS = re.compile(
    rf"(?P<what>裁员率|增[速幅]|增长率|比例|占比|收入|能耗|费率|利率|水平){_R}{{0,4}}?(?P<op>不高于|不低于|高于|低于|不超过|超过|优于)(?P<words>{_R}{{0,24}}?(?:平均水平|平均值|平均增速|平均|失业率(?:控制目标|调控目标)?|限额标准|标准值|先进值|控制目标|同期水平|上年水平|水平))"
)
_REFERENCE = re.compile(_REFERENCE_WORDS.pattern + r"(?!\s?\(?\d)")
_OPS = {"不高于": "<=", "不超过": "<=", "不低于": ">=", "高于": ">", "超过": ">", "优于": ">", "低于": "<"}


def _lists(text: str, start: int, end: int) -> list[Soft]:
    found = []
    for match in _STANDARDS.finditer(text, start, end):
        levels = [f"{level}标准" for level in re.findall(r"国际|国家|行业|地方|团体|企业", match["levels"])]
        found.append(Soft(match.start(), match.end(), "standards_led", "in", levels))
    for match in _PERMIT.finditer(text, start, end):
        name = match["title"] or match["name"] or f"{match['grade']}资质"
        found.append(Soft(match.start(), match.end(), "permits", "in", [name]))
    for match in _REFERENCE.finditer(text, start, end):
        lead = text[max(start, match.start() - 12) : match.start()]
        name = "layoff_rate" if match["what"] == "裁员率" else _measure_of(match["what"], lead)
        extra: dict[str, object] = {"metric": match["what"]} if name == "other_metric" else {}
        found.append(Soft(match.start(), match.end(), name, _OPS[match["op"]], match["words"], extra=extra))
    return found


def beside_reference(text: str, quantity: Quantity, clause: Span) -> Condition | None:
    """裁员率不高于全国城镇调查失业率控制目标(5.5%): the number in brackets is what the words before it stand for."""
    if quantity.kind != "ratio" or quantity.op or text[quantity.start - 1 : quantity.start] not in ("(", "为"):
        return None
    for match in _REFERENCE_WORDS.finditer(text, clause.start, quantity.start - 1):
        if match.end() == quantity.start - 1:
            lead = text[max(clause.start, match.start() - 12) : match.start()]
            name = "layoff_rate" if match["what"] == "裁员率" else _measure_of(match["what"], lead)
            extra: dict[str, object] = {"_kind": "ratio"}
            if name == "other_metric":
                extra["metric"] = match["what"]
            return Condition(match.start(), quantity.right, name, _OPS[match["op"]], float(quantity.value), extra)
    return None


_OWNS = re.compile(
    r"(?:拥有|具有|享有|取得)[^，。；\d\n]{0,10}?(?P<what>自主知识产权|发明专利|知识产权)(?![^，。；\n]{0,10}\d)(?!管理|服务|贯标|示范|优势)"
)
_RESIDES = re.compile(
    r"入驻(?:经认定的)?(?P<park>[\u4e00-\u9fa5]{0,14}?(?:产业园区?|园区|孵化基地|孵化器|众创空间|科技园|创业园|示范基地))(?!外)"
)


def _measure_of(what: str, lead: str) -> str:
    if re.match(r"增", what):
        if re.search(r"进出口|出口|进口|外贸", lead):
            return "trade_growth"
        if re.search(r"收入|营收|销售", lead):
            return "revenue_growth_rate"
    return "other_metric"


_LOOKS_BACK = re.compile(
    r"(?:近|最近|前)[一二两三四五\d]+(?:个)?(?:会计|自然)?年(?:度)?(?:内|来)?|上一?年度|当年度?|申报(?:前|当)年"
)


def _dated(text: str, soft: Soft, start: int) -> Soft:
    """The period that stands before or inside the words of a condition on conduct or recognition."""
    if soft.period or soft.field in (
        "registered_region",
        "tax_region",
        "stat_region",
        "enterprise_size",
        "legal_entity",
    ):
        return soft
    lead = re.split(r"[，。；\n]", text[max(start, soft.start - 14) : soft.start])[-1]
    found = list(_LOOKS_BACK.finditer(lead + text[soft.start : soft.end]))
    return dataclasses.replace(soft, period=found[-1][0]) if found else soft


_NEEDS_VERB = ("innovation_platform", "certifications", "honors", "product_certificate")
# A name alone may be a heading or a purpose; it is asked for where something is recognised, obtained, listed, or given to its holder.
_RECOGNISED = re.compile(
    r"认定|评定|评为|获|批准|备案|入选|入围|列入|通过|取得|设立|建立|组建|新建|建成|授予|验收|达到|具有|具备|属于|为|是|对|的企业|企业|资质|称号|认证|的，|给予|奖励|、"
)
_APPLIES = re.compile(r"对|凡|的|支持|鼓励|给予|，|：|、|；|和|或|及|为|。")


def _named(text: str, start: int, end: int, indicator: str, names: tuple[tuple[str, str], ...]) -> list[Soft]:
    found: list[Soft] = []
    for pattern, name in names:
        for match in re.finditer(pattern, text[start:end]):
            at, stop = start + match.start(), start + match.end()
            before = text[max(start, at - 24) : at]
            if indicator in _NEEDS_VERB and not _RECOGNISED.search(text[max(start, at - 14) : min(end, stop + 10)]):
                continue
            if indicator == "applicant_type" and not _APPLIES.search(text[max(start, at - 8) : min(end, stop + 6)]):
                continue
            found.append(Soft(at, stop, indicator, "in", [name]))
            if (
                indicator in ("certifications", "honors", "innovation_platform", "product_certificate")
                and (first := list(_FIRST.finditer(before)))
                and not re.search(r"[，。；]", before[first[-1].end() :])
            ):
                found.append(Soft(max(start, at - 24) + first[-1].start(), stop, "recognition_first", "is_true", True))
    return found


def _split(words: str) -> list[str]:
    return [
        w
        for part in re.split(r"[、和及]", words)
        if (w := re.sub(r"(?:等|类|项目|企业|行业|开发项目|业)+$", "", part.strip()))
    ]


def _without_overlap(found: list[Soft]) -> list[Soft]:
    """One condition per field and value; a name inside a longer name of the same field is the longer one.

    Who enters the list of enterprises above scale for the first time is not yet on it.
    """
    kept: list[Soft] = []
    entering = [s for s in found if s.field == "first_time_above_scale"]
    found = [
        s
        for s in found
        if s.field != "is_above_scale" or not any(e.start <= s.end + 12 and s.start <= e.end + 12 for e in entering)
    ]
    for soft in sorted(found, key=lambda s: (s.start, -(s.end - s.start))):
        if any(
            k.field == soft.field and (k.value == soft.value or (k.start <= soft.start and soft.end <= k.end))
            for k in kept
        ):
            continue
        kept.append(soft)
    return kept
