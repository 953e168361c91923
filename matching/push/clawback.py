"""Awards judged again by what is known today of the day they were granted on: what to ask back, what to pay on top, what a person must see."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import polars as pl

from matching.push.inputs import Schema

GRANTED: Final[Schema] = {
    "list_id": pl.String,
    "enterprise_id": pl.String,
    "uscc": pl.String,
    "item_id": pl.String,
    "version": pl.Int64,
    "granted_yuan": pl.Decimal(18, 2),
}
PROPOSALS: Final = {"clawback": "追回", "topup": "补发", "review": "核实"}
DIFFERENCE: Final[Schema] = {**GRANTED, "proposal": pl.String, "difference_yuan": pl.Decimal(18, 2), "why": pl.String}


def differences(granted: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """The awards (GRANTED, one day) that would not be granted so any more, in the shape of DIFFERENCE; amounts of `clawback` are negative.

    `now` are the pairs of the same day as known today (columns of match.pair, every verdict). An award that is certainly not due is asked
    back whole; another amount by the difference; what has become undecided is for a person, because evidence that is gone proves nothing.
    """
    rows: list[dict[str, Any]] = []
    known = {(row["enterprise_id"], row["item_id"], row["version"]): row for row in now.iter_rows(named=True)}
    for award in granted.sort("list_id", "uscc").iter_rows(named=True):
        pair = known.get((award["enterprise_id"], award["item_id"], award["version"]))
        found = _proposal(award["granted_yuan"], pair)
        if found is not None:
            proposal, difference, why = found
            rows.append({**award, "proposal": proposal, "difference_yuan": difference, "why": why})
    return pl.DataFrame(rows, schema=DIFFERENCE, orient="row")


def _proposal(granted: Decimal, pair: dict[str, Any] | None) -> tuple[str, Decimal, str] | None:
    nothing = Decimal(0)
    if pair is None:
        return "review", nothing, "按现在的资料已没有这一户或这一版事项"
    if pair["bar"] == "barred":
        return "clawback", -granted, f"命中排除情形：{'、'.join(pair['bars'] or [])}"
    if pair["verdict"] == "ineligible":
        return "clawback", -granted, f"未达到条件 {'、'.join(pair['failed'] or [])}"
    if pair["verdict"] != "eligible" or pair["bar"] != "clear":
        return "review", nothing, f"依据已不能确认：{'、'.join([*(pair['unknown'] or []), *(pair['bars'] or [])])}"
    if pair["amount_yuan"] is None:
        return "review", nothing, "金额已算不出"
    difference = pair["amount_yuan"] - granted
    if difference == 0:
        return None
    return ("topup" if difference > 0 else "clawback"), difference, f"现在算得 {pair['amount_yuan']} 元"
