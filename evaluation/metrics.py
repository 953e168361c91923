"""The catalogue of metrics: read strictly from `metrics.yml`, turned into one SELECT and a dictionary. No figure is computed here."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

CATALOGUE = Path(__file__).with_name("metrics.yml")

Frame = Literal["决策", "过程", "产出", "效益"]
Kind = Literal[
    "sum",
    "ratio",
    "median",
    "p90",
    "survival_median",
    "survival_p90",
    "gap",
    "standardised_gap",
    "query",
    "unavailable",
]
Slice = Literal["item_id", "area"]
SLICES: tuple[Slice, ...] = ("item_id", "area")


class MetricError(ValueError):
    """A catalogue that does not hold; the message names the metric and the key, in Chinese."""


class Metric(BaseModel):
    """One metric. `rows` is a SELECT with one row per unit and the columns `item_id`, `area` and what the kind needs:

    - `sum`: `x`; value = Σx,
    - `ratio`: `x` over `weight`; value = Σx ÷ Σweight,
    - `median`, `p90`: `x`; the quantile over units,
    - `survival_median`, `survival_p90`: `x` the time so far and `died` 1 when it ended; the Kaplan–Meier quantile, the unended counted beside,
    - `gap`: `x` 0 or 1 and `first` (a boolean: the one or the other side); mean(first) − mean(the others),
    - `standardised_gap`: also `stratum`; the gaps within strata that have both sides, each weighing by all its units.
    `units` counts what the figure rests on (default: rows). `mature` (a condition on a row) keeps a unit; the others are counted beside the figure. A `query` gives item_id, area, value, low, high, n,
    immature itself. `unavailable` says in `empty` why nothing can be computed yet. `empty` is what a figure without units says.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: str = Field(min_length=1)
    group: str = Field(min_length=1)
    frame: Frame
    unit: Literal["户", "户次", "元", "件", "%", "天", "工作日", "次", "个", "倍", "指数"]
    definition: str = Field(min_length=1)
    maturity: str = "无成熟条件"
    kind: Kind
    rows: str | None = None
    units: str = "count(*)"
    mature: str | None = None
    slices: tuple[Slice, ...] = SLICES
    better: Literal["higher", "lower", "none"] = "none"
    # what `units` counts: a figure that rests on fewer than five enterprises is not shown, one over items or files is
    base: Literal["enterprise", "other"] = "enterprise"
    empty: str = "没有可计的对象"

    @model_validator(mode="after")
    def _holds_together(self) -> Metric:
        if (self.rows is None) != (self.kind == "unavailable"):
            raise ValueError("除 unavailable 外都要有 rows，unavailable 不应有 rows")
        if self.mature is not None and self.kind not in ("sum", "ratio", "median", "p90"):
            raise ValueError("mature 只用于按行汇总的指标")
        if self.mature is not None and self.maturity == "无成熟条件":
            raise ValueError("有 mature 就要在 maturity 里用中文说明")
        return self


@cache
def catalogue(path: Path = CATALOGUE) -> tuple[Metric, ...]:
    """The metrics in the order of the file. Raises MetricError."""
    return parse(path.read_text(encoding="utf-8"), path.name)


def parse(text: str, source: str) -> tuple[Metric, ...]:
    """Metrics from YAML: a mapping id → entry, one level of groups above it."""
    raw: Any = yaml.safe_load(text)
    if not isinstance(raw, dict):
        raise MetricError(f"{source}：顶层应是“分组 → 指标”")
    metrics: list[Metric] = []
    for group, entries in raw.items():
        if not isinstance(entries, dict):
            raise MetricError(f"{source}：分组「{group}」下应是指标")
        for name, entry in entries.items():
            try:
                metrics.append(Metric.model_validate({"id": name, "group": group, **entry}))
            except (ValidationError, TypeError) as error:
                raise MetricError(f"{source}：指标「{group}.{name}」：{error}") from error
    names = [metric.id for metric in metrics]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise MetricError(f"{source}：指标重复 {twice}")
    return tuple(metrics)


