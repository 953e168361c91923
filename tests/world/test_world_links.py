"""What an entity is known by besides its own code and name: in the deliveries, and told by truth_link."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data import contract
from data.readers import read
from data.world import state, succession
from data.world.entity import INDIVIDUAL, LLC
from data.world.population import Population, population
from data.world.views import branch_tax, customs, taxpayers, vat

MONTH = 413
SALES = ("YSXSE", "MSXSE", "CKXSE")


@pytest.fixture(scope="module")
def people() -> Population:
    return population(7, 0, 12_000)


def _cents(frame: pl.DataFrame, *columns: str) -> pl.Series:
    return frame.select(
        pl.sum_horizontal(pl.col(c).str.replace(".", "", literal=True).cast(pl.Int64) for c in columns)
    ).to_series()


def test_a_branch_under_its_parents_number_declares_what_the_parent_does_not(people: Population) -> None:
    rows = vat.vat(people, MONTH, only=0)
    apart = rows.filter(pl.col("_defects").str.contains(branch_tax.DEFECT))
    assert len(apart) > 20
    of_branch = apart.with_columns(sales=_cents(apart, *SALES))
    assert 0.3 < (of_branch["sales"] == 0).mean() < 0.9, "every second one files zeros"
    parents = rows.filter(
        pl.col("_eid").is_in(apart["_eid"].implode()) & ~pl.col("_defects").str.contains(branch_tax.DEFECT)
    )
    both = pl.concat([apart, parents])
    assert both["DJXH"].n_unique() == 2 * apart["_eid"].n_unique()
    told = both.with_columns(sales=_cents(both, *SALES)).group_by("_eid").agg(pl.col("sales").sum(), pl.len())
    assert (told["len"] == 2).all()
    sub = people.take(np.flatnonzero(np.isin(people.ids, told["_eid"].to_numpy())))
    monthly = pl.DataFrame(
        {"_eid": sub.ids, "true": state.revenue_cents(sub, MONTH), "quarterly": taxpayers.is_quarterly(sub)}
    )
    seen = told.join(monthly, on="_eid").filter(~pl.col("quarterly"))
    exact = seen.filter(pl.col("sales") == pl.col("true"))
    assert len(exact) > 0.9 * len(seen), "rings alone declare more than they sold"


def test_the_branch_stands_on_the_tax_register_under_the_parents_code(people: Population) -> None:
    month = MONTH
    stock = taxpayers.registration(people, month, stock=True)
    branch = stock.filter(pl.col("_defects").str.contains(branch_tax.DEFECT))
    own = pl.DataFrame({"_eid": people.ids, "uscc": people.uscc, "name": people.name})
    told = branch.join(own, on="_eid")
    assert len(told) > 20
    assert (told["NSRSBH"] == told["uscc"]).all()
    assert told["NSRMC"].str.contains("分公司|分公").mean() > 0.9
    assert stock["DJXH"].n_unique() >= len(stock) - stock["_defects"].str.contains("two_tax_offices").sum()


def test_a_customs_code_changes_with_a_move_and_the_old_one_is_given_up(people: Population) -> None:
    changes = np.flatnonzero(customs.changes_code(people))
    sub = people.take(changes)
    seen = 0
    for place in range(len(sub)):
        one = sub.take(np.array([place]))
        moved = int(one.moved_month[0])
        if not 380 < moved < 418 or one.death_month[0] < moved + 8:
            continue
        before, after = (customs.registration(one, m) for m in (moved, moved + 2))
        assert before["海关编码"].to_list() != after["海关编码"].to_list()[:1]
        given_up = after.filter(pl.col("状态") == "注销")
        assert given_up["海关编码"].to_list() == before["海关编码"].to_list()
        assert given_up["信用代码"].to_list() or after["信用代码"][0]
        assert len(customs.registration(one, moved + 8)) == 1
        seen += 1
    assert seen >= 3


def test_a_name_is_given_again_a_year_after_its_bearer_closed() -> None:
    people = population(7, 0, 60_000)
    again = np.flatnonzero(succession.name_again(people))
    assert len(again) > 15
    new, old = people.take(again), people.take(again - 1)
    assert new.name.to_list() == old.name.to_list()
    assert (old.death_month + 12 <= new.birth_month).all()
    assert (old.kind == LLC).all()
    assert (new.kind == LLC).all()
    assert set(new.uscc.to_list()).isdisjoint(old.uscc.to_list())
    # At any one time a name belongs to one firm.
    firms = np.flatnonzero(people.kind == LLC)
    names = pl.DataFrame(
        {"name": people.name.gather(firms), "born": people.birth_month[firms], "gone": people.death_month[firms]}
    )
    twice = (
        names.filter(pl.len().over("name") > 1)
        .sort("name", "born")
        .with_columns(before=pl.col("gone").shift(1).over("name"))
    )
    assert len(twice) == 2 * len(again)
    assert (twice["before"] < twice["born"]).drop_nulls().all()


def test_some_traders_bear_their_owners_name(people: Population) -> None:
    own = np.flatnonzero(succession.trades_in_person(people))
    sub = people.take(own)
    assert 0.02 < len(own) / (people.kind == INDIVIDUAL).sum() < 0.04
    assert (sub.kind == INDIVIDUAL).all()
    assert sub.name.to_list() == sub.person.to_list()
    assert (succession.handed_over(sub)[0] != succession.CONVERSION).all()


def test_the_truth_tells_of_every_link(home: Path) -> None:
    links = pl.read_parquet(home / "truth" / "truth_link.parquet")
    entity = pl.read_parquet(home / "truth" / "truth_entity.parquet")
    assert set(links["kind"]) == {"branch_under_parent", "customs_code", "name_again", "trades_in_person"}
    record = pl.read_parquet(home / "truth" / "truth_record.parquet")
    for table, kind in (("SW_DJ_NSRXX", "branch_under_parent"), ("HG_QY", "customs_code")):
        marked = record.filter(
            (pl.col("table") == table) & pl.col("defects").str.contains(f"branch_under_parent|{kind}")
        )
        assert len(marked) > 0
        assert marked["eid"].is_in(links.filter(kind=kind)["eid"].implode()).all()
    again = links.filter(kind="name_again").join(entity.select("eid", "name"), left_on="other_eid", right_on="eid")
    assert (again["key"] == again["name"]).all()


def test_the_settlement_of_a_year_comes_as_parquet_and_reads_as_what_was_meant(home: Path) -> None:
    table = next(t for t in contract.tables() if t.key == "tax_income_tax")
    clean = pl.read_parquet(home / "truth" / "truth_clean" / "tax_SB_QYSDS.parquet")
    files = sorted(home.glob("landing/tax/*/SWJ_SB_QYSDS_*.parquet"))
    assert len(files) == 2
    for path in files:
        frame = read(path, table.forms["partner"], table).frame
        meant = clean.filter(pl.col("file") == path.relative_to(home).as_posix()).sort("row_no")
        assert len(frame) == len(meant) > 300
        for ours, theirs in (
            ("period_from_date", "SKSSQQ"),
            ("revenue_yuan", "YYSR"),
            ("staff_count", "CYRS"),
            ("djxh", "DJXH"),
        ):
            assert frame[ours].to_list() == meant[theirs].to_list()
