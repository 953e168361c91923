"""From an application with its declarations to a payment file: answered, listed, judged anew and recomputed at the desk, paid once."""

import datetime as dt
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets import push_decision
from assets.match_score import score
from assets.push import push
from matching.push.kinds import DECISION
from matching.rules import compile_items
from pipelines import steps
from pipelines.approval import Desk
from pipelines.control import ControlStore
from pipelines.docket import RefusedError
from pipelines.officers import enrol
from pipelines.publish import publish
from pipelines.warehouse import DuckWarehouse
from tests.assets.test_push import TABLES, FixedScope

PHRASE = "correct horse battery"
AT, LATER = dt.datetime(2024, 12, 19, 9), dt.datetime(2024, 12, 26, 9)
INDICATORS = {
    "employees_insured": {"type": "integer", "label": "社保参保人数", "unit": "人"},
    "rd_expense_last_year": {"type": "money", "label": "上年度研发费用", "unit": "元"},
}
ITEM = {
    "id": "invite",
    "conditions": [{"id": "c1", "text": "参保不少于50人", "expr": "employees_insured >= 50"}],
    "award": {"expr": "least(employees_insured * 1000.55 + rd_expense_last_year * 0.01, 200000)"},
}
CASE = """SELECT 's' || e AS _subject_id, n AS case_no, 'INVITE' AS item_id, DATE '2024-12-16' AS applied_date, {decision} AS decision_source,
    NULL::VARCHAR AS decision, NULL::DATE AS decided_date, NULL::VARCHAR AS refusal_reason, TIMESTAMP '2024-12-16 10:00:00' AS updated_at,
    TIMESTAMP '2024-12-17' AS _received_at, 'f' AS _file_id, 1 AS _row_no, 'I' AS _op FROM (VALUES ('E1', 'C1'), ('E2', 'C2')) t(e, n)"""
SAID = """SELECT 'C1' AS case_no, 'employees_insured' AS indicator, '{value}' AS value, '社保证明' AS proof,
    TIMESTAMP '2024-12-16 10:00:00' AS submitted_at, TIMESTAMP '2024-12-17' AS _received_at"""


class Bureau:
    """A small office: its warehouse, its desk, and a run that answers, proposes and publishes."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.control = ControlStore(home / "control.sqlite")
        self.warehouse = DuckWarehouse(home=home, scope=FixedScope())
        with self.control.transaction() as db:
            for name, role in (("王经办", "analyst"), ("李审批", "approver"), ("赵审批", "approver")):
                enrol(db, name, role, PHRASE)
        with self.warehouse.write() as w:
            for table, sql in TABLES.items():
                w.replace(table, sql)
            w.replace("profile.enterprise", "SELECT *, NULL::BIGINT AS employees_insured FROM profile.enterprise")
            w.execute(f"UPDATE policy.item SET award_expr = '{ITEM['award']['expr']}' WHERE item_id = 'invite'")  # type: ignore[index]
            w.execute("UPDATE policy.condition SET expr = 'employees_insured >= 50' WHERE item_id = 'invite'")
            w.execute(
                "INSERT INTO raw.delivery SELECT 'labor', t, TIMESTAMP '2024-12-16 09:00:00', 1, 'loaded', 100, 0"
                " FROM (VALUES ('unit'), ('headcount')) t(t)"
            )
            w.replace("raw.apply_case", CASE.format(decision="NULL::VARCHAR"))
            w.replace("raw.apply_declaration", SAID.format(value="60"))

    def run(self, build_id: str) -> None:
        scope = FixedScope(build_id=build_id)
        warehouse = DuckWarehouse(home=self.home, scope=scope)
        made = [push_decision.decision, score, push]
        own = {key for asset in made for key in asset.keys}
        sources = sorted({key for asset in made for key in asset.dependency_keys} - own)
        assert dg.materialize(
            [*(dg.AssetSpec(key) for key in sources), *made],
            resources={
                name: dg.ResourceDefinition.hardcoded_resource(value)
                for name, value in (("warehouse", warehouse), ("scope", scope), ("control", self.control))
            },
        ).success
        publish(warehouse, scope)

    @property
    def desk(self) -> Desk:
        return steps.desk_of(self.home)

    def listed(self) -> list[dict[str, Any]]:
        return self.warehouse.frame(f"SELECT * FROM push.list WHERE kind = '{DECISION}' ORDER BY list_id").to_dicts()

    def approved(self) -> str:
        (header,) = self.listed()
        name = str(header["list_id"])
        steps.submit(self.home, self.desk, name, "王经办", PHRASE, AT)
        with pytest.raises(RefusedError, match="须先公示"):
            self.desk.approve(name, header["sha256"], "李审批", PHRASE, "", AT)
        self.desk.publicise(name, "王经办", PHRASE, AT.date(), AT.date() + dt.timedelta(days=5), AT)
        assert self.desk.approve(name, header["sha256"], "李审批", PHRASE, "", LATER) == "publicised"
        assert self.desk.approve(name, header["sha256"], "赵审批", PHRASE, "", LATER) == "approved"
        return name


@pytest.fixture
def bureau(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bureau:
    monkeypatch.setattr(push_decision, "program_in_force", lambda scope: compile_items([ITEM], INDICATORS, []))
    made = Bureau(tmp_path)
    made.run("b1")
    return made


def test_an_application_is_paid_once_from_its_declarations(bureau: Bureau) -> None:
    name = bureau.approved()
    steps.freeze(bureau.home, bureau.desk, name, "王经办", PHRASE, LATER)
    steps.release(bureau.home, bureau.desk, name, "王经办", PHRASE, LATER)
    (row,) = (bureau.home / "lists" / name / "payment.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert row.split(",")[2:] == ["91460100A", "海南甲有限公司", "invite", "once", "", "69033.00"]
    # the application system has not yet said 通过: the award is in the ledger, and the next day's run proposes nothing again
    with bureau.control.transaction() as db:
        assert db.execute("SELECT count(*), sum(amount_fen) FROM active_award").fetchone()[:] == (1, 6903300)
    bureau.run("b2")
    assert [header["list_id"] for header in bureau.listed()] == [name]


@pytest.mark.slow  # 4 CPU seconds each
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (CASE.format(decision="'撤回'"), "已办结或撤回"),
        (SAID.format(value="49"), "现在的答复是“不符合条件”"),
        (SAID.format(value="61"), "独立复算与名单不符"),
    ],
)
def test_what_changed_since_the_signatures_stops_the_payment(bureau: Bureau, change: str, reason: str) -> None:
    name = bureau.approved()
    table = "raw.apply_case" if "INVITE" in change else "raw.apply_declaration"
    with bureau.warehouse.write() as w:
        w.replace(table, change)
    bureau.run("b2")
    with pytest.raises(RefusedError, match=reason):
        steps.freeze(bureau.home, bureau.desk, name, "王经办", PHRASE, LATER)
    assert bureau.control.rows("SELECT status FROM push_list") == [{"status": "void"}]
    assert bureau.control.rows("SELECT 1 FROM award") == []
