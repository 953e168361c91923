-- 企业维：统计截止日的注册地、行业、规模、登记状态；区划归到市县（area）。
SELECT
    e.enterprise_id,
    e.uscc,
    e.name,
    e.registered_region AS region,
    coalesce(r.area, '000000') AS area,
    coalesce(r.area_name, '省外或未知') AS area_name,
    e.industry,
    coalesce(e.industry_section, '?') AS section,
    coalesce(s.name, '未知') AS section_name,
    coalesce(e.enterprise_size, '未定') AS size,
    e.enterprise_type,
    CASE
        WHEN e.is_foreign_invested THEN '外资'
        WHEN e.enterprise_type LIKE '国有%' THEN '国有'
        WHEN e.enterprise_type IS NULL OR e.enterprise_type = '其他' THEN '未定'
        ELSE '民营'
    END AS ownership,
    e.business_status,
    e.in_business,
    e.established_date
FROM profile.enterprise AS e
LEFT JOIN mart.dim_region AS r ON r.code = e.registered_region
LEFT JOIN mart.dim_industry AS s ON s.code = e.industry_section
ORDER BY enterprise_id
