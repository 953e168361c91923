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

    `enterprises`: enterprise_id, uscc, name, legal_person, address, phone_hash, established_date, ended (date or null). A sole trader (class 92)
    that ended and a company (class 91) that began within a quarter, of one person, with one 字号 or one core, and with one address or one phone.
    Where several companies fit one trader, none is taken: nothing says which.
    """
    known = enterprises.filter(pl.col("uscc").is_not_null() & pl.col("legal_person").is_not_null())
    kind = pl.col("uscc").str.head(2)
    traders = known.filter((kind == "92") & pl.col("ended").is_not_null())
    firms = known.filter((kind == "91") & pl.col("established_date").is_not_null())
    # One person's enterprises are few: only their names are taken apart.
    firms = firms.join(traders.select("legal_person"), on="legal_person", how="semi")
    traders = traders.join(firms.select("legal_person"), on="legal_person", how="semi")
    if firms.is_empty():
        return pl.DataFrame(schema=RELATION)
    pairs = _told(firms).join(_told(traders), on="legal_person", suffix="_o")
    same_name = (pl.col("zi") == pl.col("zi_o")) | (pl.col("core") == pl.col("core_o"))
    same_spot = (pl.col("spot") == pl.col("spot_o")) | (pl.col("phone_hash") == pl.col("phone_hash_o"))
    days = (pl.col("established_date") - pl.col("ended_o")).dt.total_days()
    found = pairs.filter(same_name & same_spot & days.is_between(-BEFORE_DAYS, AFTER_DAYS))
    one = found.filter(pl.col("enterprise_id").n_unique().over("enterprise_id_o") == 1)
    return (
        one.select(
            "enterprise_id", other_id="enterprise_id_o", kind=pl.lit("succession"), valid_from="established_date"
        )
        .unique()
        .sort("enterprise_id", "other_id")
    )


def _told(rows: pl.DataFrame) -> pl.DataFrame:
    parts = names.parsed(rows["name"]).select("zi", "core")
    spot = pl.col("address").str.normalize("NFKC").str.replace_all(r"[\s()]", "").replace("", None)
    return pl.concat(
        [rows.select("enterprise_id", "legal_person", "phone_hash", "established_date", "ended", spot=spot), parts],
        how="horizontal",
    )


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
