"""The push and score assets on a small literal warehouse: lists with reasons, suppression rows, and the same bytes again."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets.match_score import score
from assets.push import push
from pipelines.approval import Departure, Desk
from pipelines.audit import trail
from pipelines.control import ControlStore
from pipelines.officers import enrol
from pipelines.warehouse import DuckWarehouse

AS_OF = dt.date(2024, 12, 18)


@dataclass(frozen=True)
class FixedScope:
    as_of: dt.date = AS_OF
    known_at: dt.datetime = dt.datetime(2024, 12, 18, 23, 59, 59)
    rules_as_of: dt.date = AS_OF
    build_id: str = "b0"


TABLES = {
    "policy.item": """
        SELECT *, title || '，由主管部门兑现。' AS text FROM (VALUES
          ('auto', 1, '研发后补助', '海南省科学技术厅', '免申即享', 'enterprise', 'year', 'entity', DATE '2024-01-01', DATE '2025-12-31', NULL::DATE, NULL::DATE, 500000.00::DECIMAL(18,2), 20, 'least(rd_expense_last_year * 0.1, 100000)', []::VARCHAR[], []::VARCHAR[], []::VARCHAR[]),
          ('invite', 1, '高企认定奖励', '海南省科学技术厅', '即申即享', 'enterprise', 'once', 'entity', DATE '2024-01-01', DATE '2025-12-31', NULL, NULL, NULL, 10, '200000', []::VARCHAR[], []::VARCHAR[], []::VARCHAR[]),
          ('nudge', 1, '技改补助', '海南省工业和信息化厅', '承诺兑现', 'enterprise', 'year', 'entity', DATE '2024-01-01', DATE '2025-12-31', NULL, NULL, NULL, 30, NULL, []::VARCHAR[], []::VARCHAR[], []::VARCHAR[])
        ) t(item_id, version, title, issuer, mode, entity, cycle, claim_unit, valid_from, valid_to, window_from, window_to, budget_yuan, promise_days, award_expr, excludes, pilot, materials)""",
    "policy.condition": """
        SELECT * FROM (VALUES
          ('auto', 1, 'c1', '上年度研发费用不低于50万元', 'rd_expense_last_year >= 500000', 'ask', false),
          ('invite', 1, 'c1', '有效期内高新技术企业', 'is_hnte', 'ask', false),
          ('nudge', 1, 'c1', '上年度营业收入不低于2000万元', 'revenue_last_year >= 20000000', 'ask', false),
          ('nudge', 1, 'o1', '项目已竣工', NULL, NULL, true)
        ) t(item_id, version, condition_id, text, expr, on_unknown, outside)""",
    "policy.tag": "SELECT 'auto' AS item_id, 1 AS version, 'industry' AS facet, '不限' AS tag, 'reviewed' AS source, 1.0 AS score, '' AS because",
    "profile.enterprise": """
        SELECT * FROM (VALUES
          ('E1', '91460100A', '海南甲有限公司', '460105', '小型', 'C2710', 900000.00::DECIMAL(18,2), 30000000.00::DECIMAL(18,2), true),
          ('E2', '91460100B', '海南乙有限公司', '460204', '微型', 'I6510', 700000.00, 21000000.00, true),
          ('E3', '91460100C', '海南丙有限公司', '460105', '中型', 'C3610', 800000.00, 25000000.00, NULL)
        ) t(enterprise_id, uscc, name, registered_region, enterprise_size, industry, rd_expense_last_year, revenue_last_year, is_hnte)""",
    "profile.evidence": """
        SELECT enterprise_id, indicator, 'known' AS state, department, table_name, 'f1' AS file_id, 7 AS row_no, DATE '2023-12-31' AS valid_at, TIMESTAMP '2024-05-01' AS received_at
        FROM (VALUES ('E1'), ('E2'), ('E3')) e(enterprise_id),
             (VALUES ('rd_expense_last_year', 'tax', 'income_tax'), ('revenue_last_year', 'tax', 'income_tax'), ('is_hnte', 'science', 'hnte')) i(indicator, department, table_name)""",
    "match.pair": """
        SELECT *, []::VARCHAR[] AS short_of FROM (VALUES
          ('E1', '91460100A', 'auto', 1, 'eligible', ['c1'], []::VARCHAR[], []::VARCHAR[], false, 'clear', []::VARCHAR[], 90000.00::DECIMAL(18,2)),
          ('E2', '91460100B', 'auto', 1, 'eligible', ['c1'], [], [], false, 'unknown', ['dishonest'], 70000.00),
          ('E1', '91460100A', 'invite', 1, 'eligible', ['c1'], [], [], false, 'clear', [], 200000.00),
          ('E3', '91460100C', 'invite', 1, 'unknown', [], [], ['c1'], false, 'clear', [], NULL),
          ('E2', '91460100B', 'nudge', 1, 'declarable', ['c1'], [], ['o1'], false, 'clear', [], NULL)
        ) t(enterprise_id, uscc, item_id, version, verdict, met, failed, unknown, near_miss, bar, bars, amount_yuan)""",
    "raw.delivery": """
        SELECT department, table_name, TIMESTAMP '2024-12-16 09:00:00' AS received_at, 1 AS sequence, 'loaded' AS status, 100 AS rows_in, 0 AS rows_rejected
        FROM (VALUES ('tax', 'income_tax'), ('science', 'hnte'), ('tax', 'vat')) t(department, table_name)""",
    "raw.subject": """
        SELECT 's' || e AS _subject_id, 'market' AS department, 'h' || e AS phone_hash, TIMESTAMP '2024-01-01' AS first_received_at
        FROM (VALUES ('E1'), ('E2'), ('E3')) t(e)""",
    "registry.subject": "SELECT 's' || e AS _subject_id, e AS enterprise_id FROM (VALUES ('E1'), ('E2'), ('E3')) t(e)",
}


def holding(tables: Mapping[str, str], folder: Path, scope: FixedScope) -> DuckWarehouse:
    """A warehouse in memory with a table for each SELECT."""
    warehouse = DuckWarehouse(home=folder, scope=scope, memory=True)
    with warehouse.write() as transaction:
        for table, sql in tables.items():
            transaction.replace(table, sql)
    return warehouse


@pytest.fixture
def home(tmp_path: Path) -> DuckWarehouse:
    return holding(TABLES, tmp_path, FixedScope())


def materialized(warehouse: DuckWarehouse) -> dg.ExecuteInProcessResult:
    sources = sorted(
        {key for definition in (score, push) for key in definition.dependency_keys} - {dg.AssetKey(["match", "score"])}
    )
    result = dg.materialize(
        [*(dg.AssetSpec(key) for key in sources), score, push],
        resources={
            "warehouse": dg.ResourceDefinition.hardcoded_resource(warehouse),
            "scope": dg.ResourceDefinition.hardcoded_resource(FixedScope()),
            "control": dg.ResourceDefinition.hardcoded_resource(ControlStore(warehouse.home / "control.sqlite")),
        },
    )
    assert result.success
    return result


def test_one_list_per_mode_with_reasons_and_suppression(home: DuckWarehouse) -> None:
    materialized(home)
    lists = home.frame("SELECT * FROM push.list ORDER BY kind")
    assert lists.select("kind", "item_id", "row_count").rows() == [
        ("auto_award", "auto", 1),
        ("invite", "invite", 2),
        ("nudge", "nudge", 1),
    ]
    assert lists["amount_yuan"].to_list() == [Decimal("90000.00"), None, None]
    assert json.loads(lists["watermarks"][0])["tax"] == "2024-12-16T09:00:00"
    line = home.frame("SELECT * FROM push.line WHERE kind = 'auto_award'").row(0, named=True)
    (reason,) = json.loads(line["reasons"])
    assert reason == {
        "condition_id": "c1",
        "text": "上年度研发费用不低于50万元",
        "indicator": "rd_expense_last_year",
        "value": "900000.00",
        "department": "tax",
        "table_name": "income_tax",
        "valid_at": "2023-12-31",
    }
    held = home.frame("SELECT enterprise_id, item_id, reason FROM push.suppression ORDER BY ALL")
    assert held.rows() == [("E2", "auto", "bar_unknown")]
    asked = home.frame("SELECT missing, message FROM push.line WHERE item_id = 'nudge'").row(0, named=True)
    assert json.loads(asked["missing"]) == [{"condition_id": "o1", "text": "项目已竣工", "why": "需承诺", "ask": None}]
    assert asked["message"].endswith("回T退订")


def test_a_stale_feed_pays_nobody_and_still_invites(home: DuckWarehouse) -> None:
    with home.write() as transaction:
        transaction.execute("UPDATE raw.delivery SET received_at = TIMESTAMP '2023-01-01' WHERE department = 'tax'")
    materialized(home)
    assert "auto_award" not in home.frame("SELECT kind FROM push.list")["kind"].to_list()
    held = home.frame("SELECT reason, detail FROM push.suppression WHERE enterprise_id = 'E1'")
    assert held["reason"].to_list() == ["feed_unfit"]
    assert "tax.income_tax 已 717 天没有交付" in held["detail"][0]


def test_the_same_inputs_give_the_same_rows(home: DuckWarehouse) -> None:
    materialized(home)
    tables = ("push.list", "push.line", "push.suppression", "match.score")
    first = {table: home.frame(f"SELECT * FROM {table}").write_ndjson() for table in tables}
    materialized(home)
    assert first == {table: home.frame(f"SELECT * FROM {table}").write_ndjson() for table in tables}


def test_scores_are_explained_and_in_range(home: DuckWarehouse) -> None:
    materialized(home)
    scores = home.frame("SELECT * FROM match.score ORDER BY ALL")
    assert scores.height == 5
    assert scores.filter((pl.col("score") < 0) | (pl.col("score") > 1)).is_empty()
    features = json.loads(scores.row(0, named=True)["features"])
    assert features["met_share"] == 1.0 and 0 < features["margin"] < 1
    asked = scores.filter(pl.col("enterprise_id") == "E3")["score"][0]
    certain = scores.filter((pl.col("enterprise_id") == "E1") & (pl.col("item_id") == "invite"))["score"][0]
    assert asked < certain


def taken(home: DuckWarehouse) -> str:
    """The award list of the home, frozen by the people it needs; returns its id."""
    control = ControlStore(home.home / "control.sqlite")
    desk = Desk(control, trail(home.home))
    with control.transaction() as db:
        for name, role in (("王经办", "analyst"), ("李审批", "approver"), ("赵审批", "approver")):
            enrol(db, name, role, "correct horse")
    header = home.frame("SELECT * FROM push.list WHERE kind = 'auto_award'").to_dicts()[0]
    lines = home.frame("SELECT * FROM push.line WHERE kind = 'auto_award' ORDER BY line_no").to_dicts()
    name, sha256 = header["list_id"], header["sha256"]
    first, after = dt.datetime(2024, 12, 18, 9), dt.datetime(2024, 12, 26, 9)
    desk.submit(header, lines, [], {}, "王经办", "correct horse", first)
    desk.publicise(name, "王经办", "correct horse", first.date(), dt.date(2024, 12, 25), first)
    for officer in ("李审批", "赵审批"):
        desk.approve(name, sha256, officer, "correct horse", "同意", after)
    desk.freeze(
        name,
        "王经办",
        "correct horse",
        after,
        lambda rows: {},
        lambda head, rows: {row["line_key"]: Decimal(row["amount_yuan"]) for row in rows},
    )
    return str(name)


def test_a_frozen_list_stays_and_a_changed_day_makes_a_list_that_names_it(home: DuckWarehouse) -> None:
    materialized(home)
    frozen = taken(home)
    before = home.frame("SELECT * EXCLUDE (build_id) FROM push.line WHERE list_id = $id", {"id": frozen}).write_ndjson()
    materialized(home)
    again = home.frame("SELECT list_id FROM push.list WHERE kind = 'auto_award'")["list_id"].to_list()
    assert again == [frozen]  # the same day and facts propose the same list
    with home.write() as transaction:
        transaction.execute("UPDATE match.pair SET bar = 'clear', amount_yuan = 95000 WHERE item_id = 'auto'")
    materialized(home)
    lists = home.frame(
        "SELECT list_id, corrects, row_count FROM push.list WHERE kind = 'auto_award' ORDER BY corrects NULLS FIRST"
    )
    assert lists.height == 2 and lists["corrects"].to_list() == [None, frozen]
    kept = home.frame("SELECT * EXCLUDE (build_id) FROM push.line WHERE list_id = $id", {"id": frozen}).write_ndjson()
    assert kept == before  # not the new amount
    fresh = home.frame("SELECT enterprise_id FROM push.line WHERE list_id = $id", {"id": lists["list_id"][1]})
    assert fresh["enterprise_id"].to_list() == ["E2"]  # E1 has its award already
    held = home.frame("SELECT reason FROM push.suppression WHERE enterprise_id = 'E1' AND item_id = 'auto'")
    assert held["reason"].to_list() == ["already_paid"]


def exported(home: DuckWarehouse, at: dt.datetime) -> str:
    """The award list of the home, frozen and exported at `at`."""
    materialized(home)
    name = taken(home)
    Desk(ControlStore(home.home / "control.sqlite"), trail(home.home)).depart(
        name, "王经办", at, lambda db: Departure([], {})
    )
    return name


def test_money_is_followed_to_the_finance_ledger_and_chased_after_two_days(home: DuckWarehouse) -> None:
    name = exported(home, dt.datetime(2024, 12, 16, 23))
    # finance writes item ids in capitals, pays the share of the county apart, and pays two firms that stood on no list, one by an application
    with home.write() as transaction:
        transaction.replace(
            "raw.finance_redemption",
            """SELECT 's' || firm AS _subject_id, item AS policy_no, 'B1' AS batch_no, DATE '2024-12-18' AS paid_date, '省级' AS bearer_level,
               yuan AS paid_yuan, TIMESTAMP '2024-12-18 12:00:00' AS _received_at, 'f' AS _file_id, 1 AS _row_no, 'I' AS _op
               FROM (VALUES ('E1', 'AUTO', 50000.00::DECIMAL(18,2)), ('E2', 'AUTO', 70000.00), ('E3', 'NUDGE', 5.00)) t(firm, item, yuan)""",
        )
        transaction.replace(
            "raw.apply_case",
            """SELECT 'K1' AS case_no, 'sE3' AS _subject_id, 'NUDGE' AS item_id, DATE '2024-11-01' AS applied_date, '通过' AS decision,
               DATE '2024-11-20' AS decided_date, NULL::VARCHAR AS refusal_reason, TIMESTAMP '2024-11-20 10:00:00' AS updated_at,
               TIMESTAMP '2024-11-20 12:00:00' AS _received_at, 'g' AS _file_id, 1 AS _row_no, 'I' AS _op""",
        )
    result = materialized(home)
    row = home.frame("SELECT * FROM push.settlement").row(0, named=True)
    assert (row["list_id"], row["state"], row["paid_yuan"], row["overdue"]) == (
        name,
        "partial",
        Decimal("50000.00"),
        True,
    )
    (check,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "paid_in_time"]
    assert not check.passed and check.severity == dg.AssetCheckSeverity.WARN and "1 笔" in str(check.description)
    (check,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "paid_by_list"]
    stray = home.frame("SELECT enterprise_id, item_id, paid_yuan FROM push.unlisted").rows()
    assert not check.passed and stray == [("E2", "auto", Decimal("70000.00"))]
    desk = Desk(ControlStore(home.home / "control.sqlite"), trail(home.home))
    desk.explain_payment("E2", "auto", AS_OF, "会议纪要", "李审批", "correct horse", dt.datetime(2024, 12, 18, 9))
    with home.write() as transaction:
        transaction.execute(
            "INSERT INTO raw.finance_redemption SELECT * REPLACE ('市县' AS bearer_level, 40000.00 AS paid_yuan, 2 AS _row_no) FROM raw.finance_redemption WHERE _subject_id = 'sE1'"
        )
    result = materialized(home)
    row = home.frame("SELECT * FROM push.settlement").row(0, named=True)
    assert (row["state"], row["payments"], row["overdue"]) == ("split", 2, False)
    assert home.frame("SELECT * FROM push.unlisted").is_empty()
    assert all(check.passed for check in result.get_asset_check_evaluations())


def test_an_export_of_yesterday_is_not_late_yet(home: DuckWarehouse) -> None:
    exported(home, dt.datetime(2024, 12, 17, 9))
    result = materialized(home)
    assert home.frame("SELECT state, overdue FROM push.settlement").rows() == [("waiting", False)]
    assert all(check.passed for check in result.get_asset_check_evaluations())


def test_cases_and_payments_in_capitals_are_those_of_our_items(home: DuckWarehouse) -> None:
    with home.write() as transaction:
        transaction.replace(
            "raw.apply_case",
            """SELECT 'sE1' AS _subject_id, 'C1' AS case_no, 'INVITE' AS item_id, DATE '2024-12-01' AS applied_date, NULL::VARCHAR AS decision_source,
               NULL::VARCHAR AS decision, NULL::DATE AS decided_date, NULL::VARCHAR AS refusal_reason, TIMESTAMP '2024-12-01' AS updated_at,
               TIMESTAMP '2024-12-02' AS _received_at, 'f' AS _file_id, 1 AS _row_no, 'I' AS _op""",
        )
        transaction.replace(
            "raw.finance_redemption",
            """SELECT 'sE1' AS _subject_id, 'Auto' AS policy_no, 'B1' AS batch_no, DATE '2024-05-01' AS paid_date, '省级' AS bearer_level,
               90000.00::DECIMAL(18,2) AS paid_yuan, TIMESTAMP '2024-05-02' AS _received_at, 'f' AS _file_id, 1 AS _row_no, 'I' AS _op""",
        )
    materialized(home)
    held = home.frame("SELECT item_id, reason FROM push.suppression WHERE enterprise_id = 'E1' ORDER BY ALL")
    assert held.rows() == [("auto", "already_paid"), ("invite", "already_applied")]
