"""Subjects whose whole name a registered enterprise bears or bore, and when that is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from matching.identity import days, names
from matching.identity.fields import agreements

if TYPE_CHECKING:
    from matching.identity.resolve import Register

SCORE = {"one": 0.9999, "several": 0.999}


def pairs_of(open_: pl.DataFrame, parsed: pl.DataFrame, register: Register, refused: pl.DataFrame) -> pl.DataFrame:
    """Pairs of an open subject and an enterprise of its whole name, as `agreements`, with `early` (the day of the row is before the founding).

    `parsed`: _subject_id and the parts of its name; `refused`: pairs that a clerk has judged to be two.

    A branch is named by its parent's name and its own place: that means the branch, if the register has it as a subject, never the parent.
    """
    named = (
        open_.select("_subject_id", "name", "legal_person", "region", "phone_hash", "address", "said_on")
        .join(
            parsed.select("_subject_id", "nm", "core", "place", "branch", personal=names.personal()), on="_subject_id"
        )
        .filter(pl.col("nm").is_not_null() & (pl.col("core").str.len_chars() >= 2))
    )
    said = named.select("nm", "branch").unique()
    known = register.parsed.select("enterprise_id", "nm", "branch", "current").join(
        said, on=["nm", "branch"], how="semi"
    )
    pairs = (
        named.join(known.unique(), on=["nm", "branch"])
        .join(register.enterprises, on="enterprise_id", how="left", suffix="_r")
        .join(refused, on=["_subject_id", "enterprise_id"], how="anti")
    )
    if pairs.is_empty():
        return pairs
    return agreements(pairs).with_columns(early=days.early())


def judged(pairs: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    """(decided, for the clerk by reason): _subject_id, enterprise_id, score, why.

    The one bearer of a name is meant if another field agrees and none contradicts, or two agree; if the name may be a person's, the person, the phone
    or the address must agree. Of several (a cancelled firm's name given again) the one is meant for whom a field speaks other than the place in
    the name. Nobody is meant by a row that is older than himself.
    """
    told = pl.concat_str(
        pl.lit("名称完全一致且唯一;"), "fields", pl.when("early").then(pl.concat_str(pl.lit("、"), days.told())).otherwise(pl.lit(""))
    )  # fmt: skip
    pairs = pairs.with_columns(n=pl.col("enterprise_id").n_unique().over("_subject_id"))
    # People share names and counties; a place in the name says nothing of a holder who is said to live elsewhere.
    own = pl.col("own") - (pl.col("personal") & pl.col("r")).cast(pl.Int64)
    named = pl.col("n0") & ~pl.col("elsewhere")
    agree = own + named.cast(pl.Int64)
    enough = ((agree >= 1) & (pl.col("against") == 0)) | (agree >= 2)
    one = pairs.filter(pl.col("n") == 1)
    good = one.filter(enough & ~pl.col("early")).unique(["_subject_id", "enterprise_id"])
    rest = one.join(good, on="_subject_id", how="anti")
    several = pairs.filter(pl.col("n") > 1)
    chosen = several.filter((own >= 1) & (pl.col("against") == 0) & ~pl.col("early")).filter(
        pl.col("enterprise_id").n_unique().over("_subject_id") == 1
    )
    rivals = several.join(chosen, on=["_subject_id", "enterprise_id"], how="anti").filter(pl.col("own") >= 1)
    clear = chosen.join(rivals, on="_subject_id", how="anti").unique(["_subject_id", "enterprise_id"])
    likely = pl.lit(0.5) + pl.col("own") * 0.1 - pl.col("against") * 0.1 - pl.col("early").cast(pl.Float64) * 0.1
    both = ["_subject_id", "enterprise_id"]
    decided = [
        good.select(*both, score=pl.lit(SCORE["one"]), why=told),
        clear.select(*both, score=pl.lit(SCORE["several"]), why=told),
    ]
    return pl.concat(decided), {
        days.EARLY: rest.filter("early").select(*both, score=pl.lit(0.5), why=told),
        "名称一致但没有其他字段印证": rest.filter(~pl.col("early")).select(*both, score=pl.lit(0.9), why=told),
        "同名主体不止一个": several.join(clear, on="_subject_id", how="anti").select(*both, score=likely, why=told),
    }
