-- 政策维：政策文件（文号）一行，附文件下的事项数与现行事项数；一份文件可有多个惠企事项，事项才是可申领的单位。
SELECT
    coalesce(nullif(trim(regexp_replace(basis, '\s*第[〇零一二三四五六七八九十百\d]+条.*$', '')), ''), '未写明') AS policy,
    min(issuer) AS issuer,
    min(level) AS level,
    count(DISTINCT item_id) AS items,
    count(DISTINCT item_id) FILTER (WHERE is_current) AS current_items,
    list_sort(list(DISTINCT item_id)) AS item_ids,
    min(valid_from) AS valid_from,
    max(valid_to) AS valid_to
FROM mart.dim_item
GROUP BY policy
ORDER BY policy
