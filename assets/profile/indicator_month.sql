-- 指标月度面板：每户每月的销售额、参保、产值、进出口、商贸销售和到账扶持，评价用；没有报的月份为空
WITH support AS (
    SELECT
        s.enterprise_id,
        CAST(date_trunc('month', p.paid_date) AS DATE) AS month,
        sum(CASE WHEN p.is_returned THEN -abs(p.paid_yuan) ELSE p.paid_yuan END) AS support_yuan
    FROM (
        SELECT * FROM raw.finance_payment
        WHERE _received_at <= getvariable('known_at') AND paid_date <= getvariable('as_of')
        QUALIFY row_number() OVER (PARTITION BY voucher_no ORDER BY _received_at DESC, _file_id DESC, _row_no DESC) = 1
    ) p
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL AND p._op <> 'D'
    GROUP BY s.enterprise_id, date_trunc('month', p.paid_date)
)
SELECT
    enterprise_id,
    month,
    tax.sales_yuan AS vat_sales_yuan,
    tax.export_sales_yuan,
    tax.payable_yuan AS vat_payable_yuan,
    labor.insured_count,
    labor.paid_yuan AS insurance_paid_yuan,
    industry.output_yuan,
    industry.electricity_kwh,
    commerce.goods_sales_yuan,
    customs.export_usd,
    customs.import_usd,
    CAST(support.support_yuan AS DECIMAL(18, 2)) AS support_yuan
FROM profile.tax_month tax
FULL JOIN profile.labor_month labor USING (enterprise_id, month)
FULL JOIN profile.industry_month industry USING (enterprise_id, month)
FULL JOIN profile.commerce_month commerce USING (enterprise_id, month)
FULL JOIN profile.customs_month customs USING (enterprise_id, month)
FULL JOIN support USING (enterprise_id, month)
ORDER BY enterprise_id, month
