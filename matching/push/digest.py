"""Digests: one notice instead of many, for a telephone that many firms share and for firms that have had enough messages."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import polars as pl

from matching.push.fingerprint import message_key
from matching.push.inputs import Dates, Inputs
from matching.push.kinds import DIGEST
from matching.push.lines import LINE
from matching.push.message import TEMPLATES, render
from matching.push.quiet import next_send


def digest_lines(suppressed: pl.DataFrame, inputs: Inputs, dates: Dates) -> pl.DataFrame:
    """Lines of kind `digest` (schema LINE, item `*`); `covers` is a JSON list of [enterprise_id, item_id, cycle].

    Pairs stopped by `shared_phone` become one SMS per telephone: every firm of it was within its own caps, and each gets at
    most this one. Pairs stopped by `cap` become a notice inside the portal, which is not a message.
    """
    wave = int(f"{dates.as_of:%Y%m%d}")
    contacts = inputs.enterprises.select("enterprise_id", "contact_hash", "contact_masked", "name")
    named = suppressed.filter(pl.col("reason").is_in(["shared_phone", "cap"])).join(
        contacts.unique(subset="enterprise_id", keep="first", maintain_order=True), on="enterprise_id", how="left"
    )
    phones = named.filter(pl.col("reason") == "shared_phone").with_columns(pl.col("contact_hash").alias("_to"))
    firms = named.filter(pl.col("reason") == "cap").with_columns(pl.col("enterprise_id").alias("_to"))
    planned = next_send(dt.datetime.combine(dates.as_of, dt.time(8)), inputs.calendar)
    rows: list[dict[str, Any]] = []
    for channel, part in (("sms", phones), ("portal", firms)):
        for (to,), pairs in part.sort("_to", "uscc", "item_id", nulls_last=True).group_by("_to", maintain_order=True):
            covers = sorted(set(pairs.select("enterprise_id", "item_id", "cycle").iter_rows()))
            n_firms = pairs["enterprise_id"].n_unique()
            first = pairs.row(0, named=True)
            template = TEMPLATES["digest"]
            rows.append(
                {
                    "line_key": message_key(str(to), "*", f"{dates.as_of:%Y-%m}", template.key, wave),
                    "kind": DIGEST,
                    "enterprise_id": first["enterprise_id"],
                    "uscc": first["uscc"],
                    "name": first["name"] if n_firms == 1 else f"{n_firms} 家企业",
                    "item_id": "*",
                    "version": 0,
                    "cycle": f"{dates.as_of:%Y-%m}",
                    "claim_unit": "",
                    "reasons": "[]",
                    "missing": "[]",
                    "channel": channel,
                    "template": template.key,
                    "message": render(template, {"count": f"{n_firms}家企业"}, dates.as_of),
                    "wave": wave,
                    "contact_hash": first["contact_hash"] if channel == "sms" else None,
                    "contact_masked": first["contact_masked"],
                    "earliest_send": planned if channel == "sms" else None,
                    "covers": json.dumps(covers, ensure_ascii=False),
                    "build_id": dates.build_id,
                }
            )
    return pl.DataFrame([{name: row.get(name) for name in LINE} for row in rows], schema=LINE, orient="row")
