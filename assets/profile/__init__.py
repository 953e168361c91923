"""profile.*: one dated profile per enterprise: a table per department, what is derived across them, and where each value came from."""

import dagster as dg

from assets.profile.lineage import kept
from assets.profile.plan import FOLDER, generated
from assets.profile.reference import REFERENCE_ASSETS
from assets.sql import sql_asset, sql_assets
from data import indicators

_GENERATED = {
    "enterprise": "一企一档：每户一行，目录中每个指标一列；空为未知或不适用",
    "evidence": "指标出处：每户每个已知（或不适用）指标来自哪个部门、哪张表、哪个文件哪一行、事实日期和收到时间",
}


def profile_assets() -> list[dg.AssetsDefinition]:
    """Reference tables, a table per `.sql`, then the two generated from the catalogue."""
    labels = {indicator.name: f"{indicator.label}：{indicator.definition}" for indicator in indicators.load().values()}
    return [
        *REFERENCE_ASSETS,
        *sql_assets(FOLDER, "profile", columns=labels, lineage=kept()),
        *(
            sql_asset(name, sql, "profile", description=_GENERATED[name], columns=labels, lineage=kept().get(name))
            for name, sql in generated().items()
        ),
    ]


PROFILE_ASSETS = profile_assets()
