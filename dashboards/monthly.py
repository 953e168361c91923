"""政策兑现月报: what one month brought, as figures of the published mart and as one self-contained page."""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from dashboards.mart import Mart, Row
from dashboards.pages import Pages
from dashboards.policies import effects

STYLE = Path(__file__).with_name("static") / "report.css"


class NoSuchMonthError(ValueError):
    """A month that is not one, or that the publication says nothing about; the message is Chinese."""


@dataclass(frozen=True)
class Month:
    """A calendar month as the report sees it: its days, cut off at the publication's day, and the months it is compared with."""

    begins: dt.date
    ends: dt.date
    until: dt.date

    @property
    def name(self) -> str:
        return f"{self.begins:%Y-%m}"

    @property
    def whole(self) -> bool:
        return self.until == self.ends

    @property
    def before(self) -> dt.date:
        return (self.begins - dt.timedelta(days=1)).replace(day=1)

    @property
    def year_before(self) -> dt.date:
        return self.begins.replace(year=self.begins.year - 1)


def month_of(text: str, as_of: dt.date) -> Month:
    """`YYYY-MM` up to the month of `as_of`. Raises NoSuchMonthError."""
    try:
        begins = dt.datetime.strptime(text, "%Y-%m").replace(tzinfo=None).date()
    except ValueError as error:
        raise NoSuchMonthError(f"月份 {text!r} 应写作 YYYY-MM，例如 {as_of:%Y-%m}") from error
    if begins > as_of:
        raise NoSuchMonthError(f"{text} 还没有到：数据截至 {as_of}")
    ends = begins.replace(day=monthrange(begins.year, begins.month)[1])
    return Month(begins, ends, min(ends, as_of))


def last_whole(as_of: dt.date) -> str:
    """The last month that is over on `as_of`."""
    after = as_of + dt.timedelta(days=1)
    return f"{(after.replace(day=1) - dt.timedelta(days=1)):%Y-%m}"


def months(mart: Mart) -> list[str]:
    """Every month that can be reported, newest first."""
    found = mart.rows("SELECT DISTINCT strftime(month, '%Y-%m') AS month FROM mart.fact_budget_month ORDER BY 1 DESC")
    return [row["month"] for row in found]


def monthly_report(mart: Mart, text: str) -> dict[str, Any]:
    """Everything the template says about the month. Raises NoSuchMonthError."""
    month = month_of(text, dt.date.fromisoformat(mart.publication.as_of))
    if text not in months(mart):
        raise NoSuchMonthError(f"没有 {text} 的数据；最早的月份是 {min(months(mart), default='无')}")
    days = {"begins": month.begins, "until": month.until}
    paid = {row["month"]: row for row in mart.rows(_PAID_BY_MONTH, {"until": month.until})}
    return {
        "month": month,
        "paid": paid.get(month.begins, _NOTHING),
        "paid_before": paid.get(month.before),
        "paid_year_before": paid.get(month.year_before),
        "paid_this_year": sum((row["yuan"] for row in paid.values() if row["month"].year == month.begins.year), Decimal(0)),
        "course": _course(paid, month),
        "work": mart.row(_WORK, days) or {},
        "lists": mart.rows(_LISTS, days),
        "items": mart.rows(_ITEMS, days),
        "areas": mart.rows(_AREAS, days),
        "budgets": mart.rows(_BUDGETS, {"month": month.begins}),
        "forecasts": mart.rows(_FORECASTS) if month.until == dt.date.fromisoformat(mart.publication.as_of) else [],
        "effects": [row for row in effects(mart) if row["verdict"] == "可信"],
        "calls": mart.row(_CALLS, days) or {},
        "feeds": mart.row(_FEEDS, days) or {},
    }  # fmt: skip


def report_html(pages: Pages, mart: Mart, text: str) -> str:
    """The report as one file: its style inside, no script, nothing fetched."""
    return pages.environment.get_template("report_file.html").render(
        publication=mart.publication, style=STYLE.read_text(encoding="utf-8"), **monthly_report(mart, text)
    )


