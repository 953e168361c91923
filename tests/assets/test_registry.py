"""The registry's assets over small raw tables: ids, names with dates, what was known when, conflicts, relations, judgements."""

from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import polars as pl
import pytest

from assets.registry import REGISTRY_ASSETS
from matching.identity import judgements
from pipelines.control import ControlStore
from pipelines.warehouse import DuckWarehouse


def uscc(body: str, head: str = "91460100") -> str:
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    total = sum(
        (int(c) if c.isdigit() else ord(c) - 55) * w for c, w in zip(body, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)
    )
    code = head + body + {10: "X", 11: "0"}.get(11 - total % 11, str(11 - total % 11))
    weighted = sum(alphabet.index(c) * pow(3, i, 31) for i, c in enumerate(code))
    return code + alphabet[(31 - weighted % 31) % 31]


RUIDA, HAIDE, VILLAGE, BRANCH = uscc("MA5T1A2B"), uscc("MA5T9C8D"), uscc("MF123456", "N2460100"), uscc("MA5TBRAN"[:8])

BASE = {
    "pripid": pl.String, "uscc": pl.String, "regno": pl.String, "name": pl.String, "enterprise_type": pl.String, "legal_person": pl.String,
    "established_date": pl.Date, "approved_date": pl.Date, "address": pl.String, "region_code": pl.String, "status": pl.String,
    "phone_hash": pl.String, "op": pl.String, "op_at": pl.Datetime, "_file_id": pl.String, "_row_no": pl.Int64,
    "_period": pl.String, "_received_at": pl.Datetime, "_subject_id": pl.String,
}  # fmt: skip
SUBJECT = {
    **dict.fromkeys(
        ["_subject_id", "department", "table_name", "uscc", "regno", "org_code", "tax_id", "local_kind", "local_id", "customs_code", "trade_code",
         "name", "legal_person", "region", "address", "phone_hash"],
        pl.String,
    ),
    "first_received_at": pl.Datetime,
}  # fmt: skip
ALTER = {
    "pripid": pl.String,
    "alter_item": pl.String,
    "before_text": pl.String,
    "after_text": pl.String,
    "alter_date": pl.Date,
    "_received_at": pl.Datetime,
}
BRANCHES = {
    "pripid": pl.String,
    "branch_name": pl.String,
    "branch_regno": pl.String,
    "branch_uscc": pl.String,
    "_received_at": pl.Datetime,
    "_row_no": pl.Int64,
    "_op": pl.String,
}
INVESTORS = {
    "pripid": pl.String,
    "investor_name": pl.String,
    "contributed_date": pl.Date,
    "subscribed_yuan": pl.Decimal(18, 2),
    "_received_at": pl.Datetime,
    "_row_no": pl.Int64,
    "_op": pl.String,
}


def at(day: str) -> datetime:
    return datetime.fromisoformat(day)


def table(schema: dict[str, Any], *rows: dict[str, Any]) -> pl.DataFrame:
    money = {c for c, t in schema.items() if t == pl.Decimal(18, 2)}
    texts = {c: pl.String if c in money else t for c, t in schema.items()}
    return pl.DataFrame([{c: r.get(c) for c in schema} for r in rows], schema=texts).cast(
        dict.fromkeys(money, pl.Decimal(18, 2))
    )


def base(pripid: str, code: str | None, name: str, day: str, op: str = "I", **more: Any) -> dict[str, Any]:
    return {
        "pripid": pripid, "uscc": code, "name": name, "op": op, "op_at": at(day), "_received_at": at(day), "_file_id": f"f{day}", "_row_no": 1,
        "_subject_id": f"m-{pripid}", "status": "active", **more,
    }  # fmt: skip


def said(subject_id: str, department: str = "finance", day: str = "2024-03-01", **roles: Any) -> dict[str, Any]:
    return {"_subject_id": subject_id, "department": department, "first_received_at": at(day), **roles}


