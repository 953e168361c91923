-- 兑现全程：企业 × 事项 × 周期一行，从应享、入单、触达、申报、受理、决定到拨付，金额与日期逐步累积。
WITH opening AS (
    SELECT
        item_id,
        cycle AS cycle_kind,
        window_from,
        window_to,
        dense_rank() OVER (PARTITION BY item_id, year(window_from) ORDER BY window_from) AS batch
    FROM (SELECT DISTINCT item_id, cycle, window_from, window_to FROM mart.dim_item)
    WHERE window_from IS NOT NULL
),
application AS (
    SELECT * FROM mart.application WHERE enterprise_id IS NOT NULL
),
payment AS (
    SELECT p.enterprise_id, p.item_id, p.paid_date, p.paid_yuan, max(a.applied_date) AS applied_date
    FROM (
        SELECT enterprise_id, item_id, paid_date, file_id, row_no, paid_yuan
        FROM mart.fact_payment
        WHERE enterprise_id IS NOT NULL
    ) AS p
    LEFT JOIN application AS a
        ON a.enterprise_id = p.enterprise_id AND a.item_id = p.item_id AND a.applied_date <= p.paid_date
    GROUP BY p.enterprise_id, p.item_id, p.paid_date, p.file_id, p.row_no, p.paid_yuan
),
dated AS (
    SELECT DISTINCT item_id, applied_date AS on_date FROM application
    UNION
    SELECT DISTINCT item_id, coalesce(applied_date, paid_date) FROM payment
),
period AS (
    SELECT
        d.item_id,
        d.on_date,
        CASE i.cycle
            WHEN 'year' THEN strftime(coalesce(o.window_from, d.on_date), '%Y')
            WHEN 'month' THEN strftime(coalesce(o.window_from, d.on_date), '%Y-%m')
            WHEN 'batch' THEN strftime(coalesce(o.window_from, d.on_date), '%Y') || 'B' || coalesce(o.batch, 1)
            ELSE 'once'
        END AS cycle
    FROM dated AS d
    LEFT JOIN (SELECT item_id, cycle FROM mart.dim_item WHERE is_latest) AS i ON i.item_id = d.item_id
    LEFT JOIN opening AS o
        ON o.item_id = d.item_id AND d.on_date >= o.window_from AND (o.window_to IS NULL OR d.on_date <= o.window_to)
    QUALIFY row_number() OVER (PARTITION BY d.item_id, d.on_date ORDER BY o.window_from DESC NULLS LAST) = 1
),
entitled AS (
    SELECT
        p.enterprise_id,
        p.item_id,
        CASE i.cycle
            WHEN 'year' THEN strftime(coalesce(i.window_from, getvariable('as_of')), '%Y')
            WHEN 'month' THEN strftime(coalesce(i.window_from, getvariable('as_of')), '%Y-%m')
            WHEN 'batch' THEN strftime(coalesce(i.window_from, getvariable('as_of')), '%Y') || 'B' || coalesce(o.batch, 1)
            ELSE 'once'
        END AS cycle,
        arg_max(p.verdict, p.version) AS verdict,
        arg_max(p.bar, p.version) AS bar,
        arg_max(p.amount_yuan, p.version) AS entitled_yuan,
        min(p.valid_from) AS eligible_date
    FROM match.pair AS p
    INNER JOIN mart.dim_item AS i ON i.item_id = p.item_id AND i.version = p.version
    LEFT JOIN opening AS o ON o.item_id = i.item_id AND o.window_from = i.window_from AND o.window_to IS NOT DISTINCT FROM i.window_to
    WHERE p.verdict IN ('eligible', 'declarable')
    GROUP BY ALL
),
listed AS (
    SELECT
        enterprise_id,
        item_id,
        cycle,
        min(listed_date) AS listed_date,
        min(CAST(delivered_at AS DATE)) AS delivered_date,
        min(CAST(clicked_at AS DATE)) AS clicked_date,
        min(arm) AS arm
    FROM mart.fact_push
    WHERE item_id IS NOT NULL AND kind IN ('auto_award', 'invite', 'nudge')
    GROUP BY enterprise_id, item_id, cycle
),
applied AS (
    SELECT
        a.enterprise_id,
        a.item_id,
        p.cycle,
        count(*) AS case_count,
        min(a.case_no) AS case_no,
        min(a.applied_date) AS applied_date,
        min(a.accepted_date) AS accepted_date,
        CAST(sum(a.supplement_count) AS BIGINT) AS supplement_count,
        arg_max(a.decision, a.applied_date) AS decision,
        max(a.decided_date) AS decided_date,
        arg_max(a.refusal_reason, a.applied_date) AS refusal_reason,
        CAST(sum(a.approved_yuan) FILTER (WHERE a.decision = 'approved') AS DECIMAL(18, 2)) AS approved_yuan,
        max(a.promise_days) AS promise_days,
        arg_min(a.source, a.applied_date) AS source
    FROM application AS a
    INNER JOIN period AS p ON p.item_id = a.item_id AND p.on_date = a.applied_date
    GROUP BY a.enterprise_id, a.item_id, p.cycle
),
paid AS (
    SELECT
        y.enterprise_id,
        y.item_id,
        p.cycle,
        min(y.paid_date) FILTER (WHERE y.paid_yuan > 0) AS paid_date,
        CAST(sum(y.paid_yuan) AS DECIMAL(18, 2)) AS paid_yuan,
        CAST(coalesce(-sum(y.paid_yuan) FILTER (WHERE y.paid_yuan < 0), 0) AS DECIMAL(18, 2)) AS returned_yuan
    FROM payment AS y
    INNER JOIN period AS p ON p.item_id = y.item_id AND p.on_date = coalesce(y.applied_date, y.paid_date)
    GROUP BY y.enterprise_id, y.item_id, p.cycle
),
spine AS (
    SELECT enterprise_id, item_id, cycle FROM entitled
    UNION
    SELECT enterprise_id, item_id, cycle FROM listed
    UNION
    SELECT enterprise_id, item_id, cycle FROM applied
    UNION
    SELECT enterprise_id, item_id, cycle FROM paid
)
SELECT
    k.enterprise_id,
    e.uscc,
    k.item_id,
    k.cycle,
    i.mode,
    i.level,
    n.verdict,
    n.bar,
    n.verdict IS NOT NULL AND n.bar IS DISTINCT FROM 'barred' AS entitled,
    n.eligible_date,
    n.entitled_yuan,
    l.listed_date,
    l.delivered_date,
    l.clicked_date,
    l.arm,
    a.case_no,
    coalesce(a.case_count, 0) AS case_count,
    a.source,
    a.applied_date,
    a.accepted_date,
    coalesce(a.supplement_count, 0) AS supplement_count,
    a.decision,
    a.decided_date,
    a.refusal_reason,
    a.approved_yuan,
    coalesce(a.promise_days, i.promise_days) AS promise_days,
    w.day AS due_date,
    CASE
        WHEN i.cycle = 'year' THEN least(i.window_to, i.valid_to, make_date(TRY_CAST(k.cycle AS INTEGER), 12, 31))
        WHEN i.cycle = 'month' THEN least(i.valid_to, last_day(TRY_CAST(k.cycle || '-01' AS DATE)))
        ELSE least(i.window_to, i.valid_to)
    END AS deadline,
    y.paid_date,
    y.paid_yuan,
    y.returned_yuan
FROM spine AS k
LEFT JOIN entitled AS n USING (enterprise_id, item_id, cycle)
LEFT JOIN listed AS l USING (enterprise_id, item_id, cycle)
LEFT JOIN applied AS a USING (enterprise_id, item_id, cycle)
LEFT JOIN paid AS y USING (enterprise_id, item_id, cycle)
LEFT JOIN mart.dim_enterprise AS e ON e.enterprise_id = k.enterprise_id
LEFT JOIN (SELECT item_id, mode, level, promise_days, cycle, window_to, valid_to FROM mart.dim_item WHERE is_latest) AS i ON i.item_id = k.item_id
LEFT JOIN mart.dim_date AS t ON t.day = coalesce(a.accepted_date, a.applied_date)
LEFT JOIN mart.dim_date AS w
    ON w.is_workday AND w.workday_no = t.workday_no + coalesce(a.promise_days, i.promise_days)
ORDER BY enterprise_id, item_id, cycle
