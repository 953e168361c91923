"""Planted programmes: who was paid when, by what selection, and the effect on revenue, known exactly; and the head-count surges of rings."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from data.world import calendar, revenue, rings
from data.world.streams import Bools, Floats, Ints, log

if TYPE_CHECKING:
    from data.world.population import Population

_NEVER = 100_000


class Programme(NamedTuple):
    """A planted programme. `shape` is the effect on revenue, `selection` why these and not others.

    `policy` is the number the finance ledger knows it by; who is paid follows `selection`, not that policy's text.
    """

    id: str
    policy: str
    title: str
    office: str
    shape: str
    selection: str
    first: int
    spread: int
    amount_wan: int
    county_share: float


PROGRAMMES: tuple[Programme, ...] = (
    Programme(
        "W1",
        "hn-jobs-added",
        "企业新增就业岗位补助",
        "海南省人力资源和社会保障厅",
        "zero",
        "size",
        calendar.month_index(2022, 3),
        30,
        5,
        0.0,
    ),
    Programme(
        "W2",
        "hn-digital-upgrade",
        "中小企业数字化改造补助",
        "海南省工业和信息化厅",
        "constant",
        "random",
        calendar.month_index(2022, 6),
        28,
        8,
        0.0,
    ),
    Programme(
        "W3",
        "hn-ip-pledge",
        "知识产权质押融资贴息",
        "海南省财政厅",
        "heterogeneous",
        "size",
        calendar.month_index(2022, 9),
        24,
        12,
        0.5,
    ),
    Programme(
        "W4",
        "hn-retail-growth",
        "限上商贸企业销售增长奖励",
        "海南省商务厅",
        "fading",
        "growth",
        calendar.month_index(2022, 4),
        28,
        20,
        0.5,
    ),
    Programme(
        "W5",
        "hn-rd-increment",
        "高新技术企业研发费用增量奖励",
        "海南省科学技术厅",
        "delayed",
        "shock",
        calendar.month_index(2022, 7),
        24,
        50,
        0.0,
    ),
    Programme(
        "W6",
        "hn-output-breakthrough",
        "工业企业年产值首次突破奖励",
        "海南省发展和改革委员会",
        "constant",
        "threshold",
        calendar.month_index(2024, 3),
        1,
        30,
        0.5,
    ),
)


def propensity(people: Population, programme: Programme) -> Floats:
    """The chance of getting the programme given what its selection looks at: size, growth, a recent dip, the threshold, or nothing."""
    streams, ids = people.streams, people.ids
    able = people.is_firm & ~people.is_zero_filer & (people.birth_month < programme.first)
    if programme.selection == "size":
        chance = np.clip(0.04 + 0.05 * (people.log_revenue - log(2e6)), 0.02, 0.30)
    elif programme.selection == "growth":
        chance = np.clip(0.10 + 0.6 * people.growth, 0.01, 0.45)
    elif programme.selection == "shock":
        month = _drawn_month(people, programme)
        dip = (streams.normal("revenue.noise", ids, month - 1) + streams.normal("revenue.noise", ids, month - 2)) < -0.8
        chance = np.where(dip, 0.35, 0.0)
    elif programme.selection == "threshold":
        first = calendar.month_index(2023, 1)
        total = np.sum([revenue.untreated_cents(people, first + k) for k in range(12)], axis=0)
        chance = np.where(total >= revenue.THRESHOLD_CENTS, 1.0, 0.0)
    else:
        # Rings that were made to be paid are paid by the programme that asks least.
        made_for_it = rings.is_shell(people) | rings.is_mover(people)
        able, chance = able | made_for_it, np.where(made_for_it, 1.0, 0.10)
    return np.where(able, chance, 0.0)


def selected(people: Population, programme: Programme) -> Bools:
    """Who gets the programme."""
    result: Bools = people.streams.uniform(f"programme.{programme.id}", people.ids) < propensity(people, programme)
    return result


def _drawn_month(people: Population, programme: Programme) -> Ints:
    month = programme.first + people.streams.below(programme.spread, f"programme.{programme.id}.month", people.ids)
    if programme.selection != "random":
        return month
    first, _ = rings.months_of(people)
    return np.where(rings.is_shell(people) | rings.is_mover(people), first + 1, month)


def pay_month(people: Population, programme: Programme) -> Ints:
    """Month of payment, or far in the future for those never paid. Staggered over the programme's spread."""
    return people.kept(f"paid.{programme.id}", lambda chunk: _pay_month(chunk, programme))


