"""The work list: one thing of every sort that waits, why, since when, due when, how it is settled; and gone once it is settled."""

import datetime as dt
import json

import duckdb
import pytest

from assets.push_proofs import checked
from matching.identity import judgements
from pipelines.approval import Desk
from pipelines.docket import RefusedError
from pipelines.proofs import refuted
from pipelines.waiting import PROMISED, SORTS, Waiting
from pipelines.worklist import waiting
from tests.pipelines.test_approval import AFTER_NOTICE, PHRASE, approved, frozen, line, shown, submitted
from tests.pipelines.test_approval import desk as desk

TODAY = dt.date(2025, 1, 27)
HEADED = {"title": "奖励甲", "department": "工信厅", "row_count": 1}
PUBLISHED = """
CREATE SCHEMA push; CREATE SCHEMA match; CREATE SCHEMA policy; CREATE SCHEMA registry; CREATE SCHEMA raw; CREATE SCHEMA profile; CREATE SCHEMA mart;
CREATE TABLE push.list AS SELECT * FROM (VALUES
  ('invite.a.x', 'invite', '奖励甲', '工信厅', DATE '2025-01-25', DATE '2025-01-26', 3, NULL),
  ('auto_award.a.y', 'auto_award', '奖励乙', '工信厅', DATE '2025-01-25', DATE '2025-02-24', 2, 500.00),
  ('department.a.z', 'department', '奖励丙', '住建厅', DATE '2025-01-25', NULL, 2, NULL)
) t(list_id, kind, title, department, as_of, valid_until, row_count, amount_yuan);
CREATE TABLE push.line AS SELECT 'department.a.z' AS list_id, 'E' || n AS enterprise_id, 'c' AS item_id, 1 AS version, DATE '2025-03-31' AS deadline FROM range(1, 3) t(n);
CREATE TABLE match.pair AS SELECT 'E1' AS enterprise_id, 'c' AS item_id, 1 AS version, DATE '2025-01-10' AS valid_from;
CREATE TABLE policy.item AS SELECT 'i' AS item_id, 1 AS version, '奖励丁' AS title, '科技厅' AS issuer;
CREATE TABLE push.decision AS SELECT * FROM (VALUES
  ('K1', 'i', 1, 'review', '须部门核实：无欠薪', DATE '2025-01-20', DATE '2025-01-23', NULL),
  ('K2', 'i', 1, 'approve', '全部条件符合', DATE '2025-01-21', DATE '2025-01-24', '[{"indicator": "employees_insured", "value": "60", "submitted_on": "2025-01-21"}]'),
  ('K3', 'i', 1, 'ask', '请补充：参保', DATE '2025-01-21', DATE '2025-01-24', NULL)
) t(case_no, item_id, version, answer, reason, applied_on, due_on, declared);
CREATE TABLE profile.declaration AS SELECT 'K2' AS case_no, 'employees_insured' AS indicator, '社保缴费证明' AS proof;
CREATE TABLE registry.enterprise AS SELECT 'E1' AS enterprise_id, '海南甲有限公司' AS name;
CREATE TABLE registry.review AS SELECT 'subject00001' AS _subject_id, 1 AS rank, 'E1' AS enterprise_id, 'tax' AS department, '海南甲公司' AS said_name, NULL AS said_code, '名称相近,把握不足' AS reason
  UNION ALL SELECT 'subject00002', 1, 'E3', 'finance', '海南丙公司', NULL, '同名主体不止一个';
CREATE TABLE registry.said AS SELECT _subject_id, TIMESTAMP '2025-01-06 09:00:00' AS first_received_at FROM (VALUES ('subject00001'), ('subject00002')) t(_subject_id);
CREATE TABLE raw.delivery AS SELECT 'f0' AS file_id, 'CZT_Y.xlsx' AS name, 'finance' AS department, 'redemption' AS table_name, 'I' AS kind, '202412' AS period, '01' AS batch, 'loaded' AS status, '' AS reason, TIMESTAMP '2025-01-19 09:00:00' AS received_at
  UNION ALL SELECT 'f1' AS file_id, 'SWJ_X.txt' AS name, 'tax' AS department, 'vat' AS table_name, 'F' AS kind, '202412' AS period, '01' AS batch, 'held' AS status, '行数异常' AS reason, TIMESTAMP '2025-01-24 09:00:00' AS received_at;
CREATE TABLE push.payout AS SELECT 'ZF1' AS voucher_no, '扶持资金' AS purpose, 'a' AS item_id, DATE '2025-01-10' AS paid_on, 88.00::DECIMAL(18,2) AS paid_yuan, '工信局' AS budget_unit, 'unsure' AS state;
CREATE SCHEMA quality; CREATE TABLE quality.reject AS SELECT file_id, 'finance' AS department, 'redemption' AS table_name, 'local=7;uscc=' || uscc AS subject
  FROM (VALUES ('f1', '91460100MA5T000001'), ('f0', '91460100MA5T000002')) t(file_id, uscc);
CREATE TABLE push.settlement AS SELECT enterprise_id, uscc, 'auto_award.old' AS list_id, 'waiting' AS state, true AS overdue, 100.00::DECIMAL(18,2) AS granted_yuan, TIMESTAMP '2025-01-20 09:00:00' AS exported_at
  FROM (VALUES ('E1', '91460100MA5T000001'), ('E2', '91460100MA5T000002'), ('E3', '91460100MA5T000003'), ('E4', '91460100MA5T000004')) t(enterprise_id, uscc);
CREATE TABLE push.unlisted AS SELECT 'E1' AS enterprise_id, 'i' AS item_id, DATE '2025-01-23' AS paid_on, 9000.00::DECIMAL(18,2) AS paid_yuan;
CREATE TABLE push.doubt AS SELECT 'E1' AS enterprise_id, NULL AS item_id, NULL::BIGINT AS version, 'row_rejected' AS reason, 'a.csv 第 18 行被退回' AS detail;
CREATE TABLE push.suppression AS SELECT kind, 'E1' AS enterprise_id, '91460100MA5T000001' AS uscc, item_id, 'row_rejected' AS reason, 'a.csv 第 18 行被退回' AS detail, yuan::DECIMAL(18,2) AS amount_yuan
  FROM (VALUES ('auto_award', 'i', 900), ('decision', 'j', 100), ('invite', 'k', 5000)) t(kind, item_id, yuan);
CREATE TABLE push.fund AS SELECT 'jobs' AS pool, '就业资金' AS label, 'alarm' AS state, 10.00::DECIMAL(18,2) AS free_yuan, 50.00::DECIMAL(18,2) AS alarm_yuan;
CREATE TABLE profile.enterprise AS SELECT 'E1' AS enterprise_id, '91460100MA5T000001' AS uscc, '海南甲有限公司' AS name, 5 AS employees_insured;
CREATE TABLE mart.dim_enterprise AS SELECT 'E1' AS enterprise_id, '海南甲有限公司' AS name;
CREATE TABLE mart.fact_complaint AS SELECT 'T1' AS ticket_no, 'E1' AS enterprise_id, '政策咨询' AS category, TIMESTAMP '2025-01-20 09:00:00' AS accepted_at, NULL::TIMESTAMP AS closed_at, DATE '2025-01-27' AS close_due_date;
"""


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute(PUBLISHED)
    return made


