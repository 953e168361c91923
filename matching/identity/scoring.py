"""Pairs scored by the name model, what is accepted of them, and the waterfall that explains a pair."""

from __future__ import annotations

from math import log
from typing import Any

import polars as pl

from matching.identity import names, omitted
from matching.identity.evidence import register_features, subject_features
from matching.identity.model import (
    LABELS,
    LEVELS,
    OURS,
    PRESENT,
    TERMS,
    engine,
    frequencies,
    holders,
    linker_of,
    reachable,
    size_step,
    within_reach,
)
from matching.identity.resolve import LIKELY, Register, Scorer

# Accepted from here on; a pair below the floor is no candidate, what lies between is for a clerk. One whole core (or its sound) that speaks of
# another place or form is below the floor, and is what a firm renamed before the first delivery looks like: the clerk is shown it from TRACE on.
ACCEPT, FLOOR, TRACE = LIKELY, 0.02, 0.0002
# So that what Splink keeps of its pairs does not grow with the rows; of the 11 GB that 3 M enterprises and 1 M rows take, it is the smaller part.
BATCH = 250_000

SCORES = pl.Schema(
    {
        "_subject_id": pl.String(),
        "enterprise_id": pl.String(),
        "weight": pl.Float64(),
        "probability": pl.Float64(),
        "backed": pl.Boolean(),
        "alone": pl.Boolean(),
        "why": pl.String(),
    }
)

# 瑞达文化 is often another firm than 瑞达文化传媒, 同椰 a slip of 通杰椰 as well as of 同左椰, and place and region are one fact told twice: a name
# that is only a part of another, or merely near, is never accepted without the person or the phone. A form that is said and differs (经营部, 有限公司)
# is never accepted: a company that succeeds a sole trader has its name, its person and its phone, and is somebody else. Nor is, by its name alone,
# whoever is said to live at another number.
_LIKE = ("字序不同", "字形相近", "读音相同")
_BACKED = (pl.col("gamma_form") != LEVELS["form"].index("不同")) & (
    (pl.col("gamma_spot") != LEVELS["spot"].index("不同"))
    & pl.col("gamma_name").is_in([LEVELS["name"].index(n) for n in (*_LIKE, "字号行业相同", "全同")])
    | (pl.col("gamma_legal_person") == 1)
    | (pl.col("gamma_phone") == 1)
)
# Nothing but a likeness speaks for the pair: no person, no phone, no house number.
_ALONE = pl.col("gamma_name").is_in([LEVELS["name"].index(n) for n in _LIKE]) & ~pl.any_horizontal(
    pl.col(f"gamma_{c}") == 1 for c in ("legal_person", "phone", "spot")
)


def scores(
    said: pl.DataFrame, register: pl.DataFrame, model: dict[str, Any], owner: pl.DataFrame, size: int | None = None
) -> pl.DataFrame:
    """Every candidate pair with p ≥ FLOOR, and of one core those with p ≥ TRACE: best name of each enterprise, as SCORES, strongest first within a subject.

    `said` and `register` are features; `owner` (unique_id, enterprise_id) says whose name each register row is; `size` is the number of enterprises
    where `register` is only the part of them within reach. No pair's score depends on what
    else is said, so a large `said` is scored BATCH rows at a time: memory follows the register and the batch.
    """
    size = size_step(owner["enterprise_id"].n_unique() if size is None else size)
    settings = {k: v for k, v in model.items() if k not in OURS}
    settings["probability_two_random_records_match"] = PRESENT / size
    parts = [
        _scored(batch, register, model, settings, size).join(owner, on="unique_id")
        for batch in said.iter_slices(BATCH)
        if register.height
    ]
    if not parts:
        return pl.DataFrame(schema=SCORES)
    told: pl.DataFrame = (
        pl.concat(parts)
        .select(SCORES.names())
        .sort("_subject_id", "weight", "enterprise_id", "why", descending=[False, True, False, False])
        .unique(["_subject_id", "enterprise_id"], keep="first", maintain_order=True)
    )
    return told


def _scored(
    said: pl.DataFrame, register: pl.DataFrame, model: dict[str, Any], settings: dict[str, Any], size: int
) -> pl.DataFrame:
    """Pairs of one batch: unique_id of the register's row, and SCORES without the enterprise."""
    columns = ["unique_id", *[c for c in SCORES.names() if c != "enterprise_id"]]
    near = reachable(said, register)
    if near.is_empty():
        return pl.DataFrame(schema={"unique_id": pl.String(), **SCORES}).select(columns)
    with engine() as (con, api):
        linker = linker_of(api, said, near, settings)
        for column in TERMS:
            lookup = api.register(frequencies(holders(register, column, said[column]), size, model).to_arrow())
            linker.table_management.register_term_frequency_lookup(lookup, column)
        found = linker.inference.predict(threshold_match_probability=TRACE)
        # Of everything that Splink keeps, the pair, its levels and their bits.
        rows = con.sql(
            f"SELECT COLUMNS('^(source_dataset_[lr]|unique_id_[lr]|match_.*|gamma_.*|mw_.*)$') FROM {found.physical_name}"
            f" WHERE match_probability >= {FLOOR} OR gamma_name >= {LEVELS['name'].index('字号行业相同')}"
        ).pl()
    swapped = pl.col("source_dataset_l") != "a_said"
    told: pl.DataFrame = rows.select(
        unique_id=pl.when(swapped).then("unique_id_l").otherwise("unique_id_r"),
        _subject_id=pl.when(swapped).then("unique_id_r").otherwise("unique_id_l"),
        weight="match_weight",
        probability="match_probability",
        backed=_BACKED,
        alone=_ALONE,
        why=_waterfall(rows),
    ).select(columns)
    return told


