"""A number of a text as a condition: which indicator, which comparison, since when, for whom; or no condition at all."""

import re
from dataclasses import replace
from typing import Any

from matching.text.fields import field_in, field_of
from matching.text.model import Condition
from matching.text.outline import Span
from matching.text.quantities import Quantity

PERIOD = re.compile(
    r"(?<!毕业)上一?(?:个)?(?:会计|纳税|自然)?年度?|上年度?|前一年度?|当年度?|本年度|近[一二两三四五六\d]+(?:个)?(?:会计|自然)?年(?:度)?(?:内|来)?|"
    r"最近[一二两三四五\d]+(?:个)?(?:会计|自然)?年(?:度)?内?|连续[一二两三四五\d]+(?:个)?(?:会计|自然)?(?:年度?|个?月)(?:以上)?|前[一二两三\d]+年(?:度)?|"
    r"20\d\d年(?:度)?(?!\d{0,2}月)|(?:首个|第一个|每个?)(?:完整)?(?:会计|自然|纳税)年度|任一(?:年度|年)|累计|(?<!毕业)年度|每年|年(?=营业|销售|纳税|产值|主营|出口|进出口)|(?:申报|申请|认定)(?:前|当)年"
)
_MIRRORED = {">=": "<=", ">": "<", "<=": ">=", "<": ">"}
_UNIT_KINDS = ("count", "area", "duration", "age", "multiple")
_INVERSE = {">=": "<", ">": "<=", "<=": ">", "<": ">="}
# What a share or a count is measured against is no condition: 员工总数的, 较2020年增长
_NOT_CONDITION = re.compile(
    r"分值|得分|评分|满分|权重|利率上浮|罚款|处以|滞纳|年利率|LPR|基准利率|工作日|日内|天内|提前|公示|页|份|预算|总规模|资金规模|基金规模"
)
_PROCEDURE = re.compile(r"答复|公示|受理|审核|审批|办结|报送|拨付到|提交|反馈|评审|送达|备查|保存|归档|完成拨付")


def numeric_condition(
    text: str,
    quantity: Quantity,
    clause: Span,
    sentence: Span,
    last: Condition | None,
    carried: Condition | None,
    topic: str = "",
) -> Condition | None:
    """The condition a quantity states, None when it states none.

    `last` is the condition just before it in the sentence (a list goes on), `carried` the latest of the same kind in the unit
    (500万元至1000万元的，…；1000万元以上的，…: a later tier names no measure). `topic` is the intro of the list or the head of the
    table column the quantity stands in: it names the measure where the quantity's own words do not.
    """
    if stay := _stay(text, quantity, clause):
        return stay
    kind = quantity.kind
    if kind == "duration" and quantity.unit in ("日", "工作日", "季度"):
        return None
    follows = bool(
        last
        and last.extra.get("_kind") == kind
        and re.fullmatch(
            r"[\s、和及或;,，至]*(?:以上|不足|但|且|并|、|达到)*[\s、和及或,，]*", text[last.end : quantity.left]
        )
    )
    eased = carried is not None and re.search(r"放宽(?:至|到)\s?$", text[clause.start : quantity.left])
    if not quantity.op and quantity.high is None and not (follows or eased or topic):
        return None
    if quantity.op in (">", ">=") and re.match(r"\s?的?部分", text[quantity.right : clause.end]):
        return None
    if _is_window(text, quantity, clause) or _limits_award(text, quantity, clause, sentence):
        return None
    lead = text[max(clause.start, quantity.left - 16) : quantity.left]
    if _NOT_CONDITION.search(lead) or (
        kind == "duration" and _PROCEDURE.search(text[quantity.right : quantity.right + 16])
    ):
        return None
    condition = _measured(text, quantity, clause, sentence, last if follows else None, carried, last, topic)
    if condition is None:
        return None
    if re.match(
        r"的?[^，。；：\d]{0,10}[，,]?(?:不予|不得|不享受|不适用|不纳入|除外|不再)", text[quantity.right : sentence.end]
    ):
        condition = replace(condition, op=_INVERSE.get(condition.op, condition.op))
    return condition


