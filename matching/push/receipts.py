"""The gateway's answers to what was sent: the state of every line, and the firms that wrote back that they want no more."""

from __future__ import annotations

from typing import Final

import polars as pl

from matching.push.inputs import OPT_OUTS, Schema, shaped

SENT_LINES: Final[Schema] = {"list_id": pl.String, "line_key": pl.String, "enterprise_id": pl.String}
RECEIPTS: Final[Schema] = {
    "list_id": pl.String,
    "line_key": pl.String,
    "status": pl.String,
    "occurred_at": pl.Datetime("us"),
}

# The strongest answer stands: a reply proves delivery, whatever order the receipts came in.
STATES: Final = {
    "waiting": "未见回执",
    "failed": "发送失败",
    "delivered": "已送达",
    "clicked": "已点击",
    "opted_out": "已退订",
}


def answered(lines: pl.DataFrame, receipts: pl.DataFrame) -> pl.DataFrame:
    """(SENT_LINES, `state`, occurred_at) per line and firm, ordered; a receipt for a line that is not ours is left out.

    `state` is a key of STATES; `occurred_at` the first time that state was reported, null while waiting.
    """
    strength = {state: n for n, state in enumerate(STATES)}
    best = (
        receipts.filter(pl.col("status").is_in(list(STATES)))
        .with_columns(pl.col("status").replace_strict(strength, return_dtype=pl.Int64).alias("_strength"))
        .sort("list_id", "line_key", "_strength", "occurred_at", descending=[False, False, True, False])
        .unique(subset=["list_id", "line_key"], keep="first", maintain_order=True)
        .select("list_id", "line_key", pl.col("status").alias("state"), "occurred_at")
    )
    return (
        lines.join(best, on=["list_id", "line_key"], how="left")
        .with_columns(pl.col("state").fill_null("waiting"))
        .sort("list_id", "line_key", "enterprise_id")
    )


def wishes(lines: pl.DataFrame, receipts: pl.DataFrame) -> pl.DataFrame:
    """Opt-outs from messages (OPT_OUTS), since the day of the first reply; awards are not touched by it."""
    replied = (
        lines.join(receipts.filter(pl.col("status") == "opted_out"), on=["list_id", "line_key"], how="inner")
        .group_by("enterprise_id")
        .agg(pl.col("occurred_at").min().dt.date().alias("since"))
        .select("enterprise_id", pl.lit("message").alias("scope"), "since")
        .sort("enterprise_id")
    )
    return shaped(replied, OPT_OUTS, "退订回执")


def strays(lines: pl.DataFrame, receipts: pl.DataFrame) -> pl.DataFrame:
    """The receipts (RECEIPTS) of lines that were never sent, or withheld: they change nothing, but somebody should ask the gateway."""
    return receipts.join(lines, on=["list_id", "line_key"], how="anti").sort("list_id", "line_key", "occurred_at")
