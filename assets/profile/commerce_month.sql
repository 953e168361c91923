-- 商务厅月度：限上商贸每户每月销售额；报来的是“1—本月”累计数，减去上一期还原为当月（一、二月合报）
WITH reported AS (
    SELECT
        s.enterprise_id,
        m.*,
        TRY_CAST(regexp_extract(m.report_month, '(20\d\d)', 1) AS INTEGER) AS year,
        -- 2024年1-3月、202403、2024-03: the last number of one or two digits is the month to date
        TRY_CAST(regexp_extract(regexp_replace(m.report_month, '20\d\d', ''), '(\d{1,2})\D*$', 1) AS INTEGER) AS month_no
    FROM raw.commerce_sales_month m
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL AND m._received_at <= getvariable('known_at')
), standing AS (
    SELECT *, make_date(year, month_no, 1) AS month
    FROM reported
    WHERE month_no BETWEEN 1 AND 12 AND make_date(year, month_no, 1) <= getvariable('as_of')
    QUALIFY row_number() OVER (PARTITION BY enterprise_id, year, month_no ORDER BY _received_at DESC, _file_id DESC, _row_no DESC) = 1
)
SELECT
    enterprise_id,
    month,
    goods_sales_yuan AS goods_sales_to_date_yuan,
    retail_sales_yuan AS retail_sales_to_date_yuan,
    CAST(goods_sales_yuan - coalesce(lag(goods_sales_yuan) OVER year_so_far, 0) AS DECIMAL(18, 2)) AS goods_sales_yuan,
    CAST(retail_sales_yuan - coalesce(lag(retail_sales_yuan) OVER year_so_far, 0) AS DECIMAL(18, 2)) AS retail_sales_yuan,
    CAST(turnover_yuan - coalesce(lag(turnover_yuan) OVER year_so_far, 0) AS DECIMAL(18, 2)) AS turnover_yuan,
    month_no - coalesce(lag(month_no) OVER year_so_far, 0) AS months,
    _sheet AS sheet,
    struct_pack(department := 'commerce', table_name := 'sales_month', file_id := _file_id, row_no := _row_no, valid_at := month, received_at := _received_at) AS sales_month_evidence
FROM standing
WHERE _op <> 'D'
WINDOW year_so_far AS (PARTITION BY enterprise_id, year ORDER BY month)
ORDER BY enterprise_id, month
