-- 好差评：每条评价归到办件、企业与事项。
SELECT
    f.case_no,
    f.given_at,
    f.rating,
    f.reason,
    a.enterprise_id,
    coalesce(a.item_id, '-') AS item_id
FROM (
    SELECT DISTINCT case_no, given_at, rating, reason FROM raw.apply_feedback WHERE _received_at <= getvariable('known_at')
) AS f
LEFT JOIN mart.application AS a USING (case_no)
ORDER BY given_at, case_no, rating, reason
