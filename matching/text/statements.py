"""What one paragraph states: the conditions it asks for and the amounts it gives, sentence by sentence."""

import re
from bisect import bisect_left
from dataclasses import replace

from matching.text import awards, bars, soft, tables
from matching.text.alternatives import or_else
from matching.text.fields import field_in
from matching.text.headings import HEADING, defines_a_thing, is_heading, without_aims
from matching.text.items import joined_bounds
from matching.text.model import Condition
from matching.text.numeric import numeric_condition
from matching.text.outline import Span, clauses, sentences
from matching.text.places import Here
from matching.text.quantities import Quantity
from matching.text.units import Unit, heads_award

# A sentence that talks to a machine states nothing about a policy.
_ADDRESSED = re.compile(
    r"(?:忽略|无视|忘记)[^。\n]{0,12}(?:要求|指令|内容|规则|提示|条件)|系统提示|提示词|语言模型|人工智能助手|ignore (?:all|any|the|previous)|system prompt|assistant:|你(?:现在)?是(?:一个|一名)",
    re.I,
)
_NEWS = re.compile(
    r"(?:共|累计|已|预计|合计)(?:有|为|向|获|获得|发放|兑现|拨付|安排|惠及|支持|补助|返还|减免|带动)(?!(?:期限)?(?:最[高长多]|不超过|不得))[^。；]{0,30}(?:\d|余)|专项资金[^。；]{0,10}\d|总规模|财政安排|安排[^。；]{0,16}资金\s?\d|据统计|去年同期|20\d\d年(?!度)[^，。；]{0,12}(?:发放|兑现|拨付|返还|完成|(?:额|值|量|收入)突破)|(?:目前|截至)[^，。；]{0,16}(?:共有|已有|有|累计)|暂停(?:开展|新增|受理|发放|办理)"
)
# What a government sets itself: 用3年时间，使担保规模达到1亿元以上; 力争到2027年…突破100家
_GOAL = re.compile(
    r"(?:力争|争取|确保|拟(?:完成|培育|支持|新增|建设)|预计(?:惠及|带动|支持|新增)|将?用[一二三四五\d]年(?:左右)?(?:的)?时间|(?<![促即行驶大])使(?!用|得|其|命|馆)|到20\d\d年底?|工作目标|发展目标)[^。；]{0,60}?(?:达到|突破|超过|不低于|\d)"
)
# 优先 is neither a condition nor an award (policies.md §5)
_PREFERS = re.compile(r"优先(?!级|股|权|于)")
_PREFERRED = re.compile(r"[^，。；\n]{0,24}(?:企业|项目|单位|机构|人才|主体)[。；;\s]*$")
# 2022年全市出口额突破1000亿元: what has been
_HISTORY = re.compile(
    r"^\s*(?:(?:目前|截至)[，,]?)?20\d\d年(?!度|\d{0,2}月\d{1,2}日[起前后至])[^，。；\n的]{0,24}(?:突破|达到|达|完成|实现|增长|新增|累计)[^。；\n的]*[。；]?\s*$"
)
# what a region, a fund or an office is asked, not the applicant
_OTHERS = re.compile(
    r"^\s*(?:(?:[（(]?[一二三四五六七八九十\d]+[)）、.])\s*)?(?:统筹地区|各(?:地|市|县|州|镇|乡|有关部门|级)|经办机构|合作银行|承办银行|主管部门)[^，。；]{0,30}(?:应|须|需|不得|不低于|不少于|不超过)"
)
# 一年以上未动工的，收回土地; 骗取资金的，追回并…: what follows from a breach, not who may apply
_PENALTY = re.compile(
    r"的，[^。；\n]{0,40}(?:收回|追回|追缴|退[回还]|追究|缴纳[^。；\n]{0,8}(?:费|金)(?!的)|解除(?:合同|协议)|处以|移送|终止(?:合同|协议))"
)
# 家庭农场可与小微企业同等享受: who else may, not who must
_LIKEWISE = re.compile(
    r"(?:可|均可|同样)?(?:参照|比照|视同|与[^，。；]{2,12}(?:同等|一样|一并))[^，。；\n]{0,24}(?:享受|执行|办理|对待)"
)
_PAPERS = re.compile(r"复印件|原件|盖章|申请表|一式[一二两三四\d]+份|营业执照副本|提交材料")


