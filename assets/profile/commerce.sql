-- 商务厅：限上商贸销售、外资到资、外贸备案、离岛免税
WITH yearly AS (
    SELECT
        enterprise_id,
        year(month) AS year,
        -- the largest cumulative figure of the year counts only when the year is complete
        arg_max(goods_sales_to_date_yuan, month) AS sales,
        arg_max(retail_sales_to_date_yuan, month) AS retail,
        max(month) AS last_month
    FROM profile.commerce_month
    GROUP BY enterprise_id, year(month)
), sales AS (
    SELECT
        enterprise_id,
        any_value(sales) FILTER (WHERE year = year(getvariable('as_of')) - 1 AND month(last_month) = 12) AS last_year,
        any_value(sales) FILTER (WHERE year = year(getvariable('as_of')) - 2 AND month(last_month) = 12) AS before_last_year,
        any_value(sales) FILTER (WHERE year = year(getvariable('as_of'))) AS ytd,
        any_value(retail) FILTER (WHERE year = year(getvariable('as_of')) - 1 AND month(last_month) = 12) AS retail
    FROM yearly
    GROUP BY enterprise_id
), seen AS (
    SELECT
        m.enterprise_id,
        min(m.month) AS first_month,
        max(m.month) AS last_month,
        arg_max(region.current_code, m.month) AS stat_region,
        arg_max(m.sales_month_evidence, m.month) AS sales_month_evidence
    FROM profile.commerce_month m
    LEFT JOIN (
        SELECT word, any_value(current_code) AS current_code FROM profile.region_word GROUP BY word HAVING count(DISTINCT current_code) = 1
    ) region ON region.word = trim(m.sheet)
    GROUP BY m.enterprise_id
), report AS (
    SELECT s.enterprise_id, f.*
    FROM raw.commerce_foreign_capital f
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND f._received_at <= getvariable('known_at')
        AND f.reported_date <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, f.investor_name, f.reported_date
        ORDER BY f._received_at DESC, f._file_id DESC, f._row_no DESC
    ) = 1
), capital AS (
    SELECT
        enterprise_id,
        sum(actual_usd) FILTER (WHERE year(reported_date) = year(getvariable('as_of')) - 1) AS last_year,
        sum(actual_usd) FILTER (WHERE year(reported_date) = year(getvariable('as_of'))) AS ytd,
        sum(actual_usd) AS total,
        sum(contracted_usd) AS contracted,
        arg_max(
            struct_pack(department := 'commerce', table_name := 'foreign_capital', file_id := _file_id, row_no := _row_no, valid_at := reported_date, received_at := _received_at),
            (reported_date, _received_at, _file_id, _row_no)
        ) AS foreign_capital_evidence
    FROM report
    WHERE _op <> 'D'
    GROUP BY enterprise_id
), since AS (
    -- a total is one only for those who were founded after the feed began
    SELECT CAST(strptime(min(first_month), '%Y%m') AS DATE) AS first_day
    FROM profile.feed
    WHERE department = 'commerce' AND table_name = 'foreign_capital'
), filing AS (
    SELECT
        s.enterprise_id,
        arg_max(
            struct_pack(department := 'commerce', table_name := 'trade_filing', file_id := t._file_id, row_no := t._row_no, valid_at := t.filed_date, received_at := t._received_at),
            (t._received_at, t._file_id, t._row_no)
        ) AS trade_filing_evidence
    FROM raw.commerce_trade_filing t
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND t._received_at <= getvariable('known_at')
        AND coalesce(t.filed_date, t._received_at::DATE) <= getvariable('as_of')
        AND t._op <> 'D'
    GROUP BY s.enterprise_id
), duty_free_month AS (
    SELECT s.enterprise_id, d.*
    FROM raw.commerce_duty_free d
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND d._received_at <= getvariable('known_at')
        AND d.report_month <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, date_trunc('month', d.report_month)
        ORDER BY d._received_at DESC, d._file_id DESC, d._row_no DESC
    ) = 1
), duty_free AS (
    SELECT
        enterprise_id,
        sum(sales_yuan) FILTER (WHERE year(report_month) = year(getvariable('as_of')) - 1) AS last_year,
        count(DISTINCT date_trunc('month', report_month)) FILTER (WHERE year(report_month) = year(getvariable('as_of')) - 1) AS last_year_months,
        arg_max(
            struct_pack(department := 'commerce', table_name := 'duty_free', file_id := _file_id, row_no := _row_no, valid_at := report_month, received_at := _received_at),
            (report_month, _received_at, _file_id, _row_no)
        ) AS duty_free_evidence
    FROM duty_free_month
    WHERE _op <> 'D'
    GROUP BY enterprise_id
)
SELECT
    enterprise_id,
    CASE WHEN seen.last_month >= due.month - INTERVAL 1 MONTH THEN seen.stat_region END AS stat_region,
    CAST(sales.last_year AS DECIMAL(18, 2)) AS sales_last_year,
    CAST(CASE WHEN seen.last_month >= due.month THEN sales.ytd END AS DECIMAL(18, 2)) AS sales_ytd,
    TRY_CAST(CASE WHEN sales.before_last_year > 0 THEN (sales.last_year - sales.before_last_year) / sales.before_last_year END AS DECIMAL(18, 6)) AS sales_growth_rate,
    CAST(sales.retail AS DECIMAL(18, 2)) AS retail_sales_last_year,
    seen.first_month AS sales_first_month,
    seen.last_month AS sales_last_month,
    seen.sales_month_evidence,
    CAST(capital.last_year AS DECIMAL(18, 2)) AS foreign_capital_actual_last_year,
    CAST(capital.ytd AS DECIMAL(18, 2)) AS foreign_capital_actual_ytd,
    CAST(CASE WHEN market.established_date >= since.first_day THEN capital.total END AS DECIMAL(18, 2)) AS foreign_capital_actual_total,
    CAST(CASE WHEN market.established_date >= since.first_day THEN capital.contracted END AS DECIMAL(18, 2)) AS foreign_capital_contract_total,
    capital.foreign_capital_evidence,
    CASE WHEN filing.enterprise_id IS NOT NULL THEN TRUE END AS has_trade_filing,
    filing.trade_filing_evidence,
    -- a shop reports every month: a month left out is not a month without sales
    CAST(CASE
        WHEN duty_free.last_year_months = 12
            OR (year(market.established_date) = year(getvariable('as_of')) - 1 AND duty_free.last_year_months = 13 - month(market.established_date))
        THEN duty_free.last_year
    END AS DECIMAL(18, 2)) AS duty_free_sales_last_year,
    duty_free.duty_free_evidence,
    CASE WHEN duty_free.last_year_months > 0 THEN ['duty_free_sales_last_year'] ELSE [] END AS reported
FROM sales
FULL JOIN seen USING (enterprise_id)
FULL JOIN capital USING (enterprise_id)
FULL JOIN filing USING (enterprise_id)
FULL JOIN duty_free USING (enterprise_id)
LEFT JOIN profile.market market USING (enterprise_id)
CROSS JOIN since
CROSS JOIN profile.due due
ORDER BY enterprise_id
