"""What an item gives: sums, shares, caps and steps, told apart from the numbers that are conditions."""

import re
from dataclasses import dataclass
from decimal import Decimal

from matching.text.fields import field_in
from matching.text.outline import Span
from matching.text.quantities import Quantity

_GIVE = re.compile(
    r"给予|给与|予以|奖励|奖补|补助|补贴|资助|扶持资金|扶持|支持资金|奖金|贴息|补偿|配套(?=奖|补|资|支持|扶持|经费|[^，。；\u4e00-\u9fa5]{0,3}\d)|发放|拨付|兑现|返还|一次性(?![^，。；\d]{0,8}(?:投资|投入|购置|出资|缴纳|到位|采购))|再按|享受|减免|减征|免征|免收|减按|减半|优惠|抵扣|抵用|补足|封顶|奖|补(?=\s?\d)|扣减|追加|激励|兑付(?!时|方式|程序|金额)|确定(?:补[贴助]|奖励|券)?额度|补$|(?:分别|另|再|各)给$"
)
# Money words that look like awards and are not (policies.md §5).
_GIVEN_BEHIND = re.compile(
    r"\s*(?:/[\u4e00-\u9fa5㎡·]{1,5})?(?:的?(?:标准|定额))?\s*的?(?:一次性)?的?(?:奖励|补助|补贴|资助|奖补|扶持|奖金|支持|配套|经费|资金|补偿|标准|津贴)"
)
# 500—1000万元的奖励10万元: the first sum is the tier, the second is given
_SUM_FOLLOWS = re.compile(
    r"\s*(?:\([^()]{0,16}\))?\s*的?(?:企业|单位)?[，,]?(?:一次性)?(?:给予)?(?:奖励|补助|补贴|资助|奖补|奖)(?:企业|人民币)*\s?\d"
)
_NOT_AWARD = re.compile(
    r"罚款|总规模|资金规模|基金规模|预算|总额度不超|授信|收费|保证金|门票|工本费|年度资金|专项资金规模|每年总额不|年度总额不|贴息(?:贷款)?本金|计至"
)
_CAP = re.compile(r"最高可?达|最高|不超过|不得超过|不高于|封顶|上限|限额|累计不超|总额不超|最多|以内")
_PER = re.compile(
    r"(?:每|按|/)(?P<per>家|户|人|个|件|项|亩|平方米|㎡|辆|台|套|吨|次|场|单|人次|天|月|年|季度|学员|学时|标箱|公里|千瓦时|度|篇|名|新增\S{0,6}|增加\S{0,8}|引进\S{0,6}|培育\S{0,6}|招用\S{0,6}|吸纳\S{0,6})"
)
_BASE = re.compile(
    r"(?:按照?|以|根据)(?:不超过|不高于)?(?P<base>[^，。；;%\n]{1,40}?)(?:的)?(?:不超过|最高|不高于|最高不超过)?\s?$"
)
_STEP = re.compile(r"每(?:增加|新增|增长|提高|超过|多|满)")
_SCHEDULE = re.compile(
    r"按照?\s?\d+%(?:、\d+%)+(?:的?比例)?[，,]?分[一二三两\d]+(?:年|次|期)|分[一二三两\d]+年|第[一二三]年|首年|逐年|分期|分[一二三两\d]+(?:期|批|次)|拨付比例|[两二三四\d]个?(?:阶段|环节|节点)[，,]?(?:分别|依次)?(?:给予|拨付|兑付|兑现|按)"
)
_REDUCTION = re.compile(r"减免|减征|免征|减按|免收|减半征收|税率|免除|缓缴|减收|降低|减租|免租|即征即退")
_LOAN = re.compile(r"贷款额度|授信额度|信用贷款|担保额度|贷款最高|额度最高|单户(?:贷款|担保)|创业担保贷款|贷款金额")


@dataclass(frozen=True)
class Amount:
    """One sum or share that is given: its quantity, whether it is a cap, a step, or per unit, and the words it stands in."""

    quantity: Quantity
    cap: bool
    step: bool
    per: str
    base: str
    sentence: Span
    reduction: bool
    loan: bool


# 1亿元(含)至5亿元的，500万元；
_BARE_SUM_FOLLOWS = re.compile(
    r"\s*(?:\([^()]{0,8}\))?的[，,]\s?(?:按|给予|奖励|资助|补助)?\s?\d[\d.,]*\s?(?:万|亿)?元\s*(?=[；。;]|$)"
)
_CAP_WORDS = frozenset(
    {"最高", "最高可达", "最高达", "最高可", "最多可达", "不超过", "不高于", "不得超过", "最多", "以内", "不超出"}
)


