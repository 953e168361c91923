"""The lines of a list: why the firm is on it, from whose data of which day, what is missing, and the words that are sent."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import polars as pl

from matching.push import kinds
from matching.push.fingerprint import award_key, message_key, unit_key
from matching.push.form import forms
from matching.push.inputs import FACTS, RISK, SOURCES, Inputs, Schema, shaped
from matching.push.message import TEMPLATES, MessageError, link, render
from matching.push.quiet import next_send

LINE: Final[Schema] = {
    "list_id": pl.String,
    "line_no": pl.Int64,
    "line_key": pl.String,
    "kind": pl.String,
    "enterprise_id": pl.String,
    "uscc": pl.String,
    "name": pl.String,
    "item_id": pl.String,
    "version": pl.Int64,
    "cycle": pl.String,
    "claim_unit": pl.String,
    "case_no": pl.String,
    "verdict": pl.String,
    "amount_yuan": pl.Decimal(18, 2),
    "deadline": pl.Date,
    "reasons": pl.String,
    "missing": pl.String,
    "form": pl.String,
    "score": pl.Float64,
    "channel": pl.String,
    "template": pl.String,
    "message": pl.String,
    "wave": pl.Int64,
    "contact_hash": pl.String,
    "contact_masked": pl.String,
    "earliest_send": pl.Datetime("us"),
    "latest_send": pl.Datetime("us"),
    "arm": pl.String,
    "probability": pl.Float64,
    "exclusion_group": pl.String,
    "group_cycle": pl.String,
    "covers": pl.String,
    "risk": pl.String,
    "region": pl.String,
    "size": pl.String,
    "build_id": pl.String,
}

_CHANNELS: Final = {
    kinds.AUTO_AWARD: "finance",
    kinds.TALENT: "finance",
    kinds.DECISION: "finance",
    kinds.INVITE: "sms",
    kinds.NUDGE: "sms",
    kinds.NEAR_MISS: "portal",
    kinds.WORK: "department",
}


def _json_list(entries: pl.DataFrame, fields: tuple[str, ...], name: str) -> pl.DataFrame:
    """(row, `name`): per row the entries as one JSON array, in the order they come."""
    return (
        entries.with_columns(pl.struct(*fields).struct.json_encode().alias("_entry"))
        .group_by("row", maintain_order=True)
        .agg(pl.col("_entry"))
        .select("row", pl.concat_str(pl.lit("["), pl.col("_entry").list.join(","), pl.lit("]")).alias(name))
    )


def _reasons(kept: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    """Per row the conditions that are met, each with the policy's words and the values observed, their department and day."""
    words = inputs.conditions.select("item_id", "version", "condition_id", "text")
    facts = shaped(inputs.facts, FACTS, "依据").unique(
        subset=["enterprise_id", "indicator"], keep="first", maintain_order=True
    )
    met = (
        kept.select("row", "enterprise_id", "item_id", "version", pl.col("met").alias("condition_id"))
        .explode("condition_id", empty_as_null=True)
        .filter(pl.col("condition_id").is_not_null())
        .join(words, on=["item_id", "version", "condition_id"], how="left")
        .join(inputs.indicators_of, on=["item_id", "version", "condition_id"], how="left")
        .join(facts, on=["enterprise_id", "indicator"], how="left")
        .join(_declared(kept), on=["row", "indicator"], how="left")
        .with_columns(
            pl.when(pl.col("value").is_null()).then(pl.col(f"_{name}")).otherwise(pl.col(name)).alias(name)
            for name in ("value", "department", "table_name", "valid_at")
        )
        .sort("row", "condition_id", "indicator", nulls_last=True)
        .with_columns(pl.col("valid_at").cast(pl.String))
    )
    return _json_list(
        met, ("condition_id", "text", "indicator", "value", "department", "table_name", "valid_at"), "reasons"
    )


_DECLARED: Final = pl.List(pl.Struct({"indicator": pl.String, "value": pl.String, "submitted_on": pl.Date}))


def _declared(kept: pl.DataFrame) -> pl.DataFrame:
    """(row, indicator, _value, _department, _table_name, _valid_at): what the applicants of the lines declared themselves."""
    return (
        kept.filter(pl.col("declared").is_not_null())
        .select("row", pl.col("declared").str.json_decode(_DECLARED).alias("_said"))
        .explode("_said")
        .filter(pl.col("_said").is_not_null())
        .unnest("_said")
        .select(
            "row",
            "indicator",
            pl.col("value").alias("_value"),
            pl.lit("apply").alias("_department"),
            pl.lit("declaration").alias("_table_name"),
            pl.col("submitted_on").alias("_valid_at"),
        )
    )


