"""The probabilistic tier: Fellegi–Sunter by Splink over names, places, people, phones and addresses, and the waterfall that explains a pair.

Splink runs on a DuckDB of its own, in memory; the warehouse is never touched. The model is a file, trained by decision, never on the fly.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import splink.comparison_level_library as cll
from rapidfuzz.distance import JaroWinkler
from rapidfuzz.process import cpdist
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.comparison_library import CustomComparison

from data import gazetteer
from matching.identity import names
from matching.identity.resolve import Register, Scorer

MODEL = Path(__file__).parent / "model.json"

# Accept at p ≥ .95 with two bits to the runner-up; between the floor and that, a clerk decides (measured in feeds.md §3.4).
ACCEPT, MARGIN_BITS, FLOOR = 0.95, 2.0, 0.02
# A subject that is in the register at all is there nine times in ten; this sets the prior together with the register's size.
PRESENT = 0.9
# How many strangers carry a value that the register has once, at least: one in a hundred, and less for a sound, which the law keeps apart
# within a trade (133号) and which, in 50,000 planted names, two strangers shared in 0.00024 of cases.
RARE = {"core": 0.005, "py": 0.002}

SCORES = pl.Schema(
    {
        "_subject_id": pl.String(),
        "enterprise_id": pl.String(),
        "weight": pl.Float64(),
        "probability": pl.Float64(),
        "backed": pl.Boolean(),
        "why": pl.String(),
    }
)
FEATURES = ("nm", "core", "zi", "iw", "py", "place", "head", "tail", "legal_person", "phone", "region", "spot")
TERMS = ("nm", "core", "zi", "py", "place", "legal_person", "phone", "region")
LABELS = {
    "name": "名称",
    "place": "名称中的区划",
    "legal_person": "法定代表人",
    "phone": "电话",
    "region": "区划",
    "spot": "门牌",
}
LEVELS = {
    "name": (
        "完全不像",
        "略像",
        "相近(≥0.7)",
        "相近(≥0.85)",
        "字号相同",
        "很相近(≥0.93)",
        "一方以另一方开头",
        "读音相同",
        "字号行业相同",
        "全同",
    ),
    "place": ("不同", "相同"),
    "legal_person": ("不同", "相同"),
    "phone": ("不同", "相同"),
    "region": ("不同", "同市县的一部分", "相同"),
    "spot": ("不同", "相同"),
}


def features(rows: pl.DataFrame, id_column: str) -> pl.DataFrame:
    """What is compared, one row per row of `rows` (parsed names beside legal_person, region, phone_hash, address), as FEATURES after `unique_id`.

    Empty text is null: an absent field is no evidence. `head` and `tail` are the first character and the last two of the core, for blocking.
    """
    places = rows["region"].drop_nulls().unique().sort().to_list()
    today = {p: _region(p) for p in places}
    region = (
        pl.col("region").replace_strict(today, default=None, return_dtype=pl.String)
        if today
        else pl.lit(None, pl.String)
    )
    return rows.select(
        pl.col(id_column).alias("unique_id"),
        *[pl.col(c).replace("", None) for c in ("nm", "core", "zi", "iw", "py", "place")],
        head=pl.col("core").str.head(1).replace("", None),
        tail=pl.col("core").str.tail(2).replace("", None),
        legal_person=pl.col("legal_person").str.strip_chars().replace("", None),
        phone=pl.col("phone_hash").replace("", None),
        region=region,
        spot=pl.col("address")
        .str.normalize("NFKC")
        .str.extract(r"(\p{Han}{2,4}(?:路|街|大道|道|镇|村)\d+号?)")
        .str.strip_suffix("号"),
    )


@cache
def _region(region: str) -> str | None:
    code = gazetteer.current(region, date.max) if region.isdigit() else gazetteer.located(region)[0]
    return None if code in (None, gazetteer.HAINAN) else code


def _jwc(left: pa.Array, right: pa.Array) -> pa.Array:
    """Jaro–Winkler by characters as a DuckDB Arrow function: the built-in counts bytes, and a Chinese character has three."""
    a = ["" if v is None else v for v in left.to_pylist()]
    b = ["" if v is None else v for v in right.to_pylist()]
    return pa.array(cpdist(a, b, scorer=JaroWinkler.normalized_similarity), pa.float64())


def _comparisons() -> list[Any]:
    def exact(column: str, label: str, *, terms: bool = True) -> Any:
        level = cll.ExactMatchLevel(column, term_frequency_adjustments=terms)
        return level.configure(label_for_charts=label)

    def level(condition: str, label: str) -> Any:
        return cll.CustomLevel(condition, label_for_charts=label)

    def plain(column: str, *, terms: bool = True) -> CustomComparison:
        return CustomComparison(
            output_column_name=column,
            comparison_levels=[cll.NullLevel(column), exact(column, "相同", terms=terms), cll.ElseLevel()],
        )

    name = CustomComparison(
        output_column_name="name",
        comparison_levels=[
            cll.NullLevel("nm"),
            exact("nm", "全同"),
            exact("core", "字号行业相同"),
            exact("py", "读音相同"),
            level(
                "(starts_with(core_l, core_r) or starts_with(core_r, core_l)) and least(length(core_l), length(core_r)) >= 3",
                "一方以另一方开头",
            ),
            level("jwc(core_l, core_r) >= 0.93", "很相近(≥0.93)"),
            exact("zi", "字号相同"),
            level("jwc(core_l, core_r) >= 0.85", "相近(≥0.85)"),
            level("jwc(core_l, core_r) >= 0.7", "相近(≥0.7)"),
            level("jwc(core_l, core_r) >= 0.55", "略像"),
            cll.ElseLevel(),
        ],
    )
    region = CustomComparison(
        output_column_name="region",
        comparison_levels=[
            cll.NullLevel("region"),
            exact("region", "相同"),
            level(
                "starts_with(region_l, rtrim(region_r, '0')) or starts_with(region_r, rtrim(region_l, '0'))",
                "同市县的一部分",
            ),
            cll.ElseLevel(),
        ],
    )
    return [
        name,
        plain("place"),
        plain("legal_person"),
        plain("phone"),
        region,
        plain("spot", terms=False),
    ]


def _blocks() -> list[Any]:
    return [
        block_on("core"),
        block_on("py"),
        block_on("zi", "place"),
        block_on("phone"),
        block_on("legal_person", "region"),
        block_on("legal_person", "iw"),
        block_on("head", "tail", "place"),
        block_on("substr(core, 1, 2)", "place"),
        block_on("substr(core, 2, 3)", "place"),
    ]


@contextmanager
def _engine(memory_gb: int = 6) -> Iterator[tuple[duckdb.DuckDBPyConnection, DuckDBAPI]]:
    logging.getLogger("splink").setLevel(logging.ERROR)
    con = duckdb.connect(":memory:", config={"memory_limit": f"{memory_gb}GB"})
    try:
        con.create_function("jwc", _jwc, ["VARCHAR", "VARCHAR"], "DOUBLE", type="arrow")  # type: ignore[call-overload]
        yield con, DuckDBAPI(connection=con)
    finally:
        con.close()


def _linker(api: DuckDBAPI, left: pl.DataFrame, right: pl.DataFrame, settings: Any) -> Linker:
    tables = [
        api.register(left.to_arrow(), dataset_display_name="a_said"),
        api.register(right.to_arrow(), dataset_display_name="b_register"),
    ]
    linker = Linker(tables, settings, log_level=logging.ERROR)
    # An enterprise that kept its 字号 through three names holds it once.
    holder = pl.col("unique_id").str.split("#").list.first()
    for column in TERMS:
        held = right.select(column, holder=holder).unique()[column]
        lookup = api.register(frequencies(held).to_arrow())
        linker.table_management.register_term_frequency_lookup(lookup, column)
    return linker


def frequencies(values: pl.Series) -> pl.DataFrame:
    """(value, tf_value): how likely another enterprise carries the value, by Good–Turing over the register.

    A plain share gives a name held by one enterprise of N the chance 1/N, as if every stranger had to be called something in the register;
    then an exact unique name could never outweigh the prior. What counts is the chance in a second sample: r* = (r+1)·N(r+1)/N(r) for what
    was seen once, and r for what was seen more often. Below stands a floor, RARE, for what a register cannot show of those outside it.
    """
    name = values.name
    counted = values.drop_nulls().value_counts(name="n").sort(name)
    total = max(int(counted["n"].sum()), 1)
    once, twice = (max(int((counted["n"] == k).sum()), 0) for k in (1, 2))
    single = max(2 * twice / once if once else 1.0, RARE.get(name, 0.01))
    expected = pl.when(pl.col("n") == 1).then(min(single, 1.0)).otherwise(pl.col("n"))
    return counted.select(name, (expected / total).cast(pl.Float64).alias(f"tf_{name}"))


def train(said: pl.DataFrame, register: pl.DataFrame, pairs: pl.DataFrame, seed: int) -> dict[str, Any]:
    """A model as JSON. `said`, `register`: features; `pairs` (left, right): rows known to be one enterprise by their codes.

    m comes from the known pairs. u comes from random pairs drawn with `seed` between two halves of the register that share no enterprise:
    among random pairs of `said` and `register` one in N is a true pair, which would swamp the chance of an exact name. Nothing of a
    planted truth is used: codes are the teacher.
    """
    settings = SettingsCreator(
        link_type="link_only",
        comparisons=_comparisons(),
        blocking_rules_to_generate_predictions=_blocks(),
        probability_two_random_records_match=PRESENT / max(register.height, 1),
        retain_intermediate_calculation_columns=True,
        linker_uid="huiqi",
    )
    half = register["unique_id"].str.split("#").list.first().hash(seed=seed) % 2 == 0
    drawn = 4_000_000
    with _engine() as (_, api):
        strangers = _linker(api, register.filter(half), register.filter(~half), settings)
        strangers.training.estimate_u_using_random_sampling(max_pairs=drawn, seed=seed, min_count_per_level=None)
        chance: dict[str, Any] = strangers.misc.save_model_to_json()
    with _engine() as (_, api):
        linker = _linker(api, said, register, settings)
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
    return model


def _smooth(levels: list[dict[str, Any]], what: str, seen: list[dict[str, Any]], n: int, extra: float) -> None:
    """A level that a sample of n never met is rare, not impossible: every level gets `extra` of a pair more."""
    shown = [i for i, level in enumerate(levels) if not level.get("is_null_level")]
    share = [float(seen[i].get(what) or 0.0) for i in shown]
    total = sum(share) * n + extra * len(shown)
    for i, value in zip(shown, share, strict=True):
        levels[i][what] = (value * n + extra) / total


def loaded(path: Path = MODEL) -> dict[str, Any]:
    """The stored model; its `version` and `trained_on` are of ours, the rest is Splink's."""
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return told


