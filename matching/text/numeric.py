"""A number of a text as a condition: which indicator, which comparison, since when, for whom; or no condition at all."""

import dataclasses
import re
from dataclasses import replace
from typing import Any

from matching.text.fields import Cue, field_in, field_of
from matching.text.growth import growth_of, rise
from matching.text.limits import is_window, limits_award
from matching.text.long_tail import in_own_words, metric_words
from matching.text.model import Condition, plain_number
from matching.text.outline import Span
from matching.text.promises import milestone, stay
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
    r"分值|满分|权重|(?:测算|核算|应发|应补|实补|兑现|拨付|补[贴助]|奖励|资助)(?:资金)?(?:总)?(?:金)?额(?:度)?|利率上浮|罚款|处以|滞纳|放大(?!倍)|基金[^，。；]{0,4}放大|抽查|照片|影像|踏勘|复核|核查|误差|偏差|年利率|LPR|基准利率|工作日|日内|天内|提前|公示|页|份|预算|(?:每年|年度)(?:资金)?总额|(?:安排|总)[^，。；]{0,6}规模|设立[^，。；]{0,10}(?:专项资金|基金)规模|基金规模|安排|(?:补[贴助]|奖励|奖补|资助)(?:金?额|资金)|(?:培养|培训|建设|实施|执行|办理|有效)期限?[^，。；\d]{0,4}$"
)
_PROCEDURE = re.compile(r"答复|公示|受理|审核|审批|办结|报送|拨付到|提交|反馈|评审|送达|备查|保存|归档|完成拨付")


# (含成立不足三年的企业) widens what was said before it
_EXPLAINS = re.compile(r"\((?:含|包括|包含|不含|不包括|即|指|注)[^()]{0,30}$")


# 每满1万人, 每新增招用5人: how often something is given
_EVERY = re.compile(
    r"每(?:(?:再|递)?(?:增加|新增|增长|提高|多|招用|吸纳|引进|培育|孵化|推荐|出口|销售)[^，。；\d]{0,6}?)?\s?$"
)