def _measured(
    text: str,
    quantity: Quantity,
    clause: Span,
    sentence: Span,
    last: Condition | None,
    carried: Condition | None,
    latest: Condition | None,
    topic: str,
) -> Condition | None:
    opens = bool(
        re.fullmatch(
            r"[\s(]*(?:[一二三四五六七八九十\d]+[)、.]?\s*)?(?:对|其中|达到?|凡|对于|每年)?[，,]?",
            text[sentence.start : quantity.left],
        )
    )
    if last is None and carried is not None and (opens or _names_nothing(text[clause.start : quantity.left])):
        last = carried
    op: str = quantity.op
    start = quantity.left
    if last is not None:
        name, op = last.field, quantity.op or {"<": "<="}.get(last.op, last.op)
        if name == "established_years" and quantity.kind != "duration":
            return None
        extra: dict[str, Any] = {k: v for k, v in last.extra.items() if k in ("metric", "period")}
    else:
        hung = field_of(text, quantity, clause.start, sentence.start, clause.end)
        said = field_in(topic, quantity.kind) if hung is None and topic else None
        if said is not None:
            name, op = said.field, quantity.op or ">="
            extra = {"metric": said.metric} if said.metric else {}
        elif hung is None and quantity.kind == "area":
            name, extra = "planting_area" if quantity.unit == "亩" else "site_area", {}
        elif hung is None:
            name, extra = _growth_of(text, clause, quantity, latest), {}
            metric = "" if name != "other_metric" else _metric(text, clause, quantity)
            if name != "other_metric":
                metric = name
            if not metric:
                return None
            if name == "other_metric":
                extra["metric"] = metric
        else:
            cue, left, right = hung
            name = cue.field
            extra = {"metric": cue.metric} if cue.metric else {}
            if left >= clause.start or right > quantity.right:
                start = min(left, quantity.left)
        edge = max(clause.start, start - 14)
        if match := list(PERIOD.finditer(text[edge : quantity.start])):
            extra["period"] = match[-1][0]
            start = min(start, edge + match[-1].start())
        if quantity.kind == "area" and name in ("planting_area", "site_area"):
            name = (
                "planting_area"
                if quantity.unit == "亩" and not _BUILT.search(text[clause.start : start + 12])
                else "site_area"
            )
    if name == "talent_age" and quantity.kind != "age":
        return None
    extra["_kind"] = quantity.kind
    if quantity.kind in _UNIT_KINDS or (quantity.kind == "money" and quantity.unit != "元"):
        extra["unit"] = quantity.unit
    end = max(quantity.right, quantity.end)
    if quantity.high is not None:
        bounds = ("(" if quantity.open_low else "[") + (")" if quantity.closed is False else "]")
        values = [plain_number(quantity.value), plain_number(quantity.high)]
        return Condition(start, end, name, "between", values, {**extra, "bounds": bounds})
    if not op or op == "between":
        return None
    value = plain_number(quantity.value)
    if name.endswith("_rate") or name in ("trade_growth", "local_contribution_growth"):
        lead = text[clause.start : quantity.left]
        if name != "layoff_rate" and re.search(r"(?:下降|降低|减少|下滑|降幅)[^，。；]{0,6}$", lead):
            return Condition(start, end, name, _MIRRORED.get(op, op), -value, extra)
    return Condition(start, end, name, op, plain_number(quantity.value), extra)


_GROWS = {
    "revenue_last_year": "revenue_growth_rate",
    "trade_value": "trade_growth",
    "export_value": "trade_growth",
    "import_value": "trade_growth",
    "rd_expense": "rd_expense_growth",
    "local_contribution": "local_contribution_growth",
}


def _growth_of(text: str, clause: Span, quantity: Quantity, latest: Condition | None) -> str:
    """销售额2亿元以上且同比增长10%: growth of what was just measured."""
    lead = text[clause.start : quantity.left]
    if (
        quantity.kind == "ratio"
        and latest is not None
        and re.match(
            r"(?:且|并且|其)?占(?:同期|企业|当年|上年度?|年)?(?:的|总)?(?:营业|销售|主营|职工|员工|从业|企业)", lead
        )
    ):
        share = {"rd_expense": "rd_ratio", "rd_staff": "rd_staff_ratio", "staff_qualified": "staff_qualified_ratio"}
        return share.get(latest.field, "other_metric")
    if quantity.kind != "ratio" or latest is None or not re.search(r"(?:增长|增速|增幅|递增)[^，。；]{0,6}$", lead):
        return "other_metric"
    if re.search(
        r"[\u4e00-\u9fa5]{3,}(?:同比|较|比|年均|增)", re.sub(r"^.*[且并]|较?上年度?|同比|年均|比上年", "", lead)
    ):
        return "other_metric"
    return _GROWS.get(latest.field, "other_metric")


