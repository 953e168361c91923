"""The catalogue of metrics: strict, complete, and valid SQL."""

from __future__ import annotations

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
    assert len(metrics) >= 40
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
