"""A few enterprises rebuilt from their own rows are what the whole build says of them."""

from datetime import date, datetime

import polars as pl
import pytest

from pipelines.replay import replayed
from tests.assets.profile_world import ProfileWorld
from tests.assets.test_profile_replay import FIRMS, deliveries


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = ProfileWorld(tmp_path_factory.mktemp("slice"), "2024-12-31", "2025-01-25T00:00:00")
    for table, rows, received, period in deliveries():
        world.deliver(table, rows, received, period)
    # the feed began with another firm: the newcomer's first month is a first time only against the whole feed
    world.deliver(
        "industry_output_month",
        [{"of": "甲", "name": "甲", "report_month": "2023-01-01", "output_yuan": "1"}],
        "2023-02-20",
        "202301",
    )
    world.deliver(
        "industry_output_month",
        [{"of": "乙", "name": "乙", "report_month": "2024-11-01", "output_yuan": "1"}],
        "2024-12-20",
        "202411",
    )
    patent = {
        "application_no": "202110000004.4",
        "application_date": "2021-05-01",
        "publication_date": "2022-05-01",
        "legal_status": "授权",
    }
    world.deliver("ip_patent", [{"of": "丙", "applicant_name": "丙", **patent}], "2024-12-20", "20241220")
    world.deliver(
        "ip_patent_status",
        [{"application_no": "202110000004.4", "event_date": "2024-06-01", "event": "lapsed"}],
        "2024-12-20",
    )
    world.store()
    return world.build()


def test_a_slice_equals_the_whole(world):
    some = FIRMS[:2]
    alone = replayed(world.scope.home, some, world.scope.as_of, world.scope.known_at)
    for table, keys in {
        "enterprise": ["enterprise_id"],
        "evidence": ["enterprise_id", "indicator"],
        "event": ["enterprise_id", "day", "kind"],
        "indicator_month": ["enterprise_id", "month"],
    }.items():
        whole = world.frame(f"SELECT * FROM profile.{table}").filter(pl.col("enterprise_id").is_in(some))
        assert alone.frame(f"SELECT * FROM profile.{table}").sort(keys).equals(whole.sort(keys)), table


def test_first_time_is_judged_against_the_whole_feed(world):
    assert world.profile("乙")["first_time_above_scale"] is True
    assert world.profile("甲")["first_time_above_scale"] is None, (
        "there from the feed's first month: nobody knows since when"
    )


def test_a_past_day_is_asked_without_touching_what_is_stored(world):
    before = world.frame("SELECT * FROM profile.enterprise")
    past = replayed(world.scope.home, ["丙"], date(2024, 4, 30), datetime.fromisoformat("2024-04-30T23:59:59"))
    assert past.frame("SELECT registered_region, patents_invention FROM profile.enterprise").rows() == [
        ("460105", None)
    ]
    assert world.frame("SELECT * FROM profile.enterprise").equals(before)