# 瑞达文化 is often another firm than 瑞达文化传媒, and place and region are one fact told twice: a name that is only a part of another, or
# merely near, is never accepted without the person or the phone.
_BACKED = (
    pl.col("gamma_name").is_in([LEVELS["name"].index(n) for n in ("很相近(≥0.93)", "读音相同", "字号行业相同", "全同")])
    | (pl.col("gamma_legal_person") == 1)
    | (pl.col("gamma_phone") == 1)
)


def scores(said: pl.DataFrame, register: pl.DataFrame, model: dict[str, Any], owner: pl.DataFrame) -> pl.DataFrame:
    """Every candidate pair with p ≥ FLOOR, best name of each enterprise, as SCORES, strongest first within a subject.

    `said` and `register` are features; `owner` (unique_id, enterprise_id) says whose name each register row is.
    """
    if said.is_empty() or register.is_empty():
        return pl.DataFrame(schema=SCORES)
    settings = {k: v for k, v in model.items() if k not in ("version", "trained_on")}
    settings["probability_two_random_records_match"] = PRESENT / owner["enterprise_id"].n_unique()
    with _engine() as (con, api):
        linker = _linker(api, said, register, settings)
        found = linker.inference.predict(threshold_match_probability=FLOOR)
        rows = con.sql(f"SELECT * FROM {found.physical_name}").pl()
    swapped = pl.col("source_dataset_l") != "a_said"
    rows = rows.with_columns(
        _subject_id=pl.when(swapped).then("unique_id_r").otherwise("unique_id_l"),
        unique_id=pl.when(swapped).then("unique_id_l").otherwise("unique_id_r"),
    ).join(owner, on="unique_id")
    told: pl.DataFrame = (
        rows.with_columns(why=_waterfall(rows), backed=_BACKED)
        .select("_subject_id", "enterprise_id", "backed", "why", weight="match_weight", probability="match_probability")
        .select(SCORES.names())
        .sort("_subject_id", "weight", "enterprise_id", "why", descending=[False, True, False, False])
        .unique(["_subject_id", "enterprise_id"], keep="first", maintain_order=True)
    )
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
    """(accepted, for the clerk): accepted are backed, p ≥ ACCEPT and MARGIN_BITS above the second enterprise; both as SCORES."""
    ranked = scored.with_columns(
        nth=pl.int_range(1, pl.len() + 1).over("_subject_id"),
        second=pl.col("weight").sort(descending=True).get(1, null_on_oob=True).over("_subject_id"),
    )
    best = (pl.col("nth") == 1) & (pl.col("probability") >= ACCEPT) & pl.col("backed")
    clear = pl.col("second").is_null() | (pl.col("weight") - pl.col("second") >= MARGIN_BITS)
    accepted = ranked.filter(best & clear)
    rest = ranked.join(accepted, on="_subject_id", how="anti").filter(pl.col("nth") <= 5)
    return accepted.select(SCORES.names()), rest.select(SCORES.names())


