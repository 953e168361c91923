"""Persons by the same engine: the talent items' own examples decided from profile.person, kept apart, and put on talent lists."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets.match_person import PERSON_MATCH_ASSETS
from assets.policy import condition_frame, item_frame
from assets.push_people import person_facts, person_pairs, persons
from data.corpus import in_force, load_items
from data.indicators import load
from matching.push.candidates import candidates
from matching.push.inputs import Dates, Inputs, Limits
from matching.rules import profile_frame
from pipelines.publish import publish
from pipelines.recompute import rechecked, recomputed
from pipelines.warehouse import DuckWarehouse

AS_OF = date(2025, 1, 25)
ITEMS = {item.id: item for item in in_force(load_items(), AS_OF) if item.entity == "person"}
MONTHLY = "hn-talent-monthly"


@dataclass(frozen=True)
class Day:
    as_of: date = AS_OF
    known_at: datetime = datetime(2025, 1, 25, 23, 59, 59)
    rules_as_of: date = AS_OF
    build_id: str = "b1"


def people() -> pl.DataFrame:
    rows = [
        {**example.given, "enterprise_id": f"{item.id}/{number}"}
        for item in ITEMS.values()
        for number, example in enumerate(item.examples)
    ]
    frame = profile_frame(rows, load()).rename({"enterprise_id": "person_id"})
    where = pl.struct(
        department=pl.lit("labor"), table_name=pl.lit("talent"), valid_at=pl.lit(date(2024, 12, 1)), row_no=pl.lit(4)
    )
    blank = [pl.lit(None, pl.String).alias(name) for name in ("person_employer_region",) if name not in frame.columns]
    return frame.with_columns(
        *blank,
        pl.col("person_insured_months").cast(pl.Int64),
        enterprise_id=pl.lit("E1"),
        talent_evidence=where,
        person_insurance_evidence=where,
    )


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckWarehouse:
    warehouse = DuckWarehouse(tmp_path)
    with warehouse.write() as w:
        w.replace("profile.person", people())
    run(warehouse, Day())
    return warehouse


def run(warehouse: DuckWarehouse, day: Day) -> None:
    assert dg.materialize(PERSON_MATCH_ASSETS, resources={"warehouse": warehouse, "scope": day}).success


def test_every_example_of_every_talent_item_has_its_verdict_and_amount(warehouse: DuckWarehouse) -> None:
    found = {
        (row["person_id"], row["item_id"]): row for row in warehouse.frame("SELECT * FROM match.person_pair").to_dicts()
    }
    met = 0
    for item in ITEMS.values():
        for number, example in enumerate(item.examples):
            row = found.get((f"{item.id}/{number}", item.id))
            if row is None:
                # not kept: more than one condition short
                assert example.verdict in ("ineligible", "unknown"), (item.id, example.name)
                continue
            met += 1
            assert row["verdict"] == example.verdict, (item.id, example.name)
            assert row["enterprise_id"] == "E1" and row["bar"] == "clear"
            if example.award is not None:
                assert row["amount_yuan"] == Decimal(example.award).quantize(Decimal("0.01")), (item.id, example.name)
    assert met >= len(ITEMS)
    totals = warehouse.frame("SELECT item_id, sum(n)::INT AS n FROM match.person_total GROUP BY 1 ORDER BY 1").rows()
    assert totals == [(item_id, people().height) for item_id in sorted(ITEMS)]


def test_enterprises_and_persons_are_never_in_one_table(warehouse: DuckWarehouse) -> None:
    assert not warehouse.exists("match.pair")
    assert "person_id" in warehouse.columns("match.person_pair")


def test_a_changed_person_ends_the_former_verdict_and_a_rerun_changes_nothing(warehouse: DuckWarehouse) -> None:
    changed = people().with_columns(
        person_insured_months=pl.when(pl.col("person_id") == f"{MONTHLY}/0")
        .then(5)
        .otherwise(pl.col("person_insured_months"))
    )
    with warehouse.write() as w:
        w.replace("profile.person", changed)
    for _ in range(2):
        run(warehouse, replace(Day(), as_of=date(2025, 2, 25)))
        sql = "SELECT verdict, valid_from, valid_to FROM {} WHERE person_id = $p AND item_id = $i ORDER BY valid_from"
        asked = {"p": f"{MONTHLY}/0", "i": MONTHLY}
        assert warehouse.frame(sql.format("match.person_pair"), asked).rows() == [
            ("ineligible", date(2025, 2, 25), None)
        ]
        assert warehouse.frame(sql.format("match.person_pair_past"), asked).rows() == [
            ("eligible", AS_OF, date(2025, 2, 24))
        ]


def test_before_the_first_delivery_the_tables_are_empty(tmp_path: Path) -> None:
    warehouse = DuckWarehouse(tmp_path)
    run(warehouse, Day())
    assert warehouse.frame("SELECT count(*) AS n FROM match.person_pair").item() == 0


def test_talent_lists_take_persons_and_only_the_eligible_are_paid(warehouse: DuckWarehouse) -> None:
    pairs, known = person_pairs(warehouse), persons(warehouse)
    assert (
        set(pairs["enterprise_id"]) <= set(known["enterprise_id"])
        and known["contact_hash"].null_count() == known.height
    )
    assert "ineligible" not in set(pairs["verdict"])
    items = pl.DataFrame(
        [
            {
                "item_id": item.id, "version": item.version, "title": item.title, "issuer": item.issuer, "mode": item.mode,
                "entity": item.entity, "cycle": item.cycle, "claim_unit": "entity", "valid_from": item.valid.start,
                "valid_to": item.valid.end, "window_from": None, "window_to": None, "budget_yuan": None, "promise_days": 10,
                "award_expr": item.award.expr if item.award else None, "excludes": [], "pilot": [], "materials": [],
            }
            for item in ITEMS.values()
        ]
    )  # fmt: skip
    conditions = pl.DataFrame(
        [
            {"item_id": i.id, "version": i.version, "condition_id": c.id, "text": c.text, "expr": c.expr, "on_unknown": c.on_unknown, "outside": False}
            for i in ITEMS.values()
            for c in i.conditions
        ]
    )  # fmt: skip
    inputs = Inputs(pairs=pairs, items=items, conditions=conditions, enterprises=known)
    found = candidates(inputs, Dates(AS_OF, Day().known_at, AS_OF, "b1", b"k"), Limits())
    paid = found.filter(pl.col("kind") == "talent")
    assert set(paid["verdict"]) == {"eligible"} and f"{MONTHLY}/0" in set(paid["enterprise_id"])
    assert set(found.filter(pl.col("verdict") != "eligible")["kind"]) <= {"department"}
    # what must be applied for is not paid unasked, and a person has no address of ours to be invited at
    modes = {item.id: item.mode for item in ITEMS.values()}
    assert {modes[item] for item in paid["item_id"]} == {"免申即享"}
    applied = found.filter(pl.col("item_id").is_in([i for i, mode in modes.items() if mode != "免申即享"]))
    assert applied.height and set(applied["kind"]) == {"department"}
    monthly = paid.filter(pl.col("item_id") == MONTHLY)
    assert set(monthly["cycle"]) == {"2025-01"}
    named = pl.DataFrame({"indicator": ["talent_level", "person_insured_months"]})
    facts = person_facts(warehouse, named, load()).filter(pl.col("enterprise_id") == f"{MONTHLY}/0")
    assert dict(facts.select("indicator", "value").iter_rows()) == {"talent_level": "D", "person_insured_months": "6"}
    assert facts["department"].to_list() == ["labor", "labor"]


def test_amounts_and_verdicts_of_persons_are_checked_again_before_freezing(warehouse: DuckWarehouse) -> None:
    item = ITEMS[MONTHLY]
    with warehouse.write() as w:
        w.replace("policy.item", item_frame([item]))
        w.replace("policy.condition", condition_frame([item]))
        w.execute(
            "CREATE SCHEMA IF NOT EXISTS push; CREATE TABLE push.list AS SELECT DATE '2025-01-25' AS as_of;"
            "CREATE TABLE match.pair (enterprise_id VARCHAR, item_id VARCHAR, version BIGINT, verdict VARCHAR, bar VARCHAR)"
        )
    publish(warehouse, Day())
    lines = [
        {"line_key": str(n), "enterprise_id": f"{MONTHLY}/{n}", "item_id": MONTHLY, "version": item.version, "kind": "talent"}
        for n in (0, 1, 2)
    ]  # fmt: skip
    header = {
        "item_id": MONTHLY,
        "version": item.version,
        "as_of": "2025-01-25",
        "kind": "talent",
        "budget_yuan": item.budget,
    }
    again = recomputed(warehouse.home, header, lines)
    assert again["0"] == Decimal(3000) and again["1"] == Decimal(10000)
    assert set(rechecked(warehouse.home, lines, date(2025, 1, 25))) == {"2"}
    with warehouse.write() as w:
        w.replace(
            "push.doubt",
            f"SELECT '{MONTHLY}/0' AS enterprise_id, NULL::VARCHAR AS item_id, 'row_rejected' AS reason, 'a.csv 第 18 行被退回' AS detail",
        )
    publish(warehouse, Day())
    assert "a.csv 第 18 行被退回" in rechecked(warehouse.home, lines, date(2025, 1, 25))["0"]
