"""The yearly self-evaluation form of one item or of all, read from the published mart."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from dashboards.mart import Mart
from evaluation.metrics import year_sql
from evaluation.self_evaluation import Figure, Form, filled, indicators

ALL = "全部惠企事项"
_MONEY = """
SELECT CAST(sum(budget_yuan) AS DECIMAL(18, 2)) AS budget, CAST(coalesce(sum(paid_this_year_yuan), 0) AS DECIMAL(18, 2)) AS paid,
       CAST(coalesce(sum(paid_this_year_yuan) FILTER (WHERE budget_yuan IS NOT NULL), 0) AS DECIMAL(18, 2)) AS paid_of_budget, count(budget_yuan) AS n
FROM mart.fact_budget_month WHERE source = '合计' AND month = $month AND ($item IS NULL OR item_id = $item)
"""


class NoSuchYearError(ValueError):
    """A year that the publication says nothing about; the message is Chinese."""


def self_evaluation(mart: Mart, year: int, item: str | None = None) -> Form:
    """The form of `year`; figures of the catalogue's own definitions, narrowed to the year. Raises NoSuchYearError, LookupError."""
    as_of = dt.date.fromisoformat(mart.publication.as_of)
    until = min(as_of, dt.date(year, 12, 31))
    months = mart.row("SELECT min(month) AS first FROM mart.fact_budget_month")
    first = months["first"] if months else None
    if year > as_of.year or first is None or year < first.year:
        spoken = f"{first.year}–{as_of.year}" if first else "没有"
        raise NoSuchYearError(f"没有 {year} 年的数据；有数据的年度：{spoken}")
    named = mart.row("SELECT title, issuer FROM mart.dim_item WHERE item_id = $item AND is_latest", {"item": item})
    if item is not None and named is None:
        raise LookupError(f"没有编号为 {item} 的惠企事项")
    month = until.replace(day=1)
    money = mart.row(_MONEY, {"month": month, "item": item}) or {}
    figures = _figures(mart, year, item)
    budget, paid = money.get("budget"), money.get("paid") or Decimal(0)
    rate = money["paid_of_budget"] / budget if budget else None
    figures["budget_execution"] = Figure(rate, money.get("n") or 0, None if budget else "没有写明当年预算")
    return Form(
        title=named["title"] if named else ALL,
        department=named["issuer"] if named else "各主管部门",
        year=year,
        until=until,
        build_id=mart.publication.build_id,
        budget_yuan=budget,
        paid_yuan=paid,
        lines=filled(figures),
    )


def _figures(mart: Mart, year: int, item: str | None) -> dict[str, Figure]:
    """metric → figure of the form's metrics. The publication's dates stand in for those of a run."""
    for name in ("build_id", "rules_as_of", "as_of", "known_at"):
        kind = {"build_id": "VARCHAR", "known_at": "TIMESTAMP"}.get(name, "DATE")
        mart.connection.execute(
            f"SET VARIABLE {name} = CAST(? AS {kind})", [getattr(mart.publication, name)]
        ).fetchall()
    wanted = tuple(one.metric for one in indicators() if one.metric.id != "budget_execution")
    rows = mart.rows(
        f"SELECT metric, value, n, reason FROM ({year_sql(wanted, year)}) WHERE area IS NULL AND item_id IS NOT DISTINCT FROM $item",
        {"item": item},
    )
    return {row["metric"]: Figure(row["value"], row["n"] or 0, row["reason"]) for row in rows}


def items_of(mart: Mart, year: int) -> list[str]:
    """Items that were paid, applied for or budgeted in the year: those a department evaluates."""
    found = mart.rows(
        """SELECT item_id FROM mart.fact_budget_month WHERE source = '合计' AND year(month) = $year
           GROUP BY item_id HAVING sum(payments) > 0 OR max(committed_yuan) > 0
           UNION SELECT item_id FROM mart.application WHERE year(applied_date) = $year AND item_id IN (SELECT item_id FROM mart.dim_item) ORDER BY 1""",
        {"year": year},
    )
    return [row["item_id"] for row in found]
