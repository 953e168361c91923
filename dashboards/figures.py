"""The charts of every page, by name: what each asks of the mart. A chart that takes `$item` or `$area` says so in its SQL."""

from __future__ import annotations

from dataclasses import replace

from dashboards.charts import (
    BLUE,
    CLAY,
    GREY,
    SAND,
    TEAL,
    VERDICT_COLOURS,
    Chart,
    Column,
    columns_over_time,
    horizontal_bars,
    horizontal_stacks,
    stacked_shares,
    tiles,
)
from dashboards.linkage_figures import LINKAGE_CHARTS
from matching.push.kinds import REASONS

_MODES = "CASE mode WHEN '免申即享' THEN 1 WHEN '即申即享' THEN 2 ELSE 3 END"
_STEPS = (
    ("应享", "entitled"),
    ("列入名单", "listed_date IS NOT NULL"),
    ("送达", "delivered_date IS NOT NULL"),
    ("申报", "applied_date IS NOT NULL"),
    ("核定通过", "decision = 'approved'"),
    ("拨付", "paid_yuan > 0"),
)
_FUNNEL = (
    "SELECT * FROM ("
    + " UNION ALL ".join(
        f"""SELECT {place} AS step, '{label}' AS label, count(*) FILTER (WHERE {condition}) AS n, count(*) FILTER (WHERE {condition} AND entitled) AS entitled,
               count(*) FILTER (WHERE {condition} AND NOT entitled) AS others FROM mart.fact_case WHERE {{where}}"""
        for place, (label, condition) in enumerate(_STEPS, 1)
    )
    + ") ORDER BY step"
)
_FUNNEL_COLUMNS = (
    Column("label", "环节"),
    Column("n", "合计", "户次", hides=True),
    Column("entitled", "本周期应享", "户次", hides=True),
    Column("others", "往期或待补数据", "户次", hides=True),
)
_FUNNEL_SERIES = (("entitled", "本周期应享", BLUE), ("others", "往期或待补数据", "#b9cfdf"))
_FUNNEL_NOTE = "户次 = 企业 × 事项 × 周期。浅色为往期周期，以及还缺数据就先邀请的企业；免申即享无须申报。"
_VERDICTS = (("eligible", "符合"), ("declarable", "承诺后符合"), ("unknown", "缺数据"), ("ineligible", "不符合"))
_VERDICT_SERIES = tuple((code, label, VERDICT_COLOURS[label]) for code, label in _VERDICTS)
_VERDICT_COLUMNS = tuple(Column(code, label, "户次", hides=True) for code, label in _VERDICTS)
_VERDICT_SUMS = ", ".join(
    f"CAST(sum(m.n) FILTER (WHERE m.verdict = '{code}') AS BIGINT) AS \"{code}\"" for code, _ in _VERDICTS
)


def _by_area(chart: str, title: str, sql: str, columns: tuple[str, str], metric: str, note: str) -> Chart:
    """A tile for every city and county: `area`, `area_name`, `n` (pairs) and `yuan`; `columns` are the headings of the last two."""
    return Chart(
        chart,
        title,
        sql,
        (
            Column("area_name", "市县"),
            Column("n", columns[0], "户次", hides=True),
            Column("yuan", columns[1], "元", hides=True),
        ),
        tiles("area", "n", "户次"),
        n="n",
        metric=metric,
        note=f"方格示意相对位置，不是地图{note}",
        height=300,
    )


def _for_all_and_each(chart: Chart) -> tuple[Chart, Chart]:
    """A chart over all items, whose `{where}` is a condition on `item_id`, and the same for one: `item_<id>`, asked with `$item`."""
    return (
        replace(chart, sql=chart.sql.replace("{where}", "true")),
        replace(chart, id=f"item_{chart.id}", sql=chart.sql.replace("{where}", "item_id = $item")),
    )


