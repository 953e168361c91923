"""The control group is sticky, balanced to one per stratum, and honest about what it can show."""

import datetime as dt
import math
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.push import inputs as shapes
from matching.push.holdout import HELD, TREATED, assign, keyed_unit, sample_ratio_p, smallest_visible_effect
from matching.push.inputs import Dates, Inputs, Limits
from matching.push.select import Proposal, propose

KEY = b"k" * 32


def units(names: list[str], stratum: str = "4601·小型") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "enterprise_id": names,
            "item_id": ["a"] * len(names),
            "cycle": ["2024"] * len(names),
            "stratum": [stratum] * len(names),
        },
        schema={"enterprise_id": pl.String, "item_id": pl.String, "cycle": pl.String, "stratum": pl.String},
    ).with_row_index("row")


NOBODY = shapes.empty(shapes.ARMS)


def arms(frame: pl.DataFrame) -> dict[str, str]:
    return dict(frame.select("enterprise_id", "arm").iter_rows())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 500), unique=True, max_size=60),
    st.lists(st.integers(501, 999), unique=True, max_size=60),
    st.floats(0.02, 0.5),
)
def test_an_arm_once_given_is_kept_and_strata_stay_balanced(first: list[int], later: list[int], share: float) -> None:
    early = [f"E{n}" for n in first]
    drawn = assign(units(early), NOBODY, KEY, share)
    earlier = drawn.select(*shapes.ARMS)
    everybody = early + [f"E{n}" for n in later]
    again = assign(units(everybody), earlier, KEY, share)
    assert {name: arm for name, arm in arms(again).items() if name in set(early)} == arms(drawn)
    held = sum(arm == HELD for arm in arms(again).values())
    assert abs(held - share * len(everybody)) < 1 + 1e-9
    # a firm that moved to another stratum keeps its arm too
    moved = assign(units(early, "4602·大型"), earlier, KEY, share)
    assert arms(moved) == arms(drawn)


def test_the_draw_depends_on_the_key_and_not_on_the_order() -> None:
    names = [f"E{n}" for n in range(200)]
    drawn = arms(assign(units(names), NOBODY, KEY, 0.1))
    assert arms(assign(units(names[::-1]), NOBODY, KEY, 0.1)) == drawn
    assert arms(assign(units(names), NOBODY, b"x" * 32, 0.1)) != drawn


def test_each_firm_is_held_out_with_the_stated_probability() -> None:
    names = [f"E{n}" for n in range(7)]
    trials = 1000
    held = dict.fromkeys(names, 0)
    for trial in range(trials):
        for name, arm in arms(assign(units(names), NOBODY, trial.to_bytes(32, "big"), 0.08)).items():
            held[name] += arm == HELD
    # standard error of one share is 0.009; five of them
    assert all(abs(n / trials - 0.08) < 0.043 for n in held.values())
    assert abs(sum(held.values()) / trials / 7 - 0.08) < 0.01


def test_keyed_unit_is_uniform_enough_and_parts_do_not_run_together() -> None:
    values = [keyed_unit(KEY, "unit", str(n)) for n in range(2000)]
    assert 0.47 < sum(values) / 2000 < 0.53 and min(values) >= 0 and max(values) < 1
    assert keyed_unit(KEY, "ab", "c") != keyed_unit(KEY, "a", "bc")


def test_smallest_visible_effect_is_the_textbook_number() -> None:
    # two groups of 100 at a base rate of one half: 2.8016 * sqrt(0.25 * 2/100)
    assert smallest_visible_effect(100, 100, 0.5) == pytest.approx(0.19810, abs=1e-4)
    assert smallest_visible_effect(0, 100, 0.5) == math.inf
    assert smallest_visible_effect(900, 100, 0.3) < smallest_visible_effect(90, 10, 0.3)


def test_the_sample_ratio_check_sees_a_broken_split() -> None:
    assert sample_ratio_p({HELD: 80, TREATED: 920}, 0.08) == pytest.approx(1.0)
    # statistic 4 with one degree of freedom
    held = 80 + 2 * math.sqrt(1000 * 0.08 * 0.92)
    assert sample_ratio_p({HELD: held, TREATED: 1000 - held}, 0.08) == pytest.approx(0.0455, abs=1e-4)  # type: ignore[dict-item]
    assert sample_ratio_p({HELD: 200, TREATED: 800}, 0.08) < 1e-6
    assert sample_ratio_p({}, 0.08) == 1.0


