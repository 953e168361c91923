"""Small raw tables for the registry's assets, and what a build of them says."""

from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import polars as pl

from assets.registry import REGISTRY_ASSETS
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

TABLES = ("enterprise", "name", "subject", "review", "key", "relation", "branch")

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


def registry_world(tmp_path: Path) -> SimpleNamespace:
    """A scope, a warehouse in memory with the raw tables the registry reads, and a control store."""
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
