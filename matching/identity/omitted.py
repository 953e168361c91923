"""Names with a character more than what was said: 同力杉 for whoever writes 同杉, which by its sound may as well be a slip of 同山."""

from __future__ import annotations

import polars as pl


def shortened(names: pl.DataFrame) -> pl.DataFrame:
    """Every row of `names` (core, …) once for each character of its core, with `short`, the core without it; cores of two characters and less are left out."""
    rows = names.filter(pl.col("core").str.len_chars() > 2)
    longest = rows.select(pl.col("core").str.len_chars().max()).item() or 0
    parts = [_without(rows, i) for i in range(longest)]
    return pl.concat(parts) if parts else _without(rows, 0)


def _without(rows: pl.DataFrame, at: int) -> pl.DataFrame:
    core = pl.col("core")
    return rows.filter(core.str.len_chars() > at).with_columns(
        short=pl.concat_str(core.str.head(at), core.str.slice(at + 1))
    )


def longer(said: pl.DataFrame, parsed: pl.DataFrame) -> pl.DataFrame:
    """(_subject_id, enterprise_id, name): enterprises of a register (`parsed`) of whose name what was `said` (_subject_id, core, place) is all but one character.

    The place is the same or one of the two has none. The register is narrowed first: a core and what one omission leaves of it share their first half
    or their second.
    """
    core, n = pl.col("core"), pl.col("core").str.len_chars()
    wanted = (
        said.select("core", "place").unique().with_columns(n=n, head=core.str.head(n // 2), tail=core.str.slice(n // 2))
    )
    rows = parsed.select("enterprise_id", "name", "core", "place").with_columns(n=n - 1).filter(pl.col("n") >= 2)
    rows = rows.with_columns(head=core.str.head(pl.col("n") // 2), tail=core.str.slice(1 + pl.col("n") // 2))
    near = [rows.join(wanted, on=["n", half], how="semi") for half in ("head", "tail")]
    rows = pl.concat(near).unique(["enterprise_id", "name"]).select("enterprise_id", "name", "core", "place")
    longest = rows.select(n.max()).item() or 0
    here = said.select("_subject_id", short="core", said_place="place")
    found = [_without(rows, at).join(here, on="short") for at in range(longest)]
    if not found:
        found = [_without(rows, 0).join(here, on="short")]
    same_place = (
        (pl.col("place") == pl.col("said_place")) | (pl.col("place").fill_null("") == "") | (pl.col("said_place").fill_null("") == "")
    )  # fmt: skip
    return (
        pl.concat(found)
        .filter(same_place)
        .select("_subject_id", "enterprise_id", "name")
        .sort("_subject_id", "enterprise_id", "name")
        .unique(["_subject_id", "enterprise_id"], keep="first", maintain_order=True)
    )
