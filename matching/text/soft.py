"""Conditions without a number: where, who, recognised as what, never punished for what (policies.md §5, §8)."""

import dataclasses
import re

from matching.text.asides import asks_nobody
from matching.text.events import events, within
from matching.text.model import Condition, Soft
from matching.text.names import APPLICANTS, CERTIFICATIONS, FINANCING, HONORS, LISTED, PLATFORMS, PRODUCTS
from matching.text.outline import Span
from matching.text.persons import persons, ranks
from matching.text.places import Here, placed
from matching.text.quantities import Quantity
from matching.text.states import STATES
from matching.text.titles import applicants, kind_of, titles
from matching.text.trades import trades

_R = r"[^，。；：;\n]"

# 重新认定 contains 新认定 and means the opposite (policies.md §5).
_FIRST = re.compile(
    r"(?:(?<!重)新|首次|初次|第一次|首批)(?:被|获|获得|通过)?(?:国家|省|市|区|县)?(?:级)?(?:认定|评定|获评|获批|获得|取得|通过|获|备案|入选|入库|评为|列入|认证)(?:的|为)?"
)
_SIZES: tuple[tuple[re.Pattern[str], list[str]], ...] = (
    (
        re.compile(
            r"中小微(?:工业|制造|商贸|服务业|科技)?企业|中小(?:微)?企业(?!公共|服务|发展|局|特色|创新创业|数字化转型|认定|主管|股份|专项)|中小(?=工业企业|商贸企业|服务业企业)"
        ),
        ["中型", "小型", "微型"],
    ),
    (
        re.compile(
            r"(?<!中)小微企业(?!园|主)|(?<!中)小微(?:工业|制造|商贸|服务业|科技)企业|小型微利企业|小型和微型企业|小型微型企业"
        ),
        ["小型", "微型"],
    ),
    (re.compile(r"大型企业|(?<!广)(?<!较)大企业"), ["大型"]),
    (re.compile(r"个体工商户"), ["个体工商户"]),
)
_BARS = re.compile(
    rf"(?:不含|不包括|不包含|除外|除|剔除)[^，。；：;)\n]{{0,4}}?(?P<a>(?:房地产|金融|烟草|建筑|劳务派遣|僵尸|娱乐|电力|供电|供水|垄断|高耗能|高污染|投资|类金融)(?:业|企业|开发|类|、|和|及|机构)*{_R}{{0,14}}?)(?:除外|的企业|企业|\)|，|$)"
    rf"|(?P<b>(?:房地产|类金融|金融|僵尸|劳务派遣|烟草|娱乐)(?:业|企业|开发|类|、|和|及|以及|房地产|金融|僵尸|劳务派遣|烟草|娱乐)*{_R}{{0,8}}?)(?:除外|不予|不适用|不享受)"
    r"|\((?:不含|不包括|不包含)(?P<c>[^()，。；\d税土本]{2,16}?)(?:类)?(?:项目|企业|行业)\)"
)
_NO_SIZE = re.compile(r"(?:科技型|创新型|专精特新[\"“”]?|培育|促进|创客中国[\"“”]?)$")
_STATES = tuple((re.compile(words), name, op, value) for words, name, op, value in STATES)
_NAMES = {
    field: tuple((re.compile(words), name) for words, name in names)
    for field, names in (
        ("certifications", CERTIFICATIONS),
        ("honors", HONORS),
        ("innovation_platform", PLATFORMS),
        ("listed_status", LISTED),
        ("financing_type", FINANCING),
        ("product_certificate", PRODUCTS),
        ("applicant_type", APPLICANTS),
    )
}


