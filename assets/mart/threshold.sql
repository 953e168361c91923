-- 门槛：现行事项每个条件上只差这一条的企业（近失）与已符合的企业；只有与数值比较的条件才谈得上偏严一线。
WITH near AS (
    SELECT item_id, version, unnest(short_of) AS condition_id
    FROM match.pair
    WHERE near_miss
),
fits AS (
    SELECT item_id, version, CAST(sum(n) AS BIGINT) AS n
    FROM mart.fact_match
    WHERE verdict IN ('eligible', 'declarable')
    GROUP BY item_id, version
)
SELECT
    d.item_id,
    d.version,
    d.condition_id,
    d.text,
    d.is_numeric,
    count(n.condition_id) AS near_miss_count,
    coalesce(any_value(f.n), 0) AS eligible_count
FROM mart.dim_condition AS d
LEFT JOIN near AS n ON n.item_id = d.item_id AND n.version = d.version AND n.condition_id = d.condition_id
LEFT JOIN fits AS f ON f.item_id = d.item_id AND f.version = d.version
WHERE d.is_current
GROUP BY d.item_id, d.version, d.condition_id, d.text, d.is_numeric
ORDER BY item_id, version, condition_id
