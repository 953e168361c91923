"""税务局: monthly \\x01-delimited GB18030 text, no header, gz with a control file; declarations late, corrected, voided, quarterly."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from data.world import calendar, defects, formats, state, writers
from data.world.parcel import Parcel, World, given, positions
from data.world.population import Population
from data.world.value_defects import dirty_values
from data.world.views import taxpayers, vat
from data.world.writers import Written


def income_tax(people: Population, sent: int) -> pl.DataFrame:
    """SB_QYSDS: quarterly prepayment sent in months 1, 4, 7, 10 and the annual settlement sent in June."""
    month = sent % 12 + 1
    annual = month == 6
    end = calendar.month_index(calendar.year_of(sent) - 1, 12) if annual else sent - 1
    year = calendar.year_of(end)
    start = calendar.month_index(year, 1)
    keep = positions(people.is_firm & taxpayers.registered(people, end) & (people.death_month > end))
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
    frame = taxpayers.row_ends(frame, sub)
    frame = dirty_values(frame, sub.streams, "tax.income_tax", sent, numbers=("LRZE",), care=0.3)
    return defects.put(frame, "ZCZE", sub.streams.chance(0.02, "cit.assets", sub.ids, sent), "zero_for_unknown", "0.00")


def payments(people: Population, sent: int) -> pl.DataFrame:
    """SW_RK: VAT of last month and income tax of last quarter as they reached the treasury; refunds negative."""
    owed = vat.vat(people, sent - 1, only=0).filter(pl.col("_cents") > 0)
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
    sub = people.take(positions(taxpayers.is_rated(people, year)))
    frame = pl.DataFrame(
        {
            "NSRSBH": sub.uscc,
            "PJND": formats.whole(np.full(len(sub), year)),
            "XYJB": taxpayers.credit_level(sub, year),
            "_cents": pl.Series(np.zeros(len(sub), dtype=np.int64)),
        }
    )
    frame = taxpayers.row_ends(frame, sub)
    return defects.change(
        frame, "NSRSBH", sub.streams.chance(0.02, "tax.old_id", sub.ids), "tax_id_15", lambda c: c[2:17]
    )


def arrears(people: Population, sent: int) -> pl.DataFrame:
    """SW_QS: who owed at the end of last month."""
    cents = taxpayers.arrears_cents(people, sent - 1)
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
    return taxpayers.row_ends(frame, sub)


def parcels(world: World) -> Iterator[Parcel]:
    """One file per table and month, by the 20th; the stock of registrations and the settlements of the years before with the first."""
    settled = [year for year in world.history if calendar.month_index(year + 1, 6) < world.first_month]
    for year in settled:
        view = given(income_tax, calendar.month_index(year + 1, 6))
        yield Parcel(
            "tax",
            "SB_QYSDS",
            str(year),
            "F",
            "01",
            "txt.gz",
            world.handing_over,
            _writer(world, view),
            control=True,
            flag=True,
        )
    for sent in world.sending:
        due = calendar.working_day(calendar.first_day(sent) + dt.timedelta(days=16))
        month = sent % 12 + 1

        def parcel(
            table: str, period: str, kind: str, view: Callable[[Population], pl.DataFrame], due: dt.date = due
        ) -> Parcel:
            return Parcel(
                "tax", table, period, kind, "01", "txt.gz", due, _writer(world, view), control=True, flag=True
            )

        period = calendar.month_text(sent - 1)
        if sent == world.first_month:
            yield parcel("SW_DJ_NSRXX", period, "F", _stock(sent))
        else:
            yield parcel("SW_DJ_NSRXX", period, "I", given(taxpayers.registration, sent))
        yield parcel("SB_ZZS", period, "I", given(vat.vat_delivery, sent))
        yield parcel("SW_RK", period, "I", given(payments, sent))
        yield parcel("SW_QS", period, "I", given(arrears, sent))
        if month in (1, 4, 6, 7, 10):
            year = calendar.year_of(sent)
            label = f"{year - 1}" if month == 6 else f"{calendar.year_of(sent - 1)}Q{(sent - 1) % 12 // 3 + 1}"
            if month == 6:
                # The settlement of the year is passed on by the province's data centre, from its Hive tables.
                write = partial(_write_parquet, world, given(income_tax, sent))
                yield Parcel("tax", "SB_QYSDS", label, "I", "01", "parquet", due, write, control=True)
            else:
                yield parcel("SB_QYSDS", label, "I", given(income_tax, sent))
        if month == 4:
            yield parcel(
                "SW_XYDJ",
                str(calendar.year_of(sent) - 1),
                "I",
                given(credit, calendar.year_of(sent) - 1),
            )


_TYPED: dict[str, pl.DataType | type[pl.DataType]] = {
    "SKSSQQ": pl.Date,
    "SKSSQZ": pl.Date,
    "YYSR": pl.Decimal(18, 2),
    "YFFY": pl.Decimal(18, 2),
    "CYRS": pl.Int64,
}


def _write_parquet(world: World, view: Callable[[Population], pl.DataFrame], path: Path) -> Written:
    return writers.parquet(path, (view(people) for people in world.chunks()), _TYPED)


def _writer(world: World, view: Callable[[Population], pl.DataFrame]) -> Callable[[Path], Written]:
    """The view as Hive text, chunk by chunk."""

    def write(path: Path) -> Written:
        frames = (view(people) for people in world.chunks())
        return writers.csv(path, frames, encoding="gb18030", separator="\x01", header=False, end="\n", null="\\N")

    return write


def _stock(sent: int) -> Callable[[Population], pl.DataFrame]:
    """All registrations at the start of the window: every earlier month's rows, the last one of a subject."""

    def view(people: Population) -> pl.DataFrame:
        parts = [taxpayers.registration(people, m) for m in range(sent - 60, sent + 1)]
        first = taxpayers.registration(people, sent - 61, stock=True)
        return pl.concat([first, *parts]).unique("DJXH", keep="last", maintain_order=True).sort("_eid")

    return view
