"""Life events and rings: in the truth, and with their evidence in the feeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.world import calendar, programs, rings, succession
from data.world.entity import INDIVIDUAL
from data.world.population import Population, population
from data.world.views import disclosure, finance, ip
from matching.identity.relations import successions


@pytest.fixture(scope="module")
def people() -> Population:
    return population(7, 0, 20_000)


def truth(home: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(home / "truth" / f"truth_{name}.parquet")


def clean(home: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(home / "truth" / "truth_clean" / f"{name}.parquet")


def test_a_trader_turned_company_has_a_new_code_and_keeps_name_person_and_seat(people: Population) -> None:
    kind, month = succession.handed_over(people)
    before = np.flatnonzero(kind == succession.CONVERSION)
    assert len(before) > 30
    old, new = people.take(before), people.take(before + 1)
    assert (old.kind == INDIVIDUAL).all()
    assert old.uscc.str.starts_with("92").all()
    assert new.uscc.str.starts_with("91").all()
    assert (old.death_month == new.birth_month).all()
    assert (old.death_month == month[before]).all()
    assert old.brand.to_list() == new.brand.to_list()
    assert old.person.to_list() == new.person.to_list()
    assert old.phone.to_list() == new.phone.to_list()


def test_the_register_shows_enough_for_the_registry_to_see_the_succession(people: Population) -> None:
    kind, _ = succession.handed_over(people)
    ends = people.death_month < 2_000
    day = calendar.day_number(np.where(ends, people.death_month, 0), people.streams.below(28, "death.day", people.ids))
    frame = pl.DataFrame(
        {
            "enterprise_id": pl.Series(people.ids).cast(pl.String), "uscc": people.uscc, "name": people.name, "legal_person": people.person,
            "address": people.address_at(0), "phone_hash": people.phone, "established_date": pl.Series(people.birth_day.astype(np.int32)).cast(pl.Date),
            "ended": pl.Series(np.where(ends, day, 0).astype(np.int32)).cast(pl.Date),
        }
    ).with_columns(ended=pl.when(pl.Series(ends)).then("ended"), seen_alive=True)  # fmt: skip
    found = set(
        successions(frame).select(pl.col("enterprise_id").cast(pl.Int64), pl.col("other_id").cast(pl.Int64)).rows()
    )
    true = {(int(k) + 1, int(k)) for k in people.ids[kind == succession.CONVERSION]}
    # What is missed has a 字号 that cannot be told from the words behind it (measured 0.69); the alteration names the old code.
    assert len(found & true) / len(true) >= 0.6
    assert len(found - true) <= len(found) // 50


def test_alterations_tell_of_conversions_and_mergers(home: Path) -> None:
    alter = clean(home, "market_E_ALTER")
    true = truth(home, "succession")
    names = truth(home, "entity").select("eid", "pripid", "uscc")
    for word, item, column in (("个转企", "07", "ALTBE"), ("吸收合并", "99", "ALTAF")):
        rows = true.filter(pl.col("kind") == word).join(names.select("eid", "pripid"), on="eid")
        told = alter.filter(pl.col("ALTITEM") == item)
        assert told.height > 0, word
        for row in told.iter_rows(named=True):
            hit = rows.filter(pl.col("pripid") == row["PRIPID"])
            assert hit.height == 1
            assert hit["predecessor_uscc"][0] in row[column]


def test_the_seriously_dishonest_follow_three_years_of_absence(people: Population) -> None:
    day = calendar.number_of(calendar.CLOSING_DAY)
    serious, abnormal = disclosure.abnormal_at(people, day, serious=True), disclosure.abnormal_at(people, day)
    assert 10 < serious.sum() < 0.01 * len(people)
    assert (abnormal[serious]).all(), "they are still on the first list"


def test_listings_and_restorations_arrive(home: Path) -> None:
    listed = clean(home, "market_AB_LIST")
    true = truth(home, "listing")
    restored = true.drop_nulls("restored").filter(pl.col("restored") >= pl.date(2023, 2, 1))
    told = listed.filter(pl.col("OUTDATE") != "")
    assert told.height >= 0.9 * restored.filter(pl.col("restored") < pl.date(2024, 12, 31)).height > 20
    assert listed.filter(pl.col("INREASON") == disclosure.SERIOUS).height > 0


def test_each_kind_of_ring_happens_in_a_small_world(home: Path) -> None:
    guilty = truth(home, "fraud").filter(~pl.col("innocent"))
    assert set(guilty["kind"]) == {kind for kind, _ in rings.KINDS}


def test_shells_share_person_phone_address_and_account_and_are_young(people: Population) -> None:
    shells = np.flatnonzero(rings.is_shell(people))
    assert len(shells) >= 10
    sub = people.take(shells)
    ring = rings.membership(people).ring[shells]
    frame = pl.DataFrame(
        {
            "ring": ring,
            "person": sub.person,
            "phone": sub.phone,
            "seat": sub.address_at(0),
            "account": finance.account(sub),
        }
    )
    assert (frame.group_by("ring").agg(pl.all().n_unique()).drop("ring").to_numpy() == 1).all()
    first, _ = rings.months_of(sub)
    assert ((first - sub.birth_month >= 1) & (first - sub.birth_month <= 3)).all()
    paid = programs.pay_month(sub, programs.PROGRAMMES[1])
    assert (paid[sub.death_month > first + 1] == (first + 1)[sub.death_month > first + 1]).all()


def test_movers_come_are_paid_and_go(home: Path) -> None:
    movers = truth(home, "fraud").filter((pl.col("kind") == "move_claim_move") & ~pl.col("innocent"))["eid"].to_list()
    people = population(7, 0, 2_000).take(np.array(sorted(movers)))
    alive = people.death_month > people.returned_month
    paid = programs.pay_month(people, programs.PROGRAMMES[1])
    assert alive.any()
    assert ((people.moved_month < paid) & (paid < people.returned_month))[alive].all()
    here, there = people.region_at(calendar.LAST_MONTH), people.region_at(int(people.moved_month.max()))
    assert (here == people.region).all()
    assert (here != there)[alive].any()
    alter = clean(home, "market_E_ALTER").filter(
        (pl.col("ALTITEM") == "06") & pl.col("eid").is_in(people.ids[alive].tolist())
    )
    twice = (
        alter.sort("ALTDATE")
        .group_by("eid", maintain_order=True)
        .agg("ALTBE", "ALTAF")
        .filter(pl.col("ALTBE").list.len() == 2)
    )
    assert twice.height >= 1
    for row in twice.iter_rows(named=True):
        assert row["ALTBE"][0] == row["ALTAF"][1]
        assert row["ALTAF"][0] == row["ALTBE"][1]


def test_a_sold_patent_leaves_its_applicant(people: Population) -> None:
    patents = ip.Patents(people)
    sold = np.flatnonzero(patents.sold < 900_000)
    assert len(sold) > 3
    assert not patents.joint[sold].any()
    for k in sold[:5].tolist():
        day = int(patents.sold[k])
        assert patents.held(day - 1)[k] and not patents.held(day)[k]
    told = ip.statuses(people).filter(pl.col("code") == "转让")
    assert len(told) == len(sold)
    assert set(told["from"]) <= set(ip.patents_table(people)["ap"])
