-- 税务局月度：每户每月的增值税销售额；更正取最近一次申报，作废不计，按季申报按月均摊到分，一户多号相加
WITH filing AS (
    SELECT s.enterprise_id, v.*
    FROM raw.tax_vat v
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND v._received_at <= getvariable('known_at')
        AND v.period_to_date <= getvariable('as_of')
), voided AS (
    SELECT DISTINCT djxh, filing_id FROM filing WHERE is_void OR _op = 'D'
), standing AS (
    SELECT filing.*, date_diff('month', period_from_date, period_to_date) + 1 AS months
    FROM filing
    ANTI JOIN voided USING (djxh, filing_id)
    QUALIFY row_number() OVER (
        PARTITION BY enterprise_id, djxh, period_from_date, period_to_date
        ORDER BY filed_date DESC NULLS LAST, _received_at DESC, filing_id DESC, _file_id DESC, _row_no DESC
    ) = 1
), amount AS (
    SELECT *,
        CAST(100 * (coalesce(taxable_sales_yuan, 0) + coalesce(exempt_sales_yuan, 0) + coalesce(export_sales_yuan, 0)) AS BIGINT) AS sales_cents,
        CAST(100 * coalesce(export_sales_yuan, 0) AS BIGINT) AS export_cents,
        CAST(100 * coalesce(payable_yuan, 0) AS BIGINT) AS payable_cents
    FROM standing
), spread AS (
    SELECT *, unnest(range(months)) AS step FROM amount
), share AS (
    -- the cents that do not divide go one by one to the first months, so that the months add up to the filing
    SELECT *,
        CAST(date_trunc('month', period_from_date) + to_months(CAST(step AS INTEGER)) AS DATE) AS month,
        sales_cents // months + CASE WHEN step < abs(sales_cents % months) THEN sign(sales_cents) ELSE 0 END AS sales,
        export_cents // months + CASE WHEN step < abs(export_cents % months) THEN sign(export_cents) ELSE 0 END AS export,
        payable_cents // months + CASE WHEN step < abs(payable_cents % months) THEN sign(payable_cents) ELSE 0 END AS payable
    FROM spread
), summed AS (
    SELECT
        enterprise_id,
        month,
        CAST(CAST(sum(sales) AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2)) AS sales_yuan,
        CAST(CAST(sum(export) AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2)) AS export_sales_yuan,
        CAST(CAST(sum(payable) AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2)) AS payable_yuan,
        -- who files by the quarter owes the next filing only at its end
        max(months) AS filing_months,
        max(struct_pack(received_at := _received_at, file_id := _file_id, row_no := _row_no, valid_at := period_to_date)) AS newest
    FROM share
    GROUP BY enterprise_id, month
)
SELECT
    enterprise_id,
    month,
    sales_yuan,
    export_sales_yuan,
    payable_yuan,
    filing_months,
    struct_pack(department := 'tax', table_name := 'vat', file_id := newest.file_id, row_no := newest.row_no, valid_at := newest.valid_at, received_at := newest.received_at) AS vat_evidence
FROM summed
ORDER BY enterprise_id, month