def _missing(kept: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    """Per row what stands between the firm and the award: a datum nobody delivered, a promise to make, a condition not met."""
    words = inputs.conditions.select("item_id", "version", "condition_id", "text", "outside", "on_unknown")
    # With OR in the logic a pair may be eligible although a branch failed or is unknown: that is not missing.
    open_pair = pl.col("verdict").is_in(["unknown", "declarable"])
    parts = [
        kept.filter(relevant)
        .select(
            "row",
            "enterprise_id",
            "item_id",
            "version",
            pl.col(column).alias("condition_id"),
            pl.lit(column).alias("_from"),
        )
        .explode("condition_id", empty_as_null=True)
        for column, relevant in (("unknown", open_pair), ("short_of", pl.col("kind") == kinds.NEAR_MISS))
    ]
    why = (
        pl.when(pl.col("_from") == "short_of")
        .then(pl.lit("未达到"))
        .when(pl.col("outside").fill_null(True))
        .then(pl.lit("需承诺"))
        .when(pl.col("on_unknown") == "review")
        .then(pl.lit("需部门核实"))
        .when(pl.col("on_unknown") == "deny")
        .then(pl.lit("缺数据，须部门补报"))
        .otherwise(pl.lit("缺数据，可申明"))
    )
    lacking = (
        pl.concat(parts)
        .filter(pl.col("condition_id").is_not_null())
        .join(words, on=["item_id", "version", "condition_id"], how="left")
        .with_columns(why.alias("why"))
        .join(_whom_to_ask(pl.concat(parts), inputs), on=["row", "condition_id"], how="left")
        .sort("row", "_from", "condition_id", descending=[False, True, False])
    )
    return _json_list(lacking, ("condition_id", "text", "why", "ask"), "missing")


def _whom_to_ask(lacking: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    """(row, condition_id, ask): what nobody has delivered of the firm for a condition that is unknown, and whose it is."""
    held = inputs.facts.select("enterprise_id", "indicator").unique()
    whose = pl.format("{}（{}）", "label", pl.col("department").fill_null("企业申明"))
    return (
        lacking.filter(pl.col("_from") == "unknown")
        .join(inputs.indicators_of, on=["item_id", "version", "condition_id"])
        .join(held, on=["enterprise_id", "indicator"], how="anti")
        .join(shaped(inputs.sources, SOURCES, "指标来源").unique("indicator"), on="indicator")
        .group_by("row", "condition_id")
        .agg(whose.unique().sort().str.join("、").alias("ask"))
    )


def _risk(kept: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    """Per row the signs an approver should look at."""
    signs = (
        kept.select("row", "enterprise_id", "item_id")
        .join(shaped(inputs.risk, RISK, "风险"), on=["enterprise_id", "item_id"], how="inner")
        .sort("row", "flag")
    )
    return _json_list(signs, ("flag", "detail"), "risk")


def _text(row: dict[str, Any], as_of: dt.date) -> tuple[str, str]:
    """(template key, message) of one line, in the words of 海易兑; a name that cannot be sent is left out of the text."""
    template = TEMPLATES[row["_template"]]
    known: dict[str, object] = {
        "title": row["title"],
        "deadline": row["_last_day"],
        "amount": row["amount_yuan"],
        "why": row["_why"] or "条件请逐项核对",
        "link": link(row["item_id"]),
    }
    values = {name: value for name, value in known.items() if name in template.fields}
    for name in (row["name"] or "贵单位", "贵单位"):
        try:
            return template.key, render(template, {**values, "name": name}, as_of)
        except MessageError:
            if name == "贵单位":
                raise
    raise AssertionError("unreachable")


def _last_day() -> pl.Expr:
    """The day somebody set as the last one to apply on: the window's, or the policy's own; the end of a calendar year is nobody's deadline."""
    return (
        pl.when(pl.col("window_to").is_not_null())
        .then(pl.min_horizontal("window_to", "valid_to"))
        .when(pl.col("deadline") == pl.col("valid_to"))
        .then(pl.col("valid_to"))
    )


def _template(as_of: dt.date) -> pl.Expr:
    """The template of a message: how sure we are, and whether there is a day to name."""
    hurried = (pl.col("_last_day") - pl.lit(as_of) <= pl.duration(days=15)) & pl.col("hurried")
    offered = (
        pl.when(pl.col("kind") == kinds.NUDGE)
        .then(pl.lit("nudge"))
        .when(pl.col("verdict") == "unknown")
        .then(pl.lit("invite_ask"))
        .when(pl.col("amount_yuan").is_not_null())
        .then(pl.lit("invite_amount"))
        .otherwise(pl.lit("invite"))
    )
    return (
        pl.when((pl.col("kind") == kinds.NUDGE) & hurried)
        .then(pl.lit("deadline"))
        .when(pl.col("_last_day").is_null())
        .then(offered + "_open")
        .otherwise(offered)
    )


def _most_telling(kept: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    """(row, _why): of the conditions met the first that says something of the firm; being in the place is said of everybody there.

    What a firm has not done is met too, in words that would read as a reproach: such a condition is never named.
    """
    expr = pl.col("expr").fill_null("")
    words = inputs.conditions.filter(~expr.str.contains(r"(?i)\bNOT\b|=\s*0\b|\bFALSE\b|<>|!=")).select(
        "item_id",
        "version",
        pl.col("condition_id").alias("met"),
        pl.col("text").alias("_why"),
        expr.str.contains("region|park").alias("_place"),
    )
    return (
        kept.filter(pl.col("kind").is_in(sorted(kinds.MESSAGE)))
        .select("row", "item_id", "version", "met")
        .explode("met", empty_as_null=True)
        .join(words, on=["item_id", "version", "met"], maintain_order="left")
        .sort("row", "_place", maintain_order=True)
        .unique("row", keep="first", maintain_order=True)
        .select("row", "_why")
    )


def _messages(kept: pl.DataFrame, inputs: Inputs, as_of: dt.date) -> pl.DataFrame:
    """(row, template, message, wave) of the lines that are sent by SMS."""
    keys = ["enterprise_id", "item_id", "cycle"]
    waves = pl.concat([inputs.sent.select(keys), inputs.withheld.select(keys)]).group_by(keys).len("_waves")
    sms = (
        kept.filter(pl.col("kind").is_in(sorted(kinds.MESSAGE)))
        .join(waves, on=keys, how="left", maintain_order="left")
        .with_columns(_last_day().alias("_last_day"))
        .with_columns(
            _template(as_of).alias("_template"),
            (pl.col("_waves").fill_null(0) + 1).cast(pl.Int64).alias("wave"),
        )
        .join(_most_telling(kept, inputs), on="row", how="left", maintain_order="left")
    )
    texts = [_text(row, as_of) for row in sms.iter_rows(named=True)]
    return sms.select(
        "row",
        "wave",
        pl.Series("template", [key for key, _ in texts], dtype=pl.String),
        pl.Series("message", [text for _, text in texts], dtype=pl.String),
    )


def lines(kept: pl.DataFrame, inputs: Inputs, as_of: dt.date, build_id: str) -> pl.DataFrame:
    """The candidates that passed every gate as lines (schema LINE, `list_id` and `line_no` still null)."""
    planned = next_send(dt.datetime.combine(as_of, dt.time(8)), inputs.calendar)
    dressed = (
        kept.join(_reasons(kept, inputs), on="row", how="left", maintain_order="left")
        .join(_missing(kept, inputs), on="row", how="left", maintain_order="left")
        .join(_messages(kept, inputs, as_of), on="row", how="left", maintain_order="left")
        .join(_risk(kept, inputs), on="row", how="left", maintain_order="left")
        .join(forms(kept, inputs), on="row", how="left", maintain_order="left")
    )
    sent = pl.col("channel") == "sms"
    last_moment = pl.col("deadline").cast(pl.Datetime("us")) + pl.duration(hours=20)
    framed = dressed.with_columns(
        pl.lit(None, dtype=pl.String).alias("list_id"),
        pl.lit(None, dtype=pl.Int64).alias("line_no"),
        pl.col("unit").alias("claim_unit"),
        pl.col("reasons").fill_null("[]"),
        pl.col("missing").fill_null("[]"),
        pl.col("kind").replace_strict(_CHANNELS, return_dtype=pl.String).alias("channel"),
        pl.col("wave").fill_null(1),
        pl.col("group").alias("exclusion_group"),
        pl.lit(build_id).alias("build_id"),
        *(
            pl.lit(None, dtype=pl.String).alias(name)
            for name in ("covers", "form", "risk")
            if name not in dressed.columns
        ),
    ).with_columns(
        pl.when(sent).then(pl.lit(planned)).alias("earliest_send"),
        pl.when(sent).then(last_moment).alias("latest_send"),
        pl.when(sent).then(pl.col("contact_hash")).alias("contact_hash"),
    )
    keys = [
        message_key(row[0], row[1], row[2], row[4], row[5])
        if row[4] is not None
        else unit_key(row[1], row[3])
        if row[3]
        else award_key(row[0], row[1], row[2], "")
        for row in framed.select("enterprise_id", "item_id", "cycle", "claim_unit", "template", "wave").iter_rows()
    ]
    return framed.with_columns(pl.Series("line_key", keys, dtype=pl.String)).select(
        pl.col(name).cast(dtype) for name, dtype in LINE.items()
    )
