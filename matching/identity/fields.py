"""Which fields beside the name speak for a pair of a subject and an enterprise, and which against."""

from __future__ import annotations

from datetime import date

import polars as pl

from data import gazetteer


def spot(column: str) -> pl.Expr:
    """End of the street's name and number (民北路14), null where there is none: a county before it, a room behind it may be written or not."""
    return (
        pl.col(column)
        .str.normalize("NFKC")
        .str.replace_all(r"\s", "")
        .str.extract(r"(\p{Han}{2}(?:大道|路|街|道|镇|村)\d+)")
    )


def agreements(pairs: pl.DataFrame) -> pl.DataFrame:
    """Pairs with `agree`, `own`, `against` (counts), `elsewhere` and `fields` (Chinese): legal person, phone, region, address, place in the name.

    `own` leaves out the place in the name: it says that the name is protected in Hainan, not which of two holders is meant. `elsewhere`: both sides
    name a house, and not the same one; firms move, so it contradicts nothing that a person or a region says.
    """
    towns = set(pl.concat([pairs["region"], pairs["region_r"]]).drop_nulls().to_list())
    county = {t: _county(t) for t in sorted(towns)}
    left = (
        pl.col("region").replace_strict(county, default=None, return_dtype=pl.String)
        if county
        else pl.lit(None, pl.String)
    )
    right = (
        pl.col("region_r").replace_strict(county, default=None, return_dtype=pl.String)
        if county
        else pl.lit(None, pl.String)
    )
    rooms = pl.col("address").str.replace_all(r"\s", "").str.normalize("NFKC")
    rooms_r = pl.col("address_r").str.replace_all(r"\s", "").str.normalize("NFKC")
    hainan = sorted({r.short for r in gazetteer.regions() if r.code.startswith("46") and r.short} | {"洋浦"})
    pairs = pairs.with_columns(
        p=(pl.col("legal_person") == pl.col("legal_person_r")),
        t=(pl.col("phone_hash") == pl.col("phone_hash_r")),
        r=(left.str.starts_with(right.str.strip_chars_end("0")) | right.str.starts_with(left.str.strip_chars_end("0"))),
        a=pl.when((rooms.str.len_chars() >= 8) & (rooms == rooms_r)).then(True),
        n0=pl.when(pl.col("place").is_in(hainan)).then(True),
        elsewhere=(spot("address") != spot("address_r")).fill_null(False),
    ).with_columns(
        pl.col("p", "t", "r", "a", "n0").fill_null(False),
        no_p=~pl.col("p").fill_null(True),
        no_r=~pl.col("r").fill_null(True),
    )
    word = [
        pl.when(pl.col(c)).then(pl.lit(w)).otherwise(None)
        for c, w in (
            ("p", "法定代表人一致"),
            ("t", "电话一致"),
            ("r", "区划一致"),
            ("a", "地址一致"),
            ("n0", "名称冠以本省区划"),
            ("no_p", "法定代表人不一致"),
            ("no_r", "区划不一致"),
            ("elsewhere", "门牌不一致"),
        )
    ]
    return pairs.with_columns(
        own=pl.sum_horizontal(pl.col("p", "t", "r", "a").cast(pl.Int64)),
        # Firms move and departments say where they work: within the province another county is no contradiction of a name protected in it.
        against=pl.col("no_p").cast(pl.Int64)
        + (pl.col("no_r") & ~(pl.col("n0") & left.str.starts_with("46"))).cast(pl.Int64),
        fields=pl.concat_str(word, separator="、", ignore_nulls=True),
    ).with_columns(agree=pl.col("own") + pl.col("n0").cast(pl.Int64))


def _county(region: str) -> str | None:
    """A region code or name → today's code."""
    if region.isdigit():
        return gazetteer.current(region, date.max)
    return gazetteer.located(region)[0]
