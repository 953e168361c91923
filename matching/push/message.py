"""What an enterprise reads: templates with declared, typed fields, the opt-out always in, and a length that is checked."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final

from data.contract import REFERENCE

PORTAL: Final = Path(REFERENCE) / "portal.csv"

SEGMENT: Final = 70
# A message of several segments carries a 6-byte header in each, which leaves 67 UCS-2 characters.
JOINED_SEGMENT: Final = 67
OPT_OUT: Final = "回T退订"
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069{}]")
_LINK = re.compile(r"https?://|www\.", re.IGNORECASE)
_ADDRESS = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+(?:/[A-Za-z0-9_-]+)*")
# Two segments hold every template with its longest fields and a link of so many characters.
LONGEST_LINK: Final = 38
_PERSONAL = re.compile(r"(?<!\d)(1[3-9]\d{9}|\d{17}[\dXx])(?![\dXx])")


class MessageError(ValueError):
    """A field that is missing, undeclared, of the wrong type, or not fit to be sent."""


@dataclass(frozen=True)
class Field:
    """One declared variable of a template: `text` (at most `longest` characters, the rest becomes …), `money`, `date` or `link` (the portal's only)."""

    kind: str
    longest: int = 0


@dataclass(frozen=True)
class Template:
    """A text that has been agreed with the gateway; `version` changes with every word."""

    template_id: str
    version: int
    text: str
    fields: Mapping[str, Field]
    segments: int

    def __post_init__(self) -> None:
        used = set(re.findall(r"{(\w+)}", self.text))
        if used != set(self.fields):
            raise MessageError(f"模板 {self.template_id} 的变量 {sorted(used)} 与声明 {sorted(self.fields)} 不一致")
        if not self.text.endswith(OPT_OUT):
            raise MessageError(f"模板 {self.template_id} 必须以“{OPT_OUT}”结尾")

    @property
    def key(self) -> str:
        return f"{self.template_id}.v{self.version}"


def money(amount: Decimal) -> str:
    """An amount as people say it: `12.5万元`, `8000元`; exact, never rounded."""
    unit, divisor = ("亿元", Decimal(10**8)) if amount >= 10**8 else ("万元", Decimal(10**4))
    if amount < 10**4:
        unit, divisor = "元", Decimal(1)
    scaled = amount / divisor
    text = f"{scaled:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text}{unit}"


@cache
def portal(path: Path = PORTAL) -> str:
    """The address of the portal where firms apply, as messages name it. Raises ValueError naming file and value."""
    with path.open(encoding="utf-8", newline="") as file:
        addresses = [row["address"].strip() for row in csv.DictReader(file)]
    if len(addresses) != 1 or not _ADDRESS.fullmatch(addresses[0]) or len(addresses[0]) > LONGEST_LINK:
        raise ValueError(
            f"{path.name} 的 address 应只有一个、不带协议、至多 {LONGEST_LINK} 字的网址，实际为 {'、'.join(addresses)}"
        )
    return addresses[0]


def link(item_id: str) -> str:
    """Where an item is applied for: the item's own page where that fits a message, else the portal."""
    whole = f"{portal()}/{item_id}"
    return whole if len(whole) <= LONGEST_LINK and _ADDRESS.fullmatch(whole) else portal()


def _filled(template: Template, name: str, field: Field, value: object, today: dt.date) -> str:
    place = f"模板 {template.key} 的变量 {name}"
    if field.kind == "money":
        if not isinstance(value, Decimal) or not value.is_finite() or value < 0:
            raise MessageError(f"{place} 应为非负金额")
        return money(value)
    if field.kind == "date":
        if not isinstance(value, dt.date):
            raise MessageError(f"{place} 应为日期")
        return f"{'' if value.year == today.year else f'{value.year}年'}{value.month}月{value.day}日"
    if field.kind == "link":
        known = isinstance(value, str) and (value == portal() or value.startswith(f"{portal()}/"))
        if not known or not _ADDRESS.fullmatch(str(value)) or len(str(value)) > LONGEST_LINK:
            raise MessageError(f"{place} 只能是办事门户自己的网址")
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise MessageError(f"{place} 应为文字")
    if _UNPRINTABLE.search(value) or _LINK.search(value) or _PERSONAL.search(value):
        raise MessageError(f"{place} 含有控制字符、链接或个人号码，不能发送")
    return value if len(value) <= field.longest else value[: field.longest - 1] + "…"


def segments(text: str) -> int:
    """How many messages the gateway bills: 70 characters in one, 67 in each of several."""
    return 1 if len(text) <= SEGMENT else -(-len(text) // JOINED_SEGMENT)


def render(template: Template, values: Mapping[str, object], today: dt.date) -> str:
    """The text that is sent; a date of another year than `today`'s is said with its year. Raises MessageError if a field is missing, extra, mistyped or unfit, or the text is too long."""
    if set(values) != set(template.fields):
        raise MessageError(f"模板 {template.key} 需要变量 {sorted(template.fields)}，得到 {sorted(values)}")
    filled = {name: _filled(template, name, field, values[name], today) for name, field in template.fields.items()}
    text = re.sub(r"{(\w+)}", lambda match: filled[match.group(1)], template.text)
    if segments(text) > template.segments:
        raise MessageError(f"模板 {template.key} 的短信有 {len(text)} 字，超过 {template.segments} 条")
    return text


_NAME = Field("text", 16)
_TITLE = Field("text", 20)
_OFFERED: Final = {"name": _NAME, "title": _TITLE, "link": Field("link")}

_LAST_DAY = "，{deadline}截止"
_APPLY: Final = (
    ("invite", "：贵单位可直接申领“{title}”，预填表已备好", _OFFERED),
    ("invite_amount", "：贵单位可直接申领“{title}”约{amount}，预填表已备好", {**_OFFERED, "amount": Field("money")}),
    ("invite_ask", "：贵单位可能符合“{title}”，预填表已备好，补上缺项即可申报", _OFFERED),
    ("nudge", "：贵单位或可申报“{title}”（{why}）", {**_OFFERED, "why": Field("text", 20)}),
)


def _both(name: str, words: str, fields: Mapping[str, Field]) -> tuple[Template, Template]:
    """The template with a last day, and its `_open` twin for an item to which nobody has set one."""
    told, end = f"【海易兑】{{name}}{words}", "：{link} " + OPT_OUT
    return (
        Template(name, 2, f"{told}{_LAST_DAY}{end}", {**fields, "deadline": Field("date")}, 2),
        Template(f"{name}_open", 2, f"{told}{end}", fields, 2),
    )


TEMPLATES: Final[dict[str, Template]] = {
    template.template_id: template
    for template in (
        *(template for said in _APPLY for template in _both(*said)),
        Template(
            "deadline",
            2,
            "【海易兑】{name}：“{title}”将于{deadline}截止，贵单位或可申报，尚未办理：{link} 回T退订",
            {**_OFFERED, "deadline": Field("date")},
            2,
        ),
        Template(
            "digest",
            1,
            "【海易兑】您负责的{count}有新的可申报政策，请登录海易兑“我的政策”逐一查看。回T退订",
            {"count": Field("text", 16)},
            1,
        ),
    )
}
