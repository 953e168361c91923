-- 跨部门指标：营业收入、划型、研发强度、资质、首次认定、规上在库、排除类等，按来源次序取值
WITH figures AS (
    SELECT
        enterprise_id,
        any_value(revenue_yuan) FILTER (WHERE year = year(getvariable('as_of')) - 1) AS revenue,
        any_value(revenue_evidence) FILTER (WHERE year = year(getvariable('as_of')) - 1) AS revenue_evidence,
        any_value(revenue_yuan) FILTER (WHERE year = year(getvariable('as_of')) - 2) AS revenue_before,
        any_value(revenue_evidence) FILTER (WHERE year = year(getvariable('as_of')) - 2) AS revenue_before_evidence,
        max(revenue_yuan) FILTER (WHERE year < year(getvariable('as_of')) - 1) AS revenue_max_before,
        count(revenue_yuan) FILTER (WHERE year BETWEEN year(getvariable('as_of')) - 4 AND year(getvariable('as_of')) - 2) AS years_before,
        any_value(assets_yuan) FILTER (WHERE year = year(getvariable('as_of')) - 1) AS assets,
        any_value(assets_evidence) FILTER (WHERE year = year(getvariable('as_of')) - 1) AS assets_evidence,
        any_value(staff_count) FILTER (WHERE year = year(getvariable('as_of')) - 1) AS staff,
        any_value(staff_source) FILTER (WHERE year = year(getvariable('as_of')) - 1) AS staff_source,
        any_value(staff_evidence) FILTER (WHERE year = year(getvariable('as_of')) - 1) AS staff_evidence,
        any_value(rd_expense_yuan) FILTER (WHERE year = year(getvariable('as_of')) - 1) AS rd,
        any_value(rd_evidence) FILTER (WHERE year = year(getvariable('as_of')) - 1) AS rd_evidence,
        any_value(rd_expense_yuan) FILTER (WHERE year = year(getvariable('as_of')) - 2) AS rd_before,
        any_value(rd_evidence) FILTER (WHERE year = year(getvariable('as_of')) - 2) AS rd_before_evidence,
        sum(rd_expense_yuan) FILTER (WHERE year BETWEEN year(getvariable('as_of')) - 3 AND year(getvariable('as_of')) - 1) AS rd_3,
        count(rd_expense_yuan) FILTER (WHERE year BETWEEN year(getvariable('as_of')) - 3 AND year(getvariable('as_of')) - 1) AS rd_3_years
    FROM profile.year
    GROUP BY enterprise_id
), fact AS (
    SELECT
        e.enterprise_id,
        -- the register's class; where it says no more than the letter, the tax office's
        CASE WHEN length(market.registered_industry) > 1 THEN market.registered_industry ELSE coalesce(tax.taxed_industry, market.registered_industry) END AS industry,
        CASE WHEN length(market.registered_industry) > 1 OR tax.taxed_industry IS NULL THEN market.baseinfo_evidence ELSE tax.registration_evidence END AS industry_evidence,
        market.registered_section,
        market.established_date,
        coalesce(figures.staff, CAST(round(labor.employees_insured_last_year_mean) AS BIGINT)) AS staff,
        figures.revenue,
        figures.assets
    FROM registry.enterprise e
    LEFT JOIN profile.market market USING (enterprise_id)
    LEFT JOIN profile.labor labor USING (enterprise_id)
    LEFT JOIN profile.tax tax USING (enterprise_id)
    LEFT JOIN figures USING (enterprise_id)
), head AS (
    SELECT fact.*, coalesce(division.section, fact.registered_section) AS industry_section
    FROM fact
    LEFT JOIN profile.division division ON division.division = left(fact.industry, 2)
), sized AS (
    SELECT enterprise_id, size, staff_basis, staff_evidence
    FROM profile.size_year
    WHERE year = year(getvariable('as_of')) - 1
), recognised AS (
    SELECT enterprise_id, unnest(hnte_list) AS entry, hnte_evidence AS evidence FROM profile.science
    UNION ALL
    SELECT enterprise_id, unnest(tech_sme_list), tech_sme_evidence FROM profile.science
    UNION ALL
    SELECT enterprise_id, unnest(gradient_list), gradient_evidence FROM profile.industry
    UNION ALL
    SELECT enterprise_id, unnest(certification_list), certification_evidence FROM profile.agri
    UNION ALL
    SELECT
        enterprise_id,
        struct_pack("name" := 'AEO高级认证企业', "level" := CAST(NULL AS VARCHAR), issuer := '海关', valid_from := CAST(NULL AS DATE), valid_to := CAST(NULL AS DATE)),
        registration_evidence
    FROM profile.customs
    WHERE customs_credit_level = '高级认证企业'
), certified AS (
    SELECT
        enterprise_id,
        list(entry ORDER BY entry) FILTER (WHERE coalesce(entry.valid_to >= getvariable('as_of'), TRUE)) AS entries,
        arg_max(evidence, (evidence.valid_at, evidence)) AS evidence
    FROM recognised
    GROUP BY enterprise_id
), first_entry AS (
    -- a yearly listing lapses with its year; that it was the first does not
    SELECT
        enterprise_id,
        entry.name AS name,
        arg_min(
            CASE WHEN entry.name = '科技型中小企业'
                THEN struct_pack("name" := entry.name, "level" := entry.level, issuer := entry.issuer, valid_from := entry.valid_from, valid_to := CAST(NULL AS DATE))
                ELSE entry
            END,
            entry.valid_from
        ) AS entry
    FROM recognised
    WHERE entry.valid_from IS NOT NULL
    GROUP BY enterprise_id, entry.name
), listed AS (
    SELECT min(first_month) AS first_month FROM profile.feed WHERE department = 'science' AND table_name = 'tech_sme'
), first_time AS (
    SELECT f.enterprise_id, list(f.entry ORDER BY f.entry) AS entries
    FROM first_entry f
    LEFT JOIN profile.market market USING (enterprise_id)
    CROSS JOIN listed
    WHERE year(f.entry.valid_from) >= year(getvariable('as_of')) - 1
        -- yearly lists tell of a first time only where they reach back: five years, or to the founding
        AND (
            f.name <> '科技型中小企业'
            OR coalesce(
                listed.first_month <= strftime(make_date(year(f.entry.valid_from) - 5, 12, 31), '%Y%m')
                    OR listed.first_month <= strftime(market.established_date, '%Y%m'),
                FALSE
            )
        )
    GROUP BY f.enterprise_id
), reporting AS (
    SELECT
        -- a fact about the feed, not about the enterprises at hand: a slice of them must give the same answer
        (
            SELECT CAST(strptime(min(left(period, 6)), '%Y%m') AS DATE) FROM raw.delivery
            WHERE department = 'industry' AND table_name = 'output_month' AND status = 'loaded' AND received_at <= getvariable('known_at')
        ) AS industry_start,
        (
            SELECT CAST(strptime(min(left(period, 6)), '%Y%m') AS DATE) FROM raw.delivery
            WHERE department = 'commerce' AND table_name = 'sales_month' AND status = 'loaded' AND received_at <= getvariable('known_at')
        ) AS commerce_start,
        (SELECT coalesce(bool_or(age_days <= 75), FALSE) FROM profile.feed WHERE department = 'industry' AND table_name = 'output_month') AS industry_fresh,
        (SELECT coalesce(bool_or(age_days <= 75), FALSE) FROM profile.feed WHERE department = 'commerce' AND table_name = 'sales_month') AS commerce_fresh
), scale AS (
    SELECT
        head.enterprise_id,
        least(industry.output_first_month, commerce.sales_first_month) AS first_month,
        greatest(industry.output_last_month, commerce.sales_last_month) AS last_month,
        least(
            CASE WHEN industry.output_first_month IS NOT NULL THEN reporting.industry_start END,
            CASE WHEN commerce.sales_first_month IS NOT NULL THEN reporting.commerce_start END
        ) AS watched_from,
        (head.industry_section IN ('B', 'C', 'D') AND reporting.industry_fresh)
            OR (head.industry_section IN ('F', 'H') AND reporting.commerce_fresh) AS is_watched,
        coalesce(industry.output_month_evidence, commerce.sales_month_evidence) AS evidence
    FROM head
    LEFT JOIN profile.industry industry USING (enterprise_id)
    LEFT JOIN profile.commerce commerce USING (enterprise_id)
    CROSS JOIN reporting
)
SELECT
    head.enterprise_id,
    head.industry,
    head.industry_section,
    head.industry_evidence,
    figures.revenue AS revenue_last_year,
    TRY_CAST(CASE WHEN figures.revenue_before > 0 THEN (figures.revenue - figures.revenue_before) / figures.revenue_before END AS DECIMAL(18, 6)) AS revenue_growth_rate,
    CAST(figures.revenue - figures.revenue_before AS DECIMAL(18, 2)) AS revenue_growth_yuan,
    figures.revenue_evidence,
    figures.revenue_before AS revenue_before_last_year,
    -- the highest of the years held is only a lower bound: it tells of "first time" where the years are whole, or where it is not below last year's
    CASE
        WHEN figures.years_before >= least(3, year(getvariable('as_of')) - 1 - year(head.established_date)) THEN figures.revenue_max_before
        WHEN figures.revenue_max_before >= figures.revenue THEN figures.revenue_max_before
    END AS revenue_max_before_last_year,
    figures.revenue_before_evidence,
    sized.size AS enterprise_size,
    CASE WHEN sized.size IS NOT NULL THEN sized.staff_basis END AS enterprise_size_basis,
    coalesce(sized.staff_evidence, figures.revenue_evidence) AS size_evidence,
    figures.assets AS total_assets,
    figures.assets_evidence,
    coalesce(figures.staff, market.registered_staff) AS employees,
    CASE WHEN figures.staff IS NOT NULL THEN figures.staff_evidence WHEN market.registered_staff IS NOT NULL THEN market.baseinfo_evidence END AS employees_evidence,
    figures.rd AS rd_expense_last_year,
    CAST(CASE
        WHEN figures.rd_3_years >= least(3, greatest(1, year(getvariable('as_of')) - year(head.established_date))) THEN figures.rd_3
    END AS DECIMAL(18, 2)) AS rd_expense_last_3_years,
    TRY_CAST(CASE WHEN figures.revenue > 0 THEN figures.rd / figures.revenue END AS DECIMAL(18, 6)) AS rd_ratio,
    CAST(figures.rd - figures.rd_before AS DECIMAL(18, 2)) AS rd_expense_growth,
    figures.rd_evidence,
    figures.rd_before AS rd_expense_before_last_year,
    figures.rd_before_evidence,
    TRY_CAST(CASE WHEN head.staff > 0 THEN science.rd_staff / head.staff END AS DECIMAL(18, 6)) AS rd_staff_ratio,
    science.rd_input_evidence AS rd_staff_evidence,
    TRY_CAST(CASE WHEN figures.revenue > 0 THEN science.high_tech_income_last_year / figures.revenue END AS DECIMAL(18, 6)) AS high_tech_income_ratio,
    science.rd_input_evidence AS high_tech_evidence,
    certified.entries AS certifications,
    first_time.entries AS recognition_first,
    certified.evidence AS certifications_evidence,
    nullif(list_concat(coalesce(agri.leading_list, []), coalesce(agri.coop_list, [])), []) AS honors,
    coalesce(agri.leading_evidence, agri.coop_evidence) AS honors_evidence,
    nullif(list_concat(list_concat(coalesce(reform.permit_list, []), coalesce(housing.qualification_list, [])), coalesce(housing.safety_list, [])), []) AS permits,
    coalesce(reform.permit_evidence, housing.qualification_evidence, housing.safety_permit_evidence) AS permits_evidence,
    nullif(list_transform(
        list_filter([
            CASE WHEN starts_with(head.industry, '701') OR housing.is_developer THEN '房地产开发企业' END,
            CASE WHEN market.is_abnormal_listed THEN '经营异常名录' END,
            CASE WHEN market.is_serious_illegal THEN '严重违法失信名单' END,
            CASE WHEN tax.tax_credit_level = 'D' THEN '纳税信用D级' END,
            CASE WHEN tax.taxpayer_status IN ('非正常', '非正常注销') THEN '税务非正常户' END
        ], lambda category: category IS NOT NULL),
        lambda category: struct_pack("name" := category, "level" := CAST(NULL AS VARCHAR), issuer := CAST(NULL AS VARCHAR), valid_from := CAST(NULL AS DATE), valid_to := CAST(NULL AS DATE))
    ), []) AS excluded_category,
    CASE
        WHEN market.is_abnormal_listed OR market.is_serious_illegal THEN market.abnormal_evidence
        WHEN tax.tax_credit_level = 'D' THEN tax.credit_evidence
        WHEN tax.taxpayer_status IN ('非正常', '非正常注销') THEN tax.registration_evidence
        WHEN housing.is_developer THEN housing.developer_evidence
        ELSE head.industry_evidence
    END AS excluded_evidence,
    CASE
        WHEN scale.last_month > getvariable('as_of') - INTERVAL 12 MONTH THEN TRUE
        WHEN scale.is_watched OR scale.last_month IS NOT NULL THEN FALSE
    END AS is_above_scale,
    scale.first_month AS above_scale_since,
    CASE
        WHEN scale.first_month IS NULL THEN CASE WHEN scale.is_watched THEN FALSE END
        WHEN year(scale.first_month) < year(getvariable('as_of')) - 1 THEN FALSE
        WHEN scale.first_month >= scale.watched_from + INTERVAL 12 MONTH THEN TRUE
    END AS first_time_above_scale,
    -- not in the monthly lists: the lists of the department that keeps this industry's were searched
    coalesce(scale.evidence, CASE WHEN scale.is_watched THEN
        struct_pack(
            department := CASE WHEN head.industry_section IN ('B', 'C', 'D') THEN 'industry' ELSE 'commerce' END,
            table_name := CASE WHEN head.industry_section IN ('B', 'C', 'D') THEN 'output_month' ELSE 'sales_month' END,
            file_id := CAST(NULL AS VARCHAR), row_no := CAST(NULL AS BIGINT), valid_at := CAST(NULL AS DATE), received_at := CAST(NULL AS TIMESTAMP)
        )
    END) AS above_scale_evidence,
    CASE WHEN reform.has_major_penalty OR market.is_serious_illegal THEN TRUE END AS major_violation,
    CASE WHEN reform.has_major_penalty THEN reform.penalty_evidence WHEN market.is_serious_illegal THEN market.abnormal_evidence END AS violation_evidence,
    list_filter([
        CASE WHEN figures.revenue_before <= 0 THEN 'revenue_growth_rate' END,
        CASE WHEN figures.revenue <= 0 THEN 'rd_ratio' END,
        CASE WHEN figures.revenue <= 0 THEN 'high_tech_income_ratio' END,
        CASE WHEN scale.first_month IS NULL AND scale.is_watched THEN 'above_scale_since' END
    ], lambda name: name IS NOT NULL) AS not_applicable
FROM head
JOIN sized USING (enterprise_id)
JOIN scale USING (enterprise_id)
LEFT JOIN figures USING (enterprise_id)
LEFT JOIN profile.market market USING (enterprise_id)
LEFT JOIN profile.tax tax USING (enterprise_id)
LEFT JOIN profile.science science USING (enterprise_id)
LEFT JOIN profile.agri agri USING (enterprise_id)
LEFT JOIN profile.reform reform USING (enterprise_id)
LEFT JOIN profile.housing housing USING (enterprise_id)
LEFT JOIN certified USING (enterprise_id)
LEFT JOIN first_time USING (enterprise_id)
ORDER BY head.enterprise_id
