"""Budgets forecast on planted series: the interval holds what comes, the back-test tells when it does not, dates follow the money."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from evaluation.forecast import back_test, budget_forecast

LAST = dt.date(2024, 6, 30)


def seasonal(months: int, seed: int) -> list[float]:
    """Months ending in June, higher in summer, with noise."""
    rng = np.random.default_rng(seed)
    calendar = (5 - np.arange(months)[::-1]) % 12
    return [float(v) for v in 100 + 40 * np.sin(2 * np.pi * (calendar - 3) / 12) + rng.normal(0, 20, months)]


def test_the_interval_holds_eight_of_ten_years() -> None:
    held = 0
    for seed in range(200):
        months = seasonal(54, seed)
        found = budget_forecast(months[:42], LAST, 1e9, 0, 0, draws=400)
        held += found.low <= sum(months[42:48]) <= found.high
    assert 0.74 <= held / 200 <= 0.9


def test_a_series_like_its_past_is_believed_and_one_that_breaks_is_not() -> None:
    assert budget_forecast(seasonal(48, 1), LAST, 2000, 500, 0).doubt is None
    broken = [100.0] * 30 + [100.0 + 60 * n for n in range(12)]
    assert "回测" in (budget_forecast(broken, LAST, 2000, 500, 0).doubt or "")
    assert "时段" in (budget_forecast(seasonal(20, 1), LAST, 2000, 500, 0).doubt or "")


def test_an_even_flow_ends_on_the_day_the_money_is_gone() -> None:
    found = budget_forecast([100.0] * 24, LAST, 850, 600, 0)
    # 250 more at 100 a month: two months and half of September.
    assert (found.earliest, found.middle, found.latest) == (dt.date(2024, 9, 15),) * 3
    assert (found.expected, found.low, found.high, found.exhausted_share) == (1200, 1200, 1200, 1.0)
    assert budget_forecast([100.0] * 24, LAST, 1500, 600, 0).middle is None
    assert budget_forecast([100.0] * 24, LAST, 500, 600, 0).middle == dt.date(2024, 7, 1)


def test_what_is_approved_will_be_paid() -> None:
    assert budget_forecast([100.0] * 24, LAST, 5000, 600, 900).expected == pytest.approx(1500)
    assert budget_forecast([0.0] * 24, LAST, 5000, 0, 900).expected == pytest.approx(900)


def test_the_back_test_counts_windows_and_errors() -> None:
    flat = back_test(np.full(24, 50.0), 6)
    assert (flat.windows, flat.held, flat.error, flat.naive_error) == (10, 10, 0.0, 0.0)
    assert back_test(np.zeros(24), 6).error is None


@pytest.mark.parametrize(("months", "last", "said"), [([1.0] * 11, LAST, "11 个整月"), ([1.0] * 24, dt.date(2024, 6, 29), "月末")])  # fmt: skip
def test_what_cannot_be_forecast_says_why(months: list[float], last: dt.date, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        budget_forecast(months, last, 100, 0, 0)


def test_the_same_months_give_the_same_forecast() -> None:
    months = seasonal(36, 4)
    assert budget_forecast(months, LAST, 900, 100, 50) == budget_forecast(months, LAST, 900, 100, 50)