# 批发业达到2亿元、零售业达到5000万元: the same measure for another sort
_OTHER_SORT = re.compile(r"的?、[\u4e00-\u9fa5]{1,8}(?:业|类|型|企业|单位|项目|机构)的?(?:为|在)?")
# 除购房贷款及5万元以下小额贷款外: what does not count
_EXCEPTED = re.compile(r"(?:^|[，；、：(])除[^。；外]{0,40}$")


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
    if quantity.kind == "duration" and re.match(r"[^，。；\d]{0,10}(?:经历|经验)", text[quantity.right : clause.end]):
        extra = {"metric": "从业年限", "unit": quantity.unit, "_kind": "duration"}
        value = plain_number(quantity.value)
        return Condition(quantity.left, quantity.right, "other_metric", ">=", value, extra) if quantity.op else None
    if _of_a_child(text, quantity, clause):
        return None
    if promised := stay(text, quantity, clause) or milestone(text, quantity, clause):
        return promised
    quantity = _counted(text, quantity, clause)
    kind = quantity.kind
    if re.match(r"的?(?:奖金|奖励|补助|资金|补贴)?[^，。；\d]{0,6}用于", text[quantity.right : clause.end]):
        # 应将不低于50%的奖金用于质量改进: what one does with it
        return None
    if kind == "duration" and re.search(r"享受\s?$", text[clause.start : quantity.left]):
        # 享受未满三年的，可继续享受至期满
        return None
    if kind == "duration" and re.search(r"处罚|处分|失信|移出|通报|撤销|取消", text[clause.start : quantity.left]):
        # 受到处罚未满三年: how long ago, not how long
        return None
    if kind == "duration" and (
        quantity.unit in ("工作日", "季度") or (quantity.unit == "日" and not _asks_days(text, quantity))
    ):
        return None
    follows = bool(
        last
        and last.extra.get("_kind") == kind
        and re.fullmatch(
            r"[\s、和及或;,，至]*(?:以上|不足|但|且|并|、|达到)*[\s、和及或,，]*", text[last.end : quantity.left]
        )
    )
    follows = follows or bool(
        last
        and last.extra.get("_kind") == kind
        and quantity.op
        and _OTHER_SORT.fullmatch(text[last.end : quantity.left])
    )
    eased = re.search(r"(?:放宽|降低|提高)(?:至|到)[^，。；\d]{0,10}$", text[clause.start : quantity.left])
    if aside := _aside(text, quantity, last) or rise(text, quantity, clause, last):
        return aside
    if (
        not quantity.op
        and quantity.high is None
        and (_listed_beside(text, quantity, last) or _shares_comparison(text, quantity, clause))
    ):
        quantity = dataclasses.replace(quantity, op=">=")
    whole = _is_whole(text, quantity, clause)
    if not quantity.op and quantity.high is None and not (follows or eased or topic or whole):
        return None
    if quantity.op in (">", ">=") and re.match(r"\s?的?部分(?!按|给予|予以)", text[quantity.right : sentence.end]):
        return None
    if re.match(
        r"\s?(?:的比例)?时?[，,]?[^，。；\d]{0,4}(?:放大(?!倍)|暂停|停止|终止|启动|触发)",
        text[quantity.right : quantity.right + 12],
    ):
        return None
    if _EXCEPTED.search(text[max(sentence.start, quantity.left - 60) : quantity.left]) and re.match(
        r"[^，。；]{0,24}外", text[quantity.right : sentence.end]
    ):
        return None
    if re.search(r"专家|评委|评审组|(?<!专职)(?<!专业)(?<!研发)(?<!技术)工作人员", text[clause.start : quantity.left]):
        return None
    if _EXPLAINS.search(text[max(clause.start, quantity.left - 40) : quantity.left]) or _EVERY.search(
        text[max(clause.start, quantity.left - 12) : quantity.left]
    ):
        return None
    if is_window(text, quantity, clause) or (not follows and limits_award(text, quantity, clause, sentence)):
        return None
    lead = text[max(clause.start, quantity.left - 16) : quantity.left]
    if kind != "score" and re.search(r"得分|评分", lead) and not quantity.op:
        return None
    if _NOT_CONDITION.search(lead) or (
        kind == "duration" and _PROCEDURE.search(text[quantity.right : min(clause.end, quantity.right + 16)])
    ):
        return None
    condition = _measured(text, quantity, clause, sentence, last if follows else None, carried, last, topic)
    if condition is None:
        return None
    if re.match(
        r"的?[^，。；：()\d]{0,10}[，,]?(?:不予|不得(?!要求|收取|低于|超过|高于|少于|多于|用于|转|改变|挪|擅自|附加|另|向|将|以)|不享受|不适用|不纳入|除外|不再)",
        text[quantity.right : sentence.end],
    ):
        turned = {**condition.extra, "_turned": True}
        condition = replace(condition, op=_INVERSE.get(condition.op, condition.op), extra=turned)
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
    if last is not None and (own := _named_behind(text, quantity, clause)) and own.field != last.field:
        # 1件以上发明专利或3件以上实用新型专利: its own noun stands right behind it
        last = None
    if last is None and carried is not None and carried.end < sentence.start + 400:
        # 入库税收500万元以上，按年营业收入分档奖励：2亿元以上…: what a colon announces behind the last measure
        between = text[carried.end : quantity.left]
        announced = field_in(between[: between.rfind("：") + 1], quantity.kind, quantity.unit)
        if announced is not None and announced.field != carried.field:
            carried = None
            topic = topic or between[: between.rfind("：") + 1]
    lead = text[clause.start : quantity.left]
    if last is None and carried is not None and (_EASED.search(lead) or _OF_A_SORT.match(lead)):
        last = carried
    if last is None and carried is not None and (opens or _names_nothing(text[clause.start : quantity.left])):
        last = carried
    op: str = quantity.op
    if not op and _is_whole(text, quantity, clause):
        op = ">="
    if not op and re.search(r"放宽(?:至|到)[^，。；\d]{0,10}$", text[clause.start : quantity.left]):
        op = {"<": "<="}.get(carried.op, carried.op) if carried is not None and carried.op != "between" else ">="
    start = quantity.left
    if last is not None:
        name, op = last.field, op or {"<": "<="}.get(last.op, last.op)
        if name == "established_years" and quantity.kind != "duration":
            return None
        extra: dict[str, Any] = {k: v for k, v in last.extra.items() if k in ("metric", "period")}
    else:
        hung = field_of(text, quantity, clause.start, sentence.start, clause.end)
        said = field_in(topic, quantity.kind, quantity.unit) if hung is None and topic else None
        if said is not None:
            name, op = said.field, op or ">="
            extra = {"metric": said.metric} if said.metric else {}
        elif hung is None and quantity.kind == "age":
            name, extra = "talent_age", {}
        elif hung is None and quantity.kind == "area":
            name, extra = "planting_area" if quantity.unit == "亩" else "site_area", {}
        elif hung is None:
            name, extra = growth_of(text, clause, quantity, latest), {}
            metric = "" if name != "other_metric" else metric_words(text, clause, quantity)
            if name != "other_metric":
                metric = name
            if not metric:
                return None
            if name == "other_metric":
                extra["metric"] = metric
        else:
            cue, left, right = hung.cue, hung.start, hung.end
            name = cue.field
            if name == "established_years" and (
                quantity.unit == "日" or re.search(r"航线|班列|航班|线路|班轮", text[clause.start : quantity.left])
            ):
                cue, name = replace(cue, metric="运营时间"), "other_metric"
            extra = {"metric": in_own_words(cue.metric, text[left:right])} if cue.metric else {}
            if left >= clause.start or right > quantity.right:
                start = min(left, quantity.left)
        edge = max(clause.start, start - 14)
        if match := list(PERIOD.finditer(text[edge : quantity.start])):
            extra["period"] = match[-1][0]
            at = edge + match[-1].start()
            # the year of a list stands before its first measure only
            start = min(start, at) if latest is None or at >= latest.end else start
        if quantity.kind == "area" and name in ("planting_area", "site_area"):
            name = (
                "planting_area"
                if quantity.unit == "亩" and not _BUILT.search(text[clause.start : start + 12])
                else "site_area"
            )
    if name == "talent_age" and quantity.kind != "age":
        return None
    if (
        name in ("other_metric", "project_investment")
        and quantity.unit == "USD"
        and "到账" in text[clause.start : quantity.left]
    ):
        # 到账500万美元: foreign currency that has come
        name = "foreign_capital_actual"
        extra.pop("metric", None)
    if name != "other_metric" and (each := _EACH.search(text[clause.start : quantity.left])) and "亩" not in each[0]:
        name, extra["metric"] = "other_metric", each[0][-14:]
    if name == "investment_per_mu" and re.match(
        r"\s?(?:/|每)(?:平方米|㎡|平米)", text[quantity.end : quantity.end + 5]
    ):
        name, extra["metric"] = "other_metric", "投资强度"
    extra["_kind"], extra["_at"] = quantity.kind, quantity.end
    lead = text[clause.start : quantity.left]
    if text.rfind("(", sentence.start, quantity.start) > text.rfind(")", sentence.start, quantity.start) and (
        eased := re.search(
            r"(?P<who>[^，。；：()\d]{2,40}?)(?:固定资产投资|投资|营业收入|销售额|比例|标准|要求)?可?放宽(?:至|到)",
            lead,
        )
    ):
        # (旅游、食品项目放宽至3000万元以上): for those only
        extra["when"] = eased["who"]
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


