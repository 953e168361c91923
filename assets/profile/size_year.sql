-- 企业划型：每户每年按当时有效的划分标准，用该年从业人员、营业收入、资产总额和行业推算；缺的数仍可能改变结果的为空
WITH figure AS (
    SELECT enterprise_id, year, staff_count, staff_source, staff_evidence, revenue_yuan, assets_yuan FROM profile.year
    UNION ALL
    SELECT e.enterprise_id, year(getvariable('as_of')) - 1, NULL, NULL, NULL, NULL, NULL
    FROM registry.enterprise e
    ANTI JOIN (SELECT enterprise_id FROM profile.year WHERE year = year(getvariable('as_of')) - 1) held USING (enterprise_id)
), fact AS (
    -- the standard wants a year's average: the tax return's, else the annual report's, else the insured of twelve months
    SELECT
        f.enterprise_id,
        f.year,
        -- the register's class; where it says no more than the letter, the tax office's
        CASE WHEN length(market.registered_industry) > 1 THEN market.registered_industry ELSE coalesce(tax.taxed_industry, market.registered_industry) END AS industry,
        market.registered_section,
        coalesce(f.staff_count, CASE WHEN f.year = year(getvariable('as_of')) - 1 THEN CAST(round(labor.employees_insured_last_year_mean) AS BIGINT) END) AS staff,
        CASE
            WHEN f.staff_source = 'income_tax' THEN '所得税年报平均人数'
            WHEN f.staff_source = 'annual_report' THEN '年报人数'
            WHEN f.year = year(getvariable('as_of')) - 1 AND labor.employees_insured_last_year_mean IS NOT NULL THEN '社保全年平均人数'
        END AS staff_basis,
        coalesce(f.staff_evidence, CASE WHEN f.year = year(getvariable('as_of')) - 1 AND labor.employees_insured_last_year_mean IS NOT NULL THEN labor.headcount_evidence END) AS staff_evidence,
        f.revenue_yuan AS revenue,
        f.assets_yuan AS assets
    FROM figure f
    LEFT JOIN profile.market market USING (enterprise_id)
    LEFT JOIN profile.labor labor USING (enterprise_id)
    LEFT JOIN profile.tax tax USING (enterprise_id)
), head AS (
    SELECT fact.*, coalesce(division.section, fact.registered_section) AS section
    FROM fact
    LEFT JOIN profile.division division ON division.division = left(fact.industry, 2)
), bound AS (
    SELECT
        y.year,
        s.industry,
        any_value(min_staff) FILTER (WHERE size = '大型') AS large_staff,
        any_value(min_revenue_yuan) FILTER (WHERE size = '大型') AS large_revenue,
        any_value(min_assets_yuan) FILTER (WHERE size = '大型') AS large_assets,
        any_value(min_staff) FILTER (WHERE size = '中型') AS medium_staff,
        any_value(min_revenue_yuan) FILTER (WHERE size = '中型') AS medium_revenue,
        any_value(min_assets_yuan) FILTER (WHERE size = '中型') AS medium_assets,
        any_value(min_staff) FILTER (WHERE size = '小型') AS small_staff,
        any_value(min_revenue_yuan) FILTER (WHERE size = '小型') AS small_revenue,
        any_value(min_assets_yuan) FILTER (WHERE size = '小型') AS small_assets
    FROM profile.size_standard s
    JOIN (SELECT DISTINCT year FROM figure) y
        -- a year is judged in the year after it, by the standard then in force
        ON s.valid_from <= least(getvariable('as_of'), make_date(CAST(y.year AS INTEGER) + 1, 12, 31))
        AND coalesce(s.valid_to > least(getvariable('as_of'), make_date(CAST(y.year AS INTEGER) + 1, 12, 31)), TRUE)
    GROUP BY y.year, s.industry
), tested AS (
    SELECT
        head.enterprise_id,
        head.year,
        head.staff_basis,
        head.staff_evidence,
        bound.industry IS NOT NULL AS has_standard,
        CASE WHEN bound.large_staff IS NULL THEN TRUE ELSE head.staff >= bound.large_staff END
            AND CASE WHEN bound.large_revenue IS NULL THEN TRUE ELSE head.revenue >= bound.large_revenue END
            AND CASE WHEN bound.large_assets IS NULL THEN TRUE ELSE head.assets >= bound.large_assets END AS is_large,
        CASE WHEN bound.medium_staff IS NULL THEN TRUE ELSE head.staff >= bound.medium_staff END
            AND CASE WHEN bound.medium_revenue IS NULL THEN TRUE ELSE head.revenue >= bound.medium_revenue END
            AND CASE WHEN bound.medium_assets IS NULL THEN TRUE ELSE head.assets >= bound.medium_assets END AS is_medium,
        CASE WHEN bound.small_staff IS NULL THEN TRUE ELSE head.staff >= bound.small_staff END
            AND CASE WHEN bound.small_revenue IS NULL THEN TRUE ELSE head.revenue >= bound.small_revenue END
            AND CASE WHEN bound.small_assets IS NULL THEN TRUE ELSE head.assets >= bound.small_assets END AS is_small
    FROM head
    LEFT JOIN bound three ON three.year = head.year AND three.industry = left(head.industry, 3)
    LEFT JOIN bound two ON two.year = head.year AND two.industry = left(head.industry, 2)
    LEFT JOIN bound one ON one.year = head.year AND one.industry = head.section
    LEFT JOIN bound ON bound.year = head.year AND bound.industry = coalesce(three.industry, two.industry, one.industry)
)
SELECT
    enterprise_id,
    year,
    -- all lower bounds of a class, else the next class; an unknown figure that could still decide leaves it unknown
    CASE
        WHEN NOT has_standard THEN NULL
        WHEN is_large THEN '大型'
        WHEN is_large IS NULL THEN NULL
        WHEN is_medium THEN '中型'
        WHEN is_medium IS NULL THEN NULL
        WHEN is_small THEN '小型'
        WHEN is_small IS NULL THEN NULL
        ELSE '微型'
    END AS size,
    staff_basis,
    staff_evidence
FROM tested
ORDER BY enterprise_id, year
