"""Lines that are no facts: titles, units, totals, footnotes, repeated headers and blanks are recognised, counted and set aside."""

from __future__ import annotations

import re

import polars as pl

from data.contract import Form, Table, header_mark
from data.readers.reading import NUMERIC, ROW, SHEET, Reading

_SAME_AS_ABOVE = ("同上", "〃", "″", '"', "同 上")
_BLANKS = r"[\s\u00a0\u3000\u200b\ufeff]+"


def set_aside(frame: pl.DataFrame, form: Form, table: Table, reading: Reading) -> pl.DataFrame:
    """The rows that may be facts. Adds the counts of the others to `reading`; fills down where the contract says so."""
    payload = [c for c in frame.columns if c not in (ROW, SHEET, NUMERIC)]
    if not payload or frame.is_empty():
        return frame
    bare = [pl.col(c).str.replace_all(_BLANKS, "").replace("", None) for c in payload]
    marked = frame.select(
        pl.coalesce(bare).alias("first"),
        pl.sum_horizontal([b.is_not_null().cast(pl.Int32) for b in bare]).alias("filled"),
    )
    first, filled = pl.col("first"), pl.col("filled")
    total = _total_pattern(form.totals)
    note = "|".join(re.escape(n) for n in form.notes) or r"\A\z"
    required = [c for c in payload if c in table.columns and table.columns[c].required]
    kinds = marked.select(
        pl.when(filled == 0)
        .then(pl.lit("blank"))
        .when(first.str.contains(total))
        .then(pl.lit("total"))
        .when((filled <= 2) & first.str.contains(r"^[(（]?(?:金额|计量|数量)?单位[:：]"))
        .then(pl.lit("unit"))
        .when((filled <= 3) & first.str.contains(f"^(?:{note})"))
        .then(pl.lit("footnote"))
        .otherwise(pl.lit("fact"))
        .alias("kind")
    )["kind"]
    kinds = _repeated_headers(frame, kinds, table, required)
    for kind, count in kinds.value_counts().iter_rows():
        if kind != "fact":
            reading.aside(kind, count)
    facts = frame.filter(kinds == "fact")
    return _filled_down(facts, table)


def _total_pattern(words: tuple[str, ...]) -> str:
    if not words:
        return r"\A\z"
    return r"^(?:本[页月日年季]|累计|全省|全部)?(?:" + "|".join(re.escape(w) for w in words) + r")(?:[:：(（].*)?$"


def _repeated_headers(frame: pl.DataFrame, kinds: pl.Series, table: Table, required: list[str]) -> pl.Series:
    """Printed pages repeat the header: a row whose required cells all hold their own column's header is one."""
    if not required:
        return kinds
    same = pl.all_horizontal(
        [
            pl.col(c)
            .str.replace_all(_BLANKS, "")
            .str.to_uppercase()
            .is_in([header_mark(h) for h in table.columns[c].headers])
            for c in required
        ]
    )
    repeated = frame.select(same.fill_null(False).alias("r"))["r"]
    return pl.select(pl.when(repeated).then(pl.lit("header")).otherwise(kinds).alias("kind"))["kind"]


def _filled_down(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    names = [n for n, c in table.columns.items() if c.fill_down and n in frame.columns]
    if not names:
        return frame
    return frame.with_columns(
        [
            pl.when(pl.col(n).str.strip_chars().is_in([*_SAME_AS_ABOVE, ""]))
            .then(None)
            .otherwise(pl.col(n))
            .forward_fill()
            .over(SHEET)
            .alias(n)
            for n in names
        ]
    )
