-- 办件环节：每件申报、每笔拨付的每一次状态变化一行（申报、受理、补正、决定、拨付、退回），附与上一步相隔的天数和首次得知的时间。
WITH told AS (
    SELECT case_no, coalesce(supplement_count, 0) AS supplement_count, decision, updated_at, accepted_date, _received_at
    FROM raw.apply_case
    WHERE _received_at <= getvariable('known_at') AND _op IS DISTINCT FROM 'D'
),
heard AS (
    SELECT
        case_no,
        min(_received_at) AS applied_told_at,
        min(_received_at) FILTER (WHERE accepted_date IS NOT NULL) AS accepted_told_at,
        min(_received_at) FILTER (WHERE decision IS NOT NULL) AS decided_told_at
    FROM told
    GROUP BY case_no
),
-- The day of a supplement is seen only while the case was still open; afterwards only its number is known.
asked AS (
    SELECT
        a.case_no,
        k.step_no,
        min(CAST(t.updated_at AS DATE)) FILTER (WHERE t.decision IS NULL) AS event_date,
        min(t._received_at) AS told_at
    FROM mart.application AS a
    CROSS JOIN LATERAL unnest(range(1, a.supplement_count + 1)) AS k(step_no)
    LEFT JOIN told AS t ON t.case_no = a.case_no AND t.supplement_count >= k.step_no
    GROUP BY a.case_no, k.step_no
),
answered AS (
    SELECT
        p.enterprise_id,
        p.item_id,
        p.paid_date,
        p.paid_yuan,
        p.known_from,
        arg_max(a.case_no, (a.applied_date, a.case_no)) AS case_no,
        p.file_id,
        p.row_no
    FROM mart.fact_payment AS p
    LEFT JOIN mart.application AS a
        ON a.enterprise_id = p.enterprise_id AND a.item_id = p.item_id AND a.applied_date <= p.paid_date
    GROUP BY ALL
),
step AS (
    SELECT a.case_no, a.enterprise_id, a.item_id, 1 AS place, 'applied' AS step, 1 AS step_no, a.applied_date AS event_date, h.applied_told_at AS told_at, NULL AS yuan, a.file_id, a.row_no
    FROM mart.application AS a LEFT JOIN heard AS h USING (case_no)
    UNION ALL
    SELECT a.case_no, a.enterprise_id, a.item_id, 2, 'accepted', 1, a.accepted_date, h.accepted_told_at, NULL, a.file_id, a.row_no
    FROM mart.application AS a LEFT JOIN heard AS h USING (case_no)
    WHERE a.accepted_date IS NOT NULL
    UNION ALL
    SELECT a.case_no, a.enterprise_id, a.item_id, 3, 'supplement', s.step_no, s.event_date, s.told_at, NULL, a.file_id, a.row_no
    FROM mart.application AS a INNER JOIN asked AS s USING (case_no)
    UNION ALL
    SELECT a.case_no, a.enterprise_id, a.item_id, 4, a.decision, 1, a.decided_date, h.decided_told_at, a.approved_yuan, a.file_id, a.row_no
    FROM mart.application AS a LEFT JOIN heard AS h USING (case_no)
    WHERE a.decision IS NOT NULL
    UNION ALL
    SELECT
        case_no,
        enterprise_id,
        item_id,
        CASE WHEN paid_yuan < 0 THEN 6 ELSE 5 END,
        CASE WHEN paid_yuan < 0 THEN 'returned' ELSE 'paid' END,
        row_number() OVER (PARTITION BY enterprise_id, item_id, case_no, paid_yuan < 0 ORDER BY paid_date, file_id, row_no),
        paid_date,
        known_from,
        paid_yuan,
        file_id,
        row_no
    FROM answered
)
SELECT
    case_no,
    enterprise_id,
    item_id,
    step,
    step_no,
    event_date,
    event_date - lag(event_date IGNORE NULLS) OVER (
        PARTITION BY enterprise_id, item_id, case_no ORDER BY event_date NULLS LAST, place, step_no, file_id, row_no
    ) AS days_since_previous,
    told_at,
    CAST(yuan AS DECIMAL(18, 2)) AS yuan,
    file_id,
    row_no
FROM step
ORDER BY item_id, enterprise_id, case_no, event_date, step, step_no, file_id, row_no