def soft_conditions(text: str, start: int, end: int, here: Here) -> list[Soft]:
    """Every soft condition in `text[start:end]`; `here` is the name that 我市 / 本区 stands for, empty if not known."""
    kinds = applicants(text, start, end)
    found: list[Soft] = []
    found += [Soft(p.start, p.end, p.field, "in", [p.place]) for p in placed(text, start, end, here)]
    for pattern, name, op, value in _STATES:
        for match in pattern.finditer(text, start, end):
            # an empty list of names takes the text's own
            said = value if value != [] else [match["status"]]
            found.append(Soft(match.start(), match.end(), name, op, said))
    for name, names in _NAMES.items():
        found += _named(text, start, end, name, names)
    found += _titled(text, start, end, found)
    found = [
        *(s for s in found if s.field != "applicant_type" or not any(a <= s.start and s.end <= b for a, b, _ in kinds)),
        *(Soft(a, b, "applicant_type", "in", list(named)) for a, b, named in kinds),
    ]
    for pattern, sizes in _SIZES:
        for match in pattern.finditer(text, start, end):
            if not _NO_SIZE.search(text[max(0, match.start() - 8) : match.start()]):
                found.append(Soft(match.start(), match.end(), "enterprise_size", "in", sizes))
    for match in _BARS.finditer(text, start, end):
        words = match["a"] or match["b"] or match["c"]
        found.append(Soft(match.start(), match.end(), "excluded_category", "in", _split(words)))
    found += persons(text, start, end)
    found += ranks(text, start, end)
    found += _graded(text, start, end)
    found += _lists(text, start, end)
    found += events(text, start, end)
    found += within(text, start, end)
    found += [Soft(t.start, t.end, "industry", "in", list(t.names)) for t in trades(text, start, end)]
    for match in _GROWS.finditer(text, start, end):
        field = _measure_of("增速", match["what"])
        metric: dict[str, object] = {"metric": f"{match['what']}增速"} if field == "other_metric" else {}
        found.append(Soft(match.start(), match.end(), field, ">", 0, extra=metric))
    for match in _EVALUATED.finditer(text, start, end):
        found.append(Soft(match.start(), match.end(), "evaluation_result", "in", match["grades"].split("、")))
    for match in _PERSONS.finditer(text, start, end):
        if not re.search(
            r"(?:招用|吸纳|招录|聘用|安置|带动)[^，。；]{0,24}$", text[max(start, match.start() - 30) : match.start()]
        ):
            who = [re.sub(r"^(?:城镇|离校)", "", w) for w in re.findall(_PERSON, match["who"])]
            found.append(Soft(match.start(), match.end(), "person_status", "in", who))
    for match in _WHO.finditer(text, start, end):
        found.append(Soft(match.start("who"), match.end("who"), "person_status", "in", [match["who"]]))
    for match in _RESIDES.finditer(text, start, end):
        named = here.name[:2] and here.name[:2] in match["park"]
        park: object = [match["park"]] if named else True
        found.append(Soft(match.start(), match.end(), "park_residency", "in" if named else "is_true", park))
    for match in _OWNS.finditer(text, start, end):
        owned = "patents_invention" if match["what"] == "发明专利" else "ip_count"
        found.append(Soft(match.start(), match.end(), owned, ">=", 1, extra={"unit": "件"}))
    found = [s for s in found if not asks_nobody(text, s, start, end)]
    return [_dated(text, soft, start) for soft in _joined(text, _without_overlap(found))]


def _titled(text: str, start: int, end: int, known: list[Soft]) -> list[Soft]:
    """Titles that no list of ours holds, with 首次 before them where it stands."""
    found: list[Soft] = []
    for title in titles(text, start, end):
        if any(k.start < title.end and title.start < k.end and k.field != "recognition_first" for k in known):
            continue
        found.append(Soft(title.start, title.end, title.field, "in", [title.name]))
        found += _first_before(text, start, title.start, title.end)
    return found


_LISTED_TOGETHER = frozenset(
    {
        "certifications",
        "honors",
        "innovation_platform",
        "product_certificate",
        "applicant_type",
        "listed_status",
        "financing_type",
        "project_status",
        "person_status",
    }
)
_BETWEEN = re.compile(
    r"(?:\s|[、和及或与/\"“”()]|以及|或者|企业|单位|称号|的|(?:国家|省|市|区|县|部)级|、?国家|省|市)*"
)


def _unnamed(between: str, field: str) -> list[str] | None:
    """The names between two names of a list that no list of ours holds; None where the list does not go on."""
    if _BETWEEN.fullmatch(between):
        return []
    inner = re.fullmatch(r"、(?P<names>[\u4e00-\u9fa5、()]{3,90})、(?:国家|省|市)?级?", between)
    names = [re.sub(r"^(?:国家|省|市)级?|\([^()]*\)", "", name) for name in inner["names"].split("、")] if inner else []
    return names if names and all(kind_of(name) == field for name in names) else None


