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
    t.amount_yuan,
    getvariable('build_id') AS build_id,
    getvariable('rules_as_of') AS rules_as_of,
    getvariable('as_of') AS as_of,
    getvariable('known_at') AS known_at
FROM match.total AS t
LEFT JOIN mart.dim_region AS r ON r.code = t.region
ORDER BY t.item_id, t.version, t.verdict, t.region, t.industry, t.size, t.n, t.amount_yuan
