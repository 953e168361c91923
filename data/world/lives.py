"""What becomes of an entity: kind, industry, seat, size, birth, moves and death as functions of (seed, i), so entity i is the same in every size of world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.world import calendar, pools, rings, succession
from data.world.entity import (
    COLLECTIVE,
    COOP,
    FOREIGN,
    INDIVIDUAL,
    LLC,
    NEWBORN,
    NEWBORN_MONTHS,
    SOLE,
    Chunk,
    attribute,
)
from data.world.streams import Bools, Floats, Ints, exp, log

# Far from the head the shares are those of feeds.md 4.1 (个体 60-66 %, 企业 32-37 %, 合作社 1-2 %, 外资 0.3-0.5 %).
_KIND_SHARES = (0.62, 0.331, 0.004, 0.016, 0.003, 0.026)
# The first entities are the head of the register: more and larger enterprises, so that a small world exercises the rules.
HEAD = 6000.0
# Ages at the end of 2024, after Shenzhen 2018 (feeds.md 4.1): <1 yr 15.9 %, <=3 53.7 %, <=5 76 %, >10 8.6 %.
_AGE_QUANTILES = ((0.0, 0.0), (0.159, 12.0), (0.537, 36.0), (0.76, 60.0), (0.914, 120.0), (1.0, 384.0))
# Yearly hazard of closing by year of age (SAIC 2013): 1.6, 6.3, 9.5, >8 % to year seven, then falling.
_HAZARD = (0.016, 0.063, 0.095, 0.085, 0.082, 0.08, 0.08, 0.065, 0.055, 0.05)
_OLD_HAZARD = 0.04
_REFERENCE = calendar.month_index(2020, 1)
NEVER = 100_000
# How an entity leaves: cancelled, licence revoked, its registration undone (all that was never right), moved to another province (firms).
ENDS = ("注销", "吊销", "撤销", "迁出")
_END_EDGES = (0.2, 0.215, 0.24)
# Renamings, moves and changes happen from 2020 on, in the years a world can go on as well.
_DRAWN_YEARS = 7
# Numbers no entity has, for what the shells of a ring share.
_RING_SEATS = 40_000_000


def _survival_table() -> Floats:
    monthly = [1 - (1 - (_HAZARD[a // 12] if a // 12 < len(_HAZARD) else _OLD_HAZARD)) ** (1 / 12) for a in range(600)]
    table: Floats = np.round(np.cumprod(np.array([1.0] + [1 - h for h in monthly])), 12).astype(np.float64)
    return table


_SURVIVAL = _survival_table()
# Pareto, alpha 1.08, at 1,024 quantiles.
_TAIL = np.array([0.0] + [round(-log(k / 1024) / 1.08, 9) for k in range(1, 1024)])


# The free-trade port's first summer: from June to November 2020 enterprises were born in numbers that Shenzhen's ages do not hold,
# of those of the months before and of 2021; traders of the first half year and of that summer came a year later (feeds.md 4.1).
_RUSH = calendar.month_index(2020, 6)
_FIRMS_BROUGHT_BACK, _FIRMS_HELD_BACK = 0.19, 0.45
_TRADERS_BEFORE, _TRADERS_THEN = 0.51, 0.26


def _rushed(people: Lives, month: Ints) -> Ints:
    draw = people.streams.uniform("birth.rush", people.ids)
    spring = (month >= _RUSH - 5) & (month < _RUSH)
    summer = (month >= _RUSH) & (month < _RUSH + 6)
    after = (month >= _RUSH + 7) & (month < _RUSH + 19)
    comes = people.is_firm & (spring & (draw < _FIRMS_HELD_BACK) | after & (draw < _FIRMS_BROUGHT_BACK))
    waits = ~people.is_firm & (spring & (draw < _TRADERS_BEFORE) | summer & (draw < _TRADERS_THEN))
    then = _RUSH + people.streams.below(6, "birth.rush.month", people.ids)
    return np.where(comes, then, np.where(waits, month + 12, month))


# Parks drew the young: in the first half of 2021 more were born there than before (feeds.md 4.1).
_PARK_PULL = (
    (calendar.month_index(2021, 1), 0.72),
    (calendar.month_index(2021, 7), 1.8),
    (calendar.LAST_MONTH + 999, 1.0),
)


@dataclass(frozen=True)
class Lives(Chunk):
    """One value per entity. Months count from 1990-01, days from 1970-01-01."""

    @attribute
    def head(self) -> Floats:
        """1 at entity 0, fading to 0 beyond the first tens of thousands."""
        return exp(-self.ids / HEAD)

    @attribute
    def kind(self) -> Ints:
        base = self.streams.pick(_KIND_SHARES, "kind", self.ids)
        firm = self.streams.chance(0.72 * self.head, "kind.head", self.ids)
        result: Ints = np.where((base == INDIVIDUAL) & firm, LLC, base)
        foreign = self.streams.chance(0.03 * self.head, "kind.foreign", self.ids) & (result == LLC)
        return np.where(foreign, FOREIGN, result)

    @attribute
    def is_firm(self) -> Bools:
        result: Bools = (self.kind == LLC) | (self.kind == FOREIGN)
        return result

    @attribute
    def industry(self) -> Ints:
        firm = self.streams.pick([i.firm for i in pools.INDUSTRIES], "industry.firm", self.ids)
        trader = self.streams.pick([i.trader for i in pools.INDUSTRIES], "industry.trader", self.ids)
        farm = self.streams.below(3, "industry.farm", self.ids)
        small = np.isin(self.kind, (INDIVIDUAL, SOLE))
        result: Ints = np.where(np.isin(self.kind, (COOP, COLLECTIVE)), farm, np.where(small, trader, firm))
        return result

    @attribute
    def letter(self) -> Ints:
        """Index of the industry letter, A = 0."""
        return np.array([ord(i.letter) - 65 for i in pools.INDUSTRIES])[self.industry]

    def is_in(self, letters: str) -> Bools:
        """Whether the industry letter is one of these."""
        result: Bools = np.isin(np.arange(26), [ord(c) - 65 for c in letters])[self.letter]
        return result

    @attribute
    def region_index(self) -> Ints:
        base = self.streams.pick([r.weight for r in pools.REGIONS], "region", self.ids)
        pulls = {6: 460400, 15: 460400, 16: 460400, 25: 469023, 26: 469023, 23: 460203, 24: 460203}
        codes_of = np.array([r.code for r in pools.REGIONS])
        pulled = base.copy()
        for industry, region in pulls.items():
            pulled = np.where(self.industry == industry, int(np.flatnonzero(codes_of == region)[0]), pulled)
        drawn = self.streams.chance(0.22, "region.pull", self.ids) & self.is_firm
        # Who shares a seat sits in one county.
        seated = self.streams.pick([r.weight for r in pools.REGIONS], "region", self.seat)
        return np.where(self.seat != self.ids, seated, np.where(drawn, pulled, base))

    @attribute
    def region(self) -> Ints:
        """County code of the registered address at birth."""
        return np.array([r.code for r in pools.REGIONS])[self.region_index]

    @attribute
    def park(self) -> Ints:
        """Index into pools.PARKS or -1."""
        result = np.full(len(self), -1, dtype=np.int64)
        edges, pulls = zip(*_PARK_PULL, strict=True)
        pull = np.array(pulls)[np.searchsorted(edges, self.birth_month, side="right")]
        draw = self.streams.uniform("park", self.ids) / pull
        for number, park in enumerate(pools.PARKS):
            result[(self.region == park.region) & (draw < park.share) & self.is_firm] = number
        return np.where(self.seat == self.ids, result, -1)

    @attribute
    def moved_month(self) -> Ints:
        """Month of a move to another county (2 % a year), or far in the future."""
        draw = self.streams.uniform("move", self.ids)
        month = np.where(draw < 0.02 * _DRAWN_YEARS, _REFERENCE + np.floor(draw * 600).astype(np.int64), NEVER)
        first, _ = rings.months_of(self)
        return np.where(rings.is_mover(self), first - 2, month)

    @attribute
    def returned_month(self) -> Ints:
        """Month in which a ring that moved for an award moves back, or far in the future."""
        _, last = rings.months_of(self)
        return np.where(rings.is_mover(self), last + 1, NEVER)

    def is_away(self, month: int) -> Bools:
        """At the address it moved to, at the end of the month."""
        result: Bools = (self.moved_month <= month) & (month < self.returned_month)
        return result

    @attribute
    def new_region_index(self) -> Ints:
        base = self.streams.pick([r.weight for r in pools.REGIONS], "move.region", self.ids)
        return np.where(base == self.region_index, (base + 1) % len(pools.REGIONS), base)

    def region_at(self, month: int) -> Ints:
        """County code in force at the end of the month."""
        index = np.where(self.is_away(month), self.new_region_index, self.region_index)
        return np.array([r.code for r in pools.REGIONS])[index]

    @attribute
    def birth_month(self) -> Ints:
        draw = self.streams.uniform("age", self.ids)
        xs, ys = zip(*_AGE_QUANTILES, strict=True)
        age = np.floor(np.interp(draw, xs, ys)).astype(np.int64)
        # The head is older: applicants of tested items mostly have a past.
        older = self.streams.chance(0.6 * self.head, "age.head", self.ids)
        known = _rushed(self, np.maximum(calendar.LAST_MONTH - age - np.where(older, 30, 0), 0))
        born = calendar.LAST_MONTH + 1 + (self.ids - NEWBORN) % NEWBORN_MONTHS
        # Shells are set up within ninety days of the round they are for.
        first, _ = rings.months_of(self)
        known = np.where(rings.is_shell(self), first - 1 - self.ids % 2, known)
        result: Ints = np.where(self.ids >= NEWBORN, born, known)
        return result

    @attribute
    def birth_day(self) -> Ints:
        return calendar.day_number(self.birth_month, self.streams.below(28, "birth.day", self.ids))

    @attribute
    def death_month(self) -> Ints:
        """Month of leaving business, by its natural end or by handing it over."""
        kind, month = succession.handed_over(self)
        return np.where(kind > 0, month, self.natural_death)

    @attribute
    def natural_death(self) -> Ints:
        """Month of leaving business, given that it still lived at the end of 2019; beyond the window for most."""
        start = np.clip(_REFERENCE - self.birth_month, 0, 599)
        target = _SURVIVAL[start] * self.streams.uniform("death", self.ids)
        # Larger ones live longer (SAIC 2013): the hazard is halved above a median of ten million.
        target = np.where(self.log_revenue > log(1e7), target**2 / _SURVIVAL[start], target)
        age = len(_SURVIVAL) - np.searchsorted(_SURVIVAL[::-1], target, side="right")
        result: Ints = self.birth_month + np.maximum(age, 1)
        return result

    @attribute
    def death_kind(self) -> Ints:
        """Index into ENDS."""
        kind, _ = succession.handed_over(self)
        drawn = np.searchsorted(_END_EDGES, self.streams.uniform("death.kind", self.ids), side="right")
        ends = np.array([1, 2, 3, 0])[drawn]
        result: Ints = np.where((kind == 0) & (self.is_firm | (ends < 3)), ends, 0)
        return result

    @attribute
    def standstill_month(self) -> Ints:
        """From when on a shell rests (歇业) or is wound up (清算): from July to November 2024, one in twenty-five; far in the future for all others."""
        start = calendar.LAST_MONTH - 5 + self.streams.below(5, "standstill.month", self.ids)
        rests = self.is_zero_filer & ~rings.is_shell(self) & self.streams.chance(0.04, "standstill", self.ids)
        return np.where(rests & (self.birth_month + 12 < start), start, NEVER)

    def standstill_at(self, month: int) -> Ints:
        """0 no, 1 rests, 2 is wound up, at the end of the month."""
        how = np.where(self.streams.chance(0.2, "standstill.kind", self.ids), 2, 1)
        return np.where((self.standstill_month <= month) & self.lives_at(month), how, 0)

    def lives_at(self, month: int) -> Bools:
        result: Bools = (self.birth_month <= month) & (month < self.death_month)
        return result

    def lives_at_each(self, month: Ints) -> Bools:
        """Whether each entity lives in its own month."""
        result: Bools = (self.birth_month <= month) & (month < self.death_month)
        return result

    @attribute
    def log_revenue(self) -> Floats:
        """Logarithm of the median yearly revenue in yuan: lognormal body, Pareto tail (alpha 1.08) for one in sixteen firms."""
        shift = np.array([i.shift for i in pools.INDUSTRIES])[self.industry]
        base = np.array([log(110e3), log(1.1e6), log(4e6), log(600e3), log(300e3), log(250e3)])[self.kind]
        width = np.array([0.9, 1.7, 1.8, 1.1, 1.0, 1.0])[self.kind]
        body = base + shift + width * self.streams.normal("revenue.body", self.ids)
        u = np.maximum(self.streams.bits("revenue.tail", self.ids) >> np.uint64(54), np.uint64(1)).astype(np.int64)
        tail = _TAIL[u]
        tailed = self.streams.chance(1 / 16, "revenue.tailed", self.ids) & self.is_firm
        result: Floats = body + np.where(tailed, 1.5 + tail, 0.0) + np.where(self.is_firm, 1.6 * self.head, 0.0)
        return np.clip(result, log(2e3), log(3e10))

    @attribute
    def is_zero_filer(self) -> Bools:
        """Shells: 25-40 % of Hainan's enterprises file nothing but zeros (feeds.md 4.3)."""
        idle = self.streams.chance(0.31 * (1 - 0.7 * self.head), "zero", self.ids) & self.is_firm
        return idle | rings.is_shell(self)

    @attribute
    def growth(self) -> Floats:
        """Yearly log growth."""
        return np.clip(0.05 + 0.2 * self.streams.normal("growth", self.ids), -0.5, 0.7)

    @attribute
    def staff_level(self) -> Floats:
        """Expected staff at the median revenue: employment grows with revenue^0.62 (feeds.md 4.3)."""
        level = exp(log(4.0) + 0.62 * (self.log_revenue - log(1e6)) + 0.45 * self.streams.normal("staff", self.ids))
        return np.where(self.is_zero_filer, 0.6, np.clip(level, 0.5, 30000))

    @attribute
    def asset_ratio(self) -> Floats:
        return exp(0.1 + 0.8 * self.streams.normal("assets", self.ids))

    @attribute
    def margin(self) -> Floats:
        return np.clip(0.06 + 0.09 * self.streams.normal("margin", self.ids), -0.3, 0.45)

    @attribute
    def is_general_taxpayer(self) -> Bools:
        return (self.log_revenue > log(5e6)) | self.streams.chance(0.25, "vat.general", self.ids) & self.is_firm

    @attribute
    def capital_wan(self) -> Ints:
        """Registered capital in 万元, on the round numbers people choose."""
        steps = np.array([1, 5, 10, 30, 50, 100, 200, 300, 500, 1000, 2000, 3000, 5000, 10000, 50000, 100000])
        rank = (self.log_revenue - log(1e5)) / 0.9 + 2 * self.streams.normal("capital", self.ids)
        return steps[np.clip(np.floor(rank), 0, len(steps) - 1).astype(np.int64)]

    @attribute
    def renamed_month(self) -> Ints:
        """Renaming: 3 % a year when young, 1 % when old (feeds.md 4.3)."""
        draw = self.streams.uniform("rename", self.ids)
        young = _REFERENCE - self.birth_month < 36
        rate = np.where(young, 0.03, 0.01)
        month = _REFERENCE + np.floor(draw / rate * 12).astype(np.int64)
        renames = (draw < _DRAWN_YEARS * rate) & (month > self.birth_month + 2) & self.is_firm
        return np.where(renames, month, NEVER)

    def first_change_month(self) -> Ints:
        """Month of a change of legal person, capital or scope (3 % a year)."""
        draw = self.streams.uniform("change", self.ids)
        return np.where(draw < 0.03 * _DRAWN_YEARS, _REFERENCE + np.floor(draw * 400).astype(np.int64), NEVER)

    def change_at(self, month: int, kind: int) -> Bools:
        """Whether a change of this kind has happened by the end of the month: 0 capital, 1 legal person, 2 scope."""
        drawn = self.streams.pick((0.12, 0.3, 0.58), "change.kind", self.ids)
        result: Bools = (drawn == kind) & (self.seat == self.ids) & (self.first_change_month() <= month)
        return result

    @attribute
    def seat(self) -> Ints:
        """Whose person, phone and address it has: its own, its predecessor's (个转企), or the one of all shells of a ring."""
        kind, _ = succession.taken_over(self)
        members = rings.membership(self)
        inherited = np.where(kind == succession.CONVERSION, self.ids - 1, self.ids)
        return np.where(rings.is_shell(self), _RING_SEATS + members.ring, inherited)
