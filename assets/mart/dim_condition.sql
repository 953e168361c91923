-- 条件维：每个事项每个版本的每个条件，附是否现行、是否与数值比较（门槛）。
SELECT
    c.item_id,
    c.version,
    c.condition_id,
    c.text,
    c.expr,
    c.on_unknown,
    c.outside,
    regexp_matches(c.expr, '[<>]') AS is_numeric,
    i.is_current,
    i.is_latest
FROM policy.condition AS c
INNER JOIN mart.dim_item AS i ON i.item_id = c.item_id AND i.version = c.version
ORDER BY item_id, version, condition_id
