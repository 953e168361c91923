-- 市场监管局年报：每户每个年报年度的从业人数、资产、营业收入，取最近一次报送
WITH standing AS (
    SELECT s.enterprise_id, a.*
    FROM raw.market_annual_report a
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND a._received_at <= getvariable('known_at')
        AND a.report_year < year(getvariable('as_of'))
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, a.report_year
        ORDER BY a._received_at DESC, a._file_id DESC, a._row_no DESC
    ) = 1
)
SELECT
    enterprise_id,
    report_year AS year,
    staff_count,
    assets_yuan,
    revenue_yuan,
    struct_pack(department := 'market', table_name := 'annual_report', file_id := _file_id, row_no := _row_no, valid_at := make_date(report_year, 12, 31), received_at := _received_at) AS annual_report_evidence
FROM standing
WHERE _op <> 'D'
ORDER BY enterprise_id, year
