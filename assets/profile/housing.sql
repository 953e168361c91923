-- 住建厅：建筑业资质、施工合同、房地产开发、不良行为、安全生产许可；快照里消失的行由接收环节记为删除
WITH licence AS (
    -- a row that left the snapshot after the day asked about still stood on it
    SELECT s.enterprise_id, q.*
    FROM raw.housing_qualification q
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND q._received_at <= getvariable('known_at')
        AND coalesce(q.issued_date, q._received_at::DATE) <= getvariable('as_of')
        AND (q._op <> 'D' OR q._received_at::DATE <= getvariable('as_of'))
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, q.certificate_no, q.category
        ORDER BY q._received_at DESC, q._op = 'D', q._file_id DESC, q._row_no DESC
    ) = 1
), qualification AS (
    SELECT
        enterprise_id,
        arg_min(grade, list_position(['特级', '甲级', '一级', '乙级', '二级', '丙级', '三级', '不分等级'], grade)) AS best_grade,
        list(
            struct_pack("name" := category, "level" := grade, issuer := '住建厅', valid_from := issued_date, valid_to := valid_to_date)
            ORDER BY issued_date, certificate_no, category
        ) AS qualification_list,
        arg_max(
            struct_pack(department := 'housing', table_name := 'qualification', file_id := _file_id, row_no := _row_no, valid_at := issued_date, received_at := _received_at),
            (-list_position(['特级', '甲级', '一级', '乙级', '二级', '丙级', '三级', '不分等级'], coalesce(grade, '不分等级')), issued_date, _received_at, _file_id, _row_no)
        ) AS qualification_evidence
    FROM licence
    WHERE _op <> 'D'
        AND coalesce(valid_to_date >= getvariable('as_of'), TRUE)
        AND NOT coalesce(status, '') SIMILAR TO '.*(注销|撤销|失效|暂扣).*'
        -- a snapshot of after the day asked about calls expired what had still to expire then: the date decides
        AND (coalesce(status, '') NOT LIKE '%过期%' OR (valid_to_date >= getvariable('as_of') AND _received_at::DATE > getvariable('as_of')))
    GROUP BY enterprise_id
), permit_row AS (
    SELECT s.enterprise_id, c.*
    FROM raw.housing_construction_permit c
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND c._received_at <= getvariable('known_at')
        AND c.issued_date <= getvariable('as_of')
        -- a permit that left the snapshot was finished, not undone: last year's contract stays last year's contract
        AND c._op <> 'D'
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, c.permit_no
        ORDER BY c._received_at DESC, c._file_id DESC, c._row_no DESC
    ) = 1
), construction AS (
    SELECT
        enterprise_id,
        sum(contract_yuan) FILTER (WHERE year(issued_date) = year(getvariable('as_of')) - 1) AS last_year,
        arg_max(
            struct_pack(department := 'housing', table_name := 'construction_permit', file_id := _file_id, row_no := _row_no, valid_at := issued_date, received_at := _received_at),
            (issued_date, _received_at, _file_id, _row_no)
        ) AS construction_permit_evidence
    FROM permit_row
    GROUP BY enterprise_id
), developer_row AS (
    SELECT s.enterprise_id, d.*
    FROM raw.housing_developer d
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND d._received_at <= getvariable('known_at')
        AND coalesce(d.issued_date, d._received_at::DATE) <= getvariable('as_of')
        AND (d._op <> 'D' OR d._received_at::DATE <= getvariable('as_of'))
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, d.certificate_no, d.presale_no
        ORDER BY d._received_at DESC, d._op = 'D', d._file_id DESC, d._row_no DESC
    ) = 1
), developer AS (
    SELECT
        enterprise_id,
        arg_max(
            struct_pack(department := 'housing', table_name := 'developer', file_id := _file_id, row_no := _row_no, valid_at := issued_date, received_at := _received_at),
            (issued_date, _received_at, _file_id, _row_no)
        ) AS developer_evidence
    FROM developer_row
    WHERE _op <> 'D' AND coalesce(valid_to_date >= getvariable('as_of'), TRUE)
    GROUP BY enterprise_id
), conduct AS (
    SELECT s.enterprise_id, m.*
    FROM raw.housing_misconduct m
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND m._received_at <= getvariable('known_at')
        AND m.decided_date <= getvariable('as_of')
        AND (m._op <> 'D' OR m._received_at::DATE <= getvariable('as_of'))
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, m.conduct_code, m.decided_date
        ORDER BY m._received_at DESC, m._op = 'D', m._file_id DESC, m._row_no DESC
    ) = 1
), misconduct AS (
    SELECT
        enterprise_id,
        sum(deducted_points) FILTER (WHERE coalesce(valid_to_date >= getvariable('as_of'), TRUE)) AS points,
        arg_max(
            struct_pack(department := 'housing', table_name := 'misconduct', file_id := _file_id, row_no := _row_no, valid_at := decided_date, received_at := _received_at),
            (decided_date, _received_at, _file_id, _row_no)
        ) AS misconduct_evidence
    FROM conduct
    WHERE _op <> 'D'
    GROUP BY enterprise_id
), safety_row AS (
    SELECT s.enterprise_id, p.*
    FROM raw.housing_safety_permit p
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND p._received_at <= getvariable('known_at')
        AND coalesce(p.issued_date, p._received_at::DATE) <= getvariable('as_of')
        AND (p._op <> 'D' OR p._received_at::DATE <= getvariable('as_of'))
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, p.permit_no
        ORDER BY p._received_at DESC, p._op = 'D', p._file_id DESC, p._row_no DESC
    ) = 1
), safety AS (
    SELECT
        enterprise_id,
        list(
            struct_pack("name" := '安全生产许可证', "level" := CAST(NULL AS VARCHAR), issuer := '住建厅', valid_from := issued_date, valid_to := valid_to_date)
            ORDER BY issued_date, permit_no
        ) AS safety_list,
        arg_max(
            struct_pack(department := 'housing', table_name := 'safety_permit', file_id := _file_id, row_no := _row_no, valid_at := issued_date, received_at := _received_at),
            (issued_date, _received_at, _file_id, _row_no)
        ) AS safety_permit_evidence
    FROM safety_row
    WHERE _op <> 'D'
        AND coalesce(valid_to_date >= getvariable('as_of'), TRUE)
        AND NOT coalesce(status, '') SIMILAR TO '.*(注销|撤销|吊销|失效|暂扣).*'
        -- a snapshot of after the day asked about calls expired what had still to expire then: the date decides
        AND (coalesce(status, '') NOT LIKE '%过期%' OR (valid_to_date >= getvariable('as_of') AND _received_at::DATE > getvariable('as_of')))
    GROUP BY enterprise_id
)
SELECT
    enterprise_id,
    qualification.best_grade AS construction_qualification,
    qualification.qualification_list,
    qualification.qualification_evidence,
    CAST(construction.last_year AS DECIMAL(18, 2)) AS construction_contract_yuan_last_year,
    construction.construction_permit_evidence,
    CASE WHEN developer.enterprise_id IS NOT NULL THEN TRUE END AS is_developer,
    developer.developer_evidence,
    CAST(misconduct.points AS DECIMAL(18, 6)) AS housing_misconduct_points,
    misconduct.misconduct_evidence,
    CASE WHEN safety.enterprise_id IS NOT NULL THEN TRUE END AS has_safety_permit,
    safety.safety_list,
    safety.safety_permit_evidence
FROM qualification
FULL JOIN construction USING (enterprise_id)
FULL JOIN developer USING (enterprise_id)
FULL JOIN misconduct USING (enterprise_id)
FULL JOIN safety USING (enterprise_id)
ORDER BY enterprise_id