def _waterfall(rows: pl.DataFrame) -> pl.Expr:
    """The evidence field by field in bits, term frequency included: 名称:读音相同 +9.3;区划:相同 +2.1."""
    parts = []
    for column, label in LABELS.items():
        if f"gamma_{column}" not in rows.columns:
            continue
        bits = pl.col(f"mw_{column}").fill_null(0.0)
        if f"mw_tf_adj_{column}" in rows.columns:
            bits = bits + pl.col(f"mw_tf_adj_{column}").fill_null(0.0)
        level = pl.col(f"gamma_{column}").replace_strict(
            dict(enumerate(LEVELS[column])), default="未知", return_dtype=pl.String
        )
        sign = pl.when(bits >= 0).then(pl.lit(" +")).otherwise(pl.lit(" "))
        text = pl.concat_str(pl.lit(f"{label}:"), level, sign, bits.round(1).cast(pl.String))
        parts.append(pl.when(pl.col(f"gamma_{column}") >= 0).then(text))
    return pl.concat_str(parts, separator=";", ignore_nulls=True)


def verdicts(scored: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(accepted, for the clerk), as SCORES with the probability that the enterprise is the one: accepted are backed and p ≥ ACCEPT.

    A subject is one of its candidates or nobody in the register: p = oddsᵢ / (Σ oddsⱼ + 1 − PRESENT). A pair's own probability counts every other
    enterprise as a possible one though none but the candidates is left, and knows nothing of rivals.
    """
    odds = (pl.col("weight").clip(upper_bound=300.0) * log(2)).exp()
    chosen = scored.with_columns(odds=odds).with_columns(
        probability=pl.col("odds") / (pl.col("odds").sum().over("_subject_id") + (1 - PRESENT)),
        nth=pl.int_range(1, pl.len() + 1).over("_subject_id"),
    )
    accepted = chosen.filter((pl.col("nth") == 1) & (pl.col("probability") >= ACCEPT) & pl.col("backed"))
    rest = chosen.join(accepted, on="_subject_id", how="anti").filter(pl.col("nth") <= 5)
    return accepted.select(SCORES.names()), rest.select(SCORES.names())


def scorer(model: dict[str, Any]) -> Scorer:
    """`model` as `resolve` wants it."""

    def scored(subjects: pl.DataFrame, parsed: pl.DataFrame, register: Register) -> tuple[pl.DataFrame, pl.DataFrame]:
        # A branch has its parent's name: beside the parent it would be a rival that nothing tells apart.
        legal = register.parsed.filter(pl.col("branch") == "")
        said = subject_features(subjects, parsed)
        near = within_reach(said, register.enterprises, legal)
        known, owner = register_features(register.enterprises, legal.join(near, on="enterprise_id", how="semi"))
        accepted, doubtful = verdicts(scores(said, known, model, owner, legal["enterprise_id"].n_unique()))
        return without_rivals(accepted, doubtful, parsed, legal)

    return scored


def without_rivals(
    accepted: pl.DataFrame, doubtful: pl.DataFrame, parsed: pl.DataFrame, register_names: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`verdicts`, of which those that rest on a likeness alone go to the clerk if the name may be a person's, or if another's name with a character left
    out is what was said.

    魏文 is no slip of the trader 韦文. 同杉 is how 同山 sounds and what a slip leaves of 同力杉: the levels of a name are ranked, and never weigh an
    omission against a likeness.
    """
    likely = accepted.filter("alone").select("_subject_id", first="enterprise_id")
    persons = likely.join(parsed.filter(names.personal()), on="_subject_id", how="semi")
    rivals = omitted.longer(
        likely.join(parsed.select("_subject_id", "core", "place"), on="_subject_id"), register_names
    )
    rivals = rivals.join(likely, on="_subject_id").filter(pl.col("enterprise_id") != pl.col("first"))
    doubted = pl.concat([rivals.select("_subject_id"), persons.select("_subject_id")])
    contested = accepted.join(doubted, on="_subject_id", how="semi")
    shown = rivals.select(
        "_subject_id",
        "enterprise_id",
        weight=pl.lit(0.0),
        probability=pl.lit(FLOOR),
        backed=pl.lit(False),
        alone=pl.lit(False),
        why=pl.format("所写名称是「{}」少一字", "name"),
    )
    return accepted.join(contested, on="_subject_id", how="anti"), pl.concat([doubtful, contested, shown])
