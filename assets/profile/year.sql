-- 企业年度：每户每年的营业收入、资产、从业人员、研发费用，按来源次序取值并记下来源
WITH pair AS (
    SELECT enterprise_id, year FROM profile.tax_year
    UNION
    SELECT enterprise_id, year FROM profile.market_year
    UNION
    SELECT enterprise_id, year FROM profile.science_year
), source AS (
    SELECT
        p.enterprise_id,
        p.year,
        t.* EXCLUDE (enterprise_id, year),
        r.staff_count AS reported_staff,
        r.assets_yuan AS reported_assets,
        r.revenue_yuan AS reported_revenue,
        r.annual_report_evidence,
        s.rd_expense_yuan AS science_rd,
        s.rd_input_evidence,
        -- the sales of a year stand for its revenue only when every month it existed has been filed
        t.vat_months >= CASE WHEN year(m.established_date) = p.year THEN 13 - month(m.established_date) ELSE 12 END AS vat_complete,
        t.rd_expense_yuan IS NOT NULL AND NOT (t.rd_expense_yuan = 0 AND s.rd_expense_yuan > 0) AS rd_from_tax
    FROM pair p
    LEFT JOIN profile.tax_year t USING (enterprise_id, year)
    LEFT JOIN profile.market_year r USING (enterprise_id, year)
    LEFT JOIN profile.science_year s USING (enterprise_id, year)
    LEFT JOIN profile.market m USING (enterprise_id)
)
SELECT
    enterprise_id,
    year,
    CAST(CASE WHEN revenue_yuan IS NOT NULL THEN revenue_yuan WHEN vat_complete THEN sales_yuan ELSE reported_revenue END AS DECIMAL(18, 2)) AS revenue_yuan,
    CASE WHEN revenue_yuan IS NOT NULL THEN 'income_tax' WHEN vat_complete THEN 'vat' WHEN reported_revenue IS NOT NULL THEN 'annual_report' END AS revenue_source,
    CASE WHEN revenue_yuan IS NOT NULL THEN income_tax_evidence WHEN vat_complete THEN vat_evidence WHEN reported_revenue IS NOT NULL THEN annual_report_evidence END AS revenue_evidence,
    CAST(coalesce(assets_yuan, reported_assets) AS DECIMAL(18, 2)) AS assets_yuan,
    CASE WHEN assets_yuan IS NOT NULL THEN income_tax_evidence WHEN reported_assets IS NOT NULL THEN annual_report_evidence END AS assets_evidence,
    CAST(coalesce(staff_count, reported_staff) AS BIGINT) AS staff_count,
    CASE WHEN staff_count IS NOT NULL THEN 'income_tax' WHEN reported_staff IS NOT NULL THEN 'annual_report' END AS staff_source,
    CASE WHEN staff_count IS NOT NULL THEN income_tax_evidence WHEN reported_staff IS NOT NULL THEN annual_report_evidence END AS staff_evidence,
    -- nothing deducted says little when the science department holds a figure
    CAST(CASE WHEN rd_from_tax THEN rd_expense_yuan ELSE science_rd END AS DECIMAL(18, 2)) AS rd_expense_yuan,
    CASE WHEN rd_from_tax THEN income_tax_evidence WHEN science_rd IS NOT NULL THEN rd_input_evidence END AS rd_evidence
FROM source
ORDER BY enterprise_id, year