_SUMS = re.compile(r"(?:给予|奖励|补[贴助]|奖补)[^，。；\n]{0,16}(?:\d|%)")


class Quantities:
    """Quantities by position."""

    def __init__(self, found: list[Quantity]) -> None:
        self.found = found
        self.starts = [q.start for q in found]

    def within(self, start: int, end: int) -> list[Quantity]:
        return self.found[bisect_left(self.starts, start) : bisect_left(self.starts, end)]


def unit_read(
    text: str, unit: Unit, index: Quantities, here: Here, table: list[str], title: str
) -> tuple[list[Condition], list[awards.Amount], list[str]]:
    conditions: list[Condition] = []
    amounts: list[awards.Amount] = []
    carried: dict[str, Condition] = {}
    barring = False
    headed: list[Condition] = []
    topic = unit.lead[-60:] if unit.lead.rstrip().endswith(("：", ":")) else ""
    for sentence in sentences(text, unit.start, unit.end):
        words = text[sentence.start : sentence.end]
        if _ADDRESSED.search(words) or (_GOAL.search(words) and not awards.gives(words)):
            continue
        if _HISTORY.search(words) and not unit.asks and not re.search(r"企业|单位|项目|申[报请]", words):
            continue
        if (_OTHERS.search(words) and not awards.gives(words)) or defines_a_thing(words):
            continue
        if _PENALTY.search(words) and not unit.asks and not unit.barred and not _SUMS.search(words):
            continue
        if tables.heads_table(words):
            table = tables.cells(words)
        elif "。" in words:
            table = []
        if is_heading(text, unit, sentence, title):
            said = [] if words.strip("。 \n") == title.strip() else _stated(text, sentence, here)
            headed = [*headed, *said]
            # 旅行社引客奖励: whom a matter is for may stand in its heading only
            conditions += [c for c in said if c.field in ("applicant_type", "industry")]
            continue
        asked, given = _sentence_read(text, unit, sentence, index, carried, amounts, table, topic)
        if words.rstrip().endswith(("：", ":")):
            topic = words[-60:]
        amounts += given
        if _PAPERS.search(words):
            continue
        more = _only_more(text, sentence, given)
        if not given and (prefers := _PREFERS.search(words)):
            # 收入不低于1000万元，有发明专利的优先; …的企业，优先考虑专精特新企业: whom one prefers need not be what one asks
            if (cut := _preferred_from(words, prefers)) is None:
                continue
            more = sentence.start + cut
            asked = [c for c in asked if c.start < more]
        here_asked = [*asked, *(c for c in _stated(text, sentence, here) if c.start < more)]
        if words.rstrip().endswith(("？", "?")):
            # 新设立的企业怎么判断？ names whom it speaks of and asks nothing of him
            here_asked = [c for c in here_asked if c.field in ("applicant_type", "enterprise_size")]
        if not given and (likewise := _LIKEWISE.search(words)) and not re.search(r"\d", words):
            here_asked = [
                replace(c, extra={**c.extra, "when": likewise[0]})
                for c in here_asked
                if c.field in ("applicant_type", "enterprise_size") and c.start < sentence.start + likewise.start()
            ]
        here_asked = without_aims(words, here_asked)
        if given and not here_asked and (test := _OWN_TEST.match(words)):
            at, to = (sentence.start + n for n in test.span("words"))
            here_asked = [Condition(at, to, "other_requirement", "is_true", True, {"detail": test["words"]})]
        if bars.heads_bars(words) and words.rstrip().endswith(("：", ":")):
            continue
        begins = bars.begins_bars(words)
        if (unit.barred and not given) or barring or begins or bars.is_bar(words, gives=bool(given)):
            first = text.index("：", sentence.start, sentence.end) + 1 if begins and "：" in words else sentence.start
            here_asked = bars.barred(text, first, sentence.end, [c for c in here_asked if c.start >= first])
        elif not here_asked and not given and unit.asks:
            here_asked = _unmapped(text, unit, sentence)
        elif unit.asks and not unit.choice and not given:
            here_asked = or_else(text, sentence, here_asked)
        here_asked = bars.left_out(text, sentence.start, sentence.end, here_asked)
        barring = (barring or begins) and not words.rstrip().endswith("。")
        conditions += here_asked
    if unit.preamble and not amounts:
        conditions = []
    if amounts and not conditions and not unit.lead:
        # 高新技术企业奖励。每家奖励10万元。 Nothing but the heading says who
        conditions = headed
    if unit.line and not unit.choice and not unit.barred:
        mark = {"_list": unit.owner, "_row": unit.start + 1}
        conditions = [replace(c, extra={**c.extra, **mark}) for c in conditions]
    if unit.choice:
        mark = {"_choice": unit.choice, "_branch": unit.branch, "_least": unit.least}
        conditions = [replace(c, extra={**c.extra, **mark}) for c in conditions]
    return sorted(conditions, key=lambda c: (c.start, c.end)), amounts, table


