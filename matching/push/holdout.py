"""The control group: keyed, sticky, stratified; its smallest visible effect, and the check that its size is what was planned."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Final

import polars as pl

TREATED: Final = "treated"
HELD: Final = "holdout"
# Normal quantiles for a two-sided test at 5 % with power 80 %.
_Z: Final = 1.959964 + 0.841621


def keyed_unit(key: bytes, *parts: str) -> float:
    """A number in [0, 1) that nobody without the key can predict: BLAKE2b of the parts, keyed."""
    digest = hashlib.blake2b("\x1f".join(parts).encode(), key=key, digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def assign(units: pl.DataFrame, earlier: pl.DataFrame, key: bytes, share: float) -> pl.DataFrame:
    """Arms for `units` (row, enterprise_id, item_id, cycle, stratum): the same rows with `arm` and `probability`.

    Sticky: a firm that has an arm for (item, cycle) in `earlier` keeps it, whatever its stratum is today. New firms are
    taken in the order of their keyed hash and held out systematically within their stratum, starting where the earlier
    ones ended: firm number k is held iff floor(k·share + u) > floor((k-1)·share + u), u the keyed start of the stratum. So each
    has probability `share` exactly, and a stratum's control group is never off by more than one.
    """
    known = earlier.select("enterprise_id", "item_id", "cycle", pl.col("arm").alias("_had")).unique(
        subset=["enterprise_id", "item_id", "cycle"], keep="first", maintain_order=True
    )
    marked = units.join(known, on=["enterprise_id", "item_id", "cycle"], how="left", maintain_order="left")
    fresh = marked.filter(pl.col("_had").is_null())
    places = earlier.group_by("item_id", "cycle", "stratum").len("_before")
    hashes = [
        keyed_unit(key, "unit", *names) for names in fresh.select("item_id", "cycle", "enterprise_id").iter_rows()
    ]
    strata = fresh.select("item_id", "cycle", "stratum").unique(maintain_order=True)
    starts = strata.with_columns(
        pl.Series("_start", [keyed_unit(key, "stratum", *names) for names in strata.iter_rows()], dtype=pl.Float64)
    )
    k = pl.col("_k").cast(pl.Float64)
    held = (k * share + pl.col("_start")).floor() > ((k - 1) * share + pl.col("_start")).floor()
    drawn = (
        fresh.with_columns(pl.Series("_hash", hashes, dtype=pl.Float64))
        .join(places, on=["item_id", "cycle", "stratum"], how="left")
        .join(starts, on=["item_id", "cycle", "stratum"], how="left")
        .sort("item_id", "cycle", "stratum", "_hash", "enterprise_id")
        .with_columns(
            (pl.int_range(pl.len()).over("item_id", "cycle", "stratum") + 1 + pl.col("_before").fill_null(0)).alias(
                "_k"
            )
        )
        .with_columns(pl.when(held).then(pl.lit(HELD)).otherwise(pl.lit(TREATED)).alias("_drawn"))
        .select("row", "_drawn")
    )
    return (
        marked.join(drawn, on="row", how="left", maintain_order="left")
        .with_columns(pl.coalesce("_had", "_drawn").alias("arm"))
        .with_columns(
            pl.when(pl.col("arm") == HELD).then(pl.lit(share)).otherwise(pl.lit(1 - share)).alias("probability")
        )
        .drop("_had", "_drawn")
    )


def smallest_visible_effect(treated: int, held: int, base_rate: float) -> float:
    """The difference in take-up (share, 0–1) that two groups of these sizes show with power 80 % at 5 %; inf if a group is empty.

    Two independent proportions with the variance of the base rate (the textbook normal approximation).
    """
    if treated <= 0 or held <= 0:
        return math.inf
    return _Z * math.sqrt(base_rate * (1 - base_rate) * (1 / treated + 1 / held))


def sample_ratio_p(observed: Mapping[str, int], share: float) -> float:
    """p-value of the sample-ratio check: χ² with one degree of freedom of the arms' sizes against `share`; 1 for no units."""
    held, treated = observed.get(HELD, 0), observed.get(TREATED, 0)
    total = held + treated
    if total == 0 or not 0 < share < 1:
        return 1.0
    expected = total * share
    statistic = (held - expected) ** 2 / expected + (treated - (total - expected)) ** 2 / (total - expected)
    return math.erfc(math.sqrt(statistic / 2))
