"""Budget cut-off: who is paid when the money does not reach everybody, by a rule that is written on the list."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import polars as pl

FIRST_COME: Final = "按申报日先后排列，同日按企业标识升序；累计金额首次超出剩余预算的一户起，其后均不安排"
RULE: Final = "按匹配分从高到低排列，同分按企业标识升序；累计金额首次超出剩余预算的一户起，其后均不安排"


def beyond_budget(candidates: pl.DataFrame, budgets: Mapping[tuple[str, str], Decimal]) -> pl.DataFrame:
    """(row, detail) of the awards below the cut-off line, per (item, cycle) in `budgets` (元 still free).

    A strict prefix: once one award does not fit, nobody below it is paid, so that a smaller award never overtakes a better
    placed one. Applications (`applied_on`) come first, in the order they were filed. Needs `row, item_id, cycle, applied_on, score, enterprise_id, amount_yuan`; amounts are exact DECIMAL.
    """
    nothing = pl.DataFrame(schema={"row": pl.UInt32, "detail": pl.String})
    if candidates.is_empty() or not budgets:
        return nothing
    free = pl.DataFrame(
        [{"item_id": item, "cycle": cycle, "free": amount} for (item, cycle), amount in sorted(budgets.items())],
        schema={"item_id": pl.String, "cycle": pl.String, "free": pl.Decimal(18, 2)},
    )
    return (
        candidates.join(free, on=["item_id", "cycle"], how="inner")
        .sort(
            "item_id",
            "cycle",
            "applied_on",
            "score",
            "enterprise_id",
            "row",
            descending=[False, False, False, True, False, False],
            nulls_last=True,
        )
        .with_columns(pl.col("amount_yuan").cum_sum().over("item_id", "cycle").alias("_total"))
        .filter(pl.col("_total") > pl.col("free"))
        .with_columns(
            pl.format(
                "剩余预算 {} 元，排到本户累计 {} 元。{}",
                pl.col("free"),
                pl.col("_total"),
                pl.when(pl.col("applied_on").is_null()).then(pl.lit(RULE)).otherwise(pl.lit(FIRST_COME)),
            ).alias("detail")
        )
        .select("row", "detail")
    )