# 收录名特优新产品的，每个奖励5万元: a test of its own for which we have no name
_OWN_TEST = re.compile(
    r"\s*(?:\(?[\d一二三四五六七八九十]{1,3}[)、.]\s*)?(?:对)?(?P<words>(?:当年|年度)?(?:新|首次|续展|收录|获|评为|被评|被认定|列入|入选|通过|取得|参加|举办|承办|建成|开设|设立|与)[^，。；\n\d]{3,40})的[，,]"
)
_REFUSES = re.compile(
    r"(?:企业|单位|申[请报](?:人|单位|企业|主体))?[^，。；\n]{0,14}?(?:未|无|没有|不存在|不得|不属于)"
)
_SPEAKS_OF_PAPER = re.compile(
    r"申报(?:材料|书|表|时间|系统|通知|单位应)|申请(?:表|书|材料|资料|时间)|材料|提交|填[报写]|盖章|网站|系统|电话|附件|本办法|以下条件|下列条件|负责解释|另行"
)


def _unmapped(text: str, unit: Unit, sentence: Span) -> list[Condition]:
    """A numbered line of a list of conditions that says nothing we have a name for is kept in its own words, never dropped."""
    words = text[sentence.start : sentence.end].strip("。；; \n")
    if HEADING.fullmatch(words) or re.fullmatch(r"[\u4e00-\u9fa5、]{2,10}", words):
        return []
    if not unit.line or not 6 <= len(words) <= 80 or _SPEAKS_OF_PAPER.search(words) or words.endswith(("：", ":")):
        return []
    at = text.index(words, sentence.start)
    op, value = ("==", False) if _REFUSES.match(words) else ("is_true", True)
    return [Condition(at, at + len(words), "other_requirement", op, value, {"detail": words[:60]})]


_MORE = re.compile(r"其中[^。；]{0,40}?(?:上浮|提高|上调|增加|加成|额外)")


def _preferred_from(words: str, prefers: re.Match[str]) -> int | None:
    """From where on a sentence only says whom one prefers; None where all of it does (…的企业，优先安排用地)."""
    if _PREFERRED.match(words, prefers.end()):
        return prefers.start()
    clause = max(words.rfind(mark, 0, prefers.start()) for mark in "，,；：") + 1
    if not words[clause : prefers.start()].strip("，, 予以给可同等条件下"):
        return None
    return clause or None


def _only_more(text: str, sentence: Span, given: list[awards.Amount]) -> int:
    """给予10%补贴，其中属于专精特新企业的，上浮5个百分点: from where on who is named only gets more; the sentence's end if nowhere."""
    if not given:
        return sentence.end
    match = _MORE.search(text, given[0].quantity.end, sentence.end)
    return match.start() if match else sentence.end


