"""The name model: its comparisons and their levels, its blocks, its term frequencies, and the file it is stored in.

Fellegi–Sunter by Splink, on a DuckDB of its own in memory; the warehouse is never touched. The model is trained by decision, never on the fly.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil, log2
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import splink.comparison_level_library as cll
from rapidfuzz.distance import JaroWinkler
from rapidfuzz.process import cpdist
from splink import DuckDBAPI, Linker
from splink.comparison_library import CustomComparison

MODEL = Path(__file__).parent / "model.json"

# A subject is in the register nine times in ten: with the register's size this is the prior of a pair.
PRESENT = 0.9
# How many strangers carry a value that the register has once, at least: one in a hundred, and less for a whole core, and for its sound, which the
# law keeps apart within a trade (133号). Two strangers shared a sound in 0.00024 of cases among 50,000 planted names, in 0.0055 among 300,000 (what
# training finds there stands in the file as `chance`); a look or an order of characters in 0 and 0.0004.
RARE = {"core": 0.005, "py": 0.002, "shape": 0.002, "bag": 0.002}
# Fields that a stored model must not have to name: they are ours, the rest of the file is Splink's.
OURS = ("version", "trained_on", "chance", "shares")

# Coarse fields: how common a value is, is a fact of the province and stands in the file; of the others it is counted in the register.
COARSE = ("place", "region")
TERMS = ("nm", "core", "zi", "py", "shape", "bag", "place", "legal_person", "phone", "region")
LABELS = {
    "name": "名称",
    "form": "组织形式",
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
        "字序不同",
        "字形相近",
        "读音相同",
        "字号行业相同",
        "全同",
    ),
    "form": ("不同", "相同"),
    "place": ("不同", "相同"),
    "legal_person": ("不同", "相同"),
    "phone": ("不同", "相同"),
    "region": ("不同", "同市县的一部分", "相同"),
    "spot": ("不同", "相同"),
}


def _jwc(left: pa.Array, right: pa.Array) -> pa.Array:
    """Jaro–Winkler by characters as a DuckDB Arrow function: the built-in counts bytes, and a Chinese character has three."""
    a = ["" if v is None else v for v in left.to_pylist()]
    b = ["" if v is None else v for v in right.to_pylist()]
    return pa.array(cpdist(a, b, scorer=JaroWinkler.normalized_similarity), pa.float64())


def comparisons() -> list[Any]:
    """What is compared, each with its levels from equal to unlike."""

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
            exact("shape", "字形相近"),
            exact("bag", "字序不同"),
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
        plain("form", terms=False),
        plain("place"),
        plain("legal_person"),
        plain("phone"),
        region,
        plain("spot", terms=False),
    ]


# Pairs that share the values of one of these are looked at, all others are not.
BLOCKS = (
    ("core",), ("py",), ("shape",), ("bag",), ("zi", "place"), ("phone",), ("legal_person", "region"), ("legal_person", "iw"), ("head", "tail", "place"),
    ("two", "place"), ("three", "place"),
)  # fmt: skip


@contextmanager
def engine(memory_gb: int = 6) -> Iterator[tuple[duckdb.DuckDBPyConnection, DuckDBAPI]]:
    """A DuckDB in memory that knows `jwc`, closed at the end."""
    logging.getLogger("splink").setLevel(logging.ERROR)
    con = duckdb.connect(":memory:", config={"memory_limit": f"{memory_gb}GB"})
    try:
        con.create_function("jwc", _jwc, ["VARCHAR", "VARCHAR"], "DOUBLE", type="arrow")  # type: ignore[call-overload]
        yield con, DuckDBAPI(connection=con)
    finally:
        con.close()


def linker_of(api: DuckDBAPI, left: pl.DataFrame, right: pl.DataFrame, settings: Any) -> Linker:
    """Splink over the features of what is said (left) and of the register (right)."""
    tables = [
        api.register(left.to_arrow(), dataset_display_name="a_said"),
        api.register(right.to_arrow(), dataset_display_name="b_register"),
    ]
    return Linker(tables, settings, log_level=logging.ERROR)


def size_step(enterprises: int) -> int:
    """The size the model reckons with: the next of 2^(k/4). Within a step no pair's score depends on how many others there are."""
    return round(2 ** (ceil(log2(max(enterprises, 2)) * 4) / 4))


