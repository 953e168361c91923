"""What became of the rows a department wrote: which came late, were refused, reached nobody, were spoilt, or were written over."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

from evaluation import blame


def trail(
    records: pl.DataFrame,
    deliveries: pl.DataFrame,
    ledger: pl.DataFrame,
    landed: pl.DataFrame,
    rejects: pl.DataFrame,
    known_at: datetime,
    as_of: date,
    monthly: frozenset[str] = frozenset(),
    dayless: frozenset[str] = frozenset(),
) -> pl.DataFrame:
    """What became of the rows a department wrote about an enterprise: uscc, feed, newest (last day of the newest period), marks.

    A mark (`blame.mark`) is the period's last day and `late`, `refused`, `rejected`, `unlinked`, `pending` or `defect:…`.
    `records`: uscc, feed, file, row_no, sheet, defects (parted by semicolons, `kind` or `kind@column`) and, where a record is pulled, stamped
    (when it became visible); `deliveries`: file, received_at; `ledger`: name, file_id, status and, by its own account, received_at;
    `landed`: feed, file_id, row_no, sheet, uscc (null: nobody); `rejects`: file_id, row_no. `versions` in `records` (rows of each of the files that
    were written one over the other under its name, else null) makes a row `overwritten` whose bytes did not arrive. Pulled records (`api/…`) are matched by enterprise and feed.
    A row received after `known_at` is late only if its file is of a period that had ended by `as_of`; of the others nobody could have
    known: `pending` where the file is of the period that was running, but for the feeds of `monthly`, whose next file says nothing of the day
    unless its row dates from before (`since` in `records`); of `dayless` lists also where it came after the day.
    """
    # one file holds several tables, hence stands several times on both sides
    received = deliveries.drop_nulls("file").group_by("file").agg(pl.col("received_at").min())
    rows = records.join(received, on="file", how="left").with_columns(
        name=pl.col("file").str.split("/").list.last(), pulled=pl.col("file").str.starts_with("api/")
    )
    # the list of the running period, handed over after the day it was known by, or, where its rows carry no day, after the day asked about
    ahead = ~pl.col("pulled") & (_period_end(pl.col("name")) > as_of)
    unread = pl.col("received_at") > known_at
    undated_later = pl.col("feed").is_in(sorted(dayless)) & (pl.col("received_at").dt.date() > as_of)
    told_late = pl.col("since") <= as_of if "since" in rows.columns else pl.lit(value=False)
    yearly = ~pl.col("feed").is_in(sorted(monthly))
    running = rows.filter(ahead & ((unread & (yearly | told_late.fill_null(value=False))) | undated_later))
    rows = rows.filter(
        # a cancellation reaches back over years in which nobody could know of it
        pl.col("pulled")
        | pl.col("defects").str.contains("cancelled_retroactively").fill_null(False)
        # a month handed in later stands in the next month's file
        | (
            pl.col("defects").str.contains("late_sheet").fill_null(False)
            & (_period_end(pl.col("name")) <= as_of + timedelta(days=62))
        )
        | ((pl.col("received_at") <= known_at) | (_period_end(pl.col("name")) <= as_of)).fill_null(True)
    )
    own = pl.col("received_at") if "received_at" in ledger.columns else pl.lit(None, pl.Datetime("us"))
    loaded = ledger.group_by("name").agg(
        loaded=(~pl.col("status").is_in(["refused", "held"])).any(), file_id=pl.col("file_id").unique(), ours=own.min()
    )
    rows = rows.join(loaded, on="name", how="left")
    told = landed.select("feed", "file_id", "row_no", "sheet", told="uscc", landed=pl.lit(True))
    reached = (
        rows.filter(~pl.col("pulled"))
        .explode("file_id")
        .join(told, on=["feed", "file_id", "row_no", "sheet"], how="left")
        .join(rejects.select("file_id", "row_no", rejected=pl.lit(True)).unique(), on=["file_id", "row_no"], how="left")
    )
    reached = _overwritten(reached)
    known = landed.select("feed", "uscc").drop_nulls().unique().with_columns(linked=pl.lit(True))
    pulled = rows.filter("pulled").join(known, on=["uscc", "feed"], how="left")
    stamped = pl.col("stamped") if "stamped" in records.columns else pl.lit(None, pl.Datetime)
    fates = {
        # the ledger's own day counts too: a file without a receipt came when it was written, and one that is not in the ledger did not come
        "late": pl.max_horizontal("received_at", "ours").gt(known_at).fill_null(value=True)
        | pl.col("loaded").is_null(),
        "refused": pl.col("loaded").not_().fill_null(False),
        "rejected": pl.col("rejected").fill_null(False),
        "unlinked": pl.col("landed").fill_null(False) & pl.col("told").ne_missing(pl.col("uscc")) & ~pl.col("lost"),
        "overwritten": pl.col("lost"),
    }
    told_of = ["uscc", "feed", "day"]
    dated = reached.with_columns(day=_period_end(pl.col("name")))
    undated = pulled.with_columns(day=pl.lit(None, pl.Date))
    begun = running.with_columns(day=_period_end(pl.col("name")))
    marks = [begun.select(*told_of, what=pl.lit("pending"))]
    marks += [dated.filter(found).select(*told_of, what=pl.lit(fate)) for fate, found in fates.items()]
    marks.append(undated.filter(pl.col("linked").is_null()).select(*told_of, what=pl.lit("unlinked")))
    marks.append(undated.filter(stamped > known_at).select(*told_of, what=pl.lit("late")))
    for part in (dated, undated):
        spoilt = part.with_columns(pl.col("defects").str.split(";")).explode("defects")
        spoilt = spoilt.filter(pl.col("defects").fill_null("") != "")
        marks.append(spoilt.select(*told_of, what=pl.lit("defect:") + pl.col("defects")))
    day = pl.col("day").dt.strftime("%Y-%m-%d").fill_null(blame.mark(None, "").rstrip("|"))
    gathered = (
        pl.concat(marks)
        .select("uscc", "feed", mark=pl.concat_str(day, pl.lit("|"), "what"))
        .unique()
        .group_by("uscc", "feed")
        .agg(marks=pl.col("mark").sort())
    )
    known = pl.concat([dated.select(*told_of), undated.select(*told_of)]).group_by("uscc", "feed").agg(newest=day.max())
    waiting = (
        begun.select("uscc", "feed", newest=day).unique(["uscc", "feed"]).join(known, on=["uscc", "feed"], how="anti")
    )
    newest = pl.concat([known, waiting])
    return (
        newest.join(gathered, on=["uscc", "feed"], how="left")
        .with_columns(pl.col("marks").fill_null([]))
        .sort("uscc", "feed")
    )


def _overwritten(reached: pl.DataFrame) -> pl.DataFrame:
    """`reached` with `lost`: of files written one over the other, the rows that the bytes which arrived do not hold.

    A place holds the row of one of those that truth names there; behind the last row that arrived there is nothing, if as many rows as one of
    the files has arrived (else they may have been lost here).
    """
    if "versions" not in reached.columns:
        return reached.with_columns(lost=pl.lit(value=False))
    file = ["feed", "file"]
    came = pl.col("landed").fill_null(value=False) | pl.col("rejected").fill_null(value=False)
    place = pl.struct("sheet", "row_no")
    twice = reached.filter(pl.col("versions").is_not_null())
    rivals = twice.group_by(*file, "sheet", "row_no").agg(rivals=pl.col("uscc"))
    arrived = twice.group_by(file).agg(arrived=place.filter(came).n_unique(), last=pl.col("row_no").filter(came).max())
    told = reached.join(rivals, on=[*file, "sheet", "row_no"], how="left").join(arrived, on=file, how="left")
    another = (pl.col("told") != pl.col("uscc")) & pl.col("told").is_in(pl.col("rivals"))
    behind = ~came & (pl.col("row_no") > pl.col("last")) & pl.col("arrived").is_in(pl.col("versions"))
    return told.with_columns(lost=(another | behind).fill_null(value=False)).drop("rivals", "arrived", "last")


def _period_end(name: pl.Expr) -> pl.Expr:
    """The last day of the period a file's name states: YYYYMMDD, YYYYMM, YYYYQn or YYYY."""
    stated = name.str.extract(r"_(\d{4}Q\d|\d{8}|\d{6}|\d{4})_[FI]_", 1)
    quarter = stated.str.slice(0, 4) + (stated.str.slice(5, 1).cast(pl.Int64, strict=False) * 3).cast(
        pl.String
    ).str.zfill(2)
    month = (
        pl.when(stated.str.contains("Q"))
        .then(quarter)
        .when(stated.str.len_chars() == 4)
        .then(stated + "12")
        .otherwise(stated)
    )
    day = pl.when(stated.str.len_chars() == 8).then(stated.str.to_date("%Y%m%d", strict=False))
    return day.otherwise((month + "01").str.to_date("%Y%m%d", strict=False).dt.month_end())
