"""The policy corpus: `data/policies/*.md`, front matter checked strictly, and the bars common to all items."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from data.contract import parse_yaml

POLICIES = Path(__file__).with_name("policies")
DEFAULTS = "_defaults.yml"

Level = Literal["国家级", "省级", "市县级", "园区"]
Mode = Literal["免申即享", "即申即享", "承诺兑现"]
Cycle = Literal["once", "year", "month", "batch"]
Entity = Literal["enterprise", "person"]
ClaimUnit = Literal["entity", "patent", "project"]
OnUnknown = Literal["ask", "review", "deny"]
Verdict = Literal["eligible", "declarable", "unknown", "ineligible"]

# pydantic matches with the Rust engine, which has no \Z; its $ is the very end
_ID = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
_NAME = r"^[a-z][a-z0-9_]*$"
_PLACE = re.compile(r"\d{6}(\d{3})?|[a-z][a-z0-9_-]*")

# pydantic's error types as an analyst reads them; {…} are filled from the error's context
_REASONS = {
    "extra_forbidden": "不认识的键",
    "missing": "缺少这个键",
    "literal_error": "只能是 {expected}",
    "string_type": "应是文字",
    "int_type": "应是整数",
    "int_parsing": "应是整数",
    "list_type": "应是列表",
    "dict_type": "应是键值对",
    "model_type": "应是键值对",
    "date_type": "应是日期 YYYY-MM-DD",
    "date_from_datetime_parsing": "应是日期 YYYY-MM-DD",
    "decimal_type": "应是数",
    "decimal_parsing": "应是数",
    "string_pattern_mismatch": "写法不符合 {pattern}",
    "string_too_short": "不能为空",
    "too_short": "至少要有 {min_length} 个",
    "greater_than": "应大于 {gt}",
    "greater_than_equal": "应不小于 {ge}",
}


class CorpusError(ValueError):
    """A policy file that cannot be trusted; the message names the file, the key, the value and what was expected."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Span(_Strict):
    """From one day to another, both included."""

    start: date = Field(alias="from")
    end: date = Field(alias="to")

    @model_validator(mode="after")
    def _ordered(self) -> Span:
        if self.end < self.start:
            raise ValueError(f"截止日 {self.end} 早于起始日 {self.start}")
        return self

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.end


class Tags(_Strict):
    """Reviewed tags; the vocabulary is `data/lexicon/tags.yml`."""

    theme: tuple[str, ...] = Field(min_length=1)
    industry: tuple[str, ...] = Field(min_length=1)
    size: tuple[str, ...] = Field(min_length=1)
    method: tuple[str, ...] = Field(min_length=1)


class Condition(_Strict):
    """One condition: the words of the policy and the expression they stand for."""

    id: str = Field(pattern=_NAME)
    text: str = Field(min_length=1)
    expr: str = Field(min_length=1)
    on_unknown: OnUnknown = "review"


class OutsideData(_Strict):
    """What no department's data can decide: always UNKNOWN."""

    id: str = Field(pattern=_NAME)
    text: str = Field(min_length=1)


class Award(_Strict):
    """What is given: an expression in 元, or, where `expr` is None, something that is not money (`note` says what)."""

    expr: str | None = None
    unit: Literal["元"] = "元"
    per: Literal["once", "year", "month", "quarter", "project", "patent", "person"] = "once"
    note: str | None = None

    @model_validator(mode="after")
    def _something(self) -> Award:
        if self.expr is None and not self.note:
            raise ValueError("没有 expr 的奖励须用 note 写明给什么")
        return self


class Example(_Strict):
    """One case a lawyer can read: indicator values (those not given are UNKNOWN), the verdict, and the award in 元.

    `as_of` defaults to the first day on which the item is in force.
    """

    name: str = Field(min_length=1)
    given: dict[str, Any]
    verdict: Verdict
    award: Decimal | None = None
    failed: tuple[str, ...] = ()
    as_of: date | None = None

    @field_validator("given", mode="after")
    @classmethod
    def _exact(cls, given: dict[str, Any]) -> dict[str, Any]:
        # YAML reads 0.03 as a float; its shortest text is what the author wrote
        return {name: Decimal(repr(value)) if isinstance(value, float) else value for name, value in given.items()}


class Item(_Strict):
    """One version of one policy item."""

    id: str = Field(pattern=_ID)
    version: int = Field(default=1, ge=1)
    title: str = Field(min_length=1)
    issuer: str = Field(min_length=1)
    level: Level
    region: tuple[str, ...] = Field(min_length=1)
    zone: Literal["自贸港"] | None = None
    basis: str = Field(min_length=1)
    valid: Span
    window: Span | None = None
    cycle: Cycle
    entity: Entity = "enterprise"
    mode: Mode
    promise_days: int = Field(ge=1)
    tags: Tags
    conditions: tuple[Condition, ...] = Field(min_length=1)
    outside_data: tuple[OutsideData, ...] = ()
    logic: str | None = None
    award: Award
    budget: int | None = Field(default=None, gt=0)
    excludes: tuple[str, ...] = ()
    exclude_when: str | None = None
    pilot: tuple[str, ...] | None = Field(default=None, min_length=1)
    claim_unit: ClaimUnit = "entity"
    materials: tuple[str, ...] = ()
    examples: tuple[Example, ...] = Field(min_length=1)
    text: str = Field(min_length=1)
    path: Path

    @property
    def valid_from(self) -> date:
        return self.valid.start

    @property
    def valid_to(self) -> date:
        return self.valid.end

    @property
    def window_from(self) -> date | None:
        return self.window.start if self.window else None

    @property
    def window_to(self) -> date | None:
        return self.window.end if self.window else None

    @model_validator(mode="after")
    def _consistent(self) -> Item:
        ids = [c.id for c in self.conditions] + [o.id for o in self.outside_data]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            raise ValueError(f"条件编号重复：{'、'.join(twice)}")
        for place in (*self.region, *(self.pilot or ())):
            if not _PLACE.fullmatch(place):
                raise ValueError(f"「{place}」不像区划码（6 位或 9 位数字）或园区编号")
        if self.id in self.excludes:
            raise ValueError("excludes 不能包含事项自己")
        for example in self.examples:
            for part in example.failed:
                if part not in ids:
                    raise ValueError(f"例「{example.name}」的 failed 提到不存在的条件「{part}」")
            if example.award is not None and self.award.expr is None:
                raise ValueError(f"例「{example.name}」写了金额，但本事项的奖励不是资金")
        return self