def metric_sql(metrics: tuple[Metric, ...]) -> str:
    """One SELECT: metric, item_id (null = all), area (null = all), value, low, high, n, immature, reason, and the run's identity."""
    parts = "\nUNION ALL BY NAME\n".join(_selected(metric) for metric in metrics)
    return f"""WITH figures AS (
{parts}
)
SELECT
    metric,
    item_id,
    area,
    CAST(value AS DECIMAL(24, 6)) AS value,
    CAST(low AS DECIMAL(24, 6)) AS low,
    CAST(high AS DECIMAL(24, 6)) AS high,
    CAST(n AS BIGINT) AS n,
    CAST(immature AS BIGINT) AS immature,
    reason,
    getvariable('build_id') AS build_id,
    getvariable('rules_as_of') AS rules_as_of,
    getvariable('as_of') AS as_of,
    getvariable('known_at') AS known_at
FROM figures
ORDER BY metric, item_id NULLS FIRST, area NULLS FIRST"""


def year_sql(metrics: tuple[Metric, ...], year: int) -> str:
    """As `metric_sql`, over one year: cases of the cycles of that year, payments and calls of its days.

    A case of a once-only item belongs to the year of its application, else of its payment, else of its entitlement.
    """
    once = "coalesce(applied_date, paid_date, eligible_date, listed_date)"
    kept = {
        "mart.fact_case": f"CASE WHEN cycle = 'once' THEN year({once}) ELSE TRY_CAST(left(cycle, 4) AS INTEGER) END = {year}",
        "mart.fact_payment": f"year(paid_date) = {year}",
        "mart.fact_complaint": f"year(accepted_at) = {year}",
        "mart.fact_feedback": f"year(given_at) = {year}",
    }
    sql = metric_sql(metrics)
    for table, condition in kept.items():
        sql = re.sub(rf"\b{table}\b", f"(SELECT * FROM {table} WHERE {condition})", sql)
    return sql


def dictionary_sql(metrics: tuple[Metric, ...]) -> str:
    """One SELECT of the dictionary, a row per metric in the catalogue's order."""
    columns = "metric, label, metric_group, frame, unit, definition, maturity, kind, better, base, empty, sql, position"
    rows = ",\n".join(
        "("
        + ", ".join(
            _text(value)
            for value in (
                m.id,
                m.label,
                m.group,
                m.frame,
                m.unit,
                m.definition,
                m.maturity,
                m.kind,
                m.better,
                m.base,
                m.empty,
                _selected(m),
            )
        )
        + f", {position})"
        for position, m in enumerate(metrics, 1)
    )
    return f"SELECT * FROM (VALUES\n{rows}\n) AS t({columns})\nORDER BY position"


# Every unit counts three times: for the whole, for its item and for its city.
_SLICED = """SELECT s.item_id, s.area, r.* EXCLUDE (item_id, area)
FROM (
{rows}
) AS r
CROSS JOIN LATERAL (VALUES (NULL, NULL), (r.item_id, NULL), (NULL, r.area)) AS s(item_id, area)"""


def _survival(rows: str, alive: float) -> str:
    """The first time at which no more than the share `alive` is left; the product of 1 − died ÷ at risk taken as a sum of logarithms."""
    return f"""SELECT item_id, area, CAST(min(x) FILTER (WHERE surviving <= {alive} + 1e-12) AS DOUBLE) AS value, max(total) AS n, max(open) AS immature
FROM (
    SELECT *, exp(sum(CASE WHEN died < at_risk THEN ln(1 - died / at_risk) ELSE -1000 END) OVER (PARTITION BY item_id, area ORDER BY x)) AS surviving
    FROM (
        SELECT
            item_id,
            area,
            x,
            sum(died) AS died,
            CAST(sum(count(*)) OVER (PARTITION BY item_id, area ORDER BY x DESC) AS DOUBLE) AS at_risk,
            sum(count(*)) OVER (PARTITION BY item_id, area) AS total,
            sum(count(*) - sum(died)) OVER (PARTITION BY item_id, area) AS open
        FROM (
{_SLICED.format(rows=rows)}
        )
        WHERE x IS NOT NULL
        GROUP BY item_id, area, x
    )
)
GROUP BY item_id, area"""


