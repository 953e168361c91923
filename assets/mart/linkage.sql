-- 身份归一：部门 × 表的称呼数、凭什么归到企业、待复核与待了多久、没有归到企业的；称呼 = 部门对一个主体的一种写法。
SELECT
    s.department,
    s.table_name,
    count(*) AS subjects,
    count(*) FILTER (WHERE r.enterprise_id IS NOT NULL) AS linked,
    count(*) FILTER (WHERE r.tier = 'key') AS linked_by_code,
    count(*) FILTER (WHERE r.tier = 'repair') AS linked_by_repair,
    count(*) FILTER (WHERE r.tier = 'name') AS linked_by_name,
    count(*) FILTER (WHERE r.tier = 'local') AS linked_by_local_number,
    count(*) FILTER (WHERE r.tier = 'model') AS linked_by_model,
    count(*) FILTER (WHERE r.tier = 'judgement') AS linked_by_judgement,
    count(*) FILTER (WHERE r.tier = 'review') AS queued,
    count(*) FILTER (WHERE r.tier = 'outside') AS outside,
    count(*) FILTER (WHERE r.tier = 'none') AS unlinked,
    min(CAST(s.first_received_at AS DATE)) FILTER (WHERE r.tier = 'review') AS queued_since_date,
    CAST(median(date_diff('day', CAST(s.first_received_at AS DATE), getvariable('as_of'))) FILTER (WHERE r.tier = 'review') AS BIGINT) AS queued_days_median,
    CAST(max(date_diff('day', CAST(s.first_received_at AS DATE), getvariable('as_of'))) FILTER (WHERE r.tier = 'review') AS BIGINT) AS queued_days_max
FROM registry.said AS s
JOIN registry.subject AS r USING (_subject_id)
GROUP BY s.department, s.table_name
ORDER BY department, table_name
