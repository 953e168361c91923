"""What a match score is made of: named pure functions over the joined pair frame, each explained by its Chinese docstring."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl

Feature = Callable[[], pl.Expr]

# A threshold a margin can be measured to: one indicator against one plain number.
_ATOM = re.compile(r"\s*([a-z][a-z0-9_]*)\s*(>=|>|<=|<)\s*(-?\d+(?:\.\d+)?)\s*")

# GB/T 4754 divisions (first two digits) to the industry words of the tag vocabulary.
_INDUSTRY_WORDS: Final[tuple[tuple[int, int, tuple[str, ...]], ...]] = (
    (1, 5, ("农业",)),
    (27, 27, ("制造业", "医药")),
    (6, 43, ("制造业",)),
    (47, 50, ("建筑业",)),
    (51, 52, ("批发零售", "外贸", "电子商务")),
    (53, 60, ("物流", "服务业")),
    (61, 62, ("餐饮住宿", "服务业", "文旅")),
    (63, 65, ("软件信息", "服务业")),
    (66, 69, ("金融业", "服务业")),
    (70, 72, ("商务服务", "服务业", "人力资源服务")),
    (73, 75, ("科技服务", "服务业")),
    (76, 83, ("服务业", "养老家政")),
    (84, 96, ("社会组织", "服务业", "文旅")),
)


def industry_words(code: str | None) -> tuple[str, ...]:
    """The industry tags a GB/T 4754 code stands for (`C2710`, `2710` or `27`); empty if it cannot be read."""
    digits = re.sub(r"\D", "", code or "")[:2]
    if not digits:
        return ()
    division = int(digits)
    return next((words for low, high, words in _INDUSTRY_WORDS if low <= division <= high), ())


def threshold(expr: str) -> tuple[str, str, float] | None:
    """(indicator, operator, number) of an expression that is one plain comparison; None for anything else."""
    found = _ATOM.fullmatch(expr)
    return (found[1], found[2], float(found[3])) if found else None


@dataclass(frozen=True)
class Materials:
    """The frames a score is computed from.

    pairs: match.pair (not ineligible). items, conditions, tags: policy.*. firms: profile.enterprise, of which `industry`,
    `enterprise_size`, `registered_region`, `revenue_last_year`, `business_scope` and the indicators of simple thresholds are
    read where present. ages: (enterprise_id, age_days), mean age of the evidence. cases: (enterprise_id, item_id, decision).
    similarity: (enterprise_id, item_id, text_similarity).
    """

    pairs: pl.DataFrame
    items: pl.DataFrame
    conditions: pl.DataFrame
    firms: pl.DataFrame
    as_of: dt.date
    tags: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(
            schema={"item_id": pl.String, "version": pl.Int64, "facet": pl.String, "tag": pl.String}
        )
    )
    ages: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={"enterprise_id": pl.String, "age_days": pl.Float64})
    )
    cases: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(
            schema={"enterprise_id": pl.String, "item_id": pl.String, "decision": pl.String}
        )
    )
    similarity: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(
            schema={"enterprise_id": pl.String, "item_id": pl.String, "text_similarity": pl.Float64}
        )
    )


_PAIR: Final = ["enterprise_id", "item_id", "version"]


def _unknown_kinds(materials: Materials) -> pl.DataFrame:
    kinds = materials.conditions.select(
        "item_id", "version", pl.col("condition_id").alias("unknown"), "on_unknown", "outside"
    )
    return (
        materials.pairs.select(*_PAIR, "unknown")
        .explode("unknown", empty_as_null=True)
        .filter(pl.col("unknown").is_not_null())
        .join(kinds, on=["item_id", "version", "unknown"], how="left")
        .group_by(_PAIR)
        .agg(
            pl.col("outside").fill_null(True).sum().alias("n_promises"),
            (~pl.col("outside").fill_null(True) & (pl.col("on_unknown") == "ask")).sum().alias("n_ask"),
            (~pl.col("outside").fill_null(True) & (pl.col("on_unknown") != "ask")).sum().alias("n_review"),
        )
    )


def _margins(materials: Materials) -> pl.DataFrame:
    """Per pair the smallest scaled distance on the right side of its plain thresholds: (value − t) / (|value| + |t|), in [−1, 1]."""
    parts: list[pl.DataFrame] = []
    for row in materials.conditions.iter_rows(named=True):
        atom = threshold(row["expr"] or "")
        if atom is None or atom[0] not in materials.firms.columns:
            continue
        name, operator, bound = atom
        value = pl.col(name).cast(pl.Float64)
        scaled = (value - bound) / (value.abs() + abs(bound) + 1e-9)
        signed = scaled if operator in (">", ">=") else -scaled
        mine = materials.pairs.filter((pl.col("item_id") == row["item_id"]) & (pl.col("version") == row["version"]))
        parts.append(
            mine.select(_PAIR).join(
                materials.firms.select("enterprise_id", signed.alias("margin")), on="enterprise_id", how="inner"
            )
        )
    schema = {"enterprise_id": pl.String, "item_id": pl.String, "version": pl.Int64, "margin": pl.Float64}
    together = pl.concat(parts) if parts else pl.DataFrame(schema=schema)
    return together.drop_nulls().group_by(_PAIR).agg(pl.col("margin").min())


def _overlap(materials: Materials, firms: pl.DataFrame) -> pl.DataFrame:
    """Per pair the shares of the item's industry and size tags that fit the firm; 1 where the item asks for none (不限)."""
    wanted = materials.tags.group_by("item_id", "version", "facet").agg(pl.col("tag").unique().sort())
    industry = wanted.filter(pl.col("facet") == "industry").select(
        "item_id", "version", pl.col("tag").alias("_industries")
    )
    size = wanted.filter(pl.col("facet") == "size").select("item_id", "version", pl.col("tag").alias("_sizes"))
    words = firms.select("enterprise_id", "_size", "_words")
    joined = (
        materials.pairs.select(_PAIR)
        .join(words, on="enterprise_id", how="left")
        .join(industry, on=["item_id", "version"], how="left")
        .join(size, on=["item_id", "version"], how="left")
    )
    fits_industry = (
        pl.col("_industries").is_null()
        | pl.col("_industries").list.contains("不限")
        | (pl.col("_words").list.set_intersection(pl.col("_industries")).list.len() > 0)
    )
    fits_size = (
        pl.col("_sizes").is_null()
        | pl.col("_sizes").list.contains("不限")
        | pl.col("_sizes").list.contains(pl.col("_size"))
    )
    return joined.select(
        *_PAIR,
        (
            0.6 * fits_industry.fill_null(False).cast(pl.Float64) + 0.4 * fits_size.fill_null(False).cast(pl.Float64)
        ).alias("overlap"),
    )


