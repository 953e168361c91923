-- 人社厅月度：每户每月参保人数与缴费；同一经办机构以最近一次送来的为准，各经办机构相加
WITH replaced AS (
    -- a file sent again under its name takes the place of the one before, whoever stood there: an office's file once held another office's rows
    SELECT DISTINCT old.file_id
    FROM raw.delivery old
    JOIN raw.delivery new ON new.period = old.period AND new.kind = old.kind AND new.batch = old.batch AND new.received_at > old.received_at
    WHERE old.department = 'labor' AND old.table_name = 'headcount' AND old.status = 'superseded'
        AND new.department = 'labor' AND new.table_name = 'headcount'
        AND new.status IN ('loaded', 'superseded') AND new.received_at <= getvariable('known_at')
    ORDER BY old.file_id
), reported AS (
    SELECT s.enterprise_id, h.*, coalesce(h.office, d.batch, '') AS handled_by
    FROM raw.labor_headcount h
    JOIN registry.subject s USING (_subject_id)
    LEFT JOIN raw.delivery d ON d.file_id = h._file_id
    WHERE s.enterprise_id IS NOT NULL
        AND h._file_id NOT IN (SELECT file_id FROM replaced)
        AND h._received_at <= getvariable('known_at')
        AND h.pay_month <= getvariable('as_of')
        AND h._op <> 'D'
), standing AS (
    -- rows of one office, enterprise and month stand together in one file: several unit numbers are several rows, and add up
    SELECT * FROM reported
    QUALIFY rank() OVER (PARTITION BY enterprise_id, pay_month, handled_by ORDER BY _received_at DESC, _file_id DESC) = 1
), summed AS (
    SELECT
        enterprise_id,
        CAST(date_trunc('month', pay_month) AS DATE) AS month,
        count(DISTINCT handled_by) AS offices,
        CAST(sum(greatest(coalesce(pension_count, 0), coalesce(unemployment_count, 0), coalesce(injury_count, 0))) AS BIGINT) AS insured_count,
        CAST(sum(coalesce(pension_due_yuan, 0) + coalesce(unemployment_due_yuan, 0) + coalesce(injury_due_yuan, 0)) AS DECIMAL(18, 2)) AS due_yuan,
        CAST(sum(coalesce(pension_paid_yuan, 0) + coalesce(unemployment_paid_yuan, 0) + coalesce(injury_paid_yuan, 0)) AS DECIMAL(18, 2)) AS paid_yuan,
        max(struct_pack(received_at := _received_at, file_id := _file_id, row_no := _row_no, valid_at := pay_month)) AS newest
    FROM standing
    WHERE coalesce(pension_count, unemployment_count, injury_count) IS NOT NULL
    GROUP BY enterprise_id, date_trunc('month', pay_month)
)
SELECT
    enterprise_id,
    month,
    offices,
    insured_count,
    due_yuan,
    paid_yuan,
    struct_pack(department := 'labor', table_name := 'headcount', file_id := newest.file_id, row_no := newest.row_no, valid_at := newest.valid_at, received_at := newest.received_at) AS headcount_evidence,
    -- an office fewer than in the two months before is one that has not reported, until two months more bear out that it is gone
    coalesce(
        offices >= max(offices) OVER (PARTITION BY enterprise_id ORDER BY month ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING)
            OR (lead(month, 2) OVER (PARTITION BY enterprise_id ORDER BY month) IS NOT NULL
                AND offices >= max(offices) OVER (PARTITION BY enterprise_id ORDER BY month ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING)),
        TRUE
    ) AS is_whole
FROM summed
ORDER BY enterprise_id, month