def listed(con: duckdb.DuckDBPyConnection, desk: Desk, without: str = "") -> list[Waiting]:
    tables = {
        f"{s}.{t}" for s, t in con.execute("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
    }
    return waiting(
        lambda sql: con.sql(sql).pl().to_dicts(), lambda name: name in tables and name != without, desk.control, TODAY
    )


def of(found: list[Waiting], sort: str) -> list[tuple[str, dt.date | None, dt.date | None]]:
    return [(one.subject, one.since, one.due) for one in found if one.sort == sort]


def test_everything_that_waits_is_listed_with_its_days_and_the_way_to_settle_it(
    con: duckdb.DuckDBPyConnection, desk: Desk
) -> None:
    header = approved(desk, [line(1)], **HEADED)
    frozen(desk, header)
    desk.reverse(header["list_id"], line(1)["line_key"], "账户有误", "李审批", PHRASE, AFTER_NOTICE, False)
    with desk.control.transaction() as db:
        db.execute(
            "INSERT INTO dispute (enterprise_id, uscc, indicator, value, department, claimed, actor, why, at)"
            " VALUES ('E1', '9146', 'employees_insured', '5', 'labor', '8', '王经办', '漏报三人', '2025-01-20T09:00:00')"
        )
    found = listed(con, desk)
    assert {one.sort for one in found} == set(SORTS)
    day = dt.date
    assert ("invite.a.x", day(2025, 1, 25), day(2025, 1, 26)) in of(found, "list")
    assert of(found, "verify") == [("department.a.z", day(2025, 1, 10), day(2025, 3, 31))]
    assert of(found, "case") == [("K1", day(2025, 1, 20), day(2025, 1, 23))]
    assert of(found, "document") == [("K2 employees_insured", day(2025, 1, 21), day(2025, 1, 24))]
    # ten working days over the make-up Sunday the 26th
    assert of(found, "identity") == [
        (one, day(2025, 1, 6), day(2025, 1, 20)) for one in ("subject00001", "subject00002")
    ]
    assert of(found, "delivery") == [("SWJ_X.txt", day(2025, 1, 24), day(2025, 1, 27))]
    assert of(found, "settlement") == [("auto_award.old waiting", day(2025, 1, 20), day(2025, 1, 22))]
    assert of(found, "unlisted") == [("91460100MA5T000001 i 2025-01-23", day(2025, 1, 23), day(2025, 1, 26))]
    (doubt,) = [one for one in found if one.sort == "doubt"]
    assert (doubt.subject, doubt.n, str(doubt.amount_yuan)) == ("91460100MA5T000001", 2, "1000.00")
    assert "a.csv 第 18 行被退回；2 个事项停付" in doubt.why and "重新交付" in doubt.settle
    assert of(found, "call") == [("T1", day(2025, 1, 20), day(2025, 1, 27))]
    urgency = [(one.sort in PROMISED, one.due or day.max) for one in found]
    assert urgency == sorted(urgency), "what a policy or a list dates stands before our own wishes"
    assert all(one.why and one.settle and one.page.startswith("/") for one in found)
    words = {one.sort: f"{one.why} {one.settle}" for one in found}
    assert words["settlement"].startswith("4 笔未见支付，其中 2 户有支付记录待归户")
    assert "社保缴费证明" in words["document"] and "huiqi verify K2 employees_insured" in words["document"]
    assert (
        "李审批 要求冲销（账户有误）" in words["reversal"]
        and "企业对" in words["dispute"]
        and "漏报三人" in words["dispute"]
    )
    (document,) = [one.document(TODAY) for one in found if one.sort == "settlement"]
    assert document["late_days"] == 5 and document["sort_name"] == "兑付对账"
    assert {one.sort for one in listed(con, desk, without="registry.review")} == set(SORTS) - {"identity"}


def test_what_people_have_settled_since_the_run_is_gone(con: duckdb.DuckDBPyConnection, desk: Desk) -> None:
    with desk.control.transaction() as db:
        judgements.prepare(db)
        judgements.judge(db, "subject00001", "E1", same=True, who="王经办", why="电话相同", at=AFTER_NOTICE)
        judgements.judge(db, "subject00002", "E3", same=True, who="王经办", why="账号相同", at=AFTER_NOTICE)
        db.execute("INSERT INTO delivery_note VALUES ('f1', 'released', '王经办', '部门确认', '2025-01-26T09:00:00')")
    desk.judge_payout("ZF1", "a", "王经办", PHRASE, AFTER_NOTICE)
    desk.check_document("K2", "employees_insured", "60", True, "社保系统查得60人", "王经办", PHRASE, AFTER_NOTICE)
    with pytest.raises(RefusedError, match="依据什么"):
        desk.explain_payment("E1", "i", dt.date(2025, 1, 23), " ", "李审批", PHRASE, AFTER_NOTICE)
    with pytest.raises(RefusedError, match="角色"):
        desk.explain_payment("E1", "i", dt.date(2025, 1, 23), "会议纪要", "王经办", PHRASE, AFTER_NOTICE)
    desk.explain_payment("E1", "i", dt.date(2025, 1, 23), "会议纪要〔2025〕3号", "李审批", PHRASE, AFTER_NOTICE)
    found = {one.sort for one in listed(con, desk)}
    assert found & {"identity", "delivery", "payout", "document", "unlisted"} == set()


def test_a_list_says_what_it_waits_for_at_every_step(con: duckdb.DuckDBPyConnection, desk: Desk) -> None:
    def said(list_id: str) -> str:
        (one,) = [one for one in listed(con, desk) if one.subject == list_id]
        return f"{one.why}|{one.settle.split()[1]} {one.settle.split()[2]}"

    header = submitted(desk, [line(1)], **HEADED)
    name = header["list_id"]
    assert said(name) == "已核对，等公示|list notice"
    shown(desk, header)
    desk.approve(name, header["sha256"], "李审批", PHRASE, "", AFTER_NOTICE)
    assert "已批准 1 人，需要 2 人" in said(name) and "期满后等审批" in said(name)
    desk.object(name, line(1)["line_key"], "材料不实", "王经办", PHRASE, AFTER_NOTICE)
    assert "有 1 条异议" in said(name) and "|reject" in said(name)


def test_a_refuted_document_stops_the_payment_and_only_that_value(desk: Desk) -> None:
    reasons = [{"condition_id": "c1", "indicator": "employees_insured", "value": "60", "department": "apply"}]
    rows = [
        {"line_key": key, "case_no": case, "reasons": json.dumps(reasons)}
        for key, case in (("a", "K2"), ("b", "K9"), ("c", None))
    ]
    with pytest.raises(RefusedError, match="依据"):
        desk.check_document("K2", "employees_insured", "60", False, " ", "王经办", PHRASE, AFTER_NOTICE)
    for value, holds in (("61", False), ("60", True), ("60", False)):
        desk.check_document("K2", "employees_insured", value, holds, "社保系统查得41人", "王经办", PHRASE, AFTER_NOTICE)
    with desk.control.transaction() as db:
        assert refuted(db, rows) == {"a": "申报材料经核验不符：社保系统查得41人"}
    assert checked(desk.control)["K2", "employees_insured", "60"] == (False, "社保系统查得41人")
    assert desk.control.rows("SELECT count(*) AS n FROM audit WHERE action = 'check_document'") == [{"n": 3}]