def _stated(text: str, sentence: Span, here: Here) -> list[Condition]:
    return [
        Condition(
            s.start, s.end, s.field, s.op, s.value, {**s.extra, "period": s.period} if s.period else dict(s.extra)
        )
        for s in soft.soft_conditions(text, sentence.start, sentence.end, here)
    ]


def _sentence_read(
    text: str,
    unit: Unit,
    sentence: Span,
    index: Quantities,
    carried: dict[str, Condition],
    earlier: list[awards.Amount],
    table: list[str],
    topic: str,
) -> tuple[list[Condition], list[awards.Amount]]:
    words = text[sentence.start : sentence.end]
    schedule = awards.schedule_from(words)
    news = bool(_NEWS.search(words))
    # the intro of a list (给予奖励：) or a heading says that what follows is given
    giving = (
        unit.gives
        or awards.gives(text[max(unit.start, sentence.start - 400) : sentence.end])
        or awards.gives(unit.lead)
    )
    headed = heads_award(words)
    spans = clauses(text, sentence.start, sentence.end)
    starts = [c.start for c in spans]
    conditions: list[Condition] = []
    amounts = awards.worded(text, sentence)
    last: Condition | None = None
    inside = index.within(sentence.start, sentence.end)
    for n, quantity in enumerate(inside):
        at = bisect_left(starts, quantity.start + 1) - 1
        clause = spans[at] if at >= 0 else Span(sentence.start, sentence.end)
        scheduled = schedule is not None and quantity.start >= sentence.start + schedule
        if (scheduled and quantity.kind == "ratio") or awards.is_replaced(text, quantity):
            continue
        head = tables.column(words, quantity.start - sentence.start, table)
        given = (
            not awards.is_tier(text, quantity)
            and not _continues(text, last, quantity)
            and (
                awards.is_award(text, quantity, sentence, clause)
                or _goes_on(text, amounts or earlier[-1:], quantity, sentence)
                or ((unit.gives or headed) and awards.is_award_in_section(text, quantity, clause))
                or (giving and head is None and last is not None and awards.follows_threshold(text, quantity, last.end))
                or (head is None and awards.in_list_of_sums(text, quantity, sentence.start))
                or (head is None and (amounts or earlier) and awards.gives_each(text, quantity, clause))
                or (head is None and amounts and awards.goes_on_giving(text, quantity, clause))
                or (
                    (amounts or earlier)
                    and (
                        awards.limits_what_is_given(text, quantity, clause)
                        or awards.tops_what_is_given(text, quantity, clause)
                    )
                )
                or (
                    head is not None
                    and quantity.kind in ("money", "ratio")
                    and not quantity.op
                    and tables.gives_column(head)
                )
            )
        )
        if given:
            if not news or quantity.kind != "money":
                amounts.append(awards.amount_of(text, quantity, sentence, clause))
            continue
        if news and not quantity.op:
            continue
        condition = soft.beside_reference(text, quantity, clause) or numeric_condition(
            text,
            quantity,
            clause,
            sentence,
            last,
            carried.get(quantity.kind),
            head
            if head is not None and not tables.gives_column(head)
            else _announced(text, sentence, quantity) or topic
            if quantity.op or quantity.high is not None
            else "",
        )
        if condition is None:
            continue
        last = condition
        if not _in_brackets(text, sentence.start, quantity.start):
            # 销售额首超10亿元(且税收达500万元)，零售企业首超3亿元: what brackets add measures nothing behind them
            carried[quantity.kind] = condition
        if _selects(text, quantity, inside[n + 1 :], sentence):
            first = _subgroup_start(text, condition.start, quantity)
            subgroup = text[first : _end_of_subgroup(text, quantity, sentence)]
            conditions.append(replace(condition, extra={**condition.extra, "_subgroup": subgroup}))
            continue
        conditions.append(condition)
    amounts.sort(key=lambda a: a.quantity.start)
    return _with_subgroups(joined_bounds(text, conditions)), amounts


def _in_brackets(text: str, start: int, at: int) -> bool:
    return text.rfind("(", start, at) > text.rfind(")", start, at)


