"""profile.*: one dated profile per enterprise: a table per department, what is derived across them, and where each value came from."""

from collections.abc import Iterator

import dagster as dg

from assets.ports import Refresh, Scope, Warehouse, Written
from assets.profile.lineage import kept
from assets.profile.plan import VIEWS, statements
from assets.profile.reference import FRAMES
from assets.profile.wide import beyond_sql
from assets.sql import column_lineage, sql_spec, table_metadata
from data import indicators

_GENERATED = {
    "enterprise": "一企一档：每户一行，目录中每个指标一列；空为未知或不适用",
    "sourced": "指标出处（存放）：每户每个已知（或不适用）指标的出处；没有记录的只记查过哪张表",
    "evidence": "指标出处：每户每个已知（或不适用）指标来自哪个部门、哪张表、哪个文件哪一行、事实日期和收到时间",
}


def profile_specs() -> list[dg.AssetSpec]:
    """Reference tables, a table per `.sql`, then the two generated from the catalogue."""
    return [
        *(
            dg.AssetSpec(["profile", name], group_name="profile", kinds={"polars"}, description=told)
            for name, (told, _) in FRAMES.items()
        ),
        *(
            sql_spec(
                name,
                f"{sql}\nORDER BY enterprise_id, indicator" if name in VIEWS else sql,
                "profile",
                description=_GENERATED.get(name),
                source=f"{name}.sql",
            )
            for name, sql in statements().items()
        ),
    ]


_WITHIN = dg.AssetCheckSpec(
    "within_catalogue",
    asset=["profile", "enterprise"],
    description="每个指标的值都在目录写明的范围和代码之内（只提示，不改值）",
)


@dg.multi_asset(name="profile", specs=profile_specs(), check_specs=[_WITHIN], can_subset=False)
def profile(
    warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope], refresh: dg.ResourceParam[Refresh]
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """One step for the whole profile: an increment replaces the rows of the changed enterprises in every table at once, or in none."""
    done = refresh(warehouse, scope)
    labels = {i.name: f"{i.label}：{i.definition}" for i in indicators.load().values()}
    said = {
        "as_of": scope.as_of.isoformat(),
        "重算企业": done.enterprises,
        "重算原因": done.reason or "仅有变化的企业，其余不动",
    }
    for name, written in _written(warehouse).items():
        told = table_metadata(written, labels)
        traced = kept().get(name)
        lineage = {} if traced is None else {"dagster/column_lineage": column_lineage(traced)}
        yield dg.MaterializeResult(asset_key=["profile", name], metadata={**told, **lineage, **said})
    beyond = warehouse.frame(beyond_sql(indicators.load().values())).row(0, named=True)
    strange = {name: n for name, n in beyond.items() if n}
    yield dg.AssetCheckResult(
        passed=not strange,
        asset_key=["profile", "enterprise"],
        check_name=_WITHIN.name,
        severity=dg.AssetCheckSeverity.WARN,
        description="；".join(f"{labels[name].partition('：')[0]} {n} 户超出目录" for name, n in strange.items())
        or "都在目录之内",
    )


def _written(warehouse: Warehouse) -> dict[str, Written]:
    """What stands in every table of the profile, by its name."""
    names = [*FRAMES, *statements()]
    columns: dict[str, dict[str, str]] = {name: {} for name in names}
    described = (
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'profile'"
    )
    for table, column, kind in warehouse.frame(f"{described} ORDER BY table_name, ordinal_position").iter_rows():
        if table in columns:
            columns[table][column] = kind
    counts = " UNION ALL ".join(f"SELECT '{name}' AS name, count(*) AS n FROM profile.{name}" for name in names)
    return {name: Written(f"profile.{name}", n, columns[name]) for name, n in warehouse.frame(counts).iter_rows()}


PROFILE_ASSETS = [profile]
