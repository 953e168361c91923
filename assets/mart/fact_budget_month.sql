-- 预算执行：事项 × 资金来源 × 月的拨付与退回；来源“合计”的行另有年度预算、本年累计、月末已核定未拨付和时间进度，求和时不要与分来源的行相加。
WITH span AS (
    SELECT least(coalesce(min(date_trunc('year', paid_date)), getvariable('as_of')), date_trunc('year', getvariable('as_of'))) AS first_month
    FROM mart.fact_payment
),
month AS (
    SELECT CAST(unnest(generate_series(first_month, date_trunc('month', getvariable('as_of')), INTERVAL 1 MONTH)) AS DATE) AS month
    FROM span
),
moved AS (
    SELECT
        item_id,
        coalesce(bearer_level, '未写明') AS source,
        CAST(date_trunc('month', paid_date) AS DATE) AS month,
        sum(paid_yuan) AS paid_yuan,
        coalesce(-sum(paid_yuan) FILTER (WHERE paid_yuan < 0), 0) AS returned_yuan,
        count(*) AS payments
    FROM mart.fact_payment
    GROUP BY ALL
),
spine AS (
    SELECT item_id, source FROM moved
    UNION
    SELECT item_id, '合计' FROM moved
    UNION
    SELECT item_id, '合计' FROM mart.dim_item WHERE budget_yuan IS NOT NULL
),
either AS (
    SELECT * FROM moved
    UNION ALL
    SELECT item_id, '合计', month, sum(paid_yuan), sum(returned_yuan), CAST(sum(payments) AS BIGINT) FROM moved GROUP BY item_id, month
),
promised AS (
    SELECT m.month, c.item_id, sum(c.approved_yuan) AS committed_yuan
    FROM month AS m
    INNER JOIN mart.fact_case AS c
        ON c.decision = 'approved'
        AND c.decided_date <= least(last_day(m.month), getvariable('as_of'))
        AND (c.paid_date IS NULL OR c.paid_date > least(last_day(m.month), getvariable('as_of')))
    GROUP BY m.month, c.item_id
),
planned AS (
    SELECT m.month, i.item_id, max_by(i.budget_yuan, i.version) AS budget_yuan
    FROM month AS m
    INNER JOIN mart.dim_item AS i ON i.valid_from <= last_day(m.month) AND (i.valid_to IS NULL OR i.valid_to >= m.month)
    WHERE i.budget_yuan IS NOT NULL
    GROUP BY m.month, i.item_id
)
SELECT
    k.item_id,
    k.source,
    m.month,
    CAST(coalesce(e.paid_yuan, 0) AS DECIMAL(18, 2)) AS paid_yuan,
    CAST(coalesce(e.returned_yuan, 0) AS DECIMAL(18, 2)) AS returned_yuan,
    coalesce(e.payments, 0) AS payments,
    CAST(sum(coalesce(e.paid_yuan, 0)) OVER (PARTITION BY k.item_id, k.source, year(m.month) ORDER BY m.month) AS DECIMAL(18, 2)) AS paid_this_year_yuan,
    CASE WHEN k.source = '合计' THEN CAST(coalesce(p.committed_yuan, 0) AS DECIMAL(18, 2)) END AS committed_yuan,
    CASE WHEN k.source = '合计' THEN b.budget_yuan END AS budget_yuan,
    CAST(dayofyear(least(last_day(m.month), getvariable('as_of'))) / dayofyear(make_date(year(m.month), 12, 31)) AS DECIMAL(18, 6)) AS elapsed_ratio
FROM spine AS k
CROSS JOIN month AS m
LEFT JOIN either AS e ON e.item_id = k.item_id AND e.source = k.source AND e.month = m.month
LEFT JOIN promised AS p ON p.item_id = k.item_id AND p.month = m.month
LEFT JOIN planned AS b ON b.item_id = k.item_id AND b.month = m.month
ORDER BY item_id, source, month
