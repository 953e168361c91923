"""Who came from whom: a company that goes on with a sole trader's business, and one organisation under two codes; relations, never merges."""

from __future__ import annotations

import polars as pl

from matching.identity import names

# A company is entered before or after the trader is struck off, as the counter goes; beyond a quarter it is another story.
BEFORE_DAYS, AFTER_DAYS = 92, 92

RELATION = pl.Schema(
    {"enterprise_id": pl.String(), "other_id": pl.String(), "kind": pl.String(), "valid_from": pl.Date()}
)


def successions(enterprises: pl.DataFrame) -> pl.DataFrame:
    """`enterprise_id` goes on with the business of `other_id`, as RELATION: 个转企.

    `enterprises`: enterprise_id, uscc, name, legal_person, address, phone_hash, established_date, ended (date or null), seen_alive (bool). A sole
    trader (class 92) that ended and a company (class 91) that began within a quarter, of one person, with one name but for its trade and form, and
    with one address or one phone. Of a trader that had ended before the register was first delivered, `ended` is only the latest day possible:
    the company then began after the trader did and no later than a quarter after that day.
    Where several companies fit one trader, or several traders one company, none is taken: nothing says which.
    """
    known = enterprises.filter(pl.col("uscc").is_not_null() & pl.col("legal_person").is_not_null())
    known = known.with_columns(
        spot=pl.col("address").str.normalize("NFKC").str.replace_all(r"[\s()]", "").replace("", None)
    )
    kind = pl.col("uscc").str.head(2)
    traders = known.filter((kind == "92") & pl.col("ended").is_not_null())
    firms = known.filter((kind == "91") & pl.col("established_date").is_not_null())
    pairs = pl.concat(
        [firms.join(traders, on=["legal_person", c], suffix="_o").select(_PAIR) for c in ("spot", "phone_hash")]
    ).unique()
    days = (pl.col("established_date") - pl.col("ended_o")).dt.total_days()
    in_time = (
        pl.when("seen_alive_o")
        .then(days.is_between(-BEFORE_DAYS, AFTER_DAYS))
        .otherwise((days <= AFTER_DAYS) & (pl.col("established_date") > pl.col("established_date_o")))
    )
    pairs = pairs.filter(in_time)
    # Only now are names taken apart: pairs of one person and one place or phone are few.
    found = pairs.filter(_same_name(pairs)).filter(
        (pl.col("enterprise_id").n_unique().over("enterprise_id_o") == 1)
        & (pl.col("enterprise_id_o").n_unique().over("enterprise_id") == 1)
    )
    return found.select(
        "enterprise_id", other_id="enterprise_id_o", kind=pl.lit("succession"), valid_from="established_date"
    ).sort("enterprise_id", "other_id")


_PAIR = [
    "enterprise_id", "enterprise_id_o", "name", "name_o", "established_date", "established_date_o", "ended_o", "seen_alive_o",
]  # fmt: skip


def _same_name(pairs: pl.DataFrame) -> pl.Series:
    """Whether the two names differ only in trade and form: one 字号, one core, or cores that begin with the same three characters.

    A 字号 is not always told from the trade behind it (协链智造物流), but two of one person's names seldom begin alike.
    """
    here, there = (names.parsed(pairs[c]).select("zi", "core") for c in ("name", "name_o"))
    begins = (here["core"].str.head(3) == there["core"].str.head(3)) & (here["core"].str.len_chars() >= 3)
    return ((here["zi"] == there["zi"]) | (here["core"] == there["core"]) | begins).fill_null(False)


def recoded(keys: pl.DataFrame) -> pl.DataFrame:
    """Two enterprises whose USCCs hold one organisation code, as RELATION of kind `move`: the later code goes on from the earlier.

    `keys`: enterprise_id, kind, code, valid_from. A move to another registrar changes the code before the organisation code, not that itself.
    """
    own = keys.filter(pl.col("kind") == "uscc").with_columns(org=pl.col("code").str.slice(8, 9))
    own = own.filter(pl.col("enterprise_id").n_unique().over("org") > 1).sort("valid_from", "code", nulls_last=True)
    pairs = own.join(own, on="org", suffix="_o").filter(
        (pl.col("enterprise_id") != pl.col("enterprise_id_o"))
        & (pl.col("code") != pl.col("code_o"))
        & (
            (pl.col("valid_from") > pl.col("valid_from_o"))
            | (pl.col("valid_from").eq_missing(pl.col("valid_from_o")) & (pl.col("code") > pl.col("code_o")))
        )
    )
    return (
        pairs.select("enterprise_id", other_id="enterprise_id_o", kind=pl.lit("move"), valid_from="valid_from")
        .unique(["enterprise_id", "other_id"], keep="first", maintain_order=True)
        .sort("enterprise_id", "other_id")
    )
