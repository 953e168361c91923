"""What the risk signs are read from: the frames, with the columns each must have."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Final

import polars as pl

from matching.push.inputs import Schema, empty

CLAIMS: Final[Schema] = {"enterprise_id": pl.String, "item_id": pl.String, "opening": pl.Date}
FIRMS: Final[Schema] = {
    "enterprise_id": pl.String,
    "established_date": pl.Date,
    "moved_in_date": pl.Date,
    "revenue_last_year": pl.Decimal(18, 2),
    "revenue_before_last_year": pl.Decimal(18, 2),
    "vat_paid_last_year": pl.Decimal(18, 2),
    "employees_insured": pl.Int64,
    "employees_insured_last_year_mean": pl.Float64,
    "electricity_kwh_last_year": pl.Float64,
}
TIES: Final[Schema] = {"enterprise_id": pl.String, "kind": pl.String, "value": pl.String}
CORRECTIONS: Final[Schema] = {
    "enterprise_id": pl.String,
    "corrected_on": pl.Date,
    "delta_yuan": pl.Decimal(18, 2),
    "before_yuan": pl.Decimal(18, 2),
}
MONTHS: Final[Schema] = {
    "enterprise_id": pl.String,
    "month": pl.Date,
    "sales_yuan": pl.Decimal(18, 2),
    "payable_yuan": pl.Decimal(18, 2),
}
HEADS: Final[Schema] = {"enterprise_id": pl.String, "month": pl.Date, "insured": pl.Int64}
PROJECTS: Final[Schema] = {
    "enterprise_id": pl.String,
    "project_code": pl.String,
    "project_name": pl.String,
    "started_on": pl.Date,
    "investment_yuan": pl.Decimal(18, 2),
}
PAYOUTS: Final[Schema] = {"enterprise_id": pl.String, "item_id": pl.String, "paid_on": pl.Date}
MOVES: Final[Schema] = {
    "enterprise_id": pl.String,
    "moved_on": pl.Date,
    "before_text": pl.String,
    "after_text": pl.String,
}

TIE_LABELS: Final = {
    "legal_person": "法定代表人",
    "phone": "电话",
    "address": "地址",
    "account": "收款账户",
    "certificate": "证书",
}


@dataclass(frozen=True)
class Evidence:
    """What the signs are read from.

    claims: pairs that may be paid, with the day their window opens (CLAIMS). firms: FIRMS. ties: what a firm shares with others
    (TIES; `kind` is a key of TIE_LABELS, `value` a keyed hash or a cleaned text). corrections: tax filings lowered after the fact
    (CORRECTIONS; `before_yuan` is what stood before). payouts: what was paid (PAYOUTS). months: VAT filings per month (MONTHS), heads:
    insured persons per whole month (HEADS), both of the last two years. projects: investment projects filed (PROJECTS).
    moves: changes of the registered address, as the register tells them (MOVES).
    """

    claims: pl.DataFrame
    firms: pl.DataFrame = field(default_factory=partial(empty, FIRMS))
    ties: pl.DataFrame = field(default_factory=partial(empty, TIES))
    corrections: pl.DataFrame = field(default_factory=partial(empty, CORRECTIONS))
    payouts: pl.DataFrame = field(default_factory=partial(empty, PAYOUTS))
    months: pl.DataFrame = field(default_factory=partial(empty, MONTHS))
    heads: pl.DataFrame = field(default_factory=partial(empty, HEADS))
    projects: pl.DataFrame = field(default_factory=partial(empty, PROJECTS))
    moves: pl.DataFrame = field(default_factory=partial(empty, MOVES))
