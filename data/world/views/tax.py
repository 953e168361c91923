"""税务局: monthly \\x01-delimited GB18030 text, no header, gz with a control file; declarations late, corrected, voided, quarterly."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl

from data.world import calendar, defects, formats, pools, revenue, rings, state, writers
from data.world.entity import INDIVIDUAL
from data.world.parcel import Parcel, World, given, positions
from data.world.population import Population
from data.world.streams import Bools, Ints
from data.world.value_defects import dirty_values
from data.world.views.customs import export_share
from data.world.views.register import current_name
from data.world.writers import Written

# P(late <= 5 d) 70 %, <= 15 d 22 %, <= 45 d 6 %, never 2 % (feeds.md 1.5): in whole months 0, 0, 1 or 2, never.
_LATE = (0.92, 0.045, 0.015, 0.02)
_NEVER = 3
# One month the export used the old identifiers throughout.
_FIFTEEN_MONTH = calendar.month_index(2023, 11)


def registered(people: Population, month: int) -> Bools:
    """On the tax register: most, a month after birth; kept a year after closing."""
    on = people.is_firm | people.streams.chance(0.75, "tax.registered", people.ids)
    result: Bools = on & (people.birth_month + 1 <= month) & (people.death_month + 12 > month)
    return result


def is_quarterly(people: Population) -> Bools:
    """Small-scale taxpayers file by the quarter."""
    return ~people.is_general_taxpayer


def credit_level(people: Population, year: int) -> pl.Series:
    """纳税信用 of the year: A B M C D, new ones M."""
    level = people.streams.pick((0.18, 0.52, 0.2, 0.07, 0.03), "tax.credit", people.ids, year // 2)
    young = people.birth_month > calendar.month_index(year, 1)
    return pl.Series(["A", "B", "M", "C", "D"]).gather(np.where(young, 2, level))


def is_rated(people: Population, year: int) -> Bools:
    end = calendar.month_index(year, 12)
    return people.is_firm & people.lives_at(end) & registered(people, end)


def arrears_cents(people: Population, month: int) -> Ints:
    """Tax owed: one firm in eighty, for a spell of 3-14 months."""
    owes = people.is_firm & ~people.is_zero_filer & people.streams.chance(1 / 80, "arrears", people.ids)
    first = calendar.month_index(2023, 1) + people.streams.below(24, "arrears.first", people.ids)
    last = first + 3 + people.streams.below(12, "arrears.length", people.ids)
    amount = 100_000 + revenue.untreated_cents(people, calendar.month_index(2022, 12)) // 30
    return np.where(owes & (first <= month) & (month <= last) & people.lives_at(month), amount, 0)


def _row_ends(frame: pl.DataFrame, people: Population) -> pl.DataFrame:
    return frame.with_columns(pl.Series("_eid", people.ids), pl.lit("").alias("_defects"))


def registration(people: Population, month: int, stock: bool = False) -> pl.DataFrame:
    """SW_DJ_NSRXX: new in the month, or changed, or everyone registered; old 15-digit numbers and 20-digit ones of 个体."""
    now, before = registered(people, month), registered(people, month - 1)
    events = (people.renamed_month, people.death_month, people.moved_month, people.returned_month)
    changed = np.any([when + 1 == month for when in events], axis=0)
    keep = positions(now if stock else now & (~before | changed))
    sub = people.take(keep)
    status = np.where(
        sub.death_month <= month, "07", np.where(sub.streams.chance(0.03, "tax.abnormal", sub.ids), "05", "03")
    )
    # 1, the six digits of the region, four of the office; 洋浦 has an office of its own under 儋州
    office = np.where(
        (sub.park == 0) & ~sub.is_away(month), 14604004990, 10_000_000_000 + sub.region_at(month) * 10_000
    )
    frame = pl.DataFrame(
        {
            "DJXH": sub.tax_serial,
            "NSRSBH": sub.uscc,
            "SHXYDM": sub.uscc,
            # The tax register learns of a new name months later.
            "NSRMC": current_name(sub, month - 4),
            "FDDBRXM": sub.person_at(month - 4),
            "NSRZT_DM": pl.Series(status.tolist(), dtype=pl.String),
            "ZZSNSRLX": pl.Series(np.where(sub.is_general_taxpayer, "1", "2").tolist(), dtype=pl.String),
            "HY_DM": pl.Series([i.code for i in pools.INDUSTRIES]).gather(sub.industry),
            "ZGSWJ_DM": formats.whole(office),
        }
    )
    frame = _row_ends(frame, sub)
    frame = defects.mark(frame, (sub.renamed_month <= month) & (sub.renamed_month > month - 4), "former_name")
    frame = defects.change(
        frame, "NSRSBH", sub.streams.chance(0.02, "tax.old_id", sub.ids), "tax_id_15", lambda c: c[2:17]
    )
    frame = defects.put(frame, "SHXYDM", sub.streams.chance(0.02, "tax.old_id", sub.ids), "key_blank", None)
    if month == _FIFTEEN_MONTH:
        everyone = np.ones(len(sub), dtype=np.bool_)
        frame = defects.change(frame, "NSRSBH", everyone, "tax_id_15", lambda c: c[2:17] if len(c) == 18 else c)
    person = (sub.kind == INDIVIDUAL) & sub.streams.chance(0.08, "tax.person_id", sub.ids)
    frame = defects.change(frame, "NSRSBH", person, "tax_id_20", lambda c: "460000190001" + c[9:17].translate(_DIGITS))
    frame = defects.put(frame, "SHXYDM", person, "key_blank", None)
    return defects.dirty_names(frame, "NSRMC", sub.streams, "tax.name", 0, 0.15)


_DIGITS = str.maketrans("ABCDEFGHJKLMNPQRTUWXY", "123456789012345678901")


def _spans(people: Population, month: int) -> tuple[Ints, Ints]:
    """(positions that owe a declaration whose period ends this month, months it covers)."""
    quarterly = is_quarterly(people)
    files = registered(people, month) & (people.death_month + 1 > month)
    due = files & (~quarterly | (month % 3 == 2))
    keep = positions(due)
    return keep, np.where(quarterly[keep], 3, 1)


def vat(people: Population, month: int, only: int | None = None) -> pl.DataFrame:
    """SB_ZZS declarations for the period that ends with the month, with `_late`, the months after which they arrive.

    `only` those that late: of three months in every delivery, two give one row in twenty.
    """
    keep, span = _spans(people, month)
    late = people.streams.pick(_LATE, "vat.late", people.ids[keep], month)
    if only is not None:
        here = late == only
        keep, span, late = keep[here], span[here], late[here]
    sub = people.take(keep)
    one = state.revenue_cents(sub, month)
    three = one + state.revenue_cents(sub, month - 1) + state.revenue_cents(sub, month - 2)
    sales = np.where(span == 3, three, one)
    members = rings.membership(sub)
    first, last = rings.months_of(sub)
    circular = (members.ring >= 0) & (members.kind == 1) & ~members.innocent & (month >= first) & (month <= last)
    sales = np.where(circular, sales * 3 + 300_000_000, sales)
    # Bunching: whoever is a little above 300,000 a quarter declares a little below.
    bunch = (span == 3) & (sales > 30_000_000) & (sales < 33_000_000)
    sales = np.where(bunch, 29_500_000 + sub.streams.below(499_000, "vat.bunch", sub.ids, month), sales)
    exports = np.floor(sales * export_share(sub)).astype(np.int64)
    exempt_small = (span == 3) & (sales <= 30_000_000)
    exempt = np.where(exempt_small, sales, 0)
    taxable = sales - exempt - np.where(exempt_small, 0, exports)
    exports = np.where(exempt_small, 0, exports)
    rate = np.array([0.09, 0.13, 0.06, 0.01])[np.where(span == 3, 3, _rate_class(sub))]
    output = np.floor(taxable * rate).astype(np.int64)
    taken = np.where(span == 3, 0.0, 0.6 + 0.38 * sub.streams.uniform("vat.input", sub.ids, month))
    taken = np.where(circular, 1.0, taken)
    deducted = np.floor(output * taken).astype(np.int64)
    owed = output - deducted
    filed = calendar.day_number(np.full(len(sub), month + 1), sub.streams.below(15, "vat.day", sub.ids, month))
    filed = filed + np.where(late > 0, 30 * late, 0)
    serial = pl.select(
        pl.concat_str(pl.lit(f"ZZS{calendar.month_text(month)}"), pl.Series(sub.ids).cast(pl.String).str.zfill(9))
    ).to_series()
    start = calendar.day_number(month - span + 1, np.zeros(len(sub), dtype=np.int64))
    end = np.full(len(sub), calendar.number_of(calendar.last_day(month)))
    frame = pl.DataFrame(
        {
            "SBXH": serial,
            "DJXH": sub.tax_serial,
            "SKSSQQ": formats.dates(start),
            "SKSSQZ": formats.dates(end),
            "SBRQ": formats.dates(filed),
            "YSXSE": formats.yuan(taxable),
            "MSXSE": formats.yuan(exempt),
            "CKXSE": formats.yuan(exports),
            "XXSE": formats.yuan(output),
            "JXSE": formats.yuan(deducted),
            "YNSE": formats.yuan(owed),
            "YBTSE": formats.yuan(owed),
            "GZLX": pl.Series(["0"] * len(sub), dtype=pl.String),
            "ZFBZ": pl.Series(["N"] * len(sub), dtype=pl.String),
            "_late": pl.Series(late),
            "_cents": pl.Series(owed),
        }
    )
    frame = _row_ends(frame, sub)
    return defects.mark(frame, bunch, "threshold_bunching") if bunch.any() else frame


def _rate_class(people: Population) -> Ints:
    letters = people.letter
    return np.where(
        np.isin(letters, [ord(c) - 65 for c in "EGAK"]),
        0,
        np.where(np.isin(letters, [ord(c) - 65 for c in "CFBD"]), 1, 2),
    )


def _corrections(people: Population, sent: int) -> pl.DataFrame:
    """Rows of this delivery that void and replace declarations of 2 to 35 months before."""
    back = 2 + people.streams.below(12, "vat.correction.back", people.ids, sent)
    chosen = people.streams.chance(0.006, "vat.correction", people.ids, sent)
    members = rings.membership(people)
    _, last = rings.months_of(people)
    ring = (members.ring >= 0) & (members.kind == 5) & (last + 3 == sent)
    back = np.where(ring, 3, back)
    parts = []
    for months in np.unique(back[chosen | ring]).tolist():
        sub = people.take(positions((chosen | ring) & (back == months)))
        original = vat(sub, sent - months).filter((pl.col("_late") < _NEVER) & (pl.col("_late") < months))
        if len(original) == 0:
            continue
        voided = original.with_columns(pl.lit("Y").alias("ZFBZ"))
        factor = (sub.streams.uniform("vat.correction.factor", original["_eid"].to_numpy(), sent) * 40).astype(
            np.int64
        ) + 60
        ringed = np.isin(original["_eid"].to_numpy(), people.ids[ring])
        factor = np.where(
            ringed & ~members.innocent[np.searchsorted(people.ids, original["_eid"].to_numpy())], 25, factor
        )

        def scaled(name: str, rows: pl.DataFrame = original, by: Ints = factor) -> pl.Series:
            cents = (rows[name].str.replace(".", "", literal=True).cast(pl.Int64).to_numpy() * by) // 100
            return formats.yuan(cents).alias(name)

        day = calendar.number_of(calendar.first_day(sent)) + 4
        corrected = original.with_columns(
            [scaled(n) for n in ("YSXSE", "MSXSE", "CKXSE", "XXSE", "JXSE", "YNSE", "YBTSE")]
            + [
                pl.concat_str(pl.col("SBXH"), pl.lit("G")).alias("SBXH"),
                pl.lit("1").alias("GZLX"),
                pl.lit(calendar.date_of(day).isoformat()).alias("SBRQ"),
                (pl.col("_cents") * pl.Series(factor) // 100).alias("_cents"),
            ]
        )
        for rows, defect in ((voided, "voided"), (corrected, "corrected_filing")):
            parts.append(defects.mark(rows, np.ones(len(rows), dtype=np.bool_), defect))
    return pl.concat(parts) if parts else vat(people.take(positions(np.zeros(len(people), dtype=np.bool_))), sent)


def vat_delivery(people: Population, sent: int) -> pl.DataFrame:
    """What the tax bureau sends in a month: last month's declarations, late ones of earlier months, corrections."""
    parts = [vat(people, sent - 1 - late, only=late) for late in (0, 1, 2)]
    parts[1:] = [defects.mark(p, np.ones(len(p), dtype=np.bool_), "late") for p in parts[1:]]
    for k, part in enumerate(parts):
        parts[k] = dirty_values(
            part, people.streams, f"tax.vat.{k}", sent, numbers=("MSXSE",), dates=("SBRQ",), care=0.3
        )
    parts.append(_corrections(people, sent))
    return pl.concat(parts)


