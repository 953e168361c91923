"""A rejected row that names a firm keeps money from it until a later row about it could be read; so does a tax office that has deregistered it."""

import datetime as dt
from pathlib import Path

import pytest

from assets.push_doubt import doubts
from pipelines.warehouse import DuckWarehouse
from tests.assets.test_push import FixedScope, holding

RESTED = [("x", 1, "reform", "penalty"), ("y", 2, "tax", "vat"), ("z", 1, "labor", "talent")]
TABLES = {
    "quality.reject": """
        SELECT file AS file_id, file, row_no, reason, department, table_name, subject FROM (VALUES
          ('reg1.csv', 18, '应有 23 列，实际 24 列', 'market', 'baseinfo', 'pripid=P1;uscc=U1'),
          ('reg1.csv', 19, '应有 23 列，实际 24 列', 'market', 'baseinfo', 'pripid=P2'),
          ('reg1.csv', 20, '应有 23 列，实际 24 列', 'market', 'baseinfo', 'pripid=nobody'),
          ('reg1.csv', 21, '应有 23 列，实际 24 列', 'market', 'baseinfo', NULL),
          ('pen1.jsonl', 3, '罚款金额：不是数', 'reform', 'penalty', 'uscc=U3'),
          ('vat1.txt', 5, '申报日期：不是合法日期', 'tax', 'vat', 'djxh=D3'),
          ('rc1.xlsx', 9, '认定日期：不是合法日期', 'labor', 'talent', 'person=h1'),
          ('rc1.xlsx', 10, '认定日期：不是合法日期', 'labor', 'talent', 'person=h2'),
          ('hnte1.xlsx', 5, '发证日期：不是合法日期', 'science', 'hnte', 'uscc=U3')
        ) t(file, row_no, reason, department, table_name, subject)""",
    "raw.delivery": """
        SELECT file AS file_id, department, table_name, CAST(day AS TIMESTAMP) AS received_at FROM (VALUES
          ('reg1.csv', 'market', 'baseinfo', '2024-04-08'), ('pen1.jsonl', 'reform', 'penalty', '2024-04-09'),
          ('vat1.txt', 'tax', 'vat', '2024-05-20'), ('hnte1.xlsx', 'science', 'hnte', '2024-05-20'),
          ('rc1.xlsx', 'labor', 'talent', '2024-05-20')
        ) t(file, department, table_name, day)""",
    "registry.key": """
        SELECT * FROM (VALUES ('A', 'pripid', 'P1'), ('A', 'uscc', 'U1'), ('B', 'pripid', 'P2'), ('C', 'uscc', 'U3'), ('C', 'djxh', 'D3'))
        t(enterprise_id, kind, code)""",
    "registry.subject": "SELECT 's' || e AS _subject_id, e AS enterprise_id FROM (VALUES ('A'), ('B'), ('C')) t(e)",
    # B was reported again after the row that could not be read; A only before it
    "raw.market_baseinfo": """
        SELECT * FROM (VALUES ('sA', TIMESTAMP '2024-01-03'), ('sB', TIMESTAMP '2024-01-03'), ('sB', TIMESTAMP '2024-06-03'))
        t(_subject_id, _received_at)""",
    "raw.reform_penalty": "SELECT 'sA' AS _subject_id, TIMESTAMP '2024-06-03' AS _received_at",
    "raw.tax_vat": "SELECT 'sC' AS _subject_id, TIMESTAMP '2024-06-20' AS _received_at",
    "raw.labor_talent": """
        SELECT * FROM (VALUES ('sA', 'h1', TIMESTAMP '2024-01-03'), ('sA', 'h2', TIMESTAMP '2024-06-03')) t(_subject_id, person_hash, _received_at)""",
    "raw.science_hnte": "SELECT 'sA' AS _subject_id, TIMESTAMP '2024-06-03' AS _received_at",
    "profile.enterprise": """
        SELECT * FROM (VALUES ('A', '存续', '正常'), ('B', '存续', '注销'), ('C', '注销', '注销'), ('D', NULL, '注销'), ('E', '存续', NULL))
        t(enterprise_id, business_status, taxpayer_status)""",
}


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckWarehouse:
    return holding(TABLES, tmp_path, FixedScope())


def test_who_is_named_by_the_newest_row_that_could_not_be_read(warehouse: DuckWarehouse) -> None:
    found = [row for row in doubts(warehouse, RESTED).rows() if row[3] == "row_rejected"]
    assert [row[:3] for row in found] == [("A", None, None), ("C", "x", 1), ("h1", "z", 1)]
    assert found[0][4] == "reg1.csv 第 18 行被退回（应有 23 列，实际 24 列），此后没有读得出来的行"


def test_a_row_received_later_than_the_moment_looked_from_is_not_known(tmp_path: Path) -> None:
    made = holding(TABLES, tmp_path, FixedScope(known_at=dt.datetime(2024, 4, 8, 12)))
    # neither the penalty's reject of the next day is known, nor the row that cleared B in June
    assert [row[:2] for row in doubts(made, RESTED).rows() if row[3] == "row_rejected"] == [("A", None), ("B", None)]


def test_a_firm_the_tax_office_has_deregistered_is_not_taken_for_one_in_business(warehouse: DuckWarehouse) -> None:
    found = [row for row in doubts(warehouse, RESTED).rows() if row[3] == "standing_disputed"]
    assert [(row[0], row[4]) for row in found] == [
        ("B", "税务登记已注销，登记机关为存续"),
        ("D", "税务登记已注销，登记机关为未知"),
    ]


def test_a_home_whose_rejects_say_nothing_of_firms_has_no_doubts(tmp_path: Path) -> None:
    made = holding({"profile.enterprise": "SELECT 'A' AS enterprise_id"}, tmp_path, FixedScope())
    assert doubts(made, RESTED).is_empty()
