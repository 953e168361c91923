"""税务局, VAT: declarations of months and quarters (SB_ZZS), late, corrected and voided."""

from __future__ import annotations

import numpy as np
import polars as pl

from data.world import calendar, defects, formats, rings, state
from data.world.parcel import positions
from data.world.population import Population
from data.world.streams import Ints, Streams
from data.world.value_defects import dirty_values
from data.world.views import branch_tax, taxpayers
from data.world.views.customs import export_share

# P(late <= 5 d) 70 %, <= 15 d 22 %, <= 45 d 6 %, never 2 % (feeds.md 1.5): in whole months 0, 0, 1 or 2, never.
_LATE = (0.92, 0.045, 0.015, 0.02)
_NEVER = 3


def _due(people: Population, month: int | Ints) -> tuple[Ints, Ints]:
    """(positions that owe a declaration whose period ends with the month, each its own or one for all, months it covers)."""
    quarterly = taxpayers.is_quarterly(people)
    files = taxpayers.registered(people, month) & (people.death_month + 1 > month)
    due = files & (~quarterly | (month % 3 == 2))
    keep = positions(due)
    return keep, np.where(quarterly[keep], 3, 1)


def vat(people: Population, month: int, only: int | None = None) -> pl.DataFrame:
    """SB_ZZS declarations for the period that ends with the month, with `_late`, the months after which they arrive.

    `only` those that late: of three months in every delivery, two give one row in twenty.
    """
    keep, span = _due(people, month)
    late = people.streams.pick(_LATE, "vat.late", people.ids[keep], month)
    if only is not None:
        here = late == only
        keep, span, late = keep[here], span[here], late[here]
    return _filed(people.take(keep), np.full(len(keep), month), span, late)


def _sales(people: Population, month: Ints, span: Ints) -> Ints:
    """True sales (分) of the `span` months that end with each entity's month."""
    result = np.zeros(len(people), dtype=np.int64)
    for last in np.unique(month).tolist():
        here = positions(month == last)
        part = people if len(here) == len(people) else people.take(here)
        total = state.revenue_cents(part, last).copy()
        longer = positions(span[here] == 3)
        if len(longer):
            quarter = part.take(longer)
            total[longer] += state.revenue_cents(quarter, last - 1) + state.revenue_cents(quarter, last - 2)
        result[here] = total
    return result


def _filed(sub: Population, month: Ints, span: Ints, late: Ints) -> pl.DataFrame:
    """The declarations, one an entity for the period that ends with its month, and behind them those of their branches."""
    sales = _sales(sub, month, span)
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
    filed = calendar.day_number(month + 1, sub.streams.below(15, "vat.day", sub.ids, month))
    filed = filed + np.where(late > 0, 30 * late, 0)
    amounts = np.stack([taxable, exempt, exports, output, deducted])
    apart = positions(branch_tax.files_at(sub, month, span))
    if not len(apart):
        frame = _declarations(sub, month, span, filed, late, amounts, sub.tax_serial)
        return defects.mark(frame, bunch, "threshold_bunching")
    # What the branch declares the parent does not.
    of_branch = np.floor(amounts[:, apart] * branch_tax.share(sub.take(apart))).astype(np.int64)
    amounts[:, apart] -= of_branch
    frame = _declarations(sub, month, span, filed, late, amounts, sub.tax_serial)
    frame = defects.mark(frame, bunch, "threshold_bunching")
    parents = sub.take(apart)
    serial = branch_tax.serial(parents)
    branches = _declarations(parents, month[apart], span[apart], filed[apart], late[apart], of_branch, serial, "F")
    return pl.concat([frame, defects.mark(branches, np.ones(len(branches), dtype=np.bool_), branch_tax.DEFECT)])


