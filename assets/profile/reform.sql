-- 发改委：失信被执行人、行政处罚（信用修复后从修复日起不计）、行政许可、投资项目
WITH dishonest_row AS (
    SELECT s.enterprise_id, d.*
    FROM raw.reform_dishonest d
    JOIN registry.subject s USING (_subject_id)
    JOIN registry.enterprise e USING (enterprise_id)
    -- a masked number of eighteen that begins otherwise than the enterprise's is that of a natural person who bears nearly its name
    WHERE NOT coalesce(length(d.card_no) = 18 AND regexp_matches(d.card_no, '^[0-9A-Z]+\*') AND left(d.card_no, 1) <> left(e.uscc, 1), FALSE)
        AND d._received_at <= getvariable('known_at')
        AND coalesce(d.published_date, d.filed_date) <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, d.case_no
        ORDER BY d.updated_at DESC NULLS LAST, d._received_at DESC, d._file_id DESC, d._row_no DESC
    ) = 1
), dishonest AS (
    SELECT
        enterprise_id,
        -- taken down counts from the day it was taken down, not before: a past day still shows it
        bool_or(NOT (coalesce(is_deleted, FALSE) OR _op = 'D') OR coalesce(updated_at, _received_at)::DATE > getvariable('as_of')) AS listed,
        arg_max(
            struct_pack(department := 'reform', table_name := 'dishonest', file_id := _file_id, row_no := _row_no, valid_at := published_date, received_at := _received_at),
            (published_date, _received_at, _file_id, _row_no)
        ) AS dishonest_evidence
    FROM dishonest_row
    GROUP BY enterprise_id
), penalty_row AS (
    -- one decision is published by two levels with different brackets: the number without them identifies it
    SELECT s.enterprise_id, p.*, regexp_replace(p.document_no, '[〔〕\[\]【】()（）\s]', '', 'g') AS decision_no
    FROM raw.reform_penalty p
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND p._received_at <= getvariable('known_at')
        AND p.decided_date <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, regexp_replace(p.document_no, '[〔〕\[\]【】()（）\s]', '', 'g')
        ORDER BY p.updated_at DESC NULLS LAST, p._received_at DESC, p._file_id DESC, p._row_no DESC
    ) = 1
), standing AS (
    SELECT *,
        coalesce(offence, '') || coalesce(content, '') || coalesce(basis, '') || coalesce(authority, '') AS words
    FROM penalty_row
    WHERE _op <> 'D'
        AND decided_date > getvariable('as_of') - INTERVAL 3 YEAR
        AND NOT (coalesce(is_repaired, FALSE) AND coalesce(repaired_date, updated_at::DATE, _received_at::DATE) <= getvariable('as_of'))
), penalty AS (
    SELECT
        enterprise_id,
        count(*) AS penalties,
        sum(coalesce(fine_yuan, 0)) AS fines,
        bool_or(coalesce(fine_yuan >= 100000, FALSE) OR words SIMILAR TO '.*(吊销|责令停产|停业整顿|责令停业|限制从业|行政拘留).*') AS major,
        bool_or(words SIMILAR TO '.*(环境|环保|污染|排污|大气|固体废物|危险废物|生态).*') AS environmental,
        bool_or(words SIMILAR TO '.*(安全生产|生产安全|安全事故|食品安全|药品安全|产品质量|质量事故|不符合[^，。；]*标准|不合格|伪劣|保质期|特种设备|消防|应急管理).*') AS safety,
        arg_max(
            struct_pack(department := 'reform', table_name := 'penalty', file_id := _file_id, row_no := _row_no, valid_at := decided_date, received_at := _received_at),
            (decided_date, _received_at, _file_id, _row_no)
        ) AS penalty_evidence
    FROM standing
    GROUP BY enterprise_id
), permit_row AS (
    SELECT s.enterprise_id, p.*
    FROM raw.reform_permit p
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND p._received_at <= getvariable('known_at')
        AND p.decided_date <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, regexp_replace(p.document_no, '[〔〕\[\]【】()（）\s]', '', 'g')
        ORDER BY p.updated_at DESC NULLS LAST, p._received_at DESC, p._file_id DESC, p._row_no DESC
    ) = 1
), permit AS (
    SELECT
        enterprise_id,
        list(
            struct_pack("name" := coalesce(content, document_name, document_no), "level" := CAST(NULL AS VARCHAR), issuer := authority, valid_from := decided_date, valid_to := valid_to_date)
            ORDER BY decided_date, document_no
        ) AS permit_list,
        arg_max(
            struct_pack(department := 'reform', table_name := 'permit', file_id := _file_id, row_no := _row_no, valid_at := decided_date, received_at := _received_at),
            (decided_date, _received_at, _file_id, _row_no)
        ) AS permit_evidence
    FROM permit_row
    WHERE _op <> 'D' AND coalesce(valid_to_date >= getvariable('as_of'), TRUE)
    GROUP BY enterprise_id
), project_row AS (
    SELECT s.enterprise_id, p.*
    FROM raw.reform_project p
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND p._received_at <= getvariable('known_at')
        -- filed counts from the day of filing; the start is a plan and may lie ahead
        AND coalesce(p.updated_at, p._received_at)::DATE <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, p.project_code
        ORDER BY p.updated_at DESC NULLS LAST, p._received_at DESC, p._file_id DESC, p._row_no DESC
    ) = 1
), project AS (
    SELECT
        enterprise_id,
        count(*) AS projects,
        sum(investment_yuan) FILTER (WHERE coalesce(completed_date > getvariable('as_of'), TRUE)) AS investment,
        arg_max(
            struct_pack(department := 'reform', table_name := 'project', file_id := _file_id, row_no := _row_no, valid_at := started_date, received_at := _received_at),
            (_received_at, _file_id, _row_no)
        ) AS project_evidence
    FROM project_row
    WHERE _op <> 'D'
    GROUP BY enterprise_id
)
SELECT
    enterprise_id,
    dishonest.listed AS is_dishonest,
    dishonest.dishonest_evidence,
    penalty.major AS has_major_penalty,
    penalty.environmental AS environmental_violation,
    penalty.safety AS safety_accident,
    penalty.penalties AS penalty_count_last_3_years,
    CAST(penalty.fines AS DECIMAL(18, 2)) AS fine_yuan_last_3_years,
    penalty.penalty_evidence,
    permit.permit_list,
    permit.permit_evidence,
    CAST(project.investment AS DECIMAL(18, 2)) AS project_investment,
    project.projects AS project_count,
    project.project_evidence
FROM dishonest
FULL JOIN penalty USING (enterprise_id)
FULL JOIN permit USING (enterprise_id)
FULL JOIN project USING (enterprise_id)
ORDER BY enterprise_id
