"""The entities: every lasting attribute of entity i as a function of (seed, i), so entity i is the same in every size of world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, TypeVar, cast, overload

import numpy as np
import polars as pl

from data.world import calendar, codes, pools, rings, succession
from data.world.names import compose_names
from data.world.streams import Bools, Floats, Ints, Streams, exp, log, permuted

INDIVIDUAL, LLC, FOREIGN, COOP, COLLECTIVE, SOLE = range(6)
KINDS = ("individual", "llc", "foreign", "coop", "collective", "sole")
# Far from the head the shares are those of feeds.md 4.1 (个体 60-66 %, 企业 32-37 %, 合作社 1-2 %, 外资 0.3-0.5 %).
_KIND_SHARES = (0.62, 0.331, 0.004, 0.016, 0.003, 0.026)
# The first entities are the head of the register: more and larger enterprises, so that a small world exercises the rules.
HEAD = 6000.0
# Ages at the end of 2024, after Shenzhen 2018 (feeds.md 4.1): <1 yr 15.9 %, <=3 53.7 %, <=5 76 %, >10 8.6 %.
_AGE_QUANTILES = ((0.0, 0.0), (0.159, 12.0), (0.537, 36.0), (0.76, 60.0), (0.914, 120.0), (1.0, 384.0))
# Yearly hazard of closing by year of age (SAIC 2013): 1.6, 6.3, 9.5, >8 % to year seven, then falling.
_HAZARD = (0.016, 0.063, 0.095, 0.085, 0.082, 0.08, 0.08, 0.065, 0.055, 0.05)
_OLD_HAZARD = 0.04
_T = TypeVar("_T")
_REFERENCE = calendar.month_index(2020, 1)
# Ids beyond the largest world are born in the 24 months after 2024-12, so that a world that goes on has new entities.
NEWBORN = 3_000_000
NEWBORN_MONTHS = 24
# Names are unique below 3.1 million.
NEWBORN_ROOM = 100_000
_NEVER = 100_000
# Renamings, moves and changes happen from 2020 on, in the years a world can go on as well.
_DRAWN_YEARS = 7
# Numbers no entity has, for what the shells of a ring share.
_RING_SEATS = 40_000_000
_YANGPU_REGISTRAR = 460300


def _survival_table() -> Floats:
    monthly = [1 - (1 - (_HAZARD[a // 12] if a // 12 < len(_HAZARD) else _OLD_HAZARD)) ** (1 / 12) for a in range(600)]
    table: Floats = np.round(np.cumprod(np.array([1.0] + [1 - h for h in monthly])), 12).astype(np.float64)
    return table


_SURVIVAL = _survival_table()


class attribute(Generic[_T]):
    """A lasting attribute, one value per entity: computed once for a chunk and sliced for the parts taken from it."""

    def __init__(self, compute: Callable[[Population], _T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, people: None, owner: type) -> attribute[_T]: ...
    @overload
    def __get__(self, people: Population, owner: type) -> _T: ...
    def __get__(self, people: Population | None, owner: type) -> attribute[_T] | _T:
        if people is None:
            return self
        values = (
            self._compute(people) if people.whole is None else _rows(getattr(people.whole, self._name), people.places)
        )
        # From here on the instance's own dictionary answers: this is not a data descriptor.
        people.__dict__[self._name] = values
        return values


def _rows(values: _T, places: Ints) -> _T:
    if isinstance(values, pl.Series):
        return cast(_T, values.gather(places))
    return cast(_T, cast(np.ndarray, values)[places])


# What is kept per chunk of values by month (`Population.kept`), in bytes: 16 months of a chunk of 250,000.
_KEPT_BYTES = 32 << 20
_WORTH_THE_WHOLE = 20_000


@dataclass(frozen=True)
class Population:
    """Arrays of one value per entity for the ids of a chunk. Months count from 1990-01, days from 1970-01-01."""

    streams: Streams
    ids: Ints
    # Of a part: the chunk it was taken from, and where in it.
    whole: Population | None = None
    places: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, keep: Ints) -> Population:
        """The entities at these positions; what is computed for one part is computed for the chunk, once."""
        places = keep if self.whole is None else self.places[keep]
        return Population(self.streams, self.ids[keep], self.whole or self, places)

    def kept(self, key: str, compute: Callable[[Population], Ints]) -> Ints:
        """Values computed once for the chunk while room lasts (the longest unused make room), sliced for its parts.

        A part that is small beside its chunk is computed alone where the chunk's values are not at hand.
        """
        whole = self.whole or self
        held: dict[str, Ints] = whole.__dict__.setdefault("_kept", {})
        if key in held:
            held[key] = held.pop(key)
        else:
            if len(whole) > _WORTH_THE_WHOLE and 8 * len(self) < len(whole):
                return compute(self)
            values = compute(whole)
            values.setflags(write=False)
            while held and (len(held) + 1) * values.nbytes > _KEPT_BYTES:
                held.pop(next(iter(held)))
            held[key] = values
        return held[key] if self.whole is None else held[key][self.places]

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
        draw = self.streams.uniform("park", self.ids)
        for number, park in enumerate(pools.PARKS):
            result[(self.region == park.region) & (draw < park.share) & self.is_firm] = number
        return np.where(self.seat == self.ids, result, -1)

    @attribute
    def moved_month(self) -> Ints:
        """Month of a move to another county (2 % a year), or far in the future."""
        draw = self.streams.uniform("move", self.ids)
        month = np.where(draw < 0.02 * _DRAWN_YEARS, _REFERENCE + np.floor(draw * 600).astype(np.int64), _NEVER)
        first, _ = rings.months_of(self)
        return np.where(rings.is_mover(self), first - 2, month)

    @attribute
    def returned_month(self) -> Ints:
        """Month in which a ring that moved for an award moves back, or far in the future."""
        _, last = rings.months_of(self)
        return np.where(rings.is_mover(self), last + 1, _NEVER)

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
        known = np.maximum(calendar.LAST_MONTH - age - np.where(older, 30, 0), 0)
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
        """0 cancelled (注销), 1 licence revoked (吊销)."""
        kind, _ = succession.handed_over(self)
        revoked: Ints = (self.streams.chance(0.2, "death.kind", self.ids) & (kind == 0)).astype(np.int64)
        return revoked

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
        tail = np.array([0.0] + [round(-log(k / 1024) / 1.08, 9) for k in range(1, 1024)])[u]
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
    def is_old_code(self) -> Bools:
        return self.birth_month < calendar.month_index(2015, 10)

    @attribute
    def registrar(self) -> Ints:
        """Region of the first registrar, as the USCC keeps it: 洋浦 460300, old 儋州 469003, cities for their districts."""
        region = self.region
        city = np.where((region > 460000) & (region < 460300), region // 100 * 100, region)
        city = np.where((region == 460400) & self.is_old_code, 469003, city)
        yangpu = self.park == 0
        province = self.streams.chance(0.03, "registrar.province", self.ids) & self.is_firm
        return np.where(yangpu, _YANGPU_REGISTRAR, np.where(province, 460000, city))

    @attribute
    def uscc(self) -> pl.Series:
        prefix = np.empty((len(self), 2), dtype=np.uint8)
        prefix[:, 0] = np.where(self.kind == COLLECTIVE, ord("N"), ord("9"))
        second = np.array([ord("2"), ord("1"), ord("1"), ord("3"), ord("2"), ord("1")], dtype=np.uint8)
        prefix[:, 1] = second[self.kind]
        return codes.text(codes.usccs(prefix, self.registrar, self._org))

    @attribute
    def _org(self) -> codes.Bytes:
        return codes.org_codes(self.ids, self.is_old_code)

    @attribute
    def org_code(self) -> pl.Series:
        return codes.text(self._org)

    @attribute
    def regno(self) -> pl.Series:
        low = permuted(self.ids, 10_000_000, 7_368_787, 1_234_567)
        first = np.where(
            self.kind == FOREIGN, 4, np.where(self.kind == INDIVIDUAL, 6 + self.ids % 4, self.ids // 10_000_000)
        )
        return codes.text(codes.regnos(self.registrar, first * 10_000_000 + low))

    @attribute
    def pripid(self) -> pl.Series:
        return codes.text(
            np.concatenate(
                [
                    np.tile(np.frombuffer(b"46", dtype=np.uint8), (len(self), 1)),
                    codes.digits(permuted(self.ids, 10**14, 2_718_281_829_457, 77), 22),
                ],
                axis=1,
            )
        )

    @attribute
    def tax_serial(self) -> pl.Series:
        """登记序号 DJXH: 20 digits."""
        return codes.text(
            np.concatenate(
                [
                    np.tile(np.frombuffer(b"1014600", dtype=np.uint8), (len(self), 1)),
                    codes.digits(permuted(self.ids, 10**13, 1_618_033_988_749, 12), 13),
                ],
                axis=1,
            )
        )

    @attribute
    def name(self) -> pl.Series:
        """Registered name at birth, unique among all entities."""
        return self._names[0]

    @attribute
    def new_name(self) -> pl.Series:
        """The name after renaming (null for most)."""
        return self._names[1]

    @attribute
    def brand(self) -> pl.Series:
        return self._names[2]

    @cached_property
    def _names(self) -> tuple[pl.Series, pl.Series, pl.Series]:
        return compose_names(self)

    @attribute
    def renamed_month(self) -> Ints:
        """Renaming: 3 % a year when young, 1 % when old (feeds.md 4.3)."""
        draw = self.streams.uniform("rename", self.ids)
        young = _REFERENCE - self.birth_month < 36
        rate = np.where(young, 0.03, 0.01)
        month = _REFERENCE + np.floor(draw / rate * 12).astype(np.int64)
        renames = (draw < _DRAWN_YEARS * rate) & (month > self.birth_month + 2) & self.is_firm
        return np.where(renames, month, _NEVER)

    def first_change_month(self) -> Ints:
        """Month of a change of legal person, capital or scope (3 % a year)."""
        draw = self.streams.uniform("change", self.ids)
        return np.where(draw < 0.03 * _DRAWN_YEARS, _REFERENCE + np.floor(draw * 400).astype(np.int64), _NEVER)

    def change_at(self, month: int, kind: int) -> Bools:
        """Whether a change of this kind has happened by the end of the month: 0 capital, 1 legal person, 2 scope."""
        drawn = self.streams.pick((0.12, 0.3, 0.58), "change.kind", self.ids)
        result: Bools = (drawn == kind) & (self.seat == self.ids) & (self.first_change_month() <= month)
        return result

    def person_at(self, month: int) -> pl.Series:
        """Legal representative in force at the end of the month."""
        frame = pl.DataFrame({"a": self.person, "b": self.next_person, "c": pl.Series(self.change_at(month, 1))})
        return frame.select(pl.when("c").then("b").otherwise("a").alias("p"))["p"]

    @attribute
    def next_person(self) -> pl.Series:
        """Who represents it after a change of legal person."""
        return person_names(self.streams, "person.next", self.ids)

    @attribute
    def branch_uscc(self) -> pl.Series:
        """Codes for branches: class 91, the numbers of ids no entity has."""
        prefix = np.tile(np.frombuffer(b"91", dtype=np.uint8), (len(self), 1))
        org = codes.org_codes(self.ids, np.zeros(len(self), dtype=np.bool_))
        return codes.text(codes.usccs(prefix, np.full(len(self), 460100), org))

    @attribute
    def seat(self) -> Ints:
        """Whose person, phone and address it has: its own, its predecessor's (个转企), or the one of all shells of a ring."""
        kind, _ = succession.taken_over(self)
        members = rings.membership(self)
        inherited = np.where(kind == succession.CONVERSION, self.ids - 1, self.ids)
        return np.where(rings.is_shell(self), _RING_SEATS + members.ring, inherited)

    @attribute
    def person(self) -> pl.Series:
        """Legal representative; one in fifty shares another entity's (a neighbour's) person."""
        shared = self.streams.chance(0.02, "person.shared", self.seat)
        owner = np.where(shared, self.seat // 25 * 25, self.seat)
        return person_names(self.streams, "person", owner)

    @attribute
    def cluster(self) -> Ints:
        """Bookkeeping agent or cluster-registration address shared by many (legitimate), or -1."""
        in_cluster = self.streams.chance(0.12, "cluster", self.ids) & self.is_firm & (self.log_revenue < log(5e6))
        in_cluster &= self.seat == self.ids
        return np.where(in_cluster, self.streams.below(6, "cluster.which", self.ids), -1)

    @attribute
    def phone(self) -> pl.Series:
        agent = np.array([400_001 + 7 * c for c in range(6)])
        own = permuted(self.seat, 100_000_000, 27_644_437, 5)
        number = np.where(self.cluster >= 0, agent[np.maximum(self.cluster, 0)], own)
        # 1[0-2]x prefixes belong to no operator: nobody real is called.
        head = np.tile(np.frombuffer(b"100", dtype=np.uint8), (len(self), 1))
        return codes.text(np.concatenate([head, codes.digits(number, 8)], axis=1))

    def address_at(self, month: int) -> pl.Series:
        """Registered address in force at the month."""
        return self.address(self.is_away(month))

    def address(self, moved: Bools) -> pl.Series:
        """Registered address before (False) or after the move."""
        index = np.where(moved, self.new_region_index, self.region_index)
        streets = pl.Series([s for r in pools.REGIONS for s in r.streets])
        region = pl.Series([r.name for r in pools.REGIONS]).gather(index)
        street = streets.gather(index * 4 + self.streams.below(4, "street", self.seat))
        park_words = pl.Series([p.words for p in pools.PARKS] + [""])
        park = park_words.gather(np.where(moved | (self.park < 0), len(pools.PARKS), self.park))
        number = pl.Series(1 + self.streams.below(320, "door", self.seat)).cast(pl.String)
        room = pl.Series(101 + self.streams.below(1900, "room", self.seat)).cast(pl.String)
        frame = pl.DataFrame({"r": region, "p": park, "s": street, "n": number, "m": room})
        plain = pl.concat_str(pl.lit("海南省"), "r", "p", "s", "n", pl.lit("号"), "m", pl.lit("室"))
        cluster = pl.Series(self.cluster).cast(pl.String)
        desk = pl.concat_str(pl.lit("海南省"), "r", "s", pl.lit("8号众创大厦（集群注册"), "c", pl.lit("号托管机构）"))
        chosen = frame.with_columns(c=cluster, k=pl.Series(self.cluster >= 0)).select(
            pl.when("k").then(desk).otherwise(plain).alias("a")
        )
        return chosen["a"]


def person_names(streams: Streams, stream: str, ids: Ints, step: int | Ints = 0) -> pl.Series:
    """Invented two- and three-character names."""
    family = pl.Series(list(pools.SURNAMES)).gather(streams.below(len(pools.SURNAMES), stream + ".family", ids, step))
    given = pl.Series(list(pools.GIVEN))
    one = given.gather(streams.below(len(pools.GIVEN), stream + ".given", ids, step))
    two = given.gather(streams.below(len(pools.GIVEN), stream + ".second", ids, step))
    keep = pl.Series(streams.chance(0.8, stream + ".long", ids, step))
    return pl.DataFrame({"f": family, "a": one, "b": two, "k": keep}).select(
        pl.concat_str("f", "a", pl.when("k").then("b").otherwise(pl.lit(""))).alias("n")
    )["n"]


def population(seed: int, start: int, stop: int) -> Population:
    """Entities start..stop-1 of the seed's world."""
    return Population(Streams(seed), np.arange(start, stop, dtype=np.int64))
