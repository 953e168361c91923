"""Growth: how much more of what was just measured, as a share or a sum (policies.md §2)."""

import re
from typing import Any

from matching.text.fields import field_in
from matching.text.model import Condition, plain_number
from matching.text.outline import Span
from matching.text.quantities import Quantity

_BASE_YEAR = re.compile(r"以[^，。；]{2,20}为基[数期][，,]?$")
# what a growth may say of itself without naming another measure
_OF_GROWTH = re.compile(
    r"^.*(?:[且并]|同时)|近[一二两三四五\d]+(?:个)?(?:会计|自然)?年(?:度)?|较?上一?年(?:度|同期)?|同比|年均|平均|比上年|每年|当年|复合|保持|实现|年度|分别|达到"
)
_GROWS = {
    "revenue_last_year": "revenue_growth_rate",
    "trade_value": "trade_growth",
    "export_value": "trade_growth",
    "import_value": "trade_growth",
    "rd_expense": "rd_expense_growth",
    "local_contribution": "local_contribution_growth",
}


_BARE_SHARE = re.compile(r"(?:[、，,\s]|且|并且?|同时|其)*占比(?:达到?|在|为)?\s?")
# 研发费用不低于500万元、且占营业收入的5%: the share of what was just measured
_SHARE_OF = re.compile(
    r"(?:[、，,\s]|的|且|并且?|同时|其|每年|年均|平均|均)*占(?:同期|企业|当年|上年度?|年)?(?:的|总)?(?:营业|销售|主营|收入|职工|员工|从业|企业)"
)


def growth_of(text: str, clause: Span, quantity: Quantity, latest: Condition | None) -> str:
    """销售额2亿元以上且同比增长10%: growth of what was just measured."""
    lead = text[clause.start : quantity.left]
    if (
        quantity.kind == "ratio"
        and latest is not None
        and (_SHARE_OF.match(lead) or _SHARE_OF.match(text[max(latest.end, clause.start) : quantity.left]))
    ) or (
        quantity.kind == "ratio"
        and latest is not None
        and latest.field in ("rd_expense", "rd_staff")
        and _BARE_SHARE.fullmatch(text[max(latest.end, clause.start) : quantity.left])
    ):
        share = {"rd_expense": "rd_ratio", "rd_staff": "rd_staff_ratio", "staff_qualified": "staff_qualified_ratio"}
        return share.get(latest.field, "other_metric")
    if (
        quantity.kind == "ratio"
        and latest is None
        and re.search(r"(?:增长|增速|增幅)[^，。；]{0,6}$", lead)
        and (base := _BASE_YEAR.search(text[max(0, clause.start - 40) : clause.start]))
        and (measured := field_in(base[0], "money")) is not None
    ):
        # 以上年度经济贡献为基数，增幅超过10%
        return _GROWS.get(measured.field, "other_metric")
    if quantity.kind != "ratio" or latest is None or not re.search(r"(?:增长|增速|增幅|递增|增)[^，。；]{0,6}$", lead):
        return "other_metric"
    if re.search(r"[\u4e00-\u9fa5]{3,}(?:增)", _OF_GROWTH.sub("", lead)):
        return "other_metric"
    if latest.extra.get("metric") == "增量" and re.search(r"销售|营业|零售|收入", text[latest.start : latest.end]):
        return "revenue_growth_rate"
    return _GROWS.get(latest.field, "other_metric")


_RISE = re.compile(
    r"(?:且|并|同时|[，,、])\s?(?:(?:同比|[较比]上年(?:度|同期)?)(?:净)?(?:增加|增长|新增)额?|(?:净)?增量)(?:在|为)?\s?$"
)
_RISE_OF = {
    **{name: grown for name, grown in _GROWS.items() if name != "revenue_last_year"},
    "rd_ratio": "rd_expense_growth",
}


def rise(text: str, quantity: Quantity, clause: Span, last: Condition | None) -> Condition | None:
    """研发费用占比超过3%且同比增加500万元以上: how much more of what was just measured."""
    if quantity.kind != "money" or last is None or not quantity.op:
        return None
    if not _RISE.search(text[max(last.end - 1, clause.start - 2) : quantity.left]):
        return None
    name = _RISE_OF.get(last.field, "other_metric")
    extra: dict[str, Any] = {"_kind": "money"} | ({"metric": "增量"} if name == "other_metric" else {})
    return Condition(quantity.left, quantity.right, name, quantity.op, plain_number(quantity.value), extra)
