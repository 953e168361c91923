-- 工信厅月度：规上工业每户每月产值、营业收入、用电量
WITH standing AS (
    SELECT s.enterprise_id, m.*
    FROM raw.industry_output_month m
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND m._received_at <= getvariable('known_at')
        AND m.report_month <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, date_trunc('month', m.report_month)
        ORDER BY m._received_at DESC, m._file_id DESC, m._row_no DESC
    ) = 1
)
SELECT
    enterprise_id,
    CAST(date_trunc('month', report_month) AS DATE) AS month,
    output_yuan,
    revenue_yuan,
    electricity_kwh,
    staff_count,
    struct_pack(department := 'industry', table_name := 'output_month', file_id := _file_id, row_no := _row_no, valid_at := report_month, received_at := _received_at) AS output_month_evidence
FROM standing
WHERE _op <> 'D'
ORDER BY enterprise_id, month
