"""Strict parsers, one per contract type: a series of delivered text → a typed series and a mask of what could not be read."""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal
from functools import cache
from typing import NamedTuple

import polars as pl

from data.contract import UNITS, Column
from quality import quick

BLANKS = " \t\r\n\f\v\u00a0\u3000\u200b\ufeff"
PLACEHOLDERS = ("", "-", "--", "---", "—", "——", "－", "/", "\\N", "NULL", "Null", "null", "None", "无", "N/A", "n/a")
# what Excel shows where there is no value, and what the workbook reader writes where a formula was never calculated
EXCEL_ERRORS = (
    "#N/A",
    "#REF!",
    "#VALUE!",
    "#DIV/0!",
    "#NAME?",
    "#NULL!",
    "#NUM!",
    "#GETTING_DATA",
    "#SPILL!",
    "#CALC!",
    "#公式无值",
)
# Text that does not show what it is: control characters, marks that turn the direction of writing, characters already lost on the way.
# A lost character at the very end is half of one, cut by the sender's field width: a truncated name, kept as sent.
CONTROL = r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\ufffe\uffff\x{e0000}-\x{e007f}]"
UNPRINTABLE = CONTROL + r"|\ufffd[^\ufffd\s]|锟斤拷"
FOREVER = (
    "长期",
    "永久",
    "无固定期限",
    "长期有效",
    "9999-12-31",
    "99991231",
    "9999/12/31",
    "9999.12.31",
    "9999年12月31日",
)
FOREVER_DAY = pl.date(9999, 12, 31)

_TRUE = ("Y", "YES", "1", "是", "TRUE", "T", "有", "已", "√")
_FALSE = ("N", "NO", "0", "否", "FALSE", "F", "未", "×")
_DAY = r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
_CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?"
_ANY_TIME = rf"(?:[ T]{_CLOCK})?"
_NUMBER = r"^[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?$|^[+-]?\.\d+$"
# Blanks between digits are thousands separators or they part two numbers.
_PARTED = r"\d\s+\d"
_THOUSANDS = r"^[^\d]*\d{1,3}(?:\s\d{3})+(?:\.\d+)?[^\d]*$"
# Raised, circled and fraction digits: folding makes 102 of 10², and a line of a list of ①.
_NO_DIGIT = r"\p{No}"
# DECIMAL(18,2) holds sixteen digits before the point; no sum of money in a province needs more than fifteen.
_LARGEST = 10**15


class Parsed(NamedTuple):
    """`values` in the column's type, null where `bad` or where nothing was delivered; `reason` explains `bad`.

    `few`: the distinct cells and the place of each row's among them, where the column was read by them (`quick.repeated`).
    """

    values: pl.Series
    bad: pl.Series
    rule: str
    reason: str
    few: tuple[pl.Series, pl.Series] | None = None


def trimmed(text: pl.Series) -> pl.Series:
    """Outer blanks of any width dropped, placeholders for nothing become null."""
    bare = text.str.strip_chars(BLANKS)
    return _nulled(bare, PLACEHOLDERS)


def folded(text: pl.Series) -> pl.Series:
    """Trimmed, full-width forms folded (NFKC), every blank and a leading apostrophe dropped: codes, numbers, dates."""
    as_is = quick.plain(text)
    if len(text) >= quick.LEAST and as_is.any():
        odd = (~as_is & text.is_not_null()).arg_true()
        # A copy: scatter writes into the series it is asked of, and the caller looks at what was delivered again.
        bare = text.clone().scatter(odd, _folded(text.gather(odd))) if len(odd) else text
        return _nulled(bare, PLACEHOLDERS)
    return _nulled(_folded(text), PLACEHOLDERS)


def _folded(text: pl.Series) -> pl.Series:
    return text.str.normalize("NFKC").str.replace_all(r"[\s\u200b\ufeff]+", "").str.replace(r"^['‘’`]", "")


def parse(text: pl.Series, column: Column, codes: dict[str, str] | None, key: bytes) -> Parsed:
    """One delivered column in the type its contract names. `codes` is the code list, `key` hashes personal values."""
    few = quick.repeated(text)
    if few is None:
        return strict(text, column, codes, key)
    distinct, at = few
    told = strict(distinct, column, codes, key)
    return Parsed(told.values.gather(at), told.bad.gather(at).fill_null(False), told.rule, told.reason, few)


