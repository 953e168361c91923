"""The figures of the risk signs, counted by hand on ten claimants."""

import polars as pl
import pytest

from evaluation.risk import FLAGS, PLANTED, risk_quality

CLAIMANTS = pl.Series([f"E{n}" for n in range(10)])
# ring 1: E0 and E1; ring 2: E2; ring 3 claims nothing; ring 4 is innocent
RINGS = pl.DataFrame(
    [(1, False, "E0"), (1, False, "E1"), (2, False, "E2"), (3, False, "X9"), (4, True, "E3"), (4, True, "E0")],
    schema=PLANTED,
    orient="row",
)


def test_counted_by_hand() -> None:
    flags = pl.DataFrame(
        [("E1", "a"), ("E1", "b"), ("E1", "b"), ("E3", "a"), ("E3", "b"), ("E7", "a"), ("X9", "a")],
        schema=FLAGS,
        orient="row",
    )
    found = risk_quality(CLAIMANTS, flags, RINGS, ks=(1, 2, 3, 4))
    assert (found.claimants, found.guilty, found.flagged) == (10, 3, 3)
    assert found.precision_at_k == {1: 1.0, 2: 0.5, 3: pytest.approx(1 / 3), 4: None}
    assert (found.rings, found.rings_found, found.ring_recall) == (2, 1, 0.5)
    assert found.lookalikes_flagged == 1
    assert found.false_per_thousand == pytest.approx(1000 * 2 / 7)


def test_nothing_to_count_is_said_and_not_made_up() -> None:
    found = risk_quality(CLAIMANTS.clear(), pl.DataFrame(schema=FLAGS), RINGS.clear())
    assert found.ring_recall is None and found.false_per_thousand is None
    assert found.precision_at_k == {10: None, 50: None}


def test_a_rare_sign_outranks_a_common_one() -> None:
    flags = pl.DataFrame(
        [*((f"E{n}", "common") for n in range(3, 9)), ("E9", "common"), ("E2", "rare")], schema=FLAGS, orient="row"
    )
    assert risk_quality(CLAIMANTS, flags, RINGS, ks=(1,)).precision_at_k == {1: 1.0}