def _of_a_child(text: str, quantity: Quantity, clause: Span) -> bool:
    """3周岁以下婴幼儿: the age of who is cared for, not of who asks."""
    return quantity.kind == "age" and bool(
        re.match(r"的?(?:婴幼儿|儿童|幼儿|子女|孩子)", text[quantity.right : clause.end])
    )


# 以劳务派遣为主业的须在5000万元以上: the same measure for a sub-group
_OF_A_SORT = re.compile(r"^[^，。；\d]{2,24}的[，,]?(?:须|应当?|需)(?:在|达到?|不低于|不少于)?$")
_EASED = re.compile(r"(?:放宽|降低|提高)(?:至|到)[^，。；\d]{0,10}$")


def _listed_beside(text: str, quantity: Quantity, last: Condition | None) -> bool:
    """营业收入达到2000万元、纳税100万元、员工30人以上的: one comparison for a list of measures, each with a number of its own."""
    if last is None or last.op not in (">=", ">"):
        return False
    match = re.fullmatch(r"[、，,]\s?(?:且|并)?(?P<measure>[\u4e00-\u9fa5()]{2,10})", text[last.end : quantity.left])
    return (
        match is not None
        and re.match(r"\s*[、，,]\s?[\u4e00-\u9fa5()]{2,12}\s?\d|的(?:企业|单位|，)", text[quantity.right :][:24])
        is not None
        and field_in(match["measure"], quantity.kind, quantity.unit) is not None
    )


# 投资2000万元或设备投资500万元以上的项目: one comparison for both
_SHARED_BEHIND = re.compile(
    r"\s?(?:或者?|、)[\u4e00-\u9fa5]{2,10}\s?\d[\d.,]*\s?(?:万|亿)?元(?:\([^()]{1,8}\))?及?以上的?"
)


