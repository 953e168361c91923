"""The last asset: the published copy that dashboards, the CLI and analysts read."""

from collections.abc import Sequence

import dagster as dg

from assets.ports import Scope, Warehouse
from pipelines.publish import publish


def publication_asset(upstream: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """`mart/publication`, downstream of everything a reader may open."""

    @dg.asset(
        key=["mart", "publication"],
        group_name="mart",
        deps=list(upstream),
        kinds={"duckdb"},
        description="发布：把可供阅读的表复制为新的 mart-<build>.duckdb，再原子切换 CURRENT 指针；失败时上一版本继续服务。",
    )
    def publication(warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]) -> dg.MaterializeResult:
        published = publish(warehouse, scope)
        return dg.MaterializeResult(
            metadata={
                "文件": published.path.name,
                "build_id": published.build_id,
                "字节": published.bytes,
                "as_of": published.as_of,
                "known_at": published.known_at,
                "rules_as_of": published.rules_as_of,
            }
        )

    return publication
