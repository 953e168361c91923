"""How often a firm may be written to, and which firms share one telephone."""

from __future__ import annotations

import datetime as dt

import polars as pl

from matching.push.inputs import SENT, Limits, shaped


def over_cap(messages: pl.DataFrame, sent: pl.DataFrame, planned: dt.date, limits: Limits) -> pl.DataFrame:
    """(row, detail) of the messages that would exceed a cap if sent on `planned`.

    `sent` are earlier messages by the day they leave, which may lie after `planned` when an earlier list was held over a
    holiday: all days after `planned` − 7 count, so that no window of seven days ever holds more than the cap. Within a firm the
    sooner deadline goes first, then the higher score, then the item id.
    """
    earlier = shaped(sent, SENT, "已发送")
    week = earlier.filter(pl.col("sent_on") > planned - dt.timedelta(days=7)).group_by("enterprise_id").len("_week")
    recent = (
        earlier.filter(pl.col("sent_on") > planned - dt.timedelta(days=limits.item_days))
        .group_by("enterprise_id", "item_id")
        .agg(pl.col("sent_on").max().alias("_last"))
    )
    in_cycle = earlier.group_by("enterprise_id", "item_id", "cycle").len("_waves")
    known = (
        messages.join(week, on="enterprise_id", how="left")
        .join(recent, on=["enterprise_id", "item_id"], how="left")
        .join(in_cycle, on=["enterprise_id", "item_id", "cycle"], how="left")
        .with_columns(pl.col("_week").fill_null(0), pl.col("_waves").fill_null(0))
    )
    own = known.with_columns(
        pl.when(pl.col("_waves") >= limits.messages_per_cycle)
        .then(pl.format("本周期已提醒 {} 次，上限 {} 次", "_waves", pl.lit(limits.messages_per_cycle)))
        .when(pl.col("_last").is_not_null())
        .then(pl.format("同一事项 {} 提醒过，间隔不足 {} 天", "_last", pl.lit(limits.item_days)))
        .alias("detail")
    )
    stopped = own.filter(pl.col("detail").is_not_null()).select("row", "detail")
    ranked = (
        own.filter(pl.col("detail").is_null())
        .sort(
            "enterprise_id",
            "deadline",
            "score",
            "item_id",
            "row",
            descending=[False, False, True, False, False],
            nulls_last=True,
        )
        .with_columns((pl.int_range(pl.len()).over("enterprise_id") + 1 + pl.col("_week")).alias("_place"))
        .filter(pl.col("_place") > limits.messages_per_week)
        .select(
            "row",
            pl.format("7 天内第 {} 条，上限 {} 条", "_place", pl.lit(limits.messages_per_week)).alias("detail"),
        )
    )
    return pl.concat([stopped, ranked])


def shared_phone(messages: pl.DataFrame) -> pl.DataFrame:
    """(row, detail) of the messages whose telephone belongs to several firms of this wave; they become one digest."""
    owners = messages.group_by("contact_hash").agg(pl.col("enterprise_id").n_unique().alias("_firms"))
    return messages.join(owners.filter(pl.col("_firms") > 1), on="contact_hash", how="inner").select(
        "row", pl.format("同一电话对应 {} 家企业", "_firms").alias("detail")
    )
