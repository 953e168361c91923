"""How well deliveries were loaded: every cell of a mock world against what it should have said, and every delivery's trouble against what was noticed.

Frames in, frames out. The expected value is read from the clean text of the truth, which knows one spelling per type; nothing of `quality` is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from data.contract import Column, Table
from data.headings import header_mark

# What must become of a spoilt cell: read through, taken for unknown, or its row refused. The rest (names, keys, words) is kept as sent.
REPAIRED = frozenset(
    [
        "full_width_digits", "thousands_separator", "number_blanks", "negative_in_brackets", "date_in_chinese", "date_with_slashes",
        "date_with_points", "excel_serial", "key_tab", "key_apostrophe", "key_full_width", "key_lower_case", "ideographic_space", "nbsp", "ditto",
        "ten_thousands",
    ]
)  # fmt: skip
UNKNOWN = frozenset(
    [
        "dash_for_unknown",
        "slash_for_unknown",
        "district_blank",
        "industry_blank",
        "key_blank",
        "org_code_only",
        "regno_only",
    ]
)
REJECTED = frozenset(
    ["letters_in_number", "two_decimal_points", "spreadsheet_error", "impossible_date", "zero_date", "date_far_ahead", "required_blank", "out_of_range"]
)  # fmt: skip
# Where only one reading of the record is possible it is read so, else rejected: both are right.
JOINED = "unquoted_comma"
SEVERAL = "（一格多处）"
STATES = ("repaired", "as_sent", "emptied", "rejected", "wrong", "not_landed")
_PLACE = ["file_id", "sheet", "row_no"]
_NOTHING = ("", "-", "--", "—", "/")
_BLANKS = " \t\r\n\u00a0\u3000"
_TRUE, _FALSE = ("Y", "1", "是", "有"), ("N", "0", "否")


def wanted(kind: str) -> str:
    """The state that is right for a defect: the strictest of its kinds where a cell carries two.

    Another firm's key written over a cell leaves nothing to see of what the cell lacked before.
    """
    kinds = set(kind.split(";"))
    if "wrong_firms_key" in kinds:
        return "as_sent"
    if kinds & REJECTED:
        return "rejected"
    if kinds & UNKNOWN:
        return "emptied"
    return "repaired" if kinds <= REPAIRED else "as_sent"


def _bare(text: pl.Expr) -> pl.Expr:
    stripped = text.str.strip_chars(_BLANKS).str.replace_all("\r\n", "\n", literal=True)
    return pl.when(stripped.is_in(list(_NOTHING))).then(None).otherwise(stripped)


def said(text: pl.Expr, column: Column) -> pl.Expr:
    """The clean text of one column as the text its loaded value has in `held`."""
    bare = _bare(text)
    if column.codes:
        return bare
    match column.type:
        case "money" | "decimal" | "integer":
            # A unit in the cell itself wins over the contract's.
            in_hectares = bare.str.ends_with("公顷") if column.unit == "亩" else pl.lit(False)
            own = pl.when(in_hectares).then(pl.lit("15")).otherwise(pl.lit("1")).cast(pl.Decimal(38, 8))
            digits = bare.str.strip_suffix("公顷").str.strip_suffix("%").str.replace_all(",", "")
            number = digits.cast(pl.Decimal(38, 8), strict=False) * own
            places = {"money": 2, "decimal": 6, "integer": 0}[column.type]
            value = number * pl.lit(column.factor).cast(pl.Decimal(38, 8))
            return value.round(places, mode="half_away_from_zero").cast(pl.Decimal(38, 6)).cast(pl.String)
        case "date" | "month":
            parts = bare.str.extract_groups(r"^(\d{4})\D?(\d{1,2})(?:\D?(\d{1,2}))?\D?$")
            day = parts.struct.field("3").fill_null("01") if column.type == "date" else pl.lit("01")
            given = [parts.struct.field("1"), parts.struct.field("2").str.zfill(2), day.str.zfill(2)]
            known = pl.concat_str(given, separator="-")
            return pl.when(bare.is_in(["长期", "永久"])).then(pl.lit("9999-12-31")).otherwise(known)
        case "datetime":
            whole = bare.str.replace_all(r"[/.]", "-").str.replace("T", " ", literal=True)
            return pl.when(whole.str.len_chars() == 10).then(whole + " 00:00:00").otherwise(whole.str.slice(0, 19))
        case "year":
            return bare.str.slice(0, 4)
        case "flag":
            true, false = [*_TRUE, *column.true_words], [*_FALSE, *column.false_words]
            return pl.when(bare.is_in(true)).then(pl.lit("true")).when(bare.is_in(false)).then(pl.lit("false"))
        case _:
            standard = column.type == "code" and column.key not in (None, "local", "other")
            return bare.str.to_uppercase() if standard else bare


def held(name: str, column: Column) -> pl.Expr:
    """The loaded value of one column as text; of a coded column what was delivered."""
    if column.codes:
        return _bare(pl.col(f"{name}_source"))
    match column.type:
        case "money" | "decimal" | "integer":
            return pl.col(name).cast(pl.Decimal(38, 6)).cast(pl.String)
        case "datetime":
            return pl.col(name).dt.strftime("%Y-%m-%d %H:%M:%S")
        case "flag":
            return pl.col(name).cast(pl.String)
        case "text" | "code":
            return _bare(pl.col(name))
        case _:
            return pl.col(name).cast(pl.String)


def measurable(table: Table) -> dict[str, Column]:
    """Columns whose loaded value can be compared: not the hashed ones, not those split into rows."""
    hidden = ("contact", "id", "account")
    return {n: c for n, c in table.columns.items() if c.personal not in hidden and c.split is None}


def native(column: Column, delivered: Iterable[str]) -> list[str]:
    """The delivered columns that are this one: its header and, where it was renamed in some month, an alias of it."""
    known = {header_mark(h) for h in column.headers}
    return [d for d in delivered if header_mark(d) in known]


def cells(
    table: Table, clean: pl.DataFrame, spoilt: pl.DataFrame, loaded: pl.DataFrame, rejected: pl.DataFrame
) -> pl.DataFrame:
    """One row per cell that was said or loaded: place, column, defect (null for none), clean, sent, loaded, state.

    `clean`: file_id (null: the file was not loaded), sheet, row_no and the sender's columns; `spoilt`: file_id, sheet, row_no, column (the
    sender's), defect, sent; `loaded`: file_id, sheet, row_no and the contract's columns; `rejected`: file_id, sheet, row_no. State is
    `right` or `wrong` of a clean cell, of STATES for a spoilt one; `rejected` and `not_landed` speak of the row.
    """  # fmt: skip
    rows = clean.unique(_PLACE, keep="first", maintain_order=True)
    ours = loaded.unique(_PLACE, keep="first", maintain_order=True).with_columns(landed=pl.lit(True))
    refused = rejected.select(_PLACE).unique().with_columns(refused=pl.lit(True))
    parts = []
    for name, column in measurable(table).items():
        senders = native(column, clean.columns)
        if not senders:
            continue
        given = rows.select(*_PLACE, clean=pl.coalesce(senders), expected=said(pl.coalesce(senders), column))
        told = spoilt.filter(pl.col("column").is_in(senders)).select(
            *_PLACE, "defect", "sent", said(pl.col("sent"), column).alias("sent_said")
        )
        both = (
            given.join(ours.select(*_PLACE, "landed", held(name, column).alias("loaded")), on=_PLACE, how="left")
            .join(refused, on=_PLACE, how="left")
            .join(told.unique(_PLACE, keep="first"), on=_PLACE, how="left")
        )
        parts.append(both.with_columns(column=pl.lit(name)))
    frame = pl.concat(parts)
    repaired = pl.col("loaded").eq_missing(pl.col("expected"))
    # A cell filled down from the one above stands for what it repeats; of two defects one may be mended and the other kept.
    mended = _bare(pl.col("sent").str.normalize("NFKC").str.strip_prefix("'"))
    sent = pl.any_horizontal(
        [pl.col("loaded").eq_missing(s) for s in (pl.col("sent_said"), _bare(pl.col("sent")), mended)]
    )
    state = (
        pl.when(pl.col("refused")).then(pl.lit("rejected"))
        .when(pl.col("landed").is_null()).then(pl.lit("not_landed"))
        .when(pl.col("defect").is_null()).then(pl.when(repaired).then(pl.lit("right")).otherwise(pl.lit("wrong")))
        .when(repaired).then(pl.lit("repaired"))
        .when(pl.col("loaded").is_null()).then(pl.lit("emptied"))
        .when(sent).then(pl.lit("as_sent"))
        .otherwise(pl.lit("wrong"))
    )  # fmt: skip
    said_something = pl.col("expected").is_not_null() | pl.col("loaded").is_not_null() | pl.col("defect").is_not_null()
    return (
        frame.filter(said_something)
        .select(*_PLACE, "column", "defect", "clean", "sent", "loaded", state=state)
        .with_columns(department=pl.lit(table.department), table_name=pl.lit(table.name))
    )


def clean_share(found: pl.DataFrame) -> pl.DataFrame:
    """Per table: clean cells, those whose row came in, those loaded right, and the share of the latter two (null: none came in)."""
    clean = found.filter(pl.col("defect").is_null())
    landed = pl.col("state").is_in(["right", "wrong"])
    return (
        clean.group_by("department", "table_name")
        .agg(
            cells=pl.len(),
            landed=landed.sum(),
            right=(pl.col("state") == "right").sum(),
            in_rejected_rows=(pl.col("state") == "rejected").sum(),
            not_landed=(pl.col("state") == "not_landed").sum(),
        )
        .with_columns(share=pl.when(pl.col("landed") > 0).then(pl.col("right") / pl.col("landed")))
        .sort("department", "table_name")
    )


def fate_of_defects(found: pl.DataFrame) -> pl.DataFrame:
    """Per defect kind: cells planted, what must become of them, and how many took each of STATES; `met` counts those that did as they must."""
    must = pl.col("defect").map_elements(wanted, return_dtype=pl.String)
    several = pl.col("defect").str.contains(";", literal=True)
    spoilt = found.drop_nulls("defect").with_columns(
        must=must, defect=pl.when(several).then(pl.lit(SEVERAL)).otherwise("defect")
    )
    rows = spoilt.group_by("defect", "must").agg(
        pl.len().alias("planted"), *[(pl.col("state") == s).sum().alias(s) for s in STATES]
    )
    # A kept word may also be mended; a repair is never less than keeping it.
    met = (
        pl.when(pl.col("must") == "rejected").then(pl.col("rejected"))
        .when(pl.col("must") == "emptied").then(pl.col("emptied") + pl.col("repaired"))
        .when(pl.col("must") == "repaired").then(pl.col("repaired"))
        .when(pl.col("defect") == JOINED).then(pl.col("as_sent") + pl.col("rejected"))
        .otherwise(pl.col("as_sent") + pl.col("repaired"))
    )  # fmt: skip
    return rows.select("defect", "must", "planted", *STATES, met=met).sort(
        "planted", "defect", descending=[True, False]
    )


def noticed(
    planted: pl.DataFrame, alarms: pl.DataFrame, answers: Mapping[str, tuple[str, ...]], years: float
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(recall by anomaly, false alarms by department and kind, `per_year` over the `years` delivered).

    `planted`: department, table, period, anomaly; `alarms`: department, table, period, alarm; `answers`: anomaly → the alarms that see it. An alarm is
    false where nothing planted on its table and period explains it. Periods are compared as text; both sides name the table natively.
    """  # fmt: skip
    key = ["department", "table", "period"]
    fitting = pl.DataFrame(
        [(a, x) for a, seen in answers.items() for x in seen],
        schema={"anomaly": pl.String, "alarm": pl.String},
        orient="row",
    )
    asked = planted.filter(pl.col("anomaly").is_in(list(answers))).unique(maintain_order=True)
    seen = asked.join(fitting, on="anomaly").join(alarms.unique(), on=[*key, "alarm"], how="inner")
    hits = seen.select(*key, "anomaly", noticed=pl.lit(True)).unique()
    recall = (
        asked.join(hits, on=[*key, "anomaly"], how="left")
        .group_by("anomaly")
        .agg(planted=pl.len(), noticed=pl.col("noticed").fill_null(False).sum())
        .with_columns(recall=pl.col("noticed") / pl.col("planted"))
        .sort("anomaly")
    )
    explained = seen.select(*key, "alarm").unique()
    false = alarms.unique().join(explained, on=[*key, "alarm"], how="anti").group_by("department", "alarm")
    counted = false.agg(false_alarms=pl.len(), first=pl.concat_str("table", pl.lit(" "), "period").min())
    return recall, counted.with_columns(per_year=pl.col("false_alarms") / years).sort("department", "alarm")
