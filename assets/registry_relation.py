"""registry.relation and registry.branch: branches, shareholders, groups, successions and moves; none of them ever merges two enterprises."""

from collections.abc import Iterator, Mapping

import dagster as dg
import polars as pl

from assets.ports import Warehouse
from assets.sql import table_metadata
from matching.identity import relations
from matching.identity.bulk import classify_frame

RELATION_LABELS: Mapping[str, str] = {
    "enterprise_id": "企业编号",
    "other_id": "另一方企业编号",
    "kind": "关系:branch 是其分支、shareholder 是其股东、group 是其集团母公司(认缴过半)、succession 承接其经营(个转企)、move 承接其旧代码(迁移换码)",
    "valid_from": "起",
    "valid_to": "止;空为现行",
}
BRANCH_LABELS: Mapping[str, str] = {
    "enterprise_id": "所属企业编号",
    "branch_name": "分支机构名称",
    "branch_uscc": "分支机构信用代码",
    "branch_regno": "分支机构注册号",
    "own_id": "分支机构自己的企业编号;空为登记簿未单列",
    "valid_from": "首次收到",
    "valid_to": "登记簿删除日期;空为现行",
}

BRANCHES = """
WITH told AS (
  SELECT p.enterprise_id, b.branch_name, b.branch_uscc, b.branch_regno, min(b._received_at)::DATE AS valid_from,
    CASE WHEN arg_max(b._op, (b._received_at, b._row_no)) = 'D' THEN max(b._received_at)::DATE END AS valid_to
  FROM raw.market_branch b JOIN registry.pripid p USING (pripid)
  WHERE b._received_at <= getvariable('known_at') GROUP BY ALL
)
SELECT t.enterprise_id, t.branch_name, t.branch_uscc, t.branch_regno, min(k.enterprise_id) AS own_id, t.valid_from, t.valid_to
FROM told t LEFT JOIN registry.key k
  ON ((k.kind = 'uscc' AND k.code = t.branch_uscc) OR (k.kind = 'reg15' AND k.code = t.branch_regno)) AND k.enterprise_id <> t.enterprise_id
GROUP BY ALL ORDER BY ALL
"""

# A shareholder counts when one enterprise alone holds its whole name now; it is the group's head with more than half of what is subscribed.
SHARES = """
WITH holders AS (
  SELECT name, any_value(enterprise_id) AS holder FROM registry.name WHERE valid_to IS NULL GROUP BY name HAVING count(DISTINCT enterprise_id) = 1
), told AS (
  SELECT p.enterprise_id AS held, i.investor_name, min(coalesce(i.contributed_date, i._received_at::DATE)) AS valid_from,
    arg_max(i.subscribed_yuan, (i._received_at, i._row_no)) AS subscribed_yuan,
    CASE WHEN arg_max(i._op, (i._received_at, i._row_no)) = 'D' THEN max(i._received_at)::DATE END AS valid_to
  FROM raw.market_investor i JOIN registry.pripid p USING (pripid)
  WHERE i._received_at <= getvariable('known_at') GROUP BY ALL
), shares AS (
  SELECT h.holder AS enterprise_id, t.held AS other_id, t.valid_from, t.valid_to,
    t.subscribed_yuan * 2 > sum(t.subscribed_yuan) FILTER (t.valid_to IS NULL) OVER (PARTITION BY t.held) AND t.valid_to IS NULL AS controls
  FROM told t LEFT JOIN holders h ON h.name = t.investor_name
)
SELECT enterprise_id, other_id, 'shareholder' AS kind, valid_from, valid_to FROM shares WHERE enterprise_id <> other_id
UNION ALL SELECT enterprise_id, other_id, 'group', valid_from, valid_to FROM shares WHERE enterprise_id <> other_id AND controls
ORDER BY ALL
"""

# When each enterprise ended: the first day on which the register calls it struck off, or deletes it; only a limit for one never seen alive.
LIVES = """
WITH lives AS (
  SELECT p.enterprise_id, coalesce(b.status IN ('cancelled', 'revoked'), FALSE) OR b.op IS NOT DISTINCT FROM 'D' AS is_end, coalesce(b.op_at, b._received_at)::DATE AS day
  FROM raw.market_baseinfo b JOIN registry.pripid p USING (pripid) WHERE b._received_at <= getvariable('known_at')
), ended AS (
  SELECT enterprise_id, min(day) FILTER (is_end) AS ended, count(*) FILTER (NOT is_end) > 0 AS seen_alive FROM lives GROUP BY ALL
)
SELECT e.enterprise_id, e.uscc, e.name, e.legal_person, e.address, e.phone_hash, e.established_date,
  CASE WHEN e.is_deleted OR e.status IN ('cancelled', 'revoked') THEN d.ended END AS ended, coalesce(d.seen_alive, FALSE) AS seen_alive
FROM registry.enterprise e LEFT JOIN ended d USING (enterprise_id) ORDER BY e.enterprise_id
"""

