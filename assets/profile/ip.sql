-- 知识产权局：有效专利与申请量、商标、质押
WITH event AS (
    SELECT
        application_no,
        max(event_date) FILTER (WHERE event = 'granted') AS granted,
        max(event_date) FILTER (WHERE event IN ('lapsed', 'rejected', 'withdrawn')) AS ended,
        max(event_date) FILTER (WHERE event = 'restored') AS restored,
        max(event_date) FILTER (WHERE event = 'assigned') AS assigned,
        arg_max(from_name, event_date) FILTER (WHERE event = 'assigned') AS assignor
    FROM raw.ip_patent_status
    WHERE _received_at <= getvariable('known_at') AND event_date <= getvariable('as_of') AND _op <> 'D'
    GROUP BY application_no
), patent_row AS (
    SELECT s.enterprise_id, p.*, regexp_extract(p.application_no, '^\D*\d{4}(\d)', 1) AS kind
    FROM raw.ip_patent p
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND p._received_at <= getvariable('known_at')
        AND p.application_date <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, p.application_no
        ORDER BY p._received_at DESC, p._file_id DESC, p._row_no DESC
    ) = 1
), patent_state AS (
    SELECT
        p.*,
        CASE
            WHEN event.granted IS NOT NULL THEN event.granted
            -- published as granted, whether or not it has lapsed since
            WHEN p.legal_status SIMILAR TO '.*(授权|有权|有效|失效|终止).*' AND p.publication_date <= getvariable('as_of') THEN p.publication_date
        END AS granted_on,
        granted_on IS NOT NULL
            AND (event.ended IS NULL OR event.ended < granted_on OR coalesce(event.ended < event.restored, FALSE))
            AND coalesce(NOT (event.assigned IS NOT NULL AND event.assignor = p.applicant_name), TRUE) AS is_valid
    FROM patent_row p
    LEFT JOIN event USING (application_no)
    WHERE p._op <> 'D'
), patent AS (
    SELECT
        enterprise_id,
        count(*) FILTER (WHERE is_valid AND kind IN ('1', '8')) AS inventions,
        count(*) FILTER (WHERE kind IN ('1', '8') AND year(granted_on) = year(getvariable('as_of')) - 1) AS granted_last_year,
        count(*) FILTER (WHERE kind IN ('1', '8') AND granted_on > getvariable('as_of') - INTERVAL 3 YEAR) AS granted_last_3_years,
        count(*) FILTER (WHERE is_valid) AS valid_patents,
        count(*) FILTER (WHERE year(application_date) = year(getvariable('as_of')) - 1) AS applied_last_year,
        count(*) FILTER (WHERE year(application_date) = year(getvariable('as_of'))) AS applied_ytd,
        arg_max(
            struct_pack(department := 'ip', table_name := 'patent', file_id := _file_id, row_no := _row_no, valid_at := application_date, received_at := _received_at),
            (application_date, _received_at, _file_id, _row_no)
        ) AS patent_evidence
    FROM patent_state
    GROUP BY enterprise_id
), mark AS (
    SELECT s.enterprise_id, t.*
    FROM raw.ip_trademark t
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND t._received_at <= getvariable('known_at')
        AND t.registered_date <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, t.registration_no, t.nice_class
        ORDER BY t._received_at DESC, t._file_id DESC, t._row_no DESC
    ) = 1
), trademark AS (
    SELECT
        enterprise_id,
        count(DISTINCT registration_no) FILTER (WHERE coalesce(valid_to_date >= getvariable('as_of'), TRUE)) AS marks,
        arg_max(
            struct_pack(department := 'ip', table_name := 'trademark', file_id := _file_id, row_no := _row_no, valid_at := registered_date, received_at := _received_at),
            (registered_date, _received_at, _file_id, _row_no)
        ) AS trademark_evidence
    FROM mark
    WHERE _op <> 'D'
    GROUP BY enterprise_id
), pledge_row AS (
    SELECT s.enterprise_id, p.*
    FROM raw.ip_pledge p
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND p._received_at <= getvariable('known_at')
        AND p.pledged_date <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, p.registration_no
        ORDER BY p._received_at DESC, p._file_id DESC, p._row_no DESC
    ) = 1
), pledge AS (
    SELECT
        enterprise_id,
        sum(amount_yuan) FILTER (WHERE year(pledged_date) = year(getvariable('as_of')) - 1) AS last_year,
        arg_max(
            struct_pack(department := 'ip', table_name := 'pledge', file_id := _file_id, row_no := _row_no, valid_at := pledged_date, received_at := _received_at),
            (pledged_date, _received_at, _file_id, _row_no)
        ) AS pledge_evidence
    FROM pledge_row
    WHERE _op <> 'D'
    GROUP BY enterprise_id
)
SELECT
    enterprise_id,
    patent.inventions AS patents_invention,
    patent.granted_last_year AS patents_invention_granted_last_year,
    patent.granted_last_3_years AS patents_invention_granted_last_3_years,
    coalesce(patent.valid_patents, 0) + coalesce(trademark.marks, 0) AS ip_count,
    patent.valid_patents AS patent_count,
    trademark.marks AS trademark_count,
    patent.applied_last_year AS patent_applications_last_year,
    patent.applied_ytd AS patent_applications_ytd,
    coalesce(patent.patent_evidence, trademark.trademark_evidence) AS patent_evidence,
    trademark.trademark_evidence,
    CAST(pledge.last_year AS DECIMAL(18, 2)) AS ip_pledge_yuan_last_year,
    pledge.pledge_evidence
FROM patent
FULL JOIN trademark USING (enterprise_id)
FULL JOIN pledge USING (enterprise_id)
ORDER BY enterprise_id
