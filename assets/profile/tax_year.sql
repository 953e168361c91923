-- 税务局年度：每户每年的所得税汇算清缴、增值税销售额合计和入库税款净额
WITH declared AS (
    SELECT s.enterprise_id, year(t.period_to_date) AS year, t.*
    FROM raw.tax_income_tax t
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND t._received_at <= getvariable('known_at')
        AND t.period_to_date <= getvariable('as_of')
        -- until the settlement of May the last prepayment, cumulative from January, is the whole year's revenue
        AND (t.is_annual OR (month(t.period_from_date) = 1 AND month(t.period_to_date) = 12))
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, t.djxh, year(t.period_to_date)
        ORDER BY t.is_annual DESC, t.filed_date DESC NULLS LAST, t._received_at DESC, t._file_id DESC, t._row_no DESC
    ) = 1
), annual AS (
    SELECT * FROM declared WHERE _op <> 'D'
), income AS (
    SELECT
        enterprise_id,
        year,
        sum(revenue_yuan) AS revenue_yuan,
        sum(profit_yuan) AS profit_yuan,
        sum(taxable_income_yuan) FILTER (WHERE is_annual) AS taxable_income_yuan,
        -- a prepayment says nothing of research; 0.00 is how an unfilled balance sheet arrives
        sum(rd_expense_yuan) FILTER (WHERE is_annual) AS rd_expense_yuan,
        sum(nullif(assets_yuan, 0)) AS assets_yuan,
        sum(staff_count) AS staff_count,
        arg_max(
            struct_pack(department := 'tax', table_name := 'income_tax', file_id := _file_id, row_no := _row_no, valid_at := period_to_date, received_at := _received_at),
            (_received_at, _file_id, _row_no)
        ) AS income_tax_evidence
    FROM annual
    GROUP BY enterprise_id, year
), vat AS (
    SELECT
        enterprise_id,
        year(month) AS year,
        sum(sales_yuan) AS sales_yuan,
        sum(export_sales_yuan) AS export_sales_yuan,
        count(*) AS months,
        min(month) AS first_month,
        max(month) AS last_month,
        arg_max(vat_evidence, (month, vat_evidence)) AS vat_evidence
    FROM profile.tax_month
    GROUP BY enterprise_id, year(month)
), entry AS (
    SELECT s.enterprise_id, p.*
    FROM raw.tax_payment p
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND p._received_at <= getvariable('known_at')
        AND p.paid_date <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, p.djxh, p.tax_kind, p.paid_date, p.paid_yuan, p.is_refund
        ORDER BY p._received_at DESC, p._file_id DESC, p._row_no DESC
    ) = 1
), payment AS (
    SELECT
        enterprise_id,
        year(paid_date) AS year,
        sum(CASE WHEN is_refund THEN -abs(paid_yuan) ELSE paid_yuan END) AS paid_yuan,
        sum(CASE WHEN tax_kind = 'vat' THEN CASE WHEN is_refund THEN -abs(paid_yuan) ELSE paid_yuan END ELSE 0 END) AS vat_paid_yuan,
        sum(CASE WHEN tax_kind = 'cit' THEN CASE WHEN is_refund THEN -abs(paid_yuan) ELSE paid_yuan END ELSE 0 END) AS income_tax_paid_yuan,
        arg_max(
            struct_pack(department := 'tax', table_name := 'payment', file_id := _file_id, row_no := _row_no, valid_at := paid_date, received_at := _received_at),
            (paid_date, _received_at, _file_id, _row_no)
        ) AS payment_evidence
    FROM entry
    WHERE _op <> 'D'
    GROUP BY enterprise_id, year(paid_date)
)
SELECT
    enterprise_id,
    year,
    CAST(income.revenue_yuan AS DECIMAL(18, 2)) AS revenue_yuan,
    CAST(income.profit_yuan AS DECIMAL(18, 2)) AS profit_yuan,
    CAST(income.taxable_income_yuan AS DECIMAL(18, 2)) AS taxable_income_yuan,
    CAST(income.rd_expense_yuan AS DECIMAL(18, 2)) AS rd_expense_yuan,
    CAST(income.assets_yuan AS DECIMAL(18, 2)) AS assets_yuan,
    CAST(income.staff_count AS BIGINT) AS staff_count,
    income.income_tax_evidence,
    CAST(vat.sales_yuan AS DECIMAL(18, 2)) AS sales_yuan,
    CAST(vat.export_sales_yuan AS DECIMAL(18, 2)) AS export_sales_yuan,
    vat.months AS vat_months,
    vat.first_month AS vat_first_month,
    vat.last_month AS vat_last_month,
    vat.vat_evidence,
    CAST(payment.paid_yuan AS DECIMAL(18, 2)) AS paid_yuan,
    CAST(payment.vat_paid_yuan AS DECIMAL(18, 2)) AS vat_paid_yuan,
    CAST(payment.income_tax_paid_yuan AS DECIMAL(18, 2)) AS income_tax_paid_yuan,
    payment.payment_evidence
FROM income
FULL JOIN vat USING (enterprise_id, year)
FULL JOIN payment USING (enterprise_id, year)
ORDER BY enterprise_id, year
