"""A small published home whose enterprises are the examples of the real policy files, with scores, cases and a person's item."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import dagster as dg
import polars as pl

from assets import match, policy
from data.corpus import in_force, load_items
from data.indicators import load
from matching.rules import profile_frame
from pipelines.publish import publish
from pipelines.warehouse import DuckWarehouse

AS_OF = date(2024, 12, 31)
ITEMS = {item.id: item for item in in_force(load_items(), AS_OF) if item.entity == "enterprise"}
ITEM = "hn-tech-sme-rd"


@dataclass(frozen=True)
class Day:
    as_of: date = AS_OF
    known_at: datetime = datetime(2024, 12, 31, 18)
    rules_as_of: date = AS_OF
    build_id: str = "b1"


def build(home: Path) -> Path:
    """Makes and publishes build b1."""
    warehouse = DuckWarehouse(home)
    rows = [
        {**example.given, "enterprise_id": f"{item.id}-{n}"}
        for item in ITEMS.values()
        for n, example in enumerate(item.examples)
    ]
    frame = profile_frame(rows, load()).with_columns(
        uscc=pl.concat_str(pl.lit("U"), pl.int_range(pl.len()).cast(pl.String).str.zfill(4)),
        name=pl.concat_str(pl.lit("企业"), pl.int_range(pl.len()).cast(pl.String)),
    )
    with warehouse.write() as w:
        w.replace("profile.enterprise", frame)
        w.execute(
            "CREATE SCHEMA IF NOT EXISTS registry; CREATE TABLE registry.key (enterprise_id VARCHAR, kind VARCHAR, code VARCHAR);"
            f"INSERT INTO registry.key VALUES ('{ITEM}-0', 'regno', '460100000000001')"
        )
    resources = {"warehouse": warehouse, "scope": Day()}
    assert dg.materialize([*policy.POLICY_ASSETS, *match.MATCH_ASSETS], resources=resources).success
    with warehouse.write() as w:
        w.replace("match.score", w_scores(warehouse))
        w.replace("mart.fact_case", _cases())
        w.replace("push.decision", _decisions())
    publish(warehouse, Day())
    return home


def w_scores(warehouse: DuckWarehouse) -> pl.DataFrame:
    pairs = warehouse.frame(
        "SELECT enterprise_id, item_id, version FROM match.pair WHERE verdict <> 'ineligible' ORDER BY ALL"
    )
    return pairs.with_columns(score=(pl.int_range(pl.len()) % 97) / 97)


def again(home: Path, build_id: str, as_of: date) -> None:
    """Publishes the same tables as another build of another day."""
    publish(DuckWarehouse(home), replace(Day(), build_id=build_id, as_of=as_of))


def _cases() -> pl.DataFrame:
    row = {
        "case_no": "BJ1", "uscc": "U0000", "item_id": ITEM, "cycle": "2024", "mode": "承诺兑现", "applied_date": date(2024, 5, 1),
        "accepted_date": date(2024, 5, 2), "supplement_count": 0, "decision": "approved", "decided_date": date(2024, 5, 9),
        "refusal_reason": None, "approved_yuan": Decimal("120000.00"), "promise_days": 10, "due_date": date(2024, 5, 16),
        "paid_date": date(2024, 6, 1), "paid_yuan": Decimal("120000.00"),
    }  # fmt: skip
    money = {"approved_yuan": pl.Decimal(18, 2), "paid_yuan": pl.Decimal(18, 2), "refusal_reason": pl.String}
    return pl.DataFrame([row], schema_overrides=money)


def _decisions() -> pl.DataFrame:
    row = {
        "case_no": "BJ2", "enterprise_id": f"{ITEM}-0", "item_id": ITEM, "version": ITEMS[ITEM].version, "applied_on": date(2024, 12, 30),
        "answer": "ask", "reason": "请补充上年度研发费用", "amount_yuan": None, "due_on": date(2025, 1, 15),
    }  # fmt: skip
    return pl.DataFrame([row], schema_overrides={"amount_yuan": pl.Decimal(18, 2)})