def strict(text: pl.Series, column: Column, codes: dict[str, str] | None, key: bytes) -> Parsed:
    """`parse`, cell by cell."""
    if column.nulls:
        text = _nulled(text.str.strip_chars(BLANKS), column.nulls)
    if column.personal in ("contact", "id", "account"):
        return _fine(hashed(folded(text), key))
    if codes is not None:
        return _coded(text, column, codes)
    match column.type:
        case "text":
            return _text(text)
        case "code":
            # Only standard identifiers know no case; an item's id or a department's own number may.
            bare = folded(text)
            return _fine(bare.str.to_uppercase() if column.key not in (None, "local", "other") else bare)
        case "date":
            return _date(text, column)
        case "datetime":
            return _datetime(text)
        case "month":
            return _month(text)
        case "year":
            return _year(text)
        case "flag":
            return _flag(text, column)
        case "integer" | "decimal" | "money":
            return _number(text, column)


def hashed(values: pl.Series, key: bytes) -> pl.Series:
    """Keyed BLAKE2b-128 in hex. Without the key a hash of a phone number falls in a minute, so an empty key is refused."""
    if len(key) < 16:
        raise ValueError("散列个人信息需要至少 16 字节的密钥")
    return digests(values, hashlib.blake2b(key=key, digest_size=16), many=0.9)


def digests(texts: pl.Series, begun: hashlib.blake2b, many: float = 0.5) -> pl.Series:
    """The hex digest of each text after what `begun` has already taken in (copying it is cheaper than beginning anew); null stays null.

    `many`: the share of different texts from which on each is hashed, though some be equal.
    """
    head = texts.head(quick.SAMPLE)
    if head.n_unique() > many * len(head):
        # Telling the equal ones apart and putting their digests in place costs about half of a hash, a quarter of a keyed one.
        return _digested(texts.to_list(), begun).alias(texts.name)
    distinct = texts.drop_nulls().unique()
    if distinct.is_empty():
        return texts
    return texts.replace_strict(distinct, _digested(distinct.to_list(), begun), default=None, return_dtype=pl.String)


def _digested(texts: list[str | None], begun: hashlib.blake2b) -> pl.Series:
    found: list[str | None] = []
    begin, add = begun.copy, found.append
    for text in texts:
        if text is None:
            add(None)
            continue
        one = begin()
        one.update(text.encode())
        add(one.hexdigest())
    return pl.Series(found, dtype=pl.String)


def _fine(values: pl.Series) -> Parsed:
    return Parsed(values, pl.repeat(False, len(values), dtype=pl.Boolean, eager=True), "", "")


def _nulled(text: pl.Series, tokens: tuple[str, ...]) -> pl.Series:
    shortest = text.str.len_bytes().min()
    if shortest is None or int(str(shortest)) > max(len(token.encode()) for token in tokens):
        return text
    return pl.select(pl.when(text.is_in(list(tokens))).then(None).otherwise(text).alias(text.name)).to_series()


def _bad(delivered: pl.Series, values: pl.Series) -> pl.Series:
    return delivered.is_not_null() & values.is_null()


def _text(text: pl.Series) -> Parsed:
    bare = trimmed(text)
    bad = bare.is_in(list(EXCEL_ERRORS)).fill_null(False)
    return Parsed(bare, bad, "excel_error", "Excel 错误值或没有算出的公式，不是内容")


def _coded(text: pl.Series, column: Column, codes: dict[str, str]) -> Parsed:
    bare = folded(text)
    values = bare.str.to_uppercase().replace_strict(
        list(codes), list(codes.values()), default=None, return_dtype=pl.String
    )
    if column.open:
        return Parsed(values, bare.is_in(list(EXCEL_ERRORS)).fill_null(False), "excel_error", "Excel 错误值，不是内容")
    return Parsed(values, _bad(bare, values), "code", f"不在代码表 {column.codes} 之内")


def _flag(text: pl.Series, column: Column) -> Parsed:
    bare = folded(text).str.to_uppercase()
    yes, no = [*_TRUE, *column.true_words], [*_FALSE, *column.false_words]
    words = dict.fromkeys(yes, True) | dict.fromkeys(no, False)
    values = bare.replace_strict(list(words), list(words.values()), default=None, return_dtype=pl.Boolean)
    return Parsed(values, _bad(bare, values), "flag", f"不是是非标志（认得的写法：{'、'.join(yes)} / {'、'.join(no)}）")


def _iso(year: pl.Expr, month: pl.Expr, day: pl.Expr) -> pl.Expr:
    text = pl.concat_str([year, month.str.zfill(2), day.str.zfill(2)], separator="-")
    parsed = text.str.to_date("%Y-%m-%d", strict=False)
    # Years outside 1800–2200 are typing errors; 9999-12-31 has a meaning of its own and is declared.
    return pl.when(parsed.dt.year().is_between(1800, 2200)).then(parsed)


