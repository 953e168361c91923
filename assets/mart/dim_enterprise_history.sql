-- 企业历史维：名称、注册地、登记状态各自的有效区间（左闭右开）；valid_from 空为自有记录以来，valid_to 空为至今。
WITH change AS (
    SELECT
        enterprise_id,
        CASE kind WHEN 'renamed' THEN 'name' WHEN 'moved' THEN 'region' ELSE 'status' END AS attribute,
        day,
        before,
        after,
        row_number() OVER same AS place,
        lead(day) OVER same AS next_day
    FROM profile.event
    WHERE kind IN ('renamed', 'moved', 'status') AND day <= getvariable('as_of')
    WINDOW same AS (PARTITION BY enterprise_id, kind ORDER BY day, file_id, row_no)
),
held AS (
    SELECT enterprise_id, attribute, before AS value, CAST(NULL AS DATE) AS valid_from, day AS valid_to FROM change WHERE place = 1
    UNION ALL
    SELECT enterprise_id, attribute, after, day, next_day FROM change
    UNION ALL
    SELECT e.enterprise_id, a.attribute, a.value, NULL, NULL
    FROM mart.dim_enterprise AS e
    CROSS JOIN LATERAL (VALUES ('name', e.name), ('region', e.region), ('status', e.business_status)) AS a(attribute, value)
    LEFT JOIN (SELECT DISTINCT enterprise_id, attribute FROM change) AS c
        ON c.enterprise_id = e.enterprise_id AND c.attribute = a.attribute
    WHERE c.enterprise_id IS NULL
)
SELECT
    enterprise_id,
    attribute,
    CASE value WHEN 'active' THEN '存续' WHEN 'cancelled' THEN '注销' WHEN 'revoked' THEN '吊销' ELSE value END AS value,
    valid_from,
    valid_to
FROM held
ORDER BY enterprise_id, attribute, valid_from NULLS FIRST, valid_to NULLS LAST
