"""Each feature on literal pairs; together they never leave their ranges and always explain themselves."""

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from matching.score.features import FEATURES, Materials, explanation, featured, industry_words, threshold
from matching.score.weighted import weighted

TEXTS = pl.List(pl.String)


def materials(**changes: object) -> Materials:
    pairs = pl.DataFrame(
        [
            ("E1", "a", 1, ["c1", "c2"], [], "clear", Decimal("50000.00")),
            ("E2", "a", 1, ["c1"], ["c2"], "unknown", None),
            ("E3", "a", 1, ["c1", "c2"], ["o1"], "clear", Decimal("50000.00")),
        ],
        schema={"enterprise_id": pl.String, "item_id": pl.String, "version": pl.Int64, "met": TEXTS, "unknown": TEXTS,
                "bar": pl.String, "amount_yuan": pl.Decimal(18, 2)},
        orient="row",
    )  # fmt: skip
    base = {
        "pairs": pairs,
        "items": pl.DataFrame(
            {
                "item_id": ["a"],
                "version": [1],
                "window_to": [dt.date(2024, 12, 31)],
                "valid_to": [dt.date(2025, 12, 31)],
                "mode": ["即申即享"],
            }
        ),
        "conditions": pl.DataFrame(
            [
                ("a", 1, "c1", "revenue_last_year >= 10000000", "ask", False),
                ("a", 1, "c2", "is_hnte", "review", False),
                ("a", 1, "o1", None, None, True),
            ],
            schema={
                "item_id": pl.String,
                "version": pl.Int64,
                "condition_id": pl.String,
                "expr": pl.String,
                "on_unknown": pl.String,
                "outside": pl.Boolean,
            },
            orient="row",
        ),
        "firms": pl.DataFrame(
            {
                "enterprise_id": ["E1", "E2", "E3"],
                "industry": ["C3911", "I6510", None],
                "enterprise_size": ["小型", "大型", "微型"],
                "revenue_last_year": [Decimal("30000000.00"), Decimal("11000000.00"), Decimal("10000000.00")],
            }
        ),
        "as_of": dt.date(2024, 12, 1),
        "tags": pl.DataFrame(
            {"item_id": ["a", "a"], "version": [1, 1], "facet": ["industry", "size"], "tag": ["制造业", "小型"]}
        ),
        "cases": pl.DataFrame(
            {"enterprise_id": ["E1"] * 20, "item_id": ["a"] * 20, "decision": ["通过"] * 18 + ["不通过"] * 2}
        ),
    }
    return Materials(**(base | changes))  # type: ignore[arg-type]


def test_features_say_what_they_mean() -> None:
    rows = {row["enterprise_id"]: row for row in featured(materials()).iter_rows(named=True)}
    assert rows["E1"]["met_share"] == pytest.approx(2 / 3)
    assert rows["E1"]["margin"] == pytest.approx(0.5) and rows["E3"]["margin"] == pytest.approx(0.0)
    assert 0 < rows["E2"]["margin"] < 0.5
    assert rows["E2"]["few_reviews"] == pytest.approx(1 / 3) and rows["E1"]["few_reviews"] == 1.0
    assert rows["E3"]["few_promises"] == 0.5 and rows["E3"]["few_questions"] == 1.0
    assert rows["E1"]["tag_overlap"] == 1.0 and rows["E2"]["tag_overlap"] == 0.0
    assert rows["E1"]["take_up"] == pytest.approx((18 + 5 * ((18 + 5 * 0.9) / 25)) / 25)
    assert rows["E1"]["days_left"] == pytest.approx(1 / 3)
    assert rows["E2"]["award_weight"] is None and 0 < rows["E1"]["award_weight"] < 1
    assert rows["E2"]["clear_bars"] == 0.5
    assert rows["E1"]["text_similarity"] is None


def test_every_feature_explains_itself_in_chinese_and_keeps_its_range() -> None:
    frame = featured(materials())
    for name in FEATURES:
        assert any("\u4e00" <= char <= "\u9fff" for char in explanation(name)), name
        present = frame[name].drop_nulls()
        assert ((present >= (-1 if name == "margin" else 0)) & (present <= 1)).all(), name
    scores = weighted(frame)
    assert scores.is_between(0, 1).all() and scores[0] > scores[1]


def test_the_order_of_the_pairs_does_not_matter() -> None:
    turned = materials(pairs=materials().pairs.reverse())
    assert featured(turned).equals(featured(materials()))


def test_a_missing_profile_column_leaves_a_gap_and_not_an_error() -> None:
    bare = materials(firms=pl.DataFrame({"enterprise_id": ["E1", "E2", "E3"]}))
    frame = featured(bare)
    assert frame["margin"].null_count() == 3 and frame["award_weight"].null_count() == 3
    assert weighted(frame).is_between(0, 1).all()


@pytest.mark.parametrize(
    ("expr", "found"),
    [
        ("revenue_last_year >= 20000000", ("revenue_last_year", ">=", 20000000.0)),
        (" rd_ratio < 0.03 ", ("rd_ratio", "<", 0.03)),
        ("a >= b", None),
        ("is_hnte", None),
        ("a >= 1 AND b >= 2", None),
    ],
)
def test_thresholds_are_read_only_where_they_are_plain(expr: str, found: tuple[str, str, float] | None) -> None:
    assert threshold(expr) == found


def test_industry_codes_become_words() -> None:
    assert industry_words("C2710") == ("制造业", "医药")
    assert industry_words("6510") == ("软件信息", "服务业")
    assert industry_words(None) == () and industry_words("C") == ()
