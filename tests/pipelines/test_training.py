"""What teaches the score: each outcome once, on the day somebody could have decided to write, nothing that may still be answered."""

import datetime as dt

import polars as pl

from pipelines.training import card_text, day_before_month_of, outcomes

AS_OF = dt.date(2025, 6, 30)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def decided(*rows: tuple[str, str, str | None]) -> pl.DataFrame:
    return pl.DataFrame(
        [(firm, "a", day(on), decision) for firm, on, decision in rows],
        schema={"enterprise_id": pl.String, "item_id": pl.String, "applied_on": pl.Date, "decision": pl.String},
        orient="row",
    )


def invited(*rows: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        [(firm, "a", day(on)) for firm, on in rows],
        schema={"enterprise_id": pl.String, "item_id": pl.String, "sent_on": pl.Date},
        orient="row",
    )


def test_each_outcome_is_counted_once_on_its_day() -> None:
    found = outcomes(
        decided(
            ("E1", "2025-02-10", "通过"),
            ("E2", "2025-02-10", "不通过"),
            ("E3", "2025-02-10", "撤回"),
            ("E4", "2025-02-10", None),
            ("E5", "2024-02-10", "通过"),
            ("E8", "2025-06-25", "通过"),
        ),
        invited(
            ("E1", "2025-01-27"), ("E1", "2025-02-20"),  # the first led to it
            ("E3", "2025-01-27"), ("E4", "2025-01-27"),
            ("E5", "2025-01-27"),  # applied a year before: the invitation led to nothing
            ("E6", "2025-01-27"),  # silent
            ("E7", "2025-06-20"), ("E8", "2025-06-20"),  # may still answer, and answered at once
        ),
        AS_OF,
    )  # fmt: skip
    assert found.select("enterprise_id", "day", "obtained").rows() == [
        ("E5", day("2024-02-10"), True),
        ("E1", day("2025-01-27"), True),
        ("E5", day("2025-01-27"), False),
        ("E6", day("2025-01-27"), False),
        ("E2", day("2025-02-10"), False),
    ]


def test_features_are_of_the_day_before_the_month() -> None:
    assert day_before_month_of(day("2025-03-17")) == day("2025-02-28")
    assert day_before_month_of(day("2025-01-01")) == day("2024-12-31")


def test_the_card_says_what_was_measured() -> None:
    one = {"pr_auc": 0.5, "ndcg_at_10": 0.6, "ece": 0.02}
    text = card_text(
        {
            "file": "m.skops", "day": "2025-01-25", "sha256": "f" * 64, "limits": "界限。", "obtained_share": 0.125, "trained_on": {"learn": ["a", "b", 3]},
            "measured": {"model": one, "weighted": one, "popularity": one}, "features": {"margin": "差距"}, "monotone": {"margin": 1},
        }
    )  # fmt: skip
    assert "| 模型 | 0.5 | 0.6 | 0.02 |" in text and "12.5%" in text and "- margin +：差距" in text