def income_tax(people: Population, sent: int) -> pl.DataFrame:
    """SB_QYSDS: quarterly prepayment sent in months 1, 4, 7, 10 and the annual settlement sent in June."""
    month = sent % 12 + 1
    annual = month == 6
    end = calendar.month_index(calendar.year_of(sent) - 1, 12) if annual else sent - 1
    year = calendar.year_of(end)
    start = calendar.month_index(year, 1)
    keep = positions(people.is_firm & registered(people, end) & (people.death_month > end))
    sub = people.take(keep)
    revenue = state.revenue_year_cents(sub, year, end - start + 1)
    profit = np.floor(revenue * sub.margin).astype(np.int64)
    research = state.research_cents(sub, year) if annual else np.zeros(len(sub), dtype=np.int64)
    income = profit - research if annual else profit
    small = state.assets_cents(sub, year) < 5_000_000_00_00
    rate = np.where(small & (income < 300_000_000), 0.05, 0.15)
    tax = np.maximum(np.floor(income * rate), 0).astype(np.int64)
    day = calendar.number_of(calendar.first_day(sent)) - (12 if annual else -9)
    frame = pl.DataFrame(
        {
            "DJXH": sub.tax_serial,
            "SKSSQQ": pl.Series([f"{year}-01-01"] * len(sub), dtype=pl.String),
            "SKSSQZ": pl.Series([calendar.last_day(end).isoformat()] * len(sub), dtype=pl.String),
            "SBRQ": formats.dates(day - sub.streams.below(8, "cit.day", sub.ids, sent)),
            "HSQJBZ": pl.Series(["Y" if annual else "N"] * len(sub), dtype=pl.String),
            "YYSR": formats.yuan(revenue),
            "LRZE": formats.yuan(profit),
            "YNSDE": formats.yuan(income),
            "SJYNSE": formats.yuan(tax),
            "YFFY": formats.yuan(research),
            "ZCZE": formats.yuan(state.assets_cents(sub, year)),
            "CYRS": formats.whole(state.staff(sub, end)),
            "_cents": pl.Series(tax),
        }
    )
    frame = _row_ends(frame, sub)
    frame = dirty_values(frame, sub.streams, "tax.income_tax", sent, numbers=("LRZE",), care=0.3)
    return defects.put(frame, "ZCZE", sub.streams.chance(0.02, "cit.assets", sub.ids, sent), "zero_for_unknown", "0.00")


