"""Every row of a text frame is loaded, a repeat, or rejected with column and reason; identity keys never reject; rules agree in two engines."""

import hashlib
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from data.contract import Rule, Table, parse_feed
from quality.conform import Conformed, code_list, conform
from quality.expectations import great_expectations_outcomes, validated
from quality.masks import Outcome, outcome, outcomes
from quality.reconcile import conserved, content_faults, envelope_faults, parse_control

KEY = b"k" * 32
CONTRACT = """
department: probe
name: 探测厅
prefix: TC
contact: 信息科
forms: {one: {pattern: 'x', format: csv}}
tables:
  firm:
    native: T
    label: 企业
    primary: [uscc]
    valid_at: known_date
    cadence: day
    CONFLICT
    delete: {rule: flag, column: op, values: [D]}
    local_kind: unit
    subject: {uscc: uscc, local: unit_no, name: name, phone: phone_hash}
    columns:
      uscc: {label: 信用代码, header: A, type: code, key: uscc}
      unit_no: {label: 单位编号, header: B, type: code, key: local, optional: true}
      name: {label: 名称, header: C, required: true}
      status: {label: 状态, header: D, codes: registration_status}
      country: {label: 国别, header: E, codes: country, open: true, optional: true}
      capital_yuan: {label: 资本, header: F, type: money, unit: 万元}
      known_date: {label: 日期, header: G, type: date}
      phone_hash: {label: 电话, header: H, personal: contact, optional: true}
      owners: {label: 申请人, header: I, optional: true, split: {by: ';；', rank: owner_rank}}
      op: {label: 操作, header: J, type: code, optional: true}
    rules:
      - {id: capital_not_negative, label: 资本不为负, level: row, max_bad_share: 0.3, expect: expect_column_values_to_be_between, kwargs: {column: capital_yuan, min_value: 0}}
      - {id: known_since_1990, label: 日期在 1990 年后, level: row, expect: expect_column_values_to_be_between, kwargs: {column: known_date, min_value: '1990-01-01'}}
      - {id: code_18, label: 代码 18 位, level: warn, expect: expect_column_values_to_match_regex, kwargs: {column: uscc, regex: '\\A[0-9A-Z]{18}\\Z'}}
      - {id: op_known, label: 操作已知, level: row, expect: expect_column_values_to_be_in_set, kwargs: {column: op, value_set: [I, U, D]}}
      - {id: named, label: 有名称, level: row, expect: expect_column_values_to_not_be_null, kwargs: {column: name}}
      - {id: some_rows, label: 至少一行, level: feed, expect: expect_table_row_count_to_be_between, kwargs: {min_value: 1}}
      - {id: capital_scale, label: 均值正常, level: warn, expect: expect_column_mean_to_be_between, kwargs: {column: capital_yuan, min_value: 1, max_value: 1000000000}}
"""


def contract(conflict: str = "keep", **changed: Any) -> Table:
    table = parse_feed(CONTRACT.replace("CONFLICT", f"conflict: {conflict}"), "probe.yml").tables["firm"]
    return Table.model_validate({**table.model_dump(), **changed}) if changed else table


GOOD = {
    "uscc": "91460100MA5T00000X",
    "name": "甲公司",
    "status": "存续",
    "capital_yuan": "1",
    "known_date": "2024-01-02",
}


def conformed(*rows: dict[str, str | None], table: Table | None = None) -> Conformed:
    names = sorted({n for row in rows for n in row})
    frame = pl.DataFrame({n: [row.get(n) for row in rows] for n in names}, schema=dict.fromkeys(names, pl.String))
    frame = frame.with_columns(
        pl.int_range(2, len(rows) + 2, dtype=pl.Int64).alias("_row_no"),
        pl.lit("f1").alias("_file_id"),
        pl.lit("").alias("_sheet"),
        pl.lit("202401").alias("_period"),
        pl.lit(datetime(2024, 2, 1, 9)).alias("_received_at"),
    )
    if "_numeric" not in frame.columns:
        frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias("_numeric"))
    return conform(frame, table or contract(), KEY)


def counts(found: Conformed) -> tuple[int, int, int]:
    row = found.counts.row(0, named=True)
    return row["loaded"], row["rejected"], row["duplicate"]


def test_types_units_codes_and_source_text() -> None:
    row = conformed(
        {**GOOD, "status": "存续（在营、开业、在册）", "country": "火星", "capital_yuan": "1,234.5"}
    ).rows.row(0, named=True)
    assert (row["status"], row["status_source"]) == ("active", "存续（在营、开业、在册）")
    assert (row["country"], row["country_source"]) == (None, "火星")
    assert row["capital_yuan"] == Decimal("12345000.00")
    assert row["known_date"] == date(2024, 1, 2)


