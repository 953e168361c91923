-- 事项重叠：两个现行事项应享企业集合的交集、交并比与相互包含的程度（各不少于 5 户）。
WITH member AS (
    SELECT DISTINCT p.item_id, p.enterprise_id
    FROM match.pair AS p
    INNER JOIN mart.dim_item AS i ON i.item_id = p.item_id AND i.version = p.version
    WHERE i.is_current AND p.verdict IN ('eligible', 'declarable')
),
size AS (
    SELECT item_id, count(*) AS n FROM member GROUP BY item_id HAVING count(*) >= 5
),
shared AS (
    SELECT a.item_id, b.item_id AS other_id, count(*) AS n
    FROM member AS a
    INNER JOIN member AS b ON b.enterprise_id = a.enterprise_id AND b.item_id > a.item_id
    WHERE a.item_id IN (SELECT item_id FROM size) AND b.item_id IN (SELECT item_id FROM size)
    GROUP BY a.item_id, b.item_id
)
SELECT
    s.item_id,
    s.other_id,
    x.n AS item_n,
    y.n AS other_n,
    s.n AS shared_n,
    CAST(s.n / (x.n + y.n - s.n) AS DECIMAL(18, 6)) AS jaccard,
    CAST(s.n / x.n AS DECIMAL(18, 6)) AS item_inside_other,
    CAST(s.n / y.n AS DECIMAL(18, 6)) AS other_inside_item
FROM shared AS s
INNER JOIN size AS x ON x.item_id = s.item_id
INNER JOIN size AS y ON y.item_id = s.other_id
ORDER BY item_id, other_id