def payments(people: Population, sent: int) -> pl.DataFrame:
    """SW_RK: VAT of last month and income tax of last quarter as they reached the treasury; refunds negative."""
    owed = vat(people, sent - 1, only=0).filter(pl.col("_cents") > 0)
    parts = [_treasury(people, owed, "10101", sent)]
    if (sent % 12 + 1) in (1, 4, 7, 10):
        before = income_tax(people, sent)
        parts.append(_treasury(people, before.filter(pl.col("_cents") > 0), "10104", sent))
    frame = pl.concat(parts)
    ids = frame["_eid"].to_numpy()
    refund = people.streams.chance(0.01, "payment.refund", ids, sent)
    back = frame.filter(pl.Series(refund)).with_columns(
        pl.concat_str(pl.lit("-"), "SJJE").alias("SJJE"), pl.lit("Y").alias("TTBZ"), (-pl.col("_cents")).alias("_cents")
    )
    return pl.concat([frame, defects.mark(back, np.ones(len(back), dtype=np.bool_), "refund")])


def _treasury(people: Population, owed: pl.DataFrame, kind: str, sent: int) -> pl.DataFrame:
    ids = owed["_eid"].to_numpy()
    day = calendar.number_of(calendar.first_day(sent)) + 8 + people.streams.below(8, f"payment.{kind}", ids, sent)
    return pl.DataFrame(
        {
            "DJXH": owed["DJXH"],
            "ZSXM_DM": pl.Series([kind] * len(owed), dtype=pl.String),
            "RKRQ": formats.dates(day),
            "SJJE": formats.yuan(owed["_cents"].to_numpy()),
            "TTBZ": pl.Series(["N"] * len(owed), dtype=pl.String),
            "_cents": owed["_cents"],
            "_eid": owed["_eid"],
            "_defects": pl.Series([""] * len(owed), dtype=pl.String),
        }
    )


