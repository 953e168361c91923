"""How departments write numbers and dates: integer 分 to yuan, 千元 or 万元 text, day numbers to the spellings that arrive."""

from __future__ import annotations

import numpy as np
import polars as pl

from data.world.streams import Ints


def _scaled(units: Ints, places: int) -> pl.Series:
    """Integers of 10^-places to decimal text without trailing-zero trimming; negatives keep their sign."""
    whole, part = np.divmod(np.abs(units), 10**places)
    frame = pl.DataFrame({"s": pl.Series(units < 0), "w": pl.Series(whole), "p": pl.Series(part)})
    sign = pl.when("s").then(pl.lit("-")).otherwise(pl.lit(""))
    if places == 0:
        return frame.select(pl.concat_str(sign, pl.col("w").cast(pl.String)).alias("t"))["t"]
    tail = pl.col("p").cast(pl.String).str.zfill(places)
    return frame.select(pl.concat_str(sign, pl.col("w").cast(pl.String), pl.lit("."), tail).alias("t"))["t"]


def yuan(cents: Ints) -> pl.Series:
    """`1234.50`."""
    return _scaled(cents, 2)


def wan(cents: Ints, places: int = 2) -> pl.Series:
    """万元, rounded half up to `places`."""
    step = 10 ** (6 - places)
    return _scaled((cents + step // 2) // step, places)


def qian(cents: Ints, places: int = 0) -> pl.Series:
    """千元, rounded half up."""
    step = 10 ** (5 - places)
    return _scaled((cents + step // 2) // step, places)


def whole(values: Ints) -> pl.Series:
    return pl.Series(values).cast(pl.String)


def grouped(cents: int) -> str:
    """`1,234,567.00`; negatives in front."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def dates(days: Ints, pattern: str = "%Y-%m-%d") -> pl.Series:
    """Days since 1970-01-01 as text; days above 2200-01-01 come out as the pattern of 9999-12-31."""
    far = days > 84006
    series = pl.Series(np.where(far, 0, days).astype(np.int32)).cast(pl.Date).dt.strftime(pattern)
    never = {"%Y-%m-%d": "9999-12-31", "%Y%m%d": "99991231"}.get(pattern, "长期")
    frame = pl.DataFrame({"d": series, "f": pl.Series(far)})
    return frame.select(pl.when("f").then(pl.lit(never)).otherwise("d").alias("d"))["d"]


def stamps(days: Ints, seconds: Ints) -> pl.Series:
    """`2024-03-01 09:31:07`."""
    moment = pl.Series((days * 86400 + seconds) * 1000).cast(pl.Datetime("ms"))
    return moment.dt.strftime("%Y-%m-%d %H:%M:%S")