# 上市(IPO)、新三板挂牌、四板挂牌(某股权交易中心): markets in a list, words of ours or not
_MARKETS = re.compile(r"[^，。；\n并且]{0,16}(?:、|或者?|以及|和)[^，。；\n并且]{0,16}|，以及[^，。；\n]{0,16}")


def _other_market(soft: Soft, between: str) -> bool:
    return soft.field == "listed_status" and bool(_MARKETS.fullmatch(between))


def _joined(text: str, found: list[Soft]) -> list[Soft]:
    """高校、科研院所: names of one kind in a list are one condition, any of them will do (policies.md §4)."""
    out: list[Soft] = []
    for soft in found:
        earlier = next((o for o in reversed(out) if o.field == soft.field), None)
        if (
            earlier is not None
            and soft.field in _LISTED_TOGETHER
            and isinstance(soft.value, list)
            and isinstance(earlier.value, list)
            and earlier.end <= soft.start
            and re.search(r"[、和及或与/]", between := text[earlier.end : soft.start])
            and (unnamed := [] if _other_market(soft, between) else _unnamed(between, soft.field)) is not None
        ):
            values = list(dict.fromkeys([*earlier.value, *unnamed, *soft.value]))
            out[out.index(earlier)] = dataclasses.replace(earlier, end=soft.end, value=values)
            continue
        out.append(soft)
    return out


_GRADE_OF = r"(?:[一二三四五]星级?|A{1,5}级|[1-5]A级?|[甲乙丙]级|[金银铜]宿级)"
# 三星级、四星级、五星级的酒店; 4A、5A级旅游景区
_GRADED = re.compile(
    rf"(?P<grades>{_GRADE_OF}(?:(?:、|和|及|或|以及|至){_GRADE_OF})*)(?:标准)?的?(?:国家)?(?P<noun>旅游星级饭店|旅游饭店|酒店|饭店|旅游民宿|民宿|旅游景区|景区|物流企业|养老机构|绿色建筑标识|绿色建筑|仓库|营地|露营地|乡村旅游点|社会组织)"
)


def _graded(text: str, start: int, end: int) -> list[Soft]:
    found = []
    for match in _GRADED.finditer(text, start, end):
        lead = text[max(start, match.start() - 24) : match.start()]
        if not re.search(r"评|获|取得|创建|达到|认定|晋升|对|新", lead):
            continue
        grades = re.findall(_GRADE_OF, match["grades"])
        names = [(g if g.endswith("级") else g + "级") + match["noun"] for g in grades]
        found.append(Soft(match.start(), match.end(), "honors", "in", names))
        found += _first_before(text, start, match.start(), match.end())
    return found


_STANDARDS = re.compile(
    rf"(?:主导|牵头|参与){_R}{{0,6}}(?:制定|修订|制修订|起草){_R}{{0,4}}?(?P<levels>(?:(?:国际|国家|行业|地方|团体|企业)(?:标准)?(?:、|和|或|及)?)+)标?准?"
)
_PERMIT = re.compile(
    r"(?:取得|持有|获得|具有|具备|办理|依法取得)[^，。；《\n]{0,8}?(?:《(?P<title>[^》\n]{2,24}(?:证|证书|许可|回执|备案|资质))》|(?P<name>[\u4e00-\u9fa5]{2,12}(?:许可证|经营许可|施工总承包资质|专业承包资质|注册证书|养殖证|合格证书?|验收合格意见|生产许可)))"
    r"|(?P<grade>施工总承包|专业承包)(?:[特一二三]级(?:[、和及][特一二三]级)*)?资质"
)
_REFERENCE_WORDS = re.compile(
    rf"(?P<what>裁员率|工资|增[速幅]|增长率|比例|占比|收入|能耗|费率|利率|水平){_R}{{0,4}}?(?P<op>不高于|不低于|高于|低于|不超过|超过|优于)(?P<words>{_R}{{0,24}}?(?:平均水平|平均值|平均增速|平均工资|平均|失业率(?:控制目标|调控目标)?|限额标准|标准值|先进值|控制目标|同期水平|上年水平|水平))"
)
_REFERENCE = re.compile(_REFERENCE_WORDS.pattern + r"(?!\s?\(?\d)")
# 利率不超过LPR+100个基点
_RATE_REFERENCE = re.compile(
    rf"(?P<what>利率){_R}{{0,4}}?(?P<op>不高于|不低于|高于|低于|不超过|超过)(?P<words>{_R}{{0,10}}?(?:LPR|贷款市场报价利率|基准利率)[^，。；：;\n\t的)]{{0,12}})"
)
_OPPOSITE = {"<": ">=", ">": "<=", "<=": ">", ">=": "<"}
_OPS = {"不高于": "<=", "不超过": "<=", "不低于": ">=", "高于": ">", "超过": ">", "优于": ">", "低于": "<"}


