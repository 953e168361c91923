"""profile.*: one dated profile per enterprise: a table per department, what is derived across them, and where each value came from."""

from functools import cache
from pathlib import Path

import dagster as dg

from assets.profile.reference import REFERENCE_ASSETS
from assets.profile.wide import enterprise_sql, evidence_sql
from assets.sql import output_columns, sql_asset, sql_assets
from data import indicators

FOLDER = Path(__file__).parent


@cache
def outputs() -> dict[str, set[str]]:
    """The columns that each `.sql` of this folder writes, by table name."""
    return {file.stem: output_columns(file.read_text(encoding="utf-8"), file.name) for file in FOLDER.glob("*.sql")}


def profile_assets() -> list[dg.AssetsDefinition]:
    """Reference tables, a table per `.sql`, then the two generated from the catalogue."""
    catalogue = indicators.load()
    labels = {indicator.name: f"{indicator.label}：{indicator.definition}" for indicator in catalogue.values()}
    return [
        *REFERENCE_ASSETS,
        *sql_assets(FOLDER, "profile", columns=labels),
        sql_asset(
            "enterprise",
            enterprise_sql(catalogue.values(), outputs()),
            "profile",
            description="一企一档：每户一行，目录中每个指标一列；空为未知或不适用",
            columns=labels,
        ),
        sql_asset(
            "evidence",
            evidence_sql(catalogue.values(), outputs()),
            "profile",
            description="指标出处：每户每个已知（或不适用）指标来自哪个部门、哪张表、哪个文件哪一行、事实日期和收到时间",
        ),
    ]


PROFILE_ASSETS = profile_assets()