_BUILT = re.compile(r"占地|用地|厂房|园区|建筑|仓储")


def _names_nothing(lead: str) -> bool:
    """达到15%以上: no measure of its own in the clause, or only those for whom it holds."""
    return bool(
        re.fullmatch(
            r"[\s(]*(?:(?:超过)?[\d.]+\s?(?:万元|亿元|人)(?:\([^)]{1,4}\))?(?:以[上下])?(?:\([^)]{1,4}\))?的?企业)?(?:[一二三四五六七八九十\d]+[)、.]?\s*)?(?:其中|对|对于|其他企业|其他|企业|的|达到?|占比|比例|强度|的企业|放宽至|放宽到)*[，,]?\s*",
            lead,
        )
    )


def _metric(text: str, clause: Span, quantity: Quantity) -> str:
    """The words a long-tail number is measured by: what stands before it in its clause, else the counted thing behind it."""
    lead = re.sub(r"[\s\d(（)）\"“”]+$", "", text[clause.start : quantity.left])
    words = re.split(r"[\s的、且并或达为在对有]", re.sub(r"^\W*(?:[一二三四五六七八九十\d]+[)、.])?", "", lead))
    if len(words[-1]) >= 2:
        return words[-1][-14:]
    behind = re.match(r"(?:的)?([\u4e00-\u9fa5]{2,8})", text[quantity.right : clause.end])
    if len(words[-1]) < 2 and behind:
        return behind[1]
    return words[-2][-14:] if len(words) > 1 and len(words[-2]) >= 2 else ""


def _stay(text: str, quantity: Quantity, clause: Span) -> Condition | None:
    """承诺五年内不迁离: the length of the promise, always at least."""
    if quantity.kind != "duration" or quantity.unit != "年":
        return None
    if not re.match(
        r"(?:内|以上|期)?[^，。；\d]{0,10}不(?:迁离|迁出|外迁|搬离|搬迁|迁移|转移|变更|撤离|改变|得迁|减资|迁)",
        text[quantity.end : clause.end],
    ):
        return None
    start = text.rfind("承诺", clause.start, quantity.start)
    extra = {"unit": "年", "_kind": "duration"}
    return Condition(
        start if start >= 0 else quantity.left,
        quantity.right,
        "commitment_stay_years",
        ">=",
        plain_number(quantity.value),
        extra,
    )


def _limits_award(text: str, quantity: Quantity, clause: Span, sentence: Span) -> bool:
    """补贴面积最高不超过500平方米, 期限最长不超过2年: a limit of what is given, not a test of who asks."""
    if quantity.kind == "ratio" or quantity.op not in ("<=", ""):
        return False
    lead = text[clause.start : quantity.left]
    if re.search(r"(?:补贴|补助|奖励|资助|扶持|享受|支持|贴息|减免|免租|返还|累计|发放|租金)[^，。；]{0,10}$", lead):
        return True
    if quantity.kind in ("area", "duration") and re.search(r"面积|期限|时间|年限", lead):
        gives = re.search(r"给予|补贴|补助|奖励|返还|贴息|享受|减免", text[sentence.start : clause.start])
        if "最" in quantity.word or gives:
            return True
    return quantity.kind == "money" and quantity.word in ("最高", "封顶")


def _is_window(text: str, quantity: Quantity, clause: Span) -> bool:
    """近三年内, 三年内, 自…起两年: a time in which, not a length that is tested."""
    if quantity.kind != "duration":
        return False
    before = text[max(0, quantity.start - 4) : quantity.start]
    if re.search(r"近|最近|前|连续|自|每|第|未来|后|有效期|办法|给予|分|最长|为期|起", before):
        return not re.search(r"连续[^，。；]{0,12}$", before) or not re.search(
            r"缴|参保|经营|运营|举办", text[clause.start : clause.end]
        )
    if quantity.op == "<=" and quantity.word in ("以内", "之内"):
        return not re.search(r"期限|租期|合同|成立|注册|设立|登记|存续|经营", text[clause.start : quantity.start])
    return False


def plain_number(value: Any) -> int | float:
    number = float(value)
    return int(number) if number == int(number) else round(number, 6)
