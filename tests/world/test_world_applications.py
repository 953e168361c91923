"""即申即享 applications arrive undecided with what the applicant declares, and end by our payment or by nobody's answer."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl

from data.world.applications import Book, Filed, ended, filed, offers, paid
from data.world.population import population

DAY = dt.date(2025, 2, 24)
ASKED = {"上年度营业收入不低于2000万元": ("revenue_last_year",), "社保参保不少于5人": ("employees_insured",)}
PEOPLE = population(7, 0, 600)
# those who trade and employ, so that there is something to say
# in the order of a list, which is not that of the ids
FIRMS = PEOPLE.take(np.flatnonzero(PEOPLE.is_firm & (PEOPLE.birth_month < 380) & (PEOPLE.death_month > 430))[::-1])


def apply(book: Book, lacks: str | None, turn: int = 1) -> tuple[pl.DataFrame, pl.DataFrame]:
    told = np.ones(len(FIRMS), dtype=np.bool_)
    cases, said = filed(book, Filed("x", FIRMS, told, [lacks] * len(FIRMS)), ASKED, DAY, turn)
    return (cases[0] if cases else pl.DataFrame()), (said[0] if said else pl.DataFrame())


def test_items_paid_on_application_know_what_may_be_declared() -> None:
    found = offers()
    assert found and any(names for asked in found.values() for names in asked.values())


def test_an_application_comes_undecided_with_what_its_list_lacks(tmp_path: Path) -> None:
    book = Book.of(tmp_path)
    cases, said = apply(book, "社保参保不少于5人（缺数据，可申明）")
    assert cases["决定"].null_count() == len(FIRMS) == book.open.height
    assert set(said["指标名"]) == {"employees_insured"}
    assert set(said["办件编号"]) <= set(cases["办件编号"])
    unasked = Book.of(tmp_path)
    assert set(apply(unasked, None)[1]["指标名"]) == {"employees_insured", "revenue_last_year"}
    assert apply(book, None, 2)[0].is_empty(), "an open application is not filed again"


def test_one_in_ten_inflates_and_the_book_says_who(tmp_path: Path) -> None:
    book, true = Book.of(tmp_path), Book.of(tmp_path)
    said = apply(book, None)[1].sort("办件编号", "指标名")
    lies = 1 - book.rows["honest"].mean()  # type: ignore[operator]
    assert 0.05 < lies < 0.15
    liars = set(book.rows.filter(~pl.col("honest"))["case_no"])
    told = apply(true, None)[1].sort("办件编号", "指标名")
    assert told.equals(said), "the same draw each time"
    assert liars <= set(said["办件编号"])


def test_payment_ends_an_application_and_silence_refuses_it(tmp_path: Path) -> None:
    book = Book.of(tmp_path)
    apply(book, None)
    lucky = str(book.open["uscc"][0])
    folder = tmp_path / "lists" / "decision.x.2025.0"
    folder.mkdir(parents=True)
    (folder / "payment.csv").write_text(f"uscc,item_id,amount_yuan\n{lucky},x,1200.50\n", encoding="utf-8")
    assert paid(tmp_path) == {(lucky, "x"): Decimal("1200.50")}
    by_code = {code: k for k, code in enumerate(FIRMS.uscc.to_list())}

    def end(turn: int) -> list[pl.DataFrame]:
        waiting = FIRMS.take(np.array([by_code[code] for code in book.open["uscc"]], dtype=np.int64))
        return ended(book, waiting, paid(tmp_path), DAY, turn)

    (row,) = end(2)[0].select("申报主体码", "决定", "核定金额").rows()
    assert row == (lucky, "通过", "1200.50")
    refused = end(3)[0]
    assert set(refused["决定"]) == {"不通过"} and refused.height == len(FIRMS) - 1
    assert end(4) == [] and book.open.is_empty()
    book.keep()
    assert json.loads(Book.of(tmp_path).rows.select(pl.col("ended").min()).write_json()) == [{"ended": 2}]