def test_the_columns_are_those_of_the_contract() -> None:
    assert conformed(GOOD).rows.columns == list(contract().stored)


@pytest.mark.parametrize(
    ("fault", "column", "rule"),
    [
        ({"capital_yuan": "NaN"}, "capital_yuan", "number"),
        ({"known_date": "2026-02-30"}, "known_date", "date"),
        ({"known_date": "2024-03-01"}, "known_date", "future"),
        ({"name": " "}, "name", "required"),
        ({"name": "#REF!"}, "name", "excel_error"),
        ({"status": "不知道"}, "status", "code"),
    ],
)
def test_a_faulty_cell_rejects_its_row_and_says_where(fault: dict[str, str], column: str, rule: str) -> None:
    found = conformed(GOOD, {**GOOD, **fault})
    assert counts(found) == (1, 1, 0)
    reject = found.rejects.row(0, named=True)
    assert (reject["_file_id"], reject["_row_no"], reject["column_name"], reject["rule"]) == ("f1", 3, column, rule)
    assert contract().columns[column].label in reject["reason"]


@pytest.mark.parametrize("key", ["91460100MA5TOOISVZ", "460100123456789", "x", "914601000000000000", None])
def test_an_identity_key_never_rejects(key: str | None) -> None:
    found = conformed({**GOOD, "uscc": key})
    assert counts(found) == (1, 0, 0)
    assert found.rows["uscc"].to_list() == [key.upper() if key else None]


@pytest.mark.parametrize(
    ("unit_no", "numeric", "lost"),
    [("1.01460E+19", None, True), ("2E+15", None, True), ("10146000000000000000", "unit_no", True),
     ("10146000000000000000", None, False), ("123456789012", "unit_no", False), ("5E12", None, False), ("1E05A", None, False)],
)  # fmt: skip
def test_a_number_that_lost_its_digits_is_no_code(unit_no: str, numeric: str | None, lost: bool) -> None:
    found = conformed({**GOOD, "unit_no": unit_no, "_numeric": numeric})
    assert found.rejects.select("column_name", "rule").rows() == ([("unit_no", "rounded")] if lost else [])
    assert found.rows.height == (0 if lost else 1)


def test_identical_rows_collapse_and_conflicting_ones_are_kept_or_rejected() -> None:
    other = {**GOOD, "capital_yuan": "2"}
    assert counts(conformed(GOOD, GOOD, other)) == (2, 0, 1)
    found = conformed(GOOD, GOOD, other, table=contract("reject"))
    assert counts(found) == (0, 2, 1)
    assert found.rejects["rule"].to_list() == ["conflict", "conflict"]


def test_payments_alike_are_two_payments() -> None:
    assert counts(conformed(GOOD, GOOD, table=contract(repeats="keep"))) == (2, 0, 0)


def test_several_names_in_one_cell_become_rows_of_one_record() -> None:
    found = conformed({**GOOD, "owners": "甲公司；海南大学;"}, {**GOOD, "uscc": "y", "owners": None})
    assert found.rows.select("owners", "owner_rank", "_row_no").rows() == [
        ("甲公司", 1, 2),
        ("海南大学", 2, 2),
        (None, 1, 3),
    ]
    assert counts(found) == (2, 0, 0)


def test_operations() -> None:
    found = conformed(*[{**GOOD, "op": op, "capital_yuan": str(i)} for i, op in enumerate(["I", "U", "D", None])])
    assert found.rows["_op"].to_list() == ["I", "U", "D", "I"]


def test_one_subject_per_way_of_naming() -> None:
    found = conformed(
        {**GOOD, "unit_no": "7"},
        {**GOOD, "unit_no": "7", "capital_yuan": "9"},
        {**GOOD, "unit_no": "8"},
        {**GOOD, "_numeric": "uscc"},
    )
    ids = found.rows["_subject_id"].to_list()
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert found.subjects.height == 3
    assert found.subjects.filter(pl.col("has_numeric_key")).height == 1
    assert set(found.subjects["local_kind"].to_list()) == {"unit", None}


def test_personal_values_are_nowhere() -> None:
    found = conformed({**GOOD, "phone_hash": "13800138000"}, {**GOOD, "name": None, "phone_hash": "13800138000"})
    for frame in (found.rows, found.rejects, found.subjects):
        assert "13800138000" not in frame.write_csv()


