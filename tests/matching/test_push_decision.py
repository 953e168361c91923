"""An application is answered at once: pay, ask, review or refuse, always with the reason."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from matching.push import inputs as shapes
from matching.push.decision import DECLARATIONS, REMEDY, Declared, answer, decisions, declared, due
from matching.push.form import proof_of, saving
from matching.push.quiet import Calendar

CONDITIONS = {
    "c1": {"text": "营收达标", "on_unknown": "ask", "outside": False},
    "c2": {"text": "无欠薪", "on_unknown": "review", "outside": False},
    "o1": {"text": "项目未重复申报", "on_unknown": None, "outside": True},
}


def pair(verdict: str = "eligible", **changes: Any) -> dict[str, Any]:
    return {
        "enterprise_id": "E1", "uscc": "9146", "item_id": "b", "version": 1, "verdict": verdict, "met": ["c1", "c2"],
        "failed": [], "unknown": [], "near_miss": False, "bar": "clear", "bars": [], "amount_yuan": Decimal("200000.00"),
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("given", "conflicts", "said"),
    [
        (pair(), {}, ("approve", "全部条件符合")),
        (pair(failed=["c1"], unknown=["c2"]), {}, ("approve", "全部条件符合")),
        (pair("declarable", unknown=["o1"]), {}, ("approve", "全部条件符合，以承诺为准：项目未重复申报")),
        (pair("unknown", unknown=["c1"]), {}, ("ask", "请补充：营收达标")),
        (pair("unknown", unknown=["c1", "c2"]), {}, ("review", "须部门核实：无欠薪")),
        (pair("ineligible", failed=["c1"]), {}, ("refuse", f"未达到：营收达标。{REMEDY}")),
        (pair("ineligible", failed=["c1", "c2"], short_of=["c2"]), {}, ("refuse", f"未达到：无欠薪。{REMEDY}")),
        (
            pair("ineligible", failed=["c1", "c2"], short_of=["c1", "c2"]),
            {},
            ("refuse", f"未达到以下任一项：营收达标；或者无欠薪。{REMEDY}"),
        ),
        (pair(bar="barred", bars=["失信"]), {}, ("refuse", f"命中排除情形：失信。{REMEDY}")),
        (pair(bar="unknown", bars=["失信"]), {}, ("review", "排除情形未核实：失信")),
        (pair(amount_yuan=None), {}, ("review", "条件符合，金额须人工核定")),
        (pair(), {"revenue": ("1", "2")}, ("review", "申报与部门数据不一致：revenue 部门记载 1，申报 2")),
    ],
)
def test_every_case_gets_one_answer_and_its_reason(
    given: dict[str, Any], conflicts: Any, said: tuple[str, str]
) -> None:
    assert answer(given, CONDITIONS, conflicts) == said


def test_a_declaration_fills_a_gap_and_never_overrides_a_department() -> None:
    at = dt.datetime(2024, 12, 1)
    rows = [
        ("K1", "revenue", "100", None, at),
        ("K1", "revenue", "250", None, at + dt.timedelta(hours=1)),
        ("K1", "employees", "12", None, at),
        ("K1", "area", "80.00", None, at),
        ("K1", "is_hnte", "true", None, at),
    ]
    found = declared(
        pl.DataFrame(rows, schema=DECLARATIONS, orient="row"),
        {"employees": "10", "area": "80", "revenue": None},
        frozenset({"revenue", "employees", "area"}),
    )
    assert found.values == {"revenue": "250"}
    assert found.conflicts == {"employees": ("10", "12")}
    assert json.loads(found.document() or "") == [
        {"indicator": "revenue", "value": "250", "submitted_on": "2024-12-01"}
    ]
    assert Declared().document() is None


def test_the_promised_day_counts_working_days() -> None:
    calendar = Calendar(off=frozenset({dt.date(2025, 1, 1)}))
    assert due(dt.date(2024, 12, 30), 3, calendar.is_working) == dt.date(2025, 1, 3)
    assert due(dt.date(2024, 12, 30), None, calendar.is_working) is None


def answered(
    cases: list[tuple[str, str, str, dt.date, str | None]], judged: set[tuple[str, int]] | None = None, **terms: Any
) -> pl.DataFrame:
    item = {
        "item_id": "b", "version": 1, "title": "事项", "issuer": "厅", "mode": "即申即享", "entity": "enterprise",
        "cycle": "year", "claim_unit": "entity", "valid_from": dt.date(2024, 1, 1), "valid_to": dt.date(2025, 12, 31),
        "window_from": None, "window_to": None, "budget_yuan": None, "promise_days": 1, "award_expr": "1", "excludes": [], "pilot": [],
        "materials": [], **terms,
    }  # fmt: skip
    rules = [
        {"item_id": "b", "version": 1, "condition_id": name, "expr": None, **row} for name, row in CONDITIONS.items()
    ]
    names = ("case_no", "enterprise_id", "item_id", "applied_on", "decision")
    return decisions(
        pl.DataFrame([dict(zip(names, one, strict=True)) for one in cases], schema=shapes.CASES),
        pl.DataFrame([pair()], schema={k: v for k, v in shapes.PAIRS.items() if k != "score"}, orient="row"),
        pl.DataFrame([item], schema=shapes.ITEMS, orient="row"),
        pl.DataFrame(rules, schema=shapes.CONDITIONS, orient="row"),
        {},
        Calendar().is_working,
        {("b", 1)} if judged is None else judged,
    )


def test_open_cases_of_instant_items_are_answered() -> None:
    filed = dt.date(2024, 12, 2)
    found = answered([("K1", "E1", "b", filed, None), ("K2", "E9", "b", filed, None), ("K3", "E1", "b", filed, "通过")])
    assert found.select("case_no", "answer", "amount_yuan", "due_on").rows() == [
        ("K1", "approve", Decimal("200000.00"), dt.date(2024, 12, 3)),
        ("K2", "review", None, dt.date(2024, 12, 3)),
    ]


def test_the_version_of_the_day_of_application_counts_and_no_case_is_left_without_an_answer() -> None:
    filed = ("K1", "E1", "b", dt.date(2024, 12, 2), None)

    def said(**given: Any) -> tuple[str, str]:
        return answered([filed], **given).select("answer", "reason").row(0)  # type: ignore[return-value]

    assert said(valid_to=dt.date(2024, 12, 1)) == ("refuse", "申报日 2024-12-02 事项不在有效期")
    window = {"window_from": dt.date(2024, 3, 1), "window_to": dt.date(2024, 6, 30)}
    assert said(**window) == ("refuse", "申报日 2024-12-02 不在申报期（2024-03-01 至 2024-06-30）")
    assert said(judged={("b", 2)}) == ("review", "申报时适用第 1 版，该版已不再判定，须人工办理")
    assert answered([filed], mode="承诺兑现").is_empty()


def test_a_material_is_struck_only_by_what_a_department_holds() -> None:
    assert proof_of("企业营业执照副本") == "business_status"
    assert proof_of("项目实施方案") is None
    form = {
        "fields": [{"value": "1"}, {"value": None}],
        "materials": [{"material": "营业执照", "proof": "business_status"}, {"material": "方案", "proof": None}],
    }
    assert saving(json.loads(json.dumps(form))) == {"fields": 2, "filled": 1, "materials": 2, "struck": 1}