def _lists(text: str, start: int, end: int) -> list[Soft]:
    found = []
    for match in _STANDARDS.finditer(text, start, end):
        levels = [f"{level}标准" for level in re.findall(r"国际|国家|行业|地方|团体|企业", match["levels"])]
        found.append(Soft(match.start(), match.end(), "standards_led", "in", levels))
    for match in _PERMIT.finditer(text, start, end):
        name = match["title"] or match["name"] or f"{match['grade']}资质"
        names = [one for one in re.split(r"[、和及]", name) if len(one) > 1]
        names = names if all(re.search(r"(?:证|证书|许可)$", one) for one in names) else [name]
        found.append(Soft(match.start(), match.end(), "permits", "in", names))
    for match in [*_REFERENCE.finditer(text, start, end), *_RATE_REFERENCE.finditer(text, start, end)]:
        lead = text[max(start, match.start() - 12) : match.start()]
        name = "layoff_rate" if match["what"] == "裁员率" else _measure_of(match["what"], lead)
        extra: dict[str, object] = {"metric": match["what"]} if name == "other_metric" else {}
        op = _OPS[match["op"]]
        if re.match(r"的?[^，。；\d]{0,8}[，,]?(?:一律)?(?:不予|不得|不享受|不奖|不再|除外)", text[match.end() : end]):
            op = _OPPOSITE.get(op, op)
        found.append(Soft(match.start(), match.end(), name, op, match["words"], extra=extra))
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


_GRADE = r"(?:优秀|良好|合格|优良|[A-D]类|[A-D]级|[一二三四]级|[一二三四]档)"
_EVALUATED = re.compile(
    rf"(?:评价|考核|评估|考评|绩效|分级|绩效分级|诊断|信用评级|纳税信用|信用等级)(?:结果|等次|等级|认定)?(?:首次)?(?:被)?(?:评定|评)?(?:为|达到|(?<=信用)|(?<=等级))(?:(?!不){_R}){{0,2}}?(?P<grades>{_GRADE}(?:、{_GRADE})*)(?:等次|等级|及?以上|\(含\))*(?=的|，|且|者|[\s。；]|$)"
)
_PERSON = r"(?:(?:城镇)?登记失业人员|就业困难人员|退役军人|复员转业退役军人|高校毕业生|返乡(?:入乡)?创业(?:人员|农民工)|返乡(?:入乡)?(?:人员|农牧民|青年)|返乡农民工|农民工|脱贫人口|残疾人|留学回国人员|在校大学生|建档立卡贫困人口|刑满释放人员|转岗职工|脱贫劳动力)"
# 登记失业人员、退役军人、高校毕业生: whoever is one of them
_PERSONS = re.compile(
    rf"(?P<who>{_PERSON}(?:\([^()]{{1,16}}\))?(?:(?:、|和|及|以及|或){_PERSON}(?:\([^()]{{1,16}}\))?)+)"
)
_WHO = re.compile(rf"(?:对象|人员|主体)(?:为|是)?[：:]\s?(?P<who>{_PERSON})(?=[。；;\s]|$)")
# 营业收入同比正增长
_GROWS = re.compile(
    rf"(?P<what>研发(?:费用?|投入|经费)|进出口|出口|进口|营业收入|销售收入|营收|收入|销售额|零售额|产值|税收){_R}{{0,26}}?(?:(?:保持|实现)?正增长|[较比]上一?年度?(?:有所?|实现)?增长(?![^，。；]{{0,6}}\d))"
)
_OWNS = re.compile(
    r"(?:拥有|具有|享有|取得|获得|获)[^，。；\d\n]{0,10}?(?P<what>自主知识产权|发明专利|知识产权)(?![^，。；\n]{0,10}\d)(?!管理|服务|贯标|示范|优势)"
)
_RESIDES = re.compile(
    r"入驻(?:经认定的)?(?P<park>[\u4e00-\u9fa5]{0,14}?(?:产业园区?|园区|孵化基地|孵化器|众创空间|科技园|创业园|示范基地))(?!外)"
)