@pytest.fixture
def world(tmp_path: Path) -> SimpleNamespace:
    scope = SimpleNamespace(
        as_of=date(2024, 12, 31), known_at=at("2024-12-31"), rules_as_of=date(2024, 12, 31), build_id="b"
    )
    warehouse = DuckWarehouse(tmp_path, scope, memory=True)
    control = ControlStore(tmp_path / "control.sqlite")
    rows = {
        "raw.market_baseinfo": table(
            BASE,
            base(
                "P1",
                RUIDA,
                "海南瑞达科技有限公司",
                "2024-01-01",
                established_date=date(2019, 1, 1),
                legal_person="王甲",
            ),
            base(
                "P1",
                RUIDA,
                "海南宏图科技有限公司",
                "2024-06-02",
                "U",
                established_date=date(2019, 1, 1),
                legal_person="王甲",
            ),
            base("P2", HAIDE, "三亚海德旅游有限公司", "2024-01-01"),
            base("P2", HAIDE, "三亚海德旅游有限公司", "2024-05-01", "D"),
            base("P3", BRANCH, "海南宏图科技有限公司三亚分公司", "2024-02-01"),
            base("P9", None, "未到的公司", "2025-02-01"),
        ),
        "raw.market_alter": table(
            ALTER,
            {
                "pripid": "P1",
                "alter_item": "name",
                "before_text": "海南瑞达科技有限公司",
                "after_text": "海南宏图科技有限公司",
                "alter_date": date(2024, 6, 1),
                "_received_at": at("2024-06-02"),
            },
        ),
        "raw.market_branch": table(
            BRANCHES,
            {"pripid": "P1", "branch_name": "三亚分公司", "branch_uscc": BRANCH, "_received_at": at("2024-02-01")},
            {
                "pripid": "P1",
                "branch_name": "海口分公司",
                "branch_regno": "110108000000016",
                "_received_at": at("2024-03-01"),
                "_op": "I",
            },
            {
                "pripid": "P1",
                "branch_name": "海口分公司",
                "branch_regno": "110108000000016",
                "_received_at": at("2024-09-01"),
                "_op": "D",
            },
        ),
        "raw.market_investor": table(
            INVESTORS,
            {
                "pripid": "P2",
                "investor_name": "海南宏图科技有限公司",
                "subscribed_yuan": "60.00",
                "_received_at": at("2024-02-01"),
            },
            {"pripid": "P2", "investor_name": "王甲", "subscribed_yuan": "40.00", "_received_at": at("2024-02-01")},
        ),
        "raw.subject": table(
            SUBJECT,
            said("m-P1", "market", local_kind="pripid", local_id="P1"),
            said("m-P2", "market", local_kind="pripid", local_id="P2"),
            said("coded", uscc=RUIDA, name="海南瑞达科技有限公司"),
            said("former", name="海南瑞达科技有限责任公司"),
            said("clash", uscc=RUIDA, name="三亚海德旅游有限公司"),
            said("tax", "tax", uscc=RUIDA, local_kind="djxh", local_id="D1"),
            said("filing", "tax", local_kind="djxh", local_id="D1"),
            said("village", "agri", uscc=VILLAGE, name="海口某村股份经济合作社"),
            said("late", day="2025-03-01", uscc=RUIDA),
        ),
    }
    with warehouse.write() as w:
        for name, frame in rows.items():
            w.replace(name, frame)
    return SimpleNamespace(scope=scope, warehouse=warehouse, control=control)


def built(world: SimpleNamespace) -> DuckWarehouse:
    result = dg.materialize(
        REGISTRY_ASSETS,
        resources={"warehouse": world.warehouse, "scope": world.scope, "control": world.control},
        raise_on_error=True,
    )
    assert result.success
    return world.warehouse


def resolved(warehouse: DuckWarehouse) -> dict[str, tuple[str | None, str]]:
    rows = warehouse.frame(
        "SELECT s._subject_id, e.pripid, s.tier FROM registry.subject s LEFT JOIN registry.enterprise e USING (enterprise_id)"
    )
    return {r["_subject_id"]: (r["pripid"], r["tier"]) for r in rows.to_dicts()}


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


