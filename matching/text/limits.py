"""Numbers that bound what is given or name a window of time: they test nobody."""

import re

from matching.text.outline import Span
from matching.text.quantities import Quantity


def limits_award(text: str, quantity: Quantity, clause: Span, sentence: Span) -> bool:
    """补贴面积最高不超过500平方米, 期限最长不超过2年: a limit of what is given, not a test of who asks."""
    if quantity.kind == "ratio" or (
        quantity.op not in ("<=", "") and not (quantity.kind == "duration" and quantity.op == ">=")
    ):
        return False
    if quantity.op == ">=":
        return bool(
            re.search(
                r"(?:保管|保存|留存)[^，。；]{0,12}$|(?:设施|设备|装置|资产)应[^，。；]{0,10}$",
                text[clause.start : quantity.left],
            )
        )
    if quantity.kind == "duration" and (
        quantity.word == "最长" or text[max(0, quantity.left - 2) : quantity.left] == "最长"
    ):
        return True
    if quantity.kind == "area" and quantity.word in ("以内", "之内"):
        return True
    if quantity.kind == "duration" and (
        re.match(r"\s*(?:贷款|贴息|担保)?期限?(?:个人|企业|合伙|最长|一般)", text[clause.start : clause.end])
        or re.search(r"(?:期限[^。；]{0,12}、|保管|保存|留存)[^，。；]{0,10}$", text[sentence.start : quantity.left])
        or re.search(r"(?:设施|设备|装置|资产)应[^，。；]{0,10}$", text[clause.start : quantity.left])
    ):
        return True
    if quantity.kind == "count" and re.search(
        r"(?:每|单|同一)(?:家|户|个|次|年|届|批|企业|单位)[^，。；]{0,12}$|领取|名额|数量|专家",
        text[clause.start : quantity.left],
    ):
        return True
    lead = text[clause.start : quantity.left]
    if (
        quantity.kind == "count"
        and quantity.op == "<="
        and re.match(r"[^，。；]{0,4}展位", text[quantity.right : clause.end])
    ):
        return True
    if quantity.kind == "duration" and re.search(r"给予\s?$", lead):
        return True
    if re.search(
        r"(?:补贴|补助|奖励|资助|扶持|享受|支持|贴息|减免|免租|返还|累计|发放|领取|租金|(?:贷款|担保|贴息|补贴)期限?)[^，。；]{0,10}$",
        lead,
    ):
        return True
    if quantity.kind in ("area", "duration") and re.search(r"面积|期限|时间|年限", lead):
        gives = re.search(r"给予|补贴|补助|奖励|返还|贴息|享受|减免", text[sentence.start : clause.start])
        if "最" in quantity.word or gives:
            return True
    if quantity.kind == "money" and re.search(r"(?:单[笔户]|每[笔户家])(?:金额|额度)?\s?$", lead):
        return True
    return quantity.kind == "money" and quantity.word in ("最高", "封顶")


def is_window(text: str, quantity: Quantity, clause: Span) -> bool:
    """近三年内, 三年内, 自…起两年: a time in which, not a length that is tested."""
    if quantity.kind != "duration":
        return False
    before = text[max(0, quantity.start - 4) : quantity.start]
    if re.search(r"近|最近|前|连续|自|每|第|未来|后|有效期|办法|给予|分|最长|为期|起", before):
        if quantity.word in ("满", "已满", "累计满", "不少于", "不低于", "达到", "达") and not re.search(
            r"给予|分|最长", before
        ):
            return False
        return not re.search(r"连续[^，。；]{0,12}$", before) or not re.search(
            r"缴|参保|经营|运营|举办", text[clause.start : clause.end]
        )
    if quantity.op == "<=" and quantity.word in ("以内", "之内"):
        return not re.search(r"期限|租期|合同|成立|注册|设立|登记|存续|经营", text[clause.start : quantity.start])
    return False
