-- 好差评：每条评价归到办件、企业与事项。
SELECT
    f.case_no,
    f.given_at,
    f.rating,
    f.reason,
    s.enterprise_id,
    coalesce(c.item_id, '-') AS item_id,
    coalesce(e.area, '000000') AS area,
    getvariable('build_id') AS build_id,
    getvariable('rules_as_of') AS rules_as_of,
    getvariable('as_of') AS as_of,
    getvariable('known_at') AS known_at
FROM (
    SELECT DISTINCT case_no, given_at, rating, reason FROM raw.apply_feedback WHERE _received_at <= getvariable('known_at')
) AS f
LEFT JOIN (
    SELECT case_no, lower(trim(max(item_id))) AS item_id, max(_subject_id) AS _subject_id
    FROM raw.apply_case
    WHERE _received_at <= getvariable('known_at')
    GROUP BY case_no
) AS c USING (case_no)
LEFT JOIN registry.subject AS s ON s._subject_id = c._subject_id
LEFT JOIN mart.dim_enterprise AS e ON e.enterprise_id = s.enterprise_id
ORDER BY f.given_at, f.case_no, f.rating, f.reason
