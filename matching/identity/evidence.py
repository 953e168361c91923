"""What the name model compares: one row of features per way of naming somebody and per name of an enterprise."""

from __future__ import annotations

from datetime import date
from functools import cache

import polars as pl

from data import gazetteer
from matching.identity import names
from matching.identity.fields import spot

FEATURES = (
    "nm", "core", "zi", "iw", "py", "shape", "bag", "form", "place", "head", "tail", "two", "three", "legal_person", "phone", "region", "spot",
)  # fmt: skip


def features(rows: pl.DataFrame, id_column: str) -> pl.DataFrame:
    """One row per row of `rows` (parsed names beside legal_person, region, phone_hash, address), as FEATURES after `unique_id`.

    Empty text is null: an absent field is no evidence. For blocking: `head` and `tail` are the first character and the last two of the core,
    `two` its first two characters and `three` the three after the first.
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
        *[pl.col(c).replace("", None) for c in ("nm", "core", "zi", "iw", "py", "shape", "bag", "form", "place")],
        head=pl.col("core").str.head(1).replace("", None),
        tail=pl.col("core").str.tail(2).replace("", None),
        two=pl.col("core").str.head(2).replace("", None),
        three=pl.col("core").str.slice(1, 3).replace("", None),
        legal_person=pl.col("legal_person").str.strip_chars().replace("", None),
        phone=pl.col("phone_hash").replace("", None),
        region=region,
        spot=spot("address"),
    )


@cache
def _region(region: str) -> str | None:
    code = gazetteer.current(region, date.max) if region.isdigit() else gazetteer.located(region)[0]
    return None if code in (None, gazetteer.HAINAN) else code


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