def _pay_month(people: Population, programme: Programme) -> Ints:
    month = _drawn_month(people, programme)
    paid = selected(people, programme) & people.lives_at_each(month)
    return np.where(paid, month, _NEVER)


def effect_of(people: Population, programme: Programme, month: int) -> Floats:
    """The programme's relative effect on the month's revenue; zero before and in the month of payment."""
    since = month - pay_month(people, programme)
    return np.where(since > 0, _size(programme, people.log_revenue, since), 0.0)


def _size(programme: Programme, log_revenue: Floats, since: Ints) -> Floats:
    """The relative effect so many months after the payment, one or more."""
    if programme.shape == "zero":
        return np.zeros(len(since))
    if programme.shape == "constant":
        return np.full(len(since), 0.04 if programme.id == "W2" else 0.05)
    if programme.shape == "heterogeneous":
        return np.where(log_revenue < log(2e7), 0.08, 0.0)
    if programme.shape == "fading":
        faded: Floats = np.round(0.10 * 0.9 ** np.clip(since, 0, 60), 9)
        return faded
    ramp: Floats = 0.06 * np.clip((since - 6) / 12, 0.0, 1.0)
    return ramp


# What a firm loses whose competitor is paid by W2.
_DISPLACING, DISPLACED = PROGRAMMES[1], -0.005


def displaced_month(people: Population) -> Ints:
    """Month of W2's payment to a firm's competitor, far in the future for firms that have none or are paid themselves.

    Entities 2k and 2k+1 are competitors where both are firms of one industry section.
    """
    return people.kept("displaced", _displaced_month)


def _displaced_month(people: Population) -> Ints:
    paid = people.streams.chance(0.10, f"programme.{_DISPLACING.id}", people.ids ^ 1)
    paid &= people.is_firm & ~people.is_zero_filer
    near = np.flatnonzero(paid)
    rivals = type(people)(people.streams, people.ids[near] ^ 1)
    month = np.where(rivals.letter == people.letter[near], pay_month(rivals, _DISPLACING), _NEVER)
    result = np.full(len(people), _NEVER, dtype=np.int64)
    result[near] = month
    return np.where(pay_month(people, _DISPLACING) < _NEVER, _NEVER, result)


def _payments(people: Population) -> list[tuple[Programme | None, Ints, Ints]]:
    """Who is paid by each programme (positions) and when, and last, with no programme, whose competitor is: few, so the rest need no arithmetic.

    A whole chunk keeps it, its parts look it up there.
    """
    whole = people.whole or people
    known: list[tuple[Programme | None, Ints, Ints]] | None = whole.__dict__.get("_payments")
    if known is None:
        known = []
        for programme, month in (*((p, pay_month(whole, p)) for p in PROGRAMMES), (None, displaced_month(whole))):
            places = np.flatnonzero(month < _NEVER)
            known.append((programme, places, month[places]))
        whole.__dict__["_payments"] = known
    return known if people.whole is None else [(p, *_found(people.places, at, month)) for p, at, month in known]


def _found(places: Ints, at: Ints, month: Ints) -> tuple[Ints, Ints]:
    """Of months at positions (ascending) of a whole: those of a part that holds the whole's `places`, by the part's positions."""
    if len(at) == 0:
        return at, month
    near = np.minimum(np.searchsorted(at, places), len(at) - 1)
    mine = np.flatnonzero(at[near] == places)
    return mine, month[near[mine]]


def effect(people: Population, month: int) -> Floats:
    """Sum of the programmes' effects on the month's revenue, and what was lost to a paid competitor."""
    result = np.zeros(len(people))
    for programme, places, paid in _payments(people):
        on = paid < month
        here = places[on]
        size = _size(programme, people.log_revenue[here], month - paid[on]) if programme else DISPLACED
        result[here] += size
    return result


def surge(people: Population, month: int) -> Ints:
    """Head count added for a deadline and gone afterwards (突击参保), by ring members only."""
    return rings.surge_of(people, month)