CHARTS: dict[str, Chart] = {
    chart.id: chart
    for chart in (
        *_for_all_and_each(
            Chart(
                "funnel",
                "从应享到拨付",
                _FUNNEL,
                _FUNNEL_COLUMNS,
                horizontal_stacks("label", "n", _FUNNEL_SERIES, "户次"),
                note=_FUNNEL_NOTE,
            )
        ),
        *_for_all_and_each(
            Chart(
                "paid_by_month",
                "每月拨付",
                """SELECT strftime(paid_date, '%Y-%m') AS month, sum(paid_yuan) AS yuan, count(*) AS n FROM mart.fact_payment
               WHERE {where} GROUP BY 1 ORDER BY 1""",
                (Column("month", "月份"), Column("yuan", "净拨付", "元"), Column("n", "笔数")),
                columns_over_time("month", (("yuan", "净拨付", TEAL),), "元"),
                metric="paid_yuan",
                note="按拨付日，已扣退回。",
            )
        ),
        Chart(
            "unclaimed_by_item",
            "应享未享金额最多的事项",
            """SELECT m.item_id, i.title AS label, m.value AS yuan, u.value AS pairs, CAST(u.value AS BIGINT) AS n
               FROM mart.metric AS m
               JOIN mart.metric AS u ON u.metric = 'unclaimed_count' AND u.item_id = m.item_id
               JOIN mart.dim_item AS i ON i.item_id = m.item_id AND i.is_latest
               WHERE m.metric = 'unclaimed_yuan' AND m.item_id IS NOT NULL AND m.value > 0
               -- what is hidden must not be told by its place among the others
               ORDER BY u.value < 5, CASE WHEN u.value >= 5 THEN m.value END DESC, m.item_id LIMIT 10""",
            (
                Column("label", "事项"),
                Column("yuan", "应享未享金额", "元", hides=True),
                Column("n", "户次", "户次", hides=True),
            ),
            horizontal_bars("label", "yuan", "元", CLAY),
            n="n",
            metric="unclaimed_yuan",
            link=("/policies/", "item_id"),
            height=300,
        ),
        _by_area(
            "unclaimed_by_area",
            "各市县应享未享",
            """SELECT m.area, coalesce(r.area_name, '省外或未知') AS area_name, coalesce(y.value, 0) AS yuan, CAST(m.value AS BIGINT) AS n
               FROM mart.metric AS m
               LEFT JOIN mart.metric AS y ON y.metric = 'unclaimed_yuan' AND y.area = m.area
               LEFT JOIN (SELECT DISTINCT area, area_name FROM mart.dim_region) AS r ON r.area = m.area
               WHERE m.metric = 'unclaimed_count' AND m.area IS NOT NULL
               ORDER BY n DESC, m.area""",
            ("户次", "金额"),
            "unclaimed_count",
            "；格中为户次，少于 5 户次不显示。",
        ),
        _by_area(
            "item_by_area",
            "各市县应享户次",
            """SELECT m.area, coalesce(r.area_name, '省外或未知') AS area_name, CAST(sum(m.n) AS BIGINT) AS n, sum(m.amount_yuan) AS yuan
               FROM mart.fact_match AS m
               JOIN mart.dim_item AS i ON i.item_id = m.item_id AND i.version = m.version AND i.is_latest
               LEFT JOIN (SELECT DISTINCT area, area_name FROM mart.dim_region) AS r ON r.area = m.area
               WHERE m.item_id = $item AND m.verdict IN ('eligible', 'declarable')
               GROUP BY m.area, r.area_name ORDER BY n DESC, m.area""",
            ("应享户次", "测算金额"),
            "eligible_base",
            "。",
        ),
        Chart(
            "verdicts_by_mode",
            "三种兑现方式的判定构成",
            f"""SELECT i.mode AS label,
                       {_VERDICT_SUMS}
                FROM mart.fact_match AS m JOIN mart.dim_item AS i USING (item_id, version)
                WHERE i.is_current GROUP BY i.mode ORDER BY {_MODES}""",
            (
                Column("label", "兑现方式"),
                *_VERDICT_COLUMNS,
            ),
            stacked_shares("label", _VERDICT_SERIES, "户次"),
            metric="decidability",
            note="全部在册企业 × 现行事项；“缺数据”越短，凭数据就能判定的越多。",
            height=190,
        ),
        Chart(
            "item_verdicts_by_size",
            "各规模企业的判定构成",
            f"""SELECT coalesce(m.size, '未定') AS label,
                      {_VERDICT_SUMS}
               FROM mart.fact_match AS m JOIN mart.dim_item AS i ON i.item_id = m.item_id AND i.version = m.version AND i.is_latest
               WHERE m.item_id = $item
               GROUP BY 1 ORDER BY CASE label WHEN '大型' THEN 1 WHEN '中型' THEN 2 WHEN '小型' THEN 3 WHEN '微型' THEN 4 ELSE 5 END""",
            (
                Column("label", "规模"),
                *_VERDICT_COLUMNS,
            ),
            stacked_shares("label", _VERDICT_SERIES, "户次"),
            height=230,
        ),
        Chart(
            "item_threshold",
            "门槛两侧的变化",
            """SELECT printf('%.0f%%', 100 * from_ratio) || '–' || printf('%.0f%%', 100 * to_ratio) AS label,
                      CASE WHEN bin < 0 THEN change END AS below, CASE WHEN bin >= 0 THEN change END AS above, paid_share, n
               FROM mart.threshold_bin
               WHERE item_id = $item AND outcome = 'revenue' AND condition_id = (
                   SELECT condition_id FROM mart.effect_threshold WHERE item_id = $item AND outcome = 'revenue' AND width IS NOT NULL
                   ORDER BY near_below + near_above DESC, condition_id LIMIT 1
               ) ORDER BY bin""",
            (
                Column("label", "指标与门槛之比"),
                Column("below", "门槛以下", "%", hides=True),
                Column("above", "门槛以上", "%", hides=True),
                Column("paid_share", "获得拨付", "%", hides=True),
                Column("n", "企业", "户", hides=True),
            ),
            columns_over_time("label", (("below", "门槛以下", GREY), ("above", "门槛以上", TEAL)), "%", stacked=True),
            n="n",
            note="季度销售额在拨付前后的平均变化，按离门槛的远近分段（带宽的两倍以内）；门槛有用，两色相接处应有台阶。",
        ),
        Chart(
            "item_near_miss",
            "差在哪一条",
            """SELECT t.text AS label, sum(t.near_miss_count) AS n FROM mart.threshold AS t
               JOIN mart.dim_item AS i ON i.item_id = t.item_id AND i.version = t.version AND i.is_latest
               WHERE t.item_id = $item AND t.near_miss_count > 0 GROUP BY 1 ORDER BY n DESC, label LIMIT 8""",
            (Column("label", "条件"), Column("n", "只差这一条", "户", hides=True)),
            horizontal_bars("label", "n", "户", SAND),
            metric="near_miss_mass",
            note="把这一条改为满足即符合的企业；多条均可补救的企业在各条都计。",
            height=200,
        ),
        *_for_all_and_each(
            Chart(
                "unreached",
                "未推送的原因",
                """SELECT reason, count(*) AS n, sum(amount_yuan) AS yuan FROM mart.fact_suppression WHERE {where} GROUP BY reason ORDER BY n DESC, reason""",
                (
                    Column("reason", "原因"),
                    Column("n", "户次", "户次", hides=True),
                    Column("yuan", "金额", "元", hides=True),
                ),
                horizontal_bars("reason", "n", "户次", GREY),
                n="n",
                metric="unreached",
                words={"reason": REASONS},
            )
        ),
        Chart(
            "time_by_step",
            "钱在哪个环节等",
            f"""SELECT mode AS label,
                       CAST(round(avg(accepted_date - applied_date), 1) AS DOUBLE) AS accept,
                       CAST(round(avg(decided_date - accepted_date), 1) AS DOUBLE) AS decide,
                       CAST(round(avg(paid_date - decided_date), 1) AS DOUBLE) AS pay,
                       count(*) AS n
                FROM mart.fact_case
                WHERE applied_date <= accepted_date AND accepted_date <= decided_date AND decided_date <= paid_date
                GROUP BY mode ORDER BY {_MODES}""",
            (
                Column("label", "兑现方式"),
                Column("accept", "申报到受理（天）", hides=True),
                Column("decide", "受理到决定（天）", hides=True),
                Column("pay", "决定到拨付（天）", hides=True),
                Column("n", "件数", hides=True),
            ),
            columns_over_time(
                "label",
                (("accept", "申报→受理", GREY), ("decide", "受理→决定", SAND), ("pay", "决定→拨付", TEAL)),
                "天",
                stacked=True,
            ),
            n="n",
            metric="decide_share",
            note="已拨付且日期齐全的申报，平均自然日。",
        ),
        Chart(
            "rejects_by_table",
            "被拒收的行",
            """SELECT coalesce(d.label, q.table_name) || ' · ' || coalesce(d.name, q.department) AS label, count(*) AS n
               FROM quality.reject AS q
               LEFT JOIN mart.dim_department AS d ON d.department = q.department AND d.table_name = q.table_name
               GROUP BY 1 ORDER BY n DESC, label LIMIT 12""",
            (Column("label", "表 · 部门"), Column("n", "行数")),
            horizontal_bars("label", "n", "行", CLAY),
            height=300,
        ),
        Chart(
            "rows_by_month",
            "每月到达",
            """SELECT strftime(received_date, '%Y-%m') AS month, CAST(sum(rows_loaded) AS BIGINT) AS loaded, CAST(sum(rows_rejected) AS BIGINT) AS rejected
               FROM mart.feed_day GROUP BY 1 ORDER BY 1 DESC LIMIT 24""",
            (Column("month", "月份"), Column("loaded", "入库行"), Column("rejected", "拒收行")),
            lambda rows: columns_over_time(
                "month", (("loaded", "入库行", BLUE), ("rejected", "拒收行", CLAY)), "行", stacked=True
            )(rows[::-1]),
        ),
    )
}
CHARTS.update({chart.id: chart for chart in LINKAGE_CHARTS})
