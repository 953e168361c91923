"""What the lists are made from: the frames, the dates and the limits, with the columns each must have."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Final

import polars as pl

from evaluation.uplift import WINDOW_DAYS
from matching.push.quiet import Calendar

MONEY_TYPE: Final = pl.Decimal(18, 2)
TEXTS: Final = pl.List(pl.String)

Schema = Mapping[str, pl.DataType | type[pl.DataType]]

PAIRS: Final[Schema] = {
    "enterprise_id": pl.String,
    "uscc": pl.String,
    "item_id": pl.String,
    "version": pl.Int64,
    "verdict": pl.String,
    "met": TEXTS,
    "failed": TEXTS,
    "unknown": TEXTS,
    "near_miss": pl.Boolean,
    "short_of": TEXTS,
    "bar": pl.String,
    "bars": TEXTS,
    "amount_yuan": MONEY_TYPE,
    "score": pl.Float64,
}
ITEMS: Final[Schema] = {
    "item_id": pl.String,
    "version": pl.Int64,
    "title": pl.String,
    "issuer": pl.String,
    "mode": pl.String,
    "entity": pl.String,
    "cycle": pl.String,
    "claim_unit": pl.String,
    "valid_from": pl.Date,
    "valid_to": pl.Date,
    "window_from": pl.Date,
    "window_to": pl.Date,
    "budget_yuan": MONEY_TYPE,
    "promise_days": pl.Int64,
    "award_expr": pl.String,
    "excludes": TEXTS,
    "pilot": TEXTS,
    "materials": TEXTS,
}
CONDITIONS: Final[Schema] = {
    "item_id": pl.String,
    "version": pl.Int64,
    "condition_id": pl.String,
    "text": pl.String,
    "expr": pl.String,
    "on_unknown": pl.String,
    "outside": pl.Boolean,
}
ENTERPRISES: Final[Schema] = {
    "enterprise_id": pl.String,
    "uscc": pl.String,
    "name": pl.String,
    "region": pl.String,
    "size": pl.String,
    "contact_hash": pl.String,
    "contact_masked": pl.String,
}
CASES: Final[Schema] = {
    "case_no": pl.String,
    "enterprise_id": pl.String,
    "item_id": pl.String,
    "applied_on": pl.Date,
    "decision": pl.String,
    "decided_on": pl.Date,
    "reason": pl.String,
}
# Applications for 即申即享 that were answered with `approve`: the pair as judged with what the applicant declared (a JSON array of
# indicator, value, submitted_on), waiting to be paid.
APPROVED: Final[Schema] = {
    **{name: dtype for name, dtype in PAIRS.items() if name not in ("near_miss", "short_of", "score")},
    "case_no": pl.String,
    "applied_on": pl.Date,
    "due_on": pl.Date,
    "declared": pl.String,
}
AWARDS: Final[Schema] = {
    "enterprise_id": pl.String,
    "item_id": pl.String,
    "cycle": pl.String,
    "paid_on": pl.Date,
    "amount_yuan": MONEY_TYPE,
    "source": pl.String,
}
SENT: Final[Schema] = {"enterprise_id": pl.String, "item_id": pl.String, "cycle": pl.String, "sent_on": pl.Date}
LISTED: Final[Schema] = {
    "enterprise_id": pl.String,
    "item_id": pl.String,
    "cycle": pl.String,
    "kind": pl.String,
    "list_id": pl.String,
    "unit": pl.String,
}
# What an award per unit is counted by: the unit's own id, and how many units the award's expression counts for the firm.
UNITS: Final[Schema] = {"enterprise_id": pl.String, "item_id": pl.String, "unit": pl.String, "expected": pl.Int64}
CLAIMED: Final[Schema] = {"item_id": pl.String, "unit": pl.String, "list_id": pl.String}
OPT_OUTS: Final[Schema] = {"enterprise_id": pl.String, "scope": pl.String, "since": pl.Date}
ARMS: Final[Schema] = {
    "enterprise_id": pl.String,
    "item_id": pl.String,
    "cycle": pl.String,
    "stratum": pl.String,
    "arm": pl.String,
}
UNFIT: Final[Schema] = {"item_id": pl.String, "version": pl.Int64, "detail": pl.String}
FACTS: Final[Schema] = {
    "enterprise_id": pl.String,
    "indicator": pl.String,
    "value": pl.String,
    "department": pl.String,
    "table_name": pl.String,
    "valid_at": pl.Date,
}
# The indicators each condition names, and what is free in each fund pool for which items.
NAMED: Final[Schema] = {
    "item_id": pl.String,
    "version": pl.Int64,
    "condition_id": pl.String,
    "indicator": pl.String,
}
# Each indicator as people call it, and the department that delivers it; null where only the firm can say.
SOURCES: Final[Schema] = {"indicator": pl.String, "label": pl.String, "department": pl.String}
FREE: Final[Schema] = {"pool": pl.String, "label": pl.String, "free_yuan": MONEY_TYPE, "items": TEXTS}
GAPS: Final[Schema] = {"enterprise_id": pl.String, "item_id": pl.String, "version": pl.Int64, "detail": pl.String}
# A doubt about every item of a firm has no item.
DOUBTS: Final[Schema] = {
    "enterprise_id": pl.String,
    "item_id": pl.String,
    "version": pl.Int64,
    "reason": pl.String,
    "detail": pl.String,
}
RISK: Final[Schema] = {"enterprise_id": pl.String, "item_id": pl.String, "flag": pl.String, "detail": pl.String}


def empty(schema: Schema) -> pl.DataFrame:
    """No rows, with the columns of `schema`."""
    return pl.DataFrame(schema=schema)


@dataclass(frozen=True)
class Limits:
    """The numbers of the house; a change is a decision and shows in the header of every list."""

    messages_per_week: int = 2
    item_days: int = 14
    messages_per_cycle: int = 3
    cooling_days: int = 30
    # a reminder (催报) starts this many days before the deadline
    reminder_days: int = 15
    # the control group is released this many days before the deadline, so that nobody loses money
    release_days: int = 10
    # an application within so many days of the draw is an answer; a group that would be released before then is not drawn
    answer_days: int = WINDOW_DAYS
    # of the items a firm can not yet be judged for, only its best so many are mentioned: what the weekly cap has room for
    undecided_at_once: int = 2
    # from list to money an award takes so many days at most: public notice, two signatures, the treasury
    award_days: int = 30
    holdout_share: float = 0.08
    # a control group that could not show even this effect (in percentage points of take-up) is not formed
    largest_useful_effect: float = 0.20
    base_rate: float = 0.30
    # a rule that more than this share of all enterprises meet is more likely mistyped than meant: nobody is paid by it
    widest_share: float = 0.50
    # among fewer enterprises a share says nothing about the rule
    share_counts_from: int = 1000


@dataclass(frozen=True)
class Dates:
    """The dates and identity of the run; `key` is the secret of the keyed hash that assigns the arms."""

    as_of: dt.date
    known_at: dt.datetime
    rules_as_of: dt.date
    build_id: str
    key: bytes


@dataclass(frozen=True)
class Inputs:
    """Frames with the schemas above. History (`cases` to `arms`) holds what was known before the run.

    `facts` are the observed values behind the conditions; `indicators_of` names the indicators of each condition
    (item_id, version, condition_id, indicator); `unfit` the items whose feeds may not pay, with the Chinese reason.
    `sources` says of each indicator its label and whose it is, for those who must ask for what is missing.
    `units` are the patents or projects a firm holds, for items paid per unit; `claimed` those an award has paid for, ever.
    `withheld` are messages whose key is used up although they stayed in the house: no cap counts them.
    `approved` are the applications that may be paid. `risk` are signs on pairs (risk.flags). `funds` are the fund pools with what is free in each (pools.funds).
    `gaps` are pairs whose growth is measured against a year with a month that may be missing.
    `doubts` are firms of whom a department's newest row could not be read, or whose standing two departments tell differently.
    `bar_labels` are the names of the bars as people say them.
    `spent` is the money already committed: (item_id, cycle) → 元.
    `corrects` names the list of the same day that a changed proposal follows: (kind, item_id, cycle) → list_id.
    """

    pairs: pl.DataFrame
    items: pl.DataFrame
    conditions: pl.DataFrame
    enterprises: pl.DataFrame
    cases: pl.DataFrame = field(default_factory=partial(empty, CASES))
    approved: pl.DataFrame = field(default_factory=partial(empty, APPROVED))
    awards: pl.DataFrame = field(default_factory=partial(empty, AWARDS))
    sent: pl.DataFrame = field(default_factory=partial(empty, SENT))
    withheld: pl.DataFrame = field(default_factory=partial(empty, SENT))
    listed: pl.DataFrame = field(default_factory=partial(empty, LISTED))
    units: pl.DataFrame = field(default_factory=partial(empty, UNITS))
    claimed: pl.DataFrame = field(default_factory=partial(empty, CLAIMED))
    opt_outs: pl.DataFrame = field(default_factory=partial(empty, OPT_OUTS))
    arms: pl.DataFrame = field(default_factory=partial(empty, ARMS))
    unfit: pl.DataFrame = field(default_factory=partial(empty, UNFIT))
    facts: pl.DataFrame = field(default_factory=partial(empty, FACTS))
    indicators_of: pl.DataFrame = field(default_factory=partial(empty, NAMED))
    sources: pl.DataFrame = field(default_factory=partial(empty, SOURCES))
    funds: pl.DataFrame = field(default_factory=partial(empty, FREE))
    risk: pl.DataFrame = field(default_factory=partial(empty, RISK))
    gaps: pl.DataFrame = field(default_factory=partial(empty, GAPS))
    doubts: pl.DataFrame = field(default_factory=partial(empty, DOUBTS))
    spent: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    calendar: Calendar = field(default_factory=Calendar)
    watermarks: dict[str, str] = field(default_factory=dict)
    bar_labels: dict[str, str] = field(default_factory=dict)
    corrects: dict[tuple[str, str, str], str] = field(default_factory=dict)


def shaped(frame: pl.DataFrame, schema: Schema, what: str) -> pl.DataFrame:
    """`frame` with exactly the columns of `schema`, cast to its types; a missing column is an error that names it."""
    missing = [name for name in schema if name not in frame.columns]
    if missing:
        raise ValueError(f"{what} 缺列 {'、'.join(missing)}；需要 {'、'.join(schema)}")
    return frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
