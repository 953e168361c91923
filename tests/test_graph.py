"""The asset graph as the server loads it: whole, executable, described in Chinese, grouped by schema."""

import os
import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from pipelines.definitions import JOB, build
from pipelines.scope import PROJECT

LAYERS = ["raw", "registry", "profile", "policy", "match", "push", "mart"]
DEPARTMENTS = {
    "market", "tax", "labor", "reform", "industry", "science", "finance", "commerce", "ip", "housing", "agri", "customs",
}  # fmt: skip


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    return build(tmp_path_factory.mktemp("home"))


def test_every_upstream_exists(definitions: dg.Definitions) -> None:
    # `dagster definitions validate` passes a misspelt upstream; it would only show as an external asset.
    assert not definitions.resolve_asset_graph().unexecutable_asset_keys


def test_checks_stand_on_assets_that_exist(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    assert {check.asset_key for check in graph.asset_check_keys} <= set(graph.executable_asset_keys)


def test_group_and_schema_are_the_key_prefix(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.executable_asset_keys:
        assert len(key.path) == 2, key
        assert graph.get(key).group_name == key.path[0], key
    assert {key.path[0] for key in graph.executable_asset_keys} == set(LAYERS)


def test_data_only_moves_to_the_right(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    order = {layer: n for n, layer in enumerate(LAYERS)}
    wrong = [
        (parent.to_user_string(), key.to_user_string())
        for key in graph.executable_asset_keys
        for parent in graph.get(key).parent_keys
        if order[parent.path[0]] > order[key.path[0]] and not (parent.path[0] == "policy" and key.path[0] == "profile")
    ]
    assert wrong == []


def test_every_asset_is_described_in_chinese(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    mute = [
        key.to_user_string()
        for key in graph.executable_asset_keys
        if not re.search(r"[\u4e00-\u9fff]", graph.get(key).description or "")
    ]
    assert mute == []


def test_all_twelve_departments_are_read(definitions: dg.Definitions) -> None:
    tables = {key.path[1] for key in definitions.resolve_asset_graph().executable_asset_keys if key.path[0] == "raw"}
    assert {d for d in DEPARTMENTS if any(table.startswith(f"{d}_") for table in tables)} == DEPARTMENTS


def test_the_job_runs_in_one_process(definitions: dg.Definitions) -> None:
    assert definitions.resolve_job_def(JOB).executor_def.name == "in_process"


def test_schedule_and_sensor_are_running(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    schedule = repository.get_schedule_def("nightly_refresh")
    assert schedule.execution_timezone == "Asia/Shanghai"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert repository.get_sensor_def("landing_zone").default_status is dg.DefaultSensorStatus.RUNNING


def test_the_location_loads_as_the_server_loads_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "dagster"), "definitions", "validate", "-w", "workspace.yaml"],
        cwd=PROJECT,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path), "HUIQI_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
