"""How good the risk signs are against rings that are known to be planted: precision at k, rings found, innocents disturbed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

FLAGS: Final = {"enterprise_id": pl.String, "flag": pl.String}
PLANTED: Final = {"ring_id": pl.Int64, "innocent": pl.Boolean, "enterprise_id": pl.String}


@dataclass(frozen=True)
class RiskQuality:
    """Shares in [0, 1], None where nothing could be counted. `false_per_thousand`: flagged innocents per 1,000 innocent claimants."""

    claimants: int
    guilty: int
    flagged: int
    precision_at_k: dict[int, float | None]
    rings: int
    rings_found: int
    ring_recall: float | None
    lookalikes_flagged: int
    false_per_thousand: float | None


def risk_quality(
    claimants: pl.Series, flags: pl.DataFrame, planted: pl.DataFrame, ks: tuple[int, ...] = (10, 50)
) -> RiskQuality:
    """Judges `flags` (FLAGS, one row per sign) over the firms in `claimants`, against `planted` (PLANTED, members of rings).

    Firms are ordered by how surprising their signs are together (the sum of −log of each sign's share of claimants: a sign that many bear says
    little), ties by id; precision at k is the guilty share of the first k, and None
    where fewer than k are flagged. A ring counts where a member of it claims, and is found where a claiming member is flagged.
    Innocent look-alikes are rings with `innocent`; whoever is in no guilty ring is innocent.
    """
    claiming = claimants.unique().sort()
    members = planted.filter(pl.col("enterprise_id").is_in(claiming.implode()))
    guilty = set(members.filter(~pl.col("innocent"))["enterprise_id"])
    lookalikes = set(members.filter(pl.col("innocent"))["enterprise_id"]) - guilty
    borne = flags.filter(pl.col("enterprise_id").is_in(claiming.implode())).select("enterprise_id", "flag").unique()
    rarity = borne.group_by("flag").agg((-(pl.len() / max(len(claiming), 1)).log()).alias("surprise"))
    ranked = (
        borne.join(rarity, on="flag")
        .group_by("enterprise_id")
        .agg(pl.col("surprise").sort().sum().round(9))
        .sort("surprise", "enterprise_id", descending=[True, False])["enterprise_id"]
        .to_list()
    )
    flagged = set(ranked)
    rings = members.filter(~pl.col("innocent")).group_by("ring_id").agg(pl.col("enterprise_id"))
    found = sum(1 for firms in rings["enterprise_id"] if flagged & set(firms))
    innocents = len(claiming) - len(guilty)
    return RiskQuality(
        claimants=len(claiming),
        guilty=len(guilty),
        flagged=len(flagged),
        precision_at_k={k: sum(f in guilty for f in ranked[:k]) / k if len(ranked) >= k else None for k in ks},
        rings=rings.height,
        rings_found=found,
        ring_recall=found / rings.height if rings.height else None,
        lookalikes_flagged=len(flagged & lookalikes),
        false_per_thousand=1000 * len(flagged - guilty) / innocents if innocents else None,
    )
