-- 诉求：12345 政企直通工单，归到企业与事项，含受理、转办、办结时间与满意度。
SELECT
    c.ticket_no,
    s.enterprise_id,
    coalesce(lower(trim(c.item_id)), '-') AS item_id,
    c.category,
    c.accepted_at,
    c.transferred_at,
    c.closed_at,
    c.satisfaction,
    coalesce(e.area, '000000') AS area,
    getvariable('build_id') AS build_id,
    getvariable('rules_as_of') AS rules_as_of,
    getvariable('as_of') AS as_of,
    getvariable('known_at') AS known_at
FROM (
    SELECT *
    FROM raw.hotline_call
    WHERE _received_at <= getvariable('known_at')
    QUALIFY row_number() OVER (
        PARTITION BY ticket_no
        ORDER BY closed_at DESC NULLS LAST, transferred_at DESC NULLS LAST, _received_at DESC, _file_id DESC, _row_no DESC
    ) = 1
) AS c
LEFT JOIN registry.subject AS s ON s._subject_id = c._subject_id
LEFT JOIN mart.dim_enterprise AS e ON e.enterprise_id = s.enterprise_id
ORDER BY c.ticket_no
