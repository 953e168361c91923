"""Metrics recomputed from the inputs and the cases by a second path: Python loops and polars, no SQL."""

from __future__ import annotations

import pytest

from evaluation.metrics import catalogue
from tests.assets.metric_parts import World, mature
from tests.assets.metric_paths import BY_ITEM, SECOND_PATH


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("metrics"))


def test_every_metric_has_a_second_path() -> None:
    computed = {metric.id for metric in catalogue() if metric.kind != "unavailable"}
    assert computed == set(SECOND_PATH) | set(BY_ITEM)


@pytest.mark.parametrize("name", sorted(BY_ITEM))
def test_a_metric_of_items_alone_equals_its_second_path(world: World, name: str) -> None:
    found = {
        key[1]: float(row["value"])
        for key, row in world.metrics.items()
        if key[0] == name and key[1] and row["value"] is not None
    }
    assert found == pytest.approx(BY_ITEM[name](world))
    assert world.metrics[name, None, None]["value"] is None


@pytest.mark.parametrize("name", sorted(SECOND_PATH))
def test_a_metric_equals_its_second_path(world: World, name: str) -> None:
    found = world.metrics[name, None, None]["value"]
    expected = SECOND_PATH[name](world)
    # No 90 % point is reached in these inputs, and no stratum has both regions: both paths must say that there is no figure.
    assert (found is None) == (expected is None) == (name.endswith("_p90") or name == "region_gap_standardised")
    if found is not None and expected is not None:
        assert float(found) == pytest.approx(float(expected), abs=1e-6)


def test_every_metric_has_a_total_that_is_a_figure_or_a_reason(world: World) -> None:
    for metric in catalogue():
        row = world.metrics[metric.id, None, None]
        assert (row["value"] is None) == (row["reason"] is not None), metric.id


@pytest.mark.parametrize(
    "name", ["eligible_base", "unclaimed_count", "unclaimed_yuan", "paid_yuan", "applications", "approved_yuan"]
)
@pytest.mark.parametrize("position", [1, 2])
def test_slices_add_up_to_the_total(world: World, name: str, position: int) -> None:
    parts = [
        row["value"]
        for key, row in world.metrics.items()
        if key[0] == name and key[position] is not None and row["value"] is not None
    ]
    assert sum(parts) == world.metrics[name, None, None]["value"]


def test_immature_cases_are_counted_beside_the_figure(world: World) -> None:
    row = world.metrics["application_take_up", None, None]
    all_of_them = [c for c in world.cases if (c["entitled"] or c["applied_date"]) and c["mode"] != "免申即享"]
    assert row["n"] == len(mature(all_of_them))
    assert row["n"] + row["immature"] == len(all_of_them)


def test_what_cannot_be_computed_says_why_and_is_not_zero(world: World) -> None:
    row = world.metrics["exhaustion_days", None, None]
    assert row["value"] is None and "各事项" in row["reason"]