def _take_up(materials: Materials, firms: pl.DataFrame) -> pl.DataFrame:
    """Per item and industry section the share of past cases that were approved, shrunk towards the item's and the overall share."""
    decided = materials.cases.filter(pl.col("decision").is_not_null()).join(
        firms.select("enterprise_id", "_section"), on="enterprise_id", how="left"
    )
    passed = (pl.col("decision") == "通过").cast(pl.Float64)
    overall = float(decided.select(passed.mean()).item() or 0.5) if decided.height else 0.5
    by_item = decided.group_by("item_id").agg(((passed.sum() + 5 * overall) / (pl.len() + 5)).alias("_item_rate"))
    return (
        decided.join(by_item, on="item_id")
        .group_by("item_id", "_section")
        .agg(((passed.sum() + 5 * pl.col("_item_rate").first()) / (pl.len() + 5)).alias("take_up"))
    )


def joined(materials: Materials) -> pl.DataFrame:
    """One row per pair with everything the features read, ordered by item, version and enterprise."""
    have = materials.firms.columns

    def column(name: str, dtype: pl.DataType | type[pl.DataType]) -> pl.Expr:
        return pl.col(name).cast(dtype) if name in have else pl.lit(None, dtype=dtype)

    industry = column("industry", pl.String)
    firms = materials.firms.select(
        "enterprise_id",
        column("enterprise_size", pl.String).alias("_size"),
        industry.map_elements(lambda code: list(industry_words(code)), return_dtype=pl.List(pl.String)).alias("_words"),
        industry.str.slice(0, 1).alias("_section"),
        column("revenue_last_year", pl.Float64).alias("_revenue"),
    )
    items = materials.items.select("item_id", "version", "window_to", "valid_to", "mode")
    totals = materials.conditions.group_by("item_id", "version").agg(pl.len().alias("n_conditions"))
    return (
        materials.pairs.join(items, on=["item_id", "version"], how="left")
        .join(totals, on=["item_id", "version"], how="left")
        .join(_unknown_kinds(materials), on=_PAIR, how="left")
        .join(_margins(materials), on=_PAIR, how="left")
        .join(_overlap(materials, firms), on=_PAIR, how="left")
        .join(firms.select("enterprise_id", "_section", "_revenue"), on="enterprise_id", how="left")
        .join(_take_up(materials, firms), on=["item_id", "_section"], how="left", nulls_equal=True)
        .join(materials.ages, on="enterprise_id", how="left")
        .join(materials.similarity, on=["enterprise_id", "item_id"], how="left")
        .with_columns(pl.lit(materials.as_of).alias("_as_of"))
        .sort("item_id", "version", "enterprise_id")
    )