def credit(people: Population, year: int) -> pl.DataFrame:
    """SW_XYDJ of the year, sent in April of the next."""
    sub = people.take(positions(is_rated(people, year)))
    frame = pl.DataFrame(
        {
            "NSRSBH": sub.uscc,
            "PJND": formats.whole(np.full(len(sub), year)),
            "XYJB": credit_level(sub, year),
            "_cents": pl.Series(np.zeros(len(sub), dtype=np.int64)),
        }
    )
    frame = _row_ends(frame, sub)
    return defects.change(
        frame, "NSRSBH", sub.streams.chance(0.02, "tax.old_id", sub.ids), "tax_id_15", lambda c: c[2:17]
    )


def arrears(people: Population, sent: int) -> pl.DataFrame:
    """SW_QS: who owed at the end of last month."""
    cents = arrears_cents(people, sent - 1)
    sub = people.take(positions(cents > 0))
    amount = cents[cents > 0]
    frame = pl.DataFrame(
        {
            "DJXH": sub.tax_serial,
            "QSSZ": pl.Series(["10101"] * len(sub), dtype=pl.String),
            "QSYE": formats.yuan(amount),
            "_cents": pl.Series(amount),
        }
    )
    return _row_ends(frame, sub)


def parcels(world: World) -> Iterator[Parcel]:
    """One file per table and month, by the 20th; the stock of registrations and the settlements of the years before with the first."""
    settled = [year for year in world.history if calendar.month_index(year + 1, 6) < world.first_month]
    for year in settled:
        view = given(income_tax, calendar.month_index(year + 1, 6))
        yield Parcel(
            "tax", "SB_QYSDS", str(year), "F", "01", "txt.gz", world.handing_over, _writer(world, view), control=True
        )
    for sent in world.sending:
        due = calendar.working_day(calendar.first_day(sent) + dt.timedelta(days=16))
        month = sent % 12 + 1

        def parcel(
            table: str, period: str, kind: str, view: Callable[[Population], pl.DataFrame], due: dt.date = due
        ) -> Parcel:
            return Parcel("tax", table, period, kind, "01", "txt.gz", due, _writer(world, view), control=True)

        period = calendar.month_text(sent - 1)
        if sent == world.first_month:
            yield parcel("SW_DJ_NSRXX", period, "F", _stock(sent))
        else:
            yield parcel("SW_DJ_NSRXX", period, "I", given(registration, sent))
        yield parcel("SB_ZZS", period, "I", given(vat_delivery, sent))
        yield parcel("SW_RK", period, "I", given(payments, sent))
        yield parcel("SW_QS", period, "I", given(arrears, sent))
        if month in (1, 4, 6, 7, 10):
            year = calendar.year_of(sent)
            label = f"{year - 1}" if month == 6 else f"{calendar.year_of(sent - 1)}Q{(sent - 1) % 12 // 3 + 1}"
            yield parcel("SB_QYSDS", label, "I", given(income_tax, sent))
        if month == 4:
            yield parcel(
                "SW_XYDJ",
                str(calendar.year_of(sent) - 1),
                "I",
                given(credit, calendar.year_of(sent) - 1),
            )


def _writer(world: World, view: Callable[[Population], pl.DataFrame]) -> Callable[[Path], Written]:
    """The view as Hive text, chunk by chunk."""

    def write(path: Path) -> Written:
        frames = (view(people) for people in world.chunks())
        return writers.csv(path, frames, encoding="gb18030", separator="\x01", header=False, end="\n", null="\\N")

    return write


def _stock(sent: int) -> Callable[[Population], pl.DataFrame]:
    """All registrations at the start of the window: every earlier month's rows, the last one of a subject."""

    def view(people: Population) -> pl.DataFrame:
        parts = [registration(people, m) for m in range(sent - 60, sent + 1)]
        first = registration(people, sent - 61, stock=True)
        return pl.concat([first, *parts]).unique("DJXH", keep="last", maintain_order=True).sort("_eid")

    return view