def _continues(text: str, last: Condition | None, quantity: Quantity) -> bool:
    """产值奖励：首次达到5亿元、10亿元的: a list of thresholds goes on, whatever the colon announced."""
    return (
        last is not None
        and last.extra.get("_kind") == quantity.kind
        and bool(re.fullmatch(r"\s?[、和及或]\s?", text[last.end : quantity.left]))
    )


_SUBGROUP = re.compile(
    r"(?:及以下)?的(?=[，,]|比例|占比|裁员率|不|[\u4e00-\u9fa5]{0,8}(?:企业|单位|机构|组织))[，,]?(?:比例|占比)?|(?:的|参保|规模的?|及以下的?|\(含\))*[\u4e00-\u9fa5]{0,6}?(?:企业|单位|机构|用人单位|组织)[，,]?"
)


def _announced(text: str, sentence: Span, quantity: Quantity) -> str:
    """研发投入占比：2亿元以下的企业不低于3%: what a colon in the same sentence announces."""
    colon = max(text.rfind("：", sentence.start, quantity.start), text.rfind(":", sentence.start, quantity.start))
    return text[max(sentence.start, colon - 60) : colon + 1] if colon > sentence.start else ""


def _selects(text: str, quantity: Quantity, later: list[Quantity], sentence: Span) -> bool:
    """30人以下的企业裁员率不高于20%; 收入低于5000万元的，不低于6%: the number says for whom the next threshold holds."""
    if quantity.kind not in ("count", "money") or not later or later[0].kind != "ratio":
        return False
    if not later[0].op and not text[quantity.right : later[0].start].rstrip().endswith(("放宽至", "放宽到")):
        return False
    if quantity.kind == "count" and quantity.unit != "人":
        return False
    match = _SUBGROUP.match(text, quantity.right, sentence.end)
    if not match or re.search(r"[。；给奖补按]|其中", text[match.end() : later[0].left]):
        return False
    if quantity.kind == "count" or not awards.gives(text[later[0].right : sentence.end]):
        return True
    others = sum(1 for q in later if q.kind == "ratio" and q.op)
    return others >= 1 and bool(
        re.search(r"企业[，,]?[^，。；]{0,14}(?:占|比例|比重)", text[quantity.right : later[0].right])
    )


def _end_of_subgroup(text: str, quantity: Quantity, sentence: Span) -> int:
    match = _SUBGROUP.match(text, quantity.right, sentence.end)
    assert match
    return match.end() - 1 if text[match.end() - 1] in "，," else match.end()


def _subgroup_start(text: str, start: int, quantity: Quantity) -> int:
    """(超过100人的企业达到5%): inside the brackets only."""
    opened = text.rfind("(", start, quantity.start)
    return opened + 1 if opened > text.rfind(")", start, quantity.start) else start


def _with_subgroups(conditions: list[Condition]) -> list[Condition]:
    out: list[Condition] = []
    when = ""
    for condition in conditions:
        if "_subgroup" in condition.extra:
            when = condition.extra["_subgroup"]
            continue
        out.append(replace(condition, extra={**condition.extra, "when": when}) if when else condition)
        when = ""
    return out


def _goes_on(text: str, amounts: list[awards.Amount], quantity: Quantity, sentence: Span) -> bool:
    """30 万元、50 万元、100 万元; 报辅200万元、上市400万元: what follows an amount by 、 is an amount."""
    if not amounts or amounts[-1].quantity.kind != quantity.kind or amounts[-1].sentence.start != sentence.start:
        return False
    between = re.fullmatch(
        r"\s?(?:/[\u4e00-\u9fa5㎡·]{1,4})?(?:、|和|及|或|;|以及)\s?(?P<for>[\u4e00-\u9fa5]{0,8}?)(?:最高|不超过|分别)?",
        text[amounts[-1].quantity.right : quantity.left],
    )
    return between is not None and (
        not between["for"] or (not quantity.op and field_in(between["for"], quantity.kind, quantity.unit) is None)
    )
