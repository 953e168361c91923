"""The registry from build to build: judgements replayed, events, and what a second build looks at."""

from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from assets.registry import REGISTRY_ASSETS
from matching.identity import judgements
from tests.assets.registry_world import TABLES, at, built, registry_world, resolved


@pytest.fixture
def world(tmp_path: Path) -> SimpleNamespace:
    return registry_world(tmp_path)


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