def is_tier(text: str, quantity: Quantity) -> bool:
    """500—1000万元(含)的奖励10万元: a sum whose award follows at once is what is asked."""
    behind = text[quantity.right : quantity.right + 40]
    of_tier = quantity.high is not None or quantity.op in (">=", ">")
    return quantity.kind == "money" and bool(
        _SUM_FOLLOWS.match(behind) or (of_tier and _BARE_SUM_FOLLOWS.match(behind))
    )


def is_award(text: str, quantity: Quantity, sentence: Span, clause: Span) -> bool:
    """Whether a sum or share is something given rather than something asked for.

    Given: a giving verb stands before it in its clause with no condition word between, or it is a share whose clause goes on to give, or the
    clause continues an award of the clause before.
    """
    if quantity.kind not in ("money", "ratio"):
        return False
    before = text[clause.start : quantity.left]
    after = text[quantity.right : clause.end]
    around = text[clause.start : clause.end]
    if (
        _NOT_AWARD.search(around)
        or _ALL_TOGETHER.search(before)
        or re.match(
            r"\s?的?[，,]?(?:一律)?(?:不予|不再)(?:奖|补|兑|支|发|安排|拨|受理|考虑)",
            text[quantity.right : sentence.end],
        )
    ):
        return False
    if re.search(r"每(?:(?:增加|新增|增长|超过|提高|引进|招用|吸纳|培育|满|多)[^，。；\d给奖补]{0,6})?$", before):
        return False
    if quantity.word in ("以下", "及以下") and field_in(before[-8:], "money") is not None and not _given(before):
        # 单个项目投资1亿元以下的补助不超过500万元
        return False
    if quantity.kind == "money" and quantity.op in (">=", ">", "<") and field_in(before[-14:], "money") is not None:
        # 享受加计扣除的研发费用总额在200万元以上
        return False
    if _PER_SUM.search(before) and _SUM_FOLLOWS.match(after):
        return False
    if quantity.kind == "money" and re.match(
        r"\s?(?:以[下内])?的?(?:银行|流动资金)?(?:贷款|融资|借款)(?!贴息|额度)", after
    ):
        return bool(_LOAN_GIVEN.search(before)) and quantity.op in ("", "<=")
    if (
        quantity.kind == "money"
        and quantity.word in ("", "最高", "不超过", "不高于")
        and _LOAN_LIMIT.search(before)
        and not re.search(r"贴息|补[贴助]|奖", text[sentence.start : sentence.end])
    ):
        return True
    if (
        quantity.kind == "ratio"
        and quantity.op in ("", "<=")
        and re.search(r"标准(?:为|是|按)[^，。；\d]{0,14}$", before)
    ):
        return True
    if quantity.kind == "ratio" and re.search(r"(?:减按|按)\s?$", before) and re.match(r"\s?的?(?:税率|征收率)", after):
        return True
    if (
        quantity.kind == "ratio"
        and quantity.op
        and re.search(
            r"裁员率|占比|比重|占[^，。；]{2,24}|增长|增幅|增速|同比|降低|下降|完成率|利用率|持股|控股|股权|参保率",
            before[-30:],
        )
        and not _given(before)
    ):
        return False
    if re.match(
        r"\s?(?:以上|以下)?[^，。；\n]{0,10}的(?:企业|单位|项目|机构|主体|，|,|$)",
        text[quantity.right : clause.end + 1],
    ) and quantity.op in (">=", ">", "<", "<="):
        return (
            _given(before)
            and not re.search(r"对|达到|超过|满", before[-12:])
            and (quantity.kind != "money" or field_in(before[-14:], "money") is None)
        )
    if _given(before):
        return True
    if quantity.kind == "ratio" and re.search(
        r"(?:上浮|加成|上调|标准的|再增加|额外增加|(?:比例|额度|标准)[^，。；\d]{0,4}提[高升][至到])\s?$", before
    ):
        return True
    if quantity.op in ("", "<=") and re.search(r"(?:按照?|以|分别)\s?$", before) and _GIVE.search(after):
        return True
    if (
        quantity.kind == "ratio"
        and re.search(r"按照?|以(?![上下内])|给予", before)
        and _GIVE.search(text[quantity.right : sentence.end])
        and not quantity.op.startswith(">")
    ):
        return True
    if (
        quantity.kind == "money"
        and quantity.op == "<="
        and re.search(r"每[^，。；\d]{0,6}\d?[人户家亩吨个名件]", before[-12:])
    ):
        return bool(_GIVE.search(after))
    if quantity.op in (">=", ">", "<"):
        return False
    if _GIVEN_BEHIND.match(text[quantity.right : clause.end]) and (
        quantity.kind == "ratio" or not _SUM_FOLLOWS.match(after)
    ):
        return True
    if (
        quantity.kind == "money"
        and re.search(
            r"(?:每[\u4e00-\u9fa5]{1,4}?|标准为|标准|金额为|最高|不超过|分别为|封顶|上限为?)[^，。；]{0,6}$",
            before,
        )
        and quantity.unit == "元"
        and quantity.op in ("", "<=")
    ):
        return bool(_GIVE.search(text[sentence.start : sentence.end]) or _CAP.search(before))
    if quantity.op == "<=" and quantity.word in _CAP_WORDS and quantity.kind == "money":
        asked = re.search(r"(?:人数|总额|收入|所得额|资产|年限|时间|面积|成立|资本|规模|投资)[^，。；、]{0,3}$", before)
        return not asked and bool(_GIVE.search(text[sentence.start : quantity.left]))
    return False


