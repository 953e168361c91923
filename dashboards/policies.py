"""政策: the list of items, and one item with its rule in words, funnel, time, funds, fairness and health."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from dashboards.award_words import award_lines
from dashboards.enterprises import catalogue
from dashboards.mart import Mart, Row
from dashboards.pages import Pages
from matching.rules.explain import is_exclusion

MODES = ("免申即享", "即申即享", "承诺兑现")
HEADLINES = [
    "eligible_base",
    "entitled_yuan",
    "push_reach",
    "applications",
    "approval_rate",
    "days_to_pay",
    "paid_yuan",
    "unclaimed_yuan",
]


def policies_page(pages: Pages, request: Request) -> Response:
    mode = request.query_params.get("mode", "")
    words = request.query_params.get("q", "").strip()
    with pages.opened() as mart:
        items = mart.rows(
            """SELECT i.item_id, i.version, i.title, i.issuer, i.level, i.zone, i.mode, i.window_from, i.window_to, i.valid_to, i.is_current,
                      CAST(e.value AS BIGINT) AS eligible, r.value AS push_reach, r.n AS reach_n, p.value AS paid, CAST(u.value AS BIGINT) AS unclaimed
               FROM mart.dim_item AS i
               LEFT JOIN mart.metric AS e ON e.metric = 'eligible_base' AND e.item_id = i.item_id AND e.area IS NULL
               LEFT JOIN mart.metric AS r ON r.metric = 'push_reach' AND r.item_id = i.item_id AND r.area IS NULL
               LEFT JOIN mart.metric AS p ON p.metric = 'paid_yuan' AND p.item_id = i.item_id AND p.area IS NULL
               LEFT JOIN mart.metric AS u ON u.metric = 'unclaimed_count' AND u.item_id = i.item_id AND u.area IS NULL
               WHERE i.is_latest AND ($mode = '' OR i.mode = $mode)
                 AND ($words = '' OR contains(i.title, $words) OR contains(i.issuer, $words) OR contains(i.item_id, $words))
               ORDER BY eligible DESC NULLS LAST, i.item_id""",
            {"mode": mode, "words": words},
        )
        return pages.render(request, "policies.html", mart, items=items, mode=mode, words=words, modes=MODES)


def policy_page(pages: Pages, request: Request) -> Response:
    item = request.path_params["item"]
    with pages.opened() as mart:
        found = mart.row(
            """SELECT i.*, d.is_current FROM policy.item AS i JOIN mart.dim_item AS d ON d.item_id = i.item_id AND d.version = i.version
               WHERE i.item_id = $item AND d.is_latest""",
            {"item": item},
        )
        if found is None:
            raise HTTPException(404, f"没有编号为 {item} 的惠企事项")
        conditions = mart.rows(
            "SELECT condition_id, text, expr, on_unknown, outside FROM policy.condition WHERE item_id = $item AND version = $version ORDER BY outside, condition_id",
            {"item": item, "version": found["version"]},
        )
        versions = mart.rows(
            "SELECT version, valid_from, valid_to, is_current FROM mart.dim_item WHERE item_id = $item ORDER BY version DESC",
            {"item": item},
        )
        metrics = mart.metrics(item)
        groups: dict[str, list[dict[str, object]]] = {}
        silent: list[dict[str, object]] = []
        for metric in metrics.values():
            # effects have a table of their own, with intervals and verdicts
            if metric["metric_group"] == "效果":
                continue
            if metric["value"] is not None:
                groups.setdefault(metric["metric_group"], []).append(metric)
            elif metric["reason"]:
                silent.append(metric)
        names = (
            "item_funnel",
            "item_paid_by_month",
            "item_by_area",
            "item_verdicts_by_size",
            "item_near_miss",
            "item_unreached",
        )
        return pages.render(
            request,
            "policy.html",
            mart,
            item=found,
            conditions=[{**row, "excludes": is_exclusion(row["text"], row["expr"] or "")} for row in conditions],
            award=award_lines(found["award_expr"], catalogue()) if found["award_expr"] else [],
            versions=versions,
            headlines=[metrics[name] for name in HEADLINES if name in metrics],
            groups=groups,
            silent=silent,
            forecast=_one(mart, "budget_forecast", item),
            powers=_rows(mart, "effect_power", item),
            scenarios=_rows(mart, "scenario", item),
            effects=effects(mart, item),
            thresholds=threshold_effects(mart, item),
            at_threshold=pages.chart(mart, "item_threshold", item=item) if mart.exists("mart.threshold_bin") else None,
            **{name.removeprefix("item_"): pages.chart(mart, name, item=item) for name in names},
        )


def effects(mart: Mart, item: str | None = None) -> list[Row]:
    """What an item (None: each of them) changed, with the verdict; nothing from a publication that has no estimates."""
    if not mart.exists("mart.effect"):
        return []
    return mart.rows(
        """SELECT f.*, i.title FROM mart.effect AS f LEFT JOIN mart.dim_item AS i ON i.item_id = f.item_id AND i.is_latest
           WHERE f.item_id IS NOT NULL AND ($item IS NULL OR f.item_id = $item)
           ORDER BY f.verdict = '可信' DESC, f.finding = '未见显著变化', f.item_id, f.outcome DESC""",
        {"item": item},
    )


def threshold_effects(mart: Mart, item: str | None = None) -> list[Row]:
    """What an item (None: each whose jump may be believed) changed at its own threshold, with the tests of that."""
    if not mart.exists("mart.effect_threshold"):
        return []
    return mart.rows(
        """SELECT f.*, i.title, c.text AS condition FROM mart.effect_threshold AS f
           LEFT JOIN mart.dim_item AS i ON i.item_id = f.item_id AND i.is_latest
           LEFT JOIN mart.dim_condition AS c ON c.item_id = f.item_id AND c.condition_id = f.condition_id AND c.is_latest
           WHERE f.item_id = $item OR ($item IS NULL AND f.verdict = '可信')
           ORDER BY f.verdict = '可信' DESC, f.finding = '未见显著变化', f.item_id, f.condition_id, f.outcome DESC""",
        {"item": item},
    )


def _rows(mart: Mart, table: str, item: str) -> list[Row]:
    """An item's rows of a result table; none from a publication that does not have it."""
    if not mart.exists(f"mart.{table}"):
        return []
    return mart.rows(f"SELECT * FROM mart.{table} WHERE item_id = $item ORDER BY ALL", {"item": item})


def _one(mart: Mart, table: str, item: str) -> Row | None:
    found = _rows(mart, table, item)
    return found[0] if found else None
