"""总览 and 五问: the state of the whole, and a leader's five questions answered from the mart."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from dashboards.formats import shown_count
from dashboards.mart import Mart, Row
from dashboards.pages import Pages
from dashboards.policies import effects, threshold_effects
from evaluation.item_effects import CREDIBLE

HEADLINES = [
    "eligible_enterprises",
    "eligible_base",
    "entitled_yuan",
    "paid_yuan",
    "unclaimed_count",
    "unclaimed_yuan",
    "push_reach",
    "decidability",
]
SECONDARY = [
    "applications",
    "approval_rate",
    "first_pass_rate",
    "days_to_decide",
    "days_to_pay",
    "on_time_rate",
    "backlog",
    "returned_yuan",
]


def overview_page(pages: Pages, request: Request) -> Response:
    with pages.opened() as mart:
        metrics = mart.metrics()
        return pages.render(
            request,
            "overview.html",
            mart,
            headlines=[metrics[name] for name in HEADLINES if name in metrics],
            secondary=[metrics[name] for name in SECONDARY if name in metrics],
            attention=attention(mart),
            **{
                name: pages.chart(mart, name)
                for name in (
                    "funnel",
                    "paid_by_month",
                    "unclaimed_by_item",
                    "unclaimed_by_area",
                    "verdicts_by_mode",
                    "time_by_step",
                )
            },
        )


def attention(mart: Mart) -> list[tuple[str, str, str]]:
    """(what, how much, where to look), only what is not in order."""
    found = []
    refused = mart.row("SELECT count(*) AS n FROM raw.delivery WHERE status = 'refused'")
    if refused and refused["n"]:
        found.append(("被整份拒收的文件", f"{refused['n']} 份", "/feeds#refused"))
    late = mart.row(
        "SELECT count(*) AS n FROM mart.dim_date WHERE calendar = 'missing' AND year = (SELECT year(max(as_of)) FROM mart.dim_item)"
    )
    if late and late["n"]:
        found.append(("缺少本年法定工作日历", "按期办结率无法计算", "/metrics/on_time_rate"))
    dormant = mart.row(
        "SELECT CAST(value AS INTEGER) AS n FROM mart.metric WHERE metric = 'dormant_no_eligible' AND item_id IS NULL"
    )
    if dormant and dormant["n"]:
        found.append(("无人符合的现行事项", f"{dormant['n']} 个", "/questions#strict"))
    waiting = mart.row(
        "SELECT count(*) AS n FROM push.list WHERE kind = 'auto_award' AND valid_until >= (SELECT max(as_of) FROM mart.dim_item)"
    )
    if waiting and waiting["n"]:
        found.append(("有效期内的免申即享兑付名单", f"{waiting['n']} 份", "/pushes?kind=auto_award"))
    overdue = mart.row("SELECT count(*) AS n FROM mart.fact_complaint WHERE state IN ('overdue', 'not_transferred')")
    if overdue and overdue["n"]:
        found.append(("超期的 12345 诉求", f"{shown_count(overdue['n'])} 件", "/cases#complaints"))
    over = mart.row(
        """SELECT count(*) AS n FROM mart.fact_budget_month WHERE source = '合计' AND paid_this_year_yuan > budget_yuan
           AND month = (SELECT max(month) FROM mart.fact_budget_month)"""
    )
    if over and over["n"]:
        found.append(("拨付超过本年预算的事项", f"{over['n']} 个", "/metrics/budget_execution"))
    return found


def questions_page(pages: Pages, request: Request) -> Response:
    with pages.opened() as mart:
        metrics = mart.metrics()
        found = effects(mart)
        believed = [row for row in found if row["verdict"] == CREDIBLE]
        return pages.render(
            request,
            "questions.html",
            mart,
            metrics=metrics,
            unreached=_unreached(mart),
            stuck=_stuck(mart),
            strict=strict(mart),
            overlap=_overlap(mart),
            works=[row for row in metrics.values() if row["metric_group"] == "效果"],
            effects=found,
            thresholds=threshold_effects(mart),
            believed=believed,
            undecided=[row for row in found if row["verdict"] != CREDIBLE],
            changed=[row for row in believed if row["finding"] != "未见显著变化"],
            time_by_step=pages.chart(mart, "time_by_step"),
        )


def _unreached(mart: Mart) -> list[Row]:
    return mart.rows(
        """SELECT c.item_id, i.title, i.mode, count(*) AS n, count(*) FILTER (WHERE c.listed_date IS NULL) AS unlisted,
                  count(*) FILTER (WHERE c.applied_date IS NULL AND coalesce(c.paid_yuan, 0) <= 0) AS unclaimed,
                  sum(c.entitled_yuan) FILTER (WHERE c.applied_date IS NULL AND coalesce(c.paid_yuan, 0) <= 0) AS yuan
           FROM mart.fact_case AS c JOIN mart.dim_item AS i ON i.item_id = c.item_id AND i.is_latest
           WHERE c.entitled GROUP BY ALL HAVING unclaimed > 0 ORDER BY unclaimed DESC, c.item_id LIMIT 8"""
    )


def _stuck(mart: Mart) -> list[Row]:
    return mart.rows(
        """SELECT c.item_id, i.title,
                  count(*) FILTER (WHERE c.case_count > 0 AND c.decision IS NULL AND c.paid_date IS NULL) AS waiting,
                  count(*) FILTER (WHERE c.decision = 'approved' AND coalesce(c.paid_yuan, 0) <= 0) AS approved_unpaid,
                  sum(c.approved_yuan) FILTER (WHERE c.decision = 'approved' AND coalesce(c.paid_yuan, 0) <= 0) AS yuan,
                  CAST(median(c.paid_date - c.decided_date) AS INTEGER) AS days
           FROM mart.fact_case AS c JOIN mart.dim_item AS i ON i.item_id = c.item_id AND i.is_latest
           GROUP BY ALL HAVING waiting + approved_unpaid > 0
           ORDER BY approved_unpaid BETWEEN 1 AND 4, CASE WHEN approved_unpaid >= 5 THEN yuan END DESC NULLS LAST, waiting DESC, c.item_id LIMIT 8"""
    )


def strict(mart: Mart) -> list[Row]:
    """The numeric conditions that alone keep most enterprises out: item, condition, how many, and how many are in."""
    return mart.rows(
        # A category (零售企业) is no threshold: only conditions that compare with a number can be strict by a hair.
        """SELECT t.item_id, i.title, t.condition_id, t.text, t.near_miss_count AS n, t.eligible_count AS eligible
           FROM mart.threshold AS t JOIN mart.dim_item AS i ON i.item_id = t.item_id AND i.version = t.version
           WHERE t.is_numeric AND t.near_miss_count > 0 ORDER BY n DESC, t.item_id, t.text LIMIT 8"""
    )


def _overlap(mart: Mart) -> list[Row]:
    return mart.rows(
        """SELECT o.item_id, o.other_id, a.title, b.title AS other_title, o.shared_n, o.jaccard, o.item_inside_other, o.other_inside_item
           FROM mart.item_overlap AS o
           JOIN mart.dim_item AS a ON a.item_id = o.item_id AND a.is_latest
           JOIN mart.dim_item AS b ON b.item_id = o.other_id AND b.is_latest
           WHERE o.shared_n >= 5
           ORDER BY o.jaccard DESC, o.item_id, o.other_id LIMIT 8"""
    )