# 县财政当年安排500万元, 中央奖补资金1.5亿元: what there is for all
_ALL_TOGETHER = re.compile(
    r"(?:财政|预算|当年|每年)[^，。；\d]{0,8}安排[^，。；\d]{0,10}$|(?:中央|省级|上级|专项)(?:财政)?(?:奖补|补助|专项|扶持)?资金(?:总额|规模|共|约)?\s?$|(?:经费总额|发放额度|资金总盘子为?|总额度为?|首期拿出|\d(?:万|亿)?元[，,]?(?:合计|共计|总计|共)|资金(?:总额)?(?:暂定|核定|控制)为?)\s?$"
)
# 可申请最高300万元创业担保贷款; 担保贷款金额最高400万元
_LOAN_GIVEN = re.compile(r"(?:可以?|给予|提供|发放|申请)[^，。；\d]{0,12}$")
# 每出口1美元奖励0.2元
_PER_SUM = re.compile(r"每[^，。；\d]{0,8}$")
_LOAN_LIMIT = re.compile(r"(?:贷款|担保)(?:金额|额度|总额)(?:上限)?(?:最高|为|不超过|可达)*\s?$")


_LIMIT = re.compile(
    r"^\s*(?:但|且|并且|其中)?(?:原则上)?(?:(?:单[个户项家次][^，。；\d]{0,10}|同一[^，。；\d]{0,10}|每[家户个年人项][^，。；\d]{0,10}|年度|累计|合计|总计|全年)*(?:补[贴助]|奖励|资助|扶持|支持|奖补|贴息|资金|申领|兑付)?(?:总?额度?|金额|资金)?(?:累计|合计|每年|全年|原则上)?)$"
)


_TOPS = frozenset({"最高", "最高可达", "最高达", "最高可", "最多可达", "最多"})
# 国家级最高3000万元，省、市级最高500万元: which of those who are given something may have how much
_WHO_OF_THEM = re.compile(
    r"[^，。；：\d]{0,10}(?:级|类|等|层次|档|项目|企业|机构|平台|团队|人才|单位|产业|行业|领域|个人|户|家|次|年)(?:的|可|按)?\s?$"
)


def tops_what_is_given(text: str, quantity: Quantity, clause: Span) -> bool:
    """…的50%给予配套。其中，国家级最高3000万元: a highest sum for some of those who are given something."""
    return (
        quantity.kind == "money"
        and quantity.word in _TOPS
        and bool(_WHO_OF_THEM.match(text[clause.start : quantity.left]))
        and field_in(text[clause.start : quantity.left], "money") is None
    )


def limits_what_is_given(text: str, quantity: Quantity, clause: Span) -> bool:
    """…的5%给予补助，总额不超过1000万元: a limit whose clause names nothing but the award before it."""
    return (
        quantity.kind == "money"
        and quantity.op == "<="
        and quantity.word in _CAP_WORDS
        and bool(_LIMIT.match(re.sub(r"(?:最高|不超过|为|在|可达|达)+$", "", text[clause.start : quantity.left])))
    )


_ASK = re.compile(r"达到|超过|不低于|不少于|以上的|满足|符合|年度|收入|投资额|纳税|的企业$")