def test_row_order_changes_nothing_but_order() -> None:
    rows = [{**GOOD, "uscc": str(i), "capital_yuan": str(i % 3)} for i in range(12)] + [{**GOOD, "name": None}]
    a, b = conformed(*rows), conformed(*rows[::-1])
    payload = [c for c in a.rows.columns if c != "_row_no"]
    assert a.rows.select(payload).sort("uscc").equals(b.rows.select(payload).sort("uscc"))
    assert counts(a) == counts(b)


def test_code_lists_hold_no_contradiction() -> None:
    assert code_list("registration_status")["吊销,未注销"] == "revoked"
    assert code_list("tax_credit_level")["A"] == "A"


ROWS = [
    GOOD,
    {**GOOD, "uscc": "short\n", "capital_yuan": "-5"},
    {**GOOD, "uscc": "91460100MA5T00000X", "known_date": "1980-01-01", "op": "X"},
    {**GOOD, "uscc": None, "capital_yuan": None, "known_date": None, "op": "U"},
]
EXPECTED = {"capital_not_negative": [1], "known_since_1990": [2], "code_18": [1], "op_known": [2], "named": []}


def positions(found: list[Outcome]) -> dict[str, list[int]]:
    return {o.rule.id: o.bad.arg_true().to_list() for o in found if o.bad is not None}


def test_masks_and_great_expectations_find_the_same_rows() -> None:
    rows = conformed(*ROWS).rows
    assert positions(outcomes(rows, contract())) == EXPECTED
    theirs = great_expectations_outcomes(rows, contract())
    assert positions(theirs) == EXPECTED
    assert [o.rule.id for o in theirs] == [r.id for r in contract().rules]
    both = validated(rows, contract())
    assert not [o for o in both if o.broken]
    assert [o.passed for o in both] == [True, False, False, False, True, True, False]


@pytest.mark.parametrize(
    "broken",
    [
        {"expect": "expect_column_values_to_be_between", "kwargs": {"column": "nowhere", "min_value": 0}},
        {"expect": "expect_column_values_to_match_regex", "kwargs": {"column": "uscc", "regex": "("}},
        {"expect": "expect_column_values_to_match_regex", "kwargs": {"column": "capital_yuan", "regex": "x"}},
        {"expect": "expect_the_moon", "kwargs": {}},
    ],
)
def test_a_broken_check_is_not_zero_bad_rows(broken: dict[str, Any]) -> None:
    table = contract(rules=[{"id": "broken_rule", "label": "坏规则", "level": "row", **broken}])
    found = validated(conformed(GOOD).rows, table)[0]
    assert found.broken
    assert not found.passed


def test_every_contract_rule_can_be_evaluated_and_would_fail_on_something() -> None:
    from data import contract as contracts

    for table in contracts.tables():
        schema = {n: _polars(k) for n, k in table.stored.items()}
        empty = pl.DataFrame(schema=schema)
        for rule in table.rules:
            assert outcome(empty, rule).broken is None, f"{table.key}.{rule.id}"


def _polars(kind: str) -> pl.DataType:
    return {
        "VARCHAR": pl.String(), "DATE": pl.Date(), "TIMESTAMP": pl.Datetime("us"), "BIGINT": pl.Int64(), "BOOLEAN": pl.Boolean(),
        "DECIMAL(18,2)": pl.Decimal(18, 2), "DECIMAL(18,6)": pl.Decimal(18, 6),
    }[kind]  # fmt: skip


def test_share_decides_and_the_limit_is_inclusive() -> None:
    rule = Rule(
        id="negative",
        label="x",
        level="row",
        max_bad_share=0.5,
        expect="expect_column_values_to_be_between",
        kwargs={"column": "a", "min_value": 0},
    )
    assert outcome(pl.DataFrame({"a": [1, -1]}), rule).passed
    assert not outcome(pl.DataFrame({"a": [1, -1, -1]}), rule).passed


def test_control_files() -> None:
    control = parse_control("rows=3\namount=1,000.50\nmd5=900150983cd24fb0d6963f7d28e17f72\nperiod=202411\nbatch=1\n")
    assert envelope_faults(control, hashlib.md5(b"abc").hexdigest(), "202411", "01") == []
    assert len(envelope_faults(control, hashlib.md5(b"abd").hexdigest(), "202412", "02")) == 3
    assert content_faults(control, 3, Decimal("1000.50")) == []
    assert "相差 -1" in content_faults(control, 2, None)[0]
    assert "相差 -0.50" in content_faults(control, 3, Decimal("1000"))[0]
    with pytest.raises(ValueError, match="第 1 行"):
        parse_control("<xml/>")


def test_conservation() -> None:
    row = {"rows_in": 10, "rows_loaded": 6, "rows_rejected": 2, "rows_duplicate": 1, "rows_total": 1}
    assert conserved(row)
    assert not conserved({**row, "rows_loaded": 5})
