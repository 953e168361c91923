"""The effect of telling is recovered within its interval as often as the interval says."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from evaluation.uplift import ARMS, CASES, MESSAGES, UNITS, trial, uplift


def units(*cells: tuple[str, str, int, int]) -> pl.DataFrame:
    rows = [(stratum, arm, n < k) for stratum, arm, k, size in cells for n in range(size)]
    return pl.DataFrame(rows, schema=UNITS, orient="row")


def test_strata_are_weighted_by_size_and_one_sided_strata_left_out() -> None:
    found = uplift(
        units(
            ("a", "treated", 30, 100),
            ("a", "holdout", 10, 50),
            ("b", "treated", 5, 40),
            ("b", "holdout", 0, 10),
            ("c", "treated", 9, 9),
        )
    )
    assert (found.treated, found.held) == (140, 60)
    assert found.effect == pytest.approx(0.75 * (0.3 - 0.2) + 0.25 * (0.125 - 0.0))
    assert found.low is not None and found.high is not None and found.low < found.effect < found.high


def test_without_a_control_group_nothing_is_claimed() -> None:
    found = uplift(units(("a", "treated", 3, 10)))
    assert (found.treated, found.held, found.effect) == (10, 0, None)


def test_the_interval_covers_the_planted_effect() -> None:
    draw = np.random.default_rng(7)
    covered = 0
    for _ in range(300):
        cells = []
        for stratum, base, lift in (("a", 0.10, 0.10), ("b", 0.05, 0.14)):
            cells += [
                (stratum, "treated", int(draw.binomial(600, base + lift)), 600),
                (stratum, "holdout", int(draw.binomial(50, base)), 50),
            ]
        found = uplift(units(*cells))
        assert found.low is not None and found.high is not None
        covered += found.low <= 0.12 <= found.high
    assert 0.92 <= covered / 300 <= 0.99


def drawn(day: str, *rows: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        [(firm, "甲", "2025", arm, dt.date.fromisoformat(day)) for firm, arm in rows], schema=ARMS, orient="row"
    )


def sent(*rows: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        [(firm, "甲", "2025", dt.date.fromisoformat(day)) for firm, day in rows], schema=MESSAGES, orient="row"
    )


def filed(*rows: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame([(firm, "甲", dt.date.fromisoformat(day)) for firm, day in rows], schema=CASES, orient="row")


def test_a_control_group_that_was_told_within_the_window_ends_its_whole_wave() -> None:
    arms = pl.concat(
        [
            drawn("2025-01-01", ("told", "treated"), ("held", "holdout"), ("let go", "holdout")),
            drawn("2025-03-01", ("later", "treated"), ("kept", "holdout"), ("early", "treated")),
            drawn("2025-05-20", ("young", "treated"), ("fresh", "holdout")),
        ]
    )
    messages = sent(
        ("told", "2025-01-02"), ("let go", "2025-01-31"), ("later", "2025-03-02"), ("kept", "2025-04-01"),
        ("early", "2025-02-01"), ("young", "2025-05-21"),
    )  # fmt: skip
    cases = filed(("let go", "2025-02-10"), ("later", "2025-03-31"), ("kept", "2025-04-10"), ("early", "2025-03-05"))
    found = trial(arms, messages, cases, dt.date(2025, 6, 1))
    assert dict(found.select("enterprise_id", "left_out").iter_rows()) == {
        "told": "观察期内对照组已补发", "held": "观察期内对照组已补发", "let go": "观察期内对照组已补发",
        "later": None, "kept": None, "early": "分组前已推送", "young": "未满观察期", "fresh": "未满观察期",
    }  # fmt: skip
    # who was let go applied after the thirty days, and so did who was kept: neither is an answer of somebody untold
    assert found.filter("obtained")["enterprise_id"].to_list() == ["early", "later"]


def test_releasing_the_control_group_does_not_shrink_the_effect() -> None:
    """Controls told after a month answer as the treated did; what they do then must not count against telling."""
    draw = np.random.default_rng(11)
    rows, messages, cases = [], [], []
    for n in range(8_000):
        held = n % 4 == 0
        answer = draw.uniform()
        rows.append((f"f{n}", "holdout" if held else "treated"))
        messages.append((f"f{n}", "2025-02-02" if held else "2025-01-02"))
        if answer < (0.05 if held else 0.20):
            cases.append((f"f{n}", "2025-01-15"))
        elif held and answer < 0.20:
            cases.append((f"f{n}", "2025-02-15"))
    units_ = trial(drawn("2025-01-01", *rows), sent(*messages), filed(*cases), dt.date(2025, 3, 1))
    found = uplift(units_.select("stratum", "arm", "obtained"))
    assert found.low is not None and found.high is not None
    assert found.low <= 0.15 <= found.high
    assert found.held_share == pytest.approx(0.05, abs=0.015)
