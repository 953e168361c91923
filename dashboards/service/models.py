"""What the service answers and accepts, as types: the OpenAPI document is generated from them and a test holds every answer to them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Yuan = Annotated[str, Field(pattern=r"^-?\d+\.\d{2}$", description="金额，元，两位小数的文本")]
Day = Annotated[date, Field(description="日期 YYYY-MM-DD")]
Verdict = Literal["eligible", "declarable", "unknown", "ineligible"]
Mode = Literal["免申即享", "即申即享", "承诺兑现"]
Code = Literal[
    "bad_request", "unauthorized", "not_found", "method_not_allowed", "timeout", "too_large", "unsupported_media_type", "invalid", "rule",
    "too_many_requests", "internal", "not_published",
]  # fmt: skip


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Dates(Strict):
    """每个答案都写明出自哪次发布、哪一天的事实和规则。"""

    build_id: str = Field(description="构建编号：同样的输入得到同样的编号")
    as_of: Day
    known_at: datetime = Field(
        description="截至何时已收到的数据（上海时间）", json_schema_extra={"format": "local-date-time"}
    )
    rules_as_of: Day


class Match(Strict):
    item_id: str
    version: int
    title: str
    mode: Mode
    verdict: Verdict = Field(description="eligible 符合、declarable 仅差承诺、unknown 缺数据、ineligible 不符合")
    score: float | None = Field(description="匹配分 0–1；没有则为 null")
    amount_yuan: Yuan | None = Field(description="测算金额；不能测算或非资金为 null")
    failed: list[str] = Field(description="未满足的条件编号")
    unknown: list[str] = Field(description="未知的条件编号（含数据外事项）")
    near_miss: bool = Field(description="差一步：再满足一个条件即符合")
    bar: Literal["clear", "barred", "unknown"] = Field(description="排除情形：clear 无、barred 命中、unknown 待核")


class Matches(Dates):
    enterprise_id: str
    uscc: str | None
    name: str | None
    matches: list[Match]


class Condition(Strict):
    condition_id: str
    text: str
    expr: str | None
    on_unknown: Literal["ask", "review", "deny"] | None
    outside: bool = Field(description="数据外事项：没有部门数据能判定")


class Item(Dates):
    item_id: str
    version: int
    title: str
    issuer: str
    level: str
    region: list[str]
    zone: str | None
    basis: str | None
    valid_from: Day | None
    valid_to: Day | None
    window_from: Day | None
    window_to: Day | None
    cycle: str
    entity: Literal["enterprise", "person"]
    mode: Mode
    promise_days: int | None
    logic: str | None
    award_expr: str | None
    budget_yuan: Yuan | None
    claim_unit: str | None
    materials: list[str]
    text: str
    conditions: list[Condition]
    verdicts: dict[Verdict, int] = Field(description="各判定的企业数；不足 5 家的不给出")


class Answer(Strict):
    """即申即享办件到件即判的答复。"""

    answer: Literal["approve", "ask", "review", "refuse"]
    reason: str | None
    amount_yuan: Yuan | None
    due_on: Day | None


class Case(Dates):
    case_no: str
    uscc: str | None
    item_id: str
    cycle: str | None
    mode: str | None
    applied_date: Day | None
    accepted_date: Day | None
    supplement_count: int
    decision: str | None
    decided_date: Day | None
    refusal_reason: str | None
    approved_yuan: Yuan | None
    promise_days: int | None
    due_date: Day | None
    paid_date: Day | None
    paid_yuan: Yuan | None
    answer: Answer | None


class Validity(Strict):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    from_: Day | None = Field(alias="from")
    to: Day | None


class Other(Strict):
    item_id: str
    version: int


class Found(Strict):
    item_id: str
    version: int
    title: str
    score: float
    tags: dict[str, list[str]]
    level: str
    region: list[str]
    mode: Mode
    valid: Validity
    superseded_by: list[Other]
    same_as: list[Other]
    snippet: str


class Results(Dates):
    results: list[Found]


class Simulate(Strict):
    """改条件或金额会怎样：`set` 为条件编号到新表达式。至少写一项。"""

    item_id: str = Field(min_length=1, max_length=100, description="事项编号或标题")
    set: dict[Annotated[str, Field(max_length=40)], Annotated[str, Field(min_length=1, max_length=2000)]] = Field(
        default_factory=dict, max_length=20, examples=[{"c1": "rd_expense_last_year >= 3000000"}]
    )
    award: Annotated[str, Field(min_length=1, max_length=2000)] | None = None


class Reach(Strict):
    n: int
    yuan: Yuan


class Group(Strict):
    key: str | None
    before: int
    after: int
    gained: int
    lost: int


class By(Strict):
    region: list[Group]
    industry: list[Group]
    size: list[Group]


class Step(Strict):
    threshold: Annotated[str, Field(pattern=r"^-?\d+\.\d{6}$")]
    n: int
    yuan: Yuan


class Simulation(Dates):
    item_id: str
    before: Reach
    after: Reach
    gained: list[str] = Field(description="新增企业的统一社会信用代码")
    lost: list[str] = Field(description="减少企业的统一社会信用代码")
    by: By
    curve: list[Step]


class Fault(Strict):
    code: Code = Field(description="机器可读的错误代码；invalid 是参数或请求体不合要求，rule 是表达式不合规则语言")
    message: str = Field(description="中文说明：哪里不对，应当怎样")
    condition: str | None = Field(default=None, description="出错的条件编号（模拟）")
    position: int | None = Field(default=None, description="表达式中出错的位置（模拟）")


class Error(Strict):
    error: Fault
