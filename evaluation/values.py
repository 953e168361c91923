"""Values of our profile beside the planted truth's, as text that compares.

Frames in, frames out. Why two values differ is `evaluation.agreement`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl


def written(values: pl.Series, as_of: date) -> pl.Series:
    """Values as text that compares: numbers without trailing zeros (to 6 decimals), days in ISO, names of a list that hold on the day."""
    if values.dtype == pl.Boolean:
        return values.replace_strict({True: "true", False: "false"}, return_dtype=pl.String)
    if values.dtype == pl.List:
        return pl.Series(values.name, [_names(entries, as_of) for entries in values.to_list()], dtype=pl.String)
    if values.dtype == pl.Decimal:
        exact = values.cast(pl.Decimal(38, 6)).cast(pl.String).alias("v").to_frame()
        plain = pl.col("v").str.strip_chars_end("0").str.strip_chars_end(".")
        return exact.select(
            pl.when(plain.is_in(["", "-", "-0", "0"])).then(pl.lit("0")).otherwise(plain).alias(values.name)
        )[values.name]
    return values.cast(pl.String)


def _names(entries: list[dict[str, Any]] | None, as_of: date) -> str | None:
    if entries is None:
        return None
    held = {
        entry["name"]
        for entry in entries
        if (entry["valid_from"] is None or entry["valid_from"] <= as_of)
        and (entry["valid_to"] is None or entry["valid_to"] >= as_of)
    }
    return "、".join(sorted(held))


def long_profile(profile: pl.DataFrame, names: Iterable[str], as_of: date) -> pl.DataFrame:
    """`profile.enterprise` as one row per enterprise and indicator: uscc, indicator, ours (text or null)."""
    parts = [
        profile.select("uscc", indicator=pl.lit(name), ours=written(profile[name], as_of))
        for name in names
        if name in profile.columns
    ]
    return pl.concat(parts)


def number(text: str | None) -> Decimal | None:
    """The number a written value is, if it is one."""
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        return None


def same(ours: str | None, true: str | None, indicator: str) -> bool:
    """Whether two written values say the same: ratios to the sixth decimal, industry without its section letter, no level = 无."""
    if indicator == "industry" and true and true[:1].isalpha():
        true = true[1:]
    if ours == true or ({ours, true} <= {None, "无", ""} and not (ours is None and true is None)):
        return True
    a, b = number(ours), number(true)
    return a is not None and b is not None and abs(a - b) <= Decimal("0.000002")


def compare_indicators(ours: pl.DataFrame, true: pl.DataFrame) -> pl.DataFrame:
    """uscc, indicator, ours, true, agrees, for enterprises on both sides. `true`: uscc, indicator, value."""
    both = true.select("uscc", "indicator", true="value").join(ours, on=["uscc", "indicator"], how="inner")
    both = both.select("uscc", "indicator", "ours", "true").with_columns(
        agrees=pl.col("ours").eq_missing(pl.col("true"))
    )
    alike, apart = both.filter("agrees"), both.filter(~pl.col("agrees"))
    said = [same(o, t, i) for o, t, i in apart.select("ours", "true", "indicator").iter_rows()]
    return pl.concat([alike, apart.with_columns(agrees=pl.Series(said, dtype=pl.Boolean))]).sort("uscc", "indicator")
