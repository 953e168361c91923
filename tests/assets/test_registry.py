"""The registry's assets over small raw tables: ids, names with dates, what was known when, conflicts, relations."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from tests.assets.registry_world import (
    BASE,
    BRANCH,
    HAIDE,
    RUIDA,
    SUBJECT,
    TABLES,
    VILLAGE,
    at,
    base,
    built,
    registry_world,
    resolved,
    said,
    table,
    uscc,
)


@pytest.fixture
def world(tmp_path: Path) -> SimpleNamespace:
    return registry_world(tmp_path)


def test_every_way_of_naming_finds_its_enterprise(world: SimpleNamespace) -> None:
    told = resolved(built(world))
    assert told == {
        "m-P1": ("P1", "key"),
        "m-P2": ("P2", "key"),
        "coded": ("P1", "key"),
        "former": ("P1", "name"),
        "clash": (None, "review"),
        "tax": ("P1", "key"),
        "filing": ("P1", "local"),
        "village": (None, "key"),
    }
    village = world.warehouse.frame("SELECT uscc, origin FROM registry.enterprise WHERE origin = 'department'").rows()
    assert village == [(VILLAGE, "department")]


def test_the_latest_state_before_known_at(world: SimpleNamespace) -> None:
    rows = (
        built(world)
        .frame(
            "SELECT pripid, uscc, name, is_deleted FROM registry.enterprise WHERE origin = 'register' ORDER BY pripid"
        )
        .rows()
    )
    assert rows == [
        ("P1", RUIDA, "海南宏图科技有限公司", False),
        ("P2", HAIDE, "三亚海德旅游有限公司", True),
        ("P3", BRANCH, "海南宏图科技有限公司三亚分公司", False),
    ]
    world.scope.known_at = at("2024-02-15")
    rows = (
        built(world)
        .frame("SELECT pripid, name, is_deleted FROM registry.enterprise WHERE origin = 'register' ORDER BY pripid")
        .rows()
    )
    assert rows[:2] == [("P1", "海南瑞达科技有限公司", False), ("P2", "三亚海德旅游有限公司", False)]


def test_names_and_keys_are_dated(world: SimpleNamespace) -> None:
    warehouse = built(world)
    rows = warehouse.frame(
        "SELECT n.name, n.clean_name, n.valid_from, n.valid_to FROM registry.name n JOIN registry.enterprise e USING (enterprise_id) WHERE e.pripid = 'P1' ORDER BY ALL"
    ).rows()
    assert rows == [
        ("海南宏图科技有限公司", "海南宏图科技有限公司", date(2024, 6, 1), None),
        ("海南瑞达科技有限公司", "海南瑞达科技有限公司", None, date(2024, 6, 1)),
    ]
    keys = warehouse.frame(
        "SELECT k.kind, k.code, k.department FROM registry.key k JOIN registry.enterprise e USING (enterprise_id) WHERE e.pripid = 'P1' ORDER BY ALL"
    ).rows()
    assert keys == [
        ("djxh", "D1", "tax"),
        ("org9", RUIDA[8:17], "market"),
        ("pripid", "P1", "market"),
        ("uscc", RUIDA, "market"),
    ]


def test_the_evidence_of_a_code_is_the_row_received_first(world: SimpleNamespace) -> None:
    with world.warehouse.write() as w:
        later = base(
            "P1", RUIDA, "海南瑞达科技有限公司", "2024-01-01", established_date=date(2019, 1, 1), legal_person="王甲"
        )
        # The quarterly dump repeats the row, with the same or an earlier time of change, under a file id that sorts first.
        for day, op_at in (("2024-04-08", "2024-01-01"), ("2024-07-08", "2023-12-31")):
            again = later | {"_received_at": at(day), "op_at": at(op_at), "_file_id": f"a{day}", "_row_no": 7}
            w.append("raw.market_baseinfo", table(BASE, again), key=("_file_id",))
    rows = (
        built(world)
        .frame(
            "SELECT DISTINCT k.kind, k.valid_from, k.file_id, k.row_no FROM registry.key k JOIN registry.enterprise e USING (enterprise_id) WHERE e.pripid = 'P1' AND k.department = 'market' ORDER BY ALL"
        )
        .rows()
    )
    first = (date(2023, 12, 31), "f2024-01-01", 1)
    assert rows == [(kind, *first) for kind in ("org9", "pripid", "uscc")]


def test_ids_stay_when_more_arrives(world: SimpleNamespace) -> None:
    world.scope.known_at = at("2024-02-15")
    before = dict(
        built(world).frame("SELECT pripid, enterprise_id FROM registry.enterprise WHERE pripid IS NOT NULL").rows()
    )
    world.scope.known_at = at("2025-12-31")
    after = dict(
        built(world).frame("SELECT pripid, enterprise_id FROM registry.enterprise WHERE pripid IS NOT NULL").rows()
    )
    assert before.items() <= after.items() and len(after) == len(before) + 1


def test_a_founding_after_its_approval_dates_no_name(world: SimpleNamespace) -> None:
    slip = {"established_date": date(2099, 1, 1), "approved_date": date(2024, 7, 1)}
    with world.warehouse.write() as w:
        w.append(
            "raw.market_baseinfo",
            table(BASE, base("P8", uscc("MA5T5L1P"), "海口慢一商贸有限公司", "2024-07-02", **slip)),
            key=("pripid",),
        )
        w.append("raw.subject", table(SUBJECT, said("slip", name="海口慢一商贸有限公司", uscc=uscc("MA5T5L1P"))))
    assert resolved(built(world))["slip"] == ("P8", "key")
    rows = world.warehouse.frame("SELECT established_date FROM registry.enterprise WHERE pripid = 'P8'").rows()
    dated = world.warehouse.frame(
        "SELECT n.valid_from FROM registry.name n JOIN registry.enterprise e USING (enterprise_id) WHERE e.pripid = 'P8'"
    ).rows()
    assert (rows, dated) == ([(None,)], [(None,)])


def test_a_payment_before_the_founding_waits_for_the_clerk(world: SimpleNamespace) -> None:
    """The earliest day of any row that uses the name, of rows known on the day; a month later another row tells more."""
    paid = {"_subject_id": pl.String, "paid_date": pl.Date, "_received_at": pl.Datetime}
    year = {"_subject_id": pl.String, "report_year": pl.Int64, "_received_at": pl.Datetime}
    rows = [("old", date(2018, 12, 31), "2024-03-01"), ("new", date(2019, 1, 1), "2024-03-01"), ("later", date(2024, 3, 1), "2024-03-01"),
            ("later", date(2018, 6, 1), "2024-08-01")]  # fmt: skip
    named = {"name": "海南瑞达科技有限公司"}
    with world.warehouse.write() as w:
        w.replace(
            "raw.finance_payment",
            table(paid, *[{"_subject_id": s, "paid_date": d, "_received_at": at(r)} for s, d, r in rows]),
        )
        told = [("last year", 2018), ("first year", 2019)]
        w.replace(
            "raw.science_rd_input",
            table(year, *[{"_subject_id": s, "report_year": y, "_received_at": at("2024-03-01")} for s, y in told]),
        )
        ids = ["old", "new", "later", "last year", "first year"]
        w.append("raw.subject", table(SUBJECT, *[said(s, region=str(i), **named) for i, s in enumerate(ids)]))
    world.scope.known_at = at("2024-07-01")
    yes, no = ("P1", "name"), (None, "review")
    told_ids = resolved(built(world))
    assert {s: told_ids[s] for s in ids} == {"old": no, "new": yes, "later": yes, "last year": no, "first year": yes}
    world.scope.known_at = at("2024-12-31")
    assert resolved(built(world))["later"] == no
    why = world.warehouse.frame("SELECT why FROM registry.review WHERE _subject_id = 'later'")["why"].to_list()
    assert len(why) == 1 and "所记日期 2018-06-01 早于成立日期 2019-01-01" in why[0]


def test_one_code_under_two_numbers(world: SimpleNamespace) -> None:
    with world.warehouse.write() as w:
        w.append(
            "raw.market_baseinfo",
            table(
                BASE,
                base("P7", HAIDE, "三亚海德旅游有限公司", "2024-07-01", _row_no=7),
                base("P8", RUIDA, "儋州别家餐饮店", "2024-07-01", _row_no=8),
            ),
        )
    rows = (
        built(world)
        .frame(
            "SELECT p.pripid, e.pripid FROM registry.pripid p JOIN registry.enterprise e USING (enterprise_id) ORDER BY 1"
        )
        .rows()
    )
    assert dict(rows) == {"P1": "P1", "P2": "P2", "P3": "P3", "P7": "P2", "P8": "P8"}
    assert resolved(world.warehouse)["tax"] == (None, "review"), "一码两主体,没有名称可以裁决"
    assert resolved(world.warehouse)["coded"] == ("P1", "key")


def test_relations_are_not_merges(world: SimpleNamespace) -> None:
    rows = built(world).frame(
        """SELECT a.pripid, b.pripid, r.kind FROM registry.relation r JOIN registry.enterprise a USING (enterprise_id)
        JOIN registry.enterprise b ON b.enterprise_id = r.other_id ORDER BY ALL"""
    )
    assert rows.rows() == [("P1", "P2", "group"), ("P1", "P2", "shareholder"), ("P3", "P1", "branch")]
    branches = world.warehouse.frame(
        "SELECT branch_name, own_id IS NOT NULL, valid_from, valid_to FROM registry.branch ORDER BY branch_name"
    )
    assert branches.rows() == [
        ("三亚分公司", True, date(2024, 2, 1), None),
        ("海口分公司", False, date(2024, 3, 1), date(2024, 9, 1)),
    ]


def test_a_trader_who_became_a_company_is_followed_not_merged(world: SimpleNamespace) -> None:
    shop, firm = uscc("MA5TXHAP", "92460100"), uscc("MA5TFRMA")
    same: dict[str, Any] = {"legal_person": "李乙", "address": "海口市某路1号"}
    with world.warehouse.write() as w:
        w.append(
            "raw.market_baseinfo",
            table(
                BASE,
                base("T1", shop, "海口金椰餐饮店", "2023-01-01", _row_no=11, **same),
                base("T1", shop, "海口金椰餐饮店", "2024-05-20", "U", _row_no=12, **same, status="cancelled"),
                base(
                    "T2",
                    firm,
                    "海口金椰餐饮管理有限公司",
                    "2024-06-03",
                    _row_no=13,
                    established_date=date(2024, 6, 1),
                    **same,
                ),
            ),
        )
        w.append("raw.subject", table(SUBJECT, said("old", uscc=shop, name="海口金椰餐饮店"), said("new", uscc=firm)))
    told = resolved(built(world))
    assert (told["old"], told["new"]) == (("T1", "key"), ("T2", "key"))
    rows = world.warehouse.frame(
        """SELECT a.pripid, b.pripid, r.valid_from FROM registry.relation r JOIN registry.enterprise a USING (enterprise_id)
        JOIN registry.enterprise b ON b.enterprise_id = r.other_id WHERE r.kind = 'succession'"""
    )
    assert rows.rows() == [("T2", "T1", date(2024, 6, 1))]


def test_the_same_inputs_give_the_same_rows(world: SimpleNamespace) -> None:
    def told() -> dict[str, list[tuple[Any, ...]]]:
        warehouse = built(world)
        return {t: warehouse.frame(f"SELECT * FROM registry.{t}").rows() for t in TABLES}

    first = told()
    base_rows = world.warehouse.frame("SELECT * FROM raw.market_baseinfo").sample(fraction=1, shuffle=True, seed=3)
    subject_rows = world.warehouse.frame("SELECT * FROM raw.subject").sample(fraction=1, shuffle=True, seed=3)
    with world.warehouse.write() as w:
        w.replace("raw.market_baseinfo", base_rows)
        w.replace("raw.subject", subject_rows)
        # Without its memory, so that everything is resolved anew.
        w.execute("DROP TABLE identity.basis")
    assert told() == first
