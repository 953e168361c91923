-- 各部门各表最近一次交付：判断“没有记录”能否当作“没有发生”的依据
SELECT
    department,
    table_name,
    max(received_at) AS last_received_at,
    arg_max(period, (received_at, file_id)) AS last_period,
    -- the first month the feed speaks of: nothing is known of months before it
    min(CASE
        WHEN regexp_full_match(period, '\d{4}Q\d') THEN left(period, 4) || lpad(CAST(CAST(right(period, 1) AS INTEGER) * 3 - 2 AS VARCHAR), 2, '0')
        WHEN length(period) = 4 THEN period || '01'
        ELSE left(period, 6)
    END) AS first_month,
    -- and the last: a year or a year to date that ends after it is not whole yet
    max(CASE
        WHEN regexp_full_match(period, '\d{4}Q\d') THEN left(period, 4) || lpad(CAST(CAST(right(period, 1) AS INTEGER) * 3 AS VARCHAR), 2, '0')
        WHEN length(period) = 4 THEN period || '12'
        ELSE left(period, 6)
    END) AS last_month,
    -- the months delivered, for feeds that owe one file a month
    list(DISTINCT period ORDER BY period) FILTER (WHERE length(period) = 6 AND period NOT LIKE '%Q%') AS months,
    arg_max(file_id, (received_at, file_id)) AS last_file_id,
    count(*) AS deliveries,
    date_diff('day', max(received_at)::DATE, getvariable('as_of')) AS age_days
FROM raw.delivery
WHERE status = 'loaded' AND received_at <= getvariable('known_at')
GROUP BY department, table_name
ORDER BY department, table_name
