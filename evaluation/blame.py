"""Which fault of a delivered row can have made which indicator wrong: the field it spoils, and the period the indicator looks at.

A fault elsewhere in the same table, or of another year, excuses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import polars as pl

from evaluation.loading import REJECTED, UNKNOWN

# Defects of a whole row: every figure taken from it is another.
ROWS = frozenset(
    [
        "cumulative", "late", "late_sheet", "corrected_filing", "voided", "negative_correction", "refund", "wild_report", "cancelled_retroactively",
        "repaired", "status_resent", "ring_shared_certificate", "ring_split_project", "ring_circular_invoicing", "unit_changed_silently", "withdrawn", "withdrawn_in_remarks",
    ]
)  # fmt: skip
# Defects of a row that spoil one of its figures, by the beginning of the indicators' names.
FIGURES: Mapping[str, tuple[str, ...]] = {
    "insured_but_unpaid": ("social_insurance",),
    "threshold_bunching": ("revenue", "export_sales", "enterprise_size"),
    "status_in_words": ("business_status", "in_business", "excluded_category"),
}
# Defects of a cell that leave no figure, or another one; misspellings that are read through, names and keys are not among them.
CELLS = UNKNOWN | REJECTED | {"zero_for_unknown", "established_after_approved", "paid_to_parent"}
# What reads a column (as its department names it); a column that is not here may be read by every indicator of its table.
READ_BY: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("tax.income_tax", "ZCZE"): ("total_assets", "enterprise_size", "is_small_low_profit"),
    ("tax.income_tax", "LRZE"): ("profit",),
    ("tax.vat", "MSXSE"): ("revenue", "export_sales"),
    ("tax.vat", "SBRQ"): (),
    ("tax.registration", "SHXYDM"): (),
    ("market.annual_report", "VENDINC"): ("revenue", "enterprise_size", "rd_ratio", "high_tech_income_ratio"),
    ("market.annual_report", "ASSGRO"): ("total_assets", "enterprise_size"),
    ("market.baseinfo", "DOMDISTRICT"): ("registered_region", "newly_settled"),
    ("market.baseinfo", "INDUSTRYCO"): ("industry", "enterprise_size", "excluded_category"),
    ("market.baseinfo", "ESTDATE"): ("established", "newly_settled"),
    ("market.baseinfo", "REGCAP"): ("registered_capital",),
    ("market.baseinfo", "APPRDATE"): (),
    ("labor.headcount", "统一社会信用代码"): (),
    ("labor.headcount", "工伤保险·实缴金额"): ("social_insurance",),
    ("labor.unit", "AAB998"): (),
    ("industry.output_month", "用电量"): ("electricity",),
    ("industry.output_month", "出口交货值"): (),
    ("science.rd_input", "研发费用"): ("rd_",),
    ("science.rd_input", "高新产品收入"): ("high_tech",),
    ("finance.redemption", "信用代码"): (),
    ("reform.penalty", "cf_xdr_shxym"): (),
    ("reform.permit", "xk_xdr_shxym"): (),
    ("housing.qualification", "xydm"): (),
}  # fmt: skip
# Tables that say how things stand: the newest row about an enterprise replaces the ones before.
STANDING = frozenset(
    ["market.baseinfo", "tax.registration", "customs.registration", "labor.unit", "commerce.trade_filing"]
)
_EVER = "9999-12-31"


def mark(day: date | None, what: str) -> str:
    """A fault as text: the last day of its delivery's period (far ahead where it has none) and what it is."""
    return f"{day.isoformat() if day else _EVER}|{what}"


def reaches(what: str, feed: str, indicator: str) -> bool:
    """Whether a defect (`kind`, or `kind@column` for a cell) of a row of `feed` can have moved the indicator."""
    kind, _, column = what.partition("@")
    if not column:
        return kind in ROWS or indicator.startswith(FIGURES.get(kind, ("\0",)))
    if kind not in CELLS:
        return False
    return indicator.startswith(READ_BY.get((feed, column), ("",)) or ("\0",))


def within(marks: Iterable[str], feed: str, newest: str, begun: date | None) -> set[str]:
    """What the marks say, of deliveries of the period looked at: from `begun` on, or of a standing table the newest."""
    first = begun.isoformat() if begun else newest if feed in STANDING else ""
    return {what for day, _, what in (m.partition("|") for m in marks) if day >= first}


def ringed(records: pl.DataFrame, fraud: pl.DataFrame) -> pl.DataFrame:
    """`records` with the defect `ring_circular_invoicing` on the sales returns a ring of invoices inflated: delivered as filed, filed untrue.

    `records`: uscc, feed, file, defects; `fraud`: uscc, kind, innocent, first_month, last_month.
    """
    rings = fraud.filter((pl.col("kind") == "circular_invoicing") & ~pl.col("innocent"))
    rings = rings.group_by("uscc").agg(pl.col("first_month").min(), pl.col("last_month").max())
    month = (pl.col("file").str.extract(r"_(\d{6})_[FI]_", 1) + "01").str.to_date("%Y%m%d", strict=False)
    inflated = (pl.col("feed") == "tax.vat") & (month >= pl.col("first_month")) & (month <= pl.col("last_month"))
    told = pl.concat_str(
        pl.col("defects").fill_null(""), pl.lit("ring_circular_invoicing"), separator=";"
    ).str.strip_chars(";")
    marked = pl.when(inflated.fill_null(value=False)).then(told).otherwise(pl.col("defects"))
    return records.join(rings, on="uscc", how="left").with_columns(defects=marked).drop("first_month", "last_month")
