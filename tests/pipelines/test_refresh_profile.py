"""An increment gives what a full build gives, whatever was delivered, in whatever order, about whomever."""

import random
from datetime import datetime, timedelta

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from assets.profile.plan import build, statements
from assets.profile.premises import premises
from assets.sql import upstream_tables
from pipelines.refresh import rebuild, refresh
from tests.assets.profile_world import ProfileWorld
from tests.assets.test_profile_replay import FIRMS, deliveries


def whole(world):
    """Every table of the profile, row by row as it lies."""
    return {name: world.frame(f'SELECT * FROM profile."{name}"').rows() for name in statements()}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("refresh")


def asked(world, known_at):
    world.ask(world.scope.as_of, known_at.isoformat())
    return refresh(world.warehouse, world.scope)


def increments_equal_full_builds(home, order, cuts):
    """Deliveries arrive a day apart in the order given; the profile is refreshed after some of them and must equal the full build then."""
    world = ProfileWorld(home, "2024-12-31")
    start = datetime(2025, 1, 1, 9)
    for place, number in enumerate(order):
        table, rows, _, period = deliveries()[number]
        at = start + timedelta(days=place)
        world.deliver(table, rows, at.isoformat(), period)
    reasons = []
    for days in cuts:
        reasons.append(asked(world, start + timedelta(days=days)).reason)
        found = whole(world)
        build(world.warehouse, world.scope)
        assert found == whole(world)
    return reasons


# a failing example is readable as it is, and shrinking it builds whole profiles for minutes
@pytest.mark.slow
@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(order=st.permutations(range(len(deliveries()))), cut=st.integers(3, 24))
def test_increments_in_any_order_equal_a_full_build(home, order, cut):
    increments_equal_full_builds(home, order, (cut, cut + 1, len(order)))


def test_an_increment_after_the_last_delivery_but_one_equals_a_full_build(home):
    """One order in CI, 6 s of CPU: the correction that hides a certificate arrives last, and only its enterprise is computed again."""
    order = list(range(len(deliveries())))
    random.Random(6).shuffle(order)
    last = next(n for n, (table, *_) in enumerate(deliveries()) if table == "reform_penalty")
    order = [n for n in order if n != last] + [last]
    increments_equal_full_builds(home, order, (len(order) - 1, len(order)))


def test_slices_of_enterprises_give_what_one_build_gives(world):
    build(world.warehouse, world.scope)
    whole_build = whole(world)
    assert rebuild(world.warehouse, world.scope, slice_size=2) == len(FIRMS)
    assert whole(world) == whole_build


def test_a_contract_read_otherwise_and_a_file_withdrawn_rebuild_everybody(world):
    with world.warehouse.write() as w:
        w.execute("UPDATE increment.built SET version = 'before'")
    assert "数据约定" in asked(world, datetime(2025, 1, 26)).reason
    with world.warehouse.write() as w:
        w.execute("UPDATE raw.delivery SET status = 'refused' WHERE table_name = 'hnte'")
        w.execute("DELETE FROM raw.science_hnte")
    assert asked(world, datetime(2025, 1, 26)).reason == "读过的交付文件撤回了"


@pytest.fixture
def world(tmp_path):
    world = ProfileWorld(tmp_path, "2024-12-31")
    for table, rows, received, period in deliveries():
        world.deliver(table, rows, received, period)
    world.deliver("tax_vat", [], "2025-01-19", "202412")
    asked(world, datetime(2025, 1, 25))
    return world


def test_only_the_enterprises_named_are_computed_again(world):
    heads = {"name": "x", "pension_count": 99, "unemployment_count": 99, "injury_count": 99}
    world.deliver("labor_headcount", [{"of": "丙", "pay_month": "2024-12-01", **heads}], "2025-01-26", "202412")
    done = asked(world, datetime(2025, 1, 26, 23))
    assert (done.enterprises, done.reason) == (1, None)
    counts = world.frame("SELECT enterprise_id, employees_insured FROM profile.enterprise").rows()
    assert dict(counts)["丙"] == 99
    assert dict(counts)["甲"] == 12


def test_a_subject_that_is_somebody_else_now_changes_both(world):
    with world.warehouse.write() as w:
        w.execute("UPDATE registry.subject SET enterprise_id = '乙' WHERE enterprise_id = '甲'")
    assert asked(world, datetime(2025, 1, 26)).enterprises == 2
    found = whole(world)
    build(world.warehouse, world.scope)
    assert found == whole(world)


def test_a_feed_that_now_holds_another_month_rebuilds_everybody(world):
    world.deliver("customs_trade_month", [], "2025-01-26", "202412")
    done = asked(world, datetime(2025, 1, 27))
    assert done.enterprises == len(FIRMS)
    assert "各户都依据的交付情况变了" in done.reason


def test_every_reading_of_a_fact_about_feeds_is_a_premise():
    """A statement may read feeds only in clauses of their own; labor_month besides asks each file for its office, which is the file's own fact."""
    told = {name.split(".")[0] for name, _ in premises()}
    reading = {n for n, sql in statements().items() if upstream_tables(sql, n) & {"profile.feed", "raw.delivery"}}
    assert reading - told == {"feed", "evidence"}