def _given(before: str) -> bool:
    gives = list(_GIVE.finditer(before))
    if not gives:
        return False
    between = before[gives[-1].end() :]
    return not re.search(
        r"(?:获得|取得|获(?![奖评批认])|已享受)[^，]{0,12}$", before[: gives[-1].start()][-6:]
    ) and not (_ASK.search(between) and not re.search(r"按|不超过|最高|实际|的$|比例|标准", between))


def amount_of(text: str, quantity: Quantity, sentence: Span, clause: Span) -> Amount:
    """The award reading of a quantity that `is_award` accepted."""
    before = text[clause.start : quantity.left]
    lead = text[clause.start : quantity.start]
    base = ""
    if quantity.kind == "ratio" and (match := _BASE.search(text[clause.start : quantity.start])):
        base = re.sub(r"^(?:不超过|最高|照)|(?:给予|予以|给)$", "", match["base"]).strip()
    per = ""
    if match := list(_PER.finditer(lead)):  # type: ignore[assignment]
        per = match[-1]["per"]  # type: ignore[index]
    elif after := re.match(
        r"\s?(?:/|每)(?P<per>人|家|户|亩|平方米|㎡|月|年|件|台|辆|吨|天|次|场|个|度|千瓦时)",
        text[quantity.end : quantity.end + 8],
    ):
        per = after["per"]
    cap = (
        quantity.op == "<="
        or bool(_CAP.search(before[-8:]))
        or bool(re.match(r"\s?(?:封顶|为限|为上限|以内|以下)", text[quantity.end : quantity.end + 5]))
    )
    whole = text[sentence.start : sentence.end]
    return Amount(
        quantity=quantity,
        cap=cap,
        step=not cap and bool(_STEP.search(text[max(sentence.start, clause.start - 24) : quantity.left])),
        per=per,
        base=base,
        sentence=sentence,
        reduction=bool(_REDUCTION.search(text[clause.start : min(sentence.end, quantity.right + 14)])),
        loan=bool(_LOAN.search(whole)) and not re.search(r"贴息|补贴|奖励", whole),
    )


_PAID_OUT = re.compile(r"%\s?的?(?:比例)?(?:拨付|兑付|发放|支付|到位)|补助总额\s?\d+%")


def schedule_from(words: str) -> int | None:
    """Where shares begin that say when money is paid out, not how much (分三年按 40%、30%、30% 拨付); None if they do not."""
    match = _SCHEDULE.search(words)
    if (
        match is None
        or (words.count("%", match.start()) < 2 and not _PAID_OUT.search(words, match.start()))
        or not re.search(r"拨付|兑现|发放|兑付|到位|支付|(?:补助|奖励|资助|奖补)总额", words)
    ):
        return None
    return match.start()


def follows_threshold(text: str, quantity: Quantity, threshold_end: int) -> bool:
    """1000万元以上的2万元; 500万元以上的，50万元: a bare sum right behind a threshold is what that tier gives."""
    if quantity.kind not in ("money", "ratio") or quantity.op not in ("", "<="):
        return False
    if threshold_end == quantity.left:
        return quantity.op == "" and text[threshold_end - 1] in "上下)"
    between = re.fullmatch(
        r"[^，。；：、\d]{0,12}?(?:的|企业|单位|项目|部分|[，,：:\s])+(?:按|最高|不超过|分别)?\s?",
        text[threshold_end : quantity.left],
    )
    if (
        quantity.kind == "ratio"
        and quantity.op
        and not re.search(r"按|给|补|最高|不超过", text[threshold_end : quantity.start])
    ):
        # 30人以下企业不高于20%: still a threshold
        return False
    return bool(between) and not re.match(r"\s?(?:以上|以下|以内|至|-|—)", text[quantity.end : quantity.end + 3])


_LIST_OF_SUMS = re.compile(r"(?:奖励|补助|补贴|资助|奖补|补助标准|标准|给予)[^。；，]{0,10}[：:][^。]*$")


def in_list_of_sums(text: str, quantity: Quantity, start: int) -> bool:
    """给予奖励：制造业15万元，其他行业10万元: a bare sum after the colon that announces sums; `start` is where the sentence begins."""
    if quantity.kind != "money" or quantity.op:
        return False
    lead = text[max(start, quantity.left - 240) : quantity.left]
    return bool(_LIST_OF_SUMS.search(lead)) and not re.search(
        r"(?:资本|收入|投资|产值|销售额|纳税|税收|罚款|预算|总额)[^，。；]{0,6}$", lead
    )


