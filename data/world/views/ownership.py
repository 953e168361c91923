"""Shareholders (E_INV) and branches (E_BRANCH) of the register's enterprises."""

from __future__ import annotations

import numpy as np
import polars as pl

from data.world import defects, formats, pools
from data.world.parcel import World, positions
from data.world.population import Population, person_names
from data.world.streams import Bools, Ints


def investors(people: Population, world: World) -> pl.DataFrame:
    """E_INV: one or two shareholders of firms born or changed in the window, and a yearly batch for the rest."""
    parts = []
    keep = positions(people.is_firm & (people.death_month > world.first_month))
    sub = people.take(keep)
    day = np.maximum(sub.birth_day + 1, world.start + 3)
    for place in range(2):
        held = sub.streams.chance(1.0 if place == 0 else 0.45, f"investor.{place}", sub.ids)
        corporate = sub.streams.chance(0.2, f"investor.corporate.{place}", sub.ids)
        parent = np.maximum(sub.ids - 1 - sub.streams.below(40, "investor.parent", sub.ids), 0)
        parent_name = Population(sub.streams, parent).name
        names = pl.DataFrame(
            {
                "p": parent_name,
                "q": person_names(sub.streams, f"investor.person.{place}", sub.ids),
                "c": pl.Series(corporate),
            }
        )
        share = np.where(sub.streams.chance(0.45, "investor.1", sub.ids), (60, 40)[place], 100)
        parts.append(
            pl.DataFrame(
                {
                    "PRIPID": sub.pripid,
                    "INV": names.select(pl.when("c").then("p").otherwise("q").alias("n"))["n"],
                    "INVTYPE": pl.Series(np.where(corporate, "11", "20").tolist(), dtype=pl.String),
                    "CERNO": pl.select(pl.concat_str(pl.lit("4600**********"), formats.whole(1000 + sub.ids % 9000))).to_series(),
                    "SUBCONAM": formats._scaled(sub.capital_wan * share * 10_000, 6),
                    "CONDATE": formats.dates(sub.birth_day + 30),
                    "_eid": pl.Series(sub.ids),
                    "_defects": pl.Series([""] * len(sub), dtype=pl.String),
                    "_day": pl.Series(day, dtype=pl.Int64),
                }
            ).filter(pl.Series(held))
        )  # fmt: skip
    return pl.concat(parts)


# Branch numbers use ids beyond any world's entities.
_BRANCHES = 50_000_000


def has_branch(people: Population) -> Bools:
    """One firm in fifteen has a branch."""
    result: Bools = people.is_firm & people.streams.chance(1 / 15, "branch", people.ids)
    return result


def branch_region_index(people: Population) -> Ints:
    return people.streams.pick([r.weight for r in pools.REGIONS], "branch.region", people.ids)


def branch_name(people: Population) -> pl.Series:
    """The parent's name at birth, the branch's county, 分公司."""
    short = pl.Series([r.short for r in pools.REGIONS]).gather(branch_region_index(people))
    frame = pl.DataFrame({"n": people.name, "s": short})
    return frame.select(pl.concat_str("n", "s", pl.lit("分公司")).alias("b"))["b"]


def as_branch(people: Population) -> Population:
    """Whose numbers the branches have."""
    return Population(people.streams, people.ids + _BRANCHES)


def branch_keys(people: Population) -> tuple[Ints, pl.Series, pl.Series]:
    """(positions of parents, branch names, branch codes), each branch with a code of its own."""
    keep = positions(has_branch(people))
    sub = people.take(keep)
    return keep, branch_name(sub), as_branch(sub).branch_uscc


def branches(people: Population, world: World) -> pl.DataFrame:
    keep, name, code = branch_keys(people)
    sub = people.take(keep)
    frame = pl.DataFrame(
        {
            "PRIPID": sub.pripid,
            "BRNAME": name,
            "BRREGNO": pl.Series([""] * len(sub), dtype=pl.String),
            "UNISCID": code,
            "_eid": pl.Series(sub.ids),
            "_defects": pl.Series([""] * len(sub), dtype=pl.String),
            "_day": pl.Series(np.maximum(sub.birth_day + 200, world.start + 4), dtype=pl.Int64),
        }
    )
    parents = sub.streams.chance(0.1, "branch.parent_code", sub.ids)
    frame = defects.put(frame, "UNISCID", parents, "parent_code_on_branch", sub.uscc)
    lives = sub.death_month > np.maximum(sub.birth_month + 8, world.first_month)
    return frame.filter(pl.Series(lives))