def met_share() -> pl.Expr:
    """已满足条件占全部条件的比例。"""
    return pl.col("met").list.len().cast(pl.Float64) / pl.col("n_conditions").clip(lower_bound=1)


def margin() -> pl.Expr:
    """离最近的数额门槛还有多远（−1 远未达到，0 正好在线上，1 远超）。"""
    return pl.col("margin")


def few_promises() -> pl.Expr:
    """需要企业承诺的事项越少越高（1 表示不需要）。"""
    return 1.0 / (1.0 + pl.col("n_promises").fill_null(0))


def few_questions() -> pl.Expr:
    """缺少而可由企业自行申明的数据越少越高（1 表示不缺）。"""
    return 1.0 / (1.0 + pl.col("n_ask").fill_null(0))


def few_reviews() -> pl.Expr:
    """缺少而须部门核实的数据越少越高（1 表示不缺）。"""
    return 1.0 / (1.0 + 2.0 * pl.col("n_review").fill_null(0))


def clear_bars() -> pl.Expr:
    """排除情形是否已查清（1 查清，0.5 未查清，0 命中）。"""
    return pl.col("bar").replace_strict(
        {"clear": 1.0, "unknown": 0.5, "barred": 0.0}, default=0.5, return_dtype=pl.Float64
    )


def tag_overlap() -> pl.Expr:
    """企业行业和规模与政策标签的吻合程度。"""
    return pl.col("overlap")


def text_similarity() -> pl.Expr:
    """经营范围与政策原文用词的相似程度（TF-IDF 余弦）。"""
    return pl.col("text_similarity")


def take_up() -> pl.Expr:
    """同行业企业以往申报这一事项的通过率（样本少时向总体收缩）。"""
    return pl.col("take_up")


def award_weight() -> pl.Expr:
    """奖励相对企业营收的分量（对数刻度，0 至 1）。"""
    share = pl.col("amount_yuan").cast(pl.Float64) / pl.col("_revenue").clip(lower_bound=1.0)
    return (1.0 + (share + 1e-6).log10() / 6.0).clip(0.0, 1.0)


def days_left() -> pl.Expr:
    """距离截止还剩多少时间（90 天以上为 1，已截止为 0；没有截止日不计）。"""
    last = pl.coalesce("window_to", "valid_to")
    return ((last - pl.col("_as_of")).dt.total_days().cast(pl.Float64) / 90.0).clip(0.0, 1.0)


def freshness() -> pl.Expr:
    """判定所依据数据的新鲜程度（平均一年前为 0.5）。"""
    return 1.0 / (1.0 + pl.col("age_days").cast(pl.Float64).clip(lower_bound=0.0) / 365.0)


FEATURES: Final[Mapping[str, Feature]] = {
    feature.__name__: feature
    for feature in (
        met_share,
        margin,
        few_promises,
        few_questions,
        few_reviews,
        clear_bars,
        tag_overlap,
        text_similarity,
        take_up,
        award_weight,
        days_left,
        freshness,
    )
}


def explanation(name: str) -> str:
    """What a feature means, in Chinese: its docstring."""
    return (FEATURES[name].__doc__ or "").strip()


def featured(materials: Materials) -> pl.DataFrame:
    """(enterprise_id, item_id, version, one Float64 column per feature), null where a feature cannot be computed."""
    return joined(materials).select(
        *_PAIR, *(feature().cast(pl.Float64).fill_nan(None).alias(name) for name, feature in FEATURES.items())
    )
