"""Lines that are no facts: titles, units, totals, footnotes, repeated headers and blanks are recognised, counted and set aside."""

from __future__ import annotations

import re
from collections import Counter

import polars as pl

from data.contract import Form, Table, header_mark
from data.readers.reading import NUMERIC, ROW, SHEET, Reading, RefusedFile

_SAME_AS_ABOVE = ("同上", "〃", "″", '"', "同 上")
_DIGIT = re.compile("[0-9]")
_DRAWN = r"^[-=]{2,}$"
_BLANKS = r"[\s\u00a0\u3000\u200b\ufeff]+"


def set_aside(frame: pl.DataFrame, form: Form, table: Table, reading: Reading) -> pl.DataFrame:
    """The rows that may be facts. Adds the counts of the others to `reading`; fills down where the contract says so."""
    payload = [c for c in frame.columns if c not in (ROW, SHEET, NUMERIC)]
    if not payload or frame.is_empty():
        return frame
    odd = _odd(frame, payload, form, table)
    if not odd.any():
        return _filled_down(frame, table)
    kinds = _kinds(frame.filter(odd), payload, form, table)
    counts = Counter(kinds.to_list())
    if counts["other"]:
        row = frame.filter(odd)[ROW].filter(kinds == "other")[0]
        raise RefusedFile(f"第 {row} 行又是一个表头，列的次序与第一个不同：像是几个文件直接拼在一起")
    for found, count in counts.items():
        if found != "fact":
            reading.aside(found, count)
    if counts.keys() == {"fact"}:
        return _filled_down(frame, table)
    kept = pl.repeat(True, frame.height, dtype=pl.Boolean, eager=True).scatter(odd.arg_true(), kinds == "fact")
    return _filled_down(frame.filter(kept), table)


def _may_be_odd(payload: list[str], form: Form, table: Table) -> pl.Expr:
    """Rows worth asking what they are: the first column is empty or holds a blank, a mark of a total, unit or footnote, or of a header.

    Most rows are facts, and this is told from one or two of their cells.
    """
    first = pl.col(payload[0])
    words = [*form.totals, *form.notes, "单位"]
    odd = (
        first.is_null()
        | (first == "")
        | first.str.contains(r"\s|\u200b|\ufeff|^[-=]{2}")
        | first.str.contains_any(words)
    )
    required = [c for c in payload if c in table.columns and table.columns[c].required]
    if not required:
        return odd
    leader = pl.col(required[0])
    return (
        odd
        | leader.str.contains(r"[\s_]").fill_null(False)
        | leader.str.to_uppercase().is_in(sorted(_marks(table))).fill_null(False)
    )


def _odd(frame: pl.DataFrame, payload: list[str], form: Form, table: Table) -> pl.Series:
    """`_may_be_odd` of every row. A cell that begins with a digit and is plain ASCII holds no mark of anything."""
    name = table.subject.get("name")
    told = pl.lit(False)
    if name in payload[1:]:
        spaced = "|".join(r"\s*".join(map(re.escape, word)) for word in form.totals) or r"\A\z"
        told = pl.col(name).str.contains(spaced).fill_null(False)
    required = [c for c in payload if c in table.columns and table.columns[c].required]
    words = [*form.totals, *form.notes, *_marks(table)]
    sure = pl.lit(False)
    # Every kind but a header is told by how a row begins, a header by its first required cell.
    decisive = sorted({payload[0], *required[:1]})
    if not any(map(_DIGIT.match, words)):
        sure = pl.all_horizontal([pl.col(c).str.contains(r"^[0-9][!-^`-~]*$").fill_null(False) for c in decisive])
    seen = frame.select(sure=pl.repeat(True, pl.len()) & sure, told=pl.repeat(True, pl.len()) & told)
    rest = (~seen["sure"]).arg_true()
    if not len(rest):
        return seen["told"]
    unsure = frame.select(decisive)[rest].select(_may_be_odd(payload, form, table).alias("odd"))["odd"]
    return seen["told"] | pl.repeat(False, frame.height, dtype=pl.Boolean, eager=True).scatter(rest, unsure)