def proposal_of(n: int, mode: str = "即申即享", **changes: object) -> Proposal:
    as_of = dt.date(2024, 6, 5)
    item = {
        "item_id": "a", "version": 1, "title": "事项", "issuer": "厅", "mode": mode, "entity": "enterprise",
        "cycle": "year", "claim_unit": "entity", "valid_from": dt.date(2024, 1, 1), "valid_to": dt.date(2025, 12, 31),
        "window_from": None, "window_to": None, "budget_yuan": None, "promise_days": 5, "award_expr": "1", "excludes": [], "pilot": [],
        "materials": [],
    } | changes  # fmt: skip
    names = [f"E{i:04d}" for i in range(n)]
    blank = pl.DataFrame({"enterprise_id": names})
    pairs = blank.with_columns(
        pl.lit("a").alias("item_id"), pl.lit(1).alias("version"), pl.lit("eligible").alias("verdict"),
        pl.lit("clear").alias("bar"), pl.lit(0.9).alias("score"), pl.lit(False).alias("near_miss"),
        pl.lit(100).alias("amount_yuan"), pl.col("enterprise_id").alias("uscc"),
        *(pl.lit([], dtype=pl.List(pl.String)).alias(c) for c in ("met", "failed", "unknown", "short_of", "bars")),
    ).select(pl.col(c).cast(t) for c, t in shapes.PAIRS.items())  # fmt: skip
    firms = blank.with_columns(
        pl.col("enterprise_id").alias("uscc"), pl.lit("甲").alias("name"), pl.lit("460105").alias("region"),
        pl.lit("小型").alias("size"), pl.col("enterprise_id").alias("contact_hash"), pl.lit("已登记").alias("contact_masked"),
    ).select(*shapes.ENTERPRISES)  # fmt: skip
    inputs = Inputs(
        pairs=pairs,
        items=pl.DataFrame([item], schema=shapes.ITEMS, orient="row"),
        conditions=shapes.empty(shapes.CONDITIONS),
        enterprises=firms,
    )
    dates = Dates(as_of, dt.datetime(2024, 6, 5, 23), as_of, "b", KEY)
    return propose(inputs, dates, replace(Limits(), holdout_share=0.08))


def test_a_large_list_holds_out_and_says_what_it_can_show() -> None:
    proposal = proposal_of(1000)
    header = proposal.lists.row(0, named=True)
    held = proposal.suppressions.filter(pl.col("reason") == "holdout")
    assert held.height in (80, 81) and header["holdout_count"] == held.height
    assert header["row_count"] + held.height == 1000
    assert 0.1 < header["smallest_visible_effect"] < 0.2 and header["sample_ratio_p"] > 0.5
    assert held["probability"].unique().to_list() == [0.08]


def test_a_small_list_has_no_control_group_and_says_so() -> None:
    proposal = proposal_of(60)
    header = proposal.lists.row(0, named=True)
    assert header["row_count"] == 60 and header["holdout_share"] == 0.0
    assert "不设对照组" in header["note"]


def test_awards_are_never_held_out() -> None:
    # few enough that a rule which all of them meet is not yet taken for one too wide
    proposal = proposal_of(900, mode="免申即享")
    assert proposal.lists["row_count"].to_list() == [900]


def test_the_control_group_is_released_before_the_deadline() -> None:
    proposal = proposal_of(1000, window_from=dt.date(2024, 5, 1), window_to=dt.date(2024, 6, 14))
    header = proposal.lists.row(0, named=True)
    assert header["row_count"] == 1000 and "放开" in header["note"]


def test_nobody_is_held_back_whose_answer_could_not_be_waited_for() -> None:
    """Ten days before the deadline controls are told, and an answer is one within thirty: with forty days left there is nothing to learn."""
    last = dt.date(2024, 6, 5) + dt.timedelta(days=40)
    header = proposal_of(1000, window_from=dt.date(2024, 5, 1), window_to=last).lists.row(0, named=True)
    assert header["row_count"] == 1000 and "距截止不足 40 天" in header["note"]
    header = proposal_of(1000, window_from=dt.date(2024, 5, 1), window_to=last + dt.timedelta(days=1)).lists.row(
        0, named=True
    )
    assert header["row_count"] < 1000 and header["holdout_count"] == 1000 - header["row_count"]
