"""What comes back is believed as it came: partial, doubled, returned, late, or from a line that was never ours."""

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.push.receipts import RECEIPTS, SENT_LINES, answered, strays, wishes
from matching.push.settle import GRANTED, PAID, STATES, kept, settled

SINCE = dt.date(2025, 1, 26)
AWARD = ("E1", "9146", "a", "2025", Decimal("100.00"))


def after(*payments: tuple[dt.date, str], award: tuple[object, ...] = AWARD) -> dict[str, object]:
    granted = pl.DataFrame([award], schema=GRANTED, orient="row")
    rows = [("E1", "a", day, Decimal(amount)) for day, amount in payments]
    return settled(granted, pl.DataFrame(rows, schema=PAID, orient="row"), SINCE).row(0, named=True)


@pytest.mark.parametrize(
    ("payments", "state", "net"),
    [
        ((), "waiting", "0.00"),
        ((("2025-02-08", "100.00"),), "paid", "100.00"),
        ((("2025-02-08", "60.00"), ("2025-02-20", "40.00")), "split", "100.00"),
        ((("2025-02-08", "60.00"),), "partial", "60.00"),
        ((("2025-02-08", "100.00"), ("2025-03-01", "-100.00")), "returned", "0.00"),
        ((("2025-02-08", "100.00"), ("2025-03-01", "-30.00")), "partial", "70.00"),
        ((("2025-02-08", "100.00"), ("2025-02-09", "100.00")), "over", "200.00"),
        ((("2025-02-08", "100.01"),), "over", "100.01"),
        ((("2025-01-25", "100.00"),), "waiting", "0.00"),
    ],
)
def test_every_way_of_paying_has_its_state(payments: tuple[tuple[str, str], ...], state: str, net: str) -> None:
    row = after(*((dt.date.fromisoformat(day), amount) for day, amount in payments))
    assert (row["state"], row["paid_yuan"]) == (state, Decimal(net))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-10_000, 10_000).filter(bool), max_size=5))
def test_paid_in_full_means_to_the_fen(fen: list[int]) -> None:
    row = after(*((SINCE + dt.timedelta(days=n), str(Decimal(amount) / 100)) for n, amount in enumerate(fen)))
    assert row["paid_yuan"] == Decimal(sum(fen)) / 100
    assert row["state"] in STATES
    assert (row["state"] in ("paid", "split")) == (sum(fen) == 10_000)
    assert (row["state"] == "over") == (sum(fen) > 10_000)


def test_another_firms_money_settles_nothing() -> None:
    row = after((SINCE, "100.00"), award=("E2", "9147", "a", "2025", Decimal("100.00")))
    assert row["state"] == "waiting"


@pytest.mark.parametrize(
    ("payments", "stays"),
    [
        ((("2024-02-08", "60"), ("2024-02-08", "40")), [("2024-02-08", "100")]),
        ((("2024-02-08", "100"), ("2024-03-01", "-100")), []),
        ((("2024-02-08", "100"), ("2024-03-01", "-100"), ("2024-03-09", "100")), [("2024-03-09", "100")]),
        ((("2024-02-08", "50"), ("2024-06-08", "30"), ("2024-07-01", "-50")), [("2024-06-08", "30")]),
        ((("2024-02-08", "50"), ("2024-06-08", "30"), ("2024-07-01", "-40")), [("2024-02-08", "40")]),
        ((("2024-03-01", "-100"), ("2024-03-09", "100")), [("2024-03-09", "100")]),
        ((("2024-02-08", "100"), ("2024-03-01", "-130")), []),
    ],
)
def test_money_that_came_back_is_no_payment(
    payments: tuple[tuple[str, str], ...], stays: list[tuple[str, str]]
) -> None:
    mine = [("E1", "a", dt.date.fromisoformat(day), Decimal(amount)) for day, amount in payments]
    others = [("E1", "b", dt.date(2024, 1, 5), Decimal(7)), ("E2", "a", dt.date(2024, 1, 5), Decimal(7))]
    found = kept(pl.DataFrame(mine + others, schema=PAID, orient="row"))
    assert found.schema == pl.Schema(PAID)
    expected = [("E1", "a", dt.date.fromisoformat(day), Decimal(amount)) for day, amount in stays]
    assert found.rows() == [*expected, *others]


AT = dt.datetime(2025, 1, 27, 9)


def heard(*rows: tuple[str, str, str, int]) -> pl.DataFrame:
    said = [(ref, key, status, AT + dt.timedelta(hours=hours)) for ref, key, status, hours in rows]
    return pl.DataFrame(said, schema=RECEIPTS, orient="row")


LINES = pl.DataFrame(
    [("L", "k1", "E1"), ("L", "k2", "E2"), ("L", "k2", "E3"), ("M", "k1", "E4")], schema=SENT_LINES, orient="row"
)


def test_the_strongest_answer_stands_and_strangers_are_left_out() -> None:
    receipts = heard(
        ("L", "k1", "clicked", 5), ("L", "k1", "delivered", 1), ("L", "k1", "clicked", 2), ("L", "k2", "failed", 1),
        ("L", "k2", "opted_out", 3), ("X", "k1", "opted_out", 1), ("M", "k9", "opted_out", 1),
    )  # fmt: skip
    states = answered(LINES, receipts)
    assert states.select("enterprise_id", "state").rows() == [
        ("E1", "clicked"), ("E2", "opted_out"), ("E3", "opted_out"), ("E4", "waiting"),
    ]  # fmt: skip
    assert states["occurred_at"].to_list()[0] == AT + dt.timedelta(hours=2)
    # the reply to a shared telephone's digest speaks for every firm of it, and for nobody else
    assert wishes(LINES, receipts).rows() == [("E2", "message", AT.date()), ("E3", "message", AT.date())]
    assert answered(LINES, receipts.reverse()).equals(states)
    never = heard(("L9", "k1", "opted_out", 1), ("L", "nobody", "delivered", 1))
    assert strays(LINES, receipts).select("list_id", "line_key").rows() == [("M", "k9"), ("X", "k1")]
    assert strays(LINES, pl.concat([receipts, never])).height == 4
    assert answered(LINES, pl.concat([receipts, never])).equals(states), "what was never sent changes nothing"
    assert wishes(LINES, never).is_empty()
    assert answered(LINES.clear(), receipts).is_empty()
