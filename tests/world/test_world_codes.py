"""Codes by their standards, names unique per registrar; checked by python-stdnum."""

from __future__ import annotations

import numpy as np
import polars as pl
from stdnum.cn import uscc
from stdnum.iso7064 import mod_11_2, mod_11_10

from data.world import codes, pools, succession
from data.world.entity import COLLECTIVE
from data.world.population import population
from data.world.views.persons import Talents

PEOPLE = population(7, 0, 3000)


def test_usccs_pass_stdnum_and_are_unique() -> None:
    kinds = PEOPLE.kind.tolist()
    for code, kind in zip(PEOPLE.uscc.to_list(), kinds, strict=True):
        if kind == COLLECTIVE:
            # stdnum demands eight leading digits and rejects the N of village collectives.
            assert code.startswith("N2")
            assert uscc.calc_check_digit(code[:17]) == code[17]
        else:
            assert uscc.is_valid(code), code
    assert PEOPLE.uscc.n_unique() == len(PEOPLE)


def test_organisation_codes_have_their_inner_check() -> None:
    weights, values = (3, 7, 9, 10, 5, 8, 4, 2), "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for code in PEOPLE.org_code.head(500).to_list():
        rest = 11 - sum(values.index(c) * w for c, w in zip(code[:8], weights, strict=True)) % 11
        assert code[8] == {10: "X", 11: "0"}.get(rest, str(rest))


def test_uscc_holds_the_organisation_code() -> None:
    frame = pl.DataFrame({"u": PEOPLE.uscc, "o": PEOPLE.org_code})
    assert frame.select((pl.col("u").str.slice(8, 9) == pl.col("o")).all()).item()


def test_registration_numbers_pass_iso_7064() -> None:
    numbers = PEOPLE.regno.to_list()
    assert all(mod_11_10.is_valid(n) for n in numbers)
    assert len(set(numbers)) == len(numbers)


def test_names_are_unique_over_a_hundred_thousand_but_for_those_given_again_and_those_of_persons() -> None:
    people = population(7, 0, 100_000)
    apart = pl.Series(succession.name_again(people) | succession.trades_in_person(people))
    names = pl.concat([people.name.filter(~apart), people.new_name.drop_nulls()])
    assert names.n_unique() == len(names)


def test_patent_numbers_know_a_published_one() -> None:
    made = codes.patent_numbers(np.array([2017]), np.array([1]), np.array([601862]))
    assert made == ["201710601862.3"]


def test_persons_have_impossible_but_checked_numbers() -> None:
    numbers = Talents(PEOPLE).number.to_list()
    assert len(numbers) > 50
    assert all(n.startswith("990000") and mod_11_2.is_valid(n) for n in numbers)


def test_yangpu_firms_carry_the_old_registrar() -> None:
    yangpu = PEOPLE.park == [p.id for p in pools.PARKS].index("park-yangpu")
    assert yangpu.sum() > 5
    assert all(c[2:8] == "460300" for c in PEOPLE.uscc.filter(pl.Series(yangpu)).to_list())