def test_a_judgement_is_replayed(world: SimpleNamespace) -> None:
    haide = built(world).frame("SELECT enterprise_id FROM registry.enterprise WHERE pripid = 'P2'").item()
    with world.control.transaction() as db:
        judgements.judge(db, "clash", haide, same=True, who="张三", why="核对执照", at=at("2024-12-01"))
    assert resolved(built(world))["clash"] == ("P2", "judgement")
    assert world.warehouse.frame("SELECT * FROM registry.event").is_empty(), "从待定到归一不是合并"
    with world.control.transaction() as db:
        judgements.judge(db, "clash", haide, same=False, who="李四", why="复核改判", at=at("2024-12-02"))
    assert resolved(built(world))["clash"] == (None, "review")


def test_a_row_that_changes_its_enterprise_is_an_event(world: SimpleNamespace) -> None:
    ids = dict(
        built(world).frame("SELECT pripid, enterprise_id FROM registry.enterprise WHERE pripid IS NOT NULL").rows()
    )
    with world.control.transaction() as db:
        judgements.judge(db, "coded", ids["P2"], same=True, who="张三", why="填错信用代码", at=at("2024-12-01"))
    world.scope.build_id = "b2"
    rows = built(world).frame("SELECT build_id, kind, enterprise_id, other_id, rows FROM registry.event").rows()
    assert rows == [("b2", "split", ids["P1"], ids["P2"], 1)]
    assert built(world).frame("SELECT count(*) FROM registry.event").item() == 1, "同一次运行重做不重复记"


def test_judgements_can_only_be_added(world: SimpleNamespace) -> None:
    with world.control.transaction() as db:
        judgements.prepare(db)
        judgements.judge(db, "s", "e", same=True, who="张三", why="", at=at("2024-12-01"))
    for statement in ("UPDATE judgement SET same = 0", "DELETE FROM judgement"):
        with pytest.raises(Exception, match="只能追加"), world.control.transaction() as db:
            db.execute(statement)
    with pytest.raises(ValueError, match="判定人"), world.control.transaction() as db:
        judgements.judge(db, "s", "e", same=True, who=" ", why="", at=at("2024-12-01"))


TABLES = ("enterprise", "name", "subject", "review", "key", "relation", "branch")


def looked_at(world: SimpleNamespace) -> int:
    """How many subjects a build resolved."""
    result = dg.materialize(
        REGISTRY_ASSETS, resources={"warehouse": world.warehouse, "scope": world.scope, "control": world.control}
    )
    (told,) = result.asset_materializations_for_node("registry_subject")[:1]
    return int(told.metadata["resolved_now"].value)  # type: ignore[arg-type]


def test_a_build_after_another_looks_at_few_and_says_what_a_first_build_says(world: SimpleNamespace) -> None:
    world.scope.known_at = at("2024-05-15")
    assert looked_at(world) == 6
    # What comes in: a renaming of P1 and a row; the names of P1 concern whoever was put on it.
    world.scope.known_at = at("2025-12-31")
    assert looked_at(world) > 1
    told = {t: world.warehouse.frame(f"SELECT * FROM registry.{t}").rows() for t in TABLES}
    assert looked_at(world) == 0
    with world.warehouse.write() as w:
        w.execute("UPDATE identity.basis SET basis = 'another'")
    assert looked_at(world) == 7
    assert {t: world.warehouse.frame(f"SELECT * FROM registry.{t}").rows() for t in TABLES} == told


def test_the_same_inputs_give_the_same_rows(world: SimpleNamespace) -> None:
    first = {t: built(world).frame(f"SELECT * FROM registry.{t}").rows() for t in TABLES}
    base_rows = world.warehouse.frame("SELECT * FROM raw.market_baseinfo").sample(fraction=1, shuffle=True, seed=3)
    subject_rows = world.warehouse.frame("SELECT * FROM raw.subject").sample(fraction=1, shuffle=True, seed=3)
    with world.warehouse.write() as w:
        w.replace("raw.market_baseinfo", base_rows)
        w.replace("raw.subject", subject_rows)
    assert {t: built(world).frame(f"SELECT * FROM registry.{t}").rows() for t in TABLES} == first