def _days(tail: str = _ANY_TIME) -> pl.Expr:
    spelled = pl.col("t").str.extract_groups(f"^{_DAY}{tail}$")
    compact = pl.col("t").str.extract_groups(r"^(\d{4})(\d{2})(\d{2})$")
    return pl.coalesce(
        _iso(*[spelled.struct.field(str(i)) for i in (1, 2, 3)]),
        _iso(*[compact.struct.field(str(i)) for i in (1, 2, 3)]),
    )


def _spaced(text: pl.Series) -> pl.Series:
    """Folded but for one blank between day and time."""
    bare = text.str.normalize("NFKC").str.strip_chars(BLANKS + "'").str.replace_all(r"\s+", " ")
    return _nulled(_unfolded(text, bare), PLACEHOLDERS)


def _unfolded(text: pl.Series, bare: pl.Series) -> pl.Series:
    """`bare`, but cells with what only looks like a digit once it is folded stay as they are, so that they are no number and no date."""
    odd = text.str.contains(_NO_DIGIT).fill_null(False).arg_true()
    return bare.clone().scatter(odd, text.gather(odd)) if len(odd) else bare


def _date(text: pl.Series, column: Column) -> Parsed:
    values, bad = quick.completed(text, quick.dates(text), lambda rest: _any_date(rest, column))
    hint = "如 2025-03-01、2025/3/1、20250301、2025年3月1日" + ("、长期" if column.forever else "")
    return Parsed(values, bad, "date", f"不是合法日期（{hint}）")


def _any_date(text: pl.Series, column: Column) -> tuple[pl.Series, pl.Series]:
    bare = _spaced(text)
    frame = pl.DataFrame({"t": bare})
    days = _days()
    if column.serial:
        serial = pl.col("t").str.extract(r"^(\d{5})(?:\.\d+)?$", 1).cast(pl.Int32, strict=False)
        # Excel's day 1 is 1900-01-01 and it believes 1900 was a leap year: from 1900-03-01 on day 0 is 1899-12-30.
        from_serial = pl.date(1899, 12, 30) + pl.duration(days=serial)
        days = pl.coalesce(days, pl.when(serial.is_between(20000, 80000)).then(from_serial))
    if column.forever:
        days = pl.when(pl.col("t").is_in(list(FOREVER))).then(FOREVER_DAY).otherwise(days)
    values = frame.select(days.cast(pl.Date).alias("d")).to_series()
    return values, _bad(bare, values)


def _datetime(text: pl.Series) -> Parsed:
    values, bad = quick.completed(text, quick.datetimes(text), _any_datetime)
    return Parsed(values, bad, "datetime", "不是合法时间（如 2025-03-01 09:30:00）")


def _any_datetime(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    bare = _spaced(text)
    frame = pl.DataFrame({"t": bare})
    clock = pl.col("t").str.extract_groups(rf"^{_DAY}[ T](\d{{1,2}}):(\d{{2}})(?::(\d{{2}})(?:\.\d+)?)?(?:\+08:?00)?$")
    compact = pl.col("t").str.extract_groups(r"^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})$")

    def moment(parts: pl.Expr) -> pl.Expr:
        field = [parts.struct.field(str(i)) for i in range(1, 7)]
        text = pl.concat_str(
            [
                pl.concat_str([f.str.zfill(2) for f in field[:3]], separator="-"),
                pl.lit(" "),
                pl.concat_str([field[3].str.zfill(2), field[4], field[5].fill_null("00")], separator=":"),
            ]
        )
        return text.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)

    day_only = _days(tail="").cast(pl.Datetime("us"))
    found = pl.coalesce(moment(clock), moment(compact), day_only)
    values = frame.select(pl.when(found.dt.year().is_between(1800, 2200)).then(found).alias("d")).to_series()
    return values, _bad(bare, values)


def _month(text: pl.Series) -> Parsed:
    bare = _spaced(text)
    frame = pl.DataFrame({"t": bare})
    spelled = pl.col("t").str.extract_groups(r"^(\d{4})[-/.年](\d{1,2})月?$")
    compact = pl.col("t").str.extract_groups(r"^(\d{4})(\d{2})$")
    first = pl.coalesce(
        _iso(spelled.struct.field("1"), spelled.struct.field("2"), pl.lit("01")),
        _iso(compact.struct.field("1"), compact.struct.field("2"), pl.lit("01")),
        _days().dt.month_start(),
    )
    values = frame.select(first.cast(pl.Date).alias("d")).to_series()
    return Parsed(values, _bad(bare, values), "month", "不是合法月份（如 202503、2025-03、2025年3月）")


