"""match/score: how likely an invited enterprise is to obtain the award, with every feature kept beside it."""

import dagster as dg
import polars as pl

from assets.ports import Scope, Warehouse
from assets.push_inputs import cases, conditions, items
from assets.sql import table_metadata
from matching.score.features import FEATURES, Materials, explanation, featured
from matching.score.model import drift, load
from matching.score.similarity import text_similarity
from matching.score.weighted import NAME, weighted

LABELS = {
    "enterprise_id": "企业编号",
    "item_id": "事项编号",
    "version": "事项版本",
    "score": "匹配分（0 至 1）",
    "features": "各分项（JSON）",
    "model": "所用模型",
    "build_id": "构建",
}


def scopes(warehouse: Warehouse) -> pl.DataFrame:
    """(enterprise_id, business_scope): the newest 经营范围 the register delivered of every firm, known by `known_at`."""
    if "business_scope" not in warehouse.columns("raw.market_baseinfo"):
        return pl.DataFrame(schema={"enterprise_id": pl.String, "business_scope": pl.String})
    return warehouse.frame(
        "SELECT r.enterprise_id, arg_max(b.business_scope, (b._received_at, b._file_id, b._row_no)) AS business_scope"
        " FROM raw.market_baseinfo b JOIN registry.subject r USING (_subject_id)"
        " WHERE r.enterprise_id IS NOT NULL AND b.business_scope IS NOT NULL AND b._received_at <= getvariable('known_at')"
        " GROUP BY r.enterprise_id ORDER BY r.enterprise_id"
    )


def ages(warehouse: Warehouse) -> pl.DataFrame:
    """(enterprise_id, age_days): the mean age of what is known of a firm."""
    return warehouse.frame(
        "SELECT enterprise_id, avg(date_diff('day', CAST(valid_at AS DATE), getvariable('as_of')))::DOUBLE AS age_days"
        " FROM profile.evidence WHERE state = 'known' AND valid_at IS NOT NULL GROUP BY enterprise_id ORDER BY enterprise_id"
    )


@dg.asset(
    key=["match", "score"],
    group_name="match",
    kinds={"duckdb", "polars"},
    deps=[
        ["match", "pair"],
        ["profile", "enterprise"],
        ["profile", "evidence"],
        ["policy", "item"],
        ["policy", "condition"],
        ["policy", "tag"],
        ["registry", "subject"],
        ["raw", "apply_case"],
        ["raw", "market_baseinfo"],
    ],
    description="匹配分：受邀企业最终获得奖励的可能性（0 至 1）及各分项。历史足够时用存档的模型，否则用公开权重的加权平均；只对未被判为不符合的（企业，事项）计算。",
)
def score(warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]) -> dg.MaterializeResult:
    pairs = warehouse.frame(
        "SELECT enterprise_id, item_id, version, verdict, met, unknown, bar, amount_yuan FROM match.pair"
        " WHERE verdict <> 'ineligible' ORDER BY item_id, version, enterprise_id"
    )
    firms = warehouse.frame(
        "SELECT e.* FROM profile.enterprise e SEMI JOIN (SELECT DISTINCT enterprise_id FROM match.pair) USING (enterprise_id)"
        " ORDER BY enterprise_id"
    )
    texts = warehouse.frame("SELECT item_id, version, title, text FROM policy.item ORDER BY item_id, version")
    similarity = text_similarity(pairs, scopes(warehouse), texts)
    features = featured(
        Materials(
            pairs=pairs,
            items=items(warehouse),
            conditions=conditions(warehouse),
            firms=firms,
            as_of=scope.as_of,
            tags=warehouse.frame("SELECT item_id, version, facet, tag FROM policy.tag ORDER BY ALL"),
            ages=ages(warehouse),
            similarity=similarity,
            cases=cases(warehouse).select("enterprise_id", "item_id", "decision"),
        )
    )
    # A stored model that was changed stops the run: the last good scores stay, and nobody is ranked by an unknown hand.
    model = load(warehouse.home / "models")
    name = f"gbm-{str(model.card['sha256'])[:12]}" if model else NAME
    values = features.select(
        pl.struct(pl.col(feature).round(6) for feature in FEATURES).struct.json_encode().alias("features")
    )
    scored = features.select("enterprise_id", "item_id", "version").with_columns(
        model.score(features) if model else weighted(features),
        values["features"],
        pl.lit(name).alias("model"),
        pl.lit(scope.build_id).alias("build_id"),
    )
    with warehouse.write() as transaction:
        written = transaction.replace("match.score", scored.sort("item_id", "version", "enterprise_id"))
    return dg.MaterializeResult(
        metadata={
            **table_metadata(written, LABELS),
            "模型": name,
            **({"漂移": str(drift(model.card, features))} if model else {}),
            **{feature: explanation(feature) for feature in FEATURES},
        }
    )


SCORE_ASSETS: list[dg.AssetsDefinition] = [score]
