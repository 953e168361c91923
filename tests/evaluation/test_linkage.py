"""Linkage measures against cases worked by hand and against counting every pair."""

from itertools import combinations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation import linkage


def rows(*pairs: tuple[str | None, str | None], **columns: list[str]) -> pl.DataFrame:
    frame = pl.DataFrame(pairs, schema={"true": pl.String, "told": pl.String}, orient="row")
    return frame.with_columns(**{c: pl.Series(v) for c, v in columns.items()})


def test_rows_by_hand() -> None:
    told = linkage.measured(rows(("a", "a"), ("a", "b"), ("b", None), (None, "a"), (None, None)))
    assert (told.rows, told.assigned, told.right, told.present) == (5, 3, 1, 3)
    assert told.precision == pytest.approx(1 / 3) and told.recall == pytest.approx(1 / 3)


def test_wilson_against_a_published_value() -> None:
    # 81 of 263: the 95 % Wilson interval is (0.2553, 0.3662) (Newcombe 1998, table I).
    assert linkage.wilson_low(81, 263) == pytest.approx(0.2553, abs=1e-4)
    assert linkage.wilson_low(0, 0) is None


def test_clusters_by_hand() -> None:
    # True: {1,2,3} {4,5}. Told: {1,2} {3,4} {5}.
    told = linkage.clusters(rows(("a", "x"), ("a", "x"), ("a", "y"), ("b", "y"), ("b", None)))
    assert told.pair_precision == pytest.approx(1 / 2)
    assert told.pair_recall == pytest.approx(1 / 4)
    assert (told.over_merged, told.split) == (1, 2)
    assert told.cluster_precision == 0 and told.cluster_recall == 0
    # B-cubed by element: precision 1,1,1/2,1/2,1; recall 2/3,2/3,1/3,1/2,1/2.
    assert told.b3_precision == pytest.approx(4 / 5)
    assert told.b3_recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 / 2 + 1 / 2) / 5)


def test_a_stranger_on_an_enterprise_is_an_over_merge() -> None:
    told = rows(("a", "x"), (None, "x"))
    assert linkage.clusters(told).over_merged == 1
    assert linkage.over_merges(told)["told"].to_list() == ["x"]


def test_groups_and_defects() -> None:
    told = rows(
        ("a", "a"),
        ("a", None),
        ("b", "b"),
        department=["tax", "tax", "ip"],
        defects=["", "homophone;truncated", "truncated"],
    )
    assert linkage.by_group(told, "department").select("department", "recall").rows() == [("ip", 1.0), ("tax", 0.5)]
    assert dict(linkage.by_defect(told).select("defect", "recall").rows()) == {
        "homophone": 0.0,
        "truncated": 0.5,
        "无": 1.0,
    }


def test_stability_and_events() -> None:
    before = pl.DataFrame({"_subject_id": ["1", "2", "3", "4", "5"], "enterprise_id": ["a", "a", "b", "c", "c"]})
    after = pl.DataFrame({"_subject_id": ["1", "2", "3", "4", "5"], "enterprise_id": ["a", "a", "a", "c", "d"]})
    assert linkage.stability(before, after, "_subject_id") == pytest.approx(3 / 5)
    assert linkage.events(before, after).rows() == [("merge", "b", "a", 1), ("split", "c", "d", 1)]
    assert linkage.events(before, before).is_empty()


labels = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", "z", None])), min_size=1, max_size=12)


@given(labels)
def test_pairs_equal_counting_every_pair(pairs: list[tuple[str, str | None]]) -> None:
    told = linkage.clusters(rows(*pairs))
    true_pairs = {(i, j) for i, j in combinations(range(len(pairs)), 2) if pairs[i][0] == pairs[j][0]}
    told_pairs = {
        (i, j) for i, j in combinations(range(len(pairs)), 2) if pairs[i][1] is not None and pairs[i][1] == pairs[j][1]
    }
    both = len(true_pairs & told_pairs)
    assert told.pair_precision == (pytest.approx(both / len(told_pairs)) if told_pairs else None)
    assert told.pair_recall == (pytest.approx(both / len(true_pairs)) if true_pairs else None)


@given(labels)
def test_a_perfect_answer_scores_one_and_order_does_not_matter(pairs: list[tuple[str, str | None]]) -> None:
    perfect = linkage.clusters(rows(*[(t, t.upper()) for t, _ in pairs]))
    assert (
        perfect.b3_precision
        == perfect.b3_recall
        == perfect.cluster_precision
        == perfect.cluster_recall
        == pytest.approx(1.0)
    )
    assert (perfect.over_merged, perfect.split) == (0, 0)
    assert linkage.clusters(rows(*pairs)) == linkage.clusters(rows(*sorted(pairs, key=str)))
