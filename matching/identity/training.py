"""Training of the name model: m from rows that a code identified, u from strangers; nothing of a planted truth is used."""

from __future__ import annotations

from typing import Any

import polars as pl
from splink import SettingsCreator, block_on

from matching.identity import names
from matching.identity.evidence import register_features, subject_features
from matching.identity.model import (
    BLOCKS,
    COARSE,
    PRESENT,
    TERMS,
    chance_of_one,
    comparisons,
    engine,
    holders,
    linker_of,
)
from matching.identity.resolve import Register


def train(said: pl.DataFrame, register: pl.DataFrame, pairs: pl.DataFrame, seed: int) -> dict[str, Any]:
    """A model as JSON. `said`, `register`: features; `pairs` (left, right): rows known to be one enterprise by their codes.

    m comes from the known pairs. u comes from random pairs drawn with `seed` between two halves of the register that share no enterprise:
    among random pairs of `said` and `register` one in N is a true pair, which would swamp the chance of an exact name. Nothing of a
    planted truth is used: codes are the teacher.
    """
    settings = SettingsCreator(
        link_type="link_only",
        comparisons=comparisons(),
        blocking_rules_to_generate_predictions=[block_on(*block) for block in BLOCKS],
        probability_two_random_records_match=PRESENT / max(register.height, 1),
        retain_intermediate_calculation_columns=True,
        linker_uid="huiqi",
    )
    half = register["unique_id"].str.split("#").list.first().hash(seed=seed) % 2 == 0
    drawn = 4_000_000
    with engine() as (_, api):
        strangers = linker_of(api, register.filter(half), register.filter(~half), settings)
        strangers.training.estimate_u_using_random_sampling(max_pairs=drawn, seed=seed, min_count_per_level=None)
        chance: dict[str, Any] = strangers.misc.save_model_to_json()
    with engine() as (_, api):
        linker = linker_of(api, said, register, settings)
        linker.training.estimate_u_using_random_sampling(max_pairs=drawn, seed=seed, min_count_per_level=None)
        labels = pairs.select(
            source_dataset_l=pl.lit("a_said"),
            unique_id_l="left",
            source_dataset_r=pl.lit("b_register"),
            unique_id_r="right",
            clerical_match_score=pl.lit(1.0),
        )
        linker.training.estimate_m_from_pairwise_labels(api.register(labels.to_arrow()))  # type: ignore[no-untyped-call]
        model: dict[str, Any] = linker.misc.save_model_to_json()
    pairs_seen = min(drawn, int(half.sum()) * int((~half).sum()))
    for known, random in zip(model["comparisons"], chance["comparisons"], strict=True):
        levels = known["comparison_levels"]
        # Departments write a city where the register has its district: chance agreement of places is that of what is said.
        said_so = known["output_column_name"] in ("place", "region")
        _smooth(levels, "u_probability", levels if said_so else random["comparison_levels"], pairs_seen, 0.1)
        taught = any(level.get("m_probability") for level in levels)
        if taught:
            _smooth(levels, "m_probability", levels, pairs.height, 0.5)
        else:
            # A field that no lesson showed says nothing for or against.
            for level in levels:
                if "u_probability" in level:
                    level["m_probability"] = level["u_probability"]
    model["chance"] = {c: chance_of_one(holders(register, c)) for c in TERMS if c not in COARSE}
    model["shares"] = {c: _shares(holders(register, c)) for c in COARSE}
    return model


def _shares(values: pl.Series) -> dict[str, float]:
    counted = values.value_counts(name="n").sort(values.name)
    return {v: round(n / max(len(values), 1), 6) for v, n in counted.iter_rows()}


def _smooth(levels: list[dict[str, Any]], what: str, seen: list[dict[str, Any]], n: int, extra: float) -> None:
    """A level that a sample of n never met is rare, not impossible: every level gets `extra` of a pair more."""
    shown = [i for i, level in enumerate(levels) if not level.get("is_null_level")]
    share = [float(seen[i].get(what) or 0.0) for i in shown]
    total = sum(share) * n + extra * len(shown)
    for i, value in zip(shown, share, strict=True):
        levels[i][what] = (value * n + extra) / total


def lessons(
    subjects: pl.DataFrame, decided: pl.DataFrame, register: Register
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """(said, register, pairs) for `train`, out of subjects that a code identified and that also carry a name.

    The right row of a pair is the name of the enterprise that is most like what was said: a former name said is a lesson about that name.
    """
    known, _ = register_features(register.enterprises, register.parsed)
    coded = decided.filter(pl.col("tier") == "key").select("_subject_id", "enterprise_id")
    said = subjects.join(coded.select("_subject_id"), on="_subject_id", how="semi").filter(pl.col("name").is_not_null())
    # A department repeats a spelling for years: one lesson for each enterprise and spelling.
    said = (
        said.join(coded, on="_subject_id")
        .sort("_subject_id")
        .unique(["enterprise_id", "name"], keep="first", maintain_order=True)
    )
    parsed = pl.concat([said.select("_subject_id"), names.parsed(said["name"])], how="horizontal")
    rows = register.parsed.sort("enterprise_id", "name").with_columns(
        right=pl.concat_str("enterprise_id", pl.lit("#"), pl.int_range(pl.len()).over("enterprise_id"))
    )
    pairs = (
        said.select("_subject_id", "enterprise_id")
        .join(parsed, on="_subject_id")
        .join(rows, on="enterprise_id", suffix="_r")
    )
    likeness = names.alike(
        pairs.select(names.PARTS.names()), pairs.select(pl.col(f"{c}_r").alias(c) for c in names.PARTS.names())
    )
    best = (
        pairs.select(left="_subject_id", right="right")
        .with_columns(likeness=likeness)
        .sort("left", "likeness", "right", descending=[False, True, False], nulls_last=True)
        .unique("left", keep="first", maintain_order=True)
    )
    return subject_features(said, parsed), known, best.select("left", "right")
