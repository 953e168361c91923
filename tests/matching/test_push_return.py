"""What comes back is believed as it came: partial, doubled, returned, late, or from a line that was never ours."""

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.push.receipts import RECEIPTS, SENT_LINES, answered, strays, wishes
from matching.push.settle import GRANTED, PAID, STATES, kept, settled, unlisted

SINCE = dt.date(2025, 1, 26)
AWARD = ("L", "E1", "9146", "a", "2025", "", Decimal("100.00"), SINCE)


def after(*payments: tuple[dt.date, str], award: tuple[object, ...] = AWARD) -> dict[str, object]:
    granted = pl.DataFrame([award], schema=GRANTED, orient="row")
    rows = [("E1", "a", day, Decimal(amount)) for day, amount in payments]
    return settled(granted, pl.DataFrame(rows, schema=PAID, orient="row")).row(0, named=True)


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
    row = after((SINCE, "100.00"), award=("L", "E2", "9147", "a", "2025", "", Decimal("100.00"), SINCE))
    assert row["state"] == "waiting"


def together(awards: list[tuple[str, str, str, dt.date]], *payments: tuple[str, str]) -> list[tuple[str, str]]:
    """(state, net) of several awards (list, unit, amount, since) of E1 for item a, as they were given."""
    rows = [(name, "E1", "9146", "a", name, unit, Decimal(due), since) for name, unit, due, since in awards]
    paid = [("E1", "a", dt.date.fromisoformat(day), Decimal(amount)) for day, amount in payments]
    other = [("E2", "9147", "a", SINCE, "7"), ("E1", "9146", "b", SINCE, "7")]
    rows += [("Z", firm, uscc, item, "Z", "", Decimal(due), since) for firm, uscc, item, since, due in other]
    found = settled(pl.DataFrame(rows, schema=GRANTED, orient="row"), pl.DataFrame(paid, schema=PAID, orient="row"))
    assert found.height == len(rows) and set(found.filter(pl.col("list_id") == "Z")["state"]) == {"waiting"}
    mine = {
        (row["list_id"], row["claim_unit"]): (row["state"], str(row["paid_yuan"]))
        for row in found.iter_rows(named=True)
    }
    return [mine[name, unit] for name, unit, _, _ in awards]


FEBRUARY, MARCH = dt.date(2025, 2, 25), dt.date(2025, 3, 25)
MONTHS = [("J", "", "100", SINCE), ("K", "", "100", FEBRUARY), ("M", "", "100", MARCH)]
UNITS = [("L", "p1", "30", SINCE), ("L", "p2", "30", SINCE), ("L", "p3", "40", SINCE)]


@pytest.mark.parametrize(
    ("awards", "payments", "states"),
    [
        # a monthly award: each month's money settles one month, whenever it comes
        (MONTHS, [("2025-02-08", "100")], ["paid 100.00", "waiting 0.00", "waiting 0.00"]),
        (MONTHS, [("2025-02-08", "100"), ("2025-03-08", "100")], ["paid 100.00", "paid 100.00", "waiting 0.00"]),
        (MONTHS, [("2025-04-01", "100"), ("2025-04-01", "100")], ["paid 100.00", "paid 100.00", "waiting 0.00"]),
        (MONTHS, [("2025-04-08", "200")], ["paid 100.00", "paid 100.00", "waiting 0.00"]),
        (MONTHS, [("2025-02-08", "100"), ("2025-02-09", "100")], ["over 200.00", "waiting 0.00", "waiting 0.00"]),
        (MONTHS, [("2025-01-08", "100")], ["waiting 0.00", "waiting 0.00", "waiting 0.00"]),
        # units: one by one in any order, in one sum, one of them returned
        (UNITS, [("2025-02-08", "40"), ("2025-02-08", "30"), ("2025-02-09", "30")], ["paid 30.00", "paid 30.00", "paid 40.00"]),
        (UNITS, [("2025-02-08", "100")], ["paid 30.00", "paid 30.00", "paid 40.00"]),
        (UNITS, [("2025-02-08", "100"), ("2025-03-01", "-40")], ["paid 30.00", "paid 30.00", "returned 0.00"]),
        (UNITS, [("2025-02-08", "100"), ("2025-03-01", "-100")], ["returned 0.00"] * 3),
        (UNITS, [("2025-02-08", "50")], ["paid 30.00", "partial 20.00", "waiting 0.00"]),
        (UNITS, [("2025-02-08", "100"), ("2025-02-09", "5")], ["paid 30.00", "paid 30.00", "over 45.00"]),
    ],
)  # fmt: skip
def test_money_of_one_firm_and_item_settles_each_award_once(
    awards: list[tuple[str, str, str, dt.date]], payments: list[tuple[str, str]], states: list[str]
) -> None:
    assert [f"{state} {net}" for state, net in together(awards, *payments)] == states
    assert [f"{state} {net}" for state, net in reversed(together(awards[::-1], *payments[::-1]))] == states


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 80), st.integers(-150, 150).filter(bool)), max_size=8))
def test_no_fen_is_lost_or_counted_twice_among_awards(payments: list[tuple[int, int]]) -> None:
    said = [((SINCE + dt.timedelta(days=n)).isoformat(), str(amount)) for n, amount in payments]
    for awards in (MONTHS, UNITS):
        found = together(awards, *said)
        assert sum(Decimal(net) for _, net in found) == sum(amount for _, amount in payments)
        due = {"paid": 0, "split": 0}
        for (_, _, amount, _), (state, net) in zip(awards, found, strict=True):
            assert (state in due) == (Decimal(net) == Decimal(amount)) and (state == "over") == (
                Decimal(net) > Decimal(amount)
            )


def test_money_that_no_list_and_no_application_named_is_told() -> None:
    rows = [
        ("E1", "a", "2025-02-08", "100"), ("E2", "a", "2025-02-08", "60"), ("E2", "a", "2025-02-08", "40"),
        ("E2", "b", "2025-02-09", "7"), ("E3", "a", "2025-01-25", "100"), ("E4", "a", "2025-02-08", "50"),
        ("E4", "a", "2025-03-01", "-50"),
    ]  # fmt: skip
    paid = pl.DataFrame(
        [(firm, item, dt.date.fromisoformat(day), Decimal(yuan)) for firm, item, day, yuan in rows], schema=PAID, orient="row"
    )  # fmt: skip
    accounted = pl.DataFrame([("E1", "a"), ("E2", "b")], schema={"enterprise_id": pl.String, "item_id": pl.String}, orient="row")  # fmt: skip
    assert unlisted(paid, accounted, SINCE).rows() == [("E2", "a", dt.date(2025, 2, 8), Decimal("100.00"))]
    assert unlisted(paid, accounted.clear(), SINCE)["item_id"].to_list() == ["a", "a", "b"]


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