def _shares_comparison(text: str, quantity: Quantity, clause: Span) -> bool:
    return (
        quantity.kind == "money"
        and _SHARED_BEHIND.match(text, quantity.right, clause.end) is not None
        and field_in(text[max(clause.start, quantity.left - 10) : quantity.left], "money") is not None
    )


def _is_whole(text: str, quantity: Quantity, clause: Span) -> bool:
    """合格率为100%: nothing is above it."""
    return (
        quantity.kind == "ratio"
        and quantity.value == 1
        and bool(re.search(r"率(?:均)?[为达]\s?$", text[clause.start : quantity.left]))
    )


def _named_behind(text: str, quantity: Quantity, clause: Span) -> Cue | None:
    """The measure whose words follow a count at once."""
    if quantity.kind != "count" or quantity.right >= clause.end:
        return None
    words = re.match(r"\s?的?(?:有效|授权|自主)?(?P<noun>[\u4e00-\u9fa5]{2,10})", text[quantity.right : clause.end])
    return field_in(words["noun"], quantity.kind, quantity.unit) if words else None


# 人均办公面积不低于5平方米 is no area
_EACH = re.compile(r"(?:人均|户均|生均|平均每|单位(?:产品|产值|面积))[^，。；：\d]{0,12}$")
_BUILT = re.compile(r"占地|用地|厂房|园区|建筑|仓储")


def _names_nothing(lead: str) -> bool:
    """达到15%以上: no measure of its own in the clause, or only those for whom it holds."""
    return bool(
        re.fullmatch(
            r"[\s(]*(?:(?:超过)?[\d.]+\s?(?:万元|亿元|人)(?:\([^)]{1,4}\))?(?:以[上下])?(?:\([^)]{1,4}\))?的?企业)?(?:[一二三四五六七八九十\d]+[)、.]?\s*)?(?:其中|对|对于|其他企业|其他|企业|[\u4e00-\u9fa5、]{1,8}[业类型](?:企业|项目|的)?|可|的|达到?|占比|比例|强度|的企业|放宽至|放宽到)*[，,]?\s*",
            lead,
        )
    )


def _asks_days(text: str, quantity: Quantity) -> bool:
    """展期不少于3天: a length in days of what is held, not of a procedure."""
    lead = text[max(0, quantity.left - 12) : quantity.left]
    return quantity.op in (">=", ">") and bool(
        re.search(r"展期|会期|时长|时间|天数|营业|运营|培训|举办|持续|行程|停留|住", lead)
    )


_COUNTS_PEOPLE = re.compile(r"(?:人次|游客|旅客|人数|客流量?|户数|件数|数量|场次|下载量|用户数?)[^，。；：\d]{0,6}$")


def _counted(text: str, quantity: Quantity, clause: Span) -> Quantity:
    """年服务人次达到5万以上: a bare 万 behind a count is no sum."""
    if quantity.kind != "money" or text[quantity.end - 1] not in "万亿":
        return quantity
    if not _COUNTS_PEOPLE.search(text[clause.start : quantity.left]):
        return quantity
    return dataclasses.replace(quantity, kind="count", unit="人次")


_ASIDE = re.compile(r"\((?P<who>[^()，。；\d]{2,16}?)[，,]?\s?$")


def _aside(text: str, quantity: Quantity, last: Condition | None) -> Condition | None:
    """不少于15人(软件类企业30人), 专利5项(其中发明专利1项)以上: in the brackets behind a number, the same for a sub-group or a part."""
    if last is None or last.extra.get("_kind") != quantity.kind or not isinstance(last.value, int | float):
        return None
    after = last.extra.get("_at", last.end)
    match = _ASIDE.search(text[after : quantity.left]) if 0 <= quantity.left - after <= 24 else None
    if match is None or re.search(r"不含|包括|包含|即|指|毕业|离校", match["who"]):
        return None
    value = plain_number(quantity.value)
    extra = {k: v for k, v in last.extra.items() if k in ("metric", "period", "unit", "_kind")}
    own = field_in(match["who"], quantity.kind, quantity.unit)
    if own is not None and own.field != last.field:
        return Condition(quantity.left, quantity.right, own.field, quantity.op or last.op, value, extra)
    who = re.sub(r"^其中|的?(?:企业|机构|单位)?的?$", "", match["who"])
    if not who:
        return None
    return Condition(quantity.left, quantity.right, last.field, quantity.op or last.op, value, {**extra, "when": who})