def _gap(rows: str, stratum: str) -> str:
    """Differences within strata ('' = one stratum), each weighing by its units; a stratum with one side says nothing."""
    return f"""SELECT item_id, area, sum(n * gap) / nullif(sum(n) FILTER (WHERE gap IS NOT NULL), 0) AS value, CAST(coalesce(sum(n) FILTER (WHERE gap IS NOT NULL), 0) AS BIGINT) AS n, CAST(coalesce(sum(n) FILTER (WHERE gap IS NULL), 0) AS BIGINT) AS immature
FROM (
    SELECT item_id, area, {stratum} AS stratum, count(*) AS n, avg(CAST(x AS DOUBLE)) FILTER (WHERE first) - avg(CAST(x AS DOUBLE)) FILTER (WHERE NOT first) AS gap
    FROM (
{_SLICED.format(rows=rows)}
    )
    WHERE first IS NOT NULL
    GROUP BY item_id, area, {stratum}
)
GROUP BY item_id, area"""


_WHOLE: dict[str, Callable[[str], str]] = {
    "survival_median": lambda rows: _survival(rows, 0.5),
    "survival_p90": lambda rows: _survival(rows, 0.1),
    "gap": lambda rows: _gap(rows, "''"),
    "standardised_gap": lambda rows: _gap(rows, "stratum"),
}


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _selected(metric: Metric) -> str:
    name, empty = _text(metric.id), _text(metric.empty)
    if metric.kind == "unavailable":
        return (
            f"SELECT {name} AS metric, CAST(NULL AS VARCHAR) AS item_id, CAST(NULL AS VARCHAR) AS area, CAST(NULL AS DOUBLE) AS value, "
            f"NULL AS low, NULL AS high, 0 AS n, 0 AS immature, {empty} AS reason"
        )
    rows = (metric.rows or "").strip()
    if metric.kind == "query":
        return (
            f"SELECT {name} AS metric, item_id, area, value, low, high, n, immature, "
            f"CASE WHEN value IS NULL THEN {empty} END AS reason\nFROM (\n{rows}\n)"
        )
    if metric.kind in _WHOLE:
        return (
            f"SELECT {name} AS metric, item_id, area, value, NULL AS low, NULL AS high, n, immature, "
            f"CASE WHEN value IS NULL THEN {empty} END AS reason\nFROM (\n{_WHOLE[metric.kind](rows)}\n)"
        )
    ready = f"coalesce({metric.mature}, false)" if metric.mature else "true"
    value = {
        "sum": "CASE WHEN count(*) FILTER (WHERE mature) > 0 THEN sum(x) FILTER (WHERE mature) END",
        "ratio": "sum(x) FILTER (WHERE mature) / nullif(sum(weight) FILTER (WHERE mature), 0)",
        "median": "quantile_cont(x, 0.5) FILTER (WHERE mature)",
        "p90": "quantile_cont(x, 0.9) FILTER (WHERE mature)",
    }[metric.kind]
    sets = ", ".join(["()", *(f"({name})" for name in metric.slices)])
    sliced = ", ".join(part if part in metric.slices else f"CAST(NULL AS VARCHAR) AS {part}" for part in SLICES)
    return (
        f"SELECT {name} AS metric, {sliced}, value, NULL AS low, NULL AS high, n, immature, "
        f"CASE WHEN value IS NULL THEN {empty} END AS reason\n"
        f"FROM (SELECT {''.join(part + ', ' for part in metric.slices)}{value} AS value, "
        f"coalesce({metric.units} FILTER (WHERE mature), 0) AS n, coalesce({metric.units} FILTER (WHERE NOT mature), 0) AS immature\n"
        f"FROM (SELECT *, {ready} AS mature FROM (\n{rows}\n))\n"
        f"GROUP BY GROUPING SETS ({sets}))"
    )