def _measure_of(what: str, lead: str) -> str:
    if re.match(r"增", what):
        if re.search(r"研发", lead):
            return "rd_expense_growth"
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


_BESIDE_FIRMS = re.compile(
    r"(?<!农业)(?<!中小)企业[、和及或与][^，。；]{2,10}|[、和及或与](?:其他|各类)?企业(?!家|技术|名录)"
)
_NEEDS_VERB = ("innovation_platform", "certifications", "honors", "product_certificate")
# A name alone may be a heading or a purpose; it is asked for where something is recognised, obtained, listed, or given to its holder.
_RECOGNISED = re.compile(
    r"认定|评定|评为|获|批准|备案|入选|入围|列入|通过|取得|设立|建立|组建|新建|建成|授予|验收|达到|具有|具备|属于|为|是|对|的企业|企业|资质|称号|认证|的，|给予|奖励|、"
)
_OFFICIATES = re.compile(
    r"(?:经办|合作|承办|引进|高校|由|向|经)[\u4e00-\u9fa5]{0,2}(?:银行|金融|担保|服务|科研)|机构(?:根据|按照|审核|负责|应当?|须|向|会同)"
)
_APPLIES = re.compile(r"对|凡|的|支持|鼓励|给予|，|：|、|；|和|或|及|为|。")


def _named(
    text: str, start: int, end: int, indicator: str, names: tuple[tuple[re.Pattern[str], str], ...]
) -> list[Soft]:
    found: list[Soft] = []
    for pattern, name in names:
        for match in pattern.finditer(text, start, end):
            at, stop = match.span()
            if indicator in _NEEDS_VERB and not _RECOGNISED.search(text[max(start, at - 14) : min(end, stop + 10)]):
                continue
            if indicator == "applicant_type" and _BESIDE_FIRMS.search(text[max(start, at - 14) : min(end, stop + 12)]):
                # 企业、社会组织: any enterprise will do
                continue
            if indicator == "applicant_type" and _OFFICIATES.search(text[max(start, at - 6) : min(end, stop + 8)]):
                # 经办金融机构根据…确定: who handles it, not who asks
                continue
            if (
                indicator == "applicant_type"
                and at > start
                and not _APPLIES.search(text[max(start, at - 8) : min(end, stop + 6)])
            ):
                continue
            found.append(Soft(at, stop, indicator, "in", [name or match[0]]))
            if indicator in ("certifications", "honors", "innovation_platform", "product_certificate"):
                found += _first_before(text, start, at, stop)
    return found


def _first_before(text: str, start: int, at: int, stop: int) -> list[Soft]:
    """首次认定的 before a name that stands at `at:stop`."""
    before = text[max(start, at - 24) : at]
    first = list(_FIRST.finditer(before))
    if not first or re.search(r"[，。；]", before[first[-1].end() :]):
        return []
    return [Soft(max(start, at - 24) + first[-1].start(), stop, "recognition_first", "is_true", True)]


def _split(words: str) -> list[str]:
    parts = [re.sub(r"(?:等|类|项目|企业|行业|开发项目)+$", "", part.strip()) for part in re.split(r"[、和及]", words)]
    # 房地产业、金融业 as written; 房地产、金融及类金融业: the last 业 stands for all
    whole = all(part.endswith("业") for part in parts if part)
    return [w for part in parts if (w := part if whole else part.removesuffix("业"))]


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