class Bar(_Strict):
    """A bar common to all items of an entity kind: no payment while `expr` is TRUE or UNKNOWN."""

    id: str = Field(pattern=_NAME)
    label: str = Field(min_length=1)
    text: str = Field(min_length=1)
    expr: str = Field(min_length=1)
    entity: Entity = "enterprise"


class Defaults(_Strict):
    """`_defaults.yml`: what holds for every item unless its own front matter adds to it."""

    bars: tuple[Bar, ...]


def load_items(folder: Path = POLICIES) -> list[Item]:
    """Every version of every item, sorted by id and version. Raises CorpusError naming file and key."""
    items = [parse_item(path.read_text(encoding="utf-8"), path) for path in sorted(folder.glob("*.md"))]
    items.sort(key=lambda item: (item.id, item.version))
    _check_versions(items)
    known = {item.id for item in items}
    for item in items:
        for other in item.excludes:
            if other not in known:
                raise CorpusError(f"{item.path.name}：excludes 提到的事项「{other}」不存在")
    return items


def load_defaults(folder: Path = POLICIES) -> Defaults:
    """The common bars. Raises CorpusError naming the key."""
    path = folder / DEFAULTS
    try:
        return Defaults.model_validate(parse_yaml(path.read_text(encoding="utf-8"), path.name))
    except ValidationError as error:
        raise CorpusError(_explained(error, path.name)) from None
    except ValueError as error:
        raise CorpusError(str(error)) from None


def parse_item(text: str, path: Path) -> Item:
    """One policy file: front matter between two `---` lines, then the policy text. Raises CorpusError."""
    # the blank line in place of the opening `---` keeps YAML's line numbers those of the file
    opening, _, rest = text.partition("---\n")
    front, fence, body = rest.partition("\n---\n")
    if opening.strip("\ufeff") or not fence:
        raise CorpusError(f"{path.name}：文件应以 --- 开头的 YAML 文件头起始，并以单独一行 --- 结束")
    try:
        raw = parse_yaml("\n" + front, path.name)
        for reserved in ("text", "path"):
            if reserved in raw:
                raise CorpusError(f"{path.name}：不认识的键「{reserved}」")
        item = Item.model_validate({**raw, "text": body.strip("\n"), "path": path})
    except ValidationError as error:
        raise CorpusError(_explained(error, path.name)) from None
    except ValueError as error:
        # YAML's own constructors raise a bare ValueError for 2024-02-30
        named = str(error) if path.name in str(error) else f"{path.name}：{error}"
        raise CorpusError(named) from None
    if path.stem not in (item.id, f"{item.id}.v{item.version}"):
        raise CorpusError(f"{path.name}：文件名应是 {item.id}.md 或 {item.id}.v{item.version}.md")
    return item


def in_force(items: Iterable[Item], day: date) -> list[Item]:
    """The version of each item that is valid on `day`, sorted by id."""
    return sorted((item for item in items if day in item.valid), key=lambda item: item.id)


def _check_versions(items: list[Item]) -> None:
    for earlier, later in itertools.pairwise(items):
        if earlier.id != later.id:
            continue
        if earlier.version == later.version:
            raise CorpusError(
                f"{later.path.name}：与 {earlier.path.name} 的编号和版本相同（{later.id} 第 {later.version} 版）"
            )
        if later.valid_from <= earlier.valid_to:
            raise CorpusError(
                f"{later.path.name}：第 {later.version} 版从 {later.valid_from} 起有效，"
                f"但 {earlier.path.name} 的第 {earlier.version} 版到 {earlier.valid_to} 才失效，两版不能同时有效"
            )


def _explained(error: ValidationError, source: str) -> str:
    """The first findings of a validation in Chinese, one per line, each with file and key path."""
    lines = []
    for found in error.errors()[:5]:
        key = ".".join(str(part) for part in found["loc"]) or "（整体）"
        kind = found["type"]
        context = found.get("ctx", {})
        if kind == "value_error":
            reason = str(context["error"])
        elif kind in _REASONS:
            # pydantic joins the choices of a Literal with an English "or"
            reason = _REASONS[kind].format(**context).replace(" or ", " 或 ").replace("'", "")
        else:
            reason = found["msg"]
        value = "" if kind in ("extra_forbidden", "missing", "value_error") else f"，现在是「{found['input']}」"
        lines.append(f"{source}：键「{key}」{reason}{value}")
    return "\n".join(lines)
