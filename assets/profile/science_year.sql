-- 科技厅研发投入：每户每年的研发费用、研发人员、高新技术产品收入，取最近一次报送
WITH standing AS (
    SELECT s.enterprise_id, r.*
    FROM raw.science_rd_input r
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND r._received_at <= getvariable('known_at')
        AND r.report_year < year(getvariable('as_of'))
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, r.report_year
        ORDER BY r._received_at DESC, r._file_id DESC, r._row_no DESC
    ) = 1
)
SELECT
    enterprise_id,
    report_year AS year,
    rd_expense_yuan,
    rd_staff_count,
    hightech_revenue_yuan,
    struct_pack(department := 'science', table_name := 'rd_input', file_id := _file_id, row_no := _row_no, valid_at := make_date(report_year, 12, 31), received_at := _received_at) AS rd_input_evidence
FROM standing
WHERE _op <> 'D'
ORDER BY enterprise_id, year
