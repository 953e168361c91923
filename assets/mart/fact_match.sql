-- 判定汇总：事项 × 判定 × 区划 × 行业 × 规模的户数与金额，含不符合者，覆盖全部企业。
SELECT
    t.item_id,
    t.version,
    t.verdict,
    t.region,
    coalesce(r.area, '000000') AS area,
    t.industry,
    t.size,
    t.n,
    t.amount_yuan
FROM match.total AS t
LEFT JOIN mart.dim_region AS r ON r.code = t.region
ORDER BY item_id, version, verdict, region, industry, size, n, amount_yuan