_EACH_ONE = re.compile(r"每[\u4e00-\u9fa5㎡]{1,6}$")


def gives_each(text: str, quantity: Quantity, clause: Span) -> bool:
    """按每人20元奖励；过夜两晚以上的，每人40元: a bare sum for each of something, where sums have been given before."""
    return (
        quantity.kind == "money"
        and not quantity.op
        and bool(_EACH_ONE.search(text[clause.start : quantity.left]))
        and not re.search(
            r"每(?:再|递)?(?:增|新|出口|进口|投|满|超|提)[^，。；]{0,6}$", text[clause.start : quantity.left]
        )
        and not _NOT_AWARD.search(text[clause.start : clause.end])
        and not _SUM_FOLLOWS.match(text[quantity.right : quantity.right + 40])
    )


def goes_on_giving(text: str, quantity: Quantity, clause: Span) -> bool:
    """完成股改的50万元，成功上市的300万元; 个体工商户5000元: a sum without comparator, whose clause names no measure, in a sentence that has
    already given."""
    if quantity.kind != "money" or quantity.op:
        return False
    lead = text[clause.start : quantity.left]
    return field_in(lead, "money") is None and not re.search(r"\d|[为达到在于]$|投资|规模|每增|^共", lead)


def gives(words: str) -> bool:
    """Whether the words give anything at all."""
    return bool(_GIVE.search(words))


def is_replaced(text: str, quantity: Quantity) -> bool:
    """由50%提高到60%: only the second share counts."""
    return bool(
        re.search(r"(?:由|从)(?:原来的?|现行的?)?\s?$", text[max(0, quantity.start - 6) : quantity.start])
    ) and bool(
        re.match(
            r"\s?(?:统一)?(?:提高|上调|调整|降低|增加|提升|下调|降)(?:到|至|为)", text[quantity.end : quantity.end + 8]
        )
    )


# 100万元至500万元的经营主体，: whose figure it is, not what he is given
_WHOSE = re.compile(
    r"\s?(?:以上|以下|以内)?的(?:企业|单位|项目|部分|，|(?!一次性|奖|补|资|标准|贴|扶|支持|配套|经费|定额|比例|额度)[^，。；\d]{1,12}[，,])"
)


def is_award_in_section(text: str, quantity: Quantity, clause: Span) -> bool:
    """Under a heading 奖励标准 every sum or share that is not a threshold is given."""
    if quantity.kind not in ("money", "ratio") or quantity.op in (">=", ">", "<"):
        return False
    if _NOT_AWARD.search(text[clause.start : clause.end]):
        return False
    if quantity.kind == "money" and quantity.high is not None and field_in(text[clause.start : quantity.left], "money"):
        return False
    return not _WHOSE.match(text[quantity.right : clause.end + 1])


_WORDED = re.compile(
    r"(?P<full>全额(?=给予|补|返|资助|贴|奖|减|免|退|报销|社会保险补贴|租金|保费|承担|支持|\(100%\))|(?<=给予)全额|(?<=予以)全额|全部(?:减免|免除|返还|免收)|(?<=租金)全免|全额免)"
    r"|(?P<half>减半(?=征|收|给|奖|补|执行|资助|支付|缴|计|发|享|减|兑)|(?<=标准)减半|(?<=租金)减半|(?<=补助)减半|(?<=补贴)减半|(?<=奖励)减半|减半$)"
    r"|(?P<free>免收(?!费)|免征|免缴|免除(?=[^，。；]{0,10}(?:租金|费))|予以免租|免租(?!期))"
    r"|(?P<one>1\s?[:：比]\s?1(?:\.0)?(?!\d)(?=[^，。；]{0,10}(?:配套|奖励|补助|资助|支持|给予|跟奖|叠加))|(?<=按)1\s?[:：]\s?1(?!\d))"
)
_WORTH = {"full": Decimal(1), "half": Decimal("0.5"), "free": Decimal(1), "one": Decimal(1)}


def worded(text: str, sentence: Span) -> list[Amount]:
    """Shares said in words: 全额 and 1:1 are 1, 减半 is 0.5, 免收 forgives all."""
    found = []
    for match in _WORDED.finditer(text, sentence.start, sentence.end):
        name = str(match.lastgroup)
        quantity = Quantity(match.start(), match.end(), match.start(), match.end(), _WORTH[name], "%", "ratio")
        relief = name == "free" or bool(_REDUCTION.search(text[sentence.start : sentence.end]))
        found.append(Amount(quantity, False, False, "", "", sentence, relief, False))
    return found
