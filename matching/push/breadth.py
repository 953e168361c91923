"""Rules that so many enterprises meet that they are more likely mistyped than meant (docs/decisions/0089)."""

import polars as pl

from matching.push.inputs import ITEMS, PAIRS, Inputs, Limits, shaped


def too_wide(inputs: Inputs, limits: Limits) -> pl.DataFrame:
    """(item_id, version, detail) of the enterprises' items met by more than `limits.widest_share` of all there are.

    None where fewer than `limits.share_counts_from` are known. Items for persons are left out: of persons only those with a pair are known.
    """
    everybody = inputs.enterprises["enterprise_id"].n_unique()
    least = limits.widest_share * everybody if everybody >= limits.share_counts_from else float("inf")
    items = shaped(inputs.items, ITEMS, "policy.item").filter(pl.col("entity") == "enterprise")
    said = pl.lit(f"超过全部 {everybody} 户的 {limits.widest_share:.0%}")
    return (
        shaped(inputs.pairs, PAIRS, "match.pair")
        .filter(pl.col("verdict") == "eligible")
        .join(items, on=["item_id", "version"], how="semi")
        .group_by("item_id", "version")
        .agg(pl.col("enterprise_id").n_unique().alias("_met"))
        .filter(pl.col("_met") > least)
        .select(
            "item_id",
            "version",
            pl.format("符合的有 {} 户，{}，规则可能写宽了，请先核对", "_met", said).alias("detail"),
        )
    )
