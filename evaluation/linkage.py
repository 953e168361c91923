"""How well rows were put on enterprises: by row, by pair, by cluster, B-cubed, over-merges, by department and defect, and from run to run.

Formulas: pairwise and cluster measures of Menestrina, Whang, Garcia-Molina (2010); B-cubed of Bagga and Baldwin (1998); interval of Wilson (1927).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum, sqrt

import polars as pl


@dataclass(frozen=True)
class Measure:
    """Counts and shares; a share of nothing is None. `precision_low` is the lower end of the 95 % Wilson interval."""

    rows: int
    assigned: int
    right: int
    present: int
    precision: float | None
    precision_low: float | None
    recall: float | None


@dataclass(frozen=True)
class Clusters:
    """Whole-partition measures over rows that are somebody's. `over_merged`: enterprises holding rows of two true ones; `split`: the reverse."""

    pair_precision: float | None
    pair_recall: float | None
    cluster_precision: float | None
    cluster_recall: float | None
    b3_precision: float | None
    b3_recall: float | None
    over_merged: int
    split: int


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def wilson_low(right: int, n: int, z: float = 1.96) -> float | None:
    """Lower end of the Wilson interval of a share: what `right` of `n` supports, None for n = 0."""
    if n == 0:
        return None
    p = right / n
    middle = p + z * z / (2 * n)
    spread = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - spread) / (1 + z * z / n)


def measured(rows: pl.DataFrame) -> Measure:
    """`rows`: one per record, with `true` and `told` ids, null for nobody. A row told to be somebody is right when the two are equal."""
    assigned = rows.filter(pl.col("told").is_not_null())
    right = int((assigned["told"] == assigned["true"]).fill_null(False).sum())
    present = int(rows["true"].is_not_null().sum())
    return Measure(
        rows=rows.height,
        assigned=assigned.height,
        right=right,
        present=present,
        precision=_share(right, assigned.height),
        precision_low=wilson_low(right, assigned.height),
        recall=_share(right, present),
    )


def by_group(rows: pl.DataFrame, group: str) -> pl.DataFrame:
    """`measured` for each value of a column: the group, then the fields of Measure, sorted by the group."""
    shown = []
    for (value,), part in sorted(rows.group_by([group]), key=lambda g: str(g[0][0])):
        shown.append({group: value, **measured(part).__dict__})
    schema = {group: rows.schema[group], **dict.fromkeys(Measure.__annotations__, pl.Float64())}
    return pl.DataFrame(shown, schema=schema, orient="row") if shown else pl.DataFrame(schema=schema)


def by_defect(rows: pl.DataFrame) -> pl.DataFrame:
    """`by_group` over planted defects: `defects` is text joined by `;`, a row counts under each of its defects, clean rows under 无."""
    told = rows.with_columns(
        # The world's own frames carry the changed column and its clean value behind the defect's name.
        defect=pl.when(pl.col("defects").fill_null("") == "")
        .then(pl.lit("无"))
        .otherwise(pl.col("defects").str.replace_all("\x1e", ";", literal=True).str.replace_all(r"\x1f[^;]*", ""))
        .str.split(";")
    ).explode("defect")
    return by_group(told, "defect")


