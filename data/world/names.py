"""Enterprise names: region, 字号, industry word, form; unique because the 字号 is a permutation of the id, but for a few given again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.world import pools, succession
from data.world.streams import Ints, Streams, permuted

if TYPE_CHECKING:
    from data.world.population import Population

_FIRST = list(dict.fromkeys(pools.NAME_FIRST))
_SECOND = list(dict.fromkeys(pools.NAME_SECOND))
_TAILS = list(dict.fromkeys(pools.NAME_TAILS))
_PAIRS = list(dict.fromkeys(pools.NAME_PAIRS))
# Sixteen two-character forms are told apart by the variant of the industry word; see `brands`.
_SHORT = 16
_SPACE = len(_FIRST) * len(_SECOND) * (_SHORT + len(_TAILS) + len(_PAIRS))
_SHORT_WORDS = (
    "",
    "实业",
    "发展",
    "控股",
    "创新",
    "国际",
    "联合",
    "远景",
    "方圆",
    "新港",
    "一号",
    "优选",
    "合作",
    "自贸",
    "天涯",
    "南方",
)


def brands(ids: Ints) -> tuple[pl.Series, pl.Series]:
    """(字号, qualifier): the pair is unique for ids below 3.1 million."""
    rank = permuted(ids, _SPACE, 1_927_868_237, 271_828)
    form, rest = np.divmod(rank, len(_FIRST) * len(_SECOND))
    first, second = np.divmod(rest, len(_SECOND))
    tails = pl.Series([""] * _SHORT + _TAILS + _PAIRS)
    qualifiers = pl.Series(list(_SHORT_WORDS) + [""] * (len(_TAILS) + len(_PAIRS)))
    frame = pl.DataFrame(
        {"a": pl.Series(_FIRST).gather(first), "b": pl.Series(_SECOND).gather(second), "c": tails.gather(form)}
    )
    return frame.select(pl.concat_str("a", "b", "c").alias("z"))["z"], qualifiers.gather(form)


def _industry_words(industry: Ints, variant: Ints) -> pl.Series:
    words = [i.words for i in pools.INDUSTRIES]
    width = max(len(w) for w in words)
    table = pl.Series([w[k % len(w)] for w in words for k in range(width)])
    return table.gather(industry * width + variant)


def compose_names(people: Population) -> tuple[pl.Series, pl.Series, pl.Series]:
    """(name, name after renaming or null, 字号)."""
    streams: Streams = people.streams
    ids = people.ids
    sister = streams.chance(0.02, "name.sister", ids) & people.is_firm & (ids % 2 == 1)
    # A trader turned company keeps its 字号.
    heir = succession.taken_over(people)[0] == succession.CONVERSION
    sister &= ~heir
    owner = np.where(sister | heir, ids - 1, ids)
    brand, qualifier = brands(owner)
    own = np.where(heir, owner, ids)
    rare = streams.chance(0.004, "name.rare", own)
    extra = pl.Series(list(pools.RARE)).gather(streams.below(len(pools.RARE), "name.rare.which", own))
    word = _industry_words(people.industry, streams.below(3, "name.word", ids))
    sister_word = pl.Series(pools.SISTER_WORDS).gather(streams.below(4, "name.sister.word", ids))
    short = pl.Series([r.short for r in pools.REGIONS]).gather(people.region_index)
    frame = pl.DataFrame(
        {
            "z": brand,
            "q": qualifier,
            "w": word,
            "sw": sister_word,
            "s": short,
            "x": extra,
            "rare": pl.Series(rare),
            "sister": pl.Series(sister),
            "kind": pl.Series(people.kind),
            "style": pl.Series(streams.below(10, "name.style", ids)),
            "stock": pl.Series(streams.chance(0.03, "name.stock", ids)),
        }
    ).with_columns(
        z=pl.when("rare").then(pl.concat_str("z", "x")).otherwise("z"),
        w=pl.when("sister").then("sw").otherwise("w"),
        q=pl.when("sister").then(pl.lit("")).otherwise("q"),
    )
    form = pl.when("stock").then(pl.lit("股份有限公司")).otherwise(pl.lit("有限公司"))
    city = pl.when(pl.col("style") < 5).then(pl.lit("海南")).otherwise("s")
    firm = (
        pl.when(pl.col("style").is_in([8, 9]))
        .then(pl.concat_str("z", "q", pl.lit("（海南）"), "w", form))
        .otherwise(pl.concat_str(city, "z", "q", "w", form))
    )
    shop = pl.concat_str(
        "s", "z", "q", "w", pl.when(pl.col("style") < 6).then(pl.lit("店")).otherwise(pl.lit("经营部"))
    )
    coop = pl.concat_str("s", "z", "q", pl.lit("种养农民专业合作社"))
    village = pl.concat_str("s", "z", "q", pl.lit("村股份经济合作社"))
    sole = pl.concat_str("s", "z", "q", "w", pl.lit("中心（个人独资）"))
    kind = pl.col("kind")
    name = (
        pl.when(kind == 0)
        .then(shop)
        .when(kind == 3)
        .then(coop)
        .when(kind == 4)
        .then(village)
        .when(kind == 5)
        .then(sole)
        .otherwise(firm)
    )
    renamed = pl.concat_str(pl.lit("海南"), "z", "q", "w", pl.lit("集团有限公司"))
    named = frame.select(name.alias("n"), renamed.alias("m"), "z")
    changes = pl.Series(people.renamed_month < 100_000)
    after = pl.DataFrame({"m": named["m"], "c": changes}).select(pl.when("c").then("m").alias("m"))["m"]
    return _given(people, named["n"]), after, named["z"]


def _given(people: Population, name: pl.Series) -> pl.Series:
    """The names with those that are no permutation: of owners who trade in person, and of enterprises whose name is given again."""
    again = np.flatnonzero(succession.name_again(people))
    if len(again):
        before = type(people)(people.streams, people.ids[again] - 1)
        name = name.scatter(again, before.name)
    owners = np.flatnonzero(succession.trades_in_person(people))
    return name.scatter(owners, people.take(owners).person) if len(owners) else name