def _declarations(
    sub: Population,
    month: Ints,
    span: Ints,
    filed: Ints,
    late: Ints,
    amounts: Ints,
    serial: pl.Series,
    ending: str = "",
) -> pl.DataFrame:
    """Rows of SB_ZZS; `amounts` in 分: taxable, exempt and export sales, output tax, input tax, a row each."""
    taxable, exempt, exports, output, deducted = amounts
    owed = formats.yuan(output - deducted)
    number = pl.Series(sub.ids).cast(pl.String).str.zfill(9)
    low, high = (int(month.min()), int(month.max())) if len(month) else (0, 0)
    prefix = pl.Series([f"ZZS{calendar.month_text(m)}" for m in range(low, high + 1)])[month - low]
    nothing = np.zeros(len(sub), dtype=np.int64)
    return pl.DataFrame(
        {
            "SBXH": prefix + number + ending,
            "DJXH": serial,
            "SKSSQQ": formats.dates(calendar.day_number(month - span + 1, nothing)),
            "SKSSQZ": formats.dates(calendar.day_number(month + 1, nothing) - 1),
            "SBRQ": formats.dates(filed),
            "YSXSE": formats.yuan(taxable),
            "MSXSE": formats.yuan(exempt),
            "CKXSE": formats.yuan(exports),
            "XXSE": formats.yuan(output),
            "JXSE": formats.yuan(deducted),
            "YNSE": owed,
            "YBTSE": owed,
            "GZLX": pl.repeat("0", len(sub), eager=True),
            "ZFBZ": pl.repeat("N", len(sub), eager=True),
            "_late": late,
            "_cents": output - deducted,
            "_eid": sub.ids,
            "_defects": pl.repeat("", len(sub), eager=True),
        }
    )


def _rate_class(people: Population) -> Ints:
    return np.where(people.is_in("EGAK"), 0, np.where(people.is_in("CFBD"), 1, 2))


def _corrections(people: Population, sent: int) -> pl.DataFrame:
    """Rows of this delivery that void and replace declarations of 2 to 35 months before."""
    back = 2 + people.streams.below(12, "vat.correction.back", people.ids, sent)
    chosen = people.streams.chance(0.006, "vat.correction", people.ids, sent)
    members = rings.membership(people)
    _, last = rings.months_of(people)
    ring = (members.ring >= 0) & (members.kind == 5) & (last + 3 == sent)
    back = np.where(ring, 3, back)
    asked = positions(chosen | ring)
    sub, month = people.take(asked), sent - back[asked]
    keep, span = _due(sub, month)
    sub, month = sub.take(keep), month[keep]
    late = people.streams.pick(_LATE, "vat.late", sub.ids, month)
    # What never came, or has not come yet, is not corrected.
    came = positions((late < _NEVER) & (late < sent - month))
    original = _filed(sub.take(came), month[came], span[came], late[came])
    at = np.searchsorted(people.ids, original["_eid"].to_numpy())
    voided = _red(original.with_columns(pl.lit("Y").alias("ZFBZ")), people.streams, sent)
    factor = (people.streams.uniform("vat.correction.factor", people.ids[at], sent) * 40).astype(np.int64) + 60
    factor = np.where(ring[at] & ~members.innocent[at], 25, factor)

    def scaled(name: str) -> pl.Series:
        cents = (original[name].str.replace(".", "", literal=True).cast(pl.Int64).to_numpy() * factor) // 100
        return formats.yuan(cents).alias(name)

    day = calendar.number_of(calendar.first_day(sent)) + 4
    corrected = original.with_columns(
        [scaled(n) for n in _AMOUNTS]
        + [
            pl.concat_str(pl.col("SBXH"), pl.lit("G")).alias("SBXH"),
            pl.lit("1").alias("GZLX"),
            pl.lit(calendar.date_of(day).isoformat()).alias("SBRQ"),
            (pl.col("_cents") * pl.Series(factor) // 100).alias("_cents"),
        ]
    )
    every = np.ones(len(original), dtype=np.bool_)
    pairs = pl.concat([defects.mark(voided, every, "voided"), defects.mark(corrected, every, "corrected_filing")])
    # By the month corrected, the voided ones before those that take their place.
    return pairs[np.lexsort((np.repeat([0, 1], len(original)), np.tile(back[at], 2)))]


_AMOUNTS = ("YSXSE", "MSXSE", "CKXSE", "XXSE", "JXSE", "YNSE", "YBTSE")


def _red(voided: pl.DataFrame, streams: Streams, sent: int) -> pl.DataFrame:
    """One voided declaration in three comes in red letters: its amounts negative."""
    red = streams.chance(1 / 3, "vat.red", voided["_eid"].to_numpy(), sent)
    shown = pl.Series(red)
    minus = [
        pl.when(shown & (pl.col(c) != "0.00")).then(pl.concat_str(pl.lit("-"), c)).otherwise(pl.col(c)).alias(c)
        for c in _AMOUNTS
    ]
    cents = pl.when(shown).then(-pl.col("_cents")).otherwise("_cents").alias("_cents")
    return defects.mark(voided.with_columns(*minus, cents), red, "red_letter")


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
