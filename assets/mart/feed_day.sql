-- 数据到达：部门 × 表 × 到达日的文件数、行数、拒收行数与状态。
SELECT
    d.department,
    d.table_name,
    CAST(d.received_at AS DATE) AS received_date,
    count(*) AS files,
    count(*) FILTER (WHERE d.status = 'loaded') AS files_loaded,
    count(*) FILTER (WHERE d.status = 'refused') AS files_refused,
    count(*) FILTER (WHERE d.status = 'held') AS files_held,
    count(*) FILTER (WHERE d.status = 'superseded') AS files_superseded,
    CAST(coalesce(sum(d.rows_in), 0) AS BIGINT) AS rows_in,
    CAST(coalesce(sum(d.rows_loaded), 0) AS BIGINT) AS rows_loaded,
    CAST(coalesce(sum(d.rows_rejected), 0) AS BIGINT) AS rows_rejected,
    CAST(coalesce(sum(d.rows_duplicate), 0) AS BIGINT) AS rows_duplicate,
    CAST(coalesce(sum(d.rows_total), 0) AS BIGINT) AS rows_total,
    max(d.period) AS latest_period
FROM raw.delivery AS d
WHERE d.received_at <= getvariable('known_at')
GROUP BY d.department, d.table_name, CAST(d.received_at AS DATE)
ORDER BY department, table_name, received_date
