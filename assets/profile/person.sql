-- 人才：每人一行（证件号散列），人才认定、学历、职称和在职单位参保；姓名不入档
WITH award AS (
    SELECT t.*, s.enterprise_id
    FROM raw.labor_talent t
    LEFT JOIN registry.subject s USING (_subject_id)
    WHERE t._received_at <= getvariable('known_at')
        AND coalesce(t.recognized_date, t._received_at::DATE) <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY t.person_hash, left(upper(t.talent_class), 1), t.recognized_date
        ORDER BY t._received_at DESC, t._file_id DESC, t._row_no DESC
    ) = 1
), held AS (
    SELECT *, regexp_replace(person_name, '[\s·•]', '', 'g') AS called
    FROM award
    WHERE _op <> 'D' AND coalesce(valid_to_date >= getvariable('as_of'), TRUE)
), paid AS (
    SELECT
        p.person_hash,
        s.enterprise_id,
        CAST(date_trunc('month', p.pay_month) AS DATE) AS month,
        bool_or(coalesce(p.paid_status, '') SIMILAR TO '(正常|已缴|实缴|缴费|1|Y).*') AS is_paid,
        arg_max(
            struct_pack(department := 'labor', table_name := 'person_insurance', file_id := p._file_id, row_no := p._row_no, valid_at := p.pay_month, received_at := p._received_at),
            (p._received_at, p._file_id, p._row_no)
        ) AS evidence
    FROM raw.labor_person_insurance p
    JOIN registry.subject s USING (_subject_id)
    WHERE p._received_at <= getvariable('known_at')
        AND p.pay_month <= getvariable('as_of')
        AND p._op <> 'D'
    GROUP BY p.person_hash, s.enterprise_id, date_trunc('month', p.pay_month)
), latest AS (
    -- who is not in the newest month of the feed has left: what was paid before is history, not standing
    SELECT * FROM paid
    WHERE month = (SELECT max(month) FROM paid)
    QUALIFY row_number() OVER (PARTITION BY person_hash ORDER BY is_paid DESC, enterprise_id NULLS LAST) = 1
), whose AS (
    -- one number under two names: the recognition that the employer who pays the insurance asked for is the insured person's, no other
    SELECT held.*
    FROM held
    LEFT JOIN latest USING (person_hash)
    QUALIFY coalesce(min(called) OVER (PARTITION BY person_hash) = max(called) OVER (PARTITION BY person_hash), TRUE)
        OR held.enterprise_id = latest.enterprise_id
), standing AS (
    SELECT * FROM whose
    -- the highest class held, then the latest; two names at one employer are nobody's
    QUALIFY row_number() OVER (
        PARTITION BY person_hash
        ORDER BY left(upper(talent_class), 1), recognized_date DESC NULLS LAST, _file_id DESC, _row_no DESC
    ) = 1
        AND coalesce(min(called) OVER (PARTITION BY person_hash) = max(called) OVER (PARTITION BY person_hash), TRUE)
), gone AS (
    SELECT * FROM paid
    WHERE person_hash NOT IN (SELECT person_hash FROM latest)
    QUALIFY row_number() OVER (PARTITION BY person_hash ORDER BY month DESC, is_paid DESC, enterprise_id NULLS LAST) = 1
), run AS (
    -- months in a row share month minus rank
    SELECT
        person_hash,
        enterprise_id,
        month,
        month - to_months(CAST(row_number() OVER (PARTITION BY person_hash, enterprise_id ORDER BY month) AS INTEGER)) AS island
    FROM paid
    WHERE is_paid
), streak AS (
    SELECT person_hash, enterprise_id, island, count(*) AS months, max(month) AS last_month
    FROM run
    GROUP BY person_hash, enterprise_id, island
)
SELECT
    person_hash AS person_id,
    coalesce(latest.enterprise_id, standing.enterprise_id, gone.enterprise_id) AS enterprise_id,
    left(upper(standing.talent_class), 1) AS talent_level,
    CASE
        WHEN standing.education LIKE '%博士后%' THEN '博士后'
        WHEN standing.education LIKE '%博士%' THEN '博士'
        WHEN standing.education SIMILAR TO '.*(硕士|研究生).*' THEN '硕士'
        WHEN standing.education LIKE '%本科%' THEN '本科'
        WHEN standing.education LIKE '%专科%' OR standing.education LIKE '%大专%' THEN '专科'
    END AS talent_education,
    standing.skill_level AS talent_title,
    standing.valid_to_date AS talent_valid_to,
    CASE WHEN standing.person_hash IS NOT NULL THEN
        struct_pack(department := 'labor', table_name := 'talent', file_id := standing._file_id, row_no := standing._row_no, valid_at := standing.recognized_date, received_at := standing._received_at)
    END AS talent_evidence,
    CASE WHEN gone.person_hash IS NOT NULL THEN FALSE ELSE latest.is_paid END AS person_insured,
    CASE WHEN coalesce(latest.person_hash, gone.person_hash) IS NOT NULL THEN coalesce(streak.months, 0) END AS person_insured_months,
    CASE WHEN gone.person_hash IS NULL THEN market.registered_region END AS person_employer_region,
    coalesce(latest.evidence, gone.evidence) AS person_insurance_evidence,
    CAST(NULL AS BIGINT) AS talent_age,
    CAST(NULL AS DECIMAL(18, 2)) AS talent_income,
    CAST(NULL AS VARCHAR) AS person_status
FROM standing
FULL JOIN latest USING (person_hash)
FULL JOIN gone USING (person_hash)
LEFT JOIN streak
    ON streak.person_hash = latest.person_hash AND streak.enterprise_id = latest.enterprise_id AND streak.last_month = latest.month
LEFT JOIN profile.market market ON market.enterprise_id = coalesce(latest.enterprise_id, standing.enterprise_id)
ORDER BY person_id