def _marks(table: Table) -> set[str]:
    return {header_mark(h) for c in table.columns.values() for h in c.headers}


def _kinds(frame: pl.DataFrame, payload: list[str], form: Form, table: Table) -> pl.Series:
    """What each row is: fact, blank, total, unit, footnote, header, or `other`, a header in another order."""
    # In eager steps: the optimiser a lazy plan goes through costs more than these rows, and without it every use would be computed anew.
    squeezed = frame.with_columns(
        [pl.col(c).str.replace_all(_BLANKS, "").fill_null("").alias(f"squeezed {c}") for c in payload]
    )
    bare = [pl.col(f"squeezed {c}") for c in payload]
    first = pl.coalesce([b.replace("", None) for b in bare])
    filled = pl.sum_horizontal([(b != "").cast(pl.Int32) for b in bare])
    counted = squeezed.with_columns(first.alias("_first"), filled.alias("_filled"))
    note = "|".join(re.escape(n) for n in form.notes) or r"\A\z"
    required = [c for c in payload if c in table.columns and table.columns[c].required]
    # The line that reports (SQL*Plus, psql) draw under their headings.
    drawn = pl.lit(False)
    if counted["_first"].str.contains(_DRAWN).any():
        drawn = pl.all_horizontal([(b == "") | b.str.contains(_DRAWN) for b in bare])
    kind = (
        pl.when(pl.col("_filled") == 0)
        .then(pl.lit("blank"))
        .when(pl.col("_first").str.contains(_total_pattern(form.totals)) | _named_total(payload, form, table))
        .then(pl.lit("total"))
        .when((pl.col("_filled") <= 2) & pl.col("_first").str.contains(r"^[(（]?(?:金额|计量|数量)?单位[:：]"))
        .then(pl.lit("unit"))
        .when((pl.col("_filled") <= 3) & pl.col("_first").str.contains(f"^(?:{note})"))
        .then(pl.lit("footnote"))
        .when(drawn)
        .then(pl.lit("header"))
        .when(_repeats_header(table, required))
        .then(pl.lit("header"))
        .when(_other_header(table, required))
        .then(pl.lit("other"))
        .otherwise(pl.lit("fact"))
    )
    return counted.select(kind.alias("_kind"))["_kind"]


def _named_total(payload: list[str], form: Form, table: Table) -> pl.Expr:
    """A total that carries a serial number like a fact: nobody is called 合计."""
    name = table.subject.get("name")
    if name not in payload or not form.totals:
        return pl.lit(False)
    whole = r"^(?:" + "|".join(re.escape(w) for w in form.totals) + r")[:：]?$"
    return pl.col(name).str.replace_all(_BLANKS, "").str.contains(whole).fill_null(False)


def _total_pattern(words: tuple[str, ...]) -> str:
    if not words:
        return r"\A\z"
    return r"^(?:本[页月日年季]|累计|全省|全部)?(?:" + "|".join(re.escape(w) for w in words) + r")(?:[:：(（].*)?$"


def _repeats_header(table: Table, required: list[str]) -> pl.Expr:
    """Printed pages repeat the header: a row whose required cells all hold their own column's header is one."""
    if not required:
        return pl.lit(False)
    same = [_marked(c).is_in([header_mark(h) for h in table.columns[c].headers]) for c in required]
    return pl.all_horizontal(same).fill_null(False)


def _other_header(table: Table, required: list[str]) -> pl.Expr:
    """A header in another order than the first: the required cells hold headers of the contract, but not their own."""
    if len(required) < 2:
        return pl.lit(False)
    words = sorted({header_mark(h) for c in table.columns.values() for h in c.headers})
    return pl.all_horizontal([_marked(c).is_in(words) for c in required]).fill_null(False)


def _marked(column: str) -> pl.Expr:
    """`header_mark` of a cell, near enough: headers further down are written like the first."""
    return pl.col(column).str.replace_all(r"[\s_\u00a0\u3000\u200b\ufeff]+", "").str.to_uppercase()


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
