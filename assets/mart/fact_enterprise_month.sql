-- 企业月度：企业 × 月的销售额、应纳税额、参保人数、产值、进出口与当月、累计所得扶持，供效果评价和自由分析。
WITH support AS (
    SELECT
        enterprise_id,
        CAST(date_trunc('month', paid_date) AS DATE) AS month,
        sum(paid_yuan) AS support_yuan
    FROM mart.fact_payment
    WHERE enterprise_id IS NOT NULL
    GROUP BY ALL
)
SELECT
    coalesce(m.enterprise_id, s.enterprise_id) AS enterprise_id,
    coalesce(m.month, s.month) AS month,
    m.vat_sales_yuan AS sales_yuan,
    m.vat_payable_yuan AS tax_payable_yuan,
    m.insured_count,
    m.output_yuan,
    m.export_usd,
    m.import_usd,
    CAST(coalesce(s.support_yuan, 0) AS DECIMAL(18, 2)) AS support_yuan,
    CAST(
        coalesce(
            sum(s.support_yuan) OVER (
                PARTITION BY coalesce(m.enterprise_id, s.enterprise_id) ORDER BY coalesce(m.month, s.month)
            ),
            0
        ) AS DECIMAL(18, 2)
    ) AS support_to_date_yuan
FROM (SELECT * FROM profile.indicator_month WHERE month <= getvariable('as_of')) AS m
FULL JOIN support AS s ON s.enterprise_id = m.enterprise_id AND s.month = m.month
ORDER BY enterprise_id, month