def reviewed(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` (with `tier`) as a perfect clerk would leave them: every queued row told to be who it is, or nobody."""
    return rows.with_columns(told=pl.when(pl.col("tier") == "review").then("true").otherwise("told"))


def clusters(rows: pl.DataFrame) -> Clusters:
    """Partition measures from the table of how many rows each (true, told) pair shares; rows told to be nobody are clusters of one each.

    Rows that are truly nobody's are left out of recall but count as an over-merge if they were put on an enterprise that has rows of its own.
    """
    alone = pl.concat_str(pl.lit("alone:"), pl.int_range(pl.len()).cast(pl.String))
    stranger = pl.concat_str(pl.lit("stranger:"), pl.int_range(pl.len()).cast(pl.String))
    cells = (
        rows.select(t=pl.col("true").cast(pl.String), p=pl.col("told").cast(pl.String))
        .with_columns(t=pl.coalesce("t", stranger), p=pl.coalesce("p", alone))
        .group_by("t", "p")
        .agg(n=pl.len().cast(pl.Int64))
    )
    true = cells.group_by("t").agg(nt=pl.col("n").sum(), parts=pl.len())
    told = cells.group_by("p").agg(np=pl.col("n").sum(), parts=pl.len())
    cells = cells.join(true.select("t", "nt"), on="t").join(told.select("p", "np"), on="p")
    total = int(cells["n"].sum())

    def pairs(counts: pl.Series) -> float:
        return float((counts * (counts - 1) / 2).sum())

    both = pairs(cells["n"])
    same = cells.filter((pl.col("n") == pl.col("nt")) & (pl.col("n") == pl.col("np"))).height
    square = cells["n"] * cells["n"]
    kept = told.filter(~pl.col("p").str.starts_with("alone:"))
    return Clusters(
        pair_precision=_share(both, pairs(told["np"])),
        pair_recall=_share(both, pairs(true["nt"])),
        cluster_precision=_share(same, told.height),
        cluster_recall=_share(same, true.height),
        b3_precision=_share(fsum(square / cells["np"]), total),
        b3_recall=_share(fsum(square / cells["nt"]), total),
        over_merged=kept.filter(pl.col("parts") > 1).height,
        split=true.filter(pl.col("parts") > 1).height,
    )


def over_merges(rows: pl.DataFrame) -> pl.DataFrame:
    """The enterprises that hold rows of more than one true id (or of nobody and somebody): told, true ids, rows; worst first."""
    return (
        rows.filter(pl.col("told").is_not_null())
        .group_by("told")
        .agg(ids=pl.col("true").unique().len(), true=pl.col("true").unique().sort(), n=pl.len())
        .filter(pl.col("ids") > 1)
        .sort("ids", "n", "told", descending=[True, True, False])
    )


def stability(before: pl.DataFrame, after: pl.DataFrame, key: str) -> float | None:
    """Share of the keys of `before` that carry the same `enterprise_id` in `after`; a key that is gone has changed."""
    joined = before.select(key, a="enterprise_id").join(after.select(key, b="enterprise_id"), on=key, how="left")
    return _share(float((joined["a"] == joined["b"]).fill_null(False).sum()), joined.height)


def events(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """What happened to enterprises between two runs, seen through the rows both know (_subject_id, enterprise_id): kind, enterprise_id, other_id, rows.

    `moved`: rows went from one enterprise to another; `merge`: all rows of one went to another that had rows before; `split`: only some did.
    """
    told = before.select("_subject_id", enterprise_id="enterprise_id").join(
        after.select("_subject_id", other_id="enterprise_id"), on="_subject_id"
    )
    told = told.filter(pl.col("enterprise_id").is_not_null() & pl.col("other_id").is_not_null())
    size = told.group_by("enterprise_id").agg(total=pl.len())
    flows = (
        told.filter(pl.col("enterprise_id") != pl.col("other_id"))
        .group_by("enterprise_id", "other_id")
        .agg(rows=pl.len())
    )
    had_rows = told.select(other_id="enterprise_id").unique().with_columns(old=pl.lit(True))
    return (
        flows.join(size, on="enterprise_id")
        .join(had_rows, on="other_id", how="left")
        .select(
            kind=pl.when((pl.col("rows") == pl.col("total")) & pl.col("old").fill_null(False))
            .then(pl.lit("merge"))
            .when(pl.col("rows") == pl.col("total"))
            .then(pl.lit("moved"))
            .otherwise(pl.lit("split")),
            enterprise_id="enterprise_id",
            other_id="other_id",
            rows="rows",
        )
        .sort("kind", "enterprise_id", "other_id")
    )