def register_features(enterprises: pl.DataFrame, parsed: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(features, owner) of a register: one row for each name an enterprise has or had."""
    rows = parsed.join(enterprises, on="enterprise_id", how="left").sort("enterprise_id", "name")
    rows = rows.with_columns(
        unique_id=pl.concat_str("enterprise_id", pl.lit("#"), pl.int_range(pl.len()).over("enterprise_id"))
    )
    return features(rows, "unique_id"), rows.select("unique_id", "enterprise_id")


def subject_features(subjects: pl.DataFrame, parsed: pl.DataFrame | None = None) -> pl.DataFrame:
    """Features of subjects that have a name; `parsed` (_subject_id and PARTS) if it is at hand."""
    if parsed is None:
        parsed = pl.concat([subjects.select("_subject_id"), names.parsed(subjects["name"])], how="horizontal")
    rows = subjects.select("_subject_id", "legal_person", "region", "phone_hash", "address").join(
        parsed, on="_subject_id"
    )
    return features(rows.filter(pl.col("nm").is_not_null()).sort("_subject_id"), "_subject_id")


def scorer(model: dict[str, Any]) -> Scorer:
    """`model` as `resolve` wants it."""

    def scored(subjects: pl.DataFrame, parsed: pl.DataFrame, register: Register) -> tuple[pl.DataFrame, pl.DataFrame]:
        known, owner = register_features(register.enterprises, register.parsed)
        return verdicts(scores(subject_features(subjects, parsed), known, model, owner))

    return scored


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