# An alteration that names two codes says itself who goes on with whom (个转企, 换码).
ALTERED = """
SELECT before_text, after_text, min(alter_date) AS valid_from FROM raw.market_alter
WHERE _received_at <= getvariable('known_at') AND regexp_matches(coalesce(before_text, ''), '[0-9A-Z]{15,18}') AND regexp_matches(coalesce(after_text, ''), '[0-9A-Z]{15,18}')
GROUP BY ALL ORDER BY ALL
"""


def told_successions(altered: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """Successions that an alteration record tells by the codes before and after; RELATION of `matching.identity.relations`."""
    sides = [
        classify_frame(altered[c].str.extract(r"([0-9A-Z]{18}|[0-9A-Z]{15})")).select(kind="kind", code="code")
        for c in ("before_text", "after_text")
    ]
    known = keys.select("enterprise_id", "kind", "code").unique()
    ids = [
        pl.concat([side, altered.select("valid_from")], how="horizontal")
        .with_row_index("at")
        .join(known, on=["kind", "code"])
        for side in sides
    ]
    pairs = ids[1].join(ids[0].select("at", other_id="enterprise_id"), on="at")
    return pairs.filter(pl.col("enterprise_id") != pl.col("other_id")).select(
        "enterprise_id", "other_id", kind=pl.lit("succession"), valid_from="valid_from"
    )


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            ["registry", "relation"],
            description="企业之间的关系:分支、股东、集团、个转企承继、迁移换码;关系从不合并主体",
            group_name="registry",
            deps=[
                ["registry", "enterprise"],
                ["registry", "key"],
                ["registry", "name"],
                ["raw", "market_baseinfo"],
                ["raw", "market_alter"],
                ["raw", "market_branch"],
                ["raw", "market_investor"],
            ],
        ),
        dg.AssetSpec(
            ["registry", "branch"],
            description="分支机构及其所属企业:登记簿未单列的分支也在内,分支的代码从不算作企业自己的代码",
            group_name="registry",
            deps=[["registry", "key"], ["raw", "market_branch"]],
        ),
    ],
    name="registry_relation",
)
def relation(warehouse: dg.ResourceParam[Warehouse]) -> Iterator[dg.MaterializeResult]:
    branches = warehouse.frame(BRANCHES)
    keys = warehouse.frame(
        "SELECT enterprise_id, kind, code, valid_from FROM registry.key WHERE department = 'market' ORDER BY ALL"
    )
    gone_on = pl.concat(
        [
            told_successions(warehouse.frame(ALTERED), keys),
            relations.successions(warehouse.frame(LIVES)),
            relations.recoded(keys),
        ]
    )
    # What the register itself tells comes before what was concluded, and a succession before a change of code.
    gone_on = gone_on.unique(["enterprise_id", "other_id"], keep="first", maintain_order=True)
    own = branches.filter(pl.col("own_id").is_not_null()).select(
        enterprise_id="own_id",
        other_id="enterprise_id",
        kind=pl.lit("branch"),
        valid_from="valid_from",
        valid_to="valid_to",
    )
    rows = pl.concat(
        [own, warehouse.frame(SHARES), gone_on.with_columns(valid_to=pl.lit(None, pl.Date))], how="vertical_relaxed"
    )
    rows = rows.group_by("enterprise_id", "other_id", "kind").agg(
        pl.col("valid_from").min(),
        valid_to=pl.when(pl.col("valid_to").is_not_null().all()).then(pl.col("valid_to").max()),
    )
    with warehouse.write() as w:
        kept = w.replace("registry.relation", rows.select(list(RELATION_LABELS)).sort(list(RELATION_LABELS)))
        listed = w.replace("registry.branch", branches.select(list(BRANCH_LABELS)))
    yield dg.MaterializeResult(asset_key=["registry", "relation"], metadata=table_metadata(kept, RELATION_LABELS))
    yield dg.MaterializeResult(asset_key=["registry", "branch"], metadata=table_metadata(listed, BRANCH_LABELS))
