-- 人社厅：参保人数、缴费、裁员率、劳动监察、在册人才
WITH latest AS (
    -- an office that has not reported yet would make the sum too small
    SELECT enterprise_id, max(month) AS last_month
    FROM profile.labor_month
    WHERE is_whole AND month > getvariable('as_of') - INTERVAL 13 MONTH
    GROUP BY enterprise_id
), headcount AS (
    SELECT
        m.enterprise_id,
        any_value(m.insured_count) FILTER (WHERE m.month = l.last_month) AS insured,
        any_value(m.insured_count) FILTER (WHERE m.month = l.last_month - INTERVAL 12 MONTH AND m.is_whole) AS insured_year_ago,
        any_value(m.insured_count) FILTER (WHERE m.month = make_date(year(getvariable('as_of')) - 1, 12, 1) AND m.is_whole) AS insured_year_end,
        any_value(year(l.last_month)) AS last_year_reported,
        -- one month late is borne, as the catalogue's limit of 75 days has it: older heads are nobody's present heads
        coalesce(any_value(l.last_month >= due.month - INTERVAL 1 MONTH), FALSE) AS is_current,
        count(*) FILTER (WHERE m.month > l.last_month - INTERVAL 12 MONTH AND m.month <= l.last_month AND m.is_whole)
            = date_diff('month', min(m.month) FILTER (WHERE m.month > l.last_month - INTERVAL 12 MONTH), any_value(l.last_month)) + 1 AS is_unbroken,
        sum(m.insured_count) FILTER (WHERE year(m.month) = year(getvariable('as_of')) - 1 AND m.is_whole) AS insured_sum,
        count(*) FILTER (WHERE year(m.month) = year(getvariable('as_of')) - 1 AND m.is_whole) AS insured_months,
        sum(m.paid_yuan) FILTER (WHERE year(m.month) = year(getvariable('as_of')) - 1) AS paid_last_year,
        -- from January, or from the first month anyone was insured, to December without a gap
        count(*) FILTER (WHERE year(m.month) = year(getvariable('as_of')) - 1 AND m.is_whole)
            = 13 - month(greatest(min(m.month), make_date(year(getvariable('as_of')) - 1, 1, 1))) AS is_whole_year,
        sum(m.due_yuan - least(m.paid_yuan, m.due_yuan)) FILTER (WHERE m.month > l.last_month - INTERVAL 12 MONTH) AS short_yuan,
        sum(m.due_yuan) FILTER (WHERE m.month > l.last_month - INTERVAL 12 MONTH) AS due_yuan,
        coalesce(any_value(m.headcount_evidence) FILTER (WHERE m.month = l.last_month), arg_max(m.headcount_evidence, m.month)) AS headcount_evidence
    FROM profile.labor_month m
    LEFT JOIN latest l USING (enterprise_id)
    CROSS JOIN profile.due due
    GROUP BY m.enterprise_id
), refund AS (
    SELECT s.enterprise_id, w.*
    FROM raw.labor_stabilization w
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND w._received_at <= getvariable('known_at')
        AND coalesce(w.paid_date, make_date(w.award_year, 12, 31)) <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, w.unit_no, w.award_year, w.paid_date
        ORDER BY w._received_at DESC, w._file_id DESC, w._row_no DESC
    ) = 1
), stabilization AS (
    SELECT
        enterprise_id,
        -- this year's refund verifies last year's rate; an older refund says nothing about it
        arg_max(layoff_ratio, (paid_date, _received_at, _file_id, _row_no)) FILTER (WHERE award_year = year(getvariable('as_of'))) AS layoff,
        sum(award_yuan) FILTER (WHERE year(paid_date) = year(getvariable('as_of')) - 1) AS refund_last_year,
        arg_max(
            struct_pack(department := 'labor', table_name := 'stabilization', file_id := _file_id, row_no := _row_no, valid_at := paid_date, received_at := _received_at),
            (award_year, _received_at, _file_id, _row_no)
        ) AS stabilization_evidence
    FROM refund
    WHERE _op <> 'D'
    GROUP BY enterprise_id
), inspection AS (
    SELECT
        s.enterprise_id,
        bool_or(i.decided_date > getvariable('as_of') - INTERVAL 3 YEAR) AS violated,
        arg_max(
            struct_pack(department := 'labor', table_name := 'inspection', file_id := i._file_id, row_no := i._row_no, valid_at := i.decided_date, received_at := i._received_at),
            (i.decided_date, i._received_at, i._file_id, i._row_no)
        ) AS inspection_evidence
    FROM raw.labor_inspection i
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND i._received_at <= getvariable('known_at')
        AND i.decided_date <= getvariable('as_of')
        AND i._op <> 'D'
    GROUP BY s.enterprise_id
), talent AS (
    SELECT
        s.enterprise_id,
        count(DISTINCT t.person_hash) AS persons,
        arg_max(
            struct_pack(department := 'labor', table_name := 'talent', file_id := t._file_id, row_no := t._row_no, valid_at := t.recognized_date, received_at := t._received_at),
            (t.recognized_date, t._received_at, t._file_id, t._row_no)
        ) AS talent_evidence
    FROM raw.labor_talent t
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND t._received_at <= getvariable('known_at')
        AND t.recognized_date <= getvariable('as_of')
        AND coalesce(t.valid_to_date >= getvariable('as_of'), TRUE)
        AND t._op <> 'D'
    GROUP BY s.enterprise_id
)
SELECT
    enterprise_id,
    CASE WHEN headcount.is_current THEN headcount.insured END AS employees_insured,
    CAST(CASE WHEN headcount.insured_months >= 6 THEN headcount.insured_sum / headcount.insured_months END AS DECIMAL(18, 6)) AS employees_insured_last_year_mean,
    headcount.insured_year_end AS employees_insured_year_end,
    CAST(CASE WHEN headcount.is_current AND headcount.insured_year_ago > 0 THEN (headcount.insured - headcount.insured_year_ago) / headcount.insured_year_ago END AS DECIMAL(18, 6)) AS employees_insured_growth,
    CASE WHEN headcount.is_current AND headcount.last_year_reported = year(getvariable('as_of')) THEN headcount.insured - headcount.insured_year_end END AS employees_insured_delta_ytd,
    -- a month owed is owed; that none is owed needs every month
    CASE
        WHEN headcount.is_current AND headcount.short_yuan > 0 THEN FALSE
        WHEN headcount.is_current AND headcount.due_yuan > 0 AND headcount.is_unbroken THEN TRUE
    END AS social_insurance_paid,
    CAST(CASE WHEN headcount.is_whole_year THEN headcount.paid_last_year END AS DECIMAL(18, 2)) AS social_insurance_yuan_last_year,
    headcount.headcount_evidence,
    CAST(stabilization.layoff AS DECIMAL(18, 6)) AS layoff_rate,
    CAST(stabilization.refund_last_year AS DECIMAL(18, 2)) AS stabilization_refund_last_year,
    stabilization.stabilization_evidence,
    inspection.violated AS wage_violation,
    inspection.inspection_evidence,
    talent.persons AS talent_count,
    talent.talent_evidence,
    CASE WHEN headcount.is_current AND headcount.insured_year_ago = 0 THEN ['employees_insured_growth'] ELSE [] END AS not_applicable
FROM headcount
FULL JOIN stabilization USING (enterprise_id)
FULL JOIN inspection USING (enterprise_id)
FULL JOIN talent USING (enterprise_id)
ORDER BY enterprise_id