def _year(text: pl.Series) -> Parsed:
    bare = _unfolded(text, folded(text))
    years = bare.str.extract(r"^(\d{4})(?:年度?|\.0+)?$", 1).cast(pl.Int64, strict=False)
    values = pl.select(pl.when(years.is_between(1800, 2200)).then(years).alias("y")).to_series()
    return Parsed(values, _bad(bare, values), "year", "不是合法年度（如 2025、2025年）")


def _number(text: pl.Series, column: Column) -> Parsed:
    """A number in the unit its column's name promises; a unit written in the cell itself (30公顷) wins over the contract's."""
    factor, largest = Decimal(column.factor), _LARGEST if column.type == "money" else _LARGEST // 10_000
    if column.type == "integer":
        sure, said = quick.integers(text, factor, largest), "不是整数，或超出可能的范围"
    else:
        sure, said = quick.decimals(text, factor, largest, _places(column)), "不是数，或超出可能的范围"
    values, bad = quick.completed(text, sure, lambda rest: _any_number(rest, column))
    return Parsed(values, bad, "number", said)


def _places(column: Column) -> int:
    return 2 if column.type == "money" else 6


def _any_number(text: pl.Series, column: Column) -> tuple[pl.Series, pl.Series]:
    bare = _unfolded(text, folded(text))
    kin = _kindred_units(column)
    tails = "|".join(sorted((re.escape(t) for t in kin), key=len, reverse=True))
    plain = bare.str.replace(r"^\((.+)\)$", "-$1").str.replace(r"^(-?)[¥$]", "$1")
    frame = pl.DataFrame({"t": plain, "parted": _parted(text)}).with_columns(
        pl.col("t").str.extract(f"({tails})$", 1).alias("tail") if kin else pl.lit(None, dtype=pl.String).alias("tail"),
    )
    number = pl.col("t").str.strip_suffix(pl.col("tail").fill_null("")) if kin else pl.col("t")
    digits = number.str.replace_all(",", "").str.replace(r"^\+", "").str.replace(r"^(-?)\.", "${1}0.")
    short = digits.str.replace(r"\..*$", "").str.len_chars() <= 20
    exact = digits.str.replace(r"(\.\d{10})\d+$", "$1")
    factor = pl.col("tail").replace_strict(list(kin), list(kin.values()), default=column.factor, return_dtype=pl.String)
    good = number.str.contains(_NUMBER) & short & ~pl.col("parted")
    steps = frame.select(
        pl.when(good).then(exact).cast(pl.Decimal(38, 10), strict=False).alias("x"),
        factor.cast(pl.Decimal(38, 10)).alias("f"),
    )
    largest = _LARGEST if column.type == "money" else _LARGEST // 10_000
    x = pl.col("x") * pl.col("f")
    within = pl.when(x.abs() < largest).then(x)
    if column.type == "integer":
        values = steps.select(pl.when(within == within.round(0)).then(within).cast(pl.Int64).alias("v")).to_series()
        return values, _bad(bare, values)
    scale = _places(column)
    rounded = within.round(scale, mode="half_away_from_zero").cast(pl.Decimal(18, scale))
    values = steps.select(rounded.alias("v")).to_series()
    return values, _bad(bare, values)


def _parted(text: pl.Series) -> pl.Series:
    """Which cells hold two numbers (12 34), not one written with blanks (1 234)."""
    parted = text.str.contains(_PARTED).fill_null(False)
    if not parted.any():
        return parted
    at = parted.arg_true()
    spelled = text.gather(at).str.normalize("NFKC").str.strip_chars(BLANKS)
    return parted.scatter(at, ~spelled.str.contains(_THOUSANDS))


@cache
def _kindred_units(column: Column) -> dict[str, str]:
    """What may follow a number in this column → its factor. 1.2万 in a column of 万元 could mean either, so it is not among them."""
    if column.unit is None:
        return {"万": "10000", "亿": "100000000"}
    suffix, own = UNITS[column.unit]
    kin = {unit: factor for unit, (s, factor) in UNITS.items() if s == suffix}
    if suffix == "_ratio":
        return {"%": "0.01"}
    return kin | ({"万": "10000", "亿": "100000000"} if own == "1" else {})
