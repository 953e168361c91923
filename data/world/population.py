"""What an entity is called and where it is found: codes, names, people, telephone and address over its life."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from data.world import calendar, codes, pools
from data.world.entity import COLLECTIVE, FOREIGN, INDIVIDUAL, attribute
from data.world.lives import Lives
from data.world.names import compose_names
from data.world.streams import Bools, Ints, Streams, log, permuted

_YANGPU_REGISTRAR = 460300


@dataclass(frozen=True)
class Population(Lives):
    """The entities of a chunk, with all that lasts of them."""

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
        """Registered name at birth; unique among the living but for traders under their own person's name."""
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
