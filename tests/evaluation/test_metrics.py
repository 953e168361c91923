"""The catalogue of metrics: strict, complete, and valid SQL."""

from __future__ import annotations

import duckdb
import pytest
import sqlglot

from evaluation.metrics import MetricError, catalogue, dictionary_sql, metric_sql, parse

ENTRY = """
触达:
  reach:
    label: 覆盖
    frame: 过程
    unit: '%'
    definition: 说明
    kind: ratio
    rows: SELECT item_id, area, 1 AS x, 1 AS weight FROM mart.fact_case
"""


def test_every_metric_is_whole_and_its_sql_parses() -> None:
    metrics = catalogue()
    assert len(metrics) >= 90
    assert {metric.frame for metric in metrics} == {"决策", "过程", "产出", "效益"}
    for metric in metrics:
        sqlglot.parse_one(metric_sql((metric,)), dialect="duckdb")
    assert sqlglot.parse_one(metric_sql(metrics), dialect="duckdb").args["order"]
    assert sqlglot.parse_one(dictionary_sql(metrics), dialect="duckdb").args["order"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("kind: ratio", "kind: unavailable"),
        ("frame: 过程", "frame: 其他"),
        ("label: 覆盖", "label: 覆盖\n    colour: red"),
        ("unit: '%'", "unit: 米"),
        ("kind: ratio", "kind: ratio\n    mature: x > 0"),
    ],
)
def test_a_mistake_names_the_metric(change: str, message: str) -> None:
    with pytest.raises(MetricError, match=r"触达\.reach"):
        parse(ENTRY.replace(change, message), "metrics.yml")


def test_a_metric_twice_is_refused() -> None:
    with pytest.raises(MetricError, match="重复"):
        parse(ENTRY + ENTRY.replace("触达", "时效"), "metrics.yml")


def test_quotes_in_words_do_not_break_the_sql() -> None:
    metric = parse(ENTRY.replace("说明", "it's 'quoted'"), "metrics.yml")
    assert "it''s ''quoted''" in dictionary_sql(metric)
    sqlglot.parse_one(dictionary_sql(metric), dialect="duckdb")


def values(kind: str, columns: str, rows: str) -> dict[tuple[str | None, str | None], tuple[float | None, int, int]]:
    """(item, area) → (value, n, immature) of one metric over literal rows."""
    entry = ENTRY.replace("kind: ratio", f"kind: {kind}")
    entry = entry.replace(
        "SELECT item_id, area, 1 AS x, 1 AS weight FROM mart.fact_case",
        f"SELECT * FROM (VALUES {rows}) AS t({columns})",
    )
    with duckdb.connect() as con:
        for name in ("build_id", "rules_as_of", "as_of", "known_at"):
            con.execute(f"SET VARIABLE {name} = ''").fetchall()
        found = con.execute(metric_sql(parse(entry, "metrics.yml"))).fetchall()
    return {(row[1], row[2]): (None if row[3] is None else float(row[3]), row[6], row[7]) for row in found}


def test_survival_quantiles_count_those_still_waiting_as_waiting() -> None:
    # Four of five paid after 1, 2, 3 and 4 days; the fifth left the study after 2. S: .8, .6, .3, 0.
    rows = "('a', 'x', 1, 1), ('a', 'x', 2, 1), ('a', 'y', 2, 0), ('a', 'y', 3, 1), ('b', 'y', 4, 1)"
    assert values("survival_median", "item_id, area, x, died", rows)[None, None] == (3.0, 5, 1)
    assert values("survival_p90", "item_id, area, x, died", rows)[None, None] == (4.0, 5, 1)
    assert values("survival_p90", "item_id, area, x, died", rows)[None, "x"] == (2.0, 2, 0)


def test_a_standardised_gap_compares_like_with_like() -> None:
    # Within each stratum nothing differs; raw, the first side looks better because it sits in the stratum where all succeed.
    alike = "('a', 'x', true, 1, 's'), ('a', 'x', true, 1, 's'), ('a', 'x', false, 1, 's'), ('a', 'x', true, 0, 't'), ('a', 'x', false, 0, 't'), ('a', 'x', false, 0, 't')"
    columns = "item_id, area, first, x, stratum"
    assert values("gap", columns, alike)[None, None] == pytest.approx((1 / 3, 6, 0))
    assert values("standardised_gap", columns, alike)[None, None] == (0.0, 6, 0)
    alone = alike + ", ('b', 'x', true, 1, 'u'), ('b', 'x', NULL, 1, 'u')"
    assert values("standardised_gap", columns, alone)[None, None] == (0.0, 6, 1)
    assert values("standardised_gap", columns, alone)["b", None] == (None, 0, 1)