def holders(register: pl.DataFrame, column: str, said: pl.Series | None = None) -> pl.Series:
    """The values of a feature, one for each enterprise that holds it: one that kept its 字号 through three names holds it once.

    With `said`, only the values that occur in it: the others can match nothing.
    """
    rows = register.filter(pl.col(column).is_not_null())
    if said is not None:
        rows = rows.join(said.drop_nulls().unique().to_frame(column), on=column, how="semi")
    holder = pl.col("unique_id").str.split("#").list.first()
    return rows.select(column, holder=holder).unique()[column]


def reachable(said: pl.DataFrame, register: pl.DataFrame) -> pl.DataFrame:
    """The register rows that share a block with anything said, in the register's order."""
    return register[_sharing(said, register, set(BLOCKS))]


def _sharing(said: pl.DataFrame, rows: pl.DataFrame, wanted: set[tuple[str, ...]]) -> pl.Series:
    """Numbers of the rows that have the values of one of these combinations of columns in common with anything said, ascending."""
    numbered = rows.with_row_index("_at")
    found = [
        numbered.select("_at", *names).join(said.select(names).drop_nulls().unique(), on=list(names), how="semi")["_at"]
        for names in sorted(wanted)
    ]
    return pl.concat(found).unique().sort()


def within_reach(said: pl.DataFrame, enterprises: pl.DataFrame, parsed: pl.DataFrame) -> pl.DataFrame:
    """enterprise_id of whoever shares with anything said (features) a value that is counted (TERMS), or may share a block; a few too many, none too few.

    Found on the register as it stands, before its features are made: those of a million names take longer than a night's rows.
    """
    core = pl.col("core")
    rows = parsed.select(
        "enterprise_id", "nm", "core", "zi", "py", "shape", "bag", "place",
        two=core.str.head(2), three=core.str.slice(1, 3), head=core.str.head(1), tail=core.str.tail(2),
    )  # fmt: skip
    named: set[tuple[str, ...]] = {
        *((c,) for c in TERMS if c in rows.columns and c not in COARSE),
        *(b for b in BLOCKS if set(b) <= set(rows.columns)),
    }
    held = enterprises.select(
        "enterprise_id", legal_person=pl.col("legal_person").str.strip_chars(), phone=pl.col("phone_hash")
    )
    by_name = rows["enterprise_id"][_sharing(said, rows, named)]
    by_person = held["enterprise_id"][_sharing(said, held, {("legal_person",), ("phone",)})]
    return pl.concat([by_name, by_person]).unique().to_frame()


def chance_of_one(values: pl.Series) -> float:
    """How likely a second draw meets a value that was seen once, by Good–Turing: r* = 2·N₂/N₁, as a share of all draws.

    A plain share gives a name held by one enterprise of N the chance 1/N, as if every stranger had to be called something in the register;
    then an exact unique name could never outweigh the prior.
    """
    times = values.value_counts(name="n")["n"]
    once, twice = int((times == 1).sum()), int((times == 2).sum())
    return min(2 * twice / once, 1.0) / max(len(values), 1) if once else 0.0


def frequencies(values: pl.Series, size: int, model: dict[str, Any]) -> pl.DataFrame:
    """(value, tf_value): how likely a stranger carries the value, in a register reckoned at `size`.

    What the register has once has the chance that training found, or RARE if that is more, for what a register cannot show of those outside it;
    what it has more often, its share; a coarse field, the share that training found.
    """
    name = values.name
    counted = values.drop_nulls().value_counts(name="n").sort(name)
    if name in COARSE:
        share = pl.col(name).replace_strict(model["shares"][name], default=1 / size, return_dtype=pl.Float64)
    else:
        once = max(float(model["chance"].get(name, 0.0)), RARE.get(name, 0.01) / size)
        share = pl.when(pl.col("n") == 1).then(min(once, 1.0)).otherwise(pl.col("n") / size)
    return counted.select(name, share.cast(pl.Float64).alias(f"tf_{name}"))


def loaded(path: Path = MODEL) -> dict[str, Any]:
    """The stored model; its `version` and `trained_on` are of ours, the rest is Splink's."""
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return told
