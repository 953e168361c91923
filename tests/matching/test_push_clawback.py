"""What was paid against what today's knowledge of that day says: asked back, paid on top, or looked at by a person."""

from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from matching.push.clawback import GRANTED, differences
from matching.push.inputs import PAIRS
from tests.matching.push_frames import pair

AWARD = pl.DataFrame([("L", "E1", "9146E1", "a", 1, Decimal("100.00"))], schema=GRANTED, orient="row")


@pytest.mark.parametrize(
    ("now", "proposal", "difference"),
    [
        ({"verdict": "ineligible", "failed": ["c1"], "met": []}, "clawback", "-100.00"),
        ({"bar": "barred", "bars": ["失信"]}, "clawback", "-100.00"),
        ({"amount_yuan": Decimal("60.00")}, "clawback", "-40.00"),
        ({"amount_yuan": Decimal("150.00")}, "topup", "50.00"),
        ({"verdict": "unknown", "unknown": ["c1"], "met": []}, "review", "0"),
        ({"bar": "unknown", "bars": ["失信"]}, "review", "0"),
        ({"amount_yuan": None}, "review", "0"),
        ({"version": 2}, "review", "0"),
    ],
)
def test_every_change_since_the_payment_has_its_proposal(now: dict[str, Any], proposal: str, difference: str) -> None:
    pairs = pl.DataFrame([pair("E1", "a", amount_yuan=Decimal("100.00")) | now], schema=PAIRS)
    (row,) = differences(AWARD, pairs).to_dicts()
    assert (row["proposal"], row["difference_yuan"]) == (proposal, Decimal(difference)) and row["why"]


def test_what_stands_is_not_on_the_list() -> None:
    pairs = pl.DataFrame([pair("E1", "a", amount_yuan=Decimal("100.00")), pair("E2", "a", "ineligible")], schema=PAIRS)
    assert differences(AWARD, pairs).is_empty()
