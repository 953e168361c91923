-- 到所问之日按期应当已经报来的最近一个月和最近一个季度的末月：更早的数不是“最近”，不完整的合计不是合计
SELECT
    -- monthly and quarterly feeds are due 20 days after their period (due_days of the contracts)
    CAST(date_trunc('month', getvariable('as_of') - INTERVAL 20 DAY) - INTERVAL 1 MONTH AS DATE) AS month,
    CAST(date_trunc('quarter', getvariable('as_of') - INTERVAL 20 DAY) - INTERVAL 1 MONTH AS DATE) AS quarter_month
ORDER BY month