def _course(paid: dict[dt.date, Row], month: Month) -> list[dict[str, Any]]:
    """The thirteen months up to this one, with the height of each bar in percent."""
    begins = month.begins
    days = [begins.replace(year=begins.year - (back + 12 - begins.month) // 12, month=(begins.month - back - 1) % 12 + 1) for back in range(12, -1, -1)]  # fmt: skip
    values = [max(Decimal(0), paid[day]["yuan"]) if day in paid else Decimal(0) for day in days]
    high = max([*values, Decimal(1)])
    return [{"month": f"{day:%Y-%m}", "yuan": value, "height": int(value * 100 / high)} for day, value in zip(days, values, strict=True)]  # fmt: skip


_NOTHING: Row = {"yuan": Decimal(0), "payments": 0, "firms": 0, "returned": Decimal(0)}
_PAID_BY_MONTH = """
SELECT CAST(date_trunc('month', paid_date) AS DATE) AS month, sum(paid_yuan) AS yuan, count(*) AS payments,
       count(DISTINCT enterprise_id) FILTER (WHERE paid_yuan > 0) AS firms, coalesce(-sum(paid_yuan) FILTER (WHERE paid_yuan < 0), 0) AS returned
FROM mart.fact_payment WHERE paid_date <= $until GROUP BY 1 ORDER BY 1
"""
_WORK = """
SELECT
    count(*) FILTER (WHERE applied_date >= $begins) AS applied,
    count(*) FILTER (WHERE decided_date BETWEEN $begins AND $until) AS decided,
    count(*) FILTER (WHERE decided_date BETWEEN $begins AND $until AND decision = 'approved') AS approved,
    count(*) FILTER (WHERE decided_date BETWEEN $begins AND $until AND decision = 'refused') AS refused,
    count(*) FILTER (WHERE (decided_date IS NULL OR decided_date > $until) AND paid_date IS NULL) AS waiting,
    CAST(median(decided_date - coalesce(accepted_date, applied_date)) FILTER (WHERE decided_date BETWEEN $begins AND $until) AS INTEGER) AS days
FROM (
    SELECT a.*, min(p.paid_date) AS paid_date FROM mart.application AS a
    LEFT JOIN mart.fact_payment AS p
        ON p.enterprise_id = a.enterprise_id AND p.item_id = a.item_id AND p.paid_date BETWEEN a.applied_date AND $until
    WHERE a.applied_date <= $until GROUP BY ALL
)
"""
_LISTS = """
SELECT kind, count(*) AS lists, sum(row_count) AS lines, sum(amount_yuan) AS yuan FROM push.list
WHERE as_of BETWEEN $begins AND $until GROUP BY kind ORDER BY kind
"""
_ITEMS = """
SELECT p.item_id, coalesce(i.title, p.item_id) AS title, sum(p.paid_yuan) AS yuan, count(DISTINCT p.enterprise_id) AS firms
FROM mart.fact_payment AS p LEFT JOIN mart.dim_item AS i ON i.item_id = p.item_id AND i.is_latest
WHERE p.paid_date BETWEEN $begins AND $until GROUP BY ALL
ORDER BY firms < 5, CASE WHEN firms >= 5 THEN yuan END DESC, p.item_id LIMIT 12
"""
_AREAS = """
SELECT p.area, coalesce(any_value(r.area_name), '省外或未知') AS area_name, sum(p.paid_yuan) AS yuan, count(DISTINCT p.enterprise_id) AS firms
FROM mart.fact_payment AS p LEFT JOIN (SELECT DISTINCT area, area_name FROM mart.dim_region) AS r USING (area)
WHERE p.paid_date BETWEEN $begins AND $until GROUP BY p.area
ORDER BY firms < 5, CASE WHEN firms >= 5 THEN yuan END DESC, p.area
"""
_BUDGETS = """
SELECT b.item_id, coalesce(i.title, b.item_id) AS title, b.budget_yuan, b.paid_this_year_yuan, b.committed_yuan, b.elapsed_ratio
FROM mart.fact_budget_month AS b LEFT JOIN mart.dim_item AS i ON i.item_id = b.item_id AND i.is_latest
WHERE b.source = '合计' AND b.month = $month AND b.budget_yuan > 0 AND (b.paid_this_year_yuan <> 0 OR b.committed_yuan > 0)
ORDER BY b.paid_this_year_yuan / b.budget_yuan DESC, b.item_id LIMIT 15
"""
_FORECASTS = """
SELECT f.*, i.title FROM mart.budget_forecast AS f LEFT JOIN mart.dim_item AS i ON i.item_id = f.item_id AND i.is_latest
WHERE f.verdict = '可信' ORDER BY f.exhausted_ratio DESC, f.item_id LIMIT 10
"""
_CALLS = """
SELECT
    count(*) FILTER (WHERE CAST(accepted_at AS DATE) >= $begins) AS came,
    count(*) FILTER (WHERE CAST(closed_at AS DATE) BETWEEN $begins AND $until) AS closed,
    count(*) FILTER (WHERE CAST(closed_at AS DATE) BETWEEN $begins AND $until AND CAST(closed_at AS DATE) <= close_due_date) AS in_time,
    count(*) FILTER (WHERE closed_at IS NULL OR CAST(closed_at AS DATE) > $until) AS open,
    count(*) FILTER (WHERE (closed_at IS NULL OR CAST(closed_at AS DATE) > $until) AND close_due_date < $until) AS overdue
FROM mart.fact_complaint WHERE CAST(accepted_at AS DATE) <= $until
"""
_FEEDS = """
SELECT sum(files) AS files, sum(files_refused) AS refused, sum(rows_loaded) AS loaded, sum(rows_rejected) AS rejected
FROM mart.feed_day WHERE received_date BETWEEN $begins AND $until
"""
