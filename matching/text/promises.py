"""Lengths of time that are promised: how long one stays, how soon one builds."""

import re

from matching.text.model import Condition, plain_number
from matching.text.outline import Span
from matching.text.quantities import Quantity


def stay(text: str, quantity: Quantity, clause: Span) -> Condition | None:
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


def milestone(text: str, quantity: Quantity, clause: Span) -> Condition | None:
    """24个月内竣工投产: how soon a project must be built, at most."""
    if quantity.kind != "duration" or quantity.unit not in ("年", "月"):
        return None
    if not re.match(
        r"\s?(?:以?内|之内)[^，。；\d]{0,6}(?:竣工|投产|开工|建成|达产|建设完成|完成建设)",
        text[quantity.end : clause.end],
    ):
        return None
    extra = {"unit": quantity.unit, "_kind": "duration"}
    start = max(clause.start, text.rfind("自", clause.start, quantity.start))
    return Condition(start, clause.end, "project_status", "<=", plain_number(quantity.value), extra)
