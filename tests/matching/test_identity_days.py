"""Whole names that do not decide: the row is older than the enterprise, its house is another, or the name may be a person's."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from matching.identity import increment, model, scoring
from matching.identity.days import EARLY
from matching.identity.resolve import Register, resolve

NAME, FOUNDED = "海南瑚高港湾企业管理有限公司", date(2022, 12, 1)
COLUMNS = ("_subject_id", "uscc", "regno", "org_code", "tax_id", "local_kind", "local_id", "customs_code", "trade_code", "name", "legal_person",
           "region", "address", "phone_hash")  # fmt: skip
TEXT = pl.String


def register(*founded: date | None, person: str = "王甲", name: str = NAME, address: str | None = None) -> Register:
    """One enterprise of the name for each founding date."""
    ids = [f"e{i}" for i in range(len(founded))]
    nothing = pl.Series([None] * len(ids), dtype=TEXT)
    return Register(
        enterprises=pl.DataFrame(
            {
                "enterprise_id": ids,
                "legal_person": [person if i == 0 else f"{person}{i}" for i in range(len(ids))],
                "region": ["460106"] * len(ids),
                "phone_hash": nothing,
                "address": pl.Series([address] * len(ids), dtype=TEXT),
                "established_date": pl.Series(founded, dtype=pl.Date),
            }
        ),
        keys=pl.DataFrame(
            {"enterprise_id": ["e0"], "kind": ["uscc"], "code": ["91110000600037341L"]},
        ),
        names=pl.DataFrame(
            {"enterprise_id": ids, "name": [name] * len(ids), "valid_from": nothing, "valid_to": nothing}
        ),
    )


def said(day: date | None = None, **more: Any) -> pl.DataFrame:
    row = dict.fromkeys(COLUMNS) | {"_subject_id": "s", "name": NAME} | more
    frame = pl.DataFrame([row], schema=dict.fromkeys(COLUMNS, TEXT))
    return frame.with_columns(said_on=pl.lit(day, pl.Date))


def one(subjects: pl.DataFrame, known: Register, scorer: Any = None) -> tuple[str | None, str]:
    told = resolve(subjects, known, None, scorer).subject.row(0, named=True)
    return told["enterprise_id"], told["tier"]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (None, ("e0", "name")),
        (FOUNDED, ("e0", "name")),
        (date(2024, 1, 1), ("e0", "name")),
        (date(2022, 11, 30), (None, "review")),
        (date(2017, 4, 1), (None, "review")),
    ],
)
def test_a_name_that_was_used_before_its_bearer_was_founded(day: date | None, expected: tuple[str | None, str]) -> None:
    assert one(said(day), register(FOUNDED)) == expected
    assert one(said(day, legal_person="王甲"), register(FOUNDED)) == expected, "一人可先后用同一名称办两家"
    assert one(said(day), register(None)) == ("e0", "name"), "成立日期不明"
    assert one(said(day).drop("said_on"), register(FOUNDED)) == ("e0", "name")


def test_the_clerk_is_told_both_days_and_shown_the_bearer() -> None:
    told = resolve(said(date(2022, 5, 1)), register(FOUNDED))
    row = told.review.row(0, named=True)
    assert (row["enterprise_id"], row["reason"]) == ("e0", EARLY)
    assert "所记日期 2022-05-01 早于成立日期 2022-12-01" in row["why"]
    assert told.subject["why"].item() == f"待人工复核:{EARLY}"


def test_who_is_being_founded_goes_by_the_name_before_his_time() -> None:
    for written in ("海南瑚高港湾企业管理（筹）有限公司", "海南瑚高港湾企业管理有限公司(筹建)"):
        assert one(said(date(2021, 6, 1), name=written), register(FOUNDED)) == ("e0", "name"), written
        assert one(said(date(2020, 11, 30), name=written), register(FOUNDED)) == (None, "review"), written


def test_a_code_is_not_overruled_by_a_day() -> None:
    assert one(said(date(2017, 4, 1), uscc="91110000600037341L"), register(FOUNDED)) == ("e0", "key")


def test_of_two_bearers_the_one_who_did_not_exist_is_never_chosen() -> None:
    both = register(date(2015, 1, 1), FOUNDED)
    assert one(said(date(2016, 1, 1), legal_person="王甲"), both) == ("e0", "name")
    assert one(said(date(2016, 1, 1), legal_person="王甲1"), both) == (None, "review")
    assert one(said(date(2023, 1, 1), legal_person="王甲1"), both) == ("e1", "name")
    shown = resolve(said(date(2016, 1, 1), legal_person="王甲1"), both).review
    assert set(shown["enterprise_id"]) == {"e0", "e1"}


def test_a_place_in_the_name_is_not_enough_for_who_is_said_to_live_elsewhere() -> None:
    known = register(FOUNDED, address="海南省海口市龙华区国贸大道37号540室")
    assert one(said(address="海口市国贸大道３７号"), known) == ("e0", "name")
    assert one(said(address="海南省万宁市光明南路272号1413室"), known) == (None, "review")
    assert "门牌不一致" in resolve(said(address="海南省万宁市光明南路272号1413室"), known).review["why"].item()
    assert one(said(address="万宁市某村"), known) == ("e0", "name"), "没有门牌可比"
    # Firms move: the person, or the county, is word enough.
    assert one(said(address="海南省万宁市光明南路272号", legal_person="王甲"), known) == ("e0", "name")
    assert one(said(address="海南省海口市龙华区椰海大道1号", region="460106"), known) == ("e0", "name")


@pytest.mark.parametrize("bearers", [1, 2])
def test_a_persons_name_and_county_are_many_peoples(bearers: int) -> None:
    known = register(*[None] * bearers, name="韦文", person="韦文")
    assert one(said(name="韦文", region="460106"), known) == (None, "review")
    assert one(said(name="韦文", legal_person="韦文"), known) == ("e0", "name")


def test_a_person_is_no_slip_of_a_trader_who_sounds_like_him() -> None:
    """A list of natural persons, with their cards masked, put forty-six of them on traders by the sound of their names (300,000 enterprises)."""
    known = register(None, name="韦文", person="韦文")
    scorer = scoring.scorer(model.loaded())
    assert one(said(name="魏文", uscc="4601**********8676"), known, scorer) == (None, "review")
    assert one(said(name="魏文", legal_person="韦文"), known, scorer) == ("e0", "model")


def test_the_model_accepts_nobody_who_was_not_founded_yet() -> None:
    others = [f"海南{brand}商贸有限公司" for brand in ("瑞达", "海德", "腾飞", "宏图", "金椰")]
    known = register(FOUNDED)
    nothing = pl.lit(None, TEXT)
    more = pl.DataFrame({"enterprise_id": [f"o{i}" for i in range(len(others))], "name": others})
    known = Register(
        pl.concat([known.enterprises, more.select("enterprise_id", *[nothing.alias(c) for c in ("legal_person", "region", "phone_hash", "address")], established_date=pl.lit(None, pl.Date))]),
        known.keys,
        pl.concat([known.names, more.with_columns(valid_from=nothing, valid_to=nothing)]),
    )  # fmt: skip
    slip = {"name": "海南瑚膏港湾企业管理有限公司", "legal_person": "王甲"}
    scorer = scoring.scorer(model.loaded())
    assert one(said(date(2023, 1, 1), **slip), known, scorer) == ("e0", "model")
    told = resolve(said(date(2022, 5, 1), **slip), known, None, scorer)
    assert told.subject["enterprise_id"].item() is None
    assert told.review.select("enterprise_id", "reason").rows() == [("e0", EARLY)]


def test_a_day_learned_later_is_looked_at_again() -> None:
    """Another row of the same name, or the founding date itself, comes a night later."""
    undated, dated = said(None), said(date(2022, 5, 1))
    for (first, known), (then, knows) in (
        ((undated, register(FOUNDED)), (dated, register(FOUNDED))),
        ((dated, register(None)), (dated, register(FOUNDED))),
        ((dated, register(FOUNDED)), (undated, register(FOUNDED))),
    ):
        standing = increment.Standing(known, first, pl.DataFrame(schema={"_subject_id": TEXT, "enterprise_id": TEXT, "same": pl.Boolean}), resolve(first, known))  # fmt: skip
        again, looked_at = increment.resolve_again(standing, then, knows, None, None)
        batch = resolve(then, knows)
        assert looked_at == 1
        assert again.subject.equals(batch.subject) and again.review.equals(batch.review)
        assert not again.subject.equals(standing.resolution.subject)
