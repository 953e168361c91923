"""Cases that arrive are answered from what departments know and the applicant declares, under the item's own number in any case of letters."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets import push_decision
from matching.rules import compile_items
from pipelines.control import ControlStore
from pipelines.proofs import note_check
from pipelines.warehouse import DuckWarehouse
from tests.assets.test_match_assets import BARS, INDICATORS, ITEM


@dataclass(frozen=True)
class Day:
    as_of: date = date(2024, 12, 18)
    known_at: datetime = datetime(2024, 12, 18, 23, 59)
    rules_as_of: date = date(2024, 12, 18)
    build_id: str = "b"


FIRMS = [
    ("e1", Decimal("25000000.00"), 60, False),
    ("e2", Decimal("25000000.00"), None, False),
    ("e3", Decimal("25000000.00"), 60, True),
    ("e4", Decimal("25000000.00"), 60, None),
    ("e5", Decimal("19000000.00"), 60, False),
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DuckWarehouse:
    program = compile_items([ITEM], INDICATORS, BARS)
    monkeypatch.setattr(push_decision, "program_in_force", lambda scope: program)
    warehouse = DuckWarehouse(home=tmp_path, scope=Day(), memory=True)
    firm = {"enterprise_id": pl.String, "revenue_last_year": pl.Decimal(18, 2), "employees_insured": pl.Int64, "is_dishonest": pl.Boolean}  # fmt: skip
    names = ("registered_region", "industry_section", "enterprise_size")
    with warehouse.write() as w:
        w.replace(
            "profile.enterprise",
            pl.DataFrame(FIRMS, schema=firm, orient="row").with_columns(
                pl.col("enterprise_id").str.to_uppercase().alias("uscc"), *(pl.lit(None, dtype=pl.String).alias(n) for n in names)
            ),
        )  # fmt: skip
        w.replace(
            "policy.item",
            """SELECT 'x-item' AS item_id, 1 AS version, '甲' AS title, '乙' AS issuer, '即申即享' AS mode, 'enterprise' AS entity, 'year' AS cycle,
               'entity' AS claim_unit, DATE '2024-01-01' AS valid_from, NULL::DATE AS valid_to, NULL::DATE AS window_from, NULL::DATE AS window_to,
               NULL::DECIMAL(18,2) AS budget_yuan, 5 AS promise_days, '1' AS award_expr""",
        )
        w.replace(
            "policy.condition",
            """SELECT * FROM (VALUES ('x-item', 1, 'c1', '营业收入不低于2000万元', 'revenue_last_year >= 20000000', 'review', false),
               ('x-item', 1, 'c2', '参保不少于50人', 'employees_insured >= 50', 'ask', false)) t(item_id, version, condition_id, text, expr, on_unknown, outside)""",
        )
        w.replace("registry.subject", "SELECT 's' || n AS _subject_id, 'e' || n AS enterprise_id FROM range(1, 6) t(n)")
        w.replace(
            "raw.apply_case",
            """SELECT 's' || n AS _subject_id, 'C' || n AS case_no, 'X-ITEM' AS item_id, DATE '2024-12-16' AS applied_date, NULL::VARCHAR AS decision_source,
               NULL::VARCHAR AS decision, NULL::DATE AS decided_date, NULL::VARCHAR AS refusal_reason, TIMESTAMP '2024-12-16 10:00:00' AS updated_at, TIMESTAMP '2024-12-17' AS _received_at, 'f' AS _file_id, n AS _row_no, 'I' AS _op
               FROM range(1, 6) t(n)""",
        )
    return warehouse


def answers(home: DuckWarehouse) -> dict[str, tuple[str, str, Decimal | None]]:
    result = dg.materialize(
        [*(dg.AssetSpec(key) for key in sorted(push_decision.decision.dependency_keys)), push_decision.decision],
        resources={
            "warehouse": dg.ResourceDefinition.hardcoded_resource(home),
            "scope": dg.ResourceDefinition.hardcoded_resource(Day()),
            "control": dg.ResourceDefinition.hardcoded_resource(ControlStore(home.home / "control.sqlite")),
        },
    )
    assert result.success
    rows = home.frame("SELECT case_no, answer, reason, amount_yuan FROM push.decision ORDER BY case_no").rows()
    return {case: (answer, reason, amount) for case, answer, reason, amount in rows}


def declare(home: DuckWarehouse, *rows: tuple[str, str, str]) -> None:
    told = ", ".join(f"('{case}', '{name}', '{value}')" for case, name, value in rows)
    with home.write() as w:
        w.replace(
            "raw.apply_declaration",
            f"""SELECT case_no, indicator, value, NULL::VARCHAR AS proof, TIMESTAMP '2024-12-16 10:00:00' AS submitted_at,
                TIMESTAMP '2024-12-17' AS _received_at FROM (VALUES {told}) t(case_no, indicator, value)""",
        )


def test_each_case_has_its_answer_and_only_a_clear_one_has_money(home: DuckWarehouse) -> None:
    found = answers(home)
    assert {case: answer for case, (answer, _, _) in found.items()} == {
        "C1": "approve", "C2": "ask", "C3": "refuse", "C4": "review", "C5": "refuse",
    }  # fmt: skip
    assert found["C1"][2] == Decimal("250000.00")
    assert [amount for case, (_, _, amount) in found.items() if case != "C1"] == [None] * 4
    assert "参保不少于50人" in found["C2"][1] and found["C3"][1].startswith("命中排除情形：失信。")
    assert "1,900 万元" in found["C5"][1] and "可申请疑义核校" in found["C5"][1]
    firm = home.frame("SELECT enterprise_id, due_on FROM push.decision WHERE case_no = 'C1'").row(0)
    assert firm == ("e1", date(2024, 12, 23))


def test_a_refusal_names_what_it_rests_on_and_no_alternative_that_another_carries(
    home: DuckWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """c2 carries the alternative, so c3 is no reason; with c2 and c1 failing the firm is far from the item and is still told why."""
    conditions = [
        *ITEM["conditions"],
        {"id": "c3", "text": "营业收入不低于9000万元", "expr": "revenue_last_year >= 90000000"},
    ]
    monkeypatch.setattr(
        push_decision,
        "program_in_force",
        lambda scope: compile_items(
            [{**ITEM, "conditions": conditions, "logic": "c1 AND (c2 OR c3)"}], INDICATORS, BARS
        ),
    )
    with home.write() as w:
        w.execute(
            "UPDATE profile.enterprise SET revenue_last_year = 19000000, employees_insured = 40 WHERE enterprise_id = 'e1'"
        )
    found = answers(home)
    assert found["C5"][0] == "refuse" and "2,000 万元" in found["C5"][1] and "9,000 万元" not in found["C5"][1]
    assert found["C1"][0] == "refuse"
    assert all(words in found["C1"][1] for words in ("2,000 万元", "9,000 万元", "50 人"))
    # c2 unknown: with it the alternative would be carried, and c3, which fails, is not asked for
    assert found["C2"][0] == "ask" and "参保不少于50人" in found["C2"][1] and "9000" not in found["C2"][1]


def test_a_declaration_fills_a_gap_and_never_overrides_a_department(home: DuckWarehouse) -> None:
    declare(
        home,
        ("C2", "employees_insured", "55"),  # nobody knew
        ("C4", "is_dishonest", "否"),  # not theirs to say
        ("C5", "revenue_last_year", "90000000"),  # a review condition, and a department knows better
        ("C1", "employees_insured", "70"),  # a department says 60
    )
    found = answers(home)
    assert found["C2"][0] == "approve" and found["C2"][2] == Decimal("250000.00")
    assert found["C4"][0] == "review" and found["C5"][0] == "refuse"
    assert found["C1"][0] == "review" and "60" in found["C1"][1] and "70" in found["C1"][1] and found["C1"][2] is None


def test_what_a_department_must_confirm_cannot_be_declared_under_another_condition() -> None:
    conditions = [
        ("x", 1, "c1", "ask"), ("x", 1, "c2", "review"), ("x", 1, "c3", "ask"), ("y", 1, "c1", "ask"), ("x", 2, "c4", "deny"),
    ]  # fmt: skip
    rules = pl.DataFrame(conditions, schema=["item_id", "version", "condition_id", "on_unknown"], orient="row")
    named = [
        ("x", 1, "c1", "revenue_last_year"), ("x", 1, "c2", "revenue_last_year"), ("x", 1, "c3", "employees_insured"),
        ("x", 1, "c3", "area"), ("x", 2, "c4", "area"), ("y", 1, "c1", "revenue_last_year"),
    ]  # fmt: skip
    found = push_decision.declarable(
        pl.DataFrame(named, schema=["item_id", "version", "condition_id", "indicator"], orient="row"), rules
    )
    assert found == {"x": {"employees_insured"}, "y": {"revenue_last_year"}}


def test_a_bar_is_not_lifted_by_a_declaration_even_where_it_is_asked_for(home: DuckWarehouse) -> None:
    with home.write() as w:
        w.execute(
            "UPDATE policy.condition SET expr = 'employees_insured >= 50 AND NOT is_dishonest' WHERE condition_id = 'c2'"
        )
    declare(home, ("C4", "is_dishonest", "否"))
    assert answers(home)["C4"][0] == "review"


def test_a_declaration_whose_document_was_found_untrue_goes_to_a_person(home: DuckWarehouse) -> None:
    declare(home, ("C2", "employees_insured", "55"))
    with ControlStore(home.home / "control.sqlite").transaction() as db:
        note_check(db, "C2", "employees_insured", "55", False, "社保系统查得41人", "王经办", "2024-12-18T09:00:00")
    answer, reason, amount = answers(home)["C2"]
    assert (answer, amount) == ("review", None) and "经核验不符" in reason and "社保系统查得41人" in reason


def test_what_cannot_be_read_stays_unknown(home: DuckWarehouse) -> None:
    declare(home, ("C2", "employees_insured", "很多"))
    assert answers(home)["C2"][0] == "ask"


def test_decided_deleted_and_later_cases_are_not_answered(home: DuckWarehouse) -> None:
    with home.write() as w:
        w.execute("UPDATE raw.apply_case SET decision_source = '通过' WHERE case_no = 'C1'")
        w.execute("UPDATE raw.apply_case SET _op = 'D' WHERE case_no = 'C2'")
        w.execute("UPDATE raw.apply_case SET _received_at = TIMESTAMP '2024-12-19' WHERE case_no = 'C3'")
    assert set(answers(home)) == {"C4", "C5"}
