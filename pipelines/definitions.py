"""The Dagster location: every asset, the nightly job, its schedule, the landing sensor and the resources of one home."""

import os
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import dagster as dg

from assets.mart import MART_ASSETS
from assets.match import MATCH_ASSETS
from assets.match_person import PERSON_MATCH_ASSETS
from assets.match_score import SCORE_ASSETS
from assets.policy import POLICY_ASSETS
from assets.profile import PROFILE_ASSETS
from assets.push import PUSH_ASSETS
from assets.raw import RAW_ASSETS
from assets.registry import REGISTRY_ASSETS
from pipelines.control import control_resource
from pipelines.publication import publication_asset
from pipelines.refresh import refresh
from pipelines.report import monthly_report_job, monthly_schedule
from pipelines.schedules import nightly_schedule
from pipelines.scope import PROJECT, scope_resource
from pipelines.sensors import landing_sensor
from pipelines.warehouse import warehouse_resource

JOB = "nightly"


def assets() -> list[dg.AssetsDefinition]:
    """All assets, left to right; the publication comes last and waits for everything a reader may open."""
    kept: list[dg.AssetsDefinition] = list(
        chain(
            RAW_ASSETS,
            REGISTRY_ASSETS,
            PROFILE_ASSETS,
            POLICY_ASSETS,
            MATCH_ASSETS,
            PERSON_MATCH_ASSETS,
            SCORE_ASSETS,
            PUSH_ASSETS,
            MART_ASSETS,
        )
    )
    return [*kept, publication_asset(_keys(kept))]


def build(home: Path) -> dg.Definitions:
    """Everything Dagster needs to run on `home`. Reads nothing: the dates are resolved when a run starts."""
    everything = assets()
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.all(),
        description="每夜刷新：接收交付 → 归一身份 → 一企一档 → 政策 → 判定 → 清单 → 评价集市 → 发布",
        executor_def=dg.in_process_executor,
    )
    return dg.Definitions(
        assets=everything,
        jobs=[job, monthly_report_job(home)],
        schedules=[nightly_schedule(JOB), monthly_schedule()],
        sensors=[landing_sensor(JOB, home)],
        resources={
            "scope": scope_resource(home),
            "warehouse": warehouse_resource(home),
            "control": control_resource(home),
            "refresh": dg.ResourceDefinition.hardcoded_resource(refresh, "只重算行有变化的企业，其余不动"),
        },
        executor=dg.in_process_executor,
    )


def _keys(definitions: Iterable[dg.AssetsDefinition]) -> list[dg.AssetKey]:
    return sorted({key for definition in definitions for key in definition.keys}, key=lambda key: key.path)


@dg.definitions
def defs() -> dg.Definitions:
    """What `workspace.yaml` loads: the home of HUIQI_HOME, or `warehouse/` in the project."""
    return build(Path(os.environ.get("HUIQI_HOME", PROJECT / "warehouse")).resolve())
