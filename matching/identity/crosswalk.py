"""From the codes a department wrote to the enterprises they may mean: votes, each with the way it was reached."""

from __future__ import annotations

import numpy as np
import polars as pl

from matching.identity import codes
from matching.identity.bulk import classify_frame
from matching.identity.misread import look_alike_repairs

# The columns of raw.subject that hold codes. `local_id` is looked up under the department's own kind of number.
SLOTS = ("uscc", "regno", "org_code", "tax_id", "customs_code", "trade_code")

# Kinds of local numbers that may teach a crosswalk. An account number may not: treasuries and rings share them.
LEARNED = ("djxh", "labor_unit", "customs10", "trade13", "tax20")

VOTES = pl.Schema(
    {
        "_subject_id": pl.String(),
        "enterprise_id": pl.String(),
        "kind": pl.String(),
        "code": pl.String(),
        "strength": pl.String(),
    }
)


def written(subjects: pl.DataFrame) -> pl.DataFrame:
    """One row per code a subject carries: _subject_id, slot, kind, code, valid, suspect, why; local numbers keep their own kind."""
    columns = [c for c in SLOTS if c in subjects.columns]
    long = (
        subjects.select("_subject_id", *columns)
        .unpivot(on=columns, index="_subject_id", variable_name="slot", value_name="value")
        .filter(pl.col("value").is_not_null() & (pl.col("value") != ""))
    )
    long = pl.concat([long, classify_frame(long["value"])], how="horizontal").drop("value")
    if "has_numeric_key" in subjects.columns:
        # The reader saw a number in the cell, which the text no longer shows: beyond fifteen digits a spreadsheet has rounded it.
        rounded = subjects.filter(pl.col("has_numeric_key").fill_null(False))["_subject_id"].implode()
        held = pl.col("_subject_id").is_in(rounded) & pl.col("code").str.contains(r"\A\d{16,}\z")
        long = long.with_columns(suspect=pl.col("suspect") | (held & ~pl.col("kind").is_in(["other18", "none"])))
    local = (
        subjects.filter(pl.col("local_id").is_not_null() & (pl.col("local_id") != ""))
        .select(
            "_subject_id",
            slot=pl.lit("local_id"),
            kind=pl.coalesce("local_kind", pl.lit("local")),
            code=pl.col("local_id").str.strip_chars(),
            valid=pl.lit(True),
            suspect=pl.lit(False),
            why=pl.lit(""),
        )
        .filter(pl.col("code") != "")
    )
    return pl.concat([long, local])


def lookups(codes_written: pl.DataFrame) -> pl.DataFrame:
    """What to look up for each written code: strength `strong` (the code itself), `suspect` (needs the name), `weak` (a part of it)."""
    good = codes_written.filter(pl.col("valid"))
    strength = pl.when("suspect").then(pl.lit("suspect")).otherwise(pl.lit("strong"))
    rows = [good.select("_subject_id", "kind", "code", strength=strength)]

    def part(kinds: list[str], start: int, length: int, kind: str, how: pl.Expr) -> pl.DataFrame:
        return good.filter(pl.col("kind").is_in(kinds) & ~pl.col("code").str.starts_with("H9")).select(
            "_subject_id", kind=pl.lit(kind), code=pl.col("code").str.slice(start, length), strength=how
        )

    rows.append(part(["tax15"], 6, 9, "org9", strength))
    rows.append(part(["trade13"], 4, 9, "org9", strength))
    rows.append(part(["permit22"], 0, 18, "uscc", strength))
    # A firm given a new code keeps its organisation code: only worth something when the name says so too.
    rows.append(part(["uscc"], 8, 9, "org9", pl.lit("weak")))
    # Two more digits tell apart what one taxpayer files: who files is the name's word.
    rows.append(part(["tax20"], 0, 18, "uscc", pl.lit("weak")))
    fifteen = good.filter((pl.col("kind") == "reg15") & (pl.col("why") != ""))
    rows.append(
        fifteen.select("_subject_id", kind=pl.lit("org9"), code=pl.col("code").str.slice(6, 9), strength=pl.lit("weak"))
    )
    return pl.concat(rows).unique()


def votes(codes_written: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """Enterprises reached by the codes, as VOTES. `keys`: enterprise_id, kind, code (other columns are ignored)."""
    known = keys.select("enterprise_id", "kind", "code").unique()
    direct = lookups(codes_written).join(known, on=["kind", "code"])
    repaired = _repaired(codes_written, known)
    return pl.concat([direct.select(VOTES.names()), repaired]).unique()


def _repaired(codes_written: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Votes of codes that fail their check, through every register code one slip away, or with the same fifteen digits before 000."""
    bad = codes_written.filter((pl.col("kind") == "uscc") & (~pl.col("valid") | pl.col("suspect")))
    empty = pl.DataFrame(schema=VOTES)
    if bad.is_empty():
        return empty
    distinct = bad["code"].unique().sort()
    uscc = known.filter(pl.col("kind") == "uscc").select("enterprise_id", near="code")
    near = pl.concat([one_slip(distinct), _look_alikes(distinct)]).unique().join(uscc, on="near")
    cut = distinct.filter(distinct.str.contains(r"\A\d{15}000\z"))
    if len(cut):
        heads = cut.to_frame("code").with_columns(head=pl.col("code").str.head(15))
        digits = uscc.filter(pl.col("near").str.contains(r"\A\d{18}\z")).with_columns(head=pl.col("near").str.head(15))
        near = pl.concat([near, heads.join(digits, on="head").select(near.columns)]).unique()
    return (
        bad.select("_subject_id", "kind", "code")
        .join(near, on="code")
        .select("_subject_id", "enterprise_id", "kind", code="near", strength=pl.lit("repair"))
        .unique()
    )


def one_slip(bad: pl.Series) -> pl.DataFrame:
    """(code, near): every USCC with a right check character that differs from a wrong one by one character or one adjacent swap.

    The check is linear modulo 31, so each position has exactly one character that makes it right: 18 candidates instead of 540.
    """
    if not len(bad):
        return pl.DataFrame(schema={"code": pl.String(), "near": pl.String()})
    position_of = {c: i for i, c in enumerate(codes.USCC_ALPHABET)}
    value = np.array([[position_of.get(c, -1) for c in code] for code in bad], np.int64)
    weight = np.array([*codes.USCC_WEIGHTS, 1], np.int64)
    foreign = value < 0
    error = (np.where(foreign, 0, value) @ weight) % 31
    out: list[tuple[str, str]] = []
    for place in range(18):
        others_legal = ~np.delete(foreign, place, axis=1).any(axis=1)
        inverse = pow(int(weight[place]), -1, 31)
        right = (np.where(foreign[:, place], 0, value[:, place]) - error * inverse) % 31
        for row in np.flatnonzero(others_legal):
            code = bad[int(row)]
            near = code[:place] + codes.USCC_ALPHABET[right[row]] + code[place + 1 :]
            if near != code:
                out.append((code, near))
    for code in bad:
        for place in range(17):
            near = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
            if near != code and all(c in position_of for c in near) and codes.uscc_check_holds(near):
                out.append((code, near))
    return pl.DataFrame(out, schema={"code": pl.String(), "near": pl.String()}, orient="row")


def _look_alikes(bad: pl.Series) -> pl.DataFrame:
    pairs = [(code, near) for code in bad for near in look_alike_repairs(code)]
    return pl.DataFrame(pairs, schema={"code": pl.String(), "near": pl.String()}, orient="row")
