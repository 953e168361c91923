-- 工信厅：优质中小企业梯度、规上工业产值、技改、软件业务
WITH gradient_row AS (
    SELECT s.enterprise_id, g.*,
        coalesce(g.valid_from_date, make_date(g.recognized_year, 1, 1)) AS held_from,
        coalesce(g.valid_to_date, (coalesce(g.valid_from_date, make_date(g.recognized_year, 1, 1)) + INTERVAL 3 YEAR - INTERVAL 1 DAY)::DATE) AS held_to
    FROM raw.industry_gradient g
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL AND g._received_at <= getvariable('known_at')
    -- a list re-issued with corrections repeats its rows: the later list holds, its remark withdraws
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, g.category, g.recognized_year
        ORDER BY g._received_at DESC, g._file_id DESC, g._row_no DESC
    ) = 1
), recognised AS (
    SELECT *,
        CASE category WHEN 'little_giant' THEN '专精特新小巨人企业' WHEN 'specialised' THEN '专精特新中小企业' WHEN 'innovative' THEN '创新型中小企业' END AS title,
        CASE category WHEN 'little_giant' THEN 3 WHEN 'specialised' THEN 2 WHEN 'innovative' THEN 1 END AS rank
    FROM gradient_row
    WHERE _op <> 'D'
        AND NOT coalesce(remark, '') SIMILAR TO '.*(撤销|取消|未通过).*'
        AND held_from <= getvariable('as_of')
), gradient AS (
    SELECT
        enterprise_id,
        arg_max(title, rank) FILTER (WHERE held_to >= getvariable('as_of')) AS level,
        list(
            struct_pack("name" := title, "level" := CAST(NULL AS VARCHAR), issuer := '工信厅', valid_from := held_from, valid_to := held_to)
            ORDER BY held_from, title
        ) AS gradient_list,
        arg_max(
            struct_pack(department := 'industry', table_name := 'gradient', file_id := _file_id, row_no := _row_no, valid_at := held_from, received_at := _received_at),
            -- the row of the level that holds, not of a lower one listed later
            (CASE WHEN held_to >= getvariable('as_of') THEN rank ELSE 0 END, held_from, _received_at, _file_id, _row_no)
        ) AS gradient_evidence
    FROM recognised
    GROUP BY enterprise_id
), year_output AS (
    -- from January, or from the first report of a firm founded in the year, without a gap
    SELECT
        m.enterprise_id,
        year(m.month) AS year,
        sum(m.output_yuan) AS output,
        sum(m.electricity_kwh) AS electricity,
        max(m.month) AS last_month,
        count(*) = month(max(m.month)) + 1 - CASE WHEN year(any_value(f.established_date)) = year(m.month) THEN month(min(m.month)) ELSE 1 END AS is_unbroken
    FROM profile.industry_month m
    LEFT JOIN profile.market f USING (enterprise_id)
    GROUP BY m.enterprise_id, year(m.month)
), output AS (
    SELECT
        enterprise_id,
        any_value(output) FILTER (WHERE year = year(getvariable('as_of')) - 1 AND is_unbroken AND month(last_month) = 12) AS last_year,
        any_value(output) FILTER (WHERE year = year(getvariable('as_of')) - 2 AND is_unbroken AND month(last_month) = 12) AS before_last_year,
        any_value(output) FILTER (WHERE year = year(getvariable('as_of')) AND is_unbroken AND last_month >= due.month) AS ytd,
        max(output) FILTER (WHERE year < year(getvariable('as_of')) - 1) AS highest_before,
        count(*) FILTER (WHERE year BETWEEN year(getvariable('as_of')) - 4 AND year(getvariable('as_of')) - 2 AND is_unbroken AND month(last_month) = 12) AS years_before,
        any_value(electricity) FILTER (WHERE year = year(getvariable('as_of')) - 1 AND is_unbroken AND month(last_month) = 12) AS electricity
    FROM year_output
    CROSS JOIN profile.due due
    GROUP BY enterprise_id
), output_seen AS (
    SELECT enterprise_id, min(month) AS first_month, max(month) AS last_month, arg_max(output_month_evidence, month) AS output_month_evidence
    FROM profile.industry_month
    GROUP BY enterprise_id
), upgrade_row AS (
    SELECT s.enterprise_id, t.*
    FROM raw.industry_tech_upgrade t
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND t._received_at <= getvariable('known_at')
        AND t._period <= strftime(getvariable('as_of'), '%Y%m%d')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, coalesce(t.project_code, t.project_name)
        ORDER BY t._received_at DESC, t._file_id DESC, t._row_no DESC
    ) = 1
), upgrade AS (
    SELECT
        enterprise_id,
        sum(investment_yuan) AS investment,
        sum(equipment_yuan) AS equipment,
        arg_max(
            struct_pack(department := 'industry', table_name := 'tech_upgrade', file_id := _file_id, row_no := _row_no, valid_at := _received_at::DATE, received_at := _received_at),
            (_received_at, _file_id, _row_no)
        ) AS tech_upgrade_evidence
    FROM upgrade_row
    WHERE _op <> 'D'
    GROUP BY enterprise_id
), software_row AS (
    SELECT
        s.enterprise_id,
        w.*,
        TRY_CAST(regexp_extract(w.report_period, '(20\d\d)', 1) AS INTEGER) AS year,
        -- 202412, 2024年1-12月, 2024Q4, 2024年四季度: the last quarter carries the year
        regexp_matches(regexp_replace(w.report_period, '20\d\d', ''), '12\D*$|4\s*季度?$|Q4|四季度') AS is_year_end
    FROM raw.industry_software w
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL AND w._received_at <= getvariable('known_at')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, w.report_period
        ORDER BY w._received_at DESC, w._file_id DESC, w._row_no DESC
    ) = 1
), software AS (
    SELECT
        enterprise_id,
        -- cumulative from January: the last quarter's figure is the year's
        any_value(software_revenue_yuan) FILTER (WHERE year = year(getvariable('as_of')) - 1 AND is_year_end) AS revenue,
        arg_max(
            struct_pack(department := 'industry', table_name := 'software', file_id := _file_id, row_no := _row_no, valid_at := make_date(year, 12, 31), received_at := _received_at),
            (year, _received_at, _file_id, _row_no)
        ) AS software_evidence
    FROM software_row
    WHERE _op <> 'D' AND year <= year(getvariable('as_of'))
    GROUP BY enterprise_id
)
SELECT
    enterprise_id,
    gradient.level AS specialised_level,
    gradient.gradient_list,
    gradient.gradient_evidence,
    CAST(output.last_year AS DECIMAL(18, 2)) AS output_value_last_year,
    CAST(output.before_last_year AS DECIMAL(18, 2)) AS output_value_before_last_year,
    CAST(output.ytd AS DECIMAL(18, 2)) AS output_value_ytd,
    TRY_CAST(CASE WHEN output.before_last_year > 0 THEN (output.last_year - output.before_last_year) / output.before_last_year END AS DECIMAL(18, 6)) AS output_value_growth_rate,
    -- a feed that began later than that holds only a lower bound, which tells of "first time" where it is not below last year's
    CAST(CASE WHEN output.years_before >= 3 OR output.highest_before >= output.last_year THEN output.highest_before END AS DECIMAL(18, 2)) AS output_value_max_before_last_year,
    CAST(output.electricity AS DECIMAL(18, 6)) AS electricity_kwh_last_year,
    output_seen.first_month AS output_first_month,
    output_seen.last_month AS output_last_month,
    output_seen.output_month_evidence,
    CAST(upgrade.investment AS DECIMAL(18, 2)) AS tech_upgrade_investment,
    CAST(upgrade.equipment AS DECIMAL(18, 2)) AS equipment_investment,
    upgrade.tech_upgrade_evidence,
    CAST(software.revenue AS DECIMAL(18, 2)) AS software_revenue_last_year,
    software.software_evidence
FROM gradient
FULL JOIN output USING (enterprise_id)
FULL JOIN output_seen USING (enterprise_id)
FULL JOIN upgrade USING (enterprise_id)
FULL JOIN software USING (enterprise_id)
ORDER BY enterprise_id
