"""Awards counted per unit: divided to the fen, each unit once for ever, and nobody paid for units nobody can name."""

import datetime as dt
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.push import inputs as shapes
from matching.push.fingerprint import unit_key
from matching.push.inputs import Dates, Inputs
from matching.push.select import propose

AS_OF = dt.date(2024, 12, 18)
DATES = Dates(AS_OF, dt.datetime(2024, 12, 18, 23, 59, 59), AS_OF, "b0", b"k" * 32)


def inputs(amounts: dict[str, Decimal], units: list[tuple[str, str, int | None]], **history: Any) -> Inputs:
    item = {"item_id": "a", "version": 1, "mode": "免申即享", "entity": "enterprise", "cycle": "year", "award_expr": "1", "title": "甲",
            "issuer": "乙", "claim_unit": "patent"}  # fmt: skip
    pairs = [
        {"enterprise_id": firm, "item_id": "a", "version": 1, "verdict": "eligible", "bar": "clear", "amount_yuan": amount}
        for firm, amount in amounts.items()
    ]  # fmt: skip
    return Inputs(
        pairs=pl.DataFrame(pairs, schema=shapes.PAIRS, orient="row"),
        items=pl.DataFrame([item], schema=shapes.ITEMS, orient="row"),
        conditions=shapes.empty(shapes.CONDITIONS),
        enterprises=pl.DataFrame([{"enterprise_id": firm} for firm in amounts], schema=shapes.ENTERPRISES),
        units=pl.DataFrame([(firm, "a", unit, n) for firm, unit, n in units], schema=shapes.UNITS, orient="row"),
        **history,
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 100_000_00), st.integers(1, 12))
def test_the_units_add_up_to_the_award(fen: int, n: int) -> None:
    amount = Decimal(fen) / 100
    proposal = propose(inputs({"E1": amount}, [("E1", f"ZL{k:02}", n) for k in range(n)]), DATES)
    paid = proposal.lines["amount_yuan"]
    short = proposal.suppressions.filter(pl.col("reason") == "amount_unknown").height  # fewer fen than units
    assert sum(paid, Decimal(0)) == amount and len(paid) + short == n
    assert max(paid) - min(paid) <= Decimal("0.01")
    assert proposal.lines["line_key"].to_list() == [unit_key("a", unit) for unit in proposal.lines["claim_unit"]]


def test_a_unit_paid_before_is_left_out_and_the_others_are_paid() -> None:
    claimed = pl.DataFrame([("a", "ZL2", "L0")], schema=shapes.CLAIMED, orient="row")
    proposal = propose(inputs({"E1": Decimal(15000)}, [("E1", f"ZL{k}", 3) for k in (1, 2, 3)], claimed=claimed), DATES)
    assert proposal.lines.select("claim_unit", "amount_yuan").sort("claim_unit").rows() == [
        ("ZL1", Decimal("5000.00")),
        ("ZL3", Decimal("5000.00")),
    ]
    assert proposal.suppressions.select("reason", "detail").rows() == [("unit_claimed", "ZL2 已由名单 L0 兑现")]


def test_one_unit_of_two_firms_goes_to_one() -> None:
    proposal = propose(inputs({"E1": Decimal(5000), "E2": Decimal(5000)}, [("E1", "ZL1", 1), ("E2", "ZL1", 1)]), DATES)
    assert proposal.lines["enterprise_id"].to_list() == ["E1"]
    assert proposal.suppressions["reason"].to_list() == ["unit_claimed"]


def test_units_nobody_names_or_that_do_not_add_up_are_not_paid() -> None:
    assert propose(inputs({"E1": Decimal(5000)}, []), DATES).suppressions["reason"].to_list() == ["unit_unknown"]
    other = propose(inputs({"E1": Decimal(15000)}, [("E1", "ZL1", 3)]), DATES)
    assert other.suppressions["detail"].to_list() == ["名册有 1 个兑现单元，奖励按 3 个计算"]


def test_money_of_finance_that_names_no_unit_stops_the_rest_until_it_is_explained() -> None:
    def paid(*rows: tuple[str, int]) -> pl.DataFrame:
        return pl.DataFrame(
            [("E1", "a", "2024", AS_OF, Decimal(yuan), source) for source, yuan in rows],
            schema=shapes.AWARDS,
            orient="row",
        )

    units = [("E1", "ZL1", 2), ("E1", "ZL2", 2)]
    stopped = propose(inputs({"E1": Decimal(10000)}, units, awards=paid(("兑现台账", 5000))), DATES)
    assert set(stopped.suppressions["reason"]) == {"already_paid"} and stopped.lines.is_empty()
    ours = pl.DataFrame([("a", "ZL1", "L0")], schema=shapes.CLAIMED, orient="row")
    explained = propose(
        inputs({"E1": Decimal(10000)}, units, awards=paid(("兑现台账", 5000), ("L0", 5000)), claimed=ours), DATES
    )
    assert explained.lines["claim_unit"].to_list() == ["ZL2"]
