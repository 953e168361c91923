-- 税务局：登记、纳税额、近期销售额、信用级别、欠税
WITH registered AS (
    SELECT s.enterprise_id, r.*
    FROM raw.tax_registration r
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND r._received_at <= getvariable('known_at')
        AND r._period <= strftime(getvariable('as_of'), '%Y%m%d')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, r.djxh
        ORDER BY r._received_at DESC, r._file_id DESC, r._row_no DESC
    ) = 1
), registration AS (
    -- a firm that moved may stand under two numbers: the one still normal and last reported speaks for it; a branch that stands
    -- under its parent's number does not, and where no name tells the two apart, the one at the office of the registered place is the parent
    SELECT registered.*, region.current_code AS office_region
    FROM registered
    LEFT JOIN profile.market market USING (enterprise_id)
    -- the office code is 1, the region's six digits, four of its own; a region long gone there is a code misread, not a place.
    -- 洋浦 is no district: its office stands under 儋州 with the three digits of its statistical code
    LEFT JOIN profile.region region
        ON region.code = CASE
            WHEN starts_with(registered.tax_office_code, '1460400499') THEN '460400499'
            ELSE regexp_extract(registered.tax_office_code, '^1?(46\d{4})', 1)
        END
        AND coalesce(region.valid_to > getvariable('as_of') - INTERVAL 15 YEAR, TRUE)
    WHERE registered._op <> 'D'
    QUALIFY row_number() OVER (
        PARTITION BY enterprise_id
        ORDER BY coalesce(registered.name LIKE '%分公司%', FALSE), registered.status = 'normal' DESC NULLS LAST,
            region.current_code = market.registered_region DESC NULLS LAST, registered._received_at DESC, registered._file_id DESC, registered._row_no DESC
    ) = 1
), recent AS (
    SELECT
        m.enterprise_id,
        sum(m.sales_yuan) FILTER (WHERE year(m.month) = year(getvariable('as_of'))) AS sales_ytd,
        count(*) FILTER (WHERE year(m.month) = year(getvariable('as_of'))) AS months_ytd,
        sum(m.sales_yuan) FILTER (WHERE m.month > l.last_month - INTERVAL 12 MONTH) AS sales_12,
        count(*) FILTER (WHERE m.month > l.last_month - INTERVAL 12 MONTH) AS months_12,
        any_value(l.last_month) AS last_month,
        any_value(l.is_current) AS is_current,
        arg_max(m.vat_evidence, (m.month, m.vat_evidence)) AS vat_evidence
    FROM profile.tax_month m
    JOIN (
        -- twelve months that end before the newest due period hide a quarter that may be over any limit
        SELECT
            enterprise_id,
            max(filed.month) AS last_month,
            max(filed.month) >= arg_max(CASE WHEN filed.filing_months >= 3 THEN due.quarter_month ELSE due.month END, filed.month) AS is_current
        FROM profile.tax_month filed
        CROSS JOIN profile.due due
        GROUP BY enterprise_id
    ) l USING (enterprise_id)
    GROUP BY m.enterprise_id
), yearly AS (
    SELECT
        enterprise_id,
        any_value(profit_yuan) FILTER (WHERE year = year(getvariable('as_of')) - 1) AS profit,
        any_value(taxable_income_yuan) FILTER (WHERE year = year(getvariable('as_of')) - 1) AS taxable_income,
        any_value(staff_count) FILTER (WHERE year = year(getvariable('as_of')) - 1) AS staff,
        any_value(assets_yuan) FILTER (WHERE year = year(getvariable('as_of')) - 1) AS assets,
        any_value(income_tax_evidence) FILTER (WHERE year = year(getvariable('as_of')) - 1) AS income_tax_evidence,
        any_value(export_sales_yuan) FILTER (WHERE year = year(getvariable('as_of')) - 1 AND vat_months = 12) AS export_sales,
        any_value(paid_yuan) FILTER (WHERE year = year(getvariable('as_of')) - 1) AS paid,
        any_value(paid_yuan) FILTER (WHERE year = year(getvariable('as_of')) - 2) AS paid_before,
        any_value(paid_yuan) FILTER (WHERE year = year(getvariable('as_of'))) AS paid_ytd,
        any_value(vat_paid_yuan) FILTER (WHERE year = year(getvariable('as_of')) - 1) AS vat_paid,
        any_value(income_tax_paid_yuan) FILTER (WHERE year = year(getvariable('as_of')) - 1) AS income_tax_paid,
        arg_max(payment_evidence, year) FILTER (WHERE payment_evidence IS NOT NULL) AS payment_evidence
    FROM profile.tax_year
    GROUP BY enterprise_id
), rating AS (
    -- the rating of a year is published in the April after it
    SELECT s.enterprise_id, c.*
    FROM raw.tax_credit c
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND c._received_at <= getvariable('known_at')
        AND make_date(c.rated_year + 1, 4, 1) <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id
        ORDER BY c.rated_year DESC, c._received_at DESC, c._file_id DESC, c._row_no DESC
    ) = 1
), owed AS (
    -- each month's file lists all who owe: the newest replaces those before, and who is not in it owes nothing
    SELECT s.enterprise_id, a.*
    FROM raw.tax_arrears a
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND a._received_at <= getvariable('known_at')
        AND a._period = (
            SELECT max(period)
            FROM raw.delivery
            WHERE department = 'tax' AND table_name = 'arrears' AND status = 'loaded'
                AND received_at <= getvariable('known_at') AND period <= strftime(getvariable('as_of'), '%Y%m%d')
        )
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, a.djxh, a.tax_kind
        ORDER BY a._received_at DESC, a._file_id DESC, a._row_no DESC
    ) = 1
), arrears AS (
    SELECT
        enterprise_id,
        sum(balance_yuan) AS balance,
        arg_max(
            struct_pack(department := 'tax', table_name := 'arrears', file_id := _file_id, row_no := _row_no, valid_at := _received_at::DATE, received_at := _received_at),
            (_received_at, _file_id, _row_no)
        ) AS arrears_evidence
    FROM owed
    WHERE _op <> 'D'
    GROUP BY enterprise_id
), fresh AS (
    -- a year the feed lacks a month of is neither a sum nor nothing
    SELECT
        coalesce(bool_or(age_days <= 75), FALSE) AS payment,
        coalesce(len(list_filter(any_value(months), lambda m: starts_with(m, CAST(year(getvariable('as_of')) - 1 AS VARCHAR)))) = 12, FALSE) AS last_year,
        coalesce(len(list_filter(any_value(months), lambda m: starts_with(m, CAST(year(getvariable('as_of')) - 2 AS VARCHAR)))) = 12, FALSE) AS year_before,
        coalesce(max(last_month) >= strftime(any_value(due.month), '%Y%m'), FALSE) AS to_date
    FROM profile.feed
    CROSS JOIN profile.due due
    WHERE department = 'tax' AND table_name = 'payment'
)
SELECT
    enterprise_id,
    registration.office_region AS tax_region,
    nullif(regexp_extract(registration.industry_code, '(\d{2,4})', 1), '') AS taxed_industry,
    CASE registration.vat_payer_type WHEN 'general' THEN '一般纳税人' WHEN 'small' THEN '小规模纳税人' END AS taxpayer_type,
    CASE registration.status
        WHEN 'normal' THEN '正常' WHEN 'suspended' THEN '停业' WHEN 'abnormal' THEN '非正常'
        WHEN 'cancelled' THEN '注销' WHEN 'abnormal_cancelled' THEN '非正常注销' WHEN 'pending' THEN '其他' WHEN 'cancelling' THEN '其他'
    END AS taxpayer_status,
    CASE WHEN registration.enterprise_id IS NOT NULL THEN
        struct_pack(department := 'tax', table_name := 'registration', file_id := registration._file_id, row_no := registration._row_no, valid_at := registration._received_at::DATE, received_at := registration._received_at)
    END AS registration_evidence,
    -- every month since January, or since the founding, up to the newest that is due
    CAST(CASE
        WHEN recent.is_current
            AND recent.months_ytd >= month(recent.last_month) + 1 - CASE WHEN year(market.established_date) = year(getvariable('as_of')) THEN month(market.established_date) ELSE 1 END
        THEN recent.sales_ytd
    END AS DECIMAL(18, 2)) AS revenue_ytd,
    CAST(CASE WHEN recent.is_current AND recent.months_12 = 12 THEN recent.sales_12 END AS DECIMAL(18, 2)) AS revenue_last_12_months,
    CAST(yearly.export_sales AS DECIMAL(18, 2)) AS export_sales_last_year,
    recent.vat_evidence,
    yearly.profit AS profit_last_year,
    yearly.taxable_income AS taxable_income_last_year,
    yearly.taxable_income <= 3000000 AND yearly.staff <= 300 AND yearly.assets <= 50000000 AS is_small_low_profit,
    yearly.income_tax_evidence,
    -- registered for tax and nothing paid in is zero; not registered (or not linked) is unknown
    CASE WHEN NOT fresh.last_year THEN NULL WHEN registration.enterprise_id IS NOT NULL AND fresh.payment THEN coalesce(yearly.paid, 0) ELSE yearly.paid END AS tax_paid_last_year,
    CASE WHEN NOT fresh.year_before THEN NULL WHEN registration.enterprise_id IS NOT NULL AND fresh.payment THEN coalesce(yearly.paid_before, 0) ELSE yearly.paid_before END AS tax_paid_before_last_year,
    CASE WHEN NOT fresh.to_date THEN NULL WHEN registration.enterprise_id IS NOT NULL AND fresh.payment THEN coalesce(yearly.paid_ytd, 0) ELSE yearly.paid_ytd END AS tax_paid_ytd,
    CASE WHEN NOT fresh.last_year THEN NULL WHEN registration.enterprise_id IS NOT NULL AND fresh.payment THEN coalesce(yearly.vat_paid, 0) ELSE yearly.vat_paid END AS vat_paid_last_year,
    CASE WHEN NOT fresh.last_year THEN NULL WHEN registration.enterprise_id IS NOT NULL AND fresh.payment THEN coalesce(yearly.income_tax_paid, 0) ELSE yearly.income_tax_paid END AS income_tax_paid_last_year,
    TRY_CAST(CASE WHEN fresh.last_year AND fresh.year_before AND yearly.paid_before > 0 THEN (coalesce(yearly.paid, 0) - yearly.paid_before) / yearly.paid_before END AS DECIMAL(18, 6)) AS tax_paid_growth_rate,
    coalesce(
        yearly.payment_evidence,
        struct_pack(department := 'tax', table_name := 'registration', file_id := registration._file_id, row_no := registration._row_no, valid_at := registration._received_at::DATE, received_at := registration._received_at)
    ) AS payment_evidence,
    rating.credit_level AS tax_credit_level,
    CASE WHEN rating.enterprise_id IS NOT NULL THEN
        struct_pack(department := 'tax', table_name := 'credit', file_id := rating._file_id, row_no := rating._row_no, valid_at := make_date(rating.rated_year + 1, 4, 1), received_at := rating._received_at)
    END AS credit_evidence,
    CAST(arrears.balance AS DECIMAL(18, 2)) AS tax_arrears_yuan,
    arrears.arrears_evidence,
    CASE WHEN fresh.year_before AND registration.enterprise_id IS NOT NULL AND coalesce(yearly.paid_before, 0) <= 0 THEN ['tax_paid_growth_rate'] ELSE [] END AS not_applicable
FROM registration
FULL JOIN recent USING (enterprise_id)
FULL JOIN yearly USING (enterprise_id)
FULL JOIN rating USING (enterprise_id)
FULL JOIN arrears USING (enterprise_id)
LEFT JOIN profile.market market USING (enterprise_id)
CROSS JOIN fresh
ORDER BY enterprise_id
